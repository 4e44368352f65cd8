"""Parts of a change: the published example, and that they add exactly whatever the numbers are."""

import math
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.formulae.attribution import lmdi_parts, mix_effect, rate_effect, shapley_parts, whole_parts
from ecops.formulae.pareto import smallest_set
from ecops.formulae.surprise import explanatory_power, surprise

# Visitors, conversion, AOV: the worked example of domain.md section 7 (GMV 175,000 -> 396,000).
BEFORE, AFTER = (10_000, 0.05, 350.0), (15_000, 0.08, 330.0)


def values(*parts: pl.Expr) -> list[float | None]:
    return list(pl.select(*(part.alias(str(n)) for n, part in enumerate(parts))).row(0))


def literals(numbers) -> list[pl.Expr]:
    return [pl.lit(number, dtype=pl.Float64) for number in numbers]


@pytest.mark.parametrize(
    ("method", "published"), [(lmdi_parts, (109_728.99, 127_194.72, -15_923.71)), (shapley_parts, (110_250, 127_250, -16_500))]
)
def test_the_published_example_comes_out(method, published):
    parts = values(*method(literals(BEFORE), literals(AFTER)))
    assert parts == pytest.approx(published, abs=0.006) and sum(parts) == pytest.approx(221_000)


def test_shapley_is_the_mean_over_the_orders_in_which_factors_change():
    def marginal(name: int, changed: set[int]) -> float:
        mixed = [AFTER[n] if n in changed else BEFORE[n] for n in range(3)]
        return math.prod(AFTER[n] if n == name else mixed[n] for n in range(3)) - math.prod(mixed)

    orders = [(a, b, 3 - a - b) for a in range(3) for b in range(3) if a != b]
    means = [sum(marginal(name, set(order[: order.index(name)])) for order in orders) / 6 for name in range(3)]
    assert values(*shapley_parts(literals(BEFORE), literals(AFTER))) == pytest.approx(means)


@pytest.mark.parametrize("zero", range(3))
def test_zero_is_for_shapley_alone(zero):
    after = [0.0 if n == zero else value for n, value in enumerate(AFTER)]
    assert values(*lmdi_parts(literals(BEFORE), literals(after))) == [None] * 3
    assert sum(values(*shapley_parts(literals(BEFORE), literals(after)))) == pytest.approx(-175_000)


def test_nothing_changed_is_nothing():
    assert values(*lmdi_parts(literals(BEFORE), literals(BEFORE)), *shapley_parts(literals(BEFORE), literals(BEFORE))) == [0.0] * 6


_NUMBERS = st.floats(-1e11, 1e11, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(raw=st.lists(_NUMBERS, min_size=1, max_size=5), off=st.integers(-7, 7))
def test_whole_parts_add_to_the_total_exactly(raw, off):
    total = round(math.fsum(raw)) + off
    parts = values(*whole_parts(literals(raw), pl.lit(total)))
    assert sum(parts) == total
    assert off or all(abs(part - value) <= 2 for part, value in zip(parts, raw, strict=True))


def test_what_rounding_leaves_goes_to_the_largest_remainders_the_first_of_equals():
    assert values(*whole_parts(literals([0.4, 0.3, 0.3]), pl.lit(1))) == [1, 0, 0]
    assert values(*whole_parts(literals([0.5, 0.5]), pl.lit(1))) == [1, 0]
    assert values(*whole_parts(literals([-0.4, -0.6]), pl.lit(-1))) == [0, -1]


def test_an_unknown_part_makes_all_of_them_unknown():
    assert values(*whole_parts([pl.lit(None, dtype=pl.Float64), pl.lit(1.0)], pl.lit(1))) == [None, None]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.integers(1, 1000)] * 4), min_size=1, max_size=6))
def test_mix_and_rate_add_to_the_change_of_the_mean(groups):
    """(weight, amount) before and after, a group each."""
    frame = pl.DataFrame(groups, schema=["w0", "a0", "w1", "a1"], orient="row")
    share0, share1 = (pl.col(name) / pl.col(name).sum() for name in ("w0", "w1"))
    rate0, rate1 = pl.col("a0") / pl.col("w0"), pl.col("a1") / pl.col("w1")
    mix, rate = frame.select(mix_effect(share0, share1, rate0).sum().alias("mix"), rate_effect(share1, rate0, rate1).sum().alias("rate")).row(0)
    sums = frame.sum().row(0, named=True)
    assert mix + rate == pytest.approx(sums["a1"] / sums["w1"] - sums["a0"] / sums["w0"])


def test_simpson_a_mean_that_falls_while_every_rate_rises_is_mix():
    frame = pl.DataFrame({"s0": [0.9, 0.1], "s1": [0.1, 0.9], "r0": [0.10, 0.02], "r1": [0.11, 0.03]})
    mix, rate = frame.select(
        mix_effect(pl.col("s0"), pl.col("s1"), pl.col("r0")).sum().alias("mix"), rate_effect(pl.col("s1"), pl.col("r0"), pl.col("r1")).sum().alias("rate")
    ).row(0)
    assert mix == pytest.approx(-0.064) and rate == pytest.approx(0.01)


# --- surprise ------------------------------------------------------------------------------------------------------


def test_surprise_of_equal_shares_is_none_and_of_disjoint_ones_the_most():
    assert values(surprise(pl.lit(0.3), pl.lit(0.3))) == [0.0]
    whole = values(surprise(pl.lit(1.0), pl.lit(0.0)), surprise(pl.lit(0.0), pl.lit(1.0)))
    assert sum(whole) == pytest.approx(math.log(2))


def test_a_negative_share_has_no_surprise():
    assert values(surprise(pl.lit(-0.1), pl.lit(0.3)), surprise(pl.lit(None, dtype=pl.Float64), pl.lit(0.3))) == [None, None]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=6).filter(lambda rows: all(sum(side) for side in zip(*rows, strict=True))))
@settings(max_examples=60, deadline=None)
def test_surprise_is_a_divergence_and_powers_add_to_one(rows):
    frame = pl.DataFrame(rows, schema=["f", "a"], orient="row")
    f, a = pl.col("f"), pl.col("a")
    told = frame.select(s=surprise(f / f.sum(), a / a.sum()), power=explanatory_power(f, a, f.sum(), a.sum()))
    assert -1e-12 <= told["s"].sum() <= math.log(2) + 1e-12
    assert told["power"].null_count() == len(rows) or told["power"].sum() == pytest.approx(1)


# --- pareto --------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(amounts=st.lists(st.integers(0, 50), min_size=1, max_size=9), percent=st.integers(1, 100))
def test_the_set_reaches_the_line_and_no_smaller_one_does(amounts, percent):
    frame = pl.LazyFrame({"shop": "a", "id": [f"i{n}" for n in range(len(amounts))], "fen": amounts})
    taken = smallest_set(frame, "shop", "id", "fen", Decimal(percent) / 100).collect()["fen"].to_list()
    reaches = lambda some: sum(some) * 100 >= sum(amounts) * percent  # noqa: E731
    assert reaches(taken) and (not taken or not reaches(sorted(amounts, reverse=True)[: len(taken) - 1]))
