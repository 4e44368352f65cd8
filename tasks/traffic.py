"""Traffic: where visitors come from, how far they get, who buys, what advertising costs and brings."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.formulae.bounds import wilson_lower, wilson_upper
from ecops.formulae.cells import hidden
from ecops.formulae.robust import OUTLIER, robust_z
from ecops.formulae.shifting import filled
from ecops.shop.kinds import ALL, KINDS
from tasks._ads import UNIT, ad_rows, advertised, counted_once, is_mature, levels, summed
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import at_least, duration_text, has_happened, known, latest, local_date, percent, percent_text, yuan
from tasks._verdicts import Lack, of_every_shop, verdicts
from tasks._windows import DAY, DayWindow, Days, days_before, today



def _zero_counts(ask: Ask, facts: pl.DataFrame, *kept: str) -> pl.DataFrame:
    """Facts for every asked shop, counts that are not there 0; `kept` columns stay unknown."""
    return of_every_shop(ask, facts).with_columns(pl.exclude("shop", *kept).fill_null(0))


def _lacks_rows(kind: str, ask: Ask, stale_after: timedelta) -> list[Lack]:
    """No rows at all, or none recent; the facts have `newest`, the last day of the kind's rows."""
    zh, limit = KINDS[kind].zh, duration_text(stale_after)
    old = pl.col("newest") < today(ask) - stale_after
    return [
        Lack(pl.col("newest").is_null(), f"{kind}: none", f"缺{zh}"),
        Lack(
            old.fill_null(False),
            pl.format(f"{kind}: newest is of {{}}, older than {limit}", pl.col("newest")),
            pl.format(f"{zh}过旧：最近一天是{{}}，超过{limit}", pl.col("newest")),
        ),
    ]


def _newest(frames: Frames, kind: str, ask: Ask) -> pl.DataFrame:
    """The last day that a shop's rows of `kind` are of."""
    return known(frames, kind, ask).filter(pl.col("date") < today(ask)).group_by("shop").agg(newest=pl.col("date").max()).collect()


def _three_decimals(top: pl.Expr, of: pl.Expr) -> pl.Expr:
    """`top / of` cut after three decimals, in whole numbers; null without `of`."""
    return pl.when(of > 0).then((top * 1000 // of) / 1000)


# --- traffic.sources -----------------------------------------------------------------------------------------------

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


class Sources(Params):
    """`day`: how many whole local days the table is for, yesterday the last. `compare`: days before them that say what is
    usual. `min_cover`: under it the listed sources are too few to be the table. `min_change`: a source moved when its share
    differs by more than this part of what is usual, and by more than 3.5 robust deviations.
    """

    day: Days = timedelta(days=1)
    compare: Days = timedelta(days=28)
    min_cover: Percent = Decimal("0.5")
    min_change: Percent = Decimal("0.3")


@automation(
    "traffic.sources",
    zh="流量来源",
    en="Where the visitors came from",
    reads=("traffic_days",),
    serves=("D1", "M5"),
    params=Sources,
)
def sources(frames: Frames, ask: Ask) -> Answer:
    """Each source's share of the shop's visitors over the last days, its conversion, and what moved against the weeks before.

    A source's row stands for its finer ones, which count only where it has none. One visitor who came twice is counted by
    both sources, so shares add to more than 1: that is normal and said (`sums`). Where they add to less, some sources are not
    in the export, and how much is missing is said. Without a row for the whole shop (`*`), shares are of the sum of sources
    (`basis`). `moved` lists sources whose share left what is usual, `gone` and `new` ones among them: the platform may
    have renamed one into the other. `family` is read from the name.
    """
    window, before = _two_windows(ask)
    days = _source_days(frames, ask, DayWindow(before.first, window.last))
    of_window = days.filter(pl.col("date") >= window.first)
    items = _source_shares(of_window)
    sums, moved = _source_sums(of_window), _moved(days, ask, window)
    newest = _newest(frames, "traffic_days", ask)
    facts = newest.join(sums, on="shop", how="left").join(moved.group_by("shop").agg(moved=pl.len()), on="shop", how="left")
    top = items.group_by("shop", maintain_order=True).first().select("shop", top="source", top_share="share")
    facts = _zero_counts(ask, facts.join(top, on="shop", how="left"), "newest", "cover", "top", "top_share", "shop_visitors")
    return Answer(_sources_verdicts(facts, ask, window), {"items": items, "sums": sums, "moved": moved})


def _two_windows(ask: Ask) -> tuple[DayWindow, DayWindow]:
    window = days_before(ask, ask.params.day)
    return window, DayWindow(window.first - ask.params.compare, window.first - DAY)


_TRAFFIC = ("visitors", "new_visitors", "cart_users", "pay_buyers", "pay_amount_fen")


def _source_days(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """One row a shop, day and source; a source that is only listed by its parts is their sum, an upper bound of its visitors."""
    rows = (
        known(frames, "traffic_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .select("shop", "date", "source", "source_detail", *_TRAFFIC)
        .collect()
    )
    whole = rows.filter(pl.col("source_detail") == ALL).drop("source_detail")
    parts = rows.filter(pl.col("source_detail") != ALL).join(whole, on=["shop", "date", "source"], how="anti")
    summed_up = parts.group_by("shop", "date", "source").agg(_known_sum(name) for name in _TRAFFIC)
    return pl.concat([whole, summed_up])


def _known_sum(name: str) -> pl.Expr:
    """A sum that is unknown where one of its parts is."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name)


def _source_shares(days: pl.DataFrame) -> pl.DataFrame:
    sums = days.group_by("shop", "source").agg(days=pl.col("date").n_unique().cast(pl.Int64), *(_known_sum(name) for name in _TRAFFIC))
    whole = sums.filter(pl.col("source") == ALL).select("shop", shop_visitors="visitors", shop_amount_fen="pay_amount_fen")
    listed = sums.filter(pl.col("source") != ALL).join(whole, on="shop", how="left")
    base = pl.coalesce("shop_visitors", pl.col("visitors").sum().over("shop"))
    return (
        listed.with_columns(
            family=_family(pl.col("source")),
            basis=pl.when(pl.col("shop_visitors").is_null()).then(pl.lit("sum of sources")).otherwise(pl.lit("shop visitors")),
            share=pl.when(base > 0).then(pl.col("visitors") / base),
            conversion=pl.when((pl.col("visitors") > 0) & (pl.col("pay_buyers") <= pl.col("visitors"))).then(
                pl.col("pay_buyers") / pl.col("visitors")
            ),
            amount_share=pl.when(pl.col("shop_amount_fen") > 0).then(pl.col("pay_amount_fen") / pl.col("shop_amount_fen")),
        )
        .select("shop", "source", "family", *_TRAFFIC, "share", "conversion", "amount_share", "basis", "days")
        .sort("shop", "visitors", "source", descending=[False, True, False], nulls_last=True)
    )


def _family(name: pl.Expr) -> pl.Expr:
    plain = name.str.normalize("NFKC").str.to_lowercase()
    found = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.String))
    for family, pattern in FAMILIES:
        found = found.when(plain.str.contains(pattern)).then(pl.lit(family))
    return found.otherwise(pl.lit("other"))


def _source_sums(days: pl.DataFrame) -> pl.DataFrame:
    """What the sources add to beside the shop's own visitors, a row a shop."""
    whole = pl.col("source") == ALL
    return (
        days.group_by("shop")
        .agg(
            sources=pl.col("source").filter(~whole).n_unique().cast(pl.Int64),
            sum_visitors=pl.col("visitors").filter(~whole).sum(),
            shop_visitors=pl.when(whole.any()).then(pl.col("visitors").filter(whole).sum()),
        )
        .with_columns(cover=pl.when(pl.col("shop_visitors") > 0).then(pl.col("sum_visitors") / pl.col("shop_visitors")))
        .with_columns(
            note=pl.when(pl.col("cover").is_null()).then(pl.lit("no row for the whole shop: shares are of the sum of sources"))
            .when(pl.col("cover") >= 1).then(pl.lit("over 1 is normal: who comes twice is counted by both sources"))
            .otherwise(pl.lit("under 1: some sources are not in the export"))
        )
        .sort("shop")
    )  # fmt: skip


_MOVED = ("shop", "source", "family", "date", "change", "visitors", "share", "usual_share", "z")


def _moved(days: pl.DataFrame, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Sources whose share of a day left the usual: measured against the median of all the days, itself among them.

    Needs seven days of the shop before; a source that is not listed on a day had no visitors then only if others are.
    """
    whole = days.filter(pl.col("source") == ALL).select("shop", "date", shop_visitors="visitors").filter(pl.col("shop_visitors") > 0)
    enough = whole.filter(pl.col("date") < window.first).group_by("shop").agg(pl.len()).filter(pl.col("len") >= 7)
    whole = whole.join(enough, on="shop", how="semi")
    names = days.filter(pl.col("source") != ALL).select("shop", "source").unique()
    grid = whole.join(names, on="shop").join(days.select("shop", "date", "source", "visitors"), on=["shop", "date", "source"], how="left")
    by = ["shop", "source"]
    share = grid.with_columns(share=pl.col("visitors").fill_null(0) / pl.col("shop_visitors"))
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


def _sources_verdicts(facts: pl.DataFrame, ask: Ask, window: DayWindow) -> pl.DataFrame:
    cover = pl.when(pl.col("cover").is_null()).then(pl.lit("")).otherwise(
        pl.format("；各来源之和为店铺访客的{}", percent(pl.col("cover"), 0))
        + pl.when(pl.col("cover") >= 1).then(pl.lit("（同一访客可来自多个来源，超过100%属正常）")).otherwise(pl.lit("（导出未含全部来源）"))
    )
    cover_en = pl.when(pl.col("cover").is_null()).then(pl.lit("")).otherwise(
        pl.format("; sources add to {} of the shop's visitors", percent(pl.col("cover"), 0))
        + pl.when(pl.col("cover") >= 1).then(pl.lit(" (over 100% is normal)")).otherwise(pl.lit(" (some are not in the export)"))
    )
    line, top = percent_text(ask.params.min_cover), ("sources", "top", percent(pl.col("top_share")))
    here = pl.col("newest") >= window.first
    blank = here & (pl.col("sources") == 0)
    little = here & (pl.col("cover") < float(ask.params.min_cover)).fill_null(False) & (pl.col("sources") > 0)
    return verdicts(
        ask, facts,
        zh=pl.format("{}个来源，最大为{}（占{}）", *top) + cover + pl.format("；{}项异动", "moved"),
        en=pl.format("{} sources, the largest {} with {}", *top) + cover_en + pl.format("; {} moved", "moved"),
        lacks=[
            *_lacks_rows("traffic_days", ask, ask.params.day),
            Lack(blank.fill_null(False), "traffic_days: only the shop as a whole, no sources", "流量日报只有全店合计，没有来源明细"),
            Lack(
                little.fill_null(False),
                pl.format(f"traffic_days: sources cover {{}} of the shop's visitors, needed {line}", percent(pl.col("cover"))),
                pl.format(f"流量日报的来源只覆盖全店访客的{{}}，需要{line}", percent(pl.col("cover"))),
            ),
            Lack(
                here.fill_null(False) & (pl.col("sources") > 0) & pl.col("top_share").is_null(),
                "traffic_days.visitors: none",
                "流量日报没有访客数",
            ),
        ],
    )  # fmt: skip


# --- traffic.funnel ------------------------------------------------------------------------------------------------

_STEPS = (("visit_cart", "visitors", "cart_users"), ("cart_order", "cart_users", "order_buyers"), ("order_pay", "order_buyers", "pay_buyers"),
          ("visit_pay", "visitors", "pay_buyers"))  # fmt: skip
_STAGES = ("visitors", "cart_users", "order_buyers", "pay_buyers")


class Funnel(Params):
    """`window`: whole local days before as-of's date. `stale_after`: without a newer report nothing is said of the shop.
    `back`: the days before the window in which the buyers to be kept had bought.
    """

    window: Days = timedelta(days=7)
    stale_after: Days = timedelta(days=2)
    back: Days = timedelta(days=30)


@automation(
    "traffic.funnel",
    zh="转化漏斗",
    en="The funnel from visit to payment, and the four groups of figures",
    reads=("item_days", "traffic_days", "orders"),
    serves=("F1", "D2a"),
    params=Funnel,
)
def funnel(frames: Frames, ask: Ask) -> Answer:
    """Step rates visit -> cart -> order -> pay over a window: sums divided once, never a mean of daily rates.

    `items` has the steps of each shop. The shop's own stages come from its row in the traffic report, which counts a visitor
    once (`basis: shop`), else from the sum of its items, where who saw two items counts twice (`basis: items`). A rate
    whose lower stage is larger than the one above, or whose upper stage is 0, is unknown: `grows` says which. Orders without
    a cart do that lawfully (buy now). More buyers than visitors cannot be: the shop is then unknown. `goods` has the same by
    item. `board` holds the four groups of figures: traffic, conversion, retention (buyers of `back` days before the window
    who bought again in it) and repurchase (buyers of the window who had bought before, as far as the orders go back).
    """
    window = days_before(ask, ask.params.window)
    goods = _item_stages(frames, ask, window)
    stages = _shop_stages(frames, ask, window, goods)
    steps = _steps(stages, ["shop", "basis"]).sort("shop", pl.col("step").replace_strict(_STEP_ORDER, return_dtype=pl.Int8))
    grows = steps.filter(pl.col("problem").is_not_null())
    board = _board(frames, ask, window, stages)
    facts = _newest(frames, "item_days", ask).join(_newest(frames, "traffic_days", ask), on="shop", how="full", coalesce=True, suffix="_shop")
    facts = facts.select("shop", newest=pl.max_horizontal("newest", "newest_shop"))
    whole = steps.filter(pl.col("step") == "visit_pay").select("shop", "basis", "from_count", "to_count", "rate", "problem")
    facts = facts.join(whole, on="shop", how="left").join(grows.group_by("shop").agg(grows=pl.len()), on="shop", how="left")
    facts = _zero_counts(ask, facts, "newest", "basis", "rate", "problem", "from_count", "to_count")
    return Answer(
        _funnel_verdicts(facts, ask),
        {"items": steps, "goods": _good_rates(goods), "grows": grows.select("shop", "step", "from_count", "to_count", "problem"), "board": board},
    )


_STEP_ORDER = {name: n for n, (name, _, _) in enumerate(_STEPS)}


def _item_stages(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
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


def _shop_stages(frames: Frames, ask: Ask, window: DayWindow, goods: pl.DataFrame) -> pl.DataFrame:
    """One row a shop: its stages, from the traffic report where it has as many days of the shop as the items have."""
    shop = (
        known(frames, "traffic_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last), pl.col("source") == ALL, pl.col("source_detail") == ALL)
        .group_by("shop")
        .agg(days=pl.len().cast(pl.Int64), *(_known_sum(name) for name in _STAGES))
        .collect()
        .filter(pl.all_horizontal(pl.col(name).is_not_null() for name in _STAGES))
    )
    summed_up = goods.group_by("shop").agg(pl.col("days").max(), *(_known_sum(name) for name in _STAGES))
    enough = shop.join(summed_up.select("shop", item_days="days"), on="shop", how="left").filter(
        pl.col("days") >= pl.col("item_days").fill_null(0)
    )
    own = enough.select("shop", "days", *_STAGES, basis=pl.lit("shop"))
    rest = summed_up.join(own, on="shop", how="anti").select("shop", "days", *_STAGES, basis=pl.lit("items"))
    return pl.concat([own, rest])


def _steps(stages: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """A row a step: counts, the rate, and the `problem` where there is none."""
    parts = [
        stages.select(*keys, pl.lit(name).alias("step"), from_count=pl.col(upper), to_count=pl.col(lower)) for name, upper, lower in _STEPS
    ]
    above, below = pl.col("from_count"), pl.col("to_count")
    return pl.concat(parts).with_columns(
        rate=pl.when((above > 0) & (below <= above)).then(below / above),
        problem=pl.when(above.is_null() | below.is_null()).then(pl.lit("not stated")).when(above == 0).then(pl.lit("nobody above"))
        .when(below > above).then(pl.lit("more below than above")),
    )  # fmt: skip


def _good_rates(goods: pl.DataFrame) -> pl.DataFrame:
    def rate(upper: str, lower: str) -> pl.Expr:
        return pl.when((pl.col(upper) > 0) & (pl.col(lower) <= pl.col(upper))).then(pl.col(lower) / pl.col(upper))

    impossible = pl.any_horizontal(pl.col(name) > pl.col("visitors") for name in _STAGES[1:])
    return goods.with_columns(
        **{name: rate(upper, lower) for name, upper, lower in _STEPS},
        problem=pl.when(impossible.fill_null(False)).then(pl.lit("more below than visitors"))
        .when(pl.col("visitors") == 0).then(pl.lit("no visitors")),
    ).sort("shop", "visitors", "item_id", descending=[False, True, False], nulls_last=True)  # fmt: skip



def _board(frames: Frames, ask: Ask, window: DayWindow, stages: pl.DataFrame) -> pl.DataFrame:
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
        .select("shop", "buyer_id", day=day)
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


def _funnel_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    window = days_before(ask, ask.params.window).days
    fresh = pl.col("newest") >= today(ask) - ask.params.stale_after
    basis = pl.when(pl.col("basis") == "shop").then(pl.lit("")).otherwise(pl.lit("（按商品访客相加，有重复）"))
    basis_en = pl.when(pl.col("basis") == "shop").then(pl.lit("")).otherwise(pl.lit(" (items added up: visitors count more than once)"))
    counts = ("from_count", "to_count", percent(pl.col("rate"), 2))
    kinds = f"{KINDS['item_days'].zh}或{KINDS['traffic_days'].zh}"
    lacks = _lacks_rows("item_days", ask, ask.params.stale_after)
    return verdicts(
        ask, facts,
        zh=pl.format(f"近{window}天访客{{}}，支付买家{{}}，转化率{{}}", *counts) + basis + pl.format("；{}步无法计算", "grows"),
        en=pl.format(f"{{}} visitors in {window} days, {{}} paid: {{}}", *counts) + basis_en + pl.format("; {} steps unknown", "grows"),
        lacks=[
            Lack(lacks[0].when, "item_days: none", f"缺{kinds}"),
            lacks[1],
            Lack(
                fresh.fill_null(False) & pl.col("rate").is_null(),
                pl.format("visitors -> buyers: {}", pl.col("problem").fill_null("no rows in the window")),
                pl.col("problem").replace_strict(_PROBLEMS, default="窗口内没有数据"),
            ),
        ],
    )  # fmt: skip


_PROBLEMS = {"not stated": "访客数或支付买家数有缺", "nobody above": "访客数为0", "more below than above": "支付买家数多于访客数，数据有误"}


# --- traffic.profile -----------------------------------------------------------------------------------------------

PROVINCES = (
    "北京", "天津", "上海", "重庆", "河北", "山西", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南",
    "广东", "海南", "四川", "贵州", "云南", "陕西", "甘肃", "青海", "台湾", "内蒙古", "广西", "西藏", "宁夏", "新疆", "香港", "澳门",
)  # fmt: skip
FOLDED, UNKNOWN_CELL = "其他", "不明"


def _bands(value: str) -> str:
    edges = [int(edge) for edge in value.split(",")]
    if not edges or edges != sorted(set(edges)) or edges[0] <= 0:
        raise ValueError("must be growing amounts of whole yuan, separated by commas")
    return ",".join(map(str, edges))


class Profile(Params):
    """`window`: whole local days before as-of's date. `min_cell`: cells of fewer buyers are not shown. `bands`: yuan an order
    at which the next band of spending power begins. `stale_after`: as for every step on orders.
    """

    window: Days = timedelta(days=90)
    min_cell: int = 5
    bands: Annotated[str, AfterValidator(_bands)] = "50,100,200,500"
    stale_after: Days = timedelta(days=30)


@automation(
    "traffic.profile",
    zh="用户画像",
    en="Who buys: region and spending power",
    reads=("orders",),
    serves=("D3",),
    params=Profile,
)
def profile(frames: Frames, ask: Ask) -> Answer:
    """Buyers by province and by what they spend an order, over a window of paid orders that were not refunded in full.

    A buyer counts once: the province of the newest order that names one, all forms of its name as one (`广东省`, `广东`), and
    the mean net amount of the orders. Cells under `min_cell` buyers are folded into 其他, and further ones until 其他 itself has
    as many, so that nobody can be had back from the totals (`folded` says how many cells). Masked buyers and provinces that
    are not known are nobody's and stand apart as 不明. No export carries a gender: it is not guessed, and not shown.
    """
    buyers = _profiled(frames, ask)
    cells = pl.concat([_cells(buyers, "region", "province", ask), _cells(buyers, "spending", "band", ask)])
    order = pl.col("aspect").replace_strict({"region": 0, "spending": 1}, return_dtype=pl.Int8)
    items = cells.sort("shop", order, pl.col("cell") == UNKNOWN_CELL, pl.col("cell") == FOLDED, -pl.col("buyers"), "cell")
    return Answer(_profile_verdicts(_profile_facts(frames, ask, buyers, items), ask), {"items": items})


def _profile_orders(frames: Frames, ask: Ask) -> pl.LazyFrame:
    window = days_before(ask, ask.params.window)
    orders = effective_orders(frames, ask).filter(pl.col("paid"), ~pl.col("fully_refunded"))
    return orders.select("shop", "buyer_id", "order_id", "paid_at", "province", "amount_fen", day=local_date("paid_at", ask)).filter(
        pl.col("day").is_between(window.first, window.last)
    )


def _profiled(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a known buyer: province or 不明, and the band of the mean amount an order or 不明."""
    edges = [int(edge) for edge in ask.params.bands.split(",")]
    names = [f"{low}元以上" if high is None else f"{low}-{high}元" for low, high in zip([0, *edges], [*edges, None], strict=True)]
    amount, count = pl.col("amount_fen"), pl.col("orders")
    band = pl.when(amount.is_null()).then(pl.lit(UNKNOWN_CELL))
    for edge, name in zip(edges, names, strict=False):
        band = band.when(amount < edge * 100 * count).then(pl.lit(name))
    place = pl.col("province").str.normalize("NFKC").str.strip_chars().str.extract(f"^({'|'.join(PROVINCES)})")
    return (
        _profile_orders(frames, ask)
        .filter(buyer_is_known())
        .with_columns(pl.col("buyer_id").str.strip_chars(), province=place)
        .sort("paid_at", "order_id")
        .group_by("shop", "buyer_id")
        .agg(
            province=pl.col("province").drop_nulls().last(),
            orders=pl.len().cast(pl.Int64),
            amount_fen=pl.when(pl.col("amount_fen").null_count() == 0).then(pl.col("amount_fen").sum()),
        )
        .select("shop", province=pl.col("province").fill_null(UNKNOWN_CELL), band=band.otherwise(pl.lit(names[-1])))
        .collect()
    )


def _cells(buyers: pl.DataFrame, aspect: str, column: str, ask: Ask) -> pl.DataFrame:
    """Cells of one aspect, the small ones folded into 其他."""
    counted = buyers.group_by("shop", cell=pl.col(column)).agg(buyers=pl.len().cast(pl.Int64))
    unknown, of = counted.filter(pl.col("cell") == UNKNOWN_CELL), counted.filter(pl.col("cell") != UNKNOWN_CELL)
    small = of.with_columns(small=hidden(pl.col("buyers"), ["shop"], ask.params.min_cell, ["cell"]))
    folded = small.group_by("shop", cell=pl.when("small").then(pl.lit(FOLDED)).otherwise("cell")).agg(
        pl.col("buyers").sum(), folded=pl.col("small").sum().cast(pl.Int64)
    )
    # what is folded and is still too small is the whole table: nothing of it is shown
    folded = folded.with_columns(buyers=pl.when((pl.col("cell") != FOLDED) | (pl.col("buyers") >= ask.params.min_cell)).then("buyers"))
    shares = folded.with_columns(share=pl.col("buyers") / pl.col("buyers").sum().over("shop"))
    rest = unknown.with_columns(folded=pl.lit(0, dtype=pl.Int64), share=pl.lit(None, dtype=pl.Float64))
    return pl.concat([shares, rest]).select("shop", pl.lit(aspect).alias("aspect"), "cell", "buyers", "share", "folded")


def _profile_facts(frames: Frames, ask: Ask, buyers: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    orders = _profile_orders(frames, ask).group_by("shop").agg(
        orders=pl.len().cast(pl.Int64), unnamed=(~buyer_is_known()).sum().cast(pl.Int64), newest=pl.col("day").max()
    ).collect()  # fmt: skip
    placed = pl.col("province") != UNKNOWN_CELL
    counts = buyers.group_by("shop").agg(buyers=pl.len().cast(pl.Int64), placed=placed.sum().cast(pl.Int64))
    shown = items.filter(pl.col("aspect") == "region", pl.col("cell") != UNKNOWN_CELL, pl.col("cell") != FOLDED)
    top = shown.group_by("shop", maintain_order=True).first().select("shop", top="cell", top_share="share")
    facts = orders.join(counts, on="shop", how="left").join(top, on="shop", how="left")
    return _zero_counts(ask, facts, "newest", "top", "top_share")


def _profile_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    zh, limit = KINDS["orders"].zh, duration_text(ask.params.stale_after)
    days = days_before(ask, ask.params.window).days
    top = pl.when(pl.col("top").is_null()).then(pl.lit("各省人数过少，不予显示")).otherwise(
        pl.format("最多为{}（{}）", pl.col("top").fill_null(""), percent(pl.col("top_share").fill_null(0)))
    )
    top_en = pl.when(pl.col("top").is_null()).then(pl.lit("provinces too small to show")).otherwise(
        pl.format("most from {} ({})", pl.col("top").fill_null(""), percent(pl.col("top_share").fill_null(0)))
    )
    named = (pl.col("orders") > 0) & (pl.col("unnamed") < pl.col("orders"))
    return verdicts(
        ask, facts,
        zh=pl.format("{}位买家，{}位省份已知；", "buyers", "placed") + top + pl.format("；{}单买家不明；性别无数据来源", "unnamed"),
        en=pl.format("{} buyers, {} with a province; ", "buyers", "placed")
        + top_en
        + pl.format("; {} orders of unknown identity; no export has a gender", "unnamed"),
        lacks=[
            Lack(pl.col("orders") == 0, f"orders: none paid in {days} days", f"缺{zh}：近{days}天没有已付款{zh}"),
            Lack(
                (pl.col("orders") > 0) & ~named,
                pl.format("orders.buyer_id: 0 of {} orders", "orders"),
                pl.format(f"{zh}共{{}}单，买家全部不明（已脱敏）", "orders"),
            ),
            Lack(
                (pl.col("newest") < today(ask) - ask.params.stale_after).fill_null(False),
                pl.format(f"orders: none paid within {limit} (newest {{}})", "newest"),
                pl.format(f"{limit}内没有已付款{zh}（最近{{}}）", "newest"),
            ),
            Lack(named & (pl.col("placed") == 0), "orders.province: none", f"{zh}没有可识别的省份"),
        ],
    )  # fmt: skip


# --- traffic.ppc ---------------------------------------------------------------------------------------------------


class Ppc(Params):
    """`window`: whole local days before as-of's date. `benchmark_age`: a market price stands for its own day and as many days
    after it. `min_cover`: of a keyword's clicks so many need a market price. `min_clicks`: under it a keyword is marked thin.
    """

    window: Days = timedelta(days=7)
    benchmark_age: Days = timedelta(days=7)
    min_cover: Percent = Decimal("0.8")
    min_clicks: int = 30
    stale_after: Days = timedelta(days=3)


@automation(
    "traffic.ppc",
    zh="点击单价对照",
    en="Cost of a click against the market's, keyword by keyword",
    reads=("ad_days",),
    serves=("M6", "D6f"),
    params=Ppc,
)
def ppc(frames: Frames, ask: Ask) -> Answer:
    """Keywords of a plan whose weighted cost of a click is over the market's: sum of spend / sum of clicks, never a mean of means.

    The benchmark is the market's mean cost of a click on the word (`market_cpc_fen`), weighted with the same clicks of the
    same days; equal is fine. A day without a market price takes the last one of the keyword if it is no older than
    `benchmark_age`; compared are the days that have one. A keyword whose clicks have none for `min_cover` of them, or whose
    spend is not stated, is `unknown_items`, and so is one without clicks, whose cost of a click is undefined. Keywords over
    the market are an answer whatever else is unknown; a shop with none over it and some unknown is unknown, never a pass.
    `target_cpc_fen`: what a click may cost, cut to whole fen; `over_fen`: what was paid over the market.
    """
    words = _keywords(frames, ask)
    judged = words.filter(pl.col("reason").is_null())
    dear = pl.col("compared_spend_fen") > pl.col("market_fen")
    over = judged.filter(dear).select(_PRICED).sort("shop", -pl.col("over_fen"), "plan_id", "keyword", "tool", "item_id")
    fine = judged.filter(~dear).select(_PRICED).sort("shop", "plan_id", "keyword", "tool", "item_id")
    unknown = words.filter(pl.col("reason").is_not_null()).select(*_WORD, "clicks", "spend_fen", "reason")
    unknown = unknown.sort("shop", -pl.col("clicks"), "plan_id", "keyword", "tool", "item_id")
    silent = pl.col("reason") == "no clicks"
    parts = {
        "over": over.group_by("shop").agg(over=pl.len(), over_fen=pl.col("over_fen").sum()),
        "fine": fine.group_by("shop").agg(fine=pl.len()),
        "unknown": unknown.group_by("shop").agg(unknown=(~silent).sum(), silent=silent.sum()),
        "worst": over.group_by("shop", maintain_order=True).first().select("shop", "keyword", "cpc_fen", "market_cpc_fen"),
    }  # fmt: skip
    facts = _newest(frames, "ad_days", ask)
    for part in parts.values():
        facts = facts.join(part, on="shop", how="left")
    facts = _zero_counts(ask, facts, "newest", "keyword", "cpc_fen", "market_cpc_fen")
    return Answer(_ppc_verdicts(facts, ask), {"items": over, "at_or_under": fine, "unknown_items": unknown})


_WORD = ("shop", "tool", "plan_id", "plan", "item_id", "keyword")
_PRICED = (*_WORD, "clicks", "spend_fen", "cpc_fen", "market_cpc_fen", "target_cpc_fen", "over_fen", "cover", "thin")


def _keywords(frames: Frames, ask: Ask) -> pl.DataFrame:
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
            plan=latest("plan", by="date"),
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


def _ppc_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    judged, zh = pl.col("over") + pl.col("fine"), KINDS["ad_days"].zh
    yuan_of = [yuan(pl.col(name).fill_null(0).round(0).cast(pl.Int64)) for name in ("cpc_fen", "market_cpc_fen")]
    worst = (pl.col("keyword").fill_null(""), *yuan_of)
    any_over, counts = pl.col("over") > 0, ("over", judged, yuan(pl.col("over_fen")))
    doubts = pl.when(pl.col("unknown") > 0).then(pl.format("；另有{}个关键词缺市场均价，未知", "unknown")).otherwise(pl.lit(""))
    doubts_en = pl.when(pl.col("unknown") > 0).then(pl.format("; {} more unknown", "unknown")).otherwise(pl.lit(""))
    return verdicts(
        ask, facts,
        zh=pl.when(any_over).then(
            pl.format("{}/{}个关键词高于市场均价，多花{}元；最多的“{}”{}元对{}元", *counts, *worst)
        ).otherwise(pl.format("{}个关键词均不高于市场均价", judged)) + doubts,
        en=pl.when(any_over).then(
            pl.format("{} of {} keywords over the market, {} yuan too much; most on {}: {} against {}", *counts, *worst)
        ).otherwise(pl.format("none of {} keywords is over the market", judged)) + doubts_en,
        lacks=[
            *_lacks_rows("ad_days", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (judged + pl.col("unknown") == 0),
                pl.format("ad_days.keyword: no keyword with clicks ({} without)", "silent"),
                pl.format(f"{zh}没有有点击的关键词（{{}}个无点击）", "silent"),
            ),
            Lack(
                pl.col("unknown") > 0,
                pl.format("ad_days.market_cpc_fen: missing, too old or too few for {} of {} keywords", "unknown", judged + pl.col("unknown")),
                pl.format(f"{zh}（关键词报表）{{}}/{{}}个关键词缺“市场平均点击花费”或花费、点击", "unknown", judged + pl.col("unknown")),
            ),
        ],
        decided=any_over & (pl.col("newest") >= today(ask) - ask.params.stale_after),
    )  # fmt: skip


# --- traffic.pause_roi ---------------------------------------------------------------------------------------------


class PauseRoi(Params):
    """`window`: whole local days before as-of's date; of them the days count whose deals are all in. `min_roi`: strictly under
    it a plan is proposed for a pause. `min_spend`: yuan of spend before anything is said. `attribution`: days after a click
    for which its deals come in; as the export says (15 where it does not) unless told; shorter by hand on a campaign day.
    `learning`: the first days of a plan that began while the shop was already known are not held against it. `running`: a plan
    without spend for so long needs no pause. `basis`: `deal` the platform's number, `net` the same less refunds.
    """

    window: Days = timedelta(days=30)
    min_roi: Decimal = Decimal(1)
    min_spend: Fen = 100_00
    attribution: Days | None = None
    learning: Days = timedelta(days=7)
    running: Days = timedelta(days=3)
    stale_after: Days = timedelta(days=3)
    basis: Literal["deal", "net"] = "deal"


@automation(
    "traffic.pause_roi",
    zh="低ROI暂停建议",
    en="Propose to pause plans that bring less than they cost",
    reads=("ad_days", "items", "item_days"),
    serves=("D8",),
    params=PauseRoi,
)
def pause_roi(frames: Frames, ask: Ask) -> Answer:
    """Plans whose ROI = attributed sales / spend is strictly under `min_roi`: a proposal, a person pauses.

    A plan is the unit; an item or a tool where the export names no plan. Each yuan counts once, whatever levels were imported
    (`levels` shows what they say beside what was counted). Beside the platform's number (`roas`, a return on ad spend) stand
    `net_roas` (less refunds), the gross margin (of the one item advertised, else of the shop; list price and cost of `items`,
    weighted by what sold) and `profit_roi` = (sales x margin - spend) / spend, net sales where known: at 1.5 and 40 % margin
    money is lost, so kept plans with a negative one are marked `loses_money`. ROI is always computed from the sums, never read
    as a percent. `keep` is the other half of the log. `unjudged`: spend 0 (undefined), figures not stated, attribution still
    open, still learning, under `min_spend`, not running. Hours name no plan, so within a day nothing is said.
    """
    plans, rows, counted = _plan_figures(frames, ask)
    under = ~at_least(pl.col("sales_fen"), pl.col("spend_fen"), ask.params.min_roi)
    judged = plans.filter(pl.col("reason").is_null())
    by_roas = {"by": ("shop", "roas", *UNIT[1:])}
    pause, keep = judged.filter(under).select(_RETURNS).sort(**by_roas), judged.filter(~under).select(_RETURNS).sort(**by_roas)
    unjudged = plans.filter(pl.col("reason").is_not_null()).select(*UNIT, "plan", "spend_fen", "open_spend_fen", "reason").sort(UNIT)
    parts = (
        pause.group_by("shop").agg(pause=pl.len(), pause_fen=pl.col("spend_fen").sum()),
        pause.group_by("shop", maintain_order=True).first().select("shop", _NAME.alias("worst"), sales="sales_fen", spend="spend_fen"),
        keep.group_by("shop").agg(keep=pl.len(), losing=pl.col("loses_money").sum()),
        unjudged.group_by("shop").agg(unjudged=pl.len(), why=pl.col("reason").unique().sort().str.join(", ")),
    )
    facts = _newest(frames, "ad_days", ask)
    for part in parts:
        facts = facts.join(part, on="shop", how="left")
    facts = _zero_counts(ask, facts, "newest", "worst", "why")
    return Answer(_pause_verdicts(facts, ask), {"items": pause, "keep": keep, "unjudged": unjudged, "levels": levels(rows, counted)})


_NAME = pl.coalesce("plan", "plan_id")
_RETURNS = (
    *UNIT, "plan", "advertised_item", "days", "clicks", "spend_fen", "deal_amount_fen", "net_amount_fen", "sales_fen", "roas", "net_roas",
    "gross_margin", "margin_of", "break_even_roas", "profit_roi", "loses_money", "open_spend_fen",
)  # fmt: skip


def _plan_figures(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """One row a plan with its mature sums and the `reason` why it is not judged; all rows; the rows that counted."""
    window = days_before(ask, ask.params.window)
    rows = ad_rows(frames, ask, window)
    counted = counted_once(rows)
    young = counted.join(_first_days(frames, ask, rows), on=("shop", "plan_id"), how="left").with_columns(
        learning=(pl.col("date") < pl.col("began") + ask.params.learning).fill_null(False), mature=is_mature(ask, ask.params.attribution)
    )
    judged = summed(young.filter(pl.col("mature"), ~pl.col("learning")))
    every = young.group_by(UNIT).agg(
        plan_name=latest("plan", by="date"),
        seen=pl.col("date").filter(pl.col("spend_fen") > 0).max(),
        spent=pl.col("spend_fen").sum(),
        unstated=pl.col("spend_fen").null_count(),
        open_spend_fen=pl.col("spend_fen").filter(~pl.col("mature")).sum(),
        all_learning=pl.col("learning").filter("mature").all(),
        any_mature=pl.col("mature").any(),
    )
    plans = every.join(judged, on=UNIT, how="left").with_columns(plan=pl.coalesce("plan", "plan_name"))
    plans = plans.join(advertised(rows), on=("shop", "tool", "plan_id"), how="left")
    plans = plans.with_columns(advertised_item=pl.coalesce("advertised_item", pl.when(pl.col("item_id") != ALL).then("item_id")))
    sales = pl.col("net_amount_fen") if ask.params.basis == "net" else pl.col("deal_amount_fen")
    plans = _with_margins(plans.with_columns(sales_fen=sales), _margins(frames, ask, window))
    return plans.with_columns(_returns()).with_columns(reason=_why_not_judged(ask)), rows, counted


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
        .when(pl.col("spend_fen") == 0).then(pl.lit("no spend: ROI undefined"))
        .when(pl.col("seen").is_null() | (pl.col("seen") < today(ask) - ask.params.running)).then(pl.lit("not running"))
        .when(pl.col("spend_fen") < least).then(pl.lit("under the least spend"))
    )  # fmt: skip


def _pause_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    judged, line, zh = pl.col("pause") + pl.col("keep"), ask.params.min_roi.normalize(), KINDS["ad_days"].zh
    some = pl.col("pause") > 0
    lowest = _three_decimals(pl.col("sales"), pl.col("spend")).fill_null(0)
    worst = ("pause", judged, yuan(pl.col("pause_fen")), pl.col("worst").fill_null(""), lowest)
    return verdicts(
        ask, facts,
        zh=pl.when(some).then(
            pl.format(f"{{}}/{{}}个计划ROI<{line:f}，建议暂停，已花{{}}元；最低“{{}}”ROI {{}}", *worst)
        ).otherwise(pl.format(f"{{}}个计划ROI均不低于{line:f}", judged)) + pl.format("；{}个按毛利亏损；{}个未判断", "losing", "unjudged"),
        en=pl.when(some).then(
            pl.format(f"pause {{}} of {{}} plans: ROI under {line:f}, {{}} yuan spent; lowest {{}} with {{}}", *worst)
        ).otherwise(pl.format(f"none of {{}} plans has an ROI under {line:f}", judged))
        + pl.format("; {} lose money by margin; {} not judged", "losing", "unjudged"),
        lacks=[
            *_lacks_rows("ad_days", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (judged == 0),
                pl.format("ad_days: no plan can be judged ({})", pl.col("why").fill_null("no rows in the window")),
                pl.format(f"{zh}中没有可判断的计划（{{}}）", pl.col("why").fill_null("窗口内没有数据")),
            ),
        ],
    )  # fmt: skip


# --- traffic.move_budget -------------------------------------------------------------------------------------------

_LEAST_BUDGET = 30  # yuan a day: 直通车 takes no less (taobao.simba.campaign.budget.update)


class MoveBudget(PauseRoi):
    """As for traffic.pause_roi, and: `plan_conversion`: the conversion of clicks that a plan must surely be over to be given
    more; that of all the shop's clicks unless told. `min_clicks`: under it a plan neither gives nor gets. `raise_by`,
    `lower_by`: at most such a part of what a plan spends a day. `max_total`: yuan a day moved in a shop. `recent`: the days
    whose mean spend stands for the budget of a plan. `min_cover`: days for which the advertised item's stock must last.
    """

    plan_conversion: Percent | None = None
    min_clicks: int = 100
    raise_by: Percent = Decimal("0.3")
    lower_by: Percent = Decimal("0.2")
    max_total: Fen = 1000_00
    recent: Days = timedelta(days=7)
    min_cover: Days = timedelta(days=7)


@automation(
    "traffic.move_budget",
    zh="预算调整建议",
    en="Propose to move budget to the plans that convert best",
    reads=("ad_days", "items", "item_days", "stock"),
    serves=("D6", "V6"),
    params=MoveBudget,
)
def move_budget(frames: Frames, ask: Ask) -> Answer:
    """Moves of daily budget between plans, in whole yuan, that add to zero in every shop; `items` ranks them, takers first.

    Takes: the lower 95 % bound (Wilson) of deals / clicks is over `plan_conversion`, ROI at least `min_roi` and not a loss by
    margin where that is known, and the stock of the advertised item lasts `min_cover` days (stock unknown: no raise); best
    bound first, each at most `raise_by`. Gives: the upper bound is under `plan_conversion`, or ROI under `min_roi`; worst ROI
    first, each at most `lower_by`, never under 30 yuan a day. Plans with few clicks, no spend, open attribution or in their
    learning days stay as they are (`held`, with the reason). No export states budgets: what a plan spent a day recently
    stands for it (`before_fen`). Nothing records earlier changes either: how often this step is run is the cool-down.
    """
    plans, rows, counted = _plan_figures(frames, ask)
    recent = days_before(ask, ask.params.recent)
    daily = counted.filter(pl.col("date") >= recent.first).group_by(UNIT).agg(_known_sum("spend_fen"))
    daily = daily.select(*UNIT, yuan_a_day=pl.col("spend_fen") // (100 * recent.days))
    plans = plans.join(daily, on=UNIT, how="left").join(_stock_cover(frames, ask, recent), on=("shop", "advertised_item"), how="left")
    roles = _roles(plans, ask)
    moves = _moves(roles, ask)
    held = roles.filter(pl.col("held").is_not_null()).select(*UNIT, "plan", "clicks", "conversion", "roas", reason="held").sort(UNIT)
    facts = _newest(frames, "ad_days", ask)
    takers = moves.filter(pl.col("change_fen") > 0)
    best = takers.group_by("shop", maintain_order=True).first().select("shop", _NAME.alias("best"), best_rate="conversion")
    counts = roles.group_by("shop").agg(judged=pl.col("role").is_not_null().sum(), held=pl.col("held").is_not_null().sum())
    sums = takers.group_by("shop").agg(moved_fen=pl.col("change_fen").sum())
    for part in (counts, sums, best):
        facts = facts.join(part, on="shop", how="left")
    return Answer(_move_verdicts(_zero_counts(ask, facts, "newest", "best", "best_rate"), ask), {"items": moves, "held": held})


def _stock_cover(frames: Frames, ask: Ask, window: DayWindow) -> pl.DataFrame:
    """Pieces at the end of an item's newest counted day, and pieces sold in the window; null where one is unknown."""
    sold = (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id").agg(sold=pl.when(pl.col("pay_units").null_count() == 0).then(pl.col("pay_units").sum()))
    )  # fmt: skip
    stock = (
        known(frames, "stock", ask)
        .filter(pl.col("date").is_between(window.first, window.last))
        .group_by("shop", "item_id").agg(left=latest("closing_units", by="date"))
    )  # fmt: skip
    return stock.join(sold, on=["shop", "item_id"], how="left").rename({"item_id": "advertised_item"}).collect()


def _roles(plans: pl.DataFrame, ask: Ask) -> pl.DataFrame:
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


def _moves(roles: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """What the givers give up is poured into the takers; what the takers cannot hold is not taken from the givers."""
    per_day, share = pl.col("yuan_a_day"), {"takes": ask.params.raise_by, "gives": ask.params.lower_by}
    parts = {role: part.as_integer_ratio() for role, part in share.items()}
    can = {role: per_day * top // of for role, (top, of) in parts.items()}
    # who spends less than the least budget allows cannot be raised by a few yuan
    raised = pl.when(per_day + can["takes"] >= _LEAST_BUDGET).then(can["takes"]).otherwise(0)
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


def _move_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    moved = pl.col("moved_fen") > 0
    zh = KINDS["ad_days"].zh
    best = (yuan(pl.col("moved_fen")), pl.col("best").fill_null(""), percent(pl.col("best_rate").fill_null(0), 2))
    return verdicts(
        ask, facts,
        zh=pl.when(moved).then(pl.format("建议每日调整{}元，首选“{}”（点击转化率{}）", *best)).otherwise(pl.lit("没有值得调整的预算"))
        + pl.format("；{}个计划不动", "held"),
        en=pl.when(moved).then(pl.format("move {} yuan a day, first to {} ({} of clicks buy)", *best)).otherwise(pl.lit("no budget worth moving"))
        + pl.format("; {} plans stay", "held"),
        lacks=[
            *_lacks_rows("ad_days", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (pl.col("judged") < 2),
                pl.format("ad_days: {} plans can be judged, 2 are needed to move budget", "judged"),
                pl.format(f"{zh}中只有{{}}个计划可判断，至少需要2个", "judged"),
            ),
        ],
    )  # fmt: skip


# --- traffic.title_words -------------------------------------------------------------------------------------------


class TitleWords(Params):
    """`min_searches`: under it a word is not worth a place. `long_tail`: from so many characters on a word is long-tail.
    `related`: the part of a word's characters that a title must have already for the word to be about the item.
    `max_width`: what a title may hold, Chinese characters count 2 (Taobao: 60). `stale_after`: older lists of words are
    no basis.
    """

    min_searches: int = 100
    long_tail: int = 6
    related: Percent = Decimal("0.5")
    max_width: int = 60
    stale_after: Days = timedelta(days=35)


@automation(
    "traffic.title_words",
    zh="标题长尾词缺口",
    en="Words that people search for and titles lack",
    reads=("search_words", "items"),
    serves=("D5f",),
    params=TitleWords,
)
def title_words(frames: Frames, ask: Ask) -> Answer:
    """Search words of the newest list that no title on sale covers, each with the item nearest to it and what is missing.

    A title covers a word when every character of the word stands in it next to one of its neighbours of the word: `连衣裙夏季`
    covers 夏季连衣裙. Searched for most first, by the count of people; an index is an order, never a count, and only settles words
    without a count (`counted` false). `room` is what the title still holds; `fits` whether the missing characters do. Words
    that no title comes near are counted and stand in `unrelated`: not words for these goods, or goods that are missing.
    """
    words, titles = _search_words(frames, ask), _titles(frames, ask)
    near = _nearest_titles(words, titles)
    covered = pl.col("hit") == pl.col("letters")
    related = at_least(pl.col("hit").fill_null(0), pl.col("letters"), ask.params.related)
    by = ("shop", "counted", "searches", "search_index", "keyword")
    order = {"by": by, "descending": [False, True, True, True, False], "nulls_last": True}
    gaps = near.filter(related, ~covered).with_columns(
        room=ask.params.max_width - _width(pl.col("title")), long_tail=pl.col("keyword").str.len_chars() >= ask.params.long_tail
    )
    gaps = gaps.with_columns(fits=_width(pl.col("missing")) <= pl.col("room")).sort(**order).select(_GAP)
    unrelated = near.filter(~related).sort(**order).select("shop", "keyword", "category", "searches", "search_index")
    facts = known(frames, "search_words", ask).filter(pl.col("date") <= today(ask)).group_by("shop").agg(newest=pl.col("date").max()).collect()
    parts = (
        near.group_by("shop").agg(words=pl.len(), covered=covered.sum()), gaps.group_by("shop").agg(gaps=pl.len()),
        gaps.group_by("shop", maintain_order=True).first().select("shop", "keyword", "title"), titles.group_by("shop").agg(titles=pl.len()),
    )  # fmt: skip
    for part in parts:
        facts = facts.join(part, on="shop", how="left")
    facts = _zero_counts(ask, facts, "newest", "keyword", "title")
    return Answer(_word_verdicts(facts, ask), {"items": gaps, "unrelated": unrelated})


_GAP = ("shop", "keyword", "searches", "counted", "search_index", "long_tail", "item_id", "title", "missing", "room", "fits")


def _search_words(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Words of each shop's newest list that are searched for enough; without a count they stay, for an index says nothing of size."""
    count = pl.col("searches")
    return (
        known(frames, "search_words", ask)
        .filter(pl.col("date") <= today(ask))
        .filter(pl.col("date") == pl.col("date").max().over("shop"))
        .filter(count.is_null() | (count >= ask.params.min_searches))
        .with_columns(keyword=_plain(pl.col("keyword")))
        .filter(pl.col("keyword").str.len_chars() >= 2)
        .group_by("shop", "keyword")
        .agg(pl.col("category").drop_nulls().sort().first(), count.max(), pl.col("search_index").max())
        .with_columns(counted=pl.col("searches").is_not_null())
        .sort("shop", "keyword")
        .collect()
        .with_row_index("word")
    )


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", "")


def _titles(frames: Frames, ask: Ask) -> pl.DataFrame:
    blank = pl.col("title").str.strip_chars().fill_null("") == ""
    rows = known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True), ~blank)
    return rows.select("shop", "item_id", "title", plain=_plain(pl.col("title"))).sort("shop", "item_id").collect()


def _nearest_titles(words: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Each word with the title that has most of its characters, `hit` of `letters` of them, and the `missing` ones in order."""
    pairs = _exploded(words.select("shop", "word", text="keyword"), "word")
    have = _exploded(titles.with_row_index("nth").select("shop", "nth", text="plain"), "nth").select("shop", "nth", "pair").unique()
    found = pairs.join(have, on=["shop", "pair"])
    # a pair found stands for both of its characters
    letters = pl.concat([found.select("word", "nth", "at"), found.select("word", "nth", pl.col("at") + 1)]).unique()
    hits = letters.group_by("word", "nth").agg(hit=pl.len().cast(pl.Int64), places=pl.col("at").sort())
    best = hits.sort("word", "hit", "nth", descending=[False, True, False]).unique("word", keep="first", maintain_order=True)
    named = best.join(titles.with_row_index("nth").select("nth", "item_id", "title"), on="nth", how="left")
    near = words.join(named.drop("nth"), on="word", how="left", maintain_order="left")
    near = near.with_columns(letters=pl.col("keyword").str.len_chars().cast(pl.Int64))
    return near.join(_missing(near), on="word", how="left", maintain_order="left").with_columns(pl.col("missing").fill_null(""))


def _exploded(frame: pl.DataFrame, number: str) -> pl.DataFrame:
    """A row for each pair of neighbouring characters of `text`, with the place of the first."""
    length = pl.col("text").str.len_chars().cast(pl.Int64)
    rows = frame.filter(length >= 2).with_columns(at=pl.int_ranges(0, length - 1)).explode("at")
    return rows.with_columns(pair=pl.col("text").str.slice(pl.col("at"), 2))


def _missing(near: pl.DataFrame) -> pl.DataFrame:
    letters = near.select("word", "keyword", "places", at=pl.int_ranges(0, pl.col("letters"))).explode("at")
    absent = letters.filter(~pl.col("at").is_in(pl.col("places")).fill_null(False))
    return absent.group_by("word").agg(missing=pl.col("keyword").str.slice(pl.col("at"), 1).sort_by("at").str.join(""))


def _width(text: pl.Expr) -> pl.Expr:
    """Width of a title as Taobao counts: 2 for a Chinese character, 1 for others."""
    return text.str.len_chars().cast(pl.Int64) + text.str.count_matches(r"[^\x00-\x7f]").cast(pl.Int64)


def _word_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    first = (pl.col("keyword").fill_null(""),)
    top = pl.when(pl.col("gaps") > 0).then(pl.format("，首先补“{}”", *first)).otherwise(pl.lit(""))
    top_en = pl.when(pl.col("gaps") > 0).then(pl.format(", first of all {}", *first)).otherwise(pl.lit(""))
    words, items = KINDS["search_words"].zh, KINDS["items"].zh
    return verdicts(
        ask, facts,
        zh=pl.format("{}个搜索词中{}个标题已覆盖，{}个可补", "words", "covered", "gaps") + top,
        en=pl.format("{} of {} search words are in titles, {} could be", "covered", "words", "gaps") + top_en,
        lacks=[
            *_lacks_rows("search_words", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (pl.col("words") == 0),
                f"search_words: none with {ask.params.min_searches} searches",
                f"{words}表中没有搜索人数达到{ask.params.min_searches}的词",
            ),
            Lack(pl.col("titles") == 0, "items.title: none on sale", f"缺{items}（在售商品的标题）"),
        ],
    )  # fmt: skip
