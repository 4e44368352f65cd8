"""Pinduoduo's rows as rows of the kinds.

Orders and refunds are in yuan, as the calls' pages document them (affiliate calls are in fen and not used here); advertising is in
thousandths of a yuan. Times are texts of GMT+8, or seconds.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ecops.platforms.rows import (
    CHINA, Cell, Origin, Raw, Read, Untrusted, at, choice, constant, count, day, day_of, identity, li, listed, local, read_rows, text, unix, yuan,
)

_SHIPPING = {"1": "paid", "2": "shipped", "3": "finished"}
REFUND_STATUS = {
    **dict.fromkeys(("2", "3", "4", "5", "7", "8", "14", "15", "18", "21", "22", "24"), "open"), "10": "success", "16": "success",
    "6": "refused", "9": "refused", **dict.fromkeys(("11", "12", "13", "17"), "closed"),
}
REFUND_KIND = {"2": "refund", "3": "return", "4": "exchange", "5": "resend"}
_AFTER_SALE = {"1": "none", "2": "open", "3": "open", "4": "refunded"}
_FIGURES = ("impression", "click", "spend", "gmv")


def orders(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Orders that were made, and their goods as lines. Pinduoduo gives no buyer, so `buyer_id` stays unknown."""
    whole = [{**raw, **_told(raw)} for raw in raws]
    yield read_rows("orders", whole, {
        "order_id": Cell("order_sn", identity, True), "created_at": Cell("created_time", moment, True), "paid_at": Cell("_paid_at", moment),
        "total_fen": Cell("pay_amount", yuan), "paid_fen": Cell("_paid", yuan), "refund_fen": Cell("_refund", yuan),
        "postage_fen": Cell("postage", yuan), "shop_discount_fen": Cell("seller_discount", yuan),
        "platform_discount_fen": Cell("platform_discount", yuan),
        "presale": Cell("is_pre_sale", choice({"1": True, "0": False})), "deposit_fen": Cell("step_order_info.advanced_paid_fee", yuan),
        "units": Cell("_units", count), "status": Cell("_status", text), "after_sale": Cell("refund_status", choice(_AFTER_SALE)),
        "province": Cell("province", text), "shipped_at": Cell("shipping_time", moment), "ship_by": Cell("last_ship_time", moment),
        "finished_at": Cell("receive_time", moment),
    }, origin, "updated_at")  # fmt: skip
    lines = [{**line, **_line(line, raw)} for raw in whole for line in listed(raw, "item_list")]
    yield read_rows("order_lines", lines, {
        "order_id": Cell("_order.order_sn", identity, True), "line_id": Cell("_line", identity, True), "item_id": Cell("goods_id", identity),
        "sku_id": Cell("sku_id", identity), "sku": Cell("goods_spec", text), "title": Cell("goods_name", text), "merchant_code": Cell("_code", text),
        "created_at": Cell("_order.created_time", moment, True), "paid_at": Cell("_order._paid_at", moment), "units": Cell("goods_count", count),
        "price_fen": Cell("goods_price", yuan), "payable_fen": Cell("_payable", yuan),
        "paid_fen": Cell("_paid", yuan), "refund_fen": Cell("_refund", yuan),
        "status": Cell("_order._status", text), "shipped_at": Cell("_order.shipping_time", moment),
    }, origin, "_order.updated_at")  # fmt: skip


def refunds(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """After-sales. The moment of settling is not told, so `closed_at` stays unknown."""
    rows = [{**raw, "_line": f"{raw['order_sn']}:{raw['sku_id']}" if raw.get("order_sn") and raw.get("sku_id") else None} for raw in raws]
    yield read_rows("refunds", rows, {
        "refund_id": Cell("id", identity, True), "order_id": Cell("order_sn", identity), "line_id": Cell("_line", identity),
        "item_id": Cell("goods_id", identity), "created_at": Cell("created_time", moment, True),
        "refund_status": Cell("after_sales_status", choice(REFUND_STATUS)), "refund_kind": Cell("after_sales_type", choice(REFUND_KIND)),
        "amount_fen": Cell("refund_amount", yuan), "reason": Cell("after_sale_reason", text),
    }, origin, "updated_time")  # fmt: skip


def items(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Goods. The list has neither price nor category; they stay unknown."""
    rows = [{**raw, "_code": _code(raw)} for raw in raws]
    yield read_rows("items", rows, {
        "item_id": Cell("goods_id", identity, True), "title": Cell("goods_name", text), "merchant_code": Cell("_code", text),
        "listed_on": Cell("created_at", day_of(moment)), "on_sale": Cell("is_onsale", choice({"1": True, "0": False})),
    }, origin)  # fmt: skip


def stock(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Pieces of each item at the moment of the pull."""
    rows = [{**raw, "_now": origin.now} for raw in raws]
    yield read_rows("stock", rows, {
        "date": Cell("_now", day_of(_as_is), True), "item_id": Cell("goods_id", identity, True), "closing_units": Cell("goods_quantity", count, True),
    }, origin)  # fmt: skip


def hours(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """The account's advertising of each hour, its scenes together; a figure that one scene does not tell is unknown."""
    together: dict[Any, list[Raw]] = {}
    for raw in raws:
        together.setdefault(hour_of(raw), []).append(raw)
    rows = [{"_hour": hour, **{name: _sum([raw.get(name) for raw in of_hour]) for name in _FIGURES}} for hour, of_hour in together.items()]
    yield read_rows("hours", rows, {
        "hour": Cell("_hour", _as_is, True), "ad_impressions": Cell("impression", count), "ad_clicks": Cell("click", count),
        "ad_spend_fen": Cell("spend", li), "ad_deal_amount_fen": Cell("gmv", li),
    }, origin, sole=True)  # fmt: skip


def ad_days(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """The account's advertising of each day, scene by scene."""
    yield read_rows("ad_days", raws, {
        "date": Cell("date", day, True), "tool": Cell("_tool", text, True), "plan_id": Cell("", constant("*")), "item_id": Cell("", constant("*")),
        "keyword": Cell("", constant("*")), "impressions": Cell("impression", count), "clicks": Cell("click", count), "spend_fen": Cell("spend", li),
        "deals": Cell("orderNum", count), "deal_amount_fen": Cell("gmv", li), "favourites": Cell("goodsFavNum", count),
    }, origin, sole=True)  # fmt: skip


def moment(cell: Any) -> datetime | None:
    """A text of GMT+8, or seconds."""
    return unix(cell) if str(cell).isdigit() else local(cell)


def hour_of(raw: Raw) -> datetime | None:
    """The start (UTC) of the hour of a report's row; None where the row does not tell it."""
    number = str(raw.get("hour"))
    if not number.isdigit() or int(number) > 23:
        return None
    return (datetime.fromisoformat(str(raw["_day"])).replace(tzinfo=CHINA) + timedelta(hours=int(number))).astimezone(UTC)


def _told(raw: Raw) -> dict[str, Any]:
    untouched, paid_at = str(raw.get("refund_status")) == "1", raw.get("pay_time") or raw.get("confirm_time")
    units = [line.get("goods_count") for line in listed(raw, "item_list")]
    return {
        "_paid_at": paid_at,
        # Where something was refunded the order does not say how much: that is known from the after-sales.
        "_paid": raw.get("pay_amount") if paid_at and untouched else None,
        "_refund": "0" if untouched else None,
        "_units": _sum(units),
        "_status": "closed" if str(raw.get("confirm_status")) == "2" else _SHIPPING.get(str(raw.get("order_status"))),
    }


def _line(line: Raw, order: Raw) -> dict[str, Any]:
    """An order mostly has one line, which then is paid and refunded as the order is; of several lines the parts are not told."""
    alone = len(listed(order, "item_list")) == 1
    return {
        "_order": order, "_line": f"{order.get('order_sn')}:{line.get('sku_id')}" if line.get("sku_id") else None,
        "_code": line.get("outer_id") or line.get("outer_goods_id"), "_payable": order.get("pay_amount") if alone else None,
        "_paid": order["_paid"] if alone else None, "_refund": order["_refund"] if alone else None,
    }  # fmt: skip


def _code(raw: Raw) -> Any:
    codes = {at(sku, "outer_goods_id") for sku in listed(raw, "sku_list")} - {None, ""}
    return codes.pop() if len(codes) == 1 else None


def _sum(cells: list[Any]) -> Any:
    """Their sum; unknown when one of them is, and as it is when one of them is no number, to be refused by its reader."""
    if not cells or any(cell is None for cell in cells):
        return None
    try:
        return sum(count(cell) or 0 for cell in cells)
    except Untrusted:
        return next(cell for cell in cells if not str(cell).isdigit())


def _as_is(cell: Any) -> Any:
    return cell
