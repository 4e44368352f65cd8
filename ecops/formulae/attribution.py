"""What a change came from: parts of a product (LMDI, Shapley), mix and rate of a mean, and parts in whole numbers that add exactly."""

from collections.abc import Sequence

import polars as pl


def lmdi_parts(before: Sequence[pl.Expr], after: Sequence[pl.Expr]) -> list[pl.Expr]:
    """Parts of the change of a product, one a factor: L(G1, G0) ln(x1 / x0), where L(a, b) = (a - b) / (ln a - ln b), L(a, a) = a.

    Source: Ang, Energy Policy 33 (2005), the additive form of LMDI-I. They add up to the change, but for the rounding of floats; null unless every
    value on both sides is above zero (`shapley_parts` goes through zeros).
    """
    positive = pl.all_horizontal(*(value > 0 for value in (*before, *after))).fill_null(False)
    mean = _log_mean(_product(after), _product(before))
    return [pl.when(positive).then(mean * (new / old).log()) for old, new in zip(before, after, strict=True)]


def _log_mean(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    ratio = (a / b).log()
    return pl.when(ratio.abs() < 1e-12).then(b).otherwise((a - b) / ratio)


def _product(factors: Sequence[pl.Expr]) -> pl.Expr:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


def shapley_parts(before: Sequence[pl.Expr], after: Sequence[pl.Expr]) -> list[pl.Expr]:
    """Parts of the change of a product of three factors: the mean over the six orders in which they can change.

    Shapley's value (1953) written out: delta x (2 b0 c0 + 2 b1 c1 + b0 c1 + b1 c0) / 6 with the other two b and c. Goes through zeros.
    """
    if len(before) != 3 or len(after) != 3:
        raise ValueError("written out for three factors")
    turns = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    return [_shapley(*((before[at], after[at]) for at in turn)) for turn in turns]


def _shapley(x: tuple[pl.Expr, pl.Expr], b: tuple[pl.Expr, pl.Expr], c: tuple[pl.Expr, pl.Expr]) -> pl.Expr:
    (b0, b1), (c0, c1) = b, c
    return (x[1] - x[0]) * (2 * b0 * c0 + 2 * b1 * c1 + b0 * c1 + b1 * c0) / 6


def mix_effect(share_before: pl.Expr, share_after: pl.Expr, rate_before: pl.Expr) -> pl.Expr:
    """What a group's changed share of the whole did to the mean rate: (share1 - share0) rate0. With `rate_effect` the groups' sum is the change."""
    return (share_after - share_before) * rate_before


def rate_effect(share_after: pl.Expr, rate_before: pl.Expr, rate_after: pl.Expr) -> pl.Expr:
    """What a group's changed rate did to the mean rate: share1 (rate1 - rate0). Keeps a shift of shares from passing for one of rates (Simpson)."""
    return share_after * (rate_after - rate_before)


def whole_parts(raw: Sequence[pl.Expr], total: pl.Expr) -> list[pl.Expr]:
    """`raw` (floats that add to the whole number `total`, nearly) as whole numbers that add to it exactly: the largest remainder (Hamilton) method.

    Each is rounded down, and what is left goes one by one to the largest remainders, the first of equals. Null where any of them is null.
    """
    floors = [part.floor().cast(pl.Int64) for part in raw]
    remainders = [part - floor for part, floor in zip(raw, floors, strict=True)]
    left = total - pl.sum_horizontal(floors, ignore_nulls=False)
    each, more = left // len(raw), left % len(raw)
    ranks = [_rank(remainders, at) for at in range(len(raw))]
    return [floor + each + (rank < more).cast(pl.Int64) for floor, rank in zip(floors, ranks, strict=True)]


def _rank(remainders: Sequence[pl.Expr], at: int) -> pl.Expr:
    """How many remainders come before the one `at`: the larger ones, and equals that stand before it."""
    before = [other >= remainders[at] if n < at else other > remainders[at] for n, other in enumerate(remainders) if n != at]
    return pl.sum_horizontal(*(one.cast(pl.Int64) for one in before)) if before else pl.lit(0)


def spread_whole(total: pl.Expr, weight: pl.Expr, element: str, by: Sequence[str]) -> pl.Expr:
    """`total` (whole, one a group) over the rows of each group `by` in proportion to `weight` (whole, >= 0), adding to it exactly.

    Largest remainders, ties by `element`; null where the group's weights add to nothing. Integers of 128 bits: no product overflows.
    """
    groups = list(by)
    big, whole = total.cast(pl.Int128), weight.cast(pl.Int128)
    sums = whole.sum().over(groups)
    share, remainder = big * whole // sums, (big * whole % sums).cast(pl.Int64)
    left = big - share.sum().over(groups)
    rank = pl.struct(-remainder, pl.col(element)).rank("ordinal").over(groups)
    return pl.when(sums > 0).then((share + (rank.cast(pl.Int128) <= left).cast(pl.Int128)).cast(pl.Int64))
