"""SpreadsheetML 2003: a workbook as one XML file, commonly sent under the name .xls."""

import re
from collections.abc import Iterator

from lxml import etree

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.grid import Grid
from ecops.shop.sheet.source import Source, shown
from ecops.shop.sheet.table import EPOCH_1900, EPOCH_1904, Table

MARK = b"urn:schemas-microsoft-com:office:spreadsheet"

_MOST_BYTES = 256 * 2**20
_SS = f"{{{MARK.decode()}}}"
_DEFINITIONS = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d))?(?:\.\d*)?$")


def spreadsheetml(source: Source) -> list[Table]:
    """One table for each worksheet. Raises ShopDataError, also for a document that defines entities: no workbook needs them."""
    source.must_be_within(_MOST_BYTES)
    tail = b""
    for chunk in source.chunks():
        if _DEFINITIONS.search((tail + chunk).replace(b"\0", b"")):
            raise ShopDataError(f"{source.name} defines XML entities, which no export does; export it again as .xlsx or .csv")
        tail = chunk[-32:]
    try:
        return _tables(source)
    except etree.LxmlError as error:
        line = getattr(error, "lineno", None) or "?"
        raise ShopDataError(f"{source.name} is an XML workbook damaged or cut short at line {line}; export or download it again") from error


def _tables(source: Source) -> list[Table]:
    """Row by row, each dropped once read: the tree of a large workbook takes ten times its size."""
    sheets: list[tuple[str, Grid]] = []
    epoch = EPOCH_1900
    for event, element in _events(source):
        if event == "start" and element.tag == f"{_SS}Worksheet":
            name = element.get(f"{_SS}Name", f"表{len(sheets) + 1}")
            sheets.append((name, Grid(f"sheet {shown(name)} of {source.name}")))
        elif event == "end" and element.tag == f"{_SS}Row":
            if sheets:
                _row(source, sheets[-1][1], element)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
        elif event == "end" and element.tag.endswith("}Date1904"):
            epoch = EPOCH_1904
    if not sheets:
        raise ShopDataError(f"{source.name} is an XML workbook without a worksheet; export it again from the platform")
    tables = [grid.table(name) for name, grid in sheets]
    return [Table(table.sheet, table.rows, epoch, table.merged) for table in tables]


def _events(source: Source) -> Iterator[tuple[str, etree._Element]]:
    source.stream.seek(0)
    return etree.iterparse(
        source.stream, events=("start", "end"), tag=(f"{_SS}Worksheet", f"{_SS}Row", "{*}Date1904"),
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )


def _row(source: Source, grid: Grid, row: etree._Element) -> None:
    at = _number(source, row, "Index", grid.height + 1) - 1
    if at < grid.height:
        raise ShopDataError(f"{source.name} is a damaged XML workbook: row {at + 1} comes after row {grid.height}; export it again")
    grid.begin(at)
    column = 0
    for cell in row.iterchildren(f"{_SS}Cell"):
        column = _number(source, cell, "Index", column + 1) - 1
        across, down = _number(source, cell, "MergeAcross", 0), _number(source, cell, "MergeDown", 0)
        grid.put(at, column, _text(cell.find(f"{_SS}Data")), down, across)
        column += across + 1
    if span := _number(source, row, "Span", 0):
        grid.begin(at + span)


def _number(source: Source, element: etree._Element, name: str, otherwise: int) -> int:
    said = element.get(f"{_SS}{name}")
    if said is None:
        return otherwise
    if not re.fullmatch(r"[0-9]{1,7}", said) or (name == "Index" and int(said) == 0):
        raise ShopDataError(f"{source.name} is a damaged XML workbook: line {element.sourceline} says ss:{name}={said[:20]!r}; export it again")
    return int(said)


def _text(data: etree._Element | None) -> str | None:
    """Numbers stay as written, so that lost digits show; dates as ISO text with a blank; errors are empty, as in other workbooks."""
    if data is None:
        return None
    text, kind = "".join(data.itertext()).replace("\0", ""), data.get(f"{_SS}Type")
    if kind == "Error":
        return None
    if kind == "Boolean":
        return {"1": "是", "0": "否"}.get(text.strip(), text)
    if kind == "DateTime" and (moment := _MOMENT.match(text.strip())):
        return " ".join(filter(None, moment.groups()))
    return text or None
