"""A period beside the one before it: its figures, and the rules that fire on them, each with the number that fired."""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from ecops.automation import Ask, Fen, Frames, Params, Percent
from ecops.shop.kinds import ALL, KINDS
from tasks._ads import ad_rows, counted_once
from tasks._rows import at_least, known, latest, newest, percent, percent_text, yuan
from tasks._verdicts import Lack
from tasks._windows import DayWindow

SUMS = ("visitors", "cart_users", "pay_buyers", "pay_units", "pay_amount_fen", "refund_amount_fen", "new_buyers", "old_buyers")
FINDINGS = pl.Schema(
    {
        "shop": pl.String,
        "rule": pl.String,
        "element": pl.String,
        "title": pl.String,
        "value": pl.Float64,
        "threshold": pl.Float64,
        "zh": pl.String,
        "en": pl.String,
    }
)
# Group of the traffic - conversion - retention - repurchase loop, figure, Chinese, text as money or share or count.
FIGURES = (
    ("traffic", "visitors", "访客数"), ("conversion", "cart_rate", "加购率"),
    ("conversion", "conversion", "支付转化率"), ("conversion", "gmv_fen", "支付金额"),
    ("conversion", "aov_fen", "客单价"), ("retention", "refund_share", "退款金额占比"), ("repurchase", "returning_share", "老买家占比"),
)  # fmt: skip


class Thresholds(Params):
    """When a rule fires (all of them choices). `min_cart_rate`: of an item's visitors, those who put it in the cart; under it the detail page
    is to be reworked. `fall`: visitors, conversion or GMV of the shop against the period before. `source_fall`: visitors of one source.
    `max_refund_share`: refunds of the period / paid. `min_roi`, `min_spend` (yuan): of an advertising plan. `min_visitors`: of an
    item, or of a source in the period before; under it nothing is said. `checks`: which data the report must have, of items, traffic, ads.
    """

    min_cart_rate: Percent = Decimal("0.05")
    fall: Percent = Decimal("0.2")
    source_fall: Percent = Decimal("0.3")
    max_refund_share: Percent = Decimal("0.1")
    min_roi: Decimal = Decimal(1)
    min_spend: Fen = 100_00
    min_visitors: int = 100
    checks: str = "items,traffic,ads"

    def asks(self, name: str) -> bool:
        """Whether `checks` names it."""
        return name in [part.strip() for part in self.checks.split(",")]


@dataclass(frozen=True)
class Periods:
    """A period of whole days and the one before it."""

    now: DayWindow
    before: DayWindow


@dataclass(frozen=True)
class Found:
    """`findings`, `figures`, and what data there is a shop (`cover`)."""

    findings: pl.DataFrame
    figures: pl.DataFrame
    cover: pl.DataFrame


def found(frames: Frames, ask: Ask, periods: Periods) -> Found:
    """The report of a period. Figures are sums over items and days, divided once: an item's visitors are not de-duplicated over items."""
    items = _item_sums(frames, ask, periods).collect()
    shops = _shop_sums(items)
    sources, source_days = _sources(frames, ask, periods)
    plans, ad_days = _plans(frames, ask, periods)
    days = known(frames, "item_days", ask).filter(_within(periods)).group_by("shop").agg(
        item_days=_days(periods.now), item_days_before=_days(periods.before), item_last=(pl.col("date") == periods.now.last).any()
    ).collect()  # fmt: skip
    cover = pl.concat([days, source_days, ad_days], how="align_full")
    rules = (
        _low_carts(items, frames, ask, periods),
        _falls(shops, ask),
        _refunds(shops, ask),
        _source_falls(sources, ask),
        _bad_plans(plans, ask),
        _impossible(items),
    )
    order = {name: n for n, name in enumerate(("impossible", "fell", "refunds", "source_fell", "low_roi", "low_cart"))}
    findings = pl.concat([FINDINGS.to_frame(), *(rule.select(*FINDINGS).cast(dict(FINDINGS)) for rule in rules)])
    rank = pl.col("rule").replace_strict(order, return_dtype=pl.Int8)
    return Found(findings.sort("shop", rank, "value", "element", nulls_last=True), _figures(shops), cover)


def _within(periods: Periods) -> pl.Expr:
    return pl.col("date").is_between(periods.before.first, periods.now.last)


def _days(span: DayWindow) -> pl.Expr:
    """How many days of the span there are; what lies outside it is one null."""
    inside = pl.when(pl.col("date").is_between(span.first, span.last)).then("date")
    return inside.n_unique().cast(pl.Int64) - (inside.null_count() > 0)


def _item_sums(frames: Frames, ask: Ask, periods: Periods) -> pl.LazyFrame:
    """Sums an item and period; null where any row of it does not say."""
    return (
        known(frames, "item_days", ask)
        .filter(_within(periods))
        .select("shop", "item_id", *SUMS, now=pl.col("date") >= periods.now.first)
        .group_by("shop", "item_id", "now")
        .agg(*(pl.col(name).sum() for name in SUMS), *(pl.col(name).null_count().alias(f"no_{name}") for name in SUMS))
        .with_columns(pl.when(pl.col(f"no_{name}") == 0).then(name).alias(name) for name in SUMS)
        .drop(f"no_{name}" for name in SUMS)
    )


def _shop_sums(items: pl.DataFrame) -> pl.DataFrame:
    """One row a shop with each sum now and before (`_before`); null where any item does not say."""
    sums = items.group_by("shop", "now").agg(*(pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum()).alias(name) for name in SUMS))
    now, before = (sums.filter(pl.col("now") == flag).drop("now") for flag in (True, False))
    return now.join(before, on="shop", how="left", suffix="_before").sort("shop")


def _ratio(part: str, *whole: str) -> pl.Expr:
    total = sum((pl.col(name) for name in whole[1:]), pl.col(whole[0]))
    return pl.when(total > 0).then(pl.col(part) / total)


def _figures(shops: pl.DataFrame) -> pl.DataFrame:
    """Long: shop, group, figure, zh, value, before, change (a share of before)."""

    def values(end: str) -> dict[str, pl.Expr]:
        names = {name: f"{name}{end}" for name in SUMS}
        return {
            "visitors": pl.col(names["visitors"]).cast(pl.Float64), "cart_rate": _ratio(names["cart_users"], names["visitors"]),
            "conversion": _ratio(names["pay_buyers"], names["visitors"]), "gmv_fen": pl.col(names["pay_amount_fen"]).cast(pl.Float64),
            "aov_fen": _ratio(names["pay_amount_fen"], names["pay_buyers"]).round(0),
            "refund_share": _ratio(names["refund_amount_fen"], names["pay_amount_fen"]),
            "returning_share": _ratio(names["old_buyers"], names["old_buyers"], names["new_buyers"]),
        }  # fmt: skip

    now, before = values(""), values("_before")
    parts = [
        shops.select("shop", group=pl.lit(group), figure=pl.lit(name), zh=pl.lit(zh), value=now[name], before=before[name])
        for group, name, zh in FIGURES
    ]
    order = {name: n for n, (_, name, _) in enumerate(FIGURES)}
    change = pl.when(pl.col("before") != 0).then(pl.col("value") / pl.col("before") - 1)
    return pl.concat(parts).with_columns(change=change).sort("shop", pl.col("figure").replace_strict(order, return_dtype=pl.Int8))


def _finding(
    rule: str, value: pl.Expr, threshold: object, zh: pl.Expr, en: pl.Expr, element: pl.Expr | str = "", title: pl.Expr | str = ""
) -> list[pl.Expr]:
    texts = {"element": element, "title": title}
    cells = {name: pl.lit(text) if isinstance(text, str) else text for name, text in texts.items()}
    return [
        pl.col("shop"),
        pl.lit(rule).alias("rule"),
        *(cell.alias(name) for name, cell in cells.items()),
        value.cast(pl.Float64).alias("value"),
        pl.lit(float(threshold)).alias("threshold"),
        zh.alias("zh"),
        en.alias("en"),
    ]


def _low_carts(items: pl.DataFrame, frames: Frames, ask: Ask, periods: Periods) -> pl.DataFrame:
    line, cut = ask.params.min_cart_rate, percent_text(ask.params.min_cart_rate)
    low = items.filter("now", pl.col("visitors") >= ask.params.min_visitors, ~at_least(pl.col("cart_users"), pl.col("visitors"), line))
    titles = (
        known(frames, "item_days", ask).filter(_within(periods)).select("shop", "item_id", "date", "title")
        .join(low.lazy().select("shop", "item_id"), on=["shop", "item_id"], how="semi")
        .group_by("shop", "item_id").agg(title=newest("title", by="date"))
    )  # fmt: skip
    low = low.lazy().join(titles, on=["shop", "item_id"], how="left").collect()
    rate, name = pl.col("cart_users") / pl.col("visitors"), pl.coalesce("title", "item_id")
    zh = pl.format(f"{{}}：{{}}访客加购率{{}}，低于{cut}，建议改详情页", name, pl.col("visitors"), percent(rate))
    en = pl.format(f"{{}}: {{}} visitors, cart rate {{}} is under {cut}; rework the detail page", name, pl.col("visitors"), percent(rate))
    return low.select(_finding("low_cart", rate, line, zh, en, pl.col("item_id"), pl.col("title")))


def _falls(shops: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Visitors, conversion and GMV that fell by `fall` or more: now <= (1 - fall) x before, in whole numbers."""
    kept, line = 1 - ask.params.fall, percent_text(ask.params.fall)
    visitors, before = pl.col("visitors"), pl.col("visitors_before")
    pairs = (
        ("visitors", "访客数", visitors, before),
        ("gmv", "支付金额", pl.col("pay_amount_fen"), pl.col("pay_amount_fen_before")),
        ("conversion", "支付转化率", pl.col("pay_buyers") * before, pl.col("pay_buyers_before") * visitors),
    )
    fell = []
    for name, label, now, then in pairs:
        change = now / then - 1
        zh = pl.format(f"{label}比上期{{}}，跌幅达到{line}", percent(change))
        en = pl.format(f"{name} {{}} against the period before, a fall of {line} or more", percent(change))
        rows = shops.filter(
            then > 0, before >= ask.params.min_visitors, at_least(kept.as_integer_ratio()[0] * then, now * kept.as_integer_ratio()[1], Decimal(1))
        )
        fell.append(rows.select(_finding("fell", change, -ask.params.fall, zh, en, name, label)))
    return pl.concat(fell)


def _refunds(shops: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    refund, paid, line = pl.col("refund_amount_fen"), pl.col("pay_amount_fen"), percent_text(ask.params.max_refund_share)
    rows = shops.filter(paid > 0, at_least(refund, paid, ask.params.max_refund_share))
    numbers = (yuan(refund), percent(refund / paid))
    zh = pl.format(f"退款{{}}元，占支付{{}}，达到{line}，查退款原因", *numbers)
    en = pl.format(f"refunds of {{}} yuan are {{}} of what was paid, {line} or more; look at the reasons", *numbers)
    return rows.select(_finding("refunds", refund / paid, ask.params.max_refund_share, zh, en))


def _sources(frames: Frames, ask: Ask, periods: Periods) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Visitors by source now and before (finer sources and the shop's own row left out), and the days there are."""
    rows = known(frames, "traffic_days", ask).filter(_within(periods), pl.lit(ask.params.asks("traffic")))
    days = rows.group_by("shop").agg(traffic_days=_days(periods.now), traffic_days_before=_days(periods.before))
    now = pl.col("date") >= periods.now.first
    sums = (
        rows.filter(pl.col("source_detail") == ALL, pl.col("source") != ALL, pl.col("visitors").is_not_null())
        .group_by("shop", "source")
        .agg(visitors=pl.when(now).then("visitors").sum(), visitors_before=pl.when(~now).then("visitors").sum())
    )
    both = pl.collect_all([sums, days])
    return both[0], both[1]


def _source_falls(sources: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    kept, line = 1 - ask.params.source_fall, percent_text(ask.params.source_fall)
    now, before = pl.col("visitors"), pl.col("visitors_before")
    numerator, denominator = kept.as_integer_ratio()
    rows = sources.filter(before >= ask.params.min_visitors, now * denominator <= before * numerator)
    change = now / before - 1
    numbers = (pl.col("source"), before, now, percent(change))
    zh = pl.format(f"{{}}访客从{{}}降到{{}}（{{}}），跌幅达到{line}", *numbers)
    en = pl.format(f"visitors from {{}} fell from {{}} to {{}} ({{}}), {line} or more", *numbers)
    return rows.select(_finding("source_fell", change, -ask.params.source_fall, zh, en, pl.col("source"), pl.col("source")))


def _plans(frames: Frames, ask: Ask, periods: Periods) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Spend and claimed amount by plan, and the days there are."""
    rows = counted_once(ad_rows(frames if ask.params.asks("ads") else {}, ask, periods.now))
    days = rows.group_by("shop").agg(ad_days=pl.col("date").n_unique().cast(pl.Int64))
    plans = rows.group_by("shop", "tool", "plan_id").agg(
        latest("plan", by="date"), pl.col("spend_fen", "deal_amount_fen").sum(), blank=pl.col("deal_amount_fen").null_count()
    )
    return plans, days


def _bad_plans(plans: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    spend, amount, line = pl.col("spend_fen"), pl.col("deal_amount_fen"), ask.params.min_roi
    rows = plans.filter(pl.col("blank") == 0, spend >= ask.params.min_spend, spend > 0, ~at_least(amount, spend, line))
    name, roi = pl.coalesce("plan", "plan_id"), (amount / spend).round(3)
    zh = pl.format(f"计划{{}}：花费{{}}元，ROI {{}}低于{line}", name, yuan(spend), roi)
    en = pl.format(f"plan {{}}: {{}} yuan spent, ROI {{}} is under {line}", name, yuan(spend), roi)
    return rows.select(_finding("low_roi", amount / spend, line, zh, en, pl.col("plan_id"), name))


def _impossible(items: pl.DataFrame) -> pl.DataFrame:
    """A funnel that grows: more buyers than visitors. The data are wrong, not the shop."""
    rows = items.filter("now", pl.col("pay_buyers") > pl.col("visitors"))
    numbers = (pl.col("item_id"), pl.col("pay_buyers"), pl.col("visitors"))
    zh = pl.format("商品{}的支付买家{}多于访客{}，数据有误", *numbers)
    en = pl.format("item {}: {} buyers of {} visitors; the data are wrong", *numbers)
    times = pl.when(pl.col("visitors") > 0).then(pl.col("pay_buyers") / pl.col("visitors"))  # of nobody there is no multiple, and infinity is no JSON
    return rows.select(_finding("impossible", times, 1, zh, en, pl.col("item_id")))


def period_lacks(periods: Periods, ask: Ask) -> list[Lack]:
    """What the data of a period and of the one before lack, over the cover of `found` and the figure `gmv_fen`."""
    return [*_item_lacks(periods), *_kind_lacks("traffic", "traffic_days", periods, ask), *_kind_lacks("ads", "ad_days", periods, ask)]


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
