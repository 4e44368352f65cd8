"""What follows from what happened: due steps open, finished ones free those that wait, the last one ends the run.

Everything here runs inside the transaction of the use-case that made it true.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, or_, select, update

from ecops.engine.plan import due_when_ready, rungs
from ecops.engine.states import STEP_ENDED
from ecops.playbook.check import needs_of
from ecops.playbook.model import Each, Playbook, Step
from ecops.playbook.params import comparable
from ecops.playbook.template import BadTemplate, attributes_used, evaluate, render
from ecops.service.findings import proposal
from ecops.service.frozen import frozen
from ecops.service.lines import item_row, verify_json
from ecops.service.values import Values
from ecops.service.walls import on_walls
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks

# Asked of the person when a machine cannot know.
UNKNOWN_KEY = "decide"
KEY_LENGTH = t.item.c.key.type.length


def advance(tx: Tx, run: str) -> None:
    """Open all that is due in a run, until nothing more follows; end the run when nothing is left."""
    row = tx.lock_run(run)
    if row.state != "active":
        return
    playbook = frozen(tx.connection, row.digest)
    while due := _due(tx, run):
        for step_id, rows in groupby(due, key=lambda one: one.step):
            _begin(tx, row, playbook, playbook.step(step_id), list(rows))
    if not tx.one(select(t.step_run.c.id).where(t.step_run.c.run == run, t.step_run.c.state.not_in(STEP_ENDED)).limit(1)):
        if tx.move_run(run, "completed", ended_at=tx.now):
            tx.event("run.completed", run=run)


def _due(tx: Tx, run: str) -> list:
    query = select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.state == "waiting", t.step_run.c.waits_for == 0)
    return tx.all(query.where(or_(t.step_run.c.start_at.is_(None), t.step_run.c.start_at <= tx.now)).order_by(t.step_run.c.ordinal, t.step_run.c.id))


def _begin(tx: Tx, run, playbook: Playbook, step: Step, rows: list) -> None:
    wanted = [row for row, is_wanted in zip(rows, _wanted(tx, run, playbook, step, rows), strict=True) if row.rounds or is_wanted]
    if unwanted := [row for row in rows if row not in wanted]:
        finish(tx, playbook, unwanted, "skipped", "step.skipped", {"reason": "condition", "when": step.when})
    if not wanted:
        return
    if step.kind == "milestone":
        finish(tx, playbook, wanted, "done", "step.done")
    elif step.kind == "task":
        tx.move_steps(wanted, "ready", "step.ready", **({} if wanted[0].opened_at else {"opened_at": tx.now}))
    else:
        for wall, group in on_walls(tx, playbook, wanted):
            _open(tx, run, wall, step, group)


def _wanted(tx: Tx, run, playbook: Playbook, step: Step, rows: list) -> list[bool]:
    """Whether the condition of a step holds, for each of its rows."""
    if not step.when:
        return [True] * len(rows)
    inputs = _inputs_of(tx, run, playbook, step.when, [row.shop for row in rows])
    return [_holds(step.when, inputs[row.shop]) for row in rows]


def _holds(condition: str, inputs: dict) -> bool:
    try:
        return bool(evaluate(condition, inputs))
    except BadTemplate:
        # A condition that cannot be decided never lets work fall away unseen.
        return True


def _open(tx: Tx, run, playbook: Playbook, step: Step, rows: list) -> None:
    due = due_when_ready(playbook, step, rows[0].due_at, tx.now)
    opened = tx.move_steps(rows, "open", "step.opened", opened_at=tx.now, due_at=due)
    ids = [row.id for row in opened]
    if isinstance(step.checklist, Each):
        _each_items(tx, run, playbook, step, opened, due)
    else:
        for part in chunks(ids):
            tx.connection.execute(update(t.item).where(t.item.c.step_run.in_(part), t.item.c.state == "planned").values(state="open", due_at=due))
    arm(tx, playbook, step, opened, due)


def arm(tx: Tx, playbook: Playbook, step: Step, rows: Sequence, due: datetime | None) -> None:
    """Set the reminders and escalations of steps that people are on."""
    ladder = rungs(playbook, step, due, tx.now)
    # A step that asks people a second time keeps its rungs, and those that have fired stay fired.
    tx.add_new(t.timer, [{"step_run": row.id, "run": row.run, "generation": row.generation, "kind": rung.kind, "rung": rung.rung, "role": rung.role, "urgent": int(rung.urgent), "at": rung.at} for row in rows for rung in ladder])


def _each_items(tx: Tx, run, playbook: Playbook, step: Step, rows: list, due: datetime | None) -> None:
    """A row of the outcome's list becomes an item; an empty list has nothing to ask, an unknown one asks a person."""
    outcomes = _outcomes(tx, run.run, step.checklist.step)
    values = Values(tx, run.run, run.params)
    shops = shop_inputs(tx, [row.shop for row in rows])
    new, by_hand, empty = [], [], []
    for row in rows:
        outcome = outcomes.get(row.shop)
        if outcome is None or outcome.status != "ok":
            by_hand.append((row, [(UNKNOWN_KEY, *_by_hand(step))]))
        elif listed := outcome.lists.get(step.checklist.list, []):
            new.append((row, _each_titles(step, listed, {"params": values.of(row.shop), "anchors": run.anchors, "shop": shops[row.shop]})))
        else:
            empty.append(row)
    role, evidence = playbook.role_of(step), step.checklist.evidence.model_dump(mode="json")
    insert_items(tx, step, role, by_hand, due, evidence)
    insert_items(tx, step, role, new, due, evidence, verify_json(step.checklist.verify))
    finish(tx, playbook, empty, "done", "step.done", {"reason": "the list is empty"})


def _by_hand(step: Step) -> tuple[str, str]:
    return f"上一步没有给出名单,请人工确定:{step.title.zh if step.title else step.id}", f"The step before gave no list; decide by hand: {step.title.en if step.title else step.id}"


def _each_titles(step: Step, listed: Sequence[Mapping[str, Any]], inputs: dict) -> list[tuple]:
    titles = []
    for index, row in enumerate(listed):
        with_it = inputs | {"it": row}
        key = row.get(step.checklist.key)
        line = (f"{index + 1 if key is None else key}"[:KEY_LENGTH], _said(step.checklist.item.zh, with_it), _said(step.checklist.item.en, with_it))
        titles.append((*line, proposal(step.checklist.learn, row, with_it)) if step.checklist.learn else line)
    return titles


def _said(source: str, inputs: dict) -> str:
    try:
        return render(source, inputs)
    except BadTemplate:
        # A row without the named value still has to reach a person.
        return "; ".join(f"{key}={value}" for key, value in list(inputs["it"].items())[:6])


def insert_items(tx: Tx, step: Step, role: str, new: Sequence[tuple[Any, list]], due: datetime | None, evidence: dict, verify: dict | None = None) -> None:
    """Open items of steps: `new` pairs a step run with (key, zh, en), and the finding where it puts one, of its lines. `verify`: what checks the tick of a row."""
    count = sum(len(lines) for _, lines in new)
    if not count:
        return
    ids = iter(tx.numbers("item", count))
    for row, lines in new:
        lines = list({line[:3]: line for line in lines}.values())  # a row that stands twice is asked once
        keys = _apart([line[0] for line in lines])
        tx.add(t.item, [item_row(next(ids), row.id, row.run, row.step, row.shop, position, keys[position], zh, en, role, "open", due, evidence, *(finding or (None,)), verify) for position, (_, zh, en, *finding) in enumerate(lines)])
        tx.connection.execute(update(t.step_run).where(t.step_run.c.id == row.id).values(items_total=t.step_run.c.items_total + len(lines)))


def _apart(keys: Sequence[str]) -> list[str]:
    """Keys of a list's rows, equal ones told apart: every row reaches a person."""
    found: dict[str, None] = {}
    seen: Counter[str] = Counter()
    for key in keys:
        told = key
        while told in found:
            seen[key] += 1
            told = f"{key[: KEY_LENGTH - 8]}#{seen[key] + 1}"
        found[told] = None
    return list(found)


def finish(tx: Tx, playbook: Playbook, rows: Sequence, to: str, what: str, detail: dict | None = None) -> list:
    """End step runs (done or skipped), withdraw what people had not done yet, and free the steps that wait for them."""
    ended = tx.move_steps(rows, to, what, detail, completed_at=tx.now)
    if not ended:
        return []
    for part in chunks([row.id for row in ended]):
        tx.connection.execute(update(t.item).where(t.item.c.step_run.in_(part), t.item.c.state.in_(("planned", "open"))).values(state="withdrawn"))
    for step_id, group in groupby(sorted(ended, key=lambda row: row.step), key=lambda row: row.step):
        _free(tx, playbook, playbook.step(step_id), list(group))
    return ended


def _free(tx: Tx, playbook: Playbook, done: Step, rows: list) -> None:
    for step in playbook.steps:
        if done.id not in needs_of(step):
            continue
        if done.per_shop and step.per_shop:
            tx.lower_waits(rows[0].run, step.id, 1, [row.shop for row in rows])
        else:
            tx.lower_waits(rows[0].run, step.id, len(rows))


def _inputs_of(tx: Tx, run, playbook: Playbook, condition: str, shops: Sequence[str]) -> dict[str, dict]:
    """What a condition may name, by shop: params, shop, anchors, and the outcomes of the steps it names (by id, `-` or `_`)."""
    values, known = Values(tx, run.run, run.params), shop_inputs(tx, shops)
    named = {name.replace("_", "-") for name in attributes_used(condition.strip().removeprefix("{{").removesuffix("}}"), "steps", expression=True)}
    steps = _step_inputs(tx, run.run, [step.id for step in playbook.steps if step.id.replace("_", "-") in named])
    return {
        shop: {"params": comparable(playbook, values.of(shop)), "anchors": run.anchors, "shop": known[shop], "steps": steps.get("", {}) | steps.get(shop, {})}
        for shop in shops
    }


def shop_inputs(tx: Tx, keys: Sequence[str]) -> dict[str, dict]:
    """What texts may name of shops; the run's own steps have none."""
    known = {key: {"key": key} for key in keys}
    for part in chunks(keys):
        known |= {row.shop: {"key": row.shop, "name": row.name, "platform": row.platform, "tags": row.tags} for row in tx.all(select(t.shop).where(t.shop.c.shop.in_(part)))}
    return known


def _step_inputs(tx: Tx, run: str, steps: Sequence[str]) -> dict[str, dict]:
    """By shop, what conditions may ask of the newest outcomes of these steps."""
    if not steps:
        return {}
    query = select(t.step_run.c.step, t.step_run.c.shop, t.outcome.c.status, t.outcome.c.lists).join(t.outcome, t.outcome.c.step_run == t.step_run.c.id)
    known: dict[str, dict] = {}
    for row in tx.all(query.where(t.step_run.c.run == run, t.step_run.c.step.in_(steps)).order_by(t.outcome.c.round)):
        told = {"status": row.status, "counts": {name: len(listed) for name, listed in row.lists.items()}}
        known.setdefault(row.shop, {}).update({row.step: told, row.step.replace("-", "_"): told})
    return known


def _outcomes(tx: Tx, run: str, step: str) -> dict[str, Any]:
    newest = select(t.outcome.c.step_run, func.max(t.outcome.c.round).label("round")).group_by(t.outcome.c.step_run).subquery()
    query = select(t.step_run.c.shop, t.outcome.c.status, t.outcome.c.lists).join(t.outcome, t.outcome.c.step_run == t.step_run.c.id)
    query = query.join(newest, (newest.c.step_run == t.outcome.c.step_run) & (newest.c.round == t.outcome.c.round))
    return {row.shop: row for row in tx.all(query.where(t.step_run.c.run == run, t.step_run.c.step == step))}
