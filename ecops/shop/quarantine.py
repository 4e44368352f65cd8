"""Refused rows: as they are kept, and as a workbook to mend and import again."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from ecops.shop.exports import heading
from ecops.shop.faults import PLACE, ROW, SHEET
from ecops.shop.form import SHIFTED
from ecops.shop.personal import CUT, HASHED, hashed, veiled, veiled_column, words_hashed
from ecops.shop.reading import MARK, MARK_HEADING, REASON_HEADING, Batch
from ecops.shop.reasons import sentence

_RAW = pl.Schema({SHEET: pl.String, ROW: pl.Int64, "raw": pl.String})
_SHEET_NAME = 31
# So many cells that are not what their headings say, or empty where they must not be, or a phone number among the figures: the row has
# moved under its headings, and any cell may be a person's.
_MOVED = 3
MISFITS = ("not_money", "not_a_number", "not_a_date", "not_a_rate", "not_a_duration", "not_yes_no", "no_order", "missing_value")


def digest_of(path: Path) -> str:
    """What tells this file from any other: SHA-256 of its bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def without_persons(faults: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """The faults with personal values only as keyed hashes, and phone numbers cut out everywhere."""
    known = [
        None if value is None else veiled(column, value, secret)
        for column, value in faults.select("column", "value").iter_rows()
    ]
    told = faults.with_columns(pl.Series("value", known, dtype=pl.String))
    return told.with_columns(words_hashed(told["value"], _of_moved_rows(told), secret))


def _of_moved_rows(faults: pl.DataFrame) -> pl.Series:
    """Which faults are of rows whose cells cannot be trusted to stand under their headings."""
    misfit = pl.col("reason").is_in(MISFITS)
    phone = misfit & pl.col("value").str.contains(CUT, literal=True).fill_null(False)
    moved = (misfit.sum().over(PLACE) >= _MOVED) | ((pl.col("reason") == SHIFTED) | phone).any().over(PLACE)
    return faults.select(moved=moved)["moved"]


def refused_rows(batches: Sequence[Batch], faults: pl.DataFrame, secret: bytes, shop: str, path: Path, now: datetime) -> pl.DataFrame:
    """The faults (FAULTS, personal values veiled) as rows of the quarantine, each with its whole row."""
    raw = pl.concat([pl.DataFrame(schema=_RAW), *(_raw(batch, faults, secret) for batch in batches)])
    return faults.join(raw, on=PLACE, how="left").rename({SHEET: "sheet", ROW: "row"}).with_columns(
        pl.col("value").fill_null(""),
        shop=pl.lit(shop), file=pl.lit(path.name), digest=pl.lit(digest_of(path)),
        sentence=pl.col("reason").replace_strict({code: sentence(code) for code in faults["reason"].unique()}, default="", return_dtype=pl.String),
        imported_at=pl.lit(now), available_at=pl.lit(now), source_file=pl.lit(path.name),
        source_sheet=pl.col("sheet"), source_row=pl.col("row"),
    )


def marks(batches: Sequence[Batch]) -> list[str]:
    """The refused rows that the rows of these sheets say they stand for."""
    found = (batch.rows[MARK].drop_nulls().unique().to_list() for batch in batches if MARK in batch.rows.columns)
    return [mark for some in found for mark in some]


def workbook(held: pl.DataFrame, path: Path) -> int:
    """Write the refused rows `held` (of the quarantine) to `path` (.xlsx): one sheet for each sheet they came from.

    Each row once, with its reasons and its mark; mended and imported again, it takes the refused row's place. Returns the
    number of rows.
    """
    from xlsxwriter import Workbook

    rows = held.group_by("digest", "file", "sheet", "row", "raw", maintain_order=True).agg(pl.format("{}：{}", "column", "sentence").str.join("；").alias("why"))
    with Workbook(str(path), {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, pale = book.add_format({"bold": True}), book.add_format({"bg_color": "#FFF2CC", "text_wrap": True})
        for number, ((_, file, sheet), some) in enumerate(rows.group_by("digest", "file", "sheet", maintain_order=True), 1):
            page = book.add_worksheet(_sheet_name(number, file, sheet))
            raws = [json.loads(raw) for raw in some["raw"]]
            names = list(dict.fromkeys(name for raw in raws for name in raw))
            page.write_row(0, 0, [*names, REASON_HEADING, MARK_HEADING], bold)
            page.freeze_panes(1, 0)
            page.set_column(len(names), len(names), 60)
            for place, (raw, why, row) in enumerate(zip(raws, some["why"], some.iter_rows(named=True), strict=True), 1):
                page.write_row(place, 0, [raw.get(name) for name in names])
                page.write_string(place, len(names), why, pale)
                page.write_string(place, len(names) + 1, mark_of(row["digest"], row["sheet"], row["row"]))
    return len(rows)


def mark_of(digest: str, sheet: str, row: int) -> str:
    """What names one refused row in a mended file."""
    return f"{digest}:{row}:{sheet}"


def mark_expression() -> pl.Expr:
    """`mark_of` of rows of the quarantine."""
    return pl.format("{}:{}:{}", "digest", "row", "sheet")


def _sheet_name(number: int, file: str, sheet: str) -> str:
    plain = "".join(letter for letter in f"{number} {Path(file).stem} {sheet}".strip() if letter not in "[]:*?/\\'")
    return plain[:_SHEET_NAME]


def _raw(batch: Batch, faults: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """Each refused row as JSON: heading -> text, personal texts as keyed hashes."""
    wanted = faults.filter(pl.col(SHEET) == batch.table.sheet)[ROW].unique(maintain_order=True)
    if wanted.is_empty():
        return pl.DataFrame(schema=_RAW)
    rows = batch.raw(wanted)
    names = _names(batch, [column for column in rows.columns if column != ROW])
    hidden = _persons(batch) | _unread(batch, rows.columns)
    shown = rows.select(_veiled(rows[column], name, column in hidden, secret).alias(name) for column, name in names.items())
    moved = rows[ROW].is_in(faults.filter((pl.col(SHEET) == batch.table.sheet) & _of_moved_rows(faults))[ROW].implode())
    if moved.any():
        shown = shown.select(words_hashed(shown[name], moved, secret) for name in shown.columns)
    # empty cells too: what is missing is to be filled in
    texts = [json.dumps(row, ensure_ascii=False) for row in shown.iter_rows(named=True)]
    return pl.DataFrame({SHEET: [batch.table.sheet] * len(rows), ROW: rows[ROW], "raw": texts}, schema=_RAW)


def _veiled(texts: pl.Series, name: str, of_person: bool, secret: bytes) -> pl.Series:
    return HASHED + hashed(texts, secret) if of_person else veiled_column(texts, name, secret)


def _persons(batch: Batch) -> set[str]:
    """The sheet's columns that the export keeps as hashes only, under whatever heading they stand."""
    found = batch.heading
    return {f"c{found.columns[column]}" for column in found.export.hashed if column in found.columns}


def _unread(batch: Batch, columns: Sequence[str]) -> set[str]:
    """Columns that no one needs for mending and that may say anything: under headings we do not know, or under none."""
    texts = batch.heading.texts
    strange = set(batch.unread)
    return {c for c in columns if c != ROW and (int(c[1:]) >= len(texts) or not (text := (texts[int(c[1:])] or "").strip()) or text in strange)}


def _names(batch: Batch, columns: Sequence[str]) -> dict[str, str]:
    """Headings of the sheet's columns, a second one of the same text numbered; our own marks left out."""
    names: dict[str, str] = {}
    for column in columns:
        place = int(column[1:])
        text = (batch.heading.texts[place] if place < len(batch.heading.texts) else None) or column
        if heading(text) not in (heading(MARK_HEADING), heading(REASON_HEADING)):
            names[column] = text if text not in names.values() else f"{text} ({column})"
    return names


