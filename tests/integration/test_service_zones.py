"""Shops in a time zone of their own: anchors are the run's instants, days and times of day are the shop's; on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, update

from ecops.engine.plan import make_plan
from ecops.errors import BadCall
from ecops.playbook import calendar
from ecops.playbook.calendar import announced_until
from ecops.rehearse import beginning
from ecops.service import launch, replan, shops, sweep, views, walls
from ecops.store import tables as t
from tests.integration.stores import CHINA, DAY, NOW, UNKNOWN, assert_consistent, items_of, machine, ok, playbook, rows, start, states, step_of, store  # noqa: F401

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
WALLS = {"a": CHINA, "tokyo": TOKYO, "york": NEW_YORK}
BOOK = playbook(
    {"id": "plan", "checklist": ["one"], "start": "day - 1d 09:00", "due": "day - 1d 18:00", "remind": ["-1d", "-2h"], "escalate": [{"after": "1d", "to": "management"}]},
    {"id": "answer", "checklist": ["two"], "needs": ["plan"], "due": "+1d 10:00"},
    {"id": "send", "checklist": ["send"], "scope": "run", "due": "day 12:00"},
    {"id": "sell", "checklist": ["sell"], "start": "day", "due": "day + 4h"},
    anchors={"day": {"at": "D 20:00"}},
)


@pytest.fixture
def world(store):  # noqa: F811
    """The two shops of everybody, one in Tokyo and one in New York."""
    for key, zone in (("tokyo", "Asia/Tokyo"), ("york", "America/New_York")):
        shops.add(store, key, key.title(), "tmall", [], NOW, timezone=zone)
    return store


def wall(at: datetime, shop: str) -> str:
    return at.astimezone(WALLS[shop]).strftime("%m-%d %H:%M")


def dues(world, run, step) -> dict[str, str]:
    return {row.shop: wall(row.due_at, row.shop) for row in rows(world, t.step_run, run=run, step=step)}


def test_a_zone_is_kept_with_the_shop_and_an_unknown_one_is_a_sentence(world):
    assert {row["shop"]: row["timezone"] for row in shops.everyone(world)} == {"a": None, "b": None, "tokyo": "Asia/Tokyo", "york": "America/New_York"}
    for word in ("Mars/Olympus", "", "../etc"):
        with pytest.raises(BadCall, match="there is no time zone"):
            shops.add(world, "c", "C", "tmall", [], NOW, timezone=word)
    assert "c" not in {row["shop"] for row in shops.everyone(world)}


def test_days_and_times_of_day_are_the_shop_s_and_anchors_are_everybody_s(world):
    run = start(world, BOOK, ("a", "tokyo", "york"))
    day = datetime(2026, 11, 11, 20, tzinfo=CHINA)
    (row,) = rows(world, t.run, run=run)
    assert datetime.fromisoformat(row.anchors["day"]) == day
    # 20:00 in Shanghai is 21:00 in Tokyo, and 07:00 of the same day in New York
    assert dues(world, run, "plan") == {"a": "11-10 18:00", "tokyo": "11-10 18:00", "york": "11-10 18:00"}
    assert {one.due_at for one in rows(world, t.step_run, run=run, step="plan")} == {datetime(2026, 11, 10, 18, tzinfo=zone) for zone in WALLS.values()}
    assert {one.start_at for one in rows(world, t.step_run, run=run, step="sell")} == {day} and {one.due_at for one in rows(world, t.step_run, run=run, step="sell")} == {day + timedelta(hours=4)}
    assert step_of(world, run, "send").due_at == datetime(2026, 11, 11, 12, tzinfo=CHINA), "the run's own work has the playbook's clock"
    assert {item.shop: item.due_at for item in items_of(world, run, "plan")} == {one.shop: one.due_at for one in rows(world, t.step_run, run=run, step="plan")}
    assert_consistent(world)


def test_shops_open_each_on_its_own_morning_with_reminders_on_its_own_wall(world):
    run = start(world, BOOK, ("a", "tokyo", "york"))
    opened = {}
    for hour in range(48):
        now = datetime(2026, 11, 9, 12, tzinfo=UTC) + timedelta(hours=hour)
        sweep.sweep(world, now)
        opened |= {row.shop: wall(row.opened_at, row.shop) for row in rows(world, t.step_run, run=run, step="plan") if row.state == "open"}
    assert opened == {"a": "11-10 09:00", "tokyo": "11-10 09:00", "york": "11-10 09:00"}
    shop_of = {row.id: row.shop for row in rows(world, t.step_run, run=run, step="plan")}
    timers = {(shop_of[row.step_run], row.kind): wall(row.at, shop_of[row.step_run]) for row in rows(world, t.timer) if row.step_run in shop_of}
    assert timers == {(shop, kind): at for shop in WALLS for kind, at in (("remind", "11-10 16:00"), ("escalate", "11-11 18:00"))}
    assert_consistent(world)


def test_reminders_of_whole_days_keep_the_time_of_day_of_the_shop_over_its_clock_change(world):
    sold = playbook({"id": "file", "checklist": ["file"], "due": "day 18:00", "remind": ["-1d"], "escalate": [{"after": "1d", "to": "management"}]})
    run = launch.launch(world, launch.Launch(sold, date(2026, 10, 31), ["a", "york"]), NOW - timedelta(days=9), "ann").run
    shop_of = {row.id: row.shop for row in rows(world, t.step_run, run=run)}
    # D is midnight in Shanghai, the 30th at noon in New York, whose clocks go back on 1 November
    replan.apply(world, run, {"day": "2026-11-01 13:00"}, None, "ann", NOW - timedelta(days=8))
    told = {(shop_of[row.step_run], row.kind): wall(row.at, shop_of[row.step_run]) for row in rows(world, t.timer)}
    assert told == {("a", "remind"): "10-31 18:00", ("a", "escalate"): "11-02 18:00", ("york", "remind"): "10-31 18:00", ("york", "escalate"): "11-02 18:00"}


def test_a_due_time_that_counts_from_ready_is_the_shop_s(world):
    instant = datetime(2026, 11, 10, 20, 30, tzinfo=UTC)  # the 11th in Shanghai and Tokyo, the 10th in New York
    book = playbook({"id": "x", "checklist": ["x"], "due": "+1d 10:00"}, {"id": "y", "task": "campaign.pick_items", "due": "+1d 10:00"})
    run = start(world, book, ("a", "tokyo", "york"), now=instant)
    assert dues(world, run, "x") == {"a": "11-12 10:00", "tokyo": "11-12 10:00", "york": "11-11 10:00"}
    machine(world, run, UNKNOWN, instant)
    assert dues(world, run, "y") == dues(world, run, "x")
    assert {item.shop: wall(item.due_at, item.shop) for item in items_of(world, run, "y")} == dues(world, run, "x")
    assert replan.look(world, run, {}, None, instant + timedelta(hours=1)).moves == [], "nothing moved, and nothing is said to move"
    assert_consistent(world)


def test_rounds_of_shops_in_several_zones_go_on_each_by_its_own_clock(world):
    book = playbook({"id": "watch", "task": "campaign.watch_hour", "every": "1d", "from": "day 09:00", "until": "day + 2d 09:00"})
    run = launch.launch(world, launch.Launch(book, date(2026, 10, 31), ["a", "tokyo", "york"]), NOW - timedelta(days=9), "ann").run
    ran: dict[str, list[str]] = {shop: [] for shop in WALLS}
    for hour in range(0, 24 * 6, 6):
        now = datetime(2026, 10, 29, 12, tzinfo=UTC) + timedelta(hours=hour)
        sweep.sweep(world, now)
        for done in machine(world, run, ok(), now, f"e{hour}"):
            for shop in done.shops:
                ran[shop].append(wall(done.as_of, shop))
    # the day, midnight of the 31st in Shanghai, is the 30th in New York, whose clocks go back on 1 November
    assert ran == {"a": ["10-31 09:00", "11-01 09:00", "11-02 09:00"], "tokyo": ["10-31 09:00", "11-01 09:00", "11-02 09:00"], "york": ["10-30 09:00", "10-31 09:00", "11-01 09:00"]}
    assert set(states(world, run).values()) == {"done"}
    assert_consistent(world)


def test_replan_moves_every_shop_on_its_own_wall_and_then_nothing(world):
    run = start(world, BOOK, ("a", "tokyo", "york"))
    change = replan.apply(world, run, {"day": "2026-11-14 20:00"}, None, "ann", NOW)
    assert {one.shop: one.to for one in change.moves if (one.step, one.field) == ("plan", "due")} == {shop: datetime(2026, 11, 13, 18, tzinfo=zone) for shop, zone in WALLS.items()}
    assert dues(world, run, "plan") == dict.fromkeys(WALLS, "11-13 18:00")
    assert replan.look(world, run, {}, None, NOW).moves == []
    newer = playbook(*BOOK.model_dump(by_alias=True, mode="json", exclude_defaults=True)["steps"], {"id": "more", "checklist": ["more"], "due": "day + 1d 09:00"}, version=2, anchors={"day": {"at": "D 20:00"}})
    assert replan.apply(world, run, {}, newer, "ann", NOW).added == ["more"]
    assert dues(world, run, "more") == dict.fromkeys(WALLS, "11-15 09:00")
    assert_consistent(world)


def test_finished_work_of_a_shop_stays_and_its_days_decide_whether_it_would_have_moved(world):
    run = start(world, BOOK, ("tokyo",))
    sweep.sweep(world, datetime(2026, 11, 10, 9, tzinfo=TOKYO))
    with world.write(NOW, "ann") as tx:
        tx.connection.execute(update(t.step_run).where(t.step_run.c.step == "plan").values(state="done"))
    assert replan.look(world, run, {}, None, NOW).kept == []
    assert [row.step for row in replan.look(world, run, {"day": "2026-11-14 20:00"}, None, NOW).kept] == ["plan"]


def test_working_days_are_provisional_by_the_shop_s_own_days(world):
    end = announced_until()
    last = datetime(end.year, 12, 31, tzinfo=CHINA)
    book = playbook({"id": "x", "checklist": ["x"], "due": "day roll back"}, anchors={"day": {"at": "D 23:30"}})
    asked = launch.launch(world, launch.Launch(book, last.date(), ["a"]), NOW, "ann")
    abroad = launch.launch(world, launch.Launch(book, last.date(), ["a", "tokyo"]), NOW, "ann")  # in Tokyo it is New Year already
    assert [word for word in asked.warnings if "provisional" in word] == []
    (said,) = [word for word in abroad.warnings if "provisional" in word]
    assert end.isoformat() in said and "chinesecalendar" in said
    with world.read() as connection:
        notes = {run: views.notes(connection, views.get_run(connection, run), book, NOW)["provisional"] for run in (asked.run, abroad.run)}
    assert notes == {asked.run: [], abroad.run: ["x"]}


def test_announced_days_move_a_rolled_date(world, monkeypatch):
    monkeypatch.setattr(calendar, "working_day", lambda day: (day.weekday() < 5, True))
    run = start(world, playbook({"id": "x", "checklist": ["x"], "due": "day roll forward"}), ("a",))
    monkeypatch.setattr(calendar, "working_day", lambda day: (day != DAY and day.weekday() < 5, False))
    assert replan.announced(world, NOW) == [run]
    assert dues(world, run, "x") == {"a": "11-12 00:00"}


def test_shops_without_a_zone_are_planned_once_and_asked_about_in_one_statement(world):
    plan = make_plan(BOOK, DAY, NOW, {}, {})
    assert plan.walls == {} and plan.at("a") is plan and list(plan.everywhere()) == list(plan.steps)
    two = make_plan(BOOK, DAY, NOW, {}, {"tokyo": "Asia/Tokyo", "osaka": "Asia/Tokyo", "b": "Asia/Shanghai"})
    assert two.at("tokyo") is two.at("osaka") and len(list(two.everywhere())) == 2 * len(BOOK.steps)
    seen = []
    event.listen(world.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    with world.read() as connection:
        seen.clear()
        assert walls.zones_of(connection, ["a", "b"]) == {} and len(seen) == 1
        assert walls.zones_of(connection, ["a", "tokyo"]) == {"tokyo": "Asia/Tokyo"}


def test_a_copy_kept_before_the_language_had_service_hours_can_still_be_moved(world):
    run = start(world, BOOK, ("a",))
    with world.write(NOW, "old") as tx:
        tx.add(t.definition, [{"digest": "0123456789abcdef", "body": BOOK.model_dump_json(by_alias=True, exclude={"service_hours"})}])
        tx.connection.execute(update(t.run).where(t.run.c.run == run).values(digest="0123456789abcdef"))
    replan.apply(world, run, {"day": "2026-11-14 20:00"}, None, "ann", NOW)
    assert rows(world, t.run, run=run)[0].digest == "0123456789abcdef"
    assert dues(world, run, "plan") == {"a": "11-13 18:00"}
    sweep.sweep(world, datetime(2026, 11, 13, 9, tzinfo=CHINA))
    assert states(world, run)["plan"] == "open"


def test_a_rehearsal_begins_before_the_first_shop_does():
    eastern = [{"shop": "a", "timezone": None}, {"shop": "tokyo", "timezone": "Asia/Tokyo"}]
    book = playbook({"id": "x", "checklist": ["x"], "start": "day - 9d 09:00"})
    assert beginning(book, DAY, {}, eastern) == datetime(2026, 11, 2, 9, tzinfo=TOKYO) - timedelta(minutes=1)
    assert beginning(book, DAY, {}, eastern[:1]) == datetime(2026, 11, 2, 9, tzinfo=CHINA) - timedelta(minutes=1)
