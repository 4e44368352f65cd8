"""Comments: what people say about an item or a step, kept beside it."""

from datetime import datetime

from sqlalchemy import Connection, select

from ecops.errors import BadCall, NotFound
from ecops.service.items import find
from ecops.service.people import known
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx

LONGEST = 2_000


def add(store: Store, item: int, by: str, words: str, now: datetime) -> dict:
    """Say something about an item, also about one that is closed. Raises NotFound, BadCall."""
    with store.write(now, by) as tx:
        row = find(tx.connection, item)
        known(tx, by)
        return _write(tx, "item.commented", words, run=row.run, step=row.step, shop=row.shop, step_run=row.step_run, item=item)


def add_to_step(store: Store, step_run: int, by: str, words: str, now: datetime) -> dict:
    """Say something about a step as a whole. Raises NotFound, BadCall."""
    with store.write(now, by) as tx:
        row = tx.one(select(t.step_run).where(t.step_run.c.id == step_run))
        if row is None:
            raise NotFound(f"There is no step {step_run}; 'ecops show RUN' lists the steps of a run.")
        known(tx, by)
        return _write(tx, "step.commented", words, run=row.run, step=row.step, shop=row.shop, step_run=step_run, item=None)


def _write(tx: Tx, what: str, words: str, **about) -> dict:
    said = words.strip()
    if not said:
        raise BadCall("A comment needs words; say something with --text.")
    if len(said) > LONGEST:
        raise BadCall(f"The comment has {len(said):,} characters; keep it within {LONGEST:,}.")
    new = t.comment.insert().values(step_run=about["step_run"], item=about["item"], person=tx.actor, words=said, at=tx.now).returning(t.comment)
    row = tx.one(new)
    tx.event(what, **about, detail={"comment": row.id})
    return _json(row)


def of_item(connection: Connection, item: int) -> list[dict]:
    """What was said about an item, in order."""
    return _listed(connection, t.comment.c.item == item)


def of_step(connection: Connection, step_run: int) -> list[dict]:
    """What was said about a step as a whole, in order."""
    return _listed(connection, (t.comment.c.step_run == step_run) & t.comment.c.item.is_(None))


def _listed(connection: Connection, which) -> list[dict]:
    return [_json(row) for row in connection.execute(select(t.comment).where(which).order_by(t.comment.c.id))]


def _json(row) -> dict:
    return {"comment": row.id, "step_run": row.step_run, "item": row.item, "by": row.person, "text": row.words, "at": row.at.isoformat()}
