"""Where the gap came from, and which items carry the turnover."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
from tests.unit.task_rows import DAY, days_ago, ids, local, missing, run, status

# --- gap -----------------------------------------------------------------------------------------------------------

ONE_HOUR = {"since": "day", "until": "day + 1h"}


def hour(visitors: int, buyers: int, fen: int, at=DAY) -> dict:
    return {"hour": at, "visitors": visitors, "pay_buyers": buyers, "pay_amount_fen": fen}


def gap(*hours: dict, days=(), **params):
    return run("review.gap", {"hours": list(hours), "item_days": list(days)}, **({"gmv_target": "1"} | ONE_HOUR | params))


def parts(answer, method: str = "shapley_fen") -> dict[str, int]:
    return dict(answer.lists["items"].select("part", method).rows())


def test_the_published_example_comes_out():
    """Visitors 10,000 -> 15,000, conversion 5 % -> 8 %, AOV 350 -> 330 (domain.md section 7)."""
    plan = {"gmv_target": "175000", "plan_visitors": 10_000, "plan_conversion": "5%", "plan_aov": "350"}
    answer = gap(hour(15_000, 1_200, 396_000_00), **plan)
    assert parts(answer) == {"visitors": 110_250_00, "conversion": 127_250_00, "aov": -16_500_00}
    assert parts(answer, "lmdi_fen") == {"visitors": 109_728_99, "conversion": 127_194_72, "aov": -15_923_71}


def test_a_million_wanted_and_eight_hundred_thousand_reached_adds_to_minus_two_hundred_thousand():
    plan = {"gmv_target": "1000000", "plan_visitors": 100_000, "plan_conversion": "5%", "plan_aov": "200"}
    answer = gap(hour(90_000, 4_400, 800_000_00), **plan)
    assert sum(parts(answer).values()) == sum(parts(answer, "lmdi_fen").values()) == -200_000_00
    assert answer.verdicts["zh"].item().startswith("目标1000000.00元，实际800000.00元，差-200000.00元：流量")


@settings(max_examples=60, deadline=None)
@given(
    visitors=st.integers(0, 10**6), buyers=st.integers(0, 10**5), fen=st.integers(0, 10**10), target=st.integers(1, 10**10),
    plan=st.tuples(st.integers(1, 10**6), st.integers(1, 100), st.integers(1, 10**5)), given_visitors=st.booleans(),
)  # fmt: skip
def test_the_parts_add_to_the_gap_to_the_fen(visitors, buyers, fen, target, plan, given_visitors):
    params = {"plan_conversion": f"{plan[1]}%", "plan_aov": plan[2] / 100} | ({"plan_visitors": plan[0]} if given_visitors else {})
    buyers = buyers if visitors else 0
    answer = gap(hour(visitors, buyers, fen if buyers else 0), gmv_target=target / 100, **params)
    rows = answer.lists["items"]
    wanted = answer.lists["shops"]["gap_fen"].item()
    assert rows["shapley_fen"].sum() == wanted
    assert rows["lmdi_fen"].null_count() == rows.height or rows["lmdi_fen"].sum() == wanted


@pytest.mark.parametrize("actual", [(0, 0, 0), (100, 0, 0)])
def test_with_zeros_only_shapley_speaks(actual):
    answer = gap(hour(*actual), gmv_target="100", plan_conversion="5%", plan_aov="20")
    assert sum(parts(answer).values()) == -100_00
    assert set(parts(answer, "lmdi_fen").values()) == {None}


def test_one_missing_plan_figure_follows_from_the_target():
    answer = gap(hour(100, 5, 100_00), gmv_target="200", plan_conversion="5%", plan_aov="20")
    row = answer.lists["items"].filter(pl.col("part") == "visitors").row(0, named=True)
    assert row["plan"] == 200 and parts(answer) == {"visitors": -100_00, "conversion": 0, "aov": 0}
    assert answer.lists["shops"]["plan_source"].item() == "visitors from the target"


def test_other_missing_plan_figures_come_from_the_span_before_and_it_says_so():
    before = hour(1_000, 50, 1_000_00, at=DAY - timedelta(hours=1))
    answer = gap(before, hour(1_000, 40, 800_00), gmv_target="1000")
    assert parts(answer) == {"visitors": 0, "conversion": -200_00, "aov": 0}
    assert answer.lists["shops"]["plan_source"].item() == "visitors from the target; conversion from the span before; aov from the span before"


def test_without_plan_and_without_the_span_before_the_split_is_unknown():
    answer = gap(hour(1_000, 40, 800_00), gmv_target="1000")
    assert missing(answer) == ["plan figures: not given, and the span before has no complete data"]


def test_a_plan_that_does_not_multiply_to_its_target_is_a_part_of_its_own():
    plan = {"gmv_target": "300", "plan_visitors": 100, "plan_conversion": "10%", "plan_aov": "20"}
    answer = gap(hour(100, 10, 200_00), **plan)
    assert parts(answer) == {"visitors": 0, "conversion": 0, "aov": 0, "plan": -100_00}


@pytest.mark.parametrize("figures", [(100, 0, 1), (0, 5, 1)])
def test_turnover_without_payers_or_visitors_is_not_split(figures):
    answer = gap(hour(*figures), plan_conversion="5%", plan_aov="20")
    assert missing(answer) == ["actual figures: GMV without payers, or payers without visitors"] and parts(answer) == {}


def test_a_missing_hour_is_unknown_and_counted():
    answer = gap(hour(1, 1, 1), gmv_target="1", until="day + 2h")
    assert missing(answer) == ["hours: 1 of 2 hours, item_days: 0 of 1 days"]


def report(day: int, visitors: int, buyers: int | None, fen: int | None, item: str = "x", **more) -> dict:
    figures = {"visitors": visitors, "pay_buyers": buyers, "pay_amount_fen": fen}
    return {"date": days_ago(day), "item_id": item, "title": item, **figures, **more}


def test_whole_days_of_item_reports_serve_where_hours_are_not_complete():
    days = [report(1, 60, 3, 60_00), report(1, 40, 2, 40_00, "y")]
    answer = gap(days=days, until="day + 24h", gmv_target="200", plan_conversion="5%", plan_aov="20")
    assert parts(answer)["visitors"] == -100_00 and answer.lists["shops"]["basis"].item() == "item_days"


def test_reports_without_buyers_are_taken_by_units_and_say_so():
    days = [report(1, 100, None, 100_00, pay_units=5)]
    answer = gap(days=days, until="day + 24h", gmv_target="200", plan_conversion="5%", plan_aov="20")
    assert answer.lists["shops"]["basis"].item() == "item_days by units"


def test_reports_serve_no_window_that_begins_within_a_day():
    days = [report(1, 60, 3, 60_00)]
    assert status(gap(days=days, since="day + 20h", until=None)) == UNKNOWN


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"since": "presale"}, "since: 'presale' is neither an anchor of the run nor a date"),
        ({"until": "day + 48h"}, "until: 2026-11-13T00:00:00+08:00 is after as-of"),
        ({"since": "day + 1h"}, "since: the window has not begun"),
    ],
)
def test_a_window_that_cannot_be_is_unknown(window, says):
    assert missing(gap(**window)) == [says]


@pytest.mark.parametrize("since", ["2026-11-11", "2026-11-11T00:00", "2026-11-10T16:00:00+00:00", "day", "day - 0h", "day+0d"])
def test_a_window_is_named_by_date_instant_or_anchor(since):
    assert missing(gap(hour(1, 1, 1), since=since, plan_conversion="5%", plan_aov="20")) == []


def test_without_a_target_there_is_no_gap():
    assert missing(gap(hour(1, 1, 1), gmv_target=None)) == ["gmv_target"]

def order(number: str, fen: int, refund: int = 0, paid=DAY + timedelta(hours=1), **more) -> dict:
    """Paid `fen` in all, of which `refund` was given back an hour later."""
    gone = {"refund_fen": refund, "refunded_at": refund and paid + timedelta(hours=1) or None}
    return {"order_id": number, "created_at": paid, "paid_at": paid, "paid_fen": fen - refund, "buyer_id": f"u{number}", **gone, **more}


PLAN = {"gmv_target": "1000", "plan_visitors": 1_000, "plan_conversion": "5%", "plan_aov": "20"}


def second_cut(orders: list[dict], refunds=(), at: str = "2026-11-30 09:00", **params):
    frames = {"hours": [hour(1_000, 40, 800_00)], "orders": orders, "refunds": list(refunds)}
    return run("review.gap", frames, as_of=local(at), cut="net", **(PLAN | ONE_HOUR | {"until": "day + 1h"} | params))


def test_the_second_cut_takes_the_refunds_off_as_a_part_of_its_own():
    at = DAY + timedelta(minutes=10)
    answer = second_cut([order("1", 700_00, paid=at), order("2", 100_00, 60_00, paid=at), order("late", 90_00, 90_00)])
    assert parts(answer) == {"visitors": 0, "conversion": -200_00, "aov": 0, "refunds": -60_00}
    assert answer.lists["shops"].select("actual_fen", "gap_fen").row(0) == (740_00, -260_00)
    assert answer.verdicts["zh"].item() == "目标1000.00元，实际740.00元，差-260.00元：流量0.00，转化-200.00，客单价0.00，退款-60.00（hours）"


@pytest.mark.parametrize(("at", "settled"), [("2026-11-26 00:59:59", False), ("2026-11-26 01:00:00", True)])
def test_the_second_cut_waits_until_returns_have_passed(at, settled):
    answer = second_cut([order("1", 800_00, paid=DAY)], at=at)
    assert missing(answer) == ([] if settled else ["refunds: returns may still come until 2026-11-26 01:00"])


@pytest.mark.parametrize("claim", [{"refund_status": "open"}, {"refund_status": "success", "closed_at": local("2026-12-01 00:00")}])
def test_an_open_claim_keeps_the_second_cut_open(claim):
    refund = {"refund_id": "r", "order_id": "1", "created_at": DAY} | claim
    assert missing(second_cut([order("1", 800_00, paid=DAY)], [refund])) == ["refunds: 1 claims are open"]


def test_the_second_cut_needs_orders():
    assert missing(second_cut([])) == ["orders: none paid in the window"]


# --- pareto --------------------------------------------------------------------------------------------------------


def pareto(reports: list[dict], lines=(), **params):
    return run("review.pareto", {"item_days": reports, "order_lines": list(lines)}, **params)


def turnover(**fen: int) -> list[dict]:
    return [report(1, 1, 1, amount, item) for item, amount in fen.items()]


def test_the_item_that_crosses_the_line_is_included():
    assert ids(pareto(turnover(a=50, b=29, c=20, d=1))) == ["a", "b", "c"]


@pytest.mark.parametrize(("second", "carrying"), [(30, ["a", "b"]), (29, ["a", "b", "c"])])
def test_exactly_eighty_percent_is_enough(second, carrying):
    assert ids(pareto(turnover(a=50, b=second, c=100 - 50 - second))) == carrying


def test_ties_go_by_id():
    assert ids(pareto(turnover(c=25, a=25, d=25, b=25), share="50%")) == ["a", "b"]


@settings(max_examples=50, deadline=None)
@given(amounts=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), percent=st.integers(1, 100))
def test_the_set_is_the_smallest_that_reaches_the_line(amounts, percent):
    answer = pareto(turnover(**{f"i{n}": fen for n, fen in enumerate(amounts)}), share=f"{percent}%")
    carried = answer.lists["items"]["gmv_fen"].to_list()
    reaches = lambda values: sum(values) * 100 >= sum(amounts) * percent  # noqa: E731
    assert reaches(carried) and not reaches(sorted(amounts, reverse=True)[: len(carried) - 1])


def test_days_outside_the_window_do_not_count():
    reports = [*turnover(a=10), report(2, 1, 1, 9_000, "old"), report(0, 1, 1, 9_000, "today")]
    assert ids(pareto(reports)) == ["a"]


def test_a_missing_day_is_unknown():
    assert missing(pareto(turnover(a=10), since="day - 2d")) == ["item_days: 1 of 3 days"]


def test_an_amount_unknown_is_unknown():
    assert missing(pareto([report(1, 1, 1, None, "a"), *turnover(b=1)])) == ["item_days: amount unknown in 1 rows"]


def test_no_turnover_is_unknown_and_no_item_carries_it():
    answer = pareto(turnover(a=0))
    assert missing(answer) == ["item_days: no GMV in the window"] and ids(answer) == []


def line(item: str, fen: int, paid: str) -> dict:
    at = local(paid)
    return {"order_id": paid + item, "line_id": "1", "item_id": item, "title": item, "created_at": at, "paid_at": at, "paid_fen": fen}


def test_a_window_that_begins_in_the_evening_is_taken_from_order_lines():
    lines = [line("before", 900, "2026-11-10 19:59:59"), line("a", 80, "2026-11-10 20:00"), line("b", 20, "2026-11-11 23:59:59"), line("after", 900, "2026-11-12 00:00")]  # fmt: skip
    answer = pareto(turnover(c=1), lines, since="2026-11-10T20:00", until="day + 24h")
    assert ids(answer) == ["a"] and answer.lists["items"]["basis"].item() == "order_lines" and status(answer) == OK


def test_turnover_is_what_was_paid_before_refunds():
    refunded = line("a", 10, "2026-11-11 10:00") | {"refund_fen": 90}
    answer = pareto([], [refunded, line("b", 50, "2026-11-11 11:00")], basis="order_lines", until="day + 24h", share="60%")
    assert answer.lists["items"].select("item_id", "gmv_fen").rows() == [("a", 100)]


def test_item_reports_are_widened_to_whole_days_when_they_must_serve():
    reports = [report(2, 1, 1, 5, "a"), report(1, 1, 1, 5, "a")]
    answer = pareto(reports, since="2026-11-10T20:00", basis="item_days")
    assert answer.lists["items"].select("gmv_fen", "basis").row(0) == (10, "item_days, whole days")


# --- drill ---------------------------------------------------------------------------------------------------------


def drill(frames: dict, **params):
    return run("review.drill", frames, **({"dimensions": "item"} | params))


def dimension(answer, *names: str) -> tuple:
    return answer.lists["dimensions"].select(*names).row(0)


def test_elements_add_to_a_negative_gap_and_the_surprising_one_explains_it():
    reports = [report(2, 1, 1, 100_00, "a"), report(2, 1, 1, 100_00, "b"), report(1, 1, 1, 20_00, "a"), report(1, 1, 1, 90_00, "b")]
    answer = drill({"item_days": [row | {"title": None} for row in reports]})
    assert answer.lists["items"].select("element", "gap_fen", "explains").rows() == [("a", -80_00, True), ("b", -10_00, False)]
    assert answer.verdicts["zh"].item() == "差-90.00元，最意外的维度是商品：a占-80.00元（88.9%）"


@settings(max_examples=15, deadline=None)
@given(target=st.integers(1, 10**10), sold=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=6))
def test_what_was_expected_adds_to_the_target_to_the_fen(target, sold):
    reports = [report(day, 1, 1, fen, f"i{n}") for n, pair in enumerate(sold) for day, fen in zip((2, 1), pair, strict=True)]
    answer = drill({"item_days": reports}, gmv_target=target / 100)
    if any(before for before, _ in sold):
        expected, actual, gap_fen = dimension(answer, "expected_fen", "actual_fen", "gap_fen")
        assert (expected, actual, gap_fen) == (target, sum(now for _, now in sold), actual - expected)
    else:
        assert status(answer) == UNKNOWN


def test_a_target_cannot_be_spread_where_nothing_was_sold_before():
    answer = drill({"item_days": [report(2, 1, 0, 0), report(1, 1, 1, 50_00)]}, gmv_target="100")
    assert missing(answer) == ["no GMV before the window to spread the target by"] and dimension(answer, "gap_fen") == (None,)


def test_a_window_that_begins_in_the_evening_is_compared_with_as_many_whole_days_before_it():
    """28 hours from 20:00 touch the 10th and the 11th; the 28 hours before touch the 10th too, which must not stand on both sides."""
    traffic = [{"date": days_ago(back), "source": "搜索", "source_detail": "*", "pay_amount_fen": fen} for back, fen in ((4, 1), (3, 2), (2, 4), (1, 8))]
    answer = drill({"traffic_days": traffic}, dimensions="channel", since="2026-11-10T20:00", until="day + 24h")
    assert dimension(answer, "expected_fen", "actual_fen") == (3, 12)


def test_both_sides_of_the_items_come_from_the_same_reports():
    answer = drill({"item_days": [report(2, 1, 1, 100), report(1, 1, 1, 70)]}, until="day + 20h")
    assert dimension(answer, "expected_fen", "actual_fen") == (100, 70) and status(answer) == OK


def test_the_rest_of_the_channels_is_taken_day_by_day():
    """A day without the shop's own row has no rest: its sources are not taken off the other day's."""
    rows = [(3, "搜索", 5), (2, "搜索", 5), (2, "*", 9), (1, "搜索", 6), (1, "*", 9), (4, "搜索", 1), (4, "*", 2)]
    traffic = [{"date": days_ago(back), "source": source, "source_detail": "*", "pay_amount_fen": fen} for back, source, fen in rows]
    answer = drill({"traffic_days": traffic}, dimensions="channel", since="day - 1d")
    amounts = answer.lists["items"].select("element", "expected_fen", "actual_fen").sort("element").rows()
    assert amounts == [("*", 1, 7), ("搜索", 6, 11)]


# --- channels ------------------------------------------------------------------------------------------------------


def ad(back: int, tool: str, spend: int, deals: int, days: int | None = 3) -> dict:
    figures = {"spend_fen": spend, "deal_amount_fen": deals, "clicks": 1, "deals": 1, "attribution_days": days}
    return {"date": days_ago(back), "tool": tool, "plan_id": "p", "item_id": "*", "keyword": "*", **figures}


@pytest.mark.parametrize("paused", [[], [ad(1, "b", 0, 60)], [ad(1, "b", 0, 60), ad(2, "b", 50, 100)], [ad(2, "b", 0, 60)], [ad(1, "b", 10, 60)]])
def test_mix_and_rate_add_to_the_change_of_the_whole_roi(paused):
    """Also where a channel has deals without spend: claimed after it was paused."""
    rows = [ad(1, "a", 100, 300), ad(2, "a", 50, 100), *paused]
    items = run("review.channels", {"ad_days": rows}).lists["items"]
    whole = {back: sum(row["deal_amount_fen"] for row in rows if row["date"] == days_ago(back)) / sum(row["spend_fen"] for row in rows if row["date"] == days_ago(back)) for back in (1, 2)}
    assert items["mix_effect"].sum() + items["rate_effect"].sum() == pytest.approx(whole[1] - whole[2])


@pytest.mark.parametrize(("as_of", "still_open"), [("2026-11-26 09:00", True), ("2026-11-27 09:00", False)])
def test_deals_of_a_channel_that_does_not_say_how_long_are_awaited_as_long_as_any(as_of, still_open):
    rows = [ad(1, "a", 100, 300, None), ad(2, "a", 50, 100, None)]
    answer = run("review.channels", {"ad_days": rows}, as_of=local(as_of), until="day + 24h")
    assert status(answer) == OK and ("attribution is still open" in answer.verdicts["en"].item()) is still_open
    assert answer.lists["items"]["open"].to_list() == [None]


# --- new customers -------------------------------------------------------------------------------------------------


def test_first_payment_inside_the_window_makes_a_buyer_new():
    old = order("1", 10, paid=DAY - timedelta(days=100), buyer_id="old")
    answer = run("review.new_customers", {"orders": [old, order("2", 30, buyer_id="old"), order("3", 50), order("4", 70, 70)]})
    assert answer.lists["items"].select("group", "buyers", "share", "amount_fen").rows() == [("new", 1, 0.5, 50), ("returning", 1, 0.5, 30)]


def test_without_a_known_buyer_the_share_is_unknown_however_many_may_be_masked():
    answer = run("review.new_customers", {"orders": [order("1", 10, buyer_id="***")]}, max_masked="100%", history="1d")
    assert missing(answer)[0] == "orders.buyer_id: masked in 1 of 1 orders"


# --- lost sales ----------------------------------------------------------------------------------------------------


def test_a_fifth_lost_needs_a_quarter_more_next_time():
    """10 a day of 100 visitors; sold out from noon on a day with as many visitors in each hour: 5 more would have been sold."""
    days = [report(back, 100, 10, 10_00, pay_units=10) for back in range(3, 11)] + [report(2, 100, 10, 10_00, pay_units=15), report(1, 100, 5, 5_00, pay_units=5)]
    stock = [{"date": days_ago(back), "item_id": "x", "opening_units": 100, "received_units": 0, "closing_units": 0 if back == 1 else 50} for back in range(1, 11)]
    hours = [{"hour": DAY + timedelta(hours=n), "visitors": 10} for n in range(24)]
    answer = run("review.lost_sales", {"item_days": days, "stock": stock, "hours": hours, "order_lines": [line("x", 100, "2026-11-11 12:00")]}, since="day - 1d")
    # units a visitor over the days in stock: (8 x 10 + 15) / 900, times 100 visitors, times half of the day
    lost = 95 / 900 * 100 / 2
    share, factor = answer.lists["items"].select("share", "factor").row(0)
    assert share == pytest.approx(lost / (20 + lost), rel=1e-6) and factor == pytest.approx(1 / (1 - share))


def test_the_next_stock_factor_is_the_last_one_times_the_correction():
    """A fifth of the demand lost: 1.2 x 1.25 = 1.5."""
    days = [report(back, 100, 10, 10_00, pay_units=10) for back in range(3, 31)] + [report(1, 50, 4, 4_00, pay_units=4)]
    stock = [{"date": days_ago(back), "item_id": "x", "opening_units": 100, "received_units": 0, "closing_units": 0 if back == 1 else 50} for back in range(1, 31)]
    hours = [{"hour": DAY + timedelta(hours=n), "visitors": 10} for n in range(24)]
    frames = {"item_days": days, "stock": stock, "hours": hours, "order_lines": [line("x", 100, "2026-11-11 19:12")]}
    for stocked, wanted in (("1.2", 1.5), ("2", 2.5)):
        row = run("review.lost_sales", frames, since="day", stock_factor=stocked).lists["shops"].row(0, named=True)
        assert (round(row["share"], 4), round(row["factor"], 4), row["next_factor"]) == (0.2, 1.25, wanted)
    with pytest.raises(ValueError, match="max_factor"):
        run("review.lost_sales", frames, max_factor="0.9")


# --- experiments ---------------------------------------------------------------------------------------------------


def trial(script: str, asked: int, paid: int, agent: str | None = "客服") -> tuple[list[dict], list[dict]]:
    buyers, at = [f"{script}{n}" for n in range(asked)], DAY - timedelta(days=2)
    chats = [
        {"session_id": buyer, "message_id": "1", "at": at, "available_at": at, "sender": "agent", "agent": agent, "script": script, "buyer_id": buyer} for buyer in buyers
    ]
    return chats, [order(buyer, 100, paid=at + timedelta(hours=1), buyer_id=buyer) for buyer in buyers[:paid]]


def experiment(*trials: tuple[list[dict], list[dict]], **params):
    frames = {"chats": [row for chats, _ in trials for row in chats], "orders": [row for _, orders in trials for row in orders]}
    return run("review.experiments", frames, **({"min_inquiries": 50, "control": "A"} | params))


def test_a_lift_of_thirty_percent_is_shown_by_the_pooled_test():
    """50 of 200 against 80 of 200: pooled share 0.325, z = 0.15 / sqrt(0.325 x 0.675 / 100) = 3.2026."""
    answer = experiment(trial("A", 200, 50), trial("B", 200, 80))
    z, lift, claim = answer.lists["items"].select("z", "lift", "claim").row(1)
    assert (round(z, 4), round(lift, 4), claim) == (3.2026, 0.6, True) and status(answer) == OK


@pytest.mark.parametrize("paid", [0, 9])
def test_a_control_that_sold_nothing_has_no_lift_and_the_sentence_still_stands(paid):
    answer = experiment(trial("A", 60, 0), trial("B", 60, paid))
    assert "提升-" in answer.verdicts["zh"].item() and status(answer) == OK


def test_scripts_of_agents_nobody_names_are_not_taken_for_randomised():
    answer = experiment(trial("A", 60, 10, None), trial("B", 60, 20, None))
    assert missing(answer) == ["chats.agent: who used the scripts is unknown, so is how they were given out"]


# --- weekly --------------------------------------------------------------------------------------------------------


def test_buyers_of_nobody_are_impossible_and_no_infinite_number():
    answer = run("review.weekly", {"item_days": [report(4, 0, 5, 100)]})
    assert answer.lists["items"].filter(pl.col("rule") == "impossible").select("element", "value").rows() == [("x", None)]
