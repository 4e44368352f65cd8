"""Exports damaged on their way to us: they give the rows of the whole file, or it is said what is wrong and where; no row vanishes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import cycle

import polars as pl
import pytest

from ecops.shop.errors import ShopDataError
from ecops.shop.imports import import_file
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake
from tests import damages
from tests.damages import Paper, Traits, as_csv, as_html, as_xlsx, cut, paper, under, zipped
from tests.exports import PERSONAL_TEXTS, SAMPLES, Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 6
# Where a row came from, which a damage may change.
_WHENCE = ["source_file", "source_sheet", "source_row", "imported_at"]
TRAITS = {
    "taobao-orders": Traits(
        "总金额", "宝贝总数量", ids=("订单编号",), days=("订单创建时间", "订单付款时间 ", "确认收货时间"), money=("总金额", "买家实际支付金额", "买家应付邮费"), counts=("宝贝总数量",),
    ),
    "taobao-order-lines": Traits(
        "购买数量", "商品属性", ids=("子订单编号", "主订单编号"), days=("订单创建时间", "订单付款时间"), money=("价格", "买家应付货款", "退款金额"), counts=("购买数量",),
    ),
    "jd-item-traffic": Traits("成交商品件数", "加购人数", ids=("SKU",), days=("时间",), money=("成交金额",), counts=("浏览量", "访客数")),
    "pdd-ads": Traits("交易额(元)", "推广名称", ids=("商品ID",), days=("日期",), money=("总花费(元)", "交易额(元)"), counts=("曝光量", "点击量")),
    "taobao-service": Traits("接待人数", "未回复人数", counts=("咨询人数", "接待人数"), rates=("客户满意率", "评价发送率")),
}
NAMES = tuple(TRAITS)


@dataclass(frozen=True)
class Subject:
    """A sample, its sheet, and what stands under its headings."""

    sample: Sample
    sheet: Paper
    traits: Traits


def subject(name: str) -> Subject:
    sample = SAMPLES[name](ROWS)
    return Subject(sample, paper(sample), TRAITS[name])


def named(traits: str) -> list[str]:
    return [name for name in NAMES if getattr(TRAITS[name], traits)]


class Desk:
    """Imports into a fresh lake of one key, so that hashes compare."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, name: str, content: bytes):
        folder = self.folder / str(sum(1 for _ in self.folder.iterdir()))
        folder.mkdir()
        lake = Lake(str(folder / "lake"))
        lake.merge("settings", pl.DataFrame({"shop": [""], "name": ["buyer_key"], "value": ["00" * 32]}))
        path = folder / name
        path.write_bytes(content)
        [report] = import_file(lake, path, "s", NOW)
        assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
        assert report.refused == len({(one.sheet, one.row) for one in report.quarantined})
        waiting = str(lake.quarantined("s").rows())
        assert not [person for person in PERSONAL_TEXTS if person in waiting]
        return report, rows_of(lake, (report.kind, *report.also))


def rows_of(lake: Lake, kinds: Iterable[str]) -> dict[str, list]:
    frames = {kind: lake.everything(kind, ["s"]).drop(_WHENCE).collect() for kind in kinds}
    return {kind: frame.sort(KINDS[kind].key).rows(named=True) for kind, frame in frames.items() if len(frame)}


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    """What the lake holds of each sample when it comes as it was made."""
    whole = {}
    for name in NAMES:
        one = subject(name)
        report, whole[name] = Desk(tmp_path_factory.mktemp(name)).run(one.sample.file_name, as_csv(one.sheet))
        assert report.loaded == ROWS and report.reasons == {}
    return whole


def accounts(report, sheet: Paper) -> None:
    """Every row that the test itself counts is in the report."""
    filled, blank, again = damages.counted(sheet)
    assert report.rows == filled
    assert any(note.startswith(f"跳过 {blank} 个空行") for note in report.notes) == bool(blank)
    assert any(note.startswith(f"{again} 行重复了表头") for note in report.notes) == bool(again)


def days_changed(one: Subject, change) -> Paper:
    return under(one.sheet, one.traits.days, change)


def total_added(one: Subject, label: str) -> Paper:
    """Under the heading that names the rows, with the sums of the counts."""
    sums = {name: str(sum(int(row[one.sheet.place(name)]) for row in one.sheet.rows)) for name in one.traits.counts}
    return damages.total_row(one.sheet, (*one.traits.ids, "客服")[0], label, sums)


# Each gives a sheet that must be read as the undamaged one, whoever made it.
SAME_SHEETS = {
    "shuffled columns": lambda one: damages.shuffled_columns(one.sheet),
    "columns appended": lambda one: damages.appended_columns(one.sheet),
    "full-width headings": lambda one: damages.full_width_headings(one.sheet),
    "blanks in headings": lambda one: damages.blanks_in_headings(one.sheet),
    "a heading twice": lambda one: damages.heading_twice(one.sheet, one.traits.counts[0]),
    "notes above": lambda one: damages.notes_above(one.sheet),
    "blank rows inside": lambda one: damages.blank_rows_inside(one.sheet),
    "headings in the middle": lambda one: damages.headings_in_the_middle(one.sheet),
    "a total row": lambda one: total_added(one, "合计"),
    "a total row with blanks in its label": lambda one: total_added(one, " 合　计 ："),
    "a total row of the page": lambda one: total_added(one, "本页合计(元)"),
    "a total row in brackets": lambda one: total_added(one, "【总计】"),
    "an average row": lambda one: total_added(one, "平均值"),
    "ragged rows": lambda one: damages.ragged(one.sheet),
    "leading apostrophes": lambda one: damages.apostrophes(one.sheet),
    "cells as formulas": lambda one: damages.formulas(one.sheet),
    "blanks around cells": lambda one: damages.blanks_around(one.sheet),
    "days with slashes": lambda one: days_changed(one, damages.slashed),
    "days in words": lambda one: days_changed(one, damages.in_words),
    "days as serial numbers": lambda one: days_changed(one, damages.serial),
    "amounts with currency and unit": lambda one: under(one.sheet, one.traits.money, damages.decorated, total=True),
    "counts with commas": lambda one: under(one.sheet, one.traits.counts, damages.thousands, total=True),
}
_LEFT_OUT = ("a total row", "an average row")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", SAME_SHEETS)
def test_a_damage_that_loses_nothing_changes_nothing(desk, undamaged, name, damage):
    one = subject(name)
    sheet = SAME_SHEETS[damage](one)
    report, held = desk.run(one.sample.file_name, as_csv(sheet))
    assert report.reasons == {} and held == undamaged[name]
    accounts(report, sheet)
    assert report.total_rows == one.sheet.total + damage.startswith(_LEFT_OUT)


# Each gives bytes that must be read as the undamaged file.
SAME_FILES = {
    "utf-8": lambda one: as_csv(one.sheet, "utf-8"),
    "utf-8 with mark": lambda one: as_csv(one.sheet, "utf-8-sig"),
    "utf-8 with two marks": lambda one: damages.doubled_mark(as_csv(one.sheet, "utf-8")),
    "utf-16": lambda one: as_csv(one.sheet, "utf-16"),
    "utf-16 big-endian without mark": lambda one: as_csv(one.sheet, "utf-16-be"),
    "tabs": lambda one: as_csv(one.sheet, separator="\t"),
    "lines end as on old Macs": lambda one: as_csv(one.sheet, end="\r"),
    "lines end as on Unix": lambda one: as_csv(one.sheet, end="\n"),
    "line ends mixed": lambda one: damages.mixed_ends(as_csv(one.sheet)),
    "html": lambda one: as_html(one.sheet),
    "one file in a zip": lambda one: zipped({"一/数据.csv": as_csv(one.sheet), "说明.pdf": b"%PDF"}),
}


@pytest.mark.parametrize(("damage", "name"), damages.turns(SAME_FILES, NAMES, 2))
def test_another_coat_changes_nothing(desk, undamaged, name, damage):
    """Under the name the platform gave it: an extension that lies does no harm."""
    one = subject(name)
    report, held = desk.run(one.sample.file_name, SAME_FILES[damage](one))
    assert report.reasons == {} and held == undamaged[name]
    accounts(report, one.sheet)


def merged_total(one: Subject, *more: tuple[int, int, int, int]) -> bytes:
    """The total row's label over its first cells, figures among them, as people centre it."""
    at = len(one.sheet.lines) - 1
    return as_xlsx(one.sheet, merged=[(at, 0, at, 3), *more])


SAME_WORKBOOKS = [
    ("jd-item-traffic", "ids and counts as numbers",
     lambda one: as_xlsx(one.sheet, numbers=(*one.traits.ids, *one.traits.counts, *one.traits.money))),
    ("pdd-ads", "ids and amounts as numbers", lambda one: as_xlsx(one.sheet, numbers=(*one.traits.ids, *one.traits.money))),
    ("taobao-orders", "days as numbers of 1900", lambda one: as_xlsx(days_changed(one, damages.serial), numbers=one.traits.days)),
    ("taobao-orders", "days as numbers of 1904",
     lambda one: as_xlsx(days_changed(one, partial(damages.serial, calendar=1904)), numbers=one.traits.days, calendar=1904)),
    ("jd-item-traffic", "the label of the total row in merged cells", merged_total),
    ("taobao-service", "a note and a total row in merged cells", lambda one: merged_total(one, (0, 0, 0, 9))),
    ("taobao-order-lines", "a hidden sheet of other things",
     lambda one: as_xlsx(one.sheet, hidden=Paper((("姓名", "工号"), ("王小明", "7"))))),
]


@pytest.mark.parametrize(("name", "damage", "made"), SAME_WORKBOOKS, ids=[f"{name}-{damage}" for name, damage, _ in SAME_WORKBOOKS])
def test_a_workbook_changes_nothing(desk, undamaged, name, damage, made):
    one = subject(name)
    report, held = desk.run("2025-11-10.csv", made(one))
    assert report.reasons == {}, report.quarantined
    assert held == undamaged[name]
    accounts(report, one.sheet)
    assert any("旧表" in note for note in report.notes) == ("hidden" in damage)


# File as a whole: what must stand in the sentence.
REFUSED = {
    "nothing": (lambda one: b"", "is empty"),
    "a mark and nothing": (lambda one: b"\xef\xbb\xbf", "is empty"),
    "big5": (lambda one: damages.as_big5(one.sheet), "(the headings of .* are those of no known export|neither a workbook nor readable text)"),
    "a NUL inside": (lambda one: damages.with_nul(as_csv(one.sheet)), "neither a workbook nor readable text"),
    "a quote left open": (
        lambda one: damages.quote_left_open(one.sheet, 2), "line {4} .*not well-formed CSV|the quote opened in line {4} is never closed",
    ),
    "a workbook cut short": (lambda one: cut(as_xlsx(one.sheet), 0.6), "damaged or cut short"),
    "a web page cut short": (lambda one: cut(as_html(one.sheet), 0.8), "cut short"),
    "a zip cut short": (lambda one: cut(zipped({"a.csv": as_csv(one.sheet)}), 0.7), "damaged or cut short"),
    "a required heading renamed": (lambda one: as_csv(damages.renamed(one.sheet, one.traits.required, "某列")), "which also needs"),
    "other headings in the middle": (
        lambda one: as_csv(damages.other_headings_in_the_middle(one.sheet)), "row {5} of .* holds the headings again, in another order",
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(desk, name, damage):
    one = subject(name)
    made, sentence = REFUSED[damage]
    # {n}: the number of the sheet's line, counted without its notes
    wanted = re.sub(r"\{(\d)\}", lambda found: str(int(found[1]) + one.sheet.top), sentence)
    with pytest.raises(ShopDataError, match=wanted) as caught:
        desk.run(one.sample.file_name, made(one))
    assert one.sample.file_name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_headings_alone_load_nothing(desk, name):
    one = subject(name)
    report, held = desk.run(one.sample.file_name, as_csv(damages.headings_only(one.sheet)))
    assert (report.rows, report.refused, held) == (0, 0, {})


@pytest.mark.parametrize("name", NAMES)
def test_an_optional_heading_under_another_name_is_unknown_and_named(desk, undamaged, name):
    one = subject(name)
    report, held = desk.run(one.sample.file_name, as_csv(damages.renamed(one.sheet, one.traits.optional, "某列")))
    assert report.reasons == {} and report.loaded == ROWS and held != undamaged[name]
    assert any("某列" in note for note in report.notes)


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_stand_twice_are_duplicates(desk, undamaged, name):
    one = subject(name)
    sheet = damages.rows_twice(one.sheet)
    report, held = desk.run(one.sample.file_name, as_csv(sheet))
    assert (report.loaded, report.duplicates) == (ROWS, ROWS) and held == undamaged[name]
    accounts(report, sheet)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_twice_in_a_zip_counts_once(desk, undamaged, name):
    one = subject(name)
    content = as_csv(one.sheet)
    report, held = desk.run(one.sample.file_name, zipped({"a.csv": content, "a (1).csv": content}))
    assert (report.loaded, report.duplicates, report.total_rows) == (ROWS, ROWS, 2 * one.sheet.total) and held == undamaged[name]


def test_acts_of_users_twice_in_a_zip_count_once(desk):
    """Two equal rows are two acts, but a file that stands twice is one."""
    content = as_csv(paper(SAMPLES["user-behaviour"](ROWS)))
    _, once = desk.run("behaviour.csv", content)
    report, held = desk.run("behaviour.zip", zipped({"a.csv": content, "a (1).csv": content}))
    assert (report.rows, report.duplicates) == (2 * ROWS, ROWS) and held == once


def test_a_hidden_sheet_of_the_same_rows_counts_once(desk, undamaged):
    one = subject("jd-item-traffic")
    report, held = desk.run("商品明细.xlsx", as_xlsx(one.sheet, hidden=one.sheet))
    assert (report.loaded, report.duplicates, report.total_rows) == (ROWS, ROWS, 2) and held == undamaged["jd-item-traffic"]


def refusals(report) -> list[tuple[int, str, str]]:
    return sorted((one.row, one.column, one.reason) for one in report.quarantined)


def every(one: Subject, headings, reason: str) -> list[tuple[int, str, str]]:
    return sorted((one.sheet.number(row), name.strip(), reason) for row in range(ROWS) for name in headings)


@pytest.mark.parametrize("name", named("ids"))
def test_ids_in_scientific_notation_are_refused_each_in_its_place(desk, name):
    one = subject(name)
    report, held = desk.run(one.sample.file_name, as_csv(under(one.sheet, one.traits.ids, damages.scientific)))
    assert refusals(report) == every(one, one.traits.ids, "digits_lost") and held == {}
    accounts(report, one.sheet)


@pytest.mark.parametrize("name", ["taobao-orders", "taobao-order-lines"])
@pytest.mark.parametrize("coat", [as_csv, as_xlsx])
def test_long_ids_with_zeros_for_their_last_digits_are_refused(desk, name, coat):
    """As Excel writes them once told to show all digits. Ids that differ in the digits left would be loaded as other ids otherwise."""
    one = subject(name)
    sheet = under(one.sheet, one.traits.ids, lambda cell: damages.rounded(cell[:12] + cell[-3:] + cell[15:]))
    report, held = desk.run(one.sample.file_name, coat(sheet))
    assert refusals(report) == every(one, one.traits.ids, "digits_lost") and held == {}


@pytest.mark.parametrize("name", ["taobao-orders", "taobao-order-lines"])
def test_long_ids_as_numbers_of_a_workbook_are_refused(desk, name):
    one = subject(name)
    report, held = desk.run(one.sample.file_name, as_xlsx(one.sheet, numbers=one.traits.ids))
    assert refusals(report) == every(one, one.traits.ids, "digits_lost") and held == {}


def test_a_single_long_id_that_ends_in_zeros_is_an_id(desk):
    one = subject("taobao-orders")
    sheet = under(one.sheet, ["订单编号"], lambda cell: cell[:15] + "000" if cell.endswith("001") else cell)
    report, held = desk.run(one.sample.file_name, as_csv(sheet))
    assert report.loaded == ROWS and "202511100000000000" in {row["order_id"] for row in held["orders"]}


@pytest.mark.parametrize("name", ["taobao-service", "sycm-items"])
def test_rates_without_sign_are_refused_each_in_its_place(desk, name):
    rates = {"taobao-service": TRAITS["taobao-service"].rates, "sycm-items": ("商品详情页跳出率",)}[name]
    sample = SAMPLES[name](ROWS)
    one = Subject(sample, paper(sample), Traits("", "", rates=rates))
    report, held = desk.run(sample.file_name, as_csv(under(one.sheet, rates, damages.without_percent)))
    assert refusals(report) == every(one, rates, "ambiguous_rate") and held == {}


def without(held: dict, kind: str, number: int) -> list:
    """The rows of the sample's kind without the `number`th of the file, which stand in the order of their keys."""
    return held[kind][:number] + held[kind][number + 1 :]


@pytest.mark.parametrize("name", NAMES)
def test_a_heading_twice_with_other_cells_refuses_the_rows_that_differ(desk, name):
    one = subject(name)
    column = one.traits.counts[0]
    # the cell of the first row of data alone is another
    changed = damages.heading_twice(one.sheet, column)
    lines = list(changed.lines)
    lines[one.sheet.top + 1] = (*lines[one.sheet.top + 1][:-1], "7")
    report, _ = desk.run(one.sample.file_name, as_csv(Paper(tuple(lines), changed.top, changed.total)))
    assert refusals(report) == [(one.sheet.number(0), column, "columns_disagree")] and report.loaded == ROWS - 1


@pytest.mark.parametrize(("name", "heading"), [
    ("taobao-orders", "订单付款时间 "), ("jd-item-traffic", "时间"), ("pdd-ads", "总花费(元)"), ("taobao-order-lines", "主订单编号"),
])
def test_cells_merged_over_rows_stay_with_the_first(desk, name, heading):
    one = subject(name)
    place, at = one.sheet.place(heading), one.sheet.top + 2
    report, _ = desk.run(one.sample.file_name, as_xlsx(one.sheet, merged=[(at, place, at + 1, place)]))
    assert refusals(report) == [(one.sheet.number(2), heading.strip(), "merged_cell")] and report.loaded == ROWS - 1
    accounts(report, one.sheet)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_with_a_comma_not_quoted_is_refused(desk, name):
    one = subject(name)
    report, _ = desk.run(one.sample.file_name, damages.comma_not_quoted(one.sheet, 1, (*one.traits.money, *one.traits.counts)[0]))
    assert refusals(report) == [(one.sheet.number(1), "", "cells_shifted")] and report.loaded == ROWS - 1


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_breaks_off_in_a_row_says_so(desk, name):
    one = subject(name)
    heading = (*one.traits.money, *one.traits.counts)[0]
    report, _ = desk.run(one.sample.file_name, damages.broken_off(one.sheet, heading))
    last = one.sheet.number(ROWS - 1)
    assert (last, heading, "broken_off") in refusals(report) and {row for row, _, _ in refusals(report)} == {last}
    assert report.loaded == ROWS - 1 and report.rows == ROWS


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("share", "encoding"), list(zip([0.35, 0.5, 0.62, 0.71, 0.83, 0.9, 0.97, 0.995], cycle(["gb18030", "utf-8"]))))
def test_wherever_a_text_is_cut_no_wrong_row_is_loaded_in_silence(desk, undamaged, name, share, encoding):
    one = subject(name)
    content = cut(as_csv(one.sheet, encoding), share)
    try:
        report, held = desk.run(one.sample.file_name, content)
    except ShopDataError as error:
        assert one.sample.file_name in str(error)
        return
    kind = one.sample.kind
    # the latest moment in a file says how much it can know, so a shorter one knows less
    whole = [row | {"facts_as_of": None} for row in undamaged[name][kind]]
    wrong = [row for row in held.get(kind, []) if row | {"facts_as_of": None} not in whole]
    told = [note for note in report.notes if "没有换行" in note]
    assert not wrong or (told and len(wrong) == 1)
    # between two rows nothing shows; the total row, where it is left, does not end the rows
    assert told or report.refused or content.endswith((b"\r", b"\n")) or report.loaded == ROWS


@pytest.mark.parametrize("name", ["jd-item-traffic", "pdd-ads"])
def test_a_wrong_total_is_told_column_by_column(desk, undamaged, name):
    one = subject(name)
    column = one.traits.counts[0]
    sheet = damages.total_row(one.sheet, one.traits.ids[0], "总计", {column: "7"})
    report, held = desk.run(one.sample.file_name, as_csv(sheet))
    summed = sum(int(row[one.sheet.place(column)]) for row in one.sheet.rows)
    [told] = [one for one in report.totals.columns if one["heading"] == column]
    assert (told["stated"], told["summed"], told["difference"]) == (7, summed, 7 - summed)
    assert any(column in note and "相差" in note for note in report.notes) and held == undamaged[name]


@pytest.mark.parametrize("name", NAMES)
def test_sums_without_a_label_are_refused_not_loaded(desk, undamaged, name):
    """A row of sums whose id and day are empty names nothing: it waits in quarantine."""
    one = subject(name)
    sheet = total_added(one, "")
    report, held = desk.run(one.sample.file_name, as_csv(sheet))
    assert {row for row, _, _ in refusals(report)} == {len(sheet.lines)} and held == undamaged[name]
    accounts(report, sheet)


def test_orders_whose_number_has_another_heading_are_told_to_have_none(desk):
    """They are read as an export without numbers: two notes say so, one naming the heading."""
    one = subject("taobao-orders")
    report, held = desk.run(one.sample.file_name, as_csv(damages.renamed(one.sheet, "订单编号", "订单编号新")))
    assert report.loaded == ROWS and all(row["order_id"].startswith("made:") for row in held["orders"])
    assert any("没有订单编号" in note for note in report.notes) and any("订单编号新" in note for note in report.notes)


def test_a_separator_after_every_row_moves_nothing(desk, undamaged):
    one = subject("jd-item-traffic")
    content = as_csv(one.sheet).split(b"\r\n")
    ended = b"\r\n".join([content[0], *(line + b"," if line else line for line in content[1:])])
    report, held = desk.run(one.sample.file_name, ended)
    assert report.reasons == {} and held == undamaged["jd-item-traffic"]


def test_a_remark_beside_the_table_of_a_workbook_moves_nothing(desk, undamaged):
    one = subject("jd-item-traffic")
    lines = list(one.sheet.lines)
    lines[3] = (*lines[3], "", "待核")
    report, held = desk.run(one.sample.file_name, as_xlsx(Paper(tuple(lines), one.sheet.top, one.sheet.total)))
    assert report.reasons == {} and held == undamaged["jd-item-traffic"]
