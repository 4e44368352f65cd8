"""The first-order coupon: whom it is for, and what it leaves together with every offer that runs while it is valid."""

from dataclasses import replace
from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.availability import EPOCH
from ecops.shop.kinds import ALL, KINDS
from tasks._orders import buyer_is_known, effective_orders
from tasks._reach import as_persons
from tasks._rows import known
from tasks.campaign import StackPrices, stack_prices


def prospects(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Ids seen in a consent, on a visit or in an order that was never paid, once each, with where."""
    unpaid = effective_orders(frames, ask).filter(~pl.col("paid"))
    sources = {"consent": known(frames, "consents", ask), "order": unpaid, "visit": known(frames, "behaviours", ask)}
    rows = [
        frame.filter(buyer_is_known()).select("shop", pl.col("buyer_id").str.strip_chars(), *(pl.lit(name == other).alias(other) for other in sources))
        for name, frame in sources.items()
    ]
    marks = [pl.when(name).then(pl.lit(name)) for name in sources]
    return (
        pl.concat(rows).group_by("shop", "buyer_id").agg(pl.col(name).any() for name in sources)
        .select("shop", "buyer_id", seen=pl.concat_str(marks, separator="、", ignore_nulls=True))
        .sort("shop", "buyer_id")
        .collect()
    )  # fmt: skip


def bought_before(frames: Frames, ask: Ask, candidates: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """The candidates whose person paid an order before, with the reason."""
    ids = pl.concat([candidates.select("shop", "buyer_id"), of.select("shop", "buyer_id")]).lazy()
    paid = effective_orders(frames, ask).filter(pl.col("paid"), buyer_is_known()).select("shop", pl.col("buyer_id").str.strip_chars(), "fully_refunded")
    history = paid.join(ids, on=["shop", "buyer_id"], how="semi").group_by("shop", "buyer_id").agg(kept=(~pl.col("fully_refunded")).any()).collect()
    of_person = as_persons(history, of).group_by("shop", "person").agg(pl.col("kept").any())
    rows = as_persons(candidates, of).join(of_person, on=["shop", "person"])
    rows = rows.filter("kept") if ask.params.refunded_is_first else rows
    reason = pl.when("kept").then(pl.lit("bought before")).otherwise(pl.lit("bought before and had it refunded"))
    return rows.select("shop", "buyer_id", reason=reason)


def with_coupon(frames: Frames, ask: Ask, send: datetime) -> dict[str, pl.DataFrame]:
    """The lists of `campaign.stack_prices` for the time the coupon is valid, the coupon among the offers."""
    params, until = ask.params, send + ask.params.valid
    offers = known(frames, "promotions", ask).filter(pl.col("promotion_id").ne_missing(params.coupon_id))
    stacked = dict(frames) | {"promotions": pl.concat([offers, _coupon(ask, send, until).lazy()])}
    sale = StackPrices(since=send.isoformat(), until=until.isoformat(), target_margin=params.target_margin, fees=params.fees, judge=params.judge)
    return dict(stack_prices.calculate(stacked, replace(ask, params=sale)).lists)


def _coupon(ask: Ask, send: datetime, until: datetime) -> pl.DataFrame:
    """The coupon, and the discount beside it, as offers of every asked shop on all items."""
    params = ask.params
    own = [{"promotion_kind": "coupon", "threshold_fen": params.least, "off_fen": params.off}]
    if params.discount is not None:
        own.append({"promotion_kind": "direct", "threshold_fen": 0, "off_rate": float(params.discount)})
    always = {"available_at": EPOCH, "item_id": ALL, "title": "首单券", "starts_at": send, "ends_at": until}
    rows = [
        {"shop": shop, "promotion_id": params.coupon_id + "%" * place} | always | offer for shop in ask.shops for place, offer in enumerate(own)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=KINDS["promotions"].schema)
