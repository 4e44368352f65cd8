"""Goods steps at, under and over their lines."""

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from math import ceil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
from ecops.copyscan import REVIEW, scan
from ecops.shop.demo import generate
from tests.unit.task_rows import days_ago, ids, local, missing, run, status

# --- cull ----------------------------------------------------------------------------------------------------------


def item(item_id: str = "x", **more) -> dict:
    return {"item_id": item_id, "title": item_id, "listed_on": days_ago(400), "on_sale": True, "campaign_booked": False, **more}


def sales(units: int | None, item_id: str = "x", days: int = 30) -> list[dict]:
    return [{"date": days_ago(n), "item_id": item_id, "pay_units": units if n == 1 else 0} for n in range(1, days + 1)]


def stock(opening: int | None, item_id: str = "x", received: int | None = 0, day: int = 30) -> dict:
    return {"date": days_ago(day), "item_id": item_id, "opening_units": opening, "received_units": received, "closing_units": 7}


def cull(items: list[dict], reports: list[dict], counts: list[dict], **params):
    return run("goods.cull", {"items": items, "item_days": reports, "stock": counts}, **params)


def reason(answer, name: str = "unknown_items") -> str:
    return answer.lists[name]["reason"].item()


@pytest.mark.parametrize(("units", "goes"), [(4_999, True), (5_000, False), (5_001, False)])
def test_under_five_percent_goes_and_five_stays(units, goes):
    answer = cull([item()], sales(units), [stock(100_000)])
    assert (ids(answer) == ["x"]) is goes and status(answer) == OK


def test_receipts_of_the_window_belong_to_the_denominator():
    answer = cull([item()], sales(5), [stock(50), stock(None, received=51, day=10)])
    assert answer.lists["items"].select("available_units", "units_sold").row(0) == (101, 5)


@pytest.mark.parametrize(("age", "fate"), [(29, "excluded"), (30, "items")])
def test_items_listed_under_thirty_days_ago_are_left_alone(age, fate):
    assert ids(cull([item(listed_on=days_ago(age))], sales(0), [stock(100)]), fate) == ["x"]


def test_an_item_without_listing_date_is_as_old_as_its_first_report():
    assert ids(cull([item(listed_on=None)], sales(0, days=31), [stock(100)])) == ["x"]
    assert reason(cull([item(listed_on=None)], sales(0, "y"), [stock(100)])) == "age unknown"


def test_items_booked_for_a_campaign_are_excluded():
    assert reason(cull([item(campaign_booked=True)], sales(0), [stock(100)]), "excluded") == "booked for a campaign"


def test_items_off_sale_are_no_candidates():
    answer = cull([item(on_sale=False), item("y")], sales(0) + sales(50, "y"), [stock(100), stock(100, "y")])
    assert all(frame.filter(frame["item_id"] == "x").is_empty() for frame in answer.lists.values())


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([stock(0)], "stock 0"),
        ([stock(None)], "opening stock unknown"),
        ([stock(10, received=None)], "receipts unknown"),
        ([stock(-1)], "negative stock"),
        ([stock(10, day=12)], "opening stock unknown"),
        ([stock(10, "other")], "opening stock unknown"),
    ],
)
def test_stock_zero_or_unknown_is_an_unknown_item(counts, why):
    answer = cull([item()], sales(0), counts)
    assert why in answer.lists["unknown_items"].filter(answer.lists["unknown_items"]["item_id"] == "x")["reason"].to_list()
    assert ids(answer) == [] and status(answer) == UNKNOWN


def test_stock_counted_just_before_the_window_opens_it():
    answer = cull([item()], sales(0), [stock(999, day=33)])
    assert answer.lists["items"]["opening_units"].item() == 7  # what it closed with


def test_more_sold_than_there_was_is_flagged():
    answer = cull([item(), item("y")], sales(11) + sales(0, "y"), [stock(10), stock(10, "y")])
    assert ids(answer, "flagged") == ["x"] and ids(answer) == ["y"]


def test_units_unknown_on_one_day_make_the_item_unknown():
    assert reason(cull([item(), item("y")], sales(None) + sales(0, "y"), [stock(10), stock(10, "y")])) == "units sold unknown"


def test_an_item_no_report_of_a_complete_month_names_sold_nothing():
    row = cull([item(), item("y")], sales(50, "y"), [stock(10), stock(100, "y")]).lists["items"].row(0, named=True)
    assert (row["item_id"], row["units_sold"], row["reported_days"]) == ("x", 0, 0)


def test_without_any_stock_the_shop_is_unknown():
    assert missing(cull([item()], sales(0), [])) == ["stock: none"]


def test_an_incomplete_month_of_reports_is_unknown():
    assert missing(cull([item()], sales(0, days=29), [stock(100)])) == ["item_days: 29 of 30 days"]


# --- first_stock ---------------------------------------------------------------------------------------------------


def rival(text: str | None, n: int = 1, month: date = date(2026, 10, 1), item_id: str | None = "x") -> dict:
    return {"month": month, "competitor": f"r{n}", "competitor_item_id": f"p{n}", "item_id": item_id, "monthly_sales": text}


def first(*rows: dict, pack: int | None = 1, cost: int | None = 100, **params):
    ours = [{"item_id": "x", "title": "x", "pack_size": pack, "cost_fen": cost}]
    return run("goods.first_stock", {"competitor_items": list(rows), "items": ours}, **params)


def quantity(answer) -> int:
    return answer.lists["items"]["quantity"].item()


@pytest.mark.parametrize(
    ("text", "pack", "wanted"),
    [("1000", 1, 1200), ("1000", 7, 1204), ("35", 1, 42), ("1", 1, 2), ("5", 6, 6), ("0", 12, 0), ("1,200", 100, 1500), ("1.2万", 1, 14400), ("１２０件", 1, 144)],
)  # fmt: skip
def test_the_order_is_one_point_two_times_rounded_up_to_packs(text, pack, wanted):
    assert quantity(first(rival(text), pack=pack)) == wanted


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 99_999), min_size=1, max_size=6), pack=st.integers(1, 60))
def test_no_binary_fraction_rounds_an_order_up_or_down(counts, pack):
    rows = [rival(str(count), n) for n, count in enumerate(counts)]
    ordered = sorted(counts)
    half = len(ordered) // 2
    median = Decimal(ordered[half]) if len(ordered) % 2 else Decimal(ordered[half - 1] + ordered[half]) / 2
    assert quantity(first(*rows, pack=pack)) == ceil(median * Decimal("1.2") / pack) * pack


@pytest.mark.parametrize(("units", "own"), [({1: 3, 30: 4, 31: 100, 0: 100}, 7), ({1: 3, 2: None}, None), ({}, None)])
def test_the_order_stands_beside_what_the_shop_sold_itself(units, own):
    sold = [{"item_id": "x", "date": days_ago(back), "pay_units": pieces} for back, pieces in units.items()]
    ours = [{"item_id": "x", "pack_size": 1, "cost_fen": 1}]
    answer = run("goods.first_stock", {"competitor_items": [rival("100")], "items": ours, "item_days": sold})
    assert answer.lists["items"]["own_monthly"].to_list() == [own]


@pytest.mark.parametrize(("statistic", "wanted"), [("max", 1200), ("median", 240), ("top3_mean", 560)])
def test_the_statistic_is_chosen(statistic, wanted):
    rows = [rival(text, n) for n, text in enumerate(("1000", "300", "100", "100"))]
    assert quantity(first(*rows, statistic=statistic)) == wanted


def test_a_plus_is_a_lower_bound_and_is_marked():
    row = first(rival("1000+")).lists["items"].row(0, named=True)
    assert (row["quantity"], row["lower_bound"]) == (1200, True)
    assert first(rival("1000")).lists["items"]["lower_bound"].item() is False


@pytest.mark.parametrize("text", ["指数 8812", "8,812.5", "热销", "-", "", None, "-5", "1e3", "100~200"])
def test_an_index_or_words_are_no_count(text):
    answer = first(rival(text))
    assert status(answer) == UNKNOWN and ids(answer, "unknown_items") == ["x"]
    assert answer.lists["ignored"]["reason"].item().startswith("not a count")


def test_an_index_beside_counts_is_ignored_and_named():
    answer = first(rival("100"), rival("指数 9", 2))
    assert quantity(answer) == 120 and answer.lists["ignored"].height == 1 and status(answer) == OK


@pytest.mark.parametrize(("as_of", "found"), [("2026-10-31 23:59", UNKNOWN), ("2026-11-01 00:00", OK)])
def test_a_month_counts_once_it_is_over(as_of, found):
    rows = [rival("100") | {"available_at": local("2026-10-02 00:00")}]
    ours = [{"item_id": "x", "pack_size": 1, "cost_fen": 1}]
    assert status(run("goods.first_stock", {"competitor_items": rows, "items": ours}, as_of=local(as_of))) == found


@pytest.mark.parametrize(("month", "found"), [(date(2026, 8, 1), OK), (date(2026, 7, 1), UNKNOWN)])
def test_a_month_too_old_does_not_count(month, found):
    assert status(first(rival("100", month=month))) == found


def test_only_the_newest_complete_month_counts():
    assert quantity(first(rival("100"), rival("900", 2, date(2026, 9, 1)), rival("5", 3, date(2026, 11, 1)))) == 120


def test_an_unknown_pack_is_assumed_and_marked():
    row = first(rival("100"), pack=None, default_pack=50).lists["items"].row(0, named=True)
    assert (row["quantity"], row["pack_assumed"]) == (150, True)


def test_a_pack_of_nothing_is_an_unknown_item():
    assert first(rival("100"), pack=0).lists["unknown_items"]["reason"].item() == "pack size not positive"


@pytest.mark.parametrize(("limit", "over"), [("119.99", True), ("120", False)])
def test_the_cash_limit_is_told(limit, over):
    assert ("超出资金上限" in first(rival("100"), cash_limit=limit).verdicts["zh"].item()) is over


def test_a_cash_limit_without_cost_is_unknown():
    answer = first(rival("100"), cost=None, cash_limit="1")
    assert missing(answer) == ["items.cost_fen: 1 of 1 items without cost"]
    assert status(first(rival("100"), cost=None)) == OK


def test_a_competitor_set_against_no_item_is_ignored():
    assert first(rival("100", item_id=None)).lists["ignored"]["reason"].item() == "not set against an item of ours"


# --- floor_price ---------------------------------------------------------------------------------------------------


def priced(price: int | None, cost: int | None, item_id: str = "x", **more) -> dict:
    return {"item_id": item_id, "title": item_id, "price_fen": price, "cost_fen": cost, "on_sale": True, **more}


def floors(*rows: dict, **params):
    return run("goods.floor_price", {"items": list(rows)}, **params)


@pytest.mark.parametrize(("price", "below"), [(99_99, True), (100_00, False), (100_01, False)])
def test_a_price_under_the_floor_is_listed(price, below):
    assert (ids(floors(priced(price, 75_00))) == ["x"]) is below


def test_the_floor_is_rounded_up_to_a_fen():
    assert floors(priced(1, 10_00)).lists["items"]["floor_fen"].item() == 13_34  # 10 / 0.75 = 13.333...


@given(cost=st.integers(1, 10**9), margin=st.integers(0, 80), fees=st.integers(0, 19))
@settings(max_examples=30, deadline=None)
def test_at_the_floor_the_margin_holds_and_a_fen_under_it_does_not(cost, margin, fees):
    floor = floors(priced(1, cost), target_margin=f"{margin}%", fees=f"{fees}%").lists["floors"]["floor_fen"].item()
    left = Decimal(100 - margin - fees) / 100
    assert floor * left >= cost > (floor - 1) * left


def test_cost_beside_the_goods_counts():
    assert floors(priced(1, 70_00), extra_cost="5").lists["items"]["floor_fen"].item() == 100_00


@pytest.mark.parametrize(("row", "why"), [(priced(1, None), "cost unknown"), (priced(1, 0), "cost not positive"), (priced(None, 1), "price unknown"), (priced(0, 1), "price not positive")])  # fmt: skip
def test_without_cost_or_price_an_item_and_so_the_shop_is_unknown(row, why):
    answer = floors(row, priced(100_00, 1, "fine"))
    assert reason(answer) == why and missing(answer) == ["items: 1 of 2 have cost and price"]


def test_one_item_under_its_floor_decides_whatever_is_unknown():
    answer = floors(priced(1, None), priced(1, 1_00, "cheap"))
    assert status(answer) == OK and missing(answer) == ["items: 1 of 2 have cost and price"]


def test_items_off_sale_are_not_priced():
    assert missing(floors(priced(1, 5, on_sale=False))) == ["items: none on sale"]


@pytest.mark.parametrize("shares", [{"target_margin": "95%", "fees": "5%"}, {"fees": "-1%"}])
def test_a_margin_that_leaves_nothing_for_the_cost_is_refused(shares):
    with pytest.raises(ValueError):
        floors(**shares)


# --- classify ------------------------------------------------------------------------------------------------------


def classed(*rows: dict, **params):
    return run("goods.classify", {"items": list(rows)}, **params)


def classes(answer) -> dict[str, str]:
    return dict(answer.lists["items"].select("item_id", "goods_class").iter_rows())


@pytest.mark.parametrize(("price", "named"), [(9_89, "traffic"), (9_90, "traffic"), (9_91, "profit"), (198_99, "profit"), (199_00, "image"), (199_01, "image")])  # fmt: skip
def test_price_bands_hold_their_edges_to_the_fen(price, named):
    assert classes(classed(priced(price, 1), traffic_price="9.9", image_price="199")) == {"x": named}


@pytest.mark.parametrize(("cost", "named"), [(59_99, "profit"), (60_00, "profit"), (60_01, "none")])
def test_a_profit_item_has_at_least_the_margin(cost, named):
    answer = classed(priced(100_00, cost), traffic_price="9.9", image_price="199")
    assert classes(answer) == {"x": named} and status(answer) == OK


def test_without_prices_the_cheapest_and_dearest_shares_count_and_ties_stay_together():
    prices = [10, 10, 10, 40, 50, 60, 70, 80, 90, 100]
    answer = classed(*(priced(yuan * 100, 100, f"i{n}") for n, yuan in enumerate(prices)))
    assert [classes(answer)[f"i{n}"] for n in range(10)] == ["traffic"] * 3 + ["profit"] * 6 + ["image"]
    shares = answer.lists["classes"].select("goods_class", "items", "share").rows()
    assert shares == [("traffic", 3, 0.3), ("profit", 6, 0.6), ("image", 1, 0.1), ("none", 0, 0.0)]
    tied = classed(*(priced(10_00, 100, f"i{n}") for n in range(4)), priced(20_00, 100, "dear"))
    assert set(classes(tied).values()) == {"profit"}


def test_a_cheap_item_that_earns_is_a_traffic_item_and_says_so():
    row = classed(priced(9_00, 1_00), traffic_price="9.9", image_price="199").lists["items"].row(0, named=True)
    assert (row["goods_class"], row["also_profit"]) == ("traffic", True)


@pytest.mark.parametrize(("row", "why"), [(priced(1, None), "cost unknown"), (priced(1, 0), "cost not positive"), (priced(None, 1), "price unknown"), (priced(0, 1), "price not positive")])  # fmt: skip
def test_an_item_without_cost_or_price_has_no_class_and_the_shares_are_unknown(row, why):
    answer = classed(row, priced(100_00, 1, "fine"))
    assert reason(answer) == why and missing(answer) == ["items: 1 of 2 have cost and price"]


def test_an_item_sold_under_cost_is_flagged_and_in_no_class():
    answer = classed(priced(1_00, 1_01), priced(100_00, 1, "fine"))
    assert ids(answer, "flagged") == ["x"] and list(classes(answer)) == ["fine"] and status(answer) == OK


def test_classes_that_overlap_are_refused():
    with pytest.raises(ValueError):
        classed(traffic_price="10", image_price="10")


# --- coverage ------------------------------------------------------------------------------------------------------


def need(name: str, item_id: str, weight: float | None = 1.0) -> dict:
    return {"need": name, "item_id": item_id, "weight": weight}


def covering(needs: list[dict], *goods: dict, **params):
    return run("goods.coverage", {"needs": needs, "items": list(goods)}, **params)


def test_a_need_without_an_item_on_sale_is_a_gap_the_weightiest_first():
    rows = [need("敏感肌", "x"), need("防水", "*", 2.0), need("便携", "off", 5.0), need("礼盒", "*", None)]
    answer = covering(rows, item(), item("off", on_sale=False))
    assert answer.lists["items"]["need"].to_list() == ["便携", "防水", "礼盒"] and status(answer) == OK
    assert "1/4" in answer.verdicts["zh"].item() and "便携" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("wanted", "gaps"), [(1, []), (2, []), (3, ["a"])])
def test_a_need_wants_so_many_items(wanted, gaps):
    rows = [need("a", "x"), need("a", "y"), need("a", "*")]
    assert covering(rows, item(), item("y"), min_items=wanted).lists["items"]["need"].to_list() == gaps


def test_a_need_met_only_by_an_item_nobody_knows_is_unknown():
    answer = covering([need("a", "ghost"), need("b", "x")], item())
    assert reason(answer) == "not in the catalogue" and status(answer) == UNKNOWN
    assert missing(answer) == ["items: 1 uncovered needs name items not known to be on sale"]
    assert reason(covering([need("a", "x")], item(on_sale=None))) == "on sale or not: unknown"


def test_items_that_serve_no_need_are_told():
    assert ids(covering([need("a", "x")], item(), item("idle")), "idle") == ["idle"]


# --- turnover ------------------------------------------------------------------------------------------------------


def level(opening: int, closing: int, day: int, item_id: str = "x", received: int = 0) -> dict:
    return stock(opening, item_id, received, day) | {"closing_units": closing}


def turning(counts: list[dict], reports: list[dict], *goods: dict, **more):
    return run("goods.turnover", {"items": list(goods) or [item(cost_fen=100)], "item_days": reports, "stock": counts, **more})


def alerts(answer) -> dict[str, str]:
    return dict(answer.lists["items"].select("item_id", "alert").iter_rows())


@pytest.mark.parametrize(("left", "alert"), [(0, "stock_out"), (69, "low"), (70, None), (900, None), (901, "slow")])
def test_cover_at_under_and_over_its_levels(left, alert):
    answer = turning([level(left, left, 1)], sales(300))  # ten a day
    assert alerts(answer) == ({"x": alert} if alert else {}) and status(answer) == OK


def test_turns_and_days_of_one_turn():
    row = turning([level(200, 100, 2), level(100, 0, 1)], sales(300)).lists["all"].row(0, named=True)
    assert (row["average_stock"], row["turns"], row["turn_days"]) == (100.0, 3.0, 10.0)


def test_nothing_sold_is_endless_and_no_number():
    answer = turning([level(5, 5, 1)], sales(0))
    assert alerts(answer) == {"x": "no_sales"} and answer.lists["items"]["cover_days"].item() is None
    assert alerts(turning([level(0, 0, 1)], sales(0))) == {}


def test_days_with_nothing_to_sell_are_no_days_of_sale():
    counts = [level(0, 0, n) for n in range(2, 22)] + [level(70, 70, 1)]
    row = turning(counts, sales(100)).lists["all"].row(0, named=True)
    assert (row["selling_days"], row["cover_days"]) == (10, 7.0)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([], "stock not counted in the window"),
        ([level(-1, 3, 1)], "negative stock"),
        ([level(3, 3, 2)], "stock of 2026-11-10 older than sales of 2026-11-11"),
    ],
)
def test_a_stock_that_cannot_be_trusted_is_an_unknown_item(counts, why):
    answer = turning([*counts, level(9, 9, 1, "y")], sales(30) + sales(30, "y"), item(), item("y"))
    assert reason(answer) == why and ids(answer, "all") == ["y"]


def test_what_is_ordered_and_not_here_is_told():
    bought = {"item_id": "x", "ordered_on": days_ago(9), "units": 40}
    rows = [bought | {"purchase_id": "p1"}, bought | {"purchase_id": "p2", "received_on": days_ago(1)}]
    assert turning([level(1, 1, 1)], sales(300), purchases=rows).lists["items"]["coming_units"].item() == 40


def test_turnover_wants_the_whole_window_and_a_count():
    assert missing(turning([level(1, 1, 1)], sales(1, days=29))) == ["item_days: 29 of 30 days"]
    assert missing(turning([], sales(1))) == ["stock: none"]


# --- price_protection ----------------------------------------------------------------------------------------------


def drop(new: int, when: str = "2026-11-13 00:00", item_id: str = "x") -> dict:
    return {"item_id": item_id, "changed_at": local(when), "price_fen": new}


def bought(paid: int | None, when: str = "2026-11-01 12:00", order: str = "o1", **more) -> dict:
    times = {"created_at": local(when), "paid_at": local(when)}
    return {"order_id": order, "line_id": "1", "item_id": "x", "units": 1, "paid_fen": paid, "refund_fen": 0, **times, **more}


OTHERS = [bought(1, f"2026-{day} 00:00", f"other {day}", item_id="other") for day in ("01-01", "11-10")]


def protection(changes: list[dict], lines: list[dict], orders: list[dict] = (), **params):
    ours = [{"item_id": "x", "title": "x", "price_fen": 100_00}]
    return run("goods.price_protection", {"price_changes": changes, "order_lines": [*OTHERS, *lines], "orders": list(orders), "items": ours}, **params)


def due(answer) -> list[int]:
    return answer.lists["claims"]["due_fen"].to_list()


@pytest.mark.parametrize(("paid", "owed"), [(79_99, []), (80_00, []), (80_01, [1]), (100_00, [20_00])])
def test_what_was_paid_over_the_new_price_is_due(paid, owed):
    answer = protection([drop(80_00)], [bought(paid)])
    assert due(answer) == owed and status(answer) == OK
    assert answer.lists["items"]["due_fen"].item() == sum(owed)


@pytest.mark.parametrize(
    ("when", "days"),
    [("2026-10-14 00:00", [30]), ("2026-10-13 23:59", []), ("2026-10-13 00:00", []), ("2026-11-12 08:59", [1]), ("2026-11-12 09:01", [])],
)
def test_day_thirty_is_protected_and_day_thirty_one_is_not(when, days):
    answer = protection([drop(80_00)], [bought(100_00, when)])
    assert answer.lists["claims"]["days_ago"].to_list() == days


@pytest.mark.parametrize(("when", "owed"), [("2026-11-02 09:59:59", [20_00]), ("2026-11-02 10:00:00", [])])
def test_a_change_already_made_protects_those_who_bought_before_it(when, owed):
    answer = protection([drop(80_00, "2026-11-02 10:00")], [bought(100_00, when)])
    assert due(answer) == owed and answer.lists["items"]["planned"].item() is False


@pytest.mark.parametrize(("when", "cases"), [("2026-10-13 00:00", 1), ("2026-10-12 23:59", 0)])
def test_a_change_is_a_case_for_thirty_days(when, cases):
    assert protection([drop(1, when)], []).lists["items"].height == cases


def test_each_piece_counts_and_coupons_lower_what_was_paid():
    assert due(protection([drop(80_00)], [bought(250_00, units=3)])) == [10_00]
    assert due(protection([drop(33)], [bought(100, units=3)])) == [1]


def test_an_orders_money_is_spread_over_its_lines_by_value_with_the_rest_on_the_last():
    lines = [bought(None, line_id=str(n), price_fen=100_00, refund_fen=None) for n in (1, 2, 3)]
    order = {"order_id": "o1", "paid_fen": 250_00 + 10_00, "postage_fen": 10_00, "refund_fen": 0, "created_at": local("2026-11-01 12:00"), "paid_at": local("2026-11-01 12:00")}  # fmt: skip
    answer = protection([drop(80_00)], lines, [order])
    assert answer.lists["claims"]["kept_fen"].to_list() == [83_33, 83_33, 83_34] and due(answer) == [3_33, 3_33, 3_34]
    assert answer.lists["claims"]["spread"].all()


def test_lines_of_other_items_take_their_part_of_the_coupon():
    lines = [bought(None, line_id="1", payable_fen=100_00), bought(None, line_id="2", payable_fen=300_00, item_id="y")]
    order = {"order_id": "o1", "paid_fen": 360_00, "created_at": local("2026-11-01 12:00"), "paid_at": local("2026-11-01 12:00")}
    assert due(protection([drop(80_00)], lines, [order])) == [10_00]


def test_refunded_lines_and_orders_are_left_out():
    assert due(protection([drop(80_00)], [bought(0, refund_fen=100_00)])) == []
    closed = {"order_id": "o1", "paid_fen": 0, "refund_fen": 100_00, "status": "closed", "created_at": local("2026-11-01 12:00"), "paid_at": local("2026-11-01 12:00")}  # fmt: skip
    answer = protection([drop(80_00)], [bought(100_00, refund_fen=None)], [closed])
    assert due(answer) == [] and answer.lists["unsure"].is_empty()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (bought(95_00, refund_fen=5_00), "refunded in part"),
        (bought(100_00, refund_status="open"), "refund open"),
        (bought(None, price_fen=None), "paid amount unknown"),
        (bought(100_00, units=None), "units unknown"),
    ],
)
def test_what_only_a_person_can_tell_is_unsure_and_not_in_the_sum(line, why):
    answer = protection([drop(80_00)], [line])
    assert answer.lists["unsure"]["why"].to_list() == [why] and due(answer) == []
    assert answer.lists["items"]["unsure"].item() == 1


def test_unpaid_lines_claim_nothing():
    assert due(protection([drop(80_00)], [bought(100_00) | {"paid_at": None}])) == []
    assert due(protection([drop(80_00)], [bought(100_00) | {"paid_at": local("2026-11-12 10:00")}])) == []


def test_protection_says_which_export_is_missing():
    assert missing(protection([], [bought(1)])) == ["price_changes: none"]
    answer = run("goods.price_protection", {"price_changes": [drop(1)], "order_lines": [bought(1, "2026-11-10 00:00")]})
    assert missing(answer) == ["order_lines: only since 2026-11-10, 30 days before the change are needed"]
    answer = run("goods.price_protection", {"price_changes": [drop(1)], "order_lines": OTHERS[:1]})
    assert missing(answer) == ["order_lines: none since 2026-01-01"]
    assert "缺订单明细" in run("goods.price_protection", {"price_changes": [drop(1)]}).verdicts["zh"].item()


@given(paid=st.integers(0, 10**7), units=st.integers(1, 300), new=st.integers(1, 10**5))
@settings(max_examples=30, deadline=None)
def test_due_is_the_excess_over_all_pieces(paid, units, new):
    assert sum(due(protection([drop(new)], [bought(paid, units=units)]))) == max(0, paid - new * units)


# --- reprice -------------------------------------------------------------------------------------------------------


def ours(price: int | None = 100_00, cost: int | None = 50_00, item_id: str = "x", **more) -> dict:
    return {"item_id": item_id, "title": item_id, "price_fen": price, "cost_fen": cost, "on_sale": True, "campaign_booked": False, **more}


def asked(price: int, day: int = 1, who: str = "r", **more) -> dict:
    return {"date": days_ago(day), "competitor": who, "competitor_item_id": who, "item_id": "x", "price_fen": price, "title": "面霜", **more}


def delivery(cost: int | None, day: int = 5, **more) -> dict:
    return {"purchase_id": f"b{day}", "item_id": "x", "received_on": days_ago(day), "cost_fen": cost, **more}


def reprice(goods: list[dict], offers: list[dict] | None = None, came: list[dict] | None = None, **more):
    frames = {
        "items": goods, "competitor_items": [asked(100_00, 8), asked(100_00)] if offers is None else offers,
        "purchases": [delivery(50_00)] if came is None else came, "price_changes": more.pop("changes", []), "promotions": more.pop("promotions", []),
    }  # fmt: skip
    return run("goods.reprice", frames, **more)


def proposed(answer) -> list[int]:
    return answer.lists["items"]["proposed_fen"].to_list()


@pytest.mark.parametrize(("now", "found"), [(95_01, []), (95_00, [95_00]), (94_99, [94_99]), (104_99, []), (105_00, [105_00])])
def test_a_competitor_who_moves_by_five_percent_is_followed(now, found):
    answer = reprice([ours()], [asked(100_00, 8), asked(now)])
    assert proposed(answer) == found and status(answer) == OK


def test_the_lowest_or_the_lower_median_is_followed_and_only_so_far_at_once():
    offers = [asked(100_00, 8, "a"), asked(90_00, 1, "a"), asked(95_00, 1, "b"), asked(97_00, 1, "c"), asked(99_00, 1, "d")]
    assert proposed(reprice([ours()], offers)) == [90_00] and proposed(reprice([ours()], offers, against="median")) == [95_00]
    assert proposed(reprice([ours()], offers, max_step="7%")) == [93_00]
    row = reprice([ours()], offers).lists["items"].row(0, named=True)
    assert (row["competitor"], row["was_fen"], row["now_fen"], row["trigger"], round(row["change"], 3)) == ("a", 100_00, 90_00, "rival", -0.1)


@pytest.mark.parametrize(("cost", "wanted", "at_floor"), [(67_49, 90_00, False), (67_50, 90_00, True), (67_51, 90_02, True)])
def test_no_proposal_is_under_the_floor(cost, wanted, at_floor):
    answer = reprice([ours(cost=cost)], [asked(100_00, 8), asked(90_00)], [delivery(cost)])
    assert answer.lists["items"].select("proposed_fen", "at_floor").rows() == [(wanted, at_floor)]


@given(price=st.integers(100, 10**6), cost=st.integers(50, 10**6), rival=st.integers(100, 10**6))
@settings(max_examples=40, deadline=None)
def test_whatever_competitors_do_a_proposal_keeps_the_margin(price, cost, rival):
    answer = reprice([ours(price, cost)], [asked(2 * rival, 8), asked(rival)], unit_ratio=10**6, doubt_drop="90%")
    for fen in proposed(answer):
        assert Decimal(fen) * Decimal("0.75") >= cost


def test_an_item_at_its_floor_is_held_when_competitors_go_lower():
    answer = reprice([ours(75_00, 56_25)], [asked(80_00, 8), asked(70_00)], [delivery(56_25)])
    assert proposed(answer) == [] and reason(answer, "held") == "at or under its floor of 75.00 yuan already"


@pytest.mark.parametrize(("cost", "found"), [(52_49, []), (52_50, [105_00]), (47_51, []), (47_50, [95_00])])
def test_a_delivery_at_another_cost_keeps_the_margins_share(cost, found):
    answer = reprice([ours()], came=[delivery(50_00, 20), delivery(cost, 2)])
    assert proposed(answer) == found


def test_without_an_earlier_delivery_the_catalogue_says_the_cost_before():
    row = reprice([ours()], came=[delivery(60_00)]).lists["items"].row(0, named=True)
    assert (row["cost_was_fen"], row["cost_now_fen"], row["proposed_fen"], row["trigger"]) == (50_00, 60_00, 120_00, "cost")


@pytest.mark.parametrize(("day", "found"), [(29, [110_00]), (30, [])])
def test_a_delivery_is_news_for_thirty_days(day, found):
    assert proposed(reprice([ours()], came=[delivery(50_00, 60), delivery(55_00, day)])) == found


@pytest.mark.parametrize(
    ("at", "held"),
    [
        ("2026-10-24 13:59:59", False), ("2026-10-24 14:00:00", True), ("2026-11-05 12:00", True), ("2026-11-11 23:59:59", True), ("2026-11-12 00:00:00", False),
    ],
)  # fmt: skip
def test_inside_the_price_lock_of_a_campaign_a_booked_item_gets_the_reason_and_no_proposal(at, held):
    seen = local(at).date()
    offers = [asked(100_00) | {"date": seen - timedelta(days=n), "price_fen": fen} for n, fen in ((8, 100_00), (1, 90_00))]
    answer = reprice([ours(campaign_booked=True)], offers, as_of=local(at))
    assert bool(proposed(answer)) is not held
    assert not held or reason(answer, "held") == "price lock: double-11 (dates of the last known year) until 2026-11-11 23:59:59"
    free = reprice([ours(campaign_booked=False)], offers, as_of=local(at))
    assert proposed(free) == [90_00]
    unsure = reprice([ours(campaign_booked=None)], offers, as_of=local(at))
    assert bool(proposed(unsure)) is not held and (not held or reason(unsure, "held").endswith("not known whether the item is booked"))


def test_a_lock_told_by_hand_and_a_running_presale_hold_the_price():
    move = [asked(100_00, 8), asked(90_00)]
    told = reprice([ours(campaign_booked=True)], move, locks="2026-11-12T00:00/2026-11-13T00:00")
    assert reason(told, "held") == "price lock: told until 2026-11-13 00:00:00"
    deposit = {"promotion_id": "p", "item_id": "x", "promotion_kind": "deposit", "starts_at": local("2026-11-01 20:00"), "ends_at": local("2026-11-05 09:00:01")}
    assert reason(reprice([ours()], move, promotions=[deposit]), "held") == "price lock: its pre-sale is under way"
    assert reason(reprice([ours()], move, promotions=[deposit | {"item_id": "*"}]), "held") == "price lock: its pre-sale is under way"
    assert proposed(reprice([ours()], move, promotions=[deposit | {"ends_at": local("2026-11-05 09:00")}])) == [90_00]


def test_without_a_calendar_nobody_knows_the_locks():
    answer = reprice([ours()], [asked(100_00, 8), asked(90_00)], platform="elsewhere")
    assert missing(answer) == ["calendar: nothing for elsewhere in 2026, so price locks are unknown (give `locks`)"] and status(answer) == UNKNOWN


def test_a_change_that_is_planned_or_came_after_the_move_leaves_nothing_to_propose():
    move, planned = [asked(100_00, 8), asked(90_00, 3)], {"item_id": "x", "changed_at": local("2026-11-14 00:00"), "price_fen": 90_00}
    assert reason(reprice([ours()], move, changes=[planned]), "held") == "a change is planned for 2026-11-14"
    assert proposed(reprice([ours()], move, changes=[planned | {"changed_at": local("2026-11-09 23:00")}])) == [90_00]  # the day of the move itself
    assert reprice([ours()], move, changes=[planned | {"changed_at": local("2026-11-10 00:00")}]).lists["held"].is_empty()


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (asked(90_00, title="面霜 券后90"), "a price after a coupon, by its title"),
        (asked(60_00), "fell by 40.0% at once: a price after a coupon?"),
        (asked(90), "0.90 against our 100.00 yuan: yuan or fen?"),
        (asked(9_000_00), "9000.00 against our 100.00 yuan: yuan or fen?"),
    ],
)  # fmt: skip
def test_a_price_of_another_unit_or_after_a_coupon_is_in_doubt_and_not_followed(offer, why):
    answer = reprice([ours()], [asked(100_00, 8), offer])
    assert reason(answer, "doubtful") == why and proposed(answer) == []


def test_a_drop_just_under_the_doubt_is_followed():
    assert proposed(reprice([ours()], [asked(100_00, 8), asked(60_01)], max_step="50%")) == [66_67]


def test_costs_of_another_unit_are_unknown():
    assert reason(reprice([ours()], came=[delivery(50_00, 20), delivery(50)])) == "cost went from 50.00 to 0.50 yuan: yuan or fen?"
    mixed = reprice([ours(10_00, 500_00)], [asked(11_00, 8), asked(10_00)])
    assert reason(mixed) == "cost 500.00 against price 10.00 yuan: yuan or fen?" and status(mixed) == UNKNOWN
    assert reason(reprice([ours(cost=None)], [asked(100_00, 8), asked(90_00)], [])) == "cost unknown"


@pytest.mark.parametrize(("day", "found"), [(13, OK), (14, UNKNOWN)])
def test_a_competitors_price_is_fresh_for_so_many_days(day, found):
    answer = reprice([ours()], [asked(100_00, day)])
    assert status(answer) == found
    assert found == OK or missing(answer) == [f"competitor_items: no price set against our items within 14d (newest {days_ago(14)})"]


def test_the_feed_that_is_not_watched_may_be_missing():
    assert missing(reprice([ours()], came=[])) == ["purchases: no delivery with a cost"]
    assert status(reprice([ours()], came=[], watch="rivals")) == OK == status(reprice([ours()], [], watch="costs"))


# --- launch_train --------------------------------------------------------------------------------------------------


def new(item_id: str = "n", **more) -> dict:
    return {"item_id": item_id, "title": "保湿面霜", "detail_text": "保湿", "price_fen": 9_90, "on_sale": False, "listed_on": None, **more}


def shelf(units: int | None = 5, item_id: str = "n", day: int = 1) -> dict:
    return {"date": days_ago(day), "item_id": item_id, "closing_units": units}


def train(goods: list[dict], counts: list[dict] | None = None, reports: list[dict] = (), **more):
    return run("goods.launch_train", {"items": goods, "stock": [shelf()] if counts is None else counts, "item_days": list(reports)}, **more)


def leaves(at: str, **more) -> list[date]:
    return train([new()], as_of=local(at), **more).lists["trains"]["leaves_on"].to_list()


@pytest.mark.parametrize(
    ("at", "trains"),
    [
        ("2026-11-09 23:59", [date(2026, 11, 10), date(2026, 11, 13)]), ("2026-11-10 10:00:00", [date(2026, 11, 10), date(2026, 11, 13)]),
        ("2026-11-10 10:00:01", [date(2026, 11, 13), date(2026, 11, 17)]), ("2026-11-13 10:00:01", [date(2026, 11, 17), date(2026, 11, 20)]),
    ],
)  # fmt: skip
def test_trains_leave_on_tuesday_and_friday_at_ten(at, trains):
    assert leaves(at) == trains


def test_a_train_on_a_holiday_leaves_on_the_next_working_day():
    assert leaves("2026-06-18 09:00") == [date(2026, 6, 22), date(2026, 6, 23)]  # Friday 19 June 2026 is the Dragon Boat Festival
    assert leaves("2026-06-18 09:00", holiday="skip") == [date(2026, 6, 23), date(2026, 6, 26)]
    assert leaves("2026-06-18 09:00", holiday="keep") == [date(2026, 6, 19), date(2026, 6, 23)]


def test_a_holiday_on_tuesday_and_the_whole_golden_week():
    # 2025: holidays from Wednesday 1 to Wednesday 8 October; the trains of Friday 3 and Tuesday 7 leave as one on Thursday 9
    assert leaves("2025-10-01 09:00") == [date(2025, 10, 9), date(2025, 10, 10)]
    row = train([new()], [shelf() | {"date": date(2025, 9, 30)}], as_of=local("2025-10-01 09:00"))
    assert row.verdicts["zh"].item() == "下一班2025-10-09（周四，原周五逢假期）：1款可上新，0款等2025-10-10"
    # Tuesday 5 May 2026 is a holiday, Saturday 9 May a make-up working day
    assert leaves("2026-05-04 09:00") == [date(2026, 5, 6), date(2026, 5, 8)]


def test_holidays_that_are_not_announced_leave_the_train_unknown():
    answer = train([new()], [shelf() | {"date": date(2034, 12, 31)}], as_of=local("2035-01-01 12:00"))
    assert missing(answer) == ["holidays: those of 2035 are not announced"] and status(answer) == UNKNOWN


def test_an_item_with_everything_boards():
    answer = train([new()])
    assert answer.lists["items"].select("item_id", "stock_units", "leaves_on").rows() == [("n", 5, date(2026, 11, 13))]
    assert answer.verdicts["zh"].item() == "下一班2026-11-13（周五）：1款可上新，0款等2026-11-17"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " "}, "no title"), ({"title": "保" * 31}, "title 62 wide, 60 at most"), ({"price_fen": None}, "price unknown"),
        ({"price_fen": 0}, "price not positive"), ({"detail_text": None}, "no detail text"), ({"detail_text": "<img src=a>"}, "no detail text"),
        ({"detail_text": "销量第一"}, "forbidden: 销量第一"), ({"title": "最好的面霜"}, "forbidden: 最好"),
    ],
)  # fmt: skip
def test_an_item_that_lacks_something_waits_for_the_next_train(wrong, said):
    answer = train([new(**wrong)])
    row = answer.lists["waiting"].row(0, named=True)
    assert row["missing"] == said and row["waits_for"] == date(2026, 11, 17) and answer.lists["items"].is_empty()


def test_a_title_of_exactly_the_width_boards():
    assert ids(train([new(title="保" * 30)])) == ["n"]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([shelf(0)], "0 in stock, 1 needed"), ([shelf(None), shelf(5, "z")], "stock unknown"), ([shelf(5, day=8), shelf(5, "z")], "stock unknown"),
        ([shelf(5, day=7)], None), ([shelf(1)], None), ([shelf(9, day=2), shelf(0, day=1)], "0 in stock, 1 needed"),
    ],
)  # fmt: skip
def test_stock_is_counted_lately_or_unknown(counts, said):
    answer = train([new()], counts)
    assert answer.lists["waiting"]["missing"].to_list() == ([said] if said else [])


def test_without_any_count_the_train_is_unknown():
    assert missing(train([new()], [])) == ["stock: none of 1 new items counted within 7d"]


def test_a_term_to_review_keeps_an_item_back_until_a_person_looked():
    text = next(text for text in ("限量发售", "仅限今日", "秒杀价", "特供") if scan(text).verdict == REVIEW)
    assert train([new(detail_text=text)]).lists["waiting"]["missing"].item().startswith("to review: ")


@pytest.mark.parametrize(
    ("more", "reports", "boards"),
    [
        ({}, [], True), ({"listed_on": days_ago(28)}, [], True), ({"listed_on": days_ago(29)}, [], False), ({"on_sale": True}, [], False),
        ({"on_sale": None}, [], False), ({}, [{"date": days_ago(200), "item_id": "n", "visitors": 1}], False),
    ],
)  # fmt: skip
def test_new_is_what_was_never_on_sale(more, reports, boards):
    assert (ids(train([new(**more)], reports=reports)) == ["n"]) is boards


@pytest.mark.parametrize("days", ["", "Someday", "周八"])
def test_weekdays_that_are_none_are_refused(days):
    with pytest.raises(ValueError, match="weekdays"):
        train([new()], weekdays=days)


def test_weekdays_may_be_chinese():
    # the train of Saturday 7 November leaves on Monday
    assert leaves("2026-11-09 09:00", weekdays="周三，周六") == [date(2026, 11, 9), date(2026, 11, 11)]


# --- weak_pages ----------------------------------------------------------------------------------------------------


def pages(item_id: str, visitors: int | None, carts: int | None, days: int = 14, category: str | None = "面霜") -> list[dict]:
    rows = [{"date": days_ago(n), "item_id": item_id, "title": item_id, "category": category, "visitors": 0, "cart_users": 0} for n in range(2, days + 1)]
    return [*rows, {"date": days_ago(1), "item_id": item_id, "title": item_id, "category": category, "visitors": visitors, "cart_users": carts}]


BESIDE = [row for name in "abc" for row in pages(name, 1_000, 100)]


def weak(reports: list[dict], goods: list[dict] = (), **params):
    return run("goods.weak_pages", {"item_days": reports, "items": list(goods)}, **params)


@pytest.mark.parametrize(("carts", "found"), [(39, ["x"]), (54, ["x"]), (55, []), (70, []), (100, [])])
def test_a_page_is_weak_when_even_its_upper_bound_is_under_the_share_of_the_level(carts, found):
    """wilson_upper(54 of 1000) is 6.98 %, of 55 7.09 %; seven tenths of the others' 10 % are 7 %."""
    answer = weak([*BESIDE, *pages("x", 1_000, carts)])
    assert ids(answer) == found and status(answer) == OK


def test_the_level_is_that_of_the_others_in_the_category_and_lost_carts_are_told():
    row = weak([*BESIDE, *pages("x", 1_000, 20)]).lists["items"].row(0, named=True)
    assert (row["level"], row["level_of"], row["peers"], row["lost_carts"]) == (0.1, "category", 3, 80)


def test_few_in_a_category_are_held_against_the_shop():
    others = [row for name in "abc" for row in pages(name, 1_000, 100, category="口红")]
    row = weak([*others, *pages("x", 1_000, 20)]).lists["items"].row(0, named=True)
    assert (row["level_of"], row["level"]) == ("shop", 0.1)
    dull = [row for name in "def" for row in pages(name, 1_000, 22, category="袜子")]
    assert ids(weak([*BESIDE, *dull, *pages("x", 1_000, 20, category="袜子")])) == []  # low, as everything of its category is


@pytest.mark.parametrize(("visitors", "thin"), [(99, True), (100, False)])
def test_a_thin_page_proves_nothing(visitors, thin):
    answer = weak([*BESIDE, *pages("x", visitors, 0)])
    assert (ids(answer) == []) is thin


@pytest.mark.parametrize(
    ("row", "why"),
    [(pages("x", 0, 0), "no visitors"), (pages("x", 10, 11), "more cart users than visitors"), (pages("x", None, 3, 1), "visitors or cart users unknown"),
     (pages("x", 3, None, 1), "visitors or cart users unknown")],
)  # fmt: skip
def test_pages_without_a_rate_are_unknown(row, why):
    assert reason(weak([*BESIDE, *row])) == why


def test_items_off_sale_are_no_pages_and_no_level():
    goods = [{"item_id": "a", "title": "a", "on_sale": False}]
    answer = weak([*BESIDE, *pages("x", 1_000, 20)], goods)
    assert set(ids(answer, "pages")) == {"b", "c", "x"} and missing(answer) == ["item_days: no item with visitors and cart users beside 3 others"]


@pytest.mark.parametrize(("days", "found"), [(14, OK), (13, UNKNOWN)])
def test_weak_pages_want_the_whole_window(days, found):
    answer = weak([row for row in [*BESIDE, *pages("x", 1_000, 20)] if row["date"] >= days_ago(days)])
    assert status(answer) == found and (found == OK or missing(answer) == ["item_days: 13 of 14 days"])


@pytest.mark.parametrize(
    ("title", "problem"),
    [
        ("面" * 2 + "霜保湿补水滋润" + "a" * 42, None), ("保" * 15 + "湿" * 15, None), ("保湿" + "面" * 14 + "a" * 29, "61 wide, 60 at most"), ("面霜面霜礼盒", None),
        ("面霜保湿面霜补水面霜", "面霜 stands in it 3 times"), ("Nike nike NIKE shoe", "nike stands in it 3 times"), (" ", "no title"), (None, "no title"),
        ("2025 2026 2027款面霜", None),
    ],
)  # fmt: skip
def test_titles_over_the_limit_or_stuffed_with_a_word_are_to_mend(title, problem):
    found = weak(BESIDE, [{"item_id": "x", "title": title, "on_sale": True}], max_repeats=14 if title and title.startswith("保保") else 2)
    assert found.lists["titles"]["problem"].to_list() == ([problem] if problem else [])


# --- what the generator plants -------------------------------------------------------------------------------------


@cache
def demo():
    return generate(4, 11, date(2025, 8, 23), date(2025, 11, 20))


def of_demo(name: str, at: str, **params):
    frames = {kind: rows.lazy() for kind, rows in demo().frames.items()}
    return run(name, frames, shops=tuple(demo().truth["shops"]), as_of=local(at), **params)


def test_the_planted_price_cut_is_found_and_competitors_who_stay_are_left_alone():
    told = {(shop, one["item_ids"][0], one["day"]) for shop, truth in demo().truth["shops"].items() for one in truth["planted"] if one["what"] == "competitor_price_cut"}
    (day,) = {day for _, _, day in told}
    morning = of_demo("goods.reprice", f"{date.fromisoformat(day) + timedelta(days=1)} 09:00", locks="2025-01-01/2025-01-02", watch="rivals")
    touched = {(*row, day) for name in ("items", "held") for row in moved_by_rivals(morning, name).select("shop", "item_id").rows()}
    print(f"price cut: {len(touched & told)} of {len(told)} found, {len(touched - told)} beside them")
    assert touched == told != set()
    assert all(morning.lists["items"]["proposed_fen"] >= morning.lists["items"]["floor_fen"])
    before = of_demo("goods.reprice", f"{day} 09:00", watch="rivals")
    assert moved_by_rivals(before, "items").is_empty() and moved_by_rivals(before, "held").is_empty()


def moved_by_rivals(answer, name):
    """The proposals that a competitor's move set off; a cost that rose sets off others."""
    return answer.lists[name].filter(pl.col("trigger").str.starts_with("rival"))


def test_a_shop_without_new_items_has_an_empty_train_and_withdrawn_ones_stay_withdrawn():
    answer = of_demo("goods.launch_train", "2025-11-21 09:00")
    assert answer.lists["items"].is_empty() and answer.lists["waiting"].is_empty() and set(answer.verdicts["status"]) == {OK}


def test_ordinary_pages_are_hardly_ever_called_weak():
    answer = of_demo("goods.weak_pages", "2025-11-21 09:00")
    judged, found = answer.lists["pages"].height, answer.lists["items"].height
    print(f"weak pages: {found} of {judged}")
    assert judged > 60 and found <= judged // 10
