"""Compliance: what a shop's pages say, the papers it must have, orders and refunds that are not what they seem, and how it is judged."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from ecops.automation import Answer, Ask, Frames, Params, Percent, automation
from tasks import _abuse, _brushing, _evidence, _papers, _reputation, _rules
from tasks._copy import coverage, is_blank, on_sale, scanned, skipped, to_change
from tasks._listed import DayList, Names, day_numbers, parts
from tasks._rows import at_least, duration_text, instant, known, percent, percent_text, yuan
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._windows import DAY, Days, Span, Window, last_midnight, resolve, window_of

# --- compliance.scan_copy ------------------------------------------------------------------------------------------


@automation(
    "compliance.scan_copy",
    zh="广告法用语扫描",
    en="Scan the texts of all items on sale for terms the advertising law forbids",
    reads=("items",),
    serves=("K2", "P6"),
)
def scan_copy(frames: Frames, ask: Ask) -> Answer:
    """Every title and detail text on sale through the scanner; coverage = items with both texts / items on sale.

    A page of images only (`detail_text` null or blank) is not scanned, so a shop that has one is never clean: unknown,
    unless a forbidden term elsewhere already blocks it. `items` holds the items to block or review with their hits, whose
    positions are those of their `field`; a hit that an exemption lets pass is told beside the others.
    """
    rows = scanned(on_sale(frames, ask))
    facts = of_every_shop(ask, coverage(rows)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_scan_verdicts(facts, ask), {"items": to_change(rows), "not_scanned": skipped(rows)})


def _scan_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    share = percent(pl.col("scanned") / pl.col("on_sale"))
    counts = (pl.col("scanned"), pl.col("on_sale"), share, pl.col("block"), pl.col("review"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("扫描{}/{}款（覆盖率{}）：{}款含禁用语，{}款待复核", *counts),
        en=pl.format("{} of {} items scanned ({}): {} blocked, {} to review", *counts),
        lacks=_scan_lacks(),
        decided=pl.col("block") > 0,
    )


def _scan_lacks() -> list[Lack]:
    """Nothing on sale, or not everything on sale scanned."""
    return [
        Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品"),
        Lack(
            pl.col("on_sale") > pl.col("scanned"),
            pl.format("items.detail_text: {} of {} items scanned, {} to review", pl.col("scanned"), pl.col("on_sale"), pl.col("review")),
            pl.format("只扫描了{}/{}款，其余只有图片；{}款待复核", pl.col("scanned"), pl.col("on_sale"), pl.col("review")),
        ),
    ]


# --- compliance.rule_sweep -----------------------------------------------------------------------------------------


class RuleSweep(Params):
    """`limit`: how long after its publication all pages must be clean of what a rule forbids; hours by the calendar, and exactly the limit is
    in time. `clock`: a rule published longer ago than this has no clock any more; its words stay forbidden.
    """

    limit: Span = timedelta(hours=24)
    clock: Span = timedelta(days=7)


@automation(
    "compliance.rule_sweep",
    zh="新规24小时排查",
    en="Sweep all pages on sale after a rule is published: coverage, hits, and the 24-hour clock",
    reads=("rules", "items"),
    serves=("P6", "P1", "P3"),
    params=RuleSweep,
)
def rule_sweep(frames: Frames, ask: Ask) -> Answer:
    """Every title and detail text on sale through the scanner and through the words that the platforms' rules forbid.

    A shop is clean when all that is on sale was scanned (100 %, a page of images only is not scanned) and nothing was found. `items`:
    what to replace, with field, place and suggestion. `rules`: the notices that hold, and of those published lately the clock: `state` is clean,
    open (`due_at` not over) or late. `bad_rules`: notices that say something impossible, with what: no day of effect, a day of effect before
    the publication, an unknown platform, the same notice again (it starts no clock of its own), versions that overlap, a predecessor
    nobody knows. They are applied all the same. `not_scanned`: items without one of the texts.
    """
    rules = _rules.register(frames, ask)
    rows = scanned(on_sale(frames, ask), _rules.forbidden(rules))
    counts = coverage(rows)
    clocks = _clocks(rules.filter("applies"), counts, ask)
    facts = counts.join(_clock_facts(rules, clocks), on="shop", how="full", coalesce=True)
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop", "due_at").fill_null(0))
    lists = {"items": to_change(rows), "rules": clocks, "bad_rules": _bad_rules(rules), "not_scanned": skipped(rows)}
    return Answer(_sweep_verdicts(facts, ask), lists)


def _clocks(rules: pl.DataFrame, counts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The rules that hold with `state` of their clock; null where none runs."""
    clean = (pl.col("on_sale") > 0) & (pl.col("on_sale") == pl.col("scanned")) & (pl.col("block") == 0) & (pl.col("review") == 0)
    state = (
        pl.when(~pl.col("running")).then(None)
        .when(clean.fill_null(False)).then(pl.lit("clean"))
        .when(pl.col("due_at") < instant(ask.as_of)).then(pl.lit("late"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip
    columns = ("shop", "rule_id", "platform", "title", "published_at", "effective_on", "terms", "due_at", "elapsed_seconds")
    return rules.join(counts, on="shop", how="left").select(*columns, state=state).sort("shop", "published_at", "rule_id", nulls_last=True)


def _clock_facts(rules: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    told = rules.group_by("shop").agg(
        rules=pl.len().cast(pl.Int64), undated=(pl.col("published_at").is_null() & pl.col("applies")).sum().cast(pl.Int64),
        bad=(pl.col("faults").list.len() > 0).sum().cast(pl.Int64),
    )  # fmt: skip
    waiting = pl.col("state").is_in(["open", "late"]).fill_null(False)
    sums = clocks.group_by("shop").agg(
        applied=pl.len().cast(pl.Int64), late=(pl.col("state") == "late").sum().cast(pl.Int64), open=(pl.col("state") == "open").sum().cast(pl.Int64),
        due_at=pl.col("due_at").filter(waiting).min(),
    )  # fmt: skip
    return told.join(sums, on="shop", how="left")


def _bad_rules(rules: pl.DataFrame) -> pl.DataFrame:
    bad = rules.filter(pl.col("faults").list.len() > 0)
    return bad.select("shop", "rule_id", "platform", "title", "published_at", "effective_on", "copy_of", "faults").sort("shop", "rule_id")


def _sweep_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    limit = duration_text(ask.params.limit)
    share = percent(pl.col("scanned") / pl.col("on_sale"))
    due = pl.col("due_at").dt.convert_time_zone(ask.timezone.key).dt.strftime("%m-%d %H:%M")
    clock = pl.when(pl.col("late") > 0).then(pl.format(f"{{}}条规则已超过{limit}", "late")).when(pl.col("open") > 0).then(pl.format("截止{}", due))
    clock_en = pl.when(pl.col("late") > 0).then(pl.format(f"{{}} rules over {limit}", "late")).when(pl.col("open") > 0).then(pl.format("due {}", due))
    counts = [pl.col(name) for name in ("applied", "scanned", "on_sale")]
    hits = (share, pl.col("block"), pl.col("review"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("按{}条规则扫描{}/{}款（覆盖率{}）：{}款须替换，{}款待复核；{}", *counts, *hits, clock.fill_null("没有未清的时限")),
        en=pl.format("{} rules, {} of {} items scanned ({}): {} to replace, {} to review; {}", *counts, *hits, clock_en.fill_null("no clock is open")),
        lacks=[
            Lack(pl.col("rules") == 0, "rules: none known", "没有规则公告（缺平台规则）"),
            Lack(
                pl.col("undated") > 0,
                pl.format("rules.published_at: unknown for {} rules, their clock cannot run", "undated"),
                pl.format("{}条规则没有发布时间，无法计时", "undated"),
            ),
            *_scan_lacks(),
        ],
        decided=pl.col("block") > 0,
    )


# --- compliance.homepage -------------------------------------------------------------------------------------------

BLOCKS = {"brand": ("品牌", "品牌故事"), "category": ("类目", "分类"), "trust": ("信任", "信任背书")}


class Homepage(Params):
    """`page`: which page is looked at. `blocks`: what it must have, separated by commas. `fresh`: a check longer ago than this says nothing any
    more; exactly so long ago it still does.
    """

    page: str = "首页"
    blocks: Names = "brand, category, trust"
    fresh: Span = timedelta(days=7)


@automation(
    "compliance.homepage",
    zh="首页三段检查",
    en="Check that the home page has its three blocks: brand story, category, trust endorsement",
    reads=("pages",),
    serves=("P5",),
    params=Homepage,
)
def homepage(frames: Frames, ask: Ask) -> Answer:
    """Each block must be there, say something and have working links, by a check of the last days.

    `items`: blocks that fail, state empty (no text but tags) or dead_link: a finding whatever else is unknown. `blocks`: all of them; a block
    that is missing in the table, checked too long ago or never, or of which text or links are not told, is unknown: never a pass.
    """
    blocks = _blocks(frames, ask)
    bad = blocks.filter(pl.col("state").is_in(["empty", "dead_link"]))
    unsure = pl.col("state").is_in(["missing", "stale", "not_told"])
    said = pl.format("{}: {}", "block", "state")
    facts = blocks.group_by("shop", maintain_order=True).agg(
        good=(pl.col("state") == "fine").sum(), asked=pl.len(), bad=pl.col("state").is_in(["empty", "dead_link"]).sum(),
        failing=said.filter(~unsure & (pl.col("state") != "fine")).str.join(", "), unsure=unsure.sum(), unknown=said.filter(unsure).str.join(", "),
    )  # fmt: skip
    return Answer(_homepage_verdicts(facts, ask), {"items": bad, "blocks": blocks})


def _blocks(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row a shop and wanted block: shop, page, block, state, text, link_works, checked_at."""
    names = {word: block for block, words in BLOCKS.items() for word in words}
    block = pl.col("block").str.strip_chars().str.to_lowercase().replace(names)
    checked = (pl.col("checked_at") <= instant(ask.as_of)).fill_null(True)
    there = (
        known(frames, "pages", ask)
        .filter(pl.col("page").str.strip_chars() == ask.params.page.strip(), checked)
        .select("shop", "text", "link_works", "checked_at", block=block, empty=pl.col("text").is_not_null() & is_blank("text"))
        .sort("shop", "block", "checked_at", "text", nulls_last=False)
        .unique(["shop", "block"], keep="last", maintain_order=True)
        .collect()
    )
    wanted = pl.DataFrame({"block": parts(ask.params.blocks)}, schema={"block": pl.String}).with_columns(place=pl.int_range(pl.len()))
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    rows = shops.join(wanted, how="cross").join(there.with_columns(there=pl.lit(True)), on=["shop", "block"], how="left")
    fresh = (pl.col("checked_at") >= instant(ask.as_of - ask.params.fresh)).fill_null(False)
    state = (
        pl.when(pl.col("there").is_null()).then(pl.lit("missing"))
        .when(~fresh).then(pl.lit("stale"))
        .when("empty").then(pl.lit("empty"))
        .when(~pl.col("link_works")).then(pl.lit("dead_link"))
        .when(pl.col("text").is_null() | pl.col("link_works").is_null()).then(pl.lit("not_told"))
        .otherwise(pl.lit("fine"))
    )  # fmt: skip
    return rows.sort("shop", "place").select("shop", pl.lit(ask.params.page).alias("page"), "block", state.alias("state"), "text", "link_works", "checked_at")


def _homepage_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    page, fresh = ask.params.page, duration_text(ask.params.fresh)
    failing = pl.when(pl.col("failing") != "").then(pl.format("；{}", "failing")).otherwise(pl.lit(""))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{page}{{}}/{{}}个板块合格{{}}", "good", "asked", failing),
        en=pl.format("{} of {} blocks are fine; {} fail, {} unknown", "good", "asked", "bad", "unsure"),
        lacks=[
            Lack(
                pl.col("unsure") > 0,
                pl.format(f"pages: {{}} (checked within {fresh})", "unknown"),
                pl.format(f"{page}板块缺失、没有写明或{fresh}内没有检查：{{}}", "unknown"),
            )
        ],
        decided=pl.col("bad") > 0,
    )


# --- compliance.documents ------------------------------------------------------------------------------------------


class Documents(Params):
    """`warn`: how long before their end papers are told, the day itself included. `sale_day`: the last day of sale the papers must outlast (an anchor,
    `day + 15d`, or a date); none: today. `holder`: the company the papers must be made out to; none: the one of the shop's licence.
    `required`: types of paper without which the register is not complete.
    """

    warn: DayList = "60d, 30d, 7d"
    sale_day: str | None = None
    holder: str | None = None
    required: Names = _papers.LICENCE


@automation(
    "compliance.documents",
    zh="资质证件有效期",
    en="The register of papers: what ends soon, and items to block because theirs expired or ends before the sale",
    reads=("documents", "items"),
    serves=("K1",),
    params=Documents,
)
def documents(frames: Frames, ask: Ask) -> Answer:
    """A paper is valid up to and with its last day; with `no_expiry` and no end it never ends.

    It is of an item, of a brand, or of the whole shop (neither told). Of each type for the same item or brand the one that proves most
    counts: a renewed paper takes the place of the old one. A paper proves nothing (`fault`) that ends before it starts, is for an item the shop does
    not have, names another brand than its item's, is made out to another company, or has not begun. `items`: items on sale to take off, for a
    person to approve: a paper of theirs, of their brand or of the shop expired, ends before the sale day, or proves nothing. `warnings`: papers that count
    and end within the days to warn (`warn`: the narrowest step reached). `brands`: brands on sale without any paper of the brand. `papers`: the
    register.
    """
    sale = resolve(ask.params.sale_day, ask) if ask.params.sale_day else None
    if ask.params.sale_day and sale is None:
        missing = f"sale_day: {ask.params.sale_day!r} is neither an anchor of the run nor a date"
        empty = _documents({}, ask, None)
        return Answer(unknown_for_all(ask, missing, f"“{ask.params.sale_day}”既不是本次运行的锚点也不是日期"), empty[1])
    facts, lists = _documents(frames, ask, sale and sale.astimezone(ask.timezone).date())
    return Answer(_document_verdicts(facts, ask), lists)


def _documents(frames: Frames, ask: Ask, sale: date | None) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    items, levels = _papers.items_on_sale(frames, ask), day_numbers(ask.params.warn)
    rows = _papers.papers(frames, ask, levels, sale)
    counting = _papers.newest(rows)
    covering = _papers.covered(items, counting)
    blocked, brands = _papers.to_block(covering), _papers.brands_without(items, rows)
    columns = ("shop", "document_id", "document_type", "title", "item_id", "brand", "holder", "issued_on", "expires_on", "days_left")
    warnings = counting.filter(pl.col("warn").is_not_null()).select(*columns, "warn").sort("shop", "days_left", "document_id")
    lists = {
        "items": blocked, "warnings": warnings, "brands": brands,
        "papers": rows.select(*columns, "scope", "state", "fault", "warn"),
    }  # fmt: skip
    return _document_facts(ask, items, rows, counting, lists), lists


def _document_facts(ask: Ask, items: pl.DataFrame, rows: pl.DataFrame, counting: pl.DataFrame, lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    wanted = parts(ask.params.required)
    lacking = pl.concat_list(
        pl.when(~pl.col("document_type").str.contains(name, literal=True).any()).then(pl.lit(name)) for name in wanted
    ).list.drop_nulls()
    register = rows.group_by("shop").agg(
        papers=pl.len().cast(pl.Int64), faulty=pl.col("fault").is_not_null().sum().cast(pl.Int64), lacking=lacking.first(),
        licensed=pl.col("document_type").str.contains(_papers.LICENCE, literal=True).any(), owner=pl.col("owner").first(),
    )  # fmt: skip
    ends = counting.group_by("shop").agg(
        expired=(pl.col("state") == _papers.EXPIRED).sum().cast(pl.Int64), endless=(pl.col("state") == _papers.NO_END).sum().cast(pl.Int64)
    )
    sold = items.group_by("shop").agg(on_sale=pl.len().cast(pl.Int64))
    facts = of_every_shop(ask, register).join(ends, on="shop", how="left").join(sold, on="shop", how="left")
    for name, key in (("blocked", "items"), ("warned", "warnings"), ("unbranded", "brands")):
        facts = facts.join(lists[key].group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts.with_columns(pl.col("papers", "faulty", "expired", "endless", "on_sale", "blocked", "warned", "unbranded").fill_null(0))


def _document_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    first = day_numbers(ask.params.warn)[0]
    counts = [pl.col(name) for name in ("blocked", "on_sale", "expired", "warned", "unbranded", "faulty")]
    some = pl.col("papers") > 0
    lacking = pl.col("lacking").list.join("、")
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}/{{}}款在售商品应暂停：{{}}份证件已过期；{{}}份{first}天内到期，{{}}个品牌无授权，{{}}份证件无效", *counts),
        en=pl.format(
            f"{{}} of {{}} items to take off: {{}} papers expired; {{}} end within {first} days, {{}} brands without papers, {{}} prove nothing", *counts
        ),
        lacks=[
            Lack(~some, "documents: none", "没有登记证件（缺资质证件）"),
            Lack(some & (pl.col("lacking").list.len() > 0), pl.format("documents: no {}", lacking), pl.format("没有登记{}", lacking)),
            Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品"),
            Lack(
                pl.col("endless") > 0,
                pl.format("documents.expires_on: unknown for {} papers", "endless"),
                pl.format("{}份证件没有写明到期日", "endless"),
            ),
            Lack(
                some & pl.col("licensed").fill_null(False) & pl.col("owner").is_null(),
                "documents.holder: the licence names no single company, and none is given",
                "营业执照没有写明唯一主体，无法核对证件主体",
            ),
        ],
        decided=pl.col("blocked") > 0,
    )


# --- compliance.order_anomalies ------------------------------------------------------------------------------------


class OrderAnomalies(Params):
    """`window`: orders paid in the last days. `threshold`: points from which on an order is told (60 is what a group purchase to one office may reach).
    `crowd`: orders a bond needs before a rhythm means anything; `min_buyers`: buyers of one receiver or waybill. `seconds`: a payment so soon after
    the order is quick. `praise`: a praise so soon after delivery is instant. `repeats` orders of one buyer for one item `repeat_within` are too many.
    `trust_marks`: whether the shop agrees that G-/V- in its remarks marks brushed orders; then a mark decides, else it is only compared. `min_known`:
    share of orders that must name their buyer and their receiver.
    """

    window: Days = timedelta(days=30)
    threshold: int = 70
    crowd: int = 5
    min_buyers: int = 3
    seconds: Span = timedelta(seconds=10)
    praise: Span = timedelta(minutes=10)
    repeats: int = 3
    repeat_within: Span = timedelta(days=7)
    trust_marks: bool = False
    min_known: Percent = Decimal("0.9")


@automation(
    "compliance.order_anomalies",
    zh="异常订单（刷单）识别",
    en="Score orders that look brushed, with the reasons, for a person to decide",
    reads=("orders", "order_lines", "parcels", "reviews", "chats", "behaviours"),
    serves=("K3",),
    params=OrderAnomalies,
)
def order_anomalies(frames: Frames, ask: Ask) -> Answer:
    """Points for what orders have in common that buyers do not: each reason once an order, however many bonds show it.

    receiver 25 (one address or phone, several buyers), waybill 25, amounts 10, rhythm 30 (payments or gaps too regular for this shop), seconds 10 (paid at once
    without a look or a question; says nothing in a shop where half of the orders are), off_hours 10, praise 20, empty 25 (never moved and confirmed, or returned
    to its sender and not refunded), repeated 20. A group purchase of one item to one office in one parcel has 60: it is not told. Nothing is ever
    cancelled: `items` are cases (orders held together by a waybill, a receiver, a buyer or a wave) for a person to judge, `orders` what is in them,
    `reasons` how often each fired, `labels` the shop's own marks beside what was found.
    """
    frames = {**frames, "parcels": _brushing.parcels_of(frames, ask)}
    orders = _brushing.orders_of(frames, ask)
    bound = _brushing.bonds(orders, frames, ask)
    shown = _brushing.groups(bound, orders, _brushing.contacts_of(orders, frames, ask), ask)
    evidence = pl.concat([*_brushing.single_evidence(orders, frames, ask), *_brushing.crowd_evidence(bound, shown)])
    scored = _brushing.scored(orders, evidence)
    flagged = scored.filter(pl.col("score") >= ask.params.threshold)
    told = flagged.select("shop", "order_id", "buyer_id", "created_at", "paid_at", "total_fen", "item_id", "score", "reasons", "zh", "marked")
    cases = _brushing.cases(flagged, evidence)
    labels = _labels(orders, flagged)
    facts = _anomaly_facts(ask, orders, flagged, cases, labels, frames)
    lists = {"items": cases, "orders": told, "reasons": _reasons(evidence, flagged), "labels": labels}
    return Answer(_anomaly_verdicts(facts, ask), lists)


def _reasons(evidence: pl.DataFrame, flagged: pl.DataFrame) -> pl.DataFrame:
    """How many orders each reason fired on: shop, reason, orders, told (of them those over the threshold), zh, en."""
    fired = evidence.select("shop", "order_id", "reason").unique().join(
        flagged.select("shop", "order_id", told=pl.lit(1)), on=["shop", "order_id"], how="left"
    )
    words = {name: {code: getattr(one, name) for code, one in _brushing.REASONS.items()} for name in ("zh", "en")}
    texts = {name: pl.col("reason").replace_strict(told, return_dtype=pl.String) for name, told in words.items()}
    counts = fired.group_by("shop", "reason").agg(orders=pl.len().cast(pl.Int64), told=pl.col("told").count().cast(pl.Int64))
    return counts.with_columns(**texts).sort("shop", "told", "orders", "reason", descending=[False, True, True, False])


def _labels(orders: pl.DataFrame, flagged: pl.DataFrame) -> pl.DataFrame:
    """Where the shop marks orders: how many it marked, how many were told, how many are both."""
    rows = orders.join(flagged.select("shop", "order_id", told=pl.lit(True)), on=["shop", "order_id"], how="left")
    told = pl.col("told").fill_null(False)
    sums = rows.group_by("shop").agg(
        marked=pl.col("marked").sum().cast(pl.Int64), told=told.sum().cast(pl.Int64), both=(told & pl.col("marked")).sum().cast(pl.Int64)
    )
    return sums.filter(pl.col("marked") > 0).sort("shop")


def _anomaly_facts(ask: Ask, orders: pl.DataFrame, flagged: pl.DataFrame, cases: pl.DataFrame, labels: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    facts = orders.group_by("shop").agg(
        orders=pl.len().cast(pl.Int64), named=pl.col("named").sum().cast(pl.Int64), placed=pl.col("placed").sum().cast(pl.Int64)
    )
    found = flagged.group_by("shop").agg(told=pl.len().cast(pl.Int64), amount_fen=pl.col("total_fen").sum(), highest=pl.col("score").max())
    sent = known(frames, "parcels", ask).group_by("shop").agg(parcels=pl.len().cast(pl.Int64)).collect()
    counted = cases.group_by("shop").agg(cases=pl.len().cast(pl.Int64))
    for part in (found, sent, counted, labels.select("shop", "marked", "both")):
        facts = facts.join(part, on="shop", how="left")
    return of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))


def _anomaly_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, least = duration_text(ask.params.window), percent_text(ask.params.min_known)
    counts = [pl.col("orders"), pl.col("told"), pl.col("cases"), yuan(pl.col("amount_fen")), pl.col("highest")]
    least_score = ask.params.threshold
    marks = pl.when(pl.col("marked") > 0).then(pl.format("；商家标记{}单，其中命中{}单", "marked", "both")).otherwise(pl.lit(""))
    marks_en = pl.when(pl.col("marked") > 0).then(pl.format("; the shop marked {}, {} of them found", "marked", "both")).otherwise(pl.lit(""))
    some = pl.col("orders") > 0
    unknown_people = pl.max_horizontal(pl.col("orders") - pl.col("named"), pl.col("orders") - pl.col("placed"))
    known_enough = [at_least(pl.col(name), pl.col("orders"), ask.params.min_known) for name in ("named", "placed")]
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{days}{{}}单中{{}}单疑似刷单（{{}}组，{{}}元，最高{{}}分，阈值{least_score}），请人工判断{{}}", *counts, marks),
        en=pl.format(f"{{}} orders of {days}, {{}} look brushed ({{}} cases, {{}} yuan, highest {{}} points, threshold {least_score}){{}}", *counts, marks_en),
        lacks=[
            Lack(~some, f"orders: none paid within {days}", f"{days}内没有已付款订单（缺订单）"),
            Lack(
                some & ~pl.all_horizontal(known_enough),
                pl.format(f"orders.buyer_id, address_hash, phone_hash: unknown for {{}} of {{}} orders, {least} needed", unknown_people, "orders"),
                pl.format(f"{{}}/{{}}单的买家或收货信息未知，需要{least}", unknown_people, "orders"),
            ),
            Lack(some & (pl.col("parcels") == 0), "parcels: none", "没有快递数据，看不到共用单号和空包"),
        ],
        decided=pl.col("told") > 0,
    )


# --- compliance.refund_abuse ---------------------------------------------------------------------------------------


class RefundAbuse(Params):
    """`window`: orders paid in the last days. `threshold`: points from which on a buyer is told. `strength`: orders at the shop's own rate that every buyer is
    credited with before their own count (the prior of the beta-binomial). `high_rate` and `times_the_shop`: the shrunk rate is high from both on.
    `min_claims`: claims a habit needs. `min_accounts`: claiming accounts of one receiver that are judged as one. `promises`: days from delivery within
    which goods may go back (7, and the longer one of the shop: 15); `just_inside`: a claim in the last hours of such a promise is a late one.
    `min_known`: share of orders that must name their buyer.
    """

    window: Days = timedelta(days=180)
    threshold: int = 60
    strength: float = 5.0
    high_rate: Percent = Decimal("0.3")
    times_the_shop: float = 3.0
    min_claims: int = 3
    min_accounts: int = 3
    promises: DayList = "15d, 7d"
    just_inside: Span = timedelta(hours=24)
    min_known: Percent = Decimal("0.9")


@automation(
    "compliance.refund_abuse",
    zh="恶意退款识别",
    en="Score buyers whose refunds look like a habit, with the reasons, for a person to decide",
    reads=("orders", "refunds", "parcels"),
    serves=("K3", "C4"),
    params=RefundAbuse,
)
def refund_abuse(frames: Frames, ask: Ask) -> Answer:
    """Buyers who claim their money back far more often than the shop's buyers do, and how.

    rate = (claims + m k) / (orders + k) with the shop's own rate m and k = `strength` (mean of the beta-binomial posterior). Orders sent count; claims that
    were refused or withdrawn, exchanges, and claims for parcels that are known to have been damaged count neither for nor against; damage that is claimed and that
    nobody recorded is `unverified` and left out too. Points: rate 30, kept 25 (refund-only after delivery, three times or more), repeated 20 (the same reason three times;
    returns without a reason need none), edge 20 (half of the claims in the last hours of a promise), cluster 25 (several accounts of one receiver that keep the goods,
    judged as one). `items`: buyers over the threshold, for a person to judge; nothing is refused by itself. `watched`: those with a lower score.
    """
    orders = _abuse.orders_of(frames, ask)
    claims = _abuse.claims_of(orders, frames, ask)
    scored = _abuse.scored(_abuse.buyers_of(orders, claims, ask))
    told = scored.filter(pl.col("score") >= ask.params.threshold)
    watched = scored.filter(pl.col("score") < ask.params.threshold, pl.col("score") > 0)
    facts = orders.group_by("shop").agg(orders=pl.len().cast(pl.Int64), named=pl.col("buyer_id").count().cast(pl.Int64))
    claimed = claims.group_by("shop").agg(claims=pl.len().cast(pl.Int64), unverified=pl.col("unverified").sum().cast(pl.Int64))
    asked = known(frames, "refunds", ask).group_by("shop").agg(refunds=pl.len().cast(pl.Int64)).collect()
    found = told.group_by("shop").agg(told=pl.len().cast(pl.Int64), amount_fen=pl.col("amount_fen").sum(), highest=pl.col("score").max())
    for part in (claimed, asked, found):
        facts = facts.join(part, on="shop", how="left")
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_abuse_verdicts(facts, ask), {"items": told, "watched": watched})


def _abuse_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, least = duration_text(ask.params.window), percent_text(ask.params.min_known)
    rate = percent(pl.col("claims") / pl.col("orders"))
    counts = [pl.col("orders"), rate, pl.col("told"), yuan(pl.col("amount_fen")), pl.col("highest"), pl.col("unverified")]
    some = pl.col("orders") > 0
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"近{days}{{}}单退款率{{}}：{{}}个买家疑似恶意退款（{{}}元，最高{{}}分，阈值{ask.params.threshold}），请人工判断；{{}}单破损无记录", *counts
        ),
        en=pl.format(
            f"{{}} orders of {days}, {{}} claimed: {{}} buyers look abusive ({{}} yuan, highest {{}} points, threshold {ask.params.threshold}); "
            "{} claims of damage unverified", *counts,
        ),
        lacks=[
            Lack(~some, f"orders: none paid and sent within {days}", f"{days}内没有已付款发货的订单（缺订单）"),
            Lack(some & (pl.col("refunds") == 0), "refunds: none", "没有退款数据（缺退款）"),
            Lack(
                some & ~at_least(pl.col("named"), pl.col("orders"), ask.params.min_known),
                pl.format(f"orders.buyer_id: {{}} of {{}} orders name their buyer, {least} needed", "named", "orders"),
                pl.format(f"只有{{}}/{{}}单有买家身份，需要{least}", "named", "orders"),
            ),
        ],
        decided=pl.col("told") > 0,
    )


# --- compliance.evidence_pack --------------------------------------------------------------------------------------


class EvidencePack(Params):
    """`orders`, `items`: what the platform asks about, numbers separated by commas. `since`, `until`: the period (anchor, anchor +/- duration, or ISO time;
    `until` the last midnight unless told) for items, or for everything when neither is named; the last `days` days when no `since` is given.
    `answer_by`: until when the platform wants its answer.
    """

    orders: str | None = None
    items: str | None = None
    since: str | None = None
    until: str | None = None
    days: Days = timedelta(days=7)
    answer_by: str | None = None


_PACKED = ("order_lines", "refunds", "parcels", "reviews")


@automation(
    "compliance.evidence_pack",
    zh="稽查证据包",
    en="Put together what the shop can show an inspection about orders, items or a period, and say the gaps",
    reads=("orders", "order_lines", "refunds", "parcels", "reviews", "items", "documents"),
    serves=("K4",),
    params=EvidencePack,
)
def evidence_pack(frames: Frames, ask: Ask) -> Answer:
    """`facts`: what was known by as-of about each order or item asked for, in order of time, with the file, sheet and line each fact came from.

    `items`: the gaps, for people to close or to explain: an order or item that is not there, no lines, no buyer, no parcel or no scan of one sent three days ago, a
    refund without its record, a page without text, an item without papers, a day of the period without any order. A pack with gaps is unknown: what is
    missing is said, never papered over.
    """
    window, missing, zh = _pack_window(ask)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), _packed({}, ask, Window(ask.as_of - DAY, ask.as_of))[1])
    facts, lists = _packed(frames, ask, window)
    return Answer(_pack_verdicts(facts, ask), lists)


def _pack_window(ask: Ask) -> tuple[Window | None, str, str]:
    if ask.params.answer_by and resolve(ask.params.answer_by, ask) is None:
        return None, f"answer_by: {ask.params.answer_by!r} is neither an anchor of the run nor a date", f"答复期限“{ask.params.answer_by}”无法识别"
    if ask.params.since is None:
        until = resolve(ask.params.until, ask) if ask.params.until else last_midnight(ask)
        since = (until or ask.as_of) - ask.params.days
        return window_of(since.isoformat(), ask.params.until, ask)
    return window_of(ask.params.since, ask.params.until, ask)


def _packed(frames: Frames, ask: Ask, window: Window) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    orders, items = _evidence.asked_orders(frames, ask, window), _evidence.asked_items(frames, ask)
    rows = {kind: _evidence.of_orders(frames, ask, kind, orders) for kind in _PACKED}
    shown = _evidence.facts(frames, ask, orders, items, rows)
    gaps = _evidence.gaps(frames, ask, orders, items, rows, window)
    kinds = gaps.group_by("shop", "gap", maintain_order=True).agg(n=pl.len())
    told = kinds.group_by("shop", maintain_order=True).agg(
        gaps=pl.col("n").sum().cast(pl.Int64), missing=pl.format("{} x{}", "gap", "n").str.join(", "),
        zh_gaps=pl.format("{}×{}", pl.col("gap").replace_strict(_evidence.GAPS, return_dtype=pl.String), "n").str.join("，"),
    )  # fmt: skip
    counts = {"orders": orders, "named_items": items, "facts": shown}
    facts = of_every_shop(ask, told.rename({"missing": "gap_kinds"}))
    for name, frame in counts.items():
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts.with_columns(pl.col("gaps", *counts).fill_null(0)), {"items": gaps, "facts": shown}


def _pack_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = [pl.col(name) for name in ("orders", "named_items", "facts")]
    limit = resolve(ask.params.answer_by, ask) if ask.params.answer_by else None
    until = limit.astimezone(ask.timezone).strftime("%m-%d %H:%M") if limit else None
    over = limit is not None and limit < ask.as_of
    by, by_en = (f"，答复期限{until}{'已过' if over else ''}", f", answer by {until}{' (over)' if over else ''}") if until else ("", "")
    nothing = pl.col("facts") == 0
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}个订单、{{}}个商品共{{}}条证据，没有缺口{by}", *counts),
        en=pl.format(f"{{}} orders and {{}} items, {{}} facts, no gaps{by_en}", *counts),
        lacks=[
            Lack(nothing, "orders, items: nothing of what is asked for", "没有所问订单或商品的任何数据"),
            Lack(
                ~nothing & (pl.col("gaps") > 0),
                pl.format(f"{{}} gaps beside {{}} facts: {{}}{by_en}", "gaps", "facts", "gap_kinds"),
                pl.format(f"{{}}条证据，{{}}处缺口：{{}}{by}", "facts", "gaps", "zh_gaps"),
            ),
        ],
    )


# --- compliance.reputation -----------------------------------------------------------------------------------------


class Reputation(Params):
    """`window`: how far back scores, posts and reviews are read; `recent`: the last days whose reviews are compared with those before. `fall`: points under its
    own past from which on a score is falling. `stale_after`: a score whose latest day is older says nothing of today. `answer_within`: until when a negative
    post wants an answer; exactly then is in time. `low_stars`: so many stars or fewer are low; `min_reviews`: fewer in either span are thin.
    """

    window: Days = timedelta(days=30)
    recent: Days = timedelta(days=7)
    fall: float = 0.1
    stale_after: Days = timedelta(days=2)
    answer_within: Span = timedelta(hours=24)
    low_stars: int = 3
    min_reviews: int = 20


@automation(
    "compliance.reputation",
    zh="店铺信誉与舆情",
    en="Shop scores against peers and their own past, negative posts with their clock, the trend of low stars",
    reads=("scores", "posts", "reviews"),
    serves=("K5", "C7", "C6"),
    params=Reputation,
)
def reputation(frames: Frames, ask: Ask) -> Answer:
    """`items`: negative posts without an answer (and posts nobody has judged: irony is for people), scores under their peers or falling, and low stars that rise.

    A score must be under its peers' mean to count (equal is not under); days without a row are said, never filled. The same words again are told once. Low
    stars rise when their share of the recent days is above that of the days before by more than chance (two-proportion test, 95 %). A shop without any post
    on record is not a shop nobody writes about: it is unknown.
    """
    scored, posted, stars = _reputation.scores(frames, ask), _reputation.posts(frames, ask), _reputation.low_stars(frames, ask)
    todo = _reputation.to_do(scored, posted, stars)
    heard = known(frames, "posts", ask).group_by("shop").agg(heard=pl.len().cast(pl.Int64)).collect()
    facts = _reputation_facts(ask, scored, posted, stars, todo, heard)
    return Answer(_reputation_verdicts(facts, ask), {"items": todo, "scores": scored, "posts": posted, "reviews": stars})


def _reputation_facts(ask: Ask, scored: pl.DataFrame, posted: pl.DataFrame, stars: pl.DataFrame, todo: pl.DataFrame, heard: pl.DataFrame) -> pl.DataFrame:
    stale = pl.col("days_old") >= ask.params.stale_after.days
    gaps = pl.format("{} {}天", "score_name", "missing_days").filter(pl.col("missing_days") > 0)
    judged = scored.group_by("shop").agg(
        scores=pl.len().cast(pl.Int64), bad=(pl.col("state") != "fine").sum().cast(pl.Int64), stale=stale.sum().cast(pl.Int64),
        gaps=(pl.col("missing_days") > 0).sum().cast(pl.Int64), gap_names=gaps.str.join("，"), no_peers=pl.col("peers_unknown").sum().cast(pl.Int64),
    )  # fmt: skip
    first = pl.col("copy_of").is_null()
    states = {name: ((pl.col("state") == name) & first).sum().cast(pl.Int64) for name in ("overdue", "open", "unjudged")}
    written = posted.group_by("shop").agg(posts=pl.len().cast(pl.Int64), **states)
    facts = of_every_shop(ask, judged).join(written, on="shop", how="left").join(stars.select("shop", "reviews", "low", "state"), on="shop", how="left")
    facts = facts.join(todo.group_by("shop").agg(todo=pl.len().cast(pl.Int64)), on="shop", how="left").join(heard, on="shop", how="left")
    return facts.with_columns(pl.exclude("shop", "gap_names", "state").fill_null(0))


def _reputation_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, within = duration_text(ask.params.window), duration_text(ask.params.answer_within)
    counts = [pl.col(name) for name in ("bad", "scores", "overdue", "open", "unjudged", "low", "reviews")]
    trend = pl.col("state").replace_strict({"rising": "明显上升", "thin": "样本少", "fine": "没有上升"}, default="—", return_dtype=pl.String)
    some = pl.col("scores") > 0
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"{{}}/{{}}项评分低于同行或下滑；负面舆情{{}}条超过{within}未回应，{{}}条待回应，{{}}条待判断；近期低星{{}}/{{}}条（{{}}）", *counts, trend
        ),
        en=pl.format(
            f"{{}} of {{}} scores under peers or falling; posts: {{}} over {within}, {{}} open, {{}} to judge; {{}} of {{}} recent reviews low ({{}})",
            *counts, pl.col("state").fill_null("-"),
        ),
        lacks=[
            Lack(~some, f"scores: none within {days}", f"{days}内没有店铺评分（缺评分）"),
            Lack(some & (pl.col("stale") > 0), pl.format("scores: {} not updated", "stale"), pl.format("{}项评分没有更新", "stale")),
            Lack(some & (pl.col("gaps") > 0), pl.format("scores: days missing ({})", "gap_names"), pl.format("评分缺少日期：{}", "gap_names")),
            Lack(some & (pl.col("no_peers") > 0), pl.format("scores.peer_score: unknown for {}", "no_peers"), pl.format("{}项评分没有同行得分", "no_peers")),
            Lack(pl.col("heard") == 0, "posts: none recorded", "没有舆情记录（缺舆情）"),
            Lack(pl.col("state").is_null(), f"reviews: none within {days}", f"{days}内没有评价（缺评价）"),
            Lack((pl.col("state") == "thin").fill_null(False), "reviews: too few to tell a trend", "评价太少，看不出趋势"),
        ],
        decided=pl.col("todo") > 0,
    )
