"""Advertising by plan: the same yuan stands in the rows of a plan, of its items and of its keywords, and counts once."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._rows import known
from tasks._windows import DayWindow, today

UNIT = ("shop", "tool", "plan_id", "item_id")
FIGURES = ("clicks", "spend_fen", "deals", "deal_amount_fen", "net_amount_fen")
# Days after the click for which deals are claimed, where the export does not say: the longest that 直通车 offers.
USUAL_ATTRIBUTION = 15
_DAY = ("shop", "date")
_ONE_PLAN, _ONE_ITEM, _ONE_WORD = (pl.col(part) != ALL for part in ("plan_id", "item_id", "keyword"))
_LEVEL = (
    pl.when(_ONE_WORD).then(pl.lit("keyword")).when(_ONE_ITEM).then(pl.lit("item"))
    .when(_ONE_PLAN).then(pl.lit("plan")).otherwise(pl.lit("shop"))
)  # fmt: skip
_PLAN_FIRST = pl.when(~_ONE_ITEM & ~_ONE_WORD).then(0).when(_ONE_ITEM).then(1).otherwise(2)
# Of each group the rows of the lowest rank count; the order matters.
_RANKS = (
    (_ONE_WORD.cast(pl.Int32), (*_DAY, "tool", "plan_id", "item_id")),
    (pl.when(_ONE_PLAN).then(_PLAN_FIRST).otherwise((~_ONE_ITEM).cast(pl.Int32)), (*_DAY, "tool", "plan_id")),
    ((~_ONE_PLAN).cast(pl.Int32), (*_DAY, "tool")),
    ((pl.col("tool") == ALL).cast(pl.Int32), _DAY),
)


def ad_rows(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """All rows of a window, with their `level`: plan, item, keyword; shop for rows that are not split by plan or item."""
    names = ("date", *UNIT, "keyword", "plan", *FIGURES, "attribution_days")
    return known(frames, "ad_days", ask).filter(pl.col("date").is_between(window.first, window.last)).select(*names, level=_LEVEL).collect()


def counted_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one level a day: a plan as a whole, else its items, else its keywords.

    Rows of named plans stand before rows that are not split by plan, rows of named tools before rows of `*`: what the
    other levels say is the same money once more. `item_id` is `*` where the plan is named, for the plan is the unit.
    """
    for rank, keys in _RANKS:
        ranks = rows.select(rank.unique().sort()).to_series()
        if len(ranks) > 1:  # where all stand on one level, nothing stands twice
            rows = _of_lowest(rows, rank, ranks, keys)
    return rows.with_columns(item_id=pl.when(_ONE_PLAN).then(pl.lit(ALL)).otherwise("item_id"))


def _of_lowest(rows: pl.DataFrame, rank: pl.Expr, ranks: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    """The rows of each group of the lowest rank that it has: what a lower one has is left out of the next, at half the cost of a minimum over groups."""
    lowest = rows.clear()
    for one in ranks:
        lowest = pl.concat([lowest, rows.filter(rank == one).join(lowest.select(keys), on=keys, how="anti", nulls_equal=True)])
    return lowest


def advertised(rows: pl.DataFrame) -> pl.DataFrame:
    """The one item of each unit (`advertised_item`), null where it advertises several or none is named."""
    first, last = pl.col("item_id").min(), pl.col("item_id").max()
    named = rows.lazy().filter(_ONE_ITEM, _ONE_PLAN).group_by("shop", "tool", "plan_id").agg(advertised_item=first, several=first != last)
    return named.filter(~pl.col("several")).drop("several").collect()


def summed(where: str) -> dict[str, pl.Expr]:
    """Of a group, the rows that the column `where` marks: sums, null where one of them does not state the figure, and their days."""
    there, dates = pl.col(where).any(), pl.when(where).then("date")
    sums = {
        name: pl.when(there, (pl.col(where) & pl.col(name).is_null()).sum() == 0).then(pl.when(where).then(name).sum()) for name in FIGURES
    }  # fmt: skip
    days = dates.n_unique().cast(pl.Int64) - (dates.null_count() > 0)  # a null is counted as a value
    return sums | {"days": pl.when(there).then(days)}


def is_mature(ask: Ask, attribution: timedelta | None) -> pl.Expr:
    """Whether the deals of a day's clicks are all in: `attribution` days after it are over; None: as many as the row says."""
    days = pl.col("attribution_days").fill_null(USUAL_ATTRIBUTION) if attribution is None else pl.lit(attribution.days)
    return (pl.lit(today(ask)) - pl.col("date")).dt.total_days() > days


def levels(rows: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Spend of each level of each shop beside how much of it was counted: they need not agree, and the difference is told."""
    all_of = rows.group_by("shop", "level").agg(days=pl.col("date").n_unique().cast(pl.Int64), spend_fen=pl.col("spend_fen").sum())
    once = counted.group_by("shop", "level").agg(counted_fen=pl.col("spend_fen").sum())
    joined = all_of.join(once, on=["shop", "level"], how="left").with_columns(pl.col("counted_fen").fill_null(0))
    return joined.sort("shop", "level")
