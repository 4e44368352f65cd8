"""Whatever the bytes: tables, or one sentence. Nothing else escapes."""

import gzip
import io
import zipfile

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import read_tables


def workbook(**options):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, **options}) as book:
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, ["订单编号", "总金额", 3.5, True])
        sheet.merge_range(1, 0, 2, 1, "合")
    return content.getvalue()


def zipped(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


CSV = '订单编号,总金额\r\n="1","2,0"\r\n"a\nb",\r\n'
PAGE = '<html><meta charset="gbk"><table><tr><td rowspan="2">订单<br>a</td><td colspan="3">&amp;</td></tr><tr><td>1</td></tr></table></html>'
XML = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
    '<Worksheet ss:Name="a"><Table><Row ss:Index="2"><Cell ss:Index="2" ss:MergeAcross="1" ss:MergeDown="2"><Data ss:Type="String">订单</Data></Cell>'
    '<Cell><Data ss:Type="DateTime">2026-11-11T00:00:00.000</Data></Cell></Row></Table></Worksheet></Workbook>'
)
MARKS = [b'"', b"<", b"\0", b"\xff\xfe", b"<table>", b"&#0;", b"&#xD800;", b"\r"]
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
QUICK = [
    CSV.encode(), CSV.encode("gb18030"), CSV.encode("utf-16"), ("sep=;\n" + CSV).encode("utf-8-sig"), PAGE.encode("gb18030"), PAGE.encode("utf-16"),
    XML.encode(), XML.encode("utf-16"), zipped({"a.csv": CSV, "订单/b.xls": PAGE}), gzip.compress(b"{}"), b"%PDF-1.7", b"\x89PNG",
]
# each of these starts a process to open it, so fewer are tried
SLOW = [workbook(), zipped({"a.xlsx": workbook(), "b.csv": CSV}), OLE + bytes(504) + b"\xfe\xff\xff\xff" * 128]


@st.composite
def mutated(draw, contents):
    content = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["cut", "flip", "splice", "drop"])):
            case "cut":
                del content[at:]
            case "flip" if at < len(content):
                content[at] ^= draw(st.integers(1, 255))
            case "splice":
                content[at:at] = draw(st.binary(max_size=8) | st.sampled_from(MARKS))
            case "drop":
                del content[at : at + draw(st.integers(1, 40))]
    return bytes(content)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "a.xls"


def read_or_refused(path, content):
    path.write_bytes(content)
    try:
        found = read_tables(path)
    except ShopDataError as error:
        assert "a.xls" in str(error) and "\n" not in str(error)
        return
    for table in found:
        frame = table.frame
        assert frame.columns == [f"c{index}" for index in range(frame.width)] and set(frame.dtypes) <= {pl.String}
        assert all(0 <= row < frame.height and max(columns) < frame.width for row, columns in table.merged.items())
        assert not any("\0" in cell for row in frame.rows() for cell in row if cell)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes(path, content):
    read_or_refused(path, content)


@settings(max_examples=600, deadline=None)
@given(content=mutated(QUICK))
def test_changed_texts_pages_and_zips(path, content):
    read_or_refused(path, content)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=mutated(SLOW))
def test_changed_workbooks(path, content):
    read_or_refused(path, content)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(part=st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"]), data=st.data())
def test_workbooks_whose_parts_changed_before_they_were_packed(path, part, data):
    with zipfile.ZipFile(io.BytesIO(workbook())) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    read_or_refused(path, zipped({**parts, part: data.draw(mutated([parts[part]]))}))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=2000))
def test_random_bytes_in_a_compound_file(path, content):
    read_or_refused(path, OLE + content)
