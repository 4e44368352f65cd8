"""What is wrong with a plan before it is launched: each lint with its number, and nothing said of a plan that is right."""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import ecops.engine.lint
from ecops.engine.lint import Facts, Overlap, Twin, lint
from ecops.engine.plan import make_plan
from ecops.engine.staffing import Absence, Staffing, Wall
from ecops.playbook.model import Playbook

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 1, 9, tzinfo=CHINA)
DAY = date(2026, 11, 11)
NIGHT = Wall(CHINA, time(22), time(8))
TICK = {"id": "tick", "checklist": ["x"], "role": "supply", "due": "day 18:00"}
COUNT = {"id": "count", "checklist": [{"title": "x", "evidence": "number"}], "due": "day - 1d 12:00"}


def day(*parts: int) -> datetime:
    return datetime(2026, 11, *parts, tzinfo=CHINA)


def book(*steps, **more) -> Playbook:
    head = {"playbook": "tiny", "title": "Tiny", "phase": "campaign", "stages": ["work"], "anchors": {"day": {"at": "D 00:00"}, "presale": {"default": "day - 5d 20:00"}}}
    return Playbook.model_validate(head | more | {"steps": list(steps)})


def bound(**roles) -> dict:
    """`supply="cat"` or `supply=("cat", "dan")` for every shop."""
    return {(role, ""): frozenset([people] if isinstance(people, str) else people) for role, people in roles.items()}


ALL_HELD = bound(operations="ann", supply=("cat", "dan"), management="meg")


def found(steps, shops=("a", "b"), given=None, zones=None, **facts) -> list:
    plan = make_plan(book(*steps), DAY, NOW, given or {}, zones)
    return lint(plan, Facts(tuple(shops), NOW, **({"bound": ALL_HELD} | facts)))


def codes(*args, **facts) -> list[tuple[str, str]]:
    return [(one.code, one.severity) for one in found(*args, **facts)]


def said(code: str, *args, **facts) -> str:
    (one,) = [one for one in found(*args, **facts) if one.code == code]
    return one.message


def test_a_plan_that_is_right_has_nothing_said_of_it():
    assert found([COUNT, TICK, {"id": "go", "approval": {"by": ["operations", "supply"], "quorum": 2}, "needs": ["count"], "due": "day 12:00"}]) == []


# --- dates


def test_an_anchor_of_this_launch_can_put_a_need_behind_what_needs_it():
    steps = [{"id": "warm", "task": "campaign.pick_items", "start": "presale"}, TICK | {"needs": ["warm"]}]
    assert codes(steps) == []
    (one,) = found(steps, given={"presale": "2026-11-12 20:00"})
    assert (one.code, one.severity, one.step) == ("due-before-need", "error", "tick")
    assert one.message == "tick is due 2026-11-11 18:00, and warm, which it needs, can be finished 2026-11-12 20:00 at the earliest."


def test_a_need_before_the_need_counts_and_a_repeating_one_until_its_last_round():
    watch = {"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 24h"}
    message = said("due-before-need", [watch, {"id": "between", "milestone": True, "needs": ["watch"]}, TICK | {"needs": ["between"]}])
    assert "between, which it needs, can be finished 2026-11-12 00:00" in message


def test_a_step_is_held_against_the_wall_of_its_shop_and_the_run_s_own_against_all():
    early = {"id": "early", "checklist": ["x"], "start": "2026-11-11 09:00", "due": "2026-11-11 10:00"}
    whole = {"id": "whole", "checklist": ["x"], "scope": "run", "needs": ["early"], "due": "day 09:30"}
    assert codes([early, whole]) == []
    west = {"b": "America/New_York"}
    (one,) = found([early, whole], zones=west)
    assert (one.code, one.step) == ("due-before-need", "whole") and "early" in one.message, "in New York nine o'clock comes later"
    assert codes([early, TICK | {"needs": ["early"], "due": "2026-11-11 18:00"}], zones=west) == []


def test_past_and_provisional_dates_are_warnings_with_their_steps():
    assert said("past", [TICK | {"due": "2026-10-01 12:00"}, COUNT]).startswith("1 of 2 steps are due in the past already: tick.")
    far = make_plan(book(TICK | {"start": "day", "due": "day + 3 working days"}), date(2040, 3, 1), NOW, {})
    assert [one.code for one in lint(far, Facts(("a",), NOW, bound=ALL_HELD))] == ["provisional"]


# --- people


def test_a_role_nobody_holds_falls_to_the_owner_and_is_an_error_without_one():
    (one,) = found([TICK], bound=bound(operations="ann"))
    assert (one.code, one.severity, one.step, one.shops) == ("nobody", "warning", "tick", ())
    assert one.message == "Nobody holds supply for all 2 shops; its part of 1 step (tick) falls to operations."
    assert codes([TICK], bound={}) == [("nobody", "error")]


def test_shops_without_anybody_are_counted_and_named():
    shops = [f"s{number:03}" for number in range(200)]
    held = {("supply", shop): frozenset(["cat"]) for shop in shops[3:]} | bound(operations="ann")
    (one,) = found([TICK], shops, bound=held, most_a_day=1000)
    assert "for 3 of 200 shops: s000, s001, s002" in one.message
    assert one.shops == ("s000", "s001", "s002")


def test_roles_of_lines_and_of_escalations_work_too():
    lines = {"id": "mixed", "checklist": ["x", {"title": "y", "role": "media"}], "due": "day", "escalate": [{"after": "1h", "to": "technology"}]}
    assert [one.message.split()[2] for one in found([lines]) if one.code == "nobody"] == ["media", "technology"]


def test_everybody_away_without_cover_is_said_by_name_and_a_cover_or_a_holder_who_stays_silences_it():
    gone = [Absence("cat", day(10), day(12), None), Absence("dan", day(10), day(12), None)]
    (one,) = found([TICK], absences=gone)
    assert (one.code, one.severity) == ("away", "warning") and "first 2026-11-11 18:00): cat, dan." in one.message
    assert found([TICK], absences=gone[:1]) == []
    assert found([TICK], absences=[gone[0], Absence("dan", day(10), day(12), "ann")]) == []
    assert found([TICK], absences=[Absence(one.person, day(10), day(11, 18), None) for one in gone]) == [], "they are back when it is due"


def test_covers_that_point_at_each_other_end_with_nobody():
    staffing = Staffing(ALL_HELD, [Absence("cat", day(1), day(20), "dan"), Absence("dan", day(1), day(20), "cat")])
    (group,) = staffing.groups(("supply",), ("a",), staffing.away(day(11)))
    assert group.people == frozenset()


def test_a_gate_fewer_people_can_open_than_it_needs_is_an_error_and_who_launches_may_not_count():
    gate = {"id": "go", "approval": {"by": ["operations", "management"], "quorum": 2, "not": "requester"}, "needs": ["count"], "due": "day"}
    assert codes([COUNT, gate]) == []
    assert codes([COUNT, gate], requester="ann") == [("quorum", "error")]
    assert "needs 2 approvals and 1 people" in said("quorum", [COUNT, gate], requester="ann")
    both = bound(operations="ann", management="ann")
    assert "and 1 people" in said("quorum", [COUNT, gate], bound=both), "one person with two roles has one voice"


def test_a_gate_of_each_shop_names_the_shops_it_stays_shut_for():
    gate = {"id": "go", "approval": {"by": "supply", "not": "requester"}, "scope": "shop", "needs": ["count"], "due": "day"}
    (one,) = [one for one in found([COUNT, gate], bound={("supply", "a"): frozenset(["cat"])} | bound(operations="ann"), requester="ann") if one.code == "quorum"]
    assert one.shops == ("b",) and "0 people" in one.message
    assert "quorum" not in dict(codes([COUNT, gate], bound={("supply", "a"): frozenset(["cat"])} | bound(operations="ann"))), "it falls to the owner"


def test_a_gate_that_every_role_must_open_needs_another_person_for_each():
    gate = {"id": "go", "approval": {"by": ["operations", "supply"], "every_role": True}, "needs": ["count"], "due": "day"}
    assert codes([COUNT, gate]) == []
    assert "needs 2 approvals of 2 people, at least one for each of operations, supply, and 1 people" in said("quorum", [COUNT, gate], bound=bound(operations="ann", supply="ann"))
    assert codes([COUNT, gate], bound=bound(operations="ann", supply=("ann", "cat"))) == []


@pytest.mark.parametrize(
    ("before", "is_said"),
    [([], True), ([TICK], True), ([COUNT, TICK | {"needs": ["count"]}], False), ([{"id": "pick", "task": "campaign.pick_items"}, TICK | {"needs": ["pick"]}], False),
     ([TICK | {"checklist": [{"title": "x", "verify": {"task": "campaign.pick_items"}}]}], False),
     ([TICK | {"checklist": [{"title": "x", "evidence": {"type": "number", "required": False}}]}], True)],
)  # fmt: skip
def test_a_gate_needs_something_to_stand_on_somewhere_before_it(before, is_said):
    gate = {"id": "go", "approval": {"by": "operations"}, "needs": ["tick"] if before else [], "due": "day 20:00"}
    assert [one.step for one in found([*before, gate]) if one.code == "gate-without-evidence"] == (["go"] if is_said else [])


# --- quiet hours


RUNGS = TICK | {"due": "day 23:00", "remind": ["-2h"], "escalate": [{"after": "0h", "to": "management"}, {"after": "1h", "to": "management", "urgent": True}]}


def test_rungs_that_everybody_sleeps_through_are_counted_with_when_they_arrive():
    (one,) = found([RUNGS], walls=dict.fromkeys(("ann", "cat", "dan", "meg"), NIGHT))
    assert one.code == "quiet-hours"
    assert one.message == "1 of 3 reminders and escalations of tick come in the quiet hours of everybody they are for, for all 2 shops; the first, of 2026-11-11 23:00, arrives 2026-11-12 08:00."


def test_one_who_may_be_told_is_enough_and_past_reminders_are_none():
    assert found([RUNGS], walls={"meg": Wall(CHINA), "cat": NIGHT, "dan": NIGHT}) == []
    late = TICK | {"due": "2026-11-01 23:30", "remind": ["-30m", "-1d"]}
    assert said("quiet-hours", [late], walls=dict.fromkeys(("cat", "dan"), NIGHT)).startswith("1 of 1 reminders"), "yesterday's is not caught up"


def test_quiet_hours_are_those_of_the_people_s_own_wall_and_of_who_covers():
    abroad = Wall(ZoneInfo("America/New_York"), time(22), time(8))
    assert found([RUNGS], walls={"meg": abroad}) == [], "it is morning there, ten o'clock"
    gone = [Absence("meg", day(10), day(20), "dan")]
    assert [one.code for one in found([RUNGS], walls={"dan": NIGHT}, absences=gone)] == ["quiet-hours"]


# --- load


def test_the_days_of_a_person_over_the_limit_are_told_with_what_they_have_already():
    many = TICK | {"checklist": [f"line {number}" for number in range(40)]}
    assert codes([many]) == [], "80 items for two people"
    message = said("load", [many], open_items={("cat", DAY): 25})
    assert message == "1 person has more than 60 items due in a day, on 1 person-day; the most: cat 2026-11-11 65 (of which 25 before this plan)."
    assert "2 people have more than 39" in said("load", [many], most_a_day=39)
    assert codes([many], open_items={("meg", DAY): 200}) == [], "who gets nothing more of this plan is not its matter"


def test_a_role_of_several_is_shared_out_by_shop_and_what_nobody_holds_counts_for_the_owner():
    many = TICK | {"checklist": [f"line {number}" for number in range(10)]}
    shops = [f"s{number}" for number in range(10)]
    held = bound(operations="ann", supply="cat") | {("supply", shop): frozenset(["eve"]) for shop in shops[:4]}
    assert "cat 2026-11-11 80;" in said("load", [many], shops, bound=held, most_a_day=10) and "eve 2026-11-11 20" in said("load", [many], shops, bound=held, most_a_day=10)
    assert "ann 2026-11-11 100" in said("load", [many], shops, bound=bound(operations="ann"))


def test_what_falls_to_a_cover_counts_for_the_cover_on_their_own_wall():
    many = TICK | {"due": "day 20:00", "checklist": [f"line {number}" for number in range(40)]}
    gone = [Absence("cat", day(11), day(12), "ann"), Absence("dan", day(11), day(12), "ann")]
    message = said("load", [many], absences=gone, walls={"ann": Wall(ZoneInfo("Asia/Tokyo"))})
    assert "ann 2026-11-11 80" in message
    later = said("load", [many | {"due": "day 23:30"}], absences=gone, walls={"ann": Wall(ZoneInfo("Asia/Tokyo"))})
    assert "ann 2026-11-12 80" in later


# --- other runs


def test_other_runs_are_told_with_their_shops():
    overlap = Overlap("r1", "双11", ("b",), NOW, NOW + timedelta(days=3))
    one, other = found([TICK], overlaps=[overlap], twins=[Twin("r2", ("a", "b"))])
    assert (one.code, other.code, other.shops) == ("clash", "clash", ("b",))
    assert "run r2" in one.message and "for all 2 shops" in one.message and "from 2026-11-01 to 2026-11-04" in other.message


def test_errors_come_first():
    steps = [TICK | {"due": "2026-10-01 12:00"}, {"id": "go", "approval": {"by": "media", "not": "requester"}, "needs": ["tick"], "due": "day"}]
    severities = [one.severity for one in found(steps, requester="ann")]
    assert severities == sorted(severities) and set(severities) == {"error", "warning"}


# --- in both languages


def every_lint() -> list:
    """One problem at least of each kind, and of each way a kind is said."""
    gone = [Absence(person, day(10), day(12), None) for person in ("cat", "dan")]
    gate = {"id": "go", "title": "拍板", "approval": {"by": ["operations", "supply"], "quorum": 2, "every_role": True}, "needs": ["tick"], "due": "day"}
    warm, watch = {"id": "warm", "task": "campaign.pick_items", "start": "presale"}, {"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 24h", "due": "day + 2h"}
    late, many = TICK | {"due": "2026-10-01 12:00"}, TICK | {"title": "点数", "checklist": [f"line {number}" for number in range(40)]}
    seven = [f"s{number}" for number in range(7)]
    own = {"id": "own", "scope": "run", "checklist": ["x"], "due": "day"}
    far = make_plan(book(TICK | {"start": "day", "due": "day + 3 working days"}), date(2040, 3, 1), NOW, {})
    asleep = dict.fromkeys(("ann", "cat", "dan", "meg"), NIGHT)
    overlap = Overlap("r1", "双十一", ("b",), NOW, NOW + timedelta(days=3))
    return [
        *found([warm, TICK | {"needs": ["warm"]}, watch, own | {"start": "day + 1d"}], given={"presale": "2026-11-12 20:00"}), *found([late, COUNT | {"due": "2026-10-02"}]), *lint(far, Facts(("a",), NOW, bound=ALL_HELD)),
        *found([TICK, own], seven, bound={("supply", "s6"): frozenset(["cat"])} | bound(operations="ann")), *found([TICK, own | {"role": "supply"}], bound={}), *found([TICK | {"role": "operations"}], bound={}), *found([TICK], bound=bound(supply="cat")), *found([many, own | {"role": "supply"}], absences=gone),
        *found([COUNT, gate | {"needs": ["count"]}], bound=bound(operations="ann", supply="ann")), *found([gate | {"needs": ["count"], "scope": "shop", "approval": {"by": "supply", "not": "requester"}}, COUNT], seven, bound={("supply", "s1"): frozenset(["cat"])} | bound(operations="ann"), requester="ann"),
        *found([TICK, gate]), *found([gate | {"needs": []}]), *found([RUNGS], walls=asleep), *found([RUNGS | {"scope": "run"}], seven, walls=asleep), *found([many], open_items={("cat", DAY): 25}), *found([many], most_a_day=10),
        *found([TICK], overlaps=[overlap], twins=[Twin("r2", ("a",))], shop_names={"a": "旗舰店", "b": "专卖店"}),
    ]  # fmt: skip


def numbers(words: str) -> list[str]:
    return sorted(re.findall(r"\d+", words))


def test_every_kind_is_said_in_both_languages_with_the_same_numbers():
    said = every_lint()
    assert {one.code for one in said} == set(re.findall(r'look\.say\("([a-z-]+)"', Path(ecops.engine.lint.__file__).read_text("utf8"))) and len(said) > 20
    for one in said:
        assert numbers(one.message) == numbers(one.message_zh) and numbers(one.remedy) == numbers(one.remedy_zh), one
        assert re.search("[\u4e00-\u9fff]", one.message_zh) and one.message_zh.endswith("。") and one.remedy_zh.endswith("。") and not re.search("[\u4e00-\u9fff]", one.message.replace("双十一", "")), one
        assert set(re.findall(r"--[a-z-]+|'[^']+'", one.remedy)) == set(re.findall(r"--[a-z-]+|'[^']+'", one.remedy_zh)), "the same remedy"


def test_chinese_names_people_shops_steps_and_roles_as_they_are_called():
    names = {"cat": "凯特", "dan": "小丹"}
    gone = [Absence(person, day(10), day(12), None) for person in names]
    (one,) = found([TICK | {"title": {"zh": "点数", "en": "Count"}}], absences=gone, names=names)
    assert one.message_zh == "担任“供应链”的人(全部 2 家店)在 1 步截止时都不在,也没有代班(点数;最早 2026-11-11 18:00):凯特、小丹。"
    assert one.message.endswith(": cat, dan.") and one.message_en.endswith(": 凯特, 小丹."), "English by keys for who types, by names for who reads"
    (load,) = found([TICK | {"checklist": ["x"] * 40}], names=names, open_items={("cat", DAY): 25})
    assert load.message_zh == "有 1 人某天到期的事超过 60 项,共 1 人天;最多的是 凯特 2026-11-11 65 项(其中原有 25 项)。" and "凯特 2026-11-11 65" in load.message_en
    (clash,) = found([TICK], twins=[Twin("r2", ("a",))], shop_names={"a": "旗舰店"})
    assert "2 家店中的 1 家(旗舰店)" in clash.message_zh and clash.run == "r2"
    assert clash.both == f"{clash.message_zh}{clash.remedy_zh} / {clash.message} {clash.remedy}" and clash.both in str(clash)


def test_two_thousand_shops_with_the_same_people_are_looked_at_once():
    plan = make_plan(book(*({"id": f"s{number}", "checklist": ["x"] * 3, "due": "day 23:00", "remind": ["-1h", "-30m"]} for number in range(120))), DAY, NOW, {})
    shops = tuple(f"shop-{number}" for number in range(2_000))
    staffing = Staffing(ALL_HELD, ())
    assert len(staffing.groups(("supply",), shops)) == 1
    (quiet, *_, load) = lint(plan, Facts(shops, NOW, bound=ALL_HELD, walls={"ann": NIGHT}))
    assert quiet.code == "quiet-hours" and "ann 2026-11-11 720000" in load.message
