"""Arithmetic of the goods: amounts spread over rows, and how fast stock turns."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.formulae.spreading import spread
from ecops.formulae.turnover import days_of_cover, days_of_turnover, turns


def parts(total: int, values: list[int | None]) -> list[int | None]:
    frame = pl.DataFrame({"g": ["o"] * len(values), "n": range(len(values)), "total": [total] * len(values), "value": values}, schema_overrides={"value": pl.Int64})
    return frame.sample(fraction=1, shuffle=True, seed=1).with_columns(part=spread(pl.col("total"), pl.col("value"), ["g"], "n")).sort("n")["part"].to_list()


def test_the_remainder_is_on_the_last_line():
    assert parts(100, [1, 1, 1]) == [33, 33, 34]
    assert parts(0, [1, 2]) == [0, 0]
    assert parts(7, [5, 0]) == [7, 0]


def test_a_share_nobody_can_tell_is_unknown():
    assert parts(5, [0, 0]) == [None, None]
    assert parts(5, [1, None]) == [None, None]


@given(total=st.integers(0, 10**10), values=st.lists(st.integers(0, 10**10), min_size=1, max_size=8).filter(any))
@settings(max_examples=60, deadline=None)
def test_the_parts_add_up_and_none_is_off_by_more_than_the_remainder(total, values):
    told = parts(total, values)
    assert sum(told) == total and all(part >= 0 for part in told)
    assert all(0 <= total * value - part * sum(values) < sum(values) for part, value in zip(told[:-1], values[:-1], strict=True))


def test_stock_that_does_not_move_has_no_days():
    row = pl.select(turns=turns(pl.lit(0), pl.lit(10.0)), none=turns(pl.lit(3), pl.lit(0.0)), cover=days_of_cover(pl.lit(5), pl.lit(0), pl.lit(30)))
    assert row.row(0) == (0.0, None, None)
    assert pl.select(days_of_turnover(pl.lit(0.0), 30)).item() is None
    assert pl.select(days_of_turnover(pl.lit(3.0), 30)).item() == 10.0
