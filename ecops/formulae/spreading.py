"""An amount in whole fen spread over the rows it belongs to."""

import polars as pl


def spread(total: pl.Expr, value: pl.Expr, by: list[str], order: str) -> pl.Expr:
    """`total` (whole fen, the same on every row of a group `by`) spread by `value`: each row gets the whole fen of its share,
    the last row in `order` (unique in its group) the remainder, so that the rows add up to the total (coupons over order lines, price
    protection).

    Null in the whole group where a row's value is unknown or the values add up to nothing: no share can be told.
    """
    whole, size = value.sum().over(by), pl.len().over(by)
    part = (total.cast(pl.Int128) * value // whole).cast(pl.Int64)
    is_last = pl.col(order) == pl.col(order).max().over(by)  # no ranking inside each of many small groups: that is slow
    rest = pl.when(is_last).then(total - part.sum().over(by)).otherwise(0)
    told = (value.count().over(by) == size) & (whole > 0)
    return pl.when(told).then(part + rest)
