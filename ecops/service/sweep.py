"""What the clock does by time alone: opens what is due, fires reminders and escalations once, cancels, wakes.

The cost follows what is due, not what waits: every query here stands on a partial index.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.service.advance import advance
from ecops.service.ending import cancel_run
from ecops.service.notices import tell_rungs
from ecops.store import tables as t
from ecops.store.database import Store

BATCH = 500
TIMERS = 2_000  # fired in one commit
logger = logging.getLogger("ecops.sweep")


@dataclass(frozen=True)
class Swept:
    """What one sweep did."""

    runs_advanced: int
    deliveries: list


def sweep(store: Store, now: datetime) -> Swept:
    """Open what is due and fire what is due, a batch each."""
    due = _runs_due(store, now)
    for run in due:
        _advance_alone(store, run, now)
    fired = []
    while _timers_due(store, now) and (batch := fire(store, now)).due:
        fired += batch.told
    return Swept(len(due), fired)


def _advance_alone(store: Store, run: str, now: datetime) -> None:
    """One run that cannot go on must not hold back the others, nor the reminders; the log says which and why."""
    try:
        with store.write(now, "clock") as tx:
            advance(tx, run)
    except Exception:
        logger.exception("run %s could not go on", run)


def _runs_due(store: Store, now: datetime) -> list[str]:
    with store.read() as connection:
        query = select(t.step_run.c.run).distinct().where(t.step_run.c.state == "waiting", t.step_run.c.waits_for == 0, t.step_run.c.start_at <= now)
        return list(connection.execute(query.limit(BATCH)).scalars())


def _timers_due(store: Store, now: datetime) -> bool:
    with store.read() as connection:
        return connection.execute(select(t.timer.c.id).where(t.timer.c.fired_at.is_(None), t.timer.c.at <= now).limit(1)).first() is not None


@dataclass(frozen=True)
class Fired:
    """One commit's timers: how many were due, and those of steps that people are still on."""

    due: int
    told: list


def fire(store: Store, now: datetime) -> Fired:
    """Fire due timers exactly once: the timer's mark, its event and the notices, unique each, are one commit. What is closed is not told."""
    with store.write(now, "clock") as tx:
        due = select(t.timer.c.id).where(t.timer.c.fired_at.is_(None), t.timer.c.at <= now).order_by(t.timer.c.at, t.timer.c.id).limit(TIMERS).with_for_update(skip_locked=True)
        ids = [row.id for row in tx.all(due)]
        if not ids:
            return Fired(0, [])
        tx.connection.execute(update(t.timer).where(t.timer.c.id.in_(ids)).values(fired_at=now))
        wanted = [row for row in tx.all(_fired(ids)) if row.step_state == "open" and row.run_state == "active"]
        tx.events([{"what": f"step.{'reminded' if row.kind == 'remind' else 'escalated'}", "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.step_run, "detail": {"role": row.role, "rung": row.rung, "generation": row.generation}} for row in wanted])
        tell_rungs(tx, wanted)
        return Fired(len(ids), wanted)


def _fired(ids: list[int]):
    query = select(
        t.timer.c.id.label("timer"), t.timer.c.kind, t.timer.c.rung, t.timer.c.role, t.timer.c.urgent, t.timer.c.generation, t.timer.c.step_run,
        t.step_run.c.run, t.step_run.c.step, t.step_run.c.shop, t.step_run.c.kind.label("step_kind"), t.step_run.c.state.label("step_state"),
        t.run.c.state.label("run_state"), t.run.c.owner.label("run_owner"), t.run.c.digest, t.run.c.launched_by,
    )  # fmt: skip
    joined = query.join(t.step_run, t.step_run.c.id == t.timer.c.step_run).join(t.run, t.run.c.run == t.step_run.c.run)
    return joined.where(t.timer.c.id.in_(ids)).order_by(t.timer.c.at, t.timer.c.id)


def next_due(store: Store, now: datetime) -> datetime | None:
    """The earliest moment after which a sweep or a worker has something to do; None when only people can go on."""
    with store.read() as connection:
        waiting = select(func.min(t.step_run.c.start_at)).join(t.run, t.run.c.run == t.step_run.c.run)
        moments = [
            connection.execute(waiting.where(t.run.c.state == "active", t.step_run.c.state == "waiting", t.step_run.c.waits_for == 0)).scalar(),
            connection.execute(select(func.min(t.timer.c.at)).where(t.timer.c.fired_at.is_(None))).scalar(),
        ]
        read = [t.Instant().process_result_value(moment, connection.dialect) for moment in moments if moment is not None]
        return min(read, default=None)


def cancel(store: Store, run: str, by: str, reason: str, now: datetime) -> None:
    """End a run: everything unfinished is cancelled, what is done stays. Raises NotFound, NotPossible."""
    if not reason.strip():
        raise BadCall("A reason is needed; say in a few words why.")
    with store.write(now, by) as tx:
        row = tx.lock_run(run, alone=True)
        if row is None:
            raise NotFound(f"There is no run {run}; 'ecops runs' lists them.")
        if not cancel_run(tx, run, reason):
            raise NotPossible(f"The run {run} is {row.state} since {row.ended_at.isoformat()}; nothing was changed.")
