"""Firings of a routine never overlap for a shop: the new one takes the place of the unfinished; on both databases."""

from datetime import timedelta

import pytest

from ecops.errors import NotPossible
from ecops.service import items, launch
from ecops.service.items import Proof
from ecops.store import tables as t
from tests.integration.stores import DAY, NOW, after, assert_consistent, events, items_of, playbook, rows, run_state, start, store  # noqa: F401

MORNING = playbook({"id": "look", "checklist": ["one"], "due": "day 18:00"}, playbook="morning", phase="daily")


def fire(store, keys, day, now, book=MORNING):
    return launch.launch(store, launch.Launch(book, DAY + timedelta(days=int(day)), list(keys), key=f"{book.playbook}@{day}@{keys}", firing=True), now, "schedule").run


def active(store):
    return [row.run for row in rows(store, t.run) if row.state == "active"]


def test_the_next_firing_takes_the_place_of_one_that_is_not_finished(store):
    first = fire(store, "ab", "1", NOW)
    items.complete(store, items_of(store, first, "look")[0].id, "ben", Proof(), NOW)
    second = fire(store, "ab", "2", after(days=1))
    assert (run_state(store, first), active(store)) == ("cancelled", [second])
    assert sorted(item.state for item in items_of(store, first, "look")) == ["done", "withdrawn"], "what was done stays"
    [ended] = events(store, first, "run.cancelled")
    assert "接替" in ended.detail["reason"]
    assert_consistent(store)


def test_a_finished_firing_and_other_playbooks_are_left_alone(store):
    first = fire(store, "a", "1", NOW)
    for item in items_of(store, first, "look"):
        items.complete(store, item.id, "ben", Proof(), NOW)
    other = fire(store, "a", "1", NOW, playbook({"id": "look", "checklist": ["one"], "due": "day 18:00"}, playbook="evening", phase="daily"))
    by_hand = start(store, MORNING)
    second = fire(store, "a", "2", after(days=1))
    assert run_state(store, first) == "completed"
    assert sorted(active(store)) == sorted([other, by_hand, second])


def test_a_firing_of_the_day_with_more_shops_goes_on_and_keeps_those_it_shares(store):
    whole = fire(store, "ab", "1", NOW)
    with pytest.raises(NotPossible):
        fire(store, "a", "1", after(hours=1))
    assert active(store) == [whole]


def test_a_schedule_for_fewer_shops_than_yesterday_does_not_stand_still(store):
    whole = fire(store, "ab", "1", NOW)
    narrower = fire(store, "a", "2", after(days=1))
    assert (run_state(store, whole), active(store)) == ("cancelled", [narrower])


def test_firings_of_other_shops_go_on(store):
    first = fire(store, "a", "1", NOW)
    second = fire(store, "b", "2", after(days=1))
    assert sorted(active(store)) == sorted([first, second])


def test_no_shop_is_in_two_firings_and_a_wider_one_takes_over_narrower_ones(store):
    fire(store, "a", "1", NOW)
    fire(store, "b", "1", NOW)
    whole = fire(store, "ab", "2", after(days=1))
    assert active(store) == [whole]
    assert [row.shop for row in rows(store, t.run_shop, run=whole)] == ["a", "b"]


def test_an_older_day_does_not_take_the_place_of_a_newer_one(store):
    newer = fire(store, "a", "2", NOW)
    with pytest.raises(NotPossible):
        fire(store, "a", "1", after(hours=1))
    assert active(store) == [newer]


def test_the_same_firing_again_finds_its_run_and_ends_nothing(store):
    first = fire(store, "a", "1", NOW)
    assert fire(store, "a", "1", after(hours=2)) == first
    assert run_state(store, first) == "active"
