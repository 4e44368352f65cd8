"""What people do to items and gates: one at a time from a row, many at once from the checklist."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ecops import evidence
from ecops.errors import BadCall, NotFound
from ecops.service import comments, gates, items, verify
from ecops.store import tables as t
from ecops.web.desk import MAX_ID, Desk
from ecops.web.reader import came_from, fields, fields_and_all, wants_fragment, wants_json

VERBS = ("done", "skip", "claim", "assign", "delegate", "reopen", "verify", "refute", "comment")
BULK = ("done", "claim", "assign")
MOST = 200  # rows of one page and then some


def routes(desk: Desk) -> list[Route]:
    """The routes of this file."""
    acts = ItemActs(desk)
    return [
        Route("/items/bulk", acts.bulk, methods=["POST"]),
        Route("/items/{item:int}/{verb}", acts.act, methods=["POST"]),
        Route("/steps/{step:int}/{verb}", acts.decide, methods=["POST"]),
    ]


@dataclass(frozen=True)
class ItemActs:
    """Writes; every one by the chosen person."""

    desk: Desk

    async def act(self, request: Request) -> Response:
        """POST /items/{id}/{verb}"""
        if request.path_params["verb"] not in VERBS or request.path_params["item"] > MAX_ID:
            raise NotFound("There is no such page.")
        sent = await fields(request)
        return await run_in_threadpool(self._act, request, sent)

    def _act(self, request: Request, sent: dict[str, Any]) -> Response:
        item, now, me = request.path_params["item"], self.desk.clock(), self.desk.me(request)
        if request.path_params["verb"] == "comment":
            said = comments.add(self.desk.store, item, me.person, sent.get("text") or "", now)
            return self.desk.row(request, me, item, now) if wants_fragment(request) else self.desk.done(request, said, f"/items/{item}")
        done = self._do(request.path_params["verb"], item, me.person, sent, now)
        if wants_json(request):
            return JSONResponse({"item": done.item, "state": done.state, "landed": done.landed, "by": done.by, "at": done.at.isoformat()})
        return self.desk.row(request, me, item, now) if wants_fragment(request) else RedirectResponse(came_from(request), 303)

    def _do(self, verb: str, item: int, by: str, sent: dict[str, Any], now: datetime) -> items.Ticked:
        store, text = self.desk.store, {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
        if verb == "done":
            kept = self._file(item, sent)
            proof = items.Proof(text.get("value") or None, text.get("link") or None, kept and kept.name, text.get("note") or None, kept and kept.size)
            return items.complete(store, item, by, proof, now)
        if verb in ("assign", "delegate"):
            return (items.assign if verb == "assign" else items.delegate)(store, item, text.get("to", ""), by, now)
        if verb == "claim":
            return items.claim(store, item, by, now)
        if verb in ("verify", "refute"):
            return verify.vouch(store, item, by, text.get("note", ""), now, refute=verb == "refute")
        return (items.skip if verb == "skip" else items.reopen)(store, item, by, text.get("reason", ""), now)

    def _file(self, item: int, sent: dict[str, Any]) -> evidence.Kept | None:
        """Keep a file that was brought, if the item still asks for one and allows its size."""
        file = sent.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            return None
        with self.desk.store.read() as connection:
            row = items.find(connection, item)
        if row.state != "open" or row.evidence["type"] != "file":
            return None
        return evidence.keep(self.desk.home, file.filename, file.file, evidence.most_bytes(row.evidence))

    async def bulk(self, request: Request) -> Response:
        """POST /items/bulk: `item` many times, `verb`, and `to` for whom."""
        sent, chosen = await fields_and_all(request, "item", MOST)
        return await run_in_threadpool(self._bulk, request, sent, chosen)

    def _bulk(self, request: Request, sent: dict[str, Any], chosen: Sequence[str]) -> Response:
        now, me, verb = self.desk.clock(), self.desk.me(request), sent.get("verb")
        numbers = [int(one) for one in dict.fromkeys(chosen) if one.isascii() and one.isdigit() and int(one) <= MAX_ID]
        if not numbers or len(numbers) < len(set(chosen)) or verb not in BULK:
            raise BadCall("Choose the items first.")
        if verb == "done":
            self._plain(numbers)
            count = items.complete_all(self.desk.store, dict.fromkeys(numbers, items.Proof()), me.person, now)
        elif verb == "claim":
            count = items.claim_all(self.desk.store, numbers, me.person, now)
        else:
            count = items.assign_all(self.desk.store, numbers, (sent.get("to") or "").strip(), me.person, now)
        return self.desk.done(request, {"items": count, "by": me.person, "at": now.isoformat()}, "/")

    def _plain(self, numbers: Sequence[int]) -> None:
        """Refuse those that a tick alone does not close, by their names."""
        with self.desk.store.read() as connection:
            rows = connection.execute(select(t.item.c.title_zh, t.item.c.evidence).where(t.item.c.id.in_(numbers)).order_by(t.item.c.id)).all()
        asking = [row.title_zh for row in rows if row.evidence["type"] != "tick" and row.evidence["required"]]
        if asking:
            raise BadCall(f"{len(asking)} of the chosen items need evidence and are closed one by one: {asking[0][:80]}.")

    async def decide(self, request: Request) -> Response:
        """POST /steps/{id}/approve|reject"""
        if request.path_params["verb"] not in ("approve", "reject") or request.path_params["step"] > MAX_ID:
            raise NotFound("There is no such page.")
        sent = await fields(request)
        return await run_in_threadpool(self._decide, request, sent)

    def _decide(self, request: Request, sent: dict[str, Any]) -> Response:
        me = self.desk.me(request)
        made = gates.decide(self.desk.store, request.path_params["step"], me.person, request.path_params["verb"], (sent.get("reason") or "").strip() or None, self.desk.clock())
        return self.desk.done(request, made, "/runs")
