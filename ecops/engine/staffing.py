"""Who would be there for a plan: which people hold a role for which shops at a moment, as they are away and covered then. Pure.

Shops with the same people are one group, so that two thousand shops of one team cost as much as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from ecops.people.quiet import may_be_told

Away = frozenset[tuple[str, str | None]]
HERE: Away = frozenset()  # nobody is away


@dataclass(frozen=True)
class Absence:
    """Somebody is away from `since` until `until` (aware); `cover` stands in, None: the other holders."""

    person: str
    since: datetime
    until: datetime
    cover: str | None


@dataclass(frozen=True)
class Wall:
    """A person's time zone and quiet hours on it; without them they may be told at any time."""

    zone: ZoneInfo
    quiet_from: time | None = None
    quiet_until: time | None = None

    def told(self, at: datetime) -> datetime:
        """When somebody who is told at a moment hears of it."""
        return may_be_told(at, self.zone, self.quiet_from, self.quiet_until)


@dataclass(frozen=True)
class Group:
    """Shops for which the same people are there; "" is the run's own work."""

    people: frozenset[str]
    shops: tuple[str, ...]


def stand_in(person: str, away: Mapping[str, str | None]) -> str | None:
    """The person themselves when they are there, else whoever covers them, or covers that one; None when the chain ends with nobody."""
    passed: set[str] = set()
    while person in away:
        passed.add(person)
        person = away[person]
        if person is None or person in passed:
            return None
    return person


class Staffing:
    """Bindings (people by role and shop, "" for every shop) and absences."""

    def __init__(self, bound: Mapping[tuple[str, str], frozenset[str]], absences: Sequence[Absence]) -> None:
        self._bound, self._absences = bound, absences
        self._known: dict[tuple, tuple[Group, ...]] = {}

    def away(self, at: datetime) -> Away:
        """Who is away at a moment, each with their cover; of two absences the later one's cover counts."""
        found = {one.person: one.cover for one in self._absences if one.since <= at < one.until}
        return frozenset(found.items())

    def groups(self, roles: tuple[str, ...], shops: tuple[str, ...], away: Away = HERE) -> tuple[Group, ...]:
        """These shops by who holds one of the roles for them, or covers somebody who does."""
        key = (roles, shops, away)
        if key not in self._known:
            held = self._held(roles, shops)
            gone = dict(away)
            self._known[key] = _together((_there(people, gone), part) for people, part in held)
        return self._known[key]

    def responsible(self, roles: tuple[str, ...], owner: str, shops: tuple[str, ...], away: Away = HERE) -> tuple[Group, ...]:
        """The same, and where nobody is there those of the role it falls back to."""
        key = (roles, owner, shops, away)
        if key not in self._known:
            first = self.groups(roles, shops, away)
            held, left = [(one.people, one.shops) for one in first if one.people], tuple(shop for one in first if not one.people for shop in one.shops)
            fallen = [(one.people, one.shops) for one in self.groups((owner,), left, away)] if left else []
            self._known[key] = _together(iter([*held, *fallen]))
        return self._known[key]

    def _held(self, roles: tuple[str, ...], shops: tuple[str, ...]) -> list[tuple[frozenset[str], tuple[str, ...]]]:
        everywhere = frozenset().union(*(self._bound.get((role, ""), ()) for role in roles))
        own = ([bound for role in roles if (bound := self._bound.get((role, shop)))] for shop in shops)
        return list(_by_people((everywhere.union(*people) if people else everywhere, shop) for people, shop in zip(own, shops, strict=True)).items())


def _there(people: frozenset[str], away: Mapping[str, str | None]) -> frozenset[str]:
    if not away or people.isdisjoint(away):
        return people
    return frozenset(stand for person in people if (stand := stand_in(person, away)))


def _by_people(pairs: Iterator[tuple[frozenset[str], str]]) -> dict[frozenset[str], tuple[str, ...]]:
    found: dict[frozenset[str], list[str]] = {}
    for people, shop in pairs:
        found.setdefault(people, []).append(shop)
    return {people: tuple(shops) for people, shops in found.items()}


def _together(parts: Iterator[tuple[frozenset[str], tuple[str, ...]]]) -> tuple[Group, ...]:
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for people, shops in parts:
        found[people] = (*found[people], *shops) if people in found else shops
    return tuple(Group(people, shops) for people, shops in found.items())
