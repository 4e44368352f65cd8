"""A web page saved as .xls, which is what many platforms send for a workbook."""

import re
from collections.abc import Iterator

from lxml import etree

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.decoding import cut_short, encodings, ends_inside, unreadable
from ecops.shop.sheet.grid import Grid
from ecops.shop.sheet.source import Source
from ecops.shop.sheet.table import Table

_MOST_BYTES = 128 * 2**20
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
_CHINESE = {"gb2312", "gbk", "gb18030", "x-gbk", "cp936"}
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_OPENED, _CLOSED = re.compile(r"<table[\s>]", re.IGNORECASE), re.compile(r"</table\s*>", re.IGNORECASE)
_HIDDEN = ("script", "style", "table")


def page(source: Source) -> list[Table]:
    """Every table with cells: "" if there is one, else 表1, 表2 ... Tables inside tables stand for themselves. Raises ShopDataError."""
    found = [table for table in _parsed(source).iter("table") if next(_rows(table), None) is not None]
    if not found:
        raise ShopDataError(f"{source.name} is a web page without a table (perhaps a login page); log in, export again and import that")
    names = [""] if len(found) == 1 else [f"表{number}" for number in range(1, len(found) + 1)]
    return [_table(f"{name} of {source.name}" if name else source.name, name, table) for name, table in zip(names, found, strict=True)]


def _parsed(source: Source) -> etree._Element:
    text = _text(source)
    if len(_OPENED.findall(text)) > len(_CLOSED.findall(text)):
        raise ShopDataError(f"{source.name} is a web page cut short: a table in it has no end; export or download it again")
    parser = etree.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise _no_page(source) from error
    # the parser mends bad markup, but what goes beyond its limits it drops
    if any(entry.level >= etree.ErrorLevels.FATAL for entry in parser.error_log):
        raise _no_page(source)
    if root is None:
        raise _no_page(source)
    return root


def _no_page(source: Source) -> ShopDataError:
    return ShopDataError(f"{source.name} is a web page too deeply nested, too large or too damaged to be read; export it again as .xlsx or .csv")


def _text(source: Source) -> str:
    content = source.content(_MOST_BYTES)
    head = content[:4096]
    said = _CHARSET.search(head.replace(b"\0", b""))
    charset = said[1].decode("ascii", "ignore").lower() if said else ""
    first = ("gb18030",) if charset in _CHINESE else ()
    for encoding in dict.fromkeys((*first, *encodings(head)) if b"\0" not in head else encodings(head)):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            if ends_inside(error):
                raise cut_short(source) from error
            continue
        return text.replace("\0", "")
    raise unreadable(source)


def _table(where: str, name: str, table: etree._Element) -> Table:
    grid = Grid(where)
    held: dict[int, int] = {}  # column -> rows, this one included, in which a cell from above still covers it
    for number, row in enumerate(_rows(table)):
        grid.begin(number)
        column, below = 0, {}
        for cell in row.iterchildren("td", "th"):
            while held.get(column):
                column += 1
            across, down = _span(cell, "colspan"), _span(cell, "rowspan")
            grid.put(number, column, _cell_text(cell), down - 1, across - 1)
            below |= dict.fromkeys(range(column, column + across), down) if down > 1 else {}
            column += across
        held = {column: rows - 1 for column, rows in (held | below).items() if rows > 1}
    return grid.table(name)


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    """The table's own rows in their order, not those of tables inside it."""
    for child in table.iterchildren("tr", "thead", "tbody", "tfoot"):
        if child.tag == "tr":
            yield child
        else:
            yield from child.iterchildren("tr")


def _span(cell: etree._Element, name: str) -> int:
    digits = re.match(r"\s*(\d{1,6})", cell.get(name, ""))
    return max(int(digits[1]), 1) if digits else 1


def _cell_text(cell: etree._Element) -> str | None:
    """The text as a browser shows it: blanks as one, <br> as a line break."""
    lines = "".join(_pieces(cell)).split("\v")
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in lines).strip() or None


def _pieces(cell: etree._Element) -> Iterator[str]:
    """All texts inside, <br> as \\v; without what is not shown or is a table of its own."""
    yield (cell.text or "").replace("\v", " ")
    for child in cell:
        if child.tag == "br":
            yield "\v"
        elif child.tag not in _HIDDEN:
            yield from _pieces(child)
        yield (child.tail or "").replace("\v", " ")
