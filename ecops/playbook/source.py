"""YAML text -> plain data plus the place of every value. Bombs and surprises are refused, not expanded.

Scalars follow YAML 1.2: only true/false, null and decimal numbers are special, so `12:30`, `on` and `2026-11-11` stay text.
"""

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 512 * 1024
MAX_DEPTH = 20

Path = tuple[str | int, ...]
Places = dict[Path, tuple[int, int]]

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Trouble(Exception):
    """One thing wrong with a text: where (1-based) and what to do."""

    line: int
    column: int
    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message} {self.remedy}"


def load(text: str) -> tuple[Any, Places]:
    """Plain data and the (line, column) of every value by path. Raises Trouble."""
    if len(text.encode()) > MAX_BYTES:
        raise Trouble(1, 1, "too-large", f"The file is larger than {MAX_BYTES // 1024} KB.", "Split the playbook.")
    yaml = YAML(typ="safe", pure=True)
    try:
        _refuse_bombs(yaml.parse(text))
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Trouble(*where, "yaml", f"This is not valid YAML: {error.problem}.", "Check indentation, colons and quotes here.") from error
    except YAMLError as error:
        raise Trouble(1, 1, "yaml", f"This is not valid YAML: {str(error).splitlines()[0]}.", "Save the file as UTF-8 text.") from error
    places: Places = {}
    return (_value(root, (), places) if root else None), places


def _refuse_bombs(events) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise _at(event.start_mark, "alias", "YAML anchors and aliases (& and *) are not allowed.", "Write the value out.")
        if getattr(event, "tag", None):
            raise _at(event.start_mark, "tag", f"The YAML tag {event.tag} is not allowed.", "Remove it.")
        if depth > MAX_DEPTH:
            raise _at(event.start_mark, "too-deep", f"Values are nested more than {MAX_DEPTH} levels deep.", "Flatten them.")


def _at(mark, code: str, message: str, remedy: str) -> Trouble:
    return Trouble(mark.line + 1, mark.column + 1, code, message, remedy)


def _value(node: Node, path: Path, places: Places) -> Any:
    places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, MappingNode):
        return _mapping(node, path, places)
    if isinstance(node, SequenceNode):
        return [_value(child, (*path, index), places) for index, child in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: MappingNode, path: Path, places: Places) -> dict:
    result = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            raise _at(key_node.start_mark, "key", "A field name must be plain text.", "Put quotes around it.")
        key = str(key_node.value)
        if key in result:
            raise _at(key_node.start_mark, "duplicate", f"The field {key!r} stands here twice.", "Keep one of them.")
        places[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        result[key] = _value(value_node, (*path, key), places)
    return result


def _scalar(node: ScalarNode) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and len(text) < 19:
        return int(text)
    # Decimals stay text: money and percents must not pass through a binary float.
    return text
