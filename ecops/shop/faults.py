"""Faults: one line for each reason why a row cannot be trusted."""

import polars as pl

SHEET, ROW = "source_sheet", "source_row"
PLACE = [SHEET, ROW]
FAULTS = pl.Schema({SHEET: pl.String, ROW: pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String})


def no_faults() -> pl.DataFrame:
    """An empty frame of FAULTS."""
    return pl.DataFrame(schema=FAULTS)


def faults_of(rows: pl.DataFrame, label: str, value: pl.Expr, code: str) -> pl.DataFrame:
    """The fault `code` for every one of `rows`, shown at the heading `label` with `value`."""
    return rows.select(
        SHEET, ROW, pl.lit(label).alias("column"), value.cast(pl.String).alias("value"), pl.lit(code).alias("reason")
    ).cast(dict(FAULTS))
