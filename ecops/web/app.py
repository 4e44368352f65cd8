"""The pages: today's checklist, runs and their timelines. Server-rendered; a small script saves the reload."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ecops.errors import BadCall, EcopsError, NotFound
from ecops.playbook.model import ROLES
from ecops.quantity import span_words
from ecops.service import gates, items
from ecops.store.database import Store
from ecops.web import evidence, inbox, runpage, times, words
from ecops.web.guard import Guard
from ecops.web.reader import LANG, PERSON, Me, NotChosen, came_from, fields, lang, remember, wants_fragment, wants_json, who

_HERE = Path(__file__).parent
_MAX_ID = 2**63 - 1


def make_app(store: Store, home: Path, clock: Callable[[], datetime], prefect_ui: Callable[[str], str | None], allowed_hosts: Iterable[str] = ()) -> Starlette:
    """The pages over a store. `prefect_ui` gives the link of a flow run, or None; `allowed_hosts` are names beside localhost."""
    return Pages(store, home, clock, prefect_ui).app(allowed_hosts)


@dataclass(frozen=True)
class Pages:
    """What every page needs."""

    store: Store
    home: Path
    clock: Callable[[], datetime]
    prefect_ui: Callable[[str], str | None]

    def app(self, allowed_hosts: Iterable[str]) -> Starlette:
        """Routes, guard, errors."""
        routes = [
            Route("/", self.checklist),
            Route("/who", self.choose, methods=["POST"]),
            Route("/items/{item:int}/{verb}", self.act, methods=["POST"]),
            Route("/steps/{step:int}/{verb}", self.decide, methods=["POST"]),
            Route("/runs", self.runs),
            Route("/runs/{run}", self.run),
            Route("/runs/{run}/steps/{step}", self.step),
            Route("/evidence/{name}", self.evidence),
            Route("/healthz", lambda request: PlainTextResponse("ok")),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]
        handlers = {EcopsError: self.refuse, HTTPException: self.missing}
        return Starlette(routes=routes, middleware=[Middleware(Guard, allowed_hosts=allowed_hosts)], exception_handlers=handlers)

    # --- reading -------------------------------------------------------------------------------------------------

    def checklist(self, request: Request) -> Response:
        """GET /"""
        now, asked = self.clock(), request.query_params
        with self.store.read() as connection:
            me = who(request, connection)
            chosen = asked.get("person") or (me.person if me else "*")
            shop = asked.get("shop", "").strip()
            when = asked.get("when") if asked.get("when") in inbox.WHENS else "today"
            wanted = inbox.Filter(None if chosen == "*" else chosen, asked.get("role") or None, inbox.find_shop(connection, shop) if shop else None, when, _page(request))
            rows, more = inbox.page_of(connection, wanted, now)
            shown = {"rows": rows, "more": more, "asked": wanted, "chosen": chosen, "shop_words": shop, "counts": inbox.counts(connection, wanted, now), "cap": inbox.COUNT_CAP, "people": inbox.people(connection), "shops": inbox.shops(connection), "roles": list(ROLES)}
        return self.page(request, "checklist.html", me, now, **shown)

    def runs(self, request: Request) -> Response:
        """GET /runs"""
        with self.store.read() as connection:
            me, rows = who(request, connection), runpage.run_list(connection)
        return self.page(request, "runs.html", me, self.clock(), rows=rows)

    def run(self, request: Request) -> Response:
        """GET /runs/{run}"""
        now = self.clock()
        with self.store.read() as connection:
            me, shown = who(request, connection), runpage.run_page(connection, request.path_params["run"], now)
        flow_run = shown["run"].prefect_flow_run
        return self.page(request, "run.html", me, now, prefect=self.prefect_ui(flow_run) if flow_run else None, **shown)

    def step(self, request: Request) -> Response:
        """GET /runs/{run}/steps/{step}: a fragment for the script, else a page."""
        now = self.clock()
        with self.store.read() as connection:
            me = who(request, connection)
            shown = runpage.step_page(connection, request.path_params["run"], request.path_params["step"], _page(request), now) | {"people": inbox.people(connection)}
        return self.page(request, "_step.html" if wants_fragment(request) else "step.html", me, now, **shown)

    def evidence(self, request: Request) -> Response:
        """GET /evidence/{name}: always a download, never shown by the browser."""
        found = evidence.stored(self.home, request.path_params["name"])
        if found is None:
            raise NotFound("There is no such page.")
        return FileResponse(found, media_type="application/octet-stream", filename=found.name, content_disposition_type="attachment")

    # --- doing ---------------------------------------------------------------------------------------------------

    async def choose(self, request: Request) -> Response:
        """POST /who"""
        person = (await fields(request)).get("person") or ""
        response = RedirectResponse(_without(came_from(request), "person", "who"), 303)
        remember(request, response, PERSON, person)
        return response

    async def act(self, request: Request) -> Response:
        """POST /items/{id}/{verb}"""
        if request.path_params["verb"] not in ("done", "skip", "claim", "assign", "reopen") or request.path_params["item"] > _MAX_ID:
            raise NotFound("There is no such page.")
        sent = await fields(request)
        return await run_in_threadpool(self._act, request, sent)

    def _act(self, request: Request, sent: dict[str, Any]) -> Response:
        item, now = request.path_params["item"], self.clock()
        me = self._me(request)
        done = self._do(request.path_params["verb"], item, me.person, sent, now)
        if wants_json(request):
            return JSONResponse({"item": done.item, "state": done.state, "landed": done.landed, "by": done.by, "at": done.at.isoformat()})
        return self._row(request, me, item, now) if wants_fragment(request) else RedirectResponse(came_from(request), 303)

    def _do(self, verb: str, item: int, by: str, sent: dict[str, Any], now: datetime) -> items.Ticked:
        text = {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
        if verb == "done":
            return items.complete(self.store, item, by, items.Proof(text.get("value") or None, text.get("link") or None, self._file(item, sent), text.get("note") or None), now)
        if verb == "assign":
            return items.assign(self.store, item, text.get("to", ""), by, now)
        if verb == "claim":
            return items.claim(self.store, item, by, now)
        return (items.skip if verb == "skip" else items.reopen)(self.store, item, by, text.get("reason", ""), now)

    def _file(self, item: int, sent: dict[str, Any]) -> str | None:
        """Keep a file that was brought, if the item still asks for one."""
        file = sent.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            return None
        with self.store.read() as connection:
            row = items.find(connection, item)
        if row.state != "open" or row.evidence["type"] != "file":
            return None
        return evidence.keep(self.home, file.filename, file.file)

    async def decide(self, request: Request) -> Response:
        """POST /steps/{id}/approve|reject"""
        if request.path_params["verb"] not in ("approve", "reject") or request.path_params["step"] > _MAX_ID:
            raise NotFound("There is no such page.")
        sent = await fields(request)
        return await run_in_threadpool(self._decide, request, sent)

    def _decide(self, request: Request, sent: dict[str, Any]) -> Response:
        me = self._me(request)
        made = gates.decide(self.store, request.path_params["step"], me.person, request.path_params["verb"], (sent.get("reason") or "").strip() or None, self.clock())
        return JSONResponse(made) if wants_json(request) else RedirectResponse(came_from(request, "/runs"), 303)

    def _me(self, request: Request) -> Me:
        with self.store.read() as connection:
            me = who(request, connection)
        if me is None:
            raise NotChosen("Choose who you are first.")
        return me

    # --- answering -----------------------------------------------------------------------------------------------

    def page(self, request: Request, template: str, me: Me | None, now: datetime, status: int = 200, **shown: Any) -> HTMLResponse:
        """A template in the reader's language. A language asked for in the address is remembered."""
        tongue = lang(request)
        shown |= {
            "request": request, "me": me, "now": now, "lang": tongue, "_": partial(words.say, tongue), "role": partial(words.role, tongue), "near": partial(times.near, now=now, lang=tongue),
            "span": partial(span_words, lang=tongue), "local": times.local, "link": partial(_link, request), "today": times.today(now, tongue), "zh": tongue == "zh",
        }  # fmt: skip
        response = HTMLResponse(_templates().get_template(template).render(shown), status, {"Cache-Control": "no-store", "Vary": "Cookie, X-Requested-With, Accept"})
        if request.query_params.get("lang") in words.LANGS:
            remember(request, response, LANG, tongue)
        return response

    def _row(self, request: Request, me: Me | None, item: int, now: datetime, status: int = 200, notice: str = "") -> Response:
        with self.store.read() as connection:
            row, people = inbox.one(connection, item, now), inbox.people(connection)
        response = self.page(request, "_item.html", me, now, status, row=row, people=people, notice=notice, swapped=True)
        response.headers["X-Swap"] = "row"
        return response

    async def refuse(self, request: Request, error: EcopsError) -> Response:
        """Every EcopsError, once: its status, its sentence, and the current row when someone was first."""
        return await run_in_threadpool(self._refuse, request, error)

    def _refuse(self, request: Request, error: EcopsError) -> Response:
        row = self._current(request) if error.http == 409 else None
        said = self._said(request, error, row)
        if wants_json(request):
            return JSONResponse({"error": said, "landed": False} | (_by_whom(row) if row else {}), error.http)
        with self.store.read() as connection:
            me = who(request, connection)
        if wants_fragment(request):
            return self._row(request, me, row["item"], self.clock(), 409, said) if row else self.page(request, "_says.html", me, self.clock(), error.http, said=said)
        with self.store.read() as connection:
            people = inbox.people(connection)
        return self.page(request, "problem.html", me, self.clock(), error.http, said=said, row=row, people=people, back=came_from(request), status_code=error.http)

    def _current(self, request: Request) -> dict | None:
        if request.path_params.get("item", _MAX_ID) >= _MAX_ID:
            return None
        with self.store.read() as connection, suppress(NotFound):
            return inbox.one(connection, request.path_params["item"], self.clock())
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


@cache
def _templates() -> Environment:
    """Escaped always; a name nobody gave is a mistake."""
    found = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["short"] = times.short
    found.globals.update(words=words, anchor_text=runpage.anchor_text)
    return found


def _by_whom(row: dict) -> dict[str, Any]:
    return {"item": row["item"], "state": row["state"], "by": row["closed_by"], "by_name": row["closed_name"], "at": row["closed_at"], "assignee": row["assignee"], "row": row}


def _page(request: Request) -> int:
    asked = request.query_params.get("page", "1")
    return max(1, min(int(asked), 100_000)) if asked.isascii() and asked.isdigit() else 1


def _link(request: Request, **changes: Any) -> str:
    """This page's address with other parameters; any change goes back to the first page."""
    asked = {name: value for name, value in request.query_params.items() if name not in ("page", "lang", "who")} | changes
    kept = {name: value for name, value in asked.items() if value not in (None, "")}
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def _without(address: str, *names: str) -> str:
    path, _, query = address.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return path + (f"?{'&'.join(kept)}" if kept else "")
