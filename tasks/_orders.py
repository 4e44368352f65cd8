"""Orders as they stood as of an instant: what was paid, refunded and sent by then."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import has_happened, known

_SENT = ("shipped", "finished")


def effective_orders(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Orders with `paid`, `refunded`, `fully_refunded`, `sent` (booleans) and `amount_fen` (net of refunds) as of then.

    `paid_fen` is net of `refund_fen`; a refund that came later is given back to the amount. A refund unknown counts as
    none: it is not known to have happened.
    """
    refund = pl.col("refund_fen").fill_null(0)
    undone = pl.col("refunded_at").is_null() | has_happened("refunded_at", ask)
    closed = (pl.col("status") == "closed").fill_null(False)
    return (
        known(frames, "orders", ask)
        .with_columns(paid=has_happened("paid_at", ask), sent=_sent(ask), refunded=(refund > 0) & undone)
        .with_columns(amount_fen=pl.col("paid_fen") + pl.when(pl.col("refunded")).then(0).otherwise(refund))
        .with_columns(fully_refunded=pl.col("paid") & undone & (closed | (pl.col("refunded") & (pl.col("paid_fen") <= 0)).fill_null(False)))
    )


def buyer_is_known() -> pl.Expr:
    """Whether an order names its buyer; a masked name (`***`) is nobody in particular."""
    buyer = pl.col("buyer_id").str.strip_chars()
    return (buyer.is_not_null() & (buyer != "") & ~buyer.str.contains("*", literal=True)).fill_null(False)


def _sent(ask: Ask) -> pl.Expr:
    """Shipped by then; a status of today says so only where no parcel time contradicts it."""
    by_status = pl.col("shipped_at").is_null() & pl.col("status").is_in(_SENT)
    return has_happened("shipped_at", ask) | by_status.fill_null(False)
