"""What people are to be told: one row a cause, person and item. However often, and by however many clocks, it is tried, the row is one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ecops.people.quiet import may_be_told
from ecops.service.frozen import frozen
from ecops.service.staff import NOBODY, Staff
from ecops.service.voices import spoken, voices
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks

REMIND, ESCALATE, DIGEST, MOVED, ASSIGNED, REOPENED, REFUTED = "remind", "escalate", "digest", "moved", "assigned", "reopened", "refuted"

UNVERIFIED = ("pending", "unknown")  # verifications of done items that do not count yet


def quiet_end(person, at: datetime) -> datetime:
    """The first moment at which a person (their row) may be told."""
    if person is None or person.quiet_from is None:
        return at
    return may_be_told(at, ZoneInfo(person.timezone), time.fromisoformat(person.quiet_from), time.fromisoformat(person.quiet_until))


def tell(tx: Tx, staff: Staff, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write notices (cause, person, kind, why, and what they are about); one that is there already stays as it is."""
    empty = {"role": None, "run": None, "step": None, "shop": None, "step_run": None, "item": 0, "detail": None, "urgent": 0, "state": "waiting", "reason": None, "at": tx.now}
    told = [empty | dict(row) for row in rows]
    for row in told:
        row["not_before"] = tx.now if row["urgent"] else quiet_end(staff.people.get(row["person"]), tx.now)
    for part in chunks(told):
        tx.add_new(t.notice, part)


def tell_instead(tx: Tx, staff: Staff, strayed: Iterable[tuple[Any, Mapping[str, str]]]) -> None:
    """Notices (rows) that are other people's by now: these are told for the same cause, unless they have been."""
    names = ("cause", "kind", "role", "run", "step", "shop", "step_run", "item", "detail", "urgent")
    tell(tx, staff, [{name: getattr(row, name) for name in names} | {"person": person, "why": why} for row, people in strayed for person, why in people.items()])


def tell_rungs(tx: Tx, fired: Sequence[Any]) -> None:
    """Timers that fired (rows with kind, rung, role, urgent, generation, run, step, shop, step_run, step_kind, run_owner, digest, launched_by): who is told of which open item.

    The cause is the rung, not the timer's number: a gate's rung is one however many of its roles a person holds, and SQLite gives numbers of deleted rows again.
    """
    if not fired:
        return
    staff, items = Staff(tx.connection, tx.now), _unfinished(tx, [row.step_run for row in fired])
    gates = [row for row in fired if row.step_kind == "approval"]
    able = {row.step_run: voices(frozen(tx.connection, row.digest).step(row.step).approval, staff, row) for row in gates if row.kind == REMIND}
    heard = spoken(tx.connection, [row.step_run for row in gates])
    rows = []
    for timer in fired:
        about = {"cause": f"{timer.kind}:{timer.step_run}:{timer.generation}:{timer.rung}", "kind": timer.kind, "run": timer.run, "step": timer.step, "shop": timer.shop, "step_run": timer.step_run, "urgent": timer.urgent, "detail": {"rung": timer.rung}}
        for item, role, assignee, state in items.get(timer.step_run, ()) if timer.step_kind != "approval" else [(0, timer.role, None, "open")]:
            if timer.kind == REMIND and state != "open":
                continue  # whose it was has done it; that nobody has verified it is a matter for whom it is escalated to
            if timer.kind == ESCALATE:
                found = staff.responsible(timer.role, timer.shop, timer.run_owner)
            else:
                found = able[timer.step_run].get(role, {}) if timer.step_kind == "approval" else staff.of_item(assignee, role, timer.shop, timer.run_owner)
            if not found and any(able.get(timer.step_run, {}).values()):
                continue  # nobody is there for this role of the gate, and others can open it
            told = {person: why for person, why in found.items() if timer.kind == ESCALATE or (timer.step_run, person) not in heard}
            rows += [about | {"person": person, "why": why, "role": role if timer.kind == REMIND else timer.role, "item": item} for person, why in (told or ({} if found else {"": NOBODY})).items()]
    tell(tx, staff, rows)


def _unfinished(tx: Tx, step_runs: Sequence[int]) -> dict[int, list[tuple]]:
    """Items that keep their steps from ending: open, or done and not verified."""
    found: dict[int, list[tuple]] = {}
    unfinished = (t.item.c.state == "open") | ((t.item.c.state == "done") & t.item.c.verification.in_(UNVERIFIED))
    for part in chunks(list(dict.fromkeys(step_runs))):
        query = select(t.item.c.id, t.item.c.step_run, t.item.c.role, t.item.c.assignee, t.item.c.state).where(t.item.c.step_run.in_(part), unfinished)
        for row in tx.connection.execute(query):
            found.setdefault(row.step_run, []).append((row.id, row.role, row.assignee, row.state))
    return found
