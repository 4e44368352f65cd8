"""Traffic: where visitors come from, how far they get, who buys, what advertising costs and brings."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.shop.kinds import KINDS
from tasks._ads import UNIT, levels
from tasks._budgets import budget_moves, plan_roles, stock_cover
from tasks._buyer_profile import FOLDED, UNKNOWN_CELL, folded_cells, orders_of_window, profiled_buyers
from tasks._facts import known_sum, lacks_rows, newest_day, three_decimals, zero_counts
from tasks._funnel import good_rates, item_stages, loop_board, shop_stages, step_rates
from tasks._keywords import WORD, priced_keywords
from tasks._returns import PLAN_NAME, plan_figures
from tasks._rows import at_least, duration_text, known, percent, percent_text, yuan
from tasks._sources import moved_sources, source_days, source_shares, source_sums
from tasks._title_words import nearest_titles, title_width, titles_on_sale, wanted_words
from tasks._verdicts import Lack, verdicts
from tasks._windows import DAY, DayWindow, Days, days_before, today

# --- traffic.sources -----------------------------------------------------------------------------------------------


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
    days = source_days(frames, ask, DayWindow(before.first, window.last))
    of_window = days.filter(pl.col("date") >= window.first)
    items = source_shares(of_window)
    sums, moved = source_sums(of_window), moved_sources(days, ask, window)
    facts = newest_day(frames, "traffic_days", ask)
    facts = facts.join(sums, on="shop", how="left").join(moved.group_by("shop").agg(moved=pl.len()), on="shop", how="left")
    top = items.group_by("shop", maintain_order=True).first().select("shop", top="source", top_share="share")
    facts = zero_counts(ask, facts.join(top, on="shop", how="left"), "newest", "cover", "top", "top_share", "shop_visitors")
    return Answer(_sources_verdicts(facts, ask, window), {"items": items, "sums": sums, "moved": moved})


def _two_windows(ask: Ask) -> tuple[DayWindow, DayWindow]:
    window = days_before(ask, ask.params.day)
    return window, DayWindow(window.first - ask.params.compare, window.first - DAY)


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
    enough, stated = at_least(pl.col("sum_visitors"), pl.col("shop_visitors"), ask.params.min_cover), pl.col("sum_visitors") / pl.col("shop_visitors")
    little = here & (~enough).fill_null(False) & (pl.col("sources") > 0)
    return verdicts(
        ask, facts,
        zh=pl.format("{}个来源，最大为{}（占{}）", *top) + cover + pl.format("；{}项异动", "moved"),
        en=pl.format("{} sources, the largest {} with {}", *top) + cover_en + pl.format("; {} moved", "moved"),
        lacks=[
            *lacks_rows("traffic_days", ask, ask.params.day),
            Lack(blank.fill_null(False), "traffic_days: only the shop as a whole, no sources", "流量日报只有全店合计，没有来源明细"),
            Lack(
                little.fill_null(False),
                pl.format(f"traffic_days: sources cover {{}} of the shop's visitors, needed {line}", percent(stated)),
                pl.format(f"流量日报的来源只覆盖全店访客的{{}}，需要{line}", percent(stated)),
            ),
            Lack(
                here.fill_null(False) & (pl.col("sources") > 0) & pl.col("top_share").is_null(),
                "traffic_days.visitors: none, or not stated",
                "流量日报的访客数为0或有缺",
            ),
        ],
    )  # fmt: skip


# --- traffic.funnel ------------------------------------------------------------------------------------------------


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
    goods = item_stages(frames, ask, window)
    stages = shop_stages(frames, ask, window, goods)
    steps = step_rates(stages)
    grows = steps.filter(pl.col("problem").is_not_null())
    board = loop_board(frames, ask, window, stages)
    facts = newest_day(frames, "item_days", ask).join(newest_day(frames, "traffic_days", ask), on="shop", how="full", coalesce=True, suffix="_shop")
    facts = facts.select("shop", newest=pl.max_horizontal("newest", "newest_shop"))
    whole = steps.filter(pl.col("step") == "visit_pay").select("shop", "basis", "from_count", "to_count", "rate", "problem")
    facts = facts.join(whole, on="shop", how="left").join(grows.group_by("shop").agg(grows=pl.len()), on="shop", how="left")
    facts = zero_counts(ask, facts, "newest", "basis", "rate", "problem", "from_count", "to_count")
    return Answer(
        _funnel_verdicts(facts, ask),
        {"items": steps, "goods": good_rates(goods), "grows": grows.select("shop", "step", "from_count", "to_count", "problem"), "board": board},
    )


def _funnel_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    window = days_before(ask, ask.params.window).days
    fresh = pl.col("newest") >= today(ask) - ask.params.stale_after
    basis = pl.when(pl.col("basis") == "shop").then(pl.lit("")).otherwise(pl.lit("（按商品访客相加，有重复）"))
    basis_en = pl.when(pl.col("basis") == "shop").then(pl.lit("")).otherwise(pl.lit(" (items added up: visitors count more than once)"))
    counts = ("from_count", "to_count", percent(pl.col("rate"), 2))
    kinds = f"{KINDS['item_days'].zh}或{KINDS['traffic_days'].zh}"
    lacks = lacks_rows("item_days", ask, ask.params.stale_after)
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
    orders = orders_of_window(frames, ask)
    buyers = profiled_buyers(orders, ask)
    cells = pl.concat([folded_cells(buyers, "region", "province", ask), folded_cells(buyers, "spending", "band", ask)])
    order = pl.col("aspect").replace_strict({"region": 0, "spending": 1}, return_dtype=pl.Int8)
    items = cells.sort("shop", order, pl.col("cell") == UNKNOWN_CELL, pl.col("cell") == FOLDED, -pl.col("buyers"), "cell")
    return Answer(_profile_verdicts(_profile_facts(ask, orders, buyers, items), ask), {"items": items})


def _profile_facts(ask: Ask, orders: pl.DataFrame, buyers: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    unnamed = (~pl.col("named")).sum().cast(pl.Int64)
    of_shop = orders.group_by("shop").agg(orders=pl.len().cast(pl.Int64), unnamed=unnamed, newest=pl.col("day").max())
    placed = pl.col("province") != UNKNOWN_CELL
    counts = buyers.group_by("shop").agg(buyers=pl.len().cast(pl.Int64), placed=placed.sum().cast(pl.Int64))
    shown = items.filter(pl.col("aspect") == "region", pl.col("cell") != UNKNOWN_CELL, pl.col("cell") != FOLDED)
    top = shown.group_by("shop", maintain_order=True).first().select("shop", top="cell", top_share="share")
    facts = of_shop.join(counts, on="shop", how="left").join(top, on="shop", how="left")
    return zero_counts(ask, facts, "newest", "top", "top_share")


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
    words = priced_keywords(frames, ask)
    judged = words.filter(pl.col("reason").is_null())
    dear = pl.col("compared_spend_fen") > pl.col("market_fen")
    over = judged.filter(dear).select(_PRICED).sort("shop", -pl.col("over_fen"), "plan_id", "keyword", "tool", "item_id")
    fine = judged.filter(~dear).select(_PRICED).sort("shop", "plan_id", "keyword", "tool", "item_id")
    unknown = words.filter(pl.col("reason").is_not_null()).select(*WORD, "clicks", "spend_fen", "reason")
    unknown = unknown.sort("shop", -pl.col("clicks"), "plan_id", "keyword", "tool", "item_id")
    silent = pl.col("reason") == "no clicks"
    parts = {
        "over": over.group_by("shop").agg(over=pl.len(), over_fen=pl.col("over_fen").sum()),
        "fine": fine.group_by("shop").agg(fine=pl.len()),
        "unknown": unknown.group_by("shop").agg(unknown=(~silent).sum(), silent=silent.sum()),
        "worst": over.group_by("shop", maintain_order=True).first().select("shop", "keyword", "cpc_fen", "market_cpc_fen"),
    }  # fmt: skip
    facts = newest_day(frames, "ad_days", ask)
    for part in parts.values():
        facts = facts.join(part, on="shop", how="left")
    facts = zero_counts(ask, facts, "newest", "keyword", "cpc_fen", "market_cpc_fen")
    return Answer(_ppc_verdicts(facts, ask), {"items": over, "at_or_under": fine, "unknown_items": unknown})


_PRICED = (*WORD, "clicks", "spend_fen", "cpc_fen", "market_cpc_fen", "target_cpc_fen", "over_fen", "cover", "thin")


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
            *lacks_rows("ad_days", ask, ask.params.stale_after),
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
    plans, rows, counted = plan_figures(frames, ask)
    under = ~at_least(pl.col("sales_fen"), pl.col("spend_fen"), ask.params.min_roi)
    judged = plans.filter(pl.col("reason").is_null())
    by_roas = {"by": ("shop", "roas", *UNIT[1:])}
    pause, keep = judged.filter(under).select(_RETURNS).sort(**by_roas), judged.filter(~under).select(_RETURNS).sort(**by_roas)
    unjudged = plans.filter(pl.col("reason").is_not_null()).select(*UNIT, "plan", "spend_fen", "open_spend_fen", "reason").sort(UNIT)
    parts = (
        pause.group_by("shop").agg(pause=pl.len(), pause_fen=pl.col("spend_fen").sum()),
        pause.group_by("shop", maintain_order=True).first().select("shop", PLAN_NAME.alias("worst"), sales="sales_fen", spend="spend_fen"),
        keep.group_by("shop").agg(keep=pl.len(), losing=pl.col("loses_money").sum()),
        unjudged.group_by("shop").agg(unjudged=pl.len(), why=pl.col("reason").unique().sort().str.join(", ")),
    )
    facts = newest_day(frames, "ad_days", ask)
    for part in parts:
        facts = facts.join(part, on="shop", how="left")
    facts = zero_counts(ask, facts, "newest", "worst", "why")
    return Answer(_pause_verdicts(facts, ask), {"items": pause, "keep": keep, "unjudged": unjudged, "levels": levels(rows, counted)})


_RETURNS = (
    *UNIT, "plan", "advertised_item", "days", "clicks", "spend_fen", "deal_amount_fen", "net_amount_fen", "sales_fen", "roas", "net_roas",
    "gross_margin", "margin_of", "break_even_roas", "profit_roi", "loses_money", "open_spend_fen",
)  # fmt: skip


def _pause_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    judged, line, zh = pl.col("pause") + pl.col("keep"), ask.params.min_roi.normalize(), KINDS["ad_days"].zh
    some = pl.col("pause") > 0
    lowest = three_decimals(pl.col("sales"), pl.col("spend")).fill_null(0)
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
            *lacks_rows("ad_days", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (judged == 0),
                pl.format("ad_days: no plan can be judged ({})", pl.col("why").fill_null("no rows in the window")),
                pl.format(f"{zh}中没有可判断的计划（{{}}）", pl.col("why").fill_null("窗口内没有数据")),
            ),
        ],
    )  # fmt: skip


# --- traffic.move_budget -------------------------------------------------------------------------------------------


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
    plans, rows, counted = plan_figures(frames, ask)
    recent = days_before(ask, ask.params.recent)
    daily = counted.filter(pl.col("date") >= recent.first).group_by(UNIT).agg(known_sum("spend_fen"))
    daily = daily.select(*UNIT, yuan_a_day=pl.col("spend_fen") // (100 * recent.days))
    plans = plans.join(daily, on=UNIT, how="left").join(stock_cover(frames, ask, recent), on=("shop", "advertised_item"), how="left")
    roles = plan_roles(plans, ask)
    moves = budget_moves(roles, ask)
    held = roles.filter(pl.col("held").is_not_null()).select(*UNIT, "plan", "clicks", "conversion", "roas", reason="held").sort(UNIT)
    facts = newest_day(frames, "ad_days", ask)
    takers = moves.filter(pl.col("change_fen") > 0)
    best = takers.group_by("shop", maintain_order=True).first().select("shop", PLAN_NAME.alias("best"), best_rate="conversion")
    counts = roles.group_by("shop").agg(judged=pl.col("role").is_not_null().sum(), held=pl.col("held").is_not_null().sum())
    sums = takers.group_by("shop").agg(moved_fen=pl.col("change_fen").sum())
    for part in (counts, sums, best):
        facts = facts.join(part, on="shop", how="left")
    return Answer(_move_verdicts(zero_counts(ask, facts, "newest", "best", "best_rate"), ask), {"items": moves, "held": held})


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
            *lacks_rows("ad_days", ask, ask.params.stale_after),
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
    words, titles = wanted_words(frames, ask), titles_on_sale(frames, ask)
    near = nearest_titles(words, titles)
    covered = pl.col("hit") == pl.col("letters")
    related = at_least(pl.col("hit").fill_null(0), pl.col("letters"), ask.params.related)
    by = ("shop", "counted", "searches", "search_index", "keyword")
    order = {"by": by, "descending": [False, True, True, True, False], "nulls_last": True}
    gaps = near.filter(related, ~covered).with_columns(
        room=ask.params.max_width - title_width(pl.col("title")), long_tail=pl.col("keyword").str.len_chars() >= ask.params.long_tail
    )
    gaps = gaps.with_columns(fits=title_width(pl.col("missing")) <= pl.col("room")).sort(**order).select(_GAP)
    unrelated = near.filter(~related).sort(**order).select("shop", "keyword", "category", "searches", "search_index")
    facts = known(frames, "search_words", ask).filter(pl.col("date") <= today(ask)).group_by("shop").agg(newest=pl.col("date").max()).collect()
    parts = (
        near.group_by("shop").agg(words=pl.len(), covered=covered.sum()), gaps.group_by("shop").agg(gaps=pl.len()),
        gaps.group_by("shop", maintain_order=True).first().select("shop", "keyword", "title"), titles.group_by("shop").agg(titles=pl.len()),
    )  # fmt: skip
    for part in parts:
        facts = facts.join(part, on="shop", how="left")
    facts = zero_counts(ask, facts, "newest", "keyword", "title")
    return Answer(_word_verdicts(facts, ask), {"items": gaps, "unrelated": unrelated})


_GAP = ("shop", "keyword", "searches", "counted", "search_index", "long_tail", "item_id", "title", "missing", "room", "fits")


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
            *lacks_rows("search_words", ask, ask.params.stale_after),
            Lack(
                pl.col("newest").is_not_null() & (pl.col("words") == 0),
                f"search_words: none with {ask.params.min_searches} searches",
                f"{words}表中没有搜索人数达到{ask.params.min_searches}的词",
            ),
            Lack(pl.col("titles") == 0, "items.title: none on sale", f"缺{items}（在售商品的标题）"),
        ],
    )  # fmt: skip
