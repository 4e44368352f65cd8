"""A mistake in a playbook names file, line, column and remedy; bombs and surprises are refused."""

import json

import pytest

from ecops.playbook.check import TaskFacts, read_playbook
from ecops.playbook.library import digest
from ecops.playbook.model import Playbook
from ecops.playbook.source import Trouble, load

GOOD = """\
playbook: double-11
title: {zh: 双11大促, en: Double 11}
phase: campaign
anchors:
  day:     {at: "D 00:00", required: true}
  presale: {default: day - 18d 20:00}
params:
  gmv_target: {type: money, required: true}
  min_conversion: {type: percent, default: 8%}
stages: [prep, execution, wrap-up]
steps:
  - id: pick-items
    stage: prep
    duty: marketing
    task: campaign.pick_items
    with: {window: 30d, min_conversion: "{{ params.min_conversion }}"}
    start: day - 60d 09:00
  - id: confirm-items
    duty: goods
    checklist:
      each: steps.pick-items.items
      item: "{{ it.title }} 30天转化率 {{ it.conversion | percent }}"
    role: merchandising
    due: day - 45d 18:00
    remind: [-2d, -4h]
    escalate: [{after: 0h, to: operations}, {after: 1d, to: management}]
  - id: go-no-go
    duty: marketing
    approval: {by: [operations, supply], quorum: 2, not: requester}
    needs: [confirm-items]
    due: day - 1d 12:00
  - id: hourly-watch
    duty: data
    task: campaign.watch_hour
    every: 1h
    from: day
    until: day + 24h
"""
TASKS = {
    "campaign.pick_items": TaskFacts(frozenset({"window", "min_conversion"}), lambda values: None),
    "campaign.watch_hour": TaskFacts(frozenset(), lambda values: None),
}


def problems(text):
    return [(p.line, p.code) for p in read_playbook(text, "f.yaml", TASKS)[1] if p.severity == "error"]


def test_a_good_playbook_has_no_problem_and_survives_being_kept():
    playbook, found = read_playbook(GOOD, "f.yaml", TASKS)
    assert found == []
    assert Playbook.model_validate_json(playbook.model_dump_json(by_alias=True)) == playbook
    assert digest(playbook) == digest(Playbook.model_validate_json(playbook.model_dump_json(by_alias=True)))


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ("needs: [confirm-items]", "needs: [nobody]", 30, "unknown-step"),
        ("    duty: data", "    colour: red\n    duty: data", 33, "extra-forbidden"),
        ("start: day - 60d 09:00", "start: day-60d 09:00", 17, "unknown-anchor"),
        ("start: day - 60d 09:00", "start: 24h after ready", 17, "unknown-anchor"),
        ("task: campaign.pick_items", "task: campaign.pick_item", 15, "unknown-task"),
        ("every: 1h", "every: 1x", 35, "value-error"),
        ("window: 30d", "windo: 30d", 16, "unknown-param"),
        ("params.min_conversion", "params.max_conversion", 16, "unknown-param"),
        ("stage: prep", "stage: pre", 13, "unknown-stage"),
        ("default: 8%", "default: 800", 9, "bad-value"),
        ("quorum: 2", "quorum: 0", 29, "greater-than-equal"),
        ("30天转化率", "好评返现", 22, "unlawful"),
        ("it.title", "it.title.upper()", 22, "value-error"),
        ("remind: [-2d, -4h]", "remind: [-2d, -4h]\n    every: 1h", 20, "value-error"),
        ("id: go-no-go", "id: pick-items", 27, "duplicate-step"),
        ("default: day - 18d 20:00", "default: presale - 1d", 6, "anchor-cycle"),
        ("phase: campaign", "phase: campain", 3, "literal-error"),
    ],
)
def test_a_mistake_is_found_where_it_stands(old, new, line, code):
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert code in [c for _, c in found]
    assert abs(next(at for at, c in found if c == code) - line) <= 2


def test_a_cycle_is_named_in_full():
    text = GOOD.replace("    role: merchandising", "    role: merchandising\n    needs: [go-no-go]")
    _, found = read_playbook(text, "f.yaml", TASKS)
    assert any(p.code == "cycle" and "confirm-items" in p.message and "go-no-go" in p.message for p in found)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x [1]\nb: *x", "alias"),
        ("a: 1\na: 2", "duplicate"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: [", "yaml"),
        ("[" * 60 + "]" * 60, "too-deep"),
        ("a: " + "x" * 600_000, "too-large"),
        ("\x00", "yaml"),
    ],
)
def test_bombs_and_surprises_are_refused(text, code):
    with pytest.raises(Trouble) as trouble:
        load(text)
    assert trouble.value.code == code


def test_times_and_switches_stay_text():
    assert load("a: [12:30, on, 0123, 2026-11-11, 8%, true, 7]")[0] == {"a": ["12:30", "on", "0123", "2026-11-11", "8%", True, 7]}


@pytest.mark.parametrize("text", ["", "just words", "- 1", "playbook: 3"])
def test_what_is_no_playbook_gets_a_sentence(text):
    playbook, found = read_playbook(text, "f.yaml", TASKS)
    assert playbook is None and found and all(p.remedy for p in found)


def test_problems_are_plain_data():
    assert json.dumps([p.to_json() for p in read_playbook(GOOD.replace("8%", "800"), "f.yaml", TASKS)[1]])
