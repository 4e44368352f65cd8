"""The Taobao client against a local gateway that checks what TOP checks, and misbehaves as TOP does."""

import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from ecops.errors import BadCall
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError, RateLimited, Refused, TokenExpired, Unavailable, Unreadable
from ecops.platforms.pull import PullResult, pull
from ecops.platforms.taobao import HOURLY, IN_STORE, KEYWORDS, MARKET, ON_SALE, ORDERS, PLANS, REFUNDS, Taobao
from ecops.shop.kinds import KINDS
from tests.platforms import (
    NEW_REFRESH, NEW_TOKEN, NOW, PERSON, REFRESH, SECRET, TOKEN, TaobaoGateway, body, busy, cut_off, html, logged, no_object, reply, trade, trades,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(httpserver: HTTPServer) -> TaobaoGateway:
    return TaobaoGateway(httpserver)


def pulled(gateway: TaobaoGateway, *topics: str, hours: float = 1, **more) -> tuple[PullResult, dict[str, pl.DataFrame], pl.DataFrame]:
    """A pull of the last hours: its result, what was kept by kind (newest of each key), and all refusals."""
    kept: dict[str, list[pl.DataFrame]] = {}
    refused = []

    def keep(kind: str, frame: pl.DataFrame, refusals: pl.DataFrame) -> None:
        KINDS[kind].checked.validate(frame)
        kept.setdefault(kind, []).append(frame)
        refused.append(refusals)

    shop = Taobao("shop-a", more.pop("credentials", gateway.credentials), gateway.clock.setting(**more))
    result = pull(shop, gateway.clock.at - hours * HOUR, gateway.clock.at, topics, keep)
    shop.close()
    frames = {kind: pl.concat(some).unique(["shop", *KINDS[kind].key], keep="last", maintain_order=True) for kind, some in kept.items()}
    return result, frames, pl.concat(refused) if refused else pl.DataFrame()


def fill(gateway: TaobaoGateway, number: int = 120) -> list[dict]:
    """Trades of the last hour."""
    found = list(trades(number, NOW - HOUR + timedelta(minutes=1), timedelta(seconds=25)))
    gateway.rows[ORDERS] = found
    return found


@pytest.mark.parametrize("sign_method", ["md5", "hmac", "hmac-sha256"])
def test_orders_and_lines_are_read_whatever_the_signature(gateway, sign_method):
    fill(gateway)
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting(), sign_method)
    window = shop.windows("orders", NOW - HOUR, NOW).windows[0]
    orders, lines = shop.pull("orders", window.since, window.until)
    assert (orders.kind, len(orders.frame), lines.kind, len(lines.frame)) == ("orders", 120, "order_lines", 120)
    assert [int(call["page_no"]) for call in gateway.calls(ORDERS)] == [1, 4, 3, 2, 1], "from the last page to the first"
    shop.close()


def test_a_trade_s_fields_become_the_kind_s(gateway):
    gateway.rows[ORDERS] = [trade(4000000000000000001, NOW - 0.5 * HOUR)]
    _, kept, refused = pulled(gateway, "orders")
    order, line = kept["orders"].row(0, named=True), kept["order_lines"].row(0, named=True)
    assert {key: order[key] for key in ("order_id", "buyer_id", "status", "total_fen", "paid_fen", "refund_fen", "units", "after_sale",
        "province")} == {
        "order_id": "4000000000000000001", "buyer_id": "AAE4000000000000000001", "status": "paid", "total_fen": 18980, "paid_fen": 18980,
            "refund_fen": 0,
        "units": 2, "after_sale": "none", "province": "浙江省",
    }
    assert order["paid_at"] == NOW - 0.5 * HOUR - timedelta(minutes=1) and order["shipped_at"] is None and order["received_fen"] is None
    assert (line["item_id"], line["merchant_code"], line["price_fen"], line["payable_fen"], line["paid_fen"]) == ("77", "A1", 9990, 19980, 18980)
    assert refused.is_empty()


def test_where_something_was_refunded_the_trade_s_own_amounts_are_unknown(gateway):
    back = trade(1, NOW - 0.5 * HOUR, status="TRADE_CLOSED")
    back["orders"]["order"][0]["refund_status"] = "SUCCESS"
    unpaid = trade(2, NOW - 0.4 * HOUR, status="WAIT_BUYER_PAY", pay_time=None, step_trade_status="FRONT_PAID_FINAL_NOPAID", step_paid_fee="50.00")
    gateway.rows[ORDERS] = [back, unpaid]
    orders = pulled(gateway, "orders")[1]["orders"].sort("order_id")
    assert orders.select("paid_fen", "refund_fen", "deposit_fen", "after_sale", "presale").rows() == [
        (None, None, None, "refunded", False), (5000, 0, 5000, "none", True),
    ]


def test_nobody_s_name_phone_or_address_is_kept(gateway):
    fill(gateway)
    gateway.rows[REFUNDS] = [refund(1)]
    _, kept, refused = pulled(gateway, "orders", "refunds")
    everything = "".join(frame.write_json() for frame in [*kept.values(), refused])
    assert not [value for value in PERSON.values() if value in everything]


def refund(number: int, **more) -> dict:
    return {
        "_id": number, "refund_id": str(number), "tid": 5, "oid": 6, "num_iid": 77, "created": NOW - HOUR, "modified": NOW - 0.5 * HOUR,
        "status": "SUCCESS", "refund_fee": "12.30", "reason": "不想要了", "has_good_return": True, **more,
    }


def test_refunds_are_read(gateway):
    gateway.rows[REFUNDS] = [refund(1), refund(2, status="SELLER_REFUSE_BUYER", has_good_return=False), refund(3, refund_fee="1.234")]
    result, kept, refused = pulled(gateway, "refunds")
    rows = kept["refunds"].sort("refund_id").select("refund_id", "refund_status", "refund_kind", "amount_fen", "closed_at").rows()
    assert rows == [("1", "success", "return", 1230, None), ("2", "refused", "refund", 1230, None)]
    assert refused.rows() == [("refunds", "3", "refund_fee", "1.234", "not_money")]
    assert result.topics[0].rows == {"refunds": 2} and result.topics[0].refused == {"refunds": 1}


def test_pre_sales_and_other_types_are_asked_for_by_name(gateway):
    """TOP tells only the commonest types by itself."""
    gateway.rows[ORDERS] = [trade(1, NOW - 0.5 * HOUR, _type="step"), trade(2, NOW - 0.5 * HOUR, _type="tmall_i18n")]
    gateway.rows[REFUNDS] = [refund(1, _type="step")]
    _, kept, _ = pulled(gateway, "orders", "refunds")
    assert len(kept["orders"]) == 2 and len(kept["refunds"]) == 1


def item(number: int, **more) -> dict:
    return {
        "_id": number, "num_iid": number, "title": f"面霜 {number}", "cid": 50, "price": "99.90", "num": number, "approve_status": "onsale",
        "list_time": NOW - 24 * HOUR, "modified": NOW - timedelta(days=number % 2000) - HOUR, **more,
    }


def test_items_and_stock_are_read_on_both_sides_of_the_shelf(gateway):
    gateway.rows[ON_SALE] = [item(number) for number in range(1, 451)]
    gateway.rows[IN_STORE] = [item(number, approve_status="instock") for number in range(1000, 1003)]
    _, kept, _ = pulled(gateway, "stock")
    stock = kept["stock"]
    assert len(stock) == 453 and stock["date"].unique().to_list() == [NOW.date()]
    assert stock.filter(pl.col("item_id") == "7")["closing_units"].item() == 7
    _, kept, _ = pulled(gateway, "items", hours=24 * 10)
    assert kept["items"].filter(pl.col("on_sale")).height == 9 and kept["items"]["price_fen"].unique().to_list() == [9990]


def test_a_shop_with_more_items_than_can_be_paged_is_cut_by_change_time(gateway, monkeypatch):
    monkeypatch.setattr("ecops.platforms.taobao._MOST_ITEMS", 400)
    gateway.rows[ON_SALE] = [item(number) for number in range(1, 1201)]
    assert len(pulled(gateway, "stock")[1]["stock"]) == 1200


def test_an_item_edited_while_the_stock_is_read_is_not_lost(gateway):
    gateway.rows[ON_SALE] = [item(number) for number in range(1, 450)]
    edits = iter(range(1, 20))

    def edit() -> None:
        gateway.clock.at += timedelta(seconds=1)
        number = next(edits, None)
        if number is not None:
            gateway.rows[ON_SALE][number * 20]["modified"] = gateway.clock.at

    gateway.between = edit
    assert len(pulled(gateway, "stock")[1]["stock"]) == 449


def test_the_hours_of_advertising_are_read_hour_by_hour(gateway):
    for hour in (9, 10, 11):
        gateway.rows[f"{HOURLY} 2026-11-11 {hour}"] = [{"impression": "1000", "click": "10", "cost": "1234", "transactiontotal": "56789"}]
    _, kept, refused = pulled(gateway, "hours", hours=2)
    hours = kept["hours"].sort("hour")
    assert hours["hour"].to_list() == [datetime(2026, 11, 11, hour, tzinfo=UTC) for hour in (1, 2)], "the hour under way has not ended"
    assert hours.select("ad_impressions", "ad_clicks", "ad_spend_fen", "ad_deal_amount_fen", "visitors").row(0) == (1000, 10, 1234, 56789, None)
    assert refused.is_empty()


def test_an_hourly_amount_that_is_no_whole_number_of_fen_is_refused(gateway):
    """Should the figure turn out to be in yuan, it must not pass for fen."""
    gateway.rows[f"{HOURLY} 2026-11-11 10"] = [{"impression": "1", "click": "1", "cost": "12.34", "transactiontotal": "0"}]
    _, kept, refused = pulled(gateway, "hours", hours=2)
    assert kept["hours"].is_empty() and refused["reason"].to_list() == ["not_money"]


def report(day: str, word: str | None = None, **index) -> dict:
    index = {"ad_pv": "1000", "click": "10", "charge": "12.34", "alipay_inshop_num": "3", "alipay_inshop_amt": "300.00", **index}
    return {"thedate": day, "campaign_id": 5, "campaign_name": "双11", "report_index": index, **({"original_word": word} if word else {})}


def test_plans_keywords_and_the_market_s_price_meet_on_the_same_rows(gateway):
    gateway.rows[PLANS] = [report("2026-11-10"), report("2026-11-11"), report("2026-11-09")]
    gateway.rows[KEYWORDS] = [report("2026-11-10", "面霜"), report("2026-11-10", "保湿")]
    gateway.rows[MARKET] = [{"bidword": "面霜", "cpc": "123.6", "cost": 9}]
    result, kept, _ = pulled(gateway, "ad_days", hours=48)
    assert kept["ad_days"].sort("date").select("keyword", "plan_id", "impressions", "spend_fen", "deal_amount_fen", "direct_amount_fen").rows() == [
        ("*", "5", 1000, 1234, 30000, None), ("*", "5", 1000, 1234, 30000, None)
    ], "the day under way has not ended"
    assert result.cursors == {"ad_days": datetime(2026, 11, 10, 16, tzinfo=UTC)}
    words = pulled(gateway, "keywords", hours=48)[1]["ad_days"]
    market = pulled(gateway, "market", hours=48)[1]["ad_days"].sort("keyword")
    key = ["shop", *KINDS["ad_days"].key]
    assert words.select(key).sort(key).equals(market.select(key).sort(key))
    assert market.select("keyword", "market_cpc_fen", "spend_fen").rows() == [("保湿", None, None), ("面霜", 124, None)]


def test_more_than_a_hundred_keywords_are_asked_for_a_hundred_at_a_time(gateway):
    gateway.rows[KEYWORDS] = [report("2026-11-10", f"词{number}") for number in range(250)]
    pulled(gateway, "market", hours=36)
    assert [len(call["bidword_list"].split(",")) for call in gateway.calls(MARKET)] == [100, 100, 50]


# -- misbehaviour ----------------------------------------------------------------------------------------------------

LIMIT = {"error_response": {"code": 7, "msg": "App Call Limited", "sub_code": "accesscontrol.limited-by-api-access-count",
    "sub_msg": "This ban will last for 7 more seconds"}}
ISP = {"error_response": {"code": 15, "msg": "Remote service error", "sub_code": "isp.trade-service-timeout", "sub_msg": "超时"}}


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (body(LIMIT), 7), (body(ISP), 1), (busy(), 1), (busy("9"), 9), (busy("Wed, 11 Nov 2026 04:00:11 GMT"), 11), (busy(status=429), 1), (html, 1),
        (cut_off, 1), (no_object, 1), (body({}), 1), (body({"trades_sold_increment_get_response": {"trades": {"trade": []}}}), None),
    ],
)
def test_what_passes_is_waited_for_and_asked_again(gateway, fault, pause):
    fill(gateway, 30)
    gateway.faults = [fault]
    result, kept, _ = pulled(gateway, "orders")
    if pause is None:
        assert not result.whole and not kept, "an answer that counts nothing is not no orders"
        return
    assert result.whole and len(kept["orders"]) == 30 and gateway.clock.slept == [pause]


@pytest.mark.parametrize(
    ("fault", "error", "pauses"),
    [(body(LIMIT), RateLimited, [7, 7, 7]), (body(ISP), Unavailable, [1, 2, 4]), (busy(), Unavailable, [1, 2, 4]), (html, Unreadable, [1, 2, 4]),
        (busy("9999"), RateLimited, [])],
)
def test_what_does_not_pass_is_given_up_after_a_few_attempts(gateway, fault, error, pauses):
    gateway.faults = [fault] * 9
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    with pytest.raises(error) as raised:
        list(shop.pull("orders", NOW - HOUR, NOW - timedelta(minutes=2)))
    assert gateway.clock.slept == pauses and "\n" not in str(raised.value)
    shop.close()


@pytest.mark.parametrize(
    ("code", "sub_code", "words"),
    [("40", "isv.missing-parameter:fields", "fault of ecops"), ("15", "isv.trade-not-exist", "the call itself is wrong"),
        ("25", "", "check app_key and app_secret"), ("29", "", "check app_key")],
)
def test_what_is_our_own_mistake_is_not_asked_again(gateway, code, sub_code, words):
    gateway.faults = [body({"error_response": {"code": int(code), "msg": "no", "sub_code": sub_code}})] * 2
    result, _, _ = pulled(gateway, "orders")
    assert words in result.topics[0].unknown and len(gateway.faults) == 1 and gateway.clock.slept == []


def test_a_missing_permission_is_unknown_and_does_not_stop_the_others(gateway):
    fill(gateway, 3)
    gateway.denied = {REFUNDS, HOURLY}
    result, kept, _ = pulled(gateway, "refunds", "hours", "orders", hours=3)
    by_topic = {one.topic: one for one in result.topics}
    assert by_topic["refunds"].permission and "apply for this call's permission" in by_topic["refunds"].unknown and by_topic["hours"].permission
    assert by_topic["orders"].unknown is None and len(kept["orders"]) == 3
    assert by_topic["refunds"].cursor == NOW - 3 * HOUR


def test_an_expired_token_is_renewed_once_and_the_pull_goes_on(gateway):
    fill(gateway, 120)
    told: list[Credentials] = []
    asks = iter(range(100))

    def expire() -> None:
        if next(asks) == 2:
            gateway.tokens = set()

    gateway.between = expire
    result, kept, _ = pulled(gateway, "orders", renewed=told.append)
    assert result.whole and len(kept["orders"]) == 120
    assert [(one.access_token, one.refresh_token) for one in told] == [(NEW_TOKEN, NEW_REFRESH)]


@pytest.mark.parametrize("refresh", [None, "an older refresh token"])
def test_a_token_that_cannot_be_renewed_ends_the_pull_with_what_to_do(gateway, refresh):
    gateway.tokens = set()
    held = gateway.credentials
    result, kept, _ = pulled(gateway, "orders", "refunds", credentials=Credentials(held.app_key, held.app_secret, TOKEN, refresh, held.gateway))
    assert [one.cursor for one in result.topics] == [NOW - HOUR] * 2 and not kept
    assert all("uthorise the app for the shop again" in one.unknown for one in result.topics)
    assert len(gateway.http.log) == (1 if refresh is None else 2), "without a token nothing more is asked"


def test_a_clock_that_is_off_is_told_with_the_remedy(gateway):
    gateway.skew = timedelta(minutes=14)
    result, _, _ = pulled(gateway, "orders")
    assert "set this machine's clock" in result.topics[0].unknown


def test_how_far_the_clock_is_off_is_told_where_the_gateway_dates_its_answers(gateway):
    gateway.faults = [lambda: reply({"error_response": {"code": 31, "msg": "Invalid timestamp"}}, Date="Wed, 11 Nov 2026 04:14:00 GMT")]
    result, _, _ = pulled(gateway, "orders")
    assert "behind" in result.topics[0].unknown or "ahead" in result.topics[0].unknown


def test_an_answer_without_end_is_not_read_to_its_end(gateway, monkeypatch):
    monkeypatch.setattr("ecops.platforms.client._LARGEST", 2_000)
    gateway.faults = [lambda: reply("x" * 5_000)] * 4
    assert "larger than" in pulled(gateway, "orders")[0].topics[0].unknown


def test_a_gateway_that_is_gone_is_said_plainly(gateway):
    held = gateway.credentials
    away = Credentials(held.app_key, held.app_secret, held.access_token, None, "http://127.0.0.1:9")
    result, _, _ = pulled(gateway, "orders", credentials=away)
    assert "could not be reached (ConnectError)" in result.topics[0].unknown


def test_an_answer_that_drips_is_not_waited_for_for_ever(gateway):
    ticks = iter(range(0, 10**9, 200))
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting(clock=lambda: float(next(ticks)), per_second=1e9))
    fill(gateway, 3)
    with pytest.raises(Unavailable, match="still answering"):
        list(pull_with_slow_clock(shop))
    shop.close()


def pull_with_slow_clock(shop: Taobao):
    """Each look at the clock costs 200 s; an answer in several parts takes too long."""
    shop.session._http = type("Dripping", (), {"stream": staticmethod(dripping), "close": staticmethod(lambda: None)})()
    return shop.pull("orders", NOW - HOUR, NOW - timedelta(minutes=2))


@contextmanager
def dripping(*asked, **more):
    yield type("Answer", (), {"iter_bytes": staticmethod(lambda: iter([b"{", b" ", b"}"])), "status_code": 200, "headers": {}})()


def test_a_slow_gateway_is_not_waited_for_for_ever(gateway):
    import threading

    release = threading.Event()

    def stuck():
        release.wait(5)
        return reply({})

    gateway.faults = [stuck] * 4
    result, _, _ = pulled(gateway, "orders", timeout=0.05)
    release.set()
    assert "did not answer within 0.05 s" in result.topics[0].unknown


@pytest.mark.parametrize("lie", [-70, -119, 3])
def test_a_total_that_lies_loses_no_order(gateway, lie):
    fill(gateway)
    gateway.lie = lie
    result, kept, _ = pulled(gateway, "orders")
    if lie < 0:
        assert result.whole and len(kept["orders"]) == 120
    else:
        assert "though the answer counts 123" in result.topics[0].unknown and not kept, "not all of them is never taken for all"


def test_an_empty_page_in_the_middle_is_asked_for_again(gateway):
    fill(gateway)
    empty = body({"trades_sold_increment_get_response": {"total_results": 120}})
    gateway.faults = [lambda: None, lambda: None, empty]
    # A fault that answers nothing lets the request through.
    result, kept, _ = pulled(gateway, "orders")
    assert result.whole and len(kept["orders"]) == 120


def test_rows_that_come_twice_count_once(gateway):
    found = fill(gateway, 60)
    gateway.rows[ORDERS] = [*found, *found[10:40]]
    assert pulled(gateway, "orders")[0].topics[0].rows == {"orders": 60, "order_lines": 60}


@given(st.lists(st.lists(st.integers(0, 119), max_size=5), max_size=12), st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orders_that_move_while_they_are_read_are_read_once_each_in_their_newest_version(gateway, changes, open_start):
    gateway.clock.at, gateway.open_start = NOW, open_start
    found = fill(gateway)
    queue = list(changes)

    def move() -> None:
        gateway.clock.at += timedelta(seconds=1)
        for place in queue.pop(0) if queue else []:
            found[place].update(modified=gateway.clock.at, receiver_state=f"{gateway.clock.at:%M%S}")

    gateway.between = move
    first, kept, _ = pulled(gateway, "orders")
    cursor = first.cursors["orders"]
    queue.clear()
    gateway.clock.at += timedelta(minutes=10)
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    more: list[pl.DataFrame] = []
    pull(shop, cursor, gateway.clock.at, ["orders"], lambda kind, frame, refusals: more.append(frame) if kind == "orders" else None)
    shop.close()
    orders = pl.concat([kept["orders"], *more]).unique("order_id", keep="last")
    assert dict(orders.select("order_id", "province").rows()) == {str(row["tid"]): row["receiver_state"] for row in found}


def test_windows_of_a_long_time_are_a_day_at_most_and_miss_nothing(gateway):
    gateway.rows[ORDERS] = list(trades(200, NOW - timedelta(days=5), timedelta(minutes=35)))
    _, kept, _ = pulled(gateway, "orders", hours=24 * 5 + 1)
    assert len(kept["orders"]) == 200


def test_a_failure_in_the_middle_leaves_the_cursor_where_everything_was_kept(gateway):
    gateway.rows[ORDERS] = list(trades(100, NOW - timedelta(days=3), timedelta(minutes=40)))
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    kept, cursors = [], []

    def advance(topic: str, cursor: datetime) -> None:
        cursors.append(cursor)
        gateway.faults = [busy()] * 9

    since = NOW - timedelta(days=3)
    result = pull(shop, since, NOW, ["orders"], lambda kind, frame, refusals: kept.append(frame), advance)
    one = result.topics[0]
    assert one.unknown and since < one.cursor < NOW and cursors == [one.cursor]
    gateway.faults = []
    again = pull(shop, result.cursors, NOW, ["orders"], lambda kind, frame, refusals: kept.append(frame))
    shop.close()
    assert again.whole
    assert pl.concat([frame for frame in kept if "buyer_id" in frame.columns])["order_id"].n_unique() == 100


def test_what_the_caller_cannot_keep_is_raised_and_does_not_move_the_cursor(gateway):
    fill(gateway, 3)
    cursors: list[datetime] = []

    def keep(kind: str, frame: pl.DataFrame, refusals: pl.DataFrame) -> None:
        raise OSError("disk full")

    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    with pytest.raises(OSError, match="disk full"):
        pull(shop, NOW - HOUR, NOW, ["orders"], keep, lambda topic, cursor: cursors.append(cursor))
    shop.close()
    assert cursors == []


def test_calls_keep_the_rate_of_the_app_whatever_the_shop(gateway):
    fill(gateway)
    setting = gateway.clock.setting(per_second=2.0)
    for name in ("shop-a", "shop-b"):
        shop = Taobao(name, gateway.credentials, setting)
        list(shop.pull("orders", NOW - HOUR, NOW))
        shop.close()
    assert len(gateway.asked) == 10 and gateway.clock.slept == [0.5] * 8, "a burst of two passes, then two a second"


def test_no_secret_reaches_a_log_an_error_or_a_repr(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "ecops"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    fill(gateway, 3)
    echo = {"error_response": {"code": 41, "msg": f"bad session {TOKEN}", "sub_msg": f"secret {SECRET}", "sub_code": f"isv.{REFRESH}"}}
    result, _, _ = pulled(gateway, "orders")
    gateway.faults = [body(echo), busy(), html]
    failed, _, _ = pulled(gateway, "orders", "refunds")
    gateway.tokens = set()
    renewed, _, _ = pulled(gateway, "orders")
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    said = logged(caplog.records) + repr(failed) + repr(renewed)
    said += repr(shop.session.credentials) + repr(vars(shop.session)) + repr(result)
    assert "HTTP Request: POST" in said, "the log is really on"
    assert [secret for secret in (SECRET, TOKEN, REFRESH, NEW_TOKEN, NEW_REFRESH) if secret in said] == []
    assert "***" in failed.topics[0].unknown
    shop.close()


def test_the_cause_of_an_error_holds_no_request(gateway):
    gateway.faults = [busy()] * 9
    shop = Taobao("shop-a", gateway.credentials, gateway.clock.setting())
    with pytest.raises(PlatformError) as raised:
        list(shop.pull("orders", NOW - HOUR, NOW - timedelta(minutes=2)))
    assert raised.value.__cause__ is None
    shop.close()


def test_topics_nobody_has_are_a_bad_call(gateway):
    with pytest.raises(BadCall, match="From when orders are to be pulled is not said"):
        pull(Taobao("shop-a", gateway.credentials), {}, NOW, ["orders"], lambda *told: None)
    with pytest.raises(BadCall, match="weather cannot be pulled from taobao"):
        pulled(gateway, "weather")


def test_errors_are_of_one_family():
    assert all(issubclass(error, PlatformError) for error in (Refused, TokenExpired, RateLimited, Unavailable, Unreadable))
