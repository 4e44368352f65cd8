"""How many rows of each list a shop has, beside its other facts."""

import polars as pl


def counted(facts: pl.DataFrame, lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """`facts` (one row a shop) with the number of rows of each list, 0 where a shop has none."""
    for name, frame in lists.items():
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts.with_columns(pl.col(*lists).fill_null(0))


def said(number: pl.Expr) -> pl.Expr:
    """A number as text, `—` where it is unknown: a summary with one gap is still a summary."""
    return number.cast(pl.String).fill_null("—")
