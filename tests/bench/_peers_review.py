"""Review and budgets by hand: a period beside the one before, where a gap comes from, what stock-outs lost, and which plans get more."""

from datetime import date, timedelta

import polars as pl

from ecops.automation import Frames
from tests.bench._peers import C, COUNT, OPENS, SHOP_ITEM, TODAY, ago, kept, last, local_day, midnight, peer, wilson

SUMS = ("visitors", "cart_users", "pay_buyers", "pay_units", "pay_amount_fen", "refund_amount_fen", "new_buyers", "old_buyers")
SPAN = (ago(2), ago(1))


# --- weekly, monthly -----------------------------------------------------------------------------------------------


def _report(f: Frames, first: date, end: date, before: date) -> dict[str, pl.LazyFrame]:
    """Figures of [first, end) beside [before, first), and what is out of the ordinary."""
    day, now = C("date"), C("date") >= first
    rows = f["item_days"].filter(day.is_between(before, end, closed="left")).group_by(*SHOP_ITEM, now=now).agg(
        *(pl.when(C(name).null_count() == 0).then(C(name).sum()).alias(name) for name in SUMS), title=C("title").sort_by("date").last()
    ).collect().lazy()  # fmt: skip
    sums = rows.group_by("shop", "now").agg(pl.when(C(name).null_count() == 0).then(C(name).sum()).alias(name) for name in SUMS)
    both = sums.filter("now").join(sums.filter(~C("now")), on="shop", how="left", suffix="_b").collect().lazy()
    ratios = {
        "visitors": ("visitors", None), "cart_rate": ("cart_users", "visitors"), "conversion": ("pay_buyers", "visitors"), "gmv_fen": ("pay_amount_fen", None),
        "aov_fen": ("pay_amount_fen", "pay_buyers"), "refund_share": ("refund_amount_fen", "pay_amount_fen"), "returning_share": ("old_buyers", None),
    }  # fmt: skip
    value = {(name, side): C(f"{top}{side}") / (C(f"{of}{side}") if of else 1) for name, (top, of) in ratios.items() for side in ("", "_b")}
    value |= {("returning_share", side): C(f"old_buyers{side}") / (C(f"old_buyers{side}") + C(f"new_buyers{side}")) for side in ("", "_b")}
    figures = pl.concat([
        both.select("shop", pl.lit(name).alias("figure"), value=value[name, ""].cast(pl.Float64), before=value[name, "_b"].cast(pl.Float64), change=value[name, ""] / value[name, "_b"] - 1)
        for name in ratios
    ])  # fmt: skip
    sources = f["traffic_days"].filter(day.is_between(before, end, closed="left"), C("source_detail") == "*", C("source") != "*").group_by("shop", "source").agg(
        v=C("visitors").filter(now).sum(), b=C("visitors").filter(~now).sum()
    )  # fmt: skip
    ads = f["ad_days"].filter(day.is_between(first, end, closed="left")).select("shop", "tool", "plan_id", "item_id", "date", "keyword", "plan", "spend_fen", "deal_amount_fen").collect().lazy()
    whole = ads.filter(C("keyword") == "*")  # rows of keywords are the same yuan, where the item has rows of its own that day
    once = pl.concat([whole, ads.filter(C("keyword") != "*").join(whole, on=["shop", "tool", "plan_id", "item_id", "date"], how="anti")]).collect().lazy()
    plans = once.group_by("shop", "tool", "plan_id").agg(C("spend_fen", "deal_amount_fen").sum(), C("plan").max_by("date"))
    cover = once.group_by("shop").agg(ad_days=day.n_unique())
    for kind in ("item_days", "traffic_days"):
        days = f[kind].filter(day.is_between(before, end, closed="left")).group_by("shop").agg(day.filter(now).n_unique().alias(kind), day.filter(~now).n_unique().alias(f"{kind}_before"))
        cover = cover.join(days, on="shop", how="full", coalesce=True)
    items, many = rows.filter("now"), C("visitors_b") >= 100
    found = (
        ("impossible", items.filter(C("pay_buyers") > C("visitors")), C("item_id")), ("low_cart", items.filter(C("visitors") >= 100, C("cart_users") * 20 < C("visitors")), C("item_id")),
        *(("fell", both.filter(many, top * 5 <= of * 4, of > 0), pl.lit(name)) for name, top, of in (
            ("visitors", C("visitors"), C("visitors_b")), ("gmv", C("pay_amount_fen"), C("pay_amount_fen_b")),
            ("conversion", C("pay_buyers") * C("visitors_b"), C("pay_buyers_b") * C("visitors")),
        )),
        ("refunds", both.filter(C("pay_amount_fen") > 0, C("refund_amount_fen") * 10 >= C("pay_amount_fen")), pl.lit("")),
        ("source_fell", sources.filter(C("b") >= 100, C("v") * 10 <= C("b") * 7), C("source")),
        ("low_roi", plans.filter(C("spend_fen") >= 100_00, C("deal_amount_fen") < C("spend_fen")), C("plan_id")),
    )  # fmt: skip
    findings = pl.concat([rows.select("shop", rule=pl.lit(rule), element=element) for rule, rows, element in found]).sort("shop", "rule")
    return {"figures": figures.sort("shop"), "items": findings, "verdicts": cover}


@peer("review.weekly", of="verdicts")
@peer("review.weekly", "figure", of="figures")
@peer("review.weekly", "rule", "element")
def weekly(f: Frames) -> dict[str, pl.LazyFrame]:
    monday = TODAY - timedelta(days=TODAY.weekday())
    return _report(f, monday - timedelta(days=7), monday, monday - timedelta(days=14))


@peer("review.monthly", of="verdicts")
@peer("review.monthly", "rule_id", of="watch")
@peer("review.monthly", "figure", of="figures")
@peer("review.monthly", "rule", "element")
def monthly(f: Frames) -> dict[str, pl.LazyFrame]:
    first, end = date(2025, 10, 1), date(2025, 11, 1)
    soon, fresh = C("effective_on").is_between(first, TODAY + timedelta(days=60)), local_day("published_at").is_between(first, TODAY)
    return _report(f, first, end, date(2025, 9, 1)) | {"watch": f["rules"].filter(soon | fresh).sort("shop", "effective_on")}


# --- drill ---------------------------------------------------------------------------------------------------------


@peer("review.drill", "dimension", "element", "expected_fen", "actual_fen")
@peer("review.drill", "dimension", "expected_fen", "actual_fen", of="dimensions")
def drill(f: Frames) -> dict[str, pl.LazyFrame]:
    """Items, sources and customers of two days beside the two before: what each adds to the change, and how surprising it is."""
    now = C("date") >= ago(2)
    four = C("date").is_between(ago(4), ago(1))
    items = f["item_days"].filter(four).group_by("shop", now=now, element="item_id").agg(fen=C("pay_amount_fen").sum())
    sources = f["traffic_days"].filter(four, C("source_detail") == "*").group_by("shop", now=now, element="source").agg(fen=C("pay_amount_fen").sum())
    left = pl.when(C("element") == "*").then(2 * C("fen") - C("fen").sum().over("shop", "now")).otherwise("fen")
    paid = f["orders"].filter(C("paid_at") < midnight(TODAY))
    firsts = paid.group_by("shop", "buyer_id").agg(first=C("paid_at").min())
    lately = paid.filter(C("paid_at") >= OPENS - timedelta(days=2)).join(firsts, on=["shop", "buyer_id"], how="left").with_columns(now=C("paid_at") >= OPENS)
    begins = pl.when("now").then(OPENS).otherwise(OPENS - timedelta(days=2))
    group = pl.when(C("buyer_id").is_null()).then(pl.lit("unknown")).when(C("first") >= begins).then(pl.lit("new")).otherwise(pl.lit("returning"))
    customers = lately.group_by("shop", "now", element=group).agg(fen=(C("paid_fen") + C("refund_fen").fill_null(0)).sum())
    sides = {"item": items, "channel": sources.with_columns(fen=left), "customer": customers}
    rows = pl.concat([side.select("shop", "now", "element", "fen", dimension=pl.lit(name)) for name, side in sides.items()])
    by = ["shop", "dimension"]
    rows = rows.group_by(*by, "element").agg(expected_fen=C("fen").filter(~C("now")).sum(), actual_fen=C("fen").filter("now").sum())
    rows = rows.filter((C("expected_fen") != 0) | (C("actual_fen") != 0))
    p, q = C("expected_fen") / C("expected_fen").sum().over(by), C("actual_fen") / C("actual_fen").sum().over(by)
    surprise = sum((pl.when(share > 0).then(share * (2 * share / (p + q)).log()).otherwise(0.0) for share in (p, q)), pl.lit(0.0)) / 2
    gap = C("actual_fen") - C("expected_fen")
    rows = rows.with_columns(gap_fen=gap, power=gap / gap.sum().over(by), surprise=pl.when(p >= 0, q >= 0).then(surprise))
    rows = rows.sort(*by, "surprise", gap.abs(), "element", descending=[False, False, True, True, False], nulls_last=True).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over(by), large=pl.when(C("power") > 0.1).then("power").otherwise(0.0)
    )
    explains = (C("large") > 0) & (C("large").cum_sum().over(by) - C("large") < 0.67)
    rows = rows.with_columns(explains=explains).collect().lazy()
    whole = rows.group_by(by).agg(C("expected_fen", "actual_fen", "gap_fen").sum(), surprise=C("surprise").filter("explains").sum(), first=C("element").filter("explains").first())
    return {"items": rows.filter(C("rank") <= 10), "dimensions": whole.sort("shop", "surprise", descending=[False, True])}


# --- lost_sales ----------------------------------------------------------------------------------------------------


@peer("review.lost_sales", "item_id", "out_from", "lost_fen")
@peer("review.lost_sales", "item_id", "reason", of="unknown_items")
@peer("review.lost_sales", "items_out", "sold_units", of="shops")
def lost_sales(f: Frames) -> dict[str, pl.LazyFrame]:
    """What would have been sold of items after the last piece had gone: pieces a visitor takes on days in stock x visitors who came later."""
    inside, days = C("date").is_between(*SPAN), C("date").is_between(ago(30), ago(1))
    key = [*SHOP_ITEM, "date"]
    stock, sold = f["stock"].filter(days), f["item_days"].filter(days)
    empty = stock.filter(inside, C("closing_units") == 0).select(*key, "opening_units", "received_units").collect().lazy()
    full = stock.filter(C("closing_units") > 0, C("opening_units") > 0).select(*key, full=pl.lit(True))
    some = sold.join(empty.select(SHOP_ITEM).unique(), on=SHOP_ITEM, how="semi").join(full, on=key, how="left").with_columns(C("full").fill_null(False))
    demand = some.group_by(SHOP_ITEM).agg(
        title=C("title").last(), units=C("pay_units").filter("full").sum(), visits=C("visitors").filter("full").sum(), buyers=C("pay_buyers").filter("full").sum(),
        fen=C("pay_amount_fen").filter("full").sum(), days=C("full").sum(), sold=C("pay_units").filter(inside).sum(),
    ).filter((C("units") > 0) | (C("sold") > 0)).collect().lazy()  # fmt: skip
    lines = f["order_lines"].filter(C("paid_at") >= midnight(ago(3))).group_by(*SHOP_ITEM, date=local_day("paid_at")).agg(last_at=C("paid_at").max())
    midnights = C("date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC")
    all_day = (C("opening_units") == 0) & (C("received_units") == 0)
    out = empty.join(demand.select(SHOP_ITEM), on=SHOP_ITEM, how="semi").join(lines, on=key, how="left").with_columns(
        out_from=pl.when(all_day).then(midnights).otherwise("last_at"), until=midnights.dt.offset_by("24h")
    ).collect().lazy()  # fmt: skip
    hours = f["hours"].select("shop", "hour", "visitors", date=local_day("hour")).filter(inside, C("visitors").is_not_null())
    seconds = (pl.min_horizontal(C("hour") + timedelta(hours=1), "until") - pl.max_horizontal("hour", "out_from")).dt.total_seconds().clip(0, 3600)
    after = out.join(hours, on=["shop", "date"]).group_by(key).agg(part=(seconds * C("visitors")).sum() / (3600 * C("visitors").sum()), n=C("hour").n_unique()).filter(C("n") == 24)
    rows = out.join(after, on=key, how="left").join(sold.select(*key, "visitors"), on=key, how="left").join(demand, on=SHOP_ITEM)
    whole = pl.when(C("visitors").is_not_null(), C("visits") > 0).then(C("units") / C("visits") * C("visitors")).otherwise(C("units") / C("days"))
    lost = (whole * C("part") * 1_000_000).round(0).cast(pl.Int64, strict=False)
    items = rows.with_columns(lost=lost, timeless=C("out_from").is_null(), hourless=C("out_from").is_not_null() & C("part").is_null()).group_by(SHOP_ITEM).agg(
        C("title", "units", "buyers", "fen", "days", "sold").first(), C("out_from").min(), C("lost").sum(), timeless=C("timeless").sum(), hourless=C("hourless").sum()
    )  # fmt: skip
    reason = (
        pl.when(C("timeless") > 0).then(pl.format("stock-out time unknown on {} days", "timeless")).when(C("hourless") > 0).then(pl.format("hours: not complete on {} days", "hourless"))
        .when(C("days") < 7).then(pl.format("item_days: {} days in stock", "days"))
    )  # fmt: skip
    wanted = C("sold") * 1_000_000 + C("lost")
    items = items.with_columns(reason=reason, share=C("lost") / wanted, factor=(wanted / (C("sold") * 1_000_000)).clip(1, 2)).collect().lazy()
    sure = items.filter(C("reason").is_null()).with_columns(
        lost_fen=pl.when(C("units") > 0).then((C("lost") / 1_000_000 * C("fen") / C("units")).round(0).cast(pl.Int64)), lost_orders=C("lost") / 1_000_000 * C("buyers") / C("units")
    )
    every = sold.filter(inside).group_by("shop").agg(sold_units=C("pay_units").sum())
    sums = items.group_by("shop").agg(items_out=COUNT, unknown=C("reason").count(), lost=C("lost").sum())
    shops = every.join(sums, on="shop", how="left").with_columns(C("items_out", "unknown", "lost").fill_null(0)).filter(C("unknown") == 0)
    return {"items": sure.sort("shop", "lost_fen", descending=[False, True]), "unknown_items": items.filter(C("reason").is_not_null()), "shops": shops}


# --- report --------------------------------------------------------------------------------------------------------


@peer("review.report", "item_id", of="next")
@peer("review.report", "section")
def report(f: Frames) -> dict[str, pl.LazyFrame]:
    """The numbers of six sections, a row a shop and section, and the stock factors for the next time."""
    inside = C("hour").is_between(OPENS - timedelta(days=2), midnight(TODAY), closed="left")
    names = ("visitors", "pay_buyers", "pay_amount_fen")
    gap = f["hours"].filter(inside).group_by("shop").agg(*(C(n).filter(C("hour") >= OPENS).sum() for n in names), *(C(n).filter(C("hour") < OPENS).sum().name.suffix("_b") for n in names))
    sold = f["item_days"].filter(last(2)).group_by(SHOP_ITEM).agg(gmv=C("pay_amount_fen").sum()).filter(C("gmv") > 0).sort("shop", "gmv", descending=[False, True])
    vital = sold.filter((C("gmv").cum_sum().over("shop") - C("gmv")) * 5 < C("gmv").sum().over("shop") * 4).group_by("shop").agg(n=pl.len(), gmv=C("gmv").sum())
    now = C("date") >= ago(2)
    ads = f["ad_days"].filter(C("date").is_between(ago(4), ago(1))).group_by("shop", "tool").agg(
        *((C("deal_amount_fen").filter(when).sum() / C("spend_fen").filter(when).sum()).alias(name) for name, when in (("roi", now), ("before", ~now)))
    )
    paid = f["orders"].filter(C("paid_at") < midnight(TODAY))
    firsts = paid.group_by("shop", "buyer_id").agg(first=C("paid_at").min())
    buyers = kept(paid).filter(C("paid_at") >= OPENS).join(firsts, on=["shop", "buyer_id"])
    new = buyers.group_by("shop").agg(new=C("buyer_id").filter(C("first") >= OPENS).n_unique(), all=C("buyer_id").n_unique(), fen=C("paid_fen").sum())
    lost, drilled = lost_sales(f), drill(f)
    sections = {
        "gap": gap, "drill": drilled["dimensions"].group_by("shop").first(), "pareto": vital, "channels": ads.sort("roi").group_by("shop").last(), "new_customers": new,
        "lost_sales": f["item_days"].select("shop").unique().join(lost["items"].group_by("shop").agg(n=pl.len(), fen=C("lost_fen").sum()), on="shop", how="left"),
    }  # fmt: skip
    return {"items": pl.concat([rows.with_columns(section=pl.lit(name)) for name, rows in sections.items()], how="diagonal"), "next": lost["items"].filter(C("factor") > 1)}


# --- move_budget ---------------------------------------------------------------------------------------------------


@peer("traffic.move_budget", "plan_id", "change_fen", "before_fen")
def move_budget(f: Frames) -> pl.LazyFrame:
    """Who converts surely better than the shop's clicks gets what the others give up, best bound first."""
    unit = ["shop", "tool", "plan_id"]
    began = f["ad_days"].group_by("shop", "plan_id").agg(began=C("date").min()).with_columns(first=C("began").min().over("shop"))
    days, day = f["ad_days"].filter(last(30)), [*unit, "item_id", "date"]
    words, whole = days.filter(C("keyword") != "*"), days.filter(C("keyword") == "*")  # the same yuan, where the item has rows of its own that day
    rows = pl.concat([whole, words.join(whole, on=day, how="anti")]).join(began, on=["shop", "plan_id"])
    young = (C("began") > C("first")) & (C("date") < C("began") + pl.duration(days=7))
    mature = ((pl.lit(TODAY) - C("date")).dt.total_days() > C("attribution_days")) & ~young
    one = C("item_id").filter(C("item_id") != "*").unique()
    plans = rows.group_by(unit).agg(
        *(C(name).filter(mature).sum() for name in ("clicks", "deals", "spend_fen", "deal_amount_fen", "net_amount_fen")), seen=C("date").filter(C("spend_fen") > 0).max(),
        daily=C("spend_fen").filter(C("date") >= ago(7)).sum() // 700, item_id=pl.when(one.len() == 1).then(one.first()),
    )  # fmt: skip
    plans = plans.filter(C("spend_fen") >= 100_00, C("seen") >= ago(3))
    sold = f["item_days"].group_by(SHOP_ITEM).agg(sold=C("pay_units").filter(last(7)).sum(), fen=C("pay_amount_fen").filter(last(30)).sum())
    stock = f["stock"].filter(last(7)).group_by(SHOP_ITEM).agg(left=C("closing_units").sort_by("date").last())
    margins = f["items"].select(*SHOP_ITEM, margin=1 - C("cost_fen") / C("price_fen")).join(sold, on=SHOP_ITEM, how="left").join(stock, on=SHOP_ITEM, how="left")
    shops = margins.group_by("shop").agg(usual=(C("margin") * C("fen")).sum() / C("fen").sum())
    rows = plans.join(margins, on=SHOP_ITEM, how="left").join(shops, on="shop", how="left")
    profit = pl.coalesce("net_amount_fen", "deal_amount_fen") * pl.coalesce("margin", "usual") - C("spend_fen")
    line = C("deals").sum().over("shop") / C("clicks").sum().over("shop")
    rows = rows.with_columns(
        line=line, lower=wilson(C("deals"), C("clicks"), -1), upper=wilson(C("deals"), C("clicks"), 1), roas=C("deal_amount_fen") / C("spend_fen"), profit=profit
    )
    pays = C("deal_amount_fen") >= C("spend_fen")
    lasts = C("item_id").is_null() | ((C("left") >= C("sold")) & (C("left") > 0)).fill_null(False)
    good, bad = (C("lower") > C("line")) & pays, (C("upper") < C("line")) | ~pays
    takes = ~bad & good & ~(C("profit") < 0).fill_null(False) & lasts
    rows = rows.filter(C("clicks") >= 100, C("daily") > 0).with_columns(takes=takes).filter(C("takes") | (bad & ~good))
    room = pl.when("takes").then(pl.when(C("daily") >= 30).then(C("daily") * 3 // 10).otherwise(0)).otherwise(pl.min_horizontal(C("daily") // 5, C("daily") - 30).clip(0))
    rank = pl.when("takes").then(-C("lower")).otherwise("roas")
    rows = rows.with_columns(room=room, rank=rank).sort("shop", "takes", "rank", "tool", "plan_id", descending=[False, True, False, False, False])
    sums = [C("room").filter(when).sum().over("shop") for when in (C("takes"), ~C("takes"))]
    before = C("room").cum_sum().over("shop", "takes") - C("room")
    moved = pl.min_horizontal("room", (pl.min_horizontal(*sums, 1000) - before).clip(0)) * pl.when("takes").then(100).otherwise(-100)
    return rows.with_columns(change_fen=moved.cast(pl.Int64), before_fen=C("daily") * 100).filter(C("change_fen") != 0)
