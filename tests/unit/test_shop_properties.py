"""What holds for every import: again is no change, order does not matter, and the past does not move."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.shop.cells import clean, count, money
from ecops.shop.difference import WEIGHT, difference
from ecops.shop.imports import import_file
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake
from ecops.shop.sheet import EPOCH_1900

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2025, 11, 1, tzinfo=UTC)
CELLS = st.sampled_from(["0", "1", "7", "1,200", "-", "", "2.5", "1e9", "暂无数据", "-4"])
ROWS = st.lists(st.tuples(st.sampled_from(["2025-11-10", "2025-11-11", "somewhen"]), st.sampled_from(["1", "2", "9e20", ""]), CELLS, CELLS), max_size=8)
HOURS = st.one_of(st.none(), st.integers(0, 200))
ORDERS = st.lists(
    st.tuples(st.integers(0, 100), HOURS, HOURS, HOURS, st.integers(0, 500), st.sampled_from(["created", "paid", "shipped", "finished", "closed"])), min_size=1, max_size=6
)


def write(folder, rows):
    path = Path(folder) / "a.csv"
    path.write_text("\n".join(["日期\t商品ID\t访客数\t支付件数", *("\t".join(row) for row in rows)]))
    return path


def loaded(lake):
    columns = [name for name in KINDS["item_days"].columns] + ["shop", "available_at"]
    return lake.everything("item_days", ["s"]).select(columns).collect().sort("date", "item_id")


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_a_second_import_changes_nothing_and_no_row_is_lost(rows):
    with tempfile.TemporaryDirectory() as folder:
        lake, path = Lake(f"{folder}/lake"), write(folder, rows)
        [first] = import_file(lake, path, "s", NOW)
        before, kept = loaded(lake), lake.quarantined("s")
        [second] = import_file(lake, path, "s", NOW + timedelta(days=1))
        assert second.loaded == second.replaced == 0 and second.refused == first.refused
        assert loaded(lake).equals(before) and lake.quarantined("s").equals(kept)
        for report in (first, second):
            assert report.rows == report.loaded + report.duplicates + report.replaced + report.refused + report.total_rows
        assert len(kept) == len(first.quarantined) == sum(first.reasons.values())


@settings(max_examples=15, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    unique = list({(row[0], row[1]): row for row in rows}.values())
    mixed = random.sample(unique, len(unique))
    with tempfile.TemporaryDirectory() as folder:
        frames = []
        for name, version in (("a", unique), ("b", mixed)):
            lake = Lake(f"{folder}/{name}")
            import_file(lake, write(folder, version), "s", NOW)
            frames.append(loaded(lake))
        assert frames[0].equals(frames[1])


def orders(rows):
    at = lambda hours: None if hours is None else START + timedelta(hours=hours)  # noqa: E731
    return pl.DataFrame(
        [
            {
                "shop": "s", "order_id": str(number), "created_at": at(created), "available_at": at(created),
                "paid_at": at(None if paid is None else created + paid), "shipped_at": at(None if shipped is None else created + shipped),
                "refunded_at": at(None if refunded is None else created + refunded), "total_fen": 1000, "paid_fen": 1000 - refund,
                "refund_fen": refund, "status": status,
            }
            for number, (created, paid, shipped, refunded, refund, status) in enumerate(rows)
        ],
        schema_overrides=KINDS["orders"].schema,
    )


@settings(max_examples=15, deadline=None)
@given(ORDERS, ORDERS, st.integers(0, 300))
def test_rows_added_later_never_change_what_was_known_before(first, second, hours):
    as_of = START + timedelta(hours=hours)
    later = orders(second).with_columns(pl.format("later-{}", "order_id").alias("order_id"))
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.merge("orders", orders(first))
        before = lake.frames(["orders"], ["s"], as_of)["orders"].collect().sort("order_id")
        lake.merge("orders", later)
        after = lake.frames(["orders"], ["s"], as_of)["orders"].collect().sort("order_id")
        assert after.filter(~pl.col("order_id").str.starts_with("later-")).equals(before)
        assert (after["available_at"] <= as_of).all()
        for name in ("paid_at", "shipped_at", "refunded_at"):
            assert (after[name].drop_nulls() <= as_of).all()


ITEM_DAYS = st.dictionaries(st.sampled_from(["1", "2", "title:a", "title:b"]), st.one_of(st.none(), st.integers(0, 9)), max_size=4)


def item_days(units):
    kind = KINDS["item_days"]
    rows = [{"shop": "s", "date": date(2025, 11, 10), "item_id": item, "pay_units": number} for item, number in units.items()]
    return pl.DataFrame(rows, schema=kind.schema).with_columns(pl.lit(1, dtype=pl.Int64).alias(WEIGHT))


@settings(max_examples=200, deadline=None)
@given(ITEM_DAYS, ITEM_DAYS, st.sampled_from([{}, {"title:a": "1"}, {"title:a": "1", "title:b": "1"}, {"title:a": "1", "title:b": "2"}]))
def test_a_difference_counts_every_row_once_and_leaves_no_renamed_id(held, given_, renamed):
    frame = item_days({item: units for item, units in given_.items() if item not in renamed})
    change = difference(KINDS["item_days"], item_days(held), frame, renamed)
    assert change.loaded + change.duplicates + change.replaced == len(frame)
    alive = change.rows.filter(~pl.col("_gone"))
    assert not set(alive["item_id"]) & set(renamed)
    assert set(change.rows.filter("_gone")["item_id"]) == set(held) & set(renamed)
    assert alive["item_id"].is_unique().all()
    for item in set(held) & set(renamed):
        assert renamed[item] in set(alive["item_id"]) | set(held)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12))
def test_no_text_breaks_a_converter(text):
    frame = pl.DataFrame({"cell": [text]}).select(clean(pl.col("cell")).alias("cell"))
    for convert in (count, money):
        parsed = convert(pl.col("cell"), EPOCH_1900)
        value, fault = frame.select(value=parsed.value, fault=parsed.fault.cast(pl.String)).row(0)
        assert fault or value is None or value >= 0
