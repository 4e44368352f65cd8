"""The lake: merging by key, what was known when, the quarantine."""

from datetime import UTC, date, datetime, timedelta
from threading import Thread

import polars as pl
import pytest

from ecops.shop.difference import WEIGHT
from ecops.shop.errors import ShopDataError
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake, MergeResult

DAY = datetime(2025, 11, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def stock(*rows, shop="s"):
    """Rows of (item, closing units, received units)."""
    return pl.DataFrame(
        [(shop, DAY, date(2025, 11, 10), item, closing, received) for item, closing, received in rows],
        schema={name: KINDS["stock"].schema[name] for name in ("shop", "available_at", "date", "item_id", "closing_units", "received_units")},
        orient="row",
    )


def order(**facts):
    row = {"shop": "s", "order_id": "1", "available_at": DAY, "created_at": DAY, "total_fen": 100} | facts
    return pl.DataFrame([row], schema={name: KINDS["orders"].schema[name] for name in row})


def seen(lake, as_of, kind="orders"):
    return lake.frames([kind], ["s"], as_of)[kind].collect().row(0, named=True)


def held(lake):
    return lake.everything("stock", ["s"]).select("item_id", "closing_units", "received_units").collect().sort("item_id").rows()


def test_new_same_and_other_rows_are_told_apart(lake):
    assert lake.merge("stock", stock(("a", 1, 0), ("b", 2, 0))) == MergeResult(2, 0, 0)
    assert lake.merge("stock", stock(("a", 1, 0), ("b", 3, 0), ("c", 4, 0))) == MergeResult(1, 1, 1)
    assert held(lake) == [("a", 1, 0), ("b", 3, 0), ("c", 4, 0)]


def test_an_unknown_value_never_erases_a_known_one(lake):
    lake.merge("stock", stock(("a", 1, 7)))
    assert lake.merge("stock", stock(("a", 2, None))).replaced == 1
    assert held(lake) == [("a", 2, 7)]
    assert lake.merge("stock", stock(("a", None, None))).duplicates == 1


def test_a_merge_that_changes_nothing_commits_nothing(lake):
    lake.merge("stock", stock(("a", 1, 0)))
    version = lake.version("stock")
    lake.merge("stock", stock(("a", 1, 0)))
    assert lake.version("stock") == version


def test_provenance_follows_the_last_change_only(lake):
    lake.merge("stock", stock(("a", 1, 0)).with_columns(source_file=pl.lit("first")))
    lake.merge("stock", stock(("a", 1, 0)).with_columns(source_file=pl.lit("second")))
    assert lake.everything("stock", ["s"]).collect()["source_file"].to_list() == ["first"]


def test_a_lake_that_cannot_be_there_is_answered_with_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShopDataError, match="cannot be"):
        Lake(str(tmp_path / "file")).merge("stock", stock(("a", 1, 0)))


def test_two_rows_of_one_key_and_rows_without_a_key_are_refused(lake):
    with pytest.raises(ShopDataError, match="two rows"):
        lake.merge("stock", stock(("a", 1, 0), ("a", 2, 0)))
    with pytest.raises(ShopDataError, match="has no"):
        lake.merge("stock", stock((None, 1, 0)))
    with pytest.raises(ShopDataError, match="no kind"):
        lake.merge("nonsense", stock())


def test_a_kind_without_a_table_is_an_empty_frame_of_its_schema(lake):
    frames = lake.frames(KINDS, ["s"], DAY)
    assert {name: frame.collect_schema() for name, frame in frames.items()} == {name: kind.schema for name, kind in KINDS.items()}
    assert all(frame.collect().is_empty() for frame in frames.values())
    assert lake.quarantined("s").is_empty()


def test_frames_show_only_the_asked_shops_and_what_is_available(lake):
    lake.merge("stock", pl.concat([stock(("a", 1, 0)), stock(("a", 1, 0), shop="t")]))
    assert lake.frames(["stock"], ["s"], DAY)["stock"].collect()["shop"].to_list() == ["s"]
    assert lake.frames(["stock"], ["s", "t"], DAY - timedelta(microseconds=1))["stock"].collect().is_empty()


def test_a_frame_taken_before_a_merge_still_shows_what_was_there(lake):
    lake.merge("stock", stock(("a", 1, 0)))
    before = lake.everything("stock", ["s"])
    lake.merge("stock", stock(("a", 2, 0), ("b", 1, 0)))
    assert before.collect()["closing_units"].to_list() == [1]
    assert len(lake.everything("stock", ["s"]).collect()) == 2


def test_what_another_process_commits_is_seen(lake):
    lake.merge("stock", stock(("a", 1, 0)))
    assert held(lake) == [("a", 1, 0)]
    Lake(lake.url).merge("stock", stock(("a", 5, 0)))
    assert held(lake) == [("a", 5, 0)]


def test_a_payment_is_not_known_before_it_was_made(lake):
    lake.merge("orders", order(paid_at=DAY + HOUR, paid_fen=100, status="paid", refund_fen=0))
    early, late = seen(lake, DAY), seen(lake, DAY + HOUR)
    assert (early["paid_at"], early["paid_fen"], early["status"]) == (None, None, "created")
    assert (late["paid_at"], late["paid_fen"], late["status"]) == (DAY + HOUR, 100, "paid")


def test_a_refund_is_not_known_before_it_succeeded_and_the_payment_is_whole_until_then(lake):
    facts = {"paid_at": DAY, "paid_fen": 40, "refund_fen": 60, "refunded_at": DAY + 9 * HOUR, "status": "closed", "facts_as_of": DAY + 9 * HOUR}
    lake.merge("orders", order(**facts))
    early, late = seen(lake, DAY + HOUR), seen(lake, DAY + 9 * HOUR)
    assert (early["paid_fen"], early["refund_fen"], early["refunded_at"], early["status"]) == (100, None, None, "paid")
    assert (late["paid_fen"], late["refund_fen"], late["status"]) == (40, 60, "closed")


def test_a_refund_without_an_instant_is_known_from_the_end_of_its_source_on(lake):
    last = order(order_id="2", created_at=DAY + 5 * HOUR, available_at=DAY + 5 * HOUR)
    lake.merge("orders", pl.concat([order(paid_at=DAY, paid_fen=0, refund_fen=100, status="closed"), last], how="diagonal"))
    assert seen(lake, DAY + HOUR)["refund_fen"] is None and seen(lake, DAY + HOUR)["paid_fen"] == 100
    known = lake.frames(["orders"], ["s"], DAY + 5 * HOUR)["orders"].filter(order_id="1").collect().row(0, named=True)
    assert (known["refund_fen"], known["paid_fen"]) == (100, 0)


def test_a_shipment_and_an_end_are_not_known_before_they_were(lake):
    facts = {"paid_at": DAY, "paid_fen": 100, "shipped_at": DAY + 2 * HOUR, "status": "finished", "facts_as_of": DAY + 9 * HOUR}
    lake.merge("orders", order(**facts))
    assert [seen(lake, DAY + hours * HOUR)["status"] for hours in (0, 2, 9)] == ["paid", "shipped", "finished"]
    assert seen(lake, DAY + HOUR)["shipped_at"] is None


def test_an_unpaid_order_closes_only_when_it_did(lake):
    lake.merge("orders", order(paid_fen=0, status="closed", facts_as_of=DAY + 24 * HOUR))
    assert [seen(lake, DAY + hours * HOUR)["status"] for hours in (0, 24)] == ["created", "closed"]


def test_lines_hide_their_payment_and_refund_too(lake):
    row = {"shop": "s", "order_id": "1", "line_id": "1", "available_at": DAY, "created_at": DAY, "paid_at": DAY + HOUR, "paid_fen": 40, "refund_fen": 60,
           "facts_as_of": DAY + 9 * HOUR}
    lake.merge("order_lines", pl.DataFrame([row], schema={name: KINDS["order_lines"].schema[name] for name in row}))
    paid = [(seen(lake, DAY + hours * HOUR, "order_lines")["paid_fen"], seen(lake, DAY + hours * HOUR, "order_lines")["refund_fen"]) for hours in (0, 1, 9)]
    assert paid == [(None, None), (100, None), (40, 60)]


def test_a_table_older_than_a_column_reads_it_as_unknown(lake):
    from deltalake import write_deltalake

    write_deltalake(f"{lake.url}/stock", stock(("a", 1, 0)).drop("received_units"))
    assert held(lake) == [("a", 1, None)]
    assert lake.merge("stock", stock(("a", 1, 4), ("b", 1, 4))) == MergeResult(1, 0, 1)
    assert held(lake) == [("a", 1, 4), ("b", 1, 4)]


def test_readers_and_a_writer_share_one_lake(lake):
    lake.merge("stock", stock(("a", 0, 0)))
    failures = []

    def read():
        for _ in range(20):
            try:
                assert len(held(lake)) == 1
            except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
                failures.append(error)

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 6):
        lake.merge("stock", stock(("a", number, 0)))
    for reader in readers:
        reader.join()
    assert not failures and held(lake) == [("a", 5, 0)]


def test_compacting_changes_no_row(lake):
    for item in "abcd":
        lake.merge("stock", stock((item, 1, 0)))
    rows = held(lake)
    assert lake.compact("stock") == 1
    assert held(lake) == rows


def test_the_key_of_the_hashes_is_made_once(lake):
    assert lake.secret() == lake.secret() == Lake(lake.url).secret()


def test_what_was_imported_later_can_be_left_out(lake):
    for day, units in ((1, 5), (3, 7), (5, 9)):
        lake.merge("stock", stock(("a", units, 0)).with_columns(imported_at=pl.lit(DAY + timedelta(days=day))))
    known = lambda day: lake.frames(["stock"], ["s"], DAY + timedelta(days=9), imported_by=DAY + timedelta(days=day))["stock"].collect()["closing_units"].to_list()  # noqa: E731
    assert [known(day) for day in (0, 1, 2, 3, 4, 5, 8)] == [[], [5], [5], [7], [7], [9], [9]]


def test_compaction_changes_nothing_of_what_was_known(lake):
    for day in (1, 2, 3):
        lake.merge("stock", stock((str(day), day, 0)).with_columns(imported_at=pl.lit(DAY + timedelta(days=day))))
    assert lake.compact("stock") == 1
    early = lake.frames(["stock"], ["s"], DAY + timedelta(days=9), imported_by=DAY + timedelta(days=2))["stock"].collect()
    assert sorted(early["item_id"]) == ["1", "2"]
    assert len(held(lake)) == 3


def test_settings_of_a_shop_are_kept_and_replaced(lake):
    assert lake.recall("s", "taobao:orders") is None
    lake.remember("s", "taobao:orders", "2026-01-01T00:00:00+00:00")
    lake.remember("s", "taobao:orders", "2026-01-02T00:00:00+00:00")
    lake.remember("t", "taobao:orders", "other")
    assert lake.recall("s", "taobao:orders") == "2026-01-02T00:00:00+00:00"


def test_a_frame_the_schema_refuses_is_not_merged(lake):
    with pytest.raises(ShopDataError, match="closing_units"):
        lake.merge("stock", stock(("a", -1, 0)))
    assert held(lake) == []


def test_a_row_may_stand_for_several_rows_of_a_file(lake):
    weighed = lambda units: stock(("a", units, 0), ("b", 1, 0)).with_columns(pl.Series(WEIGHT, [3, 1]))  # noqa: E731
    assert lake.merge("stock", weighed(1)) == MergeResult(4, 0, 0)
    assert lake.merge("stock", weighed(2)) == MergeResult(0, 1, 3)


def test_facts_are_as_new_as_the_latest_instant_of_the_file(lake):
    lake.merge("orders", order(shipped_at=DAY + 5 * HOUR, ship_by=DAY + 9 * HOUR))
    assert lake.everything("orders", ["s"]).collect()["facts_as_of"].to_list() == [DAY + 5 * HOUR]
