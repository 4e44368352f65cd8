"""Compliance by hand: rules and their words, the home page, papers, brushed orders, refunds that are a habit, evidence, and how a shop is judged."""

from datetime import date, timedelta

import polars as pl

from ecops.automation import Frames
from ecops.copyscan import PASS, scan
from ecops.copyscan.normal import normal
from tests.bench._peers import C, COUNT, NOW, ORDER, SHOP_ITEM, TODAY, ago, count, last, local_day, midnight, o_clock, peer
from tests.bench._peers_service import topics

BUYER = ["shop", "buyer_id"]
DAY = timedelta(days=1)


# --- rule_sweep, homepage, documents -------------------------------------------------------------------------------


def _bare(column: str) -> pl.Expr:
    return C(column).str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars().fill_null("") != ""


def _rules(f: Frames) -> pl.LazyFrame:
    """Rules that hold: no copy of another, and none whose successor is in force."""
    same = ["shop", "platform", "title", "terms", "text"]
    rules = f["rules"].filter(C("published_at").is_null() | (C("published_at") <= NOW)).sort("published_at", "rule_id", nulls_last=True)
    successors = rules.filter(C("replaces") != C("rule_id"), C("effective_on") <= TODAY).select("shop", rule_id="replaces").unique()
    first = C("rule_id").first().over(same)
    return rules.with_columns(copy=(first != C("rule_id")) & C("title").is_not_null()).join(successors.with_columns(replaced=pl.lit(True)), on=["shop", "rule_id"], how="left")


def _holds() -> pl.Expr:
    return ~C("copy") & C("replaced").is_null()


def _swept(f: Frames) -> pl.LazyFrame:
    """Items on sale with a word of the law or of a rule of their shop, and whether both texts are there."""
    items = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", "detail_text", scanned=_bare("title") & _bare("detail_text"))
    texts = pl.concat([items.select("shop", *SHOP_ITEM[1:], text=name) for name in ("title", "detail_text")]).drop_nulls()
    told = texts.select("text").unique().collect()["text"].to_list()
    results = pl.DataFrame({"text": told, "verdict": [scan(text).verdict for text in told], "plain": [normal(text).text for text in told]}, strict=False).lazy()
    words = _rules(f).filter(_holds()).select("shop", word=C("terms").str.replace_all("[,，;；\n]", "、").str.split("、")).explode("word").drop_nulls().unique()
    plain = words.select("word").unique().collect()["word"].to_list()
    words = words.join(pl.LazyFrame({"word": plain, "written": [normal(word).text for word in plain]}), on="word")
    rows = texts.join(results, on="text")
    banned = rows.join(words, on="shop").filter(C("plain").str.contains(C("written"), literal=True)).select(SHOP_ITEM).unique().with_columns(banned=pl.lit(True))
    worst = rows.group_by(SHOP_ITEM).agg(bad=(C("verdict") != PASS).any(), block=(C("verdict") == "block").any())
    joined = items.join(worst, on=SHOP_ITEM, how="left").join(banned, on=SHOP_ITEM, how="left").with_columns(C("bad", "block", "banned").fill_null(False))
    verdict = pl.when(C("banned") | C("block")).then(pl.lit("block")).when("bad").then(pl.lit("review"))
    return joined.with_columns(verdict=verdict)


@peer("compliance.rule_sweep", "rule_id", "state", of="rules")
@peer("compliance.rule_sweep", "item_id", "verdict")
def sweep(f: Frames) -> dict[str, pl.LazyFrame]:
    swept = _swept(f)
    clean = swept.group_by("shop").agg(clean=(C("scanned") & C("verdict").is_null()).all())
    due = C("published_at") + timedelta(hours=24)
    state = (
        pl.when((NOW - C("published_at")) > timedelta(days=7)).then(None).when(C("clean").fill_null(False)).then(pl.lit("clean"))
        .when(due < NOW).then(pl.lit("late")).otherwise(pl.lit("open"))
    )  # fmt: skip
    rules = _rules(f).filter(_holds()).join(clean, on="shop", how="left").with_columns(due_at=due, state=state).sort("shop", "published_at")
    return {"items": swept.filter(C("verdict").is_not_null()).sort("shop", "verdict", "item_id"), "rules": rules}


@peer("compliance.rule_sweep", "rule_id", of="bad_rules")
def bad_rules(f: Frames) -> pl.LazyFrame:
    known = ["taobao", "tmall", "douyin", "pdd", "jd", "淘宝", "天猫", "抖音", "抖店", "拼多多", "京东", "淘系"]
    early = C("effective_on").is_null() | C("published_at").is_null() | (C("effective_on") < local_day("published_at"))
    rivals = (pl.len().over("shop", "platform", "title") > 1) & C("replaces").is_null()
    strange = ~C("platform").str.to_lowercase().is_in(known).fill_null(False)
    return _rules(f).filter(early | C("copy") | strange | rivals).sort("shop", "rule_id")


@peer("compliance.homepage", "block", "state", of="blocks")
def homepage(f: Frames) -> pl.LazyFrame:
    names = {"品牌": "brand", "品牌故事": "brand", "类目": "category", "分类": "category", "信任": "trust", "信任背书": "trust"}
    checked = f["pages"].filter(C("page") == "首页", C("checked_at") <= NOW).with_columns(C("block").str.to_lowercase().replace(names))
    newest = checked.sort("checked_at").group_by("shop", "block").agg(C("text", "link_works", "checked_at").last(), there=pl.lit(True))
    shops = f["pages"].select("shop").unique()
    wanted = shops.join(pl.LazyFrame({"block": ["brand", "category", "trust"]}), how="cross").join(newest, on=["shop", "block"], how="left")
    state = (
        pl.when(C("there").is_null()).then(pl.lit("missing")).when(C("checked_at") < NOW - timedelta(days=7)).then(pl.lit("stale"))
        .when(C("text").is_not_null() & ~_bare("text")).then(pl.lit("empty")).when(~C("link_works")).then(pl.lit("dead_link"))
        .when(C("text").is_null() | C("link_works").is_null()).then(pl.lit("not_told")).otherwise(pl.lit("fine"))
    )  # fmt: skip
    return wanted.with_columns(state=state).sort("shop", "block")


@peer("compliance.homepage", "block")
def broken_blocks(f: Frames) -> pl.LazyFrame:
    return homepage(f).filter(C("state").is_in(["empty", "dead_link"]))


def _plain(column: str) -> pl.Expr:
    bare = C(column).str.replace_all(r"\s", "").str.replace_many(["（", "）"], ["(", ")"]).str.to_lowercase()
    return pl.when(bare != "").then(bare)


def _papers(f: Frames, sale: date | None = None) -> pl.LazyFrame:
    """Every paper with its state; `rank` 0 the best."""
    brands = f["items"].select(*SHOP_ITEM, item_brand=_plain("brand"), listed=pl.lit(True))
    owners = f["documents"].filter(C("document_type").str.contains("营业执照")).group_by("shop").agg(owner=_plain("holder").drop_nulls().unique())
    owners = owners.with_columns(owner=pl.when(C("owner").list.len() == 1).then(C("owner").list.first()))
    rows = f["documents"].with_columns(plain_brand=_plain("brand"), plain_holder=_plain("holder"), item_id=pl.when(C("item_id") != "").then("item_id"))
    rows = rows.join(brands, on=SHOP_ITEM, how="left").join(owners, on="shop", how="left")
    fault = (
        pl.when(C("expires_on") < C("issued_on")).then(pl.lit("ends_before_start"))
        .when(C("item_id").is_not_null() & C("listed").is_null()).then(pl.lit("other_item")).when(C("plain_brand") != C("item_brand")).then(pl.lit("other_brand"))
        .when(C("plain_holder") != C("owner")).then(pl.lit("other_holder")).when(C("issued_on") > TODAY).then(pl.lit("not_begun"))
        .when(C("expires_on").is_null() & ~C("no_expiry").fill_null(False)).then(pl.lit("no_end"))
    )  # fmt: skip
    left = (C("expires_on") - TODAY).dt.total_days()
    state = (
        pl.when(C("fault") == "no_end").then(pl.lit("no_end")).when(C("fault").is_not_null()).then(pl.lit("invalid"))
        .when(C("days_left") < 0).then(pl.lit("expired")).when(C("expires_on") < (sale or TODAY)).then(pl.lit("before_sale")).otherwise(pl.lit("fine"))
    )  # fmt: skip
    scope = pl.when(C("item_id").is_not_null()).then(pl.lit("item")).when(C("plain_brand").is_not_null()).then(pl.lit("brand")).otherwise(pl.lit("shop"))
    rows = rows.with_columns(fault=fault, days_left=left, scope=scope).with_columns(state=state)
    return rows.with_columns(
        rank=C("state").replace_strict({"fine": 0, "no_end": 1, "before_sale": 2, "expired": 3, "invalid": 4}, return_dtype=pl.Int8), ends=C("expires_on").fill_null(date(9999, 12, 31))
    )


def _counting(f: Frames, sale: date | None = None) -> pl.LazyFrame:
    """The best paper of each type for an item, a brand or the shop."""
    rows = _papers(f, sale).with_columns(plain_brand=pl.when(C("scope") == "brand").then("plain_brand"))
    return rows.sort("rank", "ends", descending=[False, True]).unique(["shop", "scope", "document_type", "item_id", "plain_brand"], keep="first", maintain_order=True)


@peer("compliance.documents", "document_id", "state", "fault", of="papers")
def papers(f: Frames) -> pl.LazyFrame:
    return _papers(f).sort("shop", "ends", "document_id")


@peer("compliance.documents", "document_id", "warn", of="warnings")
def ending(f: Frames) -> pl.LazyFrame:
    left = C("days_left")
    warn = pl.when(left <= 7).then(7).when(left <= 30).then(30).otherwise(60).cast(pl.Int64)
    return _counting(f).filter(C("fault").is_null(), left.is_between(0, 60)).with_columns(warn=warn).sort("shop", "days_left")


@peer("compliance.documents", "item_id", "reason", "ends_on")
def blocked(f: Frames, sale: date | None = None) -> pl.LazyFrame:
    items = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", plain_brand=_plain("brand"))
    columns = ("document_type", "rank", "state", "expires_on", "document_id")
    papers = _counting(f, sale)
    covers = pl.concat([
        items.join(papers.filter(C("scope") == scope).select(*on, *columns), on=on).select(*SHOP_ITEM, "title", *columns)
        for scope, on in (("item", SHOP_ITEM), ("brand", ["shop", "plain_brand"]), ("shop", ["shop"]))
    ])  # fmt: skip
    best = covers.sort("rank", "document_id").unique([*SHOP_ITEM, "document_type"], keep="first", maintain_order=True)
    bad = best.filter(C("state").is_in(["expired", "before_sale", "invalid"])).group_by(*SHOP_ITEM, "title").agg(
        reason=C("state").sort_by(C("state") == "before_sale", "state").first(), ends_on=C("expires_on").min(), papers=C("document_id")
    )  # fmt: skip
    return bad.sort("shop", "ends_on", "item_id", nulls_last=True)


@peer("compliance.documents", "brand", "items", of="brands")
def brands(f: Frames) -> pl.LazyFrame:
    has = _papers(f).filter(C("scope") == "brand").select("shop", "plain_brand")
    items = f["items"].filter(C("on_sale")).with_columns(plain_brand=_plain("brand")).drop_nulls("plain_brand").join(has, on=["shop", "plain_brand"], how="anti")
    return items.group_by("shop", "plain_brand").agg(C("brand").min(), items=COUNT).sort("shop", "brand")


# --- order_anomalies -----------------------------------------------------------------------------------------------


def _paid(f: Frames) -> pl.LazyFrame:
    lines = f["order_lines"].drop_nulls("item_id").group_by(ORDER).agg(C("item_id").min(), most=C("item_id").max())
    single = lines.filter(C("item_id") == C("most")).select(*ORDER, "item_id")
    delay = (C("paid_at") - C("created_at")).dt.total_microseconds() / 1e6
    back = (C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0)).fill_null(False)
    return f["orders"].filter(C("paid_at") >= midnight(ago(30))).join(single, on=ORDER, how="left").select(
        *ORDER, "buyer_id", "created_at", "paid_at", "finished_at", "total_fen", "item_id", "address_hash", "phone_hash", back=back,
        delay=pl.when(delay >= 0, ~C("presale").fill_null(False)).then(delay), hour=o_clock("created_at"), marked=C("remark_mark").str.contains("^[GVgv]").fill_null(False),
    )  # fmt: skip


def _bonds(f: Frames, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Orders with what binds them to others: a receiver, a waybill, a buyer, a wave of one item."""
    who = pl.coalesce("buyer_id", "order_id").n_unique()
    same = (C("shop") == C("shop").shift()) & (C("item_id") == C("item_id").shift()) & (C("created_at").diff() <= timedelta(minutes=30))
    waves = orders.drop_nulls("item_id").sort(*SHOP_ITEM, "created_at", "order_id").with_columns(key=pl.when(~same.fill_null(False)).then("order_id").forward_fill())
    kinds = {
        "address": (orders.with_columns(key="address_hash"), who >= 3), "phone": (orders.with_columns(key="phone_hash"), who >= 3),
        "waybill": (orders.join(f["parcels"].select(*ORDER, key="parcel_id").unique(), on=ORDER), who >= 3),
        "buyer": (orders.with_columns(key="buyer_id"), pl.len() >= 5), "wave": (waves, pl.len() >= 5),
    }  # fmt: skip
    bound = []
    for bond, (rows, enough) in kinds.items():
        rows = rows.drop_nulls("key")
        many = rows.group_by("shop", "key").agg(enough=enough).filter("enough").select("shop", "key")
        bound.append(rows.join(many, on=["shop", "key"], how="semi").select(pl.lit(bond).alias("bond"), "key", *orders.collect_schema().names()))
    return pl.concat(bound)


def _shown(f: Frames, orders: pl.LazyFrame, bonds: pl.LazyFrame) -> pl.LazyFrame:
    """What the orders of each bond have in common."""
    key = ["shop", "bond", "key"]
    fast = orders.filter(C("delay") <= 10).select(*ORDER, *BUYER[1:], "created_at")
    looks = pl.concat([f["chats"].filter(C("sender") == "buyer").select(*BUYER, "at"), f["behaviours"].select(*BUYER, at="hour")]).join(fast, on=BUYER)
    looked = looks.filter(C("at").is_between(C("created_at") - DAY, C("created_at"))).select(ORDER).unique().with_columns(looked=pl.lit(True))
    gaps = (C("created_at").sort().diff().dt.total_microseconds() / 1e6).drop_nulls()
    quick = (C("delay") <= 10).fill_null(False) & C("looked").is_null()
    sums = bonds.join(looked, on=ORDER, how="left").group_by(key).agg(
        orders=pl.len(), buyers=C("buyer_id").drop_nulls().n_unique(), quick=quick.sum(), small=C("hour").is_between(1, 5).sum(), alike=C("total_fen").unique_counts().max(),
        paid=C("delay").count(), low=C("delay").quantile(0.1, "nearest"), high=C("delay").quantile(0.9, "nearest"), mean_gap=gaps.mean(), spread=gaps.std(),
        span=C("created_at").max() - C("created_at").min(),
    )  # fmt: skip
    shops = orders.group_by("shop").agg(fast=(C("delay") <= 10).sum() * 2 >= C("delay").count(), delays=C("delay").drop_nulls().sort())
    close = (C("high") - C("low")) <= pl.max_horizontal(10.0, 0.25 * C("low"))
    near = sums.filter(close, C("paid") >= 5).join(shops.select("shop", "delays"), on="shop").explode("delays").group_by(*key, "paid").agg(
        share=C("delays").is_between(C("low") - 1, C("high") + 1, closed="right").mean()
    )  # fmt: skip
    middle = (C("paid") * 0.8).ceil()
    rows = sums.join(near.select(*key, chance=middle * C("share").pow(middle - 1)), on=key, how="left").join(shops.select("shop", "fast"), on="shop")
    crowd, steady = C("orders") >= 5, (C("spread") <= 0.1 * C("mean_gap")) & (C("mean_gap") > 1) & (C("span") <= DAY)
    most = {name: C(name) * 5 >= C("orders") * 4 for name in ("alike", "quick", "small")}
    return rows.with_columns(
        receiver=C("bond").is_in(["address", "phone"]) & (C("buyers") >= 3), waybill=(C("bond") == "waybill") & (C("buyers") >= 3),
        amounts=(C("bond") != "wave") & crowd & most["alike"], rhythm=crowd & ((C("chance") <= 0.001).fill_null(False) | steady.fill_null(False)),
        seconds=crowd & most["quick"] & ~C("fast"), off_hours=crowd & most["small"] & (C("span") <= timedelta(hours=5)),
    )  # fmt: skip


def _evidence(f: Frames, orders: pl.LazyFrame, bonds: pl.LazyFrame) -> pl.LazyFrame:
    """Reasons against each order."""
    parcels = f["parcels"]
    flags = ("receiver", "waybill", "amounts", "rhythm", "seconds", "off_hours")
    crowd = bonds.select(*ORDER, "bond", "key").join(_shown(f, orders, bonds).collect().lazy().select("shop", "bond", "key", *flags), on=["shop", "bond", "key"])
    crowd = crowd.unpivot(list(flags), index=[*ORDER, "bond", "key"], variable_name="reason").filter("value").drop("value")
    arrived = parcels.drop_nulls("delivered_at").group_by(ORDER).agg(C("delivered_at").min())
    praised = f["reviews"].filter(C("stars") >= 4).join(arrived, on=ORDER).filter(C("created_at") - C("delivered_at") <= timedelta(minutes=10))
    moved = pl.any_horizontal(C("collected_at", "last_event_at", "delivered_at").is_not_null())
    sent = parcels.group_by(ORDER).agg(still=(~moved).all(), returned=C("last_event").str.contains("空包|空件|退回|退件|返回寄件|拒收").fill_null(False).any())
    empty = orders.join(sent, on=ORDER).filter((C("still") & C("finished_at").is_not_null()) | (C("returned") & ~C("back")))
    by = ["shop", "buyer_id", "item_id"]
    often = orders.drop_nulls(by).sort(*by, "created_at", "order_id")
    third = pl.all_horizontal(C(name) == C(name).shift(2) for name in by) & (C("created_at") - C("created_at").shift(2) <= timedelta(days=7))
    closes = third.fill_null(False)
    often = often.filter(closes | closes.shift(-1).fill_null(False) | closes.shift(-2).fill_null(False))
    single = {"praise": praised.join(orders, on=ORDER, how="semi"), "empty": empty, "repeated": often}
    return pl.concat([crowd, *(rows.select(ORDER).unique().with_columns(reason=pl.lit(reason)) for reason, rows in single.items())], how="diagonal")


POINTS = {"receiver": 25, "waybill": 25, "amounts": 10, "rhythm": 30, "seconds": 10, "off_hours": 10, "praise": 20, "empty": 25, "repeated": 20}


@peer("compliance.order_anomalies", "marked", "both", of="labels")
@peer("compliance.order_anomalies", "reason", "orders", of="reasons")
@peer("compliance.order_anomalies", "bond", "orders", "score")
@peer("compliance.order_anomalies", "order_id", "score", of="orders")
def brushed(f: Frames) -> dict[str, pl.LazyFrame]:
    """What is used more than once is calculated once, as one would by hand."""
    orders = _paid(f).collect().lazy()
    bonds = _bonds(f, orders).collect().lazy()
    evidence = _evidence(f, orders, bonds).collect().lazy()
    fired = evidence.select(*ORDER, "reason").unique()
    points = C("reason").replace_strict(POINTS, return_dtype=pl.Int64)
    told = fired.group_by(ORDER).agg(score=points.sum(), reasons=C("reason")).filter(C("score") >= 70).join(orders, on=ORDER).collect().lazy()
    strength = C("bond").replace_strict({"waybill": 0, "address": 1, "phone": 2, "buyer": 3, "wave": 4}, return_dtype=pl.Int8)
    bound = evidence.drop_nulls("bond").sort(strength, "key").unique(ORDER, keep="first", maintain_order=True).select(*ORDER, "bond", "key")
    cases = told.join(bound, on=ORDER, how="left").with_columns(C("bond").fill_null("order"), key=pl.coalesce("key", "order_id")).group_by("shop", "bond", "key").agg(
        orders=COUNT, buyers=C("buyer_id").n_unique(), first=C("created_at").min(), last=C("created_at").max(), amount=C("total_fen").sum(), score=C("score").max(), ids=C("order_id")
    )  # fmt: skip
    mark = told.select(*ORDER, told=pl.lit(True))
    reasons = fired.join(mark, on=ORDER, how="left").group_by("shop", "reason").agg(orders=COUNT, told=C("told").count()).sort("shop", "told", descending=[False, True])
    hit = C("told").fill_null(False)
    labels = orders.join(mark, on=ORDER, how="left").group_by("shop").agg(marked=count(C("marked")), told=count(hit), both=count(hit & C("marked")))
    return {
        "orders": told.sort("shop", "score", "created_at", descending=[False, True, False]), "items": cases.sort("shop", "score", descending=[False, True]),
        "reasons": reasons, "labels": labels.filter(C("marked") > 0),
    }  # fmt: skip


# --- refund_abuse --------------------------------------------------------------------------------------------------


def _claims(f: Frames) -> pl.LazyFrame:
    """Orders sent, with their first claim that was not refused."""
    sent = f["orders"].filter(C("paid_at") >= midnight(ago(180)), C("shipped_at").is_not_null() | C("status").is_in(["shipped", "finished"]))
    claims = f["refunds"].filter(~C("refund_status").is_in(["refused", "closed"]), C("refund_kind").is_in(["refund", "return"])).sort("created_at", "refund_id")
    claims = claims.group_by(ORDER).agg(C("refund_kind", "reason").first(), at=C("created_at").first())
    parcels = f["parcels"].group_by(ORDER).agg(arrived=C("delivered_at").max(), damaged=C("damaged").any(ignore_nulls=False))
    rows = topics(claims, "reason").join(parcels, on=ORDER, how="left").with_columns(topic=C("topics").list.first())
    rows = sent.select(*ORDER, "buyer_id", "phone_hash", "address_hash", "total_fen", "finished_at").join(rows, on=ORDER, how="left")
    there = pl.coalesce("arrived", "finished_at")
    since, after = C("at") - there, C("at") >= there
    edge = pl.any_horizontal(since.is_between(end - DAY, end, closed="right") for end in (timedelta(days=7), timedelta(days=15)))
    excused, unverified = C("damaged").fill_null(False) & C("at").is_not_null(), (C("topic") == "damage") & C("damaged").is_null()
    fair = C("at").is_null() | ~(excused | unverified.fill_null(False))
    return rows.with_columns(
        fair=fair, against=fair & C("at").is_not_null(), kept=(after & (C("refund_kind") == "refund")).fill_null(False), edge=(after & edge).fill_null(False),
        said=pl.when(~C("topic").is_in(["unwanted", "stock", "delivery", "price"])).then(C("reason").str.replace_all(r"\s", "")),
    )  # fmt: skip


def _households(orders: pl.LazyFrame) -> pl.LazyFrame:
    """The first of the buyers who share an address or a phone, two steps far."""
    places = ("address_hash", "phone_hash")
    rows = orders.drop_nulls("buyer_id").select(*BUYER, *places).unique()
    shares = pl.any_horizontal((C("buyer_id").n_unique().over("shop", place) > 1) & C(place).is_not_null() for place in places)
    rows = rows.with_columns(household=C("buyer_id")).join(rows.filter(shares).select(BUYER).unique(), on=BUYER, how="semi")
    for place in places * 2:
        least = pl.when(C(place).is_null()).then("household").otherwise(C("household").min().over("shop", place))
        rows = rows.with_columns(household=least).with_columns(household=C("household").min().over(BUYER))
    return rows.group_by(BUYER).agg(C("household").min())


def _figures(rows: pl.LazyFrame, by: str) -> pl.LazyFrame:
    against = C("against")
    sums = rows.group_by("shop", by, "mean").agg(
        orders=count(C("fair")), claims=count(against), kept=count(against & C("kept")), edge=count(against & C("edge")), same=C("said").filter(against).drop_nulls().unique_counts().max().fill_null(0),
        claiming=C("buyer_id").filter(against).n_unique(), keeping=C("buyer_id").filter(against & C("kept")).n_unique(), amount=C("total_fen").filter(against).sum(), ids=C("order_id").filter(against),
    )  # fmt: skip
    return sums.with_columns(rate=(C("claims") + C("mean") * 5) / (C("orders") + 5))


def _abusers(orders: pl.LazyFrame) -> pl.LazyFrame:
    means = orders.group_by("shop").agg(mean=C("against").sum() / C("fair").sum())
    homes = _households(orders).collect().lazy()
    claiming = orders.filter("against").drop_nulls("buyer_id").select(BUYER).unique().join(homes, on=BUYER, how="left").with_columns(household=pl.coalesce("household", "buyer_id"))
    near = pl.concat([claiming, homes.join(claiming, on=["shop", "household"], how="semi")]).unique()
    named = orders.join(near, on=BUYER).join(means, on="shop").collect().lazy()
    together = _figures(named, "household").select("shop", "household", *(C(name).alias(f"{name}_all") for name in ("claims", "rate", "kept", "claiming", "keeping")))
    rows = _figures(named, "buyer_id").filter(C("claims") > 0).join(claiming, on=BUYER).join(together, on=["shop", "household"])
    joint = C("claiming_all") >= 3
    claims, kept = (pl.when(joint).then(f"{name}_all").otherwise(name) for name in ("claims", "kept"))
    rate = pl.when(joint).then(pl.max_horizontal("rate", "rate_all")).otherwise("rate")
    high = (rate >= 0.3) & (rate >= 3 * C("mean"))
    flags = (
        (30, (claims >= 3) & high), (25, (claims >= 3) & (kept >= 3)), (20, C("same") >= 3), (20, (C("edge") >= 2) & (C("edge") * 2 >= C("claims"))),
        (25, (claims >= 3) & (C("keeping_all") >= 3) & high),
    )  # fmt: skip
    return rows.with_columns(score=pl.sum_horizontal(when.cast(pl.Int64) * score for score, when in flags))


@peer("compliance.refund_abuse", of="verdicts")
@peer("compliance.refund_abuse", "buyer_id", "score", of="watched")
@peer("compliance.refund_abuse", "buyer_id", "score")
def abusers(f: Frames) -> dict[str, pl.LazyFrame]:
    orders = _claims(f).collect().lazy()
    rows = _abusers(orders).sort("shop", "score", "amount", descending=[False, True, True]).collect().lazy()
    sums = orders.group_by("shop").agg(orders=COUNT, named=C("buyer_id").count(), claims=C("at").count(), unverified=count(~C("fair")))
    return {"items": rows.filter(C("score") >= 60), "watched": rows.filter(C("score").is_between(1, 59)), "verdicts": sums}


# --- evidence_pack, reputation -------------------------------------------------------------------------------------


def _week(f: Frames) -> pl.LazyFrame:
    return f["orders"].filter(C("created_at").is_between(midnight(ago(7)), midnight(TODAY), closed="left"))


@peer("compliance.evidence_pack", "subject", "fact", "kind_id", "at", of="facts")
def facts(f: Frames) -> pl.LazyFrame:
    orders, source = _week(f), ("source_file", "source_sheet", "source_row")
    of = {kind: f[kind].join(orders.select(ORDER), on=ORDER, how="semi") for kind in ("order_lines", "refunds", "parcels", "reviews")}
    yuan = pl.format("{}元", C("total_fen") / 100)
    events = [
        (orders, "order_id", {"created": ("created_at", pl.format("下单 {}", yuan)), "paid": ("paid_at", pl.lit("付款")), "shipped": ("shipped_at", pl.lit("发货")),
                              "finished": ("finished_at", pl.lit("确认收货"))}),
        (orders.filter(C("refund_fen") > 0), "order_id", {"refunded": ("refunded_at", pl.format("退款 {}元", C("refund_fen") / 100))}),
        (of["order_lines"], "line_id", {"line": (None, pl.format("{} ×{}", "title", "units"))}),
        (of["refunds"], "refund_id", {"claim": ("created_at", pl.format("申请退款：{}", "reason")), "claim_closed": ("closed_at", pl.lit("退款完结"))}),
        (of["parcels"], "parcel_id", {name: (f"{name}_at", pl.format("{} {}", "carrier", "parcel_id")) for name in ("shipped", "collected", "delivered")}),
        (of["reviews"], "review_id", {"review": ("created_at", pl.format("{}星 {}", "stars", C("text").fill_null("")))}),
    ]  # fmt: skip
    rows = [
        kind.filter(True if at is None else C(at) <= NOW).select(
            "shop", subject="order_id", at=pl.lit(None, pl.Datetime("us", "UTC")) if at is None else C(at), fact=pl.lit(fact), zh=zh, kind_id=C(number), **{name: C(name) for name in source}
        )
        for kind, number, told in events for fact, (at, zh) in told.items()
    ]  # fmt: skip
    return pl.concat(rows).sort("shop", "subject", "at", "fact")


@peer("compliance.evidence_pack", "subject", "gap")
def gaps(f: Frames) -> pl.LazyFrame:
    orders = _week(f)
    sent = orders.filter(C("shipped_at").is_not_null() | C("status").is_in(["shipped", "finished"]))
    parcels = f["parcels"].join(orders.select(ORDER), on=ORDER, how="semi")
    scans = pl.any_horizontal(C("collected_at", "last_event_at", "delivered_at").is_not_null())
    days = pl.date_range(ago(7), ago(1), eager=True).alias("day").to_frame().lazy()
    empty = f["orders"].select("shop").unique().join(days, how="cross").join(orders.select("shop", day=local_day("created_at")), on=["shop", "day"], how="anti")
    found = {
        "no_payment_time": orders.filter(C("paid_at").is_null(), C("shipped_at").is_not_null() | C("finished_at").is_not_null()),
        "no_lines": orders.join(f["order_lines"], on=ORDER, how="anti"),
        "no_buyer": orders.filter(C("buyer_id").is_null() | (C("buyer_id") == "") | C("buyer_id").str.contains("*", literal=True)),
        "no_parcel": sent.join(parcels, on=ORDER, how="anti"),
        "no_tracking": parcels.filter(C("shipped_at") <= NOW - timedelta(days=3), ~scans),
        "no_refund_record": orders.filter(C("refund_fen") > 0).join(f["refunds"], on=ORDER, how="anti"),
        "day_without_orders": empty.with_columns(order_id=C("day").cast(pl.String)),
    }
    return pl.concat([rows.select("shop", subject="order_id", gap=pl.lit(gap)) for gap, rows in found.items()]).unique().sort("shop", "gap", "subject")


@peer("compliance.reputation", "score_name", "date", "state", of="scores")
def scores(f: Frames) -> pl.LazyFrame:
    rows = f["scores"].filter(last(30), C("score").is_not_null()).sort("date")
    sums = rows.group_by("shop", "score_name").agg(C("date", "score", "peer_score").last(), past=C("score").filter(C("date") < C("date").max()).median(), days=C("date").n_unique(), first=C("date").first())
    below, falls = C("score").round(6) < C("peer_score").round(6), (C("past") - C("score")).round(6) >= 0.1
    return sums.with_columns(state=pl.when(below).then(pl.lit("below_peers")).when(falls).then(pl.lit("falling")).otherwise(pl.lit("fine"))).sort("shop", "score_name")


@peer("compliance.reputation", "post_id", "state", "copy_of", of="posts")
def posts(f: Frames) -> pl.LazyFrame:
    rows = f["posts"].filter(C("at").is_between(midnight(ago(30)), NOW), C("negative").fill_null(True)).sort("at", "post_id")
    due, answered = C("at") + DAY, C("answered_at").is_not_null()
    state = (
        pl.when(C("negative").is_null() & ~answered).then(pl.lit("unjudged")).when(C("answered_at") > due).then(pl.lit("late")).when(answered).then(pl.lit("answered"))
        .when(due < NOW).then(pl.lit("overdue")).otherwise(pl.lit("open"))
    )  # fmt: skip
    words = C("text").str.replace_all(r"[\s\p{P}]", "")
    rows = rows.with_columns(due_at=due, state=state, first=C("post_id").first().over("shop", words))
    return rows.with_columns(copy_of=pl.when((C("first") != C("post_id")) & (words != "")).then("first")).sort("shop", "at")


@peer("compliance.reputation", "reviews", "low", "reviews_before", "low_before", "state", of="reviews")
def low_stars(f: Frames) -> pl.LazyFrame:
    rows = f["reviews"].filter(C("created_at").is_between(midnight(ago(30)), NOW), C("stars").is_not_null())
    now, low = C("created_at") >= midnight(ago(7)), C("stars") <= 3
    sums = rows.group_by("shop").agg(reviews=count(now), low=count(now & low), reviews_before=count(~now), low_before=count(~now & low))
    pooled = (C("low") + C("low_before")) / (C("reviews") + C("reviews_before"))
    z = (C("low") / C("reviews") - C("low_before") / C("reviews_before")) / (pooled * (1 - pooled) * (1 / C("reviews") + 1 / C("reviews_before"))).sqrt()
    thin = pl.min_horizontal("reviews", "reviews_before") < 20
    return sums.with_columns(z=z, state=pl.when(thin).then(pl.lit("thin")).when(z >= 1.959963984540054).then(pl.lit("rising")).otherwise(pl.lit("fine")))


@peer("compliance.reputation", "about", "about_id", "state")
def to_do(f: Frames) -> pl.LazyFrame:
    waiting = posts(f).filter(C("state").is_in(["overdue", "open", "unjudged"]), C("copy_of").is_null())
    bad, rising = scores(f).filter(C("state") != "fine"), low_stars(f).filter(C("state") == "rising")
    parts = (("post", waiting, C("post_id")), ("score", bad, C("score_name")), ("reviews", rising, pl.lit("low_stars")))
    rows = [rows.select("shop", "state", pl.lit(about).alias("about"), about_id.alias("about_id")) for about, rows, about_id in parts]
    return pl.concat(rows)
