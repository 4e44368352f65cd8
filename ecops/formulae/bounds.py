"""How sure a share is: Wilson's score interval, and the difference of two shares."""

import math

import polars as pl

# Two-sided 95 %.
Z95 = 1.959963984540054


def wilson_lower(successes: pl.Expr, trials: pl.Expr, z: float = Z95) -> pl.Expr:
    """Lower end of Wilson's score interval for successes / trials (E. B. Wilson, JASA 1927); null without trials."""
    return _wilson(successes, trials, z, -1)


def wilson_upper(successes: pl.Expr, trials: pl.Expr, z: float = Z95) -> pl.Expr:
    """Upper end of the same interval."""
    return _wilson(successes, trials, z, 1)


def two_shares_z(successes: pl.Expr, trials: pl.Expr, other_successes: pl.Expr, other_trials: pl.Expr) -> pl.Expr:
    """Statistic of the pooled two-proportion test, first share less second; null where either has no trials or none varies."""
    pooled = (successes + other_successes) / (trials + other_trials)
    spread = (pooled * (1 - pooled) * (1 / trials + 1 / other_trials)).sqrt()
    difference = successes / trials - other_successes / other_trials
    return pl.when((trials > 0) & (other_trials > 0) & (spread > 0)).then(difference / spread)


def _wilson(successes: pl.Expr, trials: pl.Expr, z: float, side: int) -> pl.Expr:
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * (share * (1 - share) / trials + z * z / (4 * trials * trials)).sqrt()
    # with units in place of buyers a share may pass 1: it is then as sure as it can be
    clipped = pl.when(share > 1).then(pl.lit(1.0)).otherwise((centre + side * spread) / (1 + z * z / trials))
    return pl.when(trials > 0).then(clipped.clip(0, 1))


def two_sided_p(z: float) -> float:
    """Probability of a standard normal beyond |z| on either side."""
    return math.erfc(abs(z) / math.sqrt(2))
