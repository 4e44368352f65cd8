"""Who waits for whom: what a person's next work waits for, and what waits for the work they have. Rolled up over shops; read only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from ecops.engine.states import STEP_FINISHED
from ecops.playbook.check import needs_of
from ecops.playbook.model import Playbook
from ecops.service.frozen import frozen
from ecops.service.staff import Staff
from ecops.service.views import for_person, iso, title_of
from ecops.service.voices import to_decide
from ecops.store import tables as t

_NAMED = 5


def waiting(connection: Connection, person: str, now: datetime) -> dict[str, list[dict]]:
    """`waits_for_me`: steps of others that cannot begin before open work of this person is done. `i_wait_for`: unfinished steps of others before this person's own.

    Each row: run, step, title, shops (named up to five), count (of shops), due, overdue, and `then`/`first`: the step on the other side with its title and who has it.
    `to_decide`: the gates that wait for this person's voice.
    """
    staff, found = Staff(connection, now), {"waits_for_me": [], "i_wait_for": [], "to_decide": to_decide(connection, person, now)}
    for run in connection.execute(select(t.run).where(t.run.c.state == "active").order_by(t.run.c.launched_at, t.run.c.run)):
        book = frozen(connection, run.digest)
        mine = _mine(connection, run.run, person, now)
        theirs = {step.id for step in book.steps if _answers(staff, book, step, person)}
        if mine or theirs:
            now_on, pairs = _now_on(connection, run.run, mine), [(step.id, need) for step in book.steps for need in needs_of(step)]
            theirs_blocked = [(step, need) for step, need in pairs if step in theirs and need in now_on]
            mine_block = [(step, need) for step, need in pairs if need in mine and need in now_on]
            behind = _unfinished(connection, run.run, {step for step, _ in (*theirs_blocked, *mine_block)})
            found["waits_for_me"] += _blocked_by(book, run, mine_block, now_on, behind, mine, staff, now)
            found["i_wait_for"] += _blocking(book, run, theirs_blocked, now_on, behind, mine, staff, now)
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


def _now_on(connection: Connection, run: str, mine: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The step runs that somebody or something is on, and those between two rounds that this person still has items of; by step and shop."""
    columns = (t.step_run.c.step, t.step_run.c.shop, t.step_run.c.state, t.step_run.c.due_at)
    is_on = t.step_run.c.state.in_(("ready", "running", "open"))
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(select(*columns).where(t.step_run.c.run == run, or_(is_on, (t.step_run.c.state == "waiting") & t.step_run.c.step.in_(mine)))):
        found.setdefault(row.step, {})[row.shop] = row
    return found


def _unfinished(connection: Connection, run: str, steps: Iterable[str]) -> dict[str, set[str]]:
    """The shops for which each of these steps has not ended."""
    found: dict[str, set[str]] = {}
    query = select(t.step_run.c.step, t.step_run.c.shop).where(t.step_run.c.run == run, t.step_run.c.step.in_(steps), t.step_run.c.state.not_in((*STEP_FINISHED, "cancelled")))
    for step, shop in connection.execute(query).tuples():
        found.setdefault(step, set()).add(shop)
    return found


def _blocked_by(book: Playbook, run, pairs: Iterable[tuple[str, str]], now_on: dict, behind: dict[str, set[str]], mine: dict[str, set[str]], staff: Staff, now: datetime) -> Iterable[dict]:
    for step, need in pairs:
        theirs = mine[need] & set(now_on[need])
        if held := _meeting(behind.get(step, set()), theirs):
            due = min((now_on[need][shop].due_at for shop in theirs if now_on[need][shop].due_at), default=None)
            yield _row(run, book, need, held, due, now) | {"then": _side(book, step, staff, sorted(held))}


def _blocking(book: Playbook, run, pairs: Iterable[tuple[str, str]], now_on: dict, behind: dict[str, set[str]], mine: dict[str, set[str]], staff: Staff, now: datetime) -> Iterable[dict]:
    for step, need in pairs:
        of_others = {shop for shop, row in now_on[need].items() if row.state != "waiting"} - mine.get(need, set())
        if first := _meeting(of_others, behind.get(step, set())):
            due = min((now_on[need][shop].due_at for shop in first if now_on[need][shop].due_at), default=None)
            yield _row(run, book, step, first, due, now) | {"first": _side(book, need, staff, sorted(first))}


def _meeting(shops: set[str], others: set[str]) -> set[str]:
    """Those of the step runs of `shops` that stand beside one of the others; "" is the run's own, which stands beside all."""
    if "" in others:
        return shops
    return shops & others | (shops & {""} if others else set())


def _row(run, book: Playbook, step: str, shops: Iterable[str], due: datetime | None, now: datetime) -> dict:
    named = sorted(shop for shop in shops if shop)
    return {"run": run.run, "run_title": run.title_zh, "run_title_en": run.title_en, "step": step, **_titles(book.step(step)), "shops": named[:_NAMED], "count": len(named), "due": iso(due), "overdue": bool(due and due < now)}


def _side(book: Playbook, step: str, staff: Staff, shops: Iterable[str]) -> dict:
    """The step on the other side, and who has it."""
    found = book.step(step)
    roles = found.approval.by if found.approval else (book.role_of(found),)
    people = sorted({person for role in roles for shop in ("", *list(shops)[:_NAMED]) for person in staff.responsible(role, shop, book.owner)}) if found.kind not in ("task", "milestone") else []
    return {"step": step, **_titles(found), "kind": found.kind, "role": book.role_of(found), "people": people}


def _titles(step) -> dict[str, str]:
    return {"title": title_of(step), "title_en": step.title.en if step.title else step.id}
