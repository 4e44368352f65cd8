"""The clock's jobs: follow-ups are launched once; the relay lives without Prefect."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from ecops.orchestration import relay
from ecops.orchestration.api import PrefectApi
from ecops.orchestration.server import free_port
from ecops.playbook.library import Shelf
from ecops.playbook.model import Playbook
from ecops.service import items, shops, work
from ecops.service import people as people_service
from ecops.service import sweep as sweep_module
from ecops.service.advance import advance
from ecops.service.follow import follow_up, pending
from ecops.service.launch import Launch, launch
from ecops.store import tables as t
from ecops.store.database import Store

NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)
FIRST = {"playbook": "first", "title": "先", "phase": "campaign", "params": {"goal": {"type": "money", "default": 5}}, "then": {"playbook": "second", "day": "D + 4d", "with": {"goal": "{{ params.goal }}"}}, "steps": [{"id": "a", "checklist": ["做"], "due": "D"}]}
SECOND = "playbook: second\ntitle: 后\nphase: review\nparams: {goal: {type: money, required: true}}\nsteps: [{id: b, checklist: [看], due: D}]\n"


@pytest.fixture
def store():
    made = Store.in_memory()
    shops.add(made, "demo", "演示", "tmall", [], NOW)
    people_service.add(made, "li", "李雷", NOW)
    return made


def test_what_follows_a_run_is_launched_once_with_its_values(store, tmp_path):
    (tmp_path / "second.yaml").write_text(SECOND, encoding="utf-8")
    shelf = Shelf((tmp_path,), {})
    launch(store, Launch(Playbook.model_validate(FIRST), date(2026, 11, 11), ["demo"]), NOW, "li")
    assert not pending(store)
    items.complete(store, 1, "li", items.Proof(), NOW)
    assert pending(store)
    assert [launched.playbook for launched in follow_up(store, shelf, NOW)] == ["second"]
    assert follow_up(store, shelf, NOW) == [] and not pending(store)
    with store.read() as connection:
        second = connection.execute(select(t.run).where(t.run.c.playbook == "second")).one()
    assert second.day == "2026-11-15" and second.params == {"goal": "5.00"}


def test_people_work_while_prefect_is_away_and_nothing_is_forgotten(store):
    launch(store, Launch(Playbook.model_validate(FIRST), date(2026, 11, 11), ["demo"]), NOW, "li")
    with PrefectApi(f"http://127.0.0.1:{free_port()}/api") as api:
        assert relay.tick(store, api, NOW, quiet=False) is False
    items.complete(store, 1, "li", items.Proof(), NOW)
    with store.read() as connection:
        assert connection.execute(select(t.dirty.c.step)).scalars().all() == ["a"]


class Prefect:
    """Remembers who was woken, and how."""

    def __init__(self):
        self.woken = []

    def wake(self, flow_run, message, even_if_running=False):
        self.woken.append((flow_run, even_if_running))

    def put_bars(self, flow_run, bars):
        return {}

    def put_artifact(self, flow_run, key, type, data, description):
        return "artifact"

    def create_flow_run(self, *args):
        return "flow-run"


def test_a_run_whose_worker_died_in_the_middle_goes_through_the_front_door_again(store):
    book = Playbook.model_validate({"playbook": "auto", "title": "自动", "phase": "daily", "steps": [{"id": "a", "task": "customers.segment"}]})
    run = launch(store, Launch(book, date(2026, 11, 11), ["demo"]), NOW, "li").run
    prefect = Prefect()
    work.take_up(store, run, "first", NOW)
    dead = work.claim(store, run, "first", NOW)
    relay.carry(store, prefect, NOW + timedelta(seconds=20))
    assert prefect.woken == [], "its lease still runs"
    relay.carry(store, prefect, NOW + timedelta(seconds=31))
    assert prefect.woken == [("flow-run", True)]
    relay.carry(store, prefect, NOW + timedelta(seconds=32))
    assert len(prefect.woken) == 1, "not a storm of wakes"
    work.take_up(store, run, "second", NOW + timedelta(seconds=33))
    again = work.claim(store, run, "second", NOW + timedelta(seconds=33))
    assert again.rows == dead.rows
    results = {number: work.Result("ok", "好", "fine") for number, _ in again.rows}
    assert work.record(store, dead, results, NOW + timedelta(seconds=34)) == 0, "the dead one that comes back records nothing"
    assert work.record(store, again, results, NOW + timedelta(seconds=35)) == 1


def test_one_run_that_cannot_go_on_holds_no_other_back(store, monkeypatch):
    later = FIRST | {"then": None, "params": {}, "steps": [{"id": "a", "checklist": ["做"], "start": "D", "due": "D + 1d"}]}
    runs = [launch(store, Launch(Playbook.model_validate(later | {"playbook": name}), date(2026, 11, 11), ["demo"]), NOW, "li").run for name in ("one", "two")]
    broken = sorted(runs)[0]

    def fails_for_one(tx, run):
        if run == broken:
            raise RuntimeError("broken on purpose")
        advance(tx, run)

    monkeypatch.setattr(sweep_module, "advance", fails_for_one)
    sweep_module.sweep(store, datetime(2026, 11, 12, tzinfo=UTC))
    with store.read() as connection:
        states = dict(connection.execute(select(t.step_run.c.run, t.step_run.c.state)).all())
    assert states == {broken: "waiting", (set(runs) - {broken}).pop(): "open"}
