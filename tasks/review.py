"""Review: where the gap to the target came from, and which items carry the turnover."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator

from ecops.automation import OK, Answer, Ask, Automation, Fen, Frames, Params, Percent, automation
from ecops.formulae.attribution import lmdi_parts, mix_effect, rate_effect, shapley_parts, spread_whole, whole_parts
from ecops.formulae.bounds import Z95, two_shares_z, wilson_lower, wilson_upper
from ecops.formulae.pareto import smallest_set
from ecops.formulae.surprise import explanatory_power, surprise
from ecops.shop.kinds import ALL, INSTANT, KINDS
from tasks._ads import ad_rows, counted_once
from tasks._findings import Found, Periods, Thresholds
from tasks._findings import found as findings
from tasks._orders import buyer_is_known, effective_orders
from tasks._outages import Outages, outages
from tasks._rows import at_least, has_happened, instant, known, latest, local_date, newest, percent, percent_text, yuan
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._windows import DAY, HOUR, Days, DayWindow, Span, Window, days_before, last_midnight, resolve, today, window_of


def _inside(column: str, window: Window) -> pl.Expr:
    """Whether an instant lies in the half-open window."""
    return pl.col(column).is_between(instant(window.since), instant(window.until), closed="left")


# --- review.gap ----------------------------------------------------------------------------------------------------

FACTORS = ("visitors", "conversion", "aov")


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
    if window is None or ask.params.gmv_target is None:
        nothing = _no_totals().with_columns(**{name: pl.lit(None, dtype=pl.Int64) for name in _REFUNDED})
        lists = _gap_lists(_decomposed(nothing, _no_totals(), ask))
        return Answer(unknown_for_all(ask, missing or "gmv_target", zh or "没有给出GMV目标"), lists)
    actual, before = (_totals(frames, ask, span) for span in (window, window.before()))
    actual = actual.join(_refunded(frames, ask, window), on="shop", how="left")
    decomposed = _decomposed(actual, before, ask)
    facts = of_every_shop(ask, decomposed.join(_coverage(frames, ask, window), on="shop", how="full", coalesce=True))
    return Answer(_gap_verdicts(facts, ask, window), _gap_lists(decomposed))


_TOTALS = pl.Schema({"shop": pl.String, "basis": pl.String, "visitors": pl.Int64, "payers": pl.Int64, "gmv_fen": pl.Int64})


def _no_totals() -> pl.DataFrame:
    return _TOTALS.to_frame()


_REFUNDED = ("refund_fen", "paid_orders", "open_claims")


def _refunded(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Per shop, of the orders paid in the window: what has been refunded, how many orders, how many claims are open. None for the first cut."""
    orders = effective_orders(frames, ask).filter(pl.col("paid"), pl.lit(ask.params.cut == "net"), _inside("paid_at", window))
    sums = orders.group_by("shop").agg(refund_fen=pl.col("refund_fen").filter(pl.col("refunded")).sum(), paid_orders=pl.len().cast(pl.Int64))
    undecided = (pl.col("refund_status") == "open").fill_null(False) | (pl.col("closed_at") > instant(ask.as_of)).fill_null(False)
    claims = known(frames, "refunds", ask).filter(undecided).join(orders, on=["shop", "order_id"], how="semi")
    return sums.join(claims.group_by("shop").agg(open_claims=pl.len().cast(pl.Int64)), on="shop", how="left").collect()


def _totals(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Visitors, payers and GMV a shop, from the hours where they are complete, else from complete whole days."""
    hours = _complete_hours(frames, ask, window)
    days = _complete_days(frames, ask, window).join(hours, on="shop", how="anti")
    return pl.concat([hours, days]).sort("shop").collect()


def _complete_hours(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    figures = ("visitors", "pay_buyers", "pay_amount_fen")
    return (
        known(frames, "hours", ask)
        .filter(_inside("hour", window), *(pl.col(name).is_not_null() for name in figures))
        .group_by("shop")
        .agg(*(pl.col(name).sum() for name in figures), n=pl.col("hour").n_unique())
        .filter(pl.col("n") * HOUR == window.until - window.since)
        .select("shop", pl.lit("hours").alias("basis"), "visitors", payers="pay_buyers", gmv_fen="pay_amount_fen")
    )


def _complete_days(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    """Sums of the item reports; by units where any row of the shop has no buyers. Only for whole local days."""
    by_units = pl.col("pay_buyers").is_null().any()
    span = window.dates(ask)
    blank = pl.any_horizontal(pl.col("visitors", "pay_amount_fen").is_null().any())
    return (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(span.first, span.last), pl.lit(window.is_whole_days(ask)))
        .group_by("shop")
        .agg(
            pl.col("visitors").sum(),
            payers=pl.when(by_units).then(pl.col("pay_units").sum()).otherwise(pl.col("pay_buyers").sum()),
            gmv_fen=pl.col("pay_amount_fen").sum(),
            basis=pl.when(by_units).then(pl.lit("item_days by units")).otherwise(pl.lit("item_days")),
            lost=blank | (by_units & pl.col("pay_units").is_null().any()),
            n=pl.col("date").n_unique(),
        )
        .filter(pl.col("n") == span.days, ~pl.col("lost"))
        .select(*_TOTALS)
    )


def _decomposed(actual: pl.DataFrame, before: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop with actual figures: plan and actual of each factor, and the parts of both methods."""
    target = pl.lit(ask.params.gmv_target, dtype=pl.Int64)
    return (
        actual.join(
            before.select("shop", *(pl.col(name).alias(f"{name}_before") for name in ("visitors", "payers", "gmv_fen"))), on="shop", how="left"
        )
        .with_columns(target_fen=target, paid_gap_fen=pl.col("gmv_fen") - target, **_actual_factors())
        .with_columns(**_plan_factors(ask))
        .with_columns(plan_raw=pl.col("visitors_plan") * pl.col("conversion_plan") * pl.col("aov_plan") - pl.col("target_fen"))
        .with_columns(
            **_parts_by("lmdi", lmdi_parts), **_parts_by("shapley", shapley_parts), gap_fen=pl.col("paid_gap_fen") - pl.col("refund_fen").fill_null(0)
        )
    )


def _actual_factors() -> dict[str, pl.Expr]:
    return {
        "visitors_actual": pl.col("visitors").cast(pl.Float64),
        "conversion_actual": _share("payers", "visitors"),
        "aov_actual": _share("gmv_fen", "payers"),
    }


def _share(part: str, whole: str) -> pl.Expr:
    """part / whole; 0 of nothing is 0, so that Shapley goes through a factor that vanished; something of nothing is null."""
    return pl.when(pl.col(part) == 0).then(0.0).when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _plan_factors(ask: Ask) -> dict[str, pl.Expr]:
    """The plan's three figures: given ones, the first missing from the target, the others from the span before."""
    given = _given_plan(ask)
    absent = [name for name in FACTORS if name not in given]
    earlier = {"conversion": _share("payers_before", "visitors_before"), "aov": _share("gmv_fen_before", "payers_before")}
    plan = {name: pl.lit(given[name]) if name in given else earlier.get(name) for name in FACTORS}
    if absent:
        others = [plan[name] for name in FACTORS if name != absent[0]]
        product = others[0] * others[1]
        plan[absent[0]] = pl.when(product > 0).then(pl.col("target_fen") / product)
    said = [f"{absent[0]} from the target"] if absent else []
    said += [f"{name} from the span before" for name in absent[1:]]
    return {f"{name}_plan": plan[name].cast(pl.Float64) for name in FACTORS} | {"plan_source": pl.lit("; ".join(said) or "given")}


def _given_plan(ask: Ask) -> dict[str, float]:
    params = {"visitors": ask.params.plan_visitors, "conversion": ask.params.plan_conversion, "aov": ask.params.plan_aov}
    return {name: float(value) for name, value in params.items() if value is not None}


def _parts_by(name: str, method: Callable[..., list[pl.Expr]]) -> dict[str, pl.Expr]:
    """The three factors' parts and the plan's own, in whole fen that add to the gap before refunds; then the refunds'."""
    plan, actual = ([pl.col(f"{factor}_{side}") for factor in FACTORS] for side in ("plan", "actual"))
    parts = whole_parts([*method(plan, actual), pl.col("plan_raw")], pl.col("paid_gap_fen"))
    refunds = pl.when(parts[0].is_not_null()).then(-pl.col("refund_fen").fill_null(0))
    return {f"{part}_{name}_fen": fen for part, fen in zip((*FACTORS, "plan", "refunds"), (*parts, refunds), strict=True)}


_ZH = {"visitors": "流量", "conversion": "转化", "aov": "客单价", "plan": "计划不自洽", "refunds": "退款"}


def _gap_lists(decomposed: pl.DataFrame) -> dict[str, pl.DataFrame]:
    sure = decomposed.filter(pl.col("visitors_shapley_fen").is_not_null())
    parts = pl.concat([_part(sure, name) for name in _ZH]).filter(pl.col("part").is_in(FACTORS) | (pl.col("shapley_fen") != 0))
    order = pl.col("part").replace_strict({name: n for n, name in enumerate(_ZH)}, return_dtype=pl.Int8)
    shops = sure.select(
        "shop",
        "target_fen",
        actual_fen=pl.col("target_fen") + pl.col("gap_fen"),
        gap_fen="gap_fen",
        basis="basis",
        plan_source="plan_source",
        refund_fen="refund_fen",
    )
    return {"items": parts.sort("shop", order), "shops": shops}


def _part(sure: pl.DataFrame, name: str) -> pl.DataFrame:
    plan, actual = (pl.col(f"{name}_{side}") if name in FACTORS else pl.lit(None, dtype=pl.Float64) for side in ("plan", "actual"))
    money = pl.col(f"{name}_shapley_fen")
    return sure.select(
        "shop",
        part=pl.lit(name),
        zh=pl.lit(_ZH[name]),
        plan=plan,
        actual=actual,
        lmdi_fen=pl.col(f"{name}_lmdi_fen"),
        shapley_fen=money,
        share=pl.when(pl.col("gap_fen") != 0).then(money / pl.col("gap_fen")),
    )


def _coverage(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """How many hours and days of the window each shop has, for saying what is missing."""
    span = window.dates(ask)
    hours = (
        known(frames, "hours", ask)
        .filter(_inside("hour", window), pl.col("pay_amount_fen").is_not_null())
        .group_by("shop")
        .agg(hours=pl.col("hour").n_unique())
    )
    days = (
        known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last)).group_by("shop").agg(days=pl.col("date").n_unique())
    )
    return hours.join(days, on="shop", how="full", coalesce=True).collect()


def _gap_verdicts(facts: pl.DataFrame, ask: Ask, window: Window) -> pl.DataFrame:
    parts = [pl.col(f"{name}_shapley_fen") for name in FACTORS]
    hours, days = pl.col("hours").fill_null(0), pl.col("days").fill_null(0)
    wanted = (window.until - window.since) / HOUR
    actual = pl.col("target_fen") + pl.col("gap_fen")
    numbers = [yuan(figure) for figure in (pl.col("target_fen"), actual, pl.col("gap_fen"), *parts)]
    net = ask.params.cut == "net"
    refunds = [yuan(pl.col("refunds_shapley_fen"))] if net else []
    settled = (window.until + ask.params.returns).astimezone(ask.timezone)
    no_actual = pl.col("gmv_fen").is_null()
    odd = pl.any_horizontal(pl.col("conversion_actual", "aov_actual").is_null()) & ~no_actual
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"目标{{}}元，实际{{}}元，差{{}}元：流量{{}}，转化{{}}，客单价{{}}{'，退款{}' if net else ''}（{{}}）",
            *numbers,
            *refunds,
            pl.col("basis"),
        ),
        en=pl.format(
            f"target {{}}, actual {{}}, gap {{}} yuan: traffic {{}}, conversion {{}}, basket {{}}{', refunds {}' if net else ''} ({{}})",
            *numbers,
            *refunds,
            pl.col("basis"),
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
        return Answer(unknown_for_all(ask, missing, zh), {"items": _ranked(_NO_SALES.to_frame().lazy(), ask).collect()})
    sales = _sales(frames, ask, window)
    carrying = _ranked(sales.frame, ask).collect()
    facts = of_every_shop(ask, sales.facts(carrying))
    return Answer(_pareto_verdicts(facts, ask, sales), {"items": carrying})


_NO_SALES = pl.Schema({"shop": pl.String, "item_id": pl.String, "title": pl.String, "gmv_fen": pl.Int64, "basis": pl.String})


@dataclass(frozen=True)
class _Sales:
    """GMV by item, and per shop what it rests on: `covered` of `wanted` days, rows whose amount is unknown."""

    frame: pl.LazyFrame
    cover: pl.DataFrame
    wanted: int
    kind: str

    def facts(self, carrying: pl.DataFrame) -> pl.DataFrame:
        counts = carrying.group_by("shop").agg(carrying=pl.len(), reached=pl.col("cumulative_share").max())
        every = self.frame.group_by("shop").agg(items=pl.len(), gmv_fen=pl.col("gmv_fen").sum()).collect()
        return self.cover.join(every, on="shop", how="left").join(counts, on="shop", how="left")


def _sales(frames: Frames, ask: Ask, window: Window) -> _Sales:
    by_lines = ask.params.basis == "order_lines" or (ask.params.basis == "auto" and _begins_within_a_day(window, ask))
    return _sales_of_lines(frames, ask, window) if by_lines else _sales_of_days(frames, ask, window)


def _begins_within_a_day(window: Window, ask: Ask) -> bool:
    return not Window(window.since, window.since + DAY).is_whole_days(ask)


def _sales_of_days(frames: Frames, ask: Ask, window: Window) -> _Sales:
    over = Window(window.since, min(window.until, last_midnight(ask)))
    span = over.dates(ask)
    note = "item_days" if window.is_whole_days(ask) else "item_days, whole days"
    rows = known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    cover = rows.group_by("shop").agg(covered=pl.col("date").n_unique(), unknown=pl.col("pay_amount_fen").null_count()).collect()
    items = rows.group_by("shop", "item_id").agg(title=newest("title", by="date"), gmv_fen=pl.col("pay_amount_fen").sum())
    return _Sales(items.with_columns(basis=pl.lit(note)), cover, max(span.days, 1), "item_days")


def _sales_of_lines(frames: Frames, ask: Ask, window: Window) -> _Sales:
    rows = known(frames, "order_lines", ask).filter(_inside("paid_at", window), has_happened("paid_at", ask))
    cover = rows.group_by("shop").agg(covered=pl.lit(1), unknown=(pl.col("paid_fen").is_null() | pl.col("item_id").is_null()).sum()).collect()
    items = rows.group_by("shop", "item_id").agg(title=latest("title", by="paid_at"), gmv_fen=_once_paid().sum())
    return _Sales(items.with_columns(basis=pl.lit("order_lines")), cover, 1, "order_lines")


def _once_paid() -> pl.Expr:
    """What was paid before refunds: `paid_fen` is net of them."""
    return pl.col("paid_fen") + pl.col("refund_fen").fill_null(0)


def _ranked(items: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    return smallest_set(items, "shop", "item_id", "gmv_fen", ask.params.share).select(
        "shop",
        "item_id",
        "title",
        "rank",
        "gmv_fen",
        share=pl.col("gmv_fen") / pl.col("total"),
        cumulative_share=pl.col("running") / pl.col("total"),
        basis="basis",
    )


def _pareto_verdicts(facts: pl.DataFrame, ask: Ask, sales: _Sales) -> pl.DataFrame:
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
            Lack(
                (covered >= sales.wanted) & (pl.col("gmv_fen").fill_null(0) <= 0),
                f"{sales.kind}: no GMV in the window",
                "窗口内没有销售额",
            ),
        ],
    )


def _text(pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.format(pattern, value) if "{}" in pattern else pl.lit(pattern)


# --- review.drill --------------------------------------------------------------------------------------------------

# Adtributor (NSDI 2014): an element explains when it carries more than the first share of the change; elements are taken
# until they explain the second share of it.
_EACH_EXPLAINS, _ALL_EXPLAIN = 0.1, 0.67
DIMENSIONS = {"item": "商品", "channel": "渠道", "customer": "客群"}
GROUPS = {"new": "新客", "returning": "老客", "unknown": "身份不明"}


def _names(value: object) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else tuple(value)
    if not names or not set(names) <= set(DIMENSIONS):
        raise ValueError(f"must be some of {', '.join(DIMENSIONS)}")
    return names


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
    dimensions: Annotated[str, AfterValidator(lambda text: ",".join(_names(text)))] = "item,channel,customer"
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
    base = _base(window, ask) if window else None
    sides = {name: tuple(_OF[name](frames, ask, span) for span in (window, base)) for name in _names(ask.params.dimensions)} if base else {}
    facts = of_every_shop(
        ask, pl.concat([pl.DataFrame(schema={"shop": pl.String}), *(_told(name, *pair, ask) for name, pair in sides.items())], how="align_full")
    )
    elements = pl.concat(
        [
            _NO_ELEMENTS.to_frame(),
            *(_elements(name, *pair, ask).join(facts.filter(pl.col(f"{name}_whole")), on="shop", how="semi") for name, pair in sides.items()),
        ]
    )
    dimensions = _dimensions(elements)
    lists = {"items": elements.filter(pl.col("rank") <= ask.params.top), "dimensions": dimensions}
    if base is None:
        return Answer(unknown_for_all(ask, *_no_base(ask, missing, zh)), lists)
    first = dimensions.group_by("shop", maintain_order=True).first()
    return Answer(_drill_verdicts(facts.join(first, on="shop", how="left"), ask, sides), lists)


def _base(window: Window, ask: Ask) -> Window | None:
    """What the window is compared with; None when it would begin nowhere or end inside the window."""
    if ask.params.before is None:
        return window.before()
    begin = resolve(ask.params.before, ask)
    base = Window(begin, begin + (window.until - window.since)) if begin else None
    return base if base and base.until <= window.since else None


def _sales_of_channels(frames: Frames, ask: Ask, window: Window) -> _Sales:
    """By source: its own row where there is one, else the sum of its finer ones; `*` is what they leave of the shop's total."""
    span = _over(window, ask)
    rows = known(frames, "traffic_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    rows = rows.select("shop", "date", "source", fen="pay_amount_fen", finer=pl.col("source_detail") != ALL)
    cover = rows.group_by("shop").agg(covered=pl.col("date").n_unique(), unknown=pl.col("fen").null_count()).collect()
    daily = rows.group_by("shop", "date", "source").agg(
        own=pl.col("fen").filter(~pl.col("finer")).sum(), fen=pl.col("fen").sum(), finer=pl.col("finer").all()
    )
    sources = daily.group_by("shop", "source").agg(fen=pl.when("finer").then("fen").otherwise("own").sum())
    left = pl.when(pl.col("source") == ALL).then(2 * pl.col("fen") - pl.col("fen").sum().over("shop")).otherwise("fen")
    return _Sales(sources.select("shop", item_id="source", title="source", gmv_fen=left), cover, span.days, "traffic_days")


def _sales_of_customers(frames: Frames, ask: Ask, window: Window) -> _Sales:
    """New, returning and unknown buyers by what was paid, before refunds."""
    rows = _buyers_in(_paid_orders(frames, ask), window).collect().lazy()  # read once, used twice
    masked = (pl.col("group") == "unknown").sum()
    blind = ~at_least(pl.len() - masked, pl.len(), 1 - ask.params.max_masked)
    cover = rows.group_by("shop").agg(covered=pl.lit(1), unknown=pl.col("once_fen").null_count() + pl.when(blind).then(masked).otherwise(0)).collect()
    groups = rows.group_by("shop", item_id="group").agg(gmv_fen=pl.col("once_fen").sum())
    return _Sales(groups.with_columns(title=pl.col("item_id").replace_strict(GROUPS, return_dtype=pl.String)), cover, 1, "orders")


def _paid_orders(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The rows of `_payments` with `first_at` of the buyer."""
    orders = _payments(frames, ask)
    firsts = orders.drop_nulls("buyer_id").group_by("shop", "buyer_id").agg(first_at=pl.col("paid_at").min())
    return orders.join(firsts, on=["shop", "buyer_id"], how="left")


def _payments(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Paid orders: shop, buyer_id (null: masked), paid_at, `once_fen` (before refunds), amount_fen (net), fully_refunded."""
    buyer = pl.when(buyer_is_known()).then(pl.col("buyer_id").str.strip_chars())
    once = pl.col("paid_fen") + pl.col("refund_fen").fill_null(0)
    return effective_orders(frames, ask).filter(pl.col("paid")).select("shop", "paid_at", "amount_fen", "fully_refunded", buyer_id=buyer, once_fen=once)


def _buyers_in(orders: pl.LazyFrame, window: Window) -> pl.LazyFrame:
    """The orders of a window with their buyer's `group`: new when the first order known of the buyer lies inside it."""
    return orders.filter(_inside("paid_at", window)).with_columns(
        group=pl.when(pl.col("buyer_id").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("first_at") >= instant(window.since))
        .then(pl.lit("new"))
        .otherwise(pl.lit("returning"))
    )


_OF: dict[str, Callable[[Frames, Ask, Window], _Sales]] = {"item": _sales, "channel": _sales_of_channels, "customer": _sales_of_customers}
_NO_ELEMENTS = pl.Schema(
    {
        "shop": pl.String, "dimension": pl.String, "rank": pl.Int64, "element": pl.String, "title": pl.String, "expected_fen": pl.Int64,
        "actual_fen": pl.Int64, "gap_fen": pl.Int64, "power": pl.Float64, "surprise": pl.Float64, "explains": pl.Boolean,
    }
)  # fmt: skip


def _told(name: str, now: _Sales, base: _Sales, ask: Ask) -> pl.DataFrame:
    """Days (or 1 for orders) there are of both spans, rows that say no amount, and whether the dimension is `whole`."""
    sides = [
        side.cover.select(
            "shop", pl.col("covered").cast(pl.Int64).alias(f"{name}_{when}"), pl.col("unknown").cast(pl.Int64).alias(f"{name}_blank_{when}")
        )
        for side, when in ((now, "now"), (base, "base"))
    ]
    both = of_every_shop(ask, sides[0].join(sides[1], on="shop", how="full", coalesce=True)).with_columns(pl.exclude("shop").fill_null(0))
    blank = pl.col(f"{name}_blank_now") + pl.col(f"{name}_blank_base")
    there = (pl.col(f"{name}_now") >= now.wanted) & (pl.col(f"{name}_base") >= base.wanted)
    return both.with_columns(there.alias(f"{name}_there"), blank.alias(f"{name}_blank"), (there & (blank == 0)).alias(f"{name}_whole"))


def _elements(name: str, now: _Sales, base: _Sales, ask: Ask) -> pl.DataFrame:
    """One row an element of either span, the most surprising first."""
    sides = [
        side.frame.select("shop", "item_id", title.alias(f"title_{when}"), pl.col("gmv_fen").alias(f"{when}_fen"))
        for side, when, title in ((now, "now", pl.col("title")), (base, "base", pl.col("title")))
    ]
    rows = sides[0].join(sides[1], on=["shop", "item_id"], how="full", coalesce=True).rename({"item_id": "element"})
    rows = rows.with_columns(pl.col("now_fen", "base_fen").fill_null(0), dimension=pl.lit(name), title=pl.coalesce("title_now", "title_base"))
    rows = rows.with_columns(expected_fen=_expected(ask), actual_fen="now_fen").filter((pl.col("expected_fen") != 0) | (pl.col("actual_fen") != 0))
    expected, actual = pl.col("expected_fen"), pl.col("actual_fen")
    totals = [side.sum().over("shop") for side in (expected, actual)]
    shares = [pl.when(total > 0).then(side / total) for side, total in zip((expected, actual), totals, strict=True)]
    rows = rows.with_columns(gap_fen=actual - expected, power=explanatory_power(expected, actual, *totals), surprise=surprise(*shares))
    rows = rows.sort("shop", "surprise", pl.col("gap_fen").abs(), "element", descending=[False, True, True, False], nulls_last=True)
    return rows.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("shop"), explains=_explains()).select(*_NO_ELEMENTS).collect()


def _expected(ask: Ask) -> pl.Expr:
    if ask.params.gmv_target is None:
        return pl.col("base_fen")
    return spread_whole(pl.lit(ask.params.gmv_target), pl.col("base_fen").clip(0), "element", ["shop"])


def _explains() -> pl.Expr:
    """Of the elements in order of surprise: large enough, and what came before them had not yet explained enough."""
    large = (pl.col("power") > _EACH_EXPLAINS).fill_null(False)
    power = pl.when(large).then("power").otherwise(0.0)
    return large & (power.cum_sum().over("shop") - power < _ALL_EXPLAIN)


def _dimensions(elements: pl.DataFrame) -> pl.DataFrame:
    """One row a dimension, the most surprising first: its gap, the surprise of its explaining elements, and the first of them."""
    explains = pl.col("explains")
    return (
        elements.group_by("shop", "dimension", maintain_order=True)
        .agg(
            expected_fen=pl.col("expected_fen").sum(),
            actual_fen=pl.col("actual_fen").sum(),
            gap_fen=pl.col("gap_fen").sum(),
            surprise=pl.col("surprise").filter(explains).sum(),
            explained=pl.col("power").filter(explains).sum(),
            elements=explains.sum().cast(pl.Int64),
            **{f"first_{name}": pl.col(name).filter(explains).first() for name in ("title", "gap_fen", "power")},
        )
        .sort("shop", "surprise", "dimension", descending=[False, True, False])
    )


def _drill_verdicts(facts: pl.DataFrame, ask: Ask, sides: dict[str, tuple[_Sales, _Sales]]) -> pl.DataFrame:
    dimension = pl.col("dimension").replace_strict(DIMENSIONS, default=None, return_dtype=pl.String)
    title, power, money = pl.col("first_title"), percent(pl.col("first_power")), yuan(pl.col("first_gap_fen"))
    none = pl.col("first_power").is_null()
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
            *(lack for name, pair in sides.items() for lack in _drill_lacks(name, *pair)),
            Lack(
                pl.all_horizontal(pl.col(f"{name}_whole") for name in sides) & pl.col("gap_fen").is_null(),
                "no GMV on either side",
                "两期都没有销售额",
            ),
        ],
    )


def _drill_lacks(name: str, now: _Sales, base: _Sales) -> list[Lack]:
    have = (pl.col(f"{name}_now"), pl.col(f"{name}_base"))
    zh = KINDS[now.kind].zh
    days = now.kind in ("item_days", "traffic_days")
    short = (
        pl.format(f"{now.kind}: {{}} of {now.wanted} days, before {{}} of {base.wanted}", *have)
        if days
        else pl.lit(f"{now.kind}: none paid in the window or before it")
    )
    short_zh = (
        pl.format(f"缺{zh}：窗口{{}}/{now.wanted}天，对比期{{}}/{base.wanted}天", *have) if days else pl.lit(f"缺{zh}：窗口或对比期内没有已付款记录")
    )
    blank = pl.col(f"{name}_blank")
    what, what_zh = ("amount or buyer", "金额或买家") if name == "customer" else ("amount", "金额")
    return [
        Lack(~pl.col(f"{name}_there"), short, short_zh),
        Lack(
            pl.col(f"{name}_there") & (blank > 0),
            pl.format(f"{now.kind}: {what} unknown in {{}} rows", blank),
            pl.format(f"{zh}有{{}}行{what_zh}不明", blank),
        ),
    ]


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
    base = _base(window, ask) if window else None
    if base is None:
        return Answer(unknown_for_all(ask, *_no_base(ask, missing, zh)), {"items": _shifts(_no_spend(), _no_spend(), ask, today(ask))})
    spans = [_over(span, ask) for span in (window, base)]
    now, before = (_spent(frames, ask, span) for span in spans)
    items = _shifts(now.filter(pl.col("blank") == 0), before.filter(pl.col("blank") == 0), ask, spans[0].last)
    facts = [_cover_of_ads(side, when) for side, when in ((now, "now"), (before, "before"))]
    facts = of_every_shop(ask, facts[0].join(facts[1], on="shop", how="full", coalesce=True)).with_columns(pl.exclude("shop").fill_null(0))
    best = items.filter(pl.col("roi").is_not_null()).group_by("shop", maintain_order=True)
    facts = facts.join(
        best.agg(best=pl.col("channel").first(), best_roi=pl.col("roi").first(), worst=pl.col("channel").last(), worst_roi=pl.col("roi").last()),
        on="shop",
        how="left",
    )
    facts = facts.join(
        items.group_by("shop").agg(pl.col("mix_effect", "rate_effect", "spend_fen", "deal_amount_fen").sum(), open=pl.col("open").any()),
        on="shop",
        how="left",
    )
    return Answer(_channel_verdicts(facts, ask, spans), {"items": items})


def _no_base(ask: Ask, missing: str, zh: str) -> tuple[str, str]:
    return missing or f"before: no span of this length from {ask.params.before!r} on", zh or f"对比期“{ask.params.before}”无效"


def _over(window: Window, ask: Ask) -> DayWindow:
    """The whole local days a window touches, without today, which is not over; at least its first."""
    return Window(window.since, max(min(window.until, last_midnight(ask)), window.since + timedelta(microseconds=1))).dates(ask)


def _spent(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """Sums by channel of the rows that count; `blank`: rows without spend or amount, `days`: days of the shop with a row."""
    days = pl.col("date").n_unique().over("shop")
    blank = pl.any_horizontal(pl.col("spend_fen", "deal_amount_fen").is_null()).sum()
    return (
        counted_once(ad_rows(frames, ask, span))
        .with_columns(days=days.cast(pl.Int64))
        .group_by("shop", channel="tool")
        .agg(
            pl.col("spend_fen", "deal_amount_fen", "clicks", "deals").sum(),
            pl.col("days").first(),
            blank=blank.cast(pl.Int64),
            attribution_days=pl.col("attribution_days").max(),
        )
        .sort("shop", "channel")
    )


def _no_spend() -> pl.DataFrame:
    figures = ("spend_fen", "deal_amount_fen", "clicks", "deals", "days", "blank", "attribution_days")
    return pl.DataFrame(schema={"shop": pl.String, "channel": pl.String} | dict.fromkeys(figures, pl.Int64))


def _cover_of_ads(spent: pl.DataFrame, when: str) -> pl.DataFrame:
    return spent.group_by("shop").agg(
        pl.col("days").first().alias(f"days_{when}"), pl.col("blank").sum().alias(f"blank_{when}"), pl.col("spend_fen").sum().alias(f"spend_{when}")
    )


def _shifts(now: pl.DataFrame, before: pl.DataFrame, ask: Ask, last: date) -> pl.DataFrame:
    """One row a channel of either span, the best ROI first; shares and effects where both spans have spend."""
    figures = ("spend_fen", "deal_amount_fen")
    earlier = before.select("shop", "channel", *(pl.col(name).alias(f"{name}_before") for name in figures))
    both = now.join(earlier, on=["shop", "channel"], how="full", coalesce=True).with_columns(
        pl.col(name, f"{name}_before").fill_null(0) for name in figures
    )
    ratio = {
        when: pl.when(pl.col(f"spend_fen{when}") > 0).then(pl.col(f"deal_amount_fen{when}") / pl.col(f"spend_fen{when}")) for when in ("", "_before")
    }
    total = {when: pl.col(f"spend_fen{when}").sum().over("shop") for when in ratio}
    share = {when: pl.when((total[""] > 0) & (total["_before"] > 0)).then(pl.col(f"spend_fen{when}") / total[when]) for when in ratio}
    # a channel of one side only: its rate is the one it has, and all that it moves is mix
    rates = ratio["_before"].fill_null(ratio[""]), ratio[""].fill_null(ratio["_before"])
    return (
        both.with_columns(
            roi=ratio[""],
            roi_before=ratio["_before"],
            spend_share=share[""],
            spend_share_before=share["_before"],
            mix_effect=mix_effect(share["_before"], share[""], rates[0]),
            rate_effect=rate_effect(share[""], *rates),
            open=last + pl.duration(days=pl.col("attribution_days")) >= today(ask),
        )
        .sort("shop", "roi", "channel", descending=[False, True, False], nulls_last=True)
        .with_columns(rank=pl.when(pl.col("roi").is_not_null()).then(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("shop")))
        .select(
            "shop",
            "rank",
            "channel",
            "spend_fen",
            "deal_amount_fen",
            "roi",
            "clicks",
            "deals",
            "spend_share",
            "roi_before",
            "spend_share_before",
            "mix_effect",
            "rate_effect",
            "open",
        )
    )


def _channel_verdicts(facts: pl.DataFrame, ask: Ask, spans: list[DayWindow]) -> pl.DataFrame:
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
        return Answer(unknown_for_all(ask, missing, zh), {"items": _buyer_groups(_paid_orders({}, ask), Window(ask.as_of, ask.as_of))})
    orders = _paid_orders(frames, ask).collect().lazy()  # read once, used twice
    items = _buyer_groups(orders, window)
    facts = orders.group_by("shop").agg(first_at=pl.col("paid_at").min()).collect()
    counts = items.group_by("shop").agg(
        new=_of_group("new", "buyers"),
        returning=_of_group("returning", "buyers"),
        masked=_of_group("unknown", "orders"),
        orders=pl.col("orders").sum(),
    )
    facts = of_every_shop(ask, facts.join(counts, on="shop", how="left")).with_columns(pl.col("new", "returning", "masked", "orders").fill_null(0))
    return Answer(_new_verdicts(facts, ask, window), {"items": items})


def _of_group(group: str, column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("group") == group).sum()


def _buyer_groups(orders: pl.LazyFrame, window: Window) -> pl.DataFrame:
    known_buyers = pl.col("buyer_id").drop_nulls().n_unique()
    return (
        _buyers_in(orders, window)
        .filter(~pl.col("fully_refunded"))
        .group_by("shop", "group")
        .agg(
            buyers=known_buyers.cast(pl.Int64),
            orders=pl.len().cast(pl.Int64),
            amount_fen=pl.when(pl.col("amount_fen").is_not_null().all()).then(pl.col("amount_fen").sum()),
        )
        .with_columns(buyers=pl.when(pl.col("group") != "unknown").then("buyers"), zh=pl.col("group").replace_strict(GROUPS, return_dtype=pl.String))
        .with_columns(
            share=pl.col("buyers") / pl.col("buyers").sum().over("shop"), aov_fen=(pl.col("amount_fen") / pl.col("orders")).round(0).cast(pl.Int64)
        )
        .select("shop", "group", "zh", "buyers", "share", "orders", "amount_fen", "aov_fen")
        .sort("shop", pl.col("group").replace_strict({name: n for n, name in enumerate(GROUPS)}, return_dtype=pl.Int8))
        .collect()
    )


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
                (orders > 0) & ~at_least(orders - masked, orders, 1 - ask.params.max_masked),
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
    `max_factor`: the learned stock factor is never more.
    """

    since: str = "day"
    until: str | None = None
    baseline: Days = timedelta(days=28)
    min_days: int = 7
    max_factor: Decimal = Decimal(2)


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
    factor = 1 / (1 - share), at most `max_factor` (20 % lost: x 1.25; van Donselaar and Broekmeulen 2010). What buyers took
    instead is not deducted, so it is an upper estimate. `sold_units` are those of the whole days touched. Items of which the time of the
    stock-out, the day's hours or the demand is not known are in `unknown_items` and make the shop unknown; the others' loss
    is said. Items nobody asks for lose nothing.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    if window is None:
        never = Window(ask.as_of - HOUR, ask.as_of)
        lists, _ = _lost_lists(_outages({}, ask, never), _no_sold(), ask)
        return Answer(unknown_for_all(ask, missing, zh), lists)
    span = _over(window, ask)
    found = _outages(frames, ask, window)
    lists, facts = _lost_lists(found, _sold(frames, ask, span), ask)
    facts = of_every_shop(ask, found.cover).join(facts, on="shop", how="left")
    return Answer(_lost_verdicts(facts, ask, span), lists)


def _outages(frames: Frames, ask: Ask, window: Window) -> Outages:
    span = _over(window, ask)
    return outages(frames, ask, window, span, DayWindow(span.first - ask.params.baseline, span.last), ask.params.min_days)


def _no_sold() -> pl.DataFrame:
    return pl.DataFrame(schema={"shop": pl.String, "sold_units": pl.Int64, "blank": pl.Int64})


def _sold(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    rows = known(frames, "item_days", ask).filter(pl.col("date").is_between(span.first, span.last))
    return rows.group_by("shop").agg(sold_units=pl.col("pay_units").sum(), blank=pl.col("pay_units").null_count().cast(pl.Int64)).collect()


def _lost_lists(found: Outages, sold: pl.DataFrame, ask: Ask) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The lists, and one row a shop with the sums and how many items are unknown."""
    sure = pl.col("reason").is_null()
    items = found.items.with_columns(**_share_and_factor(pl.col("lost_micro"), pl.col("sold_units"), ask))
    order = {"by": ["shop", "lost_fen", "item_id"], "descending": [False, True, False], "nulls_last": True}
    sums = items.group_by("shop").agg(
        items=sure.sum().cast(pl.Int64),
        unknown=(~sure).sum().cast(pl.Int64),
        lost_micro=pl.col("lost_micro").sum(),
        lost_fen=pl.col("lost_fen").sum(),
        lost_orders=pl.when(pl.col("lost_orders").filter(sure).is_not_null().all()).then((pl.col("lost_orders").sum() * 100).round(0) / 100),
        reasons=pl.col("reason").drop_nulls().unique().sort().str.join("; "),
    )
    facts = sold.join(sums, on="shop", how="left").with_columns(pl.col("items", "unknown", "lost_micro", "lost_fen").fill_null(0))
    facts = facts.with_columns(lost_orders=pl.when(pl.col("items") == 0).then(0.0).otherwise("lost_orders"))
    facts = facts.with_columns(
        lost_units=(pl.col("lost_micro") / 1_000_000).round(2), **_share_and_factor(pl.col("lost_micro"), pl.col("sold_units"), ask)
    )
    shops = facts.filter(pl.col("unknown") == 0, pl.col("blank") == 0).sort("shop")
    columns = ("lost_units", "lost_orders", "lost_fen", "sold_units", "share", "factor")
    return {
        "items": items.filter(sure).sort(**order).drop("reason", "lost_micro"),
        "unknown_items": items.filter(~sure)
        .sort("shop", "item_id")
        .select("shop", "item_id", "title", "out_from", "sold_units", "days_in_stock", "reason"),
        "shops": shops.select("shop", pl.col("items").alias("items_out"), *columns),
    }, facts


def _share_and_factor(lost_micro: pl.Expr, sold: pl.Expr, ask: Ask) -> dict[str, pl.Expr]:
    """Of the units wanted those not sold, and by how much more there should have been."""
    wanted = sold * 1_000_000 + lost_micro
    share = pl.when(wanted > 0).then(lost_micro / wanted)
    cap = float(ask.params.max_factor)
    return {"share": share, "factor": pl.when(sold > 0).then((wanted / (sold * 1_000_000)).clip(1, cap)).when(lost_micro > 0).then(cap)}


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
    rows = (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(span.first, span.last))
        .select("shop", "item_id", "date", "title", "visitors", "pay_buyers", "pay_amount_fen")
    )
    rows = rows.collect().lazy()  # read once, used three times
    judged = _conversions(rows, ask).collect()
    bad = judged.filter(pl.col("visitors") >= ask.params.min_visitors, pl.col("upper") < pl.col("shop_conversion") * float(ask.params.low))
    catalogue = (
        known(frames, "items", ask).select("shop", "item_id", "listed_on", "on_sale", "campaign_booked").unique(["shop", "item_id"], keep="any")
    )
    kept = (pl.col("listed_on") > today(ask) - ask.params.grace) | pl.col("campaign_booked") | ~pl.col("on_sale")
    spared = catalogue.filter(kept.fill_null(False)).collect()
    bad = bad.join(spared, on=["shop", "item_id"], how="anti").sort("shop", "conversion", "item_id")
    carrying = smallest_set(judged.lazy(), "shop", "item_id", "gmv_fen", ask.params.hits).collect()
    hits = carrying.filter(pl.col("visitors") >= ask.params.min_visitors, pl.col("lower") >= pl.col("shop_conversion") / 2)
    bad, hits = (_with_titles(some, rows) for some in (bad, hits))
    columns = ("shop", "item_id", "title", "visitors", "pay_buyers", "conversion", "shop_conversion")
    lists = {
        "items": bad.select(*columns, "upper", "gmv_fen"),
        "hits": hits.select(*columns, "lower", "gmv_fen", share=pl.col("gmv_fen") / pl.col("total")),
        "skus": _skus(frames, ask, span, hits),
    }
    facts = (
        rows.group_by("shop")
        .agg(days=pl.col("date").n_unique(), blank=pl.any_horizontal(pl.col("visitors", "pay_buyers", "pay_amount_fen").is_null()).sum())
        .collect()
    )
    for name, some in (("bad", bad), ("hits", hits)):
        facts = facts.join(
            some.group_by("shop").agg(pl.len().alias(name), pl.col("shop_conversion").first().alias(f"{name}_of")), on="shop", how="left"
        )
    return Answer(_iterate_verdicts(of_every_shop(ask, facts).with_columns(pl.col("days", "blank", "bad", "hits").fill_null(0)), ask, span), lists)


def _conversions(rows: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """One row an item whose figures are known: sums, conversion with bounds, and the shop's conversion."""
    figures = ("visitors", "pay_buyers", "pay_amount_fen")
    items = rows.group_by("shop", "item_id").agg(
        *(pl.col(name).sum() for name in figures), *(pl.col(name).null_count().alias(f"no_{name}") for name in figures)
    )
    sure = items.filter(pl.sum_horizontal(f"no_{name}" for name in figures) == 0, pl.col("visitors") > 0, pl.col("pay_buyers") <= pl.col("visitors"))
    buyers, visitors = pl.col("pay_buyers"), pl.col("visitors")
    return sure.select(
        "shop",
        "item_id",
        "visitors",
        "pay_buyers",
        gmv_fen="pay_amount_fen",
        conversion=buyers / visitors,
        lower=wilson_lower(buyers, visitors),
        upper=wilson_upper(buyers, visitors),
        shop_conversion=buyers.sum().over("shop") / visitors.sum().over("shop"),
    )


def _with_titles(items: pl.DataFrame, rows: pl.LazyFrame) -> pl.DataFrame:
    """`items` with the newest title of each; only theirs are looked up."""
    theirs = rows.join(items.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi")
    titles = theirs.group_by("shop", "item_id").agg(title=newest("title", by="date"))
    return items.lazy().join(titles, on=["shop", "item_id"], how="left", maintain_order="left").collect()


def _skus(frames: Frames, ask: Ask, span: DayWindow, hits: pl.DataFrame) -> pl.DataFrame:
    midnight = last_midnight(ask)
    inside = _inside("paid_at", Window(midnight - (span.days * DAY), midnight))
    return (
        known(frames, "order_lines", ask)
        .filter(inside)
        .select("shop", "item_id", "sku_id", "sku", "paid_at", "units")
        .join(hits.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi")
        .filter(pl.col("sku_id").is_not_null() | pl.col("sku").is_not_null())
        .group_by("shop", "item_id", sku_id=pl.coalesce("sku_id", "sku"))
        .agg(sku=latest("sku", by="paid_at"), units=pl.col("units").sum())
        .with_columns(share=pl.col("units") / pl.col("units").sum().over("shop", "item_id"))
        .sort("shop", "item_id", "units", "sku_id", descending=[False, False, True, False])
        .collect()
    )


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

DESIGNS = {"by shift": "按班次分配", "within shift": "班次内混用", "by agent": "按客服分配，未随机"}


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
        nothing = _arms(_inquiries({}, ask, Window(ask.as_of - HOUR, ask.as_of)), ask)
        return Answer(unknown_for_all(ask, missing, zh), {"items": nothing})
    inquiries = _inquiries(frames, ask, window)
    arms = _arms(inquiries, ask)
    facts = of_every_shop(ask, _experiment_facts(inquiries, arms, ask))
    return Answer(_experiment_verdicts(facts, ask), {"items": arms})


def _inquiries(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """One row a buyer asked: the script, who used it, on which shift, and whether the buyer `paid`."""
    last = instant(min(window.until, ask.as_of - ask.params.pay_within))
    scripted = pl.col("script").is_not_null() & (pl.col("sender") == "agent")
    sessions = (
        known(frames, "chats", ask)
        .filter(_inside("at", window), buyer_is_known())
        .select("shop", "session_id", "message_id", "at", "sender", "agent", "script", buyer_id=pl.col("buyer_id").str.strip_chars())
        .with_columns(pl.when(scripted).then(name).alias(name) for name in ("script", "agent"))
        .group_by("shop", "session_id")
        .agg(pl.col("buyer_id", "script", "agent").min(), begun_at=pl.col("at").min(), other_script=pl.col("script").max())
        .filter(pl.col("script") == pl.col("other_script"), pl.col("begun_at") <= last)
        .drop("other_script")
        .sort("shop", "buyer_id", "begun_at", "session_id")
        .unique(["shop", "buyer_id"], keep="first", maintain_order=True)
    )
    paid = _payments(frames, ask).drop_nulls("buyer_id").select("shop", "buyer_id", "paid_at")
    in_time = pl.col("paid_at").is_between(pl.col("begun_at"), pl.col("begun_at") + ask.params.pay_within)
    payers = sessions.join(paid, on=["shop", "buyer_id"]).filter(in_time).select("shop", "session_id").unique().with_columns(paid=pl.lit(True))
    shift = local_date("begun_at", ask)
    return (
        sessions.join(payers, on=["shop", "session_id"], how="left")
        .select("shop", "script", "agent", shift=shift, paid=pl.col("paid").fill_null(False))
        .collect()
    )


def _arms(inquiries: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a script, the control first."""
    arms = inquiries.group_by("shop", "script").agg(inquiries=pl.len().cast(pl.Int64), paid=pl.col("paid").sum().cast(pl.Int64))
    wanted = pl.lit(ask.params.control, dtype=pl.String)
    ranked = arms.sort("shop", (pl.col("script") == wanted).fill_null(False), "inquiries", "script", descending=[False, True, True, False])
    control = pl.int_range(pl.len()).over("shop") == 0
    if ask.params.control is not None:
        control = control & (pl.col("script") == wanted)
    trials, paid = pl.col("inquiries"), pl.col("paid")
    ranked = ranked.with_columns(control=control).with_columns(
        base=trials.filter(pl.col("control")).first().over("shop"), base_paid=paid.filter(pl.col("control")).first().over("shop")
    )
    other = ~pl.col("control")
    z = two_shares_z(paid, trials, pl.col("base_paid"), pl.col("base"))
    enough = (trials >= ask.params.min_inquiries) & (pl.col("base") >= ask.params.min_inquiries)
    claim = at_least(paid * pl.col("base"), pl.col("base_paid") * trials, 1 + ask.params.lift)
    return (
        ranked.with_columns(conversion=paid / trials, lower=wilson_lower(paid, trials), upper=wilson_upper(paid, trials), z=pl.when(other).then(z))
        .with_columns(lift=pl.when(other & (pl.col("base_paid") > 0)).then(pl.col("conversion") / (pl.col("base_paid") / pl.col("base")) - 1))
        .with_columns(significant=pl.when(other & enough).then((pl.col("z").abs() >= Z95).fill_null(False)))
        .with_columns(claim=pl.when(other & enough).then(pl.col("significant") & (pl.col("z") > 0) & claim))
        .select("shop", "script", "control", "inquiries", "paid", "conversion", "lower", "upper", "lift", "z", "significant", "claim")
    )


def _experiment_facts(inquiries: pl.DataFrame, arms: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop: the control, its strongest challenger, how the scripts were given out, and the smallest arm."""
    shifts = inquiries.group_by("shop", "agent", "shift").agg(scripts=pl.col("script").n_unique())
    agents = inquiries.group_by("shop", "agent").agg(scripts=pl.col("script").n_unique())
    mixed = (
        shifts.group_by("shop")
        .agg(mixed=(pl.col("scripts") > 1).any())
        .join(agents.group_by("shop").agg(both=(pl.col("scripts") > 1).any()), on="shop")
    )
    design = pl.when(~pl.col("both")).then(pl.lit("by agent")).when("mixed").then(pl.lit("within shift")).otherwise(pl.lit("by shift"))
    control = arms.filter("control").select("shop", base="script", base_conversion="conversion")
    best = (
        arms.filter(~pl.col("control"))
        .sort("shop", "z", "script", descending=[False, True, False], nulls_last=True)
        .group_by("shop", maintain_order=True)
        .first()
    )
    sizes = arms.group_by("shop").agg(arms=pl.len(), least=pl.col("inquiries").min())
    return (
        sizes.join(control, on="shop", how="left")
        .join(best.drop("control"), on="shop", how="left")
        .join(mixed.select("shop", design=design), on="shop", how="left")
    )


def _experiment_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    arms, least, needed, line = pl.col("arms").fill_null(0), pl.col("least").fill_null(0), ask.params.min_inquiries, percent_text(ask.params.lift)
    numbers = (
        pl.col("script"),
        pl.col("base"),
        percent(pl.col("conversion")),
        percent(pl.col("base_conversion")),
        percent(pl.col("lift")),
        pl.col("z").round(2),
    )
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
            Lack(
                (arms > 0) & ~several,
                "chats: one script only, or the control was not used: no comparison group",
                "只有一种话术或对照话术未使用，没有对照组",
            ),
            Lack(
                several & (least < needed),
                pl.format(f"chats: {{}} inquiries of the least used script, {needed} needed", least),
                pl.format(f"用得最少的话术只有{{}}次询单，需要{needed}次", least),
            ),
            Lack(
                several & (design == "by agent"),
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
    return (
        known(frames, "rules", ask)
        .filter((soon | fresh).fill_null(False))
        .select(*_WATCH)
        .sort("shop", "effective_on", "rule_id", nulls_last=True)
        .collect()
    )


def _report_verdicts(found: Found, ask: Ask, periods: Periods, zh: str, en: str) -> pl.DataFrame:
    """The number of findings and the first of them."""
    span = f"{periods.now.first:%m-%d}–{periods.now.last:%m-%d}"
    said = found.findings.group_by("shop", maintain_order=True).agg(count=pl.len(), first_zh=pl.col("zh").first(), first_en=pl.col("en").first())
    gmv = found.figures.filter(pl.col("figure") == "gmv_fen").select("shop", gmv_fen=pl.col("value").cast(pl.Int64), change="change")
    facts = (
        of_every_shop(ask, found.cover).join(said, on="shop", how="left").join(gmv, on="shop", how="left").with_columns(pl.col("count").fill_null(0))
    )
    money = (yuan(pl.col("gmv_fen")), percent(pl.col("change")).fill_null("-"))
    none = pl.col("count") == 0
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"{zh}{span}：支付{{}}元（比上期{{}}），{{}}项发现{{}}",
            *money,
            pl.col("count"),
            pl.when(none).then(pl.lit("")).otherwise(pl.format("：{}", pl.col("first_zh"))),
        ),
        en=pl.format(
            f"{en} {span}: {{}} yuan ({{}} against before), {{}} findings{{}}",
            *money,
            pl.col("count"),
            pl.when(none).then(pl.lit("")).otherwise(pl.format(": {}", pl.col("first_en"))),
        ),
        lacks=[*_item_lacks(periods), *_kind_lacks("traffic", "traffic_days", periods, ask), *_kind_lacks("ads", "ad_days", periods, ask)],
    )


def _item_lacks(periods: Periods) -> list[Lack]:
    have, before = pl.col("item_days").fill_null(0), pl.col("item_days_before").fill_null(0)
    now, then = periods.now, periods.before
    late = ~pl.col("item_last").fill_null(False) & (have == now.days - 1)
    gmv = pl.col("gmv_fen").is_null() & (have == now.days)
    return [
        Lack(late, f"item_days: the report of {now.last} (T+1) is not there yet", f"{now.last}的商品日报（T+1）尚未到"),
        Lack(
            ~late & (have < now.days),
            pl.format(f"item_days: period incomplete, {{}} of {now.days} days", have),
            pl.format(f"周期不完整：商品日报{{}}/{now.days}天", have),
        ),
        Lack(
            before < then.days,
            pl.format(f"item_days: {{}} of {then.days} days of the period before", before),
            pl.format(f"上期商品日报{{}}/{then.days}天", before),
        ),
        Lack(gmv, "item_days: amount unknown in some rows", "商品日报部分行支付金额不明"),
    ]


def _kind_lacks(check: str, kind: str, periods: Periods, ask: Ask) -> list[Lack]:
    if not ask.params.asks(check):
        return []
    zh, days = KINDS[kind].zh, periods.now.days
    have = pl.col(kind).fill_null(0)
    lacks = [Lack(have < days, pl.format(f"{kind}: {{}} of {days} days", have), pl.format(f"缺{zh}：{{}}/{days}天", have))]
    if kind == "traffic_days":
        before = pl.col("traffic_days_before").fill_null(0)
        lacks.append(
            Lack(
                before < periods.before.days,
                pl.format(f"{kind}: {{}} of {periods.before.days} days of the period before", before),
                pl.format(f"上期{zh}{{}}/{periods.before.days}天", before),
            )
        )
    return lacks


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
    answers = {name: _section(step, frames, ask) for name, step in _SECTIONS.items()}
    order = {name: n for n, name in enumerate(_SECTIONS)}
    rows = [
        answer.verdicts.select(
            "shop",
            section=pl.lit(name),
            title=pl.lit(_SECTIONS[name].zh),
            status="status",
            zh="zh",
            en="en",
            missing=pl.col("missing").list.join("; "),
        )
        for name, answer in answers.items()
    ]
    items = pl.concat(rows).sort("shop", pl.col("section").replace_strict(order, return_dtype=pl.Int8))
    unknown = pl.col("status") != OK
    facts = items.group_by("shop").agg(
        done=(~unknown).sum(),
        lacking=pl.col("section").filter(unknown).str.join(", "),
        lacking_zh=pl.col("title").filter(unknown).str.join("、"),
        first_zh=pl.col("zh").first(),
        first_en=pl.col("en").first(),
    )
    every = len(_SECTIONS)
    done = pl.col("done").fill_null(0)
    told = verdicts(
        ask,
        of_every_shop(ask, facts),
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
    return Answer(told, {"items": items, "next": _next_plan(answers["lost_sales"].lists["items"])})


def _section(step: Automation, frames: Frames, ask: Ask) -> Answer:
    wanted = {field: value for field, value in ask.params if field in step.params.model_fields}
    # what is given in fen here is given in fen there: the parameters are copied, not read again
    return step.calculate(frames, replace(ask, params=step.params().model_copy(update=wanted)))


def _next_plan(lost: pl.DataFrame) -> pl.DataFrame:
    item = pl.coalesce("title", "item_id")
    factor = pl.col("factor").round(2)
    return lost.filter(pl.col("factor") > 1).select(
        "shop",
        "item_id",
        "title",
        what=pl.lit("stock_factor"),
        value="factor",
        zh=pl.format("{}：断货损失{}，下次备货×{}", item, percent(pl.col("share")), factor),
        en=pl.format("{}: {} of demand lost, stock x {} next time", item, percent(pl.col("share")), factor),
    )
