"""The verbs about data as scripts call them: JSON on stdout, words on stderr, exit statuses."""

import json

import pytest
from click.testing import CliRunner
from python_calamine import CalamineWorkbook

from ecops.cli import cli
from ecops.errors import BadCall, NotFound

STOCK = ["日期,商品ID,期初库存,入库数量,期末库存", "2025-11-10,1,5,0,3", "2025-11-10,2,5,0,-1"]
UNKNOWN = ["单号,谁买的,下单,应收", "1,小明,2025-11-11 00:00:01,10.5"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path / "home"))
    runner = CliRunner()

    def call(*words):
        return runner.invoke(cli, [str(word) for word in words], catch_exceptions=True)

    assert call("shop", "add", "s", "--name", "一店", "--platform", "taobao").exit_code == 0
    return call


def write(path, lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_an_import_tells_what_was_kept_and_refused(run, tmp_path):
    done = run("import", write(tmp_path / "a.csv", STOCK), "--shop", "s", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["kind"], told["rows"], told["loaded"], told["refused"]) == ("stock", 2, 1, 1)
    assert told["quarantined"][0] | {"sentence": ""} == {"row": 3, "column": "期末库存", "value": "-1", "reason": "negative", "sentence": "", "sheet": ""}
    assert "数值为负" in done.stderr and "ecops quarantine" in done.stderr


def test_several_files_are_answered_with_a_list(run, tmp_path):
    files = [write(tmp_path / name, STOCK) for name in ("a.csv", "b.csv")]
    told = json.loads(run("import", *files, "--shop", "s", "--json").stdout)
    assert [(one["file"], one["loaded"], one["duplicates"]) for one in told] == [("a.csv", 1, 0), ("b.csv", 0, 1)]


def test_the_quarantine_is_listed_written_mended_and_emptied(run, tmp_path):
    run("import", write(tmp_path / "a.csv", STOCK), "--shop", "s")
    held = json.loads(run("quarantine", "--shop", "s", "--json").stdout)
    assert [(one["file"], one["row"], one["reason"]) for one in held] == [("a.csv", 3, "negative")]
    done = run("quarantine", "--shop", "s", "--out", tmp_path / "mend.xlsx")
    assert done.exit_code == 0 and "1 行" in done.stderr
    rows = CalamineWorkbook.from_path(str(tmp_path / "mend.xlsx")).get_sheet_by_index(0).to_python()
    mended = [rows[0], [("1" if name == "期末库存" else cell) for name, cell in zip(*rows, strict=True)]]
    told = json.loads(run("import", write(tmp_path / "mended.csv", [",".join(map(str, row)) for row in mended]), "--shop", "s", "--json").stdout)
    assert told["loaded"] == 1
    assert json.loads(run("quarantine", "--shop", "s", "--json").stdout) == []


def test_an_unknown_export_is_mapped_once(run, tmp_path):
    path = write(tmp_path / "a.csv", UNKNOWN)
    refused = run("import", path, "--shop", "s")
    assert isinstance(refused.exception, BadCall) and "--map" in str(refused.exception)
    pairs = ("--map", "单号=order_id", "--map", "谁买的=buyer_id", "--map", "下单=创建时间", "--map", "应收=订单金额")
    assert json.loads(run("import", path, "--shop", "s", "--kind", "orders", *pairs, "--json").stdout)["loaded"] == 1
    assert json.loads(run("import", path, "--shop", "s", "--json").stdout)["duplicates"] == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("import", "nowhere.csv", "--shop", "s"), NotFound), (("import", "{file}", "--shop", "nobody"), NotFound), (("quarantine", "--shop", "nobody"), NotFound),
        (("import", "{file}", "--shop", "s", "--kind", "orders"), BadCall), (("import", "{file}", "--shop", "s", "--kind", "orders", "--map", "单号"), BadCall),
        (("import", "{file}", "--shop", "s", "--map", "单号=order_id"), BadCall), (("quarantine", "--shop", "s", "--out", "{file}"), BadCall),
        (("quarantine", "--shop", "s", "--out", "/nowhere/mend.xlsx"), NotFound),
    ],
)
def test_what_is_off_is_said_in_one_sentence(run, tmp_path, words, error):
    path = write(tmp_path / "a.csv", STOCK)
    done = run(*(word.format(file=path) for word in words))
    assert isinstance(done.exception, error), done.exception
    assert "\n" not in str(done.exception).strip()


def test_of_several_files_a_bad_one_does_not_keep_the_others_out(run, tmp_path):
    files = [write(tmp_path / "a.csv", STOCK), write(tmp_path / "b.csv", ["nothing"]), write(tmp_path / "c.csv", STOCK)]
    done = run("import", *files, "--shop", "s", "--json")
    assert isinstance(done.exception, BadCall) and "b.csv" in str(done.exception) and "1 of 3" in str(done.exception)
    assert [one["file"] for one in json.loads(done.stdout)] == ["a.csv", "c.csv"]
    assert "ecops quarantine --shop s --out" in done.stderr


def test_one_good_file_of_several_is_still_a_list(run, tmp_path):
    done = run("import", write(tmp_path / "a.csv", STOCK), write(tmp_path / "b.csv", ["nothing"]), "--shop", "s", "--json")
    assert [one["file"] for one in json.loads(done.stdout)] == ["a.csv"]


def test_a_mapping_that_reads_nothing_is_not_kept(run, tmp_path):
    path = write(tmp_path / "a.csv", UNKNOWN)
    wrong = ("--map", "打错=order_id", "--map", "下单=created_at")
    assert isinstance(run("import", path, "--shop", "s", "--kind", "orders", *wrong).exception, BadCall)
    assert [*(tmp_path / "home" / "mappings").glob("*.toml")] == []


@pytest.mark.parametrize("pairs", [("=order_id",), ("单号=order_id", "单号=buyer_id"), ("单号=",), ("单号",)])
def test_words_of_a_mapping_that_say_nothing_are_refused(run, tmp_path, pairs):
    words = [word for pair in pairs for word in ("--map", pair)]
    done = run("import", write(tmp_path / "a.csv", UNKNOWN), "--shop", "s", "--kind", "orders", *words)
    assert isinstance(done.exception, BadCall)


def test_times_of_the_quarantine_are_iso_8601(run, tmp_path):
    run("import", write(tmp_path / "a.csv", STOCK), "--shop", "s")
    assert "T" in json.loads(run("quarantine", "--shop", "s", "--json").stdout)[0]["imported_at"]


def test_a_workbook_that_cannot_be_written_is_said(run, tmp_path):
    run("import", write(tmp_path / "a.csv", STOCK), "--shop", "s")
    (tmp_path / "taken.xlsx").symlink_to("/proc/nothing.xlsx")
    done = run("quarantine", "--shop", "s", "--out", tmp_path / "taken.xlsx")
    assert isinstance(done.exception, BadCall) and "taken.xlsx" in str(done.exception)


def test_an_import_that_is_interrupted_says_what_to_do(run, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ecops.shop.imports.import_file", interrupted)
    done = run("import", write(tmp_path / "a.csv", STOCK), "--shop", "s")
    assert done.exit_code == 130 and "import again" in done.stderr


@pytest.mark.parametrize("words", [("--from", "0001-01-01", "--until", "0001-01-02"), ("--until", "0001-01-02"), ("--until", "9999-12-31"), ("--from", "1969-12-30", "--until", "2024-01-01")])
def test_a_demo_of_days_far_away_is_refused(run, words):
    assert isinstance(run("shop", "demo", *words).exception, BadCall)


def test_a_demo_without_a_lake_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ECOPS_LAKE_URL", str(write(tmp_path / "file", ["x"])))
    assert isinstance(run("shop", "demo", "--from", "2025-11-10", "--until", "2025-11-10").exception, BadCall)


def test_an_address_of_a_database_that_is_none_is_refused(run, monkeypatch):
    monkeypatch.setenv("ECOPS_DATABASE_URL", "nonsense")
    done = run("quarantine", "--shop", "s")
    assert isinstance(done.exception, BadCall) and "ECOPS_DATABASE_URL" in str(done.exception)
