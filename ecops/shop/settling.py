"""From typed rows to rows of the lake: what is derived, what contradicts itself or another row, what stands twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ecops.shop.availability import available_at
from ecops.shop.deriving import STEPS, Setting, also_rows
from ecops.shop.difference import WEIGHT
from ecops.shop.exports import Export
from ecops.shop.faults import PLACE, ROW, SHEET, faults_of, no_faults
from ecops.shop.kinds import COLUMNS, KINDS, Kind
from ecops.shop.personal import FREE_TEXTS, phones_cut
from ecops.shop.reading import MARK, PRINT, Batch

_BOUNDS = {"min": "negative", "max": "rate_above_one", "nullability": "missing_value"}
_NEVER_SUMMED = ("attribution_days", "period_days", "stars")


@dataclass(frozen=True)
class Origin:
    """Whose rows they are, the file's name, and the moment of the import (aware)."""

    shop: str
    file: str
    now: datetime


@dataclass(frozen=True)
class Settled:
    """`found`: all rows, typed; `fine`: those to be merged, with how many rows each stands for (WEIGHT); `also`: rows of further kinds.

    `untold`: how many of those could not be told. `repeated` rows said what another row had said; `faults` (FAULTS) are the
    reasons of all others.
    """

    found: pl.DataFrame
    fine: pl.DataFrame
    also: Mapping[str, pl.DataFrame]
    untold: Mapping[str, int]
    faults: pl.DataFrame
    repeated: int


def settle(export: Export, batches: Sequence[Batch], setting: Setting, origin: Origin) -> Settled:
    """All rows of the batches (one export) as rows of its kind."""
    kind = KINDS[export.kind]
    rows, faults = _derived(export, pl.concat([batch.rows for batch in batches], how="diagonal"), setting)
    faults = pl.concat([*(batch.faults for batch in batches), faults])
    found = completed(kind, rows, origin)
    faults = pl.concat([faults, _broken(kind, found, faults, setting)])
    kept = _drop_repeated(kind, found, faults, rows.select(*PLACE, PRINT) if export.grouped else None)
    faults = pl.concat([faults, _unsettled(export, kept, faults, setting)])
    fine = kept.join(faults.select(PLACE), on=PLACE, how="anti") if len(faults) else kept
    besides = {name: _told_besides(export, name, rows, fine, faults, origin) for name in export.also}
    also, untold = ({name: pair[place] for name, pair in besides.items()} for place in (0, 1))
    merged = _added_up(kind, fine) if export.grouped else fine.with_columns(pl.lit(1, dtype=pl.Int64).alias(WEIGHT))
    return Settled(found, merged, also, untold, faults.unique().sort(*PLACE, "column", "reason"), len(found) - len(kept))


def completed(kind: Kind, rows: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    """`rows` with all columns of the kind: those not there are unknown."""
    lacking = {name: dtype for name, dtype in kind.columns.items() if name not in rows.columns}
    whole = rows.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in lacking.items())
    texts = [name for name in FREE_TEXTS if name in kind.columns]
    return whole.with_columns(phones_cut(pl.col(name)) for name in texts).with_columns(
        available_at(kind.name), shop=pl.lit(origin.shop), source_file=pl.lit(origin.file),
        imported_at=pl.lit(origin.now).cast(COLUMNS["imported_at"].dtype),
    ).select(kind.schema.names())


def _derived(export: Export, rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    faults = [no_faults()]
    for name in export.derive:
        rows, more = STEPS[name](rows, setting)
        faults.append(more)
    return rows, pl.concat(faults)


def _broken(kind: Kind, rows: pl.DataFrame, faults: pl.DataFrame, setting: Setting) -> pl.DataFrame:
    """Faults of rows that the kind's schema refuses, unless the same cell was refused already."""
    _, failure = kind.checked.filter(rows)
    refused = failure.details() if len(failure) else rows.clear()
    columns = {rule.code: rule.column for rule in kind.rules}
    parts = [_breaking(refused, name, columns, setting) for name in (failure.counts() if len(failure) else ())]
    found = pl.concat([no_faults(), *parts])
    missing = pl.col("reason") == _BOUNDS["nullability"]
    # a part of the key that is missing follows, in a row refused already, from what it was refused for
    lacking = found.filter(missing).join(faults.select(PLACE), on=PLACE, how="anti")
    return pl.concat([lacking, found.filter(~missing).join(faults.select(*PLACE, "column"), on=[*PLACE, "column"], how="anti")])


def _breaking(refused: pl.DataFrame, name: str, columns: Mapping[str, str], setting: Setting) -> pl.DataFrame:
    column, _, bound = name.rpartition("|")
    column, code = (column, _BOUNDS[bound]) if column else (columns[name], name)
    return faults_of(refused.filter(pl.col(name) == "invalid"), setting.label(column), pl.col(column), code)


def _drop_repeated(kind: Kind, rows: pl.DataFrame, faults: pl.DataFrame, prints: pl.DataFrame | None) -> pl.DataFrame:
    """`rows` without those that only repeat an earlier one; rows refused anyway are left in.

    Equal are rows whose cells are, or, where `prints` tells, whose whole rows of the file are. Where rows are single events to be
    added up, equal rows are several events, but equal sheets are one.
    """
    if prints is not None and "times" in kind.columns:
        gone = _of_repeated_sheets(rows).join(faults.select(PLACE), on=PLACE, how="anti")
        return rows.join(gone, on=PLACE, how="anti", maintain_order="left") if len(gone) else rows
    twice = rows.filter(_key_of(kind).is_duplicated())
    if prints is not None:
        twice = twice.join(prints, on=PLACE, how="left", maintain_order="left")
    cells = [PRINT] if prints is not None else [name for name in rows.columns if name not in PLACE]
    fine = twice.join(faults.select(PLACE), on=PLACE, how="anti", maintain_order="left")
    gone = fine.filter(~pl.struct(cells).is_first_distinct()).select(PLACE)
    return rows.join(gone, on=PLACE, how="anti", maintain_order="left") if len(gone) else rows


def _of_repeated_sheets(rows: pl.DataFrame) -> pl.DataFrame:
    """The places of rows whose whole sheet says what an earlier one does, as in a zip that holds a file twice."""
    sheets = rows.partition_by(SHEET, maintain_order=True)
    facts = [sheet.drop(SHEET) for sheet in sheets]
    again = [sheets[at] for at in range(1, len(sheets)) if any(facts[at].equals(before) for before in facts[:at])]
    return pl.concat([rows.clear(), *again]).select(PLACE)


def _key_of(kind: Kind) -> pl.Expr:
    return pl.col(kind.key[0]) if len(kind.key) == 1 else pl.struct(kind.key)


def _unsettled(export: Export, rows: pl.DataFrame, faults: pl.DataFrame, setting: Setting) -> pl.DataFrame:
    """Faults of rows that cannot stand beside another row of their key."""
    kind = KINDS[export.kind]
    label = setting.label(kind.key[-1]) or setting.label("title")
    complete = rows.drop_nulls(list(kind.key)).filter(_key_of(kind).is_duplicated())
    marked = complete.join(faults.select(PLACE).unique().with_columns(_bad=True), on=PLACE, how="left").with_columns(pl.col("_bad").fill_null(False))
    shown = pl.concat_str([pl.col(name).cast(pl.String) for name in kind.key], separator=" ")
    if export.grouped:
        partial = marked.filter(pl.col("_bad").any().over(kind.key) & ~pl.col("_bad"))
        return faults_of(partial, label, shown, "part_of_refused")
    # the first row that is otherwise fine keeps the key
    ranked = marked.sort("_bad", SHEET, ROW)
    return faults_of(ranked.filter(~pl.struct(kind.key).is_first_distinct()), label, shown, "duplicate_key")


def _added_up(kind: Kind, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one key as one row: figures that count are added, others must agree to be known."""
    rest = [name for name in kind.schema.names() if name not in ("shop", *kind.key)]
    counted = {name for name in kind.columns if COLUMNS[name].unit not in ("", "fraction", "seconds", "points") and not _is_mean(name)}
    return rows.group_by(["shop", *kind.key], maintain_order=True).agg(
        *(_sum(name) if name in counted else pl.col(name).first() if name in PLACE else _agreed(name) for name in rest),
        pl.len().cast(pl.Int64).alias(WEIGHT),
    )


def _is_mean(name: str) -> bool:
    return name in _NEVER_SUMMED or name.endswith("_cpc_fen")


def _sum(name: str) -> pl.Expr:
    """An unknown part makes the sum unknown."""
    return pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum()).alias(name)


def _agreed(name: str) -> pl.Expr:
    known = pl.col(name).drop_nulls()
    return pl.when(known.n_unique() == 1).then(known.first()).alias(name)


def _told_besides(
    export: Export, name: str, rows: pl.DataFrame, fine: pl.DataFrame, faults: pl.DataFrame, origin: Origin
) -> tuple[pl.DataFrame, int]:
    """Rows of the kind `name` that the fine rows tell, and how many could not be told.

    An order of which a line was refused is not told by its other lines.
    """
    kind = KINDS[name]
    whole = len(fine) == len(rows)
    kept = (rows if whole else rows.join(fine.select(PLACE), on=PLACE, how="semi")).drop(MARK, PRINT, strict=False)
    torn = pl.Series(dtype=pl.String)
    if kind.key == ("order_id",):
        torn = rows.join(faults.select(PLACE), on=PLACE, how="semi")["order_id"].drop_nulls().unique()
    kept = kept.filter(~pl.col("order_id").is_in(torn.implode())) if len(torn) else kept
    told = completed(kind, also_rows(export, name, kept), origin)
    good, failure = kind.checked.filter(told)
    sole = pl.DataFrame(good).unique(["shop", *kind.key], keep="first", maintain_order=True)
    return sole, len(torn) + len(failure)
