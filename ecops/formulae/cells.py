"""Cells of a table that are too small to show: a count of three tells who the three are."""

import polars as pl


def hidden(count: pl.Expr, by: list[str], least: int, ties: list[str]) -> pl.Expr:
    """Which cells to fold together: those under `least`, and the next larger ones until what is folded reaches `least`.

    Primary and complementary suppression (Hundepool et al., Statistical Disclosure Control, 2012): one small cell alone could
    be had back from the total. Whole numbers; `ties` are the columns that settle equal counts.
    """
    before = count.cum_sum().over(by, order_by=[count, *ties]) - count
    return (count < least) | ((before > 0) & (before < least))
