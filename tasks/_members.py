"""Members of a shop: level rules as people write them, the points ledger, and net amounts as of a moment."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Ask, Frames
from ecops.quantity import parse_money
from tasks._orders import buyer_is_known
from tasks._rows import instant, known

_LEVEL = re.compile(r"\s*(.*?\S)\s+([\d.]+)\s*元?\s*")
_YUAN = 100


def level_rules(text: str) -> list[tuple[str, int]]:
    """`普通会员 0, 银卡 1000` -> names with the fen from which they hold, the lowest first. Raises ValueError."""
    found = [_LEVEL.fullmatch(part) for part in re.split("[，,、]", text)]
    if not all(found):
        raise ValueError("must be names with the yuan from which they hold, such as: 普通会员 0, 银卡 1000")
    rules = [(match[1], parse_money(match[2])) for match in found]
    if rules[0][1] != 0 or any(one[1] >= other[1] for one, other in zip(rules, rules[1:], strict=False)):
        raise ValueError("must begin at 0 and rise from level to level")
    if len({name for name, _ in rules}) < len(rules):
        raise ValueError("has a level twice")
    return rules


def _written(text: str) -> str:
    level_rules(text)
    return text


Levels = Annotated[str, AfterValidator(_written)]


def level_of(amount: pl.Expr, rules: list[tuple[str, int]]) -> pl.Expr:
    """Place (1 for the lowest) of the highest level that an amount in fen reaches, null where the amount is unknown."""
    return pl.when(amount.is_not_null()).then(pl.sum_horizontal([(amount >= least).cast(pl.Int64) for _, least in rules]))


def paid_orders(frames: Frames, ask: Ask, moment: datetime) -> pl.LazyFrame:
    """Orders of known buyers paid by `moment` (not after as-of): `gross_fen` once paid, `net_fen` of what was refunded by then.

    An order closed after payment is worth nothing, whatever its refund says. A refund without a time counts as made. `undone_at`
    is when the refund or the closing happened, null where nobody knows.
    """
    then, refund = instant(moment), pl.col("refund_fen").fill_null(0)
    undone = (pl.col("refunded_at") <= then).fill_null(True)
    closed = (pl.col("status") == "closed").fill_null(False)
    gross = pl.col("paid_fen") + refund
    net = pl.when(undone & closed).then(pl.when(gross.is_not_null()).then(0)).when(undone).then(pl.col("paid_fen")).otherwise(gross)
    return (
        known(frames, "orders", ask)
        .filter(buyer_is_known(), (pl.col("paid_at") <= then).fill_null(False), (pl.col("created_at") <= then).fill_null(True))
        .select("shop", pl.col("buyer_id").str.strip_chars(), "order_id", "paid_at", undone_at="refunded_at", gross_fen=gross, net_fen=net)
    )


def members(orders: pl.LazyFrame, moment: datetime, window: timedelta, rules: list[tuple[str, int]], points_per_yuan: int) -> pl.LazyFrame:
    """One row a buyer of `orders` (as of `moment`): level and net amount of the window before it, points of all orders.

    `undone`: orders that are worth nothing any more; `place` counts levels from 1. An unknown amount makes all three unknown.
    """
    inside = pl.col("paid_at") > instant(moment - window)
    return (
        orders.group_by("shop", "buyer_id")
        .agg(
            amount_fen=_sum_of_known(pl.col("net_fen").filter(inside)),
            points=_sum_of_known(_points("net_fen", points_per_yuan)),
            orders=pl.len().cast(pl.Int64),
            undone=(pl.col("net_fen") == 0).sum().cast(pl.Int64),
        )
        .with_columns(place=level_of(pl.col("amount_fen"), rules))
        .with_columns(level=_name(pl.col("place"), rules))
        .select("shop", "buyer_id", "level", "amount_fen", "points", "orders", "undone", "place")
        .sort("shop", "buyer_id")
    )


def _sum_of_known(fen: pl.Expr) -> pl.Expr:
    return pl.when(fen.is_not_null().all()).then(fen.sum())


def _name(place: pl.Expr, rules: list[tuple[str, int]]) -> pl.Expr:
    return place.replace_strict(dict(enumerate((name for name, _ in rules), 1)), default=None, return_dtype=pl.String)


def moved(now: pl.DataFrame, before: pl.DataFrame, rules: list[tuple[str, int]]) -> pl.DataFrame:
    """Members whose level is another than `before`, both known, those who rose first; who had no order then was of the lowest."""
    there = before.select("shop", "buyer_id", was_place="place", there=pl.lit(True))
    was = pl.when(pl.col("there").is_null()).then(1).otherwise("was_place")
    rows = now.join(there, on=["shop", "buyer_id"], how="left").with_columns(was_place=was)
    return (
        rows.filter(pl.col("place") != pl.col("was_place"))
        .with_columns(up=pl.col("place") > pl.col("was_place"), was=_name(pl.col("was_place"), rules))
        .select("shop", "buyer_id", "was", "level", "up", "amount_fen", "points")
        .sort("shop", "up", "buyer_id", descending=[False, True, False])
    )


def level_sizes(now: pl.DataFrame, rules: list[tuple[str, int]]) -> pl.DataFrame:
    """One row a level that has members, the lowest first; members of unknown amount stand last, without a level."""
    least = pl.col("place").replace_strict(dict(enumerate((fen for _, fen in rules), 1)), default=None, return_dtype=pl.Int64)
    return (
        now.group_by("shop", "place", "level")
        .agg(members=pl.len().cast(pl.Int64), amount_fen=_sum_of_known(pl.col("amount_fen")), points=_sum_of_known(pl.col("points")))
        .sort("shop", "place", nulls_last=True)
        .select("shop", "level", "members", "amount_fen", "points", least_fen=least)
    )


def ledger(orders: pl.LazyFrame, points_per_yuan: int) -> pl.LazyFrame:
    """Entries of every buyer in order of time: `earned` at payment, `reversed` at the refund, with the balance after each.

    Points are counted on whole yuan of an order; a refund takes back what the order no longer earns, so that the balance is
    always the sum over the net amounts. Columns shop, buyer_id, order_id, at, entry, points, balance.
    """
    earned = orders.drop_nulls(["gross_fen", "net_fen"]).with_columns(
        gained=_points("gross_fen", points_per_yuan), lost=_points("net_fen", points_per_yuan) - _points("gross_fen", points_per_yuan)
    )
    key = ("shop", "buyer_id", "order_id")
    gains = earned.select(*key, at="paid_at", entry=pl.lit("earned"), points="gained", late=pl.lit(False))
    losses = earned.filter(pl.col("lost") != 0).select(*key, at="undone_at", entry=pl.lit("reversed"), points="lost", late=pl.col("undone_at").is_null())
    return (
        pl.concat([gains, losses])
        .sort("shop", "buyer_id", "late", "at", "order_id", "entry")
        .with_columns(balance=pl.col("points").cum_sum().over("shop", "buyer_id"))
        .drop("late")
    )


def _points(fen: str, points_per_yuan: int) -> pl.Expr:
    return pl.col(fen) // _YUAN * points_per_yuan
