"""A list of an automated step as a table: columns that say something, rows as cells, and how many there are in all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from ecops.report.cells import TEXT, Cell, cell, clean
from ecops.report.headings import Heading, column, list_title

_SAID = ("zh", "en")
STATUS = {"ok": "有结论 known", "unknown": "未知 unknown", "failed": "计算失败 failed"}


@dataclass(frozen=True)
class Table:
    """`rows` are the first of `total`; `blank` names columns without any value in them, which are left out."""

    title: Heading
    columns: tuple[tuple[str, Heading], ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    blank: tuple[Heading, ...] = ()


def names_of(rows: Sequence[Mapping[str, Any]], alone: bool = False) -> list[str]:
    """The columns of a list, in order; of a run that is `alone` with one shop, without the shop."""
    return [name for name in dict.fromkeys(name for row in rows for name in row) if not (alone and name == "shop")]


def table(name: str, rows: Sequence[Mapping[str, Any]], zone: tzinfo, limit: int, shops: Mapping[str, str]) -> Table:
    """The first `limit` rows of a list; `shops` are the run's names by key. What is said in two languages stands in one column, Chinese first."""
    shown = rows[:limit]
    names = names_of(rows, len(shops) == 1)
    if set(_SAID) <= set(names):
        names.remove("en")
    empty = [one for one in names if shown and all(_nothing(row.get(one)) for row in shown)]
    kept = [one for one in names if one not in empty]
    return Table(list_title(name), tuple((one, _heading(one)) for one in kept), tuple(tuple(_cell(row, one, zone, shops) for one in kept) for row in shown), len(rows), tuple(column(one) for one in empty))


def _nothing(value: Any) -> bool:
    return value is None or value == "" or value == []


def _heading(name: str) -> Heading:
    return Heading(column(name).zh, "what it says") if name == "zh" else column(name)


def shown(row: Mapping[str, Any], name: str, zone: tzinfo, shops: Mapping[str, str]) -> Cell:
    """A cell of a list as people read it: shops by name, verdicts and figures in words."""
    value = row.get(name)
    if name == "shop" and value in shops:
        return Cell(clean(shops[value]), TEXT)
    if name == "status" and value in STATUS:
        return Cell(STATUS[value], TEXT)
    if name == "figure" and (heading := column(str(value))).zh:
        return Cell(heading.zh, TEXT)
    return cell(name, value, zone, row)


def _cell(row: Mapping[str, Any], name: str, zone: tzinfo, shops: Mapping[str, str]) -> Cell:
    if name == "zh" and row.get("en") and row["en"] != row.get("zh"):
        return Cell("\n".join(cell(part, row.get(part), zone).text for part in _SAID), TEXT)
    return shown(row, name, zone, shops)
