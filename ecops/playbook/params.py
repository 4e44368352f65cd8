"""Values of a launch's parameters: text or YAML values -> typed plain data that goes into templates and tasks.

Money stays yuan as a decimal string (tasks read it to fen), percents stay as written, so that what a person typed is what the
run keeps; the check only makes sure that it can be read and lies inside `min` and `max`.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ecops.errors import BadCall
from ecops.playbook.model import Param, Playbook
from ecops.quantity import format_money, parse_duration, parse_money, parse_percent


def _integer(value: Any) -> int:
    number = Decimal(str(value))
    if number != int(number):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _flag(value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(value).strip().lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).strip().lower()]


def _number(value: Any) -> str:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return str(number)


# type -> (read: what the run keeps, measure: what min and max compare)
_TYPES = {
    "money": (lambda value: format_money(parse_money(value)), parse_money),
    "percent": (lambda value: str(parse_percent(value)), parse_percent),
    "integer": (_integer, _integer),
    "number": (_number, Decimal),
    "text": (str, len),
    "flag": (_flag, None),
    "choice": (str, None),
    "date": (lambda value: date.fromisoformat(str(value)).isoformat(), lambda value: date.fromisoformat(str(value))),
    "duration": (lambda value: (parse_duration(value), str(value).strip())[1], parse_duration),
}


def read_param(param: Param, value: Any) -> Any:
    """One value as its type. Raises ValueError with what is wrong."""
    read, measure = _TYPES[param.type]
    try:
        kept = read(value)
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not a {param.type}") from error
    if param.type == "choice" and kept not in param.choices:
        raise ValueError(f"{value!r} is none of {', '.join(param.choices)}")
    if param.min is not None and measure(value) < measure(param.min):
        raise ValueError(f"{value!r} is under the minimum {param.min}")
    if param.max is not None and measure(value) > measure(param.max):
        raise ValueError(f"{value!r} is over the maximum {param.max}")
    return kept


def read_params(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a launch, defaults filled in; null where an optional one has none. Raises BadCall."""
    if unknown := set(given) - set(playbook.params):
        known = ", ".join(playbook.params) or "none"
        raise BadCall(f"{playbook.playbook} has no parameter {', '.join(sorted(unknown))}; it knows: {known}.")
    return {name: _read(playbook, name, param, given) for name, param in playbook.params.items()}


def _read(playbook: Playbook, name: str, param: Param, given: Mapping[str, Any]) -> Any:
    value = given.get(name, param.default)
    if value is None:
        if param.required:
            raise BadCall(f"{playbook.playbook} needs the parameter {name} ({param.type}); add --param {name}=...")
        return None
    try:
        return read_param(param, value)
    except ValueError as error:
        raise BadCall(f"The parameter {name} of {playbook.playbook} cannot be read: {error}.") from error
