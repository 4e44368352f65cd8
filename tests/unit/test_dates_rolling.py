"""Roll rules: a date on a day off moves to a working day and keeps its time of day; make-up Saturdays are working days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.playbook.calendar import announced_until, rolled, working_day
from ecops.playbook.dates import BadRule, parse_moment, parse_rule, resolve

SHANGHAI, NEW_YORK, BERLIN = (ZoneInfo(name) for name in ("Asia/Shanghai", "America/New_York", "Europe/Berlin"))
DAYS = st.dates(date(2019, 12, 20), date(2026, 12, 31))
MINUTES = st.integers(240, 1439).map(lambda minute: timedelta(minutes=minute))  # after the hours in which clocks change


def at(text, zone=SHANGHAI):
    return parse_moment(text, zone)


def meant(rule, day, zone=SHANGHAI):
    return resolve(parse_rule(rule), {"day": at(day, zone)}, zone)


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        ("day roll forward", "2026-10-01 20:00", "2026-10-08 20:00"),  # Golden Week ends on the 7th
        ("day roll back", "2026-10-01 20:00", "2026-09-30 20:00"),
        ("day roll back", "2026-10-11 09:00", "2026-10-10 09:00"),  # Sunday, after the make-up Saturday
        ("day roll forward", "2026-10-10 09:00", "2026-10-10 09:00"),  # the make-up Saturday stays
        ("day - 1d 18:00 roll back", "2026-03-09 10:00", "2026-03-06 18:00"),  # Sunday: Friday
        ("day + 1d roll forward", "2026-03-06 10:00", "2026-03-09 10:00"),
        ("1d after day 12:00 roll forward", "2026-03-06 10:00", "2026-03-09 12:00"),
        ("day + 24h roll back", "2026-03-06 10:00", "2026-03-06 10:00"),
        ("day roll forward", "2024-02-29 08:00", "2024-02-29 08:00"),  # a leap day that is a Thursday
        ("day roll forward", "2023-12-31 23:59", "2024-01-02 23:59"),  # Sunday, New Year, then Tuesday
        ("day - 1d roll back", "2024-01-02 00:00", "2023-12-29 00:00"),
    ],
)
def test_a_date_on_a_day_off_moves_and_keeps_its_time_of_day(rule, day, expected):
    found = meant(rule, day)
    assert (found.at, found.provisional) == (at(expected), False)


@pytest.mark.parametrize(
    ("rule", "day", "provisional"),
    [
        ("day roll forward", "2051-03-03 09:00", True),  # even a day that stays: it could become a holiday
        ("day roll forward", "2025-12-31 09:00", False),
        ("day - 1d roll forward", "2004-01-01 09:00", True),
        ("day roll back", "2004-01-01 09:00", True),  # New Year, and the days before are of a year that is not known
        ("day roll forward", "2004-01-01 09:00", False),
    ],
)
def test_it_is_provisional_where_a_day_looked_at_is_not_announced(rule, day, provisional):
    assert meant(rule, day).provisional == provisional


@pytest.mark.parametrize("text", ["day roll", "day roll backward", "roll back", "day roll back 18:00", "day roll forward roll back", "2026-10-03 20:00 roll forward"])
def test_what_is_no_roll_is_refused(text):
    with pytest.raises(BadRule, match="is not a date rule"):
        parse_rule(text)


def test_the_last_announced_day_is_that_of_the_package():
    end = announced_until()
    assert (end.month, end.day) == (12, 31)
    assert not working_day(end)[1] and working_day(end + timedelta(days=1))[1]


@settings(max_examples=60, deadline=None)
@given(DAYS, MINUTES, st.sampled_from(["forward", "back"]), st.sampled_from([SHANGHAI, NEW_YORK, BERLIN]))
def test_a_roll_ends_on_the_nearest_working_day_at_the_same_time_and_rolling_again_changes_nothing(day, minute, way, zone):
    wall = datetime.combine(day, datetime.min.time()) + minute
    start = wall.replace(tzinfo=zone).astimezone(UTC)
    once = resolve(parse_rule(f"day roll {way}"), {"day": start}, zone).at
    here, there = start.astimezone(zone), once.astimezone(zone)
    passed = [here.date() + timedelta(days=n) for n in range(min(0, (there.date() - here.date()).days) + 1, max(0, (there.date() - here.date()).days))]
    assert working_day(there.date())[0] and not any(working_day(one)[0] for one in passed)
    assert there.time() == here.time() and (once >= start if way == "forward" else once <= start)
    assert resolve(parse_rule(f"day roll {way}"), {"day": once}, zone).at == once


@settings(max_examples=60, deadline=None)
@given(DAYS, DAYS, st.sampled_from([1, -1]))
def test_rolling_keeps_the_order_of_days(one, other, step):
    first, last = sorted((one, other))
    assert rolled(first, step)[0] <= rolled(last, step)[0]
    assert rolled(one, -1)[0] <= one <= rolled(one, 1)[0]
