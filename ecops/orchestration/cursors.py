"""Keeps a statement that failed from freezing the embedded Prefect server for a minute.

aiosqlite gives each connection a thread; whoever waits for another connection's lock there sleeps inside SQLite (for up to the
60 s that Prefect allows) and holds its own connection's mutex meanwhile. A cursor whose statement failed or was cancelled
stays alive in its exception's traceback, which is a cycle: Python's collector frees it some time later, in the thread of the
event loop, and to reset its statement takes that mutex. If the connection is waiting just then, the loop waits for it, and it
waits for a transaction that only the loop can end. So such a cursor is closed at once, in its connection's own thread.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any


def close_failed_cursors() -> None:
    """Teach aiosqlite, in this process and before it connects, to close the cursor of a statement that failed or was cancelled."""
    from aiosqlite.core import Connection

    queue = Connection._execute

    async def execute(self: Connection, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        cursor = getattr(call, "__self__", None)
        if not isinstance(cursor, sqlite3.Cursor):
            return await queue(self, call, *args, **kwargs)
        try:
            return await queue(self, _closing(cursor, call), *args, **kwargs)
        except asyncio.CancelledError:
            self._tx.put_nowait((None, cursor.close))  # after what the thread is doing for it now
            raise

    Connection._execute = execute  # type: ignore[method-assign]


def _closing(cursor: sqlite3.Cursor, call: Callable[..., Any]) -> Callable[..., Any]:
    def closing(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except sqlite3.Error:
            cursor.close()
            raise

    return closing
