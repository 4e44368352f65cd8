"""Who waits for whom: what a person's next work waits for, and what waits for the work they have. Rolled up over shops; read only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ecops.engine.states import STEP_FINISHED
from ecops.playbook.check import needs_of
from ecops.playbook.model import Playbook
from ecops.service.frozen import frozen
from ecops.service.staff import Staff
from ecops.service.views import for_person, iso, title_of
from ecops.store import tables as t

_NAMED = 5


def waiting(connection: Connection, person: str, now: datetime) -> dict[str, list[dict]]:
    """`waits_for_me`: steps of others that cannot begin before open work of this person is done. `i_wait_for`: unfinished steps of others before this person's own.

    Each row: run, step, title, shops (named up to five), count (of shops), due, overdue, and `then`/`first`: the step on the other side with its title and who has it.
    """
    staff, found = Staff(connection, now), {"waits_for_me": [], "i_wait_for": []}
    for run in connection.execute(select(t.run).where(t.run.c.state == "active").order_by(t.run.c.launched_at, t.run.c.run)):
        book = frozen(connection, run.digest)
        mine = _mine(connection, run.run, person, now)
        theirs = {step.id for step in book.steps if _answers(staff, book, step, person)}
        if mine or theirs:
            rows = _unfinished(connection, run.run)
            found["waits_for_me"] += _blocked_by(book, run, rows, mine, staff, now)
            found["i_wait_for"] += _blocking(book, run, rows, theirs, mine, staff, now)
    return found


def _answers(staff: Staff, book: Playbook, step, person: str) -> bool:
    roles = step.approval.by if step.approval else (book.role_of(step),)
    return step.kind != "milestone" and any(person in staff.responsible(role, "", book.owner) or any(person in staff.holders(role, shop) for shop in staff.shops_of(role)) for role in roles)


def _mine(connection: Connection, run: str, person: str, now: datetime) -> dict[str, set[str]]:
    """Shops by step of the open items that are this person's."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(select(t.item.c.step, t.item.c.shop).where(t.item.c.run == run, t.item.c.state == "open", for_person(connection, person, now)).distinct()):
        found.setdefault(row.step, set()).add(row.shop)
    return found


def _unfinished(connection: Connection, run: str) -> dict[str, dict[str, Any]]:
    """Step runs that have not ended, by step and shop."""
    found: dict[str, dict[str, Any]] = {}
    columns = (t.step_run.c.id, t.step_run.c.step, t.step_run.c.shop, t.step_run.c.state, t.step_run.c.due_at, t.step_run.c.start_at, t.step_run.c.kind)
    for row in connection.execute(select(*columns).where(t.step_run.c.run == run, t.step_run.c.state.not_in((*STEP_FINISHED, "cancelled")))):
        found.setdefault(row.step, {})[row.shop] = row
    return found


def _blocked_by(book: Playbook, run, rows: dict, mine: dict[str, set[str]], staff: Staff, now: datetime) -> Iterable[dict]:
    for step in book.steps:
        for need in needs_of(step):
            held = {shop for shop in rows.get(step.id, ()) if _meets(shop, mine.get(need, set()) & set(rows.get(need, ())))}
            if held:
                due = min((rows[need][shop].due_at for shop in rows[need] if shop in mine[need] and rows[need][shop].due_at), default=None)
                yield _row(run, book, need, held, due, now) | {"then": _side(book, step.id, staff, held)}


def _blocking(book: Playbook, run, rows: dict, theirs: set[str], mine: dict[str, set[str]], staff: Staff, now: datetime) -> Iterable[dict]:
    for step in book.steps:
        if step.id not in theirs:
            continue
        for need in needs_of(step):
            first = {shop: row for shop, row in rows.get(need, {}).items() if row.state != "waiting" and shop not in mine.get(need, set()) and any(_meets(other, {shop}) for other in rows.get(step.id, ()))}
            if first:
                due = min((row.due_at for row in first.values() if row.due_at), default=None)
                yield _row(run, book, step.id, first, due, now) | {"first": _side(book, need, staff, first)}


def _meets(shop: str, others: set[str]) -> bool:
    """Whether a step run of `shop` ("" for the run) stands beside one of the others."""
    return bool(others) if shop == "" else shop in others or "" in others


def _row(run, book: Playbook, step: str, shops: Iterable[str], due: datetime | None, now: datetime) -> dict:
    named = sorted(shop for shop in shops if shop)
    return {"run": run.run, "run_title": run.title_zh, "run_title_en": run.title_en, "step": step, "title": title_of(book.step(step)), "shops": named[:_NAMED], "count": len(named), "due": iso(due), "overdue": bool(due and due < now)}


def _side(book: Playbook, step: str, staff: Staff, shops: Iterable[str]) -> dict:
    """The step on the other side, and who has it."""
    found = book.step(step)
    roles = found.approval.by if found.approval else (book.role_of(found),)
    people = sorted({person for role in roles for shop in ("", *list(shops)[:_NAMED]) for person in staff.responsible(role, shop, book.owner)}) if found.kind not in ("task", "milestone") else []
    return {"step": step, "title": title_of(found), "kind": found.kind, "role": book.role_of(found), "people": people}
