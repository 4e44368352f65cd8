"""Everything that is kept of one run, as plain data for people who would rather look than read. Read only.

The head comes at once, the steps one by one: what two thousand shops found in a campaign does not fit into memory together.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from ecops.engine.states import STEP_ENDED
from ecops.playbook.model import Playbook, Step
from ecops.service import findings, views
from ecops.service.frozen import frozen
from ecops.store import tables as t

_TOLD = {"step.reminded": "remind", "step.escalated": "escalate"}  # the event of a rung that fired, and its kind


class Reading:
    """One run being read as of `now`. Raises NotFound."""

    def __init__(self, connection: Connection, run: str, now: datetime) -> None:
        self.connection, self.now = connection, now
        self.row = views.get_run(connection, run)
        self.playbook: Playbook = frozen(connection, self.row.digest)
        self.people = {row.person: row.name for row in connection.execute(select(t.person.c.person, t.person.c.name))}
        query = select(t.shop).join(t.run_shop, t.run_shop.c.shop == t.shop.c.shop).where(t.run_shop.c.run == run).order_by(t.shop.c.shop)
        self.shops = {row.shop: row for row in connection.execute(query)}

    def head(self) -> dict[str, Any]:
        """The run and what stands beside its plan: {run, shops, notes, findings, told, bars, late, unknown, ended_late, gates}. Instants are aware."""
        return {
            "now": self.now, "zone": self.playbook.zone, "run": self._run(), "shops": [{"shop": row.shop, "name": row.name, "platform": row.platform} for row in self.shops.values()],
            "notes": views.notes(self.connection, self.row, self.playbook, self.now), "findings": [self._finding(one) for one in findings.listed(self.connection, self.row.run)],
            "told": self._told(), "bars": self._bars(), "late": self._late(), "unknown": self._unknown(), "ended_late": self._ended_late(), "gates": self._gates(),
        }  # fmt: skip

    def _run(self) -> dict[str, Any]:
        row, titles = self.row, self.playbook.anchors
        anchors = [{"anchor": name, "title": titles[name].title.zh if name in titles and titles[name].title else None, "title_en": titles[name].title.en if name in titles and titles[name].title else None, "at": datetime.fromisoformat(at)} for name, at in row.anchors.items()]
        return {
            "run": row.run, "playbook": row.playbook, "version": row.version, "phase": row.phase, "title": row.title_zh, "title_en": row.title_en, "day": row.day, "state": row.state, "shops": row.shops,
            "anchors": sorted(anchors, key=lambda one: one["at"]), "params": [self._param(name, value) for name, value in row.params.items()],
            "launched_by": self.named(row.launched_by), "launched_at": row.launched_at, "ended_at": row.ended_at,
        }  # fmt: skip

    def _param(self, name: str, value: Any) -> dict[str, Any]:
        known = self.playbook.params.get(name)
        title = known.title if known else None
        return {"param": name, "title": title.zh if title else None, "title_en": title.en if title else None, "type": known.type if known else "text", "value": value}

    def named(self, person: str | None) -> str | None:
        """What people call a person; who is nobody's key is shown as it was written."""
        return self.people.get(person, person)

    def shop_name(self, shop: str) -> str | None:
        """What people call a shop; None for the work that is the run's."""
        return (self.shops[shop].name if shop in self.shops else shop) if shop else None

    def _finding(self, one: Mapping[str, Any]) -> dict[str, Any]:
        moments = {name: datetime.fromisoformat(one[name]) if one.get(name) else None for name in ("due", "at")}
        return {**one, **moments, "owner": self.named(one["owner"]), "by": self.named(one.get("by")), "shop_name": self.shop_name(one["shop"])}

    def _told(self) -> dict[str, int]:
        query = select(t.event.c.what, func.count()).where(t.event.c.run == self.row.run, t.event.c.what.in_(_TOLD)).group_by(t.event.c.what)
        return {"remind": 0, "escalate": 0} | {_TOLD[what]: n for what, n in self.connection.execute(query)}

    def _bars(self) -> list[dict[str, Any]]:
        counts: dict[str, dict[str, int]] = {}
        for step, what, n in self.connection.execute(select(t.event.c.step, t.event.c.what, func.count()).where(t.event.c.run == self.row.run, t.event.c.what.in_(_TOLD)).group_by(t.event.c.step, t.event.c.what)):
            counts.setdefault(step, {})[_TOLD[what]] = n
        bars = views.bars(self.connection, self.row.run, self.now)
        return [bar | {"title_en": _title_en(self.playbook.step(bar["step"])), "task": self.playbook.step(bar["step"]).task, "told": {"remind": 0, "escalate": 0} | counts.get(bar["step"], {})} for bar in bars]

    def _late(self) -> list[dict[str, Any]]:
        """Unfinished steps after their due time, the oldest first; of a run that has ended, none."""
        query = select(t.step_run).where(t.step_run.c.run == self.row.run, t.step_run.c.due_at < self.now, t.step_run.c.state.not_in(STEP_ENDED))
        return [self._step_run(row, None) for row in self.connection.execute(query.order_by(t.step_run.c.due_at, t.step_run.c.id))]

    def _unknown(self) -> list[dict[str, Any]]:
        """Automated steps whose latest answer was none, with what was missing, whoever answered in the end."""
        unsure = (t.step_run.c.run == self.row.run) & t.step_run.c.outcome.in_(("unknown", "failed"))
        outcomes = self._outcomes(unsure, lists=False)
        rows = self.connection.execute(select(t.step_run).where(unsure).order_by(t.step_run.c.ordinal, t.step_run.c.shop))
        return [self._step_run(row, outcomes.get(row.id)) for row in rows]

    def _ended_late(self) -> int:
        query = select(func.count()).where(t.step_run.c.run == self.row.run, t.step_run.c.completed_at > t.step_run.c.due_at, t.step_run.c.state == "done")
        return self.connection.execute(query).scalar_one()

    def _gates(self) -> list[dict[str, Any]]:
        query = select(t.step_run).where(t.step_run.c.run == self.row.run, t.step_run.c.kind == "approval").order_by(t.step_run.c.ordinal, t.step_run.c.shop)
        return [self._gate(row) for row in self.connection.execute(query)]

    def _gate(self, row) -> dict[str, Any]:
        approval = self.playbook.step(row.step).approval
        query = select(t.decision).where(t.decision.c.step_run == row.id).order_by(t.decision.c.at)
        decided = [{"person": self.named(one.person), "role": one.role, "verdict": one.verdict, "note": one.note, "at": one.at} for one in self.connection.execute(query)]
        return self._step_run(row, None) | {"by": approval.by, "quorum": approval.quorum, "decisions": decided}

    def changes(self) -> int:
        """How much has happened to the run so far: the number of its latest event, which only grows."""
        return self.connection.execute(select(func.max(t.event.c.id)).where(t.event.c.run == self.row.run)).scalar() or 0

    def steps(self, lists: bool = True) -> Iterator[dict[str, Any]]:
        """Each step of the playbook in its order: {step, step_runs, lists: {name: rows}, items}. Without `lists` there are none, and it is quicker."""
        for step in self.playbook.steps:
            if (found := self.step(step.id, lists))["step_runs"]:
                yield found

    def step(self, key: str, lists: bool = True) -> dict[str, Any]:
        """One step. Rows of its lists name their shop; of a step that runs again and again, the latest round is told."""
        mine = (t.step_run.c.run == self.row.run) & (t.step_run.c.step == key)
        rows = self.connection.execute(select(t.step_run).where(mine).order_by(t.step_run.c.shop)).all()
        outcomes = self._outcomes(mine, lists)
        listed = _joined([(row.shop, outcomes[row.id].lists) for row in rows if row.id in outcomes]) if lists else {}
        items = self.connection.execute(select(t.item).join(t.step_run, t.step_run.c.id == t.item.c.step_run).where(mine).order_by(t.item.c.shop, t.item.c.position))
        return {"step": key, "step_runs": [self._step_run(row, outcomes.get(row.id)) for row in rows], "lists": listed, "items": [self._item(row) for row in items]}

    def _outcomes(self, of, lists: bool) -> dict[int, Any]:
        """The latest outcome of each of these step runs."""
        columns = [column for column in t.outcome.c if lists or column.name != "lists"]
        newest = select(t.outcome.c.step_run, func.max(t.outcome.c.round).label("round")).join(t.step_run, t.step_run.c.id == t.outcome.c.step_run).where(of).group_by(t.outcome.c.step_run).subquery()
        query = select(*columns).join(newest, (newest.c.step_run == t.outcome.c.step_run) & (newest.c.round == t.outcome.c.round))
        return {one.step_run: one for one in self.connection.execute(query)}

    def _step_run(self, row, outcome) -> dict[str, Any]:
        step = self.playbook.step(row.step)
        return {
            "step_run": row.id, "step": row.step, "title": views.title_of(step), "title_en": _title_en(step), "stage": row.stage, "kind": row.kind, "task": step.task, "role": self.playbook.role_of(step),
            "shop": row.shop, "shop_name": self.shop_name(row.shop), "state": row.state, "start": row.start_at, "due": row.due_at, "opened_at": row.opened_at, "completed_at": row.completed_at,
            "items_done": row.items_done, "items_total": row.items_total, "rounds": row.rounds, "overdue": views.overdue(row, self.now), "remind": step.remind,
            "outcome": outcome and {"status": outcome.status, "zh": outcome.zh, "en": outcome.en, "missing": outcome.missing, "as_of": outcome.as_of},
        }  # fmt: skip

    def _item(self, row) -> dict[str, Any]:
        return {
            "item": row.id, "step": row.step, "step_title": views.title_of(self.playbook.step(row.step)), "shop": row.shop, "shop_name": self.shop_name(row.shop), "title": row.title_zh, "title_en": row.title_en, "role": row.role,
            "assignee": self.named(row.assignee), "due": row.due_at, "state": row.state, "overdue": views.overdue(row, self.now), "evidence": row.evidence,
            "value": row.value, "link": row.link, "file": row.file, "note": row.note, "closed_by": self.named(row.closed_by), "closed_at": row.closed_at,
        }  # fmt: skip


def _joined(found: list[tuple[str, dict[str, list[dict]]]]) -> dict[str, list[dict]]:
    """The lists of all shops as one each; rows of a step that is the run's name their shop already."""
    joined: dict[str, list[dict]] = {}
    for shop, lists in found:
        for name, rows in lists.items():
            joined.setdefault(name, []).extend({"shop": shop} | row if shop else row for row in rows)
    return joined


def _title_en(step: Step) -> str:
    return step.title.en if step.title else step.id
