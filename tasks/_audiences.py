"""Whom to write to after a campaign: buyers of it, and customers who did not come."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import instant
from tasks._windows import Window


def campaign_people(frames: Frames, ask: Ask, window: Window) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row a known buyer: which audience, and the orders that say so. And one row a shop: its orders, and how many of them name their buyer."""
    inside = pl.col("at").is_between(instant(window.since), instant(window.until), closed="left")
    before = pl.col("at").is_between(instant(window.since - ask.params.lookback), instant(window.since), closed="left")
    bought = inside & pl.col("paid")
    columns = ("shop", "buyer_id", "paid", "paid_at", "created_at", "amount_fen", "refunded")
    orders = effective_orders(frames, ask).select(*columns, named=buyer_is_known())
    people = (
        orders.filter("named")
        .with_columns(at=pl.when(pl.col("paid")).then(pl.col("paid_at")).otherwise(pl.col("created_at")))
        .filter(inside | (before & pl.col("paid")))
        .group_by("shop", "buyer_id")
        .agg(
            orders=bought.sum().cast(pl.Int64),
            amount_fen=pl.when(bought).then("amount_fen").sum(),
            refunds=(inside & pl.col("refunded")).sum().cast(pl.Int64),
            last_paid_at=pl.when("paid").then("paid_at").max(),
        )
        .with_columns(audience=_audience())
        .sort("shop", "buyer_id")
    )
    return tuple(pl.collect_all([people, orders.group_by("shop").agg(orders=pl.len(), known=pl.col("named").sum())]))


def _audience() -> pl.Expr:
    return (
        pl.when(pl.col("refunds") > 0).then(pl.lit("suppressed"))
        .when(pl.col("orders") > 0).then(pl.lit("buyers"))
        .otherwise(pl.lit("non_buyers"))
    )  # fmt: skip


def audience_facts(orders: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """`orders` of `campaign_people` with the sizes of the audiences."""
    counts = [(pl.col("audience") == name).sum().alias(name) for name in ("buyers", "non_buyers", "suppressed")]
    return orders.join(people.group_by("shop").agg(counts), on="shop", how="left")


def audience_lists(people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The lists of the answer: sizes, and the people of each audience."""
    sizes = people.group_by("shop", "audience").agg(people=pl.len().cast(pl.Int64)).sort("shop", "audience")
    names = ("buyers", "non_buyers", "suppressed")
    return {"items": sizes} | {name: people.filter(pl.col("audience") == name).drop("audience") for name in names}
