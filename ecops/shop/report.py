"""What an import did, as `ecops import --json` prints it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ecops.quantity import format_money
from ecops.shop.kinds import COLUMNS
from ecops.shop.reading import Sum

# The amount by which a kind is told first.
_MAIN = {
    "orders": "total_fen", "order_lines": "paid_fen", "refunds": "amount_fen", "item_days": "pay_amount_fen", "hours": "pay_amount_fen",
    "traffic_days": "pay_amount_fen", "ad_days": "spend_fen", "service_days": "sales_fen",
}


@dataclass(frozen=True)
class Refusal:
    """One reason why one row was refused: `row` as the spreadsheet numbers it, `reason` a code of docs/data.md."""

    row: int
    column: str
    value: str | None
    reason: str
    sentence: str
    sheet: str


@dataclass(frozen=True)
class Totals:
    """The file's main amount in yuan: what a total row states (None without one), what the rows add up to, stated less summed.

    `columns`: the same for every column of the total row; money in yuan, counts as they are.
    """

    stated: str | None = None
    summed: str | None = None
    difference: str | None = None
    columns: tuple[dict[str, str | int], ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """rows == loaded + duplicates + replaced + refused (rows, not reasons) + total_rows.

    `also`: kinds that the same rows tell besides, with how many rows of theirs were new, known and corrected.
    """

    file: str
    kind: str
    export: str
    rows: int
    loaded: int
    duplicates: int
    replaced: int
    quarantined: tuple[Refusal, ...]
    refused: int
    total_rows: int
    totals: Totals
    reasons: dict[str, int]
    notes: tuple[str, ...]
    also: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, texts and numbers, ready for `json.dumps`."""
        plain = asdict(self)
        totals = plain["totals"] | {"columns": list(plain["totals"]["columns"])}
        return plain | {"quarantined": list(plain["quarantined"]), "notes": list(plain["notes"]), "totals": totals}


def totals_of(kind: str, sums: Iterable[Sum], summed: int | None) -> Totals:
    """Totals of a file from what its total rows state; `summed`: all readable amounts of the kind's main column, in fen."""
    every = tuple(sums)
    main = next((one for one in every if one.column == _MAIN.get(kind)), None)
    columns = tuple(
        {"column": one.column, "heading": one.heading, "stated": shown(one, one.stated), "summed": shown(one, one.summed),
         "difference": shown(one, one.difference)} for one in every
    )
    if main is None:
        return Totals(summed=None if summed is None else format_money(summed), columns=columns)
    return Totals(format_money(main.stated), format_money(main.summed), format_money(main.difference), columns)


def main_column(kind: str) -> str | None:
    """The column of the kind's main amount."""
    return _MAIN.get(kind)


def shown(one: Sum, number: int) -> str | int:
    """A figure of a total row for people: money in yuan, a count as it is."""
    return format_money(number) if COLUMNS[one.column].unit == "fen" else number
