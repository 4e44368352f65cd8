"""The class of an item: by its price among the others, then by its margin."""

from decimal import Decimal

import polars as pl

from ecops.automation import Ask, Frames
from tasks._floors import why_no_floor
from tasks._rows import at_least, known
from tasks._windows import DayWindow, days_before


CLASSES = ("traffic", "profit", "image", "none")


UNDER_COST = "sold under cost"


def classed(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Every item on sale with margin, class and sales; `reason` where it has no class."""
    sales = _amounts_in(frames, ask, days_before(ask, ask.params.window))
    order = pl.col("goods_class").replace_strict({name: n for n, name in enumerate(CLASSES)}, return_dtype=pl.Int8, default=None)
    return (
        known(frames, "items", ask)
        .filter(pl.col("on_sale").fill_null(True))
        .select("shop", "item_id", "title", "price_fen", "cost_fen", reason=_why_no_class())
        .with_columns(_banded(ask))
        .with_columns(margin=(pl.col("price_fen") - pl.col("cost_fen")) / pl.col("price_fen"))
        .join(sales, on=["shop", "item_id"], how="left")
        .select("shop", "item_id", "title", "goods_class", "also_profit", "price_fen", "cost_fen", "margin", "pay_amount_fen", "reason")
        .sort("shop", order, pl.col("price_fen"), "item_id", nulls_last=True)
        .collect()
    )


def _why_no_class() -> pl.Expr:
    return pl.coalesce(why_no_floor(), pl.when(pl.col("cost_fen") > pl.col("price_fen")).then(pl.lit(UNDER_COST)))


def _banded(ask: Ask) -> list[pl.Expr]:
    """`goods_class` and `also_profit` of the items that have price and cost."""
    params, sure, price = ask.params, pl.col("reason").is_null(), pl.col("price_fen")
    earns = at_least(price - pl.col("cost_fen"), price, params.profit_margin)
    traffic = price <= params.traffic_price if params.traffic_price is not None else _within(params.traffic_share, descending=False)
    image = price >= params.image_price if params.image_price is not None else _within(params.image_share, descending=True)
    named = (
        pl.when(image).then(pl.lit("image"))
        .when(traffic).then(pl.lit("traffic"))
        .when(earns).then(pl.lit("profit"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    return [pl.when(sure).then(named).alias("goods_class"), pl.when(sure).then(earns & (image | traffic)).alias("also_profit")]


def _within(share: Decimal, *, descending: bool) -> pl.Expr:
    """Whether all items up to this price (down to it, when descending) are at most a share of the shop's items that have one."""
    sure = pl.col("reason").is_null()
    place = pl.when(sure).then("price_fen").rank("max", descending=descending).over("shop").cast(pl.Int64)
    numerator, denominator = share.as_integer_ratio()
    return place * denominator <= sure.sum().over("shop").cast(pl.Int64) * numerator


def _amounts_in(frames: Frames, ask: Ask, window: DayWindow) -> pl.LazyFrame:
    inside = pl.col("date").is_between(window.first, window.last)
    rows = known(frames, "item_days", ask).filter(inside, pl.col("pay_amount_fen").is_not_null())
    return rows.group_by("shop", "item_id").agg(pl.col("pay_amount_fen").sum())


def class_shares(items: pl.DataFrame) -> pl.DataFrame:
    """Items and sales of each class; `amount_share` is null where no report names a sale."""
    sums = items.group_by("shop", "goods_class").agg(items=pl.len().cast(pl.Int64), pay_amount_fen=pl.col("pay_amount_fen").sum())
    every = sums.select("shop").unique().join(pl.DataFrame({"goods_class": CLASSES}), how="cross")
    total = pl.col("pay_amount_fen").sum().over("shop")
    return (
        every.join(sums, on=["shop", "goods_class"], how="left")
        .with_columns(pl.col("items", "pay_amount_fen").fill_null(0))
        .with_columns(share=pl.col("items") / pl.col("items").sum().over("shop"))
        .with_columns(amount_share=pl.when(total > 0).then(pl.col("pay_amount_fen") / total))
        .select("shop", "goods_class", "items", "share", "pay_amount_fen", "amount_share")
        .sort("shop", pl.col("goods_class").replace_strict({name: n for n, name in enumerate(CLASSES)}, return_dtype=pl.Int8))
    )


def class_facts(rows: pl.DataFrame) -> pl.DataFrame:
    """Items a shop by class, those that have none, and those sold under cost."""
    under_cost = (pl.col("reason") == UNDER_COST).fill_null(False)
    return rows.group_by("shop").agg(
        pl.len().cast(pl.Int64).alias("on_sale"),
        (pl.col("reason").is_not_null() & ~under_cost).sum().cast(pl.Int64).alias("unsure"),
        under_cost.sum().cast(pl.Int64).alias("flagged"),
        *((pl.col("goods_class") == name).sum().cast(pl.Int64).alias(name) for name in CLASSES),
    )
