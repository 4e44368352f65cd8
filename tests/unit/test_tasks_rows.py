"""Every row of the work that a machine can do is done by an automated step; the others say why not."""

from ecops.automation import automations
from ecops.playbook.rows import ROWS

# What is no calculation over the shop's data, and where it is done instead.
ELSEWHERE = {
    "F3": "the language: no step without a duty",
    "P2": "a checklist with evidence",
    "P4": "a date rule: +3 working days",
    "M4": "a checklist; its texts go through `ecops scan`",
    "S5": "tickets of developers",
    "C1": "texts that people write; `ecops scan` reads them",
    "R3": "people decide",
    "R5": "a checklist with evidence",
    "R6": "people write and drill",
    "X2": "people decide",
}


def test_there_are_ninety_one_rows():
    assert len(ROWS) == 91


def test_every_row_is_served_by_an_automated_step_or_says_why_not():
    served = {row for task in automations().values() for row in task.serves}
    assert served == set(ROWS) - set(ELSEWHERE), "a row without a step, a step without a row, or a reason that no longer holds"
