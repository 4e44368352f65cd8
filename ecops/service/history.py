"""One item with all that belongs to it: what closes it, who has it, what was claimed and verified, what was said, what happened."""

from datetime import datetime

from sqlalchemy import Connection, select

from ecops.errors import NotFound
from ecops.service import comments
from ecops.service.views import iso, item_json
from ecops.store import tables as t


def of_item(connection: Connection, item: int, now: datetime) -> dict:
    """An item as `ecops item` prints it. Raises NotFound."""
    query = select(t.item, t.run.c.title_zh.label("run_title"), t.run.c.state.label("run_state")).join(t.run, t.run.c.run == t.item.c.run)
    row = connection.execute(query.where(t.item.c.id == item)).first()
    if row is None:
        raise NotFound(f"There is no item {item}; 'ecops checklist' lists the open ones.")
    happened = _events(connection, item)
    return item_json(row, now) | {
        "run_title": row.run_title, "run_state": row.run_state, "step_run": row.step_run, "key": row.key, "file_bytes": _size(row.file, happened), "verify": row.verify,
        "checked": row.checked, "comments": comments.of_item(connection, item), "step_comments": comments.of_step(connection, row.step_run), "events": happened,
    }  # fmt: skip


def _events(connection: Connection, item: int) -> list[dict]:
    rows = connection.execute(select(t.event).where(t.event.c.run == select(t.item.c.run).where(t.item.c.id == item).scalar_subquery(), t.event.c.item == item).order_by(t.event.c.id))
    return [{"at": iso(row.at), "what": row.what, "by": row.actor, "detail": row.detail} for row in rows]


def _size(file: str | None, happened: list[dict]) -> int | None:
    """Bytes of the file that closes the item, as its newest tick told."""
    told = [one["detail"].get("size") for one in happened if file and one["what"] == "item.done" and one["detail"].get("file") == file]
    return told[-1] if told else None
