"""What the texts and conditions of a playbook name: each kind of text knows its own inputs, and all it names must exist."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecops.playbook.dates import DAY, LAUNCH
from ecops.playbook.model import Each, Evidence, Playbook, Step, Text, texts_in, verifiers
from ecops.playbook.params import comparable, example_of, read_param
from ecops.playbook.problem import Problem, near, problem
from ecops.playbook.source import Path, Places
from ecops.playbook.template import BadTemplate, attributes_used, evaluate, fill, names_used

REFUSED_REWARD = ("好评返现", "好评有礼", "五星返现")
SHOP = {"key": "shop", "name": "shop", "platform": "taobao", "tags": []}
ITEM = ("value", "link", "file", "note", "key")  # of what was brought when an item was ticked
_BRINGS = {"tick": None, "number": "value", "text": "value", "choice": "value", "link": "link", "file": "file"}
TITLE_LENGTH = 200


@dataclass(frozen=True)
class Said:
    """A text where it stands, and the inputs it may name there."""

    path: Path
    text: str
    inputs: frozenset[str]
    condition: bool = False


def check_texts(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """Names that are not known where they stand, and values that cannot be filled in."""
    titles = _said(("title",), playbook.title, {"params"})
    yield from (problem(places, said.path, "too-long", f"The title has {len(said.text)} characters.", f"Keep it within {TITLE_LENGTH}.") for said in titles if len(said.text) > TITLE_LENGTH)
    known = _attributes(playbook)
    samples = _samples(playbook)
    found = [*titles, *(said for index, step in enumerate(playbook.steps) for said in _of_step(("steps", index), step))]
    found += [said for index, freeze in enumerate(playbook.freezes) for said in _said(("freezes", index, "title"), freeze.title, set())]
    if playbook.then:
        found += [Said(("then", "with", name), text, frozenset({"params", "anchors"})) for name, value in playbook.then.with_.items() for text in texts_in(value)]
    for index, step in enumerate(playbook.steps):
        yield from _not_brought(step, ("steps", index), places)
    for said in found:
        names = list(_names(said, known, places))
        yield from names
        if samples and not names:
            yield from _trial(said, samples, places)


def _said(path: Path, text: Text | None, inputs: set[str]) -> list[Said]:
    """Both languages of a text; one that stands for both is looked at once."""
    if text is None:
        return []
    languages = ("zh", "en") if text.en != text.zh else ("zh",)
    return [Said((*path, language), getattr(text, language), frozenset(inputs)) for language in languages]


def _of_step(at: Path, step: Step) -> Iterator[Said]:
    shop = {"shop"} if step.per_shop else set()
    yield from _said((*at, "title"), step.title, set())
    yield from _said((*at, "note"), step.note, set())
    for name, value in step.with_.items():
        yield from (Said((*at, "with", name), text, frozenset({"params", "anchors"})) for text in texts_in(value))
    if isinstance(step.checklist, Each):
        inputs = {"params", "anchors", "it"} | shop
        yield from _said((*at, "checklist", "item"), step.checklist.item, inputs)
        if learn := step.checklist.learn:
            yield from _said((*at, "checklist", "learn", "item"), learn.item, inputs)
            yield from (Said((*at, "checklist", "learn", name), text, frozenset(inputs)) for name in ("playbook", "value") for text in texts_in(getattr(learn, name)))
    for path, verify in verifiers(step):
        yield from (Said((*at, *path, "with", name), text, frozenset({"params", "anchors", "item"} | shop)) for name, value in verify.with_.items() for text in texts_in(value))
    for index, item in enumerate(step.checklist if isinstance(step.checklist, tuple) else ()):
        yield from _said((*at, "checklist", index, "title"), item.title, {"params", "anchors"} | shop)
    if step.when:
        yield Said((*at, "when"), step.when.strip().removeprefix("{{").removesuffix("}}"), frozenset({"params", "anchors", "steps"} | shop), condition=True)


def _attributes(playbook: Playbook) -> dict[str, set[str]]:
    """What each input holds; a row of an outcome holds what its task gives."""
    tasks = {step.id for step in playbook.steps if step.task}
    return {"params": set(playbook.params), "anchors": set(playbook.anchors) | {DAY, LAUNCH}, "shop": set(SHOP), "steps": tasks | {key.replace("-", "_") for key in tasks}, "item": set(ITEM)}


_CODES = {"params": "unknown-param", "anchors": "unknown-anchor", "steps": "unknown-step", "shop": "unknown-field", "item": "unknown-field"}


def _names(said: Said, known: Mapping[str, set[str]], places: Places) -> Iterator[Problem]:
    for word in REFUSED_REWARD:
        if word in said.text:
            yield problem(places, said.path, "unlawful", f"{word} asks for good ratings against money or gifts, which SAMR Order 91 (in force since 1 Sep 2024) forbids.", "Plan 晒单有礼 (review with photo) without a demanded rating.")
    for name in sorted(names_used(said.text, said.condition)):
        if name not in said.inputs:
            yield problem(places, said.path, f"no-{name}", f"{name!r} is not known in this text.", _instead(said))
            continue
        for attribute in sorted(attributes_used(said.text, name, said.condition) - known.get(name, set())) if name in known else ():
            yield problem(places, said.path, _CODES[name], f"The text names {name}.{attribute}, which does not exist.", near(attribute, known[name]))


def _not_brought(step: Step, at: Path, places: Places) -> Iterator[Problem]:
    """What a verifier looks up must be what the item closes with."""
    for path, verify in verifiers(step):
        evidence = step.checklist.evidence if isinstance(step.checklist, Each) else step.checklist[path[1]].evidence
        for name, value in verify.with_.items():
            for text in texts_in(value):
                for lacking in sorted((attributes_used(text, "item") & set(_BRINGS.values())) - {_BRINGS[evidence.type]}):
                    yield problem(places, (*at, *path, "with", name), "not-brought", f"The text names item.{lacking}, and the item closes with a {evidence.type}.", _brings(evidence))


def _brings(evidence: Evidence) -> str:
    return f"Name item.{_BRINGS[evidence.type]}." if _BRINGS[evidence.type] else "Give the item evidence, such as 'evidence: number'."


def _instead(said: Said) -> str:
    return f"Name {', '.join(sorted(said.inputs))}." if said.inputs else "It is shown as it is; put values into the titles of items."


def _samples(playbook: Playbook) -> dict[str, Any] | None:
    """Inputs as a launch without any words would have them; a required parameter has its example. None while a parameter is wrong itself."""
    try:
        given = {name: example_of(param) if param.required else param.default for name, param in playbook.params.items()}
        params = {name: None if value is None else read_param(playbook.params[name], value) for name, value in given.items()}
    except ValueError:
        return None
    anchors = {name: "2026-11-11T00:00:00+00:00" for name in (*playbook.anchors, DAY, LAUNCH)}
    return {"params": params, "anchors": anchors, "shop": SHOP, "comparable": comparable(playbook, params)}


def _trial(said: Said, samples: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    """Fill a text in with plain values, where nothing depends on what a task will give."""
    if names_used(said.text, said.condition) & {"steps", "it", "item"}:
        return
    try:
        if said.condition:
            evaluate(said.text, {**samples, "params": samples["comparable"]})
        else:
            fill(said.text, samples)
    except BadTemplate as error:
        yield problem(places, said.path, "bad-value", f"{error}.", "Compare and format values of a fitting type; a parameter that may be missing needs a 'default'.")
