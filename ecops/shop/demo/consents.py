"""Which buyers of the demo shops may be written to, and what was sent to them; instants local."""

from datetime import date, datetime, time

import polars as pl

from ecops.shop.demo.plan import Plan

# Channel: share of the buyers who agree, of those who withdraw later, of those who join the group.
_CHANNELS = {"sms": (0.45, 0.08, None), "wecom": (0.25, 0.05, 0.8)}
_ASKED_SHARE = 0.15  # of who only asked: they agreed to SMS and have not bought yet
_STEP = 2
PUSH, WAKE = "每周秒杀", "唤醒"
_PUSHED, _PUSH_DAY, _PUSH_HOUR = 0.15, 4, 10  # share of the group each push reaches; Thursday at ten
_WOKEN, _WAKE_DAY, _WAKE_HOUR = 0.03, 15, 11
_DAY = 86400
_OTHERS, _APART = 2**58, 2**36


def consents(fates: pl.DataFrame, sessions: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `consents`: given with the first order, or in the conversation of who did not order; `person`: a number for dice."""
    people = fates.group_by("shop", "buyer_id").agg(at=pl.col("created").min(), person=pl.col("number").min())
    channels = [(name, nth, *shares) for nth, (name, shares) in enumerate(_CHANNELS.items())]
    table = pl.DataFrame(channels, schema=["consent_channel", "nth", "agree", "withdraw", "join"], orient="row")
    bought = people.join(table, how="cross")
    # sessions without an order have numbers of their own, far from those of the orders: brought near, they stay apart
    asked = sessions.join(people, on=["shop", "buyer_id"], how="anti").group_by("shop", "buyer_id").agg(
        at=pl.col("begun").min(), person=pl.col("session").min() % _OTHERS + _APART
    )
    asked = asked.join(table.head(1).with_columns(agree=pl.lit(_ASKED_SHARE)), how="cross")
    frame = pl.concat([bought, asked]).with_columns(number=pl.col("person") * _STEP + pl.col("nth"))
    frame = frame.filter(plan.dice(pl.col("number"), "consents") < pl.col("agree"))
    given = pl.col("at") + pl.duration(seconds=(30 + 600 * plan.dice(pl.col("number"), "consented")).cast(pl.Int64))
    frame = frame.with_columns(consented_at=given).filter(pl.col("consented_at") < plan.end)
    back = pl.col("consented_at") + _later(plan, "withdrawn after", 3, 40)
    joined = pl.col("consented_at") + _later(plan, "joined after", 0, 2)
    drawn = {name: plan.dice(pl.col("number"), name) for name in ("withdraws", "joins")}
    return frame.with_columns(
        withdrawn_at=plan.known(pl.when(drawn["withdraws"] < pl.col("withdraw")).then(back)),
        joined_at=plan.known(pl.when(drawn["joins"] < pl.col("join")).then(joined)),
    )


def _later(plan: Plan, stream: str, least: int, most: int) -> pl.Expr:
    return pl.duration(seconds=((least + plan.dice(pl.col("number"), stream) * (most - least)) * _DAY).cast(pl.Int64))


def messages(consents: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """What the shop sent by itself, as kind `chats` keeps it: the week's flash sale to the group, a coupon to some buyers a month."""
    weekly = [_at(day, _PUSH_HOUR) for day in plan.days if day.isoweekday() == _PUSH_DAY]
    monthly = [_at(day, _WAKE_HOUR) for day in plan.days if day.day == _WAKE_DAY]
    pushes = _sent(consents.filter(consent_channel="wecom"), "joined_at", weekly, PUSH, _PUSHED, plan)
    return pl.concat([pushes, _sent(consents.filter(consent_channel="sms"), "consented_at", monthly, WAKE, _WOKEN, plan)])


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour))


def _sent(those: pl.DataFrame, since: str, moments: list[datetime], script: str, share: float, plan: Plan) -> pl.DataFrame:
    """To whom it may be sent at each of the moments, drawn anew each time; nobody who has withdrawn. One moment after the other: people times
    moments would grow with the square of the period."""
    parts = [_sent_at(those, since, at, script, share, plan) for at in moments]
    return pl.concat([_sent_at(those.clear(), since, plan.start, script, share, plan), *parts])


def _sent_at(those: pl.DataFrame, since: str, at: datetime, script: str, share: float, plan: Plan) -> pl.DataFrame:
    number = (pl.col("number") % 2**40) * 2**16 + pl.lit(at).dt.date().dt.epoch("d").cast(pl.Int64)
    stays = (pl.col("withdrawn_at") > at).fill_null(True)
    frame = those.filter((pl.col(since) <= at).fill_null(False), stays, plan.dice(number, script) < share)
    none = pl.lit(None, dtype=pl.String)
    return frame.select(
        "shop", session_id="w" + plan.token(number, script), buyer_id="buyer_id", message_id=pl.lit("w0"), at=pl.lit(at), sender=pl.lit("system"),
        agent=none, script=pl.lit(script),
    )  # fmt: skip


def told(consents: pl.DataFrame, messages: pl.DataFrame) -> dict[str, list[dict[str, object]]]:
    """How many may be written to at the end of the period, and when a push went out last, shop by shop, ready for JSON."""
    left = pl.col("withdrawn_at").is_not_null()
    sums = consents.group_by("shop", "consent_channel").agg(agreed=(~left).sum(), withdrawn=left.sum(), joined=(pl.col("joined_at").is_not_null() & ~left).sum())
    found: dict[str, list[dict[str, object]]] = {}
    for shop, channel, agreed, withdrawn, joined in sums.sort("shop", "consent_channel").iter_rows():
        found.setdefault(shop, []).append(
            {"what": "consents", "hit": False, "channel": channel, "agreed": agreed, "withdrawn": withdrawn, "joined": joined}
        )
    pushed = messages.filter(script=PUSH).filter(pl.col("at") == pl.col("at").max().over("shop")).sort("shop", "buyer_id")
    last = pushed.group_by("shop", maintain_order=True).agg(pl.col("at").first(), "buyer_id")
    for shop, at, buyers in last.iter_rows():
        found[shop].append({"what": "pushed", "hit": False, "day": at.date().isoformat(), "written_to": buyers})
    return found
