"""Which gates wait for whose voice, where people look for it: the list, the digest, the timeline, the page; on both databases."""

from datetime import datetime

from ecops.service import gates, people, views
from ecops.service.telling import digest_of
from ecops.service.voices import to_decide
from ecops.store import tables as t
from tests.integration.stores import CHINA, NOW, after, playbook, rows, start, store  # noqa: F401

GATE = {"id": "gate", "title": {"zh": "上线决策", "en": "Go live"}, "approval": {"by": ["operations", "supply"], "quorum": 2, "not": "requester"}, "due": "day - 9d 18:00"}


def waits(store, person, now=NOW) -> list[str]:
    with store.read() as connection:
        return [gate["title"] for gate in to_decide(connection, person, now)]


def test_a_gate_waits_for_those_who_may_decide_it_and_have_not(store):
    run = start(store, playbook(GATE), by="ann")
    assert {person: waits(store, person) for person in ("ann", "ben", "cat", "dan")} == {"ann": [], "ben": ["上线决策"], "cat": ["上线决策"], "dan": []}
    people.away(store, "cat", NOW, after(days=2), "dan", None, "ann", NOW)
    assert waits(store, "dan") == ["上线决策"] and waits(store, "cat") == []
    gate = rows(store, t.step_run, run=run)[0].id
    gates.decide(store, gate, "ben", "approve", None, NOW)
    assert waits(store, "ben") == []
    with store.read() as connection:
        assert [one["name"] for one in views.bars(connection, run, NOW)[0]["who"]] == ["Dan"]
    gates.decide(store, gate, "dan", "approve", None, NOW)
    assert waits(store, "dan") == []


def test_who_approved_before_a_rejection_is_asked_again(store):
    run = start(store, playbook(GATE), by="ann")
    gate = rows(store, t.step_run, run=run)[0].id
    gates.decide(store, gate, "ben", "approve", None, NOW)
    gates.decide(store, gate, "cat", "reject", "stock is short", after(hours=1))
    assert waits(store, "ben") == ["上线决策"] and waits(store, "cat") == []


def test_a_digest_names_the_gates_that_wait(store):
    start(store, playbook(GATE), by="ann")
    with store.read() as connection:
        found = {row.person: digest_of(connection, row, "09:00", datetime(2026, 11, 2, 9, tzinfo=CHINA)) for row in rows(store, t.person)}
    assert {person: [line.what for line in digest.gates] for person, digest in found.items()} == {"ann": [], "ben": ["上线决策"], "cat": ["上线决策"], "dan": []}
