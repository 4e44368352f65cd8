"""Cron lines of schedules: minute, hour, day of the month, month, weekday; read by Prefect, which says what is wrong too late."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ecops.playbook.wall import from_the_wall, on_the_wall

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
# (field, lowest, highest, names)
_FIELDS = (("minute", 0, 59, {}), ("hour", 0, 23, {}), ("day of the month", 1, 31, {}), ("month", 1, 12, _MONTHS), ("weekday", 0, 7, _WEEKDAYS))
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[1-9]\d?))?", re.ASCII)
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def check_cron(line: str) -> str:
    """The line itself when it has a next firing. Raises ValueError with the field that is wrong."""
    words = line.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"{line!r} is no cron line; write minute hour day month weekday, such as '0 8 * * 1-5'")
    _, _, days, months, _ = (_numbers(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    if words[4] == "*" and min(days) > max(_LONGEST_MONTH[month - 1] for month in months):
        raise ValueError(f"{line!r} never comes: no such month has a day {min(days)}")
    return line


def once_a_day(line: str) -> bool:
    """Whether a line fires at most once a day."""
    minutes, hours = (_numbers(word, *field) for word, field in zip(line.split()[:2], _FIELDS[:2], strict=True))
    return len(minutes) == len(hours) == 1


def last_firing(line: str, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The newest moment, `at` or before, at which the line fires by the wall clock of the zone; None within ten years."""
    minutes, hours, *_ = fields = [_numbers(word, *field) for word, field in zip(line.split(), _FIELDS, strict=True)]
    wall = on_the_wall(at, zone)
    times = sorted((time(hour, minute) for hour in hours for minute in minutes), reverse=True)
    for days in range(_TEN_YEARS):
        day = wall.date() - timedelta(days=days)
        if not _on(line, fields, day):
            continue
        for clock in times:
            moment = datetime.combine(day, clock)
            if moment <= wall:
                return from_the_wall(moment, zone)
    return None


_TEN_YEARS = 3653


def _on(line: str, fields: list[set[int]], day: date) -> bool:
    """Whether a line fires on a day: where both day of the month and weekday are named, one of them is enough."""
    _, _, days, months, weekdays = fields
    by_day, by_weekday = day.day in days, bool({day.isoweekday(), day.isoweekday() % 7} & weekdays)
    named = [word != "*" for word in line.split()]
    return day.month in months and (by_day or by_weekday if named[2] and named[4] else by_day and by_weekday)


def _numbers(word: str, field: str, lowest: int, highest: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in word.lower().split(","):
        match = _PART.fullmatch(part)
        if not match or (match["first"] == "*" and match["last"]):
            raise ValueError(f"{part!r} is no {field} of a cron line; write *, 5, 1-5 or */15")
        first, last = _ends(match, field, lowest, highest, names)
        if not lowest <= first <= last <= highest:
            raise ValueError(f"{part!r} is no {field}, which goes from {lowest} to {highest}")
        found |= set(range(first, last + 1, int(match["step"] or 1)))
    return found


def _ends(match: re.Match, field: str, lowest: int, highest: int, names: dict[str, int]) -> tuple[int, int]:
    if match["first"] == "*":
        return lowest, highest
    first = _number(match["first"], field, names)
    if match["last"]:
        return first, _number(match["last"], field, names)
    return first, highest if match["step"] else first


def _number(word: str, field: str, names: dict[str, int]) -> int:
    if word in names:
        return names[word]
    if not word.isdecimal():
        raise ValueError(f"{word!r} is no {field}")
    return int(word)
