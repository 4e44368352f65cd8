"""One value of a list as people read it: yuan, percents, moments of the shop's zone; no value stays none."""

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from ecops.automation import automations
from ecops.report.cells import NONE, NOTHING, TEXT, Cell, cell, clean
from ecops.report.gap import gap_of, zero
from ecops.report.headings import column, list_title
from ecops.report.tables import table
from tests.unit.report_rows import ZONE, answered, row, step
from tests.unit.test_tasks_contract import answer


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gap_fen", -4201143, "-42,011.43"),
        ("gap_fen", 0, "0.00"),
        ("cpc_fen", 123.456, "1.23"),
        ("spend_share", 0.12345, "12.3%"),
        ("never_heard_of_rate", 0.5, "50.0%"),
        ("conversion", 1.0, "100.0%"),
        ("difference", -3, "-3"),
        ("difference", -0.03, "-3.0%"),
        ("visitors", 1234567, "1,234,567"),
        ("roi", 2.5, "2.5"),
        ("roi", 0.000123456, "0.00012"),
        ("factor", 1.0, "1"),
        ("paid_at", "2026-11-10T12:00:00+00:00", "2026-11-10 20:00"),
        ("hour", "2026-11-10T16:00:00Z", "2026-11-11 00:00"),
        ("date", "2026-11-11", "2026-11-11"),
        ("text", "2026-13-45", "2026-13-45"),
        ("title", "2026-11-11 只是文字", "2026-11-11 只是文字"),
        ("thin", True, "是 yes"),
        ("reasons", ["断货", "降价"], "断货；降价"),
        ("hits", [{"term": "最好", "price_fen": 990, "why": None}], "词：最好，价格（元）：9.90"),
        ("gap_fen", None, NONE),
        ("gap_fen", float("nan"), NONE),
        ("roi", float("inf"), NONE),
    ],
)
def test_a_value_is_said_in_the_unit_of_its_column(name, value, said):
    assert cell(name, value, ZONE).text == said


def test_typed_values_are_kept_for_a_workbook():
    assert cell("gap_fen", 12345, ZONE).value == Decimal("123.45")
    assert cell("paid_at", "2026-11-10T12:00:59+00:00", ZONE).value == datetime(2026, 11, 10, 20, 0)
    assert cell("date", "2026-11-11", ZONE).value == date(2026, 11, 11)
    assert cell("gap_fen", None, ZONE) == Cell(None, NOTHING)


@pytest.mark.parametrize(("part", "said"), [("visitors", "12.5"), ("conversion", "1,250.0%"), ("aov", "0.13")])
def test_a_part_of_a_gap_is_said_in_its_own_unit(part, said):
    assert cell("plan", 12.5, ZONE, {"part": part}).text == said


def test_a_figure_s_value_is_said_in_the_figure_s_unit():
    assert [cell("value", 12345, ZONE, {"figure": figure}).text for figure in ("gmv_fen", "visitors")] == ["123.45", "12,345"]


def test_what_no_page_may_hold_is_left_out():
    assert clean("a\x00b\x1bc\ud800\nd") == "abc?\nd"


def test_every_column_and_list_of_the_automated_steps_has_a_chinese_heading():
    answers = [answer(name, {}) for name in automations()]
    lists = {name for one in answers for name in one.lists}
    columns = {name for one in answers for rows in one.lists.values() for name in rows.columns}
    assert [name for name in sorted(columns) if not column(name).zh] == [], "add them to ecops/report/headings.tsv"
    assert [name for name in sorted(lists) if not list_title(name).zh] == [], "add them to ecops/report/headings.tsv"


def test_only_fractions_are_called_percents():
    schemas = [rows.schema for name in automations() for rows in answer(name, {}).lists.values()]
    kinds = {name: {schema[name].base_type() for schema in schemas if name in schema} for schema in schemas for name in schema}
    assert {name for name, found in kinds.items() if column(name).unit == "%" and pl.Float64 not in found} == set()


def test_a_long_list_is_cut_and_says_of_how_many():
    found = table("items", [{"shop": "s0", "item_id": str(n), "note": None} for n in range(45)], ZONE, 20, {"s0": "花间"})
    assert (len(found.rows), found.total) == (20, 45)
    assert [name for name, _ in found.columns] == ["item_id"], "one shop needs no column, and what says nothing is named below"
    assert [heading.en for heading in found.blank] == ["note"]


def test_a_sentence_in_two_languages_is_one_cell():
    found = table("items", [{"shop": "a", "zh": "缺", "en": "none"}, {"shop": "b", "zh": "x", "en": "x"}], ZONE, 20, {"a": "甲", "b": "乙"})
    assert [[one.text for one in line] for line in found.rows] == [["甲", "缺\nnone"], ["乙", "x"]]


def gap_rows(shop: str, **fens: int) -> dict:
    parts = [{"shop": shop, "part": name, "zh": name, "shapley_fen": fen} for name, fen in fens.items()]
    total = sum(fens.values())
    return {"items": parts, "shops": [{"shop": shop, "target_fen": 1000, "actual_fen": 1000 + total, "gap_fen": total}]}


def gap_step(verdicts: dict[str, str], **lists) -> dict:
    return step(*(row("gap", shop, task="review.gap", outcome=answered(status)) for shop, status in verdicts.items())) | {"lists": lists}


def test_the_parts_of_a_gap_add_up_over_the_shops_that_are_sure():
    one, two, three = gap_rows("a", visitors=-300, conversion=100), gap_rows("b", visitors=-100, conversion=50), gap_rows("c", visitors=-999, conversion=1)
    lists = {name: one[name] + two[name] + three[name] for name in ("items", "shops")}
    found = gap_of(gap_step({"a": "ok", "b": "ok", "c": "unknown", "d": "unknown"}, **lists), 4)
    assert (found.target_fen, found.actual_fen, found.gap_fen, found.known, found.shops) == (2000, 1750, -250, 2, 4)
    assert sum(part.fen for part in found.parts) == found.gap_fen
    assert [(part.fen, part.left, part.width, part.share) for part in found.parts] == [(-400, 0, pytest.approx(400 / 550 * 100), 1.6), (150, pytest.approx(400 / 550 * 100), pytest.approx(150 / 550 * 100), -0.6)]
    assert zero(found) == pytest.approx(400 / 550 * 100)


def test_a_gap_that_is_known_of_no_shop_is_none():
    assert gap_of(gap_step({"a": "unknown"}, **gap_rows("a", visitors=-1)), 1) is None
    assert gap_of(gap_step({"a": "ok"}, items=[], shops=[]), 1) is None


def test_a_gap_of_nothing_has_parts_without_a_share():
    found = gap_of(gap_step({"a": "ok"}, **gap_rows("a", visitors=0)), 1)
    assert [(part.fen, part.share, part.width) for part in found.parts] == [(0, None, 0)] and zero(found) == 0


def test_a_text_cell_is_a_text():
    assert cell("title", "=1+1", ZONE).kind == TEXT
