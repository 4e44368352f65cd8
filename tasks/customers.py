"""Customers: who is new, who comes again, who spends much, who has gone quiet, and whom one may write to."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import field_validator, model_validator

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.formulae.rfm import OTHERS, scores, segment_of
from ecops.formulae.rfm import SEGMENTS as RFM_SEGMENTS
from tasks._acquisition import channel_costs, cost_facts
from tasks._channels import alias_table
from tasks._first_order import bought_before, prospects, with_coupon
from tasks._flash_sale import PUSH_FIELDS, flash_items, holiday_words, push_time, week_begins, week_of
from tasks._members import Levels, ledger, level_rules, level_sizes, members, moved, paid_orders
from tasks._messages import (
    Sending,
    Sms,
    audience_facts,
    consent_lack,
    coupon_message,
    days_before_sending,
    log_lack,
    no_time_to_send,
    plain_yuan,
    reason_counts,
    when,
    with_fields,
    writable,
)
from tasks._purchases import by_buyer, history_lacks, order_facts, order_lacks
from tasks._reach import as_persons, consents, one_each, persons, sending_at
from tasks._rows import at_least, instant, known, percent, yuan
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._windows import DAY, Days, Span, Window, days_before, today, window_of

# --- customers.segment ---------------------------------------------------------------------------------------------

SEGMENTS = ("new", "repeat_3", "high_value", "dormant")


class Segment(Params):
    """Where the segments begin. `repeat`: purchases of a returning customer; `high_value_aov`: yuan an order, beside
    `repeat` purchases; `dormant`: more days than this since the last purchase; `stale_after`: without a newer order the
    data is too old to call anybody dormant.
    """

    repeat: int = 3
    high_value_aov: Fen = 200_00
    dormant: Days = timedelta(days=90)
    stale_after: Days = timedelta(days=30)


@automation(
    "customers.segment",
    zh="用户分层",
    en="Segment the buyers of a shop",
    reads=("orders",),
    serves=("U1", "U9", "D9h", "D10s"),
    params=Segment,
)
def segment(frames: Frames, ask: Ask) -> Answer:
    """Segments of the known buyers as of an instant. A purchase is a main order paid and not fully refunded; orders that a buyer
    made in the same second are one basket which the platform split, and one purchase.

    new: one purchase, not dormant. repeat_3: at least `repeat` purchases. high_value: repeat_3 and at least
    `high_value_aov` an order on average. dormant: more than `dormant` days since the last one. They are flags: one buyer
    may be in repeat_3, high_value and dormant at once, so the sizes do not add up to the buyers. Orders that do not name
    their buyer are counted, and nobody is made of them.
    """
    buyers = _buyers(frames, ask)
    facts = of_every_shop(ask, _segment_facts(frames, ask, buyers)).with_columns(pl.exclude("shop", "oldest_at", "newest_at").fill_null(0))
    return Answer(_segment_verdicts(facts, ask), {"items": _sizes(facts), "buyers": buyers})


def _buyers(frames: Frames, ask: Ask, history: timedelta | None = None) -> pl.DataFrame:
    """One row a known buyer with a purchase (within `history`): how many, how much, how long ago, and the flags."""
    return (
        by_buyer(frames, ask, ask.as_of - history if history else None)
        .drop("last_paid_at")
        .with_columns(
            aov_fen=(pl.col("amount_fen") / pl.col("purchases")).round(0).cast(pl.Int64),
            days_since=(pl.lit(today(ask)) - pl.col("last_paid_on")).dt.total_days(),
        )
        .with_columns(**_flags(ask))
        .with_columns(new=pl.col("new") & ~pl.col("dormant"))
        .sort("shop", "buyer_id")
        .collect()
    )


def _flags(ask: Ask) -> dict[str, pl.Expr]:
    """An unknown amount makes nobody a high-value customer."""
    often = pl.col("purchases") >= ask.params.repeat
    rich = (pl.col("amount_fen") >= ask.params.high_value_aov * pl.col("purchases")).fill_null(False)
    return {
        "new": pl.col("purchases") == 1,
        "repeat_3": often,
        "high_value": often & rich,
        "dormant": pl.col("days_since") > ask.params.dormant.days,
    }


def _segment_facts(frames: Frames, ask: Ask, buyers: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: paid orders, those without a buyer, buyers, and each segment."""
    sizes = [pl.col(name).sum().cast(pl.Int64) for name in SEGMENTS]
    return order_facts(frames, ask).join(buyers.group_by("shop").agg(pl.len().cast(pl.Int64).alias("buyers"), *sizes), on="shop", how="left")


def _sizes(facts: pl.DataFrame) -> pl.DataFrame:
    """Size and share of every segment of every shop that knows a buyer, and the orders of unknown identity beside them."""
    known = facts.filter(pl.col("buyers") > 0)
    share = pl.when(pl.col("of") > 0).then(pl.col("size") / pl.col("of"))
    return (
        known.unpivot(list(SEGMENTS), index=["shop", "buyers", "unnamed"], variable_name="segment", value_name="size")
        .rename({"buyers": "of"})
        .select("shop", "segment", buyers="size", share=share, unknown_identity_orders="unnamed")
        .sort("shop", pl.col("segment").replace_strict({name: n for n, name in enumerate(SEGMENTS)}, return_dtype=pl.Int8))
    )


def _segment_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = (*(pl.col(name) for name in ("buyers", *SEGMENTS)), pl.col("unnamed"))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}位买家：新客{{}}，{ask.params.repeat}次以上{{}}，高价值{{}}，沉睡{{}}；{{}}单买家不明", *counts),
        en=pl.format("{} buyers: {} new, {} repeat, {} high value, {} dormant; {} orders of unknown identity", *counts),
        lacks=order_lacks(ask, ask.params.stale_after),
    )


# --- customers.rfm -------------------------------------------------------------------------------------------------

_RFM_ZH = {name: zh for name, zh, *_ in RFM_SEGMENTS}
_RFM_ORDER = {name: place for place, name in enumerate(_RFM_ZH)}


class Rfm(Segment):
    """`history`: back over it purchases count (all that are known unless told). `min_buyers`: with fewer the classes say nothing
    (25: five a class). `repeat`, `high_value_aov` and `dormant` make the fixed flags that stand beside the scores, as in
    `customers.segment`; `stale_after` as there.
    """

    history: Days | None = None
    min_buyers: int = 25


@automation(
    "customers.rfm",
    zh="RFM分层",
    en="Score buyers by recency, frequency and money, and segment them",
    reads=("orders",),
    serves=("U1", "D9h"),
    params=Rfm,
)
def rfm(frames: Frames, ask: Ask) -> Answer:
    """Each known buyer's recency (days since the last purchase as of the instant), frequency (purchases) and money (net amount) as
    classes 1 to 5 within the shop, and the segment by the published score table (`ecops/formulae/rfm.py`).

    Classes lie between the quintiles, equal values share one, so that a class may be empty. Segments are exclusive: everybody is in
    exactly one, unless an amount is unknown: then there is no score for money and no segment (`unscored`). `items`: the segments
    that have buyers; `buyers`: everybody, with the fixed flags of the specification beside the scores.
    """
    buyers = _scored(_buyers(frames, ask, ask.params.history))
    facts = order_facts(frames, ask).join(_rfm_facts(buyers), on="shop", how="left")
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop", "oldest_at", "newest_at").fill_null(0))
    return Answer(_rfm_verdicts(facts, ask), {"items": _rfm_sizes(buyers), "buyers": buyers})


def _scored(buyers: pl.DataFrame) -> pl.DataFrame:
    points = scores(pl.col("days_since"), pl.col("purchases"), pl.col("amount_fen"), ["shop"])
    return buyers.with_columns(**points).with_columns(segment=segment_of(*map(pl.col, points))).select(
        "shop", "buyer_id", "segment", *points, "days_since", "last_paid_on", "purchases", "amount_fen", "new", "repeat_3", "high_value", "dormant"
    )  # fmt: skip


def _rfm_sizes(buyers: pl.DataFrame) -> pl.DataFrame:
    """One row a segment that has buyers, the best customers first."""
    return (
        buyers.drop_nulls("segment")
        .group_by("shop", "segment")
        .agg(
            buyers=pl.len().cast(pl.Int64), amount_fen=pl.col("amount_fen").sum(), purchases=pl.col("purchases").sum(),
            median_days_since=pl.col("days_since").median(),
        )
        .with_columns(
            zh=pl.col("segment").replace_strict(_RFM_ZH, return_dtype=pl.String), share=pl.col("buyers") / pl.col("buyers").sum().over("shop")
        )
        .sort("shop", pl.col("segment").replace_strict(_RFM_ORDER, return_dtype=pl.Int8))
        .select("shop", "segment", "zh", "buyers", "share", "purchases", "amount_fen", "median_days_since")
    )  # fmt: skip


def _rfm_facts(buyers: pl.DataFrame) -> pl.DataFrame:
    def of(*names: str) -> pl.Expr:
        return pl.col("segment").is_in(names).sum().cast(pl.Int64)

    return buyers.group_by("shop").agg(
        scored=pl.col("segment").count().cast(pl.Int64), unscored=pl.col("segment").null_count().cast(pl.Int64), champions=of("champions"),
        leaving=of("at_risk", "cant_lose_them"), lost=of("lost"), others=of(OTHERS),
    )  # fmt: skip


def _rfm_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    least, scored = ask.params.min_buyers, pl.col("scored")
    numbers = (scored, pl.col("champions"), percent(pl.col("champions") / scored), *map(pl.col, ("leaving", "lost", "unscored", "unnamed")))
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}位买家：核心{}（{}），有流失风险{}，已流失{}；金额不明{}位，{}单买家不明", *numbers),
        en=pl.format("{} buyers: {} champions ({}), {} about to leave, {} lost; {} of unknown amount, {} orders of unknown identity", *numbers),
        lacks=[
            *order_lacks(ask, ask.params.stale_after),
            Lack(
                (pl.col("unnamed") < pl.col("orders")) & (scored < least),
                pl.format(f"orders: {{}} buyers with known amounts, fewer than {least}", scored),
                pl.format(f"只有{{}}位金额明确的买家，少于{least}位，分位没有意义", scored),
            ),
        ],
    )


# --- customers.levels ----------------------------------------------------------------------------------------------


class MemberLevels(Params):
    """`levels`: names and the yuan from which they hold (net amount of the orders paid within `window`), rising from 0. A choice:
    the specification names no level. `points_per_yuan`: points for each whole yuan of an order. `since`: how far back the level
    before is looked at, to tell who moved. `stale_after`: without a newer order levels are not told.
    """

    levels: Levels = "普通会员 0, 银卡会员 500, 金卡会员 2000, 钻石会员 5000"
    window: Days = timedelta(days=365)
    points_per_yuan: int = 1
    since: Days = timedelta(days=1)
    stale_after: Days = timedelta(days=30)


@automation(
    "customers.levels",
    zh="会员等级与积分",
    en="Membership levels and the points ledger from paid orders",
    reads=("orders",),
    serves=("U4",),
    params=MemberLevels,
)
def levels(frames: Frames, ask: Ask) -> Answer:
    """Level and points of every known buyer as of the instant, from the orders alone.

    Level: the highest whose amount the buyer's orders paid within `window` reach, net of what was refunded by then. Points: whole
    yuan of each order times `points_per_yuan`, earned at payment; a refund reverses what the order no longer earns, an order closed
    after payment all of it, so that the balance is always that of the net amounts. An order of unknown amount makes level and
    points of its buyer unknown.

    `items`: who moved to another level within `since`, for the benefits; `levels`: sizes; `members`: everybody; `ledger`: entries.
    """
    now, rules = paid_orders(frames, ask, ask.as_of), level_rules(ask.params.levels)
    before = ask.as_of - ask.params.since
    standing = members(now, ask.as_of, ask.params.window, rules, ask.params.points_per_yuan).collect()
    earlier = members(paid_orders(frames, ask, before), before, ask.params.window, rules, ask.params.points_per_yuan).collect()
    moves, entries = moved(standing, earlier, rules), ledger(now, ask.params.points_per_yuan).collect()
    facts = order_facts(frames, ask).join(_member_facts(standing, moves, entries), on="shop", how="left")
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop", "oldest_at", "newest_at").fill_null(0))
    lists = {"items": moves, "levels": level_sizes(standing, rules), "members": standing.drop("place"), "ledger": entries}
    return Answer(_level_verdicts(facts, ask), lists)


def _member_facts(standing: pl.DataFrame, moves: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    sums = standing.group_by("shop").agg(
        members=pl.len().cast(pl.Int64), unsure=pl.col("points").null_count().cast(pl.Int64), points=pl.col("points").sum()
    )
    ups = moves.group_by("shop").agg(up=pl.col("up").sum().cast(pl.Int64), down=(~pl.col("up")).sum().cast(pl.Int64))
    back = entries.group_by("shop").agg(reversed=-pl.col("points").filter(pl.col("entry") == "reversed").sum())
    return sums.join(ups, on="shop", how="left").join(back, on="shop", how="left")


def _level_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    numbers = tuple(pl.col(name) for name in ("members", "up", "down", "points", "reversed", "unsure", "unnamed"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}位会员：升级{}，降级{}；积分余额{}，因退款冲回{}；{}位金额不明，{}单买家不明", *numbers),
        en=pl.format("{} members: {} up, {} down; {} points, {} reversed by refunds; {} of unknown amount, {} orders of unknown identity", *numbers),
        lacks=order_lacks(ask, ask.params.stale_after),
    )


# --- customers.wecom_import ----------------------------------------------------------------------------------------


class WecomImport(Params):
    """`window`: how far back a payment makes a buyer a candidate. `channel`: whose consent counts, as in the kind `consents`."""

    window: Days = timedelta(days=30)
    channel: str = "wecom"


@automation(
    "customers.wecom_import",
    zh="企业微信导入名单",
    en="List consenting buyers to import into WeCom",
    reads=("orders", "consents"),
    serves=("U6", "D7f", "U5"),
    params=WecomImport,
)
def wecom_import(frames: Frames, ask: Ask) -> Answer:
    """Buyers with a purchase within `window` who agreed to be added, one id a person, and everybody else with the reason.

    Reasons, the first that holds: consent withdrawn (under any id of the person), no consent, already joined, same person as
    another id (ids that share a phone), phone masked (no order of the buyer tells a phone, so nobody can be found by it). `items`:
    the export list, ids only: the phones stay with the shop; `left_out` and `counts`: why, and how many. People invite.
    """
    since = ask.as_of - ask.params.window
    buyers = by_buyer(frames, ask, since).select("shop", "buyer_id", "purchases", "last_paid_at").collect()
    agreed, left_out = one_each(buyers, consents(frames, ask, ask.params.channel), persons(frames, ask), joined=False)
    with_phone = agreed.join(_phones(frames, ask), on=["shop", "buyer_id"], how="semi", maintain_order="left")
    masked = agreed.join(with_phone, on=["shop", "buyer_id"], how="anti").select("shop", "buyer_id", reason=pl.lit("phone masked"))
    left_out = pl.concat([left_out, masked]).sort("shop", "reason", "buyer_id")
    counts = reason_counts(left_out)
    facts = audience_facts(frames, ask, with_phone, counts)
    return Answer(_import_verdicts(facts, ask), {"items": with_phone, "left_out": left_out, "counts": counts})


def _phones(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Buyers of whom some order tells the phone."""
    told = known(frames, "orders", ask).filter(pl.col("phone_hash").is_not_null())
    return told.select("shop", pl.col("buyer_id").str.strip_chars()).unique().collect()


def _import_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    numbers = tuple(pl.col(name) for name in ("ready", "without", "joined", "same", "masked", "unnamed"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("可导入{}人；未授权或已退订{}，已入群{}，同一人{}，手机号不可见{}；{}单买家不明", *numbers),
        en=pl.format("{} to import; {} without consent, {} joined already, {} the same person, {} with a masked phone; {} orders of unknown identity", *numbers),
        lacks=[*order_lacks(ask, ask.params.window), consent_lack(ask.params.channel)],
    )


# --- customers.wake ------------------------------------------------------------------------------------------------


class Wake(Sending):
    """`dormant`: more days than this since the person's last purchase (90 or 180: a choice). `off`, `least`, `valid`: the coupon, 30
    yuan off from `least` yuan on (a choice), for 3 days from the second of sending. `again_after`: who got a message of `script`
    within it is left out. `text`: the SMS, with {off}, {least}, {until}; it must say how to opt out. `channel`: whose consent counts.
    `send_at` (as-of unless told), `quiet`: when it goes out. `first_time`: true when the shop never sent a message, so that no record
    of one is no gap.
    """

    dormant: Days = timedelta(days=90)
    off: Fen = 30_00
    least: Fen = 99_00
    valid: Days = timedelta(days=3)
    again_after: Days = timedelta(days=90)
    script: str = "唤醒"
    text: Sms = "好久不见，送您一张{off}元优惠券，满{least}元可用，{until}前有效。拒收请回复R"
    channel: str = "sms"
    stale_after: Days = timedelta(days=30)

    @model_validator(mode="after")
    def _spend_what_is_taken_off(self) -> "Wake":
        if self.off <= 0 or self.least < self.off:
            raise ValueError("least must not be under off: nobody can take off more than is spent")
        return self


@automation(
    "customers.wake",
    zh="沉睡用户唤醒",
    en="List dormant buyers for a short coupon by SMS",
    reads=("orders", "consents", "chats"),
    serves=("D10s",),
    params=Wake,
)
def wake(frames: Frames, ask: Ask) -> Answer:
    """Dormant persons who agreed to SMS and were not woken lately, one id each, and the coupon they are to get.

    A person is dormant when none of the ids that share a phone bought within `dormant`. The message goes out at `send_at` or, when
    that is quiet, at the end of the quiet hours; the coupon ends `valid` after that very second. Left out, with reason: consent
    withdrawn, no consent, same person, written to already (`chats` with sender `system` and `script`). `message`: text, scan and coupon.
    """
    send = sending_at(ask.params.send_at, ask.params.quiet, ask)
    if send is None:
        return Answer(no_time_to_send(ask), _wake_lists({}, ask, ask.as_of))
    lists = _wake_lists(frames, ask, send)
    return Answer(_wake_verdicts(audience_facts(frames, ask, lists["items"], lists["counts"]), ask, send), lists)


def _wake_lists(frames: Frames, ask: Ask, send: datetime) -> dict[str, pl.DataFrame]:
    of = persons(frames, ask)
    since = days_before_sending(send, ask.params.again_after)
    ready, left_out = writable(frames, ask, _dormant(frames, ask, of), of, since, script=ask.params.script)
    items = ready.with_columns(send_at=instant(send), expires_at=instant(send + ask.params.valid))
    return {"items": items, "left_out": left_out, "counts": reason_counts(left_out), "message": coupon_message(ask, send)}


def _dormant(frames: Frames, ask: Ask, of: pl.DataFrame) -> pl.DataFrame:
    """Buyers none of whose person's ids bought within `dormant`; each with what the id itself bought."""
    buyers = as_persons(by_buyer(frames, ask).drop("last_paid_at").collect(), of)
    last = pl.col("last_paid_on").max().over("shop", "person")
    days = (pl.lit(today(ask)) - last).dt.total_days()
    return buyers.with_columns(last_paid_on=last, days_since=days).filter(days > ask.params.dormant.days).drop("person")


def _wake_verdicts(facts: pl.DataFrame, ask: Ask, send: datetime) -> pl.DataFrame:
    params, ends = ask.params, f"{(send + ask.params.valid).astimezone(ask.timezone):%Y-%m-%d %H:%M:%S}"
    numbers = tuple(pl.col(name) for name in ("ready", "without", "written", "same"))
    coupon = f"满{plain_yuan(params.least)}减{plain_yuan(params.off)}券"
    taken = f"{plain_yuan(params.off)} yuan off from {plain_yuan(params.least)} on"
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"可唤醒{{}}人（{coupon}，{when(send, ask)}发送，{ends}到期）；未授权{{}}，近期已触达{{}}，同一人{{}}", *numbers),
        en=pl.format(f"{{}} to wake ({taken}, sent {when(send, ask)}, ends {ends}); {{}} without consent, {{}} woken lately, {{}} the same person", *numbers),
        lacks=[*order_lacks(ask, params.stale_after), consent_lack(params.channel), log_lack(params.first_time)],
    )


# --- customers.first_order_coupon ----------------------------------------------------------------------------------


class FirstOrderCoupon(Sending):
    """The coupon for a first order, and whom it is for. `off`, `least`, `valid`: yuan off from `least` yuan on (0: no minimum), valid so
    long from sending on; `discount`: a first-order discount beside it; `coupon_id`: its number among `promotions`, which stands aside.
    All a choice. `target_margin`, `fees`, `judge`: the floor it must keep, as in `campaign.stack_prices`.

    `refunded_is_first`: whether who had every order refunded may have it. `channel`, `text`: as in `customers.wake`. `most`: messages a
    person may get within `most_within`. `history`: how far back orders must reach, for else everybody looks new; `max_masked`: with a
    larger share of orders that do not name their buyer nobody knows who is new. `send_at`, `quiet`, `first_time`: as in `customers.wake`.
    """

    off: Fen = 10_00
    least: Fen = 59_00
    discount: Percent | None = None
    valid: Days = timedelta(days=7)
    coupon_id: str = "first-order"
    target_margin: Percent = Decimal("0.2")
    fees: Percent = Decimal("0.05")
    judge: Literal["worst", "alone"] = "worst"
    refunded_is_first: bool = False
    channel: str = "sms"
    text: Sms = "欢迎光临，首单立减{off}元，满{least}元可用，{until}前有效。拒收请回复R"
    most: int = 1
    most_within: Days = timedelta(days=7)
    history: Days = timedelta(days=90)
    max_masked: Percent = Decimal("0.05")
    stale_after: Days = timedelta(days=30)

    @model_validator(mode="after")
    def _leave_something_to_pay(self) -> "FirstOrderCoupon":
        if self.off <= 0 or 0 < self.least <= self.off:
            raise ValueError("off must be above 0, and least above off (or 0 for no minimum)")
        if self.discount is not None and not 0 < self.discount < 1:
            raise ValueError("discount must lie between 0% and 100%")
        return self


@automation(
    "customers.first_order_coupon",
    zh="新人首单券",
    en="Who may have the first-order coupon, and which items it would sell under their floor",
    reads=("orders", "consents", "behaviours", "chats", "items", "promotions", "price_changes"),
    serves=("U3", "D8n"),
    params=FirstOrderCoupon,
)
def first_order_coupon(frames: Frames, ask: Ask) -> Answer:
    """People without a first order who may be written to, and the stack of the coupon with all offers against the margin.

    Candidates are ids known from a consent, a visit or an unpaid order. Nobody who paid an order under any id of the person is new:
    `bought before`, also when all was refunded (`bought before and had it refunded`, unless `refunded_is_first`). Then consent, one id
    a person, and the cap on messages, as `left_out` says. `below_floor`: items on sale that the coupon, together with the offers
    that run while it is valid, sells under their floor (exactly the floor is held), `under_cost` first: leave them out or raise
    `least`. `problems`: offers that cannot be right; `unknown_items`: no cost or no price. A visitor nobody can name gets the pop-up
    of the platform.
    """
    send = sending_at(ask.params.send_at, ask.params.quiet, ask)
    if send is None:
        return Answer(no_time_to_send(ask), _first_lists({}, ask, ask.as_of))
    lists = _first_lists(frames, ask, send)
    facts = audience_facts(frames, ask, lists["items"], lists["counts"])
    for name, frame in (("offers", known(frames, "promotions", ask).select("shop").collect()), ("on_sale", _on_sale(frames, ask))):
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    for name in ("below_floor", "problems", "unknown_items"):
        facts = facts.join(lists[name].group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    under = lists["below_floor"].group_by("shop").agg(under_cost=pl.col("under_cost").sum().cast(pl.Int64))
    facts = facts.join(under, on="shop", how="left").with_columns(pl.exclude("shop", "oldest_at", "newest_at").fill_null(0))
    return Answer(_first_verdicts(facts, ask, send), lists)


def _on_sale(frames: Frames, ask: Ask) -> pl.DataFrame:
    return known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True)).select("shop").collect()


def _first_lists(frames: Frames, ask: Ask, send: datetime) -> dict[str, pl.DataFrame]:
    of = persons(frames, ask)
    candidates = prospects(frames, ask)
    bought = bought_before(frames, ask, candidates, of)
    new = candidates.join(bought, on=["shop", "buyer_id"], how="anti")
    since = days_before_sending(send, ask.params.most_within)
    ready, left_out = writable(frames, ask, new, of, since, most=ask.params.most)
    left_out = pl.concat([left_out, bought]).sort("shop", "reason", "buyer_id")
    items = ready.with_columns(send_at=instant(send), expires_at=instant(send + ask.params.valid))
    stack = with_coupon(frames, ask, send)
    return {
        "items": items, "left_out": left_out, "counts": reason_counts(left_out), "message": coupon_message(ask, send),
        "below_floor": stack["items"], "problems": stack["problems"], "unknown_items": stack["unknown_items"],
    }  # fmt: skip


def _first_verdicts(facts: pl.DataFrame, ask: Ask, send: datetime) -> pl.DataFrame:
    params = ask.params
    numbers = tuple(pl.col(name) for name in ("ready", "bought", "without", "written", "below_floor", "on_sale", "under_cost"))
    unknown, problems = pl.col("unknown_items"), pl.col("problems")
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"可发首单券{{}}人（{when(send, ask)}发送）；买过{{}}，未授权{{}}，近期已触达{{}}；叠加后{{}}/{{}}款低于保底价，{{}}款低于成本", *numbers),
        en=pl.format(
            f"{{}} may have the coupon (sent {when(send, ask)}); {{}} bought before, {{}} without consent, {{}} written to lately; "
            "stacked, {} of {} items fall under their floor, {} under cost", *numbers,
        ),
        lacks=[
            *order_lacks(ask, params.stale_after),
            *history_lacks(ask, ask.as_of, params.history, params.max_masked),
            consent_lack(params.channel),
            log_lack(params.first_time),
            Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品"),
            Lack(pl.col("offers") == 0, "promotions: none", "没有优惠数据，无法判断叠加"),
            Lack(unknown > 0, pl.format("items: {} without cost or price", unknown), pl.format("{}款没有成本或价格", unknown)),
            Lack(problems > 0, pl.format("promotions: {} cannot be right", problems), pl.format("{}个优惠有误，请改正", problems)),
        ],
    )  # fmt: skip


# --- customers.weekly_push -----------------------------------------------------------------------------------------


class WeeklyPush(Sending):
    """The week's flash sale for the group. `text`: what is written of each item, with {title}, {price} and {was} in yuan. `most_items`: how
    many items at most. `least_stock`: pieces an item must have when the message goes out; `stock_age`: how old the last stock figure
    may be by then. `segment`: for whom of the group (flags of `customers.segment`). `on_holiday`: on a public holiday send all the
    same, or on the next working day of the same week. `script`: name of the messages of this push in `chats`. `send_at`, `quiet`,
    `first_time`: as in `customers.wake`.
    """

    text: str = "本周专属秒杀：{title}，到手{price}元（原价{was}元）"
    most_items: int = 3
    least_stock: int = 1
    stock_age: Span = timedelta(hours=24)
    segment: Literal["all", "new", "repeat_3", "high_value", "dormant"] = "all"
    on_holiday: Literal["send", "next_working_day"] = "send"
    script: str = "每周秒杀"
    channel: str = "wecom"

    @field_validator("text")
    @classmethod
    def _fields_known(cls, text: str) -> str:
        return with_fields(text, PUSH_FIELDS)


@automation(
    "customers.weekly_push",
    zh="每周专属秒杀推送",
    en="The week's flash sale for the private group: items, copy, audience and time",
    reads=("promotions", "items", "stock", "consents", "orders", "chats"),
    serves=("U7", "D7f", "U5"),
    params=WeeklyPush,
)
def weekly_push(frames: Frames, ask: Ask) -> Answer:
    """What to push to whom this week, for a person to approve: copy and price are a person's.

    Items: those with a `direct` offer of their own that holds at the time of sending and with stock then, the deepest cut first, at
    most `most_items`. The copy of each is scanned: a forbidden term keeps the item out, a doubtful one stands beside it. Audience:
    who agreed and is in the group, one id a person, and did not get this push in the ISO week of sending yet. Quiet hours move the
    sending to their end. `holidays`: working weekdays that are off in the week. `items_left_out`, `left_out`, `counts`: why not.
    """
    send, zh = push_time(ask)
    if send is None:
        why = no_time_to_send(ask) if zh is None else unknown_for_all(ask, "send_at: no working day left in the week", zh)
        return Answer(why, _push_lists({}, ask, ask.as_of))
    lists = _push_lists(frames, ask, send)
    facts = audience_facts(frames, ask, lists["items"].clear(), lists["counts"]).drop("ready")
    return Answer(_push_verdicts(facts.join(_push_facts(lists), on="shop", how="left"), ask, send), lists)


def _push_lists(frames: Frames, ask: Ask, send: datetime) -> dict[str, pl.DataFrame]:
    items, items_left_out = flash_items(frames, ask, send)
    ready, left_out = _group(frames, ask, send)
    stamp = {"week": pl.lit(week_of(send, ask)), "send_at": instant(send)}
    return {
        "items": items.with_columns(**stamp), "items_left_out": items_left_out, "audience": ready.with_columns(**stamp),
        "left_out": left_out, "counts": reason_counts(left_out),
    }  # fmt: skip


def _group(frames: Frames, ask: Ask, send: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who is to get this week's push, and the others with a reason."""
    of = persons(frames, ask)
    candidates = consents(frames, ask, ask.params.channel).select("shop", "buyer_id").unique()
    outside = candidates.clear()
    if ask.params.segment != "all":
        flagged = _buyers(frames, replace(ask, params=Segment())).filter(ask.params.segment)
        outside = candidates.join(flagged, on=["shop", "buyer_id"], how="anti")
    inside = candidates.join(outside, on=["shop", "buyer_id"], how="anti")
    ready, left_out = writable(frames, ask, inside, of, week_begins(send, ask), script=ask.params.script, joined=True)
    reason = outside.with_columns(reason=pl.lit(f"not {ask.params.segment}"))
    return ready, pl.concat([left_out, reason]).sort("shop", "reason", "buyer_id")


def _push_facts(lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Items and people by shop, and the items nobody can judge."""
    unsure = pl.col("reason").str.contains("unknown").sum().cast(pl.Int64)
    counted = lists["items_left_out"].group_by("shop").agg(kept_out=pl.len().cast(pl.Int64), unsure=unsure)
    for name, frame in (("pushed", lists["items"]), ("people", lists["audience"])):
        counted = counted.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="full", coalesce=True)
    doubtful = lists["items"].group_by("shop").agg(doubtful=(pl.col("verdict") != "pass").sum().cast(pl.Int64))
    return counted.join(doubtful, on="shop", how="left")


def _push_verdicts(facts: pl.DataFrame, ask: Ask, send: datetime) -> pl.DataFrame:
    facts = facts.with_columns(pl.col("kept_out", "unsure", "pushed", "people", "doubtful").fill_null(0))
    numbers = tuple(pl.col(name) for name in ("pushed", "doubtful", "kept_out", "people", "without", "outside", "same", "written"))
    offered = pl.col("pushed") + pl.col("kept_out")
    week, at, (off_zh, off_en) = week_of(send, ask), when(send, ask), holiday_words(send, ask)
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"{week}（{at}发送{off_zh}）：推{{}}款（{{}}款文案待复核），{{}}款不推；{{}}人，未授权{{}}，未入群{{}}，同一人{{}}，本周已发{{}}", *numbers
        ),
        en=pl.format(
            f"{week} (sent {at}{off_en}): {{}} items ({{}} with copy to review), {{}} left out; {{}} people, {{}} without consent, "
            "{} not in the group, {} the same person, {} written to this week", *numbers,
        ),
        lacks=[
            order_lacks(ask, timedelta(days=30))[0],
            consent_lack(ask.params.channel),
            log_lack(ask.params.first_time),
            Lack(offered == 0, "promotions: no direct offer on an item at the time of sending", "没有发送时生效的单品秒杀优惠"),
            Lack(
                (pl.col("unsure") > 0) & (pl.col("pushed") == 0),
                pl.format("stock, items: {} items on offer with unknown stock or price", pl.col("unsure")),
                pl.format("{}款秒杀商品的库存或价格不明", pl.col("unsure")),
            ),
        ],
    )  # fmt: skip


# --- customers.acquisition_cost ------------------------------------------------------------------------------------


class AcquisitionCost(Params):
    """`since`, `until` (the last midnight unless told): the campaign (anchor, anchor +/- duration, or ISO time); without `since` the last
    `window`. `aliases`: more names of a channel, `小红书 = RED / 种草, ...`. `history`, `max_masked`: as in `review.new_customers`.
    `max_unnamed`: with a larger share of new buyers whose order names no channel the cost by channel is unknown.
    """

    since: str | None = None
    until: str | None = None
    window: Days = timedelta(days=30)
    aliases: str = ""
    history: Days = timedelta(days=90)
    max_masked: Percent = Decimal("0.05")
    max_unnamed: Percent = Decimal("0.2")

    @field_validator("aliases")
    @classmethod
    def _readable(cls, text: str) -> str:
        alias_table(text)
        return text


@automation(
    "customers.acquisition_cost",
    zh="获客成本",
    en="Cost of a first-time buyer by channel",
    reads=("orders", "ad_days"),
    serves=("U2", "F1"),
    params=AcquisitionCost,
)
def acquisition_cost(frames: Frames, ask: Ask) -> Answer:
    """CAC of a channel = spend / first-time buyers of the window, undefined (null) without new buyers, whatever was spent.

    First-time: the first order known of the person (ids that share a phone) was paid in the window and one of the window was not
    fully refunded; the channel is that of the first order. Spend: `ad_days` by tool, each yuan once. Names of one channel are
    brought together (width, case, blanks, the known variants and `aliases`); `names` says which. Without a spend row the cost is
    unknown, not 0. `cac_before_fen`: of as long a span before, where orders reach far enough. `items`: the dearest channel first.
    """
    window, missing, zh = window_of(ask.params.since or f"{days_before(ask, ask.params.window).first}", ask.params.until, ask)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), {"items": channel_costs({}, ask, Window(ask.as_of - DAY, ask.as_of))})
    items = channel_costs(frames, ask, window)
    facts = of_every_shop(ask, order_facts(frames, ask).join(cost_facts(frames, ask, window, items), on="shop", how="full", coalesce=True))
    return Answer(_cost_verdicts(facts.with_columns(pl.exclude("shop", "oldest_at", "newest_at", "cac_fen").fill_null(0)), ask, window), {"items": items})


def _cost_verdicts(facts: pl.DataFrame, ask: Ask, window: Window) -> pl.DataFrame:
    new, unnamed, days = pl.col("new"), pl.col("without_channel"), window.dates(ask).days
    cac = pl.when(pl.col("cac_fen").is_null()).then(pl.lit("-")).otherwise(yuan(pl.col("cac_fen")))
    numbers = (cac, yuan(pl.col("spend_fen")), new, pl.col("channels"), pl.col("undefined"), pl.col("unpriced"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("获客成本{}元（花费{}元，新客{}人）；{}个渠道，{}个有花费无新客（成本无法计算），{}个无花费记录", *numbers),
        en=pl.format("CAC {} yuan ({} spent, {} new buyers); {} channels, {} with spend and no new buyer (undefined), {} without recorded spend", *numbers),
        lacks=[
            *order_lacks(ask, ask.params.history)[:2],
            *history_lacks(ask, window.since, ask.params.history, ask.params.max_masked),
            Lack(pl.col("days") < days, pl.format(f"ad_days: {{}} of {days} days", pl.col("days")), pl.format(f"缺推广日报：{{}}/{days}天", pl.col("days"))),
            Lack(pl.col("blank") > 0, pl.format("ad_days: spend unknown in {} rows", pl.col("blank")), pl.format("推广日报有{}行花费不明", pl.col("blank"))),
            Lack(
                (new > 0) & ~at_least(new - unnamed, new, 1 - ask.params.max_unnamed),
                pl.format("orders.channel: unknown for {} of {} new buyers", unnamed, new),
                pl.format("{}/{}位新客的订单没有渠道", unnamed, new),
            ),
        ],
    )
