"""Walls: shops with a time zone of their own have their days and times of day on their own wall clock."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from ecops.playbook.model import Playbook
from ecops.store import tables as t
from ecops.store.tx import Tx, chunks


def zones_of(connection: Connection, shops: Sequence[str]) -> dict[str, str]:
    """The time zones of those of these shops that have their own, by shop."""
    query = select(t.shop.c.shop, t.shop.c.timezone).where(t.shop.c.timezone.is_not(None))
    return {row.shop: row.timezone for part in chunks(shops) for row in connection.execute(query.where(t.shop.c.shop.in_(part)))}


def on_walls(tx: Tx, playbook: Playbook, rows: Sequence) -> Iterator[tuple[Playbook, list]]:
    """Step runs of one step by the time zone of their shops, each with the playbook as it is read there."""
    zones = zones_of(tx.connection, [row.shop for row in rows if row.shop])
    by_zone: dict[str | None, list] = {}
    for row in rows:
        by_zone.setdefault(zones.get(row.shop), []).append(row)
    return ((playbook.on_wall(zone), part) for zone, part in by_zone.items())
