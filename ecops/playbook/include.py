"""Step groups: steps that several playbooks share, written once in `groups/<name>.yaml` and included by name.

What is included stands in the playbook as if it were written there: its steps keep their ids, so others can need them, and a run
keeps them in its frozen copy. Every value keeps the file and line it was written in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from ecops.playbook.model import Key, Param, Part, Playbook, Step, Text
from ecops.playbook.problem import near
from ecops.playbook.source import Path, Place, Places, Trouble, load

GROUPS = "groups"


class Include(Part):
    """Stands for the steps of a group. Its steps belong to `stage`, and those that need no other step of the group need `needs`."""

    include: Key
    stage: Key | None = None
    needs: tuple[Key, ...] = ()


class Group(Part):
    """A file of shared steps. `params`: what they look up, unless the playbook declares it itself."""

    group: Key
    title: Text
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Param] = {}
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]


@dataclass(frozen=True)
class GroupFile:
    """A group as it lies in a folder."""

    file: str
    text: str


Groups = Mapping[str, Callable[[], GroupFile]]


def schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, in which an include may stand for steps."""
    whole, include = Playbook.model_json_schema(by_alias=True), Include.model_json_schema()
    whole["$defs"]["Include"] = include
    steps = whole["properties"]["steps"]
    steps["items"] = {"anyOf": [steps["items"], {"$ref": "#/$defs/Include"}]}
    return whole


def expanded(data: Any, places: Places, groups: Groups) -> tuple[Any, Places]:
    """A playbook's plain data with every include replaced by its steps, and where each value stands. Raises Trouble, with its file."""
    if not isinstance(data.get("steps"), list) or not any(map(_includes, data["steps"])):
        return data, places
    found = {path: place for path, place in places.items() if path[:1] != ("steps",) or len(path) == 1}
    own = data.get("params") or {}
    steps, params = [], dict(own) if isinstance(own, dict) else {}
    for index, written in enumerate(data["steps"]):
        mine = _below(places, ("steps", index))
        if not _includes(written):
            _put(steps, written, mine, found)
            continue
        group, theirs = _group(written, mine, groups)
        for name, param in (group.get("params") or {}).items():
            if name not in params:
                params[name] = param
                found |= {("params", name, *path): place for path, place in _below(theirs, ("params", name)).items()}
        for step, where in _placed(written, group, theirs, mine):
            _put(steps, step, where, found)
    return data | {"steps": steps} | ({"params": params} if params and isinstance(own, dict) else {}), found


def _includes(step: Any) -> bool:
    return isinstance(step, dict) and "include" in step


def _below(places: Places, top: Path) -> Places:
    """The places of a value and its parts, by their paths from it."""
    return {path[len(top):]: place for path, place in places.items() if path[: len(top)] == top}


def _put(steps: list, step: Any, where: Places, found: Places) -> None:
    found |= {("steps", len(steps), *path): place for path, place in where.items()}
    steps.append(step)


def _group(written: dict, mine: Places, groups: Groups) -> tuple[dict, Places]:
    """The data of the group that an include names, and its places in its own file."""
    if unknown := set(written) - set(Include.model_fields):
        name = sorted(unknown)[0]
        raise _at(mine.get((name,), mine[()]), "extra-forbidden", f"An include has no field {name}.", f"Known: {', '.join(Include.model_fields)}.")
    needs, stage = written.get("needs"), written.get("stage")
    if not isinstance(written["include"], str) or not isinstance(needs, list | None) or not isinstance(stage, str | None):
        raise _at(mine[()], "include", "An include names one group, a stage, and a list of steps it needs.", "Write it as {include: name, stage: execution, needs: [a, b]}.")
    key = written["include"]
    if key not in groups:
        raise _at(mine[("include",)], "unknown-group", f"There is no group of steps {key}.", near(key, groups))
    held = groups[key]()
    try:
        data, places = load(held.text)
    except Trouble as trouble:
        raise replace(trouble, file=held.file) from trouble
    places = {path: place._replace(file=held.file) for path, place in places.items()}
    return _sound(data, places, held.file), places


def _sound(data: Any, places: Places, file: str) -> dict:
    """The data of a group file, if it has the shape of one; what its steps say is checked within the playbook."""
    top = places.get((), Place(1, 1, file))
    if not isinstance(data, dict) or "group" not in data or not isinstance(data.get("steps"), list) or not data["steps"]:
        raise _at(top, "not-a-group", "This file is no group of steps.", "Write 'group', 'title' and a list of 'steps'.")
    if unknown := set(data) - set(Group.model_fields):
        name = sorted(unknown)[0]
        raise _at(places[(name,)], "extra-forbidden", f"A group has no field {name}.", f"Known: {', '.join(Group.model_fields)}.")
    if not isinstance(data.get("params") or {}, dict):
        raise _at(places[("params",)], "dict-type", "Parameters are a group of fields.", "Write them as {name: {type: ...}}.")
    for index, step in enumerate(data["steps"]):
        if not isinstance(step, dict) or not isinstance(step.get("id"), str) or _includes(step):
            raise _at(places[("steps", index)], "not-a-step", "A group holds steps with an id, and no further group.", "Write the steps out.")
    return data


def _placed(written: dict, group: dict, theirs: Places, mine: Places):
    """The group's steps with the include's stage and needs, each with its places."""
    ids = {step["id"] for step in group["steps"]}
    for index, step in enumerate(group["steps"]):
        where = _below(theirs, ("steps", index))
        own = step.get("needs") or []
        if written.get("needs") and isinstance(own, list) and not ids & set(map(str, own)) and not _of_group(step, ids):
            step = step | {"needs": [*own, *written["needs"]]}
            where |= {("needs", len(own) + position): mine[("needs", position)] for position in range(len(written["needs"]))}
        if written.get("stage") and "stage" not in step:
            step = step | {"stage": written["stage"]}
            where |= {("stage",): mine[("stage",)]}
        yield step, where


def _of_group(step: dict, ids: set) -> bool:
    """Whether its items come from a step of the group, which it waits for by that."""
    checklist = step.get("checklist")
    each = checklist.get("each") if isinstance(checklist, dict) else None
    return isinstance(each, str) and each.split(".")[1:2] and each.split(".")[1] in ids


def _at(place: Place, code: str, message: str, remedy: str) -> Trouble:
    return Trouble(place.line, place.column, code, message, remedy, place.file)
