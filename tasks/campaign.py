"""Campaign work: the year's windows, the items and their prices, the pre-sale, the day hour by hour, and what comes after it."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BeforeValidator, Field, field_validator, model_validator

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.copyscan import BLOCK, REVIEW
from ecops.quantity import parse_percent
from ecops.shop.kinds import KINDS
from tasks._audiences import audience_facts, audience_lists, campaign_people
from tasks._calendar import calendar_of, windows_of
from tasks._clashes import dated, offers_kept, own_clashes, strange_dates, wave_clashes, windows_shown
from tasks._conversions import PICKED, days_in_window, item_conversions, pick_facts, titled
from tasks._curves import curves_of, past_openings, past_shares
from tasks._hours import rows_of_days
from tasks._pace import newest_hours, pace_of, watched_hours
from tasks._picking import pick_list, picking, priority_facts, sent_lately, to_pick, to_stop
from tasks._presale import presale_lists, presale_parts, presale_window
from tasks._raises import raises
from tasks._readiness import PASS, Check, asked, by_check, rows_of
from tasks._rows import at_least, duration_text, instant, known, percent, percent_text, yuan
from tasks._stacks import stack_facts, stacked_lists, stacked_prices
from tasks._verdicts import Lack, of_every_shop, unknown_for_all, verdicts
from tasks._waiting import waiting_facts, waiting_orders
from tasks._waybills import reused_waybills
from tasks._windows import DAY, HOUR, Days, Span, Window, days_before, resolve, today, window_of
from tasks.compliance import documents, homepage, scan_copy
from tasks.goods import FloorPrice
from tasks.service import roster
from tasks.supply import stock_count

# --- campaign.pick_items -------------------------------------------------------------------------------------------


class PickItems(Params):
    """Which items are good enough for a campaign.

    `window`: whole local days before as-of's date. `min_days`: distinct days of reports a shop needs, all of the window
    unless told. `min_visitors`: under it an item is marked thin. `near`: how far under the line is still borderline.
    """

    window: Days = timedelta(days=30)
    min_conversion: Percent = Decimal("0.08")
    min_visitors: int = 100
    min_days: int | None = None
    near: Percent = Decimal("0.01")


@automation(
    "campaign.pick_items",
    zh="活动选品",
    en="Pick the items of a campaign by 30-day conversion",
    reads=("item_days",),
    serves=("A1",),
    params=PickItems,
)
def pick_items(frames: Frames, ask: Ask) -> Answer:
    """Items whose conversion over the window is at least `min_conversion`.

    Conversion = paying buyers / visitors, both summed over the window and divided once (never a mean of daily rates).
    Where a row of the item has no buyers it is units / visitors, marked `basis: units`. `lower_bound` is Wilson's lower
    95 % bound: 4 of 50 visitors is 8 % and proves little. An item without visitors or with more payers than visitors
    has no conversion that could be trusted and stands in `unknown_items`.
    """
    rows = days_in_window(frames, ask).collect().lazy()  # read once, used three times
    items = item_conversions(rows, ask).collect()
    passes = at_least(pl.col("buyers_or_units"), pl.col("visitors"), ask.params.min_conversion)
    near = at_least(pl.col("buyers_or_units"), pl.col("visitors"), ask.params.min_conversion - ask.params.near)
    judged = pl.col("reason").is_null()
    listed = titled(rows, items.filter(~judged | near))
    selected, borderline = listed.filter(judged, passes).select(PICKED), listed.filter(judged, ~passes).select(PICKED)
    unknown = listed.filter(~judged).select("shop", "item_id", "title", "visitors", "days", "reason")
    facts = pick_facts(rows, items.filter(judged), selected, borderline, unknown)
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_pick_verdicts(facts, ask), {"items": selected, "borderline": borderline, "unknown_items": unknown})


def _pick_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    window, line = days_before(ask, ask.params.window).days, percent_text(ask.params.min_conversion)
    needed = ask.params.min_days or window
    counts = [pl.col(name) for name in ("selected", "judged", "thin", "borderline", "unknown")]
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{window}天转化率≥{line}：{{}}/{{}}款入选，其中{{}}款访客偏少；{{}}款接近，{{}}款无法判断", *counts),
        en=pl.format(
            f"{{}} of {{}} items convert at {line} or more over {window} days, {{}} of them thin; {{}} borderline, {{}} unknown", *counts
        ),
        lacks=[
            Lack(
                pl.col("days") < needed,
                pl.format(f"item_days: {{}} of {needed} days", pl.col("days")),
                pl.format(f"商品日报只有{{}}天，需要{needed}天", pl.col("days")),
            ),
            Lack(
                (pl.col("days") >= needed) & (pl.col("judged") == 0),
                "item_days: no item with visitors and buyers",
                "商品日报中没有可计算转化率的商品",
            ),
        ],
    )


# --- campaign.calendar ---------------------------------------------------------------------------------------------


def _dates(value: object) -> dict[str, tuple[datetime, datetime]]:
    """`double-11/deposit=2026-10-24T20:00/2026-10-31T17:59:59; ...` by window."""
    if isinstance(value, dict):
        return value
    told = {}
    for part in filter(None, (piece.strip() for piece in str(value).split(";"))):
        match = re.fullmatch(r"(?P<window>[^=\s]+/[^=\s]+)\s*=\s*(?P<opens>[^/\s]+)\s*/\s*(?P<closes>[^/\s]+)", part)
        if not match:
            raise ValueError(f"{part!r}: write campaign/window=opens/closes, such as double-11/deposit=2026-10-24T20:00/2026-10-31T17:59:59")
        told[match["window"]] = (datetime.fromisoformat(match["opens"]), datetime.fromisoformat(match["closes"]))
    return told


class CalendarYear(Params):
    """Whose calendar is read, and how far ahead.

    `platform`: tmall, jd, pdd ... as in the calendar files. `ahead`: windows that open within it are listed. `soon`: a
    window that closes within it is closing. `dates`: the platform's own dates where the calendar has last year's,
    `campaign/window=opens/closes; ...` (local unless they have an offset); they count as announced. `own`: words in the
    title of an offer that make it a campaign of the shop's own, beside the kind `member`. `lowest_price`: an own campaign
    that near before a sale lowers the price the sale is measured by (30 days, a choice); `price_protection`: that near
    after it, buyers may claim the difference (30 days).
    """

    platform: str = "tmall"
    ahead: Days = timedelta(days=60)
    soon: Span = timedelta(days=7)
    dates: Annotated[Any, BeforeValidator(_dates)] = Field(default="", validate_default=True)
    own: str = "会员日 周年 店庆"
    lowest_price: Days = timedelta(days=30)
    price_protection: Days = timedelta(days=30)


@automation(
    "campaign.calendar",
    zh="活动日历",
    en="Windows of the year: what opens and closes when, and what clashes with it",
    reads=("promotions",),
    serves=("M1", "M2"),
    params=CalendarYear,
)
def calendar(frames: Frames, ask: Ask) -> Answer:
    """Windows of the campaigns under way or ahead, from `playbooks/calendars/<year>.yaml`, and the offers that clash with them.

    A window stands open through the second it `closes`. `announced` false: the dates are those of the last known year; such
    a window closing within `soon` makes the verdict unknown, for a guess is not a deadline. A year without a calendar is
    unknown, and so are clashes without `promotions`. `clashes`: one row an offer, item and window: an item in two windows of
    one `exclusive` group, an own campaign inside a sale, or near enough before or after it to change its prices.
    """
    years = range(today(ask).year, (today(ask) + ask.params.ahead).year + 1)
    calendars = {year: calendar_of(year) for year in years}
    windows = dated(windows_of(filter(None, calendars.values()), ask.params.platform), ask)
    shown = windows_shown(windows, ask)
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    offers = offers_kept(frames, ask).collect()
    clashes = pl.concat([own_clashes(offers, windows, ask), wave_clashes(offers, windows)]).sort("shop", "campaign", "window", "promotion_id", "item_id")
    facts = offers.group_by("shop").agg(offers=pl.len().cast(pl.Int64)).join(clashes.group_by("shop").agg(clashes=pl.len().cast(pl.Int64)), on="shop", how="left")
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    lists = {"items": shops.join(shown, how="cross", maintain_order="left_right"), "clashes": clashes}
    return Answer(_calendar_verdicts(facts, shown, [year for year in years if not calendars[year]], windows, ask), lists)


def _calendar_verdicts(facts: pl.DataFrame, shown: pl.DataFrame, absent: list[int], windows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    ahead, closing = shown.filter(pl.col("state") != "closed"), shown.filter(pl.col("state") == "closing")
    guessed, strange = closing.filter(~pl.col("announced")), strange_dates(windows, ask)
    next_zh, next_en = (_next_closing(ahead, name, ask) for name in ("zh", "en"))
    counts = (ahead.height, closing.height, ahead.height - ahead["announced"].sum())
    soon, years, platform = duration_text(ask.params.soon), "、".join(map(str, absent)), ask.params.platform
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{counts[0]}个窗口未截止，{counts[1]}个{soon}内截止（{{}}），{counts[2]}个日期尚未公布；{{}}处冲突", pl.lit(next_zh), pl.col("clashes")),
        en=pl.format(f"{counts[0]} windows not closed, {counts[1]} close within {soon} ({{}}), {counts[2]} not announced; {{}} clashes", pl.lit(next_en), pl.col("clashes")),
        lacks=[
            Lack(pl.lit(bool(absent)), f"calendar: no file for {', '.join(map(str, absent))}", f"没有{years}年的活动日历"),
            Lack(
                pl.lit(windows.is_empty() and not absent),
                pl.lit(f"calendar: nothing for the platform {platform}"),
                pl.lit(f"活动日历里没有平台{platform}"),
            ),
            Lack(
                pl.lit(not guessed.is_empty()),
                pl.lit(f"calendar: not announced: {', '.join(guessed['window'])} (give the platform's dates in `dates`)"),
                pl.lit(f"即将截止但尚未公布：{'、'.join(guessed['zh'])}（按往年推算，请用dates填写平台公告的时间）"),
            ),
            Lack(pl.lit(bool(strange)), pl.lit(f"dates: no such window or closed before it opens: {', '.join(strange)}"), pl.lit(f"dates里的窗口不存在或先截止后开始：{'、'.join(strange)}")),
            Lack(pl.col("offers") == 0, "promotions: none (clashes cannot be seen)", f"缺{KINDS['promotions'].zh}，看不出冲突"),
        ],
    )  # fmt: skip


def _next_closing(ahead: pl.DataFrame, name: str, ask: Ask) -> str:
    if ahead.is_empty():
        return "-"
    row = ahead.row(0, named=True)
    return f"{row[name]} {row['closes'].astimezone(ask.timezone):%Y-%m-%d %H:%M:%S}"


# --- campaign.stack_prices -----------------------------------------------------------------------------------------


class StackPrices(Params):
    """When the prices are looked at, and the floor they are held against.

    `since`, `until`: the sale (anchor, anchor +/- duration, or ISO time). `target_margin`, `fees`, `extra_cost` as in
    `goods.floor_price`; `commission`: what the campaign's slot takes on top, a share of the price. `deposit_holds`: how long
    after its own window a deposit still counts (the final payment; 7 days, a choice). `judge`: `worst`, the basket that takes
    most off the piece, or `alone`, one piece bought alone.
    """

    since: str = "day"
    until: str = "day + 24h"
    target_margin: Percent = Decimal("0.2")
    fees: Percent = Decimal("0.05")
    commission: Percent = Decimal(0)
    extra_cost: Fen = 0
    deposit_holds: Days = timedelta(days=7)
    judge: Literal["worst", "alone"] = "worst"

    @model_validator(mode="after")
    def _leave_something_for_the_cost(self) -> "StackPrices":
        self.floor()
        return self

    def floor(self, commission: Decimal | None = None) -> FloorPrice:
        """The floor's parameters, with the commission among the fees (or another one in its place)."""
        fees = self.fees + (self.commission if commission is None else commission)
        return FloorPrice(target_margin=self.target_margin, fees=fees, extra_cost=Decimal(self.extra_cost) / 100)


@automation(
    "campaign.stack_prices",
    zh="优惠叠加价检查",
    en="Stack the offers of a sale and hold the price that is left against the floor",
    reads=("items", "promotions", "price_changes"),
    serves=("M3", "A2", "U3"),
    params=StackPrices,
)
def stack_prices(frames: Frames, ask: Ask) -> Answer:
    """For every item on sale the lowest price that offers running together leave, against the floor of `goods.floor_price`.

    direct and member change the piece's price; coupon, spend_and_save, deposit (what it counts for less what was paid) and
    platform_coupon are reckoned on that price, beside each other; of an `exclusive` group only the deepest holds. `worst_fen`
    is what the shop gets in the basket that is worst for it, `alone_fen` for a piece bought alone, `buyer_fen` is less what
    the platform bears. The list price is the lowest of those `price_changes` plan for the sale. An item has one price: the
    catalogue has no prices by SKU. `items`: under the floor (exactly the floor is held), `under_cost` first; `prices`: all;
    `margin_without_commission` beside `margin`: what a commission costs; `problems`: offers that cannot be right, the ones
    that never run left out, the others reckoned at their deepest; `unknown_items`: no cost or no price.
    """
    span = (resolve(ask.params.since, ask), resolve(ask.params.until, ask))
    lacking = [name for name, end in zip(("since", "until"), span, strict=True) if end is None]
    if lacking or span[0] >= span[1]:
        said = f"{lacking[0]}: {getattr(ask.params, lacking[0])!r} is neither an anchor of the run nor a date" if lacking else "since: not before until"
        zh = f"{lacking[0]}：“{getattr(ask.params, lacking[0])}”既不是本次运行的锚点也不是日期" if lacking else "since不早于until"
        return Answer(unknown_for_all(ask, said, zh), stacked_lists(*stacked_prices({}, ask, Window(ask.as_of, ask.as_of + HOUR))))
    prices, problems, unknown = stacked_prices(frames, ask, Window(*span))
    offered = known(frames, "promotions", ask).group_by("shop").agg(offers=pl.len().cast(pl.Int64)).collect()
    facts = of_every_shop(ask, stack_facts(prices, problems, unknown, offered)).with_columns(pl.exclude("shop", "lowest").fill_null(0))
    return Answer(_stack_verdicts(facts, ask), stacked_lists(prices, problems, unknown))


def _stack_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    lowest = percent(pl.col("lowest")).fill_null("-")
    counts = (pl.col("below"), pl.col("judged"), pl.col("under_cost"), lowest, pl.col("problems"), pl.col("unknown"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}/{}款叠加后低于保底价，其中{}款低于成本，最低毛利率{}；{}个优惠有误，{}款无法判断", *counts),
        en=pl.format("{} of {} items fall under their floor, {} under cost, the lowest margin is {}; {} offers wrong, {} items unknown", *counts),
        lacks=[
            Lack(pl.col("judged") + pl.col("unknown") == 0, "items: none on sale", f"缺{KINDS['items'].zh}：没有在售商品"),
            Lack(pl.col("offers") == 0, "promotions: none", f"缺{KINDS['promotions'].zh}"),
            Lack(
                pl.col("unknown") > 0,
                pl.format("items: {} without cost or price", pl.col("unknown")),
                pl.format("{}款没有成本或价格", pl.col("unknown")),
            ),
            Lack(pl.col("problems") > 0, pl.format("promotions: {} cannot be right", pl.col("problems")), pl.format("{}个优惠有误，请改正", pl.col("problems"))),
        ],
        decided=pl.col("below") > 0,
    )


# --- campaign.presale ----------------------------------------------------------------------------------------------


class Presale(Params):
    """The windows of a pre-sale, and what its final payments are forecast from.

    `since`, `until`: when deposits are paid. `final_until`: the last instant of the final payment. `history`: how long
    before `since` the shop's own earlier deposits are looked at; `min_history`: fewer of them forecast nothing, unless
    `final_rate` says which share pays the rest (no public figure: none). `wishes`: whole days whose favourites and carts
    are compared with as many before.
    """

    since: str = "day - 21d"
    until: str = "day"
    final_until: str = "day + 24h"
    history: Days = timedelta(days=365)
    min_history: int = 30
    final_rate: Percent | None = None
    wishes: Days = timedelta(days=7)


@automation(
    "campaign.presale",
    zh="预售漏斗与锁单预测",
    en="Pre-sale from deposit to final payment, and the forecast of locked orders",
    reads=("orders", "item_days"),
    serves=("A3",),
    params=Presale,
)
def presale(frames: Frames, ask: Ask) -> Answer:
    """Orders whose deposit was paid in the window: how many paid the rest, and how many of the others will.

    A deposit is never GMV: `gmv_fen` is what orders with both payments are worth net of refunds, `deposit_fen` stands apart.
    final_rate = finals / deposits. While final payments run the open ones are forecast with the share of the shop's earlier
    deposits (bounds: Wilson, 95 %) that were paid up, else with `final_rate`; after `final_until` what is open is lost.
    `items`: the open orders, to remind; `suspects`: paid without a deposit, or paid no more than the deposit, which is not
    counted as a final payment; `wish_list`: favourites and carts by item against the days before.
    """
    span, missing, zh = presale_window(ask)
    if span is None:
        return Answer(unknown_for_all(ask, missing, zh), presale_lists(*presale_parts({}, ask, Window(ask.as_of - DAY, ask.as_of), ask.as_of)))
    orders, funnel, wishes = presale_parts(frames, ask, *span)
    told = known(frames, "orders", ask).group_by("shop").agg(orders=pl.len().cast(pl.Int64), told=pl.col("presale").is_not_null().sum().cast(pl.Int64))
    facts = of_every_shop(ask, told.collect().join(funnel, on="shop", how="full", coalesce=True)).with_columns(
        pl.col("orders", "told", "deposits", "finals", "open", "lost", "suspects", "gmv_fen", "deposit_fen", "past", "locked_fen").fill_null(0)
    )
    return Answer(_presale_verdicts(facts, ask, span[1]), presale_lists(orders, funnel, wishes))


def _presale_verdicts(facts: pl.DataFrame, ask: Ask, final_until: datetime) -> pl.DataFrame:
    counts = (pl.col("deposits"), pl.col("finals"), percent(pl.col("final_share")), pl.col("open"), pl.col("lost"))
    forecast = (pl.col("expected_finals"), pl.col("expected_low"), pl.col("expected_high"), yuan(pl.col("expected_fen")))
    money = (yuan(pl.col("gmv_fen")), yuan(pl.col("deposit_fen")))
    return verdicts(
        ask,
        facts,
        zh=pl.format("定金{}单，付尾款{}单（{}），待付{}单，流失{}单；预计付尾款{}单（{}–{}），{}元；已成交{}元，定金{}元不计入", *counts, *forecast, *money),
        en=pl.format("{} deposits, {} paid up ({}), {} open, {} lost; {} expected to pay up ({}-{}), {} yuan; {} yuan sold, {} yuan of deposits not counted", *counts, *forecast, *money),
        lacks=[
            Lack(pl.col("orders") == 0, "orders: none", f"缺{KINDS['orders'].zh}"),
            Lack(
                (pl.col("orders") > 0) & (pl.col("told") == 0),
                "orders.presale: no order says whether it is a pre-sale",
                f"{KINDS['orders'].zh}里没有“是否预售”，请导出带定金信息的订单",
            ),
            Lack((pl.col("told") > 0) & (pl.col("deposits") + pl.col("suspects") == 0), "orders: no deposit paid in the window", "窗口内没有已付定金的订单"),
            Lack(
                (pl.col("open") > 0) & pl.col("expected_finals").is_null(),
                pl.format(f"orders: {{}} of {ask.params.min_history} earlier deposits (or give final_rate)", pl.col("past")),
                pl.format(f"以往定金订单只有{{}}单，需要{ask.params.min_history}单才能预测（或填写final_rate）", pl.col("past")),
            ),
            Lack(pl.col("suspects") > 0, pl.format("orders: {} with one payment in place of two", pl.col("suspects")), pl.format("{}单定金与尾款对不上", pl.col("suspects"))),
        ],
    )  # fmt: skip


# --- campaign.watch_hour -------------------------------------------------------------------------------------------

_STATES = pl.Schema({"shop": pl.String, "cause": pl.String, "value": pl.Float64, "zh": pl.String, "en": pl.String})


def _curve(value: object) -> tuple[Decimal, ...] | None:
    if value is None:
        return None
    shares = value.split(",") if isinstance(value, str) else value
    return tuple(parse_percent(share) for share in shares)


class WatchHour(Params):
    """What the day is measured against.

    `opening`: the anchor or instant at which the day starts; `lasts`: its length, to whose end `gmv_target` (yuan, for each shop) counts.
    `curve`: cumulative shares of GMV by hours since the opening, the last one 1 (text: comma separated; the day lasts as many hours);
    without it the shop's past campaigns that opened at the same hour of the clock, by `past` (anchors or instants, comma separated; without
    it the sales in `platform`'s calendar), else a general curve. `alarm_pace`: under this share of the expected GMV the shop is
    behind. `stale_after`: an ended hour without a row is late before this age and missing from it on; no row that fresh makes the feed stale.
    `max_fall`: a count that has fallen from its height by more is no count. `plan_conversion`: what the ads were planned with; without it
    no budget is proposed. `min_roi`, `raise_by`, `max_raise` (yuan at once), `max_raised` (yuan in the day), `cool_down`: when and by how much.
    """

    opening: str = "day"
    lasts: Span = timedelta(hours=24)
    gmv_target: Fen | None = Field(default=None, gt=0)
    curve: Annotated[Any, BeforeValidator(_curve)] = None
    past: str = ""
    platform: str = "tmall"
    alarm_pace: Percent = Decimal("0.8")
    stale_after: Span = timedelta(hours=2)
    max_fall: Percent = Decimal("0.05")
    plan_conversion: Percent | None = None
    min_roi: Decimal = Field(default=Decimal(2), ge=0)
    raise_by: Percent = Decimal("0.2")
    max_raise: Fen = Field(default=500_00, ge=0)
    max_raised: Fen = Field(default=3_000_00, ge=0)
    cool_down: Span = timedelta(hours=2)

    @field_validator("curve")
    @classmethod
    def _grows_to_one(cls, curve: tuple[Decimal, ...] | None) -> tuple[Decimal, ...] | None:
        if curve is not None and (not curve or curve[-1] != 1 or list(curve) != sorted(curve) or curve[0] < 0):
            raise ValueError("must be cumulative shares that never fall and end with 1")
        return curve

    @field_validator("lasts")
    @classmethod
    def _some_hours(cls, lasts: timedelta) -> timedelta:
        if not HOUR <= lasts <= 7 * DAY or lasts % HOUR:
            raise ValueError("must be whole hours, from 1h to 7d")
        return lasts

    def hours(self) -> int:
        """How many hours the day has."""
        return len(self.curve) if self.curve else self.lasts // HOUR


@automation(
    "campaign.watch_hour",
    zh="每小时盯盘",
    en="Watch the campaign day hour by hour",
    reads=("hours",),
    serves=("A4",),
    params=WatchHour,
)
def watch_hour(frames: Frames, ask: Ask) -> Answer:
    """Cumulative GMV since the opening against target x curve(h), as of the last hour that ended.

    pace = actual / (target x curve share of the hours known); forecast = actual / that share, with the interval that two or more past
    campaigns span. A missing hour is never counted as zero: it leaves both sides, is listed, and makes the verdict unknown; a feed that
    counts on since midnight loses none. One giant order counts once and is not carried on. A stale feed raises one alarm alone.
    `alarms` has one row a shop and cause: stale, missing_hours, late_hours, cumulative_falls, big_order, behind, hour_low, hour_high.
    `items`: budget to add, for a person to approve; where to put it is `traffic.move_budget`'s.
    """
    opening = resolve(ask.params.opening, ask)
    if opening is None:
        return _nothing_watched(ask, f"opening: no anchor {ask.params.opening!r}", f"没有名为“{ask.params.opening}”的锚点")
    since = opening.replace(minute=0, second=0, microsecond=0)
    until = min(ask.as_of, since + ask.params.hours() * HOUR)
    if until - since < HOUR:
        return _nothing_watched(ask, f"hours: none has ended since {opening.isoformat()}", "开场后还没有满一小时的数据")
    hours, facts = _watched(frames, ask, Window(since, until))
    return Answer(_watch_verdicts(facts, ask), _watch_lists(hours, facts, ask, until))


def _watched(frames: Frames, ask: Ask, window: Window) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The hours of all shops and one row of facts a shop."""
    length = ask.params.hours()
    openings = past_openings(ask, window.since, length) if ask.params.curve is None else []
    rows = rows_of_days(frames, ask, [window, *(Window(at, at + length * HOUR) for at in openings)])
    shares = past_shares(rows, ask, openings, length)
    hours = watched_hours(rows, ask, window, curves_of(ask, window.since, length, shares))
    return hours, of_every_shop(ask, pace_of(hours, shares, newest_hours(rows, ask), ask, window.until))


_HOURS = ("shop", "hour", "state", "pay_amount_fen", "visitors", "pay_buyers", "expected_fen")
_PACE = (
    "shop", "hours_ended", "hours_known", "actual_fen", "expected_fen", "pace", "steady_pace", "target_fen", "forecast_fen", "forecast_low_fen",
    "forecast_high_fen", "visitors", "pay_buyers", "conversion", "newest_hour", "campaigns",
)  # fmt: skip


def _watch_lists(hours: pl.DataFrame, facts: pl.DataFrame, ask: Ask, until: datetime) -> dict[str, pl.DataFrame]:
    sound = facts.filter(~pl.col("stale"), ~pl.col("broken"))
    more = raises(hours.join(sound.select("shop"), on="shop", how="semi", maintain_order="left"), ask, until)
    told = hours.rename({"amount_fen": "pay_amount_fen"}).select(_HOURS)
    return {"items": more, "alarms": _alarms(facts, ask), "pace": facts.select(_PACE), "hours": told}


def _nothing_watched(ask: Ask, missing: str, zh: str) -> Answer:
    """Unknown for every shop, with the lists in their shapes and without rows."""
    hours, facts = _watched({}, ask, Window(ask.as_of, ask.as_of))
    lists = _watch_lists(hours, facts.clear(), ask, ask.as_of)
    return Answer(unknown_for_all(ask, missing, zh), lists)


def _alarms(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop and cause. While the feed is stale nothing else is raised: its other numbers say nothing new."""
    live, strange = ~pl.col("stale"), pl.col("strange")
    trusted = live & ~pl.col("broken")
    raised = [
        _alarm(facts, ask, "stale", pl.col("stale"), pl.col("hours_known"), "数据中断：最近一小时是{}", "feed is stale: newest hour {}", _hour_text(pl.col("feed_hour"), ask).fill_null("-")),
        _listed_hours(facts, ask, "missing_hours", live, "missing_hours", "缺少小时：{}", "hours missing: {}"),
        _listed_hours(facts, ask, "late_hours", live, "late", "迟到小时：{}", "hours late: {}"),
        _listed_hours(facts, ask, "cumulative_falls", live, "falls", "累计值下降：{}", "cumulative value falls: {}"),
        _listed_hours(facts, ask, "big_order", trusted, "giants", "客单价异常，可能有大额订单，预测未按其外推：{}", "a basket far over the others, not carried on: {}"),
        _alarm(facts, ask, "behind", trusted & pl.col("behind"), pl.col("steady_pace"), "落后：达到应有进度的{}", "behind: {} of the expected pace", percent(pl.col("steady_pace"))),
        _alarm(facts, ask, "hour_low", trusted & (strange < 0), strange, "{}一小时成交明显偏低", "hour {} sold far less than its share", _hour_text(pl.col("newest_hour"), ask)),
        _alarm(facts, ask, "hour_high", trusted & (strange > 0), strange, "{}一小时成交明显偏高", "hour {} sold far more than its share", _hour_text(pl.col("newest_hour"), ask)),
    ]  # fmt: skip
    return pl.concat([_STATES.to_frame(), *raised]).sort("shop", maintain_order=True)


def _alarm(facts: pl.DataFrame, ask: Ask, cause: str, when: pl.Expr, value: pl.Expr, zh: str, en: str, text: pl.Expr) -> pl.DataFrame:
    return facts.filter(when.fill_null(False)).select(
        "shop", cause=pl.lit(cause), value=value.cast(pl.Float64), zh=pl.format(zh, text), en=pl.format(en, text)
    )


def _listed_hours(facts: pl.DataFrame, ask: Ask, cause: str, live: pl.Expr, column: str, zh: str, en: str) -> pl.DataFrame:
    count = pl.col(column).list.len()
    return _alarm(facts, ask, cause, live & (count > 0), count, zh, en, _hours_text(column, ask))


def _hours_text(column: str, ask: Ask) -> pl.Expr:
    return pl.col(column).list.eval(_hour_text(pl.element(), ask)).list.join(", ")


def _hour_text(hour: pl.Expr, ask: Ask) -> pl.Expr:
    return hour.dt.convert_time_zone(ask.timezone.key).dt.strftime("%m-%d %H:00")


def _watch_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    money = [yuan(pl.col(name)) for name in ("actual_fen", "forecast_fen", "target_fen")]
    numbers = (pl.col("hours_ended"), money[0], percent(pl.col("pace")).fill_null("-"), money[1].fill_null("-"), money[2])
    gone = ~pl.col("stale") & (pl.col("missing_hours").list.len() > 0)
    newest = _hour_text(pl.col("feed_hour"), ask).fill_null("-")
    after = duration_text(ask.params.stale_after)
    by = {"zh": "；曲线：{}", "en": "; curve: {}"}
    return verdicts(
        ask,
        facts,
        zh=pl.format("开场{}小时：累计{}元，达到应有进度的{}，预测{}元，目标{}元" + by["zh"], *numbers, _curve_name(ask, "指定", "本店{}场往期活动", "通用")),
        en=pl.format("{} h since the opening: {} yuan, {} of the expected pace, forecast {} of {} yuan" + by["en"], *numbers, _curve_name(ask, "as told", "{} past campaigns of the shop", "general")),
        lacks=[
            Lack(pl.lit(ask.params.gmv_target is None), "gmv_target", "没有给出GMV目标"),
            Lack(pl.col("stale"), pl.format(f"hours: none within {after} (newest {{}})", newest), pl.format(f"{after}内没有小时数据（最近：{{}}）", newest)),
            Lack(
                gone,
                pl.format("hours: {} of {} hours ({} missing)", pl.col("hours_known"), pl.col("hours_ended"), _hours_text("missing_hours", ask)),
                pl.format("缺少{}；已知{}小时累计{}元", _hours_text("missing_hours", ask), pl.col("hours_known"), yuan(pl.col("actual_fen"))),
            ),
            Lack(
                ~pl.col("stale") & (pl.col("hours_known") == 0) & (pl.col("missing_hours").list.len() == 0),
                pl.format("hours: 0 of {} hours (late)", pl.col("hours_ended")),
                pl.format("开场后{}小时的数据还没有到", pl.col("hours_ended")),
            ),
            Lack(
                pl.col("broken"),
                pl.format("hours: the count since the opening fell to {} yuan from {} ({})", money[0], yuan(pl.col("height")), _hours_text("falls", ask)),
                pl.format("开场后的累计值从{}元降到{}元（{}），不可用", yuan(pl.col("height")), money[0], _hours_text("falls", ask)),
            ),
        ],
    )  # fmt: skip


def _curve_name(ask: Ask, told: str, own: str, general: str) -> pl.Expr:
    if ask.params.curve is not None:
        return pl.lit(told)
    return pl.when(pl.col("campaigns") > 0).then(pl.format(own, pl.col("campaigns"))).otherwise(pl.lit(general))


# --- campaign.unshipped --------------------------------------------------------------------------------------------


class Unshipped(Params):
    """`limit`: the dispatch promise from payment on, where the order has none of its own (48 h on Tmall's campaign days of 2021).
    `soon`: how long before the limit an order counts as due soon. `stale_after`: without a newer event in the orders the list would
    be guesswork.
    """

    limit: Span = timedelta(hours=48)
    soon: Span = timedelta(hours=6)
    stale_after: Span = timedelta(hours=48)


@automation(
    "campaign.unshipped",
    zh="未发货订单",
    en="List paid orders that have not been shipped, by age",
    reads=("orders",),
    serves=("A7", "S2"),
    params=Unshipped,
)
def unshipped(frames: Frames, ask: Ask) -> Answer:
    """Orders paid, not shipped and not fully refunded as of the instant, the oldest first.

    `state`: overdue when past its own promise (`ship_by`: a pre-sale may promise a later day) or, without one, older than
    `limit` (exactly the limit is still in time), soon within `soon` of it, else open.
    """
    waiting = waiting_orders(frames, ask)
    facts = of_every_shop(ask, waiting_facts(frames, ask, waiting)).with_columns(pl.exclude("shop", "newest_at").fill_null(0))
    return Answer(_waiting_verdicts(facts, ask), {"items": waiting})


def _waiting_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    limit = duration_text(ask.params.limit)
    total = pl.col("overdue") + pl.col("soon") + pl.col("open")
    counts = (total, pl.col("overdue"), pl.col("soon"), pl.col("oldest"))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}单已付款未发货，{{}}单超过{limit}，{{}}单即将超时；最久{{}}小时", *counts),
        en=pl.format(f"{{}} orders paid and not shipped, {{}} over {limit}, {{}} due soon; the oldest waits {{}} h", *counts),
        lacks=_stale_orders(ask),
    )


def _stale_orders(ask: Ask) -> list[Lack]:
    """No orders, or no event in them for so long that a list of those waiting would be guesswork."""
    after = duration_text(ask.params.stale_after)
    newest = pl.col("newest_at").dt.convert_time_zone(ask.timezone.key).dt.strftime("%Y-%m-%d %H:%M")
    stale = (pl.col("newest_at") < instant(ask.as_of - ask.params.stale_after)).fill_null(True)
    return [
        Lack(pl.col("orders") == 0, "orders: none", "没有订单数据"),
        Lack(
            (pl.col("orders") > 0) & stale,
            pl.format(f"orders: nothing within {after} (newest {{}})", newest),
            pl.format(f"{after}内订单没有更新（最近{{}}）", newest),
        ),
    ]


# --- campaign.priority_orders --------------------------------------------------------------------------------------


class PriorityOrders(Unshipped):
    """`since`, `until`: orders paid in that time are the campaign's (anchor, anchor +/- duration, or ISO time; a pre-sale counts with its
    final payment); the campaign may still run. `limit`, `soon`, `stale_after` as in `campaign.unshipped`. `recall`: orders undone in the
    last hours may still lie picked. `tell_within`: tracking numbers of parcels handed over in the last hours. `waybills`: days back a number
    used twice is looked for.
    """

    since: str = "day"
    until: str = "day + 24h"
    recall: Span = timedelta(hours=24)
    tell_within: Span = timedelta(hours=24)
    waybills: Days = timedelta(days=30)


@automation(
    "campaign.priority_orders",
    zh="活动订单优先发货",
    en="Campaign orders to ship first: the pick list, what to stop, tracking numbers to tell",
    reads=("orders", "order_lines", "refunds", "parcels"),
    serves=("A6",),
    params=PriorityOrders,
)
def priority_orders(frames: Frames, ask: Ask) -> Answer:
    """Orders of the campaign paid and not sent, in the order the warehouse ships them: by deadline, then by payment (`nth`).

    `pick_list`: the same as pieces by item and variant; `units` null where a line does not say. `stop`: what must not leave: a claim on
    it is open, a refund does not say for which line, or it was cancelled after payment and may be picked already; `parcel_id` is a waybill
    made for it. Lines refunded alone are not picked. `tell`: parcels handed over lately whose number the buyer is to get. `wrong_numbers`:
    sent without a number, or with one that stands for another buyer's order too; `reused`: those numbers. Whether a buyer has been told is
    in no export. Orders of other days are counted: theirs may be due before.
    """
    window, missing, zh = _campaign_begun(ask)
    span = window or Window(ask.as_of, ask.as_of)
    frames = frames if window else {}
    rows, lines, others = picking(frames, ask, span)
    reused = reused_waybills(frames, ask, ask.as_of - ask.params.waybills)
    told, untold = sent_lately(frames, ask, span, reused)
    lists = {
        "items": to_pick(rows), "pick_list": pick_list(rows, lines), "stop": to_stop(frames, ask, span, rows), "tell": told, "wrong_numbers": untold,
        "reused": reused,
    }  # fmt: skip
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), lists)
    facts = of_every_shop(ask, priority_facts(frames, ask, rows, others, lists)).with_columns(pl.exclude("shop", "newest_at", "oldest").fill_null(0))
    return Answer(_priority_verdicts(facts, ask), lists)


def _campaign_begun(ask: Ask) -> tuple[Window | None, str, str]:
    """The campaign's window, which may still run; None with what is missing."""
    ends = {name: resolve(getattr(ask.params, name), ask) for name in ("since", "until")}
    for name, end in ends.items():
        if end is None:
            text = getattr(ask.params, name)
            return None, f"{name}: {text!r} is neither an anchor of the run nor a date", f"{name}：“{text}”既不是本次运行的锚点也不是日期"
    if ends["since"] >= ends["until"]:
        return None, "since: not before until", "since不早于until"
    if ends["since"] > ask.as_of:
        return None, f"since: the campaign begins {ends['since'].isoformat()}", f"since：活动{ends['since'].isoformat()}才开始"
    return Window(ends["since"], ends["until"]), "", ""


def _priority_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = tuple(pl.col(name) for name in ("pick", "units", "late", "stop_rows", "tell_rows", "wrong_numbers_rows", "reused_rows", "others_due"))
    sent = pl.col("tell_rows") + pl.col("wrong_numbers_rows")
    return verdicts(
        ask,
        facts,
        zh=pl.format("活动订单待发{}单{}件（已超时{}单），拦下{}单；待告知单号{}单，单号有误{}单（重复使用{}个）；其他日期临期{}单", *counts),
        en=pl.format("{} campaign orders to ship, {} pieces ({} overdue), {} to stop; {} tracking numbers to tell, {} wrong ({} reused); {} orders of other days due", *counts),
        lacks=[
            *_stale_orders(ask),
            Lack(
                pl.col("lineless") > 0,
                pl.format("order_lines: none for {} of {} orders to pick", "lineless", "pick"),
                pl.format("{}/{}单没有订单明细，拣货单不全（缺订单明细）", "lineless", "pick"),
            ),
            Lack(pl.col("unsure") > 0, pl.format("order_lines.units: unknown for {} orders to pick", "unsure"), pl.format("{}单的明细没有数量", "unsure")),
            Lack((sent > 0) & (pl.col("parcels") == 0), "parcels: none, tracking numbers are unknown", "没有包裹数据，单号未知（缺包裹）"),
        ],
    )  # fmt: skip


# --- campaign.readiness --------------------------------------------------------------------------------------------


class Readiness(Params):
    """What the go/no-go is asked for. `since`, `until`: the sale. `papers_until`: the last day papers must be valid (D+15). `target_margin`,
    `fees`, `commission`, `extra_cost`: of the floor, as in `campaign.stack_prices`. `counted_within`: how old a stock count may be.
    `dispatch_limit`: the promise older orders are held to. `per_hour`, `uplift`, `min_people`: as in `service.roster`; two people are an A
    and a B. `pages_within`: how old a check of the links may be.
    """

    since: str = "day"
    until: str = "day + 24h"
    papers_until: str = "day + 15d"
    target_margin: Percent = Decimal("0.2")
    fees: Percent = Decimal("0.05")
    commission: Percent = Decimal(0)
    extra_cost: Fen = 0
    counted_within: Days = timedelta(days=14)
    dispatch_limit: Span = timedelta(hours=48)
    per_hour: int = Field(20, ge=1)
    uplift: Decimal = Field(Decimal(1), gt=0)
    min_people: int = Field(2, ge=1)
    pages_within: Days = timedelta(days=7)


def _priced_as(params: Readiness) -> dict[str, object]:
    names = ("since", "until", "target_margin", "fees", "commission")
    return {name: getattr(params, name) for name in names} | {"extra_cost": Decimal(params.extra_cost) / 100}


def _staffed_as(params: Readiness) -> dict[str, object]:
    return {name: getattr(params, name) for name in ("since", "until", "per_hour", "uplift", "min_people")} | {"opens": 0, "closes": 24}


_CHECKS = (
    Check("prices", "到手价不低于保底价", stack_prices, _priced_as, rows_of("items")),
    Check("coupons", "优惠设置无误、无测试券", stack_prices, _priced_as, rows_of("problems"), stands=True),
    Check("stock", "盘点与平台库存一致", stock_count, lambda params: {"window": params.counted_within}, rows_of("items")),
    Check(
        "copy", "文案扫描覆盖100%且无禁用语", scan_copy, lambda params: {}, lambda answer: answer.lists["items"].filter(pl.col("verdict") == BLOCK),
        doubts=lambda answer: answer.lists["items"].filter(pl.col("verdict") == REVIEW),
    ),
    Check("papers", "证件有效期覆盖活动后15天", documents, lambda params: {"sale_day": params.papers_until}, rows_of("items")),
    Check("roster", "每小时有A/B角在岗", roster, _staffed_as, rows_of("items")),
    Check("pages", "首页板块与链接可用", homepage, lambda params: {"fresh": params.pages_within}, rows_of("items")),
    Check(
        "backlog", "无超时未发货订单", unshipped, lambda params: {"limit": params.dispatch_limit},
        lambda answer: answer.lists["items"].filter(pl.col("state") == "overdue"),
    ),
)  # fmt: skip


@automation(
    "campaign.readiness",
    zh="上线检查汇总",
    en="Go or no-go: what the other steps say of prices, stock, copy, papers, roster, pages and backlog",
    reads=tuple(sorted({kind for check in _CHECKS for kind in check.step.reads})),
    serves=("M1", "M3"),
    params=Readiness,
)
def readiness(frames: Frames, ask: Ask) -> Answer:
    """Each check is another step asked with the campaign's parameters: pass only where it is sure and found nothing.

    prices and coupons: `campaign.stack_prices` (no final price under the floor; no offer that cannot be right, none of a test); stock:
    `supply.stock_count`; copy: `compliance.scan_copy` (every text scanned, no forbidden term; one to review leaves it unknown); papers:
    `compliance.documents` through `papers_until`, that day included; roster: `service.roster` (every hour of the sale with two trained people);
    pages: `compliance.homepage`; backlog: `campaign.unshipped` (nothing overdue before the day). `items`: what does not pass, with its
    number and its sentence; `checks`: all. One failure is a no-go, whatever is unknown; without one, one unknown leaves the whole
    unknown. What no data tells stays with people: coupons tried by hand, packing capacity, robot and quick replies, alerts received, rollback.
    """
    rows = asked(_CHECKS, frames, ask)
    facts = of_every_shop(ask, by_check(rows, _CHECKS))
    return Answer(_ready_verdicts(facts, ask), {"items": rows.filter(pl.col("status") != PASS), "checks": rows})


def _ready_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    total, stopped = len(_CHECKS), pl.col("failed") > 0
    zh = pl.format(f"不可上线：{{}}/{total}项不通过（{{}}），{{}}项未知", "failed", "failed_zh", "unknown")
    en = pl.format(f"no-go: {{}} of {total} checks fail ({{}}), {{}} unknown", "failed", "failed_en", "unknown")
    return verdicts(
        ask,
        facts,
        zh=pl.when(stopped).then(zh).otherwise(pl.lit(f"可上线：{total}项检查全部通过")),
        en=pl.when(stopped).then(en).otherwise(pl.lit(f"go: all {total} checks pass")),
        lacks=[
            Lack(
                pl.col(f"unsure_{check.name}").is_not_null(),
                pl.format(f"{check.name}: {{}}", f"unsure_{check.name}"),
                pl.format(f"{check.zh}：{{}}", f"unsure_zh_{check.name}"),
            )
            for check in _CHECKS
        ],
        decided=stopped,
    )


# --- campaign.audiences --------------------------------------------------------------------------------------------


class Audiences(Params):
    """Whom to write to after the day. `since`, `until`: the campaign (anchor, anchor +/- duration, or ISO time).

    `lookback`: whoever bought this long before the campaign counts as a customer who could have come.
    """

    since: str = "day"
    until: str = "day + 24h"
    lookback: Days = timedelta(days=365)


@automation(
    "campaign.audiences",
    zh="活动后触达人群",
    en="Two audiences after the campaign: buyers and customers who did not buy",
    reads=("orders",),
    serves=("A8",),
    params=Audiences,
)
def audiences(frames: Frames, ask: Ask) -> Answer:
    """Two audiences that share nobody: `buyers` of the campaign (photo-review gift, no rating demanded) and `non_buyers`
    (return coupon): customers of the lookback and people who ordered in the campaign without paying.

    Whoever has a refund on an order of the campaign stands in `suppressed` and in neither audience.
    """
    window, missing, zh = window_of(ask.params.since, ask.params.until, ask)
    if window is None:
        return Answer(unknown_for_all(ask, missing, zh), audience_lists(campaign_people({}, ask, Window(ask.as_of, ask.as_of))[0]))
    people, orders = campaign_people(frames, ask, window)
    facts = of_every_shop(ask, audience_facts(orders, people)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_audience_verdicts(facts, ask), audience_lists(people))


def _audience_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = [pl.col(name) for name in ("buyers", "non_buyers", "suppressed")]
    unnamed = pl.col("orders") - pl.col("known")
    return verdicts(
        ask,
        facts,
        zh=pl.format("购买{}人，未购买{}人，因退款不打扰{}人；{}单买家不明", *counts, unnamed),
        en=pl.format("{} buyers, {} customers who did not buy, {} held back for refunds; {} orders of unknown buyers", *counts, unnamed),
        lacks=[
            Lack(pl.col("orders") == 0, "orders: none", "没有订单数据"),
            Lack(
                (pl.col("orders") > 0) & (pl.col("known") == 0),
                pl.format("orders.buyer_id: 0 of {} orders", pl.col("orders")),
                pl.format("{}单订单的买家全部不明", pl.col("orders")),
            ),
        ],
    )
