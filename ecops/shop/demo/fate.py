"""What becomes of the orders: sent, carried, delivered, given back. All instants are local and as they will be, also those
beyond the end of the period; `ecops.shop.demo.sales` shows what of it is known by then.
"""

import polars as pl

from ecops.shop.demo.demand import DAY_STEP
from ecops.shop.demo.plan import FRAGILE, Plan
from ecops.shop.demo.words import ABUSED, BROKEN, NEVER_CAME, NOT_WANTED, REMOTE, RETURNED
from ecops.shop.dice import pick

_LATE, _LATE_IN_SALE = 0.02, 0.12
_CANCELLED, _STUCK, _BROKEN, _BROKEN_FRAGILE = 0.012, 0.006, 0.006, 0.12
_FRAGILE_CARRIER = 3
_CARRIER_SHARES = [4.0, 3.0, 1.5, 2.0]
_HOUR, _DAY = 3600, 86400
PROMISE_DAYS = 15
_KINDS = {"undone": "return", "abused": "refund", "broken": "refund"}


def fates(orders: pl.DataFrame, lines: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The orders that have lines left, with what will become of them: the columns of `orders`, and

    total_fen, units, discount_fen, platform_fen, ship_by, carrier (number), shipped, collected, scanned (for the first time on
    its way), delivered, damaged, stuck,
    asked (when an after-sale was asked for; null: never), kind, reason, whole (of the whole order, else of its first line),
    share (of the amount), outcome (success, refused, closed), settled (when), finished, and facts (the last thing to happen).
    """
    sums = lines.group_by("order").agg(
        pl.col("payable_fen").sum().alias("total_fen"),
        pl.col("units", "discount_fen", "platform_fen").sum(),
        (pl.col("position") == FRAGILE).any().alias("fragile"),
        pl.len().alias("lines"),
    )
    frame = orders.join(sums, left_on="number", right_on="order", maintain_order="left")
    frame = frame.join(shops.select("refund_rate", shop_number="number"), on="shop_number", maintain_order="left")
    carrier = pick(frame.select(plan.dice(pl.col("number"), "carrier"))["number"], _CARRIER_SHARES)
    frame = frame.with_columns(carrier=carrier, ship_by=pl.col("paid") + pl.duration(hours=48), cancelled=_cancelled(plan))
    frame = frame.with_columns(shipped=_shipped(plan)).with_columns(collected=pl.col("shipped") + _span(plan, "collecting", 1 * _HOUR, 9 * _HOUR))
    frame = frame.with_columns(scanned=pl.col("collected") + _span(plan, "scan", 8 * _HOUR, _DAY), stuck=_stuck(plan)).with_columns(
        damaged=_damaged(plan), delivered=_delivered(plan)
    )
    frame = frame.with_columns(story=_story(plan)).with_columns(asked=_asked(plan), kind=_kind(plan)).with_columns(**_details(plan))
    frame = frame.with_columns(settled=_settled(plan)).with_columns(finished=_finished(plan)).with_columns(facts=_facts(plan))
    return frame.with_columns(
        void=(pl.col("outcome") == "success") & pl.col("whole") & (pl.col("share") == 1) & pl.col("kind").is_in(["refund", "return"])
    )


def _span(plan: Plan, stream: str, least: int, most: int) -> pl.Expr:
    return pl.duration(seconds=(least + plan.dice(pl.col("number"), stream) * (most - least)).cast(pl.Int64))


def _ordinary() -> pl.Expr:
    return pl.col("script").is_null()


def _cancelled(plan: Plan) -> pl.Expr:
    return _ordinary() & pl.col("paid").is_not_null() & (plan.dice(pl.col("number"), "cancelled") < _CANCELLED)


def _shipped(plan: Plan) -> pl.Expr:
    chance = pl.when(plan.on_sale(pl.col("paid"))).then(_LATE_IN_SALE).otherwise(_LATE)
    late = _ordinary() & (plan.dice(pl.col("number"), "late") < chance)
    handling = pl.when(late).then(_span(plan, "handling", 55 * _HOUR, 140 * _HOUR)).otherwise(_span(plan, "handling", 2 * _HOUR, 40 * _HOUR))
    return pl.when(~pl.col("cancelled")).then(pl.col("paid") + handling)


def _stuck(plan: Plan) -> pl.Expr:
    return (_ordinary() & pl.col("shipped").is_not_null() & (plan.dice(pl.col("number"), "stuck") < _STUCK)).fill_null(False)


def _damaged(plan: Plan) -> pl.Expr:
    fragile = pl.col("fragile") & (pl.col("carrier") == _FRAGILE_CARRIER)
    chance = pl.when(fragile).then(_BROKEN_FRAGILE).otherwise(_BROKEN)
    by_chance = _ordinary() & ~pl.col("stuck") & (plan.dice(pl.col("number"), "broken") < chance)
    return ((pl.col("script") == "broken").fill_null(False) | by_chance) & pl.col("shipped").is_not_null()


def _delivered(plan: Plan) -> pl.Expr:
    further = pl.col("province").replace_strict(REMOTE, default=0.0, return_dtype=pl.Float64)
    days = 1 + 2.5 * plan.dice(pl.col("number"), "carrying") + further
    return pl.when(~pl.col("stuck")).then(pl.col("collected") + pl.duration(seconds=(days * _DAY).cast(pl.Int64)))


def _story(plan: Plan) -> pl.Expr:
    """Why something is asked for: cancelled, stuck, broken, returned, a script of a planted order; null: nothing is."""
    drawn = plan.dice(pl.col("number"), "regret")
    delivered = pl.col("delivered").is_not_null()
    return (
        pl.when(pl.col("cancelled")).then(pl.lit("cancelled"))
        .when(pl.col("script").is_in(list(_KINDS))).then("script")
        .when(pl.col("script") == "kept").then(None)
        .when(pl.col("stuck") & (drawn < 0.5)).then(pl.lit("stuck"))
        .when(pl.col("damaged") & (drawn < 0.7)).then(pl.lit("broken"))
        .when(delivered & (drawn > 1 - pl.col("refund_rate"))).then(pl.lit("returned"))
    )


def _asked(plan: Plan) -> pl.Expr:
    """Most who return do so within a week, some up to the fifteenth day, a few when it is too late."""
    story, drawn = pl.col("story"), plan.dice(pl.col("number"), "asking")
    days = pl.when(drawn < 0.72).then(drawn * 9).when(drawn < 0.95).then(7 + (drawn - 0.72) * 34).otherwise(15.2 + (drawn - 0.95) * 80)
    after = pl.col("delivered") + pl.duration(seconds=(days * _DAY).cast(pl.Int64))
    return (
        pl.when(story == "cancelled").then(pl.col("paid") + _span(plan, "asking", 600, 5 * _HOUR))
        .when(story == "stuck").then(pl.col("shipped") + _span(plan, "asking", 5 * _DAY, 9 * _DAY))
        .when(story == "returned").then(after)
        .when(story == "abused").then(pl.col("delivered") + _span(plan, "asking", 6 * _DAY + 20 * _HOUR, 6 * _DAY + 23 * _HOUR))
        .when(story.is_not_null()).then(pl.col("delivered") + _span(plan, "asking", _HOUR, 20 * _HOUR))
    )


def _kind(plan: Plan) -> pl.Expr:
    drawn = plan.dice(pl.col("number"), "kind")
    returned = pl.when(drawn < 0.75).then(pl.lit("return")).when(drawn < 0.87).then(pl.lit("refund")).when(drawn < 0.95).then(pl.lit("exchange"))
    return (
        pl.when(pl.col("story") == "returned").then(returned.otherwise(pl.lit("resend")))
        .when(pl.col("story") == "undone").then(pl.lit("return"))
        .when(pl.col("story").is_not_null()).then(pl.lit("refund"))
    )


def _details(plan: Plan) -> dict[str, pl.Expr]:
    """reason, whole, share, outcome."""
    story, drawn, luck = pl.col("story"), plan.dice(pl.col("number"), "reason"), plan.dice(pl.col("number"), "outcome")
    too_late = (pl.col("asked") - pl.col("delivered")) > pl.duration(days=PROMISE_DAYS)
    ordinary = pl.when(luck < 0.9).then(pl.lit("success")).when(luck < 0.95).then(pl.lit("refused")).otherwise(pl.lit("closed"))
    outcome = (
        pl.when(story.is_in(["abused", "broken", "undone", "cancelled"])).then(pl.lit("success"))
        .when(too_late).then(pl.lit("refused"))
        .otherwise(ordinary)
    )
    in_part = (story == "returned") & (pl.col("kind") == "refund")
    return {
        "reason": pl.when(story == "cancelled").then(_one_of(drawn, NOT_WANTED)).when(story.is_in(["returned", "undone"])).then(_one_of(drawn, RETURNED))
        .otherwise(story.replace_strict({"broken": BROKEN, "stuck": NEVER_CAME, "abused": ABUSED}, default=None, return_dtype=pl.String)),
        "whole": (
            story.is_in(["cancelled", "abused", "undone", "stuck"])
            | (pl.col("script") == "broken").fill_null(False)
            | (pl.col("lines") == 1)
            | (plan.dice(pl.col("number"), "whole") < 0.5)
        ),
        "share": pl.when(pl.col("kind").is_in(["exchange", "resend"])).then(0.0).when(in_part).then(0.5).otherwise(1.0),
        "outcome": pl.when(story.is_not_null()).then(outcome),
    }


def _one_of(drawn: pl.Expr, texts: tuple[str, ...]) -> pl.Expr:
    return (drawn * len(texts)).cast(pl.Int64).replace_strict(dict(enumerate(texts)), return_dtype=pl.String)


def _settled(plan: Plan) -> pl.Expr:
    quick = _span(plan, "settling", _HOUR // 2, 8 * _HOUR)
    slow = _span(plan, "settling", 3 * _DAY, 9 * _DAY)
    usual = _span(plan, "settling", 3 * _HOUR, 72 * _HOUR)
    span = pl.when(pl.col("story") == "cancelled").then(quick).when(pl.col("kind") == "refund").then(usual).otherwise(slow)
    return pl.when(pl.col("asked").is_not_null()).then(pl.col("asked") + span)


def _finished(plan: Plan) -> pl.Expr:
    """The buyer confirms, or the platform does ten days after delivery; not while something is open."""
    confirmed = pl.coalesce("delivered", pl.col("shipped") + pl.duration(days=15)) + _span(plan, "confirming", _DAY, 10 * _DAY)
    return pl.when(pl.col("asked") < confirmed).then(pl.max_horizontal(confirmed, "settled")).otherwise(confirmed)


def _facts(plan: Plan) -> pl.Expr:
    expires = pl.when("presale").then(pl.col("created") + pl.duration(days=20)).otherwise(pl.col("created") + pl.duration(days=1))
    return pl.when(pl.col("paid").is_null()).then(expires).otherwise(pl.max_horizontal("finished", "settled"))


def day_number(number: pl.Expr) -> pl.Expr:
    """Epoch day inside a row's number; 0 in the number of a regular buyer."""
    return number % (2**37) // DAY_STEP
