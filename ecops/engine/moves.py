"""What changes in a running plan when an anchor moves or the playbook gets a new version. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple, TypeVar

from ecops.engine.plan import Plan, due_when_ready, make_plan
from ecops.engine.states import STEP_ENDED
from ecops.errors import BadCall
from ecops.playbook.dates import DAY, LAUNCH, READY, parse_moment
from ecops.playbook.model import MAX_STEPS, Playbook, Step

Told = TypeVar("Told")

# What a step that has begun takes from the new version; the rest is what people and machines are on already.
_MOVABLE = ("start", "from_", "until", "due", "remind", "escalate")


@dataclass(frozen=True)
class Alike:
    """Step runs of one step with the same state and dates, of shops with the same time zone (None: the playbook's). `where`: number and shop of each."""

    step: str
    zone: str | None
    state: str
    rounds: int
    opened_at: datetime | None
    start_at: datetime | None
    due_at: datetime | None
    until_at: datetime | None
    where: Sequence[tuple[int, str]]

    @property
    def shop(self) -> str:
        """One of their shops."""
        return self.where[0][1]


@dataclass(frozen=True)
class Moved:
    """Step runs that are alike with the dates that move: by field (start, due or until) where it was, and where it is."""

    rows: Alike
    dates: Mapping[str, tuple[datetime | None, datetime | None]]


class Ended(NamedTuple):
    """A step run that is finished and stays."""

    step: str
    shop: str
    state: str
    due_at: datetime | None


@dataclass(frozen=True)
class Move:
    """One date of a step run that moves; `field` is start, due or until. None: it had, or has, no time."""

    step_run: int
    step: str
    shop: str
    field: str
    was: datetime | None
    to: datetime | None


def told_anchors(playbook: Playbook, anchors: Mapping[str, datetime], told: Sequence[str] | None) -> dict[str, str]:
    """The anchors of a run that somebody gave; where the run does not know (`told` is None), those that are not where their own rule would put them."""
    given = {}
    for name, anchor in playbook.anchors.items():
        if anchor.rule is None or (name in told if told is not None else playbook.resolve(anchor.rule, anchors).at != anchors[name]):
            given[name] = anchors[name].isoformat()
    return given


def new_plan(new: Playbook, day: date, anchors: Mapping[str, datetime], given: Mapping[str, str], moved: Mapping[str, str], zones: Mapping[str, str] | None = None) -> tuple[date, Plan]:
    """The day and the plan when the anchors in `moved` get these times; those `given` before stay, the others follow their rules. `zones`: of shops that have
    their own. Raises BadCall, BadRule."""
    first = new.anchors.get("day")
    if "day" in moved and first and first.rule and first.rule.base == DAY:
        day = parse_moment(moved["day"], new.zone).astimezone(new.zone).date()
    return day, make_plan(new, day, anchors[LAUNCH], {**given, **moved}, zones)


def carried(old: Playbook, new: Playbook, begun: set[str], there: set[str]) -> Playbook:
    """The new version as a run can carry it: steps that have begun stay what they are but for their dates, steps of the run that it lacks stay at its end.

    Anchors, parameters and service hours that it lacks stay too, for what stays looks them up. Raises BadCall when all of that is more than a playbook holds.
    """
    known = {step.id: step for step in old.steps}
    steps = [_begun(known[step.id], step) if step.id in begun and step.id in known else step for step in new.steps]
    ids = {step.id for step in new.steps}
    gone = [known[key].model_copy(update={"needs": ()}) for key in known if key in there and key not in ids]
    if (count := len(steps) + len(gone)) > MAX_STEPS:
        raise BadCall(f"{new.playbook} would have {count} steps with those of the run that it lacks, and a playbook has at most {MAX_STEPS}; launch it anew.")
    stages = tuple(dict.fromkeys((*new.stages, *(step.stage for step in (*steps, *gone)))))
    looked_up = {"anchors": old.anchors | new.anchors, "params": old.params | new.params, "service_hours": new.service_hours or old.service_hours}
    return new.model_copy(update={"steps": (*steps, *gone), "stages": stages, **looked_up})


def _begun(old: Step, new: Step) -> Step:
    same = (old.kind, old.per_shop, bool(old.every)) == (new.kind, new.per_shop, bool(new.every))
    return old.model_copy(update={name: getattr(new, name) for name in _MOVABLE} if same else {})


def stays(carried: Playbook, wanted: Playbook, begun: set[str]) -> list[str]:
    """Steps that have begun and stay what they are but for their dates, though the version wants them otherwise."""
    return [step.id for step in wanted.steps if step.id in begun and unlike(carried.step(step.id), step)]


def unlike(one: Step, other: Step) -> bool:
    """Whether two versions of a step differ in more than what they wait for."""
    return one.model_copy(update={"needs": ()}) != other.model_copy(update={"needs": ()})


def dates_moved(plan: Plan, rows: Iterable[Alike]) -> list[Moved]:
    """What moves of unfinished step runs."""
    found = []
    for row in rows:
        if row.state in STEP_ENDED or row.step not in plan:
            continue
        wall = plan.at(row.shop)
        one = wall.of(row.step)
        due = due_when_ready(wall.playbook, one.step, one.due, row.opened_at) if row.opened_at else one.due
        # a repeating step that has run is on its way from round to round, and what is before the machine is calculated as of when it began
        start = row.start_at if row.rounds or row.state in ("ready", "running") else one.begin
        dates = {name: (was, to) for name, was, to in (("start", row.start_at, start), ("due", row.due_at, due), ("until", row.until_at, one.until)) if was != to}
        if dates:
            found.append(Moved(row, dates))
    return found


def each(rows: Iterable[tuple[Alike, Told]]) -> Iterator[tuple[Alike, Told, int, str]]:
    """What is told of those that are alike, of each with its number: in the order of steps and shops."""
    for _, part in groupby(rows, key=lambda one: one[0].step):
        yield from sorted(((row, told, number, shop) for row, told in part for number, shop in row.where), key=lambda one: one[3])


def kept(plan: Plan, rows: Iterable[Alike]) -> list[Alike]:
    """Finished step runs whose dates would have moved, and do not."""
    ended = [(row, plan.at(row.shop).of(row.step)) for row in rows if row.state in STEP_ENDED and row.step in plan]
    return [row for row, one in ended if (row.due_at, row.until_at) != (one.due or row.due_at, one.until)]


def counts_working_days(playbook: Playbook) -> bool:
    """Whether any of its dates stands on the calendar of working days."""
    rules = [anchor.rule for anchor in playbook.anchors.values()] + [rule for step in playbook.steps for rule in (step.begin, step.due, step.until)]
    return any(rule.on_working_days for rule in rules if rule)


def provisional(plan: Plan, rows: Iterable[Alike]) -> set[str]:
    """Steps not finished whose dates stand on working days of a year that is not announced yet."""
    unsure = set()
    for row in rows:
        if row.state in STEP_ENDED or row.step not in plan:
            continue
        wall = plan.at(row.shop)
        one = wall.of(row.step)
        counts_from_ready = row.opened_at and one.step.due and one.due is None
        if wall.playbook.resolve(one.step.due, {READY: row.opened_at}).provisional if counts_from_ready else one.provisional:
            unsure.add(row.step)
    return unsure
