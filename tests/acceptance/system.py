"""A whole running product in a temporary home, for acceptance tests: `ecops up` as a child, its parts to be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from ecops.orchestration.api import PrefectApi, PrefectUnreachable
from ecops.orchestration.server import free_port
from ecops.service import gates, items, views
from ecops.store.database import Store

PLAYBOOK = """\
playbook: small
title: {zh: 小活动, en: Small campaign}
phase: campaign
anchors: {day: {at: "D 00:00", required: true}}
steps:
  - id: plan
    title: {zh: 定目标, en: Goal}
    duty: marketing
    stage: prep
    checklist: [{title: {zh: 目标金额, en: Goal in yuan}, evidence: {type: number, min: 1}}, {title: {zh: 负责人, en: Owner}}]
    due: day - 1d 18:00
  - id: segment
    title: {zh: 用户分层, en: Segments}
    duty: users
    task: customers.segment
    needs: [plan]
  - id: check
    title: {zh: 核对分层, en: Check the segments}
    duty: users
    checklist: [{title: {zh: 已核对, en: Checked}}]
    needs: [segment]
    due: day - 1d 20:00
  - id: go
    title: {zh: 放行, en: Go}
    duty: marketing
    stage: execution
    approval: {by: [operations]}
    needs: [check]
    due: day
  - id: slow_items
    title: {zh: 低动销, en: Slow sellers}
    duty: goods
    task: goods.cull
    needs: [go]
  - id: close
    title: {zh: 收尾, en: Close}
    duty: data
    stage: wrap-up
    checklist: [{title: {zh: 已归档, en: Filed}}]
    needs: [slow_items]
    due: day + 1d
"""
ROUTINE = """\
playbook: routine
title: {zh: 例行, en: Routine}
phase: daily
schedule: {cron: "0 3 * * *", shops: all}
steps:
  - {id: look, duty: data, due: D + 1d, checklist: [看 / Look]}
"""
STEPS = ["plan", "segment", "check", "go", "slow_items", "close"]


def until(true: Callable[[], Any], seconds: float = 60, what: str = "") -> Any:
    """Wait until something is true and give it; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what or true}")


class System:
    """One `ecops up` and the verbs beside it."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.env = os.environ | {"ECOPS_HOME": str(home)}
        (home / "playbooks").mkdir(parents=True, exist_ok=True)
        (home / "playbooks" / "small.yaml").write_text(PLAYBOOK)
        (home / "playbooks" / "routine.yaml").write_text(ROUTINE)
        self.process: subprocess.Popen | None = None
        self.log = home / "up.log"
        self.store = Store(f"sqlite:///{home / 'ecops.db'}")

    def start(self) -> None:
        """Start everything and wait until it says so."""
        self.log.write_text("")
        with self.log.open("ab") as sink:
            line = [sys.executable, "-m", "ecops.cli", "up", "--port", str(self.port), "--no-browser"]
            self.process = subprocess.Popen(line, env=self.env, stdout=sink, stderr=sink, start_new_session=True)
        until(lambda: "Ctrl-C" in self.log.read_text() or self.process.poll() is not None, 90, "ecops up")
        assert self.process.poll() is None, self.log.read_text()

    def stop(self, number: int = signal.SIGINT) -> list[psutil.Process]:
        """Stop it; gives the processes it had."""
        had = self.family()
        self.process.send_signal(number)
        self.process.wait(30)
        return had

    def family(self) -> list[psutil.Process]:
        """The supervisor's children."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process:
        """A child by its part's name."""
        words = {"prefect": "ecops.orchestration.server", "worker": "ecops.orchestration.start_worker", "clock": "clock", "web": "web"}[name]
        return next(child for child in self.family() if words in child.cmdline())

    def kill(self, name: str) -> None:
        """kill -9 of one part."""
        self.part(name).kill()

    def verb(self, *words: str, code: int = 0) -> Any:
        """Run a verb with --json; gives what it printed."""
        done = subprocess.run([sys.executable, "-m", "ecops.cli", *words, "--json"], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def plain(self, *words: str) -> subprocess.CompletedProcess:
        """Run a verb as it is."""
        return subprocess.run([sys.executable, "-m", "ecops.cli", *words], env=self.env, capture_output=True, text=True, timeout=60)

    @contextmanager
    def prefect(self) -> Iterator[PrefectApi]:
        """A client of its Prefect server."""
        with PrefectApi(f"http://127.0.0.1:{self.port + 1}/api", timeout=60) as api:
            yield api

    def bars(self, flow_run: str) -> dict[str, str]:
        """State names of the bars by step; empty while Prefect does not answer."""
        try:
            with self.prefect() as api:
                return {step: row["state_name"] for step, row in api.bars_shown(flow_run).items()}
        except PrefectUnreachable:
            return {}

    def artifacts(self, flow_run: str) -> dict[str, dict]:
        """What stands beside a flow run, by key."""
        with self.prefect() as api:
            return {row["key"]: row for row in api.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run]}}})}

    def flow_state(self, flow_run: str) -> str | None:
        """State type of a flow run, None while Prefect does not answer."""
        try:
            with self.prefect() as api:
                found = api.flow_run(flow_run)
                return found and found.type
        except PrefectUnreachable:
            return None

    def steps(self, run: str) -> dict[str, dict]:
        """The run's steps by id."""
        return {step["step"]: step for step in self.show(run)["steps"]}

    def show(self, run: str) -> dict:
        """What `ecops show` prints, without a new process each time."""
        with self.store.read() as connection:
            return views.show(connection, run, datetime.now(UTC))

    def launch(self) -> dict:
        """A run of the small playbook."""
        return self.verb("launch", "small", "--day", "2031-11-11", "--shops", "demo")

    def tick(self, run: str, step: str) -> None:
        """Close every open item of a step, and approve when it is a gate."""
        found = until(lambda: (self.steps(run)[step]["state"] == "open") and self.steps(run)[step], 40, f"{step} to open")
        if found["kind"] == "approval":
            gates.decide(self.store, found["step_run"], "li", "approve", None, datetime.now(UTC))
            return
        with self.store.read() as connection:
            open_items = views.checklist(connection, datetime.now(UTC))
        for item in open_items:
            if item["run"] == run and item["step"] == step:
                items.complete(self.store, item["item"], "li", items.Proof(value="7"), datetime.now(UTC))

    def settle(self, run: str, step: str) -> None:
        """A machine's step: wait until it is done, or answer its question."""
        found = until(lambda: self.steps(run)[step]["state"] in ("done", "open") and self.steps(run)[step], 60, f"{step} to be calculated")
        if found["state"] == "open":
            self.tick(run, step)


def events(home: Path, run: str, what: str) -> list[str]:
    """The steps of a run's events of one kind."""
    import sqlite3

    with sqlite3.connect(home / "ecops.db") as connection:
        return [row[0] for row in connection.execute("select step from event where run = ? and what = ? order by id", (run, what))]
