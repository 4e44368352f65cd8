"""The running product: one Prefect flow run per run, one bar a step, and kill -9 of any part at any moment."""

import signal
import socket
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psutil
import pytest

from ecops.playbook.cron import last_firing
from ecops.service import views
from tests.acceptance.system import STEPS, System, events, until

pytestmark = pytest.mark.prefect
CHINA = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    running = System(tmp_path_factory.mktemp("home"))
    running.start()
    running.plain("shop", "demo", "--shops", "1", "--seed", "5")
    running.plain("person", "add", "li", "--name", "李雷")
    running.plain("role", "bind", "operations", "li")
    yield running
    if running.process.poll() is None:
        running.stop()


def test_a_run_is_one_flow_run_with_one_bar_a_step(system):
    launched = system.launch()
    run, flow_run = launched["run"], launched["prefect_flow_run"]
    assert flow_run and launched["steps"] == 6 and launched["items"] == 4
    until(lambda: len(system.bars(flow_run)) == len(STEPS), 30, "the bars, which are written one after another")
    until(lambda: system.bars(flow_run)["plan"] == "With people", 30, "the bar of plan")
    bars = system.bars(flow_run)
    assert sorted(bars) == sorted(STEPS) and bars["close"] == "Gated" and bars["slow_items"] == "Gated"
    system.tick(run, "plan")
    until(lambda: system.bars(flow_run).get("plan") == "Done", 30, "plan to turn green")
    for step in STEPS[1:]:
        (system.settle if step in ("segment", "slow_items") else system.tick)(run, step)
    until(lambda: system.flow_state(flow_run) == "COMPLETED", 40, "the flow run to complete")
    until(lambda: set(system.bars(flow_run).values()) == {"Done"}, 30, "all bars to be done")
    assert len(system.bars(flow_run)) == 6
    until(lambda: system.artifacts(flow_run)[f"progress-{run}"]["data"] == 100, 30, "the progress to be whole")
    shown = {key: row["type"] for key, row in system.artifacts(flow_run).items()}
    assert {f"segment-{run}": "table", f"slow-items-{run}": "table", f"progress-{run}": "progress", f"summary-{run}": "markdown"}.items() <= shown.items()


@pytest.mark.parametrize("part", ["worker", "clock", "web", "prefect"])
def test_a_killed_part_loses_nothing_and_does_nothing_twice(system, part):
    launched = system.launch()
    run = launched["run"]
    until(lambda: system.show(run)["prefect_flow_run"], 60, "the flow run")
    flow_run = system.show(run)["prefect_flow_run"]
    for step in STEPS:
        if step in ("segment", "check", "slow_items"):
            system.kill(part)
        (system.settle if step in ("segment", "slow_items") else system.tick)(run, step)
        until(lambda: _part_is_back(system, part), 60, f"{part} to come back")
    assert system.show(run)["state"] == "completed"
    done = events(system.home, run, "step.done")
    assert sorted(done) == sorted(STEPS), "each step is done exactly once"
    assert len(events(system.home, run, "item.done")) == len(set(_items_done(system, run)))
    until(lambda: set(system.bars(flow_run).values()) == {"Done"} and len(system.bars(flow_run)) == 6, 60, "the timeline to be right again")
    until(lambda: system.flow_state(flow_run) == "COMPLETED", 60, "the flow run to complete")


def _part_is_back(system, part):
    try:
        return system.part(part).is_running()
    except (StopIteration, psutil.Error):
        return False


def _items_done(system, run):
    import sqlite3

    with sqlite3.connect(system.home / "ecops.db") as connection:
        return [row[0] for row in connection.execute("select id from item where run = ? and state = 'done'", (run,))]


def test_a_cancelled_flow_run_cancels_the_run(system):
    launched = system.launch()
    until(lambda: system.flow_state(launched["prefect_flow_run"]) == "PAUSED", 30, "the flow run to sleep")
    with system.prefect() as api:
        api.set_flow_run_state(launched["prefect_flow_run"], "CANCELLING")
    until(lambda: system.show(launched["run"])["state"] == "cancelled", 30, "the run to be cancelled")


def test_a_flow_run_deleted_in_prefect_gets_a_successor_with_all_its_bars(system):
    launched = system.launch()
    flow_run = launched["prefect_flow_run"]
    until(lambda: len(system.bars(flow_run)) == len(STEPS), 30, "the bars")
    with system.prefect() as api:
        api._request("DELETE", f"/flow_runs/{flow_run}")
    new = until(lambda: system.show(launched["run"])["prefect_flow_run"] not in (None, flow_run) and system.show(launched["run"])["prefect_flow_run"], 20, "a successor")
    until(lambda: system.bars(new).get("plan") == "With people" and len(system.bars(new)) == len(STEPS), 20, "its bars")


def test_a_flow_run_that_somebody_calls_ended_in_prefect_goes_on_when_there_is_work(system):
    launched = system.launch()
    run, flow_run = launched["run"], launched["prefect_flow_run"]
    for step, state in zip(STEPS, ("COMPLETED", None, "FAILED", None, None, None), strict=True):
        if state:
            until(lambda: system.flow_state(flow_run) == "PAUSED", 40, "the flow run to sleep")
            with system.prefect() as api:
                api.set_flow_run_state(flow_run, state, force=True)
        (system.settle if step in ("segment", "slow_items") else system.tick)(run, step)
    until(lambda: system.show(run)["state"] == "completed" and system.flow_state(flow_run) == "COMPLETED", 60, "the end")
    assert sorted(events(system.home, run, "step.done")) == sorted(STEPS)


def test_a_cancelled_run_that_is_retried_in_prefect_stays_cancelled(system):
    launched = system.launch()
    run, flow_run = launched["run"], launched["prefect_flow_run"]
    system.verb("cancel", run, "--by", "li", "--reason", "moved")
    until(lambda: system.flow_state(flow_run) == "CANCELLED", 30, "the flow run to be cancelled")
    with system.prefect() as api:
        before = api.get(f"/flow_runs/{flow_run}")["run_count"]
        api.set_flow_run_state(flow_run, "SCHEDULED", "AwaitingRetry", force=True)
        until(lambda: api.get(f"/flow_runs/{flow_run}")["run_count"] > before, 30, "the retry")
    until(lambda: system.flow_state(flow_run) == "CANCELLED", 30, "it to be cancelled again")
    assert system.show(run)["state"] == "cancelled"


BROKEN = """\
playbook: broken
title: Broken
phase: daily
params: {after: {type: text, default: soon}}
steps:
  - {id: segment, duty: users, task: customers.segment, with: {stale_after: "{{ params.after }}"}}
"""


def test_a_task_that_breaks_asks_a_person_and_fails_no_flow_run(system, tmp_path):
    (tmp_path / "broken.yaml").write_text(BROKEN)
    launched = system.verb("launch", str(tmp_path / "broken.yaml"), "--day", "2031-11-11", "--shops", "demo")
    run, flow_run = launched["run"], launched["prefect_flow_run"]
    found = until(lambda: system.steps(run)["segment"]["state"] == "open" and system.steps(run)["segment"], 40, "the question")
    assert found["outcome"]["status"] == "failed"
    until(lambda: system.flow_state(flow_run) == "PAUSED" and system.bars(flow_run).get("segment") == "Unknown", 30, "the flow run to sleep")
    system.tick(run, "segment")
    until(lambda: system.flow_state(flow_run) == "COMPLETED", 40, "the flow run to complete")


def fire(api, at: datetime) -> str:
    """A flow run of the routine, laid out for `at`, whose time has come."""
    wish = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": at.isoformat()}}}
    flow_run = api.post(f"/deployments/{api.deployment_id('daily/routine')}/create_flow_run", wish)["id"]
    api.set_flow_run_state(flow_run, "SCHEDULED", "Scheduled")
    return flow_run


def routines(system) -> list[tuple[str, str, str]]:
    with system.store.read() as connection:
        return sorted((run["day"], run["state"], run["prefect_flow_run"]) for run in views.runs(connection) if run["playbook"] == "routine")


def test_what_was_missed_while_the_machine_was_off_is_caught_up_once(system):
    newest = last_firing("0 3 * * *", datetime.now(UTC), CHINA)
    with system.prefect() as api:
        fired = [fire(api, newest - timedelta(days=days)) for days in (4, 3, 2)]
        until(lambda: {state.type for state in api.flow_runs(fired)} <= {"PAUSED", "COMPLETED"}, 60, "all late firings")
        asleep = [state.id for state in api.flow_runs(fired) if state.type == "PAUSED"]
    assert routines(system) == [(f"{newest.astimezone(CHINA):%Y-%m-%d}", "active", *asleep)]


def test_a_routine_fires_once_a_day_and_takes_the_place_of_the_day_before(system):
    day = datetime(2031, 5, 5, 19, tzinfo=UTC)  # 3 o'clock in China
    with system.prefect() as api:
        before = fire(api, day - timedelta(days=1))
        until(lambda: system.flow_state(before) == "PAUSED", 60, "the first day")
        fired = [fire(api, at) for at in (day, day, day + timedelta(minutes=5))]
        until(lambda: {state.type for state in api.flow_runs(fired)} <= {"PAUSED", "COMPLETED"}, 60, "all firings")
        asleep = [state.id for state in api.flow_runs(fired) if state.type == "PAUSED"]
        until(lambda: system.flow_state(before) == "CANCELLED", 60, "the day before to end in Prefect too")
        names = [api.get(f"/flow_runs/{flow_run}")["name"].split(" · ")[0] for flow_run in (before, *asleep)]
    assert routines(system)[-2:] == [("2031-05-05", "cancelled", before), ("2031-05-06", "active", *asleep)]
    assert [state for _, state, _ in routines(system)].count("active") == 1
    assert names == ["例行 2031-05-05", "例行 2031-05-06"]


def test_wrong_calls_get_a_sentence_and_a_code(system, tmp_path):
    picture, empty = tmp_path / "orders.xlsx", tmp_path / "empty.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    empty.write_bytes(b"")
    loop = tmp_path / "loop.yaml"
    loop.write_text("playbook: loop\ntitle: t\nphase: daily\nsteps:\n  - {id: a, milestone: true, needs: [b]}\n  - {id: b, milestone: true, needs: [a]}\n")
    for words, code in [
        (["launch", "small", "--day", "2031-13-11", "--shops", "demo"], 2),
        (["launch", "small", "--day", "2031-11-11", "--shops", "nobody"], 4),
        (["launch", "smal", "--day", "2031-11-11"], 4),
        (["launch", str(loop), "--day", "2031-11-11"], 2),
        (["launch", "small", "--day", "2031-11-11", "--shops", "demo", "--param", "x=1"], 2),
        (["playbook", "check", str(loop)], 1),
        (["import", str(picture), "--shop", "demo"], 2),
        (["import", str(empty), "--shop", "demo"], 2),
        (["import", str(tmp_path / "none.csv"), "--shop", "demo"], 4),
        (["import", str(empty), "--shop", "nobody"], 4),
        (["done", "999999", "--by", "li"], 4),
        (["show", "nothing"], 4),
        (["task", "run", "goods.cul", "--as-of", "2026-01-01"], 4),
        (["task", "run", "goods.cull", "--as-of", "yesterday"], 2),
        (["nonsense"], 2),
    ]:
        done = system.plain(*words)
        said = done.stderr + done.stdout
        assert done.returncode == code, f"{words}: {done.returncode} {said}"
        assert said.strip() and "Traceback" not in said


def test_a_taken_port_is_said(system, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = System(tmp_path / "other")
        done = other.plain("up", "--port", str(taken.getsockname()[1]), "--no-browser")
    assert done.returncode == 3 and "taken" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind(system, number):
    if system.process.poll() is not None:
        system.start()
    had = system.stop(number)
    assert len(had) >= 4
    _, alive = psutil.wait_procs(had, timeout=20)
    assert not alive
