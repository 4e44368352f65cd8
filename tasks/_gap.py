"""The gap between a target and what was sold: what both sides are made of, and parts in whole fen that add up to it."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.attribution import lmdi_parts, shapley_parts, whole_parts
from tasks._orders import effective_orders
from tasks._rows import inside, instant, known
from tasks._windows import HOUR, Window

FACTORS = ("visitors", "conversion", "aov")
_ZH = {"visitors": "流量", "conversion": "转化", "aov": "客单价", "plan": "计划不自洽", "refunds": "退款"}
_TOTALS = pl.Schema({"shop": pl.String, "basis": pl.String, "visitors": pl.Int64, "payers": pl.Int64, "gmv_fen": pl.Int64})
_HOURLY = ("visitors", "pay_buyers", "pay_amount_fen")
_REFUNDED = ("refund_fen", "paid_orders", "open_claims")


def split_gap(frames: Frames, ask: Ask, window: Window | None) -> pl.DataFrame:
    """One row a shop with actual figures: plan and actual of each factor, and the parts of both methods; none without a window or a target."""
    if window is None or ask.params.gmv_target is None:
        nothing = _TOTALS.to_frame()
        return _decomposed(nothing.with_columns(**{name: pl.lit(None, dtype=pl.Int64) for name in _REFUNDED}), nothing, ask)
    both = inside("hour", Window(window.before().since, window.until))
    hours = known(frames, "hours", ask).filter(both).select("shop", "available_at", "hour", *_HOURLY).collect().lazy()  # read once for both spans
    actual, before = (_totals({**frames, "hours": hours}, ask, span) for span in (window, window.before()))
    return _decomposed(actual.join(_refunded(frames, ask, window), on="shop", how="left"), before, ask)


def _refunded(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Per shop, of the orders paid in the window: what has been refunded, how many orders, how many claims are open. None for the first cut."""
    orders = effective_orders(frames if ask.params.cut == "net" else {}, ask).filter(pl.col("paid"), inside("paid_at", window))
    sums = orders.group_by("shop").agg(refund_fen=pl.col("refund_fen").filter(pl.col("refunded")).sum(), paid_orders=pl.len().cast(pl.Int64))
    undecided = (pl.col("refund_status") == "open").fill_null(False) | (pl.col("closed_at") > instant(ask.as_of)).fill_null(False)
    claims = known(frames, "refunds", ask).filter(undecided).join(orders, on=["shop", "order_id"], how="semi")
    return sums.join(claims.group_by("shop").agg(open_claims=pl.len().cast(pl.Int64)), on="shop", how="left").collect()


def _totals(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Visitors, payers and GMV a shop, from the hours where they are complete, else from complete whole days."""
    hours = _complete_hours(frames, ask, window).collect()
    return pl.concat([hours, _complete_days(frames, without(ask, hours), window).collect()]).sort("shop")


def without(ask: Ask, told: pl.DataFrame) -> Ask:
    """The same question for the shops alone that have no row in `told`: what nobody needs is not read."""
    done = set(told["shop"])
    return replace(ask, shops=tuple(shop for shop in ask.shops if shop not in done))


def _complete_hours(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    return (
        known(frames, "hours", ask)
        .filter(inside("hour", window), *(pl.col(name).is_not_null() for name in _HOURLY))
        .group_by("shop")
        .agg(*(pl.col(name).sum() for name in _HOURLY), n=pl.col("hour").n_unique())
        .filter(pl.col("n") * HOUR == window.until - window.since)
        .select("shop", pl.lit("hours").alias("basis"), "visitors", payers="pay_buyers", gmv_fen="pay_amount_fen")
    )


def _complete_days(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    """Sums of the item reports; by units where any row of the shop has no buyers. Only for whole local days."""
    by_units = pl.col("pay_buyers").is_null().any()
    span = window.dates(ask)
    blank = pl.any_horizontal(pl.col("visitors", "pay_amount_fen").is_null().any())
    return (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(span.first, span.last), pl.lit(window.is_whole_days(ask)))
        .group_by("shop")
        .agg(
            pl.col("visitors").sum(),
            payers=pl.when(by_units).then(pl.col("pay_units").sum()).otherwise(pl.col("pay_buyers").sum()),
            gmv_fen=pl.col("pay_amount_fen").sum(),
            basis=pl.when(by_units).then(pl.lit("item_days by units")).otherwise(pl.lit("item_days")),
            lost=blank | (by_units & pl.col("pay_units").is_null().any()),
            n=pl.col("date").n_unique(),
        )
        .filter(pl.col("n") == span.days, ~pl.col("lost"))
        .select(*_TOTALS)
    )


def _decomposed(actual: pl.DataFrame, before: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    target = pl.lit(ask.params.gmv_target, dtype=pl.Int64)
    return (
        actual.lazy().join(
            before.lazy().select("shop", *(pl.col(name).alias(f"{name}_before") for name in ("visitors", "payers", "gmv_fen"))), on="shop", how="left"
        )
        .with_columns(target_fen=target, paid_gap_fen=pl.col("gmv_fen") - target, **_actual_factors())
        .with_columns(**_plan_factors(ask))
        .with_columns(plan_raw=pl.col("visitors_plan") * pl.col("conversion_plan") * pl.col("aov_plan") - pl.col("target_fen"))
        .with_columns(
            **_parts_by("lmdi", lmdi_parts), **_parts_by("shapley", shapley_parts), gap_fen=pl.col("paid_gap_fen") - pl.col("refund_fen").fill_null(0)
        )
        .collect()
    )


def _actual_factors() -> dict[str, pl.Expr]:
    return {
        "visitors_actual": pl.col("visitors").cast(pl.Float64),
        "conversion_actual": _share("payers", "visitors"),
        "aov_actual": _share("gmv_fen", "payers"),
    }


def _share(part: str, whole: str) -> pl.Expr:
    """part / whole; 0 of nothing is 0, so that Shapley goes through a factor that vanished; something of nothing is null."""
    return pl.when(pl.col(part) == 0).then(0.0).when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _plan_factors(ask: Ask) -> dict[str, pl.Expr]:
    """The plan's three figures: given ones, the first missing from the target, the others from the span before."""
    given = _given_plan(ask)
    absent = [name for name in FACTORS if name not in given]
    earlier = {"conversion": _share("payers_before", "visitors_before"), "aov": _share("gmv_fen_before", "payers_before")}
    plan = {name: pl.lit(given[name]) if name in given else earlier.get(name) for name in FACTORS}
    if absent:
        others = [plan[name] for name in FACTORS if name != absent[0]]
        product = others[0] * others[1]
        plan[absent[0]] = pl.when(product > 0).then(pl.col("target_fen") / product)
    said = [f"{absent[0]} from the target"] if absent else []
    said += [f"{name} from the span before" for name in absent[1:]]
    return {f"{name}_plan": plan[name].cast(pl.Float64) for name in FACTORS} | {"plan_source": pl.lit("; ".join(said) or "given")}


def _given_plan(ask: Ask) -> dict[str, float]:
    params = {"visitors": ask.params.plan_visitors, "conversion": ask.params.plan_conversion, "aov": ask.params.plan_aov}
    return {name: float(value) for name, value in params.items() if value is not None}


def _parts_by(name: str, method: Callable[..., list[pl.Expr]]) -> dict[str, pl.Expr]:
    """The three factors' parts and the plan's own, in whole fen that add to the gap before refunds; then the refunds'."""
    plan, actual = ([pl.col(f"{factor}_{side}") for factor in FACTORS] for side in ("plan", "actual"))
    parts = whole_parts([*method(plan, actual), pl.col("plan_raw")], pl.col("paid_gap_fen"))
    refunds = pl.when(parts[0].is_not_null()).then(-pl.col("refund_fen").fill_null(0))
    return {f"{part}_{name}_fen": fen for part, fen in zip((*FACTORS, "plan", "refunds"), (*parts, refunds), strict=True)}


def gap_lists(decomposed: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """`items`: one row a part; `shops`: the gap they add to."""
    sure = decomposed.filter(pl.col("visitors_shapley_fen").is_not_null())
    parts = pl.concat([_part(sure, name) for name in _ZH]).filter(pl.col("part").is_in(FACTORS) | (pl.col("shapley_fen") != 0))
    order = pl.col("part").replace_strict({name: n for n, name in enumerate(_ZH)}, return_dtype=pl.Int8)
    shops = sure.select(
        "shop",
        "target_fen",
        actual_fen=pl.col("target_fen") + pl.col("gap_fen"),
        gap_fen="gap_fen",
        basis="basis",
        plan_source="plan_source",
        refund_fen="refund_fen",
    )
    return {"items": parts.sort("shop", order), "shops": shops}


def _part(sure: pl.DataFrame, name: str) -> pl.DataFrame:
    plan, actual = (pl.col(f"{name}_{side}") if name in FACTORS else pl.lit(None, dtype=pl.Float64) for side in ("plan", "actual"))
    money = pl.col(f"{name}_shapley_fen")
    return sure.select(
        "shop",
        part=pl.lit(name),
        zh=pl.lit(_ZH[name]),
        plan=plan,
        actual=actual,
        lmdi_fen=pl.col(f"{name}_lmdi_fen"),
        shapley_fen=money,
        share=pl.when(pl.col("gap_fen") != 0).then(money / pl.col("gap_fen")),
    )


def gap_cover(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """How many hours and days of the window each shop asked for has, for saying what is missing."""
    span = window.dates(ask)
    hours = (
        known(frames, "hours", ask)
        .filter(inside("hour", window), pl.col("pay_amount_fen").is_not_null())
        .group_by("shop")
        .agg(hours=pl.col("hour").n_unique())
    )
    days = (
        known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last)).group_by("shop").agg(days=pl.col("date").n_unique())
    )
    return hours.join(days, on="shop", how="full", coalesce=True).collect()
