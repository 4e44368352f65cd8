"""Where the visitors came from, day by day, and what the shop saw hour by hour."""

import polars as pl

from ecops.shop.demo.demand import hours_of_sale, search_dropped
from ecops.shop.demo.plan import Plan
from ecops.shop.kinds import ALL

# Source: (share of the shop's visitors, how well they buy against the mean, its finer sources). The shares add to more than
# one: who comes twice is counted by both sources.
_TAOBAO = {
    "手淘搜索": (0.33, 1.1, ()), "手淘推荐": (0.26, 0.6, ("首页猜你喜欢", "购后推荐")), "直通车": (0.14, 0.9, ()), "我的淘宝": (0.12, 1.8, ()),
    "购物车": (0.10, 3.0, ()), "短视频/直播": (0.13, 0.8, ("店铺直播", "逛逛短视频")), "站外": (0.05, 0.4, ()),
}
_DOUYIN = {
    "抖音搜索": (0.18, 1.2, ()), "推荐信息流": (0.45, 0.7, ("短视频", "图文")), "直播": (0.35, 1.2, ()), "巨量千川": (0.15, 0.9, ()), "店铺页": (0.06, 2.0, ()),
}
_PINDUODUO = {"搜索": (0.4, 1.1, ()), "场景推荐": (0.35, 0.7, ("首页", "购物车推荐")), "活动": (0.25, 1.3, ()), "推广": (0.15, 0.9, ())}
_JD = {"京东搜索": (0.45, 1.1, ()), "推荐位": (0.3, 0.7, ("首页推荐",)), "快车": (0.18, 0.9, ()), "购物车": (0.14, 2.6, ()), "站外": (0.06, 0.5, ())}
SOURCES = {"taobao": _TAOBAO, "tmall": _TAOBAO, "douyin": _DOUYIN, "pdd": _PINDUODUO, "jd": _JD}
SEARCH = tuple(next(name for name in sources if name.endswith("搜索")) for sources in SOURCES.values())
_SOURCE_STEP = 64
_SAME_VISITOR = 0.72  # who looks at several items is one visitor of the shop
_HOUR_VIEWS, _HOUR_CONVERSION, _SMALL_HOURS, _SMALL_HOURS_CONVERSION = 4, 0.035, 6, 0.09


def shop_days(sold: pl.DataFrame, item_days: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One row a shop and day: its distinct visitors and buyers, and what they did."""
    buyers = (
        sold
        .filter(pl.col("paid") < plan.end)
        .group_by("shop", pl.col("paid").dt.date().alias("date"))
        .agg(distinct=pl.col("buyer").n_unique().cast(pl.Int64))
    )
    ordered = sold.group_by("shop", "date").agg(ordering=pl.col("buyer").n_unique().cast(pl.Int64))
    sums = item_days.group_by("shop", "date").agg(
        pl.col("visitors", "page_views", "fav_users", "cart_users", "order_amount_fen", "pay_amount_fen").sum()
    )
    frame = shops.select("shop", "platform", "awake", shop_number="number").join(pl.DataFrame({"date": plan.days}), how="cross")
    for part in (sums, buyers, ordered):
        frame = frame.join(part, on=["shop", "date"], how="left", maintain_order="left")
    frame = frame.with_columns(pl.exclude("shop", "platform", "awake", "shop_number", "date").fill_null(0)).rename({
        "distinct": "pay_buyers",
        "ordering": "order_buyers",
    })
    frame = frame.with_columns(day=pl.col("shop_number") * 2**16 + pl.col("date").dt.epoch("d").cast(pl.Int64))
    visitors = (pl.col("visitors") * _SAME_VISITOR).round().cast(pl.Int64)
    return frame.with_columns(visitors=pl.max_horizontal(visitors, "pay_buyers", "order_buyers"))


def traffic_days(days: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `traffic_days`: a row for each source, its finer sources beside it, and one (`*`) for the shop's distinct visitors."""
    rows = [
        (platform, number, source, detail, share / (1.3 * len(details) if detail != ALL else 1), weight)
        for platform, sources in SOURCES.items()
        for number, (source, detail, share, weight, details) in enumerate(_each(sources))
    ]
    table = pl.DataFrame(rows, schema=["platform", "number", "source", "source_detail", "share", "weight"], orient="row")
    frame = days.join(table, on="platform").with_columns(moment=pl.col("day") * _SOURCE_STEP + pl.col("number"))
    blur = 0.88 + 0.24 * plan.dice(pl.col("moment"), "source")
    lost = pl.when(pl.col("source").is_in(SEARCH) & search_dropped(plan)).then(0.4).otherwise(1.0)
    frame = frame.with_columns(part=pl.when(pl.col("source") == ALL).then(1.0).otherwise((pl.col("share") * blur * lost).clip(0, 1)))
    return frame.with_columns(**_parts(plan))


def _each(sources: dict) -> list[tuple]:
    whole = [(ALL, ALL, 1.0, 1.0, ())]
    return whole + [(name, detail, share, weight, details) for name, (share, weight, details) in sources.items() for detail in (ALL, *details)]


def _parts(plan: Plan) -> dict[str, pl.Expr]:
    whole, part = pl.col("source") == ALL, pl.col("part")
    visitors = pl.when(whole).then("visitors").otherwise((pl.col("visitors") * part).round().cast(pl.Int64))
    bought = (part * pl.col("weight")).clip(0, 1)

    def counted(name: str, share: pl.Expr) -> pl.Expr:
        return pl.when(whole).then(name).otherwise(pl.min_horizontal((pl.col(name) * share).round().cast(pl.Int64), visitors))

    def amount(name: str, buyers: str) -> pl.Expr:
        some = counted(buyers, bought)
        return pl.when(whole).then(name).when(pl.col(buyers) > 0).then(pl.col(name) * some // pl.col(buyers)).otherwise(0)

    return {
        "visitors": visitors, "page_views": (pl.col("page_views") * part).round().cast(pl.Int64),
        "new_visitors": (visitors * (0.55 + 0.25 * plan.dice(pl.col("moment"), "new visitors"))).round().cast(pl.Int64),
        "follow_users": (visitors * 0.015).round().cast(pl.Int64),
        "fav_users": counted("fav_users", part), "cart_users": counted("cart_users", part),
        "order_buyers": counted("order_buyers", bought), "pay_buyers": counted("pay_buyers", bought),
        "order_amount_fen": amount("order_amount_fen", "order_buyers"), "pay_amount_fen": amount("pay_amount_fen", "pay_buyers"),
    }


def hours(sold: pl.DataFrame, days: pl.DataFrame, spent: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `hours`: every hour of the period, sales by hour of payment; `spent`: the ads' sums by shop and date."""
    frame = days.select("shop", "day", "date", "awake").join(spent, on=["shop", "date"], how="left", maintain_order="left")
    frame = frame.join(pl.DataFrame({"o_clock": range(24)}), how="cross").with_columns(
        hour=pl.col("date").cast(pl.Datetime("us")) + pl.duration(hours="o_clock")
    )
    frame = frame.join(_sold_by_hour(sold, plan), on=["shop", "hour"], how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("pay_buyers", "pay_units", "pay_amount_fen").fill_null(0)).with_columns(
        moment=pl.col("day") * 24 + pl.col("o_clock")
    )
    awake = pl.col("awake") & (pl.col("o_clock") < _SMALL_HOURS)
    conversion = pl.when(awake).then(_SMALL_HOURS_CONVERSION).otherwise(_HOUR_CONVERSION) * (
        1 + 0.4 * plan.dice(pl.col("moment"), "hour's conversion")
    )
    idle = pl.when(awake).then(1).otherwise(6) * plan.dice(pl.col("moment"), "hour's idle")
    visitors = (pl.col("pay_buyers") / conversion + idle).ceil().cast(pl.Int64)
    frame = frame.with_columns(
        visitors=visitors, page_views=visitors * _HOUR_VIEWS, pay_amount_so_far_fen=pl.col("pay_amount_fen").cum_sum().over("day")
    )
    return frame.with_columns(_spread(name, plan) for name in ("ad_impressions", "ad_clicks", "ad_spend_fen", "ad_deal_amount_fen"))


def _sold_by_hour(sold: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    paid = sold.filter(pl.col("paid") < plan.end)
    return paid.group_by("shop", pl.col("paid").dt.truncate("1h").alias("hour")).agg(
        pay_buyers=pl.col("buyer").n_unique().cast(pl.Int64), pay_units=pl.col("units").sum(), pay_amount_fen=pl.col("payable_fen").sum(),
    )


def _spread(name: str, plan: Plan) -> pl.Expr:
    """A day's sum over its hours, to the last fen: most where most is sold."""
    curves = {offset: hours_of_sale(plan, offset) for offset in (-1, 0)} | {None: [2.0 if hour < 8 else 6.0 for hour in range(24)]}
    upto = {offset: {hour: sum(curve[: hour + 1]) / sum(curve) for hour in range(24)} for offset, curve in curves.items()}
    share = (
        pl.when(plan.near_peak(pl.col("date"), 0)).then(_of(upto[0]))
        .when(plan.near_peak(pl.col("date"), -1)).then(_of(upto[-1]))
        .otherwise(_of(upto[None]))
    )
    so_far = (pl.col(name) * share).round().cast(pl.Int64)
    return (so_far - so_far.shift(1, fill_value=0).over("day")).alias(name)


def _of(shares: dict[int, float]) -> pl.Expr:
    return pl.col("o_clock").replace_strict(shares, return_dtype=pl.Float64)
