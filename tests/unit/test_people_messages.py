"""Quiet hours and the words of messages."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ecops.people.messages import Digest, Line, compose
from ecops.people.quiet import may_be_told
from ecops.playbook.wall import on_the_wall
from ecops.service.digests import slot_of

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 10, 9, tzinfo=CHINA)
ZONES = st.sampled_from([ZoneInfo(name) for name in ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo")])
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)) | st.sampled_from([
    datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC), datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 15, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
])  # fmt: skip
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


def is_quiet(wall: time, since: time, until: time) -> bool:
    return since <= wall < until if since < until else wall >= since or wall < until


@given(MOMENTS, ZONES, CLOCKS, CLOCKS)
def test_nobody_is_told_in_quiet_hours_and_nobody_much_later_than_their_end(at, zone, since, until):
    if since == until:
        return
    told = may_be_told(at, zone, since, until)
    assert at <= told <= at + timedelta(hours=26)
    if not is_quiet(on_the_wall(at, zone).time(), since, until):
        assert told == at
    else:
        # At the very end of the quiet hours; where the clocks jump over it, or go back behind it, as near as the wall allows.
        assert abs(on_the_wall(told, zone) - datetime.combine(on_the_wall(told, zone).date(), until)) <= timedelta(hours=2)
    assert may_be_told(told, zone, since, until) - told <= timedelta(hours=2)


def test_who_has_no_quiet_hours_is_told_at_once():
    assert may_be_told(NOW, CHINA, None, None) == NOW


@given(MOMENTS, ZONES)
def test_a_slot_is_past_and_not_older_than_two_hours(at, zone):
    slot = slot_of(at, zone)
    if slot:
        passed = on_the_wall(at, zone) - datetime.fromisoformat(slot)
        assert timedelta(hours=-1) <= passed <= timedelta(hours=3) and slot[11:] in ("09:00", "18:00")


def test_slots_of_a_day():
    at = [datetime(2026, 11, 10, hour, 30, tzinfo=CHINA) for hour in range(24)]
    assert {moment.hour: slot[11:] for moment in at if (slot := slot_of(moment, CHINA))} == {9: "09:00", 10: "09:00", 18: "18:00", 19: "18:00"}


def line(**more) -> Line:
    known = {"kind": "remind", "why": "role", "role": "operations", "what": "核对库存", "run": "双11大促", "shop": "一号店", "due": NOW + timedelta(hours=9)}
    return Line(**{**known, **more})


def test_a_message_says_what_for_which_shop_why_by_when_and_one_link():
    title, body = compose([line(), line(kind="escalate", role="management", what="锁价", due=NOW - timedelta(hours=2))], None, "http://pages/told/7", NOW, CHINA, "zh")
    assert title == "【ecops】升级 1,提醒 1"
    assert body == (
        "打开:http://pages/told/7\n\n■ 升级(1)\n· 锁价\n  一号店|双11大促\n  11-10 07:00 截止,已逾期 2 小时;你是管理层\n\n"
        "■ 提醒(1)\n· 核对库存\n  一号店|双11大促\n  11-10 18:00 截止,还有 9 小时;你是运营"
    )


def test_in_english_and_on_the_reader_s_wall():
    title, body = compose([line(what="Check the stock", run="Double 11", shop="Shop one", why="fallback")], None, None, NOW, ZoneInfo("Europe/Berlin"), "en")
    assert title == "[ecops] Reminder 1"
    assert body == "# Reminder (1)\n- Check the stock\n  Shop one | Double 11\n  due 11-10 11:00, 9 h left; nobody holds operations, it falls to you"


def test_shops_are_named_together_and_what_does_not_fit_is_counted():
    many = [line(shop=f"店{number}") for number in range(200)] + [line(what=f"事项{number}", due=None) for number in range(40)]
    title, body = compose(many, None, None, NOW, CHINA, "zh")
    assert title == "【ecops】提醒 240"
    assert "· 核对库存 ×200\n  店0、店1、店2 等 200 店|双11大促" in body
    assert body.count("· ") == 20 and body.endswith("……另有 21 件")


def test_a_digest_counts_and_lists_what_is_before_a_person():
    title, body = compose([], Digest("09:00", 2, 3, 4, [line(due=NOW - timedelta(days=1)), line(what="备货")]), None, NOW, CHINA, "zh")
    assert title == "【ecops】今日清单"
    assert body.startswith("■ 09:00 清单:逾期 2,今天到期 3,明天到期 4\n· 核对库存|一号店|11-09 09:00 截止,已逾期 1 天")


def test_a_reason_and_a_moved_date_are_said():
    _, body = compose([line(kind="moved", why="person", said="原 11-10 18:00 → 现 11-12 18:00"), line(kind="refuted", why="person", said="页面价格与冻结价不符")], None, None, NOW, CHINA, "zh")
    assert body.index("■ 核验未通过(1)") < body.index("页面价格与冻结价不符") < body.index("■ 时间已变(1)") < body.index("原 11-10 18:00")


def test_a_digest_names_the_gates_first():
    _, body = compose([], Digest("09:00", 0, 1, 0, [line()], [line(what="上线决策", shop="")]), None, NOW, CHINA, "zh")
    assert body.startswith("■ 待你审批(1)\n· 上线决策|双11大促|11-10 18:00 截止,还有 9 小时\n\n■ 09:00 清单")


def test_of_many_gates_the_most_urgent_are_named_and_all_are_counted():
    gates = [line(what=f"决策 {n:03}", shop="", due=NOW + timedelta(hours=n)) for n in range(500)] + [line(what="决策 000", shop="", due=NOW)]
    for language, count, twice in (("zh", "■ 待你审批(501)", "· 决策 000 ×2|"), ("en", "# Waiting for your decision (501)", "- 决策 000 x2 | ")):
        _, body = compose([], Digest("09:00", 0, 1, 0, [line()], gates), None, NOW, CHINA, language)
        assert count in body and twice in body and "决策 019" in body and "决策 020" not in body and "09:00" in body
