"""What changed between two playbooks, by name and field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.errors import BadCall
from ecops.playbook.beginnings import begin, copied
from ecops.playbook.difference import difference, is_empty
from ecops.playbook.model import Playbook

BASE = {
    "playbook": "sale", "title": "Sale", "phase": "campaign", "anchors": {"day": {"at": "D 00:00"}}, "params": {"goal": {"type": "integer", "default": 7}},
    "steps": [
        {"id": "plan", "duty": "goods", "due": "day - 2d 18:00", "checklist": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]},
        {"id": "sell", "duty": "goods", "needs": ["plan"], "due": "day", "checklist": ["x"]},
    ],
}  # fmt: skip


def book(**changes) -> Playbook:
    return Playbook.model_validate(BASE | changes)


def steps(*edits) -> list[dict]:
    found = [dict(step) for step in BASE["steps"]]
    for edit in edits:
        edit(found)
    return found


def test_the_same_is_no_difference():
    assert is_empty(difference(book(), book()))


def test_added_removed_and_changed_steps_are_named():
    other = book(version=2, steps=[*steps(lambda s: s.pop(0), lambda s: s[0].update(due="day 12:00", needs=[])), {"id": "new", "milestone": True}])
    found = difference(book(), other)
    assert found["fields"] == [{"field": "version", "from": 1, "to": 2}]
    assert (found["steps"]["added"], found["steps"]["removed"]) == (["new"], ["plan"])
    assert {"name": "sell", "field": "due", "from": "day", "to": "day 12:00"} in found["steps"]["changed"]


def test_items_are_compared_by_name_and_not_by_place():
    items = [{"id": "b", "title": "B"}, {"id": "a", "title": "A!"}]
    found = difference(book(), book(steps=steps(lambda s: s[0].update(checklist=items))))
    assert [(row["field"], row["from"], row["to"]) for row in found["steps"]["changed"]] == [("checklist.a.title.zh", "A", "A!"), ("checklist.a.title.en", "A", "A!")]


def test_steps_in_another_order_are_moved():
    found = difference(book(), book(steps=steps(lambda s: s.reverse())))
    assert found["steps"]["moved"] == ["sell", "plan"] and not found["steps"]["changed"]


@given(st.permutations(["a", "b", "c", "d"]), st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")))
def test_what_one_side_adds_the_other_removes(order, left, right):
    def of(names) -> Playbook:
        return book(params={name: {"type": "integer", "default": 1} for name in order if name in names})

    there, back = difference(of(left), of(right))["params"], difference(of(right), of(left))["params"]
    assert (set(there["added"]), set(there["removed"])) == (set(back["removed"]), set(back["added"])) == (right - left, left - right)


@pytest.mark.parametrize("key", ["", "Sale", "a b", "-a", "a--b", "../x", "a/b", "x" * 65, "春"])
def test_a_key_that_cannot_be_one_is_refused(key):
    for make in (lambda: begin(key, "campaign"), lambda: copied("playbook: x\n", "x", key)):
        with pytest.raises(BadCall):
            make()
