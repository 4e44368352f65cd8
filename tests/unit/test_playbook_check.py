"""A mistake in a playbook names file, line, column and remedy; bombs and surprises are refused."""

import json
import os

import pytest

from ecops.playbook.check import TaskFacts, read_playbook
from ecops.playbook.cron import check_cron, once_a_day
from ecops.playbook.library import Shelf, digest
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
        ("phase: campaign", "phase: [campaign]", 3, "literal-error"),
        ("phase: campaign", "phase: campaign\ntimezone: Mars/Olympus", 4, "value-error"),
        ("phase: campaign", "phase: campaign\nowner: boss", 4, "unknown-role"),
        ("phase: campaign", "phase: daily\nschedule: {cron: '99 8 * * *'}", 4, "value-error"),
        ("phase: campaign", "phase: daily\nschedule: {cron: '0 8 * * *'}", 9, "schedule"),
        ("role: merchandising", "role: merchandizing", 23, "unknown-role"),
        ("to: management", "to: mangement", 26, "unknown-role"),
        ("by: [operations, supply]", "by: [operations, suply]", 29, "unknown-role"),
        ("remind: [-2d, -4h]", "remind: [-99999999999d]", 25, "value-error"),
        ("remind: [-2d, -4h]", "remind: [-9999d]", 25, "value-error"),
        ("due: day - 45d 18:00", "due: day - 61d 18:00", 24, "due-too-early"),
        ("due: day - 1d 12:00", "due: day - 60d 08:00", 31, "due-too-early"),
        ("until: day + 24h", "until: day - 24h", 37, "until-before-from"),
        ("until: day + 24h", "until: day + 3000d", 35, "too-many-rounds"),
        ("phase: campaign", "version: 99999999999\nphase: campaign", 3, "less-than-equal"),
        ("{zh: 双11大促, en: Double 11}", "{zh: 双11大促, en: ' '}", 2, "value-error"),
        ("until: day + 24h", "until: day + 24h\nthen: {playbook: next, day: gone + 3d}", 38, "unknown-anchor"),
        ("until: day + 24h", "until: day + 24h\nthen: {playbook: next, day: +3d}", 38, "unknown-anchor"),
        ("default: 8%", "min: 9%, max: 1%", 9, "bad-value"),
        ("type: percent, default: 8%", "type: flag, min: 1", 9, "value-error"),
        ("type: percent, default: 8%", "type: text, min: 3, default: ab", 9, "bad-value"),
        ("type: percent, default: 8%", "type: integer, default: 1e999999999", 9, "bad-value"),
        ("window: 30d", "window: ['{{ secrets.x }}']", 16, "value-error"),
        ("window: 30d", "window: '{{ shop.name }}'", 16, "no-shop"),
        ("role: merchandising", "when: params.gmv_target > 'x'", 23, "bad-value"),
        ("role: merchandising", "when: steps.nobody.counts.items > 3", 23, "unknown-step"),
        ("role: merchandising", "when: steps.go_no_go.status == 'ok'", 23, "unknown-step"),
        ("role: merchandising", "title: 'for {{ params.gmv_target }}'", 23, "no-params"),
        ("it.title", "shop.nmae", 22, "unknown-field"),
        ("it.title", "anchors.gone", 22, "unknown-anchor"),
        ("it.title", "steps.pick_items.status", 22, "no-steps"),
        ("it.title", "params[0]", 22, "unknown-param"),
    ],
)
def test_a_mistake_is_found_where_it_stands(old, new, line, code):
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert code in [c for _, c in found]
    assert abs(next(at for at, c in found if c == code) - line) <= 2


CHECKLIST = """\
playbook: small
title: Small
phase: campaign
params: {goal: {type: money, default: 5}, hint: {type: text}}
steps:
  - id: a
    duty: goods
    due: D
    checklist: [{id: x, title: one}, {id: y, title: two}]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ("id: y", "id: x", 9, "duplicate-item"),
        ("id: y", "role: boss", 9, "unknown-role"),
        ("title: two", "title: '{{ it.title }}'", 9, "no-it"),
        ("title: two", "title: '{{ params.hint | percent }}'", 9, "bad-value"),
        ("title: two", "title: '{{ shop.platform }} {{ shop.colour }}'", 9, "unknown-field"),
        ("due: D", "scope: run\n    due: D", 0, None),
        ("due: D\n    checklist: [{id: x, title: one}", "due: D\n    scope: run\n    checklist: [{id: x, title: '{{ shop.name }}'}", 10, "no-shop"),
        ("title: two", "title: two, evidence: {type: number, min: 5, max: 1}", 9, "value-error"),
        ("title: two", "title: ''", 9, "value-error"),
        ("title: two", 'title: "half \\ud800"', 9, "character"),
        ("title: Small", "title: " + "长" * 201, 2, "too-long"),
        ("steps:\n", "steps: none\nmore:\n", 5, "tuple-type"),
        ("steps:\n", "steps: 5\nmore:\n", 5, "tuple-type"),
        ("due: D", "when: \"params.goal > 3 and 'big' in shop.tags and params.hint != 'x'\"\n    due: D", 0, None),
    ],
)
def test_a_mistake_in_a_checklist_is_found_where_it_stands(old, new, line, code):
    assert CHECKLIST.count(old) == 1
    found = problems(CHECKLIST.replace(old, new))
    assert (line, code) in found if code else found == []


def test_a_condition_of_the_run_cannot_ask_what_came_out_for_one_shop():
    step = "\n  - id: all\n    duty: data\n    scope: run\n    due: day\n    when: steps.pick_items.counts.items > 3\n    checklist: [x]\n    needs: [pick-items]\n"
    assert [code for _, code in problems(GOOD.rstrip() + step)] == ["scope"]
    assert problems(GOOD.rstrip().replace("task: campaign.pick_items", "scope: run\n    task: campaign.pick_items").replace("role: merchandising", "scope: run") + step) == []


def test_a_mistake_is_said_once_and_not_of_what_was_not_written():
    found = read_playbook(CHECKLIST.replace("title: two", "title: \"{{ ''.__class__ }}\""), "f.yaml", TASKS)[1]
    assert [(one.line, one.column, one.message) for one in found] == [(9, 46, "steps.1.checklist.2.title.zh: names that start with an underscore are not allowed.")]


FOLLOWED = CHECKLIST + "then: {playbook: next, day: D + 4d, with: {goal: '{{ params.goal }}'}}\n"


@pytest.mark.parametrize(
    ("following", "code"),
    [
        (None, "unknown-playbook"),
        ("params: {}\n", "unknown-param"),
        ("params: {goal: {type: money}, more: {type: text, required: true}}\n", "missing-param"),
        ("params: {goal: {type: money}}\nanchors: {day: {required: true}}\n", "missing-anchor"),
        ("params: {goal: {type: money}}\n", None),
    ],
)
def test_what_follows_must_be_there_and_take_what_it_is_given(following, code):
    text = following and f"playbook: next\ntitle: Next\nphase: review\n{following}steps: [{{id: b, milestone: true}}]\n"
    others = {"next": read_playbook(text, "next.yaml", {})[0]} if text else {}
    found = read_playbook(FOLLOWED, "f.yaml", TASKS, others.get)[1]
    assert [one.code for one in found if one.severity == "error"] == ([code] if code else [])


@pytest.mark.parametrize("line", ["0 8 * * *", "*/15 8-20 1,15 jan-mar mon-fri", "0 0 29 2 *", "0 8 * * 7", "0 0 31 * 1"])
def test_a_cron_line_that_comes_is_taken(line):
    assert check_cron(line) == line


@pytest.mark.parametrize("line", ["", "0 8 * *", "60 8 * * *", "0 24 * * *", "0 8 0 * *", "0 8 * 13 *", "0 8 * * 8", "5-1 * * * *", "*-3 * * * *", "*/0 * * * *", "0 0 31 feb *", "0 8 * * someday", "² 8 * * *"])
def test_a_cron_line_that_never_comes_is_refused(line):
    with pytest.raises(ValueError):
        check_cron(line)


def test_a_cron_line_fires_once_a_day_or_oftener():
    assert [once_a_day(line) for line in ("0 8 * * *", "30 7 * * 1-5", "0 8,20 * * *", "*/30 8 * * *", "0 * * * *")] == [True, True, False, False, False]


@pytest.mark.parametrize(("text", "line"), [("a: 1\nb: \x00", 2), ("a: 1\n\nb: c\ud800", 3)])
def test_a_character_that_cannot_be_kept_is_found_where_it_stands(text, line):
    with pytest.raises(Trouble) as trouble:
        load(text)
    assert (trouble.value.code, trouble.value.line) == ("character", line)


def test_a_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(tmp_path):
    (tmp_path / "notepad.yaml").write_bytes(b"\xef\xbb\xbf" + CHECKLIST.replace("\n", "\r\n").encode())
    shelf = Shelf((tmp_path,), TASKS)
    assert list(shelf.keys()) == ["small"]
    assert shelf.find("small").title.zh == "Small"


def test_what_editors_leave_beside_playbooks_holds_no_playbook_back(tmp_path):
    (tmp_path / "small.yml").write_text(CHECKLIST)
    (tmp_path / "._small.yaml").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / ".#small.yaml").symlink_to("ann@desk.4711")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "archive.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    shelf = Shelf((tmp_path,), TASKS)
    assert list(shelf.keys()) == ["small"] and shelf.find("small").title.zh == "Small"


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(tmp_path):
    playbook, (problem,) = Shelf((tmp_path,), TASKS).check(tmp_path / "gone.yaml")
    assert (playbook, problem.code, problem.severity) == (None, "unreadable", "error")


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
        ("\x00", "character"),
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
