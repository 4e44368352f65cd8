"""Shops: added once, listed."""

import re
from datetime import datetime

from sqlalchemy import select

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.wall import known_zone
from ecops.store import tables as t
from ecops.store.database import Store

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ALL = "all"  # the word of --shops for every shop
LONGEST_NAME = 200


def add(store: Store, key: str, name: str, platform: str, tags: list[str], now: datetime, again: bool = False, timezone: str | None = None) -> None:
    """Add a shop; `timezone`: its own, where its wall clock is not the playbook's. Raises BadCall for words nothing could be found by, NotPossible when it
    exists (unless `again`).
    """
    if not KEY.fullmatch(key):
        raise BadCall(f"{key!r} cannot be a shop's key; use lower-case letters, digits, - and _, beginning with a letter or digit.")
    if key == ALL:
        raise BadCall(f"{ALL} means every shop and cannot be one shop's key; choose another.")
    must_be_words("The shop's name", name)
    for tag in tags:
        must_be_words("A tag", tag)
    try:
        timezone = timezone if timezone is None else known_zone(timezone)
    except ValueError as error:
        raise BadCall(f"--timezone: {error}.") from error
    with store.write(now, "cli") as tx:
        if tx.one(select(t.shop.c.shop).where(t.shop.c.shop == key)):
            if again:
                return
            raise NotPossible(f"The shop {key} exists already.")
        tx.add(t.shop, [{"shop": key, "name": name, "platform": platform, "tags": tags, "timezone": timezone, "added_at": now}])
        tx.event("shop.added", shop=key)


def must_be_words(what: str, text: str, longest: int = LONGEST_NAME) -> None:
    """Raises BadCall for a name without a letter, or one that fits no page."""
    if not text.strip() or len(text) > longest:
        raise BadCall(f"{what} has {len(text)} characters; give it 1 to {longest} that can be seen.")


def everyone(store: Store) -> list[dict]:
    """All shops, by key."""
    with store.read() as connection:
        rows = connection.execute(select(t.shop).order_by(t.shop.c.shop)).all()
    return [{"shop": row.shop, "name": row.name, "platform": row.platform, "tags": row.tags, "timezone": row.timezone} for row in rows]


def must_exist(store: Store, key: str) -> None:
    """Raises NotFound."""
    with store.read() as connection:
        if not connection.execute(select(t.shop.c.shop).where(t.shop.c.shop == key)).first():
            raise NotFound(f"There is no shop {key}; add it with 'ecops shop add {key} --name ... --platform ...'.")
