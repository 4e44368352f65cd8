"""A running plan changes: anchors move, steps are left out, added or swapped; what would change is shown, and then it changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecops.engine.moves import Alike
from ecops.engine.states import STEP_ENDED
from ecops.errors import BadCall, NotFound
from ecops.playbook.amend import Amendment, StepFile
from ecops.playbook.model import MAX_STEPS, Playbook
from ecops.service import replan as service
from ecops.service import views
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.desk import Desk
from ecops.web.reader import fields_and_all, wants_json, who

PREFIX = "anchor."
SHOWN = 200
_LONGEST, _LONGEST_STEP = 40, 8_000  # characters of a moment, and of the text of steps


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    replan = Replan(desk)
    return [Route("/runs/{run}/replan", replan.look), Route("/runs/{run}/replan", replan.apply, methods=["POST"])]


@dataclass(frozen=True)
class Asked:
    """Where anchors shall lie, which steps are left out, and the text of steps that are added, or of the one that takes the place of `swap`."""

    anchors: Mapping[str, str]
    skip: Sequence[str] = ()
    text: str = ""
    swap: str = ""


@dataclass(frozen=True)
class Replan:
    """Shown first, then done by the chosen person."""

    desk: Desk

    def look(self, request: Request) -> Response:
        """GET /runs/{run}/replan?anchor.day=2026-11-12T00:00&skip=STEP"""
        now, run, query = self.desk.clock(), request.path_params["run"], request.query_params
        with self.desk.store.read() as connection:
            me, row = who(request, connection), views.get_run(connection, run)
            playbook, people = frozen(connection, row.digest), inbox.people(connection)
            left = connection.execute(select(t.step_run.c.step).where(t.step_run.c.run == run, t.step_run.c.state.not_in(STEP_ENDED)).distinct()).scalars().all()
        asked = _asked(query, query.getlist("skip"))
        moved, change, said = {}, None, None
        try:
            moved = _moved(playbook, row.anchors, asked.anchors)
            change = service.look(self.desk.store, run, moved, None, now, self._amend(asked)) if moved or asked.skip or asked.text or row.state != "active" else None
        except (BadCall, NotFound) as error:
            said = str(error)
        shown = {
            "run": row, "anchors": _fields(playbook, row.anchors, asked.anchors, change), "moved": moved, "said": said, "people": people, "asked": asked, "change": change and _change(change),
            "steps": [{"step": step.id, "title": _title(playbook, step.id)} for step in playbook.steps if step.id in set(left)],
        }  # fmt: skip
        return self.desk.page(request, "replan.html", me, now, **shown)

    async def apply(self, request: Request) -> Response:
        """POST /runs/{run}/replan: the anchors, the steps, and the reason."""
        sent, skip = await fields_and_all(request, "skip", MAX_STEPS)
        return await run_in_threadpool(self._apply, request, {name: value.strip() for name, value in sent.items() if isinstance(value, str)}, skip)

    def _apply(self, request: Request, sent: Mapping[str, str], skip: Sequence[str]) -> Response:
        run, me, asked, reason = request.path_params["run"], self.desk.me(request), _asked(sent, skip), sent.get("reason", "")[:500]
        with self.desk.store.read() as connection:
            row = views.get_run(connection, run)
            moved = _moved(frozen(connection, row.digest), row.anchors, asked.anchors)
        if not (moved or asked.skip or asked.text):
            raise BadCall("Nothing is to move; choose another time for an anchor.")
        if not reason:
            raise BadCall("A reason is needed; say in a few words why.")
        change = service.apply(self.desk.store, run, moved, None, me.person, self.desk.clock(), reason, self._amend(asked))
        return self.desk.done(request, change.to_json() | {"run": run, "applied": True}, f"/runs/{run}") if wants_json(request) else RedirectResponse(f"/runs/{run}", 303)

    def _amend(self, asked: Asked) -> service.Amend | None:
        if not (asked.skip or asked.text):
            return None
        from ecops.shelf import shelf  # the library of tasks takes seconds to load; dates move without it

        books, file = shelf(self.desk.playbooks), StepFile("step.yaml", asked.text)
        return Amendment(books.tasks, books.other, asked.skip, [file] if asked.text and not asked.swap else [], {asked.swap: file} if asked.text and asked.swap else {}).of


def _asked(sent: Mapping[str, str], skip: Sequence[str]) -> Asked:
    """What was asked for. Raises BadCall for what is too long."""
    text = sent.get("step", "").strip()
    if len(text) > _LONGEST_STEP or len(sent.get("swap", "")) > 64:
        raise BadCall("That is too long.")
    return Asked(_anchors(sent), [key for key in dict.fromkeys(skip) if key], text, sent.get("swap", "") if text else "")


def _anchors(sent: Mapping[str, str]) -> dict[str, str]:
    """The moments asked for by anchor. Raises BadCall for what is too long to be one."""
    wanted = {name.removeprefix(PREFIX): value.strip() for name, value in sent.items() if name.startswith(PREFIX) and value.strip()}
    if any(len(value) > _LONGEST for value in wanted.values()):
        raise BadCall("That is too long.")
    return wanted


def _moved(playbook: Playbook, known: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Those that are asked to lie elsewhere than they do: a form sends all of them."""
    return {name: value for name, value in wanted.items() if name not in known or _wall(playbook, known[name]) != value.replace(" ", "T")[:16]}


def _wall(playbook: Playbook, at: str) -> str:
    return datetime.fromisoformat(at).astimezone(playbook.zone).strftime("%Y-%m-%dT%H:%M")


def _fields(playbook: Playbook, known: Mapping[str, str], wanted: Mapping[str, str], change: service.Change | None) -> list[dict]:
    """The anchors with where they lie `now`, the `value` that is asked for, and `then`: where one follows another that moves."""
    then = {name: _wall(playbook, at.isoformat()) for name, at in change.plan.anchors.items()} if change else {}
    return [
        {"name": name, "title": anchor.title, "now": _wall(playbook, known[name]), "value": wanted.get(name, _wall(playbook, known[name])).replace(" ", "T"), "then": then.get(name)}
        for name, anchor in playbook.anchors.items() if name in known
    ]  # fmt: skip


def _change(change: service.Change) -> dict[str, Any]:
    """What would change as the page shows it: step runs that move alike are one line."""
    book = change.playbook
    moves = _alike(((one.rows.step, name, *both), one.rows) for one in change.moved for name, both in one.dates.items())
    return {
        "moves": [{"step": step, "title": _title(book, step), "field": name, "was": was, "to": to, "shops": n} for (step, name, was, to), n in moves.items()][:SHOWN],
        "lines": len(moves), "dates": change.dates, "named": {name: [_title(book, step) for step in getattr(change, name)] for name in ("added", "removed", "rewritten", "stays")},
        "past_due": [{"step": step, "title": _title(book, step), "due": due, "shops": n} for (step, due), n in _alike(((row.step, due), row) for row, due in change.late).items()][:SHOWN],
        "kept": [{"step": step, "title": _title(book, step), "state": state, "shops": n} for (step, state), n in _alike(((row.step, row.state), row) for row in change.ended).items()][:SHOWN],
        "warnings": change.warnings,
    }  # fmt: skip


def _alike(told: Iterable[tuple[tuple, Alike]]) -> dict[tuple, int]:
    """How many step runs have the same told of them."""
    found: dict[tuple, int] = {}
    for what, rows in told:
        found[what] = found.get(what, 0) + len(rows.where)
    return found


def _title(playbook: Playbook, step: str) -> Sequence[str]:
    found = next((one for one in playbook.steps if one.id == step), None)
    return (views.title_of(found), found.title.en if found.title else step) if found else (step, step)
