"""The verbs of the loop: what a review learned is listed, said at launch, declined, withdrawn; plans move; every answer is JSON and every mistake a sentence."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecops.cli import cli
from ecops.errors import EcopsError

PLAYBOOK = """\
playbook: tiny
title: Tiny
phase: campaign
anchors:
  day: {at: "D 00:00", required: true}
params:
  factor: {type: number, default: 1.2, max: 10}
steps:
  - {id: order, duty: supply, role: supply, due: day - 1d 18:00, checklist: ["order {{ params.factor }}"]}
  - {id: send, duty: supply, role: supply, needs: [order], due: day + 1d 18:00, checklist: [send]}
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "tiny.yaml").write_text(PLAYBOOK)

    def run(*words: str):
        """The JSON of a call, or the error it ends with."""
        done = CliRunner().invoke(cli, [*words, "--json"])
        if isinstance(done.exception, EcopsError):
            return done.exception
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return json.loads(done.stdout)

    for key in ("a", "b"):
        run("shop", "add", key, "--name", key, "--platform", "tmall", "--tag", "big" if key == "a" else "small")
    run("person", "add", "ann")
    return run


def launched(call, *more: str) -> dict:
    return call("launch", "tiny", "--day", "2031-11-11", *more)


def add(call, run: str, *more: str) -> dict:
    return call("finding", "add", run, "--title", "断货", "--evidence", "20 % lost", "--owner", "supply", "--due", "2031-12-01", "--by", "ann", *more)


def test_a_stated_finding_is_listed_used_declined_and_withdrawn(call):
    run = launched(call)["run"]
    number = add(call, run, "--playbook", "tiny", "--param", "factor=1.5", "--shop", "a")["finding"]
    [told] = call("finding", "list", run)
    assert (told["state"], told["in_force"], told["change"]) == ("accepted", True, {"playbook": "tiny", "param": "factor", "value": "1.5"})
    again = launched(call)
    assert [(one["param"], one["value"], one["shop"], one["review"], one["finding"]) for one in again["learned"]] == [("factor", "1.5", "a", run, number)]
    assert call("show", again["run"])["learned"] == again["learned"]
    assert launched(call, "--decline", "factor")["learned"] == []
    assert launched(call, "--param", "factor=2")["learned"] == []
    rehearsed = call("rehearse", "tiny", "--day", "2031-11-11")
    assert rehearsed["state"] == "completed"
    call("finding", "withdraw", str(number), "--by", "ann", "--reason", "a strike")
    assert launched(call)["learned"] == []
    assert call("finding", "withdraw", str(number), "--by", "ann", "--reason", "again").exit_code == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--playbook", "tiny"], 2), (["--param", "factor=2"], 2), (["--playbook", "tiny", "--param", "factor"], 2), (["--playbook", "tiny", "--param", "factor=99"], 2),
        (["--playbook", "tiny", "--param", "gone=1"], 2), (["--playbook", "tiny", "--step", "gone=x"], 2), (["--playbook", "none", "--param", "factor=2"], 4),
        (["--playbook", "tiny", "--param", "factor=2", "--step", "order=x"], 2), (["--shop", "c"], 4),
    ],
)  # fmt: skip
def test_a_finding_that_cannot_be_used_is_refused_with_a_sentence(call, words, code):
    error = add(call, launched(call)["run"], *words)
    assert error.exit_code == code and str(error).endswith(".")
    assert call("finding", "list") == []


def test_parameters_of_some_shops(call):
    run = launched(call, "--param", "factor@tag:big=2", "--param", "factor@b=3")["run"]
    titles = {item["shop"]: item["title"] for item in call("checklist")}
    assert titles == {"a": "order 2", "b": "order 3"} and run
    assert launched(call, "--param", "factor@c=3").exit_code == 2
    assert launched(call, "--param", "factor@=3").exit_code == 2


def test_a_plan_is_shown_moved_and_given_a_new_version(call, tmp_path):
    run = launched(call)["run"]
    shown = call("replan", run, "--anchor", "day=2031-11-13")
    assert not shown["applied"] and {(one["step"], one["shop"]) for one in shown["moves"]} == {(step, shop) for step in ("order", "send") for shop in "ab"}
    assert call("replan", run, "--anchor", "day=2031-11-13", "--apply", "--reason", "the platform moved it")["applied"]
    assert call("replan", run, "--anchor", "day=2031-11-13")["moves"] == []
    (Path(tmp_path) / "playbooks" / "tiny.yaml").write_text(PLAYBOOK.replace("phase:", "version: 2\nphase:").replace("checklist: [send]", "checklist: [send, count]"))
    found = call("playbook", "diff", "tiny@1", "tiny")
    assert found["steps"]["changed"] and (found["a"]["version"], found["b"]["version"]) == (1, 2)
    assert call("replan", run, "--playbook", "tiny", "--apply")["rewritten"] == ["send"]
    assert call("show", run)["version"] == 2
    assert call("launch", "tiny@1", "--day", "2032-11-11")["version"] == 1
    for words, code in ((["replan", run], 2), (["replan", "none", "--anchor", "day=2031-11-13"], 4), (["replan", run, "--anchor", "day=soon"], 2), (["launch", "tiny@9", "--day", "2031-11-11"], 4)):
        assert call(*words).exit_code == code, words


def test_a_playbook_to_begin_with(call, tmp_path):
    made = call("playbook", "new", "spring", "--from", "tiny")
    assert Path(made["file"]).exists() and call("playbook", "check", made["file"]) == []
    assert call("playbook", "new", "spring").exit_code == 3
    assert call("playbook", "new", "Spring").exit_code == 2
    assert call("playbook", "new", "summer", "--from", "none").exit_code == 4
    assert {"A1", "V6", "F3"} <= set(call("playbook", "coverage"))
