"""The ledger: gathered a person, claimed before it is sent, and what became of it; on both databases. Nothing is sent here."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.people.channel import Answer
from ecops.service import deliveries, digests, items, people, sweep
from ecops.service.items import Proof
from ecops.store import tables as t
from tests.integration.stores import CHINA, NOW, after, events, items_of, playbook, rows, start, store  # noqa: F401
from tests.integration.test_service_races import at_once

SENT, REFUSED, GONE, LOST = Answer("sent", ""), Answer("refused", "no"), Answer("refused", "no such robot", final=True), Answer("unsure", "no answer")
DUE = datetime(2026, 11, 10, 18, tzinfo=CHINA)
STEP = {"id": "one", "checklist": ["x", "y"], "due": "day - 1d 18:00", "remind": ["-4h"], "escalate": [{"after": "0h", "to": "management"}]}


def url(person: str, number: int = 1) -> str:
    return f"json://127.0.0.1:9/{person}{number}"


@pytest.fixture
def reached(store):
    for person in ("ann", "ben", "cat"):
        people.reach(store, person, url(person), "test", NOW)
    return store


def take(store, now, claimant="clock", limit=50):
    deliveries.gather(store, now)
    return deliveries.claim(store, claimant, now, "http://pages", limit)


def ledger(store) -> list[tuple]:
    return [(row.person, row.state, row.notices) for row in rows(store, t.delivery)]


def test_one_message_a_person_over_runs_shops_and_steps(reached):
    for _ in range(2):
        start(reached, playbook(STEP, {**STEP, "id": "two"}), keys=("a", "b"))
    sweep.sweep(reached, DUE)
    parcels = take(reached, DUE)
    # two runs, two steps, two shops, two items: reminders to both holders, escalations to the manager
    assert ledger(reached) == [("ann", "sending", 32), ("ben", "sending", 16)]
    words = {parcel.url: parcel.body for parcel in parcels}
    assert "· x ×8\n  Shop a、Shop b|Tiny\n  11-10 18:00 截止" in words[url("ben")]
    assert all(body.count("http://") == 1 for body in words.values())
    assert deliveries.gather(reached, DUE) == 0 and deliveries.claim(reached, "clock", DUE, None) == []


def test_a_person_has_one_message_a_minute_unless_it_is_urgent(reached):
    start(reached, playbook(STEP, {**STEP, "id": "two", "due": "day - 1d 18:01"}, {**STEP, "id": "three", "due": "day - 1d 18:02", "escalate": [{"after": "0h", "to": "management", "urgent": True}]}))
    times = [DUE + timedelta(seconds=30 * n) for n in range(7)]
    sweep.sweep(reached, DUE - timedelta(hours=1))
    made = []
    for at in times:
        sweep.sweep(reached, at)
        take(reached, at)
        made.append(Counter(row.person for row in rows(reached, t.delivery))["ann"])
    assert made == [1, 1, 2, 2, 3, 3, 3]
    assert Counter(row.state for row in rows(reached, t.notice)) == {"gathered": len(rows(reached, t.notice))}


def test_what_is_closed_meanwhile_is_not_told(reached):
    run = start(reached, playbook(STEP))
    sweep.sweep(reached, DUE)
    deliveries.gather(reached, DUE)
    first, second = items_of(reached, run, "one")
    items.complete(reached, first.id, "ann", Proof(), DUE)
    bodies = {parcel.url: parcel.body for parcel in deliveries.claim(reached, "clock", DUE, None, 1)}
    assert "· y" in bodies[url("ann")] and "· x" not in bodies[url("ann")]
    items.complete(reached, second.id, "ann", Proof(), DUE)
    assert deliveries.claim(reached, "clock", DUE, None) == []
    assert ledger(reached) == [("ann", "sending", 2), ("ben", "suppressed", 2)]
    assert Counter((row.state, row.reason) for row in rows(reached, t.notice)) == {("gathered", None): 2, ("dropped", "closed"): 4}


def test_what_was_handed_on_is_told_to_whom_has_it_now(reached):
    run = start(reached, playbook(STEP))
    first, _ = items_of(reached, run, "one")
    items.assign(reached, first.id, "cat", "ann", NOW)
    take(reached, NOW)
    sweep.sweep(reached, DUE - timedelta(hours=4))
    told = {(row.person, row.item, row.why) for row in rows(reached, t.notice) if row.kind == "remind"}
    assert {(person, why) for person, item, why in told if item == first.id} == {("cat", "assignee")}
    items.assign(reached, first.id, "ben", "cat", DUE - timedelta(hours=4))
    parcels = take(reached, DUE - timedelta(hours=4))
    assert url("cat") not in {parcel.url for parcel in parcels}


def test_at_a_gate_those_are_reminded_who_can_still_decide(reached):
    from ecops.service import gates

    run = start(reached, playbook({"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2, "not": "requester"}, "due": "day - 1d 18:00", "remind": ["-4h", "-2h"], "escalate": [{"after": "0h", "to": "management"}]}))
    sweep.sweep(reached, DUE - timedelta(hours=4))
    assert {(row.person, row.kind) for row in rows(reached, t.notice)} == {("ben", "remind"), ("cat", "remind")}  # not Ann, who launched
    gates.decide(reached, rows(reached, t.step_run, run=run)[0].id, "ben", "approve", None, DUE - timedelta(hours=3))
    sweep.sweep(reached, DUE)
    assert [(row.person, row.kind) for row in rows(reached, t.notice)[2:]] == [("cat", "remind"), ("ann", "escalate")]


def test_a_rung_that_waits_is_told_to_whose_it_is_when_it_goes(reached):
    for person in ("ann", "ben"):
        people.settle(reached, person, person, NOW, quiet="13:00-08:00")
    start(reached, playbook({**STEP, "role": "supply", "remind": []}, {**STEP, "id": "two", "checklist": ["z"], "escalate": []}))
    sweep.sweep(reached, DUE - timedelta(hours=4))
    sweep.sweep(reached, DUE)
    assert {(row.person, row.kind) for row in rows(reached, t.notice)} == {("ann", "escalate"), ("ann", "remind"), ("ben", "remind")}
    # over night Ben's role becomes Cat's, and Ann goes away without a cover: nobody manages, so it falls to the playbook's owner
    people.unbind(reached, "operations", "ben", None, DUE)
    people.bind(reached, "operations", "cat", None, DUE)
    people.away(reached, "ann", DUE, DUE + timedelta(days=9), None, None, "ann", DUE)
    morning = datetime(2026, 11, 11, 8, tzinfo=CHINA)
    assert take(reached, morning) == []  # neither Ben, who holds it no more, nor Ann, who is away
    (parcel,) = take(reached, morning)
    assert parcel.url == url("cat") and all(parcel.body.count(f"· {what}") == 1 for what in "xyz")
    assert take(reached, morning + timedelta(minutes=5)) == []
    assert Counter((row.person, row.state, row.reason) for row in rows(reached, t.notice)) == {("ann", "dropped", "handed on"): 3, ("ben", "dropped", "handed on"): 1, ("cat", "gathered", None): 3}


def test_what_is_done_and_not_verified_is_escalated_and_not_reminded_of(reached):
    run = start(reached, playbook({**STEP, "role": "supply", "checklist": [{"title": "stock", "evidence": "text", "verify": {"task": "supply.stock_count", "list": "items"}}, "x"]}))
    stock, plain = items_of(reached, run, "one")
    items.assign(reached, stock.id, "dan", "ann", NOW)
    for item in (stock, plain):
        items.complete(reached, item.id, "cat", Proof(value="7"), NOW)
    sweep.sweep(reached, DUE - timedelta(hours=4))
    assert not [row for row in rows(reached, t.notice) if row.kind == "remind"]
    people.settle(reached, "ann", "ann", NOW, quiet="13:00-08:00")
    sweep.sweep(reached, DUE)
    people.unbind(reached, "management", "ann", None, DUE)
    people.bind(reached, "management", "ben", None, DUE)
    morning = datetime(2026, 11, 11, 8, tzinfo=CHINA)
    take(reached, morning)
    (parcel,) = take(reached, morning)  # who manages now, though another person has the item
    assert parcel.url == url("ben") and "· stock" in parcel.body and "已做,还没有核验" in parcel.body and "· x" not in parcel.body


def test_who_decided_at_night_is_not_reminded_in_the_morning_and_two_roles_are_one_reminder(reached):
    from ecops.service import gates

    people.settle(reached, "ben", "ben", NOW, quiet="13:00-08:00")
    people.bind(reached, "supply", "ben", None, NOW)
    run = start(reached, playbook({"id": "gate", "approval": {"by": ["operations", "supply"], "quorum": 2}, "due": "day - 1d 18:00", "remind": ["-4h"]}))
    sweep.sweep(reached, DUE - timedelta(hours=4))
    assert Counter(row.person for row in rows(reached, t.notice)) == {"ann": 1, "ben": 1, "cat": 1}
    gates.decide(reached, rows(reached, t.step_run, run=run)[0].id, "ben", "approve", None, DUE)
    assert {parcel.url for parcel in take(reached, datetime(2026, 11, 11, 8, tzinfo=CHINA))} == {url("ann"), url("cat")}


def test_quiet_hours_hold_a_message_and_an_urgent_one_breaks_them(reached):
    people.settle(reached, "ann", "ann", NOW, quiet="17:00-08:00")
    start(reached, playbook(STEP, {**STEP, "id": "two", "escalate": [{"after": "1h", "to": "management", "urgent": True}]}))
    sweep.sweep(reached, DUE)
    assert {parcel.url for parcel in take(reached, DUE)} == {url("ben")}
    assert take(reached, DUE + timedelta(minutes=30)) == []
    sweep.sweep(reached, DUE + timedelta(hours=1))
    assert {parcel.url for parcel in take(reached, DUE + timedelta(hours=1))} == {url("ann")}
    morning = datetime(2026, 11, 11, 8, tzinfo=CHINA)
    assert take(reached, morning - timedelta(seconds=1)) == []
    assert {parcel.url for parcel in take(reached, morning)} == {url("ann")}


def test_who_has_no_channel_stands_in_the_ledger(store):
    start(store, playbook(STEP))
    sweep.sweep(store, DUE)
    assert take(store, DUE) == []
    assert [(row.person, row.state, row.reason) for row in rows(store, t.delivery)] == [("ann", "suppressed", "no channel"), ("ben", "suppressed", "no channel")]


def test_a_role_and_an_owner_role_that_nobody_holds_are_nobody_and_said_so(store):
    for role, person in (("operations", "ann"), ("operations", "ben"), ("management", "ann")):
        people.unbind(store, role, person, None, NOW)
    start(store, playbook({**STEP, "role": "technology"}))
    sweep.sweep(store, DUE)
    deliveries.gather(store, DUE)
    assert {(row.person, row.why, row.state, row.reason) for row in rows(store, t.notice)} == {("", "nobody", "dropped", "nobody")}
    assert rows(store, t.delivery) == []


def one_message(store, book=None) -> deliveries.Parcel:
    """A message to Cat that is claimed."""
    start(store, book or playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(store, DUE)
    (parcel,) = take(store, DUE)
    return parcel


def test_a_sent_message_is_acknowledged_by_whom_it_went_to(reached):
    number = one_message(reached).delivery
    assert deliveries.record(reached, number, "clock", SENT, DUE) == "sent"
    with pytest.raises(BadCall, match="went to cat"):
        deliveries.acknowledge(reached, number, "ann", DUE)
    with pytest.raises(NotPossible, match="only one that failed"):
        deliveries.again(reached, number, "ann", DUE)
    assert deliveries.acknowledge(reached, number, "cat", DUE)["state"] == "acknowledged"
    assert deliveries.acknowledge(reached, number, "cat", DUE)["state"] == "acknowledged"
    with pytest.raises(NotFound):
        deliveries.acknowledge(reached, 999, "cat", DUE)


def test_a_refusal_is_tried_again_ever_later_and_then_the_next_channel_is(reached):
    people.reach(reached, "cat", url("cat", 2), "test", NOW)
    number, now, waits = one_message(reached).delivery, DUE, []
    while deliveries.record(reached, number, "clock", REFUSED, now) == "queued":
        row = rows(reached, t.delivery, id=number)[0]
        assert deliveries.claim(reached, "clock", row.next_at - timedelta(seconds=1), None) == []
        waits.append(row.next_at - now)
        now = row.next_at
        assert [parcel.delivery for parcel in deliveries.claim(reached, "clock", now, None)] == [number]
    assert waits == list(deliveries.BACKOFF)
    assert [(row.state, row.attempts, row.reason) for row in rows(reached, t.delivery)] == [("failed", 6, "no"), ("queued", 0, None)]
    (parcel,) = deliveries.claim(reached, "clock", now, None)
    assert parcel.url == url("cat", 2)
    assert deliveries.record(reached, parcel.delivery, "clock", GONE, now) == "failed" and len(rows(reached, t.delivery)) == 2
    with pytest.raises(NotPossible, match="next channel of cat"):  # the other message has what it told
        deliveries.again(reached, number, "ann", now)
    assert deliveries.again(reached, parcel.delivery, "ann", now)["state"] == "queued"
    assert [one.delivery for one in deliveries.claim(reached, "clock", now, None)] == [parcel.delivery]


def test_a_second_try_does_not_come_in_quiet_hours(reached):
    people.settle(reached, "cat", "cat", NOW, quiet="18:01-08:00")
    number = one_message(reached).delivery
    assert deliveries.record(reached, number, "clock", REFUSED, DUE + timedelta(seconds=59)) == "queued"
    assert deliveries.claim(reached, "clock", DUE + timedelta(minutes=5), None) == []
    morning = datetime(2026, 11, 11, 8, tzinfo=CHINA)
    assert rows(reached, t.delivery, id=number)[0].next_at == morning
    assert [one.delivery for one in deliveries.claim(reached, "clock", morning, None)] == [number]


def test_a_lost_answer_is_uncertain_and_only_a_person_sends_it_again(reached):
    number = one_message(reached).delivery
    assert deliveries.record(reached, number, "clock", LOST, DUE) == "uncertain"
    assert deliveries.claim(reached, "clock", DUE + timedelta(days=3), None) == [] and deliveries.lost(reached, DUE + timedelta(days=3)) == 0
    deliveries.again(reached, number, "ann", DUE)
    (parcel,) = deliveries.claim(reached, "other", DUE, None)
    assert deliveries.record(reached, number, "other", SENT, DUE) == "sent" and parcel.delivery == number


def test_a_sender_that_died_leaves_it_uncertain_and_its_late_answer_counts(reached):
    number = one_message(reached).delivery
    assert deliveries.lost(reached, DUE + deliveries.LEASE) == 0
    assert deliveries.lost(reached, DUE + deliveries.LEASE + timedelta(seconds=1)) == 1
    assert deliveries.record(reached, number, "another clock", SENT, DUE) == "uncertain"
    assert deliveries.record(reached, number, "clock", SENT, DUE) == "sent"


def test_a_rate_limit_holds_the_whole_channel_and_costs_no_attempt(reached):
    people.reach(reached, "ben", url("cat"), "test", NOW)  # the same group robot
    number = one_message(reached).delivery
    assert deliveries.record(reached, number, "clock", Answer("busy", "too fast", timedelta(minutes=10)), DUE) == "queued"
    assert rows(reached, t.delivery, id=number)[0].attempts == 0
    assert deliveries.claim(reached, "clock", DUE + timedelta(minutes=9), None) == []
    assert [one.delivery for one in deliveries.claim(reached, "clock", DUE + timedelta(minutes=10), None)] == [number]


def test_a_channel_taken_away_while_a_message_waits_leads_to_the_one_there_is(reached):
    start(reached, playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(reached, DUE)
    deliveries.gather(reached, DUE)
    people.leave(reached, "cat", rows(reached, t.contact, person="cat")[0].id, "cat", DUE)
    people.reach(reached, "dan", url("dan"), "dan", DUE)  # SQLite gives Dan's channel the number that Cat's had
    people.reach(reached, "cat", url("cat", 2), "cat", DUE)
    (parcel,) = deliveries.claim(reached, "clock", DUE, None)
    assert parcel.url == url("cat", 2)
    assert deliveries.record(reached, parcel.delivery, "clock", GONE, DUE) == "failed"
    people.leave(reached, "cat", rows(reached, t.contact, person="cat")[0].id, "cat", DUE)
    people.reach(reached, "ben", url("ben", 2), "ben", DUE)
    deliveries.again(reached, parcel.delivery, "ann", DUE)
    assert deliveries.claim(reached, "clock", DUE, None) == []
    assert [(row.person, row.state, row.reason) for row in rows(reached, t.delivery)] == [("cat", "suppressed", "the channel was taken away")]
    with reached.read() as connection:
        assert deliveries.listed(connection)[0]["channel"] is None


def test_a_channel_that_has_to_rest_holds_no_other_back(reached):
    for n in range(12):
        people.add(reached, f"p{n}", f"P{n}", NOW)
        people.bind(reached, "supply", f"p{n}", None, NOW)
        people.reach(reached, f"p{n}", url("cat"), "test", NOW)  # one group robot
    people.reach(reached, "dan", url("dan"), "dan", NOW)
    run = start(reached, playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(reached, DUE)
    (parcel,) = take(reached, DUE, limit=1)
    assert deliveries.record(reached, parcel.delivery, "clock", Answer("busy", "too fast", timedelta(minutes=10)), DUE) == "queued"
    items.assign(reached, items_of(reached, run, "one")[0].id, "dan", "ann", DUE)
    assert [one.url for one in take(reached, DUE, limit=2)] == [url("dan")]


def test_a_clock_that_was_set_back_keeps_nobody_waiting(reached):
    number = one_message(reached).delivery
    assert deliveries.record(reached, number, "clock", SENT, DUE) == "sent"
    before = DUE - timedelta(hours=1)
    sweep.sweep(reached, before)
    items.assign(reached, items_of(reached, rows(reached, t.run)[0].run, "one")[0].id, "cat", "ann", before)
    assert [parcel.url for parcel in take(reached, before)] == [url("cat")]
    sweep.sweep(reached, DUE)
    assert Counter(row.kind for row in rows(reached, t.notice)) == {"remind": 2, "assigned": 1}


def test_what_a_clock_that_was_ahead_put_off_waits_no_longer_than_it_should(reached):
    ahead = DUE + timedelta(days=30)
    start(reached, playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(reached, ahead)
    (parcel,) = take(reached, ahead)
    assert deliveries.record(reached, parcel.delivery, "clock", Answer("busy", "often", timedelta(minutes=1)), ahead) == "queued"
    assert deliveries.claim(reached, "clock", ahead, None) == []
    assert [one.delivery for one in deliveries.claim(reached, "clock", DUE, None)] == [parcel.delivery]


def test_a_message_whose_sender_ended_is_found_uncertain_after_the_clock_was_set_back(reached):
    number = one_message(reached).delivery
    assert deliveries.lost(reached, DUE - deliveries.LEASE) == 0
    assert deliveries.lost(reached, DUE - timedelta(days=30)) == 1 and rows(reached, t.delivery, id=number)[0].state == "uncertain"


def test_a_channel_s_pace_is_kept_by_clocks_at_once(store, monkeypatch):
    monkeypatch.setattr(deliveries.channel, "allowance", lambda url: (5, timedelta(minutes=1)))
    for number in range(30):
        people.add(store, f"p{number}", f"P{number}", NOW)
        people.bind(store, "supply", f"p{number}", None, NOW)
        people.reach(store, f"p{number}", "json://127.0.0.1:9/group", "test", NOW)
    start(store, playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(store, DUE)
    deliveries.gather(store, DUE)
    taken = at_once(*(lambda name=f"clock {n}": deliveries.claim(store, name, DUE, None, 10) for n in range(4)))
    assert sum(len(one) for one in taken) == 5
    later = DUE + timedelta(minutes=1)
    assert sum(len(deliveries.claim(store, "one", later - timedelta(seconds=n), None, 40)) for n in (1, 0)) == 5
    assert Counter(row.state for row in rows(store, t.delivery))["sending"] == 10


def test_clocks_at_once_gather_and_claim_each_thing_once(reached):
    for _ in range(5):
        start(reached, playbook(STEP), keys=("a", "b"))
    at_once(*(lambda: sweep.sweep(reached, DUE) for _ in range(4)))
    at_once(*(lambda: deliveries.gather(reached, DUE) for _ in range(4)))
    taken = [parcel for one in at_once(*(lambda name=f"clock {n}": deliveries.claim(reached, name, DUE, None) for n in range(4))) for parcel in one]
    assert len({parcel.delivery for parcel in taken}) == len(taken) == len(rows(reached, t.delivery))
    assert Counter(row.person for row in rows(reached, t.notice)) == {"ann": 40, "ben": 20}
    assert all(row.delivery for row in rows(reached, t.notice))


def test_a_channel_that_was_taken_away_is_not_used(reached):
    people.reach(reached, "cat", url("cat", 2), "test", NOW)
    start(reached, playbook({**STEP, "role": "supply", "escalate": []}))
    sweep.sweep(reached, DUE)
    deliveries.gather(reached, DUE)
    for contact, _ in people.addresses(reached, "cat"):
        people.leave(reached, "cat", contact, "cat", DUE)
    assert deliveries.claim(reached, "clock", DUE, None) == [] and ledger(reached) == [("cat", "suppressed", 2)]


def test_digests_come_twice_a_day_once_and_only_with_something_in_them(reached):
    people.settle(reached, "ben", "ben", NOW, digests=False)
    run = start(reached, playbook({**STEP, "remind": [], "escalate": []}))
    morning = DUE.replace(hour=9)
    assert digests.digests(reached, morning - timedelta(minutes=1)) == 0
    assert digests.digests(reached, morning) == 1 and digests.digests(reached, morning + timedelta(minutes=1)) == 0
    (parcel,) = take(reached, morning)
    assert parcel.url == url("ann") and parcel.title == "【ecops】今日清单" and "逾期 0,今天到期 2,明天到期 0" in parcel.body
    assert digests.digests(reached, DUE.replace(hour=20)) == 0  # two hours late is too late
    at_once(*(lambda: digests.digests(reached, DUE.replace(hour=19)) for _ in range(4)))
    assert len(rows(reached, t.notice, person="ann")) == 2
    for item in items_of(reached, run, "one"):
        items.complete(reached, item.id, "ann", Proof(), DUE)
    assert digests.digests(reached, morning + timedelta(days=1)) == 0


def test_a_moved_due_time_reminds_again_once_and_what_fired_stays(reached):
    from ecops.service import replan

    run = start(reached, playbook(STEP))
    sweep.sweep(reached, DUE)
    replan.apply(reached, run, {"day": "2026-11-13"}, None, "ann", DUE)
    later = DUE + timedelta(days=2)
    for at in (DUE, later - timedelta(hours=4), later, later + timedelta(days=1)):
        sweep.sweep(reached, at)
    told = Counter((row.detail["generation"], row.what) for row in events(reached, run) if row.what in ("step.reminded", "step.escalated"))
    assert told == {(0, "step.reminded"): 1, (0, "step.escalated"): 1, (1, "step.reminded"): 1, (1, "step.escalated"): 1}


def test_the_ledger_is_listed_by_person_state_and_run(reached):
    number = one_message(reached).delivery
    with reached.read() as connection:
        (shown,) = deliveries.listed(connection, person="cat", state="sending", run=rows(reached, t.run)[0].run)
        assert deliveries.listed(connection, person="ann") == deliveries.listed(connection, state="failed") == deliveries.listed(connection, run="nothing") == []
        assert deliveries.counts(connection) == {"sending": 1, "waiting": 0}
    assert shown["delivery"] == number and shown["channel"] == "json://127.0.0.1:9/***" and after(days=9) < DUE + timedelta(hours=15)


def test_the_last_of_a_run_that_was_cancelled_is_not_told(reached):
    run = start(reached, playbook(STEP))
    sweep.sweep(reached, DUE)
    sweep.cancel(reached, run, "ann", "called off", DUE)
    assert take(reached, DUE) == [] and {row.state for row in rows(reached, t.delivery)} == {"suppressed"}
