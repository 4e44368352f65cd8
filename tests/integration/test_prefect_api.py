"""The client against a real Prefect server with CSRF protection."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from ecops.orchestration.api import PrefectApi, PrefectRefused, PrefectUnreachable
from ecops.orchestration.bars import STATES, Bar, bar_id
from ecops.orchestration.deploy import Deployment, deploy, pause_removed, phase_deployments, routine
from ecops.playbook.model import Playbook
from ecops.orchestration.server import free_port
from tests.prefect_server import RunningPrefect, prefect, until  # noqa: F401

pytestmark = pytest.mark.prefect
NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


@pytest.fixture
def api(prefect: RunningPrefect) -> Iterator[PrefectApi]:  # noqa: F811
    with prefect.api() as client:
        yield client


@pytest.fixture
def flow_run(api: PrefectApi) -> str:
    """A flow run that no worker takes."""
    flow = api.post("/flows/", {"name": "campaign"})
    return api.post("/flow_runs/", {"flow_id": flow["id"], "name": "双11大促", "state": {"type": "RUNNING"}})["id"]


def test_a_write_from_elsewhere_without_a_token_is_refused(prefect: RunningPrefect) -> None:  # noqa: F811
    answer = httpx.post(f"{prefect.api_url}/variables/", json={"name": "x", "value": 1}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_foreign_name_for_this_machine_is_not_answered(prefect: RunningPrefect) -> None:  # noqa: F811
    url = f"{prefect.api_url}/csrf-token?client=x"
    assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
    assert "amplitude" not in httpx.get(url).headers["content-security-policy"]


def test_a_token_that_expired_is_renewed(api: PrefectApi) -> None:
    api.post("/flows/", {"name": "campaign"})
    api._csrf = {"Prefect-Csrf-Token": "stale", "Prefect-Csrf-Client": "somebody"}
    assert api.post("/flows/", {"name": "campaign"})["name"] == "campaign"


def test_prefect_down_is_noticed_at_once() -> None:
    began = time.monotonic()
    with PrefectApi(f"http://127.0.0.1:{free_port()}/api") as api:
        assert not api.healthy()
        with pytest.raises(PrefectUnreachable):
            api.flow_run("39728a74-f348-4e02-b5b9-072d9053c8a1")
    assert time.monotonic() - began < 1


def test_talking_to_prefect_does_not_import_it() -> None:
    rooms = "api, bars, deploy, server"
    code = f"import sys; from ecops.orchestration import {rooms}; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class _Locked(BaseHTTPRequestHandler):
    """A server whose database is locked for the first `busy` writes."""

    busy = 0
    seen = 0

    def do_GET(self) -> None:  # noqa: N802
        self.answer(422, {})

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen += 1
        self.answer(503 if type(self).seen <= self.busy else 200, [])

    def answer(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(params=[3, 1000])
def locked(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    handler = type("Locked", (_Locked,), {"busy": request.param})
    listening = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/api", request.param
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_a_locked_database_is_waited_for_but_not_for_ever(locked: tuple[str, int]) -> None:
    url, busy = locked
    pauses: list[float] = []
    with PrefectApi(url, pause=pauses.append) as api:
        if busy == 3:
            assert api.flow_runs(["x"]) == []
            assert len(pauses) == 3
        else:
            with pytest.raises(PrefectUnreachable):
                api.flow_runs(["x"])
    assert sum(pauses) < 10


def test_deploying_twice_changes_nothing_and_a_new_schedule_one_thing(api: PrefectApi) -> None:
    wanted = [*phase_deployments(), routine(_daily("0 9 * * *"))]
    first = deploy(api, wanted)
    before = api.get("/deployments/name/daily/dawn")
    assert (before["entrypoint"], before["parameters"]) == ("flows.daily.daily", {"playbook": "dawn", "shops": "tag:early"})
    assert deploy(api, wanted) == first
    assert api.get("/deployments/name/daily/dawn")["updated"] == before["updated"]
    deploy(api, [routine(_daily("30 8 * * *"))])
    schedules = api.get("/deployments/name/daily/dawn")["schedules"]
    assert [(one["slug"], one["schedule"]["cron"], one["schedule"]["timezone"]) for one in schedules] == [("dawn", "30 8 * * *", "Asia/Shanghai")]


def _daily(cron: str, key: str = "dawn") -> Playbook:
    return Playbook.model_validate({
        "playbook": key, "title": "Dawn", "phase": "daily", "schedule": {"cron": cron, "shops": "tag:early"},
        "steps": [{"id": "look", "duty": "data", "milestone": True}],
    })  # fmt: skip


def test_a_routine_that_is_gone_is_paused_and_goes_on_when_it_is_back(api: PrefectApi) -> None:
    dusk = routine(_daily("0 21 * * *", "dusk"))
    deploy(api, [dusk])
    assert "daily/dusk" in pause_removed(api, phase_deployments())
    assert api.get("/deployments/name/daily/dusk")["paused"]
    assert "daily/dusk" not in pause_removed(api, phase_deployments())
    deploy(api, [dusk])
    found = api.get("/deployments/name/daily/dusk")
    assert (found["paused"], sorted(found["tags"])) == (False, ["ecops", "routine"])
    api.post(f"/deployments/{found['id']}/pause_deployment", {})
    deploy(api, [routine(_daily("0 22 * * *", "dusk"))])
    assert api.get("/deployments/name/daily/dusk")["paused"], "what a person paused stays paused"


def test_the_same_key_is_the_same_flow_run(api: PrefectApi) -> None:
    deploy(api, [Deployment("unworked", "tests.prefect_flows.nothing")], pool="nobody")
    runs = {api.create_flow_run("unworked/ecops", "一次", {"run": "7"}, "run-7", ["ecops"]) for _ in range(3)}
    assert len(runs) == 1
    (found,) = api.flow_runs(runs)
    assert (found.type, found.name) == ("SCHEDULED", "Scheduled")


def test_what_prefect_does_not_have_is_said(api: PrefectApi) -> None:
    assert api.flow_run("39728a74-f348-4e02-b5b9-072d9053c8a1") is None
    with pytest.raises(PrefectRefused) as refusal:
        api.deployment_id("no/such")
    assert refusal.value.status == 404


@pytest.mark.parametrize("gone", ["deployment", "pool"])
def test_a_flow_run_says_when_it_starts_and_whether_a_worker_could_take_it(api: PrefectApi, gone: str) -> None:
    deployment = deploy(api, [Deployment(gone, "flows.gone.gone")], pool=f"nobodys-{gone}")[f"{gone}/ecops"]
    flow_run = api.create_flow_run(f"{gone}/ecops", "双11大促", {}, "ecops-gone")
    stands = api.flow_run(flow_run)
    assert stands and stands.starts_at and api.deployments_of([stands]) == {deployment}
    api.set_flow_run_state(flow_run, "PAUSED", "Sleeping", force=True)  # with a deployment, Prefect deletes what waits for a worker, and nothing else
    api._request("DELETE", f"/deployments/{deployment}" if gone == "deployment" else f"/work_pools/nobodys-{gone}")
    assert api.deployments_of(api.flow_runs([flow_run])) == set()
    api.delete_flow_run(flow_run)
    assert api.flow_run(flow_run) is None


@pytest.mark.parametrize("look", STATES)
def test_every_look_is_shown_under_its_title(api: PrefectApi, flow_run: str, look: str) -> None:
    api.put_bar(flow_run, Bar("pick", 1, "活动选品", look, "商品 · 截止 11-25 18:00"))
    shown = api.bars_shown(flow_run)["pick"]
    assert (shown["state_type"], shown["state_name"]) == STATES[look]
    assert (shown["name"], shown["state"]["message"]) == ("活动选品", "商品 · 截止 11-25 18:00")


def test_a_step_has_one_bar_however_often_it_is_put(api: PrefectApi, flow_run: str) -> None:
    bars = [Bar("pick", 1, "活动选品", "done"), Bar("confirm", 2, "核对", "people", needs=("pick",))]
    ids = [api.put_bars(flow_run, bars) for _ in range(3)]
    assert ids[0] == ids[1] == ids[2] == {bar.step: str(bar_id(flow_run, bar.step)) for bar in bars}
    shown = api.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
    assert sorted(row["task_key"] for row in shown) == ["confirm", "pick"]
    nodes = dict(api.get(f"/flow_runs/{flow_run}/graph-v2")["nodes"])
    assert [parent["id"] for parent in nodes[ids[0]["confirm"]]["parents"]] == [ids[0]["pick"]]
    states = api.get(f"/task_run_states/?task_run_id={ids[0]['pick']}")
    assert [state["name"] for state in states] == ["Done"]


def test_a_done_step_can_be_reopened_while_the_run_sleeps(api: PrefectApi, flow_run: str) -> None:
    done = Bar("confirm", 1, "核对", "done", "王五 完成")
    api.put_bar(flow_run, done)
    api.set_flow_run_state(flow_run, "SCHEDULED", "Sleeping", scheduled_time=NOON + timedelta(days=3650))
    api.put_bar(flow_run, replace(done, look="people", message="重开"))
    shown = api.bars_shown(flow_run)["confirm"]
    assert (shown["state_type"], shown["end_time"]) == ("RUNNING", None)


def test_a_bar_that_reaches_prefect_late_is_drawn_at_its_true_times(api: PrefectApi, flow_run: str) -> None:
    now = datetime.now(UTC)
    opened, closed = now - timedelta(hours=5), now - timedelta(hours=4)
    api.put_bar(flow_run, Bar("pick", 1, "活动选品", "done", "12 件", opened, closed))
    api.put_bar(flow_run, Bar("gate", 2, "审批", "gated", "等 运营", opened))

    def drawn() -> bool:
        shown = api.bars_shown(flow_run)
        times = [datetime.fromisoformat(shown[step]["start_time"] or "9999-01-01T00:00:00Z") for step in ("pick", "gate")]
        return times == [opened, opened] and datetime.fromisoformat(shown["pick"]["end_time"]) == closed

    until(drawn)
    assert api.bars_shown(flow_run)["pick"]["state_name"] == "Done"


def test_what_changed_a_bar_can_be_read_in_the_runs_log(api: PrefectApi, flow_run: str) -> None:
    bar = Bar("confirm", 1, "核对", "people", "商品 · 截止 18:00")
    for look in (bar, bar, replace(bar, look="done", message="王五 完成")):
        api.put_bar(flow_run, look)
    lines = api.post("/logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run]}}, "sort": "TIMESTAMP_ASC"})
    assert [line["message"] for line in lines] == ["核对: 商品 · 截止 18:00", "核对: 王五 完成"]


def test_an_artifact_of_a_run_is_replaced_by_its_key(api: PrefectApi, flow_run: str) -> None:
    first = api.put_artifact(flow_run, "items", "table", json.dumps([{"款": 1}]), "选品")
    assert api.put_artifact(flow_run, "items", "table", json.dumps([{"款": 2}]), "选品") == first
    assert json.loads(api.get(f"/artifacts/{first}")["data"]) == [{"款": 2}]
