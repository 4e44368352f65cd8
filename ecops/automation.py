"""The contract of an automated step: a pure calculation over the frames of all shops of a run at once.

A task is declared once, in `tasks/<duty>.py`, and is used by the flows, the rehearsal and `ecops task run` alike.
Nothing here or in a calculation asks the clock, a database or Prefect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict

from ecops.quantity import parse_duration, parse_money, parse_percent

Frames = Mapping[str, pl.LazyFrame]
Percent = Annotated[Decimal, BeforeValidator(parse_percent)]
Fen = Annotated[int, BeforeValidator(parse_money)]  # written in yuan, held in fen
Duration = Annotated[Any, BeforeValidator(parse_duration)]

OK, UNKNOWN, FAILED = "ok", "unknown", "failed"
VERDICT_SCHEMA = pl.Schema(
    {"shop": pl.String, "status": pl.String, "zh": pl.String, "en": pl.String, "missing": pl.List(pl.String)}
)


class Params(BaseModel):
    """Base of a task's parameters: typed, with defaults, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True)
class Ask:
    """What a calculation is asked: for which shops, as of which instant (aware), with which parameters.

    `anchors` holds the run's anchors by name (aware instants); empty when a task is run by hand.
    """

    shops: tuple[str, ...]
    as_of: datetime
    params: Any
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    timezone: ZoneInfo = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Answer:
    """What a calculation returns.

    `verdicts`: one row per asked shop (VERDICT_SCHEMA): `ok`, or `unknown` with what is `missing`; `zh` and `en` are the
    one-line summaries with the number that decided. `lists`: named frames, each with a `shop` column; `items` is the one
    that checklists usually take. Row order inside a list is the order people see.
    """

    verdicts: pl.DataFrame
    lists: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Automation:
    """A declared automated step. `reads`: kinds of data; `serves`: rows of the requirement list, such as `A1`."""

    name: str
    zh: str
    en: str
    reads: tuple[str, ...]
    serves: tuple[str, ...]
    params: type[Params]
    calculate: Callable[[Frames, Ask], Answer]

    @property
    def duty(self) -> str:
        """The duty file it lives in: the part of the name before the dot."""
        return self.name.split(".")[0]

    def __call__(self, frames: Frames, ask: Ask) -> Answer:
        """Calculate, and hold the calculation to its contract (one verdict a shop; lists name their shop)."""
        answer = self.calculate(frames, ask)
        if sorted(answer.verdicts["shop"].to_list()) != sorted(ask.shops):
            raise ValueError(f"{self.name} did not give exactly one verdict for each shop")
        for name, frame in answer.lists.items():
            if "shop" not in frame.columns:
                raise ValueError(f"list {name!r} of {self.name} has no shop column")
        return answer


class NoSuchTask(LookupError):
    """A task name nothing declares."""


_REGISTRY: dict[str, Automation] = {}


def automation(name: str, *, zh: str, en: str, reads: tuple[str, ...], serves: tuple[str, ...], params: type[Params] = Params):
    """Declare the decorated calculation as the automated step `name` (`duty.verb`)."""

    def declare(calculate: Callable[[Frames, Ask], Answer]) -> Automation:
        declared = Automation(name, zh, en, reads, serves, params, calculate)
        if _REGISTRY.setdefault(name, declared) is not declared:
            raise ValueError(f"two tasks are called {name}")
        return declared

    return declare


def automations() -> Mapping[str, Automation]:
    """Every declared automated step by name; imports the duty files once."""
    import tasks

    tasks.load()
    return _REGISTRY


def find_automation(name: str) -> Automation:
    """The declared step `name`; raises NoSuchTask with the names that come closest."""
    from difflib import get_close_matches

    known = automations()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
        raise NoSuchTask(f"no task is called {name}{hint}")
    return known[name]
