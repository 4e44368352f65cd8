"""A running plan changes: shown first, then in one commit; what is finished stays; on both databases."""

from datetime import date, datetime

import pytest

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook import calendar
from ecops.service import findings, items, launch, replan, sweep, views
from ecops.service.items import Proof
from ecops.store import tables as t
from tests.integration.stores import CHINA, DAY, NOW, UNKNOWN, after, assert_consistent, events, items_of, machine, ok, playbook, rows, start, states, step_of, store  # noqa: F401

ANCHORS = {"day": {"at": "D 00:00"}, "presale": {"default": "day - 5d 20:00"}, "ship": {"default": "day + 2d 12:00"}}
STEPS = (
    {"id": "plan", "checklist": ["one", "two"], "due": "day - 6d 18:00", "remind": ["-1d"], "escalate": [{"after": "1h", "to": "management"}]},
    {"id": "pick", "task": "campaign.pick_items", "needs": ["plan"], "start": "presale"},
    {"id": "sell", "checklist": ["sell"], "needs": ["pick"], "due": "day 18:00"},
    {"id": "send", "checklist": ["send"], "scope": "run", "needs": ["sell"], "due": "ship"},
)
BOOK = playbook(*STEPS, anchors=ANCHORS)


def local(*parts: int) -> datetime:
    return datetime(2026, 11, *parts, tzinfo=CHINA)


def moved(change) -> dict[tuple[str, str], datetime]:
    return {(one.step, one.field): one.to for one in change.moves}


def finish(store, run, step, now=NOW):
    for item in items_of(store, run, step, "open"):
        items.complete(store, item.id, "ben", Proof(), now)


def test_every_date_that_would_move_is_shown_and_nothing_is_changed(store):
    run = start(store, BOOK)
    before = rows(store, t.step_run), rows(store, t.timer)
    change = replan.look(store, run, {"day": "2026-11-14"}, None, NOW)
    assert moved(change) == {("plan", "due"): local(8, 18), ("pick", "start"): local(9, 20), ("sell", "due"): local(14, 18), ("send", "due"): local(16, 12)}
    assert (rows(store, t.step_run), rows(store, t.timer)) == before
    assert events(store, run, "run.replanned") == []


def test_what_was_told_at_launch_stays_and_what_follows_a_rule_follows(store):
    run = start(store, BOOK, anchors={"presale": "2026-11-05 10:00"})
    change = replan.look(store, run, {"day": "2026-11-14"}, None, NOW)
    assert ("pick", "start") not in moved(change) and moved(change)[("send", "due")] == local(16, 12)


def test_done_in_one_commit_finished_work_stays_and_timers_follow(store):
    run = start(store, BOOK)
    finish(store, run, "plan")
    change = replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    assert [row.step for row in change.kept] == ["plan"]
    assert step_of(store, run, "plan").due_at == local(5, 18)
    assert step_of(store, run, "sell").due_at == local(14, 18)
    assert {item.due_at for item in items_of(store, run, "sell")} == {local(14, 18)}
    (row,) = rows(store, t.run, run=run)
    assert row.day == "2026-11-14" and datetime.fromisoformat(row.anchors["presale"]) == local(9, 20)
    sweep.sweep(store, local(6, 21))
    assert states(store, run)["pick"] == "waiting", "the old presale is nothing any more"
    sweep.sweep(store, local(9, 21))
    assert states(store, run)["pick"] == "ready"
    assert_consistent(store)
    assert replan.look(store, run, {}, None, NOW).moves == []


def test_a_moved_date_has_rungs_of_its_own_and_those_that_fired_stay_told(store):
    run = start(store, BOOK)
    sweep.sweep(store, local(4, 19))
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", local(4, 20))
    waiting = {row.kind: row.at for row in rows(store, t.timer) if row.fired_at is None}
    assert waiting == {"remind": local(7, 18), "escalate": local(8, 19)}
    assert {row.generation for row in rows(store, t.timer) if row.fired_at is None} == {1}
    assert [row.kind for row in rows(store, t.timer) if row.fired_at] == ["remind"]


def test_what_would_be_past_due_is_said(store):
    run = start(store, BOOK)
    change = replan.look(store, run, {"day": "2026-11-03"}, None, NOW)
    assert ("plan", "a") in {(step, shop) for step, shop, _ in change.past_due}
    assert change.to_json()["past_due"][0]["due"] == "2026-10-28T18:00:00+08:00"


def test_a_run_that_has_ended_and_wrong_words_are_refused(store):
    run = start(store, BOOK)
    for anchors in ({"dey": "2026-11-14"}, {"day": "soon"}, {"day": "9999-01-01"}):
        with pytest.raises(BadCall):
            replan.apply(store, run, anchors, None, "ann", NOW)
    sweep.cancel(store, run, "ann", "off", NOW)
    with pytest.raises(NotPossible):
        replan.look(store, run, {"day": "2026-11-14"}, None, NOW)
    with pytest.raises(NotFound):
        replan.look(store, "nothing", {}, None, NOW)


# --- a new version ------------------------------------------------------------------------------------------------------

NEXT = playbook(
    {"id": "plan", "checklist": ["one", "two", "three"], "due": "day - 7d 18:00"},
    {"id": "scan", "task": "compliance.scan_copy", "needs": ["plan"]},
    {"id": "sell", "checklist": ["sell more", "and more"], "needs": ["scan"], "due": "day 20:00"},
    {"id": "send", "checklist": ["send"], "scope": "run", "needs": ["sell"], "due": "ship"},
    anchors=ANCHORS, version=2,
)  # fmt: skip


def test_a_new_version_rewrites_what_has_not_begun_and_leaves_what_has(store):
    run = start(store, BOOK, keys=("a", "b"))
    [first, *_] = items_of(store, run, "plan")
    items.complete(store, first.id, "ben", Proof(), NOW)
    change = replan.look(store, run, {}, NEXT, NOW)
    assert (change.added, change.removed, change.rewritten) == (["scan"], ["pick"], ["sell"])
    replan.apply(store, run, {}, NEXT, "ann", NOW)
    assert [item.title_zh for item in items_of(store, run, "plan")] == ["one", "two"] * 2, "what has begun keeps its items"
    assert step_of(store, run, "plan").due_at == local(4, 18), "and takes the new dates"
    assert [item.title_zh for item in items_of(store, run, "sell")] == ["sell more", "and more"] * 2
    assert {row.state for row in rows(store, t.step_run, run=run, step="pick")} == {"skipped"}
    assert rows(store, t.run, run=run)[0].version == 2
    assert_consistent(store)
    finish(store, run, "plan")
    machine(store, run, ok())
    finish(store, run, "sell")
    finish(store, run, "send")
    assert rows(store, t.run, run=run)[0].state == "completed"
    assert_consistent(store)


def test_moving_back_and_forth_leaves_a_plan_that_ends(store):
    run = start(store, BOOK)
    for version in (NEXT, BOOK, NEXT):
        replan.apply(store, run, {}, version, "ann", NOW)
        assert_consistent(store)
    finish(store, run, "plan")
    machine(store, run, ok())
    finish(store, run, "sell")
    finish(store, run, "send")
    assert rows(store, t.run, run=run)[0].state == "completed"


# --- working days that are announced later ---------------------------------------------------------------------------------

WORKING = playbook(
    {"id": "file", "checklist": ["papers"], "due": "day + 3 working days 18:00"}, {"id": "next", "checklist": ["more"], "due": "+2 working days"},
    playbook="papers",
)  # fmt: skip


def test_days_that_are_announced_later_move_the_dates_that_stood_on_guesses(store, monkeypatch):
    monkeypatch.setattr(calendar, "working_day", lambda day: (day.weekday() < 5, True))
    run = start(store, WORKING)
    assert step_of(store, run, "file").due_at == local(16, 18)
    assert replan.announced(store, NOW) == []
    holiday = local(12).date()
    monkeypatch.setattr(calendar, "working_day", lambda day: (day != holiday and day.weekday() < 5, False))
    assert replan.announced(store, after(hours=1)) == [run]
    assert step_of(store, run, "file").due_at == local(17, 18)
    assert {item.due_at for item in items_of(store, run, "file")} == {local(17, 18)}
    assert replan.announced(store, after(hours=2)) == []
    assert [event.actor for event in events(store, run, "run.replanned")] == ["calendar"]


TRAIN = playbook({"id": "go", "checklist": ["go"], "due": "departs"}, anchors={"day": {"at": "D 00:00"}, "departs": {"default": "day + 1 working days 14:00"}})


def test_an_anchor_on_working_days_follows_the_announcement_unless_it_was_told(store, monkeypatch):
    monkeypatch.setattr(calendar, "working_day", lambda day: (day.weekday() < 5, True))
    run, told = start(store, TRAIN), start(store, TRAIN, anchors={"departs": "2026-11-12 14:00"})
    holiday = local(12).date()
    monkeypatch.setattr(calendar, "working_day", lambda day: (day != holiday and day.weekday() < 5, False))
    assert replan.announced(store, after(hours=1)) == [run]
    assert (step_of(store, run, "go").due_at, step_of(store, told, "go").due_at) == (local(13, 14), local(12, 14))
    replan.apply(store, run, {"departs": "2026-11-16 14:00"}, None, "ann", after(hours=2))
    replan.apply(store, run, {"day": "2026-11-20"}, None, "ann", after(hours=3))
    assert step_of(store, run, "go").due_at == local(16, 14), "what was told later stays too"


def test_a_run_that_ends_meanwhile_keeps_no_other_from_the_announced_days(store, monkeypatch):
    monkeypatch.setattr(calendar, "working_day", lambda day: (day.weekday() < 5, True))
    first, second = start(store, WORKING), start(store, WORKING)
    holiday = local(12).date()
    monkeypatch.setattr(calendar, "working_day", lambda day: (day != holiday and day.weekday() < 5, False))
    look, ended = replan.look, sorted((first, second))[0]
    monkeypatch.setattr(replan, "look", lambda store, run, *more: (look(store, run, *more), run == ended and sweep.cancel(store, run, "ann", "off", NOW))[0])
    assert replan.announced(store, after(hours=1)) == [run for run in (first, second) if run != ended]


# --- what a new version takes away from under steps that have begun -----------------------------------------------------------

WATCH = {"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 4h", "with": {"min_amount": "{{ params.least }}"}}
ROUNDS = playbook(WATCH, {"id": "after", "checklist": ["after"], "needs": ["watch"]}, params={"least": {"type": "integer", "default": 7}})


def watching(store, book=ROUNDS) -> str:
    """A run whose watch has had its first round."""
    run = start(store, book)
    sweep.sweep(store, local(11, 0, 1))
    machine(store, run, ok(), local(11, 0, 1))
    return run


def test_a_repeating_step_that_has_begun_is_what_it_was_when_the_new_version_does_it_once(store):
    run = watching(store)
    once = playbook({"id": "watch", "task": "campaign.watch_hour", "start": "day"}, {"id": "after", "checklist": ["after"], "needs": ["watch"]}, version=2)
    replan.apply(store, run, {}, once, "ann", local(11, 0, 30))
    sweep.sweep(store, local(11, 4, 1))
    done = machine(store, run, ok(), local(11, 4, 1))
    assert [work.params for work in done] == [{"min_amount": 7}] * 2, "the new version has no such parameter"
    assert states(store, run) == {"watch": "done", "after": "open"}
    assert_consistent(store)


def test_anchors_that_only_steps_begun_look_up_stay(store):
    late = {"presale": {"default": "day - 5d 20:00"}, "day": {"at": "D 00:00"}}
    old = playbook({"id": "one", "checklist": ["one"], "due": "presale"}, {"id": "two", "checklist": ["two"], "due": "presale"}, anchors=late)
    new = playbook({"id": "two", "milestone": None}, version=2)
    run = start(store, old)
    replan.apply(store, run, {}, new, "ann", NOW)
    assert states(store, run) == {"one": "skipped", "two": "open"}
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    assert step_of(store, run, "two").due_at == local(9, 20)
    assert_consistent(store)


def test_more_steps_than_a_playbook_holds_are_refused(store):
    run = start(store, BOOK)
    many = playbook(*({"id": f"step-{n}", "milestone": None} for n in range(398)), version=2)
    with pytest.raises(BadCall, match="402 steps"):
        replan.apply(store, run, {}, many, "ann", NOW)
    assert replan.look(store, run, {}, None, NOW).moves == []


@pytest.mark.parametrize(("result", "state"), [(ok(), "done"), (UNKNOWN, "open")])
def test_no_round_comes_after_a_new_end(store, result, state):
    run = start(store, ROUNDS)
    sweep.sweep(store, local(11, 0, 1))
    machine(store, run, result, local(11, 0, 1))
    shorter = playbook(WATCH | {"until": "day + 30m"}, {"id": "after", "checklist": ["after"], "needs": ["watch"]}, version=2, params={"least": {"type": "integer", "default": 7}})
    replan.apply(store, run, {}, shorter, "ann", local(11, 0, 20))
    assert states(store, run) == {"watch": state, "after": "open" if state == "done" else "waiting"}
    for item in items_of(store, run, "watch", "open"):
        items.complete(store, item.id, "ben", Proof(value="seen"), local(11, 0, 30))
    assert states(store, run) == {"watch": "done", "after": "open"}
    assert_consistent(store)


def test_a_round_before_the_machine_is_calculated_as_of_its_own_time(store):
    run = start(store, ROUNDS)
    sweep.sweep(store, local(11, 0, 1))
    replan.apply(store, run, {"day": "2026-11-12"}, None, "ann", local(11, 0, 2))
    [work] = machine(store, run, ok(), local(11, 0, 3))
    assert work.as_of == local(11, 0)
    assert_consistent(store)


def test_what_the_launch_declined_does_not_come_with_a_new_version(store):
    run = start(store, BOOK)
    change = findings.Change("tiny", step="sell", item_zh="问", item_en="ask")
    findings.add(store, run, findings.Found("x", "y", "supply", NOW, "", change), "ann", NOW)
    took, declined = start(store, BOOK), start(store, BOOK, decline=["sell"])
    for other in (took, declined):
        replan.apply(store, other, {}, NEXT, "ann", NOW)
    assert [[item.title_en for item in items_of(store, other, "sell")][2:] for other in (took, declined)] == [["Learned last time: ask"], []]


def test_another_playbook_and_a_value_the_new_version_refuses_are_said_when_shown(store):
    run = start(store, ROUNDS, params={"least": "9"})
    for other, word in [(playbook(WATCH, playbook="other"), "no version of tiny"), (playbook(WATCH, version=2, params={"least": {"type": "integer", "max": 8}}), "over the maximum")]:
        with pytest.raises(BadCall, match=word):
            replan.look(store, run, {}, other, NOW)


def test_a_percent_over_a_hundred_goes_on_in_a_new_version(store):
    goal = {"goal": {"type": "percent", "default": "120%"}}
    run = start(store, playbook({"id": "aim", "checklist": ["{{ params.goal | percent }}"], "when": "params.goal > 1.4"}, params=goal), params={"goal": "150%"})
    assert [item.title_zh for item in items_of(store, run, "aim", "open")] == ["150%"]
    replan.apply(store, run, {}, playbook({"id": "aim", "checklist": ["a"]}, {"id": "more", "checklist": ["{{ params.goal | percent }}"]}, params=goal, version=2), "ann", NOW)
    assert [item.title_zh for item in items_of(store, run, "more")] == ["150%"]


def test_a_due_time_that_counts_from_ready_is_provisional_where_its_year_is_not_announced(store):
    def unsure(run: str) -> list[str]:
        with store.read() as connection:
            return views.show(connection, run, NOW)["provisional"]

    book = playbook({"id": "file", "checklist": ["papers"], "start": "day 09:00", "due": "+3 working days"}, {"id": "next", "checklist": ["more"], "needs": ["file"], "due": "day + 9d"})
    far = launch.launch(store, launch.Launch(book, date(2040, 3, 1), ["a"]), NOW, "ann")
    assert any("provisional" in warning and "file" in warning for warning in far.warnings)
    assert unsure(far.run) == ["file"]
    near = launch.launch(store, launch.Launch(book, DAY, ["a"]), NOW, "ann")
    assert not any("provisional" in warning for warning in near.warnings)
    assert unsure(near.run) == []
