"""The geometry of a run's timeline: bars, ticks and the now line as percents of one time axis. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecops.web.times import local

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STEPS = [_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 60 * _DAY, 120 * _DAY]
_TICKS = 6
STUB = 1.2  # the width of what has a beginning but no end yet, in percent


@dataclass(frozen=True)
class Axis:
    """From when to when the timeline is drawn."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Where a moment lies, in percent, kept inside."""
        return round(min(100.0, max(0.0, (moment - self.start) / (self.end - self.start) * 100)), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of the grid, on whole local hours or days."""
        step = next((step for step in _STEPS if (self.end - self.start) / step <= _TICKS), _STEPS[-1])
        moment = local(self.start).replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while moment <= self.end:
            if moment >= self.start:
                found.append((self.at(moment), f"{moment:%m-%d}" if step >= _DAY or moment.hour == 0 else f"{moment:%H:%M}"))
            moment += step
        return [tick for tick in found if tick[0] <= 97]


@dataclass(frozen=True)
class Drawn:
    """One bar: where it begins, its width, how much of it has passed, the part after its due time, its due mark."""

    x: float
    width: float
    passed: float
    late_x: float | None
    late_width: float
    due_x: float | None


def axis_of(bars: Sequence[Mapping], launched: datetime, now: datetime, active: bool) -> Axis:
    """From the launch (or the first start after it) to the last due or end, with a little air."""
    begins = [max(bar["opened_at"] or bar["start"] or launched, launched) for bar in bars]
    ends = [moment for bar in bars for moment in (bar["due"], bar["completed_at"], bar["start"], bar["opened_at"]) if moment]
    start, end = min(begins, default=launched), max([*ends, launched])
    if active:
        start, end = min(start, max(now, launched)), max(end, now)
    length = max(end - start, _HOUR)
    return Axis(start - length * 0.02, start + length * 1.04)


def draw(bars: Sequence[Mapping], axis: Axis, launched: datetime, now: datetime) -> dict[str, Drawn]:
    """The bars by step. What has no start begins where the steps it needs are expected to end."""
    expected: dict[str, datetime] = {}
    drawn: dict[str, Drawn] = {}
    for bar in bars:
        begin, end = _extent(bar, expected, launched, now)
        expected[bar["step"]] = end
        drawn[bar["step"]] = _drawn(bar, axis, begin, end, now)
    return drawn


def _extent(bar: Mapping, expected: Mapping[str, datetime], launched: datetime, now: datetime) -> tuple[datetime, datetime]:
    needs = [expected[need] for need in bar["needs"] if need in expected]
    planned = max([bar["start"] or launched, launched, *needs])
    if bar["due"] and planned > bar["due"]:
        planned = max(launched, bar["start"] or launched)
    begin = bar["opened_at"] or bar["completed_at"] or planned
    if bar["completed_at"]:
        return min(begin, bar["completed_at"]), bar["completed_at"]
    if bar["opened_at"]:
        return begin, max(bar["due"] or now, now)
    return begin, max(bar["due"] or begin, begin)


def _drawn(bar: Mapping, axis: Axis, begin: datetime, end: datetime, now: datetime) -> Drawn:
    x = min(axis.at(begin), 100 - STUB)
    width = max(axis.at(end) - x, STUB)
    open_now = bar["opened_at"] and not bar["completed_at"]
    passed = width if bar["completed_at"] else max(min(axis.at(now) - x, width), 0) if open_now else 0
    due = bar["due"]
    late = open_now and due and due < now
    late_x = max(axis.at(due), x) if late else None
    return Drawn(x, round(width, 2), round(passed, 2), late_x, round(max(axis.at(now) - (late_x or 0), 0), 2) if late else 0, axis.at(due) if due else None)
