"""The small hours beside the day: who came, who bought, who asked, and whether the feed's clock can be trusted."""

from datetime import datetime, time

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower, wilson_upper
from tasks._rows import has_happened, instant, known
from tasks._windows import DAY, DayWindow

_SHIFT_GAIN = 0.3  # of the orders that would have to stand at another hour


def by_hour(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """Visitors and buyers of each local day and hour: shop, date, o_clock, visitors, buyers. Hours with a gap, or with more buyers than
    visitors, are left out."""
    local = pl.col("hour").dt.convert_time_zone(ask.timezone.key)
    return (
        known(frames, "hours", ask)
        .select("shop", "visitors", date=local.dt.date(), o_clock=local.dt.hour().cast(pl.Int64), buyers="pay_buyers")
        .filter(pl.col("date").is_between(span.first, span.last), pl.col("buyers") <= pl.col("visitors"))
        .collect()
    )


def asked_at_night(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """One row a shop with messages in the window: conversations in which a buyer wrote in the small hours of a day (`asked`), and those of them
    no person wrote in before the small hours were over (`unserved`)."""
    local = pl.col("at").dt.convert_time_zone(ask.timezone.key)
    chats = known(frames, "chats", ask).select("shop", "session_id", "sender", date=local.dt.date(), o_clock=local.dt.hour().cast(pl.Int64))
    chats = chats.filter(pl.col("date").is_between(span.first, span.last))
    asked = (
        chats.filter(is_small(ask))
        .group_by("shop", "date", "session_id")
        .agg(asks=(pl.col("sender") == "buyer").any(), served=(pl.col("sender") == "agent").any())
        .filter("asks")
        .group_by("shop")
        .agg(asked=pl.len().cast(pl.Int64), unserved=(~pl.col("served").fill_null(False)).sum().cast(pl.Int64))
    )
    any_ = chats.select("shop").unique()
    return any_.join(asked, on="shop", how="left").with_columns(pl.col("asked", "unserved").fill_null(0)).sort("shop").collect()


def is_small(ask: Ask) -> pl.Expr:
    """Whether a row's hour is one of the small hours."""
    return pl.col("o_clock").is_between(ask.params.small_from, ask.params.small_until, closed="left")


def is_day(ask: Ask) -> pl.Expr:
    """Whether a row's hour is a service hour."""
    return pl.col("o_clock").is_between(ask.params.opens, ask.params.closes, closed="left") & ~is_small(ask)


def hour_list(hours: pl.DataFrame) -> pl.DataFrame:
    """One row a shop and hour of the day: sums of the window, the conversion with Wilson's bounds."""
    buyers, visitors = pl.col("buyers"), pl.col("visitors")
    return (
        hours.group_by("shop", "o_clock")
        .agg(days=pl.len().cast(pl.Int64), visitors=visitors.sum(), buyers=buyers.sum())
        .with_columns(
            conversion=pl.when(visitors > 0).then(buyers / visitors), lower=wilson_lower(buyers, visitors), upper=wilson_upper(buyers, visitors)
        )
        .sort("shop", "o_clock")
    )


def compared(hours: pl.DataFrame, sums: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop: sums of the small hours (without the night that sold most, `best_on`: one rush proves nothing of a habit) and of the
    day, with the bounds that decide: `lower` of the small hours, `day_upper` of the day. `sums`: hour_list of `hours`."""
    nights = hours.filter(is_small(ask)).group_by("shop", "date").agg(pl.col("visitors", "buyers").sum())
    nights = nights.sort("shop", "buyers", "date", descending=[False, True, False])
    rest = [pl.col(name).slice(1).sum().alias(name) for name in ("visitors", "buyers")]
    small = nights.group_by("shop", maintain_order=True).agg(*rest, nights=pl.len().cast(pl.Int64), best_on=pl.col("date").first())
    day = sums.filter(is_day(ask)).group_by("shop").agg(day_visitors=pl.col("visitors").sum(), day_buyers=pl.col("buyers").sum())
    buyers, visitors = pl.col("buyers"), pl.col("visitors")
    return small.join(day, on="shop", how="full", coalesce=True).with_columns(
        conversion=pl.when(visitors > 0).then(buyers / visitors),
        lower=wilson_lower(buyers, visitors),
        day_conversion=pl.when(pl.col("day_visitors") > 0).then(pl.col("day_buyers") / pl.col("day_visitors")),
        day_upper=wilson_upper(pl.col("day_buyers"), pl.col("day_visitors")),
    ).sort("shop")  # fmt: skip


def clock_shift(frames: Frames, sums: pl.DataFrame, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """`orders` paid in the window a shop, and by how many hours its hourly feed must be moved to fit them (`shift`, 0: it fits).

    Both are split over the hours of the day; the shift is the one with the least sum of differences, believed when it moves at
    least 30 % of the orders to their hour. An export in another time zone shows up as 8. `sums`: hour_list of the feed.
    """
    first, last = (datetime.combine(day, time.min, ask.timezone) for day in (span.first, span.last + DAY))
    paid_then = has_happened("paid_at", ask) & pl.col("paid_at").is_between(instant(first), instant(last), closed="left")
    local = pl.col("paid_at").dt.convert_time_zone(ask.timezone.key)
    orders = known(frames, "orders", ask).filter(paid_then)
    paid = orders.group_by("shop", o_clock=local.dt.hour().cast(pl.Int64)).agg(n=pl.len().cast(pl.Int64)).collect()
    both = _split(paid, "n", "q").join(_split(sums.select("shop", "o_clock", "buyers"), "buyers", "p"), on="shop", how="left")
    apart = [pl.sum_horizontal((pl.col(f"p{at}") - pl.col(f"q{(at + by) % 24}")).abs() for at in range(24)).round(9).alias(f"{by}") for by in range(24)]
    fits = both.select("shop", "orders", fits=pl.concat_list(apart))
    best = pl.col("fits").list.arg_min().cast(pl.Int64)
    gain = (pl.col("fits").list.first() - pl.col("fits").list.min()) / 2
    return fits.select("shop", "orders", shift=pl.when(gain >= _SHIFT_GAIN).then(best).otherwise(0)).sort("shop")


def _split(rows: pl.DataFrame, value: str, name: str) -> pl.DataFrame:
    """Shares of the 24 hours as columns name0 .. name23, and their whole as `orders`."""
    at = [pl.col(value).filter(pl.col("o_clock") == hour).sum().alias(f"{name}{hour}") for hour in range(24)]
    wide = rows.group_by("shop").agg(*at, orders=pl.col(value).sum())
    each = (f"{name}{hour}" for hour in range(24))
    return wide.with_columns(pl.when(pl.col("orders") > 0).then(pl.col(column) / pl.col("orders")).alias(column) for column in each)
