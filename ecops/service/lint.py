"""The facts a plan is held against before it is launched: who holds what, who is away, what people have before them, which other runs there are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, case, func, select

from ecops.engine.lint import MOST_A_DAY, Facts, Twin, lint
from ecops.engine.plan import Plan
from ecops.engine.staffing import Staffing, Wall
from ecops.engine.states import STEP_ENDED
from ecops.playbook.model import Playbook
from ecops.playbook.problem import Problem
from ecops.playbook.source import Places
from ecops.service.moved import REPLANNED
from ecops.service.overlaps import overlaps
from ecops.service.staff import Staff, absences, bound
from ecops.store import tables as t

LINTED = "run.linted"
_UNFINISHED = ("open", "planned")
_OF_DATES = frozenset({"due-before-need", "past", "away", "quiet-hours", "load"})


def problems(connection: Connection, plan: Plan, day: date, shops: Sequence[str], now: datetime, by: str | None, places: Places | None = None, most_a_day: int = MOST_A_DAY) -> list[Problem]:
    """What is wrong with a plan for these shops, launched now; `by`: who launches, None: not known."""
    held, away, walls = bound(connection), absences(connection, now), _walls(connection)
    names, shop_names = (dict(connection.execute(select(*columns)).tuples().all()) for columns in ((t.person.c.person, t.person.c.name), (t.shop.c.shop, t.shop.c.name)))
    return lint(plan, Facts(
        tuple(shops), now, by, held, away, walls, _open_items(connection, plan, Staffing(held, away), walls),
        overlaps(connection, plan.anchors, shops) if plan.playbook.phase == "campaign" else (), _twins(connection, plan.playbook.playbook, day, shops), most_a_day, names, shop_names,
    ), places)  # fmt: skip


def still_wrong(connection: Connection, run: Any, playbook: Playbook, told: Collection[str], now: datetime) -> list[dict]:
    """What the newest lint of a run (its row) found that still matters, as `Problem.to_json` kept it: nothing of a run or step that has ended, of dates that have moved
    since, of a role that is held now, or of another run that has ended; nor what is said of the plan as it is now: provisional dates, and runs already `told` of.
    """
    rows = connection.execute(select(t.event.c.what, t.event.c.detail).where(t.event.c.run == run.run, t.event.c.what.in_((LINTED, REPLANNED))).order_by(t.event.c.id)).all()
    newest = max((place for place, row in enumerate(rows) if row.what == LINTED), default=None)
    if run.state != "active" or newest is None:
        return []
    over = {"provisional"} | (_OF_DATES if any(row.detail["moves"] for row in rows[newest:] if row.what == REPLANNED) else set())
    found = [one for one in rows[newest].detail["problems"] if one["code"] not in over]
    left = set(connection.execute(select(t.step_run.c.step).where(t.step_run.c.run == run.run, t.step_run.c.state.not_in(STEP_ENDED)).distinct()).scalars()) if found else set()
    active = set(connection.execute(select(t.run.c.run).where(t.run.c.state == "active")).scalars()) - set(told)
    found = [one for one in found if (one["step"] is None or one["step"] in left) and (one.get("run") is None or one["run"] in active)]
    held = _held_now(connection, run.run, playbook, [one for one in found if one["code"] == "nobody"], now)
    return [one for one in found if one["code"] != "nobody" or one.get("role") not in held]


def _held_now(connection: Connection, run: str, playbook: Playbook, problems: Sequence[Mapping[str, Any]], now: datetime) -> set[str]:
    """The roles of these problems that somebody who is there holds, for each shop their steps are of."""
    if not problems:
        return set()
    staff, shops = Staff(connection, now), connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run)).scalars().all()
    roles = {one["role"]: shops if playbook.step(one["step"]).per_shop else ("",) for one in problems if one.get("role")}
    return {role for role, where in roles.items() if all(staff.holders(role, shop) for shop in where)}


def _walls(connection: Connection) -> dict[str, Wall]:
    def clock(text: str | None) -> time | None:
        return text and time.fromisoformat(text)

    return {row.person: Wall(ZoneInfo(row.timezone), clock(row.quiet_from), clock(row.quiet_until)) for row in connection.execute(select(t.person))}


def _open_items(connection: Connection, plan: Plan, staffing: Staffing, walls: dict[str, Wall]) -> dict[tuple[str, date], float]:
    """What people have before them in running runs on the days of this plan, by person and day; what a role has is shared out among its holders."""
    dues = [one.due for one in plan.everywhere() if one.due]
    if not dues:
        return {}
    # shops without holders of their own are one: they have the same people
    own = select(t.role_binding.c.shop).where(t.role_binding.c.shop != "")
    shop = case((t.item.c.shop.in_(own), t.item.c.shop), else_="").label("whose")
    columns = (t.item.c.run, t.item.c.role, t.item.c.assignee, shop, t.item.c.due_at)
    query = select(*columns, func.count().label("items")).where(t.item.c.state.in_(_UNFINISHED), t.item.c.due_at >= min(dues), t.item.c.due_at <= max(dues)).group_by(*columns)
    owners = {row.run: row.owner or plan.playbook.owner for row in connection.execute(select(t.run.c.run, t.run.c.owner).where(t.run.c.state == "active"))}
    found: dict[tuple[str, date], float] = {}
    for (people, due), items in _shared(connection.execute(query), owners, staffing).items():
        for person in people:
            key = person, due.astimezone(walls[person].zone if person in walls else plan.playbook.zone).date()
            found[key] = found.get(key, 0) + items / len(people)
    return found


def _shared(rows: Iterable[Any], owners: Mapping[str, str], staffing: Staffing) -> dict[tuple[frozenset[str], datetime], int]:
    """Counted items by the people whose they are and their due moment."""
    whose: dict[tuple, frozenset[str]] = {}
    found: dict[tuple[frozenset[str], datetime], int] = {}
    for run, role, assignee, shop, due, items in rows:
        if run not in owners:
            continue
        key = (owners[run], role, assignee, shop)
        if key not in whose:
            whose[key] = frozenset([assignee]) if assignee else staffing.responsible((role,), owners[run], (shop,))[0].people
        found[(whose[key], due)] = found.get((whose[key], due), 0) + items
    return found


def _twins(connection: Connection, playbook: str, day: date, shops: Sequence[str]) -> list[Twin]:
    """Active runs of the same playbook for the same day with some of these shops."""
    query = select(t.run.c.run).where(t.run.c.playbook == playbook, t.run.c.day == day.isoformat(), t.run.c.state == "active").order_by(t.run.c.launched_at, t.run.c.run)
    found = []
    for run in connection.execute(query).scalars().all():
        theirs = set(connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run)).scalars())
        if common := tuple(shop for shop in shops if shop in theirs):
            found.append(Twin(run, common))
    return found
