"""What a review learned changes later launches, for the shop it was learned for, as long as people accept it; on both databases."""

from datetime import timedelta

import pytest

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.model import ACCEPT, DECLINE
from ecops.service import findings, gates, items, launch
from ecops.service.findings import Change, Found
from ecops.service.items import Proof
from ecops.store import tables as t
from tests.integration.stores import DAY, NOW, after, assert_consistent, events, items_of, machine, ok, playbook, rows, start, states, step_of, store  # noqa: F401

FACTOR = {"stock_factor": {"type": "number", "default": "1.2", "min": 0.1, "max": 10}, "goal": {"type": "integer", "default": 7}}
CAMPAIGN = playbook(
    {"id": "stock", "task": "goods.first_stock", "with": {"factor": "{{ params.stock_factor }}"}},
    {"id": "order", "checklist": ["order {{ params.stock_factor }}"], "due": "day - 1d 18:00", "role": "supply"},
    {"id": "whole", "checklist": ["goal {{ params.goal }}"], "scope": "run", "due": "day - 1d 18:00"},
    playbook="tiny", params=FACTOR,
)  # fmt: skip
LEARN = {"each": "steps.lost.items", "key": "shop", "item": "lost {{ it.share }}"}
REVIEW = playbook(
    {"id": "lost", "task": "review.lost_sales"},
    {"id": "learn", "checklist": LEARN | {"learn": {"playbook": "tiny", "param": "stock_factor", "value": "{{ it.factor }}"}}, "due": "day 18:00", "role": "supply"},
    {"id": "close", "approval": {"by": "management", "findings": 1}, "due": "day + 1d 18:00"},
    playbook="look-back",
)  # fmt: skip
LOST = {"a": ok({"shop": "a", "share": 0.2, "factor": "1.5"}), "b": ok({"shop": "b", "share": 0.1, "factor": "1.3"})}


def reviewed(store, verdicts=None, book=REVIEW, now=NOW) -> str:
    """A review of both shops whose findings were closed like this."""
    run = start(store, book, ("a", "b"), now=now)
    machine(store, run, LOST, now)
    for item in items_of(store, run, "learn"):
        if value := (verdicts or {}).get(item.shop):
            items.complete(store, item.id, "cat", Proof(value=value, note="seen"), now)
    return run


def launched(store, keys=("a", "b"), now=NOW, **more) -> launch.Launched:
    return launch.launch(store, launch.Launch(CAMPAIGN, DAY, list(keys), **more), now, "ann")


def factors(store, run: str) -> dict[str, str]:
    """What the task is asked with, by shop."""
    done = machine(store, run, ok())
    return {shop: str(work.params["factor"]) for work in done for shop in work.shops}


def test_an_accepted_finding_is_the_next_launch_s_value_for_its_shop(store):
    run = reviewed(store, {"a": ACCEPT})
    next_time = launched(store)
    assert [(one["param"], one["value"], one["default"], one["shop"], one["review"]) for one in next_time.learned] == [("stock_factor", "1.5", "1.2", "a", run)]
    assert factors(store, next_time.run) == {"a": "1.5", "b": "1.2"}
    assert {item.shop: item.title_zh for item in items_of(store, next_time.run, "order")} == {"a": "order 1.5", "b": "order 1.2"}
    assert [event.detail["learned"][0]["value"] for event in events(store, next_time.run, "run.learned")] == ["1.5"]
    assert_consistent(store)


def test_shops_with_the_same_value_are_calculated_together(store):
    reviewed(store, {"a": ACCEPT})
    run = launched(store).run
    assert sorted(work.shops for work in machine(store, run, ok())) == [("a",), ("b",)]
    alike = launched(store, shop_params={"a": {"stock_factor": "1.4"}, "b": {"stock_factor": "1.40"}}).run
    assert len(machine(store, alike, ok())) == 2, "values count as they are written"
    same = launched(store, params={"stock_factor": "3"}).run
    assert [work.shops for work in machine(store, same, ok())] == [("a", "b")]


def test_a_review_can_teach_whichever_campaign_it_looked_at(store):
    change = {"playbook": "{{ params.campaign }}", "param": "stock_factor", "value": "{{ it.factor }}"}
    book = playbook({"id": "lost", "task": "review.lost_sales"}, {"id": "learn", "checklist": LEARN | {"learn": change}, "due": "day 18:00"}, playbook="look-back", params={"campaign": {"type": "text", "default": "other"}})
    for campaign, wanted in (("other", 0), ("tiny", 1)):
        run = start(store, book, params={"campaign": campaign})
        machine(store, run, LOST["a"])
        [item] = items_of(store, run, "learn")
        items.complete(store, item.id, "ben", Proof(value=ACCEPT), NOW)
        assert len(launched(store).learned) == wanted


@pytest.mark.parametrize("verdicts", [{}, {"a": DECLINE, "b": DECLINE}])
def test_what_nobody_accepted_changes_nothing(store, verdicts):
    reviewed(store, verdicts)
    assert launched(store).learned == ()


def test_a_learned_value_can_be_declined_and_the_call_s_own_counts_first(store):
    reviewed(store, {"a": ACCEPT, "b": ACCEPT})
    for more, wanted in [
        ({"decline": ["stock_factor"]}, {"a": "1.2", "b": "1.2"}), ({"decline": ["all"]}, {"a": "1.2", "b": "1.2"}), ({"decline": ["goal"]}, {"a": "1.5", "b": "1.3"}),
        ({"params": {"stock_factor": "2"}}, {"a": "2", "b": "2"}), ({"shop_params": {"tag:big": {"stock_factor": "2"}}}, {"a": "2", "b": "1.3"}),
        ({"shop_params": {"tag:big": {"stock_factor": "2"}, "a": {"stock_factor": "3"}}}, {"a": "3", "b": "1.3"}),
    ]:  # fmt: skip
        assert factors(store, launched(store, **more).run) == wanted, more


def test_a_later_finding_takes_the_place_of_an_earlier_one(store):
    reviewed(store, {"a": ACCEPT})
    run = reviewed(store, now=after(days=1))
    for finding in [item for item in items_of(store, run, "learn") if item.shop == "a"]:
        items.complete(store, finding.id, "cat", Proof(value=ACCEPT), after(days=1))
    assert [one["review"] for one in launched(store).learned] == [run]
    assert len(rows(store, t.learned)) == 2


def test_a_finding_opened_again_or_withdrawn_has_no_effect_any_more(store):
    run = reviewed(store, {"a": ACCEPT})
    assert states(store, run, "a")["learn"] == "done"
    with store.read() as connection:
        [told] = [one for one in findings.listed(connection, run) if one["state"] == "accepted"]
    assert (told["owner"], told["evidence"]["factor"], told["in_force"], told["change"]) == ("supply", "1.5", True, {"playbook": "tiny", "param": "stock_factor", "value": "1.5"})
    findings.withdraw(store, told["finding"], "ann", "the stock-out was a supplier's strike", after(hours=1))
    assert launched(store).learned == ()
    with pytest.raises(NotPossible):
        findings.withdraw(store, told["finding"], "ann", "again", after(hours=2))


def test_reopening_takes_the_verdict_back(store):
    book = playbook({"id": "lost", "task": "review.lost_sales"}, {"id": "learn", "checklist": LEARN | {"learn": {"playbook": "tiny", "param": "stock_factor", "value": "{{ it.factor }}"}}, "due": "day 18:00"}, playbook="look-back")
    run = start(store, book)
    machine(store, run, ok({"shop": "x", "share": 0.2, "factor": "1.5"}, {"shop": "y", "share": 0.3, "factor": "1.6"}))
    first, second = items_of(store, run, "learn")
    items.complete(store, first.id, "ben", Proof(value=ACCEPT), NOW)
    assert [one["value"] for one in launched(store).learned] == ["1.5"]
    items.reopen(store, first.id, "ben", "too early", after(hours=1))
    assert launched(store).learned == ()
    items.complete(store, first.id, "ben", Proof(value=DECLINE), after(hours=2))
    items.skip(store, second.id, "ben", "no data", after(hours=2))
    assert sorted(row.state for row in rows(store, t.finding)) == ["declined", "declined"]
    assert launched(store).learned == ()
    assert_consistent(store)


def test_a_review_cannot_close_before_a_person_has_judged_a_finding(store):
    run = reviewed(store)
    gate = step_of(store, run, "close").id
    with pytest.raises(NotPossible, match="so far 0"):
        gates.decide(store, gate, "ann", "approve", None, NOW)
    item = items_of(store, run, "learn")[0]
    items.complete(store, item.id, "cat", Proof(value=DECLINE), NOW)
    assert gates.decide(store, gate, "ann", "approve", None, NOW)["state"] == "done"


def test_a_person_s_own_finding_opens_the_gate_and_adds_an_item(store):
    run = reviewed(store)
    change = Change("tiny", step="order", item_zh="先问供应商产能", item_en="ask the supplier first")
    number = findings.add(store, run, Found("供应商产能不足", "two deliveries late", "supply", NOW + timedelta(days=9), "", change), "ann", NOW)
    assert gates.decide(store, step_of(store, run, "close").id, "ann", "approve", None, NOW)["state"] == "done"
    next_time = launched(store)
    assert [(one["step"], one["finding"]) for one in next_time.learned] == [("order", number)]
    assert [item.title_zh for item in items_of(store, next_time.run, "order")] == ["order 1.2", "上次复盘:先问供应商产能"] * 2
    assert_consistent(store)


@pytest.mark.parametrize(
    ("found", "by", "error"),
    [
        (Found("", "x", "supply", NOW), "ann", BadCall), (Found("x", " ", "supply", NOW), "ann", BadCall), (Found("x", "x", "", NOW), "ann", BadCall),
        (Found("x", "x", "x" * 100, NOW), "ann", NotFound), (Found("x", "x", "supply", NOW, "c"), "ann", NotFound), (Found("x", "x", "supply", NOW), "zoe", NotFound),
    ],
)  # fmt: skip
def test_a_finding_needs_evidence_an_owner_and_somebody_known(store, found, by, error):
    run = reviewed(store)
    with pytest.raises(error):
        findings.add(store, run, found, by, NOW)
    with pytest.raises(NotFound):
        findings.add(store, "nothing", Found("x", "x", "supply", NOW), "ann", NOW)
    assert rows(store, t.finding) == []


def test_what_does_not_fit_any_more_is_said_and_not_used(store):
    run = reviewed(store)
    for change in (Change("tiny", param="stock_factor", value="99"), Change("tiny", param="gone", value="1"), Change("tiny", step="gone", item_zh="x", item_en="x")):
        findings.add(store, run, Found("old", "x", "supply", NOW, "", change), "ann", NOW)
    done = launched(store)
    assert done.learned == () and sum("cannot be used" in warning for warning in done.warnings) == 3


def test_a_value_that_no_shop_has_is_not_told_as_used(store):
    run = reviewed(store, {"a": ACCEPT})
    findings.add(store, run, Found("x", "y", "supply", NOW, "", Change("tiny", param="stock_factor", value="2")), "ann", NOW)
    assert [one["value"] for one in launched(store).learned] == ["2", "1.5"]
    assert [one["value"] for one in launched(store, shop_params={"a": {"stock_factor": "3"}}).learned] == ["2"]
    none = launched(store, shop_params={"a": {"stock_factor": "3"}, "b": {"stock_factor": "4"}})
    assert none.learned == () and events(store, none.run, "run.learned") == []


def test_a_word_that_declines_nothing_is_refused(store):
    with pytest.raises(BadCall, match="stok_factor"):
        launched(store, decline=["stok_factor"])
    assert rows(store, t.run) == []


def test_somebody_unknown_withdraws_nothing(store):
    number = findings.add(store, reviewed(store), Found("x", "y", "ben", NOW), "ann", NOW)
    with pytest.raises(NotFound, match="zoe"):
        findings.withdraw(store, number, "zoe", "why", NOW)
    assert rows(store, t.finding)[0].state == "accepted"


def test_a_parameter_of_a_shop_that_is_not_launched_is_refused(store):
    for words in ("c", "tag:none", "b"):
        with pytest.raises(BadCall):
            launched(store, keys=("a",), shop_params={words: {"stock_factor": "2"}})
    with pytest.raises(BadCall):
        launched(store, shop_params={"a": {"nothing": "2"}})
    with pytest.raises(BadCall):
        launched(store, shop_params={"a": {"stock_factor": "99"}})
    assert rows(store, t.run) == []


# --- freezes -------------------------------------------------------------------------------------------------------

FROZEN = playbook(
    {"id": "prices", "checklist": ["one", "two"], "due": "day - 1d 18:00"}, {"id": "other", "checklist": ["three"], "due": "day - 1d 18:00"},
    freezes=[{"id": "price", "title": "价格冻结", "from": "day - 3d 18:00", "until": "day + 1h", "steps": ["prices"]}],
)  # fmt: skip


def test_a_freeze_opens_only_with_a_reason(store):
    run = start(store, FROZEN)
    one, two = items_of(store, run, "prices")
    items.complete(store, one.id, "ben", Proof(), NOW)
    inside = after(days=9)
    with pytest.raises(NotPossible, match="frozen until 2026-11-11T01:00"):
        items.complete(store, two.id, "ben", Proof(), inside)
    items.complete(store, items_of(store, run, "other")[0].id, "ben", Proof(), inside)
    items.reopen(store, one.id, "ben", "wrong price", inside)
    items.complete(store, one.id, "ben", Proof(note="the platform asked for it"), inside)
    assert [event.detail["reason"] for event in events(store, run, "freeze.opened")] == ["wrong price", "the platform asked for it"]
    items.complete(store, two.id, "ben", Proof(), after(days=10))
    assert_consistent(store)
