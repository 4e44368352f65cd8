"""What the offers of a sale leave of the prices, held against the floor."""

from dataclasses import replace

import polars as pl

from ecops.automation import Ask, Frames
from tasks._offers import in_window, kept_offers, lowest_prices
from tasks._rows import instant, known
from tasks._windows import Window
from tasks.goods import floor_price


def stacked_prices(frames: Frames, ask: Ask, sale: Window) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Prices by item, offers that cannot be right, and items that cannot be judged."""
    planned = _planned_prices(frames, ask, sale)
    catalogue = known(frames, "items", ask).join(planned, on=["shop", "item_id"], how="left").with_columns(price_fen=pl.coalesce("planned_fen", "price_fen"))
    floors = floor_price.calculate({"items": catalogue.drop("planned_fen")}, replace(ask, params=ask.params.floor())).lists
    kept = kept_offers(frames, ask)
    stacked = lowest_prices(floors["floors"].lazy().select("shop", "item_id", "price_fen"), in_window(kept, sale.since, sale.until, ask.params.deposit_holds))
    problems = kept.filter(pl.col("problem").is_not_null()).select("shop", "promotion_id", "item_id", "title", reason="problem")
    return _judged_prices(floors["floors"], stacked, ask), problems.sort("shop", "promotion_id", "item_id").collect(), floors["unknown_items"]


def _planned_prices(frames: Frames, ask: Ask, sale: Window) -> pl.LazyFrame:
    """The lowest price planned for the sale: the one in force when it begins, and those that begin in it."""
    changes = known(frames, "price_changes", ask).filter(pl.col("changed_at") > instant(ask.as_of), pl.col("changed_at") < instant(sale.until))
    early = pl.col("changed_at") <= instant(sale.since)
    return (
        changes.filter(pl.col("price_fen").is_not_null())
        .filter(~early | (pl.col("changed_at") == pl.col("changed_at").filter(early).max().over("shop", "item_id")))
        .group_by("shop", "item_id")
        .agg(planned_fen=pl.col("price_fen").min())
    )


def _judged_prices(floors: pl.DataFrame, stacked: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Floors with what the offers leave; an item without offers keeps its price."""
    judged, cost = pl.col(f"{ask.params.judge}_fen"), pl.col("full_cost_fen")
    left = {name: pl.coalesce(name, "price_fen") for name in ("alone_fen", "worst_fen", "buyer_fen")}
    fees, commission = float(ask.params.fees), float(ask.params.commission)
    without = pl.when(judged > 0).then(1 - fees - cost / judged)
    return (
        floors.join(stacked, on=["shop", "item_id"], how="left")
        .with_columns(**left)
        .with_columns(
            short_fen=pl.col("floor_fen") - judged, under_cost=judged < cost, margin_without_commission=without, margin=without - commission,
            offers=pl.col("offers").fill_null(""),
        )
        .select(_STACKED)
        .sort("shop", "under_cost", "short_fen", "item_id", descending=[False, True, True, False])
    )  # fmt: skip


_STACKED = (
    "shop", "item_id", "title", "price_fen", "alone_fen", "worst_fen", "buyer_fen", "floor_fen", "short_fen", "full_cost_fen", "under_cost",
    "margin", "margin_without_commission", "offers",
)  # fmt: skip


def stacked_lists(prices: pl.DataFrame, problems: pl.DataFrame, unknown: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The lists of the answer; those under their floor first."""
    return {"items": prices.filter(pl.col("short_fen") > 0), "prices": prices, "problems": problems, "unknown_items": unknown}


def stack_facts(prices: pl.DataFrame, problems: pl.DataFrame, unknown: pl.DataFrame, offered: pl.DataFrame) -> pl.DataFrame:
    """Counts a shop: prices judged, under their floor, under cost, the lowest margin, offers that cannot be right, items unknown."""
    counted = prices.group_by("shop").agg(
        judged=pl.len().cast(pl.Int64),
        below=(pl.col("short_fen") > 0).sum().cast(pl.Int64),
        under_cost=pl.col("under_cost").sum().cast(pl.Int64),
        lowest=pl.col("margin").min(),
    )
    for name, frame in (("problems", problems), ("unknown", unknown)):
        counted = counted.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="full", coalesce=True)
    return counted.join(offered, on="shop", how="full", coalesce=True)
