"""What offers take off a price, in whole fen, always rounded in the buyer's favour: a floor must hold in the worst case."""

import polars as pl


def off_alone(price: pl.Expr, threshold: pl.Expr, off: pl.Expr) -> pl.Expr:
    """What an offer of `off` from `threshold` on takes off one piece bought alone: nothing under the threshold."""
    return pl.when(price >= threshold).then(off).otherwise(0)


def off_at_most(price: pl.Expr, threshold: pl.Expr, off: pl.Expr) -> pl.Expr:
    """The most it takes off one piece in any basket: off x min(price, threshold) / threshold, rounded up.

    An offer is spread over a basket by value, so a piece bears off x price / basket, and no basket under the threshold has
    the offer: the basket that is the piece alone, or exactly the threshold, is the worst (domain notes 7, price protection:
    coupons are spread over lines by value).
    """
    reach = pl.min_horizontal(price, threshold)
    return pl.when(threshold > 0).then((off * reach + threshold - 1) // pl.max_horizontal(threshold, pl.lit(1))).otherwise(off)


def off_share(price: pl.Expr, share: pl.Expr) -> pl.Expr:
    """A share of the price (0.15: 85折) in fen, rounded up; the share counts to a hundredth of a percent."""
    points = (share * 10_000).round().cast(pl.Int64)
    return (price * points + 9_999) // 10_000
