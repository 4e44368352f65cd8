"""Who holds a role at a moment: its holders, whoever covers them while they are absent, and to whom it falls when nobody is there."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from ecops.engine.staffing import HERE, Absence, Staffing, stand_in
from ecops.store import tables as t

ROLE, ASSIGNEE, COVER, FALLBACK, PERSON, NOBODY = "role", "assignee", "cover", "fallback", "person", "nobody"
MANAGEMENT = "management"


def bound(connection: Connection) -> dict[tuple[str, str], frozenset[str]]:
    """People by role and shop, "" for every shop."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in connection.execute(select(t.role_binding.c.role, t.role_binding.c.shop, t.role_binding.c.person)):
        found.setdefault((row.role, row.shop), set()).add(row.person)
    return {key: frozenset(people) for key, people in found.items()}


def absences(connection: Connection, now: datetime, until: datetime | None = None) -> list[Absence]:
    """Those that are not over; begun by `until` where it is told."""
    query = select(t.absence).where(t.absence.c.until > now).order_by(t.absence.c.id)
    rows = connection.execute(query.where(t.absence.c.since <= until) if until else query)
    return [Absence(row.person, row.since, row.until, row.cover) for row in rows]


class Staff:
    """People, bindings and absences, read once. Answers map a person to why: `role`, `assignee`, `cover` or `fallback`; empty: nobody."""

    def __init__(self, connection: Connection, at: datetime) -> None:
        self.people = {row.person: row for row in connection.execute(select(t.person))}
        self._bound = bound(connection)
        self._staffing = Staffing(self._bound, absences(connection, at, at))
        self._gone = self._staffing.away(at)
        self._away = dict(self._gone)
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def stand_in(self, person: str) -> str | None:
        """The person themselves when they are there, else whoever covers them, or covers that one; None when the chain ends with nobody."""
        return stand_in(person, self._away)

    def holders(self, role: str, shop: str) -> Mapping[str, str]:
        """Who holds a role for a shop ("" for the run's own work), or covers somebody who does."""
        key = (role, shop)
        if key not in self._known:
            (held,), (there,) = (self._staffing.groups((role,), (shop,), away) for away in (HERE, self._gone))
            # who holds it themselves is told so, whomever else they cover
            self._known[key] = {person: ROLE if person in held.people else COVER for person in sorted(there.people)}
        return self._known[key]

    def shops_of(self, role: str) -> list[str]:
        """The single shops for which somebody who is there holds a role."""
        return sorted(shop for bound, shop in self._bound if bound == role and shop and self.holders(role, shop))

    def responsible(self, role: str, shop: str, fallback: str) -> Mapping[str, str]:
        """The holders of a role; where nobody is there, those of the role it falls back to."""
        return self.holders(role, shop) or dict.fromkeys(self.holders(fallback, shop), FALLBACK)

    def of_item(self, assignee: str | None, role: str, shop: str, fallback: str) -> Mapping[str, str]:
        """Whose an item is now: its assignee's or their cover's, else of whoever is responsible for its role."""
        stand = self.stand_in(assignee) if assignee else None
        if stand:
            return {stand: ASSIGNEE if stand == assignee else COVER}
        return self.responsible(role, shop, fallback)

    def covered_by(self, person: str) -> list[str]:
        """The absent people for whom `person` stands in."""
        return [absent for absent in self._away if self.stand_in(absent) == person]

    def concerned(self, item) -> set[str]:
        """Whom an item concerns (a row with role, shop, assignee, owner, run_owner, launched_by): they may hand it on, skip it, open it again.

        Holders of its role for the shop, of the playbook's owner role and of management, those who cover them, its owner and assignee, and who launched the run.
        Empty where nobody holds any of these roles: then everybody helps.
        """
        by_role = {person for role in (item.role, item.run_owner, MANAGEMENT) if role for person in self.holders(role, item.shop)}
        named = {person for person in (item.assignee, item.owner) if person}
        stands = {stand for person in named if (stand := self.stand_in(person))}
        return by_role | named | stands | {item.launched_by} if by_role else set()
