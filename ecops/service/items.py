"""The life of an item: done, skipped, reopened, claimed, assigned, delegated. Who is second is told who was first.

A ticked item whose claim a task checks is done and `pending`; it counts once it is verified (`ecops.service.verify`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.model import Evidence
from ecops.service.advance import advance, finish
from ecops.service.findings import judge
from ecops.service.freezes import open_with_reason
from ecops.service.frozen import frozen
from ecops.service.notices import ASSIGNED, REOPENED, tell
from ecops.service.people import known
from ecops.service.staff import ASSIGNEE, PERSON, Staff
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

PENDING, VERIFIED, REFUTED, UNKNOWN = "pending", "verified", "refuted", "unknown"
_MAX_DIGITS = 30  # a number longer than that was not counted
_WORDS = {"done": "done", "skipped": "skipped", "withdrawn": "withdrawn", "planned": "not open yet", "open": "open"}


@dataclass(frozen=True)
class Proof:
    """What a person brings: a number or text or choice as `value`, a link, the stored name of a file and its `size` in bytes, a note."""

    value: str | None = None
    link: str | None = None
    file: str | None = None
    note: str | None = None
    size: int | None = None

    @property
    def columns(self) -> dict[str, str | None]:
        """What the item's row keeps of it; the size stands in its event."""
        return {"value": self.value, "link": self.link, "file": self.file, "note": self.note}

    @property
    def told(self) -> dict[str, Any]:
        """What its event tells of it."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Ticked:
    """What became of an item. `landed` is always true: who does not land gets NotPossible. `verification`: pending, where a task checks what was claimed."""

    item: int
    state: str
    landed: bool
    by: str
    at: datetime
    verification: str | None = None


def complete(store: Store, item: int, by: str, proof: Proof, now: datetime) -> Ticked:
    """Tick. Raises NotFound, BadCall (evidence missing or out of bounds), NotPossible (someone was first)."""
    with store.write(now, by) as tx:
        row = find(tx.connection, item, hold=True)
        known(tx, by)
        if row.state == "open":
            _accept(Evidence.model_validate(row.evidence), proof)
            open_with_reason(tx, row, proof.note)
        _close(tx, row, "done", "item.done", proof)
    return Ticked(item, "done", True, by, now, _verification(row))


def complete_all(store: Store, ticks: Mapping[int, Proof], by: str, now: datetime) -> int:
    """Tick many items in one commit, all or none; gives how many. Raises as `complete` does for the first that cannot be ticked."""
    with store.write(now, by) as tx:
        known(tx, by)
        rows = _many(tx, list(ticks))
        for row in rows:
            if row.state != "open" or row.run_state != "active":
                raise _too_late(row) if row.state != "open" else ended(row)
            _accept(Evidence.model_validate(row.evidence), ticks[row.id])
            open_with_reason(tx, row, ticks[row.id].note)
        for proof, verification in dict.fromkeys((ticks[row.id], _verification(row)) for row in rows):
            alike = [row for row in rows if (ticks[row.id], _verification(row)) == (proof, verification)]
            landed = tx.move_items(alike, "done", "item.done", proof.told, closed_by=by, closed_at=now, verification=verification, checked=None, **proof.columns)
            if len(landed) < len(alike):
                raise _too_late(find(tx.connection, next(row.id for row in alike if row not in landed)))
        for row in rows:
            if row.finding:
                judge(tx, row, "done", ticks[row.id].value, ticks[row.id].note)
        count(tx, [row for row in rows if not row.verify])
        for run, step in sorted({(row.run, row.step) for row in rows if row.verify}):
            tx.redraw(run, step)
    return len(rows)


def count(tx: Tx, rows: Sequence[Any]) -> None:
    """The steps of items that were closed for good: what is closed is counted, and those with nothing left end."""
    for (run, digest), of_run in groupby(sorted(rows, key=lambda row: (row.run, row.digest)), key=lambda row: (row.run, row.digest)):
        closed = Counter((row.step_run, row.step) for row in of_run)
        counted = update(t.step_run).where(t.step_run.c.id == bindparam("number")).values(items_done=t.step_run.c.items_done + bindparam("closed"))
        tx.connection.execute(counted, [{"number": number, "closed": n} for (number, _), n in closed.items()])
        steps = [row for part in chunks([number for number, _ in closed]) for row in tx.all(select(t.step_run).where(t.step_run.c.id.in_(part)))]
        if full := [step for step in steps if step.state == "open" and step.items_done >= step.items_total]:
            tx.lock_run(run)
            finish(tx, frozen(tx.connection, digest), full, "done", "step.done")
            advance(tx, run)
        for step in sorted({step for _, step in closed}):
            tx.redraw(run, step)


def skip(store: Store, item: int, by: str, reason: str, now: datetime) -> Ticked:
    """Close an item without doing it; the reason is kept."""
    with store.write(now, by) as tx:
        _reason(reason)
        row, _ = _held(tx, item, by)
        if row.state == "open":
            open_with_reason(tx, row, reason)
        _close(tx, row, "skipped", "item.skipped", Proof(note=reason))
    return Ticked(item, "skipped", True, by, now)


def reopen(store: Store, item: int, by: str, reason: str, now: datetime) -> Ticked:
    """Open a closed item again, and its step with it, as long as nothing after it has begun."""
    with store.write(now, by) as tx:
        _reason(reason)
        row = alone(tx, item)
        known(tx, by)
        staff = Staff(tx.connection, now)
        concerned(staff, row, by)
        step = tx.one(select(t.step_run.c.state).where(t.step_run.c.id == row.step_run))
        if step.state != "open":
            raise NotPossible(f"Item {item} belongs to a step that is {step.state}; what follows has begun, so it stays as it is.", as_json(row))
        if not open_again(tx, staff, [row], reason):
            raise _too_late(row)
    return Ticked(item, "open", True, by, now)


def open_again(tx: Tx, staff: Staff, rows: Sequence[Any], reason: str) -> list[Any]:
    """Closed items (rows of `with_run`, of a run that is held alone) are open again; gives those that landed. They count no more, and who closed them and who has them is told."""
    landed = tx.move_items(rows, "open", "item.reopened", {"reason": reason}, closed_by=None, closed_at=None, verification=None, checked=None)
    for row in landed:
        open_with_reason(tx, row, reason)
        if row.finding:
            judge(tx, row, "open", None, reason)
    for step_run, closed in Counter(row.step_run for row in landed if counts(row)).items():
        tx.connection.execute(update(t.step_run).where(t.step_run.c.id == step_run).values(items_done=t.step_run.c.items_done - closed))
    for run, step in sorted({(row.run, row.step) for row in landed}):
        tx.redraw(run, step)
    for row in landed:
        tell_of(tx, staff, row, REOPENED, {"zh": f"原因:{reason}", "en": f"Reason: {reason}"}, row.closed_by, row.assignee)
    return landed


def counts(row) -> bool:
    """Whether a closed item counts as finished: one whose claim a task checks does once it is verified."""
    return row.state == "skipped" or (row.state == "done" and row.verification in (None, VERIFIED))


def tell_of(tx: Tx, staff: Staff, row, kind: str, said: Mapping[str, str], *people: str | None) -> None:
    """Tell people (those who cover them, while they are absent) what became of an item whose version was `row.version` before."""
    told = {staff.stand_in(person) or person: ASSIGNEE if person == row.assignee else PERSON for person in people if person and person != tx.actor}
    # An item may be opened again many times: each time has a version of its own.
    tell(tx, staff, [{"cause": f"item:{row.id}:{row.version + 1}", "person": person, "kind": kind, "why": why, "role": row.role, "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.step_run, "item": row.id, "detail": dict(said)} for person, why in told.items()])


def claim(store: Store, item: int, by: str, now: datetime) -> Ticked:
    """Take an open item that nobody has, or that is an absent person's whom `by` covers. Raises BadCall for one whom it does not concern."""
    with store.write(now, by) as tx:
        row, staff = _held(tx, item, by)
        _take(tx, staff, [row], by)
    return Ticked(item, "open", True, by, now)


def claim_all(store: Store, numbers: Sequence[int], by: str, now: datetime) -> int:
    """Take many items, all or none; gives how many. Raises as `claim` does for the first that cannot be taken."""
    with store.write(now, by) as tx:
        rows, staff = _held_all(tx, numbers, by)
        _take(tx, staff, rows, by)
    return len(rows)


def _take(tx: Tx, staff: Staff, rows: Sequence[Any], by: str) -> None:
    free = t.item.c.assignee.is_(None) | t.item.c.assignee.in_([by, *staff.covered_by(by)])
    values = {"assignee": by, "owner": func.coalesce(t.item.c.owner, by)}
    for part in chunks([row.id for row in rows]):
        taken = update(t.item).where(t.item.c.id.in_(part), t.item.c.state == "open", free).values(version=t.item.c.version + 1, **values)
        if tx.connection.execute(taken).rowcount < len(part):
            row = next(row for row in map(partial(find, tx.connection), part) if row.state != "open" or row.assignee != by)
            raise _too_late(row) if row.state != "open" else NotPossible(f"Item {row.id} was already taken by {row.assignee}.", as_json(row))
    for row in rows:
        _handed(tx, row, "item.claimed", by)


def assign(store: Store, item: int, to: str, by: str, now: datetime) -> Ticked:
    """Give an open item to a person, who answers for it from now on; they are told. Raises BadCall for one whom it does not concern."""
    with store.write(now, by) as tx:
        row, staff = _held(tx, item, by)
        known(tx, to)
        _give(tx, staff, [row], to, "item.assigned", owner=to)
    return Ticked(item, "open", True, by, now)


def assign_all(store: Store, numbers: Sequence[int], to: str, by: str, now: datetime) -> int:
    """Give many open items to a person, all or none; gives how many. Raises as `assign` does for the first that cannot be given."""
    with store.write(now, by) as tx:
        known(tx, to)
        rows, staff = _held_all(tx, numbers, by)
        _give(tx, staff, rows, to, "item.assigned", owner=to)
    return len(rows)


def delegate(store: Store, item: int, to: str, by: str, now: datetime) -> Ticked:
    """Let another person do an open item; its owner still answers for it. The person is told."""
    with store.write(now, by) as tx:
        row, staff = _held(tx, item, by)
        known(tx, to)
        _give(tx, staff, [row], to, "item.delegated", owner=row.owner or row.assignee or by)
    return Ticked(item, "open", True, by, now)


@dataclass(frozen=True)
class Handover:
    """Which open items change hands: those assigned to `of`, or with `of` None those that nobody has taken; of one role, shop or run where these are named."""

    of: str | None = None
    role: str | None = None
    shop: str | None = None
    run: str | None = None


def reassign(store: Store, which: Handover, to: str, by: str, now: datetime, apply: bool = True) -> list[dict]:
    """Give many open items to a person, all or none; gives them as they were. Without `apply` it is only shown. Raises NotFound, BadCall."""
    if which.of is None and which.role is None:
        raise BadCall("Say whose items: of a person (--from) or of a role that nobody has taken (--role).")
    with store.write(now, by) as tx:
        for person in (by, to, *(() if which.of is None else (which.of,))):
            known(tx, person)
        query = with_run().where(t.item.c.state == "open", t.run.c.state == "active", t.item.c.assignee.is_(None) if which.of is None else t.item.c.assignee == which.of)
        for column, value in ((t.item.c.role, which.role), (t.item.c.shop, which.shop), (t.item.c.run, which.run)):
            query = query if value is None else query.where(column == value)
        rows, staff = tx.all(query.order_by(t.item.c.due_at, t.item.c.id)), Staff(tx.connection, now)
        for row in rows:
            concerned(staff, row, by)
        if apply:
            _give(tx, staff, rows, to, "item.assigned", owner=to)
        return [as_json(row) | {"due": row.due_at and row.due_at.isoformat()} for row in rows]


def _give(tx: Tx, staff: Staff, rows: Sequence[Any], to: str, what: str, owner: str) -> None:
    for part in chunks([row.id for row in rows]):
        moved = tx.connection.execute(update(t.item).where(t.item.c.id.in_(part), t.item.c.state == "open").values(assignee=to, owner=owner, version=t.item.c.version + 1)).rowcount
        if moved < len(part):
            raise _too_late(next(row for row in map(partial(find, tx.connection), part) if row.state != "open"))
    for row in rows:
        _handed(tx, row, what, to)
    if to != tx.actor:
        # An item may be handed on many times: each time has a version of its own.
        tell(tx, staff, [{"cause": f"item:{row.id}:{row.version + 1}", "person": to, "kind": ASSIGNED, "why": ASSIGNEE, "role": row.role, "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.step_run, "item": row.id} for row in rows])


def _handed(tx: Tx, row, what: str, to: str) -> None:
    tx.redraw(row.run, row.step)
    tx.event(what, run=row.run, step=row.step, shop=row.shop, step_run=row.step_run, item=row.id, detail={"to": to, "from": row.assignee, "owner": row.owner})


def _held(tx: Tx, item: int, by: str) -> tuple[Any, Staff]:
    """The item, which concerns `by`, and everybody's roles. Raises NotFound, BadCall."""
    row = find(tx.connection, item, hold=True)
    known(tx, by)
    staff = Staff(tx.connection, tx.now)
    concerned(staff, row, by)
    return row, staff


def _held_all(tx: Tx, numbers: Sequence[int], by: str) -> tuple[list, Staff]:
    """As `_held`, of many items."""
    known(tx, by)
    rows, staff = _many(tx, list(dict.fromkeys(numbers))), Staff(tx.connection, tx.now)
    for row in rows:
        concerned(staff, row, by)
    return rows, staff


def _many(tx: Tx, numbers: Sequence[int]) -> list:
    """The rows of items as `find` gives them, held. Raises NotFound for the first that is not there."""
    rows = [row for part in chunks(numbers) for row in tx.all(with_run().where(t.item.c.id.in_(part)).order_by(t.item.c.id).with_for_update(read=True, key_share=True, of=t.run))]
    there = {row.id for row in rows}
    if missing := next((item for item in numbers if item not in there), None):
        raise _no_item(missing)
    return rows


def concerned(staff: Staff, row, by: str) -> None:
    """Raises BadCall for a person whom the item does not concern."""
    people = staff.concerned(row)
    if people and by not in people and by != row.closed_by:
        raise BadCall(f"Item {row.id} is the work of {row.role}, and {by} neither holds that role nor has the item, launched the run, or leads it; ask {', '.join(sorted(people)[:3])}, or bind the role with 'ecops role bind {row.role} {by}'.")


def _verification(row) -> str | None:
    """What a tick begins with."""
    return PENDING if row.verify else None


def _close(tx: Tx, row, to: str, what: str, proof: Proof) -> None:
    if row.run_state != "active" and row.state in ("done", "skipped"):
        raise _too_late(row)  # who was first matters more than that the run has ended since
    if row.run_state != "active":
        raise ended(row)
    brought = proof.columns if to == "done" else {"note": proof.note}
    verification = _verification(row) if to == "done" else None
    if not tx.move_items([row], to, what, proof.told, closed_by=tx.actor, closed_at=tx.now, verification=verification, checked=None, **brought):
        raise _too_late(find(tx.connection, row.id))
    if row.finding:
        judge(tx, row, to, proof.value, proof.note)
    if verification is None:
        count_one(tx, row)
    tx.redraw(row.run, row.step)


def count_one(tx: Tx, row) -> None:
    """The step of an item that was closed for good: it is counted, and the step ends when nothing is left."""
    counted = update(t.step_run).where(t.step_run.c.id == row.step_run).values(items_done=t.step_run.c.items_done + 1)
    step = tx.one(counted.returning(t.step_run))
    if step.state == "open" and step.items_done >= step.items_total:
        tx.lock_run(row.run)
        finish(tx, frozen(tx.connection, row.digest), [step], "done", "step.done")
        advance(tx, row.run)


def alone(tx: Tx, item: int):
    """The item's row while nobody else closes, opens or checks anything of its run. Raises NotFound."""
    tx.lock_run(find(tx.connection, item).run, alone=True)
    return find(tx.connection, item)


def find(connection: Connection, item: int, hold: bool = False):
    """The item's row with its run's state and digest; `hold` keeps the run from being cancelled meanwhile. Raises NotFound."""
    query = with_run()
    query = query.with_for_update(read=True, key_share=True, of=t.run) if hold else query
    row = connection.execute(query.where(t.item.c.id == item)).first()
    if row is None:
        raise _no_item(item)
    return row


def with_run():
    """Items, each with its run's state, digest, owner role, and who launched it."""
    return select(t.item, t.run.c.state.label("run_state"), t.run.c.digest, t.run.c.owner.label("run_owner"), t.run.c.launched_by).join(t.run, t.run.c.run == t.item.c.run)


def _no_item(item: int) -> NotFound:
    return NotFound(f"There is no item {item}; 'ecops checklist' lists the open ones.")


def ended(row) -> NotPossible:
    """What is said to who comes after the end of the run."""
    return NotPossible(f"The run {row.run} is {row.run_state}; item {row.id} stays as it is.", as_json(row))


def _too_late(row) -> NotPossible:
    if row.state in ("done", "skipped"):
        return NotPossible(f"Item {row.id} was already {row.state} by {row.closed_by} at {row.closed_at.isoformat()}.", as_json(row))
    return NotPossible(f"Item {row.id} is {_WORDS[row.state]}; nothing was changed.", as_json(row))


def as_json(row) -> dict:
    """The current row, for the one who came second."""
    return {
        "item": row.id, "run": row.run, "step": row.step, "shop": row.shop, "title": row.title_zh, "title_en": row.title_en, "state": row.state, "assignee": row.assignee, "owner": row.owner,
        "by": row.closed_by, "at": row.closed_at and row.closed_at.isoformat(), "value": row.value, "note": row.note, "verification": row.verification, "version": row.version,
    }  # fmt: skip


def _reason(reason: str) -> None:
    if not reason.strip():
        raise BadCall("A reason is needed; say in a few words why.")


def _accept(evidence: Evidence, proof: Proof) -> None:
    """Hold what was brought against what the item asks for."""
    given = {"number": proof.value, "text": proof.value, "choice": proof.value, "link": proof.link, "file": proof.file}.get(evidence.type)
    if evidence.type != "tick" and evidence.required and not (given or "").strip():
        option = {"link": "--link", "file": "--file"}.get(evidence.type, "--value")
        raise BadCall(f"This item closes with a {evidence.type}; bring it with {option}.")
    if evidence.type == "number" and given:
        _number(evidence, given)
    if evidence.type == "choice" and given and given not in evidence.choices:
        raise BadCall(f"{given!r} is none of {', '.join(evidence.choices)}.")
    if evidence.type == "link" and given and not given.startswith(("https://", "http://")):
        raise BadCall(f"{given!r} is no link; it starts with https:// or http://.")


def _number(evidence: Evidence, text: str) -> None:
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise BadCall(f"{text!r} is not a number.") from error
    unit = f" {evidence.unit}" if evidence.unit else ""
    if not number.is_finite() or abs(number.adjusted()) > _MAX_DIGITS or (evidence.min is not None and number < evidence.min) or (evidence.max is not None and number > evidence.max):
        raise BadCall(f"{text}{unit} is outside {evidence.min if evidence.min is not None else '-∞'} to {evidence.max if evidence.max is not None else '∞'}{unit}.")
