"""Campaign steps at, under and over their lines."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from ecops.automation import OK, UNKNOWN
from ecops.copyscan import REVIEW, scan
from tasks import campaign
from tasks._calendar import calendar_of, read_calendar
from tests.unit.task_rows import AS_OF, CHINA, DAY, days_ago, frame, ids, local, missing, run, status

from tests.realdata import real_file

# --- pick_items ----------------------------------------------------------------------------------------------------


def reports(item: str, visitors: int, buyers: int | None, *, days: int = 30, first: int = 1, **more) -> list[dict]:
    """Daily reports whose first day carries the sums and whose other days carry nothing."""
    sums = {"visitors": visitors, "pay_buyers": buyers} | more
    blank = {"visitors": 0, "pay_buyers": None if buyers is None else 0} | {name: 0 for name in more if name != "title"}
    rows = [sums] + [blank] * (days - 1)
    return [{"date": days_ago(first + n), "item_id": item, "title": item, **row} for n, row in enumerate(rows)]


def pick(rows: list[dict], **params):
    return run("campaign.pick_items", {"item_days": rows}, **params)


@pytest.mark.parametrize(("buyers", "passes"), [(7_999, False), (8_000, True), (8_001, True)])
def test_eight_percent_passes_and_just_under_does_not(buyers, passes):
    answer = pick(reports("x", 100_000, buyers))
    assert (ids(answer) == ["x"]) is passes
    assert (ids(answer, "borderline") == ["x"]) is not passes


@pytest.mark.parametrize(("buyers", "near"), [(69, False), (70, True), (79, True), (80, False)])
def test_borderline_is_up_to_one_percentage_point_under(buyers, near):
    assert (ids(pick(reports("x", 1_000, buyers)), "borderline") == ["x"]) is near


@pytest.mark.parametrize(("days", "found"), [(29, UNKNOWN), (30, OK)])
def test_twenty_nine_days_of_data_are_unknown(days, found):
    answer = pick(reports("x", 1_000, 100, days=days))
    assert status(answer) == found
    assert missing(answer) == ([] if found == OK else ["item_days: 29 of 30 days"])


def test_fewer_days_are_enough_when_the_parameter_says_so():
    assert status(pick(reports("x", 1_000, 100, days=7), min_days=7)) == OK


def test_days_of_different_items_count_once():
    rows = reports("x", 1_000, 100, days=15) + reports("y", 1_000, 100, days=15)
    assert missing(pick(rows)) == ["item_days: 15 of 30 days"]


def test_the_window_ends_with_yesterday_and_has_thirty_days():
    inside = reports("x", 1_000, 80)
    outside = [{"date": days_ago(n), "item_id": "x", "visitors": 9_000, "pay_buyers": 9_000} for n in (0, 31)]
    row = pick(inside + outside).lists["items"].row(0, named=True)
    assert (row["visitors"], row["buyers_or_units"], row["conversion"], row["days"]) == (1_000, 80, 0.08, 30)


def test_conversion_is_summed_and_not_averaged_over_days():
    days = [{"date": days_ago(n), "item_id": "x", "visitors": 1, "pay_buyers": 1} for n in range(1, 30)]
    days.append({"date": days_ago(30), "item_id": "x", "visitors": 9_971, "pay_buyers": 71})
    assert ids(pick(days)) == []  # the mean of daily rates would be 97 %


def test_one_row_without_buyers_puts_the_item_on_units():
    rows = [*reports("x", 900, 10, days=29, pay_units=100), {"date": days_ago(30), "item_id": "x", "visitors": 100, "pay_units": 20}]
    row = pick(rows).lists["items"].row(0, named=True)
    assert (row["basis"], row["buyers_or_units"], row["conversion"]) == ("units", 120, 0.12)


def test_thin_items_stay_and_are_marked():
    few, enough = reports("few", 99, 20), reports("enough", 100, 20)
    thin = pick(few + enough).lists["items"].select("item_id", "thin").rows()
    assert sorted(thin) == [("enough", False), ("few", True)]


def test_the_lower_bound_is_wilsons():
    row = pick(reports("x", 50, 4)).lists["items"].row(0, named=True)
    assert row["lower_bound"] == pytest.approx(0.0315, abs=5e-4)  # 4 of 50, 95 %: 3.15 % .. 18.8 %


def test_items_whose_conversion_cannot_be_are_unknown_and_never_pass():
    rows = reports("nobody", 0, 0) + reports("more", 10, 11) + reports("blank", 10, None) + reports("fine", 100, 9)
    answer = pick(rows)
    assert ids(answer) == ["fine"]
    assert sorted(answer.lists["unknown_items"].select("item_id", "reason").rows()) == [
        ("blank", "neither buyers nor units on 30 days"),
        ("more", "more buyers than visitors"),
        ("nobody", "no visitors"),
    ]


def test_a_shop_whose_items_are_all_unknown_is_unknown():
    assert missing(pick(reports("nobody", 0, 0))) == ["item_days: no item with visitors and buyers"]


def test_the_date_is_the_shops_and_not_greenwichs():
    rows = reports("x", 1_000, 80)
    early = AS_OF.replace(hour=0, minute=30)  # still yesterday in UTC
    assert run("campaign.pick_items", {"item_days": rows}, as_of=early).verdicts["status"].to_list() == [OK]


def test_the_summary_names_the_numbers_that_decided():
    answer = pick(reports("x", 1_000, 80) + reports("y", 1_000, 75) + reports("z", 1_000, 1))
    assert answer.verdicts["zh"].item() == "近30天转化率≥8%：1/3款入选，其中0款访客偏少；1款接近，0款无法判断"


def test_the_real_bookshop_gives_the_items_a_naive_filter_gives():
    rows = CalamineWorkbook.from_path(real_file("bookshop_item_traffic_2019.xlsx")).get_sheet_by_index(0).to_python()
    columns = [rows[0].index(name) for name in ("时间", "SKU", "访客数", "成交商品件数")]
    cells = [[row[n] for n in columns] for row in rows[1:]]
    days = pl.DataFrame(cells, schema=["date", "item_id", "visitors", "pay_units"], orient="row", strict=False)
    days = days.cast({"visitors": pl.Int64, "pay_units": pl.Int64, "item_id": pl.Int64}).cast({"item_id": pl.String})
    month = days.filter(pl.col("date").is_between(date(2019, 8, 13), date(2019, 9, 11)))
    sums = month.group_by("item_id").agg(pl.col("visitors", "pay_units").sum())
    naive = set(sums.filter(pl.col("pay_units") * 100 >= pl.col("visitors") * 8)["item_id"])
    trusted = days.filter(pl.col("visitors") > 0, pl.col("pay_units") <= pl.col("visitors"))
    as_of = datetime(2019, 9, 12, 9, tzinfo=CHINA)
    answer = run("campaign.pick_items", {"item_days": frame("item_days", trusted.to_dicts())}, as_of=as_of)
    assert len(naive) == 26 and set(ids(answer)) == naive and status(answer) == OK
    assert answer.lists["items"]["basis"].unique().to_list() == ["units"]


# --- watch_hour ----------------------------------------------------------------------------------------------------

EVEN = "25%,50%,75%,100%"  # a day of four equal hours


def hours(*amounts: int | None, opening: datetime = DAY) -> list[dict]:
    """Hour after hour from the opening; None leaves a hole."""
    return [
        {"hour": opening + timedelta(hours=n), "visitors": 100, "pay_buyers": 5, "pay_amount_fen": amount}
        for n, amount in enumerate(amounts)
        if amount is not None
    ]


def watch(rows: list[dict], at: datetime, **params):
    return run("campaign.watch_hour", {"hours": rows}, as_of=at, **({"gmv_target": "400", "curve": EVEN} | params))


def causes(answer) -> list[str]:
    return answer.lists["alarms"]["cause"].to_list()


def after(h: float, opening: datetime = DAY) -> datetime:
    return opening + timedelta(hours=h)


def test_pace_and_forecast_follow_the_curve():
    row = watch(hours(100_00, 80_00), after(2)).lists["pace"].row(0, named=True)
    assert (row["actual_fen"], row["expected_fen"], row["pace"], row["forecast_fen"]) == (180_00, 200_00, 0.9, 360_00)
    assert (row["hours_ended"], row["hours_known"], row["conversion"]) == (2, 2, 0.05)


@pytest.mark.parametrize(("fen", "behind"), [(79_99, True), (80_00, False), (80_01, False)])
def test_behind_begins_under_the_alarm_pace(fen, behind):
    assert (causes(watch(hours(fen), after(1))) == ["behind"]) is behind


def test_the_hour_under_way_does_not_count_yet():
    row = watch(hours(100_00), after(1.9)).lists["pace"].row(0, named=True)
    assert (row["hours_ended"], row["pace"]) == (1, 1.0)


@pytest.mark.parametrize(("at", "found"), [(0, UNKNOWN), (0.99, UNKNOWN), (1, OK)])
def test_before_the_first_hour_has_ended_nothing_is_known(at, found):
    assert status(watch(hours(100_00), after(at))) == found


def test_an_opening_in_the_evening_counts_its_own_hours():
    opening = local("2026-11-10 20:00")
    row = watch(hours(100_00, 100_00, opening=opening), after(2, opening), opening="day - 4h").lists["pace"].row(0, named=True)
    assert (row["hours_ended"], row["pace"]) == (2, 1.0)


def test_hours_before_the_opening_do_not_count():
    rows = [*hours(100_00), {"hour": after(-1), "pay_amount_fen": 5_000_00}]
    assert watch(rows, after(1)).lists["pace"]["actual_fen"].item() == 100_00


def test_after_the_last_hour_of_the_curve_the_day_is_over():
    row = watch(hours(100_00, 100_00, 100_00, 100_00, 999_00), after(30)).lists["pace"].row(0, named=True)
    assert (row["hours_ended"], row["actual_fen"], row["forecast_fen"]) == (4, 400_00, 400_00)


def test_a_missing_hour_is_unknown_named_and_left_out_of_both_sides():
    answer = watch(hours(100_00, None, 100_00, 100_00), after(4))
    assert status(answer) == UNKNOWN and missing(answer) == ["hours: 3 of 4 hours (11-11 01:00 missing)"]
    assert causes(answer) == ["missing_hours"]
    assert answer.lists["pace"].select("actual_fen", "expected_fen", "pace").row(0) == (300_00, 300_00, 1.0)


def test_an_hour_without_its_amount_is_missing():
    rows = [*hours(100_00, None, 100_00, 100_00), {"hour": after(1), "visitors": 3}]
    assert causes(watch(rows, after(4))) == ["missing_hours"]


def test_an_hour_that_ended_lately_is_late_and_not_missing():
    answer = watch(hours(100_00, 100_00), after(3))
    assert status(answer) == OK and causes(answer) == ["late_hours"]
    assert answer.lists["hours"]["state"].to_list() == ["ok", "ok", "late"]


def test_a_stale_feed_is_unknown_and_raises_one_alarm_alone():
    answer = watch(hours(1), after(3))
    assert status(answer) == UNKNOWN and causes(answer) == ["stale"]
    assert missing(answer) == ["hours: none within 2h (newest 11-11 00:00)"]


def test_a_shop_that_never_sent_an_hour_is_stale():
    assert causes(watch([], after(2))) == ["stale"]


def test_a_falling_cumulative_value_is_reported():
    answer = watch(hours(300_00, -1), after(2))
    assert causes(answer) == ["cumulative_falls"] and "11-11 01:00" in answer.lists["alarms"]["zh"].item()


def test_without_a_target_the_pace_is_unknown_and_the_sums_are_there():
    answer = watch(hours(100_00), after(1), gmv_target=None)
    assert missing(answer) == ["gmv_target"] and answer.lists["pace"]["actual_fen"].item() == 100_00


def test_the_same_hour_read_twice_gives_the_same_answer():
    first, second = (watch(hours(100_00, 80_00), after(h)) for h in (2, 2.5))
    assert first.lists["pace"].equals(second.lists["pace"])


@pytest.mark.parametrize("curve", ["50%,40%,100%", "50%", "", "-10%,100%"])
def test_a_curve_that_falls_or_does_not_end_with_one_is_refused(curve):
    with pytest.raises(ValueError):
        watch([], after(1), curve=curve)


# --- unshipped -----------------------------------------------------------------------------------------------------


def unsent(age: timedelta, name: str = "o", **more) -> dict:
    at = AS_OF - age
    known = {"created_at": at, "paid_at": at, "total_fen": 1, "paid_fen": 1, "refund_fen": 0, "status": "paid"}
    return {"order_id": name, **known, **more}


RECENT = unsent(timedelta(minutes=1), "recent", shipped_at=AS_OF)


def waiting(*orders: dict, **params) -> list[tuple[str, str]]:
    rows = run("campaign.unshipped", {"orders": [*orders, RECENT]}, **params).lists["items"]
    return rows.select("order_id", "state").rows()


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(hours=41, minutes=59), "open"),
        (timedelta(hours=42), "soon"),
        (timedelta(hours=48), "soon"),
        (timedelta(hours=48, seconds=1), "overdue"),
    ],
)
def test_an_order_is_overdue_after_forty_eight_hours(age, state):
    assert waiting(unsent(age)) == [("o", state)]


@pytest.mark.parametrize(
    "gone",
    [
        {"shipped_at": AS_OF - timedelta(hours=1)},
        {"status": "shipped"},
        {"status": "closed"},
        {"paid_at": None},
        {"refund_fen": 1, "paid_fen": 0, "refunded_at": AS_OF},
    ],
)
def test_shipped_closed_refunded_and_unpaid_orders_do_not_wait(gone):
    assert waiting(unsent(timedelta(hours=50), **gone)) == []


@pytest.mark.parametrize("later", [{"shipped_at": AS_OF + timedelta(hours=1), "status": "shipped"}, {"refund_fen": 1, "paid_fen": 0, "refunded_at": AS_OF + timedelta(hours=1)}])  # fmt: skip
def test_what_happens_after_as_of_has_not_happened(later):
    assert waiting(unsent(timedelta(hours=50), **later)) == [("o", "overdue")]


def test_the_oldest_comes_first():
    rows = waiting(unsent(timedelta(hours=1), "young"), unsent(timedelta(hours=99), "old"), unsent(timedelta(hours=45), "middle"))
    assert rows == [("old", "overdue"), ("middle", "soon"), ("young", "open")]


@pytest.mark.parametrize(("age", "found"), [(timedelta(hours=48), OK), (timedelta(hours=48, seconds=1), UNKNOWN)])
def test_an_old_feed_of_orders_is_unknown(age, found):
    answer = run("campaign.unshipped", {"orders": [unsent(age)]})
    assert status(answer) == found
    assert found == OK or missing(answer) == ["orders: nothing within 48h (newest 2026-11-10 08:59)"]


def test_a_presale_with_a_later_promise_is_not_late():
    later = unsent(timedelta(hours=100), presale=True, ship_by=AS_OF + timedelta(hours=7))
    assert waiting(later) == [("o", "open")]
    assert waiting(later | {"ship_by": AS_OF - timedelta(seconds=1)}) == [("o", "overdue")]


# --- priority_orders -----------------------------------------------------------------------------------------------


def won(name: str, at: str = "2026-11-11 10:00", **more) -> dict:
    """An order of the day, not sent."""
    paid = local(at)
    return {"order_id": name, "buyer_id": f"u-{name}", "created_at": paid, "paid_at": paid, "total_fen": 100, "paid_fen": 100, "refund_fen": 0, "status": "paid", **more}


def piece(order_id: str, item_id: str = "x", units: int | None = 1, line: str = "1", **more) -> dict:
    return {"order_id": order_id, "line_id": line, "item_id": item_id, "units": units, "created_at": local("2026-11-11 00:00"), **more}


def claim(order_id: str, state: str = "open", line: str | None = None, **more) -> dict:
    return {"refund_id": order_id, "order_id": order_id, "line_id": line, "refund_status": state, "created_at": local("2026-11-11 20:00"), **more}


def shipping(orders: list[dict], lines: list[dict] | None = None, refunds: list[dict] = (), parcels: list[dict] = (), **params):
    lines = [piece(row["order_id"]) for row in orders] if lines is None else lines
    return run("campaign.priority_orders", {"orders": orders, "order_lines": lines, "refunds": list(refunds), "parcels": list(parcels)}, **params)


def picked(answer) -> list[str]:
    return answer.lists["items"].sort("nth")["order_id"].to_list()


def stopped(answer) -> list[tuple]:
    return answer.lists["stop"].select("order_id", "reason").rows()


@pytest.mark.parametrize(
    ("at", "belongs"), [("2026-11-10 23:59:59", False), ("2026-11-11 00:00:00", True), ("2026-11-11 23:59:59", True), ("2026-11-12 00:00:00", False)]
)
def test_an_order_is_the_campaigns_by_the_second_it_was_paid(at, belongs):
    answer = shipping([won("o", at)])
    assert (picked(answer) == ["o"]) is belongs and status(answer) == OK


def test_orders_leave_by_deadline_and_then_by_payment():
    answer = shipping(
        [
            won("late", "2026-11-11 12:00"), won("early", "2026-11-11 09:00"), won("twin", "2026-11-11 09:00"),
            won("promised", "2026-11-11 20:00", ship_by=local("2026-11-12 10:00")), won("presale", "2026-11-11 01:00", presale=True, ship_by=local("2026-11-20 00:00")),
        ]
    )  # fmt: skip
    assert picked(answer) == ["promised", "early", "twin", "late", "presale"]
    assert answer.lists["items"]["nth"].to_list() == [1, 2, 3, 4, 5] and answer.lists["items"]["state"].to_list()[0] == "soon"


def test_the_pick_list_sums_pieces_with_the_first_needed_on_top():
    orders = [won("a", "2026-11-11 09:00"), won("b", "2026-11-11 08:00"), won("held", "2026-11-11 07:00")]
    lines = [piece("a", "x", 2), piece("a", "y", 1, "2", sku="红"), piece("b", "y", 3, sku="红"), piece("b", "y", 1, "2", sku="蓝"), piece("held", "x", 9)]
    answer = shipping(orders, lines, [claim("held")])
    assert answer.lists["pick_list"].select("item_id", "sku", "units", "orders", "first_nth").rows() == [("y", "红", 4, 2, 1), ("y", "蓝", 1, 1, 1), ("x", None, 2, 1, 2)]
    assert "活动订单待发2单7件（已超时0单），拦下1单" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(
    ("refund", "why"),
    [
        (claim("o"), "refund open"), (claim("o", None), "refund open"), (claim("o", "success", closed_at=AS_OF + timedelta(seconds=1)), "refund open"),
        (claim("o", "success", closed_at=AS_OF), "refunded in part, of which line is not told"), (claim("o", "success", "1", closed_at=AS_OF), "every line was refunded"),
        (claim("o", "refused"), None), (claim("o", "closed"), None), (claim("o", "open", created_at=AS_OF + timedelta(seconds=1)), None),
    ],
)  # fmt: skip
def test_an_order_with_a_claim_is_stopped_and_not_picked(refund, why):
    answer = shipping([won("o")], refunds=[refund])
    assert stopped(answer) == ([("o", why)] if why else []) and picked(answer) == ([] if why else ["o"])


def test_a_line_refunded_alone_is_not_picked():
    answer = shipping([won("o")], [piece("o", "x", 2), piece("o", "y", 5, "2")], [claim("o", "success", "2", closed_at=AS_OF)])
    assert answer.lists["items"].select("lines", "units").rows() == [(1, 2)] and answer.lists["pick_list"]["item_id"].to_list() == ["x"]


@pytest.mark.parametrize(("hours", "shown"), [(23, True), (24, False)])
def test_an_order_cancelled_after_payment_is_called_back_with_its_waybill(hours, shown):
    undone = {"paid_fen": 0, "refund_fen": 100, "refunded_at": AS_OF - timedelta(hours=hours), "status": "closed"}
    answer = shipping([won("o", **undone), won("live")], parcels=[{"parcel_id": "p", "order_id": "o", "available_at": local("2026-11-11 11:00")}])
    assert answer.lists["stop"].select("order_id", "reason", "parcel_id").rows() == ([("o", "cancelled after payment", "p")] if shown else [])
    assert picked(answer) == ["live"]


def test_a_cancellation_after_as_of_has_not_happened():
    later = won("o", paid_fen=0, refund_fen=100, refunded_at=AS_OF + timedelta(seconds=1))
    assert picked(shipping([later])) == ["o"]


def sent_parcel(order_id: str, number: str | None = None, hours: float = 1) -> dict:
    return {"parcel_id": number or f"p-{order_id}", "order_id": order_id, "carrier": "中通", "shipped_at": AS_OF - timedelta(hours=hours)}


def gone(name: str, hours: float = 1, **more) -> dict:
    return won(name, shipped_at=AS_OF - timedelta(hours=hours), status="shipped", **more)


@pytest.mark.parametrize(("hours", "told"), [(23.9, ["o"]), (24, [])])
def test_the_buyer_of_a_parcel_handed_over_lately_is_to_get_its_number(hours, told):
    answer = shipping([gone("o", hours, ship_by=AS_OF)], parcels=[sent_parcel("o", hours=hours)], since="2026-11-10")
    assert answer.lists["tell"]["order_id"].to_list() == told and picked(answer) == []


def test_a_number_used_twice_or_missing_is_not_told():
    orders = [gone("a"), gone("b"), gone("c"), gone("d", buyer_id="u-c2"), won("live")]
    parcels = [sent_parcel("a"), sent_parcel("c", "same"), sent_parcel("d", "same")]
    answer = shipping(orders, parcels=parcels)
    assert answer.lists["tell"]["order_id"].to_list() == ["a"]
    assert answer.lists["wrong_numbers"].select("order_id", "reason").rows() == [
        ("b", "handed over without a tracking number"), ("c", "its tracking number stands for another buyer's order too"),
        ("d", "its tracking number stands for another buyer's order too"),
    ]  # fmt: skip
    assert answer.lists["reused"].select("parcel_id", "orders", "buyers").rows() == [("same", 2, 2)]


def test_two_orders_of_one_buyer_in_one_parcel_are_no_mistake():
    orders = [gone("a", buyer_id="u"), gone("b", buyer_id="u"), won("live")]
    assert shipping(orders, parcels=[sent_parcel("a", "same"), sent_parcel("b", "same")]).lists["wrong_numbers"].is_empty()


def test_orders_of_other_days_that_are_due_are_counted():
    answer = shipping([won("o"), won("other", "2026-11-10 10:00")])
    assert picked(answer) == ["o"] and answer.verdicts["zh"].item().endswith("其他日期临期1单")


def test_what_the_pick_list_lacks_is_said():
    assert missing(shipping([won("o"), won("p")], [piece("o")])) == ["order_lines: none for 1 of 2 orders to pick"]
    assert missing(shipping([won("o")], [piece("o", units=None)])) == ["order_lines.units: unknown for 1 orders to pick"]
    assert missing(shipping([gone("o")])) == ["parcels: none, tracking numbers are unknown"]
    assert missing(shipping([won("o")], as_of=local("2026-11-13 10:00:01"))) == ["orders: nothing within 48h (newest 2026-11-11 10:00)"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "nowhere"}, "since: 'nowhere' is neither an anchor of the run nor a date"), ({"until": "day"}, "since: not before until"),
        ({"since": "2026-11-12T09:00:01", "until": "2026-11-13"}, "since: the campaign begins 2026-11-12T09:00:01+08:00"),
    ],
)  # fmt: skip
def test_a_campaign_that_has_no_window_is_unknown(given, said):
    assert missing(shipping([won("o")], **given)) == [said]


# --- audiences -----------------------------------------------------------------------------------------------------


def order(number: int, buyer: str | None, paid: str | None, **more) -> dict:
    created = local(paid or "2026-11-11 08:00")
    known = {"paid_at": paid and local(paid), "total_fen": 100_00, "paid_fen": 100_00, "refund_fen": 0, "status": "paid"}
    return {"order_id": f"o{number}", "buyer_id": buyer, "created_at": created, **known, **more}


def people(answer, name: str) -> list[str]:
    return answer.lists[name]["buyer_id"].to_list()


def test_buyers_and_non_buyers_share_nobody():
    rows = [
        order(1, "both", "2026-10-01 10:00"), order(2, "both", "2026-11-11 10:00"),
        order(3, "before", "2026-10-01 10:00"), order(4, "unpaid", None),
        order(5, "refunded", "2026-11-11 10:00", refund_fen=100_00, paid_fen=0, refunded_at=local("2026-11-11 20:00")),
        order(6, "long ago", "2024-10-01 10:00"), order(7, None, "2026-11-11 10:00"),
    ]  # fmt: skip
    answer = run("campaign.audiences", {"orders": rows})
    assert people(answer, "buyers") == ["both"]
    assert people(answer, "non_buyers") == ["before", "unpaid"]
    assert people(answer, "suppressed") == ["refunded"]
    assert status(answer) == OK


@pytest.mark.parametrize(
    ("paid", "found"),
    [
        ("2026-11-10 23:59:59", "non_buyers"),
        ("2026-11-11 00:00:00", "buyers"),
        ("2026-11-11 23:59:59", "buyers"),
    ],
)
def test_the_campaign_begins_and_ends_to_the_second(paid, found):
    assert people(run("campaign.audiences", {"orders": [order(1, "u", paid)]}), found) == ["u"]


def test_a_payment_after_the_campaign_belongs_to_no_audience():
    rows = [order(1, "u", "2026-11-12 00:00:00"), order(2, "v", "2026-11-11 12:00")]
    answer = run("campaign.audiences", {"orders": rows})
    assert people(answer, "buyers") == ["v"] and people(answer, "non_buyers") == []


def test_orders_that_name_nobody_are_unknown():
    answer = run("campaign.audiences", {"orders": [order(1, None, "2026-11-11 10:00"), order(2, "张**", "2026-11-11 10:00")]})
    assert missing(answer) == ["orders.buyer_id: 0 of 2 orders"]


@given(visitors=st.integers(1, 5_000), buyers=st.integers(0, 5_000), line=st.decimals("0.01", "0.5", places=3))
def test_the_line_is_compared_without_rounding(visitors, buyers, line):
    from tasks._rows import at_least

    row = pl.DataFrame({"b": [buyers], "v": [visitors]})
    assert row.select(at_least(pl.col("b"), pl.col("v"), line)).item() == (Decimal(buyers) >= line * visitors)


# --- calendar ------------------------------------------------------------------------------------------------------


def year(at: str, offers: list[dict] | None = None, **params):
    rows = [offer("old", ends_at=local("2026-01-02 00:00"), starts_at=local("2026-01-01 00:00"))] if offers is None else offers
    return run("campaign.calendar", {"promotions": rows}, as_of=local(at), **params)


def offer(number: str, item: str = "x", **more) -> dict:
    known = {"promotion_kind": "coupon", "threshold_fen": 0, "off_fen": 10_00, "starts_at": DAY, "ends_at": DAY + timedelta(days=1)}
    return {"promotion_id": number, "item_id": item, "title": number, **known, **more}


def state(answer, window: str) -> str:
    return answer.lists["items"].row(by_predicate=(pl.col("window") == window) & (pl.col("campaign") == "double-11"), named=True)["state"]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2026-09-26 11:59:59", "ahead"), ("2026-09-26 12:00:00", "open"), ("2026-10-03 23:59:58", "open"), ("2026-10-03 23:59:59", "closing"),
        ("2026-10-10 23:59:58", "closing"), ("2026-10-10 23:59:59", "closing"), ("2026-10-11 00:00:00", "closed"),
    ],
)  # fmt: skip
def test_a_window_stands_open_from_its_first_to_its_last_second(at, found):
    assert state(year(at), "shop-sign-up") == found


@pytest.mark.parametrize(("at", "found"), [("2026-10-03 23:59:58", OK), ("2026-10-03 23:59:59", UNKNOWN)])
def test_a_guessed_date_that_closes_soon_is_no_deadline(at, found):
    answer = year(at)
    assert status(answer) == found
    assert found == OK or "not announced: presale-sign-up, shop-sign-up" in missing(answer)[0]


def test_the_platforms_own_dates_replace_the_guess():
    told = "double-11/shop-sign-up=2026-09-20T12:00/2026-10-01T18:00; double-11/presale-sign-up=2026-09-20/2026-10-12T23:59:59+08:00"
    answer = year("2026-10-05 00:00", dates=told)
    row = answer.lists["items"].row(by_predicate=pl.col("window") == "presale-sign-up", named=True)
    assert status(answer) == UNKNOWN or row["announced"]
    assert state(answer, "shop-sign-up") == "closed" and row["closes"] == local("2026-10-12 23:59:59") and row["announced"]


@pytest.mark.parametrize("told", ["double-11/nothing=2026-09-20/2026-10-01", "double-11/deposit=2026-10-30/2026-10-20"])
def test_dates_of_no_window_or_backwards_are_said(told):
    assert "closed before it opens" in missing(year("2026-08-01 00:00", dates=told))[0]


def test_dates_that_nobody_can_read_are_refused():
    with pytest.raises(ValueError):
        year("2026-08-01 00:00", dates="deposit on monday")


@pytest.mark.parametrize(("at", "absent"), [("2026-11-01 23:59", False), ("2026-11-02 00:00", True)])
def test_a_year_without_a_calendar_is_unknown_and_said(at, absent):
    answer = year(at, dates="double-11/spot-2-sign-up=2026-10-25/2026-11-07; double-11/final-payment=2026-10-31/2026-11-30; double-11/spot-1=2026-10-31/2026-11-30")
    assert any("no file for 2027" in text for text in missing(answer)) is absent


def test_a_platform_without_a_calendar_is_unknown():
    assert missing(year("2026-08-01 00:00", platform="douyin")) == ["calendar: nothing for the platform douyin"]


def test_without_offers_clashes_are_unknown():
    assert missing(year("2026-08-01 00:00", [])) == ["promotions: none (clashes cannot be seen)"]


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        ("2026-10-01 00:00", "2026-10-01 20:00:00", None),
        ("2026-10-01 00:00", "2026-10-01 20:00:01", "lowers the lowest price before the sale"),
        ("2026-10-31 00:00", "2026-10-31 20:00:00", "lowers the lowest price before the sale"),
        ("2026-10-31 00:00", "2026-10-31 20:00:01", "inside the sale"),
        ("2026-11-03 23:59:59", "2026-11-05 00:00", "inside the sale"),
        ("2026-11-04 00:00", "2026-11-05 00:00", "within the price protection of the sale"),
        ("2026-12-03 23:59:59", "2026-12-05 00:00", "within the price protection of the sale"),
        ("2026-12-04 00:00", "2026-12-05 00:00", None),
    ],
)
def test_an_own_campaign_clashes_in_and_near_a_sale(starts, ends, reason):
    member = offer("m", promotion_kind="member", starts_at=local(starts), ends_at=local(ends))
    clashes = year("2026-09-01 00:00", [member]).lists["clashes"].filter(pl.col("window") == "spot-1")
    assert clashes["reason"].to_list() == ([reason] if reason else [])


def test_an_offer_is_the_shops_own_campaign_by_its_name_too():
    rows = [offer("a", title="三周年店庆价", starts_at=DAY), offer("b", title="双11直降", starts_at=DAY)]
    assert set(year("2026-09-01 00:00", rows).lists["clashes"]["promotion_id"]) == {"a"}


CALENDAR = """
year: 2020
campaigns:
  - {id: d11, platform: tmall, zh: 双11, en: Double 11, day: 2020-11-11, announced: true, source: x, windows: [
     {id: spot-1, stage: sale, zh: 一, en: one, opens: "2020-11-01T00:00:00+08:00", closes: "2020-11-03T23:59:59+08:00", kind: direct, exclusive: waves},
     {id: deposit-2, stage: deposit, zh: 二, en: two, opens: "2020-11-04T00:00:00+08:00", closes: "2020-11-10T23:59:59+08:00", kind: deposit, exclusive: waves}]}
"""


@pytest.mark.parametrize(("kind", "clash"), [("deposit", True), ("coupon", False)])
def test_an_item_in_two_exclusive_waves_is_said(monkeypatch, kind, clash):
    monkeypatch.setattr(campaign, "calendar_of", lambda year: read_calendar(CALENDAR))
    rows = [
        offer("1", promotion_kind="direct", starts_at=local("2020-11-01 00:00"), ends_at=local("2020-11-04 00:00")),
        offer("2", promotion_kind=kind, starts_at=local("2020-11-10 23:59:59"), ends_at=local("2020-11-12 00:00")),
        offer("3", "y", promotion_kind="deposit", starts_at=local("2020-11-05 00:00"), ends_at=local("2020-11-11 00:00")),
    ]
    found = year("2020-10-01 00:00", rows).lists["clashes"]
    assert found["promotion_id"].to_list() == (["2", "1"] if clash else [])


@pytest.mark.parametrize(("old", "new"), [("2020-11-01T00:00:00+08:00", "2020-11-01T00:00:00"), ("2020-11-03T23:59:59", "2020-10-31T23:59:59")])
def test_a_calendar_without_time_zone_or_backwards_is_refused(old, new):
    with pytest.raises(ValueError):
        read_calendar(CALENDAR.replace(old, new))


@pytest.mark.parametrize("written", [2025, 2026])
def test_the_calendars_that_come_with_the_product_can_be_read_and_name_their_sources(written):
    calendar = calendar_of(written)
    assert {one.id for one in calendar.campaigns} >= {"618", "double-11"} and all("domain.md" in one.source for one in calendar.campaigns)
    assert [one.id for one in calendar.campaigns if one.announced] == (["618", "618-jd", "618-pdd"] if written == 2025 else [])


# --- stack_prices --------------------------------------------------------------------------------------------------


def item(number: str = "x", price: int | None = 100_00, cost: int | None = 60_00, **more) -> dict:
    return {"item_id": number, "title": number, "price_fen": price, "cost_fen": cost, "on_sale": True, **more}


def stack(items: list[dict], *offers: dict, **params):
    changes = params.pop("changes", [])
    frames = {"items": items, "promotions": list(offers), "price_changes": changes}
    return run("campaign.stack_prices", frames, as_of=DAY - timedelta(days=3), **params)


def price(answer, number: str = "x") -> tuple[int, int, int]:
    row = answer.lists["prices"].row(by_predicate=pl.col("item_id") == number, named=True)
    return row["alone_fen"], row["worst_fen"], row["buyer_fen"]


@pytest.mark.parametrize(("off", "below"), [(19_99, False), (20_00, False), (20_01, True)])
def test_exactly_the_floor_is_held(off, below):
    answer = stack([item()], offer("c", off_fen=off))  # floor 60 / (1 - 20 % - 5 %) = 80
    assert (ids(answer) == ["x"]) is below and status(answer) == OK
    assert answer.lists["prices"]["floor_fen"].to_list() == [80_00]


@pytest.mark.parametrize(("off", "under"), [(39_99, False), (40_00, False), (40_01, True)])
def test_coupons_that_stack_under_cost_are_said(off, under):
    answer = stack([item()], offer("a", off_fen=off - 20_00), offer("b", off_fen=20_00))
    assert answer.lists["items"]["under_cost"].to_list() == [under]


@pytest.mark.parametrize(("threshold", "alone", "worst"), [(100_00, 85_00, 85_00), (100_01, 100_00, 85_00), (300_00, 100_00, 95_00), (0, 85_00, 85_00)])
def test_a_threshold_is_met_alone_or_in_the_worst_basket(threshold, alone, worst):
    answer = stack([item()], offer("s", promotion_kind="spend_and_save", threshold_fen=threshold, off_fen=15_00))
    assert price(answer) == (alone, worst, worst)


def test_a_direct_discount_lowers_the_price_that_the_others_start_from():
    answer = stack([item()], offer("d", promotion_kind="direct", off_fen=None, off_rate=0.15), offer("s", threshold_fen=90_00, off_fen=9_00))
    assert price(answer) == (85_00, 76_50, 76_50)


def test_of_an_exclusive_group_only_the_deepest_offer_holds():
    answer = stack([item()], offer("a", off_fen=5_00, exclusive="g"), offer("b", off_fen=8_00, exclusive="g"), offer("c", off_fen=1_00))
    assert price(answer) == (91_00, 91_00, 91_00) and answer.lists["prices"]["offers"].to_list() == ["b、c"]


def test_a_deposit_takes_off_what_it_counts_for_less_what_was_paid_and_holds_until_the_final_payment():
    before = {"starts_at": DAY - timedelta(days=20), "ends_at": DAY - timedelta(days=1)}
    assert price(stack([item()], offer("d", promotion_kind="deposit", deposit_fen=10_00, off_fen=25_00, **before)))[1] == 85_00
    assert price(stack([item()], offer("d", promotion_kind="coupon", off_fen=25_00, **before)))[1] == 100_00


def test_what_the_platform_bears_lowers_the_buyers_price_alone():
    answer = stack([item()], offer("p", promotion_kind="platform_coupon", off_fen=30_00))
    assert price(answer) == (100_00, 100_00, 70_00) and ids(answer) == []


def test_offers_of_the_whole_shop_hold_for_every_item():
    answer = stack([item("x"), item("y", 200_00)], offer("a", "*", off_fen=10_00), offer("b", "y", off_fen=5_00))
    assert price(answer, "x")[1] == 90_00 and price(answer, "y")[1] == 185_00


def test_offers_that_do_not_meet_in_time_do_not_stack():
    noon = DAY + timedelta(hours=12)
    assert price(stack([item()], offer("a", off_fen=10_00, ends_at=noon), offer("b", off_fen=15_00, starts_at=noon)))[1] == 85_00
    assert price(stack([item()], offer("a", off_fen=10_00, ends_at=noon + timedelta(seconds=1)), offer("b", off_fen=15_00, starts_at=noon)))[1] == 75_00


def test_an_offer_that_ends_before_it_starts_is_said_and_never_runs():
    answer = stack([item()], offer("a", off_fen=90_00, starts_at=DAY, ends_at=DAY - timedelta(days=1)), offer("b", off_fen=1_00))
    assert price(answer)[1] == 99_00 and answer.lists["problems"]["reason"].to_list() == ["ends before it starts"]
    assert status(answer) == UNKNOWN


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"off_fen": None}, "no amount"), ({"ends_at": None}, "start or end unknown"), ({"promotion_kind": "gift"}, "kind unknown"),
        ({"threshold_fen": None}, "threshold unknown"), ({"threshold_fen": 5_00}, "takes off as much as its threshold: yuan or fen?"),
        ({"promotion_kind": "deposit"}, "deposit unknown"), ({"promotion_kind": "deposit", "deposit_fen": 11_00}, "deposit counts for less than was paid"),
        ({"off_fen": None, "off_rate": 0.0}, "share not between 0 and 1"),
    ],
)  # fmt: skip
def test_offers_that_cannot_be_right_make_the_answer_unknown(wrong, reason):
    answer = stack([item()], offer("a", **wrong))
    assert answer.lists["problems"]["reason"].to_list() == [reason] and status(answer) == UNKNOWN


@pytest.mark.parametrize(("what", "said"), [({"cost": None}, "items: 1 without cost or price"), ({"price": None}, "items: 1 without cost or price")])
def test_an_item_without_cost_or_price_is_unknown(what, said):
    assert missing(stack([item(**what)], offer("a", off_fen=1))) == [said]


def test_a_planned_price_is_the_one_the_offers_start_from():
    planned = [{"item_id": "x", "changed_at": DAY - timedelta(days=n), "price_fen": fen} for n, fen in ((2, 70_00), (1, 95_00))]
    assert price(stack([item()], offer("a", off_fen=5_00), changes=planned))[1] == 90_00


def test_the_commission_of_a_slot_raises_the_floor_and_lowers_the_margin():
    row = stack([item()], offer("a", off_fen=10_00), commission="5%").lists["prices"].row(0, named=True)
    assert row["floor_fen"] == 85_72 and row["margin_without_commission"] - row["margin"] == pytest.approx(0.05)


@given(first=st.integers(1, 5_000), second=st.integers(1, 5_000), threshold=st.integers(0, 20_000), cost=st.integers(1, 9_999))
@settings(max_examples=15, deadline=None)
def test_one_more_offer_never_raises_a_price(first, second, threshold, cost):
    one = stack([item(cost=cost)], offer("a", off_fen=first))
    two = stack([item(cost=cost)], offer("a", off_fen=first), offer("b", off_fen=second, threshold_fen=threshold))
    assert all(after <= before for before, after in zip(price(one), price(two), strict=True))
    assert price(two)[1] <= price(two)[0]


# --- presale -------------------------------------------------------------------------------------------------------


def locked(number: int, deposit: str | None, final: str | None = None, **more) -> dict:
    made = local(deposit or "2026-10-25 10:00")
    paid = {"paid_at": final and local(final), "total_fen": 100_00, "paid_fen": 100_00 if final else 0, "refund_fen": 0, "status": "paid" if final else "created"}
    return {
        "order_id": f"o{number}", "buyer_id": "u", "created_at": made, "presale": True, "deposit_fen": 10_00,
        "deposit_paid_at": deposit and local(deposit), **paid, **more,
    }  # fmt: skip


def presold(orders: list[dict], at: str = "2026-11-11 10:00", **params):
    return run("campaign.presale", {"orders": orders}, as_of=local(at), **({"final_rate": "50%"} | params))


def funnel(answer) -> dict:
    return answer.lists["funnel"].row(0, named=True)


def test_a_deposit_is_no_gmv():
    row = funnel(presold([locked(1, "2026-10-25 10:00"), locked(2, "2026-10-25 10:00", "2026-11-11 00:05")]))
    assert (row["deposits"], row["finals"], row["open"], row["gmv_fen"], row["deposit_fen"], row["locked_fen"]) == (2, 1, 1, 100_00, 20_00, 100_00)


@pytest.mark.parametrize(
    ("deposit", "counted"),
    [("2026-10-20 23:59:59", 0), ("2026-10-21 00:00:00", 1), ("2026-11-10 23:59:59", 1), ("2026-11-11 00:00:00", 0)],
)
def test_deposits_count_from_the_first_to_the_last_second(deposit, counted):
    rows = [locked(1, deposit), locked(2, "2026-10-25 10:00")]
    assert funnel(presold(rows))["deposits"] == 1 + counted


@pytest.mark.parametrize(("at", "state"), [("2026-11-12 00:00:00", "open"), ("2026-11-12 00:00:01", "lost")])
def test_a_final_payment_that_never_came_is_lost_after_its_last_instant(at, state):
    answer = presold([locked(1, "2026-10-25 10:00")], at)
    assert funnel(answer)[state] == 1 and funnel(answer)["finals"] == 0


def test_what_happens_after_as_of_is_not_seen():
    rows = [locked(1, "2026-10-25 10:00", "2026-11-11 12:00"), locked(2, "2026-11-10 10:00")]
    row = funnel(presold(rows, "2026-11-09 10:00"))
    assert (row["deposits"], row["finals"], row["open"]) == (1, 0, 1)


def test_the_forecast_takes_the_shops_own_share_and_says_how_sure_it_is():
    past = [locked(n, "2026-05-25 10:00", "2026-06-01 10:00" if n < 24 else None) for n in range(30)]
    row = funnel(presold([*past, *(locked(100 + n, "2026-10-25 10:00") for n in range(10))]))
    assert (row["past"], row["expected_share"], row["expected_finals"], row["expected_fen"]) == (30, 0.8, 8, 800_00)
    assert row["expected_low"] == 6 and row["expected_high"] == 9


@pytest.mark.parametrize(("past", "found"), [(29, UNKNOWN), (30, OK)])
def test_too_few_earlier_deposits_forecast_nothing(past, found):
    rows = [*(locked(n, "2026-05-25 10:00", "2026-06-01 10:00") for n in range(past)), locked(100, "2026-10-25 10:00")]
    answer = presold(rows, final_rate=None)
    assert status(answer) == found
    assert found == OK or missing(answer) == ["orders: 29 of 30 earlier deposits (or give final_rate)"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"paid_fen": 10_00}, "what was paid is the deposit alone"),
        ({"deposit_paid_at": None}, "paid without a known deposit"),
    ],
)
def test_one_payment_in_place_of_two_is_said_and_not_counted(more, reason):
    answer = presold([locked(1, "2026-10-25 10:00", "2026-11-11 00:05", **more), locked(2, "2026-10-25 10:00")])
    assert answer.lists["suspects"]["reason"].to_list() == [reason] and status(answer) == UNKNOWN
    assert funnel(answer)["gmv_fen"] == 0 and funnel(answer)["finals"] == 0


def test_orders_that_do_not_say_whether_they_are_presales_are_unknown():
    assert missing(presold([locked(1, "2026-10-25 10:00", presale=None)])) == ["orders.presale: no order says whether it is a pre-sale"]


def test_the_wish_list_grows_against_as_many_days_before():
    days = [{"date": date(2026, 11, 11) - timedelta(days=n), "item_id": "x", "cart_users": 30 if n <= 7 else 20, "fav_users": 1} for n in range(1, 15)]
    answer = run("campaign.presale", {"orders": [locked(1, "2026-10-25 10:00")], "item_days": days}, as_of=local("2026-11-11 10:00"), final_rate="50%")
    assert answer.lists["wish_list"].select("item_id", "cart_users", "growth").rows() == [("x", 210, 0.5)]


# --- readiness -----------------------------------------------------------------------------------------------------

EVE = local("2026-11-09 09:00")


def ready_world() -> dict[str, list[dict]]:
    """A shop with nothing against it on the eve of the day."""
    messages = [
        {"session_id": f"{day} {hour}", "message_id": "1", "at": EVE - timedelta(days=day) + timedelta(hours=hour), "available_at": EVE - timedelta(days=day, hours=-hour), "sender": "buyer"}
        for day in range(2, 16) for hour in range(0, 13)
    ]  # fmt: skip
    return {
        "items": [item(title="面霜", detail_text="保湿", brand=None)],
        "promotions": [{"promotion_id": "p", "item_id": "*", "title": "满减券", "promotion_kind": "coupon", "threshold_fen": 0, "off_fen": 10_00, "starts_at": DAY, "ends_at": DAY + timedelta(days=1)}],
        "stock": [{"date": date(2026, 11, 8), "item_id": "x", "closing_units": 100}],
        "stock_counts": [{"date": date(2026, 11, 8), "item_id": "x", "counted_units": 100}],
        "documents": [{"document_id": "l", "document_type": "营业执照", "holder": "甲公司", "issued_on": date(2020, 1, 1), "expires_on": date(2026, 11, 26)}],
        "shifts": [
            {"agent": agent, "shift_from": DAY - timedelta(hours=1), "shift_until": DAY + timedelta(hours=25), "trained_on": date(2026, 11, 1), "temporary": False}
            for agent in ("甲", "乙")
        ],
        "chats": messages,
        "orders": [unsent(timedelta(days=3, hours=1), shipped_at=EVE, status="shipped")],
        "pages": [{"page": "首页", "block": block, "text": "字", "link_works": True, "checked_at": EVE} for block in ("brand", "category", "trust")],
    }  # fmt: skip


def ready(changes: dict[str, list[dict]] | None = None, **params):
    return run("campaign.readiness", ready_world() | (changes or {}), as_of=EVE, **params)


def marks(answer) -> dict[str, str]:
    return dict(answer.lists["checks"].select("check", "status").rows())


def changed(kind: str, **more) -> dict[str, list[dict]]:
    return {kind: [row | more for row in ready_world()[kind]]}


def test_a_shop_with_nothing_against_it_is_a_go():
    answer = ready()
    assert set(marks(answer).values()) == {"pass"} and len(marks(answer)) == 8, answer.lists["items"]
    assert (status(answer), answer.verdicts["zh"].item()) == (OK, "可上线：8项检查全部通过") and answer.lists["items"].is_empty()


@pytest.mark.parametrize(
    ("check", "changes", "mark"),
    [
        ("prices", changed("promotions", off_fen=20_00), "pass"), ("prices", changed("promotions", off_fen=20_01), "fail"), ("prices", changed("items", cost_fen=None), "unknown"),
        ("coupons", changed("promotions", title="测试券"), "fail"), ("coupons", changed("promotions", off_fen=None), "fail"), ("coupons", {"promotions": []}, "unknown"),
        ("stock", changed("stock_counts", counted_units=98), "fail"), ("stock", changed("stock_counts", counted_units=99), "pass"), ("stock", {"stock_counts": []}, "unknown"),
        ("copy", changed("items", detail_text="销量第一"), "fail"), ("copy", changed("items", detail_text=None), "unknown"),
        ("papers", changed("documents", expires_on=date(2026, 11, 26)), "pass"), ("papers", changed("documents", expires_on=date(2026, 11, 25)), "fail"),
        ("papers", {"documents": []}, "unknown"),
        ("roster", {"shifts": ready_world()["shifts"][:1]}, "fail"), ("roster", changed("shifts", trained_on=None), "fail"), ("roster", {"shifts": []}, "unknown"),
        ("pages", changed("pages", link_works=False), "fail"), ("pages", changed("pages", link_works=None), "unknown"), ("pages", changed("pages", checked_at=EVE - timedelta(days=8)), "unknown"),
        ("backlog", {"orders": [unsent(timedelta(days=5), "old"), *ready_world()["orders"]]}, "pass"),
        ("backlog", {"orders": [unsent(timedelta(days=5, seconds=1), "old"), *ready_world()["orders"]]}, "fail"), ("backlog", {"orders": []}, "unknown"),
    ],
)  # fmt: skip
def test_each_check_fails_or_is_unknown_by_itself(check, changes, mark):
    answer = ready(changes)
    assert marks(answer)[check] == mark
    assert status(answer) == {"pass": OK, "fail": OK, "unknown": UNKNOWN}[mark], answer.verdicts
    if mark == "fail":
        assert answer.verdicts["zh"].item().startswith("不可上线：")
    if mark == "unknown":
        assert any(part.startswith(f"{check}: ") for part in missing(answer))


def test_a_term_to_review_is_no_pass():
    text = next(text for text in ("限量发售", "仅限今日", "秒杀价", "特供") if scan(text).verdict == REVIEW)
    answer = ready(changed("items", detail_text=text))
    assert marks(answer)["copy"] == "unknown" and status(answer) == UNKNOWN


def test_one_failure_is_a_no_go_whatever_is_unknown():
    answer = ready(changed("documents", expires_on=date(2026, 11, 1)) | {"stock_counts": [], "pages": []})
    assert status(answer) == OK and answer.verdicts["zh"].item() == "不可上线：1/8项不通过（证件有效期覆盖活动后15天），2项未知"
    assert answer.lists["items"].select("check", "status").rows() == [("stock", "unknown"), ("papers", "fail"), ("pages", "unknown")]
    assert len(missing(answer)) == 2


def test_a_backlog_seen_through_a_stale_feed_is_guesswork_and_unknown():
    answer = ready({"orders": [unsent(timedelta(days=9), "old")]})
    assert marks(answer)["backlog"] == "unknown"


def test_without_its_anchor_no_check_of_the_sale_passes():
    answer = run("campaign.readiness", ready_world(), as_of=EVE, anchors={})
    assert {name: mark for name, mark in marks(answer).items() if mark == "pass"}.keys() == {"stock", "copy", "pages", "backlog"} and status(answer) == UNKNOWN


def test_every_check_says_what_its_own_step_says():
    world = ready_world() | changed("stock_counts", counted_units=50)
    own = run("supply.stock_count", world, as_of=EVE)
    row = run("campaign.readiness", world, as_of=EVE).lists["items"].row(0, named=True)
    assert (row["zh"], row["en"], row["count"]) == (own.verdicts["zh"].item(), own.verdicts["en"].item(), own.lists["items"].height)
