"""Items that convert so badly that they should go, hits to derive from, and what of the hits sells."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower, wilson_upper
from ecops.formulae.pareto import smallest_set
from tasks._conversions import titled
from tasks._rows import inside, known, latest
from tasks._windows import DAY, DayWindow, Window, last_midnight, today

def item_rows(frames: Frames, ask: Ask, span: DayWindow) -> pl.LazyFrame:
    """The item reports of a span, read once."""
    rows = known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    return rows.select("shop", "item_id", "date", "title", "visitors", "pay_buyers", "pay_amount_fen").collect().lazy()


def hit_lists(frames: Frames, ask: Ask, span: DayWindow, rows: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """`items` to drop, `hits`, and the `skus` of the hits."""
    judged = _conversions(rows).collect()
    bad = judged.filter(pl.col("visitors") >= ask.params.min_visitors, pl.col("upper") < pl.col("shop_conversion") * float(ask.params.low))
    bad = bad.join(_spared(frames, ask), on=["shop", "item_id"], how="anti").sort("shop", "conversion", "item_id")
    carrying = smallest_set(judged.lazy(), "shop", "item_id", "gmv_fen", ask.params.hits).collect()
    hits = carrying.filter(pl.col("visitors") >= ask.params.min_visitors, pl.col("lower") >= pl.col("shop_conversion") / 2)
    bad, hits = (titled(rows, some) for some in (bad, hits))
    columns = ("shop", "item_id", "title", "visitors", "pay_buyers", "conversion", "shop_conversion")
    return {
        "items": bad.select(*columns, "upper", "gmv_fen"),
        "hits": hits.select(*columns, "lower", "gmv_fen", share=pl.col("gmv_fen") / pl.col("total")),
        "skus": _skus(frames, ask, span, hits),
    }


def hit_facts(rows: pl.LazyFrame, lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """One row a shop: days of reports, rows with a figure unknown, how many to drop (`bad`) and how many `hits`."""
    blank = pl.any_horizontal(pl.col("visitors", "pay_buyers", "pay_amount_fen").is_null()).sum()
    facts = rows.group_by("shop").agg(days=pl.col("date").n_unique(), blank=blank).collect()
    for name, some in (("bad", lists["items"]), ("hits", lists["hits"])):
        facts = facts.join(some.group_by("shop").agg(pl.len().alias(name)), on="shop", how="left")
    return facts


def _spared(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items left alone: new ones, those booked for a campaign, those off sale."""
    names = ("shop", "item_id", "listed_on", "on_sale", "campaign_booked")
    catalogue = known(frames, "items", ask).select(*names).unique(["shop", "item_id"], keep="any")
    kept = (pl.col("listed_on") > today(ask) - ask.params.grace) | pl.col("campaign_booked") | ~pl.col("on_sale")
    return catalogue.filter(kept.fill_null(False)).collect()


def _conversions(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row an item whose figures are known: sums, conversion with bounds, and the shop's conversion."""
    figures = ("visitors", "pay_buyers", "pay_amount_fen")
    items = rows.group_by("shop", "item_id").agg(
        *(pl.col(name).sum() for name in figures), *(pl.col(name).null_count().alias(f"no_{name}") for name in figures)
    )
    sure = items.filter(pl.sum_horizontal(f"no_{name}" for name in figures) == 0, pl.col("visitors") > 0, pl.col("pay_buyers") <= pl.col("visitors"))
    buyers, visitors = pl.col("pay_buyers"), pl.col("visitors")
    return sure.select(
        "shop",
        "item_id",
        "visitors",
        "pay_buyers",
        gmv_fen="pay_amount_fen",
        conversion=buyers / visitors,
        lower=wilson_lower(buyers, visitors),
        upper=wilson_upper(buyers, visitors),
        shop_conversion=buyers.sum().over("shop") / visitors.sum().over("shop"),
    )


def _skus(frames: Frames, ask: Ask, span: DayWindow, hits: pl.DataFrame) -> pl.DataFrame:
    midnight = last_midnight(ask)
    return (
        known(frames, "order_lines", ask)
        .filter(inside("paid_at", Window(midnight - (span.days * DAY), midnight)))
        .select("shop", "item_id", "sku_id", "sku", "paid_at", "units")
        .join(hits.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi")
        .filter(pl.col("sku_id").is_not_null() | pl.col("sku").is_not_null())
        .group_by("shop", "item_id", sku_id=pl.coalesce("sku_id", "sku"))
        .agg(sku=latest("sku", by="paid_at"), units=pl.col("units").sum())
        .with_columns(share=pl.col("units") / pl.col("units").sum().over("shop", "item_id"))
        .sort("shop", "item_id", "units", "sku_id", descending=[False, False, True, False])
        .collect()
    )
