"""Who waits for whom: what waits for the open work of a person, and what their own next work waits for."""

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecops.service.waiting import waiting
from ecops.store import tables as t
from ecops.web import inbox
from ecops.web.desk import Desk
from ecops.web.reader import who

ROWS = 100


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""

    def show(request: Request) -> Response:
        """GET /waiting: of the person at the page, or of `person`."""
        now = desk.clock()
        with desk.store.read() as connection:
            me, everybody = who(request, connection), inbox.people(connection)
            asked = request.query_params.get("person") or (me.person if me else "")
            chosen = connection.execute(select(t.person).where(t.person.c.person == asked)).first()
            found = waiting(connection, chosen.person, now) if chosen else {"waits_for_me": [], "i_wait_for": [], "to_decide": []}
            shops = inbox.names(connection, t.shop.c.shop, t.shop.c.name, {shop for rows in (found["waits_for_me"], found["i_wait_for"]) for row in rows[:ROWS] for shop in row["shops"]})
        names = {one["person"]: one["name"] for one in everybody}
        sides = [("等我", "then", _urgent(found["waits_for_me"])), ("我在等", "first", _urgent(found["i_wait_for"]))]
        return desk.page(request, "waiting.html", me, now, chosen=chosen, people=everybody, sides=sides, gates=found["to_decide"], names=names, shop_names=shops, most=ROWS)

    return [Route("/waiting", show)]


def _urgent(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["due"] is None, row["due"] or ""))
