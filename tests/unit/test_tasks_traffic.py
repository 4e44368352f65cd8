"""Traffic at, under and over its lines: sources, funnel, profile, cost of a click, ROI, budgets, words for titles."""

from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
from ecops.shop.demo import generate
from tests.unit.task_rows import AS_OF, days_ago, local, missing, run, status

# --- sources -------------------------------------------------------------------------------------------------------


def visits(source: str, visitors: int | None, ago: int = 1, detail: str = "*", **more) -> dict:
    return {"date": days_ago(ago), "source": source, "source_detail": detail, "visitors": visitors, **more}


def sources(*rows: dict, **params):
    return run("traffic.sources", {"traffic_days": list(rows)}, **params)


def shares(answer) -> dict[str, float | None]:
    return dict(answer.lists["items"].select("source", "share").rows())


def test_a_share_is_of_the_shops_own_visitors():
    answer = sources(visits("*", 1_000), visits("手淘搜索", 400), visits("手淘推荐", 700))
    assert shares(answer) == pytest.approx({"手淘推荐": 0.7, "手淘搜索": 0.4})
    assert answer.lists["items"]["basis"].unique().to_list() == ["shop visitors"]


def test_shares_that_add_to_more_than_one_are_normal_and_said():
    answer = sources(visits("*", 1_000), visits("手淘搜索", 400), visits("手淘推荐", 700))
    assert answer.lists["sums"]["cover"].to_list() == [1.1] and answer.lists["sums"]["note"].item().startswith("over 1 is normal")
    assert "各来源之和为店铺访客的110.0%（同一访客可来自多个来源，超过100%属正常）" in answer.verdicts["zh"].item()


def test_sources_that_add_to_less_are_said_to_be_incomplete():
    answer = sources(visits("*", 1_000), visits("手淘搜索", 999))
    assert status(answer) == OK and answer.lists["sums"]["note"].item() == "under 1: some sources are not in the export"
    assert "（导出未含全部来源）" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("visitors", "found"), [(500, OK), (499, UNKNOWN)])
def test_under_half_of_the_visitors_is_no_table(visitors, found):
    answer = sources(visits("*", 1_000), visits("手淘搜索", visitors))
    assert status(answer) == found
    assert found == OK or missing(answer) == ["traffic_days: sources cover 49.9% of the shop's visitors, needed 50%"]


def test_without_a_row_for_the_shop_shares_are_of_the_sum_and_that_is_said():
    answer = sources(visits("搜索", 30), visits("推荐", 10))
    assert shares(answer) == {"搜索": 0.75, "推荐": 0.25} and status(answer) == OK
    assert answer.lists["items"]["basis"].unique().to_list() == ["sum of sources"] and answer.lists["sums"]["cover"].to_list() == [None]


def test_a_shop_row_that_lacks_a_day_of_the_sources_is_not_their_whole():
    rows = [visits("*", 100, 1), visits("搜索", 60, 1), visits("推荐", 40, 1), visits("搜索", 60, 2), visits("推荐", 40, 2)]
    answer = sources(*rows, day="2d")
    assert shares(answer) == {"搜索": 0.6, "推荐": 0.4}
    assert answer.lists["items"]["basis"].unique().to_list() == ["sum of sources"]


def test_a_source_stands_for_its_finer_ones_which_count_where_it_has_no_row():
    fine = [visits("短视频/直播", 30, detail="店铺直播"), visits("短视频/直播", 20, detail="逛逛短视频")]
    assert shares(sources(visits("*", 100), visits("短视频/直播", 40), visits("搜索", 60), *fine)) == {"搜索": 0.6, "短视频/直播": 0.4}
    assert shares(sources(visits("*", 100), visits("搜索", 60), *fine)) == {"搜索": 0.6, "短视频/直播": 0.5}


def test_a_source_without_a_stated_number_has_no_share_and_the_sum_is_no_whole():
    beside_the_shop = sources(visits("*", 100), visits("搜索", 60), visits("推荐", None))
    assert shares(beside_the_shop) == {"搜索": 0.6, "推荐": None} and beside_the_shop.lists["sums"]["cover"].to_list() == [None]
    alone = sources(visits("搜索", 60), visits("推荐", None))
    assert shares(alone) == {"搜索": None, "推荐": None} and status(alone) == UNKNOWN
    assert missing(alone) == ["traffic_days.visitors: none, or not stated"]


def test_no_visitors_give_no_conversion_and_more_buyers_than_visitors_neither():
    answer = sources(visits("*", 10, pay_buyers=1), visits("搜索", 0, pay_buyers=0), visits("推荐", 10, pay_buyers=10), visits("直播", 9, pay_buyers=10))
    rates = dict(answer.lists["items"].select("source", "conversion").rows())
    assert rates == {"推荐": 1.0, "直播": None, "搜索": None}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("手淘搜索", "search"), ("直通车", "paid"), ("ＤＯＵ＋", "paid"), ("手淘推荐", "recommendation"), ("淘宝逛逛", "content"), ("抖音短视频", "content"),
        ("购物车", "own"), ("聚划算", "campaign"), ("站外", "outside"), ("火星", "other"),
    ],
)  # fmt: skip
def test_what_a_source_is_its_name_says(name, family):
    assert sources(visits("*", 100), visits(name, 90)).lists["items"]["family"].to_list() == [family]


@pytest.mark.parametrize(("ago", "found"), [(1, OK), (2, UNKNOWN)])
def test_the_table_of_yesterday_needs_yesterdays_rows(ago, found):
    answer = sources(visits("*", 100, ago), visits("搜索", 90, ago))
    assert status(answer) == found
    assert found == OK or missing(answer) == ["traffic_days: newest is of 2026-11-10, older than 24h"]


def test_only_the_whole_shop_and_no_sources_is_unknown():
    assert missing(sources(visits("*", 100))) == ["traffic_days: only the shop as a whole, no sources"]


def steady(source: str, visitors: int, days: int = 8) -> list[dict]:
    return [visits(source, visitors, ago) for ago in range(2, 2 + days)]


def moved(*rows: dict) -> list[tuple]:
    return sources(*rows).lists["moved"].select("source", "change").rows()


def test_a_renamed_source_is_one_gone_and_one_new():
    past = [*steady("*", 1_000), *steady("手淘搜索", 400), *steady("手淘推荐", 700)]
    assert moved(*past, visits("*", 1_000), visits("淘内搜索", 400), visits("手淘推荐", 700)) == [("手淘搜索", "gone"), ("淘内搜索", "new")]


@pytest.mark.parametrize(("today", "changes"), [(520, []), (521, [("手淘搜索", "up")]), (280, []), (279, [("手淘搜索", "down")])])
def test_a_source_moved_when_it_left_the_usual_by_more_than_three_tenths(today, changes):
    past = [*steady("*", 1_000), *steady("手淘搜索", 400), *steady("手淘推荐", 700)]
    assert moved(*past, visits("*", 1_000), visits("手淘搜索", today), visits("手淘推荐", 700)) == changes


@pytest.mark.parametrize(("days", "changes"), [(6, []), (7, [("搜索", "down")])])
def test_what_is_usual_needs_seven_days(days, changes):
    past = [*steady("*", 1_000, days), *steady("搜索", 900, days)]
    assert moved(*past, visits("*", 1_000), visits("搜索", 100)) == changes


def test_a_day_with_only_the_whole_shop_or_no_stated_number_tells_of_nothing_gone():
    past = [*steady("*", 1_000), *steady("搜索", 900), *steady("推荐", 300)]
    assert moved(*past, visits("*", 1_000)) == []
    assert moved(*past, visits("*", 1_000), visits("搜索", 900), visits("推荐", None)) == []


# --- funnel --------------------------------------------------------------------------------------------------------

STAGES = ("visitors", "cart_users", "order_buyers", "pay_buyers")


def item_day(*counts: int | None, ago: int = 1, item: str = "i") -> dict:
    return {"date": days_ago(ago), "item_id": item, **dict(zip(STAGES, counts, strict=True))}


def shop_day(*counts: int | None, ago: int = 1) -> dict:
    return {"date": days_ago(ago), "source": "*", "source_detail": "*", **dict(zip(STAGES, counts, strict=True))}


def funnel(items=(), days=(), orders=(), **params):
    return run("traffic.funnel", {"item_days": list(items), "traffic_days": list(days), "orders": list(orders)}, **params)


def rates(answer) -> dict[str, float | None]:
    return dict(answer.lists["items"].select("step", "rate").rows())


def test_the_steps_are_sums_divided_once_and_no_mean_of_days():
    answer = funnel([item_day(100, 50, 20, 10, ago=1), item_day(900, 50, 20, 10, ago=2)])
    assert rates(answer) == {"visit_cart": 0.1, "cart_order": 0.4, "order_pay": 0.5, "visit_pay": 0.02}
    assert answer.verdicts["zh"].item() == "近7天访客1000，支付买家20，转化率2.0%（按商品访客相加，有重复）；0步无法计算"


def test_the_shops_own_row_comes_before_the_sum_of_its_items():
    answer = funnel([item_day(100, 50, 20, 10), item_day(100, 50, 20, 10, item="j")], [shop_day(150, 60, 30, 15)])
    assert rates(answer)["visit_pay"] == 0.1 and answer.lists["items"]["basis"].unique().to_list() == ["shop"]


def test_a_shop_row_that_lacks_days_of_the_items_does_not_stand_for_them():
    answer = funnel([item_day(100, 50, 20, 10, ago=ago) for ago in (1, 2)], [shop_day(150, 60, 30, 15)])
    assert answer.lists["items"]["basis"].unique().to_list() == ["items"] and rates(answer)["visit_pay"] == 0.1


@pytest.mark.parametrize(("ordered", "rate", "problems"), [(50, 1.0, []), (51, None, ["cart_order"])])
def test_a_step_that_grows_has_no_rate_and_is_named(ordered, rate, problems):
    answer = funnel([item_day(100, 50, ordered, 10)])
    assert rates(answer)["cart_order"] == rate and answer.lists["grows"]["step"].to_list() == problems
    assert status(answer) == OK  # buying at once passes by the cart


@pytest.mark.parametrize(("paid", "found"), [(100, OK), (101, UNKNOWN)])
def test_more_buyers_than_visitors_cannot_be(paid, found):
    answer = funnel([item_day(100, 50, 50, paid)])
    assert status(answer) == found
    assert found == OK or missing(answer) == ["visitors -> buyers: more below than above"]


def test_a_denominator_of_nothing_is_unknown():
    answer = funnel([item_day(0, 0, 0, 0)])
    assert set(rates(answer).values()) == {None} and missing(answer) == ["visitors -> buyers: nobody above"]


def test_a_stage_that_is_not_stated_is_not_nothing():
    answer = funnel([item_day(100, None, 20, 10), item_day(100, 50, 20, 10, ago=2)])
    assert rates(answer) == {"visit_cart": None, "cart_order": None, "order_pay": 0.5, "visit_pay": 0.1}


@pytest.mark.parametrize(("ago", "found"), [(2, OK), (3, UNKNOWN)])
def test_an_old_report_says_nothing_of_now(ago, found):
    assert status(funnel([item_day(100, 50, 20, 10, ago=ago)])) == found


@pytest.mark.parametrize(("ago", "visitors"), [(7, 200), (8, 100)])
def test_the_window_has_seven_whole_days(ago, visitors):
    assert funnel([item_day(100, 50, 20, 10), item_day(100, 50, 20, 10, ago=ago)]).lists["items"]["from_count"].to_list()[0] == visitors


def purchase(buyer: str | None, ago: int, **more) -> dict:
    at = local(f"{days_ago(ago)} 12:00")
    return {"order_id": f"{buyer}{ago}", "buyer_id": buyer, "created_at": at, "paid_at": at, "total_fen": 100, "paid_fen": 100, "refund_fen": 0, "status": "paid", **more}


def test_the_board_tells_who_came_back_and_who_had_bought_before():
    refunded = {"refund_fen": 100, "paid_fen": 0, "refunded_at": AS_OF - timedelta(days=1)}
    orders = [purchase("kept", 8), purchase("kept", 2), purchase("lost", 8), purchase("long ago", 60), purchase("long ago", 3), purchase(" new ", 1),
              purchase("new", 2), purchase("***", 1), purchase("undone", 8), purchase("undone", 1, **refunded)]  # fmt: skip
    board = funnel([item_day(100, 50, 20, 10)], orders=orders).lists["board"].select("group", "part", "of").rows()
    assert board == [("traffic", 100, None), ("conversion", 10, 100), ("retention", 1, 3), ("repurchase", 2, 3)]


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.tuples(*(st.none() | st.integers(0, 9),) * 4), min_size=1, max_size=5))
def test_a_rate_of_the_funnel_is_a_share_or_unknown(counts):
    rows = funnel([item_day(*one, ago=ago) for ago, one in enumerate(counts, 1)]).lists["items"]
    for upper, lower, rate, problem in rows.select("from_count", "to_count", "rate", "problem").iter_rows():
        assert (rate is None) == (problem is not None)
        assert rate is None or (0 <= rate <= 1 and rate == lower / upper)


# --- profile -------------------------------------------------------------------------------------------------------


def buyer(name: str | None, province: str | None, fen: int | None = 100_00, ago: int = 1, **more) -> dict:
    return purchase(name, ago, province=province, total_fen=fen, paid_fen=fen) | more


def profile(*orders: dict, **params):
    return run("traffic.profile", {"orders": list(orders)}, **params)


def cells(answer, aspect: str = "region") -> list[tuple]:
    return answer.lists["items"].filter(aspect=aspect).select("cell", "buyers", "folded").rows()


def from_province(province: str | None, count: int, **more) -> list[dict]:
    return [buyer(f"{province}{n}", province, **more) for n in range(count)]


def test_all_forms_of_a_province_are_one():
    forms = ["广东", "广东省", " 广东省", "广东省 深圳市", "广东省广州市", "廣東省"]
    assert cells(profile(*(buyer(f"u{n}", form) for n, form in enumerate(forms)))) == [("广东", 6, 0)]
    regions = ["内蒙古自治区", "内蒙古", "內蒙古自治區", "内蒙古 呼和浩特市", "内蒙"]
    assert cells(profile(*(buyer(f"u{n}", form) for n, form in enumerate(regions)))) == [("内蒙古", 5, 0)]


@pytest.mark.parametrize(("count", "shown"), [(5, [("广东", 9, 0), ("浙江", 5, 0)]), (4, [("其他", 13, 2)])])
def test_a_cell_under_five_is_folded_with_the_next_so_that_it_cannot_be_had_back(count, shown):
    assert cells(profile(*from_province("广东", 9), *from_province("浙江", count))) == shown


def test_small_cells_that_together_are_large_enough_are_one():
    rows = [*from_province("广东", 9), *from_province("浙江", 3), *from_province("江苏", 2)]
    assert cells(profile(*rows)) == [("广东", 9, 0), ("其他", 5, 2)]


def test_a_table_that_is_too_small_as_a_whole_shows_nothing():
    answer = profile(*from_province("广东", 4))
    assert cells(answer) == [("其他", None, 1)]
    assert "各省人数过少，不予显示" in answer.verdicts["zh"].item() and status(answer) == OK


def test_masked_and_unknown_provinces_are_nobodys():
    rows = [*from_province("广东", 5), buyer("x", "****"), buyer("y", None), buyer("z", "Mars")]
    assert cells(profile(*rows)) == [("广东", 5, 0), ("不明", 3, 0)]


def test_without_any_province_the_profile_is_unknown():
    assert missing(profile(buyer("x", "****"))) == ["orders.province: none"]


def test_a_buyer_counts_once_with_the_province_of_the_newest_order_that_names_one():
    moved_house = [buyer("u", "浙江省", ago=9), buyer("u", "广东省", ago=5), buyer(" u ", "***", ago=1)]
    assert cells(profile(*moved_house, min_cell=1)) == [("广东", 1, 0)]


def test_masked_buyers_are_counted_apart_and_all_masked_is_unknown():
    assert "1单买家不明" in profile(*from_province("广东", 5), buyer("张**", "浙江")).verdicts["zh"].item()
    assert missing(profile(buyer(None, "浙江"), buyer("**", "浙江"))) == ["orders.buyer_id: 0 of 2 orders"]


@pytest.mark.parametrize(
    ("fen", "band"),
    [(49_99, "0-50元"), (50_00, "50-100元"), (99_99, "50-100元"), (100_00, "100-200元"), (499_99, "200-500元"), (500_00, "500元以上"), (None, "不明")],
)
def test_spending_power_is_the_mean_of_an_order_at_its_edges(fen, band):
    assert cells(profile(buyer("u", "广东", fen), min_cell=1), "spending") == [(band, 1, 0)]


def test_the_mean_is_compared_to_the_fen():
    two = [buyer("u", "广东", 50_00, ago=1), buyer("u", "广东", 49_99, ago=2)]
    assert cells(profile(*two, min_cell=1), "spending") == [("0-50元", 1, 0)]


def test_refunded_orders_and_those_before_the_window_do_not_count():
    undone = buyer("undone", "浙江") | {"refund_fen": 100_00, "paid_fen": 0, "refunded_at": AS_OF}
    rows = [*from_province("广东", 5), undone, buyer("old", "浙江", ago=91), buyer("in", "广东", ago=90)]
    assert cells(profile(*rows)) == [("广东", 6, 0)]


@pytest.mark.parametrize("bands", ["", "a", "100,50", "0,50", "50,50"])
def test_bands_that_do_not_grow_are_refused(bands):
    with pytest.raises(ValueError, match="bands"):
        profile(buyer("u", "广东"), bands=bands)


@pytest.mark.parametrize(("ago", "found"), [(30, OK), (31, UNKNOWN)])
def test_a_profile_of_old_orders_is_unknown(ago, found):
    assert status(profile(*(buyer(f"u{n}", "广东", ago=ago) for n in range(5)))) == found


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 6))
def test_no_shown_cell_is_small_and_nobody_is_lost(counts, least):
    rows = [one for n, count in enumerate(counts) for one in from_province(("广东", "浙江", "江苏", "北京", "上海", "四川")[n], count)]
    shown = [count for _, count, _ in cells(profile(*rows, min_cell=least)) if count is not None]
    assert all(count >= least for count in shown)
    assert sum(shown) in ((sum(counts),) if sum(counts) >= least else (0,))


# --- cost of a click -----------------------------------------------------------------------------------------------


def word(clicks: int | None, fen: int | None, market: int | None = None, ago: int = 1, keyword: str = "防晒衣", **more) -> dict:
    about = {"tool": "直通车", "plan_id": "1", "plan": "主推", "item_id": "i", "keyword": keyword, "date": days_ago(ago)}
    return about | {"clicks": clicks, "spend_fen": fen, "market_cpc_fen": market, **more}


def ppc(*rows: dict, **params):
    return run("traffic.ppc", {"ad_days": list(rows)}, **params)


def over(answer) -> list[str]:
    return answer.lists["items"]["keyword"].to_list()


@pytest.mark.parametrize(("fen", "dear"), [(99_99, []), (100_00, []), (100_01, ["防晒衣"])])
def test_equal_to_the_markets_mean_is_fine_and_a_fen_more_is_not(fen, dear):
    answer = ppc(word(100, fen, 100))
    assert over(answer) == dear and status(answer) == OK
    assert answer.lists["at_or_under"].height == 1 - len(dear)


def test_the_cost_of_a_click_is_the_sum_of_spend_by_the_sum_of_clicks():
    answer = ppc(word(1, 300, 100), word(299, 299_00, 100, ago=2))  # a mean of means would be 2.00
    row = answer.lists["items"].row(0, named=True)
    assert (row["cpc_fen"], row["market_cpc_fen"], row["target_cpc_fen"], row["over_fen"]) == (302_00 / 300, 100.0, 100, 200)


def test_the_benchmark_is_weighted_with_the_same_clicks():
    answer = ppc(word(10, 20_00, 300), word(90, 80_00, 100, ago=2))
    assert over(answer) == [] and answer.lists["at_or_under"]["market_cpc_fen"].to_list() == [120.0]


def test_without_a_benchmark_the_shop_is_unknown_and_never_passes():
    answer = ppc(word(100, 1))
    assert status(answer) == UNKNOWN and missing(answer) == ["ad_days.market_cpc_fen: missing, too old or too few for 1 of 1 keywords"]
    assert answer.lists["unknown_items"].select("keyword", "reason").rows() == [("防晒衣", "no market price, or too old")]


@pytest.mark.parametrize(("ago", "dear"), [(8, ["防晒衣"]), (9, [])])
def test_a_benchmark_stands_for_seven_days_after_its_own(ago, dear):
    answer = ppc(word(1, 1, 100, ago=ago), word(100, 101_00, ago=1))
    assert over(answer) == dear and status(answer) == (OK if dear else UNKNOWN)


def test_a_benchmark_of_nothing_is_none():
    assert status(ppc(word(100, 1, 0))) == UNKNOWN


@pytest.mark.parametrize(("priced", "dear"), [(80, ["防晒衣"]), (79, [])])
def test_four_fifths_of_the_clicks_need_a_benchmark(priced, dear):
    answer = ppc(word(priced, 200 * priced, 100, ago=1), word(100 - priced, 1, ago=2))
    assert over(answer) == dear


def test_without_clicks_the_cost_of_a_click_is_undefined():
    answer = ppc(word(0, 0, 100))
    assert answer.lists["unknown_items"]["reason"].to_list() == ["no clicks"]
    assert missing(answer) == ["ad_days.keyword: no keyword with clicks (1 without)"]
    assert status(ppc(word(0, 0, 100), word(10, 1, 100, keyword="风衣"))) == OK


@pytest.mark.parametrize(("clicks", "fen", "reason"), [(0, 1, "spend without clicks"), (None, 1, "clicks or spend not stated on 1 days"), (1, None, "clicks or spend not stated on 1 days")])  # fmt: skip
def test_figures_that_cannot_be_or_are_not_stated_are_unknown(clicks, fen, reason):
    answer = ppc(word(clicks, fen, 100))
    assert answer.lists["unknown_items"]["reason"].to_list() == [reason] and status(answer) == UNKNOWN


def test_a_keyword_over_the_market_is_an_answer_whatever_else_is_unknown_and_fine_ones_are_not():
    beside = word(100, 1, keyword="风衣")
    assert status(ppc(word(100, 100_01, 100), beside)) == OK and status(ppc(word(100, 100_00, 100), beside)) == UNKNOWN


@pytest.mark.parametrize(("ago", "found"), [(3, OK), (4, UNKNOWN)])
def test_an_old_report_decides_nothing(ago, found):
    assert status(ppc(word(100, 100_01, 100, ago=ago))) == found


@pytest.mark.parametrize(("clicks", "thin"), [(29, True), (30, False)])
def test_few_clicks_are_marked(clicks, thin):
    assert ppc(word(clicks, 200 * clicks, 100)).lists["items"]["thin"].to_list() == [thin]


def test_rows_of_whole_plans_are_no_keywords():
    assert missing(ppc(word(100, 1, keyword="*"))) == ["ad_days.keyword: no keyword with clicks (0 without)"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9_000), st.integers(1, 300)), min_size=1, max_size=6))
def test_what_is_over_the_market_is_the_sum_of_its_days(days):
    answer = ppc(*(word(clicks, fen if clicks else 0, market, ago=ago) for ago, (clicks, fen, market) in enumerate(days, 1)))
    too_much = sum(fen - clicks * market for clicks, fen, market in days if clicks)
    assert answer.lists["items"]["over_fen"].to_list() == ([too_much] if too_much > 0 else [])


# --- ROI -----------------------------------------------------------------------------------------------------------


def spent(fen: int | None, sales: int | None, ago: int = 16, plan: str = "1", **more) -> dict:
    about = {"tool": "直通车", "plan_id": plan, "plan": f"计划{plan}", "item_id": "*", "keyword": "*", "date": days_ago(ago)}
    return about | {"clicks": 100, "deals": 1, "spend_fen": fen, "deal_amount_fen": sales, "attribution_days": 15, **more}


def running(plan: str = "1", **more) -> dict:
    """A day of yesterday, whose deals are not all in: the plan is running and the report fresh."""
    return spent(1_00, 0, ago=1, plan=plan, **more)


def paused(*rows: dict, items=(), days=(), **params):
    plans = {row["plan_id"] for row in rows}
    return run("traffic.pause_roi", {"ad_days": [*rows, *(running(plan) for plan in sorted(plans))], "items": list(items), "item_days": list(days)}, **params)


def plans(answer, name: str = "items") -> list[str]:
    return answer.lists[name]["plan_id"].to_list()


def why(answer) -> list[str]:
    return answer.lists["unjudged"]["reason"].to_list()


@pytest.mark.parametrize(("sales", "proposed"), [(999_00, ["1"]), (999_99, ["1"]), (1_000_00, []), (1_000_01, [])])
def test_a_plan_is_proposed_for_a_pause_strictly_under_one(sales, proposed):
    answer = paused(spent(1_000_00, sales))
    assert plans(answer) == proposed and plans(answer, "keep") == ([] if proposed else ["1"]) and status(answer) == OK


def test_the_number_that_decided_is_told():
    answer = paused(spent(1_000_00, 999_00))
    assert answer.verdicts["zh"].item() == "1/1个计划ROI<1，建议暂停，已花1000.00元；最低“计划1”ROI 0.999；0个按毛利亏损；0个未判断"


@pytest.mark.parametrize(("least", "proposed"), [("1.5", ["1"]), ("1.499", []), ("0.5", [])])
def test_the_line_is_a_parameter(least, proposed):
    assert plans(paused(spent(1_000_00, 1_499_00), min_roi=least)) == proposed


def test_without_spend_the_roi_is_undefined():
    answer = run("traffic.pause_roi", {"ad_days": [spent(0, 100, ago=ago) for ago in (1, 16)]})
    assert status(answer) == UNKNOWN and missing(answer) == ["ad_days: no plan can be judged (no spend: ROI undefined)"]


@pytest.mark.parametrize(("ago", "proposed", "reason"), [(16, ["1"], []), (15, [], ["attribution still open"])])
def test_a_day_counts_when_its_attribution_is_over(ago, proposed, reason):
    answer = paused(spent(1_000_00, 0, ago=ago))
    assert plans(answer) == proposed and why(answer) == reason


def test_attribution_is_fifteen_days_where_the_export_does_not_say_and_shorter_by_hand():
    row = spent(1_000_00, 0, ago=4, attribution_days=None)
    assert why(paused(row)) == ["attribution still open"] and plans(paused(row, attribution="3d")) == ["1"]
    assert plans(paused(spent(1_000_00, 0, ago=4, attribution_days=3))) == ["1"]


def test_spend_in_open_days_only_is_not_called_no_spend():
    assert why(paused(spent(0, 0, ago=16), spent(500_00, 0, ago=2))) == ["attribution still open"]


@pytest.mark.parametrize(("fen", "proposed"), [(100_00, ["1"]), (99_99, [])])
def test_under_the_least_spend_nothing_is_said(fen, proposed):
    answer = paused(spent(fen, 0))
    assert plans(answer) == proposed and why(answer) == ([] if proposed else ["under the least spend"])


@pytest.mark.parametrize(("ago", "proposed"), [(3, ["1"]), (4, [])])
def test_a_plan_that_does_not_run_needs_no_pause(ago, proposed):
    answer = run("traffic.pause_roi", {"ad_days": [spent(1_000_00, 0), spent(1_00, 0, ago=ago), spent(1_00, 9_00, ago=1, plan="2")]})
    assert plans(answer) == proposed and ("not running" in why(answer)) == (not proposed)


@pytest.mark.parametrize(("ago", "reason"), [(23, "still learning"), (24, None)])
def test_the_first_seven_days_of_a_plan_are_not_held_against_it(ago, reason):
    """It began on the given day; its only judged day is the 17th before."""
    old = [spent(1_000_00, 5_000_00, ago=29, plan="old")]
    answer = paused(*old, spent(1, 0, ago=ago), spent(1_000_00, 0, ago=17))
    assert plans(answer) == ([] if reason else ["1"])
    assert ([reason] if reason else []) == why(answer)


def test_of_plans_that_were_there_from_the_first_row_on_nobody_knows_when_they_began():
    assert plans(paused(spent(1_000_00, 0, ago=18), spent(1_000_00, 0, ago=17))) == ["1"]


@pytest.mark.parametrize("row", [spent(None, 100), spent(1_000_00, None)])
def test_figures_that_are_not_stated_are_not_nothing(row):
    assert why(paused(row)) == ["spend or sales not stated"]


def test_refunds_are_shown_beside_and_decide_when_asked_to():
    row = spent(1_000_00, 1_000_00, net_amount_fen=950_00)
    kept = paused(row)
    assert kept.lists["keep"].select("roas", "net_roas").rows() == [(1.0, 0.95)]
    assert plans(paused(row, basis="net")) == ["1"]
    assert why(paused(spent(1_000_00, 0), basis="net")) == ["spend or sales not stated"]


def test_a_kept_plan_that_loses_money_by_its_margin_is_marked():
    good = {"item_id": "i", "price_fen": 100, "cost_fen": 60}
    answer = paused(spent(1_000_00, 1_500_00), spent(0, 0, item_id="i", keyword="*"), items=[good])
    row = answer.lists["keep"].row(0, named=True)
    assert row["advertised_item"] == "i" and row["margin_of"] == "item"
    assert row["gross_margin"] == pytest.approx(0.4) and row["break_even_roas"] == pytest.approx(2.5) and row["profit_roi"] == pytest.approx(-0.4)
    assert row["loses_money"] is True and "1个按毛利亏损" in answer.verdicts["zh"].item()


def test_without_a_known_item_the_margin_is_the_shops_weighted_by_what_sold():
    goods = [{"item_id": "i", "price_fen": 100, "cost_fen": 60}, {"item_id": "j", "price_fen": 100, "cost_fen": 20}, {"item_id": "k", "price_fen": 100}]
    sold = [{"date": days_ago(2), "item_id": item, "pay_amount_fen": fen} for item, fen in (("i", 300), ("j", 100), ("k", 999))]
    row = paused(spent(1_000_00, 2_000_00), items=goods, days=sold).lists["keep"].row(0, named=True)
    assert row["margin_of"] == "shop" and row["gross_margin"] == pytest.approx(0.5) and row["loses_money"] is False
    assert paused(spent(1_000_00, 2_000_00)).lists["keep"].select("gross_margin", "loses_money").rows() == [(None, None)]


def test_a_yuan_that_stands_in_several_levels_counts_once():
    rows = [spent(1_000_00, 900_00), spent(1_000_00, 900_00, item_id="i"), spent(500_00, 2_000_00, item_id="i", keyword="w")]
    answer = paused(*rows)
    assert answer.lists["items"].select("spend_fen", "sales_fen").rows() == [(1_000_00, 900_00)]
    assert dict(answer.lists["levels"].select("level", "counted_fen").rows()) == {"plan": 1_001_00, "item": 0, "keyword": 0}


def test_the_worst_comes_first():
    rows = [spent(1_000_00, sales, plan=plan) for plan, sales in (("1", 900_00), ("2", 100_00), ("3", 500_00), ("4", 2_000_00))]
    assert plans(paused(*rows)) == ["2", "3", "1"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500_00), st.integers(0, 800_00)), min_size=1, max_size=5))
def test_a_plan_is_paused_exactly_when_it_brought_less_than_it_cost(rows):
    answer = paused(*(spent(fen, sales, plan=str(n)) for n, (fen, sales) in enumerate(rows)), min_spend="0.01")
    assert set(plans(answer)) == {str(n) for n, (fen, sales) in enumerate(rows) if fen > 0 and sales < fen}
    assert set(plans(answer, "keep")) == {str(n) for n, (fen, sales) in enumerate(rows) if fen > 0 and sales >= fen}


# --- budgets -------------------------------------------------------------------------------------------------------


def plan_days(plan: str, deals: int, sales: int, a_day: int = 100_00, clicks: int = 1_000, **more) -> list[dict]:
    """A plan that spent so much on each of the last seven days, and had clicks and deals on a day that is settled."""
    settled = spent(1_000_00, sales, ago=20, plan=plan, clicks=clicks, deals=deals, **more)
    return [settled, *(spent(a_day, 0, ago=ago, plan=plan, clicks=10, deals=0, **more) for ago in range(1, 8))]


GOOD, BAD = plan_days("good", 100, 5_000_00), plan_days("bad", 10, 500_00)


def budgets(*rows: dict, **params):
    kinds = {"ad_days": [row for row in rows if "plan_id" in row], "items": [row for row in rows if "price_fen" in row],
             "stock": [row for row in rows if "closing_units" in row], "item_days": [row for row in rows if "pay_units" in row]}  # fmt: skip
    return run("traffic.move_budget", kinds, **params)


def changes(answer) -> dict[str, int]:
    return dict(answer.lists["items"].select("plan_id", "change_fen").rows())


def holds(answer) -> dict[str, str]:
    return dict(answer.lists["held"].select("plan_id", "reason").rows())


def test_budget_moves_from_the_plan_that_converts_worst_to_the_best_and_adds_to_nothing():
    answer = budgets(*GOOD, *BAD)
    assert changes(answer) == {"good": 20_00, "bad": -20_00}
    assert answer.lists["items"].select("before_fen", "after_fen").rows() == [(100_00, 120_00), (100_00, 80_00)]
    assert answer.verdicts["zh"].item() == "建议每日调整20.00元，首选“计划good”（点击转化率10.0%）；0个计划不动"


@pytest.mark.parametrize(("clicks", "moved"), [(100, True), (99, False)])
def test_few_clicks_are_noise(clicks, moved):
    answer = budgets(*GOOD, *plan_days("few", 0, 100_00, clicks=clicks), *BAD, plan_conversion="5%")
    assert ("few" in changes(answer)) == moved and holds(answer) == ({} if moved else {"few": "few clicks"})


def test_a_plan_without_spend_neither_gives_nor_gets():
    silent = [spent(0, 0, ago=20, plan="silent"), spent(0, 0, ago=1, plan="silent")]
    assert holds(budgets(*GOOD, *BAD, *silent)) == {"silent": "no spend: ROI undefined"}
    asleep = [spent(1_000_00, 500_00, ago=20, plan="asleep", clicks=1_000)]
    assert holds(budgets(*GOOD, *BAD, *asleep)) == {"asleep": "not running"}


def test_one_plan_has_nobody_to_give_to():
    assert missing(budgets(*GOOD)) == ["ad_days: 1 plans can be judged, 2 are needed to move budget"]


def test_a_plan_that_is_surely_neither_better_nor_worse_stays():
    answer = budgets(*plan_days("a", 50, 5_000_00), *plan_days("b", 51, 5_000_00))
    assert changes(answer) == {} and status(answer) == OK and answer.verdicts["zh"].item().startswith("没有值得调整的预算")


def test_a_plan_under_the_least_roi_gives_however_well_it_converts():
    poor = plan_days("poor", 90, 999_99)
    assert changes(budgets(*GOOD, *poor, plan_conversion="5%")) == {"good": 20_00, "poor": -20_00}
    assert changes(budgets(*GOOD, *plan_days("even", 90, 1_000_00), plan_conversion="5%")) == {}


def advertised(left: int | None, sold: int) -> list[dict]:
    stock = [{"date": days_ago(1), "item_id": "i", "closing_units": left}]
    return [*stock, *({"date": days_ago(ago), "item_id": "i", "pay_units": sold, "pay_amount_fen": 1} for ago in range(1, 8))]


@pytest.mark.parametrize(("left", "reason"), [(70, None), (69, "stock does not last"), (0, "stock does not last"), (None, "stock unknown")])
def test_stock_must_last_seven_days_before_more_is_spent(left, reason):
    rows = [*GOOD, *BAD, spent(0, 0, ago=20, plan="good", item_id="i"), *advertised(left, 10)]
    answer = budgets(*rows)
    assert holds(answer) == ({"good": reason} if reason else {}) and ("good" in changes(answer)) == (reason is None)


def test_a_plan_that_loses_money_by_margin_is_not_raised():
    good = {"item_id": "i", "price_fen": 100, "cost_fen": 90}
    answer = budgets(*GOOD, *BAD, spent(0, 0, ago=20, plan="good", item_id="i"), good, *advertised(1_000, 1))
    assert holds(answer) == {"good": "loses money by margin"} and changes(answer) == {}


@pytest.mark.parametrize(("a_day", "given"), [(37_00, 7_00), (38_00, 7_00), (30_00, 0), (35_99, 5_00)])
def test_nobody_goes_under_thirty_yuan_a_day(a_day, given):
    rows = [*GOOD, *plan_days("bad", 10, 500_00, a_day=a_day)]
    assert changes(budgets(*rows)).get("bad", 0) == -given


def test_no_more_than_the_limit_is_moved_in_a_shop():
    rows = [*plan_days("good", 100, 5_000_00, a_day=9_000_00), *plan_days("bad", 10, 500_00, a_day=9_000_00)]
    assert changes(budgets(*rows)) == {"good": 1_000_00, "bad": -1_000_00}
    assert changes(budgets(*rows, max_total="150")) == {"good": 150_00, "bad": -150_00}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 5_000_00), st.integers(0, 900_00)), min_size=2, max_size=7), st.integers(0, 300))
def test_moves_add_to_nothing_keep_their_limits_and_are_whole_yuan(shop, limit):
    rows = [row for n, (deals, sales, a_day) in enumerate(shop) for row in plan_days(f"p{n}", deals, sales, a_day)]
    moves = budgets(*rows, max_total=str(limit)).lists["items"]
    assert moves["change_fen"].sum() == 0 and moves.filter(pl.col("change_fen") > 0)["change_fen"].sum() <= limit * 100
    for change, before, after in moves.select("change_fen", "before_fen", "after_fen").iter_rows():
        assert change % 100 == 0 and after == before + change and after >= 30_00
        assert -0.2 * before <= change <= 0.3 * before


# --- words for titles ----------------------------------------------------------------------------------------------


def searched(keyword: str, people: int | None = 1_000, ago: int = 1, **more) -> dict:
    return {"date": days_ago(ago), "keyword": keyword, "searches": people, **more}


def good(title: str, item: str = "i", **more) -> dict:
    return {"item_id": item, "title": title, **more}


def gaps(words: list[dict], goods: list[dict], **params):
    return run("traffic.title_words", {"search_words": words, "items": goods}, **params)


def lacking(answer) -> list[tuple]:
    return answer.lists["items"].select("keyword", "missing").rows()


def test_the_long_tail_word_of_the_specification_is_found_with_what_is_missing():
    answer = gaps([searched("夏季连衣裙显瘦小个子")], [good("法式连衣裙女夏季新款"), good("牛仔裤", "j")])
    assert lacking(answer) == [("夏季连衣裙显瘦小个子", "显瘦小个子")]
    row = answer.lists["items"].row(0, named=True)
    assert (row["item_id"], row["long_tail"], row["room"], row["fits"]) == ("i", True, 40, True)


def test_a_title_covers_a_word_in_any_order_but_not_in_loose_characters():
    assert lacking(gaps([searched("夏季连衣裙")], [good("连衣裙夏季")])) == []
    assert lacking(gaps([searched("夏季连衣裙")], [good("夏天 四季 衣裙")])) == []  # under half of its pairs: not about this item
    assert lacking(gaps([searched("夏季连衣裙")], [good("夏季裙子连衣")])) == [("夏季连衣裙", "裙")]


def test_width_case_and_spaces_do_not_matter():
    assert lacking(gaps([searched(" SPF50 防晒衣")], [good("ｓｐｆ５０防晒衣 女")])) == []


@pytest.mark.parametrize(("people", "words"), [(100, 1), (99, 0), (None, 1)])
def test_a_word_is_worth_a_place_from_a_hundred_searches(people, words):
    assert len(lacking(gaps([searched("防晒衣女", people)], [good("防晒衣")]))) == words


def test_an_index_is_no_count_and_comes_after_the_counts():
    words = [searched("防晒衣女", None, search_index=99_999.0), searched("防晒衣男", 100), searched("防晒衣薄", 200)]
    answer = gaps(words, [good("防晒衣")])
    assert [keyword for keyword, _ in lacking(answer)] == ["防晒衣薄", "防晒衣男", "防晒衣女"]
    assert answer.lists["items"]["counted"].to_list() == [True, True, False]


@pytest.mark.parametrize(("title", "near"), [("防晒", True), ("女士", False)])
def test_a_title_with_half_of_the_characters_is_about_the_word(title, near):
    answer = gaps([searched("防晒薄款")], [good(title)])
    assert (lacking(answer) == [("防晒薄款", "薄款")]) == near and (answer.lists["unrelated"].height == 0) == near


@pytest.mark.parametrize(("letters", "fits"), [(28, True), (29, False)])
def test_a_title_holds_thirty_chinese_characters(letters, fits):
    answer = gaps([searched("防晒薄款")], [good("防晒" + "天" * (letters - 2))])
    assert answer.lists["items"].select("room", "fits").rows() == [(60 - 2 * letters, fits)]


def test_only_goods_on_sale_have_titles():
    assert missing(gaps([searched("防晒衣女")], [good("防晒衣", on_sale=False), good(" ", "j")])) == ["items.title: none on sale"]
    assert status(gaps([searched("防晒衣女")], [good("防晒衣", on_sale=None)])) == OK


@pytest.mark.parametrize(("ago", "found"), [(35, OK), (36, UNKNOWN)])
def test_an_old_list_is_no_basis(ago, found):
    assert status(gaps([searched("防晒衣女", ago=ago)], [good("防晒衣")])) == found


def test_only_the_newest_list_counts():
    assert lacking(gaps([searched("防晒衣女", ago=9), searched("防晒衣男", ago=1)], [good("防晒衣")])) == [("防晒衣男", "男")]


def test_a_list_of_rare_words_is_unknown():
    assert missing(gaps([searched("防晒衣女", 1)], [good("防晒衣")])) == ["search_words: none with 100 searches"]


@settings(max_examples=60, deadline=None)
@given(word=st.text("夏季连衣裙显瘦", min_size=2, max_size=6), title=st.text("夏季连衣裙显瘦小个子", min_size=2, max_size=10))
def test_the_missing_characters_are_those_that_no_pair_of_the_title_has(word, title):
    have = {title[n : n + 2] for n in range(len(title) - 1)}
    kept = {n + k for n in range(len(word) - 1) if word[n : n + 2] in have for k in (0, 1)}
    absent = "".join(letter for n, letter in enumerate(word) if n not in kept)
    answer = gaps([searched(word)], [good(title)])
    assert lacking(answer) == ([(word, absent)] if absent and 2 * len(kept) >= len(word) else [])


# --- the planted truth of the generator ----------------------------------------------------------------------------

SHOPS = ("demo", "demo-002", "demo-003", "demo-004")
UNTIL = date(2025, 11, 20)
AFTER = local("2025-11-21 09:00")


@cache
def made():
    return generate(len(SHOPS), 11, date(2025, 8, 23), UNTIL)


def on_demo(name: str, **params):
    return run(name, {kind: frame.lazy() for kind, frame in made().frames.items()}, shops=SHOPS, as_of=AFTER, **params)


def planted(shop: str, what: str, name: str = "plan_id") -> set[str]:
    return {one[name] for one in made().truth["shops"][shop]["planted"] if one["what"] == what}


def found(answer, shop: str, name: str = "plan_id", of: str = "items") -> set[str]:
    return set(answer.lists[of].filter(shop=shop)[name])


def test_the_planted_plans_under_one_are_found_and_one_and_learning_ones_left_alone():
    answer = on_demo("traffic.pause_roi")
    for shop in SHOPS:
        assert found(answer, shop) == planted(shop, "plan_roi_below_one")
        assert planted(shop, "plan_roi_of_one") <= found(answer, shop, of="keep")


def test_a_plan_in_its_learning_days_is_left_alone():
    whole = made().frames["ad_days"]
    rows = whole.filter(pl.col("date") < date(2025, 9, 6)).lazy()
    answer = run("traffic.pause_roi", {"ad_days": rows}, shops=SHOPS, as_of=local("2025-09-06 09:00"), attribution="1d")
    for shop in SHOPS:
        assert not planted(shop, "plan_learning") & found(answer, shop) and planted(shop, "plan_learning") <= found(answer, shop, of="unjudged")


def test_the_planted_keywords_over_the_market_are_found_and_those_at_it_or_without_a_price_left_alone():
    answer = on_demo("traffic.ppc")
    for shop in SHOPS:
        over_market, at_market, unpriced = (planted(shop, f"keyword_{what}", "keyword") for what in ("above_market", "at_market", "without_market_price"))
        assert found(answer, shop, "keyword") >= over_market and found(answer, shop, "keyword", "unknown_items") == unpriced
        assert {row for row in answer.lists["items"].filter(shop=shop)["plan_id"]} == planted(shop, "keyword_above_market")
        assert at_market - over_market <= found(answer, shop, "keyword", "at_or_under") | over_market


def test_lost_search_traffic_is_seen_where_it_is_planted():
    told = {shop: [one for one in made().truth["shops"][shop]["planted"] if one["what"] == "search_traffic_lost"] for shop in SHOPS}
    days = sorted({one["from"] for ones in told.values() for one in ones})
    assert days, "the generator plants it in some shop"
    for day in days:
        as_of = local(f"{date.fromisoformat(day) + timedelta(days=1)} 09:00")
        answer = run("traffic.sources", {"traffic_days": made().frames["traffic_days"].lazy()}, shops=SHOPS, as_of=as_of)
        lost = set(answer.lists["moved"].filter(change="down", family="search")["shop"])
        assert lost == {shop for shop, ones in told.items() if any(one["from"] == day for one in ones)}
