"""10,000 items due in one minute: the sweep, the messages gathered a person and taken by a receiver on loopback, and the ledger; beside a bare insert of the same rows."""

import sqlite3
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy import select

from ecops.playbook.model import Playbook
from ecops.sending import Sender
from ecops.service import deliveries, people, shops, sweep
from ecops.service.launch import Launch, launch
from ecops.store import tables as t
from ecops.store.database import Store

NOW = datetime(2026, 11, 1, 1, tzinfo=UTC)
DUE = datetime(2026, 11, 10, 16, tzinfo=UTC)  # midnight in China
SHOPS, STEPS, PEOPLE = 1_000, 10, 50
ITEMS = SHOPS * STEPS
BOOK = {"playbook": "bench", "title": "测", "phase": "campaign", "steps": [{"id": f"s{step}", "checklist": [f"事项 {step}"], "due": "D", "escalate": [{"after": "0h", "to": "management"}]} for step in range(STEPS)]}


class Receiver(BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args) -> None:
        """Say nothing."""


def prepared(folder: Path, port: int) -> Store:
    """A store with the shops, each run by one of PEOPLE who is reached on `port`, and the run."""
    store = Store(f"sqlite:///{folder / 'ours.db'}")
    store.migrate()
    for number in range(PEOPLE):
        people.add(store, f"p{number}", f"人{number}", NOW)
        people.reach(store, f"p{number}", f"json://127.0.0.1:{port}/p{number}", "bench", NOW)
    for number in range(SHOPS):
        shops.add(store, f"s{number}", f"店{number}", "tmall", [], NOW)
        people.bind(store, "management", f"p{number % PEOPLE}", f"s{number}", NOW)
    launch(store, Launch(Playbook.model_validate(BOOK), date(2026, 11, 11), [f"s{number}" for number in range(SHOPS)]), NOW, "p0")
    return store


def bare(folder: Path) -> float:
    """Seconds of inserting and marking as many rows in one transaction of one SQLite file."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript("pragma journal_mode=wal; pragma synchronous=normal; create table told (id integer primary key, cause text, person text, unique (cause, person))")
    started = time.perf_counter()
    connection.execute("begin immediate")
    connection.executemany("insert into told (cause, person) values (?, ?)", [(f"timer:{number}", f"p{number % PEOPLE}") for number in range(ITEMS)])
    connection.execute("commit")
    return time.perf_counter() - started


def main() -> None:
    """Print seconds of each part, the ratio of the sweep to the bare insert, and what the ledger says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        store = prepared(Path(folder), server.server_port)
        started = time.perf_counter()
        fired = len(sweep.sweep(store, DUE).deliveries)
        swept = time.perf_counter() - started
        sender = Sender(store, lambda: DUE + timedelta(seconds=1), lambda: "http://127.0.0.1:8600")
        while sender.tick() or deliveries_left(store):
            pass
        sender.close()
        told = time.perf_counter() - started - swept
        with store.read() as connection:
            notices = len(connection.execute(select(t.notice.c.id).where(t.notice.c.state == "gathered")).all())
            ledger = Counter(row.state for row in connection.execute(select(t.delivery.c.state)))
        plain = bare(Path(folder))
        store.close()
    server.shutdown()
    print(f"{ITEMS} items due in one minute: {fired} rungs, swept in {swept:.2f} s (bare insert of the rows {plain:.2f} s, ratio {swept / plain:.0f}), {notices} notices")
    print(f"told in {told:.2f} s: {dict(ledger)} messages to {PEOPLE} people")


def deliveries_left(store: Store) -> int:
    """Messages that still wait or are under way."""
    with store.read() as connection:
        found = deliveries.counts(connection)
    return found.get("queued", 0) + found.get("sending", 0) + found["waiting"]


if __name__ == "__main__":
    main()
