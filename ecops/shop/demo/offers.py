"""The offers and price changes of the demo shops: kept ahead, as people write them down; instants local."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import polars as pl

from ecops.shop.demo.goods import lowered
from ecops.shop.demo.plan import CAMPAIGN_DISCOUNT, DROPPED, IDLE, PRESALE_DAYS, PRESOLD, PRICE_DROP_AFTER, SLOW_BUT_BOOKED, Plan
from ecops.shop.kinds import ALL

_GROUP = "店铺价"  # of these only the best holds
_FLASH = (5, 8, 6, 9, 10, 13, 11, 14)  # items that take turns in the week's flash sale of the group
_FLASH_OFF = (0.10, 0.12, 0.15)
_PLATFORM_OFF = 0.05
UNDER_FLOOR_OFF, _PAIR_OFF = 0.4, 0.25
_MEMBER_DAY, _MEMBER_OFF = 28, 0.03
_DEPOSIT = 0.1  # of the price, and counts for as much
_CONFIRMED, _CONFIRMED_AFTER = 10, 20  # a price looked at on that day and left as it was
_OFFER = {
    "position": pl.Int64, "promotion_id": pl.String, "title": pl.String, "promotion_kind": pl.String, "threshold_fen": pl.Int64, "off_rate": pl.Float64,
    "starts_at": pl.Datetime("us"), "ends_at": pl.Datetime("us"), "exclusive": pl.String,
}


def promotions(shops: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `promotions`, up to `PLANNED_DAYS` beyond the period; a longer one adds offers and changes none.

    Two coupons a month for the whole shop, a member day, a flash sale a week for items in turn, and of every campaign its
    price, the platform's coupon, the deposits of the pre-sale and what somebody planned wrongly (see `told`).
    """
    table = pl.DataFrame(list(_offers(plan)), schema=_OFFER, orient="row")
    own = items.select("shop", "position", "item_id", "regular_fen").join(table, on="position")
    whole = shops.select("shop").join(table.filter(pl.col("position").is_null()), how="cross").with_columns(item_id=pl.lit(ALL))
    deposit = pl.when(pl.col("promotion_kind") == "deposit").then((pl.col("regular_fen") * _DEPOSIT).round().cast(pl.Int64))
    return pl.concat([own.with_columns(deposit_fen=deposit, off_fen=deposit), whole], how="diagonal")


def _offers(plan: Plan) -> Iterator[tuple]:
    for month in _months(plan):
        ends = (month + timedelta(days=31)).replace(day=1)
        for name, title, off in (("new", "新粉券", 0.05), ("old", "老客券", 0.10)):
            yield None, f"coupon-{name}-{month:%y%m}", title, "coupon", 0, off, _midnight(month), _midnight(ends), _GROUP
        day = month.replace(day=_MEMBER_DAY)
        yield None, f"member-{month:%y%m}", "会员日", "member", 0, _MEMBER_OFF, _midnight(day), _midnight(day + timedelta(days=1)), _GROUP
    for monday, positions in weeks(plan):
        for turn, position in enumerate(positions):
            title, ends = "社群专享秒杀", _midnight(monday + timedelta(days=7))
            yield position, f"flash-{monday:%y%m%d}", title, "direct", 0, _FLASH_OFF[turn], _midnight(monday), ends, _GROUP
    for peak in plan.planned_peaks:
        yield from _of_campaign(peak, plan)


def _of_campaign(peak: date, plan: Plan) -> Iterator[tuple]:
    opens, ends, name = plan.opening(peak), _midnight(peak + timedelta(days=1)), f"{peak:%y%m%d}"
    yield None, f"sale-{name}", "大促活动价", "direct", 0, CAMPAIGN_DISCOUNT, opens, ends, _GROUP
    yield None, f"platform-{name}", "平台券", "platform_coupon", 0, _PLATFORM_OFF, opens, ends, None
    for position in PRESOLD:
        begins = _midnight(peak - timedelta(days=PRESALE_DAYS))
        yield position, f"deposit-{name}", "预售定金", "deposit", 0, None, begins, opens - timedelta(hours=4), None
    # Nobody asks for the first, so that no order knows of it; the offers of the second exclude each other and the sale's price.
    yield IDLE, f"clearance-{name}", "清仓叠加券", "coupon", 0, UNDER_FLOOR_OFF, opens, ends, None
    for nth in (1, 2):
        yield SLOW_BUT_BOOKED, f"pair-{nth}-{name}", f"二选一优惠{nth}", "direct", 0, _PAIR_OFF, opens, ends, _GROUP


def weeks(plan: Plan) -> Iterator[tuple[date, tuple[int, ...]]]:
    """The Mondays of the period and of two weeks after it, each with the positions of its flash sale."""
    monday = plan.since - timedelta(days=plan.since.weekday())
    while monday <= plan.until + timedelta(days=14):
        week = monday.toordinal() // 7
        yield monday, tuple(_FLASH[(week + turn) % len(_FLASH)] for turn in range(len(_FLASH_OFF)))
        monday += timedelta(days=7)


def _months(plan: Plan) -> Iterator[date]:
    month = plan.since.replace(day=1)
    while month <= plan.planned_until:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def price_changes(items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `price_changes`: the planted drop, known before it comes, and a price that was looked at and left."""
    changes = [(DROPPED, _midnight(plan.day(PRICE_DROP_AFTER)), "跟进竞品降价"), (_CONFIRMED, _midnight(plan.day(_CONFIRMED_AFTER)), "复核后维持原价")]
    table = pl.DataFrame(changes, schema={"position": pl.Int64, "changed_at": pl.Datetime("us"), "reason": pl.String}, orient="row")
    frame = items.join(table, on="position")
    return frame.with_columns(price_fen=pl.when(pl.col("position") == DROPPED).then(lowered(pl.col("regular_fen"))).otherwise("regular_fen"))


def told(ids: dict[int, str], plan: Plan) -> list[dict[str, object]]:
    """What is to be found in a shop's offers, ready for JSON."""
    found: list[dict[str, object]] = [
        {"what": "price_confirmed", "hit": False, "item_ids": [ids[_CONFIRMED]], "day": plan.day(_CONFIRMED_AFTER).isoformat()}
    ]
    for peak in plan.planned_peaks:
        name = f"{peak:%y%m%d}"
        found += [
            {"what": "offers_under_floor", "hit": True, "item_ids": [ids[IDLE]], "promotion_ids": [f"clearance-{name}"], "day": peak.isoformat()},
            {
                "what": "offers_exclude_each_other", "hit": False, "item_ids": [ids[SLOW_BUT_BOOKED]],
                "promotion_ids": [f"pair-{nth}-{name}" for nth in (1, 2)], "day": peak.isoformat(),
            },
        ]  # fmt: skip
    return found
