"""Parameters of a launch: typed, bounded, and compared as what they are."""

import pytest

from ecops.errors import BadCall
from ecops.playbook.model import Param, Playbook
from ecops.playbook.params import comparable, example_of, read_param, read_params


def param(**fields) -> Param:
    return Param.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "value", "kept"),
    [
        ({"type": "money"}, "1,234.5", "1234.50"),
        ({"type": "money", "min": 1}, "1", "1.00"),
        ({"type": "percent", "max": "100%"}, "8%", "0.08"),
        ({"type": "percent"}, "150%", "150%"),
        ({"type": "percent"}, "1000%", "1000%"),
        ({"type": "integer", "min": 1}, "7", 7),
        ({"type": "number", "max": "0.5"}, "0.25", "0.25"),
        ({"type": "text", "min": 2, "max": 3}, "abc", "abc"),
        ({"type": "flag"}, "no", False),
        ({"type": "choice", "choices": ["a", "b"]}, "b", "b"),
        ({"type": "date", "min": "2026-01-01"}, "2026-11-11", "2026-11-11"),
        ({"type": "duration", "max": "30d"}, "48h", "48h"),
    ],
)
def test_a_value_of_its_type_is_kept(fields, value, kept):
    assert read_param(param(**fields), value) == kept
    assert read_param(param(**fields), kept) == kept, "and read again by what follows"


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"type": "money"}, "1.005"),
        ({"type": "money"}, "1e999999999"),
        ({"type": "money", "min": 1}, "0.99"),
        ({"type": "percent"}, "8"),
        ({"type": "integer"}, "1.5"),
        ({"type": "integer"}, "1e999999999"),
        ({"type": "integer"}, "Infinity"),
        ({"type": "number"}, "NaN"),
        ({"type": "number"}, "1e-999999999"),
        ({"type": "text", "min": 2}, "a"),
        ({"type": "text", "max": 2}, "abc"),
        ({"type": "flag"}, "perhaps"),
        ({"type": "choice", "choices": ["a"]}, "b"),
        ({"type": "date"}, "2026-02-30"),
        ({"type": "date", "max": "2026-01-01"}, "2026-01-02"),
        ({"type": "duration"}, "9999999999d"),
        ({"type": "duration", "max": "1d"}, "25h"),
    ],
)
def test_a_value_of_another_type_or_size_is_a_sentence(fields, value):
    with pytest.raises(ValueError, match="."):
        read_param(param(**fields), value)


@pytest.mark.parametrize("value", ["2026-02-30", "tomorrow"])
def test_a_day_that_is_none_says_how_to_write_one(value):
    with pytest.raises(ValueError, match=f"'{value}' is not a day; write it as"):
        read_param(param(type="date"), value)


@pytest.mark.parametrize(
    "fields",
    [{"type": "money", "min": 5_000_000}, {"type": "percent", "max": "5%"}, {"type": "integer", "min": 10, "max": 20}, {"type": "text", "max": 3}, {"type": "text", "min": 20}, {"type": "date", "max": "2020-01-01"}, {"type": "duration", "min": "7d"}, {"type": "choice", "choices": ["x", "y"]}, {"type": "flag"}],
)
def test_an_example_fits_its_own_bounds(fields):
    made = param(**fields)
    assert read_param(made, example_of(made)) is not None


BOOK = Playbook.model_validate(
    {
        "playbook": "p", "title": "P", "phase": "daily", "steps": [{"id": "a", "milestone": True}],
        "params": {"goal": {"type": "money", "default": 500_000}, "share": {"type": "percent", "default": "8%"}, "count": {"type": "integer"}, "since": {"type": "date", "default": "2026-01-01"}},
    }
)  # fmt: skip


def test_numbers_are_compared_as_numbers():
    assert comparable(BOOK, read_params(BOOK, {})) == {"goal": 500_000.0, "share": 0.08, "count": None, "since": "2026-01-01"}


def test_an_unknown_or_unreadable_parameter_is_a_sentence():
    for given in ({"gaol": 1}, {"count": "many"}):
        with pytest.raises(BadCall):
            read_params(BOOK, given)
