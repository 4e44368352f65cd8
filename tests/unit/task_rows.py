"""Small shop data for the tests of the automated steps: rows of a kind with what a test does not care about filled in."""

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from ecops.automation import Answer, Ask, find_automation
from ecops.shop.kinds import KINDS

CHINA = ZoneInfo("Asia/Shanghai")
AS_OF = datetime(2026, 11, 12, 9, tzinfo=CHINA)
TODAY = AS_OF.date()
DAY = datetime(2026, 11, 11, tzinfo=CHINA)


def local(text: str) -> datetime:
    """`2026-11-11 20:00` on a Chinese clock."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def days_ago(n: int) -> date:
    return TODAY - timedelta(days=n)


def frame(kind: str, rows: list[dict]) -> pl.LazyFrame:
    """Rows of a kind; columns not given are null, `shop` is "a", and a row is available when it could have been."""
    schema = KINDS[kind].schema
    full = [{"shop": "a", "available_at": _available(kind, row), **row} for row in rows]
    data = {name: [_utc(row.get(name)) for row in full] for name in schema}
    return pl.LazyFrame(data, schema=schema)


def _utc(value):
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _available(kind: str, row: dict) -> datetime:
    if "hour" in row:
        return row["hour"] + timedelta(hours=1)
    if row.get("date"):
        return datetime.combine(row["date"] + timedelta(days=1), time.min, CHINA)
    return row.get("created_at") or datetime(2020, 1, 1, tzinfo=CHINA)


def run(name: str, frames: dict[str, list[dict] | pl.LazyFrame], *, shops=("a",), as_of=AS_OF, anchors=None, **params) -> Answer:
    """One automated step over rows by kind; like the lake, it is given the kinds it reads and no others."""
    task = find_automation(name)
    lazy = {kind: rows if isinstance(rows, pl.LazyFrame) else frame(kind, rows) for kind, rows in frames.items() if kind in task.reads}
    return task(lazy, Ask(tuple(shops), as_of, task.params(**params), {"day": DAY} if anchors is None else anchors))


def status(answer: Answer, shop: str = "a") -> str:
    return answer.verdicts.row(by_predicate=pl.col("shop") == shop, named=True)["status"]


def missing(answer: Answer, shop: str = "a") -> list[str]:
    return answer.verdicts.row(by_predicate=pl.col("shop") == shop, named=True)["missing"]


def ids(answer: Answer, name: str = "items") -> list[str]:
    return answer.lists[name]["item_id"].to_list()


def random_shops(seed: int, shops=("a", "b", "c")) -> dict[str, list[dict]]:
    """Rows of every kind for some shops, holes and oddities included; the same for the same seed."""
    dice = random.Random(seed)
    world: dict[str, list[dict]] = {kind: [] for kind in KINDS}
    for shop in shops:
        _random_items(dice, shop, world)
        _random_orders(dice, shop, world)
        _random_hours(dice, shop, world)
        _random_service(random.Random(f"{seed} {shop}"), shop, world)
        _random_replies(random.Random(f"{seed} replies {shop}"), shop, world)
        _random_customers(random.Random(f"{seed} {shop} customers"), shop, world)
        _random_traffic(random.Random(f"{seed} traffic {shop}"), shop, world)
        _random_sale(random.Random(f"{seed} sale {shop}"), shop, world)
        _random_research(random.Random(f"{seed} research {shop}"), shop, world)
        _random_compliance(random.Random(f"{seed} compliance {shop}"), shop, world)
        _random_watch(random.Random(f"{seed} watch {shop}"), shop, world)
    return world


def _maybe(dice: random.Random, value, often: float = 0.9):
    return value if dice.random() < often else None


def _random_items(dice: random.Random, shop: str, world: dict) -> None:
    for n in range(dice.randint(1, 6)):
        item = f"i{n}"
        world["items"].append(
            {
                "shop": shop, "item_id": item, "title": dice.choice(("面霜", "最好的面霜", "第一次用的面霜", "本店最大尺码")),
                "detail_text": _maybe(dice, dice.choice(("保湿", "销量第一", "最近很火", "好评返现"))),
                "price_fen": _maybe(dice, dice.randint(1, 9999)), "cost_fen": _maybe(dice, dice.randint(1, 5000)),
                "listed_on": _maybe(dice, days_ago(dice.randint(1, 90))), "on_sale": _maybe(dice, dice.random() < 0.9),
                "pack_size": _maybe(dice, dice.randint(1, 12)), "campaign_booked": _maybe(dice, dice.random() < 0.2),
            }
        )  # fmt: skip
        for back in range(1, 34):
            if dice.random() < 0.98:
                visitors = dice.randint(0, 60)
                world["item_days"].append(
                    {
                        "shop": shop, "date": days_ago(back), "item_id": item, "title": "面霜", "visitors": visitors,
                        "pay_buyers": _maybe(dice, dice.randint(0, visitors // 4), 0.99), "pay_units": dice.randint(0, visitors // 4),
                        "pay_amount_fen": _maybe(dice, dice.randint(0, 90_000), 0.999),
                    }
                )  # fmt: skip
            world["stock"].append(
                {
                    "shop": shop, "date": days_ago(back), "item_id": item, "opening_units": dice.randint(0, 900),
                    "received_units": _maybe(dice, dice.choice((0, 0, 50)), 0.995), "closing_units": dice.randint(0, 900),
                }
            )  # fmt: skip
        moved = AS_OF + timedelta(days=dice.randint(-40, 20))
        world["price_changes"].append({"shop": shop, "item_id": item, "changed_at": moved, "price_fen": _maybe(dice, dice.randint(1, 9999))})
        for rival in range(dice.randint(0, 4)):
            world["competitor_items"].append(
                {
                    "shop": shop, "month": date(2026, dice.choice((9, 10, 11)), 1), "competitor": f"r{rival}",
                    "competitor_item_id": f"x{rival}", "item_id": item,
                    "monthly_sales": dice.choice(("1200", "1000+", "35", "0", "指数 8,812", "1.2万", "-")),
                }
            )  # fmt: skip


def _random_orders(dice: random.Random, shop: str, world: dict) -> None:
    for n in range(dice.randint(0, 40)):
        created = AS_OF - timedelta(minutes=dice.randint(-600, 200_000))
        paid = _maybe(dice, created + timedelta(minutes=dice.randint(1, 3000)), 0.8)
        total = dice.randint(1, 60_000)
        refund = dice.choice((0, 0, 0, total // 2, total, None))
        order = {
            "shop": shop, "order_id": f"o{n}", "buyer_id": _maybe(dice, f"u{dice.randint(1, 9)}"), "created_at": created,
            "paid_at": paid, "total_fen": total, "paid_fen": total - (refund or 0), "refund_fen": refund,
            "refunded_at": paid and created + timedelta(days=3), "units": 1, "status": dice.choice(("paid", "shipped", "closed")),
            "shipped_at": paid and _maybe(dice, created + timedelta(days=2), 0.5),
        }  # fmt: skip
        world["orders"].append(order)
        line = {name: order[name] for name in ("shop", "order_id", "created_at", "paid_at", "paid_fen", "units")}
        world["order_lines"].append(line | {"line_id": "1", "item_id": f"i{dice.randint(0, 5)}", "title": "面霜"})


def _random_hours(dice: random.Random, shop: str, world: dict) -> None:
    for n in range(-40, 33):
        if dice.random() < 0.98:
            visitors = dice.randint(0, 500)
            world["hours"].append(
                {
                    "shop": shop, "hour": DAY + timedelta(hours=n), "visitors": visitors,
                    "pay_buyers": dice.randint(0, visitors), "pay_amount_fen": dice.randint(-50, 900_000),
                }
            )  # fmt: skip


def _random_watch(dice: random.Random, shop: str, world: dict) -> None:
    """Ads by the hour, a past sale of the calendar with and without holes, and for some shops a feed that only counts on since midnight."""
    rows = [row for row in world["hours"] if row["shop"] == shop and "pay_amount_fen" in row]
    for n in range(28):
        if dice.random() < 0.99:
            at = datetime(2026, 10, 31, 20, tzinfo=CHINA) + timedelta(hours=n)
            rows.append({"shop": shop, "hour": at, "visitors": 400, "pay_buyers": dice.randint(1, 40), "pay_amount_fen": dice.randint(0, 900_000)})
            world["hours"].append(rows[-1])
    counts, so_far, day = dice.random() < 0.4, 0, None
    for row in rows:
        row["ad_spend_fen"], row["ad_deal_amount_fen"] = _maybe(dice, dice.randint(0, 90_000)), _maybe(dice, dice.randint(0, 900_000))
        local_day = row["hour"].astimezone(CHINA).date()
        so_far = row["pay_amount_fen"] + (so_far if local_day == day else 0)
        day = local_day
        if counts and dice.random() < 0.9:
            row |= {"pay_amount_fen": None, "pay_amount_so_far_fen": so_far}


def _random_service(dice: random.Random, shop: str, world: dict) -> None:
    """Conversations, after-sales, parcels, purchases, counts and shifts; from dice of their own, so that the other kinds stay as they are."""
    for n in range(dice.randint(0, 60)):
        at = AS_OF - timedelta(minutes=dice.randint(-60, 2_800))
        for m in range(dice.randint(1, 5)):
            sender = dice.choice(("buyer", "buyer", "agent", "robot", "system"))
            message = {"shop": shop, "session_id": f"s{n}", "message_id": f"m{m}", "at": at, "available_at": at, "sender": sender}
            world["chats"].append(message | {"agent": f"客服{dice.randint(1, 2)}" if sender == "agent" else None})
            at += timedelta(seconds=dice.choice((0, 5, 30, 31, 400)))
    for n in range(dice.randint(0, 12)):
        created = AS_OF - timedelta(minutes=dice.randint(-600, 60_000))
        world["refunds"].append(
            {
                "shop": shop, "refund_id": f"r{n}", "order_id": f"o{dice.randint(0, 20)}", "item_id": _maybe(dice, f"i{dice.randint(0, 5)}"),
                "created_at": created, "refund_status": dice.choice(("open", "success", "refused")), "amount_fen": _maybe(dice, dice.randint(1, 60_000)),
                "refund_kind": dice.choice(("refund", "return", "resend")), "reason": _maybe(dice, dice.choice(("破损了", "质量问题", "七天无理由"))),
            }
        )  # fmt: skip
    for n in range(dice.randint(0, 20)):
        sent = AS_OF - timedelta(minutes=dice.randint(-600, 40_000))
        world["parcels"].append(
            {
                "shop": shop, "parcel_id": f"p{dice.randint(0, 30)}", "order_id": f"o{n}", "carrier": _maybe(dice, dice.choice(("中通", "韵达"))),
                "shipped_at": sent, "last_event_at": _maybe(dice, sent + timedelta(hours=9)), "damaged": _maybe(dice, dice.random() < 0.2),
                "delivered_at": _maybe(dice, sent + timedelta(hours=dice.randint(0, 90)), 0.6),
            }
        )  # fmt: skip
        world["purchases"].append(
            {
                "shop": shop, "purchase_id": f"b{n}", "item_id": "i1", "supplier": _maybe(dice, dice.choice(("甲", "乙"))), "units": 9,
                "ordered_on": days_ago(dice.randint(0, 90)), "promised_on": days_ago(dice.randint(-9, 60)),
                "received_on": _maybe(dice, days_ago(dice.randint(-5, 60)), 0.7), "received_units": dice.randint(0, 9),
            }
        )  # fmt: skip
        world["stock_counts"].append({"shop": shop, "item_id": f"i{n % 6}", "date": days_ago(1 + n // 6), "counted_units": dice.randint(0, 900)})
        begins = AS_OF + timedelta(hours=dice.randint(-40, 60))
        world["shifts"].append(
            {
                "shop": shop, "agent": f"客服{n % 4}", "shift_from": begins, "shift_until": begins + timedelta(hours=8),
                "trained_on": _maybe(dice, days_ago(dice.randint(0, 500)), 0.6),
            }
        )  # fmt: skip


def _random_sale(dice: random.Random, shop: str, world: dict) -> None:
    """Offers, deposits and open refunds, from dice of their own: the other kinds stay what they were."""
    for n in range(dice.randint(0, 8)):
        starts = DAY + timedelta(hours=dice.randint(-400, 20))
        world["promotions"].append(
            {
                "shop": shop, "promotion_id": f"p{n}", "item_id": dice.choice(("*", "i0", "i1", "i2")), "title": dice.choice(("会员日", "满减", "券")),
                "promotion_kind": dice.choice(("direct", "coupon", "spend_and_save", "deposit", "member", "platform_coupon")),
                "threshold_fen": _maybe(dice, dice.choice((0, 0, 5_000, 30_000)), 0.95), "off_fen": _maybe(dice, dice.randint(1, 4_000)),
                "off_rate": _maybe(dice, 0.1, 0.2), "deposit_fen": dice.randint(1, 500), "starts_at": starts,
                "ends_at": _maybe(dice, starts + timedelta(hours=dice.randint(-2, 500)), 0.95), "exclusive": dice.choice((None, None, "g")),
            }
        )  # fmt: skip
    for order in (row for row in world["orders"] if row["shop"] == shop):
        order["presale"] = dice.random() < 0.3
        if order["presale"]:
            order |= {"deposit_fen": order["total_fen"] // 10, "deposit_paid_at": _maybe(dice, order["created_at"] + timedelta(minutes=1), 0.9)}
        if dice.random() < 0.15:
            made = order["created_at"] + timedelta(days=1)
            world["refunds"].append(
                {
                    "shop": shop, "refund_id": f"r{order['order_id']}", "order_id": order["order_id"], "buyer_id": order["buyer_id"],
                    "created_at": made, "refund_status": dice.choice(("open", "success", "refused", None)), "amount_fen": order["total_fen"],
                }
            )  # fmt: skip


def _random_traffic(dice: random.Random, shop: str, world: dict) -> None:
    """Sources, stages, advertising, search words and provinces, from dice of their own: the other kinds stay what they were."""
    for back in range(1, 34):
        if dice.random() < 0.95:
            _random_sources(dice, shop, days_ago(back), world)
        if dice.random() < 0.95:
            _random_ads(dice, shop, days_ago(back), world)
    for n in range(dice.randint(0, 20)):
        keyword = "".join(dice.sample("面霜保湿敏感肌学生", dice.randint(1, 6)))
        if not any(row["keyword"] == keyword and row["shop"] == shop for row in world["search_words"]):
            world["search_words"].append(
                {
                    "shop": shop, "date": days_ago(dice.choice((2, 2, 2, 20))), "keyword": keyword, "category": _maybe(dice, dice.choice(("面霜", "护肤"))),
                    "searches": _maybe(dice, dice.randint(0, 900)), "search_index": _maybe(dice, float(dice.randint(0, 99))),
                }
            )  # fmt: skip
    for day in (row for row in world["item_days"] if row["shop"] == shop):
        day |= {"cart_users": _maybe(dice, dice.randint(0, day["visitors"])), "order_buyers": _maybe(dice, dice.randint(0, day["visitors"]))}
    for order in (row for row in world["orders"] if row["shop"] == shop):
        order["province"] = _maybe(dice, dice.choice(("广东省", "广东", "廣東省", "浙江", "内蒙古自治区", "***")))


def _random_sources(dice: random.Random, shop: str, day: date, world: dict) -> None:
    whole = dice.randint(0, 300)
    for source, detail in (("*", "*"), ("手淘搜索", "*"), ("手淘推荐", "*"), ("手淘推荐", "首页"), ("短视频", "直播"), ("短视频", "逛逛")):
        visitors = whole if source == "*" else dice.randint(0, whole)
        stages = {name: _maybe(dice, dice.randint(0, visitors), 0.98) for name in ("cart_users", "order_buyers", "pay_buyers")}
        row = {"shop": shop, "date": day, "source": source, "source_detail": detail, "visitors": _maybe(dice, visitors, 0.98), **stages}
        if dice.random() < 0.95:
            world["traffic_days"].append(row | {"new_visitors": dice.randint(0, visitors), "pay_amount_fen": _maybe(dice, dice.randint(0, 90_000))})


def _random_ads(dice: random.Random, shop: str, day: date, world: dict) -> None:
    for plan, item, word in (("1", "*", "*"), ("1", "i0", "*"), ("1", "i0", "面霜"), ("2", "i1", "保湿"), ("2", "i1", "面霜"), ("3", "i2", "*"), ("*", "*", "*")):
        clicks = dice.choice((0, 5, 60))
        row = {"shop": shop, "date": day, "tool": dice.choice(("直通车", "直通车", "*")), "plan_id": plan, "plan": _maybe(dice, f"计划{plan}"), "item_id": item, "keyword": word}
        figures = {"clicks": _maybe(dice, clicks, 0.98), "spend_fen": _maybe(dice, clicks * dice.randint(50, 150), 0.98), "deals": _maybe(dice, clicks // dice.randint(5, 50), 0.98)}
        sales = dice.randint(0, 20_000) if clicks else 0
        claims = {"deal_amount_fen": _maybe(dice, sales, 0.98), "net_amount_fen": _maybe(dice, sales * 9 // 10, 0.9), "attribution_days": dice.choice((None, 3, 15))}
        if dice.random() < 0.9:
            world["ad_days"].append(row | figures | claims | {"market_cpc_fen": _maybe(dice, dice.choice((None, 80, 100)) if word != "*" else None)})


def _random_customers(dice: random.Random, shop: str, world: dict) -> None:
    """Phones and channels of orders, consents, sent messages, visits and flash offers, from dice of their own."""
    for order in (row for row in world["orders"] if row["shop"] == shop):
        order |= {"phone_hash": _maybe(dice, f"p{dice.randint(1, 8)}", 0.7), "channel": _maybe(dice, dice.choice(("小红书", "RED", "抖音直播")), 0.9)}
    for n in range(12):
        at = AS_OF - timedelta(hours=dice.randint(-40, 3_000))
        agreed = {"consented_at": _maybe(dice, at, 0.9), "withdrawn_at": _maybe(dice, at + timedelta(hours=dice.randint(-9, 900)), 0.2)}
        joined = _maybe(dice, at + timedelta(hours=dice.randint(0, 90)), 0.5)
        world["consents"].append({"shop": shop, "buyer_id": f"u{n}", "consent_channel": dice.choice(("sms", "wecom")), **agreed, "joined_at": joined})
        sent = {"session_id": f"m{n}", "message_id": "1", "at": at, "available_at": at, "sender": "system", "buyer_id": f"u{dice.randint(1, 12)}"}
        world["chats"].append({"shop": shop, **sent, "script": dice.choice(("唤醒", "每周秒杀", None))})
        world["behaviours"].append({"shop": shop, "hour": at, "buyer_id": _maybe(dice, f"u{n + 6}"), "item_id": "i1", "action": "view", "times": 1})
        world["promotions"].append(
            {
                "shop": shop, "promotion_id": f"flash{n}", "item_id": f"i{n % 6}", "title": "秒杀", "promotion_kind": "direct", "threshold_fen": 0,
                "off_fen": dice.randint(1, 900), "starts_at": at, "ends_at": at + timedelta(hours=dice.randint(1, 4_000)),
            }
        )  # fmt: skip


def _random_replies(dice: random.Random, shop: str, world: dict) -> None:
    """Reviews, the platform's own reply figures, older nights and older conversations, from dice of their own."""
    for n in range(dice.randint(0, 40)):
        text = dice.choice(("质量差，客服不理人", "收到时已经破损", "洗后掉色严重", "很好", "没有破损", "尺码偏小，快递太慢"))
        world["reviews"].append(
            {
                "shop": shop, "review_id": f"v{n}", "order_id": _maybe(dice, f"o{dice.randint(0, 20)}"), "item_id": _maybe(dice, f"i{dice.randint(0, 5)}"),
                "buyer_id": _maybe(dice, f"u{dice.randint(1, 9)}"), "created_at": AS_OF - timedelta(minutes=dice.randint(-600, 55_000)),
                "stars": _maybe(dice, dice.choice((1, 1, 2, 3, 5))), "text": _maybe(dice, text),
            }
        )  # fmt: skip
    for agent in ("*", "客服1", "同行"):
        for period in (1, 30):
            if dice.random() < 0.7:
                rate = _maybe(dice, dice.choice((0.5, 0.85, 0.95, 1.0)))
                world["service_days"].append({"shop": shop, "date": days_ago(dice.choice((1, 1, 2, 3))), "agent": agent, "period_days": period, "reply_30s_rate": rate})
    begin = DAY - timedelta(days=dice.choice((3, 18, 18)))
    for night in range((DAY - begin).days - 2):
        for hour in (0, 1, 2, 5, 10, 11, 14, 20):
            visitors, at = dice.randint(5, 40), begin + timedelta(days=night, hours=hour)
            world["hours"].append({"shop": shop, "hour": at, "visitors": visitors, "pay_buyers": _maybe(dice, dice.randint(0, visitors if hour < 6 else visitors // 9), 0.98)})
        at = begin + timedelta(days=night, hours=dice.choice((1, 2, 9, 15)), minutes=dice.randint(0, 59))
        world["chats"].append({"shop": shop, "session_id": f"n{night}", "message_id": "m0", "at": at, "available_at": at, "sender": "buyer"})


def _random_research(dice: random.Random, shop: str, world: dict) -> None:
    """Competitors collected by hand, service tags, items not launched yet and deliveries at a cost, from dice of their own."""
    sheet = {"shop": shop, "source_file": _maybe(dice, "竞品.xlsx", 0.95)}
    for row in [row for row in world["competitor_items"] if row["shop"] == shop]:
        seen = {"price_fen": _maybe(dice, dice.randint(1, 9999)), "title": _maybe(dice, dice.choice(("面霜买一送一", "保湿面霜 券后9.9", "敏感肌面霜")))}
        row |= sheet | seen | {"date": days_ago(dice.randint(1, 40)), "competitor_item_id": f"{row['item_id']}-{row['competitor_item_id']}"}
        world["competitor_items"].append(row | {"date": row["date"] - timedelta(days=9), "price_fen": _maybe(dice, dice.randint(1, 9999))})
    for rival, aspect in (("r0", "traffic"), ("r0", "price"), ("r1", "traffic")):
        for part, share in zip(("直播", "搜索", "推荐"), dice.choice(((0.6, 0.3, 0.1), (0.5, 0.3, 0.1), (61.0, 0.3, 0.1), (0.6, None, 0.1))), strict=True):
            world["competitor_shares"].append(sheet | {"date": days_ago(dice.choice((3, 3, 40))), "competitor": rival, "aspect": aspect, "part": part, "share_rate": share})
    for n in range(dice.randint(0, 12)):
        tag = dice.choice(("敏感肌能用吗", "保湿", "漏液", "学生"))
        world["service_tags"].append({"shop": shop, "date": days_ago(n + 1), "tag": tag, "item_id": "*", "times": _maybe(dice, dice.randint(0, 30))})
        world["purchases"].append(
            {
                "shop": shop, "purchase_id": f"c{n}", "item_id": f"i{n % 6}", "supplier": "甲", "ordered_on": days_ago(n + 30),
                "received_on": _maybe(dice, days_ago(dice.randint(-3, 29))), "units": 9, "received_units": 9, "cost_fen": _maybe(dice, dice.randint(1, 5000)),
            }
        )  # fmt: skip
        new = {"shop": shop, "item_id": f"new{n}", "title": _maybe(dice, dice.choice(("新面霜", "最好的面霜"))), "detail_text": _maybe(dice, "保湿", 0.7), "on_sale": False}
        world["items"].append(new | {"price_fen": _maybe(dice, 990), "listed_on": _maybe(dice, days_ago(dice.randint(0, 60)), 0.5)})
        world["stock"].append({"shop": shop, "date": days_ago(1), "item_id": f"new{n}", "opening_units": 0, "received_units": 5, "closing_units": _maybe(dice, dice.randint(0, 5))})


def _random_compliance(dice: random.Random, shop: str, world: dict) -> None:
    """Papers, rules, pages, scores, posts, receivers, and sometimes a brushing ring and a buyer who wants all money back; from dice of their own."""
    for order in (row for row in world["orders"] if row["shop"] == shop):
        order |= {"address_hash": _maybe(dice, f"a{dice.randint(1, 9)}"), "phone_hash": _maybe(dice, f"t{dice.randint(1, 9)}")}
        order |= {"remark_mark": dice.choice((None, None, "G-", "A")), "finished_at": _maybe(dice, order["created_at"] + timedelta(days=dice.randint(2, 20)), 0.4)}
    for item in (row for row in world["items"] if row["shop"] == shop):
        item["brand"] = _maybe(dice, dice.choice(("花间", "素研")))
    _random_ring(dice, shop, world)
    for n in range(dice.randint(0, 9)):
        begins = _maybe(dice, days_ago(dice.randint(-3, 400)))
        world["documents"].append(
            {
                "shop": shop, "document_id": f"d{n}", "document_type": dice.choice(("营业执照", "质检报告", "品牌授权书")), "title": "证",
                "item_id": _maybe(dice, f"i{dice.randint(0, 7)}", 0.4), "brand": _maybe(dice, dice.choice(("花间", "素研", "别家")), 0.4),
                "holder": _maybe(dice, dice.choice(("甲公司", "甲公司", "乙公司"))), "issued_on": begins, "no_expiry": _maybe(dice, dice.random() < 0.2),
                "expires_on": _maybe(dice, days_ago(dice.randint(-90, 20)), 0.8), "available_at": begins and datetime.combine(begins, time.min, CHINA) or AS_OF,
            }
        )  # fmt: skip
    for n in range(dice.randint(0, 5)):
        published = _maybe(dice, AS_OF - timedelta(minutes=dice.randint(-300, 20_000)))
        world["rules"].append(
            {
                "shop": shop, "rule_id": f"n{n}", "platform": _maybe(dice, dice.choice(("tmall", "淘宝", "某平台"))), "title": _maybe(dice, dice.choice(("禁用语", "标题规范"))),
                "published_at": published, "effective_on": _maybe(dice, days_ago(dice.randint(-5, 20))), "terms": _maybe(dice, dice.choice(("保湿", "最近、网红")), 0.7),
                "replaces": _maybe(dice, f"n{dice.randint(0, 6)}", 0.4), "text": "全文", "available_at": published or AS_OF,
            }
        )  # fmt: skip
    for block in ("brand", "类目", "信任背书", "活动"):
        if dice.random() < 0.9:
            checked = _maybe(dice, AS_OF - timedelta(hours=dice.randint(-3, 200)), 0.95)
            page = {"shop": shop, "page": "首页", "block": block, "text": _maybe(dice, dice.choice(("始于1998", "<p></p>"))), "link_works": _maybe(dice, dice.random() < 0.9)}
            world["pages"].append(page | {"checked_at": checked, "available_at": checked or AS_OF})
    for name in ("描述相符", "物流"):
        for back in range(1, dice.randint(2, 30)):
            if dice.random() < 0.95:
                score = {"score": _maybe(dice, dice.randint(40, 50) / 10), "peer_score": _maybe(dice, 4.6)}
                world["scores"].append({"shop": shop, "date": days_ago(back), "score_name": name, **score})
    for n in range(dice.randint(0, 8)):
        at = AS_OF - timedelta(minutes=dice.randint(-600, 9_000))
        answered = _maybe(dice, at + timedelta(minutes=dice.randint(1, 4_000)), 0.5)
        post = {"shop": shop, "post_id": f"p{n}", "at": at, "available_at": at, "text": _maybe(dice, dice.choice(("假货", "真的太“好”了", "不好用"))), "answered_at": answered}
        world["posts"].append(post | {"negative": _maybe(dice, dice.random() < 0.7)})


def _random_ring(dice: random.Random, shop: str, world: dict) -> None:
    begin = AS_OF - timedelta(days=dice.randint(1, 12), hours=dice.randint(0, 9))
    for n in range(dice.choice((0, 0, 4, 5, 9))):
        created = begin + timedelta(seconds=90 * n)
        paid = created + timedelta(seconds=9)
        order = {"shop": shop, "order_id": f"g{n}", "buyer_id": _maybe(dice, f"g{n}", 0.95), "address_hash": "ring", "created_at": created, "paid_at": paid, "units": 1}
        order |= {"total_fen": 9900, "paid_fen": 9900, "refund_fen": 0, "status": "shipped", "shipped_at": paid + timedelta(hours=5)}
        world["orders"].append(order)
        world["order_lines"].append({"shop": shop, "order_id": f"g{n}", "line_id": "1", "item_id": "i0", "created_at": created, "paid_at": paid, "units": 1})
        world["parcels"].append({"shop": shop, "parcel_id": "ring", "order_id": f"g{n}", "shipped_at": order["shipped_at"], "delivered_at": created + timedelta(days=2)})
        said = created + timedelta(days=2, minutes=dice.randint(-5, 30))
        world["reviews"].append({"shop": shop, "review_id": f"g{n}", "order_id": f"g{n}", "item_id": "i0", "created_at": said, "stars": 5, "text": "好"})
    for n in range(dice.choice((0, 4, 6))):
        created = AS_OF - timedelta(days=20 + 8 * n)
        order = {"shop": shop, "order_id": f"w{n}", "buyer_id": "w", "created_at": created, "paid_at": created, "total_fen": 500, "units": 1, "status": "shipped"}
        world["orders"].append(order | {"paid_fen": 0, "refund_fen": 500, "shipped_at": created, "refunded_at": created + timedelta(days=9)})
        world["parcels"].append({"shop": shop, "parcel_id": f"w{n}", "order_id": f"w{n}", "shipped_at": created, "delivered_at": created + timedelta(days=1), "damaged": _maybe(dice, False)})
        claim = {"created_at": created + timedelta(days=7, hours=dice.randint(0, 23)), "refund_kind": "refund", "reason": "质量问题", "amount_fen": 500, "shipped": True}
        world["refunds"].append({"shop": shop, "refund_id": f"w{n}", "order_id": f"w{n}", "buyer_id": "w", "refund_status": "success", **claim})
