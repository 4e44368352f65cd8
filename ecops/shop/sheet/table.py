"""What every format is read into."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice, zip_longest

import polars as pl

from ecops.shop.errors import ShopDataError

EPOCH_1900, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)

MOST_CELLS = 50_000_000
MOST_COLUMNS = 16_384
LONGEST_CELL = 100_000
ROWS_OF_A_PART = 100_000

# Rows held as Python objects at a time: few enough for rows as wide as a spreadsheet allows.
_ROWS_AT_ONCE = 2_000
_MOST_MERGED_ROWS = 5_000_000

Area = tuple[int, int, int, int]


@dataclass(frozen=True)
class Records:
    """The rows of a delimited text as it has them: cells of the `widest` and, asked for, of each (`lengths`).

    `ends_at`: cells of the last one, where the text ends in it without a line break.
    """

    widest: int
    lengths: Callable[[], list[int]]
    ends_at: int | None


@dataclass(frozen=True)
class Table:
    """One sheet. `rows`: columns c0, c1 ... all String, null for an empty cell; the first is row 1 of the sheet.

    Of a large text, `rows` gives them anew in parts, so that they are never all in memory. Of a text, rows are records, as a
    spreadsheet numbers them: a quoted cell may run over lines, a first line `sep=;` is no row.
    `sheet` is "" for texts; in a zip of several files "orders.csv" or "orders.xlsx/Sheet1". `epoch`: day 0 of serial dates.
    `records`: what a delimited text tells besides.
    `merged`: row (0-based) -> columns (0-based) of its cells that lie in a merged area but are not its first cell.
    """

    sheet: str
    rows: pl.DataFrame | Callable[[], Iterator[pl.DataFrame]]
    epoch: date = EPOCH_1900
    merged: Mapping[int, frozenset[int]] = field(default_factory=dict)
    records: Records | None = None

    def parts(self) -> Iterator[pl.DataFrame]:
        """All rows in order, some at a time. Raises ShopDataError where a large text is not well-formed."""
        return self.rows.iter_slices(ROWS_OF_A_PART) if isinstance(self.rows, pl.DataFrame) else self.rows()

    def head(self, number: int) -> pl.DataFrame:
        """The first rows."""
        return next(self.parts(), pl.DataFrame()).head(number)

    @property
    def frame(self) -> pl.DataFrame:
        """All rows at once."""
        return self.rows if isinstance(self.rows, pl.DataFrame) else finished(self.sheet, pl.concat(self.parts(), how="diagonal"))


def names_of(width: int) -> list[str]:
    """c0, c1 ..."""
    return [f"c{index}" for index in range(width)]


def frame_of(name: str, rows: Iterable[Sequence[str | None]]) -> pl.DataFrame:
    """Ragged rows as a frame, padded to the widest. Raises ShopDataError for too many cells (`name`: what holds them)."""
    frames, height, width = [], 0, 0
    for part in _parts(rows):
        height, width = height + len(part), max(width, *map(len, part))
        must_hold(name, height, width)
        frames.append(_columns(part, max(width, 1)))
    return finished(name, pl.concat(frames, how="diagonal") if frames else pl.DataFrame())


def must_hold(name: str, height: int, width: int) -> None:
    """Raises ShopDataError for an area larger than can be read."""
    if width > MOST_COLUMNS:
        raise ShopDataError(f"{name} has more than {MOST_COLUMNS:,} columns; delete the empty ones or export it again")
    if height * width > MOST_CELLS:
        raise ShopDataError(f"{name} has more than {MOST_CELLS:,} cells; delete its empty rows and columns or split it")


def finished(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without empty columns at its right. Raises ShopDataError for a cell too long to be one."""
    filled = [index for index, column in enumerate(frame) if column.null_count() < len(column)]
    return checked(name, frame[:, : max(filled, default=0) + 1])


def checked(name: str, frame: pl.DataFrame, before: int = 0) -> pl.DataFrame:
    """The frame, `before` rows into its sheet. Raises ShopDataError for a cell too long to be one."""
    for column in frame:
        # bytes are counted for nothing; characters only where bytes are many
        if (column.str.len_bytes().max() or 0) > LONGEST_CELL and (row := (column.str.len_chars() > LONGEST_CELL).arg_max()) is not None:
            if len(column[row] or "") > LONGEST_CELL:
                raise ShopDataError(f"row {before + row + 1} of {name} has a cell of more than {LONGEST_CELL:,} characters; shorten it")
    return frame


def merged_in(name: str, areas: Iterable[Area], frame: pl.DataFrame) -> dict[int, frozenset[int]]:
    """Table.merged of areas (first row, first column, last row, last column), as far as the frame goes. Raises ShopDataError."""
    covered: dict[int, frozenset[int]] = {}
    touched = 0
    for top, left, bottom, right in areas:
        columns = frozenset(range(left, min(right, frame.width - 1) + 1))
        rows = range(top, min(bottom, frame.height - 1) + 1)
        touched += len(rows)
        if touched > _MOST_MERGED_ROWS:
            raise ShopDataError(f"{name} merges too many cells; unmerge them or export it again")
        for row in rows:
            covered[row] = covered.get(row, frozenset()) | (columns - {left} if row == top else columns)
    return {row: columns for row, columns in covered.items() if columns}


def _parts(rows: Iterable[Sequence[str | None]]) -> Iterator[list[Sequence[str | None]]]:
    left = iter(rows)
    return iter(lambda: list(islice(left, _ROWS_AT_ONCE)), [])


def _columns(rows: list[Sequence[str | None]], width: int) -> pl.DataFrame:
    texts = list(zip_longest(*rows)) or [(None,) * len(rows)]
    frame = pl.DataFrame({f"c{index}": pl.Series(column, dtype=pl.String) for index, column in enumerate(texts)})
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in names_of(width)[frame.width :]]
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all())).with_columns(missing)
