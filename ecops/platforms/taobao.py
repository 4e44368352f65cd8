"""A Taobao or Tmall shop through TOP: the calls, how they are signed, what their errors mean.

Field names: the published contracts of TOP. Orders and refunds by change time, pages backwards as TOP demands; items by change
time, cut so that no window has more than 20,000 rows; advertising as reports of ended hours and days.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ecops.platforms import taobao_rows as tell
from ecops.platforms.client import SKEW, Request, Session, Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError, RateLimited, Refused, TokenExpired, Unavailable, Unreadable
from ecops.platforms.paging import Page, Pages, last_to_first
from ecops.platforms.rows import CHINA, Origin, Raw, Read, at, listed
from ecops.platforms.signing import top_sign
from ecops.platforms.topic import DAY, HOUR, Shop, Topic, local_days, local_hours
from ecops.platforms.windows import Limits

GATEWAY = "https://eco.taobao.com"
_PATH = "/router/rest"
_PER_SECOND = 10.0
_PAGE = 50  # TOP advises 40 to 50: larger pages time out
_ITEM_PAGE, _MOST_ITEMS = 200, 20_000 - 200  # less the page behind the last one
_WORDS = 100  # keywords a market question may name

ORDERS, REFUNDS = "taobao.trades.sold.increment.get", "taobao.refunds.receive.get"
ON_SALE, IN_STORE = "taobao.items.onsale.get", "taobao.items.inventory.get"
HOURLY = "taobao.simba.hour.report.account.get"
PLANS, KEYWORDS, MARKET = "taobao.universalbp.report.query.campaign", "taobao.universalbp.report.query.bidword", "taobao.simba.insight.wordsdata.get"
_REFRESH = "taobao.top.auth.token.refresh"

_CHANGED = Limits(timedelta(days=1), lag=timedelta(minutes=1), overlap=timedelta(minutes=5), reach=timedelta(days=90), open_start=True)
_ITEMS = Limits(timedelta(days=3650), overlap=timedelta(minutes=5), open_start=True)
_HOURS = Limits(timedelta(days=1), lag=timedelta(minutes=10), overlap=timedelta(hours=2), reach=timedelta(days=30))
_DAYS = Limits(timedelta(days=30), lag=timedelta(hours=1), overlap=timedelta(days=tell.ATTRIBUTION_DAYS), reach=timedelta(days=90))
_MARKET = Limits(timedelta(days=1), lag=timedelta(hours=6), reach=timedelta(days=30))

_METRICS = ("adPv", "click", "charge", "alipayInshopNum", "alipayInshopAmt", "alipayDirAmt", "alipayIndirAmt", "cartInshopNum", "itemColInshopNum")
_ASK_LESS = "pull again later, or ask Taobao for a higher limit"
_SETTLE = "pull again later"
_AGAIN = "authorise the app for the shop again and set its credentials anew"
_APPLY = "apply for this call's permission package in the Taobao open platform, and let the shop authorise the app again"
# code: (what it is, remedy). Source: TOP's list of platform errors.
_CODES = {
    "11": ("permission", _APPLY), "12": ("permission", _APPLY), "13": ("permission", _APPLY), "42": ("permission", _APPLY),
    "25": ("refused", "the signature is wrong: check app_key and app_secret"), "29": ("refused", "check app_key"),
    "31": ("refused", "set this machine's clock: TOP takes calls that are at most 10 minutes off"),
    "40": ("refused", "a parameter is missing: this is a fault of ecops, please report it"),
    "41": ("refused", "a parameter is invalid: this is a fault of ecops, please report it"),
    "26": ("token", ""), "27": ("token", ""),
    "4": ("limit", ""), "5": ("limit", ""), "6": ("limit", ""), "7": ("limit", ""), "8": ("limit", ""), "10": ("down", ""),
}


class Taobao(Shop):
    """Orders with their lines, refunds, items, stock, hourly and daily advertising, keywords and their market price."""

    name = "taobao"

    def __init__(self, shop: str, credentials: Credentials, setting: Setting = Setting(), sign_method: str = "hmac-sha256") -> None:
        self._sign_method = sign_method
        self._hashed = setting.hashed
        super().__init__(shop, Session(GATEWAY, credentials, setting, _PER_SECOND))

    def _topics(self) -> dict[str, Topic]:
        return {
            "orders": Topic(ORDERS, _CHANGED, self._orders, self._tell_orders),
            "refunds": Topic(REFUNDS, _CHANGED, self._refunds, self._tell_refunds),
            "items": Topic(ON_SALE, _ITEMS, self._items, tell.items),
            "stock": Topic(ON_SALE, _ITEMS, self._items, tell.stock, snapshot=True),
            "hours": Topic(HOURLY, _HOURS, self._hourly, tell.hours, grain=HOUR),
            "ad_days": Topic(PLANS, _DAYS, self._plans, tell.plans, grain=DAY),
            "keywords": Topic(KEYWORDS, _DAYS, self._keywords, tell.keywords, grain=DAY),
            "market": Topic(MARKET, _MARKET, self._market, tell.market, grain=DAY),
        }

    def _tell_orders(self, raws: list[Raw], origin: Origin) -> Iterator[Read]:
        return tell.orders(raws, origin, self._hashed)

    def _tell_refunds(self, raws: list[Raw], origin: Origin) -> Iterator[Read]:
        return tell.refunds(raws, origin, self._hashed)

    def _orders(self, since: datetime, until: datetime) -> list[Raw]:
        return self._changed(ORDERS, "trades", tell.ORDER_FIELDS, since, until, type=",".join(tell.TYPES))

    def _refunds(self, since: datetime, until: datetime) -> list[Raw]:
        return self._changed(REFUNDS, "refunds", tell.REFUND_FIELDS, since, until, type=",".join(tell.TYPES))

    def _items(self, since: datetime, until: datetime) -> list[Raw]:
        """Items on sale and in store; one that changes sides while we read is found on either, at the latest in the next pull."""
        return [
            row for call in (IN_STORE, ON_SALE)
            for row in self._changed(call, "items", tell.ITEM_FIELDS, since, until, Pages(call, _ITEM_PAGE, most=_MOST_ITEMS))
        ]

    def _changed(
        self, call: str, field: str, fields: Sequence[str], since: datetime, until: datetime, pages: Pages | None = None,
        **more: str,
    ) -> list[Raw]:
        pages = pages or Pages(call, _PAGE)
        span = {**more, "start_modified": _written(since), "end_modified": _written(until), "fields": ",".join(fields), "page_size": str(pages.size)}

        def ask(number: int) -> Page:
            answer = self._call(call, {**span, "page_no": str(number)})
            return Page(listed(answer, field), _total(answer, "total_results", call))

        return _all(last_to_first(ask, pages))

    def _hourly(self, since: datetime, until: datetime) -> list[Raw]:
        rows = []
        for hour in local_hours(since, until):
            answer = self._call(HOURLY, {"the_date": f"{hour:%Y-%m-%d}", "hour": str(hour.hour)})
            rows += [{**row, "hour": hour} for row in listed(answer, "results")]
        return rows

    def _plans(self, since: datetime, until: datetime) -> list[Raw]:
        return self._report(PLANS, "top_campaign_report_query_v_o", ["date", "campaign"], since, until)

    def _keywords(self, since: datetime, until: datetime) -> list[Raw]:
        return self._report(KEYWORDS, "top_bid_word_report_query_v_o", ["date", "campaign", "word"], since, until, bid_word_type_in_list=["word"])

    def _report(self, call: str, parameter: str, domains: list[str], since: datetime, until: datetime, **more: Any) -> list[Raw]:
        days, pages = local_days(since, until), Pages(call, 100)
        question = {
            "by_page": True, "split_type": "day", "unify_type": "zhai", "effect_equal": tell.ATTRIBUTION_DAYS, "start_time": days[0],
                "end_time": days[-1],
            "query_domains": domains, "query_field_in_list": list(_METRICS), "page_size": pages.size, **more,
        }
        context = json.dumps({"biz_code": "universalBP"})

        def ask(number: int) -> Page:
            paged = {**question, "offset": (number - 1) * pages.size}
            answer = self._call(call, {"top_service_context": context, parameter: json.dumps(paged)})
            if str(at(answer, "result.info.ok")).lower() == "false":
                said = str(at(answer, "result.info.message") or "")
                code = str(at(answer, "result.info.error_code") or "not ok")
                raise Refused(call, code, self.session.credentials.veil(said), "check that the shop uses 万相台无界")
            return Page(listed(answer, "result.top_report_v_o_top_bulk_data.top_report_v_o_list"), _total(answer, "result.count", call, needed=False))

        return _all(last_to_first(ask, pages))

    def _market(self, since: datetime, until: datetime) -> list[Raw]:
        """What the market paid for the words the shop bid on that day, at most 100 words a question."""
        bids = [row for row in self._keywords(since, until) if row.get("original_word")]
        found = []
        for day in local_days(since, until):
            of_day = [row for row in bids if str(row.get("thedate", ""))[:10] == day]
            words = sorted({str(row["original_word"]) for row in of_day})
            prices = {at(row, "bidword"): row.get("cpc") for some in _chunks(words, _WORDS) for row in self._words(some, day)}
            found += [{**row, "market_cpc": prices.get(row["original_word"])} for row in of_day]
        return found

    def _words(self, words: Sequence[str], day: str) -> list[Raw]:
        answer = self._call(MARKET, {"bidword_list": ",".join(words), "start_date": day, "end_date": day})
        return listed(answer, "word_data_list")

    def _signed(self, name: str, params: Mapping[str, str], credentials: Credentials, session: bool) -> Request:
        form = {
            **params, "method": name, "app_key": credentials.app_key, "timestamp": _written(self.session.setting.now()), "format": "json", "v": "2.0",
            "sign_method": self._sign_method, **({"session": credentials.access_token} if session else {}),
        }
        return Request(_PATH, form={**form, "sign": top_sign(form, credentials.app_secret, self._sign_method)})

    def _answer(self, name: str, found: dict[str, Any]) -> Mapping[str, Any]:
        if isinstance(found.get("error_response"), Mapping):
            raise self._error(name, found["error_response"], found.get(SKEW, ""))
        answer = found.get(re.sub(r"^(taobao|tmall)\.", "", name).replace(".", "_") + "_response")
        if not isinstance(answer, Mapping):
            raise Unreadable(f"The answer to {name} has neither its response nor an error; pull again later.")
        return answer

    def _error(self, name: str, error: Mapping[str, Any], skew: str) -> PlatformError:
        veil = self.session.credentials.veil
        code, sub_code = str(error.get("code", "")), veil(str(error.get("sub_code") or ""))
        said = veil(" ".join(str(error[part]) for part in ("msg", "sub_msg") if error.get(part)))
        what, remedy = _CODES.get(code, ("", ""))
        if what == "token" or sub_code in ("isv.invalid-session", "invalid-sessionkey", "invalid-session"):
            return TokenExpired(f"The access token for {name} is not valid any more: {_AGAIN}.")
        if what == "limit" or sub_code.startswith("accesscontrol.limited-by"):
            wait = re.search(r"(\d+)\s+more seconds", said)
            return RateLimited(f"{name} is asked too often ({code} {sub_code}): {_ASK_LESS}.", float(wait.group(1)) if wait else None)
        if what == "permission" or "permission" in sub_code:
            return Refused(name, code, said, _APPLY, sub_code, permission=True)
        if what == "down" or sub_code.startswith("isp.") or (code == "15" and not sub_code.startswith("isv.")):
            return Unavailable(f"{name} failed on Taobao's side ({code} {sub_code}): {_SETTLE}.")
        return Refused(name, code, said, (remedy or "the call itself is wrong: please report it") + (skew if code == "31" else ""), sub_code)

    def _renew(self) -> Credentials:
        held = self.session.credentials
        params = {"refresh_token": held.refresh_token or ""}
        answer = self._call(_REFRESH, params, token=False)
        try:
            token = json.loads(str(answer.get("token_result")))
            return held.renewed(token["access_token"], token.get("refresh_token"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TokenExpired(f"{_REFRESH} gave no new token: {_AGAIN}.") from None


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def _total(answer: Any, path: str, call: str, needed: bool = True) -> int | None:
    found = at(answer, path)
    if found is None and not needed:
        return None
    # TOP leaves the list out where there are no rows, and says 0.
    if not str(found).isdigit():
        raise Unreadable(f"The answer to {call} does not count its rows ({path}); pull again later.")
    return int(found)


def _all(pages: Iterable[Sequence[Raw]]) -> list[Raw]:
    return [row for page in pages for row in page]


def _chunks(words: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(words), size):
        yield words[start : start + size]
