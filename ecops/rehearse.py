"""A whole run on a virtual clock: the same service, the same tasks on the shop's own data, in a store that is gone afterwards.

Time jumps from one moment at which something is due to the next. People are simulated: `on-time` close an item shortly before it
is due, `late` a day after, `never` leaves everything open, so that the run ends in its escalations.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from ecops.calculate import calculate, verify
from ecops.engine.plan import make_plan
from ecops.playbook.dates import DAY
from ecops.playbook.model import Playbook, verifiers
from ecops.playbook.params import example_of
from ecops.service import findings, gates, items, launch, sweep, work
from ecops.service import verify as verifying
from ecops.service.learning import Taken
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import chunks

ON_TIME, LATE, NEVER = "on-time", "late", "never"
_EARLY, _LATE, _UNHURRIED = timedelta(hours=2), timedelta(days=1), timedelta(hours=4)
ROUNDS = 100_000
_SAMPLES = {"number": "1", "text": "已核对", "choice": None, "link": "https://example.com/evidence", "file": "rehearsal.txt"}


@dataclass
class Rehearsed:
    """What happened, in order; times ISO 8601 with offset."""

    steps: int = 0
    items: int = 0
    reminders: int = 0
    escalations: int = 0
    wall_s: float = 0.0
    ends_at: str = ""
    state: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fields of `ecops rehearse --json`."""
        return dict(self.__dict__)


class Player:
    """Lets time pass for one run of a store: the clock sweeps, the machine calculates, people close what is theirs."""

    def __init__(self, store: Store, lake, playbook: Playbook, run: str, people: str, now: datetime) -> None:
        self.store, self.lake, self.playbook, self.run, self.people, self.now = store, lake, playbook, run, people, now

    def play(self) -> None:
        """Let time pass until the run ends or nothing more can happen."""
        for _ in range(ROUNDS):
            sweep.sweep(self.store, self.now)
            self._machine()
            if self.state() != "active":
                return
            theirs = self._human()
            following = self._next(theirs)
            if following is None:
                return
            self.now = max(self.now, following)
            self._people(theirs)
        raise RuntimeError(f"the rehearsal did not come to an end within {ROUNDS} moments")

    def state(self) -> str:
        """Of the run: active, completed or cancelled."""
        with self.store.read() as connection:
            return connection.execute(select(t.run.c.state).where(t.run.c.run == self.run)).scalar_one()

    def _machine(self) -> None:
        with self.store.read() as connection:
            busy = connection.execute(select(t.step_run.c.id).where(t.step_run.c.state == "ready").limit(1)).first() or connection.execute(verifying.awaiting().limit(1)).first()
        if not busy:
            return
        execution = f"rehearsal-{self.now.isoformat()}"
        work.take_up(self.store, self.run, execution, self.now)
        while True:
            while claimed := work.claim(self.store, self.run, execution, self.now):
                work.record(self.store, claimed, calculate(claimed, self.lake), self.now)
            while checks := verifying.claim(self.store, self.run, execution, self.now):
                verifying.record(self.store, self.run, execution, [one for check in checks for one in verify(check, self.lake)], self.now)
            if work.lay_down(self.store, self.run, execution, self.now).how != "more":
                return

    def _next(self, theirs: Sequence) -> datetime | None:
        moments = [sweep.next_due(self.store, self.now), *(self._when(row.opened_at, row.due_at) for row in theirs)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _when(self, opened: datetime, due: datetime | None) -> datetime:
        """When simulated people close something."""
        if self.people == LATE:
            return (due or opened) + _LATE
        return max(min(opened + _UNHURRIED, due - _EARLY) if due else opened + _UNHURRIED, opened + timedelta(minutes=5))

    def _human(self) -> list:
        """The step runs that simulated people are on, in order."""
        if self.people == NEVER:
            return []
        query = select(t.step_run).where(t.step_run.c.run == self.run, t.step_run.c.state.in_(("open", "waiting")), t.step_run.c.kind != "milestone")
        with self.store.read() as connection:
            rows = connection.execute(query.where(t.step_run.c.opened_at.is_not(None)).order_by(t.step_run.c.ordinal, t.step_run.c.id)).all()
        return [row for row in rows if row.kind == "approval" or row.items_done < row.items_total]

    def _people(self, theirs: Sequence) -> None:
        due = [row for row in theirs if self._when(row.opened_at, row.due_at) <= self.now]
        for row in due:
            if row.kind == "approval":
                self._approve(row)
        if ticked := [row.id for row in due if row.kind != "approval"]:
            self._tick(ticked)

    def _tick(self, steps: Sequence[int]) -> None:
        """Everybody closes what is theirs in these steps; what the shop's data does not bear out, a second person vouches for."""
        with self.store.read() as connection:
            rows = [row for part in chunks(steps) for row in connection.execute(select(t.item).where(t.item.c.step_run.in_(part), t.item.c.state.in_(("open", "done"))).order_by(t.item.c.id))]
            people = set(connection.execute(select(t.person.c.person)).scalars())
        whose: dict[str, dict[int, items.Proof]] = {}
        for row in rows:
            if row.verification in (verifying.UNKNOWN, verifying.REFUTED):
                verifying.vouch(self.store, row.id, f"{self.playbook.owner}-2", "演练 / rehearsal", self.now)
            if row.state == "done" or row.verification:
                continue
            person = f"{row.role}-1" if f"{row.role}-1" in people else f"{self.playbook.owner}-1"
            whose.setdefault(person, {})[row.id] = _proof(row.evidence)
        for person, ticks in whose.items():
            items.complete_all(self.store, ticks, person, self.now)

    def _approve(self, row) -> None:
        approval = self.playbook.step(row.step).approval
        people = [f"{approval.by[number % len(approval.by)]}-{number // len(approval.by) + 1}" for number in range(approval.quorum)]
        for _ in range(approval.findings - self._judged()):
            findings.add(self.store, self.run, findings.Found("演练的结论 / a finding of the rehearsal", "rehearsal", people[0], self.now), people[0], self.now)
        for person in people:
            gates.decide(self.store, row.id, person, "approve", None, self.now)

    def _judged(self) -> int:
        with self.store.read() as connection:
            return sum(one["state"] in ("accepted", "declined") for one in findings.listed(connection, self.run))


def beginning(playbook: Playbook, day: date, anchors: Mapping[str, str], shops: Sequence[Mapping[str, Any]] = ()) -> datetime:
    """Just before the first dated moment of the plan, as if it had been launched in time."""
    # The launch itself is an anchor too, and not known yet: the day stands for it.
    plan = make_plan(playbook, day, datetime(day.year, day.month, day.day, tzinfo=UTC), anchors, {shop["shop"]: shop["timezone"] for shop in shops if shop.get("timezone")})
    return min([plan.anchors[DAY], *(step.begin for step in plan.everywhere() if step.begin)]) - timedelta(minutes=1)


def populate(store: Store, playbook: Playbook, shops: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Shops, and for every role of the playbook as many people as its gates want; who is there already stays."""
    roles = {role for step in playbook.steps for role in (step.approval.by if step.approval else (playbook.role_of(step),))}
    roles |= {playbook.owner} | {rung.to for step in playbook.steps for rung in step.escalate}
    quorum = max([step.approval.quorum for step in playbook.steps if step.approval] or [1])
    quorum = max(quorum, 2) if any(any(verifiers(step)) for step in playbook.steps) else quorum  # a second person vouches
    people = [f"{role}-{number}" for role in sorted(roles) for number in range(1, quorum + 1)]
    with store.write(now, "rehearsal") as tx:
        tx.add_new(t.shop, [{"shop": shop["shop"], "name": shop["name"], "platform": shop["platform"], "tags": shop["tags"], "timezone": shop.get("timezone"), "added_at": now} for shop in shops])
        tx.add_new(t.person, [{"person": person, "name": person, "added_at": now} for person in people])
        tx.add_new(t.role_binding, [{"role": person.rsplit("-", 1)[0], "person": person, "shop": ""} for person in people])


def _told(player: Player, steps: int) -> Rehearsed:
    """Everything that happened, read from the store's own events."""
    zone = player.playbook.zone
    result = Rehearsed(steps, 0, ends_at=player.now.astimezone(zone).isoformat(), state=player.state())
    with player.store.read() as connection:
        result.items = len(connection.execute(select(t.item.c.id)).all())
        rows = connection.execute(select(t.event).order_by(t.event.c.id)).all()
        outcomes = connection.execute(select(t.step_run.c.step, t.step_run.c.shop, t.outcome).join(t.outcome, t.outcome.c.step_run == t.step_run.c.id).order_by(t.outcome.c.id)).all()
    what = Counter(row.what for row in rows)
    result.reminders, result.escalations = what["step.reminded"], what["step.escalated"]
    result.events = [{"at": row.at.astimezone(zone).isoformat(), "what": row.what, "step": row.step, "shop": row.shop or None, "who": row.actor, "detail": row.detail} for row in rows]
    for row in outcomes:
        told = {"status": row.status, "as_of": row.as_of.astimezone(zone).isoformat(), "zh": row.zh, "en": row.en, "missing": row.missing, "lists": row.lists, "rounds": row.round}
        result.outcomes.setdefault(row.step, {})[row.shop or "*"] = told
    return result


def _proof(evidence: Mapping[str, Any]) -> items.Proof:
    kind = evidence["type"]
    sample = evidence["choices"][0] if kind == "choice" else _SAMPLES.get(kind)
    if kind == "number":
        sample = str(evidence["min"] if evidence["min"] is not None else evidence["max"] if evidence["max"] is not None else 1)
    # a freeze asks for a reason
    return items.Proof(sample if kind in ("number", "text", "choice") else None, sample if kind == "link" else None, sample if kind == "file" else None, "演练 / rehearsal")


def rehearse(
    playbook: Playbook, day: date, shops: Sequence[Mapping[str, Any]], lake, people: str = ON_TIME, params: Mapping[str, Any] | None = None,
    anchors: Mapping[str, str] | None = None, shop_params: Mapping[str, Mapping[str, Any]] | None = None, learned: Taken | None = None,
) -> Rehearsed:
    """Play a playbook through, with what was `learned`. Required parameters that are not given are taken as their type's plain example. Raises BadCall."""
    started, store = time.perf_counter(), Store.in_memory()
    now = beginning(playbook, day, anchors or {}, shops)
    populate(store, playbook, shops, now)
    ask = launch.Launch(playbook, day, [shop["shop"] for shop in shops], _with_examples(playbook, params or {}), anchors or {}, shop_params=shop_params or {}, learned=learned)
    launched = launch.launch(store, ask, now, "requester")
    player = Player(store, lake, playbook, launched.run, people, now)
    player.play()
    result = _told(player, launched.steps)
    store.close()
    result.wall_s = round(time.perf_counter() - started, 3)
    return result


def _with_examples(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    missing = {name: example_of(param) for name, param in playbook.params.items() if param.required and name not in given}
    return missing | dict(given)
