"""The stock counts of the demo shops: every other week all that is there, and what does not agree with the feed."""

import polars as pl

from ecops.shop.demo.plan import SLOW, Plan

_FIRST, _EVERY = 6, 14  # day of the period of the first count, and how many days later the next one is
LOST, FOUND, WITHIN = SLOW[0], 8, SLOW[1]
_LOST_UNITS, _FOUND_UNITS = 12, 3


def stock_counts(stock: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `stock_counts`: what was counted on the evening of a count; nothing of an item that is not there. `off`: against the feed.

    At the first position a dozen is gone, at the second three are too many, at the third a hundredth is missing, which is within what counts
    usually miss by.
    """
    days = plan.days[_FIRST::_EVERY]
    there, position = pl.col("closing_units"), pl.col("position")
    off = (
        pl.when(position == LOST).then(-pl.min_horizontal(there, pl.lit(_LOST_UNITS)))
        .when(position == FOUND).then(pl.lit(_FOUND_UNITS))
        .when(position == WITHIN).then(-(there // 100))
        .otherwise(0)
    )  # fmt: skip
    frame = stock.filter(pl.col("date").is_in(days), there > 0).with_columns(off=off.cast(pl.Int64))
    return frame.with_columns(counted_units=there + pl.col("off"))


def told(counts: pl.DataFrame) -> dict[str, list[dict[str, object]]]:
    """The differences of each shop's last count, ready for JSON."""
    last = counts.filter(pl.col("date") == pl.col("date").max(), pl.col("off") != 0).sort("shop", "position")
    found: dict[str, list[dict[str, object]]] = {}
    for shop, position, item, day, off in last.select("shop", "position", "item_id", "date", "off").iter_rows():
        hit = position != WITHIN
        found.setdefault(shop, []).append({
            "what": "stock_count_differs" if hit else "stock_count_within_tolerance", "hit": hit, "item_ids": [item], "day": day.isoformat(),
            "units": off,
        })  # fmt: skip
    return found
