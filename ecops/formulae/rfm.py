"""Recency, frequency and monetary value of buyers as scores from 1 to 5, and the segments that the scores make.

Scores and segment table follow the R package rfm 0.3.0 (Aravind Hebbali; CRAN): classes between the quintiles (quantiles of
R's type 7), each closed above, so that equal values never part; a score of recency is 5 for the shortest time.
"""

import polars as pl

_CLASSES = 5
OTHERS = "others"
# name, Chinese, then lowest and highest score of recency, frequency and money; the first that fits holds.
# `?rfm_segment` in rfm 0.3.0; whoever fits none is among the others.
SEGMENTS = (
    ("champions", "核心客户", (5, 5), (5, 5), (5, 5)),
    ("potential_loyalist", "潜力忠诚客户", (3, 5), (3, 5), (2, 5)),
    ("loyal_customers", "忠诚客户", (2, 4), (2, 4), (2, 4)),
    ("promising", "有希望客户", (3, 4), (1, 3), (3, 5)),
    ("new_customers", "新客户", (4, 5), (1, 3), (1, 5)),
    ("cant_lose_them", "不可流失客户", (1, 2), (3, 4), (4, 5)),
    ("at_risk", "流失风险客户", (1, 2), (2, 5), (4, 5)),
    ("need_attention", "需要关注客户", (1, 3), (3, 5), (3, 5)),
    ("about_to_sleep", "即将沉睡客户", (2, 3), (1, 3), (1, 4)),
    ("lost", "已流失客户", (1, 1), (1, 5), (1, 5)),
    (OTHERS, "其他", (1, 5), (1, 5), (1, 5)),
)


def quintile(value: pl.Expr, by: list[str]) -> pl.Expr:
    """The class 1 (lowest) to 5 of a value within the groups `by`; equal values share the lowest class that holds one of them.

    A value lies over the k-th quintile when more than k (n - 1) / 5 of the n values are smaller: whole numbers decide.
    """
    smaller = value.rank("min").over(by).cast(pl.Int64) - 1
    steps = value.count().over(by).cast(pl.Int64) - 1
    over = [(_CLASSES * smaller > k * steps).cast(pl.Int8) for k in range(1, _CLASSES)]
    return pl.lit(1, dtype=pl.Int8) + pl.sum_horizontal(over, ignore_nulls=False)


def scores(days_since: pl.Expr, purchases: pl.Expr, amount: pl.Expr, by: list[str]) -> dict[str, pl.Expr]:
    """`recency`, `frequency` and `monetary`, each 1 to 5, null where the value is unknown."""
    return {
        "recency": (_CLASSES + 1 - quintile(days_since, by)).cast(pl.Int8),
        "frequency": quintile(purchases, by).cast(pl.Int8),
        "monetary": quintile(amount, by).cast(pl.Int8),
    }


def segment_of(recency: pl.Expr, frequency: pl.Expr, monetary: pl.Expr) -> pl.Expr:
    """Name of the segment of three scores; null where one is unknown."""
    found = pl.when(pl.any_horizontal(score.is_null() for score in (recency, frequency, monetary))).then(pl.lit(None, dtype=pl.String))
    for name, _, *ranges in SEGMENTS:
        inside = [score.is_between(*limits) for score, limits in zip((recency, frequency, monetary), ranges, strict=True)]
        found = found.when(pl.all_horizontal(inside)).then(pl.lit(name))
    return found
