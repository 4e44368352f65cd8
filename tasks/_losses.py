"""What stock-outs lost of the demand, and the factor of the next stock that follows."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._outages import Outages, outages
from tasks._rows import known
from tasks._spans import whole_days
from tasks._verdicts import of_every_shop
from tasks._windows import HOUR, DayWindow, Window

def losses(frames: Frames, ask: Ask, window: Window | None) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The lists, and one row a shop with the days there are, the sums and how many items are unknown; nothing without a window."""
    if window is None:
        lists, facts = _lost_lists(_outages({}, ask, Window(ask.as_of - HOUR, ask.as_of)), _no_sold(), ask)
        return lists, facts
    found = _outages(frames, ask, window)
    lists, facts = _lost_lists(found, _sold(frames, ask, whole_days(window, ask)), ask)
    return lists, of_every_shop(ask, found.cover).join(facts, on="shop", how="left")


def _outages(frames: Frames, ask: Ask, window: Window) -> Outages:
    span = whole_days(window, ask)
    return outages(frames, ask, window, span, DayWindow(span.first - ask.params.baseline, span.last), ask.params.min_days)


def _no_sold() -> pl.DataFrame:
    return pl.DataFrame(schema={"shop": pl.String, "sold_units": pl.Int64, "blank": pl.Int64})


def _sold(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    rows = known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    return rows.group_by("shop").agg(sold_units=pl.col("pay_units").sum(), blank=pl.col("pay_units").null_count().cast(pl.Int64)).collect()


def _lost_lists(found: Outages, sold: pl.DataFrame, ask: Ask) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The lists, and one row a shop with the sums and how many items are unknown."""
    sure = pl.col("reason").is_null()
    items = found.items.with_columns(**_share_and_factor(pl.col("lost_micro"), pl.col("sold_units"), ask))
    order = {"by": ["shop", "lost_fen", "item_id"], "descending": [False, True, False], "nulls_last": True}
    sums = items.group_by("shop").agg(
        items=sure.sum().cast(pl.Int64),
        unknown=(~sure).sum().cast(pl.Int64),
        lost_micro=pl.col("lost_micro").sum(),
        lost_fen=pl.col("lost_fen").sum(),
        lost_orders=pl.when(pl.col("lost_orders").filter(sure).is_not_null().all()).then((pl.col("lost_orders").sum() * 100).round(0) / 100),
        reasons=pl.col("reason").drop_nulls().unique().sort().str.join("; "),
    )
    facts = sold.join(sums, on="shop", how="left").with_columns(pl.col("items", "unknown", "lost_micro", "lost_fen").fill_null(0))
    facts = facts.with_columns(lost_orders=pl.when(pl.col("items") == 0).then(0.0).otherwise("lost_orders"))
    facts = facts.with_columns(
        lost_units=(pl.col("lost_micro") / 1_000_000).round(2), **_share_and_factor(pl.col("lost_micro"), pl.col("sold_units"), ask)
    )
    shops = facts.filter(pl.col("unknown") == 0, pl.col("blank") == 0).sort("shop")
    shops = shops.with_columns(next_factor=(pl.col("factor") * float(ask.params.stock_factor) * 100).round(0) / 100)
    columns = ("lost_units", "lost_orders", "lost_fen", "sold_units", "share", "factor", "next_factor")
    return {
        "items": items.filter(sure).sort(**order).drop("reason", "lost_micro"),
        "unknown_items": items.filter(~sure)
        .sort("shop", "item_id")
        .select("shop", "item_id", "title", "out_from", "sold_units", "days_in_stock", "reason"),
        "shops": shops.select("shop", pl.col("items").alias("items_out"), *columns),
    }, facts


def _share_and_factor(lost_micro: pl.Expr, sold: pl.Expr, ask: Ask) -> dict[str, pl.Expr]:
    """Of the units wanted those not sold, and by how much more there should have been."""
    wanted = sold * 1_000_000 + lost_micro
    share = pl.when(wanted > 0).then(lost_micro / wanted)
    cap = float(ask.params.max_factor)
    return {"share": share, "factor": pl.when(sold > 0).then((wanted / (sold * 1_000_000)).clip(1, cap)).when(lost_micro > 0).then(cap)}
