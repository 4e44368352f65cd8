"""How a run ends before its time: everything unfinished is cancelled, what is done stays."""

from sqlalchemy import select, update

from ecops.engine.states import STEP_ENDED
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks


def cancel_run(tx: Tx, run: str, reason: str) -> bool:
    """End a run inside a use-case's transaction; False when it has ended already."""
    if not tx.move_run(run, "cancelled", ended_at=tx.now):
        return False
    rows = tx.all(select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.state.not_in(STEP_ENDED)))
    for part in chunks(rows):
        tx.move_steps(part, "cancelled", "step.cancelled", completed_at=tx.now)
    tx.connection.execute(update(t.item).where(t.item.c.run == run, t.item.c.state.in_(("planned", "open"))).values(state="withdrawn"))
    tx.event("run.cancelled", run=run, detail={"reason": reason})
    return True
