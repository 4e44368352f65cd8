"""What holds for every automated step: one pass for all shops, order of rows, as-of, unknown, and the page in docs."""

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ecops.automation import UNKNOWN, Answer, automations, find_automation
from ecops.quantity import parse_money
from tasks._page import page
from tests.unit.task_rows import AS_OF, DAY, frame, random_shops, run

NAMES = sorted(automations())
PARAMS = {
    "campaign.priority_orders": {"since": "day - 60d", "stale_after": "30d"},
    "campaign.watch_hour": {"gmv_target": "100000", "opening": "day + 20h", "plan_conversion": "5%", "min_roi": "1"},
    "review.gap": {"gmv_target": "100000", "since": "day", "until": "day + 24h"},
    "review.pareto": {"since": "day - 7d"},
    "service.hours": {"min_orders": 1, "min_unserved": 1},
    "service.return_deadline": {"policy": "day - 20d"},
}
SEEDS = st.integers(0, 10_000)
SHOPS = ("a", "b", "c")


def answer(name: str, world: dict, shops=SHOPS) -> Answer:
    return run(name, world, shops=shops, **PARAMS.get(name, {}))


def framed(world: dict) -> dict[str, pl.LazyFrame]:
    """Rows that are asked about many times, made frames once."""
    return {kind: frame(kind, rows) for kind, rows in world.items()}


def assert_same(one: Answer, other: Answer) -> None:
    assert_frame_equal(one.verdicts, other.verdicts)
    assert one.lists.keys() == other.lists.keys()
    for name in one.lists:
        assert_frame_equal(one.lists[name], other.lists[name])


def of_shop(whole: Answer, shop: str) -> Answer:
    lists = {name: rows.filter(pl.col("shop") == shop) for name, rows in whole.lists.items()}
    return replace(whole, verdicts=whole.verdicts.filter(pl.col("shop") == shop), lists=lists)


def test_the_promised_steps_are_declared():
    assert {
        "campaign.pick_items", "campaign.watch_hour", "campaign.audiences", "compliance.scan_copy", "customers.segment",
        "goods.cull", "goods.first_stock", "goods.floor_price", "review.gap", "review.pareto", "campaign.unshipped",
    } <= set(NAMES)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_data_is_unknown_for_every_shop_and_says_what_is_missing(name):
    nothing = answer(name, {})
    assert nothing.verdicts["status"].to_list() == [UNKNOWN] * 3
    assert all(nothing.verdicts["missing"].list.len() > 0)
    assert all(nothing.verdicts["zh"].str.starts_with("未知：")) and all(nothing.verdicts["en"].str.starts_with("unknown: "))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_without_shops_is_answered(name):
    assert answer(name, random_shops(1), shops=()).verdicts.is_empty()


@pytest.mark.parametrize("name", NAMES)
def test_lists_have_the_same_columns_with_and_without_rows(name):
    full, empty, unanchored = answer(name, random_shops(3)), answer(name, {}), run(name, {}, anchors={})
    schemas = [{key: rows.schema for key, rows in one.lists.items()} for one in (full, empty, unanchored)]
    assert schemas[0] == schemas[1] == schemas[2]


@pytest.mark.parametrize("name", NAMES)
def test_without_its_anchor_a_step_is_unknown_and_does_not_fail(name):
    assert run(name, random_shops(2), shops=SHOPS, anchors={}, **PARAMS.get(name, {})).verdicts.height == 3


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_changes_nothing(name, seed):
    world = random_shops(seed)
    shuffled = {kind: frame(kind, rows).collect().sample(fraction=1, shuffle=True, seed=seed).lazy() for kind, rows in world.items()}
    assert_same(answer(name, world), answer(name, shuffled))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_a_shop_alone_gets_the_answer_it_gets_among_many(name, seed):
    world = framed({kind: rows for kind, rows in random_shops(seed).items() if kind in find_automation(name).reads})
    whole = answer(name, world)
    for shop in SHOPS:
        assert_same(of_shop(whole, shop), answer(name, world, shops=(shop,)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, later=SEEDS)
def test_rows_that_come_later_never_change_an_earlier_answer(name, seed, later):
    world = random_shops(seed)
    future = {
        kind: [row | {"available_at": AS_OF + timedelta(minutes=n + 1)} for n, row in enumerate(rows)]
        for kind, rows in random_shops(later).items()
    }
    assert_same(answer(name, world), answer(name, {kind: world[kind] + future[kind] for kind in world}))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_what_an_order_becomes_later_is_not_seen_before(name, seed):
    """The lake keeps an order's present state; a payment, refund or parcel after as-of must look as if it had not been."""
    world = random_shops(seed)
    before = {kind: [_as_it_was(row) for row in rows] for kind, rows in world.items()}
    assert_same(answer(name, world), answer(name, before))


def _as_it_was(row: dict) -> dict:
    later = {name for name in ("paid_at", "shipped_at") if row.get(name) and row[name] > AS_OF}
    row = {name: None if name in later else value for name, value in row.items()}
    if "shipped_at" in later and row.get("status") == "shipped":
        row["status"] = "paid"
    return row


@pytest.mark.parametrize("name", NAMES)
def test_the_zone_in_which_the_instants_are_written_changes_nothing(name):
    """A run hands its instants over in UTC, a person writes them in the shop's time."""
    world = random_shops(0)
    in_utc = run(name, world, shops=SHOPS, as_of=AS_OF.astimezone(UTC), anchors={"day": DAY.astimezone(UTC)}, **PARAMS.get(name, {}))
    assert_same(answer(name, world), in_utc)


def test_every_verdict_that_is_unknown_names_what_is_missing():
    for seed in range(5):
        world = framed(random_shops(seed))
        for name in NAMES:
            verdicts = answer(name, world).verdicts
            unknown = verdicts.filter(pl.col("status") == UNKNOWN)
            assert all(unknown["missing"].list.len() > 0), name
            assert verdicts["zh"].null_count() == verdicts["en"].null_count() == 0, (name, verdicts)


@pytest.mark.parametrize("name", NAMES)
def test_money_parameters_are_written_in_yuan(name):
    for key in ("gmv_target", "cash_limit", "high_value_aov"):
        task = find_automation(name)
        if key in task.params.model_fields:
            assert getattr(task.params(**{key: "1234.5"}), key) == parse_money("1234.5") == 123450


def test_the_page_in_docs_is_the_one_the_code_writes():
    text = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert text == page(), "run: python -m tasks._page > docs/tasks.md"

