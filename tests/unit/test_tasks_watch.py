"""The hourly watch under attack: late, missing, counting and falling feeds, evening openings, curves, giant orders, budgets."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
from tasks._curves import MILLION, general_parts, parts_of
from tests.unit.task_rows import DAY, local, missing, run, status

EVEN = ",".join(f"{n * 12.5}%" for n in range(1, 9))  # a day of eight equal hours
HOUR = timedelta(hours=1)


def hours(*amounts: int | None, opening: datetime = DAY, **more) -> list[dict]:
    """Hour after hour from the opening; None leaves a hole."""
    row = {"visitors": 100, "pay_buyers": 5} | more
    return [row | {"hour": opening + n * HOUR, "pay_amount_fen": amount} for n, amount in enumerate(amounts) if amount is not None]


def counting(*counts: int | None, opening: datetime = DAY) -> list[dict]:
    """A feed that only counts on since midnight."""
    return [{"hour": opening + n * HOUR, "visitors": 100, "pay_buyers": 5, "pay_amount_so_far_fen": count} for n, count in enumerate(counts) if count is not None]


def watch(rows: list[dict], at: datetime, **params):
    return run("campaign.watch_hour", {"hours": rows}, as_of=at, **({"gmv_target": "800", "curve": EVEN} | params))


def causes(answer) -> list[str]:
    return answer.lists["alarms"]["cause"].to_list()


def pace(answer) -> dict:
    return answer.lists["pace"].row(0, named=True)


def after(h: float, opening: datetime = DAY) -> datetime:
    return opening + h * HOUR


# --- the curve -----------------------------------------------------------------------------------------------------

EVENING = local("2026-11-10 20:00")


@given(opening=st.integers(0, 23), length=st.integers(1, 60))
def test_the_general_curve_of_any_opening_is_a_whole(opening, length):
    parts = general_parts(DAY.replace(hour=opening), length)
    assert len(parts) == length and sum(parts) == MILLION and min(parts) >= 0


@given(st.lists(st.floats(0, 1e6), min_size=1).filter(lambda weights: sum(weights) > 0))
def test_parts_add_to_a_million_whatever_the_weights(weights):
    assert sum(parts_of(weights)) == MILLION and min(parts_of(weights)) >= 0


def test_an_evening_opening_expects_its_burst_first_and_another_at_midnight():
    parts = general_parts(EVENING, 28)
    assert parts[0] == max(parts) and parts[4] > parts[3] and parts[4] > parts[5] > parts[7]
    midnight = general_parts(DAY, 24)
    assert [sum(midnight[: n + 1]) for n in (0, 1, 2)] == [120_000, 170_000, 200_000]


def test_without_a_past_campaign_the_general_curve_is_used_and_said():
    answer = watch(hours(96_00), after(1), curve=None)
    assert status(answer) == OK and pace(answer)["pace"] == 1.0 and pace(answer)["campaigns"] == 0
    assert answer.verdicts["zh"].item().endswith("曲线：通用") and pace(answer)["forecast_low_fen"] is None


def past_day(opening: datetime, first: int) -> list[dict]:
    """A past campaign of four hours of which the first sold `first` percent."""
    parts = (first, *[(100 - first) // 3] * 3)
    return [{"hour": opening + n * HOUR, "visitors": 1_000, "pay_buyers": part, "pay_amount_fen": part * 100} for n, part in enumerate(parts)]


PAST = {"past": "2026-06-18, 2025-11-11", "curve": None, "lasts": "4h", "gmv_target": "100"}


def test_the_shops_own_campaigns_make_its_curve_and_their_spread_the_interval():
    rows = past_day(local("2026-06-18"), 40) + past_day(local("2025-11-11"), 70) + hours(55_00)
    answer = watch(rows, after(1), **PAST)
    row = pace(answer)
    assert (row["campaigns"], row["pace"], row["forecast_fen"]) == (2, 1.0, 100_00)
    assert (row["forecast_low_fen"], row["forecast_high_fen"]) == (round(55_00 / 0.7), round(55_00 / 0.4))
    assert "本店2场往期活动" in answer.verdicts["zh"].item()


def test_one_past_campaign_makes_a_curve_and_no_interval():
    row = pace(watch(past_day(local("2026-06-18"), 40) + hours(40_00), after(1), **PAST))
    assert (row["campaigns"], row["pace"], row["forecast_low_fen"]) == (1, 1.0, None)


@pytest.mark.parametrize("hole", [0, 3])
def test_a_past_campaign_with_a_missing_hour_is_no_curve(hole):
    day = past_day(local("2026-06-18"), 40)
    assert pace(watch(day[:hole] + day[hole + 1 :] + hours(40_00), after(1), **PAST))["campaigns"] == 0


def test_a_past_campaign_that_opened_at_another_hour_or_sold_nothing_is_no_curve():
    other = past_day(local("2026-06-18 20:00"), 40)
    assert pace(watch(other + hours(40_00), after(1), **PAST | {"past": "2026-06-18T20:00"}))["campaigns"] == 0
    assert pace(watch(hours(0, 0, 0, 0, opening=local("2026-06-18")) + hours(40_00), after(1), **PAST))["campaigns"] == 0


def test_the_calendars_sales_at_the_same_hour_are_past_campaigns_too():
    wave = hours(*[200_00] * 4, opening=local("2026-10-31 20:00"))
    answer = watch(wave + hours(10_00, opening=EVENING), after(1, EVENING), opening="day - 4h", curve=None, lasts="4h", gmv_target="40")
    assert (pace(answer)["campaigns"], pace(answer)["pace"]) == (1, 1.0)


def test_a_giant_order_of_a_past_campaign_does_not_bend_the_curve():
    day = past_day(local("2026-06-18"), 40)
    day[3]["pay_amount_fen"] += 188_320_00
    assert pace(watch(day + hours(40_00), after(1), **PAST))["pace"] == pytest.approx(1.0, abs=0.01)


# --- the feed ------------------------------------------------------------------------------------------------------


def test_a_feed_that_is_alive_and_has_not_sent_the_first_hour_is_late_and_no_alarm_of_a_dead_one():
    answer = watch(hours(10_00, opening=after(-1)), after(1))
    assert status(answer) == UNKNOWN and missing(answer) == ["hours: 0 of 1 hours (late)"]
    assert causes(answer) == ["late_hours"]


@pytest.mark.parametrize(("at", "found"), [(2.99, ["late_hours"]), (3, ["stale"])])
def test_the_feed_is_dead_from_stale_after_on_and_one_alarm_says_so(at, found):
    assert causes(watch(hours(100_00), after(at))) == found


def test_a_missing_and_a_falling_hour_and_a_day_behind_are_three_causes_and_three_alarms():
    answer = watch(hours(20_00, None, None, -1, 10_00, 10_00), after(6))
    assert causes(answer) == ["missing_hours", "cumulative_falls", "behind"]
    assert "02:00" in answer.lists["alarms"]["zh"][0] and answer.lists["pace"]["hours_known"].item() == 4


def test_a_counting_feed_gives_the_amounts_of_its_hours():
    answer = watch(counting(100_00, 250_00, 300_00), after(3))
    assert answer.lists["hours"]["pay_amount_fen"].to_list() == [100_00, 150_00, 50_00]
    assert (status(answer), pace(answer)["actual_fen"], causes(answer)) == (OK, 300_00, [])


def test_a_gap_in_a_counting_feed_loses_no_money_and_no_hour():
    answer = watch(counting(100_00, None, None, 400_00), after(4))
    assert answer.lists["hours"]["state"].to_list() == ["ok", "joined", "joined", "ok"]
    assert (status(answer), pace(answer)["actual_fen"], pace(answer)["pace"], pace(answer)["hours_known"]) == (OK, 400_00, 1.0, 4)


def test_a_counting_feed_of_an_evening_opening_leaves_out_what_was_sold_before():
    rows = counting(500_00, 600_00, 650_00, opening=after(-1, EVENING))
    answer = watch(rows, after(2, EVENING), opening="day - 4h")
    assert answer.lists["hours"]["pay_amount_fen"].to_list() == [100_00, 50_00]


def test_a_count_that_reaches_back_before_the_opening_says_nothing_of_the_hours_after_it():
    answer = watch(counting(None, 600_00, 650_00, opening=after(-1, EVENING)), after(2, EVENING), opening="day - 4h")
    assert answer.lists["hours"]["state"].to_list() == ["late", "ok"]
    assert pace(answer)["actual_fen"] == 50_00


def test_a_counting_feed_begins_again_at_midnight():
    rows = counting(100_00, 200_00, opening=local("2026-11-10 22:00")) + counting(70_00, 150_00)
    answer = watch(rows, after(2), opening="day - 2h")
    assert answer.lists["hours"]["pay_amount_fen"].to_list() == [None, 100_00, 70_00, 80_00]
    assert causes(answer) == ["missing_hours"]


@pytest.mark.parametrize(("count", "found", "alarms"), [(95_00, OK, ["cumulative_falls"]), (94_99, UNKNOWN, ["cumulative_falls"])])
def test_a_count_that_fell_by_more_than_a_twentieth_is_no_count(count, found, alarms):
    answer = watch(counting(100_00, count), after(2), alarm_pace="40%")
    assert (status(answer), causes(answer)) == (found, alarms)


def test_a_count_that_fell_to_nothing_raises_its_own_alarm_and_not_that_the_day_is_behind():
    answer = watch(counting(100_00, 200_00, 0), after(3))
    assert causes(answer) == ["cumulative_falls"] and "从200.00元降到0.00元" in answer.verdicts["zh"].item()
    assert watch(counting(100_00, 200_00, 0, 400_00), after(4)).verdicts["status"].item() == OK


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_a_counting_feed_and_one_of_amounts_are_watched_alike(amounts):
    upto = [sum(amounts[: n + 1]) for n in range(len(amounts))]
    one, other = watch(hours(*amounts), after(len(amounts))), watch(counting(*upto), after(len(amounts)))
    assert one.lists["pace"].equals(other.lists["pace"]) and causes(one) == causes(other)


def test_sums_too_large_for_64_bits_are_compared_exactly():
    huge = {"gmv_target": "10000000000", "alarm_pace": "81.2345%", "curve": "100%"}  # ten thousand million yuan
    assert [causes(watch(hours(fen), after(1), **huge)) for fen in (812_345_000_000, 812_344_999_999)] == [[], ["behind"]]


# --- hours that stand out ------------------------------------------------------------------------------------------


def test_one_giant_order_counts_once_hides_no_lag_and_is_named():
    plain, giant = [70_00] * 7, [70_00] * 6 + [70_00 + 188_320_00]
    row, answer = pace(watch(hours(*plain), after(7))), watch(hours(*giant), after(7))
    assert causes(answer) == ["big_order", "behind"]
    assert pace(answer)["forecast_fen"] == row["forecast_fen"] + 188_320_00
    assert pace(answer)["pace"] > 100 and pace(answer)["steady_pace"] == pytest.approx(0.7)


def test_a_good_hour_with_as_many_more_buyers_is_no_giant_order():
    rows = hours(*[100_00] * 6) + [{"hour": after(6), "visitors": 500, "pay_buyers": 25, "pay_amount_fen": 500_00}]
    assert "big_order" not in causes(watch(rows, after(7)))


@pytest.mark.parametrize(("last", "found"), [((100_00, 100_00), []), ((100_00, 60_00), []), ((50_00, 50_00), ["hour_low"]), ((80_00, 80_00), []), ((100_00, 5_00), ["hour_low"]), ((5_00, 100_00), [])])
def test_an_hour_is_called_low_when_two_are_or_one_is_far_and_only_while_it_is_the_newest(last, found):
    amounts = [100_00] * 6 + list(last)
    rows = [{"hour": after(n), "visitors": 100, "pay_buyers": amount // 20_00 or 1, "pay_amount_fen": amount} for n, amount in enumerate(amounts)]
    assert causes(watch(rows, after(8))) == found


def test_few_hours_are_not_compared_with_each_other():
    assert causes(watch(hours(200_00, 200_00, 200_00, 200_00, 1_00), after(5))) == []


# --- refunds -------------------------------------------------------------------------------------------------------


def test_refunds_that_take_an_hour_below_zero_are_a_fall_and_not_a_sale():
    answer = watch(hours(300_00, -10_00), after(2))
    assert causes(answer) == ["cumulative_falls"] and pace(answer)["actual_fen"] == 290_00


# --- budget --------------------------------------------------------------------------------------------------------

PLAN = {"plan_conversion": "4%", "gmv_target": "800"}


def advertised(n: int, **more) -> list[dict]:
    row = {"visitors": 10_000, "pay_buyers": 500, "pay_amount_fen": 100_00, "ad_spend_fen": 1_000_00, "ad_deal_amount_fen": 3_000_00}
    return [row | more | {"hour": after(h)} for h in range(n)]


def proposed(rows: list[dict], at: float, **params) -> list[int]:
    return watch(rows, after(at), **PLAN | params).lists["items"]["raise_fen"].to_list()


def test_a_day_that_converts_better_than_planned_and_pays_may_spend_a_fifth_more():
    row = watch(advertised(1), after(1), **PLAN).lists["items"].row(0, named=True)
    assert (row["raise_fen"], row["spend_fen"], row["conversion"], row["plan"], row["roi"]) == (200_00, 1_000_00, 0.05, 0.04, 3.0)
    assert 0.04 < row["lower_bound"] < 0.05


def test_without_a_plan_nothing_is_proposed():
    assert proposed(advertised(1), 1, plan_conversion=None) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"pay_buyers": 400}, []),  # 4 % sold, and the lower bound is under it
        ({"visitors": 100, "pay_buyers": 6}, []),  # 6 of 100 proves little
        ({"visitors": 10, "pay_buyers": 11}, []),
        ({"ad_deal_amount_fen": 2_000_00}, [200_00]),
        ({"ad_deal_amount_fen": 1_999_99}, []),
        ({"ad_spend_fen": None}, []),
        ({"ad_spend_fen": 0}, []),
        ({"ad_deal_amount_fen": None}, []),
        ({"visitors": None}, []),
        ({"ad_spend_fen": 154_99}, [30_00]),
        ({"ad_spend_fen": 149_99}, []),  # 29.99 yuan: a budget takes 30 at least
        ({"ad_spend_fen": 9_000_00, "ad_deal_amount_fen": 90_000_00}, [500_00]),
    ],
)
def test_edges_of_a_raise(change, found):
    assert proposed(advertised(1, **change), 1) == found


def test_after_a_raise_comes_a_pause_and_the_day_has_a_cap():
    assert [proposed(advertised(h), h) for h in range(1, 6)] == [[200_00], [], [200_00], [], [200_00]]
    assert [proposed(advertised(h), h, max_raised="350") for h in range(1, 6)] == [[200_00], [], [150_00], [], []]
    assert [proposed(advertised(h), h, cool_down="90m") for h in range(1, 4)] == [[200_00], [], [200_00]]


def test_an_hour_that_has_not_come_or_a_feed_that_died_proposes_nothing():
    assert proposed(advertised(1), 2) == []
    assert proposed(advertised(1), 5) == []


def test_a_run_repeated_within_the_hour_proposes_the_same():
    one, other = (watch(advertised(3), after(h), **PLAN).lists["items"] for h in (3, 3.9))
    assert one.height == 1 and one.equals(other)


@pytest.mark.parametrize(("name", "value"), [("gmv_target", "0"), ("lasts", "30m"), ("lasts", "90m"), ("min_roi", "-1"), ("max_raise", "-1")])
def test_parameters_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValueError):
        watch([], after(1), **{name: value})


def test_shops_with_and_without_a_past_are_watched_in_one_pass():
    past = past_day(local("2026-06-18"), 40)
    rows = past + hours(40_00) + [row | {"shop": "b"} for row in hours(40_00)]
    answer = run("campaign.watch_hour", {"hours": rows}, as_of=after(1), shops=("b", "a"), **PAST)
    assert answer.lists["pace"].select("shop", "campaigns").rows() == [("b", 0), ("a", 1)]
    general = general_parts(DAY, 4)[0] * 100_00 // MILLION
    assert answer.lists["hours"].select("shop", "expected_fen").rows() == [("b", general), ("a", 40_00)]
