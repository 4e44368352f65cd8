"""Dates that can never be kept, known before anybody launches: due before the step can begin, until before from."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from graphlib import CycleError, TopologicalSorter

from ecops.playbook.dates import DAY, BadRule, DateRule, midnight
from ecops.playbook.model import Each, Playbook, Step
from ecops.playbook.problem import Problem, problem
from ecops.playbook.source import Places

# One day of each month, over weekends and holidays: what fails on all of them fails always.
SAMPLE_DAYS = tuple(date(2025, month, 2 * month) for month in range(1, 13))
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
MOST_ROUNDS = 20_000  # two weeks by the minute


def needs_of(step: Step) -> tuple[str, ...]:
    """What a step waits for: its `needs`, and the task whose outcome its checklist is made of."""
    source = (step.checklist.step,) if isinstance(step.checklist, Each) else ()
    return tuple(dict.fromkeys((*step.needs, *source)))


def check_times(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """Steps whose times contradict each other, or rounds nobody waits for, on every day they could be launched for. Rules without a known base say nothing."""
    always: dict[tuple[int, str], int] = {}
    for day in SAMPLE_DAYS:
        for found in _contradictions(playbook, day):
            always[found] = always.get(found, 0) + 1
    for (index, field), times in always.items():
        if times == len(SAMPLE_DAYS):
            yield _said(playbook.steps[index], index, field, places)


def _said(step: Step, index: int, field: str, places: Places) -> Problem:
    if field == "every":
        return problem(places, ("steps", index, field), "too-many-rounds", f"{step.id} would run more than {MOST_ROUNDS:,} times.", "Let it run less often, or let 'until' come sooner.")
    if field == "until":
        return problem(places, ("steps", index, field), "until-before-from", f"{step.id} ends ('until: {step.until.text}') before it begins ('from: {step.from_.text}').", "Let 'until' come after 'from'.")
    return problem(places, ("steps", index, field), "due-too-early", f"{step.id} is due ('due: {step.due.text}') before it can begin: its own start, or that of what it needs, is later.", "Move 'due' behind it, or let the steps before begin earlier.")


def _contradictions(playbook: Playbook, day: date) -> list[tuple[int, str]]:
    anchors = _anchors(playbook, day)

    def at(rule: DateRule | None) -> datetime | None:
        return _moment(rule, anchors, playbook)

    found, earliest = [], _earliest(playbook, at)
    for index, step in enumerate(playbook.steps):
        if step.every and at(step.from_) and at(step.until) and at(step.until) < at(step.from_):
            found.append((index, "until"))
        if step.every and at(step.from_) and at(step.until) and at(step.until) - at(step.from_) > MOST_ROUNDS * step.every:
            found.append((index, "every"))
        if at(step.due) and at(step.due) < max([at(step.begin) or _LONG_AGO, *(earliest.get(need, _LONG_AGO) for need in needs_of(step))]):
            found.append((index, "due"))
    return found


def _earliest(playbook: Playbook, at) -> dict[str, datetime]:
    """When each step can be finished at the earliest, as far as dates alone tell."""
    steps = {step.id: step for step in playbook.steps}
    earliest: dict[str, datetime] = {}
    for key in _in_order(playbook):
        if step := steps.get(key):
            own = max(at(step.begin) or _LONG_AGO, (step.every and at(step.until)) or _LONG_AGO)
            earliest[key] = max([own, *(earliest.get(need, _LONG_AGO) for need in needs_of(step))])
    return earliest


def _in_order(playbook: Playbook) -> list[str]:
    try:
        return list(TopologicalSorter({step.id: needs_of(step) for step in playbook.steps}).static_order())
    except CycleError:
        return []  # said by the check of the graph


def _anchors(playbook: Playbook, day: date) -> dict[str, datetime]:
    """Anchors that the playbook itself gives a time; the others are known at the launch."""
    anchors = {DAY: midnight(day, playbook.zone)}
    left = {name: anchor.rule for name, anchor in playbook.anchors.items() if anchor.rule}
    while ready := [name for name, rule in left.items() if rule.moment or rule.base in anchors]:
        for name in ready:
            found = _moment(left.pop(name), anchors, playbook)
            if found:
                anchors[name] = found
    return anchors


def _moment(rule: DateRule | None, anchors: dict[str, datetime], playbook: Playbook) -> datetime | None:
    if rule is None or not (rule.moment or rule.base in anchors):
        return None
    try:
        return playbook.resolve(rule, anchors).at
    except BadRule:
        return None  # said at the launch, for whose day it lies outside the calendar
