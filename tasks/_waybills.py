"""Numbers of parcels beside the orders they stand for."""

from datetime import datetime

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import has_happened, instant, known


def parcels_sent(frames: Frames, ask: Ask, since: datetime) -> pl.LazyFrame:
    """Parcels handed over after `since`: shop, parcel_id, order_id, carrier, shipped_at."""
    fresh = has_happened("shipped_at", ask) & (pl.col("shipped_at") > instant(since))
    return known(frames, "parcels", ask).filter(fresh).select("shop", "parcel_id", "order_id", "carrier", "shipped_at")


def reused_waybills(frames: Frames, ask: Ask, since: datetime) -> pl.DataFrame:
    """Waybills of parcels handed over since then that stand for orders of more than one buyer: shop, parcel_id, orders, buyers."""
    parcels = parcels_sent(frames, ask, since).select("shop", "parcel_id", "order_id")
    shared = parcels.group_by("shop", "parcel_id").agg(pl.len().alias("n")).filter(pl.col("n") > 1)
    buyers = known(frames, "orders", ask).select("shop", "order_id", "buyer_id")
    return (
        parcels.join(shared, on=["shop", "parcel_id"], how="semi")
        .join(buyers, on=["shop", "order_id"], how="left")
        .group_by("shop", "parcel_id")
        .agg(orders=pl.col("order_id").n_unique().cast(pl.Int64), buyers=pl.col("buyer_id").drop_nulls().n_unique().cast(pl.Int64))
        .filter(pl.col("buyers") > 1)
        .sort("shop", "parcel_id")
        .collect()
    )
