"""The kinds of a demo tell one story: orders, lines, refunds, days, hours, stock, ads and chats add up."""

from datetime import date
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.shop.demo import generate
from ecops.shop.kinds import ALL, KINDS

CHINA = "Asia/Shanghai"
SINCE, UNTIL = date(2025, 9, 1), date(2025, 11, 20)


@cache
def frames():
    return generate(3, 7, SINCE, UNTIL).frames


def day_of(column):
    return pl.col(column).dt.convert_time_zone(CHINA).dt.date()


def agree(one, other, keys):
    assert one.columns == other.columns
    assert one.sort(keys).equals(other.sort(keys))


def orders_are_the_sums_of_their_lines(made):
    figures = ["units", "paid_fen", "refund_fen", "payable_fen"]
    sums = made["order_lines"].group_by("shop", "order_id").agg(pl.col(figures).sum())
    whole = made["orders"].select("shop", "order_id", "units", "paid_fen", "refund_fen", payable_fen="total_fen")
    agree(sums, whole, ["shop", "order_id"])
    counts = made["order_lines"].group_by("order_id").len()["len"]
    assert counts.is_between(1, 3).all()


def discounts_explain_what_is_paid(made):
    price = made["order_lines"].group_by("shop", "order_id").agg(list_fen=(pl.col("price_fen") * pl.col("units")).sum())
    whole = made["orders"].join(price, on=["shop", "order_id"])
    assert whole.select((pl.col("list_fen") - pl.col("shop_discount_fen") - pl.col("platform_discount_fen") == pl.col("total_fen")).all()).item()


def paid_and_refunded_make_what_was_once_paid(made):
    paid = made["orders"].filter(pl.col("paid_at").is_not_null())
    assert paid.select((pl.col("paid_fen") + pl.col("refund_fen") == pl.col("total_fen")).all()).item()
    assert made["orders"].filter(pl.col("paid_at").is_null())["paid_fen"].sum() == 0


def refunds_are_what_lines_and_orders_lost(made):
    assert made["refunds"].filter(pl.col("refund_status") == "open")["closed_at"].count() == 0
    assert made["refunds"].filter(pl.col("refund_status") != "open")["closed_at"].null_count() == 0
    done = made["refunds"].filter(pl.col("refund_status") == "success", pl.col("amount_fen") > 0)
    by_line = done.group_by("shop", "order_id", "line_id").agg(refund_fen=pl.col("amount_fen").sum())
    lines = made["order_lines"].filter(pl.col("refund_fen") > 0).select("shop", "order_id", "line_id", "refund_fen")
    agree(by_line, lines, ["shop", "line_id"])
    last = done.group_by("shop", "order_id").agg(refunded_at=pl.col("closed_at").max())
    agree(last, made["orders"].filter(pl.col("refund_fen") > 0).select("shop", "order_id", "refunded_at"), ["shop", "order_id"])
    states = made["refunds"].select("shop", "line_id", "refund_status")
    agree(states, made["order_lines"].filter(pl.col("refund_status") != "none").select("shop", "line_id", "refund_status"), ["shop", "line_id"])


def item_days_are_the_sums_of_the_lines_paid_that_day(made):
    lines = (
        made["order_lines"]
        .drop_nulls("paid_at")
        .join(made["orders"].select("order_id", "buyer_id"), on="order_id")
        .with_columns(date=day_of("paid_at"))
    )
    sums = lines.group_by("shop", "date", "item_id").agg(
        pay_units=pl.col("units").sum(), pay_amount_fen=pl.col("payable_fen").sum(), pay_buyers=pl.col("buyer_id").n_unique().cast(pl.Int64),
    )
    days = made["item_days"].filter(pl.col("pay_units") > 0).select(sums.columns)
    agree(sums, days, ["shop", "date", "item_id"])


def item_days_know_what_was_ordered_and_given_back(made):
    ordered = (
        made["order_lines"]
        .with_columns(date=day_of("created_at"))
        .group_by("shop", "date", "item_id")
        .agg(order_amount_fen=pl.col("payable_fen").sum())
    )
    agree(ordered, made["item_days"].filter(pl.col("order_units") > 0).select(ordered.columns), ["shop", "date", "item_id"])
    done = made["refunds"].filter(pl.col("refund_status") == "success", pl.col("amount_fen") > 0).with_columns(date=day_of("closed_at"))
    back = done.group_by("shop", "date", "item_id").agg(refund_amount_fen=pl.col("amount_fen").sum())
    agree(back, made["item_days"].filter(pl.col("refund_amount_fen") > 0).select(back.columns), ["shop", "date", "item_id"])


def funnels_narrow(made):
    days = made["item_days"]
    for wide, narrow in (
        ("page_views", "visitors"),
        ("visitors", "cart_users"),
        ("cart_users", "pay_buyers"),
        ("visitors", "order_buyers"),
        ("order_units", "order_buyers"),
        ("pay_units", "pay_buyers"),
        ("visitors", "search_visitors"),
        ("search_visitors", "search_buyers"),
        ("pay_buyers", "search_buyers"),
        ("visitors", "fav_users"),
    ):
        assert (days[wide] >= days[narrow]).all(), (wide, narrow)
    assert (days["new_buyers"] + days["old_buyers"] == days["pay_buyers"]).all()


def stock_carries_over_and_falls_by_what_was_paid(made):
    stock = (
        made["stock"]
        .sort("shop", "item_id", "date")
        .join(made["item_days"].select("shop", "item_id", "date", "pay_units"), on=["shop", "item_id", "date"])
    )
    assert len(stock) == len(made["stock"]) == len(made["item_days"])
    assert stock.select(pl.min_horizontal("opening_units", "received_units", "closing_units").min()).item() >= 0
    assert (stock["opening_units"] + stock["received_units"] - stock["pay_units"] == stock["closing_units"]).all()
    assert stock.select((pl.col("opening_units") == pl.col("closing_units").shift(1)).over("shop", "item_id")).to_series().drop_nulls().all()


def hours_add_up_to_the_day(made):
    hours = made["hours"].with_columns(date=day_of("hour")).sort("shop", "hour")
    days = hours.group_by("shop", "date").agg(
        pl.col("pay_amount_fen", "pay_units", "ad_spend_fen", "ad_deal_amount_fen", "ad_clicks").sum(),
        pl.col("pay_amount_so_far_fen").last(),
        pl.len(),
    )
    assert (days["len"] == 24).all() and (days["pay_amount_fen"] == days["pay_amount_so_far_fen"]).all()
    sold = made["item_days"].group_by("shop", "date").agg(pl.col("pay_amount_fen", "pay_units").sum())
    agree(days.select(sold.columns), sold, ["shop", "date"])
    spent = (
        made["ad_days"]
        .group_by("shop", "date")
        .agg(ad_spend_fen=pl.col("spend_fen").sum(), ad_deal_amount_fen=pl.col("deal_amount_fen").sum(), ad_clicks=pl.col("clicks").sum())
    )
    agree(days.select(spent.columns), spent, ["shop", "date"])
    assert (hours["visitors"] >= hours["pay_buyers"]).all()


def the_shops_traffic_is_its_sales(made):
    whole = made["traffic_days"].filter(source=ALL)
    sold = made["item_days"].group_by("shop", "date").agg(pl.col("pay_amount_fen", "order_amount_fen").sum())
    agree(whole.select(sold.columns), sold, ["shop", "date"])
    buyers = (
        made["orders"]
        .drop_nulls("paid_at")
        .group_by("shop", day_of("paid_at").alias("date"))
        .agg(pay_buyers=pl.col("buyer_id").n_unique().cast(pl.Int64))
    )
    agree(whole.filter(pl.col("pay_buyers") > 0).select(buyers.columns), buyers, ["shop", "date"])


def parcels_travel_forwards(made):
    parcels = made["parcels"].join(made["orders"].select("order_id", "paid_at", at="shipped_at"), on="order_id")
    assert (parcels["at"] == parcels["shipped_at"]).all() and len(parcels) == made["orders"]["shipped_at"].count()
    for first, then in (("paid_at", "shipped_at"), ("shipped_at", "collected_at"), ("collected_at", "delivered_at"), ("shipped_at", "last_event_at")):
        assert parcels.select((pl.col(first) <= pl.col(then)).all()).item(), (first, then)
    assert (parcels.filter(last_event="已签收")["delivered_at"].null_count()) == 0


def reviews_are_of_what_was_delivered(made):
    reviews = (
        made["reviews"]
        .join(made["parcels"].select("order_id", "delivered_at"), on="order_id")
        .join(made["order_lines"].select("order_id", "item_id"), on=["order_id", "item_id"])
    )
    assert len(reviews) == len(made["reviews"]) and (reviews["created_at"] > reviews["delivered_at"]).all()


def chats_are_what_the_service_figures_count(made):
    # what the shop sends by itself is no conversation
    turns = made["chats"].filter(pl.col("sender") != "system").with_columns(turn=pl.col("message_id").str.extract(r"m(\d+)"))
    begun = turns.group_by("shop", "session_id").agg(day_of("at").min().alias("date"), (pl.col("sender") == "agent").any().alias("human"))
    sums = begun.group_by("shop", "date").agg(consulted=pl.len().cast(pl.Int64))
    days = made["service_days"].filter(agent=ALL)
    agree(sums.select("shop", "date", "consulted"), days.select("shop", "date", "consulted"), ["shop", "date"])
    of_agents = made["service_days"].filter(pl.col("agent") != ALL)
    assert (
        of_agents
        .group_by("shop")
        .agg(pl.col("human_received").sum())
        .join(days.group_by("shop").agg(pl.col("human_received").sum()), on=["shop", "human_received"], how="anti")
        .is_empty()
    )
    assert of_agents["human_received"].sum() == days["human_received"].sum()
    assert (days["received"] <= days["consulted"]).all()


CHECKS = [
    orders_are_the_sums_of_their_lines,
    discounts_explain_what_is_paid,
    paid_and_refunded_make_what_was_once_paid,
    refunds_are_what_lines_and_orders_lost,
    item_days_are_the_sums_of_the_lines_paid_that_day,
    item_days_know_what_was_ordered_and_given_back,
    funnels_narrow,
    stock_carries_over_and_falls_by_what_was_paid,
    hours_add_up_to_the_day,
    the_shops_traffic_is_its_sales,
    parcels_travel_forwards,
    reviews_are_of_what_was_delivered,
    chats_are_what_the_service_figures_count,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_kinds_agree(check):
    check(frames())


DAYS = st.dates(date(2019, 1, 1), date(2031, 12, 31)) | st.sampled_from([
    date(2024, 2, 29),
    date(2025, 11, 11),
    date(2025, 11, 10),
    date(2024, 12, 31),
    date(2026, 6, 17),
])


@given(
    since=DAYS, days=st.integers(0, 45), seed=st.integers(0, 2**31), shops=st.integers(1, 3), per_day=st.integers(1, 30), open_hour=st.integers(0, 23)
)
@settings(max_examples=15, deadline=None)
def test_they_agree_for_any_wish(since, days, seed, shops, per_day, open_hour):
    made = generate(shops, seed, since, date.fromordinal(since.toordinal() + days), per_day, open_hour=open_hour).frames
    for kind, frame in made.items():
        assert frame.schema == KINDS[kind].schema
        assert frame.select(pl.struct("shop", *KINDS[kind].key).is_unique().all()).item() in (True, None), kind
        KINDS[kind].checked.validate(frame)
    for check in CHECKS:
        check(made)
