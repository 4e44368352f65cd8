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
    "open": {"waiting", "ready", "done", "skipped", "cancelled"},  # people are on it; a gate that rejected waits for what it reopened
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
NOTICE = {
    "waiting": {"gathered", "dropped"},  # for the end of quiet hours, or the person's next message
    "gathered": {"dropped"},  # part of a message
    "dropped": set(),  # closed meanwhile, or nobody to tell
}
DELIVERY = {
    "queued": {"sending", "suppressed"},
    "sending": {"queued", "sent", "failed", "uncertain"},
    "sent": {"acknowledged"},
    "acknowledged": set(),
    "failed": {"queued"},  # a person sends it again
    "suppressed": set(),  # closed meanwhile, or the person has no channel
    "uncertain": {"queued", "sent", "failed", "acknowledged"},  # the answer was lost: never repeated by itself, though a late one is taken in
}
STEP_FINISHED = frozenset({"done", "skipped"})
STEP_ENDED = frozenset({"done", "skipped", "cancelled"})
ITEM_CLOSED = frozenset({"done", "skipped"})
TABLES = {"run": RUN, "step_run": STEP, "item": ITEM, "finding": FINDING, "notice": NOTICE, "delivery": DELIVERY}


def sources(table: str, to: str) -> list[str]:
    """The states from which `to` may be reached."""
    return [state for state, targets in TABLES[table].items() if to in targets]
