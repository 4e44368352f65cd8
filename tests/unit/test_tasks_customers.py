"""Segments of buyers at, under and over their lines."""

from datetime import datetime, time, timedelta

import polars as pl
import pytest

from ecops.automation import OK
from tests.unit.task_rows import AS_OF, CHINA, days_ago, missing, run, status


def paid(buyer: str | None, ago: int = 5, yuan: float = 100, n: int = 0, **more) -> dict:
    """An order paid at noon some days ago."""
    at = datetime.combine(days_ago(ago), time(12, n), CHINA)
    fen = round(yuan * 100)
    order = {"order_id": f"{buyer}-{ago}-{n}", "buyer_id": buyer, "created_at": at, "paid_at": at, "status": "finished"}
    return order | {"total_fen": fen, "paid_fen": fen, "refund_fen": 0} | more


def refunded(buyer: str, ago: int = 5, n: int = 0, when: datetime | None = None) -> dict:
    return paid(buyer, ago, n=n, refund_fen=100_00, refunded_at=when or AS_OF - timedelta(days=1), paid_fen=0)


def segments(*orders: dict, **params):
    return run("customers.segment", {"orders": list(orders)}, **params)


def buyer(answer, name: str = "u") -> dict:
    return answer.lists["buyers"].row(by_predicate=pl.col("buyer_id") == name, named=True)


@pytest.mark.parametrize(("times", "repeat"), [(2, False), (3, True), (4, True)])
def test_three_purchases_make_a_returning_customer(times, repeat):
    assert buyer(segments(*(paid("u", n=n) for n in range(times))))["repeat_3"] is repeat


@pytest.mark.parametrize(("total", "high"), [(599.99, False), (600.00, True)])
def test_high_value_begins_at_two_hundred_yuan_an_order(total, high):
    orders = [paid("u", yuan=100, n=1), paid("u", yuan=100, n=2), paid("u", yuan=total - 200, n=3)]
    assert buyer(segments(*orders))["high_value"] is high


def test_two_purchases_of_any_size_are_not_high_value():
    assert buyer(segments(paid("u", yuan=9_999, n=1), paid("u", yuan=9_999, n=2)))["high_value"] is False


def test_a_fully_refunded_order_is_no_purchase():
    assert buyer(segments(paid("u", n=1), paid("u", n=2), refunded("u", n=3)))["purchases"] == 2


def test_a_partly_refunded_order_is_a_purchase_and_counts_net():
    part = paid("u", yuan=100, refund_fen=60_00, paid_fen=40_00, refunded_at=AS_OF - timedelta(days=1))
    assert (buyer(segments(part))["purchases"], buyer(segments(part))["amount_fen"]) == (1, 40_00)


def test_a_refund_after_as_of_has_not_happened():
    seen = buyer(segments(refunded("u", when=AS_OF + timedelta(hours=1))))
    assert (seen["purchases"], seen["amount_fen"]) == (1, 100_00)


def test_closed_and_unpaid_orders_are_no_purchases():
    answer = segments(paid("u"), paid("u", n=1, status="closed"), paid("u", n=2, paid_at=None))
    assert buyer(answer)["purchases"] == 1


@pytest.mark.parametrize(("ago", "dormant"), [(90, False), (91, True)])
def test_dormant_begins_after_ninety_days(ago, dormant):
    answer = segments(paid("u", ago), paid("other"))
    assert (buyer(answer)["dormant"], buyer(answer)["new"], buyer(answer)["days_since"]) == (dormant, not dormant, ago)


def test_days_are_the_shops_calendar_days():
    late = paid("u", 1, created_at=AS_OF - timedelta(hours=9, minutes=1), paid_at=AS_OF - timedelta(hours=9, minutes=1))
    assert buyer(segments(late))["days_since"] == 1  # 23:59 yesterday, which is 15:59 in Greenwich


def test_orders_without_buyer_are_counted_and_merged_into_nobody():
    answer = segments(paid("u"), paid(None), paid("张**", n=1), paid("", n=2))
    assert answer.lists["buyers"]["buyer_id"].to_list() == ["u"]
    assert answer.lists["items"]["unknown_identity_orders"].to_list() == [3] * 4


def test_when_every_buyer_is_masked_the_shop_is_unknown():
    assert missing(segments(paid(None), paid("**", n=1))) == ["orders.buyer_id: 0 of 2 orders"]


@pytest.mark.parametrize(("ago", "found"), [(30, []), (31, ["orders: none paid within 30d (newest 2026-10-12)"])])
def test_old_data_makes_nobody_dormant(ago, found):
    assert missing(segments(paid("u", ago))) == found


def test_an_unknown_amount_makes_nobody_high_value():
    orders = [paid("u", yuan=900, n=n) for n in range(3)] + [paid("u", n=4, paid_fen=None)]
    seen = buyer(segments(*orders))
    assert (seen["repeat_3"], seen["high_value"], seen["aov_fen"]) == (True, False, None)


def test_sizes_and_shares_are_given_for_every_segment():
    answer = segments(*(paid("rich", yuan=300, n=n) for n in range(3)), paid("new"))
    assert answer.lists["items"].select("segment", "buyers", "share").rows() == [
        ("new", 1, 0.5), ("repeat_3", 1, 0.5), ("high_value", 1, 0.5), ("dormant", 0, 0.0),
    ]  # fmt: skip
    assert answer.verdicts["zh"].item() == "2位买家：新客1，3次以上1，高价值1，沉睡0；0单买家不明"
    assert status(answer) == OK
