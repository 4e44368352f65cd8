"""A run in plain data, as `ecops.service.reports` reads it, for the tests of what is drawn from it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 8, 12, tzinfo=ZONE)
DAY = datetime(2026, 11, 11, tzinfo=ZONE)


def row(step: str = "one", shop: str = "", **more: Any) -> dict[str, Any]:
    """A step run that waits for people, due a day after NOW."""
    return {
        "step_run": 1, "step": step, "title": f"步骤{step}", "title_en": f"Step {step}", "stage": "prep", "kind": "checklist", "task": None, "role": "operations", "shop": shop, "shop_name": shop and f"店{shop}",
        "state": "open", "start": None, "due": NOW + timedelta(days=1), "opened_at": NOW, "completed_at": None, "items_done": 0, "items_total": 0, "rounds": 0, "overdue": False, "remind": (), "outcome": None,
    } | more  # fmt: skip


def answered(status: str = "ok", missing: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """What an automated step said."""
    return {"status": status, "zh": "说了什么", "en": "what was said", "missing": list(missing), "as_of": NOW} | more


def item(title: str = "一件事", **more: Any) -> dict[str, Any]:
    """An open item."""
    return {
        "item": 1, "step": "one", "step_title": "步骤one", "shop": "", "shop_name": None, "title": title, "title_en": title, "role": "operations", "assignee": None, "due": NOW, "state": "open", "overdue": False,
        "evidence": {"type": "tick"}, "value": None, "link": None, "file": None, "note": None, "closed_by": None, "closed_at": None,
    } | more  # fmt: skip


def step(*rows: dict[str, Any], items: tuple = (), **lists: Any) -> dict[str, Any]:
    """A step of these step runs."""
    return {"step": rows[0]["step"], "step_runs": list(rows), "lists": lists, "items": list(items)}


def bar(one: dict[str, Any]) -> dict[str, Any]:
    """The bar of a step."""
    first, rows = one["step_runs"][0], one["step_runs"]
    ended = sum(row["state"] in ("done", "skipped", "cancelled") for row in rows)
    names = ("step", "title", "title_en", "stage", "kind", "task", "role", "due", "completed_at", "rounds")
    return {name: first[name] for name in names} | {
        "look": "done" if ended == len(rows) else "people", "shops_done": ended, "shops": len(rows), "items_done": 0, "items_total": len(one["items"]), "told": {"remind": 0, "escalate": 0},
        "unknown": sum(bool(row["outcome"]) and row["outcome"]["status"] != "ok" for row in rows),
    }  # fmt: skip


def head(*steps: dict[str, Any], shops: int = 1, title: str = "双11大促", **more: Any) -> dict[str, Any]:
    """The head of a run with these steps."""
    run = {
        "run": "abcd2345", "playbook": "double-11", "version": 1, "phase": "campaign", "title": title, "title_en": "Double 11", "day": "2026-11-11", "state": "active", "shops": shops, "anchors": [{"anchor": "day", "title": None, "title_en": None, "at": DAY}],
        "params": [], "launched_by": "王丽", "launched_at": NOW - timedelta(days=6), "ended_at": None,
    }  # fmt: skip
    unknown = [row for one in steps for row in one["step_runs"] if row["outcome"] and row["outcome"]["status"] != "ok"]
    return {
        "now": NOW, "zone": ZONE, "run": run, "shops": [{"shop": f"s{number}", "name": f"店s{number}", "platform": "tmall"} for number in range(shops)], "findings": [], "gates": [], "late": [], "unknown": unknown,
        "notes": {"learned": [], "overlaps": [], "freezes": [], "provisional": []}, "told": {"remind": 0, "escalate": 0}, "bars": [bar(one) for one in steps], "ended_late": 0,
    } | more  # fmt: skip
