"""Whoever comes at the same time as somebody else: one lands, the other is told, nothing is counted twice. On both databases."""

import multiprocessing
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from ecops.errors import NotPossible
from ecops.playbook.model import ACCEPT
from ecops.service import findings, gates, items, launch, sweep, work
from ecops.service.items import Proof
from ecops.store import tables as t
from ecops.store.database import Store
from tests.integration.stores import (
    DAY,
    NOW,
    after,
    assert_consistent,
    events,
    items_of,
    machine,
    ok,
    playbook,
    populate,
    rows,
    run_state,
    start,
    states,
    step_of,
    store,  # noqa: F401
)

PICK = {"id": "pick", "task": "campaign.pick_items"}


def at_once(*calls):
    """What came of calls that all begin at the same moment, in their order: a value or the exception."""
    barrier = threading.Barrier(len(calls))

    def one(call):
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(one, call) for call in calls]]


def test_fifty_people_over_two_hundred_items_close_each_once(store):
    run = start(store, playbook({"id": "many", "checklist": [f"item {n}" for n in range(200)]}, {"id": "then", "milestone": None, "needs": ["many"]}))
    numbers = [item.id for item in items_of(store, run, "many")]
    landed, told = Counter(), []

    def person(which):
        for offset in range(40):  # every item is wanted by ten people
            number = numbers[(which * 20 + offset) % 200]
            try:
                items.complete(store, number, "ann" if which % 2 else "ben", Proof(), NOW)
                landed[number] += 1
            except NotPossible as second:
                told.append(second.row)

    problems = [result for result in at_once(*(lambda which=which: person(which) for which in range(50))) if result]
    assert problems == []
    assert landed == Counter(numbers)
    assert len(told) == 50 * 40 - 200
    assert {row["state"] for row in told} == {"done"} and {row["by"] for row in told} <= {"ann", "ben"}
    assert Counter(event.item for event in events(store, run, "item.done")) == Counter(numbers)
    assert (step_of(store, run, "many").items_done, run_state(store, run)) == (200, "completed")
    assert len(events(store, run, "run.completed")) == 1
    assert_consistent(store)


def test_two_people_on_one_item_one_lands(store):
    run = start(store, playbook({"id": "many", "checklist": [f"item {n}" for n in range(20)]}))
    for item in items_of(store, run, "many"):
        results = at_once(lambda: items.complete(store, item.id, "ann", Proof(), NOW), lambda: items.skip(store, item.id, "ben", "no", NOW), lambda: items.complete(store, item.id, "cat", Proof(), NOW))
        winner = [one for one in results if isinstance(one, items.Ticked)]
        losers = [one for one in results if isinstance(one, NotPossible)]
        assert (len(winner), len(losers)) == (1, 2), results
        assert {one.row["by"] for one in losers} == {winner[0].by} and {one.row["state"] for one in losers} == {winner[0].state}
    assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_two_people_claim_one_item(store):
    run = start(store, playbook({"id": "many", "checklist": [f"item {n}" for n in range(10)]}))
    for item in items_of(store, run, "many"):
        results = at_once(*(lambda who=who: items.claim(store, item.id, who, NOW) for who in ("ann", "ben", "cat")))
        (winner,) = [one for one in results if isinstance(one, items.Ticked)]
        assert {one.row["assignee"] for one in results if isinstance(one, NotPossible)} == {winner.by}


def test_last_items_of_different_steps_at_once_still_end_the_run(store):
    width = 6
    for _ in range(8):
        run = start(store, playbook(*({"id": f"s{n}", "checklist": ["x"]} for n in range(width))))
        lasts = [items_of(store, run, f"s{n}")[0].id for n in range(width)]
        results = at_once(*(lambda number=number: items.complete(store, number, "ann", Proof(), NOW) for number in lasts))
        assert all(isinstance(one, items.Ticked) for one in results), results
        assert run_state(store, run) == "completed"
        assert len(events(store, run, "run.completed")) == 1
    assert_consistent(store)


def test_needs_that_finish_at_once_open_what_waits_once(store):
    width = 6
    for _ in range(8):
        run = start(store, playbook(*({"id": f"s{n}", "checklist": ["x"]} for n in range(width)), {"id": "then", "checklist": ["y"], "needs": [f"s{n}" for n in range(width)]}))
        lasts = [items_of(store, run, f"s{n}")[0].id for n in range(width)]
        results = at_once(*(lambda number=number: items.complete(store, number, "ann", Proof(), NOW) for number in lasts))
        assert all(isinstance(one, items.Ticked) for one in results), results
        assert states(store, run)["then"] == "open"
    assert_consistent(store)


def test_two_approvals_at_once_reach_the_quorum(store):
    for _ in range(8):
        run = start(store, playbook({"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2}}))
        gate = step_of(store, run, "gate").id
        results = at_once(*(lambda who=who: gates.decide(store, gate, who, "approve", None, NOW) for who in ("ben", "cat")))
        assert sorted(one["state"] for one in results) == ["done", "open"]
        assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_one_person_twice_at_once_counts_once(store):
    run = start(store, playbook({"id": "gate", "approval": {"by": ["operations"], "quorum": 2}}))
    gate = step_of(store, run, "gate").id
    results = at_once(*(lambda: gates.decide(store, gate, "ben", "approve", None, NOW) for _ in range(4)))
    assert sum(isinstance(one, dict) for one in results) == 1 and sum(isinstance(one, NotPossible) for one in results) == 3, results
    assert states(store, run)["gate"] == "open"


def test_a_cancellation_and_ticks_at_once_leave_a_true_run(store):
    for _ in range(6):
        run = start(store, playbook({"id": "one", "checklist": ["x", "y", "z"]}, {"id": "two", "checklist": ["v"], "needs": ["one"]}))
        numbers = [item.id for item in items_of(store, run, "one")]
        results = at_once(lambda: sweep.cancel(store, run, "ann", "stop", NOW), *(lambda number=number: items.complete(store, number, "ben", Proof(), NOW) for number in numbers))
        assert results[0] is None and all(isinstance(one, items.Ticked | NotPossible) for one in results[1:]), results
        assert run_state(store, run) == "cancelled"
        assert {item.state for item in items_of(store, run, "one")} <= {"done", "withdrawn"}
        assert_consistent(store)


def test_reopening_and_closing_at_once_never_close_a_step_over_an_open_item(store):
    for _ in range(8):
        run = start(store, playbook({"id": "one", "checklist": ["x", "y"]}))
        first, last = (item.id for item in items_of(store, run, "one"))
        items.complete(store, first, "ann", Proof(), NOW)
        results = at_once(lambda: items.reopen(store, first, "ann", "again", NOW), lambda: items.complete(store, last, "ben", Proof(), NOW))
        assert all(isinstance(one, items.Ticked | NotPossible) for one in results), results
        assert isinstance(results[1], items.Ticked)
        assert_consistent(store)


def test_a_launch_key_at_once_launches_once(store):
    book = playbook({"id": "one", "checklist": ["x"]})
    runs = at_once(*(lambda: start(store, book, key="daily") for _ in range(8)))
    assert len(set(runs)) == 1 and isinstance(runs[0], str), runs
    assert len(rows(store, t.run)) == len(rows(store, t.step_run)) == 1


def test_launches_at_once_share_no_number(store):
    book = playbook({"id": "one", "checklist": ["x", "y"]}, {"id": "two", "checklist": ["z"]})
    runs = at_once(*(lambda: start(store, book, keys=("a", "b")) for _ in range(8)))
    assert len(set(runs)) == 8 and all(isinstance(run, str) for run in runs), runs
    assert (len(rows(store, t.step_run)), len(rows(store, t.item))) == (8 * 4, 8 * 6)
    assert_consistent(store)


def test_findings_of_one_parameter_accepted_at_once_leave_one_in_force(store):
    change = {"playbook": "other", "param": "stock_factor", "value": "{{ it.factor }}"}
    lists = ({"id": f"learn-{n}", "scope": "run", "checklist": {"each": "steps.pick.items", "item": "{{ it.factor }}", "learn": change}, "due": "day 18:00"} for n in range(6))
    run = start(store, playbook(PICK | {"scope": "run"}, *lists))
    machine(store, run, ok({"item_id": "1", "factor": "1.5"}))
    numbers = [item.id for n in range(6) for item in items_of(store, run, f"learn-{n}")]
    results = at_once(*(lambda number=number: items.complete(store, number, "ben", Proof(value=ACCEPT), NOW) for number in numbers))
    assert len(results) == 6 and all(getattr(result, "state", result) == "done" for result in results)
    with store.read() as connection:
        assert len(findings.in_force(connection, "other", ["a"])) == 1
    assert_consistent(store)


def test_firings_at_once_share_no_shop(store):
    morning = playbook({"id": "look", "checklist": ["one"], "due": "day 18:00"}, playbook="morning", phase="daily")
    asked = [launch.Launch(morning, DAY, shops, key=f"{shops}{n}", firing=True) for n in range(3) for shops in (["a"], ["b"], ["a", "b"])]
    results = at_once(*(lambda ask=ask: launch.launch(store, ask, NOW, "schedule") for ask in asked))
    assert all(isinstance(result, launch.Launched | NotPossible) for result in results)
    active = [row.run for row in rows(store, t.run) if row.state == "active"]
    shops = [row.shop for row in rows(store, t.run_shop) if row.run in active]
    assert sorted(shops) == ["a", "b"]
    assert_consistent(store)


def test_two_threads_of_one_execution_claim_a_step_once(store):
    run = start(store, playbook(PICK))
    work.take_up(store, run, "e1", NOW)
    claimed = [one for one in at_once(*(lambda: work.claim(store, run, "e1", NOW) for _ in range(6))) if one]
    assert len(claimed) == 1 and isinstance(claimed[0], work.Work), claimed
    assert len(events(store, run, "step.running")) == 1


def test_two_workers_at_once_one_lands(store):
    for _ in range(6):
        run = start(store, playbook(PICK), keys=("a", "b"))

        def worker(name, run=run):
            work.take_up(store, run, name, NOW)
            claimed = work.claim(store, run, name, NOW)
            return work.record(store, claimed, {number: ok() for number, _ in claimed.rows}, NOW) if claimed else 0

        results = at_once(lambda: worker("e1"), lambda: worker("e2"))
        assert sum(results) in (0, 2), results  # 0: each took it from the other; the next waking finds it ready
        machine(store, run, ok(), execution="e3")
        assert run_state(store, run) == "completed"
        assert len(rows(store, t.outcome)) == 2 * len(rows(store, t.run))
        assert_consistent(store)


def test_a_worker_thought_dead_that_comes_back_changes_nothing(store):
    run = start(store, playbook(PICK))
    work.take_up(store, run, "e1", NOW)
    old = work.claim(store, run, "e1", NOW)
    work.take_up(store, run, "e2", after(minutes=1))
    assert states(store, run) == {"pick": "ready"}
    assert work.claim(store, run, "e1", after(minutes=1)) is None
    assert not work.renew(store, run, "e1", after(minutes=1))
    new = work.claim(store, run, "e2", after(minutes=1))
    assert work.record(store, old, {number: ok() for number, _ in old.rows}, after(minutes=2)) == 0
    assert rows(store, t.outcome) == []
    assert work.record(store, new, {number: ok() for number, _ in new.rows}, after(minutes=2)) == 1
    assert work.record(store, new, {number: ok() for number, _ in new.rows}, after(minutes=3)) == 0
    assert len(rows(store, t.outcome)) == 1
    assert run_state(store, run) == "completed"


def test_two_clocks_fire_every_rung_once(store):
    book = playbook({"id": "one", "checklist": ["x"], "due": "day", "remind": ["-2d", "-4h"], "escalate": [{"after": "0h", "to": "management"}, {"after": "1d", "to": "operations"}]})
    for _ in range(10):
        start(store, book, keys=("a", "b"))
    at = after(days=60)
    fired = at_once(*(lambda: sweep.fire(store, at) for _ in range(6)))
    assert sum(len(one.told) for one in fired) == 10 * 2 * 4, fired
    # two people hold operations, one of them management as well: each is told of each rung once
    assert Counter(row.person for row in rows(store, t.notice)) == {"ann": 80, "ben": 60}
    assert len({(row.cause, row.person) for row in rows(store, t.notice)}) == 140
    assert Counter(event.what for event in rows(store, t.event) if event.what in ("step.reminded", "step.escalated")) == {"step.reminded": 40, "step.escalated": 40}
    assert sweep.fire(store, at).due == 0


def test_two_clocks_open_what_is_due_once(store):
    run = start(store, playbook({"id": "one", "checklist": ["x"], "start": "day", "due": "day + 1d", "remind": ["-1h"]}), keys=("a", "b"))
    results = at_once(*(lambda: sweep.sweep(store, after(days=10)) for _ in range(6)))
    assert not [one for one in results if isinstance(one, Exception)], results
    assert len(events(store, run, "step.opened")) == len(rows(store, t.timer)) == 2
    assert_consistent(store)


# --- several processes on one SQLite file --------------------------------------------------------------------------


def _tick_all(url, who, begin, results):
    store = Store(url)
    store.migrate()
    with store.read() as connection:
        numbers = connection.execute(select(t.item.c.id)).scalars().all()
    begin.wait()
    landed = told = 0
    for number in numbers:
        try:
            items.complete(store, number, who, Proof(), NOW)
            landed += 1
        except NotPossible:
            told += 1
    results.put((landed, told))
    store.close()


def test_two_processes_on_one_sqlite_file(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/ecops.db")
    store.migrate()
    populate(store)
    run = start(store, playbook({"id": "many", "checklist": [f"item {n}" for n in range(100)]}))
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(2), context.Queue()
    both = [context.Process(target=_tick_all, args=(store.url, who, begin, results)) for who in ("ann", "ben")]
    for process in both:
        process.start()
    counted = [results.get(timeout=60) for _ in both]
    for process in both:
        process.join(30)
    assert sum(landed for landed, _ in counted) == 100 and sum(told for _, told in counted) == 100
    assert len(events(store, run, "item.done")) == 100
    assert run_state(store, run) == "completed"
    assert_consistent(store)
    store.close()


@pytest.mark.parametrize("parts", [4])
def test_parts_that_start_together_make_the_tables_once(tmp_path, parts):
    code = f"from ecops.store.database import Store; Store('sqlite:///{tmp_path}/new.db').migrate(); print('up')"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(parts)]
    ended = [process.communicate(timeout=60) for process in running]
    assert [out.strip() for out, _ in ended] == ["up"] * parts, [error[-400:] for _, error in ended]


def test_bars_that_are_drawn_again_in_any_order_hold_nobody_up(store):
    steps = [f"s{n}" for n in range(30)]
    run = start(store, playbook(*({"id": step, "checklist": ["x"]} for step in steps)))

    def mark(order):
        for _ in range(30):
            with store.write(NOW, "test") as tx:
                for step in order:
                    tx.redraw(run, step)

    assert at_once(*(lambda order=order: mark(order) for order in (steps, steps[::-1], steps[15:] + steps[:15]))) == [None] * 3
    assert {row.step: row.seq for row in rows(store, t.dirty)} == dict.fromkeys(steps, 91)
