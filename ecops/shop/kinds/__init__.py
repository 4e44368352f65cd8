"""The kinds of data a shop has: one schema each, the same in the lake, the readers and the tasks.

Money columns end in `_fen` (integer fen), rates in `_rate` (fractions), durations in `_seconds`. Instants are UTC, dates are
the shop's own calendar days. A null means unknown; nothing is ever filled with zero. `*` in a key column means that the row
is not split by it. `docs/data.md` shows the same tables (`document()` draws them).
"""

import polars as pl

from ecops.shop.kinds.columns import COLUMNS, INSTANT, Column
from ecops.shop.kinds.kind import COMMON, Kind, Rule

__all__ = ["ALL", "COLUMNS", "COMMON", "INSTANT", "KINDS", "Column", "Kind", "Rule", "document"]

# In a key column: the row is not split by it.
ALL = "*"


def _kind(name: str, zh: str, key: str, columns: str, *rules: Rule) -> Kind:
    return Kind(name, zh, tuple(key.split()), {column: COLUMNS[column].dtype for column in f"{key} {columns}".split()}, rules)


_PAID_FIRST = Rule("paid_before_created", "paid_at", pl.col("paid_at") < pl.col("created_at"))
_VISITS = pl.col("visitors")
_ACTIVE = pl.any_horizontal(pl.col(name) > 0 for name in ("page_views", "cart_users", "pay_units", "pay_buyers", "pay_amount_fen"))
_BUYERS = Rule("buyers_exceed_visitors", "pay_buyers", (_VISITS > 0) & (pl.col("pay_buyers") > _VISITS))

KINDS = {
    kind.name: kind
    for kind in (
        _kind(
            "orders", "订单", "order_id",
            "buyer_id address_hash phone_hash created_at paid_at total_fen paid_fen refund_fen postage_fen shop_discount_fen "
            "platform_discount_fen received_fen presale deposit_fen deposit_paid_at refunded_at facts_as_of units status close_reason "
            "after_sale province shipped_at ship_by finished_at channel remark_mark",
            Rule("refund_exceeds_total", "refund_fen", pl.col("refund_fen") > pl.col("total_fen")), _PAID_FIRST,
        ),
        _kind(
            "order_lines", "订单明细", "order_id line_id",
            "item_id sku_id sku title merchant_code created_at paid_at units price_fen payable_fen paid_fen refund_fen refund_status "
            "status shipped_at talent_id channel facts_as_of",
            _PAID_FIRST,
        ),
        _kind(
            "refunds", "退款", "refund_id",
            "order_id line_id item_id buyer_id created_at closed_at refund_status refund_kind amount_fen reason shipped facts_as_of",
            Rule("closed_before_created", "closed_at", pl.col("closed_at") < pl.col("created_at")),
        ),
        _kind(
            "items", "商品", "item_id",
            "title detail_text category brand merchant_code price_fen cost_fen listed_on on_sale pack_size campaign_booked",
        ),
        _kind(
            "item_days", "商品日报", "date item_id",
            "title category page_views visitors stay_seconds bounce_rate fav_users cart_users cart_units order_buyers order_units "
            "order_amount_fen pay_buyers pay_units pay_amount_fen new_buyers old_buyers refund_amount_fen search_visitors search_buyers",
            Rule("no_visitors", "visitors", (_VISITS == 0) & _ACTIVE),
            Rule("units_exceed_visitors", "pay_units", pl.col("pay_buyers").is_null() & (pl.col("pay_units") > _VISITS)),
            _BUYERS,
        ),
        _kind(
            "traffic_days", "流量日报", "date source source_detail",
            "page_views visitors new_visitors follow_users fav_users cart_users order_buyers order_amount_fen pay_buyers pay_amount_fen",
            _BUYERS,
        ),
        _kind(
            "hours", "小时数据", "hour",
            "page_views visitors pay_buyers pay_units pay_amount_fen pay_amount_so_far_fen ad_impressions ad_clicks ad_spend_fen "
            "ad_deal_amount_fen",
        ),
        _kind(
            "ad_days", "推广日报", "date tool plan_id item_id keyword",
            "plan title impressions clicks spend_fen deals deal_amount_fen direct_amount_fen indirect_amount_fen net_deals "
            "net_amount_fen carts favourites attribution_days market_cpc_fen",
            Rule("clicks_exceed_impressions", "clicks", pl.col("clicks") > pl.col("impressions")),
        ),
        _kind(
            "service_days", "客服日报", "date agent period_days",
            "consulted received received_well inquiries inquiry_buyers sales_fen net_sales_fen first_reply_seconds mean_reply_seconds "
            "reply_rate reply_30s_rate reply_3min_rate need_human human_received unanswered unanswered_3min satisfaction_rate "
            "invited_rate dsr service_score low_scores disputes complaints",
        ),
        _kind("chats", "聊天记录", "session_id message_id", "at sender agent buyer_id script"),
        _kind("stock", "库存", "date item_id", "opening_units received_units closing_units"),
        _kind(
            "competitor_items", "竞品", "date competitor competitor_item_id",
            "month item_id title price_fen monthly_sales sold_so_far comments_so_far",
        ),
        _kind(
            "documents", "资质证件", "document_id", "document_type title item_id brand holder issued_on expires_on no_expiry",
            Rule("ends_before_start", "expires_on", pl.col("expires_on") < pl.col("issued_on")),
        ),
        _kind(
            "reviews", "评价", "review_id", "order_id item_id buyer_id created_at stars text with_pictures replied_at",
            Rule("not_stars", "stars", (pl.col("stars") < 1) | (pl.col("stars") > 5)),
        ),
        _kind(
            "parcels", "包裹", "parcel_id order_id",
            "carrier province shipped_at collected_at last_event_at last_event delivered_at damaged facts_as_of",
            Rule("delivered_before_shipped", "delivered_at", pl.col("delivered_at") < pl.col("shipped_at")),
        ),
        _kind("search_words", "搜索词", "date keyword", "category searches search_index clicks conversion_rate visitors pay_buyers"),
        _kind("competitor_shares", "竞店结构", "date competitor aspect part", "share_rate"),
        _kind("service_tags", "客服标签", "date tag item_id", "times"),
        _kind("needs", "需求覆盖", "need item_id", "weight"),
        _kind(
            "promotions", "优惠", "promotion_id item_id",
            "title promotion_kind threshold_fen off_fen off_rate deposit_fen starts_at ends_at exclusive",
            Rule("ends_before_start", "ends_at", pl.col("ends_at") <= pl.col("starts_at")),
        ),
        _kind("price_changes", "调价", "item_id changed_at", "price_fen reason"),
        _kind("consents", "触达授权", "buyer_id consent_channel", "consented_at withdrawn_at joined_at"),
        _kind("rules", "平台规则", "rule_id", "platform title published_at effective_on terms replaces text"),
        _kind("pages", "页面板块", "page block", "text link_works checked_at"),
        _kind(
            "purchases", "采购", "purchase_id item_id", "supplier ordered_on promised_on received_on units received_units cost_fen",
            Rule("received_before_ordered", "received_on", pl.col("received_on") < pl.col("ordered_on")),
        ),
        _kind("stock_counts", "盘点", "date item_id", "counted_units"),
        _kind("scores", "店铺评分", "date score_name", "score peer_score"),
        _kind(
            "shifts", "排班", "agent shift_from", "shift_until trained_on temporary",
            Rule("ends_before_start", "shift_until", pl.col("shift_until") <= pl.col("shift_from")),
        ),
        _kind("posts", "舆情", "post_id", "at channel item_id text negative answered_at"),
        _kind("behaviours", "用户行为", "hour buyer_id item_id action", "category times"),
    )
}


def document() -> str:
    """The kinds as Markdown: one table each, as `docs/data.md` shows them."""
    common = ["Every kind also carries, filled by the import:", "", *_table(COMMON)]
    return "\n".join([*common, *(line for kind in KINDS.values() for line in _section(kind))]) + "\n"


def _section(kind: Kind) -> list[str]:
    key = ", ".join(("shop", *kind.key))
    return ["", f"### {kind.name} {kind.zh}", "", f"One row for each ({key}).", "", *_table(kind.columns)]


def _table(columns: dict[str, pl.DataType]) -> list[str]:
    rows = (f"| {name} | {COLUMNS[name].zh} | {_type_name(COLUMNS[name])} | {COLUMNS[name].meaning} |" for name in columns)
    return ["| column | 表头 | type | meaning |", "|---|---|---|---|", *rows]


def _type_name(column: Column) -> str:
    names = {pl.String: "text", pl.Int64: "integer", pl.Float64: "number", pl.Date: "date", pl.Boolean: "yes/no"}
    name = next((name for base, name in names.items() if column.dtype == base), "instant")
    return f"{name} ({column.unit})" if column.unit else name
