"""How fast stock turns: levels, cover, and what raises an alert."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.turnover import days_of_cover, days_of_turnover, turns
from tasks._rows import known
from tasks._sell_through import sales_in
from tasks._windows import DayWindow, today


ALERTS = ("stock_out", "low", "no_sales", "slow")


def turned(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """One row an item that is on sale or has stock, with its figures; `alert`, or the `reason` why it has none."""
    order = pl.col("alert").replace_strict({name: n for n, name in enumerate(ALERTS)}, return_dtype=pl.Int8, default=None)
    least, most = pl.col("cover_days"), pl.col("stock_value_fen")
    return (
        known(frames, "items", ask).select("shop", "item_id", "title", "on_sale", "cost_fen")
        .join(_stock_levels(frames, ask, window), on=["shop", "item_id"], how="full", coalesce=True)
        .filter(pl.col("on_sale").fill_null(True) | (pl.col("stock_units") > 0))
        .join(sales_in(frames, ask, window), on=["shop", "item_id"], how="left")
        .join(_coming(frames, ask), on=["shop", "item_id"], how="left")
        .join(_newest_report(frames, ask, window), on="shop", how="left")
        .with_columns(units_sold=pl.when(pl.col("reported_days").fill_null(0) == 0).then(0).otherwise("units_sold"))
        .with_columns(selling_days=window.days - pl.col("empty_days").fill_null(0), coming_units=pl.col("coming_units").fill_null(0))
        .with_columns(reason=_why_no_turnover(), stock_value_fen=pl.col("stock_units") * pl.col("cost_fen"))
        .with_columns(
            turns=turns(pl.col("units_sold"), pl.col("average_stock")),
            cover_days=days_of_cover(pl.col("stock_units"), pl.col("units_sold"), pl.col("selling_days")),
            alert=pl.when(pl.col("reason").is_null()).then(_alert(ask)),
        )
        .with_columns(turn_days=days_of_turnover(pl.col("turns"), window.days))
        .sort("shop", order, least.round(6), most, "item_id", descending=[False, False, False, True, False], nulls_last=True)
        .collect()
    )  # fmt: skip


def _stock_levels(frames: Frames, ask: Ask, window: DayWindow) -> pl.LazyFrame:
    """Newest closing stock, its day, the mean of the days' levels, days without anything to sell, the latest receipt."""
    level = (pl.col("opening_units") + pl.col("closing_units")) / 2
    empty = (pl.col("opening_units") == 0) & (pl.col("received_units").fill_null(0) == 0) & (pl.col("closing_units") == 0)
    return (
        known(frames, "stock", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id")
        .agg(
            stock_units=pl.col("closing_units").max_by("date"),
            counted_on=pl.col("date").max(),
            average_stock=level.mean(),
            lowest=pl.min_horizontal("opening_units", "closing_units").min(),
            empty_days=empty.sum().cast(pl.Int64),
            last_received_on=pl.when(pl.col("received_units") > 0).then("date").max(),
        )
    )


def _newest_report(frames: Frames, ask: Ask, window: DayWindow) -> pl.LazyFrame:
    inside = pl.col("date").is_between(window.first, window.last)
    return known(frames, "item_days", ask).filter(inside).group_by("shop").agg(reported_on=pl.col("date").max())


def _coming(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Pieces ordered by today and not received yet."""
    rows = known(frames, "purchases", ask).filter(pl.col("ordered_on") <= today(ask))
    open_ones = rows.filter(pl.col("received_on").is_null() | (pl.col("received_on") > today(ask)))
    return open_ones.group_by("shop", "item_id").agg(coming_units=pl.col("units").sum())


def _why_no_turnover() -> pl.Expr:
    return (
        pl.when(pl.col("counted_on").is_null()).then(pl.lit("stock not counted in the window"))
        .when(pl.col("stock_units").is_null()).then(pl.lit("stock unknown"))
        .when(pl.col("lowest") < 0).then(pl.lit("negative stock"))
        .when(pl.col("counted_on") < pl.col("reported_on")).then(pl.format("stock of {} older than sales of {}", "counted_on", "reported_on"))
        .when(pl.col("units_sold").is_null()).then(pl.lit("units sold unknown"))
        .when(pl.col("units_sold") < 0).then(pl.lit("negative units sold"))
    )  # fmt: skip


def _alert(ask: Ask) -> pl.Expr:
    """Days of cover against the levels in whole numbers: exactly `low_cover` or `high_cover` days raise nothing."""
    stock, sold = pl.col("stock_units") * pl.col("selling_days"), pl.col("units_sold")
    return (
        pl.when((pl.col("stock_units") == 0) & (sold > 0)).then(pl.lit("stock_out"))
        .when((sold > 0) & (stock < ask.params.low_cover.days * sold)).then(pl.lit("low"))
        .when((sold == 0) & (pl.col("stock_units") > 0)).then(pl.lit("no_sales"))
        .when((sold > 0) & (stock > ask.params.high_cover.days * sold)).then(pl.lit("slow"))
    )  # fmt: skip


TURNED = (
    "shop", "item_id", "title", "alert", "stock_units", "units_sold", "selling_days", "cover_days", "average_stock", "turns", "turn_days",
    "coming_units", "counted_on", "last_sold_on", "last_received_on", "stock_value_fen",
)  # fmt: skip


def turnover_facts(rows: pl.DataFrame) -> pl.DataFrame:
    """Items a shop by alert, those that cannot be judged, and the sums of stock and sales."""
    sure = pl.col("reason").is_null()
    return rows.group_by("shop").agg(
        sure.sum().cast(pl.Int64).alias("sure"),
        (~sure).sum().cast(pl.Int64).alias("unsure"),
        pl.col("stock_units").filter(sure).sum().alias("stock_units"),
        pl.col("units_sold").filter(sure).sum().alias("units_sold"),
        *((pl.col("alert") == name).sum().cast(pl.Int64).alias(name) for name in ALERTS),
    )
