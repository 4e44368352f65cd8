"""Windows and pages: every order once, whatever moves meanwhile."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.platforms.errors import TooMany, Unreadable
from ecops.platforms.paging import Page, Pages, last_to_first
from ecops.platforms.windows import SECOND, Limits, Window, asked, cut

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
moments = st.integers(-90 * 86400, 0).map(lambda seconds: NOW + seconds * SECOND)
limits = st.builds(
    Limits, longest=st.integers(60, 200_000).map(lambda n: n * SECOND), lag=st.integers(0, 600).map(lambda n: n * SECOND),
    overlap=st.integers(0, 600).map(lambda n: n * SECOND), open_start=st.booleans(),
)


@given(moments, moments, limits)
@settings(max_examples=200)
def test_windows_adjoin_cover_everything_and_are_no_longer_than_allowed(one, other, allowed):
    since, until = sorted((one, other))
    allowed = Limits(max(allowed.longest, (until - since) / 300), allowed.lag, allowed.overlap, None, allowed.open_start)
    found = cut(since, until, NOW, allowed)
    if not found.windows:
        assert min(until, NOW - allowed.lag) <= since and found.until == since
        return
    assert found.windows[0].since == since - allowed.overlap and found.windows[-1].until == found.until == min(until, NOW - allowed.lag)
    assert all(left.until == right.since for left, right in zip(found.windows, found.windows[1:], strict=False))
    for window in found.windows:
        begin, end = asked(window, allowed)
        assert timedelta() < end - begin <= allowed.longest
        assert begin == window.since - (SECOND if allowed.open_start else timedelta())


def test_a_pull_that_begins_beyond_reach_says_what_it_cannot_ask_for():
    found = cut(NOW - timedelta(days=100), NOW, NOW, Limits(timedelta(days=1), reach=timedelta(days=90)))
    assert found.beyond is not None and found.beyond.since == NOW - timedelta(days=100) and found.beyond.until == found.windows[0].since
    assert found.windows[0].since >= NOW - timedelta(days=90)


def test_nothing_beyond_reach_is_nothing_said():
    assert cut(NOW - timedelta(days=1), NOW, NOW, Limits(timedelta(days=1), reach=timedelta(days=90))).beyond is None


def test_moments_are_aware_and_in_order():
    with pytest.raises(ValueError, match="aware"):
        cut(NOW.replace(tzinfo=None), NOW, NOW, Limits(timedelta(days=1)))
    with pytest.raises(ValueError, match="before it begins"):
        cut(NOW, NOW - SECOND, NOW, Limits(timedelta(days=1)))


def test_a_window_halves_down_to_a_second():
    window = Window(NOW, NOW + 2 * SECOND)
    left, right = window.halves()
    assert (left.until, right.since) == (NOW + SECOND, NOW + SECOND) and left.halves() is None


@dataclass
class Shop:
    """A gateway's index of orders: id -> (change time, version). Its clock ticks with every request, and orders change then."""

    orders: dict[int, tuple[datetime, int]]
    changes: list[list[int]]
    size: int
    clock: datetime = NOW
    open_start: bool = True
    lag: timedelta = timedelta(minutes=3)
    appear: dict[int, int] = field(default_factory=dict)  # id -> requests until the index shows its last change
    requests: int = 0

    def tick(self) -> None:
        self.requests += 1
        self.clock += SECOND
        for order in self.changes.pop(0) if self.changes else []:
            if order in self.orders:
                self.orders[order] = (self.clock, self.orders[order][1] + 1)

    def ask(self, since: datetime, until: datetime, number: int) -> Page:
        assert until <= self.clock - self.lag
        found = [
            {"id": order, "at": at, "version": version} for order, (at, version) in self.orders.items()
            if (since < at if self.open_start else since <= at) and at <= until and self.requests >= self.appear.get(order, 0)
        ]
        found.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
        page = Page(found[(number - 1) * self.size : number * self.size], len(found))
        self.tick()
        return page


def read(shop: Shop, since: datetime, until: datetime, allowed: Limits) -> tuple[list[dict], datetime]:
    """One pull as the clients do it."""
    found = cut(since, until, shop.clock, allowed)
    rows = []
    for window in found.windows:
        begin, end = asked(window, allowed)
        rows += [row for page in last_to_first(lambda number, b=begin, e=end: shop.ask(b, e, number), Pages("orders", shop.size)) for row in page]
    return rows, found.until


@given(
    st.lists(st.integers(240, 3600), max_size=40), st.lists(st.lists(st.integers(0, 39), max_size=3), max_size=40),
    st.integers(1, 5), st.integers(600, 3600), st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_the_union_of_windows_and_pages_is_every_order_once_with_its_newest_version(ages, changes, size, longest, open_start):
    start = NOW - timedelta(hours=1)
    shop = Shop({order: (NOW - seconds * SECOND, 0) for order, seconds in enumerate(ages)}, list(changes), size, open_start=open_start)
    allowed = Limits(longest * SECOND, lag=shop.lag, overlap=timedelta(minutes=1), open_start=True)
    rows, cursor = read(shop, start - SECOND, shop.clock, allowed)
    # The shop falls silent; the next pulls, from the cursor, get what changed in the meantime.
    shop.changes = []
    shop.clock += timedelta(minutes=10)
    more, cursor = read(shop, cursor, shop.clock, allowed)
    newest: dict[int, dict] = {}
    for row in [*rows, *more]:
        assert row["id"] not in newest or newest[row["id"]]["version"] <= row["version"], "later windows tell later versions"
        newest[row["id"]] = row
    assert {order: row["version"] for order, row in newest.items()} == {order: version for order, (_, version) in shop.orders.items()}


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40, unique=True), st.data())
@settings(max_examples=100, deadline=None)
def test_a_row_the_index_shows_late_is_read_when_it_comes_within_the_overlap(ages, data):
    late = data.draw(st.sampled_from(range(len(ages))))
    shop = Shop({n: (NOW - age * SECOND, 0) for n, age in enumerate(ages)}, [], 3, lag=timedelta(), appear={late: data.draw(st.integers(1, 30))})
    allowed = Limits(timedelta(days=1), overlap=timedelta(minutes=11), open_start=True)
    rows, cursor = read(shop, NOW - timedelta(hours=1), shop.clock, allowed)
    shop.requests += 100
    more, _ = read(shop, cursor, shop.clock + SECOND, allowed)
    assert {row["id"] for row in [*rows, *more]} == set(range(len(ages)))


def test_reading_forward_would_miss_an_order():
    """The proof that the property test can fail: the same shop, read from the first page on."""
    shop = Shop({n: (NOW - timedelta(minutes=10) - n * SECOND, 0) for n in range(6)}, [[0], [], [], []], 2)
    begin, end = NOW - timedelta(hours=1), NOW - timedelta(minutes=5)
    forward = [row["id"] for number in (1, 2, 3) for row in shop.ask(begin, end, number).rows]
    assert 2 not in forward


def ask_of(pages: dict[int, list[int]], total: int | None):
    asked_for = []

    def ask(number: int) -> Page:
        asked_for.append(number)
        return Page([{"id": one} for one in pages.get(number, [])], total)

    return ask, asked_for


def ids(found) -> list[int]:
    return [row["id"] for page in found for row in page]


def test_pages_are_read_from_the_last_to_the_first():
    ask, asked_for = ask_of({1: [1, 2], 2: [3, 4], 3: [5]}, 5)
    assert ids(last_to_first(ask, Pages("c", 2))) == [5, 3, 4, 1, 2]
    assert asked_for == [1, 4, 3, 2, 1]


def test_one_short_page_is_one_request():
    ask, asked_for = ask_of({1: [1]}, 1)
    assert (ids(last_to_first(ask, Pages("c", 2))), asked_for) == ([1], [1])


def test_a_total_that_says_too_little_hides_no_page():
    ask, _ = ask_of({1: [1, 2], 2: [3, 4], 3: [5]}, 2)
    assert sorted(ids(last_to_first(ask, Pages("c", 2)))) == [1, 2, 3, 4, 5]


def test_without_any_total_pages_are_read_until_one_is_empty():
    ask, _ = ask_of({1: [1, 2], 2: [3, 4], 3: [5]}, None)
    assert sorted(ids(last_to_first(ask, Pages("c", 2)))) == [1, 2, 3, 4, 5]


def test_an_empty_page_in_the_middle_is_asked_for_again():
    empty = [True, True]

    def ask(number: int) -> Page:
        rows = {1: [1, 2], 2: [3, 4], 3: [5]}.get(number, [])
        return Page([] if number == 2 and empty and empty.pop() else [{"id": one} for one in rows], 5)

    assert sorted(ids(last_to_first(ask, Pages("c", 2)))) == [1, 2, 3, 4, 5]


def test_a_page_that_stays_empty_though_counted_is_never_taken_for_no_orders():
    ask, _ = ask_of({1: [1, 2], 3: [5]}, 5)
    with pytest.raises(Unreadable, match="Page 2 of c has 0 rows though the answer counts 5"):
        ids(last_to_first(ask, Pages("c", 2)))


def test_a_count_without_rows_is_never_taken_for_no_orders():
    ask, _ = ask_of({}, 1)
    with pytest.raises(Unreadable):
        ids(last_to_first(ask, Pages("c", 2)))


def test_a_window_that_grows_while_it_is_read_is_read_again():
    held = [3, 2, 1]
    growth = iter([None, None, 4])

    def ask(number: int) -> Page:
        page = Page([{"id": one} for one in held[(number - 1) * 2 : number * 2]], len(held))
        if (new := next(growth, None)) is not None:
            held.insert(0, new)
        return page

    assert set(ids(last_to_first(ask, Pages("c", 2)))) == {1, 2, 3, 4}


def test_a_window_that_never_stops_growing_is_given_up():
    held = list(range(3))

    def ask(number: int) -> Page:
        held.insert(0, len(held))
        return Page([{"id": one} for one in held[(number - 1) * 2 : number * 2]], len(held))

    with pytest.raises(Unreadable, match="keeps finding more rows"):
        ids(last_to_first(ask, Pages("c", 2)))


def test_a_gateway_that_heeds_no_page_number_is_seen_through():
    with pytest.raises(Unreadable, match="the same page whatever its number"):
        ids(last_to_first(lambda number: Page([{"id": 1}, {"id": 2}], 2), Pages("c", 2)))


def test_more_rows_than_can_be_paged_through_ask_for_a_shorter_window():
    with pytest.raises(TooMany):
        ids(last_to_first(lambda number: Page([{"id": 1}], 50_001), Pages("c", 2)))
