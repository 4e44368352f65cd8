"""The ledger of messages: gathered one a person, claimed before they are sent, and what became of each.

A delivery is claimed in one commit and its end recorded in another. Whoever dies in between leaves it `sending`; it is found `uncertain`
then, and never repeated by itself: only a person sends it again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.people import channel
from ecops.service.notices import quiet_end, tell_instead
from ecops.service.staff import NOBODY, Staff
from ecops.service.telling import still_true, written
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

APART = timedelta(minutes=1)  # a person's messages: what falls due in between goes together
LEASE = timedelta(minutes=2)  # a message takes seconds to send; after this nobody is sending it any more
FARTHEST = timedelta(days=2)  # no service rests longer than a day: what is to wait beyond this was put off by a clock that was ahead
BACKOFF = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=2))
_GATHERED, _KEPT = 20_000, 4_000  # notices looked at in one commit; characters kept of a reason
_TAKEN = ("sending", "sent", "acknowledged", "uncertain", "failed")


@dataclass(frozen=True)
class Parcel:
    """A message that is claimed: its number, where it goes, its words."""

    delivery: int
    url: str
    title: str
    body: str


def gather(store: Store, now: datetime) -> int:
    """Put what people are to be told into one message a person, across runs, shops and steps; gives how many messages. At most one a minute each."""
    due = select(t.notice).where(t.notice.c.state == "waiting", t.notice.c.not_before <= now)
    with store.read() as connection:
        if connection.execute(due.limit(1)).first() is None:
            return 0
    with store.write(now, "clock") as tx:
        by_person: dict[str, list] = {}
        for row in tx.all(due.order_by(t.notice.c.id).limit(_GATHERED).with_for_update(skip_locked=True)):
            by_person.setdefault(row.person, []).append(row)
        resting = _resting(tx, by_person)
        made = 0
        for person, rows in by_person.items():
            if person and (person not in resting or any(row.urgent for row in rows)):
                _deliver(tx, person, rows)
                made += 1
        _drop(tx, by_person.get("", ()), NOBODY)
        return made


def _resting(tx: Tx, people) -> set[str]:
    """Who has had a message within the last minute. One of a later time, of before the clock was set back, keeps nobody waiting."""
    recent = select(t.delivery.c.person).where(t.delivery.c.created_at > tx.now - APART, t.delivery.c.created_at < tx.now + APART, t.delivery.c.state != "suppressed").distinct()
    return {row.person for row in tx.all(recent)} & set(people)


def _deliver(tx: Tx, person: str, rows: Sequence[Any], after: int = 0) -> None:
    """One message over the person's first channel (the first behind the contact at position `after`); without one the ledger says so."""
    first = tx.one(select(t.contact).where(t.contact.c.person == person, t.contact.c.position >= after).order_by(t.contact.c.position).limit(1))
    values = {"person": person, "notices": len(rows), "created_at": tx.now, "next_at": tx.now}
    values |= {"contact": first.id, "channel": first.channel, "state": "queued"} if first else {"state": "suppressed", "reason": "no channel", "ended_at": tx.now}
    number = tx.connection.execute(t.delivery.insert().values(**values).returning(t.delivery.c.id)).scalar_one()
    for part in chunks([row.id for row in rows]):
        tx.connection.execute(update(t.notice).where(t.notice.c.id.in_(part)).values(state="gathered", delivery=number))


def _drop(tx: Tx, rows: Sequence[Any], reason: str) -> None:
    for part in chunks([row.id for row in rows]):
        tx.connection.execute(update(t.notice).where(t.notice.c.id.in_(part)).values(state="dropped", reason=reason))


def claim(store: Store, claimant: str, now: datetime, base: str | None, limit: int = 8) -> list[Parcel]:
    """Take messages that may go now, in one commit: nobody else sends them. What is closed meanwhile is left out; a channel's rate is kept. `base`: the pages' address."""
    queued = select(t.delivery).where(t.delivery.c.state == "queued", or_(t.delivery.c.next_at <= now, t.delivery.c.next_at > now + FARTHEST))
    while True:
        with store.read() as connection:
            if connection.execute(queued.limit(1)).first() is None:
                return []
        with store.write(now, "clock") as tx:
            rows = [(row, _contact(tx, row)) for row in tx.all(queued.order_by(t.delivery.c.next_at, t.delivery.c.id).limit(limit).with_for_update(skip_locked=True))]
            _hold(tx, {contact.channel for _, contact in rows if contact})
            staff = Staff(tx.connection, now)
            parcels = [parcel for row, contact in rows if (parcel := _claim(tx, staff, row, contact, claimant, base))]
        # What is suppressed or has to wait for its channel has left the queue, and holds nobody back behind it.
        if parcels or not rows:
            return parcels


def _hold(tx: Tx, channels: Collection[str]) -> None:
    """The channels' rows until the commit, so that two clocks count one after the other; always in one order, so that neither waits for both."""
    for key in sorted(channels):
        tx.add_new(t.channel, [{"channel": key, "blocked_until": None}])
        tx.one(select(t.channel.c.channel).where(t.channel.c.channel == key).with_for_update())


def _claim(tx: Tx, staff: Staff, row, contact, claimant: str, base: str | None) -> Parcel | None:
    if contact is None:
        _end(tx, row, "suppressed", "the channel was taken away")
        return None
    if (free := _free_at(tx, contact)) > tx.now:
        tx.connection.execute(update(t.delivery).where(t.delivery.c.id == row.id).values(next_at=free, contact=contact.id, channel=contact.channel))
        return None
    rows = tx.all(select(t.notice).where(t.notice.c.delivery == row.id, t.notice.c.state == "gathered").order_by(t.notice.c.id))
    if (heard := quiet_end(staff.people[row.person], tx.now)) > tx.now and not any(notice.urgent for notice in rows):
        # tried again, or queued behind others, until the person's quiet hours began
        tx.connection.execute(update(t.delivery).where(t.delivery.c.id == row.id).values(next_at=heard))
        return None
    told, strayed = still_true(tx.connection, rows, staff)
    tell_instead(tx, staff, strayed)
    _drop(tx, [notice for notice, _ in strayed], "handed on")
    kept = {*(one.notice for one in told), *(notice.id for notice, _ in strayed)}
    _drop(tx, [notice for notice in rows if notice.id not in kept], "closed")
    if not told:
        _end(tx, row, "suppressed", "closed meanwhile")
        return None
    title, body = written(tx.connection, staff.people[row.person], told, f"{base}/told/{row.id}" if base else None, tx.now)
    moved = tx.connection.execute(_moving(row.id, "queued", "sending", contact=contact.id, channel=contact.channel, attempts=row.attempts + 1, claimed_by=claimant, claimed_at=tx.now, title=title, body=body, notices=len(told)))
    return Parcel(row.id, contact.url, title, body) if moved.rowcount else None


def _contact(tx: Tx, row):
    """The channel a message is queued for; where it was taken away the person's first, None without any. Its number may be another person's by now."""
    theirs = select(t.contact).where(t.contact.c.person == row.person).order_by(t.contact.c.position).limit(1)
    return tx.one(theirs.where(t.contact.c.id == row.contact, t.contact.c.channel == row.channel)) or tx.one(theirs)


def _free_at(tx: Tx, contact) -> datetime:
    """When the channel, whose row is held, may be used."""
    blocked = tx.one(select(t.channel).where(t.channel.c.channel == contact.channel)).blocked_until
    if blocked and tx.now < blocked <= tx.now + FARTHEST:
        return blocked
    count, span = channel.allowance(contact.url)
    used = select(t.delivery.c.claimed_at).where(t.delivery.c.channel == contact.channel, t.delivery.c.claimed_at > tx.now - span, t.delivery.c.claimed_at < tx.now + span, t.delivery.c.state.in_((*_TAKEN, "queued")))
    recent = [line.claimed_at for line in tx.all(used.order_by(t.delivery.c.claimed_at.desc()).limit(count))]
    return min(recent[-1] + span, tx.now + FARTHEST) if len(recent) == count else tx.now


def record(store: Store, delivery: int, claimant: str, answer: channel.Answer, now: datetime) -> str:
    """Keep what came of a message that `claimant` sent; gives its state. What was found uncertain meanwhile takes a late answer in."""
    with store.write(now, "clock") as tx:
        row = tx.one(select(t.delivery).where(t.delivery.c.id == delivery).with_for_update())
        if row.claimed_by != claimant or row.state not in ("sending", "uncertain"):
            return row.state
        if answer.state == "sent":
            return _end(tx, row, "sent", None)
        if answer.state == "unsure":
            return _end(tx, row, "uncertain", answer.reason) if row.state == "sending" else row.state
        wait = answer.retry_after or BACKOFF[min(row.attempts, len(BACKOFF)) - 1]
        if answer.state == "busy":  # the service's own limit is no failure of the message
            tx.connection.execute(update(t.channel).where(t.channel.c.channel == row.channel).values(blocked_until=now + wait))
            tx.connection.execute(_moving(row.id, row.state, "queued", next_at=now + wait, ended_at=None, attempts=row.attempts - 1, reason=answer.reason[:_KEPT]))
            return "queued"
        if answer.final or row.attempts > len(BACKOFF):
            return _give_up(tx, row, answer.reason)
        tx.connection.execute(_moving(row.id, row.state, "queued", next_at=now + wait, ended_at=None, reason=answer.reason[:_KEPT]))
        return "queued"


def _give_up(tx: Tx, row, reason: str) -> str:
    """A channel that does not take the message: the ledger says so, and the person's next channel is tried."""
    _end(tx, row, "failed", reason)
    tried = tx.one(select(t.contact.c.position).where(t.contact.c.id == row.contact, t.contact.c.channel == row.channel))
    behind = (tried.position if tried else 0) + 1
    if tx.one(select(t.contact.c.id).where(t.contact.c.person == row.person, t.contact.c.position >= behind).limit(1)):
        _deliver(tx, row.person, tx.all(select(t.notice).where(t.notice.c.delivery == row.id, t.notice.c.state == "gathered")), behind)
    return "failed"


def lost(store: Store, now: datetime) -> int:
    """Messages whose sender ended before the answer came are uncertain from now on, also those of a later time, of before the clock was set back; gives how many."""
    gone = (t.delivery.c.state == "sending") & or_(t.delivery.c.claimed_at < now - LEASE, t.delivery.c.claimed_at > now + LEASE)
    with store.read() as connection:
        if connection.execute(select(t.delivery.c.id).where(gone).limit(1)).first() is None:
            return 0
    with store.write(now, "clock") as tx:
        rows = tx.all(select(t.delivery).where(gone).with_for_update(skip_locked=True))
        return sum(_end(tx, row, "uncertain", "the sender ended before its answer came; it may have arrived") == "uncertain" for row in rows)


def _end(tx: Tx, row, to: str, reason: str | None) -> str:
    tx.connection.execute(_moving(row.id, row.state, to, ended_at=tx.now, reason=reason and reason[:_KEPT]))
    return to


def _moving(number: int, was: str, to: str, **values):
    if to not in t.states.DELIVERY[was]:
        raise ValueError(f"a delivery that is {was} does not become {to}")
    return update(t.delivery).where(t.delivery.c.id == number, t.delivery.c.state == was).values(state=to, version=t.delivery.c.version + 1, **values)


def again(store: Store, delivery: int, by: str, now: datetime) -> dict:
    """A person sends a failed or uncertain message again; what is closed meanwhile is left out. Raises NotFound, NotPossible."""
    with store.write(now, by) as tx:
        row = _held(tx, delivery, by)
        if "queued" not in t.states.DELIVERY[row.state] or row.state == "sending":
            raise NotPossible(f"The delivery {delivery} is {row.state}; only one that failed or is uncertain can be sent again.", _json(row))
        if not tx.one(select(t.notice.c.id).where(t.notice.c.delivery == delivery).limit(1)):
            raise NotPossible(f"What the delivery {delivery} told went on over the next channel of {row.person}; 'ecops delivery list --person {row.person}' shows that one.", _json(row))
        tx.connection.execute(_moving(row.id, row.state, "queued", next_at=now, attempts=0, ended_at=None))
        tx.event("delivery.again", detail={"delivery": delivery, "was": row.state})
        return _json(tx.one(select(t.delivery).where(t.delivery.c.id == delivery)))


def acknowledge(store: Store, delivery: int, by: str, now: datetime) -> dict:
    """The person says that it arrived; again changes nothing. Raises NotFound, BadCall, NotPossible."""
    with store.write(now, by) as tx:
        row = _held(tx, delivery, by)
        if row.person != by:
            raise BadCall(f"The delivery {delivery} went to {row.person}; only they can say that it arrived.")
        if row.state == "acknowledged":
            return _json(row)
        if "acknowledged" not in t.states.DELIVERY[row.state]:
            raise NotPossible(f"The delivery {delivery} is {row.state}; there is nothing to acknowledge.", _json(row))
        tx.connection.execute(_moving(row.id, row.state, "acknowledged", acknowledged_at=now))
        tx.event("delivery.acknowledged", detail={"delivery": delivery})
        return _json(tx.one(select(t.delivery).where(t.delivery.c.id == delivery)))


def _held(tx: Tx, delivery: int, by: str):
    row = tx.one(select(t.delivery).where(t.delivery.c.id == delivery).with_for_update())
    if row is None:
        raise NotFound(f"There is no delivery {delivery}; 'ecops delivery list' shows them.")
    if not tx.one(select(t.person.c.person).where(t.person.c.person == by)):
        raise NotFound(f"There is no person {by}; 'ecops person list' shows all, 'ecops person add' adds one.")
    return row


def listed(connection: Connection, *, person: str | None = None, state: str | None = None, run: str | None = None, limit: int = 200, offset: int = 0) -> list[dict]:
    """The ledger, newest first."""
    query = select(t.delivery).order_by(t.delivery.c.id.desc()).limit(limit).offset(offset)
    query = query.where(t.delivery.c.person == person) if person else query
    query = query.where(t.delivery.c.state == state) if state else query
    query = query.where(t.delivery.c.id.in_(select(t.notice.c.delivery).where(t.notice.c.run == run))) if run else query
    rows = connection.execute(query).all()
    urls = {(row.id, row.channel): row.url for row in connection.execute(select(t.contact).where(t.contact.c.id.in_({row.contact for row in rows})))} if rows else {}
    return [_json(row) | {"channel": channel.veiled(urls[there]) if (there := (row.contact, row.channel)) in urls else None} for row in rows]


def counts(connection: Connection) -> dict[str, int]:
    """Deliveries by state, and `waiting`: notices that are in no message yet."""
    found = {state: n for state, n in connection.execute(select(t.delivery.c.state, func.count()).group_by(t.delivery.c.state))}
    waiting = connection.execute(select(func.count()).select_from(select(t.notice.c.id).where(t.notice.c.state == "waiting").subquery())).scalar_one()
    return found | {"waiting": waiting}


def _json(row) -> dict:
    def iso(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    return {
        "delivery": row.id, "person": row.person, "state": row.state, "notices": row.notices, "attempts": row.attempts, "title": row.title, "body": row.body, "reason": row.reason,
        "created_at": iso(row.created_at), "next_at": iso(row.next_at) if row.state == "queued" else None, "sent_at": iso(row.claimed_at) if row.state in _TAKEN else None,
        "ended_at": iso(row.ended_at), "acknowledged_at": iso(row.acknowledged_at),
    }  # fmt: skip
