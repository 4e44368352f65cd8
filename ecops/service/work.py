"""What the worker does with automated steps: take a run up, claim what is ready, record what came out, lay the run down.

An execution is one waking of a run's flow. Its name is a fencing token: only the execution that claimed a step may record it,
so a worker thought dead that comes back changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from ecops.engine.plan import due_when_ready, next_round
from ecops.errors import NotFound, NotPossible
from ecops.playbook.model import Playbook, Step
from ecops.playbook.template import fill
from ecops.service.advance import UNKNOWN_KEY, advance, arm, finish, insert_items
from ecops.service.frozen import frozen
from ecops.service.values import Values
from ecops.service.verify import ask_again, is_awaited
from ecops.service.walls import on_walls
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Work:
    """One automated step to calculate for all shops that are ready. `shops` are the shops asked, `rows` the step runs (id, shop)."""

    run: str
    execution: str
    step: str
    stage: str
    task: str
    title: str
    params: Mapping[str, Any]
    shops: tuple[str, ...]
    rows: tuple[tuple[int, str], ...]
    as_of: datetime
    anchors: Mapping[str, datetime]
    timezone: str


@dataclass(frozen=True)
class Result:
    """What is recorded for one step run: the verdict and its lists as plain rows."""

    status: str
    zh: str
    en: str
    missing: tuple[str, ...] = ()
    lists: Mapping[str, list[dict]] | None = None


@dataclass(frozen=True)
class Rest:
    """How a run lies down: `more` is ready already, it `sleeps` until `next_at` (None: only people can wake it), or it has `ended`."""

    how: str
    next_at: datetime | None = None


def take_up(store: Store, run: str, execution: str, now: datetime) -> Any:
    """Begin an execution: the lease is this one's, and what an earlier one left running is ready again. Gives the run's row."""
    with store.write(now, "worker") as tx:
        row = tx.lock_run(run)
        if row is None:
            raise NotFound(f"There is no run {run}; 'ecops runs' lists them.")
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(execution=execution, lease_until=now + LEASE))
        left = tx.all(select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.state == "running"))
        tx.move_steps(left, "ready", "step.taken-back", attempt=None)
        advance(tx, run)
        return tx.one(select(t.run).where(t.run.c.run == run))


def renew(store: Store, run: str, execution: str, now: datetime) -> bool:
    """Keep the lease; False when another execution has it."""
    with store.write(now, "worker") as tx:
        query = update(t.run).where(t.run.c.run == run, t.run.c.execution == execution).values(lease_until=now + LEASE)
        return tx.connection.execute(query).rowcount == 1


def claim(store: Store, run: str, execution: str, now: datetime, stage: str | None = None) -> Work | None:
    """The next ready automated step with all its ready shops, now running; None when there is none."""
    with store.write(now, "worker") as tx:
        row = tx.lock_run(run)
        if row.state != "active" or row.execution != execution:
            return None
        query = select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.state == "ready")
        first = tx.one((query.where(t.step_run.c.stage == stage) if stage else query).order_by(t.step_run.c.ordinal, t.step_run.c.start_at).limit(1))
        if first is None:
            return None
        step = frozen(tx.connection, row.digest).step(first.step)
        same = query.where(t.step_run.c.step == first.step)
        rows = tx.all(same.where(t.step_run.c.start_at == first.start_at) if step.every else same)
        values = Values(tx, run, row.params)
        given = _given(step, row, values.of(first.shop))
        # shops whose parameters differ in what this step is given are calculated by themselves
        alike = [one for one in rows if _given(step, row, values.of(one.shop)) == given] if values.own else rows
        claimed = tx.move_steps(alike, "running", "step.running", attempt=execution)
        return _work(tx, row, step, claimed, execution, given)


def _given(step: Step, run, params: Mapping[str, Any]) -> dict[str, Any]:
    """What a step's task is given; a parameter without a value is left to the task's own default."""
    return {name: value for name, value in fill(step.with_, {"params": params, "anchors": run.anchors}).items() if value is not None}


def _work(tx: Tx, run, step: Step, rows: list, execution: str, given: dict[str, Any]) -> Work:
    playbook = frozen(tx.connection, run.digest)
    everyone = [row.shop for row in tx.all(select(t.run_shop.c.shop).where(t.run_shop.c.run == run.run).order_by(t.run_shop.c.shop))]
    shops = tuple(row.shop for row in rows) if step.per_shop else tuple(everyone)
    return Work(
        run.run, execution, step.id, step.stage, step.task, step.title.zh if step.title else step.id, given, shops,
        tuple((row.id, row.shop) for row in rows), rows[0].start_at if step.every else tx.now,
        {name: datetime.fromisoformat(at) for name, at in run.anchors.items()}, playbook.timezone,
    )  # fmt: skip


def record(store: Store, work: Work, results: Mapping[int, Result], now: datetime) -> int:
    """Keep what came out, one result a step run, and open what follows; gives how many landed. One commit."""
    with store.write(now, "worker") as tx:
        run = tx.lock_run(work.run)
        playbook = frozen(tx.connection, run.digest)
        step = playbook.step(work.step)
        rows = [row for row in _mine(tx, work) if row.id in results]
        if not rows or run.state != "active":
            return 0
        _write(tx, work, rows, results)
        for wall, group in on_walls(tx, playbook, rows):
            _follow(tx, wall, step, group, results)
        advance(tx, work.run)
        tx.redraw(work.run, work.step)
        return len(rows)


def _follow(tx: Tx, playbook: Playbook, step: Step, rows: list, results: Mapping[int, Result]) -> None:
    """What results lead to, for step runs whose shops share a wall clock: the end, the next round, or a question to people."""
    decided = [row for row in rows if results[row.id].status == "ok"]
    _withdraw_questions(tx, decided)
    if step.every:
        _next_rounds(tx, playbook, step, rows, results)
    else:
        finish(tx, playbook, decided, "done", "step.done")
    _ask_people(tx, playbook, step, [row for row in rows if results[row.id].status != "ok"], results)


def _mine(tx: Tx, work: Work) -> list:
    found = []
    for part in chunks([number for number, _ in work.rows]):
        query = select(t.step_run).where(t.step_run.c.id.in_(part), t.step_run.c.state == "running", t.step_run.c.attempt == work.execution)
        found += tx.all(query)
    return found


def _write(tx: Tx, work: Work, rows: list, results: Mapping[int, Result]) -> None:
    tx.add(t.outcome, [{
        "step_run": row.id, "round": row.rounds + 1, "as_of": work.as_of, "at": tx.now, "status": results[row.id].status, "zh": results[row.id].zh,
        "en": results[row.id].en, "missing": list(results[row.id].missing), "lists": dict(results[row.id].lists or {}),
    } for row in rows])  # fmt: skip
    for status in ("ok", "unknown", "failed"):
        ids = [row.id for row in rows if results[row.id].status == status]
        for part in chunks(ids):
            tx.connection.execute(update(t.step_run).where(t.step_run.c.id.in_(part)).values(rounds=t.step_run.c.rounds + 1, outcome=status))
        if ids:
            tx.event(f"task.{status}", run=work.run, step=work.step, detail={"shops": len(ids), "as_of": work.as_of.isoformat()})


def _next_rounds(tx: Tx, playbook: Playbook, step: Step, rows: list, results: Mapping[int, Result]) -> None:
    """A repeating step waits for its next round; after the last one it is done, unless a question is still open."""
    following = next_round(step, rows[0].start_at, rows[0].until_at, tx.now, playbook.zone)
    if following:
        tx.move_steps(rows, "waiting", "step.next-round", {"at": following.isoformat()}, start_at=following, attempt=None)
        return
    finish(tx, playbook, [row for row in rows if results[row.id].status == "ok"], "done", "step.done")


def _ask_people(tx: Tx, playbook: Playbook, step: Step, rows: list, results: Mapping[int, Result]) -> None:
    """What a machine cannot know becomes one question to the role that answers for the step."""
    if not rows:
        return
    began = rows[0].opened_at or tx.now
    due = due_when_ready(playbook, step, rows[0].due_at, began)
    opened = tx.move_steps([row for row in _again(tx, rows) if row.state == "running"], "open", "step.asks", opened_at=began, due_at=due)
    asked = {row.step_run for part in chunks([row.id for row in rows]) for row in tx.all(select(t.item.c.step_run).where(t.item.c.step_run.in_(part), t.item.c.state == "open"))}
    # A repeating step asks once per cause: not again while round after round stays undecided.
    fresh = [row for row in rows if row.id not in asked and not (step.every and row.outcome in ("unknown", "failed"))]
    lines = [(row, [(f"{UNKNOWN_KEY}-{row.rounds + 1}", *_question(results[row.id]))]) for row in fresh]
    evidence = {"type": "text", "required": True, "unit": None, "min": None, "max": None, "choices": []}
    insert_items(tx, step, playbook.role_of(step), lines, due, evidence)
    arm(tx, playbook, step, opened, due)
    # The last round of a repeating step is undecided as well, and a person has answered that question already.
    asked |= {row.id for row in fresh}
    finish(tx, playbook, [row for row in opened if row.id not in asked], "done", "step.done")


def _again(tx: Tx, rows: list) -> list:
    return [row for part in chunks([row.id for row in rows]) for row in tx.all(select(t.step_run).where(t.step_run.c.id.in_(part)))]


def _question(result: Result) -> tuple[str, str]:
    missing = f"(缺:{'、'.join(result.missing)})" if result.missing else ""
    lacking = f" (missing: {', '.join(result.missing)})" if result.missing else ""
    return f"无法自动判断,请补数据后重跑或人工决定并写明依据:{result.zh}{missing}", f"Cannot be decided automatically; bring the data and run it again, or decide by hand and say on what ground: {result.en}{lacking}"


def _withdraw_questions(tx: Tx, rows: list) -> None:
    """The machine knows now: a question still open is taken back."""
    for part in chunks([row.id for row in rows]):
        open_items = tx.all(select(t.item).where(t.item.c.step_run.in_(part), t.item.c.state == "open"))
        for row in tx.move_items(open_items, "withdrawn", "item.withdrawn"):
            tx.connection.execute(update(t.step_run).where(t.step_run.c.id == row.step_run).values(items_total=t.step_run.c.items_total - 1))


def run_again(store: Store, step_run: int, by: str, now: datetime) -> None:
    """Put an automated step that asks people back before the machine: the data has come."""
    with store.write(now, by) as tx:
        row = tx.one(select(t.step_run).where(t.step_run.c.id == step_run, t.step_run.c.kind == "task"))
        if row is None:
            raise NotFound(f"There is no automated step {step_run}.")
        if row.state != "open" or not tx.move_steps([row], "ready", "step.again", attempt=None):
            raise NotPossible(f"The step {row.step} is {row.state}; only one that asks people can run again.")


def data_arrived(store: Store, shop: str, now: datetime) -> int:
    """New data of a shop: its automated steps that could not be decided run again, and ticks that could not be verified are checked again. Gives how many."""
    with store.write(now, "import") as tx:
        query = select(t.step_run).join(t.run, t.run.c.run == t.step_run.c.run)
        rows = tx.all(query.where(t.run.c.state == "active", t.step_run.c.kind == "task", t.step_run.c.state == "open", t.step_run.c.shop == shop, t.step_run.c.outcome == "unknown"))
        return len(tx.move_steps(rows, "ready", "step.again", {"reason": "new data"}, attempt=None)) + ask_again(tx, shop)


def lay_down(store: Store, run: str, execution: str, now: datetime) -> Rest:
    """End an execution, in the same commit in which it is certain that nothing automated is ready and no tick waits to be verified."""
    with store.write(now, "worker") as tx:
        advance(tx, run)
        row = tx.lock_run(run)
        if row.execution != execution:
            return Rest("sleeps")
        if row.state == "active" and (is_awaited(tx, run) or tx.one(select(t.step_run.c.id).where(t.step_run.c.run == run, t.step_run.c.state.in_(("ready", "running"))).limit(1))):
            return Rest("more")
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(execution=None, lease_until=None, wakes=0))
        return Rest("sleeps", next_moment(tx, run)) if row.state == "active" else Rest("ended")


def next_moment(tx: Tx, run: str) -> datetime | None:
    """When the next automated step of a run can begin by time alone."""
    query = select(func.min(t.step_run.c.start_at)).where(t.step_run.c.run == run, t.step_run.c.state == "waiting", t.step_run.c.waits_for == 0, t.step_run.c.kind == "task")
    return t.Instant().process_result_value(tx.connection.execute(query).scalar(), tx.connection.dialect)
