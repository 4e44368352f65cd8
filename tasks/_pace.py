"""A day hour by hour: what was sold against what the curve expects of the hours known."""

from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.robust import OUTLIER, robust_z
from tasks._curves import MILLION
from tasks._hours import hour_amounts, steady
from tasks._rows import at_least, instant, known
from tasks._windows import Window

# Hours that are needed before one of them can be called strange; and their spread, under which none is.
_LEAST_HOURS, _HOUR_SPREAD = 6, 0.1


def watched_hours(frames: Frames, ask: Ask, window: Window, curves: pl.DataFrame) -> pl.DataFrame:
    """Every ended hour of every shop, with its row where there is one.

    `state`: ok; joined where the feed counts on and a later hour's amount covers it too; late or missing. `steady_fen`: the
    amount without one giant order. `cumulative_fen`: known amounts since the opening.
    """
    stated = hour_amounts(frames, ask, window).collect()
    ended, stale = pl.col("hour").dt.offset_by("1h"), instant(ask.as_of - ask.params.stale_after)
    target = pl.lit(ask.params.gmv_target, dtype=pl.Int128)
    return (
        _grid(ask, window, curves)
        .join(stated, on=["shop", "hour"], how="left", maintain_order="left")
        .join(_joined(stated), on=["shop", "hour"], how="left", maintain_order="left")
        .with_columns(
            state=pl.when(pl.col("amount_fen").is_not_null()).then(pl.lit("ok"))
            .when(pl.col("joined")).then(pl.lit("joined"))
            .when(ended > stale).then(pl.lit("late"))
            .otherwise(pl.lit("missing")),
            expected_fen=(pl.col("parts").cast(pl.Int128) * target // MILLION).cast(pl.Int64),
            cumulative_fen=pl.col("amount_fen").fill_null(0).cum_sum().over("shop"),
        )
        .with_columns(steady_fen=steady(["shop"]))
        .with_columns(strange=_strangeness())
    )  # fmt: skip


def _grid(ask: Ask, window: Window, curves: pl.DataFrame) -> pl.DataFrame:
    """Shops x ended hours, each with its part of the shop's curve."""
    return curves.filter(pl.col("n") < window.hours()).with_columns(hour=instant(window.since) + pl.duration(hours="n"))


def _joined(stated: pl.DataFrame) -> pl.DataFrame:
    """Hours without an amount of their own that a later one covers."""
    wide = stated.filter(pl.col("covers") > 1, pl.col("amount_fen").is_not_null())
    back = wide.select("shop", "hour", back=pl.int_ranges(1, pl.col("covers"))).explode("back")
    return back.select("shop", hour=pl.col("hour") - pl.duration(hours="back"), joined=pl.lit(True)).unique(["shop", "hour"])


def _strangeness() -> pl.Expr:
    """How far an hour stands out among the shop's: robust z of the logarithm of sold / expected by the curve. Null where few are known.

    A twentieth of a mean hour is added to both, so that an hour that sold nothing is far below and not infinitely far.
    """
    sold = pl.when((pl.col("state") == "ok") & (pl.col("covers") == 1)).then(pl.col("steady_fen").clip(0))
    scaled = pl.when(sold.is_not_null()).then("parts") * (sold.sum().over("shop") / pl.when(sold.is_not_null()).then("parts").sum().over("shop"))
    mean = sold.mean().over("shop")
    little = mean / 20
    return pl.when((sold.count().over("shop") >= _LEAST_HOURS) & (mean > 0)).then(
        robust_z(((sold + little) / (scaled + little)).log(), ["shop"], _HOUR_SPREAD)
    )


def newest_hours(frames: Frames, ask: Ask) -> pl.DataFrame:
    """The newest hour of each shop with anything in it, those of the day before the opening too: whether its feed is alive."""
    amounts = pl.col("pay_amount_fen").is_not_null() | pl.col("pay_amount_so_far_fen").is_not_null()
    return known(frames, "hours", ask).filter(amounts).group_by("shop").agg(feed_hour=pl.col("hour").max()).collect()


def pace_of(hours: pl.DataFrame, shares: pl.DataFrame, newest: pl.DataFrame, ask: Ask, until: datetime) -> pl.DataFrame:
    """One row a shop: what was sold in the known hours, what was expected of them, and what is wrong with the feed.

    pace = actual / (target x part known). forecast: what is steady goes on by the curve and one giant order counts once, so
    forecast = steady / part known + (actual - steady). `broken`: the count since the opening has fallen from its height by more than `max_fall`.
    """
    counted = pl.col("state").is_in(("ok", "joined"))
    ok, state = pl.col("state") == "ok", pl.col("state")
    target = pl.lit(ask.params.gmv_target, dtype=pl.Int64)
    facts = (
        hours.group_by("shop", maintain_order=True)
        .agg(
            hours_ended=pl.len().cast(pl.Int64),
            hours_known=counted.sum().cast(pl.Int64),
            actual_fen=pl.col("amount_fen").sum(),
            steady=pl.col("steady_fen").sum(),
            height=pl.col("cumulative_fen").max(),
            parts=pl.col("parts").filter(counted).sum(),
            visitors=pl.col("visitors").filter(ok).sum(),
            pay_buyers=pl.col("pay_buyers").filter(ok).sum(),
            newest_hour=pl.col("hour").filter(ok).max(),
            late=pl.col("hour").filter(state == "late"),
            missing_hours=pl.col("hour").filter(state == "missing"),
            falls=pl.col("hour").filter(pl.col("falls")),
            giants=pl.col("hour").filter(pl.col("steady_fen") != pl.col("amount_fen")),
            last_strange=pl.col("strange").filter(ok).slice(-2),
        )
        .join(_spans(hours, shares), on="shop", how="left", maintain_order="left")
        .join(newest, on="shop", how="left", maintain_order="left")
    )
    expected, most = target.cast(pl.Int128) * pl.col("parts"), 1 - ask.params.max_fall
    return (
        facts.with_columns(target_fen=target, expected_fen=(expected // MILLION).cast(pl.Int64), campaigns=pl.col("campaigns").fill_null(0))
        .with_columns(
            pace=_ratio(pl.col("actual_fen") * 1.0 * MILLION, expected.cast(pl.Float64)),
            steady_pace=_ratio(pl.col("steady") * 1.0 * MILLION, expected.cast(pl.Float64)),
            forecast_fen=_forecast(pl.col("parts") / MILLION),
            forecast_low_fen=_forecast(pl.col("most")),
            forecast_high_fen=_forecast(pl.col("least")),
            conversion=_ratio(pl.col("pay_buyers"), pl.col("visitors")),
            stale=(pl.col("feed_hour").dt.offset_by("1h") <= instant(until - ask.params.stale_after)).fill_null(True),
            behind=~at_least(pl.col("steady").cast(pl.Int128) * MILLION, expected, ask.params.alarm_pace),
            broken=~at_least(pl.col("actual_fen").cast(pl.Int128), pl.col("height").clip(0).cast(pl.Int128), most),
        )
        .with_columns(strange=_alike_or_far())
    )


def _forecast(part: pl.Expr) -> pl.Expr:
    extra = pl.col("actual_fen") - pl.col("steady")
    return pl.when(part > 0).then((pl.col("steady") / part + extra).round(0).cast(pl.Int64))


def _alike_or_far() -> pl.Expr:
    """The newest hour's strangeness when it counts: two hours in a row on one side, or one twice as far as an outlier need be."""
    last, before = pl.col("last_strange").list.get(-1, null_on_oob=True), pl.col("last_strange").list.get(-2, null_on_oob=True)
    two = (before.abs() > OUTLIER).fill_null(False) & (before.sign() == last.sign()).fill_null(False)
    return pl.when((last.abs() > OUTLIER) & (two | (last.abs() > 2 * OUTLIER))).then(last)


def _spans(hours: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """The least and the most that the hours known now were of the day in the shop's past campaigns; null with fewer than two."""
    counted = hours.filter(pl.col("state").is_in(("ok", "joined"))).select("shop", "n")
    known_parts = shares.join(counted, on=["shop", "n"]).group_by("shop", "campaign").agg(pl.col("share").sort().sum())
    whole = shares.group_by("shop").agg(campaigns=pl.col("campaign").n_unique().cast(pl.Int64))
    several = pl.len() > 1
    span = known_parts.group_by("shop").agg(
        least=pl.when(several).then(pl.col("share").min()), most=pl.when(several).then(pl.col("share").max())
    )
    return whole.join(span, on="shop", how="left")


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)
