"""Single steps of a playbook come, go and change places; what does not fit names its file and line."""

import pytest

from ecops.errors import BadCall, NotFound
from ecops.playbook.amend import Amendment, StepFile
from ecops.playbook.model import Playbook
from ecops.shelf import task_facts

STEPS = [
    {"id": "plan", "checklist": ["one"], "due": "day - 6d 18:00", "stage": "prep"},
    {"id": "pick", "task": "campaign.pick_items", "needs": ["plan"], "stage": "prep"},
    {"id": "sell", "checklist": ["sell"], "needs": ["pick"], "due": "day 18:00", "stage": "execution"},
    {"id": "send", "checklist": ["send"], "needs": ["sell"], "due": "day + 2d", "stage": "wrap-up"},
]


def book(*steps, **more) -> Playbook:
    head = {"playbook": "tiny", "version": 3, "title": "Tiny", "phase": "campaign", "anchors": {"day": {"at": "D 00:00"}}}
    return Playbook.model_validate(head | more | {"steps": list(steps) or STEPS})


def amended(of=None, skip=(), add=(), **swap) -> Playbook:
    return Amendment(task_facts(), None, skip, [StepFile("new.yaml", text) for text in add], {step: StepFile(f"{step}.yaml", text) for step, text in swap.items()}).of(of or book())


def ids(of: Playbook) -> list[str]:
    return [step.id for step in of.steps]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("{id: x, milestone: true, needs: [plan]}", ["plan", "x", "pick", "sell", "send"]),
        ("{id: x, milestone: true, stage: prep}", ["plan", "pick", "x", "sell", "send"]),
        ("{id: x, milestone: true}", ["plan", "pick", "sell", "send", "x"]),
        ("[{id: x, milestone: true, needs: [sell]}, {id: y, milestone: true, needs: [x]}]", ["plan", "pick", "sell", "x", "y", "send"]),
    ],
)  # fmt: skip
def test_a_new_step_stands_behind_its_stage_or_what_it_needs(text, order):
    found = amended(add=[text])
    assert ids(found) == order and found.version == 3
    assert found.step("x").stage == found.steps[order.index("x") - 1].stage


def test_needs_and_freezes_on_a_skipped_step_fall_away():
    frozen = book(freezes=[{"id": "f", "title": "F", "from": "day", "until": "day + 1d", "steps": ["sell", "plan"]}, {"id": "g", "title": "G", "from": "day", "until": "day + 1d", "steps": ["plan"]}])
    found = amended(frozen, skip=["plan"])
    assert ids(found) == ["pick", "sell", "send"] and found.step("pick").needs == ()
    assert [(freeze.id, freeze.steps) for freeze in found.freezes] == [("f", ("sell",))]


def test_a_gate_reopens_no_skipped_step_and_hours_nothing_counts_any_more_keep_no_step_in():
    gate = {"id": "go", "approval": {"by": ["operations"], "reopens": ["answer", "plan"]}, "needs": ["answer", "plan"]}
    old = book({"id": "answer", "checklist": ["one"], "due": "4 service hours after ready"}, {"id": "plan", "checklist": ["one"]}, gate, service_hours="09:00-21:00")
    found = amended(old, skip=["answer"])
    assert (found.step("go").approval.reopens, found.step("go").needs) == (("plan",), ("plan",))
    assert amended(old, skip=["answer", "plan"]).step("go").approval.reopens == ()
    assert ids(amended(found, skip=["plan"])) == ["go"]


def test_a_swapped_step_keeps_its_place_stage_and_id():
    found = amended(sell="milestone: true\nneeds: [pick]\n")
    assert ids(found) == ids(book()) and found.step("sell").kind == "milestone" and found.step("sell").stage == "execution"


def test_what_the_copy_of_the_run_had_already_is_not_told_again():
    old = book(*STEPS[:1], {"id": "gone", "task": "campaign.no_longer_there"})
    assert ids(amended(old, add=["{id: x, milestone: true, needs: [plan]}"])) == ["plan", "x", "gone"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"add": ["id: plan\nmilestone: true\n"]}, r"new.yaml:1:1: error \[duplicate-step\]"),
        ({"add": ["id: late\nchecklist: [x]\ndue: dey + 1d\n"]}, r"new.yaml:3:1: error \[unknown-anchor\].*Did you mean day"),
        ({"add": ["- id: one\n  milestone: true\n- id: two\n  chcklist: [x]\n"]}, r"new.yaml:4:3: error \[extra-forbidden\]"),
        ({"add": ["id: [broken\n"]}, r"new.yaml:2:1: error \[yaml\]"),
        ({"add": ["just words"]}, r"new.yaml:1:1: error \[not-a-step\]"),
        ({"add": ["[]"]}, r"new.yaml:1:1: error \[not-a-step\]"),
        ({"add": ["id: fine\ntask: campaign.pick_itms\n"]}, r"new.yaml:2:1: error \[unknown-task\].*Did you mean campaign.pick_items"),
        ({"add": ["id: turn\nmilestone: true\nneeds: [send, turn]\n"]}, r"new.yaml:3:1: error \[cycle\]"),
        ({"sell": "id: buy\nmilestone: true\n"}, r"sell.yaml:1:1: error \[swap\].*one step of that id"),
        ({"sell": "- {milestone: true}\n- {milestone: true}\n"}, r"sell.yaml:1:3: error \[swap\]"),
        ({"skip": ["sell"], "sell": "milestone: true\n"}, "skipped and swapped"),
        ({"skip": ["plan", "pick", "sell", "send"]}, r"tiny v3:1:1: error \[too-short\]"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_file_and_line(how, said):
    with pytest.raises(BadCall, match=f"(?s){said}"):
        amended(**how)


def test_every_mistake_is_told_at_once():
    with pytest.raises(BadCall) as error:
        amended(add=["id: late\nchecklist: [x]\ndue: dey + 1d\nneeds: [nowhere]\n"])
    assert len(str(error.value).splitlines()) == 2


def test_a_list_made_of_a_step_keeps_it_from_being_skipped():
    listed = {"id": "check", "checklist": {"each": "steps.pick.items", "item": "{{ it.title }}"}, "due": "day"}
    with pytest.raises(BadCall, match="check takes its items from pick"):
        amended(book(*STEPS[:2], listed), skip=["pick"])
    assert ids(amended(book(*STEPS[:2], listed), skip=["pick", "check"])) == ["plan"]


def test_an_unknown_step_is_not_there():
    with pytest.raises(NotFound, match="no step sel. Did you mean sell"):
        amended(skip=["sel"])
