"""Until when a paid order has to be handed over."""

from datetime import timedelta

import polars as pl


def ship_deadline(limit: timedelta) -> pl.Expr:
    """The order's own promise (`ship_by`: a pre-sale may promise a later day) where it carries one, else `limit` after payment."""
    return pl.coalesce("ship_by", pl.col("paid_at") + limit)
