"""Refused rows: kept with their place and reason, written to a workbook, mended, imported again."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from ecops.shop.imports import import_file
from ecops.shop.lake import Lake
from ecops.shop.quarantine import workbook

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = ["订单编号", "买家会员名", "总金额", "买家实际支付金额", "订单状态", "收货人姓名", "收货地址", "联系手机", "订单创建时间", "订单付款时间", "备注"]
GOOD = ["1001", "小明", "100", "100", "交易成功", "王小明", "浙江省 杭州市 西湖区 文三路 1 号", "'13912345678", "2025-11-11 00:00:01", "2025-11-11 00:00:09", ""]
BAD = ["1002", "小红", "一百", "100", "交易成功", "李小红", "上海 上海市 静安区 南京路 2 号", "'13812345678", "2025-11-11 00:00:02", "2025-11-11 00:00:09", "请打13712345678"]
PERSONS = ("小明", "小红", "王小明", "李小红", "文三路", "南京路", "13912345678", "13812345678", "13712345678")


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def csv_file(path, rows):
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    return path


def sheets(path):
    book = CalamineWorkbook.from_path(str(path))
    return [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]


def mend(path, change):
    """The workbook as an operator saves it, cells changed by `change(row)`."""
    pages = sheets(path)
    with xlsxwriter.Workbook(str(path)) as book:
        for rows in pages:
            page = book.add_worksheet()
            for number, row in enumerate(rows):
                page.write_row(number, 0, row if not number else change(dict(zip(rows[0], row, strict=True))).values())
    return path


def test_mended_rows_take_the_place_of_refused_ones(lake, tmp_path):
    [first] = import_file(lake, csv_file(tmp_path / "a.csv", [HEAD, GOOD, BAD]), "s", NOW)
    assert (first.loaded, first.refused, first.reasons) == (1, 1, {"not_money": 1})
    assert workbook(lake.quarantined("s"), tmp_path / "mend.xlsx") == 1
    path = mend(tmp_path / "mend.xlsx", lambda row: row | {"总金额": "100"})
    [again] = import_file(lake, path, "s", NOW + timedelta(hours=1))
    assert (again.loaded, again.refused) == (1, 0)
    assert lake.quarantined("s").is_empty()
    orders = lake.everything("orders", ["s"]).collect()
    assert sorted(orders["order_id"]) == ["1001", "1002"]


def test_a_row_mended_wrongly_waits_once_under_its_new_reason(lake, tmp_path):
    import_file(lake, csv_file(tmp_path / "a.csv", [HEAD, BAD]), "s", NOW)
    workbook(lake.quarantined("s"), tmp_path / "mend.xlsx")
    path = mend(tmp_path / "mend.xlsx", lambda row: row | {"总金额": "-5"})
    [again] = import_file(lake, path, "s", NOW + timedelta(hours=1))
    assert again.reasons == {"negative": 1}
    assert lake.quarantined("s").select("file", "reason").rows() == [("mend.xlsx", "negative")]


def test_the_hash_of_a_buyer_survives_the_way_through_the_workbook(lake, tmp_path):
    import_file(lake, csv_file(tmp_path / "a.csv", [HEAD, [*GOOD[:1], "小红", *GOOD[2:]], BAD]), "s", NOW)
    workbook(lake.quarantined("s"), tmp_path / "mend.xlsx")
    import_file(lake, mend(tmp_path / "mend.xlsx", lambda row: row | {"总金额": "100"}), "s", NOW)
    orders = lake.everything("orders", ["s"]).collect()
    assert len(orders) == 2 and orders["buyer_id"].n_unique() == 1


def test_neither_the_quarantine_nor_its_workbook_names_a_person(lake, tmp_path):
    import_file(lake, csv_file(tmp_path / "a.csv", [HEAD, GOOD, BAD]), "s", NOW)
    workbook(lake.quarantined("s"), tmp_path / "mend.xlsx")
    told = str(lake.quarantined("s").rows()) + str(sheets(tmp_path / "mend.xlsx")) + str(lake.everything("orders", ["s"]).collect().rows())
    assert [person for person in PERSONS if person in told] == []


def test_each_place_is_told(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", [["说明"], HEAD, GOOD, ["", *BAD[1:]], [*BAD[:8], "昨天", *BAD[9:]]])
    import_file(lake, path, "s", NOW)
    places = lake.quarantined("s").select("file", "row", "column", "value", "reason").rows()
    assert places == [("a.csv", 4, "总金额", "一百", "not_money"), ("a.csv", 4, "订单编号", "", "no_order"), ("a.csv", 5, "总金额", "一百", "not_money"), ("a.csv", 5, "订单创建时间", "昨天", "not_a_date")]
    assert all(json.loads(raw)["总金额"] == "一百" for raw in lake.quarantined("s")["raw"])


def test_rows_of_many_files_and_sheets_fill_one_sheet_each(lake, tmp_path):
    for name in ("a.csv", "b[1]:x.csv"):
        import_file(lake, csv_file(tmp_path / name, [HEAD, [name, *BAD[1:]]]), "s", NOW)
    assert workbook(lake.quarantined("s"), tmp_path / "mend.xlsx") == 2
    pages = sheets(tmp_path / "mend.xlsx")
    assert [page[1][0] for page in pages] == ["a.csv", "b[1]:x.csv"]
    assert all(page[0][-2:] == ["隔离原因", "隔离标记"] and "not an amount" in page[1][-2] for page in pages)


def test_the_same_bad_file_again_adds_no_row(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", [HEAD, BAD])
    import_file(lake, path, "s", NOW)
    version = lake.version("quarantine")
    import_file(lake, path, "s", NOW + timedelta(days=1))
    assert lake.version("quarantine") == version
    assert isinstance(lake.quarantined("s"), pl.DataFrame) and len(lake.quarantined("s")) == 1


def told_of(lake, tmp_path, reports):
    """All that an import leaves for people to read."""
    workbook(lake.quarantined("s"), tmp_path / "mend.xlsx")
    return json.dumps([one.to_json() for one in reports], ensure_ascii=False) + str(lake.quarantined("s").rows()) + str(sheets(tmp_path / "mend.xlsx"))


def test_cells_under_headings_we_do_not_know_are_hidden(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", [[*HEAD, "神秘列", "另一列"], [*BAD, "李小红", "330102199001011234"]])
    told = told_of(lake, tmp_path, import_file(lake, path, "s", NOW))
    assert "一百" in told and not [text for text in ("小红", "330102199001011234") if text in told]


@pytest.mark.parametrize("before", [("0571-87651234", "330102199001011234"), ("", "")])
def test_a_row_that_has_moved_under_its_headings_names_nobody(lake, tmp_path, before):
    moved = [*before, *GOOD[:-2]]
    told = told_of(lake, tmp_path, import_file(lake, csv_file(tmp_path / "a.csv", [HEAD, moved]), "s", NOW))
    assert [text for text in (*PERSONS, "0571-87651234", "330102199001011234") if text in told] == []


def test_mail_addresses_and_landlines_are_cut_out_wherever_they_stand(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", [HEAD, [*BAD[:2], "x@y.cn 0571-87651234", *BAD[3:]]])
    told = told_of(lake, tmp_path, import_file(lake, path, "s", NOW))
    assert "x@y.cn" not in told and "87651234" not in told and "*********** ***********" in told
