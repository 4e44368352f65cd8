"""People: channels, quiet hours, cover, whose an item is, who may do what with it, who waits for whom; on both databases."""

from datetime import timedelta

import pytest

from ecops.errors import BadCall, NotFound, NotPossible
from ecops.service import items, people, views
from ecops.service.items import Handover, Proof
from ecops.service.staff import Staff
from ecops.service.waiting import waiting
from ecops.store import tables as t
from tests.integration.stores import NOW, after, assert_consistent, events, items_of, playbook, rows, start, states, step_of, store  # noqa: F401

BOOK = playbook({"id": "plan", "checklist": ["one", "two"], "role": "supply", "due": "day 18:00"}, {"id": "sell", "checklist": ["go"], "role": "service", "needs": ["plan"]}, owner="operations")


def whose(store, item, now=NOW) -> dict:
    with store.read() as connection:
        return dict(Staff(connection, now).of_item(item.assignee, item.role, item.shop, "operations"))


def theirs(store, person, now=NOW) -> set[str]:
    with store.read() as connection:
        return {f"{row['step']}@{row['shop']}" for row in views.checklist(connection, now, person=person)}


def first(store, run):
    return items_of(store, run, "plan")[0]


def test_a_person_is_changed_and_shown(store):
    people.settle(store, "ann", "ben", NOW, quiet="22:00-8:00", language="en", timezone="Europe/Berlin", digests=False)
    shown = people.reach(store, "ann", "json://127.0.0.1:9/secret-token", "ben", NOW)
    assert (shown["quiet"], shown["language"], shown["timezone"], shown["digests"]) == ("22:00-08:00", "en", "Europe/Berlin", False)
    assert [one["address"] for one in shown["channels"]] == ["json://127.0.0.1:9/***"]
    assert people.reach(store, "ann", "json://127.0.0.1:9/secret-token", "ben", NOW) == shown
    assert people.settle(store, "ann", "ben", NOW, quiet="none")["quiet"] is None
    assert people.leave(store, "ann", shown["channels"][0]["channel"], "ben", NOW)["channels"] == []
    assert not [row for row in rows(store, t.event) if "secret-token" in str(row.detail)]


@pytest.mark.parametrize(("words", "said"), [
    ({"quiet": "22-8-1"}, "write them as 22:00-08:00"), ({"quiet": "08:00-08:00"}, "never end"), ({"quiet": "25:00-08:00"}, "no quiet hours"),
    ({"timezone": "Mars/Base"}, "no time zone"), ({"language": "fr"}, "no language"), ({"name": " "}, "name"),
])  # fmt: skip
def test_bad_words_about_a_person_are_refused(store, words, said):
    with pytest.raises(BadCall, match=said):
        people.settle(store, "ann", "ben", NOW, **words)
    with pytest.raises(NotFound):
        people.settle(store, "nobody", "ben", NOW, quiet="none")


def test_words_that_no_row_can_keep_are_refused(store):
    with pytest.raises(BadCall, match="no quiet hours"):
        people.settle(store, "ann", "ann", NOW, quiet="22:00:10-22:00:50")  # to the minute they would be one moment, and never end
    with pytest.raises(BadCall, match="1 to 64"):
        people.bind(store, "r" * 65, "ann", None, NOW)
    with pytest.raises(NotFound, match="no shop"):
        people.bind(store, "supply", "dan", "", NOW)  # the empty variable of a script does not bind for every shop
    with pytest.raises(NotFound, match="no person"):
        people.away(store, "ann", NOW, after(days=1), "", None, "ann", NOW)
    with pytest.raises(NotFound, match="no person"):
        items.reassign(store, Handover(of=""), "ann", "ann", NOW)  # nobody's name is not everything that nobody has
    with pytest.raises(BadCall, match="10,000 characters"):
        start(store, BOOK, by="长" * 10_000)
    assert not rows(store, t.run) and not rows(store, t.absence) and not rows(store, t.role_binding, person="dan")


def test_bad_absences_are_refused(store):
    people.away(store, "cat", NOW, after(days=2), "ann", None, "ann", NOW)
    for since, until, cover, kind in ((after(days=1), after(days=3), None, NotPossible), (after(days=5), after(days=5), None, BadCall), (after(days=-3), after(days=-2), None, BadCall), (after(days=5), after(days=6), "cat", BadCall), (after(days=5), after(days=6), "nobody", NotFound)):
        with pytest.raises(kind):
            people.away(store, "cat", since, until, cover, None, "ann", NOW)
    assert len(rows(store, t.absence)) == 1


def test_whose_an_item_is_follows_the_holders_their_cover_and_the_owner_role(store):
    run = start(store, BOOK)
    assert whose(store, first(store, run)) == {"cat": "role"}
    people.away(store, "cat", NOW, after(days=3), "dan", "holiday", "ann", NOW)
    assert whose(store, first(store, run)) == {"dan": "cover"} and theirs(store, "dan") == {"plan@a"}
    people.away(store, "dan", NOW, after(days=1), None, None, "ann", NOW)
    # nobody is left: it falls to the owner role
    assert whose(store, first(store, run)) == {"ann": "fallback", "ben": "fallback"} and theirs(store, "ben") == {"plan@a"}
    assert whose(store, first(store, run), after(days=2)) == {"dan": "cover"} and theirs(store, "ben", after(days=2)) == set()
    assert whose(store, first(store, run), after(days=4)) == {"cat": "role"}
    assert people.back(store, "cat", "ann", after(hours=1)) == 1
    assert whose(store, first(store, run), after(hours=2)) == {"cat": "role"}


def test_two_who_cover_each_other_are_nobody(store):
    people.away(store, "cat", NOW, after(days=3), "dan", None, "ann", NOW)
    people.away(store, "dan", NOW, after(days=3), "cat", None, "ann", NOW)
    with store.read() as connection:
        assert Staff(connection, NOW).stand_in("cat") is None and dict(Staff(connection, NOW).holders("supply", "a")) == {}


def test_a_role_held_for_one_shop_falls_to_the_owner_role_in_the_others(store):
    people.unbind(store, "supply", "cat", None, NOW)
    people.bind(store, "supply", "cat", "a", NOW)
    run = start(store, BOOK, keys=("a", "b"))
    found = {item.shop: whose(store, item) for item in items_of(store, run, "plan")}
    assert found == {"a": {"cat": "role"}, "b": {"ann": "fallback", "ben": "fallback"}}
    assert theirs(store, "cat") == {"plan@a"} and theirs(store, "ben") == {"plan@b"}
    with pytest.raises(NotFound):
        people.unbind(store, "supply", "cat", "b", NOW)


def test_holders_claim_and_others_are_told_whom_to_ask(store):
    run = start(store, BOOK)
    item = first(store, run).id
    with pytest.raises(BadCall, match="supply"):
        items.claim(store, item, "dan", NOW)
    items.claim(store, item, "cat", NOW)
    assert (first(store, run).assignee, first(store, run).owner) == ("cat", "cat")
    with pytest.raises(NotPossible, match="already taken by cat"):
        items.claim(store, item, "ben", NOW)  # who leads the run may claim, but not what somebody has


def test_the_cover_of_an_absent_assignee_takes_over_and_the_owner_stays(store):
    run = start(store, BOOK)
    items.claim(store, first(store, run).id, "cat", NOW)
    people.away(store, "cat", NOW, after(days=3), "dan", None, "ann", NOW)
    assert theirs(store, "dan") == {"plan@a"}
    items.claim(store, first(store, run).id, "dan", NOW)
    assert (first(store, run).assignee, first(store, run).owner) == ("dan", "cat")


def test_delegation_keeps_the_owner_and_assignment_moves_it(store):
    run = start(store, BOOK)
    item = first(store, run).id
    items.claim(store, item, "cat", NOW)
    items.delegate(store, item, "dan", "cat", NOW)
    assert (first(store, run).assignee, first(store, run).owner) == ("dan", "cat")
    items.assign(store, item, "ben", "cat", NOW)
    assert (first(store, run).assignee, first(store, run).owner) == ("ben", "ben")
    told = [(row.person, row.kind, row.item) for row in rows(store, t.notice)]
    assert told == [("dan", "assigned", item), ("ben", "assigned", item)]
    assert [row.detail["to"] for row in events(store, run) if row.what in ("item.claimed", "item.delegated", "item.assigned")] == ["cat", "dan", "ben"]
    # back and forth: each time is told
    items.assign(store, item, "dan", "ben", NOW)
    items.assign(store, item, "ben", "ben", NOW)
    assert [row.person for row in rows(store, t.notice)] == ["dan", "ben", "dan"]
    items.complete(store, item, "dan", Proof(), NOW)
    with pytest.raises(NotPossible):
        items.delegate(store, item, "dan", "cat", NOW)
    assert_consistent(store)


def test_skipping_and_reopening_need_the_right(store):
    run = start(store, BOOK)
    item = first(store, run).id
    with pytest.raises(BadCall):
        items.skip(store, item, "dan", "no time", NOW)
    items.complete(store, item, "dan", Proof(), NOW)  # whoever did it may say so
    items.reopen(store, item, "dan", "a mistake of mine", NOW)
    items.skip(store, item, "cat", "not needed", NOW)
    with pytest.raises(BadCall):
        items.reopen(store, item, "dan", "I would rather", NOW)
    items.reopen(store, item, "ben", "it is needed", NOW)
    assert_consistent(store)


def test_where_nobody_holds_anything_everybody_helps(store):
    for person, roles in (("ann", ("operations", "management")), ("ben", ("operations",)), ("cat", ("supply",))):
        for role in roles:
            people.unbind(store, role, person, None, NOW)
    run = start(store, BOOK, by="cli")
    items.claim(store, first(store, run).id, "dan", NOW)
    assert first(store, run).assignee == "dan"


def test_many_items_change_hands_all_or_none(store):
    run = start(store, BOOK, keys=("a", "b"))
    for item in items_of(store, run, "plan"):
        items.claim(store, item.id, "cat", NOW)
    shown = items.reassign(store, Handover(of="cat", shop="b"), "dan", "ann", NOW, apply=False)
    assert [row["shop"] for row in shown] == ["b", "b"] and {row.assignee for row in items_of(store, run, "plan")} == {"cat"}
    items.reassign(store, Handover(of="cat", shop="b"), "dan", "ann", NOW)
    assert sorted((row.shop, row.assignee) for row in items_of(store, run, "plan")) == [("a", "cat")] * 2 + [("b", "dan")] * 2
    assert {row.person for row in rows(store, t.notice)} == {"dan"} and len(rows(store, t.notice)) == 2
    with pytest.raises(BadCall, match="--role"):
        items.reassign(store, Handover(), "dan", "ann", NOW)
    with pytest.raises(NotFound):
        items.reassign(store, Handover(of="nobody"), "dan", "ann", NOW)
    items.complete(store, first(store, run).id, "cat", Proof(), NOW)
    assert len(items.reassign(store, Handover(of="cat"), "ann", "ann", NOW)) == 1  # what is closed stays whose it was


def test_who_waits_for_whom(store):
    people.bind(store, "service", "dan", None, NOW)
    run = start(store, BOOK, keys=("a", "b"))
    with store.read() as connection:
        cat, dan = waiting(connection, "cat", NOW), waiting(connection, "dan", NOW)
    assert cat["i_wait_for"] == [] and [(row["step"], row["shops"], row["then"]["step"], row["then"]["people"]) for row in cat["waits_for_me"]] == [("plan", ["a", "b"], "sell", ["dan"])]
    assert dan["waits_for_me"] == [] and [(row["step"], row["shops"], row["first"]["step"], row["first"]["people"]) for row in dan["i_wait_for"]] == [("sell", ["a", "b"], "plan", ["cat"])]
    for item in items_of(store, run, "plan"):
        items.complete(store, item.id, "cat", Proof(), NOW)
    assert states(store, run, "a") == {"plan": "done", "sell": "open"}
    with store.read() as connection:
        assert waiting(connection, "dan", NOW) == {"waits_for_me": [], "i_wait_for": [], "to_decide": []}


def test_the_timeline_says_who_has_a_step(store):
    run = start(store, BOOK)

    def who(now=NOW):
        with store.read() as connection:
            return {bar["step"]: [(one["name"], one["why"]) for one in bar["who"]] for bar in views.bars(connection, run, now)}

    assert who() == {"plan": [("Cat", "role")], "sell": []}
    items.assign(store, first(store, run).id, "dan", "cat", NOW)
    assert who() == {"plan": [("Cat", "role"), ("Dan", "assignee")], "sell": []}
    people.away(store, "cat", NOW, after(days=1), None, None, "ann", NOW)
    assert ("Ben", "fallback") in who()["plan"]
    assert step_of(store, run, "plan").due_at > NOW + timedelta(days=1)
