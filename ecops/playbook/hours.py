"""Service hours: the hours of each day in which people answer, `09:00-21:00`, or past midnight `09:00-01:00`.

Shops answer on holidays too, so every day has them. They are read on the wall clock of a time zone.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ecops.playbook.wall import from_the_wall, on_the_wall

FORM = r"([01]?[0-9]|2[0-3]):[0-5][0-9] ?- ?(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)"
LEAST = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ServiceHours:
    """`opens` and `closes` count from midnight of the day they begin on; `closes` lies past 24 h where they cross midnight."""

    text: str
    opens: timedelta
    closes: timedelta

    def of(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """When they begin and end on a day, as aware UTC instants; a day's never reach into the next day's, whatever the clocks do."""
        midnight = datetime.combine(day, time())
        begins, ends, following = (from_the_wall(midnight + span, zone) for span in (self.opens, self.closes, self.opens + _DAY))
        return begins, max(begins, min(ends, following))

    def shift(self, at: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
        """`at` moved by so much time inside the hours, back when negative; from outside it counts from the next (the last) moment inside.

        Raises OverflowError at the ends of Python's calendar.
        """
        forward, left = span >= timedelta(), abs(span)
        day = on_the_wall(at, zone).date() - (_DAY if forward else timedelta())  # last night's may still go on
        while True:
            begins, ends = self.of(day, zone)
            begins, ends = (max(at, begins), ends) if forward else (begins, min(at, ends))
            if left <= ends - begins:
                return begins + left if forward else ends - left
            left -= max(ends - begins, timedelta())
            day += _DAY if forward else -_DAY


def parse_service_hours(text: str) -> ServiceHours:
    """Text -> ServiceHours. Raises ValueError."""
    text = str(text).strip()
    if not re.fullmatch(FORM, text):
        raise ValueError(f"{text!r} are no service hours; write for example 09:00-21:00, or 09:00-01:00 past midnight")
    opens, closes = (_since_midnight(end) for end in text.split("-"))
    if opens == closes:
        raise ValueError(f"service hours {text!r} begin when they end; write 00:00-24:00 for the whole day")
    closes += _DAY if closes < opens else timedelta()
    if closes - opens < LEAST:
        raise ValueError(f"{text!r} are less than an hour a day; write the hours in which people answer")
    return ServiceHours(text, opens, closes)


def _since_midnight(text: str) -> timedelta:
    hour, minute = text.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))
