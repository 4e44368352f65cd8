"""Who ordered when: the ordinary orders by the shops' rhythms and the campaigns' curves, and the planted ones among them."""

import math
from datetime import date

import polars as pl

from ecops.shop.demo.plan import PRESALE_DAYS, SEARCH_DROP_AFTER, SEARCH_DROP_DAYS, Plan
from ecops.shop.demo.plots import MEMBERS, planted
from ecops.shop.demo.words import PROVINCES
from ecops.shop.dice import pick

# A row's number: the shop's steps, then the day's, then the order's own; dice follow it, so nothing depends on what stands beside it.
SHOP_STEP, DAY_STEP = 2**37, 2**20
_ORDINARY_ORDERS, _PRESOLD, _PLANTED = 2**17, 2**18, 2**19
_SCATTER, _SHIFT = 387_053, 7919  # odd: order numbers of a day are its numbers in another order, so that none tells what is planted

_HOURS = [8, 5, 3, 2, 1, 1, 3, 8, 16, 26, 34, 34, 30, 30, 32, 34, 34, 32, 34, 42, 56, 60, 46, 24]
_AWAKE = [hours * (4 if at < 6 else 1) for at, hours in enumerate(_HOURS)]
_WEEK = {1: 0.97, 2: 0.96, 3: 0.98, 4: 1.0, 5: 1.03, 6: 1.0, 7: 1.0}
# Orders against an ordinary day: buyers wait before a campaign and have had enough after it.
_NEAR_PEAK = {-6: 0.9, -5: 0.9, -4: 0.85, -3: 0.8, -2: 0.75, 0: 8.0, 1: 1.5, 2: 0.9, 3: 0.8, 4: 0.85}
_EVE_OPEN, _EVE_SHUT = 2.5, 0.7
_UNPAID, _PRESALE = 0.07, 0.15
_HOUR, _DAY = 3600, 86400


def orders(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One row an order, times local and as they will be, also beyond the end of the period.

    shop, shop_number, number (its own, for dice), date (day of creation), created, paid (null: never), presale,
    deposit_paid, buyer and address (numbers), buyer_id, address_hash, phone_hash, order_id, province, channel, and the
    columns of a planted order (null in the others).
    """
    ordinary = _ordinary(shops, plan)
    frame = pl.concat([ordinary, _planted(shops, plan)], how="diagonal").sort("number")
    return (
        frame.with_columns(date=pl.col("created").dt.date()).with_columns(**_ids(plan), **_labels(frame, plan)).filter(pl.col("created") < plan.end)
    )


def expected(plan: Plan) -> pl.Expr:
    """Orders to expect on `date` in a shop of the register: size, growth, week, campaigns, lost search rank."""
    swing = pl.lit(1.0)
    for offset, factor in (_NEAR_PEAK | {-1: _EVE_OPEN if plan.opens_on_eve else _EVE_SHUT}).items():
        swing = pl.when(plan.near_peak(pl.col("date"), offset)).then(factor).otherwise(swing)
    growth = (1 + pl.col("trend")).pow((pl.col("date") - plan.since).dt.total_days()).clip(0.3, 3)
    weekday = pl.col("date").dt.weekday()
    week = weekday.replace_strict(_WEEK, return_dtype=pl.Float64) * pl.when(weekday > 5).then(1 + pl.col("weekend")).otherwise(1.0)
    return plan.orders_per_day * pl.col("size") * growth * week * swing * pl.when(search_dropped(plan)).then(0.75).otherwise(1.0)


def search_dropped(plan: Plan) -> pl.Expr:
    """Whether the shop (every second one) has lost its rank in the search on `date`."""
    inside = pl.col("date").is_between(plan.day(SEARCH_DROP_AFTER), plan.day(SEARCH_DROP_AFTER + SEARCH_DROP_DAYS), closed="left")
    return inside & (pl.col("shop_number") % 2 == 0)


def _ordinary(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    frame = shops.rename({"number": "shop_number"}).join(pl.DataFrame({"date": plan.ordered_days}), how="cross")
    frame = frame.with_columns(day=pl.col("shop_number") * SHOP_STEP + pl.col("date").dt.epoch("d").cast(pl.Int64) * DAY_STEP, usual=expected(plan))
    wobble = 0.8 + 0.4 * plan.dice(pl.col("day"), "wobble")
    count = (pl.col("usual") * wobble + plan.dice(pl.col("day"), "count")).floor().clip(0, _ORDINARY_ORDERS - 1).cast(pl.Int64)
    frame = frame.with_columns(nth=pl.int_ranges(count)).explode("nth", empty_as_null=False)
    frame = frame.with_columns(number=pl.col("day") + pl.col("nth"))
    frame = frame.with_columns(created=_created(frame, plan)).with_columns(paid=_paid(plan))
    frame = _presold(frame, plan).with_columns(**_buyers(plan))
    frame = frame.with_columns(address="buyer", phone="buyer")
    return frame.select("shop", "shop_number", "home", "number", "created", "paid", "presale", "deposit_paid", "buyer", "address", "phone")


def _created(frame: pl.DataFrame, plan: Plan) -> pl.Series:
    """A second of the day by the curve of the hours of that day."""
    drawn = frame.select(plan.dice(pl.col("number"), "hour"))["number"]
    curves = {"ordinary": _HOURS, "awake": _AWAKE, "eve": hours_of_sale(plan, -1), "peak": hours_of_sale(plan, 0)}
    hours = (
        frame
        .select("date", "awake", "number")
        .rename({"awake": "is_awake"})
        .with_columns(pick(drawn, curve).alias(name) for name, curve in curves.items())
    )
    day, usual = pl.col("date"), pl.when("is_awake").then("awake").otherwise("ordinary")
    hour = pl.when(plan.near_peak(day, 0)).then("peak").when(plan.near_peak(day, -1)).then("eve").otherwise(usual)
    within = (plan.dice(pl.col("number"), "second") * _HOUR).cast(pl.Int64)
    return hours.select(day.cast(pl.Datetime("us")) + pl.duration(seconds=hour * _HOUR + within))["date"]


def hours_of_sale(plan: Plan, offset: int) -> list[float]:
    """Weights of the hours of the campaign day (offset 0) or of its eve (-1).

    A rush at the opening that dies away within hours, another one at midnight, one before the end (2.1 and 7 of the
    domain notes: the curve of an ordinary day is wrong in the first hours of a 20:00 start).
    """
    peak = date(2001, 11, 11)
    opening = plan.opening(peak)
    since_opening = [(24 * (offset - (opening.date() - peak).days)) + hour - opening.hour for hour in range(24)]
    return [weight * _rush(since, 24 * offset + hour) for weight, hour, since in zip(_HOURS, range(24), since_opening, strict=True)]


def _rush(since_opening: int, since_midnight: int) -> float:
    if since_opening < 0:
        return 0.35
    again = 18 * math.exp(-since_midnight / 1.2) if since_midnight >= 0 and since_opening > 0 else 0
    return 1 + 9 * math.exp(-since_opening / 1.5) + again + (1.2 if since_midnight >= 21 else 0)


def _paid(plan: Plan) -> pl.Expr:
    """Most pay within minutes, some within hours, some never."""
    quick = plan.dice(pl.col("number"), "pay delay")
    seconds = (8 + 300 * quick + 20_000 * quick.pow(24)).cast(pl.Int64)
    return pl.when(plan.dice(pl.col("number"), "unpaid") >= _UNPAID).then(pl.col("created") + pl.duration(seconds=seconds))


def _presold(frame: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Some of the sale's orders were made weeks before, with a deposit; the rest is paid in the sale, or never."""
    days = 2 + (plan.dice(pl.col("number"), "deposit day") * (PRESALE_DAYS - 2)).cast(pl.Int64)
    inside = pl.col("created") - pl.duration(days=days) >= plan.start
    presale = plan.on_sale(pl.col("created")) & inside & (plan.dice(pl.col("number"), "presale") < _PRESALE)
    ordered = pl.when(presale).then(pl.col("created") - pl.duration(days=days)).otherwise("created")
    # Orders of the eve and of the day may move to the same day: each keeps its numbers apart.
    apart = pl.when(plan.near_peak(pl.col("date"), 0)).then(_ORDINARY_ORDERS).otherwise(0)
    moved = pl.col("day") - days * DAY_STEP + _PRESOLD + apart + pl.col("nth")
    beyond = pl.col("date") > plan.until
    frame = frame.with_columns(presale=presale, created=ordered, number=pl.when(presale).then(moved).otherwise("number"))
    frame = frame.with_columns(deposit_paid=pl.when("presale").then(pl.col("created") + pl.duration(seconds=50)))
    return frame.filter(pl.col("presale") | ~beyond)


def _buyers(plan: Plan) -> dict[str, pl.Expr]:
    """A regular of the shop, the buyer of an order some weeks ago (also from before the period), or somebody new."""
    drawn, who = plan.dice(pl.col("number"), "who"), plan.dice(pl.col("number"), "which")
    shop = pl.col("shop_number") * SHOP_STEP
    regulars = (2.5 * plan.orders_per_day * pl.col("size")).clip(3)
    regular = shop + (who.pow(1.5) * regulars).cast(pl.Int64)
    days = 4 + (70 * plan.dice(pl.col("number"), "how long ago").pow(1.7)).cast(pl.Int64)
    former = pl.col("day") - days * DAY_STEP + (who * (plan.orders_per_day * pl.col("size")).clip(1)).cast(pl.Int64)
    known = pl.when(drawn < pl.col("loyal")).then(regular).when(drawn < pl.col("loyal") + pl.col("again")).then(former)
    return {"buyer": known.otherwise("number")}


def _planted(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    frame = planted(shops, plan).join(shops.select("shop", "home", shop_number="number"), on="shop_number", maintain_order="left")
    place = _PLANTED + pl.col("plot") * MEMBERS
    cycle = pl.col("shop_number") * SHOP_STEP + (pl.lit(plan.since).dt.epoch("d").cast(pl.Int64) + 1 + pl.col("cycle")) * DAY_STEP + place
    day = pl.col("shop_number") * SHOP_STEP + pl.col("created").dt.date().dt.epoch("d").cast(pl.Int64) * DAY_STEP
    return frame.with_columns(
        number=day + place + pl.col("member"), paid=pl.col("created") + pl.duration(seconds="pays_after"), presale=False,
        buyer=cycle + pl.col("buyer"), address=cycle + pl.col("address"), phone=cycle + pl.col("phone"),
    )


def _ids(plan: Plan) -> dict[str, pl.Expr]:
    nth = (pl.col("number") % SHOP_STEP * _SCATTER % DAY_STEP + pl.col("number") % SHOP_STEP // DAY_STEP * _SHIFT) % DAY_STEP
    return {
        "order_id": pl.col("date").dt.strftime("%y%m%d") + pl.col("shop_number").cast(pl.String).str.zfill(5) + nth.cast(pl.String).str.zfill(7),
        "buyer_id": "o" + plan.token(pl.col("buyer"), "buyer"),
        "address_hash": "a" + plan.token(pl.col("address"), "address"),
        "phone_hash": "p" + plan.token(pl.col("phone"), "phone"),
    }


def _labels(frame: pl.DataFrame, plan: Plan) -> dict[str, pl.Expr | pl.Series]:
    """A third of the buyers live in the shop's own province."""
    place = pick(frame.select(plan.dice(pl.col("address"), "place"))["address"], [share for _, share in PROVINCES])
    near = plan.dice(pl.col("address"), "near") < 0.33
    channel = plan.dice(pl.col("number"), "channel")
    names = {at: name for at, (name, _) in enumerate(PROVINCES)}
    return {
        "province": pl.when(near).then("home").otherwise(pl.lit(place)).replace_strict(names, return_dtype=pl.String),
        "channel": pl.when(channel < 0.45).then(pl.lit("search")).when(channel < 0.75).then(pl.lit("recommend")).otherwise(pl.lit("campaign")),
    }
