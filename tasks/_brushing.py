"""Brushing (刷单): what orders have in common that buyers do not have, as evidence with points, never as a verdict.

An order hangs together with others through a bond: one receiver's address, one phone, one waybill, one buyer, or one item within an
hour or two. Only a crowd of orders (`crowd` or more) in one bond can show a rhythm; what a bond shows is evidence against all
its orders. A shared receiver or a shared waybill alone is what gifts to an office and group purchases look like, so no sum of those
and of equal amounts reaches the threshold: something that buyers do not do must come to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._crowds import crowded
from tasks._orders import buyer_is_known, effective_orders
from tasks._rows import has_happened, instant, known
from tasks._windows import last_midnight


@dataclass(frozen=True)
class Reason:
    """A kind of evidence: its points and how it is told."""

    points: int
    zh: str
    en: str


# Points: what is innocent by itself (receiver, waybill, equal amounts: 60 together) stays under the usual threshold of 70.
REASONS = {
    "receiver": Reason(25, "多个买家同一收货地址或电话", "one receiver for several buyers"),
    "waybill": Reason(25, "多个买家共用一个快递单号", "one waybill for several buyers"),
    "amounts": Reason(10, "一组订单金额相同", "a series of equal amounts"),
    "rhythm": Reason(30, "付款间隔过于规律", "paid in too regular a rhythm"),
    "seconds": Reason(10, "下单后数秒付款且没有浏览咨询", "paid within seconds without a look or a question"),
    "off_hours": Reason(10, "凌晨集中下单", "a burst in the small hours"),
    "praise": Reason(20, "签收后几分钟内（或签收前）好评", "praised within minutes of delivery, or before it"),
    "empty": Reason(25, "空包、无物流轨迹却已完成、或退回寄件人", "an empty parcel: never moved, or returned to its sender"),
    "repeated": Reason(20, "同一买家短期多次购买同一商品", "the same item again and again by one buyer"),
    "marked": Reason(100, "商家备注标记为刷单", "marked as brushed in the shop's own remark"),
}
_EMPTY_WORDS = "空包|空件|退回|退件|返回寄件|拒收"
# Two orders of one item belong to one wave when no more than this lies between them.
_WAVE = timedelta(minutes=30)
_SMALL_HOURS = (1, 6)
# A rhythm: delays that lie close together (within ten seconds, or a quarter of the shortest) where the chance that so many orders of this shop
# do so is this small; or gaps of a coefficient of variation so near 0. People who come by chance have one near 1, and five of them one of
# 0.1 or less about once in a thousand times.
_CHANCE, _SPREAD = 0.001, 0.1
_CLOSE, _CLOSE_SHARE = 10.0, 0.25
_MOST = (4, 5)  # of the orders of a crowd, so that one member out of step changes nothing
_UNIT_OF_PAY = 1.0  # seconds: payment times are told in whole seconds


def orders_of(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders paid in the window, one row each, with item_id (of the only item; null where there are several or none is known), `delay` from
    order to payment in seconds, `local_hour`, `named` (buyer known), `placed` (receiver known), `marked`.
    """
    since = last_midnight(ask) - ask.params.window
    mark = pl.col("remark_mark").str.strip_chars().str.to_uppercase()
    delay = (pl.col("paid_at") - pl.col("created_at")).dt.total_microseconds() / 1e6
    return (
        effective_orders(frames, ask)
        .filter("paid", pl.col("paid_at") >= instant(since))
        .join(_only_items(frames, ask), on=["shop", "order_id"], how="left")
        .select(
            "shop", "order_id", "created_at", "paid_at", "finished_at", "total_fen", "item_id", "address_hash", "phone_hash", "fully_refunded",
            buyer_id=pl.when(buyer_is_known()).then(pl.col("buyer_id").str.strip_chars()),
            delay=pl.when((delay >= 0) & ~pl.col("presale").fill_null(False)).then(delay),
            local_hour=pl.col("created_at").dt.convert_time_zone(ask.timezone.key).dt.hour(),
            marked=mark.str.contains(r"^[GV]-?").fill_null(False),
        )
        .with_columns(named=pl.col("buyer_id").is_not_null(), placed=pl.any_horizontal(pl.col("address_hash", "phone_hash").is_not_null()))
        .collect()
    )


def _only_items(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The item of each order that is of one item only: shop, order_id, item_id."""
    lines = known(frames, "order_lines", ask).filter(pl.col("item_id").is_not_null()).select("shop", "order_id", "item_id")
    alone = ~(pl.col("shop").hash(0) + pl.col("order_id").hash(1)).is_duplicated()
    lines = lines.with_columns(alone=alone)
    several = lines.filter(~pl.col("alone")).group_by("shop", "order_id").agg(item_id=pl.col("item_id").min(), most=pl.col("item_id").max())
    one = several.filter(pl.col("item_id") == pl.col("most")).select("shop", "order_id", "item_id")
    return pl.concat([lines.filter("alone").select("shop", "order_id", "item_id"), one])


def parcels_of(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The parcels known by as-of, the columns that evidence needs, read once for all of it."""
    columns = ("shop", "order_id", "parcel_id", "collected_at", "delivered_at", "last_event_at", "last_event", "available_at")
    return known(frames, "parcels", ask).select(columns).collect().lazy()


def bonds(orders: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders by what binds them: shop, bond (address, phone, waybill, buyer, wave), key, order_id and the order's columns. Bonds of fewer orders than
    could be evidence are left out before anything is calculated: almost all of a shop's orders hang together with none.
    """
    crowd, several = ask.params.crowd, ask.params.min_buyers
    # an order without a buyer is somebody else's than the next one; the other columns come back to the few that are left
    few = orders.select("shop", "order_id", "created_at", "item_id", "address_hash", "phone_hash", "buyer_id", who=pl.coalesce("buyer_id", "order_id"))
    keyed = {name: few.filter(pl.col(name).is_not_null()).select("shop", "order_id", "who", key=name) for name in ("address_hash", "phone_hash", "buyer_id")}
    parcels = crowded(known(frames, "parcels", ask).select("shop", "order_id", key="parcel_id").collect(), ["shop", "key"], several)
    keys = {
        "address": _shared(keyed["address_hash"], several),
        "phone": _shared(keyed["phone_hash"], several),
        "waybill": _shared(few.join(parcels.unique(), on=["shop", "order_id"], how="inner"), several),
        "buyer": crowded(keyed["buyer_id"], ["shop", "key"], crowd),
        "wave": crowded(_waves(few), ["shop", "key"], crowd),
    }
    bound = pl.concat(rows.select("shop", "order_id", "key", bond=pl.lit(bond)) for bond, rows in keys.items())
    return bound.join(orders, on=["shop", "order_id"]).select("bond", "key", *orders.columns)


def _shared(rows: pl.DataFrame, several: int) -> pl.DataFrame:
    return crowded(rows, ["shop", "key"], several, different=pl.col("who"))


def _waves(orders: pl.DataFrame) -> pl.DataFrame:
    """Orders of one item, each within half an hour of the one before; `key` is the first order of the wave."""
    rows = orders.filter(pl.col("item_id").is_not_null()).select("shop", "item_id", "created_at", "order_id")
    rows = rows.sort("shop", "item_id", "created_at", "order_id")
    goes_on = _as_before("shop", "item_id") & (pl.col("created_at").diff() <= _WAVE)
    return rows.with_columns(key=pl.when(~goes_on.fill_null(False)).then("order_id").forward_fill())


def _as_before(*columns: str, rows: int = 1) -> pl.Expr:
    """Whether the row so many rows before has the same values: in sorted rows, a comparison within the group."""
    return pl.all_horizontal(pl.col(name) == pl.col(name).shift(rows) for name in columns)


def groups(bound: pl.DataFrame, orders: pl.DataFrame, contacts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """What each bond shows: one row a (shop, bond, key) with `orders`, `buyers` and a flag for each reason a crowd can give."""
    asked = bound.join(contacts, on=["shop", "order_id"], how="left").with_columns(pl.col("contact").fill_null(False))
    quick = ((pl.col("delay") <= ask.params.seconds.total_seconds()) & ~pl.col("contact")).fill_null(False)
    small = pl.col("local_hour").is_between(*_SMALL_HOURS, closed="left")
    gaps = (pl.col("created_at").sort().diff().dt.total_microseconds() / 1e6).drop_nulls()
    rows = asked.group_by("shop", "bond", "key").agg(
        orders=pl.len().cast(pl.Int64), buyers=pl.col("buyer_id").n_unique().cast(pl.Int64) - (~pl.col("named")).any().cast(pl.Int64),
        quick=quick.sum().cast(pl.Int64), small=small.sum().cast(pl.Int64), alike=pl.col("total_fen").unique_counts().max().cast(pl.Int64),
        paid=pl.col("delay").count().cast(pl.Int64),
        low=pl.col("delay").quantile(0.1, "nearest"), high=pl.col("delay").quantile(0.9, "nearest"),
        gaps=gaps.len().cast(pl.Int64), mean_gap=gaps.mean(), gap_spread=gaps.std(),
        span=(pl.col("created_at").max() - pl.col("created_at").min()),
    )  # fmt: skip
    close = (pl.col("high") - pl.col("low")) <= pl.max_horizontal(pl.lit(_CLOSE), _CLOSE_SHARE * pl.col("low"))
    chances = _pay_chances(rows.filter(close, pl.col("paid") >= ask.params.crowd), orders)
    rows = rows.join(_fast_shops(orders, ask), on="shop", how="left").join(chances, on=["shop", "bond", "key"], how="left")
    return rows.with_columns(**_shown(ask))


def _shown(ask: Ask) -> dict[str, pl.Expr]:
    """The flags: receiver and waybill from `min_buyers` buyers on, the others from a crowd on."""
    crowd, several = pl.col("orders") >= ask.params.crowd, pl.col("buyers") >= ask.params.min_buyers
    steady = (pl.col("gap_spread") <= _SPREAD * pl.col("mean_gap")) & (pl.col("mean_gap") > _UNIT_OF_PAY) & (pl.col("span") <= timedelta(days=1))
    alike = pl.col("chance") <= _CHANCE
    return {
        "receiver": pl.col("bond").is_in(["address", "phone"]) & several,
        "waybill": (pl.col("bond") == "waybill") & several,
        # of one item everybody pays the same: equal amounts say something only where something else binds the orders
        "amounts": (pl.col("bond") != "wave") & crowd & _most("alike"),
        "rhythm": crowd & (alike | steady).fill_null(False),
        "seconds": crowd & _most("quick") & ~pl.col("fast_shop").fill_null(False),
        "off_hours": crowd & _most("small") & (pl.col("span") <= timedelta(hours=5)),
    }


def _most(name: str) -> pl.Expr:
    part, whole = _MOST
    return pl.col(name) * whole >= pl.col("orders") * part


def _fast_shops(orders: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """`fast_shop`: half of the shop's orders are paid within seconds anyway (payment without a password), so that it says nothing there."""
    quick = (pl.col("delay") <= ask.params.seconds.total_seconds()).fill_null(False)
    return orders.group_by("shop").agg(fast_shop=quick.sum() * 2 >= pl.col("delay").count())


def _pay_chances(rows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Of crowds whose delays lie close together: the `chance` that the middle of them lies so close together by itself: n p^(n-1), with p the share of all the shop's delays in that
    span (the first-order bound of a scan statistic; a shop where everybody pays in two seconds gives p near 1 and no alarm).
    """
    told = orders.select("shop", "delay").join(rows, on="shop", how="semi").filter(pl.col("delay").is_not_null())
    told = told.sort("delay").with_columns(below=pl.int_range(1, pl.len() + 1).over("shop"))
    total = told.group_by("shop").agg(total=pl.len())
    wanted = rows.with_columns(low=pl.col("low") - _UNIT_OF_PAY, high=pl.col("high") + _UNIT_OF_PAY)
    for name in ("low", "high"):
        upto = told.rename({"delay": name, "below": f"upto_{name}"})
        wanted = wanted.sort(name).join_asof(upto, on=name, by="shop", strategy="backward", check_sortedness=False)
    share = (pl.col("upto_high").fill_null(0) - pl.col("upto_low").fill_null(0)) / pl.col("total")
    middle = (pl.col("paid") * 0.8).ceil()
    wanted = wanted.join(total, on="shop", how="left").with_columns(chance=middle * share.pow(middle - 1))
    return wanted.select("shop", "bond", "key", "chance")


def contacts_of(orders: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """`contact` of orders paid within seconds: the buyer wrote to the shop, or looked at something, in the day before the order. Where no such data are
    kept, nobody did: the seconds weigh little for that reason.
    """
    quick = orders.lazy().filter("named", pl.col("delay") <= ask.params.seconds.total_seconds()).select("shop", "buyer_id", "order_id", "created_at")
    said = known(frames, "chats", ask).filter(pl.col("sender") == "buyer").select("shop", "buyer_id", at="at")
    seen = known(frames, "behaviours", ask).select("shop", "buyer_id", at="hour")
    pairs = pl.concat([said, seen]).join(quick, on=["shop", "buyer_id"], how="inner")
    near = pairs.filter(pl.col("at") <= pl.col("created_at"), pl.col("at") >= pl.col("created_at") - timedelta(days=1))
    return near.select("shop", "order_id", contact=pl.lit(True)).unique().collect()


def single_evidence(orders: pl.DataFrame, frames: Frames, ask: Ask) -> Iterator[pl.DataFrame]:
    """Evidence of one order by itself: shop, order_id, reason, bond (null), key (null)."""
    yield _evidence(_praised(orders, frames, ask), "praise")
    yield _evidence(_empty(orders, frames, ask), "empty")
    yield _evidence(_repeated(orders, ask), "repeated")
    if ask.params.trust_marks:
        yield _evidence(orders.filter("marked"), "marked")


def _evidence(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    none = pl.lit(None, pl.String)
    return rows.select("shop", "order_id", reason=pl.lit(reason), bond=none, key=none).unique(maintain_order=False)


def _praised(orders: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders praised (4 stars or 5) before they arrived or within `praise` of it; exactly that long after counts."""
    praise = known(frames, "reviews", ask).filter(pl.col("stars") >= 4, pl.col("created_at") <= instant(ask.as_of)).select("shop", "order_id", said="created_at")
    arrived = known(frames, "parcels", ask).filter(has_happened("delivered_at", ask)).select("shop", "order_id", "delivered_at")
    both = praise.join(arrived, on=["shop", "order_id"], how="inner").group_by("shop", "order_id", "said").agg(pl.col("delivered_at").min())
    soon = both.filter(pl.col("said") - pl.col("delivered_at") <= ask.params.praise).select("shop", "order_id").unique()
    return orders.join(soon.collect(), on=["shop", "order_id"], how="semi")


def _empty(orders: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders whose parcels were never scanned though the buyer confirmed them, or went back to the sender though nothing was refunded."""
    scans = [has_happened(name, ask) for name in ("collected_at", "last_event_at", "delivered_at")]
    back = has_happened("last_event_at", ask) & pl.col("last_event").str.contains(_EMPTY_WORDS).fill_null(False)
    parcels = known(frames, "parcels", ask).select("shop", "order_id", moved=pl.any_horizontal(scans), back=back)
    still = parcels.filter(~pl.col("moved"))
    on = ["shop", "order_id"]
    elsewhere = parcels.filter("moved").join(still, on=on, how="semi")  # another parcel of the order moved
    still = still.join(elsewhere, on=on, how="anti").select(on).unique().collect()
    returned = parcels.filter("back").select(on).unique().collect()
    finished = orders.filter((pl.col("finished_at") <= instant(ask.as_of)).fill_null(False))
    return pl.concat([finished.join(still, on=on, how="semi"), orders.filter(~pl.col("fully_refunded")).join(returned, on=on, how="semi")])


def _repeated(orders: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Orders of one buyer for one item of which `repeats` lie within `repeat_within`."""
    by = ["shop", "buyer_id", "item_id"]
    rows = orders.filter("named", pl.col("item_id").is_not_null())
    rows = crowded(rows, by, ask.params.repeats).sort(*by, "created_at", "order_id")
    nth = ask.params.repeats - 1
    closes = _as_before(*by, rows=nth) & (pl.col("created_at") - pl.col("created_at").shift(nth) <= ask.params.repeat_within)
    rows = rows.with_columns(closes=closes.fill_null(False))
    # an order is in such a run when it closes one, or one of the next few, which are then of the same buyer and item, closes it
    return rows.filter(pl.any_horizontal(pl.col("closes").shift(-n).fill_null(False) for n in range(ask.params.repeats)))


def crowd_evidence(bound: pl.DataFrame, shown: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Evidence against every order of a bond that shows it: shop, order_id, reason, bond, key."""
    for reason in ("receiver", "waybill", "amounts", "rhythm", "seconds", "off_hours"):
        bad = shown.filter(reason).select("shop", "bond", "key")
        yield bound.join(bad, on=["shop", "bond", "key"], how="semi").select("shop", "order_id", reason=pl.lit(reason), bond="bond", key="key")


def scored(orders: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """Orders with evidence: `score` = the sum of the points of its different reasons, `reasons` (codes) and `zh`."""
    told = evidence.select("shop", "order_id", "reason").unique()
    place = pl.col("reason").replace_strict({reason: n for n, reason in enumerate(REASONS)}, return_dtype=pl.Int8)
    points = pl.col("reason").replace_strict({reason: one.points for reason, one in REASONS.items()}, return_dtype=pl.Int64)
    words = pl.col("reason").replace_strict({reason: one.zh for reason, one in REASONS.items()}, return_dtype=pl.String)
    sums = (
        told.with_columns(points=points, words=words)
        .sort("shop", "order_id", place)
        .group_by("shop", "order_id", maintain_order=True)
        .agg(score=pl.col("points").sum(), reasons=pl.col("reason"), zh=pl.format("{}(+{})", "words", "points").str.join("；"))
    )
    return orders.join(sums, on=["shop", "order_id"], how="inner").sort(
        "shop", "score", "created_at", "order_id", descending=[False, True, False, False]
    )


def cases(flagged: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """Flagged orders put together by what binds them, one row a case: the strongest bond first, an order in one case only."""
    strength = pl.col("bond").replace_strict({"waybill": 0, "address": 1, "phone": 2, "buyer": 3, "wave": 4}, default=5, return_dtype=pl.Int8)
    bound = evidence.filter(pl.col("bond").is_not_null()).join(flagged.select("shop", "order_id"), on=["shop", "order_id"], how="semi")
    first = bound.sort("shop", "order_id", strength, "key").unique(["shop", "order_id"], keep="first", maintain_order=True).select("shop", "order_id", "bond", "key")
    rows = flagged.join(first, on=["shop", "order_id"], how="left").with_columns(
        bond=pl.col("bond").fill_null("order"), key=pl.coalesce("key", "order_id")
    )
    return (
        rows.sort("shop", "created_at", "order_id")
        .group_by("shop", "bond", "key", maintain_order=True)
        .agg(
            case_id=pl.col("order_id").first(), orders=pl.len().cast(pl.Int64), buyers=pl.col("buyer_id").n_unique().cast(pl.Int64),
            first_at=pl.col("created_at").min(), last_at=pl.col("created_at").max(), amount_fen=pl.col("total_fen").sum(),
            score=pl.col("score").max(), zh=pl.col("zh").sort_by("score").last(), order_ids=pl.col("order_id"),
        )
        .select("shop", "case_id", "bond", "orders", "buyers", "amount_fen", "score", "zh", "first_at", "last_at", "order_ids")
        .sort("shop", "score", "first_at", "case_id", descending=[False, True, False, False])
    )  # fmt: skip
