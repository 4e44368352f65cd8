"""Launch a playbook: choose it, its day, shops, parameters and anchors; see the dated plan, what is wrong with it and what was learned; then launch."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecops.engine.plan import Plan, make_plan
from ecops.errors import BadCall, EcopsError, NotFound
from ecops.playbook.library import Shelf
from ecops.playbook.model import PHASES, Playbook, span_text
from ecops.playbook.problem import ERROR, Problem
from ecops.playbook.source import Trouble, load
from ecops.service import findings, learning, views
from ecops.service import launch as service
from ecops.service.walls import zones_of
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.desk import Desk
from ecops.web.reader import fields_and_all, wants_json, who

PARAM, ANCHOR = "param.", "anchor."
TAGS = 40
_LONGEST, _MOST_DECLINED = 500, 200
_ONCE = re.compile(r"[0-9a-f]{32}")
_HEAD = re.compile(r"^(?:playbook|version|title|phase)\s*:.*\n(?:[ \t]+.*\n)*", re.M)
_TEMPLATE = re.compile(r"\{\{.*?\}\}")


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    launches = Launches(desk)
    return [Route("/launch", launches.look), Route("/launch", launches.launch, methods=["POST"])]


@dataclass(frozen=True)
class Launches:
    """The form with its preview, and the launch by the chosen person."""

    desk: Desk

    def look(self, request: Request) -> Response:
        """GET /launch: playbooks; with `playbook` the form; with `day` also the dated plan and what is wrong with it."""
        now, asked = self.desk.clock(), {name: value.strip() for name, value in request.query_params.items() if value.strip()}
        with self.desk.store.read() as connection:
            me, people = who(request, connection), inbox.people(connection)
            shops, tags = inbox.shops(connection), _tags(connection)
        shown: dict[str, Any] = {"people": people, "asked": asked, "shops": shops, "tags": tags, "phases": list(PHASES), "book": None, "books": [], "preview": None, "once": secrets.token_hex(16)}
        if "playbook" in asked:
            book = self._book(asked["playbook"])
            shown |= {"book": book, "preview": self._preview(book, asked, me.person if me else None, now) if "day" in asked else None} | _fields(book, asked)
        else:
            shown["books"] = heads(self._shelf())
        return self.desk.page(request, "launch.html", me, now, **shown)

    def _shelf(self) -> Shelf:
        from ecops.shelf import shelf  # the library of tasks takes seconds to load; pages that launch nothing do without

        return shelf(self.desk.playbooks)

    def _book(self, key: str) -> Playbook:
        """A playbook by its key. A path, which the shelf would read too, is none. Raises NotFound, BadCall."""
        shelf = self._shelf()
        if key not in shelf.keys():
            raise NotFound(f"There is no playbook {key[:80]}.")
        path = shelf.path(key)
        try:
            return shelf.find(key)
        except BadCall as error:
            raise BadCall(str(error).replace(str(path), path.name)) from error

    def _ask(self, book: Playbook, sent: Mapping[str, str], declined: Sequence[str] = (), key: str | None = None) -> service.Launch:
        """What was asked for. Raises BadCall, NotFound."""
        if any(len(value) > (20_000 if name == "keys" else _LONGEST) for name, value in sent.items()):
            raise BadCall("That is too long.")
        try:
            day = date.fromisoformat(sent.get("day", ""))
        except ValueError as error:
            raise BadCall(f"'{sent.get('day', '')}' is not a day; write it as 2026-11-11.") from error
        shops = service.pick_shops(self.desk.store, re.sub(r"[\s,、;;]+", ",", sent["keys"]) if sent.get("keys") else sent.get("shops", "all"))
        return service.Launch(book, day, shops, _named(sent, PARAM), _named(sent, ANCHOR), key=key, decline=declined)

    def _preview(self, book: Playbook, asked: Mapping[str, str], by: str | None, now: datetime) -> dict[str, Any]:
        try:
            ask = self._ask(book, asked)
        except EcopsError as error:
            return {"said": str(error), "steps": [], "problems": [], "learned": [], "shops": 0, "anchors": {}, "may": False}
        with self.desk.store.read() as connection:
            learned = learning.take(book, findings.in_force(connection, book.playbook, ask.shops), ask.params, ()).told
            plan = _plan(connection, ask, now)
            names = inbox.names(connection, t.shop.c.shop, t.shop.c.name, {one["shop"] for one in learned})
        problems = service.try_out(self.desk.store, ask, now, by, {})
        return {
            "said": None, "shops": len(ask.shops), "problems": [_problem(book, one) for one in sorted(problems, key=lambda one: one.severity != ERROR)], "steps": _steps(book, plan), "learned": learned, "shop_names": names,
            "anchors": {name: at for name, at in plan.anchors.items()} if plan else {}, "may": not any(one.code in ("bad-value", "bad-anchor") for one in problems),
        }  # fmt: skip

    async def launch(self, request: Request) -> Response:
        """POST /launch: what the form shows, `decline` many times, and `once`: the same form sent again finds its run."""
        sent, declined = await fields_and_all(request, "decline", _MOST_DECLINED)
        return await run_in_threadpool(self._launch, request, {name: value.strip() for name, value in sent.items() if isinstance(value, str) and value.strip()}, declined)

    def _launch(self, request: Request, sent: Mapping[str, str], declined: Sequence[str]) -> Response:
        me, book = self.desk.me(request), self._book(sent.get("playbook", ""))
        once = sent.get("once", "")
        ask = self._ask(book, {name: value for name, value in sent.items() if name not in ("once", "playbook")}, declined, f"page-{once}" if _ONCE.fullmatch(once) else None)
        done = service.launch(self.desk.store, ask, self.desk.clock(), me.person)
        made = {"run": done.run, "playbook": done.playbook, "version": done.version, "shops": done.shops, "steps": done.steps, "items": done.items, "warnings": list(done.warnings)}
        return self.desk.done(request, made, f"/runs/{done.run}") if wants_json(request) else RedirectResponse(f"/runs/{done.run}", 303)


def _fields(book: Playbook, asked: Mapping[str, str]) -> dict[str, Any]:
    """The parameters a launch must and may give, the anchors it may tell, and whether some of those it need not give were given."""
    must, may = ([name for name, one in book.params.items() if one.required is is_required] for is_required in (True, False))
    told = {"anchors": bool(_named(asked, ANCHOR)), "params": bool(set(_named(asked, PARAM)) & set(may))}
    return {"must": must, "may": may, "tellable": [name for name, anchor in book.anchors.items() if not anchor.at], "told": told}


def _named(sent: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in sent.items() if name.startswith(prefix) and value}


def _tags(connection: Connection) -> list[tuple[str, int]]:
    """The tags of shops with how many have each, the most common first."""
    counted: dict[str, int] = {}
    for tags in connection.execute(select(t.shop.c.tags)).scalars():
        for tag in tags:
            counted[tag] = counted.get(tag, 0) + 1
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:TAGS]


def _plan(connection: Connection, ask: service.Launch, now: datetime) -> Plan | None:
    """The dated plan; None where it cannot be dated, which `try_out` says."""
    try:
        return make_plan(ask.playbook, ask.day, now, ask.anchors, zones_of(connection, ask.shops))
    except BadCall:
        return None


def _steps(book: Playbook, plan: Plan | None) -> list[dict]:
    return [
        {
            "step": one.step.id, "title": views.title_of(one.step), "title_en": one.step.title.en if one.step.title else one.step.id, "stage": one.step.stage, "kind": one.step.kind, "role": book.role_of(one.step), "start": one.begin,
            "due": one.due, "rule": one.step.due.text if one.step.due else None, "every": span_text(one.step.every) if one.step.every else None, "provisional": one.provisional,
        }
        for one in (plan.steps if plan else ())
    ]  # fmt: skip


def _problem(book: Playbook, one: Problem) -> dict[str, Any]:
    step = next((step for step in book.steps if step.id == one.step), None)
    titles = (views.title_of(step), step.title.en if step.title else step.id) if step else None
    return one.to_json() | {"titles": titles}


def heads(shelf: Shelf) -> list[dict[str, str]]:
    """Every playbook with its titles and phase, without reading its steps; by phase and title."""
    found = [_head(key, path, path.stat().st_mtime_ns) for key, path in shelf.keys().items()]
    order = {phase: place for place, phase in enumerate(PHASES)}
    return sorted(found, key=lambda row: (order.get(row["phase"], len(order)), row["title"]))


@lru_cache(maxsize=512)
def _head(key: str, path: Path, _changed: int) -> dict[str, str]:
    """The head of a file. What cannot be read keeps its key: the form says what is wrong with it."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        said, _ = load("".join(match[0] for match in _HEAD.finditer(text + "\n")))
    except Trouble:
        said = {}
    said = said if isinstance(said, dict) else {}
    title = said.get("title") or key
    zh, en = (title.get("zh") or key, title.get("en") or key) if isinstance(title, dict) else (str(title), str(title))
    return {"key": key, "title": _TEMPLATE.sub("", str(zh)).strip() or key, "title_en": _TEMPLATE.sub("", str(en)).strip() or key, "phase": str(said.get("phase") or ""), "version": str(said.get("version") or 1)}
