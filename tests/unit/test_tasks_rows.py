"""Every row of the work that a machine can do is done by an automated step; the others say why not."""

from ecops.automation import automations

ROWS = {
    *(f"F{n}" for n in range(1, 4)), *(f"P{n}" for n in range(1, 7)), *(f"U{n}" for n in range(1, 10)), *(f"G{n}" for n in range(1, 7)),
    *(f"M{n}" for n in range(1, 7)), "D1", "D2a", *(f"D{n}" for n in range(3, 9)), *(f"S{n}" for n in range(1, 6)), *(f"C{n}" for n in range(1, 8)),
    *(f"K{n}" for n in range(1, 6)), *(f"R{n}" for n in range(1, 9)), "D1w", "D2", "D3p", "D4p", "D5f", "D6f", "D7f", "D8n", "D9h", "D10s", "D11m", "D12u",
    *(f"A{n}" for n in range(1, 9)), *(f"V{n}" for n in range(1, 7)), "X1", "X2",
}  # fmt: skip
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
    assert served == ROWS - set(ELSEWHERE), "a row without a step, a step without a row, or a reason that no longer holds"
