"""What is in the orders: lines with their items, prices and discounts; and what nobody got because nothing was left."""

from datetime import timedelta

import polars as pl

from ecops.shop.demo.demand import expected
from ecops.shop.demo.goods import lowered
from ecops.shop.demo.plan import (
    CAMPAIGN_DISCOUNT,
    CYCLE,
    DROPPED,
    IDLE,
    LAUNCHES,
    MOST_ITEMS,
    PRESOLD,
    PRICE_DROP_AFTER,
    SLOW,
    SLOW_BUT_BOOKED,
    SLOW_BUT_NEW,
    SOLD_OUT_ON_PEAK,
    STOCKED_OUT,
    THIN,
    WITHDRAWN,
    Plan,
)
from ecops.shop.demo.words import THEMES
from ecops.shop.dice import pick

_LINES = [0.65, 0.25, 0.10]
_PIECES = [0.85, 0.11, 0.04]
_RARE = {WITHDRAWN: 0.0, IDLE: 0.0, THIN: 0.004} | dict.fromkeys((*SLOW, SLOW_BUT_BOOKED, SLOW_BUT_NEW), 0.002)
_ITEMS = [_RARE.get(rank, 1 / (rank + 2)) for rank in range(MOST_ITEMS)]
_LINES_AN_ORDER = sum(share * (at + 1) for at, share in enumerate(_LINES)) * 0.97  # some say the same item twice
_COUPONS = [0.85, 0.10, 0.05]  # shares of orders without, with 5 %, with 10 % off
_PLATFORM_SHARE = 0.05  # of the price in a campaign
# Days of supply that must last until the next delivery, DELIVERED_AFTER days on: it runs out some days before.
_SUPPLIED_DAYS, DELIVERED_AFTER = 14, 24
_DAYS_ON_HAND = 2
SCARCE = [STOCKED_OUT, SOLD_OUT_ON_PEAK]


def lines(orders: pl.DataFrame, items: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines sold and the lines lost for want of stock, one row each: the order's columns (its number as `order`), the
    item's, number, nth, units, list_fen (one piece), discount_fen, platform_fen, payable_fen.
    """
    counts = pick(orders.select(plan.dice(pl.col("number"), "lines"))["number"], _LINES) + 1
    single = pl.col("script").is_not_null() | pl.col("presale")
    frame = orders.with_columns(nth=pl.int_ranges(pl.when(single).then(1).otherwise(pl.lit(counts)))).explode("nth", empty_as_null=False)
    frame = frame.rename({"number": "order"}).with_columns(number=pl.col("order") * 4 + pl.col("nth"))
    frame = _with_items(frame, items, shops, plan)
    pieces = pick(frame.select(plan.dice(pl.col("number"), "pieces"))["number"], _PIECES) + 1
    scarce = pl.col("position").is_in(SCARCE)  # one by one, so that the last piece finds a buyer
    frame = frame.with_columns(units=pl.coalesce("planted_units", pl.when(scarce).then(1).otherwise(pl.lit(pieces))), list_fen=_list_price(plan))
    frame = frame.with_columns(**_discounts(plan)).with_columns(payable_fen=_payable()).with_columns(discount_fen=_shops_part()).sort("number")
    return _served(frame, supplies(shops, plan))


def _with_items(frame: pl.DataFrame, items: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Which item a line is of; twice the same in one order becomes one line."""
    skew = shops.select("goods", "skew", shop_number="number")
    frame = frame.join(skew, on="shop_number", maintain_order="left")
    drawn = pick(frame.select(plan.dice(pl.col("number"), "item").pow("skew"))["number"], _ITEMS)
    presold = (plan.dice(pl.col("number"), "presold item") * len(PRESOLD)).cast(pl.Int64).replace_strict(dict(enumerate(PRESOLD)))
    known = pl.when(drawn < pl.col("goods")).then(drawn).otherwise(0)
    position = pl.coalesce("planted_position", pl.when("presale").then(presold), pl.when(_listed(known, plan)).then(known).otherwise(0))
    frame = frame.with_columns(position=position).unique(["order", "position"], keep="first", maintain_order=True)
    about = items.select("shop", "position", "item_id", "title", "merchant_code", "regular_fen", "conversion")
    return frame.drop("goods", "skew").join(about, on=["shop", "position"], maintain_order="left")


def _listed(position: pl.Expr, plan: Plan) -> pl.Expr:
    day = position.replace_strict({at: plan.launch(at) for at in LAUNCHES}, default=plan.since, return_dtype=pl.Date)
    return pl.col("date") >= day


def _list_price(plan: Plan) -> pl.Expr:
    """A planted order is never dearer than the list price."""
    lower = (pl.col("position") == DROPPED) & (pl.col("date") >= plan.day(PRICE_DROP_AFTER))
    usual = pl.when(lower).then(lowered(pl.col("regular_fen"))).otherwise(pl.col("regular_fen"))
    return pl.max_horizontal(usual, "forced_fen")


def _discounts(plan: Plan) -> dict[str, pl.Expr]:
    """The shop's part (campaign price or coupon, one an order) and the platform's part of a line's price."""
    campaign = plan.on_sale(pl.col("created")) | pl.col("presale")
    drawn = plan.dice(pl.col("order"), "coupon")
    coupon = pl.when(drawn < _COUPONS[0]).then(0.0).when(drawn < _COUPONS[0] + _COUPONS[1]).then(0.05).otherwise(0.1)
    price = pl.col("list_fen") * pl.col("units")
    return {
        "discount_fen": (price * pl.when(campaign).then(CAMPAIGN_DISCOUNT).otherwise(coupon)).round().cast(pl.Int64),
        "platform_fen": pl.when(pl.col("forced_fen").is_null() & campaign).then((price * _PLATFORM_SHARE).round().cast(pl.Int64)).otherwise(0),
    }


def _payable() -> pl.Expr:
    usual = pl.col("list_fen") * pl.col("units") - pl.col("discount_fen") - pl.col("platform_fen")
    return pl.coalesce("forced_fen", usual)


def _shops_part() -> pl.Expr:
    return pl.col("list_fen") * pl.col("units") - pl.col("payable_fen") - pl.col("platform_fen")


def supplies(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The planted shortages: one row for each shop, item and shortage: shop, shop_number, position, begins, ends (days; the
    delivery comes on `ends`), quota (pieces there are until then).
    """
    windows = [(STOCKED_OUT, plan.day(cycle * CYCLE), plan.day(cycle * CYCLE + DELIVERED_AFTER), _SUPPLIED_DAYS, 0.0) for cycle in plan.cycles()]
    windows += [(SOLD_OUT_ON_PEAK, peak - timedelta(days=1), peak + timedelta(days=2), 0, 4.5) for peak in plan.peaks]
    frame = pl.DataFrame(windows, schema=["position", "begins", "ends", "supplied", "rushes"], orient="row")
    frame = frame.filter(pl.col("begins") <= plan.until, pl.col("begins") >= plan.since)
    frame = shops.rename({"number": "shop_number"}).join(frame, how="cross").with_columns(date=pl.col("begins"))
    orders = expected(plan) * pl.col("supplied") + plan.orders_per_day * pl.col("size") * pl.col("rushes")
    return frame.select("shop", "shop_number", "position", "begins", "ends", quota=_pieces(orders))


def on_hand(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """What the shop keeps of those items outside the shortages: shop, position, level (pieces, as sold in two days)."""
    frame = shops.join(pl.DataFrame({"position": SCARCE}), how="cross")
    return frame.select("shop", "position", level=_pieces(_DAYS_ON_HAND * plan.orders_per_day * pl.col("size")))


def _pieces(orders: pl.Expr) -> pl.Expr:
    """Pieces of the item at `position` that so many orders ask for."""
    return (orders * _LINES_AN_ORDER * _share_of_lines()).ceil().clip(1).cast(pl.Int64)


def _share_of_lines() -> pl.Expr:
    """The chance that a line is of the item at `position`, after the shop's skew."""
    total, upto = sum(_ITEMS), [sum(_ITEMS[:rank]) for rank in range(MOST_ITEMS + 1)]
    edges = {rank: upto[rank] / total for rank in range(MOST_ITEMS + 1)}
    low, high = (
        pl.col("position").replace_strict(edges, return_dtype=pl.Float64),
        (pl.col("position") + 1).replace_strict(edges, return_dtype=pl.Float64),
    )
    return high.pow(1 / pl.col("skew")) - low.pow(1 / pl.col("skew"))


def _served(frame: pl.DataFrame, supplies: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """First paid, first served; who comes when nothing is left goes away."""
    scarce = frame.filter(pl.col("position").is_in(SCARCE)).with_columns(moment=pl.coalesce("paid", "created"))
    scarce = scarce.join(supplies, on=["shop", "position"]).filter(pl.col("moment").dt.date().is_between("begins", "ends", closed="left"))
    is_paid = pl.col("paid").is_not_null()
    taken = (pl.col("units") * is_paid).cum_sum().over("shop", "position", "begins", order_by=["moment", "number"])
    missed = scarce.filter((taken > pl.col("quota")) | (~is_paid & (taken >= pl.col("quota"))))
    return frame.join(missed.select("number"), on="number", how="anti", maintain_order="left"), missed


def sku(plan: Plan) -> dict[str, pl.Expr]:
    """sku_id and sku of a line (columns theme, item_id, number)."""
    at = (plan.dice(pl.col("number"), "sku") * 3).cast(pl.Int64)
    words = {f"{theme.name}{place}": word for theme in THEMES for place, word in enumerate(theme.skus)}
    return {
        "sku_id": pl.col("item_id") + at.cast(pl.String),
        "sku": (pl.col("theme") + at.cast(pl.String)).replace_strict(words, return_dtype=pl.String),
    }
