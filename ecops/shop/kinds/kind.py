"""A kind of data: its columns, its key, what a row of it must not claim, and the schema that checks frames of it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from ecops.shop.kinds.columns import COLUMNS

# Every row of every kind carries these: whose it is, from when on it could be known, and where it came from.
# `available_at` is the first moment at which the shop could have seen the row (a day report: the next midnight).
COMMON: dict[str, pl.DataType] = {
    name: COLUMNS[name].dtype for name in ("shop", "available_at", "imported_at", "source_file", "source_sheet", "source_row")
}
# Figures that may be below zero: fees and returns can cost the shop more than an order brought in.
_SIGNED = ("received_fen",)


@dataclass(frozen=True)
class Rule:
    """A row is refused with the reason `code`, shown at `column`, where `broken` holds; unknown never breaks a rule."""

    code: str
    column: str
    broken: pl.Expr


@dataclass(frozen=True)
class Kind:
    """One table of the lake: `columns` beside the common ones, and the `key` that makes a row unique within a shop."""

    name: str
    zh: str
    key: tuple[str, ...]
    columns: dict[str, pl.DataType]
    rules: tuple[Rule, ...] = field(default=(), compare=False)

    @property
    def schema(self) -> pl.Schema:
        """All columns of the table, the common ones first."""
        return pl.Schema(COMMON | self.columns)

    @cached_property
    def checked(self) -> Any:
        """The dataframely schema: types, key parts known, figures not negative, and the kind's rules.

        Made on first use: pages and tasks, which only read, never load the library.
        """
        import dataframely as dy

        columns = {name: _checked_column(dy, name, dtype, name in ("shop", *self.key)) for name, dtype in self.schema.items()}
        rules = {rule.code: dy.rule()(_holds(rule)) for rule in self.rules}
        return type(self.name, (dy.Schema,), columns | rules)


def _checked_column(dy: Any, name: str, dtype: pl.DataType, needed: bool) -> Any:
    makers = {pl.String: dy.String, pl.Date: dy.Date, pl.Boolean: dy.Bool}
    limits = {} if name in _SIGNED else {"": {}, "fraction": {"min": 0, "max": 1}}.get(COLUMNS[name].unit, {"min": 0})
    if dtype == pl.Int64:
        return dy.Int64(nullable=not needed, **limits)
    if dtype == pl.Float64:
        return dy.Float64(nullable=not needed, **limits)
    if isinstance(dtype, pl.Datetime):
        return dy.Datetime(time_unit="us", time_zone="UTC", nullable=not needed)
    return next(make for base, make in makers.items() if dtype == base)(nullable=not needed)


def _holds(rule: Rule) -> Any:
    def holds(cls: Any) -> pl.Expr:
        return ~rule.broken.fill_null(False)

    return holds
