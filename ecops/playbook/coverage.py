"""Which rows of the work are served by which steps."""

from collections.abc import Iterable, Mapping, Sequence

from ecops.playbook.model import DUTIES, Playbook
from ecops.playbook.rows import ROWS


def coverage(playbooks: Iterable[Playbook], served_by_task: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Steps as `playbook/step` by row, every row there is; a step also serves what its automated step serves."""
    steps: dict[str, set[str]] = {row: set() for row in ROWS}
    for playbook in playbooks:
        for step in playbook.steps:
            for row in (*step.serves, *served_by_task.get(step.task or "", ())):
                steps.setdefault(row, set()).add(f"{playbook.playbook}/{step.id}")
    return {row: sorted(found) for row, found in steps.items()}


def by_duty(playbooks: Iterable[Playbook]) -> dict[str, dict[str, int]]:
    """How many steps of each playbook carry each of the eight duties."""
    return {playbook.playbook: {duty: sum(step.duty == duty for step in playbook.steps) for duty in DUTIES} for playbook in playbooks}
