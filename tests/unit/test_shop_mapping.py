"""An unknown export, explained once by a person."""

from datetime import UTC, date, datetime

import pytest

from ecops.shop.errors import ShopDataError
from ecops.shop.exports import mapping
from ecops.shop.imports import import_file
from ecops.shop.lake import Lake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAIRS = {"单号": "order_id", "收件人昵称": "buyer_id", "应收(元)": "订单金额", "付了": "paid_fen", "下单": "created_at"}


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def mappings(tmp_path):
    return tmp_path / "mappings"


def csv_file(path, *rows):
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    return path


def unknown(path):
    return csv_file(path, [*PAIRS, "别的"], ["1", "小明", "10.50", "10.50", "2025-11-11 00:00:01", "x"], ["2", "小明", "?", "1", "2025-11-11 00:00:01", "x"])


def test_a_mapping_is_kept_and_serves_the_next_file(lake, tmp_path, mappings):
    mapping.keep(mappings, "orders", PAIRS)
    for name in ("a.csv", "b.csv"):
        [report] = import_file(lake, unknown(tmp_path / name), "s", NOW, None, mappings)
    assert (report.kind, report.duplicates, report.refused) == ("orders", 1, 1)
    assert report.export.startswith("mapped-orders-")
    order = lake.everything("orders", ["s"]).collect().row(0, named=True)
    assert (order["order_id"], order["total_fen"], order["status"]) == ("1", 1050, None)
    assert "小明" not in order["buyer_id"] and len(order["buyer_id"]) == 32


def test_the_refusal_of_an_unknown_export_says_how_to_map_it(lake, tmp_path):
    with pytest.raises(ShopDataError, match=r"--kind \w+ --map '单号="):
        import_file(lake, unknown(tmp_path / "a.csv"), "s", NOW)


def test_keeping_it_twice_keeps_one(mappings):
    assert mapping.keep(mappings, "orders", PAIRS) == mapping.keep(mappings, "orders", dict(reversed(PAIRS.items())))
    assert len(list(mappings.iterdir())) == 1


def test_the_day_may_come_from_the_files_name(lake, tmp_path, mappings):
    mapping.keep(mappings, "item_days", {"货": "item_id", "看": "visitors"})
    [report] = import_file(lake, csv_file(tmp_path / "日报_2025-11-10.csv", ["货", "看"], ["7", "5"]), "s", NOW, None, mappings)
    assert report.loaded == 1
    assert lake.everything("item_days", ["s"]).collect()["date"].to_list() == [date(2025, 11, 10)]


def test_items_may_go_by_their_titles(lake, tmp_path, mappings):
    mapping.keep(mappings, "item_days", {"品名": "title", "日子": "date", "卖了": "pay_units"})
    [report] = import_file(lake, csv_file(tmp_path / "a.csv", ["日子", "品名", "卖了"], ["2025-11-10", "面膜", "5"]), "s", NOW, None, mappings)
    assert report.loaded == 1 and lake.everything("item_days", ["s"]).collect()["item_id"].to_list() == ["title:面膜"]


@pytest.mark.parametrize(
    ("kind", "pairs", "words"),
    [
        (None, PAIRS, "needs --kind"), ("订单", PAIRS, "needs --kind"), ("orders", {"单号": "nonsense"}, "has no column nonsense"),
        ("orders", {"单号": "order_id"}, "created_at"), ("orders", PAIRS | {"再次": "order_id"}, "two headings"), ("stock", {"货": "item_id"}, None),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_a_sentence(mappings, kind, pairs, words):
    if words is None:
        assert mapping.keep(mappings, kind, pairs).exists()
        return
    with pytest.raises(ShopDataError, match=words):
        mapping.keep(mappings, kind, pairs)
    assert not mappings.exists()


def test_a_broken_mapping_file_is_named(lake, tmp_path, mappings):
    mappings.mkdir()
    (mappings / "mine.toml").write_text("[[export]\nname =")
    with pytest.raises(ShopDataError, match="mine.toml"):
        import_file(lake, unknown(tmp_path / "a.csv"), "s", NOW, None, mappings)
    (mappings / "mine.toml").write_text('[[export]]\nname = "x"\nkind = "nonsense"\nrequired = []')
    with pytest.raises(ShopDataError, match="mine.toml"):
        import_file(lake, unknown(tmp_path / "a.csv"), "s", NOW, None, mappings)


def test_who_bought_is_never_kept_in_clear_whatever_its_heading(lake, tmp_path, mappings):
    mapping.keep(mappings, "orders", {"单号": "order_id", "谁买的": "买家id", "下单": "created_at", "应收": "total_fen"})
    path = tmp_path / "a.csv"
    path.write_text("单号,谁买的,下单,应收\n1,小明,2025-11-11 00:00:01,10.5\n2,小红,2025-11-11 00:00:02,x\n", encoding="utf-8")
    import_file(lake, path, "s", NOW, None, mappings)
    kept = lake.everything("orders", ["s"]).collect().write_json() + lake.quarantined("s").write_json()
    assert "order_id" in kept and "单号" in kept
    assert "小明" not in kept and "小红" not in kept


def test_nor_in_a_file_of_our_own(lake, tmp_path):
    path = csv_file(tmp_path / "own.csv", ["订单编号", "订单创建时间", "订单金额", "买家ID", "联系电话摘要", "收货地址摘要"], ["1", "2025-11-11 00:00:01", "10.5", "小明", "13812345678", "文三路1号"])
    import_file(lake, path, "s", NOW)
    kept = lake.everything("orders", ["s"]).collect().row(0, named=True)
    assert [len(kept[column]) for column in ("buyer_id", "phone_hash", "address_hash")] == [32, 32, 32]
    assert not any(word in str(kept) for word in ("小明", "13812345678", "文三路"))
