"""TOP's rows as rows of the kinds. Money is yuan in texts, times are GMT+8."""

from collections.abc import Callable, Iterator
from typing import Any

from ecops.platforms.rows import (
    Cell, Origin, Raw, Read, choice, constant, count, day, day_of, fen, fen_rounded, identity, listed, local, open_id, read_rows, text, yuan,
)

Hashed = Callable[[str], str] | None

ATTRIBUTION_DAYS = 15  # days after a click for which a deal is claimed: what the reports are asked for
TOOL = "万相台无界"

STATUS = {
    "TRADE_NO_CREATE_PAY": "created", "WAIT_BUYER_PAY": "created", "PAY_PENDING": "created", "WAIT_PRE_AUTH_CONFIRM": "created",
    "WAIT_SELLER_SEND_GOODS": "paid", "SELLER_CONSIGNED_PART": "paid", "PAID_FORBID_CONSIGN": "paid",
    "WAIT_BUYER_CONFIRM_GOODS": "shipped", "TRADE_BUYER_SIGNED": "shipped", "TRADE_FINISHED": "finished",
    "TRADE_CLOSED": "closed", "TRADE_CLOSED_BY_TAOBAO": "closed",
}
REFUND_STATUS = {
    "WAIT_SELLER_AGREE": "open", "WAIT_BUYER_RETURN_GOODS": "open", "WAIT_SELLER_CONFIRM_GOODS": "open",
    "SELLER_REFUSE_BUYER": "refused", "CLOSED": "closed", "SUCCESS": "success",
}
_NONE = ("NO_REFUND", "CLOSED")
_UNPAID = ("TRADE_NO_CREATE_PAY", "WAIT_BUYER_PAY", "PAY_PENDING", "TRADE_CLOSED_BY_TAOBAO")
_RANK = ("none", "refused", "refunded", "open")
_KINDS = {"REFUND_AND_RETURN": "return", "REFUND": "refund", "TMALL_EXCHANGE": "exchange", "RESHIPPING": "resend"}

ORDER_FIELDS = (
    "tid", "buyer_open_uid", "status", "type", "payment", "post_fee", "received_payment", "num", "created", "pay_time", "modified", "consign_time",
    "end_time", "receiver_state", "step_trade_status", "step_paid_fee", "orders",
)
# Without it TOP tells only the commonest types of trade, and of refunds not even those of pre-sales (`step`).
TYPES = (
    "fixed", "auction", "guarantee_trade", "step", "auto_delivery", "ec", "cod", "eticket", "tmall_i18n", "o2o_offlinetrade", "nopaid",
    "instant_trade", "b2c_cod", "super_market_trade", "super_market_cod_trade", "pre_auth_type", "independent_simple_trade",
    "independent_shop_trade", "external_trade",
)
REFUND_FIELDS = (
    "refund_id", "tid", "oid", "buyer_open_uid", "created", "modified", "status", "refund_fee", "reason", "has_good_return", "dispute_type",
)
ITEM_FIELDS = ("num_iid", "title", "cid", "outer_id", "price", "num", "approve_status", "modified")


def orders(raws: list[Raw], origin: Origin, hashed: Hashed) -> Iterator[Read]:
    """Trades as orders, and their sub-orders as lines."""
    trades = [{**raw, **_told(raw)} for raw in raws]
    yield read_rows("orders", trades, {
        "order_id": Cell("tid", identity, True), "buyer_id": Cell("buyer_open_uid", open_id(hashed)), "created_at": Cell("created", local, True),
        "paid_at": Cell("pay_time", local), "total_fen": Cell("payment", yuan), "paid_fen": Cell("_paid", yuan), "refund_fen": Cell("_refund", yuan),
        "postage_fen": Cell("post_fee", yuan), "received_fen": Cell("_received", yuan),
        "presale": Cell("_presale", _as_is), "deposit_fen": Cell("_deposit", yuan),
        "units": Cell("_units", count), "status": Cell("status", choice(STATUS)), "after_sale": Cell("_after_sale", text),
        "province": Cell("receiver_state", text), "shipped_at": Cell("consign_time", local), "finished_at": Cell("_finished", local),
    }, origin, "modified")  # fmt: skip
    lines = [{**line, **_of_trade(line, raw)} for raw in raws for line in listed(raw, "orders")]
    yield read_rows("order_lines", lines, _LINE, origin, "_trade.modified")


def refunds(raws: list[Raw], origin: Origin, hashed: Hashed) -> Iterator[Read]:
    """Refunds the seller received. TOP tells neither the item nor the moment of settling: the lines tell the one, nothing the other."""
    rows = [{**raw, "_kind": _refund_kind(raw)} for raw in raws]
    yield read_rows("refunds", rows, {
        "refund_id": Cell("refund_id", identity, True), "order_id": Cell("tid", identity), "line_id": Cell("oid", identity),
        "buyer_id": Cell("buyer_open_uid", open_id(hashed)), "created_at": Cell("created", local, True),
        "refund_status": Cell("status", choice(REFUND_STATUS)), "refund_kind": Cell("_kind", text), "amount_fen": Cell("refund_fee", yuan),
        "reason": Cell("reason", text),
    }, origin, "modified")  # fmt: skip


def items(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Items on sale and in store. TOP gives a category's number, and not the day of the first listing; both are another call."""
    yield read_rows("items", raws, {
        "item_id": Cell("num_iid", identity, True), "title": Cell("title", text), "category": Cell("cid", identity),
        "merchant_code": Cell("outer_id", text), "price_fen": Cell("price", yuan),
        "on_sale": Cell("approve_status", choice({"onsale": True, "instock": False})),
    }, origin, "modified")  # fmt: skip


def stock(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Pieces of each item at the moment of the pull, as the last known of the shop's day."""
    rows = [{**raw, "_now": origin.now} for raw in raws]
    yield read_rows("stock", rows, {
        "date": Cell("_now", day_of(_as_is), True), "item_id": Cell("num_iid", identity, True), "closing_units": Cell("num", count, True),
    }, origin, "modified")  # fmt: skip


def hours(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """The account's advertising of each hour; amounts are read as fen, as TOP documents them for its market figures."""
    yield read_rows("hours", raws, {
        "hour": Cell("hour", _as_is, True), "ad_impressions": Cell("impression", count), "ad_clicks": Cell("click", count),
        "ad_spend_fen": Cell("cost", fen), "ad_deal_amount_fen": Cell("transactiontotal", fen),
    }, origin, sole=True)  # fmt: skip


def plans(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Each plan's days."""
    yield read_rows("ad_days", raws, {**_key("campaign_id"), **_FIGURES}, origin, sole=True)


def keywords(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """Each keyword's days, plan by plan."""
    yield read_rows("ad_days", raws, {**_key("campaign_id"), "keyword": Cell("original_word", text, True), **_FIGURES}, origin, sole=True)


def market(raws: list[Raw], origin: Origin) -> Iterator[Read]:
    """What a click on the keyword cost in the market, on the rows of `keywords`; nothing else of them."""
    yield read_rows("ad_days", raws, {
        **_key("campaign_id"), "keyword": Cell("original_word", text, True), "market_cpc_fen": Cell("market_cpc", fen_rounded),
    }, origin, sole=True)  # fmt: skip


def _key(plan: str) -> dict[str, Cell]:
    return {
        "date": Cell("thedate", day, True), "tool": Cell("", constant(TOOL)), "plan_id": Cell(plan, identity, True),
        "item_id": Cell("", constant("*")), "keyword": Cell("", constant("*")),
    }  # fmt: skip


_FIGURES = {
    "plan": Cell("campaign_name", text), "impressions": Cell("report_index.ad_pv", count), "clicks": Cell("report_index.click", count),
    "spend_fen": Cell("report_index.charge", yuan), "deals": Cell("report_index.alipay_inshop_num", count),
    "deal_amount_fen": Cell("report_index.alipay_inshop_amt", yuan), "direct_amount_fen": Cell("report_index.alipay_dir_amt", yuan),
    "indirect_amount_fen": Cell("report_index.alipay_indir_amt", yuan), "carts": Cell("report_index.cart_inshop_num", count),
    "favourites": Cell("report_index.item_col_inshop_num", count), "attribution_days": Cell("", constant(ATTRIBUTION_DAYS)),
}  # fmt: skip


_LINE = {
    "order_id": Cell("_trade.tid", identity, True), "line_id": Cell("oid", identity, True), "item_id": Cell("num_iid", identity),
    "sku_id": Cell("sku_id", identity), "sku": Cell("sku_properties_name", text), "title": Cell("title", text),
    "merchant_code": Cell("_code", text), "created_at": Cell("_trade.created", local, True), "paid_at": Cell("_trade.pay_time", local),
    "units": Cell("num", count), "price_fen": Cell("price", yuan), "payable_fen": Cell("total_fee", yuan), "paid_fen": Cell("_paid", yuan),
    "refund_fen": Cell("_refund", yuan), "refund_status": Cell("refund_status", choice({**REFUND_STATUS, "NO_REFUND": "none"})),
    "status": Cell("status", choice(STATUS)), "shipped_at": Cell("consign_time", local),
}  # fmt: skip


def _told(raw: Raw) -> dict[str, Any]:
    """What a trade says between its fields. `payment` is what was or will be paid, refunds not taken off."""
    lines = listed(raw, "orders")
    states = [str(line.get("refund_status")) for line in lines]
    untouched = bool(states) and all(state in _NONE for state in states)
    unpaid = raw.get("status") in _UNPAID
    paid = (raw.get("step_paid_fee") or "0") if unpaid else raw.get("payment")
    units = [line.get("num") for line in lines]
    return {
        # Where something was refunded the trade does not say how much: that is known from the refunds.
        "_paid": paid if unpaid or (untouched and raw.get("pay_time")) else None,
        "_refund": "0" if unpaid or untouched else None,
        "_received": raw.get("received_payment") if raw.get("status") == "TRADE_FINISHED" else None,
        "_presale": bool(raw.get("step_trade_status")),
        # Once the rest is paid too, the two can no longer be told apart.
        "_deposit": raw.get("step_paid_fee") if raw.get("step_trade_status") == "FRONT_PAID_FINAL_NOPAID" else None,
        "_units": sum(units) if units and all(isinstance(one, int) for one in units) else None,
        "_after_sale": _gravest(states),
        "_finished": raw.get("end_time") if raw.get("status") == "TRADE_FINISHED" else None,
    }


def _gravest(states: list[str]) -> str | None:
    told = [_after_sale(state) for state in states]
    return max(told, key=_RANK.index) if told and all(told) else None


def _after_sale(state: str) -> str:
    known = {"NO_REFUND": "none", "CLOSED": "none", "SUCCESS": "refunded", "SELLER_REFUSE_BUYER": "refused"}
    return known.get(state, "open" if state in REFUND_STATUS else "")


def _of_trade(line: Raw, trade: Raw) -> dict[str, Any]:
    """What a line takes from its trade. A part of a trade is paid with it, and its own amount is known while nothing was refunded."""
    untouched = line.get("refund_status") in _NONE
    paid = line.get("divide_order_fee") or line.get("payment")
    return {
        "_trade": trade, "_code": line.get("outer_sku_id") or line.get("outer_iid"),
        "_paid": "0" if trade.get("status") in _UNPAID and not trade.get("step_paid_fee") else paid if untouched and trade.get("pay_time") else None,
        "_refund": "0" if untouched else None,
    }  # fmt: skip


def _refund_kind(raw: Raw) -> str | None:
    """`dispute_type` where it is given, else whether the goods come back."""
    known = _KINDS.get(str(raw.get("dispute_type")))
    back = raw.get("has_good_return")
    return known or {True: "return", False: "refund", "true": "return", "false": "refund"}.get(back if isinstance(back, bool | str) else None)


def _as_is(cell: Any) -> Any:
    return cell
