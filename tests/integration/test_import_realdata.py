"""Real exports nobody in this project wrote, with the figures counted from them beforehand."""

from datetime import UTC, datetime

import polars as pl
import pytest

from ecops.shop.errors import ShopDataError
from ecops.shop.imports import import_file
from ecops.shop.lake import Lake
from tests.realdata import real_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAFFIC, SALES = "bookshop_item_traffic_2019.xlsx", "bookshop_sales_2019.xlsx"


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path))


def run(lake, name):
    [report] = import_file(lake, real_file(name), "s", NOW)
    assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
    return report


def sums(lake):
    columns = pl.len().alias("rows"), pl.col("pay_units", "pay_amount_fen", "visitors").sum(), pl.col("item_id").n_unique()
    return lake.everything("item_days", ["s"]).select(columns).collect().row(0)


def test_the_bookshops_traffic(lake):
    report = run(lake, TRAFFIC)
    assert (report.rows, report.loaded, report.refused) == (11_815, 11_750, 65)
    assert report.reasons == {"duplicate_key": 56, "no_visitors": 56, "units_exceed_visitors": 23}
    assert any("ISBN" in note for note in report.notes)
    rows = lake.everything("item_days", ["s"]).collect()
    assert rows["pay_buyers"].null_count() == len(rows) and rows["item_id"].n_unique() == 33
    assert "12353915" in set(rows["item_id"])
    assert len(lake.quarantined("s")) == 135


def test_the_bookshops_traffic_twice(lake):
    run(lake, TRAFFIC)
    version = lake.version("item_days"), lake.version("quarantine")
    again = run(lake, TRAFFIC)
    assert (again.loaded, again.duplicates, again.replaced, again.refused) == (0, 11_750, 0, 65)
    assert (lake.version("item_days"), lake.version("quarantine")) == version


def test_the_bookshops_sales_find_their_items_by_title(lake):
    run(lake, TRAFFIC)
    report = run(lake, SALES)
    # of the 56 keys that stand twice, 2 pairs say the same and 54 do not
    assert (report.loaded, report.duplicates, report.replaced, report.reasons) == (9, 11_752, 0, {"duplicate_key": 54})
    assert sums(lake) == (11_759, 195_947, 1_595_445_540, 1_489_065, 33)


def test_the_bookshops_two_files_give_the_same_in_either_order(lake):
    first = run(lake, SALES)
    assert first.loaded == 11_759 and any("33" in note for note in first.notes)
    assert run(lake, TRAFFIC).replaced == 11_750
    assert sums(lake) == (11_759, 195_947, 1_595_445_540, 1_489_065, 33)
    assert run(lake, SALES).duplicates == 11_761


def test_the_tmall_orders(lake):
    report = run(lake, "tmall_orders_2020_02.csv")
    assert (report.rows, report.loaded, report.reasons) == (28_010, 28_010, {})
    assert any("188320.00" in note for note in report.notes)
    orders = lake.everything("orders", ["s"]).collect()
    assert orders["paid_at"].null_count() == 3_923
    paid = orders.drop_nulls("paid_at")
    assert (paid["paid_fen"] + paid["refund_fen"] == paid["total_fen"]).all()
    assert orders["status"].value_counts().sort("status").rows() == [("closed", 5_132), ("created", 3_923), ("paid", 18_955)]


def test_the_tmall_orders_in_the_middle_of_their_month(lake):
    run(lake, "tmall_orders_2020_02.csv")
    as_of = datetime(2020, 2, 20, 16, tzinfo=UTC)
    known = lake.frames(["orders"], ["s"], as_of)["orders"].collect()
    assert 0 < len(known) < 28_010 and known["created_at"].max() <= as_of and known["paid_at"].max() <= as_of
    assert known["refund_fen"].null_count() == len(known)
    paid = known.drop_nulls("paid_at")
    assert (paid["paid_fen"] == paid["total_fen"]).all()


def test_the_masked_orders_without_numbers(lake):
    report = run(lake, "taobao_order_export_masked_599.xlsx")
    assert (report.rows, report.loaded, report.reasons) == (599, 458, {"no_order": 141})
    assert run(lake, "taobao_order_export_masked_599.xlsx").duplicates == 458
    everything = str(lake.everything("orders", ["s"]).collect().rows()) + str(lake.quarantined("s").rows())
    assert "mr000145" not in everything and "mrkj053" not in everything


def test_the_beauty_items(lake):
    report = run(lake, "d11_2016_beauty_items_gb18030.csv")
    assert (report.kind, report.rows, report.loaded, report.duplicates, report.reasons) == ("competitor_items", 27_598, 27_512, 86, {})
    assert any("2354 行没有累计销量" in note for note in report.notes)
    assert any("累计销量有 1374 处" in note for note in report.notes)
    rows = lake.everything("competitor_items", ["s"]).collect()
    assert rows["competitor"].n_unique() == 22 and rows["date"].min().isoformat() == "2016-11-05"
    assert rows["sold_so_far"].null_count() == rows["comments_so_far"].null_count() == 2_350


def test_the_behaviour_of_users(lake):
    report = run(lake, "tianchi_mobile_behavior_sample.csv")
    assert (report.kind, report.rows, report.loaded, report.refused) == ("behaviours", 1_999, 1_999, 0)
    rows = lake.everything("behaviours", ["s"]).collect()
    assert rows["times"].sum() == 1_999 and set(rows["action"]) <= {"view", "favourite", "cart", "buy"}
    assert run(lake, "tianchi_mobile_behavior_sample.csv").duplicates == 1_999


@pytest.mark.parametrize("name", ["adlaw_terms_public_lists.csv", "top_api_contracts.jsonl.gz"])
def test_files_that_are_no_export_are_answered_with_a_sentence(lake, name):
    with pytest.raises(ShopDataError, match=name):
        run(lake, name)
