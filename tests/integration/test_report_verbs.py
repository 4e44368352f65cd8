"""`ecops report` and `ecops export` over a real store: what is in the run is in the file, and words that are off get a sentence."""

import json
import sys
from datetime import datetime

import lxml.html
import pytest
from icalendar import Calendar
from python_calamine import CalamineWorkbook

from ecops import cli
from ecops.playbook.model import ACCEPT
from ecops.service import gates, items, sweep, work
from ecops.service.items import Proof
from ecops.service.reports import Reading
from ecops.store import tables as t
from tests.integration.stores import items_of, machine, ok, playbook, start, step_of, store  # noqa: F401
from tests.integration.stores import NOW as STARTED
from tests.integration.web_data import NOW, build

HOSTILE = "<img src=x onerror=alert(1)>=1+1"


@pytest.fixture
def world(tmp_path):
    (home := tmp_path / "home_of_it").mkdir()
    made = build(home, hostile=HOSTILE)
    yield made
    made.store.close()


@pytest.fixture
def call(world, monkeypatch, capsys):
    """Run a verb in the home of the world, at its moment: exit status, stdout, stderr."""
    monkeypatch.setenv("ECOPS_HOME", str(world.home))
    monkeypatch.setattr("ecops.report_verbs.now", world.clock)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ecops", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return run


def sheets(path) -> dict[str, list[list]]:
    found = CalamineWorkbook.from_path(str(path))
    return {name: found.get_sheet_by_name(name).to_python() for name in found.sheet_names}


def test_a_page_tells_who_did_what_and_what_is_missing(world, call, tmp_path):
    gates.decide(world.store, world.gate("budget"), "wang", "approve", "可以", NOW)
    code, printed, _ = call("report", world.run, "--out", tmp_path / "r.html", "--json")
    assert code == 0 and json.loads(printed) == {"run": world.run, "file": str(tmp_path / "r.html"), "bytes": (tmp_path / "r.html").stat().st_size}
    page = lxml.html.parse(str(tmp_path / "r.html")).getroot()
    said = " ".join(page.text_content().split())
    assert page.xpath("//img | //script") == [] and HOSTILE in said
    for word in ("双11大促", "周总", "素木家居旗舰店", "王丽", "可以", "1/2", "30 days of item reports are missing", "缺少近 30 天商品日报"):
        assert word in said


def test_a_plan_has_a_row_a_step_and_shop_and_a_row_an_item(world, call, tmp_path):
    assert call("export", world.run, "--out", tmp_path / "p.xlsx")[0] == 0
    plan, checklists = sheets(tmp_path / "p.xlsx").values()
    with world.store.read() as connection:
        steps, listed = (len(connection.execute(table.select().where(table.c.run == world.run)).all()) for table in (t.step_run, t.item))
    assert (len(plan) - 1, len(checklists) - 1) == (steps, listed)
    assert datetime(2026, 11, 8, 20) in next(line for line in plan if "会场页面与主图上新" in line), "day - 3d 20:00 of the shop's zone"
    assert any(HOSTILE in line and "王丽" not in line for line in checklists) and any("王丽" in line for line in checklists)


def test_a_calendar_follows_the_run(world, call, tmp_path):
    (world.home / "parts.json").write_text(json.dumps({"web": "http://127.0.0.1:8600"}))
    assert call("export", world.run, "--out", tmp_path / "c.ics")[0] == 0
    before = {event["uid"]: event for event in Calendar.from_ical((tmp_path / "c.ics").read_bytes()).walk("VEVENT")}
    assert before[f"{world.run}.training@ecops"]["summary"] == "客服话术与排班"
    assert before[f"{world.run}.training@ecops"]["url"] == f"http://127.0.0.1:8600/runs/{world.run}#step-training"
    items.complete(world.store, world.item("script", ""), "sun", Proof(), NOW)
    assert call("export", world.run, "--out", tmp_path / "c.ics")[0] == 0
    after = {event["uid"]: event for event in Calendar.from_ical((tmp_path / "c.ics").read_bytes()).walk("VEVENT")}
    assert before.keys() - after.keys() == {f"{world.run}.training@ecops"}
    assert all(after[uid]["sequence"] > before[uid]["sequence"] for uid in after)


@pytest.mark.parametrize(
    ("verb", "run", "name", "status", "said"),
    [
        ("report", None, "r.pdf", 2, ".html or .xlsx"),
        ("report", None, "r", 2, ".html or .xlsx"),
        ("export", None, "r.html", 2, ".xlsx or .ics"),
        ("report", "nope", "r.html", 4, "no run nope"),
        ("export", "nope", "r.ics", 4, "no run nope"),
        ("report", None, "no/such/folder/r.html", 4, "no folder"),
    ],
)
def test_words_that_are_off_get_a_sentence_and_no_file(world, call, tmp_path, verb, run, name, status, said):
    code, printed, err = call(verb, run or world.run, "--out", tmp_path / name)
    assert (code, printed) == (status, "") and said in err and not (tmp_path / name).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home_of_it"]


def test_a_run_that_has_ended_has_no_calendar(world, call, tmp_path):
    sweep.cancel(world.store, world.run, "wang", "改期", NOW)
    code, printed, err = call("export", world.run, "--out", tmp_path / "c.ics")
    assert code == 3 and "nothing for a calendar" in err and not (tmp_path / "c.ics").exists()
    assert call("report", world.run, "--out", tmp_path / "r.html")[0] == 0


REVIEW = playbook(
    {"id": "gap", "task": "review.gap", "title": {"zh": "差距", "en": "Gap"}},
    {"id": "lost", "task": "review.lost_sales"},
    {"id": "learn", "checklist": {"each": "steps.lost.items", "key": "shop", "item": "lost {{ it.share }}", "learn": {"playbook": "tiny", "param": "stock_factor", "value": "{{ it.factor }}"}}, "due": "day 18:00", "role": "supply"},
    {"id": "close", "approval": {"by": "management"}, "due": "day + 1d 18:00"},
    playbook="look-back", phase="review",
)  # fmt: skip


def test_a_review_is_read_with_its_findings_and_who_judged_them(store):  # noqa: F811
    run = start(store, REVIEW, ("a", "b"))
    machine(store, run, {"a": ok({"shop": "a", "share": 0.2, "factor": "1.5"}), "b": ok({"shop": "b", "share": 0.1, "factor": "1.3"})})
    items.complete(store, next(item.id for item in items_of(store, run, "learn") if item.shop == "a"), "cat", Proof(value=ACCEPT, note="seen"), STARTED)
    gates.decide(store, step_of(store, run, "close").id, "ann", "reject", "再看看", STARTED)
    with store.read() as connection:
        reading = Reading(connection, run, STARTED)
        head, steps = reading.head(), {one["step"]: one for one in reading.steps()}
    assert {(one["shop"], one["state"], one["by"]) for one in head["findings"]} == {("a", "accepted", "Cat"), ("b", "proposed", None)}
    assert [(gate["decisions"][0]["person"], gate["decisions"][0]["verdict"], gate["decisions"][0]["note"]) for gate in head["gates"]] == [("Ann", "reject", "再看看")]
    assert {row["shop"] for row in steps["lost"]["lists"]["items"]} == {"a", "b"}
    assert [item["closed_by"] for item in steps["learn"]["items"]] == ["Cat", None]


def test_a_repeating_step_is_told_by_its_latest_round(store):  # noqa: F811
    book = playbook({"id": "watch", "task": "campaign.watch_hour", "every": "1h", "from": "day", "until": "day + 3h"})
    run = start(store, book)
    at = datetime(2026, 11, 11, 0, 1, tzinfo=STARTED.tzinfo)
    for number in range(2):
        moment = at.replace(hour=number)
        sweep.sweep(store, moment)
        machine(store, run, work.Result("unknown" if number else "ok", f"第{number}轮", f"round {number}", ("hours",) if number else (), {}), moment, f"e{number}")
    with store.read() as connection:
        reading = Reading(connection, run, at.replace(hour=2))
        head, watch = reading.head(), reading.step("watch")
    assert watch["step_runs"][0]["outcome"]["zh"] == "第1轮"
    assert [row["outcome"]["missing"] for row in head["unknown"]] == [["hours"]]


def test_two_hundred_shops_have_a_page_and_a_workbook(tmp_path, monkeypatch, capsys):
    world = build(tmp_path, extra_shops=197)
    monkeypatch.setenv("ECOPS_HOME", str(tmp_path))
    monkeypatch.setattr("ecops.report_verbs.now", world.clock)
    for name in ("r.html", "r.xlsx"):
        monkeypatch.setattr(sys, "argv", ["ecops", "report", world.run, "--out", str(tmp_path / name)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0, capsys.readouterr().err
    page = lxml.html.parse(str(tmp_path / "r.html")).getroot()
    assert "共 200 行" in page.get_element_by_id("pick-items").text_content() and (tmp_path / "r.html").stat().st_size < 1_000_000
    with world.store.read() as connection:
        steps = len(connection.execute(t.step_run.select().where(t.step_run.c.run == world.run)).all())
    assert len(sheets(tmp_path / "r.xlsx")["步骤 Steps"]) - 1 == steps > 1000
    world.store.close()
