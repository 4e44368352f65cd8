"""The span a review looks at in whole days, and the one it is compared with."""

from datetime import timedelta

from ecops.automation import Ask
from tasks._windows import DAY, DayWindow, Window, last_midnight, resolve


def whole_days(window: Window, ask: Ask) -> DayWindow:
    """The whole local days a window touches, without today, which is not over; at least its first."""
    return Window(window.since, max(min(window.until, last_midnight(ask)), window.since + timedelta(microseconds=1))).dates(ask)


def day_spans(window: Window, base: Window, ask: Ask) -> tuple[DayWindow, DayWindow]:
    """The whole local days of a window, and as many to compare them with: those just before it, or from the first of the base that `before` names.

    Two spans that meet in the middle of a day would both be widened to it: the day would be compared with itself.
    """
    now = whole_days(window, ask)
    first = now.first - now.days * DAY
    if ask.params.before is not None:
        first = min(first, base.dates(ask).first)
    return now, DayWindow(first, first + (now.days - 1) * DAY)


def base_of(window: Window, ask: Ask) -> Window | None:
    """What the window is compared with; None when it would begin nowhere or end inside the window."""
    if ask.params.before is None:
        return window.before()
    begin = resolve(ask.params.before, ask)
    base = Window(begin, begin + (window.until - window.since)) if begin else None
    return base if base and base.until <= window.since else None


def no_base(ask: Ask, missing: str, zh: str) -> tuple[str, str]:
    """What is missing, in English and Chinese: something of the window itself, else of the span before."""
    return missing or f"before: no span of this length from {ask.params.before!r} on", zh or f"对比期“{ask.params.before}”无效"
