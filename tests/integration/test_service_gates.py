"""Gates: who has a voice, how many are enough, and what a rejection opens again. On both databases."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.engine.quorum import is_given, spread
from ecops.errors import BadCall, NotPossible
from ecops.service import gates, items, people, sweep
from ecops.service import replan as replanning
from ecops.service.items import Proof
from ecops.store import tables as t
from tests.integration.stores import (
    NOW,
    after,
    assert_consistent,
    events,
    items_of,
    playbook,
    rows,
    run_state,
    start,
    states,
    step_of,
    store,  # noqa: F401
)
from tests.integration.test_service_races import at_once

TICK = Proof()
PREPARE = {"id": "prepare", "checklist": ["prices", "stock"], "due": "day - 2d 18:00", "remind": ["-1d"], "escalate": [{"after": "1h", "to": "management"}]}
PAGE = {"id": "page", "checklist": ["page"], "due": "day - 2d 18:00"}
GATE = {"id": "gate", "scope": "run", "needs": ["prepare", "page"], "due": "day - 1d 12:00", "remind": ["-4h"], "escalate": [{"after": "0h", "to": "management"}], "approval": {"by": ["operations", "supply"], "quorum": 2, "reopens": ["prepare"]}}
AFTER = {"id": "after", "checklist": ["open the page"], "needs": ["gate"], "due": "day 18:00"}
SENT_BACK = playbook(PREPARE, PAGE, GATE, AFTER)


def gate_of(**approval):
    return playbook({"id": "gate", "approval": {"by": ["operations"], **approval}}, owner="operations")


def say(store, run, by, verdict="approve", note=None, step="gate", now=NOW):
    return gates.decide(store, step_of(store, run, step).id, by, verdict, note, now)


def tick_all(store, run, step, by="ben", now=NOW):
    for item in items_of(store, run, step, "open"):
        items.complete(store, item.id, by, TICK, now)


def away(store, person, cover, since=NOW, until=after(days=9)):
    people.away(store, person, since, until, cover, None, "ann", NOW)


# --- voices --------------------------------------------------------------------------------------------------------


def test_one_person_with_two_of_the_roles_has_one_voice(store):
    people.bind(store, "supply", "ann", None, NOW)
    run = start(store, gate_of(by=["operations", "supply"], quorum=2), by="dan")
    say(store, run, "ann")
    with pytest.raises(NotPossible, match="counts once"):
        say(store, run, "ann")
    assert states(store, run) == {"gate": "open"}
    assert say(store, run, "ben")["state"] == "done"
    assert_consistent(store)


def test_who_covers_an_absent_holder_decides_in_their_place_and_the_absent_does_not(store):
    away(store, "cat", "dan")
    run = start(store, gate_of(by=["supply"], quorum=1), by="ann")
    with pytest.raises(BadCall, match="cat holds none"):
        say(store, run, "cat")
    assert say(store, run, "dan")["decisions"][0]["role"] == "supply"
    assert [event.detail["why"] for event in events(store, run, "gate.approved")] == ["cover"]
    assert_consistent(store)


def test_who_holds_a_role_and_covers_another_holder_has_one_voice(store):
    away(store, "ann", "ben")
    run = start(store, gate_of(by=["operations"], quorum=2), by="cat")
    say(store, run, "ben")
    with pytest.raises(NotPossible, match="counts once"):
        say(store, run, "ben")
    assert states(store, run) == {"gate": "open"}


def test_a_gate_whose_roles_nobody_holds_falls_to_the_owner_role(store):
    run = start(store, gate_of(by=["compliance", "crm"], quorum=2), by="cat")
    say(store, run, "ann")
    with pytest.raises(BadCall, match="cat holds none of the roles"):
        say(store, run, "cat")
    assert say(store, run, "ben")["state"] == "done"
    assert {event.detail["why"] for event in events(store, run, "gate.approved")} == {"fallback"}
    assert_consistent(store)


def test_one_role_that_somebody_holds_keeps_the_gate_from_falling(store):
    run = start(store, gate_of(by=["compliance", "supply"]), by="ann")
    with pytest.raises(BadCall, match="ask cat"):
        say(store, run, "ben")
    assert say(store, run, "cat")["state"] == "done"


def test_the_requester_never_decides_also_where_the_gate_falls_to_them_or_they_cover(store):
    away(store, "ben", "ann")
    run = start(store, gate_of(by=["compliance"], **{"not": "requester"}), by="ann")
    with pytest.raises(BadCall, match="launched this run"):
        say(store, run, "ann")
    assert states(store, run) == {"gate": "open"}
    people.bind(store, "compliance", "ben", None, NOW)  # away, and covered by the requester
    with pytest.raises(BadCall, match="launched this run"):
        say(store, run, "ann")
    people.bind(store, "compliance", "dan", None, NOW)
    assert say(store, run, "dan")["state"] == "done"


def test_every_role_gives_a_voice_each_by_another_person(store):
    people.bind(store, "supply", "ann", None, NOW)
    run = start(store, gate_of(by=["operations", "supply"], every_role=True), by="dan")
    say(store, run, "ann")
    assert say(store, run, "ben")["state"] == "done"  # ben for operations, so ann for supply
    run = start(store, gate_of(by=["operations", "management", "supply"], every_role=True, quorum=3), by="dan")
    say(store, run, "ann"), say(store, run, "ben")
    assert states(store, run) == {"gate": "open"}
    assert say(store, run, "cat")["state"] == "done"
    assert_consistent(store)


def test_so_many_voices_of_one_role_are_not_every_role(store):
    run = start(store, gate_of(by=["operations", "supply"], every_role=True), by="dan")
    say(store, run, "ann"), say(store, run, "ben")
    assert states(store, run) == {"gate": "open"}
    assert say(store, run, "cat")["state"] == "done"


def test_a_role_of_every_role_that_nobody_holds_falls_to_the_owner_role(store):
    run = start(store, gate_of(by=["supply", "compliance"], every_role=True), by="dan")
    say(store, run, "cat")
    assert say(store, run, "ben")["state"] == "done"
    assert {row.person: row.role for row in rows(store, t.decision)} == {"cat": "supply", "ben": "compliance"}


ROLES = ("a", "b", "c", "d")
PERSONS = ("p", "q", "r", "s")


@given(st.dictionaries(st.sampled_from(ROLES), st.sets(st.sampled_from(PERSONS)), min_size=1))
def test_a_person_for_each_role_is_found_whenever_there_is_one(able):
    best = max(sum(person in able[role] for role, person in zip(able, order, strict=False)) for order in itertools.permutations((*PERSONS, *"wxyz")[: max(len(able), 4)]))
    found = spread(able)
    assert len(found) == len(set(found.values())) == best
    assert all(person in able[role] for role, person in found.items())
    voices = set().union(*able.values())
    assert is_given(len(voices), voices, able) == (best == len(able))
    assert not is_given(len(voices) + 1, voices, able)


# --- expiry --------------------------------------------------------------------------------------------------------


def test_time_never_approves(store):
    run = start(store, SENT_BACK)
    tick_all(store, run, "prepare"), tick_all(store, run, "page")
    for days in range(0, 400, 20):
        sweep.sweep(store, after(days=days))
    assert states(store, run) == {"prepare": "done", "page": "done", "gate": "open", "after": "waiting"}
    assert (rows(store, t.decision), run_state(store, run)) == ([], "active")
    assert len(events(store, run, "step.escalated")) == 1
    say(store, run, "ann", now=after(days=400))
    assert say(store, run, "cat", now=after(days=400))["state"] == "done"
    assert_consistent(store)


# --- what a rejection opens again ----------------------------------------------------------------------------------


def at_the_gate(store, keys=("a",), book=SENT_BACK):
    run = start(store, book, keys=keys, by="dan")
    tick_all(store, run, "prepare"), tick_all(store, run, "page", "cat")
    return run


def test_a_rejection_opens_again_what_it_was_decided_on_and_the_gate_waits(store):
    run = at_the_gate(store)
    assert states(store, run)["gate"] == "open"
    say(store, run, "ann")
    answer = say(store, run, "cat", "reject", "prices are last year's", now=after(days=1))
    assert (answer["state"], answer["decisions"]) == ("waiting", [])
    assert states(store, run) == {"prepare": "open", "page": "done", "gate": "waiting", "after": "waiting"}
    assert {(item.state, item.closed_by) for item in items_of(store, run, "prepare")} == {("open", None)}
    assert (step_of(store, run, "prepare").items_done, step_of(store, run, "gate").waits_for) == (0, 1)
    assert [event.detail["note"] for event in events(store, run, "gate.rejected")] == ["prices are last year's"]
    assert [(event.step, event.detail) for event in events(store, run, "step.reopened")] == [("prepare", {"reason": "prices are last year's", "gate": "gate"})]
    assert rows(store, t.decision) == []
    assert_consistent(store)
    with pytest.raises(NotPossible, match="gate is waiting"):
        say(store, run, "ann")
    tick_all(store, run, "prepare", now=after(days=2))
    assert states(store, run) == {"prepare": "done", "page": "done", "gate": "open", "after": "waiting"}
    assert_consistent(store)
    say(store, run, "ann")  # the earlier voice went with the earlier opening
    assert states(store, run)["gate"] == "open"
    say(store, run, "cat")
    assert states(store, run)["after"] == "open"
    assert_consistent(store)


def test_who_closed_it_and_who_has_it_are_told_why(store):
    run = start(store, SENT_BACK, by="dan")
    first, second = items_of(store, run, "prepare")
    items.assign(store, first.id, "ben", "ann", NOW)
    items.complete(store, first.id, "ann", TICK, NOW), items.complete(store, second.id, "cat", TICK, NOW)
    tick_all(store, run, "page")
    say(store, run, "cat", "reject", "wrong")
    told = {(row.person, row.item, row.why) for row in rows(store, t.notice, kind="reopened")}
    assert told == {("ann", first.id, "person"), ("ben", first.id, "assignee")}  # cat knows it
    assert {row.detail["zh"] for row in rows(store, t.notice, kind="reopened")} == {"原因:wrong"}
    assert items_of(store, run, "prepare")[0].assignee == "ben"


def test_every_opening_has_rungs_of_its_own_and_none_of_the_one_before_fires(store):
    run = at_the_gate(store)
    gate, prepare = step_of(store, run, "gate").id, step_of(store, run, "prepare").id
    assert {row.generation for row in rows(store, t.timer, step_run=gate)} == {0}
    say(store, run, "cat", "reject", "no")
    assert rows(store, t.timer, step_run=gate) == []
    assert {(row.kind, row.generation) for row in rows(store, t.timer, step_run=prepare)} == {("remind", 1), ("escalate", 1)}
    sweep.sweep(store, after(days=9))
    assert [event.step for event in events(store, run, "step.escalated")] == ["prepare"]  # the gate waits: nobody is late with it
    tick_all(store, run, "prepare", now=after(days=9))
    assert {row.generation for row in rows(store, t.timer, step_run=gate)} == {1}
    sweep.sweep(store, after(days=20))
    assert [(event.step, event.detail["generation"]) for event in events(store, run, "step.escalated")] == [("prepare", 1), ("gate", 1)]
    assert_consistent(store)


def test_a_rejection_that_stands_takes_as_many_voices_again(store):
    run = start(store, playbook({"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2}}), by="dan")
    say(store, run, "ann", "approve")
    say(store, run, "cat", "reject", "stock is short", now=after(hours=1))
    assert say(store, run, "ben", "approve", now=after(hours=2))["state"] == "open"  # Ann did not know why it was rejected
    with pytest.raises(NotPossible, match="counts once"):
        say(store, run, "ben", "approve", now=after(hours=3))
    assert say(store, run, "ann", "approve", "we sell what there is", now=after(hours=4))["state"] == "done"
    assert_consistent(store)


def test_skipped_items_stay_and_a_checklist_without_done_ones_is_left_alone(store):
    run = start(store, SENT_BACK, by="dan")
    first, second = items_of(store, run, "prepare")
    items.skip(store, first.id, "ben", "not sold", NOW), items.complete(store, second.id, "ben", TICK, NOW)
    tick_all(store, run, "page")
    say(store, run, "cat", "reject", "no")
    assert [item.state for item in items_of(store, run, "prepare")] == ["skipped", "open"]
    assert step_of(store, run, "prepare").items_done == 1
    assert_consistent(store)
    items.skip(store, second.id, "ben", "neither", NOW)
    assert states(store, run)["gate"] == "open"
    assert say(store, run, "cat", "reject", "still no")["state"] == "open"  # nothing there could be done again
    assert [row.verdict for row in rows(store, t.decision)] == ["reject"]
    assert_consistent(store)


def test_a_rejection_of_all_shops_waits_for_each(store):
    run = at_the_gate(store, keys=("a", "b"))
    say(store, run, "cat", "reject", "no")
    assert step_of(store, run, "gate").waits_for == 2
    assert_consistent(store)
    for shop in ("a", "b"):
        assert states(store, run)["gate"] == "waiting"
        for item in items_of(store, run, "prepare", "open"):
            if item.shop == shop:
                items.complete(store, item.id, "ben", TICK, NOW)
    assert states(store, run)["gate"] == "open"
    assert_consistent(store)


def test_a_gate_of_one_shop_opens_again_that_shop_s_work_only(store):
    run = at_the_gate(store, keys=("a", "b"), book=playbook(PREPARE, PAGE, GATE | {"scope": "shop"}, AFTER))
    gates.decide(store, step_of(store, run, "gate", "b").id, "cat", "reject", "no", NOW)
    assert {key: state for key, state in states(store, run).items() if not key.startswith("page")} == {"prepare@a": "done", "prepare@b": "open", "gate@a": "open", "gate@b": "waiting", "after@a": "waiting", "after@b": "waiting"}
    assert_consistent(store)


def test_what_has_begun_beside_the_gate_goes_on_and_what_has_not_waits(store):
    beside = ({"id": "begun", "checklist": ["x"], "needs": ["prepare"]}, {"id": "later", "checklist": ["y"], "needs": ["prepare"], "start": "day"}, {"id": "over", "milestone": None, "needs": ["prepare"]})
    run = at_the_gate(store, book=playbook(PREPARE, PAGE, GATE, AFTER, *beside))
    assert {key: states(store, run)[key] for key in ("begun", "later", "over")} == {"begun": "open", "later": "waiting", "over": "done"}
    say(store, run, "cat", "reject", "no")
    assert {key: step_of(store, run, key).waits_for for key in ("begun", "later", "over", "after")} == {"begun": 1, "later": 1, "over": 1, "after": 1}
    assert {key: states(store, run)[key] for key in ("begun", "later", "over")} == {"begun": "open", "later": "waiting", "over": "done"}
    assert_consistent(store)
    tick_all(store, run, "begun")
    sweep.sweep(store, after(days=30))
    assert states(store, run)["later"] == "waiting"
    tick_all(store, run, "prepare", now=after(days=30))
    assert {key: step_of(store, run, key).waits_for for key in ("begun", "later", "over", "gate")} == {"begun": 0, "later": 0, "over": 0, "gate": 0}
    assert states(store, run)["later"] == "open"
    assert_consistent(store)


def test_a_due_time_that_counts_from_ready_counts_anew(store):
    book = playbook(PREPARE | {"due": "+2d", "remind": [], "escalate": []}, PAGE, GATE | {"due": "24h after ready", "remind": [], "escalate": []})
    run = at_the_gate(store, book=book)
    assert step_of(store, run, "prepare").due_at == after(days=2)
    say(store, run, "cat", "reject", "no", now=after(days=5))
    assert (step_of(store, run, "prepare").due_at, step_of(store, run, "gate").due_at) == (after(days=7), None)
    assert {item.due_at for item in items_of(store, run, "prepare")} == {after(days=7)}
    tick_all(store, run, "prepare", now=after(days=6))
    assert step_of(store, run, "gate").due_at == after(days=7)
    assert_consistent(store)


def test_a_gate_that_was_sent_back_is_replanned_like_any_other(store):
    run = at_the_gate(store)
    say(store, run, "cat", "reject", "no")
    replanning.apply(store, run, {"day": "2026-11-15 00:00"}, None, "ann", after(hours=1))
    assert_consistent(store)
    replanning.apply(store, run, {}, SENT_BACK.model_copy(update={"version": 2}), "ann", after(hours=2))
    assert_consistent(store)
    tick_all(store, run, "prepare")
    assert states(store, run)["gate"] == "open"
    assert_consistent(store)


# --- at once -------------------------------------------------------------------------------------------------------


def test_two_rejections_at_once_send_back_once(store):
    for _ in range(4):
        run = at_the_gate(store)
        gate = step_of(store, run, "gate").id
        results = at_once(*(lambda who=who: gates.decide(store, gate, who, "reject", "no", NOW) for who in ("ann", "cat")))
        assert sorted(type(one).__name__ for one in results) == ["NotPossible", "dict"], results
        assert (step_of(store, run, "gate").generation, len(events(store, run, "step.reopened"))) == (1, 1)
        assert_consistent(store)


def test_a_rejection_and_the_last_voice_at_once_leave_one_truth(store):
    for _ in range(4):
        run = at_the_gate(store)
        say(store, run, "ann")
        gate = step_of(store, run, "gate").id
        results = at_once(lambda: gates.decide(store, gate, "cat", "approve", None, NOW), lambda: gates.decide(store, gate, "ben", "reject", "no", NOW))
        assert sorted(type(one).__name__ for one in results) == ["NotPossible", "dict"], results
        assert states(store, run)["gate"] in ("done", "waiting")
        assert_consistent(store)


def test_a_rejection_while_somebody_ticks_the_last_item_leaves_no_gate_ajar(store):
    for _ in range(4):
        run = at_the_gate(store)
        gate = step_of(store, run, "gate").id
        say(store, run, "cat", "reject", "no")
        first, last = items_of(store, run, "prepare")
        items.complete(store, first.id, "ben", TICK, NOW)
        results = at_once(lambda: items.complete(store, last.id, "ben", TICK, NOW), lambda: gates.decide(store, gate, "ann", "reject", "still no", NOW), lambda: items.reopen(store, first.id, "ann", "again", NOW))
        assert not [one for one in results if not isinstance(one, items.Ticked | NotPossible | dict)], results
        assert_consistent(store)
        tick_all(store, run, "prepare")
        assert states(store, run)["gate"] == "open"
        assert_consistent(store)
