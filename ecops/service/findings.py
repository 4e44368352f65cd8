"""Findings: what a review learned, judged by a person; what is accepted changes later launches, for one shop or for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from ecops.engine.states import sources
from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.model import ACCEPT, ROLES, Learn
from ecops.playbook.template import render
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

_JUDGED = ("accepted", "declined")


@dataclass(frozen=True)
class Change:
    """What accepting a finding changes: the value of a parameter, or one more item of a step."""

    playbook: str
    param: str | None = None
    value: str | None = None
    step: str | None = None
    item_zh: str | None = None
    item_en: str | None = None


@dataclass(frozen=True)
class Found:
    """A finding as a person states it. `shop` "" is for all shops; `owner` a person or role that sees to it until `due`."""

    title: str
    evidence: str
    owner: str
    due: datetime
    shop: str = ""
    change: Change | None = None


def proposal(learn: Learn, row: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What an item keeps of the finding it puts to people: the change, filled in, and the facts. Raises BadTemplate."""
    said = {"item_zh": render(learn.item.zh, inputs), "item_en": render(learn.item.en, inputs)} if learn.item else {}
    value = {"param": learn.param, "value": render(learn.value, inputs)} if learn.param else {"step": learn.step}
    return {"change": {"playbook": render(learn.playbook, inputs), **value, **said}, "facts": dict(row)}


def judge(tx: Tx, item, state: str, value: str | None, note: str | None) -> None:
    """An item that puts a finding was closed or opened again: accepted by 采纳, declined by anything else, withdrawn while it is open."""
    verdict = "withdrawn" if state == "open" else "accepted" if state == "done" and value == ACCEPT else "declined"
    known = tx.one(select(t.finding).where(t.finding.c.item == item.id))
    if known is None:
        if verdict == "withdrawn":
            return
        known = _write(tx, {
            "run": item.run, "item": item.id, "shop": item.shop, "title_zh": item.title_zh, "title_en": item.title_en, "evidence": item.finding["facts"],
            "owner": item.assignee or item.role, "due_at": item.due_at or tx.now, "state": verdict, "reason": note,
        })  # fmt: skip
    else:
        _move(tx, known, verdict, note)
    _apply(tx, known.id, item.shop, Change(**item.finding["change"]) if verdict == "accepted" else None)


def _write(tx: Tx, values: dict) -> Any:
    new = t.finding.insert().values(decided_by=tx.actor, decided_at=tx.now, **values).returning(t.finding)
    row = tx.one(new)
    tx.event(f"finding.{row.state}", run=row.run, shop=row.shop, item=row.item, detail={"finding": row.id, "title": row.title_zh})
    return row


def _move(tx: Tx, row, to: str, reason: str | None) -> bool:
    values = {"state": to, "decided_by": tx.actor, "decided_at": tx.now, "reason": reason}
    moved = tx.connection.execute(update(t.finding).where(t.finding.c.id == row.id, t.finding.c.state.in_(sources("finding", to))).values(**values)).rowcount == 1
    if moved:
        tx.event(f"finding.{to}", run=row.run, shop=row.shop, item=row.item, detail={"finding": row.id, "title": row.title_zh, "reason": reason})
    return moved


def _apply(tx: Tx, finding: int, shop: str, change: Change | None) -> None:
    """Put a change into force; what the finding, or an earlier one, had put in its place ends. Of two people at once the second counts."""
    over = (t.learned.c.finding == finding) | (
        (t.learned.c.playbook == change.playbook) & (t.learned.c.shop == shop) & (t.learned.c.param == change.param) if change and change.param else False
    )
    tx.connection.execute(update(t.learned).where(t.learned.c.until.is_(None), over).values(until=tx.now))
    if not change:
        return
    tx.add_new(t.learned, [{
        "finding": finding, "playbook": change.playbook, "shop": shop, "param": change.param, "value": change.value, "step": change.step,
        "item_zh": change.item_zh, "item_en": change.item_en, "since": tx.now,
    }])  # fmt: skip
    if tx.one(select(t.learned.c.id).where(t.learned.c.finding == finding, t.learned.c.until.is_(None))) is None:
        _apply(tx, finding, shop, change)  # somebody else's landed in between, which could not be seen before


def add(store: Store, run: str, found: Found, by: str, now: datetime) -> int:
    """A finding that a person states and accepts by stating it; gives its number. Raises NotFound, BadCall."""
    for name in ("title", "evidence", "owner"):
        if not getattr(found, name).strip():
            raise BadCall(f"A finding needs its {name}; say it with --{name}.")
    with store.write(now, by) as tx:
        if tx.one(select(t.run.c.run).where(t.run.c.run == run)) is None:
            raise NotFound(f"There is no run {run}; 'ecops runs' lists them.")
        _known(tx, by)
        if found.owner not in ROLES and not tx.one(select(t.role_binding.c.role).where(t.role_binding.c.role == found.owner)):
            _known(tx, found.owner)
        if found.shop and not tx.one(select(t.run_shop.c.shop).where(t.run_shop.c.run == run, t.run_shop.c.shop == found.shop)):
            raise NotFound(f"The run {run} has no shop {found.shop}; 'ecops show {run}' names its shops.")
        row = _write(tx, {
            "run": run, "shop": found.shop, "title_zh": found.title, "title_en": found.title, "evidence": {"text": found.evidence},
            "owner": found.owner, "due_at": found.due, "state": "accepted",
        })  # fmt: skip
        _apply(tx, row.id, found.shop, found.change)
        return row.id


def _known(tx: Tx, person: str) -> None:
    if not tx.one(select(t.person.c.person).where(t.person.c.person == person)):
        raise NotFound(f"There is no person {person}; 'ecops person list' shows all, 'ecops person add' adds one.")


def withdraw(store: Store, finding: int, by: str, reason: str, now: datetime) -> None:
    """Take a finding back; later launches do without what it had changed. Raises NotFound, BadCall, NotPossible."""
    if not reason.strip():
        raise BadCall("A reason is needed; say in a few words why.")
    with store.write(now, by) as tx:
        row = tx.one(select(t.finding).where(t.finding.c.id == finding))
        if row is None:
            raise NotFound(f"There is no finding {finding}; 'ecops finding list' shows all.")
        _known(tx, by)
        if not _move(tx, row, "withdrawn", reason):
            raise NotPossible(f"The finding {finding} is {row.state} since {row.decided_at.isoformat()}; nothing was changed.")
        _apply(tx, finding, row.shop, None)


def judged(tx: Tx, run: str) -> int:
    """How many findings of a run people have accepted or declined."""
    return tx.one(select(func.count()).where(t.finding.c.run == run, t.finding.c.state.in_(_JUDGED)))[0]


def in_force(connection: Connection, playbook: str, shops: Sequence[str]) -> list:
    """What a launch of the playbook for these shops would take over, what is for all first, then by age."""
    query = select(t.learned, t.finding.c.run, t.finding.c.title_zh, t.finding.c.title_en).join(t.finding, t.finding.c.id == t.learned.c.finding)
    query = query.where(t.learned.c.playbook == playbook, t.learned.c.until.is_(None))
    rows = [row for part in chunks(["", *shops]) for row in connection.execute(query.where(t.learned.c.shop.in_(part)))]
    return sorted(rows, key=lambda row: (row.shop != "", row.id))


def listed(connection: Connection, run: str | None = None) -> list[dict]:
    """Findings with what they change: those that wait for a person (`proposed`), then the judged ones, the newest first."""
    waiting = select(t.item).where(t.item.c.state == "open", t.item.c.finding.is_not(None)).order_by(t.item.c.id)
    rows = connection.execute(waiting.where(t.item.c.run == run) if run else waiting)
    proposed = [_as_json(None, row, "proposed", row.role, row.finding["facts"], row.finding["change"]) | {"item": row.id} for row in rows]
    query = select(t.finding, *(t.learned.c[name] for name in ("playbook", "param", "value", "step", "item_zh", "item_en", "until")))
    newest = select(t.learned.c.finding, func.max(t.learned.c.id).label("id")).group_by(t.learned.c.finding).subquery()
    query = query.outerjoin(newest, newest.c.finding == t.finding.c.id).outerjoin(t.learned, t.learned.c.id == newest.c.id)
    rows = connection.execute((query.where(t.finding.c.run == run) if run else query).order_by(t.finding.c.decided_at.desc(), t.finding.c.id.desc()))
    decided = []
    for row in rows:
        change = {name: getattr(row, name) for name in ("playbook", "param", "value", "step", "item_zh", "item_en")} if row.playbook else None
        told = _as_json(row.id, row, row.state, row.owner, row.evidence, change)
        decided.append(told | {"by": row.decided_by, "at": row.decided_at.isoformat(), "reason": row.reason, "in_force": bool(row.playbook) and row.until is None})
    return proposed + decided


def _as_json(number: int | None, row, state: str, owner: str, evidence: dict, change: dict | None) -> dict:
    return {
        "finding": number, "run": row.run, "shop": row.shop, "title": row.title_zh, "title_en": row.title_en, "state": state, "owner": owner,
        "due": row.due_at and row.due_at.isoformat(), "evidence": evidence, "change": change and {name: value for name, value in change.items() if value is not None},
    }  # fmt: skip
