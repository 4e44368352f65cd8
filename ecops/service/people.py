"""People: how they are reached, when they want quiet, which roles they hold, and who covers them while they are away."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.people import channel
from ecops.playbook.wall import known_zone
from ecops.service.shops import KEY, must_be_words
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx

LANGUAGES = ("zh", "en")
CLI = "cli"
_MOST_CONTACTS = 5


def add(store: Store, key: str, name: str, now: datetime, by: str = "cli") -> None:
    """Add a person; one who is there already stays. Raises BadCall for words nobody could be found by."""
    if not KEY.fullmatch(key):
        raise BadCall(f"{key!r} cannot be a person's key; use lower-case letters, digits, - and _.")
    must_be_words("The person's name", name)
    with store.write(now, by) as tx:
        if not tx.one(select(t.person.c.person).where(t.person.c.person == key)):
            tx.add(t.person, [{"person": key, "name": name, "added_at": now}])
            tx.event("person.added", detail={"person": key})


def settle(store: Store, key: str, by: str, now: datetime, *, name: str | None = None, language: str | None = None, timezone: str | None = None, quiet: str | None = None, digests: bool | None = None) -> dict:
    """Change what is given of a person; `quiet`: `22:00-08:00`, or `none`. Gives the person. Raises NotFound, BadCall."""
    values: dict[str, Any] = {}
    if name is not None:
        must_be_words("The person's name", name)
        values["name"] = name
    if language is not None:
        if language not in LANGUAGES:
            raise BadCall(f"{language!r} is no language messages are written in; choose {' or '.join(LANGUAGES)}.")
        values["language"] = language
    if timezone is not None:
        values["timezone"] = _zone(timezone)
    if quiet is not None:
        values["quiet_from"], values["quiet_until"] = quiet_hours(quiet)
    if digests is not None:
        values["digests"] = int(digests)
    with store.write(now, by) as tx:
        known(tx, key)
        if values:
            tx.connection.execute(update(t.person).where(t.person.c.person == key).values(**values))
            tx.event("person.changed", detail={"person": key, **values})
    return one(store, key, now)


def _zone(text: str) -> str:
    try:
        return known_zone(text)
    except ValueError as error:
        raise BadCall(f"{error}.") from error


def quiet_hours(text: str) -> tuple[str | None, str | None]:
    """`22:00-08:00` -> ("22:00", "08:00"); `none` -> (None, None). Raises BadCall."""
    if text == "none":
        return None, None
    try:
        since, until = (time.fromisoformat(part.strip().rjust(5, "0")) for part in text.split("-"))
    except ValueError as error:
        raise BadCall(f"{text!r} are no quiet hours; write them as 22:00-08:00, or none.") from error
    if any(part.tzinfo or part.second or part.microsecond for part in (since, until)):
        raise BadCall(f"{text!r} are no quiet hours; write them as 22:00-08:00, or none.")
    if since == until:
        raise BadCall(f"Quiet hours {text} would never end; write them as 22:00-08:00, or none.")
    return since.strftime("%H:%M"), until.strftime("%H:%M")


def reach(store: Store, key: str, url: str, by: str, now: datetime) -> dict:
    """One more channel of a person, tried after those there are; again changes nothing. Raises NotFound, BadCall."""
    channel.check(url)
    with store.write(now, by) as tx:
        known(tx, key)
        there = tx.all(select(t.contact).where(t.contact.c.person == key))
        mark = channel.digest(url)
        if mark not in {row.channel for row in there}:
            if len(there) >= _MOST_CONTACTS:
                raise BadCall(f"{key} has {_MOST_CONTACTS} channels already; take one away with 'ecops person channel {key} --remove N'.")
            tx.add(t.contact, [{"person": key, "url": url, "channel": mark, "position": max((row.position for row in there), default=0) + 1, "added_at": now}])
            tx.event("person.channel", detail={"person": key, "channel": channel.veiled(url)})
    return one(store, key, now)


def leave(store: Store, key: str, contact: int, by: str, now: datetime) -> dict:
    """Take a channel away; what is queued for it goes over the person's others. Raises NotFound."""
    with store.write(now, by) as tx:
        row = tx.one(select(t.contact).where(t.contact.c.person == key, t.contact.c.id == contact))
        if row is None:
            raise NotFound(f"{key} has no channel {contact}; 'ecops person list --json' shows them.")
        tx.connection.execute(delete(t.contact).where(t.contact.c.id == contact))
        other = tx.one(select(t.contact).where(t.contact.c.person == key).order_by(t.contact.c.position).limit(1))
        if other:
            tx.connection.execute(update(t.delivery).where(t.delivery.c.contact == contact, t.delivery.c.state == "queued").values(contact=other.id, channel=other.channel))
        tx.event("person.channel-removed", detail={"person": key, "channel": channel.veiled(row.url)})
    return one(store, key, now)


def bind(store: Store, role: str, key: str, shop: str | None, now: datetime, by: str = "cli") -> None:
    """Let a person hold a role; again changes nothing. Raises NotFound, BadCall."""
    must_be_words("The role", role, t.role_binding.c.role.type.length)
    with store.write(now, by) as tx:
        known(tx, key)
        if shop is not None and not tx.one(select(t.shop.c.shop).where(t.shop.c.shop == shop)):
            raise NotFound(f"There is no shop {shop}; 'ecops shop list' shows all.")
        row = {"role": role, "person": key, "shop": shop or ""}
        if not tx.one(_binding(row)):
            tx.add(t.role_binding, [row])
            tx.event("role.bound", detail=row)
            _redraw_open(tx)


def unbind(store: Store, role: str, key: str, shop: str | None, now: datetime, by: str = "cli") -> None:
    """Take a role from a person; what is assigned to them stays theirs. Raises NotFound."""
    row = {"role": role, "person": key, "shop": shop or ""}
    with store.write(now, by) as tx:
        if not tx.one(_binding(row)):
            raise NotFound(f"{key} does not hold {role}{f' for {shop}' if shop else ' for all shops'}; 'ecops person list' shows who holds what.")
        tx.connection.execute(delete(t.role_binding).where(*(t.role_binding.c[name] == value for name, value in row.items())))
        tx.event("role.unbound", detail=row)
        _redraw_open(tx)


def _binding(row: dict):
    return select(t.role_binding).where(*(t.role_binding.c[name] == value for name, value in row.items()))


def away(store: Store, key: str, since: datetime, until: datetime, cover: str | None, note: str | None, by: str, now: datetime) -> dict:
    """A person is absent from `since` until `until`; `cover` stands in, without one the other holders do. Raises NotFound, BadCall, NotPossible."""
    if until <= since:
        raise BadCall(f"An absence until {until.isoformat()} ends before it begins ({since.isoformat()}); swap them.")
    if until <= now:
        raise BadCall(f"An absence until {until.isoformat()} is over already; give one that is still to come.")
    if cover == key:
        raise BadCall(f"{key} cannot stand in for themselves; name somebody else with --cover, or nobody.")
    with store.write(now, by) as tx:
        known(tx, key)
        if cover is not None:
            known(tx, cover)
        over = tx.one(select(t.absence).where(t.absence.c.person == key, t.absence.c.since < until, t.absence.c.until > since))
        if over:
            raise NotPossible(f"{key} is absent from {over.since.isoformat()} until {over.until.isoformat()} already (absence {over.id}); take that back first with 'ecops person back {key}'.", {"absence": over.id})
        number = tx.connection.execute(t.absence.insert().values(person=key, since=since, until=until, cover=cover, note=note).returning(t.absence.c.id)).scalar_one()
        tx.event("person.absent", detail={"person": key, "since": since.isoformat(), "until": until.isoformat(), "cover": cover, "note": note})
        if since <= now:
            _redraw_open(tx)
    return {"absence": number, "person": key, "since": since.isoformat(), "until": until.isoformat(), "cover": cover, "note": note}


def back(store: Store, key: str, by: str, now: datetime) -> int:
    """A person is back: the absence they are in ends now, those to come are taken back; gives how many. Raises NotFound."""
    with store.write(now, by) as tx:
        known(tx, key)
        ended = tx.connection.execute(update(t.absence).where(t.absence.c.person == key, t.absence.c.since < now, t.absence.c.until > now).values(until=now)).rowcount
        ended += tx.connection.execute(delete(t.absence).where(t.absence.c.person == key, t.absence.c.since >= now)).rowcount
        if ended:
            tx.event("person.back", detail={"person": key, "absences": ended})
            _redraw_open(tx)
        return ended


def _redraw_open(tx: Tx) -> None:
    """The timeline says who has a step: draw what people are on again."""
    people_on = select(t.step_run.c.run, t.step_run.c.step).join(t.run, t.run.c.run == t.step_run.c.run).where(t.run.c.state == "active", t.step_run.c.state == "open")
    for row in tx.all(people_on.distinct()):
        tx.redraw(row.run, row.step)


def known(tx: Tx, key: str) -> None:
    """Raises NotFound for a person nobody added."""
    if not tx.one(select(t.person.c.person).where(t.person.c.person == key)):
        raise NotFound(f"There is no person {key}; 'ecops person list' shows all, 'ecops person add' adds one.")


def must_exist(store: Store, key: str) -> None:
    """Raises NotFound."""
    with store.read() as connection:
        if not connection.execute(select(t.person.c.person).where(t.person.c.person == key)).first():
            raise NotFound(f"There is no person {key}; 'ecops person list' shows all, 'ecops person add' adds one.")


def must_be_known_or_cli(store: Store, by: str) -> None:
    """Who changes something is a person, or the command line itself when nobody is named. Raises NotFound."""
    if by != CLI:
        must_exist(store, by)


def addresses(store: Store, key: str) -> list[tuple[int, str]]:
    """A person's channels with their secrets, in order: (number, address). Raises NotFound."""
    must_exist(store, key)
    with store.read() as connection:
        return list(connection.execute(select(t.contact.c.id, t.contact.c.url).where(t.contact.c.person == key).order_by(t.contact.c.position)).tuples())


def one(store: Store, key: str, now: datetime) -> dict:
    """A person as `everyone` shows them. Raises NotFound."""
    must_exist(store, key)
    return everyone(store, now, [key])[0]


def everyone(store: Store, now: datetime, keys: Sequence[str] | None = None) -> list[dict]:
    """People with their roles (`role` or `role@shop`), their channels (veiled), quiet hours, absences that are not over, and how many open items are assigned to them."""
    with store.read() as connection:
        return listed(connection, now, keys)


def listed(connection: Connection, now: datetime, keys: Sequence[str] | None = None) -> list[dict]:
    """As `everyone`, on a connection."""

    def of(table, order) -> dict[str, list]:
        found: dict[str, list] = {}
        for row in connection.execute(select(table).order_by(*order)):
            found.setdefault(row.person, []).append(row)
        return found

    bound, contacts, absences = of(t.role_binding, (t.role_binding.c.role, t.role_binding.c.shop)), of(t.contact, (t.contact.c.position,)), of(t.absence, (t.absence.c.since,))
    assigned = {row.assignee: row.n for row in connection.execute(select(t.item.c.assignee, func.count().label("n")).where(t.item.c.state == "open", t.item.c.assignee.is_not(None)).group_by(t.item.c.assignee))}
    query = select(t.person).order_by(t.person.c.person)
    rows = connection.execute(query if keys is None else query.where(t.person.c.person.in_(keys))).all()
    return [{
        "person": row.person, "name": row.name, "roles": [f"{one.role}@{one.shop}" if one.shop else one.role for one in bound.get(row.person, ())],
        "channels": [{"channel": one.id, "address": channel.veiled(one.url)} for one in contacts.get(row.person, ())],
        "quiet": f"{row.quiet_from}-{row.quiet_until}" if row.quiet_from else None, "language": row.language, "timezone": row.timezone, "digests": bool(row.digests),
        "absences": [{"since": one.since.isoformat(), "until": one.until.isoformat(), "cover": one.cover, "note": one.note} for one in absences.get(row.person, ()) if one.until > now],
        "assigned": assigned.get(row.person, 0),
    } for row in rows]  # fmt: skip
