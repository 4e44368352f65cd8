"""The verb that changes a running plan: anchors move, steps are added, skipped and swapped, a new version goes on."""

import click

from ecops.errors import BadCall
from ecops.home import Home
from ecops.terminal import json_option, now, out, pairs_of, say, table, with_store


@click.command()
@click.argument("run")
@click.option("--anchor", "anchors", multiple=True, help="name=TIME: where an anchor moves to")
@click.option("--playbook", "key", help="the key or file of a new version to go on with")
@click.option("--apply", "do", is_flag=True, help="do it; without it, it is only shown")
@click.option("--by", default="cli", show_default=True)
@click.option("--reason", help="why; kept with the change")
@json_option
@with_store
def replan(home: Home, store, run: str, anchors: tuple[str, ...], key: str | None, do: bool, by: str, reason: str | None, as_json: bool) -> None:
    """Say what would move when an anchor moves or the playbook changes, then move it."""
    from ecops.service import replan as replanning
    from ecops.service import versions
    from ecops.shelf import shelf

    moved = pairs_of(anchors, "anchor")
    if not moved and not key:
        raise BadCall("Nothing is to move; name an anchor (--anchor day=2026-11-12) or a new version (--playbook KEY).")
    playbook = versions.find(store, shelf(home.playbooks), key) if key else None
    change = replanning.apply(store, run, moved, playbook, by, now(), reason) if do else replanning.look(store, run, moved, playbook, now())
    told = change.to_json()
    for due in told["past_due"]:
        say(f"注意 warning: {due['step']} {due['shop'] or ''} 将已逾期 / would be past due ({due['due']})")
    for warning in told["warnings"]:
        say(f"注意 warning: {warning}")
    out(told | {"run": run, "applied": do}, as_json, lambda: _moved(told, do))


def _moved(told: dict, done: bool) -> str:
    lines = [f"{word}: {', '.join(told[name])}" for name, word in (("added", "新增 added"), ("removed", "去掉 removed"), ("rewritten", "改写 rewritten")) if told[name]]
    lines.append(f"{len(told['moves'])} 个时间{'已移动 moved' if done else '会移动 would move'},{len(told['kept'])} 步已完成保持不变 finished and kept")
    return "\n".join([table(told["moves"], ["step", "shop", "field", "from", "to"]), *lines])


VERBS = (replan,)
