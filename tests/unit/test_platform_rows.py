"""Raw rows become frames of the kinds: fen, UTC, null where nothing is said, refused where a cell cannot be trusted."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecops.platforms import rows
from ecops.platforms.rows import Cell, Origin, Untrusted, read_rows
from ecops.shop.kinds import KINDS
from ecops.shop.reasons import REASONS

ORIGIN = Origin("shop-a", "some.call", datetime(2026, 11, 11, 4, 0, tzinfo=UTC))
CELLS = {
    "refund_id": Cell("id", rows.identity, True), "created_at": Cell("at", rows.local, True), "closed_at": Cell("end", rows.local),
    "amount_fen": Cell("fee", rows.yuan), "reason": Cell("why", rows.text),
}
ROW = {"id": 7, "at": "2026-11-11 00:00:01", "fee": "12.30", "why": "打 13812345678 给我", "receiver_name": "王小明", "version": "1"}


def test_a_row_has_the_kind_s_whole_schema_and_says_where_it_came_from():
    found = read_rows("refunds", [ROW], CELLS, ORIGIN)
    assert found.frame.schema == KINDS["refunds"].schema and found.refusals.is_empty()
    row = found.frame.row(0, named=True)
    assert row["refund_id"] == "7" and row["amount_fen"] == 1230 and row["created_at"] == datetime(2026, 11, 10, 16, 0, 1, tzinfo=UTC)
    assert (row["shop"], row["source_file"], row["available_at"], row["facts_as_of"]) == ("shop-a", "some.call", row["created_at"], ORIGIN.now)
    assert row["closed_at"] is None and row["refund_status"] is None, "unknown stays unknown"
    assert "13812345678" not in row["reason"] and "王小明" not in str(row)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_value"), ({"id": "4.0E+18"}, "digits_lost"), ({"at": "11/11/2026"}, "not_a_date"), ({"at": None}, "missing_value"),
        ({"fee": "12.345"}, "not_money"), ({"fee": "much"}, "not_money"), ({"fee": True}, "not_money"), ({"fee": "-1.00"}, "negative"),
        ({"fee": "NaN"}, "not_money"), ({"fee": "1e400"}, "not_money"), ({"fee": {}}, "missing_value"),
        ({"end": "2026-11-10 00:00:00"}, "closed_before_created"),
    ],
)
def test_a_row_with_a_cell_that_cannot_be_trusted_is_refused_with_its_reason(change, reason):
    found = read_rows("refunds", [{**ROW, **change}, {**ROW, "id": 8}], CELLS, ORIGIN)
    assert found.frame["refund_id"].to_list() == ["8"]
    assert found.refusals["reason"].to_list() == [reason] and reason in REASONS


def test_refusals_show_no_person():
    found = read_rows("refunds", [{**ROW, "at": "13812345678"}], CELLS, ORIGIN)
    assert found.refusals.row(0, named=True) == {"kind": "refunds", "id": "7", "field": "at", "value": "***********", "reason": "not_a_date"}


def test_of_a_row_given_twice_the_newest_version_counts():
    old, new = {**ROW, "fee": "1.00"}, {**ROW, "fee": "2.00", "version": "2"}
    for given_rows in ([old, new], [new, old]):
        assert read_rows("refunds", given_rows, CELLS, ORIGIN, "version").frame["amount_fen"].to_list() == [200]


def test_a_newest_version_that_is_refused_does_not_bring_an_older_one_back():
    found = read_rows("refunds", [ROW, {**ROW, "fee": "?", "version": "2"}], CELLS, ORIGIN, "version")
    assert found.frame.is_empty() and len(found.refusals) == 1


def test_of_a_report_two_rows_of_one_key_must_agree():
    assert read_rows("refunds", [ROW, ROW], CELLS, ORIGIN, sole=True).frame.height == 1
    found = read_rows("refunds", [ROW, {**ROW, "fee": "2"}], CELLS, ORIGIN, sole=True)
    assert found.frame.is_empty() and found.refusals["reason"].to_list() == ["duplicate_key"]


def test_no_rows_are_an_empty_frame():
    assert read_rows("refunds", [], CELLS, ORIGIN).frame.schema == KINDS["refunds"].schema


@given(st.integers(0, 10**11))
def test_yuan_of_two_decimals_are_exact_fen(fen):
    assert rows.yuan(f"{fen // 100}.{fen % 100:02d}") == fen == rows.fen(fen) == rows.li(fen * 10)


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (rows.unix, 0, None), (rows.unix, "1762790401", datetime(2025, 11, 10, 16, 0, 1, tzinfo=UTC)), (rows.count, "12.0", 12),
            (rows.count, "", None),
        (rows.text, "  ", None), (rows.day, "2026-11-11 00:00:00", date(2026, 11, 11)), (rows.local, "0000-00-00 00:00:00", None), (rows.li, 15, 2),
        (rows.fen_rounded, "123.6", 124), (rows.choice({"1": "open"}), 1, "open"), (rows.choice({"1": "open"}), 9, None), (rows.identity, "0", None),
        (rows.open_id(None), "AAHx", "AAHx"), (rows.open_id(None), "13812345678", None), (rows.open_id(lambda text: "hash"), "a@b.cn", "hash"),
        (rows.day_of(rows.unix), 1762790401, date(2025, 11, 11)),
    ],
)
def test_readers(read, cell, value):
    assert read(cell) == value


@pytest.mark.parametrize(("read", "cell"), [(rows.unix, 1762790401000), (rows.unix, "x"), (rows.count, 1.5), (rows.fen, "1.5"), (rows.day, "today")])
def test_readers_refuse(read, cell):
    with pytest.raises(Untrusted):
        read(cell)


def test_lists_are_found_with_and_without_a_wrapping():
    assert rows.listed({"a": {"b": [{"x": 1}, 2]}}, "a") == rows.listed({"a": [{"x": 1}]}, "a") == [{"x": 1}]
    assert rows.listed({}, "a") == rows.listed({"a": "text"}, "a") == []
