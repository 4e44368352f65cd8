"""Service hours: time counts inside them only, on every day, on the wall clock of a zone whose clocks may change."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.engine.plan import due_when_ready, make_plan
from ecops.playbook.check import read_playbook
from ecops.playbook.dates import BadRule, parse_moment, parse_rule, resolve
from ecops.playbook.hours import parse_service_hours
from ecops.playbook.include import schema
from ecops.playbook.model import Playbook

SHANGHAI, NEW_YORK, BERLIN = (ZoneInfo(name) for name in ("Asia/Shanghai", "America/New_York", "Europe/Berlin"))
ZONES = st.sampled_from([SHANGHAI, NEW_YORK, BERLIN])
HOURS = st.sampled_from(["09:00-21:00", "09:00-01:00", "22:00-06:30", "00:00-24:00", "01:30-02:45", "02:30-02:15"]).map(parse_service_hours)
# The nights of clock changes, leap days and year ends, and days in between.
DAYS = st.one_of(st.sampled_from([date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1), date(2024, 2, 29), date(2025, 12, 31)]), st.dates(date(2024, 1, 1), date(2027, 12, 31)))
MOMENTS = st.builds(lambda day, minute: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute), DAYS, st.integers(-600, 2000))
SPANS = st.integers(0, 3000).map(lambda minutes: timedelta(minutes=minutes))
CHEAP = settings(max_examples=60, deadline=None)


def at(text, zone=SHANGHAI):
    return parse_moment(text, zone)


def inside(hours, moment, zone, span=timedelta(minutes=1)):
    """Whether the service hours hold the minute that begins at this moment."""
    return any(begins <= moment and moment + span <= ends for begins, ends in windows(hours, moment, moment, zone))


def windows(hours, since, until, zone):
    first, last = (moment.astimezone(zone).date() for moment in (since, until))
    return [hours.of(first + timedelta(days=n), zone) for n in range(-2, (last - first).days + 3)]


def between(hours, since, until, zone):
    """The service time from one moment to another, summed by hand."""
    return sum((max(min(until, ends) - max(since, begins), timedelta()) for begins, ends in windows(hours, since, until, zone)), timedelta())


@pytest.mark.parametrize(
    ("hours", "rule", "start", "expected"),
    [
        ("09:00-21:00", "4 service hours after ready", "2026-11-02 10:00", "2026-11-02 14:00"),
        ("09:00-21:00", "4 service hours after ready", "2026-11-02 19:00", "2026-11-03 11:00"),
        ("09:00-21:00", "4 service hours after ready", "2026-11-02 17:00", "2026-11-02 21:00"),
        ("09:00-21:00", "4 service hours after ready", "2026-11-02 23:00", "2026-11-03 13:00"),
        ("09:00-21:00", "4 service hours after ready", "2026-10-01 19:00", "2026-10-02 11:00"),  # shops answer on holidays
        ("09:00-21:00", "+30 service minutes", "2026-11-02 20:45", "2026-11-03 09:15"),
        ("09:00-21:00", "+ 1 service hour + 1 service minute", "2026-11-02 08:00", "2026-11-02 10:01"),
        ("09:00-01:00", "2 service hours after ready", "2026-11-02 23:30", "2026-11-03 09:30"),
        ("09:00-01:00", "2 service hours after ready", "2026-11-03 00:30", "2026-11-03 10:30"),
        ("09:00-01:00", "1 service hour after ready", "2026-12-31 23:30", "2027-01-01 00:30"),
        ("00:00-24:00", "30 service hours after ready", "2026-02-28 12:00", "2026-03-01 18:00"),
        ("09:00-21:00", "13 service hours before ready", "2024-03-01 10:00", "2024-02-29 09:00"),
        ("09:00-21:00", "1 service hour before ready", "2026-11-02 08:00", "2026-11-01 20:00"),
        ("09:00-21:00", "+2 service hours 18:00", "2026-11-02 20:00", "2026-11-03 18:00"),
        ("09:00-21:00", "+2 service hours roll forward", "2026-11-06 20:00", "2026-11-09 10:00"),  # Saturday morning rolls to Monday
    ],
)
def test_the_clock_stands_still_outside_the_hours(hours, rule, start, expected):
    assert resolve(parse_rule(rule), {"ready": at(start)}, SHANGHAI, parse_service_hours(hours)).at == at(expected)


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [(NEW_YORK, "2026-03-07 20:00", "2026-03-08 04:00"), (NEW_YORK, "2026-10-31 20:00", "2026-11-01 02:00"), (BERLIN, "2026-03-28 20:00", "2026-03-29 04:00"), (BERLIN, "2026-10-24 20:00", "2026-10-25 02:00")],
)
def test_a_night_with_a_clock_change_has_an_hour_less_or_more(zone, start, expected):
    found = resolve(parse_rule("+7 service hours"), {"ready": at(start, zone)}, zone, parse_service_hours("20:00-08:00")).at
    assert found == at(start, zone) + timedelta(hours=7) and found.astimezone(zone).hour == at(expected, zone).astimezone(zone).hour


@pytest.mark.parametrize("text", ["", "9-21", "09:00", "09:00-25:00", "09:00-24:30", "09:00-09:00", "09:00-09:59", "nine-five", "９:00-21:00"])
def test_what_are_no_service_hours_is_a_sentence(text):
    with pytest.raises(ValueError, match="hour"):
        parse_service_hours(text)


def test_service_time_without_service_hours_is_refused_and_so_is_time_past_the_calendar():
    with pytest.raises(BadRule, match="there are none"):
        resolve(parse_rule("+4 service hours"), {"ready": at("2026-11-02")}, SHANGHAI)
    with pytest.raises(BadRule, match="outside the years"):
        resolve(parse_rule("+9999 service hours"), {"ready": at("2998-01-02")}, SHANGHAI, parse_service_hours("09:00-10:00"))


@CHEAP
@given(HOURS, MOMENTS, SPANS, ZONES)
def test_exactly_so_much_service_time_passes_and_the_end_lies_inside(hours, start, span, zone):
    end, before = hours.shift(start, span, zone), hours.shift(start, -span, zone)
    assert between(hours, start, end, zone) == span and (before > start or between(hours, before, start, zone) == span)
    if span:
        assert end > start > before
        assert inside(hours, end - timedelta(minutes=1), zone) and inside(hours, before, zone)
    else:
        assert end == before == start or not inside(hours, start, zone)


@CHEAP
@given(HOURS, MOMENTS, SPANS, ZONES)
def test_there_and_back_comes_home_from_inside(hours, start, span, zone):
    if inside(hours, start, zone):
        assert hours.shift(hours.shift(start, span, zone), -span, zone) == start


@CHEAP
@given(HOURS, MOMENTS, MOMENTS, SPANS, SPANS, ZONES)
def test_a_later_start_and_a_longer_span_never_end_earlier(hours, one, other, short, long, zone):
    (first, last), (short, long) = sorted((one, other)), sorted((short, long))
    assert hours.shift(first, short, zone) <= hours.shift(last, long, zone)
    assert hours.shift(first, -long, zone) <= hours.shift(last, -short, zone)


@CHEAP
@given(st.sampled_from(["09:00-21:00", "09:00-01:00", "22:00-00:30"]).map(parse_service_hours), MOMENTS, st.integers(1, 3000), ZONES)
def test_the_wall_shows_a_time_within_the_hours(hours, start, minutes, zone):
    wall = (hours.shift(start, timedelta(minutes=minutes), zone) - timedelta(minutes=1)).astimezone(zone)
    shown, day = timedelta(hours=wall.hour, minutes=wall.minute), timedelta(days=1)
    assert hours.opens <= shown < hours.closes or shown + day < hours.closes


# --- in a playbook ---------------------------------------------------------------------------------------------------------

TEXT = """playbook: answer
title: {zh: 答复, en: Answer}
phase: daily
service_hours: 09:00-21:00
steps:
  - {id: reply, duty: service, role: service, checklist: [reply], due: 4 service hours after ready}
  - {id: call, duty: service, role: service, checklist: [call], due: D + 30 service minutes}
"""


def found(text):
    return [(one.line, one.code, one.remedy) for one in read_playbook(text, "answer.yaml", {})[1] if one.severity == "error"]


def test_a_playbook_counts_in_its_hours_and_keeps_them():
    playbook, problems = read_playbook(TEXT, "answer.yaml", {})
    assert [str(one) for one in problems] == []
    assert Playbook.model_validate_json(playbook.model_dump_json(by_alias=True)) == playbook
    plan = make_plan(playbook, date(2026, 11, 2), at("2026-11-01"), {})
    assert plan.of("call").due == at("2026-11-02 09:30") and plan.of("reply").due is None
    assert due_when_ready(playbook, playbook.step("reply"), None, at("2026-11-02 19:00")) == at("2026-11-03 11:00")


def test_service_time_in_a_playbook_without_hours_is_told_in_its_line():
    assert [(line, code) for line, code, _ in found(TEXT.replace("service_hours: 09:00-21:00\n", ""))] == [(5, "no-service-hours"), (6, "no-service-hours")]
    assert "service_hours: " in found(TEXT.replace("service_hours: 09:00-21:00\n", ""))[0][2]
    for field, rule in (("anchors", "anchors: {late: {at: D + 4 service hours}}"), ("then", "then: {playbook: answer, day: D + 40 service hours}"), ("freezes", "freezes: [{id: f, title: f, from: D, until: D + 9 service hours, steps: [call]}]")):
        assert "no-service-hours" in [code for _, code, _ in found(TEXT.replace("service_hours: 09:00-21:00\n", rule + "\n"))], field


def test_hours_that_nothing_counts_in_and_wrong_ones_are_told():
    assert [code for _, code, _ in found(re.sub("service (hours|minutes)", "h", TEXT).replace("4 h", "4h").replace("30 h", "30m"))] == ["unused"]
    assert [(line, code) for line, code, _ in found(TEXT.replace("09:00-21:00", "09:00-09:30"))] == [(4, "value-error")]


@pytest.mark.parametrize("text", ["09:00-21:00", "9:00 - 1:00", "00:00-24:00", " 09:00-21:00 "])
def test_the_schema_takes_what_the_parser_takes(text):
    field = schema()["properties"]["service_hours"]
    (pattern,) = [one["pattern"] for one in field["anyOf"] if one["type"] == "string"]
    assert re.search(pattern, text) and parse_service_hours(text)
    assert not re.search(pattern, "9-21")
