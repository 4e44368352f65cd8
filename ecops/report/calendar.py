"""The unfinished steps of a run as a calendar (RFC 5545): one event a step, with the alarms that remind its people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from icalendar import Alarm, Calendar, Event

from ecops.engine.states import STEP_ENDED
from ecops.report.cells import clean, moment
from ecops.web import words

_PRODUCT = "-//ecops//plan of a run//ZH"


def calendar(head: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], changes: int, link: str | None) -> bytes | None:
    """The file; None when no unfinished step has a due time, for a calendar without an event is none.

    `changes`: how much has happened to the run; a calendar that knows an older event takes the newer one. `link`: the run's page.
    """
    events = [event for step in steps if (event := _event(head, step["step_runs"], changes, link))]
    if not events:
        return None
    found = Calendar()
    for name, value in (("prodid", _PRODUCT), ("version", "2.0"), ("method", "PUBLISH"), ("x-wr-calname", _title(head["run"])), ("x-wr-timezone", head["zone"].key)):
        found.add(name, value)
    for event in events:
        found.add_component(event)
    return found.to_ical()


def _title(run: Mapping[str, Any]) -> str:
    return clean(f"{run['title']} {run['day']}")


def _event(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], changes: int, link: str | None) -> Event | None:
    """A step is due when the first of its unfinished shops is."""
    waiting = [row for row in rows if row["state"] not in STEP_ENDED and row["due"]]
    if not waiting:
        return None
    step, due = waiting[0], min(row["due"] for row in waiting)
    event = Event()
    event.add("uid", f"{head['run']['run']}.{step['step']}@ecops")
    event.add("dtstamp", head["now"].astimezone(UTC))
    event.add("sequence", changes)
    event.add("dtstart", due.astimezone(UTC))
    event.add("summary", clean(step["title"]))
    event.add("description", _description(head, step, rows, waiting, due))
    event.add("categories", [words.role("zh", step["role"])])
    event.add("transp", "TRANSPARENT")
    if link:
        event.add("url", f"{link}#step-{step['step']}")
    for before in step["remind"]:
        event.add_component(_alarm(step, before))
    return event


def _description(head: Mapping[str, Any], step: Mapping[str, Any], rows: Sequence, waiting: Sequence, due: datetime) -> str:
    done, total = sum(row["items_done"] for row in rows), sum(row["items_total"] for row in rows)
    lines = [
        step["title_en"], f"{_title(head['run'])} ({head['run']['run']})", f"归 owner: {words.role('zh', step['role'])} {step['role']}", f"截止 due: {moment(due, head['zone']).text} {head['zone'].key}",
        f"未完 unfinished: {len(waiting)}/{len(rows)} 店 shops" if len(rows) > 1 else "", f"事项 items: {done}/{total}" if total else "", "已逾期 late" if due < head["now"] else "",
    ]  # fmt: skip
    return "\n".join(clean(line) for line in lines if line)


def _alarm(step: Mapping[str, Any], before) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", clean(step["title"]))
    alarm.add("trigger", before)
    return alarm
