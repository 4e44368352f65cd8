"""The one guarded door through which state changes: it says what landed, and writes the event in the same commit."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from ecops.engine.states import sources
from ecops.store import tables as t

CHUNK = 2_000
_UPSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
# The two upserts that every move makes are plain text: SQLAlchemy compiles an upsert anew each time.
_NUMBERS = text("INSERT INTO counter (name, next) VALUES (:name, 1 + :count) ON CONFLICT (name) DO UPDATE SET next = counter.next + :count RETURNING next")
_REDRAW = text("INSERT INTO dirty (run, step, seq) VALUES (:run, :step, 1) ON CONFLICT (run, step) DO UPDATE SET seq = dirty.seq + 1")


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Parts small enough for one statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


class Tx:
    """A write transaction at one moment by one actor."""

    def __init__(self, connection: Connection, now: datetime, actor: str) -> None:
        self.connection, self.now, self.actor = connection, now, actor
        self._redrawn: set[tuple[str, str]] = set()

    def all(self, query) -> list:
        """All rows of a query."""
        return list(self.connection.execute(query))

    def one(self, query):
        """The first row of a query, or None."""
        return self.connection.execute(query).first()

    def add(self, table: Table, rows: Sequence[dict]) -> None:
        """Insert rows."""
        if rows:
            self.connection.execute(insert(table), list(rows))

    def add_new(self, table: Table, rows: Sequence[dict]) -> None:
        """Insert rows; one that is there already stays as it is."""
        if rows:
            self.connection.execute(_UPSERT[self.connection.dialect.name](table).on_conflict_do_nothing(), list(rows))

    def lock_run(self, run: str, alone: bool = False) -> Any:
        """The run's row as it is now, or None; nobody else advances the run before this transaction ends.

        Two last steps that end at once must see each other. `alone` also keeps out those who close items. SQLite has
        one writer anyway.
        """
        return self.one(select(t.run).where(t.run.c.run == run).with_for_update(key_share=not alone))

    def numbers(self, name: str, count: int) -> range:
        """A block of fresh ids. The counter's row is locked until the commit, so that no two transactions share one."""
        end = self.connection.execute(_NUMBERS, {"name": name, "count": count}).scalar_one()
        return range(end - count, end)

    def move_run(self, run: str, to: str, **values) -> bool:
        """Move a run; False when its state does not allow it."""
        query = update(t.run).where(t.run.c.run == run, t.run.c.state.in_(sources("run", to))).values(state=to, **values)
        return self.connection.execute(query).rowcount == 1

    def move_steps(self, rows: Sequence[Any], to: str, what: str, detail: dict | None = None, **values) -> list[Any]:
        """Move step runs (rows with id, run, step, shop); gives those that landed, each with its event, and redraws their bars."""
        landed = self._move(t.step_run, [row.id for row in rows], to, values)
        moved = [row for row in rows if row.id in landed]
        self.events([{"what": what, "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.id, "detail": detail or {}} for row in moved])
        for run, step in sorted({(row.run, row.step) for row in moved}):
            self.redraw(run, step)
        return moved

    def move_items(self, rows: Sequence[Any], to: str, what: str, detail: dict | None = None, **values) -> list[Any]:
        """Move items (rows with id, run, step, shop, step_run); gives those that landed, each with its event."""
        landed = self._move(t.item, [row.id for row in rows], to, values)
        moved = [row for row in rows if row.id in landed]
        self.events([{"what": what, "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.step_run, "item": row.id, "detail": detail or {}} for row in moved])
        return moved

    def _move(self, table: Table, ids: Sequence[int], to: str, values: dict) -> set[int]:
        landed: set[int] = set()
        for part in chunks(ids):
            query = update(table).where(table.c.id.in_(part), table.c.state.in_(sources(table.name, to)))
            query = query.values(state=to, version=table.c.version + 1, **values).returning(table.c.id)
            landed.update(self.connection.execute(query).scalars())
        return landed

    def events(self, rows: Sequence[dict]) -> None:
        """Write what happened."""
        empty = {"run": None, "step": None, "shop": None, "step_run": None, "item": None, "detail": {}}
        self.add(t.event, [empty | {"at": self.now, "actor": self.actor} | row for row in rows])

    def events_of_steps(self, what: str, where: Sequence[Any], detail: dict) -> int:
        """Write the same event for each step run that fits, in one statement; gives how many."""
        same = {"at": self.now, "actor": self.actor, "what": what, "detail": detail}
        own = [t.step_run.c.run, t.step_run.c.step, t.step_run.c.shop, t.step_run.c.id]
        query = select(*(literal(value, t.event.c[name].type) for name, value in same.items()), *own).where(*where)
        return self.connection.execute(insert(t.event).from_select([*same, "run", "step", "shop", "step_run"], query)).rowcount

    def event(self, what: str, **fields) -> None:
        """Write one event."""
        self.events([{"what": what, **fields}])

    def redraw(self, run: str, step: str) -> None:
        """Mark a bar of the Prefect timeline as out of date, when the transaction ends."""
        self._redrawn.add((run, step))

    def draw(self) -> None:
        """Write the marks: last and in one order, so that two transactions with the same bars never wait for each other."""
        if self._redrawn:
            self.connection.execute(_REDRAW, [{"run": run, "step": step} for run, step in sorted(self._redrawn)])

    def lower_waits(self, run: str, step: str, by: int, shops: Sequence[str] | None = None) -> None:
        """A need of `step` is finished: for these shops, or for all its step runs when `shops` is None."""
        query = update(t.step_run).where(t.step_run.c.run == run, t.step_run.c.step == step).values(waits_for=t.step_run.c.waits_for - by)
        if shops is None:
            self.connection.execute(query)
            return
        for part in chunks(shops):
            self.connection.execute(query.where(t.step_run.c.shop.in_(part)))
