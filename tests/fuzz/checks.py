"""What must hold for any file that is imported. Counts and values are our own, from the sheets as they were generated."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from ecops.shop.errors import ShopDataError
from ecops.shop.exports import Catalogue, Export, heading
from ecops.shop.exports.export import converter_of
from ecops.shop.exports.mapping import keep
from ecops.shop.imports import import_file
from ecops.shop.kinds import COLUMNS, KINDS
from ecops.shop.lake import Lake
from ecops.shop.personal import HASHED, is_personal
from ecops.shop.quarantine import MISFITS, workbook
from ecops.shop.report import ImportReport
from tests.exports import PERSONAL_TEXTS
from tests.fuzz.cells import PHONE_DIGITS
from tests.fuzz.files import File
from tests.fuzz.sheets import Sheet, bare

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_TABLES = (*KINDS, "quarantine", "settings")
# Steps after which an amount is another one than its cell says.
_RECKONED = {
    "net_payment", "net_line_payment", "times_of_deal", "goods_and_postage", "refund_of_after_sale", "due_of_orders", "due_is_the_orders", "bookings",
}
_RECKONED_COLUMNS = {"paid_fen", "refund_fen", "received_fen", "total_fen", "platform_discount_fen", "payable_fen", "amount_fen", "price_fen", "times"}
_PERSONS = ("buyer_id", "address_hash", "phone_hash")
# Reasons that are told of one cell as it is written.
_OF_A_CELL = ("not_money", "not_a_number", "not_yes_no", "ambiguous_rate", "not_a_rate", "not_a_duration", "digits_lost")
_BLANK_NOTE, _TOTAL_NOTE, _NOTES_NOTE, _UNREAD_NOTE = (re.compile(text) for text in (
    r"/ (\d+) blank rows", r"/ (\d+) rows are totals", r"/ (\d+) rows of notes", r"^工作表 (.*) 没有可识别的表头",
))


def check(lake: Lake, folder: Path, shop: str, file: File, mend: bool = True) -> str:
    """Imports `file` as a new `shop` and raises AssertionError for anything that must not be; tells how it went in a word.

    `mend`: also what was refused, as a workbook that comes back.
    """
    path, mappings = folder / file.name, folder / f"mappings-{shop}"
    path.write_bytes(file.content)
    if file.mapping and not _explained(mappings, file):
        return "no mapping"
    before = _versions(lake)
    reports = _imported(lake, path, shop, NOW, mappings)
    if reports is None:
        assert _versions(lake) == before, "a refused file changed a table"
        return "refused"
    for report in reports:
        _adds_up(report)
    if file.sheets:
        _all_rows_counted(file, reports)
        _places_are_right(file, reports)
        _values_are_right(file, reports, lake, shop, Catalogue(mappings))
    _loaded_rows_are_there(lake, shop, reports)
    _nobody_named(lake, shop, reports)
    before = _versions(lake)
    again = _imported(lake, path, shop, NOW + timedelta(days=1), mappings)
    assert again is not None and _versions(lake) == before, f"a second import changed {_changed(before, _versions(lake))}"
    assert [(r.rows, r.refused, r.loaded, r.replaced) for r in again] == [(r.rows, r.refused, 0, 0) for r in reports], "a second import counts otherwise"
    return _mended(lake, folder, shop, mappings) if mend else "not mended"


def _explained(folder: Path, file: File) -> bool:
    try:
        keep(folder, file.kind, file.mapping)
    except ShopDataError as error:
        assert "\n" not in str(error), f"a message of several lines: {error}"
        return False
    return True


def _imported(lake: Lake, path: Path, shop: str, now: datetime, mappings: Path) -> list[ImportReport] | None:
    try:
        return import_file(lake, path, shop, now, mappings=mappings)
    except ShopDataError as error:
        assert path.name in str(error), f"the file is not named: {error}"
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 10_000, f"no sentence: {str(error)[:500]!r}"
        assert not _named(str(error), PHONE_DIGITS), f"a phone is named: {error}"
        return None


def _versions(lake: Lake) -> dict[str, int | None]:
    return {name: lake.version(name) for name in _TABLES}


def _changed(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def _adds_up(report: ImportReport) -> None:
    json.dumps(report.to_json(), allow_nan=False)
    assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows, f"does not add up: {report}"
    assert report.refused == len({(one.sheet, one.row) for one in report.quarantined})
    assert min(report.loaded, report.duplicates, report.replaced, report.refused, report.total_rows) >= 0
    assert _noted(_TOTAL_NOTE, [report]) == report.total_rows


def _noted(mark: re.Pattern[str], reports: Sequence[ImportReport]) -> int:
    return sum(int(found[1]) for report in reports for note in report.notes if (found := mark.search(note)))


def _all_rows_counted(file: File, reports: Sequence[ImportReport]) -> None:
    unread = {found[1] for report in reports for note in report.notes if (found := _UNREAD_NOTE.search(note))}
    read = [sheet for name, sheet in file.sheets.items() if name not in unread]
    counted = sum(report.rows for report in reports)
    assert counted == sum(sheet.rows for sheet in read), f"{counted} rows of {sum(sheet.rows for sheet in read)}"
    assert sum(report.total_rows for report in reports) >= sum(sheet.totals for sheet in read), "total rows were taken for data"
    assert _noted(_NOTES_NOTE, reports) == sum(sheet.at for sheet in read), "notes above the headings"
    # workbooks do not keep empty rows at their end
    blank, least = sum(sheet.blank for sheet in read), sum(sheet.blank - _at_the_end(sheet) for sheet in read)
    assert least <= _noted(_BLANK_NOTE, reports) <= blank, f"{_noted(_BLANK_NOTE, reports)} blank rows of {least} to {blank}"


def _at_the_end(sheet: Sheet) -> int:
    filled = [number for number, line in enumerate(sheet.lines) if any(cell for cell in line)]
    return len(sheet.lines) - 1 - max(filled)


def _places_are_right(file: File, reports: Sequence[ImportReport]) -> None:
    refusals = [one for report in reports for one in report.quarantined]
    misfits = Counter((one.sheet, one.row) for one in refusals if one.reason in MISFITS)
    for one in refusals:
        sheet = file.sheets[one.sheet]
        assert sheet.at + 1 < one.row <= len(sheet.lines), f"there is no row {one.row}: {one}"
        # a row that has moved under its headings may name a person anywhere
        hidden = (one.value or "").startswith(HASHED) and misfits[one.sheet, one.row] > 0
        if one.reason in _OF_A_CELL and not is_personal(one.column) and not _named(one.value or "", "*") and not hidden:
            cells = [_cell(sheet, one.row, place) for place, name in enumerate(sheet.lines[sheet.at]) if _plain(name) == _plain(one.column)]
            assert _plain(one.value or "") in map(_plain, cells), f"{one} is not what the row says: {cells}"


def _cell(sheet: Sheet, row: int, place: int) -> str:
    line = sheet.lines[row - 1]
    return bare(line[place]) if place < len(line) else ""


def _plain(text: str) -> str:
    """What every format keeps of a text: nothing of its blanks, and of odd characters neither."""
    return "".join(char for char in text if char.isprintable() and not char.isspace() and char != "\ufeff")


def _values_are_right(file: File, reports: Sequence[ImportReport], lake: Lake, shop: str, catalogue: Catalogue) -> None:
    exports = {export.name: export for export in catalogue.exports}
    for report in (report for report in reports if not exports[report.export].grouped):
        export = exports[report.export]
        for row in lake.everything(export.kind, [shop]).collect().iter_rows(named=True):
            if row["source_sheet"] in file.sheets:
                _row_is_right(file.sheets[row["source_sheet"]], row, export)


def _row_is_right(sheet: Sheet, row: Mapping[str, object], export: Export) -> None:
    names = [heading(name) for name in sheet.lines[sheet.at]]
    for column, known in export.headings.items():
        places = [place for place, name in enumerate(names) if name in known]
        # a heading that stands twice, or two for one column: which one is meant is the reader's choice
        if len(places) != 1 or column not in KINDS[export.kind].columns or _is_reckoned(column, export):
            continue
        cell, value = _cell(sheet, row["source_row"], places[0]), row[column]
        wanted = _value(column, export, cell)
        if wanted is not None:
            assert value == wanted or (wanted == "" and value is None), f"{column} of row {row['source_row']} is {value!r}, the cell says {cell!r} ({export.name})"


def _is_reckoned(column: str, export: Export) -> bool:
    return column in _PERSONS or column == "status" or (column in _RECKONED_COLUMNS and bool(_RECKONED & {*export.derive}))


def _value(column: str, export: Export, cell: str) -> object:
    """What the lake must hold; "" for nothing; None where we cannot say."""
    usual = export.converter(column) is converter_of(column)
    unit = COLUMNS[column].unit
    if column in ("item_id", "plan_id", "keyword", "tool", "source_detail", "period_days", "date", "times") and not cell:
        return None
    if not usual or (unit not in ("fen", "count", "people", "pieces") and not column.endswith("_id")):
        return None
    if not cell:
        return ""
    if column.endswith("_id"):
        return None if len(cell) != len(_plain(cell)) or "E" in cell.upper() or "." in cell or "_x" in cell or is_phone(cell) else _narrow(cell)
    try:
        number = Decimal(re.sub(r"[,，¥￥\s]", "", _narrow(cell)).removesuffix("元").removesuffix("件").removesuffix("人"))
        return int(number * 100) if unit == "fen" else int(number)
    except (InvalidOperation, OverflowError, ValueError):
        return f"no number: {cell}"


def _narrow(text: str) -> str:
    """Full-width characters as the usual ones, without those that have no shape."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def is_phone(cell: str) -> bool:
    """Whether an id is none, but a person's."""
    return bool(re.search(r"1[3-9][0-9]{9}|@", cell))


def _loaded_rows_are_there(lake: Lake, shop: str, reports: Sequence[ImportReport]) -> None:
    grouped = {export.kind for export in Catalogue().exports if export.name in {report.export for report in reports} and export.grouped}
    for kind in KINDS:
        held = len(lake.everything(kind, [shop]).collect())
        told = sum(r.loaded for r in reports if r.kind == kind) + sum(r.also[kind]["loaded"] for r in reports if kind in r.also)
        # days held by title move under their ids, and join
        joined = kind in grouped or (kind == "item_days" and len(reports) > 1)
        assert (bool(told) <= held <= told) if joined else held == told, f"{held} rows of {kind} in the lake, {told} told"


def _nobody_named(lake: Lake, shop: str, reports: Sequence[ImportReport]) -> None:
    held = {name: str(lake.everything(name, [shop]).collect().rows()) for name in (*KINDS, "quarantine")}
    held["the report"] = json.dumps([report.to_json() for report in reports], ensure_ascii=False)
    # without figures: a count may have the digits of a phone
    held["what the report quotes"] = json.dumps([(report.to_json()["quarantined"], _unknown_texts(report)) for report in reports], ensure_ascii=False)
    for where, text in held.items():
        found = [*_named(text, PERSONAL_TEXTS), *(_named(text, PHONE_DIGITS) if where in ("quarantine", "what the report quotes") else ())]
        assert not found, f"{found} in {where}: ... {text[max(0, text.index(found[0]) - 200) : text.index(found[0]) + 50]}"


def _unknown_texts(report: ImportReport) -> list[str]:
    return [note for note in report.notes if "不认识的文字" in note]


def _named(text: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if word in text]


def _mended(lake: Lake, folder: Path, shop: str, mappings: Path) -> str:
    """The quarantine as a workbook, imported as it is."""
    waiting = lake.quarantined(shop)
    path = folder / "mend.xlsx"
    number = workbook(waiting, path)
    assert number == _places(waiting), f"{number} rows in the workbook, {_places(waiting)} wait"
    if not number:
        return "loaded"
    reports = _imported(lake, path, shop, NOW + timedelta(days=2), mappings)
    after = lake.quarantined(shop)
    assert _places(after) <= number, f"{number} rows waited, {_places(after)} after they came back unmended: {list(_reasons(waiting, after))}"
    if reports is None:
        return "not mendable"
    assert sum(report.rows for report in reports) <= number or any(report.total_rows for report in reports)
    return "quarantined"


def _places(waiting: pl.DataFrame) -> int:
    return waiting.select("digest", "sheet", "row").n_unique()


def _reasons(*frames: pl.DataFrame) -> Iterator[dict]:
    for frame in frames:
        yield dict(frame.group_by("file", "reason").len().select(pl.concat_str("file", pl.lit(" "), "reason"), "len").rows())
