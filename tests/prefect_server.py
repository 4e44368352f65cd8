"""A real Prefect server (and a warm worker beside it) on a free port in a temporary home, for tests.

    from tests.prefect_server import prefect  # the session's own, shared by all modules

Everything started here ends with the test process, however that ends, because it watches a pipe to it.
"""

import atexit
import functools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from ecops.orchestration import server
from ecops.orchestration.api import PrefectApi
from ecops.orchestration.deploy import Deployment, deploy

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 20) -> T:
    """The first true value of `condition`; fails the test after `timeout` seconds, saying what it was last."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"still {value!r} after {timeout:.0f} s")
        time.sleep(0.03)
    return value


@dataclass
class RunningPrefect:
    """A Prefect server that can be killed and started again on the same home and port, and its worker."""

    home: Path
    port: int = field(default_factory=server.free_port)
    child: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None

    def start(self) -> "RunningPrefect":
        """Start the server if it is not running, and wait until it answers."""
        if self.child is None:
            self.child = server.start(self.home, self.port, self.home / "server.log")
            server.wait_ready(self.port, self.child)
        return self

    def kill(self) -> None:
        """kill -9 the server."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()
        self.child = None

    def start_worker(self, limit: int = 8) -> None:
        """Start the warm worker if it is not running."""
        if self.worker is None:
            self.worker = server.start_worker(self.home, self.port, limit, self.home / "worker.log")

    def kill_worker(self) -> None:
        """kill -9 the worker."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()
        self.worker = None

    def stop_worker(self) -> int:
        """SIGTERM the worker; returns its exit code."""
        assert self.worker is not None
        self.worker.terminate()
        code = self.worker.wait(20)
        self.worker = None
        return code

    def stop(self) -> None:
        """End what runs and remove the home."""
        if self.worker is not None:
            server.stop(self.worker)
            self.worker = None
        if self.child is not None:
            server.stop(self.child)
            self.child = None
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def api_url(self) -> str:
        return server.api_url(self.port)

    def api(self) -> PrefectApi:
        """A client; close it, or use it in a with statement."""
        return PrefectApi(self.api_url)

    def run(self, api: PrefectApi, flow: str, **parameters: object) -> str:
        """A due flow run of the flow of that name in tests/prefect_flows.py."""
        deploy(api, [Deployment(flow, f"tests.prefect_flows.{flow}")])
        return api.create_flow_run(f"{flow}/ecops", flow, parameters, str(uuid4()))


def absent_prefect() -> RunningPrefect:
    """One of the test's own, not started yet; the test stops it."""
    return RunningPrefect(Path(tempfile.mkdtemp(prefix="ecops-prefect-")))


def new_prefect() -> RunningPrefect:
    """One of the test's own, running; the test stops it."""
    return absent_prefect().start()


@functools.cache
def shared_prefect() -> RunningPrefect:
    """The one of this test process, started at the first call (a fixture would start one a module)."""
    running = new_prefect()
    atexit.register(running.stop)
    return running


@pytest.fixture
def prefect() -> RunningPrefect:
    """The shared Prefect server, up; a test that takes it down brings it up again."""
    return shared_prefect().start()
