"""A workbook's cell as text."""

import math
from datetime import date, datetime, time, timedelta


def cell_text(cell: object) -> str | None:
    """Whole floats without a point, other floats as a spreadsheet shows them (15 digits), dates in ISO form; None: empty."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        return _number_text(cell)
    if isinstance(cell, datetime):
        return cell.replace(microsecond=0).isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return _duration_text(cell) if isinstance(cell, timedelta) else str(cell).replace("\0", "") or None


def _number_text(number: float) -> str:
    """Past 15 digits a spreadsheet has lost the rest: such a number keeps its exponent, so that ids made of it are refused."""
    if math.isfinite(number) and number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return format(number, ".15g") if abs(number) < 1e15 else repr(number) if "e" in repr(number) else f"{number:.14e}"


def _duration_text(cell: timedelta) -> str:
    return str(cell.total_seconds() / 86400)
