"""Random numbers that depend on a seed, a stream and a row's own number alone: the same everywhere and for ever."""

import math

import polars as pl

_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = 2**64 - 1


def word(number: pl.Expr, seed: int, stream: int) -> pl.Expr:
    """64 bits (UInt64) for each row `number` (non-negative integers) by splitmix64: two numbers never give the same."""
    start = (seed * 0x2545F4914F6CDD1D + (stream + 1) * 0xD6E8FEB86659FD93) & _MASK
    return _mixed(number.cast(pl.UInt64) * _literal(_GAMMA) + _literal(start))


def uniform(number: pl.Expr, seed: int, stream: int) -> pl.Expr:
    """A float in [0, 1) for each row `number` (non-negative integers); streams are independent."""
    return (word(number, seed, stream) // _literal(2**11)).cast(pl.Float64) / 2**53


def normal(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """A normal number of mean 0 and deviation 1 from two independent uniform ones (Box and Muller 1958)."""
    return (-2 * (1 - first).log()).sqrt() * (2 * math.pi * second).cos()


def pick(uniform: pl.Series, weights: list[float]) -> pl.Series:
    """For each uniform number the index it falls on, index i with a chance in proportion to `weights[i]`."""
    edges = pl.Series(weights).cum_sum() / sum(weights)
    return edges.search_sorted(uniform, side="right").clip(0, len(weights) - 1).cast(pl.Int64)


def _mixed(state: pl.Expr) -> pl.Expr:
    state = (state ^ (state // _literal(2**30))) * _literal(_FIRST)
    state = (state ^ (state // _literal(2**27))) * _literal(_SECOND)
    return state ^ (state // _literal(2**31))


def _literal(value: int) -> pl.Expr:
    return pl.lit(value & _MASK, dtype=pl.UInt64)
