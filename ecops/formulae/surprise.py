"""Which elements of a dimension explain a change: explanatory power and surprise."""

import polars as pl


def explanatory_power(expected: pl.Expr, actual: pl.Expr, expected_total: pl.Expr, actual_total: pl.Expr) -> pl.Expr:
    """(actual_i - expected_i) / (actual - expected): the element's part of the whole change; null where nothing changed.

    Source: Bhagwan et al., Adtributor, NSDI 2014. The parts of a dimension add to 1; one may be above 1 or below 0.
    """
    change = actual_total - expected_total
    return pl.when(change != 0).then((actual - expected) / change)


def surprise(expected_share: pl.Expr, actual_share: pl.Expr) -> pl.Expr:
    """The element's part of the Jensen-Shannon divergence of two splits, p (expected) and q (actual), in nats.

    (p ln(2p / (p + q)) + q ln(2q / (p + q))) / 2 with 0 ln 0 = 0 (Adtributor, NSDI 2014; Lin 1991); 0 where p = q, null where a share is unknown or negative.
    """
    p, q = expected_share, actual_share
    return pl.when((p >= 0) & (q >= 0)).then((_term(p, p + q) + _term(q, p + q)) / 2)


def _term(share: pl.Expr, both: pl.Expr) -> pl.Expr:
    return pl.when(share > 0).then(share * (2 * share / both).log()).otherwise(0.0)
