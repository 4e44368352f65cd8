"""People and the roles they hold, for one shop or for all."""

from datetime import datetime

from sqlalchemy import select

from ecops.errors import BadCall, NotFound
from ecops.service.shops import KEY, must_be_words
from ecops.store import tables as t
from ecops.store.database import Store


def add(store: Store, key: str, name: str, now: datetime) -> None:
    """Add a person; one who is there already stays. Raises BadCall for words nobody could be found by."""
    if not KEY.fullmatch(key):
        raise BadCall(f"{key!r} cannot be a person's key; use lower-case letters, digits, - and _.")
    must_be_words("The person's name", name)
    with store.write(now, "cli") as tx:
        if not tx.one(select(t.person.c.person).where(t.person.c.person == key)):
            tx.add(t.person, [{"person": key, "name": name, "added_at": now}])
            tx.event("person.added", detail={"person": key})


def bind(store: Store, role: str, key: str, shop: str | None, now: datetime) -> None:
    """Let a person hold a role; again changes nothing. Raises NotFound, BadCall."""
    must_be_words("The role", role)
    with store.write(now, "cli") as tx:
        if not tx.one(select(t.person.c.person).where(t.person.c.person == key)):
            raise NotFound(f"There is no person {key}; add them with 'ecops person add {key}'.")
        if shop and not tx.one(select(t.shop.c.shop).where(t.shop.c.shop == shop)):
            raise NotFound(f"There is no shop {shop}; 'ecops shop list' shows all.")
        row = {"role": role, "person": key, "shop": shop or ""}
        found = select(t.role_binding).where(t.role_binding.c.role == role, t.role_binding.c.person == key, t.role_binding.c.shop == row["shop"])
        if not tx.one(found):
            tx.add(t.role_binding, [row])
            tx.event("role.bound", detail=row)


def must_exist(store: Store, key: str) -> None:
    """Raises NotFound."""
    with store.read() as connection:
        if not connection.execute(select(t.person.c.person).where(t.person.c.person == key)).first():
            raise NotFound(f"There is no person {key}; 'ecops person list' shows all, 'ecops person add' adds one.")


def everyone(store: Store) -> list[dict]:
    """All people with their roles (`role` or `role@shop`)."""
    with store.read() as connection:
        bound = connection.execute(select(t.role_binding).order_by(t.role_binding.c.role, t.role_binding.c.shop)).all()
        rows = connection.execute(select(t.person).order_by(t.person.c.person)).all()
    return [{"person": row.person, "name": row.name, "roles": [f"{one.role}@{one.shop}" if one.shop else one.role for one in bound if one.person == row.person]} for row in rows]
