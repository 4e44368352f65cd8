"""Every state there is, in named groups, and the one table of transitions. docs/lifecycle.md draws it; a test compares them."""

RUN = {
    "active": {"completed", "cancelled"},
    "completed": set(),
    "cancelled": set(),
}
STEP = {
    "waiting": {"ready", "open", "done", "skipped", "cancelled"},  # for its needs, its time, or its next round
    "ready": {"running", "skipped", "cancelled"},  # a task the worker may take
    "running": {"ready", "waiting", "open", "done", "cancelled"},  # a task the worker has
    "open": {"ready", "done", "skipped", "cancelled"},  # people are on it
    "done": {"open"},  # an item was reopened
    "skipped": set(),
    "cancelled": set(),
}
ITEM = {
    "planned": {"open", "withdrawn"},
    "open": {"done", "skipped", "withdrawn"},
    "done": {"open"},
    "skipped": {"open"},
    "withdrawn": set(),
}
FINDING = {
    "accepted": {"declined", "withdrawn"},
    "declined": {"accepted", "withdrawn"},
    "withdrawn": {"accepted", "declined"},
}
STEP_FINISHED = frozenset({"done", "skipped"})
STEP_ENDED = frozenset({"done", "skipped", "cancelled"})
ITEM_CLOSED = frozenset({"done", "skipped"})
TABLES = {"run": RUN, "step_run": STEP, "item": ITEM, "finding": FINDING}


def sources(table: str, to: str) -> list[str]:
    """The states from which `to` may be reached."""
    return [state for state, targets in TABLES[table].items() if to in targets]
