"""docs/tasks.md, written from what the steps declare: `python -m tasks._page > docs/tasks.md`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from inspect import getdoc
from typing import Any

import polars as pl
from pydantic.fields import FieldInfo

from ecops.automation import Ask, Automation, Fen, Params, automations
from ecops.quantity import format_money
from tasks._rows import duration_text, percent_text

_HEAD = """# The automated steps

Written from the code by `python -m tasks._page`; a test compares the two. A playbook names a step under `task:` and gives
parameters under `with:`; `ecops task run NAME --as-of TIME --with k=v` runs one by hand. Every step answers for all shops at
once, with one verdict a shop (`ok`, or `unknown` with what is missing) and the lists below; `steps.<id>.<list>` can become a
checklist. Columns that end in `_fen` are whole fen; shares are fractions of 1. Money and percent parameters are written as
people write them: `1000000` (yuan), `8%`.
"""


def page() -> str:
    """The whole page."""
    declared = sorted(automations().values(), key=lambda task: task.name)
    index = "\n".join(f"| `{task.name}` | {task.zh} | {', '.join(task.serves)} | {', '.join(task.reads)} |" for task in declared)
    head = f"{_HEAD}\n| step | 中文 | serves | reads |\n|---|---|---|---|\n{index}\n"
    return "\n".join([head, *(_section(task) for task in declared)])


def _section(task: Automation) -> str:
    about = getdoc(task.calculate) or ""
    return f"## {task.name}\n\n{task.zh} · {task.en}\n\n{about}\n\n{_parameters(task.params)}\n{_lists(task)}"


def _parameters(params: type[Params]) -> str:
    if not params.model_fields:
        return "It takes no parameters.\n"
    rows = "\n".join(f"| `{name}` | {_default(field)} |" for name, field in params.model_fields.items())
    return f"{getdoc(params)}\n\n| parameter | default |\n|---|---|\n{rows}\n"


def _default(field: FieldInfo) -> str:
    return "none" if field.default is None else f"`{_written(field.default, field)}`"


def _written(value: Any, field: FieldInfo) -> str:
    """A default as one would type it."""
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, tuple):
        return ", ".join(percent_text(share) for share in value)
    if any(marker in field.metadata for marker in Fen.__metadata__):
        return format_money(value)
    return percent_text(value) if isinstance(value, Decimal) and value < 1 else str(value)


def _lists(task: Automation) -> str:
    answer = task(_NOTHING, Ask(("shop",), datetime(2026, 1, 1, tzinfo=UTC), task.params()))
    rows = "\n".join(f"| `{name}` | {_columns(frame.schema)} |" for name, frame in answer.lists.items())
    return f"| list | columns |\n|---|---|\n{rows}\n"


_NOTHING: dict[str, pl.LazyFrame] = {}


def _columns(schema: pl.Schema) -> str:
    return ", ".join(f"`{name}`" for name in schema)


if __name__ == "__main__":
    print(page(), end="")
