"""What was sold in a span by item or by channel, before refunds, and whether the data are whole."""

from dataclasses import dataclass, replace

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.pareto import smallest_set
from ecops.shop.kinds import ALL
from tasks._rows import has_happened, inside, known, latest, newest
from tasks._spans import whole_days
from tasks._windows import DAY, DayWindow, Window

NO_SALES = pl.Schema({"shop": pl.String, "item_id": pl.String, "title": pl.String, "gmv_fen": pl.Int64, "basis": pl.String})


@dataclass(frozen=True)
class Sales:
    """GMV by item, and per shop what it rests on: `covered` of `wanted` days, rows whose amount is unknown."""

    frame: pl.LazyFrame
    cover: pl.DataFrame
    wanted: int
    kind: str

    def facts(self, carrying: pl.DataFrame) -> pl.DataFrame:
        """One row a shop: the cover, items and GMV in all, and how much the `carrying` items reach."""
        counts = carrying.group_by("shop").agg(carrying=pl.len(), reached=pl.col("cumulative_share").max())
        every = self.frame.group_by("shop").agg(items=pl.len(), gmv_fen=pl.col("gmv_fen").sum()).collect()
        return self.cover.join(every, on="shop", how="left").join(counts, on="shop", how="left")


def item_sales(frames: Frames, ask: Ask, window: Window) -> Sales:
    """By item, from the reports or the order lines, as `ask.params.basis` wants."""
    lines = by_lines(window, ask)
    note = "order_lines" if lines else "item_days" if window.is_whole_days(ask) else "item_days, whole days"
    sales = line_sales(frames, ask, window) if lines else day_sales(frames, ask, whole_days(window, ask))
    return replace(sales, frame=sales.frame.with_columns(basis=pl.lit(note)).collect().lazy())  # summed once, ranked and counted


def by_lines(window: Window, ask: Ask) -> bool:
    """Whether `ask.params.basis` takes the order lines: auto does for a window that begins within a day."""
    return ask.params.basis == "order_lines" or (ask.params.basis == "auto" and _begins_within_a_day(window, ask))


def _begins_within_a_day(window: Window, ask: Ask) -> bool:
    return not Window(window.since, window.since + DAY).is_whole_days(ask)


def day_sales(frames: Frames, ask: Ask, span: DayWindow) -> Sales:
    """By item, from the reports of whole days."""
    rows = known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    cover = rows.group_by("shop").agg(covered=pl.col("date").n_unique(), unknown=pl.col("pay_amount_fen").null_count()).collect()
    items = rows.group_by("shop", "item_id").agg(title=newest("title", by="date"), gmv_fen=pl.col("pay_amount_fen").sum())
    return Sales(items, cover, span.days, "item_days")


def line_sales(frames: Frames, ask: Ask, window: Window) -> Sales:
    """By item, from what was paid in the window."""
    rows = known(frames, "order_lines", ask).filter(inside("paid_at", window), has_happened("paid_at", ask))
    cover = rows.group_by("shop").agg(covered=pl.lit(1), unknown=(pl.col("paid_fen").is_null() | pl.col("item_id").is_null()).sum()).collect()
    items = rows.group_by("shop", "item_id").agg(title=latest("title", by="paid_at"), gmv_fen=_once_paid().sum())
    return Sales(items, cover, 1, "order_lines")


def _once_paid() -> pl.Expr:
    """What was paid before refunds: `paid_fen` is net of them."""
    return pl.col("paid_fen") + pl.col("refund_fen").fill_null(0)


def ranked(items: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """The smallest set of items that reaches `ask.params.share` of GMV, in order of rank."""
    return smallest_set(items, "shop", "item_id", "gmv_fen", ask.params.share).select(
        "shop",
        "item_id",
        "title",
        "rank",
        "gmv_fen",
        share=pl.col("gmv_fen") / pl.col("total"),
        cumulative_share=pl.col("running") / pl.col("total"),
        basis="basis",
    )


def channel_sales(frames: Frames, ask: Ask, span: DayWindow) -> Sales:
    """By source: its own row where there is one, else the sum of its finer ones; `*` is what they leave of the shop's total, day by day."""
    rows = known(frames, "traffic_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    rows = rows.select("shop", "date", "source", fen="pay_amount_fen", finer=pl.col("source_detail") != ALL)
    cover = rows.group_by("shop").agg(covered=pl.col("date").n_unique(), unknown=pl.col("fen").null_count()).collect()
    daily = rows.group_by("shop", "date", "source").agg(
        own=pl.col("fen").filter(~pl.col("finer")).sum(), fen=pl.col("fen").sum(), finer=pl.col("finer").all()
    )
    daily = daily.select("shop", "date", "source", fen=pl.when("finer").then("fen").otherwise("own"))
    left = pl.when(pl.col("source") == ALL).then(2 * pl.col("fen") - pl.col("fen").sum().over("shop", "date")).otherwise("fen")
    sources = daily.with_columns(fen=left).group_by("shop", "source").agg(gmv_fen=pl.col("fen").sum())
    return Sales(sources.select("shop", item_id="source", title="source", gmv_fen="gmv_fen"), cover, span.days, "traffic_days")
