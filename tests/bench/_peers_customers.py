"""Customers by hand: scores, levels and points, whom one may write to, and what a new buyer costs."""

from datetime import date, datetime, timedelta

import polars as pl

from ecops.automation import Frames
from ecops.formulae.rfm import SEGMENTS
from tests.bench._peers import C, COUNT, NOW, SHOP_ITEM, TODAY, ago, count, kept, local_day, midnight, peer
from tests.bench._peers_campaign import below_floor

DAY = timedelta(days=1)
BUYER, PERSON = ["shop", "buyer_id"], ["shop", "person"]
# Days after which a buyer sleeps, as the bench tells the task: thirty days of orders have nobody of ninety.
DORMANT = 14
LEVELS = {"普通会员": 0, "银卡会员": 500_00, "金卡会员": 2000_00, "钻石会员": 5000_00}


def named(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(C("buyer_id").str.strip_chars() != "", ~C("buyer_id").str.contains("*", literal=True))


def bought(f: Frames, since: datetime | None = None) -> pl.LazyFrame:
    """Purchases of each buyer: orders of one second are one basket."""
    orders = named(kept(f["orders"])).filter(True if since is None else C("paid_at") >= since)
    basket = pl.coalesce("created_at", "paid_at").dt.truncate("1s")
    return orders.group_by(BUYER).agg(purchases=basket.n_unique(), amount=C("paid_fen").sum(), last=local_day("paid_at").max())


# --- rfm, levels ---------------------------------------------------------------------------------------------------


def _scored(f: Frames) -> pl.LazyFrame:
    buyers = bought(f).with_columns(days_since=(pl.lit(TODAY) - C("last")).dt.total_days(), purchases=C("purchases").cast(pl.Int64))
    values = ("days_since", "purchases", "amount")
    edges = buyers.group_by("shop").agg(C(name).quantile(step / 5, "linear").round(6).alias(f"{name}{step}") for name in values for step in range(1, 5))
    over = {name: pl.sum_horizontal((C(name) > C(f"{name}{step}")).cast(pl.Int8) for step in range(1, 5)) for name in values}
    scores = {"recency": 5 - over["days_since"], "frequency": 1 + over["purchases"], "monetary": 1 + over["amount"]}
    segment = pl.when(False).then(pl.lit(""))
    for name, _, *ranges in SEGMENTS:
        segment = segment.when(pl.all_horizontal(C(score).is_between(*ends) for score, ends in zip(scores, ranges, strict=True))).then(pl.lit(name))
    rows = buyers.join(edges, on="shop").with_columns(**{name: score.cast(pl.Int8) for name, score in scores.items()}).with_columns(segment=segment)
    often, old = C("purchases") >= 3, C("days_since") > 90
    return rows.with_columns(new=(C("purchases") == 1) & ~old, often=often, high=often & (C("amount") >= 200_00 * C("purchases")), dormant=old)


@peer("customers.rfm", "buyer_id", "segment", "recency", "frequency", "monetary", of="buyers")
def rfm(f: Frames) -> pl.LazyFrame:
    return _scored(f).sort(BUYER)


@peer("customers.rfm", "segment", "buyers", "median_days_since")
def rfm_sizes(f: Frames) -> pl.LazyFrame:
    sums = _scored(f).group_by("shop", "segment").agg(
        buyers=COUNT, amount=C("amount").sum(), purchases=C("purchases").sum(), median_days_since=C("days_since").median()
    )  # fmt: skip
    return sums.with_columns(share=C("buyers") / C("buyers").sum().over("shop")).sort("shop", "segment")


def _net(f: Frames, moment: datetime) -> pl.LazyFrame:
    """Orders paid by then: what was paid once, and what of it is left."""
    gross = C("paid_fen") + C("refund_fen").fill_null(0)
    undone = C("refunded_at").is_null() | (C("refunded_at") <= moment)
    net = pl.when(undone & (C("status") == "closed")).then(0).when(undone).then("paid_fen").otherwise(gross)
    return named(f["orders"]).filter(C("paid_at") <= moment).select(*BUYER, "order_id", "paid_at", "refunded_at", gross=gross, net=net)


def _members(f: Frames, moment: datetime) -> pl.LazyFrame:
    recent = C("net").filter(C("paid_at") > moment - timedelta(days=365))
    members = _net(f, moment).group_by(BUYER).agg(amount=recent.sum(), points=(C("net") // 100).sum(), orders=COUNT, undone=count(C("net") == 0))
    place = pl.sum_horizontal((C("amount") >= least).cast(pl.Int64) for least in LEVELS.values())
    return members.with_columns(place=place).with_columns(level=C("place").replace_strict(dict(enumerate(LEVELS, 1)), return_dtype=pl.String))


@peer("customers.levels", "buyer_id", "level", "points", "orders", of="members")
def members(f: Frames) -> pl.LazyFrame:
    return _members(f, NOW).sort(BUYER)


@peer("customers.levels", "level", "members", of="levels")
def levels(f: Frames) -> pl.LazyFrame:
    return _members(f, NOW).group_by("shop", "place", "level").agg(members=COUNT, amount=C("amount").sum(), points=C("points").sum()).sort("shop", "place")


@peer("customers.levels", "buyer_id", "level", "up")
def moved(f: Frames) -> pl.LazyFrame:
    before = _members(f, NOW - DAY).select(*BUYER, was="place")
    rows = _members(f, NOW).join(before, on=BUYER, how="left").with_columns(C("was").fill_null(1))
    return rows.filter(C("place") != C("was")).with_columns(up=C("place") > C("was")).sort("shop", "up", "buyer_id", descending=[False, True, False])


@peer("customers.levels", "buyer_id", "order_id", "entry", "points", "balance", of="ledger")
def ledger(f: Frames) -> pl.LazyFrame:
    earned = _net(f, NOW).with_columns(gained=C("gross") // 100, lost=C("net") // 100 - C("gross") // 100)
    gains = earned.select(*BUYER, "order_id", at="paid_at", entry=pl.lit("earned"), points="gained")
    losses = earned.filter(C("lost") != 0).select(*BUYER, "order_id", at="refunded_at", entry=pl.lit("reversed"), points="lost")
    entries = pl.concat([gains, losses]).sort(*BUYER, "at", "order_id", "entry", nulls_last=True)
    return entries.with_columns(balance=C("points").cum_sum().over(BUYER))


# --- whom one may write to -----------------------------------------------------------------------------------------


def _people(f: Frames) -> pl.LazyFrame:
    """The person of each buyer: the first id of those whose newest order has the same phone."""
    phones = named(f["orders"]).filter(C("phone_hash").is_not_null()).select(*BUYER, "phone_hash", "created_at", "order_id")
    newest = phones.sort("created_at", "order_id").group_by(BUYER).agg(C("phone_hash").last())
    shared = newest.select(*BUYER, person=C("buyer_id").min().over("shop", "phone_hash"), ids=pl.len().over("shop", "phone_hash"))
    return shared.filter(C("ids") > 1).drop("ids").collect().lazy()


def _with_person(rows: pl.LazyFrame, people: pl.LazyFrame) -> pl.LazyFrame:
    return rows.join(people, on=BUYER, how="left").with_columns(person=pl.coalesce("person", "buyer_id"))


def asked(buyers: pl.LazyFrame, f: Frames, people: pl.LazyFrame, channel: str, joined: bool | None = None) -> pl.LazyFrame:
    """Buyers with the `reason` why one may not write to them on a channel; null where one may."""
    withdrawn = C("withdrawn_at").is_not_null() & ~(C("consented_at") > C("withdrawn_at")).fill_null(False)
    standing = named(f["consents"]).filter(C("consent_channel") == channel).select(
        *BUYER, withdrawn=withdrawn, agreed=C("consented_at").is_not_null() & ~withdrawn, joined=C("joined_at").is_not_null()
    )  # fmt: skip
    marks = _with_person(standing, people).group_by(PERSON).agg(C("withdrawn", "agreed", "joined").any())
    own = standing.filter("agreed").select(*BUYER, own=pl.lit(True))
    rows = _with_person(buyers, people).join(own, on=BUYER, how="left").join(marks, on=PERSON, how="left")
    ids = rows.group_by(PERSON).agg(first=pl.coalesce(C("buyer_id").filter("own").min(), C("buyer_id").min()))
    rows = rows.join(ids, on=PERSON)
    inside = C("joined").fill_null(False)
    group = pl.when(inside & (joined is False)).then(pl.lit("already joined")).when(~inside & (joined is True)).then(pl.lit("not in the group"))
    return rows.with_columns(
        reason=pl.when("withdrawn").then(pl.lit("consent withdrawn")).when(~C("agreed").fill_null(False)).then(pl.lit("no consent"))
        .when(group.is_not_null()).then(group).when(C("buyer_id") != C("first")).then(pl.format("same person as {}", "first"))
    )  # fmt: skip


def unwritten(rows: pl.LazyFrame, f: Frames, people: pl.LazyFrame, since: datetime, script: str | None = None) -> pl.LazyFrame:
    """`asked` rows; who got a message since then has that as the last reason."""
    sent = named(f["chats"]).filter(C("sender") == "system", C("script").str.strip_chars() != "", C("at") >= since)
    sent = sent if script is None else sent.filter(C("script") == script)
    last = _with_person(sent.select(*BUYER, "at"), people).group_by(PERSON).agg(last=C("at").max())
    told = pl.format("written to already ({})", local_day("last"))
    return rows.join(last, on=PERSON, how="left").with_columns(reason=pl.coalesce("reason", pl.when(C("last").is_not_null()).then(told)))


def left_out(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(C("reason").is_not_null()).sort("shop", "reason", "buyer_id")


def ready(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.filter(C("reason").is_null()).sort(BUYER)


def reasons(rows: pl.LazyFrame) -> pl.LazyFrame:
    kind = C("reason").str.replace("^same person as .*$", "same person").str.replace(r" \(.*\)$", "")
    return left_out(rows).group_by("shop", reason=kind).agg(buyers=COUNT).sort("shop", "buyers", descending=[False, True])


def _importable(f: Frames) -> pl.LazyFrame:
    rows = asked(bought(f, NOW - timedelta(days=30)), f, _people(f), "wecom", joined=False)
    phones = f["orders"].filter(C("phone_hash").is_not_null()).select(*BUYER, phone=pl.lit(True)).unique()
    rows = rows.join(phones, on=BUYER, how="left")
    return rows.with_columns(reason=pl.coalesce("reason", pl.when(C("phone").is_null()).then(pl.lit("phone masked"))))


def _dormant(f: Frames) -> pl.LazyFrame:
    people = _people(f)
    last = _with_person(bought(f), people).with_columns(last=C("last").max().over(PERSON))
    rows = asked(last.filter(C("last") < ago(DORMANT)).drop("person", "last"), f, people, "sms")
    return unwritten(rows, f, people, NOW - timedelta(days=90), "唤醒")


def _first_order(f: Frames) -> pl.LazyFrame:
    """Ids seen in a consent, on a visit or in an order never paid; who bought before under any id is not new."""
    people, unpaid, paid = _people(f), f["orders"].filter(C("paid_at").is_null()), named(f["orders"]).filter(C("paid_at").is_not_null())
    ids = pl.concat([named(rows).select(BUYER) for rows in (f["consents"], unpaid, f["behaviours"])]).unique()
    back = (C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0))
    before = _with_person(paid.select(*BUYER, kept=~back), people).group_by(PERSON).agg(C("kept").any())
    seen = _with_person(ids, people).join(before, on=PERSON, how="left").collect().lazy()
    new = asked(seen.filter(C("kept").is_null()).select(BUYER), f, people, "sms")
    new = unwritten(new, f, people, NOW - timedelta(days=7) + timedelta(microseconds=1))
    old = pl.when("kept").then(pl.lit("bought before")).otherwise(pl.lit("bought before and had it refunded"))
    return pl.concat([new.select(*BUYER, "reason"), seen.filter(C("kept").is_not_null()).select(*BUYER, reason=old)])


def _group(f: Frames) -> pl.LazyFrame:
    people, members = _people(f), named(f["consents"]).filter(C("consent_channel") == "wecom").select(BUYER).unique()
    return unwritten(asked(members, f, people, "wecom", joined=True), f, people, midnight(TODAY - timedelta(days=TODAY.weekday())), "每周秒杀")


def _told(rows: pl.LazyFrame, of: str = "items") -> dict[str, pl.LazyFrame]:
    """Those to write to as the list `of`, the others with the reason, and how many for which."""
    rows = rows.collect().lazy()
    return {of: ready(rows), "left_out": left_out(rows), "counts": reasons(rows)}


@peer("customers.wecom_import", "reason", "buyers", of="counts")
@peer("customers.wecom_import", "buyer_id", "reason", of="left_out")
@peer("customers.wecom_import", "buyer_id")
def importable(f: Frames) -> dict[str, pl.LazyFrame]:
    return _told(_importable(f))


@peer("customers.wake", "reason", "buyers", of="counts")
@peer("customers.wake", "buyer_id", "reason", of="left_out")
@peer("customers.wake", "buyer_id")
def asleep(f: Frames) -> dict[str, pl.LazyFrame]:
    return _told(_dormant(f))


@peer("customers.first_order_coupon", "reason", "buyers", of="counts")
@peer("customers.first_order_coupon", "buyer_id", "reason", of="left_out")
@peer("customers.first_order_coupon", "buyer_id")
def first_orders(f: Frames) -> dict[str, pl.LazyFrame]:
    return _told(_first_order(f))


@peer("customers.weekly_push", "reason", "buyers", of="counts")
@peer("customers.weekly_push", "buyer_id", "reason", of="left_out")
@peer("customers.weekly_push", "buyer_id", of="audience")
def pushed_to(f: Frames) -> dict[str, pl.LazyFrame]:
    return _told(_group(f), "audience")


@peer("customers.first_order_coupon", "item_id", "worst_fen", "floor_fen", of="below_floor")
def under_the_coupon(f: Frames) -> pl.LazyFrame:
    """The coupon, 10 yuan off from 59 on for seven days, beside the shop's own offers."""
    ends = NOW + timedelta(days=7)
    coupon = {"promotion_id": pl.lit("first-order"), "promotion_kind": pl.lit("coupon"), "threshold_fen": pl.lit(59_00, pl.Int64), "off_fen": pl.lit(10_00, pl.Int64)}
    every = f["items"].filter(C("on_sale")).select(*SHOP_ITEM, **coupon, starts_at=pl.lit(NOW, pl.Datetime("us", "UTC")), ends_at=pl.lit(ends, pl.Datetime("us", "UTC")))
    own = f["promotions"].filter(C("promotion_id") != "first-order")
    return below_floor(f, pl.concat([own.select(*every.collect_schema().names()), every]), NOW, ends, 0.05)


@peer("customers.weekly_push", "item_id", "sale_fen")
def pushed(f: Frames) -> pl.LazyFrame:
    """Direct offers that hold now, on items with stock, the three deepest cuts."""
    running = f["promotions"].filter(C("promotion_kind") == "direct", C("starts_at") <= NOW, C("ends_at") > NOW, C("item_id") != "*")
    fresh = f["stock"].filter(C("date") >= ago(1)).group_by(SHOP_ITEM).agg(left=C("closing_units").sort_by("date").last())
    rows = running.join(f["items"].filter(C("on_sale")).select(*SHOP_ITEM, "title", "price_fen", "cost_fen"), on=SHOP_ITEM).join(fresh, on=SHOP_ITEM)
    off = pl.max_horizontal(C("off_fen").fill_null(0), (C("price_fen") * C("off_rate").fill_null(0)).ceil().cast(pl.Int64))
    rows = rows.with_columns(sale_fen=C("price_fen") - pl.when(C("threshold_fen").fill_null(0) <= C("price_fen")).then(off).otherwise(0))
    rows = rows.filter(C("left") >= 1, C("sale_fen") > 0, C("sale_fen") < C("price_fen")).sort("sale_fen").unique(SHOP_ITEM, keep="first", maintain_order=True)
    cut = 1 - C("sale_fen") / C("price_fen")
    return rows.sort("shop", cut, "item_id", descending=[False, True, False]).group_by("shop", maintain_order=True).head(3)


# --- acquisition_cost ----------------------------------------------------------------------------------------------


@peer("customers.acquisition_cost", "channel", "spend_fen", "new_buyers", "cac_fen")
def acquisition_cost(f: Frames) -> pl.LazyFrame:
    paid = _with_person(named(f["orders"]).filter(C("paid_at").is_not_null()), _people(f))
    back = (C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0)).fill_null(False)
    firsts = paid.group_by(PERSON).agg(
        at=C("paid_at").min(), kept_at=C("paid_at").filter(~back).min(), written=C("channel").filter(C("paid_at") == C("paid_at").min()).min()
    ).collect().lazy()  # fmt: skip
    now, before = _costs(f, firsts, ago(30), TODAY), _costs(f, firsts, ago(60), ago(30)).select("shop", "channel", before="cac_fen")
    reach = f["orders"].group_by("shop").agg(oldest=C("paid_at").min()).filter(C("oldest") <= midnight(ago(150)))
    return now.join(before.join(reach, on="shop", how="semi"), on=["shop", "channel"], how="left").sort("shop", "cac_fen", descending=[False, True], nulls_last=True)


def _channel(column: str) -> pl.Expr:
    """One name of a channel; of the variants those that the shops write."""
    plain = C(column).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\W_]+", "")
    return plain.replace({"千川": "抖音", "巨量千川": "抖音", "douyin": "抖音", "xhs": "小红书", "red": "小红书", "关键词推广": "直通车", "人群推广": "引力魔方"})


def _costs(f: Frames, firsts: pl.LazyFrame, since: date, until: date) -> pl.LazyFrame:
    begins, ends = midnight(since), midnight(until)
    new = firsts.filter(C("at").is_between(begins, ends, closed="left"), C("kept_at") < ends).group_by("shop", channel=_channel("written")).agg(new_buyers=COUNT)
    spend = f["ad_days"].filter(C("date").is_between(since, until, closed="left")).group_by("shop", channel=_channel("tool")).agg(C("spend_fen").sum())
    both = spend.join(new, on=["shop", "channel"], how="full", coalesce=True, nulls_equal=True).with_columns(C("new_buyers").fill_null(0))
    cac = (2 * C("spend_fen") + C("new_buyers")) // (2 * C("new_buyers"))
    return both.with_columns(cac_fen=pl.when(C("spend_fen") > 0, C("new_buyers") > 0, C("channel").is_not_null()).then(cac))
