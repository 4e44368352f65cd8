"""What Prefect has to be told: read and acknowledged here, carried over by `ecops.orchestration.relay`.

Level, not edge: each call looks at what is true now, so a message lost or a process killed costs nothing but the next look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update

from ecops.service.verify import awaiting
from ecops.service.views import bars, progress_of
from ecops.store import tables as t
from ecops.store.database import Store

LOOKED_AT = 200  # flow runs asked for at once: a page of Prefect's
BACKOFF = (timedelta(seconds=4), timedelta(seconds=8), timedelta(seconds=20), timedelta(minutes=1), timedelta(minutes=5))


@dataclass(frozen=True)
class Drawing:
    """Bars of one run that are out of date, how far the run is, and the marks to take away once they are drawn."""

    run: str
    flow_run: str
    bars: list[dict]
    progress: dict[str, int]
    marks: list[tuple[str, int]]


def without_flow_run(connection: Connection) -> list:
    """Runs Prefect has not heard of, those included that ended before it could."""
    untold = or_(t.run.c.state == "active", t.run.c.closed_in_prefect == 0)
    return list(connection.execute(select(t.run).where(t.run.c.prefect_flow_run.is_(None), untold).order_by(t.run.c.launched_at).limit(20)))


def attach(store: Store, run: str, flow_run: str | None, now: datetime) -> None:
    """Remember a run's flow run, and draw all its bars."""
    with store.write(now, "relay") as tx:
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(prefect_flow_run=flow_run))
        for step in tx.all(select(t.step_run.c.step).where(t.step_run.c.run == run).distinct()):
            tx.redraw(run, step.step)


def to_draw(connection: Connection, now: datetime, limit: int = 200) -> list[Drawing]:
    """Out-of-date bars by run, of runs that Prefect knows."""
    query = select(t.dirty, t.run.c.prefect_flow_run).join(t.run, t.run.c.run == t.dirty.c.run).where(t.run.c.prefect_flow_run.is_not(None))
    found: dict[str, list] = {}
    for row in connection.execute(query.order_by(t.dirty.c.run).limit(limit)):
        found.setdefault(row.run, []).append(row)
    return [Drawing(run, rows[0].prefect_flow_run, bars(connection, run, now, [row.step for row in rows]), progress_of(connection, run), [(row.step, row.seq) for row in rows]) for run, rows in found.items()]


def drawn(store: Store, drawing: Drawing, now: datetime) -> None:
    """Take the marks away, except of bars that changed meanwhile."""
    with store.write(now, "relay") as tx:
        for step, seq in sorted(drawing.marks):
            tx.connection.execute(delete(t.dirty).where(t.dirty.c.run == drawing.run, t.dirty.c.step == step, t.dirty.c.seq == seq))


def to_wake(connection: Connection, now: datetime) -> list:
    """Runs with automated work, or ticks to verify, that no living execution has, and ended ones whose flow run has not ended; not too often each."""
    busy = select(t.step_run.c.run).where(t.step_run.c.state.in_(("ready", "running")))
    idle = or_(t.run.c.lease_until.is_(None), t.run.c.lease_until < now)
    working = (t.run.c.state == "active") & or_(t.run.c.run.in_(busy), t.run.c.run.in_(awaiting()))
    ending = (t.run.c.state != "active") & (t.run.c.closed_in_prefect == 0)
    rows = connection.execute(select(t.run).where(t.run.c.prefect_flow_run.is_not(None), idle, or_(working, ending)).limit(50))
    return [row for row in rows if row.woken_at is None or row.wakes == 0 or now - row.woken_at >= BACKOFF[min(row.wakes, len(BACKOFF)) - 1]]


def woken(store: Store, run: str, now: datetime) -> None:
    """A run was woken; the next time waits longer unless it lies down well."""
    with store.write(now, "relay") as tx:
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(woken_at=now, wakes=t.run.c.wakes + 1))


def closed(store: Store, run: str, now: datetime) -> None:
    """Prefect's flow run has ended as the run has."""
    with store.write(now, "relay") as tx:
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(closed_in_prefect=1))


def attach_first(store: Store, run: str, flow_run: str, now: datetime) -> str:
    """Remember a run's flow run unless it has one; gives the one it has."""
    with store.write(now, "relay") as tx:
        held = tx.lock_run(run).prefect_flow_run
    if held is None:
        attach(store, run, flow_run, now)
    return held or flow_run


def followed(connection: Connection, turn: int) -> list:
    """Active runs with their flow runs, to see what people did in the Prefect UI: the newest, and in turn a part of the others."""
    active = select(t.run.c.run, t.run.c.prefect_flow_run).where(t.run.c.state == "active", t.run.c.prefect_flow_run.is_not(None))
    rows = list(connection.execute(active.order_by(t.run.c.launched_at.desc(), t.run.c.run)))
    newest, others = rows[:LOOKED_AT], rows[LOOKED_AT:]
    parts = max(1, -(-len(others) // LOOKED_AT))
    return newest + others[turn % parts * LOOKED_AT :][:LOOKED_AT]
