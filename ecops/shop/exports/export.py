"""One export: which headings tell it, and which column each heading fills."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ecops.shop import cells
from ecops.shop.exports.heading import heading
from ecops.shop.kinds import COLUMNS, INSTANT, KINDS


@dataclass(frozen=True)
class Export:
    """It is recognised when all `required` columns have a heading; a row without a `needed` value is refused.

    `kind` is what a row is; `also` are kinds that its rows tell besides. `headings`: column -> the headings that may fill
    it, first one first. `hashed` columns are kept as keyed hashes only. `read`: column -> converter where the column's type
    does not tell it. `derive`: steps of `deriving.STEPS`, in order. `dated`: the day may stand in the file's name or notes.
    `grouped`: rows with one key are added up instead of contradicting each other. `absent`: columns whose headings must
    not be there. `constants`: values the export leaves unsaid. `texts`: column -> the platform's fixed texts and what they mean.
    """

    name: str
    platform: str
    kind: str
    headings: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    needed: tuple[str, ...]
    also: tuple[str, ...] = ()
    hashed: frozenset[str] = frozenset()
    read: Mapping[str, str] = field(default_factory=dict)
    derive: tuple[str, ...] = ()
    dated: bool = False
    grouped: bool = False
    absent: tuple[str, ...] = ()
    constants: Mapping[str, str | int] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def match(self, there: Iterable[str]) -> dict[str, str] | None:
        """Column -> the (normalised) heading that fills it; None when these are not the export's headings."""
        seen = set(there)
        found = {column: next((name for name in names if name in seen), None) for column, names in self.headings.items()}
        found = {column: name for column, name in found.items() if name}
        lacking = set(self.required) - set(found) - ({"date"} if self.dated else set())
        return None if lacking or set(self.absent) & set(found) else found

    def lacking(self, there: Iterable[str]) -> list[str]:
        """The required columns for which no heading is there."""
        seen = set(there)
        return [column for column in self.required if not seen & set(self.headings[column])]

    def names_of(self, column: str) -> str:
        """The heading that fills `column`, for people."""
        return self.headings[column][0]

    def converter(self, column: str) -> cells.Converter:
        """How the cells of `column` are read."""
        if column in self.hashed:
            return cells.text
        if column in self.texts:
            return cells.choice(self.texts[column])
        return cells.CONVERTERS[self.read[column]] if column in self.read else converter_of(column)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the kinds it fills that it has a heading, a constant or a step for."""
        return tuple(self.headings)


def fillable(kind: str, also: Iterable[str]) -> set[str]:
    """The columns of the kinds an export fills."""
    return {column for name in (kind, *also) for column in KINDS[name].columns}


def converter_of(column: str) -> cells.Converter:
    """The converter that a column's name and type ask for."""
    special = {"status": cells.status, "month": cells.month}
    if column in special:
        return special[column]
    if column not in COLUMNS:
        return cells.text
    known = COLUMNS[column]
    by_unit = {"fen": cells.money, "fraction": cells.rate, "seconds": cells.seconds, "points": cells.number}
    if known.unit:
        return by_unit.get(known.unit, cells.count)
    if column.endswith("_id"):
        return cells.identity
    by_type = {"Int64": cells.count, "Date": cells.day, "Boolean": cells.flag, str(INSTANT): cells.instant}
    return by_type.get(str(known.dtype), cells.text)


def normalised(names: Iterable[str]) -> tuple[str, ...]:
    """Headings as they are compared."""
    return tuple(dict.fromkeys(heading(name) for name in names))
