"""What people read about the calendar: the doctor's line, the clock's warning, the zone of a shop."""

import logging
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ecops import cli, clock
from ecops.home import Home
from ecops.playbook.calendar import announced_until, days_left
from ecops.store.database import Store
from tests.integration.test_verbs import call  # noqa: F401

LAST = announced_until()


def evening(days_before: int) -> datetime:
    """23:30 in Shanghai, so many days before the last announced one; in UTC it is the same day's afternoon."""
    return datetime.combine(LAST - timedelta(days=days_before), time(23, 30), ZoneInfo("Asia/Shanghai")).astimezone(UTC)


@pytest.mark.parametrize(("before", "fine", "said"), [(36, True, "; 36 days left"), (0, True, "; 0 days left"), (-1, False, "chinesecalendar")])
def test_the_doctor_says_until_when_working_days_are_announced(call, monkeypatch, before, fine, said):  # noqa: F811
    monkeypatch.setattr(cli, "now", lambda: evening(before))
    _, report, _ = call("doctor", "--json")
    (found,) = [one for one in report["findings"] if one["part"] == "calendar"]
    assert found["ok"] == fine and f"until {LAST}" in found["message"] and said in found["message"]


@pytest.mark.parametrize(("before", "warns"), [(45, False), (44, True), (-3, True)])
def test_the_clock_warns_once_a_start_when_few_announced_days_are_left(monkeypatch, caplog, tmp_path, before, warns):
    class Fixed(datetime):
        @classmethod
        def now(cls, tz=None):
            return evening(before)

    monkeypatch.setattr(clock, "datetime", Fixed)
    with caplog.at_level(logging.WARNING, "ecops.clock"):
        clock.Clock(Store.in_memory(), Home.from_environment({"ECOPS_HOME": str(tmp_path)})).calendar()
    assert [str(LAST) in record.getMessage() and "chinesecalendar" in record.getMessage() for record in caplog.records] == [True] * warns
    assert days_left(LAST) == 0


def test_a_shop_keeps_the_zone_it_is_added_with(call):  # noqa: F811
    words = ("shop", "add", "ginza", "--name", "Ginza", "--platform", "tmall", "--json")
    status, _, said = call(*words, "--timezone", "Asia/Tokio")
    assert status == 2 and "there is no time zone 'Asia/Tokio'" in said and "Traceback" not in said
    assert call(*words, "--timezone", "Asia/Tokyo")[1]["timezone"] == "Asia/Tokyo"
    assert {row["shop"]: row["timezone"] for row in call("shop", "list", "--json")[1]} == {"a": None, "b": None, "ginza": "Asia/Tokyo"}
