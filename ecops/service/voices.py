"""Who may give a voice at a gate, and which gates wait for a person's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ecops.playbook.model import Approval
from ecops.service.frozen import frozen
from ecops.service.staff import FALLBACK, Staff
from ecops.store import tables as t
from ecops.store.tx import chunks


def voices(approval: Approval, staff: Staff, gate) -> dict[str, Mapping[str, str]]:
    """Who may give a voice for each role, and why, at a gate (a row with shop, run_owner, launched_by): its holders or who covers them; where nobody does, the
    holders of the playbook's owner role.
    """
    held = {role: staff.holders(role, gate.shop) for role in approval.by}
    empty = [role for role, people in held.items() if not people]
    if empty and (approval.every_role or len(empty) == len(held)):
        held |= {role: dict.fromkeys(staff.holders(gate.run_owner, gate.shop), FALLBACK) for role in empty}
    barred = gate.launched_by if approval.exclude else None
    return {role: {person: why for person, why in people.items() if person != barred} for role, people in held.items()}


def open_gates(connection: Connection, *conditions) -> list:
    """Gates that people can decide now, in running runs, the most urgent first; rows of step runs with their run's title, digest, run_owner and launched_by."""
    query = select(t.step_run, t.run.c.title_zh, t.run.c.title_en, t.run.c.digest, t.run.c.owner.label("run_owner"), t.run.c.launched_by).join(t.run, t.run.c.run == t.step_run.c.run)
    query = query.where(t.step_run.c.kind == "approval", t.step_run.c.state == "open", t.run.c.state == "active", *conditions)
    return list(connection.execute(query.order_by(t.step_run.c.due_at.is_(None), t.step_run.c.due_at, t.step_run.c.id)))


def counted(decided: Sequence[Any]) -> list[Any]:
    """The voices at one gate that count (rows of decisions): approvals of before a rejection that stands do not, for who gave them did not know why it is rejected;
    they may be given again.
    """
    rejected = max((one.at for one in decided if one.verdict == "reject"), default=None)
    return [one for one in decided if rejected is None or one.at >= rejected]


def spoken(connection: Connection, gates: Sequence[int]) -> set[tuple[int, str]]:
    """Who has a voice at which of these gates that counts: nobody waits for them there."""
    found: dict[int, list] = {}
    for part in chunks(list(gates)):
        for row in connection.execute(select(t.decision).where(t.decision.c.step_run.in_(part))):
            found.setdefault(row.step_run, []).append(row)
    return {(gate, one.person) for gate, decided in found.items() for one in counted(decided)}


def to_decide(connection: Connection, person: str, now: datetime) -> list[dict]:
    """Gates at which this person may give a voice and has not: {step_run, run, run_title, run_title_en, step, title, title_en, shop, due, overdue}."""
    staff = Staff(connection, now)
    gates, found = open_gates(connection), []
    heard = spoken(connection, [gate.id for gate in gates])
    for gate in gates:
        step = frozen(connection, gate.digest).step(gate.step)
        if (gate.id, person) not in heard and any(person in people for people in voices(step.approval, staff, gate).values()):
            title = step.title
            found.append({
                "step_run": gate.id, "run": gate.run, "run_title": gate.title_zh, "run_title_en": gate.title_en, "step": gate.step, "title": title.zh if title else gate.step,
                "title_en": title.en if title else gate.step, "shop": gate.shop or None, "due": gate.due_at and gate.due_at.isoformat(), "overdue": bool(gate.due_at and gate.due_at < now),
            })  # fmt: skip
    return found
