"""How a campaign day sells by hours since its opening: as told, as the shop's own past campaigns did, else a general curve.

Curves are parts of the day's GMV in millionths, one an hour, and sum to a million.
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import INSTANT
from tasks._calendar import calendar_of, windows_of
from tasks._hours import hour_amounts, steady
from tasks._rows import instant, known
from tasks._windows import HOUR, Window, resolve

MILLION = 1_000_000
# A general day in thousandths by the hour of the clock, and what an opening adds to its first hours: a burst, a trough at
# dawn, a second peak in the evening. A choice, not a measurement: no public source states one. A sale that opened the evening
# before has its second, smaller burst at midnight (domain notes 7: an ordinary day's curve is wrong after a 20:00 start).
_ORDINARY = (30, 20, 15, 20, 15, 15, 20, 30, 40, 45, 45, 40, 35, 35, 35, 35, 35, 35, 40, 50, 55, 60, 60, 55)
_BURST = (90, 30, 15)

CURVES = pl.Schema({"shop": pl.String, "n": pl.Int64, "parts": pl.Int64})
SHARES = pl.Schema({"shop": pl.String, "campaign": INSTANT, "n": pl.Int64, "share": pl.Float64})


def parts_of(weights: Sequence[float]) -> list[int]:
    """Weights as millionths that sum to a million exactly."""
    whole, upto = sum(weights), 0.0
    cumulative = [round((upto := upto + weight) / whole * MILLION) for weight in weights]
    return [now - before for before, now in zip([0, *cumulative], cumulative, strict=False)]


def general_parts(opening: datetime, hours: int) -> list[int]:
    """The general curve of a day that opens at the local instant `opening` and lasts `hours`."""
    weights = [_ORDINARY[(opening.hour + n) % 24] + (_BURST[n] if n < len(_BURST) else 0) for n in range(hours)]
    midnight = (24 - opening.hour) % 24
    for n, more in enumerate(_BURST if midnight else ()):
        if midnight + n < hours:
            weights[midnight + n] += more // 2
    return parts_of(weights)


def past_openings(ask: Ask, since: datetime, hours: int) -> list[datetime]:
    """When past campaigns opened: those told, else the sales of the platform's calendar known to the hour, at the same hour of the clock.

    Raises nothing: what a told opening names and the run does not have is left out. Only days that were over before `since`.
    """
    told = [resolve(text, ask) for text in ask.params.past.replace(";", ",").split(",") if text.strip()]
    openings = told or _of_calendar(ask, since)
    clock = since.astimezone(ask.timezone).hour
    over = {at for at in openings if at is not None and at + hours * HOUR <= since and at.astimezone(ask.timezone).hour == clock}
    return sorted(at.replace(minute=0, second=0, microsecond=0) for at in over)


def _of_calendar(ask: Ask, since: datetime) -> list[datetime]:
    year = since.astimezone(ask.timezone).year
    windows = windows_of(filter(None, map(calendar_of, (year - 1, year))), ask.params.platform)
    return windows.filter(pl.col("stage") == "sale", pl.col("precision") == "second")["opens"].to_list()


def past_shares(frames: Frames, ask: Ask, openings: Sequence[datetime], hours: int) -> pl.DataFrame:
    """SHARES: what part of a past campaign's day each of its hours sold, for shops that had every hour of it and sold something.

    An hour's giant order is taken out (`steady`), for it says nothing about the next campaign.
    """
    first, last = known(frames, "hours", ask).select(first=pl.col("hour").min(), last=pl.col("hour").max()).collect().row(0)
    days = [
        hour_amounts(frames, ask, Window(at, at + hours * HOUR))
        .with_columns(campaign=instant(at), n=(pl.col("hour") - instant(at)).dt.total_hours())
        for at in openings if first is not None and at <= last and at + hours * HOUR > first
    ]  # fmt: skip
    if not days:
        return SHARES.to_frame()
    day = ["shop", "campaign"]
    rows = pl.concat(days).filter(pl.col("amount_fen").is_not_null(), pl.col("covers") == 1).with_columns(sold=steady(day))
    sound = (pl.len().over(day) == hours) & (pl.col("amount_fen").min().over(day) >= 0) & (pl.col("sold").sum().over(day) > 0)
    return rows.filter(sound).select(*day, "n", share=pl.col("sold") / pl.col("sold").sum().over(day)).cast(dict(SHARES)).collect()


def curves_of(ask: Ask, since: datetime, hours: int, shares: pl.DataFrame) -> pl.DataFrame:
    """CURVES of every asked shop: the one told; else the hourly medians of its past campaigns; else the general one."""
    told = ask.params.curve and [int(share * MILLION) for share in ask.params.curve]
    parts = [now - before for before, now in zip([0, *told], told, strict=False)] if told else general_parts(since.astimezone(ask.timezone), hours)
    hourly = pl.DataFrame({"n": range(hours), "general": parts[:hours]}, schema={"n": pl.Int64, "general": pl.Int64})
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    own = shares.clear() if told else shares
    median = own.group_by("shop", "n").agg(share=pl.col("share").median()).sort("shop", "n")
    upto = (pl.col("share").cum_sum().over("shop") / pl.col("share").sum().over("shop") * MILLION).round().cast(pl.Int64)
    median = median.with_columns(upto=upto).with_columns(own=pl.col("upto") - pl.col("upto").shift(1, fill_value=0).over("shop"))
    rows = shops.join(hourly, how="cross", maintain_order="left_right").join(median, on=["shop", "n"], how="left", maintain_order="left")
    return rows.select("shop", "n", parts=pl.coalesce("own", "general")).cast(dict(CURVES))
