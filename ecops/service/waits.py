"""For how many needs a step run waits, counted again where needs have changed or are unfinished again."""

from collections.abc import Collection

from sqlalchemy import select, update

from ecops.engine.states import STEP_FINISHED
from ecops.playbook.check import needs_of
from ecops.playbook.model import Playbook
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks


def count_waits(tx: Tx, run: str, playbook: Playbook, steps: Collection[str] | None = None) -> None:
    """Write `waits_for` of a run's step runs, or of those of some `steps`. What has begun is counted too: it goes on, and is counted down with the others."""
    looked_at = None if steps is None else {*steps, *(need for step in steps for need in needs_of(playbook.step(step)))}
    query = select(t.step_run.c.id, t.step_run.c.step, t.step_run.c.shop, t.step_run.c.state, t.step_run.c.waits_for).where(t.step_run.c.run == run)
    rows = tx.all(query if looked_at is None else query.where(t.step_run.c.step.in_(looked_at)))
    unfinished: dict[str, set[str]] = {}
    for row in rows:
        if row.state not in STEP_FINISHED:
            unfinished.setdefault(row.step, set()).add(row.shop)
    changed: dict[int, list[int]] = {}
    for row in rows:
        if row.state == "cancelled" or (steps is not None and row.step not in steps):
            continue
        left = [unfinished.get(need, set()) for need in needs_of(playbook.step(row.step))]
        waits = sum(len(shops & {"", row.shop}) if row.shop else len(shops) for shops in left)
        if waits != row.waits_for:
            changed.setdefault(waits, []).append(row.id)
    for waits, numbers in changed.items():
        for part in chunks(numbers):
            tx.connection.execute(update(t.step_run).where(t.step_run.c.id.in_(part)).values(waits_for=waits))
