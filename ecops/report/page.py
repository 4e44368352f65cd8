"""A run as one page that needs nothing else: no script, no font, no picture from outside. Chinese first, English beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ecops.engine.states import STEP_ENDED
from ecops.report import gap, tables
from ecops.report.cells import CASH, NUMBER, SHARE, cell, clean, moment
from ecops.report.headings import column
from ecops.web import words

ROWS = 20  # of one table; a workbook has them all
REPORT = "review.report"
FINDING_STATES = {"proposed": ("待判断", "waits for a person"), "accepted": ("已采纳", "accepted"), "declined": ("未采纳", "declined"), "withdrawn": ("已撤回", "withdrawn")}
VERDICTS = {"ok": ("有结论", "known"), "unknown": ("未知", "unknown"), "failed": ("计算失败", "failed")}
STATES = {"waiting": ("等待", "waiting"), "ready": ("就绪", "ready"), "running": ("运行中", "running"), "open": ("人在处理", "with people"), "done": ("已完成", "done"), "skipped": ("已跳过", "skipped"), "cancelled": ("已取消", "cancelled")}
_FIGURES = (NUMBER, CASH, SHARE)
_ORDER = {"failed": 0, "unknown": 1, "ok": 2}


def page(head: Mapping[str, Any], first: Sequence[Mapping[str, Any]], steps: Iterable[Mapping[str, Any]], kept: int) -> Iterator[str]:
    """The page, piece by piece. `head` and `steps` as `ecops.service.reports` reads them; `first`: the steps of a review that stand before all
    others; `kept`: so many rows of a list and shop the store keeps.
    """
    zone, alone = head["zone"], head["run"]["shops"] == 1
    bars = {bar["step"]: bar for bar in head["bars"]}
    names = {shop["shop"]: shop["name"] for shop in head["shops"]}
    shaped = (_step(bars[one["step"]], one, zone, names) for one in steps)
    template = _environment(zone, head["now"]).get_template("page.html")
    return template.generate(
        head=head, run=head["run"], alone=alone, bars=head["bars"], steps=shaped, reviews=[_review(bars[one["step"]], one, zone, names) for one in first], kept=kept, limit=ROWS,
        ended=sum(bar["shops_done"] == bar["shops"] for bar in head["bars"]), sections=_sections(head),
    )  # fmt: skip


def _sections(head: Mapping[str, Any]) -> dict[str, int]:
    """How much stands in each part of the page, for the strip at its top."""
    items = [(bar["items_done"], bar["items_total"]) for bar in head["bars"]]
    return {
        "items_done": sum(done for done, _ in items), "items_total": sum(total for _, total in items), "gates_done": sum(gate["state"] == "done" for gate in head["gates"]),
        "accepted": sum(one["state"] == "accepted" for one in head["findings"]), "proposed": sum(one["state"] == "proposed" for one in head["findings"]),
    }  # fmt: skip


def _step(bar: Mapping[str, Any], step: Mapping[str, Any], zone, shops: Mapping[str, str]) -> dict[str, Any]:
    runs = sorted(step["step_runs"], key=_worst_first)
    listed = [tables.table(name, rows, zone, ROWS, shops) for name, rows in step["lists"].items() if rows]
    return {"bar": bar, "runs": runs, "lists": listed, "none": [tables.list_title(name) for name, rows in step["lists"].items() if not rows], "items": sorted(step["items"], key=_open_first)}


def _worst_first(row: Mapping[str, Any]) -> tuple:
    return (_ORDER.get(row["outcome"]["status"], 3) if row["outcome"] else 3, not row["overdue"], row["state"] in STEP_ENDED)


def _open_first(item: Mapping[str, Any]) -> tuple:
    return (not item["overdue"], item["state"] != "open")


def _review(bar: Mapping[str, Any], step: Mapping[str, Any], zone, shops: Mapping[str, str]) -> dict[str, Any]:
    shaped = _step(bar, step, zone, shops)
    found = gap.gap_of(step, len(shops)) if bar["task"] == gap.TASK else None
    return shaped | {"gap": found, "zero": found and gap.zero(found)}


def _environment(zone, now: datetime) -> Environment:
    here = Path(__file__).parent
    found = Environment(loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalized)
    found.globals.update(words=words, states=STATES, verdicts=VERDICTS, finding_states=FINDING_STATES, both=both, figures=_FIGURES, heading=column, task_report=REPORT)
    found.filters.update(
        local=lambda at: moment(at, zone).text if at else "–", near=lambda at: _short(at, zone, now) if at else "–", yuan=lambda fen: cell("_fen", fen, zone).text,
        percent=lambda value: cell("_share", value, zone).text, safe_link=_safe_link, evidence=lambda facts: _facts(facts, zone), change=change, lines=_lines, parsed=datetime.fromisoformat, param=_param, lacks=_lacks,
    )  # fmt: skip
    return found


def _finalized(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)


def both(zh: Any, en: Any) -> Markup:
    """Chinese, and the English beside it when it says something else."""
    zh, en = clean(zh or en or ""), clean(en or "")
    return Markup("{} <small lang=en>{}</small>").format(zh, en) if en and en != zh else Markup("{}").format(zh)


def _lines(text: str) -> Markup:
    """A cell that says a thing in two languages, a line each."""
    zh, _, en = text.partition("\n")
    return Markup("{}<small lang=en>{}</small>").format(zh, en.replace("\n", " ")) if en else Markup("{}").format(zh)


def _short(at: datetime, zone, now: datetime) -> str:
    """Without the year when it is this one."""
    there = at.astimezone(zone)
    return f"{there:%m-%d %H:%M}" if there.year == now.astimezone(zone).year else f"{there:%Y-%m-%d %H:%M}"


def _safe_link(link: str | None) -> bool:
    return bool(link) and link.lower().startswith(("https://", "http://"))


def _facts(facts: Mapping[str, Any], zone) -> list[tuple[str, str]]:
    """What proves a finding: what its author wrote, or the row of the list it was found in."""
    if set(facts) == {"text"}:
        return [("", clean(facts["text"]))]
    return [(column(name).zh or column(name).en, cell(name, value, zone, facts).text) for name, value in facts.items() if value is not None and name not in ("shop", "zh", "en")]


def _lacks(outcome: Mapping[str, Any]) -> str:
    """What an answer says is missing, unless its sentence has said it."""
    said = "; ".join(map(str, outcome["missing"]))
    return "" if said in outcome["en"] else said


def _param(value: Any, kind: str) -> str:
    """A parameter as it was launched with; money is kept in yuan, a percent as a fraction."""
    if kind == "money":
        return f"{Decimal(str(value)):,.2f} 元"
    if kind == "percent":
        return f"{(Decimal(str(value)) * 100).normalize():f}%"
    return {True: "是 yes", False: "否 no"}[value] if isinstance(value, bool) else str(value)


def change(found: Mapping[str, Any] | None) -> str:
    """What accepting a finding changes, in a line."""
    if not found:
        return ""
    return f"{found['playbook']}: {found['param']} = {found['value']}" if "param" in found else f"{found['playbook']} / {found['step']} + {found.get('item_zh') or ''}"


