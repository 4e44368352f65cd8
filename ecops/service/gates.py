"""Approvals: voices of people who hold the right roles, one each; a rejection keeps the gate shut, says why, and may open again what the gate was to decide on."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import delete, select, update

from ecops.engine.plan import due_when_ready
from ecops.engine.quorum import is_given
from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.check import needs_of
from ecops.playbook.dates import READY
from ecops.playbook.model import Approval, Playbook, Step
from ecops.service.advance import advance, arm, finish
from ecops.service.findings import judged
from ecops.service.frozen import frozen
from ecops.service.items import open_again, with_run
from ecops.service.people import known
from ecops.service.staff import Staff
from ecops.service.voices import counted, voices
from ecops.service.waits import count_waits
from ecops.service.walls import on_walls
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks


def decide(store: Store, step_run: int, by: str, verdict: str, note: str | None, now: datetime) -> dict:
    """`approve` or `reject` a gate. Gives {step, state, decisions}. Raises NotFound, BadCall, NotPossible."""
    with store.write(now, by) as tx:
        tx.lock_run(tx.connection.execute(select(t.step_run.c.run).where(t.step_run.c.id == step_run)).scalar() or "", alone=True)
        row = tx.one(select(t.step_run, t.run.c.digest, t.run.c.launched_by, t.run.c.owner.label("run_owner"), t.run.c.state.label("run_state")).join(t.run, t.run.c.run == t.step_run.c.run).where(t.step_run.c.id == step_run))
        if row is None or row.kind != "approval":
            raise NotFound(f"There is no approval {step_run}; 'ecops show RUN' lists the gates of a run.")
        known(tx, by)
        playbook, staff = frozen(tx.connection, row.digest), Staff(tx.connection, now)
        approval = playbook.step(row.step).approval
        able = voices(approval, staff, row)
        mine = _right(approval, able, row, by)
        if verdict == "reject" and not (note or "").strip():
            raise BadCall("A rejection needs a reason.")
        if row.state != "open" or row.run_state != "active":
            raise NotPossible(f"The gate {row.step} is {row.state if row.run_state == 'active' else 'part of a run that is ' + row.run_state}; nothing was changed.", {"step_run": step_run, "state": row.state})
        if verdict == "approve" and (found := judged(tx, row.run)) < (wanted := approval.findings):
            raise NotPossible(f"The gate {row.step} opens when {wanted} findings were accepted or declined, so far {found}; state one with 'ecops finding add {row.run}', or close those that wait.", {"step_run": step_run, "state": row.state})
        _write(tx, row, by, mine, verdict, note)
        if verdict == "approve" and _is_given(tx, row, approval, able):
            finish(tx, playbook, [row], "done", "step.done")
            advance(tx, row.run)
        elif verdict == "reject" and approval.reopens:
            _send_back(tx, playbook, staff, row, note.strip())
        tx.redraw(row.run, row.step)
        state = tx.one(select(t.step_run.c.state).where(t.step_run.c.id == step_run)).state
        return {"step": step_run, "state": state, "decisions": _decisions(tx, step_run)}


def _right(approval: Approval, held: Mapping[str, Mapping[str, str]], row, by: str) -> dict[str, str]:
    """The roles for which a person may decide, and why each."""
    if approval.exclude == "requester" and by == row.launched_by:
        raise BadCall(f"{by} launched this run and may not decide {row.step} as well; ask another holder of {', '.join(approval.by)}.")
    mine = {role: people[by] for role, people in held.items() if by in people}
    if not mine:
        able = sorted({person for people in held.values() for person in people})
        ask = f"ask {', '.join(able[:3])}, or bind one" if able else "bind one"
        raise BadCall(f"{by} holds none of the roles {', '.join(approval.by)} that decide {row.step}; {ask} with 'ecops role bind'.")
    return mine


def _write(tx: Tx, row, by: str, mine: Mapping[str, str], verdict: str, note: str | None) -> None:
    decided = tx.all(select(t.decision).where(t.decision.c.step_run == row.id))
    before = next((one for one in decided if one.person == by), None)
    if before and before.verdict == verdict and before in counted(decided):
        raise NotPossible(f"{by} has already decided ({before.verdict}) at {before.at.isoformat()}; one person counts once.", {"step_run": row.id, "state": row.state})
    # A changed mind replaces the earlier decision; the events keep both.
    tx.connection.execute(delete(t.decision).where(t.decision.c.step_run == row.id, t.decision.c.person == by))
    spoken = {one.role for one in decided if one.person != by}
    role = next((role for role in mine if role not in spoken), next(iter(mine)))
    tx.add(t.decision, [{"step_run": row.id, "person": by, "role": role, "verdict": verdict, "note": note, "at": tx.now}])
    tx.event(f"gate.{'approved' if verdict == 'approve' else 'rejected'}", run=row.run, step=row.step, shop=row.shop, step_run=row.id, detail={"role": role, "why": mine[role], "note": note})


def _is_given(tx: Tx, row, approval: Approval, held: Mapping[str, Mapping[str, str]]) -> bool:
    approved = [one for one in counted(tx.all(select(t.decision).where(t.decision.c.step_run == row.id))) if one.verdict == "approve"]
    # who decided for a role has decided, whoever holds it today
    every = {role: {one.person for one in approved if one.role == role or one.person in held[role]} for role in approval.by} if approval.every_role else None
    return is_given(approval.quorum, [one.person for one in approved], every)


def _send_back(tx: Tx, playbook: Playbook, staff: Staff, gate, reason: str) -> None:
    """A rejection opens the done items of what the gate reopens, and the gate waits until they are finished again. Steps that have begun meanwhile go on."""
    approval = playbook.step(gate.step).approval
    done = select(t.step_run).where(t.step_run.c.run == gate.run, t.step_run.c.step.in_(approval.reopens), t.step_run.c.state == "done")
    steps = tx.all((done.where(t.step_run.c.shop == gate.shop) if gate.shop else done).order_by(t.step_run.c.step, t.step_run.c.id))
    closed = [row for part in chunks([step.id for step in steps]) for row in tx.all(with_run().where(t.item.c.step_run.in_(part), t.item.c.state == "done").order_by(t.item.c.id))]
    if not closed:
        return  # nothing was done there that could be done again: the gate stays with its people
    with_items = {row.step_run for row in closed}
    again = [step for step in steps if step.id in with_items]
    open_again(tx, staff, closed, reason)
    for key, rows in groupby(again, key=lambda row: row.step):
        for wall, part in on_walls(tx, playbook, list(rows)):
            _reopen(tx, wall, wall.step(key), part, {"reason": reason, "gate": gate.step})
    _wait_again(tx, playbook.step(gate.step), gate, reason)
    reopened = {step.step for step in again}
    count_waits(tx, gate.run, playbook, [step.id for step in playbook.steps if reopened & set(needs_of(step))])


def _reopen(tx: Tx, playbook: Playbook, step: Step, rows: list, detail: Mapping[str, Any]) -> None:
    """Done step runs are open again, with rungs of their own."""
    due = due_when_ready(playbook, step, None if _from_ready(step) else rows[0].due_at, tx.now)
    moved = tx.move_steps(rows, "open", "step.reopened", dict(detail), opened_at=tx.now, completed_at=None, due_at=due, generation=t.step_run.c.generation + 1)
    _take_rungs(tx, [row.id for row in moved])
    for part in chunks([row.id for row in moved]):
        tx.connection.execute(update(t.item).where(t.item.c.step_run.in_(part), t.item.c.state == "open").values(due_at=due))
        arm(tx, playbook, step, tx.all(select(t.step_run).where(t.step_run.c.id.in_(part))), due)


def _wait_again(tx: Tx, step: Step, gate, reason: str) -> None:
    """The gate begins anew when its needs are finished: no voice and no rung of this opening is left."""
    due = None if _from_ready(step) else gate.due_at
    tx.move_steps([gate], "waiting", "step.waits-again", {"reason": reason}, opened_at=None, due_at=due, generation=t.step_run.c.generation + 1)
    _take_rungs(tx, [gate.id])
    tx.connection.execute(delete(t.decision).where(t.decision.c.step_run == gate.id))


def _take_rungs(tx: Tx, numbers: list[int]) -> None:
    for part in chunks(numbers):
        tx.connection.execute(delete(t.timer).where(t.timer.c.step_run.in_(part), t.timer.c.fired_at.is_(None)))


def _from_ready(step: Step) -> bool:
    return bool(step.due and not step.due.moment and step.due.base == READY)


def _decisions(tx: Tx, step_run: int) -> list[dict]:
    rows = tx.all(select(t.decision).where(t.decision.c.step_run == step_run).order_by(t.decision.c.at))
    return [{"person": row.person, "role": row.role, "decision": row.verdict, "note": row.note, "at": row.at.isoformat()} for row in rows]
