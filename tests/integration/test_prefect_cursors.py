"""A failed or cancelled statement of the embedded Prefect server leaves no cursor behind that could freeze its event loop."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import pytest

from ecops.orchestration import cursors

BUSY_MS = 3_000


async def _refused(connection: aiosqlite.Connection) -> aiosqlite.Cursor:
    cursor = await connection.cursor()
    with pytest.raises(aiosqlite.IntegrityError):
        await cursor.execute("INSERT INTO t VALUES (1)")
    return cursor


async def _cancelled(connection: aiosqlite.Connection) -> aiosqlite.Cursor:
    cursor = await connection.cursor()
    reading = asyncio.ensure_future(cursor.execute("SELECT * FROM t"))
    await asyncio.sleep(0)  # the statement is on its way to the thread
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    return cursor


async def _waits_while_the_cursor_goes(database: Path, fail: Callable[[aiosqlite.Connection], Awaitable[aiosqlite.Cursor]]) -> None:
    """One connection has a transaction, another waits for it; the loop lets the second one's old cursor go, then ends the first's."""
    holder, waiter = [await aiosqlite.connect(database, isolation_level=None) for _ in range(2)]
    try:
        for connection in (holder, waiter):
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        await holder.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        await holder.execute("INSERT INTO t VALUES (1), (2)")
        cursor = await fail(waiter)
        await holder.execute("BEGIN IMMEDIATE")
        begun = threading.Event()
        await waiter.set_trace_callback(lambda _: begun.set())
        waiting = asyncio.ensure_future(waiter.execute("BEGIN IMMEDIATE"))
        await asyncio.to_thread(begun.wait)
        del cursor
        gc.collect()  # what failed is in a cycle with its traceback
        await holder.execute("COMMIT")
        await waiting  # "database is locked" where the loop waited for the waiter
        assert waiter.in_transaction
    finally:
        await holder.close()
        await waiter.close()


@pytest.mark.parametrize("fail", [_refused, _cancelled])
def test_a_waiting_connection_does_not_stop_the_loop(tmp_path, monkeypatch, fail):
    monkeypatch.setattr(aiosqlite.Connection, "_execute", aiosqlite.Connection._execute)  # put back afterwards
    cursors.close_failed_cursors()
    asyncio.run(_waits_while_the_cursor_goes(tmp_path / "any.db", fail))
