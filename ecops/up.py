"""`ecops up`: every part of the product as a child of one process. A part that dies is started again; Ctrl-C ends all of them."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from ecops.errors import BadCall, NotPossible, NotRunning
from ecops.home import Home
from ecops.orchestration import server
from ecops.orchestration.api import PrefectApi

RESTART_AFTER = (1, 1, 2, 5, 10)  # seconds
STEADY = 30  # seconds: a part that lived this long before it fell is not one that cannot start


def web_address(port: int) -> str:
    """Where the pages are."""
    return f"http://127.0.0.1:{port}"


def must_be_free(port: int) -> None:
    """Raises NotPossible when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotPossible(f"The port {port} is taken by another program; start with --port and another number (the next one is used too).") from error


@dataclass
class Part:
    """One child: how to start it, and how often it had to be started again."""

    name: str
    start: Callable[[], subprocess.Popen]
    child: subprocess.Popen | None = None
    falls: int = 0
    again_at: float = 0.0
    started_at: float = 0.0

    def begin(self, at: float) -> None:
        """Start it."""
        self.child, self.started_at = self.start(), at


class Supervisor:
    """Holds the parts of one home."""

    def __init__(self, home: Home, port: int) -> None:
        self.home, self.port, self.prefect_port = home, port, port + 1
        self.lock: IO[str] | None = None
        self.logs = home.folder / "logs"
        self.stopping = threading.Event()
        self.parts = [
            Part("prefect", lambda: server.start(home.folder, self.prefect_port, self.logs / "prefect.log")),
            Part("worker", lambda: server.start_worker(home.folder, self.prefect_port, log=self.logs / "worker.log")),
            Part("clock", lambda: self._own("clock")),
            Part("web", lambda: self._own("web", "--port", str(self.port))),
        ]

    def _own(self, verb: str, *more: str) -> subprocess.Popen:
        env = dict(os.environ) | {"ECOPS_HOME": str(self.home.folder)}
        return server.start_child([sys.executable, "-m", "ecops.cli", verb, "--with-parent", *more], env, self.logs / f"{verb}.log")

    def begin(self, say: Callable[[str], None]) -> None:
        """Start everything; returns when pages and Prefect answer."""
        self._hold_home()
        must_be_free(self.port)
        must_be_free(self.prefect_port)
        self.home.parts_file.write_text(json.dumps({"web": web_address(self.port), "prefect": server.api_url(self.prefect_port), "pid": os.getpid()}))
        for part in (self.parts[0], self.parts[3]):
            part.begin(time.monotonic())
        say("Prefect 启动中 / starting Prefect ...")
        try:
            server.wait_ready(self.prefect_port, self.parts[0].child)
        except server.ServerWouldNotStart as error:
            raise NotRunning(f"{error}; its log is {self.logs / 'prefect.log'}.") from error

    def work(self) -> None:
        """Start the worker and the clock."""
        for part in self.parts:
            if part.child is None:
                part.begin(time.monotonic())

    def watch(self) -> None:
        """Start again what falls, until told to stop."""
        while not self.stopping.wait(0.3):
            for part in self.parts:
                self._mend(part, time.monotonic())

    def _mend(self, part: Part, at: float) -> None:
        if part.child is not None and part.child.poll() is not None:
            print(f"{part.name} ended with code {part.child.returncode}; starting it again (log: {self.logs / (part.name + '.log')})", file=sys.stderr)
            part.falls = 0 if at - part.started_at > STEADY else part.falls
            part.child, part.again_at = None, at + RESTART_AFTER[min(part.falls, len(RESTART_AFTER) - 1)]
            part.falls += 1
        if part.child is None and at >= part.again_at:
            part.begin(at)

    def end(self) -> None:
        """Stop all parts, the worker first, Prefect last."""
        for part in reversed(self.parts):
            if part.child is not None:
                server.stop(part.child)
        if self.lock is not None:  # else the addresses are those of another one, which goes on
            self.home.parts_file.unlink(missing_ok=True)
            self.lock.close()
            self.lock = None

    def _hold_home(self) -> None:
        """Two Prefect servers on one database lose each other's writes: one `ecops up` a home. The lock goes with the process, whatever ends it."""
        try:
            self.logs.mkdir(exist_ok=True)
            lock = (self.home.folder / "up.lock").open("a")
        except OSError as error:
            raise BadCall(f"The home folder {self.home.folder} cannot be written to: {error.strerror}; choose another with ECOPS_HOME or --home.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            there = self.home.parts()
            raise NotPossible(f"ecops up is running in {self.home.folder} already (process {there.get('pid', '?')}, pages at {there.get('web', '?')}); use that one, stop it with Ctrl-C, or choose another --home.") from error
        self.lock = lock


def stop_on_signals(stopping: threading.Event) -> None:
    """Ctrl-C and SIGTERM end the watch, once and again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())


def api_of(home: Home) -> PrefectApi:
    """A client of the Prefect server that runs here. Raises NotRunning."""
    if home.prefect is None:
        raise NotRunning("No Prefect server is known; start everything with 'ecops up', or name one with ECOPS_PREFECT_API_URL.")
    return PrefectApi(home.prefect, home.prefect_auth)
