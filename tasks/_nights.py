"""The small hours beside the day: who came, who bought, who asked, and whether the feed's clock can be trusted."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower, wilson_upper
from tasks._rows import has_happened, known
from tasks._windows import DayWindow

_SHIFT_GAIN = 0.3  # of the orders that would have to stand at another hour


def by_hour(frames: Frames, ask: Ask, span: DayWindow) -> pl.LazyFrame:
    """Visitors and buyers of each local day and hour: shop, date, o_clock, visitors, buyers. Hours with a gap or with more buyers than visitors are left out."""
    local = pl.col("hour").dt.convert_time_zone(ask.timezone.key)
    return (
        known(frames, "hours", ask)
        .select("shop", "visitors", date=local.dt.date(), o_clock=local.dt.hour().cast(pl.Int64), buyers="pay_buyers")
        .filter(pl.col("date").is_between(span.first, span.last), pl.col("buyers") <= pl.col("visitors"))
    )


def asked_by_hour(frames: Frames, ask: Ask, span: DayWindow) -> pl.LazyFrame:
    """Conversations a buyer began, by local hour: shop, o_clock, `asked`, and `unserved` where no person has written in them."""
    local = pl.col("at").dt.convert_time_zone(ask.timezone.key)
    return (
        known(frames, "chats", ask)
        .filter(local.dt.date().is_between(span.first, span.last))
        .group_by("shop", "session_id")
        .agg(at=pl.col("at").filter(pl.col("sender") == "buyer").min(), served=(pl.col("sender") == "agent").any())
        .filter(pl.col("at").is_not_null())
        .group_by("shop", o_clock=local.dt.hour().cast(pl.Int64))
        .agg(asked=pl.len().cast(pl.Int64), unserved=(~pl.col("served").fill_null(False)).sum().cast(pl.Int64))
    )


def is_small(ask: Ask) -> pl.Expr:
    """Whether a row's hour is one of the small hours."""
    return pl.col("o_clock").is_between(ask.params.small_from, ask.params.small_until, closed="left")


def is_day(ask: Ask) -> pl.Expr:
    """Whether a row's hour is a service hour."""
    return pl.col("o_clock").is_between(ask.params.opens, ask.params.closes, closed="left") & ~is_small(ask)


def hour_list(hours: pl.LazyFrame, asked: pl.LazyFrame) -> pl.DataFrame:
    """One row a shop and hour of the day: sums of the window, the conversion with Wilson's bounds, and who asked."""
    buyers, visitors = pl.col("buyers"), pl.col("visitors")
    return (
        hours.group_by("shop", "o_clock")
        .agg(days=pl.col("date").n_unique().cast(pl.Int64), visitors=visitors.sum(), buyers=buyers.sum())
        .with_columns(
            conversion=pl.when(visitors > 0).then(buyers / visitors), lower=wilson_lower(buyers, visitors), upper=wilson_upper(buyers, visitors)
        )
        .join(asked, on=["shop", "o_clock"], how="left")
        .sort("shop", "o_clock")
        .collect()
    )


def compared(hours: pl.LazyFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop: sums of the small hours (without the night that sold most, `best_on`: one rush proves nothing of a habit) and of the
    day, with the bounds that decide: `lower` of the small hours, `day_upper` of the day."""
    nights = hours.filter(is_small(ask)).group_by("shop", "date").agg(pl.col("visitors", "buyers").sum())
    nights = nights.sort("shop", "buyers", "date", descending=[False, True, False])
    rest = [pl.col(name).slice(1).sum().alias(name) for name in ("visitors", "buyers")]
    small = nights.group_by("shop", maintain_order=True).agg(*rest, nights=pl.len().cast(pl.Int64), best_on=pl.col("date").first(), best=pl.col("buyers").first())
    day = hours.filter(is_day(ask)).group_by("shop").agg(day_visitors=pl.col("visitors").sum(), day_buyers=pl.col("buyers").sum())
    buyers, visitors = pl.col("buyers"), pl.col("visitors")
    both = small.join(day, on="shop", how="full", coalesce=True)
    return both.with_columns(
        conversion=pl.when(visitors > 0).then(buyers / visitors),
        lower=wilson_lower(buyers, visitors),
        day_conversion=pl.when(pl.col("day_visitors") > 0).then(pl.col("day_buyers") / pl.col("day_visitors")),
        day_upper=wilson_upper(pl.col("day_buyers"), pl.col("day_visitors")),
    ).sort("shop").collect()  # fmt: skip


def clock_shift(frames: Frames, hours: pl.LazyFrame, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """`orders` paid in the window a shop, and by how many hours its hourly feed must be moved to fit them (`shift`, 0: it fits).

    Both are split over the hours of the day; the shift is the one with the least sum of differences, believed when it moves at
    least 30 % of the orders to their hour. An export in another time zone shows up as 8.
    """
    local = pl.col("paid_at").dt.convert_time_zone(ask.timezone.key)
    paid = (
        known(frames, "orders", ask)
        .filter(has_happened("paid_at", ask), local.dt.date().is_between(span.first, span.last))
        .group_by("shop", o_clock=local.dt.hour().cast(pl.Int64))
        .agg(orders=pl.len().cast(pl.Int64))
    )
    sold = hours.group_by("shop", "o_clock").agg(pl.col("buyers").sum())
    grid = pl.LazyFrame({"o_clock": range(24)}, schema={"o_clock": pl.Int64})
    both = paid.select("shop").unique().join(grid, how="cross")
    both = both.join(paid, on=["shop", "o_clock"], how="left").join(sold, on=["shop", "o_clock"], how="left").with_columns(pl.col("orders", "buyers").fill_null(0))
    share = both.with_columns(q=pl.col("orders") / pl.col("orders").sum().over("shop"), p=pl.col("buyers") / pl.col("buyers").sum().over("shop"))
    moved = share.select("shop", "o_clock", "p").join(grid.rename({"o_clock": "shift"}), how="cross")
    moved = moved.with_columns(at=(pl.col("o_clock") + pl.col("shift")) % 24).join(share.select("shop", "q", at="o_clock"), on=["shop", "at"])
    apart = (pl.col("p") - pl.col("q")).abs().sum() / 2
    fits = moved.group_by("shop", "shift").agg(apart=apart.round(9)).sort("shop", "apart", "shift")
    best = fits.group_by("shop", maintain_order=True).agg(
        shift=pl.col("shift").first(), gain=pl.col("apart").filter(pl.col("shift") == 0).first() - pl.col("apart").first()
    )
    counts = paid.group_by("shop").agg(pl.col("orders").sum())
    believed = pl.when(pl.col("gain") >= _SHIFT_GAIN).then("shift").otherwise(0)
    return counts.join(best, on="shop", how="left").select("shop", "orders", shift=believed).sort("shop").collect()
