"""Single steps of a playbook added, left out, or put in another's place; the whole is checked as if it had been written like that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecops.errors import BadCall, NotFound
from ecops.playbook.check import ERROR, Others, Problem, TaskFacts, check_data
from ecops.playbook.model import Playbook
from ecops.playbook.problem import near
from ecops.playbook.source import Place, Places, Trouble, load


@dataclass(frozen=True)
class StepFile:
    """The text of a file with one step or a list of steps, and its name."""

    file: str
    text: str


@dataclass(frozen=True)
class Amendment:
    """Steps to leave out by their ids, files of steps to add, and files of the step that takes another's place by its id."""

    tasks: Mapping[str, TaskFacts]
    others: Others | None = None
    skip: Sequence[str] = ()
    add: Sequence[StepFile] = ()
    swap: Mapping[str, StepFile] = field(default_factory=dict)

    def of(self, book: Playbook) -> Playbook:
        """The playbook as it is then, of the same version. Needs on a step that is left out fall away, and what a gate reopens of them. Raises NotFound, BadCall with every mistake's place."""
        for key in (*self.skip, *self.swap):
            if key not in (ids := [step.id for step in book.steps]):
                raise NotFound(f"{book.playbook} has no step {key}. {near(key, ids)}")
        if both := sorted(set(self.skip) & set(self.swap)):
            raise BadCall(f"{', '.join(both)} cannot be skipped and swapped at once; keep one.")
        old = book.model_dump(mode="json", by_alias=True)
        written = [self._swapped(step) if step["id"] in self.swap else (step, {}) for step in old["steps"] if step["id"] not in self.skip]
        for file in self.add:
            for step, places in _steps(file):
                written.insert(_behind(written, step), (step, places))
        steps = [_without(step, self.skip) for step, _ in written]
        places = {("steps", index, *path): place for index, (_, own) in enumerate(written) for path, place in own.items()}
        return self._sound(book, old, old | {"steps": steps, "freezes": _freezes(old["freezes"], self.skip)}, places)

    def _swapped(self, old: Mapping[str, Any]) -> tuple[Any, Places]:
        file = self.swap[old["id"]]
        found = _steps(file)
        step, places = found[0]
        if len(found) > 1 or step.get("id", old["id"]) != old["id"]:
            raise BadCall(str(Problem(file.file, *places[()][:2], "swap", f"This takes the place of {old['id']} and must be one step of that id.", "Use --skip and --add for steps of other ids.")))
        return {"stage": old["stage"], "id": old["id"]} | step, places

    def _sound(self, book: Playbook, old: dict, data: dict, places: Places) -> Playbook:
        """What is wrong with the new steps, or comes of them; what the copy of the run had already is not their fault, and hours that nothing counts any more harm nobody."""
        name = f"{book.playbook} v{book.version}"
        known = {(one.code, one.message) for one in check_data(old, {}, name, self.tasks, self.others)[1]}
        _, problems = check_data(data, places, name, self.tasks, self.others)
        if errors := [one for one in problems if one.severity == ERROR and one.code != "unused" and (one.code, one.message) not in known]:
            raise BadCall("\n".join(map(str, errors)))
        return Playbook.model_validate(data)


def _steps(file: StepFile) -> list[tuple[dict, Places]]:
    """The steps of a file, each with its places."""
    try:
        data, places = load(file.text)
    except Trouble as trouble:
        raise BadCall(str(Problem(file.file, trouble.line, trouble.column, trouble.code, trouble.message, trouble.remedy))) from trouble
    places = {path: place._replace(file=file.file) for path, place in places.items()}
    listed = data if isinstance(data, list) else [data]
    for index, step in enumerate(listed):
        if not isinstance(step, dict):
            where = places.get((index,), places.get((), Place(1, 1)))
            raise BadCall(str(Problem(file.file, where.line, where.column, "not-a-step", "This is no step.", "Write one step, or a list of steps, as they stand under 'steps:'.")))
    if not listed:
        raise BadCall(str(Problem(file.file, 1, 1, "not-a-step", "This file holds no step.", "Write one step, or a list of steps.")))
    if data is not listed:
        return [(data, places)]
    return [(step, {path[1:]: place for path, place in places.items() if path[:1] == (index,)}) for index, step in enumerate(listed)]


def _behind(written: Sequence[tuple[dict, Places]], step: Mapping[str, Any]) -> int:
    """Where a new step stands: behind the others of its stage, else behind what it needs, else at the end."""
    needs = step.get("needs")
    of_stage = [index for index, (one, _) in enumerate(written) if "stage" in step and one.get("stage") == step["stage"]]
    needed = [index for index, (one, _) in enumerate(written) if isinstance(needs, list) and one.get("id") in needs]
    return (of_stage or needed or [len(written) - 1])[-1] + 1


def _without(step: dict, skipped: Sequence[str]) -> dict:
    """A step that neither needs what is skipped nor, a gate, reopens it."""
    approval = step.get("approval")
    if isinstance(approval, dict):
        step = step | {"approval": _less(approval, "reopens", skipped)}
    return _less(step, "needs", skipped)


def _less(data: dict, field: str, skipped: Sequence[str]) -> dict:
    keys = data.get(field)
    return data | {field: [key for key in keys if key not in skipped]} if isinstance(keys, list) else data


def _freezes(freezes: Sequence[dict], skipped: Sequence[str]) -> list[dict]:
    left = [freeze | {"steps": [step for step in freeze["steps"] if step not in skipped]} for freeze in freezes]
    return [freeze for freeze in left if freeze["steps"]]
