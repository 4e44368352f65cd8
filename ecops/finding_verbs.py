"""The verbs about what reviews learned: see findings, state one, take one back."""

import click

from ecops.errors import BadCall
from ecops.home import Home
from ecops.terminal import json_option, moment_of, now, out, table, with_store


@click.group("finding")
def finding() -> None:
    """What reviews learned, and what it changes in later launches."""


@finding.command("list")
@click.argument("run", required=False)
@json_option
@with_store
def finding_list(home: Home, store, run: str | None, as_json: bool) -> None:
    """Findings: those that wait for a person, then the judged ones."""
    from ecops.service import findings, views

    with store.read() as connection:
        if run:
            views.get_run(connection, run)
        rows = findings.listed(connection, run)
    shown = [row | {"change": _said(row["change"])} for row in rows]
    out(rows, as_json, lambda: table(shown, ["finding", "item", "run", "shop", "state", "owner", "due", "in_force", "change", "title"]))


def _said(change: dict | None) -> str:
    if not change:
        return ""
    return f"{change['playbook']}: {change['param']} = {change['value']}" if "param" in change else f"{change['playbook']}/{change['step']} + {change['item_zh']}"


@finding.command("add")
@click.argument("run")
@click.option("--title", required=True)
@click.option("--evidence", required=True, help="what proves it: a number and where it comes from")
@click.option("--owner", required=True, help="the person or role that sees to it")
@click.option("--due", required=True, help="until when")
@click.option("--shop", default="", help="of one shop; without it, of all")
@click.option("--playbook", "key", help="the playbook whose later launches change")
@click.option("--param", help="name=value: the value of a parameter there")
@click.option("--step", help="step=text: one more item of a checklist there")
@click.option("--by", required=True)
@json_option
@with_store
def finding_add(home: Home, store, run: str, title: str, evidence: str, owner: str, due: str, shop: str, key, param, step, by: str, as_json: bool) -> None:
    """State a finding; stating it accepts it."""
    from ecops.service import findings

    found = findings.Found(title, evidence, owner, moment_of(due), shop, _change(home, key, param, step))
    number = findings.add(store, run, found, by, now())
    out({"finding": number, "run": run, "state": "accepted", "by": by}, as_json, lambda: f"{number} 已记录 / kept")


def _change(home: Home, key: str | None, param: str | None, step: str | None):
    """What a stated finding changes, held against the playbook it changes."""
    from ecops.playbook.params import read_some
    from ecops.service.findings import Change
    from ecops.shelf import shelf

    if not key and not param and not step:
        return None
    if not key or bool(param) == bool(step):
        raise BadCall("A change names its --playbook and either --param name=value or --step step=text.")
    name, sign, value = (param or step).partition("=")
    if not sign or not name.strip() or not value.strip():
        raise BadCall(f"{param or step!r} has no {'value' if name.strip() else 'name'}; write name=value.")
    playbook = shelf(home.playbooks).find(key)
    if param:
        read_some(playbook, {name: value})
        return Change(playbook.playbook, param=name, value=value)
    if name not in (lists := [one.id for one in playbook.steps if isinstance(one.checklist, tuple)]):
        raise BadCall(f"{playbook.playbook} has no checklist {name} with items of its own; it has {', '.join(lists)}.")
    return Change(playbook.playbook, step=name, item_zh=value, item_en=value)


@finding.command("withdraw")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@click.option("--by", required=True)
@click.option("--reason", required=True)
@json_option
@with_store
def finding_withdraw(home: Home, store, number: int, by: str, reason: str, as_json: bool) -> None:
    """Take a finding back; later launches do without it."""
    from ecops.service import findings

    findings.withdraw(store, number, by, reason, now())
    out({"finding": number, "state": "withdrawn", "by": by}, as_json, lambda: f"{number} 已撤回 / withdrawn")


VERBS = (finding,)
