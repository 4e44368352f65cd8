"""What notices say when their message goes: looked up at that moment, so that what is closed meanwhile is not told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from ecops.people.messages import MOST_LINES, Digest, Line, compose
from ecops.service import notices as n
from ecops.service.frozen import frozen
from ecops.service.moved import due_of, still_moved
from ecops.service.staff import Staff
from ecops.service.views import for_person
from ecops.service.voices import open_gates, spoken, to_decide, voices
from ecops.store import tables as t
from ecops.store.tx import chunks

@dataclass(frozen=True)
class Told:
    """A notice (its number and row) with the rows it is about: item (None for a step as a whole), step run, run; all None for a digest."""

    notice: int
    row: Any
    item: Any
    step: Any
    run: Any


def still_true(connection: Connection, rows: Sequence[Any], staff: Staff) -> tuple[list[Told], list[tuple[Any, Mapping[str, str]]]]:
    """The notices that still say something: their item is open and this person's, their step unfinished, their run going on.

    And the rungs that are somebody else's by now, for roles, absences and voices changed while they waited: each notice with the people whose it is, and why.
    """
    items = _by_id(connection, select(t.item), t.item.c.id, {row.item for row in rows if row.item})
    steps = _by_id(connection, select(t.step_run), t.step_run.c.id, {row.step_run for row in rows if row.step_run})
    runs = _by_id(connection, select(t.run), t.run.c.run, {row.run for row in rows if row.run})
    told = [Told(row.id, row, items.get(row.item), steps.get(row.step_run), runs.get(row.run)) for row in rows]
    going = [one for one in told if (_is_going_on(one) and still_moved(connection, one.row) if one.row.kind == n.MOVED else _holds(one, staff))]
    able = _able(connection, staff, [one.row.step_run for one in going if _is_of_gate(one)])
    whose = {one.notice: _whose(one, staff, able) for one in going if one.row.kind in (n.REMIND, n.ESCALATE)}
    strayed = {one.notice: one for one in going if one.row.person not in whose.get(one.notice, (one.row.person,))}
    # who was given an item, or took it, knows of it already
    return [one for one in going if one.notice not in strayed], [(one.row, whose[one.notice]) for one in strayed.values() if one.row.kind == n.ESCALATE or one.item is None or one.item.assignee is None]


def _is_of_gate(one: Told) -> bool:
    return one.row.kind == n.REMIND and one.item is None


def _able(connection: Connection, staff: Staff, gates: Sequence[int]) -> dict[int, dict[str, str]]:
    """Who can still give a voice at gates that are open, and why."""
    rows = [row for part in chunks(gates) for row in open_gates(connection, t.step_run.c.id.in_(part))]
    heard = spoken(connection, [row.id for row in rows])
    by_role = {row.id: voices(frozen(connection, row.digest).step(row.step).approval, staff, row).values() for row in rows}
    return {number: {person: why for people in roles for person, why in people.items() if (number, person) not in heard} for number, roles in by_role.items()}


def _whose(one: Told, staff: Staff, able: Mapping[int, Mapping[str, str]]) -> Mapping[str, str]:
    """Whom a rung is for now, and why."""
    if _is_of_gate(one):
        return able.get(one.row.step_run, {})
    if one.row.kind == n.REMIND:
        return staff.of_item(one.item.assignee, one.item.role, one.item.shop, one.run.owner)
    return staff.responsible(one.row.role, one.row.shop, one.run.owner)


def _by_id(connection: Connection, query, key, wanted: set) -> dict:
    found: dict = {}
    for part in chunks(sorted(wanted)):
        found |= {getattr(row, key.name): row for row in connection.execute(query.where(key.in_(part)))}
    return found


def _is_going_on(one: Told) -> bool:
    return one.run is not None and one.run.state == "active"


def _holds(one: Told, staff: Staff) -> bool:
    if one.row.kind == n.DIGEST:
        return True
    if not _is_going_on(one):
        return False
    if one.item is None:
        return one.step is not None and one.step.state == "open" and not one.row.item
    is_theirs = one.item.assignee in (None, one.row.person) or staff.stand_in(one.item.assignee) in (None, one.row.person)
    if one.row.kind == n.ESCALATE and one.item.state == "done":
        return one.item.verification in n.UNVERIFIED
    return one.item.state == "open" and (is_theirs or one.row.kind != n.ASSIGNED)


def written(connection: Connection, person, told: Sequence[Told], link: str | None, now: datetime) -> tuple[str, str]:
    """(title, body) of a message to a person (their row), in their language and time zone."""
    shops = _by_id(connection, select(t.shop), t.shop.c.shop, {one.row.shop for one in told if one.row.shop})
    lines = [_line(connection, one, shops, person.language) for one in told if one.row.kind != n.DIGEST]
    slots = [one.row.detail["slot"] for one in told if one.row.kind == n.DIGEST]
    zone = ZoneInfo(person.timezone)
    digest = digest_of(connection, person, slots[-1], now) if slots else None
    return compose(lines, digest, link, now, zone, person.language)


def _line(connection: Connection, one: Told, shops: Mapping[str, Any], language: str) -> Line:
    is_zh = language == "zh"
    if one.item is not None:
        what = one.item.title_zh if is_zh else one.item.title_en
    else:
        step = frozen(connection, one.run.digest).step(one.row.step) if one.row.step else None
        what = (step.title.zh if is_zh else step.title.en) if step and step.title else one.row.step or (one.run.title_zh if is_zh else one.run.title_en)
    due = one.item.due_at if one.item is not None else one.step.due_at if one.step is not None else due_of(one.row)
    shop = shops[one.row.shop].name if one.row.shop in shops else ""
    said = (one.row.detail or {}).get("zh" if is_zh else "en", "")
    if one.item is not None and one.item.state == "done":
        said = "已做,还没有核验" if is_zh else "done, not verified yet"
    return Line(one.row.kind, one.row.why, one.row.role or "", what, one.run.title_zh if is_zh else one.run.title_en, shop, due, said)


def digest_of(connection: Connection, person, slot: str, now: datetime) -> Digest:
    """What a person (their row) has before them: their open items that are overdue, or due before the end of tomorrow on their wall, and the gates that wait for their voice."""
    zone = ZoneInfo(person.timezone)
    today = now.astimezone(zone).date()
    end, after = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (today + timedelta(days=1), today + timedelta(days=2)))
    theirs = for_person(connection, person.person, now) & (t.item.c.state == "open")
    due = t.item.c.due_at

    def count(*conditions) -> int:
        return connection.execute(select(func.count()).select_from(t.item).where(theirs, *conditions)).scalar_one()

    query = select(t.item, t.run.c.title_zh.label("run_zh"), t.run.c.title_en.label("run_en"), t.shop.c.name.label("shop_name")).join(t.run, t.run.c.run == t.item.c.run).outerjoin(t.shop, t.shop.c.shop == t.item.c.shop)
    gates = [gate for gate in to_decide(connection, person.person, now) if gate["due"] is None or datetime.fromisoformat(gate["due"]) < after]
    rows = connection.execute(query.where(theirs, due < after).order_by(due, t.item.c.id).limit(MOST_LINES)).all()
    is_zh = person.language == "zh"
    waiting = [Line(n.REMIND, "role", "", gate["title" if is_zh else "title_en"], gate["run_title" if is_zh else "run_title_en"], "", gate["due"] and datetime.fromisoformat(gate["due"])) for gate in gates]
    lines = [Line(n.REMIND, "role", row.role, row.title_zh if is_zh else row.title_en, row.run_zh if is_zh else row.run_en, row.shop_name or "", row.due_at) for row in rows]
    return Digest(slot, count(due < now), count(due >= now, due < end), count(due >= end, due < after), lines, waiting)
