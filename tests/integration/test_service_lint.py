"""A plan is looked at before it is launched: by the verb with places, by the launch with an event, both alike; on both databases."""

import json
import re
import sys
from datetime import date, datetime, timedelta

import pytest

from ecops import cli
from ecops.home import Home
from ecops.service import items, launch, people, replan, shops, sweep, views
from ecops.service.items import Proof
from ecops.service.lint import problems
from ecops.engine.plan import make_plan
from ecops.store import tables as t
from ecops.terminal import open_store
from tests.integration.stores import CHINA, DAY, NOW, events, items_of, playbook, populate, rows, start, store  # noqa: F401

TICK = {"id": "tick", "checklist": [{"title": "x", "evidence": "number"}], "role": "supply", "due": "day 18:00"}
GATE = {"id": "go", "approval": {"by": "management", "not": "requester"}, "needs": ["tick"], "due": "day 20:00"}
ROUTINE = {"phase": "daily", "playbook": "routine"}


def lint(store, book, keys=("a", "b"), by=None, day=DAY, **more):
    with store.read() as connection:
        return problems(connection, make_plan(book, day, NOW, {}), day, list(keys), NOW, by, **more)


def launched(store, book, keys=("a", "b"), by="ann", day=DAY, **more):
    return launch.launch(store, launch.Launch(book, day, list(keys), **more), NOW, by)


def test_a_launch_says_what_is_wrong_keeps_it_and_launches_all_the_same(store):
    done = launched(store, playbook(TICK, GATE))
    (found,) = done.lint
    assert (found.code, found.severity, found.step) == ("quorum", "error", "go")
    assert done.warnings == (f"{found.message} {found.remedy}",)
    (event,) = events(store, done.run, "run.linted")
    assert event.detail == {"problems": [found.to_json()]}
    assert event.detail["problems"][0]["file"] is None
    assert launched(store, playbook(TICK, GATE, playbook="other"), by="cat", day=date(2026, 12, 12)).lint == ()


def test_roles_absences_and_quiet_hours_are_those_of_the_store(store):
    book = playbook(TICK | {"due": "day 23:00", "remind": ["-30m"]}, **ROUTINE)
    assert lint(store, book) == []
    people.settle(store, "cat", "ann", NOW, quiet="22:00-08:00")
    (found,) = lint(store, book)
    assert found.code == "quiet-hours" and "arrives 2026-11-12 08:00" in found.message
    people.bind(store, "supply", "dan", "a", NOW)
    (found,) = lint(store, book)
    assert found.shops == ("b",) and "for 1 of 2 shops: b" in found.message
    with store.write(NOW, "x") as tx:
        tx.add(t.absence, [{"person": "cat", "since": NOW, "until": NOW + timedelta(days=30), "cover": None}])
    assert [(one.code, one.shops) for one in lint(store, book)] == [("away", ("b",))]


def test_shops_abroad_are_dated_on_their_own_wall(store):
    shops.add(store, "far", "Far", "tmall", [], NOW, timezone="America/New_York")
    early = {"id": "early", "checklist": ["x"], "start": "2026-11-11 09:00", "due": "2026-11-11 10:00"}
    book = playbook(early, {"id": "whole", "scope": "run", "checklist": ["x"], "needs": ["early"], "due": "day 12:00"})
    assert launched(store, book).lint == ()
    assert [(one.code, one.severity, one.step) for one in launched(store, book, ("far",)).lint] == [("due-before-need", "error", "whole")]


def test_what_people_have_before_them_in_running_runs_counts_into_their_days(store):
    many = TICK | {"checklist": [f"line {number}" for number in range(20)]}
    assert lint(store, playbook(many)) == [], "40 items of cat's"
    start(store, playbook(many | {"id": "other"}, **ROUTINE), ("a", "b"))
    (found,) = lint(store, playbook(many))
    assert found.code == "load" and "cat 2026-11-11 80 (of which 40 before this plan)" in found.message
    assert lint(store, playbook(many), most_a_day=80) == []
    (run,) = {row.run for row in rows(store, t.run)}
    sweep.cancel(store, run, "ann", "off", NOW)
    assert lint(store, playbook(many)) == []


def test_items_that_one_person_took_are_theirs_and_those_of_a_shop_of_its_own_holders(store):
    people.bind(store, "supply", "dan", "a", NOW)
    many = TICK | {"checklist": [f"line {number}" for number in range(20)]}
    run = start(store, playbook(many | {"id": "other"}, **ROUTINE), ("a", "b"))
    with store.write(NOW, "x") as tx:
        tx.connection.execute(t.item.update().where(t.item.c.shop == "b").values(assignee="ben"))
    (found,) = lint(store, playbook(many), most_a_day=19)
    assert "cat 2026-11-11 40 (of which 10 before this plan)" in found.message, "of a, 10 of the 20 are hers; those of b are Ben's"
    assert "dan 2026-11-11 20 (of which 10 before this plan)" in found.message
    assert rows(store, t.run, run=run)[0].state == "active"


def test_the_same_playbook_for_the_same_day_and_another_campaign_are_clashes(store):
    first = start(store, playbook(TICK), ("a",))
    clashes = [one for one in lint(store, playbook(TICK)) if one.code == "clash"]
    assert [one.shops for one in clashes] == [("a",), ("a",)]
    assert all(first in one.message for one in clashes)
    assert "for 1 of 2 shops: a" in clashes[0].message and "same stock of a" in clashes[1].message
    assert lint(store, playbook(TICK), ("b",)) == []
    assert [one.code for one in lint(store, playbook(TICK, **ROUTINE))] == []
    assert events(store, first, "run.overlaps") == [], "looking writes nothing"


# --- what of it still matters


def still(store, run, now=NOW):
    with store.read() as connection:
        return [(one["code"], one["step"]) for one in views.show(connection, run, now)["lint"]]


def test_what_was_wrong_at_the_launch_stands_beside_the_plan_until_it_matters_no_more(store):
    media = {"id": "ads", "checklist": ["x"], "role": "media", "due": "day 12:00"}
    late = TICK | {"id": "late", "due": "2026-10-30 12:00"}
    run = launched(store, playbook(late, media, TICK, GATE, **ROUTINE)).run
    assert sorted(still(store, run)) == [("nobody", "ads"), ("past", "late"), ("quorum", "go")]
    people.bind(store, "media", "dan", "a", NOW)
    assert ("nobody", "ads") in still(store, run), "b has nobody"
    people.bind(store, "media", "dan", "b", NOW)
    assert still(store, run) == [("quorum", "go"), ("past", "late")]
    items.complete_all(store, {row.id: Proof(value="1") for row in items_of(store, run, "late")}, "cat", NOW)
    assert still(store, run) == [("quorum", "go")]
    sweep.cancel(store, run, "ann", "off", NOW)
    assert still(store, run) == []


def test_dates_that_moved_since_and_runs_that_ended_are_of_no_matter(store):
    first = launched(store, playbook(TICK, **ROUTINE)).run
    run = launched(store, playbook(TICK | {"due": "day - 20d 18:00"}, **ROUTINE)).run
    assert still(store, run) == [("past", "tick"), ("clash", None)]
    replan.apply(store, run, {"day": "2026-12-12 00:00"}, None, "ann", NOW)
    assert still(store, run) == [("clash", None)]
    sweep.cancel(store, first, "ann", "off", NOW)
    assert still(store, run) == []


def test_a_campaign_on_the_same_stock_is_told_once(store):
    launched(store, playbook(TICK))
    with store.read() as connection:
        shown = views.show(connection, launched(store, playbook(TICK, playbook="other")).run, NOW)
    assert len(shown["overlaps"]) == 1 and shown["lint"] == []


# --- the verb

YAML = """\
playbook: spring
title: {zh: 春季, en: Spring}
phase: campaign
anchors:
  day: {at: "D 00:00"}
  presale: {default: day - 5d 20:00}
params:
  goal: {type: money, required: true}
steps:
  - id: pick
    duty: goods
    task: campaign.pick_items
    start: presale
  - id: confirm
    duty: goods
    role: supply
    needs: [pick]
    due: day 18:00
    checklist: [{title: x, evidence: number}]
  - id: go
    duty: goods
    approval: management
    due: day 20:00
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a verb as its process would: exit status, stdout as JSON, the words on stderr."""
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    monkeypatch.setattr("ecops.playbook_verbs.now", lambda: NOW)
    made = open_store(Home.from_environment())
    populate(made)
    file = tmp_path / "spring.yaml"
    file.write_text(YAML.replace("approval: management", "approval: {by: management}"), encoding="utf-8")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ecops", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, json.loads(printed.out) if printed.out else None, printed.err

    run.store, run.file = made, str(file)
    yield run
    made.close()


def test_the_verb_says_file_and_line_of_what_is_wrong_with_the_plan(call):
    status, found, _ = call("playbook", "check", call.file, "--day", "2026-11-11", "--param", "goal=1", "--anchor", "presale=2026-11-12 09:00")
    assert status == 1
    assert [(one["code"], one["severity"], one["step"], one["line"]) for one in found] == [("due-before-need", "error", "confirm", 18), ("gate-without-evidence", "warning", "go", 22)]
    assert {one["file"] for one in found} == {call.file}


def test_warnings_alone_end_with_0_and_a_launch_that_would_be_refused_with_1(call):
    status, found, _ = call("playbook", "check", call.file, "--day", "2026-11-11", "--shops", "a", "--param", "goal=1")
    assert (status, [one["code"] for one in found]) == (0, ["gate-without-evidence"])
    status, found, _ = call("playbook", "check", call.file, "--day", "2026-11-11", "--anchor", "dey=2026-11-12")
    assert status == 1 and {(one["code"], one["line"]) for one in found if one["severity"] == "error"} == {("bad-value", 7), ("bad-anchor", 4)}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [(("--shops", "a"), 2, "add --day"), (("--day", "soon"), 2, "not a day"), (("--day", "2026-11-11", "--shops", "zed"), 4, "no shop zed"), (("--day", "2026-11-11", "--shops", "tag:none"), 2, "No shop fits")],
)
def test_words_that_are_off_get_a_sentence(call, words, status, said):
    ended, _, words_said = call("playbook", "check", call.file, *words)
    assert (ended, said in words_said) == (status, True), words_said


def test_a_folder_has_no_plan_and_an_unknown_key_is_not_there(call):
    assert call("playbook", "check", "--day", "2026-11-11")[0] == 2
    status, _, said = call("playbook", "check", "sprung")
    assert status == 4 and "no playbook sprung" in said


def test_looking_at_a_plan_writes_nothing(call):
    before = rows(call.store, t.event)
    call("playbook", "check", call.file, "--day", "2026-11-11", "--param", "goal=1")
    assert rows(call.store, t.event) == before and rows(call.store, t.run) == []


def test_the_launch_prints_errors_as_errors_and_gives_the_list(call, monkeypatch):
    monkeypatch.setattr(cli, "now", lambda: datetime(2026, 11, 12, tzinfo=CHINA))
    status, told, said = call("launch", call.file, "--day", "2026-11-11", "--param", "goal=1", "--anchor", "presale=2026-11-12 09:00")
    assert status == 0 and told["run"]
    assert [one["code"] for one in told["lint"]] == ["due-before-need", "past", "gate-without-evidence"]
    assert told["warnings"] == [f"{one['message']} {one['remedy']}" for one in told["lint"]]
    assert re.search("错误 error: “confirm”的截止是 2026-11-11 18:00.*。 / confirm is due", said) and re.search("注意 warning: 3 步中有 2 步的截止已经过去.* / 2 of 3 steps are due in the past", said)
    assert {one["message_zh"] is None for one in told["lint"]} == {False} == {one["remedy_zh"] is None for one in told["lint"]}


def test_the_words_of_the_check_are_in_both_languages(call, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ecops", "playbook", "check", call.file, "--day", "2026-11-11", "--shops", "a", "--param", "goal=1"])
    with pytest.raises(SystemExit):
        cli.main()
    assert re.search(r"warning \[gate-without-evidence\] 审批“go”没有依据:.*。 / The gate go is decided on nothing", capsys.readouterr().out)
