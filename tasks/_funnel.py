"""The funnel from visit to payment: stages of items and shops, the rates between them, and who bought again."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._facts import known_sum
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import known, local_date
from tasks._windows import DayWindow

_STEPS = (("visit_cart", "visitors", "cart_users"), ("cart_order", "cart_users", "order_buyers"), ("order_pay", "order_buyers", "pay_buyers"),
          ("visit_pay", "visitors", "pay_buyers"))  # fmt: skip
_STAGES = ("visitors", "cart_users", "order_buyers", "pay_buyers")
_STEP_ORDER = {name: n for n, (name, _, _) in enumerate(_STEPS)}


def item_stages(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """One row an item: the sums of its stages, null where a day does not state one, and its `days`."""
    sums = [pl.col(name).sum() for name in _STAGES]
    blanks = [pl.col(name).null_count().alias(f"{name}_blank") for name in _STAGES]
    return (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .select("shop", "item_id", *_STAGES)
        .group_by("shop", "item_id")
        .agg(*sums, *blanks, days=pl.len().cast(pl.Int64))
        .with_columns(_if_stated(name) for name in _STAGES)
        .select("shop", "item_id", *_STAGES, "days")
        .sort("shop", "item_id")
        .collect()
    )


def _if_stated(name: str) -> pl.Expr:
    return pl.when(pl.col(f"{name}_blank") == 0).then(pl.col(name)).alias(name)


def shop_stages(frames: Frames, ask: Ask, window: DayWindow, goods: pl.DataFrame) -> pl.DataFrame:
    """One row a shop: its stages, from the traffic report where it has as many days of the shop as the items have."""
    shop = (
        known(frames, "traffic_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last), pl.col("source") == ALL, pl.col("source_detail") == ALL)
        .group_by("shop")
        .agg(days=pl.len().cast(pl.Int64), *(known_sum(name) for name in _STAGES))
        .collect()
        .filter(pl.all_horizontal(pl.col(name).is_not_null() for name in _STAGES))
    )
    summed_up = goods.group_by("shop").agg(pl.col("days").max(), *(known_sum(name) for name in _STAGES))
    enough = shop.join(summed_up.select("shop", item_days="days"), on="shop", how="left").filter(
        pl.col("days") >= pl.col("item_days").fill_null(0)
    )
    own = enough.select("shop", "days", *_STAGES, basis=pl.lit("shop"))
    rest = summed_up.join(own, on="shop", how="anti").select("shop", "days", *_STAGES, basis=pl.lit("items"))
    return pl.concat([own, rest])


def step_rates(stages: pl.DataFrame) -> pl.DataFrame:
    """A row a shop and step, in the order of the steps: counts, the rate, and the `problem` where there is none."""
    parts = [
        stages.select("shop", "basis", pl.lit(name).alias("step"), from_count=pl.col(upper), to_count=pl.col(lower)) for name, upper, lower in _STEPS
    ]
    above, below = pl.col("from_count"), pl.col("to_count")
    rates = pl.concat(parts).with_columns(
        rate=pl.when((above > 0) & (below <= above)).then(below / above),
        problem=pl.when(above.is_null() | below.is_null()).then(pl.lit("not stated")).when(above == 0).then(pl.lit("nobody above"))
        .when(below > above).then(pl.lit("more below than above")),
    )  # fmt: skip
    return rates.sort("shop", pl.col("step").replace_strict(_STEP_ORDER, return_dtype=pl.Int8))


def good_rates(goods: pl.DataFrame) -> pl.DataFrame:
    """The rates of each item beside its stages, most visited first; `problem` says what cannot be."""

    def rate(upper: str, lower: str) -> pl.Expr:
        return pl.when((pl.col(upper) > 0) & (pl.col(lower) <= pl.col(upper))).then(pl.col(lower) / pl.col(upper))

    impossible = pl.any_horizontal(pl.col(name) > pl.col("visitors") for name in _STAGES[1:])
    return goods.with_columns(
        **{name: rate(upper, lower) for name, upper, lower in _STEPS},
        problem=pl.when(impossible.fill_null(False)).then(pl.lit("more below than visitors"))
        .when(pl.col("visitors") == 0).then(pl.lit("no visitors")),
    ).sort("shop", "visitors", "item_id", descending=[False, True, False], nulls_last=True)  # fmt: skip


def loop_board(frames: Frames, ask: Ask, window: DayWindow, stages: pl.DataFrame) -> pl.DataFrame:
    """The four groups of figures, one row each with what it is of; a share with nobody below the line is unknown."""
    buyers = _buyers_of_windows(frames, ask, window)
    part, whole = pl.col("part"), pl.col("of")
    figures = (
        (stages, "traffic", "visitors", pl.col("visitors"), pl.lit(None, dtype=pl.Int64)),
        (stages, "conversion", "visit_pay", pl.col("pay_buyers"), pl.col("visitors")),
        (buyers, "retention", "bought_again", pl.col("again"), pl.col("before")),
        (buyers, "repurchase", "had_bought", pl.col("had"), pl.col("now")),
    )
    rows = [
        frame.select("shop", pl.lit(group).alias("group"), pl.lit(figure).alias("figure"), part=top, of=below)
        for frame, group, figure, top, below in figures
    ]
    order = pl.col("group").replace_strict({group: n for n, (_, group, *_) in enumerate(figures)}, return_dtype=pl.Int8)
    return pl.concat(rows).with_columns(share=pl.when((whole > 0) & (part <= whole)).then(part / whole)).sort("shop", order)


def _buyers_of_windows(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Known buyers of the window and of the days before it, a row a shop; a purchase is an order paid and not refunded in full."""
    day, earlier = local_date("paid_at", ask), window.first - ask.params.back
    flags = (
        effective_orders(frames, ask)
        .filter(buyer_is_known(), pl.col("paid"), ~pl.col("fully_refunded"))
        .select("shop", pl.col("buyer_id").str.strip_chars(), day=day)
        .filter(pl.col("day") <= window.last)
        .group_by("shop", "buyer_id")
        .agg(
            now=(pl.col("day") >= window.first).any(),
            before=((pl.col("day") < window.first) & (pl.col("day") >= earlier)).any(),
            ever=(pl.col("day") < window.first).any(),
        )
    )
    sums = {"now": pl.col("now"), "before": pl.col("before"), "again": pl.col("now") & pl.col("before"), "had": pl.col("now") & pl.col("ever")}
    return flags.group_by("shop").agg(**{name: flag.sum().cast(pl.Int64) for name, flag in sums.items()}).collect()
