"""Orders that are planted among the ordinary ones: frauds, and honest things that look like them.

Each plot comes in most shops (in shop 0 always), and again in every cycle of CYCLE days. Its orders have a script for what
becomes of them: `kept` all goes well; `undone` refunded in full; `abused` refunded though the goods are kept; `broken`
arrives damaged and is refunded in full.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from ecops.shop.demo.plan import CYCLE, Plan

_SHARE = 0.75
MEMBERS = 512


@dataclass(frozen=True)
class Act:
    """One planted order. `day` of the cycle, `second` of the day; `buyer`, `address`, `phone`: the same number, the same one.

    `pays_after` seconds; `payable_fen`: what it costs in all, null: the usual price; `parcel`: orders of the same number
    travel under one waybill; `praises`: the buyer praises at once on arrival.
    """

    day: int
    second: int
    position: int
    buyer: int
    address: int
    phone: int
    units: int = 1
    pays_after: int = 40
    payable_fen: int | None = None
    script: str = "kept"
    parcel: int | None = None
    mark: str | None = None
    praises: bool = False


@dataclass(frozen=True)
class Plot:
    """`hit`: whether a rule against such things should name it; else it is a hard negative."""

    what: str
    hit: bool
    acts: tuple[Act, ...]


def _clock(hour: int, minute: int = 0) -> int:
    return hour * 3600 + minute * 60


def _one_each(number: int, days: tuple[int, ...], payable_fen: tuple[int, ...], scripts: tuple[str, ...]) -> tuple[Act, ...]:
    """Orders of one buyer."""
    told = zip(days, payable_fen, scripts, strict=True)
    return tuple(
        Act(day, _clock(10 + number, 7 * day), 5 + 3 * (number % 2), 0, 0, 0, pays_after=35 + day, payable_fen=fen, script=script)
        for day, fen, script in told
    )


_RING = tuple(
    Act(5, _clock(2, 5) + 97 * member, 5, member, 0, member // 4, pays_after=9, parcel=0, mark="G-", praises=True) for member in range(10)
)
_OFFICE = tuple(
    Act(6, _clock(11, 30) + 211 * member % 1700, (0, 5, 8, 10)[member % 4], member, 0, member, pays_after=30 + 53 * member % 900)
    for member in range(8)
)
_FAMILY = tuple(
    Act(day, _clock(hour), position, member, 0, member)
    for day, hour, position, member in ((2, 20, 0, 0), (9, 12, 8, 1), (20, 21, 5, 2), (26, 9, 13, 0))
)
_ABUSER = tuple(
    Act(day, _clock(13, day), (0, 8, 5, 13, 10, 0, 8)[turn], 0, 0, 0, script="abused" if turn else "kept")
    for turn, day in enumerate((1, 4, 8, 12, 17, 22, 27))
)
_UNLUCKY = tuple(
    Act(day, _clock(19, day), 7, 0, 0, 0, script="kept" if turn in (0, 4) else "broken") for turn, day in enumerate((1, 6, 11, 16, 21, 28))
)
_GIANT = (Act(8, _clock(14, 20), 13, 0, 0, 0, units=288, pays_after=5400),)
_NIGHT = tuple(
    Act(11, _clock(0, 4) + 431 * member, (0, 8, 10, 5, 13)[member % 5], member, member, member, pays_after=20 + 97 * member % 600)
    for member in range(14)
)

PLOTS = (
    Plot("brushing_ring", True, _RING),
    Plot("office_group_buy", False, _OFFICE),
    Plot("family_address", False, _FAMILY),
    Plot("refund_abuser", True, _ABUSER),
    Plot("unlucky_buyer", False, _UNLUCKY),
    Plot("giant_order", False, _GIANT),
    Plot("night_rush", False, _NIGHT),
    Plot("high_value_at_edge", True, _one_each(1, (2, 5, 8), (20_000, 20_000, 20_000), ("kept",) * 3)),
    Plot("high_value_one_fen_short", False, _one_each(2, (2, 5, 8), (20_000, 20_000, 19_999), ("kept",) * 3)),
    Plot("high_value_one_undone", False, _one_each(3, (3, 6, 9), (30_000, 30_000, 30_000), ("kept", "kept", "undone"))),
    Plot("high_value_two_only", False, _one_each(4, (3, 10), (50_000, 50_000), ("kept",) * 2)),
)

SCHEMA = {
    "shop_number": pl.Int64, "plot": pl.Int64, "cycle": pl.Int64, "member": pl.Int64, "created": pl.Datetime("us"), "planted_position": pl.Int64,
    "planted_units": pl.Int64, "pays_after": pl.Int64, "forced_fen": pl.Int64, "script": pl.String, "parcel": pl.Int64, "mark": pl.String,
    "praises": pl.Boolean, "buyer": pl.Int64, "address": pl.Int64, "phone": pl.Int64,
}


def planted(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One row a planted order created inside the period (SCHEMA); numbers of plots as in PLOTS."""
    drawn = shops.select("number", *(plan.dice(pl.col("number"), f"plot {plot.what}").alias(str(at)) for at, plot in enumerate(PLOTS)))
    rows = (row for shop in drawn.iter_rows() for row in _of_shop(shop[0], shop[1:], plan))
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row").filter(pl.col("created") < plan.end)


def _of_shop(number: int, chances: tuple[float, ...], plan: Plan) -> Iterator[tuple[object, ...]]:
    for at, plot in enumerate(PLOTS):
        if number == 0 or chances[at] < _SHARE:
            for cycle in plan.cycles():
                begin = plan.start + timedelta(days=cycle * CYCLE)
                yield from (_row(number, at, cycle, member, replace(act, day=act.day + number % 3), begin) for member, act in enumerate(plot.acts))


def _row(shop: int, plot: int, cycle: int, member: int, act: Act, begin: datetime) -> tuple[object, ...]:
    created = begin + timedelta(days=act.day, seconds=act.second)
    return (
        shop, plot, cycle, member, created, act.position, act.units, act.pays_after, act.payable_fen, act.script, act.parcel, act.mark,
        act.praises, act.buyer, act.address, act.phone,
    )
