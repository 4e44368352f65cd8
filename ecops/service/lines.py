"""A line of a checklist as a row of the item table."""


def item_row(number, step_run, run, step, shop, position, key, zh, en, role, state, due, evidence, finding=None) -> dict:
    """One item as a row of its table."""
    return {
        "id": number, "step_run": step_run, "run": run, "step": step, "shop": shop, "key": key, "position": position,
        "title_zh": zh, "title_en": en, "role": role, "state": state, "due_at": due, "evidence": evidence, "finding": finding, "version": 1,
    }  # fmt: skip
