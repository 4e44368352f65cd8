"""What verbs print for people: one row a line."""

from ecops.terminal import table


def test_a_row_stays_one_line_whatever_it_holds():
    assert table([{"run": "a", "title": "两\n行"}, {"run": None, "title": "x\r\n"}], ["run", "title"]).splitlines() == ["run  title", "a    两 行", "     x"]


def test_no_row_is_said_in_words():
    assert table([], ["run"]) == "(没有 / none)"
