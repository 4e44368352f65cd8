"""Research and goods by hand: what competitors are made of, what buyers look for, new prices, new items, weak pages."""

from datetime import date, timedelta

import polars as pl

from ecops.automation import Frames
from ecops.copyscan import PASS, scan
from tests.bench._peers import C, COUNT, NOW, SHOP_ITEM, TODAY, ago, count, last, local_day, peer, wilson

RIVAL = ["shop", "competitor"]
OFFER = [*RIVAL, "competitor_item_id"]
MIX = [*RIVAL, "aspect"]
TRAIN, NEXT_TRAIN = date(2025, 11, 14), date(2025, 11, 18)  # Friday and Tuesday, both working days


def _counted(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`units` of the monthly sales as collected, `1000+` and `1.2万` too; null for an index or words."""
    text = C("monthly_sales").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[,\s]", "")
    parts = text.str.extract_groups(r"^(\d+(?:\.\d+)?)(万|w)?(\+)?(?:件|单)?$")
    units = parts.struct[0].cast(pl.Float64) * pl.when(parts.struct[1].is_not_null()).then(10_000).otherwise(1)
    return rows.with_columns(units=pl.when(units == units.floor()).then(units.round()).cast(pl.Int64), at_least=text.str.ends_with("+"))


# --- competitors ---------------------------------------------------------------------------------------------------


def _shares(f: Frames) -> pl.LazyFrame:
    rows = f["competitor_shares"].filter(C("date").is_between(ago(90), TODAY, closed="right"))
    rows = rows.filter(C("date") == C("date").max().over(MIX))
    return rows.with_columns(bad=C("share_rate").is_null() | (C("share_rate") > 1) | (C("share_rate") < 0) | (C("source_file") == ""))


@peer("research.competitors", "competitor", "aspect", "parts", "sound", of="totals")
def totals(f: Frames) -> pl.LazyFrame:
    rate = (C("share_rate") * 1_000_000).round().cast(pl.Int64).filter(~C("bad")).sum()
    sums = _shares(f).group_by(MIX).agg(parts=count(~C("bad")), wrong=C("bad").sum(), total=rate)
    return sums.with_columns(sound=(C("wrong") == 0) & ((C("total") - 1_000_000).abs() <= 10_000)).sort(MIX)


@peer("research.competitors", "competitor", "aspect", "part", "share_rate")
def mixes(f: Frames) -> pl.LazyFrame:
    return _shares(f).filter(~C("bad")).join(totals(f), on=MIX).sort(*MIX, "share_rate", descending=[False, False, False, True])


def _offers(f: Frames) -> pl.LazyFrame:
    rows = f["competitor_items"].filter(C("date").is_between(ago(90), TODAY, closed="right")).sort("date")
    last_of = ("title", "price_fen", "monthly_sales", "source_file", "date")
    was = C("price_fen").filter(C("price_fen") > 0).get(-2, null_on_oob=True)
    return _counted(rows.group_by(OFFER).agg(*(C(name).last() for name in last_of), was_fen=was)).filter(C("source_file") != "")


@peer("research.competitors", "competitor", "band", "items", "counted", of="bands")
def bands(f: Frames) -> pl.LazyFrame:
    ends, names = [990, 4_900, 9_900, 19_900], ["≤9.90", "9.90–49.00", "49.00–99.00", "99.00–199.00", ">199.00"]
    priced = _offers(f).filter(C("price_fen") > 0).with_columns(band=C("price_fen").cut(ends, labels=names))
    sums = priced.group_by(*RIVAL, "band").agg(items=COUNT, counted=C("units").count().cast(pl.Int64), units=C("units").sum(), bound=C("at_least").any())
    return sums.sort(*RIVAL, "band").with_columns(C("band").cast(pl.String), share=C("items") / C("items").sum().over(RIVAL))


@peer("research.competitors", "competitor", "tactic", "items", "of", of="tactics")
def tactics(f: Frames) -> pl.LazyFrame:
    title, fen = C("title").fill_null(""), C("price_fen")
    used = {
        "buy_and_get": title.str.contains(r"买[一二两三\d]+[件支瓶盒包袋]?[送赠]|[送赠][^\s]{0,2}正装"),
        "next_piece": title.str.contains(r"第[二三2-3]件|第[二2]份"),
        "by_number": title.str.contains(r"[一二两三四五\d][件支瓶盒包][\d.]+折|拍[一二两三\d]+发[一二两三四\d]+"),
        "spend_and_save": title.str.contains(r"满\s*\d+\s*减\s*\d+"), "coupon": title.str.contains("券后|领券|到手价"), "limited": title.str.contains("限时|限量|秒杀|抢购"),
        "charm_price": (fen % 100 == 90) | (fen % 1000 == 900), "price_cut": fen < C("was_fen"),
    }  # fmt: skip
    wide = _offers(f).group_by(RIVAL).agg(*(count(uses).alias(name) for name, uses in used.items()), of=COUNT)
    long = wide.unpivot(list(used), index=[*RIVAL, "of"], variable_name="tactic", value_name="items").filter(C("items") > 0)
    example = pl.concat([_offers(f).filter(uses).group_by(RIVAL).agg(example=C("title").min()).with_columns(tactic=pl.lit(name)) for name, uses in used.items()])
    return long.join(example, on=[*RIVAL, "tactic"]).with_columns(share=C("items") / C("of")).sort(*RIVAL, "items", descending=[False, False, True])


@peer("research.competitors", "competitor", "what", "reason", of="refused")
def refused(f: Frames) -> pl.LazyFrame:
    over = pl.when(C("share_rate") > 1).then(pl.lit("over 100%: an index or a bare percent, not a share")).when(C("share_rate") < 0).then(pl.lit("negative share")).otherwise(pl.lit("no share"))
    shares = _shares(f).filter("bad").select(*RIVAL, what=pl.lit("share"), reason=over)
    words = _offers(f).filter(C("units").is_null(), C("monthly_sales").is_not_null())
    return pl.concat([shares, words.select(*RIVAL, what=pl.lit("item"), reason=pl.format("not a count: {}", "monthly_sales"))]).sort(*RIVAL, "what")


# --- demand --------------------------------------------------------------------------------------------------------


def _plain(column: str) -> pl.Expr:
    said = C(column).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(said.str.len_chars() >= 2).then(said)


def _pairs(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Each two neighbouring characters of a text, none of them a blank, with their place."""
    size = C(column).str.len_chars().cast(pl.Int64)
    rows = frame.select(column).unique().with_columns(at=pl.int_ranges(0, (size - 1).clip(0))).explode("at")
    rows = rows.with_columns(pair=C(column).str.slice(C("at"), 2)).filter(~C("pair").str.contains(" ", literal=True))
    return frame.join(rows, on=column)


def _named(terms: pl.LazyFrame, texts: pl.LazyFrame) -> pl.LazyFrame:
    """Terms and texts of a shop in which each character of the term stands beside a neighbour of it."""
    places = pl.concat_list("at", C("at") + 1)
    wanted = _pairs(terms, "term")
    needed = wanted.select("shop", "term", at=places).explode("at").group_by("shop", "term").agg(needed=C("at").n_unique())
    bare = texts.select("shop", "text").unique().with_columns(bare=C("text").str.replace_all(" ", ""))
    there = _pairs(bare, "bare").select("shop", "text", "pair").unique()
    hits = wanted.join(there, on=["shop", "pair"]).select("shop", "term", "text", at=places).explode("at")
    hits = hits.group_by("shop", "term", "text").agg(hit=C("at").n_unique()).join(needed, on=["shop", "term"])
    return hits.filter(C("hit") == C("needed")).select("shop", "term", "text")


def _words(f: Frames) -> pl.LazyFrame:
    rows = f["search_words"].filter(C("date").is_between(ago(35), TODAY)).with_columns(term=_plain("keyword"), nth=C("date").rank("dense", descending=True).over("shop"))
    new = C("nth") == 1
    words = rows.filter(C("term").is_not_null()).group_by("shop", "term").agg(
        searches=C("searches").filter(new).max(), before=C("searches").filter(C("nth") == 2).max(), search_index=C("search_index").filter(new).max(), listed=new.any()
    )  # fmt: skip
    return words.filter("listed").with_columns(counts=C("searches").is_not_null().any().over("shop"))


def _rival_units(f: Frames) -> pl.LazyFrame:
    """Each competitor's item with the units of the newest month that is over."""
    rows = _counted(f["competitor_items"]).filter(C("month").is_between(date(2025, 9, 1), date(2025, 10, 1)), C("units").is_not_null())
    return rows.sort("month", "date", "units").group_by(OFFER).agg(C("title", "units", "at_least").last()).with_columns(text=_plain("title")).filter(C("text").is_not_null())


def _tags(f: Frames) -> pl.LazyFrame:
    return f["service_tags"].filter(last(30), C("times") > 0).group_by("shop", text=_plain("tag")).agg(C("times").sum()).filter(C("text").is_not_null())


@peer("research.demand", "term", "searches", "rival_items", "rival_units", "tag_times", "ours", "feeds")
def demand(f: Frames) -> pl.LazyFrame:
    words, sales, tags = _words(f), _rival_units(f), _tags(f)
    terms = pl.concat([words.select("shop", "term"), tags.filter(C("times") >= 3).select("shop", term="text")]).unique()
    on = ["shop", "text"]
    rivals = _named(terms, sales).join(sales, on=on).group_by("shop", "term").agg(rival_items=COUNT, rival_units=C("units").sum(), bound=C("at_least").any())
    part = terms.join(tags.select("shop", "text"), on="shop").filter(C("term").str.contains(C("text"), literal=True))
    heard = pl.concat([_named(terms, tags), part]).unique().join(tags, on=on).group_by("shop", "term").agg(tag_times=C("times").sum())
    mine = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, text=_plain("title"))
    ours = _named(terms, mine).join(mine, on=on).group_by("shop", "term").agg(ours=C("item_id").n_unique().cast(pl.Int64))
    rows = terms
    for part in (words, rivals, heard, ours):
        rows = rows.join(part, on=["shop", "term"], how="left")
    rows = rows.with_columns(C("rival_items", "tag_times", "ours").fill_null(0))
    feeds = {0.5: pl.when("counts").then(C("searches").cast(pl.Float64)).otherwise("search_index"), 0.3: C("rival_units"), 0.2: C("tag_times")}
    places = {weight: _place(feed) for weight, feed in feeds.items()}
    rows = rows.with_columns(
        score=pl.sum_horizontal(weight * place for weight, place in places.items()).round(6), growth=C("searches") / C("before") - 1,
        feeds=pl.sum_horizontal(place.is_not_null() for place in places.values()).cast(pl.Int64),
    )  # fmt: skip
    return rows.filter(C("feeds") > 0).sort("shop", "score", "term", descending=[False, True, False]).group_by("shop", maintain_order=True).head(50)


def _place(feed: pl.Expr) -> pl.Expr:
    said = pl.when(feed > 0).then(feed)
    return said.rank("average").over("shop") / said.count().over("shop")


# --- goods ---------------------------------------------------------------------------------------------------------


def _priced_offers(f: Frames) -> pl.LazyFrame:
    """Competitors' offers with the price seen last and the one before, and when we changed ours."""
    ours = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, ours="price_fen")
    seen = f["competitor_items"].filter(C("item_id").is_not_null(), C("price_fen") > 0, C("date") <= TODAY).sort("date").group_by("shop", "item_id", *OFFER[1:]).agg(
        now=C("price_fen").last(), was=C("price_fen").get(-2, null_on_oob=True), said=C("title").last(), seen_on=C("date").last()
    )  # fmt: skip
    doubtful = C("said").str.contains("券后|到手价|到手仅|领券") | (C("now") >= 20 * C("ours")) | (20 * C("now") <= C("ours")) | ((C("was") - C("now")) * 10 >= C("was") * 4)
    return seen.filter(C("seen_on") > ago(14)).join(ours, on=SHOP_ITEM).with_columns(doubtful=doubtful.fill_null(False))


def _repriced(f: Frames, every: pl.LazyFrame) -> pl.LazyFrame:
    """Items on sale that a competitor's move or a new cost touches, with the price to propose."""
    ours = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", "price_fen", "campaign_booked", stated="cost_fen")
    changes = f["price_changes"].group_by(SHOP_ITEM).agg(
        changed_on=local_day("changed_at").filter(C("changed_at") <= NOW).max(), planned_on=local_day("changed_at").filter(C("changed_at") > NOW).min()
    )
    sound = every.filter(~C("doubtful")).join(changes, on=SHOP_ITEM, how="left")
    moved = ((C("now") - C("was")).abs() * 20 >= C("was")).fill_null(False) & ~(C("changed_on") > C("seen_on")).fill_null(False)
    rivals = sound.sort("now", "competitor").group_by(SHOP_ITEM, maintain_order=True).agg(
        rival_moved=moved.any(), reference=C("now").first(), competitor=C("competitor").filter(moved).first(), was_fen=C("was").filter(moved).first(), now_fen=C("now").filter(moved).first()
    )  # fmt: skip
    came = f["purchases"].filter(C("received_on") <= TODAY, C("cost_fen") > 0).group_by(*SHOP_ITEM, "received_on").agg(C("cost_fen").max()).sort("received_on")
    costs = came.group_by(SHOP_ITEM, maintain_order=True).agg(cost_now=C("cost_fen").last(), cost_before=C("cost_fen").get(-2, null_on_oob=True), costed_on=C("received_on").last())
    presale = f["promotions"].filter(C("promotion_kind") == "deposit", C("starts_at") <= NOW, C("ends_at") + timedelta(days=7) > NOW).select(*SHOP_ITEM, locked=pl.lit(True)).unique()
    rows = ours.join(rivals, on=SHOP_ITEM, how="left").join(costs, on=SHOP_ITEM, how="left").join(changes, on=SHOP_ITEM, how="left").join(presale, on=SHOP_ITEM, how="left")
    was = pl.coalesce("cost_before", "stated")
    fresh = (C("costed_on") > ago(30)) & ((C("cost_now") - was).abs() * 20 >= was)
    rows = rows.with_columns(C("rival_moved").fill_null(False), cost_moved=fresh.fill_null(False), cost_was=was, cost=pl.max_horizontal("stated", "cost_now"))
    rows = rows.filter(C("rival_moved") | C("cost_moved")).with_columns(floor_fen=(C("cost") * 100 + 74) // 75)
    kept = (C("price_fen") * C("cost_now") + C("cost_was") - 1) // C("cost_was")
    target = pl.when("rival_moved").then("reference").otherwise(kept)
    rows = rows.with_columns(target=target)
    step = C("price_fen") // 5
    near = C("target").clip(C("price_fen") - step, C("price_fen") + step)
    mixed = (C("cost_now") >= 20 * C("cost_was")) | (20 * C("cost_now") <= C("cost_was")) | (C("cost") >= 20 * C("price_fen"))
    return rows.with_columns(proposed_fen=pl.max_horizontal(near, "floor_fen"), mixed=mixed.fill_null(False))


def _stays() -> pl.Expr:
    """A lock, a change that is planned, a price at its floor or there already."""
    low = (C("target") < C("price_fen")) & (C("floor_fen") >= C("price_fen")) & (~C("cost_moved") | (C("floor_fen") == C("price_fen")))
    return C("locked").is_not_null() | C("planned_on").is_not_null() | low | ((C("proposed_fen") - C("price_fen")).abs() * 100 < C("price_fen"))


@peer("goods.reprice", "item_id", "proposed_fen", "floor_fen")
@peer("goods.reprice", "item_id", of="held")
@peer("goods.reprice", "item_id", "competitor", of="doubtful")
@peer("goods.reprice", "item_id", of="unknown_items")
@peer("goods.reprice", of="verdicts")
def reprice(f: Frames) -> dict[str, pl.LazyFrame]:
    """Proposals, prices that stay, offers not taken at their word, items of mixed units; and what a shop has to see moves in."""
    offers = _priced_offers(f).collect().lazy()
    rows = _repriced(f, offers).sort(SHOP_ITEM).collect().lazy()
    free = rows.filter(~C("mixed"), ~_stays()).with_columns(change=C("proposed_fen") / C("price_fen") - 1, margin=1 - C("cost") / C("proposed_fen"))
    counts = f["items"].filter(C("on_sale")).group_by("shop").agg(on_sale=COUNT)
    came = f["purchases"].filter(C("received_on") <= TODAY, C("cost_fen") > 0).group_by("shop").agg(deliveries=COUNT)
    seen = offers.group_by("shop").agg(offers=COUNT, seen_on=C("seen_on").max())
    facts = counts.join(came, on="shop", how="left").join(seen, on="shop", how="left")
    return {"items": free, "held": rows.filter(~C("mixed"), _stays()), "unknown_items": rows.filter("mixed"), "doubtful": offers.filter("doubtful"), "verdicts": facts}


def _new_items(f: Frames) -> pl.LazyFrame:
    """Items no report has named yet, and whether they may go on sale."""
    new = f["items"].filter(~C("on_sale"), C("listed_on").is_null() | (C("listed_on") >= ago(28))).join(f["item_days"], on=SHOP_ITEM, how="anti")
    stock = f["stock"].filter(C("date").is_between(ago(7), TODAY)).group_by(SHOP_ITEM).agg(stock=C("closing_units").sort_by("date").last())
    width = C("title").str.len_chars() + C("title").str.count_matches(r"[^\x00-\x7f]")
    texts = pl.concat_str("title", "detail_text", separator="\n")
    clean = texts.map_elements(lambda text: scan(text).verdict == PASS, return_dtype=pl.Boolean)
    boards = (width <= 60) & (C("price_fen") > 0) & (C("stock") >= 1) & (C("detail_text").str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars() != "") & clean
    return new.join(stock, on=SHOP_ITEM, how="left").with_columns(boards=boards.fill_null(False)).sort(SHOP_ITEM)


@peer("goods.launch_train", "item_id")
def boards(f: Frames) -> pl.LazyFrame:
    return _new_items(f).filter("boards").with_columns(leaves_on=pl.lit(TRAIN))


@peer("goods.launch_train", "item_id", of="waiting")
def waits(f: Frames) -> pl.LazyFrame:
    return _new_items(f).filter(~C("boards")).with_columns(waits_for=pl.lit(NEXT_TRAIN))


@peer("goods.weak_pages", "item_id", "visitors", "cart_users", "weak", of="pages")
@peer("goods.weak_pages", "item_id")
@peer("goods.weak_pages", "item_id", of="unknown_items")
@peer("goods.weak_pages", of="verdicts")
def pages(f: Frames) -> dict[str, pl.LazyFrame]:
    """Carts of visitors against the other items, with the newest name and category that the reports have; what cannot be said; days of reports."""
    days = f["item_days"].filter(last(14)).select(*SHOP_ITEM, "date", "visitors", "cart_users", "title", "category").collect().lazy()
    sums = days.filter(C("visitors").is_not_null(), C("cart_users").is_not_null()).group_by(SHOP_ITEM).agg(
        C("visitors", "cart_users").sum(), said=C("title").max_by("date"), kind=C("category").max_by("date")
    )  # fmt: skip
    told = sums.join(f["items"].select(*SHOP_ITEM, "title", "category", "on_sale"), on=SHOP_ITEM, how="left").filter(C("on_sale").fill_null(True)).with_columns(
        title=pl.coalesce("title", "said"), category=pl.coalesce("kind", "category"), odd=(C("visitors") <= 0) | (C("cart_users") > C("visitors"))
    ).collect().lazy()  # fmt: skip
    rows = told.filter(~C("odd"))
    level = pl.lit(None, pl.Float64)
    for by in (["shop"], ["shop", "category"]):
        visitors, carts, others = C("visitors").sum().over(by) - C("visitors"), C("cart_users").sum().over(by) - C("cart_users"), pl.len().over(by) - 1
        level = pl.when(others >= 3, visitors >= 100).then(carts / visitors).otherwise(level)
    rows = rows.with_columns(level=level, upper=wilson(C("cart_users"), C("visitors"), 1), rate=C("cart_users") / C("visitors"))
    weak = (C("visitors") >= 100) & (C("upper") < 0.7 * C("level")).fill_null(False)
    rows = rows.with_columns(weak=weak, lost=C("level") * C("visitors") - C("cart_users")).sort("shop", "lost", descending=[False, True]).collect().lazy()
    return {"pages": rows, "items": rows.filter("weak"), "unknown_items": told.filter("odd"), "verdicts": days.group_by("shop").agg(days=C("date").n_unique())}


@peer("goods.weak_pages", "item_id", "word", "repeats", of="titles")
def long_titles(f: Frames) -> pl.LazyFrame:
    rows = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", width=C("title").str.len_chars() + C("title").str.count_matches(r"[^\x00-\x7f]"))
    low = rows.select("title", said=C("title").str.normalize("NFKC").str.to_lowercase()).unique()
    pairs = low.with_columns(at=pl.int_ranges(0, (C("said").str.len_chars().cast(pl.Int64) - 1).clip(0))).explode("at").select("title", word=C("said").str.slice(C("at"), 2))
    latin = low.select("title", word=C("said").str.extract_all("[a-z]{2,}")).explode("word")
    words = pl.concat([pairs.filter(C("word").str.contains(r"^\p{Han}{2}$")), latin.drop_nulls()]).group_by("title", "word").agg(repeats=COUNT).filter(C("repeats") > 2)
    most = words.sort("title", "repeats", "word", descending=[False, True, False]).unique("title", keep="first", maintain_order=True)
    return rows.join(most, on="title", how="left").filter((C("width") > 60) | C("word").is_not_null() | C("title").is_null()).sort(SHOP_ITEM)
