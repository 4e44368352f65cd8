"""A Pinduoduo shop (拼多多 POP): the calls, how they are signed, what their errors mean.

Orders and after-sales by change time, at most half an hour a call and not younger than three minutes, pages backwards. Goods carry
no change time, so items and stock are always read whole. The gateway takes POST only; nothing of a call is in its address.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ecops.platforms import pdd_rows as tell
from ecops.platforms.client import SKEW, Request, Session, Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError, RateLimited, Refused, TokenExpired, Unavailable, Unreadable
from ecops.platforms.paging import Page, Pages, last_to_first
from ecops.platforms.rows import Raw, at, listed
from ecops.platforms.signing import pdd_sign
from ecops.platforms.topic import DAY, HOUR, Shop, Topic, local_days
from ecops.platforms.windows import Limits

GATEWAY = "https://gw-api.pinduoduo.com"
_PATH = "/api/router"
_PER_SECOND = 5.0
_PAGE = 100

ORDERS, REFUNDS, GOODS = "pdd.order.number.list.increment.get", "pdd.refund.list.increment.get", "pdd.goods.list.get"
HOURLY, DAILY = "pdd.ad.api.report.hourly.report.query", "pdd.ad.api.report.daily.report.query"
_REFRESH = "pdd.pop.auth.token.refresh"
# The name of an answer does not follow from the name of its call.
_ANSWERS = {
    ORDERS: "order_sn_increment_get_response", REFUNDS: "refund_increment_get_response", GOODS: "goods_list_get_response",
    HOURLY: "response", DAILY: "response", _REFRESH: "pop_auth_token_refresh_response",
}
# Advertising is asked for scene by scene, the whole account (dimension 0) each.
SCENES = {"0": "多多搜索", "1": "明星店铺", "2": "多多场景"}

_CHANGED = Limits(timedelta(minutes=30), lag=timedelta(minutes=3), overlap=timedelta(minutes=5), reach=timedelta(days=90), open_start=True)
_GOODS = Limits(timedelta(days=3650))
_HOURS = Limits(timedelta(days=1), lag=timedelta(minutes=10), overlap=timedelta(hours=2), reach=timedelta(days=30))
_DAYS = Limits(timedelta(days=30), lag=timedelta(hours=1), overlap=timedelta(days=15), reach=timedelta(days=90))

_NO_WORDS = "Pinduoduo reports keywords only unit by unit, which this client does not walk; import the report file with 'ecops import'"
_NO_MARKET = "Pinduoduo tells the average bid on a keyword, not what a click costs in the market"
_AGAIN = "authorise the app with the shop's main account again and set its credentials anew"
_APPLY = "apply for the permission package of this call in the Pinduoduo open platform, and authorise again"
# Source: the table of common error codes at each call's page.
_TOKEN = ("10018", "10019", "20032")
_PERMISSION = ("20031", "30000")
_LIMIT = ("52101", "70031", "70033", "70034", "70035")
_DOWN = ("50000", "50001", "52001", "52002", "52102", "52103", "70032")
_REMEDIES = {
    "20004": "the signature is wrong: check app_key (client_id) and app_secret",
    "20005": "add this machine's address to the app's list of allowed addresses",
    "10014": "set this machine's clock: Pinduoduo takes calls that are at most 10 minutes off",
}


class Pinduoduo(Shop):
    """Orders with their lines, after-sales, items, stock, hourly and daily advertising."""

    name = "pdd"
    lacking = {"keywords": _NO_WORDS, "market": _NO_MARKET}

    def __init__(self, shop: str, credentials: Credentials, setting: Setting = Setting()) -> None:
        super().__init__(shop, Session(GATEWAY, credentials, setting, _PER_SECOND))

    def _topics(self) -> dict[str, Topic]:
        return {
            "orders": Topic(ORDERS, _CHANGED, self._orders, tell.orders),
            "refunds": Topic(REFUNDS, _CHANGED, self._refunds, tell.refunds),
            "items": Topic(GOODS, _GOODS, self._goods, tell.items, snapshot=True, by_change=False),
            "stock": Topic(GOODS, _GOODS, self._goods, tell.stock, snapshot=True, by_change=False),
            "hours": Topic(HOURLY, _HOURS, self._hourly, tell.hours, grain=HOUR),
            "ad_days": Topic(DAILY, _DAYS, self._daily, tell.ad_days, grain=DAY),
        }

    def _orders(self, since: datetime, until: datetime) -> list[Raw]:
        return self._numbered(ORDERS, "order_sn_list", {**_span(since, until), "order_status": 5, "refund_status": 5, "is_lucky_flag": 0})

    def _refunds(self, since: datetime, until: datetime) -> list[Raw]:
        return self._numbered(REFUNDS, "refund_list", {**_span(since, until), "after_sales_status": 1, "after_sales_type": 1})

    def _goods(self, since: datetime, until: datetime) -> list[Raw]:
        return self._numbered(GOODS, "goods_list", {})

    def _numbered(self, call: str, field: str, question: Mapping[str, Any]) -> list[Raw]:
        def ask(number: int) -> Page:
            answer = self._call(call, {**question, "page": number, "page_size": _PAGE})
            return Page(listed(answer, field), _total(answer, call))

        return [row for page in last_to_first(ask, Pages(call, _PAGE)) for row in page]

    def _hourly(self, since: datetime, until: datetime) -> list[Raw]:
        """The hours of each day and scene; hours outside the window are left out."""
        rows = []
        for day in local_days(since, until):
            for scene in SCENES:
                answer = self._report(HOURLY, {"dateString": day, "queryDimensionType": 0, "scenesType": int(scene)})
                rows += [{**row, "_day": day, "_scene": scene} for row in listed(answer, "hourlyReportList")]
        return [row for row in rows if (moment := tell.hour_of(row)) is None or since <= moment < until]

    def _daily(self, since: datetime, until: datetime) -> list[Raw]:
        days = local_days(since, until)
        rows = []
        for scene in SCENES:
            question = {"startDateString": days[0], "endDateString": days[-1], "queryDimensionType": 0, "scenesType": int(scene)}
            rows += [{**row, "_tool": SCENES[scene]} for row in listed(self._report(DAILY, question), "dailyReportList")]
        return rows

    def _report(self, call: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._call(call, question)
        if answer.get("success") is False:
            said = self.session.credentials.veil(str(answer.get("errorMsg") or ""))
            raise Refused(call, str(answer.get("errorCode") or "no success"), said, "check that the shop has opened advertising")
        result = answer.get("result")
        if not isinstance(result, Mapping):
            raise Unreadable(f"The answer to {call} has no result; pull again later.")
        return result

    def _signed(self, name: str, params: Mapping[str, Any], credentials: Credentials, token: bool) -> Request:
        plain = {key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) for key, value in params.items()}
        form = {
            **plain, "type": name, "client_id": credentials.app_key, "timestamp": str(int(self.session.setting.now().timestamp())),
            "data_type": "JSON", "version": "V1", **({"access_token": credentials.access_token} if token else {}),
        }
        body = json.dumps({**form, "sign": pdd_sign(form, credentials.app_secret)}).encode()
        return Request(_PATH, body=body, headers={"Content-Type": "application/json"})

    def _answer(self, name: str, found: dict[str, Any]) -> Mapping[str, Any]:
        if isinstance(found.get("error_response"), Mapping):
            raise self._error(name, found["error_response"], found.get(SKEW, ""))
        answer = found.get(_ANSWERS[name])
        if not isinstance(answer, Mapping):
            raise Unreadable(f"The answer to {name} has neither its response nor an error; pull again later.")
        return answer

    def _error(self, name: str, error: Mapping[str, Any], skew: str) -> PlatformError:
        veil = self.session.credentials.veil
        code, sub_code = str(error.get("error_code", "")), veil(str(error.get("sub_code") or ""))
        said = veil(" ".join(dict.fromkeys(str(error[part]) for part in ("error_msg", "sub_msg") if error.get(part))))
        if code in _TOKEN:
            return TokenExpired(f"The access token for {name} is not valid any more: {_AGAIN}.")
        if code in _LIMIT:
            return RateLimited(f"{name} is asked too often ({code}): pull again later.")
        if code in _PERMISSION:
            return Refused(name, code, said, _APPLY, sub_code, permission=True)
        if code in _DOWN:
            return Unavailable(f"{name} failed on Pinduoduo's side ({code}): pull again later.")
        remedy = _REMEDIES.get(code, "the call itself is wrong: please report it")
        return Refused(name, code, said, remedy + (skew if "clock" in remedy else ""), sub_code)

    def _renew(self) -> Credentials:
        held = self.session.credentials
        params = {"refresh_token": held.refresh_token or ""}
        answer = self._call(_REFRESH, params, token=False)
        token = at(answer, "access_token")
        if not isinstance(token, str) or not token:
            raise TokenExpired(f"{_REFRESH} gave no new token: {_AGAIN}.")
        return held.renewed(token, at(answer, "refresh_token"))


def _span(since: datetime, until: datetime) -> dict[str, int]:
    return {"start_updated_at": int(since.timestamp()), "end_updated_at": int(until.timestamp())}


def _total(answer: Mapping[str, Any], call: str) -> int:
    found = answer.get("total_count")
    if not str(found).isdigit():
        raise Unreadable(f"The answer to {call} does not count its rows (total_count); pull again later.")
    return int(str(found))
