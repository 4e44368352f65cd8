"""Open after-sales: until when they have to be answered, what usually settles them, and whether what is asked for may be given."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._reasons import TOPICS, with_topics
from tasks._rows import has_happened, instant, known

REMEDIES = {
    "refund": "退款", "return": "退货退款", "resend": "补发", "exchange": "换货", "compensate": "补偿", "trace": "查件", "hold": "暂停核对", "ask": "联系买家",
}  # fmt: skip
_NO_MONEY = ("exchange", "resend")
_ORDER = ["shop", "order_id"]


def live(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """After-sales that count as of then: `open` ones (also those settled later), and those that had succeeded; refused and withdrawn ones do not."""
    ended = pl.col("refund_status").is_in(["success", "refused", "closed"]).fill_null(False)
    settled = has_happened("closed_at", ask) | (pl.col("closed_at").is_null() & ended)
    return (
        known(frames, "refunds", ask)
        .filter(has_happened("created_at", ask))
        .with_columns(open=~settled)
        .filter(pl.col("open") | (pl.col("refund_status") == "success").fill_null(False))
        .with_columns(money=~pl.col("refund_kind").is_in(_NO_MONEY).fill_null(False))
    )


def paid_of(frames: Frames, ask: Ask, kind: str, key: list[str], name: str) -> pl.LazyFrame:
    """What was once paid for each order or line (refunds of later put back), 0 where nothing was paid by then."""
    gross = pl.col("paid_fen") + pl.col("refund_fen").fill_null(0)
    return known(frames, kind, ask).select("shop", *key, pl.when(has_happened("paid_at", ask)).then(gross).otherwise(0).alias(name))


def checked(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """The open after-sales with `paid_fen` of the order, `left_fen` (paid less what was given back), `check` and the ids `beside` them.

    `check`: `twice` where another after-sale of the same line (or of the same item, or of the order as a whole, as far as they say) is open or
    succeeded; `exceeds` where the sum asked for is over what is left of the order, or an amount over what its line cost; `unknown` where the
    amount or what was paid is unknown; else `ok`.
    """
    lines = known(frames, "order_lines", ask).select("shop", "order_id", "line_id", line_item="item_id")
    line_paid = paid_of(frames, ask, "order_lines", ["order_id", "line_id"], "line_fen")
    rows = live(frames, ask).join(lines, on=[*_ORDER, "line_id"], how="left").join(line_paid, on=[*_ORDER, "line_id"], how="left")
    by_line = pl.col("line_id").is_not_null().all().over(_ORDER)
    part = pl.when(by_line).then("line_id").otherwise(pl.coalesce("item_id", "line_item"))
    rows = rows.with_columns(part=part, money_fen=pl.when("money").then("amount_fen").otherwise(0))
    together = pl.col("part").is_null().any().over(_ORDER) & (pl.len().over(_ORDER) > 1)
    same = pl.len().over([*_ORDER, "part"]) > 1
    blank = pl.col("money_fen").is_null().any().over(_ORDER)
    given = pl.when(~pl.col("open")).then("money_fen").otherwise(0).sum().over(_ORDER)
    asked = pl.when("open").then("money_fen").otherwise(0).sum().over(_ORDER)
    rows = rows.with_columns(twice=together | same, blank=blank, given=given, asked=asked, all_ids=pl.col("refund_id").sort().implode().over(_ORDER))
    orders = paid_of(frames, ask, "orders", ["order_id"], "paid_fen")
    left = pl.col("paid_fen") - pl.col("given")
    exceeds = pl.col("money") & ((pl.col("asked") > left) | (pl.col("amount_fen") > pl.col("line_fen")).fill_null(False))
    check = (
        pl.when("twice").then(pl.lit("twice"))
        .when(exceeds.fill_null(False)).then(pl.lit("exceeds"))
        .when(pl.col("blank") | pl.col("paid_fen").is_null()).then(pl.lit("unknown"))
        .otherwise(pl.lit("ok"))
    )
    return (
        rows.filter("open")
        .join(orders, on=_ORDER, how="left")
        .with_columns(left_fen=pl.when(~pl.col("blank")).then(left), check=check, beside=pl.when("twice").then(pl.col("all_ids").list.join("、")))
    )  # fmt: skip


def with_remedy(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`topics`, and the `remedy` people usually find for it; a suggestion. What fails its check is held; what has not left is refunded."""
    usual = {one.name: one.remedy for one in TOPICS}
    first = pl.col("topics").list.first().replace_strict(usual, default=None, return_dtype=pl.String)
    remedy = (
        pl.when(pl.col("check").is_in(["twice", "exceeds"])).then(pl.lit("hold"))
        .when(~pl.col("shipped")).then(pl.lit("refund"))
        .otherwise(pl.coalesce(first, pl.when(pl.col("refund_kind").is_in(list(REMEDIES))).then("refund_kind"), pl.lit("ask")))
    )
    return with_topics(rows, "reason").with_columns(remedy=remedy).with_columns(
        zh=pl.col("remedy").replace_strict(REMEDIES, return_dtype=pl.String), topics=pl.col("topics").list.join("、")
    )  # fmt: skip


def timed(rows: pl.LazyFrame, ask: Ask) -> pl.LazyFrame:
    """`due_at`, `hours_left` and `state`: overdue once past it (exactly then is in time), soon, or open."""
    now = instant(ask.as_of)
    limit = pl.when(pl.col("shipped").fill_null(True)).then(ask.params.limit_shipped).otherwise(ask.params.limit)
    state = (
        pl.when(pl.col("due_at") < now).then(pl.lit("overdue"))
        .when(pl.col("due_at") - ask.params.soon <= now).then(pl.lit("soon"))
        .otherwise(pl.lit("open"))
    )
    return rows.with_columns(due_at=pl.col("created_at") + limit).with_columns(
        state=state, hours_left=((pl.col("due_at") - now).dt.total_minutes() / 60).round(1)
    )  # fmt: skip
