"""What is wrong with the form of a table: cells that cannot be given to their row or column, whatever they say."""

from collections import Counter

import polars as pl

from ecops.shop import cells
from ecops.shop.exports import heading
from ecops.shop.faults import FAULTS, ROW, SHEET, faults_of, no_faults
from ecops.shop.heads import Heading
from ecops.shop.kinds import COLUMNS, INSTANT
from ecops.shop.sheet import Table
from ecops.shop.sheet.table import Records

SHIFTED = "cells_shifted"
_NOTHING = pl.lit(None, dtype=pl.String)


def in_merged_cells(table: Table, found: Heading, rows: pl.Series) -> pl.DataFrame:
    """Faults of those of `rows` (numbers) with figures, times and keys in merged cells below the first one: they are the whole area's."""
    claimed = {index: column for column, index in found.columns.items() if column in found.export.needed or _is_fact(column)}
    there = set(rows) if table.merged else set()
    hits = [(row + 1, found.label(claimed[c])) for row, places in table.merged.items() if row + 1 in there for c in sorted(places & claimed.keys())]
    places = pl.DataFrame(hits, schema={ROW: pl.Int64, "column": pl.String}, orient="row")
    return places.select(pl.lit(table.sheet).alias(SHEET), ROW, "column", _NOTHING.alias("value"), pl.lit("merged_cell").alias("reason"))


def _is_fact(column: str) -> bool:
    """Whether an empty cell means something: a figure of none, a payment not made."""
    return column in COLUMNS and bool(COLUMNS[column].unit or COLUMNS[column].dtype in (pl.Date, INSTANT))


def disagreeing(rows: pl.DataFrame, found: Heading, table: Table) -> pl.DataFrame:
    """Faults of rows in which two columns of one heading say different things."""
    texts = [heading(text) for text in found.texts]
    twins = [(column, place, at) for column, place in found.columns.items() for at in range(place + 1, len(texts)) if texts[at] == texts[place]]
    placed, parts = rows.with_columns(pl.lit(table.sheet).alias(SHEET)), [no_faults()]
    for column, place, at in twins:
        first, second = cells.clean(pl.col(f"c{place}")), cells.clean(pl.col(f"c{at}"))
        differ = placed.filter(second.is_not_null() & first.ne_missing(second))
        parts.append(faults_of(differ, found.label(column), cells.clean(pl.col(f"c{at}")), "columns_disagree"))
    # headings that stand three times, or fill two columns, tell the same cell more than once
    return pl.concat(parts).unique([SHEET, ROW, "column"], keep="first", maintain_order=True)


def lone_cells(rows: pl.DataFrame, typed: pl.DataFrame, found: Heading, table: Table) -> pl.DataFrame:
    """Faults of rows with one filled cell and no more, such as notes below the data: they would be loaded as a name without figures."""
    said = pl.sum_horizontal(pl.col(column).is_not_null() for column in found.columns)
    bare = rows.join(typed.filter(said <= 1), on=ROW, how="semi", maintain_order="left")
    filled = [pl.col(name).str.contains(r"\S").fill_null(False) for name in bare.columns if name != ROW]
    lone = bare.filter(pl.sum_horizontal(filled) == 1)
    naming = next((column for column in found.export.needed if column in found.columns), None)
    # a cell that stands elsewhere is not shown: it may be somebody's name
    value = pl.col(f"c{found.columns[naming]}") if naming else _NOTHING
    return faults_of(lone.with_columns(pl.lit(table.sheet).alias(SHEET)), found.label(naming or ""), value, "lone_cell")


def shifted(rows: pl.DataFrame, found: Heading, table: Table) -> pl.DataFrame:
    """Faults of rows of a text with more cells than headings: a comma that is not quoted moves all cells after it.

    In a workbook such a cell is only a remark beside the table. The value is not shown: nobody knows whose name it is.
    """
    if table.records is None or table.records.widest <= _width(found):
        return no_faults()
    beyond = [pl.col(f"c{place}").str.contains(r"\S").fill_null(False) for place in range(_width(found), rows.width) if f"c{place}" in rows.columns]
    wide = rows.filter(pl.any_horizontal(pl.col(ROW).is_in(_long_rows(table.records, found)), *beyond))
    return faults_of(wide.with_columns(pl.lit(table.sheet).alias(SHEET)), "", _NOTHING, SHIFTED)


def _long_rows(records: Records, found: Heading) -> list[int]:
    """The numbers of rows with more cells than the headings and than most rows have: some texts end every row with a separator."""
    lengths = records.lengths()
    usual = Counter(lengths[found.at + 1 :]).most_common(1)
    most = max(lengths[found.at], *(length for length, _ in usual))
    return [number for number, length in enumerate(lengths, 1) if length > most]


def broken_off(table: Table, found: Heading, row: int | None) -> pl.DataFrame:
    """The fault of the last `row` of a text that ends in the middle of it (None: it does not)."""
    if row is None or table.records is None or (ends_at := table.records.ends_at) is None or ends_at >= _width(found):
        return no_faults()
    label = (found.texts[ends_at - 1] or "").strip()
    return pl.DataFrame([(table.sheet, row, label, None, "broken_off")], schema=FAULTS, orient="row")


def _width(found: Heading) -> int:
    """Columns up to the last heading."""
    return max(place for place, text in enumerate(found.texts) if heading(text)) + 1
