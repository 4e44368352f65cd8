"""Orders paid and not shipped: how near their promise is, how old they are, and how fresh the feed that says so."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._orders import effective_orders
from tasks._promise import ship_deadline
from tasks._rows import has_happened, instant


def waiting_orders(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Every waiting order with `deadline`, `age_hours` and `state`, the oldest first.

    `state`: overdue past its deadline, soon within `ask.params.soon` of it, else open. Asks for `limit` and `soon`.
    """
    deadline = ship_deadline(ask.params.limit)
    now = instant(ask.as_of)
    state = (
        pl.when(deadline < now).then(pl.lit("overdue"))
        .when(deadline - ask.params.soon <= now).then(pl.lit("soon"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip
    return (
        effective_orders(frames, ask)
        .filter(pl.col("paid"), ~pl.col("sent"), ~pl.col("fully_refunded"))
        .select(
            "shop", "order_id", "paid_at",
            deadline=deadline,
            age_hours=((now - pl.col("paid_at")).dt.total_minutes() / 60).round(1),
            state=state,
            units="units",
            amount_fen="amount_fen",
            refunded="refunded",
        )
        .sort("shop", "paid_at", "order_id")
        .collect()
    )  # fmt: skip


def waiting_facts(frames: Frames, ask: Ask, waiting: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop, and the newest event its orders know."""
    events = [pl.when(has_happened(name, ask)).then(pl.col(name)) for name in ("created_at", "paid_at", "shipped_at")]
    orders = (
        effective_orders(frames, ask)
        .group_by("shop")
        .agg(orders=pl.len().cast(pl.Int64), newest_at=pl.max_horizontal(events).max())
        .collect()
    )
    states = [(pl.col("state") == name).sum().cast(pl.Int64).alias(name) for name in ("overdue", "soon", "open")]
    oldest = pl.col("age_hours").max().alias("oldest")
    return orders.join(waiting.group_by("shop").agg(*states, oldest), on="shop", how="left")
