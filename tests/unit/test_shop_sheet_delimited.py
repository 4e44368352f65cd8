"""Delimited texts: polars and csv.reader read the same cells, no row is lost, and what is malformed is named with its line."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet import read_tables
from ecops.shop.sheet.delimited import Body, exact, quick, wrapped
from ecops.shop.sheet.table import LONGEST_CELL, finished

PIECES = ["a", "订单", " ", '"', '""', ",", "\n", "\r\n", "\r", ";", "\t", "|", '="1"', "=", "\ufeff", "\x0b", "--end--", "é", "0"]
CELLS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5,
)
TABLES = st.lists(st.lists(CELLS, max_size=5), min_size=1, max_size=12)
STYLES = st.fixed_dictionaries({
    "delimiter": st.sampled_from(",\t;|"), "lineterminator": st.sampled_from(["\n", "\r\n", "\r"]),
    "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
})


def written(rows, **style):
    text = io.StringIO(newline="")
    csv.writer(text, **style).writerows(rows)
    return text.getvalue()


def trimmed(rows):
    """Rows as a table has them: padded, without empty columns at the right, null for empty."""
    width = max((index + 1 for row in rows for index, cell in enumerate(row) if cell), default=1)
    return [tuple(cell or None for cell in (*row, *[None] * width)[:width]) for row in rows]


def body_of(text, separator, width=1):
    whole = wrapped(iter([text]), "a.csv")
    start = whole.data.index(b"\n") + 1
    return Body(separator.encode() * (width - 1) + b"\n" + whole.data[start:], separator, width, whole.skipped)


def outcome(body):
    try:
        return exact("a.csv", body).rows()
    except ShopDataError:
        return None


@settings(deadline=None)
@given(TABLES, STYLES)
def test_every_written_table_is_read_back_by_csv_reader(rows, style):
    text = written(rows, **style).lstrip("\ufeff")
    if text and not text.lower().startswith(("sep=", '"sep=')):
        want = trimmed(list(csv.reader(io.StringIO(text, newline=""), delimiter=style["delimiter"])))
        assert exact("a.csv", body_of(text, style["delimiter"])).rows() == want


@settings(deadline=None)
@given(TABLES, STYLES, st.integers(0, 1))
def test_polars_reads_what_csv_reader_reads_or_leaves_it(rows, style, more):
    text = written(rows, **style).lstrip("\ufeff")
    if not text or text.lower().startswith(("sep=", '"sep=')):
        return
    body = body_of(text, style["delimiter"], max(1, *map(len, rows)) + more)
    frame = quick(body)
    if frame is not None:
        assert finished("a.csv", frame).rows() == outcome(body)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "a,b\n", '"x"', '"\n', ',"']), min_size=1, max_size=14).map("".join), st.integers(1, 6))
def test_polars_reads_no_malformed_text_otherwise_than_csv_reader(text, width):
    text = text.lstrip("\ufeff")
    if text:
        body = body_of(text, ",", width)
        frame = quick(body)
        assert frame is None or finished("a.csv", frame).rows() == outcome(body)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(CELLS.filter(lambda cell: "\r" not in cell), min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["", '"', 'x"', ',"', "\r"]),
)
def test_both_agree_where_polars_reads_in_parts(rows, stray):
    """Long enough to be cut into several parts, of which each must start where a row does."""
    part = written(rows, lineterminator="\n")
    text = (part * (400_000 // len(part) + 1) + stray + part * 9).lstrip("\ufeff")
    body = body_of(text, ",", 4)
    frame = quick(body)
    assert frame is None or finished("a.csv", frame).rows() == outcome(body)


def test_what_platforms_write_is_read_by_polars():
    rows = [["编号", "标题", "备注"], ['="1"', "杯,大", "第一行\n第二行"], ["", '"好"', ""], [], ["2", "5\" 屏", "x"], ["3"]]
    for style in ({}, {"quoting": csv.QUOTE_ALL}, {"lineterminator": "\n"}):
        text = written(rows, **style) if style.get("lineterminator") else written(rows, **style).replace("第一行\n", "第一行\r\n")
        frame = quick(body_of(text, ",", 3))
        assert frame is not None and frame.rows() == exact("a.csv", body_of(text, ",", 3)).rows()


def table_of(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (table,) = read_tables(path)
    assert table.sheet == "" and not table.merged
    return table.frame.rows()


def refused(tmp_path, content):
    with pytest.raises(ShopDataError) as caught:
        table_of(tmp_path, content)
    message = str(caught.value)
    assert "a.csv" in message and "\n" not in message
    return message


def test_ragged_rows_are_padded_and_extra_cells_kept(tmp_path):
    assert table_of(tmp_path, "a,b\n1\n2,3,4\n") == [("a", "b", None), ("1", None, None), ("2", "3", "4")]


def test_a_row_wider_than_the_beginning_shows_is_kept(tmp_path):
    rows = table_of(tmp_path, "a,b\n" + "1,2\n" * 300_000 + "1,2,3\n")
    assert len(rows) == 300_002 and rows[-1] == ("1", "2", "3") and rows[1] == ("1", "2", None)


def test_blank_rows_keep_the_numbers_true(tmp_path):
    assert table_of(tmp_path, "\n\na,b\n\n1,2\n\n") == [(None, None), (None, None), ("a", "b"), (None, None), ("1", "2"), (None, None)]


@pytest.mark.parametrize("mark", ",\t;|")
def test_the_separator_is_found_and_wrapped_ids_stay_as_written(tmp_path, mark):
    assert table_of(tmp_path, f'编号{mark}备注\n="123"{mark}"x{mark}\ny"\n') == [("编号", "备注"), ('="123"', f"x{mark}\ny")]


@pytest.mark.parametrize("line", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_line_that_names_the_separator_is_no_row(tmp_path, line):
    assert table_of(tmp_path, line + "a,b;c\n1,5;2\n") == [("a,b", "c"), ("1,5", "2")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends(tmp_path, end):
    assert table_of(tmp_path, f"a,b{end}1,2{end}3,4") == [("a", "b"), ("1", "2"), ("3", "4")]


def test_an_empty_quoted_cell_is_empty(tmp_path):
    assert table_of(tmp_path, 'a,b\n"",""\n"1",""\n') == [("a", "b"), (None, None), ("1", None)]


def test_a_stray_control_character_is_kept(tmp_path):
    assert table_of(tmp_path, "标题,数\n" + "好看的连衣裙,1\n" * 20 + "好\x0b看,2\n")[-1] == ("好\x0b看", "2")


def test_a_nul_is_refused(tmp_path):
    assert "neither a workbook nor readable text" in refused(tmp_path, b"a,b\n" + b"1,2\n" * 2000 + b"\0,2\n")


def test_a_text_of_two_encodings_is_refused(tmp_path):
    assert "neither" in refused(tmp_path, "订单\n".encode() + "订单编号".encode("gb18030") + b"\xff")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_characters_are_whole_across_the_parts_read(tmp_path, encoding):
    rows = table_of(tmp_path, ("编号,题\n" + "1,连衣裙\n" * 700_000).encode(encoding))
    assert len(rows) == 700_001 and set(rows[1:]) == {("1", "连衣裙")}


@pytest.mark.parametrize(("text", "line"), [
    ('a,b\n1,"x\n2,3\n', 2), ('a,b\n"x\ny","z\n2,3\n', 3), ('sep=,\na,b\n1,"x\n', 3), ('a,b\n"p\nq",1\n\n2,"z\n', 5),
])
def test_a_quote_that_is_never_closed_is_named_with_its_line(tmp_path, text, line):
    assert f"the quote opened in line {line} is never closed" in refused(tmp_path, text)


def test_a_long_text_after_a_quote_without_end_is_named_with_its_line(tmp_path):
    message = refused(tmp_path, 'a,b\n1,"x\n' + "2,3\n" * 100_000)
    assert "line 2" in message and "a quote that is not closed" in message


def test_text_after_a_closing_quote_is_named_with_its_line(tmp_path):
    assert "line 3" in refused(tmp_path, 'a,b\n1,2\n"x"y,2\n')
    assert "line 2" in refused(tmp_path, 'a,b\n""q"",2\n')


def test_a_cell_too_long_is_named_with_its_row(tmp_path):
    assert f"row 3 of a.csv has a cell of more than {LONGEST_CELL:,}" in refused(tmp_path, "a,b\n1,2\n3," + "好" * (LONGEST_CELL + 1))
    assert len(table_of(tmp_path, "a,b\n3," + "好" * LONGEST_CELL)) == 2


def test_too_many_columns(tmp_path):
    assert "16,384 columns" in refused(tmp_path, "," * 20_000 + "a\n")


def test_a_row_too_wide_for_all_the_others_is_refused(tmp_path):
    assert "cells" in refused(tmp_path, "a\n" * 600_000 + "," * 9_000 + "a\n")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xff\xfe", b"sep=;\n", "\ufeffsep=,".encode()])
def test_a_file_with_nothing_after_its_marks(tmp_path, content):
    assert "empty" in refused(tmp_path, content)


def test_progress_rises_to_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" * 3_000_000)
    heard = []
    read_tables(path, heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0 and len(heard) >= 3
