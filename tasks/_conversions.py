"""Conversion of items over days: summed once, with its bounds, and why it cannot be said of some."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower
from tasks._rows import known, newest
from tasks._windows import days_before


def days_in_window(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The item reports of `ask.params.window`, the columns a conversion needs."""
    window = days_before(ask, ask.params.window)
    inside = pl.col("date").is_between(window.first, window.last)
    return known(frames, "item_days", ask).filter(inside).select("shop", "item_id", "date", "title", "visitors", "pay_buyers", "pay_units")


def item_conversions(rows: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """One row an item: sums over the rows with visitors, the basis, and the `reason` where nothing can be said.

    Plain sums and counts alone, so that polars aggregates all shops in one pass; an item has one row a day.
    """
    by_units = pl.col("without_buyers") > 0
    return (
        rows.filter(pl.col("visitors").is_not_null(), pl.col("item_id").is_not_null())
        .group_by("shop", "item_id")
        .agg(
            pl.col("visitors", "pay_buyers", "pay_units").sum(),
            without_buyers=pl.col("pay_buyers").null_count(),
            without_units=pl.col("pay_units").null_count(),
            days=pl.len().cast(pl.Int64),
        )
        .with_columns(
            buyers_or_units=pl.when(by_units).then("pay_units").otherwise("pay_buyers"),
            blank=pl.when(by_units).then("without_units").otherwise(0),
            basis=pl.when(by_units).then(pl.lit("units")).otherwise(pl.lit("buyers")),
        )
        .with_columns(reason=_why_no_conversion())
        .with_columns(
            conversion=pl.col("buyers_or_units") / pl.col("visitors"),
            lower_bound=wilson_lower(pl.col("buyers_or_units"), pl.col("visitors")),
            thin=pl.col("visitors") < ask.params.min_visitors,
        )
        .sort("shop", "conversion", "item_id", descending=[False, True, False])
    )


def titled(rows: pl.LazyFrame, items: pl.DataFrame) -> pl.DataFrame:
    """`items` with the newest title of each; only theirs are looked up, which is cheaper than every item's."""
    theirs = rows.join(items.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi")
    titles = theirs.group_by("shop", "item_id").agg(title=newest("title", by="date"))
    return items.lazy().join(titles, on=["shop", "item_id"], how="left", maintain_order="left").collect()


def _why_no_conversion() -> pl.Expr:
    return (
        pl.when(pl.col("visitors") <= 0).then(pl.lit("no visitors"))
        .when(pl.col("blank") > 0).then(pl.format("neither buyers nor units on {} days", pl.col("blank")))
        .when(pl.col("buyers_or_units") > pl.col("visitors")).then(pl.format("more {} than visitors", pl.col("basis")))
        .when(pl.col("buyers_or_units") < 0).then(pl.format("negative {}", pl.col("basis")))
    )


PICKED = ("shop", "item_id", "title", "visitors", "buyers_or_units", "conversion", "basis", "lower_bound", "thin", "days")


def pick_facts(rows: pl.LazyFrame, judged: pl.DataFrame, *lists: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: days of reports, items judged, selected (and thin among them), borderline, unknown."""
    facts = rows.group_by("shop").agg(days=pl.col("date").n_unique()).collect()
    thin = lists[0].group_by("shop").agg(thin=pl.col("thin").sum())
    for name, frame in zip(("judged", "selected", "borderline", "unknown"), (judged, *lists), strict=True):
        facts = facts.join(frame.group_by("shop").agg(pl.len().alias(name)), on="shop", how="left")
    return facts.join(thin, on="shop", how="left")
