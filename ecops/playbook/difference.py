"""What changed from one playbook to another, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any

from ecops.playbook.model import Playbook

_BY_NAME = ("anchors", "params", "steps")


def difference(a: Playbook, b: Playbook) -> dict[str, Any]:
    """{fields, anchors, params, steps}: of the playbook itself `[{field, from, to}]`; of the others {added, removed, moved, changed: [{name, field, from, to}]}.

    A field is a path, `checklist.stack.evidence.max`; None stands where one side has nothing.
    """
    one, other = _plain(a), _plain(b)
    whole = [{"field": field, "from": was, "to": to} for field, was, to in _changes({key: value for key, value in one.items() if key not in _BY_NAME}, {key: value for key, value in other.items() if key not in _BY_NAME})]
    return {"fields": whole} | {part: _named(one.get(part, {}), other.get(part, {})) for part in _BY_NAME}


def is_empty(found: Mapping[str, Any]) -> bool:
    """Whether nothing changed."""
    return not found["fields"] and not any(any(found[part].values()) for part in _BY_NAME)


def _plain(playbook: Playbook) -> dict[str, Any]:
    return _keyed(playbook.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"version": playbook.version})


def _keyed(value: Any) -> Any:
    """Lists of things with an id become mappings, so that they are compared by name and not by place."""
    if isinstance(value, dict):
        return {key: _keyed(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(part, dict) and part.get("id") for part in value):
            return {part["id"]: _keyed({key: inner for key, inner in part.items() if key != "id"}) for part in value}
        return [_keyed(part) for part in value]
    return value


def _named(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list]:
    both, order = [name for name in one if name in other], [name for name in other if name in one]
    changed = [{"name": name, "field": field, "from": was, "to": to} for name in both for field, was, to in _changes(one[name], other[name])]
    return {
        "added": [name for name in other if name not in one], "removed": [name for name in one if name not in other],
        "moved": [name for name in order if order.index(name) != both.index(name)], "changed": changed,
    }  # fmt: skip


def _changes(was: Any, to: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(to, dict):
        for key in dict.fromkeys((*was, *to)):
            yield from _changes(was.get(key), to.get(key), (*path, str(key)))
    elif was != to:
        yield ".".join(path), was, to
