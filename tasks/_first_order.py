"""The first-order coupon together with every offer that runs while it is valid."""

from dataclasses import replace
from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.availability import EPOCH
from ecops.shop.kinds import ALL, KINDS
from tasks._rows import known
from tasks.campaign import StackPrices, stack_prices


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
    rows = [
        {"shop": shop, "available_at": EPOCH, "promotion_id": params.coupon_id + "%" * place, "item_id": ALL, "title": "首单券", "starts_at": send, "ends_at": until} | offer
        for shop in ask.shops for place, offer in enumerate(own)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=KINDS["promotions"].schema)
