"""Customers: who is new, who comes again, who spends much, who has gone quiet."""

from datetime import timedelta

import polars as pl

from ecops.automation import Answer, Ask, Fen, Frames, Params, automation
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import duration_text, has_happened, local_date
from tasks._verdicts import Lack, of_every_shop, verdicts
from tasks._windows import Days, today

SEGMENTS = ("new", "repeat_3", "high_value", "dormant")


class Segment(Params):
    """Where the segments begin. `repeat`: purchases of a returning customer; `high_value_aov`: yuan an order, beside
    `repeat` purchases; `dormant`: more days than this since the last purchase; `stale_after`: without a newer order the
    data is too old to call anybody dormant.
    """

    repeat: int = 3
    high_value_aov: Fen = 200_00
    dormant: Days = timedelta(days=90)
    stale_after: Days = timedelta(days=30)


@automation(
    "customers.segment",
    zh="用户分层",
    en="Segment the buyers of a shop",
    reads=("orders",),
    serves=("U1", "U9", "D9h", "D10s"),
    params=Segment,
)
def segment(frames: Frames, ask: Ask) -> Answer:
    """Segments of the known buyers as of an instant. A purchase is a main order paid and not fully refunded.

    new: one purchase, not dormant. repeat_3: at least `repeat` purchases. high_value: repeat_3 and at least
    `high_value_aov` an order on average. dormant: more than `dormant` days since the last one. They are flags: one buyer
    may be in repeat_3, high_value and dormant at once, so the sizes do not add up to the buyers. Orders that do not name
    their buyer are counted, and nobody is made of them.
    """
    buyers = _buyers(frames, ask)
    facts = of_every_shop(ask, _segment_facts(frames, ask, buyers)).with_columns(pl.exclude("shop", "newest_at").fill_null(0))
    return Answer(_segment_verdicts(facts, ask), {"items": _sizes(facts), "buyers": buyers})


def _buyers(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a known buyer with a purchase: how many, how much, how long ago, and the flags."""
    return (
        effective_orders(frames, ask)
        .filter(buyer_is_known(), pl.col("paid"), ~pl.col("fully_refunded"))
        .group_by("shop", pl.col("buyer_id").str.strip_chars())
        .agg(
            purchases=pl.len().cast(pl.Int64),
            amount_fen=pl.when(pl.col("amount_fen").is_not_null().all()).then(pl.col("amount_fen").sum()),
            last_paid_on=local_date("paid_at", ask).max(),
        )
        .with_columns(
            aov_fen=(pl.col("amount_fen") / pl.col("purchases")).round(0).cast(pl.Int64),
            days_since=(pl.lit(today(ask)) - pl.col("last_paid_on")).dt.total_days(),
        )
        .with_columns(**_flags(ask))
        .with_columns(new=pl.col("new") & ~pl.col("dormant"))
        .sort("shop", "buyer_id")
        .collect()
    )


def _flags(ask: Ask) -> dict[str, pl.Expr]:
    """An unknown amount makes nobody a high-value customer."""
    often = pl.col("purchases") >= ask.params.repeat
    rich = (pl.col("amount_fen") >= ask.params.high_value_aov * pl.col("purchases")).fill_null(False)
    return {
        "new": pl.col("purchases") == 1,
        "repeat_3": often,
        "high_value": often & rich,
        "dormant": pl.col("days_since") > ask.params.dormant.days,
    }


def _segment_facts(frames: Frames, ask: Ask, buyers: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: paid orders, those without a buyer or with unknown amount, buyers, and each segment."""
    paid = (
        effective_orders(frames, ask)
        .filter(pl.col("paid"))
        .group_by("shop")
        .agg(
            orders=pl.len().cast(pl.Int64),
            unnamed=(~buyer_is_known()).sum().cast(pl.Int64),
            newest_at=pl.col("paid_at").filter(has_happened("paid_at", ask)).max(),
        )
        .collect()
    )
    sizes = [pl.col(name).sum().cast(pl.Int64) for name in SEGMENTS]
    return paid.join(buyers.group_by("shop").agg(pl.len().cast(pl.Int64).alias("buyers"), *sizes), on="shop", how="left")


def _sizes(facts: pl.DataFrame) -> pl.DataFrame:
    """Size and share of every segment of every shop that knows a buyer, and the orders of unknown identity beside them."""
    known = facts.filter(pl.col("buyers") > 0)
    share = pl.when(pl.col("of") > 0).then(pl.col("size") / pl.col("of"))
    return (
        known.unpivot(list(SEGMENTS), index=["shop", "buyers", "unnamed"], variable_name="segment", value_name="size")
        .rename({"buyers": "of"})
        .select("shop", "segment", buyers="size", share=share, unknown_identity_orders="unnamed")
        .sort("shop", pl.col("segment").replace_strict({name: n for n, name in enumerate(SEGMENTS)}, return_dtype=pl.Int8))
    )


def _segment_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = (*(pl.col(name) for name in ("buyers", *SEGMENTS)), pl.col("unnamed"))
    age = pl.lit(today(ask)) - pl.col("newest_at").dt.convert_time_zone(ask.timezone.key).dt.date()
    stale = (age > ask.params.stale_after).fill_null(False)
    limit = duration_text(ask.params.stale_after)
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}位买家：新客{{}}，{ask.params.repeat}次以上{{}}，高价值{{}}，沉睡{{}}；{{}}单买家不明", *counts),
        en=pl.format("{} buyers: {} new, {} repeat, {} high value, {} dormant; {} orders of unknown identity", *counts),
        lacks=[
            Lack(pl.col("orders") == 0, "orders: none paid", "没有已付款订单"),
            Lack(
                (pl.col("orders") > 0) & (pl.col("unnamed") == pl.col("orders")),
                pl.format("orders.buyer_id: 0 of {} orders", pl.col("orders")),
                pl.format("{}单的买家全部不明", pl.col("orders")),
            ),
            Lack(
                stale,
                pl.format(f"orders: none paid within {limit} (newest {{}})", pl.col("newest_at").dt.date()),
                pl.format(f"{limit}内没有已付款订单（最近{{}}）", pl.col("newest_at").dt.date()),
            ),
        ],
    )
