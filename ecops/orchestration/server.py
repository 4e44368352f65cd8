"""The embedded Prefect server: one child process on loopback, its database in our home, gone when its parent is gone.

This module is imported by the supervisor and must stay light: Prefect is imported only inside `main`, after the
environment says where home is (Prefect reads its settings at import).
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from ecops.orchestration.cursors import close_failed_cursors
from ecops.orchestration.parent import end_with_parent

HOST = "127.0.0.1"
_YEAR = 365 * 24 * 3600
_WEEK = "P7D"

_CALM = {
    # Nothing here waits on these loops: runs are woken by us, and ours are the reminders.
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "15",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",  # a run sleeps as Scheduled, never as Paused
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "120",
    # A campaign lasts months and its review a year: keep flow runs that long, events a week.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(_YEAR),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": _WEEK,
    # One task-run event a transaction is what makes SQLite slow; a batch is one write.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
}

WORKER_MANNERS = {
    # Retries double from two seconds: with more of them a worker would still be asleep long after Prefect is back.
    "PREFECT_CLIENT_MAX_RETRIES": "2",
    # Asked for its version at the start, a Prefect that is away would end the worker, which is to wait for it.
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "30",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}


class ServerWouldNotStart(RuntimeError):
    """The embedded Prefect server ended, or did not answer, before it was ready."""


def api_url(port: int) -> str:
    """Where the embedded server's API answers."""
    return f"http://{HOST}:{port}/api"


def _origins(port: int) -> list[str]:
    """Both names people type for this machine; Prefect's pages ask the API under the first."""
    return [f"http://{HOST}:{port}", f"http://localhost:{port}"]


def prefect_home(home: Path) -> Path:
    """The folder of our home that belongs to Prefect."""
    return Path(home) / "prefect"


def environment(home: Path, port: int, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a process that serves, or works for, the embedded Prefect.

    `base` (default: this process's environment) without its own PREFECT_* variables, so that somebody's profile for
    another server never leaks in, plus ours. Paths are absolute.
    """
    inherited = os.environ if base is None else base
    kept = {name: value for name, value in inherited.items() if not name.startswith("PREFECT_")}
    folder = prefect_home(home).absolute()
    origin = f"http://{HOST}:{port}"
    return kept | {
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_API_URL": api_url(port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(_origins(port)),
        "PREFECT_SERVER_UI_API_URL": f"{origin}/api",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_UI_URL": origin,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    } | WORKER_MANNERS | _CALM


def adopt_environment(home: Path, port: int) -> None:
    """Make this process's own environment that of the embedded Prefect; before Prefect is imported, or not at all."""
    if "prefect" in sys.modules:
        raise RuntimeError("Prefect is already imported; its settings can no longer be chosen")
    wanted = environment(home, port)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ |= wanted


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def command(home: Path, port: int) -> list[str]:
    """The command line of the server; start it with `environment(home, port)` and a pipe as its standard input.

    The server ends when that pipe closes, that is, when the process holding its other end is gone, however it went.
    """
    return [sys.executable, "-P", "-m", "ecops.orchestration.server", "--home", str(home), "--port", str(port), "--with-parent"]


def worker_command(home: Path, port: int, limit: int = 8) -> list[str]:
    """The command line of the warm worker beside that server; environment, pipe and end as for `command`."""
    arguments = ["--home", str(home), "--port", str(port), "--limit", str(limit), "--with-parent"]
    return [sys.executable, "-P", "-m", "ecops.orchestration.start_worker", *arguments]


def start(home: Path, port: int, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the server as a child; does not wait (see `wait_ready`). Output goes to `log`, or nowhere."""
    prefect_home(home).mkdir(parents=True, exist_ok=True)
    return start_child(command(home, port), environment(home, port), log)


def start_worker(home: Path, port: int, limit: int = 8, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the warm worker as a child; does not wait, for the worker itself waits for the server."""
    return start_child(worker_command(home, port, limit), environment(home, port), log)


def start_child(line: list[str], env: Mapping[str, str], log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a process that ends with us: it holds the reading end of a pipe whose other end is ours."""
    sink = open(log, "ab") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(line, env=env, stdin=subprocess.PIPE, stdout=sink, stderr=sink)
    finally:
        if log:
            sink.close()


def wait_ready(port: int, child: subprocess.Popen[bytes] | None = None, timeout: float = 90) -> None:
    """Return once the server answers; raises ServerWouldNotStart when `child` ends first or `timeout` seconds pass."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if child is not None and child.poll() is not None:
            raise ServerWouldNotStart(f"the Prefect server ended with code {child.returncode} before it was ready")
        if _answers(port):
            return
        time.sleep(0.1)
    raise ServerWouldNotStart(f"the Prefect server on port {port} did not answer within {timeout:.0f} s")


def stop(child: subprocess.Popen[bytes], timeout: float = 10) -> int:
    """End the server politely, then firmly; returns its exit code."""
    child.terminate()
    try:
        code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    if child.stdin:
        child.stdin.close()
    return code


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"{api_url(port)}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def template_path() -> Path:
    """Where this installation keeps an empty Prefect database, migrated once, that new homes start from.

    It lives and dies with the virtual environment, because it belongs to exactly one version of Prefect.
    """
    return Path(sys.prefix) / "var" / "ecops" / f"prefect-{version('prefect')}.db"


def prepare() -> Path:
    """Make the template database if there is none (about 12 s, once an installation); returns where it is."""
    target = template_path()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_suffix(f".{os.getpid()}")
    adopt_environment(work, 0)
    prefect_home(work).mkdir(parents=True)
    try:
        asyncio.run(_migrate())
        _copy_database(prefect_home(work) / "prefect.db", target)
    finally:
        shutil.rmtree(work)
    return target


async def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()


def _copy_database(source: Path, target: Path) -> None:
    """Copy through SQLite itself (the write-ahead log included), and let the target appear whole or not at all."""
    partial = target.with_suffix(f".{os.getpid()}.partial")
    with sqlite3.connect(source) as read, sqlite3.connect(partial) as write:
        read.backup(write)
    read.close()
    write.close()
    os.replace(partial, target)


def _start_from_template(home: Path) -> None:
    """Give a new home the migrated empty database, if this installation has one; Prefect still checks its revision."""
    database = prefect_home(home) / "prefect.db"
    if template_path().exists() and not database.exists():
        _copy_database(template_path(), database)


def _guarded(app: Any, port: int) -> Any:
    """Prefect's app for this machine's browsers only.

    It answers to no other host name (a foreign name pointed at loopback would read the CSRF token), and its pages may connect
    to it alone (the newer interface starts its analytics before it asks whether it may).
    """
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    connect = " ".join(["'self'", *_origins(port), *(one.replace("http", "ws", 1) for one in _origins(port))])
    policy = (b"content-security-policy", f"connect-src {connect}".encode())

    async def with_policy(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), policy]
            await send(message)

        await app(scope, receive, sending)

    return TrustedHostMiddleware(with_policy, allowed_hosts=[HOST, "localhost"])


def _serve(port: int, with_parent: bool) -> None:
    import uvicorn
    from prefect.server.api.server import create_app

    close_failed_cursors()
    app = _guarded(create_app(final=True), port)
    config = uvicorn.Config(app, host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=3, lifespan="on")
    server = uvicorn.Server(config)
    if with_parent:
        end_with_parent(lambda: signal.raise_signal(signal.SIGTERM))
    server.run()


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop (SIGTERM, SIGINT) or, with `--with-parent`, until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m ecops.orchestration.server", description=main.__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    parser.add_argument("--prepare", action="store_true", help="only make the template database of this installation")
    args = parser.parse_args(argv)
    if args.prepare:
        print(prepare())
        return 0
    if args.home is None or args.port is None:
        parser.error("--home and --port are required")
    adopt_environment(args.home, args.port)
    prefect_home(args.home).mkdir(parents=True, exist_ok=True)
    _start_from_template(args.home)
    _serve(args.port, args.with_parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
