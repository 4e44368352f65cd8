"""Buyers of a span: new, returning, or masked, with what they paid."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import at_least, inside, instant
from tasks._sales import Sales
from tasks._windows import Window

GROUPS = {"new": "新客", "returning": "老客", "unknown": "身份不明"}


def payments(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Paid orders: shop, buyer_id (null: masked), paid_at, `once_fen` (before refunds), amount_fen (net), fully_refunded."""
    buyer = pl.when(buyer_is_known()).then(pl.col("buyer_id").str.strip_chars())
    once = pl.col("paid_fen") + pl.col("refund_fen").fill_null(0)
    return effective_orders(frames, ask).filter(pl.col("paid")).select("shop", "paid_at", "amount_fen", "fully_refunded", buyer_id=buyer, once_fen=once)


def _buyers_in(orders: pl.LazyFrame, window: Window) -> pl.LazyFrame:
    """The orders of a window (of `payments`) with their buyer's `group`: new when the first order known of the buyer lies inside it."""
    rows, buyer = orders.filter(inside("paid_at", window)), ["shop", "buyer_id"]
    # whoever paid before was here before: only buyers of the window are looked for, among the orders before it
    earlier = orders.filter(pl.col("paid_at") < instant(window.since)).select(buyer).join(rows.select(buyer), on=buyer, how="semi").unique()
    group = pl.when(pl.col("buyer_id").is_null()).then(pl.lit("unknown")).when(pl.col("returns")).then(pl.lit("returning")).otherwise(pl.lit("new"))
    return rows.join(earlier.with_columns(returns=pl.lit(True)), on=buyer, how="left").with_columns(group=group)


def customer_sales(orders: pl.LazyFrame, ask: Ask, window: Window) -> Sales:
    """New, returning and unknown buyers by what was paid (`payments`), before refunds."""
    rows = _buyers_in(orders, window).collect().lazy()  # read once, used twice
    masked = (pl.col("group") == "unknown").sum()
    blind = ~at_least(pl.len() - masked, pl.len(), 1 - ask.params.max_masked)
    cover = rows.group_by("shop").agg(covered=pl.lit(1), unknown=pl.col("once_fen").null_count() + pl.when(blind).then(masked).otherwise(0)).collect()
    groups = rows.group_by("shop", item_id="group").agg(gmv_fen=pl.col("once_fen").sum())
    return Sales(groups.with_columns(title=pl.col("item_id").replace_strict(GROUPS, return_dtype=pl.String)), cover, 1, "orders")


def buyer_groups(orders: pl.LazyFrame, window: Window) -> pl.DataFrame:
    """One row a group of the window's buyers: how many, their share of the known ones, orders and amounts (net; null where one is unknown)."""
    known_buyers = pl.col("buyer_id").drop_nulls().n_unique()
    return (
        _buyers_in(orders, window)
        .filter(~pl.col("fully_refunded"))
        .group_by("shop", "group")
        .agg(
            buyers=known_buyers.cast(pl.Int64),
            orders=pl.len().cast(pl.Int64),
            amount_fen=pl.when(pl.col("amount_fen").is_not_null().all()).then(pl.col("amount_fen").sum()),
        )
        .with_columns(buyers=pl.when(pl.col("group") != "unknown").then("buyers"), zh=pl.col("group").replace_strict(GROUPS, return_dtype=pl.String))
        .with_columns(
            share=pl.col("buyers") / pl.col("buyers").sum().over("shop"), aov_fen=(pl.col("amount_fen") / pl.col("orders")).round(0).cast(pl.Int64)
        )
        .select("shop", "group", "zh", "buyers", "share", "orders", "amount_fen", "aov_fen")
        .sort("shop", pl.col("group").replace_strict({name: n for n, name in enumerate(GROUPS)}, return_dtype=pl.Int8))
        .collect()
    )


def group_facts(orders: pl.LazyFrame, items: pl.DataFrame) -> pl.DataFrame:
    """One row a shop: the first payment known, new and returning buyers, orders and those of masked buyers."""
    facts = orders.group_by("shop").agg(first_at=pl.col("paid_at").min()).collect()
    counts = items.group_by("shop").agg(
        new=_of_group("new", "buyers"), returning=_of_group("returning", "buyers"), masked=_of_group("unknown", "orders"), orders=pl.col("orders").sum(),
    )  # fmt: skip
    return facts.join(counts, on="shop", how="left")


def _of_group(group: str, column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("group") == group).sum()
