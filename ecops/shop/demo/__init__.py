"""Shops that never were, with data of every kind and a known truth: for demonstrations, rehearsals and benchmarks.

Everything follows from the seed: the same arguments give the same frames, bit for bit, and a shop's data do not change with
the number of shops beside it. The kinds agree with each other: lines add up to their orders, refunds to what orders lost,
an item's paid units, amounts and buyers of a day are those of its lines, its stock falls by them, its deliveries are purchases, its
counts are of the stock, who agreed to be written to has ordered or asked.

**Time.** What happened is the same however long the period is; later days only reveal more of it (a parcel arrives, a refund
is settled). So a longer `until` changes no order, line, traffic or stock of an earlier day. These follow `until` itself: the papers'
expiries, the last look at the home page, the purchases still on their way, and what is new or known of an item (`items.price_fen`).
Offers, shifts and price changes are plans, known at any time: shifts reach a fortnight beyond `until`, campaigns sixty days.
Another `since` gives other data.

**Truth.** A dictionary ready for JSON: `seed`, `since`, `until`, `campaign_days` (eve and day), `peaks`, `open_hour`, and
`shops`: for each shop

- about its goods: `banned_words`, `harmless_words` (item_id, where, term), `image_only`, `edge_conversion`,
  `strong_conversion` (item -> conversion), `slow`, `new`, `withdrawn`, `stocked_out` (the first one: item_id, from, until);
- counted in its orders: `orders`, `paid`, `gross_fen`, `fully_refunded`, `unshipped_48h` (order ids), `buyers`,
  `buyers_of_3` (three paid orders or more not refunded in full), `high_value` (of them those with 200 yuan an order or more);
- `planted`: a list of `{what, hit, ...}`. `hit`: whether a rule against such things should find it; where it is false, it
  is a hard negative, or only a fact to compare with. Beside it the ids (`order_ids`, `item_ids`, `refund_ids` ...), the days
  (`from`, `until`, `day`; local), the size (`fen`, `units`) as of the end of the period. An entry of planted orders is
  `whole` when the period holds all of them.

What is planted, hits on the left, what looks like them and is none on the right:

====================================================== ============================================================
brushing_ring (one address, one waybill, night)        office_group_buy, family_address (one address each), night_rush
refund_abuser                                          unlucky_buyer (real breakages)
-                                                      giant_order (288 pieces, honest)
high_value_at_edge (3 x 200.00)                        high_value_one_fen_short, high_value_one_undone, high_value_two_only
stock_out (lost units, fen and orders)                 stock_out_without_demand
`slow`, slow_item_new once it is listed for 30 days    slow_item_booked, slow_item_new before that (`until`), item_launched
`strong_conversion`                                    `edge_conversion` below 8 %, thin_conversion
`banned_words`                                         `harmless_words`
document_expired, document_expiring (<= 60 days)       document_expiring in 61 days, document_renewed, licence_without_end
document_of_another_holder, authorisation_missing      -
plan_roi_below_one, keyword_above_market               plan_learning, plan_roi_of_one, keyword_at_market, ..._without_market_price
parcel_stuck, parcel_damaged, fragile_with_carrier     parcel_far_away
dispatch_late (after 48 h), `unshipped_48h`            -
claim_after_15_days, claim_open                        claim_within_15_days
price_drop (what buyers of 30 days may claim)          -
bad_batch (one complaint of one item)                  -
search_traffic_lost, competitor_price_cut              -
unanswered_hours, slow_agent                           replies (counts of turns, within 30 s, at 30 s exactly)
small_hours_convert                                    small_hours_convert with `hit` false
offers_under_floor                                     offers_exclude_each_other, price_confirmed
purchase_overdue, supplier_late, cost_risen            purchase_due_today, purchase_on_its_way, supplier_slow_but_punctual, cost_risen_a_little
stock_count_differs                                    stock_count_within_tolerance
roster_gap, agent_untrained, agent_training_too_old    agent_temporary
score_falls                                            score_like_peers, score_dips_a_little
post_unanswered, post_unjudged                         post_answered_at_the_limit, post_copied
rule_forbids_words, rule_with_past_date                -
rule_published_twice                                   -
home_block_empty, ..._dead_link, ..._missing           -
need_uncovered, shares_do_not_add_up                   need_half_withdrawn, search_index_only
search_word_growing                                    search_word_in_titles
-                                                      consents (counts by channel), pushed (who got the last push)
====================================================== ============================================================
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from ecops.shop.availability import available_at
from ecops.shop.cells import SHOP_ZONE
from ecops.shop.demo import (
    ads,
    baskets,
    chats,
    consents,
    counts,
    days,
    demand,
    fate,
    goods,
    market,
    notices,
    offers,
    papers,
    purchases,
    reviews,
    sales,
    shifts,
    shops,
    standing,
    traffic,
    truth,
    visits,
)
from ecops.shop.demo.plan import Plan
from ecops.shop.errors import ShopDataError
from ecops.shop.kinds import INSTANT, KINDS
from ecops.shop.lake import Lake, MergeResult

__all__ = ["DemoData", "Filled", "batches", "fill", "generate", "write"]

SOURCE = "demo"
OPEN_HOUR = 20

_CAMPAIGNS = ((6, 18), (11, 11))
# A shop's day has as many report rows as 20 orders have; its goods, plans and lists, however short the period, as 400 have. So much is made at
# once, which keeps memory below 1 GiB.
_DAY_IN_ORDERS, _SHOP_IN_ORDERS, _BATCH_ORDERS = 20, 400, 80_000


@dataclass(frozen=True)
class DemoData:
    """`shops`: (key, name, platform, tags); `frames`: one for each kind; `truth`: what was planted, ready for JSON."""

    shops: list[tuple[str, str, str, tuple[str, ...]]]
    frames: dict[str, pl.DataFrame]
    truth: dict[str, object]


@dataclass(frozen=True)
class Filled:
    """What `fill` wrote: the shops, rows by kind, and the truth of them all."""

    shops: list[tuple[str, str, str, tuple[str, ...]]]
    rows: dict[str, int]
    truth: dict[str, object]


def generate(
    shops: int,
    seed: int,
    since: date,
    until: date,
    orders_per_day: int = 20,
    day: date | None = None,
    open_hour: int = OPEN_HOUR,
    platform: str | None = None,
) -> DemoData:
    """Data of `shops` shops for the days `since`..`until` (both included), as known at the end of `until`.

    `orders_per_day`: of a shop of usual size. `day`: the campaign day that peaks; every 18 June and 11 November when not
    given. Its sale opens at `open_hour`, from 12 on on the evening before. `platform`: of all shops; a mix when not given.
    Raises ShopDataError for an empty period or no shops.
    """
    plan = _plan(shops, seed, since, until, orders_per_day, day, open_hour)
    return _made(0, shops, plan, platform)


def batches(
    shops: int,
    seed: int,
    since: date,
    until: date,
    orders_per_day: int = 20,
    day: date | None = None,
    open_hour: int = OPEN_HOUR,
    platform: str | None = None,
) -> Iterator[DemoData]:
    """The same shops as `generate` makes, some at a time, for memory that does not grow with their number."""
    plan = _plan(shops, seed, since, until, orders_per_day, day, open_hour)
    each = max(1, _BATCH_ORDERS // ((orders_per_day + _DAY_IN_ORDERS) * len(plan.days) + _SHOP_IN_ORDERS))
    for first in range(0, shops, each):
        yield _made(first, min(each, shops - first), plan, platform)


def write(lake: Lake, data: DemoData, now: datetime) -> dict[str, MergeResult]:
    """Merge every frame into the lake as imported at `now` (aware); what each merge did, by kind."""
    stamp = pl.lit(now).cast(INSTANT).alias("imported_at")
    return {kind: lake.merge(kind, frame.with_columns(stamp)) for kind, frame in data.frames.items()}


def fill(lake: Lake, made: Iterator[DemoData], now: datetime) -> Filled:
    """Write `batches` into the lake one after the other."""
    named, rows, told = [], dict.fromkeys(KINDS, 0), {}
    for data in made:
        write(lake, data, now)
        named += data.shops
        rows = {kind: count + data.frames[kind].height for kind, count in rows.items()}
        told = data.truth | {"shops": told.get("shops", {}) | data.truth["shops"]}
    return Filled(named, rows, told)


def _plan(shops: int, seed: int, since: date, until: date, orders_per_day: int, day: date | None, open_hour: int) -> Plan:
    if shops < 1 or orders_per_day < 1:
        raise ShopDataError("a demo needs at least one shop and one order a day; give --shops and --orders-per-day of 1 or more")
    if until < since:
        raise ShopDataError(f"the demo's period ends on {until}, before it begins on {since}; swap --from and --until")
    if not 0 <= open_hour <= 23:
        raise ShopDataError(f"no sale opens at hour {open_hour}; give --open an hour from 0 to 23")
    yearly = tuple(date(year, month, nth) for year in range(since.year, until.year + 2) for month, nth in _CAMPAIGNS)
    return Plan(seed, since, until, orders_per_day, (day,) if day else yearly, open_hour)


def _made(first: int, count: int, plan: Plan, platform: str | None) -> DemoData:
    register = shops.register(first, count, plan, platform)
    items = goods.goods(register, plan)
    raw, told = _reports(register, items, plan)
    frames = {kind: _finished(kind, raw[kind]) if kind in raw else pl.DataFrame(schema=KINDS[kind].schema) for kind in KINDS}
    named = [
        (key, name, platform, ("demo", theme)) for key, name, platform, theme in register.select("shop", "name", "platform", "theme").iter_rows()
    ]
    return DemoData(named, frames, _told(told, plan))


def _reports(register: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> tuple[dict[str, pl.DataFrame], dict[str, dict[str, object]]]:
    """The rows of every kind with local times, and the truth of the shops."""
    ordered = demand.orders(register, plan)
    lines, lost = baskets.lines(ordered, items, register, plan)
    fates = fate.fates(ordered, lines, register, plan)
    sold, supplies, grid = sales.sold(fates, lines, plan), baskets.supplies(register, plan), days.every_day(items, plan)
    item_days = days.item_days(sold, lost, grid, plan)
    shop_days = traffic.shop_days(sold, item_days, register, plan)
    sessions = chats.sessions(fates, register, plan)
    turns = chats.turns(sessions, plan)
    raw = {
        "orders": sales.order_rows(fates, sold, plan),
        "order_lines": sales.line_rows(sold, register, plan),
        "refunds": sales.refund_rows(sold, plan),
        "items": items,
        "item_days": item_days,
        "traffic_days": traffic.traffic_days(shop_days, plan),
        "ad_days": ads.ad_days(shop_days, items, register, plan),
        "service_days": chats.service_days(sessions, turns, register, plan),
        "chats": chats.chat_rows(turns, plan),
        "stock": days.stock(sold, grid, supplies, baskets.on_hand(register, plan), plan),
        "competitor_items": goods.competitors(items, plan),
        "documents": papers.documents(register, items, plan),
        "reviews": reviews.review_rows(sold, register, plan),
        "parcels": sales.parcel_rows(fates, plan),
    }
    raw["hours"] = traffic.hours(sold, shop_days, ads.spent(raw["ad_days"]), plan)
    raw |= _kept_by_people(register, items, fates, sold, sessions, raw["stock"], plan)
    messages = consents.messages(raw["consents"], plan)
    raw["chats"] = pl.concat([raw["chats"], messages.select(raw["chats"].columns)])
    kept = {"orders": raw["orders"], "reviews": raw["reviews"], "ads": raw["ad_days"], "sold": sold, "lost": lost, "fates": fates, "turns": turns}
    kept |= {"messages": messages} | {kind: raw[kind] for kind in ("purchases", "stock_counts", "consents", "posts")}
    return raw, truth.of_shops(register, items, kept, plan)


def _kept_by_people(
    register: pl.DataFrame, items: pl.DataFrame, fates: pl.DataFrame, sold: pl.DataFrame, sessions: pl.DataFrame, stock: pl.DataFrame, plan: Plan
) -> dict[str, pl.DataFrame]:
    """What the platforms' reports do not hold: plans, lists and looks of people, and the visitors by name."""
    return {
        "promotions": offers.promotions(register, items, plan),
        "price_changes": offers.price_changes(items, plan),
        "purchases": purchases.purchases(stock, items, plan),
        "stock_counts": counts.stock_counts(stock, plan),
        "search_words": market.search_words(register, plan),
        "competitor_shares": market.competitor_shares(register, plan),
        "service_tags": market.service_tags(register, plan),
        "needs": market.needs(register, items),
        "consents": consents.consents(fates, sessions, plan),
        "shifts": shifts.shifts(register, plan),
        "scores": standing.scores(register, plan),
        "posts": standing.posts(register, items, plan),
        "rules": notices.rules(register, plan),
        "pages": notices.pages(register, plan),
        "behaviours": visits.behaviours(sold, sessions, items, plan),
    }


def _finished(kind: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The kind's columns exactly, in the order of their keys; local times become instants."""
    schema = KINDS[kind].schema
    frame = frame.select(name for name in schema if name in frame.columns).sort("shop", *KINDS[kind].key)
    local = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime and dtype.time_zone is None]
    frame = frame.with_columns(pl.col(local).dt.replace_time_zone(SHOP_ZONE).dt.convert_time_zone("UTC").cast(INSTANT))
    unknown = {name: pl.lit(None, dtype) for name, dtype in schema.items() if name not in frame.columns}
    frame = frame.with_columns(**unknown).with_columns(
        available_at(kind), source_file=pl.lit(SOURCE), source_sheet=pl.lit(""), source_row=pl.int_range(1, pl.len() + 1).over("shop")
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _told(of_shops: dict[str, dict[str, object]], plan: Plan) -> dict[str, object]:
    sale_days = [day for peak in plan.peaks for day in (peak - timedelta(days=1), peak) if plan.since <= day <= plan.until]
    return {
        "seed": plan.seed, "since": plan.since.isoformat(), "until": plan.until.isoformat(), "open_hour": plan.open_hour,
        "campaign_days": [day.isoformat() for day in sale_days], "peaks": [day.isoformat() for day in plan.peaks if plan.since <= day <= plan.until],
        "shops": of_shops,
    }
