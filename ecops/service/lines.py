"""A line of a checklist as a row of the item table."""

from typing import Any

from ecops.playbook.model import Verify


def verify_json(verify: Verify | None) -> dict[str, Any] | None:
    """What checks a tick as the item keeps it; its texts are filled in when it is asked."""
    return verify and verify.model_dump(mode="json", by_alias=True)


def item_row(number, step_run, run, step, shop, position, key, zh, en, role, state, due, evidence, finding=None, verify=None) -> dict:
    """One item as a row of its table."""
    return {
        "id": number, "step_run": step_run, "run": run, "step": step, "shop": shop, "key": key, "position": position,
        "title_zh": zh, "title_en": en, "role": role, "state": state, "due_at": due, "evidence": evidence, "finding": finding, "verify": verify, "version": 1,
    }  # fmt: skip
