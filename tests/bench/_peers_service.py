"""Service by hand: conversations as turns, who waits, what is complained of, open after-sales, and who is on duty."""

from datetime import datetime, timedelta

import polars as pl

from ecops.automation import Frames
from tasks._reasons import TOPICS
from tests.bench._peers import C, COUNT, NOW, ORDER, SHOP_ITEM, TODAY, ago, count, last, local_day, midnight, o_clock, peer, wilson
from tests.bench._shops import CHINA

SESSION = ["shop", "session_id"]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# The day from which the longer return window holds, as the bench tells the task.
POLICY = ago(12)


def topics(texts: pl.LazyFrame, text: str) -> pl.LazyFrame:
    """Rows with the `topics` of a text; the words are those of the task."""
    said = C(text).str.replace_all(r"(?:没有|没|不会|不|无|毫无)(?:任何)?(?:破损|掉色|褪色|起球|异味|质量问题|色差|变形|线头|瑕疵|开线|漏液|漏发|过敏)", "")
    found = pl.concat_list(pl.when(said.str.contains(topic.words)).then(pl.lit(topic.name)) for topic in TOPICS).list.drop_nulls()
    told = texts.select(text).unique().drop_nulls().with_columns(topics=found)
    return texts.join(told.with_columns(topics=pl.when(C("topics").list.len() > 0).then("topics").otherwise(pl.lit(["other"]))), on=text, how="left")


def turns(f: Frames, since: datetime) -> pl.LazyFrame:
    """Each unanswered question's start with the first answer of a person; `alone`: a robot led the session."""
    people_and_robots = pl.Enum(["buyer", "robot", "agent"])
    heard = f["chats"].filter(C("at") >= since, C("sender").is_in(people_and_robots.categories.to_list())).select(
        *SESSION, "message_id", "at", "agent", sender=C("sender").cast(people_and_robots)
    ).sort(*SESSION, "at", "sender", "message_id")  # fmt: skip
    alone = heard.group_by(SESSION).agg(alone=(C("sender") != "agent").all() & (C("sender").last() == "robot"))
    after, before = (((C("shop") == C("shop").shift(n)) & (C("session_id") == C("session_id").shift(n))).fill_null(False) for n in (-1, 1))
    said = heard.filter(C("sender") != "robot")
    said = said.filter(~(before & (C("sender") == C("sender").shift(1))))
    asked = said.with_columns(
        answered_at=pl.when(after).then(C("at").shift(-1)), agent=pl.when(after).then(C("agent").shift(-1)).when(before).then(C("agent").shift(1))
    ).filter(C("sender") == "buyer")  # fmt: skip
    return asked.select(*SESSION, "answered_at", "agent", asked_at="at").join(alone, on=SESSION)


# --- reply_rate ----------------------------------------------------------------------------------------------------


def _judged(f: Frames) -> pl.LazyFrame:
    seconds = (C("answered_at") - C("asked_at")).dt.total_microseconds() / 1e6
    asked = turns(f, NOW - timedelta(hours=48)).filter(C("asked_at").is_between(NOW - timedelta(hours=24), NOW - timedelta(seconds=30)))
    return asked.filter(o_clock("asked_at").is_between(8, 22)).with_columns(
        seconds=seconds, agent=C("agent").fill_null("无人接待"), hour=C("asked_at").dt.truncate("1h")
    )


def _answered(rows: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    waited = C("seconds").fill_null(600).clip(0, 600)
    sums = rows.filter(~C("alone")).group_by("shop", *by).agg(
        turns=COUNT, within=count(C("seconds") <= 30), unanswered=C("seconds").null_count().cast(pl.Int64), median=waited.median(), p90=waited.quantile(0.9, "nearest")
    )  # fmt: skip
    return sums.with_columns(rate=C("within") / C("turns")).sort("shop", *by)


def _quoted(f: Frames, answered: pl.LazyFrame) -> pl.LazyFrame:
    """The platform's own figure of its newest day, for shops without messages."""
    rows = f["service_days"].filter(C("date").is_between(ago(2), TODAY), C("reply_30s_rate").is_between(0, 1), C("agent") != "同行").join(answered, on="shop", how="anti")
    newest = rows.filter(C("date") == C("date").max().over("shop")).filter(C("period_days") == C("period_days").min().over("shop"))
    return newest.select("shop", "agent", "date", rate="reply_30s_rate")


@peer("service.reply_rate", "hour", "agent", "turns", "within", of="hours")
@peer("service.reply_rate", "hour", "agent")
@peer("service.reply_rate", "agent", "turns", "unanswered", of="agents")
@peer("service.reply_rate", of="verdicts")
def reply_rate(f: Frames) -> dict[str, pl.LazyFrame]:
    """Rates of agents' hours, the low ones, of agents and of shops; where nobody wrote, what the platform says."""
    rows = _judged(f).collect().lazy()
    hours, shops = _answered(rows, "hour", "agent").collect().lazy(), _answered(rows).join(rows.group_by("shop").agg(robots=count(C("alone"))), on="shop").collect().lazy()
    quoted = _quoted(f, shops).collect().lazy()
    of_agents = quoted.filter(C("agent") != "*")
    low = pl.concat([hours.filter(C("turns") >= 10, C("within") * 100 < C("turns") * 85), of_agents.filter(C("rate") < 0.85)], how="diagonal")
    agents = pl.concat([_answered(rows, "agent"), of_agents], how="diagonal").sort("shop", "agent")
    silent = _feed(f["chats"].select("shop", "at", id="session_id", last="at"), "chats")
    verdicts = pl.concat([shops, quoted.filter(C("agent") == "*")], how="diagonal").join(silent, on="shop", how="left")
    return {"hours": hours, "items": low.sort("shop", "rate", "hour", "agent"), "agents": agents, "verdicts": verdicts}


# --- watch ---------------------------------------------------------------------------------------------------------


def _served(moment: pl.Expr) -> pl.Expr:
    """Seconds of service (08:00 to 23:00) until a moment."""
    local = moment.dt.convert_time_zone(CHINA.key)
    of_day = local.dt.hour().cast(pl.Int64) * 3600 + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()
    return local.dt.date().dt.epoch("d").cast(pl.Int64) * 54_000 + (of_day - 28_800).clip(0, 54_000)


def _until_now(column: str) -> pl.Expr:
    return _served(pl.lit(NOW)) - _served(C(column))


def _waiting(f: Frames) -> pl.LazyFrame:
    rows = turns(f, NOW - timedelta(days=2)).filter(C("answered_at").is_null()).with_columns(seconds=_until_now("asked_at"))
    return rows.filter(C("seconds") <= 4 * 3600).sort("shop", "seconds", descending=[False, True])


@peer("service.watch", "session_id", "asked_at", of="waiting")
def waiting(f: Frames) -> pl.LazyFrame:
    return _waiting(f).filter(C("seconds") > 180)


@peer("service.watch", "claims", "paid", "usual_claims", "usual_paid", of="refund_rate")
def claims(f: Frames) -> pl.LazyFrame:
    """Claims of a day beside the orders of the 15 days before it; an order stands in the exposure of 15 days."""
    days_ago = (NOW - C("at")).dt.total_microseconds() // 86_400_000_000
    paid = f["orders"].filter(C("paid_at") <= NOW).select("shop", at="paid_at").group_by("shop", ago=days_ago).agg(n=COUNT)
    asked = f["refunds"].filter(C("created_at") <= NOW, ~C("refund_kind").is_in(["exchange", "resend"])).group_by(ORDER).agg(at=C("created_at").min())
    days = paid.group_by("shop").agg(days=(C("ago").max() - 14).clip(0, 28))
    times = (pl.min_horizontal("days", "ago") - pl.max_horizontal(1, C("ago") - 14) + 1).clip(0)
    exposed = paid.join(days, on="shop").group_by("shop", "days").agg(paid=C("n").filter(C("ago") < 15).sum(), usual_paid=(C("n") * times).sum())
    told = asked.with_columns(ago=days_ago).join(days, on="shop").group_by("shop").agg(
        claims=count(C("ago") == 0), usual_claims=count(C("ago").is_between(1, C("days")))
    )  # fmt: skip
    expected = pl.when(C("days") >= 7).then(C("usual_claims") * C("paid") / C("usual_paid"))
    rows = exposed.join(told, on="shop", how="left").with_columns(C("claims", "usual_claims").fill_null(0))
    return rows.with_columns(rate=C("claims") / C("paid"), usual=C("usual_claims") / C("usual_paid"), expected=expected).with_columns(
        z=2 * ((C("claims") + 0.375).sqrt() - (C("expected") + 0.375).sqrt())
    )


def _feed(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Service hours a feed (shop, id, at, last) is silent, and the events that should have come in them."""
    recent = rows.filter(C("at") >= NOW - timedelta(days=14), o_clock("at").is_between(8, 22))
    pace = recent.group_by("shop").agg(first=C("at").min(), then=C("at").max(), events=C("id").n_unique())
    newest = rows.group_by("shop").agg(newest=C("last").max()).join(pace, on="shop", how="left")
    silent = _until_now("newest")
    expected = pl.when(C("events") >= 3, C("then") > C("first")).then((C("events") - 1) / (_served(C("then")) - _served(C("first"))) * silent)
    stale = (expected >= 6).fill_null(False) | ((silent > 45 * 3600) & (name != "refunds"))
    return newest.select("shop", stale.alias(name))


@peer("service.watch", "cause")
def alarms(f: Frames) -> pl.LazyFrame:
    events = pl.max_horizontal(C("created_at"), C("paid_at"), C("shipped_at"))
    chats = _feed(f["chats"].select("shop", "at", id="session_id", last="at"), "chats")
    orders = _feed(f["orders"].select("shop", at="created_at", id="order_id", last=events), "orders")
    refunds = _feed(f["refunds"].select("shop", at="created_at", id="refund_id", last="created_at"), "refunds")
    led = C("alone")
    late = _waiting(f).group_by("shop").agg(late=(~led & (C("seconds") > 180)).sum(), longest=C("seconds").filter(~led).max())
    facts = chats.join(orders, on="shop", how="full", coalesce=True).join(refunds, on="shop", how="full", coalesce=True)
    facts = facts.join(late, on="shop", how="left").join(claims(f), on="shop", how="left").with_columns(C("chats", "orders", "refunds").fill_null(False))
    often = C("claims") * C("usual_paid") * 2 >= C("usual_claims") * C("paid") * 3
    causes = {
        "refunds": ~C("orders") & ~C("refunds") & (C("claims") >= 5) & often & (C("z") >= 3.5),
        "stale": C("chats") | C("orders") | C("refunds"),
        "unanswered": ~C("chats") & ((C("late") >= 3) | (C("longest") >= 1800)),
    }
    return pl.concat([facts.filter(when).with_columns(cause=pl.lit(cause)) for cause, when in causes.items()]).sort("shop", "cause")


# --- hours ---------------------------------------------------------------------------------------------------------


def _by_hour(f: Frames) -> pl.LazyFrame:
    rows = f["hours"].select("shop", "visitors", buyers="pay_buyers", date=local_day("hour"), o_clock=o_clock("hour"))
    return rows.filter(last(28), C("buyers") <= C("visitors"))


@peer("service.hours", "o_clock", "visitors", "buyers", of="hours")
def hours(f: Frames) -> pl.LazyFrame:
    sums = _by_hour(f).group_by("shop", "o_clock").agg(days=COUNT, visitors=C("visitors").sum(), buyers=C("buyers").sum())
    return sums.with_columns(rate=C("buyers") / C("visitors"), lower=wilson(C("buyers"), C("visitors"), -1), upper=wilson(C("buyers"), C("visitors"), 1)).sort("shop", "o_clock")


def _small_hours(f: Frames) -> pl.LazyFrame:
    """The small hours without the night that sold most, the day, who asked at night, and by how many hours the feed's clock is off."""
    nights = _by_hour(f).filter(C("o_clock") < 6).group_by("shop", "date").agg(C("visitors", "buyers").sum()).sort("shop", "buyers", "date", descending=[False, True, False])
    small = nights.group_by("shop", maintain_order=True).agg(C("visitors", "buyers").slice(1).sum(), nights=COUNT)
    day = _by_hour(f).filter(C("o_clock").is_between(8, 22)).group_by("shop").agg(day_visitors=C("visitors").sum(), day_buyers=C("buyers").sum())
    asked = f["chats"].with_columns(date=local_day("at")).filter(last(28), o_clock("at") < 6).group_by("shop", "date", "session_id").agg(
        asks=(C("sender") == "buyer").any(), served=(C("sender") == "agent").any()
    )  # fmt: skip
    asked = asked.filter("asks").group_by("shop").agg(asked=COUNT, unserved=count(~C("served")))
    facts = small.join(day, on="shop", how="full", coalesce=True).join(asked, on="shop", how="left").join(_clock(f), on="shop", how="left")
    return facts.with_columns(lower=wilson(C("buyers"), C("visitors"), -1), day_upper=wilson(C("day_buyers"), C("day_visitors"), 1))


def _clock(f: Frames) -> pl.LazyFrame:
    """The move of the hourly feed that fits the hours of the orders best."""
    fed = _by_hour(f).group_by("shop", "o_clock").agg(n=C("buyers").sum()).with_columns(p=C("n") / C("n").sum().over("shop"))
    paid = f["orders"].filter(C("paid_at").is_between(midnight(ago(28)), midnight(TODAY), closed="left")).group_by("shop", o_clock=o_clock("paid_at")).agg(m=COUNT)
    paid = paid.with_columns(q=C("m") / C("m").sum().over("shop"))
    grid = fed.select("shop").unique().join(pl.LazyFrame({"o_clock": range(24)}), how="cross").join(pl.LazyFrame({"shift": range(24)}), how="cross")
    both = grid.with_columns(at=(C("o_clock") + C("shift")) % 24).join(fed.select("shop", "o_clock", "p"), on=["shop", "o_clock"], how="left")
    both = both.join(paid.select("shop", "q", at="o_clock"), on=["shop", "at"], how="left")
    apart = both.group_by("shop", "shift").agg(apart=(C("p").fill_null(0) - C("q").fill_null(0)).abs().sum().round(9)).sort("shop", "apart", "shift")
    best = apart.group_by("shop", maintain_order=True).agg(C("shift").first(), gain=(C("apart").filter(C("shift") == 0).first() - C("apart").first()) / 2)
    return best.join(paid.group_by("shop").agg(orders=C("m").sum()), on="shop").with_columns(shift=pl.when(C("gain") >= 0.3).then("shift").otherwise(0))


@peer("service.hours", "visitors", "buyers", "nights", "unserved")
def longer_hours(f: Frames) -> pl.LazyFrame:
    enough = (C("visitors") >= 100) & (C("nights") >= 14) & (C("orders") >= 50) & (C("shift") == 0)
    return _small_hours(f).filter(enough, C("lower") > C("day_upper"), C("unserved") >= 5)


@peer("service.hours", of="verdicts")
def small_hours(f: Frames) -> pl.LazyFrame:
    return _small_hours(f)


# --- complaints ----------------------------------------------------------------------------------------------------


def _cases(f: Frames) -> pl.LazyFrame:
    """Who complained of what, once each: low reviews and the reasons of after-sales, days back."""
    lines = f["order_lines"].select(*ORDER, "line_id", line_item="item_id")
    asked = f["refunds"].filter(C("reason").is_not_null()).join(lines, on=[*ORDER, "line_id"], how="left").with_columns(item_id=pl.coalesce("item_id", "line_item"))
    bad = f["reviews"].filter(C("stars") <= 3, C("text").is_not_null())
    columns = ("shop", "order_id", "item_id", "buyer_id", "created_at")
    texts = pl.concat([bad.select(*columns, "text", id=pl.format("review {}", "review_id")), asked.select(*columns, text="reason", id=pl.format("refund {}", "refund_id"))])
    inside = texts.with_columns(ago=(pl.lit(TODAY) - local_day("created_at")).dt.total_days()).filter(C("ago").is_between(1, 35))
    who = ["shop", "who", "topic"]
    told = topics(inside, "text").explode("topics").rename({"topics": "topic"}).filter(C("topic") != "unwanted").with_columns(who=pl.coalesce("order_id", "buyer_id", "id"))
    told = told.with_columns(item_id=pl.coalesce("item_id", C("item_id").min().over(who)))
    return told.sort("created_at", "id").unique([*who, "item_id"], keep="first", maintain_order=True)


def _sold(f: Frames, *by: str) -> pl.LazyFrame:
    """Lines paid in the 15 days before each day, summed over the 7 days and over the baseline."""
    paid = f["order_lines"].filter(C("paid_at") >= NOW - timedelta(days=51)).with_columns(ago=(pl.lit(TODAY) - local_day("paid_at")).dt.total_days())
    paid = paid.filter(C("ago") >= 1).group_by("shop", "item_id", "ago").agg(n=COUNT)
    days = paid.group_by("shop").agg(days=(C("ago").max() - 21).clip(0, 28))
    now = (pl.min_horizontal(7, "ago") - pl.max_horizontal(1, C("ago") - 14) + 1).clip(0)
    before = (pl.min_horizontal(C("days") + 7, "ago") - pl.max_horizontal(8, C("ago") - 14) + 1).clip(0)
    return paid.join(days, on="shop").group_by("shop", "days", *by).agg(
        sold=(C("n") * now).sum(), sold_before=(C("n") * before).sum(), lines=C("n").filter(C("ago") <= 35).sum()
    )  # fmt: skip


def _trend(cases: pl.LazyFrame, days: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    now, old = C("ago") <= 7, (C("ago") > 7) & (C("ago") <= 7 + C("days").fill_null(28))
    buyer = pl.coalesce("buyer_id", "who")
    return cases.join(days.select("shop", "days").unique(), on="shop", how="left").group_by(by).agg(
        complaints=count(now), before=count(old), total=COUNT, buyers=buyer.filter(now).n_unique(), whole_buyers=buyer.n_unique()
    )  # fmt: skip


def _rises() -> pl.Expr:
    expected = pl.when(C("days") >= 14, C("sold_before") > 0).then(C("before") * C("sold") / C("sold_before"))
    z = 2 * ((C("complaints") + 0.375).sqrt() - (expected + 0.375).sqrt())
    return ((C("complaints") >= 5) & (C("buyers") >= 3) & (C("complaints") >= 1.5 * expected) & (z >= 3)).fill_null(False)


@peer("service.complaints", "topic", "complaints", "before", "vital", "rising", of="reasons")
def reasons(f: Frames) -> pl.LazyFrame:
    sold = _sold(f)
    rows = _trend(_cases(f), sold, "shop", "topic").join(sold, on="shop", how="left").sort("shop", "complaints", "topic", descending=[False, True, False])
    whole = C("complaints").sum().over("shop")
    vital = (C("complaints") > 0) & ((C("complaints").cum_sum().over("shop") - C("complaints")) * 5 < whole * 4)
    return rows.with_columns(share=C("complaints") / whole, vital=vital, rising=_rises())


@peer("service.complaints", "item_id", "rule")
def bad_items(f: Frames) -> pl.LazyFrame:
    quality, sold = _cases(f).filter(C("topic") == "quality", C("item_id").is_not_null()), _sold(f, "item_id")
    rows = _trend(quality, sold, *SHOP_ITEM).join(sold, on=SHOP_ITEM, how="full", coalesce=True).with_columns(C("complaints", "before", "total", "lines").fill_null(0))
    others = (C("total").sum().over("shop") - C("total")) / (C("lines").sum().over("shop") - C("lines"))
    stands_out = (C("total") >= 5) & (C("whole_buyers") >= 3) & (wilson(C("total"), C("lines"), -1) >= 3 * others)
    rows = rows.with_columns(rule=pl.when(_rises()).then(pl.lit("trend")).when(stands_out).then(pl.lit("share"))).filter(C("rule").is_not_null())
    words = quality.group_by(*SHOP_ITEM, "text").agg(n=pl.len()).sort("n", descending=True).group_by(SHOP_ITEM, maintain_order=True).agg(C("text").head(3).str.join("；"))
    return rows.join(words, on=SHOP_ITEM, how="left").sort("shop", "complaints", descending=[False, True])


# --- return_deadline, disputes -------------------------------------------------------------------------------------


def _live(f: Frames) -> pl.LazyFrame:
    """After-sales that are open, or succeeded."""
    return f["refunds"].filter(C("refund_status").is_in(["open", "success"])).with_columns(open=C("refund_status") == "open", money=~C("refund_kind").is_in(["exchange", "resend"]))


def _windows(f: Frames) -> pl.LazyFrame:
    """Until when each paid order of 90 days may be sent back."""
    hasty = C("delivered_at") - C("shipped_at") < timedelta(hours=2)
    timeless = C("delivered_at").is_null() & C("last_event").str.contains("签收|妥投|已取件")
    signed = f["parcels"].group_by(ORDER).agg(
        signed_at=pl.when(C("delivered_at").is_not_null().all()).then(C("delivered_at").max()),
        unsure=pl.when(timeless.any()).then(pl.lit("signed without a time")).when(hasty.any()).then(pl.lit("signed too soon to be true")),
        out=pl.lit(True),
    )
    orders = f["orders"].filter(C("paid_at").is_not_null(), C("created_at") > NOW - timedelta(days=90)).join(signed, on=ORDER, how="left")
    orders = orders.with_columns(signed_at=pl.when(C("unsure").is_null()).then("signed_at"), promised=pl.when(C("created_at") >= midnight(POLICY)).then(15).otherwise(7))
    ends = (local_day("signed_at") + pl.duration(days=C("promised") + 1)).cast(pl.Datetime("us")).dt.replace_time_zone(CHINA.key).dt.convert_time_zone("UTC")
    out, back = C("out").fill_null(False), (C("status") == "closed") | ((C("refund_fen") > 0) & (C("paid_fen") <= 0)).fill_null(False)
    done, sent = C("finished_at").is_not_null() | (C("status") == "finished"), C("shipped_at").is_not_null() | C("status").is_in(["shipped", "finished"])
    why = pl.when(C("unsure").is_not_null()).then("unsure").when(~out).then(pl.lit("no parcel")).when(done).then(pl.lit("finished without a signature"))
    state = (
        pl.when(back).then(pl.lit("settled"))
        .when(C("signed_at").is_not_null()).then(pl.when(C("deadline") >= NOW).then(pl.lit("open")).otherwise(pl.lit("over")))
        .when((sent | out) & why.is_not_null()).then(pl.lit("unknown")).otherwise(pl.lit("underway"))
    )  # fmt: skip
    rows = orders.with_columns(deadline=ends - timedelta(seconds=1), why=why).with_columns(state=state)
    return rows.select(*ORDER, "created_at", "promised", "signed_at", "deadline", "state", why=pl.when(C("state") == "unknown").then("why"))


@peer("service.return_deadline", "order_id", "deadline", of="orders")
def may_return(f: Frames) -> pl.LazyFrame:
    return _windows(f).filter(C("state") == "open").sort("shop", "deadline", "order_id")


@peer("service.return_deadline", "order_id", "why", of="unknown_orders")
def no_signature(f: Frames) -> pl.LazyFrame:
    return _windows(f).filter(C("state") == "unknown").sort("shop", "order_id")


@peer("service.return_deadline", "refund_id", "standing")
def open_claims(f: Frames) -> pl.LazyFrame:
    standing = (
        pl.when(C("state") == "underway").then(pl.lit("in_time")).when(C("deadline").is_null()).then(pl.lit("unknown"))
        .when(C("asked_at").dt.truncate("1s") <= C("deadline")).then(pl.lit("in_time")).otherwise(pl.lit("late"))
    )  # fmt: skip
    claims = _live(f).filter("open").select("shop", "refund_id", "order_id", "amount_fen", asked_at="created_at").join(_windows(f), on=ORDER, how="left")
    return claims.with_columns(standing=standing).sort("shop", "standing", "deadline", "asked_at")


@peer("service.return_deadline", of="verdicts")
def return_counts(f: Frames) -> pl.LazyFrame:
    return _windows(f).group_by("shop").agg(
        orders=COUNT, unknown=count(C("state") == "unknown"), signed=C("signed_at").count(), open=count(C("state") == "open"), longer=count((C("state") == "open") & (C("promised") == 15))
    )  # fmt: skip


@peer("service.disputes", "refund_id", "state", "check", "remedy", "left_fen")
def disputes(f: Frames) -> pl.LazyFrame:
    gross = C("paid_fen") + C("refund_fen").fill_null(0)
    paid = pl.when(C("paid_at").is_not_null()).then(gross).otherwise(0)
    lines = f["order_lines"].select(*ORDER, "line_id", line_item="item_id", line_fen=paid)
    claims = _live(f).join(lines, on=[*ORDER, "line_id"], how="left")
    of_order = claims.group_by(ORDER).agg(
        n=pl.len(), by_line=C("line_id").is_not_null().all(), given=C("amount_fen").filter(~C("open"), C("money")).sum(), asked=C("amount_fen").filter("open", "money").sum(),
        blank=(C("amount_fen").is_null() & C("money")).any(), ids=C("refund_id").sort(),
    )  # fmt: skip
    rows = claims.join(of_order, on=ORDER).with_columns(part=pl.when("by_line").then("line_id").otherwise(pl.coalesce("item_id", "line_item")))
    parts = rows.group_by(*ORDER, "part").agg(same=pl.len())
    loose = rows.group_by(ORDER).agg(loose=C("part").is_null().any())
    rows = rows.filter("open").join(parts, on=[*ORDER, "part"], nulls_equal=True).join(loose, on=ORDER)
    rows = rows.join(f["orders"].select(*ORDER, order_fen=paid), on=ORDER, how="left").with_columns(left=C("order_fen") - C("given"))
    exceeds = (C("money") & ((C("asked") > C("left")) | (C("amount_fen") > C("line_fen")).fill_null(False))).fill_null(False)
    check = (
        pl.when((C("loose") & (C("n") > 1)) | (C("same") > 1)).then(pl.lit("twice")).when(exceeds).then(pl.lit("exceeds"))
        .when(C("blank") | C("order_fen").is_null()).then(pl.lit("unknown")).otherwise(pl.lit("ok"))
    )  # fmt: skip
    due = C("created_at") + pl.when(C("shipped").fill_null(True)).then(timedelta(hours=72)).otherwise(timedelta(hours=48))
    state = pl.when(C("due_at") < NOW).then(pl.lit("overdue")).when(C("due_at") <= NOW + timedelta(hours=12)).then(pl.lit("soon")).otherwise(pl.lit("open"))
    usual = C("topics").list.first().replace_strict({topic.name: topic.remedy for topic in TOPICS}, default=None, return_dtype=pl.String)
    remedy = (
        pl.when(C("check").is_in(["twice", "exceeds"])).then(pl.lit("hold")).when(~C("shipped")).then(pl.lit("refund"))
        .otherwise(pl.coalesce(usual, "refund_kind", pl.lit("ask")))
    )  # fmt: skip
    told = topics(rows.with_columns(check=check, due_at=due), "reason").with_columns(state=state, remedy=remedy, left_fen=pl.when(~C("blank")).then("left"))
    return told.sort("shop", "due_at", "refund_id")


# --- roster --------------------------------------------------------------------------------------------------------

BEGINS = midnight(TODAY + DAY)
ENDS = BEGINS + 7 * DAY


def _shifts(f: Frames, begins: datetime = BEGINS, ends: datetime = ENDS) -> pl.LazyFrame:
    rows = f["shifts"].filter(C("shift_from") < ends, C("shift_until") > begins, C("shift_until") > C("shift_from"))
    most = pl.when(C("temporary").fill_null(False)).then(timedelta(days=60)).otherwise(timedelta(days=365))
    trained = C("trained_on").is_not_null() & (C("trained_on") <= TODAY) & (C("trained_on") + most >= local_day("shift_from"))
    return rows.with_columns(trained=trained, temporary=C("temporary").fill_null(False))


@peer("service.roster", "hour", "needed", "people", "cause", of="hours")
def roster(f: Frames, begins: datetime = BEGINS, ends: datetime = ENDS, opens: int = 8, closes: int = 23) -> pl.LazyFrame:
    begun = f["chats"].filter(C("at") >= NOW - timedelta(days=16), C("sender").ne_missing("system")).group_by(SESSION).agg(C("at").min()).with_columns(date=local_day("at")).filter(last(14))
    usual = begun.group_by("shop", o_clock=o_clock("at")).agg(sessions=COUNT)
    days = begun.group_by("shop").agg(days=C("date").n_unique())
    hours = pl.datetime_range(begins, ends, "1h", closed="left", eager=True).cast(pl.Datetime("us", "UTC")).alias("hour").to_frame().lazy()
    grid = days.join(hours.filter(o_clock("hour").is_between(opens, closes, closed="left")), how="cross").with_columns(o_clock=o_clock("hour")).join(usual, on=["shop", "o_clock"], how="left")
    worked = _shifts(f, begins, ends).filter("trained").with_columns(hour=pl.datetime_ranges(C("shift_from").dt.truncate("1h"), "shift_until", "1h", closed="left")).explode("hour")
    seconds = (pl.min_horizontal("shift_until", C("hour") + HOUR) - pl.max_horizontal("shift_from", "hour")).dt.total_seconds()
    each = worked.group_by("shop", "hour", "agent").agg(seconds=seconds.sum().clip(0, 3600), temporary=C("temporary").any())
    duty = each.group_by("shop", "hour").agg(
        C("seconds").sum(), people=count(C("seconds") == 3600), permanent=count((C("seconds") == 3600) & ~C("temporary"))
    )  # fmt: skip
    rows = grid.join(duty, on=["shop", "hour"], how="left").with_columns(C("seconds", "people", "permanent").fill_null(0), expected=(C("sessions").fill_null(0) / C("days")).round(6))
    rows = rows.with_columns(needed=(C("expected") / 20).ceil().clip(1).cast(pl.Int64))
    cause = (
        pl.when(C("seconds") == 0).then(pl.lit("nobody")).when(C("seconds") < C("needed") * 3600).then(pl.lit("short"))
        .when(C("people") < 2).then(pl.lit("no_backup")).when(C("permanent") == 0).then(pl.lit("temporary_only"))
    )  # fmt: skip
    return rows.with_columns(cause=cause).sort("shop", "hour")


@peer("service.roster", "cause", "from", "until", "needed", of="items")
def roster_gaps(f: Frames, begins: datetime = BEGINS, ends: datetime = ENDS, opens: int = 8, closes: int = 23) -> pl.LazyFrame:
    """Hours that follow each other with one cause on one day as one row."""
    shifts = _shifts(f, begins, ends)
    rows = roster(f, begins, ends, opens, closes).join(shifts.select("shop").unique(), on="shop", how="semi").filter(C("cause").is_not_null()).sort("shop", "hour").with_columns(date=local_day("hour"))
    new = (C("hour").diff() != HOUR) | (C("cause") != C("cause").shift()) | (C("date") != C("date").shift()) | (C("shop") != C("shop").shift())
    spans = rows.with_columns(stretch=new.fill_null(True).cum_sum()).group_by("shop", "stretch", "cause").agg(
        C("hour").min().alias("from"), (C("hour").max() + HOUR).alias("until"), C("needed").max(), on_duty=C("seconds").min()
    )  # fmt: skip
    untrained = shifts.filter(~C("trained")).group_by("shop", "agent").agg(C("shift_from").min().alias("from")).with_columns(cause=pl.lit("untrained"))
    return pl.concat([spans, untrained], how="diagonal").sort("shop", "from", "cause")


@peer("service.roster", "agent", "shifts", of="agents")
def roster_agents(f: Frames) -> pl.LazyFrame:
    hours = (C("shift_until") - C("shift_from")).dt.total_seconds().sum() / 3600
    return _shifts(f).group_by("shop", "agent").agg(first=C("shift_from").min(), shifts=COUNT, hours=hours, trained_on=C("trained_on").max(), temporary=C("temporary").any())
