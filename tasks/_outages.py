"""Stock-outs: from when to when nothing was left, and what would have been sold meanwhile."""

from dataclasses import dataclass

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import has_happened, instant, known, newest
from tasks._windows import DAY, DayWindow, Window

_KEYS = ["shop", "item_id"]
_MICRO = 1_000_000  # of a piece: sums of whole numbers do not depend on the order of rows


@dataclass(frozen=True)
class Outages:
    """`items`: one row an item that was out of stock in the window and is asked for at other times (OUTAGE columns), `cover`: days of
    stock and of item reports there are a shop."""

    items: pl.DataFrame
    cover: pl.DataFrame


def outages(frames: Frames, ask: Ask, window: Window, span: DayWindow, baseline: DayWindow, min_days: int) -> Outages:
    """The stock-outs of a window whose whole local days are `span`; what an item sells in stock is taken from `baseline` to the last day of `span`.

    A day that ends with nothing left was out from its last paid order line on, or all day when nothing was there or came. A day that
    begins empty and is supplied lost nothing, for when the delivery came is not known. Lost of a day = units a visitor buys on days in
    stock x visitors of the day x the share of the shop's visitors who came after that instant (hours); without visitors, units a day.
    """
    stock = known(frames, "stock", ask).filter(pl.col("date").is_between(baseline.first, span.last)).select(
        *_KEYS, "date", "opening_units", "received_units", "closing_units"
    )  # fmt: skip
    days = known(frames, "item_days", ask).filter(pl.col("date").is_between(baseline.first, span.last)).select(
        *_KEYS, "date", "title", "visitors", "pay_units", "pay_buyers", "pay_amount_fen"
    )  # fmt: skip
    inside = pl.col("date").is_between(span.first, span.last)
    empty = stock.filter(inside, pl.col("closing_units") == 0).drop("closing_units").collect()
    some = empty.lazy().select(_KEYS).unique()
    demand = _demand(days.join(some, on=_KEYS, how="semi"), stock.join(some, on=_KEYS, how="semi"), inside).collect()
    asked = demand.filter((pl.col("units") > 0) | (pl.col("sold_units") > 0))
    out = _out(frames, ask, window, empty.lazy().join(asked.lazy().select(_KEYS), on=_KEYS, how="semi"))
    lost = _lost(frames, ask, out.collect(), days.filter(inside).select(*_KEYS, "date", "visitors"), asked.lazy())
    cover = pl.concat([_cover(stock.filter(inside), "stock_days"), _cover(days.filter(inside), "report_days")], how="align_full").collect()
    return Outages(_judged(lost, asked, min_days), cover)


def _cover(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return rows.group_by("shop").agg(pl.col("date").n_unique().cast(pl.Int64).alias(name))


def _demand(days: pl.LazyFrame, stock: pl.LazyFrame, inside: pl.Expr) -> pl.LazyFrame:
    """Sums an item over its days that ended with stock (`units`, `visits`, `buyers`, `fen`, `days`), and `sold_units` of the window."""
    left = stock.filter(pl.col("closing_units") > 0, pl.col("opening_units") > 0).select(*_KEYS, "date", in_stock=pl.lit(True))
    full = pl.col("in_stock").fill_null(False)
    return (
        days.join(left, on=[*_KEYS, "date"], how="left")
        .group_by(_KEYS)
        .agg(
            title=newest("title", by="date"),
            units=pl.col("pay_units").filter(full).sum(),
            visits=pl.col("visitors").filter(full).sum(),
            buyers=pl.col("pay_buyers").filter(full).sum(),
            fen=pl.col("pay_amount_fen").filter(full).sum(),
            days=full.sum().cast(pl.Int64),
            sold_units=pl.col("pay_units").filter(inside).sum(),
        )
    )


def _out(frames: Frames, ask: Ask, window: Window, empty: pl.LazyFrame) -> pl.LazyFrame:
    """Each empty day with `out_from` (null: not known) and `out_until`, cut to the window."""
    last = (
        known(frames, "order_lines", ask)
        .filter(has_happened("paid_at", ask), pl.col("paid_at").is_between(instant(window.since - DAY), instant(window.until)))
        .select(*_KEYS, "paid_at", date=pl.col("paid_at").dt.convert_time_zone(ask.timezone.key).dt.date())
        .group_by(*_KEYS, "date")
        .agg(last_at=pl.col("paid_at").max())
    )
    midnight = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone(ask.timezone.key).dt.convert_time_zone("UTC")
    all_day = (pl.col("opening_units") == 0) & (pl.col("received_units") == 0)
    return (
        empty.join(last, on=[*_KEYS, "date"], how="left")
        .with_columns(begins=midnight, out_from=pl.when(all_day).then(midnight).otherwise("last_at"))
        .with_columns(out_until=pl.min_horizontal(midnight.dt.offset_by("24h"), instant(window.until)))
        .with_columns(out_from=pl.max_horizontal("out_from", pl.when(pl.col("out_from").is_not_null()).then(instant(window.since))))
        .filter((pl.col("out_from") < pl.col("out_until")) | pl.col("out_from").is_null())
        .select(*_KEYS, "date", "begins", "out_from", "out_until")
    )


def _lost(frames: Frames, ask: Ask, out: pl.DataFrame, reports: pl.LazyFrame, demand: pl.LazyFrame) -> pl.DataFrame:
    """Each empty day with `lost_micro` (millionths of a piece; null where it cannot be told) and `basis`."""
    dates = out.select("shop", "date").unique()
    hours = (
        known(frames, "hours", ask)
        .select("shop", "hour", hour_visitors="visitors", date=pl.col("hour").dt.convert_time_zone(ask.timezone.key).dt.date())
        .join(dates.lazy(), on=["shop", "date"], how="semi")
        .filter(pl.col("hour_visitors").is_not_null())
    )
    begin, end = pl.max_horizontal("hour", "out_from"), pl.min_horizontal(pl.col("hour").dt.offset_by("1h"), "out_until")
    seconds = (end - begin).dt.total_seconds().clip(0, 3600)
    after = (
        out.lazy().join(hours, on=["shop", "date"])
        .group_by(*_KEYS, "date")
        .agg(after=(seconds * pl.col("hour_visitors")).sum(), whole=3600 * pl.col("hour_visitors").sum(), hours=pl.col("hour").n_unique())
        .filter(pl.col("hours") == 24)
    )  # fmt: skip
    part = pl.when(pl.col("whole") > 0).then(pl.col("after") / pl.col("whole"))
    by_visitors = pl.col("visitors").is_not_null() & (pl.col("visits") > 0)
    whole_day = pl.when(by_visitors).then(pl.col("units") / pl.col("visits") * pl.col("visitors")).otherwise(pl.col("units") / pl.col("days"))
    return (
        out.lazy().join(after, on=[*_KEYS, "date"], how="left")
        .join(reports, on=[*_KEYS, "date"], how="left")
        .join(demand, on=_KEYS, how="left")
        .select(
            *_KEYS, "date", "out_from", "out_until",
            lost_micro=(whole_day * part * _MICRO).round(0).cast(pl.Int64, strict=False),
            basis=pl.when(by_visitors).then(pl.lit("visitors")).otherwise(pl.lit("days")),
            timeless=pl.col("out_from").is_null(), hourless=pl.col("out_from").is_not_null() & part.is_null(),
        )
        .collect()
    )  # fmt: skip


def _judged(lost: pl.DataFrame, demand: pl.DataFrame, min_days: int) -> pl.DataFrame:
    """One row an item; `reason` where what it lost cannot be told."""
    sums = lost.group_by(_KEYS).agg(
        out_from=pl.col("out_from").min(), out_until=pl.col("out_until").filter(pl.col("out_from").is_not_null()).max(),
        out_hours=((pl.col("out_until") - pl.col("out_from")).dt.total_seconds().sum() / 3600).round(2),
        micro=pl.col("lost_micro").sum(), timeless=pl.col("timeless").sum(), hourless=pl.col("hourless").sum(),
        basis=pl.when((pl.col("basis") == "visitors").all()).then(pl.lit("visitors")).otherwise(pl.lit("days")),
    )  # fmt: skip
    units = pl.col("micro") / _MICRO
    reason = (
        pl.when(pl.col("timeless") > 0).then(pl.format("stock-out time unknown on {} days", pl.col("timeless")))
        .when(pl.col("hourless") > 0).then(pl.format("hours: not complete on {} days", pl.col("hourless")))
        .when(pl.col("days") < min_days).then(pl.format("item_days: {} days in stock", pl.col("days")))
    )  # fmt: skip
    joined = sums.join(demand, on=_KEYS).with_columns(reason=reason)
    sure = pl.col("reason").is_null()
    return joined.select(
        *_KEYS, "title", "out_from", "out_until", "out_hours",
        lost_micro=pl.when(sure).then("micro"),
        lost_units=pl.when(sure).then(units.round(2)),
        lost_orders=pl.when(sure & (pl.col("buyers") > 0)).then((units * pl.col("buyers") / pl.col("units")).round(2)),
        lost_fen=pl.when(sure & (pl.col("units") > 0)).then((units * pl.col("fen") / pl.col("units")).round(0).cast(pl.Int64)),
        sold_units="sold_units", days_in_stock="days", basis="basis", reason="reason",
    )  # fmt: skip
