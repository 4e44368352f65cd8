"""Chinese working days, make-up Saturdays included, and what is known of years not announced yet.

The State Council announces a year's days in the autumn before; the `chinesecalendar` package carries the announced years.
For other years Monday to Friday is used and the answer is marked provisional.
"""

from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar
from chinese_calendar import constants


@lru_cache(maxsize=4096)
def working_day(day: date) -> tuple[bool, bool]:
    """(is it a working day, is that provisional because the year is not announced)."""
    try:
        return chinese_calendar.is_workday(day), False
    except NotImplementedError:
        return day.weekday() < 5, True


def add_working_days(day: date, count: int) -> tuple[date, bool]:
    """The date `count` working days after (before, when negative) `day`, and whether any day passed was provisional.

    The starting day itself never counts: one working day after a Friday evening is Monday, or a make-up Saturday.
    """
    step, provisional = (1 if count > 0 else -1), False
    for _ in range(abs(count)):
        day, unsure = _next_working_day(day, step)
        provisional |= unsure
    return day, provisional


def rolled(day: date, step: int) -> tuple[date, bool]:
    """`day` itself when it is a working day, otherwise the next one (`step` 1) or the last one before (-1); and whether a day looked at was provisional."""
    works, provisional = working_day(day)
    if works:
        return day, provisional
    found, unsure = _next_working_day(day, step)
    return found, provisional or unsure


def announced_until() -> date:
    """The last day of the last year whose days are announced, as the calendar's package knows them."""
    return date(max(constants.holidays).year, 12, 31)


def days_left(today: date) -> int:
    """How many announced days come after today; negative once the last one has passed."""
    return (announced_until() - today).days


def _next_working_day(day: date, step: int) -> tuple[date, bool]:
    provisional = False
    while True:
        day += timedelta(days=step)
        works, unsure = working_day(day)
        provisional |= unsure
        if works:
            return day, provisional
