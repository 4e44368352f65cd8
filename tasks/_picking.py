"""Orders of a campaign on their way out of the warehouse: what to pick and in which order, what to stop, and whom to tell a tracking number."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._orders import effective_orders
from tasks._rows import has_happened, instant, known
from tasks._waiting import waiting_facts, waiting_orders
from tasks._waybills import parcels_sent
from tasks._windows import Window

_ORDER = ["shop", "order_id"]
_PICK = ("shop", "nth", "order_id", "paid_at", "deadline", "state", "lines", "units", "amount_fen", "presale")
_HELD = ("shop", "order_id", "paid_at", "amount_fen", "reason")


def campaign_orders(frames: Frames, ask: Ask, window: Window) -> pl.LazyFrame:
    """Orders paid in the window as they stood: a pre-sale counts with its final payment."""
    inside = pl.col("paid_at").is_between(instant(window.since), instant(window.until), closed="left")
    return effective_orders(frames, ask).filter(pl.col("paid"), inside)


def picking(frames: Frames, ask: Ask, window: Window) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(orders, lines, others): waiting orders of the campaign with `reason` where they must not be picked, their lines, and those that are
    not of the campaign. Orders by deadline, then by payment: `nth` counts those that are picked.
    """
    whole = campaign_orders(frames, ask, window).select(*_ORDER, "presale").collect()
    waiting = waiting_orders(frames, ask)
    others = waiting.join(whole, on=_ORDER, how="anti")
    lines = _lines(frames, ask, waiting.join(whole, on=_ORDER, how="semi"))
    sums = lines.filter(~pl.col("gone")).group_by(_ORDER).agg(
        lines=pl.len().cast(pl.Int64), line_units=pl.when(pl.col("units").null_count() == 0).then(pl.col("units").sum())
    )  # fmt: skip
    reason = pl.coalesce("after_sale", pl.when(pl.col("lines").is_null() & pl.col("any").fill_null(False)).then(pl.lit("every line was refunded")))
    rows = (
        waiting.drop("units").join(whole, on=_ORDER)
        .join(_after_sales(frames, ask), on=_ORDER, how="left")
        .join(sums, on=_ORDER, how="left")
        .join(lines.select(*_ORDER, any=pl.lit(True)).unique(), on=_ORDER, how="left")
        .with_columns(reason=reason, units="line_units")
        .sort("shop", "deadline", "paid_at", "order_id")
    )  # fmt: skip
    free = pl.col("reason").is_null()
    rows = rows.with_columns(nth=pl.when(free).then(free.cum_sum().over("shop").cast(pl.Int64)))
    return rows, lines.filter(~pl.col("gone")), others


def _lines(frames: Frames, ask: Ask, orders: pl.DataFrame) -> pl.DataFrame:
    """Lines of the orders, `gone` where the line's own refund succeeded by then."""
    back = known(frames, "refunds", ask).filter(pl.col("line_id").is_not_null(), pl.col("refund_status") == "success", _settled(ask))
    gone = back.select(*_ORDER, "line_id", gone=pl.lit(True)).unique()
    columns = ("line_id", "item_id", "sku", "merchant_code", "title", "units")
    lines = known(frames, "order_lines", ask).select(*_ORDER, *columns).join(orders.lazy().select(_ORDER), on=_ORDER, how="semi")
    lines = lines.join(gone, on=[*_ORDER, "line_id"], how="left")
    return lines.with_columns(pl.col("gone").fill_null(False)).collect()


def _settled(ask: Ask) -> pl.Expr:
    return pl.col("closed_at").is_null() | has_happened("closed_at", ask)


def _after_sales(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders with a claim that stands in the way: still open by then, or settled for the order without saying for which line."""
    asked = known(frames, "refunds", ask).filter(~pl.col("refund_status").is_in(("refused", "closed")).fill_null(False))
    is_open = (pl.col("refund_status") != "success").fill_null(True) | ~_settled(ask)
    after_sale = (
        pl.when(is_open.any()).then(pl.lit("refund open"))
        .when(pl.col("line_id").is_null().any()).then(pl.lit("refunded in part, of which line is not told"))
    )  # fmt: skip
    return asked.group_by(_ORDER).agg(after_sale=after_sale).collect()


def to_pick(rows: pl.DataFrame) -> pl.DataFrame:
    """The orders in the order they leave."""
    return rows.filter(pl.col("reason").is_null()).select(_PICK)


def pick_list(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """What to take from the shelves for all of them, item by item, the one whose first order leaves first on top. `units` null: unknown."""
    wanted = rows.filter(pl.col("reason").is_null()).select(*_ORDER, "nth", "deadline")
    units = pl.when(pl.col("units").null_count() == 0).then(pl.col("units").sum())
    return (
        lines.join(wanted, on=_ORDER)
        .group_by("shop", "item_id", "sku", "merchant_code")
        .agg(units=units, title=pl.col("title").drop_nulls().min(), orders=pl.col("order_id").n_unique().cast(pl.Int64), first_nth=pl.col("nth").min(), deadline=pl.col("deadline").min())
        .select("shop", "item_id", "sku", "merchant_code", "title", "units", "orders", "first_nth", "deadline")
        .sort("shop", "first_nth", "item_id", "sku", "merchant_code", nulls_last=True)
    )


def to_stop(frames: Frames, ask: Ask, window: Window, rows: pl.DataFrame) -> pl.DataFrame:
    """What must not leave: waiting orders with a claim, and orders undone since they were paid and not sent, the warehouse may have picked them.

    `parcel_id`: a waybill that was made already has to be stopped.
    """
    undone = campaign_orders(frames, ask, window).filter("fully_refunded", ~pl.col("sent"))
    late = pl.col("refunded_at") > instant(ask.as_of - ask.params.recall)
    recent = undone.filter(pl.col("refunded_at").is_null() | late).with_columns(reason=pl.lit("cancelled after payment"))
    stopped = pl.concat([rows.filter(pl.col("reason").is_not_null()).select(_HELD), recent.select(_HELD).collect()])
    made = known(frames, "parcels", ask).filter(pl.col("shipped_at").is_null() | has_happened("shipped_at", ask))
    made = made.join(stopped.lazy().select(_ORDER), on=_ORDER, how="semi")
    waybills = made.group_by(_ORDER).agg(parcel_id=pl.col("parcel_id").min()).collect()
    return stopped.join(waybills, on=_ORDER, how="left").sort("shop", "paid_at", "order_id")


def sent_lately(frames: Frames, ask: Ask, window: Window, reused: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(told, untold): orders of the campaign handed over within `tell_within` with the tracking number to tell, and those that have none to tell."""
    since = ask.as_of - ask.params.tell_within
    left = pl.when(has_happened("shipped_at", ask)).then("shipped_at")
    sent = campaign_orders(frames, ask, window).filter("sent").select(*_ORDER, "buyer_id", left_at=left)
    fresh = sent.filter((pl.col("left_at") > instant(since)).fill_null(False))
    parcels = parcels_sent(frames, ask, window.since).join(reused.lazy().select("shop", "parcel_id", twice=pl.lit(True)), on=["shop", "parcel_id"], how="left")
    rows = fresh.join(parcels.select(*_ORDER, "parcel_id", "carrier", "twice"), on=_ORDER, how="left").sort("shop", "left_at", "order_id", "parcel_id").collect()
    wrong = (
        pl.when(pl.col("parcel_id").is_null()).then(pl.lit("handed over without a tracking number"))
        .when(pl.col("twice")).then(pl.lit("its tracking number stands for another buyer's order too"))
    )  # fmt: skip
    rows = rows.rename({"left_at": "shipped_at"}).with_columns(reason=wrong)
    columns = ("shop", "order_id", "buyer_id", "parcel_id", "carrier", "shipped_at")
    return rows.filter(pl.col("reason").is_null()).select(columns), rows.filter(pl.col("reason").is_not_null()).select(*columns, "reason")


def priority_facts(frames: Frames, ask: Ask, rows: pl.DataFrame, others: pl.DataFrame, lists: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Counts a shop beside those of all waiting orders."""
    free = pl.col("reason").is_null()
    sums = rows.group_by("shop").agg(
        pick=free.sum().cast(pl.Int64), late=(free & (pl.col("state") == "overdue")).sum().cast(pl.Int64),
        lineless=(free & pl.col("lines").is_null()).sum().cast(pl.Int64), units=pl.col("units").filter(free).sum(),
        unsure=(free & pl.col("lines").is_not_null() & pl.col("units").is_null()).sum().cast(pl.Int64),
    )  # fmt: skip
    due = others.group_by("shop").agg(others_due=pl.col("state").is_in(("overdue", "soon")).sum().cast(pl.Int64))
    parcels = known(frames, "parcels", ask).group_by("shop").agg(parcels=pl.len().cast(pl.Int64)).collect()
    facts = waiting_facts(frames, ask, rows.select("shop", "state", "age_hours"))
    for part in (sums, due, parcels, *(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(f"{name}_rows")) for name, frame in lists.items())):
        facts = facts.join(part, on="shop", how="left")
    return facts
