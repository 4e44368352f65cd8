"""What can be known about a playbook before anyone launches it, as problems with a place and a remedy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import ValidationError

from ecops.playbook.dates import DAY, LAUNCH, READY, DateRule
from ecops.playbook.include import Groups, expanded
from ecops.playbook.model import ROLES, Each, Playbook, Step, Verify, verifiers
from ecops.playbook.params import read_bound, read_param
from ecops.playbook.problem import ERROR, WARNING, Problem, find, near, problem
from ecops.playbook.rows import ROWS
from ecops.playbook.source import Path, Places, Trouble, load
from ecops.playbook.template import attributes_used
from ecops.playbook.texts import check_texts
from ecops.playbook.times import check_times, needs_of

__all__ = ["ERROR", "WARNING", "Problem", "TaskFacts", "needs_of", "read_playbook"]


@dataclass(frozen=True)
class TaskFacts:
    """What the check needs to know of an automated step: the names of its parameters, how to try values, and the lists it answers with."""

    params: frozenset[str]
    try_params: Any  # callable(dict) -> None, raising ValueError
    lists: Callable[[], frozenset[str]] = frozenset


Others = Callable[[str], Playbook | None]


def read_playbook(
    text: str, file: str, tasks: Mapping[str, TaskFacts], others: Others | None = None, groups: Groups | None = None
) -> tuple[Playbook | None, list[Problem]]:
    """Text -> (the playbook, or None when it cannot stand; every problem found, in order of place).

    `others` gives the playbook of a key, for what follows this one; without it that is not looked at. `groups`: the step groups it may include.
    """
    return read_placed(text, file, tasks, others, groups)[:2]


def read_placed(
    text: str, file: str, tasks: Mapping[str, TaskFacts], others: Others | None = None, groups: Groups | None = None
) -> tuple[Playbook | None, list[Problem], Places]:
    """The same, and where every value of it stands."""
    try:
        data, places = load(text)
        if not isinstance(data, dict):
            return None, [Problem(file, 1, 1, "not-a-playbook", "This file holds no fields.", "Start it with 'playbook: <key>'.")], {}
        if "group" in data and "playbook" not in data:
            return None, [Problem(file, 1, 1, "group", "This is a group of steps, which is checked in the playbooks that include it.", "Check one of those.")], {}
        data, places = expanded(data, places, groups or {})
    except Trouble as trouble:
        return None, [Problem(trouble.file or file, trouble.line, trouble.column, trouble.code, trouble.message, trouble.remedy)], {}
    places = {path: place if place.file else place._replace(file=file) for path, place in places.items()}
    return *check_data(data, places, file, tasks, others), places


def check_data(data: dict, places: Places, file: str, tasks: Mapping[str, TaskFacts], others: Others | None) -> tuple[Playbook | None, list[Problem]]:
    """The plain data of a playbook -> (the playbook, or None when it cannot stand; every problem found, in order of place)."""
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        found = [_from_pydantic(detail, file, places) for detail in error.errors() if not _beside_the_point(detail, data)]
        return None, sorted({(one.file, one.line, one.column, one.code, one.remedy): one for one in reversed(found)}.values(), key=_place)
    problems = sorted((replace(one, file=one.file or file) for one in _check(playbook, places, tasks, others)), key=_place)
    fatal = any(one.severity == ERROR for one in problems)
    return (None if fatal else playbook), problems


def _place(one: Problem) -> tuple:
    return one.file, one.line, one.column, one.code, one.message


def _beside_the_point(detail: Mapping[str, Any], data: Any) -> bool:
    """What follows only from another mistake: a list too short because its items are wrong, the form of checklist that was not written."""
    path = detail["loc"]
    if detail["type"] == "too_short" and detail["input"]:
        return True
    if len(path) < 4 or path[2] != "checklist":
        return False
    written = data["steps"][path[1]]["checklist"]
    return isinstance(written, dict) != ("Each" in str(path[3]))


def _from_pydantic(detail: Mapping[str, Any], file: str, places: Places) -> Problem:
    path = tuple(part for part in detail["loc"] if not (isinstance(part, str) and ("[" in part or part in ("Each", "tuple"))))
    place = find(places, path)
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "the playbook"
    message, remedy = _wording(detail)
    return Problem(place.file or file, place.line, place.column, detail["type"].replace("_", "-"), f"{field}: {message}.", remedy)


_SHAPES = {
    "tuple_type": "this must be a list, such as [a, b]",
    "model_type": "this must be a group of fields, such as {zh: ..., en: ...}",
    "dict_type": "this must be a group of fields, such as {name: value}",
    "string_type": "this must be a text; put quotes around it",
}


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
    if kind in _SHAPES:
        return _SHAPES[kind], "Correct the value; docs/playbooks.md shows every field by example."
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}", "Correct the value; docs/playbooks.md shows every field by example."


def _check(playbook: Playbook, places: Places, tasks: Mapping[str, TaskFacts], others: Others | None) -> Iterator[Problem]:
    yield from _unique_ids(playbook, places)
    yield from _anchors(playbook, places)
    yield from _params(playbook, places)
    yield from _graph(playbook, places)
    yield from _roles(playbook, places)
    yield from _schedule(playbook, places)
    yield from _then(playbook, places, others)
    yield from _freezes(playbook, places)
    yield from _service_hours(playbook, places)
    yield from _learned(playbook, places, others)
    yield from check_texts(playbook, places)
    yield from check_times(playbook, places)
    for index, step in enumerate(playbook.steps):
        at = ("steps", index)
        yield from _step_rules(playbook, step, at, places)
        yield from _step_names(playbook, step, at, places, tasks)
        yield from _step_habits(playbook, step, at, places)


def _unique_ids(playbook: Playbook, places: Places) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, step in enumerate(playbook.steps):
        if step.id in seen:
            yield problem(places, ("steps", index, "id"), "duplicate-step", f"Two steps are called {step.id}.", "Rename one of them.")
        seen.add(step.id)
        yield from _unique_items(step, index, places)


def _unique_items(step: Step, index: int, places: Places) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, item in enumerate(step.checklist if isinstance(step.checklist, tuple) else ()):
        if item.id in seen:
            yield problem(places, ("steps", index, "checklist", position, "id"), "duplicate-item", f"Two items of {step.id} are called {item.id}.", "Rename one of them.")
        if item.id:
            seen.add(item.id)


def _roles(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """Every role that is named is one of the eleven, so that work reaches somebody."""
    for path, role in [(("owner",), playbook.owner), *((("steps", index, *path), role) for index, step in enumerate(playbook.steps) for path, role in _roles_of(step))]:
        if role not in ROLES:
            yield problem(places, path, "unknown-role", f"There is no role {role}.", near(role, ROLES))


def _roles_of(step: Step) -> Iterator[tuple[Path, str]]:
    if step.role:
        yield ("role",), step.role
    yield from ((("approval", "by", position), role) for position, role in enumerate(step.approval.by if step.approval else ()))
    yield from ((("escalate", position, "to"), rung.to) for position, rung in enumerate(step.escalate))
    yield from ((("checklist", position, "role"), item.role) for position, item in enumerate(step.checklist if isinstance(step.checklist, tuple) else ()) if item.role)


def _schedule(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """A firing has no words: what a launch must be told needs a value of its own."""
    if playbook.schedule:
        yield from (problem(places, ("params", name), "schedule", f"A scheduled playbook is launched by nobody who could give {name}.", "Give it a 'default' instead of 'required'.") for name, param in playbook.params.items() if param.required)
        yield from (problem(places, ("anchors", name), "schedule", f"A scheduled playbook is launched by nobody who could give the anchor {name}.", "Give it 'at' or 'default'.") for name, anchor in playbook.anchors.items() if anchor.rule is None)


def _then(playbook: Playbook, places: Places, others: Others | None) -> Iterator[Problem]:
    """What follows the run's end must be there, and must take what it is given."""
    if playbook.then is None:
        return
    known, rule = set(playbook.anchors) | {DAY, LAUNCH}, playbook.then.day
    if not rule.moment and rule.base not in known:
        yield problem(places, ("then", "day"), "unknown-anchor", _unknown_base("day", rule), near(rule.base, known))
    if others is None:
        return
    following = playbook if playbook.then.playbook == playbook.playbook else others(playbook.then.playbook)
    if following is None:
        yield problem(places, ("then", "playbook"), "unknown-playbook", f"There is no playbook {playbook.then.playbook} that could follow, or it has errors.", "'ecops playbook list' shows all.")
        return
    for name in set(playbook.then.with_) - set(following.params):
        yield problem(places, ("then", "with", name), "unknown-param", f"{following.playbook} has no parameter {name}.", near(name, following.params))
    for name, param in following.params.items():
        if param.required and name not in playbook.then.with_:
            yield problem(places, ("then",), "missing-param", f"{following.playbook} needs the parameter {name}.", f"Add it under 'with', such as {name}: ...")
    for name, anchor in following.anchors.items():
        if anchor.rule is None:
            yield problem(places, ("then", "playbook"), "missing-anchor", f"{following.playbook} needs the anchor {name}, which only a person can give.", f"Give {name} a 'default' there.")


def _freezes(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """A freeze holds checklists of this playbook between two moments that it can know."""
    known = set(playbook.anchors) | {DAY, LAUNCH}
    checklists = [step.id for step in playbook.steps if step.kind == "checklist"]
    for index, freeze in enumerate(playbook.freezes):
        for field, rule in (("from", freeze.from_), ("until", freeze.until)):
            if not rule.moment and rule.base not in known:
                yield problem(places, ("freezes", index, field), "unknown-anchor", _unknown_base(field, rule), near(rule.base, known))
        for position, step in enumerate(freeze.steps):
            if step not in checklists:
                yield problem(places, ("freezes", index, "steps", position), "unknown-step", f"{freeze.id} freezes {step}, which is no checklist of this playbook.", near(step, checklists))


def _service_hours(playbook: Playbook, places: Places) -> Iterator[Problem]:
    """Rules that count service time need hours to count in, and the hours need such a rule."""
    counting = [(path, rule) for path, rule in _rules(playbook) if rule.in_service_hours]
    if playbook.service_hours is None:
        yield from (problem(places, path, "no-service-hours", f"'{path[-1]}: {rule.text}' counts service hours, and this playbook has none.", "Add 'service_hours: \"09:00-21:00\"' to the playbook, or count in h or m.") for path, rule in counting)
    elif not counting:
        yield problem(places, ("service_hours",), "unused", "No date rule of this playbook counts service hours.", "Remove 'service_hours', or write a rule such as '4 service hours after ready'.")


def _rules(playbook: Playbook) -> Iterator[tuple[Path, DateRule]]:
    """Every date rule with its place."""
    named = [(("anchors", name, field), rule) for name, anchor in playbook.anchors.items() for field, rule in (("at", anchor.at), ("default", anchor.default))]
    named += [(("steps", index, field), rule) for index, step in enumerate(playbook.steps) for field, rule in (("start", step.start), ("from", step.from_), ("until", step.until), ("due", step.due))]
    named += [(("freezes", index, field), rule) for index, freeze in enumerate(playbook.freezes) for field, rule in (("from", freeze.from_), ("until", freeze.until))]
    named += [(("then", "day"), playbook.then.day)] if playbook.then else []
    return ((path, rule) for path, rule in named if rule)


def _learned(playbook: Playbook, places: Places, others: Others | None) -> Iterator[Problem]:
    """What a finding would change must be there to be changed."""
    for index, step in enumerate(playbook.steps):
        learn = step.checklist.learn if isinstance(step.checklist, Each) else None
        if learn is None or others is None or "{" in learn.playbook:
            continue
        at = ("steps", index, "checklist", "learn")
        changed = playbook if learn.playbook == playbook.playbook else others(learn.playbook)
        if changed is None:
            yield problem(places, (*at, "playbook"), "unknown-playbook", f"There is no playbook {learn.playbook} that could learn, or it has errors.", "'ecops playbook list' shows all.")
        elif learn.param and learn.param not in changed.params:
            yield problem(places, (*at, "param"), "unknown-param", f"{learn.playbook} has no parameter {learn.param}.", near(learn.param, changed.params))
        elif learn.step and learn.step not in (lists := [one.id for one in changed.steps if isinstance(one.checklist, tuple)]):
            yield problem(places, (*at, "step"), "unknown-step", f"{learn.playbook} has no checklist {learn.step} with items of its own.", near(learn.step, lists))


def _anchors(playbook: Playbook, places: Places) -> Iterator[Problem]:
    known = set(playbook.anchors) | {DAY, LAUNCH}
    graph: dict[str, set[str]] = {}
    for name, anchor in playbook.anchors.items():
        path = ("anchors", name)
        if name in (DAY, LAUNCH, READY):
            yield problem(places, path, "reserved-anchor", f"The name {name} has a meaning of its own.", "Choose another name.")
        if anchor.rule and not anchor.rule.moment:
            graph[name] = {anchor.rule.base}
            if anchor.rule.base not in known:
                yield problem(places, path, "unknown-anchor", f"The anchor {name} counts from {anchor.rule.base}, which does not exist.", near(anchor.rule.base, known))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield problem(places, ("anchors", error.args[1][0]), "anchor-cycle", f"Anchors count from each other: {' -> '.join(error.args[1])}.", "Give one of them a rule of its own.")


def _params(playbook: Playbook, places: Places) -> Iterator[Problem]:
    for name, param in playbook.params.items():
        for field in ("min", "max", "default"):
            value = getattr(param, field)
            try:
                if value is not None:
                    read_param(param, value) if field == "default" else read_bound(param, field)
            except ValueError as error:
                yield problem(places, ("params", name, field), "bad-value", f"'{field}' of the parameter {name}: {error}.", "Correct it.")
                break
        else:
            if param.min is not None and param.max is not None and read_bound(param, "min") > read_bound(param, "max"):
                yield problem(places, ("params", name, "max"), "bad-value", f"No value of the parameter {name} lies between its min {param.min} and max {param.max}.", "Swap them.")


def _graph(playbook: Playbook, places: Places) -> Iterator[Problem]:
    ids = {step.id: index for index, step in enumerate(playbook.steps)}
    for index, step in enumerate(playbook.steps):
        for position, need in enumerate(step.needs):
            if need not in ids:
                yield problem(places, ("steps", index, "needs", position), "unknown-step", f"{step.id} needs {need}, which does not exist.", near(need, ids))
    try:
        TopologicalSorter({step.id: [need for need in needs_of(step) if need in ids] for step in playbook.steps}).prepare()
    except CycleError as error:
        loop = error.args[1]
        yield problem(places, ("steps", ids[loop[0]], "needs"), "cycle", f"Steps wait for each other: {' -> '.join(loop)}.", "Remove one of these needs.")


def _step_rules(playbook: Playbook, step: Step, at: Path, places: Places) -> Iterator[Problem]:
    known = set(playbook.anchors) | {DAY, LAUNCH}
    for field, rule in (("start", step.start), ("from", step.from_), ("until", step.until), ("due", step.due)):
        allowed = known | {READY} if field == "due" else known
        if rule and not rule.moment and rule.base not in allowed:
            yield problem(places, (*at, field), "unknown-anchor", _unknown_base(field, rule), near(rule.base, allowed))


def _unknown_base(field: str, rule: DateRule) -> str:
    if rule.base == READY:
        return f"'{field}: {rule.text}' counts from the moment the step is ready; only 'due' can."
    if "-" in rule.base:
        return f"'{field}: {rule.text}' names the anchor {rule.base}; write blanks around + and -."
    return f"'{field}: {rule.text}' names the anchor {rule.base}, which does not exist."


def _step_names(playbook: Playbook, step: Step, at: Path, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    ids = {other.id: other for other in playbook.steps}
    if step.stage not in playbook.stages:
        yield problem(places, (*at, "stage"), "unknown-stage", f"{step.id} is in the stage {step.stage}, which does not exist.", near(str(step.stage), playbook.stages))
    if step.task:
        yield from _task_call(step.task, step.with_, at, places, tasks)
    for where, verify in verifiers(step):
        yield from _verifier(verify, (*at, *where), places, tasks)
    yield from _asked_of_all(step, ids, at, places)
    yield from _reopens(step, ids, at, places)
    if isinstance(step.checklist, Each):
        source = ids.get(step.checklist.step)
        if source is None or not source.task:
            yield problem(places, (*at, "checklist", "each"), "unknown-step", f"{step.id} takes its items from {step.checklist.step}, which is no task of this playbook.", near(step.checklist.step, [key for key, other in ids.items() if other.task]))
        elif source.per_shop != step.per_shop:
            yield problem(places, (*at, "checklist", "each"), "scope", f"{step.id} and {source.id} differ in scope.", "Give both the same 'scope'.")


def _asked_of_all(step: Step, ids: Mapping[str, Step], at: Path, places: Places) -> Iterator[Problem]:
    """A condition of the run's own step cannot ask what came out for one shop."""
    if not step.when or step.per_shop:
        return
    by_name = {key.replace("-", "_"): other for key, other in ids.items()}
    for name in sorted(attributes_used(step.when.strip().removeprefix("{{").removesuffix("}}"), "steps", expression=True)):
        if (other := by_name.get(name.replace("-", "_"))) and other.per_shop:
            yield problem(places, (*at, "when"), "scope", f"{step.id} is once for the run, {other.id} once for every shop; the condition cannot tell which shop it asks.", "Give both the same 'scope'.")


def _reopens(step: Step, ids: Mapping[str, Step], at: Path, places: Places) -> Iterator[Problem]:
    """What a rejection reopens is a checklist that the gate waits for, and is no other shop's."""
    for position, key in enumerate(step.approval.reopens if step.approval else ()):
        place, other = (*at, "approval", "reopens", position), ids.get(key)
        if other is None or other.kind != "checklist":
            yield problem(places, place, "unknown-step", f"{step.id} reopens {key}, which is no checklist of this playbook.", near(key, [name for name, one in ids.items() if one.kind == "checklist"]))
        elif key not in step.needs:
            yield problem(places, place, "not-needed", f"{step.id} reopens {key} and would not wait until it is finished again.", f"Add {key} to its 'needs'.")
        elif step.per_shop and not other.per_shop:
            yield problem(places, place, "scope", f"{step.id} is decided for one shop, and {key} is the run's; it would be reopened for all.", "Give both the same 'scope'.")


def _task_call(task: str, given: Mapping[str, Any], at: Path, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    facts = tasks.get(task)
    if facts is None:
        yield problem(places, (*at, "task"), "unknown-task", f"There is no task {task}.", near(task, tasks))
        return
    for name in given:
        if name not in facts.params:
            yield problem(places, (*at, "with", name), "unknown-param", f"The task {task} takes no {name}.", near(name, facts.params))
    fixed = {name: value for name, value in given.items() if name in facts.params and "{{" not in str(value)}
    for name, value in fixed.items():
        try:
            facts.try_params({name: value})
        except ValueError as error:
            yield problem(places, (*at, "with", name), "bad-value", f"The task {task} cannot read {name}: {error}.", "Correct it.")


def _verifier(verify: Verify, at: Path, places: Places, tasks: Mapping[str, TaskFacts]) -> Iterator[Problem]:
    """What checks a tick is a task like any other, and has the list that would refute it."""
    yield from _task_call(verify.task, verify.with_, at, places, tasks)
    if verify.list and verify.task in tasks and verify.list not in (lists := tasks[verify.task].lists()):
        yield problem(places, (*at, "list"), "unknown-list", f"The task {verify.task} gives no list {verify.list}.", near(verify.list, lists))


def _step_habits(playbook: Playbook, step: Step, at: Path, places: Places) -> Iterator[Problem]:
    if step.kind in ("checklist", "approval") and not step.due:
        yield problem(places, at, "no-due", f"People get {step.id} without a due time.", "Add 'due'.", WARNING)
    if step.duty is None:
        yield problem(places, at, "no-duty", f"{step.id} names none of the eight duties.", "Add 'duty'.", WARNING)
    for position, row in enumerate(step.serves):
        if row not in ROWS:
            yield problem(places, (*at, "serves", position), "unknown-row", f"There is no row {row} of the work.", near(row, ROWS), WARNING)
    if step.approval and not needs_of(step):
        yield problem(places, at, "no-evidence", f"The gate {step.id} is decided without anything before it.", "Give it 'needs'.", WARNING)
