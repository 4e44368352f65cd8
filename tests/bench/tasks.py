"""Every automated step over 2,000 shops x 30 days beside a query by hand for the same list: seconds, the ratio, and what misses its bar.

`python -m tests.bench.tasks [NAME...] [--lake DIR]`: some steps only; DIR keeps the shops for the next time. Data is read from a lake as the
tasks read it and held in memory, so that both sides begin with the same frames; `lake` is the step once more, reading the lake itself.
`cpu`: seconds of all cores together. The ratio is of these: what else the machine is busy with does not count.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ecops.automation import Answer, Ask, Automation, automations
from ecops.shop.lake import Lake
from tests.bench import _peers_customers, _peers_readiness, _peers_research, _peers_review, _peers_service  # noqa: F401 - each declares its queries
from tests.bench._peers import PEERS, Peer, answered
from tests.bench._shops import AS_OF, DAY, fill

MOST_SECONDS, MOST_RATIO = 5.0, 2.0
# A ratio of moments says nothing: a query by hand that takes less is held to have taken this.
_LEAST_SECONDS = 0.05
PARAMS = {
    "campaign.watch_hour": {"gmv_target": "100000", "opening": "day - 4h"},
    "customers.wake": {"dormant": f"{_peers_customers.DORMANT}d"},
    "review.gap": {"gmv_target": "100000", "since": "day", "until": "day + 24h"},
    "review.pareto": {"since": "day - 7d"},
    "review.report": {"gmv_target": "100000"},
    "service.return_deadline": {"policy": f"{_peers_service.POLICY}"},
}


@dataclass(frozen=True)
class Took:
    """How long something took: seconds on the clock, and of all cores together."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Line:
    """What a step took in memory, from the lake, and by hand (None: no query yet); `same`: whether both gave the same rows."""

    task: str
    held: Took
    lake: Took
    by_hand: Took | None
    same: bool | None

    @property
    def ratio(self) -> float | None:
        """How many times the work of the query by hand."""
        return None if self.by_hand is None else self.held.cpu / max(self.by_hand.cpu, _LEAST_SECONDS)

    @property
    def misses(self) -> list[str]:
        """The bars it does not meet."""
        slow = max(self.held.seconds, self.lake.seconds) > MOST_SECONDS
        return [f"over {MOST_SECONDS:.0f} s"] * slow + [f"over {MOST_RATIO:.0f}x"] * ((self.ratio or 0) > MOST_RATIO) + ["other rows"] * (self.same is False)


def _best(work: Callable[[], object], times: int = 2) -> tuple[Took, object]:
    """The shorter of two runs, and what it gave: the first of a process also compiles and warms."""
    took, given = [], None
    for _ in range(times):
        started, cpu = time.perf_counter(), time.process_time()
        given = work()
        took.append(Took(time.perf_counter() - started, time.process_time() - cpu))
        if took[0].seconds > 2 * MOST_SECONDS:
            break
    return Took(min(one.seconds for one in took), min(one.cpu for one in took)), given


def measured(task: Automation, lake: Lake, shops: tuple[str, ...], held: dict[str, pl.DataFrame]) -> Line:
    """One step, from memory and from the lake, and its peer."""
    for kind in task.reads:
        if kind not in held:
            held[kind] = lake.frames([kind], shops, AS_OF)[kind].collect()
    frames = {kind: held[kind].lazy() for kind in task.reads}
    ask = Ask(shops, AS_OF, task.params(**PARAMS.get(task.name, {})), {"day": DAY})
    in_memory, answer = _best(lambda: task(frames, ask))
    from_lake, _ = _best(lambda: task(lake.frames(task.reads, shops, AS_OF), ask), 1)
    peers = PEERS.get(task.name)
    if peers is None:
        return Line(task.name, in_memory, from_lake, None, None)
    by_hand, rows = _best(lambda: answered(peers, frames))
    return Line(task.name, in_memory, from_lake, by_hand, all(_same(answer, some, peer) for some, peer in zip(rows, peers, strict=True)))


def _same(answer: Answer, rows: pl.DataFrame, peer: Peer) -> bool:
    """Whether the list and the query by hand have the same keys."""
    told = answer.verdicts if peer.of == "verdicts" else answer.lists[peer.of]
    ours, theirs = told.select(peer.keys), rows.select(peer.keys)
    return len(ours) == len(theirs) and ours.join(theirs, on=peer.keys, how="anti", nulls_equal=True).is_empty()


def head() -> str:
    """The names of the columns."""
    return f"{'task':28}{'seconds':>9}{'lake':>8}{'cpu':>8}{'by hand':>9}{'cpu':>8}{'ratio':>7}"


def row(line: Line) -> str:
    """A line of the table."""
    by_hand = f"{'-':>9}{'-':>8}{'-':>7}" if line.by_hand is None else f"{line.by_hand.seconds:9.2f}{line.by_hand.cpu:8.2f}{line.ratio:7.1f}"
    missed = f"  NOT MET: {', '.join(line.misses)}" if line.misses else ""
    return f"{line.task:28}{line.held.seconds:9.2f}{line.lake.seconds:8.2f}{line.held.cpu:8.2f}{by_hand}{missed}"


def tail(lines: Sequence[Line]) -> str:
    """What is missing, counted."""
    missed, alone = sum(bool(line.misses) for line in lines), sum(line.by_hand is None for line in lines)
    return f"{len(lines)} tasks, {missed} not met, {alone} without a query by hand"


def _shops(folder: Path) -> tuple[str, ...]:
    """The shops of a lake that was filled before, else of one that is filled now."""
    told = folder / "shops.json"
    if told.exists():
        return tuple(json.loads(told.read_text()))
    started = time.perf_counter()
    shops, rows = fill(str(folder / "lake"))
    told.write_text(json.dumps(shops))
    print(f"{len(shops):,} shops x 30 days, {sum(rows.values()):,} rows made in {time.perf_counter() - started:.0f} s", flush=True)
    return shops


def main(words: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tasks")
    parser.add_argument("names", nargs="*", help="steps; all of them unless told")
    parser.add_argument("--lake", type=Path, help="a folder that keeps the shops")
    told = parser.parse_args(words)
    names = told.names or sorted(automations())
    with tempfile.TemporaryDirectory() as folder:
        kept = told.lake or Path(folder)
        shops = _shops(kept)
        lake, held, lines = Lake(str(kept / "lake")), {}, []
        print(head())
        for name in names:
            lines.append(measured(automations()[name], lake, shops, held))
            print(row(lines[-1]), flush=True)
    print(tail(lines))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
