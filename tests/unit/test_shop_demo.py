"""The demo shops: the same from the same seed, of one piece, and different from each other."""

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ecops.shop.asof import as_of_frame
from ecops.shop.demo import batches, fill, generate, write
from ecops.shop.dice import normal, pick, uniform
from ecops.shop.errors import ShopDataError
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake

CHINA = "Asia/Shanghai"
SINCE, UNTIL = date(2025, 9, 1), date(2025, 11, 20)
# What people plan is known from the day it is written down, which no column tells: it is there at any time.
PLANS = {"needs", "promotions", "price_changes", "shifts"}
# What is told of the last day, and is other when another day is the last.
OF_THE_LAST_DAY = {"documents", "pages"}
FILLED = sorted(KINDS)


@cache
def data(shops=3, seed=7):
    return generate(shops, seed, SINCE, UNTIL)


def truth(shop="demo"):
    return data().truth["shops"][shop]


def day_of(column):
    return pl.col(column).dt.convert_time_zone(CHINA).dt.date()


def same(one, other):
    return one.truth == other.truth and one.shops == other.shops and all(frame.equals(other.frames[kind]) for kind, frame in one.frames.items())


def test_dice_are_even_and_the_same_for_ever():
    numbers = pl.select(pl.int_range(10_000)).to_series().to_frame("n")
    drawn = numbers.select(uniform(pl.col("n"), 1, 2), z=normal(uniform(pl.col("n"), 1, 3), uniform(pl.col("n"), 1, 4)))
    even = drawn["n"]
    assert abs(even.mean() - 0.5) < 0.01 and abs(even.std() - 12**-0.5) < 0.01
    assert even.head(2).round(9).to_list() == pytest.approx([0.467352698, 0.472122318], abs=1e-9)
    assert abs(drawn["z"].mean()) < 0.03 and abs(drawn["z"].std() - 1) < 0.03
    shares = pick(even, [1, 2, 1]).value_counts(normalize=True, name="share").sort(pl.first())["share"].to_list()
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_the_same_seed_gives_the_same_data_and_another_seed_others():
    assert same(generate(3, 7, SINCE, UNTIL), data())
    assert not generate(3, 8, SINCE, UNTIL).frames["orders"].equals(data().frames["orders"])


def test_a_shop_does_not_change_with_the_number_of_shops():
    alone = generate(1, 7, SINCE, UNTIL)
    for kind, frame in alone.frames.items():
        assert frame.sort(pl.all()).equals(data().frames[kind].filter(shop="demo").sort(pl.all())), kind
    assert alone.truth["shops"]["demo"] == truth()


def test_batches_are_the_same_shops():
    parts = list(batches(5, 7, SINCE, UNTIL, orders_per_day=300))
    whole = generate(5, 7, SINCE, UNTIL, orders_per_day=300)
    assert len(parts) > 1 and [shop for part in parts for shop in part.shops] == whole.shops
    for kind, frame in whole.frames.items():
        assert pl.concat([part.frames[kind] for part in parts]).sort(pl.all()).equals(frame.sort(pl.all())), kind


# What an earlier moment could not see yet of a row, and what the readers of the past do not mask as the generator does.
LATER_FACTS = {
    "orders": ["paid_fen", "refund_fen", "received_fen", "status", "close_reason", "after_sale", "ship_by"],
    "order_lines": ["paid_fen", "refund_fen", "refund_status", "status"],
    "parcels": ["last_event_at", "last_event", "damaged"],
    "items": ["price_fen"],
}


@pytest.mark.parametrize(("until", "longer"), [(date(2025, 10, 30), date(2025, 11, 25)), (date(2025, 11, 10), date(2025, 11, 14))])
def test_days_added_at_the_end_change_no_earlier_day(until, longer):
    short, long = (generate(2, 5, date(2025, 9, 20), last).frames for last in (until, longer))
    end = datetime(until.year, until.month, until.day, tzinfo=ZoneInfo(CHINA)) + timedelta(days=1)
    for kind in set(FILLED) - PLANS - OF_THE_LAST_DAY:
        # What happens at midnight sharp belongs to the next day; a day's or an hour's report is there at midnight.
        moment = end if {"date", "hour"} & set(KINDS[kind].key) else end - timedelta(microseconds=1)
        seen = as_of_frame(kind, long[kind].lazy(), moment).collect()
        left = [name for name in seen.columns if name not in ("source_row", "facts_as_of", *LATER_FACTS.get(kind, []))]
        # what is on its way is told of the last day
        earlier, later = (rows.filter(pl.col("received_on").is_not_null()) if kind == "purchases" else rows for rows in (short[kind], seen))
        assert earlier.select(left).sort(left).equals(later.select(left).sort(left)), kind


def test_days_added_at_the_end_add_plans_and_change_none():
    short, long = (generate(2, 5, date(2025, 9, 20), last).frames for last in (date(2025, 10, 30), date(2025, 11, 25)))
    for kind in PLANS:
        rows = [frame[kind].select(pl.exclude("source_row")) for frame in (short, long)]
        assert len(rows[0]) and rows[0].join(rows[1], on=rows[0].columns, how="anti", nulls_equal=True).is_empty(), kind
    assert len(long["shifts"]) > len(short["shifts"]) and len(long["promotions"]) > len(short["promotions"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_in_its_schema_with_unique_keys(kind):
    frame = data().frames[kind]
    assert frame.schema == KINDS[kind].schema
    KINDS[kind].checked.validate(frame)
    assert frame.select(pl.struct("shop", *KINDS[kind].key).is_unique().all()).item()
    assert frame["available_at"].null_count() == 0


def test_every_kind_is_filled_for_every_shop():
    for kind in FILLED:
        assert data().frames[kind]["shop"].n_unique() == 3, kind


# Columns for which the demo has nothing to say.
EMPTY = {"talent_id", "imported_at"}


@pytest.mark.parametrize("kind", FILLED)
def test_no_column_is_left_empty_that_could_be_known(kind):
    frame = data().frames[kind]
    assert {name for name in frame.columns if frame[name].null_count() == len(frame)} <= EMPTY


def test_shops_are_named_demo_then_counted():
    shops = generate(16, 1, SINCE, SINCE).shops
    assert [shop[0] for shop in shops[:3]] == ["demo", "demo-002", "demo-003"]
    assert len({shop[1] for shop in shops}) == 16 and {shop[2] for shop in shops} <= {"taobao", "tmall", "douyin", "pdd", "jd"}
    assert len({shop[3][1] for shop in shops}) == 7


def test_the_platform_can_be_given_and_names_the_sources():
    made = generate(2, 1, SINCE, SINCE + timedelta(days=5), platform="jd")
    assert {shop[2] for shop in made.shops} == {"jd"}
    assert "京东搜索" in made.frames["traffic_days"]["source"].to_list() and {"京东快车", "购物触点"} == set(made.frames["ad_days"]["tool"])


def test_shops_differ_in_size_week_and_prices():
    orders = generate(30, 3, date(2025, 8, 4), date(2025, 8, 31)).frames["orders"]
    size = orders.group_by("shop").len()["len"]
    assert size.max() > 4 * size.min()
    basket = orders.group_by("shop").agg(pl.col("total_fen").median())["total_fen"]
    assert basket.max() > 2.5 * basket.min()
    weekend = orders.group_by("shop").agg((day_of("created_at").dt.weekday() > 5).mean())["created_at"]
    assert weekend.max() - weekend.min() > 0.06


def test_a_few_items_make_most_of_the_sales():
    sales = (
        data().frames["item_days"].filter(shop="demo").group_by("item_id").agg(pl.col("pay_amount_fen").sum())["pay_amount_fen"].sort(descending=True)
    )
    to_80 = int((sales.cum_sum() < 0.8 * sales.sum()).sum()) + 1
    assert 0.15 < to_80 / len(sales) < 0.6


def test_nothing_names_a_person():
    orders = data().frames["orders"]
    for name, start in (("buyer_id", "o"), ("address_hash", "a"), ("phone_hash", "p")):
        assert orders[name].str.contains(rf"^{start}\d{{20}}$").all()


def test_truth_is_ready_for_json():
    assert json.loads(json.dumps(data().truth)) == data().truth
    assert {"seed", "since", "until", "campaign_days", "shops"} <= set(data().truth)
    assert data().truth["campaign_days"] == ["2025-11-10", "2025-11-11"]


def test_senseless_wishes_are_refused():
    for wish in ((0, 1, SINCE, UNTIL), (1, 1, UNTIL, SINCE), (1, 1, SINCE, UNTIL, 0), (1, 1, SINCE, UNTIL, 1, None, 24)):
        with pytest.raises(ShopDataError):
            generate(*wish)
        with pytest.raises(ShopDataError):
            list(batches(*wish))


def test_writing_twice_changes_nothing(tmp_path):
    lake, now = Lake(str(tmp_path)), datetime(2026, 1, 1, tzinfo=UTC)
    first, second = (write(lake, data(), now) for _ in range(2))
    assert {kind: merge.loaded for kind, merge in first.items()} == {kind: len(frame) for kind, frame in data().frames.items()}
    assert all(merge.loaded == merge.replaced == 0 for merge in second.values())


def test_filling_a_lake_batch_by_batch_says_what_was_written(tmp_path):
    lake, last = Lake(str(tmp_path)), SINCE + timedelta(days=4)
    filled = fill(lake, batches(3, 7, SINCE, last, orders_per_day=9000), datetime(2026, 1, 1, tzinfo=UTC))
    keys = [shop[0] for shop in filled.shops]
    assert keys == list(filled.truth["shops"]) and len(keys) == 3
    assert filled.rows == {kind: len(lake.everything(kind, keys).collect()) for kind in KINDS}


def test_at_an_earlier_instant_the_demo_knows_nothing_of_later(tmp_path):
    lake, as_of = Lake(str(tmp_path)), datetime(2025, 10, 1, tzinfo=UTC)
    write(lake, data(), datetime(2026, 1, 1, tzinfo=UTC))
    seen = {kind: frame.collect() for kind, frame in lake.frames(FILLED, ["demo"], as_of).items()}
    later = {"expires_on", "ship_by", "imported_at", "facts_as_of"}
    for kind, frame in seen.items():
        assert len(frame) > 0 or kind in OF_THE_LAST_DAY, kind
        for name, dtype in frame.schema.items():
            if isinstance(dtype, pl.Datetime) and kind not in PLANS and name not in later and frame[name].null_count() < len(frame):
                assert frame[name].max() <= as_of, (kind, name)
    assert set(seen["orders"]["status"]) == {"created", "paid", "shipped", "finished", "closed"}
    assert seen["refunds"].filter(pl.col("refund_status") == "open")["closed_at"].null_count() == len(
        seen["refunds"].filter(pl.col("refund_status") == "open")
    )
