"""Texts and conditions of a playbook: Jinja2 in its immutable sandbox, cut down to looking up and formatting.

The named inputs are `params`, `shop`, `anchors`, `steps`, in the items of an `each` checklist `it`, and in what checks a tick `item`. Loops, macros,
calls, arithmetic and formats are refused when the playbook is read, so that no text can cost more than its own length.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateError, nodes
from jinja2.filters import do_round
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_SOURCE = 2_000
MAX_OUTPUT = 4_000
# Deeper ones would break Jinja's parser or Python's.
MAX_NESTING = 20
# Digits before or behind the point: more would take longer to write out than to think of.
MAX_DIGITS = 40
INPUTS = frozenset({"params", "shop", "anchors", "steps", "it", "item"})
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const, nodes.If,
    nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Filter, nodes.Test, nodes.List,
    nodes.Tuple, nodes.Neg, nodes.ExprStmt,
)  # fmt: skip


_TOO_DEEP = f"it is nested more than {MAX_NESTING} levels deep"


class BadTemplate(ValueError):
    """A text the sandbox refuses; the message says why."""


def percent(value: Any) -> str:
    """`0.0834` -> `8.34%`; what is a percent stays one."""
    fraction = _decimal(value.removesuffix("%")) / 100 if isinstance(value, str) and value.endswith("%") else _decimal(value)
    return f"{(fraction * 100).quantize(Decimal('0.01'), ROUND_HALF_UP).normalize():f}%"


def yuan(fen: Any) -> str:
    """Fen -> `¥1,234.50`."""
    return f"¥{_decimal(fen) / 100:,.2f}"


def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    """Jinja's `round`, for as many digits as anybody reads."""
    if abs(precision) > MAX_DIGITS:
        raise ValueError(f"round takes at most {MAX_DIGITS} digits")
    return do_round(value, precision, method)


def _decimal(value: Any) -> Decimal:
    number = Decimal(str(value))
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(f"{value!r} has too many digits")
    return number


class _Lookup(ImmutableSandboxedEnvironment):
    """A mapping's own values only: `counts.items` is the list called items, never the method of that name."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What `obj.attribute` means."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """What `obj[argument]` means."""
        return self.getattr(obj, argument) if isinstance(obj, Mapping) else super().getitem(obj, argument)


def _environment(undefined) -> ImmutableSandboxedEnvironment:
    environment = _Lookup(undefined=undefined, autoescape=False)
    environment.filters = {name: environment.filters[name] for name in ("default", "length", "upper", "lower", "int", "trim")}
    environment.filters |= {"percent": percent, "yuan": yuan, "round": rounded}
    environment.tests = {name: environment.tests[name] for name in ("defined", "undefined", "none", "in", "number", "string")}
    environment.globals = {}
    return environment


_TEXT = _environment(StrictUndefined)
_EXPRESSION = _environment(ChainableUndefined)


def names_used(source: str, expression: bool = False) -> frozenset[str]:
    """Check a text (or a bare expression) and give the inputs it names. Raises BadTemplate."""
    if len(source) > MAX_SOURCE:
        raise BadTemplate(f"the text is longer than {MAX_SOURCE} characters")
    try:
        tree = _TEXT.parse("{{ " + source + " }}" if expression else source)
    except TemplateError as error:
        raise BadTemplate(str(error)) from error
    except RecursionError as error:
        raise BadTemplate(_TOO_DEEP) from error
    _refuse_deep(tree)
    for node in tree.find_all(nodes.Node):
        _refuse(node)
    names = frozenset(node.name for node in tree.find_all(nodes.Name))
    if unknown := names - INPUTS:
        raise BadTemplate(f"it names {', '.join(sorted(unknown))}; the inputs are {', '.join(sorted(INPUTS))}")
    return names


def _refuse_deep(node: nodes.Node, left: int = MAX_NESTING) -> None:
    if not left:
        raise BadTemplate(_TOO_DEEP)
    for part in node.iter_child_nodes():
        _refuse_deep(part, left - 1)


def _refuse(node: nodes.Node) -> None:
    if not isinstance(node, _ALLOWED):
        name = " (in the name of a step write _ for -)" if isinstance(node, nodes.Sub) else ""
        raise BadTemplate(f"{type(node).__name__.lower()} is not allowed; look up, compare and format only{name}")
    if isinstance(node, nodes.Filter) and node.name not in _TEXT.filters:
        raise BadTemplate(f"there is no filter {node.name}; known: {', '.join(sorted(_TEXT.filters))}")
    if isinstance(node, nodes.Test) and node.name not in _TEXT.tests:
        raise BadTemplate(f"there is no test {node.name}; known: {', '.join(sorted(_TEXT.tests))}")
    if isinstance(node, (nodes.Getattr, nodes.Getitem)) and str(getattr(node, "attr", "")).startswith("_"):
        raise BadTemplate("names that start with an underscore are not allowed")


def attributes_used(source: str, name: str, expression: bool = False) -> set[str]:
    """Which attributes of the input `name` a text looks up, as text: `{{ params.goal }}` gives {"goal"} for "params"."""
    tree = _TEXT.parse("{{ " + source + " }}" if expression else source)
    looked_up = (node for node in tree.find_all((nodes.Getattr, nodes.Getitem)) if isinstance(node.node, nodes.Name) and node.node.name == name)
    return {node.attr if isinstance(node, nodes.Getattr) else str(node.arg.value) for node in looked_up if isinstance(node, nodes.Getattr) or isinstance(node.arg, nodes.Const)}


def render(source: str, inputs: Mapping[str, Any]) -> str:
    """Text with its values filled in, at most MAX_OUTPUT characters. Raises BadTemplate when a value is missing."""
    if "{" not in source:
        return source
    try:
        return _compiled(source).render(inputs)[:MAX_OUTPUT]
    except _WRONG as error:
        raise BadTemplate(f"{source!r} cannot be filled in: {_why(error)}") from error


def evaluate(source: str, inputs: Mapping[str, Any]) -> Any:
    """Value of a bare expression; what is not there counts as undefined, hence false. Raises BadTemplate."""
    try:
        return _expression(_bare(source))(**inputs)
    except _WRONG as error:
        raise BadTemplate(f"{source!r} cannot be decided: {_why(error)}") from error


def is_expression(source: Any) -> bool:
    """True for a text that is one `{{ ... }}` and nothing else; its value keeps its type."""
    return isinstance(source, str) and source.strip().startswith("{{") and source.strip().endswith("}}") and source.count("{{") == 1


def fill(value: Any, inputs: Mapping[str, Any]) -> Any:
    """Fill in every text inside a plain value; a lone `{{ ... }}` becomes the value itself."""
    if isinstance(value, dict):
        return {key: fill(part, inputs) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [fill(part, inputs) for part in value]
    if is_expression(value):
        return evaluate(value, inputs)
    return render(value, inputs) if isinstance(value, str) else value


# What values of the wrong kind make Jinja and Python raise.
_WRONG = (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError, LookupError)


def _why(error: Exception) -> str:
    # decimal's own text is a list of classes
    return "a value in it is not a number" if isinstance(error, ArithmeticError) else str(error)


def _bare(source: str) -> str:
    return source.strip().removeprefix("{{").removesuffix("}}").strip() if is_expression(source) else source


@lru_cache(maxsize=2048)
def _compiled(source: str):
    names_used(source)
    return _TEXT.from_string(source)


@lru_cache(maxsize=2048)
def _expression(source: str):
    names_used(source, expression=True)
    return _EXPRESSION.compile_expression(source, undefined_to_none=True)
