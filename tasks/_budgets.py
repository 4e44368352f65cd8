"""Daily budgets of advertising plans: who may give, who should get, and moves between them that add to zero."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_lower, wilson_upper
from ecops.formulae.shifting import filled
from tasks._ads import UNIT
from tasks._rows import at_least, known, newest
from tasks._windows import DayWindow

_LEAST_BUDGET = 30  # yuan a day: 直通车 takes no less (taobao.simba.campaign.budget.update)


def stock_cover(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Pieces at the end of an item's newest counted day, and pieces sold in the window; null where one is unknown."""
    sold = (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id").agg(sold=pl.when(pl.col("pay_units").null_count() == 0).then(pl.col("pay_units").sum()))
    )  # fmt: skip
    stock = (
        known(frames, "stock", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id").agg(left=newest("closing_units", by="date"))
    )  # fmt: skip
    return stock.join(sold, on=["shop", "item_id"], how="left").rename({"item_id": "advertised_item"}).collect()


def plan_roles(plans: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """`role` gives, takes or keeps for plans that are judged; `held` says why another stays as it is, or why a good one is not raised."""
    params = ask.params
    judged = pl.col("reason").is_null() & pl.col("clicks").is_not_null() & pl.col("deals").is_not_null()
    clicks, deals = (pl.when(judged).then(name) for name in ("clicks", "deals"))
    whole = clicks.sum().over("shop")
    pooled = pl.when(whole > 0).then(deals.sum().over("shop") / whole)
    line = pooled if params.plan_conversion is None else pl.lit(float(params.plan_conversion))
    plans = plans.with_columns(
        conversion=pl.when(judged & (pl.col("clicks") > 0)).then(pl.col("deals") / pl.col("clicks")), line=line,
        lower=pl.when(judged).then(wilson_lower(pl.col("deals"), pl.col("clicks"))),
        upper=pl.when(judged).then(wilson_upper(pl.col("deals"), pl.col("clicks"))),
    )  # fmt: skip
    profitable = at_least(pl.col("sales_fen"), pl.col("spend_fen"), params.min_roi)
    short = (pl.col("left") * params.recent.days < pl.col("sold") * params.min_cover.days) | (pl.col("left") <= 0)
    uncounted = pl.col("advertised_item").is_not_null() & (pl.col("left").is_null() | pl.col("sold").is_null())
    good = (pl.col("lower") > pl.col("line")) & profitable
    bad = (pl.col("upper") < pl.col("line")) | ~profitable
    held = (
        pl.when(pl.col("reason").is_not_null()).then("reason")
        .when(~judged).then(pl.lit("clicks or deals not stated"))
        .when(pl.col("clicks") < params.min_clicks).then(pl.lit("few clicks"))
        .when(pl.col("yuan_a_day").is_null() | (pl.col("yuan_a_day") <= 0)).then(pl.lit("no spend of late"))
        .when(good & pl.col("loses_money").fill_null(False)).then(pl.lit("loses money by margin"))
        .when(good & uncounted).then(pl.lit("stock unknown"))
        .when(good & short).then(pl.lit("stock does not last"))
    )  # fmt: skip
    role = pl.when(bad).then(pl.lit("gives")).when(good).then(pl.lit("takes")).otherwise(pl.lit("keeps"))
    return plans.with_columns(held=held).with_columns(role=pl.when(pl.col("held").is_null()).then(role))


_MOVE = (
    *UNIT, "plan", "advertised_item", "change_fen", "before_fen", "after_fen", "clicks", "deals", "conversion", "lower", "upper", "line", "roas",
    "profit_roi",
)  # fmt: skip


def budget_moves(roles: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """What the givers give up is poured into the takers; what the takers cannot hold is not taken from the givers."""
    per_day, share = pl.col("yuan_a_day"), {"takes": ask.params.raise_by, "gives": ask.params.lower_by}
    parts = {role: part.as_integer_ratio() for role, part in share.items()}
    can = {role: per_day * top // of for role, (top, of) in parts.items()}
    # who spends less than the least budget allows is not held back by the budget
    raised = pl.when(per_day >= _LEAST_BUDGET).then(can["takes"]).otherwise(0)
    room = pl.when(pl.col("role") == "takes").then(raised).otherwise(pl.min_horizontal(can["gives"], per_day - _LEAST_BUDGET).clip(0))
    rows = roles.filter(pl.col("role").is_in(["takes", "gives"])).with_columns(room=room)
    rank = pl.when(pl.col("role") == "takes").then(-pl.col("lower")).otherwise("roas")
    rows = rows.sort("shop", pl.col("role") == "gives", rank, *UNIT[1:]).with_row_index("rank")
    of = [pl.when(pl.col("role") == role).then("room").sum().over("shop") for role in share]
    total = pl.min_horizontal(*of, pl.lit(ask.params.max_total // 100))
    change = filled(pl.col("room"), total, ["shop", "role"], ["rank"]) * pl.when(pl.col("role") == "gives").then(-100).otherwise(100)
    return (
        rows.with_columns(change_fen=change.cast(pl.Int64), before_fen=per_day * 100)
        .with_columns(after_fen=pl.col("before_fen") + pl.col("change_fen"))
        .filter(pl.col("change_fen") != 0)
        .select(_MOVE)
    )
