"""People whose dates moved are told once a replan: one notice a person, step and move, however many shops it is of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, update

from ecops.engine.moves import Moved
from ecops.engine.states import STEP_ENDED
from ecops.playbook.model import Playbook, Step, roles_of
from ecops.service.notices import MOVED, tell
from ecops.service.staff import Staff
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks

REPLANNED = "run.replanned"
_FIELDS = {"start": ("开始", "start "), "due": ("", "")}
_AGAIN = "moved again"
Dates = dict[str, tuple[datetime | None, datetime | None]]  # by field: where it was, where it is


def tell_moved(tx: Tx, run: str, playbook: Playbook, moves: Sequence[Moved]) -> None:
    """Tell whoever is responsible for the steps of people whose start or due time moved; called once the replan's own event is written."""
    staff, open_items = Staff(tx.connection, tx.now), _open_items(tx, run)
    waiting = _waiting(tx, run)
    event = tx.connection.execute(select(func.max(t.event.c.id)).where(t.event.c.run == run, t.event.c.what == REPLANNED)).scalar_one()
    rows: list[dict] = []
    for number, ((step, dates), where) in enumerate(_alike(playbook, moves).items()):
        shops = _concerned(staff, playbook, playbook.step(step), where, open_items)
        for person, (why, role, whose) in shops.items():
            moved, over = _since(dict(dates), waiting.get((person, step), ()), len(whose))
            _drop(tx, over)
            if moved:
                shop = next(iter(whose)) if len(whose) == 1 else ""
                told = {"cause": f"replan:{event}:{number}", "person": person, "kind": MOVED, "why": why, "role": role, "run": run, "step": step, "shop": shop or None}
                rows.append(told | {"detail": _detail(moved, len(whose), _zone(staff, person, playbook))})
    tell(tx, staff, rows)


def still_moved(connection: Connection, row: Any) -> bool:
    """Whether an unfinished step has the dates that a notice (its row) tells of; they may have moved again, or it has ended."""
    moved = (row.detail or {}).get("moves")
    if not moved:
        return True
    query = select(t.step_run.c.id).where(t.step_run.c.run == row.run, t.step_run.c.step == row.step, t.step_run.c.state.not_in(STEP_ENDED))
    query = query.where(t.step_run.c.shop == row.shop) if row.shop else query
    for one in moved:
        column = t.step_run.c[f"{one['field']}_at"]
        query = query.where(column == _read(one["to"]) if one["to"] else column.is_(None))
    return connection.execute(query.limit(1)).first() is not None


def due_of(row: Any) -> datetime | None:
    """The due time that a notice of moved dates tells."""
    return next((_read(one["to"]) for one in (row.detail or {}).get("moves", ()) if one["field"] == "due"), None)


def _alike(playbook: Playbook, moves: Iterable[Moved]) -> dict[tuple[str, tuple], list[tuple[str, int]]]:
    """Shops and step runs by step and what moved of it; machines are told nothing."""
    found: dict[tuple[str, tuple], list[tuple[str, int]]] = {}
    for one in moves:
        dates = {name: both for name, both in one.dates.items() if name in _FIELDS}
        if dates and playbook.step(one.rows.step).kind in ("checklist", "approval"):
            found.setdefault((one.rows.step, tuple(sorted(dates.items()))), []).extend((shop, number) for number, shop in one.rows.where)
    return {what: sorted(where) for what, where in found.items()}


def _open_items(tx: Tx, run: str) -> dict[int, set[tuple[str, str | None]]]:
    """Role and assignee of the open items, by step run."""
    found: dict[int, set[tuple[str, str | None]]] = {}
    for row in tx.all(select(t.item.c.step_run, t.item.c.role, t.item.c.assignee).where(t.item.c.run == run, t.item.c.state == "open").distinct()):
        found.setdefault(row.step_run, set()).add((row.role, row.assignee))
    return found


def _concerned(staff: Staff, playbook: Playbook, step: Step, where: Sequence[tuple[str, int]], open_items: Mapping[int, set]) -> dict[str, tuple[str, str, dict[str, None]]]:
    """Why, by which role and for which shops a step is somebody's, by person."""
    found: dict[str, tuple[str, str, dict[str, None]]] = {}
    planned = [(role, None) for role in roles_of(playbook, step)]
    for shop, number in where:
        for role, assignee in sorted(open_items.get(number, planned), key=str):
            for person, why in staff.of_item(assignee, role, shop, playbook.owner).items():
                found.setdefault(person, (why, role, {}))[2][shop] = None
    return found


def _waiting(tx: Tx, run: str) -> dict[tuple[str, str], list[Any]]:
    """What people have not been told yet of earlier moves, by person and step."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in tx.all(select(t.notice).where(t.notice.c.run == run, t.notice.c.kind == MOVED, t.notice.c.state == "waiting")):
        found.setdefault((row.person, row.step), []).append(row)
    return found


def _since(dates: Dates, waiting: Sequence[Any], shops: int) -> tuple[Dates, list[int]]:
    """What moved since the person was told last, and the notices that say it no more: who did not hear of the step between hears of one move, or of none."""
    over = []
    for row in waiting:
        before = {one["field"]: one for one in row.detail["moves"]}
        if row.detail["shops"] == shops and before.keys() == dates.keys() and all(_read(one["to"]) == dates[name][0] for name, one in before.items()):
            dates = {name: (_read(before[name]["from"]), to) for name, (_, to) in dates.items()}
            over.append(row.id)
    return {name: (was, to) for name, (was, to) in dates.items() if was != to}, over


def _drop(tx: Tx, notices: Sequence[int]) -> None:
    for part in chunks(notices):
        tx.connection.execute(update(t.notice).where(t.notice.c.id.in_(part), t.notice.c.state == "waiting").values(state="dropped", reason=_AGAIN))


def _detail(moved: Dates, shops: int, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "zh": ";".join(f"{_FIELDS[name][0]}原 {_words(was, zone, '未定')} → 现 {_words(to, zone, '未定')}" for name, (was, to) in moved.items()),
        "en": "; ".join(f"{_FIELDS[name][1]}was {_words(was, zone, 'open')} → now {_words(to, zone, 'open')}" for name, (was, to) in moved.items()),
        "moves": [{"field": name, "from": was and was.isoformat(), "to": to and to.isoformat()} for name, (was, to) in moved.items()], "shops": shops,
    }  # fmt: skip


def _words(at: datetime | None, zone: ZoneInfo, unknown: str) -> str:
    return f"{at.astimezone(zone):%m-%d %H:%M}" if at else unknown


def _zone(staff: Staff, person: str, playbook: Playbook) -> ZoneInfo:
    return ZoneInfo(staff.people[person].timezone) if person in staff.people else playbook.zone


def _read(text: str | None) -> datetime | None:
    return text and datetime.fromisoformat(text)
