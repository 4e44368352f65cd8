"""Service: buyers answered in time, after-sales settled within their limits, enough trained people on duty."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import Field

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.formulae.bounds import wilson_lower
from ecops.formulae.pareto import smallest_set
from tasks._alarms import FEEDS, alarms, claim_rates, feeds_of, is_stale, waiting_facts, waiting_turns, watch_numbers
from tasks._complaints import cases, rising, sold_beside, trend, with_expected
from tasks._counts import counted, said
from tasks._disputes import checked, timed, with_remedy
from tasks._feeds import Feed, chat_events, newest_text, refund_events, silence
from tasks._nights import asked_at_night, by_hour, clock_shift, compared, hour_list
from tasks._reasons import OTHER, TOPICS, topic_zh
from tasks._replies import FIGURES, judged_turns, of_the_shop, platform_rates, rates, under_target
from tasks._return_windows import judged_claims, windows
from tasks._roster import agents_of, cover, gaps, rostered, usual_hours
from tasks._rows import duration_text, known, local_date, percent, percent_text
from tasks._turns import ServiceHours
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._windows import DAY, Days, Span, Window, days_before, last_midnight, resolve, today

# --- service.reply_rate --------------------------------------------------------------------------------------------


class ReplyRate(Feed):
    """`within_seconds`: the limit, 30 s; 60 on the campaign day. `window`: turns asked in the last so many hours. `target`: the share to
    reach (one company's bands are 95, 85 and 75 %). `judge`: what is compared, the share within the limit with the target, or p90 or the
    median with the limit ("within a minute" does not say which). `min_turns`: an agent's hour with fewer is thin and raises nothing, a shop
    with fewer is unknown. `cap_seconds`: an unanswered turn counts for so long in median and p90 (600 s on Tmall). `report_age`: how old
    the platform's own figure may be where there are no messages.
    """

    within_seconds: int = Field(30, ge=1)
    window: Span = timedelta(hours=24)
    target: Percent = Decimal("0.85")
    judge: Literal["share", "p90", "median"] = "share"
    min_turns: int = Field(10, ge=1)
    cap_seconds: int = Field(600, ge=1)
    report_age: Days = timedelta(days=2)


@automation(
    "service.reply_rate",
    zh="客服响应率",
    en="Share of turns answered in time, by agent and hour",
    reads=("chats", "service_days"),
    serves=("C3", "A5"),
    params=ReplyRate,
)
def reply_rate(frames: Frames, ask: Ask) -> Answer:
    """Turns answered by a person within the limit (exactly the limit counts) / turns asked in service hours (tasks._turns).

    A turn begins with the buyer's first unanswered message; robots answer nothing; sessions the robot led alone are left out and
    counted; unanswered turns count against. Figures are sums of turns divided once, never means of rates. A shop without messages gets
    the platform's own 30 s figure (`source` platform; how the platform counts differs: Pinduoduo counts buyers), quoted as it stands for
    its day, or unknown. `items`: agents' hours (or, from the platform, agents) under the target, the worst first; `hours`: all of
    them; `agents`: each over the whole window.
    """
    rows = judged_turns(frames, ask)
    people = rows.filter(~pl.col("robot_alone"))
    hours, agents, shops = (rates(people, by, ask) for by in (["shop", "hour", "agent"], ["shop", "agent"], ["shop"]))
    platform = platform_rates(frames, ask).join(shops, on="shop", how="anti")
    items = pl.concat([_low_hours(hours, ask), _low_agents(platform, ask)], how="diagonal").sort("shop", "rate", "hour", "agent")
    told = platform.filter(~of_the_shop()).select("shop", "agent", "rate", "date", "period_days", source=pl.lit("platform"))
    agents = pl.concat([agents.with_columns(source=pl.lit("chats")), told], how="diagonal").sort("shop", "agent")
    facts = _reply_facts(frames, ask, rows, shops, platform, items)
    columns = ("shop", "agent", *FIGURES, "source", "date", "period_days")
    return Answer(_reply_verdicts(of_every_shop(ask, facts), ask), {"items": items, "hours": hours, "agents": agents.select(columns)})


def _low_hours(hours: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    low = hours.filter(~pl.col("thin"), under_target(ask))
    return low.select("shop", "agent", "hour", *(name for name in FIGURES if name != "thin"), source=pl.lit("chats"))


def _low_agents(platform: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    low = platform.filter(~of_the_shop(), pl.col("rate") < float(ask.params.target))
    return low.select("shop", "agent", "rate", source=pl.lit("platform"))


def _reply_facts(frames: Frames, ask: Ask, rows: pl.DataFrame, shops: pl.DataFrame, platform: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    feed = silence(chat_events(frames, ask), ask)
    robots = rows.group_by("shop").agg(robots=pl.col("robot_alone").sum().cast(pl.Int64))
    quoted = platform.filter(of_the_shop()).select("shop", "date", "period_days", platform_rate="rate")
    told = platform.group_by("shop").agg(platform_rows=pl.len().cast(pl.Int64))
    facts = pl.concat([shops, feed, robots, quoted, told], how="align_full")
    return counted(facts, {"low": items}).with_columns(pl.col("robots", "platform_rows").fill_null(0))


def _reached(ask: Ask) -> pl.Expr:
    limit = ask.params.within_seconds
    by = {"share": ~under_target(ask), "p90": pl.col("p90_seconds") <= limit, "median": pl.col("median_seconds") <= limit}
    return by[ask.params.judge]


def _reply_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    limit, span, target = ask.params.within_seconds, duration_text(ask.params.window), percent_text(ask.params.target)
    good = {
        "share": (f"目标{target}", f"target {target}"),
        "p90": (f"p90≤{limit}秒", f"p90 <= {limit} s"),
        "median": (f"中位≤{limit}秒", f"median <= {limit} s"),
    }
    zh_goal, en_goal = good[ask.params.judge]
    quoted = pl.col("platform_rate").is_not_null()
    reached = pl.when(quoted).then(pl.col("platform_rate") >= float(ask.params.target)).otherwise(_reached(ask))
    numbers = tuple(pl.col(name) for name in ("median_seconds", "p90_seconds", "unanswered", "robots", "low"))
    figures = (percent(pl.col("rate")), pl.col("within"), pl.col("turns"), *numbers)
    told = (percent(pl.col("platform_rate")), pl.col("period_days"), pl.col("date").cast(pl.String))
    none = pl.col("turns").is_null() & ~quoted
    stale = pl.col("turns").is_not_null() & pl.col("stale").fill_null(False)
    zh, en = (pl.when(reached).then(pl.lit(yes)).otherwise(pl.lit(no)) for yes, no in (("达标", "未达标"), ("reached", "missed")))
    return verdicts(
        ask,
        facts,
        zh=pl.when(quoted)
        .then(pl.format(f"平台口径30秒应答率{{}}（{{}}天，截至{{}}），{{}}（目标{target}）；平台不给中位与p90", *told, zh))
        .otherwise(
            pl.format(f"{limit}秒应答率{{}}（{{}}/{{}}轮），{{}}（{zh_goal}）；中位{{}}秒，p90 {{}}秒，未回复{{}}轮；机器人独立接待{{}}轮未计；{{}}个客服时段未达标",
                      *figures[:3], zh, *figures[3:])
        ),
        en=pl.when(quoted)
        .then(pl.format(f"by the platform {{}} within 30 s ({{}} days to {{}}), {{}} (target {target}); no median, no p90", *told, en))
        .otherwise(
            pl.format(f"{{}} within {limit} s ({{}} of {{}} turns), {{}} ({en_goal}); median {{}} s, p90 {{}} s, {{}} unanswered; {{}} turns of robots "
                      "left out; {} agent hours under target", *figures[:3], en, *figures[3:])
        ),
        lacks=[
            Lack(
                none & (pl.col("platform_rows").fill_null(0) == 0),
                pl.format(f"chats: no turn in service hours within {span}{{}}", _or_platform(limit, "; service_days: no 30 s figure")),
                pl.format(f"{span}内没有服务时段的会话（缺聊天记录）{{}}", _or_platform(limit, "，也没有平台30秒应答率")),
            ),
            Lack(
                none & (pl.col("platform_rows").fill_null(0) > 0),
                "service_days: 30 s figures of agents only; they are not averaged",
                "客服日报只有各客服的30秒应答率，没有全店行，不做平均",
            ),
            Lack(
                (pl.col("turns") < ask.params.min_turns).fill_null(False),
                pl.format(f"chats: {{}} turns within {span}, {ask.params.min_turns} needed", pl.col("turns")),
                pl.format(f"{span}内只有{{}}轮会话，需要{ask.params.min_turns}轮", pl.col("turns")),
            ),
            Lack(stale, *_stale_texts("chats", "聊天记录", ask)),
        ],
    )  # fmt: skip


def _or_platform(limit: int, text: str) -> pl.Expr:
    """The platform's column is of 30 s only: for another limit it is not missed."""
    return pl.lit(text if limit == 30 else "")


def _stale_texts(feed: str, zh: str, ask: Ask, end: str = "") -> tuple[pl.Expr, pl.Expr]:
    """What a stale feed says, from the columns of `silence` (their names with `end`)."""
    numbers = (newest_text(f"newest_at{end}", ask), pl.col(f"silent_hours{end}"), pl.col(f"expected{end}").cast(pl.String).fill_null("—"))
    return (
        pl.format(f"{feed}: stale, nothing since {{}} ({{}} service hours; {{}} expected in them)", *numbers),
        pl.format(f"{zh}已停更：最近{{}}，静默{{}}个服务小时，其间本应有约{{}}条", *numbers),
    )


# --- service.watch -------------------------------------------------------------------------------------------------


class Watch(Feed):
    """`wait`: a buyer unanswered for longer, in service time, waits too long (the platforms' three minutes); exactly so long does not.
    `many`: so many of them raise the alarm, or one who waits for `longest` or more. `reach`: questions older than so much service time
    are no longer watched. `baseline`: days before the last 24 hours that say what is usual for refunds. `exposure`: claims are held
    against the orders paid in so many days before. `ratio`, `z`, `min_claims`: the alarm on claims needs at least so many times the
    usual, so surprising (Anscombe's z for counts) and so many.
    """

    wait: Span = timedelta(minutes=3)
    many: int = Field(3, ge=1)
    longest: Span = timedelta(minutes=30)
    reach: Span = timedelta(hours=4)
    baseline: Days = timedelta(days=28)
    exposure: Days = timedelta(days=15)
    ratio: Decimal = Decimal("1.5")
    z: float = 3.5
    min_claims: int = Field(5, ge=1)


@automation(
    "service.watch",
    zh="客服实时监控",
    en="Watch unanswered chats and the refund rate; say when a feed has stopped",
    reads=("chats", "orders", "refunds"),
    serves=("D11m", "A5"),
    params=Watch,
)
def watch(frames: Frames, ask: Ask) -> Answer:
    """Alarms as of the instant, one a cause: `unanswered`, `refunds`, `stale`.

    Unanswered: turns (tasks._turns) no person has answered, by service time waited; a night does not count. Where a robot spoke last
    and no person ever, no alarm is raised, but the conversation is shown (`robot_only`): a greeting looks like an answer.
    Refunds: orders with a claim for money in the last 24 hours / orders paid in the `exposure` before, against the same ratio of the
    `baseline` days, sums divided once: the wave of claims that follows a campaign is held against the campaign's orders.
    Stale (tasks._feeds): what hangs on a stopped feed raises no other alarm and is unknown; feeds that stop together are one alarm.
    `items`: the alarms; `waiting`: the unanswered conversations, the longest first; `refund_rate`: the figures a shop.
    """
    waiting, claims = waiting_turns(frames, ask), claim_rates(frames, ask)
    facts = pl.concat([feeds_of(frames, ask), claims, waiting_facts(waiting, ask)], how="align_full")
    facts = facts.with_columns(pl.col("late", "waiting_now", "robot_only").fill_null(0))
    items = alarms(facts, ask)
    late = waiting.filter(pl.col("seconds") > ask.params.wait.total_seconds())
    waiting = late.select("shop", "session_id", "agent", "asked_at", "robot_only", waited_minutes=(pl.col("seconds") / 60).round(1))
    facts = counted(facts, {"alarms": items})
    return Answer(_watch_verdicts(of_every_shop(ask, facts), ask), {"items": items, "waiting": waiting, "refund_rate": claims})


def _watch_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    wait, back = duration_text(ask.params.wait), duration_text(ask.params.exposure)
    numbers = watch_numbers(ask)
    none = {feed: pl.col(f"newest_at_{feed}").is_null() for feed in FEEDS}
    stale = pl.any_horizontal(is_stale(feed) for feed in FEEDS)
    short = ~none["orders"] & ~none["refunds"] & pl.col("expected").is_null()
    feeds = (
        lack
        for feed, zh in FEEDS.items()
        for lack in (
            Lack(none[feed], f"{feed}: none", f"没有{zh}数据"),
            Lack(~none[feed] & is_stale(feed), *_stale_texts(feed, zh, ask, f"_{feed}")),
        )
    )
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}位买家等待回复，{{}}位超过{wait}（最久{{}}分钟），另有{{}}位只有机器人回复；24小时退款申请{{}}单，前{back}支付{{}}单，占{{}}（平时{{}}）；{{}}项告警", *numbers),
        en=pl.format(f"{{}} buyers wait, {{}} for over {wait} (longest {{}} min), {{}} more heard a robot only; {{}} orders with a claim in 24 h, "
                     f"{{}} paid in {back}, {{}} (usual {{}}); {{}} alarms", *numbers),
        lacks=[
            *feeds,
            Lack(
                short,
                f"orders: fewer than 7 days with {back} of orders before them; what is usual is not known",
                f"此前有{back}订单记录的不足7天，不知道平时的退款率",
            ),
        ],
        decided=(pl.col("alarms") > 0) & ~stale,
    )  # fmt: skip


# --- service.hours -------------------------------------------------------------------------------------------------


class SmallHours(ServiceHours):
    """`small_from`, `small_until`: the small hours, 00:00 to 06:00. `window`: whole days before today. `min_visitors`, `min_nights`: under
    them the small hours are too thin to say anything. `min_orders`: so many paid orders of the window are needed to check the clock of
    the hourly feed. `min_unserved`: conversations of those hours no person answered; with fewer nobody would be served by staying longer.
    """

    small_from: int = Field(0, ge=0, le=23)
    small_until: int = Field(6, ge=1, le=24)
    window: Days = timedelta(days=28)
    min_visitors: int = Field(100, ge=1)
    min_nights: int = Field(14, ge=2)
    min_orders: int = Field(50, ge=1)
    min_unserved: int = Field(5, ge=0)


@automation(
    "service.hours",
    zh="凌晨转化与客服时段",
    en="Compare the conversion of the small hours with the day's; propose longer service hours",
    reads=("hours", "orders", "chats"),
    serves=("D7",),
    params=SmallHours,
)
def hours(frames: Frames, ask: Ask) -> Answer:
    """Buyers / visitors of the small hours against the service hours, sums over the window's whole local days, with Wilson's 95 % bounds.

    The small hours convert better when their lower bound lies above the day's upper bound, also without the night that sold most: a
    campaign that opens at midnight or one night's rush proves nothing of a habit. A visitor counts in each hour he comes in. Too few
    visitors or nights, or an hourly feed whose clock does not fit the orders (another time zone), give unknown. `items`: the
    proposal, for a person to decide, where they convert better and enough buyers were left without a person; `hours`: every hour of the day.
    """
    span = days_before(ask, ask.params.window)
    feed = by_hour(frames, ask, span)
    sums = hour_list(feed)
    parts = [compared(feed, sums, ask), asked_at_night(frames, ask, span), clock_shift(frames, sums, ask, span)]
    facts = pl.concat(parts, how="align_full").with_columns(**_hour_findings(ask))
    columns = ("visitors", "buyers", "conversion", "lower", "day_conversion", "day_upper", "nights", "best_on", "asked", "unserved")
    clock = [pl.lit(f"{hour:02}:00").alias(name) for name, hour in (("from", ask.params.small_from), ("until", ask.params.small_until))]
    items = facts.filter("certain", pl.col("better"), pl.col("unserved") >= ask.params.min_unserved).select("shop", *clock, *columns)
    return Answer(_hour_verdicts(of_every_shop(ask, facts), ask), {"items": items, "hours": sums})


def _hour_findings(ask: Ask) -> dict[str, pl.Expr]:
    enough = (pl.col("visitors") >= ask.params.min_visitors) & (pl.col("nights") >= ask.params.min_nights) & (pl.col("day_visitors") > 0)
    clocked = (pl.col("orders") >= ask.params.min_orders) & (pl.col("shift") == 0)
    return {
        "better": (pl.col("lower") > pl.col("day_upper")).fill_null(False),
        "certain": (enough & clocked).fill_null(False),
    }


def _hour_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, nights, least = duration_text(ask.params.window), ask.params.min_nights, ask.params.min_visitors
    block = f"{ask.params.small_from:02}:00-{ask.params.small_until:02}:00"
    share = {name: percent(pl.col(name)) for name in ("conversion", "lower", "day_conversion", "day_upper")}
    rates = (share["conversion"], pl.col("buyers"), pl.col("visitors"), share["lower"], share["day_conversion"], share["day_upper"])
    served = pl.col("unserved") < ask.params.min_unserved
    zh_end, en_end = (
        pl.when(~pl.col("better")).then(pl.lit(same)).when(served).then(pl.format(few, said(pl.col("unserved")))).otherwise(
            pl.format(more, said(pl.col("asked")), said(pl.col("unserved")))
        )
        for same, few, more in (
            ("没有明显高于白天，不建议延长", "高于白天，但只有{}次咨询无人工接待，不建议延长", f"高于白天，{{}}次咨询中{{}}次无人工接待，建议客服延长到{block}"),
            ("not clearly above the day: no proposal", "above the day, but only {} conversations without a person: no proposal",
             f"above the day, {{}} conversations of which {{}} without a person: longer hours {block} proposed"),
        )
    )  # fmt: skip
    none, thin = pl.col("nights").is_null(), (pl.col("visitors") < least) | (pl.col("nights") < nights)
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{days}凌晨{block}转化{{}}（{{}}/{{}}人，下限{{}}），白天{{}}（上限{{}}）；{{}}", *rates, zh_end),
        en=pl.format(f"{days}, {block}: conversion {{}} ({{}} of {{}}, at least {{}}), by day {{}} (at most {{}}); {{}}", *rates, en_end),
        lacks=[
            Lack(none, f"hours: none in the small hours of {days}", f"{days}内没有凌晨的小时数据（缺小时数据）"),
            Lack(
                ~none & thin,
                pl.format(f"hours: {{}} visitors in {{}} nights ({block}), {least} in {nights} needed", pl.col("visitors"), pl.col("nights")),
                pl.format(f"凌晨{block}只有{{}}位访客、{{}}晚，需要{least}位、{nights}晚，样本太少", pl.col("visitors"), pl.col("nights")),
            ),
            Lack(~none & (pl.col("day_visitors").fill_null(0) == 0), "hours: none by day", "没有白天的小时数据"),
            Lack(
                ~none & (pl.col("orders").fill_null(0) < ask.params.min_orders),
                pl.format(f"orders: {{}} paid within {days}, {ask.params.min_orders} needed to check the clock", pl.col("orders").fill_null(0)),
                pl.format(f"{days}内只有{{}}单支付，需要{ask.params.min_orders}单来核对小时数据的时区", pl.col("orders").fill_null(0)),
            ),
            Lack(
                (pl.col("shift") != 0).fill_null(False),
                pl.format("hours: the clock is off by {} hours against the orders (another time zone?)", pl.col("shift")),
                pl.format("小时数据与订单相差{}小时，疑为时区错误，请核对导出", pl.col("shift")),
            ),
            Lack(
                pl.col("better") & pl.col("asked").is_null(),
                f"chats: none within {days}, so nobody knows who asks in the small hours",
                f"{days}内没有聊天记录，不知道凌晨有多少人咨询（缺聊天记录）",
            ),
        ],
    )


# --- service.complaints --------------------------------------------------------------------------------------------


class Complaints(Params):
    """`window`: the whole days looked at. `baseline`: the days before them that say what is usual. `exposure`: complaints are held
    against what was sold in so many days before. `max_stars`: a review of so many or fewer complains. `share`: the reasons that make up so
    much (Pareto). A topic rises with `min_complaints` cases of `min_buyers` buyers, `ratio` times as many as expected and so surprising as `z`
    (Anscombe's z for counts). `share_ratio`: an item stands out when the lower bound of its quality complaints per line sold is so many
    times the rate of the shop's other items.
    """

    window: Days = timedelta(days=7)
    baseline: Days = timedelta(days=28)
    exposure: Days = timedelta(days=15)
    max_stars: int = Field(3, ge=1, le=5)
    share: Percent = Decimal("0.8")
    min_complaints: int = Field(5, ge=1)
    min_buyers: int = Field(3, ge=1)
    ratio: Decimal = Decimal("1.5")
    z: float = 3
    share_ratio: int = Field(3, ge=1)


@automation(
    "service.complaints",
    zh="投诉分析与品控",
    en="Sort complaints by reason, find what rises, hand quality complaints to quality control",
    reads=("reviews", "refunds", "order_lines"),
    serves=("C5",),
    params=Complaints,
)
def complaints(frames: Frames, ask: Ask) -> Answer:
    """Cases by topic (tasks._reasons, tasks._complaints): bad reviews and reasons of after-sales, each order and topic once.

    A text of several topics is a case of each, so `share` (of the window's mentions) adds up to 1 over mentions, not over orders. Returns
    for no reason (无理由, 拍错) are no complaints. `reasons`: every topic with its trend against the baseline, held against what was sold;
    `vital`: the smallest set with 80 %. `items`: items whose quality complaints rise (`rule` trend) or stand out among the shop's
    items over both spans (share), for quality control; `texts`: what was written most.
    """
    told, (sold, days) = cases(frames, ask), sold_beside(frames, ask)
    reasons = _reasons(told, sold, days, ask)
    items = _quality_items(told, sold, days, ask)
    facts = _complaint_facts(frames, ask, told, reasons, days)
    facts = counted(facts, {"to_check": items, "rising": reasons.filter("rising")})
    return Answer(_complaint_verdicts(of_every_shop(ask, facts), ask), {"items": items, "reasons": reasons})


def _reasons(told: pl.DataFrame, sold: pl.DataFrame, days: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    whole = sold.group_by("shop").agg(pl.col("sold", "sold_before").sum())
    rows = trend(told, ["shop", "topic"], days, ask).join(whole, on="shop", how="left").join(days, on="shop", how="left")
    rows = with_expected(rows, pl.col("sold"), pl.col("sold_before"))
    vital = smallest_set(rows.lazy(), "shop", "topic", "complaints", ask.params.share).select("shop", "topic", vital=pl.lit(True)).collect()
    mentions = pl.col("complaints").sum().over("shop")
    owner = {one.name: one.to for one in TOPICS} | {OTHER: "service"}
    return (
        rows.join(vital, on=["shop", "topic"], how="left")
        .with_columns(
            zh=topic_zh(pl.col("topic")), to=pl.col("topic").replace_strict(owner, return_dtype=pl.String), rising=rising(ask),
            share=pl.when(mentions > 0).then(pl.col("complaints") / mentions), vital=pl.col("vital").fill_null(False),
        )
        .select("shop", "topic", "zh", "to", "complaints", "buyers", "share", "vital", "before", "expected", "z", "rising")
        .sort("shop", "complaints", "before", "topic", descending=[False, True, True, False])
    )  # fmt: skip


def _quality_items(told: pl.DataFrame, sold: pl.DataFrame, days: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Items with quality complaints that rise, or that stand out among the shop's items."""
    quality = told.filter(pl.col("topic").is_in([one.name for one in TOPICS if one.to == "quality"]), pl.col("item_id").is_not_null())
    rows = trend(quality, ["shop", "item_id"], days, ask).join(sold, on=["shop", "item_id"], how="full", coalesce=True)
    rows = rows.join(days, on="shop", how="left").with_columns(pl.col("complaints", "before", "total", "buyers", "whole_buyers").fill_null(0))
    total, lines = pl.col("total"), pl.col("lines").fill_null(0)
    others, other_lines = total.sum().over("shop") - total, lines.sum().over("shop") - lines
    rows = with_expected(rows, pl.col("sold"), pl.col("sold_before")).with_columns(
        rate=pl.when(lines > 0).then(total / lines),
        lower=wilson_lower(total, lines),
        rate_of_others=pl.when(other_lines > 0).then(others / other_lines),
    )
    stands_out = (total >= ask.params.min_complaints) & (pl.col("whole_buyers") >= ask.params.min_buyers)
    stands_out = (stands_out & (pl.col("lower") >= ask.params.share_ratio * pl.col("rate_of_others"))).fill_null(False)
    rule = pl.when(rising(ask)).then(pl.lit("trend")).when(stands_out).then(pl.lit("share"))
    words = quality.group_by("shop", "item_id", "text").agg(n=pl.len()).sort("shop", "item_id", "n", "text", descending=[False, False, True, False])
    words = words.group_by("shop", "item_id", maintain_order=True).agg(texts=pl.col("text").head(3).str.join("；"))
    return (
        rows.with_columns(rule=rule)
        .filter(pl.col("rule").is_not_null())
        .join(words, on=["shop", "item_id"], how="left")
        .select("shop", "item_id", "rule", "complaints", "buyers", "before", "expected", "z", "total", "rate", "lower", "rate_of_others", "texts")
        .sort("shop", "complaints", "total", "item_id", descending=[False, True, True, False])
    )


def _complaint_facts(frames: Frames, ask: Ask, told: pl.DataFrame, reasons: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    newest = pl.concat([known(frames, kind, ask).select("shop", "created_at") for kind in ("reviews", "refunds")])
    feed = newest.group_by("shop").agg(newest_on=local_date("created_at", ask).max()).collect()
    now = told.filter(pl.col("ago") <= ask.params.window // DAY)
    other = (pl.col("topic") == OTHER).sum().cast(pl.Int64)
    counts = now.group_by("shop").agg(complaints=pl.struct("who", "item_id").n_unique().cast(pl.Int64), other=other)
    named = {"top": pl.format("{}{}", "zh", "complaints").str.join("、"), "top_en": pl.format("{} {}", "topic", "complaints").str.join(", ")}
    top = reasons.filter("vital").group_by("shop", maintain_order=True).agg(**named)
    facts = pl.concat([feed, counts, top, days], how="align_full")
    return facts.with_columns(pl.col("complaints", "other").fill_null(0), pl.col("top", "top_en").fill_null("—"))


def _complaint_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    window, share = duration_text(ask.params.window), percent_text(ask.params.share)
    ends = (pl.col("rising"), pl.col("to_check"), pl.col("other"))
    zh, en = ((pl.col("complaints"), pl.col(top), *ends) for top in ("top", "top_en"))
    none = pl.col("newest_on").is_null()
    stale = pl.col("newest_on") < today(ask) - ask.params.window
    least, back, days = 14, duration_text(ask.params.exposure), pl.col("days").fill_null(0)
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{window}投诉{{}}起，主要原因（占{share}）：{{}}；{{}}类上升，{{}}款商品转品控；{{}}条未能归类", *zh),
        en=pl.format(f"{{}} complaints in {window}; {share} are {{}}; {{}} reasons rise, {{}} items for quality control; {{}} not classified", *en),
        lacks=[
            Lack(none, "reviews, refunds: none", "没有评价和退款数据"),
            Lack(
                ~none & stale,
                pl.format(f"reviews, refunds: nothing within {window} (newest {{}})", pl.col("newest_on").cast(pl.String)),
                pl.format(f"{window}内评价和退款没有更新（最近{{}}）", pl.col("newest_on").cast(pl.String)),
            ),
            Lack(
                ~none & (days < least),
                pl.format(f"order_lines: {{}} days of baseline with {back} of sales before them, {least} needed for a trend", days),
                pl.format(f"订单明细只够{{}}天基线（每天还需之前{back}的销售），看趋势需要{least}天", days),
            ),
        ],
        decided=~stale & (pl.col("to_check") > 0),
    )


# --- service.return_deadline ---------------------------------------------------------------------------------------


class ReturnDeadline(Params):
    """`policy`: from when on orders are promised the longer window: an anchor, a date or an instant of the order's own creation; that very
    instant has it. `before`, `after`: the two promises, 7 and 15 days. `counted`: from the day after the goods were signed for to the end of
    the last day (next_day, as the seven-day rule's Measures of SAMR count), or to the second from the signature on (signed). `window`:
    orders created in the last days. `hand_over`: signed for sooner than this after the parcel left is a mark set by hand and not believed.
    """

    policy: str = "policy"
    before: Days = timedelta(days=7)
    after: Days = timedelta(days=15)
    counted: Literal["next_day", "signed"] = "next_day"
    window: Days = timedelta(days=90)
    hand_over: Span = timedelta(hours=2)


@automation(
    "service.return_deadline",
    zh="退货期限（7天与15天）",
    en="Until when each order may be sent back, by the promise of its own day",
    reads=("orders", "parcels", "refunds"),
    serves=("D12u",),
    params=ReturnDeadline,
)
def return_deadline(frames: Frames, ask: Ask) -> Answer:
    """The return window of each paid order: `after` days when it was created at or after the policy's instant, else `before` days.

    It runs from the signature of the order's last parcel; the deadline is the last second that counts. An order whose goods came without
    a signature is unknown, never over: `unknown_orders` says why. `items`: after-sales still open, `standing` late, unknown or in_time
    (before the signature is in time), for the person who answers them; `orders`: those that may still be sent back, by deadline.
    """
    policy = resolve(ask.params.policy, ask)
    rows = windows(frames, ask, policy or ask.as_of)
    rows = rows if policy else rows.clear()
    items = judged_claims(frames if policy else {}, ask, rows)
    columns = ("shop", "order_id", "created_at", "promised_days", "signed_at", "deadline")
    still, unknown = rows.filter(pl.col("state") == "open"), rows.filter(pl.col("state") == "unknown")
    unknown = unknown.select("shop", "order_id", "created_at", "promised_days", "why")
    lists = {"items": items, "orders": still.select(columns), "unknown_orders": unknown}
    if policy is None:
        text = f"policy: {ask.params.policy!r} is neither an anchor of the run nor a date"
        return Answer(unknown_for_all(ask, text, f"policy：“{ask.params.policy}”既不是本次运行的锚点也不是日期"), lists)
    return Answer(_deadline_verdicts(of_every_shop(ask, _deadline_facts(rows, items, ask)), ask), lists)


def _deadline_facts(rows: pl.DataFrame, items: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    open_ = pl.col("state") == "open"
    longer = pl.col("promised_days") == ask.params.after // DAY
    orders = rows.group_by("shop").agg(
        orders=pl.len().cast(pl.Int64), open=open_.sum().cast(pl.Int64), open_longer=(open_ & longer).sum().cast(pl.Int64),
        signed=pl.col("signed_at").count().cast(pl.Int64), unknown=(pl.col("state") == "unknown").sum().cast(pl.Int64),
    )  # fmt: skip
    claims = items.group_by("shop").agg(
        (pl.col("standing") == name).sum().cast(pl.Int64).alias(f"claims_{name}") for name in ("in_time", "late", "unknown")
    )
    facts = orders.join(claims, on="shop", how="full", coalesce=True)
    return facts.with_columns(pl.exclude("shop", "orders").fill_null(0))


def _deadline_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, after, before = duration_text(ask.params.window), ask.params.after // DAY, ask.params.before // DAY
    names = ("unknown", "claims_in_time", "claims_late", "claims_unknown")
    numbers = (pl.col("open"), pl.col("open_longer"), pl.col("open") - pl.col("open_longer"), *(pl.col(name) for name in names))
    none = pl.col("orders").is_null()
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}单仍可退货（{after}天承诺{{}}单，{before}天{{}}单），{{}}单签收时间未知；未结售后{{}}件在期内、{{}}件超期、{{}}件未知", *numbers),
        en=pl.format(f"{{}} orders may still be sent back ({after} days: {{}}, {before} days: {{}}), signature unknown for {{}}; open claims: {{}} in "
                     "time, {} late, {} unknown", *numbers),
        lacks=[
            Lack(none, f"orders: none paid within {days}", f"{days}内没有已付款订单（缺订单）"),
            Lack(
                ~none & (pl.col("signed") == 0) & (pl.col("unknown") > 0),
                pl.format("parcels.delivered_at: unknown for all {} orders that arrived", pl.col("unknown")),
                pl.format("{}单已到货订单的签收时间全部未知，请导出包裹的签收时间", pl.col("unknown")),
            ),
        ],
    )  # fmt: skip


# --- service.disputes ----------------------------------------------------------------------------------------------


class Disputes(Feed):
    """`limit`: how long an after-sale may wait for an answer before the goods have left, `limit_shipped`: after (nothing states them; the
    platforms' own differ by kind). `soon`: within so long of the limit it is due soon. `approve_above`: an amount over it wants a
    second person.
    """

    limit: Span = timedelta(hours=48)
    limit_shipped: Span = timedelta(hours=72)
    soon: Span = timedelta(hours=12)
    approve_above: Fen = 200_00


@automation(
    "service.disputes",
    zh="售后纠纷队列",
    en="Open after-sales with their timer, a suggested remedy and a check of what is asked for",
    reads=("refunds", "orders", "order_lines"),
    serves=("C4",),
    params=Disputes,
)
def disputes(frames: Frames, ask: Ask) -> Answer:
    """After-sales open as of the instant, the nearest limit first: a person decides each.

    `state`: overdue past its limit (exactly the limit is in time), soon, or open. `check` (tasks._disputes): twice (two remedies for one thing),
    exceeds (more than was paid and is left), unknown, ok. `remedy` and `zh`: what usually settles such a reason (tasks._reasons); hold where
    the check fails. `needs_approval`: the amount is over `approve_above`, or unknown.
    """
    amount = pl.col("amount_fen")
    columns = ("shop", "refund_id", "order_id", "item_id", "created_at", "due_at", "hours_left", "state", "refund_kind", "reason", "topics", "remedy",
               "zh", "amount_fen", "paid_fen", "left_fen", "check", "beside")  # fmt: skip
    items = (
        timed(with_remedy(checked(frames, ask)), ask)
        .select(*columns, needs_approval=(amount > ask.params.approve_above).fill_null(True))
        .sort("shop", "due_at", "refund_id")
        .collect()
    )
    named = (("state", "overdue"), ("state", "soon"), ("check", "twice"), ("check", "exceeds"))
    counts = [(pl.col(by) == name).sum().cast(pl.Int64).alias(name) for by, name in named]
    queue = items.group_by("shop").agg(
        *counts, open=pl.len().cast(pl.Int64), unchecked=(pl.col("check") == "unknown").sum().cast(pl.Int64), least_left=pl.col("hours_left").min()
    )
    facts = silence(refund_events(frames, ask), ask, rare=True).join(queue, on="shop", how="left")
    facts = facts.with_columns(pl.col("overdue", "soon", "twice", "exceeds", "open", "unchecked").fill_null(0))
    return Answer(_dispute_verdicts(of_every_shop(ask, facts), ask), {"items": items})


def _dispute_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    numbers = tuple(pl.col(name) for name in ("open", "overdue", "soon", "twice", "exceeds", "unchecked"))
    none = pl.col("newest_at").is_null()
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}件售后待处理，{}件超时，{}件即将超时；{}件重复处理、{}件超过实付、{}件金额未知", *numbers),
        en=pl.format("{} after-sales open, {} overdue, {} due soon; {} with two remedies, {} over what was paid, {} with unknown amounts", *numbers),
        lacks=[
            Lack(none, "refunds: none", "没有退款数据"),
            Lack(~none & pl.col("stale").fill_null(False), *_stale_texts("refunds", "退款", ask)),
        ],
    )


# --- service.roster ------------------------------------------------------------------------------------------------


class Roster(ServiceHours):
    """`since`, `until`: the hours to be staffed, anchors or dates (`day` and `day + 24h` on the campaign day, with `opens` 0 and `closes` 24);
    without them the next 7 days. `history`: days before today that say how many write in each hour. `uplift`: so many times the usual are
    expected. `per_hour`: conversations an agent can lead in an hour. `min_people`: an A and a B, so that one can stand in for the other.
    `training_age`, `temporary_training_age`: how old a training may be at the shift.
    """

    since: str | None = None
    until: str | None = None
    history: Days = timedelta(days=14)
    uplift: Decimal = Field(Decimal(1), gt=0)
    per_hour: int = Field(20, ge=1)
    min_people: int = Field(2, ge=1)
    training_age: Days = timedelta(days=365)
    temporary_training_age: Days = timedelta(days=60)


@automation(
    "service.roster",
    zh="客服排班检查",
    en="Shifts against expected conversations by hour; backups, training, temporary agents",
    reads=("shifts", "chats"),
    serves=("A5", "C2", "C3"),
    params=Roster,
)
def roster(frames: Frames, ask: Ask) -> Answer:
    """Each service hour of the coming window: who is on duty, and how many are needed for the conversations expected in it.

    Expected: the mean of the same hour over the days of `history`, times `uplift`. Only trained agents count (tasks._roster). `items`: what
    to mend, an hour after the other where one cause lasts: nobody, short, no_backup, temporary_only, and untrained for an agent. `hours`: every hour;
    `agents`: who works, and since when trained.
    """
    window, missing, zh = _coming(ask)
    span = window or Window(ask.as_of, ask.as_of + timedelta(hours=1))
    frames = frames if window else {}
    shifts, usual = rostered(frames, ask, span), usual_hours(frames, ask)
    agents, every = agents_of(shifts), cover(shifts, usual, ask, span)
    untrained = agents.filter(pl.col("reason").is_not_null()).select(
        "shop", "agent", "reason", pl.col("first_shift").alias("from"), cause=pl.lit("untrained")
    )
    planned = every.join(shifts.select("shop").unique(), on="shop", how="semi", maintain_order="left")
    items = pl.concat([gaps(planned, ask), untrained], how="diagonal").sort("shop", "from", "cause", "agent", nulls_last=True)
    items = items.select("shop", "cause", "from", "until", "needed", "on_duty", "agent", "reason")
    lists = {"items": items, "hours": every, "agents": agents}
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), lists)
    return Answer(_roster_verdicts(of_every_shop(ask, _roster_facts(every, agents, usual, untrained)), ask), lists)


def _coming(ask: Ask) -> tuple[Window | None, str, str]:
    """The window to be staffed; it may lie ahead."""
    ends = {"since": ask.params.since, "until": ask.params.until}
    since = last_midnight(ask) + DAY if ends["since"] is None else resolve(ends["since"], ask)
    until = (since and since + 7 * DAY) if ends["until"] is None else resolve(ends["until"], ask)
    for name, moment in (("since", since), ("until", until)):
        if moment is None:
            return None, f"{name}: {ends[name]!r} is neither an anchor of the run nor a date", f"{name}：“{ends[name]}”既不是本次运行的锚点也不是日期"
    if until <= since:
        return None, "until: the window ends before it begins", "until：窗口在开始之前就结束了"
    return Window(since, until), "", ""


def _roster_facts(every: pl.DataFrame, agents: pl.DataFrame, usual: pl.DataFrame, untrained: pl.DataFrame) -> pl.DataFrame:
    cause = {name: (pl.col("cause") == name).fill_null(False).sum().cast(pl.Int64) for name in ("nobody", "short", "no_backup", "temporary_only")}
    by_hour = every.group_by("shop").agg(hours=pl.len().cast(pl.Int64), covered=pl.col("cause").is_null().sum().cast(pl.Int64), **cause)
    people = agents.group_by("shop").agg(agents=pl.len().cast(pl.Int64), temporary=pl.col("temporary").sum().cast(pl.Int64))
    days = usual.select("shop", "days").unique()
    facts = pl.concat([by_hour, people, days], how="align_full")
    return counted(facts, {"untrained": untrained}).with_columns(pl.col("agents", "temporary").fill_null(0))


def _roster_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    names = ("covered", "hours", "nobody", "short", "no_backup", "temporary_only", "agents", "temporary", "untrained")
    numbers = tuple(pl.col(name) for name in names)
    days = duration_text(ask.params.history)
    nobody, least = pl.col("agents").fill_null(0) == 0, (ask.params.history // DAY + 1) // 2
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}/{}个服务小时人手足够；无人{}小时，人手不足{}小时，无AB角{}小时，仅临时客服{}小时；{}名客服（临时{}名），{}名未培训", *numbers),
        en=pl.format("{} of {} service hours are covered; nobody in {}, short in {}, no backup in {}, temporary agents only in {}; {} agents ({} "
                     "temporary), {} not trained", *numbers),
        lacks=[
            Lack(nobody, "shifts: none in the window", "窗口内没有排班（缺排班）"),
            Lack(
                pl.col("days").fill_null(0) < least,
                pl.format(f"chats: conversations of {{}} days within {days}, {least} needed to expect anything", pl.col("days").fill_null(0)),
                pl.format(f"{days}内只有{{}}天的会话，需要{least}天才能预计咨询量（缺聊天记录）", pl.col("days").fill_null(0)),
            ),
        ],
        decided=~nobody & ((pl.col("nobody") > 0) | (pl.col("untrained") > 0)),
    )  # fmt: skip
