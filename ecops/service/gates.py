"""Approvals: a quorum of people who hold the right roles; a rejection keeps the gate shut and says why."""

from datetime import datetime

from sqlalchemy import delete, select

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.model import Playbook
from ecops.service.advance import advance, finish
from ecops.service.findings import judged
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx


def decide(store: Store, step_run: int, by: str, verdict: str, note: str | None, now: datetime) -> dict:
    """`approve` or `reject` a gate. Gives {step, state, decisions}. Raises NotFound, BadCall, NotPossible."""
    with store.write(now, by) as tx:
        tx.lock_run(tx.connection.execute(select(t.step_run.c.run).where(t.step_run.c.id == step_run)).scalar() or "")
        row = tx.one(select(t.step_run, t.run.c.digest, t.run.c.launched_by, t.run.c.state.label("run_state")).join(t.run, t.run.c.run == t.step_run.c.run).where(t.step_run.c.id == step_run))
        if row is None or row.kind != "approval":
            raise NotFound(f"There is no approval {step_run}; 'ecops show RUN' lists the gates of a run.")
        playbook = frozen(tx.connection, row.digest)
        role = _right(tx, playbook, row, by)
        if verdict == "reject" and not (note or "").strip():
            raise BadCall("A rejection needs a reason.")
        if row.state != "open" or row.run_state != "active":
            raise NotPossible(f"The gate {row.step} is {row.state if row.run_state == 'active' else 'part of a run that is ' + row.run_state}; nothing was changed.", {"step_run": step_run, "state": row.state})
        if verdict == "approve" and (known := judged(tx, row.run)) < (wanted := playbook.step(row.step).approval.findings):
            raise NotPossible(f"The gate {row.step} opens when {wanted} findings were accepted or declined, so far {known}; state one with 'ecops finding add {row.run}', or close those that wait.", {"step_run": step_run, "state": row.state})
        _write(tx, row, by, role, verdict, note)
        if verdict == "approve" and _approvals(tx, step_run) >= playbook.step(row.step).approval.quorum:
            finish(tx, playbook, [row], "done", "step.done")
            advance(tx, row.run)
        tx.redraw(row.run, row.step)
        state = tx.one(select(t.step_run.c.state).where(t.step_run.c.id == step_run)).state
        return {"step": step_run, "state": state, "decisions": _decisions(tx, step_run)}


def _right(tx: Tx, playbook: Playbook, row, by: str) -> str:
    """The role by which a person may decide."""
    approval = playbook.step(row.step).approval
    if approval.exclude == "requester" and by == row.launched_by:
        raise BadCall(f"{by} launched this run and may not decide {row.step} as well; ask another holder of {', '.join(approval.by)}.")
    held = {bound.role for bound in tx.all(select(t.role_binding.c.role).where(t.role_binding.c.person == by, t.role_binding.c.shop.in_(("", row.shop))))}
    for role in approval.by:
        if role in held:
            return role
    raise BadCall(f"{by} holds none of the roles {', '.join(approval.by)} that decide {row.step}; bind one with 'ecops role bind'.")


def _write(tx: Tx, row, by: str, role: str, verdict: str, note: str | None) -> None:
    before = tx.one(select(t.decision).where(t.decision.c.step_run == row.id, t.decision.c.person == by))
    if before and before.verdict == verdict:
        raise NotPossible(f"{by} has already decided ({before.verdict}) at {before.at.isoformat()}; one person counts once.", {"step_run": row.id, "state": row.state})
    # A changed mind replaces the earlier decision; the events keep both.
    tx.connection.execute(delete(t.decision).where(t.decision.c.step_run == row.id, t.decision.c.person == by))
    tx.add(t.decision, [{"step_run": row.id, "person": by, "role": role, "verdict": verdict, "note": note, "at": tx.now}])
    tx.event(f"gate.{'approved' if verdict == 'approve' else 'rejected'}", run=row.run, step=row.step, shop=row.shop, step_run=row.id, detail={"role": role, "note": note})


def _approvals(tx: Tx, step_run: int) -> int:
    return len(tx.all(select(t.decision.c.person).where(t.decision.c.step_run == step_run, t.decision.c.verdict == "approve")))


def _decisions(tx: Tx, step_run: int) -> list[dict]:
    rows = tx.all(select(t.decision).where(t.decision.c.step_run == step_run).order_by(t.decision.c.at))
    return [{"person": row.person, "role": row.role, "decision": row.verdict, "note": row.note, "at": row.at.isoformat()} for row in rows]
