"""Goods steps at, under and over their lines."""

from datetime import date
from decimal import Decimal
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
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
