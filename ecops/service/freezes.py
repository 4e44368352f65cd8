"""Freezes: between two moments of a run the items of some checklists change only with a reason."""

from datetime import datetime

from sqlalchemy import select

from ecops.errors import NotPossible
from ecops.playbook.model import Playbook, Text
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.store.tx import Tx


def windows(playbook: Playbook, anchors: dict[str, str]) -> list[tuple[str, Text, datetime, datetime, tuple[str, ...]]]:
    """(id, title, from, until, steps) of every freeze of a run with these anchors."""
    known = {name: datetime.fromisoformat(at) for name, at in anchors.items()}
    return [(one.id, one.title, playbook.resolve(one.from_, known).at, playbook.resolve(one.until, known).at, one.steps) for one in playbook.freezes]


def open_with_reason(tx: Tx, item, reason: str | None) -> None:
    """Let an item of a frozen checklist change when a reason is given, and keep that it did. Raises NotPossible without one."""
    playbook = frozen(tx.connection, item.digest)
    if not any(item.step in freeze.steps for freeze in playbook.freezes):
        return
    anchors = tx.one(select(t.run.c.anchors).where(t.run.c.run == item.run)).anchors
    for key, title, since, until, steps in windows(playbook, anchors):
        if item.step in steps and since <= tx.now < until:
            if not (reason or "").strip():
                raise NotPossible(f"{title.zh}:{item.step} is frozen until {until.astimezone(playbook.zone).isoformat()}; say in the note (--note) why it has to change now.", {"item": item.id, "state": item.state})
            tx.event("freeze.opened", run=item.run, step=item.step, shop=item.shop, step_run=item.step_run, item=item.id, detail={"freeze": key, "reason": reason})
