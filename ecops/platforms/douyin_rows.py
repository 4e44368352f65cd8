"""Douyin's rows as rows of the kinds. Money is whole fen, times are seconds, 0 where something has not happened."""

from collections.abc import Callable, Iterator
from typing import Any

from ecops.platforms.rows import Cell, Origin, Raw, Read, at, choice, count, day_of, fen, identity, listed, open_id, read_rows, text, unix

Hashed = Callable[[str], str] | None

STATUS = {"1": "created", "105": "paid", "2": "paid", "101": "paid", "3": "shipped", "4": "closed", "5": "finished"}
REFUND_STATUS = {
    **dict.fromkeys(("3", "6", "7", "8", "11", "13"), "open"), **dict.fromkeys(("12", "14", "53"), "success"),
    **dict.fromkeys(("27", "29"), "refused"), **dict.fromkeys(("28", "51"), "closed"),
}
REFUND_KIND = {"0": "return", "1": "refund", "2": "refund", "3": "exchange", "6": "refund", "7": "resend"}
# No after-sale, or one that came to nothing.
_UNTOUCHED = ("0", "28", "51")
_AFTER_SALE = {"open": "open", "success": "refunded", "refused": "refused", "closed": "none"}
_RANK = ("none", "refused", "refunded", "open")
_PRESALE = ("1", "2")


def orders(raws: list[Raw], origin: Origin, hashed: Hashed) -> Iterator[Read]:
    """Shop orders, and their product orders as lines."""
    whole = [{**raw, **_told(raw)} for raw in raws]
    yield read_rows("orders", whole, {
        "order_id": Cell("order_id", identity, True), "buyer_id": Cell("doudian_open_id", open_id(hashed)),
        "created_at": Cell("create_time", unix, True), "paid_at": Cell("pay_time", unix), "total_fen": Cell("pay_amount", fen),
        "paid_fen": Cell("_paid", fen), "refund_fen": Cell("_refund", fen), "postage_fen": Cell("post_amount", fen),
        "shop_discount_fen": Cell("promotion_shop_amount", fen), "platform_discount_fen": Cell("promotion_platform_amount", fen),
        "presale": Cell("_presale", _as_is), "units": Cell("_units", count), "status": Cell("order_status", choice(STATUS)),
        "close_reason": Cell("cancel_reason", text), "after_sale": Cell("_after_sale", text), "province": Cell("post_addr.province.name", text),
        "shipped_at": Cell("ship_time", unix), "ship_by": Cell("exp_ship_time", unix), "finished_at": Cell("finish_time", unix),
        "channel": Cell("b_type_desc", text),
    }, origin, "update_time")  # fmt: skip
    lines = [{**line, **_line(line), "_order": raw} for raw in raws for line in listed(raw, "sku_order_list")]
    yield read_rows("order_lines", lines, {
        "order_id": Cell("_order.order_id", identity, True), "line_id": Cell("order_id", identity, True), "item_id": Cell("_item", identity),
        "sku_id": Cell("sku_id", identity), "sku": Cell("_spec", text), "title": Cell("product_name", text), "merchant_code": Cell("code", text),
        "created_at": Cell("_order.create_time", unix, True), "paid_at": Cell("pay_time", unix), "units": Cell("item_num", count),
        "price_fen": Cell("origin_amount", fen), "payable_fen": Cell("pay_amount", fen), "paid_fen": Cell("_paid", fen),
        "refund_fen": Cell("_refund", fen), "refund_status": Cell("_refund_status", text), "status": Cell("order_status", choice(STATUS)),
        "shipped_at": Cell("ship_time", unix), "talent_id": Cell("author_id", identity), "channel": Cell("theme_type_desc", text),
    }, origin, "_order.update_time")  # fmt: skip


def refunds(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """After-sales: one row each, for the first product order it names."""
    rows = [{**raw, "_line": next(iter(listed(raw, "order_info.related_order_info")), {})} for raw in raws]
    info = "aftersale_info."
    yield read_rows("refunds", rows, {
        "refund_id": Cell(info + "aftersale_id", identity, True), "order_id": Cell("order_info.shop_order_id", identity),
        "line_id": Cell("_line.sku_order_id", identity), "item_id": Cell("_line.product_id", identity),
        "created_at": Cell(info + "apply_time", unix, True), "closed_at": Cell(info + "aftersale_status_to_final_time", unix),
        "refund_status": Cell(info + "aftersale_status", choice(REFUND_STATUS)), "refund_kind": Cell(info + "aftersale_type", choice(REFUND_KIND)),
        "amount_fen": Cell(info + "refund_amount", fen), "reason": Cell("text_part.reason_text", text),
        "shipped": Cell(info + "aftersale_type", choice({"0": True, "1": True, "2": False})),
    }, origin, info + "update_time")  # fmt: skip


def items(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Products. On sale: online and passed the check."""
    rows = [{**raw, "_category": _finest(raw), "_on_sale": _on_sale(raw)} for raw in raws]
    yield read_rows("items", rows, {
        "item_id": Cell("product_id", identity, True), "title": Cell("name", text), "category": Cell("_category", text),
        "merchant_code": Cell("outer_product_id", text), "price_fen": Cell("discount_price", fen), "listed_on": Cell("create_time", day_of(unix)),
        "on_sale": Cell("_on_sale", _as_is),
    }, origin, "update_time")  # fmt: skip


def stock(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Pieces of each product, its variants together, at the moment of the pull."""
    rows = [{**raw, "_now": origin.now, "_units": _units([sku.get("stock_num") for sku in listed(raw, "_skus")])} for raw in raws]
    yield read_rows("stock", rows, {
        "date": Cell("_now", day_of(_as_is), True), "item_id": Cell("product_id", identity, True), "closing_units": Cell("_units", count, True),
    }, origin, "update_time")  # fmt: skip


def _told(raw: Raw) -> dict[str, Any]:
    lines = listed(raw, "sku_order_list")
    states = [_status(line) for line in lines]
    untouched, paid = bool(states) and all(state in _UNTOUCHED for state in states), bool(raw.get("pay_time"))
    told = [_word(state) for state in states]
    return {
        # Where something was refunded the order does not say how much: that is known from the after-sales.
        "_paid": 0 if not paid else raw.get("pay_amount") if untouched else None,
        "_refund": 0 if untouched or not paid else None,
        "_presale": any(str(line.get("pre_sale_type")) in _PRESALE for line in lines) if lines else None,
        "_units": _units([line.get("item_num") for line in lines]),
        "_after_sale": max(told, key=_RANK.index) if told and all(told) else None,
    }


def _line(line: Raw) -> dict[str, Any]:
    state, paid = _status(line), bool(line.get("pay_time"))
    return {
        "_item": line.get("product_id_str") or line.get("product_id"),
        "_spec": ";".join(f"{one.get('name')}:{one.get('value')}" for one in listed(line, "spec")),
        "_paid": 0 if not paid else line.get("pay_amount") if state in _UNTOUCHED else None,
        "_refund": 0 if state in _UNTOUCHED or not paid else None,
        "_refund_status": "none" if state == "0" else REFUND_STATUS.get(state),
    }


def _status(line: Raw) -> str:
    """The after-sale status of a product order; "" where it is not told."""
    found = at(line, "after_sale_info.after_sale_status")
    return "" if found is None else str(found)


def _word(state: str) -> str | None:
    return "none" if state == "0" else _AFTER_SALE.get(REFUND_STATUS.get(state, ""))


def _units(counts: list[Any]) -> int | None:
    """Their sum; unknown when one of them is."""
    return sum(counts) if counts and all(isinstance(one, int) and not isinstance(one, bool) for one in counts) else None


def _finest(raw: Raw) -> Any:
    names = (at(raw, f"category_detail.{place}_cname") for place in ("fourth", "third", "second", "first"))
    return next((name for name in names if name), None)


def _on_sale(raw: Raw) -> bool | None:
    status, check = raw.get("status"), raw.get("check_status")
    return None if status is None or check is None else (str(status), str(check)) == ("0", "3")


def _as_is(cell: Any) -> Any:
    return cell
