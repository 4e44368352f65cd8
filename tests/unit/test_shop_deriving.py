"""Steps and further kinds: what is derived from typed rows, checked by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from ecops.shop.deriving import ALSO, STEPS, Setting, also_rows, lines_of_orders, orders_of_lines, parcels_of_orders, refunds_of_bookings
from ecops.shop.exports import Catalogue
from ecops.shop.kinds import INSTANT, KINDS
from ecops.shop.personal import hashed
from ecops.shop.heads import locate
from ecops.shop.reading import read
from tests.exports import PLATFORM_SAMPLES, SAMPLES, pdd_orders, pdd_orders_older, table

SECRET = b"secret"
SETTING = Setting(SECRET, lambda: {"面膜": {"1"}, "口红": {"2", "3"}}, {"_dealt_at": "订单成交时间", "_hour": "时段"})
CATALOGUE = Catalogue()
EXPORTS = {export.name: export for export in CATALOGUE.exports}
NOON = datetime(2025, 11, 10, 4, tzinfo=UTC)


def frame(rows, **types):
    """Rows with a place, typed: `_at` instants, `_fen` and `units` numbers, else texts unless `types` say otherwise."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    schema = {name: types.get(name, _type(name)) for name in names}
    placed = pl.DataFrame(
        {"source_sheet": [""] * len(rows), "source_row": list(range(2, len(rows) + 2))}, schema={"source_sheet": pl.String, "source_row": pl.Int64},
    )
    return placed.hstack(pl.DataFrame([{name: row.get(name) for name in names} for row in rows], schema=schema))


def _type(name):
    return INSTANT if name.endswith("_at") else pl.Int64 if name.endswith("_fen") or name == "units" else pl.Date if name == "date" else pl.String


def step(name, rows):
    return STEPS[name](rows, SETTING)


def derived(sample):
    """The sample's rows after its export's steps, people as hashes."""
    sheet = table(sample)
    found = locate(sheet, CATALOGUE)
    rows = read(sheet, found, sample.file_name, SECRET).rows
    setting = Setting(SECRET, dict, {column: found.label(column) for column in found.columns})
    for name in found.export.derive:
        rows, faults = STEPS[name](rows, setting)
        assert not len(faults)
    return rows


def column(rows, name):
    return rows[name].to_list()


# ---- for every export


@pytest.mark.parametrize("name", SAMPLES)
def test_steps_are_pure_and_give_the_same_every_time(name):
    sample = SAMPLES[name](8)
    sheet = table(sample)
    before = read(sheet, locate(sheet, CATALOGUE), sample.file_name, SECRET).rows
    first, second = derived(sample), derived(sample)
    assert first.equals(second) and len(first) == len(before)
    assert read(sheet, locate(sheet, CATALOGUE), sample.file_name, SECRET).rows.equals(before)


@pytest.mark.parametrize(("name", "kind"), [(e.name, kind) for e in CATALOGUE.exports for kind in e.also])
def test_further_kinds_have_their_own_columns_and_a_place(name, kind):
    rows = also_rows(EXPORTS[name], kind, derived(PLATFORM_SAMPLES[name](8)))
    types = KINDS[kind].columns | {"source_sheet": pl.String(), "source_row": pl.Int64()}
    assert {column: types[column] for column in rows.columns} == dict(rows.schema) and {"source_sheet", "source_row"} <= set(rows.columns)
    assert set(KINDS[kind].key) <= set(rows.columns) and rows.select(KINDS[kind].key).is_unique().all()


@pytest.mark.parametrize(("kind", "other"), ALSO)
def test_further_kinds_of_no_rows_are_no_rows(kind, other):
    for export in (e for e in CATALOGUE.exports if e.kind == kind and other in e.also):
        assert len(also_rows(export, other, derived(PLATFORM_SAMPLES[export.name](3)).clear())) == 0


def test_an_untold_kind_is_an_error():
    with pytest.raises(KeyError):
        also_rows(EXPORTS["ecops-items"], "orders", frame([{"item_id": "1"}]))


# ---- times of a deal


def test_the_day_in_the_number_stands_in_for_a_time_that_is_not_there_and_never_overrides_one():
    rows = frame([
        {"order_id": "251110-1", "_dealt_at": None}, {"order_id": "251110-2", "_dealt_at": NOON + timedelta(days=1)},
        {"order_id": "251399-3", "_dealt_at": None},
        {"order_id": None, "_dealt_at": None},
    ])
    made, faults = step("times_of_deal", rows)
    assert column(made, "created_at") == [datetime(2025, 11, 9, 16, tzinfo=UTC), NOON + timedelta(days=1), None, None]
    assert column(made, "paid_at") == [None, NOON + timedelta(days=1), None, None]
    assert faults.rows() == [("", 4, "订单成交时间", "251399-3", "no_order")]


def test_a_payment_before_the_deal_is_the_creation_as_far_as_known():
    early = NOON - timedelta(minutes=30)
    rows = frame([{"order_id": "251110-1", "_dealt_at": NOON, "paid_at": early}, {"order_id": "251110-2", "_dealt_at": NOON, "paid_at": None}])
    made, _ = step("times_of_deal", rows)
    assert column(made, "created_at") == column(made, "paid_at") == [early, NOON]


def test_goods_and_postage_make_the_total_and_both_discounts_are_the_platforms():
    rows = frame([{"_goods_fen": 10000, "postage_fen": 500, "platform_discount_fen": 300, "_payment_discount_fen": 100}])
    made, _ = step("goods_and_postage", rows)
    assert (column(made, "total_fen"), column(made, "platform_discount_fen")) == ([10500], [400])


def test_a_part_of_the_platforms_discount_is_not_all_of_it():
    made, _ = step("goods_and_postage", frame([{"_goods_fen": 10000, "_payment_discount_fen": 100}]))
    assert "platform_discount_fen" not in made.columns and column(made, "total_fen") == [10000]


def test_an_ad_row_that_names_neither_plan_nor_item_is_refused():
    rows = frame([{"plan_id": "1", "item_id": None, "spend_fen": 100}, {"plan_id": None, "item_id": None, "spend_fen": 100}])
    _, faults = step("must_name_something", rows)
    assert faults["reason"].to_list() == ["missing_value"] and faults["source_row"].to_list() == [rows["source_row"][1]]
    assert column(step("goods_and_postage", frame([{"_goods_fen": 10000}]))[0], "total_fen") == [10000]
    assert column(step("goods_and_postage", frame([{"_goods_fen": 10000, "postage_fen": None}]))[0], "total_fen") == [None]


# ---- refunds that only a state tells


def test_a_refund_is_known_only_where_all_of_it_must_have_come_back():
    rows = frame([
        {"after_sale": "refunded", "shipped_at": None, "paid_fen": 900}, {"after_sale": "refunded", "shipped_at": NOON, "paid_fen": 900},
        {"after_sale": "none", "shipped_at": NOON, "paid_fen": 900}, {"after_sale": None, "shipped_at": None, "paid_fen": 900},
        {"after_sale": "open", "shipped_at": None, "paid_fen": 900}, {"after_sale": "refunded", "shipped_at": None, "paid_fen": None},
    ])
    made, _ = step("refund_of_after_sale", rows)
    assert column(made, "refund_fen") == [900, None, None, None, None, None]
    assert column(made, "paid_fen") == [0, 900, 900, 900, 900, None]
    assert column(made, "refund_status") == ["success", "success", "none", None, "open", "success"]


def test_a_file_that_says_in_full_is_believed_though_the_goods_had_left():
    rows = frame([{"after_sale": "refunded", "_after_sale": text, "shipped_at": NOON, "paid_fen": 900} for text in ("已全额退款", "已部分退款")])
    assert column(step("refund_of_after_sale", rows)[0], "refund_fen") == [900, None]


def test_without_a_time_of_sending_nothing_is_known_to_be_unsent():
    made, _ = step("refund_of_after_sale", frame([{"after_sale": "refunded", "paid_fen": 900}]))
    assert (column(made, "refund_fen"), column(made, "paid_fen")) == ([None], [900])


# ---- the order's amount or the line's


def line(order, due, price=10000, units=1, **more):
    return {"order_id": order, "line_id": f"{order}.{more.pop('n', 1)}", "_due_fen": due, "price_fen": price, "units": units, "paid_at": NOON, **more}


@pytest.mark.parametrize(
    ("rows", "due", "payable"),
    [
        ([line("a", 9500)], 9500, [9500]),
        ([line("a", 19000, _discount_fen=1000)] * 2, 19000, [None, None]),
        ([line("a", 19001, _discount_fen=1000)] * 2, 19001, [None, None]),
        ([line("a", 20600, postage_fen=600)] * 2, 20600, [None, None]),
        ([line("a", 15000)] * 2, 15000, [None, None]),
        ([line("a", 9500, _discount_fen=500)] * 2, 19000, [9500, 9500]),
        ([line("a", 10000)] * 2, 20000, [10000, 10000]),
        ([line("a", 9500), line("a", 8000)], 17500, [9500, 8000]),
        ([line("a", 5000, _discount_fen=15000)] * 2, 5000, [None, None]),
        ([line("a", 5000, _discount_fen=5000)] * 2, 10000, [5000, 5000]),
        ([line("a", 9500, price=None)] * 2, None, [None, None]),
        ([line("a", 9500), line("a", None)], None, [9500, None]),
        ([line("a", 29000, _discount_fen=1000)] * 3, 29000, [None, None, None]),
    ],
)
def test_an_amount_that_lines_repeat_is_the_orders_where_the_sums_say_so(rows, due, payable):
    made, _ = step("due_of_orders", frame(rows, _discount_fen=pl.Int64))
    assert set(column(made, "_order_due_fen")) == {due}
    assert column(made, "payable_fen") == payable and column(made, "paid_fen") == payable


def test_each_order_is_judged_by_itself_and_the_unpaid_have_paid_nothing_known():
    rows = frame([line("a", 20000), line("b", 10000), line("a", 20000), line("b", 10000), line("c", 700) | {"paid_at": None}])
    made, _ = step("due_of_orders", rows)
    assert column(made, "_order_due_fen") == [20000, 20000, 20000, 20000, 700]
    assert column(made, "payable_fen") == [None, 10000, None, 10000, 700]
    assert column(made, "paid_fen") == [None, 10000, None, 10000, None]
    assert column(orders_of_lines(made), "paid_fen") == [20000, 20000, None]


def test_the_amount_due_of_a_jd_order_is_never_added_up():
    rows = frame([line("a", 9000), line("a", 9000, n=2), line("b", 500)])
    made, _ = step("due_is_the_orders", rows)
    assert column(made, "payable_fen") == [None, None, 500]
    assert column(orders_of_lines(made), "paid_fen") == [9000, 500]


# ---- orders of lines


def test_orders_of_lines_count_what_is_repeated_once_and_doubt_contradictions():
    made, _ = step("due_of_orders", frame([
        line(
            "a", 25600, units=1, postage_fen=600, _discount_fen=5000, channel="直播", province="上海市", status="shipped", shipped_at=NOON,
            after_sale="none",
        ),
        line(
            "a", 25600, units=2, n=2, postage_fen=600, _discount_fen=5000, channel="商城", province="上海市", status="paid", shipped_at=None,
            after_sale="open",
        ),
    ]))
    [order] = orders_of_lines(made).to_dicts()
    expected = {
        "total_fen": 30600, "paid_fen": 25600, "postage_fen": 600, "units": 3, "channel": None, "province": "上海市", "status": "paid",
        "shipped_at": None,
        "after_sale": "open", "source_row": 2,
    }
    assert {name: order[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("states", "due", "paid", "refund"),
    [
        (("refunded", "refunded"), 20000, 0, 20000),
        (("refunded", None), 10000, 10000, 10000),
        (("none", "none"), 10000, 20000, None),
        (("refunded", "none"), 20000, 20000, None),
    ],
)
def test_what_an_order_got_back_is_the_sum_of_its_lines_or_all_of_it(states, due, paid, refund):
    rows = frame(
        [line("a", due, n=n, after_sale=state, shipped_at=None, _discount_fen=0 if due == 20000 else None) for n, state in enumerate(states)]
    )
    made, _ = step("due_of_orders", rows)
    made, _ = step("refund_of_after_sale", made)
    [order] = orders_of_lines(made).to_dicts()
    assert (order["paid_fen"], order["refund_fen"]) == (paid, refund)


def test_a_douyin_file_tells_lines_and_orders():
    rows = derived(PLATFORM_SAMPLES["douyin-orders"](6))
    assert column(rows, "line_id")[0] == "6930000000000000001" and column(rows, "price_fen")[0] == 100_000
    orders = also_rows(EXPORTS["douyin-orders"], "orders", rows)
    names = (
        "order_id", "total_fen", "paid_fen", "refund_fen", "shop_discount_fen", "status", "after_sale", "close_reason", "province", "remark_mark",
    )
    assert orders.select(names).rows() == [
        ("6920000000000000001", 400_000, 390_000, None, 5_000, "shipped", None, None, "上海市", "V-"),
        ("6920000000000000002", 400_000, 0, 390_000, 5_000, "closed", "refunded", "不想要了", "浙江省", "V-"),
        ("6920000000000000003", 400_000, None, None, 5_000, "created", None, None, "广东省", "V-"),
    ]


def test_a_jd_file_of_items_tells_the_orders_own_total():
    rows = derived(PLATFORM_SAMPLES["jd-order-lines"](4))
    assert column(rows, "line_id")[:2] == ["290000000001-100012345601", "290000000001-100012345608"]
    orders = also_rows(EXPORTS["jd-order-lines"], "orders", rows)
    assert orders.select("total_fen", "paid_fen", "received_fen", "units", "status").rows() == [
        (12000, 10000, 10500, 2, "paid"), (13050, 11050, 11550, 2, "shipped"),
    ]


# ---- lines, parcels and refunds of orders


def test_a_pinduoduo_file_tells_orders_lines_and_parcels():
    rows = derived(pdd_orders(6))
    names = ("total_fen", "paid_fen", "refund_fen", "received_fen", "platform_discount_fen", "status", "after_sale", "remark_mark", "province")
    assert rows.select(names).rows() == [
        (10500, 9100, None, 9500, 400, "finished", "none", "G-", None), (11550, 10150, None, 10550, 400, "shipped", "open", "V-", None),
        (12600, 11200, None, 11600, 400, "paid", "none", None, None), (13650, 0, 12250, 12650, 400, "closed", "refunded", "G-", None),
        (14700, 13300, None, 13700, 400, "closed", "none", "V-", None), (15750, 14350, None, 14750, 400, "finished", "refunded", None, None),
    ]
    assert column(rows, "created_at")[4] == datetime(2025, 11, 9, 16, tzinfo=UTC)
    lines = also_rows(EXPORTS["pdd-orders"], "order_lines", rows)
    assert lines.row(0, named=True) | {"created_at": None, "paid_at": None, "shipped_at": None} == {
        "source_sheet": "", "source_row": 2, "order_id": "251110-100000000000001", "line_id": "251110-100000000000001", "item_id": "380000000001",
        "sku_id": "1180000000001", "sku": "20片,大盒", "title": "玻尿酸补水面膜 20片", "merchant_code": None, "units": 2, "price_fen": 5000, "paid_fen": 9100,
        "refund_fen": None, "refund_status": "none", "status": "finished", "created_at": None, "paid_at": None, "shipped_at": None,
    }
    assert column(also_rows(EXPORTS["pdd-orders"], "parcels", rows), "parcel_id") == ["789000000001", "789000000002", "789000000006"]


def test_older_pinduoduo_files_say_when_an_order_was_paid():
    rows = derived(pdd_orders_older(2))
    assert column(rows, "paid_at")[0] == column(rows, "created_at")[0] == datetime(2025, 11, 10, 11, 55, 5, tzinfo=UTC)


def test_a_price_that_does_not_come_out_even_is_unknown():
    rows = lines_of_orders(frame([{"order_id": "a", "_goods_fen": 1000, "units": units} for units in (3, 4, 0, None)]))
    assert column(rows, "price_fen") == [None, 250, None, None]


def test_an_order_may_name_several_parcels_and_one_not_yet_sent_names_none():
    rows = frame([
        {"order_id": "a", "parcel_id": "SF1,SF2", "carrier": "顺丰", "shipped_at": NOON},
        {"order_id": "b", "parcel_id": "SF3", "carrier": None, "shipped_at": None},
        {"order_id": "c", "parcel_id": None, "carrier": None, "shipped_at": NOON},
    ])
    assert parcels_of_orders(rows).select("order_id", "parcel_id").rows() == [("a", "SF1"), ("a", "SF2")]
    assert len(parcels_of_orders(rows.drop("shipped_at"))) == len(parcels_of_orders(rows.drop("parcel_id"))) == 0


def booking(order, amount, way, fee="货款", **more):
    return {"order_id": order, "_amount_fen": amount, "_direction": way, "_fee": fee, **more}


def test_bookings_out_count_against_the_shop_with_and_without_a_minus():
    written = [booking("a", 10000, "in"), booking("a", 800, "out", "佣金"), booking("a", -800, "out", "佣金"), booking("a", -50, None, "广告")]
    rows, _ = step("bookings", frame(written))
    assert column(rows, "received_fen") == [10000, -800, -800, -50]


def test_an_order_whose_receipt_is_in_another_file_stays_unknown():
    rows, _ = step("bookings", frame([booking("a", 3000, "out", refund_id="9", closed_at=NOON), booking("b", 100, "in", "运费")]))
    assert column(rows, "received_fen") == [None, None] and column(rows, "amount_fen") == [3000, None]


def test_goods_booked_out_under_an_after_sale_are_a_refund():
    later = NOON + timedelta(hours=1)
    rows, _ = step("bookings", frame([
        booking("a", 10000, "in"), booking("a", 3000, "out", refund_id="9", closed_at=NOON, item_id="1"),
        booking("a", 500, "out", refund_id="9", closed_at=later, item_id="2"), booking("a", 80, "in", "佣金", refund_id="9", closed_at=NOON),
    ]))
    [refund] = refunds_of_bookings(rows).to_dicts()
    assert refund == {
        "refund_id": "9", "source_sheet": "", "source_row": 3, "order_id": "a", "item_id": None, "amount_fen": 3500, "closed_at": later,
        "created_at": later,
        "refund_status": "success",
    }
    assert len(refunds_of_bookings(rows.drop("refund_id"))) == 0


# ---- ads, hours, refunds, reviews


def test_only_items_have_an_item_id_among_advertised_subjects():
    rows = frame([{"item_id": "1", "_subject": "商品"}, {"item_id": "2", "_subject": "直播间"}, {"item_id": "3", "_subject": None}])
    made, _ = step("whole", step("items_of_subjects", rows)[0])
    assert column(made, "item_id") == ["1", "*", "3"]
    assert step("items_of_subjects", rows.drop("_subject"))[0].equals(rows.drop("_subject"))


def test_a_plan_without_number_goes_by_its_name():
    made, _ = step("whole", frame([{"plan": "双11", "keyword": None}]))
    assert made.select("tool", "plan_id", "item_id", "keyword", "source_detail").row(0) == ("*", "双11", "*", "*", "*")


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("08:00-08:59", 8), ("8时", 8), ("8", 8), ("08:00", 8), ("8点", 8), ("23:00~24:00", 23), ("00:00 - 00:59", 0), ("2025-11-10 08:00", 8),
        ("24", None), ("晚上", None),
    ],
)
def test_hours_of_a_day_in_all_common_forms(text, hour):
    made, faults = step("hour_of_day", frame([{"date": date(2025, 11, 10), "_hour": text}]))
    midnight = datetime(2025, 11, 9, 16, tzinfo=UTC)
    assert column(made, "hour") == [None if hour is None else midnight + timedelta(hours=hour)]
    assert faults["reason"].to_list() == ([] if hour is not None else ["not_a_date"])


def test_goods_the_buyer_has_had_left_and_others_may_be_on_their_way():
    made, _ = step("goods_sent", frame([{"_goods": text} for text in ("买家已收到货", "买家已退货", "买家未收到货", "未发货", None)]))
    assert column(made, "shipped") == [True, True, None, False, None]


def test_reviews_without_a_number_are_named_by_what_they_are_about():
    rows = frame([{"order_id": "a", "item_id": item, "created_at": NOON} for item in ("1", "2", "1")])
    first, second, again = column(step("made_review_ids", rows)[0], "review_id")
    assert first == again != second and first.startswith("made:")
    given = rows.with_columns(review_id=pl.lit("r"))
    assert step("made_review_ids", given)[0].equals(given)


# ---- the steps there were before


def test_a_title_of_one_item_names_it_and_one_of_two_is_refused():
    made, faults = step("items_by_title", frame([{"title": "面膜"}, {"title": "口红"}, {"title": "眉笔"}]))
    assert column(made, "item_id")[::2] == ["1", "title:眉笔"] and faults["source_row"].to_list() == [3]


@pytest.mark.parametrize(("paid", "refund", "net"), [(10000, 3000, 7000), (7000, 3000, 7000), (10000, None, 10000), (0, 0, 0)])
def test_payments_are_brought_to_net(paid, refund, net):
    order = frame([{"paid_fen": paid, "refund_fen": refund, "total_fen": 10000, "payable_fen": 10000}])
    assert column(step("net_payment", order)[0], "paid_fen") == column(step("net_line_payment", order)[0], "paid_fen") == [net]


@pytest.mark.parametrize(("paid_at", "refund", "status"), [(NOON, 0, "paid"), (NOON, 10000, "closed"), (None, 0, "created")])
def test_amounts_tell_a_status_where_none_is_given(paid_at, refund, status):
    made, _ = step("status_of_payment", frame([{"paid_at": paid_at, "refund_fen": refund, "total_fen": 10000}]))
    assert column(made, "status") == [status]
