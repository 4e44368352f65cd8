"""Whom one may write to, and when: one message a person, with consent, outside quiet hours."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Ask, Frames
from tasks._orders import buyer_is_known
from tasks._rows import has_happened, known
from tasks._windows import resolve

_SPAN = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")


def _quiet(value: str) -> str:
    match = _SPAN.fullmatch(value.strip())
    if not match:
        raise ValueError("must be two times of day such as 22:00-08:00")
    begin, end = map(time.fromisoformat, match.groups())
    if begin == end:
        raise ValueError("must leave some time of the day to send")
    return match.group()


Quiet = Annotated[str, AfterValidator(_quiet)]


def sending_at(text: str | None, quiet: str, ask: Ask) -> datetime | None:
    """The instant `text` names (as-of when None), or the end of the quiet hours it lies in: 22:00 is quiet, 08:00 is not.

    None when `text` is neither an anchor of the run nor a date, or lies before as-of.
    """
    moment = ask.as_of if text is None else resolve(text, ask)
    if moment is None or moment < ask.as_of:
        return None
    local = moment.astimezone(ask.timezone)
    begin, end = (time.fromisoformat(part) for part in quiet.split("-"))
    clock, over_midnight = local.time(), begin > end
    if not (clock >= begin or clock < end if over_midnight else begin <= clock < end):
        return moment
    day = local.date() + timedelta(days=1) if over_midnight and clock >= begin else local.date()
    return datetime.combine(day, end, ask.timezone)


def persons(frames: Frames, ask: Ask) -> pl.DataFrame:
    """`person` of each buyer of the orders: the first id of all that share the phone of their newest order.

    Identity is the platform's id; the keyed hash of the phone joins two ids of one person, never a name or an address
    (families and offices share one). A buyer whose phone is masked is a person alone.
    """
    phones = (
        known(frames, "orders", ask)
        .filter(buyer_is_known())
        .select("shop", pl.col("buyer_id").str.strip_chars(), "phone_hash", "created_at", "order_id")
        .with_columns(phone_at=pl.when(pl.col("phone_hash").is_not_null()).then("created_at"))
        .sort("phone_at", "order_id", nulls_last=False)
        .group_by("shop", "buyer_id")
        .agg(phone=pl.col("phone_hash").last())
    )
    shared = pl.col("buyer_id").min().over("shop", "phone")
    person = pl.when(pl.col("phone").is_null()).then("buyer_id").otherwise(shared)
    return phones.with_columns(person=person).select("shop", "buyer_id", "person").collect()


def as_persons(buyers: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """`buyers` with their `person`; an id that no order knows is a person alone."""
    return buyers.join(of, on=["shop", "buyer_id"], how="left", maintain_order="left").with_columns(person=pl.coalesce("person", "buyer_id"))


def consents(frames: Frames, ask: Ask, channel: str) -> pl.DataFrame:
    """Each buyer's standing with a channel as of then: `agreed`, `withdrawn` (the later of the two holds) and `joined`."""
    given, back = has_happened("consented_at", ask), has_happened("withdrawn_at", ask)
    again = (pl.col("consented_at") > pl.col("withdrawn_at")).fill_null(False)
    return (
        known(frames, "consents", ask)
        .filter(pl.col("consent_channel").str.strip_chars().str.to_lowercase() == channel, buyer_is_known())
        .with_columns(pl.col("buyer_id").str.strip_chars(), withdrawn=back & ~(given & again))
        .select("shop", "buyer_id", "consented_at", "withdrawn", agreed=given & ~pl.col("withdrawn"), joined=has_happened("joined_at", ask))
        .collect()
    )


def one_each(buyers: pl.DataFrame, standing: pl.DataFrame, of: pl.DataFrame, *, joined: bool | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of `buyers` (shop, buyer_id, ...; at most once each) those to write to, one id a person, and all others with a `reason`.

    A person may be written to when one of the ids agreed and none withdrew; who withdrew under one nick withdrew. `joined`:
    whether the person must (True) or must not (False) be in the group already. Other columns are kept.
    """
    marked = as_persons(standing, of).group_by("shop", "person").agg(
        pl.col("withdrawn").any(), pl.col("joined").any(), agreed_ids=pl.col("buyer_id").filter("agreed"), consented_at=pl.col("consented_at").min()
    )  # fmt: skip
    rows = as_persons(buyers, of).join(marked, on=["shop", "person"], how="left")
    ids = pl.col("agreed_ids").list.len().fill_null(0)
    own = pl.col("buyer_id").is_in(pl.col("agreed_ids")).fill_null(False)
    rows = rows.sort("shop", "person", ~own, "buyer_id").with_columns(first=pl.col("buyer_id").first().over("shop", "person"))
    reason = pl.when(pl.lit(False)).then(pl.lit(""))
    for when, text in _reasons(ids, joined):
        reason = reason.when(when).then(text)
    rows = rows.with_columns(reason=reason)
    kept = [name for name in buyers.columns if name not in ("shop", "buyer_id")]
    chosen = rows.filter(pl.col("reason").is_null()).select("shop", "buyer_id", *kept, "consented_at").sort("shop", "buyer_id")
    return chosen, rows.filter(pl.col("reason").is_not_null()).select("shop", "buyer_id", "reason").sort("shop", "reason", "buyer_id")


def _reasons(ids: pl.Expr, joined: bool | None) -> Iterator[tuple[pl.Expr, pl.Expr]]:
    yield pl.col("withdrawn").fill_null(False), pl.lit("consent withdrawn")
    yield ids == 0, pl.lit("no consent")
    if joined is not None:
        is_in = pl.col("joined").fill_null(False)
        yield (~is_in, pl.lit("not in the group")) if joined else (is_in, pl.lit("already joined"))
    yield pl.col("buyer_id") != pl.col("first"), pl.format("same person as {}", "first")
