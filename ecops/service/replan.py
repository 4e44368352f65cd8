"""A running plan changes: an anchor moves, the playbook gets a new version, working days are announced. Shown first, then done in one commit."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, delete, select, update

from ecops.engine import moves
from ecops.engine.moves import Alike, Ended, Move, Moved
from ecops.engine.plan import Plan
from ecops.engine.states import STEP_ENDED
from ecops.errors import BadCall, NotFound, NotPossible
from ecops.playbook.dates import BadRule
from ecops.playbook.library import digest
from ecops.playbook.model import Playbook
from ecops.playbook.params import read_params
from ecops.playbook.template import BadTemplate
from ecops.service.advance import advance, arm, finish
from ecops.service.alike import alike
from ecops.service.findings import in_force
from ecops.service.frozen import frozen
from ecops.service.launch import Filled, anchor_texts, insert_steps, shops_of
from ecops.service.learning import take
from ecops.service.moved import REPLANNED, tell_moved
from ecops.service.overlaps import tell_both
from ecops.service.waits import count_waits
from ecops.service.walls import zones_of
from ecops.store import tables as t
from ecops.store.database import Store
from ecops.store.tx import Tx, chunks

logger = logging.getLogger("ecops.replan")

# The playbook of a run -> as it is with single steps added, skipped or swapped; raises NotFound, BadCall. See `amend.Amendment.of`.
Amend = Callable[[Playbook], Playbook]


@dataclass(frozen=True)
class Change:
    """What would be, or was, changed. `params` of the run then; `told`: the anchors that people gave, now or before; `moved`: dates, `late`: unfinished steps due before now then, and when,
    `ended`: finished ones that stay, all of them alike ones as one; steps `added` and `removed`; `rewritten`: steps that had not begun and follow the new version; `stays`: steps that have begun and do not;
    `warnings`: what was said when it was done.
    """

    day: date
    plan: Plan
    playbook: Playbook
    params: Mapping[str, Any]
    told: list[str]
    moved: list[Moved]
    late: list[tuple[Alike, datetime]] = field(default_factory=list)
    ended: list[Alike] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def dates(self) -> int:
        """How many dates move."""
        return sum(len(one.dates) * len(one.rows.where) for one in self.moved)

    @property
    def moves(self) -> list[Move]:
        """The dates that move, of each step run."""
        return [Move(number, row.step, shop, name, was, to) for row, dates, number, shop in self._moved() for name, (was, to) in dates.items()]

    @property
    def past_due(self) -> list[tuple[str, str, datetime]]:
        """Step, shop and due time of each step run that would be past due."""
        return [(row.step, shop, due) for row, due, _, shop in moves.each(self.late)]

    @property
    def kept(self) -> list[Ended]:
        """Each finished step run that stays."""
        return [Ended(row.step, shop, row.state, row.due_at) for row, _, _, shop in moves.each((row, None) for row in self.ended)]

    def _moved(self) -> Iterator[tuple]:
        return moves.each((one.rows, one.dates) for one in self.moved)

    def to_json(self) -> dict[str, Any]:
        """As `ecops replan` prints it."""
        zone = self.playbook.zone

        @cache
        def local(at: datetime | None) -> str | None:
            return at and at.astimezone(zone).isoformat()

        return {
            "anchors": {name: local(at) for name, at in self.plan.anchors.items()},
            "moves": [{"step": row.step, "shop": shop or None, "field": name, "from": local(was), "to": local(to)} for row, dates, _, shop in self._moved() for name, (was, to) in dates.items()],
            "past_due": [{"step": step, "shop": shop or None, "due": local(due)} for step, shop, due in self.past_due],
            "kept": [{"step": row.step, "shop": row.shop or None, "state": row.state, "due": local(row.due_at)} for row in self.kept],
            "added": self.added, "removed": self.removed, "rewritten": self.rewritten, "stays": self.stays, "warnings": self.warnings,
        }  # fmt: skip


def look(store: Store, run: str, anchors: Mapping[str, str], playbook: Playbook | None, now: datetime, amend: Amend | None = None) -> Change:
    """What a change would do. Raises NotFound, NotPossible, BadCall."""
    with store.read() as connection:
        return _change(connection, _active(connection, run), anchors, playbook, now, amend)


def apply(store: Store, run: str, anchors: Mapping[str, str], playbook: Playbook | None, by: str, now: datetime, reason: str | None = None, amend: Amend | None = None) -> Change:
    """Do it, in one commit, and tell those whose dates moved; gives what was done."""
    try:
        return _apply(store, run, anchors, playbook, by, now, reason, amend)
    except BadTemplate as error:
        raise BadCall(f"The run {run} cannot be changed like this: {error}.") from error


def _apply(store: Store, run: str, anchors: Mapping[str, str], playbook: Playbook | None, by: str, now: datetime, reason: str | None, amend: Amend | None) -> Change:
    with store.write(now, by) as tx:
        tx.lock_run(run, alone=True)
        row = _active(tx.connection, run)
        change = _change(tx.connection, row, anchors, playbook, now, amend)
        old = frozen(tx.connection, row.digest)
        if change.playbook is not old:
            _keep_definitions(tx, playbook, change.playbook)
            _rewrite(tx, row, old, change, reason)
        _redate(tx, run, change)
        _end_rounds(tx, run, change.playbook)
        _keep(tx, row, change, reason)
        tell_moved(tx, run, change.playbook, [one for one in change.moved if one.rows.step not in change.removed])
        advance(tx, run)
        is_moved = row.phase == "campaign" and anchor_texts(change.plan) != row.anchors
        return replace(change, warnings=tell_both(tx, run) if is_moved else [])


def announced(store: Store, now: datetime) -> list[str]:
    """Runs whose dates move because working days have been announced since; those that did."""
    with store.read() as connection:
        runs = [row.run for row in connection.execute(select(t.run).where(t.run.c.state == "active")) if moves.counts_working_days(frozen(connection, row.digest))]
    return [run for run in runs if _follows(store, run, now)]


def _follows(store: Store, run: str, now: datetime) -> bool:
    """Move a run by the announced days; one that has ended meanwhile, or cannot be dated, holds no other back."""
    try:
        return bool(look(store, run, {}, None, now).moved and apply(store, run, {}, None, "calendar", now, "工作日历已公布 / working days were announced"))
    except (NotPossible, BadCall) as reason:
        logger.error("run %s does not follow the announced days: %s", run, reason)
        return False


def _active(connection: Connection, run: str):
    row = connection.execute(select(t.run).where(t.run.c.run == run)).first()
    if row is None:
        raise NotFound(f"There is no run {run}; 'ecops runs' lists them.")
    if row.state != "active":
        raise NotPossible(f"The run {run} is {row.state} since {row.ended_at.isoformat()}; its plan stays as it is.", {"run": run, "state": row.state})
    return row


def _change(connection: Connection, run, anchors: Mapping[str, str], playbook: Playbook | None, now: datetime, amend: Amend | None) -> Change:
    old = frozen(connection, run.digest)
    if playbook is not None and playbook.playbook != run.playbook:
        raise BadCall(f"{playbook.playbook} is no version of {run.playbook}, which the run {run.run} was launched with; cancel the run and launch {playbook.playbook}.")
    zones = zones_of(connection, connection.execute(select(t.run_shop.c.shop).where(t.run_shop.c.run == run.run)).scalars().all())
    rows = alike(connection, run.run, zones)
    before = {step.id for step in (playbook or old).steps}
    playbook = amend(playbook or old) if amend else playbook
    begun = {row.step for row in rows if row.state != "waiting" or row.rounds}
    new = old if playbook is None else moves.carried(old, playbook, begun, {row.step for row in rows})
    params = run.params if new is old else _params(run, new)
    known = {name: datetime.fromisoformat(at) for name, at in run.anchors.items()}
    given = moves.told_anchors(old, known, run.told)
    try:
        day, plan = moves.new_plan(new, date.fromisoformat(run.day), known, given, anchors, zones)
        moved = moves.dates_moved(plan, rows)
    except BadRule as error:
        raise BadCall(f"{new.playbook} cannot be dated like this: {error}.") from error
    due = {id(one.rows): one.dates["due"][1] for one in moved if "due" in one.dates}
    ends = [(row, due.get(id(row), row.due_at)) for row in rows if row.state not in STEP_ENDED]
    was, wanted = {step.id for step in old.steps}, {step.id for step in (playbook or old).steps}
    fresh = [step.id for step in new.steps if step.id in was and step.id not in begun and step.id in wanted and moves.unlike(step, old.step(step.id))]
    gone = list(dict.fromkeys(row.step for row in rows if row.step not in wanted and row.state not in STEP_ENDED))
    if amend and (over := sorted((was & before) - wanted - set(gone))):
        raise NotPossible(f"{', '.join(over)} has ended already and stays as it is.", {"run": run.run, "state": run.state})
    return Change(
        day, plan, new, params, sorted({*given, *anchors}), moved, [(row, end) for row, end in ends if end and end < now], moves.kept(plan, rows) if moved else [],
        sorted(wanted - was), gone, fresh, moves.stays(new, playbook, begun) if playbook else [],
    )  # fmt: skip


def _keep_definitions(tx: Tx, playbook: Playbook | None, carried: Playbook) -> None:
    """The version itself where there is a new one, and as this run takes it over."""
    for book, is_carried in ((playbook, 0), (carried, 1)) if playbook else ((carried, 1),):
        tx.add_new(t.definition, [{"digest": digest(book), "body": book.model_dump_json(by_alias=True), "carried": is_carried}])


def _rewrite(tx: Tx, run, old: Playbook, change: Change, reason: str | None) -> None:
    """Steps that the new version lacks are skipped, those that have not begun are written again, new ones are added; then everything waits for what it needs now."""
    gone = tx.all(select(t.step_run).where(t.step_run.c.run == run.run, t.step_run.c.step.in_(change.removed), t.step_run.c.state.not_in(STEP_ENDED)))
    if busy := sorted({row.step for row in gone if row.state == "running"}):
        raise NotPossible(f"{', '.join(busy)} is being calculated now; try again in a moment.", {"run": run.run, "state": run.state})
    finish(tx, old, gone, "skipped", "step.skipped", {"reason": reason or f"not in version {change.playbook.version}"})
    again = tx.all(select(t.step_run.c.id).where(t.step_run.c.run == run.run, t.step_run.c.step.in_(change.rewritten)))
    comments = _take_comments(tx, [row.id for row in again])
    for part in chunks([row.id for row in again]):
        tx.connection.execute(delete(t.timer).where(t.timer.c.step_run.in_(part)))
        tx.connection.execute(delete(t.item).where(t.item.c.step_run.in_(part)))
        tx.connection.execute(delete(t.step_run).where(t.step_run.c.id.in_(part)))
    _insert(tx, run, change)
    _give_comments(tx, run.run, comments)
    for ordinal, step in enumerate(change.playbook.steps):
        tx.connection.execute(update(t.step_run).where(t.step_run.c.run == run.run, t.step_run.c.step == step.id).values(ordinal=ordinal, stage=step.stage))
    count_waits(tx, run.run, change.playbook)


def _take_comments(tx: Tx, step_runs: Sequence[int]) -> list[Any]:
    """What people said of steps that are about to be written again, with the step, shop and item's key it was said of."""
    query = select(t.comment, t.step_run.c.step, t.step_run.c.shop, t.item.c.key).join(t.step_run, t.step_run.c.id == t.comment.c.step_run).outerjoin(t.item, t.item.c.id == t.comment.c.item)
    found = [row for part in chunks(step_runs) for row in tx.all(query.where(t.comment.c.step_run.in_(part)).order_by(t.comment.c.id))]
    for part in chunks([row.id for row in found]):
        tx.connection.execute(delete(t.comment).where(t.comment.c.id.in_(part)))
    return found


def _give_comments(tx: Tx, run: str, comments: Sequence[Any]) -> None:
    """The same said of the steps as they are written now; where an item of that key is no more, of the step as a whole."""
    if not comments:
        return
    steps = {(row.step, row.shop): row.id for row in tx.all(select(t.step_run.c.id, t.step_run.c.step, t.step_run.c.shop).where(t.step_run.c.run == run, t.step_run.c.step.in_({row.step for row in comments})))}
    wanted = [steps[(row.step, row.shop)] for row in comments if (row.step, row.shop) in steps]
    items = {(row.step_run, row.key): row.id for part in chunks(wanted) for row in tx.all(select(t.item.c.id, t.item.c.step_run, t.item.c.key).where(t.item.c.step_run.in_(part)))}
    said = [(row, steps.get((row.step, row.shop))) for row in comments]
    tx.add(t.comment, [{"id": row.id, "step_run": step, "item": items.get((step, row.key)), "person": row.person, "words": row.words, "at": row.at} for row, step in said if step])


def _insert(tx: Tx, run, change: Change) -> None:
    shops = tx.all(select(t.run_shop).where(t.run_shop.c.run == run.run).order_by(t.run_shop.c.shop))
    keys, own = [row.shop for row in shops], {row.shop: row.params for row in shops if row.params}
    taken = {one["finding"] for row in tx.all(select(t.event.c.detail).where(t.event.c.run == run.run, t.event.c.what == "run.learned")) for one in row.detail["learned"]}
    # what the launch declined is not wanted now either; about a step that is new nobody was asked
    lessons = [row for row in in_force(tx.connection, run.playbook, keys) if row.finding in taken or row.step in change.added]
    learned = take(change.playbook, lessons, run.params, ()).items
    plan = change.plan.only({*change.added, *change.rewritten})
    insert_steps(tx, change.playbook, run.run, plan, shops_of(tx, keys), Filled(change.params, own, anchor_texts(change.plan), learned))


def _params(run, playbook: Playbook) -> dict[str, Any]:
    """The run's parameters as the new version knows them; its new ones have their defaults."""
    return read_params(playbook, {name: value for name, value in run.params.items() if name in playbook.params and value is not None})


def _redate(tx: Tx, run: str, change: Change) -> None:
    """Write the new dates, of all that are alike at once; reminders and escalations that have not fired follow the due time. What was written again has its dates."""
    for one in change.moved:
        rows, due = one.rows, one.dates.get("due")
        # the event first: it is of those that still have the old dates
        detail = {name: {"from": was and was.isoformat(), "to": to and to.isoformat()} for name, (was, to) in one.dates.items()}
        if not tx.events_of_steps("step.redated", _theirs(run, rows), detail):
            continue
        _write_dates(tx, _theirs(run, rows), {name: to for name, (_, to) in one.dates.items()})
        if due and rows.state == "open":
            arm(tx, change.playbook.on_wall(rows.zone), change.playbook.step(rows.step), _again(tx, [number for number, _ in rows.where]), due[1])
        tx.redraw(run, rows.step)


def _theirs(run: str, rows: Alike) -> list:
    """Which step runs they are, told by what they have alike: a statement then costs the same for any number of shops."""
    own = select(t.shop.c.shop)
    there = t.step_run.c.shop.in_(own.where(t.shop.c.timezone == rows.zone)) if rows.zone else t.step_run.c.shop.not_in(own.where(t.shop.c.timezone.is_not(None)))
    same = [t.step_run.c[name] == getattr(rows, name) for name in ("step", "rounds", "opened_at", "start_at", "due_at", "until_at")]
    # found by run and step: SQLite would take the index of run and state, which holds nearly all of the run
    return [t.step_run.c.run == run, *same, t.step_run.c.state.concat("") == rows.state, there]


def _write_dates(tx: Tx, theirs: Sequence[Any], to: Mapping[str, datetime | None]) -> None:
    """`to`: start, due and until, as far as they move."""
    values: dict[str, Any] = {f"{name}_at": at for name, at in to.items()}
    if "due" in to:
        numbers = select(t.step_run.c.id).where(*theirs)
        tx.connection.execute(update(t.item).where(t.item.c.step_run.in_(numbers), t.item.c.state.in_(("planned", "open"))).values(due_at=to["due"]))
        tx.connection.execute(delete(t.timer).where(t.timer.c.step_run.in_(numbers), t.timer.c.fired_at.is_(None)))
        # Another due time has rungs of its own: what fired for the old one fires again for the new one, once.
        values["generation"] = t.step_run.c.generation + 1
    tx.connection.execute(update(t.step_run).where(*theirs).values(**values))


def _again(tx: Tx, numbers: Sequence[int]) -> list[Any]:
    return [row for part in chunks(numbers) for row in tx.all(select(t.step_run).where(t.step_run.c.id.in_(part)))]


def _end_rounds(tx: Tx, run: str, playbook: Playbook) -> None:
    """A repeating step whose next round lies after its new end has had its last one; it is done, unless people still have its question."""
    over = tx.all(select(t.step_run).where(t.step_run.c.run == run, t.step_run.c.state == "waiting", t.step_run.c.rounds > 0, t.step_run.c.start_at > t.step_run.c.until_at))
    tx.move_steps([row for row in over if row.items_done < row.items_total], "open", "step.asks")
    finish(tx, playbook, [row for row in over if row.items_done >= row.items_total], "done", "step.done", {"reason": "no round is left before its new end"})


def _keep(tx: Tx, run, change: Change, reason: str | None) -> None:
    values = {"anchors": anchor_texts(change.plan), "told": change.told, "day": change.day.isoformat()}
    # a copy kept before the language got a field would have another digest today
    mark = run.digest if change.playbook is frozen(tx.connection, run.digest) else digest(change.playbook)
    if mark != run.digest:
        values |= {"owner": change.playbook.owner, "digest": mark, "version": change.playbook.version, "params": change.params}
    tx.connection.execute(update(t.run).where(t.run.c.run == run.run).values(**values))
    detail = {"moves": change.dates, "added": change.added, "removed": change.removed, "rewritten": change.rewritten, "stays": change.stays, "reason": reason}
    moved = {name: at for name, at in values["anchors"].items() if run.anchors.get(name) != at}
    tx.event(REPLANNED, run=run.run, detail=detail | {"anchors": moved, "version": change.playbook.version})
