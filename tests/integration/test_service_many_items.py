"""Many items are claimed or given at once: all, or none; on both databases."""

import pytest

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.service import items, sweep
from ecops.store import tables as t
from tests.integration.stores import NOW, events, items_of, playbook, rows, start, store  # noqa: F401

BOOK = playbook({"id": "do", "role": "operations", "checklist": ["one", "two", "three"]})


@pytest.fixture
def numbers(store) -> list[int]:  # noqa: F811
    run = start(store, BOOK)
    sweep.sweep(store, NOW)
    return [row.id for row in items_of(store, run, "do", "open")]


def test_all_are_claimed_and_each_has_its_event(store, numbers):  # noqa: F811
    assert items.claim_all(store, numbers, "ben", NOW) == 3
    found = rows(store, t.item)
    assert {row.assignee for row in found} == {row.owner for row in found} == {"ben"}
    assert [event.item for event in events(store, found[0].run, "item.claimed")] == numbers


def test_all_are_given_and_the_person_is_told_of_each(store, numbers):  # noqa: F811
    assert items.assign_all(store, [*numbers, numbers[0]], "dan", "ben", NOW) == 3
    assert {(row.assignee, row.owner) for row in rows(store, t.item)} == {("dan", "dan")}
    assert [(row.person, row.item) for row in rows(store, t.notice, kind="assigned")] == [("dan", item) for item in numbers]


@pytest.mark.parametrize("act", [lambda store, numbers: items.claim_all(store, numbers, "ben", NOW), lambda store, numbers: items.assign_all(store, numbers, "dan", "ben", NOW)])
def test_one_that_is_closed_or_missing_holds_all(store, numbers, act):  # noqa: F811
    items.complete(store, numbers[1], "ann", items.Proof(), NOW)
    with pytest.raises(NotPossible, match="was already done by ann"):
        act(store, numbers)
    with pytest.raises(NotFound, match="no item 999"):
        act(store, [numbers[0], 999])
    assert {row.assignee for row in rows(store, t.item)} == {None} and rows(store, t.notice) == []


def test_one_that_somebody_has_or_that_is_none_of_theirs_holds_all(store, numbers):  # noqa: F811
    items.claim(store, numbers[2], "ann", NOW)
    with pytest.raises(NotPossible, match=f"Item {numbers[2]} was already taken by ann"):
        items.claim_all(store, numbers, "ben", NOW)
    for act in (lambda: items.claim_all(store, numbers[:2], "cat", NOW), lambda: items.assign_all(store, numbers[:2], "cat", "cat", NOW)):
        with pytest.raises(BadCall, match="is the work of operations"):
            act()
    assert [row.assignee for row in rows(store, t.item)] == [None, None, "ann"]
