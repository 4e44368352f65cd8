"""The whole life of runs, people and messages in any order, with clocks that jump, die and come late: no rung twice, none missed, what is closed never moves.

The playbook counts in zones whose clocks change, around leap days and the end of a year.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ecops.engine.plan import rungs
from ecops.errors import BadCall, NotPossible
from ecops.people.channel import Answer
from ecops.service import deliveries, digests, gates, items, people, replan, sweep, views
from ecops.service.items import Proof
from ecops.service.launch import Launch, launch
from ecops.store import tables as t
from ecops.store.database import Store
from tests.integration.stores import PEOPLE, assert_consistent, playbook, populate, rows

LADDER = {"due": "day - 1d 18:00", "remind": ["-1d", "-2h", "-30m"], "escalate": [{"after": "0h", "to": "management"}, {"after": "1d", "to": "operations", "urgent": True}]}
STEPS = (
    {"id": "plan", "checklist": ["one", "two"], "role": "supply", **LADDER},
    {"id": "sell", "checklist": ["go"], "needs": ["plan"], "role": "service", "due": "6h after ready", "remind": ["-1h"], "escalate": [{"after": "30m", "to": "management"}]},
    {"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2, "not": "requester"}, "start": "day - 3d 09:00", **LADDER},
    {"id": "late", "checklist": ["last"], "start": "day 02:30", "due": "day 03:30", "remind": ["-1h"], "escalate": [{"after": "0h", "to": "management"}]},
)  # fmt: skip
# Clocks go back on the day itself, go forward, a leap day, the end of a year, and a zone without any of it.
PLACES = st.sampled_from([
    ("America/New_York", date(2026, 11, 1)), ("Europe/Berlin", date(2026, 3, 29)), ("America/New_York", date(2028, 3, 1)), ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Asia/Shanghai", date(2026, 12, 31)), ("Asia/Shanghai", date(2028, 2, 29)),
])  # fmt: skip
WHO = st.sampled_from(sorted(PEOPLE))
ANSWERS = st.sampled_from(["sent", "sent", "sent", "lost", "lost on the way back", "refused", "gone", "busy", "died before", "died after"])


class Life(RuleBasedStateMachine):
    """Two clocks, four people and time."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store.in_memory()
        self.held: list[tuple[deliveries.Parcel, str]] = []
        self.arrived: Counter = Counter()
        self.again: Counter = Counter()
        self.closed: dict[int, tuple] = {}
        self.swept: datetime | None = None

    @initialize(place=PLACES)
    def begin(self, place) -> None:
        zone, self.day = place
        self.zone = ZoneInfo(zone)
        self.now = datetime(self.day.year, self.day.month, self.day.day, tzinfo=self.zone).astimezone(UTC) - timedelta(days=3, hours=6)
        populate(self.store)
        people.bind(self.store, "service", "dan", None, self.now)
        for person in PEOPLE:
            people.reach(self.store, person, f"json://127.0.0.1:9/{person}", "test", self.now)
        people.reach(self.store, "cat", "json://127.0.0.1:9/cat-again", "test", self.now)
        people.settle(self.store, "ann", "ann", self.now, quiet="22:00-08:00", timezone=zone)
        self.book = playbook(*STEPS, timezone=zone)
        self.run = launch(self.store, Launch(self.book, self.day, ["a", "b"]), self.now, "ben").run

    def _try(self, call) -> bool:
        try:
            call()
        except (NotPossible, BadCall):
            return False
        return True

    # Few rules that do much: which of them an example uses is drawn first, and time has to be in nearly all.

    @rule(number=st.integers(0, 30), by=WHO, to=WHO, how=st.sampled_from(["done", "done", "skip", "reopen", "claim", "assign", "delegate", "approve", "approve", "reject", "away", "back"]))
    def somebody_does_something(self, number, by, to, how) -> None:
        found = rows(self.store, t.item, run=self.run)
        item, gate = found[number % len(found)].id, rows(self.store, t.step_run, run=self.run, step="gate")[0].id
        calls = {
            "done": lambda: items.complete(self.store, item, by, Proof(), self.now), "skip": lambda: items.skip(self.store, item, by, "no", self.now),
            "reopen": lambda: items.reopen(self.store, item, by, "again", self.now), "claim": lambda: items.claim(self.store, item, by, self.now),
            "assign": lambda: items.assign(self.store, item, to, by, self.now), "delegate": lambda: items.delegate(self.store, item, to, by, self.now),
            "approve": lambda: gates.decide(self.store, gate, by, "approve", None, self.now), "reject": lambda: gates.decide(self.store, gate, by, "reject", "because", self.now),
            "away": lambda: people.away(self.store, by, self.now, self.now + timedelta(days=1 + number % 4), None if to == by else to, None, "ann", self.now),
            "back": lambda: people.back(self.store, by, "ann", self.now),
        }  # fmt: skip
        if self._try(calls[how]) and how == "reopen":
            self.closed.pop(item)

    @rule(days=st.integers(-1, 3), hours=st.sampled_from([0, 2, 20]), sure=st.integers(0, 12))
    def the_plan_changes(self, days, hours, sure) -> None:
        day = datetime(self.day.year, self.day.month, self.day.day) + timedelta(days=days, hours=hours)
        if self._try(lambda: replan.apply(self.store, self.run, {"day": day.isoformat(sep=" ", timespec="minutes")}, None, "ann", self.now)) and sure > 0:
            return
        self._try(lambda: sweep.cancel(self.store, self.run, "ann", "enough", self.now))
        self.run = launch(self.store, Launch(self.book, self.day, ["a", "b"]), self.now, "ben").run

    @rule(minutes=st.sampled_from([1, 29, 61, 360, 700, 1440, 1440, 3000]), clocks=st.integers(1, 2), limit=st.integers(1, 4), answers=st.lists(st.tuples(st.integers(0, 9), ANSWERS), max_size=4))
    def time_passes(self, minutes, clocks, limit, answers) -> None:
        self.now += timedelta(minutes=minutes)
        for clock in ("clock A", "clock B")[:clocks]:
            sweep.sweep(self.store, self.now)
            deliveries.lost(self.store, self.now)
            digests.digests(self.store, self.now)
            deliveries.gather(self.store, self.now)
            self.held += [(parcel, clock) for parcel in deliveries.claim(self.store, clock, self.now, None, limit)]
        self.swept = self.now
        for number, answer in answers:
            if self.held:
                self._ends(*self.held.pop(number % len(self.held)), answer)

    def _ends(self, parcel, clock, answer) -> None:
        if answer in ("sent", "lost on the way back", "died after"):
            self.arrived.update((row.cause, row.person, row.item) for row in rows(self.store, t.notice, delivery=parcel.delivery, state="gathered"))
        said = {"sent": Answer("sent", ""), "refused": Answer("refused", "no"), "gone": Answer("refused", "gone", final=True), "busy": Answer("busy", "too fast", timedelta(minutes=10))}
        if not answer.startswith("died"):
            deliveries.record(self.store, parcel.delivery, clock, said.get(answer, Answer("unsure", "no answer")), self.now)

    @precondition(lambda self: rows(self.store, t.delivery, state="uncertain"))
    @rule(number=st.integers(0, 9), by=WHO)
    def a_person_sends_again(self, number, by) -> None:
        found = rows(self.store, t.delivery, state="uncertain")
        again = found[number % len(found)].id
        deliveries.again(self.store, again, by, self.now)
        self.held = [(parcel, clock) for parcel, clock in self.held if parcel.delivery != again]
        self.again.update((row.cause, row.person, row.item) for row in rows(self.store, t.notice, delivery=again))

    # --- what must hold

    @invariant()
    def no_rung_twice_and_nobody_told_twice(self) -> None:
        fired = Counter((row.step_run, row.what, row.detail["rung"], row.detail["role"], row.detail["generation"]) for row in rows(self.store, t.event) if row.what in ("step.reminded", "step.escalated"))
        assert set(fired.values()) <= {1}, fired
        twice = {key: n for key, n in self.arrived.items() if n > 1 + self.again[key]}
        assert not twice, twice

    @invariant()
    def none_is_missed(self) -> None:
        timers: dict[int, list] = {}
        for row in rows(self.store, t.timer):
            timers.setdefault(row.step_run, []).append(row)
        armed = {}
        for row in rows(self.store, t.event):
            if row.what == "step.opened" or row.what == "step.redated" and "due" in row.detail:
                armed[row.step_run] = row.at
        for step in rows(self.store, t.step_run):
            if step.state == "open":
                book = self.book.step(step.step)
                wanted = {(one.kind, one.rung, one.role, one.at) for one in rungs(self.book, book, step.due_at, armed[step.id])}
                mine = [row for row in timers.get(step.id, ()) if row.generation == step.generation]
                assert {(row.kind, row.rung, row.role, row.at) for row in mine} == wanted, step
            for timer in timers.get(step.id, ()):
                assert timer.fired_at or not self.swept or timer.at > self.swept or timer.generation == step.generation and armed[step.id] >= self.swept, timer

    @invariant()
    def what_is_closed_never_moves(self) -> None:
        for row in rows(self.store, t.item):
            now = (row.state, row.due_at, row.closed_by, row.closed_at, row.assignee, row.owner, row.note)
            if row.state in ("done", "skipped"):
                assert self.closed.setdefault(row.id, now) == now

    @invariant()
    def overdue_is_derived(self) -> None:
        with self.store.read() as connection:
            listed = views.checklist(connection, self.now)
        assert all(row["overdue"] == bool(row["due"] and datetime.fromisoformat(row["due"]) < self.now) for row in listed)

    @invariant()
    def the_ledger_is_whole(self) -> None:
        ledger = {row.id: row for row in rows(self.store, t.delivery)}
        for row in rows(self.store, t.notice):
            assert (row.state == "waiting") == (row.delivery is None and row.reason is None), row
            assert row.delivery is None or ledger[row.delivery].person == row.person
        for row in ledger.values():
            assert (row.state in ("queued", "sending")) == (row.ended_at is None), row

    @invariant()
    def the_counters_are_true(self) -> None:
        assert_consistent(self.store)

    def teardown(self) -> None:
        self.store.close()


Life.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
TestLife = Life.TestCase
