"""The verbs about playbooks: list, check, show, compare, write them; see what one would do on a day, and what is wrong with that."""

import sys
from datetime import datetime
from pathlib import Path

import click

from ecops.errors import BadCall, NotPossible
from ecops.home import Home
from ecops.terminal import day_of, json_option, now, open_store, out, pairs_of, params_of, say, table, with_store


@click.group()
def playbook() -> None:
    """Playbooks: list, check, show, schema, coverage."""


@playbook.command("list")
@json_option
def playbook_list(as_json: bool) -> None:
    """Every playbook that can be launched."""
    from ecops.shelf import shelf

    books, rows = shelf(Home.from_environment().playbooks), []
    for path in sorted(books.keys().values()):
        found, _ = books.check(path)
        if found:
            rows.append({"playbook": found.playbook, "phase": found.phase, "version": found.version, "title": found.title.zh, "title_en": found.title.en, "steps": len(found.steps)})
        else:
            say(f"{path} has errors: ecops playbook check {path}")
    out(rows, as_json, lambda: table(rows, ["playbook", "phase", "version", "steps", "title"]))


@playbook.command("check")
@click.argument("words", metavar="[KEY|PATH]", required=False)
@click.option("--day", help="also what is wrong with its plan for this day")
@click.option("--shops", help="a,b | all | tag:T: for which the plan is, default all")
@click.option("--param", "params", multiple=True, help="name=value, as the launch would have it")
@click.option("--anchor", "anchors", multiple=True, help="name=TIME")
@click.option("--by", help="who would launch")
@click.option("--most-a-day", type=click.IntRange(1, 100_000), help="how many items of one person may be due on one day")
@json_option
def playbook_check(words: str | None, day: str | None, shops: str | None, params, anchors, by: str | None, most_a_day: int | None, as_json: bool) -> None:
    """Say everything that is wrong: file, line, column, remedy. Exit 1 when there is an error."""
    from ecops.playbook.library import playbook_files
    from ecops.playbook.problem import ERROR
    from ecops.shelf import shelf

    home = Home.from_environment()
    books, path = shelf(home.playbooks), Path(words) if words else None
    paths = list(playbook_files(path)) if path and path.is_dir() else list(books.files()) if path is None else [path if path.is_file() else books.path(words)]
    if day is None and (shops or params or anchors or by or most_a_day):
        raise BadCall("A plan has a day; add --day 2026-11-11.")
    if day is not None and (path is None or path.is_dir()):
        raise BadCall("A plan is that of one playbook; name its key or its file.")
    problems = [problem for one in paths for problem in books.check(one)[1]] if day is None else _planned(home, books, paths[0], day, shops, params, anchors, by, most_a_day)
    out([problem.to_json() for problem in problems], as_json, lambda: "\n".join(map(str, problems)) or f"{len(paths)} 个手册没有问题 / playbooks without a problem")
    sys.exit(1 if any(problem.severity == ERROR for problem in problems) else 0)


def _planned(home: Home, books, path: Path, day: str, shops: str | None, params, anchors, by: str | None, most_a_day: int | None) -> list:
    """What is wrong with a playbook, and with its plan for these shops."""
    from ecops.engine.lint import MOST_A_DAY
    from ecops.service import launch as launching
    from ecops.service.shops import ALL

    found, problems, places = books.check_placed(path)
    if found is None:
        return problems
    for_all, for_some = params_of(params)
    store = open_store(home)
    try:
        ask = launching.Launch(found, day_of(day), launching.pick_shops(store, shops or ALL), for_all, pairs_of(anchors, "anchor"), shop_params=for_some, most_a_day=most_a_day or MOST_A_DAY)
        lint = launching.try_out(store, ask, now(), by, places)
    finally:
        store.close()
    # what stands before a gate is said of the whole way to it
    return [one for one in problems if one.code != "no-evidence"] + lint


@playbook.command("show")
@click.argument("key")
@click.option("--day", required=True)
@click.option("--anchor", "anchors", multiple=True)
@json_option
def playbook_show(key: str, day: str, anchors: tuple[str, ...], as_json: bool) -> None:
    """The dated plan of a playbook."""
    from ecops.engine.plan import make_plan
    from ecops.playbook.model import span_text
    from ecops.shelf import shelf

    book = shelf(Home.from_environment().playbooks).find(key)
    plan = make_plan(book, day_of(day), now(), pairs_of(anchors, "anchor"))

    def local(at: datetime | None) -> str | None:
        return at.astimezone(book.zone).isoformat() if at else None

    rows = [{"step": one.step.id, "title": one.step.title.zh if one.step.title else one.step.id, "stage": one.step.stage, "kind": one.step.kind, "role": book.role_of(one.step), "start": local(one.begin), "due": local(one.due), "due_rule": one.step.due and one.step.due.text, "every": one.step.every and span_text(one.step.every), "until": local(one.until), "needs": list(one.needs), "provisional": one.provisional} for one in plan.steps]
    told = {"playbook": book.playbook, "version": book.version, "title": book.title.zh, "anchors": {name: local(at) for name, at in plan.anchors.items()}, "steps": rows}
    out(told, as_json, lambda: table([row | {"due": row["due"] or row["due_rule"]} for row in rows], ["stage", "step", "kind", "role", "start", "every", "until", "due", "title"]))


@playbook.command("schema")
@click.option("--json", is_flag=True, expose_value=False, help="JSON is printed in any case")
def playbook_schema() -> None:
    """The JSON Schema that editors load."""
    from ecops.playbook.include import schema

    out(schema(), False)


@playbook.command("coverage")
@json_option
def playbook_coverage(as_json: bool) -> None:
    """Which rows of the work are served by which steps, and how the steps are spread over the eight duties."""
    from ecops.automation import automations
    from ecops.playbook.coverage import by_duty, coverage
    from ecops.playbook.model import DUTIES
    from ecops.playbook.rows import ROWS
    from ecops.shelf import shelf

    books = shelf(Home.from_environment().playbooks)
    found = [playbook for path in books.keys().values() for playbook in [books.check(path)[0]] if playbook]
    told = coverage(found, {name: task.serves for name, task in automations().items()})
    matrix = [{"playbook": key, **duties} for key, duties in by_duty(found).items()]

    def lines() -> str:
        rows = [{"row": row, "work": "/".join(ROWS.get(row, ("", ""))), "served by": ", ".join(steps) or "没有步骤 nothing"} for row, steps in told.items()]
        return f"{table(rows, ['row', 'work', 'served by'])}\n\n{table(matrix, ['playbook', *DUTIES])}"

    out(told, as_json, lines)
    if nothing := [row for row, steps in told.items() if not steps]:
        say(f"没有步骤的工作 rows served by nothing: {', '.join(nothing)}")


@playbook.command("diff")
@click.argument("a")
@click.argument("b")
@json_option
@with_store
def playbook_diff(home: Home, store, a: str, b: str, as_json: bool) -> None:
    """What changed from A to B: keys, files, or key@version."""
    from ecops.playbook.difference import difference, is_empty
    from ecops.playbook.library import digest
    from ecops.service import versions
    from ecops.shelf import shelf

    books = shelf(home.playbooks)
    one, other = versions.find(store, books, a), versions.find(store, books, b)
    found = difference(one, other)
    sides = {name: {"playbook": book.playbook, "version": book.version, "digest": digest(book)} for name, book in (("a", one), ("b", other))}
    out(sides | found, as_json, lambda: "没有不同 / no difference" if is_empty(found) else _differences(found))


def _differences(found: dict) -> str:
    lines = [f"{row['field']}: {row['from']} -> {row['to']}" for row in found["fields"]]
    for part in ("anchors", "params", "steps"):
        lines += [f"+ {part} {name}" for name in found[part]["added"]] + [f"- {part} {name}" for name in found[part]["removed"]]
        lines += [f"~ {part} {row['name']}.{row['field']}: {row['from']} -> {row['to']}" for row in found[part]["changed"]]
        lines += [f"↕ {part} {name}" for name in found[part]["moved"]]
    return "\n".join(lines)


@playbook.command("new")
@click.argument("key")
@click.option("--phase", type=click.Choice(["preparation", "daily", "campaign", "review"]), default="campaign", show_default=True)
@click.option("--from", "source", help="the key of a playbook to begin with, its comments kept")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="where it is written, default ECOPS_PLAYBOOKS or the home's playbooks")
@json_option
def playbook_new(key: str, phase: str, source: str | None, folder: Path | None, as_json: bool) -> None:
    """Write a playbook to begin with."""
    from ecops.playbook.beginnings import begin, copied
    from ecops.shelf import shelf

    home = Home.from_environment()
    books = shelf(home.playbooks)
    text = copied(books.path(source).read_text(encoding="utf-8-sig"), source, key) if source else begin(key, phase)
    path = (folder or home.playbooks) / f"{key}.yaml"
    if key in books.keys() or path.exists():
        raise NotPossible(f"There is a playbook {key} already: {books.keys().get(key, path)}; choose another key.", {"playbook": key})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    out({"playbook": key, "file": str(path)}, as_json, lambda: f"{path}  (ecops playbook check {path})")


VERBS = (playbook,)
