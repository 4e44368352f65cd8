"""The daily reports of the items: what visitors did, and what was in stock. Counted from the sales, and from what was lost."""

import polars as pl

from ecops.shop.demo.demand import search_dropped
from ecops.shop.demo.fate import day_number
from ecops.shop.demo.plan import EDGE, IDLE, SLOW, SLOW_BUT_BOOKED, SLOW_BUT_NEW, STRONG, THIN, WITHDRAWN, Plan

_ITEM_DAY_STEP = 2**16
_KEYS = ("shop", "item_id", "date")
_EXACT = [*EDGE, *STRONG, THIN]


def every_day(items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Every item on every day since it was listed; `day`: a number for dice."""
    frame = items.join(pl.DataFrame({"date": plan.days}), how="cross").filter(pl.col("date") >= pl.col("listed_on"))
    return frame.with_columns(day=pl.col("number") * _ITEM_DAY_STEP + pl.col("date").dt.epoch("d").cast(pl.Int64)).sort("number", "date")


def item_days(sold: pl.DataFrame, lost: pl.DataFrame, grid: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `item_days`: paid figures before refunds by day of payment, ordered ones by day of creation.

    Visitors follow what was wanted, not what was sold: they come to an item out of stock as before. The items at EDGE,
    STRONG and THIN have so many that the conversion of any longer window is their own, to a few visitors.
    """
    frame = grid.select("shop", "shop_number", "number", "position", "item_id", "title", "category", "conversion", "appeal", "search", "date", "day")
    for counted in (_paid(sold, plan), _ordered(sold), _given_back(sold, plan), _missed(lost)):
        frame = frame.join(counted, on=_KEYS, how="left", maintain_order="left")
    figures = (
        "pay_buyers",
        "pay_units",
        "pay_amount_fen",
        "new_buyers",
        "order_buyers",
        "order_units",
        "order_amount_fen",
        "refund_amount_fen",
        "missed",
    )
    frame = frame.with_columns(pl.col(figures).fill_null(0))
    frame = frame.with_columns(visitors=pl.when(pl.col("position").is_in(_EXACT)).then(_exact()).otherwise(_visitors(plan)))
    return frame.with_columns(**_moods(plan), old_buyers=pl.col("pay_buyers") - pl.col("new_buyers"))


def _paid(sold: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    paid = sold.filter(pl.col("paid") < plan.end).with_columns(pl.col("paid").dt.date().alias("date"))
    first = (pl.col("date") == pl.col("date").min().over("buyer")) & (day_number(pl.col("buyer")) >= pl.lit(plan.since).dt.epoch("d").cast(pl.Int64))
    paid = paid.with_columns(newcomer=pl.when(first).then("buyer"))
    return paid.group_by(_KEYS).agg(
        pay_buyers=pl.col("buyer").n_unique().cast(pl.Int64), pay_units=pl.col("units").sum(), pay_amount_fen=pl.col("payable_fen").sum(),
        new_buyers=pl.col("newcomer").drop_nulls().n_unique().cast(pl.Int64),
    )


def _ordered(sold: pl.DataFrame) -> pl.DataFrame:
    return sold.group_by(_KEYS).agg(
        order_buyers=pl.col("buyer").n_unique().cast(pl.Int64), order_units=pl.col("units").sum(), order_amount_fen=pl.col("payable_fen").sum(),
    )


def _given_back(sold: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    given = sold.filter((pl.col("refund_fen") > 0) & (pl.col("settled") < plan.end)).with_columns(pl.col("settled").dt.date().alias("date"))
    return given.group_by(_KEYS).agg(refund_amount_fen=pl.col("refund_fen").sum())


def _missed(lost: pl.DataFrame) -> pl.DataFrame:
    return lost.group_by(_KEYS).agg(missed=pl.col("buyer").n_unique().cast(pl.Int64))


def _visitors(plan: Plan) -> pl.Expr:
    """As many as the item's conversion asks for, blurred, and a few who never buy."""
    wanted = (pl.col("pay_buyers") + pl.col("missed")) / pl.col("conversion") * (0.85 + 0.3 * plan.dice(pl.col("day"), "visitors"))
    idle = (4 + 12 * plan.dice(pl.col("day"), "idle visitors")) * pl.col("appeal")
    return pl.max_horizontal((wanted + idle).round().cast(pl.Int64), pl.col("pay_buyers"), pl.col("order_buyers"))


def _exact() -> pl.Expr:
    """So many that the conversion since the first day is the item's own; never fewer than the day's buyers."""
    due = (pl.col("pay_buyers").cum_sum().over("number") / pl.col("conversion")).round().cast(pl.Int64)
    least = pl.max_horizontal("order_buyers", "pay_buyers").cum_sum().over("number")
    total = least + pl.max_horizontal((due - least).cum_max().over("number"), pl.lit(0))
    return total - total.shift(1, fill_value=0).over("number")


def _moods(plan: Plan) -> dict[str, pl.Expr]:
    """What else the visitors did; more go to the cart in the week before a campaign."""
    visitors, drawn = (
        pl.col("visitors"),
        {name: plan.dice(pl.col("day"), name) for name in ("views", "carts", "favourites", "stay", "bounce", "searched")},
    )
    waiting = pl.any_horizontal(pl.lit(False), *(plan.near_peak(pl.col("date"), offset) for offset in range(-6, 0)))
    carts = (visitors * (0.06 + 0.08 * drawn["carts"]) * pl.when(waiting).then(1.8).otherwise(1.0)).round().cast(pl.Int64)
    carts = pl.min_horizontal(pl.max_horizontal(carts, "pay_buyers"), visitors)
    found = visitors * pl.col("search") * (0.8 + 0.4 * drawn["searched"]) * pl.when(search_dropped(plan)).then(0.4).otherwise(1.0)
    found = pl.min_horizontal(found.round().cast(pl.Int64), visitors)
    return {
        "page_views": (visitors * (1.6 + drawn["views"])).round().cast(pl.Int64),
        "cart_users": carts,
        "cart_units": (carts * (1.05 + 0.3 * drawn["carts"])).round().cast(pl.Int64),
        "fav_users": pl.min_horizontal((visitors * (0.02 + 0.04 * drawn["favourites"])).round().cast(pl.Int64), visitors),
        "stay_seconds": pl.when(visitors > 0).then((20 + 60 * drawn["stay"]).round(1)),
        "bounce_rate": pl.when(visitors > 0).then((0.35 + 0.4 * drawn["bounce"]).round(4)),
        "search_visitors": found,
        "search_buyers": pl.min_horizontal((pl.col("pay_buyers") * pl.col("search")).round().cast(pl.Int64), found),
    }


def stock(sold: pl.DataFrame, grid: pl.DataFrame, supplies: pl.DataFrame, on_hand: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `stock`: falls by the units paid for; deliveries come in lots, as the day's sales need them.

    In a planted shortage (`supplies`) no delivery comes before its last day; else such items are filled up daily (`on_hand`).
    Slow items lie there by the hundred.
    """
    units = _paid(sold, plan).select(*_KEYS, "pay_units")
    frame = grid.select("shop", "number", "position", "item_id", "pack_size", "date").join(units, on=_KEYS, how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("pay_units").fill_null(0)).with_columns(gone=pl.col("pay_units").cum_sum().over("number"))
    frame = _short(frame, supplies).join(on_hand, on=["shop", "position"], how="left", maintain_order="left")
    frame = frame.with_columns(came=pl.coalesce("held_back", pl.col("gone") + pl.col("level"), _ample())).with_columns(
        came=pl.col("came").cum_max().over("number")
    )
    first = pl.col("came") == pl.col("came").first().over("number")
    received = pl.when(first).then(0).otherwise(pl.col("came") - pl.col("came").shift(1, fill_value=0).over("number"))
    frame = frame.with_columns(received_units=received, closing_units=pl.col("came") - pl.col("gone"))
    return frame.with_columns(opening_units=pl.col("closing_units") + pl.col("pay_units") - pl.col("received_units"))


def _ample() -> pl.Expr:
    """Pieces that have come by the end of a day, as the sales until then and the packs ask for."""
    lot = (60 // pl.col("pack_size") + 1) * pl.col("pack_size")
    slow = 600 + 600 * (pl.col("gone") // 24)
    return (
        pl.when(pl.col("position") == IDLE).then(0)
        .when(pl.col("position").is_in([*SLOW, SLOW_BUT_BOOKED, SLOW_BUT_NEW])).then(slow)
        .when(pl.col("position") == WITHDRAWN).then(200)
        .otherwise(((pl.col("gone") + lot // 3) // lot + 1) * lot)
    )


def _short(frame: pl.DataFrame, supplies: pl.DataFrame) -> pl.DataFrame:
    """`held_back`: pieces that have come, on the days of a shortage; null on other days."""
    before = (pl.col("gone") - pl.col("pay_units")).filter(pl.col("date") == pl.col("begins")).first().over("number", "begins")
    days = frame.join(supplies.select("shop", "position", "begins", "ends", "quota"), on=["shop", "position"])
    days = days.filter(pl.col("date").is_between("begins", "ends", closed="left")).with_columns(held_back=before + pl.col("quota"))
    return frame.join(days.select(*_KEYS, "held_back"), on=list(_KEYS), how="left", maintain_order="left")
