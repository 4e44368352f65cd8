"""What makes an item worth re-pricing, a competitor's move or a new cost, and the price to propose."""

from collections.abc import Mapping

import polars as pl

from ecops.automation import Ask, Frames
from tasks._floors import priced
from tasks._locks import held_by_lock
from tasks._rivals import moved_by, offers_then_and_now
from tasks._rows import at_least, has_happened, instant, known, local_date, percent, yuan
from tasks._windows import today

_ITEM = ["shop", "item_id"]
_COUPON = "券后|到手价|到手仅|领券"
REPRICED = (
    "shop", "item_id", "title", "price_fen", "floor_fen", "trigger", "competitor", "was_fen", "now_fen", "seen_on", "cost_was_fen", "cost_now_fen",
)  # fmt: skip
PROPOSED = (*REPRICED, "proposed_fen", "change", "at_floor", "margin_then")


def rival_offers(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Competitors' prices of the last days set against our items on sale, with `moved`, and the `doubt` why one is not taken at its word."""
    ours = known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True)).select(*_ITEM, ours_fen="price_fen")
    now, was, ours_fen = pl.col("now_fen"), pl.col("was_fen"), pl.col("ours_fen")
    ratio = ask.params.unit_ratio
    fell = at_least(was - now, was, ask.params.doubt_drop).fill_null(False)
    doubt = (
        pl.when(pl.col("title").str.contains(_COUPON)).then(pl.lit("a price after a coupon, by its title"))
        .when((now >= ratio * ours_fen) | (ratio * now <= ours_fen)).then(pl.format("{} against our {} yuan: yuan or fen?", yuan(now), yuan(ours_fen)))
        .when(fell).then(pl.format("fell by {} at once: a price after a coupon?", percent((was - now) / was)))
    )  # fmt: skip
    return (
        offers_then_and_now(frames, ask)
        .filter(pl.col("seen_on") > today(ask) - ask.params.seen_within, pl.col("seen_on") <= today(ask))
        .join(ours, on=_ITEM)
        .with_columns(doubt=doubt, moved=moved_by(ask.params.min_move))
        .sort("shop", "item_id", "competitor", "competitor_item_id")
        .collect()
    )


def cost_moves(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Items whose last delivery cost something else: `cost_now_fen` of a piece, and `cost_was_fen`, of the delivery before, else the catalogue's."""
    came = known(frames, "purchases", ask).filter(pl.col("received_on") <= today(ask), pl.col("cost_fen") > 0)
    days = came.group_by(*_ITEM, "received_on").agg(pl.col("cost_fen").max())  # two deliveries of a day: the dearer one
    costs = pl.col("cost_fen")
    return days.sort("received_on").group_by(_ITEM).agg(cost_now_fen=costs.last(), before_fen=costs.get(-2, null_on_oob=True), costed_on=pl.col("received_on").last())


def triggered(frames: Frames, ask: Ask, offers: pl.DataFrame) -> pl.DataFrame:
    """Items on sale that a competitor's move or a new cost touches, with their floor, the price to propose, and `reason` or `held` against it."""
    goods = known(frames, "items", ask).select("available_at", *_ITEM, "title", "price_fen", "cost_fen", "on_sale", "campaign_booked")
    catalogue = goods.join(cost_moves(frames, ask), on=_ITEM, how="left").collect().lazy()  # used twice
    was = pl.coalesce("before_fen", "cost_fen")
    fresh = (pl.col("costed_on") > today(ask) - ask.params.cost_within).fill_null(False)
    moved = at_least((pl.col("cost_now_fen") - was).abs(), was, ask.params.min_move).fill_null(False)
    costs = catalogue.select(*_ITEM, "campaign_booked", "cost_now_fen", cost_was_fen=was, stated_fen="cost_fen", cost_moved=fresh & moved)
    # the dearer of the two costs sets the floor: what is bought now, and what the catalogue says
    floors = priced({"items": catalogue.with_columns(cost_fen=pl.max_horizontal("cost_fen", "cost_now_fen"))}, ask)
    rows = (
        floors.lazy()
        .join(costs, on=_ITEM)
        .join(_moves(offers, frames, ask), on=_ITEM, how="left")
        .join(_planned(frames, ask), on=_ITEM, how="left")
        .with_columns(rival_moved=pl.col("moved").fill_null(0) > 0)
        .filter(pl.col("rival_moved") | pl.col("cost_moved"))
        .with_columns(trigger=pl.when(pl.col("rival_moved") & pl.col("cost_moved")).then(pl.lit("rival and cost")).when("rival_moved").then(pl.lit("rival")).otherwise(pl.lit("cost")))
        .with_columns(reason=pl.coalesce("reason", _why_unknown(ask)))
        .with_columns(target_fen=_target(ask))
        .with_columns(proposed_fen=pl.max_horizontal(_in_steps(ask), pl.col("floor_fen")))
    )
    return held_by_lock(rows, frames, ask).with_columns(held=_why_held(ask)).sort("shop", "item_id").collect()


def _moves(offers: pl.DataFrame, frames: Frames, ask: Ask) -> pl.LazyFrame:
    """A row an item: how many offers moved since our own last change of its price, the lowest of those, and the reference price."""
    changed = known(frames, "price_changes", ask).filter(has_happened("changed_at", ask)).group_by(_ITEM).agg(changed_on=local_date("changed_at", ask).max())
    sound = offers.lazy().filter(pl.col("doubt").is_null()).join(changed, on=_ITEM, how="left")
    moved = pl.col("moved") & ~(pl.col("changed_on") > pl.col("seen_on")).fill_null(False)
    movers = sound.filter(moved).sort("now_fen", "competitor", "competitor_item_id").group_by(_ITEM).agg(
        pl.col("competitor", "was_fen", "now_fen", "seen_on").first(), moved=pl.len().cast(pl.Int64)
    )  # fmt: skip
    reference = pl.col("now_fen").min() if ask.params.against == "lowest" else pl.col("now_fen").quantile(0.5, "lower").cast(pl.Int64)
    return sound.group_by(_ITEM).agg(reference_fen=reference, offers=pl.len().cast(pl.Int64)).join(movers, on=_ITEM, how="left")


def _planned(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Items whose price is already going to change."""
    ahead = known(frames, "price_changes", ask).filter(pl.col("changed_at") > instant(ask.as_of))
    return ahead.group_by(_ITEM).agg(planned_on=local_date("changed_at", ask).min())


def _why_unknown(ask: Ask) -> pl.Expr:
    ratio, now, was = ask.params.unit_ratio, pl.col("cost_now_fen"), pl.coalesce("cost_was_fen", "stated_fen")
    cost, price = pl.col("full_cost_fen"), pl.col("price_fen")
    return (
        pl.when((now >= ratio * was) | (ratio * now <= was)).then(pl.format("cost went from {} to {} yuan: yuan or fen?", yuan(was), yuan(now)))
        .when(cost >= ratio * price).then(pl.format("cost {} against price {} yuan: yuan or fen?", yuan(cost), yuan(price)))
    )  # fmt: skip


def _target(ask: Ask) -> pl.Expr:
    """The competitors' reference price; without a move of theirs, the price that keeps the margin's share at the new cost, rounded up."""
    kept = (pl.col("price_fen") * pl.col("cost_now_fen") + pl.col("cost_was_fen") - 1) // pl.col("cost_was_fen")
    return pl.when("rival_moved").then("reference_fen").otherwise(kept)


def _in_steps(ask: Ask) -> pl.Expr:
    """The target, `max_step` of the price away at most: up rounded down, down rounded up."""
    top, of = ask.params.max_step.as_integer_ratio()
    step = pl.col("price_fen") * top // of
    return pl.col("target_fen").clip(pl.col("price_fen") - step, pl.col("price_fen") + step)


def _why_held(ask: Ask) -> pl.Expr:
    price, floor, target = pl.col("price_fen"), pl.col("floor_fen"), pl.col("target_fen")
    far = at_least((pl.col("proposed_fen") - price).abs(), price, ask.params.min_change)
    return (
        pl.when(pl.col("lock").is_not_null()).then("lock")
        .when(pl.col("planned_on").is_not_null()).then(pl.format("a change is planned for {}", "planned_on"))
        .when((target < price) & (floor >= price) & (~pl.col("cost_moved") | (floor == price))).then(
            pl.format("at or under its floor of {} yuan already", yuan(floor))
        )
        .when(~far).then(pl.lit("its price is there already"))
    )  # fmt: skip


def proposal() -> dict[str, pl.Expr]:
    """What is told of a proposal: the change as a share of the price, whether the floor stopped it, the margin it leaves before fees."""
    proposed, price = pl.col("proposed_fen"), pl.col("price_fen")
    return {
        "change": (proposed - price) / price,
        "at_floor": proposed == pl.col("floor_fen"),
        "margin_then": (proposed - pl.col("full_cost_fen")) / proposed,
    }


def reprice_facts(frames: Frames, ask: Ask, rows: pl.DataFrame, lists: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Counts a shop, and whether there is anything to see moves in: our items on sale, competitors' prices, deliveries with a cost."""
    goods = known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True)).group_by("shop").agg(on_sale=pl.len().cast(pl.Int64)).collect()
    came = known(frames, "purchases", ask).filter(pl.col("received_on") <= today(ask), pl.col("cost_fen") > 0)
    rivals = offers_then_and_now(frames, ask).filter(pl.col("seen_on") <= today(ask))
    fresh = pl.col("seen_on") > today(ask) - ask.params.seen_within
    parts = [
        came.group_by("shop").agg(deliveries=pl.len().cast(pl.Int64)).collect(),
        rivals.group_by("shop").agg(offers=fresh.sum().cast(pl.Int64), seen_on=pl.col("seen_on").max()).collect(),
        rows.group_by("shop").agg(
            touched=pl.len().cast(pl.Int64), locked=(pl.col("reason").is_null() & pl.col("held").str.starts_with("price lock").fill_null(False)).sum().cast(pl.Int64)
        ),
        lists["items"].group_by("shop").agg(at_floor=pl.col("at_floor").sum().cast(pl.Int64)),
        *(frame.group_by("shop").agg(pl.len().cast(pl.Int64).alias(name)) for name, frame in lists.items()),
    ]  # fmt: skip
    facts = goods
    for part in parts:
        facts = facts.join(part, on="shop", how="full", coalesce=True)
    return facts
