"""What the pages of runs show: the list, one run's timeline with who waits for whom, one step's shops and items."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ecops.errors import NotFound
from ecops.playbook.model import Playbook
from ecops.service import views
from ecops.service.frozen import frozen
from ecops.service.voices import counted
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.timeline import axis_of, draw
from ecops.web.times import local

LIST = 50
GATES = 20
ROWS = 100
ENDED_LOOKS = frozenset({"done", "skipped", "cancelled"})
_ORDER = {"active": 0, "completed": 1, "cancelled": 1}


def run_list(connection: Connection) -> list[dict]:
    """Runs with their progress, the active ones first."""
    found = views.runs(connection, LIST)
    names = _only_shops(connection, [row["run"] for row in found if row["shops"] == 1])
    rows = [row | views.progress(row["counts"]) | {"shop_name": names.get(row["run"])} for row in found]
    return sorted(rows, key=lambda row: _ORDER[row["state"]])


def _only_shops(connection: Connection, runs: Sequence[str]) -> dict[str, str]:
    """The shop's name of each of these runs, which have one shop."""
    query = select(t.run_shop.c.run, t.shop.c.name).join(t.shop, t.shop.c.shop == t.run_shop.c.shop)
    return {row.run: row.name for row in connection.execute(query.where(t.run_shop.c.run.in_(runs)))} if runs else {}


def run_page(connection: Connection, run: str, now: datetime) -> dict[str, Any]:
    """One run as its page shows it. Raises NotFound."""
    row = views.get_run(connection, run)
    playbook = frozen(connection, row.digest)
    bars = [bar | {"title_en": _title_en(playbook, bar["step"])} for bar in views.bars(connection, run, now)]
    axis = axis_of(bars, row.launched_at, now, row.state == "active")
    drawn, said = draw(bars, axis, row.launched_at, now), _outcomes(connection, run, [bar["step"] for bar in bars if bar["shops"] == 1])
    by_step = {bar["step"]: bar for bar in bars}
    rows = [bar | {"drawn": drawn[bar["step"]], "outcome": said.get(bar["step"]), "blockers": [by_step[need] for need in bar["needs"] if need in by_step and by_step[need]["look"] not in ENDED_LOOKS], "late": _late(bar, now)} for bar in bars]
    return {
        "run": row, "shop_name": _only_shops(connection, [run]).get(run) if row.shops == 1 else None, "anchors": sorted(((name, at) for name, at in row.anchors.items() if name not in ("D", "launch") or len(row.anchors) <= 2), key=lambda pair: pair[1]),
        "axis": axis, "now_x": axis.at(now) if row.state == "active" else None, "stages": _stages(playbook, rows), "waits": _waits(rows),
        "progress": round(sum(bar["shops_done"] / bar["shops"] for bar in bars if bar["shops"]), 2), "ended": sum(bar["look"] in ENDED_LOOKS for bar in bars), "late": sum(bar["late"] for bar in rows), "gates": _gates(connection, run, playbook),
        "anchor_titles": {name: anchor.title for name, anchor in playbook.anchors.items() if anchor.title},
        "notes": views.notes(connection, row, playbook, now),
        "launched_name": inbox.names(connection, t.person.c.person, t.person.c.name, {row.launched_by}).get(row.launched_by, row.launched_by),
    }  # fmt: skip


def _late(bar: Mapping, now: datetime) -> bool:
    return bool(bar["due"] and bar["due"] < now and bar["look"] not in ENDED_LOOKS)


def _title_en(playbook, step: str) -> str:
    found = playbook.step(step)
    return found.title.en if found.title else found.id


def _stages(playbook, rows: list[dict]) -> list[tuple[str, list[dict]]]:
    grouped = [(stage, [row for row in rows if row["stage"] == stage]) for stage in dict.fromkeys([*playbook.stages, *(row["stage"] for row in rows)])]
    return [(stage, part) for stage, part in grouped if part]


def _waits(rows: list[dict]) -> list[dict]:
    """The steps somebody or something is on now, and the roles behind each that wait for it."""
    behind = {row["step"]: [other for other in rows if row in _all_needs(other, rows) and other["look"] not in ENDED_LOOKS] for row in rows if _is_on(row)}
    found = [{"bar": row, "steps": behind[row["step"]], "roles": list(dict.fromkeys(other["role"] for other in behind[row["step"]] if other["kind"] != "milestone"))} for row in rows if row["step"] in behind]
    return sorted(found, key=lambda wait: (not wait["bar"]["late"], wait["bar"]["due"] is None, wait["bar"]["due"] or 0))


def _is_on(row: Mapping) -> bool:
    return row["look"] in ("people", "running", "unknown", "ready") or (row["kind"] == "approval" and row["look"] == "gated" and not row["blockers"] and row["opened_at"] is not None)


def _all_needs(row: Mapping, rows: list[dict]) -> list[dict]:
    by_step, found, todo = {other["step"]: other for other in rows}, [], list(row["needs"])
    while todo:
        other = by_step.get(todo.pop())
        if other is not None and other not in found:
            found.append(other)
            todo.extend(other["needs"])
    return found


def _outcomes(connection: Connection, run: str, steps: list[str]) -> dict[str, Any]:
    query = select(t.step_run.c.step, t.outcome.c.status, t.outcome.c.zh, t.outcome.c.en).join(t.outcome, t.outcome.c.step_run == t.step_run.c.id)
    return {row.step: row for row in connection.execute(query.where(t.step_run.c.run == run, t.step_run.c.step.in_(steps)).order_by(t.outcome.c.round))}


def _gates(connection: Connection, run: str, playbook) -> list[dict]:
    """Open approvals, with what was decided so far."""
    query = select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.kind == "approval", t.step_run.c.state == "open")
    return gates_of(connection, connection.execute(query.order_by(t.step_run.c.due_at, t.step_run.c.id).limit(GATES)).all(), lambda row: playbook)


def gates_of(connection: Connection, rows: Sequence, book_of: Callable[[Any], Playbook]) -> list[dict]:
    """Approvals (their step runs) as pages show them. `book_of`: the playbook of a row."""
    decided = connection.execute(select(t.decision, t.person.c.name).join(t.person, t.person.c.person == t.decision.c.person, isouter=True).where(t.decision.c.step_run.in_([row.id for row in rows])).order_by(t.decision.c.at)).all()
    shops = inbox.names(connection, t.shop.c.shop, t.shop.c.name, {row.shop for row in rows})
    return [_gate(book_of(row), row, shops.get(row.shop, row.shop), [one for one in decided if one.step_run == row.id]) for row in rows]


def _gate(playbook: Playbook, row, shop: str, decided: list) -> dict:
    step = playbook.step(row.step)
    return {
        "id": row.id, "run": row.run, "step": row.step, "title": views.title_of(step), "title_en": step.title.en if step.title else step.id, "due": row.due_at, "shop": shop, "by": step.approval.by,
        "quorum": step.approval.quorum, "approved": sum(one.verdict == "approve" for one in counted(decided)), "decisions": decided, "state": row.state,
        "every_role": step.approval.every_role, "reopens": [(views.title_of(playbook.step(key)), _title_en(playbook, key)) for key in step.approval.reopens],
    }  # fmt: skip


def step_page(connection: Connection, run: str, step: str, page: int, now: datetime) -> dict[str, Any]:
    """One step's items, or its shops where it has none; ROWS at most a page. Raises NotFound."""
    row = views.get_run(connection, run)
    playbook = frozen(connection, row.digest)
    if step not in {one.id for one in playbook.steps}:
        raise NotFound("There is no such page.")
    query = select(t.item).where(t.item.c.step_run.in_(select(t.step_run.c.id).where(t.step_run.c.run == run, t.step_run.c.step == step)))
    found = connection.execute(query.order_by(t.item.c.step_run, t.item.c.position).limit(ROWS + 1).offset(ROWS * (page - 1))).all()
    items = inbox.dress(connection, [views.item_json(one, now) for one in found[:ROWS]], now)
    shops = [] if items else _shops(connection, run, step, page)
    return {"run": row, "step": step, "title": views.title_of(playbook.step(step)), "title_en": _title_en(playbook, step), "items": items, "shops": shops[:ROWS], "page": page, "more": len(found) > ROWS or len(shops) > ROWS}


def _shops(connection: Connection, run: str, step: str, page: int) -> list[dict]:
    query = select(t.step_run, t.shop.c.name).join(t.shop, t.shop.c.shop == t.step_run.c.shop, isouter=True).where(t.step_run.c.run == run, t.step_run.c.step == step)
    rows = connection.execute(query.order_by(t.step_run.c.id).limit(ROWS + 1).offset(ROWS * (page - 1))).all()
    said = {one.step_run: one for one in connection.execute(select(t.outcome).where(t.outcome.c.step_run.in_([row.id for row in rows])).order_by(t.outcome.c.round))}
    return [{"shop": row.shop, "name": row.name or row.shop, "state": row.state, "due": row.due_at, "completed": row.completed_at, "outcome": said.get(row.id)} for row in rows]


def anchor_text(at: str) -> str:
    """An anchor as a date, with its time unless it is midnight."""
    there = local(at)
    return f"{there:%Y-%m-%d}" if (there.hour, there.minute) == (0, 0) else f"{there:%Y-%m-%d %H:%M}"
