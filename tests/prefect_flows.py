"""Tiny flows for the tests of the worker, found by module path like the real ones."""

import asyncio
import os
import threading
from pathlib import Path
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run as current

from ecops.orchestration.worker import run_bar_task, run_step, sleep_until


def _note(book: str, line: str) -> None:
    with Path(book).open("a") as page:
        page.write(line + "\n")


def _asleep_before(book: str) -> bool:
    return Path(book).exists() and "slept" in Path(book).read_text()


@flow
async def nothing() -> None:
    """Does nothing: what a wake costs at least."""


@flow
async def note(book: str, line: str = "ran") -> None:
    """Writes a line."""
    _note(book, f"{line} {os.getpid()} {threading.current_thread().name}")


@flow
async def raising(book: str) -> None:
    """Raises."""
    _note(book, "raised")
    raise ValueError("货品为空")


@flow
async def meeting(book: str, guests: int) -> None:
    """Ends only when as many flow runs as `guests` are in it at once."""
    _note(book, "came")
    async with asyncio.timeout(20):
        while len(Path(book).read_text().splitlines()) < guests:
            await asyncio.sleep(0.02)


@flow
async def sleeper(book: str) -> None:
    """Sleeps at its first execution and ends at its second."""
    if not _asleep_before(book):
        _note(book, "slept")
        await sleep_until(UUID(current.id), None, "等待 运营")
    _note(book, "woke")


@flow
async def restless(book: str) -> None:
    """Goes to sleep while work has come in: must be executed again without anybody waking it."""
    if not _asleep_before(book):
        _note(book, "slept")
        await sleep_until(UUID(current.id), None, "睡", awake=lambda: True)
    _note(book, "woke")


@flow
async def endless(book: str) -> None:
    """Runs until interrupted; ends when executed again."""
    _note(book, "began")
    if len(Path(book).read_text().splitlines()) == 1:
        await asyncio.sleep(600)
    _note(book, "ended")


@flow
async def waiting(book: str) -> None:
    """Ends once somebody has written "go" into the book."""
    await _told_to_go(book)
    _note(book, "went")


@flow
async def told(book: str) -> None:
    """Executes a step whose bar has been put while it waited."""
    await _told_to_go(book)
    await run_step(lambda: 1, current.id, "sum", "汇总")


async def _told_to_go(book: str) -> None:
    _note(book, "came")
    async with asyncio.timeout(60):
        while "go" not in Path(book).read_text():
            await asyncio.sleep(0.02)


@task(name="pick")
async def pick(book: str) -> int:
    """A task of a step."""
    get_run_logger().info("选品 12 件")
    _note(book, "picked")
    return 12


@flow
async def stepping(book: str) -> None:
    """Executes one step as a Prefect task and one as a plain calculation."""
    picked = await run_bar_task(pick, current.id, "pick", "活动选品", {"book": book})
    total = await run_step(lambda: picked * 2, current.id, "sum", "汇总", needs=("pick",))
    _note(book, f"total {total}")
