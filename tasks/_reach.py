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
    """`person` of each buyer who has more than one id: the first id of all that share the phone of their newest order.

    Identity is the platform's id; the keyed hash of the phone joins two ids of one person, never a name or an address
    (families and offices share one). A buyer whose phone is masked is a person alone, and who has one id is not listed.
    """
    named = (
        known(frames, "orders", ask)
        .filter(buyer_is_known(), pl.col("phone_hash").is_not_null())
        .select("shop", pl.col("buyer_id").str.strip_chars(), "phone_hash", "created_at", "order_id")
    )
    # only who ever used a phone that another id used too can share the newest one: few, and found without sorting
    of_phone = named.group_by("shop", "phone_hash").agg(first=pl.col("buyer_id").min(), last=pl.col("buyer_id").max())
    shared = of_phone.filter(pl.col("first") != pl.col("last")).select("shop", "phone_hash")
    among = named.join(shared, on=["shop", "phone_hash"], how="semi").select("shop", "buyer_id").unique()
    return (
        named.join(among, on=["shop", "buyer_id"], how="semi")
        .sort("created_at", "order_id", nulls_last=False)
        .group_by("shop", "buyer_id")
        .agg(phone=pl.col("phone_hash").last())
        .with_columns(person=pl.col("buyer_id").min().over("shop", "phone"), ids=pl.len().over("shop", "phone"))
        .filter(pl.col("ids") > 1)
        .select("shop", "buyer_id", "person")
        .collect()
    )


def as_persons(buyers: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """`buyers` with their `person`; an id not listed there is a person alone."""
    return buyers.join(of, on=["shop", "buyer_id"], how="left", maintain_order="left").with_columns(person=pl.coalesce("person", "buyer_id"))


def on_channel(channel: str) -> pl.Expr:
    """Whether a consent is for the channel and names its buyer."""
    return (pl.col("consent_channel").str.strip_chars().str.to_lowercase() == channel.strip().lower()) & buyer_is_known()


def consents(frames: Frames, ask: Ask, channel: str) -> pl.DataFrame:
    """Each buyer's standing with a channel as of then: `agreed`, `withdrawn` (the later of the two holds) and `joined`."""
    given, back = has_happened("consented_at", ask), has_happened("withdrawn_at", ask)
    again = (pl.col("consented_at") > pl.col("withdrawn_at")).fill_null(False)
    return (
        known(frames, "consents", ask)
        .filter(on_channel(channel))
        .with_columns(pl.col("buyer_id").str.strip_chars(), withdrawn=back & ~(given & again))
        .select("shop", "buyer_id", "consented_at", "withdrawn", agreed=given & ~pl.col("withdrawn"), joined=has_happened("joined_at", ask))
        .collect()
    )


def one_each(buyers: pl.DataFrame, standing: pl.DataFrame, of: pl.DataFrame, *, joined: bool | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of `buyers` (shop, buyer_id, ...; at most once each) those to write to, one id a person, and all others with a `reason`.

    A person may be written to when one of the ids agreed and none withdrew; who withdrew under one nick withdrew. `joined`:
    whether the person must (True) or must not (False) be in the group already. Other columns are kept.
    """
    rows = as_persons(buyers, of).join(_marked(standing, of), on=["shop", "person"], how="left")
    rows = rows.join(_firsts(rows, standing, of), on=["shop", "person"], how="left").with_columns(first=pl.coalesce("first", "buyer_id"))
    reason = pl.when(pl.lit(False)).then(pl.lit(""))
    for when, text in _reasons(joined):
        reason = reason.when(when).then(text)
    rows = rows.with_columns(reason=reason)
    kept = [name for name in buyers.columns if name not in ("shop", "buyer_id")]
    chosen = rows.filter(pl.col("reason").is_null()).select("shop", "buyer_id", *kept, "consented_at").sort("shop", "buyer_id")
    return chosen, rows.filter(pl.col("reason").is_not_null()).select("shop", "buyer_id", "reason").sort("shop", "reason", "buyer_id")


def _marked(standing: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """One row a person: whether one of the ids withdrew, joined or agreed, and when the first agreed."""
    facts = [pl.col(name).any() for name in ("withdrawn", "joined", "agreed")]
    alone = standing.join(of, on=["shop", "buyer_id"], how="anti").rename({"buyer_id": "person"})
    several = standing.join(of, on=["shop", "buyer_id"]).group_by("shop", "person").agg(*facts, consented_at=pl.col("consented_at").min())
    columns = ("shop", "person", "withdrawn", "joined", "agreed", "consented_at")
    return pl.concat([alone.select(columns), several.select(columns)])


def _firsts(rows: pl.DataFrame, standing: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """Of persons with several ids among `rows` the id to write to: the first that agreed itself, else the first."""
    own = standing.filter("agreed").select("shop", "buyer_id", own=pl.lit(True))
    several = rows.select("shop", "buyer_id", "person").join(of, on=["shop", "buyer_id"], how="semi").join(own, on=["shop", "buyer_id"], how="left")
    return several.sort(~pl.col("own").fill_null(False), "buyer_id").group_by("shop", "person").agg(first=pl.col("buyer_id").first())


def _reasons(joined: bool | None) -> Iterator[tuple[pl.Expr, pl.Expr]]:
    yield pl.col("withdrawn").fill_null(False), pl.lit("consent withdrawn")
    yield ~pl.col("agreed").fill_null(False), pl.lit("no consent")
    if joined is not None:
        is_in = pl.col("joined").fill_null(False)
        yield (~is_in, pl.lit("not in the group")) if joined else (is_in, pl.lit("already joined"))
    yield pl.col("buyer_id") != pl.col("first"), pl.format("same person as {}", "first")
