"""How much of its stock an item sold, and why that cannot be said of some items."""

from collections.abc import Iterable
from typing import Literal

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import at_least, known
from tasks._windows import DayWindow, today


def sell_through(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """One row an item that is on sale or has stock: sales, stock, age, and the first `reason` that stands against it."""
    return (
        _catalogue(frames, ask)
        .join(_stock_in(frames, ask, window), on=["shop", "item_id"], how="full", coalesce=True)
        .filter(pl.col("on_sale").fill_null(True))
        .join(sales_in(frames, ask, window), on=["shop", "item_id"], how="left")
        .with_columns(reported_days=pl.col("reported_days").fill_null(0), since=pl.coalesce("listed_on", "seen_on"))
        .with_columns(units_sold=pl.when(pl.col("reported_days") == 0).then(0).otherwise(pl.col("units_sold")))
        .with_columns(available_units=pl.col("opening_units") + pl.col("received_units"))
        .with_columns(sell_through=pl.when(pl.col("available_units") > 0).then(pl.col("units_sold") / pl.col("available_units")))
        .with_columns(reason=_why_not(ask))
        .collect()
    )


def _catalogue(frames: Frames, ask: Ask) -> pl.LazyFrame:
    return known(frames, "items", ask).select("shop", "item_id", "title", "listed_on", "on_sale", "campaign_booked")


def sales_in(frames: Frames, ask: Ask, window: DayWindow) -> pl.LazyFrame:
    """Of the reports that know an item: units sold in the window, null where a report of it has no units; its days there (an item has one
    row a day); `seen_on`, the first day any report knows it (its age where the catalogue does not say); `last_sold_on`.

    One pass over the reports, plain aggregates: the window is told inside, because the first and the last day need them all.
    """
    inside = pl.col("date").is_between(window.first, window.last)
    blank = (inside & pl.col("pay_units").is_null()).any()
    return (
        known(frames, "item_days", ask)
        .group_by("shop", "item_id")
        .agg(
            units_sold=pl.when(~blank).then(pl.when(inside).then("pay_units").sum()),
            reported_days=inside.sum().cast(pl.Int64),
            seen_on=pl.col("date").min(),
            last_sold_on=pl.when(pl.col("pay_units") > 0).then("date").max(),
        )
    )


def _stock_in(frames: Frames, ask: Ask, window: DayWindow) -> pl.LazyFrame:
    """Opening stock and receipts an item; null where they were not counted."""
    inside = pl.col("date") >= window.first
    blank = pl.col("received_units").is_null() & inside
    early = inside & (pl.col("date") <= window.first + ask.params.opening_within)
    return (
        known(frames, "stock", ask)
        .filter(pl.col("date").is_between(window.first - ask.params.opening_within, window.last))
        .group_by("shop", "item_id")
        .agg(
            opening_units=pl.coalesce(_value_at("opening_units", early, "min"), _value_at("closing_units", ~inside, "max")),
            received_units=pl.when(~blank.any()).then(pl.when(inside).then("received_units").sum()),
            stock_days=inside.sum().cast(pl.Int64),
        )
    )


def _value_at(column: str, where: pl.Expr, end: Literal["min", "max"]) -> pl.Expr:
    """The column on the first or last of the days `where` holds (a day has one row an item); plain aggregates, which go in one pass."""
    days = pl.when(where).then("date")
    there = pl.col(column).min_by(days) if end == "min" else pl.col(column).max_by(days)
    return pl.when(days.count() > 0).then(there)


def report_days(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Distinct days of reports a shop, and whether it has stock rows at all."""
    inside = pl.col("date").is_between(window.first, window.last)
    days = known(frames, "item_days", ask).filter(inside).group_by("shop").agg(days=pl.col("date").n_unique().cast(pl.Int64))
    stock = known(frames, "stock", ask).filter(pl.col("date") <= window.last).group_by("shop").agg(stock_rows=pl.len().cast(pl.Int64))
    return days.join(stock, on="shop", how="full", coalesce=True).collect()


def _why_not(ask: Ask) -> pl.Expr:
    """The reason why an item is not judged by its sell-through; null when it is."""
    young = pl.col("since") > today(ask) - ask.params.grace
    return (
        pl.when(young).then(pl.format("new: since {}", pl.col("since")))
        .when(pl.col("campaign_booked").fill_null(False)).then(pl.lit("booked for a campaign"))
        .when(pl.col("since").is_null()).then(pl.lit("age unknown"))
        .when(pl.col("opening_units").is_null()).then(pl.lit("opening stock unknown"))
        .when(pl.col("received_units").is_null()).then(pl.lit("receipts unknown"))
        .when(pl.min_horizontal("opening_units", "received_units") < 0).then(pl.lit("negative stock"))
        .when(pl.col("available_units") == 0).then(pl.lit("stock 0"))
        .when(pl.col("units_sold").is_null()).then(pl.lit("units sold unknown"))
        .when(pl.col("units_sold") < 0).then(pl.lit("negative units sold"))
        .when(pl.col("units_sold") > pl.col("available_units")).then(pl.lit("more units sold than there were"))
    )  # fmt: skip


def fate_of(ask: Ask) -> pl.Expr:
    """Where a row of `sell_through` belongs: excluded, flagged, unknown_items, kept, or items (the candidates)."""
    excluded = pl.col("reason").str.starts_with("new") | pl.col("reason").str.starts_with("booked")
    enough = at_least(pl.col("units_sold"), pl.col("available_units"), ask.params.max_sell_through)
    return (
        pl.when(excluded).then(pl.lit("excluded"))
        .when(pl.col("reason").str.starts_with("more")).then(pl.lit("flagged"))
        .when(pl.col("reason").is_not_null()).then(pl.lit("unknown_items"))
        .when(enough).then(pl.lit("kept"))
        .otherwise(pl.lit("items"))
    )  # fmt: skip


_CULLED = (
    "shop", "item_id", "title", "units_sold", "opening_units", "received_units", "available_units", "sell_through",
    "reported_days", "stock_days", "listed_on", "campaign_booked",
)  # fmt: skip


CULL_LISTS = {
    "items": _CULLED,
    "unknown_items": ("shop", "item_id", "title", "reason"),
    "excluded": ("shop", "item_id", "title", "reason", "listed_on", "sell_through"),
    "flagged": (*_CULLED, "reason"),
}


def fate_counts(fate: pl.DataFrame, names: Iterable[str] = ("items", "kept", "unknown_items", "excluded", "flagged")) -> pl.DataFrame:
    """How many rows of each fate a shop has."""
    return fate.group_by("shop").agg((pl.col("fate") == name).sum().cast(pl.Int64).alias(name) for name in names)
