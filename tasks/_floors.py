"""What an item must cost at least, and why that cannot be said of some items."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import known


def priced(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items on sale with full cost, floor and margin, the worst first; `reason` where there is no floor."""
    left = (1 - ask.params.target_margin - ask.params.fees).as_integer_ratio()
    cost, fees = pl.col("full_cost_fen"), float(ask.params.fees)
    return (
        known(frames, "items", ask)
        .filter(pl.col("on_sale").fill_null(True))
        .with_columns(full_cost_fen=pl.col("cost_fen") + ask.params.extra_cost, reason=why_no_floor())
        .with_columns(floor_fen=(cost * left[1] + left[0] - 1) // left[0])
        .with_columns(short_fen=pl.col("floor_fen") - pl.col("price_fen"), margin=1 - fees - cost / pl.col("price_fen"))
        .select("shop", "item_id", "title", "price_fen", "cost_fen", "full_cost_fen", "floor_fen", "short_fen", "margin", "reason")
        .sort("shop", pl.col("short_fen"), "item_id", descending=[False, True, False], nulls_last=True)
        .collect()
    )


def why_no_floor() -> pl.Expr:
    """The reason why an item has no floor; null when cost and price are known and positive."""
    return (
        pl.when(pl.col("cost_fen").is_null()).then(pl.lit("cost unknown"))
        .when(pl.col("cost_fen") <= 0).then(pl.lit("cost not positive"))
        .when(pl.col("price_fen").is_null()).then(pl.lit("price unknown"))
        .when(pl.col("price_fen") <= 0).then(pl.lit("price not positive"))
    )  # fmt: skip


def floor_facts(items: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: items on sale, those with a floor, those under it, and the lowest margin."""
    sure = pl.col("reason").is_null()
    return items.group_by("shop").agg(
        items=pl.len().cast(pl.Int64),
        sure=sure.sum().cast(pl.Int64),
        below=(sure & (pl.col("price_fen") < pl.col("floor_fen"))).sum().cast(pl.Int64),
        worst=pl.col("margin").filter(sure).min(),
    )
