"""Every playbook of the product is played through on a demo shop, and with people on time on one without any data beside it: it ends, nothing fails, and people are told what its YAML says, when it says so."""

from datetime import datetime
from functools import cache

import pytest

from ecops.engine.plan import due_when_ready, make_plan
from ecops.shelf import shelf
from ecops.testing import Played, play
from tests.by_hand import ANCHORS, DAY

PARAMS = {"gmv_target": "1000000"}
KEYS = sorted(shelf().keys())


@cache
def played(key: str, people: str) -> Played:
    book = shelf().find(key)
    return play(book, DAY, people, anchors=ANCHORS.get(key), bare=int(people == "on-time"), **{name: value for name, value in PARAMS.items() if name in book.params})


def times(one: Played, step: str, shop: str | None, *what: str) -> list[datetime]:
    return [datetime.fromisoformat(event["at"]) for event in one.rehearsed.events if event["step"] == step and event["shop"] == shop and event["what"] in what]


def rungs_told(one: Played, step: str, shop: str | None) -> list[tuple[str, datetime, str]]:
    words = {"step.reminded": "remind", "step.escalated": "escalate"}
    found = [event for event in one.rehearsed.events if event["step"] == step and event["shop"] == shop and event["what"] in words]
    return sorted((words[event["what"]], datetime.fromisoformat(event["at"]), event["detail"]["role"]) for event in found)


def rungs_written(one: Played, step, due: datetime | None, opened: datetime, closed: datetime | None) -> list[tuple[str, datetime, str]]:
    """What the YAML says of a step that was open from `opened` until before `closed`: China has no summer time, so spans are elapsed time."""
    if due is None:
        return []
    roles = step.approval.by if step.approval else (one.playbook.role_of(step),)
    ladder = [("remind", due + span, role) for span in step.remind if due + span >= opened for role in roles]
    ladder += [("escalate", max(due + rung.after, opened), rung.to) for rung in step.escalate]
    return sorted(rung for rung in ladder if closed is None or rung[1] < closed)


@pytest.mark.parametrize("people", ["on-time", "late", "never"])
@pytest.mark.parametrize("key", KEYS)
def test_it_ends_and_tells_people_what_is_written(key, people):
    one = played(key, people)
    failed = {step for step, shops in one.rehearsed.outcomes.items() for told in shops.values() if told["status"] == "failed"}
    assert failed == set()
    bare = {told["status"] for shops in one.rehearsed.outcomes.values() for shop, told in shops.items() if shop == "bare-1"}
    assert "unknown" in bare or people != "on-time" or not any(step.task and step.per_shop for step in one.playbook.steps)
    assert one.state == "completed" or people == "never"
    launched = datetime.fromisoformat(one.rehearsed.events[0]["at"])
    plan = make_plan(one.playbook, DAY, launched, ANCHORS.get(key, {}))
    for step in one.playbook.steps:
        for shop in {event["shop"] for event in one.rehearsed.events if event["step"] == step.id}:
            opened = times(one, step.id, shop, "step.opened", "step.asks")
            if not opened or step.every:
                continue
            closed = times(one, step.id, shop, "step.done", "step.skipped")
            due = due_when_ready(one.playbook, step, plan.of(step.id).due, opened[0])
            end = closed[-1] if closed else None  # whether people or the clock come first at one and the same moment is nobody's promise
            told = [rung for rung in rungs_told(one, step.id, shop) if rung[1] != end]
            assert told == rungs_written(one, step, due, opened[0], end), (step.id, shop)


@pytest.mark.parametrize("key", KEYS)
def test_people_who_are_on_time_are_never_told_on(key):
    one = played(key, "on-time")
    assert [(step.id, one.escalated(step.id)) for step in one.playbook.steps if one.escalated(step.id)] == []
