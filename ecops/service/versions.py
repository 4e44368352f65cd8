"""Versions of playbooks: the one in the folder, and those that runs were launched with."""

import re

from sqlalchemy import select

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
    with store.read() as connection:
        launched = select(t.run.c.digest, t.run.c.version).where(t.run.c.playbook == key).order_by(t.run.c.launched_at.desc())
        rows = connection.execute(launched).all()
        if digest := next((row.digest for row in rows if row.version == version), None):
            return frozen(connection, digest)
    known = sorted({row.version for row in rows} | ({shelf.find(key).version} if key in shelf.keys() else set()))
    raise NotFound(f"There is no version {version} of {key}; known: {', '.join(map(str, known)) or 'none'}.")
