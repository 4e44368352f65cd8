"""Review: where the gap to the target came from, and which items carry the turnover."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.shop.kinds import INSTANT
from tasks._buyers import buyer_groups, group_facts, payments
from tasks._drill import DIMENSIONS, dimensions_of, drill_facts, drill_lacks, elements_of, names, sides_of
from tasks._findings import Found, Periods, Thresholds, period_lacks
from tasks._findings import found as findings
from tasks._gap import FACTORS, gap_cover, gap_lists, split_gap, without
from tasks._hits import hit_facts, hit_lists, item_rows
from tasks._losses import losses
from tasks._roi import ad_spend, no_spend, roi_facts, roi_shifts
from tasks._rows import at_least, instant, known, local_date, percent, percent_text, yuan
from tasks._sales import NO_SALES, Sales, item_sales, ranked
from tasks._scripts import DESIGNS, inquiries_of, script_arms, script_facts
from tasks._sections import next_plan, section_answers, section_facts, section_rows
from tasks._spans import base_of, day_spans, no_base, whole_days
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._windows import DAY, HOUR, Days, DayWindow, Span, Window, days_before, today, window_of


# --- review.gap ----------------------------------------------------------------------------------------------------


class Gap(Params):
    """The target and its split. `since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time.

    `gmv_target` and `plan_aov` in yuan. One plan figure always follows from the target (target = visitors x conversion x
    AOV); whatever else is missing is taken from the span of the same length before the window. `cut`: paid is GMV before
    refunds; net takes off what has been refunded of the window's orders by now, and is unknown before `returns` have passed
    since the window's end and while claims are open (the second cut).
    """

    since: str = "day"
    until: str | None = None
    gmv_target: Fen | None = None
    cut: Literal["paid", "net"] = "paid"
    returns: Days = timedelta(days=15)
    plan_visitors: int | None = None
    plan_conversion: Percent | None = None
    plan_aov: Fen | None = None


@automation(
    "review.gap",
    zh="目标差距归因",
    en="Split the gap between target and actual GMV into traffic, conversion and basket",
    reads=("hours", "item_days", "orders", "refunds"),
    serves=("V1", "F1"),
    params=Gap,
)
def gap(frames: Frames, ask: Ask) -> Answer:
    """Parts of (actual - target) GMV, in fen, that add up to it exactly.

    LMDI (Ang 2005) needs all values positive, else null; Shapley's value goes through zeros. Each is brought to whole fen by
    largest remainders. GMV is what was paid, before refunds; with `cut: net` the part `refunds` takes them off and the
    other parts stay. Visitors are added up over hours (or over items and days) and are not de-duplicated: `basis`
    says which. `plan` is a part of its own, not 0 only when all three plan figures were given and do not multiply to
    the target. What a deposit brings counts when the final payment does.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    split = split_gap(frames, ask, window)
    if window is None or ask.params.gmv_target is None:
        return Answer(unknown_for_all(ask, missing or "gmv_target", zh or "没有给出GMV目标"), gap_lists(split))
    cover = gap_cover(frames, without(ask, split), window)
    facts = of_every_shop(ask, split.join(cover, on="shop", how="full", coalesce=True))
    return Answer(_gap_verdicts(facts, ask, window), gap_lists(split))


def _gap_verdicts(facts: pl.DataFrame, ask: Ask, window: Window) -> pl.DataFrame:
    parts = [pl.col(f"{name}_shapley_fen") for name in FACTORS]
    hours, days = pl.col("hours").fill_null(0), pl.col("days").fill_null(0)
    wanted = (window.until - window.since) / HOUR
    actual = pl.col("target_fen") + pl.col("gap_fen")
    net = ask.params.cut == "net"
    refunds = [pl.col("refunds_shapley_fen")] if net else []
    numbers = (*(yuan(figure) for figure in (pl.col("target_fen"), actual, pl.col("gap_fen"), *parts, *refunds)), pl.col("basis"))
    settled = (window.until + ask.params.returns).astimezone(ask.timezone)
    no_actual = pl.col("gmv_fen").is_null()
    odd = pl.any_horizontal(pl.col("conversion_actual", "aov_actual").is_null()) & ~no_actual
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"目标{{}}元，实际{{}}元，差{{}}元：流量{{}}，转化{{}}，客单价{{}}{'，退款{}' if net else ''}（{{}}）", *numbers),
        en=pl.format(
            f"target {{}}, actual {{}}, gap {{}} yuan: traffic {{}}, conversion {{}}, basket {{}}{', refunds {}' if net else ''} ({{}})", *numbers
        ),
        lacks=[
            Lack(
                no_actual,
                pl.format(f"hours: {{}} of {wanted:g} hours, item_days: {{}} of {window.dates(ask).days} days", hours, days),
                pl.format(f"窗口内小时数据{{}}/{wanted:g}小时，商品日报{{}}/{window.dates(ask).days}天，均不完整", hours, days),
            ),
            Lack(odd, "actual figures: GMV without payers, or payers without visitors", "有销售额却没有买家，或有买家却没有访客"),
            Lack(
                ~no_actual & ~odd & pl.col("visitors_shapley_fen").is_null(),
                "plan figures: not given, and the span before has no complete data",
                "没有给出计划值，前一同长周期的数据也不完整",
            ),
            *(_unsettled(ask, settled) if net else ()),
        ],
    )


def _unsettled(ask: Ask, settled: datetime) -> list[Lack]:
    """What the second cut waits for."""
    claims = pl.col("open_claims").fill_null(0)
    day = f"{settled:%Y-%m-%d %H:%M}"
    return [
        Lack(pl.col("paid_orders").fill_null(0) == 0, "orders: none paid in the window", "缺订单：窗口内没有已付款订单"),
        Lack(pl.lit(ask.as_of < settled), f"refunds: returns may still come until {day}", f"退货期到{day}才结束，净额尚未确定"),
        Lack(claims > 0, pl.format("refunds: {} claims are open", claims), pl.format("还有{}笔售后未完结", claims)),
    ]


# --- review.pareto -------------------------------------------------------------------------------------------------


class Pareto(Params):
    """`share`: of GMV that the set must reach. `since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO
    time. `basis`: auto takes the item reports for whole days, and order lines for a window that begins within a day.
    """

    share: Percent = Decimal("0.8")
    since: str = "day"
    until: str | None = None
    basis: Literal["auto", "item_days", "order_lines"] = "auto"


@automation(
    "review.pareto",
    zh="80%销售额商品",
    en="The smallest set of items that carries 80% of GMV",
    reads=("item_days", "order_lines"),
    serves=("V2",),
    params=Pareto,
)
def pareto(frames: Frames, ask: Ask) -> Answer:
    """The items of highest GMV until their sum reaches `share` of the shop's, the crossing item included, ties by id.

    GMV is what was paid, before refunds. By item reports the window is widened to the whole local days it touches, and
    today's, which is not over, is left out (`basis` says so); a missing day or an amount unknown makes the shop unknown.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), {"items": ranked(NO_SALES.to_frame().lazy(), ask).collect()})
    sales = item_sales(frames, ask, window)
    carrying = ranked(sales.frame, ask).collect()
    facts = of_every_shop(ask, sales.facts(carrying))
    return Answer(_pareto_verdicts(facts, ask, sales), {"items": carrying})


def _pareto_verdicts(facts: pl.DataFrame, ask: Ask, sales: Sales) -> pl.DataFrame:
    covered, unknown = pl.col("covered").fill_null(0), pl.col("unknown").fill_null(0)
    numbers = (pl.col("carrying"), pl.col("items"), percent(pl.col("reached")), yuan(pl.col("gmv_fen")))
    line = percent_text(ask.params.share)
    name = {"item_days": "商品日报", "order_lines": "订单明细"}[sales.kind]
    short = "no paid lines" if sales.kind == "order_lines" else f"{{}} of {sales.wanted} days"
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}/{{}}款商品贡献{{}}销售额（目标{line}，合计{{}}元）", *numbers),
        en=pl.format(f"{{}} of {{}} items carry {{}} of GMV ({line} wanted, {{}} yuan in all)", *numbers),
        lacks=[
            Lack(covered < sales.wanted, _text(f"{sales.kind}: {short}", covered), _text(f"{name}不完整：{{}}/{sales.wanted}", covered)),
            Lack(unknown > 0, pl.format(f"{sales.kind}: amount unknown in {{}} rows", unknown), pl.format(f"{name}有{{}}行金额不明", unknown)),
            Lack((covered >= sales.wanted) & (pl.col("gmv_fen").fill_null(0) <= 0), f"{sales.kind}: no GMV in the window", "窗口内没有销售额"),
        ],
    )


def _text(pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.format(pattern, value) if "{}" in pattern else pl.lit(pattern)


# --- review.drill --------------------------------------------------------------------------------------------------


class Drill(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time. What was expected is the
    span of the same length that begins at `before` (just before the window unless told), scaled to `gmv_target` (yuan)
    when given.

    `dimensions`: item, channel, customer, separated by commas. `top`: how many elements of each are listed. `max_masked`: with
    a larger share of orders that do not name their buyer, the customers are unknown. `basis`: as of review.pareto, for
    the items.
    """

    since: str = "day"
    until: str | None = None
    before: str | None = None
    gmv_target: Fen | None = None
    dimensions: Annotated[str, AfterValidator(lambda text: ",".join(names(text)))] = "item,channel,customer"
    top: int = 10
    max_masked: Percent = Decimal("0.05")
    basis: Literal["auto", "item_days", "order_lines"] = "auto"


@automation(
    "review.drill",
    zh="差距下钻",
    en="Drill the gap down to items, channels and customers",
    reads=("item_days", "order_lines", "traffic_days", "orders"),
    serves=("V1", "V2"),
    params=Drill,
)
def drill(frames: Frames, ask: Ask) -> Answer:
    """Which elements of a dimension the change of GMV comes from: contribution in fen, explanatory power and surprise.

    gap_i = actual_i - expected_i, in whole fen; `power` = gap_i / gap; `surprise`: the element's part of the Jensen-Shannon
    divergence of expected and actual shares; `explains`: in order of surprise, elements of more than 10 % of the gap until
    67 % of it is explained (Adtributor, NSDI 2014). Items by what was paid, as review.pareto counts; channels by the
    traffic reports of whole days, where `*` is the shop's total less its sources (they overlap); customers by orders: new
    ones paid for the first time inside the span, as far as the data reach, `unknown` ones are masked. A share below
    zero has no surprise. A dimension without complete data on either side is not listed, and the shop is unknown.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    base = base_of(window, ask) if window else None
    sides = sides_of(frames, ask, window, base) if base else {}
    facts = drill_facts(sides, ask)
    elements = elements_of(sides, facts, ask)
    dimensions = dimensions_of(elements)
    lists = {"items": elements.filter(pl.col("rank") <= ask.params.top), "dimensions": dimensions}
    if base is None:
        return Answer(unknown_for_all(ask, *no_base(ask, missing, zh)), lists)
    first = dimensions.group_by("shop", maintain_order=True).first()
    return Answer(_drill_verdicts(facts.join(first, on="shop", how="left"), ask, sides), lists)


def _drill_verdicts(facts: pl.DataFrame, ask: Ask, sides: dict[str, tuple[Sales, Sales]]) -> pl.DataFrame:
    dimension = pl.col("dimension").replace_strict(DIMENSIONS, default=None, return_dtype=pl.String)
    title, power, money = pl.col("first_title"), percent(pl.col("first_power")), yuan(pl.col("first_gap_fen"))
    none, nothing = pl.col("first_power").is_null(), pl.col("dimension").is_null()
    change = yuan(pl.col("gap_fen"))
    return verdicts(
        ask,
        facts,
        zh=pl.when(none)
        .then(pl.format("差{}元，没有单个元素能解释", change))
        .otherwise(pl.format("差{}元，最意外的维度是{}：{}占{}元（{}）", change, dimension, title, money, power)),
        en=pl.when(none)
        .then(pl.format("gap {} yuan, no single element explains it", change))
        .otherwise(pl.format("gap {} yuan, most surprising by {}: {} with {} yuan ({})", change, pl.col("dimension"), title, money, power)),
        lacks=[
            *(lack for name, pair in sides.items() for lack in drill_lacks(name, *pair)),
            Lack(
                pl.all_horizontal(pl.col(f"{name}_whole") for name in sides) & pl.col("gap_fen").is_null(),
                pl.when(nothing).then(pl.lit("no GMV on either side")).otherwise(pl.lit("no GMV before the window to spread the target by")),
                pl.when(nothing).then(pl.lit("两期都没有销售额")).otherwise(pl.lit("对比期没有销售额，目标无法拆分")),
            ),
        ],
    )


# --- review.channels -----------------------------------------------------------------------------------------------


class Channels(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time, widened to whole days.
    `before`: as of review.drill.
    """

    since: str = "day"
    until: str | None = None
    before: str | None = None


@automation(
    "review.channels",
    zh="渠道ROI排名",
    en="Rank the advertising channels by ROI, with shifts of mix and of rate",
    reads=("ad_days",),
    serves=("V2", "V6"),
    params=Channels,
)
def channels(frames: Frames, ask: Ask) -> Answer:
    """Channels (the advertising tools) by ROI = claimed amount / spend, sums divided once; without spend there is none and it stands last.

    ROI is the platform's number (a ROAS, before refunds). Against the span before, the change of the whole ROI is the sum of
    `mix_effect` = (share1 - share0) roi0 of the spend moved and `rate_effect` = share1 (roi1 - roi0), so that a shift of budget
    does not pass for a better channel. A channel of one side only is all mix. A row for the whole (`*`) is taken in place of
    the rows it sums up, never with them. `open`: the days after the click for which deals are claimed have not passed yet:
    the ROI may still rise; where the file does not say how many, `open` is null. Every day of both spans must have a row.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    base = base_of(window, ask) if window else None
    if base is None:
        return Answer(unknown_for_all(ask, *no_base(ask, missing, zh)), {"items": roi_shifts(no_spend(), no_spend(), ask, today(ask))})
    spans = day_spans(window, base, ask)
    now, before = ad_spend(frames, ask, spans)
    items = roi_shifts(now.filter(pl.col("blank") == 0), before.filter(pl.col("blank") == 0), ask, spans[0].last)
    return Answer(_channel_verdicts(roi_facts(now, before, items, ask, spans[0].last), ask, spans), {"items": items})


def _channel_verdicts(facts: pl.DataFrame, ask: Ask, spans: tuple[DayWindow, DayWindow]) -> pl.DataFrame:
    days, blank = (pl.col("days_now"), pl.col("days_before")), pl.col("blank_now") + pl.col("blank_before")
    wanted = tuple(span.days for span in spans)
    roi = (pl.col("deal_amount_fen") / pl.col("spend_fen")).round(2)
    shift = [pl.col(name).round(2) + 0.0 for name in ("mix_effect", "rate_effect")]
    numbers = (pl.col("best"), pl.col("best_roi").round(2), pl.col("worst"), pl.col("worst_roi").round(2), roi, *shift)
    open_zh = pl.when(pl.col("open").fill_null(True)).then(pl.lit("；转化周期未满，ROI还会变")).otherwise(pl.lit(""))
    open_en = pl.when(pl.col("open").fill_null(True)).then(pl.lit("; attribution is still open")).otherwise(pl.lit(""))
    complete = (days[0] >= wanted[0]) & (days[1] >= wanted[1])
    return verdicts(
        ask,
        facts,
        zh=pl.format("最高{}（ROI {}），最低{}（ROI {}）；整体{}，比前期：结构{}，渠道自身{}{}", *numbers, open_zh),
        en=pl.format("best {} (ROI {}), lowest {} (ROI {}); all {}, change by mix {} and by rate {}{}", *numbers, open_en),
        lacks=[
            Lack(
                ~complete,
                pl.format(f"ad_days: {{}} of {wanted[0]} days, before {{}} of {wanted[1]}", *days),
                pl.format(f"缺推广日报：窗口{{}}/{wanted[0]}天，对比期{{}}/{wanted[1]}天", *days),
            ),
            Lack(blank > 0, pl.format("ad_days: spend or amount unknown in {} rows", blank), pl.format("推广日报有{}行花费或成交金额不明", blank)),
            Lack(
                complete & (blank == 0) & ((pl.col("spend_now") == 0) | (pl.col("spend_before") == 0)),
                "ad_days: no spend in the window or before it, ROI is undefined",
                "窗口或对比期没有花费，ROI无法计算",
            ),
        ],
    )


# --- review.new_customers ------------------------------------------------------------------------------------------


class NewCustomers(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time. `history`: how far before the
    window orders must reach, for else everybody looks new. `max_masked`: with a larger share of orders that do not name
    their buyer the share is unknown.
    """

    since: str = "day"
    until: str | None = None
    history: Days = timedelta(days=90)
    max_masked: Percent = Decimal("0.05")


@automation(
    "review.new_customers",
    zh="新客占比",
    en="Share of new buyers",
    reads=("orders",),
    serves=("V2", "F1"),
    params=NewCustomers,
)
def new_customers(frames: Frames, ask: Ask) -> Answer:
    """Buyers of the window, new and returning, with orders and amounts; the share is of the buyers who are known.

    New: the first paid order known of the buyer lies in the window. A purchase refunded in full is none, but whoever bought and gave
    back before was here before. Amounts are net of refunds. Orders of masked buyers stand in a row of their own: how many people
    they are is unknown. Buyers are told apart by the platform's id within one shop, never by nick.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), {"items": buyer_groups(payments({}, ask), Window(ask.as_of, ask.as_of))})
    orders = payments(frames, ask).collect().lazy()  # read once, used twice
    items = buyer_groups(orders, window)
    facts = of_every_shop(ask, group_facts(orders, items)).with_columns(pl.col("new", "returning", "masked", "orders").fill_null(0))
    return Answer(_new_verdicts(facts, ask, window), {"items": items})


def _new_verdicts(facts: pl.DataFrame, ask: Ask, window: Window) -> pl.DataFrame:
    new, all_known, masked, orders = pl.col("new"), pl.col("new") + pl.col("returning"), pl.col("masked"), pl.col("orders")
    numbers = (new, all_known, percent(new / all_known), masked)
    wanted, days = instant(window.since - ask.params.history), ask.params.history.days
    short = orders.gt(0) & (pl.col("first_at") > wanted)
    first = pl.col("first_at").dt.convert_time_zone(ask.timezone.key).dt.date()
    return verdicts(
        ask,
        facts,
        zh=pl.format("新客{}/{}人，占{}；{}单买家不明", *numbers),
        en=pl.format("{} of {} buyers are new ({}); {} orders of unknown buyers", *numbers),
        lacks=[
            Lack(orders == 0, "orders: none paid in the window", "缺订单：窗口内没有已付款订单"),
            Lack(
                (orders > 0) & (~at_least(orders - masked, orders, 1 - ask.params.max_masked) | (all_known == 0)),
                pl.format("orders.buyer_id: masked in {} of {} orders", masked, orders),
                pl.format("{}/{}单的买家ID被隐藏，需导出含买家ID的订单", masked, orders),
            ),
            Lack(
                short,
                pl.format(f"orders: begin on {{}}, less than {days} days before the window", first),
                pl.format(f"订单从{{}}才开始，窗口前不足{days}天，无法区分新老客", first),
            ),
        ],
    )


# --- review.lost_sales ---------------------------------------------------------------------------------------------


class LostSales(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time. `baseline`: whole days before the
    window that show what an item sells in stock; `min_days`: of these and the window's, so many in stock are needed.
    `max_factor`: no correction is more. `stock_factor`: the factor that the stock had been ordered with; the next one is that times the correction.
    """

    since: str = "day"
    until: str | None = None
    baseline: Days = timedelta(days=28)
    min_days: int = 7
    max_factor: Annotated[Decimal, Field(ge=1)] = Decimal(2)
    stock_factor: Annotated[Decimal, Field(gt=0)] = Decimal("1.2")


@automation(
    "review.lost_sales",
    zh="断货损失",
    en="What stock-outs lost, and the stock factor learned from it",
    reads=("stock", "item_days", "order_lines", "hours"),
    serves=("V4", "G4"),
    params=LostSales,
)
def lost_sales(frames: Frames, ask: Ask) -> Answer:
    """Units, orders and fen lost while items were out of stock, their share, and the factor of the next stock.

    Lost = expected demand over the time out of stock: units per visitor on days in stock x visitors of the day x the share of
    the shop's visitors (hours) who came after the last piece was sold (the last paid order line of a day that ended empty).
    Observed demand is censored: days out of stock say nothing of it. share = lost / (sold + lost) in units;
    factor = 1 / (1 - share), at most `max_factor` (20 % lost: x 1.25; van Donselaar and Broekmeulen 2010); `next_factor` of `shops` = `stock_factor` x factor,
    to two decimals (1.2 x 1.25 = 1.5). What buyers took
    instead is not deducted, so it is an upper estimate. `sold_units` are those of the whole days touched. Items of which the time of the
    stock-out, the day's hours or the demand is not known are in `unknown_items` and make the shop unknown; the others' loss
    is said. Items nobody asks for lose nothing.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    lists, facts = losses(frames, ask, window)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), lists)
    return Answer(_lost_verdicts(facts, ask, whole_days(window, ask)), lists)


def _lost_verdicts(facts: pl.DataFrame, ask: Ask, span: DayWindow) -> pl.DataFrame:
    days = tuple(pl.col(name).fill_null(0) for name in ("stock_days", "report_days"))
    unknown, items, blank = (pl.col(name).fill_null(0) for name in ("unknown", "items", "blank"))
    lost = yuan(pl.col("lost_fen")).fill_null("?")
    loss = (items, pl.col("lost_units").cast(pl.String).fill_null("?"), pl.col("lost_orders").cast(pl.String).fill_null("?"), lost)
    numbers = (*loss, percent(pl.col("share")).fill_null("-"), pl.col("factor").round(3).cast(pl.String).fill_null("-"))
    short = (days[0] < span.days) | (days[1] < span.days)
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}款断货，损失约{}件、{}单、{}元，占需求{}；备货系数×{}", *numbers),
        en=pl.format("{} items out of stock, lost about {} units, {} orders, {} yuan: {} of demand; stock factor x {}", *numbers),
        lacks=[
            Lack(
                short,
                pl.format(f"stock: {{}} of {span.days} days, item_days: {{}} of {span.days} days", *days),
                pl.format(f"缺库存（{{}}/{span.days}天）或商品日报（{{}}/{span.days}天）", *days),
            ),
            Lack(blank > 0, pl.format("item_days: units unknown in {} rows", blank), pl.format("商品日报有{}行支付件数不明", blank)),
            Lack(
                ~short & (unknown > 0),
                pl.format("{} items out of stock: {} (the other {} lost {} yuan)", unknown, pl.col("reasons").fill_null("?"), items, lost),
                pl.format("{}款断货时间、小时数据或在售天数不明（其余{}款损失{}元）", unknown, items, lost),
            ),
        ],
    )


# --- review.iterate_items ------------------------------------------------------------------------------------------


class IterateItems(Params):
    """`window`: whole local days before as-of's date. `low`: an item converts badly when even the upper bound of its conversion is under
    this share of the shop's; `hits`: the smallest set of items that carries this share of GMV; `min_visitors`: under it
    nothing is said of an item; `grace`: items listed for fewer days are left alone.
    """

    window: Days = timedelta(days=30)
    low: Percent = Decimal("0.5")
    hits: Percent = Decimal("0.5")
    min_visitors: int = 100
    grace: Days = timedelta(days=30)


@automation(
    "review.iterate_items",
    zh="商品端迭代",
    en="Items to drop, and hits to derive new colours and sizes from",
    reads=("item_days", "items", "order_lines"),
    serves=("V5",),
    params=IterateItems,
)
def iterate_items(frames: Frames, ask: Ask) -> Answer:
    """`items`: those that convert badly, to be dropped; `hits`: those that sell most and convert no worse than the shop; `skus`: which colours and
    sizes of the hits sell.

    Conversion = paying buyers / visitors, sums divided once. Badly: Wilson's upper 95 % bound under `low` x the shop's conversion. A hit: in
    the smallest set that carries `hits` of GMV, lower bound at least half the shop's conversion. Left alone: items under the grace, booked for a
    campaign, off sale, or with fewer than `min_visitors`. No single number in public sources says what is low: both shares are choices.
    """
    span = days_before(ask, ask.params.window)
    rows = item_rows(frames, ask, span)
    lists = hit_lists(frames, ask, span, rows)
    facts = of_every_shop(ask, hit_facts(rows, lists)).with_columns(pl.col("days", "blank", "bad", "hits").fill_null(0))
    return Answer(_iterate_verdicts(facts, ask, span), lists)


def _iterate_verdicts(facts: pl.DataFrame, ask: Ask, span: DayWindow) -> pl.DataFrame:
    days, low = pl.col("days"), percent_text(ask.params.low)
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{span.days}天：{{}}款转化不足店铺{low}，建议淘汰；{{}}款爆款可衍生新色新码", pl.col("bad"), pl.col("hits")),
        en=pl.format(
            f"over {span.days} days: {{}} items convert under {low} of the shop's, drop them; {{}} hits to derive from", pl.col("bad"), pl.col("hits")
        ),
        lacks=[
            Lack(days < span.days, pl.format(f"item_days: {{}} of {span.days} days", days), pl.format(f"缺商品日报：{{}}/{span.days}天", days)),
            Lack(
                (days >= span.days) & (pl.col("blank") > 0),
                pl.format("item_days: figures unknown in {} rows", pl.col("blank")),
                pl.format("商品日报有{}行访客、买家或金额不明", pl.col("blank")),
            ),
        ],
    )


# --- review.experiments --------------------------------------------------------------------------------------------


class Experiments(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time. `control`: the script to compare with, the
    one most used unless told. `pay_within`: a payment so long after the inquiry counts; `min_inquiries`: of each script; `lift`: the claim
    that is tested, 30 % more conversion unless told.
    """

    since: str = "day - 30d"
    until: str | None = None
    control: str | None = None
    pay_within: Span = timedelta(hours=24)
    min_inquiries: int = 100
    lift: Percent = Decimal("0.3")


@automation(
    "review.experiments",
    zh="话术A/B",
    en="A/B of scripts by the conversion of inquiries",
    reads=("chats", "orders"),
    serves=("V3", "V6"),
    params=Experiments,
)
def experiments(frames: Frames, ask: Ask) -> Answer:
    """Scripts by inquiry -> pay, each against the control by the pooled two-proportion test; a lift is claimed only with one.

    An inquiry is a buyer's first conversation of the window in which an agent used exactly one script; it converts when the
    buyer pays within `pay_within`. Conversations too young to tell are left out. `significant`: |z| >= 1.96 (two-sided 95 %). `claim`:
    significant and conversion >= (1 + `lift`) x the control's. `design` says how the scripts were given out, an agent's local day taken
    as a shift: by shift, within shift (both in one), or by agent: then agents, not scripts, may have made the difference, and the
    shop is unknown. Without a second script there is no control, and no lift can be claimed.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    if window is None:
        nothing = script_arms(inquiries_of({}, ask, Window(ask.as_of - HOUR, ask.as_of)), ask)
        return Answer(unknown_for_all(ask, missing, zh), {"items": nothing})
    inquiries = inquiries_of(frames, ask, window)
    arms = script_arms(inquiries, ask)
    facts = of_every_shop(ask, script_facts(inquiries, arms, ask))
    return Answer(_experiment_verdicts(facts, ask), {"items": arms})


def _experiment_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    arms, least, needed, line = pl.col("arms").fill_null(0), pl.col("least").fill_null(0), ask.params.min_inquiries, percent_text(ask.params.lift)
    shares = (percent(pl.col(name)).fill_null("-") for name in ("conversion", "base_conversion", "lift"))
    numbers = (pl.col("script"), pl.col("base"), *shares, pl.col("z").round(2).cast(pl.String).fill_null("-"))
    several = (arms > 1) & pl.col("base").is_not_null()
    sure, claim = pl.col("significant"), pl.col("claim")
    choose = lambda flag, yes, no: pl.when(flag).then(pl.lit(yes)).otherwise(pl.lit(no))  # noqa: E731
    design = pl.col("design")
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"{{}}对{{}}：询单转化{{}}对{{}}，提升{{}}（z={{}}，{{}}）；{{}}；提升{line}的说法{{}}",
            *numbers,
            choose(sure, "显著", "不显著"),
            design.replace_strict(DESIGNS, default=None, return_dtype=pl.String),
            choose(claim, "成立", "不成立"),
        ),
        en=pl.format(
            f"{{}} against {{}}: inquiries convert {{}} against {{}}, lift {{}} (z {{}}, {{}}); scripts given out {{}}; a lift of {line} is {{}}",
            *numbers,
            choose(sure, "significant", "not significant"),
            design,
            choose(claim, "shown", "not shown"),
        ),
        lacks=[
            Lack(arms == 0, "chats: no conversation with a script, or none of a known buyer", "缺聊天记录：没有标明话术的会话，或买家全部不明"),
            Lack((arms > 0) & ~several, "chats: one script only, or the control was not used: no comparison group", "只有一种话术或对照话术未使用，没有对照组"),
            Lack(
                several & (least < needed),
                pl.format(f"chats: {{}} inquiries of the least used script, {needed} needed", least),
                pl.format(f"用得最少的话术只有{{}}次询单，需要{needed}次", least),
            ),
            Lack(several & design.is_null(), "chats.agent: who used the scripts is unknown, so is how they were given out", "聊天记录没有客服，无法判断话术如何分配"),
            Lack(
                several & (design == "by agent").fill_null(False),
                "agents were not randomised: each used one script only",
                "客服未随机：每位客服只用一种话术，差异可能来自客服本人",
            ),
        ],
    )


# --- review.weekly, review.monthly ---------------------------------------------------------------------------------

_REPORT_READS = ("item_days", "traffic_days", "ad_days")
_WATCH = pl.Schema(
    {"shop": pl.String, "rule_id": pl.String, "title": pl.String, "platform": pl.String, "effective_on": pl.Date, "published_at": INSTANT}
)


@automation(
    "review.weekly",
    zh="周报",
    en="Weekly report with findings",
    reads=_REPORT_READS,
    serves=("D5", "F1"),
    params=Thresholds,
)
def weekly(frames: Frames, ask: Ask) -> Answer:
    """The last week (Monday to Sunday) that is over, beside the week before: figures of the loop traffic - conversion - retention -
    repurchase, and what a rule fired on, with its number.

    `items`: the findings: impossible (more buyers than visitors), fell (visitors, conversion, GMV), refunds, source_fell, low_roi,
    low_cart (rework the detail page). `figures`: values of both weeks. A missing day makes the shop unknown: the period is
    incomplete, or its last day's report (T+1) is not there yet; what can be said is listed all the same.
    """
    monday = today(ask) - timedelta(days=today(ask).weekday())
    periods = Periods(DayWindow(monday - 7 * DAY, monday - DAY), DayWindow(monday - 14 * DAY, monday - 8 * DAY))
    found = findings(frames, ask, periods)
    return Answer(_report_verdicts(found, ask, periods, "周报", "week"), {"items": found.findings, "figures": found.figures})


class Monthly(Thresholds):
    __doc__ = f"{Thresholds.__doc__.rstrip()} `ahead`: rules of the platforms that take effect so soon are on the watch list.\n    "

    ahead: Days = timedelta(days=60)


@automation(
    "review.monthly",
    zh="月报",
    en="Monthly report with findings and the watch list of rules",
    reads=(*_REPORT_READS, "rules"),
    serves=("D5", "F1", "X1"),
    params=Monthly,
)
def monthly(frames: Frames, ask: Ask) -> Answer:
    """The last calendar month that is over beside the one before: as review.weekly. `watch`: rules of platforms and of law published in the month
    or since, and those that take effect within `ahead`: to be read by a person.
    """
    first = today(ask).replace(day=1)
    start = (first - DAY).replace(day=1)
    periods = Periods(DayWindow(start, first - DAY), DayWindow((start - DAY).replace(day=1), start - DAY))
    found = findings(frames, ask, periods)
    return Answer(
        _report_verdicts(found, ask, periods, "月报", "month"),
        {"items": found.findings, "figures": found.figures, "watch": _watch(frames, ask, start)},
    )


def _watch(frames: Frames, ask: Ask, start: date) -> pl.DataFrame:
    published = local_date("published_at", ask)
    soon = pl.col("effective_on").is_between(start, today(ask) + ask.params.ahead)
    fresh = published.is_between(start, today(ask))
    rules = known(frames, "rules", ask).filter((soon | fresh).fill_null(False)).select(*_WATCH)
    return rules.sort("shop", "effective_on", "rule_id", nulls_last=True).collect()


def _report_verdicts(found: Found, ask: Ask, periods: Periods, zh: str, en: str) -> pl.DataFrame:
    """The number of findings and the first of them."""
    span = f"{periods.now.first:%m-%d}–{periods.now.last:%m-%d}"
    said = found.findings.group_by("shop", maintain_order=True).agg(count=pl.len(), first_zh=pl.col("zh").first(), first_en=pl.col("en").first())
    gmv = found.figures.filter(pl.col("figure") == "gmv_fen").select("shop", gmv_fen=pl.col("value").cast(pl.Int64), change="change")
    facts = (
        of_every_shop(ask, found.cover).join(said, on="shop", how="left").join(gmv, on="shop", how="left").with_columns(pl.col("count").fill_null(0))
    )
    numbers = (yuan(pl.col("gmv_fen")), percent(pl.col("change")).fill_null("-"), pl.col("count"))
    first_zh, first_en = (
        pl.when(pl.col("count") == 0).then(pl.lit("")).otherwise(pl.format(f"{colon}{{}}", pl.col(name)))
        for colon, name in (("：", "first_zh"), (": ", "first_en"))
    )
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{zh}{span}：支付{{}}元（比上期{{}}），{{}}项发现{{}}", *numbers, first_zh),
        en=pl.format(f"{en} {span}: {{}} yuan ({{}} against before), {{}} findings{{}}", *numbers, first_en),
        lacks=period_lacks(periods, ask),
    )


# --- review.report -------------------------------------------------------------------------------------------------


class Report(Params):
    """`since`, `until` (the last midnight unless told): anchor, anchor +/- duration, or ISO time. `gmv_target` in yuan; `cut`: paid or net, as of
    review.gap.
    """

    since: str = "day"
    until: str | None = None
    gmv_target: Fen | None = None
    cut: Literal["paid", "net"] = "paid"


_SECTIONS = {step.name.split(".")[1]: step for step in (gap, drill, pareto, channels, new_customers, lost_sales)}


@automation(
    "review.report",
    zh="活动复盘汇总",
    en="Roll-up of a campaign's review",
    reads=("hours", "item_days", "order_lines", "orders", "refunds", "traffic_days", "ad_days", "stock"),
    serves=("V1", "V2", "V4", "F2"),
    params=Report,
)
def report(frames: Frames, ask: Ask) -> Answer:
    """`items`: what the steps gap, drill, pareto, channels, new_customers and lost_sales say of the window, one row each, unknown ones with what
    is missing. `next`: what the next plan should take over: the learned stock factor of each item that ran out.

    A shop is ok when every section is; else unknown, and the sections that are missing something are named.
    """
    answers = section_answers(_SECTIONS, frames, ask)
    items = section_rows(_SECTIONS, answers)
    every = len(_SECTIONS)
    done = pl.col("done").fill_null(0)
    told = verdicts(
        ask,
        of_every_shop(ask, section_facts(items)),
        zh=pl.format(f"{{}}/{every}项有结论；{{}}", done, pl.col("first_zh")),
        en=pl.format(f"{{}} of {every} sections concluded; {{}}", done, pl.col("first_en")),
        lacks=[
            Lack(
                done < every,
                pl.format(f"{{}} of {every} sections: {{}} unknown", done, pl.col("lacking")),
                pl.format(f"{{}}/{every}项有结论，未知：{{}}", done, pl.col("lacking_zh")),
            )
        ],
    )
    return Answer(told, {"items": items, "next": next_plan(answers["lost_sales"].lists["items"])})
