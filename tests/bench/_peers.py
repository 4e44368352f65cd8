"""The same answers by hand: for each automated step the shortest polars queries an analyst would write for its lists.

Lists that come with the main one at no cost (what is left over) have no query. No verdicts, no texts, nothing for data that are missing or
cannot be; parameters are written into the query. What a query returns is compared with the list of the task by `keys`, so that the seconds
beside each other are those of the same answer; long lists are sorted as people see them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from ecops.automation import Frames
from ecops.copyscan import BLOCK, PASS, REVIEW, scan
from ecops.formulae.attribution import lmdi_parts, shapley_parts, whole_parts
from tests.bench._shops import AS_OF, CHINA, DAY

TODAY = AS_OF.date()
NOW, OPENS = AS_OF.astimezone(UTC), DAY.astimezone(UTC)
ENDS = OPENS + timedelta(hours=24)
SHOP_ITEM, ORDER = ["shop", "item_id"], ["shop", "order_id"]
C, COUNT = pl.col, pl.len().cast(pl.Int64)
Query = Callable[[Frames], pl.LazyFrame | dict[str, pl.LazyFrame]]


@dataclass(frozen=True)
class Peer:
    """`query` gives the rows of the list `of`, which are told apart by `keys`; of `verdicts`: the counts of each shop that stand in them.

    A query that gives several lists gives them by name.
    """

    query: Query
    keys: tuple[str, ...]
    of: str


PEERS: dict[str, list[Peer]] = {}


def peer(task: str, *keys: str, of: str = "items"):
    """Declare the decorated query as the peer of `task`, for one of its lists."""

    def declare(query: Query) -> Query:
        PEERS.setdefault(task, []).append(Peer(query, ("shop", *keys), of))
        return query

    return declare


def answered(peers: list[Peer], frames: Frames) -> list[pl.DataFrame]:
    """What the queries give, one frame a peer; what several of them need is calculated once."""
    given = {query: query(frames) for query in dict.fromkeys(one.query for one in peers)}
    return pl.collect_all([given[one.query][one.of] if isinstance(given[one.query], dict) else given[one.query] for one in peers])


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def last(days: int, column: str = "date") -> pl.Expr:
    return C(column).is_between(ago(days), ago(1))


def local_day(column: str) -> pl.Expr:
    return C(column).dt.convert_time_zone(CHINA.key).dt.date()


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA).astimezone(UTC)


def count(of: pl.Expr) -> pl.Expr:
    return of.sum().cast(pl.Int64)


def o_clock(column: str) -> pl.Expr:
    return C(column).dt.convert_time_zone(CHINA.key).dt.hour().cast(pl.Int64)


def wilson(hits: pl.Expr, of: pl.Expr, side: int) -> pl.Expr:
    z, rate = 1.959963984540054, hits / of
    return (rate + z * z / (2 * of) + side * z * (rate * (1 - rate) / of + z * z / (4 * of * of)).sqrt()) / (1 + z * z / of)


def kept(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Orders paid and not given back in full."""
    return orders.filter(C("paid_at").is_not_null(), ~((C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0))))


# --- campaign ------------------------------------------------------------------------------------------------------


@peer("campaign.audiences", "buyer_id", of="buyers")
@peer("campaign.audiences", "buyer_id", of="suppressed")
@peer("campaign.audiences", "audience", "people")
@peer("campaign.audiences", of="verdicts")
@peer("campaign.audiences", "buyer_id", of="non_buyers")
def audiences(f: Frames) -> dict[str, pl.LazyFrame]:
    """Whom to write to with what they bought, how many there are, and how many orders name their buyer."""
    orders = f["orders"].select("shop", "buyer_id", "paid_at", "paid_fen", "refund_fen", at=pl.coalesce("paid_at", "created_at"), named=C("buyer_id").is_not_null() & ~C("buyer_id").str.contains("*", literal=True))
    inside, paid = C("at").is_between(OPENS, ENDS, closed="left"), C("paid_at").is_not_null()
    people = orders.filter("named", inside | (paid & (C("at") < OPENS))).group_by("shop", "buyer_id").agg(
        orders=count(inside & paid), refunds=count(inside & (C("refund_fen") > 0)), amount_fen=C("paid_fen").filter(inside & paid).sum(), last=C("paid_at").max()
    )  # fmt: skip
    which = pl.when(C("refunds") > 0).then(pl.lit("suppressed")).when(C("orders") > 0).then(pl.lit("buyers")).otherwise(pl.lit("non_buyers"))
    rows = people.with_columns(audience=which).sort("shop", "buyer_id").collect().lazy()
    sizes = rows.group_by("shop", "audience").agg(people=COUNT).sort("shop", "audience")
    known = orders.group_by("shop").agg(orders=COUNT, known=count(C("named")))
    return {"items": sizes, "verdicts": known} | {name: rows.filter(C("audience") == name) for name in ("buyers", "non_buyers", "suppressed")}


@peer("campaign.pick_items", "item_id", "title")
@peer("campaign.pick_items", "item_id", "title", of="borderline")
@peer("campaign.pick_items", "item_id", "title", of="unknown_items")
@peer("campaign.pick_items", of="verdicts")
def pick_items(f: Frames) -> dict[str, pl.LazyFrame]:
    """Items at the line, just under it, and those nothing can be said of, each with its newest title; and of how many days there are reports."""
    days = f["item_days"].filter(last(30)).select(*SHOP_ITEM, "date", "title", "visitors", "pay_buyers").collect().lazy()
    sums = days.group_by(SHOP_ITEM).agg(C("visitors", "pay_buyers").sum(), days=COUNT)
    rate = C("pay_buyers") / C("visitors")
    told = sums.with_columns(rate=rate, lower=wilson(C("pay_buyers"), C("visitors"), -1), odd=(C("visitors") <= 0) | (rate > 1)).filter(C("odd") | (C("rate") >= 0.07))
    told = told.sort("shop", "rate", descending=[False, True]).collect().lazy()
    titles = days.join(told, on=SHOP_ITEM, how="semi").group_by(SHOP_ITEM).agg(title=C("title").max_by("date"))
    told = told.join(titles, on=SHOP_ITEM, maintain_order="left").collect().lazy()
    lists = {"items": ~C("odd") & (C("rate") >= 0.08), "borderline": ~C("odd") & (C("rate") < 0.08), "unknown_items": C("odd")}
    return {name: told.filter(which) for name, which in lists.items()} | {"verdicts": days.group_by("shop").agg(days=C("date").n_unique())}


@peer("campaign.presale", "deposits", "finals", of="funnel")
def presale(f: Frames) -> pl.LazyFrame:
    deposits = f["orders"].filter(C("deposit_paid_at").is_between(OPENS - timedelta(days=21), OPENS, closed="left"))
    return deposits.group_by("shop").agg(
        deposits=pl.len().cast(pl.Int64), finals=C("paid_at").is_not_null().sum().cast(pl.Int64), deposit_fen=C("deposit_fen").sum(), gmv_fen=C("paid_fen").sum()
    )


@peer("campaign.presale", "item_id", of="wish_list")
def wish_list(f: Frames) -> pl.LazyFrame:
    opens = DAY.date()
    rows = f["item_days"].filter(C("date").is_between(opens - timedelta(days=14), opens - timedelta(days=1)))
    now = C("date") >= opens - timedelta(days=7)
    sums = rows.group_by(SHOP_ITEM).agg(
        days=now.sum(), carts=C("cart_users").filter(now).sum(), before=C("cart_users").filter(~now).sum(), favs=C("fav_users").filter(now).sum(), favs_before=C("fav_users").filter(~now).sum()
    )
    return sums.filter(C("days") > 0).sort("shop", "carts", "favs", descending=[False, True, True])


@peer("campaign.unshipped", "order_id", "state")
def unshipped(f: Frames) -> pl.LazyFrame:
    waiting = kept(f["orders"]).filter(C("shipped_at").is_null(), ~C("status").is_in(["shipped", "finished"]))
    rows = waiting.select(*ORDER, "paid_at", "units", "paid_fen", deadline=pl.coalesce("ship_by", C("paid_at") + pl.duration(hours=48)), age=(NOW - C("paid_at")).dt.total_minutes() / 60)
    soon = C("deadline") <= NOW + timedelta(hours=6)
    state = pl.when(C("deadline") < NOW).then(pl.lit("overdue")).when(soon).then(pl.lit("soon")).otherwise(pl.lit("open"))
    return rows.with_columns(state=state).sort("shop", "paid_at", "order_id")


@peer("campaign.unshipped", of="verdicts")
def order_feed(f: Frames) -> pl.LazyFrame:
    return f["orders"].group_by("shop").agg(orders=COUNT, newest=pl.max_horizontal("created_at", "paid_at", "shipped_at").max())


# --- goods ---------------------------------------------------------------------------------------------------------


@peer("goods.classify", "item_id", "goods_class")
def classify(f: Frames) -> pl.LazyFrame:
    sold = f["item_days"].filter(last(30)).group_by(SHOP_ITEM).agg(C("pay_amount_fen").sum())
    count, cheaper = pl.len().over("shop"), C("price_fen").rank("max").over("shop")
    dearer = C("price_fen").rank("max", descending=True).over("shop")
    margin = (C("price_fen") - C("cost_fen")) / C("price_fen")
    which = (
        pl.when(cheaper <= count * 0.3).then(pl.lit("traffic")).when(dearer <= count * 0.1).then(pl.lit("image"))
        .when(margin >= 0.4).then(pl.lit("profit")).otherwise(pl.lit("none"))
    )  # fmt: skip
    return f["items"].filter(C("on_sale")).with_columns(goods_class=which).join(sold, on=SHOP_ITEM, how="left")


@peer("goods.coverage", "need")
def coverage(f: Frames) -> pl.LazyFrame:
    on_sale = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, covers=pl.lit(True))
    needs = f["needs"].join(on_sale, on=SHOP_ITEM, how="left").group_by("shop", "need").agg(C("covers").sum(), C("weight").max())
    return needs.filter(C("covers") < 1)


@peer("goods.cull", "item_id", "units_sold", "available_units")
@peer("goods.cull", "item_id", "reason", of="unknown_items")
@peer("goods.cull", "item_id", "reason", of="excluded")
@peer("goods.cull", "item_id", of="flagged")
@peer("goods.cull", of="verdicts")
def cull(f: Frames) -> dict[str, pl.LazyFrame]:
    """What sold of what there was; new and booked items stand aside, and those of which stock, sales or age are not known."""
    sold = f["item_days"].group_by(SHOP_ITEM).agg(units_sold=C("pay_units").filter(last(30)).sum(), reported_days=count(last(30)), seen_on=C("date").min())
    inside, early = C("date") >= ago(30), C("date").is_between(ago(30), ago(23))
    stock = f["stock"].filter(last(37)).group_by(SHOP_ITEM).agg(
        opening=pl.coalesce(C("opening_units").min_by(pl.when(early).then("date")), C("closing_units").max_by(pl.when(~inside).then("date"))),
        received=C("received_units").filter(inside).sum(), stock_days=count(inside),
    )  # fmt: skip
    items = f["items"].select(*SHOP_ITEM, "title", "listed_on", "on_sale", "campaign_booked").join(stock, on=SHOP_ITEM, how="full", coalesce=True).filter(C("on_sale").fill_null(True))
    rows = items.join(sold, on=SHOP_ITEM, how="left").with_columns(
        available_units=C("opening") + C("received"), units_sold=C("units_sold").fill_null(0), since=pl.coalesce("listed_on", "seen_on")
    )  # fmt: skip
    reason = (
        pl.when(C("since") > ago(30)).then(pl.format("new: since {}", "since")).when("campaign_booked").then(pl.lit("booked for a campaign"))
        .when(C("since").is_null()).then(pl.lit("age unknown")).when(C("opening").is_null()).then(pl.lit("opening stock unknown"))
        .when(C("available_units") == 0).then(pl.lit("stock 0")).when(C("units_sold") > C("available_units")).then(pl.lit("more units sold than there were"))
    )  # fmt: skip
    told = rows.with_columns(share=C("units_sold") / C("available_units"), reason=reason).sort("shop", "share", "item_id", nulls_last=True).collect().lazy()
    lists = {
        "items": C("reason").is_null() & (C("units_sold") * 20 < C("available_units")), "excluded": C("reason").str.contains("^(new|booked)"),
        "flagged": C("reason").str.starts_with("more"), "unknown_items": C("reason").is_in(["age unknown", "opening stock unknown", "stock 0"]),
    }  # fmt: skip
    return {name: told.filter(which) for name, which in lists.items()} | {"verdicts": _report_days(f)}


def _report_days(f: Frames) -> pl.LazyFrame:
    days = f["item_days"].filter(last(30)).group_by("shop").agg(days=C("date").n_unique())
    return days.join(f["stock"].group_by("shop").agg(stock_rows=COUNT), on="shop", how="left")


@peer("goods.first_stock", "item_id", "quantity")
@peer("goods.first_stock", "item_id", of="unknown_items")
@peer("goods.first_stock", "item_id", "competitor", "month", of="ignored")
def first_stock(f: Frames) -> dict[str, pl.LazyFrame]:
    """What to order first by the month of the competitors, beside what the shop sold of it; items without a count, and rows that are none."""
    text = C("monthly_sales").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[,\s]", "")
    sales = text.str.extract(r"^(\d+)\+?(?:件|单)?$", 1).cast(pl.Int64) * pl.when(text.str.contains("万|w")).then(10_000).otherwise(1)
    rows = f["competitor_items"].select(*SHOP_ITEM, "competitor", "competitor_item_id", "month", "monthly_sales", sales=sales, at_least=text.str.ends_with("+")).collect().lazy()
    over = C("month").dt.offset_by("1mo") <= TODAY
    good = over & (C("month") >= date(2025, 8, 1)) & C("sales").is_not_null() & C("item_id").is_not_null()
    newest = rows.filter(good).filter(C("month") == C("month").max().over(SHOP_ITEM))
    wanted = newest.group_by(SHOP_ITEM).agg(C("sales").median(), C("month").first(), competitors=COUNT, lower_bound=C("at_least").any())
    month = f["item_days"].filter(last(30)).group_by(SHOP_ITEM).agg(own=C("pay_units").sum())
    items = f["items"].select(*SHOP_ITEM, "title", "cost_fen", pack=C("pack_size").fill_null(1))
    all_items = rows.select(SHOP_ITEM).drop_nulls().unique().join(wanted, on=SHOP_ITEM, how="left").join(items, on=SHOP_ITEM, how="left").join(month, on=SHOP_ITEM, how="left")
    quantity = ((C("sales") * 1.2 / C("pack")).round(6).ceil() * C("pack")).cast(pl.Int64)
    told = all_items.with_columns(quantity=quantity, order_fen=quantity * C("cost_fen")).sort(SHOP_ITEM).collect().lazy()
    return {"items": told.filter(C("sales").is_not_null()), "unknown_items": told.filter(C("sales").is_null()), "ignored": rows.filter(~good)}


@peer("goods.floor_price", "item_id", "floor_fen", of="floors")
def floor_price(f: Frames) -> pl.LazyFrame:
    floor = ((C("cost_fen") * 100 + 74) // 75).alias("floor_fen")
    return f["items"].filter(C("on_sale"), C("price_fen") > 0, C("cost_fen") > 0).with_columns(floor)


@peer("goods.price_protection", "item_id", "order_id", "line_id", of="claims")
def price_protection(f: Frames) -> pl.LazyFrame:
    moves = f["price_changes"].with_columns(drop_on=local_day("changed_at")).filter(C("drop_on") >= ago(30)).select(*SHOP_ITEM, "changed_at", "drop_on", new_fen="price_fen")
    undone = f["orders"].filter((C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0))).select(ORDER)
    lines = f["order_lines"].filter(C("paid_at").is_not_null(), C("refund_fen").fill_null(0) == 0, C("refund_status") != "open").join(undone, on=ORDER, how="anti")
    claims = lines.join(moves, on=SHOP_ITEM).filter(C("paid_at") < C("changed_at"), (C("drop_on") - local_day("paid_at")).dt.total_days() <= 30)
    return claims.with_columns(due_fen=C("paid_fen") - C("new_fen") * C("units")).filter(C("due_fen") > 0).sort("shop", "due_fen", descending=[False, True])


@peer("goods.turnover", "item_id", of="all")
@peer("goods.turnover", "item_id", "alert")
@peer("goods.turnover", "item_id", of="unknown_items")
@peer("goods.turnover", of="verdicts")
def turnover(f: Frames) -> dict[str, pl.LazyFrame]:
    """Stock against sales, the most urgent first; and items whose count is older than the newest report."""
    nothing = (C("opening_units") == 0) & (C("received_units") == 0) & (C("closing_units") == 0)
    stock = f["stock"].filter(last(30)).group_by(SHOP_ITEM).agg(
        left=C("closing_units").max_by("date"), counted_on=C("date").max(), average=((C("opening_units") + C("closing_units")) / 2).mean(),
        lowest=pl.min_horizontal("opening_units", "closing_units").min(), empty=count(nothing), received_on=C("date").filter(C("received_units") > 0).max(),
    )  # fmt: skip
    sold = f["item_days"].group_by(SHOP_ITEM).agg(sold=C("pay_units").filter(last(30)).sum(), last_sold=C("date").filter(C("pay_units") > 0).max())
    newest = f["item_days"].filter(last(30)).group_by("shop").agg(reported_on=C("date").max())
    coming = f["purchases"].filter(C("ordered_on") <= TODAY, C("received_on").is_null()).group_by(SHOP_ITEM).agg(coming=C("units").sum())
    rows = f["items"].select(*SHOP_ITEM, "title", "on_sale", "cost_fen").join(stock, on=SHOP_ITEM, how="full", coalesce=True).filter(C("on_sale").fill_null(True) | (C("left") > 0))
    rows = rows.join(sold, on=SHOP_ITEM, how="left").join(coming, on=SHOP_ITEM, how="left").join(newest, on="shop", how="left").with_columns(
        C("sold", "coming").fill_null(0), days=30 - C("empty"), value=C("left") * C("cost_fen"), unknown=(C("lowest") < 0) | (C("counted_on") < C("reported_on")) | C("left").is_null()
    )  # fmt: skip
    rows = rows.with_columns(cover=C("left") * C("days") / C("sold"), turns=C("sold") / C("average"))
    alert = (
        pl.when((C("left") == 0) & (C("sold") > 0)).then(pl.lit("stock_out")).when((C("sold") > 0) & (C("cover") < 7)).then(pl.lit("low"))
        .when((C("sold") == 0) & (C("left") > 0)).then(pl.lit("no_sales")).when((C("sold") > 0) & (C("cover") > 90)).then(pl.lit("slow"))
    )  # fmt: skip
    rows = rows.with_columns(turn_days=30 / C("turns"), alert=pl.when(~C("unknown")).then(alert))
    urgency = C("alert").replace_strict({"stock_out": 0, "low": 1, "no_sales": 2, "slow": 3}, default=None)
    told = rows.sort("shop", urgency, "cover", "value", descending=[False, False, False, True], nulls_last=True).collect().lazy()
    return {"all": told.filter(~C("unknown")), "items": told.filter(C("alert").is_not_null()), "unknown_items": told.filter("unknown"), "verdicts": _report_days(f)}


# --- compliance, customers -----------------------------------------------------------------------------------------


@peer("compliance.scan_copy", "item_id", "verdict")
@peer("compliance.scan_copy", "item_id", of="not_scanned")
@peer("compliance.scan_copy", of="verdicts")
def scan_copy(f: Frames) -> dict[str, pl.LazyFrame]:
    """Items whose title or detail text the scanner stops, with its hits in both; items without one of the texts; counts."""
    items = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", "detail_text").collect()
    texts = pl.concat([items["title"], items["detail_text"]]).drop_nulls().unique()
    results = [(text, scan(text).to_json()) for text in texts]
    rows = [{"text": text, "rank": (BLOCK, REVIEW, PASS).index(result["verdict"]), "hits": result["hits"]} for text, result in results]
    told = pl.DataFrame(rows, infer_schema_length=None).lazy()
    rows = items.lazy()
    for name in ("title", "detail_text"):
        rows = rows.join(told.select(C("text").alias(name), C("rank").alias(f"{name}_rank"), C("hits").alias(f"{name}_hits")), on=name, how="left")
    blank = [C(name).str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars().fill_null("") == "" for name in ("title", "detail_text")]
    worst = pl.min_horizontal("title_rank", "detail_text_rank")
    rows = rows.with_columns(rank=worst, verdict=worst.replace_strict({0: BLOCK, 1: REVIEW, 2: PASS}), blank=blank[0] | blank[1]).sort("shop", "rank", "item_id").collect().lazy()
    counts = rows.group_by("shop").agg(on_sale=COUNT, scanned=count(~C("blank")), block=count(C("rank") == 0), review=count(C("rank") == 1))
    return {"items": rows.filter(C("rank") < 2), "not_scanned": rows.filter("blank"), "verdicts": counts}


@peer("customers.segment", "buyer_id", of="buyers")
def segment(f: Frames) -> pl.LazyFrame:
    orders = kept(f["orders"]).with_columns(amount=C("paid_fen"))
    buyers = orders.group_by("shop", "buyer_id").agg(purchases=pl.len(), amount=C("amount").sum(), last=local_day("paid_at").max())
    old = C("last") < ago(90)
    return buyers.with_columns(
        new=(C("purchases") == 1) & ~old, repeat=C("purchases") >= 3, high=(C("purchases") >= 3) & (C("amount") >= 200_00 * C("purchases")), dormant=old
    ).sort("shop", "buyer_id")


# --- review --------------------------------------------------------------------------------------------------------


@peer("review.channels", "channel")
def channels(f: Frames) -> pl.LazyFrame:
    rows = f["ad_days"].filter(C("date").is_between(ago(4), ago(1)))
    now = C("date") >= ago(2)
    return rows.group_by("shop", channel="tool").agg(
        roi=C("deal_amount_fen").filter(now).sum() / C("spend_fen").filter(now).sum(), before=C("deal_amount_fen").filter(~now).sum() / C("spend_fen").filter(~now).sum()
    )  # fmt: skip


@peer("review.gap", "gap_fen", of="shops")
@peer("review.gap", "part", "lmdi_fen", "shapley_fen")
def gap(f: Frames) -> dict[str, pl.LazyFrame]:
    """The target against the day before: what visitors, conversion and basket make of the gap, by LMDI and by Shapley, in whole fen."""
    inside, names = C("hour") >= OPENS, ("visitors", "pay_buyers", "pay_amount_fen")
    hours = f["hours"].filter(C("hour").is_between(OPENS - timedelta(hours=24), ENDS, closed="left"))
    sums = hours.group_by("shop").agg(
        *(C(name).filter(inside).sum() for name in names), *(C(name).filter(~inside).sum().name.suffix("_before") for name in names), n=C("hour").n_unique()
    ).filter(C("n") == 48)  # fmt: skip
    target = 100_000_00
    rows = sums.with_columns(
        gap_fen=C("pay_amount_fen") - target, conversion=C("pay_buyers") / C("visitors"), aov=C("pay_amount_fen") / C("pay_buyers"),
        conversion_plan=C("pay_buyers_before") / C("visitors_before"), aov_plan=C("pay_amount_fen_before") / C("pay_buyers_before"),
    ).with_columns(visitors_plan=target / (C("conversion_plan") * C("aov_plan")))  # fmt: skip
    factors = ("visitors", "conversion", "aov")
    plan, actual = [C(f"{name}_plan") for name in factors], [C(name) for name in factors]
    methods = {"lmdi_fen": lmdi_parts(plan, actual), "shapley_fen": shapley_parts(plan, actual)}
    rows = rows.with_columns(pl.concat_list(whole_parts(parts, C("gap_fen"))).alias(name) for name, parts in methods.items()).sort("shop").collect().lazy()
    parts = rows.select("shop", *methods, "gap_fen", part=pl.lit(list(factors)), plan=pl.concat_list(plan), actual=pl.concat_list(*actual)).explode(*methods, "part", "plan", "actual")
    return {"shops": rows, "items": parts.with_columns(share=C("shapley_fen") / C("gap_fen"))}


@peer("review.experiments", "script", "inquiries", "paid")
def experiments(f: Frames) -> pl.LazyFrame:
    chats = f["chats"].filter(C("at").is_between(OPENS - timedelta(days=30), midnight(TODAY), closed="left"))
    sessions = chats.group_by("shop", "session_id").agg(C("at").min(), C("buyer_id").drop_nulls().first(), script=C("script").filter(C("sender") == "agent").drop_nulls().unique())
    one = sessions.filter(C("script").list.len() == 1, C("at") <= NOW - timedelta(hours=24)).with_columns(C("script").list.first())
    first = one.filter(C("at") == C("at").min().over("shop", "buyer_id")).unique(["shop", "buyer_id"])
    paid = f["orders"].select("shop", "buyer_id", "paid_at")
    bought = first.join(paid, on=["shop", "buyer_id"]).filter(C("paid_at").is_between(C("at"), C("at") + pl.duration(hours=24))).select("shop", "buyer_id", hit=True).unique()
    told = first.join(bought, on=["shop", "buyer_id"], how="left")
    return told.group_by("shop", "script").agg(inquiries=pl.len().cast(pl.Int64), paid=C("hit").sum().cast(pl.Int64))


@peer("review.iterate_items", "item_id", of="hits")
def iterate_items(f: Frames) -> pl.LazyFrame:
    sums = f["item_days"].filter(last(30)).group_by(SHOP_ITEM).agg(C("visitors", "pay_buyers").sum(), gmv=C("pay_amount_fen").sum())
    ranked = sums.sort("shop", "gmv", descending=[False, True]).with_columns(running=C("gmv").cum_sum().over("shop"), total=C("gmv").sum().over("shop"))
    n, rate, z2 = C("visitors"), C("pay_buyers") / C("visitors"), 1.96**2
    lower = (rate + z2 / (2 * n) - 1.96 * (rate * (1 - rate) / n + z2 / (4 * n * n)).sqrt()) / (1 + z2 / n)
    usual = C("pay_buyers").sum().over("shop") / C("visitors").sum().over("shop")
    hits = ranked.with_columns(lower=lower, usual=usual).filter(C("gmv") > 0, n >= 100, (C("running") - C("gmv")) * 2 < C("total"), C("lower") >= C("usual") / 2)
    sold = f["order_lines"].filter(local_day("paid_at").is_between(ago(30), ago(1))).join(hits, on=SHOP_ITEM, how="semi").group_by(*SHOP_ITEM, "sku_id").agg(C("units").sum())
    return hits.join(sold.group_by(SHOP_ITEM).agg(C("sku_id", "units")), on=SHOP_ITEM, how="left")


@peer("review.new_customers", "group", "buyers")
def new_customers(f: Frames) -> pl.LazyFrame:
    paid = f["orders"].filter(C("paid_at") < midnight(TODAY), C("buyer_id").is_not_null())
    good = kept(paid).filter(C("paid_at") >= OPENS)
    first = paid.group_by("shop", "buyer_id").agg(first=C("paid_at").min())
    buyers = good.group_by("shop", "buyer_id").agg(orders=pl.len(), amount=C("paid_fen").sum()).join(first, on=["shop", "buyer_id"])
    group = pl.when(C("first") >= OPENS).then(pl.lit("new")).otherwise(pl.lit("returning"))
    return buyers.group_by("shop", group=group).agg(buyers=pl.len().cast(pl.Int64), orders=C("orders").sum(), amount=C("amount").sum())


@peer("review.pareto", "item_id", "rank", "title")
@peer("review.pareto", of="verdicts")
def pareto(f: Frames) -> dict[str, pl.LazyFrame]:
    """The items that make four fifths of the shop; of how many items, what they sold in all, and of how many days there are reports."""
    days = f["item_days"].filter(last(9)).select(*SHOP_ITEM, "date", "title", fen="pay_amount_fen").collect().lazy()
    sums = days.group_by(SHOP_ITEM).agg(gmv=C("fen").sum(), title=C("title").max_by("date")).collect().lazy()
    ranked = sums.filter(C("gmv") > 0).sort("shop", "gmv", "item_id", descending=[False, True, False]).with_columns(
        running=C("gmv").cum_sum().over("shop"), total=C("gmv").sum().over("shop"), rank=pl.int_range(1, pl.len() + 1).over("shop")
    )  # fmt: skip
    cover = days.group_by("shop").agg(days=C("date").n_unique(), unknown=C("fen").null_count())
    return {"items": ranked.filter((C("running") - C("gmv")) * 5 < C("total") * 4), "verdicts": sums.group_by("shop").agg(items=COUNT, gmv=C("gmv").sum()).join(cover, on="shop")}


# --- supply --------------------------------------------------------------------------------------------------------


@peer("supply.lead_times", "purchase_id")
def lead_times(f: Frames) -> pl.LazyFrame:
    bought = f["purchases"].filter(C("ordered_on").is_between(ago(180), TODAY))
    return bought.filter(C("received_on").is_null(), C("promised_on") < TODAY).sort("shop", "promised_on")


@peer("supply.lead_times", "supplier", "received", of="suppliers")
def suppliers(f: Frames) -> pl.LazyFrame:
    bought = f["purchases"].filter(C("ordered_on").is_between(ago(180), TODAY)).with_columns(days=(C("received_on") - C("ordered_on")).dt.total_days())
    return bought.group_by("shop", "supplier").agg(
        received=C("days").count().cast(pl.Int64), median=C("days").median(), p90=C("days").quantile(0.9), kept=count(C("received_on") <= C("promised_on"))
    ).sort("shop", "supplier")  # fmt: skip


@peer("supply.lead_times", of="verdicts")
def deliveries(f: Frames) -> pl.LazyFrame:
    bought = f["purchases"].filter(C("ordered_on").is_between(ago(180), TODAY)).with_columns(days=(C("received_on") - C("ordered_on")).dt.total_days())
    return bought.group_by("shop").agg(purchases=COUNT, received=C("days").count(), median=C("days").median(), p90=C("days").quantile(0.9))


@peer("supply.stock_count", "item_id")
def stock_count(f: Frames) -> pl.LazyFrame:
    counts = f["stock_counts"].filter(last(14)).filter(C("date") == C("date").max().over(SHOP_ITEM))
    joined = counts.join(f["stock"], on=[*SHOP_ITEM, "date"]).join(f["items"].select(*SHOP_ITEM, "cost_fen"), on=SHOP_ITEM, how="left")
    off = C("counted_units") - C("closing_units")
    return joined.with_columns(off=off).filter(off.abs() > 0.01 * pl.max_horizontal("counted_units", "closing_units"))


@peer("supply.stuck_parcels", "parcel_id", "order_id", "silent_hours")
@peer("supply.stuck_parcels", "parcel_id", "order_id", of="unknown_items")
@peer("supply.stuck_parcels", "parcel_id", "order_id", of="doubtful")
@peer("supply.stuck_parcels", of="verdicts")
def stuck_parcels(f: Frames) -> dict[str, pl.LazyFrame]:
    """Parcels nobody has scanned for long, and of how many a shop has under way, with its newest scan."""
    sent = f["parcels"].filter(pl.coalesce("shipped_at", "collected_at", "last_event_at") > NOW - timedelta(days=120))
    doubtful = (C("delivered_at") - C("shipped_at") < timedelta(hours=2)).fill_null(False)
    waiting = sent.filter(C("delivered_at").is_null() | doubtful)
    silent = waiting.filter(C("last_event_at") < NOW - timedelta(hours=72)).with_columns(
        silent_hours=((NOW - C("last_event_at")).dt.total_minutes() / 60).round(1), cause=pl.when(C("collected_at").is_null()).then(pl.lit("not_collected"))
    ).sort("shop", "last_event_at", "parcel_id", "order_id")  # fmt: skip
    counts = sent.group_by("shop").agg(
        parcels=COUNT, open=count(C("delivered_at").is_null() | doubtful), newest=pl.max_horizontal("shipped_at", "collected_at", "last_event_at", "delivered_at").max()
    )  # fmt: skip
    return {"items": silent, "unknown_items": waiting.filter(C("last_event_at").is_null()), "doubtful": sent.filter(doubtful), "verdicts": counts}


@peer("supply.dispatch", "order_id", of="items")
def dispatch(f: Frames) -> pl.LazyFrame:
    """The chance of a breach by whole hours, as the task says it: the shop's own past orders unsent after the promise among those unsent after the age."""
    paid = f["orders"].filter(C("paid_at") >= NOW - timedelta(days=30)).with_columns(deadline=pl.coalesce("ship_by", C("paid_at") + pl.duration(hours=48)))
    unsent = kept(paid).filter(C("shipped_at").is_null())
    took = (C("shipped_at") - C("paid_at")).dt.total_hours()
    past = pl.concat([paid.filter(C("shipped_at").is_not_null()), unsent]).filter(C("deadline") < NOW).select("shop", took=took.fill_null(10_000)).group_by("shop", "took").agg(n=pl.len()).sort("shop", "took")
    waiting = unsent.with_columns(age=(NOW - C("paid_at")).dt.total_hours(), promise=(C("deadline") - C("paid_at")).dt.total_hours())
    pairs = waiting.select("shop", "age", "promise").unique().join(past, on="shop")
    chance = pairs.group_by("shop", "age", "promise").agg(chance=C("n").filter(C("took") >= C("promise")).sum() / C("n").filter(C("took") >= C("age")).sum())
    joined = waiting.join(chance, on=["shop", "age", "promise"], how="left")
    return joined.filter((C("deadline") < NOW) | (C("chance") >= 0.5)).sort("shop", "deadline")


@peer("supply.dispatch", "kept", of="shops")
def dispatch_times(f: Frames) -> pl.LazyFrame:
    paid = f["orders"].filter(C("paid_at") > NOW - timedelta(days=30)).with_columns(deadline=pl.coalesce("ship_by", C("paid_at") + pl.duration(hours=48)))
    hours = (C("shipped_at") - C("paid_at")).dt.total_minutes() / 60
    return paid.with_columns(hours=hours).group_by("shop").agg(
        kept=(C("shipped_at") <= C("deadline")).sum().cast(pl.Int64), median=C("hours").median(), p90=C("hours").quantile(0.9),
        **{f"within_{step}h": (C("hours") <= step).sum() for step in (12, 24, 48, 72)},
    )  # fmt: skip


@peer("supply.dispatch", "parcel_id", of="reused")
def reused(f: Frames) -> pl.LazyFrame:
    buyers = f["orders"].select(*ORDER, "buyer_id")
    waybills = f["parcels"].filter(C("shipped_at") > NOW - timedelta(days=30)).join(buyers, on=ORDER)
    return waybills.group_by("shop", "parcel_id").agg(orders=pl.len(), buyers=C("buyer_id").n_unique()).filter(C("buyers") > 1)


@peer("supply.damage", "item_id", "carrier", of="pairs")
def damage(f: Frames) -> pl.LazyFrame:
    delivered = f["parcels"].filter(C("delivered_at") >= NOW - timedelta(days=60)).select("shop", "order_id", "parcel_id", "carrier", "damaged")
    items = delivered.join(f["order_lines"].select(*ORDER, "item_id").unique(), on=ORDER)
    claims = f["refunds"].filter(C("reason").str.contains("破|碎|漏|损")).select(*ORDER, claimed=True).unique()
    told = items.join(claims, on=ORDER, how="left").with_columns(broken=C("damaged") | C("claimed").fill_null(False))
    return told.group_by(*SHOP_ITEM, "carrier").agg(parcels=pl.len(), broken=C("broken").sum()).with_columns(rate=C("broken") / C("parcels"))


# --- traffic -------------------------------------------------------------------------------------------------------


@peer("traffic.sources", "source", "share")
@peer("traffic.sources", "sources", "sum_visitors", of="sums")
@peer("traffic.sources", "source", "date", of="moved")
@peer("traffic.sources", of="verdicts")
def sources(f: Frames) -> dict[str, pl.LazyFrame]:
    """Shares of yesterday's visitors, what they add to, and what left the median of four weeks; a source told by its parts alone is their sum."""
    key, figures = ["shop", "date", "source"], ("visitors", "new_visitors", "cart_users", "pay_buyers", "pay_amount_fen")
    rows = f["traffic_days"].filter(last(29)).select(*key, "source_detail", *figures).collect().lazy()
    told = rows.filter(C("source_detail") == "*").drop("source_detail")
    parts = rows.filter(C("source_detail") != "*").join(told, on=key, how="anti").group_by(key).agg(C(figures).sum())
    days = pl.concat([told, parts]).collect().lazy()
    whole = days.filter(C("source") == "*", C("visitors") > 0).select("shop", "date", whole="visitors", whole_fen="pay_amount_fen")
    listed = days.filter(C("source") != "*")
    yesterday = listed.filter(C("date") == ago(1)).join(whole, on=["shop", "date"])
    shares = yesterday.with_columns(share=C("visitors") / C("whole"), conversion=C("pay_buyers") / C("visitors"), amount_share=C("pay_amount_fen") / C("whole_fen"))
    sums = yesterday.group_by("shop").agg(sources=COUNT, sum_visitors=C("visitors").sum(), cover=C("visitors").sum() / C("whole").first())
    grid = whole.join(listed.select("shop", "source").unique(), on="shop").join(listed.select(*key, "visitors"), on=key, how="left")  # not listed on a day: nobody came by it
    by = ["shop", "source"]
    usual = grid.with_columns(share=C("visitors").fill_null(0) / C("whole")).with_columns(usual=C("share").median().over(by)).with_columns(off=C("share") - C("usual"))
    far = usual.with_columns(z=0.6745 * C("off") / pl.max_horizontal(C("off").abs().median().over(by), 0.01))
    moved = far.filter(C("date") == ago(1), C("z").abs() > 3.5, C("off").abs() > 0.3 * C("usual"))
    newest = f["traffic_days"].group_by("shop").agg(newest=C("date").max())
    return {"items": shares.sort("shop", "visitors", descending=[False, True]), "sums": sums.sort("shop"), "moved": moved, "verdicts": newest}


@peer("traffic.funnel", "step", "from_count", "to_count")
def funnel(f: Frames) -> pl.LazyFrame:
    rows = f["traffic_days"].filter(last(7), C("source") == "*", C("source_detail") == "*")
    sums = rows.group_by("shop").agg(C("visitors", "cart_users", "order_buyers", "pay_buyers").sum())
    steps = (("visit_cart", "visitors", "cart_users"), ("cart_order", "cart_users", "order_buyers"), ("order_pay", "order_buyers", "pay_buyers"), ("visit_pay", "visitors", "pay_buyers"))
    return pl.concat([sums.select("shop", step=pl.lit(step), from_count=upper, to_count=lower, rate=C(lower) / C(upper)) for step, upper, lower in steps])


@peer("traffic.funnel", "item_id", of="goods")
def funnel_of_goods(f: Frames) -> pl.LazyFrame:
    sums = f["item_days"].filter(last(7)).group_by(SHOP_ITEM).agg(C("visitors", "cart_users", "order_buyers", "pay_buyers").sum())
    return sums.with_columns(visit_cart=C("cart_users") / C("visitors"), visit_pay=C("pay_buyers") / C("visitors")).sort("shop", "visitors", descending=[False, True])


@peer("traffic.funnel", "group", "part", of="board")
def board(f: Frames) -> pl.LazyFrame:
    rows = f["traffic_days"].filter(last(7), C("source") == "*", C("source_detail") == "*").group_by("shop").agg(C("visitors", "pay_buyers").sum())
    paid = kept(f["orders"]).select("shop", "buyer_id", day=local_day("paid_at")).filter(C("day") <= ago(1))
    buyers = paid.group_by("shop", "buyer_id").agg(now=(C("day") >= ago(7)).any(), before=C("day").is_between(ago(37), ago(8)).any(), ever=(C("day") < ago(7)).any())
    sums = buyers.group_by("shop").agg(again=(C("now") & C("before")).sum().cast(pl.Int64), had=(C("now") & C("ever")).sum().cast(pl.Int64))
    parts = (("traffic", rows, "visitors"), ("conversion", rows, "pay_buyers"), ("retention", sums, "again"), ("repurchase", sums, "had"))
    return pl.concat([frame.select("shop", pl.lit(group).alias("group"), part=part) for group, frame, part in parts])


@peer("traffic.profile", "aspect", "cell")
def profile(f: Frames) -> pl.LazyFrame:
    orders = kept(f["orders"]).with_columns(day=local_day("paid_at")).filter(last(90, "day"))
    buyers = orders.group_by("shop", "buyer_id").agg(place=C("province").sort_by("paid_at").last(), mean=C("paid_fen").sum() / pl.len())
    buyers = buyers.with_columns(
        place=C("place").str.strip_suffix("省").str.strip_suffix("市").str.replace("(壮族|回族|维吾尔)?自治区", "").str.strip_suffix("特别行政区"),
        band=C("mean").cut([5_000, 10_000, 20_000, 50_000], labels=["0-50元", "50-100元", "100-200元", "200-500元", "500元以上"], left_closed=True).cast(pl.String),
    )
    return pl.concat([_cells(buyers, "region", "place"), _cells(buyers, "spending", "band")])


def _cells(buyers: pl.LazyFrame, aspect: str, column: str) -> pl.LazyFrame:
    counted = buyers.group_by("shop", cell=C(column)).agg(buyers=pl.len().cast(pl.Int64)).sort("shop", "buyers", "cell")
    before = C("buyers").cum_sum().over("shop") - C("buyers")
    folded = counted.with_columns(cell=pl.when((C("buyers") < 5) | ((before > 0) & (before < 5))).then(pl.lit("其他")).otherwise("cell"))
    return folded.group_by("shop", pl.lit(aspect).alias("aspect"), "cell").agg(C("buyers").sum())


@peer("traffic.ppc", "plan_id", "keyword", "over_fen")
@peer("traffic.ppc", "plan_id", "keyword", of="at_or_under")
@peer("traffic.ppc", "plan_id", "keyword", of="unknown_items")
@peer("traffic.ppc", of="verdicts")
def ppc(f: Frames) -> dict[str, pl.LazyFrame]:
    """Keywords over the market, at or under it, and those without a price; a day without one takes the word's last of the week before."""
    unit = ["shop", "tool", "plan_id", "item_id", "keyword"]
    words = f["ad_days"].filter(last(14), C("keyword") != "*").select(*unit, "date", "plan", "clicks", "spend_fen", market="market_cpc_fen", on=pl.when(C("market_cpc_fen").is_not_null()).then("date"))
    rows = words.sort("date").with_columns(C("market", "on").forward_fill().over(unit)).filter(last(7))
    priced = (C("on") >= C("date") - pl.duration(days=7)) & (C("market") > 0) & (C("clicks") > 0)
    clicks, spend = C("clicks").filter(priced).sum(), C("spend_fen").filter(priced).sum()
    sums = rows.group_by(unit).agg(
        C("clicks", "spend_fen").sum(), C("plan").last(), compared=clicks, paid=spend, market=(C("clicks") * C("market")).filter(priced).sum()
    ).with_columns(over_fen=C("paid") - C("market"), cpc=C("paid") / C("compared"), of_market=C("market") / C("compared"), target=C("market") // C("compared"))  # fmt: skip
    known = (C("compared") > 0) & (C("compared") >= C("clicks") * 0.8)
    sums = sums.with_columns(known=known).sort("shop", "over_fen", "plan_id", "keyword", descending=[False, True, False, False]).collect().lazy()
    newest = f["ad_days"].group_by("shop").agg(newest=C("date").max())
    lists = {"items": C("known") & (C("over_fen") > 0), "at_or_under": C("known") & (C("over_fen") <= 0), "unknown_items": ~C("known")}
    return {name: sums.filter(which) for name, which in lists.items()} | {"verdicts": newest}


@peer("traffic.pause_roi", "plan_id", "gross_margin")
@peer("traffic.pause_roi", "plan_id", "gross_margin", of="keep")
@peer("traffic.pause_roi", "plan_id", "reason", of="unjudged")
@peer("traffic.pause_roi", "level", "days", "counted_fen", of="levels")
@peer("traffic.pause_roi", of="verdicts")
def pause_roi(f: Frames) -> dict[str, pl.LazyFrame]:
    """Plans by what their mature days brought, with margins; the rows of keywords count where the item has none of its own that day."""
    unit, day = ["shop", "tool", "plan_id"], ["shop", "tool", "plan_id", "item_id", "date"]
    level = pl.when(C("keyword") != "*").then(pl.lit("keyword")).otherwise(pl.lit("item"))
    rows = f["ad_days"].filter(last(30)).select(*day, "plan", "clicks", "deals", "spend_fen", "deal_amount_fen", "net_amount_fen", "attribution_days", level=level).collect().lazy()
    items = rows.filter(C("level") == "item")
    counted = pl.concat([items, rows.filter(C("level") == "keyword").join(items, on=day, how="anti")]).collect().lazy()
    began = f["ad_days"].group_by("shop", "plan_id").agg(began=C("date").min()).filter(C("began") > C("began").min().over("shop"))
    young = (C("date") < C("began") + pl.duration(days=7)).fill_null(False)
    told = counted.join(began, on=["shop", "plan_id"], how="left").with_columns(mature=(pl.lit(TODAY) - C("date")).dt.total_days() > C("attribution_days"), young=young)
    ripe = C("mature") & ~C("young")
    plans = told.group_by(unit).agg(
        *(C(name).filter(ripe).sum() for name in ("clicks", "deals", "spend_fen", "deal_amount_fen", "net_amount_fen")), spent=C("spend_fen").sum(), open_fen=C("spend_fen").filter(~C("mature")).sum(),
        days=C("date").filter(ripe).n_unique(), learning=C("young").filter("mature").all(), mature=C("mature").any(), seen=C("date").filter(C("spend_fen") > 0).max(), plan=C("plan").max_by("date"),
    )  # fmt: skip
    one = rows.select(*unit, "item_id").unique().group_by(unit).agg(item_id=pl.when(pl.len() == 1).then(C("item_id").first()))
    sold = f["item_days"].filter(last(30)).group_by(SHOP_ITEM).agg(fen=C("pay_amount_fen").sum())
    margins = f["items"].select(*SHOP_ITEM, margin=1 - C("cost_fen") / C("price_fen")).join(sold, on=SHOP_ITEM, how="left").collect().lazy()
    shops = margins.group_by("shop").agg(usual=(C("margin") * C("fen")).sum() / C("fen").sum())
    plans = plans.join(one, on=unit).join(margins, on=SHOP_ITEM, how="left").join(shops, on="shop").with_columns(gross_margin=pl.coalesce("margin", "usual"))
    profit = (C("net_amount_fen") * C("gross_margin") - C("spend_fen")) / C("spend_fen")
    reason = (
        pl.when(C("spent") == 0).then(pl.lit("no spend: ROI undefined")).when(~C("mature")).then(pl.lit("attribution still open")).when("learning").then(pl.lit("still learning"))
        .when(C("spend_fen") == 0).then(pl.lit("no spend: ROI undefined")).when(C("seen") < ago(3)).then(pl.lit("not running")).when(C("spend_fen") < 100_00).then(pl.lit("under the least spend"))
    )  # fmt: skip
    plans = plans.with_columns(roas=C("deal_amount_fen") / C("spend_fen"), net=C("net_amount_fen") / C("spend_fen"), profit=profit, reason=reason).sort("shop", "roas").collect().lazy()
    judged = plans.filter(C("reason").is_null())
    sums = counted.group_by("shop", "level").agg(counted_fen=C("spend_fen").sum())
    levels = rows.group_by("shop", "level").agg(days=C("date").n_unique().cast(pl.Int64), spend_fen=C("spend_fen").sum()).join(sums, on=["shop", "level"])
    lists = {"items": judged.filter(C("deal_amount_fen") < C("spend_fen")), "keep": judged.filter(C("deal_amount_fen") >= C("spend_fen"))}
    newest = f["ad_days"].group_by("shop").agg(newest=C("date").max())
    return lists | {"unjudged": plans.filter(C("reason").is_not_null()), "levels": levels.sort("shop", "level"), "verdicts": newest}


@peer("traffic.title_words", "keyword")
def title_words(f: Frames) -> pl.LazyFrame:
    words = f["search_words"].filter(C("date") == C("date").max().over("shop"), C("searches") >= 100).select("shop", C("keyword").str.to_lowercase(), "searches").unique(["shop", "keyword"])
    pairs = _pairs(words, "keyword")
    have = _pairs(f["items"].filter(C("on_sale")).select("shop", "item_id", "title", plain=C("title").str.replace_all(" ", "").str.to_lowercase()), "plain").select("shop", "item_id", "title", "pair").unique()
    hits = pairs.join(have, on=["shop", "pair"]).select("shop", "keyword", "item_id", at=pl.concat_list("at", C("at") + 1)).explode("at").unique()
    near = hits.group_by("shop", "keyword", "item_id").agg(hit=pl.len()).sort("shop", "keyword", "hit", "item_id", descending=[False, False, True, False])
    best = near.group_by("shop", "keyword", maintain_order=True).first()
    letters = C("keyword").str.len_chars()
    return best.filter(C("hit") < letters, C("hit") * 2 >= letters).join(words, on=["shop", "keyword"]).sort("shop", "searches", descending=[False, True])


def _pairs(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    rows = frame.with_columns(at=pl.int_ranges(0, C(column).str.len_chars().cast(pl.Int64) - 1)).explode("at")
    return rows.with_columns(pair=C(column).str.slice(C("at"), 2))
