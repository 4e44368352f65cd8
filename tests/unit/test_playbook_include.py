"""Step groups are written once and included by name; whatever is wrong in one is told where it stands."""

import json

import pytest

from ecops.playbook.include import schema
from ecops.playbook.library import Shelf

PLAYBOOK = """\
playbook: sale
title: Sale
phase: campaign
anchors: {day: {at: "D 00:00", required: true}}
steps:
  - {id: plan, duty: marketing, due: day - 9d 18:00, checklist: [plan]}
  - {include: freeze, stage: execution, needs: [plan]}
  - {id: after, stage: wrap-up, duty: data, needs: [sign], due: day + 1d 18:00, checklist: [look back]}
"""
GROUP = """\
group: freeze
title: {zh: 冻结, en: Freeze}
params:
  least: {type: percent, default: 8%}
steps:
  - {id: pick, duty: goods, task: campaign.pick_items, with: {min_conversion: "{{ params.least }}"}}
  - {id: check, duty: goods, due: day - 2d 18:00, checklist: {each: steps.pick.items, item: "{{ it.title }}"}}
  - {id: sign, duty: goods, approval: {by: operations}, needs: [check], due: day - 1d 12:00}
"""


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "groups").mkdir()
    (tmp_path / "sale.yaml").write_text(PLAYBOOK)
    (tmp_path / "groups" / "freeze.yaml").write_text(GROUP)

    def of(playbook: str = PLAYBOOK, group: str = GROUP) -> Shelf:
        from ecops.shelf import task_facts

        (tmp_path / "sale.yaml").write_text(playbook)
        (tmp_path / "groups" / "freeze.yaml").write_text(group)
        return Shelf((tmp_path,), task_facts())

    return of


def said(shelf: Shelf) -> list[tuple[str, int, str]]:
    path = shelf.keys()["sale"]
    return [(problem.file.rsplit("/", 1)[-1], problem.line, problem.code) for problem in shelf.check(path)[1]]


def test_included_steps_stand_where_the_include_stood(shelf):
    playbook = shelf().find("sale")
    assert [(step.id, step.stage) for step in playbook.steps] == [("plan", "prep"), ("pick", "execution"), ("check", "execution"), ("sign", "execution"), ("after", "wrap-up")]
    assert playbook.params["least"].default == "8%"


def test_only_steps_that_need_nothing_of_the_group_wait_for_what_the_include_needs(shelf):
    playbook = shelf().find("sale")
    assert {step.id: step.needs for step in playbook.steps} == {"plan": (), "pick": ("plan",), "check": (), "sign": ("check",), "after": ("sign",)}


def test_a_playbook_s_own_parameter_counts_before_the_group_s(shelf):
    playbook = shelf(PLAYBOOK.replace("steps:", "params: {least: {type: percent, default: 5%}}\nsteps:", 1)).find("sale")
    assert playbook.params["least"].default == "5%"


def test_a_group_is_no_playbook_of_the_shelf(shelf, tmp_path):
    assert list(shelf().keys()) == ["sale"]
    [found] = shelf().check(tmp_path / "groups" / "freeze.yaml")[1]
    assert found.code == "group"


@pytest.mark.parametrize(
    ("playbook", "group", "place"),
    [
        (PLAYBOOK, GROUP.replace("operations", "operation"), ("freeze.yaml", 8, "unknown-role")),
        (PLAYBOOK, GROUP.replace("campaign.pick_items", "campaign.pick_item"), ("freeze.yaml", 6, "unknown-task")),
        (PLAYBOOK, GROUP.replace("duty: goods, due", "dutty: goods, due"), ("freeze.yaml", 7, "extra-forbidden")),
        (PLAYBOOK, GROUP.replace("default: 8%", "default: 800"), ("freeze.yaml", 4, "bad-value")),
        (PLAYBOOK, GROUP.replace("title: {", "title: ["), ("freeze.yaml", 2, "yaml")),
        (PLAYBOOK, "group: freeze\ntitle: x\n", ("freeze.yaml", 1, "not-a-group")),
        (PLAYBOOK, GROUP + "  - {include: freeze}\n", ("freeze.yaml", 9, "not-a-step")),
        (PLAYBOOK, GROUP + "wish: 1\n", ("freeze.yaml", 9, "extra-forbidden")),
        (PLAYBOOK.replace("include: freeze", "include: freze"), GROUP, ("sale.yaml", 7, "unknown-group")),
        (PLAYBOOK.replace("include: freeze", "include: [freeze]"), GROUP, ("sale.yaml", 7, "include")),
        (PLAYBOOK.replace("stage: execution", "stages: execution"), GROUP, ("sale.yaml", 7, "extra-forbidden")),
        (PLAYBOOK.replace("stage: execution", "stage: now"), GROUP, ("sale.yaml", 7, "unknown-stage")),
        (PLAYBOOK.replace("needs: [plan]", "needs: [plann]"), GROUP, ("sale.yaml", 7, "unknown-step")),
        (PLAYBOOK.replace("needs: [plan]", "needs: false"), GROUP, ("sale.yaml", 7, "include")),
        (PLAYBOOK.replace("stage: execution", "stage: 0"), GROUP, ("sale.yaml", 7, "include")),
        (PLAYBOOK.replace("steps:", "params: [least]\nsteps:"), GROUP, ("sale.yaml", 5, "dict-type")),
        (PLAYBOOK.replace("steps:", "params: least\nsteps:"), GROUP, ("sale.yaml", 5, "dict-type")),
        (PLAYBOOK, GROUP.replace("id: pick", "id: [pick]"), ("freeze.yaml", 6, "not-a-step")),
        (PLAYBOOK.replace("id: after", "id: sign"), GROUP, ("sale.yaml", 8, "duplicate-step")),
    ],
)
def test_a_mistake_is_told_where_it_was_written(shelf, playbook, group, place):
    assert place in said(shelf(playbook, group))


def test_an_editor_takes_an_include_for_a_step():
    whole = json.loads(json.dumps(schema()))
    assert {"$ref": "#/$defs/Include"} in whole["properties"]["steps"]["items"]["anyOf"]
    assert whole["$defs"]["Include"]["required"] == ["include"]
