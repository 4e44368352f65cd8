"""Files that are not what they seem: each is answered with one sentence."""

import os
import zipfile

import pytest
import xlsxwriter

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import read_tables


def workbook(path, rows, **options):
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("数据")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


def refused(path):
    with pytest.raises(ShopDataError) as caught:
        read_tables(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def test_an_empty_file(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    assert "empty" in refused(path)


@pytest.mark.parametrize(("magic", "what"), [
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff\xe0", "JPEG"), (b"%PDF-1.7", "PDF"), (b"Rar!\x1a\x07", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gzip"), (b"BM\x36\x00", "BMP"), (b"MIME-Version: 1.0", "web archive"),
])
def test_a_stranger_renamed(tmp_path, magic, what):
    path = tmp_path / "a.xlsx"
    path.write_bytes(magic + bytes(100))
    assert what in refused(path)


@pytest.mark.parametrize(("part", "what"), [("word/document.xml", "Word"), ("ppt/presentation.xml", "presentation")])
def test_an_office_document_that_is_no_workbook(tmp_path, part, what):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("[Content_Types].xml", "<x/>")
        package.writestr(part, "<x/>")
    assert what in refused(path)


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(tmp_path, seed):
    import random

    path = tmp_path / "a.csv"
    path.write_bytes(b"\x01" + random.Random(seed).randbytes(4096))
    refused(path)


def test_a_folder(tmp_path):
    assert "folder" in refused(tmp_path)


def test_a_missing_file(tmp_path):
    assert "there is no file" in refused(tmp_path / "a.csv")


def test_a_login_page_instead_of_a_table(tmp_path):
    path = tmp_path / "a.xls"
    path.write_text("<!DOCTYPE html><html><title>登录</title><body><form>密码</form></body></html>")
    assert "login page" in refused(path)


def test_a_workbook_cut_short(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["订单编号", n] for n in range(500)])
    path.write_bytes(path.read_bytes()[:-2000])
    assert "damaged" in refused(path)


@pytest.mark.parametrize("position", [40, 200, 900, 2500])
def test_a_workbook_with_damaged_bytes(tmp_path, position):
    path = workbook(tmp_path / "a.xlsx", [["订单编号", n] for n in range(500)])
    content = bytearray(path.read_bytes())
    content[position : position + 30] = os.urandom(30)
    path.write_bytes(content)
    try:
        read_tables(path)
    except ShopDataError as error:
        assert path.name in str(error)


def test_a_zip_that_is_no_workbook(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("a.md", "hello")
    assert "zip archive" in refused(path)


def test_a_workbook_with_a_password(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))
    assert "password" in refused(path)


def test_a_cell_without_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("订单编号,总金额\n1," + "9" * 120_000)
    assert "100,000" in refused(path)


def test_an_endless_quoted_cell(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('订单编号,总金额\n1,"' + "9," * 200_000)
    assert "CSV" in refused(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_texts_of_all_usual_encodings(tmp_path, encoding, delimiter):
    path = tmp_path / "a.xls"
    path.write_bytes(f"订单编号{delimiter}总金额\r\n1{delimiter}元".encode(encoding))
    assert read_tables(path)[0].frame.rows() == [("订单编号", "总金额"), ("1", "元")]


def test_commas_inside_texts_do_not_make_a_tab_file_a_comma_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("商品ID\t商品名称\n" + "".join(f"{n}\t{'好,' * (n + 3)}\n" for n in range(9)))
    assert read_tables(path)[0].frame.shape == (10, 2)


def test_both_calendars_of_excel(tmp_path):
    from datetime import date

    for flag in (False, True):
        path = tmp_path / f"{flag}.xlsx"
        with xlsxwriter.Workbook(str(path), {"date_1904": flag}) as book:
            book.add_worksheet("a").write_datetime(0, 0, date(2019, 1, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
        assert read_tables(path)[0].frame.item(0, 0).startswith("2019-01-02")


def test_rows_keep_the_numbers_of_the_sheet(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("a").write(4, 2, "x")
    assert read_tables(path)[0].frame.item(4, 2) == "x"
