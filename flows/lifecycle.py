"""What the four phases share: one waking of a run's flow.

A flow run lives as long as its run. Woken, it is executed from the top, passes over what is done, does what is ready, and goes
to sleep in Prefect without holding a process.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as this
from prefect.states import Cancelled

from ecops.calculate import calculate, verify
from ecops.engine.firing import moment_of
from ecops.errors import BadCall, NotPossible
from ecops.home import Home
from ecops.orchestration.relay import flow_run_name
from ecops.orchestration.worker import end_here, name_flow_run, run_beside, run_step, sleep_until
from ecops.playbook.cron import once_a_day
from ecops.service import launch, outbox, verify as verifying, views, work
from ecops.shelf import shelf
from ecops.shop.lake import Lake
from ecops.store.database import Store

RENEW_EVERY = 10.0  # seconds, a third of the lease
TABLE_ROWS = 100


class Waking:
    """One execution of a run's flow."""

    def __init__(self, run: str, flow_run: str) -> None:
        self.run, self.flow_run = run, flow_run
        self.home = Home.from_environment()
        self.store = _store(self.home.database_url)
        self.lake = _lake(self.home.lake_url)
        self.execution = f"{flow_run}:{datetime.now(UTC).isoformat()}"

    async def carry(self, stage: str) -> None:
        """Do all that is ready in a stage, step by step, all shops of a step at once."""
        while claimed := await _thread(work.claim, self.store, self.run, self.execution, datetime.now(UTC), stage):
            await self._execute(claimed)

    async def _execute(self, claimed: work.Work) -> None:
        results = await run_step(lambda: calculate(claimed, self.lake), self.flow_run, claimed.step, claimed.title)
        await _thread(work.record, self.store, claimed, results, datetime.now(UTC))
        await _show(claimed, results)

    async def verify(self) -> None:
        """Check what people claimed when they ticked, all that waits at once."""
        turn = 0
        while checks := await _thread(verifying.claim, self.store, self.run, self.execution, datetime.now(UTC)):
            count, turn = sum(len(check.claims) for check in checks), turn + 1
            verdicts = await run_beside(lambda checks=checks: [one for check in checks for one in verify(check, self.lake)], self.flow_run, f"{self.execution}:{turn}", f"核验 {count} 项 / verify")
            await _thread(verifying.record, self.store, self.run, self.execution, verdicts, datetime.now(UTC))

    async def rest(self) -> None:
        """Sleep until something automated is due, or return when the run has ended; work that came meanwhile is done first."""
        while True:
            await self.verify()
            down = await _thread(work.lay_down, self.store, self.run, self.execution, datetime.now(UTC))
            if down.how != "more":
                break
            while claimed := await _thread(work.claim, self.store, self.run, self.execution, datetime.now(UTC)):
                await self._execute(claimed)
        if down.how == "sleeps":
            await sleep_until(self.flow_run, down.next_at, self._reason(down), awake=self._busy)

    def _reason(self, down: work.Rest) -> str:
        return f"等待到 {down.next_at.isoformat()} / waits for its time" if down.next_at else "等待人工步骤 / waits for people"

    def _busy(self) -> bool:
        with self.store.read() as connection:
            return any(row.run == self.run for row in outbox.to_wake(connection, datetime.now(UTC)))

    async def keep_lease(self) -> None:
        """Say again and again that this execution lives."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            await _thread(work.renew, self.store, self.run, self.execution, datetime.now(UTC))


@asynccontextmanager
async def waking(run: str | None, playbook: str | None = None, shops: str = "all") -> AsyncIterator[Waking]:
    """Take a run up; a scheduled firing, which has a playbook and no run yet, launches it first."""
    flow_run = str(this.id)
    if run is None:
        fired = await _thread(_launch_scheduled, playbook, shops, flow_run, this.scheduled_start_time)
        if fired.run is None or fired.flow_run != flow_run:
            await end_here(flow_run, fired.why)
        run = fired.run
        await name_flow_run(flow_run, await _thread(_name_of, run))
    awake = Waking(run, flow_run)
    await _thread(work.take_up, awake.store, run, awake.execution, datetime.now(UTC))
    lease = asyncio.create_task(awake.keep_lease())
    try:
        yield awake
    finally:
        lease.cancel()
        with suppress(asyncio.CancelledError):
            await lease


def _name_of(run: str) -> str:
    store = _store(Home.from_environment().database_url)
    with store.read() as connection:
        row = views.get_run(connection, run)
    return flow_run_name(store, row)


@dataclass(frozen=True)
class Fired:
    """What came of a firing: the run and the flow run that carries it, or none; `why` this flow run may have nothing to do."""

    run: str | None
    flow_run: str | None
    why: str


def _launch_scheduled(playbook: str, shops: str, flow_run: str, fired: datetime) -> Fired:
    """Launch what this firing stands for, once for its moment and set of shops, whatever fires."""
    home = Home.from_environment()
    store = _store(home.database_url)
    found = shelf(home.playbooks).find(playbook)
    now = datetime.now(UTC)
    moment = moment_of(found, fired, now)
    if moment is None:
        return Fired(None, None, f"{fired.astimezone(found.zone):%Y-%m-%d %H:%M} 已错过,按手册略过 / missed and left out, as the playbook says")
    local = moment.astimezone(found.zone)
    name = f"{local:%Y-%m-%d}" if found.schedule is None or once_a_day(found.schedule.cron) else f"{local:%Y-%m-%d %H:%M}"
    try:
        keys = launch.pick_shops(store, shops)
    except BadCall as reason:  # a home without such shops has nothing to do, every day again
        return Fired(None, None, str(reason))
    ask = launch.Launch(found, local.date(), keys, key=f"{playbook}@{name}@{_short(shops)}", firing=True)
    try:
        launched = launch.launch(store, ask, now, "schedule")
    except NotPossible as reason:
        return Fired(None, None, str(reason))
    return Fired(launched.run, outbox.attach_first(store, launched.run, flow_run, now), f"已启动为 {launched.run} / launched already as {launched.run}")


def _short(shops: str) -> str:
    """A set of shops as part of a key, which has to be short."""
    return shops if len(shops) <= 64 else hashlib.sha256(shops.encode()).hexdigest()[:16]


async def _show(claimed: work.Work, results: dict[int, work.Result]) -> None:
    """What a step found, as artifacts beside the run: a table of shops, and the first list."""
    shops = dict(claimed.rows)
    rows = [{"shop": shops[number] or "*", "status": result.status, "summary": result.zh, "summary_en": result.en} for number, result in results.items()]
    await acreate_table_artifact(table=rows[:TABLE_ROWS], key=_key(claimed.step, claimed.run), description=f"{claimed.title}({claimed.task}):{len(rows)} 店")
    only = next(iter(results.values())) if len(results) == 1 else None
    for name, listed in (only.lists or {}).items() if only else ():
        if listed:
            await acreate_table_artifact(table=json.loads(json.dumps(listed[:TABLE_ROWS])), key=_key(claimed.step, name, claimed.run), description=f"{claimed.title} · {name}:{len(listed)} 行")


def _key(*parts: str) -> str:
    """A name as Prefect takes it for an artifact: no underscores."""
    return "-".join(parts).replace("_", "-")


async def close_with_summary(awake: Waking) -> State | None:
    """When the run has ended: one page of what every step came to. Gives how the flow run ends, where that is not Completed."""

    def told() -> dict[str, Any]:
        with awake.store.read() as connection:
            return views.show(connection, awake.run, datetime.now(UTC))

    def summary(told: dict[str, Any]) -> str:
        lines = [f"# {told['title']} · {told['day']}", "", "| 步骤 | 店铺 | 状态 | 结论 |", "|---|---|---|---|"]
        lines += [f"| {step['title']} | {step['shop'] or '全部'} | {step['state']} | {(step['outcome'] or {}).get('zh', '')} |" for step in told["steps"][:400]]
        return "\n".join(lines)

    run = await _thread(told)
    await acreate_markdown_artifact(summary(run), key=f"summary-{awake.run}")
    # Retried in Prefect's pages, a cancelled run is still cancelled.
    return Cancelled(message="已在 ecops 取消 / cancelled in ecops") if run["state"] == "cancelled" else None


_STORES: dict[str, Store] = {}
_LAKES: dict[str, Lake] = {}


def _store(url: str) -> Store:
    if url not in _STORES:
        _STORES[url] = Store(url)
    return _STORES[url]


def _lake(url: str) -> Lake:
    if url not in _LAKES:
        _LAKES[url] = Lake(url)
    return _LAKES[url]


async def _thread(call: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(call, *args)
