"""Windows of time: how [since, until) is cut into what a platform answers at once. Pure.

Everything is in whole seconds, as the platforms are. Windows are half-open and adjoin; what is asked for is a little wider
where a platform leaves out rows at the start, or where rows arrive late. Rows read twice are told apart by their id.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """From `since` (in) to `until` (out), both aware."""

    since: datetime
    until: datetime

    def halves(self) -> "tuple[Window, Window] | None":
        """The window cut in two; None when it is a second long."""
        half = floor(self.since + (self.until - self.since) / 2)
        return (Window(self.since, half), Window(half, self.until)) if self.since < half < self.until else None


@dataclass(frozen=True)
class Limits:
    """What a platform allows for one call.

    `longest`: length of a window. `lag`: rows younger than that may still be missing, so no window ends later than now less `lag`.
    `overlap`: the first window begins that much earlier, for rows that arrived late all the same. `reach`: how far back it
    answers; None: for ever. `open_start`: rows at the very start of a window are left out, or may be: the documents do not say.
    """

    longest: timedelta
    lag: timedelta = timedelta()
    overlap: timedelta = timedelta()
    reach: timedelta | None = None
    open_start: bool = False


@dataclass(frozen=True)
class Cut:
    """`windows`, oldest first; `beyond`: what lies further back than the platform answers, None when all can be asked for.

    `until`: the end of the last window, which is the next cursor; `since` when there is nothing to ask for yet.
    """

    windows: tuple[Window, ...]
    beyond: Window | None
    until: datetime


def floor(moment: datetime) -> datetime:
    """The whole second that `moment` (aware) lies in, in UTC."""
    return moment.astimezone(UTC).replace(microsecond=0)


def cut(since: datetime, until: datetime, now: datetime, limits: Limits) -> Cut:
    """[since, until) as windows that `limits` allow at `now` (all aware).

    Raises ValueError when `until` is before `since`, or a moment is naive.
    """
    if any(moment.tzinfo is None for moment in (since, until, now)):
        raise ValueError("windows need aware moments")
    if until < since:
        raise ValueError(f"the window ends ({until.isoformat()}) before it begins ({since.isoformat()})")
    begin, end = floor(since), min(floor(until), floor(now - limits.lag))
    if end <= begin:
        return Cut((), None, begin)
    first = begin - limits.overlap
    # A second is left for the way the request takes: what is just in reach now is not when it arrives.
    earliest = floor(now - limits.reach) + 60 * SECOND if limits.reach else first
    beyond = Window(begin, min(earliest, end)) if earliest > begin else None
    return Cut(tuple(_steps(max(first, earliest), end, _step(limits))), beyond, end)


def asked(window: Window, limits: Limits) -> tuple[datetime, datetime]:
    """First and last moment to send for `window`.

    The end is sent as it is: where the platform counts it in, its rows are read again with the next window.
    """
    return (window.since - SECOND if limits.open_start else window.since), window.until


def _step(limits: Limits) -> timedelta:
    return limits.longest - SECOND if limits.open_start else limits.longest


def _steps(begin: datetime, end: datetime, step: timedelta) -> list[Window]:
    windows = []
    while begin < end:
        windows.append(Window(begin, min(begin + step, end)))
        begin += step
    return windows
