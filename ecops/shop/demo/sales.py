"""Orders, their lines, refunds and parcels as they are known at the end of the period; instants local."""

import polars as pl

from ecops.shop.demo.baskets import sku
from ecops.shop.demo.plan import Plan
from ecops.shop.demo.words import CARRIERS, REFUNDED, UNPAID


def sold(fates: pl.DataFrame, lines: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The lines with their order's fate, what is claimed of them (claimed_fen; null: nothing) and what is given back by the end (refund_fen)."""
    taken = [name for name in fates.columns if name not in lines.columns and name != "number"]
    frame = lines.join(fates.select(*taken, order="number").rename({"total_fen": "order_fen"}), on="order", how="left", maintain_order="left")
    first = pl.col("number") == pl.col("number").min().over("order")
    claimed = pl.col("asked").is_not_null() & (pl.col("whole") | first)
    frame = frame.with_columns(claimed_fen=pl.when(claimed).then((pl.col("payable_fen") * pl.col("share")).round().cast(pl.Int64)))
    given = (pl.col("outcome") == "success") & (pl.col("settled") < plan.end)
    return frame.with_columns(refund_fen=pl.when(given).then(pl.col("claimed_fen")).fill_null(0)).with_columns(
        paid_line=_paid_of("payable_fen", plan)
    )


def _paid_of(amount: str, plan: Plan) -> pl.Expr:
    """What was paid by the end for `amount`, net of refunds."""
    return pl.when(plan.known(pl.col("paid")).is_not_null()).then(pl.col(amount) - pl.col("refund_fen")).otherwise(0)


def order_rows(fates: pl.DataFrame, sold: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `orders`."""
    refunds = sold.group_by("order").agg(pl.col("refund_fen").sum())
    frame = fates.join(refunds, left_on="number", right_on="order", how="left", maintain_order="left")
    given = pl.col("refund_fen") > 0
    paid = _paid_of("total_fen", plan)
    status = _status(plan)
    return frame.with_columns(
        paid_fen=paid, status=status, created_at="created", **_instants(plan),
        refunded_at=pl.when(given).then("settled"),
        postage_fen=pl.lit(0), shop_discount_fen="discount_fen", platform_discount_fen="platform_fen",
        received_fen=pl.when(paid > 0).then(paid + pl.col("platform_fen")).otherwise(0),
        deposit_fen=pl.when("presale").then((pl.col("total_fen") * 0.1).round().cast(pl.Int64)),
        deposit_paid_at=plan.known(pl.col("deposit_paid")),
        close_reason=pl.when(status == "closed").then(pl.when(given).then(pl.lit(REFUNDED)).otherwise(pl.lit(UNPAID))),
        after_sale=_after_sale(plan), remark_mark="mark",
    )


def _instants(plan: Plan) -> dict[str, pl.Expr]:
    finished = pl.when(~pl.col("void").fill_null(False)).then("finished")
    shown = {"paid_at": pl.col("paid"), "shipped_at": pl.col("shipped"), "finished_at": finished}
    known = {name: plan.known(moment) for name, moment in shown.items()}
    return known | {"ship_by": pl.when(known["paid_at"].is_not_null()).then("ship_by"), "facts_as_of": pl.min_horizontal("facts", pl.lit(plan.end))}


def _status(plan: Plan) -> pl.Expr:
    void = pl.col("void").fill_null(False) & (pl.col("settled") < plan.end).fill_null(False)
    lapsed = pl.col("paid").is_null() & (pl.col("facts") < plan.end)
    return (
        pl.when(lapsed | void).then(pl.lit("closed"))
        .when(plan.known(pl.col("paid")).is_null()).then(pl.lit("created"))
        .when(plan.known(pl.col("shipped")).is_null()).then(pl.lit("paid"))
        .when(plan.known(pl.col("finished")).is_not_null()).then(pl.lit("finished"))
        .otherwise(pl.lit("shipped"))
    )


def _after_sale(plan: Plan) -> pl.Expr:
    """none, open, refunded or refused; what the buyer withdrew leaves nothing."""
    return (
        pl.when(plan.known(pl.col("asked")).is_null()).then(pl.lit("none"))
        .when(plan.known(pl.col("settled")).is_null()).then(pl.lit("open"))
        .when((pl.col("outcome") == "success") & (pl.col("share") > 0)).then(pl.lit("refunded"))
        .when(pl.col("outcome") == "refused").then(pl.lit("refused"))
        .otherwise(pl.lit("none"))
    )


def line_rows(sold: pl.DataFrame, shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `order_lines`."""
    about = shops.select("theme", "platform", shop_number="number")
    frame = sold.join(about, on="shop_number", maintain_order="left").with_columns(**sku(plan))
    asked = pl.col("claimed_fen").is_not_null() & plan.known(pl.col("asked")).is_not_null()
    return frame.with_columns(
        created_at="created", **_instants(plan), line_id=line_id(), price_fen="list_fen", paid_fen="paid_line", status=_status(plan),
        refund_status=pl.when(asked).then(_refund_status(plan)).otherwise(pl.lit("none")), talent_id=_talent(plan),
    )


def _talent(plan: Plan) -> pl.Expr:
    """On Douyin a good third of the lines is sold by one of eight hosts."""
    drawn = plan.dice(pl.col("number"), "talent")
    return pl.when((pl.col("platform") == "douyin") & (drawn < 0.35)).then(pl.format("t{}", (drawn * 8 / 0.35).cast(pl.Int64)))


def line_id() -> pl.Expr:
    """Number of a line of an order."""
    return pl.col("order_id") + (pl.col("nth") + 1).cast(pl.String)


def _refund_status(plan: Plan) -> pl.Expr:
    return pl.when(pl.col("settled") < plan.end).then("outcome").otherwise(pl.lit("open"))


def refund_rows(sold: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `refunds`: a row for each line something is asked for."""
    asked = sold.filter(pl.col("claimed_fen").is_not_null(), pl.col("asked") < plan.end)
    return asked.with_columns(
        refund_id="7" + line_id(), line_id=line_id(), created_at="asked", closed_at=plan.known(pl.col("settled")), refund_status=_refund_status(plan),
        refund_kind="kind", amount_fen="claimed_fen", shipped=(pl.col("shipped") < pl.col("asked")).fill_null(False),
        facts_as_of=pl.min_horizontal("settled", pl.lit(plan.end)),
    )


def _latest_scan(plan: Plan) -> pl.Expr:
    """A parcel on its way is scanned daily; one that is stuck was scanned once."""
    days = pl.when("stuck").then(0).otherwise((pl.lit(plan.end) - pl.col("scanned") - pl.duration(seconds=1)).dt.total_days())
    return plan.known(pl.col("scanned") + pl.duration(days=days.clip(0)))


def parcel_rows(fates: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `parcels`: one for each order sent; a brushing ring sends one parcel for many orders."""
    sent = fates.filter(pl.col("shipped") < plan.end)
    events = [("已签收", plan.known(pl.col("delivered"))), ("运输中", _latest_scan(plan)), ("已揽收", plan.known(pl.col("collected")))]
    text = pl.coalesce(*(pl.when(moment.is_not_null()).then(pl.lit(word)) for word, moment in events), pl.lit("已发货"))
    shared = pl.when(pl.col("parcel").is_not_null()).then(pl.col("address"))
    seen = plan.known(pl.col("delivered")).is_not_null()
    return sent.with_columns(
        parcel_id="78" + plan.token(pl.coalesce(shared, "number"), "parcel"),
        carrier=pl.col("carrier").replace_strict(dict(enumerate(CARRIERS)), return_dtype=pl.String),
        shipped_at="shipped",
        collected_at=plan.known(pl.col("collected")),
        delivered_at=plan.known(pl.col("delivered")),
        last_event_at=pl.coalesce(*(moment for _, moment in events), "shipped"),
        last_event=text,
        damaged=pl.when(seen).then("damaged").otherwise(False),
        facts_as_of=pl.min_horizontal(pl.coalesce("delivered", pl.lit(plan.end)), pl.lit(plan.end)),
    )
