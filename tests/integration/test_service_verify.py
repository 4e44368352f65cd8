"""What people claim when they tick, and a task checks: done is not verified, and a second person stands for what no task can know. On both databases."""

import hashlib
import itertools
import json
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ecops import evidence
from ecops.automation import _REGISTRY, Answer, Ask, Automation, Params
from ecops.calculate import calculate, verify
from ecops.cli import cli
from ecops.errors import BadCall, NotFound, NotPossible
from ecops.home import Home
from ecops.playbook.check import TaskFacts, read_playbook
from ecops.rehearse import rehearse
from ecops.service import comments, gates, history, items, outbox, sweep, views, work
from ecops.service import verify as verifying
from ecops.service.items import Proof
from ecops.shelf import _trial
from ecops.store import tables as t
from ecops.store.database import Store
from tests.integration.stores import (
    DAY,
    NOW,
    after,
    assert_consistent,
    events,
    items_of,
    machine,
    ok,
    playbook,
    populate,
    rows,
    run_state,
    start,
    states,
    step_of,
    store,  # noqa: F401
)
from tests.integration.test_service_races import at_once

ASKED: list[Ask] = []
KNOWN: dict[str, int] = {}


class Counted(Params):
    """`counted`: pieces somebody counted; `tolerance`: pieces it may be off."""

    counted: Decimal
    tolerance: int = 0


def stock_equals(frames, ask):
    """The stock that KNOWN has of each shop against what was counted."""
    ASKED.append(ask)
    known = {shop: KNOWN.get(shop) for shop in ask.shops}
    verdicts = [{"shop": shop, "status": "ok" if units is not None else "unknown", "zh": f"库存 {units}", "en": f"stock {units}", "missing": [] if units is not None else ["stock"]} for shop, units in known.items()]
    off = [{"shop": shop, "units": units} for shop, units in known.items() if units is not None and abs(units - ask.params.counted) > ask.params.tolerance]
    return Answer(pl.DataFrame(verdicts, schema_overrides={"missing": pl.List(pl.String)}), {"items": pl.DataFrame(off, schema={"shop": pl.String, "units": pl.Int64})})


STOCK = Automation("testing.stock_equals", "库存与盘点", "Stock against a count", (), (), Counted, stock_equals)


class NoLake:
    """A lake for tasks that read nothing."""

    def frames(self, kinds, shops, as_of):
        assert not kinds
        return {}


COUNT = {"title": "counted", "id": "count", "evidence": {"type": "number", "min": 0}, "verify": {"task": "testing.stock_equals", "with": {"counted": "{{ item.value }}"}, "list": "items"}}
BOOK = playbook({"id": "stock", "checklist": [COUNT, "shelves are clean"]}, {"id": "then", "checklist": ["x"], "needs": ["stock"]})
TICK = Proof()
_number = itertools.count()


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(_REGISTRY, STOCK.name, STOCK)
    ASKED.clear()
    KNOWN.clear()
    KNOWN.update(a=120, b=80)


def checked(store, run, now=NOW) -> int:
    """One waking of the run's flow, in which the ticks are checked; gives how many verdicts landed."""
    execution, landed = f"e{next(_number)}", 0
    work.take_up(store, run, execution, now)
    while checks := verifying.claim(store, run, execution, now):
        landed += verifying.record(store, run, execution, [one for check in checks for one in verify(check, NoLake())], now)
    work.lay_down(store, run, execution, now)
    return landed


def counted(store, run, value="120", by="ben", shop=None, now=NOW):
    """Tick the counted item; gives its number."""
    item = next(row for row in items_of(store, run, "stock") if row.key == "count" and shop in (None, row.shop))
    items.complete(store, item.id, by, Proof(value), now)
    return item.id


def row_of(store, item):
    return rows(store, t.item, id=item)[0]


def test_a_tick_that_a_task_checks_is_done_and_counts_once_it_is_verified(store):
    run = start(store, BOOK)
    item = counted(store, run, "1,20")
    items.complete(store, items_of(store, run, "stock")[1].id, "ben", TICK, NOW)
    assert (row_of(store, item).state, row_of(store, item).verification) == ("done", "pending")
    assert (states(store, run), step_of(store, run, "stock").items_done) == ({"stock": "open", "then": "waiting"}, 1)
    assert_consistent(store)
    assert checked(store, run, after(minutes=1)) == 1
    assert states(store, run) == {"stock": "done", "then": "open"}
    found = row_of(store, item)
    assert (found.verification, found.checked["by"], found.checked["zh"], found.checked["ticked_by"]) == ("verified", "testing.stock_equals", "库存 120", "ben")
    assert [event.item for event in events(store, run, "item.verified")] == [item]
    assert_consistent(store)


@pytest.mark.parametrize("column", ["status", "zh", "missing"])
def test_a_task_whose_verdict_lacks_a_part_leaves_the_tick_unverified_and_a_step_failed(store, monkeypatch, column):
    def lacking(frames, ask):
        whole = stock_equals(frames, ask)
        return Answer(whole.verdicts.drop(column), whole.lists)

    monkeypatch.setitem(_REGISTRY, STOCK.name, Automation(STOCK.name, "缺", "Lacks a part", (), (), Counted, lacking))
    run = start(store, BOOK)
    item = counted(store, run)
    assert checked(store, run) == 1
    assert (row_of(store, item).verification, column in row_of(store, item).checked["en"]) == ("unknown", True)
    asked = work.Work(run, "e", "stock", "work", STOCK.name, "x", {"counted": 1}, ("a",), ((1, "a"),), NOW, {}, "Asia/Shanghai")
    assert calculate(asked, NoLake())[1].status == "failed"
    assert_consistent(store)


def test_what_the_task_refutes_is_open_again_and_who_ticked_is_told_why(store):
    run = start(store, BOOK)
    item = counted(store, run, "119")
    checked(store, run)
    found = row_of(store, item)
    assert (found.state, found.verification, found.closed_by, found.value) == ("open", "refuted", None, "119")
    assert (found.checked["zh"], found.checked["rows"], found.checked["ticked_by"]) == ("库存 120", 1, "ben")
    (told,) = rows(store, t.notice, kind="refuted")
    assert (told.person, told.item, told.detail) == ("ben", item, {"zh": "核验未通过:库存 120", "en": "Not what was found: stock 120"})
    assert [(event.item, event.detail["en"]) for event in events(store, run, "item.refuted")] == [(item, "stock 120")]
    assert_consistent(store)
    counted(store, run, "120", "cat")
    assert (row_of(store, item).verification, row_of(store, item).checked) == ("pending", None)
    checked(store, run)
    assert (row_of(store, item).verification, step_of(store, run, "stock").items_done) == ("verified", 1)
    assert_consistent(store)


def test_every_refutation_is_told_anew(store):
    run = start(store, BOOK)
    for value in ("1", "2", "3"):
        counted(store, run, value)
        checked(store, run)
    assert len(rows(store, t.notice, kind="refuted", person="ben")) == 3
    assert_consistent(store)


def test_what_cannot_be_known_stays_done_until_new_data_lets_the_task_decide(store):
    KNOWN.clear()
    run = start(store, BOOK, keys=("a", "b"))
    item = counted(store, run, "120", shop="a")
    checked(store, run)
    found = row_of(store, item)
    assert (found.state, found.verification, found.checked["missing"]) == ("done", "unknown", ["stock"])
    assert [one["item"] for one in _unverified(store)] == [item]
    assert step_of(store, run, "stock", "a").items_done == 0
    assert checked(store, run) == 0  # not asked again and again
    assert work.data_arrived(store, "b", after(hours=1)) == 0
    KNOWN["a"] = 120
    assert work.data_arrived(store, "a", after(hours=1)) == 1
    assert row_of(store, item).verification == "pending"
    assert_consistent(store)
    checked(store, run, after(hours=1))
    assert (row_of(store, item).verification, _unverified(store)) == ("verified", [])
    assert_consistent(store)


def _unverified(store):
    with store.read() as connection:
        return views.checklist(connection, NOW, unverified=True)


def unknown_item(store):
    KNOWN.clear()
    run = start(store, BOOK)
    item = counted(store, run)
    checked(store, run)
    return run, item


def test_a_second_person_vouches_for_what_no_task_can_know(store):
    run, item = unknown_item(store)
    with pytest.raises(BadCall, match="another person"):
        verifying.vouch(store, item, "ben", "I saw it", NOW)
    with pytest.raises(BadCall, match="neither holds"):
        verifying.vouch(store, item, "dan", "I saw it", NOW)
    with pytest.raises(BadCall, match="--note"):
        verifying.vouch(store, item, "ann", "  ", NOW)
    done = verifying.vouch(store, item, "ann", "counted with Ben", after(hours=1))
    assert (done.state, done.verification) == ("done", "verified")
    found = row_of(store, item)
    assert (found.closed_by, found.checked["by"], found.checked["note"], found.checked["ticked_by"]) == ("ben", "ann", "counted with Ben", "ben")
    assert step_of(store, run, "stock").items_done == 1
    assert_consistent(store)
    with pytest.raises(NotPossible, match="done and verified"):
        verifying.vouch(store, item, "ann", "again", NOW)
    items.complete(store, items_of(store, run, "stock")[1].id, "ben", TICK, NOW)
    assert states(store, run) == {"stock": "done", "then": "open"}
    assert_consistent(store)


def test_a_second_person_says_that_it_is_not_so(store):
    run, item = unknown_item(store)
    verifying.vouch(store, item, "ann", "the shelf is empty", NOW, refute=True)
    assert (row_of(store, item).state, row_of(store, item).verification) == ("open", "refuted")
    (told,) = rows(store, t.notice, kind="refuted")
    assert (told.person, told.detail["zh"]) == ("ben", "核验未通过:the shelf is empty")
    assert_consistent(store)


def test_a_second_person_may_stand_against_the_machine(store):
    run = start(store, BOOK)
    item = counted(store, run, "7")
    checked(store, run)
    with pytest.raises(BadCall, match="another person"):
        verifying.vouch(store, item, "ben", "it is so", NOW)
    with pytest.raises(NotPossible):
        verifying.vouch(store, item, "ann", "no", NOW, refute=True)
    verifying.vouch(store, item, "ann", "the feed is a day late", NOW)
    found = row_of(store, item)
    assert (found.state, found.verification, found.closed_by, found.value) == ("done", "verified", "ben", "7")
    assert found.checked["refuted"]["zh"] == "库存 120"
    assert step_of(store, run, "stock").items_done == 1
    assert_consistent(store)


def test_vouching_is_for_items_that_a_task_checks(store):
    run = start(store, BOOK)
    plain = items_of(store, run, "stock")[1].id
    items.complete(store, plain, "ben", TICK, NOW)
    with pytest.raises(BadCall, match="No task checks"):
        verifying.vouch(store, plain, "ann", "fine", NOW)
    with pytest.raises(NotFound):
        verifying.vouch(store, 999_999, "ann", "fine", NOW)
    item = counted(store, run)
    with pytest.raises(NotPossible, match="done and pending"):
        verifying.vouch(store, item, "ann", "fine", NOW)


@pytest.mark.parametrize("first", ["pending", "verified", "unknown"])
def test_reopening_counts_right_whatever_was_verified(store, first):
    if first == "unknown":
        KNOWN.clear()
    run = start(store, BOOK)
    item = counted(store, run)
    if first != "pending":
        checked(store, run)
    assert row_of(store, item).verification == first
    items.reopen(store, item, "ann", "count again", NOW)
    assert (row_of(store, item).state, row_of(store, item).verification, step_of(store, run, "stock").items_done) == ("open", None, 0)
    assert [(one.person, one.item) for one in rows(store, t.notice, kind="reopened")] == [("ben", item)]
    assert_consistent(store)
    items.skip(store, item, "ann", "no time", NOW)
    assert step_of(store, run, "stock").items_done == 1
    assert_consistent(store)


def test_claims_that_ask_alike_are_one_call_whatever_the_number_of_shops(store):
    run = start(store, BOOK, keys=("a", "b"))
    KNOWN["b"] = 120
    for shop in ("a", "b"):
        counted(store, run, "120", shop=shop)
    checked(store, run)
    assert [ask.shops for ask in ASKED] == [("a", "b")]
    assert {row.verification for row in items_of(store, run, "stock") if row.key == "count"} == {"verified"}
    items.reopen(store, items_of(store, run, "stock")[0].id, "ann", "again", NOW)
    counted(store, run, "119", shop="a")
    checked(store, run)
    assert [(ask.shops, ask.params.counted) for ask in ASKED[1:]] == [(("a",), Decimal(119))]
    assert_consistent(store)


def test_the_run_s_own_item_is_verified_by_all_its_shops(store):
    book = playbook({"id": "stock", "scope": "run", "checklist": [COUNT]})
    run = start(store, book, keys=("a", "b"))
    item = counted(store, run, "120")
    checked(store, run)
    assert (row_of(store, item).verification, row_of(store, item).checked["rows"]) == ("refuted", 1)
    KNOWN.pop("b")
    counted(store, run, "120")
    checked(store, run)
    assert row_of(store, item).verification == "unknown"
    assert work.data_arrived(store, "b", NOW) == 1
    KNOWN["b"] = 120
    checked(store, run)
    assert run_state(store, run) == "completed"
    assert_consistent(store)


@pytest.mark.parametrize(
    ("verifier", "said"),
    [
        ({"task": "testing.stock_equals", "with": {"counted": "{{ item.note }}"}, "list": "items"}, "counted: Field required"),
        ({"task": "testing.nothing"}, "no task is called testing.nothing"),
        ({"task": "testing.stock_equals", "with": {"counted": "{{ item.value }}"}, "list": "rows"}, "has no list rows"),
        ({"task": "testing.stock_equals", "with": {"counted": ["{{ item.value | percent }} {{ params.hint | yuan }}"]}}, "cannot be filled in"),
    ],
)
def test_a_task_that_cannot_answer_leaves_it_unknown(verifier, said):
    store = Store.in_memory()
    populate(store)
    run = start(store, playbook({"id": "stock", "checklist": [COUNT | {"verify": verifier}]}, params={"hint": {"type": "text"}}))
    item = counted(store, run)
    assert checked(store, run) == 1
    found = row_of(store, item)
    assert found.verification == "unknown" and said in found.checked["en"]
    assert_consistent(store)


def test_rows_of_an_outcome_are_verified_too_and_a_decision_by_hand_is_not(store):
    book = playbook(
        {"id": "pick", "task": "campaign.pick_items"},
        {"id": "stock", "checklist": {"each": "steps.pick.items", "item": "{{ it.title }}", "verify": {"task": "testing.stock_equals", "with": {"counted": "{{ item.key }}"}, "list": "items"}}},
    )
    run = start(store, book, keys=("a", "b"))
    machine(store, run, {"a": ok({"item_id": "120", "title": "x"}, {"item_id": "5", "title": "y"}), "b": work.Result("failed", "坏", "broke")})
    for item in items_of(store, run, "pick", "open"):
        items.complete(store, item.id, "ben", Proof("by hand"), NOW)
    for item in items_of(store, run, "stock"):
        items.complete(store, item.id, "ben", TICK, NOW)
    checked(store, run)
    assert {(row.shop, row.key): row.verification for row in items_of(store, run, "stock")} == {("a", "120"): "verified", ("a", "5"): "refuted", ("b", "decide"): None}
    assert states(store, run) == {"pick@a": "done", "pick@b": "done", "stock@a": "open", "stock@b": "done"}
    assert_consistent(store)


def test_many_ticks_in_one_commit_wait_for_their_verdicts(store):
    run = start(store, BOOK, keys=("a", "b"))
    found = items_of(store, run, "stock")
    assert items.complete_all(store, {row.id: Proof("80") if row.key == "count" else TICK for row in found}, "ben", NOW) == 4
    assert {row.shop: row.items_done for row in rows(store, t.step_run, run=run, step="stock")} == {"a": 1, "b": 1}
    assert_consistent(store)
    checked(store, run)
    assert states(store, run) == {"stock@a": "open", "stock@b": "done", "then@a": "waiting", "then@b": "open"}
    assert_consistent(store)


# --- the machinery -------------------------------------------------------------------------------------------------


def test_a_tick_to_verify_wakes_the_run_and_keeps_it_awake(store):
    run = start(store, BOOK)
    outbox.attach(store, run, "flow-run", NOW)
    assert _woken(store) == []
    item = counted(store, run)
    assert _woken(store) == [run]
    work.take_up(store, run, "e", NOW)
    assert _woken(store) == []
    assert work.lay_down(store, run, "e", NOW).how == "more"
    checked(store, run)
    assert (row_of(store, item).verification, _woken(store)) == ("verified", [])
    assert work.lay_down(store, run, "e", NOW).how == "sleeps"


def _woken(store):
    with store.read() as connection:
        return [row.run for row in outbox.to_wake(connection, NOW)]


def claims(store, run, execution):
    work.take_up(store, run, execution, NOW)
    return [one for check in verifying.claim(store, run, execution, NOW) for one in verify(check, NoLake())]


def test_an_execution_thought_dead_records_nothing(store):
    run = start(store, BOOK)
    item = counted(store, run)
    old = claims(store, run, "e1")
    new = claims(store, run, "e2")
    assert verifying.claim(store, run, "e1", NOW) == []
    assert verifying.record(store, run, "e1", old, NOW) == 0
    assert row_of(store, item).verification == "pending"
    assert verifying.record(store, run, "e2", new, NOW) == 1
    assert verifying.record(store, run, "e2", new, NOW) == 0
    assert len(events(store, run, "item.verified")) == 1
    assert_consistent(store)


def test_a_verdict_on_what_was_claimed_before_lands_nowhere(store):
    run = start(store, BOOK)
    item = counted(store, run, "1")
    old = claims(store, run, "e1")
    items.reopen(store, item, "ann", "typed wrong", NOW)
    assert verifying.record(store, run, "e1", old, NOW) == 0
    counted(store, run, "120")
    assert verifying.record(store, run, "e1", old, NOW) == 0  # another claim of the same item
    assert (row_of(store, item).verification, rows(store, t.notice, kind="refuted")) == ("pending", [])
    checked(store, run)
    assert row_of(store, item).verification == "verified"
    assert_consistent(store)


def test_a_run_that_ended_meanwhile_stays_as_it_is(store):
    run = start(store, BOOK)
    item = counted(store, run)
    said = claims(store, run, "e1")
    sweep.cancel(store, run, "ann", "stop", NOW)
    assert verifying.record(store, run, "e1", said, NOW) == 0
    assert (row_of(store, item).verification, _woken(store), _unverified(store)) == ("pending", [], [])
    with pytest.raises(NotPossible):
        verifying.vouch(store, item, "ann", "fine", NOW)
    assert_consistent(store)


def test_a_verdict_and_a_reopening_at_once_leave_one_truth(store):
    for _ in range(4):
        run = start(store, BOOK)
        item = counted(store, run)
        said = claims(store, run, "e1")
        results = at_once(lambda: verifying.record(store, run, "e1", said, NOW), lambda: items.reopen(store, item, "ann", "again", NOW))
        assert results[0] in (0, 1) and isinstance(results[1], items.Ticked), results
        assert (row_of(store, item).state, row_of(store, item).verification, step_of(store, run, "stock").items_done) == ("open", None, 0)
        assert_consistent(store)


def test_a_verdict_and_the_last_tick_at_once_end_the_step_once(store):
    for _ in range(4):
        run = start(store, BOOK)
        counted(store, run)
        said, plain = claims(store, run, "e1"), items_of(store, run, "stock")[1].id
        results = at_once(lambda: verifying.record(store, run, "e1", said, NOW), lambda: items.complete(store, plain, "cat", TICK, NOW), lambda: verifying.record(store, run, "e1", said, NOW))
        assert sorted(one for one in results if isinstance(one, int)) == [0, 1] and isinstance(results[1], items.Ticked), results
        assert states(store, run) == {"stock": "done", "then": "open"}
        assert_consistent(store)


def test_vouching_reopening_and_new_data_at_once_leave_one_truth(store):
    for _ in range(4):
        run, item = unknown_item(store)
        results = at_once(
            lambda: verifying.vouch(store, item, "ann", "seen", NOW), lambda: verifying.vouch(store, item, "cat", "not so", NOW, refute=True),
            lambda: items.reopen(store, item, "ann", "again", NOW), lambda: work.data_arrived(store, "a", NOW),
        )  # fmt: skip
        assert all(isinstance(one, items.Ticked | NotPossible | BadCall | int) for one in results), results
        assert_consistent(store)


# --- evidence ------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_by_the_digest_of_its_bytes_and_told_with_its_size(store, tmp_path):
    run = start(store, playbook({"id": "proof", "checklist": [{"title": "photo", "evidence": {"type": "file", "max_mb": 1}}]}))
    (item,) = items_of(store, run, "proof")
    photo, large, empty = tmp_path / "Shelf.JPG", tmp_path / "large.jpg", tmp_path / "empty.jpg"
    photo.write_bytes(b"a photo"), large.write_bytes(b"x" * (1 << 20) + b"y"), empty.write_bytes(b"")
    most = evidence.most_bytes(item.evidence)
    for path, why in ((large, "larger than 1 MB"), (empty, "empty")):
        with pytest.raises(BadCall, match=why), path.open("rb") as stream:
            evidence.keep(tmp_path, path.name, stream, most)
    assert list((tmp_path / "evidence").iterdir()) == []
    with photo.open("rb") as stream:
        kept = evidence.keep(tmp_path, photo.name, stream, most)
    assert kept == (hashlib.sha256(b"a photo").hexdigest() + ".jpg", 7)
    items.complete(store, item.id, "ben", Proof(file=kept.name, size=kept.size), NOW)
    assert [event.detail for event in events(store, run, "item.done")] == [{"file": kept.name, "size": 7}]
    with store.read() as connection:
        told = history.of_item(connection, item.id, NOW)
    assert (told["file"], told["file_bytes"]) == (kept.name, 7)


# --- comments, one item, and the verbs -----------------------------------------------------------------------------


def test_comments_are_kept_beside_the_item_and_the_step(store):
    run = start(store, BOOK)
    item, step = items_of(store, run, "stock")[0], step_of(store, run, "stock").id
    said = comments.add(store, item.id, "dan", "  the shelf by the door too?\n", after(minutes=1))
    comments.add_to_step(store, step, "ann", "count twice", after(minutes=2))
    with pytest.raises(BadCall, match="needs words"):
        comments.add(store, item.id, "dan", " \n ", NOW)
    with pytest.raises(BadCall, match="2,001 characters"):
        comments.add_to_step(store, step, "dan", "x" * 2001, NOW)
    with pytest.raises(NotFound):
        comments.add(store, 999_999, "dan", "x", NOW)
    with pytest.raises(NotFound):
        comments.add_to_step(store, 999_999, "dan", "x", NOW)
    with pytest.raises(NotFound, match="nobody"):
        comments.add(store, item.id, "nobody", "x", NOW)
    counted(store, run)
    checked(store, run)
    with store.read() as connection:
        told = history.of_item(connection, item.id, NOW)
        with pytest.raises(NotFound):
            history.of_item(connection, 999_999, NOW)
    assert told["comments"] == [{"comment": said["comment"], "step_run": step, "item": item.id, "by": "dan", "text": "the shelf by the door too?", "at": rows(store, t.comment)[0].at.isoformat()}]
    assert [one["text"] for one in told["step_comments"]] == ["count twice"]
    assert [(one["what"], one["by"]) for one in told["events"]] == [("item.commented", "dan"), ("item.done", "ben"), ("item.verified", "worker")]
    assert (told["state"], told["verification"], told["checked"]["zh"], told["value"], told["verify"]["task"]) == ("done", "verified", "库存 120", "120", "testing.stock_equals")
    assert_consistent(store)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The command line over a home of its own: (call, its store)."""
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    monkeypatch.delenv("ECOPS_DATABASE_URL", raising=False)
    store = Store(Home.from_environment().database_url)
    store.migrate()
    populate(store)

    def call(*words):
        done = CliRunner().invoke(cli, [*map(str, words), "--json"])
        return json.loads(done.stdout) if done.exception is None else done.exception

    yield call, store
    store.close()


def test_the_verbs_of_an_item(home, tmp_path):
    call, store = home
    KNOWN.clear()
    run = start(store, playbook({"id": "stock", "checklist": [COUNT, {"title": "photo", "evidence": {"type": "file", "max_mb": 1}}]}))
    item, photo = (row.id for row in items_of(store, run, "stock"))
    done = call("done", item, "--by", "ben", "--value", "120")
    assert (done["state"], done["verification"]) == ("done", "pending")
    checked(store, run)
    assert [(row["item"], row["verification"]) for row in call("checklist", "--unverified")] == [(item, "unknown")]
    assert call("comment", item, "--by", "ann", "--text", "I was there")["text"] == "I was there"
    assert call("comment", "--step", step_of(store, run, "stock").id, "--by", "ann", "--text", "all of it")["item"] is None
    assert isinstance(call("comment", "--by", "ann", "--text", "of what?"), BadCall)
    vouched = call("verify", item, "--by", "ann", "--note", "counted with Ben")
    assert (vouched["item"], vouched["state"], vouched["verification"], vouched["by"]) == (item, "done", "verified", "ann")
    large = tmp_path / "large.png"
    large.write_bytes(b"x" * ((1 << 20) + 1))
    assert "larger than 1 MB" in str(call("done", photo, "--by", "ben", "--file", large))
    large.write_bytes(b"x")
    assert call("done", photo, "--by", "ben", "--file", large)["verification"] is None
    told = call("item", photo)
    assert (told["file"], told["file_bytes"]) == (hashlib.sha256(b"x").hexdigest() + ".png", 1)
    assert evidence.stored(tmp_path, told["file"]).read_bytes() == b"x"
    page = CliRunner().invoke(cli, ["item", str(item)]).stdout
    assert "done · verified" in page and "counted with Ben" in page and "I was there" in page and "all of it" in page
    assert run_state(store, run) == "completed"


# --- what the check and a rehearsal make of it ---------------------------------------------------------------------


def problems_of(step, **more):
    text = json.dumps({"playbook": "tiny", "title": "Tiny", "phase": "campaign", "stages": ["work"], "anchors": {"day": {"at": "D 00:00"}}, "steps": [{"due": "day", "duty": "supply", **step}], **more})
    facts = {"testing.stock_equals": TaskFacts(frozenset(Counted.model_fields), _trial(STOCK), lambda: frozenset({"items"}))}
    return {one.code: one.message for one in read_playbook(text, "tiny.yaml", facts)[1]}


def counting(**more):
    return {"id": "stock", "checklist": [COUNT | {"verify": COUNT["verify"] | more}]}


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (counting(task="testing.stock_equal"), "unknown-task"),
        (counting(**{"with": {"count": "1"}}), "unknown-param"),
        (counting(**{"with": {"counted": "many"}}), "bad-value"),
        (counting(**{"with": {"counted": "{{ item.number }}"}}), "unknown-field"),
        (counting(**{"with": {"counted": "{{ item.link }}"}}), "not-brought"),
        (counting(**{"with": {"counted": "{{ params.nothing }}"}}), "unknown-param"),
        (counting(**{"with": {"counted": "{{ steps.stock.status }}"}}), "no-steps"),
        (counting(list="rows"), "unknown-list"),
        ({"id": "stock", "scope": "run", "checklist": [COUNT | {"verify": COUNT["verify"] | {"with": {"counted": "{{ shop.key }}"}}}]}, "no-shop"),
        ({"id": "stock", "checklist": [{"title": "{{ item.value }}"}]}, "no-item"),
        ({"id": "stock", "checklist": [{"title": "x", "evidence": {"type": "text", "max_mb": 1}}]}, "value-error"),
        ({"id": "stock", "checklist": [{"title": "x", "evidence": {"type": "file", "max_mb": 21}}]}, "less-than-equal"),
    ],
)
def test_the_check_says_what_is_wrong_with_a_verifier(step, code):
    assert set(problems_of(step)) == {code}


def test_the_check_has_nothing_against_a_right_one():
    assert problems_of(counting()) == {}
    assert problems_of(counting(**{"with": {"counted": "{{ item.value }}", "tolerance": "{{ params.off }}"}}), params={"off": {"type": "integer", "default": 0}}) == {}


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ({"by": ["operations"], "every_role": True}, "value-error"),
        ({"by": ["operations", "supply"], "every_role": True, "quorum": 1}, "value-error"),
        ({"by": ["operations"], "reopens": ["nothing"]}, "unknown-step"),
        ({"by": ["operations"], "reopens": ["beside"]}, "not-needed"),
    ],
)
def test_the_check_says_what_is_wrong_with_a_gate(gate, code):
    steps = [{"id": name, "checklist": ["x"], "due": "day", "duty": "supply"} for name in ("before", "beside")]
    assert set(problems_of({}, steps=[*steps, {"id": "gate", "needs": ["before"], "due": "day", "duty": "supply", "approval": gate}])) == {code}


def test_a_gate_of_one_shop_does_not_reopen_the_run_s_work():
    steps = [{"id": "before", "scope": "run", "checklist": ["x"], "due": "day", "duty": "supply"}]
    gate = {"id": "gate", "scope": "shop", "needs": ["before"], "due": "day", "duty": "supply", "approval": {"by": "operations", "reopens": ["before"]}}
    assert set(problems_of({}, steps=[*steps, gate])) == {"scope"}


@pytest.mark.parametrize(("stock", "said"), [({"a": 0}, "item.verified"), ({"a": 7}, "item.refuted"), ({}, "item.unverified")])
def test_a_rehearsal_ends_whatever_the_data_says_of_a_claim(stock, said):
    KNOWN.clear()
    KNOWN.update(stock)
    shop = {"shop": "a", "name": "a", "platform": "tmall", "tags": []}
    played = rehearse(BOOK, DAY, [shop], NoLake())
    told = [(event["what"], event["who"]) for event in played.events if event["what"].startswith("item.") and "verif" in event["what"] or event["what"] == "item.refuted"]
    assert (played.state, told) == ("completed", [(said, "worker")] + ([] if said == "item.verified" else [("item.verified", "operations-2")]))


# --- any order of all of it ----------------------------------------------------------------------------------------

WHOLE = playbook(
    {"id": "stock", "checklist": [COUNT, "shelves are clean"], "due": "day - 2d 18:00", "escalate": [{"after": "1h", "to": "management"}]},
    {"id": "beside", "checklist": ["x"], "needs": ["stock"]},
    {"id": "gate", "scope": "run", "needs": ["stock"], "approval": {"by": ["operations", "supply"], "every_role": True, "not": "requester", "reopens": ["stock"]}, "due": "day - 1d"},
    {"id": "then", "checklist": ["y"], "needs": ["gate"]},
)


class Claims(RuleBasedStateMachine):
    """People tick, reopen, vouch and decide, data comes and goes, two workers ask and record late: whatever the order, the rows agree."""

    people = st.sampled_from(["ann", "ben", "cat", "dan"])
    numbers = st.integers(0, 9)

    @initialize()
    def begin(self):
        _REGISTRY[STOCK.name] = STOCK
        self.store, self.now, self.late = Store.in_memory(), NOW, []
        populate(self.store)
        self.run = start(self.store, WHOLE, keys=("a", "b"), by="dan")

    def tried(self, call):
        """Do it; being told that it is not possible is fine."""
        self.now += timedelta(minutes=7)
        try:
            return call()
        except (NotPossible, BadCall):
            return None

    def one(self, number):
        found = [row for row in rows(self.store, t.item, run=self.run) if row.state != "planned"]
        return found[number % len(found)].id

    @rule(number=numbers, who=people, value=st.sampled_from(["1", "2"]))
    def tick(self, number, who, value):
        self.tried(lambda: items.complete(self.store, self.one(number), who, Proof(value), self.now))

    @rule(who=people, value=st.sampled_from(["1", "2"]))
    def tick_all(self, who, value):
        ticks = {row.id: Proof(value) for row in rows(self.store, t.item, run=self.run, state="open")}
        self.tried(lambda: items.complete_all(self.store, ticks, who, self.now))

    @rule(number=numbers, who=people)
    def skip(self, number, who):
        self.tried(lambda: items.skip(self.store, self.one(number), who, "no", self.now))

    @rule(number=numbers, who=people)
    def reopen(self, number, who):
        self.tried(lambda: items.reopen(self.store, self.one(number), who, "again", self.now))

    @rule(number=numbers, who=people, refute=st.booleans())
    def vouch(self, number, who, refute):
        self.tried(lambda: verifying.vouch(self.store, self.one(number), who, "seen", self.now, refute))

    @rule(shop=st.sampled_from(["a", "b"]), units=st.sampled_from([None, 1, 2]))
    def data_comes(self, shop, units):
        KNOWN.pop(shop, None)
        if units:
            KNOWN[shop] = units
        work.data_arrived(self.store, shop, self.now)

    @rule()
    def ask_and_record(self):
        checked(self.store, self.run, self.now)

    @rule()
    def ask_and_be_slow(self):
        execution = f"slow{next(_number)}"
        work.take_up(self.store, self.run, execution, self.now)
        self.late.append((execution, [one for check in verifying.claim(self.store, self.run, execution, self.now) for one in verify(check, NoLake())]))

    @rule()
    def record_late(self):
        if self.late:
            verifying.record(self.store, self.run, *self.late.pop(0), self.now)

    @rule(who=people, verdict=st.sampled_from(["approve", "approve", "reject"]))
    def decide(self, who, verdict):
        self.tried(lambda: gates.decide(self.store, step_of(self.store, self.run, "gate").id, who, verdict, "so", self.now))

    @rule(hours=st.sampled_from([1, 30, 200]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)
        sweep.sweep(self.store, self.now)

    @invariant()
    def rows_agree(self):
        assert_consistent(self.store)
        gate = step_of(self.store, self.run, "gate")
        voices = [row.person for row in rows(self.store, t.decision, verdict="approve")]
        assert gate.state != "done" or (len(voices) >= 2 and "cat" in voices and "dan" not in voices)
        assert gate.state != "waiting" or not rows(self.store, t.decision)
        for row in rows(self.store, t.item, run=self.run, verification="verified"):
            assert row.checked["by"] != row.checked["ticked_by"]

    @invariant()
    def rungs_are_of_their_opening(self):
        for row in rows(self.store, t.timer):
            assert row.generation <= rows(self.store, t.step_run, id=row.step_run)[0].generation
        fired = [(event.step, event.shop, event.detail["generation"], event.detail["rung"]) for event in events(self.store, self.run, "step.escalated")]
        assert len(fired) == len(set(fired))

    def teardown(self):
        _REGISTRY.pop(STOCK.name, None)
        self.store.close()


Claims.TestCase.settings = settings(max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
TestClaims = Claims.TestCase
