"""Which elements of a dimension (items, channels, customers) a change of GMV comes from."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.attribution import spread_whole
from ecops.formulae.surprise import explanatory_power, surprise
from ecops.shop.kinds import KINDS
from tasks._buyers import customer_sales, payments
from tasks._facts import known_sum
from tasks._sales import Sales, by_lines, channel_sales, day_sales, line_sales
from tasks._spans import day_spans
from tasks._verdicts import Lack, of_every_shop
from tasks._windows import Window

# Adtributor (NSDI 2014): an element explains when it carries more than the first share of the change; elements are taken
# until they explain the second share of it.
_EACH_EXPLAINS, _ALL_EXPLAIN = 0.1, 0.67
DIMENSIONS = {"item": "商品", "channel": "渠道", "customer": "客群"}
_NO_ELEMENTS = pl.Schema(
    {
        "shop": pl.String, "dimension": pl.String, "rank": pl.Int64, "element": pl.String, "title": pl.String, "expected_fen": pl.Int64,
        "actual_fen": pl.Int64, "gap_fen": pl.Int64, "power": pl.Float64, "surprise": pl.Float64, "explains": pl.Boolean,
    }
)  # fmt: skip


def names(value: object) -> tuple[str, ...]:
    """The dimensions a text names; raises ValueError."""
    parts = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else tuple(value)
    if not parts or not set(parts) <= set(DIMENSIONS):
        raise ValueError(f"must be some of {', '.join(DIMENSIONS)}")
    return parts


def sides_of(frames: Frames, ask: Ask, window: Window, base: Window) -> dict[str, tuple[Sales, Sales]]:
    """What was sold in the window and in the span before, by each dimension asked for."""
    return {name: _sides(name, frames, ask, window, base) for name in names(ask.params.dimensions)}


def _sides(name: str, frames: Frames, ask: Ask, window: Window, base: Window) -> tuple[Sales, Sales]:
    """Both sides from the same source: orders to the second, or reports of as many whole days."""
    if name == "customer":
        paid = payments(frames, ask).collect().lazy()  # read once, used for both
        return customer_sales(paid, ask, window), customer_sales(paid, ask, base)
    if name == "item" and by_lines(window, ask):
        return line_sales(frames, ask, window), line_sales(frames, ask, base)
    sold = channel_sales if name == "channel" else day_sales
    now, before = day_spans(window, base, ask)
    return sold(frames, ask, now), sold(frames, ask, before)


def drill_facts(sides: dict[str, tuple[Sales, Sales]], ask: Ask) -> pl.DataFrame:
    """One row a shop: of each dimension the days there are, the blank rows, and whether it is whole (columns that begin with its name)."""
    told = [_told(name, *pair, ask) for name, pair in sides.items()]
    return of_every_shop(ask, pl.concat([pl.DataFrame(schema={"shop": pl.String}), *told], how="align_full"))


def elements_of(sides: dict[str, tuple[Sales, Sales]], facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The elements of every dimension that is whole, ranked by surprise."""
    found = [_elements(name, *pair, ask).join(facts.filter(pl.col(f"{name}_whole")), on="shop", how="semi") for name, pair in sides.items()]
    return pl.concat([_NO_ELEMENTS.to_frame(), *found])


def _told(name: str, now: Sales, base: Sales, ask: Ask) -> pl.DataFrame:
    """Days (or 1 for orders) there are of both spans, rows that say no amount, and whether the dimension is `whole`."""
    sides = [
        side.cover.select(
            "shop", pl.col("covered").cast(pl.Int64).alias(f"{name}_{when}"), pl.col("unknown").cast(pl.Int64).alias(f"{name}_blank_{when}")
        )
        for side, when in ((now, "now"), (base, "base"))
    ]
    both = of_every_shop(ask, sides[0].join(sides[1], on="shop", how="full", coalesce=True)).with_columns(pl.exclude("shop").fill_null(0))
    blank = pl.col(f"{name}_blank_now") + pl.col(f"{name}_blank_base")
    there = (pl.col(f"{name}_now") >= now.wanted) & (pl.col(f"{name}_base") >= base.wanted)
    return both.with_columns(there.alias(f"{name}_there"), blank.alias(f"{name}_blank"), (there & (blank == 0)).alias(f"{name}_whole"))


def _elements(name: str, now: Sales, base: Sales, ask: Ask) -> pl.DataFrame:
    """One row an element of either span, the most surprising first."""
    sides = [
        side.frame.select("shop", "item_id", title.alias(f"title_{when}"), pl.col("gmv_fen").alias(f"{when}_fen"))
        for side, when, title in ((now, "now", pl.col("title")), (base, "base", pl.col("title")))
    ]
    rows = sides[0].join(sides[1], on=["shop", "item_id"], how="full", coalesce=True).rename({"item_id": "element"})
    rows = rows.with_columns(pl.col("now_fen", "base_fen").fill_null(0), dimension=pl.lit(name), title=pl.coalesce("title_now", "title_base"))
    rows = rows.with_columns(expected_fen=_expected(ask), actual_fen="now_fen").filter((pl.col("expected_fen") != 0) | (pl.col("actual_fen") != 0))
    expected, actual = pl.col("expected_fen"), pl.col("actual_fen")
    totals = [side.sum().over("shop") for side in (expected, actual)]
    shares = [pl.when(total > 0).then(side / total) for side, total in zip((expected, actual), totals, strict=True)]
    rows = rows.with_columns(gap_fen=actual - expected, power=explanatory_power(expected, actual, *totals), surprise=surprise(*shares))
    rows = rows.sort("shop", "surprise", pl.col("gap_fen").abs(), "element", descending=[False, True, True, False], nulls_last=True)
    return rows.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("shop"), explains=_explains()).select(*_NO_ELEMENTS).collect()


def _expected(ask: Ask) -> pl.Expr:
    if ask.params.gmv_target is None:
        return pl.col("base_fen")
    return spread_whole(pl.lit(ask.params.gmv_target), pl.col("base_fen").clip(0), "element", ["shop"])


def _explains() -> pl.Expr:
    """Of the elements in order of surprise: large enough, and what came before them had not yet explained enough."""
    large = (pl.col("power") > _EACH_EXPLAINS).fill_null(False)
    power = pl.when(large).then("power").otherwise(0.0)
    return large & (power.cum_sum().over("shop") - power < _ALL_EXPLAIN)


def dimensions_of(elements: pl.DataFrame) -> pl.DataFrame:
    """One row a dimension, the most surprising first: its gap, the surprise of its explaining elements, and the first of them.

    What was expected, and the gap, are null where nothing was sold before by which a target could be spread.
    """
    explains = pl.col("explains")
    return (
        elements.group_by("shop", "dimension", maintain_order=True)
        .agg(
            known_sum("expected_fen"),
            pl.col("actual_fen").sum(),
            known_sum("gap_fen"),
            surprise=pl.col("surprise").filter(explains).sum(),
            explained=pl.col("power").filter(explains).sum(),
            elements=explains.sum().cast(pl.Int64),
            first_title=pl.coalesce("title", "element").filter(explains).first(),
            **{f"first_{name}": pl.col(name).filter(explains).first() for name in ("gap_fen", "power")},
        )
        .sort("shop", "surprise", "dimension", descending=[False, True, False])
    )


def drill_lacks(name: str, now: Sales, base: Sales) -> list[Lack]:
    """What a dimension lacks on either side, over `drill_facts`."""
    have = (pl.col(f"{name}_now"), pl.col(f"{name}_base"))
    zh = KINDS[now.kind].zh
    days = now.kind in ("item_days", "traffic_days")
    short = (
        pl.format(f"{now.kind}: {{}} of {now.wanted} days, before {{}} of {base.wanted}", *have)
        if days
        else pl.lit(f"{now.kind}: none paid in the window or before it")
    )
    short_zh = (
        pl.format(f"缺{zh}：窗口{{}}/{now.wanted}天，对比期{{}}/{base.wanted}天", *have) if days else pl.lit(f"缺{zh}：窗口或对比期内没有已付款记录")
    )
    blank = pl.col(f"{name}_blank")
    what, what_zh = ("amount or buyer", "金额或买家") if name == "customer" else ("amount", "金额")
    return [
        Lack(~pl.col(f"{name}_there"), short, short_zh),
        Lack(
            pl.col(f"{name}_there") & (blank > 0),
            pl.format(f"{now.kind}: {what} unknown in {{}} rows", blank),
            pl.format(f"{zh}有{{}}行{what_zh}不明", blank),
        ),
    ]
