"""The Pinduoduo client against a local gateway that checks what POP checks, and misbehaves as it does."""

import logging
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from pytest_httpserver import HTTPServer

from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import Refused
from ecops.platforms.pdd import DAILY, GOODS, HOURLY, ORDERS, REFUNDS, Pinduoduo
from ecops.platforms.pull import PullResult, pull
from ecops.shop.kinds import KINDS
from tests.platforms import NEW_REFRESH, NEW_TOKEN, NOW, PERSON, REFRESH, SECRET, TOKEN, PinduoduoGateway, body, busy, cut_off, html, logged

HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(httpserver: HTTPServer) -> PinduoduoGateway:
    return PinduoduoGateway(httpserver)


def pulled(gateway: PinduoduoGateway, *topics: str, hours: float = 1, **more) -> tuple[PullResult, dict[str, pl.DataFrame], pl.DataFrame]:
    kept: dict[str, list[pl.DataFrame]] = {}
    refused = []

    def keep(kind: str, frame: pl.DataFrame, refusals: pl.DataFrame) -> None:
        KINDS[kind].checked.validate(frame)
        kept.setdefault(kind, []).append(frame)
        refused.append(refusals)

    shop = Pinduoduo("shop-p", more.pop("credentials", gateway.credentials), gateway.clock.setting(**more))
    result = pull(shop, gateway.clock.at - hours * HOUR, gateway.clock.at, topics, keep)
    shop.close()
    frames = {kind: pl.concat(some).unique(["shop", *KINDS[kind].key], keep="last", maintain_order=True) for kind, some in kept.items()}
    return result, frames, pl.concat(refused) if refused else pl.DataFrame()


def order(number: int, at: datetime, **more) -> dict:
    line = {"goods_id": 77, "sku_id": 5, "goods_name": "面霜", "goods_spec": "白", "goods_count": 2, "goods_price": 99.9, "outer_id": "A1"}
    return {
        "_id": number, "order_sn": f"261111-{number:06d}", "confirm_status": 1, "order_status": 1, "refund_status": 1, "pay_amount": 189.8,
            "postage": 0,
        "seller_discount": 10, "platform_discount": 0.01, "created_time": at - timedelta(minutes=2), "pay_time": at - timedelta(minutes=1),
            "updated_at": at,
        "shipping_time": None, "last_ship_time": at + timedelta(days=2), "province": "浙江省", "is_pre_sale": 0, "item_list": [line], **more,
    }


def fill(gateway: PinduoduoGateway, number: int = 330) -> list[dict]:
    gateway.rows[ORDERS] = [order(place, NOW - HOUR + timedelta(minutes=1, seconds=10 * place)) for place in range(number)]
    return gateway.rows[ORDERS]


def test_orders_are_read_in_windows_of_half_an_hour_that_are_three_minutes_old(gateway):
    fill(gateway)
    result, kept, refused = pulled(gateway, "orders")
    assert result.whole and len(kept["orders"]) == 330 == len(kept["order_lines"]) and refused.is_empty()
    assert result.cursors == {"orders": NOW - timedelta(minutes=3)}
    spans = {(int(call["start_updated_at"]), int(call["end_updated_at"])) for call in gateway.calls(ORDERS)}
    assert all(end - start <= 1800 for start, end in spans) and max(end for _, end in spans) == (NOW - timedelta(minutes=3)).timestamp()


def test_an_order_s_fields_become_the_kind_s(gateway):
    gateway.rows[ORDERS] = [order(1, NOW - 0.5 * HOUR), order(2, NOW - 0.5 * HOUR, refund_status=4), order(3, NOW - 0.5 * HOUR, pay_amount="1.005")]
    _, kept, refused = pulled(gateway, "orders")
    rows = kept["orders"].sort("order_id")
    names = ["order_id", "buyer_id", "status", "total_fen", "paid_fen", "refund_fen", "shop_discount_fen", "platform_discount_fen", "units",
        "after_sale", "presale"]
    assert rows.select(names).rows() == [
        ("261111-000001", None, "paid", 18980, 18980, 0, 1000, 1, 2, "none", False),
            ("261111-000002", None, "paid", 18980, None, None, 1000, 1, 2, "refunded", False),
    ]
    assert rows["ship_by"][0] == NOW - 0.5 * HOUR + timedelta(days=2) and rows["shipped_at"][0] is None
    line = kept["order_lines"].sort("order_id").row(0, named=True)
    assert (line["line_id"], line["item_id"], line["price_fen"], line["paid_fen"]) == ("261111-000001:5", "77", 9990, 18980)
    assert refused.filter(kind="orders").select("id", "field", "reason").rows() == [("261111-000003", "pay_amount", "not_money"),
        ("261111-000003", "paid_fen", "not_money")]


def test_nobody_s_name_phone_or_address_is_kept(gateway):
    fill(gateway, 3)
    _, kept, _ = pulled(gateway, "orders")
    everything = "".join(frame.write_json() for frame in kept.values())
    assert not [value for value in PERSON.values() if value in everything]


def test_refunds_are_read(gateway):
    at = NOW - 0.5 * HOUR
    gateway.rows[REFUNDS] = [{"_id": 7, "id": 7, "order_sn": "o", "sku_id": 5, "goods_id": 77, "created_time": int(at.timestamp()),
        "updated_time": at, "after_sales_status": 10,
                              "after_sales_type": 3, "refund_amount": "12.30", "after_sale_reason": "不想要了"}]
    row = pulled(gateway, "refunds")[1]["refunds"].row(0, named=True)
    assert (row["refund_id"], row["line_id"], row["refund_status"], row["refund_kind"], row["amount_fen"], row["created_at"]) == ("7", "o:5",
        "success", "return", 1230, at)


def test_goods_are_read_whole_as_items_and_stock(gateway):
    gateway.rows[GOODS] = [{"_id": n, "goods_id": n, "goods_name": "面霜", "goods_quantity": n, "is_onsale": n % 2, "created_at": 1762790401,
                            "sku_list": [{"outer_goods_id": f"A{n}"}]} for n in range(1, 251)]
    gateway.rows[GOODS][8]["goods_quantity"] = None
    _, kept, refused = pulled(gateway, "items", "stock")
    assert len(kept["items"]) == 250 and kept["items"]["price_fen"].null_count() == 250 and kept["items"].filter(on_sale=True).height == 125
    assert len(kept["stock"]) == 249 and refused.select("kind", "id", "reason").rows() == [("stock", "2026-11-11 9", "missing_value")]


def figures(**more) -> dict:
    return {"impression": 1000, "click": 10, "spend": 12345, "gmv": 1000000, "orderNum": 3, "goodsFavNum": 1, **more}


def test_the_hours_of_all_scenes_are_added_and_a_figure_one_lacks_is_unknown(gateway):
    for scene in range(3):
        gateway.rows[f"{HOURLY} 2026-11-11 {scene}"] = [figures(hour=10), figures(hour=11), figures(hour=9)]
    gateway.rows[f"{HOURLY} 2026-11-11 1"][0]["gmv"] = None
    hours = pulled(gateway, "hours", hours=2)[1]["hours"].sort("hour")
    assert hours.select("hour", "ad_impressions", "ad_spend_fen", "ad_deal_amount_fen").rows() == [
        (datetime(2026, 11, 11, 1, tzinfo=UTC), 3000, 3704, 300000), (datetime(2026, 11, 11, 2, tzinfo=UTC), 3000, 3704, None),
    ], "thousandths of a yuan; the hour under way has not ended; earlier hours are read again"


def test_the_days_of_each_scene_are_read(gateway):
    gateway.rows[f"{DAILY} 0"] = [figures(date="2026-11-10"), figures(date="2026-11-11")]
    rows = pulled(gateway, "ad_days", hours=48)[1]["ad_days"]
    assert rows.select("tool", "plan_id", "keyword", "spend_fen", "deals", "market_cpc_fen").rows() == [("多多搜索", "*", "*", 1234, 3, None)]


def test_what_pinduoduo_cannot_tell_is_unknown_with_the_reason(gateway):
    result, _, _ = pulled(gateway, "market", "keywords")
    assert ["average bid" in one.unknown or "unit by unit" in one.unknown for one in result.topics] == [True, True] and not gateway.http.log


def error(code: int, said: str = "不行") -> dict:
    return {"error_response": {"error_code": code, "error_msg": said, "sub_code": None, "sub_msg": said, "request_id": "r"}}


@pytest.mark.parametrize("fault", [body(error(70031)), body(error(52101)), body(error(50000)), busy(), html, cut_off, body({})])
def test_what_passes_is_waited_for_and_asked_again(gateway, fault):
    fill(gateway, 30)
    gateway.faults = [fault]
    result, kept, _ = pulled(gateway, "orders")
    assert result.whole and len(kept["orders"]) == 30 and gateway.clock.slept == [1]


def test_an_answer_that_counts_nothing_is_not_no_orders(gateway):
    gateway.faults = [body({"order_sn_increment_get_response": {"order_sn_list": []}})]
    result, kept, _ = pulled(gateway, "orders")
    assert "does not count its rows" in result.topics[0].unknown and not kept


@pytest.mark.parametrize(("code", "words"), [(20004, "check app_key"), (20005, "allowed addresses"), (10014, "clock"), (10000, "please report it"),
    (20031, "permission package")])
def test_refusals_carry_their_remedy(gateway, code, words):
    gateway.faults = [body(error(code))]
    shop = Pinduoduo("shop-p", gateway.credentials, gateway.clock.setting())
    with pytest.raises(Refused, match=words):
        list(shop.pull("orders", NOW - 0.5 * HOUR, NOW - 0.2 * HOUR))
    shop.close()


def test_advertising_that_is_not_open_is_unknown(gateway):
    gateway.faults = [body({"response": {"success": False, "errorCode": 1001, "errorMsg": "未开通"}})]
    assert "opened advertising" in pulled(gateway, "ad_days", hours=48)[0].topics[0].unknown


def test_a_missing_permission_is_unknown_and_does_not_stop_the_others(gateway):
    fill(gateway, 3)
    gateway.denied = {REFUNDS}
    result, kept, _ = pulled(gateway, "refunds", "orders")
    assert result.topics[0].permission and result.topics[1].unknown is None and len(kept["orders"]) == 3


def test_an_expired_token_is_renewed_once_and_the_pull_goes_on(gateway):
    fill(gateway, 30)
    told: list[Credentials] = []
    gateway.tokens = {"another"}
    result, kept, _ = pulled(gateway, "orders", renewed=told.append)
    assert result.whole and len(kept["orders"]) == 30 and [(one.access_token, one.refresh_token) for one in told] == [(NEW_TOKEN, NEW_REFRESH)]


def test_orders_that_move_while_they_are_read_are_not_lost(gateway):
    found = fill(gateway)
    places = iter([3, 120, 249, 0, 60, 310, 100])

    def move() -> None:
        gateway.clock.at += timedelta(seconds=1)
        place = next(places, None)
        if place is not None:
            found[place]["updated_at"] = gateway.clock.at

    gateway.between = move
    first, kept, _ = pulled(gateway, "orders")
    gateway.clock.at += timedelta(minutes=10)
    shop = Pinduoduo("shop-p", gateway.credentials, gateway.clock.setting())
    more: list[pl.DataFrame] = []
    pull(shop, first.cursors, gateway.clock.at, ["orders"], lambda kind, frame, refusals: more.append(frame) if kind == "orders" else None)
    shop.close()
    assert pl.concat([kept["orders"], *more])["order_id"].n_unique() == 330


def test_no_secret_reaches_a_log(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    fill(gateway, 3)
    gateway.faults = [body(error(10000, f"bad {TOKEN} {SECRET}"))]
    failed, _, _ = pulled(gateway, "orders")
    gateway.tokens = set()
    result, _, _ = pulled(gateway, "orders")
    said = logged(caplog.records) + repr(result) + repr(failed)
    assert "HTTP Request: POST" in said and "***" in failed.topics[0].unknown
    assert [secret for secret in (SECRET, TOKEN, REFRESH, NEW_TOKEN, NEW_REFRESH) if secret in said] == []
