"""What the offers of a sale leave of the prices, by hand: shared by the peers of two duties."""

from datetime import datetime

import polars as pl

from ecops.automation import Frames
from tests.bench._peers import C, NOW, SHOP_ITEM


def stacked(f: Frames, offers: pl.LazyFrame, since: datetime, until: datetime, fees: float) -> pl.LazyFrame:
    """The lowest price of each item on sale while offers of [since, until) run together, beside the floor with a margin of a fifth."""
    changes = f["price_changes"].filter(C("changed_at") > NOW, C("changed_at") < until, C("price_fen").is_not_null())
    early = C("changed_at") <= since
    changes = changes.filter(~early | (C("changed_at") == C("changed_at").filter(early).max().over(SHOP_ITEM)))
    planned = changes.group_by(SHOP_ITEM).agg(planned=C("price_fen").min())
    items = f["items"].filter(C("on_sale"), C("cost_fen") > 0).join(planned, on=SHOP_ITEM, how="left").select(
        *SHOP_ITEM, "title", "cost_fen", price=pl.coalesce("planned", "price_fen")
    )  # fmt: skip
    points = 10_000 - 2_000 - round(fees * 10_000)
    items = items.filter(C("price") > 0).with_columns(floor_fen=(C("cost_fen") * 10_000 + points - 1) // points)
    runs = offers.with_columns(begins=pl.max_horizontal("starts_at", since)).filter(C("begins") < until, C("ends_at") > C("begins"))
    held = runs.join(items, on=SHOP_ITEM)
    moments = held.select(*SHOP_ITEM, moment="begins").unique()
    together = held.join(moments, on=SHOP_ITEM).filter(C("begins") <= C("moment"), C("moment") < C("ends_at"))
    key = [*SHOP_ITEM, "moment"]
    first = C("promotion_kind").is_in(["direct", "member"])
    reduced = together.with_columns(price=(C("price") - _off("price").filter(first).sum().over(key)).clip(0), first=first)
    alone = pl.when(C("price") >= C("threshold_fen").fill_null(0)).then("off_fen").otherwise(0)
    own = ~C("first") & (C("promotion_kind") != "platform_coupon")
    left = reduced.group_by(key).agg(
        worst_fen=(C("price").first() - _off("price").filter(own).sum()).clip(0), alone_fen=(C("price").first() - alone.filter(own).sum()).clip(0),
        buyer_fen=(C("price").first() - _off("price").filter(~C("first")).sum()).clip(0), offers=C("promotion_id").sort(),
    )  # fmt: skip
    lowest = left.sort("worst_fen", "alone_fen").unique(SHOP_ITEM, keep="first", maintain_order=True)
    rows = items.join(lowest, on=SHOP_ITEM, how="left").with_columns(worst_fen=pl.coalesce("worst_fen", "price"))
    rows = rows.with_columns(short=C("floor_fen") - C("worst_fen"), under_cost=C("worst_fen") < C("cost_fen"), margin=1 - fees - C("cost_fen") / C("worst_fen"))
    return rows.sort("shop", "under_cost", "short", descending=[False, True, True])


def _off(price: str) -> pl.Expr:
    """The most an offer takes off a piece in any basket, rounded up."""
    threshold = C("threshold_fen").fill_null(0)
    reach = pl.min_horizontal(C(price), threshold)
    return pl.when(threshold > 0).then((C("off_fen") * reach + threshold - 1) // pl.max_horizontal(threshold, 1)).otherwise("off_fen")


def below_floor(f: Frames, offers: pl.LazyFrame, since: datetime, until: datetime, fees: float) -> pl.LazyFrame:
    return stacked(f, offers, since, until, fees).filter(C("short") > 0)
