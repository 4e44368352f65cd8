"""Two campaigns that overlap on one shop's stock are both told, and nobody else; on both databases."""

from datetime import date

from ecops.service import launch, replan, sweep, views
from tests.integration.stores import NOW, events, playbook, store  # noqa: F401

LONG = playbook({"id": "sell", "checklist": ["x"], "due": "day 18:00"}, anchors={"day": {"at": "D 00:00"}, "presale": {"default": "day - 18d 20:00"}}, playbook="long")
SHORT = playbook({"id": "sell", "checklist": ["x"], "due": "day 18:00"}, playbook="short")
DAILY = playbook({"id": "look", "checklist": ["x"], "due": "day 18:00"}, playbook="morning", phase="daily")


def start(store, book, day, keys):
    return launch.launch(store, launch.Launch(book, day, list(keys)), NOW, "ann")


def overlaps(store, run):
    with store.read() as connection:
        return [(one["run"], one["shops"]) for one in views.show(connection, run, NOW)["overlaps"]]


def test_both_campaigns_are_told_of_the_shops_they_share(store):
    first = start(store, LONG, date(2026, 11, 11), "ab")
    second = start(store, SHORT, date(2026, 11, 1), "b")
    assert overlaps(store, first.run) == [(second.run, ["b"])]
    assert overlaps(store, second.run) == [(first.run, ["b"])]
    [said] = [warning for warning in second.warnings if "stock" in warning]
    assert first.run in said and "of b" in said


def test_other_days_other_shops_other_phases_and_ended_runs_do_not_clash(store):
    first = start(store, LONG, date(2026, 11, 11), "a")
    for book, day, keys in [(SHORT, date(2026, 11, 11), "b"), (SHORT, date(2026, 10, 1), "a"), (SHORT, date(2026, 11, 20), "a"), (DAILY, date(2026, 11, 11), "a")]:
        assert not [warning for warning in start(store, book, day, keys).warnings if "stock" in warning]
    assert events(store, first.run, "run.overlaps") == []
    sweep.cancel(store, first.run, "ann", "off", NOW)
    assert not [warning for warning in start(store, SHORT, date(2026, 11, 11), "a").warnings if "stock" in warning]


def test_a_campaign_that_moves_onto_another_s_days_tells_both_again(store):
    first = start(store, LONG, date(2026, 11, 11), "ab")
    second = start(store, SHORT, date(2026, 12, 12), "b")
    assert overlaps(store, first.run) == []
    moved = replan.apply(store, second.run, {"day": "2026-11-11"}, None, "ann", NOW)
    assert [first.run in warning for warning in moved.warnings] == [True]
    again = replan.apply(store, second.run, {"day": "2026-11-10"}, None, "ann", NOW)
    assert len(again.warnings) == 1
    assert (overlaps(store, first.run), overlaps(store, second.run)) == ([(second.run, ["b"])], [(first.run, ["b"])])
