"""Date rules: `day - 45d 18:00`, `+3 working days`, `24h after ready`, `2026-11-11 20:00`.

    rule    = moment | [base] {offset} [time] [roll] | amount ("after" | "before") base [time] [roll]
    base    = the name of an anchor | D | launch | ready
    offset  = ("+" | "-") amount
    amount  = number ("m" | "h" | "d" | "w" | "working days" | "wd" | "service hours" | "service minutes")
    roll    = "roll" ("forward" | "back")

Offsets are applied left to right, then the time of day is set, then a date on a day off rolls to the next or the last working
day. Minutes and hours are elapsed time, service hours and minutes too, but outside the playbook's service hours their clock
stands still; days, weeks, working days and rolls move the calendar date in the time zone and keep the time of day. A rule that
starts with an offset counts from `ready`, the moment the step can begin. `D` is midnight of the day the run is launched for,
`launch` the launch itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ecops.playbook.calendar import add_working_days, rolled
from ecops.playbook.hours import ServiceHours
from ecops.playbook.wall import from_the_wall, on_the_wall

NAME = r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*"
_AMOUNT = r"(?P<number>\d{1,4})\s*(?P<unit>working\s+days?|wd|service\s+(?:hours?|minutes?)|min|m|h|d|w)\b"
_OFFSET = re.compile(rf"(?P<sign>[+-])\s*{_AMOUNT}")
_RELATION = re.compile(rf"{_AMOUNT}\s+(?P<word>after|before)\s+(?P<base>{NAME}|D)\b")
_BASE = re.compile(rf"(?P<base>{NAME}|D)(?=\s|$)")
_TIME = re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)")
_ROLL = re.compile(r"roll\s+(?P<roll>forward|back)\b")
_MOMENT = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})(?:[ T](?P<time>\d{2}:\d{2}(?::\d{2})?))?(?P<zone>Z|[+-]\d{2}:\d{2})?")
MAX_OFFSETS = 4
_UNIT_NAMES = {"min": "m", "wd": "working"}
_ROLLS = {"forward": 1, "back": -1}

READY, LAUNCH, DAY = "ready", "launch", "D"
# Years a moment may lie in, far enough from the ends of Python's own calendar that reminders beside it stay inside.
CALENDAR = range(1900, 3000)
_OUTSIDE = f"lies outside the years {CALENDAR.start} to {CALENDAR.stop - 1}"


class BadRule(ValueError):
    """A text that is no date rule; the message says what was expected where."""


@dataclass(frozen=True)
class Offset:
    """`number` may be negative; `unit` is one of m, h, d, w, working, service (which are minutes)."""

    number: int
    unit: str


@dataclass(frozen=True)
class DateRule:
    """A parsed rule. `moment` is set for an absolute time and excludes the rest."""

    text: str
    base: str = READY
    offsets: tuple[Offset, ...] = ()
    clock: time | None = None
    moment: str | None = None
    roll: str | None = None

    @property
    def on_working_days(self) -> bool:
        """Whether the calendar of working days decides it."""
        return self.roll is not None or any(offset.unit == "working" for offset in self.offsets)

    @property
    def in_service_hours(self) -> bool:
        """Whether it counts time inside the service hours."""
        return any(offset.unit == "service" for offset in self.offsets)


@dataclass(frozen=True)
class Moment:
    """An aware UTC instant; `provisional` when it passed days of a year whose holidays are not announced yet."""

    at: datetime
    provisional: bool = False


def parse_rule(text: str) -> DateRule:
    """Text -> DateRule. Raises BadRule."""
    text = str(text).strip()
    if match := _MOMENT.fullmatch(text):
        _absolute(match, ZoneInfo("UTC"))
        return DateRule(text, moment=text)
    base, offsets, rest = _head(text)
    while match := _OFFSET.match(rest):
        if len(offsets) == MAX_OFFSETS:
            raise BadRule(f"'{text[:40]}...' is not a date rule: it has more than {MAX_OFFSETS} offsets; write their sum")
        offsets.append(_offset(match, match["sign"]))
        rest = rest[match.end():].lstrip()
    at, rest = _time_of_day(rest)
    roll, rest = (match["roll"], rest[match.end():].lstrip()) if (match := _ROLL.match(rest)) else (None, rest)
    if rest or not text:
        raise BadRule(_explain(text, rest))
    return DateRule(text, base, tuple(offsets), at, roll=roll)


def resolve(rule: DateRule, anchors: Mapping[str, datetime], zone: ZoneInfo, hours: ServiceHours | None = None) -> Moment:
    """The instant a rule means. `anchors` maps names (also D, launch, ready) to aware instants.

    Raises BadRule for a moment outside the calendar, and for service time where there are no service hours; KeyError: an unknown base.
    """
    if rule.in_service_hours and hours is None:
        raise BadRule(f"{rule.text!r} counts service hours, and there are none")
    try:
        found = _resolve(rule, anchors, zone, hours)
    except OverflowError as error:
        raise BadRule(f"{rule.text!r} {_OUTSIDE}") from error
    return Moment(_inside(found.at, f"{rule.text!r}"), found.provisional)


def _resolve(rule: DateRule, anchors: Mapping[str, datetime], zone: ZoneInfo, hours: ServiceHours | None) -> Moment:
    if rule.moment:
        return Moment(_absolute(_MOMENT.fullmatch(rule.moment), zone))
    at, provisional = anchors[rule.base], False
    for offset in rule.offsets:
        at, unsure = _shift(at, offset, zone, hours)
        provisional |= unsure
    if rule.clock is not None:
        at = datetime.combine(at.astimezone(zone).date(), rule.clock, zone)
    if rule.roll:
        local = at.astimezone(zone)
        day, unsure = rolled(local.date(), _ROLLS[rule.roll])
        at, provisional = datetime.combine(day, local.timetz()), provisional or unsure
    return Moment(at.astimezone(UTC), provisional)


def parse_moment(text: str, zone: ZoneInfo) -> datetime:
    """`2026-11-11`, `2026-11-11 20:00`, ISO 8601 with offset -> aware UTC instant. Raises BadRule."""
    match = _MOMENT.fullmatch(str(text).strip())
    if not match:
        raise BadRule(f"{text!r} is not a time; write 2026-11-11 20:00, or ISO 8601 with offset")
    return _inside(_absolute(match, zone), repr(text))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone, as an aware UTC instant. Raises BadRule for one outside the calendar."""
    if day.year not in CALENDAR:
        raise BadRule(f"{day} {_OUTSIDE}")
    return datetime.combine(day, time(), zone).astimezone(UTC)


def shift(at: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
    """`at` moved by a span: whole days keep the time of day, everything else is elapsed time."""
    return at + span if span % timedelta(days=1) else from_the_wall(on_the_wall(at, zone) + span, zone)


def _inside(at: datetime, what: str) -> datetime:
    if at.year not in CALENDAR:
        raise BadRule(f"{what} {_OUTSIDE}")
    return at


def _head(text: str) -> tuple[str, list[Offset], str]:
    if match := _RELATION.match(text):
        sign = "+" if match["word"] == "after" else "-"
        return match["base"], [_offset(match, sign)], text[match.end():].lstrip()
    if match := _BASE.match(text):
        return match["base"], [], text[match.end():].lstrip()
    return READY, [], text


def _offset(match: re.Match, sign: str) -> Offset:
    number, unit = int(sign + match["number"]), match["unit"]
    if unit.startswith("service"):
        return Offset(number * (60 if "hour" in unit else 1), "service")
    return Offset(number, "working" if unit.startswith("working") else _UNIT_NAMES.get(unit, unit))


def _time_of_day(rest: str) -> tuple[time | None, str]:
    match = _TIME.match(rest)
    if not match:
        return None, rest
    return time(int(match["hour"]), int(match["minute"])), rest[match.end():].lstrip()


def _shift(at: datetime, offset: Offset, zone: ZoneInfo, hours: ServiceHours | None) -> tuple[datetime, bool]:
    if offset.unit == "service":
        return hours.shift(at, timedelta(minutes=offset.number), zone), False
    if offset.unit in "mh":
        return at + timedelta(**{"m": {"minutes": offset.number}, "h": {"hours": offset.number}}[offset.unit]), False
    local = at.astimezone(zone)
    if offset.unit == "working":
        day, unsure = add_working_days(local.date(), offset.number)
        return datetime.combine(day, local.time(), zone), unsure
    days = offset.number * (7 if offset.unit == "w" else 1)
    return datetime.combine(local.date() + timedelta(days=days), local.time(), zone), False


def _absolute(match: re.Match, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00'}{match['zone'] or ''}")
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRule(f"{match.group()!r} is not a date of the calendar") from error


def _explain(text: str, rest: str) -> str:
    where = f"stuck at {rest!r}" if rest and rest != text else "nothing in it is understood"
    return f"{text!r} is not a date rule ({where}); write for example 'day - 45d 18:00', '+3 working days' or '24h after ready'"
