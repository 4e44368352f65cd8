"""The clock's jobs: follow-ups are launched once; the relay lives without Prefect."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from ecops.orchestration import relay
from ecops.orchestration.api import PrefectApi, PrefectRefused, RunState
from ecops.orchestration.server import free_port
from ecops.playbook.library import Shelf
from ecops.playbook.model import Playbook
from ecops.service import items, outbox, shops, work
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


def test_a_follow_up_that_cannot_be_launched_holds_no_other_back_and_is_said_once(store, tmp_path):
    lost = FIRST | {"playbook": "lost", "then": {"playbook": "nowhere", "day": "D + 4d"}}
    odd = FIRST | {"playbook": "odd", "then": {"playbook": "second", "day": "D + 4d", "with": {"goal": "a lot"}}}
    (tmp_path / "second.yaml").write_text(SECOND, encoding="utf-8")
    shelf = Shelf((tmp_path,), {})
    for book in (FIRST, lost, odd):
        launch(store, Launch(Playbook.model_validate(book), date(2026, 11, 11), ["demo"]), NOW, "li")
    for item in (1, 2, 3):
        items.complete(store, item, "li", items.Proof(), NOW)
    assert [launched.playbook for launched in follow_up(store, shelf, NOW)] == ["second"]
    assert follow_up(store, shelf, NOW) == [] and pending(store)
    with store.read() as connection:
        reasons = [row.detail["reason"] for row in connection.execute(select(t.event).where(t.event.c.what == "run.not-followed"))]
    assert len(reasons) == 2 and any("no playbook nowhere" in reason for reason in reasons) and any("goal" in reason for reason in reasons)
    (tmp_path / "nowhere.yaml").write_text(SECOND.replace("second", "nowhere").replace("required: true", "default: 1"), encoding="utf-8")
    assert [launched.playbook for launched in follow_up(store, shelf, NOW)] == ["nowhere"], "it is tried again"


def test_a_gate_that_too_few_could_open_is_said_at_the_launch(store):
    book = FIRST | {"then": None, "steps": [{"id": "go", "approval": {"by": ["operations", "management"], "quorum": 2, "not": "requester"}, "due": "D"}]}
    people_service.add(store, "wang", "王", NOW)
    for role, person in (("operations", "li"), ("operations", "wang"), ("management", "wang")):
        people_service.bind(store, role, person, None, NOW)

    def warned(by):
        return [text for text in launch(store, Launch(Playbook.model_validate(book), date(2026, 11, 11), ["demo"]), NOW, by).warnings if "go needs" in text]

    assert warned("li") == ["The gate go needs 2 approvals and 1 people could give one. Bind more with 'ecops role bind' (operations, management, without who launches)."]
    assert warned("cli") == []


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
        self.gone: set[str] = set()
        self.refuses: set[str] = set()
        self.states: dict[str, str] = {}
        self.made = 0

    def _asked(self, flow_run):
        if flow_run in self.gone:
            raise PrefectRefused(404, "no such flow run")
        if flow_run in self.refuses:
            raise PrefectRefused(422, "not this one")

    def wake(self, flow_run, message, even_if_running=False):
        self._asked(flow_run)
        self.woken.append((flow_run, even_if_running))

    def put_bars(self, flow_run, bars):
        self._asked(flow_run)
        return {}

    def flow_runs(self, flow_runs):
        return [RunState(one, self.states.get(one, "PAUSED"), "") for one in flow_runs if one not in self.gone]

    def flow_run(self, flow_run):
        return next(iter(self.flow_runs([flow_run])), None)

    def set_flow_run_state(self, flow_run, type, *more, **options):
        self.states[flow_run] = type

    def delete_flow_run(self, flow_run):
        self._asked(flow_run)
        self.gone.add(flow_run)

    def put_artifact(self, flow_run, key, type, data, description):
        return "artifact"

    def create_flow_run(self, *args):
        self.made += 1
        return "flow-run" if self.made == 1 else f"flow-run-{self.made}"


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


PLAIN = FIRST | {"then": None, "params": {}}


def begin(store, prefect, count=1):
    """Runs that Prefect knows, by flow run."""
    runs = [launch(store, Launch(Playbook.model_validate(PLAIN), date(2026, 11, 11), ["demo"]), NOW + timedelta(seconds=number), "li").run for number in range(count)]
    relay.tick(store, prefect, NOW, quiet=False)
    return flow_runs(store, runs)


def flow_runs(store, runs):
    with store.read() as connection:
        found = dict(connection.execute(select(t.run.c.prefect_flow_run, t.run.c.run).where(t.run.c.run.in_(runs))).all())
    return {flow_run: run for flow_run, run in found.items()}


def state_of(store, run):
    with store.read() as connection:
        return connection.execute(select(t.run.c.state).where(t.run.c.run == run)).scalar_one()


def test_a_flow_run_deleted_in_prefect_gets_a_successor_though_nothing_happens(store):
    prefect = Prefect()
    ((flow_run, run),) = begin(store, prefect).items()
    prefect.gone.add(flow_run)
    assert relay.tick(store, prefect, NOW, quiet=False)
    assert relay.tick(store, prefect, NOW, quiet=False)
    assert flow_runs(store, [run]) == {"flow-run-2": run} and state_of(store, run) == "active"


@pytest.mark.parametrize(("ahead", "moved"), [(timedelta(weeks=5), {"flow-run": "SCHEDULED"}), (timedelta(minutes=1), {})])
def test_a_flow_run_put_off_in_prefect_goes_on(store, ahead, moved):
    class Puts(Prefect):
        def flow_runs(self, flow_runs):
            return [RunState(one, "SCHEDULED", "Scheduled", NOW + ahead) for one in flow_runs]

    prefect = Puts()
    begin(store, prefect)
    assert prefect.states == moved


def test_a_flow_run_whose_deployment_was_deleted_gets_a_successor(store):
    class Waits(Prefect):
        def flow_runs(self, flow_runs):
            waits = {"type": "SCHEDULED", "starts_at": NOW - timedelta(minutes=2)}
            return [state._replace(deployment="old" if state.id == "flow-run" else "new", **waits) for state in super().flow_runs(flow_runs)]

        def deployments_of(self, states):
            return {state.deployment for state in states} - {"old"}

    prefect = Waits()
    ((_, run),) = begin(store, prefect).items()
    assert relay.tick(store, prefect, NOW, quiet=False) and prefect.gone == {"flow-run"}
    assert flow_runs(store, [run]) == {"flow-run-2": run} and state_of(store, run) == "active"


def test_a_deleted_flow_run_that_should_be_woken_gets_a_successor(store):
    prefect = Prefect()
    book = Playbook.model_validate(PLAIN | {"steps": [{"id": "a", "checklist": ["做"]}, {"id": "b", "task": "customers.segment", "needs": ["a"]}]})
    run = launch(store, Launch(book, date(2026, 11, 11), ["demo"]), NOW, "li").run
    relay.tick(store, prefect, NOW, quiet=False)
    items.complete(store, 1, "li", items.Proof(), NOW)
    with store.write(NOW, "test") as tx:
        tx.connection.execute(t.dirty.delete())  # its bars are drawn; only the wake is left
    prefect.gone.add("flow-run")
    relay.carry(store, prefect, NOW)
    relay.carry(store, prefect, NOW)
    assert flow_runs(store, [run]) == {"flow-run-2": run} and prefect.woken == [("flow-run-2", False)]


def test_what_prefect_refuses_of_one_run_holds_no_other_back(store):
    prefect = Prefect()
    known = begin(store, prefect, 3)
    for item in (1, 2, 3):
        items.complete(store, item, "li", items.Proof(), NOW)
    prefect.refuses.add("flow-run-2")
    assert not relay.tick(store, prefect, NOW, quiet=True)
    with store.read() as connection:
        left = connection.execute(select(t.dirty.c.run)).scalars().all()
    assert left == [known["flow-run-2"]]
    assert sorted(flow_run for flow_run, _ in prefect.woken) == ["flow-run", "flow-run-3"]
    prefect.refuses.clear()
    assert relay.tick(store, prefect, NOW, quiet=True)


def test_a_run_that_ended_before_prefect_heard_of_it_is_told_all_the_same(store):
    prefect = Prefect()
    done, gone = (launch(store, Launch(Playbook.model_validate(PLAIN), date(2026, 11, 11), ["demo"]), NOW, "li").run for _ in range(2))
    items.complete(store, 1, "li", items.Proof(), NOW)
    sweep_module.cancel(store, gone, "li", "moved", NOW)
    relay.tick(store, prefect, NOW, quiet=False)
    by_run = {run: flow_run for flow_run, run in flow_runs(store, [done, gone]).items()}
    assert prefect.woken == [(by_run[done], False)] and prefect.states == {by_run[gone]: "CANCELLED"}
    with store.read() as connection:
        assert connection.execute(select(t.dirty.c.run)).first() is None


def test_every_active_run_is_looked_at_in_turn(store, monkeypatch):
    monkeypatch.setattr(outbox, "LOOKED_AT", 2)
    prefect = Prefect()
    known = begin(store, prefect, 7)
    oldest = next(iter(flow_run for flow_run in known if flow_run == "flow-run"))
    prefect.states[oldest] = "CANCELLED"
    for second in range(3):
        relay.hear(store, prefect, NOW + timedelta(seconds=second))
    assert {run: state_of(store, run) for run in known.values()} == {run: "cancelled" if flow_run == oldest else "active" for flow_run, run in known.items()}


def test_a_run_that_ends_while_it_is_cancelled_in_prefect_stays_as_it_ended(store, monkeypatch):
    prefect = Prefect()
    known = begin(store, prefect, 2)
    asked = prefect.flow_runs
    monkeypatch.setattr(prefect, "flow_runs", lambda ids: items.complete(store, 1, "li", items.Proof(), NOW) and asked(ids))
    prefect.states |= dict.fromkeys(known, "CANCELLED")
    relay.hear(store, prefect, NOW)
    assert sorted(state_of(store, run) for run in known.values()) == ["cancelled", "completed"]
