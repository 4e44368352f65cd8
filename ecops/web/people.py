"""People: who they are and how they are reached, which roles they hold, who covers them, what they have; and roles that nobody holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecops.errors import BadCall, EcopsError, NotFound, NotPossible
from ecops.playbook.dates import BadRule, parse_moment
from ecops.playbook.model import ROLES
from ecops.service import items
from ecops.service import people as service
from ecops.service.staff import Staff
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.desk import Desk, page_number
from ecops.web.reader import Me, fields, who
from ecops.web.times import ZONE

PAGE = 50
SHOPS_NAMED = 3
ITEMS_SHOWN = 50


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    people = People(desk)
    return [
        Route("/people", people.everyone),
        Route("/people", people.add, methods=["POST"]),
        Route("/people/{person}", people.one),
        Route("/people/{person}/{verb}", people.change, methods=["POST"]),
    ]


@dataclass(frozen=True)
class People:
    """The list, one person, and what is changed of them, by whoever is at the page."""

    desk: Desk

    def everyone(self, request: Request) -> Response:
        """GET /people"""
        now, asked, page = self.desk.clock(), request.query_params, page_number(request)
        words, role = asked.get("q", "").strip()[:100], asked.get("role", "")
        with self.desk.store.read() as connection:
            keys, more = _found(connection, words, role, page)
            rows = [_dressed(row) for row in service.listed(connection, now, keys)]
            shown = {"rows": rows, "more": more, "page": page, "words_asked": words, "role_asked": role, "names": _names(connection, rows), "shop_names": _shop_names(connection, rows), "unheld": unheld(connection, now), "roles": list(ROLES), "people": inbox.people(connection)}
            me = who(request, connection)
        return self.desk.page(request, "people.html", me, now, **shown)

    def one(self, request: Request) -> Response:
        """GET /people/{person}; with `to` it shows what a hand-over would give away."""
        now, key = self.desk.clock(), request.path_params["person"]
        with self.desk.store.read() as connection:
            me = who(request, connection)
            found = service.listed(connection, now, [key])
            if not found:
                raise NotFound(f"There is no person {key}; 'ecops person list' shows all, 'ecops person add' adds one.")
            rows = [_dressed(found[0])]
            shown = {"one": rows[0], "names": _names(connection, rows), "shop_names": _shop_names(connection, rows), "roles": list(ROLES), "people": inbox.people(connection), "shops": inbox.shops(connection)}
        return self.desk.page(request, "person.html", me, now, **shown, handover=self._preview(request, me, key, now))

    def _preview(self, request: Request, me: Me | None, key: str, now: datetime) -> dict | None:
        """What would go to whom; `said` where it cannot."""
        asked = request.query_params
        to, role = asked.get("to", "").strip(), asked.get("role", "").strip()
        if not to or me is None:
            return None
        try:
            rows = items.reassign(self.desk.store, items.Handover(key, role or None), to, me.person, now, apply=False)
        except EcopsError as error:
            return {"to": to, "role": role, "said": str(error)}
        with self.desk.store.read() as connection:
            shops = inbox.names(connection, t.shop.c.shop, t.shop.c.name, {row["shop"] for row in rows[:ITEMS_SHOWN]})
            name = inbox.names(connection, t.person.c.person, t.person.c.name, {to}).get(to, to)
        return {"to": to, "to_name": name, "role": role, "count": len(rows), "rows": [row | {"shop_name": shops.get(row["shop"], row["shop"])} for row in rows[:ITEMS_SHOWN]], "said": None}

    async def add(self, request: Request) -> Response:
        """POST /people: `person`, `name`. The first one of all adds themselves."""
        return await run_in_threadpool(self._add, request, await _texts(request))

    def _add(self, request: Request, sent: dict[str, str]) -> Response:
        key, now = sent.get("person", ""), self.desk.clock()
        with self.desk.store.read() as connection:
            if connection.execute(select(t.person.c.person).where(t.person.c.person == key)).first():
                raise NotPossible(f"There is a person {key} already.")
            is_first = connection.execute(select(t.person.c.person).limit(1)).first() is None
        service.add(self.desk.store, key, sent.get("name", ""), now, key if is_first else self.desk.me(request).person)
        return RedirectResponse(f"/people/{key}", 303)

    async def change(self, request: Request) -> Response:
        """POST /people/{person}/{verb}"""
        if request.path_params["verb"] not in _VERBS:
            raise NotFound("There is no such page.")
        return await run_in_threadpool(self._change, request, await _texts(request))

    def _change(self, request: Request, sent: dict[str, str]) -> Response:
        key, me = request.path_params["person"], self.desk.me(request)
        made = _VERBS[request.path_params["verb"]](self, key, sent, me.person, self.desk.clock())
        return self.desk.done(request, made, f"/people/{key}") if "json" in request.headers.get("accept", "") else RedirectResponse(f"/people/{key}", 303)

    def _set(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        since, until = sent.get("quiet_from", ""), sent.get("quiet_until", "")
        if bool(since) != bool(until):
            raise BadCall("Quiet hours need both a beginning and an end, or neither.")
        return service.settle(
            self.desk.store, key, by, now, name=sent.get("name") or None, language=sent.get("language") or None, timezone=sent.get("timezone") or None,
            quiet=f"{since}-{until}" if since else "none", digests=sent.get("digests") == "yes",
        )  # fmt: skip

    def _bind(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        role, shop = sent.get("role", ""), self._shop(sent.get("shop", ""))
        service.bind(self.desk.store, role, key, shop, now, by)
        return {"role": role, "person": key, "shop": shop}

    def _unbind(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        role, shop = sent.get("role", ""), sent.get("shop") or None
        service.unbind(self.desk.store, role, key, shop, now, by)
        return {"role": role, "person": key, "shop": shop}

    def _shop(self, words: str) -> str | None:
        """The shop of this key or whole name; None for all. Never a guess: it decides whose work it is."""
        if not words:
            return None
        with self.desk.store.read() as connection:
            found = connection.execute(select(t.shop.c.shop).where(or_(t.shop.c.shop == words, t.shop.c.name == words)).order_by(t.shop.c.shop != words).limit(1)).scalar()
        if found is None:
            raise NotFound(f"There is no shop {words}; 'ecops shop list' shows all.")
        return found

    def _channel(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        return service.reach(self.desk.store, key, sent.get("url", ""), by, now)

    def _unchannel(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        number = sent.get("channel", "")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise NotFound("There is no such channel.")
        return service.leave(self.desk.store, key, int(number), by, now)

    def _away(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        since = _moment(sent["since"]) if sent.get("since") else now
        return service.away(self.desk.store, key, since, _moment(sent.get("until", "")), sent.get("cover") or None, sent.get("note") or None, by, now)

    def _back(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        return {"person": key, "absences_ended": service.back(self.desk.store, key, by, now)}

    def _handover(self, key: str, sent: dict[str, str], by: str, now: datetime) -> dict:
        which, to = items.Handover(key, sent.get("role") or None), sent.get("to", "")
        there = len(items.reassign(self.desk.store, which, to, by, now, apply=False))
        if str(there) != sent.get("count"):
            raise NotPossible(f"{there} items would change hands now, another number than was shown; look again.")
        return {"items": len(items.reassign(self.desk.store, which, to, by, now)), "to": to}


_VERBS = {"set": People._set, "bind": People._bind, "unbind": People._unbind, "channel": People._channel, "unchannel": People._unchannel, "away": People._away, "back": People._back, "handover": People._handover}


async def _texts(request: Request) -> dict[str, str]:
    """The fields that were sent, bounded."""
    sent = {name: value.strip() for name, value in (await fields(request)).items() if isinstance(value, str)}
    if any(len(value) > (4096 if name == "url" else 500) for name, value in sent.items()):
        raise BadCall("That is too long.")
    return sent


def _moment(text: str) -> datetime:
    """A moment of a form, on the shop's wall. Raises BadCall."""
    try:
        return parse_moment(text, ZONE)
    except BadRule as error:
        raise BadCall(f"{error}.") from error


def _found(connection: Connection, words: str, role: str, page: int) -> tuple[list[str], bool]:
    """Keys of one page of people, by name, and whether more follow."""
    query = select(t.person.c.person).order_by(t.person.c.name, t.person.c.person)
    if words:
        query = query.where(or_(t.person.c.name.contains(words, autoescape=True), t.person.c.person.contains(words, autoescape=True)))
    if role:
        query = query.where(t.person.c.person.in_(select(t.role_binding.c.person).where(t.role_binding.c.role == role)))
    keys = connection.execute(query.limit(PAGE + 1).offset(PAGE * (page - 1))).scalars().all()
    return list(keys[:PAGE]), len(keys) > PAGE


def _dressed(row: dict) -> dict:
    """A person with their roles as {role: shops}; "" stands for all shops."""
    held: dict[str, list[str]] = {}
    for one in row["roles"]:
        role, _, shop = one.partition("@")
        held.setdefault(role, []).append(shop)
    quiet = (row["quiet"] or "-").split("-")
    return row | {"held": held, "quiet_from": quiet[0], "quiet_until": quiet[1]}


def _names(connection: Connection, rows: Sequence[dict]) -> dict[str, str]:
    return inbox.names(connection, t.person.c.person, t.person.c.name, {absence["cover"] for row in rows for absence in row["absences"]})


def _shop_names(connection: Connection, rows: Sequence[dict]) -> dict[str, str]:
    return inbox.names(connection, t.shop.c.shop, t.shop.c.name, {shop for row in rows for shops in row["held"].values() for shop in shops[:200]})


def unheld(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Roles of open items that nobody who is there holds: how many items, for how many shops, and whose they are instead (people, or nobody)."""
    staff = Staff(connection, now)
    free = (t.item.c.state == "open") & t.item.c.assignee.is_(None)
    nowhere = [role for role in connection.execute(select(t.item.c.role).where(t.item.c.state == "open").distinct()).scalars() if not staff.holders(role, "")]
    query = select(t.item.c.role, t.item.c.shop, t.run.c.owner, func.count().label("n")).join(t.run, t.run.c.run == t.item.c.run).where(free, t.item.c.role.in_(nowhere))
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.group_by(t.item.c.role, t.item.c.shop, t.run.c.owner)) if nowhere else ():
        if staff.holders(row.role, row.shop):
            continue
        told = found.setdefault(row.role, {"role": row.role, "items": 0, "shops": set(), "falls_to": set(), "owners": set()})
        told["items"] += row.n
        told["shops"] |= {row.shop} - {""}
        told["owners"].add(row.owner)
        told["falls_to"] |= set(staff.holders(row.owner, row.shop)) if row.owner else set()
    named = {person: staff.people[person].name for told in found.values() for person in told["falls_to"]}
    return [told | {"shops": len(told["shops"]), "owners": sorted(filter(None, told["owners"])), "falls_to": sorted(named[person] for person in told["falls_to"])} for _, told in sorted(found.items())]
