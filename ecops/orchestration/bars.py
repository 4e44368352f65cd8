"""What a step looks like in Prefect: one step is one bar, and a bar's look decides Prefect's state. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

PLANNED, READY, RUNNING, PEOPLE, GATED = "planned", "ready", "running", "people", "gated"
DONE, SKIPPED, UNKNOWN, FAILED, CANCELLED = "done", "skipped", "unknown", "failed", "cancelled"

ENDED = frozenset({DONE, SKIPPED, UNKNOWN, FAILED, CANCELLED})


class PrefectState(NamedTuple):
    """A state as Prefect files it: its type decides colour and behaviour, its name is what people read."""

    type: str
    name: str


# Chosen in a real browser, in both of Prefect's interfaces: RUNNING is drawn blue and SCHEDULED orange, both up to now; COMPLETED
# green, FAILED red, CRASHED between orange and red, CANCELLED dark; PENDING grey (a mark in the newer one, a bar in the older).
# "Unknown" is not green, because nothing was found out.
STATES: Mapping[str, PrefectState] = {
    PLANNED: PrefectState("PENDING", "Planned"),
    READY: PrefectState("PENDING", "Ready"),
    RUNNING: PrefectState("RUNNING", "Running"),
    PEOPLE: PrefectState("RUNNING", "With people"),
    GATED: PrefectState("SCHEDULED", "Gated"),
    DONE: PrefectState("COMPLETED", "Done"),
    SKIPPED: PrefectState("COMPLETED", "Skipped"),
    UNKNOWN: PrefectState("CRASHED", "Unknown"),
    FAILED: PrefectState("FAILED", "Failed"),
    CANCELLED: PrefectState("CANCELLED", "Cancelled"),
}


@dataclass(frozen=True)
class Bar:
    """One step of a run as the timeline shows it.

    `step` is the step's id, the bar's key; `ordinal` its place in the playbook; `title` what people read; `message` who has
    it and until when, or what came out. `needs` are the step ids it waits for, drawn as edges. Instants are aware.
    """

    step: str
    ordinal: int
    title: str
    look: str
    message: str = ""
    opened_at: datetime | None = None
    completed_at: datetime | None = None
    due: datetime | None = None
    needs: tuple[str, ...] = ()

    @property
    def drawn(self) -> tuple[datetime | None, datetime | None]:
        """From when to when the timeline should draw it, as far as known; a step that has not begun is drawn nowhere."""
        if self.look in (PLANNED, READY):
            return None, None
        return self.opened_at or self.completed_at, self.completed_at if self.ended else None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the step unless it is reopened."""
        return self.look in ENDED

    @property
    def state(self) -> PrefectState:
        """The Prefect state this look is shown as."""
        return STATES[self.look]


def bar_id(flow_run_id: UUID | str, step: str) -> UUID:
    """The task run id of a step's bar: known before Prefect has been asked, so that edges need no look-up."""
    return uuid5(UUID(str(flow_run_id)), step)
