"""Workbooks of a run: the plan and the checklists, and the whole report. Text stays text, never a formula; dates are dates, money is yuan."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ecops.report import gap
from ecops.report.cells import CASH, DAY, INSTANT, NOTHING, NUMBER, SHARE, TEXT, Cell, cell, clean, moment
from ecops.report.headings import column, list_title
from ecops.report.page import FINDING_STATES, STATES, VERDICTS, change
from ecops.report.tables import names_of, shown
from ecops.web import words

MAX_TEXT = 32_767  # letters of a cell
MAX_ROWS = 1_048_575  # below the heading
_DIGITS = 999_999_999_999_999  # of a whole number that a workbook keeps exactly
_SHEET_NAME = 31
_FIRST_YEAR = 1900
_OPTIONS = {"constant_memory": True, "strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
_FORMS = {INSTANT: "yyyy-mm-dd hh:mm", DAY: "yyyy-mm-dd", CASH: "#,##0.00", SHARE: "0.0%", NUMBER: "General", TEXT: None, NOTHING: None}
_WIDTHS = {"title": 40, "zh": 60, "en": 60, "missing": 40}

Read = Callable[[bool], Iterable[Mapping[str, Any]]]  # the steps, as often as it is called, with their lists or without
Column = tuple[str, str, int, Callable[[Mapping[str, Any]], Any]]  # Chinese, English, width, what of a row


class Book:
    """A workbook being written sheet by sheet, each row once."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self.zone = zone
        self.scratch = TemporaryDirectory(prefix="ecops-workbook-")  # rows wait there, also those of a book that breaks off
        self.file = Workbook(str(path), _OPTIONS | {"tmpdir": self.scratch.name})
        self.forms: dict[str, Format | None] = {kind: self.file.add_format({"num_format": form}) if form else None for kind, form in _FORMS.items()}
        self.bold = self.file.add_format({"bold": True, "bg_color": "#F3F0EA", "text_wrap": True, "valign": "top"})
        self.strong = self.file.add_format({"bold": True})
        self.names: set[str] = set()

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        # what broke off half way is not closed: nobody is to see it
        try:
            if kind is None:
                self.file.close()
        except FileCreateError as error:
            raise error.args[0] from error  # what the disk said
        finally:
            self.scratch.cleanup()

    def sheet(self, name: str, headings: Sequence[tuple[str, int]], rows: Iterable[Sequence[Cell]]) -> tuple[str, int]:
        """One table with a heading that stays and a filter; gives the sheet's name and how many rows it holds. More than a sheet takes goes on in another."""
        page, count = self._begin(name, headings), 0
        title, total = page.name, 0
        for row in rows:
            if count == MAX_ROWS:
                page.autofilter(0, 0, count, len(headings) - 1)
                page, count = self._begin(name, headings), 0
            count, total = count + 1, total + 1
            for place, one in enumerate(row):
                self.write(page, count, place, one)
        page.autofilter(0, 0, count, len(headings) - 1)
        return title, total

    def _begin(self, name: str, headings: Sequence[tuple[str, int]]) -> Worksheet:
        page = self.file.add_worksheet(self.free_name(name))
        page.freeze_panes(1, 0)
        for place, (heading, width) in enumerate(headings):
            page.set_column(place, place, width)
            page.write_string(0, place, heading, self.bold)
        return page

    def free_name(self, name: str) -> str:
        """A sheet's name that is allowed and not taken; they are told apart without regard to case."""
        plain = "".join(letter for letter in clean(name) if letter not in "[]:*?/\\'").strip() or "sheet"
        for number in range(1, MAX_ROWS):
            end = f" {number}" if number > 1 else ""
            if (found := plain[: _SHEET_NAME - len(end)] + end).lower() not in self.names:
                self.names.add(found.lower())
                return found
        raise AssertionError

    def write(self, page: Worksheet, row: int, place: int, one: Cell) -> None:
        """One cell by its kind. No value leaves it blank; a text is cut at what a cell holds and says so."""
        if one.kind == NOTHING or one.value == "":
            return
        if one.kind in (INSTANT, DAY) and one.value.year >= _FIRST_YEAR:
            page.write_datetime(row, place, one.value, self.forms[one.kind])
        elif one.kind in (NUMBER, CASH, SHARE) and abs(one.value) <= _DIGITS:
            page.write_number(row, place, one.value, self.forms[one.kind])
        else:
            page.write_string(row, place, _fitting(one.text))


def _fitting(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def plain(value: Any, zone: tzinfo) -> Cell:
    """A value of a run (not of a list): a text that reads like a date stays a text."""
    if value is None:
        return Cell(None, NOTHING)
    if isinstance(value, datetime | date):
        return moment(value, zone)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(value, NUMBER)
    return Cell(clean(value), TEXT)


def _both(pair: tuple[str, str] | None) -> str | None:
    return pair and f"{pair[0]} {pair[1]}"


def _role(key: str | None) -> str | None:
    return key and words.role("zh", key)


def _evidence(row: Mapping[str, Any]) -> Any:
    """The value that closed an item, a number where one was asked for."""
    if row["value"] is None or row["evidence"].get("type") != "number":
        return row["value"]
    try:
        found = float(row["value"])
    except ValueError:
        return row["value"]
    return found if math.isfinite(found) else row["value"]


_YES = {True: "是 yes", False: None}
STEP_COLUMNS: tuple[Column, ...] = (
    ("步骤", "step", 30, lambda row: row["title"]), ("英文", "English", 28, lambda row: row["title_en"]), ("步骤编号", "key", 18, lambda row: row["step"]),
    ("阶段", "stage", 10, lambda row: words.named("zh", words.STAGES, row["stage"])), ("类型", "kind", 10, lambda row: words.KINDS[row["kind"]]), ("店铺", "shop", 18, lambda row: row["shop_name"]), ("店铺编号", "shop key", 12, lambda row: row["shop"] or None),
    ("归", "owner", 10, lambda row: _role(row["role"])), ("状态", "state", 18, lambda row: _both(STATES[row["state"]])), ("逾期", "late", 8, lambda row: _YES[row["overdue"]]),
    ("开始", "start", 17, lambda row: row["start"]), ("截止", "due", 17, lambda row: row["due"]), ("开放于", "opened", 17, lambda row: row["opened_at"]), ("完成于", "ended", 17, lambda row: row["completed_at"]),
    ("已办事项", "items closed", 9, lambda row: row["items_done"]), ("事项", "items", 9, lambda row: row["items_total"]),
)  # fmt: skip
VERDICT_COLUMNS: tuple[Column, ...] = (
    ("轮", "rounds", 7, lambda row: row["rounds"] or None), ("结论", "verdict", 16, lambda row: row["outcome"] and _both(VERDICTS[row["outcome"]["status"]])),
    ("说明", "what it says", 60, lambda row: row["outcome"] and row["outcome"]["zh"]), ("英文说明", "in English", 60, lambda row: row["outcome"] and row["outcome"]["en"]),
    ("缺什么", "missing", 40, lambda row: row["outcome"] and "; ".join(row["outcome"]["missing"])), ("数据截至", "data as of", 17, lambda row: row["outcome"] and row["outcome"]["as_of"]),
)  # fmt: skip
ITEM_COLUMNS: tuple[Column, ...] = (
    ("事项编号", "item", 9, lambda row: row["item"]), ("事项", "title", 50, lambda row: row["title"]), ("英文", "English", 40, lambda row: row["title_en"]), ("步骤", "step", 26, lambda row: row["step_title"]), ("步骤编号", "step key", 18, lambda row: row["step"]),
    ("店铺", "shop", 18, lambda row: row["shop_name"]), ("店铺编号", "shop key", 12, lambda row: row["shop"] or None), ("归", "owner", 10, lambda row: _role(row["role"])), ("指派给", "assignee", 12, lambda row: row["assignee"]),
    ("状态", "state", 12, lambda row: words.ITEM_STATES[row["state"]]), ("逾期", "late", 8, lambda row: _YES[row["overdue"]]), ("截止", "due", 17, lambda row: row["due"]),
    ("凭证", "value", 18, _evidence), ("单位", "unit", 7, lambda row: row["evidence"].get("unit")), ("链接", "link", 30, lambda row: row["link"]), ("文件", "file", 24, lambda row: row["file"]), ("备注", "note", 30, lambda row: row["note"]),
    ("办结人", "closed by", 12, lambda row: row["closed_by"]), ("办结时间", "closed at", 17, lambda row: row["closed_at"]),
)  # fmt: skip
GATE_COLUMNS: tuple[Column, ...] = (
    ("审批", "gate", 30, lambda row: row["title"]), ("英文", "English", 28, lambda row: row["title_en"]), ("店铺", "shop", 18, lambda row: row["shop_name"]), ("状态", "state", 18, lambda row: _both(STATES[row["state"]])), ("逾期", "late", 8, lambda row: _YES[row["overdue"]]), ("截止", "due", 17, lambda row: row["due"]),
    ("须同意人数", "quorum", 9, lambda row: row["quorum"]), ("可审批", "decided by", 20, lambda row: "、".join(map(_role, row["by"]))),
    ("决定", "verdict", 12, lambda row: row["verdict"] and {"approve": "同意 approved", "reject": "驳回 rejected"}[row["verdict"]]), ("谁", "who", 12, lambda row: row["person"]), ("角色", "role", 10, lambda row: _role(row["decided_as"])), ("时间", "when", 17, lambda row: row["at"]), ("意见", "note", 40, lambda row: row["note"]),
)  # fmt: skip
FINDING_COLUMNS: tuple[Column, ...] = (
    ("结论", "finding", 50, lambda row: row["title"]), ("英文", "English", 40, lambda row: row["title_en"]), ("店铺", "shop", 18, lambda row: row["shop_name"]), ("判断", "verdict", 18, lambda row: _both(FINDING_STATES[row["state"]])),
    ("依据", "evidence", 60, lambda row: row["facts"]), ("负责", "owner", 12, lambda row: _role(row["owner"])), ("期限", "due", 17, lambda row: row["due"]), ("改变", "changes", 40, lambda row: change(row["change"]) or None), ("生效", "in force", 9, lambda row: _YES[bool(row.get("in_force"))]),
    ("谁", "by", 12, lambda row: row["by"]), ("时间", "at", 17, lambda row: row["at"]), ("理由", "reason", 30, lambda row: row.get("reason")),
)  # fmt: skip


def _table(book: Book, name: str, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> tuple[str, int]:
    headings = [(f"{zh}\n{en}", width) for zh, en, width, _ in columns]
    return book.sheet(name, headings, ([plain(of(row), book.zone) for *_, of in columns] for row in rows))


def write_plan(path: Path, head: Mapping[str, Any], read: Read) -> None:
    """The plan, a row a step run, and the checklists, a row an item."""
    with Book(path, head["zone"]) as book:
        _table(book, "计划 Plan", STEP_COLUMNS, (row for step in read(False) for row in step["step_runs"]))
        _table(book, "清单 Checklists", ITEM_COLUMNS, (row for step in read(False) for row in step["items"]))


def write_report(path: Path, head: Mapping[str, Any], first: Sequence[Mapping[str, Any]], read: Read, kept: int) -> None:
    """The whole report: an overview, what people did, and a sheet for every list of an automated step, whole. Of a review the gap comes first."""
    with Book(path, head["zone"]) as book:
        overview = book.file.add_worksheet(book.free_name("概览 Overview"))
        named = {step["step"]: step for step in head["bars"]}
        lists = [found for step in first for found in _lists(book, named[step["step"]], step, head)]
        if head["findings"]:
            _table(book, "结论 Findings", FINDING_COLUMNS, (row | {"facts": cell("", row["evidence"], head["zone"]).text} for row in head["findings"]))
        if head["gates"]:
            _table(book, "审批 Gates", GATE_COLUMNS, _decisions(head["gates"]))
        if head["late"]:
            _table(book, "逾期 Late", STEP_COLUMNS, head["late"])
        _table(book, "步骤 Steps", STEP_COLUMNS + VERDICT_COLUMNS, (row for step in read(False) for row in step["step_runs"]))
        _table(book, "事项 Items", ITEM_COLUMNS, (row for step in read(False) for row in step["items"]))
        before = {step["step"] for step in first}
        lists += [found for step in read(True) if step["step"] not in before for found in _lists(book, named[step["step"]], step, head)]
        _overview(book, overview, head, first, lists, kept)


def _decisions(gates: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """A row a decision; a gate that nobody has decided has one row too."""
    for gate in gates:
        for one in gate["decisions"] or ({"verdict": None, "person": None, "role": None, "at": None, "note": None},):
            yield {**gate, **one, "role": gate["role"], "decided_as": one["role"]}


def _lists(book: Book, bar: Mapping[str, Any], step: Mapping[str, Any], head: Mapping[str, Any]) -> Iterable[tuple[str, str, str, int]]:
    """Write the lists of a step; gives (step, list, sheet, rows) of each."""
    names = {shop["shop"]: shop["name"] for shop in head["shops"]}
    for name, rows in step["lists"].items():
        if not rows:
            continue
        columns = names_of(rows)
        headings = [(f"{column(one).zh}\n{column(one).en}".strip(), _WIDTHS.get(one, 14)) for one in columns]
        sheet, count = book.sheet(f"{step['step']}.{name}", headings, ([shown(row, one, head["zone"], names) for one in columns] for row in rows))
        yield bar["title"], list_title(name).zh or name, sheet, count


def _overview(book: Book, page: Worksheet, head: Mapping[str, Any], first: Sequence[Mapping[str, Any]], lists: Sequence[tuple[str, str, str, int]], kept: int) -> None:
    page.set_column(0, 0, 34)
    page.set_column(1, 1, 44)
    page.set_column(2, 4, 18)
    row = 0
    for label, value in [*_facts(head), *_gaps(head, first), *_notes(head)]:
        page.write_string(row, 0, label, book.strong)
        book.write(page, row, 1, value if isinstance(value, Cell) else plain(value, head["zone"]))
        row += 1
    row += 1
    page.write_string(row, 0, "列表 lists", book.strong)
    for step, name, sheet, count in lists:
        row += 1
        page.write_string(row, 0, _fitting(clean(step)))
        page.write_url(row, 1, f"internal:'{sheet}'!A1", string=_fitting(clean(f"{name} · {sheet}")))
        page.write_number(row, 2, count)
    row += 2
    page.write_string(row, 0, f"时间按 {head['zone'].key};金额单位元;空白单元格没有值(未知或不适用);每个列表每店保留 {kept} 行。 Times are of {head['zone'].key}; money is in yuan; a blank cell has no value (not known, or not applicable); of a list {kept} rows a shop are kept.")


def _facts(head: Mapping[str, Any]) -> list[tuple[str, Any]]:
    run, bars = head["run"], head["bars"]
    items = f"{sum(bar['items_done'] for bar in bars)}/{sum(bar['items_total'] for bar in bars)}"
    return [
        ("标题 title", run["title"]), ("英文 English", run["title_en"]), ("基准日 day", run["day"]), ("状态 state", words.RUN_STATES[run["state"]]), ("店铺 shops", run["shops"]),
        ("手册 playbook", f"{run['playbook']} v{run['version']}"), ("编号 run", run["run"]), ("启动 launched by", run["launched_by"]), ("启动于 launched at", run["launched_at"]), ("结束于 ended at", run["ended_at"]), ("报告时刻 as of", head["now"]),
        *((f"{one['title'] or words.named('zh', words.ANCHORS, one['anchor'])} {one['anchor']}", one["at"]) for one in run["anchors"] if one["anchor"] not in ("D", "launch")),
        ("已结束的步 steps ended", f"{sum(bar['shops_done'] == bar['shops'] for bar in bars)}/{len(bars)}"), ("已办事项 items closed", items), ("逾期未完 late now", len(head["late"])), ("逾期完成 ended late", head["ended_late"]),
        ("结果未知 unknown", len(head["unknown"])), ("提醒 reminders", head["told"]["remind"]), ("升级 escalations", head["told"]["escalate"]),
    ]  # fmt: skip


def _gaps(head: Mapping[str, Any], first: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Any]]:
    """The gap of all shops, in yuan, and its parts."""
    for step in first:
        if (found := gap.gap_of(step, len(head["shops"])) if _is_gap(head, step) else None) is None:
            continue
        yield next(bar["title"] for bar in head["bars"] if bar["step"] == step["step"]), f"{found.known}/{found.shops} 店 shops"
        for label, fen in (("目标 target", found.target_fen), ("实际 actual", found.actual_fen), ("差额 gap", found.gap_fen), *((f"  {part.zh} {part.en}", part.fen) for part in found.parts)):
            yield label, cell("_fen", fen, head["zone"])


def _is_gap(head: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    return any(bar["step"] == step["step"] and bar["task"] == gap.TASK for bar in head["bars"])


def _notes(head: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    notes = head["notes"]
    for one in notes["overlaps"]:
        yield "库存冲突 shared stock", f"{one['title']} ({one['run']}), {one['count']} 店, {one['from'][:10]} – {one['until'][:10]}"
    for one in notes["freezes"]:
        since, until = (moment(datetime.fromisoformat(one[edge]), head["zone"]).text for edge in ("from", "until"))
        yield "冻结 freeze", f"{one['title']} {since} – {until}"
    for one in notes["learned"]:
        yield "采用复盘结论 learned", f"{one['param']} = {one['value']}" if "param" in one else str(one["item"])
    if notes["provisional"]:
        yield "日期待定 provisional dates", ", ".join(notes["provisional"])
