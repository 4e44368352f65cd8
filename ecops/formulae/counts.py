"""How surprising a count is beside what was expected."""

import polars as pl


def count_z(count: pl.Expr, expected: pl.Expr) -> pl.Expr:
    """2 (sqrt(count + 3/8) - sqrt(expected + 3/8)): nearly standard normal for a Poisson count (Anscombe, Biometrika 1948)."""
    return 2 * ((count + 0.375).sqrt() - (expected + 0.375).sqrt())
