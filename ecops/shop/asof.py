"""What could be known of a row at an instant: rows not yet there are hidden, later facts of a row are masked."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from ecops.shop.cells import SHOP_ZONE

SHOP = ZoneInfo(SHOP_ZONE)
_ENDED = ("finished", "closed")


def as_of_frame(kind: str, frame: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Rows of `kind` available at `as_of` (aware), with the facts of each row that came later masked."""
    moment = as_of.astimezone(UTC)
    known = frame.filter(pl.col("available_at") <= moment)
    return known.with_columns(**_LATER[kind](moment)) if kind in _LATER else known


def _order_facts(as_of: datetime) -> dict[str, pl.Expr]:
    refund_known = pl.when(pl.col("refunded_at").is_not_null()).then(pl.col("refunded_at") <= as_of).otherwise(_settled(as_of))
    return _payment(as_of, refund_known) | {
        "refunded_at": _until(as_of, "refunded_at"),
        "shipped_at": _until(as_of, "shipped_at"),
        "finished_at": _until(as_of, "finished_at"),
        "deposit_paid_at": _until(as_of, "deposit_paid_at"),
        "status": _status(as_of),
        "close_reason": pl.when(_settled(as_of)).then(pl.col("close_reason")),
        "after_sale": pl.when(_settled(as_of)).then(pl.col("after_sale")),
    }


def _line_facts(as_of: datetime) -> dict[str, pl.Expr]:
    return _payment(as_of, _settled(as_of)) | {
        "shipped_at": _until(as_of, "shipped_at"),
        "status": _status(as_of),
        "refund_status": pl.when(_settled(as_of)).then(pl.col("refund_status")),
    }


def _refund_facts(as_of: datetime) -> dict[str, pl.Expr]:
    """A refund settled later was open, and what it would come to was not known."""
    ended = pl.when(pl.col("closed_at").is_not_null()).then(pl.col("closed_at") <= as_of).otherwise(_settled(as_of))
    settled = pl.col("refund_status") != "open"
    return {
        "closed_at": _until(as_of, "closed_at"),
        "refund_status": pl.when(settled & ~ended).then(pl.lit("open")).otherwise(pl.col("refund_status")),
    }


def _parcel_facts(as_of: datetime) -> dict[str, pl.Expr]:
    """The latest scan, when it came later, hides what the scan before it said: that is unknown, not silence since the collection."""
    later = _later(as_of, "last_event_at")
    return {
        "shipped_at": _until(as_of, "shipped_at"),
        "collected_at": _until(as_of, "collected_at"),
        "delivered_at": _until(as_of, "delivered_at"),
        "last_event": pl.when(~later).then(pl.col("last_event")),
        "last_event_at": _until(as_of, "last_event_at"),
        "damaged": pl.when(_settled(as_of)).then(pl.col("damaged")),
    }


def _review_facts(as_of: datetime) -> dict[str, pl.Expr]:
    return {"replied_at": _until(as_of, "replied_at")}


def _until_facts(*columns: str) -> Callable[[datetime], dict[str, pl.Expr]]:
    return lambda as_of: {column: _until(as_of, column) for column in columns}


def _purchase_facts(as_of: datetime) -> dict[str, pl.Expr]:
    """What came later was not there yet, and how many pieces came neither."""
    came = pl.col("received_on") <= pl.lit(as_of.astimezone(SHOP).date())
    return {"received_on": pl.when(came).then(pl.col("received_on")), "received_units": pl.when(came).then(pl.col("received_units"))}


_LATER = {
    "orders": _order_facts, "order_lines": _line_facts, "refunds": _refund_facts, "parcels": _parcel_facts, "reviews": _review_facts,
    "consents": _until_facts("withdrawn_at", "joined_at"), "posts": _until_facts("answered_at"), "purchases": _purchase_facts,
}


def _payment(as_of: datetime, refund_known: pl.Expr) -> dict[str, pl.Expr]:
    """A refund not yet known is given back to the amount paid, so that the past shows what was paid then."""
    refund = pl.col("refund_fen").fill_null(0)
    paid = pl.when(refund_known).then(pl.col("paid_fen")).otherwise(pl.col("paid_fen") + refund)
    return {
        "paid_at": _until(as_of, "paid_at"),
        "paid_fen": pl.when(_later(as_of, "paid_at")).then(None).otherwise(paid),
        "refund_fen": pl.when(refund_known & ~_later(as_of, "paid_at")).then(pl.col("refund_fen")),
    }


def _status(as_of: datetime) -> pl.Expr:
    """The status a row had: its own once settled, else the furthest one its instants prove."""
    status, shipped = pl.col("status"), pl.col("shipped_at") <= as_of
    early = status.is_in(_ENDED) & ~_settled(as_of)
    return (
        pl.when(_later(as_of, "paid_at")).then(pl.lit("created"))
        .when(_later(as_of, "shipped_at")).then(pl.lit("paid"))
        .when(early & shipped).then(pl.lit("shipped"))
        .when(early & pl.col("paid_at").is_not_null()).then(pl.lit("paid"))
        .when(early).then(pl.lit("created"))
        .otherwise(status)
    )


def _settled(as_of: datetime) -> pl.Expr:
    return (pl.col("facts_as_of") <= as_of).fill_null(True)


def _later(as_of: datetime, column: str) -> pl.Expr:
    return (pl.col(column) > as_of).fill_null(False)


def _until(as_of: datetime, column: str) -> pl.Expr:
    return pl.when(pl.col(column) <= as_of).then(pl.col(column))
