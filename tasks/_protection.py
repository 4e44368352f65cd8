"""What earlier buyers may claim when a price falls: the lines of the protected days, and what each was paid for."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.spreading import spread
from tasks._orders import effective_orders
from tasks._rows import has_happened, instant, known, local_date
from tasks._windows import DAY, last_midnight, today

_ORDER = ["shop", "order_id"]


def price_moves(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Price changes planned, or made within the protected days: `drop_on` (local day), `new_fen`, `planned`.

    Several changes of one item are each a case of their own; `nth` numbers them by shop, instant and item, so that many lines are sorted and
    counted by one number in place of two texts.
    """
    days, by = ask.params.days, ["shop", "changed_at", "item_id"]
    return (
        known(frames, "price_changes", ask)
        .filter(pl.col("price_fen").is_not_null(), pl.col("changed_at") > instant(last_midnight(ask) - days - DAY))
        .filter(local_date("changed_at", ask) >= today(ask) - days)
        .select("shop", "item_id", "changed_at", "reason", new_fen="price_fen", drop_on=local_date("changed_at", ask))
        .sort(by)
        .with_columns(planned=pl.col("changed_at") > instant(ask.as_of), nth=pl.struct(by).rle_id())
    )


def protected_lines(frames: Frames, ask: Ask, moves: pl.LazyFrame) -> pl.LazyFrame:
    """Every paid line of the days that a move protects: `units`, `kept_fen` (paid for them, net of refunds), `due_fen`, `why`.

    `why` names what a person has to look at; such a line has no `due_fen` that counts. Lines refunded in full are left out.
    """
    lines = _paid_lines(frames, ask, moves)
    age = (pl.col("drop_on") - pl.col("paid_on")).dt.total_days()
    return (
        lines.join(moves, on=["shop", "item_id"])
        .filter(pl.col("paid_at") < pl.col("changed_at"), age <= ask.params.days.days)
        .with_columns(days_ago=age, why=_why_unsure())
        .with_columns(due_fen=(pl.col("kept_fen") - pl.col("new_fen") * pl.col("units")).clip(0))
    )


def _paid_lines(frames: Frames, ask: Ask, moves: pl.LazyFrame) -> pl.LazyFrame:
    """Paid lines of the moved items, with what each piece of the order's money they carry: stated, or spread over the lines."""
    about = ("shop", "order_id", "line_id", "item_id", "sku", "units", "price_fen", "payable_fen", "paid_fen", "refund_fen", "refund_status", "paid_at")
    lines = known(frames, "order_lines", ask).select(about).with_columns(refund=pl.col("refund_fen").fill_null(0))
    moved = moves.select("shop", "item_id").unique()
    silent = lines.filter(pl.col("paid_fen").is_null()).select(_ORDER).unique()  # orders of which a line does not say what was paid for it
    told = _of_paid_orders(lines.join(moved, on=["shop", "item_id"], how="semi").join(silent, on=_ORDER, how="anti"), frames, ask)
    value = pl.coalesce("payable_fen", pl.col("price_fen") * pl.col("units"))
    shared = spread(pl.col("goods_fen"), value, _ORDER, "line_id")
    stated = pl.col("paid_fen") + pl.col("refund")
    spread_out = _of_paid_orders(lines.join(silent, on=_ORDER, how="semi"), frames, ask).with_columns(once_fen=pl.coalesce(stated, shared))
    return (
        pl.concat([told.with_columns(once_fen=stated), spread_out])
        .with_columns(spread=pl.col("paid_fen").is_null())
        .with_columns(kept_fen=pl.col("once_fen") - pl.col("refund"), paid_on=local_date("paid_at", ask))
        .filter(~((pl.col("refund") > 0) & (pl.col("kept_fen") <= 0)).fill_null(False))
    )


def _of_paid_orders(lines: pl.LazyFrame, frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The lines that were paid for in orders that are not undone, with what they need of their order."""
    return (
        lines.join(_orders(frames, ask), on=_ORDER, how="left")
        .with_columns(paid_at=pl.coalesce("paid_at", "order_paid_at"))
        .filter(has_happened("paid_at", ask), ~pl.col("undone").fill_null(False))
    )


def _orders(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """What a line needs of its order: who, when, whether it is undone, and what was once paid for the goods (no postage)."""
    back = pl.col("refund_fen").fill_null(0)
    return effective_orders(frames, ask).select(
        *_ORDER,
        "buyer_id",
        order_paid_at=pl.when("paid").then("paid_at"),
        undone="fully_refunded",
        order_refund_fen=pl.when("refunded").then(back).otherwise(0),
        goods_fen=pl.col("paid_fen") + back - pl.col("postage_fen").fill_null(0),
    )


def _why_unsure() -> pl.Expr:
    """A partial refund may be a piece sent back or the difference already paid: only a person can tell."""
    elsewhere = (pl.col("order_refund_fen") > 0) & pl.col("refund_fen").is_null()
    return (
        pl.when(pl.col("units").is_null() | (pl.col("units") <= 0)).then(pl.lit("units unknown"))
        .when(pl.col("kept_fen").is_null()).then(pl.lit("paid amount unknown"))
        .when((pl.col("refund_status") == "open").fill_null(False)).then(pl.lit("refund open"))
        .when(pl.col("refund") > 0).then(pl.lit("refunded in part"))
        .when(elsewhere.fill_null(False)).then(pl.lit("order refunded in part"))
    )  # fmt: skip


def liabilities(frames: Frames, ask: Ask, moves: pl.LazyFrame, claims: pl.DataFrame, unsure: pl.DataFrame) -> pl.DataFrame:
    """One row a price change, changes that cost nothing included."""
    sums = claims.group_by("nth").agg(
        orders=pl.col("order_id").n_unique().cast(pl.Int64), units=pl.col("units").sum(), due_fen=pl.col("due_fen").sum()
    )
    doubts = unsure.group_by("nth").agg(unsure=pl.len().cast(pl.Int64))
    title = known(frames, "items", ask).select("shop", "item_id", "title", list_fen="price_fen").collect()
    return (
        moves.collect()
        .join(title, on=["shop", "item_id"], how="left")
        .join(sums, on="nth", how="left")
        .join(doubts, on="nth", how="left")
        .with_columns(pl.col("orders", "units", "due_fen", "unsure").fill_null(0))
        .select("shop", "item_id", "title", "drop_on", "changed_at", "planned", "list_fen", "new_fen", "orders", "units", "due_fen", "unsure", "reason")
        .sort("shop", "planned", "due_fen", "changed_at", "item_id", descending=[False, True, True, False, False])
    )


def protection_facts(frames: Frames, ask: Ask, items: pl.DataFrame) -> pl.DataFrame:
    """Changes and what is due a shop, and from when to when its order lines reach."""
    planned = pl.col("planned")
    sums = items.group_by("shop").agg(
        planned=planned.sum().cast(pl.Int64), made=(~planned).sum().cast(pl.Int64), unsure=pl.col("unsure").sum(),
        orders=pl.col("orders").sum(), units=pl.col("units").sum(),
        planned_fen=pl.col("due_fen").filter(planned).sum(), made_fen=pl.col("due_fen").filter(~planned).sum(),
        earliest=(pl.col("drop_on").clip(upper_bound=today(ask)) - pl.duration(days=ask.params.days.days)).min(),
    )  # fmt: skip
    changes = known(frames, "price_changes", ask).group_by("shop").agg(changes=pl.len().cast(pl.Int64)).collect()
    created = local_date("created_at", ask)
    reach = known(frames, "order_lines", ask).group_by("shop").agg(lines=pl.len().cast(pl.Int64), since=created.min(), newest=created.max()).collect()
    every = changes.join(reach, on="shop", how="full", coalesce=True).join(sums, on="shop", how="left")
    return every.with_columns(
        short=(pl.col("since") > pl.col("earliest")).fill_null(False), stale=pl.col("newest") <= today(ask) - ask.params.stale_after
    ).drop("earliest")
