"""The process that opens a workbook: `python -m ecops.shop.sheet.opening FILE NAME`.

Writes each sheet beside FILE as Arrow and lists them on standard output as JSON; on refusal writes the sentence there and ends with 3.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.cell import cell_text
from ecops.shop.sheet.package import damaged, locked
from ecops.shop.sheet.source import shown
from ecops.shop.sheet.table import frame_of, merged_in, must_hold

_MOST_MEMORY = 4 * 2**30


def main(path: Path, name: str) -> int:
    """Exit status: 0, or 3 for a refusal."""
    limit = min(_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1] % 2**64)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # a Rust panic is no Exception: it ends this process, which says enough
    try:
        answer, status = json.dumps(_sheets(path, name)), 0
    except ShopDataError as error:
        answer, status = str(error), 3
    except (CalamineError, OSError, ValueError) as error:
        answer, status = str(locked(name) if "password" in str(error).lower() else damaged(name)), 3
    sys.stdout.write(answer)
    return status


def _sheets(path: Path, name: str) -> list[dict]:
    with CalamineWorkbook.from_path(path) as book:
        return [
            _sheet(path, book.get_sheet_by_name(sheet), f"sheet {shown(sheet)} of {name}", number) for number, sheet in enumerate(book.sheet_names)
        ]


def _sheet(path: Path, sheet: CalamineSheet, name: str, number: int) -> dict:
    bottom, right = sheet.end or (-1, -1)
    must_hold(name, bottom + 1, right + 1)
    frame = frame_of(name, _rows(sheet))
    areas = ((*first, *last) for first, last in sheet.merged_cell_ranges or ())
    merged = merged_in(name, areas, frame)
    target = path.with_name(f"{number}.arrow")
    frame.write_ipc(target)
    return {"name": sheet.name, "file": target.name, "merged": {row: sorted(columns) for row, columns in merged.items()}}


def _rows(sheet: CalamineSheet) -> Iterator[list[str | None]]:
    """Rows from the sheet's first on; calamine leaves out empty columns at the left."""
    left = [None] * (sheet.start[1] if sheet.start else 0)
    return (left + [cell_text(cell) for cell in row] for row in sheet.iter_rows())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
