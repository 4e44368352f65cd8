"""How well order_anomalies and refund_abuse find what the demo shops have planted, over several seeds: precision and recall, and what they
said of the hard negatives. The steps see the data alone; only this file looks at the truth.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl


from ecops.automation import Ask, find_automation
from ecops.shop.cells import SHOP_ZONE
from ecops.shop.demo import DemoData, generate

SINCE, UNTIL = date(2025, 8, 23), date(2025, 11, 20)
SEEDS, SHOPS = (1, 2, 3, 4), 10
# Refunds settle within eighteen days: who was planted later is not to be found yet.
_SETTLED = timedelta(days=18)
# Evidence that is taken away from every order, one kind at a time: what a ring that hides it would look like, and a shop that does not have it.
_NO_WAYBILLS, _NO_REVIEWS = {"parcel_id": pl.col("order_id")}, {"stars": None}
_NO_RECEIVERS = {"address_hash": None, "phone_hash": None}
_AT_RANDOM = {"paid_at": pl.col("created_at") + pl.duration(seconds=20 + pl.col("order_id").hash(7) % 600)}
BLIND = {
    "no receivers": {"orders": _NO_RECEIVERS},
    "no waybills": {"parcels": _NO_WAYBILLS},
    "no reviews": {"reviews": _NO_REVIEWS},
    "payments at random": {"orders": _AT_RANDOM},
}
# What hides several at once; the last leaves a rhythm in the small hours alone, which is not enough to name anybody.
HIDDEN = {
    "no receivers, no waybills": {"orders": _NO_RECEIVERS, "parcels": _NO_WAYBILLS},
    "no receivers, waybills, reviews": {"orders": _NO_RECEIVERS, "parcels": _NO_WAYBILLS, "reviews": _NO_REVIEWS},
}
_INNOCENT = ("office_group_buy", "family_address", "night_rush", "giant_order", "unlucky_buyer")


@dataclass
class Score:
    """What a step told against what was planted, as sets of (seed, shop, id)."""

    told: set = field(default_factory=set)
    wanted: set = field(default_factory=set)
    allowed: set = field(default_factory=set)
    innocent: dict[str, set] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        """Of what had to be found, the share that was told."""
        return len(self.told & self.wanted) / len(self.wanted)

    @property
    def precision(self) -> float:
        """Of what was told, the share that was planted."""
        return len(self.told & self.allowed) / max(1, len(self.told))


def measured(seeds: tuple[int, ...] = SEEDS, shops: int = SHOPS, blind: str | None = None) -> dict[str, Score]:
    """Both steps over all seeds: brushed orders, and abusive buyers. `blind`: one of BLIND or HIDDEN, which the data then lack."""
    scores = {"compliance.order_anomalies": Score(), "compliance.refund_abuse": Score()}
    for seed in seeds:
        data = _blinded(generate(shops, seed, SINCE, UNTIL), blind)
        brushed = _told(data, "compliance.order_anomalies", "orders", "order_id", window="90d")
        abusive = _told(data, "compliance.refund_abuse", "items", "buyer_id")
        _count(scores["compliance.order_anomalies"], seed, data, "brushing_ring", "order_ids", brushed)
        _count(scores["compliance.refund_abuse"], seed, data, "refund_abuser", "buyer_ids", abusive)
    return scores


def _blinded(data: DemoData, blind: str | None) -> DemoData:
    frames = dict(data.frames)
    for kind, columns in (BLIND | HIDDEN).get(blind, {}).items():
        to = {name: value if isinstance(value, pl.Expr) else pl.lit(value, frames[kind].schema[name]) for name, value in columns.items()}
        frames[kind] = frames[kind].with_columns(**to).cast({name: frames[kind].schema[name] for name in to})
    return replace(data, frames=frames)


def _told(data: DemoData, name: str, rows: str, column: str, **params: Any) -> set[tuple[str, str]]:
    """(shop, id) of what the step told as of the end of the period."""
    end = datetime(UNTIL.year, UNTIL.month, UNTIL.day, 0, 0, tzinfo=ZoneInfo(SHOP_ZONE))
    task = find_automation(name)
    frames = {kind: data.frames[kind].lazy() for kind in task.reads}
    ask = Ask(tuple(key for key, *_ in data.shops), end + timedelta(days=1), task.params(**params))
    return set(task(frames, ask).lists[rows].select("shop", column).iter_rows())


def _planted(data: DemoData, what: str, ids: str, until: date) -> Iterator[tuple[str, str]]:
    for shop, truth in data.truth["shops"].items():
        for one in truth["planted"]:
            if one["what"] == what and (until == UNTIL or (one["whole"] and date.fromisoformat(one["until"]) < until)):
                yield from ((shop, about) for about in one[ids])


def _count(score: Score, seed: int, data: DemoData, what: str, ids: str, told: set[tuple[str, str]]) -> None:
    ripe = UNTIL if ids == "order_ids" else UNTIL - _SETTLED
    score.told |= {(seed, *one) for one in told}
    score.allowed |= {(seed, *one) for one in _planted(data, what, ids, UNTIL)}
    score.wanted |= {(seed, *one) for one in _planted(data, what, ids, ripe)}
    for innocent in _INNOCENT:
        score.innocent.setdefault(innocent, set()).update((seed, *one) for one in _planted(data, innocent, ids, UNTIL))


def main() -> None:
    """Print the table."""
    started = time.perf_counter()
    scores = measured()
    print(f"planted truth, {len(SEEDS)} seeds x {SHOPS} shops x {(UNTIL - SINCE).days + 1} days, {time.perf_counter() - started:.1f} s")
    print(f"{'step':30}{'planted':>9}{'told':>7}{'precision':>11}{'recall':>9}")
    for name, score in scores.items():
        print(f"{name:30}{len(score.wanted):>9}{len(score.told):>7}{score.precision:>11.3f}{score.recall:>9.3f}")
    print(f"\n{'brushing without ...':30}{'planted':>9}{'told':>7}{'precision':>11}{'recall':>9}")
    for blind in BLIND | HIDDEN:
        score = measured(SEEDS[:2], blind=blind)["compliance.order_anomalies"]
        print(f"{blind:30}{len(score.wanted):>9}{len(score.told):>7}{score.precision:>11.3f}{score.recall:>9.3f}")
    print(f"\n{'hard negative':30}{'planted':>9}{'told':>7}   by")
    for name, score in scores.items():
        for innocent, found in score.innocent.items():
            print(f"{innocent:30}{len(found):>9}{len(found & score.told):>7}   {name}")


if __name__ == "__main__":
    main()
