"""How fast stock turns and how long it lasts. Nothing sold gives no figure: it never runs out, which is not a number of days."""

import polars as pl


def turns(units_sold: pl.Expr, average_stock: pl.Expr) -> pl.Expr:
    """Stock turns of a period: cost of goods sold / average stock. An item's cost is the same on both sides, so units stand for it."""
    return pl.when(average_stock > 0).then(units_sold / average_stock)


def days_of_turnover(turned: pl.Expr, days: int) -> pl.Expr:
    """Days one turn takes: days of the period / turns; null when nothing turned."""
    return pl.when(turned > 0).then(days / turned)


def days_of_cover(stock: pl.Expr, units_sold: pl.Expr, days: pl.Expr) -> pl.Expr:
    """Days the stock lasts: stock / mean daily sales of `days` days; null when nothing was sold."""
    return pl.when(units_sold > 0).then(stock * days / units_sold)
