"""A rehearsal plays a whole run in seconds: what people are told is what the YAML says, and no step sees its own future."""

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ecops.playbook.check import read_playbook
from ecops.rehearse import rehearse
from ecops.shelf import shelf
from ecops.shop.demo import generate, write
from ecops.shop.imports import import_file
from ecops.shop.lake import Lake
from tests.by_hand import ANCHORS
from tests.realdata import real_file

CHINA = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 11)
SMALL = """\
playbook: small
title: {zh: 小活动, en: A small campaign}
phase: campaign
anchors:
  day: {at: "D 00:00"}
steps:
  - id: pick
    stage: prep
    duty: goods
    task: campaign.pick_items
    with: {window: 7d, min_conversion: 0%}
    start: day - 10d 09:00
  - id: confirm
    duty: goods
    checklist: {each: steps.pick.items, item: "{{ it.title }}"}
    due: day - 5d 18:00
    remind: [-2d, -4h]
    escalate: [{after: 0h, to: operations}, {after: 4h, to: management}]
  - id: check
    duty: service
    checklist: [one, two]
    start: day - 3d 09:00
    due: day - 3d 12:00
    remind: [-150m]
    escalate: [{after: 0h, to: operations}]
  - id: gate
    duty: marketing
    approval: {by: [operations, supply], quorum: 2, not: requester}
    needs: [confirm, check]
    due: day - 1d 12:00
    remind: [-4h]
    escalate: [{after: 1h, to: management}]
  - id: watch
    stage: execution
    duty: data
    task: campaign.watch_hour
    every: 6h
    from: day
    until: day + 1d
  - id: close
    stage: wrap-up
    duty: data
    checklist: [written down]
    scope: run
    needs: [gate, watch]
    due: +1d
"""
CHECK = [("step.reminded", "check", "2026-11-08T09:30")]
CONFIRM = [("step.reminded", "confirm", "2026-11-04T18:00"), ("step.reminded", "confirm", "2026-11-06T14:00"), ("step.escalated", "confirm", "2026-11-06T18:00"), ("step.escalated", "confirm", "2026-11-06T22:00")]
CHECK_LATE = [*CHECK, ("step.escalated", "check", "2026-11-08T12:00")]
GATE_LATE = [("step.reminded", "gate", "2026-11-10T08:00")] * 2 + [("step.escalated", "gate", "2026-11-10T13:00")]


class Watched:
    """A lake that notes what was asked of it and when the newest row it gave could be known."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.asked = lake, []

    def frames(self, kinds, shops, as_of):
        given = self.lake.frames(kinds, shops, as_of)
        for kind, frame in given.items():
            self.asked.append((kind, as_of, frame.select(pl.col("available_at").max()).collect().item()))
        return given


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Lake, list[dict]]:
    """A demo shop whose data goes on after the day: a future there is to be seen."""
    lake = Lake(str(tmp_path_factory.mktemp("demo") / "lake"))
    data = generate(1, 7, date(2026, 10, 1), date(2026, 11, 20), day=DAY)
    write(lake, data, datetime(2026, 11, 21, tzinfo=UTC))
    key = data.shops[0][0]
    return lake, [{"shop": key, "name": key, "platform": "tmall", "tags": []}]


@pytest.fixture(scope="module")
def small():
    playbook, problems = read_playbook(SMALL, "small.yaml", shelf(()).tasks)
    assert playbook, problems
    return playbook


def told(result) -> list[tuple[str, str, str]]:
    """What people were told: word, step, moment to the minute."""
    return [(event["what"], event["step"], event["at"][:16]) for event in result.events if event["what"] in ("step.reminded", "step.escalated")]


@pytest.mark.parametrize(
    ("people", "expected", "state"),
    [
        ("on-time", CHECK, "completed"),
        ("late", sorted(CONFIRM + CHECK_LATE + GATE_LATE, key=lambda one: one[2]), "completed"),
        ("never", sorted(CONFIRM + CHECK_LATE, key=lambda one: one[2]), "active"),
    ],
)
def test_people_are_told_what_the_yaml_says(demo, small, people, expected, state):
    lake, shops = demo
    result = rehearse(small, DAY, shops, lake, people)
    assert told(result) == expected
    counted = Counter(what for what, _, _ in expected)
    assert (result.reminders, result.escalations) == (counted["step.reminded"], counted["step.escalated"])
    assert result.state == state
    assert result.outcomes["pick"][shops[0]["shop"]]["status"] == "ok"


def test_no_step_sees_data_later_than_its_moment(demo, small):
    lake, shops = demo
    watched = Watched(lake)
    result = rehearse(small, DAY, shops, watched, "on-time")
    newest = lake.everything("item_days", [shops[0]["shop"]]).select(pl.col("available_at").max()).collect().item()
    assert newest > datetime(2026, 11, 15, tzinfo=UTC)
    assert watched.asked and all(seen is None or seen <= as_of for _, as_of, seen in watched.asked)
    begin = datetime(2026, 11, 1, 9, tzinfo=CHINA)
    assert {as_of for kind, as_of, _ in watched.asked if kind == "item_days"} == {begin}
    midnight = datetime(2026, 11, 11, tzinfo=CHINA)
    assert {as_of for kind, as_of, _ in watched.asked if kind == "hours"} == {midnight + timedelta(hours=6 * number) for number in range(5)}
    assert datetime.fromisoformat(result.outcomes["pick"][shops[0]["shop"]]["as_of"]) == begin
    moments = [event["at"] for event in result.events]
    assert moments == sorted(moments)


def test_a_rehearsal_is_the_same_every_time(demo, small):
    lake, shops = demo
    first, second = (rehearse(small, DAY, shops, lake, "late") for _ in range(2))
    assert [(e["at"], e["what"], e["step"], e["who"]) for e in first.events] == [(e["at"], e["what"], e["step"], e["who"]) for e in second.events]
    assert first.outcomes == second.outcomes


# --- the packaged playbook on a year of a real shop ----------------------------------------------------------------

BOOKS_DAY = date(2019, 11, 11)


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("bookshop") / "lake"))
    import_file(lake, real_file("bookshop_item_traffic_2019.xlsx"), "bookshop", datetime(2020, 1, 2, tzinfo=UTC))
    return lake


def naive_pick(lake: Lake, as_of: datetime) -> set[str]:
    """The items whose buyers (or units, where no buyers are told) are 8 % of visitors in the 30 days before `as_of`."""
    today = as_of.astimezone(CHINA).date()
    rows = lake.everything("item_days", ["bookshop"]).collect().filter(pl.col("date") >= today - timedelta(days=30), pl.col("date") < today)
    picked = set()
    for (item,), days in rows.filter(pl.col("visitors").is_not_null()).group_by("item_id"):
        what = "pay_units" if days["pay_buyers"].null_count() else "pay_buyers"
        visitors, buyers = days["visitors"].sum(), days[what].sum()
        if visitors > 0 and not days[what].null_count() and 0 <= buyers <= visitors and buyers * 100 >= visitors * 8:
            picked.add(item)
    return picked


def test_double_11_of_a_real_bookshop_is_rehearsed_within_ten_seconds_and_picks_what_a_naive_query_picks(bookshop):
    book = shelf(()).find("double-11")
    shops = [{"shop": "bookshop", "name": "书店", "platform": "tmall", "tags": []}]
    began = time.process_time()
    result = rehearse(book, BOOKS_DAY, shops, bookshop, "on-time", {"gmv_target": "1000000"})
    # On a machine that is busy with others the wall clock measures them.
    assert min(result.wall_s, time.process_time() - began) <= 10
    assert result.state == "completed"
    outcome = result.outcomes["pick-items"]["bookshop"]
    picked = [row["item_id"] for row in outcome["lists"]["items"]]
    assert picked and len(picked) == len(set(picked))
    assert set(picked) == naive_pick(bookshop, datetime.fromisoformat(outcome["as_of"]))


@pytest.mark.parametrize("key", ["douyin-live", "morning", "new-shop"])
def test_a_home_without_any_data_is_rehearsed_too(tmp_path, key):
    # of every playbook beside a shop with data: test_playbooks_played
    shops = [{"shop": "new", "name": "新店", "platform": "taobao", "tags": []}]
    book = shelf(()).find(key)
    result = rehearse(book, DAY, shops, Lake(str(Path(tmp_path) / "none")), "on-time", anchors=ANCHORS.get(book.playbook))
    assert result.state == "completed"
    assert all(one["status"] != "failed" for by_shop in result.outcomes.values() for one in by_shop.values())
