"""Goods: what each item is for, what is missing, what it must cost at least, what to order, launch, re-price, rework and remove."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from ecops.automation import Answer, Ask, Fen, Frames, Params, Percent, automation
from ecops.shop.kinds import ALL
from tasks._classes import CLASSES, UNDER_COST, class_facts, class_shares, classed
from tasks._first_stock import competitor_figures, order_facts, stock_orders
from tasks._floors import floor_facts, priced
from tasks._locks import Locks, has_calendar
from tasks._needs import coverage_facts, need_matrix, need_sums
from tasks._protection import liabilities, price_moves, protected_lines, protection_facts
from tasks._repricing import PROPOSED, REPRICED, proposal, reprice_facts, rival_offers, triggered
from tasks._rows import duration_text, known, percent, percent_text, yuan
from tasks._sell_through import CULL_LISTS, fate_counts, fate_of, report_days, sell_through
from tasks._trains import TimeOfDay, Train, Weekdays, next_trains, passengers, train_facts
from tasks._turnover import ALERTS, TURNED, turned, turnover_facts
from tasks._verdicts import Lack, of_every_shop, verdicts
from tasks._weak_pages import against_others, carts_of_items, titles_to_mend
from tasks._windows import DayWindow, Days, days_before, today

# --- goods.cull ----------------------------------------------------------------------------------------------------


class Cull(Params):
    """What sells too little to stay.

    `max_sell_through`: strictly under it an item is a candidate. `grace`: items listed more recently are left alone.
    `min_days`: distinct days of reports a shop needs, all of the window unless told. `opening_within`: how far from the
    first day of the window the item's stock may have been counted.
    """

    window: Days = timedelta(days=30)
    max_sell_through: Percent = Decimal("0.05")
    grace: Days = timedelta(days=30)
    min_days: int | None = None
    opening_within: Days = timedelta(days=7)


@automation(
    "goods.cull",
    zh="低动销淘汰清单",
    en="List items with too low a sell-through",
    reads=("items", "item_days", "stock"),
    serves=("G6", "D2", "D4"),
    params=Cull,
)
def cull(frames: Frames, ask: Ask) -> Answer:
    """Items whose units sold / (opening stock + receipts) over the window is strictly under `max_sell_through`.

    Opening stock is that of the item's first stock row in the window, or what its last row before it closed with. An
    item absent from a complete set of day reports sold nothing (`reported_days` 0). New items and items booked for a
    campaign are `excluded`; stock 0 or unknown, sales or age unknown: `unknown_items`; more sold than there was: `flagged`.
    """
    window = days_before(ask, ask.params.window)
    items = sell_through(frames, ask, window)
    reported = report_days(frames, ask, window)
    fate = items.with_columns(fate=fate_of(ask)).sort("shop", "sell_through", "item_id", nulls_last=True)
    lists = {name: fate.filter(pl.col("fate") == name).select(columns) for name, columns in CULL_LISTS.items()}
    facts = reported.join(fate_counts(fate), on="shop", how="full", coalesce=True)
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_cull_verdicts(facts, ask, window), lists)


def _cull_verdicts(facts: pl.DataFrame, ask: Ask, window: DayWindow) -> pl.DataFrame:
    line, needed = percent_text(ask.params.max_sell_through), ask.params.min_days or window.days
    judged = pl.col("items") + pl.col("kept")
    counts = (pl.col("items"), judged, pl.col("excluded"), pl.col("unknown_items"), pl.col("flagged"))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{window.days}天动销率<{line}：{{}}/{{}}款；排除{{}}款，{{}}款无法判断，{{}}款销量大于库存", *counts),
        en=pl.format(
            f"{{}} of {{}} items sold under {line} of their stock in {window.days} days; {{}} excluded, {{}} unknown, {{}} sold more than there was",
            *counts,
        ),
        lacks=[
            Lack(pl.col("stock_rows") == 0, "stock: none", "没有库存数据"),
            Lack(
                pl.col("days") < needed,
                pl.format(f"item_days: {{}} of {needed} days", pl.col("days")),
                pl.format(f"商品日报只有{{}}天，需要{needed}天", pl.col("days")),
            ),
            Lack(
                (pl.col("stock_rows") > 0) & (judged + pl.col("excluded") == 0),
                pl.format("stock: 0 of {} items", pl.col("unknown_items") + pl.col("flagged")),
                pl.format("{}款商品都没有可用的库存或销量", pl.col("unknown_items") + pl.col("flagged")),
            ),
        ],
    )


# --- goods.first_stock ---------------------------------------------------------------------------------------------


class FirstStock(Params):
    """How much to order first. `statistic`: which figure of several competitors counts. `default_pack`: pack size of an
    item whose own is unknown (marked `pack_assumed`). `max_months`: how many months back a figure may lie.
    `cash_limit`: yuan for the whole order of a shop.
    """

    factor: Decimal = Decimal("1.2")
    statistic: Literal["max", "median", "top3_mean"] = "median"
    default_pack: int = 1
    max_months: int = 3
    cash_limit: Fen | None = None


@automation(
    "goods.first_stock",
    zh="首批备货量",
    en="Work out the first stock order from competitors' monthly sales",
    reads=("competitor_items", "items", "item_days"),
    serves=("R7",),
    params=FirstStock,
)
def first_stock(frames: Frames, ask: Ask) -> Answer:
    """ceil(competitor monthly sales x factor / pack) x pack, in whole numbers, for each of our items with competitors.

    The month is the item's newest complete one. "1000+" counts as 1000 and marks the item `lower_bound`; an index or any
    other text is no count and stands in `ignored`; an item with no count at all stands in `unknown_items`. `own_monthly`: what the
    shop itself sold of it in the 30 days before, to hold the order against; null where a day's report lacks it.
    """
    figures = competitor_figures(frames, ask)
    orders = stock_orders(figures, frames, ask)
    known_items = orders.filter(pl.col("reason").is_null()).drop("reason")
    unknown = orders.filter(pl.col("reason").is_not_null()).select("shop", "item_id", "title", "reason")
    ignored = figures.filter(pl.col("reason").is_not_null()).select(
        "shop", "item_id", "competitor", "competitor_item_id", "month", "monthly_sales", "reason"
    ).sort("shop", "item_id", "competitor", "competitor_item_id", "month")
    facts = of_every_shop(ask, order_facts(known_items, unknown, ignored)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_stock_verdicts(facts, ask), {"items": known_items, "unknown_items": unknown, "ignored": ignored})


def _stock_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    limit = ask.params.cash_limit
    over = pl.col("order_fen") > pl.lit(limit, dtype=pl.Int64)
    counts = (pl.col("items"), pl.col("units"), pl.col("bounds"), pl.col("unknown"), yuan(pl.col("order_fen")))
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}款首批备货共{}件（{}款为下限），{}款无法判断；已知成本合计{}元{}", *counts, _when(over, "，超出资金上限")),
        en=pl.format(
            "{} items, {} units in the first order ({} from a lower bound), {} unknown; {} yuan of known cost{}",
            *counts,
            _when(over, ", over the cash limit"),
        ),
        lacks=[
            Lack(
                pl.col("items") == 0,
                pl.format("competitor_items: no monthly count ({} rows ignored)", pl.col("ignored")),
                pl.format("竞品没有可用的月销量（{}行被排除）", pl.col("ignored")),
            ),
            Lack(
                pl.lit(limit is not None) & (pl.col("uncosted") > 0) & ~over.fill_null(False),
                pl.format("items.cost_fen: {} of {} items without cost", pl.col("uncosted"), pl.col("items")),
                pl.format("{}款没有成本，无法核对资金上限", pl.col("uncosted")),
            ),
        ],
    )


def _when(condition: pl.Expr, text: str) -> pl.Expr:
    return pl.when(condition.fill_null(False)).then(pl.lit(text)).otherwise(pl.lit(""))


# --- goods.floor_price ---------------------------------------------------------------------------------------------


class FloorPrice(Params):
    """Below which price an item loses the wanted margin. `fees`: platform and payment fees as a share of the price.
    `extra_cost`: yuan a unit beside the item's cost (packing, freight).
    """

    target_margin: Percent = Decimal("0.2")
    fees: Percent = Decimal("0.05")
    extra_cost: Fen = 0

    @model_validator(mode="after")
    def _leave_something_for_the_cost(self) -> "FloorPrice":
        if self.target_margin + self.fees >= 1 or self.fees < 0:
            raise ValueError("target_margin and fees together must be under 100%, and fees not negative")
        return self


@automation(
    "goods.floor_price",
    zh="保底价检查",
    en="Check prices against the floor that cost, fees and margin set",
    reads=("items",),
    serves=("G3", "M3"),
    params=FloorPrice,
)
def floor_price(frames: Frames, ask: Ask) -> Answer:
    """floor = full cost / (1 - target margin - fees), rounded up to a fen; items on sale under it are listed.

    An item without cost or price stands in `unknown_items` and makes the verdict unknown, unless an item under its
    floor already decides it. `margin` is what the present price leaves of itself after cost and fees.
    """
    items = priced(frames, ask)
    below = items.filter(pl.col("reason").is_null(), pl.col("price_fen") < pl.col("floor_fen")).drop("reason")
    unknown = items.filter(pl.col("reason").is_not_null()).select("shop", "item_id", "title", "price_fen", "cost_fen", "reason")
    floors = items.filter(pl.col("reason").is_null()).drop("reason")
    facts = of_every_shop(ask, floor_facts(items)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_floor_verdicts(facts, ask), {"items": below, "unknown_items": unknown, "floors": floors})


def _floor_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    counts = (pl.col("below"), pl.col("sure"), percent(pl.col("worst")), pl.col("items") - pl.col("sure"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}/{}款低于保底价，最低毛利率{}；{}款无法判断", *counts),
        en=pl.format("{} of {} items are priced under their floor, the lowest margin is {}; {} unknown", *counts),
        lacks=[
            Lack(pl.col("items") == 0, "items: none on sale", "没有在售商品"),
            Lack(
                pl.col("items") > pl.col("sure"),
                pl.format("items: {} of {} have cost and price", pl.col("sure"), pl.col("items")),
                pl.format("{}款商品中只有{}款有成本和价格", pl.col("items"), pl.col("sure")),
            ),
        ],
        decided=pl.col("below") > 0,
    )


# --- goods.classify ------------------------------------------------------------------------------------------------


class Classify(Params):
    """Where the classes of the item matrix begin; nothing states it, so each is a choice. `traffic_price`: yuan up to which
    an item draws traffic (9.9 in the usual example); without it, the cheapest `traffic_share` of the shop's items.
    `image_price`: from which on it carries the image; without it, the dearest `image_share`. `profit_margin`: gross margin
    from which on an item between them earns. `window`: the days of sales whose shares are shown.
    """

    traffic_price: Fen | None = None
    traffic_share: Percent = Decimal("0.3")
    image_price: Fen | None = None
    image_share: Percent = Decimal("0.1")
    profit_margin: Percent = Decimal("0.4")
    window: Days = timedelta(days=30)

    @model_validator(mode="after")
    def _keep_the_classes_apart(self) -> "Classify":
        if self.traffic_price is not None and self.image_price is not None and self.traffic_price >= self.image_price:
            raise ValueError("traffic_price must be under image_price, or an item is in both classes")
        return self


@automation(
    "goods.classify",
    zh="引流/利润/形象款矩阵",
    en="Class the items on sale as traffic, profit or image items",
    reads=("items", "item_days"),
    serves=("G2", "R4"),
    params=Classify,
)
def classify(frames: Frames, ask: Ask) -> Answer:
    """One class an item on sale, by price first and then by gross margin = (price - cost) / price; a person confirms.

    Items of one price stay together: a price belongs to the cheapest share only if all its items do. Between the price bands,
    an item under `profit_margin` is in no class (`none`). `also_profit`: a traffic or image item whose margin would make it a
    profit item too. Cost or price unknown: `unknown_items`, and the shares are not known; sold under cost: `flagged`, in no class.
    `pay_amount_fen` is what the reports of the window name; null where none names the item.
    """
    rows = classed(frames, ask)
    items = rows.filter(pl.col("reason").is_null()).drop("reason")
    wrong = rows.filter(pl.col("reason").is_not_null()).select("shop", "item_id", "title", "price_fen", "cost_fen", "reason")
    under_cost = pl.col("reason") == UNDER_COST
    lists = {"items": items, "classes": class_shares(items), "unknown_items": wrong.filter(~under_cost), "flagged": wrong.filter(under_cost)}
    facts = of_every_shop(ask, class_facts(rows)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_class_verdicts(facts, ask), lists)


def _class_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    sure = pl.sum_horizontal(*CLASSES)
    shares = (text for name in CLASSES[:3] for text in (pl.col(name), percent(pl.col(name) / sure)))
    counts = (*shares, pl.col("none"), pl.col("flagged"))
    priced = pl.col("on_sale") - pl.col("unsure")
    return verdicts(
        ask,
        facts,
        zh=pl.format("引流{}款（{}）、利润{}款（{}）、形象{}款（{}），未归类{}款；{}款售价低于成本", *counts),
        en=pl.format("traffic {} ({}), profit {} ({}), image {} ({}), in no class {}; {} sold under cost", *counts),
        lacks=[
            Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品（缺商品）"),
            Lack(
                pl.col("unsure") > 0,
                pl.format("items: {} of {} have cost and price", priced, pl.col("on_sale")),
                pl.format("{}款商品中只有{}款有成本和价格（补商品的成本、价格两列）", pl.col("on_sale"), priced),
            ),
            Lack(
                (pl.col("on_sale") > 0) & (pl.col("unsure") == 0) & (sure == 0),
                pl.format("items: all {} are sold under cost", pl.col("flagged")),
                pl.format("{}款商品的售价都低于成本，请核对成本和价格", pl.col("flagged")),
            ),
        ],
    )


# --- goods.coverage ------------------------------------------------------------------------------------------------


class Coverage(Params):
    """`min_items`: items on sale that a need wants to count as covered."""

    min_items: int = Field(1, ge=1)


@automation(
    "goods.coverage",
    zh="需求与SKU覆盖",
    en="List the needs that no item on sale covers",
    reads=("needs", "items"),
    serves=("R4",),
    params=Coverage,
)
def coverage(frames: Frames, ask: Ask) -> Answer:
    """The matrix need x item as kept by hand, and in `items` the needs with fewer than `min_items` items on sale, the weightiest first.

    A need with item `*` is written down but set against no item: that is a gap. An item the catalogue does not have, or of
    which nobody knows whether it is on sale, covers nothing and stands in `unknown_items`; `idle` are items on sale that serve
    no need. A need's weight is the largest its rows give; needs without one come last.
    """
    matrix = need_matrix(frames, ask)
    gaps = need_sums(matrix).filter(pl.col("items_on_sale") < ask.params.min_items)
    idle = (
        known(frames, "items", ask).filter(pl.col("on_sale")).select("shop", "item_id", "title").collect()
        .join(matrix, on=["shop", "item_id"], how="anti").join(matrix.select("shop").unique(), on="shop", how="semi").sort("shop", "item_id")
    )  # fmt: skip
    unknown = matrix.filter(pl.col("reason").is_not_null()).select("shop", "need", "item_id", "title", "reason")
    facts = of_every_shop(ask, coverage_facts(frames, ask, matrix)).with_columns(pl.exclude("shop", "heaviest").fill_null(0))
    lists = {"items": gaps, "matrix": matrix.filter(pl.col("item_id") != ALL).drop("reason"), "unknown_items": unknown, "idle": idle}
    return Answer(_coverage_verdicts(facts, ask), lists)


def _coverage_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    covered = pl.col("needs") - pl.col("gaps")
    counts = (covered, pl.col("needs"), percent(covered / pl.col("needs")), pl.col("gaps"))
    heaviest = pl.when(pl.col("gaps") > 0)
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}/{}项需求有在售商品覆盖（{}），{}项缺口{}", *counts, heaviest.then(pl.format("，最重要的是“{}”", "heaviest")).otherwise(pl.lit(""))),
        en=pl.format("{} of {} needs are covered ({}), {} gaps{}", *counts, heaviest.then(pl.format(", the weightiest is {}", "heaviest")).otherwise(pl.lit(""))),
        lacks=[
            Lack(pl.col("needs") == 0, "needs: none", "没有需求与商品的对照表（缺需求覆盖）"),
            Lack((pl.col("needs") > 0) & (pl.col("goods") == 0), "items: none", "没有商品目录（缺商品）"),
            Lack(
                (pl.col("goods") > 0) & (pl.col("unsure") > 0),
                pl.format("items: {} uncovered needs name items not known to be on sale", pl.col("unsure")),
                pl.format("{}项需求所列商品不在目录或不知是否在售（补商品）", pl.col("unsure")),
            ),
        ],
    )


# --- goods.turnover ------------------------------------------------------------------------------------------------


class Turnover(Params):
    """When stock is too little or too much; the levels are choices. `low_cover`: fewer days of cover than this run out;
    `high_cover`: more days than this stand still. `min_days`: distinct days of reports a shop needs, all of the window unless told.
    """

    window: Days = timedelta(days=30)
    low_cover: Days = timedelta(days=7)
    high_cover: Days = timedelta(days=90)
    min_days: int | None = None


@automation(
    "goods.turnover",
    zh="库存周转监控",
    en="Watch stock turnover: what runs out, what stands still",
    reads=("items", "item_days", "stock", "purchases"),
    serves=("G4",),
    params=Turnover,
)
def turnover(frames: Frames, ask: Ask) -> Answer:
    """Turns = units sold / average stock (mean of each day's opening and closing), days of cover = stock / mean daily sales.

    An item's cost is on both sides, so units stand for cost of goods. Days on which the item had nothing to sell (opening and
    receipts 0) do not count as days of sale: what was not there could not sell. `items` are the alerts, the most urgent first:
    `stock_out` (none left, sold in the window), `low` (cover < `low_cover`), `no_sales` (stock and nothing sold: endless, not a
    number of days), `slow` (cover > `high_cover`). `coming_units`: ordered and not received. Negative stock, no count, or a
    count older than the newest report: `unknown_items`. An item absent from a complete set of reports sold nothing.
    """
    window = days_before(ask, ask.params.window)
    rows = turned(frames, ask, window)
    lists = {
        "items": rows.filter(pl.col("alert").is_not_null()).select(TURNED),
        "all": rows.filter(pl.col("reason").is_null()).select(TURNED),
        "unknown_items": rows.filter(pl.col("reason").is_not_null()).select("shop", "item_id", "title", "counted_on", "stock_units", "reason"),
    }
    facts = report_days(frames, ask, window).join(turnover_facts(rows), on="shop", how="full", coalesce=True)
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_turnover_verdicts(facts, ask, window), lists)


def _turnover_verdicts(facts: pl.DataFrame, ask: Ask, window: DayWindow) -> pl.DataFrame:
    needed = ask.params.min_days or window.days
    low, high = ask.params.low_cover.days, ask.params.high_cover.days
    counts = (*(pl.col(name) for name in ("sure", *ALERTS)), pl.col("unsure"))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}款：断货{{}}款，可售不足{low}天{{}}款，{window.days}天无销量{{}}款，可售超过{high}天{{}}款；{{}}款无法判断", *counts),
        en=pl.format(f"{{}} items: {{}} out of stock, {{}} under {low} days of cover, {{}} without a sale, {{}} over {high} days; {{}} unknown", *counts),
        lacks=[
            Lack(pl.col("stock_rows") == 0, "stock: none", "没有库存数据（缺库存）"),
            Lack(
                pl.col("days") < needed,
                pl.format(f"item_days: {{}} of {needed} days", pl.col("days")),
                pl.format(f"商品日报只有{{}}天，需要{needed}天（缺商品日报）", pl.col("days")),
            ),
            Lack(
                (pl.col("stock_rows") > 0) & (pl.col("sure") == 0),
                pl.format("stock: 0 of {} items usable", pl.col("unsure")),
                pl.format("{}款商品都没有可用的库存（补库存）", pl.col("unsure")),
            ),
        ],
    )


# --- goods.price_protection ----------------------------------------------------------------------------------------


class PriceProtection(Params):
    """`days`: how long a buyer's price is protected, counted in days of the shop: paid on the day of the drop is day 0, a
    purchase of day 30 may claim, one of day 31 may not. `stale_after`: without a newer order line the liability would be too small.
    """

    days: Days = timedelta(days=30)
    stale_after: Days = timedelta(days=7)


@automation(
    "goods.price_protection",
    zh="保价30天差价责任",
    en="What earlier buyers may claim when a price falls",
    reads=("price_changes", "order_lines", "orders", "items"),
    serves=("D4p",),
    params=PriceProtection,
)
def price_protection(frames: Frames, ask: Ask) -> Answer:
    """For every price planned in `price_changes`, or changed within the protected days: what buyers before it may claim.

    Due of a line = max(0, paid - new price x units), which is max(0, paid unit price - new price) for each piece. Paid is what
    the line itself states; where it does not, what the order paid (without postage) is spread over its lines by value, the
    fen that remain on the last line. The new price is the one buyers will pay: put a price after coupons there if a coupon
    goes with it. Lines refunded in full may claim nothing; lines refunded in part, with an open refund or an unknown amount
    are `unsure` and not in the sum. `items`: one row a price change with its liability, the planned ones first, then the
    largest; `claims`: its lines. A planned change's liability is that of today: sales until then add to it.
    """
    moves = price_moves(frames, ask)
    # a line of which nothing is due is in neither list: millions of them are not sorted
    due = protected_lines(frames, ask, moves).filter(pl.col("due_fen").fill_null(1) > 0)
    lines = due.select(*_CLAIM, "changed_at", "why", "paid_at", "nth").sort("nth", "paid_at", "order_id", "line_id").collect()
    claims = lines.filter(pl.col("why").is_null(), pl.col("due_fen") > 0)
    unsure = lines.filter(pl.col("why").is_not_null(), pl.col("due_fen").fill_null(1) > 0)
    items = liabilities(frames, ask, moves, claims, unsure)
    facts = of_every_shop(ask, protection_facts(frames, ask, items)).with_columns(pl.exclude("shop", "since", "newest", "short", "stale").fill_null(0))
    lists = {"items": items, "claims": claims.select(_CLAIM), "unsure": unsure.select(*_CLAIM, "why")}
    return Answer(_protection_verdicts(facts, ask), lists)


_CLAIM = (
    "shop", "item_id", "order_id", "line_id", "buyer_id", "sku", "paid_on", "days_ago", "units", "kept_fen", "spread", "drop_on", "new_fen",
    "due_fen", "planned",
)  # fmt: skip


def _protection_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, moved = ask.params.days.days, (pl.col("planned") + pl.col("made")) > 0
    counts = (pl.col("planned"), yuan(pl.col("planned_fen")), pl.col("made"), yuan(pl.col("made_fen")), pl.col("orders"), pl.col("units"), pl.col("unsure"))
    short, stale = moved & (pl.col("lines") > 0) & pl.col("short"), moved & (pl.col("lines") > 0) & pl.col("stale")
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"保价{days}天：计划调价{{}}次，应补{{}}元；已调价{{}}次，应补{{}}元；共{{}}单{{}}件，另有{{}}行须人工核对", *counts),
        en=pl.format(
            f"{days} days of price protection: {{}} planned changes cost {{}} yuan, {{}} made cost {{}} yuan; {{}} orders, {{}} pieces, {{}} lines unsure",
            *counts,
        ),
        lacks=[
            Lack(pl.col("changes") == 0, "price_changes: none", "没有计划或已做的调价记录（缺调价）"),
            Lack(moved & (pl.col("lines") == 0), "order_lines: none", "没有订单明细，无法计算差价（缺订单明细）"),
            Lack(
                short,
                pl.format(f"order_lines: only since {{}}, {days} days before the change are needed", pl.col("since")),
                pl.format(f"订单明细从{{}}才开始，需要调价前{days}天（补导订单明细）", pl.col("since")),
            ),
            Lack(stale, pl.format("order_lines: none since {}", pl.col("newest")), pl.format("订单明细只到{}（补导订单明细）", pl.col("newest"))),
        ],
    )


# --- goods.reprice -------------------------------------------------------------------------------------------------


class Reprice(FloorPrice):
    """When a move is worth a new price, and how far it may go; all of it choices. `target_margin`, `fees`, `extra_cost` as in
    `goods.floor_price`.

    `min_move`: a competitor's price, or the cost of a delivery, has to move by this share. `against`: the `lowest` or the lower `median`
    of the competitors' prices is followed. `max_step`: how far one proposal goes; `min_change`: less is no proposal.
    `seen_within`: days back a price may have been collected; `cost_within`: days back a delivery counts as news. `doubt_drop`: a
    price that fell by this share at once is taken for a price after a coupon. `unit_ratio`: so many times apart, two figures are taken
    for yuan and fen. `platform`, `locks`: whose campaigns lock prices, and other locks (`opens/closes; ...`). `deposit_holds`: days a
    deposit still counts after its window. `watch`: what has to be there for the answer, `both` feeds, or `rivals` or `costs` alone.
    """

    min_move: Percent = Field(Decimal("0.05"), gt=0, lt=1)
    against: Literal["lowest", "median"] = "lowest"
    max_step: Percent = Field(Decimal("0.2"), gt=0, lt=1)
    min_change: Percent = Field(Decimal("0.01"), gt=0, lt=1)
    seen_within: Days = timedelta(days=14)
    cost_within: Days = timedelta(days=30)
    doubt_drop: Percent = Field(Decimal("0.4"), gt=0, lt=1)
    unit_ratio: int = Field(20, ge=2)
    platform: str = "tmall"
    locks: Locks = Field(default="", validate_default=True)
    deposit_holds: Days = timedelta(days=7)
    watch: Literal["both", "rivals", "costs"] = "both"


@automation(
    "goods.reprice",
    zh="调价建议",
    en="Propose new prices after a competitor's move or a new cost",
    reads=("items", "competitor_items", "price_changes", "purchases", "promotions"),
    serves=("G3", "D3p"),
    params=Reprice,
)
def reprice(frames: Frames, ask: Ask) -> Answer:
    """Items on sale that a move touches: a competitor's price that changed since our own last change, or a delivery at another cost.

    `items`, the proposals: after a competitor's move the reference price of `against`, after a new cost alone the price that keeps the
    margin's share, one `max_step` at most; never under the floor at the dearer of the catalogue's and the last delivery's cost
    (`at_floor`). `held`, no proposal and why: a price lock first. From the first warm-up or deposit of an official campaign to the last
    second of its sale the price of a booked item is locked, as it is while a pre-sale of the item runs; an item of which nobody knows
    whether it is booked counts as booked. `doubtful`: competitors' prices not taken at their word: after a coupon (said so, or fell by
    `doubt_drop` at once), or so far from ours that yuan and fen are mixed up. `unknown_items`: cost or price unknown, or of mixed units.
    """
    offers = rival_offers(frames, ask)
    rows = triggered(frames, ask, offers)
    sure, free = pl.col("reason").is_null(), pl.col("held").is_null()
    lists = {
        "items": rows.filter(sure, free).with_columns(**proposal()).select(PROPOSED),
        "held": rows.filter(sure, ~free).select(*REPRICED, reason="held"),
        "doubtful": offers.filter(pl.col("doubt").is_not_null()).select(
            "shop", "item_id", "competitor", "competitor_item_id", "title", "seen_on", "was_fen", "now_fen", reason="doubt"
        ),
        "unknown_items": rows.filter(~sure).select(*REPRICED, "reason"),
    }  # fmt: skip
    facts = of_every_shop(ask, reprice_facts(frames, ask, rows, lists)).with_columns(pl.exclude("shop", "seen_on").fill_null(0))
    return Answer(_reprice_verdicts(facts, ask), lists)


def _reprice_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    seen, year = duration_text(ask.params.seen_within), today(ask).year
    counts = tuple(pl.col(name) for name in ("touched", "items", "at_floor", "held", "locked", "unknown_items", "doubtful"))
    newest = pl.col("seen_on").cast(pl.String).fill_null("-")
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}款受竞品调价或成本变动影响：{}款建议调价（{}款止于保底价），{}款暂不调（{}款在价格锁定期），{}款无法判断；{}条竞品价存疑", *counts),
        en=pl.format("{} items touched by a move: {} proposals ({} stopped by the floor), {} held ({} in a price lock), {} unknown; {} competitors' prices in doubt", *counts),
        lacks=[
            Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品（缺商品）"),
            Lack(
                pl.lit(ask.params.watch != "costs") & (pl.col("offers") == 0),
                pl.format(f"competitor_items: no price set against our items within {seen} (newest {{}})", newest),
                pl.format(f"{seen}内没有对应本店商品的竞品价（最近{{}}）", newest),
            ),
            Lack(pl.lit(ask.params.watch != "rivals") & (pl.col("deliveries") == 0), "purchases: no delivery with a cost", "没有带成本的到货记录（缺采购）"),
            Lack(
                pl.lit(not has_calendar(ask)),
                f"calendar: nothing for {ask.params.platform} in {year}, so price locks are unknown (give `locks`)",
                f"没有{ask.params.platform}{year}年的活动日历，不知是否在价格锁定期（可用locks填写）",
            ),
            Lack(pl.col("unknown_items") > 0, pl.format("items: {} touched items without a sure cost or price", "unknown_items"), pl.format("{}款受影响的商品成本或价格不明", "unknown_items")),
        ],
        decided=pl.lit(has_calendar(ask)) & (pl.col("items") > 0),
    )  # fmt: skip


# --- goods.launch_train --------------------------------------------------------------------------------------------


class LaunchTrain(Params):
    """`weekdays`: when new items go live. `departs`: local time until which an item boards the train of the day. `holiday`: what becomes of
    a train on a public holiday: it leaves on the `next` working day, is left out (`skip`) or leaves all the same (`keep`).
    `stock_within`: days back the stock may have been counted; `min_stock`: pieces an item needs. `title_width`: what a title may hold,
    Chinese characters count 2 (Taobao: 60). `patience`: an item whose listing day passed longer ago and is not on sale is no new item.
    """

    weekdays: Weekdays = "Tue, Fri"
    departs: TimeOfDay = "10:00"
    holiday: Literal["next", "skip", "keep"] = "next"
    stock_within: Days = timedelta(days=7)
    min_stock: int = Field(1, ge=1)
    title_width: int = Field(60, ge=1)
    patience: Days = timedelta(days=28)


@automation(
    "goods.launch_train",
    zh="上新列车",
    en="Which new items board the next launch train, and what keeps the others back",
    reads=("items", "item_days", "stock"),
    serves=("D1w",),
    params=LaunchTrain,
)
def launch_train(frames: Frames, ask: Ask) -> Answer:
    """New items (not on sale, named by no report yet) against the gate: title within the limit, price, stock counted, detail text, clean scan.

    `items` board the next train, for a person to send off; `waiting` wait for the one after it, `missing` and `zh` say for what. What is
    unknown keeps an item back as what is wrong does, and so does a scan with a term to review. `trains`: the next two, `planned` the
    weekday each stands for. A train on a public holiday leaves on the next working day (`holiday`); two that fall on one day are one.
    Where the holidays of the year are not announced the answer is unknown, for the day may be one.
    """
    first, second = next_trains(ask)
    rows = passengers(frames, ask)
    on_board = pl.col("missing") == ""
    trains = pl.DataFrame([vars(first), vars(second)], schema={"leaves_on": pl.Date, "planned": pl.Date, "unsure": pl.Boolean})
    shops = pl.DataFrame({"shop": ask.shops}, schema={"shop": pl.String})
    lists = {
        "items": rows.filter(on_board).drop("missing", "zh").with_columns(leaves_on=pl.lit(first.leaves_on)),
        "waiting": rows.filter(~on_board).with_columns(waits_for=pl.lit(second.leaves_on)),
        "trains": shops.join(trains, how="cross", maintain_order="left_right"),
    }
    facts = of_every_shop(ask, train_facts(frames, ask, rows)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_train_verdicts(facts, ask, first, second), lists)


def _train_verdicts(facts: pl.DataFrame, ask: Ask, first: Train, second: Train) -> pl.DataFrame:
    age, new = duration_text(ask.params.stock_within), pl.col("boards") + pl.col("waits")
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"下一班{first.zh()}：{{}}款可上新，{{}}款等{second.leaves_on}", "boards", "waits"),
        en=pl.format(f"the train of {first.leaves_on}: {{}} items board, {{}} wait for {second.leaves_on}", "boards", "waits"),
        lacks=[
            Lack(pl.col("goods") == 0, "items: none", "没有商品目录（缺商品）"),
            Lack(
                (new > 0) & (pl.col("uncounted") == new),
                pl.format(f"stock: none of {{}} new items counted within {age}", new),
                pl.format(f"{{}}款新品在{age}内都没有库存数据（缺库存）", new),
            ),
            Lack(
                pl.lit(first.unsure),
                f"holidays: those of {first.planned.year} are not announced",
                f"{first.planned.year}年放假安排尚未公布，不能确定{first.planned}是否放假",
            ),
        ],
    )


# --- goods.weak_pages ----------------------------------------------------------------------------------------------


class WeakPages(Params):
    """`window`: days of reports; `min_days`: distinct days a shop needs, all of the window unless told. `ratio`: a page is weak when the
    upper 95 % bound of its rate is under this share of the level of the others (70 %, a choice). `min_visitors`: with fewer an item is
    thin and never weak, and fewer are no level to hold one against; `min_peers`: so many other items make a level.
    `title_width`: what a title may hold, Chinese characters count 2 (Taobao: 60). `max_repeats`: a word more often in a title is
    stuffing.
    """

    window: Days = timedelta(days=14)
    min_days: int | None = None
    ratio: Percent = Field(Decimal("0.7"), gt=0, le=1)
    min_visitors: int = Field(100, ge=1)
    min_peers: int = Field(3, ge=1)
    title_width: int = Field(60, ge=1)
    max_repeats: int = Field(2, ge=1)


@automation(
    "goods.weak_pages",
    zh="详情页弱项",
    en="Pages whose visitors put little in the cart, and titles to mend",
    reads=("item_days", "items"),
    serves=("G5", "U8", "D5"),
    params=WeakPages,
)
def weak_pages(frames: Frames, ask: Ask) -> Answer:
    """Add-to-cart rate = cart users / visitors, both summed over the window, against the other items of the category, else of the shop.

    `items`: pages whose rate is surely low (Wilson's upper 95 % bound under `ratio` x level), by the cart users they lose against the
    level: rework the detail page. `pages`: every judged page. The visitors of an item are people of a day each, so the rate is that of
    visits by day. `titles`: wider than the platform takes, or one word more than `max_repeats` times (two Chinese characters, or a
    Latin word). `unknown_items`: no visitors, more cart users than visitors, figures not reported.
    """
    rows = carts_of_items(frames, ask)
    pages, titles = against_others(rows, ask), titles_to_mend(frames, ask)
    unknown = rows.filter(pl.col("reason").is_not_null()).select("shop", "item_id", "title", "visitors", "cart_users", "days", "reason")
    lists = {"items": pages.filter("weak").select(_PAGE), "pages": pages.select(*_PAGE, "weak", "thin"), "titles": titles, "unknown_items": unknown}
    days = report_days(frames, ask, days_before(ask, ask.params.window)).select("shop", "days")
    sums = pages.group_by("shop").agg(
        judged=pl.col("level").count().cast(pl.Int64), thin=pl.col("thin").sum().cast(pl.Int64),
        visitors=pl.col("visitors").sum(), carts=pl.col("cart_users").sum(),
    )
    facts = days.join(sums, on="shop", how="left")
    for name, frame in (("weak", lists["items"]), ("titles", titles), ("unsure", unknown)):
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="full", coalesce=True)
    facts = of_every_shop(ask, facts).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_page_verdicts(facts, ask), lists)


_PAGE = ("shop", "item_id", "title", "category", "visitors", "cart_users", "rate", "upper", "level", "level_of", "peers", "lost_carts")


def _page_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    span = ask.params.window.days
    needed = ask.params.min_days or span
    counts = (pl.col("weak"), pl.col("judged"), percent(pl.col("carts") / pl.col("visitors")), pl.col("thin"), pl.col("unsure"), pl.col("titles"))
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{span}天{{}}/{{}}款加购率明显偏低（本店{{}}），建议改详情页；{{}}款访客偏少，{{}}款无法判断；{{}}个标题要改", *counts),
        en=pl.format(f"{{}} of {{}} pages convert visitors to carts surely below the others in {span} days (shop {{}}); {{}} thin, {{}} unknown; {{}} titles to mend", *counts),
        lacks=[
            Lack(
                pl.col("days") < needed,
                pl.format(f"item_days: {{}} of {needed} days", pl.col("days")),
                pl.format(f"商品日报只有{{}}天，需要{needed}天（缺商品日报）", pl.col("days")),
            ),
            Lack(
                (pl.col("days") >= needed) & (pl.col("judged") == 0),
                f"item_days: no item with visitors and cart users beside {ask.params.min_peers} others",
                f"没有可比较加购率的商品（需要访客数、加购人数和至少{ask.params.min_peers}款其他商品）",
            ),
        ],
    )  # fmt: skip
