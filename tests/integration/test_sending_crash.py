"""A clock killed between claim, send and record: the ledger tells the truth, and nobody gets a rung twice; on both databases, with a receiver on loopback."""

import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from werkzeug import Response

from ecops.people import channel
from ecops.sending import Sender
from ecops.service import deliveries, people, sweep
from ecops.store import tables as t
from tests.integration.stores import CHINA, NOW, playbook, rows, start, store  # noqa: F401

ROOT = Path(__file__).parents[2]
DUE = datetime(2026, 11, 10, 18, tzinfo=CHINA)
STEP = {"id": "one", "checklist": ["x"], "role": "supply", "due": "day - 1d 18:00", "remind": ["-1h"], "escalate": [{"after": "0h", "to": "supply"}]}


@pytest.fixture
def told(store, httpserver):
    """A run whose rungs are due, told to Cat over a receiver; gives the store and the words that arrived."""
    arrived: list[str] = []

    def take(request) -> Response:
        arrived.append(request.get_json()["message"])
        return Response("{}", 200)

    httpserver.expect_request("/cat").respond_with_handler(take)
    people.reach(store, "cat", f"json://127.0.0.1:{httpserver.port}/cat", "test", NOW)
    people.settle(store, "cat", "test", NOW, digests=False)
    start(store, playbook(STEP))
    return store, arrived


def child(store, point: str) -> subprocess.CompletedProcess:
    url = store.engine.url.render_as_string(hide_password=False)
    return subprocess.run([sys.executable, "-m", "tests.integration.sending_child", url, DUE.isoformat(), point], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def go_on(store) -> None:
    """Another clock, at once and when every lease has ended."""
    for now in (DUE, DUE + timedelta(minutes=1), DUE + deliveries.LEASE * 2, DUE + timedelta(hours=1)):
        sweep.sweep(store, now)
        sender = Sender(store, lambda at=now: at, lambda: "http://pages")
        sender.tick()
        sender.close()


@pytest.mark.parametrize(("point", "ends"), [("firing", "sent"), ("gathering", "sent"), ("claimed", "uncertain"), ("sent", "uncertain"), ("recording", "uncertain"), ("none", "sent")])
def test_killed_at_a_named_point(told, point, ends):
    store, arrived = told
    ended = child(store, point)
    assert ended.returncode == (0 if point == "none" else -9), ended.stderr[-800:]
    reached = len(arrived)
    assert reached == (1 if point in ("sent", "recording", "none") else 0)
    go_on(store)
    # what may have arrived is not sent again, what never began to be sent is, once; the ledger says which
    assert len(arrived) == (0 if point == "claimed" else 1)
    assert [(row.person, row.state, row.notices) for row in rows(store, t.delivery)] == [("cat", ends, 2)]
    assert Counter((row.kind, row.state) for row in rows(store, t.notice)) == {("remind", "gathered"): 1, ("escalate", "gathered"): 1}
    assert Counter(row.what for row in rows(store, t.event) if row.what in ("step.reminded", "step.escalated")) == {"step.reminded": 1, "step.escalated": 1}
    assert all(body.count("· x") == 2 for body in arrived)


def test_a_receiver_that_never_answers_leaves_it_uncertain(store, httpserver, monkeypatch):
    hung = threading.Event()
    httpserver.expect_request("/cat").respond_with_handler(lambda request: hung.wait(10) and Response("{}", 200))
    people.reach(store, "cat", f"json://127.0.0.1:{httpserver.port}/cat", "test", NOW)
    people.settle(store, "cat", "test", NOW, digests=False)
    start(store, playbook(STEP))
    real = channel.send
    monkeypatch.setattr(channel, "send", lambda url, title, body: real(url, title, body, timeout=0.3))
    go_on(store)
    hung.set()
    assert [(row.state, row.attempts) for row in rows(store, t.delivery)] == [("uncertain", 1)]
