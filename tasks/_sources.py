"""Sources of traffic: what each brings of a shop's visitors, what they add to, and which left what is usual."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.robust import OUTLIER, robust_z
from ecops.shop.kinds import ALL
from tasks._facts import known_sum
from tasks._rows import known
from tasks._windows import DayWindow

# A source is named anew by the platform now and then; what it is, its name still says. The first that fits holds.
FAMILIES = (
    ("paid", r"直通车|推广|引力魔方|超级推荐|万相|千川|dou\+|随心推|快车|触点|钻展|钻石|付费|淘宝客|品销宝"),
    ("own", r"购物车|我的|收藏|店铺|直接访问|会员|私域"),
    ("campaign", r"活动|聚划算|百亿|会场|秒杀|特卖|特价|大促"),
    ("search", r"搜索|搜"),
    ("content", r"逛逛|短视频|直播|图文|内容|达人|微淘|有好货"),
    ("recommendation", r"推荐|猜你喜欢|信息流|首页|发现"),
    ("outside", r"站外|外部|微信|小红书|百度"),
)
_TRAFFIC = ("visitors", "new_visitors", "cart_users", "pay_buyers", "pay_amount_fen")


def source_days(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """One row a shop, day and source; a source that is only listed by its parts is their sum, an upper bound of its visitors."""
    rows = (
        known(frames, "traffic_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .select("shop", "date", "source", "source_detail", *_TRAFFIC)
        .collect()
    )
    whole = rows.filter(pl.col("source_detail") == ALL).drop("source_detail")
    parts = rows.filter(pl.col("source_detail") != ALL).join(whole, on=["shop", "date", "source"], how="anti")
    summed_up = parts.group_by("shop", "date", "source").agg(known_sum(name) for name in _TRAFFIC)
    return pl.concat([whole, summed_up])


def source_shares(days: pl.DataFrame) -> pl.DataFrame:
    """A row a source of a shop: sums, its share of the shop's visitors (`basis`: of the sum of sources where the shop has no row), conversion."""
    sums = days.filter(pl.col("source") != ALL).group_by("shop", "source").agg(
        *(known_sum(name) for name in _TRAFFIC), days=pl.col("date").n_unique().cast(pl.Int64)
    )  # fmt: skip
    listed = sums.join(_whole(days), on="shop", how="left")
    all_listed = pl.when(pl.col("visitors").null_count().over("shop") == 0).then(pl.col("visitors").sum().over("shop"))
    base, visitors = pl.coalesce("shop_visitors", all_listed), pl.col("visitors")
    return (
        listed.with_columns(
            family=_family(pl.col("source")),
            basis=pl.when(pl.col("shop_visitors").is_null()).then(pl.lit("sum of sources")).otherwise(pl.lit("shop visitors")),
            share=pl.when(base > 0).then(visitors / base),
            conversion=pl.when((visitors > 0) & (pl.col("pay_buyers") <= visitors)).then(pl.col("pay_buyers") / visitors),
            amount_share=pl.when(pl.col("shop_amount_fen") > 0).then(pl.col("pay_amount_fen") / pl.col("shop_amount_fen")),
        )
        .select("shop", "source", "family", *_TRAFFIC, "share", "conversion", "amount_share", "basis", "days")
        .sort("shop", "visitors", "source", descending=[False, True, False], nulls_last=True)
    )


def _whole(days: pl.DataFrame) -> pl.DataFrame:
    """The shop's own visitors and amount, for shops that have a row for every day that their sources have."""
    own = days.filter(pl.col("source") == ALL)
    lacking = days.filter(pl.col("source") != ALL).join(own, on=["shop", "date"], how="anti")
    sums = own.group_by("shop").agg(known_sum("visitors"), known_sum("pay_amount_fen")).join(lacking, on="shop", how="anti")
    return sums.rename({"visitors": "shop_visitors", "pay_amount_fen": "shop_amount_fen"})


def _family(name: pl.Expr) -> pl.Expr:
    plain = name.str.normalize("NFKC").str.to_lowercase()
    found = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.String))
    for family, pattern in FAMILIES:
        found = found.when(plain.str.contains(pattern)).then(pl.lit(family))
    return found.otherwise(pl.lit("other"))


def source_sums(days: pl.DataFrame) -> pl.DataFrame:
    """What the sources add to beside the shop's own visitors, a row a shop; `cover` is unknown where a source does not state its visitors."""
    listed, visitors = pl.col("source") != ALL, pl.col("visitors")
    return (
        days.group_by("shop")
        .agg(
            sources=pl.col("source").filter(listed).n_unique().cast(pl.Int64),
            sum_visitors=visitors.filter(listed).sum(),
            unstated=visitors.filter(listed).null_count(),
        )
        .join(_whole(days).select("shop", "shop_visitors"), on="shop", how="left")
        .with_columns(cover=pl.when(pl.col("shop_visitors") > 0, pl.col("unstated") == 0).then(pl.col("sum_visitors") / pl.col("shop_visitors")))
        .with_columns(
            note=pl.when(pl.col("unstated") > 0).then(pl.lit("some sources do not state their visitors"))
            .when(pl.col("cover").is_null()).then(pl.lit("no row for the whole shop: shares are of the sum of sources"))
            .when(pl.col("cover") >= 1).then(pl.lit("over 1 is normal: who comes twice is counted by both sources"))
            .otherwise(pl.lit("under 1: some sources are not in the export"))
        )
        .drop("unstated")
        .sort("shop")
    )  # fmt: skip


_MOVED = ("shop", "source", "family", "date", "change", "visitors", "share", "usual_share", "z")


def moved_sources(days: pl.DataFrame, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Sources whose share of a day left the usual: measured against the median of all the days, itself among them.

    Needs seven days of the shop before; a source that is not listed on a day had no visitors then only if others are, and one
    that is listed without a number may have had some.
    """
    listed = days.filter(pl.col("source") != ALL).select("shop", "date", "source", "visitors", listed=pl.lit(True))
    whole = days.filter(pl.col("source") == ALL).select("shop", "date", shop_visitors="visitors").filter(pl.col("shop_visitors") > 0)
    whole = whole.join(listed, on=["shop", "date"], how="semi")
    enough = whole.filter(pl.col("date") < window.first).group_by("shop").agg(pl.len()).filter(pl.col("len") >= 7)
    whole = whole.join(enough, on="shop", how="semi")
    grid = whole.join(listed.select("shop", "source").unique(), on="shop").join(listed, on=["shop", "date", "source"], how="left")
    by = ["shop", "source"]
    came = pl.when(pl.col("listed").is_null()).then(0).otherwise("visitors")
    share = grid.with_columns(share=came / pl.col("shop_visitors"))
    share = share.with_columns(usual_share=pl.col("share").median().over(by), z=robust_z(pl.col("share"), by, 0.01))
    far = (pl.col("z").abs() > OUTLIER) & ((pl.col("share") - pl.col("usual_share")).abs() > float(ask.params.min_change) * pl.col("usual_share"))
    return (
        share.filter(pl.col("date") >= window.first, far)
        .with_columns(
            family=_family(pl.col("source")),
            change=pl.when(pl.col("share") == 0).then(pl.lit("gone")).when(pl.col("usual_share") == 0).then(pl.lit("new"))
            .when(pl.col("z") < 0).then(pl.lit("down")).otherwise(pl.lit("up")),
        )
        .select(_MOVED)
        .sort("shop", "date", pl.col("z").abs(), "source", descending=[False, True, True, False])
    )  # fmt: skip
