"""Ticks that claim what a task can check: claimed by an execution, asked of the task, recorded in one commit; or vouched for by a second person.

A ticked item with a verifier is done and `pending`. `verified`: it counts. `refuted`: it is open again, and who ticked it is told why. `unknown`: the machine
cannot say; it stays done and does not count until new data lets the task decide, or another person vouches for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update

from ecops.errors import BadCall, NotPossible
from ecops.playbook.template import BadTemplate, fill
from ecops.service.advance import shop_inputs
from ecops.service.frozen import frozen
from ecops.service.items import PENDING, REFUTED, UNKNOWN, VERIFIED, Ticked, alone, as_json, concerned, count, ended, tell_of, with_run
from ecops.service.notices import REFUTED as TOLD_REFUTED
from ecops.service.people import known
from ecops.service.staff import Staff
from ecops.service.values import Values
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

MOST = 500  # items asked for and recorded at once


@dataclass(frozen=True)
class Claim:
    """One ticked item as it was when it was claimed; `shop` "" where the work is the run's. `list`: the one whose rows refute it."""

    item: int
    version: int
    shop: str
    list: str | None


@dataclass(frozen=True)
class Check:
    """One question to one task, for all claims that ask it alike. `wrong`: why it cannot be asked."""

    task: str
    params: Mapping[str, Any]
    claims: tuple[Claim, ...]
    shops: tuple[str, ...]
    as_of: datetime
    anchors: Mapping[str, datetime]
    timezone: str
    wrong: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What a task said of one claim: verified, refuted (by `rows` rows of the list) or unknown, in its own sentence."""

    claim: Claim
    verification: str
    task: str
    zh: str
    en: str
    missing: Sequence[str] = field(default=())
    rows: int = 0


def awaiting() -> Select:
    """Runs in which a task has a tick to check."""
    query = select(t.item.c.run).join(t.step_run, t.step_run.c.id == t.item.c.step_run)
    return query.where(t.item.c.verification == PENDING, t.item.c.state == "done", t.step_run.c.state == "open")


def is_awaited(tx: Tx, run: str) -> bool:
    """Whether a run has a tick to check."""
    return tx.one(awaiting().where(t.item.c.run == run).limit(1)) is not None


def claim(store: Store, run: str, execution: str, now: datetime) -> list[Check]:
    """What is to be asked of which task now, claims that ask alike together; none when the run is another execution's.

    The execution's name and the version of each item are the token: `record` changes only what still bears both.
    """
    with store.write(now, "worker") as tx:
        row = tx.lock_run(run)
        if row.state != "active" or row.execution != execution:
            return []
        pending = select(t.item).where(t.item.c.id.in_(awaiting().with_only_columns(t.item.c.id).where(t.item.c.run == run).order_by(t.item.c.id).limit(MOST)))
        return _checks(tx, row, tx.all(pending.order_by(t.item.c.id)))


def _checks(tx: Tx, run, items: Sequence[Any]) -> list[Check]:
    values, shops = Values(tx, run.run, run.params), shop_inputs(tx, list(dict.fromkeys(row.shop for row in items)))
    alike: dict[tuple, tuple[dict, list[Claim], str | None]] = {}
    for row in items:
        given, wrong = _given(row, {"params": values.of(row.shop), "anchors": run.anchors, "shop": shops[row.shop], "item": _brought(row)})
        key = (row.verify["task"], json.dumps(given, sort_keys=True, default=str), row.shop == "", wrong)
        alike.setdefault(key, (given, [], wrong))[1].append(Claim(row.id, row.version, row.shop, row.verify["list"]))
    everyone = tuple(row.shop for row in tx.all(select(t.run_shop.c.shop).where(t.run_shop.c.run == run.run).order_by(t.run_shop.c.shop)))
    anchors, timezone = {name: datetime.fromisoformat(at) for name, at in run.anchors.items()}, frozen(tx.connection, run.digest).timezone
    return [
        Check(task, given, tuple(claims), everyone if is_run else tuple(dict.fromkeys(one.shop for one in claims)), tx.now, anchors, timezone, wrong)
        for (task, _, is_run, _), (given, claims, wrong) in alike.items()
    ]  # fmt: skip


def _given(row, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What the task is given; a text that names nothing is left to the task's own default. And why it cannot be filled in, if so."""
    try:
        return {name: value for name, value in fill(row.verify["with"], inputs).items() if value is not None}, None
    except BadTemplate as error:
        return {}, str(error)


def _brought(row) -> dict[str, Any]:
    """What texts may name of an item; a number without the commas people write."""
    value = row.value.replace(",", "") if row.value and row.evidence["type"] == "number" else row.value
    return {"value": value, "link": row.link, "file": row.file, "note": row.note, "key": row.key}


def record(store: Store, run: str, execution: str, verdicts: Sequence[Verdict], now: datetime) -> int:
    """Keep what the tasks said, of items that are still as they were claimed; gives how many landed. One commit."""
    said = {one.claim.item: one for one in verdicts}
    with store.write(now, "worker") as tx:
        row = tx.lock_run(run, alone=True)
        if row.state != "active" or row.execution != execution:
            return 0
        pending = [one for part in chunks(list(said)) for one in tx.all(with_run().where(t.item.c.id.in_(part), t.item.c.state == "done", t.item.c.verification == PENDING))]
        landed = [one for one in pending if one.version == said[one.id].claim.version]
        staff = Staff(tx.connection, now)
        for one in landed:
            verdict = said[one.id]
            told = {"by": verdict.task, "zh": verdict.zh, "en": verdict.en, "missing": list(verdict.missing), "rows": verdict.rows}
            _conclude(tx, staff, one, verdict.verification, told)
        count(tx, [one for one in landed if said[one.id].verification == VERIFIED])
        return len(landed)


_WORDS = {VERIFIED: "item.verified", UNKNOWN: "item.unverified", REFUTED: "item.refuted"}


def _conclude(tx: Tx, staff: Staff, row, verification: str, told: Mapping[str, Any]) -> None:
    """Write a conclusion on a done item: who or what came to it, on what ground, and who had ticked."""
    checked = {**told, "at": tx.now.isoformat(), "ticked_by": row.closed_by, "ticked_at": row.closed_at.isoformat()}
    if verification == REFUTED:
        tx.move_items([row], "open", _WORDS[REFUTED], checked, closed_by=None, closed_at=None, verification=REFUTED, checked=checked)
        tell_of(tx, staff, row, TOLD_REFUTED, {"zh": f"核验未通过:{told['zh']}", "en": f"Not what was found: {told['en']}"}, row.closed_by)
    else:
        tx.connection.execute(update(t.item).where(t.item.c.id == row.id).values(verification=verification, checked=checked, version=t.item.c.version + 1))
        tx.event(_WORDS[verification], run=row.run, step=row.step, shop=row.shop, step_run=row.step_run, item=row.id, detail=checked)
    tx.redraw(row.run, row.step)


def vouch(store: Store, item: int, by: str, note: str, now: datetime, refute: bool = False) -> Ticked:
    """A second person stands for what a task could not verify, or (`refute`) says that it is not so: then the item is open again.

    What a task refuted may be vouched for too; the item is done again as it was ticked. Raises NotFound, BadCall, NotPossible.
    """
    with store.write(now, by) as tx:
        if not note.strip():
            raise BadCall("Say in the note (--note) on what ground.")
        row, staff = alone(tx, item), Staff(tx.connection, now)
        known(tx, by)
        concerned(staff, row, by)
        _may_vouch(row, by, refute)
        said = {"by": by, "zh": note, "en": note, "note": note}
        if row.verification == REFUTED:
            _as_ticked(tx, row, said)
        else:
            _conclude(tx, staff, row, REFUTED if refute else VERIFIED, said)
        if not refute:
            count(tx, [row])
        return Ticked(item, "open" if refute else "done", True, by, now, REFUTED if refute else VERIFIED)


def _may_vouch(row, by: str, refute: bool) -> None:
    if row.run_state != "active":
        raise ended(row)
    if row.verify is None:
        raise BadCall(f"No task checks what is claimed of item {row.id}; 'ecops reopen' opens it again.")
    if (row.state, row.verification) not in (("done", UNKNOWN), *(() if refute else (("open", REFUTED),))):
        raise NotPossible(f"Item {row.id} is {row.state}{f' and {row.verification}' if row.verification else ''}; people decide what a task could not verify.", as_json(row))
    ticked_by = row.closed_by or row.checked["ticked_by"]
    if by == ticked_by:
        raise BadCall(f"{by} ticked item {row.id}; another person has to {'refute' if refute else 'vouch for'} it.")


def _as_ticked(tx: Tx, row, said: Mapping[str, Any]) -> None:
    """A refuted item is done again, by who had ticked it."""
    ticked = {name: row.checked[name] for name in ("ticked_by", "ticked_at")}
    checked = {**said, "at": tx.now.isoformat(), **ticked, "refuted": row.checked}
    tx.move_items([row], "done", _WORDS[VERIFIED], checked, closed_by=ticked["ticked_by"], closed_at=tx.now, verification=VERIFIED, checked=checked)
    tx.redraw(row.run, row.step)


def ask_again(tx: Tx, shop: str) -> int:
    """New data of a shop: what could not be verified for it is checked again. Gives how many items."""
    of_shop = select(t.run_shop.c.run).where(t.run_shop.c.shop == shop)
    unsure = select(t.item).join(t.step_run, t.step_run.c.id == t.item.c.step_run).join(t.run, t.run.c.run == t.item.c.run)
    unsure = unsure.where(t.item.c.verification == UNKNOWN, t.item.c.state == "done", t.step_run.c.state == "open", t.run.c.state == "active")
    rows = tx.all(unsure.where((t.item.c.shop == shop) | ((t.item.c.shop == "") & t.item.c.run.in_(of_shop))))
    again = []
    for part in chunks(rows):
        query = update(t.item).where(t.item.c.id.in_([row.id for row in part]), t.item.c.verification == UNKNOWN, t.item.c.state == "done")
        landed = set(tx.connection.execute(query.values(verification=PENDING, checked=None, version=t.item.c.version + 1).returning(t.item.c.id)).scalars())
        again += [row for row in part if row.id in landed]
    tx.events([{"what": "item.checked-again", "run": row.run, "step": row.step, "shop": row.shop, "step_run": row.step_run, "item": row.id, "detail": {"reason": "new data"}} for row in again])
    return len(again)
