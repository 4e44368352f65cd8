"""What one wake of a flow run costs: our warm worker against Prefect's own process worker, in one run.

A wake is a due flow run of a flow that does nothing, executed to its end. Processor time is the worker's and its children's,
as the kernel counts it; the server's is shown beside it, because it is paid too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from ecops.orchestration import server
from ecops.orchestration.api import PrefectApi
from ecops.orchestration.deploy import Deployment, deploy
from tests.prefect_server import RunningPrefect, new_prefect, until

WARM_WAKES, PROCESS_WAKES = 20, 4
TARGET = 0.2


class Row(NamedTuple):
    """One kind of worker: seconds a wake."""

    worker: str
    wakes: int
    worker_cpu: float
    server_cpu: float
    wall: float


def run() -> list[Row]:
    """Measure both kinds of worker against one server."""
    prefect = new_prefect()
    try:
        with prefect.api() as api:
            prefect.start_worker()
            assert prefect.worker is not None
            warm = _measure(prefect, api, "warm worker (ours)", "ecops", prefect.worker.pid, WARM_WAKES)
            prefect.stop_worker()
            with _process_worker(prefect, api) as pid:
                plain = _measure(prefect, api, "prefect process worker", "plain", pid, PROCESS_WAKES)
        return [warm, plain]
    finally:
        prefect.stop()


def main() -> None:
    """Print both figures and their ratio."""
    rows = run()
    print(f"{'one wake of a flow run':<26}{'wakes':>6}{'worker cpu':>12}{'server cpu':>12}{'wall':>9}")
    for row in rows:
        print(f"{row.worker:<26}{row.wakes:>6}{row.worker_cpu:>10.2f} s{row.server_cpu:>10.2f} s{row.wall:>7.2f} s")
    warm, plain = rows
    print(f"ratio {plain.worker_cpu / warm.worker_cpu:.0f} : 1; wanted at most {TARGET} s a wake", end="")
    print("" if warm.worker_cpu <= TARGET else ": NOT MET")


def _measure(prefect: RunningPrefect, api: PrefectApi, title: str, pool: str, worker: int, wakes: int) -> Row:
    name = f"{pool}-nothing"
    deploy(api, [Deployment(name, "tests.prefect_flows.nothing")], pool)
    _wake(api, name)  # what is paid once is not counted
    assert prefect.child is not None
    before, served, began = _cpu(worker), _cpu(prefect.child.pid), time.monotonic()
    for _ in range(wakes):
        _wake(api, name)
    return Row(
        title,
        wakes,
        (_cpu(worker) - before) / wakes,
        (_cpu(prefect.child.pid) - served) / wakes,
        (time.monotonic() - began) / wakes,
    )


def _wake(api: PrefectApi, name: str) -> None:
    flow_run = api.create_flow_run(f"{name}/ecops", name, {}, str(uuid4()))

    def ended() -> bool:
        found = api.flow_run(flow_run)
        return found is not None and found.type == "COMPLETED"

    until(ended, timeout=90)


@contextmanager
def _process_worker(prefect: RunningPrefect, api: PrefectApi) -> Iterator[int]:
    env = server.environment(prefect.home, prefect.port) | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    prefect_cli = [sys.executable, "-m", "prefect"]
    create = [*prefect_cli, "work-pool", "create", "plain", "--type", "process"]
    subprocess.run(create, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with (prefect.home / "plain.log").open("wb") as log:
        start = [*prefect_cli, "worker", "start", "--pool", "plain", "--type", "process"]
        child = subprocess.Popen(start, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: api.post("/work_pools/plain/workers/filter", {}), timeout=60)
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)


def _cpu(pid: int) -> float:
    """Processor seconds of a process, and of the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
