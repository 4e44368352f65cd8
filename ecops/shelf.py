"""The shelf of playbooks with what the registered tasks take, put together once a process."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from ecops.automation import Ask, automations
from ecops.calculate import read_params
from ecops.playbook.check import TaskFacts
from ecops.playbook.library import Shelf, folders_from


@lru_cache(maxsize=4)
def shelf(extra: Path | None = None) -> Shelf:
    """Playbooks of the team's own folder first, then those of the product."""
    return Shelf(folders_from([extra] if extra else []), task_facts())


@lru_cache(maxsize=1)
def task_facts() -> dict[str, TaskFacts]:
    """What the check needs of every registered task."""
    return {name: TaskFacts(frozenset(declared.params.model_fields), _trial(declared), _lists(declared)) for name, declared in automations().items()}


def _lists(declared):
    """The names of its lists, which are the same whatever the data: asked without any."""

    def look() -> frozenset[str]:
        answer = declared({}, Ask(("shop",), datetime(2026, 1, 1, tzinfo=UTC), declared.params()))
        return frozenset(answer.lists)

    return lru_cache(maxsize=1)(look)


def _trial(declared):
    """Try single values: only complaints about the tried names count, since others may come from templates."""

    def attempt(values: dict) -> None:
        try:
            read_params(declared, values)
        except ValueError as error:
            if str(error).split(":")[0].split(".")[0] in values:
                raise

    return attempt
