"""Service at, under and over its lines: replies, alarms, small hours, complaints, return windows, after-sales, rosters."""

from datetime import date, datetime, timedelta
from functools import cache
from math import ceil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ecops.automation import OK, UNKNOWN, find_automation
from ecops.shop.demo import generate
from tests.unit.task_rows import AS_OF, CHINA, TODAY, days_ago, frame, local, missing, run, status

SECOND, MINUTE, HOUR, DAYS = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = local("2026-11-11 12:00")


def talk(session: str, *messages: tuple, start: datetime = NOON) -> list[dict]:
    """A conversation; each message is (seconds after its start, sender[, agent])."""
    rows = []
    for n, (after, sender, *agent) in enumerate(messages):
        at = start + timedelta(seconds=after)
        named = agent[0] if agent else ("客服1" if sender == "agent" else None)
        rows.append({"session_id": session, "message_id": f"m{n}", "at": at, "available_at": at, "sender": sender, "agent": named})
    return rows


LIVELY = talk("lively", (0, "system"), start=AS_OF - MINUTE)


def replied(*talks: list[dict], **params):
    chats = [*LIVELY, *(row for rows in talks for row in rows)]
    return run("service.reply_rate", {"chats": chats}, **{"min_turns": 1, "window": "24h", **params})


def whole(answer) -> tuple[int, int]:
    rows = answer.lists["agents"]
    return rows["within"].sum(), rows["turns"].sum()


# --- reply_rate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "within"), [(29.999, 1), (30, 1), (30.001, 0)])
def test_thirty_seconds_exactly_are_in_time(seconds, within):
    assert whole(replied(talk("s", (0, "buyer"), (seconds, "agent")))) == (within, 1)


@pytest.mark.parametrize(("seconds", "within"), [(59.999, 1), (60, 1), (60.001, 0)])
def test_sixty_seconds_exactly_are_in_time_on_the_campaign_day(seconds, within):
    answer = replied(talk("s", (0, "buyer"), (seconds, "agent")), within_seconds=60)
    assert whole(answer) == (within, 1) and "60秒应答率" in answer.verdicts["zh"].item()


def test_a_robots_message_answers_nothing_and_its_own_sessions_are_left_out():
    helped = talk("helped", (0, "buyer"), (1, "robot"), (40, "agent"))
    alone = talk("alone", (0, "buyer"), (1, "robot"))
    answer = replied(helped, alone)
    assert whole(answer) == (0, 1) and "机器人独立接待1轮未计" in answer.verdicts["zh"].item()


def test_a_turn_begins_with_the_first_message_nobody_had_answered():
    assert whole(replied(talk("s", (0, "buyer"), (20, "buyer"), (40, "agent"), (41, "agent")))) == (0, 1)


def test_an_unanswered_turn_counts_against_and_for_ten_minutes():
    answer = replied(talk("s", (0, "buyer"), (5, "agent"), (60, "buyer")), talk("t", (0, "buyer")))
    agents = {row["agent"]: row for row in answer.lists["agents"].to_dicts()}
    assert whole(answer) == (1, 3) and agents["客服1"]["unanswered"] == 1 and agents["无人接待"]["median_seconds"] == 600
    assert agents["客服1"]["p90_seconds"] == 600 and agents["客服1"]["median_seconds"] == 302.5


@pytest.mark.parametrize(("clock", "turns"), [("07:59:59", 0), ("08:00:00", 1), ("22:59:59", 1), ("23:00:00", 0)])
def test_the_night_does_not_count(clock, turns):
    night = talk("s", (0, "buyer"), (900, "agent"), start=local(f"2026-11-11 {clock}"))
    assert whole(replied(night, talk("day", (0, "buyer"), (1, "agent")), window="26h")) == (1, 1 + turns)


def test_round_the_clock_counts_the_night():
    night = talk("s", (0, "buyer"), (900, "agent"), start=local("2026-11-12 03:00"))
    assert whole(replied(night, opens=0, closes=24)) == (0, 1)


@pytest.mark.parametrize(("ago", "turns"), [(29, 0), (30, 1)])
def test_a_turn_that_may_still_be_answered_in_time_counts_neither_way(ago, turns):
    fresh = talk("fresh", (0, "buyer"), start=AS_OF - ago * SECOND)
    assert whole(replied(fresh, talk("s", (0, "buyer"), (1, "agent")))) == (1, 1 + turns)


def test_a_conversation_under_way_at_the_start_of_the_window_is_not_cut():
    start = AS_OF - HOUR - 20 * SECOND
    rows = talk("s", (0, "buyer"), (25, "buyer"), (60, "agent"), start=start)
    answer = replied(rows, talk("t", (0, "buyer"), (1, "agent"), start=AS_OF - 30 * MINUTE), window="1h")
    assert whole(answer) == (1, 1)


def test_rates_are_sums_divided_once_and_never_means_of_rates():
    quick = [talk(f"q{n}", (0, "buyer"), (5, "agent", "甲")) for n in range(90)]
    slow = [talk(f"s{n}", (0, "buyer"), (90, "agent", "乙")) for n in range(10)]
    answer = replied(*quick, *slow)
    assert "90.0%（90/100轮）" in answer.verdicts["zh"].item() and answer.lists["agents"]["rate"].to_list() == [0.0, 1.0]


@pytest.mark.parametrize(("within", "reached"), [(84, False), (85, True), (86, True)])
def test_the_target_is_reached_at_eighty_five_percent_exactly(within, reached):
    talks = [talk(f"s{n}", (0, "buyer"), (5 if n < within else 60, "agent")) for n in range(100)]
    answer = replied(*talks)
    assert ("，达标" in answer.verdicts["zh"].item()) == reached == answer.lists["items"].is_empty()


@pytest.mark.parametrize(("turns", "listed"), [(9, 0), (10, 1)])
def test_a_thin_hour_raises_nothing(turns, listed):
    slow = [talk(f"s{n}", (0, "buyer"), (90, "agent")) for n in range(turns)]
    answer = replied(*slow, talk("else", (0, "buyer"), (1, "agent", "乙"), start=NOON + HOUR), min_turns=10)
    assert answer.lists["items"].height == listed


@pytest.mark.parametrize(("judge", "reached"), [("share", False), ("p90", False), ("median", True)])
def test_within_a_minute_is_judged_by_what_the_parameter_says(judge, reached):
    talks = [talk(f"s{n}", (0, "buyer"), (10 if n < 8 else 200, "agent")) for n in range(10)]
    zh = replied(*talks, judge=judge, within_seconds=60).verdicts["zh"].item()
    assert ("，达标" in zh) == reached


def test_too_few_turns_are_unknown():
    answer = replied(talk("s", (0, "buyer"), (1, "agent")), min_turns=10)
    assert status(answer) == UNKNOWN and missing(answer) == ["chats: 1 turns within 24h, 10 needed"]


def test_a_feed_that_stopped_is_unknown_and_no_rate():
    history = [row for n in range(14) for m in range(30) for row in talk(f"h{n}-{m}", (0, "buyer"), (5, "agent"), start=local("2026-11-11 09:00") - n * DAYS + m * 20 * MINUTE)]
    answer = run("service.reply_rate", {"chats": history}, as_of=local("2026-11-11 22:00"))
    assert status(answer) == UNKNOWN and missing(answer)[0].startswith("chats: stale, nothing since 2026-11-11 18:40")


def platform(agent="*", rate=0.9, ago=1, period=1, **more) -> dict:
    return {"date": days_ago(ago), "agent": agent, "period_days": period, "reply_30s_rate": rate, **more}


def quoted(*rows: dict, **params):
    return run("service.reply_rate", {"service_days": list(rows)}, **params)


def test_without_messages_the_platforms_own_figure_is_quoted_and_marked():
    answer = quoted(platform(), platform("甲", 0.5), platform("同行", 0.99), platform(rate=0.2, period=30))
    assert status(answer) == OK and "平台口径30秒应答率90.0%（1天，截至2026-11-11），达标" in answer.verdicts["zh"].item()
    assert answer.lists["items"].select("agent", "rate", "source").rows() == [("甲", 0.5, "platform")]
    assert answer.lists["agents"]["source"].to_list() == ["platform"]


def test_messages_come_before_the_platforms_figure():
    frames = {"chats": [*LIVELY, *talk("s", (0, "buyer"), (1, "agent"))], "service_days": [platform(rate=0.1)]}
    answer = run("service.reply_rate", frames, min_turns=1)
    assert answer.lists["agents"]["source"].to_list() == ["chats"] and "100.0%" in answer.verdicts["zh"].item()


def test_rates_of_agents_are_not_averaged_into_one_of_the_shop():
    answer = quoted(platform("甲", 0.9), platform("乙", 0.7))
    assert status(answer) == UNKNOWN and missing(answer) == ["service_days: 30 s figures of agents only; they are not averaged"]


@pytest.mark.parametrize(
    ("rows", "params"), [([platform(ago=3)], {}), ([platform(rate=None)], {}), ([platform(rate=85.0)], {}), ([platform()], {"within_seconds": 60})]
)
def test_an_old_missing_impossible_or_other_figure_is_unknown(rows, params):
    assert status(quoted(*rows, **params)) == UNKNOWN


def test_service_that_closes_before_it_opens_is_refused():
    with pytest.raises(ValidationError, match="it must open first"):
        find_automation("service.reply_rate").params(opens=9, closes=9)


# --- watch --------------------------------------------------------------------------------------------------------------


def order(ago: timedelta, name: str, **more) -> dict:
    at = AS_OF - ago
    return {"order_id": name, "created_at": at, "paid_at": at, "total_fen": 100, "paid_fen": 100, "refund_fen": 0, "status": "paid", **more}


def claim(ago: timedelta, name: str, order_id: str | None = None, **more) -> dict:
    known = {"refund_id": name, "order_id": order_id or name, "created_at": AS_OF - ago, "refund_kind": "refund", "refund_status": "open", "amount_fen": 1}
    return {**known, **more}


def usual(days: int = 60, claims_a_day: int = 2) -> dict[str, list[dict]]:
    """Twenty orders and two claims a day, and a chat every half hour of the service hours."""
    opening = local("2026-11-12 08:00")
    chats = [row for n in range(15) for m in range(30) for row in talk(f"c{n}-{m}", (0, "buyer"), (5, "agent"), start=opening - n * DAYS + m * 30 * MINUTE) if row["at"] <= AS_OF]
    orders = [order(n * DAYS + m * 30 * MINUTE, f"o{n}-{m}") for n in range(days) for m in range(20)]
    claims = [claim(n * DAYS + (5 + 60 * m) * MINUTE, f"r{n}-{m}") for n in range(1, days) for m in range(claims_a_day)]
    return {"chats": chats, "orders": orders, "refunds": [*claims, claim(10 * MINUTE, "today")]}


def watched(chats=(), refunds=(), **params):
    frames = usual()
    return run("service.watch", {**frames, "chats": [*frames["chats"], *chats], "refunds": [*frames["refunds"], *refunds]}, **params)


def causes(answer) -> list[str]:
    return answer.lists["items"]["cause"].to_list()


def test_a_quiet_morning_raises_nothing():
    answer = watched()
    assert status(answer) == OK and causes(answer) == [] and "0项告警" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("seconds", "late"), [(179, 0), (180, 0), (181, 1)])
def test_three_minutes_exactly_are_not_yet_too_long(seconds, late):
    assert watched(talk("w", (0, "buyer"), start=AS_OF - seconds * SECOND)).lists["waiting"].height == late


@pytest.mark.parametrize(("waiting", "alarm"), [(2, []), (3, ["unanswered"]), (40, ["unanswered"])])
def test_three_who_wait_raise_one_alarm_and_forty_raise_one_too(waiting, alarm):
    chats = [row for n in range(waiting) for row in talk(f"w{n}", (0, "buyer"), start=AS_OF - 4 * MINUTE)]
    answer = watched(chats)
    assert causes(answer) == alarm and answer.lists["waiting"].height == waiting


@pytest.mark.parametrize(("minutes", "alarm"), [(29, []), (30, ["unanswered"])])
def test_one_who_waits_for_half_an_hour_raises_the_alarm(minutes, alarm):
    assert causes(watched(talk("w", (0, "buyer"), start=AS_OF - minutes * MINUTE))) == alarm


def test_the_night_is_not_waited_through():
    asleep = talk("w", (0, "buyer"), start=local("2026-11-12 02:00"))
    assert causes(run("service.watch", {**usual(), "chats": [*usual()["chats"], *asleep]}, as_of=local("2026-11-12 08:02"))) == []
    assert causes(watched(asleep)) == ["unanswered"]  # an hour of service has gone by at nine


def test_who_heard_only_a_robot_is_shown_and_raises_nothing():
    answer = watched(talk("w", (0, "buyer"), (1, "robot"), start=AS_OF - 40 * MINUTE))
    assert causes(answer) == [] and answer.lists["waiting"]["robot_only"].to_list() == [True]
    assert "另有1位只有机器人回复" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("claims", "alarm"), [(9, []), (10, ["refunds"])])
def test_a_jump_of_claims_is_one_alarm_against_the_shops_own_baseline(claims, alarm):
    assert causes(watched(refunds=[claim(2 * HOUR, f"n{n}") for n in range(claims)])) == alarm


def test_a_claim_of_many_lines_is_one_claim_and_a_resend_is_none():
    many = [claim(2 * HOUR, f"n{n}", "one order") for n in range(20)]
    resent = [claim(2 * HOUR, f"s{n}", refund_kind="resend") for n in range(20)]
    assert watched(refunds=many + resent).lists["refund_rate"]["claims"].item() == 2


def test_claims_after_a_campaign_are_held_against_its_orders():
    """Ten times the orders three days ago bring ten times the claims: nothing is wrong with the shop."""
    frames = usual()
    sale = [order(3 * DAYS + n * SECOND, f"sale{n}") for n in range(1500)]
    wave = [claim(2 * HOUR + n * SECOND, f"sale{n}") for n in range(12)]
    assert causes(run("service.watch", {**frames, "refunds": frames["refunds"] + wave})) == ["refunds"]
    assert causes(run("service.watch", {**frames, "orders": frames["orders"] + sale, "refunds": frames["refunds"] + wave})) == []


def test_a_stopped_feed_is_one_alarm_unknown_and_silences_what_hangs_on_it():
    frames = usual()
    cut = local("2026-11-11 12:00")
    chats = [row for row in frames["chats"] if row["at"] < cut] + [row for n in range(9) for row in talk(f"w{n}", (0, "buyer"), start=cut)]
    answer = run("service.watch", {**frames, "chats": chats})
    assert causes(answer) == ["stale"] and status(answer) == UNKNOWN
    assert missing(answer)[0].startswith("chats: stale, nothing since 2026-11-11 12:00")
    assert "聊天记录 止于 2026-11-11 12:00" in answer.lists["items"]["zh"].item()


def test_feeds_that_stop_together_are_one_alarm():
    frames = usual()
    cut = AS_OF - 2 * DAYS
    old = {"chats": [row for row in frames["chats"] if row["at"] < cut]} | {kind: [row for row in frames[kind] if row["created_at"] < cut] for kind in ("orders", "refunds")}
    answer = run("service.watch", old)
    assert causes(answer) == ["stale"] and status(answer) == UNKNOWN


def test_without_weeks_of_orders_nobody_knows_what_is_usual():
    answer = run("service.watch", usual(days=21))
    assert status(answer) == UNKNOWN and missing(answer) == ["orders: fewer than 7 days with 15d of orders before them; what is usual is not known"]
    assert status(run("service.watch", usual(days=22))) == OK


# --- hours --------------------------------------------------------------------------------------------------------------


def nights(small=(10, 2), by_day=(50, 2), days: int = 28, shift: int = 0, rush: int = 0) -> dict[str, list[dict]]:
    """Each day (visitors, buyers) of the hours 02, 03 and of eight hours of the day; an order for each buyer; a chat at 02:30."""
    frames: dict[str, list[dict]] = {"hours": [], "orders": [], "chats": []}
    for back in range(1, days + 1):
        midnight = datetime.combine(days_ago(back), datetime.min.time(), CHINA)
        for hour in (2, 3, 9, 10, 11, 12, 14, 16, 18, 20):
            visitors, buyers = small if hour < 6 else by_day
            if hour == 2 and back == 5:
                visitors, buyers = visitors + rush, buyers + rush
            frames["hours"].append({"hour": midnight + (hour + shift) * HOUR, "visitors": visitors, "pay_buyers": buyers})
            frames["orders"] += [order(AS_OF - midnight - hour * HOUR, f"{back}-{hour}-{n}") for n in range(buyers)]
        frames["chats"] += talk(f"n{back}", (0, "buyer"), (1, "robot"), start=midnight + 2.5 * HOUR)
    return frames


def test_small_hours_that_surely_convert_better_are_proposed():
    answer = run("service.hours", nights())
    row = answer.lists["items"].row(0, named=True)
    assert (row["from"], row["until"], row["unserved"]) == ("00:00", "06:00", 28) and row["lower"] > row["day_upper"]
    assert "建议客服延长到00:00-06:00" in answer.verdicts["zh"].item()


@pytest.mark.parametrize("small", [(10, 0), (25, 1), (10, 1)])
def test_small_hours_that_are_not_surely_better_are_not(small):
    """1 of 10 is more than 2 of 50, and yet 27 nights of it are enough; 1 of 25 is the day's own rate."""
    answer = run("service.hours", nights(small))
    assert status(answer) == OK and answer.lists["items"].height == (small == (10, 1))


def test_one_night_of_rush_proves_no_habit():
    answer = run("service.hours", nights(small=(25, 1), rush=300))
    assert status(answer) == OK and answer.lists["items"].is_empty() and "不建议延长" in answer.verdicts["zh"].item()


def test_thin_small_hours_are_unknown():
    answer = run("service.hours", nights(small=(1, 1)))
    assert status(answer) == UNKNOWN and missing(answer) == ["hours: 54 visitors in 28 nights (00:00-06:00), 100 in 14 needed"]


@pytest.mark.parametrize(("days", "found"), [(13, UNKNOWN), (14, OK)])
def test_fewer_than_fourteen_nights_are_unknown(days, found):
    assert status(run("service.hours", nights(days=days))) == found


def test_an_hourly_feed_in_another_time_zone_is_said_and_not_believed():
    answer = run("service.hours", nights(small=(25, 1), shift=-8))
    assert status(answer) == UNKNOWN and "hours: the clock is off by 8 hours against the orders (another time zone?)" in missing(answer)


def test_without_orders_the_clock_cannot_be_checked():
    answer = run("service.hours", nights() | {"orders": []})
    assert status(answer) == UNKNOWN and missing(answer) == ["orders: 0 paid within 28d, 50 needed to check the clock"]


def test_where_it_converts_and_nobody_knows_who_asks_it_is_unknown():
    answer = run("service.hours", nights() | {"chats": []})
    assert status(answer) == UNKNOWN and missing(answer)[0].startswith("chats: none within 28d")
    assert status(run("service.hours", nights(small=(25, 1)) | {"chats": []})) == OK


def test_small_hours_that_people_serve_already_need_no_longer_service():
    served = [row for back in range(1, 29) for row in talk(f"n{back}", (0, "buyer"), (9, "agent"), start=datetime.combine(days_ago(back), datetime.min.time(), CHINA) + 2 * HOUR)]
    answer = run("service.hours", nights() | {"chats": served})
    assert status(answer) == OK and answer.lists["items"].is_empty() and "只有0次咨询无人工接待" in answer.verdicts["zh"].item()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=28, max_size=28))
def test_the_hours_of_the_small_hours_add_up_to_the_block_and_its_best_night(pairs):
    rows = [
        {"hour": datetime.combine(days_ago(back + 1), datetime.min.time(), CHINA) + (back % 6) * HOUR, "visitors": visitors, "pay_buyers": min(visitors, buyers)}
        for back, (visitors, buyers) in enumerate(pairs)
    ]
    answer = run("service.hours", {"hours": rows})
    hours = answer.lists["hours"]
    assert hours["visitors"].sum() == sum(visitors for visitors, _ in pairs) and (hours["lower"].fill_null(0) <= hours["upper"].fill_null(1)).all()


# --- complaints ---------------------------------------------------------------------------------------------------------


def review(ago: int, text: str, name: str, **more) -> dict:
    at = datetime.combine(days_ago(ago), datetime.min.time(), CHINA) + 12 * HOUR
    return {"review_id": name, "order_id": name, "buyer_id": name, "item_id": "i", "created_at": at, "stars": 1, "text": text, **more}


def lines(per_day: int = 10, days: int = 60, items=("i", "j")) -> list[dict]:
    return [
        {"order_id": f"{item}{back}-{n}", "line_id": "1", "item_id": item, "created_at": AS_OF - back * DAYS, "paid_at": AS_OF - back * DAYS, "paid_fen": 1}
        for back in range(1, days) for n in range(per_day) for item in items
    ]  # fmt: skip


def complained(*reviews: dict, refunds=(), sold=None, **params):
    frames = {"reviews": list(reviews), "refunds": list(refunds), "order_lines": lines() if sold is None else sold}
    return run("service.complaints", frames, **params)


def by_topic(answer) -> dict[str, int]:
    return dict(answer.lists["reasons"].filter(pl.col("complaints") > 0).select("topic", "complaints").iter_rows())


def test_a_text_of_several_topics_is_a_case_of_each():
    answer = complained(review(1, "质量差，客服不理人，快递太慢", "a"))
    assert by_topic(answer) == {"quality": 1, "delivery": 1, "service": 1} and "投诉1起" in answer.verdicts["zh"].item()
    assert answer.lists["reasons"]["share"].sum() == pytest.approx(1)


def test_an_order_that_complains_twice_of_one_thing_is_one_case():
    asked = {"refund_id": "r", "order_id": "a", "created_at": AS_OF - DAYS, "reason": "质量问题"}
    answer = complained(review(1, "掉色", "a"), review(2, "洗后掉色", "again", order_id="a"), refunds=[asked])
    assert by_topic(answer) == {"quality": 1}


def test_praise_a_denial_and_a_change_of_mind_are_no_complaints():
    unwanted = {"refund_id": "r", "order_id": "b", "created_at": AS_OF - DAYS, "reason": "七天无理由退换货"}
    answer = complained(review(1, "掉色", "a", stars=4), review(1, "没有破损，没有质量问题", "d", stars=3), refunds=[unwanted])
    assert by_topic(answer) == {"other": 1} and "1条未能归类" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("stars", "cases"), [(3, 1), (4, 0)])
def test_three_stars_complain_and_four_do_not(stars, cases):
    assert len(by_topic(complained(review(1, "掉色", "a", stars=stars)))) == cases


@pytest.mark.parametrize(("ago", "cases"), [(1, 1), (7, 1), (8, 0)])
def test_the_window_is_seven_whole_days(ago, cases):
    assert len(by_topic(complained(review(ago, "掉色", "a"), review(1, "很好", "b", stars=5)))) == cases


def test_the_vital_reasons_are_the_smallest_set_with_eighty_percent():
    texts = ["掉色"] * 6 + ["破损"] * 2 + ["尺码偏小"] + ["差价"]
    answer = complained(*(review(1, text, f"r{n}") for n, text in enumerate(texts)))
    assert answer.lists["reasons"].filter("vital")["topic"].to_list() == ["quality", "damage"]


@pytest.mark.parametrize(("now", "rule"), [(4, []), (5, ["trend"])])
def test_quality_complaints_that_rise_go_to_quality_control(now, rule):
    answer = complained(*(review(1 + n % 7, "掉色严重", f"r{n}") for n in range(now)), share_ratio=1000)
    assert answer.lists["items"]["rule"].to_list() == rule
    assert not rule or answer.lists["items"].select("item_id", "texts").rows() == [("i", "掉色严重")]


def test_complaints_that_grow_with_sales_do_not_rise():
    before = [review(8 + n, "掉色", f"b{n}", item_id=None) for n in range(20)]
    now = [review(1 + n % 7, "掉色", f"n{n}", item_id=None) for n in range(30)]
    flat, grown = lines(), [*lines(), *(row | {"line_id": str(n)} for row in lines(days=9) for n in range(2, 14))]
    rising = [complained(*before, *now, sold=sold).lists["reasons"]["rising"].to_list() for sold in (flat, grown)]
    assert rising == [[True], [False]]


def test_five_complaints_of_one_buyer_raise_nothing():
    assert complained(*(review(1, "掉色", f"r{n}", buyer_id="same") for n in range(6))).lists["items"].is_empty()


def test_an_item_that_always_breaks_stands_out_among_the_others():
    steady = [review(ago, "掉色", f"r{ago}") for ago in range(1, 35, 2)]
    answer = complained(*steady, review(3, "掉色", "j", item_id="j"))
    assert answer.lists["items"].select("item_id", "rule").rows() == [("i", "share")]


def test_complaints_of_other_topics_are_named_with_who_has_to_act():
    answer = complained(*(review(1, "快递丢件", f"r{n}") for n in range(6)))
    assert answer.lists["items"].is_empty() and answer.lists["reasons"].select("topic", "to", "rising").rows() == [("delivery", "supply", True)]


@pytest.mark.parametrize(("days", "found"), [(35, UNKNOWN), (36, OK)])
def test_without_two_weeks_of_baseline_there_is_no_trend(days, found):
    assert status(complained(review(1, "掉色", "a"), sold=lines(days=days))) == found


def test_an_old_feed_of_complaints_is_unknown():
    assert status(complained(review(8, "掉色", "a"))) == UNKNOWN and status(complained(review(7, "掉色", "a"))) == OK


# --- return_deadline ----------------------------------------------------------------------------------------------------

POLICY = "2026-10-01"
MIDNIGHT = local("2026-10-01 00:00")


def signed(created: datetime, delivered: datetime | None, name: str = "o", **more) -> dict[str, list[dict]]:
    bought = {"order_id": name, "created_at": created, "paid_at": created, "total_fen": 1, "paid_fen": 1, "refund_fen": 0, "status": "shipped"}
    parcel = {"parcel_id": name, "order_id": name, "shipped_at": created + HOUR, "delivered_at": delivered, "last_event_at": delivered}
    return {"orders": [bought | more], "parcels": [parcel]}


def deadline_of(created: datetime, delivered: datetime | None, **params) -> tuple:
    answer = run("service.return_deadline", signed(created, delivered), **{"policy": POLICY, "as_of": delivered + HOUR if delivered else AS_OF, **params})
    row = answer.lists["orders"].row(0, named=True)
    return row["promised_days"], row["deadline"].astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(("created", "days"), [(MIDNIGHT - SECOND, 7), (MIDNIGHT, 15), (MIDNIGHT + SECOND, 15)])
def test_the_promise_is_that_of_the_second_the_order_was_made_in(created, days):
    assert deadline_of(created, local("2026-10-03 10:00"))[0] == days


@pytest.mark.parametrize(
    ("counted", "created", "ends"),
    [
        ("next_day", MIDNIGHT - SECOND, "2026-10-10 23:59:59"),
        ("next_day", MIDNIGHT, "2026-10-18 23:59:59"),
        ("signed", MIDNIGHT - SECOND, "2026-10-10 10:00:00"),
        ("signed", MIDNIGHT, "2026-10-18 10:00:00"),
    ],
)
def test_the_window_ends_in_a_second_that_can_be_named(counted, created, ends):
    assert deadline_of(created, local("2026-10-03 10:00"), counted=counted)[1] == ends


@pytest.mark.parametrize(("after", "standing"), [(0, "in_time"), (1, "late")])
@pytest.mark.parametrize(("created", "ends"), [(MIDNIGHT - SECOND, "2026-10-10 23:59:59"), (MIDNIGHT, "2026-10-18 23:59:59")])
def test_a_claim_in_the_last_second_is_in_time_and_the_next_one_is_late(created, ends, after, standing):
    asked = claim(AS_OF - local(ends) - after * SECOND, "r", "o")
    answer = run("service.return_deadline", {**signed(created, local("2026-10-03 10:00")), "refunds": [asked]}, policy=POLICY)
    assert answer.lists["items"]["standing"].to_list() == [standing]


@pytest.mark.parametrize(("delivered", "more"), [(None, {"finished_at": AS_OF - DAYS}), (None, {"status": "finished"}), (MIDNIGHT + HOUR + MINUTE, {})])
def test_an_order_without_a_signature_is_unknown_and_never_over(delivered, more):
    frames = {**signed(MIDNIGHT, delivered, **more), "refunds": [claim(HOUR, "r", "o")]}
    known = signed(MIDNIGHT, AS_OF - DAYS, "known")
    answer = run("service.return_deadline", {kind: rows + known.get(kind, []) for kind, rows in frames.items()}, policy=POLICY)
    assert status(answer) == OK and answer.lists["unknown_orders"]["order_id"].to_list() == ["o"]
    assert answer.lists["items"]["standing"].to_list() == ["unknown"] and answer.lists["orders"]["order_id"].to_list() == ["known"]


def test_where_no_signature_is_known_at_all_the_shop_is_unknown():
    answer = run("service.return_deadline", signed(MIDNIGHT, None, finished_at=AS_OF - DAYS), policy=POLICY)
    assert status(answer) == UNKNOWN and missing(answer) == ["parcels.delivered_at: unknown for all 1 orders that arrived"]


def test_a_claim_before_the_goods_were_signed_for_is_in_time():
    answer = run("service.return_deadline", {**signed(MIDNIGHT, None), "refunds": [claim(HOUR, "r", "o")]}, policy=POLICY)
    assert answer.lists["items"]["standing"].to_list() == ["in_time"]


def test_the_window_runs_from_the_last_parcel_of_the_order():
    frames = signed(MIDNIGHT, local("2026-10-03 10:00"))
    frames["parcels"].append(frames["parcels"][0] | {"parcel_id": "second", "delivered_at": local("2026-10-09 10:00")})
    answer = run("service.return_deadline", frames, policy=POLICY, as_of=local("2026-10-20 09:00"))
    assert answer.lists["orders"]["deadline"].item() == local("2026-10-24 23:59:59")


def test_the_policy_may_be_an_anchor_and_an_unknown_one_is_said():
    frames = signed(local("2026-11-10 00:00"), local("2026-11-11 10:00"))
    assert run("service.return_deadline", frames, policy="day - 24h").lists["orders"]["promised_days"].to_list() == [15]
    assert missing(run("service.return_deadline", frames)) == ["policy: 'policy' is neither an anchor of the run nor a date"]


# --- disputes -----------------------------------------------------------------------------------------------------------


def queued(*claims: dict, orders=None, order_lines=(), **params):
    bought = [order(5 * DAYS, "o", paid_fen=1000, total_fen=1000)] if orders is None else orders
    return run("service.disputes", {"refunds": list(claims), "orders": bought, "order_lines": list(order_lines)}, **params)


def checks(answer) -> list[tuple[str, str]]:
    return sorted(answer.lists["items"].select("refund_id", "check").rows())


@pytest.mark.parametrize(
    ("age", "shipped", "state"),
    [
        (36 * HOUR - SECOND, False, "open"), (36 * HOUR, False, "soon"), (48 * HOUR, False, "soon"), (48 * HOUR + SECOND, False, "overdue"),
        (48 * HOUR + SECOND, True, "open"), (72 * HOUR, True, "soon"), (72 * HOUR + SECOND, None, "overdue"),
    ],
)  # fmt: skip
def test_an_after_sale_is_overdue_after_its_limit(age, shipped, state):
    assert queued(claim(age, "r", "o", shipped=shipped)).lists["items"]["state"].to_list() == [state]


@pytest.mark.parametrize(("amount", "check"), [(999, "ok"), (1000, "ok"), (1001, "exceeds"), (None, "unknown")])
def test_no_more_than_was_paid_may_be_given_back(amount, check):
    assert checks(queued(claim(HOUR, "r", "o", amount_fen=amount))) == [("r", check)]


def test_what_was_given_back_before_is_gone():
    earlier = claim(DAYS, "old", "o", line_id="1", amount_fen=700, refund_status="success", closed_at=AS_OF - HOUR)
    bought = [order(5 * DAYS, "o", paid_fen=300, refund_fen=700, refunded_at=AS_OF - HOUR)]
    for amount, check in ((300, "ok"), (301, "exceeds")):
        assert checks(queued(earlier, claim(HOUR, "new", "o", line_id="2", amount_fen=amount), orders=bought)) == [("new", check)]


def test_two_open_claims_of_different_lines_share_what_is_left():
    two = [claim(HOUR, "r1", "o", line_id="1", amount_fen=600), claim(HOUR, "r2", "o", line_id="2", amount_fen=401)]
    assert checks(queued(*two)) == [("r1", "exceeds"), ("r2", "exceeds")]
    assert checks(queued(two[0], two[1] | {"amount_fen": 400})) == [("r1", "ok"), ("r2", "ok")]


def test_a_line_gives_back_no_more_than_it_cost():
    line = {"order_id": "o", "line_id": "1", "item_id": "i", "created_at": AS_OF - 5 * DAYS, "paid_at": AS_OF - 5 * DAYS, "paid_fen": 400, "refund_fen": 0}
    for amount, check in ((400, "ok"), (401, "exceeds")):
        assert checks(queued(claim(HOUR, "r", "o", line_id="1", amount_fen=amount), order_lines=[line])) == [("r", check)]


@pytest.mark.parametrize(
    ("other", "check"),
    [
        ({"line_id": "1"}, "twice"), ({}, "twice"), ({"line_id": "2"}, "ok"), ({"line_id": "1", "refund_status": "refused", "closed_at": AS_OF - HOUR}, "ok"),
        ({"line_id": "1", "refund_kind": "resend", "refund_status": "success", "closed_at": AS_OF - HOUR}, "twice"),
    ],
)  # fmt: skip
def test_two_remedies_for_one_thing_are_held(other, check):
    answer = queued(claim(HOUR, "r", "o", line_id="1", reason="破损"), claim(DAYS, "other", "o", **other))
    row = answer.lists["items"].row(by_predicate=pl.col("refund_id") == "r", named=True)
    assert row["check"] == check and (row["remedy"] == "hold") == (check == "twice")
    assert row["beside"] == ("other、r" if check == "twice" else None)


def test_what_was_settled_is_gone_and_what_is_settled_later_still_waits():
    done, later = claim(DAYS, "done", "p", refund_status="success", closed_at=AS_OF), claim(DAYS, "later", "o", refund_status="success", closed_at=AS_OF + SECOND)
    assert checks(queued(done, later)) == [("later", "ok")]


def test_an_unpaid_or_unknown_order_gives_nothing_back():
    unpaid = [order(5 * DAYS, "o", paid_at=None)]
    assert checks(queued(claim(HOUR, "r", "o"), orders=unpaid)) == [("r", "exceeds")]
    assert checks(queued(claim(HOUR, "r", "elsewhere"))) == [("r", "unknown")]


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ({"reason": "收到破损", "shipped": True}, "resend"), ({"reason": "质量问题", "shipped": True}, "return"), ({"reason": "质量问题", "shipped": False}, "refund"),
        ({"reason": "没收到货", "shipped": True}, "trace"), ({"reason": "说不清", "refund_kind": "exchange"}, "exchange"), ({"reason": None, "refund_kind": None}, "ask"),
    ],
)  # fmt: skip
def test_the_remedy_follows_the_reason(more, remedy):
    assert queued(claim(HOUR, "r", "o", **more)).lists["items"]["remedy"].to_list() == [remedy]


@pytest.mark.parametrize(("amount", "second"), [(200_00, False), (200_01, True), (None, True)])
def test_an_amount_over_the_limit_wants_a_second_person(amount, second):
    bought = [order(5 * DAYS, "o", paid_fen=900_00)]
    assert queued(claim(HOUR, "r", "o", amount_fen=amount), orders=bought).lists["items"]["needs_approval"].to_list() == [second]


def test_a_queue_from_a_feed_that_stopped_is_unknown():
    old = [claim(n * HOUR, f"r{n}") for n in range(60, 400)]
    answer = queued(*old)
    assert status(answer) == UNKNOWN and missing(answer)[0].startswith("refunds: stale, nothing since 2026-11-09 21:00")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=6), st.integers(0, 1500))
def test_claims_that_pass_the_check_never_add_to_more_than_was_paid(claims, paid):
    rows = [claim(HOUR, f"r{n}", "o", line_id=str(n), amount_fen=amount, **({"refund_status": "success", "closed_at": AS_OF} if done else {})) for n, (amount, done) in enumerate(claims)]
    items = queued(*rows, orders=[order(5 * DAYS, "o", paid_fen=paid)]).lists["items"]
    passed = items.filter(pl.col("check") == "ok")["amount_fen"].sum()
    assert passed == 0 or passed + sum(amount for amount, done in claims if done) <= paid


# --- roster -------------------------------------------------------------------------------------------------------------

TOMORROW = local("2026-11-13 00:00")


def shift(agent: str, begin: float, end: float, trained: date | None = days_ago(30), temporary: bool = False) -> dict:
    return {"agent": agent, "shift_from": TOMORROW + begin * HOUR, "shift_until": TOMORROW + end * HOUR, "trained_on": trained, "temporary": temporary}


@cache
def history(per_hour: int) -> pl.LazyFrame:
    """So many conversations begun in each service hour of the last 14 days."""
    rows = []
    for back in range(1, 15):
        midnight = datetime.combine(days_ago(back), datetime.min.time(), CHINA)
        for hour in range(8, 23):
            rows += [row for n in range(per_hour) for row in talk(f"{back}-{hour}-{n}", (n, "buyer"), start=midnight + hour * HOUR)]
    return frame("chats", rows)


BOTH = [shift("甲", 8, 23), shift("乙", 8, 23)]


def staffed(*shifts: dict, per_hour: int = 1, **params):
    asked_for = {"since": "2026-11-13", "until": "2026-11-14", "per_hour": 2, **params}
    return run("service.roster", {"shifts": list(shifts), "chats": history(per_hour)}, **asked_for)


def problems(answer) -> list[tuple[str, str]]:
    rows = answer.lists["items"].with_columns(pl.col("from").dt.convert_time_zone("Asia/Shanghai").dt.strftime("%H"))
    return rows.select("cause", "from").rows()


def test_two_trained_people_all_day_are_enough():
    answer = staffed(*BOTH)
    assert problems(answer) == [] and "15/15个服务小时人手足够" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("sessions", "short"), [(4, []), (5, [("short", "08")])])
def test_two_people_lead_four_conversations_an_hour_and_not_five(sessions, short):
    answer = run("service.roster", {"shifts": BOTH, "chats": history(sessions)}, since="2026-11-13", until="2026-11-14", per_hour=2)
    assert problems(answer) == short


def test_what_the_shop_sends_by_itself_needs_nobody():
    at = datetime.combine(days_ago(2), datetime.min.time(), CHINA) + 10 * HOUR
    sent = [row for n in range(99) for row in talk(f"sent-{n}", (0, "system"), start=at)]
    chats = [*history(4).collect().to_dicts(), *sent]
    answer = run("service.roster", {"shifts": BOTH, "chats": chats}, since="2026-11-13", until="2026-11-14", per_hour=2)
    assert problems(answer) == [] and answer.lists["hours"]["expected"].to_list() == [4.0] * 15


def test_the_campaign_day_expects_more_and_lasts_round_the_clock():
    frames = {"shifts": BOTH, "chats": history(4)}
    answer = run("service.roster", frames, since="2026-11-13", until="2026-11-14", per_hour=2, uplift="1.5", opens=0, closes=24)
    assert problems(answer) == [("nobody", "00"), ("short", "08"), ("nobody", "23")]
    assert answer.lists["hours"]["needed"].max() == 3


def test_an_hour_with_one_person_has_no_backup_and_is_told_once():
    assert problems(staffed(shift("甲", 8, 23), shift("乙", 8, 12), shift("丙", 14, 23))) == [("no_backup", "12")]


def test_two_overlapping_shifts_of_one_person_are_one_person():
    assert problems(staffed(shift("甲", 8, 23), shift("甲", 8.5, 23))) == [("no_backup", "08")]


def test_half_an_hour_is_no_person_for_the_hour():
    assert ("no_backup", "08") in problems(staffed(shift("甲", 8, 23), shift("乙", 8.5, 23)))


@pytest.mark.parametrize(
    ("trained", "temporary", "reason"),
    [
        (None, False, "never trained"), (TODAY + DAYS, False, "never trained"), (TODAY, False, None), (date(2025, 11, 13), False, None),
        (date(2025, 11, 12), False, "training too old"), (date(2026, 9, 14), True, None), (date(2026, 9, 13), True, "training too old"),
    ],
)  # fmt: skip
def test_who_is_not_trained_is_named_and_does_not_count(trained, temporary, reason):
    answer = staffed(*BOTH, shift("丙", 8, 23, trained, temporary))
    assert answer.lists["agents"].filter(pl.col("agent") == "丙")["reason"].to_list() == [reason]
    assert [row for row in problems(answer) if row[0] == "untrained"] == ([("untrained", "08")] if reason else [])
    assert answer.lists["hours"]["people"].to_list() == [2 if reason else 3] * 15


def test_temporary_agents_alone_have_nobody_to_ask():
    answer = staffed(shift("甲", 8, 23, days_ago(5), True), shift("乙", 8, 23, days_ago(5), True))
    assert problems(answer) == [("temporary_only", "08")] and "临时2名" in answer.verdicts["zh"].item()


def test_without_shifts_or_conversations_it_is_unknown():
    assert missing(staffed()) == ["shifts: none in the window"]
    few = run("service.roster", {"shifts": BOTH, "chats": []}, since="2026-11-13", until="2026-11-14")
    assert status(few) == UNKNOWN and missing(few) == ["chats: conversations of 0 days within 14d, 7 needed to expect anything"]
    assert missing(run("service.roster", {"shifts": BOTH}, since="nobody's anchor"))[0].startswith("since: \"nobody's anchor\"")
    assert missing(run("service.roster", {"shifts": BOTH}, since="2026-11-14", until="2026-11-13")) == ["until: the window ends before it begins"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("甲乙丙"), st.integers(0, 23 * 60), st.integers(1, 600)), min_size=1, max_size=6), st.integers(1, 9))
def test_no_agent_is_in_an_hour_for_more_than_an_hour(shifts, sessions):
    rows = [shift(agent, begin / 60, (begin + length) / 60) for agent, begin, length in shifts]
    hours = staffed(*rows, per_hour=sessions).lists["hours"]
    minutes = {(agent, minute) for agent, begin, length in shifts for minute in range(begin, begin + length) if 8 * 60 <= minute < 23 * 60}
    assert hours["on_duty"].sum() == pytest.approx(len(minutes) / 60, abs=0.1) and set(hours["needed"]) == {max(1, ceil(sessions / 2))}


# --- what the generator plants ------------------------------------------------------------------------------------------


@cache
def demo():
    return generate(4, 11, date(2025, 8, 23), date(2025, 11, 20))


def asked(name: str, as_of: datetime = datetime(2025, 11, 21, tzinfo=CHINA), **params):
    frames = {kind: rows.lazy() for kind, rows in demo().frames.items()}
    return run(name, frames, shops=tuple(demo().truth["shops"]), as_of=as_of, **params)


def told(what: str) -> list[tuple[str, dict]]:
    return [(shop, one) for shop, truth in demo().truth["shops"].items() for one in truth["planted"] if one["what"] == what]


def ids(what: str, key: str) -> set[tuple[str, str]]:
    return {(shop, one_id) for shop, one in told(what) for one_id in one[key]}


def test_the_planted_replies_are_counted():
    """Sessions that a robot greeted and nobody answered look like the robot's own: a few turns in a hundred."""
    answer = asked("service.reply_rate", window="2159h")
    counted = answer.lists["agents"].group_by("shop").agg(pl.col("turns", "within").sum())
    for shop, one in told("replies"):
        row = counted.row(by_predicate=pl.col("shop") == shop, named=True)
        assert 0.95 * one["turns"] <= row["turns"] <= one["turns"] and 0.97 * one["within_30s"] <= row["within"] <= one["within_30s"]
        print(f"replies of {shop}: {row['within']}/{row['turns']}, planted {one['within_30s']}/{one['turns']}")


def test_the_planted_slow_agent_is_the_slowest():
    slowest = asked("service.reply_rate", window="2159h").lists["agents"].filter(pl.col("turns") > 20).sort("rate").group_by("shop", maintain_order=True).first()
    assert dict(slowest.select("shop", "agent").iter_rows()) == {shop: one["agent"] for shop, one in told("slow_agent")}


def test_the_planted_silence_of_two_hours_is_seen():
    """Every conversation of it is shown; those a robot greeted look like its own and raise no alarm."""
    evening = datetime(2025, 9, 2, 22, tzinfo=CHINA)
    assert {one["day"] for _, one in told("unanswered_hours")} == {evening.date().isoformat()}
    answer = asked("service.watch", evening)
    waiting = answer.lists["waiting"]
    silent = ids("unanswered_hours", "session_ids")
    assert silent and set(waiting.select("shop", "session_id").rows()) >= silent
    people = waiting.filter(~pl.col("robot_only"), pl.col("waited_minutes") >= 30)["shop"].to_list()
    assert set(answer.lists["items"].filter(pl.col("cause") == "unanswered")["shop"]) == set(people) and people


def test_longer_hours_are_proposed_where_the_small_hours_convert_and_nowhere_else():
    for window in ("28d", "60d"):
        assert set(asked("service.hours", window=window).lists["items"]["shop"]) == {shop for shop, one in told("small_hours_convert") if one["hit"]}


def test_a_planted_rush_of_one_night_is_no_reason_for_longer_hours():
    rushes = [(shop, date.fromisoformat(one["from"])) for shop, one in told("night_rush")]
    asleep = {shop for shop, one in told("small_hours_convert") if not one["hit"]}
    tried = [(shop, night) for shop, night in rushes if shop in asleep and (night - date(2025, 8, 23)).days >= 20]
    assert tried
    for shop, night in tried:
        morning = datetime.combine(night + 8 * DAYS, datetime.min.time(), CHINA)
        assert shop not in asked("service.hours", morning).lists["items"]["shop"].to_list()


def test_the_planted_bad_batches_go_to_quality_control():
    params = {"window": "10d", "baseline": "14d", "exposure": "5d", "min_complaints": 4}
    found = set(asked("service.complaints", datetime(2025, 9, 25, 9, tzinfo=CHINA), **params).lists["items"].select("shop", "item_id").rows())
    planted = {(shop, one["item_id"]) for shop, one in told("bad_batch") if len(one["review_ids"]) >= 4}
    print(f"bad batches: {len(found & planted)} of {len(planted)} found, {len(found - planted)} others")
    assert found == planted


def test_the_open_after_sales_are_the_planted_ones_and_every_one_can_be_given():
    items = asked("service.disputes").lists["items"]
    assert set(items.select("shop", "refund_id").rows()) == ids("claim_open", "refund_ids") and set(items["check"]) == {"ok"}


def test_claims_after_fifteen_days_are_late_and_those_within_are_not():
    late, within = ids("claim_after_15_days", "refund_ids"), ids("claim_within_15_days", "refund_ids")
    frames = demo().frames["refunds"].select("shop", "refund_id", "created_at", "closed_at")
    claims = {(shop, name): (made, closed) for shop, name, made, closed in frames.iter_rows()}
    seen: dict[str, set] = {"late": set(), "in_time": set(), "unknown": set()}
    for back in range(0, 70, 2):
        answer = asked("service.return_deadline", datetime(2025, 11, 21, tzinfo=CHINA) - back * DAYS, policy="2025-08-01", counted="signed")
        for shop, name, standing in answer.lists["items"].select("shop", "refund_id", "standing").iter_rows():
            seen[standing].add((shop, name))
    assert seen["late"] and seen["late"] == late & (seen["late"] | seen["in_time"] | seen["unknown"])
    assert not within & seen["late"] and within & seen["in_time"] and claims
