"""Values of a launch's parameters: text or YAML values -> typed plain data that goes into templates and tasks.

Money stays yuan as a decimal string (tasks read it to fen), percents stay as written, so that what a person typed is what the
run keeps; the check only makes sure that it can be read and lies inside `min` and `max`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ecops.errors import BadCall
from ecops.playbook.model import Param, Playbook
from ecops.quantity import format_money, parse_duration, parse_money, parse_percent

_MAX_DIGITS = 30
_LONGEST_EXAMPLE = 1_000


def _integer(value: Any) -> int:
    number = Decimal(_number(value))
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
    # Written out, 1e999999999 would fill the memory.
    if not number.is_finite() or abs(number.adjusted()) > _MAX_DIGITS:
        raise ValueError(f"{value!r} is not a number")
    return str(number)


def _date(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a day; write it as 2026-11-11") from error


def _percent(value: Any) -> str:
    """A fraction of 1, but over 1 a percent, which the next one who reads it cannot take for anything else."""
    number = parse_percent(value)
    return str(number) if abs(number) <= 1 else f"{(number * 100).normalize():f}%"


@dataclass(frozen=True)
class _Type:
    """How values of one type are read. `measure` is what `min` and `max` compare, `bound` reads them; `example` is a plain value."""

    read: Callable[[Any], Any]
    example: Any
    measure: Callable[[Any], Any] | None = None
    bound: Callable[[Any], Any] | None = None


_TYPES = {
    "money": _Type(lambda value: format_money(parse_money(value)), "1000000", parse_money, parse_money),
    "percent": _Type(_percent, "8%", parse_percent, parse_percent),
    "integer": _Type(_integer, 1, _integer, _integer),
    "number": _Type(_number, "1", lambda value: Decimal(_number(value)), lambda value: Decimal(_number(value))),
    "text": _Type(str, "rehearsal", lambda value: len(str(value)), _integer),
    "flag": _Type(_flag, True),
    "choice": _Type(str, None),
    "date": _Type(lambda value: _date(value).isoformat(), "2026-01-01", _date, _date),
    "duration": _Type(lambda value: (parse_duration(value), str(value).strip())[1], "1d", parse_duration, parse_duration),
}
# Types whose values a condition compares as numbers; the literals beside them are floats too.
_NUMBERS = {"money", "percent", "integer", "number"}


def read_param(param: Param, value: Any) -> Any:
    """One value as its type. Raises ValueError with what is wrong."""
    known = _TYPES[param.type]
    try:
        kept = known.read(value)
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not a {param.type}") from error
    if param.type == "choice" and kept not in param.choices:
        raise ValueError(f"{value!r} is none of {', '.join(param.choices)}")
    if known.measure and param.min is not None and known.measure(value) < read_bound(param, "min"):
        raise ValueError(f"{value!r} is under the minimum {param.min}")
    if known.measure and param.max is not None and known.measure(value) > read_bound(param, "max"):
        raise ValueError(f"{value!r} is over the maximum {param.max}")
    return kept


def read_bound(param: Param, name: str) -> Any:
    """`min` or `max` as what a value of this type is compared with (a text: its length); None where there is none. Raises ValueError."""
    bound, text = _TYPES[param.type].bound, getattr(param, name)
    try:
        return None if text is None or bound is None else bound(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is not a {param.type}") from error


def example_of(param: Param) -> Any:
    """A value this parameter takes, for a try: its type's plain example, or a bound where that lies outside."""
    if param.type == "choice":
        return param.choices[0]
    plain = _TYPES[param.type].example
    bounds = [getattr(param, name) for name in ("min", "max") if getattr(param, name) is not None]
    return next((value for value in (plain, *(_of_length(bound) if param.type == "text" else bound for bound in bounds)) if _fits(param, value)), plain)


def _of_length(bound: Any) -> str:
    return "x" * min(_integer(bound), _LONGEST_EXAMPLE)


def _fits(param: Param, value: Any) -> bool:
    try:
        read_param(param, value)
    except ValueError:
        return False
    return True


def comparable(playbook: Playbook, params: Mapping[str, Any]) -> dict[str, Any]:
    """Kept parameters as a condition compares them: money (in yuan), percents and numbers as numbers, the rest as it is kept."""
    types = {name: param.type for name, param in playbook.params.items()}

    def number(name: str, value: Any) -> float:
        return float(parse_percent(value) if types[name] == "percent" else value)

    return {name: number(name, value) if value is not None and types.get(name) in _NUMBERS else value for name, value in params.items()}


def read_params(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a launch, defaults filled in; null where an optional one has none. Raises BadCall."""
    _refuse_unknown(playbook, given)
    return {name: _read(playbook, name, param, given) for name, param in playbook.params.items()}


def read_some(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are given, and no others. Raises BadCall."""
    _refuse_unknown(playbook, given)
    return {name: _read(playbook, name, playbook.params[name], given) for name in given}


def _refuse_unknown(playbook: Playbook, given: Mapping[str, Any]) -> None:
    if unknown := set(given) - set(playbook.params):
        known = ", ".join(playbook.params) or "none"
        raise BadCall(f"{playbook.playbook} has no parameter {', '.join(sorted(unknown))}; it knows: {known}.")


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
