"""What a launch takes over from earlier reviews: accepted findings as values of parameters and as items of checklists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecops.errors import BadCall
from ecops.playbook.model import Playbook
from ecops.playbook.params import read_param

ALL = "all"


@dataclass
class Taken:
    """`params` for all shops and `by_shop`, typed; `items` by step; `told`: each with where it comes from; `warnings`: what could not be used."""

    params: dict[str, Any] = field(default_factory=dict)
    by_shop: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: dict[str, list] = field(default_factory=dict)
    told: list[dict] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def take(playbook: Playbook, rows: Sequence, given: Mapping[str, Any], declined: Sequence[str]) -> Taken:
    """`rows` of what is in force (`findings.in_force`), without what the launch gives itself or declines by the name of a parameter or step. Raises BadCall."""
    # a word that means nothing would let through what somebody did not want
    if unknown := sorted(set(declined) - {ALL, *playbook.params, *(step.id for step in playbook.steps)}):
        raise BadCall(f"{playbook.playbook} has no parameter and no step {', '.join(unknown)} to decline; 'all' declines whatever was learned.")
    taken = Taken()
    for row in rows:
        name = row.param or row.step
        if ALL in declined or name in declined or row.param in given:
            continue
        (_take_value if row.param else _take_item)(playbook, row, taken)
    return taken


def _take_value(playbook: Playbook, row, taken: Taken) -> None:
    param = playbook.params.get(row.param)
    try:
        if param is None:
            raise ValueError(f"there is no parameter {row.param} any more")
        value = read_param(param, row.value)
    except ValueError as error:
        taken.warnings.append(f"What run {row.run} learned cannot be used ({row.title_zh}): {error}.")
        return
    (taken.by_shop.setdefault(row.shop, {}) if row.shop else taken.params)[row.param] = value
    taken.told.append(_told(row) | {"param": row.param, "value": value, "default": param.default})


def _take_item(playbook: Playbook, row, taken: Taken) -> None:
    step = next((step for step in playbook.steps if step.id == row.step and isinstance(step.checklist, tuple)), None)
    if step is None:
        taken.warnings.append(f"What run {row.run} learned cannot be used ({row.title_zh}): there is no checklist {row.step} any more.")
        return
    taken.items.setdefault(row.step, []).append(row)
    taken.told.append(_told(row) | {"step": row.step, "item": row.item_zh})


def _told(row) -> dict[str, Any]:
    return {"finding": row.finding, "review": row.run, "shop": row.shop, "title": row.title_zh, "title_en": row.title_en}


def words(told: Mapping[str, Any]) -> str:
    """One line for people."""
    whose = told["shop"] or "全部店铺 all shops"
    change = f"{told['param']} = {told['value']}(默认 default {told['default']})" if "param" in told else f"{told['step']} + {told['item']}"
    return f"{change},{whose},来自复盘 from review {told['review']}:{told['title']}"
