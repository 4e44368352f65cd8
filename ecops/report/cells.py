"""One value of a list: what it is, as a typed value for a workbook and as text for a page. No value stays no value, never 0."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ecops.report.headings import MONEY, PERCENT, column

NOTHING, TEXT, NUMBER, CASH, SHARE, INSTANT, DAY = "nothing", "text", "number", "money", "share", "instant", "day"
NONE = "–"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
# The parts of a gap are of different units: of which column each is.
_PARTS = {"conversion": "conversion", "aov": "aov_fen"}


@dataclass(frozen=True)
class Cell:
    """A value (aware instants moved to the reader's zone and made naive; money a Decimal in yuan; a share a fraction) and its kind."""

    value: Any
    kind: str

    @property
    def text(self) -> str:
        """As a page shows it."""
        return _TEXTS[self.kind](self.value)


def clean(text: Any) -> str:
    """Text without what neither a page nor a workbook may hold: control characters and halves of a letter."""
    return _CONTROL.sub("", str(text)).encode("utf-8", "replace").decode("utf-8")


def cell(name: str, value: Any, zone: tzinfo, row: Mapping[str, Any] | None = None) -> Cell:
    """A value of the column `name` of a list's `row`."""
    name = _measured_by(name, row or {})
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Cell(None, NOTHING)
    if isinstance(value, bool):
        return Cell("是 yes" if value else "否 no", TEXT)
    if isinstance(value, int | float | Decimal):
        return _figure(name, value)
    if isinstance(value, datetime | date):
        return moment(value, zone)
    if isinstance(value, str):
        return _read(value, zone)
    return Cell(clean(_joined(value, zone)), TEXT)


def _measured_by(name: str, row: Mapping[str, Any]) -> str:
    """Of which column the unit is, where another cell of the row says what is measured: a figure of a report, a part of a gap."""
    if name in ("value", "before") and isinstance(row.get("figure"), str):
        return row["figure"]
    if name in ("plan", "actual") and "part" in row:
        return _PARTS.get(row["part"], name)
    return name


def _figure(name: str, value: int | float | Decimal) -> Cell:
    unit = column(name).unit
    if unit == MONEY:
        return Cell((Decimal(str(value)) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP) if abs(value) < 1e20 else Decimal(str(value)) / 100, CASH)
    # a whole number is a count, whatever a fraction of the same name is
    return Cell(float(value), SHARE) if unit == PERCENT and not isinstance(value, int) else Cell(value, NUMBER)


def moment(value: datetime | date, zone: tzinfo) -> Cell:
    """An aware instant in the reader's zone, to the minute; a day as it is."""
    if isinstance(value, datetime):
        return Cell((value.astimezone(zone) if value.tzinfo else value).replace(tzinfo=None, second=0, microsecond=0), INSTANT)
    return Cell(value, DAY)


def _read(value: str, zone: tzinfo) -> Cell:
    """A text; JSON keeps instants and days as texts too."""
    try:
        if _INSTANT.fullmatch(value):
            return moment(datetime.fromisoformat(value), zone)
        if _DAY.fullmatch(value):
            return moment(date.fromisoformat(value), zone)
    except (ValueError, OverflowError):
        return Cell(clean(value), TEXT)
    return Cell(clean(value), TEXT)


def _joined(value: Any, zone: tzinfo) -> str:
    """Lists and records on one line."""
    if isinstance(value, Mapping):
        return "，".join(f"{column(str(name)).zh or name}：{cell(str(name), one, zone, value).text}" for name, one in value.items() if one is not None)
    if isinstance(value, list | tuple):
        return "；".join(cell("", one, zone).text for one in value)
    return str(value)


def _plain_number(value: int | float | Decimal) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    digits = 2 if abs(value) >= 1 or value == 0 else min(12, 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_TEXTS = {
    NOTHING: lambda value: NONE,
    TEXT: str,
    NUMBER: _plain_number,
    CASH: lambda value: f"{value:,.2f}",
    SHARE: lambda value: f"{value * 100:,.1f}%",
    INSTANT: lambda value: f"{value:%Y-%m-%d %H:%M}",
    DAY: lambda value: value.isoformat(),
}
