"""Real exports damaged in every way of tests/damages.py: they give what the whole file gives, or it is said what is wrong and where."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest

from ecops.shop.errors import ShopDataError
from ecops.shop.imports import import_file
from ecops.shop.lake import Lake
from ecops.shop.sheet import read_tables
from tests import damages
from tests.damages import Paper, Traits, as_csv, as_html, as_xlsx, cut, under, zipped
from tests.realdata import real_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_WHENCE = ["source_file", "source_sheet", "source_row", "imported_at"]
# Rows of the slices on which every damage is tried.
SLICE = 300


@dataclass(frozen=True)
class Real:
    """A file of ../shared/data: what its README counts (`rows`), and what comes of them."""

    file: str
    kind: str
    rows: int
    loaded: int
    duplicates: int
    refused: int
    traits: Traits

    @property
    def sheet(self) -> Paper:
        return _sheet(self.file)

    @property
    def slice(self) -> Paper:
        return replace(self.sheet, lines=self.sheet.lines[: SLICE + 1])


@cache
def _sheet(file: str) -> Paper:
    [table] = read_tables(real_file(file))
    return Paper(tuple(tuple(cell or "" for cell in row) for row in table.frame.iter_rows()))


FILES = {
    one.file.partition(".")[0]: one for one in (
        Real("tmall_orders_2020_02.csv", "orders", 28_010, 28_010, 0, 0, Traits(
            "退款金额", "收货地址 ", ids=("订单编号",), days=("订单创建时间", "订单付款时间 "), money=("总金额", "买家实际支付金额", "退款金额"))),
        # 141 rows say nothing but buyer and class
        Real("taobao_order_export_masked_599.xlsx", "orders", 599, 458, 0, 141, Traits(
            "总金额", "宝贝总数量", days=("订单创建时间",), money=("总金额", "买家实际支付金额"), counts=("宝贝总数量",))),
        # 56 keys stand twice, 56 rows have no visitors (all but 14 of the two are one row), 23 more pieces than visitors
        Real("bookshop_item_traffic_2019.xlsx", "item_days", 11_815, 11_750, 0, 65, Traits(
            "成交商品件数", "加购人数", ids=("SKU",), days=("时间",), money=("成交码洋",), counts=("浏览量", "访客数"))),
        # of the 56 keys that stand twice, 2 pairs say the same
        Real("bookshop_sales_2019.xlsx", "item_days", 11_815, 11_759, 2, 54, Traits("成交件数", "", days=("日期",), money=("销售码洋",), counts=("成交件数",))),
        Real("d11_2016_beauty_items_gb18030.csv", "competitor_items", 27_598, 27_512, 86, 0, Traits(
            "店名", "price", days=("update_time",), money=("price",), counts=("sale_count", "comment_count"))),
        Real("tianchi_mobile_behavior_sample.csv", "behaviours", 1_999, 1_999, 0, 0, Traits(
            "behavior_type", "item_category", ids=("user_id", "item_id"))),
    )
}
NAMES = tuple(FILES)


class Desk:
    """Imports into a fresh lake of one key, so that hashes compare."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, kind: str, content: bytes):
        folder = self.folder / str(sum(1 for _ in self.folder.iterdir()))
        folder.mkdir()
        lake = Lake(str(folder / "lake"))
        lake.merge("settings", pl.DataFrame({"shop": [""], "name": ["buyer_key"], "value": ["00" * 32]}))
        path = folder / "某店导出.xls"
        path.write_bytes(content)
        [report] = import_file(lake, path, "s", NOW)
        assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
        held = lake.everything(kind, ["s"]).drop(_WHENCE).collect()
        return report, held.sort(held.columns)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def counts(report):
    return report.rows - report.total_rows, report.loaded, report.duplicates, report.refused


def accounts(report, sheet: Paper) -> None:
    """Every row that the test itself counts is in the report."""
    filled, blank, again = damages.counted(sheet)
    assert report.rows == filled
    assert any(note.startswith(f"跳过 {blank} 个空行") for note in report.notes) == bool(blank)
    assert any(note.startswith(f"{again} 行重复了表头") for note in report.notes) == bool(again)


def total_added(real: Real, sheet: Paper) -> Paper:
    named = (*real.traits.ids, *real.traits.days)[0]
    return damages.total_row(sheet, named, "合 计", {name: "7" for name in real.traits.counts})


Damage = Callable[[Real, Paper], Paper]
# Each gives a sheet that must be read as the undamaged one.
SAME: dict[str, Damage] = {
    "shuffled columns": lambda real, sheet: damages.shuffled_columns(sheet),
    "columns appended": lambda real, sheet: damages.appended_columns(sheet),
    "full-width headings": lambda real, sheet: damages.full_width_headings(sheet),
    "blanks in headings": lambda real, sheet: damages.blanks_in_headings(sheet),
    "a heading twice": lambda real, sheet: damages.heading_twice(sheet, real.traits.required),
    "notes above": lambda real, sheet: damages.notes_above(sheet),
    "blank rows inside": lambda real, sheet: damages.blank_rows_inside(sheet),
    "headings in the middle": lambda real, sheet: damages.headings_in_the_middle(sheet),
    "a wrong total row": total_added,
    "ragged rows": lambda real, sheet: damages.ragged(sheet),
    "leading apostrophes": lambda real, sheet: damages.apostrophes(sheet),
    "cells as formulas": lambda real, sheet: damages.formulas(sheet),
    "blanks around cells": lambda real, sheet: damages.blanks_around(sheet),
    "days with slashes": lambda real, sheet: under(sheet, real.traits.days, damages.slashed),
    "days in words": lambda real, sheet: under(sheet, real.traits.days, damages.in_words),
    "days as serial numbers": lambda real, sheet: under(sheet, real.traits.days, damages.serial),
    "amounts with currency and unit": lambda real, sheet: under(sheet, real.traits.money, damages.decorated),
    "counts with commas": lambda real, sheet: under(sheet, real.traits.counts, damages.thousands),
}
COATS: dict[str, Callable[[Paper], bytes]] = {
    "utf-8 with two marks": lambda sheet: damages.doubled_mark(as_csv(sheet, "utf-8")),
    "utf-16": lambda sheet: as_csv(sheet, "utf-16"),
    "tabs": lambda sheet: as_csv(sheet, separator="\t"),
    "line ends mixed": lambda sheet: damages.mixed_ends(as_csv(sheet)),
    "html": as_html,
    "zip": lambda sheet: zipped({"a.csv": as_csv(sheet)}),
    "xlsx": as_xlsx,
}
WHOLE = (
    "shuffled columns", "columns appended", "blank rows inside", "headings in the middle", "a wrong total row", "leading apostrophes", "blanks around cells",
)


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    """Report and rows of each slice as it came."""
    @cache
    def of(name: str):
        return Desk(tmp_path_factory.mktemp(name)).run(FILES[name].kind, as_csv(FILES[name].slice))
    return of


@pytest.mark.parametrize(("damage", "name"), damages.turns(WHOLE, NAMES, 2))
def test_the_whole_file_keeps_the_counts_of_its_readme(desk, name, damage):
    real = FILES[name]
    sheet = SAME[damage](real, real.sheet)
    report, held = desk.run(real.kind, as_csv(sheet))
    assert counts(report) == (real.rows, real.loaded, real.duplicates, real.refused)
    accounts(report, sheet)
    assert report.total_rows == (damage == "a wrong total row")
    assert (real.kind == "behaviours" and held["times"].sum() == real.rows) or len(held) == real.loaded


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", SAME)
def test_a_damage_that_loses_nothing_changes_nothing(desk, undamaged, name, damage):
    real = FILES[name]
    sheet = SAME[damage](real, real.slice)
    before, rows = undamaged(name)
    report, held = desk.run(real.kind, as_csv(sheet))
    assert (counts(report), report.reasons) == (counts(before), before.reasons)
    assert held.equals(rows)
    accounts(report, sheet)


@pytest.mark.parametrize(("coat", "name"), damages.turns(COATS, NAMES, 3))
def test_another_coat_changes_nothing(desk, undamaged, name, coat):
    real = FILES[name]
    before, rows = undamaged(name)
    report, held = desk.run(real.kind, COATS[coat](real.slice))
    assert (counts(report), report.reasons) == (counts(before), before.reasons)
    # a page shows several blanks as one
    shown = pl.col(pl.String).str.replace_all(r"\s+", " ")
    assert held.select(shown).equals(rows.select(shown)) if coat == "html" else held.equals(rows)


REFUSED = {
    "a NUL inside": (lambda real: damages.with_nul(as_csv(real.slice)), "neither a workbook nor readable text"),
    "a quote left open": (
        lambda real: damages.quote_left_open(real.slice, 250), r"in line 252 is never closed|line 252 of .* is not well-formed CSV",
    ),
    "a workbook cut short": (lambda real: cut(as_xlsx(real.slice), 0.7), "damaged or cut short"),
    "a web page cut short": (lambda real: cut(as_html(real.slice), 0.7), "cut short"),
    "a required heading renamed": (lambda real: as_csv(damages.renamed(real.slice, real.traits.required, "某列")), "which also needs"),
    "other headings in the middle": (
        lambda real: as_csv(damages.other_headings_in_the_middle(real.slice)), f"row {SLICE // 2 + 2} of .* in another order",
    ),
}


@pytest.mark.parametrize(("damage", "name"), damages.turns(REFUSED, NAMES, 3))
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(desk, name, damage):
    made, sentence = REFUSED[damage]
    with pytest.raises(ShopDataError, match=sentence) as caught:
        desk.run(FILES[name].kind, made(FILES[name]))
    assert "某店导出.xls" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_twice_in_a_zip_counts_once(desk, undamaged, name):
    real, content = FILES[name], as_csv(FILES[name].slice)
    before, rows = undamaged(name)
    report, held = desk.run(real.kind, zipped({"a.csv": content, "a (1).csv": content}))
    assert report.rows == 2 * before.rows and report.loaded == before.loaded and held.equals(rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_breaks_off_says_so(desk, undamaged, name):
    real = FILES[name]
    _, rows = undamaged(name)
    report, held = desk.run(real.kind, damages.broken_off(real.slice, real.traits.required))
    last = real.slice.number(len(real.slice.rows) - 1)
    shown = {one.row for one in report.quarantined if one.reason == "broken_off"}
    # where the cell is the last of its row, nothing tells it from a whole one, and a note says so
    assert shown == {last} or any(f"第 {last} 行结束而没有换行" in note for note in report.notes)
    assert report.rows == SLICE


@pytest.mark.parametrize("name", [name for name in NAMES if FILES[name].traits.ids])
def test_ids_in_scientific_notation_are_refused_each_in_its_place(desk, name):
    real = FILES[name]
    report, held = desk.run(real.kind, as_csv(under(real.slice, real.traits.ids, damages.scientific)))
    lost = {one.row for one in report.quarantined if one.reason == "digits_lost"}
    assert lost == {real.slice.number(row) for row in range(SLICE)} and held.is_empty()
