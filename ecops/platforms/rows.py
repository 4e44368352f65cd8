"""From a platform's raw rows to frames of the kinds. Pure.

Only what a field table names is looked at, so names, phones and addresses of receivers never get in. What is missing stays null.
A row with one cell that cannot be trusted is refused whole, with the cell and the reason beside the frame.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ecops.shop.availability import available_at
from ecops.shop.cells import SHOP_ZONE
from ecops.shop.kinds import INSTANT, KINDS, Kind
from ecops.shop.personal import FREE_TEXTS, phones_cut, without_phones

CHINA = timezone(timedelta(hours=8))
REFUSALS = pl.Schema({"kind": pl.String, "id": pl.String, "field": pl.String, "value": pl.String, "reason": pl.String})
_SHOWN = 80  # characters of a refused value
_LARGEST_FEN = 10**13
_WHOLE = re.compile(r"-?\d{1,18}")
_PERSON = re.compile(r"(\+?86)?1[3-9]\d{9}|.*@.+\..+")
_BOUNDS = {"min": "negative", "max": "rate_above_one", "nullability": "missing_value"}


class Untrusted(ValueError):
    """A cell that cannot be trusted; `code` is one of ecops/shop/reasons.py."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Reader = Callable[[Any], Any]
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A column's source: the `path` into the raw row (`post_addr.province.name`) and how the cell there is read."""

    path: str
    read: Reader
    needed: bool = False


@dataclass(frozen=True)
class Origin:
    """Whose rows they are, the call that gave them, and when it was made (aware)."""

    shop: str
    call: str
    now: datetime


@dataclass(frozen=True)
class Read:
    """Rows of one kind: `frame` has the kind's whole schema and unique keys; `refusals` (REFUSALS) are the rows left out."""

    kind: str
    frame: pl.DataFrame
    refusals: pl.DataFrame


def read_rows(kind: str, raws: Iterable[Raw], cells: Mapping[str, Cell], origin: Origin, version: str | None = None, sole: bool = False) -> Read:
    """`raws` as rows of `kind`; `cells` says where each column comes from.

    A row given twice counts once: the one with the larger `version` (path of a change time), else the one given last. `sole`: a report
    has one row a key, so two that differ are both refused.
    """
    table = KINDS[kind]
    rows: dict[tuple, dict] = {}
    refusals: dict[tuple, list[dict]] = {}
    for raw in sorted(raws, key=lambda one: _version(one, version)):
        row, faults = _row(kind, raw, cells)
        key = tuple(row.get(name) for name in table.key)
        if sole and not faults and rows.get(key, row) != row:
            faults = [{"kind": kind, "id": _name(table, row), "field": table.key[-1], "value": _shown(key[-1]), "reason": "duplicate_key"}]
        # The newest version of a row decides, also when it is the one that is refused.
        rows.pop(key, None), refusals.pop(key, None)
        if faults:
            refusals[key if None not in key else (*key, len(refusals))] = faults
        else:
            rows[key] = row
    return _checked(table, list(rows.values()), [fault for faults in refusals.values() for fault in faults], origin)


def at(raw: Any, path: str) -> Any:
    """What lies at `path` of a raw row; None where a part of the way is missing."""
    for name in path.split("."):
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


def listed(raw: Any, path: str) -> list[Any]:
    """The list at `path`; empty where there is none. TOP wraps lists once more in an object of one name, others do not."""
    found = at(raw, path)
    if isinstance(found, Mapping) and len(found) == 1:
        found = next(iter(found.values()))
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def text(cell: Any) -> str | None:
    """Any text, trimmed; blank is unknown."""
    if isinstance(cell, bool) or isinstance(cell, Mapping | list):
        raise Untrusted("missing_value")
    return None if cell is None else str(cell).strip() or None


def identity(cell: Any) -> str | None:
    """An id as text. A number with a point or an exponent has lost digits on its way."""
    found = text(cell)
    if found is not None and re.fullmatch(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+|\d{16,}\.0+", found):
        raise Untrusted("digits_lost")
    return found if found != "0" else None


def yuan(cell: Any) -> int | None:
    """Yuan as text or number -> fen; more than two decimals are refused."""
    return _fen(cell, 100)


def fen(cell: Any) -> int | None:
    """Fen as a whole number."""
    return _fen(cell, 1)


def li(cell: Any) -> int | None:
    """Thousandths of a yuan -> fen, rounded half to even; advertising is charged finer than a fen."""
    value = _number(cell, "not_money")
    return None if value is None else _within(int((value / 10).to_integral_value()))


def fen_rounded(cell: Any) -> int | None:
    """A mean in fen, rounded to whole fen."""
    value = _number(cell, "not_money")
    return None if value is None else _within(int(value.to_integral_value()))


def count(cell: Any) -> int | None:
    """A whole number; `12.0` is one."""
    value = _number(cell, "not_a_number")
    if value is None:
        return None
    if value != value.to_integral_value() or not _WHOLE.fullmatch(str(int(value))):
        raise Untrusted("not_a_number")
    return int(value)


def local(cell: Any) -> datetime | None:
    """`2026-11-11 00:00:01` of GMT+8 -> UTC."""
    found = text(cell)
    if found is None or found.startswith("0000"):
        return None
    try:
        return datetime.strptime(found, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC)
    except ValueError:
        raise Untrusted("not_a_date") from None


def unix(cell: Any) -> datetime | None:
    """Seconds since 1970 -> UTC; 0 is how platforms write "not yet"."""
    try:
        value = count(cell)
        if not value:
            return None
        # Before 2000 or after 2100 it is no second count: milliseconds, or a broken clock.
        if not 946_684_800 <= value < 4_102_444_800:
            raise Untrusted("not_a_date")
        return datetime.fromtimestamp(value, UTC)
    except Untrusted:
        raise Untrusted("not_a_date") from None


def day(cell: Any) -> date | None:
    """`2026-11-11`, with or without a time behind it."""
    found = text(cell)
    try:
        return None if found is None else date.fromisoformat(found[:10])
    except ValueError:
        raise Untrusted("not_a_date") from None


def day_of(read: Reader) -> Reader:
    """A reader of the shop's calendar day of an instant."""

    def read_day(cell: Any) -> date | None:
        moment = read(cell)
        return None if moment is None else moment.astimezone(ZoneInfo(SHOP_ZONE)).date()

    return read_day


def choice(meanings: Mapping[str, Any]) -> Reader:
    """A reader of fixed words or numbers; one not known stays unknown."""
    return lambda cell: meanings.get(str(cell).strip()) if cell is not None else None


def constant(value: Any) -> Reader:
    """A reader that gives `value` whatever is there."""
    return lambda cell: value


def open_id(hashed: Callable[[str], str] | None) -> Reader:
    """A reader of a buyer's open id; one that is a phone number or a mail address is hashed, or left out."""

    def read(cell: Any) -> str | None:
        found = identity(cell)
        if found is None or not _PERSON.fullmatch(found):
            return found
        return hashed(found) if hashed else None

    return read


def _row(kind: str, raw: Raw, cells: Mapping[str, Cell]) -> tuple[dict, list[dict]]:
    row, faults = {}, []
    for column, cell in cells.items():
        value = at(raw, cell.path)
        try:
            row[column] = cell.read(value)
            if cell.needed and row[column] is None:
                raise Untrusted("missing_value")
        except Untrusted as fault:
            # A cell we put together ourselves has no name the platform knows.
            faults.append({"field": column if cell.path.startswith("_") else cell.path, "value": _shown(value), "reason": fault.code})
    return row, [{"kind": kind, "id": _name(KINDS[kind], row), **fault} for fault in faults]


def _name(table: Kind, row: Mapping[str, Any]) -> str:
    """The key of a row in one line, as far as it is known."""
    return " ".join(str(row[part]) for part in table.key if row.get(part) is not None)


def _checked(table: Kind, rows: Sequence[dict], refusals: list[dict], origin: Origin) -> Read:
    """What the kind's own schema refuses is refused here too, so that the lake takes the rest."""
    frame = pl.DataFrame(rows, schema=table.columns).with_columns(
        phones_cut(pl.col(name)) for name in FREE_TEXTS if name in table.columns
    ).with_columns(
        available_at(table.name), shop=pl.lit(origin.shop), imported_at=pl.lit(origin.now).cast(INSTANT), source_file=pl.lit(origin.call),
        source_sheet=pl.lit(""), source_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
    ).select(table.schema.names())
    if "facts_as_of" in table.columns:
        frame = frame.with_columns(facts_as_of=pl.lit(origin.now).cast(INSTANT))
    good, failure = table.checked.filter(frame)
    if len(failure):
        refusals = [*refusals, *_broken(table, failure)]
    return Read(table.name, pl.DataFrame(good), pl.DataFrame(refusals, schema=REFUSALS))


def _broken(table: Kind, failure: Any) -> list[dict]:
    details, columns = failure.details(), {rule.code: rule.column for rule in table.rules}
    faults = []
    for name in failure.counts():
        column, _, bound = name.rpartition("|")
        column, code = (column, _BOUNDS[bound]) if column else (columns[name], name)
        for row in details.filter(pl.col(name) == "invalid").iter_rows(named=True):
            faults.append({"kind": table.name, "id": _name(table, row), "field": column, "value": _shown(row[column]), "reason": code})
    return faults


def _version(raw: Raw, path: str | None) -> str:
    """Change times compare as texts: `yyyy-MM-dd HH:mm:ss`, or seconds of one length."""
    return "" if path is None else str(at(raw, path) or "")


def _number(cell: Any, code: str) -> Decimal | None:
    found = None if isinstance(cell, bool) else text(cell)
    if isinstance(cell, bool):
        raise Untrusted(code)
    if found is None:
        return None
    try:
        value = Decimal(found)
    except InvalidOperation:
        raise Untrusted(code) from None
    if not value.is_finite() or abs(value) > _LARGEST_FEN:
        raise Untrusted(code)
    return value


def _fen(cell: Any, factor: int) -> int | None:
    value = _number(cell, "not_money")
    if value is None:
        return None
    if (value := value * factor) != value.to_integral_value():
        raise Untrusted("not_money")
    return _within(int(value))


def _within(value: int) -> int:
    if abs(value) > _LARGEST_FEN:
        raise Untrusted("not_money")
    return value


def _shown(value: Any) -> str:
    """A refused cell as people may see it: short, no structure, no phone numbers."""
    plain = "" if value is None or isinstance(value, Mapping | list) else str(value)
    return without_phones(plain)[:_SHOWN]
