"""The words of a message: what, for which shop, why, by when, and one link. Pure; the texts stand in `templates/`, Chinese and English."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ecops.playbook.model import ROLES
from ecops.quantity import span_words

MOST_LINES = 20
_MOST_SHOPS = 3


@dataclass(frozen=True)
class Line:
    """One thing to be told of: `kind` and `why` as in the notices, what it is, in which run, by when; `said`: a reason, or where a date was before."""

    kind: str
    why: str
    role: str
    what: str
    run: str
    shop: str = ""
    due: datetime | None = None
    said: str = ""


@dataclass(frozen=True)
class Digest:
    """What a person has before them at a time of the day: how many items are overdue, due today, due tomorrow, the most urgent ones, and the gates that wait for their voice."""

    slot: str
    overdue: int
    today: int
    tomorrow: int
    lines: Sequence[Line]
    gates: Sequence[Line] = ()


@dataclass
class _Told:
    line: Line
    shops: dict[str, None] = field(default_factory=dict)
    count: int = 0


def compose(lines: Sequence[Line], digest: Digest | None, link: str | None, now: datetime, zone: ZoneInfo, language: str) -> tuple[str, str]:
    """(title, body). Lines that differ in their shop alone are one; the most urgent come first, and what does not fit is counted."""
    told = _together(lines)
    blocks: dict[str, list[_Told]] = {}
    for one in told[:MOST_LINES]:
        blocks.setdefault(one.line.kind, []).append(one)
    counts = {kind: sum(one.count for one in told if one.line.kind == kind) for kind in dict.fromkeys(one.line.kind for one in told)}
    listed, gates = (_together(digest.lines), _together(digest.gates)) if digest else ((), ())
    named = {"blocks": blocks, "counts": counts, "more": sum(one.count for one in told[MOST_LINES:]), "digest": digest, "listed": listed, "gates": gates[:MOST_LINES], "waiting": len(digest.gates) if digest else 0, "link": link, "now": now, "zone": zone}
    text = _texts().get_template(f"message.{language}.txt").render(named)
    title, _, body = text.strip().partition("\n")
    return title.strip(), body.strip()


_ORDER = ("escalate", "refuted", "reopened", "assigned", "moved", "remind")


def _together(lines: Sequence[Line]) -> list[_Told]:
    found: dict[tuple, _Told] = {}
    for line in sorted(lines, key=lambda line: (_ORDER.index(line.kind), line.due is None, line.due)):
        one = found.setdefault((line.kind, line.run, line.what, line.due, line.said), _Told(line))
        one.count += 1
        if line.shop:
            one.shops[line.shop] = None
    return list(found.values())


def _shops(one: _Told, language: str) -> str:
    named = list(one.shops)[:_MOST_SHOPS]
    more = len(one.shops) - len(named)
    if language == "zh":
        return "、".join(named) + (f" 等 {len(one.shops)} 店" if more else "")
    return ", ".join(named) + (f" and {more} more shops" if more else "")


def _by_when(due: datetime, now: datetime, zone: ZoneInfo, language: str) -> str:
    there = due.astimezone(zone).strftime("%m-%d %H:%M")
    if language == "zh":
        return f"{there} 截止" + (f",已逾期 {span_words(now - due, 'zh')}" if due < now else f",还有 {span_words(due - now, 'zh')}")
    return f"due {there}" + (f", overdue {span_words(now - due, 'en')}" if due < now else f", {span_words(due - now, 'en')} left")


def _why(line: Line, language: str) -> str:
    role = ROLES.get(line.role, line.role) if language == "zh" else line.role
    words = {
        "role": (f"你是{role}", f"you hold {role}"), "assignee": ("已指派给你", "assigned to you"), "cover": ("你在代班", "you cover for somebody"),
        "fallback": (f"没有人担任{role},由你兜底", f"nobody holds {role}, it falls to you"), "person": ("与你有关", "it concerns you"),
    }  # fmt: skip
    return words[line.why][language != "zh"]


@cache
def _texts() -> Environment:
    found = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    found.globals.update(shops_of=_shops, by_when=_by_when, why=_why)
    return found
