"""Pages, workbooks and calendars from plain data: nothing from outside, no formula, no markup of a title's own, the same event again."""

import os
import stat
import zipfile
from datetime import date, datetime, timedelta

import lxml.html
import pytest
from icalendar import Calendar
from python_calamine import CalamineWorkbook

from ecops.errors import BadCall, NotFound
from ecops.report.calendar import calendar
from ecops.report.page import ROWS, page
from ecops.report.whole import whole
from ecops.report.workbook import MAX_TEXT, write_plan, write_report
from tests.unit.report_rows import DAY, NOW, answered, head, item, row, step

HOSTILE = "<script>alert(1)</script>=HYPERLINK(\"http://x\") 'q' \x00\x1b ]]> {{ 7*7 }} BEGIN:VEVENT\r\nSUMMARY:x"
SUMS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "http://x.example", "{=1}")


def drawn(told: dict, *steps: dict, first=()) -> lxml.html.HtmlElement:
    return lxml.html.fromstring("".join(page(told, first, steps, 500)))


def text_of(page) -> str:
    return " ".join(page.text_content().split())


def book(path) -> dict[str, list[list]]:
    found = CalamineWorkbook.from_path(str(path))
    return {name: found.get_sheet_by_name(name).to_python() for name in found.sheet_names}


def reader(*steps):
    return lambda lists: iter(steps)


def test_a_page_asks_for_nothing_from_outside_and_runs_nothing():
    one = step(row(), items=(item(link="https://example.com/a", state="done", closed_by="赵敏", closed_at=NOW),))
    found = drawn(head(one), one)
    assert found.xpath("//script | //link | //img | //iframe | //*[@src] | //*[starts-with(name(@*), 'on')]") == []
    assert "url(" not in found.xpath("string(//style)") and "@import" not in found.xpath("string(//style)")
    assert found.xpath("//a/@href") == ["https://example.com/a"]


def test_a_run_in_which_nothing_was_done_has_a_page():
    one = step(row(state="waiting", due=None, opened_at=None))
    said = text_of(drawn(head(one), one))
    assert "双11大促" in said and "0/1步已结束" in said and "逾期未完" in said


def test_what_people_wrote_is_text_wherever_it_stands():
    gate = row(kind="approval") | {"by": ("management",), "quorum": 1, "decisions": [{"person": HOSTILE, "role": "management", "verdict": "reject", "note": HOSTILE, "at": NOW}]}
    found = {"title": HOSTILE, "title_en": HOSTILE, "state": "accepted", "shop": "", "shop_name": None, "evidence": {"text": HOSTILE}, "owner": HOSTILE, "due": NOW, "by": HOSTILE, "at": NOW, "reason": HOSTILE, "change": {"playbook": "x", "param": "p", "value": HOSTILE}, "in_force": True}
    one = step(row(title=HOSTILE, title_en=HOSTILE, task="a.b", outcome=answered("unknown", (HOSTILE,), zh=HOSTILE, en=HOSTILE)), items=(item(HOSTILE, note=HOSTILE, value=HOSTILE, file=HOSTILE, link="javascript:alert(1)"),), odd=[{"shop": "s0", HOSTILE: HOSTILE}])
    told = head(one, title=HOSTILE, gates=[gate], findings=[found], late=[row(title=HOSTILE)])
    made = drawn(told, one)
    assert made.xpath("//script") == [] and "49" not in made.xpath("string(//title)") and made.xpath("//a") == []
    assert text_of(made).count("<script>alert(1)</script>") > 10


def test_two_hundred_shops_are_cut_and_counted_the_unknown_ones_first():
    rows = [row("pick", f"s{n}", task="a.b", kind="task", state="done", outcome=answered("unknown" if n == 199 else "ok", ("orders",) if n == 199 else ())) for n in range(200)]
    one = {"step": "pick", "step_runs": rows, "lists": {"items": [{"shop": f"s{n}", "gmv_fen": 100} for n in range(200)]}, "items": [item(shop=f"s{n}", shop_name=f"店s{n}") for n in range(200)]}
    made = drawn(head(one, shops=200), one)
    inside = made.get_element_by_id("pick")
    assert [len(found.xpath(".//tbody/tr")) for found in inside.xpath(".//table")] == [ROWS] * 3
    assert text_of(inside).count(f"显示 {ROWS} 行,共 200 行") == 3
    assert "店s199" in inside.xpath("string(.//tbody/tr[1])") and "orders" in inside.xpath("string(.//tbody/tr[1])")


def test_what_is_unknown_says_what_is_missing():
    one = step(row(task="a.b", outcome=answered("unknown", ("orders: none",))))
    said = text_of(drawn(head(one), one))
    assert "1结果未知" in said and "缺什么" in said and "orders: none" in said


def test_money_rates_and_moments_are_said_as_people_say_them():
    one = step(row(task="a.b", outcome=answered()), items_list=[{"shop": "s0", "gmv_fen": 123456, "spend_share": 0.125, "paid_at": "2026-11-10T12:00:00+00:00", "orders": None}, {"shop": "s0", "gmv_fen": 1, "orders": 3}])
    said = text_of(drawn(head(one), one))
    assert "1,234.56" in said and "12.5%" in said and "2026-11-10 20:00" in said and "123456" not in said


def test_a_plan_has_a_heading_that_stays_real_dates_and_no_formula(tmp_path):
    one = step(row(), items=tuple(item(title, value=title, note=title) for title in SUMS) + (item("数", value="12.5", evidence={"type": "number", "unit": "天"}, state="done", closed_by="赵敏", closed_at=NOW),))
    write_plan(tmp_path / "p.xlsx", head(one), reader(one))
    sheets = book(tmp_path / "p.xlsx")
    assert list(sheets) == ["计划 Plan", "清单 Checklists"]
    plan, items = sheets.values()
    assert datetime(2026, 11, 9, 12) in plan[1], "the due time, of the shop's zone"
    title, value = (next(place for place, name in enumerate(items[0]) if name.startswith(word)) for word in ("事项\n", "凭证"))
    assert [line[title] for line in items[1:-1]] == list(SUMS)
    assert items[-1][value] == 12.5 and datetime(2026, 11, 8, 12) in items[-1]
    xml = unzipped(tmp_path / "p.xlsx")
    assert "<f>" not in xml and "<hyperlink" not in xml and xml.count("<autoFilter") == 2 and xml.count('state="frozen"') == 2


def unzipped(path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name)


def test_a_report_workbook_has_every_row_of_every_list_and_a_sheet_each(tmp_path):
    rows = [{"shop": "s0", "item_id": f"{n}", "gmv_fen": n, "day_text": "2026-11-11", "orders": None} for n in range(1234)]
    long = "a-step-with-a-name-that-is-far-longer-than-a-sheet"
    steps = [step(row(long, task="a.b", outcome=answered()), items_of_the_day=rows), step(row(f"{long}-2", task="a.b", outcome=answered()), items_of_the_day=[{"shop": "s0", "title": HOSTILE, "text": "长" * (MAX_TEXT + 5), "value": 1e300, "at": "0001-01-01T00:00:00Z"}])]
    write_report(tmp_path / "r.xlsx", head(*steps), (), reader(*steps), 500)
    sheets = book(tmp_path / "r.xlsx")
    assert all(len(name) <= 31 for name in sheets) and len({name.lower() for name in sheets}) == len(sheets)
    whole_list, odd = list(sheets.values())[-2:]
    assert len(whole_list) == 1235 and whole_list[-1][:4] == ["店s0", "1233", 12.33, date(2026, 11, 11)]
    assert len(odd[1][2]) == MAX_TEXT and odd[1][2].endswith("…") and "<script>" in odd[1][1]
    overview = next(iter(sheets.values()))
    assert [line[2] for line in overview if "items_of_the_day" in str(line[1])] == [1234, 1]


def test_gates_and_findings_have_their_sheets(tmp_path):
    gate = row(kind="approval") | {"by": ("management",), "quorum": 2, "decisions": [{"person": "周总", "role": "management", "verdict": "reject", "note": "预算", "at": NOW}]}
    waits = row("two", kind="approval") | {"by": ("supply",), "quorum": 1, "decisions": []}
    found = {"title": "备货", "title_en": "stock", "state": "proposed", "shop": "s0", "shop_name": "店s0", "evidence": {"share": 0.2, "factor": 1.5}, "owner": "supply", "due": DAY, "by": None, "at": None, "change": {"playbook": "double-11", "param": "stock_factor", "value": "1.5"}}
    one = step(row())
    write_report(tmp_path / "r.xlsx", head(one, gates=[gate, waits], findings=[found], late=[row()]), (), reader(one), 500)
    sheets = book(tmp_path / "r.xlsx")
    assert ["驳回 rejected", "周总"] == [cell for cell in sheets["审批 Gates"][1] if cell in ("驳回 rejected", "周总")] and len(sheets["审批 Gates"]) == 3
    assert any("占比：20.0%" in str(cell) for cell in sheets["结论 Findings"][1]) and "double-11: stock_factor = 1.5" in sheets["结论 Findings"][1]
    assert len(sheets["逾期 Late"]) == 2


def events(steps: list[dict], changes: int = 7, link: str | None = None) -> list:
    made = calendar(head(*steps), steps, changes, link)
    return list(Calendar.from_ical(made).walk("VEVENT")) if made else []


def test_a_calendar_has_an_event_for_each_unfinished_step_with_a_due_time():
    remind = (timedelta(days=-2), timedelta(hours=-4))
    steps = [step(row("a", remind=remind, title="备货,盘点;核对", items_done=1, items_total=3)), step(row("done", state="done")), step(row("open-end", due=None)), step(row("shops", "x", due=DAY), row("shops", "y", due=DAY - timedelta(days=1)), row("shops", "z", state="done", due=NOW))]
    a, shops = events(steps, link="http://localhost:8600/runs/abcd2345")
    assert (a["uid"], a["summary"], a["dtstart"].dt, a["sequence"]) == ("abcd2345.a@ecops", "备货,盘点;核对", NOW + timedelta(days=1), 7)
    assert a["url"] == "http://localhost:8600/runs/abcd2345#step-a"
    assert [alarm["trigger"].dt for alarm in a.walk("VALARM")] == list(remind)
    assert "运营" in a["description"] and "1/3" in a["description"]
    assert shops["dtstart"].dt == DAY - timedelta(days=1) and "2/3 店" in shops["description"]


def test_the_same_step_is_the_same_event_again_and_a_moved_one_a_newer_one():
    first, = events([step(row("a"))], 7)
    again, = events([step(row("a", due=DAY))], 9)
    assert first["uid"] == again["uid"] and first["sequence"] < again["sequence"] and first["dtstart"].dt != again["dtstart"].dt


def test_a_title_cannot_write_into_a_calendar():
    found, = events([step(row(title=HOSTILE + "长" * 200, title_en=HOSTILE))])
    assert found["summary"].startswith("<script>") and found["summary"].endswith("长") and len(Calendar.from_ical(calendar(head(step(row(title=HOSTILE))), [step(row(title=HOSTILE))], 1, None)).walk("VEVENT")) == 1


def test_a_calendar_keeps_lines_as_short_as_the_standard_says():
    made = calendar(head(step(row(title="长" * 300))), [step(row(title="长" * 300))], 1, None)
    assert max(map(len, made.split(b"\r\n"))) <= 75 and made.endswith(b"END:VCALENDAR\r\n")


def test_nothing_left_to_do_is_no_calendar():
    assert calendar(head(step(row(state="done"))), [step(row(state="done"))], 1, None) is None


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "r.html"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), whole(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["r.html"]
    with whole(path) as part:
        part.write_text("after")
    assert path.read_text() == "after" and os.listdir(tmp_path) == ["r.html"]


def test_a_new_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with whole(tmp_path / "r") as part:
        part.write_text("x")
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(("name", "error", "said"), [("no/r.html", NotFound, "no folder"), ("", BadCall, "a folder"), ("x" * 300 + ".html", BadCall, "cannot be written")])
def test_a_place_that_takes_no_file_is_said(tmp_path, name, error, said):
    with pytest.raises(error, match=said), whole(tmp_path / name) as part:
        part.write_text("x")
    assert os.listdir(tmp_path) == []
