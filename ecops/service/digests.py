"""Digests: twice a day each person with a channel is told what is before them, once, by their own wall."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ecops.playbook.wall import from_the_wall, on_the_wall
from ecops.service.notices import DIGEST, tell
from ecops.service.staff import Staff
from ecops.service.telling import digest_of
from ecops.store import tables as t
from ecops.store.database import Store

SLOTS = (time(9), time(18))
LATEST = timedelta(hours=2)  # a clock that was off says good morning two hours late at most
NOTHING = "nothing to tell"


def slot_of(now: datetime, zone: ZoneInfo) -> str | None:
    """The newest slot on a wall that is not older than LATEST, as `2026-11-25T09:00`; None when there is none."""
    wall = on_the_wall(now, zone)
    moments = [datetime.combine(day, slot) for day in (wall.date() - timedelta(days=1), wall.date()) for slot in SLOTS]
    past = [moment for moment in moments if timedelta() <= now - from_the_wall(moment, zone) < LATEST]
    return past[-1].isoformat(timespec="minutes") if past else None


def digests(store: Store, now: datetime) -> int:
    """Tell everybody whose slot has come; gives how many have something before them."""
    with store.read() as connection:
        people = connection.execute(select(t.person).where(t.person.c.digests == 1, t.person.c.person.in_(select(t.contact.c.person)))).all()
        slots = {row.person: slot for row in people if (slot := slot_of(now, ZoneInfo(row.timezone)))}
        told = set(connection.execute(select(t.notice.c.person, t.notice.c.cause).where(t.notice.c.cause.in_({_cause(slot) for slot in slots.values()}))).tuples()) if slots else set()
        due = [row for row in people if row.person in slots and (row.person, _cause(slots[row.person])) not in told]
        found = {row.person: digest_of(connection, row, slots[row.person], now) for row in due}
    if not due:
        return 0
    full = {person for person, digest in found.items() if digest.overdue or digest.today or digest.tomorrow or digest.gates}
    with store.write(now, "clock") as tx:
        # An empty one is kept too: it is not looked for again.
        tell(tx, Staff(tx.connection, now), [{"cause": _cause(slots[row.person]), "person": row.person, "kind": DIGEST, "why": "person", "detail": {"slot": slots[row.person][11:]}, **({} if row.person in full else {"state": "dropped", "reason": NOTHING})} for row in due])
    return len(full)


def _cause(slot: str) -> str:
    return f"digest:{slot}"
