"""Date rules: signed offsets, elapsed hours, calendar days, working days, time of day, time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.playbook.calendar import add_working_days, working_day
from ecops.playbook.dates import BadRule, parse_moment, parse_rule, resolve

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def local(text, zone=SHANGHAI):
    return parse_moment(text, zone)


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        ("day - 45d 18:00", "2026-11-10 20:00", "2026-09-26 18:00"),
        ("day + 24h", "2026-11-10 20:00", "2026-11-11 20:00"),
        ("day", "2026-11-10 20:00", "2026-11-10 20:00"),
        ("day - 2w", "2026-11-10 20:00", "2026-10-27 20:00"),
        ("2 working days before day 09:00", "2026-11-10 20:00", "2026-11-06 09:00"),
        ("24h after day", "2026-11-10 20:00", "2026-11-11 20:00"),
        ("day - 1d + 2h", "2026-03-01 10:00", "2026-02-28 12:00"),
        ("day - 366d", "2025-03-01 00:00", "2024-02-29 00:00"),
        ("2026-11-11 20:00", "2026-01-01 00:00", "2026-11-11 20:00"),
    ],
)
def test_a_rule_means_one_instant(rule, day, expected):
    assert resolve(parse_rule(rule), {"day": local(day)}, SHANGHAI).at == local(expected)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-03-06 18:00", "2026-03-11 18:00"),  # Friday evening: Monday, Tuesday, Wednesday
        ("2026-10-01 10:00", "2026-10-10 10:00"),  # inside Golden Week: 8, 9, and the make-up Saturday 10 October
        ("2026-09-18 09:00", "2026-09-22 09:00"),  # Friday before the make-up Sunday 20 September: 20, 21, 22
    ],
)
def test_three_working_days_know_holidays_and_make_up_days(start, expected):
    assert resolve(parse_rule("+3 working days"), {"ready": local(start)}, SHANGHAI).at == local(expected)


def test_a_year_that_is_not_announced_is_marked():
    assert working_day(datetime(2031, 3, 3).date()) == (True, True)
    assert resolve(parse_rule("+3 working days"), {"ready": local("2031-03-03 09:00")}, SHANGHAI).provisional
    assert not resolve(parse_rule("+3 working days"), {"ready": local("2026-03-03 09:00")}, SHANGHAI).provisional


def test_days_keep_the_wall_clock_and_hours_keep_the_elapsed_time_over_a_clock_change():
    before = local("2026-03-07 09:00", NEW_YORK)
    assert resolve(parse_rule("day + 1d"), {"day": before}, NEW_YORK).at == local("2026-03-08 09:00", NEW_YORK)
    assert resolve(parse_rule("day + 24h"), {"day": before}, NEW_YORK).at == before + timedelta(hours=24)


@pytest.mark.parametrize("text", ["", "day -", "day - 45x", "day 25:00", "2026-02-30", "- 3", "day - 45d 18:00 sharp", "天 - 3d", "day + 1d + 1d + 1d + 1d + 1d", "9999-12-31T23:00-01:00", "0001-01-01T00:00+08:00"])
def test_what_is_no_rule_is_refused_with_an_example(text):
    with pytest.raises(BadRule, match="date"):
        parse_rule(text)


@given(st.integers(-400, 400), st.datetimes(datetime(2020, 1, 1), datetime(2026, 6, 1)))
def test_days_there_and_back_come_home(days, start):
    at = start.replace(tzinfo=SHANGHAI).astimezone(UTC)
    sign = "+" if days >= 0 else "-"
    there = resolve(parse_rule(f"day {sign} {abs(days)}d"), {"day": at}, SHANGHAI).at
    back = "-" if days >= 0 else "+"
    assert resolve(parse_rule(f"day {back} {abs(days)}d"), {"day": there}, SHANGHAI).at == at


@given(st.integers(1, 40), st.dates(datetime(2020, 1, 1).date(), datetime(2026, 6, 1).date()))
def test_working_days_pass_exactly_as_many_working_days(count, day):
    end, _ = add_working_days(day, count)
    passed = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(working_day(one)[0] for one in passed) == count and working_day(end)[0]
