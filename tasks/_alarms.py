"""What is watched in the service: who waits for an answer, how many claims there are beside what is usual, and which feeds have stopped."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.counts import count_z
from tasks._counts import said
from tasks._feeds import chat_events, newest_text, order_events, refund_events, silence
from tasks._rows import at_least, duration_text, has_happened, instant, known, percent
from tasks._turns import service_seconds, turns
from tasks._windows import DAY

ALARMS = pl.Schema({"shop": pl.String, "cause": pl.String, "value": pl.Float64, "usual": pl.Float64, "zh": pl.String, "en": pl.String})
FEEDS = {"chats": "聊天记录", "orders": "订单", "refunds": "退款"}
_NO_MONEY = ("exchange", "resend")
_LEAST_DAYS = 7


def feeds_of(frames: Frames, ask: Ask) -> pl.DataFrame:
    """`silence` of each feed, the columns with `_chats`, `_orders`, `_refunds`; one row a shop that has any of them."""
    events = {"chats": chat_events(frames, ask), "orders": order_events(frames, ask), "refunds": refund_events(frames, ask)}
    parts = [silence(rows, ask, rare=name == "refunds").rename(lambda column, name=name: column if column == "shop" else f"{column}_{name}")
             for name, rows in events.items()]  # fmt: skip
    return pl.concat(parts, how="align_full")


def is_stale(feed: str) -> pl.Expr:
    """Whether a feed a shop has is stale."""
    return pl.col(f"stale_{feed}").fill_null(False)


def waiting_turns(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Turns no person has answered, asked within `reach` of service time, with the service time waited (`seconds`); the longest first.

    `robot_only`: a robot has spoken last and no person ever. A greeting looks like an answer, so people are shown them.
    """
    opens, closes = ask.params.opens, ask.params.closes
    days = ask.params.reach // timedelta(hours=closes - opens) + 2
    waited = service_seconds(instant(ask.as_of), ask, opens, closes) - service_seconds(pl.col("asked_at"), ask, opens, closes)
    return (
        turns(frames, ask, ask.as_of - days * DAY)
        .filter(pl.col("answered_at").is_null())
        .select("shop", "session_id", "agent", "asked_at", robot_only="robot_alone", seconds=waited)
        .filter(pl.col("seconds") <= ask.params.reach.total_seconds())
        .sort("shop", "seconds", "asked_at", "session_id", descending=[False, True, False, False])
        .collect()
    )


def waiting_facts(waiting: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """A shop's `waiting_now`, `late` (over `wait`) and `longest` (seconds) without those the robot led, and these (`robot_only`)."""
    led = pl.col("robot_only")
    late = ~led & (pl.col("seconds") > ask.params.wait.total_seconds())
    return waiting.group_by("shop").agg(
        waiting_now=(~led).sum().cast(pl.Int64), late=late.sum().cast(pl.Int64), longest=pl.col("seconds").filter(~led).max(),
        robot_only=led.sum().cast(pl.Int64),
    )  # fmt: skip


def claim_rates(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a shop with paid orders: `claims` (orders with a first claim for money in the last 24 hours), `paid` (orders paid in the `exposure`
    before as-of), `rate`, the same summed over the `days` of the baseline (`usual_claims`, `usual_paid`, `usual_rate`), `expected` claims and `z`.

    Day k ends k x 24 h before as-of, its own instant included. A day of the baseline counts when orders are known over its whole exposure.
    Nothing is compared with fewer than seven of them.
    """
    most, back = ask.params.baseline // DAY, ask.params.exposure // DAY
    ago = ((instant(ask.as_of) - pl.col("at")).dt.total_microseconds() // (DAY // timedelta(microseconds=1))).cast(pl.Int64)
    orders = known(frames, "orders", ask).filter(has_happened("paid_at", ask)).select("shop", at="paid_at")
    paid = orders.group_by("shop", ago=ago).agg(paid=pl.len().cast(pl.Int64))
    money = ~pl.col("refund_kind").is_in(_NO_MONEY).fill_null(False)
    claims = (
        known(frames, "refunds", ask).filter(money, has_happened("created_at", ask))
        .group_by("shop", "order_id").agg(at=pl.col("created_at").min())
        .group_by("shop", ago=ago).agg(claims=pl.len().cast(pl.Int64))
    )  # fmt: skip
    days = paid.group_by("shop").agg(days=(pl.col("ago").max() - back + 1).clip(0, most))
    # an order paid on day j is in the exposure of the days j - back + 1 .. j
    times = (pl.min_horizontal("days", "ago") - pl.max_horizontal(1, pl.col("ago") - back + 1) + 1).clip(0)
    exposed = paid.join(days, on="shop").group_by("shop", "days").agg(
        paid=pl.col("paid").filter(pl.col("ago") < back).sum(), usual_paid=(pl.col("paid") * times).sum()
    )  # fmt: skip
    inside = pl.col("ago").is_between(1, pl.col("days"))
    claimed = claims.join(days, on="shop").group_by("shop").agg(
        claims=pl.col("claims").filter(pl.col("ago") == 0).sum(), usual_claims=pl.col("claims").filter(inside).sum()
    )  # fmt: skip
    enough = (pl.col("days") >= _LEAST_DAYS) & (pl.col("usual_paid") > 0)
    expected = pl.when(enough).then(pl.col("usual_claims") * pl.col("paid") / pl.col("usual_paid"))
    return (
        exposed.join(claimed, on="shop", how="left")
        .with_columns(pl.col("claims", "usual_claims").fill_null(0))
        .with_columns(
            rate=pl.when(pl.col("paid") > 0).then(pl.col("claims") / pl.col("paid")),
            usual_rate=pl.when(enough).then(pl.col("usual_claims") / pl.col("usual_paid")),
            expected=expected.round(2),
            z=count_z(pl.col("claims"), expected).round(2),
        )
        .select("shop", "claims", "paid", "rate", "days", "usual_claims", "usual_paid", "usual_rate", "expected", "z")
        .sort("shop")
        .collect()
    )


def alarms(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The alarms of the shops, one a cause (ALARMS)."""
    return pl.concat([_stale(facts, ask), _unanswered(facts, ask), _claims(facts, ask)]).sort("shop", "cause")


def _alarm(rows: pl.DataFrame, cause: str, value: pl.Expr, usual: pl.Expr, zh: pl.Expr, en: pl.Expr) -> pl.DataFrame:
    return rows.select("shop", cause=pl.lit(cause), value=value.cast(pl.Float64), usual=usual.cast(pl.Float64), zh=zh, en=en).cast(dict(ALARMS))


def _stale(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """All feeds of a shop that have stopped: most often one thing broke."""

    def names(texts: dict[str, str], to: str) -> pl.Expr:
        told = [pl.when(is_stale(feed)).then(pl.format(f"{text} {to} {{}}", newest_text(f"newest_at_{feed}", ask))) for feed, text in texts.items()]
        return pl.concat_list(told).list.drop_nulls().list.join(", ")

    rows = facts.filter(pl.any_horizontal(is_stale(feed) for feed in FEEDS))
    silent = pl.max_horizontal(pl.when(is_stale(feed)).then(f"silent_hours_{feed}") for feed in FEEDS)
    zh = pl.format("数据停更：{}；恢复前不作判断", names(FEEDS, "止于"))
    en = pl.format("stale feeds: {}; nothing is concluded from them", names({feed: feed for feed in FEEDS}, "ends at"))
    return _alarm(rows, "stale", silent, pl.lit(None), zh, en)


def _unanswered(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    wait = duration_text(ask.params.wait)
    raised = (pl.col("late") >= ask.params.many) | (pl.col("longest") >= ask.params.longest.total_seconds())
    rows = facts.filter(raised.fill_null(False), ~is_stale("chats"))
    numbers = (pl.col("late"), (pl.col("longest") / 60).round(1))
    zh, en = pl.format(f"{{}}位买家等待超过{wait}，最久{{}}分钟", *numbers), pl.format(f"{{}} buyers wait for over {wait}, the longest {{}} min", *numbers)
    return _alarm(rows, "unanswered", pl.col("late"), pl.lit(None), zh, en)


def _claims(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    claims = pl.col("claims")
    often = at_least(claims * pl.col("usual_paid"), pl.col("usual_claims") * pl.col("paid"), ask.params.ratio)
    raised = (claims >= ask.params.min_claims) & often & (pl.col("z") >= ask.params.z)
    rows = facts.filter(raised.fill_null(False), ~is_stale("orders"), ~is_stale("refunds"))
    back = duration_text(ask.params.exposure)
    numbers = (claims, percent(pl.col("rate")), percent(pl.col("usual_rate")), pl.col("expected"))
    zh = pl.format(f"24小时内{{}}单申请退款，占前{back}支付订单的{{}}，平时{{}}（应有约{{}}单）", *numbers)
    en = pl.format(f"{{}} orders with a claim in 24 h, {{}} of those paid in {back}; usual is {{}} ({{}} expected)", *numbers)
    return _alarm(rows, "refunds", claims, pl.col("expected"), zh, en)


def watch_numbers(ask: Ask) -> tuple[pl.Expr, ...]:
    """The figures of the watch's summary, `—` where unknown."""
    longest = (pl.col("longest") / 60).round(1)
    rates = (percent(pl.col(name)) for name in ("rate", "usual_rate"))
    buyers, claims = (pl.col("waiting_now"), pl.col("late"), longest, pl.col("robot_only")), (pl.col("claims"), pl.col("paid"), *rates)
    return tuple(map(said, (*buyers, *claims, pl.col("alarms"))))
