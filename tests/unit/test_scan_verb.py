"""`ecops scan`: what it takes, what it prints, how it ends."""

import json

import pytest
from click.testing import CliRunner

from ecops.cli import cli
from ecops.errors import BadCall, NotFound


def scan(*words: str, given: bytes | None = None) -> tuple[int, list[dict]]:
    done = CliRunner().invoke(cli, ["scan", *words], input=given)
    if isinstance(done.exception, (BadCall, NotFound)):
        raise done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def verdicts(answers: list[dict]) -> list[str]:
    return [answer["verdict"] for answer in answers]


@pytest.mark.parametrize(("text", "code", "verdict"), [("全网最低价", 1, "block"), ("首选好物", 1, "review"), ("最近新品", 0, "pass"), ("", 0, "pass")])
def test_a_text_is_judged_and_the_exit_status_says_so(text, code, verdict):
    assert scan(text) == scan(text, "--json")
    ended, answers = scan(text)
    assert (ended, verdicts(answers)) == (code, [verdict])


def test_standard_input_is_read_as_one_text_or_by_lines():
    given = "最近新品\n全网最低价\n".encode()
    assert verdicts(scan("-", given=given)[1]) == ["block"]
    code, answers = scan("-", "--lines", given=given)
    assert (code, verdicts(answers)) == (1, ["pass", "block"])
    assert answers[1]["hits"][0]["start"] == 0


def test_one_answer_for_every_line_and_for_nothing_else(tmp_path):
    file = tmp_path / "copy.txt"
    file.write_bytes("最近\r\n\r\n第一\u2028批发货\x0b好\n顶级".encode())
    assert verdicts(scan("--file", str(file), "--lines")[1]) == ["pass", "pass", "review", "block"]
    file.write_bytes(b"")
    assert scan("--file", str(file), "--lines") == (0, [])
    assert verdicts(scan("--file", str(file))[1]) == ["pass"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_file_is_read_in_the_encoding_it_has(tmp_path, encoding):
    file = tmp_path / "copy.txt"
    file.write_bytes("面霜，全网最低价".encode(encoding))
    [answer] = scan("--file", str(file))[1]
    assert (answer["verdict"], answer["hits"][0]["start"]) == ("block", 3)


def test_what_cannot_be_read_is_not_called_clean(tmp_path):
    file = tmp_path / "copy.txt"
    file.write_bytes(b"\xff\xff\xff")
    with pytest.raises(BadCall, match="not readable text"):
        scan("--file", str(file))


def test_no_text_two_texts_and_a_missing_file_are_said():
    with pytest.raises(BadCall, match="Name one of"):
        scan()
    with pytest.raises(BadCall, match="Name one of"):
        scan("面霜", "--file", "x.txt")
    with pytest.raises(NotFound, match="no file"):
        scan("--file", "no-such-file.txt")


def test_a_page_of_five_megabytes_is_scanned_whole(tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<p>纯棉透气，柔软亲肤，第一次购买请看尺码表。</p>\n" * 70_000 + "全网最低价", encoding="utf-8")
    assert file.stat().st_size > 4_800_000
    code, [answer] = scan("--file", str(file))
    assert (code, len(answer["hits"])) == (1, 1)
    assert answer["hits"][0]["start"] == len(file.read_text(encoding="utf-8")) - 5
