"""What was planted, shop by shop: what a good rule finds, and what it must leave alone."""

from datetime import datetime, timedelta

import polars as pl

from ecops.shop.demo import ads, chats, consents, counts, goods, market, notices, offers, papers, purchases, shifts, standing
from ecops.shop.demo.fate import PROMISE_DAYS
from ecops.shop.demo.plan import (
    BAD_BATCH,
    BAD_BATCH_AFTER,
    BAD_BATCH_DAYS,
    DROPPED,
    EDGE,
    FRAGILE,
    IDLE,
    LAUNCHES,
    PRICE_DROP_AFTER,
    SEARCH_DROP_AFTER,
    SEARCH_DROP_DAYS,
    SLOW,
    SLOW_BUT_BOOKED,
    SLOW_BUT_NEW,
    STOCKED_OUT,
    STRONG,
    THIN,
    WITHDRAWN,
    Plan,
)
from ecops.shop.demo.plots import PLOTS
from ecops.shop.demo.words import HARMLESS_WORDS, IMAGE_ONLY, PLANTED_WORDS

_PROTECTED_DAYS, _NEW_DAYS = 30, 30
_STUCK_AFTER = timedelta(hours=72)


def of_shops(shops: pl.DataFrame, items: pl.DataFrame, made: dict[str, pl.DataFrame], plan: Plan) -> dict[str, dict[str, object]]:
    """The truth of each shop, ready for JSON. `made`: the generator's frames by name (orders, sold, lost, fates, supplies, turns, ads)."""
    goods_of = {shop: dict(frame.select("position", "item_id").iter_rows()) for (shop,), frame in items.group_by("shop", maintain_order=True)}
    counted, outages = _counted(shops, made["orders"], plan), _outages(made, plan)
    lists = [_plots(made["orders"]), outages, _parcels(made["fates"], plan), _returns(made["sold"], plan), _price_drop(made["sold"], items, plan),
             _bad_batch(made["reviews"], plan), ads.told(made["ads"], plan), chats.told(made["turns"], plan), purchases.told(made["purchases"], plan),
             counts.told(made["stock_counts"]), consents.told(made["consents"], made["messages"]), _standing(shops, made["posts"], plan)]
    truth = {}
    for shop, number, theme, awake in shops.select("shop", "number", "theme", "awake").iter_rows():
        ids = goods_of[shop]
        planted = [
            *_of_goods(ids, plan),
            *papers.told(shop, ids, theme, plan),
            *_of_shop(number, awake, ids, plan),
            *offers.told(ids, plan),
            *market.told(ids, theme, plan),
            *shifts.told(number, plan),
            *notices.told(number, ids, plan),
            *(one for found in lists for one in found.get(shop, [])),
        ]
        truth[shop] = _words(ids, plan, outages.get(shop, [])) | counted[shop] | {"planted": planted}
    return truth


def _words(ids: dict[int, str], plan: Plan, outages: list[dict]) -> dict[str, object]:
    launched = [ids[position] for position in LAUNCHES if position in ids]
    first = next((one for one in outages if one["what"] == "stock_out" and one["item_ids"] == [ids[STOCKED_OUT]]), None)
    return {
        "banned_words": [{"item_id": ids[position], "where": where, "term": term} for position, where, term, _ in PLANTED_WORDS],
        "harmless_words": [{"item_id": ids[position], "where": where, "term": term} for position, where, term, _ in HARMLESS_WORDS],
        "image_only": [ids[position] for position in IMAGE_ONLY],
        "edge_conversion": {ids[position]: str(rate) for position, rate in EDGE.items()},
        "strong_conversion": {ids[position]: str(rate) for position, rate in STRONG.items()},
        "slow": [ids[position] for position in SLOW],
        "new": launched[-1] if launched else None,
        "withdrawn": ids[WITHDRAWN],
        "stocked_out": {"item_id": ids[STOCKED_OUT], "from": first["from"], "until": first["until"]} if first else None,
    }


def _of_goods(ids: dict[int, str], plan: Plan) -> list[dict[str, object]]:
    found = [
        {"what": "slow_item_booked", "hit": False, "item_ids": [ids[SLOW_BUT_BOOKED]]},
        {"what": "stock_out_without_demand", "hit": False, "item_ids": [ids[IDLE]], "units": 0, "fen": 0},
        {"what": "thin_conversion", "hit": False, "item_ids": [ids[THIN]]},
        *(
            {"what": "item_launched", "hit": False, "item_ids": [ids[position]], "day": plan.launch(position).isoformat()}
            for position in LAUNCHES
            if position in ids
        ),
    ]
    if SLOW_BUT_NEW in ids:
        grown_up = plan.launch(SLOW_BUT_NEW) + timedelta(days=_NEW_DAYS)
        about = {"item_ids": [ids[SLOW_BUT_NEW]], "day": plan.launch(SLOW_BUT_NEW).isoformat(), "until": grown_up.isoformat()}
        found.append({"what": "slow_item_new", "hit": grown_up <= plan.until, **about})
    cut = goods.price_cut(plan)
    return [*found, {"what": "competitor_price_cut", "hit": True, "item_ids": [ids[0]], "day": cut.isoformat()}] if cut else found


def _of_shop(number: int, awake: bool, ids: dict[int, str], plan: Plan) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"what": "small_hours_convert", "hit": awake},
        {"what": "fragile_with_carrier", "hit": True, "item_ids": [ids[FRAGILE]], "carrier": "韵达快递"},
    ]
    first, last = plan.day(SEARCH_DROP_AFTER), plan.day(SEARCH_DROP_AFTER + SEARCH_DROP_DAYS - 1)
    if number % 2 == 0 and first <= plan.until:
        found.append({"what": "search_traffic_lost", "hit": True, "from": first.isoformat(), "until": min(last, plan.until).isoformat()})
    return found


def _standing(shops: pl.DataFrame, posts: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    numbered = {shop: (number, platform) for shop, number, platform in shops.select("shop", "number", "platform").iter_rows()}
    return standing.told(posts, numbered, plan)


def _counted(shops: pl.DataFrame, orders: pl.DataFrame, plan: Plan) -> dict[str, dict[str, object]]:
    """What can be counted in the orders: repeat buyers, full refunds, parcels late at the end of the period."""
    paid = orders.filter(pl.col("paid_at").is_not_null())
    kept = paid.filter(pl.col("paid_fen") > 0).group_by("shop", "buyer_id").agg(pl.len(), pl.col("paid_fen").sum())
    late = pl.col("shipped_at").is_null() & (pl.col("status") == "paid") & (pl.col("paid_at") <= plan.end - timedelta(hours=48))
    sums = orders.group_by("shop").agg(
        orders=pl.len(), paid=pl.col("paid_at").count(), gross_fen=pl.col("total_fen").filter(pl.col("paid_at").is_not_null()).sum(),
        fully_refunded=((pl.col("refund_fen") == pl.col("total_fen")) & pl.col("paid_at").is_not_null()).sum(),
        unshipped_48h=pl.col("order_id").filter(late).sort(),
    )
    thrice = pl.col("len") >= 3
    loyal = kept.group_by("shop").agg(
        buyers=pl.len(), buyers_of_3=thrice.sum(), high_value=(thrice & (pl.col("paid_fen") >= 20_000 * pl.col("len"))).sum(),
    )
    joined = shops.select("shop").join(sums, on="shop", how="left").join(loyal, on="shop", how="left")
    joined = joined.with_columns(pl.exclude("shop", "unshipped_48h").fill_null(0), pl.col("unshipped_48h").fill_null([]))
    return {row.pop("shop"): row for row in joined.iter_rows(named=True)}


def _plots(orders: pl.DataFrame) -> dict[str, list[dict[str, object]]]:
    frame = (
        orders
        .filter(pl.col("plot").is_not_null())
        .group_by("shop", "plot", "cycle", maintain_order=True)
        .agg(
            order_ids="order_id",
            buyer_ids=pl.col("buyer_id").unique(maintain_order=True),
            first=pl.col("created").dt.date().min(),
            last=pl.col("created").dt.date().max(),
            fen=pl.col("total_fen").filter(pl.col("paid_at").is_not_null()).sum(),
            units="units",
            refunded=pl.col("refund_fen").sum(),
        )
    )
    found: dict[str, list[dict[str, object]]] = {}
    for row in frame.iter_rows(named=True):
        plot = PLOTS[row["plot"]]
        found.setdefault(row["shop"], []).append({
            "what": plot.what,
            "hit": plot.hit,
            "whole": len(row["order_ids"]) == len(plot.acts),
            "order_ids": row["order_ids"],
            "buyer_ids": row["buyer_ids"],
            "from": row["first"].isoformat(),
            "until": row["last"].isoformat(),
            "fen": row["fen"],
            "units": sum(row["units"]),
            "refund_fen": row["refunded"],
        })
    return found


def _outages(made: dict[str, pl.DataFrame], plan: Plan) -> dict[str, list[dict[str, object]]]:
    """From the instant on which somebody first went away empty until the delivery, or the end of the period."""
    lost = made["lost"].filter(pl.col("moment") < plan.end, pl.col("paid").is_not_null())
    frame = (
        lost
        .sort("number")
        .group_by("shop", "item_id", "begins", maintain_order=True)
        .agg(
            first=pl.col("moment").min(),
            ends=pl.col("ends").first(),
            units=pl.col("units").sum(),
            fen=pl.col("payable_fen").sum(),
            orders=pl.col("order").n_unique(),
        )
    )
    found: dict[str, list[dict[str, object]]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(row["shop"], []).append({
            "what": "stock_out", "hit": True, "item_ids": [row["item_id"]], "from": row["first"].isoformat(), "until": row["ends"].isoformat(),
            "units": row["units"], "fen": row["fen"], "orders": row["orders"],
        })
    return found


def _listed(frame: pl.DataFrame, what: str, hit: bool, ids: str, **more: pl.Expr) -> dict[str, list[dict[str, object]]]:
    """One entry a shop with the ids of `frame`, and more figures."""
    grouped = frame.group_by("shop", maintain_order=True).agg(pl.col(ids), **more)
    return {row.pop("shop"): [{"what": what, "hit": hit, f"{ids}s": row.pop(ids), **row}] for row in grouped.iter_rows(named=True)}


def _together(*parts: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    return {shop: [one for part in parts for one in part.get(shop, [])] for shop in {shop: None for part in parts for shop in part}}


def _parcels(fates: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """Orders handed over after their promise; parcels that stand still at the end; far ones that are slow and move; broken ones."""
    late = fates.filter(pl.col("shipped") > pl.col("ship_by"), pl.col("shipped") < plan.end)
    stuck = fates.filter(pl.col("stuck"), pl.col("scanned") < plan.end - _STUCK_AFTER)
    far = fates.filter(pl.col("province").is_in(["新疆维吾尔自治区", "西藏自治区"]), pl.col("shipped") < plan.end, pl.col("delivered") >= plan.end)
    broken = fates.filter(pl.col("damaged"), pl.col("delivered") < plan.end)
    return _together(
        _listed(late, "dispatch_late", True, "order_id"),
        _listed(stuck, "parcel_stuck", True, "order_id"),
        _listed(far, "parcel_far_away", False, "order_id"),
        _listed(broken, "parcel_damaged", True, "order_id"),
    )


def _returns(sold: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """Claims made after the promised days, in the days that only the longer promise covers, and those still open."""
    asked = sold.filter(pl.col("claimed_fen").is_not_null(), pl.col("asked") < plan.end).with_columns(
        refund_id="7" + pl.col("order_id") + (pl.col("nth") + 1).cast(pl.String)
    )
    after = pl.col("asked") - pl.col("delivered")
    late, later = (
        asked.filter(after > pl.duration(days=PROMISE_DAYS)),
        asked.filter(after > pl.duration(days=7), after <= pl.duration(days=PROMISE_DAYS)),
    )
    amount = {"fen": pl.col("claimed_fen").sum()}
    return _together(
        _listed(late, "claim_after_15_days", True, "refund_id", **amount), _listed(later, "claim_within_15_days", False, "refund_id", **amount),
        _listed(asked.filter(pl.col("settled") >= plan.end), "claim_open", True, "refund_id", **amount),
    )


def _price_drop(sold: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What buyers of the thirty days before may claim back: paid above the new price, not refunded."""
    day = plan.day(PRICE_DROP_AFTER)
    if day > plan.until:
        return {}
    new = items.filter(pl.col("position") == DROPPED).select("shop", "item_id", new_fen="price_fen")
    begin, at = datetime.combine(day - timedelta(days=_PROTECTED_DAYS), datetime.min.time()), datetime.combine(day, datetime.min.time())
    bought = sold.filter(pl.col("paid").is_between(begin, at, closed="left")).join(new, on=["shop", "item_id"], maintain_order="left")
    over = (pl.col("payable_fen") - pl.col("new_fen") * pl.col("units")).clip(0)
    due = bought.with_columns(due=over).filter(pl.col("due") > 0, pl.col("refund_fen") == 0)
    found = _listed(due, "price_drop", True, "order_id", fen=pl.col("due").sum(), units=pl.col("units").sum(), item_id=pl.col("item_id").first())
    return {shop: [one | {"day": day.isoformat()} for one in entries] for shop, entries in found.items()}


def _bad_batch(reviews: pl.DataFrame, plan: Plan) -> dict[str, list[dict[str, object]]]:
    about = reviews.filter(pl.col("position") == BAD_BATCH, pl.col("bad_batch"))
    found = _listed(about, "bad_batch", True, "review_id", item_id=pl.col("item_id").first(), text=pl.col("text").first())
    span = {"from": plan.day(BAD_BATCH_AFTER).isoformat(), "until": plan.day(BAD_BATCH_AFTER + BAD_BATCH_DAYS - 1).isoformat()}
    return {shop: [one | span for one in entries] for shop, entries in found.items()}
