"""What buyers need, and which items on sale cover it."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._rows import known


def need_matrix(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Every row of the needs with the item's title and `covers`; `reason` where that is unknown."""
    items = known(frames, "items", ask).select("shop", "item_id", "title", "on_sale", found=pl.lit(True))
    nothing = pl.col("item_id") == ALL
    return (
        known(frames, "needs", ask)
        .select("shop", "need", "item_id", "weight")
        .join(items, on=["shop", "item_id"], how="left")
        .with_columns(
            covers=pl.col("on_sale").fill_null(False) & ~nothing,
            reason=pl.when(nothing).then(None)
            .when(pl.col("found").is_null()).then(pl.lit("not in the catalogue"))
            .when(pl.col("on_sale").is_null()).then(pl.lit("on sale or not: unknown")),
        )
        .select("shop", "need", "item_id", "title", "weight", "covers", "reason")
        .sort("shop", "need", "item_id")
        .collect()
    )  # fmt: skip


def need_sums(matrix: pl.DataFrame) -> pl.DataFrame:
    """One row a need: its weight, items on sale, items named, and those of which nothing is known; the weightiest first."""
    sums = matrix.group_by("shop", "need").agg(
        weight=pl.col("weight").max(),
        items_on_sale=pl.col("covers").sum().cast(pl.Int64),
        items_named=(pl.col("item_id") != ALL).sum().cast(pl.Int64),
        unsure=pl.col("reason").is_not_null().sum().cast(pl.Int64),
    )
    return sums.sort("shop", "weight", "need", descending=[False, True, False], nulls_last=True)


def coverage_facts(frames: Frames, ask: Ask, matrix: pl.DataFrame) -> pl.DataFrame:
    """Needs a shop, its gaps, the weightiest of them, gaps that may be none, and items in the catalogue."""
    gap = pl.col("items_on_sale") < ask.params.min_items
    needs = need_sums(matrix).group_by("shop", maintain_order=True).agg(
        needs=pl.len().cast(pl.Int64), gaps=gap.sum().cast(pl.Int64), heaviest=pl.col("need").filter(gap).first(),
        unsure=(gap & (pl.col("unsure") > 0)).sum().cast(pl.Int64),
    )  # fmt: skip
    goods = known(frames, "items", ask).group_by("shop").agg(goods=pl.len().cast(pl.Int64)).collect()
    return needs.join(goods, on="shop", how="full", coalesce=True)
