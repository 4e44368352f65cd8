"""A sheet that is filled cell by cell, with areas that span several cells."""

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.table import MOST_CELLS, MOST_COLUMNS, Area, Table, frame_of, merged_in

_MOST_ROWS = 1_048_576
_MOST_AREAS = 1_000_000


class Grid:
    """Rows of texts under construction. `name`: the sheet, for messages. Its methods raise ShopDataError for too much of anything."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: list[list[str | None]] = []
        self._areas: list[Area] = []
        self._cells = 0

    def begin(self, row: int) -> None:
        """Makes `row` (0-based) the last one; rows left out before it are empty."""
        if row >= _MOST_ROWS:
            raise ShopDataError(f"{self._name} has more than {_MOST_ROWS:,} rows; export a shorter period")
        self._rows.extend([] for _ in range(row + 1 - len(self._rows)))

    def put(self, row: int, column: int, text: str | None, down: int = 0, across: int = 0) -> None:
        """Fills a cell of a row that has begun; `down` and `across`: how many more rows and columns it spans."""
        if column + across >= MOST_COLUMNS:
            raise ShopDataError(f"row {row + 1} of {self._name} has more than {MOST_COLUMNS:,} columns; delete the empty ones or export it again")
        cells = self._rows[row]
        self._cells += max(0, column + 1 - len(cells))
        if self._cells > MOST_CELLS or len(self._areas) > _MOST_AREAS:
            raise ShopDataError(f"{self._name} has more than {MOST_CELLS:,} cells; delete its empty rows and columns or split it")
        cells.extend([None] * (column + 1 - len(cells)))
        cells[column] = text
        if down or across:
            self._areas.append((row, column, row + down, column + across))

    @property
    def height(self) -> int:
        """Rows begun so far."""
        return len(self._rows)

    def table(self, sheet: str) -> Table:
        """All of it, as the table `sheet`."""
        frame = frame_of(self._name, self._rows)
        return Table(sheet, frame, merged=merged_in(self._name, self._areas, frame))
