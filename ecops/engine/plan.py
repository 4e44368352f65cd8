"""A playbook and a day -> the dated plan: which step begins and is due when, what waits for what. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from ecops.errors import BadCall
from ecops.playbook.check import needs_of
from ecops.playbook.dates import DAY, LAUNCH, READY, BadRule, DateRule, Moment, midnight, parse_moment, shift
from ecops.playbook.model import Playbook, Step
from ecops.playbook.wall import from_the_wall, on_the_wall


@dataclass(frozen=True)
class StepPlan:
    """One step with its times (aware UTC instants). `due` stays open where it counts from `ready`."""

    step: Step
    ordinal: int
    begin: datetime | None
    due: datetime | None
    until: datetime | None
    provisional: bool
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Anchors by name and the steps in the playbook's order, dated in its time zone; `walls`: the same anchors, the steps dated in the time zone of each shop that has its own."""

    playbook: Playbook
    anchors: dict[str, datetime]
    steps: tuple[StepPlan, ...]
    walls: Mapping[str, "Plan"] = field(default_factory=dict)

    def at(self, shop: str) -> "Plan":
        """The plan by a shop's wall clock; the run itself, "", has the playbook's."""
        return self.walls.get(shop, self)

    def of(self, step: str) -> StepPlan:
        """The plan of one step. KeyError when there is none."""
        return self._by_id[step]

    def only(self, steps: Iterable[str]) -> "Plan":
        """The plan of these steps alone."""
        wanted = set(steps)
        return replace(self, steps=tuple(one for one in self.steps if one.step.id in wanted), walls={shop: plan.only(wanted) for shop, plan in self.walls.items()})

    def everywhere(self) -> Iterator[StepPlan]:
        """Each step as it is dated in the playbook's time zone and in those of shops."""
        distinct = {plan.playbook.timezone: plan for plan in (self, *self.walls.values())}
        return (one for plan in distinct.values() for one in plan.steps)

    def __contains__(self, step: str) -> bool:
        return step in self._by_id

    @cached_property
    def _by_id(self) -> dict[str, StepPlan]:
        return {one.step.id: one for one in self.steps}


def make_plan(playbook: Playbook, day: date, launched_at: datetime, given: Mapping[str, str], zones: Mapping[str, str] | None = None) -> Plan:
    """Resolve every anchor and date rule; `zones`: of shops that have their own. Raises BadCall for an anchor nobody knows, a required one without a time, a day outside the calendar."""
    try:
        return dated(playbook, resolve_anchors(playbook, day, launched_at, given), zones)
    except BadRule as error:
        raise BadCall(f"{playbook.playbook} cannot be dated for {day}: {error}.") from error


def dated(playbook: Playbook, anchors: Mapping[str, datetime], zones: Mapping[str, str] | None = None) -> Plan:
    """The plan with these anchors, dated once for each time zone among the shops. Raises BadRule."""
    zones = zones or {}
    walls = {zone: dated(playbook.on_wall(zone), anchors) for zone in set(zones.values())}
    steps = tuple(_plan_step(playbook, step, ordinal, anchors) for ordinal, step in enumerate(playbook.steps))
    return Plan(playbook, dict(anchors), steps, {shop: walls[zone] for shop, zone in zones.items()})


def resolve_anchors(playbook: Playbook, day: date, launched_at: datetime, given: Mapping[str, str]) -> dict[str, datetime]:
    """All anchors, and D and launch beside them."""
    if unknown := set(given) - set(playbook.anchors):
        raise BadCall(f"{playbook.playbook} has no anchor {', '.join(sorted(unknown))}; it knows: {', '.join(playbook.anchors) or 'none'}.")
    anchors = {DAY: midnight(day, playbook.zone), LAUNCH: launched_at}
    graph = {name: {anchor.rule.base} if anchor.rule and name not in given else set() for name, anchor in playbook.anchors.items()}
    for name in TopologicalSorter(graph).static_order():
        if name in playbook.anchors:
            anchors[name] = _anchor(playbook, name, given.get(name), anchors)
    return anchors


def _anchor(playbook: Playbook, name: str, text: str | None, anchors: Mapping[str, datetime]) -> datetime:
    if text is None and playbook.anchors[name].rule is None:
        raise BadCall(f"{playbook.playbook} needs the anchor {name}; add --anchor {name}='2026-11-10 20:00'.")
    if text is None:
        return playbook.resolve(playbook.anchors[name].rule, anchors).at
    try:
        return parse_moment(text, playbook.zone)
    except BadRule as error:
        raise BadCall(f"The anchor {name}: {error}.") from error


def _plan_step(playbook: Playbook, step: Step, ordinal: int, anchors: Mapping[str, datetime]) -> StepPlan:
    begin, due, until = (_moment(rule, anchors, playbook) for rule in (step.begin, step.due, step.until))
    from_ready = _from_ready(step, begin.at if begin else anchors[DAY], playbook) if step.due and due is None else None
    provisional = any(moment.provisional for moment in (begin, due, until, from_ready) if moment)
    return StepPlan(step, ordinal, begin and begin.at, due and due.at, until and until.at, provisional, needs_of(step))


def _from_ready(step: Step, ready: datetime, playbook: Playbook) -> Moment:
    """When the step would be due if it were ready at its beginning: nobody knows yet when it is, but the year is told."""
    return playbook.resolve(step.due, {READY: ready})


def _moment(rule: DateRule | None, anchors: Mapping[str, datetime], playbook: Playbook) -> Moment | None:
    if rule is None or (rule.base == READY and not rule.moment):
        return None
    return playbook.resolve(rule, anchors)


def due_when_ready(playbook: Playbook, step: Step, due: datetime | None, ready: datetime) -> datetime | None:
    """The due time once the step is ready: the dated one, or the rule that counts from `ready`."""
    if due or not step.due:
        return due
    return playbook.resolve(step.due, {READY: ready}).at


def next_round(step: Step, at: datetime, until: datetime, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The next moment of a repeating step after the round `at`: the latest one missed, else the coming one; None at its end.

    A machine that was off catches up once, with the newest round, never with a storm of old ones. Rounds of whole days keep
    their time of day when the clocks change.
    """
    if step.every % timedelta(days=1):
        return _next_round(step, at, until, now)
    found = _next_round(step, *(on_the_wall(moment, zone) for moment in (at, until, now)))
    return found and from_the_wall(found, zone)


def _next_round(step: Step, at: datetime, until: datetime, now: datetime) -> datetime | None:
    following = at + step.every
    if now > following:
        following += ((now - following) // step.every) * step.every
    last = at + ((until - at) // step.every) * step.every if until > at else at
    following = min(following, last)
    return following if following > at else None


@dataclass(frozen=True)
class Rung:
    """One reminder or escalation of a step: its number, when, to which role; an `urgent` one is not held back by quiet hours."""

    kind: str
    rung: int
    at: datetime
    role: str
    urgent: bool = False


def rungs(playbook: Playbook, step: Step, due: datetime | None, opened: datetime) -> list[Rung]:
    """What people are told about an open step. Reminders whose moment lies before the opening are not caught up."""
    if due is None:
        return []
    roles = step.approval.by if step.approval else (playbook.role_of(step),)
    moments = [(index, shift(due, span, playbook.zone)) for index, span in enumerate(step.remind)]
    reminders = [Rung("remind", index, at, role) for index, at in moments if at >= opened for role in roles]
    return reminders + [Rung("escalate", index, max(shift(due, rung.after, playbook.zone), opened), rung.to, rung.urgent) for index, rung in enumerate(step.escalate)]
