"""What people and pages look at: runs, one run, the checklist, the bars of the timeline. Read only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, or_, select

from ecops.engine.moves import counts_working_days, provisional
from ecops.engine.plan import dated
from ecops.engine.states import STEP_ENDED
from ecops.errors import NotFound
from ecops.playbook.check import needs_of
from ecops.playbook.model import ROLES, Playbook, Step
from ecops.service.alike import alike
from ecops.service.freezes import windows
from ecops.service.frozen import frozen
from ecops.service.lint import still_wrong
from ecops.service.overlaps import OVERLAPS
from ecops.service.staff import Staff
from ecops.service.voices import open_gates, spoken, voices
from ecops.service.walls import zones_of
from ecops.store import tables as t


def iso(at: datetime | None) -> str | None:
    """ISO 8601 with offset, or None."""
    return at.isoformat() if at else None


def get_run(connection: Connection, run: str):
    """The run's row. Raises NotFound."""
    row = connection.execute(select(t.run).where(t.run.c.run == run)).first()
    if row is None:
        raise NotFound(f"There is no run {run}; 'ecops runs' lists them.")
    return row


def runs(connection: Connection, limit: int = 200) -> list[dict]:
    """Runs, newest first, each with its counts."""
    rows = connection.execute(select(t.run).order_by(t.run.c.launched_at.desc()).limit(limit)).all()
    return [_run_head(connection, row) for row in rows]


def _run_head(connection: Connection, row) -> dict:
    return {
        "run": row.run, "playbook": row.playbook, "version": row.version, "phase": row.phase, "title": row.title_zh, "title_en": row.title_en, "state": row.state,
        "day": row.day, "shops": row.shops, "anchors": row.anchors, "params": row.params, "counts": _counts(connection, row.run), "launched_by": row.launched_by,
        "launched_at": iso(row.launched_at), "ended_at": iso(row.ended_at), "prefect_flow_run": row.prefect_flow_run,
    }  # fmt: skip


def progress(counts: Mapping[str, int]) -> dict[str, int]:
    """Of step runs counted by state: those that have ended, all of them, and the share in percent."""
    total, ended = sum(counts.values()), sum(n for state, n in counts.items() if state in STEP_ENDED)
    return {"ended": ended, "total": total, "percent": ended * 100 // total if total else 100}


def progress_of(connection: Connection, run: str) -> dict[str, int]:
    """How far a run is, see `progress`."""
    return progress(_counts(connection, run))


def _counts(connection: Connection, run: str) -> dict[str, int]:
    query = select(t.step_run.c.state, func.count()).where(t.step_run.c.run == run).group_by(t.step_run.c.state)
    return {state: n for state, n in connection.execute(query)}


def show(connection: Connection, run: str, now: datetime) -> dict:
    """One run with every step run, and what came out of its automated steps."""
    row = get_run(connection, run)
    playbook = frozen(connection, row.digest)
    steps = steps_of(connection, run)
    outcomes = _latest_outcomes(connection, run)
    return _run_head(connection, row) | notes(connection, row, playbook, now) | {"steps": [_step(playbook, step, outcomes.get(step.id), now) for step in steps]}


def steps_of(connection: Connection, run: str) -> list:
    """The step runs of a run, in the playbook's order."""
    return list(connection.execute(select(t.step_run).where(t.step_run.c.run == run).order_by(t.step_run.c.ordinal, t.step_run.c.shop)))


def notes(connection: Connection, run, playbook: Playbook, now: datetime) -> dict[str, list]:
    """What stands beside the plan: values learned, other campaigns on the same stock, freezes, steps whose dates stand on days not announced yet, and what was wrong when it was
    launched and still matters."""
    rows = connection.execute(select(t.event.c.what, t.event.c.detail).where(t.event.c.run == run.run, t.event.c.what.in_(("run.learned", OVERLAPS))).order_by(t.event.c.id)).all()
    anchors = {name: datetime.fromisoformat(at) for name, at in run.anchors.items()}
    unsure = _provisional(connection, run.run, playbook, anchors) if run.state == "active" and counts_working_days(playbook) else ()
    shared = {row.detail["run"]: row.detail for row in rows if row.what == OVERLAPS}  # of each the newest: it may have moved
    return {
        "learned": [one for row in rows if row.what == "run.learned" for one in row.detail["learned"]],
        "overlaps": list(shared.values()),
        "freezes": [{"freeze": key, "title": title.zh, "title_en": title.en, "from": iso(since), "until": iso(until), "steps": list(steps)} for key, title, since, until, steps in windows(playbook, run.anchors)],
        "provisional": sorted(unsure),
        "lint": still_wrong(connection, run, playbook, shared, now),
    }


def _provisional(connection: Connection, run: str, playbook: Playbook, anchors: Mapping[str, datetime]) -> set[str]:
    zones = zones_of(connection, connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run)).scalars().all())
    return provisional(dated(playbook, anchors, zones), alike(connection, run, zones))


def _latest_outcomes(connection: Connection, run: str) -> dict[int, Any]:
    rows = connection.execute(select(t.outcome).join(t.step_run, t.step_run.c.id == t.outcome.c.step_run).where(t.step_run.c.run == run).order_by(t.outcome.c.round)).all()
    return {row.step_run: row for row in rows}


def overdue(row, now: datetime) -> bool:
    """Derived, never stored: an unfinished step or an open item after its due time."""
    return bool(row.due_at and row.due_at < now and row.state not in STEP_ENDED)


def _step(playbook: Playbook, row, outcome, now: datetime) -> dict:
    step = playbook.step(row.step)
    found = outcome and {"status": outcome.status, "zh": outcome.zh, "en": outcome.en, "missing": outcome.missing, "as_of": iso(outcome.as_of), "rounds": row.rounds, "lists": {name: len(listed) for name, listed in outcome.lists.items()}}
    return {
        "step_run": row.id, "step": row.step, "title": title_of(step), "stage": row.stage, "shop": row.shop or None, "kind": row.kind, "role": playbook.role_of(step),
        "state": row.state, "start": iso(row.start_at), "due": iso(row.due_at), "opened_at": iso(row.opened_at), "completed_at": iso(row.completed_at),
        "items_done": row.items_done, "items_total": row.items_total, "overdue": overdue(row, now), "outcome": found,
    }  # fmt: skip


def title_of(step: Step) -> str:
    """What people call a step, Chinese first."""
    return step.title.zh if step.title else step.id


def checklist(connection: Connection, now: datetime, *, person: str | None = None, role: str | None = None, shop: str | None = None, until: datetime | None = None, overdue_only: bool = False, unverified: bool = False, limit: int = 200, offset: int = 0) -> list[dict]:
    """Open items, the most urgent first; `unverified`: instead those that are done and that a task has not, or cannot, verify. `person` means: theirs now, see `for_person`."""
    wanted = (t.item.c.state == "done") & t.item.c.verification.in_(("pending", "unknown")) & (t.run.c.state == "active") if unverified else t.item.c.state == "open"
    query = select(t.item, t.run.c.title_zh.label("run_title")).join(t.run, t.run.c.run == t.item.c.run).where(wanted)
    if person:
        query = query.where(for_person(connection, person, now))
    for column, value in ((t.item.c.role, role), (t.item.c.shop, shop)):
        query = query.where(column == value) if value else query
    if until:
        query = query.where(or_(t.item.c.due_at.is_(None), t.item.c.due_at < until))
    if overdue_only:
        query = query.where(t.item.c.due_at < now)
    rows = connection.execute(query.order_by(case((t.item.c.due_at.is_(None), 1), else_=0), t.item.c.due_at, t.item.c.id).limit(limit).offset(offset)).all()
    return [item_json(row, now) for row in rows]


def for_person(connection: Connection, person: str, now: datetime):
    """Which items are for a person: assigned to them or to somebody they cover, or unassigned and of a role they, or somebody they cover, hold for the shop;
    and of a role nobody holds, in runs whose owner role they hold.
    """
    staff = Staff(connection, now)
    whose = {person, *staff.covered_by(person)}
    bound = connection.execute(select(t.role_binding).where(t.role_binding.c.person.in_(whose))).all()
    everywhere = sorted({row.role for row in bound if not row.shop})
    here = [(t.item.c.role == row.role) & (t.item.c.shop == row.shop) for row in bound if row.shop]
    falls = [_unheld(connection, staff) & t.item.c.run.in_(select(t.run.c.run).where(t.run.c.state == "active", t.run.c.owner.in_(everywhere)))] if everywhere else []
    return or_(t.item.c.assignee.in_(whose), t.item.c.assignee.is_(None) & or_(t.item.c.role.in_(everywhere), *here, *falls))


def _unheld(connection: Connection, staff: Staff):
    """Which items are of a role that nobody who is there holds for their shop."""
    open_roles = connection.execute(select(t.item.c.role).where(t.item.c.state == "open").distinct()).scalars()
    nowhere = [role for role in open_roles if not staff.holders(role, "")]
    held = [t.item.c.role.in_([role]) & t.item.c.shop.in_(shops) for role in nowhere if (shops := staff.shops_of(role))]
    return t.item.c.role.in_(nowhere) & ~or_(*held) if held else t.item.c.role.in_(nowhere)


def item_json(row, now: datetime) -> dict:
    """One item as the command line prints it."""
    return {
        "item": row.id, "run": row.run, "step": row.step, "shop": row.shop or None, "title": row.title_zh, "title_en": row.title_en, "role": row.role,
        "assignee": row.assignee, "owner": row.owner, "due": iso(row.due_at), "state": row.state, "overdue": overdue(row, now), "evidence": row.evidence,
        "closed_by": row.closed_by, "closed_at": iso(row.closed_at), "value": row.value, "link": row.link, "file": row.file, "note": row.note, "verification": row.verification, "version": row.version,
    }  # fmt: skip


def role_title(role: str) -> str:
    """A role as people say it."""
    return ROLES.get(role, role)


def bars(connection: Connection, run: str, now: datetime, steps: Sequence[str] | None = None) -> list[dict]:
    """One bar a step, rolled up over its shops: its look, who has it, its times. What the Prefect timeline and the run's page draw."""
    row = get_run(connection, run)
    playbook = frozen(connection, row.digest)
    query = select(t.step_run.c.step, t.step_run.c.state, t.step_run.c.outcome, func.count().label("n"), func.sum(t.step_run.c.items_done).label("done"), func.sum(t.step_run.c.items_total).label("total"), func.min(t.step_run.c.opened_at).label("opened"), func.max(t.step_run.c.completed_at).label("completed"), func.min(t.step_run.c.due_at).label("due"), func.min(t.step_run.c.start_at).label("start"), func.max(t.step_run.c.rounds).label("rounds"))
    query = query.where(t.step_run.c.run == run).group_by(t.step_run.c.step, t.step_run.c.state, t.step_run.c.outcome)
    groups: dict[str, list] = {}
    for group in connection.execute(query if steps is None else query.where(t.step_run.c.step.in_(steps))).all():
        groups.setdefault(group.step, []).append(group)
    gated = _gated(playbook, connection, run)
    who = _who(connection, row, playbook, [step for step, found in groups.items() if any(group.state == "open" for group in found)], now)
    unverified = _unverified(connection, run)
    return [_bar(playbook, step, ordinal, groups[step.id], gated, connection) | {"who": who.get(step.id, []), "unverified": unverified.get(step.id, 0)} for ordinal, step in enumerate(playbook.steps) if step.id in groups]


def _unverified(connection: Connection, run: str) -> dict[str, int]:
    """Ticked items whose claim nobody has confirmed yet, by step."""
    query = select(t.item.c.step, func.count()).where(t.item.c.run == run, t.item.c.verification.in_(("pending", "unknown")), t.item.c.state == "done").group_by(t.item.c.step)
    return {step: n for step, n in connection.execute(query)}


def _who(connection: Connection, run, playbook: Playbook, steps: Sequence[str], now: datetime) -> dict[str, list[dict]]:
    """Who has each open step: people with their names and why it is theirs, those with most of it first."""
    if not steps or run.state != "active":
        return {}
    staff, counted = Staff(connection, now), {step: Counter() for step in steps}
    of_items = select(t.item.c.step, t.item.c.role, t.item.c.assignee, t.item.c.shop, func.count().label("n")).where(t.item.c.run == run.run, t.item.c.state == "open", t.item.c.step.in_(steps))
    for row in connection.execute(of_items.group_by(t.item.c.step, t.item.c.role, t.item.c.assignee, t.item.c.shop)):
        counted[row.step].update(dict.fromkeys(staff.of_item(row.assignee, row.role, row.shop, playbook.owner).items(), row.n))
    gates = open_gates(connection, t.step_run.c.run == run.run, t.step_run.c.step.in_(steps))
    heard = spoken(connection, [gate.id for gate in gates])
    for gate in gates:
        may = {person: why for people in voices(playbook.step(gate.step).approval, staff, gate).values() for person, why in people.items()}
        counted[gate.step].update((person, why) for person, why in may.items() if (gate.id, person) not in heard)
    return {step: [{"person": person, "name": staff.people[person].name, "why": why} for (person, why), _ in sorted(found.items(), key=lambda one: (-one[1], one[0]))] for step, found in counted.items()}


def _gated(playbook: Playbook, connection: Connection, run: str) -> set[str]:
    """Steps that wait for an approval that is not given yet, directly or through other steps."""
    shut = {row.step for row in connection.execute(select(t.step_run.c.step).where(t.step_run.c.run == run, t.step_run.c.kind == "approval", t.step_run.c.state.not_in(STEP_ENDED))).all()}
    behind: set[str] = set()
    changed = True
    while changed:
        more = {step.id for step in playbook.steps if set(needs_of(step)) & (shut | behind)} - behind
        behind |= more
        changed = bool(more)
    return behind


def _bar(playbook: Playbook, step: Step, ordinal: int, groups: list, gated: set[str], connection: Connection) -> dict:
    count = {state: sum(group.n for group in groups if group.state == state) for state in {group.state for group in groups}}
    total, ended = sum(count.values()), sum(n for state, n in count.items() if state in STEP_ENDED)
    dialect = connection.dialect

    def moment(values, pick):
        read = [t.Instant().process_result_value(value, dialect) for value in values if value is not None]
        return pick(read, default=None)

    unknown = sum(group.n for group in groups if group.outcome in ("unknown", "failed"))
    due = moment([group.due for group in groups], min)
    return {
        "step": step.id, "ordinal": ordinal, "title": title_of(step), "kind": step.kind, "stage": step.stage, "role": playbook.role_of(step),
        "look": _look(step, count, total, ended, gated), "shops_done": ended, "shops": total, "unknown": unknown,
        "items_done": sum(group.done for group in groups), "items_total": sum(group.total for group in groups), "rounds": max(group.rounds for group in groups),
        "start": moment([group.start for group in groups], min), "due": due, "opened_at": moment([group.opened for group in groups], min),
        "completed_at": moment([group.completed for group in groups], max) if ended == total else None, "needs": needs_of(step),
    }  # fmt: skip


def _look(step: Step, count: dict[str, int], total: int, ended: int, gated: set[str]) -> str:
    if ended == total:
        return "cancelled" if count.get("cancelled") == total else "skipped" if count.get("skipped") == total else "done"
    if count.get("open"):
        return "unknown" if step.kind == "task" else "gated" if step.kind == "approval" else "people"
    if count.get("running"):
        return "running"
    if count.get("ready"):
        return "ready"
    if step.id in gated:
        return "gated"
    return "running" if ended else "planned"
