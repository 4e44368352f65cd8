"""A run from launch to end: what follows from what, in the same commit, on both databases."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.service import gates, items, sweep, views, work
from ecops.service.items import Proof
from ecops.store import tables as t
from ecops.store.database import Store
from tests.integration.stores import (
    DAY,
    FAILED,
    NOW,
    UNKNOWN,
    after,
    assert_consistent,
    events,
    items_of,
    machine,
    ok,
    playbook,
    populate,
    rows,
    run_state,
    start,
    states,
    step_of,
    store,  # noqa: F401
)

TICK = Proof()
TWO = (
    {"id": "first", "checklist": ["one", "two"], "due": "day - 1d 18:00"},
    {"id": "second", "checklist": ["three"], "needs": ["first"], "due": "day 18:00"},
)
PICK = {"id": "pick", "task": "campaign.pick_items"}
CONFIRM = {"id": "confirm", "checklist": {"each": "steps.pick.items", "item": "{{ it.title }}"}, "due": "day - 1d 18:00"}
WATCH = {"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 3h"}
GATE = {"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2, "not": "requester"}, "due": "day - 1d 12:00"}


def tick_all(store, run, step, by="ben", now=NOW):
    for item in items_of(store, run, step, "open"):
        items.complete(store, item.id, by, TICK, now)


# --- checklists ----------------------------------------------------------------------------------------------------


def test_a_launch_opens_what_is_due_and_the_last_tick_opens_the_next_step(store):
    run = start(store, playbook(*TWO))
    assert states(store, run) == {"first": "open", "second": "waiting"}
    assert [item.state for item in items_of(store, run, "second")] == ["planned"]
    one, two = items_of(store, run, "first")
    items.complete(store, one.id, "ben", TICK, after(hours=1))
    assert states(store, run) == {"first": "open", "second": "waiting"}
    assert_consistent(store)
    ticked = items.complete(store, two.id, "ben", TICK, after(hours=2))
    assert (ticked.state, ticked.landed, ticked.by) == ("done", True, "ben")
    assert states(store, run) == {"first": "done", "second": "open"}
    assert [item.state for item in items_of(store, run, "second")] == ["open"]
    assert_consistent(store)
    tick_all(store, run, "second", now=after(hours=3))
    assert states(store, run) == {"first": "done", "second": "done"}
    (row,) = rows(store, t.run, run=run)
    assert (row.state, row.ended_at) == ("completed", after(hours=3))
    assert_consistent(store)


def test_what_follows_a_tick_lies_in_the_same_commit(store, monkeypatch):
    run = start(store, playbook(*TWO))
    one, two = items_of(store, run, "first")
    items.complete(store, one.id, "ben", TICK, NOW)
    before = len(rows(store, t.event))
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr("ecops.service.items.advance", lambda tx, run: (_ for _ in ()).throw(RuntimeError("power cut")))
        items.complete(store, two.id, "ben", TICK, NOW)
    assert states(store, run) == {"first": "open", "second": "waiting"}
    assert len(rows(store, t.event)) == before
    assert_consistent(store)


def test_every_shop_goes_its_own_way_and_a_run_step_waits_for_all(store):
    run = start(store, playbook(*TWO, {"id": "all", "checklist": ["x"], "scope": "run", "needs": ["second"]}), keys=("a", "b"))
    for item in items_of(store, run, "first"):
        if item.shop == "a":
            items.complete(store, item.id, "ben", TICK, NOW)
    assert states(store, run) == {"first@a": "done", "first@b": "open", "second@a": "open", "second@b": "waiting", "all": "waiting"}
    assert step_of(store, run, "all").waits_for == 2
    assert_consistent(store)


def test_who_is_second_is_told_who_was_first(store):
    run = start(store, playbook(*TWO))
    item = items_of(store, run, "first")[0]
    items.complete(store, item.id, "ann", TICK, NOW)
    with pytest.raises(NotPossible, match="already done by ann") as second:
        items.complete(store, item.id, "ben", TICK, after(minutes=1))
    assert (second.value.row["state"], second.value.row["by"]) == ("done", "ann")
    with pytest.raises(NotPossible, match="not open yet"):
        items.complete(store, items_of(store, run, "second")[0].id, "ben", TICK, NOW)
    assert len(events(store, run, "item.done")) == 1


def test_an_unknown_item_or_person_changes_nothing(store):
    run = start(store, playbook(*TWO))
    with pytest.raises(NotFound):
        items.complete(store, 999_999, "ann", TICK, NOW)
    with pytest.raises(NotFound, match="nobody"):
        items.complete(store, items_of(store, run, "first")[0].id, "nobody", TICK, NOW)
    assert events(store, run, "item.done") == []


def test_skipping_needs_a_reason_and_counts_as_closed(store):
    run = start(store, playbook(*TWO))
    one, two = items_of(store, run, "first")
    with pytest.raises(BadCall, match="reason"):
        items.skip(store, one.id, "ben", "  ", NOW)
    items.skip(store, one.id, "ben", "not sold here", NOW)
    items.complete(store, two.id, "ben", TICK, NOW)
    assert states(store, run)["second"] == "open"
    assert items_of(store, run, "first")[0].note == "not sold here"
    assert_consistent(store)


def test_an_item_is_reopened_only_while_its_step_is_open(store):
    run = start(store, playbook(*TWO))
    one, two = items_of(store, run, "first")
    items.complete(store, one.id, "ben", TICK, NOW)
    items.reopen(store, one.id, "ann", "wrong shop", NOW)
    assert (items_of(store, run, "first")[0].state, step_of(store, run, "first").items_done) == ("open", 0)
    assert_consistent(store)
    with pytest.raises(NotPossible):
        items.reopen(store, two.id, "ann", "it is open anyway", NOW)
    tick_all(store, run, "first")
    with pytest.raises(NotPossible, match="what follows has begun"):
        items.reopen(store, one.id, "ann", "too late", NOW)
    assert_consistent(store)


def test_a_claimed_item_belongs_to_one_person_until_it_is_given_on(store):
    run = start(store, playbook(*TWO))
    item = items_of(store, run, "first")[0].id
    items.claim(store, item, "ann", NOW)
    items.claim(store, item, "ann", NOW)
    with pytest.raises(NotPossible, match="taken by ann") as second:
        items.claim(store, item, "ben", NOW)
    assert second.value.row["assignee"] == "ann"
    items.assign(store, item, "ben", "ann", NOW)
    assert items_of(store, run, "first")[0].assignee == "ben"
    with pytest.raises(NotFound):
        items.assign(store, item, "nobody", "ann", NOW)
    items.complete(store, item, "ben", TICK, NOW)
    with pytest.raises(NotPossible, match="already done by ben"):
        items.claim(store, item, "ann", NOW)


@pytest.mark.parametrize(
    ("evidence", "proof", "fits"),
    [
        ({"type": "number", "min": "0", "max": "10"}, Proof(value="10"), True),
        ({"type": "number", "min": "0", "max": "10"}, Proof(value="0"), True),
        ({"type": "number", "min": "0", "max": "10"}, Proof(value="10.01"), False),
        ({"type": "number", "min": "0", "max": "10"}, Proof(value="-1"), False),
        ({"type": "number", "max": "2000"}, Proof(value="1,999.5"), True),
        ({"type": "number"}, Proof(value="NaN"), False),
        ({"type": "number"}, Proof(value="many"), False),
        ({"type": "number"}, Proof(), False),
        ({"type": "number", "required": False}, Proof(), True),
        ({"type": "text"}, Proof(value=" "), False),
        ({"type": "text"}, Proof(value="checked"), True),
        ({"type": "choice", "choices": ["yes", "no"]}, Proof(value="perhaps"), False),
        ({"type": "choice", "choices": ["yes", "no"]}, Proof(value="no"), True),
        ({"type": "link"}, Proof(link="javascript:alert(1)"), False),
        ({"type": "link"}, Proof(link="https://example.com/a"), True),
        ({"type": "link"}, Proof(value="https://example.com/a"), False),
        ({"type": "file"}, Proof(file="proof.png"), True),
        ({"type": "file"}, Proof(note="it is on my desk"), False),
    ],
)
def test_evidence_is_held_against_what_the_item_asks_for(evidence, proof, fits):
    store = Store.in_memory()
    populate(store)
    run = start(store, playbook({"id": "one", "checklist": [{"title": "x", "evidence": evidence}]}))
    item = items_of(store, run, "one")[0].id
    if fits:
        items.complete(store, item, "ben", proof, NOW)
        assert run_state(store, run) == "completed"
    else:
        with pytest.raises(BadCall):
            items.complete(store, item, "ben", proof, NOW)
        assert items_of(store, run, "one")[0].state == "open"
    assert_consistent(store)


# --- conditions and milestones -------------------------------------------------------------------------------------


def test_a_condition_that_does_not_hold_skips_the_step_and_frees_what_waits(store):
    book = playbook(
        {"id": "big-only", "checklist": ["x", "y"], "when": "'big' in shop.tags"},
        {"id": "then", "checklist": ["z"], "needs": ["big-only"]},
    )
    run = start(store, book, keys=("a", "b"))
    assert states(store, run) == {"big-only@a": "open", "big-only@b": "skipped", "then@a": "waiting", "then@b": "open"}
    assert {item.state for item in items_of(store, run, "big-only") if item.shop == "b"} == {"withdrawn"}
    assert [event.detail["reason"] for event in events(store, run, "step.skipped")] == ["condition"]
    assert_consistent(store)


def test_a_condition_may_ask_what_came_out(store):
    book = playbook(PICK, {"id": "few", "checklist": ["x"], "needs": ["pick"], "when": "steps.pick.counts.items < 2"})
    run = start(store, book, keys=("a", "b"))
    machine(store, run, {"a": ok({"item_id": "1"}), "b": ok({"item_id": "1"}, {"item_id": "2"})})
    assert (states(store, run)["few@a"], states(store, run)["few@b"]) == ("open", "skipped")
    assert_consistent(store)


MONEY = {"goal": {"type": "money", "default": 500_000}, "share": {"type": "percent", "default": "8%"}}


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("params.goal > 400000", "open"),
        ("params.goal > 600000", "skipped"),
        ("params.goal == 500000 and params.share == 0.08", "open"),
        ("{{ params.share >= 0.1 }}", "skipped"),
        ("shop.platform == 'tmall' and 'big' in shop.tags", "open"),
        ("shop.platform != 'tmall'", "skipped"),
        ("anchors.day < '2026-01-01'", "skipped"),
    ],
)
def test_a_condition_compares_values_as_what_they_are(store, when, state):
    run = start(store, playbook({"id": "asked", "checklist": ["x"], "when": when}, {"id": "other", "checklist": ["y"]}, params=MONEY))
    assert states(store, run)["asked"] == state


def test_texts_of_items_name_params_anchors_and_the_shop(store):
    each = CONFIRM | {"checklist": {"each": "steps.pick.items", "item": "{{ shop.name }} {{ it.title }} {{ params.goal }}"}}
    run = start(store, playbook({"id": "said", "checklist": ["{{ shop.name }} {{ shop.platform }} {{ anchors.day }} {{ params.share | percent }}"]}, PICK, each, params=MONEY))
    machine(store, run, ok({"item_id": "1", "title": "书"}))
    assert [item.title_zh for item in items_of(store, run, "said")] == ["Shop a tmall 2026-11-10T16:00:00+00:00 8%"]
    assert [item.title_zh for item in items_of(store, run, "confirm")] == ["Shop a 书 500000.00"]


@pytest.mark.parametrize("step", [{"id": "x", "checklist": ["{{ params.hint | percent }}"]}, PICK | {"with": {"window": ["{{ params.hint | yuan }}"]}}], ids=["item", "task"])
def test_a_text_that_cannot_be_filled_in_is_said_at_the_launch(store, step):
    with pytest.raises(BadCall, match="cannot be"):
        start(store, playbook(step, params={"hint": {"type": "text"}}))
    assert rows(store, t.run) == rows(store, t.step_run) == []


def test_a_condition_that_cannot_be_decided_never_drops_work(store):
    book = playbook(PICK, {"id": "few", "checklist": ["x"], "when": "steps.pick.counts.items < 2"})
    run = start(store, book)
    assert states(store, run)["few"] == "open"


def test_a_milestone_passes_by_itself_and_a_run_of_nothing_else_ends_at_its_launch(store):
    run = start(store, playbook({"id": "begun", "milestone": None}, {"id": "over", "milestone": None, "needs": ["begun"]}))
    assert states(store, run) == {"begun": "done", "over": "done"}
    assert run_state(store, run) == "completed"
    assert_consistent(store)


# --- automated steps -----------------------------------------------------------------------------------------------


def test_the_list_of_an_outcome_becomes_the_checklist(store):
    run = start(store, playbook(PICK, CONFIRM))
    machine(store, run, ok({"item_id": "7", "title": "面霜"}, {"item_id": "8", "title": "口红"}, {"item_id": "7", "title": "面霜"}))
    found = items_of(store, run, "confirm")
    assert {(item.key, item.state, item.due_at) for item in found} == {("7", "open", step_of(store, run, "confirm").due_at), ("8", "open", step_of(store, run, "confirm").due_at)}
    assert step_of(store, run, "confirm").items_total == 2
    assert_consistent(store)
    tick_all(store, run, "confirm")
    assert run_state(store, run) == "completed"


def test_rows_without_a_key_or_with_very_long_ones_all_reach_a_person(store):
    run = start(store, playbook(PICK, CONFIRM))
    machine(store, run, ok({"item_id": None, "title": "one"}, {"item_id": None, "title": "two"}, {"title": "three"}, {"item_id": "x" * 300, "title": "four"}, {"item_id": "x" * 301, "title": "four again"}))
    assert [item.title_zh for item in items_of(store, run, "confirm")] == ["one", "two", "three", "four", "four again"]
    assert_consistent(store)


def test_an_empty_list_has_nothing_to_ask(store):
    run = start(store, playbook(PICK, CONFIRM))
    machine(store, run, ok())
    assert states(store, run) == {"pick": "done", "confirm": "done"}
    assert events(store, run, "step.done")[-1].detail == {"reason": "the list is empty"}
    assert run_state(store, run) == "completed"
    assert_consistent(store)


@pytest.mark.parametrize("result", [UNKNOWN, FAILED], ids=lambda result: result.status)
def test_what_a_machine_cannot_know_asks_a_person_and_never_passes(store, result):
    run = start(store, playbook(PICK, CONFIRM))
    machine(store, run, result)
    assert states(store, run) == {"pick": "open", "confirm": "waiting"}
    (question,) = items_of(store, run, "pick")
    assert question.state == "open" and question.role == "operations"
    assert_consistent(store)
    with pytest.raises(BadCall):
        items.complete(store, question.id, "ben", TICK, NOW)
    items.complete(store, question.id, "ben", Proof(value="by hand, see the sheet"), NOW)
    assert states(store, run) == {"pick": "done", "confirm": "open"}
    (by_hand,) = items_of(store, run, "confirm")
    assert by_hand.key == "decide"
    assert_consistent(store)


def test_new_data_puts_the_undecided_step_back_before_the_machine(store):
    run = start(store, playbook(PICK | {"due": "day - 2d", "remind": ["-1d"], "escalate": [{"after": "0h", "to": "management"}]}, CONFIRM), keys=("a", "b"))
    machine(store, run, {"a": UNKNOWN, "b": ok({"item_id": "1", "title": "x"})})
    assert work.data_arrived(store, "b", after(hours=1)) == 0
    assert work.data_arrived(store, "a", after(hours=1)) == 1
    assert states(store, run, "a")["pick"] == "ready"
    machine(store, run, UNKNOWN, after(hours=1), "e2")  # still not enough: asked once, told by the same rungs
    assert len(items_of(store, run, "pick", "open")) == 1
    assert len(rows(store, t.timer, step_run=step_of(store, run, "pick", "a").id)) == 2
    assert work.data_arrived(store, "a", after(hours=2)) == 1
    machine(store, run, ok({"item_id": "2", "title": "y"}), after(hours=2), "e3")
    assert states(store, run, "a") == {"pick": "done", "confirm": "open"}
    assert [item.state for item in items_of(store, run, "pick")] == ["withdrawn"]
    assert work.data_arrived(store, "a", after(hours=3)) == 0
    assert_consistent(store)


def test_a_failed_step_runs_again_when_a_person_says_so(store):
    run = start(store, playbook(PICK))
    machine(store, run, FAILED)
    work.run_again(store, step_of(store, run, "pick").id, "ann", NOW)
    with pytest.raises(NotPossible):
        work.run_again(store, step_of(store, run, "pick").id, "ann", NOW)
    machine(store, run, ok(), execution="e2")
    assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_a_question_answered_while_the_machine_runs_again_does_not_stop_it(store):
    run = start(store, playbook(PICK))
    machine(store, run, UNKNOWN)
    work.data_arrived(store, "a", NOW)
    (question,) = items_of(store, run, "pick")
    items.complete(store, question.id, "ben", Proof(value="I know"), NOW)
    assert_consistent(store)
    machine(store, run, ok(), execution="e2")
    assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_a_repeating_step_goes_round_by_round_to_its_end(store):
    run = start(store, playbook(WATCH))
    day = step_of(store, run, "watch").start_at
    assert states(store, run)["watch"] == "waiting"
    as_ofs = []
    for hour in range(4):
        sweep.sweep(store, day + timedelta(hours=hour))
        as_ofs += [one.as_of for one in machine(store, run, ok(), day + timedelta(hours=hour), f"e{hour}")]
        assert machine(store, run, ok(), day + timedelta(hours=hour, minutes=30), f"f{hour}") == []
        assert_consistent(store)
    assert as_ofs == [day + timedelta(hours=hour) for hour in range(4)]
    assert step_of(store, run, "watch").rounds == 4
    assert run_state(store, run) == "completed"


def test_a_machine_that_was_off_catches_up_once_with_the_newest_round(store):
    run = start(store, playbook(WATCH))
    day = step_of(store, run, "watch").start_at
    late = day + timedelta(hours=2, minutes=40)
    sweep.sweep(store, late)
    as_ofs = [one.as_of for one in machine(store, run, ok(), late)]
    assert as_ofs == [day, day + timedelta(hours=2)]
    assert step_of(store, run, "watch").start_at == day + timedelta(hours=3)


def test_a_repeating_step_asks_once_and_a_decided_round_takes_the_question_back(store):
    run = start(store, playbook(WATCH))
    day = step_of(store, run, "watch").start_at
    for hour in range(3):
        at = day + timedelta(hours=hour)
        sweep.sweep(store, at)
        machine(store, run, UNKNOWN, at, f"e{hour}")
        assert len(items_of(store, run, "watch", "open")) == 1
        assert_consistent(store)
    sweep.sweep(store, day + timedelta(hours=3))
    machine(store, run, ok(), day + timedelta(hours=3), "last")
    assert [item.state for item in items_of(store, run, "watch")] == ["withdrawn"]
    assert run_state(store, run) == "completed"
    assert_consistent(store)


def test_an_undecided_last_round_ends_with_the_persons_answer(store):
    run = start(store, playbook(WATCH))
    end = step_of(store, run, "watch").until_at
    sweep.sweep(store, end)
    machine(store, run, UNKNOWN, end)
    assert states(store, run)["watch"] == "open"
    (question,) = items_of(store, run, "watch", "open")
    items.complete(store, question.id, "ben", Proof(value="seen in the panel"), end)
    assert run_state(store, run) == "completed"
    assert_consistent(store)


# --- approvals -----------------------------------------------------------------------------------------------------


def test_a_gate_needs_its_quorum_of_others_than_the_requester(store):
    run = start(store, playbook(GATE, TWO[0] | {"needs": ["gate"]}))
    gate = step_of(store, run, "gate").id
    with pytest.raises(BadCall, match="launched this run"):
        gates.decide(store, gate, "ann", "approve", None, NOW)
    with pytest.raises(BadCall, match="holds none"):
        gates.decide(store, gate, "dan", "approve", None, NOW)
    assert gates.decide(store, gate, "ben", "approve", None, NOW)["state"] == "open"
    with pytest.raises(NotPossible, match="counts once"):
        gates.decide(store, gate, "ben", "approve", None, NOW)
    assert states(store, run) == {"gate": "open", "first": "waiting"}
    decided = gates.decide(store, gate, "cat", "approve", "stock is there", NOW)
    assert decided["state"] == "done" and {one["role"] for one in decided["decisions"]} == {"operations", "supply"}
    assert states(store, run) == {"gate": "done", "first": "open"}
    with pytest.raises(NotPossible, match="is done"):
        gates.decide(store, gate, "cat", "reject", "too late", NOW)
    assert_consistent(store)


def test_a_rejection_says_why_and_keeps_the_gate_shut_until_minds_change(store):
    run = start(store, playbook(GATE))
    gate = step_of(store, run, "gate").id
    with pytest.raises(BadCall, match="reason"):
        gates.decide(store, gate, "ben", "reject", " ", NOW)
    gates.decide(store, gate, "ben", "reject", "stock is short", NOW)
    gates.decide(store, gate, "cat", "approve", None, NOW)
    assert states(store, run)["gate"] == "open"
    gates.decide(store, gate, "ben", "approve", "stock has come", NOW)
    assert run_state(store, run) == "completed"
    assert [event.what for event in events(store, run) if event.what.startswith("gate.")] == ["gate.rejected", "gate.approved", "gate.approved"]


def test_a_gate_that_is_none_is_not_found(store):
    run = start(store, playbook(TWO[0]))
    with pytest.raises(NotFound):
        gates.decide(store, step_of(store, run, "first").id, "ben", "approve", None, NOW)


# --- launch and cancel ---------------------------------------------------------------------------------------------


def test_a_launch_key_launches_once(store):
    first = start(store, playbook(*TWO), key="daily 2026-11-11")
    assert start(store, playbook(*TWO), key="daily 2026-11-11") == first
    assert start(store, playbook(*TWO), key="daily 2026-11-12") != first
    assert len(rows(store, t.run)) == 2


def test_a_launch_that_cannot_be_leaves_nothing(store):
    for more in ({"params": {"nobody": 1}}, {"anchors": {"nobody": "2026-11-11"}}):
        with pytest.raises(BadCall):
            start(store, playbook(*TWO), **more)
    assert rows(store, t.run) == rows(store, t.step_run) == rows(store, t.item) == []


def test_cancelling_ends_what_is_unfinished_and_keeps_what_is_done(store):
    run = start(store, playbook(*TWO, GATE))
    one, two = items_of(store, run, "first")
    items.complete(store, one.id, "ben", TICK, NOW)
    with pytest.raises(BadCall, match="reason"):
        sweep.cancel(store, run, "ann", "", NOW)
    sweep.cancel(store, run, "ann", "the platform moved the day", after(hours=1))
    assert run_state(store, run) == "cancelled"
    assert set(states(store, run).values()) == {"cancelled"}
    assert [item.state for item in items_of(store, run, "first")] == ["done", "withdrawn"]
    for late in (lambda: items.complete(store, two.id, "ben", TICK, NOW), lambda: sweep.cancel(store, run, "ann", "again", NOW), lambda: gates.decide(store, step_of(store, run, "gate").id, "ben", "approve", None, NOW)):
        with pytest.raises(NotPossible):
            late()
    with pytest.raises(NotPossible):
        items.reopen(store, one.id, "ben", "still", NOW)
    with pytest.raises(NotFound):
        sweep.cancel(store, "nothing", "ann", "why", NOW)
    assert_consistent(store)


def test_what_a_run_shows_is_what_is_there(store):
    run = start(store, playbook(*TWO, PICK))
    with store.read() as connection:
        shown = views.show(connection, run, after(days=30))
        listed = views.checklist(connection, NOW, person="ben")
    assert {step["step"]: (step["state"], step["overdue"]) for step in shown["steps"]} == {"first": ("open", True), "second": ("waiting", True), "pick": ("ready", False)}
    assert [item["title"] for item in listed] == ["one", "two"]


# --- the property --------------------------------------------------------------------------------------------------

EVERYTHING = playbook(
    {"id": "prepare", "checklist": ["a", "b"], "due": "+1d", "remind": ["-2h"]},
    PICK | {"due": "+1d", "escalate": [{"after": "0h", "to": "management"}]},
    CONFIRM | {"needs": ["prepare"]},
    {"id": "big", "checklist": ["c"], "when": "'big' in shop.tags", "needs": ["prepare"]},
    GATE | {"needs": ["confirm", "big"]},
    {"id": "go", "milestone": None, "needs": ["gate"]},
    WATCH,
    {"id": "wrap-up", "checklist": ["d"], "scope": "run", "needs": ["go", "watch"]},
)
RESULTS = st.sampled_from([UNKNOWN, FAILED, ok(), ok({"item_id": "1", "title": "x"}), ok({"item_id": "1"}, {"item_id": "2"})])


class Life(RuleBasedStateMachine):
    """Anything anybody may do, in any order, never makes the counters lie."""

    def __init__(self):
        super().__init__()
        self.store = Store.in_memory()
        self.now, self.execution, self.claimed = NOW, 0, None

    @initialize()
    def launch(self):
        populate(self.store)
        self.run = start(self.store, EVERYTHING, keys=("a", "b"), by="dan")

    def _try(self, call):
        try:
            call()
        except (NotPossible, BadCall):
            pass

    def _pick(self, table, number):
        found = rows(self.store, table)
        return found[number % len(found)].id if found else None

    @rule(number=st.integers(0, 40), by=st.sampled_from(["ann", "ben"]), how=st.sampled_from(["done", "done", "done", "skip", "reopen", "claim"]))
    def an_item(self, number, by, how):
        item = self._pick(t.item, number)
        call = {"done": lambda: items.complete(self.store, item, by, Proof(value="1"), self.now), "skip": lambda: items.skip(self.store, item, by, "no", self.now),
                "reopen": lambda: items.reopen(self.store, item, by, "again", self.now), "claim": lambda: items.claim(self.store, item, by, self.now)}  # fmt: skip
        self._try(call[how])

    @rule()
    def everything_open(self):
        for item in rows(self.store, t.item, state="open"):
            self._try(lambda item=item: items.complete(self.store, item.id, "ben", Proof(value="1"), self.now))

    @rule(by=st.sampled_from(["ann", "ben", "cat", "dan"]), verdict=st.sampled_from(["approve", "approve", "reject"]))
    def a_decision(self, by, verdict):
        gate = step_of(self.store, self.run, "gate").id
        self._try(lambda: gates.decide(self.store, gate, by, verdict, "because", self.now))

    @rule(hours=st.sampled_from([1, 5, 100, 240]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)
        sweep.sweep(self.store, self.now)

    @rule(result=RESULTS)
    def the_machine_runs(self, result):
        self.execution += 1
        machine(self.store, self.run, result, self.now, f"e{self.execution}")

    @rule()
    def a_worker_takes_a_step(self):
        self.execution += 1
        work.take_up(self.store, self.run, f"e{self.execution}", self.now)
        self.claimed = work.claim(self.store, self.run, f"e{self.execution}", self.now)

    @precondition(lambda self: self.claimed)
    @rule(result=RESULTS)
    def a_worker_records(self, result):
        work.record(self.store, self.claimed, {number: result for number, _ in self.claimed.rows}, self.now)
        self.claimed = None

    @rule(shop=st.sampled_from("ab"))
    def data_comes(self, shop):
        work.data_arrived(self.store, shop, self.now)

    @rule(sure=st.integers(0, 30))
    def somebody_cancels(self, sure):
        if sure == 0:
            self._try(lambda: sweep.cancel(self.store, self.run, "ann", "enough", self.now))

    @invariant()
    def the_counters_are_true(self):
        assert_consistent(self.store)

    def teardown(self):
        self.store.close()


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
TestLife = Life.TestCase


def test_a_run_whose_people_and_machines_do_their_part_always_ends():
    store = Store.in_memory()
    populate(store)
    run, now = start(store, EVERYTHING, keys=("a", "b"), by="dan"), NOW
    for number in range(60):
        now += timedelta(hours=5)
        sweep.sweep(store, now)
        machine(store, run, [UNKNOWN, ok({"item_id": "1", "title": "x"})][number % 2], now, f"e{number}")
        for item in rows(store, t.item, state="open"):
            items.complete(store, item.id, "ben", Proof(value="1"), now)
        gate = step_of(store, run, "gate")
        if gate.state == "open":
            gates.decide(store, gate.id, "ben", "approve", None, now)
            gates.decide(store, gate.id, "cat", "approve", None, now)
    assert run_state(store, run) == "completed"
    with store.read() as connection:
        assert connection.execute(select(t.run.c.day)).scalar_one() == DAY.isoformat()
    assert_consistent(store)


def test_what_a_machine_cannot_know_is_due_by_the_rule_that_counts_from_ready(store):
    run = start(store, playbook(PICK | {"due": "+2h", "escalate": [{"after": "1h", "to": "management"}]}))
    machine(store, run, UNKNOWN)
    assert step_of(store, run, "pick").due_at == after(hours=2)
    assert [item.due_at for item in items_of(store, run, "pick")] == [after(hours=2)]
    assert [(row.kind, row.at) for row in rows(store, t.timer)] == [("escalate", after(hours=3))]


def test_many_items_ticked_at_once_come_to_the_same_as_one_by_one(store):
    book = playbook(*TWO, {"id": "all", "checklist": [{"title": "n", "evidence": "number"}], "scope": "run", "needs": ["second"]})
    one, many = start(store, book, keys=("a", "b")), start(store, book, keys=("a", "b"))
    for step, proof in (("first", TICK), ("second", Proof(note="seen")), ("all", Proof(value="7"))):
        for item in items_of(store, one, step, "open"):
            items.complete(store, item.id, "ben", proof, NOW)
        ticks = {item.id: proof for item in items_of(store, many, step, "open")}
        assert items.complete_all(store, ticks, "ben", NOW) == len(ticks)
        assert states(store, one) == states(store, many)
        assert_consistent(store)
    told = [[(row.step, row.shop, row.state, row.value, row.note, row.closed_by) for row in rows(store, t.item, run=run)] for run in (one, many)]
    assert told[0] == told[1] and run_state(store, many) == "completed"
    assert sorted(event.what for event in events(store, one)) == sorted(event.what for event in events(store, many))


def test_of_many_items_all_are_ticked_or_none(store):
    run = start(store, playbook({"id": "first", "checklist": ["one", {"title": "n", "evidence": "number"}], "due": "day - 1d 18:00"}))
    one, number = items_of(store, run, "first")
    for ticks, error in (({one.id: TICK, number.id: TICK}, BadCall), ({one.id: TICK, 999_999: TICK}, NotFound)):
        with pytest.raises(error):
            items.complete_all(store, ticks, "ben", NOW)
    items.complete(store, number.id, "ann", Proof(value="1"), NOW)
    with pytest.raises(NotPossible, match="already done by ann"):
        items.complete_all(store, {one.id: TICK, number.id: Proof(value="1")}, "ben", NOW)
    assert [item.state for item in items_of(store, run, "first")] == ["open", "done"]
    assert_consistent(store)


def test_rows_of_one_key_are_all_asked_of_people(store):
    run = start(store, playbook(PICK, CONFIRM))
    machine(store, run, ok({"item_id": "7", "title": "one"}, {"item_id": "7", "title": "two"}, {"item_id": "7#2", "title": "three"}, {"item_id": "7", "title": "four"}))
    assert [(item.key, item.title_zh) for item in items_of(store, run, "confirm")] == [("7", "one"), ("7#2", "two"), ("7#2#2", "three"), ("7#3", "four")]
    assert step_of(store, run, "confirm").items_total == 4
    assert_consistent(store)
