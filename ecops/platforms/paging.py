"""Pages of one window, in the order in which no row is missed.

A row that changes while we page leaves its window (its change time becomes now), and the rows behind it move up one place. Read
from the last page to the first, they move only towards pages not read yet: seen twice perhaps, missed never. Rows that come into
a window while we page would push others the other way; windows end in the past so that there are none, and when the total
grows all the same the window is read again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecops.platforms.errors import TooMany, Unreadable

Row = Mapping[str, Any]
_PASSES = 4
_EMPTY = 3  # times an empty page in the middle is asked for again


@dataclass(frozen=True)
class Page:
    """`rows`, and the `total` of the window as this answer states it; None where it states none."""

    rows: Sequence[Row]
    total: int | None


@dataclass(frozen=True)
class Pages:
    """How a call pages: `size` rows a page, the `first` page's number, at most `most` rows of a window, the empty page behind
    the last one included; `call` names it in errors."""

    call: str
    size: int
    first: int = 1
    most: int = 50_000


def last_to_first(ask: Callable[[int], Page], pages: Pages) -> Iterator[Sequence[Row]]:
    """All rows of a window, page by page from the last to the first; `ask` reads the page of a number.

    A row may come twice. Raises TooMany when the window has to be halved, and Unreadable when the answers contradict each other.
    """
    for _ in range(_PASSES):
        first = ask(pages.first)
        total = _total(first, pages)
        if max(total, len(first.rows)) < pages.size:
            yield (first if len(first.rows) >= total else _filled(ask, pages.first, pages)).rows
            return
        grown = yield from _backwards(ask, pages, first, total)
        if not grown:
            return
    raise Unreadable(f"{pages.call} keeps finding more rows while they are read; pull the same time again when the shop is calmer.")


def _backwards(ask: Callable[[int], Page], pages: Pages, first: Page, total: int) -> Iterator[Sequence[Row]]:
    """Yields the pages; returns whether the window grew meanwhile."""
    last = pages.first + (total - 1) // pages.size
    # The total is not trusted: the page behind the last one has to be empty.
    while (beyond := ask(last + 1)).rows:
        if beyond.rows == first.rows:
            raise Unreadable(f"{pages.call} gives the same page whatever its number; nothing of this window was kept.")
        last += 1
        _total(Page(beyond.rows, (last - pages.first + 1) * pages.size), pages)
    highest = max(total, beyond.total or 0)
    for number in range(last, pages.first - 1, -1):
        page = _filled(ask, number, pages)
        yield page.rows
        if (page.total or 0) > highest:
            return True
    return False


def _filled(ask: Callable[[int], Page], number: int, pages: Pages) -> Page:
    """The page of that number; an empty or short one that its own total contradicts is asked for again."""
    for _ in range(_EMPTY):
        page = ask(number)
        due = (page.total or 0) - (number - pages.first) * pages.size
        if len(page.rows) >= min(due, pages.size):
            return page
    raise Unreadable(
        f"Page {number} of {pages.call} has {len(page.rows)} rows though the answer counts {page.total} in all; "
        "nothing of this window was kept, pull it again later."
    )


def _total(page: Page, pages: Pages) -> int:
    total = len(page.rows) if page.total is None else page.total
    if total > pages.most:
        raise TooMany(pages.call, "too-many-rows", f"{total} rows, at most {pages.most} can be paged through", "ask for a shorter time")
    return total
