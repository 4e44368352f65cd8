"""Keywords of advertising plans: what a click cost beside what the market paid for the same clicks."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._rows import at_least, known, newest
from tasks._windows import days_before

WORD = ("shop", "tool", "plan_id", "plan", "item_id", "keyword")


def priced_keywords(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a keyword of a plan: sums, the market's cost of the same clicks, and the `reason` where nothing can be said."""
    window, age = days_before(ask, ask.params.window), ask.params.benchmark_age
    keys = ("shop", "tool", "plan_id", "item_id", "keyword")
    rows = (
        known(frames, "ad_days", ask)
        .filter(pl.col("keyword") != ALL, pl.col("date").is_between(window.first - age, window.last))
        .select(*keys, "date", "plan", "clicks", "spend_fen", "market_cpc_fen")
        .sort("date")
        .with_columns(priced_on=pl.when(pl.col("market_cpc_fen").is_not_null()).then("date"))
        .with_columns(pl.col("market_cpc_fen", "priced_on").forward_fill().over(keys))
        .filter(pl.col("date") >= window.first)
        .with_columns(priced=(pl.col("date") <= pl.col("priced_on") + age).fill_null(False) & (pl.col("market_cpc_fen") > 0))
        .with_columns(compared=pl.col("priced") & (pl.col("clicks") > 0))
    )
    of_compared = pl.when("compared")
    return (
        rows.group_by(keys)
        .agg(
            pl.col("clicks", "spend_fen").sum(),
            blank=pl.any_horizontal(pl.col(name).is_null() for name in ("clicks", "spend_fen")).sum(),
            compared_clicks=of_compared.then("clicks").sum(),
            compared_spend_fen=of_compared.then("spend_fen").sum(),
            market_fen=of_compared.then(pl.col("clicks") * pl.col("market_cpc_fen")).sum(),
            plan=newest("plan", by="date"),
        )
        .with_columns(reason=_why_not_priced(ask))
        .with_columns(
            cpc_fen=pl.col("compared_spend_fen") / pl.col("compared_clicks"),
            market_cpc_fen=pl.col("market_fen") / pl.col("compared_clicks"),
            target_cpc_fen=pl.when(pl.col("compared_clicks") > 0).then(pl.col("market_fen") // pl.col("compared_clicks")),
            over_fen=pl.col("compared_spend_fen") - pl.col("market_fen"),
            cover=pl.col("compared_clicks") / pl.col("clicks"),
            thin=pl.col("clicks") < ask.params.min_clicks,
        )
        .collect()
    )


def _why_not_priced(ask: Ask) -> pl.Expr:
    cover = at_least(pl.col("compared_clicks"), pl.col("clicks"), ask.params.min_cover)
    return (
        pl.when(pl.col("blank") > 0).then(pl.format("clicks or spend not stated on {} days", "blank"))
        .when((pl.col("clicks") == 0) & (pl.col("spend_fen") > 0)).then(pl.lit("spend without clicks"))
        .when(pl.col("clicks") == 0).then(pl.lit("no clicks"))
        .when(pl.col("compared_clicks") == 0).then(pl.lit("no market price, or too old"))
        .when(~cover).then(pl.format("market price for {} of {} clicks only", "compared_clicks", "clicks"))
    )  # fmt: skip
