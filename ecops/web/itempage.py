"""One item with all that belongs to it: what was claimed and verified, what was said, what happened."""

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecops.errors import NotFound
from ecops.service import history
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.desk import MAX_ID, Desk
from ecops.web.reader import who

EVENTS = 200


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""

    def show(request: Request) -> Response:
        """GET /items/{id}"""
        now, number = desk.clock(), request.path_params["item"]
        if number > MAX_ID:
            raise NotFound("There is no such page.")
        with desk.store.read() as connection:
            me, everybody = who(request, connection), inbox.people(connection)
            told, row = history.of_item(connection, number, now), inbox.one(connection, number, now)
            step = connection.execute(select(t.step_run.c.state).where(t.step_run.c.id == told["step_run"])).scalar_one()
        names = {one["person"]: one["name"] for one in everybody}
        return desk.page(request, "item.html", me, now, told=told, row=row, step_state=step, people=everybody, names=names, events=told["events"][-EVENTS:])

    return [Route("/items/{item:int}", show)]
