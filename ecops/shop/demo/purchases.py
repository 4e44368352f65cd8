"""What the demo shops buy from their suppliers: every delivery the stock feed shows as a purchase, and what is still on its way."""

from datetime import timedelta

import polars as pl

from ecops.shop.demo.baskets import SCARCE
from ecops.shop.demo.plan import LAUNCHES, Plan

# One keeps every promise, one comes late more often than not, one takes long and says so. An item's is its position's turn.
SUPPLIERS = ("恒信供应链", "远达工贸", "海川工厂")
_PROMISED, _TAKEN = (7, 10, 20), (6, 10, 19)  # days promised, and days it takes at least
_LATE_DAYS, _LATE_SHARE = (2, 9), 0.7
LATE, SLOW_BUT_PUNCTUAL = SUPPLIERS[1], SUPPLIERS[2]
# What is open on the last day: (position, ordered so many days before, promised so many days after; below 0 it is overdue)
OPEN = ((4, 24, -6, "purchase_overdue"), (5, 10, 0, "purchase_due_today"), (8, 5, 15, "purchase_on_its_way"))
DEARER, _RISE = 6, 1.10  # what the item's deliveries inside the period cost against before
A_LITTLE_DEARER, _LITTLE = 9, 1.03
_FIRST_BEFORE = (2, 40)  # the stock of the first day came so many days before
_SHORT_SHARE = 0.06  # of the deliveries lack a piece or two
_OPEN_UNITS = 48


def purchases(stock: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `purchases`. Items filled up daily come from the shop's own shelf: only the delivery that ends a shortage is bought."""
    came = pl.concat([_first(stock, plan), _later(stock)]).sort("number", "received_on")
    about = items.select("shop", "item_id", "cost_fen")
    came = came.join(about, on=["shop", "item_id"], how="left", maintain_order="left").with_columns(nth=pl.int_range(pl.len()).over("number"))
    return pl.concat([_bought(came, plan), _open(items, plan)], how="diagonal_relaxed")


def _first(stock: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """What lay there when the shop's first day began; of an item listed later, what came on the day of its listing."""
    first = stock.filter(pl.col("date") == pl.col("date").min().over("number"), pl.col("opening_units") > 0)
    least, most = _FIRST_BEFORE
    days = (least + plan.dice(pl.col("number"), "first delivery") * (most - least)).cast(pl.Int64)
    days = pl.when(pl.col("position").is_in(LAUNCHES)).then(0).otherwise(days)
    came = {"received_on": pl.col("date") - pl.duration(days=days), "units": "opening_units", "first": pl.lit(True)}
    return first.select("shop", "number", "position", "item_id", "pack_size", **came)


def _later(stock: pl.DataFrame) -> pl.DataFrame:
    bought = ~pl.col("position").is_in(SCARCE) | (pl.col("opening_units") == 0)
    came = {"received_on": "date", "units": "received_units", "first": pl.lit(False)}
    return stock.filter(pl.col("received_units") > 0, bought).select("shop", "number", "position", "item_id", "pack_size", **came)


def _bought(came: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """When each delivery was ordered and promised, from whom, and what was short of what was ordered."""
    moment = pl.col("number") * 2**16 + pl.col("received_on").dt.epoch("d").cast(pl.Int64)
    by, turn = {name: dict(enumerate(days)) for name, days in (("promised", _PROMISED), ("taken", _TAKEN))}, pl.col("position") % len(SUPPLIERS)
    least, most = _LATE_DAYS
    delay = (least + plan.dice(moment, "delivery delay") * (most - least)).cast(pl.Int64)
    delayed = (turn == 1) & (plan.dice(moment, "delivered late") < _LATE_SHARE)
    taken = turn.replace_strict(by["taken"], return_dtype=pl.Int64) + pl.when(delayed).then(delay).otherwise(0)
    short = pl.when((plan.dice(moment, "delivered short") < _SHORT_SHARE) & ~pl.col("first")).then(pl.col("pack_size").clip(1, 2)).otherwise(0)
    dearer = pl.col("position").replace_strict({DEARER: _RISE, A_LITTLE_DEARER: _LITTLE}, default=1.0, return_dtype=pl.Float64)
    ordered = pl.col("received_on") - pl.duration(days=taken)
    return came.with_columns(
        purchase_id=pl.format("PO{}-{}", "number", "nth"), supplier=_supplier(), ordered_on=ordered,
        promised_on=ordered + pl.duration(days=turn.replace_strict(by["promised"], return_dtype=pl.Int64)), received_units="units",
        units=pl.col("units") + short, cost_fen=pl.when("first").then("cost_fen").otherwise((pl.col("cost_fen") * dearer).round().cast(pl.Int64)),
    )


def _supplier() -> pl.Expr:
    return (pl.col("position") % len(SUPPLIERS)).replace_strict(dict(enumerate(SUPPLIERS)), return_dtype=pl.String)


def _open(items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Ordered and not there yet on the last day: another `until` gives others."""
    rows = [(position, plan.until - timedelta(days=ago), plan.until + timedelta(days=ahead)) for position, ago, ahead, _ in OPEN]
    table = pl.DataFrame(rows, schema={"position": pl.Int64, "ordered_on": pl.Date, "promised_on": pl.Date}, orient="row")
    frame = items.select("shop", "number", "position", "item_id", "cost_fen").join(table, on="position")
    number = pl.format("PO{}-open", "number")
    return frame.with_columns(purchase_id=number, supplier=_supplier(), units=pl.lit(_OPEN_UNITS, pl.Int64))


def told(rows: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What is to be found in the purchases (as `purchases` gives them), shop by shop, ready for JSON."""
    what = {position: name for position, _, _, name in OPEN}
    waiting = rows.filter(pl.col("received_on").is_null()).sort("shop", "position")
    found: dict[str, list[dict[str, object]]] = {}
    for shop, position, item, number, supplier, promised in waiting.select(
        "shop", "position", "item_id", "purchase_id", "supplier", "promised_on"
    ).iter_rows():
        found.setdefault(shop, []).append({
            "what": what[position], "hit": promised < plan.until, "purchase_ids": [number], "item_ids": [item], "supplier": supplier,
            "day": promised.isoformat(),
        })  # fmt: skip
    for shop, supplier, receipts, kept in _kept_promises(rows).iter_rows():
        name = "supplier_late" if supplier == LATE else "supplier_slow_but_punctual"
        found.setdefault(shop, []).append({"what": name, "hit": supplier == LATE, "supplier": supplier, "receipts": receipts, "on_time": kept})
    dearer = rows.filter(~pl.col("first"), pl.col("position").is_in([DEARER, A_LITTLE_DEARER])).sort("shop", "position", "received_on")
    for shop, position, item, day in dearer.select("shop", "position", "item_id", "received_on").unique(["shop", "position"], keep="first", maintain_order=True).iter_rows():
        name = "cost_risen" if position == DEARER else "cost_risen_a_little"
        found[shop].append({"what": name, "hit": position == DEARER, "item_ids": [item], "day": day.isoformat()})
    return found


def _kept_promises(rows: pl.DataFrame) -> pl.DataFrame:
    came = rows.filter(pl.col("received_on").is_not_null(), pl.col("supplier").is_in([LATE, SLOW_BUT_PUNCTUAL]))
    kept = (pl.col("received_on") <= pl.col("promised_on")).sum().cast(pl.Int64)
    return came.group_by("shop", "supplier").agg(pl.len().cast(pl.Int64), kept=kept).sort("shop", "supplier")
