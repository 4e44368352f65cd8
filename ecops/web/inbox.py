"""What the checklist page shows: items with the names of their shop, run and people, counted and grouped by urgency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from ecops.service import items, views
from ecops.store import tables as t
from ecops.web.times import local, midnight, next_monday

PAGE = 100
COUNT_CAP = 999  # beyond it a page says 999+; counting on would cost more than the number is worth
WHENS = ("overdue", "today", "week", "all")
MANY_SHOPS = 60


@dataclass(frozen=True)
class Filter:
    """What the reader asked to see. `person` None means everyone."""

    person: str | None
    role: str | None
    shop: str | None
    when: str
    page: int

    def until(self, now: datetime) -> datetime | None:
        """Items due before this instant are shown."""
        return {"today": midnight(now, 1), "week": next_monday(now)}.get(self.when)


def page_of(connection: Connection, asked: Filter, now: datetime) -> tuple[list[dict], bool]:
    """One page of open items, the most urgent first, and whether more follow."""
    rows = views.checklist(connection, now, person=asked.person, role=asked.role, shop=asked.shop, until=asked.until(now), overdue_only=asked.when == "overdue", limit=PAGE + 1, offset=PAGE * (asked.page - 1))
    return dress(connection, rows[:PAGE], now), len(rows) > PAGE


def counts(connection: Connection, asked: Filter, now: datetime) -> dict[str, int]:
    """Open items behind each tab, counted up to COUNT_CAP + 1."""
    base = select(t.item.c.id).where(t.item.c.state == "open")
    if asked.person:
        base = base.where(views.for_person(connection, asked.person, now))  # who an item is for is said in one place
    for column, value in ((t.item.c.role, asked.role), (t.item.c.shop, asked.shop)):
        base = base.where(column == value) if value else base
    due = t.item.c.due_at
    parts = {"overdue": base.where(due < now), "today": base.where(or_(due.is_(None), due < midnight(now, 1))), "week": base.where(or_(due.is_(None), due < next_monday(now))), "all": base}
    return {when: connection.execute(select(func.count()).select_from(part.limit(COUNT_CAP + 1).subquery())).scalar_one() for when, part in parts.items()}


def one(connection: Connection, item: int, now: datetime) -> dict:
    """One item as the page shows it. Raises NotFound."""
    return dress(connection, [views.item_json(items.find(connection, item), now)], now)[0]


def dress(connection: Connection, rows: Sequence[dict], now: datetime) -> list[dict]:
    """Add the names behind the keys: shop, run, people; and the group of urgency."""
    shops = names(connection, t.shop.c.shop, t.shop.c.name, {row["shop"] for row in rows})
    people = names(connection, t.person.c.person, t.person.c.name, {row[who] for row in rows for who in ("assignee", "owner", "closed_by")})
    titles = {row.run: row for row in connection.execute(select(t.run.c.run, t.run.c.title_zh, t.run.c.title_en, t.run.c.state).where(t.run.c.run.in_({row["run"] for row in rows})))}
    checked = _column(connection, t.item.c.id, t.item.c.checked, [row["item"] for row in rows if row["verification"]])
    said = _column(connection, t.comment.c.item, func.count(), [row["item"] for row in rows], t.comment.c.item)
    return [
        row | {
            "checked": checked.get(row["item"]), "comments": said.get(row["item"], 0),
            "shop_name": shops.get(row["shop"], row["shop"]), "assignee_name": people.get(row["assignee"], row["assignee"]), "owner_name": people.get(row["owner"], row["owner"]), "closed_name": people.get(row["closed_by"], row["closed_by"]),
            "run_title": titles[row["run"]].title_zh, "run_title_en": titles[row["run"]].title_en, "run_state": titles[row["run"]].state, "group": group_of(row, now),
        }
        for row in rows
    ]  # fmt: skip


def _column(connection: Connection, key, value, wanted: Sequence[int], *grouped) -> dict[int, Any]:
    """A value by key, of the keys that are wanted."""
    return {one: found for one, found in connection.execute(select(key, value).where(key.in_(wanted)).group_by(*grouped)).tuples()} if wanted else {}


def names(connection: Connection, key, name, wanted: set) -> dict[str, str]:
    """Names by key, of the keys that are wanted."""
    wanted = {value for value in wanted if value}
    return {row[0]: row[1] for row in connection.execute(select(key, name).where(key.in_(wanted)))} if wanted else {}


def group_of(row: dict, now: datetime) -> str:
    """逾期, 今天, 本周, 以后 or 不限时."""
    if not row["due"]:
        return "不限时"
    due = local(row["due"])
    if due < now:
        return "逾期"
    return "今天" if due < midnight(now, 1) else "本周" if due < next_monday(now) else "以后"


def people(connection: Connection) -> list:
    """Everyone, with the roles they hold."""
    held: dict[str, list[str]] = {}
    for row in connection.execute(select(t.role_binding.c.person, t.role_binding.c.role).distinct().order_by(t.role_binding.c.role)):
        held.setdefault(row.person, []).append(row.role)
    return [{"person": row.person, "name": row.name, "roles": held.get(row.person, [])} for row in connection.execute(select(t.person).order_by(t.person.c.name))]


def shops(connection: Connection) -> list | None:
    """Shops to choose from; None when they are too many for a list."""
    rows = connection.execute(select(t.shop.c.shop, t.shop.c.name).order_by(t.shop.c.name).limit(MANY_SHOPS + 1)).all()
    return rows if len(rows) <= MANY_SHOPS else None


def find_shop(connection: Connection, words: str) -> str:
    """The key of the shop meant: by key, by name, by a part of its name; else the words, which then match nothing."""
    name = t.shop.c.name
    query = select(t.shop.c.shop).where(or_(t.shop.c.shop == words, name == words, name.contains(words, autoescape=True)))
    found = connection.execute(query.order_by(t.shop.c.shop != words, name != words, name).limit(1)).scalar()
    return found or words
