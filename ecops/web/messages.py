"""The ledger of messages: what was sent to whom, and what became of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecops.service import deliveries
from ecops.store import tables as t
from ecops.web import inbox, words
from ecops.web.desk import Desk, page_number
from ecops.web.reader import who

PAGE = 50


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""

    def ledger(request: Request) -> Response:
        """GET /messages"""
        now, asked, page = desk.clock(), request.query_params, page_number(request)
        state = asked.get("state") if asked.get("state") in words.DELIVERIES else None
        person, run = asked.get("person") or None, asked.get("run") or None
        with desk.store.read() as connection:
            me, everybody = who(request, connection), inbox.people(connection)
            rows = deliveries.listed(connection, person=person, state=state, run=run, limit=PAGE + 1, offset=PAGE * (page - 1))
            counted = deliveries.counts(connection)
            title = connection.execute(t.run.select().where(t.run.c.run == run)).first() if run else None
        names = {one["person"]: one["name"] for one in everybody}
        return desk.page(request, "messages.html", me, now, rows=rows[:PAGE], more=len(rows) > PAGE, page=page, counts=counted, state=state, person=person, run=run, run_row=title, people=everybody, names=names)

    return [Route("/messages", ledger)]
