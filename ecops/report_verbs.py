"""The verbs for people who would rather look than read: a run as a page, a workbook or a calendar."""

from collections.abc import Callable
from pathlib import Path

import click

from ecops.errors import BadCall, NotPossible
from ecops.home import Home
from ecops.terminal import json_option, now, out, with_store

_OUT = click.Path(path_type=Path)


def _ending(path: Path, known: dict[str, Callable]) -> Callable:
    """What writes a file of this name. Raises BadCall."""
    if path.suffix.lower() not in known:
        raise BadCall(f"--out {path.name} 的格式不认识 / its ending is not known; it must end in {' or '.join(known)}.")
    return known[path.suffix.lower()]


@click.command("report")
@click.argument("run")
@click.option("--out", "path", type=_OUT, required=True, help="the file: .html to look at and print, .xlsx to work with")
@json_option
@with_store
def report(home: Home, store, run: str, path: Path, as_json: bool) -> None:
    """A run as one page or workbook: findings, verdicts, lists, items, gates, what is late."""
    _write(store, run, path, _ending(path, {".html": _page, ".xlsx": _workbook}), home, as_json)


@click.command("export")
@click.argument("run")
@click.option("--out", "path", type=_OUT, required=True, help="the file: .xlsx for the plan and the checklists, .ics for a calendar of what is due")
@json_option
@with_store
def export(home: Home, store, run: str, path: Path, as_json: bool) -> None:
    """The plan and the checklists of a run as a workbook, or its due times as a calendar."""
    _write(store, run, path, _ending(path, {".xlsx": _plan, ".ics": _calendar}), home, as_json)


def _write(store, run: str, path: Path, write: Callable, home: Home, as_json: bool) -> None:
    """Read the run in one look and write the file whole or not at all."""
    from ecops.report.whole import whole
    from ecops.service.reports import Reading

    with store.read() as connection:
        reading = Reading(connection, run, now())
        with whole(path) as part:
            write(reading, part, home)
    out({"run": run, "file": str(path), "bytes": path.stat().st_size}, as_json, lambda: f"{path} 已写好 / written")


def _first(reading, head: dict) -> list[dict]:
    """Of a review, the steps that stand before all others: where the gap came from, and its roll-up."""
    from ecops.report import gap
    from ecops.report.page import REPORT

    order = {gap.TASK: 0, REPORT: 1}
    found = sorted((bar for bar in head["bars"] if bar["task"] in order), key=lambda bar: order[bar["task"]])
    return [reading.step(bar["step"]) for bar in found] if head["run"]["phase"] == "review" else []


def _page(reading, part: Path, home: Home) -> None:
    from ecops.calculate import MAX_ROWS
    from ecops.report.page import page

    head = reading.head()
    with part.open("w", encoding="utf-8") as file:
        file.writelines(page(head, _first(reading, head), reading.steps(), MAX_ROWS))


def _workbook(reading, part: Path, home: Home) -> None:
    from ecops.calculate import MAX_ROWS
    from ecops.report.workbook import write_report

    head = reading.head()
    write_report(part, head, _first(reading, head), reading.steps, MAX_ROWS)


def _plan(reading, part: Path, home: Home) -> None:
    from ecops.report.workbook import write_plan

    write_plan(part, reading.head(), reading.steps)


def _calendar(reading, part: Path, home: Home) -> None:
    from ecops.report.calendar import calendar

    address = home.parts().get("web")
    head = reading.head()
    found = calendar(head, reading.steps(lists=False), reading.changes(), address and f"{address}/runs/{head['run']['run']}")
    if found is None:
        raise NotPossible(f"{head['run']['run']} 没有待完成且有截止时间的步骤 / it has no unfinished step with a due time, so there is nothing for a calendar.")
    part.write_bytes(found)


VERBS = (report, export)
