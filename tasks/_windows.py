"""Windows of time: whole local days before as-of, and spans between two instants or anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from ecops.automation import Ask
from ecops.quantity import parse_duration

_OFFSET = re.compile(r"(?P<anchor>[A-Za-z_][\w-]*?)\s*(?:(?P<sign>[+-])\s*(?P<span>\d+\s*(?:min|m|h|d|w)))?", re.ASCII)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def _whole_days(span: timedelta) -> timedelta:
    if span < DAY or span % DAY:
        raise ValueError("must be a whole number of days, at least one")
    return span


def _span(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(value)


Span = Annotated[Any, BeforeValidator(_span)]
Days = Annotated[Any, BeforeValidator(_span), AfterValidator(_whole_days)]


@dataclass(frozen=True)
class DayWindow:
    """Whole local days, `first` and `last` included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Window:
    """The half-open span [since, until) of two aware instants."""

    since: datetime
    until: datetime

    def before(self) -> "Window":
        """The span of the same length that ends where this one begins."""
        return Window(self.since - (self.until - self.since), self.since)

    def hours(self) -> int:
        """How many whole hours it has."""
        return (self.until - self.since) // HOUR

    def dates(self, ask: Ask) -> DayWindow:
        """The local days it touches."""
        last = (self.until - timedelta(microseconds=1)).astimezone(ask.timezone)
        return DayWindow(self.since.astimezone(ask.timezone).date(), last.date())

    def is_whole_days(self, ask: Ask) -> bool:
        """Whether both ends are local midnights."""
        return all(end.astimezone(ask.timezone).time() == time.min for end in (self.since, self.until))


def today(ask: Ask) -> date:
    """The local date of as-of."""
    return ask.as_of.astimezone(ask.timezone).date()


def last_midnight(ask: Ask) -> datetime:
    """The local midnight at which as-of's own date began."""
    return datetime.combine(today(ask), time.min, ask.timezone)


def days_before(ask: Ask, span: timedelta) -> DayWindow:
    """The whole local days before as-of's own date: 30d as of the 12th 09:00 ends with the 11th."""
    return DayWindow(today(ask) - span, today(ask) - DAY)


def resolve(text: str, ask: Ask) -> datetime | None:
    """An ISO date (local midnight), an ISO instant (local unless it has an offset) or `anchor [+|- 24h]`.

    None when the anchor is not one of the run's: what it names is unknown, and the caller says so.
    """
    match = _OFFSET.fullmatch(text.strip())
    if not match:
        return _iso(text.strip(), ask)
    anchor = ask.anchors.get(match["anchor"])
    if anchor is None or not match["span"]:
        return anchor
    shift = parse_duration(match["span"])
    return anchor + shift if match["sign"] == "+" else anchor - shift


def _iso(text: str, ask: Ask) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=ask.timezone)


def window_of(since: str, until: str | None, ask: Ask) -> tuple[Window | None, str, str]:
    """The window two parameters name, or None with what is missing in English and Chinese.

    `until` None is the last local midnight: the end of the last day that is over.
    """
    ends = {"since": resolve(since, ask), "until": resolve(until, ask) if until else last_midnight(ask)}
    for text, problem, zh in _problems(ends, since, until, ask):
        return None, f"{text}: {problem}", f"{text}：{zh}"
    return Window(ends["since"], ends["until"]), "", ""


def _problems(ends: dict, since: str, until: str | None, ask: Ask) -> Iterator[tuple[str, str, str]]:
    for name, text in (("since", since), ("until", until)):
        if ends[name] is None:
            yield name, f"{text!r} is neither an anchor of the run nor a date", f"“{text}”既不是本次运行的锚点也不是日期"
            return
    if ends["until"] > ask.as_of:
        yield "until", f"{ends['until'].isoformat()} is after as-of", f"{ends['until'].isoformat()} 晚于截止时刻"
    if ends["since"] >= ends["until"]:
        yield "since", "the window has not begun", "窗口尚未开始"
