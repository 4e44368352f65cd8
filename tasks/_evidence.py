"""What a shop can show for orders and items: facts with the place they came from, and the gaps."""

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import INSTANT
from tasks._listed import parts
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import has_happened, instant, known, local_date, yuan
from tasks._windows import Window

_SOURCE = ("source_file", "source_sheet", "source_row")
_ORDER = (
    "shop", "order_id", "buyer_id", "created_at", "paid_at", "shipped_at", "finished_at", "refunded_at", "total_fen", "refund_fen", "paid", "sent", "refunded", *_SOURCE,
)  # fmt: skip
_SHOWN = {
    "order_lines": ("line_id", "title", "units"),
    "refunds": ("refund_id", "created_at", "closed_at", "reason"),
    "parcels": ("parcel_id", "carrier", "shipped_at", "collected_at", "last_event_at", "delivered_at"),
    "reviews": ("review_id", "created_at", "stars", "text"),
}
FACTS = pl.Schema(
    {"shop": pl.String, "subject": pl.String, "at": INSTANT, "fact": pl.String, "zh": pl.String, "kind": pl.String, "kind_id": pl.String,
     "source_file": pl.String, "source_sheet": pl.String, "source_row": pl.Int64}
)  # fmt: skip
GAPS = {
    "order_not_found": "没有这个订单的数据",
    "item_not_found": "没有这个商品的数据",
    "no_payment_time": "已发货或完成但没有付款时间",
    "no_lines": "没有订单明细",
    "no_buyer": "买家身份未知或被隐藏",
    "no_parcel": "已发货但没有快递单号",
    "no_tracking": "快递没有任何物流轨迹",
    "no_refund_record": "有退款但没有退款记录",
    "no_detail_text": "详情页没有文字",
    "no_papers": "没有登记证件",
    "day_without_orders": "这一天没有任何订单数据",
}
_QUIET = timedelta(days=3)


def asked_orders(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """The orders the pack is about, in no order: those named; else those with a line of the items named, else all, made in the window."""
    named, items = parts(ask.params.orders), parts(ask.params.items)
    rows = effective_orders(frames, ask)
    if named:
        return rows.filter(pl.col("order_id").is_in(named)).select(_ORDER).collect()
    rows = rows.filter(pl.col("created_at").is_between(instant(window.since), instant(window.until), closed="left"))
    if items:
        of_items = known(frames, "order_lines", ask).filter(pl.col("item_id").is_in(items)).select("shop", "order_id")
        rows = rows.join(of_items, on=["shop", "order_id"], how="semi")
    return rows.select(_ORDER).collect()


def asked_items(frames: Frames, ask: Ask) -> pl.DataFrame:
    """The items named, as the catalogue has them."""
    return known(frames, "items", ask).filter(pl.col("item_id").is_in(parts(ask.params.items))).sort("shop", "item_id").collect()


def of_orders(frames: Frames, ask: Ask, kind: str, orders: pl.DataFrame) -> pl.DataFrame:
    """The rows of a kind that belong to the orders, the columns that can be shown."""
    rows = known(frames, kind, ask).select("shop", "order_id", *_SHOWN[kind], *_SOURCE)
    return rows.join(orders.lazy().select("shop", "order_id"), on=["shop", "order_id"], how="semi").collect()


def facts(frames: Frames, ask: Ask, orders: pl.DataFrame, items: pl.DataFrame, parts_of: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """One row a fact known by as-of (FACTS): the subject is an order or an item, `zh` what there is to show, and the file and line it is from."""
    found = [*_order_facts(ask, orders), *_part_facts(ask, parts_of), *_item_facts(frames, ask, items)]
    return pl.concat(found).sort("shop", "subject", "at", "kind", "fact", "kind_id", nulls_last=True)


def _fact(rows: pl.DataFrame, ask: Ask, kind: str, fact: str, at: str | None, zh: pl.Expr, subject: str = "order_id", kind_id: str | None = None) -> pl.DataFrame:
    """Rows of `kind` as facts that happened `at` (None: a standing fact), those that had by as-of."""
    happened = rows if at is None else rows.filter(has_happened(at, ask))
    return happened.select(
        "shop", pl.col(subject).alias("subject"), (pl.lit(None) if at is None else pl.col(at)).cast(INSTANT).alias("at"),
        pl.lit(fact).alias("fact"), zh.cast(pl.String).fill_null("").alias("zh"), pl.lit(kind).alias("kind"), pl.col(kind_id or subject).alias("kind_id"), *_SOURCE,
    ).cast(dict(FACTS))  # fmt: skip


def _order_facts(ask: Ask, orders: pl.DataFrame) -> Iterator[pl.DataFrame]:
    amount = pl.format("{}元", yuan(pl.col("total_fen")))
    yield _fact(orders, ask, "orders", "created", "created_at", pl.format("下单 {}", amount))
    yield _fact(orders, ask, "orders", "paid", "paid_at", pl.lit("付款"))
    yield _fact(orders, ask, "orders", "shipped", "shipped_at", pl.lit("发货"))
    yield _fact(orders, ask, "orders", "finished", "finished_at", pl.lit("确认收货"))
    refunded = orders.filter("refunded")
    yield _fact(refunded, ask, "orders", "refunded", "refunded_at", pl.format("退款 {}元", yuan(pl.col("refund_fen"))))


def _part_facts(ask: Ask, rows: dict[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
    bought = pl.format("{} ×{}", pl.col("title").fill_null("—"), pl.col("units").cast(pl.String).fill_null("?"))
    yield _fact(rows["order_lines"], ask, "order_lines", "line", None, bought, kind_id="line_id")
    why = pl.col("reason").fill_null("没有写原因")
    yield _fact(rows["refunds"], ask, "refunds", "claim", "created_at", pl.format("申请退款：{}", why), kind_id="refund_id")
    yield _fact(rows["refunds"], ask, "refunds", "claim_closed", "closed_at", pl.lit("退款完结"), kind_id="refund_id")
    by = pl.format("{} {}", pl.col("carrier").fill_null("—"), "parcel_id")
    for name, word in (("shipped_at", "交给快递"), ("collected_at", "揽收"), ("delivered_at", "签收")):
        yield _fact(rows["parcels"], ask, "parcels", name.removesuffix("_at"), name, pl.format(f"{word} {{}}", by), kind_id="parcel_id")
    said = pl.format("{}星 {}", pl.col("stars").cast(pl.String).fill_null("?"), pl.col("text").fill_null(""))
    yield _fact(rows["reviews"], ask, "reviews", "review", "created_at", said, kind_id="review_id")


def _item_facts(frames: Frames, ask: Ask, items: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield _fact(items, ask, "items", "page", None, pl.format("{}：{}", pl.col("title").fill_null("—"), pl.col("detail_text").fill_null("")), "item_id")
    papers = known(frames, "documents", ask).join(items.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi").collect()
    until = pl.coalesce(pl.col("expires_on").cast(pl.String), pl.when("no_expiry").then(pl.lit("长期")), pl.lit("?"))
    yield _fact(papers, ask, "documents", "paper", None, pl.format("{} 有效至{}", pl.col("document_type").fill_null("—"), until), "item_id", "document_id")


def gaps(frames: Frames, ask: Ask, orders: pl.DataFrame, items: pl.DataFrame, parts_of: dict[str, pl.DataFrame], window: Window) -> pl.DataFrame:
    """What should be there and is not: shop, subject, gap (a key of GAPS), zh."""
    found = [*_order_gaps(ask, orders, parts_of), *_item_gaps(frames, ask, items), *_not_found(ask, orders, items)]
    if not parts(ask.params.orders) and not parts(ask.params.items):
        found.append(_empty_days(frames, ask, window))
    zh = pl.col("gap").replace_strict(GAPS, return_dtype=pl.String)
    rows = pl.concat(found).with_columns(zh=pl.format("{} {}", "subject", zh))
    return rows.unique(maintain_order=True).sort("shop", "gap", "subject")


def _gap(rows: pl.DataFrame, gap: str, subject: str = "order_id") -> pl.DataFrame:
    return rows.select("shop", pl.col(subject).cast(pl.String).alias("subject"), pl.lit(gap).alias("gap"))


def _order_gaps(ask: Ask, orders: pl.DataFrame, rows: dict[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
    on = ["shop", "order_id"]
    gone = has_happened("shipped_at", ask) | has_happened("finished_at", ask)
    yield _gap(orders.filter(gone, ~pl.col("paid")), "no_payment_time")
    yield _gap(orders.join(rows["order_lines"], on=on, how="anti"), "no_lines")
    yield _gap(orders.filter(~buyer_is_known()), "no_buyer")
    yield _gap(orders.filter("sent").join(rows["parcels"], on=on, how="anti"), "no_parcel")
    scans = [has_happened(name, ask) for name in ("collected_at", "last_event_at", "delivered_at")]
    old = (pl.col("shipped_at") <= instant(ask.as_of - _QUIET)).fill_null(False)
    yield _gap(rows["parcels"].filter(old, ~pl.any_horizontal(scans)), "no_tracking")
    yield _gap(orders.filter("refunded").join(rows["refunds"], on=on, how="anti"), "no_refund_record")


def _item_gaps(frames: Frames, ask: Ask, items: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield _gap(items.filter(pl.col("detail_text").str.strip_chars().fill_null("") == ""), "no_detail_text", "item_id")
    papers = known(frames, "documents", ask).select("shop", "item_id").collect()
    yield _gap(items.join(papers, on=["shop", "item_id"], how="anti"), "no_papers", "item_id")


def _not_found(ask: Ask, orders: pl.DataFrame, items: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Named and not in the shop, said of every shop asked: a pack is asked of the shop it concerns."""
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    for names, rows, column, gap in (
        (parts(ask.params.orders), orders, "order_id", "order_not_found"),
        (parts(ask.params.items), items, "item_id", "item_not_found"),
    ):
        wanted = shops.join(pl.DataFrame({column: names}, schema={column: pl.String}), how="cross")
        yield _gap(wanted.join(rows, on=["shop", column], how="anti"), gap, column)


def _empty_days(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Days of the window on which a shop that has orders has none."""
    dates = window.dates(ask)
    days = pl.DataFrame({"day": pl.date_range(dates.first, dates.last, eager=True)})
    orders = known(frames, "orders", ask).select("shop", day=local_date("created_at", ask)).unique().collect()
    grid = orders.select("shop").unique(maintain_order=False).join(days, how="cross")
    return _gap(grid.join(orders, on=["shop", "day"], how="anti"), "day_without_orders", "day")
