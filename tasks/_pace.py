"""A day hour by hour: what was sold against what the curve expects of the hours known."""

from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import at_least, instant, known
from tasks._windows import HOUR, Window


_MILLION = 1_000_000


def watched_hours(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Every ended hour of every shop, with its row where there is one: state ok, late or missing."""
    ended = pl.col("hour").dt.offset_by("1h")
    stale = instant(ask.as_of - ask.params.stale_after)
    blank = pl.col("pay_amount_fen").is_null()
    return (
        _grid(ask, window)
        .join(_hour_rows(frames, ask), on=["shop", "hour"], how="left", maintain_order="left")
        .with_columns(
            state=pl.when(~blank).then(pl.lit("ok")).when(ended > stale).then(pl.lit("late")).otherwise(pl.lit("missing")),
            expected_fen=pl.col("parts") * pl.lit(ask.params.gmv_target, dtype=pl.Int64) // _MILLION,
        )
        .collect()
    )


def _grid(ask: Ask, window: Window) -> pl.LazyFrame:
    """Shops x ended hours, each hour with its share of the curve in millionths."""
    curve = [int(share * _MILLION) for share in ask.params.curve]
    parts = [now - before for before, now in zip([0, *curve], curve, strict=False)][: window.hours()]
    starts = [window.since + n * HOUR for n in range(len(parts))]
    hours = pl.LazyFrame({"n": range(len(parts)), "parts": parts}, schema={"n": pl.Int64, "parts": pl.Int64})
    shops = pl.LazyFrame({"shop": ask.shops}, schema={"shop": pl.String})
    start = instant(starts[0] if starts else window.since)
    return shops.join(hours, how="cross", maintain_order="left_right").with_columns(hour=start + pl.duration(hours="n"))


def _hour_rows(frames: Frames, ask: Ask) -> pl.LazyFrame:
    return known(frames, "hours", ask).select("shop", "hour", "visitors", "pay_buyers", "pay_amount_fen")


def pace_of(hours: pl.DataFrame, ask: Ask, until: datetime) -> pl.DataFrame:
    """One row a shop: what was sold in the known hours, what was expected of them, and what is wrong with the feed."""
    ok, state = pl.col("state") == "ok", pl.col("state")
    target = pl.lit(ask.params.gmv_target, dtype=pl.Int64)
    return (
        hours.group_by("shop", maintain_order=True)
        .agg(
            hours_ended=pl.len().cast(pl.Int64),
            hours_known=ok.sum().cast(pl.Int64),
            actual_fen=pl.col("pay_amount_fen").sum(),
            parts=pl.col("parts").filter(ok).sum(),
            visitors=pl.col("visitors").filter(ok).sum(),
            pay_buyers=pl.col("pay_buyers").filter(ok).sum(),
            newest_hour=pl.col("hour").filter(ok).max(),
            late=pl.col("hour").filter(state == "late"),
            missing_hours=pl.col("hour").filter(state == "missing"),
            falls=pl.col("hour").filter(pl.col("pay_amount_fen") < 0),
        )
        .with_columns(target_fen=target, expected_fen=target * pl.col("parts") // _MILLION)
        .with_columns(
            pace=_ratio(pl.col("actual_fen") * _MILLION, target * pl.col("parts")),
            forecast_fen=_ratio(pl.col("actual_fen") * _MILLION, pl.col("parts")).round(0).cast(pl.Int64),
            conversion=_ratio(pl.col("pay_buyers"), pl.col("visitors")),
            stale=(pl.col("newest_hour").dt.offset_by("1h") <= instant(until - ask.params.stale_after)).fill_null(True),
            behind=~at_least(pl.col("actual_fen") * _MILLION, target * pl.col("parts"), ask.params.alarm_pace),
        )
    )


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)
