"""What a frame would change in a table: new rows, rows with other values, and rows that only take another item id."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ecops.shop.kinds import COMMON, Kind

# Where a row came from, and up to when its source could know: they never make two rows different.
PROVENANCE = tuple(name for name in COMMON if name not in ("shop", "available_at"))
_SILENT = {*PROVENANCE, "available_at", "facts_as_of"}
GONE = "_gone"
# How many rows of a file a row of a frame stands for.
WEIGHT = "_weight"


@dataclass(frozen=True)
class Difference:
    """`rows`: what to write (schema of the kind and GONE: true where the key is to be removed); the counts are of file rows."""

    rows: pl.DataFrame
    loaded: int
    duplicates: int
    replaced: int

    @property
    def only_new(self) -> bool:
        """Whether it only adds rows."""
        return not self.replaced and not self.rows[GONE].any()


def difference(kind: Kind, held: pl.DataFrame, frame: pl.DataFrame, renamed: Mapping[str, str] | None = None) -> Difference:
    """Compare `frame` (unique keys; each row stands for WEIGHT rows) with the rows `held` for its shops.

    Only values the frame provides count: a null never erases what is held. `renamed` maps held item ids to the ids
    they turned out to be; such rows move, and join a row already held under the new id.
    """
    if held.is_empty():
        return Difference(frame.select(kind.schema.names()).with_columns(pl.lit(False).alias(GONE)), frame[WEIGHT].sum(), 0, 0)
    moved, removed = _moves(kind, held, renamed or {})
    kept = _join(kind, held, moved) if len(moved) else held
    merged = _overlay(kind, frame, kept)
    loaded, replaced = (merged.filter(name)[WEIGHT].sum() for name in ("_new", "_changed"))
    written = merged.filter(pl.col("_new") | pl.col("_changed")).select(kind.schema.names())
    carried = moved.select(_keys(kind)).join(written, on=_keys(kind), how="anti").join(kept, on=_keys(kind), how="semi")
    carried = kept.join(carried, on=_keys(kind), how="semi").select(kind.schema.names())
    alive = pl.concat([written, carried]).with_columns(pl.lit(False).alias(GONE))
    rows = pl.concat([alive, removed.select(kind.schema.names()).with_columns(pl.lit(True).alias(GONE))])
    return Difference(rows, loaded, frame[WEIGHT].sum() - loaded - replaced, replaced)


def _keys(kind: Kind) -> list[str]:
    return ["shop", *kind.key]


def _moves(kind: Kind, held: pl.DataFrame, renamed: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The held rows under their new ids, and the same rows under the ids that go away."""
    removed = held.filter(pl.col("item_id").is_in(list(renamed))) if renamed else held.clear()
    if not renamed:
        return removed, removed
    moved = removed.with_columns(pl.col("item_id").replace(renamed))
    return moved.unique(_keys(kind), keep="first", maintain_order=True), removed


def _join(kind: Kind, held: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """`held` with the moved rows under their new keys; what a row there lacks, the moved one gives."""
    keys = _keys(kind)
    rest = [name for name in kind.schema.names() if name not in keys]
    both = held.join(moved.select(*keys, *rest), on=keys, how="full", suffix="_moved", coalesce=True)
    return both.select(*keys, *(pl.coalesce(name, f"{name}_moved").alias(name) for name in rest)).select(kind.schema.names())


def _overlay(kind: Kind, frame: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Each row of `frame` laid over the held one, with `_new` and `_changed`; rows that change nothing keep their provenance."""
    keys = _keys(kind)
    rest = [name for name in kind.schema.names() if name not in keys]
    both = frame.join(held.with_columns(pl.lit(True).alias("_held")), on=keys, how="left", suffix="_held", maintain_order="left")
    compared = [name for name in rest if name not in _SILENT]
    differs = pl.any_horizontal(pl.lit(False), *(_differs(name) for name in compared))
    new = pl.col("_held").is_null()
    return both.with_columns(new.alias("_new"), (~new & differs).alias("_changed")).with_columns(
        pl.coalesce(name, f"{name}_held").alias(name) for name in rest
    )


def _differs(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"{name}_held"))
