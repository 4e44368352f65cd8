"""What every calculation does with rows: take those that were known, compare shares exactly, and write quantities out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import INSTANT, KINDS
from tasks._windows import Window


def instant(moment: datetime) -> pl.Expr:
    """An aware moment as a literal that compares with the instants of the lake."""
    # in UTC first: the two folds of a local time are equal to Python
    return _literal(moment.astimezone(UTC))


@lru_cache(maxsize=1024)
def _literal(moment: datetime) -> pl.Expr:
    return pl.lit(moment, dtype=INSTANT)


def known(frames: Frames, kind: str, ask: Ask) -> pl.LazyFrame:
    """The rows of `kind` that belong to the asked shops and could be known as of `ask.as_of`; empty when not given."""
    frame = frames.get(kind)
    if frame is None:
        frame = pl.LazyFrame(schema=KINDS[kind].schema)
    return frame.filter(pl.col("shop").is_in(ask.shops), pl.col("available_at") <= instant(ask.as_of))


def inside(column: str, window: Window) -> pl.Expr:
    """Whether an instant lies in the half-open window."""
    return pl.col(column).is_between(instant(window.since), instant(window.until), closed="left")


def local_date(column: str, ask: Ask) -> pl.Expr:
    """The shop's calendar day of an instant column."""
    return pl.col(column).dt.convert_time_zone(ask.timezone.key).dt.date()


def has_happened(column: str, ask: Ask) -> pl.Expr:
    """True when the instant is known and not after as-of: a later refund or parcel was not there yet."""
    return (pl.col(column) <= instant(ask.as_of)).fill_null(False)


def at_least(part: pl.Expr, whole: pl.Expr, share: Decimal) -> pl.Expr:
    """`part / whole >= share` in whole numbers: 8 of 100 is 8 %, and no rounding of a float decides."""
    numerator, denominator = share.as_integer_ratio()
    return part * denominator >= whole * numerator


def latest(column: str, by: str) -> pl.Expr:
    """The newest known value of a column in a group; null only when it is null everywhere."""
    there = pl.col(column).is_not_null()
    return pl.col(column).filter(there).sort_by(pl.col(by).filter(there), pl.col(column).filter(there)).last()


def newest(column: str, by: str) -> pl.Expr:
    """As `latest`, for groups in which each value of `by` stands once: a third of the work."""
    return pl.col(column).max_by(pl.when(pl.col(column).is_not_null()).then(by))


def percent(share: pl.Expr, digits: int = 1) -> pl.Expr:
    """A share of 1 as text, `0.0831` -> `8.3%`."""
    return pl.format("{}%", (share * 100).round(digits))


def yuan(fen: pl.Expr) -> pl.Expr:
    """Fen as yuan text, `-123450` -> `-1234.50`."""
    size = fen.abs()
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.format("{}{}.{}", sign, size // 100, (size % 100).cast(pl.String).str.zfill(2))


def percent_text(share: Decimal) -> str:
    """A parameter's share as people write it, `Decimal("0.08")` -> `8%`."""
    return f"{(share * 100).normalize():f}%"


def duration_text(span: timedelta) -> str:
    """A parameter's duration as people write it: `30d`, `48h`, `90m`."""
    minutes = int(span.total_seconds() // 60)
    if minutes % 1440 == 0 and minutes >= 3 * 1440:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
