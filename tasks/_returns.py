"""What advertising plans bring back: mature sums, margins, returns, and why a plan is not judged."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._ads import UNIT, ad_rows, advertised, counted_once, is_mature, summed
from tasks._rows import known, latest
from tasks._windows import DayWindow, days_before, today

PLAN_NAME = pl.coalesce("plan", "plan_id")


def plan_figures(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """One row a plan with its mature sums and the `reason` why it is not judged; all rows; the rows that counted."""
    window = days_before(ask, ask.params.window)
    rows = ad_rows(frames, ask, window)
    counted = counted_once(rows)
    young = counted.lazy().join(_first_days(frames, ask, rows).lazy(), on=("shop", "plan_id"), how="left").with_columns(
        learning=(pl.col("date") < pl.col("began") + ask.params.learning).fill_null(False), mature=is_mature(ask, ask.params.attribution)
    )
    young = young.with_columns(judged=pl.col("mature") & ~pl.col("learning"))
    sums = young.group_by(UNIT).agg(
        **summed("judged"),
        seen=pl.when(pl.col("spend_fen") > 0).then("date").max(),
        spent=pl.col("spend_fen").sum(),
        unstated=pl.col("spend_fen").null_count(),
        open_spend_fen=pl.when(~pl.col("mature")).then("spend_fen").sum(),
        all_learning=(pl.col("learning") | ~pl.col("mature")).all(),
        any_mature=pl.col("mature").any(),
    )
    plans = sums.join(_names(young), on=UNIT, how="left", nulls_equal=True).collect()
    plans = plans.join(advertised(rows), on=("shop", "tool", "plan_id"), how="left")
    plans = plans.with_columns(advertised_item=pl.coalesce("advertised_item", pl.when(pl.col("item_id") != ALL).then("item_id")))
    sales = pl.col("net_amount_fen") if ask.params.basis == "net" else pl.col("deal_amount_fen")
    plans = _with_margins(plans.with_columns(sales_fen=sales), _margins(frames, ask, window))
    return plans.with_columns(_returns()).with_columns(reason=_why_not_judged(ask)), rows, counted


def _names(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`plan`: the newest name among the rows that are judged, else among all; a plan has few names, so its days are put together first."""
    days = rows.group_by(*UNIT, "plan").agg(last=pl.col("date").max(), judged=pl.when("judged").then("date").max())
    days = days.with_columns(judged_plan=pl.when(pl.col("judged").is_not_null()).then("plan"))
    return days.group_by(UNIT).agg(plan=pl.coalesce(latest("judged_plan", by="judged"), latest("plan", by="last")))


def _first_days(frames: Frames, ask: Ask, rows: pl.DataFrame) -> pl.DataFrame:
    """When a plan began, of those that began after the shop's first row: of the others nobody knows."""
    first = known(frames, "ad_days", ask).group_by("shop", "plan_id").agg(began=pl.col("date").min()).collect()
    later = pl.col("began") > pl.col("began").min().over("shop")
    return first.filter(later, pl.col("plan_id") != ALL)


def _margins(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Gross margin an item, (price - cost) / price, and of the shop: the same weighted by what its items sold in the window."""
    sold = (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id").agg(sold_fen=pl.col("pay_amount_fen").sum())
    )  # fmt: skip
    margin = pl.when((pl.col("price_fen") > 0) & (pl.col("cost_fen") > 0)).then(1 - pl.col("cost_fen") / pl.col("price_fen"))
    items = known(frames, "items", ask).select("shop", "item_id", margin=margin).join(sold, on=["shop", "item_id"], how="left").sort("item_id")
    weight = pl.when(pl.col("margin").is_not_null()).then(pl.col("sold_fen"))
    of_shop = ((pl.col("margin") * weight).sum() / weight.sum()).over("shop")
    return items.with_columns(shop_margin=pl.when(weight.sum().over("shop") > 0).then(of_shop)).collect()


def _with_margins(plans: pl.DataFrame, margins: pl.DataFrame) -> pl.DataFrame:
    of_items = margins.select("shop", "margin", advertised_item="item_id")
    of_shops = margins.select("shop", "shop_margin").unique("shop", maintain_order=True)
    joined = plans.join(of_items, on=["shop", "advertised_item"], how="left").join(of_shops, on="shop", how="left")
    own = pl.col("margin").is_not_null()
    return joined.with_columns(
        gross_margin=pl.coalesce("margin", "shop_margin"),
        margin_of=pl.when(own).then(pl.lit("item")).when(pl.col("shop_margin").is_not_null()).then(pl.lit("shop")),
    )


def _returns() -> list[pl.Expr]:
    spend, margin = pl.col("spend_fen"), pl.col("gross_margin")
    sales = pl.coalesce("net_amount_fen", "deal_amount_fen")
    profit = pl.when(spend > 0).then((sales * margin - spend) / spend)
    return [
        pl.when(spend > 0).then(pl.col("deal_amount_fen") / spend).alias("roas"),
        pl.when(spend > 0).then(pl.col("net_amount_fen") / spend).alias("net_roas"),
        pl.when(margin > 0).then(1 / margin).alias("break_even_roas"),
        profit.alias("profit_roi"),
        (profit < 0).alias("loses_money"),
    ]


def _why_not_judged(ask: Ask) -> pl.Expr:
    least = ask.params.min_spend
    return (
        pl.when((pl.col("spent") == 0) & (pl.col("unstated") == 0)).then(pl.lit("no spend: ROI undefined"))
        .when(~pl.col("any_mature")).then(pl.lit("attribution still open"))
        .when(pl.col("all_learning")).then(pl.lit("still learning"))
        .when(pl.col("spend_fen").is_null() | pl.col("sales_fen").is_null()).then(pl.lit("spend or sales not stated"))
        .when((pl.col("spend_fen") == 0) & (pl.col("open_spend_fen") > 0)).then(pl.lit("attribution still open"))
        .when(pl.col("spend_fen") == 0).then(pl.lit("no spend: ROI undefined"))
        .when(pl.col("seen").is_null() | (pl.col("seen") < today(ask) - ask.params.running)).then(pl.lit("not running"))
        .when(pl.col("spend_fen") < least).then(pl.lit("under the least spend"))
    )  # fmt: skip
