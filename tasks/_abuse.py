"""Malicious refunds: what a buyer's claims look like beside those of the shop's other buyers; evidence with points, for people to weigh."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._crowds import crowded
from tasks._listed import day_numbers
from tasks._orders import buyer_is_known, effective_orders
from tasks._reasons import topics_of
from tasks._rows import has_happened, instant, known
from tasks._windows import last_midnight


@dataclass(frozen=True)
class Reason:
    """A kind of evidence: its points and how it is told."""

    points: int
    zh: str
    en: str


# No single one reaches the usual threshold of 60. A customer who returns for the size again and again gives rate + repeated (50); who returns
# the goods shows no `kept`.
REASONS = {
    "rate": Reason(30, "退款率明显高于本店", "refund rate far above the shop's"),
    "kept": Reason(25, "多次签收后仅退款", "refund without return after delivery, several times"),
    "repeated": Reason(20, "多次使用同一理由", "the same reason again and again"),
    "edge": Reason(20, "多次在时限将到前申请", "claims just before the window closes"),
    "cluster": Reason(25, "同一地址或电话下多个账号退款", "several accounts of one receiver claim refunds"),
}
# What needs no reason, or says nothing of the buyer.
_NO_REASON = ("unwanted", "stock", "delivery", "price")


def orders_of(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Orders paid in the window and sent: shop, order_id, buyer_id (null: unknown), phone_hash, address_hash, total_fen, finished_at (by as-of)."""
    return (
        effective_orders(frames, ask)
        .filter("paid", "sent", pl.col("paid_at") >= instant(last_midnight(ask) - ask.params.window))
        .select(
            "shop", "order_id", "phone_hash", "address_hash", "total_fen",
            buyer_id=pl.when(buyer_is_known()).then(pl.col("buyer_id").str.strip_chars()),
            finished_at=pl.when(has_happened("finished_at", ask)).then("finished_at"),
        )
        .sort("shop", "order_id")
        .collect()
    )  # fmt: skip


def _arrivals(claimed: pl.LazyFrame, frames: Frames, ask: Ask) -> pl.LazyFrame:
    """When the last parcel of each claimed order arrived, and whether one of them was damaged (null: nobody knows)."""
    parcels = known(frames, "parcels", ask).join(claimed, on=["shop", "order_id"], how="semi")
    arrived = pl.when(has_happened("delivered_at", ask)).then("delivered_at").max()
    return parcels.group_by("shop", "order_id").agg(arrived=arrived, damaged=pl.col("damaged").any(ignore_nulls=False))


def claims_of(orders: pl.DataFrame, frames: Frames, ask: Ask) -> pl.DataFrame:
    """After-sales of those orders, one row an order (its first claim), not refused or withdrawn by as-of: the order's columns, delivered_at (of the last of
    its parcels; else when the buyer confirmed), damaged (null: unknown), at, reason, topic,
    `kept` (money asked for without the goods after they arrived), `edge` (made within `ask.params.just_inside` of the end of a promise), `excused`
    (the parcel is known to have been damaged) and `unverified` (damage is claimed, and nobody recorded whether).
    """
    over = has_happened("closed_at", ask) & pl.col("refund_status").is_in(["refused", "closed"]).fill_null(False)
    asked = (
        known(frames, "refunds", ask)
        .filter(~over, pl.col("refund_kind").is_in(["refund", "return"]).fill_null(True), pl.col("created_at") <= instant(ask.as_of))
        .select("shop", "order_id", "refund_kind", "reason", "refund_id", at="created_at")
        .sort("shop", "order_id", "at", "refund_id")
        .unique(["shop", "order_id"], keep="first", maintain_order=True)
    )
    on = ["shop", "order_id"]
    rows = orders.lazy().join(asked, on=on, how="inner").join(_arrivals(asked, frames, ask), on=on, how="left")
    rows = rows.with_columns(delivered_at=pl.coalesce("arrived", "finished_at")).sort(on).collect()
    topics = rows.select("reason").unique().with_columns(topic=topics_of(pl.col("reason")).list.first())
    rows = rows.join(topics, on="reason", how="left", nulls_equal=True, maintain_order="left")
    after = (pl.col("at") >= pl.col("delivered_at")).fill_null(False)
    damage = (pl.col("topic") == "damage").fill_null(False)
    return rows.with_columns(
        kept=after & (pl.col("refund_kind") == "refund").fill_null(False), edge=after & _near_the_end(ask),
        excused=pl.col("damaged").fill_null(False), unverified=damage & pl.col("damaged").is_null(),
        said=pl.when(~pl.col("topic").is_in(_NO_REASON)).then(pl.col("reason").str.replace_all(r"\s", "")),
    )  # fmt: skip


def _near_the_end(ask: Ask) -> pl.Expr:
    """Whether a claim lies in the last `just_inside` before a promise of 7 or 15 days from delivery ends; the very end counts, later does not."""
    since = pl.col("at") - pl.col("delivered_at")
    ends = [timedelta(days=days) for days in day_numbers(ask.params.promises)]
    near = [(since <= end) & (since > end - ask.params.just_inside) for end in ends]
    return pl.any_horizontal(near).fill_null(False)


def households(orders: pl.DataFrame) -> pl.DataFrame:
    """`household` of the buyers who share an address or a phone with another one: the first of them. Two steps: those who share the address with somebody
    who shares the phone with a third are one. A buyer who shares neither is not among them.
    """
    rows = orders.filter(pl.col("buyer_id").is_not_null()).select("shop", "buyer_id", "address_hash", "phone_hash")
    shares = [_sharing(rows, place) for place in ("address_hash", "phone_hash")]
    joined = rows.join(pl.concat(shares).unique(), on=["shop", "buyer_id"], how="semi").unique().with_columns(household=pl.col("buyer_id"))
    for _ in range(2):
        for place in ("address_hash", "phone_hash"):
            least = pl.col("household").min().over("shop", place)
            joined = joined.with_columns(household=pl.when(pl.col(place).is_null()).then("household").otherwise(least))
            joined = joined.with_columns(household=pl.col("household").min().over("shop", "buyer_id"))
    return joined.group_by("shop", "buyer_id").agg(household=pl.col("household").min())


def _sharing(rows: pl.DataFrame, place: str) -> pl.DataFrame:
    lived = rows.filter(pl.col(place).is_not_null())
    return crowded(lived, ["shop", place], 2, different=pl.col("buyer_id")).select("shop", "buyer_id")


def buyers_of(orders: pl.DataFrame, claims: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """One row a buyer who claimed: figures, `rate` after shrinkage, the flags of REASONS, and the same of the household.

    rate = (claims + m k) / (orders + k): the mean of the beta posterior with the prior Beta(m k, (1 - m) k), m the shop's own share of claimed
    orders and k = `ask.params.strength` orders. Excused and unverified claims stand in neither part.
    """
    counted = orders.join(claims.select("shop", "order_id", "at", "kept", "edge", "excused", "unverified", "said"), on=["shop", "order_id"], how="left")
    counted = counted.with_columns(pl.col("kept", "edge", "excused", "unverified").fill_null(False))
    fair = pl.col("at").is_null() | ~(pl.col("excused") | pl.col("unverified"))
    counted = counted.with_columns(fair=fair, against=fair & pl.col("at").is_not_null())
    means = counted.group_by("shop").agg(mean=pl.col("against").sum() / pl.col("fair").sum())
    homes = households(orders)
    claiming = counted.filter("against", pl.col("buyer_id").is_not_null()).select("shop", "buyer_id").unique()
    claiming = claiming.join(homes, on=["shop", "buyer_id"], how="left").with_columns(household=pl.coalesce("household", "buyer_id"))
    near = homes.join(claiming, on=["shop", "household"], how="semi")
    near = pl.concat([claiming, near]).unique()
    named = counted.join(near, on=["shop", "buyer_id"], how="inner").join(means, on="shop", how="left")
    alone, together = _figures(named, "buyer_id", ask), _figures(named, "household", ask)
    columns = ["accounts", "claims", "orders", "rate", "kept_claims", "claiming", "keeping"]
    rows = alone.filter(pl.col("claims") > 0).join(claiming, on=["shop", "buyer_id"], how="left")
    rows = rows.join(together.select("shop", "household", *columns), on=["shop", "household"], how="left", suffix="_of_household")
    return rows.with_columns(**_flags(ask))


def _figures(named: pl.DataFrame, by: str, ask: Ask) -> pl.DataFrame:
    against, k = pl.col("against"), ask.params.strength
    most_said = pl.col("said").filter(against).drop_nulls().unique_counts().max().fill_null(0)
    keeping = pl.col("buyer_id").filter(against & pl.col("kept")).n_unique()
    return (
        named.group_by("shop", by)
        .agg(
            orders=pl.col("fair").sum().cast(pl.Int64), claims=against.sum().cast(pl.Int64), mean=pl.col("mean").first(),
            kept_claims=(against & pl.col("kept")).sum().cast(pl.Int64), edge_claims=(against & pl.col("edge")).sum().cast(pl.Int64),
            same_reason=most_said.cast(pl.Int64), excused=pl.col("excused").sum().cast(pl.Int64), unverified=pl.col("unverified").sum().cast(pl.Int64),
            accounts=pl.col("buyer_id").n_unique().cast(pl.Int64), claiming=pl.col("buyer_id").filter(against).n_unique().cast(pl.Int64),
            keeping=keeping.cast(pl.Int64), amount_fen=pl.col("total_fen").filter(against).sum(),
            order_ids=pl.col("order_id").filter(against).sort(),
        )
        .with_columns(rate=(pl.col("claims") + pl.col("mean") * k) / (pl.col("orders") + k))
    )  # fmt: skip


def _flags(ask: Ask) -> dict[str, pl.Expr]:
    """A household is judged as one where several of its accounts claim: five accounts with one order each have no rate of their own."""
    params = ask.params
    joint = pl.col("claiming_of_household") >= params.min_accounts
    claims = pl.when(joint).then("claims_of_household").otherwise("claims")
    rate = pl.when(joint).then(pl.max_horizontal("rate", "rate_of_household")).otherwise("rate")
    high = (rate >= float(params.high_rate)) & (rate >= params.times_the_shop * pl.col("mean"))
    enough = claims >= params.min_claims
    kept = pl.when(joint).then("kept_claims_of_household").otherwise("kept_claims")
    return {
        "is_rate": enough & high,
        "is_kept": enough & (kept >= params.min_claims),
        "is_repeated": pl.col("same_reason") >= params.min_claims,
        "is_edge": (pl.col("edge_claims") >= 2) & (pl.col("edge_claims") * 2 >= pl.col("claims")),
        "is_cluster": enough & (pl.col("keeping_of_household") >= params.min_accounts) & high,
    }


def scored(buyers: pl.DataFrame) -> pl.DataFrame:
    """Buyers with `score` (sum of points), `reasons` (codes) and `zh`, the highest first."""
    codes = pl.concat_list(pl.when(f"is_{code}").then(pl.lit(code)) for code in REASONS).list.drop_nulls()
    words = pl.concat_list(pl.when(f"is_{code}").then(pl.lit(f"{one.zh}(+{one.points})")) for code, one in REASONS.items()).list.drop_nulls()
    score = pl.sum_horizontal(pl.when(f"is_{code}").then(one.points).otherwise(0) for code, one in REASONS.items())
    return (
        buyers.with_columns(score=score.cast(pl.Int64), reasons=codes, zh=words.list.join("；"))
        .select(
            "shop", "buyer_id", "score", "zh", "reasons", "orders", "claims", "rate", "kept_claims", "edge_claims", "same_reason", "excused", "unverified",
            "household", "accounts_of_household", "claims_of_household", "orders_of_household", "amount_fen", "order_ids",
        )
        .sort("shop", "score", "amount_fen", "buyer_id", descending=[False, True, True, False])
    )  # fmt: skip
