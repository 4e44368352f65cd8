"""What an export leaves to be derived from its rows: each step takes typed rows and gives them back, with faults of rows it cannot.

The tables of headings name the steps an export needs, in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from ecops.shop.cells import SHOP_ZONE
from ecops.shop.exports import Export
from ecops.shop.faults import PLACE, faults_of, no_faults
from ecops.shop.kinds import ALL, COLUMNS, INSTANT, KINDS
from ecops.shop.personal import hashed

TITLE_ID = "title:"
MADE_ID = "made:"
# An order's amount and the sum of its lines may differ by what rounding left over.
_ROUNDED_FEN = 1
_LINE_STATUS_OF_AFTER_SALE = {"none": "none", "open": "open", "refunded": "success", "refused": "refused"}
_STATUSES_IN_ORDER = ("created", "paid", "shipped", "finished", "closed")
_BESIDE_GOODS = ("postage_fen", "_discount_fen")
_WAYBILL_MARKS = r"[,，;；、\s]+"


@dataclass(frozen=True)
class Setting:
    """What a step may ask for: the lake's secret, the item ids every title ever had, and the file's heading of a column."""

    secret: bytes
    titles: Callable[[], Mapping[str, set[str]]]
    labels: Mapping[str, str]

    def label(self, column: str) -> str:
        """The heading that fills `column` in this file."""
        return self.labels.get(column, "")


Step = Callable[[pl.DataFrame, Setting], tuple[pl.DataFrame, pl.DataFrame]]


def _plain(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Step:
    return lambda rows, setting: (change(rows), no_faults())


def made_order_ids(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An export without order numbers: buyer and second of creation name an order, the same one at every import."""
    facts = rows.select(pl.concat_str("buyer_id", pl.col("created_at").cast(pl.String), separator="|")).to_series()
    return rows.with_columns((MADE_ID + hashed(facts, setting.secret)).alias("order_id")), no_faults()


def net_payment(rows: pl.DataFrame) -> pl.DataFrame:
    """Some exports state the payment before refunds: it is when payment and refund together pass the total."""
    if "refund_fen" not in rows.columns:
        return rows
    paid, refund = pl.col("paid_fen"), pl.col("refund_fen")
    gross = (paid + refund > pl.col("total_fen")) & (paid >= refund)
    return rows.with_columns(pl.when(gross).then(paid - refund).otherwise(paid).alias("paid_fen"))


def net_line_payment(rows: pl.DataFrame) -> pl.DataFrame:
    """As `net_payment`, measured by what the line was to cost: payable_fen where the export has it, else price by pieces."""
    if not {"refund_fen", "paid_fen"} <= set(rows.columns):
        return rows
    cost = [column for column in ("payable_fen", "_listed") if column in rows.columns or column == "_listed"]
    listed = pl.col("price_fen") * pl.col("units") if {"price_fen", "units"} <= set(rows.columns) else pl.lit(None, dtype=pl.Int64)
    paid, refund = pl.col("paid_fen"), pl.col("refund_fen")
    gross = (paid + refund > pl.coalesce(cost)) & (paid >= refund)
    return rows.with_columns(_listed=listed).with_columns(pl.when(gross).then(paid - refund).otherwise(paid).alias("paid_fen")).drop("_listed")


def status_of_payment(rows: pl.DataFrame) -> pl.DataFrame:
    """The status an order has by its amounts, where the export states none."""
    known = pl.col("status") if "status" in rows.columns else pl.lit(None, dtype=pl.String)
    paid = pl.col("paid_at").is_not_null() if "paid_at" in rows.columns else pl.lit(None, dtype=pl.Boolean)
    returned = (pl.col("refund_fen") == pl.col("total_fen")) & (pl.col("total_fen") > 0) if "refund_fen" in rows.columns else pl.lit(False)
    told = pl.when(paid & returned.fill_null(False)).then(pl.lit("closed")).when(paid).then(pl.lit("paid")).when(~paid).then(pl.lit("created"))
    return rows.with_columns(pl.coalesce(known, told).alias("status"))


def amounts_add_up(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuses paid rows whose payment and refund do not make the total, in an export that states payments after refunds."""
    bad = pl.col("paid_at").is_not_null() & (pl.col("paid_fen") + pl.col("refund_fen") != pl.col("total_fen"))
    return rows, faults_of(rows.filter(bad), setting.label("paid_fen"), pl.col("paid_fen"), "amounts_disagree")


def items_by_title(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Item ids by title for an export that has none; a title nobody knows yet stands for itself, one of several items is refused."""
    if "item_id" in rows.columns:
        return rows, no_faults()
    titles = setting.titles()
    sole = {title: min(ids) for title, ids in titles.items() if len(ids) == 1}
    several = [title for title, ids in titles.items() if len(ids) > 1]
    found = pl.col("title").replace_strict(sole, default=None, return_dtype=pl.String)
    named = rows.with_columns(pl.coalesce(found, TITLE_ID + pl.col("title")).alias("item_id"))
    return named, faults_of(rows.filter(pl.col("title").is_in(several)), setting.label("title"), pl.col("title"), "ambiguous_title")


def day_of_month(rows: pl.DataFrame) -> pl.DataFrame:
    """A monthly figure was known on the last day of its month, when no other day is told."""
    month = pl.col("month").dt.month_end() if "month" in rows.columns else pl.lit(None, dtype=pl.Date)
    given = [pl.col("date")] if "date" in rows.columns else []
    return rows.with_columns(pl.coalesce(*given, month).alias("date"))


def whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Key parts that the export does not split by, or leaves empty in a row for all, are `*`; a plan without number goes by its name."""
    parts = ("source_detail", "tool", "plan_id", "item_id", "keyword")
    names = {"plan_id": "plan"}
    given = {part: [pl.col(c) for c in (part, names.get(part)) if c in rows.columns] for part in parts}
    return rows.with_columns(pl.coalesce(*columns, pl.lit(ALL)).alias(part) for part, columns in given.items())


def one_day(rows: pl.DataFrame) -> pl.DataFrame:
    """A report without a period is of its day."""
    given = [pl.col("period_days")] if "period_days" in rows.columns else []
    return rows.with_columns(pl.coalesce(*given, pl.lit(1, dtype=pl.Int64)).alias("period_days"))


def events(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row is one event unless it says how many."""
    given = [pl.col("times")] if "times" in rows.columns else []
    return rows.with_columns(pl.coalesce(*given, pl.lit(1, dtype=pl.Int64)).alias("times"), pl.col("hour").dt.truncate("1h"))


def made_review_ids(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reviews without a number: order, item and second of writing name one, the same at every import."""
    if "review_id" in rows.columns:
        return rows, no_faults()
    named = [pl.col(name).cast(pl.String).fill_null("") for name in ("order_id", "item_id", "created_at") if name in rows.columns]
    facts = rows.select(pl.concat_str(named, separator="|")).to_series()
    return rows.with_columns((MADE_ID + hashed(facts, setting.secret)).alias("review_id")), no_faults()


def times_of_deal(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Exports that state when a deal was made (`_dealt_at`) and paid, but not when the order was created.

    A deal is only made of paid orders, so it stands in for a payment time not given. The earliest time known is the
    creation; without any, the day in the order number (yymmdd-) is. It is a day off around midnight, so it never
    overrides a time.
    """
    dealt = pl.col("_dealt_at")
    paid = pl.coalesce("paid_at", dealt) if "paid_at" in rows.columns else dealt
    made = rows.with_columns(pl.coalesce(pl.min_horizontal(paid, dealt), _day_of_number(pl.col("order_id"))).alias("created_at"), paid_at=paid)
    lost = made.filter(pl.col("created_at").is_null() & pl.col("order_id").is_not_null())
    return made, faults_of(lost, setting.label("_dealt_at"), pl.col("order_id"), "no_order")


def _day_of_number(number: pl.Expr) -> pl.Expr:
    """Midnight of the day that an order number begins with, as `251111-`."""
    day = number.str.extract(r"^(\d{6})-").str.to_date("%y%m%d", strict=False)
    return day.cast(pl.Datetime("us")).dt.replace_time_zone(SHOP_ZONE).dt.convert_time_zone("UTC").cast(INSTANT)


def goods_and_postage(rows: pl.DataFrame) -> pl.DataFrame:
    """Where the goods' price stands alone (`_goods_fen`), postage is part of what was ordered, as everywhere else.

    What the platform gives for paying its own way (`_payment_discount_fen`) is part of its discount, and without the rest not all of it.
    """
    parts = {"total_fen": ("_goods_fen", "postage_fen"), "platform_discount_fen": ("platform_discount_fen", "_payment_discount_fen")}
    there = {name: [pl.col(part) for part in some if part in rows.columns] for name, some in parts.items()}
    return rows.with_columns(sum(some[1:], some[0]).alias(name) for name, some in there.items() if parts[name][0] in rows.columns)


def refund_of_after_sale(rows: pl.DataFrame) -> pl.DataFrame:
    """What the state of the after-sale tells of the refund, in exports that state no amount refunded.

    Certain is only that all was given back: the export says so (`_after_sale` holds 全额退款), or the goods never left, for an
    order not sent can only be refunded whole. Any other refund may be one of a part: `refund_fen` stays unknown and
    `paid_fen` what was once paid. No after-sale does not mean zero either: it may still come.
    """
    if "after_sale" not in rows.columns:
        return rows
    never_sent = pl.col("shipped_at").is_null() if "shipped_at" in rows.columns else pl.lit(False)
    in_full = pl.col("_after_sale").str.contains("全额退款", literal=True).fill_null(False) if "_after_sale" in rows.columns else pl.lit(False)
    returned = ((pl.col("after_sale") == "refunded") & (never_sent | in_full)).fill_null(False)
    return rows.with_columns(
        refund_fen=pl.when(returned).then(pl.col("paid_fen")), paid_fen=pl.when(returned).then(pl.col("paid_fen") * 0).otherwise(pl.col("paid_fen")),
        refund_status=pl.col("after_sale").replace_strict(_LINE_STATUS_OF_AFTER_SALE, default=None, return_dtype=pl.String), _returned=returned,
    )


def due_of_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Whether the amount due (`_due_fen`) is the line's or the order's, repeated in each of its lines; some versions do either.

    Order by order: lines that differ state their own. Of equal ones the amount is the order's where price by pieces, postage
    and discount come to it, or where their sum would pass what the lines cost; else each states its own. `_order_due_fen` is the
    order's amount, `payable_fen` the line's where it is known; `paid_fen` follows where the order was paid.
    """
    of_order = _due_is_the_orders(rows.columns)
    due = pl.col("_due_fen")
    sums = pl.when(due.is_not_null().all().over("order_id")).then(due.sum().over("order_id"))
    told = rows.with_columns(_of_order=of_order).with_columns(
        _order_due_fen=pl.when(pl.col("_of_order")).then(due.first().over("order_id")).when(~pl.col("_of_order")).then(sums),
        payable_fen=pl.when((pl.len().over("order_id") == 1) | ~pl.col("_of_order")).then(due),
    )
    paid = pl.col("paid_at").is_not_null() if "paid_at" in rows.columns else pl.lit(None, dtype=pl.Boolean)
    return told.with_columns(paid_fen=pl.when(paid).then(pl.col("payable_fen")))


def _due_is_the_orders(columns: list[str]) -> pl.Expr:
    """True: the order's, false: the line's, null: it cannot be told. An order of one line is told either way."""
    due, number = pl.col("_due_fen"), pl.len().over("order_id")
    cost = pl.col("price_fen") * pl.col("units") if "price_fen" in columns else pl.lit(None, dtype=pl.Int64)
    goods = pl.when(cost.is_not_null().all().over("order_id")).then(cost.sum().over("order_id"))
    postage, discount = (_once(pl.col(name)).over("order_id").fill_null(0) if name in columns else pl.lit(0) for name in _BESIDE_GOODS)
    equal = (due.n_unique().over("order_id") == 1) & due.is_not_null()
    meets = (goods + postage - discount - due).abs() <= _ROUNDED_FEN
    passes = number * due > goods + postage
    return pl.when((number == 1) | ~equal).then(False).when(meets | passes).then(True).when(goods.is_not_null()).then(False)


def _once(amount: pl.Expr) -> pl.Expr:
    """An order's amount that its lines repeat counts once; amounts that differ are the lines' own."""
    return pl.when(amount.n_unique() == 1).then(amount.first()).otherwise(_added(amount))


def due_is_the_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """The amount due (`_due_fen`) is the order's, and was paid where there is a time of payment."""
    alone = pl.len().over("order_id") == 1
    paid = [pl.col("paid_at").is_not_null()] if "paid_at" in rows.columns else [pl.lit(None, dtype=pl.Boolean)]
    if "line_id" not in rows.columns:
        return rows.with_columns(paid_fen=pl.when(*paid).then(pl.col("_due_fen")))
    payable = pl.when(alone).then(pl.col("_due_fen"))
    return rows.with_columns(_order_due_fen=pl.col("_due_fen"), payable_fen=payable, paid_fen=pl.when(*paid).then(payable), _of_order=pl.lit(True))


def lines_by_item(rows: pl.DataFrame) -> pl.DataFrame:
    """Lines without a number go by their order and item."""
    return rows.with_columns(pl.concat_str("order_id", "item_id", separator="-").alias("line_id"))


def bookings(rows: pl.DataFrame) -> pl.DataFrame:
    """Settled amounts (`_amount_fen`, with their direction) as what the shop receives, booking by booking.

    What goes out counts against the shop, whether the file writes a minus or not. An order whose receipt of goods is not in
    this file was settled in another one: what is booked here is only a part of it, so what it brought stays unknown.
    """
    out = (pl.col("_direction") == "out").fill_null(pl.col("_amount_fen") < 0)
    signed = pl.when(out).then(-pl.col("_amount_fen").abs()).otherwise(pl.col("_amount_fen"))
    goods = pl.col("_fee").str.contains("货款", literal=True)
    whole_order = (goods & ~out).fill_null(False).any().over("order_id")
    return rows.with_columns(received_fen=pl.when(whole_order).then(signed), amount_fen=pl.when((goods & out).fill_null(False)).then(-signed))


def must_name_something(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuses rows of a report of plans and items that name neither: a total without a label would count everything twice."""
    names = [name for name in ("plan_id", "plan", "item_id", "title", "keyword", "_subject") if name in rows.columns]
    nameless = rows.filter(~pl.any_horizontal(pl.col(name).is_not_null() for name in names))
    return rows, faults_of(nameless, setting.label("item_id"), pl.lit(None), "missing_value")


def items_of_subjects(rows: pl.DataFrame) -> pl.DataFrame:
    """An advertised subject that is not an item (a shop, a live room) has no item id."""
    if not {"_subject", "item_id"} <= set(rows.columns):
        return rows
    item = pl.col("_subject").is_null() | pl.col("_subject").str.contains("商品|宝贝|单品")
    return rows.with_columns(pl.when(item).then(pl.col("item_id")).alias("item_id"))


def hour_of_day(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The hour as an instant, from the day and a text such as `08:00-08:59`, `8时` or `8`."""
    number = pl.col("_hour").str.extract(r"^(?:.*\s)?(\d{1,2})\s*(?:[:：时点~-]|$)").cast(pl.Int64, strict=False)
    told = pl.when(number.is_between(0, 23)).then(number)
    local = pl.col("date").cast(pl.Datetime("us")) + pl.duration(hours=told)
    start = local.dt.replace_time_zone(SHOP_ZONE, ambiguous="earliest", non_existent="null")
    made = rows.with_columns(start.dt.convert_time_zone("UTC").cast(INSTANT).alias("hour"))
    lost = made.filter(pl.col("hour").is_null() & pl.col("_hour").is_not_null() & pl.col("date").is_not_null())
    return made, faults_of(lost, setting.label("_hour"), pl.col("_hour"), "not_a_date")


def goods_sent(rows: pl.DataFrame) -> pl.DataFrame:
    """Goods that the buyer has, or has sent back, had left the shop. What the buyer has not got may be on its way."""
    if "_goods" not in rows.columns:
        return rows
    left, kept = pl.col("_goods").str.contains("已收到|已退货|已发货"), pl.col("_goods").str.contains("未发货")
    return rows.with_columns(shipped=pl.when(left).then(True).when(kept).then(False))


STEPS: dict[str, Step] = {
    "made_order_ids": made_order_ids, "amounts_add_up": amounts_add_up, "items_by_title": items_by_title, "net_payment": _plain(net_payment),
    "net_line_payment": _plain(net_line_payment), "status_of_payment": _plain(status_of_payment), "day_of_month": _plain(day_of_month),
    "made_review_ids": made_review_ids, "times_of_deal": times_of_deal, "goods_and_postage": _plain(goods_and_postage),
    "refund_of_after_sale": _plain(refund_of_after_sale), "due_of_orders": _plain(due_of_orders), "due_is_the_orders": _plain(due_is_the_orders),
    "lines_by_item": _plain(lines_by_item), "bookings": _plain(bookings), "items_of_subjects": _plain(items_of_subjects),
    "must_name_something": must_name_something,
    "hour_of_day": hour_of_day, "goods_sent": _plain(goods_sent), "whole": _plain(whole), "one_day": _plain(one_day), "events": _plain(events),
}


def also_rows(export: Export, kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the further `kind` that typed `rows` of `export` tell after its steps: columns of that kind, and the place of the first row.

    An export whose rows do not tell the kind gives no rows. Raises KeyError where nothing tells `kind` from the export's kind.
    """
    told = ALSO[export.kind, kind](rows)
    names = [name for name in told.columns if name in KINDS[kind].columns or name in PLACE]
    return told.select(names).cast({name: COLUMNS[name].dtype for name in names})


def lines_of_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Lines of an export in which each row is an order of one item: the order's number is the line's too."""
    price = pl.lit(None, dtype=pl.Int64)
    if {"_goods_fen", "units"} <= set(rows.columns):
        # the price of one piece, where it comes out even
        price = pl.when((pl.col("units") > 0) & (pl.col("_goods_fen") % pl.col("units") == 0)).then(pl.col("_goods_fen") // pl.col("units"))
    return rows.with_columns(line_id=pl.col("order_id"), price_fen=price).drop_nulls("line_id")


def orders_of_lines(rows: pl.DataFrame) -> pl.DataFrame:
    """Orders of an export of their lines. What lines only repeat counts once; what they contradict each other in stays unknown."""
    made = {name: expression for name, (needs, expression) in _OF_LINES.items() if needs <= set(rows.columns)}
    agreed = [name for name in ("buyer_id", "address_hash", "phone_hash", "channel", "close_reason", "province", "remark_mark", "presale")
              if name in rows.columns]
    grouped = rows.drop_nulls("order_id").group_by("order_id", maintain_order=True)
    orders = grouped.agg(*(pl.col(name).first() for name in PLACE), *(_agreed(name) for name in agreed), **made)
    if "_total_fen" in orders.columns:
        orders = orders.with_columns(total_fen="_total_fen")
    elif {"total_fen", "postage_fen"} <= set(orders.columns):
        orders = orders.with_columns(pl.col("total_fen") + pl.col("postage_fen"))
    return _paid_of_due(orders) if "_due_fen" in orders.columns else orders


def _paid_of_due(orders: pl.DataFrame) -> pl.DataFrame:
    """What was paid and given back, of what was due: all of it where every line came back, the lines' sum where each is known."""
    due, back = pl.col("_due_fen"), pl.col("refund_fen") if "refund_fen" in orders.columns else pl.lit(None, dtype=pl.Int64)
    paid = pl.col("paid_at").is_not_null() if "paid_at" in orders.columns else pl.lit(False)
    refund = pl.when(pl.col("_all_back")).then(due).otherwise(back) if "_all_back" in orders.columns else back
    return orders.with_columns(refund_fen=pl.when(paid).then(refund)).with_columns(
        paid_fen=pl.when(paid).then(due - pl.col("refund_fen").fill_null(0))
    )


def _agreed(name: str) -> pl.Expr:
    known = pl.col(name).drop_nulls()
    return pl.when(known.n_unique() == 1).then(known.first()).alias(name)


def _last(name: str) -> pl.Expr:
    """The last of the lines' instants; unknown while one of them has none."""
    return pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).max())


def _added(amount: pl.Expr) -> pl.Expr:
    """An unknown part makes the sum unknown."""
    return pl.when(amount.is_not_null().all()).then(amount.sum())


def _level_of(name: str) -> pl.Expr:
    """An amount of the order that its lines repeat, or the lines' own: as the amount due is."""
    return pl.when(pl.col("_of_order").first()).then(_once(pl.col(name))).otherwise(_added(pl.col(name)))


def _least_status() -> pl.Expr:
    """An order is as far as its last line; closed when all of them are."""
    rank = pl.col("status").replace_strict({name: place for place, name in enumerate(_STATUSES_IN_ORDER)}, default=None, return_dtype=pl.Int64)
    names = dict(enumerate(_STATUSES_IN_ORDER))
    return pl.when(pl.col("status").is_not_null().all()).then(rank.min()).replace_strict(names, default=None, return_dtype=pl.String)


def _worst_after_sale() -> pl.Expr:
    state = pl.col("after_sale")
    ranked = [pl.when((state == name).any()).then(pl.lit(name)) for name in ("open", "refunded", "refused")]
    return pl.coalesce(*ranked, pl.when((state == "none").fill_null(False).all()).then(pl.lit("none")))


def _refunds_of_lines() -> pl.Expr:
    """The sum of what lines got back, where no refunded line leaves its amount open."""
    back = pl.col("refund_fen")
    unknown = ((pl.col("after_sale") == "refunded") & back.is_null()).any()
    return pl.when(back.is_not_null().any() & ~unknown).then(back.sum())


_COST = pl.col("price_fen") * pl.col("units")
# Column of an order -> the columns its lines must have, and how they tell it.
_OF_LINES: dict[str, tuple[set[str], pl.Expr]] = {
    "created_at": ({"created_at"}, pl.col("created_at").min()),
    "paid_at": ({"paid_at"}, pl.col("paid_at").min()),
    "ship_by": ({"ship_by"}, pl.col("ship_by").min()),
    "shipped_at": ({"shipped_at"}, _last("shipped_at")),
    "finished_at": ({"finished_at"}, _last("finished_at")),
    "facts_as_of": ({"facts_as_of"}, pl.col("facts_as_of").min()),
    "units": ({"units"}, _added(pl.col("units"))),
    "status": ({"status"}, _least_status()),
    "after_sale": ({"after_sale"}, _worst_after_sale()),
    "postage_fen": ({"postage_fen"}, _once(pl.col("postage_fen"))),
    "total_fen": ({"price_fen", "units"}, _added(_COST)),
    "shop_discount_fen": ({"shop_discount_fen", "_of_order"}, _level_of("shop_discount_fen")),
    "platform_discount_fen": ({"platform_discount_fen", "_of_order"}, _level_of("platform_discount_fen")),
    "received_fen": ({"received_fen", "_of_order"}, _level_of("received_fen")),
    "refund_fen": ({"refund_fen", "after_sale"}, _refunds_of_lines()),
    "_total_fen": ({"_order_total_fen"}, pl.col("_order_total_fen").first()),
    "_all_back": ({"_returned"}, pl.col("_returned").all()),
    "_due_fen": ({"_order_due_fen"}, pl.col("_order_due_fen").first()),
}


def parcels_of_orders(rows: pl.DataFrame) -> pl.DataFrame:
    """The parcels that orders name by the carrier's number; an order may name several.

    Only those handed over at a known time: one without could not be told from a parcel that was always known.
    """
    if not {"parcel_id", "shipped_at"} <= set(rows.columns):
        return rows.clear().with_columns(pl.lit(None, dtype=pl.String).alias("parcel_id"))
    numbers = pl.col("parcel_id").str.replace_all(_WAYBILL_MARKS, ",").str.split(",")
    return rows.drop_nulls(["parcel_id", "shipped_at"]).with_columns(numbers).explode("parcel_id").filter(pl.col("parcel_id") != "")


def refunds_of_bookings(rows: pl.DataFrame) -> pl.DataFrame:
    """Refunds among the bookings of a settlement: goods booked out under an after-sale number.

    A settlement knows when a refund was paid and not when it was asked for: it stands for both, so that no refund is seen too early.
    """
    if not {"refund_id", "closed_at", "amount_fen"} <= set(rows.columns):
        return rows.clear().with_columns(pl.lit(None, dtype=pl.String).alias("refund_id"))
    found = rows.drop_nulls(["refund_id", "closed_at", "amount_fen"]).group_by("refund_id", maintain_order=True)
    refunds = found.agg(
        *(pl.col(name).first() for name in PLACE), *(_agreed(name) for name in ("order_id", "item_id") if name in rows.columns),
        pl.col("amount_fen").sum(), pl.col("closed_at").max(),
    )
    return refunds.with_columns(created_at=pl.col("closed_at"), refund_status=pl.lit("success"))


# (kind of the export, further kind) -> how the rows of the one tell rows of the other.
ALSO: dict[tuple[str, str], Callable[[pl.DataFrame], pl.DataFrame]] = {
    ("orders", "order_lines"): lines_of_orders, ("order_lines", "orders"): orders_of_lines, ("orders", "parcels"): parcels_of_orders,
    ("orders", "refunds"): refunds_of_bookings,
}
