"""A tick in the service beside a bare transaction of the same two rows, on one SQLite file: milliseconds, and the ratio."""

import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from ecops.playbook.model import Playbook
from ecops.service import items, people, shops
from ecops.service.launch import Launch, launch
from ecops.store.database import Store

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TICKS = 1_000
BOOK = {"playbook": "bench", "title": "测", "phase": "campaign", "steps": [{"id": f"s{step}", "checklist": [f"事项 {item}" for item in range(10)], "due": "D"} for step in range(100)]}


def ours(folder: Path) -> list[float]:
    """Seconds of each of the first TICKS ticks, among as many open items."""
    store = Store(f"sqlite:///{folder / 'ours.db'}")
    store.migrate()
    shops.add(store, "demo", "演示", "tmall", [], NOW)
    people.add(store, "li", "李雷", NOW)
    launch(store, Launch(Playbook.model_validate(BOOK), date(2026, 11, 11), ["demo"]), NOW, "li")
    return [_timed(lambda item=item: items.complete(store, item, "li", items.Proof(), NOW)) for item in range(1, TICKS + 1)]


def bare(folder: Path) -> list[float]:
    """Seconds of an update and an insert in one immediate transaction, on the same kind of file."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.executescript("pragma journal_mode=wal; pragma synchronous=normal; create table item (id integer primary key, state text); create table event (id integer primary key, item int)")
    connection.executemany("insert into item values (?, 'open')", [(number,) for number in range(TICKS)])

    def tick(item: int) -> None:
        connection.execute("begin immediate")
        connection.execute("update item set state = 'done' where id = ? and state = 'open'", (item,))
        connection.execute("insert into event (item) values (?)", (item,))
        connection.execute("commit")

    return [_timed(lambda item=item: tick(item)) for item in range(TICKS)]


def _timed(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Print p50 and p99 of both."""
    with tempfile.TemporaryDirectory() as folder:
        rows = {"ecops": ours(Path(folder)), "bare SQLite": bare(Path(folder))}
    print(f"{'a tick':16}{'p50 ms':>10}{'p99 ms':>10}")
    for name, seconds in rows.items():
        print(f"{name:16}{statistics.median(seconds) * 1000:>10.2f}{statistics.quantiles(seconds, n=100)[98] * 1000:>10.2f}")
    print(f"ratio of medians {statistics.median(rows['ecops']) / statistics.median(rows['bare SQLite']):.1f}")


if __name__ == "__main__":
    main()
