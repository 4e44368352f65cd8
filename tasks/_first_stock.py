"""Competitors' monthly sales as the quantity to order first."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rivals import monthly_counts, not_a_count
from tasks._rows import known
from tasks._windows import days_before, today

OWN_MONTH = timedelta(days=30)
_ITEM = ["shop", "item_id"]


def competitor_figures(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Competitor rows with `count` (units a month), `at_least` ("1000+") and the `reason` where a row does not count."""
    rows = known(frames, "competitor_items", ask).select("shop", "item_id", "competitor", "competitor_item_id", "month", "monthly_sales").collect().lazy()
    # few figures stand in many rows: each is read once
    counts = rows.select("monthly_sales").unique().with_columns(**monthly_counts())
    return rows.join(counts, on="monthly_sales", how="left", nulls_equal=True).with_columns(reason=_why_ignored(ask)).collect()


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
    compared = figures.lazy().filter(pl.col("item_id").is_not_null())
    return (
        compared.select(_ITEM).unique()
        .join(_statistics(compared, ask), on=_ITEM, how="left")
        .join(_first_reasons(compared), on=_ITEM, how="left")
        .with_columns(pl.col("competitors").fill_null(0), pl.col("lower_bound").fill_null(False))
        .join(_own_items(frames, ask), on=_ITEM, how="left")
        .join(_own_month(frames, ask), on=_ITEM, how="left")
        .with_columns(pack_assumed=pl.col("pack_size").is_null(), pack=pl.col("pack_size").fill_null(ask.params.default_pack))
        .with_columns(reason=pl.when(pl.col("pack") <= 0).then(pl.lit("pack size not positive")).otherwise("reason"))
        .with_columns(pack=pl.when(pl.col("pack") > 0).then("pack"))
        .with_columns(quantity=_rounded_up(ask), competitor_monthly=pl.col("top") / pl.col("of"))
        .with_columns(order_fen=pl.col("quantity") * pl.col("cost_fen"))
        .select(*_ORDERED, "reason")
        .sort("shop", "item_id")
        .collect()
    )  # fmt: skip


_ORDERED = (
    "shop", "item_id", "title", "month", "competitor_monthly", "competitors", "lower_bound", "pack", "pack_assumed",
    "quantity", "own_monthly", "cost_fen", "order_fen",
)  # fmt: skip


def _statistics(compared: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """The chosen statistic of the newest complete month's counts as the fraction `top` / `of`, so that nothing is rounded."""
    usable = compared.filter(pl.col("reason").is_null())
    months = usable.group_by(_ITEM).agg(month=pl.col("month").max())
    size, count = pl.len().cast(pl.Int64), pl.col("count")
    low, high = (count.quantile(0.5, end).cast(pl.Int64) for end in ("lower", "higher"))  # the middle two; one and the same of an odd number
    odd = size % 2 == 1
    top, of = {
        "max": (count.max(), pl.lit(1, pl.Int64)),
        "median": (pl.when(odd).then(low).otherwise(low + high), pl.when(odd).then(1).otherwise(2).cast(pl.Int64)),
        "top3_mean": (count.top_k(3).sum(), pl.min_horizontal(size, 3).cast(pl.Int64)),
    }[ask.params.statistic]
    newest = usable.join(months, on=[*_ITEM, "month"], how="semi")
    return newest.group_by(_ITEM).agg(top=top, of=of, month=pl.col("month").first(), competitors=size, lower_bound=pl.col("at_least").any())


def _first_reasons(compared: pl.LazyFrame) -> pl.LazyFrame:
    """Why an item has no figure at all: the reason of its newest row."""
    none = compared.join(compared.filter(pl.col("reason").is_null()), on=_ITEM, how="anti")
    reasons = pl.col("reason").sort_by("month", "reason", descending=[True, False])
    return none.group_by(_ITEM).agg(reason=reasons.first())


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
