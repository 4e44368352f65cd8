"""The heading row of a table: where it is, which export it tells, and where it stands once more."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ecops.shop.errors import ShopDataError
from ecops.shop.exports import Catalogue, Export, heading
from ecops.shop.faults import ROW
from ecops.shop.sheet import Table

_HEADING_WITHIN = 60
_FIGURE = re.compile(r"\D?\d[\d.,:/ -]*(%|元)?$")


@dataclass(frozen=True)
class Heading:
    """Where the heading row of a table is (0-based), which export it tells, and which column of the table fills which column."""

    at: int
    export: Export
    columns: Mapping[str, int]
    texts: tuple[str | None, ...]

    def label(self, column: str) -> str:
        """The heading that fills `column`, as the file writes it (outer blanks cut)."""
        return (self.texts[self.columns[column]] or "").strip() if column in self.columns else ""


def locate(table: Table, catalogue: Catalogue, kind: str | None = None) -> Heading | None:
    """The first row that holds the required headings of a known export (of `kind`); notes before it are passed over."""
    for at, row in enumerate(_first_rows(table)):
        texts = [heading(cell) for cell in row]
        if len({text for text in texts if text}) >= 2 and (found := catalogue.recognise(filter(None, texts), kind)):
            export, names = found
            return Heading(at, export, {column: texts.index(name) for column, name in names.items()}, row)
    return None


def headings_seen(table: Table, catalogue: Catalogue) -> list[str]:
    """The row that looks most like headings, as written: the one that holds the most known ones, else the first with several cells."""
    rows = [[cell.strip() for cell in row if heading(cell)] for row in _first_rows(table)]
    return max(rows, key=lambda row: (len(catalogue.known & set(map(heading, row))), len(row) > 1), default=[])


def is_data(text: str) -> bool:
    """Whether a cell is a figure or a time, which no heading is."""
    return bool(_FIGURE.match(heading(text)))


def headings_again(rows: pl.DataFrame, found: Heading, file: str) -> pl.DataFrame:
    """The numbers of those of `rows` that are the headings once more, as where files were put one below another.

    Raises ShopDataError where they stand in another order: the rows below would be read under the wrong ones.
    """
    sign = next(found.columns[column] for column in found.export.required if column in found.columns)
    cells = [name for name in rows.columns if name != ROW]
    likely = rows.filter(pl.any_horizontal(_bare(pl.col(name)) == _bare(pl.lit(found.texts[sign])) for name in cells).fill_null(False))
    numbers = [number for number, *row in likely.select(ROW, *cells).iter_rows() if _again(number, row, found, file)]
    return pl.DataFrame({ROW: numbers}, schema={ROW: pl.Int64})


def _bare(cell: pl.Expr) -> pl.Expr:
    """Without blanks around it and the mark that a file's first cell begins with."""
    return cell.str.replace_all(r"\p{Cf}", "").str.strip_chars()


def _again(number: int, row: list[str | None], found: Heading, file: str) -> bool:
    texts, wanted = [heading(cell) for cell in row], {column: heading(found.texts[place]) for column, place in found.columns.items()}
    if all(texts[place] == wanted[column] for column, place in found.columns.items()):
        return True
    if {wanted[column] for column in found.export.required if column in wanted} <= set(texts):
        raise ShopDataError(
            f"row {number} of {file} holds the headings again, in another order: these are several files in one; import each by itself"
        )
    return False


def _first_rows(table: Table) -> list[tuple[str | None, ...]]:
    return table.head(_HEADING_WITHIN).rows()
