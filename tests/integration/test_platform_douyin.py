"""The Douyin client against a local gateway that checks what Douyin checks, and misbehaves as it does."""

import logging
from datetime import datetime, timedelta

import polars as pl
import pytest
from pytest_httpserver import HTTPServer

from ecops.platforms.credentials import Credentials
from ecops.platforms.douyin import ITEMS, ORDERS, REFUNDS, SKUS, Douyin
from ecops.platforms.errors import Refused
from ecops.platforms.pull import PullResult, pull
from ecops.shop.kinds import KINDS
from tests.platforms import NEW_REFRESH, NEW_TOKEN, NOW, REFRESH, SECRET, TOKEN, DouyinGateway, body, busy, cut_off, html, logged

HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(httpserver: HTTPServer) -> DouyinGateway:
    return DouyinGateway(httpserver)


def pulled(gateway: DouyinGateway, *topics: str, hours: float = 1, **more) -> tuple[PullResult, dict[str, pl.DataFrame], pl.DataFrame]:
    kept: dict[str, list[pl.DataFrame]] = {}
    refused = []

    def keep(kind: str, frame: pl.DataFrame, refusals: pl.DataFrame) -> None:
        KINDS[kind].checked.validate(frame)
        kept.setdefault(kind, []).append(frame)
        refused.append(refusals)

    shop = Douyin("shop-d", more.pop("credentials", gateway.credentials), gateway.clock.setting(**more))
    result = pull(shop, gateway.clock.at - hours * HOUR, gateway.clock.at, topics, keep)
    shop.close()
    frames = {kind: pl.concat(some).unique(["shop", *KINDS[kind].key], keep="last", maintain_order=True) for kind, some in kept.items()}
    return result, frames, pl.concat(refused) if refused else pl.DataFrame()


def order(number: int, at: datetime, **more) -> dict:
    seconds = int(at.timestamp())
    line = {
        "order_id": f"{number}1", "parent_order_id": str(number), "product_id": 3539925204033339668, "product_id_str": "3539925204033339668",
        "product_name": "面霜", "sku_id": 9, "spec": [{"name": "颜色", "value": "白"}], "code": "A1", "item_num": 2, "origin_amount": 9990,
        "order_amount": 19980, "pay_amount": 18980, "order_status": 2, "pay_time": seconds, "ship_time": 0, "author_id": 0, "pre_sale_type": 0,
        "after_sale_info": {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0},
    }
    return {
        "_id": number, "order_id": str(number), "doudian_open_id": f"1@#{number}", "order_status": 2, "order_amount": 19980, "pay_amount": 18980,
        "post_amount": 0, "promotion_shop_amount": 1000, "promotion_platform_amount": 0, "create_time": seconds - 60, "pay_time": seconds,
        "update_time": at, "ship_time": 0, "finish_time": 0, "exp_ship_time": seconds + 86400, "cancel_reason": "", "b_type_desc": "抖音",
        "post_addr": {"province": {"name": "浙江省"}, "detail": "##密文##"}, "post_receiver": "王小明", "post_tel": "13812345678", "user_nick_name": "小明",
        "sku_order_list": [line], **more,
    }


def fill(gateway: DouyinGateway, number: int = 250) -> list[dict]:
    gateway.rows[ORDERS] = [order(4800000000000000000 + place, NOW - HOUR + timedelta(minutes=1, seconds=12 * place)) for place in range(number)]
    return gateway.rows[ORDERS]


@pytest.mark.parametrize("sign_method", ["md5", "hmac-sha256"])
def test_orders_and_lines_are_read_whatever_the_signature(gateway, sign_method):
    fill(gateway)
    shop = Douyin("shop-d", gateway.credentials, gateway.clock.setting(), sign_method)
    orders, lines = shop.pull("orders", NOW - HOUR, NOW - timedelta(minutes=2))
    shop.close()
    assert (len(orders.frame), len(lines.frame)) == (250, 250)
    assert [call["page"] for call in gateway.calls(ORDERS)] == [0, 3, 2, 1, 0], "pages count from 0 and are read from the last"


def test_an_order_s_fields_become_the_kind_s(gateway):
    gateway.rows[ORDERS] = [order(48, NOW - 0.5 * HOUR)]
    _, kept, refused = pulled(gateway, "orders")
    row, line = kept["orders"].row(0, named=True), kept["order_lines"].row(0, named=True)
    names = ("order_id", "buyer_id", "status", "total_fen", "paid_fen", "refund_fen", "shop_discount_fen", "units", "presale", "province",
        "close_reason")
    assert {name: row[name] for name in names} == {
        "order_id": "48", "buyer_id": "1@#48", "status": "paid", "total_fen": 18980, "paid_fen": 18980, "refund_fen": 0, "shop_discount_fen": 1000,
        "units": 2, "presale": False, "province": "浙江省", "close_reason": None,
    }
    assert row["paid_at"] == NOW - 0.5 * HOUR and row["shipped_at"] is None and row["ship_by"] == NOW + 23.5 * HOUR
    assert (line["item_id"], line["sku"], line["price_fen"], line["refund_status"], line["talent_id"]) == ("3539925204033339668", "颜色:白", 9990,
        "none", None)
    assert refused.is_empty()
    everything = "".join(frame.write_json() for frame in kept.values())
    assert not [word for word in ("王小明", "13812345678", "小明", "密文") if word in everything]


def test_unpaid_and_refunded_orders_claim_no_payment(gateway):
    unpaid = order(1, NOW - 0.5 * HOUR, pay_time=0, order_status=1)
    unpaid["sku_order_list"][0]["pay_time"] = 0
    back = order(2, NOW - 0.5 * HOUR)
    back["sku_order_list"][0]["after_sale_info"]["after_sale_status"] = 12
    gateway.rows[ORDERS] = [unpaid, back]
    orders = pulled(gateway, "orders")[1]["orders"].sort("order_id")
    assert orders.select("paid_fen", "refund_fen", "after_sale").rows() == [(0, 0, "none"), (None, None, "refunded")]


def test_after_sales_are_read(gateway):
    at = NOW - 0.5 * HOUR
    info = {"aftersale_id": "7", "aftersale_type": 1, "aftersale_status": 12, "apply_time": int(at.timestamp()) - 600, "refund_amount": 1230,
            "aftersale_status_to_final_time": int(at.timestamp()), "update_time": int(at.timestamp())}
    related = [{"sku_order_id": "481", "product_id": 3539925204033339668}]
    broken = {"_id": 8, "update_time": at, "aftersale_info": {**info, "aftersale_id": "8", "refund_amount": "12.3"},
        "order_info": {"shop_order_id": "48"}}
    gateway.rows[REFUNDS] = [{"_id": 7, "update_time": at, "aftersale_info": info,
        "order_info": {"shop_order_id": "48", "related_order_info": related}}, broken]
    _, kept, refused = pulled(gateway, "refunds")
    row = kept["refunds"].row(0, named=True)
    assert (row["refund_id"], row["order_id"], row["line_id"], row["refund_status"], row["refund_kind"], row["amount_fen"], row["shipped"]) == (
        "7", "48", "481", "success", "refund", 1230, True)
    assert row["closed_at"] == at
    assert refused.select("id", "field", "reason").rows() == [("8", "aftersale_info.refund_amount", "not_money")]


def product(number: int, **more) -> dict:
    return {"_id": number, "product_id": number, "name": f"面霜 {number}", "status": 0, "check_status": 3, "discount_price": 9990,
        "outer_product_id": "A1",
            "create_time": int(NOW.timestamp()) - 86400, "update_time": NOW - timedelta(days=number % 500) - HOUR,
                "category_detail": {"third_cname": "面霜"}, **more}


def test_items_are_read_by_change_time_and_stock_product_by_product(gateway):
    gateway.rows[ITEMS] = [product(number) for number in range(1, 251)]
    for number in range(1, 251):
        gateway.rows[f"{SKUS} {number}"] = [{"id": 1, "stock_num": number}, {"id": 2, "stock_num": 1}]
    gateway.rows[f"{SKUS} 9"] = [{"id": 1}]
    _, kept, refused = pulled(gateway, "stock")
    stock = dict(kept["stock"].select("item_id", "closing_units").rows())
    assert len(stock) == 249 and stock["7"] == 8
    assert refused.select("field", "reason").rows() == [("closing_units", "missing_value")], "a variant without a figure makes the sum unknown"
    _, kept, _ = pulled(gateway, "items", hours=24 * 10)
    assert kept["items"].height == 9 and kept["items"].select("category", "on_sale", "price_fen").unique().rows() == [("面霜", True, 9990)]


def test_what_douyin_cannot_tell_is_unknown_with_the_reason(gateway):
    result, kept, _ = pulled(gateway, "hours", "ad_days", "market")
    assert not kept and all("巨量千川" in one.unknown for one in result.topics) and not gateway.http.log


LIMIT = {"code": 50002, "msg": "业务处理失败", "sub_code": "isv.business-failed:limit", "sub_msg": "触发限流"}
ISP = {"code": 20000, "msg": "系统错误", "sub_code": "isp.service-error:20005"}


@pytest.mark.parametrize("fault", [body(LIMIT), body(ISP), busy(), html, cut_off, body({}), body({"code": 10000, "data": None}), body({"err_no": 7,
    "message": "服务器错误"})])
def test_what_passes_is_waited_for_and_asked_again(gateway, fault):
    fill(gateway, 30)
    gateway.faults = [fault]
    result, kept, _ = pulled(gateway, "orders")
    assert result.whole and len(kept["orders"]) == 30 and gateway.clock.slept == [1]


def test_a_missing_package_is_unknown_and_does_not_stop_the_others(gateway):
    fill(gateway, 3)
    gateway.denied = {REFUNDS}
    result, kept, _ = pulled(gateway, "refunds", "orders")
    assert result.topics[0].permission and "isv.app-permissions-insufficient" in result.topics[0].unknown and len(kept["orders"]) == 3


def test_an_expired_token_is_renewed_once_and_the_pull_goes_on(gateway):
    fill(gateway, 30)
    told: list[Credentials] = []
    gateway.tokens = {"another"}
    result, kept, _ = pulled(gateway, "orders", renewed=told.append)
    assert result.whole and len(kept["orders"]) == 30 and [(one.access_token, one.refresh_token) for one in told] == [(NEW_TOKEN, NEW_REFRESH)]


def test_a_token_that_cannot_be_renewed_says_what_to_do(gateway):
    gateway.tokens = set()
    held = gateway.credentials
    result, _, _ = pulled(gateway, "orders", credentials=Credentials(held.app_key, held.app_secret, TOKEN, None, held.gateway))
    assert "authorise the app for the shop again" in result.topics[0].unknown and len(gateway.http.log) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [({"code": 40003, "sub_code": "isv.signature-invalid"}, "check app_key and app_secret"),
        ({"code": 40003, "sub_code": "isv.timestamp-expired"}, "clock"),
     ({"code": 40003, "sub_code": "isv.ip-not-allowed"}, "allowed addresses"),
         ({"code": 40004, "sub_code": "isv.parameter-invalid:1"}, "please report it")],
)
def test_refusals_carry_their_remedy(gateway, error, words):
    gateway.faults = [body(error)]
    shop = Douyin("shop-d", gateway.credentials, gateway.clock.setting())
    with pytest.raises(Refused, match=words):
        list(shop.pull("orders", NOW - HOUR, NOW))
    shop.close()


def test_too_many_orders_for_one_window_are_asked_for_in_halves(gateway, monkeypatch):
    monkeypatch.setattr("ecops.platforms.douyin._MOST", 100)
    fill(gateway)
    _, kept, _ = pulled(gateway, "orders")
    assert len(kept["orders"]) == 250
    assert len({(call["update_time_start"], call["update_time_end"]) for call in gateway.calls(ORDERS)}) > 3


def test_orders_that_move_while_they_are_read_are_not_lost(gateway):
    found = fill(gateway)
    places = iter([3, 120, 249, 0, 60])

    def move() -> None:
        gateway.clock.at += timedelta(seconds=1)
        place = next(places, None)
        if place is not None:
            found[place]["update_time"] = gateway.clock.at

    gateway.between = move
    first, kept, _ = pulled(gateway, "orders")
    gateway.clock.at += timedelta(minutes=10)
    shop = Douyin("shop-d", gateway.credentials, gateway.clock.setting())
    more: list[pl.DataFrame] = []
    pull(shop, first.cursors, gateway.clock.at, ["orders"], lambda kind, frame, refusals: more.append(frame) if kind == "orders" else None)
    shop.close()
    assert pl.concat([kept["orders"], *more])["order_id"].n_unique() == 250


def test_a_day_ninety_days_ago_is_asked_for_and_what_lies_before_is_said(gateway):
    result, _, _ = pulled(gateway, "orders", hours=24 * 95)
    one = result.topics[0]
    assert one.unknown is None and one.beyond is not None and one.beyond.since == NOW - timedelta(days=95)


def test_the_token_in_the_query_reaches_no_log(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    fill(gateway, 3)
    gateway.faults = [busy(), html]
    result, _, _ = pulled(gateway, "orders")
    gateway.faults = [body({"code": 40004, "msg": f"bad {TOKEN}", "sub_code": f"isv.{SECRET}"})]
    failed, _, _ = pulled(gateway, "orders")
    gateway.tokens = set()
    pulled(gateway, "orders")
    said = logged(caplog.records) + repr(result) + repr(failed)
    assert "HTTP Request: POST" in said and "order/searchList" in said, "the log is really on"
    assert [secret for secret in (SECRET, TOKEN, REFRESH, NEW_TOKEN, NEW_REFRESH) if secret in said] == []
