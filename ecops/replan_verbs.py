"""The verb that changes a running plan: anchors move, steps are added, skipped and swapped, a new version goes on."""

from pathlib import Path

import click

from ecops.errors import BadCall, NotFound
from ecops.home import Home
from ecops.terminal import json_option, now, out, pairs_of, say, table, with_store


@click.command()
@click.argument("run")
@click.option("--anchor", "anchors", multiple=True, help="name=TIME: where an anchor moves to")
@click.option("--playbook", "key", help="the key or file of a new version to go on with")
@click.option("--skip", multiple=True, help="a step to leave out; done with --reason")
@click.option("--add", "added", multiple=True, type=click.Path(path_type=Path), help="a file with one step, or a list of steps, to add")
@click.option("--swap", "swapped", multiple=True, help="step=FILE: the step that takes its place")
@click.option("--apply", "do", is_flag=True, help="do it; without it, it is only shown")
@click.option("--by", default="cli", show_default=True)
@click.option("--reason", help="why; kept with the change")
@json_option
@with_store
def replan(
    home: Home, store, run: str, anchors: tuple[str, ...], key: str | None, skip: tuple[str, ...], added: tuple[Path, ...], swapped: tuple[str, ...], do: bool, by: str,
    reason: str | None, as_json: bool,
) -> None:
    """Say what would change when an anchor moves, steps come and go, or the playbook changes, then change it."""
    from ecops.service import people, versions
    from ecops.service import replan as replanning
    from ecops.shelf import shelf

    moved = pairs_of(anchors, "anchor")
    if not (moved or key or skip or added or swapped):
        raise BadCall("Nothing is to change; name an anchor (--anchor day=2026-11-12), a step (--skip STEP, --add FILE, --swap STEP=FILE) or a new version (--playbook KEY).")
    if skip and do and not (reason or "").strip():
        raise BadCall("A step is skipped for a reason; say why with --reason.")
    people.must_be_known_or_cli(store, by)
    amend = _amendment(home, skip, added, swapped)
    playbook = versions.find(store, shelf(home.playbooks), key) if key else None
    change = replanning.apply(store, run, moved, playbook, by, now(), reason, amend) if do else replanning.look(store, run, moved, playbook, now(), amend)
    told = change.to_json()
    for words in _past_due(told["past_due"]):
        say(f"注意 warning: {words}")
    for warning in told["warnings"]:
        say(f"注意 warning: {warning}")
    out(told | {"run": run, "applied": do}, as_json, lambda: _moved(told, do))


def _amendment(home: Home, skip: tuple[str, ...], added: tuple[Path, ...], swapped: tuple[str, ...]):
    """What changes single steps of the run's playbook, or None."""
    from ecops.playbook.amend import Amendment
    from ecops.shelf import shelf

    if not (skip or added or swapped):
        return None
    books = shelf(home.playbooks)
    if wrong := next((words for words in swapped if "=" not in words), None):
        raise BadCall(f"--swap {wrong} names no file; write --swap STEP=FILE.")
    swap = {step: _step_file(Path(file)) for step, file in pairs_of(swapped, "swap").items()}
    return Amendment(books.tasks, books.other, skip, [_step_file(path) for path in added], swap).of


def _step_file(path: Path):
    from ecops.playbook.amend import StepFile
    from ecops.playbook.library import read_text

    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    text, problem = read_text(path)
    if problem:
        raise BadCall(str(problem))
    return StepFile(str(path), text)


def _past_due(rows: list[dict]) -> list[str]:
    """One sentence a step and due time, however many shops it has."""
    shops: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        shops.setdefault((row["step"], row["due"]), []).append(row["shop"] or "")
    return [f"{step} {_of_shops(found)}将已逾期 / would be past due ({due})" for (step, due), found in shops.items()]


def _of_shops(shops: list[str]) -> str:
    named = ", ".join(shop for shop in shops[:3] if shop)
    return f"{named}{f' 等 {len(shops)} 店 shops' if len(shops) > 3 else ''} " if named else ""


def _moved(told: dict, done: bool) -> str:
    lines = [f"{word}: {', '.join(told[name])}" for name, word in (("added", "新增 added"), ("removed", "去掉 removed"), ("rewritten", "改写 rewritten"), ("stays", "已开始,保持原样 begun, stays as it is")) if told[name]]
    lines.append(f"{len(told['moves'])} 个时间{'已移动 moved' if done else '会移动 would move'},{len(told['kept'])} 步已完成保持不变 finished and kept")
    return "\n".join([table(told["moves"], ["step", "shop", "field", "from", "to"]), *lines])


VERBS = (replan,)
