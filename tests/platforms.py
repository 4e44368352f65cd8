"""Local gateways that check what the real ones check, and misbehave on demand. Loopback only; no time passes in them.

They sign by a second, plain reading of the platforms' rules, so that a client that signs wrongly is refused.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from logging import LogRecord
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ecops.platforms.client import Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.rows import CHINA

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)  # 12:00 in the shop
KEY, SECRET, TOKEN, REFRESH = "12345678", "app-secret-never-seen", "access-token-never-seen", "refresh-token-never-seen"
NEW_TOKEN, NEW_REFRESH = "second-token-never-seen", "second-refresh-never-seen"
PERSON = {"receiver_name": "王小明", "receiver_mobile": "13812345678", "receiver_address": "文三路 1 号", "buyer_nick": "tb_小明"}

Fault = Callable[[], Response | None]


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    at: datetime = NOW
    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.seconds += seconds
        self.at += timedelta(seconds=seconds)

    def setting(self, **more: Any) -> Setting:
        """A client's setting on this clock; the jitter is the upper bound."""
        given = {"now": lambda: self.at, "clock": lambda: self.seconds, "sleep": self.sleep, "jitter": lambda low, high: high}
        return Setting(**{**given, "per_second": 1e6, "timeout": 5.0, **more})


@dataclass
class Gateway:
    """What all gateways share: rows, a queue of faults for the next requests, what was asked, and a hook between requests."""

    http: HTTPServer
    clock: Clock = field(default_factory=Clock)
    rows: dict[str, list[dict]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    denied: set[str] = field(default_factory=set)
    skew: timedelta = timedelta()
    lie: int = 0  # added to every total
    open_start: bool = True
    between: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.http.expect_request(re.compile(".*")).respond_with_handler(self._handle)

    @property
    def credentials(self) -> Credentials:
        """Credentials that lead here."""
        return Credentials(KEY, SECRET, TOKEN, REFRESH, self.http.url_for("").rstrip("/"))

    @property
    def now(self) -> datetime:
        """The gateway's own clock."""
        return self.clock.at + self.skew

    def calls(self, name: str) -> list[dict]:
        """The parameters of every request of a call that passed the checks of its envelope."""
        return [params for call, params in self.asked if call == name]

    def _handle(self, request: Request) -> Response:
        assert request.method == "POST", "gateways take POST only"
        while self.faults:
            answer = self.faults.pop(0)()
            if answer is not None:
                return answer
            break
        try:
            found = self.answer(request)
        except Refusal as refusal:
            found = self.error(refusal)
        self.between()
        return reply(found)

    def answer(self, request: Request) -> dict:
        """The checked request's answer."""
        raise NotImplementedError

    def error(self, refusal: "Refusal") -> dict:
        """An error as this gateway writes it: HTTP 200 and a body."""
        raise NotImplementedError

    def page(self, rows: list[dict], number: int, size: int) -> tuple[list[dict], int]:
        """Rows of a page counted from 0, and the total as this gateway tells it."""
        return rows[number * size : (number + 1) * size], len(rows) + self.lie

    def within(self, rows: list[dict], key: str, since: datetime, until: datetime) -> list[dict]:
        """Rows whose change time lies in the window, newest first; the start itself left out where the gateway does so."""
        inside = [row for row in rows if (since < row[key] if self.open_start else since <= row[key]) and row[key] <= until]
        return sorted(inside, key=lambda row: (row[key], str(row.get("_id"))), reverse=True)


class Refusal(Exception):
    """A gateway's no: its code, words and sub-code."""

    def __init__(self, code: str, said: str, sub_code: str = "") -> None:
        super().__init__(code)
        self.code, self.said, self.sub_code = code, said, sub_code


def reply(found: Mapping | bytes | str, status: int = 200, content_type: str = "application/json", **headers: str) -> Response:
    """An answer; a mapping as JSON."""
    body = json.dumps(found, ensure_ascii=False) if isinstance(found, Mapping) else found
    return Response(body, status=status, content_type=content_type, headers=headers)


def html() -> Response:
    """The error page of a proxy, with HTTP 200."""
    return reply("<html><body>系统繁忙</body></html>", content_type="text/html")


def cut_off() -> Response:
    """JSON that ends in the middle."""
    return reply('{"trades_sold_increment_get_response": {"trades": {"trade": [{"tid": 1', content_type="application/json")


def no_object() -> Response:
    """JSON, but no object, called text."""
    return reply("[]", content_type="text/plain")


def busy(after: str | None = None, status: int = 503) -> Fault:
    """Out of order, or too many calls, perhaps with Retry-After."""
    return lambda: reply({}, status=status, **({"Retry-After": after} if after else {}))


def body(found: dict) -> Fault:
    """This answer, once."""
    return lambda: reply(found)


def logged(records: Iterable[LogRecord]) -> str:
    """Everything the log holds, but for the local gateway's own lines: it writes the address it was asked for."""
    return "\n".join(record.getMessage() + str(record.args) for record in records if "werkzeug" not in record.name)


def written(moment: datetime) -> str:
    """A moment as TOP writes it."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def moment(text: str) -> datetime:
    """What TOP wrote."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)


def unix(number: Any) -> datetime:
    """Seconds as a moment."""
    return datetime.fromtimestamp(int(number), UTC)


# What TOP answers where no type is asked for; and the only fields some calls support.
DEFAULT_TYPES = "guarantee_trade,auto_delivery"
_ITEM_FIELDS = {"approve_status", "num_iid", "title", "cid", "num", "list_time", "price", "modified", "outer_id"}
_REFUND_FIELDS = {"refund_id", "tid", "oid", "status", "created", "modified", "refund_fee", "reason", "has_good_return", "dispute_type",
                  "buyer_open_uid"}
SUPPORTED = {
    "taobao.items.onsale.get": _ITEM_FIELDS, "taobao.items.inventory.get": _ITEM_FIELDS, "taobao.refunds.receive.get": _REFUND_FIELDS,
}


class TaobaoGateway(Gateway):
    """TOP: /router/rest, everything in the form."""

    def answer(self, request: Request) -> dict:
        assert request.path == "/router/rest" and not request.query_string, "the token must not be in the address"
        params = request.form.to_dict()
        for name in ("method", "app_key", "timestamp", "v", "sign_method", "sign"):
            if name not in params:
                raise Refusal("40", f"Missing required arguments:{name}")
        self._signature(params)
        if abs(self.now - moment(params["timestamp"])) > timedelta(minutes=10):
            raise Refusal("31", "Invalid timestamp")
        call = params["method"]
        if call == "taobao.top.auth.token.refresh":
            return self._refreshed(params)
        if params.get("session") not in self.tokens:
            raise Refusal("27", f"Invalid session {params.get('session')}", "invalid-sessionkey")
        if call in self.denied:
            raise Refusal("11", "Insufficient isv permissions", "isv.permission-api-package-limit")
        self.asked.append((call, params))
        return {call.removeprefix("taobao.").replace(".", "_") + "_response": self._result(call, params)}

    def error(self, refusal: Refusal) -> dict:
        return {"error_response": {"code": int(refusal.code), "msg": refusal.said, "sub_code": refusal.sub_code, "sub_msg": "", "request_id": "r1"}}

    def _signature(self, params: dict) -> None:
        text = "".join(key + params[key] for key in sorted(params) if key != "sign" and params[key])
        digest = {"md5": None, "hmac": "md5", "hmac-sha256": "sha256"}[params["sign_method"]]
        right = hmac.new(SECRET.encode(), text.encode(),
            digest).hexdigest() if digest else hashlib.md5(f"{SECRET}{text}{SECRET}".encode()).hexdigest()
        if params["app_key"] != KEY or params["sign"] != right.upper():
            raise Refusal("25", "Invalid signature")

    def _refreshed(self, params: dict) -> dict:
        if params.get("refresh_token") != REFRESH:
            raise Refusal("15", "Remote service error", "isv.invalid-refresh-token")
        self.tokens = {NEW_TOKEN}
        token = json.dumps({"access_token": NEW_TOKEN, "refresh_token": NEW_REFRESH})
        return {"top_auth_token_refresh_response": {"token_result": token}}

    def _result(self, call: str, params: dict) -> dict:
        if "start_modified" in params:
            return self._changed(call, params)
        if call == "taobao.simba.hour.report.account.get":
            rows = self.rows.get(f"{call} {params['the_date']} {params['hour']}", [])
            return {"results": {"rt_rpt_result_entity_d_t_o": rows}}
        if call == "taobao.simba.insight.wordsdata.get":
            words = params["bidword_list"].split(",")
            if len(words) > 100:
                raise Refusal("41", "bidword_list")
            return {"word_data_list": {"insight_word_data_d_t_o": [row for row in self.rows.get(call, []) if row["bidword"] in words]}}
        return self._report(call, params)

    def _changed(self, call: str, params: dict) -> dict:
        items, size, number = ".items." in call, int(params["page_size"]), int(params["page_no"])
        since, until = moment(params["start_modified"]), moment(params["end_modified"])
        if not params.get("fields") or not set(params["fields"].split(",")) <= SUPPORTED.get(call, set(params["fields"].split(","))):
            raise Refusal("41", "Invalid arguments:fields")
        if not 1 <= size <= (200 if items else 100) or number < 1:
            raise Refusal("41", "Invalid arguments:page")
        if items and number * size > 20_000:
            raise Refusal("15", "too many", "isv.item-list-service-error")
        if not items and until - since > timedelta(days=1):
            raise Refusal("41", "Invalid arguments:end_modified")
        types = params.get("type", DEFAULT_TYPES).split(",")
        rows = [row for row in self.rows.get(call, []) if row.get("_type", "guarantee_trade") in types]
        found, total = self.page(self.within(rows, "modified", since, until), number - 1, size)
        fields = set(params["fields"].split(","))
        assert not fields & {*PERSON, "receiver_phone", "receiver_zip", "seller_memo", "buyer_message"}, "nobody asks for persons"
        told = [{**{key: _told(value) for key, value in row.items() if key in fields}, **PERSON} for row in found]
        field_name = {"trades": "trade", "refunds": "refund", "items": "item"}
        plural = next(name for name in field_name if f".{name}." in call)
        return {"total_results": total, **({plural: {field_name[plural]: told}} if told else {})}

    def _report(self, call: str, params: dict) -> dict:
        assert json.loads(params["top_service_context"]) == {"biz_code": "universalBP"}
        question = json.loads(next(value for name, value in params.items() if name.endswith("_query_v_o")))
        rows = [row for row in self.rows.get(call, []) if question["start_time"] <= row["thedate"] <= question["end_time"]]
        found = rows[question["offset"] : question["offset"] + question["page_size"]]
        return {"result": {"info": {"ok": True}, "count": len(rows),
            "top_report_v_o_top_bulk_data": {"top_report_v_o_list": {"top_report_vo": found}}}}


class DouyinGateway(Gateway):
    """抖店: a path a call, common parameters in the query, `param_json` as the body."""

    def answer(self, request: Request) -> dict:
        query, raw = request.args.to_dict(), request.get_data(as_text=True)
        call = query.get("method", "")
        assert request.path == "/" + call.replace(".", "/") and request.mimetype == "application/json"
        text = f"{SECRET}app_key{query['app_key']}method{call}param_json{raw}timestamp{query['timestamp']}v2{SECRET}"
        right = hashlib.md5(text.encode()).hexdigest() if query["sign_method"] == "md5" else hmac.new(SECRET.encode(), text.encode(),
            "sha256").hexdigest()
        if query["sign"] != right or query["app_key"] != KEY:
            raise Refusal("40003", "非法的参数", "isv.signature-invalid")
        if abs(self.now - unix(query["timestamp"])) > timedelta(minutes=10):
            raise Refusal("40003", "非法的参数", "isv.timestamp-expired")
        params = json.loads(raw)
        assert raw == json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "keys sorted, no blanks"
        if call == "token.refresh":
            return self._refreshed(params)
        if query.get("access_token") not in self.tokens:
            raise Refusal("40003", f"token {query.get('access_token')}", "isv.access-token-expired")
        if call in self.denied:
            raise Refusal("30001", "没有权限", "isv.app-permissions-insufficient")
        self.asked.append((call, params))
        return {"code": 10000, "msg": "success", "data": self._result(call, params)}

    def error(self, refusal: Refusal) -> dict:
        return {"code": int(refusal.code), "msg": refusal.said, "sub_code": refusal.sub_code, "sub_msg": "", "log_id": "l1"}

    def _refreshed(self, params: dict) -> dict:
        if params != {"grant_type": "refresh_token", "refresh_token": REFRESH}:
            raise Refusal("50001", "生成token失败", "dop.token-generate-failed:token-expired")
        self.tokens = {NEW_TOKEN}
        return {"code": 10000, "msg": "success", "data": {"access_token": NEW_TOKEN, "refresh_token": NEW_REFRESH}}

    def _result(self, call: str, params: dict) -> dict | list:
        if call == "sku.list":
            return self.rows.get(f"{call} {params['product_id']}", [])
        if not 1 <= params["size"] <= 100:
            raise Refusal("40004", "size", "isv.parameter-invalid:20008")
        order = call == "order.searchList"
        since, until = (unix(params[name]) for name in (("update_time_start", "update_time_end") if order else ("update_start_time",
            "update_end_time")))
        if call != "product.listV2" and since < self.now - timedelta(days=90):
            raise Refusal("40004", "90", "isv.parameter-invalid:20022")
        rows = self.within(self.rows.get(call, []), "update_time", since, until)
        product = call == "product.listV2"
        place, most = (params["page"] - 1, 10_000) if product else (params["page"], 50_000)
        if place < 0 or (place + 1) * params["size"] > most:
            raise Refusal("40004", "page", "isv.parameter-invalid:20013")
        found, total = self.page(rows, place, params["size"])
        name = "data" if product else "shop_order_list" if order else "items"
        return {name: [_told(row) for row in found], "total": total, "page": params["page"], "size": params["size"]}


class PinduoduoGateway(Gateway):
    """POP: /api/router, everything in a JSON body."""

    NAMES = {
        "pdd.order.number.list.increment.get": ("order_sn_increment_get_response", "order_sn_list", "updated_at"),
        "pdd.refund.list.increment.get": ("refund_increment_get_response", "refund_list", "updated_time"),
        "pdd.goods.list.get": ("goods_list_get_response", "goods_list", ""),
    }

    def answer(self, request: Request) -> dict:
        assert request.path == "/api/router" and not request.query_string
        params = json.loads(request.get_data())
        text = "".join(key + params[key] for key in sorted(params) if key != "sign" and params[key] != "")
        if params["client_id"] != KEY or params["sign"] != hashlib.md5(f"{SECRET}{text}{SECRET}".encode()).hexdigest().upper():
            raise Refusal("20004", "签名sign校验失败")
        if abs(self.now - unix(params["timestamp"])) > timedelta(minutes=10):
            raise Refusal("10014", "timestamp")
        call = params["type"]
        if call == "pdd.pop.auth.token.refresh":
            if params["refresh_token"] != REFRESH:
                raise Refusal("10019", "refresh_token已过期")
            self.tokens = {NEW_TOKEN}
            return {"pop_auth_token_refresh_response": {"access_token": NEW_TOKEN, "refresh_token": NEW_REFRESH}}
        if params.get("access_token") not in self.tokens:
            raise Refusal("10019", f"access_token已过期 {params.get('access_token')}")
        if call in self.denied:
            raise Refusal("30000", "没有调用此target接口权限")
        self.asked.append((call, params))
        return self._result(call, params)

    def error(self, refusal: Refusal) -> dict:
        return {"error_response": {"error_code": int(refusal.code), "error_msg": refusal.said, "sub_code": refusal.sub_code,
            "sub_msg": refusal.said, "request_id": "r"}}

    def _result(self, call: str, params: dict) -> dict:
        if call not in self.NAMES:
            return self._report(call, params)
        envelope, field_name, key = self.NAMES[call]
        number, size = int(params["page"]), int(params["page_size"])
        if number < 1 or not 1 <= size <= 100:
            raise Refusal("10000", "page")
        rows = self.rows.get(call, [])
        if key:
            since, until = unix(params["start_updated_at"]), unix(params["end_updated_at"])
            if until - since > timedelta(minutes=30):
                raise Refusal("10000", "时间跨度不超过30分钟")
            if until > self.now - timedelta(minutes=3) + timedelta(seconds=1):
                raise Refusal("10000", "结束时间须在3分钟前")
            rows = self.within(rows, key, since, until)
        found, total = self.page(rows, number - 1, size)
        return {envelope: {field_name: [_texts(row) | PERSON for row in found], "total_count": total}}

    def _report(self, call: str, params: dict) -> dict:
        scene = params["scenesType"]
        if "hourly" in call:
            return {"response": {"success": True, "result": {"hourlyReportList": self.rows.get(f"{call} {params['dateString']} {scene}", [])}}}
        rows = [row for row in self.rows.get(f"{call} {scene}", []) if params["startDateString"] <= row["date"] <= params["endDateString"]]
        return {"response": {"success": True, "result": {"dailyReportList": rows}}}


def _told(value: Any) -> Any:
    """A row as Douyin sends it: moments as seconds. TOP's rows pass through `_told` value by value and get texts."""
    if isinstance(value, datetime):
        return written(value)
    return {key: int(one.timestamp()) if isinstance(one, datetime) else one for key, one in value.items()} if isinstance(value,
        dict) and "_id" in value else value


def _texts(row: dict) -> dict:
    return {key: written(value) if isinstance(value, datetime) else value for key, value in row.items()}


def trades(number: int, start: datetime, step: timedelta) -> Iterator[dict]:
    """Taobao trades of one line each, one every `step`."""
    for place in range(number):
        at = start + step * place
        yield trade(4000000000000000000 + place, at)


def trade(tid: int, modified: datetime, **more: Any) -> dict:
    """A paid Taobao trade of one line."""
    line = {
        "oid": tid, "num_iid": 77, "sku_id": "5", "title": "面霜", "num": 2, "price": "99.90", "total_fee": "199.80", "payment": "189.80",
        "refund_status": "NO_REFUND", "status": "WAIT_SELLER_SEND_GOODS", "outer_iid": "A1",
    }
    return {
        "_id": tid, "tid": tid, "buyer_open_uid": f"AAE{tid}", "status": "WAIT_SELLER_SEND_GOODS", "payment": "189.80", "post_fee": "0.00",
        "created": modified - timedelta(minutes=2), "pay_time": modified - timedelta(minutes=1), "modified": modified, "receiver_state": "浙江省",
        "trade_from": "WAP", "orders": {"order": [line]}, **more,
    }
