"""YAML text -> plain data plus the place of every value. Bombs and surprises are refused, not expanded.

Scalars follow YAML 1.2: only true/false, null and decimal numbers are special, so `12:30`, `on` and `2026-11-11` stay text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

MAX_BYTES = 512 * 1024
MAX_DEPTH = 20

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where a value stands, from 1; `file` where it is not the one that is read."""

    line: int
    column: int
    file: str = ""


Places = dict[Path, Place]

# What no editor shows, no database keeps or no terminal can print: control characters and half characters.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
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
    file: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message} {self.remedy}"


def load(text: str) -> tuple[Any, Places]:
    """Plain data and the place of every value by path. Raises Trouble."""
    if unseen := _UNSEEN.search(text):
        line = text.count("\n", 0, unseen.start()) + 1
        raise Trouble(line, unseen.start() - text.rfind("\n", 0, unseen.start()), *_cannot_be_kept(unseen[0]))
    if len(text.encode()) > MAX_BYTES:
        raise Trouble(1, 1, "too-large", f"The file is larger than {MAX_BYTES // 1024} KB.", "Split the playbook.")
    places: Places = {}
    try:
        return _document(YAML(typ="safe", pure=True).parse(text), places), places
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Trouble(*where, "yaml", f"This is not valid YAML: {error.problem}.", "Check indentation, colons and quotes here.") from error
    except YAMLError as error:
        raise Trouble(1, 1, "yaml", f"This is not valid YAML: {str(error).splitlines()[0]}.", "Save the file as UTF-8 text.") from error


def _cannot_be_kept(character: str) -> tuple[str, str, str]:
    return "character", f"The text holds the character U+{ord(character):04X}, which cannot be kept.", "Remove it."


def _document(events: Iterator[Event], places: Places) -> Any:
    """The one document of a stream. Values are built as they are read, so a bomb is refused before it can go off."""
    for event in events:
        if isinstance(event, NodeEvent):
            found = _value(event, events, (), places)
            for more in events:
                if isinstance(more, DocumentStartEvent):
                    raise _at(more.start_mark, "yaml", "A second document begins here.", "Put it into a file of its own.")
            return found
    return None


def _at(mark, code: str, message: str, remedy: str) -> Trouble:
    return Trouble(mark.line + 1, mark.column + 1, code, message, remedy)


def _value(event: Event, events: Iterator[Event], path: Path, places: Places) -> Any:
    """The value that begins with `event`; takes the rest of it from `events`."""
    if isinstance(event, AliasEvent) or event.anchor:
        raise _at(event.start_mark, "alias", "YAML anchors and aliases (& and *) are not allowed.", "Write the value out.")
    if event.tag:
        raise _at(event.start_mark, "tag", f"The YAML tag {event.tag} is not allowed.", "Remove it.")
    if isinstance(event, CollectionStartEvent) and len(path) >= MAX_DEPTH:
        raise _at(event.start_mark, "too-deep", f"Values are nested more than {MAX_DEPTH} levels deep.", "Flatten them.")
    places.setdefault(path, Place(event.start_mark.line + 1, event.start_mark.column + 1))
    if isinstance(event, MappingStartEvent):
        return _mapping(events, path, places)
    if isinstance(event, SequenceStartEvent):
        return [_value(part, events, (*path, index), places) for index, part in enumerate(takewhile(_goes_on, events))]
    return _scalar(event)


def _goes_on(event: Event) -> bool:
    return not isinstance(event, CollectionEndEvent)


def _mapping(events: Iterator[Event], path: Path, places: Places) -> dict:
    result = {}
    for event in takewhile(_goes_on, events):
        if not isinstance(event, ScalarEvent):
            raise _at(event.start_mark, "key", "A field name must be plain text.", "Put quotes around it.")
        key = str(event.value)
        if key in result:
            raise _at(event.start_mark, "duplicate", f"The field {key!r} stands here twice.", "Keep one of them.")
        places[(*path, key)] = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        result[key] = _value(next(events), events, (*path, key), places)
    return result


def _scalar(event: ScalarEvent) -> Any:
    text = event.value
    if unseen := _UNSEEN.search(text):
        raise _at(event.start_mark, *_cannot_be_kept(unseen[0]))
    if event.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and len(text) < 19:
        return int(text)
    # Decimals stay text: money and percents must not pass through a binary float.
    return text
