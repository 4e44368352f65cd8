"""Sheets as files of every format we read, whole or with some bytes changed."""

import csv
import html
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter
from hypothesis import strategies as st

from tests.fuzz.sheets import Sheet, mapped, samples, tables

# What XML can hold; other characters are no cell of a workbook or a page.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be")
_NAMES = ("a.csv", "报表 2025-11-10.xls", "[1] a%20(2).xlsx", "日期2025-02-30.txt", "x", "🎉.zip")
_SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"


@dataclass(frozen=True)
class File:
    """`content` holds `sheets` by the names a reader gives them; none where bytes were changed and nobody can say what is in it."""

    name: str
    content: bytes = field(repr=False)
    sheets: Mapping[str, Sheet]
    form: str
    kind: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)


def xml_safe(sheet: Sheet) -> Sheet:
    """The sheet with only such characters as XML can hold, and line ends as XML reads them."""
    lines = (tuple(_NOT_XML.sub("", cell).replace("\r\n", "\n").replace("\r", "\n") for cell in line) for line in sheet.lines)
    return Sheet(tuple(lines), sheet.at, sheet.totals)


@st.composite
def delimited(draw: st.DrawFn, sheet: Sheet) -> tuple[bytes, Mapping[str, Sheet]]:
    """Delimited text of any kind."""
    mark, end = draw(st.sampled_from(",\t;|")), draw(st.sampled_from(("\r\n", "\n", "\r")))
    everything = draw(st.booleans())
    text = io.StringIO(newline="")
    for line in sheet.lines:
        quoted = everything or any(char in cell for cell in line for char in "\r\n")
        csv.writer(text, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerow(line)
    told = f"sep={mark}{end}" if draw(st.integers(0, 5)) == 0 else ""
    encoding = draw(st.sampled_from(_ENCODINGS))
    return (told + text.getvalue()).encode(encoding, "replace"), {"": sheet}


@st.composite
def pages(draw: st.DrawFn, sheet: Sheet) -> tuple[bytes, Mapping[str, Sheet]]:
    """A web page."""
    sheet = xml_safe(sheet)
    lines = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in sheet.lines)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    charset = draw(st.sampled_from(("utf-8", "gb18030", "gbk")))
    head = f'<meta charset="{charset}">' if draw(st.booleans()) else ""
    encoding = "gb18030" if charset != "utf-8" and head else draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16")))
    return f"<html><head>{head}</head><body><table>{body}</table></body></html>".encode(encoding), {"": sheet}


@st.composite
def spreadsheetml(draw: st.DrawFn, sheet: Sheet) -> tuple[bytes, Mapping[str, Sheet]]:
    """A workbook that is one XML file."""
    sheet = xml_safe(sheet)
    rows = ("".join(f'<Cell><Data ss:Type="String">{escape(cell)}</Data></Cell>' for cell in line) for line in sheet.lines)
    table = "".join(f"<Row>{row}</Row>" for row in rows)
    text = f'<Workbook xmlns="{_SPREADSHEET}" xmlns:ss="{_SPREADSHEET}"><Worksheet ss:Name="一"><Table>{table}</Table></Worksheet></Workbook>'
    return ('<?xml version="1.0"?>' + text).encode(draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16")))), {"一": sheet}


def opendocument(sheet: Sheet) -> st.SearchStrategy[tuple[bytes, Mapping[str, Sheet]]]:
    """An .ods."""
    sheet = xml_safe(sheet)
    name = "urn:oasis:names:tc:opendocument:xmlns"
    cell = "<table:table-cell office:value-type={}><text:p>{}</text:p></table:table-cell>"
    rows = ("".join(cell.format(quoteattr("string"), escape(text)) if text else "<table:table-cell/>" for text in line) for line in sheet.lines)
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    content = (
        f'<office:document-content xmlns:office="{name}:office:1.0" xmlns:table="{name}:table:1.0" xmlns:text="{name}:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="页">{table}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = f'<manifest:manifest xmlns:manifest="{name}:manifest:1.0"/>'
    book = packed({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "META-INF/manifest.xml": manifest, "content.xml": content})
    return st.just((book, {"页": sheet}))


@st.composite
def workbooks(draw: st.DrawFn, sheet: Sheet) -> tuple[bytes, Mapping[str, Sheet]]:
    """An .xlsx of one sheet or two; numbers as texts or as numbers."""
    pages = {"Sheet1": xml_safe(sheet)} | ({"二 [:x".replace("[:", ""): xml_safe(draw(samples()))} if draw(st.integers(0, 3)) == 0 else {})
    content, numbers = io.BytesIO(), draw(st.booleans())
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        for name, some in pages.items():
            page = book.add_worksheet(name)
            for at, line in enumerate(some.lines):
                for column, cell in enumerate(line):
                    if numbers and re.fullmatch(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,2})?", cell):
                        page.write_number(at, column, float(cell))
                    else:
                        page.write_string(at, column, cell)
    return content.getvalue(), pages


def packed(members: Mapping[str, bytes | str]) -> bytes:
    """A zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


FORMS: dict[str, Callable[[Sheet], st.SearchStrategy]] = {
    "text": delimited, "page": pages, "xml": spreadsheetml, "ods": opendocument, "xlsx": workbooks,
}
# Texts cost the least, so most files are texts.
_OFTEN = ("text", "text", "text", "text", "page", "xml", "xml", "xlsx", "ods")


@st.composite
def whole(draw: st.DrawFn, forms: Sequence[str] = _OFTEN) -> File:
    """A file as somebody might write it."""
    form = draw(st.sampled_from(forms))
    content, found = draw(FORMS[form](draw(st.one_of(samples(), samples(), tables()))))
    return File(draw(st.sampled_from(_NAMES)), content, found, form)


@st.composite
def mappings(draw: st.DrawFn, forms: Sequence[str] = _OFTEN) -> File:
    """A file under headings that somebody explains."""
    sheet, kind, columns = draw(mapped())
    form = draw(st.sampled_from(forms))
    content, found = draw(FORMS[form](sheet))
    return File(draw(st.sampled_from(_NAMES)), content, found, form, kind, columns)


@st.composite
def zips(draw: st.DrawFn, forms: Sequence[str] = _OFTEN) -> File:
    """A zip of such files."""
    members = draw(st.lists(whole(forms), min_size=1, max_size=3))
    names = [f"{number}/甲{number}.{'csv' if member.form == 'text' else 'xls'}" for number, member in enumerate(members)]
    sheets = {
        _placed(name, sheet, len(members)): lines for name, member in zip(names, members, strict=True) for sheet, lines in member.sheets.items()
    }
    content = packed({name: member.content for name, member in zip(names, members, strict=True)})
    return File(draw(st.sampled_from(_NAMES)), content, sheets, "zip of " + ", ".join(member.form for member in members))


def _placed(name: str, sheet: str, number: int) -> str:
    return sheet if number == 1 else f"{name}/{sheet}" if sheet else name


@st.composite
def broken(draw: st.DrawFn, forms: Sequence[str] = _OFTEN) -> File:
    """A file of which some bytes are others, more or fewer."""
    file = draw(st.one_of(whole(forms), zips(forms)))
    content = bytearray(file.content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("cut", "flip", "splice", "drop", "again"))):
            case "cut" if at > len(content) // 2:
                del content[at:]
            case "flip" if at < len(content):
                content[at] ^= draw(st.integers(1, 255))
            case "splice":
                content[at:at] = draw(st.binary(max_size=8) | st.sampled_from((b'"', b"<", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\r", b",", b"&#xD800;")))
            case "drop":
                del content[at : at + draw(st.integers(1, 40))]
            case "again":
                content[at:at] = content[at : at + draw(st.integers(1, 400))]
    return File(file.name, bytes(content), {}, f"broken {file.form}")


def files(forms: Sequence[str] = _OFTEN) -> st.SearchStrategy[File]:
    """Any of them."""
    return st.one_of(whole(forms), whole(forms), whole(forms), mappings(forms), zips(forms), broken(forms))
