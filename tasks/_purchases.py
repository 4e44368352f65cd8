"""Purchases of known buyers, and whether the orders can say anything about buyers at all."""

from datetime import datetime, timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import at_least, duration_text, has_happened, instant, local_date
from tasks._verdicts import Lack
from tasks._windows import today


def purchases(frames: Frames, ask: Ask, since: datetime | None = None) -> pl.LazyFrame:
    """Orders that count as purchases: shop, buyer_id, paid_at, amount_fen (net of refunds; null: unknown) and `basket`.

    A purchase is a main order paid and not fully refunded as of then. Orders that a buyer made in the same second are one
    basket which the platform split, and one purchase: purchases are the distinct baskets of a buyer. `since`: only what was
    paid from then on.
    """
    return (
        effective_orders(frames, ask)
        .filter(buyer_is_known(), pl.col("paid"), ~pl.col("fully_refunded"))
        .filter(True if since is None else pl.col("paid_at") >= instant(since))
        .select(
            "shop", pl.col("buyer_id").str.strip_chars(), "paid_at", "amount_fen",
            basket=pl.coalesce("created_at", "paid_at").dt.epoch("s"),
        )
    )  # fmt: skip


def by_buyer(frames: Frames, ask: Ask, since: datetime | None = None) -> pl.LazyFrame:
    """One row a known buyer with purchases: how many, net amount (null when one is unknown), when and on which day the last was paid."""
    amount = pl.col("amount_fen")
    return (
        purchases(frames, ask, since)
        .group_by("shop", "buyer_id")
        .agg(
            purchases=pl.col("basket").n_unique().cast(pl.Int64),
            amount_fen=pl.when(amount.null_count() == 0).then(amount.sum()),
            last_paid_at=pl.col("paid_at").max(),
        )
        .with_columns(last_paid_on=local_date("last_paid_at", ask))
    )


def order_facts(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a shop: paid orders (`orders`), those that do not name their buyer (`unnamed`), first and newest payment."""
    paid_at = pl.col("paid_at").filter(has_happened("paid_at", ask))
    return (
        effective_orders(frames, ask)
        .filter(pl.col("paid"))
        .group_by("shop")
        .agg(
            orders=pl.len().cast(pl.Int64), unnamed=(~buyer_is_known()).sum().cast(pl.Int64), oldest_at=paid_at.min(), newest_at=paid_at.max(),
        )
        .collect()
    )  # fmt: skip


def order_lacks(ask: Ask, stale_after: timedelta) -> list[Lack]:
    """What orders lack to tell of buyers: there are none, all buyers are masked, or nothing newer than `stale_after`.

    Over the columns of `order_facts`, counts filled with 0.
    """
    newest, limit = local_date("newest_at", ask), duration_text(stale_after)
    stale = ((pl.lit(today(ask)) - newest) > stale_after).fill_null(False)
    return [
        Lack(pl.col("orders") == 0, "orders: none paid", "没有已付款订单"),
        Lack(
            (pl.col("orders") > 0) & (pl.col("unnamed") == pl.col("orders")),
            pl.format("orders.buyer_id: 0 of {} orders", pl.col("orders")),
            pl.format("{}单的买家全部不明", pl.col("orders")),
        ),
        Lack(stale, pl.format(f"orders: none paid within {limit} (newest {{}})", newest), pl.format(f"{limit}内没有已付款订单（最近{{}}）", newest)),
    ]


def history_lacks(ask: Ask, before: datetime, history: timedelta, max_masked) -> list[Lack]:
    """What orders lack to tell who never bought: too many masked buyers, or a history that begins less than `history` before."""
    orders, masked, first = pl.col("orders"), pl.col("unnamed"), local_date("oldest_at", ask)
    short = (orders > 0) & (pl.col("oldest_at") > instant(before - history)).fill_null(False)
    return [
        Lack(
            (orders > 0) & (masked < orders) & ~at_least(orders - masked, orders, 1 - max_masked),
            pl.format("orders.buyer_id: masked in {} of {} orders", masked, orders),
            pl.format("{}/{}单的买家ID被隐藏，无法判断谁买过", masked, orders),
        ),
        Lack(
            short,
            pl.format(f"orders: begin on {{}}, less than {history.days} days before", first),
            pl.format(f"订单从{{}}才开始，不足{history.days}天，无法区分新老客", first),
        ),
    ]

