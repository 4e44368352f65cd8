"""Every export: known by its headings whatever their order, read by the right converters, and nothing about people in clear."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.shop import cells
from ecops.shop.deriving import ALSO, STEPS
from ecops.shop.errors import ShopDataError
from ecops.shop.exports import Catalogue, exports_of, fillable, heading
from ecops.shop.imports import import_file
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake
from ecops.shop.personal import is_personal
from ecops.shop.heads import locate
from ecops.shop.reading import read
from ecops.shop.sheet import read_tables
from tests.exports import (
    PERSONAL_TEXTS, PLATFORM_SAMPLES, SAMPLES, Sample, alimama_keywords, as_csv, as_html_xls, as_xlsx, jd_settlement, pdd_ads, pdd_orders_older,
    table,
    taobao_service,
)

SECRET = b"secret"
CATALOGUE = Catalogue()
EXPORTS = {export.name: export for export in CATALOGUE.exports}
BUILT_IN = [export for export in CATALOGUE.exports if not export.name.startswith("ecops-")]
OWN = [export for export in CATALOGUE.exports if export.name.startswith("ecops-")]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MEANINGS = {
    "status": {"created", "paid", "shipped", "finished", "closed"}, "after_sale": {"none", "open", "refunded", "refused"},
    "refund_status": {"none", "open", "success", "refused", "closed"}, "refund_kind": {"refund", "return", "exchange", "resend"},
    "_direction": {"in", "out"},
}
names = pytest.mark.parametrize("name", SAMPLES)


def batch_of(sample: Sample):
    found = locate(table(sample), CATALOGUE)
    return read(table(sample), found, sample.file_name, SECRET)


def test_every_export_has_a_sample_and_a_name_of_its_own():
    assert set(SAMPLES) == set(EXPORTS) and len(EXPORTS) == len(CATALOGUE.exports)
    for name, sample in SAMPLES.items():
        assert (sample(1).kind, sample(1).name) == (EXPORTS[name].kind, name)


@pytest.mark.parametrize("export", CATALOGUE.exports, ids=lambda export: export.name)
def test_a_table_names_only_what_is_there(export):
    assert set(export.required) <= set(export.headings) and set(export.needed) <= set(export.headings)
    assert set(export.read) | set(export.absent) | set(export.texts) <= set(export.headings)
    assert set(export.read.values()) <= set(cells.CONVERTERS) and set(export.derive) <= set(STEPS)
    assert all((export.kind, other) in ALSO for other in export.also)
    known = fillable(export.kind, export.also) | {"date"}
    assert {column for column in export.headings if not column.startswith("_")} <= known
    for column, meanings in export.texts.items():
        assert set(meanings.values()) <= MEANINGS[column], column


@names
@pytest.mark.parametrize("n", [1, 6, 40])
def test_a_sample_is_recognised_and_read_whole(name, n):
    sample = SAMPLES[name](n)
    batch = batch_of(sample)
    assert batch.heading.export.name == name and batch.heading.at == len(sample.notes)
    assert len(batch.rows) == len(sample.rows) and batch.total_rows == (sample.total_row is not None)
    assert not len(batch.faults) and not batch.unknown and not batch.unread
    required = {c for c in batch.heading.export.required if c != "date"}
    assert all(batch.rows[column].null_count() < len(batch.rows) for column in required), name


@pytest.mark.parametrize("name", ["taobao-orders", "sycm-items", "alimama-plans", "pdd-orders", "pdd-ads", "douyin-orders", "taobao-service"])
def test_the_same_sample_comes_from_every_form_of_file(name, tmp_path):
    sample = SAMPLES[name](3)
    straight = batch_of(sample).rows
    forms = {"a.csv": as_csv(sample, "gb18030"), "b.csv": as_csv(sample, "utf-8-sig"), "c.xlsx": as_xlsx(sample), "d.xls": as_html_xls(sample)}
    for file, content in forms.items():
        (tmp_path / file).write_bytes(content)
        [sheet] = read_tables(tmp_path / file)
        rows = read(sheet, locate(sheet, CATALOGUE), sample.file_name, SECRET).rows
        assert rows.drop("source_sheet", "source_row").equals(straight.drop("source_sheet", "source_row")), file


def test_samples_are_always_the_same_and_have_as_many_rows_as_asked():
    for sample in SAMPLES.values():
        assert sample(5) == sample(5) and len(sample(9).rows) - len(sample(4).rows) == 5
        assert all(len(row) == len(sample(3).headings) for row in sample(3).rows)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(CATALOGUE.exports)), st.data())
def test_headings_in_any_order_and_without_any_optional_ones_tell_their_export(export, data):
    required = [column for column in export.required if not (export.dated and column == "date")]
    optional = [column for column in export.headings if column not in export.required and column not in export.absent]
    kept = data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    texts = [data.draw(st.sampled_from(export.headings[column])) for column in (*required, *kept)]
    got, found = CATALOGUE.recognise(data.draw(st.permutations(list(dict.fromkeys(texts)))))
    _must_read_as_much(export, got, found, texts)


@names
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_sample_without_some_columns_is_never_taken_for_another_kind(name, data):
    export, there = EXPORTS[name], [heading(text) for text in SAMPLES[name](1).headings]
    needed = {text for column in export.required for text in export.headings[column]}
    optional = [text for text in there if text not in needed]
    gone = set(data.draw(st.lists(st.sampled_from(optional), unique=True))) if optional else set()
    left = data.draw(st.permutations([text for text in there if text not in gone]))
    got, found = CATALOGUE.recognise(left)
    _must_read_as_much(export, got, found, left)


def _must_read_as_much(export, got, found, texts):
    """The export itself, or one of its kinds that fills at least the same columns from the same headings."""
    if got.name == export.name:
        return
    mine = {column: text for column, text in export.match(texts).items() if not column.startswith("_")}
    assert got.kind in (export.kind, *export.also), (export.name, got.name)
    assert {column: found.get(column) for column in mine} == mine, (export.name, got.name)


def test_our_own_files_of_a_kind_are_read_with_every_column():
    for export in OWN:
        got, found = CATALOGUE.recognise([texts[0] for texts in export.headings.values()])
        assert got.kind == export.kind and set(found) >= set(KINDS[export.kind].columns) - {"date"}, export.name


def test_older_headings_of_pinduoduo_are_the_same_export():
    batch = batch_of(pdd_orders_older(6))
    assert batch.heading.export.name == "pdd-orders" and batch.heading.label("_dealt_at") == "拼单成功时间"
    assert batch.rows["paid_at"].null_count() == 1


@pytest.mark.parametrize(
    ("name", "column", "converter"),
    [
        ("taobao-orders", "order_id", cells.identity), ("taobao-orders", "buyer_id", cells.text), ("taobao-orders", "paid_fen", cells.money),
        ("taobao-orders", "remark_mark", cells.mark), ("taobao-orders", "parcel_id", cells.waybill), ("taobao-orders", "created_at", cells.instant),
        ("sycm-items", "bounce_rate", cells.rate), ("sycm-items", "visitors", cells.count), ("sycm-items", "stay_seconds", cells.seconds),
        ("alimama-keywords", "attribution_days", cells.number_of_days), ("alimama-items", "spend_fen", cells.money),
        ("alimama-items", "keyword", cells.text),
        ("jd-settlement", "_amount_fen", cells.signed_money), ("pdd-orders", "_dealt_at", cells.instant),
        ("pdd-service", "reply_30s_rate", cells.rate),
        ("douyin-service", "mean_reply_seconds", cells.seconds), ("douyin-orders", "_after_sale", cells.text),
        ("taobao-items", "on_sale", cells.flag),
        ("taobao-items", "listed_on", cells.day), ("pdd-orders", "sku_id", cells.identity), ("taobao-service", "dsr", cells.number),
    ],
)
def test_a_column_is_read_by_what_it_is(name, column, converter):
    assert EXPORTS[name].converter(column) is converter


def test_bare_rates_are_refused_in_service_reports():
    sample = taobao_service(2)
    place = sample.headings.index("旺旺回复率")
    bare = Sample(
        sample.name, sample.platform, sample.kind, sample.headings, tuple((*row[:place], "99.5", *row[place + 1:]) for row in sample.rows),
        sample.notes,
    )
    assert set(batch_of(bare).faults["reason"]) == {"ambiguous_rate"}


def test_a_report_of_a_week_knows_its_days():
    rows = batch_of(taobao_service(2)).rows
    assert rows.select("date", "period_days").unique().rows() == [(date(2025, 11, 10), 7)]


def test_a_report_without_data_has_no_rows():
    sample = taobao_service(1)
    void = ("暂无数据", *("-" for _ in sample.headings[1:]))
    batch = batch_of(Sample(sample.name, sample.platform, sample.kind, sample.headings, (void,), sample.notes))
    assert (len(batch.rows), len(batch.faults), batch.rows_found, batch.blank_rows) == (0, 0, 0, 1)


def test_a_total_larger_than_its_rows_is_told():
    [spend] = [one for one in batch_of(pdd_ads(6)).sums if one.difference]
    assert (spend.heading, spend.difference) == ("总花费(元)", 8880)


# ---- nothing about people


@pytest.mark.parametrize("name", PLATFORM_SAMPLES)
def test_every_column_with_a_persons_texts_counts_as_personal(name):
    sample = PLATFORM_SAMPLES[name](10)
    for place, label in enumerate(sample.headings):
        held = " ".join(row[place] or "" for row in sample.rows)
        # what a buyer writes in public is kept, with phone numbers cut out
        if any(text in held for text in PERSONAL_TEXTS) and heading(label) != "评价内容":
            assert is_personal(label), (name, label)
            kept = {column for column, texts in EXPORTS[name].headings.items() if heading(label) in texts}
            assert kept <= EXPORTS[name].hashed | {"province", "remark_mark"}, (name, label)


@pytest.mark.parametrize("name", PLATFORM_SAMPLES)
def test_an_import_keeps_nothing_about_people(name, tmp_path):
    sample = PLATFORM_SAMPLES[name](10)
    path = tmp_path / "a.csv"
    path.write_bytes(as_csv(sample, "utf-8"))
    (named := tmp_path / sample.file_name.replace("/", "-")).write_bytes(path.read_bytes())
    lake = Lake(str(tmp_path / "lake"))
    [report] = import_file(lake, named, "s", NOW)
    assert report.refused == 0 and report.loaded == len(sample.rows), report.reasons
    held = " ".join(lake.everything(kind, ["s"]).collect().write_csv() for kind in (sample.kind, *report.also))
    assert not [text for text in PERSONAL_TEXTS if text in held]


def test_the_texts_about_people_are_no_part_of_each_other():
    joined = [one for one in PERSONAL_TEXTS for other in PERSONAL_TEXTS if one != other and one in other and not re.search("王小明|静怡|雷雷|梅梅", one)]
    assert joined == [] and len(set(PERSONAL_TEXTS)) == len(PERSONAL_TEXTS)


# ---- adding up


def imported(sample, tmp_path):
    path = tmp_path / sample.file_name
    path.write_bytes(as_csv(sample, "utf-8"))
    lake = Lake(str(tmp_path / "lake"))
    [report] = import_file(lake, path, "s", NOW)
    return report, lake.everything(sample.kind, ["s"]).collect()


def test_rows_of_one_plan_item_and_day_are_added_up_and_plans_stay_apart(tmp_path):
    report, held = imported(PLATFORM_SAMPLES["alimama-items"](6), tmp_path)
    assert (report.loaded, len(held), held["item_id"].to_list().count("*")) == (7, 6, 1)
    first = held.filter((pl.col("plan_id") == "70001") & (pl.col("date") == date(2025, 11, 10))).row(0, named=True)
    assert (first["impressions"], first["clicks"], first["spend_fen"]) == (90_010, 1_501, 246_900)


def test_the_markets_price_of_a_click_is_kept_where_rows_agree_and_unknown_where_not(tmp_path):
    sample = alimama_keywords(2)
    market, clicks = sample.headings.index("市场平均点击花费"), sample.headings.index("点击量")
    other = [list(row) for row in sample.rows]
    other[0][clicks] = other[1][clicks] = "7"
    other[1][market] = "2.20"
    mixed = Sample(sample.name, sample.platform, sample.kind, sample.headings, (*sample.rows, *map(tuple, other)), file_name="a.csv")
    _, held = imported(mixed, tmp_path)
    assert held.sort("date").select("clicks", "market_cpc_fen").rows() == [(1507, 110), (1510, None)]


def test_bookings_of_an_order_are_added_up(tmp_path):
    _, held = imported(jd_settlement(6), tmp_path)
    assert held.sort("order_id").select("order_id", "received_fen").rows() == [("290000000001", 6200), ("290000000008", 6200)]


def test_two_bookings_of_one_amount_are_two_and_a_row_that_stands_twice_is_one(tmp_path):
    sample = jd_settlement(2)
    place = sample.headings.index("商户订单号")
    other = tuple("9" if at == place else cell for at, cell in enumerate(sample.rows[1]))
    twice = Sample(sample.name, sample.platform, sample.kind, sample.headings, (*sample.rows, sample.rows[1], other), file_name="a.csv")
    report, held = imported(twice, tmp_path)
    assert held["received_fen"].to_list() == [10_000 - 800 - 800]
    assert (report.rows, report.loaded, report.duplicates) == (4, 3, 1)


# ---- tables that cannot be


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[export]", "not valid TOML"), ('[[export]]\nname = "a"\nkind = "orders"', "required"),
        ('[[export]]\nname = "a"\nkind = "nothing"\nrequired = []', "nothing"),
        ('[[export]]\nname = "a"\nkind = "orders"\nrequired = ["x"]\n[export.headings]\nx = ["y"]', "x"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_name(text, said):
    with pytest.raises(ShopDataError, match="my.toml") as caught:
        exports_of("my.toml", text)
    assert said in str(caught.value)
