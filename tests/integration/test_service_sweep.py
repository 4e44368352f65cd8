"""What happens by time alone: reminders and escalations once each, openings when they are due, nothing for what is closed."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from ecops.errors import BadCall
from ecops.service import items, sweep
from ecops.service.items import Proof
from ecops.store import tables as t
from ecops.store.database import HEAD, Store
from tests.integration.stores import (
    BOTH,
    CHINA,
    NOW,
    after,
    assert_consistent,
    empty_postgres,
    events,
    items_of,
    playbook,
    postgres_url,
    rows,
    run_state,
    start,
    states,
    store,  # noqa: F401
)

DUE = datetime(2026, 11, 10, 18, tzinfo=CHINA)
LADDER = {"id": "one", "checklist": ["x"], "due": "day - 1d 18:00", "remind": ["-2d", "-4h"], "escalate": [{"after": "0h", "to": "operations"}, {"after": "1d", "to": "management"}]}
RUNGS = [("remind", "operations", DUE - timedelta(days=2)), ("remind", "operations", DUE - timedelta(hours=4)), ("escalate", "operations", DUE), ("escalate", "management", DUE + timedelta(days=1))]


def walk(store, begin, end, every=timedelta(minutes=30)):
    """Sweep along a stretch of time; gives (kind, role, moment) of what was told."""
    told, now = [], begin
    while now <= end:
        told += [(row.kind, row.role, now) for row in sweep.sweep(store, now).deliveries]
        now += every
    return told


def test_every_rung_fires_once_at_its_moment(store):
    run = start(store, playbook(LADDER))
    assert walk(store, DUE - timedelta(days=3), DUE + timedelta(days=2)) == RUNGS
    assert Counter((row.kind, row.person) for row in rows(store, t.notice)) == {("remind", "ann"): 2, ("remind", "ben"): 2, ("escalate", "ann"): 2, ("escalate", "ben"): 1}
    told = [event for event in events(store, run) if event.what in ("step.reminded", "step.escalated")]
    assert [(event.actor, event.detail["role"]) for event in told] == [("clock", role) for _, role, _ in RUNGS]


def test_a_clock_that_was_off_fires_what_it_missed_once(store):
    start(store, playbook(LADDER))
    assert [(row.kind, row.role) for row in sweep.sweep(store, DUE + timedelta(days=9)).deliveries] == [(kind, role) for kind, role, _ in RUNGS]
    assert sweep.sweep(store, DUE + timedelta(days=10)).deliveries == []


def test_nobody_is_told_of_a_closed_step(store):
    run = start(store, playbook(LADDER))
    first = walk(store, DUE - timedelta(days=3), DUE - timedelta(days=1))
    items.complete(store, items_of(store, run, "one")[0].id, "ben", Proof(), DUE - timedelta(days=1))
    assert (first, walk(store, DUE - timedelta(days=1), DUE + timedelta(days=2))) == (RUNGS[:1], [])
    assert sweep.next_due(store, DUE) is None


def test_nobody_is_told_of_a_cancelled_run(store):
    run = start(store, playbook(LADDER))
    sweep.cancel(store, run, "ann", "no", NOW)
    assert sweep.sweep(store, DUE + timedelta(days=9)).deliveries == []


def test_reminders_from_before_the_opening_are_not_caught_up(store):
    late = DUE - timedelta(hours=5)
    start(store, playbook(LADDER), now=late)
    assert walk(store, late, DUE + timedelta(days=2)) == RUNGS[1:]


def test_a_step_that_opens_overdue_escalates_at_once_and_never_reminds(store):
    start(store, playbook(LADDER), now=DUE + timedelta(days=5))
    told = sweep.sweep(store, DUE + timedelta(days=5)).deliveries
    assert [(row.kind, row.role) for row in told] == [("escalate", "operations"), ("escalate", "management")]


def test_a_due_time_that_counts_from_ready_moves_its_rungs_along(store):
    book = playbook({"id": "zero", "checklist": ["x"]}, {"id": "one", "checklist": ["y"], "needs": ["zero"], "due": "+1d", "remind": ["-2h"]})
    run = start(store, book)
    items.complete(store, items_of(store, run, "zero")[0].id, "ben", Proof(), after(hours=7))
    assert items_of(store, run, "one")[0].due_at == after(hours=31)
    assert walk(store, after(hours=7), after(hours=40)) == [("remind", "operations", after(hours=29))]


def test_a_gate_reminds_every_role_that_decides(store):
    start(store, playbook({"id": "gate", "approval": {"by": ["operations", "supply"]}, "due": "day", "remind": ["-1h"]}))
    assert sorted(row.role for row in sweep.sweep(store, after(days=20)).deliveries) == ["operations", "supply"]


def test_what_is_a_matter_of_time_opens_when_its_time_has_come(store):
    run = start(store, playbook({"id": "one", "checklist": ["x"], "start": "day - 2d 09:00"}, {"id": "two", "checklist": ["y"], "start": "day - 1d 09:00", "needs": ["one"]}))
    begin = datetime(2026, 11, 9, 9, tzinfo=CHINA)
    assert sweep.next_due(store, NOW) == begin
    assert sweep.sweep(store, begin - timedelta(seconds=1)).runs_advanced == 0
    assert states(store, run) == {"one": "waiting", "two": "waiting"}
    assert sweep.sweep(store, begin).runs_advanced == 1
    assert sweep.sweep(store, begin).runs_advanced == 0
    items.complete(store, items_of(store, run, "one")[0].id, "ben", Proof(), begin)
    assert states(store, run) == {"one": "done", "two": "waiting"}
    assert_consistent(store)
    sweep.sweep(store, begin + timedelta(days=1))
    assert states(store, run)["two"] == "open"


def test_a_milestone_at_a_time_ends_the_run_by_itself(store):
    run = start(store, playbook({"id": "over", "milestone": None, "start": "day"}))
    assert run_state(store, run) == "active"
    sweep.sweep(store, after(days=20))
    assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_more_than_one_batch_is_told_in_one_sweep(store, monkeypatch):
    monkeypatch.setattr(sweep, "TIMERS", 500)
    start(store, playbook({"id": "one", "checklist": ["x"], "due": "day", "remind": [f"-{n}m" for n in range(1, 301)]}), keys=("a", "b"))
    counts = [len(sweep.sweep(store, after(days=20)).deliveries) for _ in range(3)]
    assert counts == [600, 0, 0]
    assert len(rows(store, t.notice)) == 1200  # to two people each


# --- the tables ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def blank(request, tmp_path):
    """A store of no tables at all."""
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path}/blank.db")
        yield made
        made.close()
        return
    kept = empty_postgres()
    with kept.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("drop database if exists blank"))
        connection.execute(text("create database blank"))
    made = Store(postgres_url().replace("/postgres?", "/blank?"))
    yield made
    made.close()
    with kept.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("drop database blank"))
    kept.close()


def test_the_migrations_make_the_tables_of_the_code(blank):
    blank.migrate()
    blank.migrate()
    with blank.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, t.metadata) == []
        found = inspect(connection)
        for table in t.metadata.sorted_tables:
            assert {index["name"] for index in found.get_indexes(table.name)} >= {index.name for index in table.indexes}


@pytest.mark.parametrize("content", [b"no database at all" * 300, bytes(range(256)) * 20])
def test_a_file_that_is_no_database_is_a_sentence(tmp_path, content):
    (tmp_path / "ecops.db").write_bytes(content)
    with pytest.raises(BadCall, match="not a database of ecops"):
        Store(f"sqlite:///{tmp_path}/ecops.db").migrate()
    assert (tmp_path / "ecops.db").read_bytes() == content


def test_a_database_of_another_program_is_left_alone(blank):
    with blank.engine.connect().execution_options(ecops_write=True) as connection, connection.begin():
        connection.execute(text("create table shop (x integer)"))
    with pytest.raises(BadCall, match="tables called shop of somebody else"):
        blank.migrate()


def test_a_database_of_a_newer_ecops_is_left_alone(blank):
    blank.migrate()
    with blank.engine.connect().execution_options(ecops_write=True) as connection, connection.begin():
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(BadCall, match="newer ecops"):
        blank.migrate()
