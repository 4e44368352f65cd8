"""The days a file is about, where only its notes or its name say so."""

import re
from collections.abc import Iterable
from datetime import date

_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/._年]?)(\d{1,2})(?:\2|月)(\d{1,2})(?!\d)")


def days_named(texts: Iterable[str]) -> tuple[date, date] | None:
    """First and last day of the first text that names any; None where none does."""
    named = next((days for text in texts if (days := _days(text))), None)
    return (min(named), max(named)) if named else None


def _days(text: str) -> list[date]:
    found = (_day(*groups) for groups in _DAY.findall(text))
    return [day for day in found if day][:2]


def _day(year: str, mark: str, month: str, day: str) -> date | None:
    if not mark and len(month) + len(day) != 4:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
