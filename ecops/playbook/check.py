"""What can be known about a playbook before anyone launches it, as problems with a place and a remedy."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import ValidationError

from ecops.playbook.dates import DAY, LAUNCH, READY, DateRule
from ecops.playbook.model import Each, Playbook, Step
from ecops.playbook.params import read_param
from ecops.playbook.source import Path, Places, Trouble, load
from ecops.playbook.template import attributes_used, names_used

ERROR, WARNING = "error", "warning"
REFUSED_REWARD = ("好评返现", "好评有礼", "五星返现")


@dataclass(frozen=True)
class Problem:
    """One finding. `severity` is error (cannot be launched) or warning."""

    file: str
    line: int
    column: int
    code: str
    message: str
    remedy: str
    severity: str = ERROR

    def to_json(self) -> dict:
        """The fields of `ecops playbook check --json`."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity} [{self.code}] {self.message} {self.remedy}"


@dataclass(frozen=True)
class TaskFacts:
    """What the check needs to know of an automated step: the names of its parameters and how to try values."""

    params: frozenset[str]
    try_params: Any  # callable(dict) -> None, raising ValueError


def read_playbook(text: str, file: str, tasks: Mapping[str, TaskFacts]) -> tuple[Playbook | None, list[Problem]]:
    """Text -> (the playbook, or None when it cannot stand; every problem found, in order of place)."""
    try:
        data, places = load(text)
    except Trouble as trouble:
        return None, [Problem(file, trouble.line, trouble.column, trouble.code, trouble.message, trouble.remedy)]
    if not isinstance(data, dict):
        return None, [Problem(file, 1, 1, "not-a-playbook", "This file holds no fields.", "Start it with 'playbook: <key>'.")]
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        return None, sorted((_from_pydantic(detail, file, places) for detail in error.errors()), key=_place)
    problems = sorted((replace(problem, file=file) for problem in _check(playbook, places, tasks)), key=_place)
    fatal = any(problem.severity == ERROR for problem in problems)
    return (None if fatal else playbook), problems


def _place(problem: Problem) -> tuple:
    return problem.line, problem.column, problem.code, problem.message


def _find(places: Places, path: Path) -> tuple[int, int]:
    while path not in places and path:
        path = path[:-1]
    return places.get(path, (1, 1))


def _from_pydantic(detail: Mapping[str, Any], file: str, places: Places) -> Problem:
    path = tuple(part for part in detail["loc"] if not (isinstance(part, str) and ("[" in part or part in ("Each", "tuple"))))
    line, column = _find(places, path)
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "the playbook"
    message, remedy = _wording(detail)
    return Problem(file, line, column, detail["type"].replace("_", "-"), f"{field}: {message}.", remedy)


def _wording(detail: Mapping[str, Any]) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "this field does not exist here", "Remove it or correct its name; 'ecops playbook schema' lists all fields."
    if kind == "missing":
        return "this field is missing", "Add it."
    if kind == "string_pattern_mismatch":
        return f"{detail['input']!r} has the wrong form", f"It must match {context.get('pattern')}."
    if kind == "value_error":
        return str(context.get("error", detail["msg"])), "Correct it as the sentence says."
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}", "Correct the value; docs/playbooks.md shows every field by example."


def _check(playbook: Playbook, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    yield from _unique_ids(playbook, places)
    yield from _anchors(playbook, places)
    yield from _params(playbook, places)
    yield from _graph(playbook, places)
    for index, step in enumerate(playbook.steps):
        at = ("steps", index)
        yield from _step_rules(playbook, step, at, places)
        yield from _step_names(playbook, step, at, places, tasks)
        yield from _step_texts(playbook, step, at, places)
        yield from _step_habits(playbook, step, at, places)


def _problem(places: Places, path: Path, code: str, message: str, remedy: str, severity: str = ERROR) -> Problem:
    return Problem("", *_find(places, path), code, message, remedy, severity)


def _near(word: str, known) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known)) or 'none'}."


def _unique_ids(playbook: Playbook, places: Places) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, step in enumerate(playbook.steps):
        if step.id in seen:
            yield _problem(places, ("steps", index, "id"), "duplicate-step", f"Two steps are called {step.id}.", "Rename one of them.")
        seen.add(step.id)


def _anchors(playbook: Playbook, places: Places) -> Iterator[Problem]:
    known = set(playbook.anchors) | {DAY, LAUNCH}
    graph: dict[str, set[str]] = {}
    for name, anchor in playbook.anchors.items():
        path = ("anchors", name)
        if name in (DAY, LAUNCH, READY):
            yield _problem(places, path, "reserved-anchor", f"The name {name} has a meaning of its own.", "Choose another name.")
        if anchor.rule and not anchor.rule.moment:
            graph[name] = {anchor.rule.base}
            if anchor.rule.base not in known:
                yield _problem(places, path, "unknown-anchor", f"The anchor {name} counts from {anchor.rule.base}, which does not exist.", _near(anchor.rule.base, known))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield _problem(places, ("anchors", error.args[1][0]), "anchor-cycle", f"Anchors count from each other: {' -> '.join(error.args[1])}.", "Give one of them a rule of its own.")


def _params(playbook: Playbook, places: Places) -> Iterator[Problem]:
    for name, param in playbook.params.items():
        for field in ("default", "min", "max"):
            value = getattr(param, field)
            if value is None or (field != "default" and param.type in ("text", "flag", "choice")):
                continue
            try:
                read_param(param if field == "default" else param.model_copy(update={"min": None, "max": None}), value)
            except ValueError as error:
                yield _problem(places, ("params", name, field), "bad-value", f"'{field}' of the parameter {name}: {error}.", "Correct it.")


def needs_of(step: Step) -> tuple[str, ...]:
    """What a step waits for: its `needs`, and the task whose outcome its checklist is made of."""
    source = (step.checklist.step,) if isinstance(step.checklist, Each) else ()
    return tuple(dict.fromkeys((*step.needs, *source)))


def _graph(playbook: Playbook, places: Places) -> Iterator[Problem]:
    ids = {step.id: index for index, step in enumerate(playbook.steps)}
    for index, step in enumerate(playbook.steps):
        for position, need in enumerate(step.needs):
            if need not in ids:
                yield _problem(places, ("steps", index, "needs", position), "unknown-step", f"{step.id} needs {need}, which does not exist.", _near(need, ids))
    try:
        TopologicalSorter({step.id: [need for need in needs_of(step) if need in ids] for step in playbook.steps}).prepare()
    except CycleError as error:
        loop = error.args[1]
        yield _problem(places, ("steps", ids[loop[0]], "needs"), "cycle", f"Steps wait for each other: {' -> '.join(loop)}.", "Remove one of these needs.")


def _step_rules(playbook: Playbook, step: Step, at: Path, places: Places) -> Iterator[Problem]:
    known = set(playbook.anchors) | {DAY, LAUNCH}
    for field, rule in (("start", step.start), ("from", step.from_), ("until", step.until), ("due", step.due)):
        allowed = known | {READY} if field == "due" else known
        if rule and not rule.moment and rule.base not in allowed:
            yield _problem(places, (*at, field), "unknown-anchor", _unknown_base(field, rule), _near(rule.base, allowed))


def _unknown_base(field: str, rule: DateRule) -> str:
    if rule.base == READY:
        return f"'{field}: {rule.text}' counts from the moment the step is ready; only 'due' can."
    if "-" in rule.base:
        return f"'{field}: {rule.text}' names the anchor {rule.base}; write blanks around + and -."
    return f"'{field}: {rule.text}' names the anchor {rule.base}, which does not exist."


def _step_names(playbook: Playbook, step: Step, at: Path, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    ids = {other.id: other for other in playbook.steps}
    if step.stage not in playbook.stages:
        yield _problem(places, (*at, "stage"), "unknown-stage", f"{step.id} is in the stage {step.stage}, which does not exist.", _near(str(step.stage), playbook.stages))
    if step.task:
        yield from _task_call(step, at, places, tasks)
    if isinstance(step.checklist, Each):
        source = ids.get(step.checklist.step)
        if source is None or not source.task:
            yield _problem(places, (*at, "checklist", "each"), "unknown-step", f"{step.id} takes its items from {step.checklist.step}, which is no task of this playbook.", _near(step.checklist.step, [key for key, other in ids.items() if other.task]))
        elif source.per_shop != step.per_shop:
            yield _problem(places, (*at, "checklist", "each"), "scope", f"{step.id} and {source.id} differ in scope.", "Give both the same 'scope'.")


def _task_call(step: Step, at: Path, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    facts = tasks.get(step.task)
    if facts is None:
        yield _problem(places, (*at, "task"), "unknown-task", f"There is no task {step.task}.", _near(step.task, tasks))
        return
    for name in step.with_:
        if name not in facts.params:
            yield _problem(places, (*at, "with", name), "unknown-param", f"The task {step.task} takes no {name}.", _near(name, facts.params))
    fixed = {name: value for name, value in step.with_.items() if name in facts.params and "{{" not in str(value)}
    for name, value in fixed.items():
        try:
            facts.try_params({name: value})
        except ValueError as error:
            yield _problem(places, (*at, "with", name), "bad-value", f"The task {step.task} cannot read {name}: {error}.", "Correct it.")


def _texts(step: Step) -> Iterator[tuple[Path, str, bool]]:
    """(path, text, is it an item of an `each` checklist) for every template of a step."""
    for field, text in (("title", step.title), ("note", step.note)):
        if text:
            yield from (((field, language), getattr(text, language), False) for language in ("zh", "en"))
    for name, value in step.with_.items():
        if isinstance(value, str):
            yield ("with", name), value, False
    if isinstance(step.checklist, Each):
        yield from ((("checklist", "item", language), getattr(step.checklist.item, language), True) for language in ("zh", "en"))
    elif step.checklist:
        for index, item in enumerate(step.checklist):
            yield from ((("checklist", index, "title", language), getattr(item.title, language), False) for language in ("zh", "en"))


def _step_texts(playbook: Playbook, step: Step, at: Path, places: Places) -> Iterator[Problem]:
    for path, text, in_each in _texts(step):
        if not in_each and "it" in names_used(text):
            yield _problem(places, (*at, *path), "no-it", "'it' is known in the items of an 'each' checklist only.", "Name params, shop, anchors or steps.")
        yield from _unknown_params(playbook, text, False, (*at, *path), places)
        for word in REFUSED_REWARD:
            if word in text:
                yield _problem(places, (*at, *path), "unlawful", f"{word} asks for good ratings against money or gifts, which SAMR Order 91 (in force since 1 Sep 2024) forbids.", "Plan 晒单有礼 (review with photo) without a demanded rating.")
    if step.when:
        bare = step.when.strip().removeprefix("{{").removesuffix("}}")
        if "it" in names_used(bare, expression=True):
            yield _problem(places, (*at, "when"), "no-it", "'it' is not known in a condition.", "Name params, shop, anchors or steps.")
        yield from _unknown_params(playbook, bare, True, (*at, "when"), places)


def _unknown_params(playbook: Playbook, text: str, expression: bool, path: Path, places: Places) -> Iterator[Problem]:
    for name in sorted(attributes_used(text, "params", expression) - set(playbook.params)):
        yield _problem(places, path, "unknown-param", f"The text names params.{name}, which does not exist.", _near(name, playbook.params))


def _step_habits(playbook: Playbook, step: Step, at: Path, places: Places) -> Iterator[Problem]:
    if step.kind in ("checklist", "approval") and not step.due:
        yield _problem(places, at, "no-due", f"People get {step.id} without a due time.", "Add 'due'.", WARNING)
    if step.duty is None:
        yield _problem(places, at, "no-duty", f"{step.id} names none of the eight duties.", "Add 'duty'.", WARNING)
    if step.approval and not needs_of(step):
        yield _problem(places, at, "no-evidence", f"The gate {step.id} is decided without anything before it.", "Give it 'needs'.", WARNING)
