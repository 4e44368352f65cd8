"""Versions of playbooks: the one in the folder, and those that runs were launched with."""

import re

from sqlalchemy import func, select

from ecops.errors import NotFound
from ecops.playbook.library import Shelf
from ecops.playbook.model import Playbook
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.store.database import Store

_PINNED = re.compile(r"(?P<key>[a-z][a-z0-9_-]*)@(?P<version>[1-9]\d{0,8})")


def find(store: Store, shelf: Shelf, words: str) -> Playbook:
    """The playbook of a key or a file, or of `key@version`: from the folder, else as it was launched last. Raises NotFound, BadCall."""
    match = _PINNED.fullmatch(words)
    if match is None:
        return shelf.find(words)
    key, version = match["key"], int(match["version"])
    if key in shelf.keys() and (here := shelf.find(key)).version == version:
        return here
    kept = _kept(store, key)
    if version in kept:
        return kept[version]
    known = sorted({*kept, *({shelf.find(key).version} if key in shelf.keys() else ())})
    raise NotFound(f"There is no version {version} of {key}; known: {', '.join(map(str, known)) or 'none'}.")


def _kept(store: Store, key: str) -> dict[int, Playbook]:
    """The versions that runs were launched with; of two that call themselves the same, the one launched last."""
    with store.read() as connection:
        launched = select(t.run.c.digest, func.max(t.run.c.launched_at).label("at")).group_by(t.run.c.digest).subquery()
        query = select(t.definition.c.digest).outerjoin(launched, launched.c.digest == t.definition.c.digest)
        query = query.where(t.definition.c.carried == 0, t.definition.c.body.contains(f'"playbook":"{key}"', autoescape=True)).order_by(launched.c.at.is_not(None), launched.c.at)
        books = [frozen(connection, digest) for digest in connection.execute(query).scalars()]
    return {book.version: book for book in books if book.playbook == key}
