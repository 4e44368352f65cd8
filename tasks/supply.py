"""Supply: from the supplier to the warehouse, out of it in time, whole to the buyer."""

from datetime import timedelta
from decimal import Decimal

import polars as pl

from ecops.automation import Answer, Ask, Frames, Params, Percent, automation
from ecops.formulae.bounds import wilson_lower, wilson_upper
from tasks._orders import buyer_is_known, effective_orders
from tasks._promise import ship_deadline
from tasks._reasons import with_topics
from tasks._rows import at_least, duration_text, has_happened, instant, known, percent, percent_text, yuan
from tasks._verdicts import Lack, of_every_shop, verdicts
from tasks._waybills import reused_waybills
from tasks._windows import Days, Span, days_before, today

# --- supply.dispatch -----------------------------------------------------------------------------------------------

_HORIZON = 240  # hours: what takes longer counts as this long


class Dispatch(Params):
    """`limit`: the dispatch promise of an order that carries none of its own, from payment on: 48 h (Tmall's 618 of 2021; 24 h in
    normal times, 72 h bonded). It is a term of the logistics contract: write there what the carrier and the warehouse promise.
    `window`: back over it orders paid are measured. `likely`: from this chance of a breach on an order stands among `items`.
    `min_history`: orders whose promise is over that a shop needs before its own past says how the waiting ones will go.
    `stale_after`: without a newer event in the orders nothing is forecast.
    """

    limit: Span = timedelta(hours=48)
    window: Span = timedelta(days=30)
    likely: Percent = Decimal("0.5")
    min_history: int = 30
    stale_after: Span = timedelta(hours=48)


@automation(
    "supply.dispatch",
    zh="发货时效与超时预测",
    en="Measure pay-to-ship times and forecast which waiting orders will break the promise",
    reads=("orders", "parcels"),
    serves=("S2", "R8", "A6", "A7"),
    params=Dispatch,
)
def dispatch(frames: Frames, ask: Ask) -> Answer:
    """How long orders take from payment to hand-over, and the chance of every waiting order to be late.

    On time: handed over not after the order's own promise (`ship_by`, so that a pre-sale with a later promise is not late), else
    not after `limit`; exactly the limit is on time. `on_time` = on time / orders paid in the window whose promise is over or that
    were sent; unsent ones count against. `median_hours` and `p90_hours` are over those sent. The chance of a waiting order of age a
    with a promise of L hours is the share of the shop's own past orders still unsent after L among those still unsent after a
    (whole hours, Kaplan and Meier's survival of a group without censoring: only orders whose promise is over count); an overdue
    order has chance 1. Holidays are in it as far as they are in the past window.

    `items`: overdue orders and those with a chance of at least `likely`, the nearest promise first. `shops`: the distribution.
    `bad_rows`: handed over before payment; left out. `reused`: waybills used for orders of different buyers.
    """
    rows = _handled(frames, ask).collect()
    good = rows.filter(~pl.col("early"))
    waiting = _with_chance(good, ask)
    listed = waiting.filter((pl.col("state") == "overdue") | (pl.col("chance") >= float(ask.params.likely)))
    items = listed.select("shop", "order_id", "paid_at", "deadline", "state", "chance", "hours_left", "presale")
    spread = _spread(good, ask)
    bad = rows.filter("early").select("shop", "order_id", "paid_at", "shipped_at").sort("shop", "order_id")
    reused = reused_waybills(frames, ask, ask.as_of - ask.params.window)
    facts = _dispatch_facts(rows, waiting, spread, bad, reused)
    return Answer(
        _dispatch_verdicts(of_every_shop(ask, facts), ask),
        {"items": items, "shops": spread, "bad_rows": bad, "reused": reused},
    )


def _handled(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Paid orders that matter: of the window, or still waiting; with their promise, what became of it, and the hours it took."""
    now = instant(ask.as_of)
    left = pl.when(has_happened("shipped_at", ask)).then(pl.col("shipped_at"))
    took = (pl.col("shipped_at") - pl.col("paid_at")).dt.total_hours()
    late = pl.col("shipped_at") > pl.col("deadline")
    return (
        effective_orders(frames, ask)
        .filter(pl.col("paid"))
        .select("shop", "order_id", "paid_at", "sent", "fully_refunded", "presale", shipped_at=left, deadline=ship_deadline(ask.params.limit))
        .filter((~pl.col("sent") & ~pl.col("fully_refunded")) | (pl.col("paid_at") > instant(ask.as_of - ask.params.window)))
        .with_columns(
            early=(pl.col("shipped_at") < pl.col("paid_at")).fill_null(False),
            took=took.clip(0, _HORIZON),
            waits=~pl.col("sent") & ~pl.col("fully_refunded"),
            over=pl.col("deadline") < now,
            on_time=~late,
        )
    )  # fmt: skip


def _with_chance(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The waiting orders with state (overdue, waiting), hours left and the chance of a breach; null where the past is too short."""
    now = instant(ask.as_of)
    whole = {"age": now - pl.col("paid_at"), "promise": pl.col("deadline") - pl.col("paid_at")}
    waiting = rows.filter("waits").with_columns(
        state=pl.when("over").then(pl.lit("overdue")).otherwise(pl.lit("waiting")),
        hours_left=((pl.col("deadline") - now).dt.total_minutes() / 60).round(1),
        **{name: span.dt.total_hours().clip(0, _HORIZON) for name, span in whole.items()},
    )
    survivors = _survivors(rows, ask)
    for name in whole:
        waiting = waiting.join(survivors.rename({"hour": name, "unsent": f"unsent_{name}"}), on=["shop", name], how="left")
    chance = pl.when(pl.col("unsent_age") > 0).then(pl.col("unsent_promise") / pl.col("unsent_age")).otherwise(1.0)
    enough = pl.col("unsent_age").is_not_null()
    return waiting.with_columns(chance=pl.when("over").then(1.0).when(enough).then(chance)).sort("shop", "deadline", "order_id")


def _survivors(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """For shops with history enough: how many of the past orders were still unsent after each whole hour. Columns shop, hour, unsent."""
    inside = pl.col("paid_at") > instant(ask.as_of - ask.params.window)
    known_time = pl.col("took").is_not_null() | pl.col("waits")
    past = rows.filter(pl.col("over"), inside, known_time).with_columns(pl.col("took").fill_null(_HORIZON))
    past = past.filter(pl.len().over("shop") >= ask.params.min_history)
    hours = pl.DataFrame({"hour": range(_HORIZON + 1)}, schema={"hour": pl.Int64})
    gone = past.group_by("shop", hour=pl.col("took").cast(pl.Int64)).agg(gone=pl.len().cast(pl.Int64))
    grid = past.select("shop").unique().join(hours, how="cross").join(gone, on=["shop", "hour"], how="left").sort("shop", "hour")
    # sent within hour h is no longer unsent after h + 1
    before = pl.col("gone").fill_null(0).cum_sum().over("shop") - pl.col("gone").fill_null(0)
    return grid.with_columns(unsent=pl.col("gone").sum().over("shop") - before).select("shop", "hour", "unsent")


def _spread(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a shop: the distribution of the orders paid in the window."""
    hours = (pl.col("shipped_at") - pl.col("paid_at")).dt.total_seconds() / 3600
    judged = pl.col("shipped_at").is_not_null() | (pl.col("over") & pl.col("waits"))
    kept = pl.col("shipped_at").is_not_null() & pl.col("on_time").fill_null(False)
    steps = (0, 12, 24, 48, 72)
    within = {f"within_{step}h": (hours <= step).sum().cast(pl.Int64) for step in steps[1:]}
    inside = rows.filter(pl.col("paid_at") > instant(ask.as_of - ask.params.window))
    return (
        inside.group_by("shop")
        .agg(
            orders=judged.sum().cast(pl.Int64),
            sent=hours.count().cast(pl.Int64),
            kept=(judged & kept).sum().cast(pl.Int64),
            median_hours=hours.median().round(1),
            p90_hours=hours.quantile(0.9, "nearest").round(1),
            **within,
        )
        .with_columns(on_time=pl.when(pl.col("orders") > 0).then(pl.col("kept") / pl.col("orders")))
        .sort("shop")
    )


def _dispatch_facts(rows: pl.DataFrame, waiting: pl.DataFrame, spread: pl.DataFrame, bad: pl.DataFrame, reused: pl.DataFrame) -> pl.DataFrame:
    newest = rows.group_by("shop").agg(newest_at=pl.max_horizontal("paid_at", "shipped_at").max())
    ahead = waiting.group_by("shop").agg(
        waiting=pl.len().cast(pl.Int64),
        overdue=(pl.col("state") == "overdue").sum().cast(pl.Int64),
        expected=pl.col("chance").filter(pl.col("state") != "overdue").sum().round(1),
        unforeseen=pl.col("chance").is_null().sum().cast(pl.Int64),
    )
    facts = newest.join(spread, on="shop", how="left").join(ahead, on="shop", how="left")
    for name, frame in (("bad", bad), ("reused", reused)):
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts.with_columns(pl.col("waiting", "overdue", "expected", "unforeseen", "bad", "reused").fill_null(0))


def _dispatch_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    limit, after, days = duration_text(ask.params.limit), duration_text(ask.params.stale_after), duration_text(ask.params.window)
    spread = (percent(pl.col("on_time")), pl.col("kept"), pl.col("orders"), pl.col("median_hours"), pl.col("p90_hours"))
    ahead = tuple(pl.col(name) for name in ("overdue", "waiting", "expected", "bad", "reused"))
    stale = (pl.col("newest_at") < instant(ask.as_of - ask.params.stale_after)).fill_null(True)
    text = pl.col("newest_at").dt.convert_time_zone(ask.timezone.key).dt.strftime("%Y-%m-%d %H:%M")
    none = pl.col("newest_at").is_null()
    return verdicts(
        ask,
        facts,
        zh=pl.format(
            f"按时发货{{}}（{{}}/{{}}单，时限{limit}或订单承诺），中位{{}}小时，p90 {{}}小时；待发已超时{{}}单（共{{}}单待发），预计再超时{{}}单；"
            "发货早于付款{}单，运单重复使用{}个", *spread, *ahead,
        ),
        en=pl.format(
            f"{{}} on time ({{}} of {{}}; {limit} or the order's promise), median {{}} h, p90 {{}} h; {{}} of {{}} waiting are overdue, {{}} more "
            "expected; {} sent before payment, {} waybills reused", *spread, *ahead,
        ),
        lacks=[
            Lack(none, f"orders: none paid within {days}", f"{days}内没有已付款订单（缺订单）"),
            Lack(
                ~none & stale,
                pl.format(f"orders: nothing within {after} (newest {{}})", text),
                pl.format(f"{after}内订单没有更新（最近{{}}），请重新导出订单", text),
            ),
            Lack(
                ~none & (pl.col("sent").fill_null(0) == 0),
                "orders.shipped_at: no order with a time of dispatch",
                "订单没有发货时间，请导出含发货时间的订单",
            ),
            Lack(
                pl.col("unforeseen") > 0,
                pl.format(f"orders: fewer than {ask.params.min_history} past orders to forecast {{}} waiting ones", pl.col("unforeseen")),
                pl.format(f"历史订单不足{ask.params.min_history}单，无法预测{{}}单待发订单", pl.col("unforeseen")),
            ),
        ],
    )  # fmt: skip


# --- supply.stuck_parcels ------------------------------------------------------------------------------------------


class StuckParcels(Params):
    """`silent`: a parcel without a scan for longer is stuck (72 h; nothing states it). `hand_over`: signed for sooner than this after
    the hand-over is a mark set by hand (offline dispatch), not a signature: such a parcel is still followed. `window`: parcels sent
    earlier are no longer followed. `stale_after`: without a newer scan of any parcel the feed has stopped.
    """

    silent: Span = timedelta(hours=72)
    hand_over: Span = timedelta(hours=2)
    window: Span = timedelta(days=120)
    stale_after: Span = timedelta(hours=48)


@automation(
    "supply.stuck_parcels",
    zh="物流停滞包裹",
    en="List parcels on their way that nobody has scanned for long",
    reads=("parcels",),
    serves=("S3",),
    params=StuckParcels,
)
def stuck_parcels(frames: Frames, ask: Ask) -> Answer:
    """Parcels handed over and not delivered as of the instant whose latest scan is older than `silent` (exactly so old is not yet).

    `cause`: not_collected where the carrier never scanned it, no_scan else. The scan is `last_event_at`; where that is unknown
    (or came after as-of and hides the one before it) the parcel stands in `unknown_items`: silence that cannot be seen is
    not silence. `doubtful`: delivered less than `hand_over` after the hand-over; not believed.
    """
    rows = _underway(frames, ask)
    open_ = rows.filter(~pl.col("arrived"))
    silence = instant(ask.as_of) - pl.col("last_event_at")
    columns = ("shop", "parcel_id", "order_id", "carrier", "province", "shipped_at", "last_event_at", "last_event")
    items = open_.filter(pl.col("last_event_at") < instant(ask.as_of - ask.params.silent)).select(
        *columns,
        silent_hours=(silence.dt.total_minutes() / 60).round(1),
        cause=pl.when(pl.col("collected_at").is_null()).then(pl.lit("not_collected")).otherwise(pl.lit("no_scan")),
    )
    unknown = open_.filter(pl.col("last_event_at").is_null()).select("shop", "parcel_id", "order_id", "carrier", "shipped_at")
    doubtful = rows.filter("doubtful").select("shop", "parcel_id", "order_id", "carrier", "shipped_at", "delivered_at")
    sums = rows.group_by("shop").agg(
        parcels=pl.len().cast(pl.Int64), open=(~pl.col("arrived")).sum().cast(pl.Int64), newest_at=pl.col("newest_at").max()
    )
    by_id = ("parcel_id", "order_id")
    ordered = (items.sort("shop", "last_event_at", *by_id), unknown.sort("shop", "shipped_at", *by_id), doubtful.sort("shop", "shipped_at", *by_id))
    items, unknown, doubtful, facts = pl.collect_all([*ordered, sums])
    facts = _counted(facts, {"stuck": items, "unseen": unknown, "doubtful": doubtful})
    return Answer(_stuck_verdicts(of_every_shop(ask, facts), ask), {"items": items, "unknown_items": unknown, "doubtful": doubtful})


def _underway(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Parcels of the window as they stood by then: `doubtful`, `arrived`, and the newest moment each knows."""
    names = ("shipped_at", "collected_at", "last_event_at", "delivered_at")
    by_then = {name: pl.when(has_happened(name, ask)).then(pl.col(name)) for name in names}
    return (
        known(frames, "parcels", ask)
        .select("shop", "parcel_id", "order_id", "carrier", "province", "last_event", **by_then)
        .with_columns(begun=pl.coalesce("shipped_at", "collected_at", "last_event_at"), newest_at=pl.max_horizontal(*names))
        .filter(pl.col("begun") > instant(ask.as_of - ask.params.window))
        .with_columns(doubtful=((pl.col("delivered_at") - pl.col("shipped_at")) < ask.params.hand_over).fill_null(False))
        .with_columns(arrived=pl.col("delivered_at").is_not_null() & ~pl.col("doubtful"))
    )


def _counted(facts: pl.DataFrame, lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """`facts` with the number of rows of each list, 0 where a shop has none."""
    for name, frame in lists.items():
        facts = facts.join(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)), on="shop", how="left")
    return facts.with_columns(pl.col(*lists).fill_null(0))


def _stuck_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    silent, after = duration_text(ask.params.silent), duration_text(ask.params.stale_after)
    counts = tuple(pl.col(name) for name in ("stuck", "open", "unseen", "doubtful"))
    none = pl.col("parcels").is_null()
    stale = (pl.col("newest_at") < instant(ask.as_of - ask.params.stale_after)).fill_null(True)
    text = pl.col("newest_at").dt.convert_time_zone(ask.timezone.key).dt.strftime("%Y-%m-%d %H:%M")
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"{{}}个包裹超过{silent}无物流更新（在途{{}}个）；{{}}个最新物流未知，{{}}个签收过早存疑", *counts),
        en=pl.format(f"{{}} parcels without a scan for over {silent} ({{}} on their way); {{}} with unknown scan, {{}} signed too soon", *counts),
        lacks=[
            Lack(none, "parcels: none", "缺包裹数据"),
            Lack(
                ~none & stale,
                pl.format(f"parcels: nothing within {after} (newest {{}})", text),
                pl.format(f"{after}内包裹没有更新（最近{{}}），请重新导出包裹", text),
            ),
            Lack(
                ~none & (pl.col("open") > 0) & (pl.col("unseen") == pl.col("open")),
                pl.format("parcels.last_event_at: unknown for all {} parcels on their way", pl.col("open")),
                pl.format("在途{}个包裹的最新物流时间全部未知，请导出包裹的最新物流时间", pl.col("open")),
            ),
        ],
        decided=pl.col("stuck") > 0,
    )


# --- supply.damage -------------------------------------------------------------------------------------------------


class Damage(Params):
    """`window`: parcels delivered in the last days. `ratio`: a pair is raised when the lower bound of its rate is at least so many
    times the rate of the shop's other parcels. `min_damaged`: and so many broke, `min_buyers`: at so many buyers' (one who claims
    again and again proves nothing of the packing). `min_parcels`: under it a pair is thin.
    """

    window: Days = timedelta(days=60)
    ratio: int = 3
    min_damaged: int = 3
    min_buyers: int = 2
    min_parcels: int = 30


@automation(
    "supply.damage",
    zh="破损率",
    en="Rate of damaged parcels for each item and carrier, with bounds",
    reads=("parcels", "order_lines", "orders", "refunds"),
    serves=("S4",),
    params=Damage,
)
def damage(frames: Frames, ask: Ask) -> Answer:
    """Damaged parcels / delivered parcels for each item x carrier, with Wilson's 95 % bounds (ecops.formulae.bounds).

    Broken: the parcel says so (`damaged`), or an after-sale's free words do (tasks._reasons, topic damage): then the item it names,
    or every item of the order when it names none. A parcel with several items counts for each. Whether a parcel broke is unknown
    where `damaged` is null and no after-sale says it: such parcels are left out and counted. `items`: the pairs to look at;
    `pairs`: all of them, the worst lower bound first.
    """
    parcels = _delivered(frames, ask).collect()
    pairs = _pairs(frames, parcels.lazy(), ask).collect()
    items = pairs.filter("raised").drop("raised")
    facts = parcels.group_by("shop").agg(
        parcels=pl.col("broken").count().cast(pl.Int64),
        damaged=pl.col("broken").sum().cast(pl.Int64),
        unknown=pl.col("broken").null_count().cast(pl.Int64),
    )
    facts = _counted(facts, {"pairs": pairs, "raised": items})
    return Answer(_damage_verdicts(of_every_shop(ask, facts), ask), {"items": items, "pairs": pairs.drop("raised")})


def _delivered(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Parcels delivered in the window: whether the parcel is `broken` (null: unknown), and whether an after-sale `names` the item."""
    fresh = has_happened("delivered_at", ask) & (pl.col("delivered_at") > instant(ask.as_of - ask.params.window))
    claims = _damage_claims(frames, ask).group_by("shop", "order_id").agg(claimed=pl.lit(True), names=pl.col("item_id").is_not_null().any())
    return (
        known(frames, "parcels", ask)
        .filter(fresh)
        .select("shop", "order_id", "carrier", "damaged")
        .join(claims, on=["shop", "order_id"], how="left")
        .with_columns(broken=pl.when(pl.col("claimed")).then(pl.lit(True)).otherwise(pl.col("damaged")), names=pl.col("names").fill_null(False))
    )


def _damage_claims(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """After-sales whose reason is damage, refused ones left out: shop, order_id, item_id (null: not named)."""
    refused = (pl.col("refund_status") == "refused").fill_null(False)
    claims = known(frames, "refunds", ask).filter(~refused).select("shop", "order_id", "item_id", "reason")
    return with_topics(claims, "reason").filter(pl.col("topics").list.contains("damage").fill_null(False)).drop("topics", "reason")


def _pairs(frames: Frames, parcels: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """One row an item and carrier with parcels of which it is known whether they broke."""
    named = _damage_claims(frames, ask).filter(pl.col("item_id").is_not_null()).unique().with_columns(named=pl.lit(True))
    lines = known(frames, "order_lines", ask).select("shop", "order_id", "item_id").filter(pl.col("item_id").is_not_null()).unique()
    hit = pl.when(pl.col("names")).then(pl.col("named").fill_null(False)).otherwise(pl.col("broken"))
    damaged, n = pl.col("damaged"), pl.col("parcels")
    others, other_parcels = damaged.sum().over("shop") - damaged, n.sum().over("shop") - n
    rate_of_others = pl.when(other_parcels > 0).then(others / other_parcels)
    carried = (
        parcels.join(lines, on=["shop", "order_id"])
        .join(named, on=["shop", "order_id", "item_id"], how="left")
        .with_columns(hit=hit)
        .filter(pl.col("hit").is_not_null(), pl.col("carrier").is_not_null())
    )
    pair = ["shop", "item_id", "carrier"]
    return (
        carried.group_by(pair)
        .agg(parcels=pl.len().cast(pl.Int64), damaged=pl.col("hit").sum().cast(pl.Int64))
        .join(_who_got_broken(frames, carried.filter("hit"), ask).group_by(pair).agg(buyers=pl.col("who").n_unique().cast(pl.Int64)), on=pair, how="left")
        .with_columns(
            rate=damaged / n, lower=wilson_lower(damaged, n), upper=wilson_upper(damaged, n), rate_of_others=rate_of_others,
            buyers=pl.col("buyers").fill_null(0),
        )
        .with_columns(
            thin=n < ask.params.min_parcels,
            raised=(damaged >= ask.params.min_damaged)
            & (pl.col("buyers") >= ask.params.min_buyers)
            & (pl.col("lower") >= ask.params.ratio * pl.col("rate_of_others")).fill_null(False),
        )
        .sort("shop", "lower", "item_id", "carrier", descending=[False, True, False, False])
    )  # fmt: skip


def _who_got_broken(frames: Frames, broken: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """Broken parcels with `who` got them: the buyer, or the order where the buyer is unknown."""
    named = known(frames, "orders", ask).filter(buyer_is_known()).select("shop", "order_id", "buyer_id")
    return broken.join(named, on=["shop", "order_id"], how="left").with_columns(who=pl.coalesce("buyer_id", "order_id"))


def _damage_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days = duration_text(ask.params.window)
    counts = (percent(pl.col("damaged") / pl.col("parcels"), 2), pl.col("damaged"), pl.col("parcels"), pl.col("raised"), pl.col("unknown"))
    none = pl.col("parcels").is_null()
    return verdicts(
        ask,
        facts,
        zh=pl.format(f"近{days}破损率{{}}（{{}}/{{}}个包裹），{{}}个商品×快递明显偏高；{{}}个包裹是否破损未知", *counts),
        en=pl.format(f"{{}} of the parcels of {days} broke ({{}} of {{}}), {{}} pairs of item and carrier stand out; {{}} parcels unknown", *counts),
        lacks=[
            Lack(none, f"parcels: none delivered within {days}", f"{days}内没有签收的包裹（缺包裹数据）"),
            Lack(
                ~none & (pl.col("parcels") == 0),
                pl.format("parcels.damaged, refunds.reason: unknown for {} parcels", pl.col("unknown")),
                pl.format("{}个包裹是否破损未知，请导出包裹的破损标记或退款原因", pl.col("unknown")),
            ),
            Lack(
                ~none & (pl.col("parcels") > 0) & (pl.col("pairs") == 0),
                "order_lines: no line of the parcels' orders, parcels.carrier",
                "缺订单明细（或快递公司），无法按商品与快递统计",
            ),
        ],
    )


# --- supply.lead_times ---------------------------------------------------------------------------------------------

_CONTRACTS = "合同|协议|供货|账期|采购|物流|快递|仓储"


class LeadTimes(Params):
    """`window`: purchases ordered in the last days. `expiring`: a contract that ends within it is raised. `min_receipts`: under so
    many deliveries a supplier's figures are thin.
    """

    window: Days = timedelta(days=180)
    expiring: Days = timedelta(days=60)
    min_receipts: int = 3


@automation(
    "supply.lead_times",
    zh="供应商到货周期",
    en="Lead times and promises of each supplier, late purchases, contracts that end",
    reads=("purchases", "documents"),
    serves=("S1", "R8"),
    params=LeadTimes,
)
def lead_times(frames: Frames, ask: Ask) -> Answer:
    """Days from order to receipt of each supplier: median and p90 (nearest rank), the share received by the promised day, pieces short.

    A receipt before the order, or no order day, proves nothing: it stands in `bad_rows`, as do purchases without a supplier.
    `items`: purchases promised for a day before today and not received (the promised day itself is in time), the oldest first.
    `suppliers`: the cards. `terms`: papers whose type reads as a contract (合同, 协议, 供货, 账期, 采购, 物流, 快递, 仓储: supply and
    logistics contracts are kept under `documents`) that ended or end within `expiring`. Payment terms themselves are no column.
    """
    rows = _purchases(frames, ask).collect()
    good = rows.filter(pl.col("reason").is_null())
    bad = rows.filter(pl.col("reason").is_not_null()).select("shop", "purchase_id", "item_id", "supplier", "ordered_on", "received_on", "reason")
    bad = bad.sort("shop", "purchase_id", "item_id")
    late = _late_purchases(good, ask)
    cards, terms = _suppliers(good, ask), _terms(frames, ask)
    facts = rows.group_by("shop").agg(
        purchases=pl.len().cast(pl.Int64),
        received=pl.col("days").count().cast(pl.Int64),
        median=pl.col("days").median().round(1),
        p90=pl.col("days").quantile(0.9, "nearest").round(1),
    )
    facts = _counted(facts, {"late": late, "suppliers": cards, "bad": bad, "ending": terms})
    return Answer(_lead_verdicts(of_every_shop(ask, facts), ask), {"items": late, "suppliers": cards, "terms": terms, "bad_rows": bad})


def _purchases(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Purchases of the window with `days` from order to receipt, and the `reason` why one proves nothing."""
    span = days_before(ask, ask.params.window)
    nameless = pl.col("supplier").is_null() | (pl.col("supplier").str.strip_chars() == "")
    reason = (
        pl.when(pl.col("ordered_on").is_null()).then(pl.lit("no order day"))
        .when(pl.col("received_on") < pl.col("ordered_on")).then(pl.lit("received before ordered"))
        .when(nameless).then(pl.lit("no supplier"))
    )
    came = pl.col("received_on") <= today(ask)
    return (
        known(frames, "purchases", ask)
        .filter((pl.col("ordered_on") >= span.first).fill_null(True), (pl.col("ordered_on") <= today(ask)).fill_null(True))
        .select(
            "shop", "purchase_id", "item_id", "ordered_on", "promised_on", "units",
            supplier=pl.col("supplier").str.strip_chars(),
            received_on=pl.when(came).then("received_on"),
            received_units=pl.when(came).then("received_units"),
        )
        .with_columns(reason=reason)
        .with_columns(days=pl.when(pl.col("reason").is_null()).then((pl.col("received_on") - pl.col("ordered_on")).dt.total_days()))
    )  # fmt: skip


def _late_purchases(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    late = rows.filter(pl.col("received_on").is_null(), pl.col("promised_on") < today(ask))
    days = (pl.lit(today(ask)) - pl.col("promised_on")).dt.total_days()
    columns = ("shop", "purchase_id", "item_id", "supplier", "ordered_on", "promised_on", "units")
    return late.select(*columns, days_late=days).sort("shop", "promised_on", "purchase_id", "item_id")


def _suppliers(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    promised = pl.col("received_on").is_not_null() & pl.col("promised_on").is_not_null()
    kept = promised & (pl.col("received_on") <= pl.col("promised_on"))
    waiting = pl.col("received_on").is_null()
    short = (pl.col("units") - pl.col("received_units")).clip(0)
    return (
        rows.group_by("shop", "supplier")
        .agg(
            purchases=pl.len().cast(pl.Int64),
            received=pl.col("days").count().cast(pl.Int64),
            open=waiting.sum().cast(pl.Int64),
            median_days=pl.col("days").median().round(1),
            p90_days=pl.col("days").quantile(0.9, "nearest").round(1),
            on_time=pl.when(promised.any()).then(kept.sum() / promised.sum()),
            units_short=short.sum(),
        )
        .with_columns(thin=pl.col("received") < ask.params.min_receipts)
        .sort("shop", "p90_days", "supplier", descending=[False, True, False], nulls_last=True)
    )


def _terms(frames: Frames, ask: Ask) -> pl.DataFrame:
    ends = (pl.col("expires_on") - pl.lit(today(ask))).dt.total_days()
    return (
        known(frames, "documents", ask)
        .filter(pl.col("document_type").str.contains(_CONTRACTS), ~pl.col("no_expiry").fill_null(False))
        .filter(pl.col("expires_on") <= today(ask) + ask.params.expiring)
        .select("shop", "document_id", "document_type", "title", "holder", "expires_on", days_left=ends)
        .sort("shop", "expires_on", "document_id")
        .collect()
    )


def _lead_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days = duration_text(ask.params.window)
    median, p90 = (pl.col(name).cast(pl.String).fill_null("—") for name in ("median", "p90"))
    counts = (pl.col("received"), pl.col("suppliers"), median, p90, *(pl.col(name) for name in ("late", "ending", "bad")))
    none = pl.col("purchases").is_null()
    return verdicts(
        ask,
        facts,
        zh=pl.format("{}次到货（{}家供应商）：中位{}天，p90 {}天；{}单逾期未到，{}份合同将到期或已到期；{}行数据无效", *counts),
        en=pl.format("{} receipts of {} suppliers: median {} days, p90 {}; {} overdue, {} contracts ending; {} bad rows", *counts),
        lacks=[
            Lack(none, f"purchases: none within {days}", f"{days}内没有采购记录（缺采购）"),
            Lack(
                ~none & (pl.col("received").fill_null(0) == 0),
                pl.format("purchases: no valid receipt among {}", pl.col("purchases")),
                pl.format("{}条采购没有有效的到货日期与供应商，请补全采购", pl.col("purchases")),
            ),
        ],
        decided=pl.col("late") > 0,
    )


# --- supply.stock_count --------------------------------------------------------------------------------------------


class StockCount(Params):
    """`window`: counts of the last days (a full count stands a week before the campaign). `tolerance`: a difference over this share of
    the larger figure is raised, and never one of `tolerance_units` pieces or less. `min_coverage`: share of the items in stock that
    have to be counted before the count says anything of the shop.
    """

    window: Days = timedelta(days=14)
    tolerance: Percent = Decimal("0.01")
    tolerance_units: int = 0
    min_coverage: Percent = Decimal("0.9")


@automation(
    "supply.stock_count",
    zh="库存盘点差异",
    en="Compare the counted stock with the stock feed",
    reads=("stock_counts", "stock", "items"),
    serves=("G4",),
    params=StockCount,
)
def stock_count(frames: Frames, ask: Ask) -> Answer:
    """The latest count of each item in the window against the closing stock of the same day in the feed.

    `items`: differences over the tolerance, the most costly first (`value_fen` = pieces x cost, null where the cost is unknown);
    missing pieces are negative. `counts`: every counted item with a feed. `unknown_items`: counted without a feed of that day, or in
    stock by the feed's last day of the window and not counted.
    """
    counted = _counts(frames, ask)
    feed = _feed(frames, ask)
    compared = counted.join(feed.select("shop", "item_id", "date", "closing_units"), on=["shop", "item_id", "date"], how="left")
    costs = known(frames, "items", ask).select("shop", "item_id", "title", "cost_fen").collect()
    compared = compared.join(costs, on=["shop", "item_id"], how="left").with_columns(difference=pl.col("counted_units") - pl.col("closing_units"))
    judged = compared.filter(pl.col("difference").is_not_null()).with_columns(value_fen=pl.col("difference") * pl.col("cost_fen"))
    size, larger = pl.col("difference").abs(), pl.max_horizontal("counted_units", "closing_units")
    judged = judged.with_columns(
        over=(size > ask.params.tolerance_units) & (size > 0) & ~at_least(larger, size, 1 / ask.params.tolerance)
        if ask.params.tolerance else size > ask.params.tolerance_units
    )
    columns = ("shop", "item_id", "title", "date", "counted_units", "closing_units", "difference", "value_fen")
    by_value = {"by": ["shop", pl.col("value_fen").abs(), size, "item_id"], "descending": [False, True, True, False], "nulls_last": True}
    judged = judged.sort(**by_value)
    items, counts = judged.filter("over").select(columns), judged.select(*columns, "over")
    held = _held(feed)
    uncounted = held.join(counted, on=["shop", "item_id"], how="anti").select("shop", "item_id", reason=pl.lit("not counted"))
    without = compared.filter(pl.col("difference").is_null()).select("shop", "item_id", reason=pl.lit("no stock feed of that day"))
    unknown = pl.concat([uncounted, without]).sort("shop", "item_id")
    facts = _count_facts(counted, judged, held, uncounted, items)
    return Answer(_count_verdicts(of_every_shop(ask, facts), ask), {"items": items, "counts": counts, "unknown_items": unknown})


def _counts(frames: Frames, ask: Ask) -> pl.DataFrame:
    """The latest count of each item: shop, item_id, date, counted_units."""
    span = days_before(ask, ask.params.window)
    inside = pl.col("date").is_between(span.first, today(ask)) & pl.col("counted_units").is_not_null()
    rows = known(frames, "stock_counts", ask).filter(inside).select("shop", "item_id", "date", "counted_units")
    return rows.sort("shop", "item_id", "date", "counted_units").unique(["shop", "item_id"], keep="last", maintain_order=True).collect()


def _feed(frames: Frames, ask: Ask) -> pl.DataFrame:
    span = days_before(ask, ask.params.window)
    inside = pl.col("date").is_between(span.first, today(ask)) & pl.col("closing_units").is_not_null()
    return known(frames, "stock", ask).filter(inside).select("shop", "item_id", "date", "closing_units").collect()


def _held(feed: pl.DataFrame) -> pl.DataFrame:
    """Items in stock on the last day the shop's feed has."""
    return feed.filter(pl.col("date") == pl.col("date").max().over("shop"), pl.col("closing_units") > 0).select("shop", "item_id")


def _count_facts(counted: pl.DataFrame, judged: pl.DataFrame, held: pl.DataFrame, uncounted: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    facts = counted.group_by("shop").agg(counted=pl.len().cast(pl.Int64), latest=pl.col("date").max())
    sums = judged.group_by("shop").agg(judged=pl.len().cast(pl.Int64), value_fen=pl.col("value_fen").abs().sum())
    facts = facts.join(sums, on="shop", how="left")
    return _counted(facts, {"held": held, "uncounted": uncounted, "over": items}).with_columns(pl.col("judged", "value_fen").fill_null(0))


def _count_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    days, least = duration_text(ask.params.window), percent_text(ask.params.min_coverage)
    done = pl.col("held") - pl.col("uncounted")
    counts = (pl.col("judged"), pl.col("over"), yuan(pl.col("value_fen")), done, pl.col("held"))
    none = pl.col("counted").is_null()
    covered = at_least(done, pl.col("held"), ask.params.min_coverage)
    return verdicts(
        ask,
        facts,
        zh=pl.format("盘点{}款，{}款与系统库存不符，差异金额合计{}元；在库商品已盘{}/{}款", *counts),
        en=pl.format("{} items counted, {} differ from the feed, differences worth {} yuan; {} of {} items in stock counted", *counts),
        lacks=[
            Lack(none, f"stock_counts: none within {days}", f"{days}内没有盘点（缺盘点）"),
            Lack(
                ~none & (pl.col("judged") == 0), "stock: no feed of the days counted", "盘点当日没有库存数据（缺库存）"
            ),
            Lack(
                ~none & (pl.col("judged") > 0) & ~covered,
                pl.format(f"stock_counts: {{}} of {{}} items in stock counted, {least} needed", done, pl.col("held")),
                pl.format(f"在库商品只盘了{{}}/{{}}款，需要{least}，请补盘点", done, pl.col("held")),
            ),
        ],
        decided=pl.col("over") > 0,
    )
