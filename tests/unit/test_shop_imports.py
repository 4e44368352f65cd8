"""Imports of small files with the oddities of real ones."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
import xlsxwriter

from ecops.shop.errors import ShopDataError
from ecops.shop.imports import import_file
from ecops.shop.lake import Lake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAFFIC = ["", "时间", "商品名称", "SKU", "三级类目", "浏览量", "访客数", "成交商品件数", "ISBN", "成交码洋", "加购人数"]
TMALL = ["订单编号", "总金额", "买家实际支付金额", "收货地址 ", "订单创建时间", "订单付款时间 ", "退款金额"]
CLASSIC = ["订单编号", "买家会员名", "总金额", "买家实际支付金额", "订单状态", "收货地址", "订单创建时间", "订单付款时间", "宝贝总数量"]


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def csv_file(path, rows, encoding="utf-8"):
    path.write_bytes("\r\n".join(",".join(str(cell) for cell in row) for row in rows).encode(encoding))
    return path


def xlsx_file(path, rows, sheet="sheet1"):
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


def held(lake, kind, *columns):
    return lake.everything(kind, ["s"]).select(columns).collect().sort(columns[0]).rows()


def run(lake, path, kind=None):
    [report] = import_file(lake, path, "s", NOW, kind)
    assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
    json.dumps(report.to_json())
    return report


def traffic(number, day="2019-05-06", item=12163147.0, title="书", views=10, visitors=5, units=1, amount=9.9, carts=0):
    return [number, day, title, item, "编程", views, visitors, units, 9.78756922225897e25, amount, carts]


def test_item_traffic_is_read_and_its_damaged_column_named(lake, tmp_path):
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, traffic(0), traffic(1, day="2019-05-07")]))
    assert (report.kind, report.loaded, report.refused) == ("item_days", 2, 0)
    assert held(lake, "item_days", "date", "item_id", "visitors", "pay_buyers", "pay_amount_fen")[0][1:] == ("12163147", 5, None, 990)
    assert any("ISBN" in note and "2 格" in note for note in report.notes)


def test_the_good_half_of_a_split_row_is_loaded(lake, tmp_path):
    rows = [TRAFFIC, traffic(0, views=0, visitors=0, units=0, amount=0, carts=12), traffic(1)]
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", rows))
    assert (report.loaded, report.refused) == (1, 1)
    assert report.reasons == {"duplicate_key": 1, "no_visitors": 1}
    assert {refusal.row for refusal in report.quarantined} == {2}
    assert held(lake, "item_days", "visitors") == [(5,)]


def test_of_two_fine_rows_with_one_key_the_second_is_refused(lake, tmp_path):
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, traffic(0), traffic(1, units=2)]))
    assert [(refusal.row, refusal.reason) for refusal in report.quarantined] == [(3, "duplicate_key")]
    assert held(lake, "item_days", "pay_units") == [(1,)]


def test_a_row_that_repeats_another_is_a_duplicate(lake, tmp_path):
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, traffic(0), traffic(1)]))
    assert (report.loaded, report.duplicates, report.refused) == (1, 1, 0)


def test_nothing_happened_is_fine_and_more_sold_than_visited_is_not(lake, tmp_path):
    still = traffic(0, views=0, visitors=0, units=0, amount=0)
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, still, traffic(1, item=7.0, visitors=2, units=3)]))
    assert (report.loaded, report.reasons) == (1, {"units_exceed_visitors": 1})


def test_an_id_whose_digits_are_lost_is_refused_and_kept(lake, tmp_path):
    report = run(lake, xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, traffic(0, item=9.78756922225897e25)]))
    assert report.reasons == {"digits_lost": 1}
    kept = lake.quarantined("s").row(0, named=True)
    assert (kept["column"], kept["value"]) == ("SKU", "9.78756922225897e+25")
    assert json.loads(kept["raw"])["商品名称"] == "书"


def test_orders_with_blanks_in_their_headings(lake, tmp_path):
    rows = [
        TMALL, ["1", "178.8", "0.0", "上海", "2020-02-21 00:00:00", "", "0.0"],
        ["2", "64.8", "0.0", "江苏省", "2020-02-20 23:57:04", "2020-02-20 23:57:11", "64.8"],
        ["3", "37.0", "30.0", "安徽省", "2020-02-20 23:59:35", "2020-02-20 23:59:36", "0.0"],
        ["4", "188320.00", "0", "上海", "2020-02-20 20:00:00", "", "0"],
    ]
    report = run(lake, csv_file(tmp_path / "a.csv", rows, "gb18030"))
    assert (report.loaded, report.reasons) == (3, {"amounts_disagree": 1})
    assert held(lake, "orders", "order_id", "status", "refund_fen") == [("1", "created", 0), ("2", "closed", 6480), ("4", "created", 0)]
    assert any("188320.00" in note for note in report.notes)


def test_the_classic_order_export_hides_the_buyers_nick(lake, tmp_path):
    rows = [
        CLASSIC, ['="123456789012345678"', "小明", "100.00元", "90", "买家已付款，等待卖家发货", "上海 上海市", "2016/5/23 22:02", "2016/5/23 22:03", "2"],
        ["=\"123456789012345679\"", "小明", "50", "50", "交易成功", "****", "2016/5/24 22:02", "2016/5/24 22:03", "1"],
        ["1.23457E+17", "小红", "50", "50", "交易成功", "****", "2016/5/24 22:02", "2016/5/24 22:03", "1"],
    ]
    report = run(lake, csv_file(tmp_path / "a.csv", rows))
    assert (report.export, report.loaded, report.reasons) == ("taobao-orders", 2, {"digits_lost": 1})
    first, second = held(lake, "orders", "order_id", "buyer_id", "status", "province", "units")
    assert first[1] == second[1] and first[2:] == ("paid", "上海", 2)
    assert "小" not in first[1] + lake.quarantined("s")["raw"][0]


def test_orders_without_a_number_are_told_by_buyer_and_time(lake, tmp_path):
    rows = [CLASSIC[1:], ["甲", "1", "1", "交易成功", "", "2018-03-09 10:00:36", "2018-03-09 10:01:00", "1"], ["乙", "99", "99", "", "", "", "", ""]]
    path = csv_file(tmp_path / "a.csv", rows)
    report = run(lake, path)
    assert (report.loaded, report.reasons) == (1, {"no_order": 1})
    assert any("订单编号" in note for note in report.notes)
    assert run(lake, path).duplicates == 1


def test_sales_by_title_join_the_traffic_whichever_comes_first(tmp_path):
    sales = csv_file(tmp_path / "s.csv", [["日期", "商品名称", "成交件数", "销售码洋"], ["2019-05-06", "书", 3, 29.7], ["2019-05-07", "书", 1, 9.9]])
    visits = xlsx_file(tmp_path / "t.xlsx", [TRAFFIC, traffic(0, units=3, amount=29.7), traffic(1, title="刊", item=8.0)])
    ends = []
    for number, files in enumerate(([sales, visits], [visits, sales])):
        lake = Lake(str(tmp_path / f"lake{number}"))
        for path in files:
            run(lake, path)
        ends.append(lake.everything("item_days", ["s"]).select("date", "item_id", "visitors", "pay_units").collect().sort("date", "item_id").rows())
    assert ends[0] == ends[1]
    assert [(row[1], row[2], row[3]) for row in ends[0]] == [("12163147", 5, 3), ("8", 5, 1), ("12163147", None, 1)]


def test_sales_with_item_numbers_are_held_under_them_without_any_traffic(lake, tmp_path):
    rows = [["时间", "商品名称", "SKU", "成交商品件数", "成交金额"], ["2019-05-06", "书", "12163147", "1", "9.90"]]
    run(lake, csv_file(tmp_path / "a.csv", rows))
    assert held(lake, "item_days", "item_id", "pay_units", "visitors") == [("12163147", 1, None)]


def test_a_title_of_two_items_names_neither(lake, tmp_path):
    run(lake, xlsx_file(tmp_path / "t.xlsx", [TRAFFIC, traffic(0), traffic(1, item=8.0)]))
    report = run(lake, csv_file(tmp_path / "s.csv", [["日期", "商品名称", "成交件数", "销售码洋"], ["2019-05-06", "书", 3, 29.7]]))
    assert report.reasons == {"ambiguous_title": 1}


def test_notes_before_the_headings_and_totals_after_the_rows(lake, tmp_path):
    rows = [
        ["【生意参谋平台】商品概况"], ["仅供参考"], [], ["统计日期", "商品ID", "商品名称", "商品访客数", "支付买家数", "支付件数", "支付金额"],
        ["2025-11-10", "6001", "面膜", "1,000", "80", "90", "8,010.00"], ["2025-11-10", "6002", "口红", "-", "0", "0", "0"],
        ["合计", "-", "-", "1,000", "80", "90", "8,020.00"], ["平均值", "-", "-", "500", "40", "45", "4,010.00"],
    ]
    report = run(lake, xlsx_file(tmp_path / "a.xls", rows))
    assert (report.export, report.rows, report.loaded, report.total_rows) == ("sycm-items", 4, 2, 2)
    totals = report.to_json()["totals"]
    assert (totals["stated"], totals["summed"], totals["difference"]) == ("8020.00", "8010.00", "10.00")
    assert {one["column"]: one["difference"] for one in totals["columns"]} == {"visitors": 0, "pay_buyers": 0, "pay_units": 0, "pay_amount_fen": "10.00"}
    assert any("支付金额" in note and "8020.00" in note for note in report.notes)
    assert held(lake, "item_days", "item_id", "visitors") == [("6001", 1000), ("6002", None)]


ADS = ["计划ID", "计划名称", "主体ID", "展现量", "点击量", "花费"]


@pytest.mark.parametrize("total", [["合计", "-", "-"], ["-", "合计", "-"], ["", "总计：", ""], ["", "", "合计"]])
@pytest.mark.parametrize("beside", [0, 1])
def test_a_total_row_is_found_whichever_column_names_it(lake, tmp_path, total, beside):
    rows = [ADS, ["1", "甲", "71", "1000", "10", "5.00"], ["2", "全店", "72", "2000", "20", "6.00"], [*total, "3000", "30", "12.00"]]
    report = run(lake, csv_file(tmp_path / "商品报表-2026-01-01.csv", [[""] * beside + row for row in rows]))
    assert (report.loaded, report.total_rows, report.totals.difference) == (2, 1, "1.00")
    assert held(lake, "ad_days", "plan_id", "spend_fen") == [("1", 500), ("2", 600)]


def test_a_total_row_that_names_nothing_is_refused(lake, tmp_path):
    rows = [ADS, ["1", "甲", "71", "1000", "10", "5.00"], ["", "", "", "1000", "10", "5.00"]]
    report = run(lake, csv_file(tmp_path / "商品报表-2026-01-01.csv", rows))
    assert (report.loaded, report.reasons) == (1, {"missing_value": 1})


@pytest.mark.parametrize(("headings", "row"), [
    (ADS, ["1", "甲", "71", "1000", "10", "5.00"]), (["流量来源", "来源明细", "访客数", "支付买家数", "支付金额"], ["淘内免费", "手淘搜索", "9", "1", "5.00"]),
])
def test_notes_below_the_data_are_no_rows(lake, tmp_path, headings, row):
    report = run(lake, csv_file(tmp_path / "报表-2026-01-01.csv", [headings, row, ["注：以上数据仅供参考"], ["导出时间 2026-01-02 10:00"], []]))
    assert (report.loaded, report.reasons) == (1, {"lone_cell": 2})


def test_a_lone_cell_of_a_person_is_not_shown(lake, tmp_path):
    classic = [*CLASSIC, "收货人姓名"]
    rows = [classic, ["1", "甲", "100", "100", "交易成功", "", "2016/5/24 22:02", "2016/5/24 22:03", "1", "王"], [*[""] * len(CLASSIC), "欧阳收件"]]
    report = run(lake, csv_file(tmp_path / "a.csv", rows))
    assert report.refused == 1 and "欧阳" not in json.dumps(report.to_json(), ensure_ascii=False)


def test_an_order_keeps_its_stated_status_when_the_buyer_is_cut_out(lake, tmp_path):
    headings = [name for name in (*CLASSIC, "退款金额") if name != "买家会员名"]
    rows = [headings, ["1", "100", "90", "交易成功", "", "2016/5/24 22:02", "2016/5/24 22:03", "1", "0"]]
    assert run(lake, csv_file(tmp_path / "a.csv", rows)).export == "taobao-orders"
    assert held(lake, "orders", "order_id", "status", "buyer_id") == [("1", "finished", None)]


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b"])
def test_what_has_no_shape_is_no_part_of_headings_and_ids(lake, tmp_path, mark):
    row = ["7001", "甲", "100", "100", "交易成功", "", "2016/5/24 22:02", "2016/5/24 22:03", "1"]
    lines = [[f"{mark}{name}{mark}" for name in CLASSIC], row, [mark + CLASSIC[0], *CLASSIC[1:]], [f"7002{mark}", *row[1:]], [f"{mark}7003", *row[1:]]]
    report = run(lake, csv_file(tmp_path / "a.csv", lines))
    assert (report.rows, report.loaded) == (3, 3)
    assert held(lake, "orders", "order_id") == [("7001",), ("7002",), ("7003",)]


def test_a_line_that_says_in_words_that_no_refund_was_asked_for(lake, tmp_path):
    headings = ["子订单编号", "主订单编号", "标题", "价格", "购买数量", "买家实际支付金额", "退款状态", "退款金额", "订单创建时间"]
    rows = [headings, ["11", "1", "面膜", "9.90", "1", "9.90", "没有申请退款", "无退款申请", "2025-11-11 00:01"]]
    assert run(lake, csv_file(tmp_path / "a.csv", rows)).refused == 0
    assert held(lake, "order_lines", "line_id", "refund_status", "refund_fen", "paid_fen") == [("11", "none", None, 990)]


def test_a_heading_that_stands_three_times_is_told_once_a_row(lake, tmp_path):
    headings = ["日期", "商品ID", "访客数", "支付买家数", "访客数", "访客数"]
    report = run(lake, csv_file(tmp_path / "a.csv", [headings, ["2025-11-10", "1", "10", "2", "11", "12"], ["2025-11-10", "2", "10", "2", "10", "10"]]))
    assert (report.loaded, report.reasons) == (1, {"columns_disagree": 1})


def test_a_corrected_file_replaces_and_an_unknown_cell_does_not_erase(lake, tmp_path):
    headings = ["日期", "商品ID", "访客数", "支付买家数"]
    run(lake, csv_file(tmp_path / "a.csv", [headings, ["2025-11-10", "1", "10", "2"]]))
    report = run(lake, csv_file(tmp_path / "b.csv", [headings, ["2025-11-10", "1", "12", "-"]]))
    assert report.replaced == 1
    assert held(lake, "item_days", "visitors", "pay_buyers", "source_file") == [(12, 2, "b.csv")]


def test_the_same_file_again_makes_no_new_version(lake, tmp_path):
    path = xlsx_file(tmp_path / "a.xlsx", [TRAFFIC, traffic(0), traffic(1, item=9e25)])
    run(lake, path)
    before = lake.version("item_days"), lake.version("quarantine")
    report = run(lake, path)
    assert (report.loaded, report.duplicates) == (0, 1)
    assert (lake.version("item_days"), lake.version("quarantine")) == before


OWN = {
    "items": (["商品ID", "商品名称", "价格", "上架日期", "是否在售"], ["1", "面膜", "59.90", "2025-01-01", "是"]),
    "stock": (["日期", "商品ID", "期初库存", "入库数量", "期末库存"], ["2025-11-10", "1", "5", "0", "3"]),
    "hours": (["小时", "访客数", "支付买家数", "支付金额"], ["2025-11-11 00:00", "100", "9", "810.5"]),
    "competitor_items": (["月份", "竞争店铺", "竞品ID", "月销量"], ["2025-10", "隔壁", "7", "1000+"]),
    "order_lines": (["订单编号", "子订单编号", "商品ID", "订单创建时间", "数量", "实付金额"], ["1", "11", "7", "2025-11-11 00:01", "1", "9.9"]),
    "orders": (["订单编号", "订单金额", "实付金额", "订单创建时间", "订单付款时间"], ["1", "9.9", "9.9", "2025-11-11 00:01", ""]),
    "item_days": (["日期", "商品ID", "访客数", "支付件数"], ["2025-11-10", "1", "100", "3"]),
}


def test_a_payment_stated_before_its_refund_is_brought_to_net(lake, tmp_path):
    rows = [
        [*CLASSIC, "退款金额"], ["1", "甲", "100", "100", "交易成功", "", "2016/5/24 22:02", "2016/5/24 22:03", "1", "30"],
        ["2", "乙", "100", "70", "交易成功", "", "2016/5/24 22:02", "2016/5/24 22:03", "1", "30"],
    ]
    run(lake, csv_file(tmp_path / "a.csv", rows))
    assert held(lake, "orders", "order_id", "paid_fen", "refund_fen") == [("1", 7000, 3000), ("2", 7000, 3000)]


def test_a_short_tmall_row_that_pays_and_refunds_too_much_is_refused(lake, tmp_path):
    rows = [TMALL, ["2", "64.8", "64.8", "江苏省", "2020-02-20 23:57:04", "2020-02-20 23:57:11", "64.8"]]
    assert run(lake, csv_file(tmp_path / "a.csv", rows)).reasons == {"amounts_disagree": 1}


@pytest.mark.parametrize("kind", OWN)
def test_our_own_headings_fill_every_kind(lake, tmp_path, kind):
    report = run(lake, csv_file(tmp_path / "a.csv", OWN[kind]), kind)
    assert (report.kind, report.export, report.loaded) == (kind, f"ecops-{kind}", 1)
    assert lake.everything(kind, ["s"]).select("available_at").collect()["available_at"].null_count() == 0


def test_a_told_kind_must_fit(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", OWN["stock"])
    with pytest.raises(ShopDataError, match="holds stock .* not orders"):
        import_file(lake, path, "s", NOW, "orders")
    with pytest.raises(ShopDataError, match="no kind of data is called 订单"):
        import_file(lake, path, "s", NOW, "订单")


def test_unknown_headings_are_listed_with_the_nearest_export(lake, tmp_path):
    with pytest.raises(ShopDataError, match="found 订单编号, 总金额, 买家实际支付金额; nearest is (taobao|tmall)-orders.*订单创建时间"):
        import_file(lake, csv_file(tmp_path / "a.csv", [TMALL[:3], ["1", "2", "3"]]), "s", NOW)
    with pytest.raises(ShopDataError, match="no heading row"):
        import_file(lake, csv_file(tmp_path / "b.csv", [["", ""]]), "s", NOW)


def test_data_without_headings_is_not_shown_as_if_it_were_headings(lake, tmp_path):
    path = csv_file(tmp_path / "a.csv", [["3698745", "欧阳收件", "文三路 1 号", "100.00", "2025-11-11 00:00"]] * 2)
    with pytest.raises(ShopDataError, match="a.csv has no heading row") as caught:
        import_file(lake, path, "s", NOW)
    assert "欧阳" not in str(caught.value)


def test_a_file_of_headings_alone_loads_nothing(lake, tmp_path):
    report = run(lake, csv_file(tmp_path / "a.csv", [TMALL]))
    assert (report.rows, report.loaded) == (0, 0)


def test_a_workbook_with_a_second_sheet_names_what_it_left(lake, tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        first, second = book.add_worksheet("说明"), book.add_worksheet("库存")
        first.write_row(0, 0, ["随便写写", "什么"])
        for number, row in enumerate(OWN["stock"]):
            second.write_row(number, 0, row)
    report = run(lake, path)
    assert report.loaded == 1 and any("说明" in note for note in report.notes)


def test_two_sheets_of_one_export_are_one_import(lake, tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, day in (("一月", "2019-01-01"), ("二月", "2019-02-01")):
            page = book.add_worksheet(name)
            page.write_row(0, 0, TRAFFIC)
            page.write_row(1, 0, traffic(0, day=day))
            page.write_row(2, 0, traffic(1, day=day, item=9e25))
    report = run(lake, path)
    assert (report.loaded, report.refused) == (2, 2)
    assert lake.quarantined("s")["sheet"].to_list() == ["一月", "二月"]


def test_ragged_rows_lose_nothing(lake, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("日期,商品ID,访客数\n2025-11-10,1\n2025-11-10,2,3,extra\n\n2025-11-11,1,4\n")
    report = run(lake, path)
    # a row with more cells than headings may have moved cells, so it waits in quarantine
    assert report.reasons == {"cells_shifted": 1} and [one.row for one in report.quarantined] == [3]
    assert held(lake, "item_days", "item_id", "visitors", "source_row") == [("1", None, 2), ("1", 4, 5)]


def test_what_one_shop_imports_another_does_not_see(lake, tmp_path):
    run(lake, csv_file(tmp_path / "a.csv", OWN["stock"]))
    assert import_file(lake, tmp_path / "a.csv", "t", NOW)[0].loaded == 1
    assert lake.everything("stock", ["t"]).select(pl.len()).collect().item() == 1
