"""The few that make up most: the smallest set whose sum reaches a share of the whole."""

from decimal import Decimal

import polars as pl


def smallest_set(frame: pl.LazyFrame, group: str, element: str, value: str, share: Decimal) -> pl.LazyFrame:
    """The rows of highest `value` (whole numbers) in each `group` until their sum reaches `share` of the group's, ties by `element`.

    The one that crosses the line is included, and a set that reaches it exactly is enough; rows of zero or less never belong (V. Pareto; domain.md 7).
    Adds `rank` (from 1), `running` and `total`; sorted by group and rank. Compared in whole numbers: no rounding of a float decides.
    """
    numerator, denominator = share.as_integer_ratio()
    running, total = pl.col(value).cum_sum().over(group), pl.col(value).sum().over(group)
    return (
        frame.filter(pl.col(value) > 0)
        .sort(group, value, element, descending=[False, True, False])
        .with_columns(running=running, total=total, rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(group))
        .filter((pl.col("running") - pl.col(value)) * denominator < pl.col("total") * numerator)
    )
