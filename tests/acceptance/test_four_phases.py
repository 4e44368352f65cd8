"""The four phases as one loop: a shop is prepared, has a week of days, a campaign and its review, and the next launch starts with what was learned."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from ecops.rehearse import Player, beginning, populate
from ecops.service import findings, follow, launch
from ecops.shelf import shelf
from ecops.shop.demo import generate, write
from ecops.shop.lake import Lake
from ecops.store import tables as t
from ecops.store.database import Store

SHOP_SINCE, SHOP_UNTIL, DAY = date(2026, 6, 1), date(2026, 12, 31), date(2026, 11, 11)
TARGET = {"gmv_target": "300000"}


class Team:
    """One shop, its people, and time that goes on from run to run."""

    def __init__(self, folder) -> None:
        self.store, self.lake, self.books = Store.in_memory(), Lake(str(folder / "lake")), shelf()
        data = generate(1, 7, SHOP_SINCE, SHOP_UNTIL, 8, day=DAY)
        write(self.lake, data, datetime(2027, 1, 1, tzinfo=UTC))
        key, name, platform, tags = data.shops[0]
        self.shops = [{"shop": key, "name": name, "platform": platform, "tags": list(tags)}]

    def run(self, key: str, day: date, **params: str) -> str:
        """Launch in time and play until the end."""
        book = self.books.find(key)
        now = beginning(book, day, {})
        populate(self.store, book, self.shops, now)
        launched = launch.launch(self.store, launch.Launch(book, day, [self.shops[0]["shop"]], params), now, "requester")
        return self.play(book, launched.run, now)

    def play(self, book, run: str, now: datetime) -> str:
        player = Player(self.store, self.lake, book, run, "on-time", now)
        player.play()
        self.now = player.now
        assert player.state() == "completed", (book.playbook, run)
        return run

    def what_follows(self) -> list[str]:
        """Launch and play what the end of a run launches."""
        played = []
        for launched in follow.follow_up(self.store, self.books, self.now):
            book = self.books.find(launched.playbook)
            populate(self.store, book, self.shops, self.now)
            played.append(self.play(book, launched.run, self.now))
        return played


@pytest.fixture(scope="module")
def team(tmp_path_factory) -> Iterator[Team]:
    made = Team(tmp_path_factory.mktemp("team"))
    yield made
    made.store.close()


def test_what_a_review_learned_is_what_the_next_launch_starts_with(team):
    team.run("new-shop", date(2026, 6, 5))
    for number in range(7):
        team.run("morning", date(2026, 8, 3) + timedelta(days=number))
    campaign = team.run("double-11", DAY, **TARGET)
    [review] = team.what_follows()
    with team.store.read() as connection:
        row = connection.execute(select(t.run).where(t.run.c.run == review)).one()
        told = findings.listed(connection, review)
    assert row.params["gmv_target"] == "300000.00" and row.launch_key == f"then:{campaign}"
    accepted = [one for one in told if one["state"] == "accepted" and one["change"]]
    assert accepted and all(one["evidence"] and one["owner"] and one["due"] for one in accepted)
    learned = {one["change"]["param"]: one["change"]["value"] for one in accepted if "param" in one["change"]}

    book = team.books.find("double-11")
    again = launch.launch(team.store, launch.Launch(book, date(2027, 11, 11), [team.shops[0]["shop"]], TARGET), team.now, "requester")
    assert {one["review"] for one in again.learned} == {review}
    assert {one["param"]: one["value"] for one in again.learned if "param" in one} == learned
    assert learned["stock_factor"] != book.params["stock_factor"].default, "the stock-out was planted, and is learned from"
    with team.store.read() as connection:
        own = connection.execute(select(t.run_shop.c.params).where(t.run_shop.c.run == again.run)).scalar_one()
        extra = connection.execute(select(t.item.c.step).where(t.item.c.run == again.run, t.item.c.key.like("learned-%"))).scalars().all()
    assert own["stock_factor"] == learned["stock_factor"]
    assert sorted(extra) == sorted(one["step"] for one in again.learned if "step" in one)
    without = launch.launch(team.store, launch.Launch(book, date(2028, 11, 11), [team.shops[0]["shop"]], TARGET, decline=["all"]), team.now, "requester")
    assert without.learned == ()
