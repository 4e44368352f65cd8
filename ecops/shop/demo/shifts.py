"""Who is on duty in the demo shops: a fortnight ahead, and on the days of a campaign that is planned; local instants."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import polars as pl

from ecops.shop.demo.chats import AGENTS, GAP_AFTER, GAP_HOUR, GAP_HOURS
from ecops.shop.demo.plan import Plan

_EARLY, _LATE = (AGENTS[0], AGENTS[2]), (AGENTS[1], "客服04")
_EARLY_HOURS, _LATE_HOURS = (8, 16), (15, 23)
_LEAD, _HELPERS = "客服06", ("临时客服01", "临时客服02")  # of the campaign's nights
UNTRAINED, STALE = "临时客服03", "客服05"  # on duty beside others, so that no hour hangs on them
_STALE_HOURS, _STALE_DAYS = (18, 22), 400
_NIGHT = (23, 9)
_TRAINED_BEFORE, _TRAINED_EVERY, _TRAINED_FOR_SALE = 100, 300, 10  # days
_AHEAD = 14
_SHIFT = {"agent": pl.String, "shift_from": pl.Datetime("us"), "shift_until": pl.Datetime("us"), "trained_on": pl.Date, "temporary": pl.Boolean}


def shifts(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `shifts`: two agents early and two late on every day; in a campaign's nights one of the shop's own and helpers.

    In every shop nobody is there in the hours in which nobody answers (`chats`); in every second one nobody is there in the first
    hours of a campaign's sale: the late shift ends when it opens and the night begins hours later.
    """
    rows = {gap: pl.DataFrame(list(_of_days(plan, gap)), schema=_SHIFT, orient="row") for gap in (False, True)}
    keys = shops.select("shop", gap=has_gap(pl.col("number")))
    return pl.concat([keys.filter(gap=gap).select("shop").join(table, how="cross") for gap, table in rows.items()])


def has_gap(number: pl.Expr) -> pl.Expr:
    """Whether nobody is on duty in the shop when the sale opens."""
    return number % 2 == 0


def _of_days(plan: Plan, gap: bool) -> Iterator[tuple]:
    openings = {plan.opening(peak).date(): plan.opening(peak) for peak in plan.planned_peaks}
    for day in _days(plan):
        hole = _hole(day, openings.get(day) if gap else None, plan)
        for agents, hours in ((_EARLY, _EARLY_HOURS), (_LATE, _LATE_HOURS)):
            for agent in agents:
                yield from _around(agent, day, hours, hole, plan)
        if day.isoweekday() == 6:
            yield STALE, _at(day, _STALE_HOURS[0]), _at(day, _STALE_HOURS[1]), plan.since - timedelta(days=_STALE_DAYS), False
    for peak in plan.planned_peaks:
        yield from _nights(peak)


def _days(plan: Plan) -> list[date]:
    roster = {plan.since + timedelta(days=number) for number in range((plan.until - plan.since).days + 1 + _AHEAD)}
    return sorted(roster | {day for peak in plan.planned_peaks for day in (peak - timedelta(days=1), peak)})


def _hole(day: date, opening: datetime | None, plan: Plan) -> tuple[int, int] | None:
    """The hours of the day without anybody."""
    if day == plan.day(GAP_AFTER):
        return GAP_HOUR, GAP_HOUR + GAP_HOURS
    return (opening.hour, opening.hour + GAP_HOURS) if opening and opening.hour + GAP_HOURS <= _LATE_HOURS[1] else None


def _around(agent: str, day: date, hours: tuple[int, int], hole: tuple[int, int] | None, plan: Plan) -> Iterator[tuple]:
    """The agent's shift, in two where the hole cuts it."""
    parts = [hours] if hole is None or hole[1] <= hours[0] or hours[1] <= hole[0] else [(hours[0], hole[0]), (hole[1], hours[1])]
    for begin, end in parts:
        if begin < end:
            yield agent, _at(day, begin), _at(day, end), _trained(day, plan), False


def _nights(peak: date) -> Iterator[tuple]:
    trained = peak - timedelta(days=_TRAINED_FOR_SALE)
    for night in (peak - timedelta(days=1), peak):
        for agent, on in ((_LEAD, trained), (_HELPERS[0], trained), (_HELPERS[1], trained), (UNTRAINED, None)):
            yield agent, _at(night, _NIGHT[0]), _at(night + timedelta(days=1), _NIGHT[1]), on, agent != _LEAD


def _trained(day: date, plan: Plan) -> date:
    """The last of the trainings that come again every three hundred days."""
    first = plan.since - timedelta(days=_TRAINED_BEFORE)
    return first + timedelta(days=(day - first).days // _TRAINED_EVERY * _TRAINED_EVERY)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour))


def told(number: int, plan: Plan) -> list[dict[str, object]]:
    """What is to be found in a shop's shifts, ready for JSON."""
    found: list[dict[str, object]] = [{"what": "agent_training_too_old", "hit": True, "agent": STALE}]
    holes = [(plan.day(GAP_AFTER), GAP_HOUR)]
    for peak in plan.planned_peaks:
        opening = plan.opening(peak)
        found += [
            {"what": "agent_untrained", "hit": True, "agent": UNTRAINED, "day": peak.isoformat()},
            *({"what": "agent_temporary", "hit": False, "agent": agent, "day": peak.isoformat()} for agent in _HELPERS),
        ]
        if number % 2 == 0 and _hole(opening.date(), opening, plan):
            holes.append((opening.date(), opening.hour))
    return [*found, *({"what": "roster_gap", "hit": True, "day": day.isoformat(), "hour": hour, "hours": GAP_HOURS} for day, hour in holes)]
