"""The verbs about one item: look at it, say something about it, stand for what no task could verify."""

import click

from ecops.errors import BadCall
from ecops.home import Home
from ecops.terminal import NUMBER, json_option, now, out, table, ticked, with_store


@click.command()
@click.argument("item", type=NUMBER)
@json_option
@with_store
def item(home: Home, store, item: int, as_json: bool) -> None:
    """One item: its evidence, who has it, what was verified and said, what happened."""
    from ecops.service import history

    with store.read() as connection:
        told = history.of_item(connection, item, now())
    out(told, as_json, lambda: _page(told))


def _page(told: dict) -> str:
    """An item as a few short lines and two tables."""
    state = f"{told['state']}{' · ' + told['verification'] if told['verification'] else ''}"
    lines = [f"{told['item']} {told['title']}", f"{told['run_title']} · {told['step']} · {told['shop'] or '全部 / all'} · {state} · {told['role']} {told['assignee'] or ''} {told['due'] or ''}"]
    lines += [f"{name}: {told[name]}" for name in ("value", "link", "file", "note", "closed_by") if told[name]]
    if told["checked"]:
        lines.append(f"核验 checked: {told['checked']['by']}: {told['checked']['zh']}")
    said = [{**one, "about": "item" if one["item"] else "step"} for one in (*told["step_comments"], *told["comments"])]
    happened = [one | {"said": _said(one["detail"])} for one in told["events"]]
    return "\n".join([*lines, "", *([table(said, ["at", "by", "about", "text"]), ""] if said else []), table(happened, ["at", "what", "by", "said"])])


def _said(detail: dict) -> str:
    """Of what an event tells, what people read."""
    return " · ".join(str(detail[name]) for name in ("to", "value", "link", "file", "reason", "zh") if detail.get(name)) or detail.get("note") or ""


@click.command()
@click.argument("item", type=NUMBER, required=False)
@click.option("--step", type=NUMBER, help="instead of an item: the step run that it is about")
@click.option("--by", required=True)
@click.option("--text", required=True)
@json_option
@with_store
def comment(home: Home, store, item: int | None, step: int | None, by: str, text: str, as_json: bool) -> None:
    """Say something about an item or a step."""
    from ecops.service import comments

    if (item is None) == (step is None):
        raise BadCall("Name either an ITEM or a step with --step STEP_RUN.")
    said = comments.add(store, item, by, text, now()) if step is None else comments.add_to_step(store, step, by, text, now())
    out(said, as_json, lambda: f"{said['comment']} 已记录 / kept")


@click.command()
@click.argument("item", type=NUMBER)
@click.option("--by", required=True)
@click.option("--note", required=True, help="on what ground")
@click.option("--refute", is_flag=True, help="it is not so: the item is open again")
@json_option
@with_store
def verify(home: Home, store, item: int, by: str, note: str, refute: bool, as_json: bool) -> None:
    """Stand for what a person claimed and no task could verify, or say that it is not so."""
    from ecops.service import verify as verifying

    ticked(verifying.vouch(store, item, by, note, now(), refute), as_json)


VERBS = (item, comment, verify)
