"""Workbooks: cells where the sheet has them, as texts; what cannot be opened is one sentence."""

import zipfile
from datetime import datetime, time, timedelta

import polars as pl
import pytest
import xlsxwriter

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import EPOCH_1900, EPOCH_1904, package, read_tables, workbook


def made(path, fill, **options):
    with xlsxwriter.Workbook(str(path), options) as book:
        fill(book)
    return path


def refused(path):
    with pytest.raises(ShopDataError) as caught:
        read_tables(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def flat_ods(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>')
        book.writestr("content.xml", (
            '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
            f'<office:body><office:spreadsheet><table:table table:name="页">{content}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>"
        ))
    return path


def test_cells_stand_where_the_sheet_has_them(tmp_path):
    def fill(book):
        sheet = book.add_worksheet("数据")
        sheet.write(4, 2, "x")
        sheet.write(6, 3, 1.5)

    (table,) = read_tables(made(tmp_path / "a.xlsx", fill))
    assert table.sheet == "数据" and table.epoch == EPOCH_1900
    assert table.frame.columns == ["c0", "c1", "c2", "c3"] and set(table.frame.dtypes) == {pl.String}
    blank = (None,) * 4
    assert table.frame.rows() == [blank] * 4 + [(None, None, "x", None), blank, (None, None, None, "1.5")]


def test_every_type_of_cell_is_a_text(tmp_path):
    def fill(book):
        sheet, forms = book.add_worksheet(), {form: book.add_format({"num_format": form}) for form in ("yyyy-mm-dd hh:mm", "[h]:mm", "hh:mm")}
        sheet.write_row(0, 0, ["订单", 3, 0.1, 12345678901234567890, True, False])
        sheet.write_datetime(0, 6, datetime(2026, 11, 11, 20, 0), forms["yyyy-mm-dd hh:mm"])
        sheet.write_datetime(0, 7, timedelta(hours=30), forms["[h]:mm"])
        sheet.write_datetime(0, 8, time(3, 4), forms["hh:mm"])
        sheet.write_formula(0, 9, "=1/0", value="#DIV/0!")
        sheet.write(0, 10, "末")

    (table,) = read_tables(made(tmp_path / "a.xlsx", fill))
    assert table.frame.row(0) == (
        "订单", "3", "0.1", "1.234567890123457e+19", "是", "否", "2026-11-11 20:00:00", "1.25", "03:04:00", None, "末",
    )


@pytest.mark.parametrize(("later", "epoch"), [(False, EPOCH_1900), (True, EPOCH_1904)])
def test_the_calendar_is_told_for_serial_dates(tmp_path, later, epoch):
    (table,) = read_tables(made(tmp_path / "a.xlsx", lambda book: book.add_worksheet().write(0, 0, 45000.25), date_1904=later))
    assert table.epoch == epoch and table.frame.item() == "45000.25"


def test_merged_cells_but_the_first_are_told(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.merge_range(1, 1, 3, 2, "合")
        sheet.merge_range(5, 0, 5, 2, "横")
        sheet.write(5, 3, "end")

    (table,) = read_tables(made(tmp_path / "a.xlsx", fill))
    assert table.frame.item(1, 1) == "合" and table.frame.item(2, 1) is None
    assert table.merged == {1: {2}, 2: {1, 2}, 3: {1, 2}, 5: {1, 2}}


def test_a_merged_area_larger_than_the_data_ends_with_it(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.write(0, 0, "标题")
        sheet.merge_range(1, 0, 1, 1, "合")
        sheet.write(2, 1, "末")

    # the area is widened in the file: xlsxwriter would write each of its cells
    path = made(tmp_path / "a.xlsx", fill)
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).replace(b'ref="A2:B2"', b'ref="A2:XFD1048576"') for name in book.namelist()}
    assert any(b"XFD1048576" in content for content in parts.values())
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert read_tables(path)[0].merged == {1: {1}, 2: {0, 1}}


def test_all_sheets_are_read_the_hidden_ones_too(tmp_path):
    def fill(book):
        book.add_worksheet("空")
        hidden = book.add_worksheet("藏")
        hidden.write(0, 0, 1)
        hidden.hide()

    empty, hidden = read_tables(made(tmp_path / "a.xlsx", fill))
    assert (empty.sheet, empty.frame.height, hidden.sheet, hidden.frame.rows()) == ("空", 0, "藏", [("1",)])


def test_an_open_document(tmp_path):
    path = flat_ods(tmp_path / "a.ods", (
        '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
        '<table:table-row><table:table-cell/><table:table-cell office:value-type="string"><text:p>订单</text:p></table:table-cell>'
        '<table:table-cell office:value-type="float" office:value="3"/></table:table-row>'
    ))
    (table,) = read_tables(path)
    assert table.sheet == "页" and table.frame.rows()[2] == (None, "订单", "3")


def test_two_cells_in_opposite_corners_of_a_sheet(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.write(0, 0, 1)
        sheet.write(1_048_575, 16_383, 1)

    assert "memory" in refused(made(tmp_path / "a.xlsx", fill))


def test_too_many_cells(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.write(0, 0, 1)
        sheet.write(1_000_000, 60, 1)

    assert "50,000,000 cells" in refused(made(tmp_path / "a.xlsx", fill))


def test_a_cell_repeated_without_end(tmp_path):
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="3"/>'
    assert refused(flat_ods(tmp_path / "a.ods", f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'))


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(package, "MOST_UNPACKED", 2**20)
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", bytes(2**21))
    assert "unpacks to more than" in refused(path)


def test_a_workbook_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "_MOST_BYTES", 1000)
    assert "MiB" in refused(made(tmp_path / "a.xlsx", lambda book: book.add_worksheet()))


def test_a_workbook_that_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "_MOST_SECONDS", 0)
    assert "minutes" in refused(made(tmp_path / "a.xlsx", lambda book: book.add_worksheet()))


def test_a_cell_too_long(tmp_path):
    cell = f"<table:table-cell office:value-type='string'><text:p>{'好' * 100_001}</text:p></table:table-cell>"
    path = flat_ods(tmp_path / "a.ods", f"<table:table-row>{cell}</table:table-row>")
    assert "row 1 of sheet 页" in refused(path)


def test_a_part_whose_bytes_changed(tmp_path):
    path = made(tmp_path / "a.xlsx", lambda book: book.add_worksheet().write(0, 0, "订单" * 50))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        assert read_tables(path)
    except ShopDataError as error:
        assert "damaged" in str(error)


def test_an_empty_compound_file(tmp_path):
    path = tmp_path / "a.xls"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000))
    assert "damaged" in refused(path)


def test_a_chart_does_no_harm(tmp_path):
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx")) as book:
        book.add_worksheet("数据").write_row(0, 0, ["日期", "1"])
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=数据!$B$1:$B$1"})
        book.add_chartsheet("图").set_chart(chart)
    first, *others = read_tables(tmp_path / "a.xlsx")
    assert (first.sheet, first.frame.rows()) == ("数据", [("日期", "1")])
    assert all(other.frame.is_empty() for other in others)
