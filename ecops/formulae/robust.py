"""What is out of the ordinary, measured by medians: one giant does not hide another."""

import polars as pl

# Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): beyond this a value is called an outlier.
OUTLIER = 3.5
_TO_SIGMA = 0.6745


def robust_z(value: pl.Expr, by: list[str], floor: float) -> pl.Expr:
    """0.6745 (x - median) / MAD within the groups `by`; a spread smaller than `floor` counts as `floor`, for MAD may be 0."""
    median = value.median().over(by)
    mad = (value - median).abs().median().over(by)
    return _TO_SIGMA * (value - median) / pl.max_horizontal(mad, pl.lit(floor))
