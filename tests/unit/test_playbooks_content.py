"""The playbooks that come with the product check clean and cover the work they are for."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ecops.automation import automations
from ecops.engine.plan import make_plan
from ecops.playbook.check import read_playbook
from ecops.playbook.coverage import by_duty, coverage
from ecops.playbook.library import Shelf, folders_from
from ecops.playbook.model import DUTIES, ROLES, Each
from ecops.playbook.rows import ROWS
from ecops.shelf import task_facts
from tests.by_hand import ANCHORS, DAY

DOCS = Path(__file__).parents[2] / "docs" / "playbooks.md"
SHELF = Shelf(folders_from(()), task_facts())
FILES = sorted(SHELF.files())
CAMPAIGNS = ("double-11", "sale-618", "douyin-live", "member-day", "anniversary", "content-plan")
KEYS = sorted(SHELF.keys())


def served(playbook):
    return {row for step in playbook.steps for row in step.serves}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_packaged_playbook_has_no_error_and_no_warning(path):
    playbook, problems = SHELF.check(path)
    assert [str(problem) for problem in problems] == []
    assert playbook is not None


@pytest.mark.parametrize("key", KEYS)
def test_every_step_has_both_titles_a_duty_rows_and_an_owner(key):
    playbook = SHELF.find(key)
    for step in playbook.steps:
        assert step.title and step.title.zh != step.title.en, step.id
        assert step.duty and step.serves, step.id
        assert playbook.role_of(step) in ROLES, step.id


@pytest.mark.parametrize("key", KEYS)
def test_nothing_is_due_before_what_it_needs(key):
    plan = make_plan(SHELF.find(key), DAY, datetime(2026, 10, 12, tzinfo=UTC), ANCHORS.get(key, {}))
    ends = {step.step.id: step.until or step.due or step.begin for step in plan.steps}
    late = [(step.step.id, need) for step in plan.steps for need in step.needs if step.due and ends[need] and ends[need] > step.due]
    assert late == []


@pytest.mark.parametrize("key", CAMPAIGNS)
def test_every_campaign_ends_in_its_review(key):
    campaign, review = SHELF.find(key), SHELF.find("campaign-review")
    assert campaign.then.playbook == "campaign-review"
    assert {"gmv_target", "since", "until"} <= set(campaign.then.with_) <= set(review.params)
    assert campaign.then.with_["campaign"] == key


@pytest.mark.parametrize("key", CAMPAIGNS)
def test_what_its_review_learns_fits_the_campaign(key):
    campaign = SHELF.find(key)
    assert isinstance(campaign.step("set-goals").checklist, tuple)
    assert ("stock_factor" in campaign.params) == campaign.then.with_.get("learns_stock", True)
    assert "deposits_since" not in campaign.then.with_ or isinstance(campaign.step("plan-warm-up").checklist, tuple)


@pytest.mark.parametrize("key", KEYS)
def test_nobody_is_reminded_at_night(key):
    playbook = SHELF.find(key)
    plan = make_plan(playbook, DAY, datetime(2026, 10, 12, tzinfo=UTC), ANCHORS.get(key, {}))
    hours = {(step.step.id, (step.due + span).astimezone(playbook.zone).hour) for step in plan.steps if step.due for span in step.step.remind}
    assert [(step, hour) for step, hour in hours if not 8 <= hour < 22] == []


def test_double_11_is_a_whole_campaign():
    playbook = SHELF.find("double-11")
    assert len(playbook.steps) >= 80
    assert {step.stage for step in playbook.steps} == {"prep", "execution", "wrap-up"}
    wanted = "A1 A2 A3 A4 A5 A6 A7 A8 M1 M3 M4 C1 C2 K1 K2 P6 S1 S2 R7"
    assert set(wanted.split()) <= served(playbook)
    assert sum(step.kind == "task" for step in playbook.steps) >= 30


def test_the_gates_of_double_11_are_decided_by_two_on_evidence():
    playbook = SHELF.find("double-11")
    for key in ("gate-g1", "gate-g2", "gate-g3"):
        gate = playbook.step(key)
        assert gate.approval.quorum == 2 and gate.approval.exclude == "requester"
        assert len(gate.needs) >= 4


def test_double_11_has_work_for_people_when_launched_30_days_before():
    launched = datetime(2026, 10, 12, 1, tzinfo=UTC)
    plan = make_plan(SHELF.find("double-11"), DAY, launched, {})
    at_once = [step for step in plan.steps if step.step.kind == "checklist" and not step.needs and (not step.begin or step.begin <= launched)]
    assert len(at_once) >= 4


def test_the_review_looks_at_the_campaign_that_launched_it():
    review = SHELF.find("campaign-review")
    then = SHELF.find("double-11").then
    assert then.playbook == "campaign-review"
    assert set(then.with_) <= set(review.params)
    assert {name for name, param in review.params.items() if param.required} <= set(then.with_)
    anchors = make_plan(review, DAY + timedelta(days=4), datetime(2026, 11, 15, tzinfo=UTC), {}).anchors
    assert anchors["opened"] == datetime(2026, 11, 10, 16, tzinfo=UTC)
    assert anchors["closed"] - anchors["opened"] == timedelta(hours=24)


def test_prices_and_coupons_of_double_11_are_frozen_three_days_before():
    playbook = SHELF.find("double-11")
    (freeze,) = playbook.freezes
    assert {"fix-prices", "set-coupons"} <= set(freeze.steps)
    assert freeze.from_.text == "day - 3d 18:00" and freeze.until.text == "closes"


def test_a_review_proposes_changes_of_the_next_double_11_and_closes_on_a_finding():
    review = SHELF.find("campaign-review")
    learned = [step.checklist.learn for step in review.steps if isinstance(step.checklist, Each) and step.checklist.learn]
    assert {"stock_factor"} == {one.param for one in learned if one.param}
    assert {"set-goals", "plan-warm-up"} == {one.step for one in learned if one.step}
    assert review.step("close-review").approval.findings == 1
    assert review.step("gap").with_["since"] == review.step("gap-net").with_["since"] and review.step("gap-net").with_["cut"] == "net"


def test_the_other_phases_serve_their_rows():
    assert {"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "P1", "P2", "P4", "P5"} <= served(SHELF.find("new-shop"))
    assert SHELF.find("new-shop").step("upload-papers").due.text == "+3 working days"
    assert SHELF.find("morning").schedule.cron == "0 8 * * *"
    assert {"V1", "V2", "V3", "V4", "V5", "V6"} <= served(SHELF.find("campaign-review"))


def test_the_example_of_the_docs_checks_clean():
    text = re.search(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL).group(1)
    playbook, problems = read_playbook(text, "docs/playbooks.md", task_facts())
    assert [str(problem) for problem in problems] == []
    assert {step.kind for step in playbook.steps} == {"task", "checklist", "approval", "milestone"}


def test_every_row_of_the_work_is_served_by_a_step():
    found = coverage((SHELF.find(key) for key in KEYS), {name: task.serves for name, task in automations().items()})
    assert [row for row, steps in found.items() if not steps] == []
    assert set(found) == set(ROWS)


def test_every_automated_step_stands_in_a_playbook():
    assert set(automations()) - {step.task for key in KEYS for step in SHELF.find(key).steps} == set()


def test_every_duty_has_work():
    spread = by_duty(SHELF.find(key) for key in KEYS)
    assert {duty: sum(steps[duty] for steps in spread.values()) for duty in DUTIES if not sum(steps[duty] for steps in spread.values())} == {}


def test_nobody_asks_for_good_ratings_against_money(tmp_path):
    path = tmp_path / "ask.yaml"
    path.write_text("playbook: ask\ntitle: {zh: 口碑, en: Reviews}\nphase: daily\nsteps:\n  - {id: ask, duty: service, due: D + 1d, checklist: [好评返现五元]}\n", encoding="utf-8")
    [refused] = [problem for problem in SHELF.check(path)[1] if problem.severity == "error"]
    assert refused.code == "unlawful" and "Order 91" in refused.message and "晒单有礼" in refused.remedy
