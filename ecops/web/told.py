"""The one link of a message: what it was about, as it is now. Looking decides nothing; who it went to says that it arrived, and a gate is decided by a form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, case, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecops.errors import NotFound
from ecops.service import deliveries, notices, views
from ecops.service.frozen import frozen
from ecops.store import tables as t
from ecops.web import inbox, runpage
from ecops.web.desk import MAX_ID, Desk, page_number
from ecops.web.reader import fields, who
from ecops.web.times import midnight

ROWS = 100
STEPS = 50


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    told = Told(desk)
    return [Route("/told/{delivery:int}", told.show), Route("/deliveries/{delivery:int}/{verb}", told.act, methods=["POST"])]


@dataclass(frozen=True)
class Told:
    """The page of a delivery."""

    desk: Desk

    def show(self, request: Request) -> Response:
        """GET /told/{delivery}"""
        now = self.desk.clock()
        with self.desk.store.read() as connection:
            me = who(request, connection)
            shown = page_of(connection, request.path_params["delivery"], page_number(request), now) | {"people": inbox.people(connection)}
        return self.desk.page(request, "told.html", me, now, **shown)

    async def act(self, request: Request) -> Response:
        """POST /deliveries/{id}/acknowledge|again"""
        if request.path_params["verb"] not in ("acknowledge", "again") or request.path_params["delivery"] > MAX_ID:
            raise NotFound("There is no such page.")
        await fields(request)
        return await run_in_threadpool(self._act, request)

    def _act(self, request: Request) -> Response:
        me, number = self.desk.me(request), request.path_params["delivery"]
        does = deliveries.acknowledge if request.path_params["verb"] == "acknowledge" else deliveries.again
        return self.desk.done(request, does(self.desk.store, number, me.person, self.desk.clock()), f"/told/{number}")


def page_of(connection: Connection, number: int, page: int, now: datetime) -> dict[str, Any]:
    """A delivery with the items it was about, open ones first, ROWS a page, its steps and gates. Raises NotFound."""
    row = connection.execute(select(t.delivery).where(t.delivery.c.id == min(number, MAX_ID))).first()
    if row is None:
        raise NotFound(f"There is no delivery {number}; 'ecops delivery list' shows them.")
    rows = _items(connection, number, page, now)
    steps = _steps(connection, number)
    books = cache(lambda digest: frozen(connection, digest))
    digest = connection.execute(select(t.notice.c.id).where(t.notice.c.delivery == number, t.notice.c.kind == notices.DIGEST).limit(1)).first()
    before = views.checklist(connection, now, person=row.person, until=midnight(now, 2), limit=ROWS) if digest else []
    return {
        "delivery": row, "name": inbox.names(connection, t.person.c.person, t.person.c.name, {row.person}).get(row.person, row.person),
        "rows": inbox.dress(connection, rows[:ROWS], now), "more": len(rows) > ROWS, "page": page, "digest": bool(digest), "before": inbox.dress(connection, before, now),
        "gates": runpage.gates_of(connection, [one for one in steps if one.kind == "approval"], lambda one: books(one.digest)),
        "steps": [_step(books(one.digest), one, now) for one in steps if one.kind != "approval"],
    }  # fmt: skip


def _items(connection: Connection, number: int, page: int, now: datetime) -> list[dict]:
    about = select(t.notice.c.item).where(t.notice.c.delivery == number, t.notice.c.item != 0)
    query = select(t.item).where(t.item.c.id.in_(about)).order_by(case((t.item.c.state == "open", 0), else_=1), t.item.c.due_at, t.item.c.id)
    return [views.item_json(one, now) for one in connection.execute(query.limit(ROWS + 1).offset(ROWS * (page - 1)))]


def _steps(connection: Connection, number: int) -> Sequence[Any]:
    """The steps it was about as a whole."""
    about = select(t.notice.c.step_run).where(t.notice.c.delivery == number, t.notice.c.item == 0, t.notice.c.step_run.is_not(None))
    columns = (t.step_run, t.run.c.digest, t.run.c.title_zh, t.run.c.title_en)
    return connection.execute(select(*columns).join(t.run, t.run.c.run == t.step_run.c.run).where(t.step_run.c.id.in_(about)).order_by(t.step_run.c.due_at, t.step_run.c.id).limit(STEPS)).all()


def _step(book, row, now: datetime) -> dict:
    step = book.step(row.step)
    return {
        "run": row.run, "step": row.step, "title": views.title_of(step), "title_en": step.title.en if step.title else step.id, "run_title": row.title_zh, "run_title_en": row.title_en,
        "due": row.due_at, "state": row.state, "overdue": views.overdue(row, now),
    }  # fmt: skip
