"""Templates look up and format; nothing in them can run, loop or grow."""

import pytest

from ecops.playbook.template import BadTemplate, evaluate, fill, names_used, render


def test_a_text_is_filled_in():
    assert render("{{ it.title }} {{ it.rate | percent }} {{ it.gmv | yuan }}", {"it": {"title": "书", "rate": 0.0834, "gmv": 123450}}) == "书 8.34% ¥1,234.50"


@pytest.mark.parametrize(
    "text",
    ["{% for x in it %}a{% endfor %}", "{{ 'a' * 99999 }}", "{{ it.__class__ }}", "{{ ''|format }}", "{{ range(9) }}", "{{ secrets.x }}", "{{ it.x", "{{ it ~ it }}", "{% macro m() %}{% endmacro %}", "{{ 2 ** 99 }}", "x" * 3000],
)
def test_what_could_run_or_grow_is_refused(text):
    with pytest.raises(BadTemplate):
        names_used(text)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", False),
        ("{% if it.x %}" * 60 + "x" + "{% endif %}" * 60, False),
        ("not " * 480 + "1", True),
        ("[" * 400 + "1" + "]" * 400, True),
        ("it" + ".a" * 400, True),
    ],
)
def test_what_would_break_the_parser_is_refused(text, expression):
    with pytest.raises(BadTemplate, match="nested"):
        names_used(text, expression)


@pytest.mark.parametrize("text", ["{{ 1 | round(999999999, 'ceil') }}", "{{ 1 | round(-999999999, 'floor') }}", "{{ '1e999999999' | percent }}", "{{ '1e999990' | yuan }}", "{{ it.n | percent }}", "{{ 1 | round('x') }}"])
def test_a_number_without_measure_is_refused_at_once(text):
    with pytest.raises(BadTemplate):
        render(text, {"it": {"n": "many"}})


def test_a_mapping_gives_its_own_values_only():
    assert render("{{ it['items'] }} {{ it.items }} {{ it[1] }}", {"it": {"items": 3, 1: "one"}}) == "3 3 one"
    for text in ("{{ it['keys'] }}", "{{ it.keys }}", "{{ it['__class__'] }}"):
        with pytest.raises(BadTemplate):
            render(text, {"it": {}})


def test_a_missing_value_is_said_not_printed_as_blank():
    with pytest.raises(BadTemplate, match="nothing"):
        render("{{ it.nothing }}", {"it": {}})


def test_a_condition_keeps_types_and_missing_means_no():
    assert evaluate("{{ params.n }}", {"params": {"n": 3}}) == 3
    assert evaluate("shop.platform == 'tmall' and not params.presale", {"shop": {"platform": "tmall"}, "params": {}}) is True
    assert fill({"a": "{{ params.n }}", "b": ["x {{ params.n }}"]}, {"params": {"n": 3}}) == {"a": 3, "b": ["x 3"]}
