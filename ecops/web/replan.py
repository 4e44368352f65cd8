"""A running plan changes its dates: where the anchors lie, what would move, and then it moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecops.errors import BadCall
from ecops.playbook.model import Playbook
from ecops.service import replan as service
from ecops.service import views
from ecops.service.frozen import frozen
from ecops.web import inbox
from ecops.web.desk import Desk
from ecops.web.reader import fields, wants_json, who

PREFIX = "anchor."
SHOWN = 200
_LONGEST = 40  # characters of a moment


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    replan = Replan(desk)
    return [Route("/runs/{run}/replan", replan.look), Route("/runs/{run}/replan", replan.apply, methods=["POST"])]


@dataclass(frozen=True)
class Replan:
    """Shown first, then done by the chosen person."""

    desk: Desk

    def look(self, request: Request) -> Response:
        """GET /runs/{run}/replan?anchor.day=2026-11-12T00:00"""
        now, run = self.desk.clock(), request.path_params["run"]
        with self.desk.store.read() as connection:
            me, row = who(request, connection), views.get_run(connection, run)
            playbook, people = frozen(connection, row.digest), inbox.people(connection)
        wanted = _anchors(request.query_params)
        moved, change, said = {}, None, None
        try:
            moved = _moved(playbook, row.anchors, wanted)
            change = service.look(self.desk.store, run, moved, None, now) if moved or row.state != "active" else None
        except BadCall as error:
            said = str(error)
        shown = {"run": row, "anchors": _fields(playbook, row.anchors, wanted, change), "moved": moved, "said": said, "people": people, "change": change and _change(playbook, change)}
        return self.desk.page(request, "replan.html", me, now, **shown)

    async def apply(self, request: Request) -> Response:
        """POST /runs/{run}/replan: the anchors, and the reason."""
        return await run_in_threadpool(self._apply, request, {name: value.strip() for name, value in (await fields(request)).items() if isinstance(value, str)})

    def _apply(self, request: Request, sent: Mapping[str, str]) -> Response:
        run, me = request.path_params["run"], self.desk.me(request)
        with self.desk.store.read() as connection:
            row = views.get_run(connection, run)
            moved = _moved(frozen(connection, row.digest), row.anchors, _anchors(sent))
        if not moved:
            raise BadCall("Nothing is to move; choose another time for an anchor.")
        change = service.apply(self.desk.store, run, moved, None, me.person, self.desk.clock(), sent.get("reason", "")[:500] or None)
        return self.desk.done(request, change.to_json() | {"run": run, "applied": True}, f"/runs/{run}") if wants_json(request) else RedirectResponse(f"/runs/{run}", 303)


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


def _change(playbook: Playbook, change: service.Change) -> dict[str, Any]:
    """What would change as the page shows it: step runs that move alike are one line."""
    moves = _alike((one.step, one.field, one.was, one.to, one.shop) for one in change.moves)
    return {
        "moves": [{"step": step, "title": _title(playbook, step), "field": name, "was": was, "to": to, "shops": n} for (step, name, was, to), n in moves.items()][:SHOWN],
        "lines": len(moves), "dates": len(change.moves),
        "past_due": [{"step": step, "title": _title(playbook, step), "due": due, "shops": n} for (step, due), n in _alike((step, due, shop) for step, shop, due in change.past_due).items()][:SHOWN],
        "kept": [{"step": step, "title": _title(playbook, step), "state": state, "shops": n} for (step, state), n in _alike((row.step, row.state, row.shop) for row in change.kept).items()][:SHOWN],
        "warnings": change.warnings,
    }  # fmt: skip


def _alike(rows: Any) -> dict[tuple, int]:
    """How many shops share what stands before the shop."""
    found: dict[tuple, int] = {}
    for *what, _ in rows:
        found[tuple(what)] = found.get(tuple(what), 0) + 1
    return found


def _title(playbook: Playbook, step: str) -> Sequence[str]:
    found = playbook.step(step)
    return (views.title_of(found), found.title.en if found.title else step)
