"""From which instant on a row could be known, kind by kind."""

from datetime import UTC, datetime

import polars as pl

from ecops.shop.cells import SHOP_ZONE
from ecops.shop.kinds import INSTANT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def available_at(kind: str) -> pl.Expr:
    """Instant (UTC) at which a row of `kind` could first be known, from its own columns."""
    return _RULES[kind]().cast(INSTANT).alias("available_at")


def _midnight(day: pl.Expr) -> pl.Expr:
    return day.cast(pl.Datetime("us")).dt.replace_time_zone(SHOP_ZONE).dt.convert_time_zone("UTC")


def _after_the_day() -> pl.Expr:
    return _midnight(pl.col("date").dt.offset_by("1d"))


def _when_listed() -> pl.Expr:
    """An item of unknown age counts as always known, so that a rehearsal over an old year sees the catalogue."""
    return pl.coalesce(_midnight(pl.col("listed_on")), pl.lit(EPOCH))


def _when_issued() -> pl.Expr:
    """A paper of unknown age counts as always known: it hangs on the wall."""
    return pl.coalesce(_midnight(pl.col("issued_on")), pl.lit(EPOCH))


def _when_shipped() -> pl.Expr:
    return pl.coalesce("shipped_at", "collected_at", "last_event_at", pl.lit(EPOCH))


# Plans (offers, prices to come, shifts, needs) are known as soon as they are written down, which no column tells: they count as
# always known.
_RULES = {
    "orders": lambda: pl.col("created_at"),
    "order_lines": lambda: pl.col("created_at"),
    "refunds": lambda: pl.col("created_at"),
    "items": _when_listed,
    "item_days": _after_the_day,
    "traffic_days": _after_the_day,
    "hours": lambda: pl.col("hour").dt.offset_by("1h"),
    "ad_days": _after_the_day,
    "service_days": _after_the_day,
    "chats": lambda: pl.col("at"),
    "stock": _after_the_day,
    "competitor_items": _after_the_day,
    "documents": _when_issued,
    "reviews": lambda: pl.col("created_at"),
    "parcels": _when_shipped,
    "behaviours": lambda: pl.col("hour").dt.offset_by("1h"),
    "search_words": _after_the_day,
    "competitor_shares": _after_the_day,
    "service_tags": _after_the_day,
    "needs": lambda: pl.lit(EPOCH),
    "promotions": lambda: pl.lit(EPOCH),
    "price_changes": lambda: pl.lit(EPOCH),
    "consents": lambda: pl.coalesce("consented_at", "joined_at", pl.lit(EPOCH)),
    "rules": lambda: pl.coalesce("published_at", pl.lit(EPOCH)),
    "pages": lambda: pl.coalesce("checked_at", pl.lit(EPOCH)),
    "purchases": lambda: pl.coalesce(_midnight(pl.col("ordered_on")), pl.lit(EPOCH)),
    "stock_counts": _after_the_day,
    "scores": _after_the_day,
    "shifts": lambda: pl.lit(EPOCH),
    "posts": lambda: pl.col("at"),
}
