"""Carries our truth to Prefect: flow runs made, bars drawn, sleepers woken; and hears what people cancelled there.

People's work never waits for this. When Prefect is away nothing is lost: the next look carries all that has changed.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ecops.errors import NotPossible
from ecops.orchestration.api import ENDED, PrefectApi, PrefectRefused, PrefectUnreachable, RunState
from ecops.orchestration.bars import Bar
from ecops.orchestration.deploy import deployment_of
from ecops.service import outbox, sweep
from ecops.service.views import role_title
from ecops.store import tables as t
from ecops.store.database import Store

ZONE = ZoneInfo("Asia/Shanghai")
PUT_OFF = timedelta(minutes=5)  # what waits longer for its time was told so by hand: we schedule for now, or not at all
LATE = timedelta(minutes=1)  # a worker takes what is due within seconds
T = TypeVar("T")
logger = logging.getLogger("ecops.relay")


def flow_run_name(store: Store, run) -> str:
    """What a run is called in Prefect: campaign, day, shop."""
    return f"{run.title_zh} {run.day} · {only_shop(store, run) or f'{run.shops} 店'} · {run.run}"


def connect(store: Store, api: PrefectApi, run, now: datetime) -> str:
    """Make the one flow run of a run; the same again gives the same. Gives its id."""
    flow_run = api.create_flow_run(deployment_of(run.phase), flow_run_name(store, run), {"run": run.run}, f"ecops-{run.run}", ["ecops", run.playbook])
    outbox.attach(store, run.run, flow_run, now)
    return flow_run


def carry(store: Store, api: PrefectApi, now: datetime) -> list[PrefectRefused]:
    """One look: whatever Prefect does not know yet is told. Raises PrefectUnreachable when it is away.

    What it refuses of one run holds no other run back; gives the refusals.
    """
    with store.read() as connection:
        unheard = outbox.without_flow_run(connection)
    refused = _each(unheard, lambda run: connect(store, api, run, now))
    with store.read() as connection:
        drawings = outbox.to_draw(connection, now)
    refused += _each(drawings, lambda drawing: _draw(store, api, drawing, now))
    with store.read() as connection:
        sleepers = outbox.to_wake(connection, now)
    return refused + _each(sleepers, lambda run: _wake(store, api, run, now))


def _each(things: Iterable[T], tell: Callable[[T], Any]) -> list[PrefectRefused]:
    refused = []
    for one in things:
        try:
            tell(one)
        except PrefectRefused as refusal:
            refused.append(refusal)
    return refused


def only_shop(store: Store, run) -> str | None:
    """The name of the one shop of a run; None when it has several."""
    if run.shops != 1:
        return None
    with store.read() as connection:
        query = select(t.shop.c.name).join(t.run_shop, t.run_shop.c.shop == t.shop.c.shop).where(t.run_shop.c.run == run.run)
        return connection.execute(query).scalar()


def _draw(store: Store, api: PrefectApi, drawing: outbox.Drawing, now: datetime) -> None:
    try:
        api.put_bars(drawing.flow_run, [bar_of(bar) for bar in drawing.bars])
        _say_how_far(api, drawing)
    except PrefectRefused as refusal:
        if refusal.status != 404:
            raise
        _deleted(store, drawing.run, now)
    else:
        outbox.drawn(store, drawing, now)


def _deleted(store: Store, run: str, now: datetime) -> None:
    """Somebody deleted the flow run in Prefect: the run gets a new one at the next look, with all its bars."""
    outbox.attach(store, run, None, now)


def _say_how_far(api: PrefectApi, drawing: outbox.Drawing) -> None:
    far = drawing.progress
    api.put_artifact(drawing.flow_run, f"progress-{drawing.run}", "progress", far["percent"], f"已结束 {far['ended']}/{far['total']} 步 steps ended")


def _wake(store: Store, api: PrefectApi, run, now: datetime) -> None:
    if run.state != "active":
        _end(store, api, run, now)
        return
    try:
        api.wake(run.prefect_flow_run, "有可自动执行的步骤 / automated work is ready", _worker_is_dead(run))
    except PrefectRefused as refusal:
        if refusal.status != 404:
            raise
        _deleted(store, run.run, now)
    else:
        outbox.woken(store, run.run, now)


def _worker_is_dead(run) -> bool:
    """A lease that ran out, or a flow run that stays where it is though woken twice: its worker died while running or at Pending."""
    return run.lease_until is not None or run.wakes >= 2


def _end(store: Store, api: PrefectApi, run, now: datetime) -> None:
    stands = api.flow_run(run.prefect_flow_run)
    if stands is None or stands.type in ENDED:
        outbox.closed(store, run.run, now)
    elif run.state == "cancelled":
        api.set_flow_run_state(run.prefect_flow_run, "CANCELLED", "Cancelled", "已在 ecops 取消 / cancelled in ecops", force=True)
        outbox.closed(store, run.run, now)
    else:
        api.wake(run.prefect_flow_run, "全部步骤已完成 / all steps are done", _worker_is_dead(run))
        outbox.woken(store, run.run, now)


def hear(store: Store, api: PrefectApi, now: datetime) -> None:
    """What people did in Prefect: a flow run cancelled there cancels its run, one put off goes on, a deleted one gets a successor."""
    with store.read() as connection:
        runs = {row.prefect_flow_run: row.run for row in outbox.followed(connection, int(now.timestamp()))}
    states = api.flow_runs(runs) if runs else []
    orphans = _orphans(api, states, now)
    for state in states:
        if state.type in ("CANCELLED", "CANCELLING"):
            _cancel(store, runs[state.id], now)
        elif state.id in orphans:
            api.delete_flow_run(state.id)  # while it is there, its key gives it again
            _deleted(store, runs[state.id], now)
        elif state.type == "SCHEDULED" and state.starts_at and state.starts_at > now + PUT_OFF:
            api.set_flow_run_state(state.id, "SCHEDULED", "Scheduled", "按手册的时间继续 / goes on by the times of its playbook")
    for flow_run in runs.keys() - {state.id for state in states}:
        _deleted(store, runs[flow_run], now)


def _orphans(api: PrefectApi, states: list[RunState], now: datetime) -> set[str]:
    """Flow runs that no worker will ever take, because their deployment or its work pool was deleted; asked for only where one is late."""
    late = [state for state in states if state.type == "SCHEDULED" and state.starts_at and state.starts_at < now - LATE]
    there = api.deployments_of(late) if late else set()
    return {state.id for state in late if state.deployment not in there}


def _cancel(store: Store, run: str, now: datetime) -> None:
    try:
        sweep.cancel(store, run, "prefect", "cancelled in the Prefect UI", now)
    except NotPossible:
        logger.info("run %s ended before it could be cancelled", run)


def bar_of(view: Mapping[str, Any]) -> Bar:
    """A rolled-up step as a bar of the timeline."""
    return Bar(view["step"], view["ordinal"], view["title"], view["look"], message_of(view), view["opened_at"], view["completed_at"], view["due"], tuple(view["needs"]))


def message_of(view: Mapping[str, Any]) -> str:
    """Who has it, until when, how far it is."""
    parts = [" ".join(filter(None, (role_title(view["role"]), _names(view["who"]))))]
    if view["due"] and view["look"] not in ("done", "skipped", "cancelled"):
        parts.append(f"截止 {view['due'].astimezone(ZONE):%m-%d %H:%M}")
    if view["items_total"]:
        parts.append(f"{view['items_done']}/{view['items_total']} 项")
    if view["unverified"]:
        parts.append(f"{view['unverified']} 项待核验 unverified")
    if view["rounds"] > 1:
        parts.append(f"第 {view['rounds']} 轮")
    if view["shops"] > 1:
        parts.append(f"{view['shops_done']} of {view['shops']} shops ({view['shops_done']}/{view['shops']} 店)")
    if view["unknown"]:
        parts.append(f"{view['unknown']} 个未知 unknown")
    return " · ".join(parts)


def _names(who: list[Mapping[str, str]]) -> str:
    """Who has it, three by name; whose it is only because nobody holds the role is said."""
    named = "、".join(one["name"] for one in who[:3]) + (f" 等{len(who)}人" if len(who) > 3 else "")
    return f"无人担任,由 {named} 兜底 (falls to)" if who and all(one["why"] == "fallback" for one in who) else named


def tick(store: Store, api: PrefectApi | None, now: datetime, quiet: bool) -> bool:
    """One round of the relay; gives whether Prefect was there. Says once when it goes away or comes back."""
    if api is None:
        return False
    try:
        refused = carry(store, api, now)
        hear(store, api, now)
    except (PrefectUnreachable, PrefectRefused) as error:
        refused = [error]
    if refused:
        if not quiet:
            logger.warning("Prefect does not answer, trying again: %s", refused[0])
        return False
    if quiet:
        logger.warning("Prefect answers again")
    return True
