"""The verbs with words that are off: a sentence and an exit status each, JSON alone on stdout."""

import json
import os
import subprocess
import sys

import pytest

from ecops import cli
from ecops.home import Home
from ecops.terminal import open_store
from tests.integration.stores import NOW, items_of, playbook, populate, start


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a verb as its process would: exit status, what it printed on stdout (as JSON), the words on stderr."""
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    store = open_store(Home.from_environment())
    populate(store)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ecops", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, json.loads(printed.out) if printed.out else None, printed.err

    run.store = store
    yield run
    store.close()


@pytest.fixture
def item(call):
    return str(items_of(call.store, start(call.store, playbook({"id": "one", "checklist": [{"title": "x", "evidence": "number"}]})), "one")[0].id)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("done", "99999999999999999999", "--by", "ann"), 2, "not in the range"),
        (("claim", "99999999999999999999", "--by", "ann"), 2, "not in the range"),
        (("approve", "99999999999999999999", "--by", "ann"), 2, "not in the range"),
        (("reject", "0", "--by", "ann", "--reason", "x"), 2, "not in the range"),
        (("done", "9223372036854775807", "--by", "ann"), 4, "no item"),
        (("approve", "9223372036854775807", "--by", "ann"), 4, "no approval"),
        (("person", "add", "zed", "--name", "a\udcffb"), 2, "not UTF-8"),
        (("person", "add", "zed", "--name", " "), 2, "name"),
        (("role", "bind", "", "ann"), 2, "role"),
        (("shop", "add", "zed", "--name", "", "--platform", "tmall"), 2, "name"),
        (("shop", "add", "zed", "--name", "长" * 201, "--platform", "tmall"), 2, "201 characters"),
        (("shop", "add", "zed", "--name", "Zed", "--platform", "tmall", "--tag", ""), 2, "tag"),
        (("shop", "add", "all", "--name", "Zed", "--platform", "tmall"), 2, "every shop"),
        (("checklist", "--person", "nobody"), 4, "no person nobody"),
        (("checklist", "--shop", "nowhere"), 4, "no shop nowhere"),
        (("launch", "double-11", "--day", "0001-01-01", "--param", "gmv_target=1000000"), 2, "outside the years"),
        (("launch", "double-11", "--day", "2026-11-11", "--param", "gmv_target=1e999999999"), 2, "gmv_target"),
        (("rehearse", "double-11", "--day", "9999-12-31"), 2, "outside the years"),
        (("playbook", "show", "double-11", "--day", "9999-12-31"), 2, "outside the years"),
        (("playbook", "check", "/dev/null"), 4, "no playbook file"),
    ],
)
def test_words_that_are_off_get_a_sentence(call, words, status, said):
    code, printed, err = call(*words)
    assert (code, printed) == (status, None) and said in err


@pytest.mark.parametrize("value", ["1e9999999999", "many", "NaN", " "])
def test_a_value_that_is_no_number_leaves_the_item_open(call, item, value):
    code, printed, err = call("done", item, "--by", "ann", "--value", value, "--json")
    assert (code, printed) == (2, None) and err.strip()


def test_who_comes_second_gets_the_row_as_json(call, item):
    code, first, _ = call("done", item, "--by", "ann", "--value", "3", "--json")
    assert code == 0 and {"item", "state", "landed", "by", "at"} <= first.keys()
    code, row, err = call("done", item, "--by", "ben", "--value", "3", "--json")
    assert code == 3 and row["by"] == "ann" and "already done by ann" in err


def test_verbs_that_only_do_something_say_it_as_json_too(call):
    code, eve = call("person", "add", "eve", "--json")[:2]
    assert code == 0 and {"person": "eve", "name": "eve", "roles": [], "channels": [], "quiet": None, "absences": [], "assigned": 0}.items() <= eve.items()
    assert call("role", "bind", "crm", "eve", "--shop", "a", "--json")[:2] == (0, {"role": "crm", "person": "eve", "shop": "a"})
    assert call("shop", "add", "new", "--name", "New", "--platform", "douyin", "--tag", "t", "--json")[:2] == (0, {"shop": "new", "name": "New", "platform": "douyin", "tags": ["t"], "timezone": None})
    run = start(call.store, playbook({"id": "one", "checklist": ["x"]}), now=NOW)
    assert call("cancel", run, "--by", "nobody", "--reason", "moved")[0] == 4
    code, told, _ = call("cancel", run, "--by", "ann", "--reason", "moved", "--json")
    assert code == 0 and told.keys() == {"run", "state", "by", "at"} and told["state"] == "cancelled"
    assert call("playbook", "schema", "--json")[1]["title"] == "Playbook"


def test_a_role_that_no_playbook_knows_is_bound_with_a_warning(call):
    code, _, err = call("role", "bind", "boss", "ann")
    assert code == 0 and "boss" in err and "merchandising" in err


def test_an_answer_that_finds_no_room_says_so(tmp_path):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "-m", "ecops.cli", "playbook", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, env=os.environ | {"ECOPS_HOME": str(tmp_path)})
    assert ended.returncode == 5 and "disk is full" in ended.stderr and "Traceback" not in ended.stderr


def test_a_closed_standard_input_is_said(call, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    code, printed, err = call("scan", "-")
    assert (code, printed) == (2, None) and "no standard input" in err


def test_what_the_verbs_about_people_are_asked_of_has_to_be_there(call):
    for words in (
        ("delivery", "list", "--person", "nobody"), ("delivery", "list", "--run", "nothing"), ("waiting", "--person", "nobody"), ("reassign", "--role", "supply", "--to", "ann", "--by", "ann", "--shop", "nowhere"),
        ("reassign", "--role", "supply", "--to", "ann", "--by", "ann", "--run", "nothing"), ("person", "away", "ann", "--until", "2099-01-01", "--by", "nobody"), ("person", "back", "ann", "--by", "nobody"),
        ("replan", "nothing", "--anchor", "day=2026-11-12", "--by", "nobody"), ("delivery", "again", "99", "--by", "ann"), ("delegate", "99", "--to", "ann", "--by", "ann"),
    ):  # fmt: skip
        code, _, said = call(*words)
        assert code == 4 and "There is no" in said, (words, code, said)
    assert call("replan", "nothing", "--swap", "one")[0] == 2
