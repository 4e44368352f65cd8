"""How verbs talk: answers to stdout, words for people to stderr, and the words of a call."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

import click

from ecops.errors import BadCall
from ecops.home import Home

ZONE = ZoneInfo("Asia/Shanghai")
# Numbers of rows: no database has more.
NUMBER = click.IntRange(1, 2**63 - 1)


def now() -> datetime:
    """The one place where a verb asks the clock."""
    return datetime.now(UTC)


def say(text: str) -> None:
    """Words for people go to stderr."""
    click.echo(text, err=True)


def out(value: Any, as_json: bool, text: Callable[[], str] | None = None) -> None:
    """The answer: JSON to stdout, or its plain words."""
    if as_json or text is None:
        click.echo(json.dumps(value, ensure_ascii=False, indent=None if as_json else 2, default=_plain))
    else:
        click.echo(text())


def told(row: dict, as_json: bool, words: str) -> None:
    """What a verb did that has nothing to answer: words for people, or the row."""
    say(words)
    if as_json:
        out(row, True)


def ticked(done, as_json: bool) -> None:
    """What became of an item."""
    row = {"item": done.item, "state": done.state, "landed": done.landed, "by": done.by, "at": done.at.isoformat(), "verification": done.verification}
    out(row, as_json, lambda: f"{done.item} {done.state} {done.by}{f' ({done.verification})' if done.verification else ''}")


def _plain(value: Any) -> str:
    """What JSON has no form for: times in ISO 8601, everything else in words."""
    return value.isoformat() if isinstance(value, date) else str(value)


def table(rows: list[dict], columns: list[str]) -> str:
    """Rows as aligned text, one a line whatever they hold."""
    if not rows:
        return "(没有 / none)"
    cells = [[" ".join(str(row.get(column) if row.get(column) is not None else "").splitlines()) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[index]) for line in cells)) for index, column in enumerate(columns)]
    lines = ["  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True))]
    return "\n".join(lines + ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells])


def json_option(command):
    """`--json` for a verb that prints."""
    return click.option("--json", "as_json", is_flag=True, help="print JSON")(command)


def open_store(home: Home):
    """The store of this home, its tables up to date."""
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    from ecops.store.database import Store

    try:
        store = Store(home.database_url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise BadCall("ECOPS_DATABASE_URL 不是数据库地址,请改为 postgresql://user:password@host/name / it is no address of a database; write one like that, or unset it.") from error
    store.migrate()
    return store


def with_store(command):
    """Hand a verb the home and its store, and give the store back."""

    @wraps(command)
    def wrapped(*args, **kwargs):
        home = Home.from_environment()
        store = open_store(home)
        try:
            return command(home, store, *args, **kwargs)
        finally:
            store.close()

    return wrapped


def day_of(text: str) -> date:
    """A day of a call."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadCall(f"{text!r} is not a day; write it as 2026-11-11.") from error


def moment_of(text: str) -> datetime:
    """A moment of a call, in the shop's time where it says no zone."""
    from ecops.playbook.dates import BadRule, parse_moment

    try:
        return parse_moment(text, ZONE)
    except BadRule as error:
        raise BadCall(f"{error}.") from error


def pairs_of(words: tuple[str, ...], option: str) -> dict[str, str]:
    """`name=value` words of a call."""
    pairs: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip():
            raise BadCall(f"--{option} {word} has no {'name' if sign else chr(39) + '=' + chr(39)}; write --{option} name=value.")
        if pairs.setdefault(name, value) != value:
            raise BadCall(f"--{option} {name} is given twice, as {pairs[name]} and as {value}; keep one.")
    return pairs


def params_of(words: tuple[str, ...]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """`name=value` for all shops, and by shop or tag those written `name@shop=value`."""
    for_all, for_some = {}, {}
    for name, value in pairs_of(words, "param").items():
        name, at, whose = name.partition("@")
        if at and not whose.strip():
            raise BadCall(f"--param {name}@={value} names no shop; write {name}@shop={value} or {name}@tag:T={value}.")
        (for_some.setdefault(whose, {}) if at else for_all)[name] = value
    return for_all, for_some
