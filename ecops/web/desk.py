"""What every page needs: the store, the clock, who reads, and templates in the reader's language."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ecops.quantity import span_words
from ecops.store.database import Store
from ecops.web import inbox, runpage, times, words
from ecops.web.reader import LANG, Me, NotChosen, came_from, lang, remember, wants_json, who

HERE = Path(__file__).parent
MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Desk:
    """What a page is made with. `prefect_ui` gives the link of a flow run, or None; `playbooks` is the team's own folder."""

    store: Store
    home: Path
    clock: Callable[[], datetime]
    prefect_ui: Callable[[str], str | None]
    playbooks: Path

    def me(self, request: Request) -> Me:
        """The person at the page. Raises NotChosen."""
        with self.store.read() as connection:
            me = who(request, connection)
        if me is None:
            raise NotChosen("Choose who you are first.")
        return me

    def page(self, request: Request, template: str, me: Me | None, now: datetime, status: int = 200, **shown: Any) -> HTMLResponse:
        """A template in the reader's language. A language asked for in the address is remembered."""
        tongue = lang(request)
        shown |= {
            "request": request, "me": me, "now": now, "lang": tongue, "_": partial(words.say, tongue), "role": partial(words.role, tongue), "near": partial(times.near, now=now, lang=tongue),
            "span": partial(span_words, lang=tongue), "local": times.local, "link": partial(_link, request), "today": times.today(now, tongue), "zh": tongue == "zh",
            "said_in": partial(words.sentence, tongue),
        }  # fmt: skip
        response = HTMLResponse(_templates().get_template(template).render(shown), status, {"Cache-Control": "no-store", "Vary": "Cookie, X-Requested-With, Accept"})
        if request.query_params.get("lang") in words.LANGS:
            remember(request, response, LANG, tongue)
        return response

    def row(self, request: Request, me: Me | None, item: int, now: datetime, status: int = 200, notice: str = "") -> Response:
        """One item's row, for the script to swap in."""
        with self.store.read() as connection:
            row, people = inbox.one(connection, item, now), inbox.people(connection)
        response = self.page(request, "_item.html", me, now, status, row=row, people=people, notice=notice, swapped=True, choosing=request.headers.get("x-choosing") == "yes")
        response.headers["X-Swap"] = "row"
        return response

    def done(self, request: Request, made: Any, back: str) -> Response:
        """After a write: JSON for a program, for a person the page they were on, or `back`."""
        return JSONResponse(made) if wants_json(request) else RedirectResponse(came_from(request, back), 303)


@cache
def _templates() -> Environment:
    """Escaped always; a name nobody gave is a mistake."""
    found = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["short"] = times.short
    found.globals.update(words=words, anchor_text=runpage.anchor_text)
    return found


def page_number(request: Request) -> int:
    """Which page of a list is asked for; 1 for what is no number."""
    asked = request.query_params.get("page", "1")
    return max(1, min(int(asked), 100_000)) if asked.isascii() and asked.isdigit() else 1


def _link(request: Request, **changes: Any) -> str:
    """This page's address with other parameters; any change goes back to the first page."""
    asked = {name: value for name, value in request.query_params.items() if name not in ("page", "lang", "who")} | changes
    kept = {name: value for name, value in asked.items() if value not in (None, "")}
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")
