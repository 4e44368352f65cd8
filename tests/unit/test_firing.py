"""When a schedule fires, and which moment a late firing stands for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.engine.firing import LATE, moment_of
from ecops.playbook.cron import last_firing
from ecops.playbook.model import Playbook

CHINA, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LINES = ["0 8 * * *", "0 9 * * 2,5", "30 7 1 * *", "*/15 * * * *", "0 10 1 * 1", "0 0 29 2 *", "5 4 * * sun", "0 8 * * 7"]


def china(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("line", "at", "wanted"),
    [
        ("0 8 * * *", china(2026, 11, 11, 8), china(2026, 11, 11, 8)),
        ("0 8 * * *", china(2026, 11, 11, 7, 59), china(2026, 11, 10, 8)),
        ("0 9 * * 2,5", china(2026, 11, 12, 12), china(2026, 11, 10, 9)),
        ("0 9 * * 0", china(2026, 11, 11), china(2026, 11, 8, 9)),
        ("0 9 * * 7", china(2026, 11, 11), china(2026, 11, 8, 9)),
        ("30 7 1 * *", china(2026, 3, 1, 7), china(2026, 2, 1, 7, 30)),
        ("0 0 29 2 *", china(2027, 1, 1), china(2024, 2, 29)),
        ("0 10 15 * 1", china(2026, 11, 17), china(2026, 11, 16, 10)),  # a Monday: day of the month or weekday
        ("0 10 15 * 1", china(2026, 11, 15, 11), china(2026, 11, 15, 10)),
        ("*/20 9-10 * * *", china(2026, 11, 11, 10, 59), china(2026, 11, 11, 10, 40)),
    ],
)
def test_the_newest_firing_at_or_before_a_moment(line, at, wanted):
    assert last_firing(line, at, CHINA) == wanted


@given(line=st.sampled_from(LINES), at=st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)), zone=st.sampled_from([CHINA, BERLIN, ZoneInfo("UTC")]))
def test_a_firing_stands_for_itself_and_none_lies_between(line, at, zone):
    at = at.replace(tzinfo=UTC, second=0, microsecond=0)
    found = last_firing(line, at, zone)
    assert found <= at
    assert last_firing(line, found, zone) == found
    middle = found + (at - found) / 2
    assert last_firing(line, middle.replace(second=0, microsecond=0), zone) in (found, None) or middle < found


def daily(missed: str, cron: str = "0 8 * * *") -> Playbook:
    return Playbook.model_validate({
        "playbook": "dawn", "title": "Dawn", "phase": "daily", "schedule": {"cron": cron, "missed": missed}, "steps": [{"id": "look", "milestone": True}],
    })  # fmt: skip


MONDAY = china(2026, 11, 9, 8)


@pytest.mark.parametrize("missed", ["once", "skip"])
def test_a_firing_in_its_time_stands_for_itself(missed):
    for late in (timedelta(0), timedelta(seconds=9), LATE):
        assert moment_of(daily(missed), MONDAY, MONDAY + late) == MONDAY


@pytest.mark.parametrize(("now", "wanted"), [(MONDAY + timedelta(hours=2), MONDAY), (MONDAY + timedelta(days=3, hours=2), MONDAY + timedelta(days=3))])
def test_what_was_missed_is_caught_up_once_by_the_newest_or_left_out(now, wanted):
    laid_out = [MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)]
    late = [fired for fired in laid_out if fired <= now]
    assert {moment_of(daily("once"), fired, now) for fired in late} == {wanted}
    assert {moment_of(daily("skip"), fired, now) for fired in late} == {None}


def test_a_firing_by_hand_is_of_its_own_moment():
    at = MONDAY + timedelta(hours=3, minutes=7)
    assert moment_of(daily("skip"), at, at + timedelta(hours=9)) == at
    assert moment_of(daily("once").model_copy(update={"schedule": None}), MONDAY, MONDAY + timedelta(days=9)) == MONDAY
