"""Proposals of the hourly watch to spend more on ads: only while the day converts better than planned and the ads pay."""

from datetime import datetime

import polars as pl

from ecops.automation import Ask
from ecops.formulae.bounds import wilson_lower
from ecops.shop.kinds import INSTANT
from tasks._rows import at_least, instant

_LEAST_FEN = 30_00  # a budget is whole yuan, 30 at least (taobao.simba.campaign.budget.update)

RAISES = pl.Schema(
    {
        "shop": pl.String, "hour": INSTANT, "spend_fen": pl.Int64, "raise_fen": pl.Int64, "raised_before_fen": pl.Int64, "conversion": pl.Float64,
        "lower_bound": pl.Float64, "plan": pl.Float64, "roi": pl.Float64,
    }
)  # fmt: skip


def raises(hours: pl.DataFrame, ask: Ask, until: datetime) -> pl.DataFrame:
    """RAISES of the newest ended hour: what the ads of a shop may spend more an hour.

    An hour earns one when, over the hours since the opening, Wilson's lower 95 % bound of conversion is over the plan, the ads' sales are at
    least `min_roi` x their spend and the hour's spend is known. It is `raise_by` of the hour's spend in whole yuan, at most `max_raise`; no
    other within `cool_down`; all of a day at most `max_raised`. The same hours give the same proposals, so a run repeated proposes nothing twice.
    """
    params = ask.params
    if params.plan_conversion is None or hours.is_empty():
        return RAISES.to_frame()
    rows = _earned(hours, ask)
    wait = -(-params.cool_down.total_seconds() // 3600)
    last, total = rows.select("shop").unique(maintain_order=True).with_columns(since=pl.lit(None, pl.Int64), total=pl.lit(0, pl.Int64)), []
    for _, hour in rows.group_by("n", maintain_order=True):
        hour = hour.join(last, on="shop", how="left", maintain_order="left")
        left = pl.min_horizontal(pl.col("wish"), params.max_raised - pl.col("total")) // 100 * 100
        due = pl.col("earned") & (pl.col("since").is_null() | (pl.col("n") - pl.col("since") >= wait)) & (left >= _LEAST_FEN)
        hour = hour.with_columns(raise_fen=pl.when(due).then(left), raised_before_fen="total")
        total.append(hour.filter(pl.col("raise_fen").is_not_null()))
        last = hour.select("shop", since=pl.when(pl.col("raise_fen").is_not_null()).then("n").otherwise("since"), total=pl.col("total") + pl.col("raise_fen").fill_null(0))
    newest = pl.col("hour").dt.offset_by("2h") > instant(until)
    return pl.concat(total).filter(newest).select(*RAISES).cast(dict(RAISES)).sort("shop")


def _earned(hours: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Every hour of every shop with what is known since the opening: whether it earned a raise, and the `wish` in fen."""
    params, money = ask.params, pl.col("ad_spend_fen").is_not_null() & pl.col("ad_deal_amount_fen").is_not_null()
    people = pl.col("visitors").is_not_null() & pl.col("pay_buyers").is_not_null() & (pl.col("state") == "ok")
    upto = {
        "seen": pl.when(people).then("visitors"), "bought": pl.when(people).then("pay_buyers"),
        "spent": pl.when(money).then("ad_spend_fen"), "claimed": pl.when(money).then("ad_deal_amount_fen"),
    }  # fmt: skip
    rows = hours.sort("n", "shop").with_columns(**{name: value.fill_null(0).cum_sum().over("shop") for name, value in upto.items()})
    sure = pl.col("seen") >= pl.col("bought")
    top, of = params.raise_by.as_integer_ratio()
    rows = rows.with_columns(
        conversion=pl.when((pl.col("seen") > 0) & sure).then(pl.col("bought") / pl.col("seen")),
        lower_bound=pl.when(sure).then(wilson_lower(pl.col("bought"), pl.col("seen"))),
        plan=pl.lit(float(params.plan_conversion)),
        roi=pl.when(pl.col("spent") > 0).then(pl.col("claimed") / pl.col("spent")),
        spend_fen="ad_spend_fen",
        wish=pl.min_horizontal(pl.col("ad_spend_fen") * top // of, pl.lit(params.max_raise)),
    )
    pays = (pl.col("spent") > 0) & at_least(pl.col("claimed"), pl.col("spent"), params.min_roi)
    better = pl.col("lower_bound") > pl.col("plan")
    return rows.with_columns(earned=(better & pays & people & money & (pl.col("ad_spend_fen") > 0)).fill_null(False))
