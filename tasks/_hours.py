"""The hourly feed as amounts: of the hour, or counted on since midnight; one giant order told from a good hour."""

from datetime import time

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.robust import OUTLIER, robust_z
from tasks._rows import instant, known, local_date
from tasks._windows import DAY, HOUR, Window

# An hour's basket varies by a fifth without anybody ordering a lorry-load, and a smaller spread is no measure: under 2.8 times
# the usual basket no order is called a giant. A choice.
_BASKET_SPREAD = 0.2
_FEED = ("hour", "visitors", "pay_buyers", "pay_amount_fen", "pay_amount_so_far_fen", "ad_spend_fen", "ad_deal_amount_fen")
_SO_FAR, _AMOUNT = pl.col("pay_amount_so_far_fen"), pl.col("pay_amount_fen")


def hour_amounts(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    """Rows of the window's hours: shop, hour, visitors, pay_buyers, ads, `amount_fen`, `covers` and `falls`.

    Where a feed states no amount of the hour but counts on since the shop's midnight, the amount is what was added since the last hour stated,
    and `covers` so many hours: a gap in such a feed loses no money. An amount that reaches back before the window is null, and so
    is one that would count an hour twice. `falls`: the count is lower than it was, or the amount negative.
    """
    begin = min(window.since, _midnight(window, ask))
    counting = _SO_FAR.is_not_null()
    # The rows are sorted: what the day counted last stands above, unless that is of another day. No groups are needed.
    above = {name: pl.when(counting).then(name).forward_fill().shift(1) for name in ("part", "pay_amount_so_far_fen", "hour", "stated")}
    before = {name: pl.when(above["part"] == pl.col("part")).then(value) for name, value in above.items()}
    covers = pl.when(_AMOUNT.is_not_null()).then(1).otherwise((pl.col("hour") - pl.coalesce(pl.col("last_hour") + HOUR, "midnight")).dt.total_hours() + 1)
    twice = (pl.col("stated") - pl.col("last_stated").fill_null(0)) > 0
    outside = pl.col("hour") - pl.duration(hours=pl.col("covers") - 1) < instant(window.since)
    return (
        known(frames, "hours", ask)
        .filter(pl.col("hour").is_between(instant(begin), instant(window.until), closed="left"))
        .select("shop", *_FEED)
        .sort("shop", "hour")
        .with_columns(day=local_date("hour", ask))
        .with_columns(
            part=pl.struct("shop", "day").rle_id(),
            stated=_AMOUNT.is_not_null().cum_sum().over("shop", "day").cast(pl.Int64),
            midnight=pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone(ask.timezone.key).dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC")),
        )
        .with_columns(last_so_far=before["pay_amount_so_far_fen"], last_hour=before["hour"], last_stated=before["stated"])
        .with_columns(covers=covers)
        .with_columns(
            amount_fen=pl.when(_AMOUNT.is_not_null()).then(_AMOUNT)
            .when(counting & ~twice & ~outside).then(_SO_FAR - pl.col("last_so_far").fill_null(0)),
            falls=((_AMOUNT < 0) | (_SO_FAR < pl.col("last_so_far"))).fill_null(False),
        )
        .filter(pl.col("hour") >= instant(window.since))
        .select("shop", "hour", "visitors", "pay_buyers", "ad_spend_fen", "ad_deal_amount_fen", "amount_fen", "covers", "falls")
    )  # fmt: skip


def rows_of_days(frames: Frames, ask: Ask, windows: list[Window]) -> Frames:
    """`frames` with the hours of these windows alone, from the midnight before each: read once, used for all that follows."""
    inside = pl.any_horizontal(pl.col("hour").is_between(instant(_midnight(window, ask) - DAY), instant(window.until), closed="left") for window in windows)
    return {**frames, "hours": known(frames, "hours", ask).filter(inside).select("shop", "available_at", *_FEED).collect().lazy()}


def _midnight(window: Window, ask: Ask):
    return window.since.astimezone(ask.timezone).replace(**{part: getattr(time.min, part) for part in ("hour", "minute", "second", "microsecond")})


def steady(by: list[str]) -> pl.Expr:
    """`amount_fen` without what one giant order added: where an hour's basket is far over the others', its buyers times the usual basket.

    Far over: a robust z over 3.5 of the logarithm of amount / buyers among the hours of `by` (one order of 188,320 yuan among hundreds).
    """
    buyers, amount = pl.col("pay_buyers"), pl.col("amount_fen")
    basket = pl.when((buyers > 0) & (amount > 0)).then(amount / buyers)
    giant = (robust_z(basket.log(), by, _BASKET_SPREAD) > OUTLIER) & (basket.count().over(by) >= 3)
    usual = (buyers * basket.median().over(by)).round().cast(pl.Int64)
    return pl.when(giant.fill_null(False)).then(usual).otherwise(amount)
