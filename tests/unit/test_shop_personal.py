"""A column of personal texts becomes the same stand-ins as its texts one by one, whether they repeat or not."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ecops.shop.personal import HASHED, hashed, keyed_hash

KEYS = st.binary(min_size=1, max_size=64)
TEXTS = st.one_of(st.none(), st.text(max_size=12), st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda digits: HASHED + digits))


@given(KEYS, st.lists(TEXTS, max_size=30), st.integers(1, 4))
def test_a_column_is_hashed_as_its_texts_are(secret, texts, times):
    column = pl.Series("who", texts * times, dtype=pl.String)
    assert hashed(column, secret).to_list() == [None if text is None else keyed_hash(secret, text) for text in texts * times]


@given(KEYS, KEYS, st.text(max_size=12))
def test_another_key_gives_another_stand_in(one, other, text):
    assert (keyed_hash(one, text) == keyed_hash(other, text)) == (one.ljust(64, b"\0") == other.ljust(64, b"\0"))
