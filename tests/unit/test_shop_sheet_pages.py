"""Web pages and XML workbooks sent under the name .xls."""

import pytest

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import EPOCH_1904, read_tables


def read(tmp_path, content):
    path = tmp_path / "a.xls"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_tables(path)


def refused(tmp_path, content):
    with pytest.raises(ShopDataError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert "a.xls" in message and "\n" not in message
    return message


def page(rows, head=""):
    return f"<html><head>{head}</head><body><table>{rows}</table></body></html>"


@pytest.mark.parametrize("wrapper", ["{}", "<!DOCTYPE html>\n{}", "\ufeff \n{}", "<?xml version='1.0'?>{}", "<!-- 导出 -->{}"])
def test_a_page_with_one_table(tmp_path, wrapper):
    rows = "<thead><tr><th>订单编号<th>总金额</thead><tbody><tr><td>1<td>&yen;2&nbsp;&amp;&#20803;</tbody>"
    (table,) = read(tmp_path, wrapper.format(page(rows)))
    assert table.sheet == "" and table.frame.rows() == [("订单编号", "总金额"), ("1", "¥2\xa0&元")]


@pytest.mark.parametrize(("charset", "encoding"), [
    ("gb2312", "gb18030"), ("GBK", "gb18030"), ("utf-8", "utf-8"), ("utf-8", "gb18030"), ("gb2312", "utf-8"),
    ("unicode", "utf-16"), ("x", "utf-16-le"),
])
def test_the_charset_a_page_names_is_tried_not_trusted(tmp_path, charset, encoding):
    content = page("<tr><td>订单编号</td></tr>", f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">').encode(encoding)
    if (charset, encoding) != ("gb2312", "utf-8"):
        assert read(tmp_path, content)[0].frame.item() == "订单编号"
    else:
        assert read(tmp_path, content)[0].frame.height == 1


def test_texts_are_those_a_browser_shows(tmp_path):
    cells = "<td> a\n <b>b</b>c<br>d &nbsp; </td><td><script>x</script><style>y</style><!-- z --><span>e</span></td><td>&nbsp;</td><td>f</td>"
    assert read(tmp_path, page(f"<tr>{cells}</tr>"))[0].frame.row(0) == ("a bc\nd", "e", None, "f")


def test_spanning_cells(tmp_path):
    rows = "<tr><td rowspan=2>a<td colspan=2>b<td>c</tr><tr><td>d<td>e<td rowspan=9>f</tr><tr><td>g</tr>"
    (table,) = read(tmp_path, page(rows))
    assert table.frame.rows() == [("a", "b", None, "c"), (None, "d", "e", "f"), ("g", None, None, None)]
    assert table.merged == {0: {2}, 1: {0}, 2: {3}}


def test_blank_rows_stay(tmp_path):
    assert read(tmp_path, page("<tr></tr><tr><td>a</tr>"))[0].frame.rows() == [(None,), ("a",)]


def test_several_tables_and_one_inside_another(tmp_path):
    tables = read(tmp_path, "<table><tr><td>外<table><tr><td>内</table></table><table><tr><td>后</table><table></table>")
    assert [(table.sheet, table.frame.rows()) for table in tables] == [("表1", [("外",)]), ("表2", [("内",)]), ("表3", [("后",)])]


def test_a_page_without_a_table(tmp_path):
    assert "without a table (perhaps a login page)" in refused(tmp_path, "<html><body><form>登录</form></body></html>")


def test_a_page_too_deep(tmp_path):
    assert "web page" in refused(tmp_path, "<html>" + "<div>" * 100_000 + "<table><tr><td>a")


def test_cells_too_wide_together(tmp_path):
    assert "columns" in refused(tmp_path, page("<tr>" + "<td colspan=1000>a" * 20 + "</tr>"))


def test_a_page_fetches_nothing(tmp_path):
    content = "<!DOCTYPE html SYSTEM 'http://127.0.0.1:9/a.dtd' [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><table><tr><td>&e;</td></tr></table>"
    assert all("hostname" not in (cell or "") for table in read(tmp_path, content) for row in table.frame.rows() for cell in row)


def xml(sheet, head=""):
    return (
        f'<?xml version="1.0"?>{head}<?mso-application progid="Excel.Sheet"?>'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet" '
        f'xmlns:x="urn:schemas-microsoft-com:office:excel"><Worksheet ss:Name="数据"><Table>{sheet}</Table></Worksheet></Workbook>'
    )


def cell(text, kind="String", **attributes):
    places = "".join(f' ss:{name}="{value}"' for name, value in attributes.items())
    return f'<Cell{places}><Data ss:Type="{kind}">{text}</Data></Cell>'


def test_an_xml_workbook(tmp_path):
    rows = f"<Row>{cell('编号')}{cell('时间')}</Row><Row ss:Index='4'>{cell('1', Index=2)}{cell('2026-11-11T20:00:00.000', 'DateTime', Index=4)}</Row>"
    (table,) = read(tmp_path, xml(rows))
    assert table.sheet == "数据" and not table.merged
    blank = (None,) * 4
    assert table.frame.rows() == [("编号", "时间", None, None), blank, blank, (None, "1", None, "2026-11-11 20:00:00")]


def test_types_of_an_xml_workbook(tmp_path):
    cells = cell("1", "Boolean") + cell("0", "Boolean") + cell("1.23E+18", "Number") + cell("#N/A", "Error")
    cells += cell("a<B xmlns='x'>b</B>") + cell("&lt;&#10;")
    assert read(tmp_path, xml(f"<Row>{cells}</Row>"))[0].frame.row(0) == ("是", "否", "1.23E+18", None, "ab", "<\n")


def test_merged_cells_of_an_xml_workbook(tmp_path):
    rows = f"<Row>{cell('a', MergeAcross=1, MergeDown=1)}{cell('b')}</Row><Row>{cell('c', Index=3)}</Row><Row ss:Span='1'/><Row>{cell('d')}</Row>"
    (table,) = read(tmp_path, xml(rows))
    assert table.frame.rows() == [("a", None, "b"), (None, None, "c"), (None,) * 3, (None,) * 3, ("d", None, None)]
    assert table.merged == {0: {1}, 1: {0, 1}}


def test_an_xml_workbook_of_1904(tmp_path):
    content = xml(f"<Row>{cell('1')}</Row>").replace("<Worksheet", "<x:ExcelWorkbook><x:Date1904/></x:ExcelWorkbook><Worksheet", 1)
    assert read(tmp_path, content)[0].epoch == EPOCH_1904


def test_an_xml_workbook_in_gb2312(tmp_path):
    content = xml(f"<Row>{cell('订单')}</Row>").replace('version="1.0"', 'version="1.0" encoding="gb2312"').encode("gb18030")
    assert read(tmp_path, content)[0].frame.item() == "订单"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_entity_bomb(tmp_path, encoding):
    head = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert "entities" in refused(tmp_path, xml(f"<Row>{cell('&b;')}</Row>", head).encode(encoding))


def test_an_xml_workbook_cut_short(tmp_path):
    assert "cut short at line 1" in refused(tmp_path, xml(f"<Row>{cell('a')}</Row>" * 99)[:-500])


@pytest.mark.parametrize("rows", ["<Row ss:Index='0'/>", "<Row ss:Index='x'/>", "<Row/><Row/><Row ss:Index='1'/>"])
def test_an_xml_workbook_with_impossible_places(tmp_path, rows):
    assert "damaged" in refused(tmp_path, xml(rows))


@pytest.mark.parametrize(("rows", "what"), [
    ("<Row ss:Index='9999999'/>", "rows"), (f"<Row>{cell('a', Index=20000)}</Row>", "columns"),
    (f"<Row>{cell('a', MergeAcross=20000)}</Row>", "columns"),
])
def test_an_xml_workbook_too_large(tmp_path, rows, what):
    assert what in refused(tmp_path, xml(rows))
