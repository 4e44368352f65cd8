"""docs/data.md says what the code says."""

from datetime import date

import polars as pl
import pytest

from ecops.shop import kinds, reasons
from tests.generated_docs import PARTS, shown

@pytest.mark.parametrize("part", PARTS)
def test_the_document_shows_what_the_code_generates(part):
    assert shown(part) == PARTS[part](), "run: make docs"


def test_every_column_of_every_kind_has_a_meaning():
    used = {name for kind in kinds.KINDS.values() for name in kind.schema.names()}
    assert used == set(kinds.COLUMNS)


def test_no_two_columns_of_a_kind_share_a_heading():
    for kind in kinds.KINDS.values():
        headings = [kinds.COLUMNS[name].zh for name in kind.columns]
        assert len(set(headings)) == len(headings), kind.name


def test_every_rule_has_a_reason_and_stands_at_a_column_of_its_kind():
    for kind in kinds.KINDS.values():
        for rule in kind.rules:
            assert rule.code in reasons.REASONS and rule.column in kind.columns, kind.name


def test_the_schema_refuses_what_breaks_a_bound_or_a_rule():
    kind = kinds.KINDS["item_days"]
    row = {name: None for name in kind.schema} | {"shop": "s", "date": date(2025, 11, 10), "item_id": "1", "visitors": 5}
    for change, rule in (({"visitors": -1}, "visitors|min"), ({"bounce_rate": 1.5}, "bounce_rate|max"), ({"item_id": None}, "item_id|nullability"), ({"pay_buyers": 6}, "buyers_exceed_visitors")):
        _, failure = kind.checked.filter(pl.DataFrame([row | change], schema=kind.schema))
        assert set(failure.counts()) == {rule}
    assert len(kind.checked.filter(pl.DataFrame([row], schema=kind.schema)).failure) == 0
