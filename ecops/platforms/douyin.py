"""A Douyin shop (抖店): the calls, how they are signed, what their errors mean.

Orders, after-sales and products by change time, pages backwards. The token travels in the query, as the platform wants it, below
the layer that logs addresses. Advertising is not here: 巨量千川 is another platform.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ecops.platforms import douyin_rows as tell
from ecops.platforms.client import SKEW, Request, Session, Setting
from ecops.platforms.credentials import Credentials
from ecops.platforms.errors import PlatformError, RateLimited, Refused, TokenExpired, Unavailable, Unreadable
from ecops.platforms.paging import Page, Pages, last_to_first
from ecops.platforms.rows import Origin, Raw, Read, at, listed
from ecops.platforms.signing import canonical_json, douyin_sign
from ecops.platforms.topic import Shop, Topic
from ecops.platforms.windows import Limits

GATEWAY = "https://openapi-fxg.jinritemai.com"
_PER_SECOND = 10.0
# What page numbers reach, less the page behind the last one.
_PAGE, _MOST, _MOST_PRODUCTS = 100, 50_000 - 100, 10_000 - 100

ORDERS, REFUNDS, ITEMS, SKUS = "order.searchList", "afterSale.List", "product.listV2", "sku.list"
_REFRESH = "token.refresh"

_CHANGED = Limits(timedelta(days=1), lag=timedelta(minutes=1), overlap=timedelta(minutes=5), reach=timedelta(days=90), open_start=True)
_PRODUCTS = Limits(timedelta(days=3650), overlap=timedelta(minutes=5), open_start=True)

_ADS = "Douyin's advertising is in 巨量千川, another open platform with its own account; import its report files with 'ecops import'"
_AGAIN = "authorise the app for the shop again and set its credentials anew"
_FINE = ("0", "10000")
_TOKEN = ("access-token", "token-expired", "token-no-existed", "token-invalid")
_LIMIT = ("limit", "frequency", "too-many", "限流", "频繁")


class Douyin(Shop):
    """Orders with their lines, after-sales, items and stock."""

    name = "douyin"
    lacking = {"hours": _ADS, "ad_days": _ADS, "keywords": _ADS, "market": _ADS}

    def __init__(self, shop: str, credentials: Credentials, setting: Setting = Setting(), sign_method: str = "hmac-sha256") -> None:
        self._sign_method = sign_method
        self._hashed = setting.hashed
        super().__init__(shop, Session(GATEWAY, credentials, setting, _PER_SECOND))

    def _topics(self) -> dict[str, Topic]:
        return {
            "orders": Topic(ORDERS, _CHANGED, self._orders, self._tell_orders),
            "refunds": Topic(REFUNDS, _CHANGED, self._refunds, tell.refunds),
            "items": Topic(ITEMS, _PRODUCTS, self._items, tell.items),
            "stock": Topic(SKUS, _PRODUCTS, self._stock, tell.stock, snapshot=True),
        }

    def _tell_orders(self, raws: list[Raw], origin: Origin) -> Iterator[Read]:
        return tell.orders(raws, origin, self._hashed)

    def _orders(self, since: datetime, until: datetime) -> list[Raw]:
        question = {"update_time_start": _seconds(since), "update_time_end": _seconds(until), "order_by": "update_time", "order_asc": False}
        return self._numbered(ORDERS, "shop_order_list", question)

    def _refunds(self, since: datetime, until: datetime) -> list[Raw]:
        question = {"update_start_time": _seconds(since), "update_end_time": _seconds(until), "order_by": ["update_time desc"]}
        return self._numbered(REFUNDS, "items", question)

    def _numbered(self, call: str, field: str, question: Mapping[str, Any], pages: Pages | None = None) -> list[Raw]:
        pages = pages or Pages(call, _PAGE, first=0, most=_MOST)

        def ask(number: int) -> Page:
            answer = self._call(call, {**question, "page": number, "size": pages.size})
            return Page(listed(answer, field), _total(answer, call))

        return [row for page in last_to_first(ask, pages) for row in page]

    def _items(self, since: datetime, until: datetime) -> list[Raw]:
        """Products changed in between. The platform's cursor may miss what changes under it, so it is not used."""
        question = {"update_start_time": _seconds(since), "update_end_time": _seconds(until)}
        return self._numbered(ITEMS, "data", question, Pages(ITEMS, _PAGE, most=_MOST_PRODUCTS))

    def _stock(self, since: datetime, until: datetime) -> list[Raw]:
        """Every product with the variants it has; one call a product, for no call tells the stock of many."""
        products = {str(row.get("product_id")): row for row in self._items(since, until)}
        return [{**row, "_skus": self._variants(key)} for key, row in products.items()]

    def _variants(self, product: str) -> list[Raw]:
        """A product without a number is refused later, with its reason."""
        return listed(self._call(SKUS, {"product_id": int(product)}), "data") if product.isdigit() else []

    def _signed(self, name: str, params: Mapping[str, Any], credentials: Credentials, token: bool) -> Request:
        body, timestamp = canonical_json(params), str(_seconds(self.session.setting.now()))
        query = {
            "app_key": credentials.app_key, "method": name, "timestamp": timestamp, "v": "2", "sign_method": self._sign_method,
            "sign": douyin_sign(credentials.app_key, name, body, timestamp, credentials.app_secret, self._sign_method),
        }
        if token:
            query["access_token"] = credentials.access_token
        return Request("/" + name.replace(".", "/"), body=body.encode(), query=query, headers={"Content-Type": "application/json"})

    def _answer(self, name: str, found: dict[str, Any]) -> Mapping[str, Any]:
        """Newer calls say `code` 10000, older ones `err_no` 0."""
        code = found.get("code", found.get("err_no"))
        if code is None:
            raise Unreadable(f"The answer to {name} has no code; pull again later.")
        if str(code) not in _FINE:
            raise self._error(name, str(code), found)
        data = found.get("data")
        if isinstance(data, list):
            return {"data": data}
        if not isinstance(data, Mapping):
            raise Unreadable(f"The answer to {name} has no data; pull again later.")
        return data

    def _error(self, name: str, code: str, found: Mapping[str, Any]) -> PlatformError:
        veil = self.session.credentials.veil
        sub_code = veil(str(found.get("sub_code") or ""))
        said = veil(" ".join(str(found[part]) for part in ("msg", "message", "sub_msg") if found.get(part)))
        if code == "30005" or any(word in sub_code for word in _TOKEN):
            return TokenExpired(f"The access token for {name} is not valid any more: {_AGAIN}.")
        if code == "30001" or "permission" in sub_code:
            remedy = "apply for the API package of this call in the Douyin open platform, and let the shop authorise the app again"
            return Refused(name, code, said, remedy, sub_code, permission=True)
        if code in ("9", "8", "90003") or any(word in sub_code + said for word in _LIMIT):
            return RateLimited(f"{name} is asked too often ({code} {sub_code}): pull again later.")
        if code in ("7", "20000") or sub_code.startswith(("isp.", "dop.")):
            return Unavailable(f"{name} failed on Douyin's side ({code} {sub_code}): pull again later.")
        return Refused(name, code, said, _remedy(sub_code) + found.get(SKEW, ""), sub_code)

    def _renew(self) -> Credentials:
        held = self.session.credentials
        params = {"grant_type": "refresh_token", "refresh_token": held.refresh_token or ""}
        answer = self._call(_REFRESH, params, token=False)
        token = at(answer, "access_token")
        if not isinstance(token, str) or not token:
            raise TokenExpired(f"{_REFRESH} gave no new token: {_AGAIN}.")
        return held.renewed(token, at(answer, "refresh_token"))


def _remedy(sub_code: str) -> str:
    if "signature" in sub_code or "sign" in sub_code.split("."):
        return "the signature is wrong: check app_key and app_secret"
    if "timestamp" in sub_code:
        return "set this machine's clock"
    if "ip" in sub_code.replace(".", "-").split("-"):
        return "add this machine's address to the app's list of allowed addresses"
    return "the call itself is wrong: please report it"


def _total(answer: Mapping[str, Any], call: str) -> int:
    found = answer.get("total")
    if not str(found).isdigit():
        raise Unreadable(f"The answer to {call} does not count its rows (total); pull again later.")
    return int(str(found))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
