"""The conversations of the demo shops, message by message, and the daily figures counted from them; instants local."""

import polars as pl

from ecops.shop.demo.demand import expected
from ecops.shop.demo.plan import Plan
from ecops.shop.dice import normal, pick
from ecops.shop.kinds import ALL

_BEFORE_BUYING, _WITHOUT_BUYING = 0.3, 0.25  # sessions for each order
_HOURS = [4, 3, 2, 1, 1, 1, 2, 4, 10, 20, 26, 26, 22, 24, 26, 26, 26, 24, 26, 32, 44, 48, 36, 16]
_TURNS = [0.4, 0.3, 0.2, 0.1]
_OPEN, _SHUT = 8, 23  # people answer from 08:00 to 23:00; else the robot, or nobody
_ROBOT, _ROBOT_AT_NIGHT, _UNANSWERED, _UNANSWERED_AT_NIGHT = 0.1, 0.75, 0.03, 0.9
_GREETED = 0.6
AGENTS = ("客服01", "客服02", "客服03")
_AGENT_SHARES = [4.0, 3.0, 3.0]
_MEDIAN_SECONDS, _SPREAD = (11.0, 15.0, 44.0), 0.7  # the third one is slow
SLOW_AGENT = AGENTS[2]
GAP_AFTER, GAP_HOUR = 10, 20  # day of the period on which nobody answers from this hour on, for two hours
GAP_HOURS = 2
_SCRIPTS = ("通用问候", "优惠提问")
_ASKING, _ASKING_BUYER = 0.42, 0.6  # share of sessions led by the second script: of all, of those that end in an order
WITHIN = 30
_SESSION_STEP = 8


def sessions(fates: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One row a session: shop, session (number), begun, buyer_id, convinced (pays in the end), bought (on the same day),
    total_fen (of what was bought), agent, robot (the robot answers alone), unanswered, turns, script.
    """
    frame = pl.concat([_of_buyers(fates, plan), _of_others(shops, plan)]).sort("session")
    drawn = {name: plan.dice(pl.col("session"), f"chat {name}") for name in ("agent", "turns", "robot", "silence", "script")}
    picked = frame.select(**drawn)
    agent, turns = pick(picked["agent"], _AGENT_SHARES), pick(picked["turns"], _TURNS) + 1
    night = ~pl.col("begun").dt.hour().is_between(_OPEN, _SHUT, closed="left")
    robot = drawn["robot"] < pl.when(night).then(_ROBOT_AT_NIGHT).otherwise(_ROBOT)
    silent = in_gap(pl.col("begun"), plan) | (drawn["silence"] < pl.when(night).then(_UNANSWERED_AT_NIGHT).otherwise(_UNANSWERED))
    asking = pl.when(pl.col("convinced")).then(_ASKING_BUYER).otherwise(_ASKING)
    return frame.with_columns(agent_number=agent, turns=turns, robot=robot, unanswered=~robot & silent).with_columns(
        agent=pl.when(~pl.col("robot") & ~pl.col("unanswered")).then(
            pl.col("agent_number").replace_strict(dict(enumerate(AGENTS)), return_dtype=pl.String)
        ),
        script=pl.when(drawn["script"] < asking).then(pl.lit(_SCRIPTS[1])).otherwise(pl.lit(_SCRIPTS[0])),
    )


def in_gap(moment: pl.Expr, plan: Plan) -> pl.Expr:
    """Whether `moment` lies in the hours in which nobody answers."""
    return (moment.dt.date() == plan.day(GAP_AFTER)) & moment.dt.hour().is_between(GAP_HOUR, GAP_HOUR + GAP_HOURS, closed="left")


def _of_buyers(fates: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Who asked before ordering, on the same day: the day's report knows no order of the next one."""
    begun = pl.col("created") - pl.duration(seconds=(150 + 1200 * plan.dice(pl.col("number"), "chat before")).cast(pl.Int64))
    asked = pl.col("script").is_null() & (plan.dice(pl.col("number"), "asks") < _BEFORE_BUYING) & (begun.dt.date() == pl.col("date"))
    today = (pl.col("paid").dt.date() == pl.col("date")).fill_null(False)
    return fates.filter(asked).select(
        "shop", session="number", begun=begun, buyer_id="buyer_id", convinced=pl.col("paid").is_not_null(), bought=today,
        total_fen=pl.when(today).then("total_fen").otherwise(0),
    )


def _of_others(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Who asked and did not buy. Their numbers lie above those of the orders, so that none is used twice."""
    frame = shops.rename({"number": "shop_number"}).join(pl.DataFrame({"date": plan.days}), how="cross")
    day = 2**58 + pl.col("shop_number") * 2**37 + pl.col("date").dt.epoch("d").cast(pl.Int64) * 2**20
    count = (expected(plan) * _WITHOUT_BUYING + plan.dice(day, "chats")).floor().cast(pl.Int64)
    frame = (
        frame.with_columns(nth=pl.int_ranges(count), day=day).explode("nth", empty_as_null=False).with_columns(session=pl.col("day") + pl.col("nth"))
    )
    hour = pick(frame.select(at=plan.dice(pl.col("session"), "chat hour"))["at"], _HOURS)
    seconds = pl.lit(hour) * 3600 + (plan.dice(pl.col("session"), "chat second") * 3600).cast(pl.Int64)
    return frame.select(
        "shop",
        "session",
        begun=pl.col("date").cast(pl.Datetime("us")) + pl.duration(seconds=seconds),
        buyer_id="o" + plan.token(pl.col("session"), "buyer"),
        convinced=pl.lit(False),
        bought=pl.lit(False),
        total_fen=pl.lit(0, pl.Int64),
    )


def turns(sessions: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One row a turn of a session: nth, asked, delay (seconds), answered (null: never), and the session's columns."""
    frame = sessions.with_columns(nth=pl.int_ranges("turns")).explode("nth", empty_as_null=False).filter(~pl.col("unanswered") | (pl.col("nth") == 0))
    frame = frame.with_columns(number=pl.col("session") * _SESSION_STEP % 2**62 + pl.col("nth"))
    median = pl.col("agent_number").replace_strict(dict(enumerate(_MEDIAN_SECONDS)), return_dtype=pl.Float64)
    human = (median * (_SPREAD * normal(plan.dice(pl.col("number"), "delay"), plan.dice(pl.col("number"), "delay too"))).exp()).round().clip(1, 900)
    gap = 15 + 90 * plan.dice(pl.col("number"), "pause")
    frame = frame.with_columns(delay=pl.when("robot").then(1.0).otherwise(human).cast(pl.Int64), gap=gap.cast(pl.Int64))
    passed = (pl.col("delay") + pl.col("gap")).cum_sum().over("session") - pl.col("delay") - pl.col("gap")
    frame = frame.with_columns(asked=pl.col("begun") + pl.duration(seconds=passed))
    return frame.with_columns(answered=pl.when(~pl.col("unanswered")).then(pl.col("asked") + pl.duration(seconds="delay")))


def chat_rows(turns: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `chats`. Two messages a turn; in most sessions the robot greets before anybody answers, which is no answer."""
    first = pl.col("nth") == 0
    shared = {"session_id": session_id(plan), "buyer_id": pl.col("buyer_id")}
    none = pl.lit(None, dtype=pl.String)
    asked = turns.select("shop", **shared, message_id=pl.format("m{}-q", "nth"), at="asked", sender=pl.lit("buyer"), agent=none, script=none)
    greeted = first & ~pl.col("robot") & (plan.dice(pl.col("session"), "greeting") < _GREETED)
    greeting = turns.filter(greeted).select(
        "shop", **shared, message_id=pl.lit("m0-g"), at=pl.col("asked") + pl.duration(seconds=1), sender=pl.lit("robot"), agent=none, script=none
    )
    answers = turns.filter(pl.col("answered").is_not_null()).select(
        "shop",
        **shared,
        message_id=pl.format("m{}-r", "nth"),
        at="answered",
        sender=pl.when("robot").then(pl.lit("robot")).otherwise(pl.lit("agent")),
        agent="agent",
        script=pl.when(first & ~pl.col("robot")).then("script"),
    )
    return pl.concat([asked, greeting, answers]).filter(pl.col("at") < plan.end)


def session_id(plan: Plan) -> pl.Expr:
    """Number of a session, which does not tell whether it ends in an order."""
    return "s" + plan.token(pl.col("session"), "session")


def service_days(sessions: pl.DataFrame, turns: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `service_days`: for each day one row an agent and one (`*`) for the shop, counted from the sessions begun that day.

    Reply figures count the turns of human sessions from 08:00 to 23:00; an unanswered turn counts against the shop.
    """
    frame = pl.concat([_counted(sessions, turns, pl.col("agent")), _counted(sessions, turns, pl.lit(ALL))])
    frame = frame.join(shops.select("shop", "platform", shop_number="number"), on="shop", maintain_order="left")
    scored = pl.col("platform") == "pdd"  # only its file has them
    number = pl.col("shop_number") * 2**20 + pl.col("date").dt.epoch("d").cast(pl.Int64) * 8 + pl.col("agent").str.len_bytes() % 8
    drawn = {name: plan.dice(number, f"service {name}") for name in ("satisfied", "invited", "dsr", "disputes")}
    return frame.with_columns(
        period_days=pl.lit(1),
        reply_rate=(pl.col("received") / pl.col("consulted")).round(4),
        net_sales_fen=(pl.col("sales_fen") * 0.95).round().cast(pl.Int64),
        satisfaction_rate=(0.88 + 0.12 * drawn["satisfied"]).round(4),
        invited_rate=(0.3 + 0.5 * drawn["invited"]).round(4),
        dsr=(4.6 + 0.35 * drawn["dsr"]).round(2),
        disputes=(drawn["disputes"] < 0.03).cast(pl.Int64),
        complaints=(drawn["disputes"] < 0.01).cast(pl.Int64),
        service_score=pl.when(scored).then((3.5 + 1.5 * drawn["dsr"]).round(2)),
        low_scores=pl.when(scored).then((drawn["invited"] < 0.1).cast(pl.Int64)),
    )


def _counted(sessions: pl.DataFrame, turns: pl.DataFrame, who: pl.Expr) -> pl.DataFrame:
    keys = ["shop", "date", "agent"]
    begun = sessions.with_columns(date=pl.col("begun").dt.date(), agent=who).drop_nulls("agent")
    counts = begun.group_by(keys).agg(
        consulted=pl.len().cast(pl.Int64),
        received=(~pl.col("unanswered")).sum().cast(pl.Int64),
        received_well=(~pl.col("robot") & ~pl.col("unanswered")).sum().cast(pl.Int64),
        inquiries=pl.len().cast(pl.Int64),
        inquiry_buyers=pl.col("bought").sum().cast(pl.Int64),
        sales_fen=pl.col("total_fen").sum(),
        need_human=(~pl.col("robot")).sum().cast(pl.Int64),
        human_received=(~pl.col("robot") & ~pl.col("unanswered")).sum().cast(pl.Int64),
        unanswered=pl.col("unanswered").sum().cast(pl.Int64),
    )
    human = turns.filter(on_duty()).with_columns(date=pl.col("begun").dt.date(), agent=who).drop_nulls("agent")
    quick = [
        ((pl.col("delay") <= most) & ~pl.col("unanswered")).mean().round(4).alias(name)
        for most, name in ((WITHIN, "reply_30s_rate"), (180, "reply_3min_rate"))
    ]
    answered = ~pl.col("unanswered")
    replies = human.group_by(keys).agg(
        *quick,
        first_reply_seconds=pl.col("delay").filter(answered & (pl.col("nth") == 0)).mean().round(1),
        mean_reply_seconds=pl.col("delay").filter(answered).mean().round(1),
        unanswered_3min=(~answered | (pl.col("delay") > 180)).sum().cast(pl.Int64),
    )
    return counts.join(replies, on=keys, how="left")


def on_duty() -> pl.Expr:
    """Whether a turn is one a human had to answer: no robot session, asked from 08:00 to 23:00."""
    return ~pl.col("robot") & pl.col("asked").dt.hour().is_between(_OPEN, _SHUT, closed="left")


def told(turns: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What is to be found in the conversations, shop by shop, ready for JSON."""
    human = turns.filter(on_duty())
    quick = (pl.col("delay") <= WITHIN) & ~pl.col("unanswered")
    sums = human.group_by("shop").agg(turns=pl.len(), within_30s=quick.sum(), exactly_30s=((pl.col("delay") == WITHIN) & ~pl.col("unanswered")).sum())
    gap = turns.filter(in_gap(pl.col("begun"), plan) & pl.col("unanswered")).group_by("shop").agg(session_id(plan).unique(maintain_order=True))
    found = {
        shop: [{"what": "replies", "hit": False, "turns": count, "within_30s": soon, "exactly_30s": edge}]
        for shop, count, soon, edge in sums.iter_rows()
    }
    for shop, ids in gap.iter_rows():
        found.setdefault(shop, []).append({
            "what": "unanswered_hours", "hit": True, "session_ids": ids, "day": plan.day(GAP_AFTER).isoformat(), "hour": GAP_HOUR, "hours": GAP_HOURS,
        })
    slow = human.filter(pl.col("agent") == SLOW_AGENT).group_by("shop").agg(pl.col("delay").median())
    for shop, median in slow.iter_rows():
        found[shop].append({"what": "slow_agent", "hit": True, "agent": SLOW_AGENT, "median_seconds": median})
    return found
