"""Competitors' monthly sales as the quantity to order first."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rivals import monthly_counts, not_a_count
from tasks._rows import known
from tasks._windows import days_before, today

OWN_MONTH = timedelta(days=30)


def competitor_figures(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Competitor rows with `count` (units a month), `at_least` ("1000+") and the `reason` where a row does not count."""
    return (
        known(frames, "competitor_items", ask)
        .with_columns(**monthly_counts())
        .with_columns(reason=_why_ignored(ask))
        .sort("shop", "item_id", "competitor", "competitor_item_id", "month")
        .collect()
    )


def _why_ignored(ask: Ask) -> pl.Expr:
    ends = pl.col("month").dt.offset_by("1mo")
    oldest = pl.lit(today(ask)).dt.month_start().dt.offset_by(f"-{ask.params.max_months}mo")
    return (
        pl.when(pl.col("item_id").is_null()).then(pl.lit("not set against an item of ours"))
        .when(pl.col("month").is_null()).then(pl.lit("month unknown"))
        .when(ends > today(ask)).then(pl.lit("month not over"))
        .when(pl.col("month") < oldest).then(pl.lit("month too old"))
        .when(pl.col("count").is_null()).then(not_a_count())
    )  # fmt: skip


def stock_orders(figures: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row an item: the statistic as a fraction, the quantity, what it costs; `reason` where there is none."""
    return (
        figures.lazy()
        .filter(pl.col("item_id").is_not_null())
        .group_by("shop", "item_id")
        .agg(**_statistic(ask), reason=_first_reason())
        .join(_own_items(frames, ask), on=["shop", "item_id"], how="left")
        .join(_own_month(frames, ask), on=["shop", "item_id"], how="left")
        .with_columns(pack_assumed=pl.col("pack_size").is_null(), pack=pl.col("pack_size").fill_null(ask.params.default_pack))
        .with_columns(reason=pl.when(pl.col("pack") <= 0).then(pl.lit("pack size not positive")).otherwise("reason"))
        .with_columns(pack=pl.when(pl.col("pack") > 0).then("pack"))
        .with_columns(quantity=_rounded_up(ask), competitor_monthly=pl.col("top") / pl.col("of"))
        .with_columns(order_fen=pl.col("quantity") * pl.col("cost_fen"))
        .select(*_ORDERED, "reason")
        .sort("shop", "item_id")
        .collect()
    )


_ORDERED = (
    "shop", "item_id", "title", "month", "competitor_monthly", "competitors", "lower_bound", "pack", "pack_assumed",
    "quantity", "own_monthly", "cost_fen", "order_fen",
)  # fmt: skip


def _statistic(ask: Ask) -> dict[str, pl.Expr]:
    """The chosen statistic of the newest complete month's counts as the fraction `top` / `of`, so that nothing is rounded."""
    usable = pl.col("reason").is_null()
    newest = usable & (pl.col("month") == pl.col("month").filter(usable).max())
    counts = pl.col("count").filter(newest).sort()
    size = newest.sum().cast(pl.Int64)
    middle = counts.slice((size - 1) // 2, pl.when(size % 2 == 1).then(1).otherwise(2))
    chosen = {"max": counts.tail(1), "median": middle, "top3_mean": counts.tail(3)}[ask.params.statistic]
    return {
        "top": pl.when(size > 0).then(chosen.sum()),
        "of": pl.when(size > 0).then(chosen.len().cast(pl.Int64)),
        "month": pl.col("month").filter(newest).first(),
        "competitors": size,
        "lower_bound": pl.col("at_least").filter(newest).any(),
    }


def _first_reason() -> pl.Expr:
    """Why an item has no figure at all: the reason of its newest row."""
    reasons = pl.col("reason").sort_by("month", "reason", descending=[True, False])
    return pl.when(pl.col("reason").is_not_null().all()).then(reasons.first())


def _own_items(frames: Frames, ask: Ask) -> pl.LazyFrame:
    return known(frames, "items", ask).select("shop", "item_id", "title", "pack_size", "cost_fen")


def _own_month(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """`own_monthly`: pieces the shop itself sold of the item in the 30 days before, to hold the order against; unknown without a report."""
    month = days_before(ask, OWN_MONTH)
    recent = known(frames, "item_days", ask).filter(pl.col("date").is_between(month.first, month.last))
    return recent.group_by("shop", "item_id").agg(own_monthly=pl.when(pl.col("pay_units").is_not_null().all()).then(pl.col("pay_units").sum()))


def _rounded_up(ask: Ask) -> pl.Expr:
    numerator, denominator = ask.params.factor.as_integer_ratio()
    wanted, unit = pl.col("top") * numerator, pl.col("of") * denominator * pl.col("pack")
    return (wanted + unit - 1) // unit * pl.col("pack")


def order_facts(known_items: pl.DataFrame, unknown: pl.DataFrame, ignored: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: items to order, pieces and money of them, items without cost, lower bounds, unknown items, rows ignored."""
    totals = known_items.group_by("shop").agg(
        items=pl.len().cast(pl.Int64),
        units=pl.col("quantity").sum(),
        order_fen=pl.col("order_fen").sum(),
        uncosted=(pl.col("cost_fen").is_null() & (pl.col("quantity") > 0)).sum().cast(pl.Int64),
        bounds=pl.col("lower_bound").sum().cast(pl.Int64),
    )
    rest = unknown.group_by("shop").agg(unknown=pl.len().cast(pl.Int64))
    dropped = ignored.group_by("shop").agg(ignored=pl.len().cast(pl.Int64))
    return totals.join(rest, on="shop", how="full", coalesce=True).join(dropped, on="shop", how="full", coalesce=True)
