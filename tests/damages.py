"""What happens to exports on their way to us: functions that damage a file, and the writers that put a damaged sheet into bytes.

A `Paper` is a sheet of texts with its headings' place. Damages of papers give another paper, damages of bytes other bytes; nothing is
random, so that a test can say what must come out. What a column is, a test tells: `Traits` names headings by what stands under them.
"""

import csv
import html
import io
import random
import re
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import xlsxwriter

from tests.exports import Sample

Line = tuple[str, ...]
Change = Callable[[str], str]
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?)?")
_DAYS = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}


@dataclass(frozen=True)
class Paper:
    """`lines` of texts; the headings are line `top` (from 0); the last line is a total row where `total`."""

    lines: tuple[Line, ...]
    top: int = 0
    total: bool = False

    @property
    def headings(self) -> Line:
        """The heading row."""
        return self.lines[self.top]

    @property
    def rows(self) -> tuple[Line, ...]:
        """The rows of data."""
        return self.lines[self.top + 1 : len(self.lines) - self.total]

    @property
    def above(self) -> tuple[Line, ...]:
        """All to the headings, these included."""
        return self.lines[: self.top + 1]

    @property
    def last(self) -> tuple[Line, ...]:
        """The total row, if there is one."""
        return self.lines[len(self.lines) - self.total :]

    def place(self, heading: str) -> int:
        """The column under `heading`, written as in the file."""
        return self.headings.index(heading)

    def number(self, row: int) -> int:
        """The number a spreadsheet gives the `row` (from 0) of data."""
        return self.top + 2 + row


@dataclass(frozen=True)
class Traits:
    """Headings of a file by what stands under them; `required`: without it the export is not known, `optional`: without it it is."""

    required: str
    optional: str
    ids: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    money: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    rates: tuple[str, ...] = ()


def turns(damages: Iterable[str], names: Sequence[str], each: int) -> list[tuple[str, str]]:
    """Pairs of a damage and a name: every damage with `each` of the names, which take turns."""
    return [(damage, names[(number * each + more) % len(names)]) for number, damage in enumerate(damages) for more in range(each)]


def paper(sample: Sample) -> Paper:
    """The sample as a sheet."""
    width = len(sample.headings)
    lines = tuple(tuple(line) + ("",) * (width - len(line)) for line in sample.lines)
    return Paper(lines, len(sample.notes), sample.total_row is not None)


def plain(cell: str) -> str:
    """A cell without the wrappings of exports."""
    return re.sub(r'^="(.*)"$', r"\1", cell.strip()).lstrip("'")


def _below(sheet: Paper, rows: Iterable[Line], last: Iterable[Line] | None = None) -> Paper:
    return replace(sheet, lines=(*sheet.above, *rows, *(sheet.last if last is None else last)))


def _every(sheet: Paper, change: Callable[[Line], Line]) -> Paper:
    """Each line from the headings on, changed."""
    return replace(sheet, lines=(*sheet.lines[: sheet.top], *map(change, sheet.lines[sheet.top :])))


def under(sheet: Paper, headings: Collection[str], change: Change, total: bool = False) -> Paper:
    """Each filled cell under `headings` changed; in the total row too where `total`."""
    places = {sheet.place(name) for name in headings}

    def changed(line: Line) -> Line:
        return tuple(change(plain(cell)) if place in places and plain(cell) else cell for place, cell in enumerate(line))

    return _below(sheet, map(changed, sheet.rows), map(changed, sheet.last) if total else None)


# The order and names of columns


def shuffled_columns(sheet: Paper) -> Paper:
    """Columns in another order."""
    order = random.Random(7).sample(range(len(sheet.headings)), len(sheet.headings))
    return _every(sheet, lambda line: tuple(line[place] for place in order))


def appended_columns(sheet: Paper) -> Paper:
    """Two columns of the operator's own at the right."""
    made = replace(sheet, lines=(*sheet.above[:-1], (*sheet.headings, "谁核对", "备用一"), *((*line, "已核", "1") for line in sheet.rows), *sheet.last))
    return _padded(made)


def _padded(sheet: Paper) -> Paper:
    width = max(map(len, sheet.lines))
    return replace(sheet, lines=tuple(line + ("",) * (width - len(line)) for line in sheet.lines))


def renamed(sheet: Paper, old: str, new: str) -> Paper:
    """A heading under another name."""
    lines = list(sheet.lines)
    lines[sheet.top] = tuple(new if text == old else text for text in sheet.headings)
    return replace(sheet, lines=tuple(lines))


def heading_twice(sheet: Paper, heading: str, change: Change = lambda cell: cell) -> Paper:
    """A column once more at the right, its cells in the rows changed."""
    place = sheet.place(heading)
    rows, last = ((*line, change(line[place])) for line in sheet.rows), ((*line, line[place]) for line in sheet.last)
    return _padded(replace(sheet, lines=(*sheet.above[:-1], (*sheet.headings, heading), *rows, *last)))


def full_width_headings(sheet: Paper) -> Paper:
    """Headings in full-width letters, figures and brackets."""
    wide = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F) if chr(code) not in "'\"="})
    return _headings(sheet, lambda text: text.translate(wide))


def blanks_in_headings(sheet: Paper) -> Paper:
    """Blanks, wide ones too, inside and around headings."""
    return _headings(sheet, lambda text: f" {text[:2]}\u3000{text[2:]}\u00a0" if text else text)


def _headings(sheet: Paper, change: Change) -> Paper:
    lines = list(sheet.lines)
    lines[sheet.top] = tuple(change(text) for text in sheet.headings)
    return replace(sheet, lines=tuple(lines))


# Rows that are no data


def notes_above(sheet: Paper) -> Paper:
    """Three more lines of notes before all."""
    notes = (("店铺数据导出",), ("制表人：小陈", "请勿外传"), ())
    return _padded(replace(sheet, lines=(*notes, *sheet.lines), top=sheet.top + len(notes)))


def blank_rows_inside(sheet: Paper) -> Paper:
    """Empty rows, and rows of blanks and of nothing but dashes, between the rows and at the end."""
    width = len(sheet.headings)
    empty = [("",) * width, (" ",) * width, ("-",) * width]
    rows = [line for number, row in enumerate(sheet.rows) for line in ([row, empty[number % 3]] if number < 6 else [row])]
    return _below(sheet, rows, (*sheet.last, empty[0]))


def headings_in_the_middle(sheet: Paper) -> Paper:
    """The headings again in the middle and before the total row, as where parts were put together."""
    half = len(sheet.rows) // 2
    return _below(sheet, (*sheet.rows[:half], sheet.headings, *sheet.rows[half:], sheet.headings))


def other_headings_in_the_middle(sheet: Paper) -> Paper:
    """Parts put together whose columns stand in another order."""
    half = len(sheet.rows) // 2
    return _below(sheet, (*sheet.rows[:half], sheet.headings[::-1], *(row[::-1] for row in sheet.rows[half:])))


def total_row(sheet: Paper, heading: str, label: str, sums: Mapping[str, str]) -> Paper:
    """One more row at the end: `label` under `heading` and `sums` by heading, all else empty."""
    cells = sums | {heading: label}
    return _below(sheet, sheet.rows, (*sheet.last, tuple(cells.get(name, "") for name in sheet.headings)))


def rows_twice(sheet: Paper) -> Paper:
    """Every row once more, below all others."""
    return _below(sheet, (*sheet.rows, *sheet.rows))


def headings_only(sheet: Paper) -> Paper:
    """No rows."""
    return replace(sheet, lines=sheet.above, total=False)


def ragged(sheet: Paper) -> Paper:
    """Rows that end with their last filled cell."""
    return _every(sheet, lambda line: line[: max((place for place, cell in enumerate(line) if cell), default=-1) + 1])


# Cells


def apostrophes(sheet: Paper) -> Paper:
    """A leading apostrophe before every cell, headings and the total row too."""
    return _every(sheet, lambda line: tuple(f"'{plain(cell)}" if cell else cell for cell in line))


def formulas(sheet: Paper) -> Paper:
    """Every cell below the headings as ="..."."""
    return _below(sheet, *(tuple(tuple(f'="{plain(cell)}"' if cell else cell for cell in row) for row in some) for some in (sheet.rows, sheet.last)))


def blanks_around(sheet: Paper) -> Paper:
    """Tabs and blanks around every cell."""
    return _every(sheet, lambda line: tuple(f" {cell}\t" if cell else cell for cell in line))


def slashed(cell: str) -> str:
    """A day or moment as Excel for China shows it: 2025/11/1."""
    moment = _moment(cell)
    return cell if moment is None else f"{moment.year}/{moment.month}/{moment.day}" + (f" {moment.hour}:{moment:%M:%S}" if ":" in cell else "")


def in_words(cell: str) -> str:
    """A day or moment with its Chinese marks."""
    moment = _moment(cell)
    return cell if moment is None else f"{moment.year}年{moment.month}月{moment.day}日" + (f" {moment:%H:%M:%S}" if ":" in cell else "")


def serial(cell: str, calendar: int = 1900) -> str:
    """A day or moment as the number a workbook keeps."""
    moment = _moment(cell)
    if moment is None:
        return cell
    passed = (moment - _DAYS[calendar]).total_seconds() / 86400
    return str(int(passed)) if passed == int(passed) else f"{passed:.10f}"


def _moment(cell: str) -> datetime | None:
    found = _DATE.fullmatch(cell)
    return datetime(*(int(part or 0) for part in found.groups())) if found else None


def scientific(cell: str) -> str:
    """An id as Excel shows it."""
    return f"{float(plain(cell)):.5E}" if plain(cell).isdigit() else cell


def rounded(cell: str) -> str:
    """An id as Excel writes it once its digits are shown: zeros after the fifteenth."""
    bare = plain(cell)
    return bare[:15] + "0" * (len(bare) - 15) if bare.isdigit() else cell


def decorated(cell: str) -> str:
    """An amount with currency, thousands and unit."""
    bare = cell.replace(",", "").strip("￥元")
    return f"￥{float(bare):,.2f}元" if re.fullmatch(r"\d+(\.\d+)?", bare) else cell


def thousands(cell: str) -> str:
    """A count with commas."""
    return f"{int(cell.replace(',', '')):,}" if cell.replace(",", "").isdigit() else cell


def without_percent(cell: str) -> str:
    """A rate without its sign."""
    return cell.removesuffix("%")


# Writers


def as_text(sheet: Paper, separator: str = ",", end: str = "\r\n") -> str:
    """Delimited text."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(sheet.lines)
    return text.getvalue()


def as_csv(sheet: Paper, encoding: str = "gb18030", separator: str = ",", end: str = "\r\n") -> bytes:
    """Delimited text as bytes."""
    return as_text(sheet, separator, end).encode(encoding)


def as_xlsx(
    sheet: Paper, numbers: Collection[str] = (), merged: Sequence[tuple[int, int, int, int]] = (), calendar: int = 1900, hidden: Paper | None = None,
) -> bytes:
    """A workbook of texts. Figures under the headings `numbers` are numbers; `merged`: areas (first row, column, last row, column, from 0).

    `calendar`: of its serial dates. `hidden`: a second sheet.
    """
    content = io.BytesIO()
    places = {sheet.place(name) for name in numbers}
    texts = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, texts | {"date_1904": calendar == 1904}) as book:
        _write(book.add_worksheet("数据"), sheet, places, merged)
        if hidden is not None:
            page = book.add_worksheet("旧表")
            _write(page, hidden, (), ())
            page.hide()
    return content.getvalue()


def _write(page: xlsxwriter.worksheet.Worksheet, sheet: Paper, places: Collection[int], merged: Sequence[tuple[int, int, int, int]]) -> None:
    covered = {(row, column) for top, left, bottom, right in merged for row in range(top, bottom + 1) for column in range(left, right + 1)}
    for row, line in enumerate(sheet.lines):
        for column, cell in enumerate(line):
            figure = column in places and row > sheet.top and re.fullmatch(r"\d+(\.\d+)?", plain(cell))
            if (row, column) not in covered:
                page.write_number(row, column, float(plain(cell))) if figure else page.write_string(row, column, cell)
    for top, left, bottom, right in merged:
        page.merge_range(top, left, bottom, right, sheet.lines[top][left])


def as_html(sheet: Paper) -> bytes:
    """A web page with one table."""
    lines = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>\n" for line in sheet.lines)
    return f'<html><head><meta charset="utf-8"></head><body><table>{lines}</table></body></html>'.encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            package.writestr(name, data)
    return content.getvalue()


# Bytes


def cut(content: bytes, share: float) -> bytes:
    """The first part of a file."""
    return content[: int(len(content) * share)]


def doubled_mark(content: bytes) -> bytes:
    """A byte order mark before the one that is there; `content` in UTF-8 without any."""
    return b"\xef\xbb\xbf" * 2 + content


def mixed_ends(content: bytes) -> bytes:
    """Line ends of every kind in turn."""
    lines = content.split(b"\r\n")
    return b"".join(line + (b"\r\n", b"\n", b"\r")[number % 3] for number, line in enumerate(lines[:-1])) + lines[-1]


def as_big5(sheet: Paper) -> bytes:
    """Through a program of Taiwan or Hong Kong: what it does not know is a question mark."""
    return as_text(sheet).encode("big5", errors="replace")


def with_nul(content: bytes) -> bytes:
    """A NUL in the middle of the file."""
    half = len(content) // 2
    return content[:half] + b"\0" + content[half:]


def quote_left_open(sheet: Paper, row: int) -> bytes:
    """A quote before the first cell of `row` that nothing closes."""
    lines = as_text(sheet).split("\r\n")
    at = sheet.top + 1 + row
    lines[at] = '"' + lines[at]
    return "\r\n".join(lines).encode("gb18030")


def comma_not_quoted(sheet: Paper, row: int, heading: str) -> bytes:
    """A cell of `row` in two, as thousands that are not quoted are."""
    lines = list(sheet.lines)
    at, place = sheet.top + 1 + row, sheet.place(heading)
    cell = lines[at][place]
    lines[at] = (*lines[at][:place], cell[:1], cell[1:], *lines[at][place + 1 :])
    return as_csv(replace(sheet, lines=tuple(lines)))


def broken_off(sheet: Paper, heading: str) -> bytes:
    """Broken off in the last row of data, after the first letter under `heading`."""
    place = sheet.place(heading)
    row = (*sheet.rows[-1][:place], sheet.rows[-1][place][:1])
    return as_csv(replace(sheet, lines=(*sheet.above, *sheet.rows[:-1], row))).removesuffix(b"\r\n")


def counted(sheet: Paper) -> tuple[int, int, int]:
    """Rows below the headings that say something, that say nothing, and that are the headings again: what a reader must account for."""
    below = sheet.lines[sheet.top + 1 :]
    again = sum(_same(line, sheet.headings) for line in below)
    blank = sum(all(plain(cell).strip() in ("", "-") for cell in line) for line in below)
    return len(below) - again - blank, blank, again


def _same(line: Line, headings: Line) -> bool:
    return [unicodedata.normalize("NFKC", cell) for cell in line] == [unicodedata.normalize("NFKC", cell) for cell in headings]
