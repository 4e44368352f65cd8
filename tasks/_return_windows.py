"""Until when goods may be sent back: the promise of the order's own day, from the day they were signed for."""

from datetime import datetime, timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._disputes import live
from tasks._orders import effective_orders
from tasks._rows import has_happened, instant, known
from tasks._windows import DAY

_SIGNED = "签收|妥投|已取件"
_SECOND = timedelta(seconds=1)


def signatures(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """One row an order with parcels: `signed_at` (its last parcel's; null where one is not signed for or the time cannot be believed) and
    `unsure` (why: the scan says signed without a time, or signed for sooner than `hand_over` after it left)."""
    arrived = pl.when(has_happened("delivered_at", ask)).then(pl.col("delivered_at"))
    timeless = pl.col("delivered_at").is_null() & has_happened("last_event_at", ask) & pl.col("last_event").str.contains(_SIGNED).fill_null(False)
    hasty = ((pl.col("arrived") - pl.col("shipped_at")) < ask.params.hand_over).fill_null(False)
    why = pl.when(pl.col("timeless").any()).then(pl.lit("signed without a time")).when(hasty.any()).then(pl.lit("signed too soon to be true"))
    return (
        known(frames, "parcels", ask)
        .select("shop", "order_id", "shipped_at", arrived=arrived, timeless=timeless)
        .group_by("shop", "order_id")
        .agg(last_at=pl.col("arrived").max(), everywhere=pl.col("arrived").is_not_null().all(), unsure=why)
        .select("shop", "order_id", "unsure", signed_at=pl.when("everywhere", pl.col("unsure").is_null()).then("last_at"), sent_out=pl.lit(True))
    )


def deadline(ask: Ask) -> pl.Expr:
    """The last second in which goods may be sent back, from `signed_at` and `promised_days`."""
    if ask.params.counted == "signed":
        return pl.col("signed_at") + pl.duration(days="promised_days")
    day = pl.col("signed_at").dt.convert_time_zone(ask.timezone.key).dt.date() + pl.duration(days=pl.col("promised_days") + 1)
    return day.cast(pl.Datetime("us")).dt.replace_time_zone(ask.timezone.key).dt.convert_time_zone("UTC") - _SECOND


def windows(frames: Frames, ask: Ask, policy: datetime) -> pl.DataFrame:
    """One row an order of the `window` that was paid: promised_days, signed_at, deadline, state and why.

    `state`: open (may be sent back), over, underway (not signed for yet), settled (fully refunded) or unknown: it must have arrived, and
    nobody knows when it was signed for.
    """
    promised = pl.when(pl.col("created_at") >= instant(policy)).then(ask.params.after // DAY).otherwise(ask.params.before // DAY)
    finished = has_happened("finished_at", ask) | (pl.col("finished_at").is_null() & (pl.col("status") == "finished").fill_null(False))
    missing = (
        pl.when(pl.col("unsure").is_not_null()).then("unsure")
        .when(~pl.col("sent_out").fill_null(False)).then(pl.lit("no parcel"))
        .when("finished").then(pl.lit("finished without a signature"))
    )
    state = (
        pl.when("fully_refunded").then(pl.lit("settled"))
        .when(pl.col("signed_at").is_not_null()).then(pl.when(pl.col("deadline") >= instant(ask.as_of)).then(pl.lit("open")).otherwise(pl.lit("over")))
        .when(~pl.col("sent") & ~pl.col("sent_out").fill_null(False)).then(pl.lit("underway"))
        .when(pl.col("why").is_not_null()).then(pl.lit("unknown"))
        .otherwise(pl.lit("underway"))
    )
    return (
        effective_orders(frames, ask)
        .filter("paid", pl.col("created_at") > instant(ask.as_of - ask.params.window))
        .select("shop", "order_id", "created_at", "sent", "fully_refunded", finished=finished, promised_days=promised.cast(pl.Int64))
        .join(signatures(frames, ask), on=["shop", "order_id"], how="left")
        .with_columns(deadline=deadline(ask), why=missing)
        .with_columns(state=state)
        .with_columns(why=pl.when(pl.col("state") == "unknown").then("why"))
        .select("shop", "order_id", "created_at", "promised_days", "signed_at", "deadline", "state", "why")
        .sort("shop", "deadline", "order_id", nulls_last=True)
        .collect()
    )  # fmt: skip


def judged_claims(frames: Frames, ask: Ask, orders: pl.DataFrame) -> pl.DataFrame:
    """The after-sales still open with `standing`: in_time (also before the goods were signed for), late or unknown; late ones first."""
    standing = (
        pl.when(pl.col("state") == "underway").then(pl.lit("in_time"))
        .when(pl.col("deadline").is_null()).then(pl.lit("unknown"))
        .when(pl.col("asked_at").dt.truncate("1s") <= pl.col("deadline")).then(pl.lit("in_time"))
        .otherwise(pl.lit("late"))
    )
    order = {"late": 0, "unknown": 1, "in_time": 2}
    claims = live(frames, ask).filter("open").select("shop", "refund_id", "order_id", "amount_fen", asked_at="created_at")
    return (
        claims.join(orders.lazy(), on=["shop", "order_id"], how="left")
        .with_columns(standing=standing, why=pl.when(pl.col("state").is_null()).then(pl.lit("order not known")).otherwise("why"))
        .select("shop", "refund_id", "order_id", "asked_at", "amount_fen", "promised_days", "signed_at", "deadline", "standing", "why")
        .sort("shop", pl.col("standing").replace_strict(order, return_dtype=pl.Int8), "deadline", "asked_at", "refund_id", nulls_last=True)
        .collect()
    )  # fmt: skip
