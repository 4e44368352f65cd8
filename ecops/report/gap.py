"""Where the gap to a target came from, for a review: one bar a part, the parts adding up to the gap exactly. Figures in fen; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TASK = "review.gap"


@dataclass(frozen=True)
class Part:
    """One part of a gap. `left` and `width` place its bar in percent of the whole drawing."""

    zh: str
    en: str
    fen: int
    share: float | None
    left: float
    width: float


@dataclass(frozen=True)
class Gap:
    """Target, actual and their difference over `known` of `shops` shops; `parts` by Shapley's value."""

    target_fen: int
    actual_fen: int
    gap_fen: int
    parts: tuple[Part, ...]
    known: int
    shops: int


def gap_of(step: Mapping[str, Any], shops: int) -> Gap | None:
    """The gap of all shops together, from a step of review.gap; None when it is known of none.

    Shops whose verdict is not ok are left out and counted, also when they have figures: those are not final.
    """
    sure = {row["shop"] for row in step["step_runs"] if row["outcome"] and row["outcome"]["status"] == "ok"}
    totals, rows = ([row for row in step["lists"].get(name, ()) if "" in sure or row["shop"] in sure] for name in ("shops", "items"))
    if not totals:
        return None
    sums: dict[str, tuple[str, int]] = {}
    for row in rows:
        sums[row["part"]] = (row["zh"], sums.get(row["part"], ("", 0))[1] + row["shapley_fen"])
    whole = [sum(row[name] for row in totals) for name in ("target_fen", "actual_fen", "gap_fen")]
    return Gap(*whole, tuple(_parts(sums, whole[2])), len(totals), shops)


_EN = {"visitors": "traffic", "conversion": "conversion", "aov": "basket", "plan": "plan does not add up", "refunds": "refunds"}


def _parts(sums: Mapping[str, tuple[str, int]], gap: int) -> Iterator[Part]:
    """Bars on one scale with room for the largest loss on the left and the largest gain on the right."""
    fens = [0, *(fen for _, fen in sums.values())]
    least, most = min(fens), max(fens)
    span = (most - least) or 1
    for name, (zh, fen) in sums.items():
        yield Part(zh, _EN.get(name, name), fen, fen / gap if gap else None, (min(fen, 0) - least) / span * 100, abs(fen) / span * 100)


def zero(gap: Gap) -> float:
    """Where nothing lies in the drawing, in percent."""
    losses, gains = [-part.fen for part in gap.parts if part.fen < 0], [part.fen for part in gap.parts if part.fen > 0]
    return max(losses, default=0) / ((max(losses, default=0) + max(gains, default=0)) or 1) * 100
