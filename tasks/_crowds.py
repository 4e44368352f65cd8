"""Rows that share something with enough others, found quickly among many that share nothing."""

import polars as pl


def crowded(rows: pl.DataFrame, by: list[str], least: int, different: pl.Expr | None = None) -> pl.DataFrame:
    """The rows of groups of at least `least` rows, or of so many `different` values (never null).

    Rows alone in their group go first, by a hash: they are most, and to count texts is slow. A clash of hashes only lets a row through to the count.
    """
    if least > 1:
        first, *others = (pl.col(name).hash(seed) for seed, name in enumerate(by))
        rows = rows.filter(sum(others, first).is_duplicated())
    if different is None:
        groups = rows.group_by(by).len().filter(pl.col("len") >= least)
    else:
        groups = rows.select(*by, different.alias("_different")).unique().group_by(by).len().filter(pl.col("len") >= least)
    return rows.join(groups.select(by), on=by, how="semi")
