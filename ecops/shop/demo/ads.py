"""The advertising of the demo shops: plans, their keywords, what they cost and claim."""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ecops.shop.demo.plan import Plan
from ecops.shop.demo.words import THEMES
from ecops.shop.kinds import ALL

_TOOLS = {
    "taobao": ("直通车", "引力魔方"), "tmall": ("直通车", "引力魔方"), "douyin": ("巨量千川", "随心推"), "pdd": ("多多搜索", "多多场景"), "jd": ("京东快车", "购物触点"),
}
_ATTRIBUTION_DAYS = 15
_LEARNING_DAYS = 6
_AD_STEP = 64
_BUDGET = 0.07  # of the day's sales


@dataclass(frozen=True)
class AdPlan:
    """`roi`: amount claimed for a yuan spent, by hit exact where `exact`; `share` of the budget; `begins`: day of the period.

    `keywords`: (which of the trade's keywords, its price of a click against the market's; None: the market's is not known).
    """

    name: str
    item: int
    roi: float
    share: float
    keywords: tuple[tuple[int, float | None], ...] = ()
    begins: int = 0
    exact: bool = False
    learning: bool = False


PLANS = (
    AdPlan("主推款-关键词", 0, 3.6, 0.35, ((0, 0.9), (1, 1.3), (2, 1.0))),
    AdPlan("爆款-长尾词", 8, 2.4, 0.2, ((3, 0.8), (4, None))),
    AdPlan("清仓款", 9, 0.6, 0.12, ((2, 1.1),)),
    AdPlan("保本测试", 13, 1.0, 0.05, exact=True),
    AdPlan("人群推广", 4, 2.9, 0.18),
    AdPlan("新计划-学习期", 10, 3.1, 0.1, begins=7, learning=True),
)


def ad_days(days: pl.DataFrame, items: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `ad_days`: a row for each keyword; `*` for plans without keywords. A plan's rows add to the plan.

    Amounts are final, as after the whole attribution window: today's do not grow later.
    """
    frame = days.select("shop", "platform", "shop_number", "day", "date", "pay_amount_fen").join(_rows(), how="cross")
    frame = frame.filter(pl.col("date") >= plan.since + pl.duration(days="begins")).with_columns(moment=pl.col("day") * _AD_STEP + pl.col("at"))
    frame = frame.join(items.select("shop", "item_id", "title", item="position"), on=["shop", "item"], how="left", maintain_order="left")
    frame = frame.join(shops.select("shop", "theme"), on="shop", how="left", maintain_order="left")
    words = {f"{theme.name}{at}": word for theme in THEMES for at, word in enumerate(theme.keywords)}
    frame = frame.with_columns(
        tool=_tool(),
        keyword=pl.when(pl.col("word").is_null()).then(pl.lit(ALL))
        .otherwise((pl.col("theme") + pl.col("word").cast(pl.String)).replace_strict(words, default=ALL)),
        plan_id=pl.format("{}{}", 30_000_000 + pl.col("shop_number"), "plan_number"),
        attribution_days=pl.lit(_ATTRIBUTION_DAYS),
    )
    return (
        frame.with_columns(market_cpc_fen=_market(plan)).with_columns(clicks=_clicks(plan)).with_columns(**_costs(plan)).with_columns(**_claims(plan))
    )


def _rows() -> pl.DataFrame:
    rows = []
    for number, one in enumerate(PLANS):
        for word, ratio in one.keywords or ((None, 1.0),):
            rows.append((
                len(rows),
                number,
                one.name,
                one.item,
                one.roi,
                one.share / max(len(one.keywords), 1),
                one.begins,
                one.exact,
                one.learning,
                word,
                ratio,
            ))
    names = ["at", "plan_number", "plan", "item", "roi", "share", "begins", "exact", "learning", "word", "ratio"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _tool() -> pl.Expr:
    with_words = {platform: tools[0] for platform, tools in _TOOLS.items()}
    without = {platform: tools[1] for platform, tools in _TOOLS.items()}
    return (
        pl.when(pl.col("word").is_not_null()).then(pl.col("platform").replace_strict(with_words))
        .otherwise(pl.col("platform").replace_strict(without))
    )


def _market(plan: Plan) -> pl.Expr:
    """The market's price of a click (fen), known for keywords only; a word's price moves little from day to day."""
    usual = 60 + 140 * plan.dice(pl.col("shop_number") * _AD_STEP + pl.col("at"), "market price")
    today = (usual * (0.97 + 0.06 * plan.dice(pl.col("moment"), "market today"))).round().cast(pl.Int64)
    return pl.when(pl.col("word").is_not_null() & pl.col("ratio").is_not_null()).then(today)


def _clicks(plan: Plan) -> pl.Expr:
    budget = pl.col("pay_amount_fen") * _BUDGET * pl.col("share") + 2000
    return (budget / pl.coalesce("market_cpc_fen", pl.lit(110)) * (0.8 + 0.4 * plan.dice(pl.col("moment"), "clicks"))).round().cast(pl.Int64)


def _costs(plan: Plan) -> dict[str, pl.Expr]:
    price = pl.coalesce(pl.col("market_cpc_fen") * pl.col("ratio"), pl.lit(110.0))
    rate = 0.03 + 0.04 * plan.dice(pl.col("moment"), "click rate")
    return {"spend_fen": (pl.col("clicks") * price).round().cast(pl.Int64), "impressions": (pl.col("clicks") / rate).ceil().cast(pl.Int64)}


def _claims(plan: Plan) -> dict[str, pl.Expr]:
    spend, drawn = pl.col("spend_fen"), plan.dice(pl.col("moment"), "claims")
    young = pl.col("learning") & (pl.col("date") < plan.since + pl.duration(days=pl.col("begins") + _LEARNING_DAYS))
    roi = pl.when("exact").then(1.0).when(young).then(0.5 + 0.3 * drawn).otherwise(pl.col("roi") * (0.8 + 0.4 * drawn))
    amount = (spend * roi).round().cast(pl.Int64)
    direct = (amount * 0.7).round().cast(pl.Int64)
    deals = pl.when(amount > 0).then((amount / 12_000).ceil()).otherwise(0).cast(pl.Int64)
    return {
        "deal_amount_fen": amount, "direct_amount_fen": direct, "indirect_amount_fen": amount - direct, "deals": deals,
        "net_amount_fen": (amount * 0.95).round().cast(pl.Int64), "net_deals": (deals * 0.95).floor().cast(pl.Int64),
        "carts": (pl.col("clicks") * 0.08).round().cast(pl.Int64), "favourites": (pl.col("clicks") * 0.03).round().cast(pl.Int64),
    }


def spent(rows: pl.DataFrame) -> pl.DataFrame:
    """The sums of the ads by shop and date, named as in kind `hours`."""
    names = {"impressions": "ad_impressions", "clicks": "ad_clicks", "spend_fen": "ad_spend_fen", "deal_amount_fen": "ad_deal_amount_fen"}
    return rows.group_by("shop", "date").agg(pl.col(name).sum().alias(target) for name, target in names.items())


def told(rows: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What is to be found in the ads, shop by shop, ready for JSON."""
    sums = rows.group_by("shop", "plan_number", "plan_id", maintain_order=True).agg(
        pl.col("spend_fen", "deal_amount_fen").sum(), pl.col("date").min().alias("from")
    )
    found: dict[str, list[dict[str, object]]] = {}
    for shop, number, plan_id, spend, amount, begins in sums.iter_rows():
        found.setdefault(shop, []).extend(_of_plan(PLANS[number], plan_id, spend, amount, begins, plan))
    words = rows.filter(pl.col("word").is_not_null()).unique(["shop", "plan_number", "keyword"], maintain_order=True)
    for shop, plan_id, keyword, ratio in words.select("shop", "plan_id", "keyword", "ratio").iter_rows():
        found[shop].append({"what": _verdict(ratio), "hit": ratio is not None and ratio > 1, "plan_id": plan_id, "keyword": keyword})
    return found


def _of_plan(one: AdPlan, plan_id: str, spend: int, amount: int, begins: date, plan: Plan) -> list[dict[str, object]]:
    about = {"plan_id": plan_id, "fen": spend, "deal_amount_fen": amount, "from": begins.isoformat()}
    if one.learning:
        return [{"what": "plan_learning", "hit": False, **about, "until": (begins + timedelta(days=_LEARNING_DAYS)).isoformat()}]
    if one.exact:
        return [{"what": "plan_roi_of_one", "hit": False, **about}]
    return [{"what": "plan_roi_below_one", "hit": True, **about}] if one.roi < 1 else []


def _verdict(ratio: float | None) -> str:
    if ratio is None:
        return "keyword_without_market_price"
    return "keyword_above_market" if ratio > 1 else "keyword_at_market" if ratio == 1 else "keyword_below_market"
