"""The copy of a playbook that a run was launched with."""

from functools import lru_cache

from sqlalchemy import select

from ecops.playbook.model import Playbook
from ecops.store import tables as t


@lru_cache(maxsize=64)
def _parse(digest: str, body: str) -> Playbook:
    return Playbook.model_validate_json(body)


_BODIES: dict[str, str] = {}


def frozen(connection, digest: str) -> Playbook:
    """The playbook of this digest; read from the database once a process, since a digest never changes its meaning."""
    if digest not in _BODIES:
        _BODIES[digest] = connection.execute(select(t.definition.c.body).where(t.definition.c.digest == digest)).scalar_one()
    return _parse(digest, _BODIES[digest])
