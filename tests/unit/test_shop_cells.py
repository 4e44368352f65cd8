"""Cells as exports write them, one oddity each."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ecops.shop import cells
from ecops.shop.sheet import EPOCH_1900, EPOCH_1904, cell_text


def convert(converter, text, epoch=EPOCH_1900):
    frame = pl.DataFrame({"cell": [text]}, schema={"cell": pl.String}).select(cells.clean(pl.col("cell")).alias("cell"))
    parsed = converter(pl.col("cell"), epoch)
    return frame.select(value=parsed.value, fault=parsed.fault.cast(pl.String)).row(0)


@pytest.mark.parametrize("text", ["", " ", "-", "--", "—", "暂无数据", "null", "'null", "N/A", "****", "\t", None])
def test_ways_to_write_nothing_are_unknown_without_a_fault(text):
    for converter in (cells.text, cells.identity, cells.money, cells.count, cells.day, cells.instant, cells.flag):
        assert convert(converter, text) == (None, None)


@pytest.mark.parametrize(
    ("text", "fen"),
    [("178.8", 17880), ("￥1,234.50", 123450), ("¥ 12", 1200), ("99元", 9900), ("１，２３４．５０", 123450), ("\ufeff8.00", 800), ("0.0", 0), ("1，234", 123400), ("35.90", 3590), ("0.29", 29)],
)
def test_money_becomes_fen(text, fen):
    assert convert(cells.money, text) == (fen, None)


@pytest.mark.parametrize(
    ("converter", "text", "code"),
    [
        (cells.money, "1.234", "not_money"), (cells.money, "1e5", "not_money"), (cells.money, "nan yuan", "not_money"),
        (cells.money, "1.2.3", "not_money"), (cells.money, "inf", "not_money"), (cells.money, "9" * 30, "not_money"),
        (cells.money, "-5.00", "negative"), (cells.count, "-3", "negative"), (cells.count, "2.5", "not_a_number"),
        (cells.count, "1e3", "not_a_number"), (cells.count, "8.50%", "not_a_number"), (cells.count, "9" * 30, "not_a_number"),
        (cells.identity, "9.78756922225897e+25", "digits_lost"), (cells.identity, "1.23457E+17", "digits_lost"),
        (cells.identity, "3698745123000007120.0", "digits_lost"),
        (cells.day, "2019-02-30", "not_a_date"), (cells.day, "yesterday", "not_a_date"), (cells.day, "0019-01-01", "not_a_date"),
        (cells.instant, "2019-01-01 25:00:00", "not_a_date"), (cells.flag, "maybe", "not_yes_no"),
    ],
)
def test_what_cannot_be_trusted_has_a_reason(converter, text, code):
    assert convert(converter, text)[1] == code


@pytest.mark.parametrize(("text", "number"), [("1,234", 1234), ("12.0", 12), ("3件", 3), ("0", 0)])
def test_counts_are_whole_numbers(text, number):
    assert convert(cells.count, text) == (number, None)


@pytest.mark.parametrize(("text", "plain"), [('="123456789012345678"', "123456789012345678"), ("'00123", "00123"), ("12353915.0", "12353915"), ("88\t", "88"),
                                              ("３６９８", "3698"), ("3698\u200b", "3698"), ("\ufeff3698", "3698"), ("251111-7", "251111-7")])
def test_ids_are_texts_without_their_wrappings(text, plain):
    assert convert(cells.identity, text) == (plain, None)


def faults_of_ids(ids):
    return pl.DataFrame({"id": ids}).select(fault=cells.identity(pl.col("id"), EPOCH_1900).fault.cast(pl.String))["fault"].to_list()


def test_ids_that_a_program_has_held_as_numbers_are_refused_all_of_a_column():
    whole = [str(3_698_745_123_000_007_121 + 10_001 * number) for number in range(5)]
    assert faults_of_ids([str(int(float(text))) for text in whole]) == ["digits_lost"] * 5
    assert faults_of_ids(whole) == [None] * 5
    # one id that has its digits shows that they were not lost on the way
    assert faults_of_ids([*(str(int(float(text))) for text in whole), whole[0]]) == [None] * 6


def test_a_few_ids_may_end_in_binary_zeros_by_chance():
    assert faults_of_ids([str(2**61), str(2**61 + 2**12), "12", "7001"]) == [None] * 4


@pytest.mark.parametrize(("text", "fen"), [("-199.04", -19904), ("￥ -199.04 元", -19904), ("¥-0.50", -50), ("12", 1200)])
def test_a_booking_may_be_negative(text, fen):
    assert convert(cells.signed_money, text) == (fen, None)


def test_no_refund_in_words_is_no_amount():
    assert convert(cells.refund_money, "无退款申请") == (None, None)
    assert (convert(cells.refund_money, "12.00"), convert(cells.refund_money, "退款")) == ((1200, None), (None, "not_money"))


@pytest.mark.parametrize("text", ["2019-01-02", "2019/1/2", "2019.1.2", "20190102", "2019年1月2日", "２０１９－０１－０２", "43467", "2019-01-02 00:00:00"])
def test_days_in_all_common_forms(text):
    assert convert(cells.day, text) == (date(2019, 1, 2), None)


def test_serial_days_follow_the_calendar_of_the_workbook():
    assert convert(cells.day, "42005", EPOCH_1904) == (date(2019, 1, 2), None)


@pytest.mark.parametrize("text", ["2016/5/23 22:02", "2016-05-23 22:02:00", "2016-05-23T22:02:00", "42513.91805555556"])
def test_times_are_local_and_kept_in_utc(text):
    assert convert(cells.instant, text) == (datetime(2016, 5, 23, 14, 2, tzinfo=UTC), None)


@pytest.mark.parametrize(("text", "month"), [("2025-10", date(2025, 10, 1)), ("2025年9月", date(2025, 9, 1)), ("2025-10-17", date(2025, 10, 1))])
def test_months_begin_on_their_first_day(text, month):
    assert convert(cells.month, text) == (month, None)


@pytest.mark.parametrize(
    ("text", "code"), [("等待买家付款", "created"), ("买家已付款，等待卖家发货", "paid"), ("卖家已发货,等待买家确认", "shipped"), ("交易成功", "finished"), ("新状态", None)]
)
def test_status_texts_and_unknown_ones(text, code):
    assert convert(cells.status, text) == (code, None)


@pytest.mark.parametrize(("text", "province"), [("上海 上海市 徐汇区 某路", "上海"), ("广东省", "广东省"), ("**********", None), ("浙江省杭州市西湖区某某街道一号", None)])
def test_a_province_only_where_the_address_is_split(text, province):
    assert convert(cells.province, text) == (province, None)


@pytest.mark.parametrize(
    ("cell", "text"), [(12353915.0, "12353915"), (159.60000000000002, "159.6"), (9.78756922225897e25, "9.78756922225897e+25"),
                       (1234567890123456.0, "1.23456789012346e+15"), (True, "是"), (date(2019, 1, 2), "2019-01-02"), ("", None), (None, None)]
)
def test_workbook_cells_as_text(cell, text):
    assert cell_text(cell) == text
