"""Whether a feed still flows: how long it has been silent while people worked, and what should have come meanwhile."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import has_happened, instant, known
from tasks._turns import ServiceHours, in_service, service_seconds

_HISTORY = timedelta(days=14)


class Feed(ServiceHours):
    """`stale_events`: a feed is stale when so many events should have come in its silence, at the shop's own pace of the last 14 days
    (six: a silence that chance gives 1 time in 400). `stale_hours`: and after so many service hours in any case.
    """

    stale_events: float = 6
    stale_hours: int = 45


def chat_events(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """One row a message: shop, id (of the conversation: a burst of messages is one event), at and last_at."""
    return known(frames, "chats", ask).select("shop", "at", id="session_id", last_at="at")


def order_events(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """One row an order: shop, id, at (created) and last_at (the latest of its events that had happened)."""
    events = [pl.when(has_happened(name, ask)).then(pl.col(name)) for name in ("created_at", "paid_at", "shipped_at")]
    return known(frames, "orders", ask).select("shop", id="order_id", at="created_at", last_at=pl.max_horizontal(events))


def refund_events(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """One row an after-sale: shop, id, at (created), last_at (the same)."""
    return known(frames, "refunds", ask).select("shop", id="refund_id", at="created_at", last_at="created_at")


def silence(events: pl.LazyFrame, ask: Ask, rare: bool = False) -> pl.DataFrame:
    """One row a shop with any event: `newest_at`, `silent_hours` (of service time since then), `expected` (events that should have come
    in it, at the pace between the first and the newest of the last 14 days; null with fewer than three) and `stale`.

    `events`: shop, id, at, last_at; rows of one id are one event. Nights count neither as silence nor in the pace. `rare`: days without
    any are nothing unusual, only the pace tells.
    """
    opens, closes = ask.params.opens, ask.params.closes
    served = (pl.col("at") >= instant(ask.as_of - _HISTORY)) & in_service("at", ask, opens, closes)
    gone = {name: service_seconds(pl.col(name), ask, opens, closes) for name in ("first_at", "pace_at", "newest_at")}
    silent = service_seconds(instant(ask.as_of), ask, opens, closes) - gone["newest_at"]
    pace = (pl.col("events") - 1) / (gone["pace_at"] - gone["first_at"])
    late = pl.lit(False) if rare else pl.col("silent_hours") > ask.params.stale_hours
    newest = events.group_by("shop").agg(newest_at=pl.col("last_at").max())
    paced = events.filter(served).group_by("shop").agg(
        first_at=pl.col("at").min(), pace_at=pl.col("at").max(), events=pl.col("id").n_unique().cast(pl.Int64)
    )  # fmt: skip
    return (
        newest.filter(pl.col("newest_at").is_not_null())
        .join(paced, on="shop", how="left")
        .with_columns(silent_hours=silent / 3600, expected=pl.when(pl.col("events") >= 3, pl.col("pace_at") > pl.col("first_at")).then(pace * silent))
        .with_columns(stale=late | (pl.col("expected") >= ask.params.stale_events).fill_null(False))
        .select("shop", "newest_at", pl.col("silent_hours", "expected").round(2), "stale")
        .collect()
    )


def newest_text(column: str, ask: Ask) -> pl.Expr:
    """An instant on the shop's clock, to the minute."""
    return pl.col(column).dt.convert_time_zone(ask.timezone.key).dt.strftime("%Y-%m-%d %H:%M")
