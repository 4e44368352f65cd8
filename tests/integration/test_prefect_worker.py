"""The warm worker as a real process against a real Prefect server."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ecops.orchestration.api import PrefectApi
from ecops.orchestration.bars import Bar, bar_id
from ecops.orchestration.deploy import Deployment, deploy
from tests.prefect_server import RunningPrefect, absent_prefect, new_prefect, prefect, until  # noqa: F401

pytestmark = pytest.mark.prefect


class Desk:
    """What a test of the worker needs: the server, a client, and a book that the flows write in."""

    def __init__(self, prefect: RunningPrefect, api: PrefectApi, book: Path) -> None:  # noqa: F811
        self.prefect, self.api, self.book = prefect, api, book

    def run(self, flow: str, **parameters: object) -> str:
        return self.prefect.run(self.api, flow, book=str(self.book), **parameters)

    def lines(self) -> list[str]:
        return self.book.read_text().splitlines() if self.book.exists() else []

    def reach(self, flow_run: str, name: str, timeout: float = 20) -> None:
        def there() -> str | None:
            found = self.api.flow_run(flow_run)
            assert found is not None
            if found.name != name and found.type in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                pytest.fail(f"ended as {found.name}, not {name}")
            return found.name if found.name == name else None

        until(there, timeout)


@pytest.fixture
def desk(prefect: RunningPrefect, tmp_path: Path) -> Iterator[Desk]:  # noqa: F811
    prefect.start_worker()
    with prefect.api() as api:
        yield Desk(prefect, api, tmp_path / "book")


def test_a_due_flow_run_is_executed_in_the_workers_own_process(desk: Desk) -> None:
    desk.reach(desk.run("note"), "Completed")
    (line,) = desk.lines()
    assert line.split()[1] == str(desk.prefect.worker and desk.prefect.worker.pid)


def test_a_flow_that_raises_fails_its_run_and_the_worker_goes_on(desk: Desk) -> None:
    desk.reach(desk.run("raising"), "Failed")
    desk.reach(desk.run("note"), "Completed")


def test_a_deployment_whose_flow_is_missing_fails_its_run(desk: Desk) -> None:
    deploy(desk.api, [Deployment("lost", "flows.nowhere.lost"), Deployment("filed", "flows/daily.py:daily")])
    for name in ("lost", "filed"):
        desk.reach(desk.api.create_flow_run(f"{name}/ecops", name, {}, str(uuid4())), "Failed")


def test_several_flow_runs_execute_at_once(desk: Desk) -> None:
    for flow_run in [desk.run("meeting", guests=4) for _ in range(4)]:
        desk.reach(flow_run, "Completed")


def test_a_flow_run_sleeps_without_a_process_until_it_is_woken(desk: Desk) -> None:
    flow_run = desk.run("sleeper")
    desk.reach(flow_run, "Sleeping")
    assert desk.api.wake(flow_run).accepted
    desk.reach(flow_run, "Completed")
    assert desk.lines() == ["slept", "woke"]


def test_work_that_comes_in_while_a_flow_falls_asleep_wakes_it(desk: Desk) -> None:
    desk.reach(desk.run("restless"), "Completed")
    assert desk.lines() == ["slept", "woke"]


def test_a_flow_run_that_executes_needs_no_waking(desk: Desk) -> None:
    flow_run = desk.run("endless")
    until(desk.lines)
    assert not desk.api.wake(flow_run).accepted
    desk.api.set_flow_run_state(flow_run, "CANCELLING", "Cancelling")
    desk.reach(flow_run, "Cancelled")


def test_a_running_flow_run_is_cancelled_within_seconds(desk: Desk) -> None:
    flow_run = desk.run("endless")
    until(desk.lines)
    desk.api.set_flow_run_state(flow_run, "CANCELLING", "Cancelling")
    desk.reach(flow_run, "Cancelled", timeout=5)
    assert desk.lines() == ["began"]


def test_a_sleeping_flow_run_is_cancelled_at_once_and_stays_so(desk: Desk) -> None:
    flow_run = desk.run("sleeper")
    desk.reach(flow_run, "Sleeping")
    assert desk.api.set_flow_run_state(flow_run, "CANCELLING", "Cancelling").type == "CANCELLED"
    desk.reach(desk.run("note"), "Completed")  # the worker has looked again since
    desk.reach(flow_run, "Cancelled")


def test_a_flow_run_whose_worker_was_killed_is_executed_again(desk: Desk) -> None:
    flow_run = desk.run("endless")
    until(desk.lines)
    desk.prefect.kill_worker()
    assert desk.api.flow_run(flow_run).name == "Running"  # type: ignore[union-attr]
    assert desk.api.wake(flow_run, even_if_running=True).accepted
    desk.prefect.start_worker()
    desk.reach(flow_run, "Completed")
    assert desk.lines() == ["began", "began", "ended"]


def test_a_worker_told_to_stop_puts_its_flow_runs_back(desk: Desk) -> None:
    flow_run = desk.run("endless")
    until(desk.lines)
    assert desk.prefect.stop_worker() == 0
    assert desk.api.flow_run(flow_run).name == "Scheduled"  # type: ignore[union-attr]
    desk.prefect.start_worker()
    desk.reach(flow_run, "Completed")


def test_a_step_is_executed_as_the_very_bar_that_shows_it(desk: Desk) -> None:
    flow_run = desk.run("stepping")
    desk.reach(flow_run, "Completed")
    until(lambda: len(desk.api.bars_shown(flow_run)) == 2)
    bars = [Bar("pick", 1, "活动选品", "done", "12 件"), Bar("sum", 2, "汇总", "done", "24 件", needs=("pick",))]
    desk.api.put_bars(flow_run, bars)
    shown = desk.api.bars_shown(flow_run)
    assert {step: (row["id"], row["name"], row["state_name"]) for step, row in shown.items()} == {
        "pick": (str(bar_id(flow_run, "pick")), "活动选品", "Done"),
        "sum": (str(bar_id(flow_run, "sum")), "汇总", "Done"),
    }


def test_a_step_that_is_executed_keeps_the_edges_of_its_bar(desk: Desk) -> None:
    flow_run = desk.run("told")
    until(desk.lines)
    ids = desk.api.put_bars(flow_run, [Bar("pick", 1, "选品", "done"), Bar("sum", 2, "汇总", "ready", needs=("pick",))])
    desk.book.write_text("go\n")
    until(lambda: desk.api.bars_shown(flow_run)["sum"]["state_name"] == "Completed")
    nodes = dict(desk.api.get(f"/flow_runs/{flow_run}/graph-v2")["nodes"])
    assert [parent["id"] for parent in nodes[ids["sum"]]["parents"]] == [ids["pick"]]


def test_what_a_step_logs_is_read_at_its_bar_and_the_engines_remarks_are_not(desk: Desk) -> None:
    flow_run = desk.run("stepping")
    desk.reach(flow_run, "Completed")
    wanted = {"logs": {"flow_run_id": {"any_": [flow_run]}}}
    lines = until(lambda: desk.api.post("/logs/filter", wanted))
    assert [(line["message"], line["task_run_id"]) for line in lines] == [("选品 12 件", str(bar_id(flow_run, "pick")))]


def test_a_worker_that_starts_before_prefect_waits_for_it(tmp_path: Path) -> None:
    own = absent_prefect()
    try:
        own.start_worker()
        until((own.home / "worker.log").read_text)  # it has found nobody, and says so
        with own.start().api() as api:
            desk = Desk(own, api, tmp_path / "book")
            desk.reach(desk.run("note"), "Completed")
        assert own.worker is not None and desk.lines()[0].split()[1] == str(own.worker.pid)
    finally:
        own.stop()


def test_prefect_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    own = new_prefect()
    try:
        own.start_worker()
        with own.api() as api:
            steps, middle = Desk(own, api, tmp_path / "steps"), Desk(own, api, tmp_path / "middle")
            stepping, waiting = steps.run("stepping"), middle.run("waiting")
            until(middle.lines)
            until(lambda: len(steps.lines()) == 2)  # both steps done; what Prefect has written of them is anybody's guess
            own.kill()
            middle.book.write_text("go\n")  # this flow ends while there is nobody to tell
            until(lambda: "went" in middle.lines())
            own.start()
            bars = [Bar("pick", 1, "活动选品", "done", "12 件"), Bar("sum", 2, "汇总", "done", "24 件")]
            api.put_bars(stepping, bars)
            rows = api.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [stepping]}}})
            assert sorted((row["task_key"], row["state_name"]) for row in rows) == [("pick", "Done"), ("sum", "Done")]
            steps.reach(steps.run("note"), "Completed", timeout=10)  # the worker has found the server again
            middle.reach(waiting, "Completed", timeout=20)
        child = own.child
        assert child is not None and child.stdin is not None
        child.stdin.close()  # what the kernel does when we are killed
        child.wait(10)
        own.child = None
    finally:
        own.stop()
