"""One pull: topic by topic, window by window, kept as it goes. What is not possible is said, and does not stop the rest."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from ecops.errors import BadCall
from ecops.platforms.client import Platform
from ecops.platforms.errors import PlatformError, Refused, TokenExpired
from ecops.platforms.windows import Window

# Takes a kind, a frame of its whole schema (unique keys) and the refused rows (rows.REFUSALS).
Keep = Callable[[str, pl.DataFrame, pl.DataFrame], None]
# Is told a topic and its cursor, each time a window has been kept.
Advance = Callable[[str, datetime], None]


@dataclass(frozen=True)
class Pulled:
    """What became of one topic.

    `cursor`: pull from here next time, the end of the last window that was kept whole. `rows` and `refused` by kind. `unknown`: why
    nothing, or nothing more, is known; None when all was read. `permission`: what lacks is a permission. `beyond`: what lies
    further back than the platform answers.
    """

    topic: str
    call: str
    cursor: datetime
    rows: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    unknown: str | None = None
    permission: bool = False
    beyond: Window | None = None


@dataclass(frozen=True)
class PullResult:
    """What became of each topic, in the order they were asked for."""

    topics: tuple[Pulled, ...]

    @property
    def cursors(self) -> dict[str, datetime]:
        """From where each topic is to be pulled next."""
        return {one.topic: one.cursor for one in self.topics}

    @property
    def whole(self) -> bool:
        """Whether everything asked for was read."""
        return all(one.unknown is None for one in self.topics)


def pull(
    platform: Platform, since: Mapping[str, datetime] | datetime, until: datetime, kinds: Iterable[str] | None, keep: Keep,
    advance: Advance = lambda topic, cursor: None,
) -> PullResult:
    """Pull topics of `platform` from `since` (one moment, or one a topic; aware) to `until`, each window kept before the next is read.

    `kinds`: topics, None for all the platform has. Platform errors end a topic and are told in the result; what `keep` raises is
    raised, and `advance` has been told how far everything was kept. Raises BadCall for a topic
    the platform does not know, or without a beginning.
    """
    wanted = list(dict.fromkeys(kinds if kinds is not None else platform.kinds))
    _must_be_known(platform, wanted)
    _must_begin(since, wanted)
    done: list[Pulled] = []
    dead: str | None = None
    for topic in wanted:
        begin = since[topic] if isinstance(since, Mapping) else since
        if topic in platform.lacking:
            done.append(Pulled(topic, "", begin, unknown=platform.lacking[topic]))
            continue
        if dead:
            done.append(Pulled(topic, platform.kinds[topic], begin, unknown=dead))
            continue
        pulled, error = _topic(platform, topic, begin, until, keep, advance)
        done.append(pulled)
        # Without a token every further call would only be refused too.
        dead = str(error) if isinstance(error, TokenExpired) else None
    return PullResult(tuple(done))


def _topic(
    platform: Platform, topic: str, since: datetime, until: datetime, keep: Keep, advance: Advance
) -> tuple[Pulled, PlatformError | None]:
    cut = platform.windows(topic, since, until)
    pulled = Pulled(topic, platform.kinds[topic], since, beyond=cut.beyond)
    for window in cut.windows:
        try:
            # The whole window first: half a window kept would look like all of it.
            reads = list(platform.pull(topic, window.since, window.until))
        except PlatformError as error:
            return replace(pulled, unknown=str(error), permission=isinstance(error, Refused) and error.permission), error
        for read in reads:
            keep(read.kind, read.frame, read.refusals)
            pulled = replace(
                pulled, rows=_counted(pulled.rows, read.kind, len(read.frame)), refused=_counted(pulled.refused, read.kind, _rows_of(read.refusals))
            )
        pulled = replace(pulled, cursor=max(since, window.until))
        advance(topic, pulled.cursor)
    return pulled, None


def _counted(counts: Mapping[str, int], kind: str, more: int) -> dict[str, int]:
    return {**counts, kind: counts.get(kind, 0) + more}


def _must_begin(since: Mapping[str, datetime] | datetime, wanted: Iterable[str]) -> None:
    lacking = [topic for topic in wanted if topic not in since] if isinstance(since, Mapping) else []
    if lacking:
        raise BadCall(f"From when {', '.join(lacking)} are to be pulled is not said: give a moment for each.")


def _rows_of(refusals: pl.DataFrame) -> int:
    """How many rows were refused; one of several faults counts once, as far as its id is known."""
    named = refusals.filter(pl.col("id") != "")
    return named["id"].n_unique() + len(refusals) - len(named)


def _must_be_known(platform: Platform, wanted: Iterable[str]) -> None:
    known = {*platform.kinds, *platform.lacking}
    for topic in wanted:
        if topic not in known:
            raise BadCall(f"{topic} cannot be pulled from {platform.name}: choose of {', '.join(sorted(known))}.")
