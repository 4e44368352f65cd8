"""The pages: today's checklist, runs and their timelines, people, messages, launches. Server-rendered; a small script saves the reload."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ecops import evidence
from ecops.errors import BadCall, EcopsError, NotFound
from ecops.playbook.model import ROLES
from ecops.service.voices import to_decide
from ecops.store.database import Store
from ecops.web import inbox, itemacts, itempage, launch, messages, people, replan, runpage, times, told, waiting, words
from ecops.web.desk import HERE, MAX_ID, Desk, page_number
from ecops.web.guard import Guard
from ecops.web.reader import PERSON, came_from, fields, lang, remember, wants_fragment, wants_json, who

PARTS = (itemacts, itempage, told, people, waiting, messages, replan, launch)


def make_app(store: Store, home: Path, clock: Callable[[], datetime], prefect_ui: Callable[[str], str | None], allowed_hosts: Iterable[str] = (), playbooks: Path | None = None) -> Starlette:
    """The pages over a store. `prefect_ui` gives the link of a flow run, or None; `allowed_hosts` are names beside localhost; `playbooks` the team's own."""
    return Pages(Desk(store, home, clock, prefect_ui, playbooks or home / "playbooks")).app(allowed_hosts)


@dataclass(frozen=True)
class Pages:
    """Checklist and runs; every other noun has a file of its own, which gives its routes."""

    desk: Desk

    def app(self, allowed_hosts: Iterable[str]) -> Starlette:
        """Routes, guard, errors."""
        routes = [
            Route("/", self.checklist),
            Route("/who", self.choose, methods=["POST"]),
            *(route for part in PARTS for route in part.routes(self.desk)),
            Route("/runs", self.runs),
            Route("/runs/{run}", self.run),
            Route("/runs/{run}/steps/{step}", self.step),
            Route("/evidence/{name}", self.evidence),
            Route("/healthz", lambda request: PlainTextResponse("ok")),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        handlers = {EcopsError: self.refuse, HTTPException: self.missing}
        return Starlette(routes=routes, middleware=[Middleware(Guard, allowed_hosts=allowed_hosts)], exception_handlers=handlers)

    # --- reading -------------------------------------------------------------------------------------------------

    def checklist(self, request: Request) -> Response:
        """GET /"""
        now, asked = self.desk.clock(), request.query_params
        with self.desk.store.read() as connection:
            me = who(request, connection)
            chosen = asked.get("person") or (me.person if me else "*")
            shop = asked.get("shop", "").strip()
            when = asked.get("when") if asked.get("when") in inbox.WHENS else "today"
            wanted = inbox.Filter(None if chosen == "*" else chosen, asked.get("role") or None, inbox.find_shop(connection, shop) if shop else None, when, page_number(request))
            rows, more = inbox.page_of(connection, wanted, now)
            gates = to_decide(connection, chosen, now) if wanted.person and wanted.page == 1 else []
            shown = {"rows": rows, "more": more, "gates": gates, "asked": wanted, "chosen": chosen, "shop_words": shop, "counts": inbox.counts(connection, wanted, now), "cap": inbox.COUNT_CAP, "people": inbox.people(connection), "shops": inbox.shops(connection), "roles": list(ROLES)}
        return self.desk.page(request, "checklist.html", me, now, **shown)

    def runs(self, request: Request) -> Response:
        """GET /runs"""
        with self.desk.store.read() as connection:
            me, rows = who(request, connection), runpage.run_list(connection)
        return self.desk.page(request, "runs.html", me, self.desk.clock(), rows=rows)

    def run(self, request: Request) -> Response:
        """GET /runs/{run}"""
        now = self.desk.clock()
        with self.desk.store.read() as connection:
            me, shown = who(request, connection), runpage.run_page(connection, request.path_params["run"], now)
        flow_run = shown["run"].prefect_flow_run
        return self.desk.page(request, "run.html", me, now, prefect=self.desk.prefect_ui(flow_run) if flow_run else None, **shown)

    def step(self, request: Request) -> Response:
        """GET /runs/{run}/steps/{step}: a fragment for the script, else a page."""
        now = self.desk.clock()
        with self.desk.store.read() as connection:
            me = who(request, connection)
            shown = runpage.step_page(connection, request.path_params["run"], request.path_params["step"], page_number(request), now) | {"people": inbox.people(connection)}
        return self.desk.page(request, "_step.html" if wants_fragment(request) else "step.html", me, now, **shown)

    def evidence(self, request: Request) -> Response:
        """GET /evidence/{name}: always a download, never shown by the browser."""
        found = evidence.stored(self.desk.home, request.path_params["name"])
        if found is None:
            raise NotFound("There is no such page.")
        return FileResponse(found, media_type="application/octet-stream", filename=found.name, content_disposition_type="attachment")

    async def choose(self, request: Request) -> Response:
        """POST /who"""
        person = (await fields(request)).get("person") or ""
        response = RedirectResponse(_without(came_from(request), "person", "who"), 303)
        remember(request, response, PERSON, person)
        return response

    # --- refusing ------------------------------------------------------------------------------------------------

    async def refuse(self, request: Request, error: EcopsError) -> Response:
        """Every EcopsError, once: its status, its sentence, and the current row when someone was first."""
        return await run_in_threadpool(self._refuse, request, error)

    def _refuse(self, request: Request, error: EcopsError) -> Response:
        row = self._current(request) if error.http == 409 else None
        said, now = self._said(request, error, row), self.desk.clock()
        if wants_json(request):
            return JSONResponse({"error": said, "landed": False} | (_by_whom(row) if row else {}), error.http)
        with self.desk.store.read() as connection:
            me, everybody = who(request, connection), inbox.people(connection)
        if wants_fragment(request):
            return self.desk.row(request, me, row["item"], now, 409, said) if row else self.desk.page(request, "_says.html", me, now, error.http, said=said)
        return self.desk.page(request, "problem.html", me, now, error.http, said=said, row=row, people=everybody, back=came_from(request), status_code=error.http)

    def _current(self, request: Request) -> dict | None:
        if request.path_params.get("item", MAX_ID) >= MAX_ID:
            return None
        with self.desk.store.read() as connection, suppress(NotFound):
            return inbox.one(connection, request.path_params["item"], self.desk.clock())
        return None

    def _said(self, request: Request, error: EcopsError, row: dict | None) -> str:
        tongue = lang(request)
        if row and row["state"] in ("done", "skipped") and "was already" in str(error):
            word, at = {"done": ("完成", "done"), "skipped": ("跳过", "skipped")}[row["state"]], times.short(row["closed_at"])
            return f"已由 {row['closed_name']} 于 {at} {word[0]}" if tongue == "zh" else f"Already {word[1]} by {row['closed_name']} at {at}"
        if row and "already taken" in str(error):
            return f"已由 {row['assignee_name']} 认领" if tongue == "zh" else f"Already taken by {row['assignee_name']}"
        return words.sentence(tongue, str(error))

    async def missing(self, request: Request, error: HTTPException) -> Response:
        """What Starlette itself refuses."""
        if error.status_code == 404:
            return await self.refuse(request, NotFound("There is no such page."))
        if error.status_code == 400:
            return await self.refuse(request, BadCall(str(error.detail)))
        return PlainTextResponse(str(error.detail), error.status_code, error.headers)


def _by_whom(row: dict) -> dict[str, Any]:
    return {"item": row["item"], "state": row["state"], "by": row["closed_by"], "by_name": row["closed_name"], "at": row["closed_at"], "assignee": row["assignee"], "row": row}


def _without(address: str, *names: str) -> str:
    path, _, query = address.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return path + (f"?{'&'.join(kept)}" if kept else "")
