"""When a price may not be touched: from the warm-up of an official campaign to the end of its sale, for what is booked into it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import polars as pl
from pydantic import BeforeValidator

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL, INSTANT
from tasks._calendar import calendar_of, windows_of
from tasks._rows import instant, known
from tasks._windows import today

_STAGES = ("warm_up", "deposit", "final_payment", "sale")
_SPAN = re.compile(r"(?P<opens>[^/\s]+)\s*/\s*(?P<closes>[^/\s]+)")
_LOCKS = pl.Schema({"lock": pl.String, "opens": INSTANT, "closes": INSTANT})


def _spans(value: object) -> tuple[tuple[datetime, datetime], ...]:
    """`2026-10-24T20:00/2026-11-11T23:59:59; ...`, local unless they have an offset."""
    if not isinstance(value, str):
        return tuple(value)
    told = []
    for part in filter(None, (piece.strip() for piece in value.split(";"))):
        match = _SPAN.fullmatch(part)
        if not match:
            raise ValueError(f"{part!r}: write opens/closes, such as 2026-10-24T20:00/2026-11-11T23:59:59")
        told.append(tuple(datetime.fromisoformat(match[end]) for end in ("opens", "closes")))
    if any(opens.replace(tzinfo=opens.tzinfo or UTC) >= closes.replace(tzinfo=closes.tzinfo or UTC) for opens, closes in told):
        raise ValueError("a lock closes before it opens")
    return tuple(told)


Locks = Annotated[Any, BeforeValidator(_spans)]


def has_calendar(ask: Ask) -> bool:
    """Whether the platform's windows of as-of's year are known; where they are not, nobody can say that a price is free."""
    calendar = calendar_of(today(ask).year)
    return bool(ask.params.locks) or (calendar is not None and any(campaign.platform == ask.params.platform for campaign in calendar.campaigns))


def locks_now(ask: Ask) -> pl.DataFrame:
    """The locks as-of lies in (through the second they close): `lock` says which, `closes` until when. At most one row: the last to end."""
    calendar = calendar_of(today(ask).year)
    windows = windows_of([calendar] if calendar else [], ask.params.platform).filter(pl.col("stage").is_in(_STAGES))
    said = pl.when(pl.col("announced").all()).then(pl.lit("")).otherwise(pl.lit(" (dates of the last known year)"))
    spans = windows.group_by("campaign").agg(pl.col("opens").min(), pl.col("closes").max(), said=said)
    campaigns = spans.select(pl.format("{}{}", "campaign", "said").alias("lock"), "opens", "closes")
    told = [("told", *((end if end.tzinfo else end.replace(tzinfo=ask.timezone)).astimezone(UTC) for end in ends)) for ends in ask.params.locks]
    every = pl.concat([campaigns.cast(dict(_LOCKS)), pl.DataFrame(told, schema=_LOCKS, orient="row")])
    now = instant(ask.as_of)
    return every.filter(pl.col("opens") <= now, now <= pl.col("closes")).sort("closes", "lock").tail(1)


def presold_now(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Items of a pre-sale under way (`*`: all), until when a deposit paid for them still counts: their price must not change."""
    now, ends = instant(ask.as_of), pl.col("ends_at") + ask.params.deposit_holds
    offers = known(frames, "promotions", ask).filter(pl.col("promotion_kind") == "deposit", pl.col("starts_at") <= now)
    return offers.filter((ends > now).fill_null(True)).group_by("shop", "item_id").agg(presold_until=ends.max())


def held_by_lock(items: pl.LazyFrame, frames: Frames, ask: Ask) -> pl.LazyFrame:
    """`items` with `lock`: why their price may not be touched now, null where it may."""
    presold = presold_now(frames, ask).collect()
    own = presold.filter(pl.col("item_id") != ALL)
    every = presold.filter(pl.col("item_id") == ALL).select("shop", every_until="presold_until", every=pl.lit(True))
    rows = items.join(own.lazy().with_columns(own=pl.lit(True)), on=["shop", "item_id"], how="left").join(every.lazy(), on="shop", how="left")
    running = pl.when(pl.col("own").fill_null(False) | pl.col("every").fill_null(False)).then(pl.lit("price lock: its pre-sale is under way"))
    lock = running
    for row in locks_now(ask).iter_rows(named=True):
        until = f"price lock: {row['lock']} until {row['closes'].astimezone(ask.timezone):%Y-%m-%d %H:%M:%S}"
        booked = pl.when(pl.col("campaign_booked")).then(pl.lit(until))
        unsure = pl.when(pl.col("campaign_booked").is_null()).then(pl.lit(f"{until}; not known whether the item is booked"))
        lock = pl.coalesce(running, booked, unsure)
    return rows.with_columns(lock=lock).drop("own", "every", "presold_until", "every_until")
