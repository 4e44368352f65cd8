"""A playbook and a day give the dated plan; rounds and rungs are pure arithmetic."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.engine.plan import due_when_ready, make_plan, next_round, resolve_anchors, rungs
from ecops.engine.states import ITEM_CLOSED, STEP_ENDED, STEP_FINISHED, TABLES, sources
from ecops.errors import BadCall
from ecops.playbook.model import Playbook

CHINA = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 11)
LAUNCHED = datetime(2026, 9, 1, 10, tzinfo=CHINA)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def book(*steps: dict, **more) -> Playbook:
    head = {"playbook": "tiny", "title": "Tiny", "phase": "campaign", "anchors": {"day": {"at": "D 00:00"}, "presale": {"default": "day - 18d 20:00"}}}
    return Playbook.model_validate(head | more | {"steps": list(steps) or [{"id": "x", "checklist": ["x"]}]})


def step(**fields):
    made = book({"id": "x", "checklist": ["x"]} | fields)
    return made, made.steps[0]


def repeat(every: str):
    return book({"id": "x", "task": "campaign.watch_hour", "every": every, "from": "day", "until": "day + 1d"}).steps[0]


# --- anchors -------------------------------------------------------------------------------------------------------


def test_anchors_follow_from_the_day_and_from_each_other():
    anchors = resolve_anchors(book(anchors={"last": {"at": "presale + 1w"}, "presale": {"default": "day - 18d 20:00"}, "day": {"at": "D"}}), DAY, LAUNCHED, {})
    assert anchors["day"] == anchors["D"] == local("2026-11-11")
    assert anchors["presale"] == local("2026-10-24 20:00")
    assert anchors["last"] == local("2026-10-31 20:00")
    assert anchors["launch"] == LAUNCHED
    assert all(at.utcoffset() == timedelta(0) for name, at in anchors.items() if name != "launch")


def test_an_anchor_given_at_the_launch_moves_what_counts_from_it():
    plan = make_plan(book({"id": "x", "checklist": ["x"], "due": "presale - 1d 18:00"}), DAY, LAUNCHED, {"presale": "2026-10-20 20:00"})
    assert plan.anchors["presale"] == local("2026-10-20 20:00")
    assert plan.of("x").due == local("2026-10-19 18:00")


def test_an_unknown_or_missing_or_unreadable_anchor_is_a_sentence():
    with pytest.raises(BadCall, match="no anchor nobody"):
        make_plan(book(), DAY, LAUNCHED, {"nobody": "2026-10-20"})
    with pytest.raises(BadCall, match="--anchor opening="):
        make_plan(book(anchors={"opening": {"required": True}}), DAY, LAUNCHED, {})
    with pytest.raises(BadCall, match="The anchor presale"):
        make_plan(book(), DAY, LAUNCHED, {"presale": "next week"})


# --- the plan ------------------------------------------------------------------------------------------------------


def test_a_plan_holds_every_step_in_order_with_its_times():
    plan = make_plan(
        book(
            {"id": "pick", "task": "campaign.pick_items", "start": "day - 60d 09:00"},
            {"id": "confirm", "checklist": {"each": "steps.pick.items", "item": "x"}, "due": "day - 45d 18:00"},
            {"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 24h"},
            {"id": "close", "checklist": ["x"], "needs": ["watch", "confirm"], "due": "24h after ready"},
        ),
        DAY, LAUNCHED, {},
    )  # fmt: skip
    assert [(one.step.id, one.ordinal, one.needs) for one in plan.steps] == [("pick", 0, ()), ("confirm", 1, ("pick",)), ("watch", 2, ()), ("close", 3, ("watch", "confirm"))]
    assert plan.of("pick").begin == local("2026-09-12 09:00")
    assert plan.of("confirm").due == local("2026-09-27 18:00")
    assert (plan.of("watch").begin, plan.of("watch").until) == (local("2026-11-11"), local("2026-11-12"))
    assert plan.of("close").due is None


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1899, 12, 31), date(3000, 1, 1), date(9999, 12, 31)])
def test_a_day_outside_the_calendar_is_a_sentence(day):
    with pytest.raises(BadCall, match="outside the years 1900 to 2999"):
        make_plan(book(), day, LAUNCHED, {})


def test_an_offset_that_leaves_the_calendar_is_a_sentence():
    for rule in ("day + 9999w + 9999w + 9999w", "day - 9999w - 9999w - 9999w - 9999w"):
        with pytest.raises(BadCall, match="cannot be dated"):
            make_plan(book({"id": "x", "checklist": ["x"], "due": rule}), date(2500, 11, 11), LAUNCHED, {})


def test_a_year_whose_holidays_are_not_announced_is_provisional():
    fields = {"checklist": ["x"], "due": "day + 3 working days"}
    assert not make_plan(book({"id": "x"} | fields), date(2025, 11, 11), LAUNCHED, {}).of("x").provisional
    assert make_plan(book({"id": "x"} | fields), date(2050, 11, 11), LAUNCHED, {}).of("x").provisional


def test_a_due_time_from_ready_is_known_when_the_step_is_ready():
    made, one = step(due="+1d 18:00")
    assert due_when_ready(made, one, None, local("2026-11-01 23:30")) == local("2026-11-02 18:00")
    assert due_when_ready(made, one, local("2026-11-05"), local("2026-11-01")) == local("2026-11-05")
    made, one = step()
    assert due_when_ready(made, one, None, LAUNCHED) is None


@settings(deadline=None)
@given(day=st.dates(date(2004, 6, 1), date(2030, 1, 1)), days=st.integers(0, 400), hour=st.integers(0, 23))
def test_days_before_keep_the_wall_clock_and_the_order(day, days, hour):
    made = book({"id": "x", "checklist": ["x"], "due": f"day - {days}d {hour:02}:30"}, {"id": "y", "checklist": ["y"], "due": f"day - {days + 1}d {hour:02}:30"})
    plan = make_plan(made, day, LAUNCHED, {})
    due = plan.of("x").due.astimezone(CHINA)
    assert (due.date(), due.hour, due.minute) == (day - timedelta(days=days), hour, 30)
    assert plan.of("y").due < plan.of("x").due and plan.of("x").due.tzinfo == UTC


# --- rounds --------------------------------------------------------------------------------------------------------

BEGIN = local("2026-11-11")


@settings(deadline=None)
@given(every=st.sampled_from(["1m", "7m", "1h", "5h", "1d"]), length=st.integers(0, 100_000), late=st.integers(-100_000, 200_000), passed=st.integers(0, 50))
def test_the_next_round_lies_on_the_grid_after_the_last_and_never_past_the_end(every, length, late, passed):
    one = repeat(every)
    until = BEGIN + timedelta(minutes=length)
    at = BEGIN + passed * one.every
    now = at + timedelta(minutes=late)
    following = next_round(one, at, until, now, CHINA)
    last = BEGIN + (max(until - BEGIN, timedelta()) // one.every) * one.every
    if following is None:
        assert at >= last
        return
    assert at < following <= until
    assert (following - at) % one.every == timedelta()
    # Either the coming one, or the newest one that was missed: nothing between it and now is left out but the end.
    assert following == at + one.every or following <= now
    assert following + one.every > now or following == last


@settings(deadline=None)
@given(every=st.sampled_from(["1h", "5h"]), length=st.integers(0, 3_000), lags=st.lists(st.integers(0, 600), min_size=1, max_size=400))
def test_rounds_always_come_to_the_last_one(every, length, lags):
    one, until = repeat(every), BEGIN + timedelta(minutes=length)
    at, number = BEGIN, 0
    while following := next_round(one, at, until, at + timedelta(minutes=lags[number % len(lags)]), CHINA):
        at, number = following, number + 1
    assert at == BEGIN + ((until - BEGIN) // one.every) * one.every
    assert number <= (until - BEGIN) // one.every


def test_a_machine_that_slept_through_everything_runs_the_last_round_once():
    one, until = repeat("1h"), BEGIN + timedelta(hours=24)
    assert next_round(one, BEGIN, until, BEGIN + timedelta(days=30), CHINA) == until
    assert next_round(one, until, until, BEGIN + timedelta(days=30), CHINA) is None


@pytest.mark.parametrize(("every", "expected"), [("1d", "2026-03-08 09:00"), ("24h", "2026-03-08 09:00"), ("12h", "2026-03-07 21:00")])
def test_rounds_of_whole_days_keep_their_time_of_day_when_the_clocks_change(every, expected):
    zone = ZoneInfo("America/New_York")
    at, until = (datetime.fromisoformat(text).replace(tzinfo=zone) for text in ("2026-03-07 09:00", "2026-03-20 09:00"))
    following = next_round(repeat(every), at, until, at, zone)
    assert following == datetime.fromisoformat(expected).replace(tzinfo=zone)
    missed = next_round(repeat("1d"), at, until, at + timedelta(days=4), zone)
    assert missed.astimezone(zone).strftime("%d %H:%M") == "11 09:00"


def test_a_reminder_days_before_keeps_the_time_of_day_when_the_clocks_change():
    made = book({"id": "x", "checklist": ["x"], "due": "day", "remind": ["-2d", "-48h", "-1h"]}, timezone="America/New_York")
    zone = made.zone
    due = datetime(2026, 3, 9, 9, tzinfo=zone)
    assert [rung.at.astimezone(zone).strftime("%d %H:%M") for rung in rungs(made, made.steps[0], due, due - timedelta(days=9))] == ["07 09:00", "07 09:00", "09 08:00"]


# --- rungs ---------------------------------------------------------------------------------------------------------

DUE = local("2026-11-10 18:00")


def test_rungs_count_from_the_due_time():
    made, one = step(due="day", remind=["-2d", "-4h"], escalate=[{"after": "0h", "to": "operations"}, {"after": "1d", "to": "management"}], role="merchandising")
    assert [(rung.kind, rung.rung, rung.role, rung.at) for rung in rungs(made, one, DUE, DUE - timedelta(days=9))] == [
        ("remind", 0, "merchandising", DUE - timedelta(days=2)),
        ("remind", 1, "merchandising", DUE - timedelta(hours=4)),
        ("escalate", 0, "operations", DUE),
        ("escalate", 1, "management", DUE + timedelta(days=1)),
    ]
    assert rungs(made, one, None, DUE) == []


def test_a_gate_reminds_each_role_that_decides():
    made = book({"id": "x", "approval": {"by": ["operations", "supply"]}, "due": "day", "remind": ["-1h"]})
    assert [(rung.rung, rung.role) for rung in rungs(made, made.steps[0], DUE, DUE - timedelta(days=1))] == [(0, "operations"), (0, "supply")]


@settings(deadline=None)
@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=5, unique=True), st.lists(st.integers(-1_000, 5_000), max_size=4), st.integers(-10_000, 10_000))
def test_no_rung_lies_before_the_opening_and_no_escalation_is_lost(reminds, escalations, opened):
    made, one = step(due="day", remind=[f"{minutes}m" for minutes in reminds], escalate=[{"after": f"{minutes}m", "to": "management"} for minutes in escalations])
    at = DUE + timedelta(minutes=opened)
    found = rungs(made, one, DUE, at)
    assert all(rung.at >= at for rung in found)
    assert [rung.rung for rung in found if rung.kind == "escalate"] == list(range(len(escalations)))
    assert [rung.rung for rung in found if rung.kind == "remind"] == [number for number, minutes in enumerate(reminds) if minutes >= opened]
    assert len({(rung.kind, rung.rung, rung.role) for rung in found}) == len(found)


# --- states --------------------------------------------------------------------------------------------------------


def test_every_transition_leads_to_a_known_state_and_what_has_ended_stays():
    for name, table in TABLES.items():
        assert {target for targets in table.values() for target in targets} <= set(table), name
        for state in table:
            assert all(state in table[source] for source in sources(name, state))
    assert STEP_FINISHED < STEP_ENDED <= set(TABLES["step_run"]) and set(TABLES["item"]) >= ITEM_CLOSED
    assert not TABLES["run"]["completed"] and not TABLES["step_run"]["cancelled"]
