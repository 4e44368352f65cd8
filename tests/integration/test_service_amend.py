"""Single steps of a running plan come, go and change places, people whose dates moved are told once; on both databases."""

import json
import sys
from datetime import datetime

import pytest

from ecops import cli
from ecops.errors import NotFound, NotPossible
from ecops.home import Home
from ecops.playbook.amend import Amendment, StepFile
from ecops.service import comments, items, people, replan, sweep, views
from ecops.service.items import Proof
from ecops.service.staff import Staff
from ecops.service.telling import still_true, written
from ecops.shelf import task_facts
from ecops.store import tables as t
from ecops.terminal import open_store
from tests.integration.stores import CHINA, NOW, assert_consistent, events, items_of, machine, ok, playbook, populate, rows, start, states, step_of, store  # noqa: F401

STEPS = (
    {"id": "plan", "checklist": ["one", "two"], "due": "day - 6d 18:00", "remind": ["-1d"]},
    {"id": "pick", "task": "campaign.pick_items", "needs": ["plan"], "start": "presale"},
    {"id": "sell", "checklist": ["sell"], "role": "supply", "needs": ["pick"], "due": "day 18:00"},
    {"id": "send", "checklist": ["send"], "scope": "run", "needs": ["sell"], "due": "ship"},
)
BOOK = playbook(*STEPS, anchors={"day": {"at": "D 00:00"}, "presale": {"default": "day - 5d 20:00"}, "ship": {"default": "day + 2d 12:00"}})
STOCK = "id: stock\nchecklist: [{title: count, evidence: number}]\nrole: supply\nneeds: [plan]\ndue: day - 3d 18:00\n"


def local(*parts: int) -> datetime:
    return datetime(2026, 11, *parts, tzinfo=CHINA)


def amend(skip=(), add=(), **swap):
    return Amendment(task_facts(), None, skip, [StepFile("new.yaml", text) for text in add], {step: StepFile(f"{step}.yaml", text) for step, text in swap.items()}).of


def change(store, run, how, anchors=None, now=NOW, reason="why"):
    return replan.apply(store, run, anchors or {}, None, "ann", now, reason, how)


def finish(store, run, step, now=NOW):
    for item in items_of(store, run, step, "open"):
        items.complete(store, item.id, "ben", Proof(value="1"), now)


def order(store, run):
    return list(dict.fromkeys(row.step for row in sorted(rows(store, t.step_run, run=run), key=lambda row: row.ordinal)))


def test_a_step_is_added_where_it_belongs_and_is_worked_on(store):
    run = start(store, BOOK, ("a", "b"))
    before = rows(store, t.step_run)
    shown = replan.look(store, run, {}, None, NOW, amend(add=[STOCK]))
    assert (shown.added, shown.removed, shown.rewritten, shown.stays, shown.moves) == (["stock"], [], [], [], [])
    assert rows(store, t.step_run) == before
    change(store, run, amend(add=[STOCK]))
    assert order(store, run) == ["plan", "stock", "pick", "sell", "send"]
    assert step_of(store, run, "stock").due_at == local(8, 18)
    (row,) = rows(store, t.run, run=run)
    assert row.version == 1
    finish(store, run, "plan")
    assert {one.state for one in items_of(store, run, "stock")} == {"open"} and len(items_of(store, run, "stock")) == 2
    assert_consistent(store)


def test_a_skipped_step_frees_those_behind_it_and_says_why(store):
    run = start(store, BOOK)
    shown = change(store, run, amend(skip=["pick"]), reason="没有选品")
    assert (shown.removed, shown.rewritten, shown.added) == (["pick"], [], []), "those that needed it keep their items"
    (event,) = events(store, run, "step.skipped")
    assert event.detail == {"reason": "没有选品"}
    finish(store, run, "plan")
    finish(store, run, "sell")
    finish(store, run, "send")
    assert rows(store, t.run, run=run)[0].state == "completed"
    assert_consistent(store)


def test_a_skipped_step_that_has_ended_or_is_unknown_is_said(store):
    run = start(store, BOOK)
    finish(store, run, "plan")
    with pytest.raises(NotPossible, match="plan has ended"):
        replan.look(store, run, {}, None, NOW, amend(skip=["plan"]))
    with pytest.raises(NotFound, match="Did you mean pick"):
        replan.look(store, run, {}, None, NOW, amend(skip=["pik"]))
    change(store, run, amend(skip=["pick"]))
    with pytest.raises(NotPossible, match="pick has ended"):
        change(store, run, amend(skip=["pick"]))


def test_a_step_that_has_not_begun_is_swapped_and_one_that_has_takes_the_dates_alone(store):
    run = start(store, BOOK)
    shown = change(store, run, amend(sell="checklist: [sell, count]\nrole: merchandising\nneeds: [pick]\ndue: day 20:00\n", plan="checklist: [three]\ndue: day - 7d 18:00\n"))
    assert (shown.rewritten, shown.stays, shown.added, shown.removed) == (["sell"], ["plan"], [], [])
    assert [(item.title_zh, item.role) for item in items_of(store, run, "sell")] == [("sell", "merchandising"), ("count", "merchandising")]
    assert [item.title_zh for item in items_of(store, run, "plan")] == ["one", "two"]
    assert step_of(store, run, "plan").due_at == local(4, 18)
    assert shown.to_json()["stays"] == ["plan"]
    assert_consistent(store)


def test_everything_at_once_with_an_anchor_and_twice_in_a_row(store):
    run = start(store, BOOK, ("a", "b"))
    shown = change(store, run, amend(skip=["pick"], add=[STOCK], sell="checklist: [more]\nneeds: [stock]\ndue: day 20:00\n"), {"day": "2026-11-14"})
    assert (shown.added, shown.removed, shown.rewritten) == (["stock"], ["pick"], ["sell"])
    assert (step_of(store, run, "stock").due_at, step_of(store, run, "sell").due_at) == (local(11, 18), local(14, 20))
    again = change(store, run, amend(add=["- {id: note, milestone: true, needs: [stock]}\n- {id: last, checklist: [x], due: day 22:00, needs: [note]}\n"]), {"day": "2026-11-15"})
    assert again.added == ["last", "note"] and ("sell", "due", local(15, 20)) in {(one.step, one.field, one.to) for one in again.moves}
    assert_consistent(store)
    for step in ("plan", "stock", "sell", "send", "last"):
        finish(store, run, step)
    assert rows(store, t.run, run=run)[0].state == "completed"
    with store.read() as connection:
        assert views.show(connection, run, NOW)["version"] == 1


def test_what_was_said_of_a_step_that_is_written_again_stays_said(store):
    run = start(store, BOOK)
    step, item = step_of(store, run, "sell"), items_of(store, run, "sell")[0]
    comments.add_to_step(store, step.id, "ann", "of the step", NOW)
    comments.add(store, item.id, "ben", "of the item", NOW)
    change(store, run, amend(sell="checklist: [other]\nneeds: [pick]\ndue: day 20:00\n"))
    with store.read() as connection:
        assert [one["text"] for one in comments.of_step(connection, step_of(store, run, "sell").id)] == ["of the step"]
        assert len(comments.of_item(connection, items_of(store, run, "sell")[0].id)) == 1


# --- people whose dates moved


def told(store, **where):
    return [(row.person, row.step, row.shop, row.detail["zh"]) for row in rows(store, t.notice, kind="moved", **where)]


def test_people_whose_dates_moved_are_told_once_and_nobody_when_nothing_moves(store):
    run = start(store, BOOK, ("a", "b"))
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    assert sorted(told(store)) == [
        ("ann", "plan", None, "原 11-05 18:00 → 现 11-08 18:00"), ("ann", "send", None, "原 11-13 12:00 → 现 11-16 12:00"),
        ("ben", "plan", None, "原 11-05 18:00 → 现 11-08 18:00"), ("ben", "send", None, "原 11-13 12:00 → 现 11-16 12:00"),
        ("cat", "sell", None, "原 11-11 18:00 → 现 11-14 18:00"),
    ]  # fmt: skip
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    change(store, run, amend(add=[STOCK]))
    assert len(told(store)) == 5


def test_one_shop_is_named_an_assignee_is_told_alone_and_what_is_done_moves_for_nobody(store):
    people.bind(store, "supply", "dan", "a", NOW)
    run = start(store, BOOK, ("a", "b"))
    for item in items_of(store, run, "plan"):
        items.claim(store, item.id, "ben", NOW) if item.shop == "a" else items.complete(store, item.id, "ben", Proof(), NOW)
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    assert [(person, shop) for person, step, shop, _ in told(store) if step == "plan"] == [("ben", "a")]
    assert sorted((person, shop) for person, step, shop, _ in told(store) if step == "sell") == [("cat", None), ("dan", "a")]


def test_a_date_that_moves_again_before_it_was_told_is_told_as_one_move_or_not_at_all(store):
    run = start(store, BOOK)
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    replan.apply(store, run, {"day": "2026-11-15"}, None, "ann", NOW)
    assert [text for person, *_, text in told(store, state="waiting") if person == "cat"] == ["原 11-11 18:00 → 现 11-15 18:00"]
    replan.apply(store, run, {"day": "2026-11-11"}, None, "ann", NOW)
    assert told(store, state="waiting") == []


def test_a_message_says_where_a_date_was_and_is_while_that_is_true(store):
    run = start(store, BOOK)
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    notice = [row for row in rows(store, t.notice, kind="moved") if row.person == "cat"]
    with store.read() as connection:
        title, body = written(connection, Staff(connection, NOW).people["cat"], still_true(connection, notice, Staff(connection, NOW))[0], None, NOW)
    assert "时间已变" in title and "原 11-11 18:00 → 现 11-14 18:00" in body and "11-14 18:00 截止" in body and "sell" in body
    with store.write(NOW, "x") as tx:
        tx.connection.execute(t.notice.update().values(state="gathered"))
    replan.apply(store, run, {"day": "2026-11-15"}, None, "ann", NOW)
    with store.read() as connection:
        assert still_true(connection, notice, Staff(connection, NOW))[0] == [], "it moved on: the newer notice says so"
    sweep.cancel(store, run, "ann", "off", NOW)
    with store.read() as connection:
        assert still_true(connection, rows(store, t.notice, kind="moved"), Staff(connection, NOW))[0] == []


def test_shops_that_move_alike_are_one_line_and_those_abroad_another(store):
    keys = tuple(f"s{number}" for number in range(40))
    with store.write(NOW, "x") as tx:
        tx.add(t.shop, [{"shop": key, "name": key, "platform": "tmall", "tags": [], "timezone": "Asia/Tokyo" if key == "s0" else None, "added_at": NOW} for key in keys])
    run = start(store, BOOK, keys)
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", NOW)
    assert {line[2:] for line in told(store) if line[:2] == ("cat", "sell")} == {(None, "原 11-11 18:00 → 现 11-14 18:00"), ("s0", "原 11-11 17:00 → 现 11-14 17:00")}
    assert len(told(store)) == 8, "two of cat's, four of the plan's, two of the run's own"
    assert len({row.cause for row in rows(store, t.notice, kind="moved")}) == 5


def test_a_rung_that_fired_for_the_old_date_fires_once_for_the_new_one(store):
    run = start(store, BOOK)
    sweep.sweep(store, local(4, 19))
    replan.apply(store, run, {"day": "2026-11-14"}, None, "ann", local(4, 20))
    for _ in range(2):
        sweep.sweep(store, local(7, 19))
    fired = [(row.generation, row.at) for row in rows(store, t.timer, kind="remind") if row.fired_at]
    assert fired == [(0, local(4, 18)), (1, local(7, 18))]
    assert len(events(store, run, "step.reminded")) == 2


# --- the verb


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    monkeypatch.setattr("ecops.replan_verbs.now", lambda: NOW)
    made = open_store(Home.from_environment())
    populate(made)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ecops", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, json.loads(printed.out) if printed.out else None, printed.err

    run.store, run.folder = made, tmp_path
    yield run
    made.close()


def test_the_verb_shows_first_and_does_it_with_apply(call):
    run = start(call.store, BOOK)
    (call.folder / "stock.yaml").write_text(STOCK, encoding="utf-8")
    (call.folder / "sell.yaml").write_text("checklist: [other]\nneeds: [stock]\ndue: day 20:00\n", encoding="utf-8")
    words = ("replan", run, "--skip", "pick", "--add", str(call.folder / "stock.yaml"), "--swap", f"sell={call.folder / 'sell.yaml'}", "--anchor", "day=2026-11-14")
    status, shown, _ = call(*words)
    assert status == 0 and not shown["applied"] and states(call.store, run)["pick"] == "waiting"
    assert (shown["added"], shown["removed"], shown["rewritten"], shown["stays"]) == (["stock"], ["pick"], ["sell"], [])
    status, _, said = call(*words, "--apply")
    assert status == 2 and "--reason" in said
    status, done, _ = call(*words, "--apply", "--by", "ann", "--reason", "没有选品")
    assert status == 0 and done == shown | {"applied": True}
    assert states(call.store, run)["pick"] == "skipped"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [((), 2, "Nothing is to change"), (("--add", "nowhere.yaml"), 4, "no file nowhere.yaml"), (("--swap", "sell"), 2, "write --swap"), (("--skip", "zap"), 4, "no step zap")],
)
def test_words_of_the_verb_that_are_off_get_a_sentence(call, words, status, said):
    run = start(call.store, BOOK)
    ended, _, words_said = call("replan", run, *words)
    assert (ended, said in words_said) == (status, True), words_said
