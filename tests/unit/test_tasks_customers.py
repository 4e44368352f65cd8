"""Customers at, under and over their lines: segments, scores, levels, and whom one may write to."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ecops.automation import OK, UNKNOWN
from ecops.shop.demo import generate
from tests.unit.task_rows import AS_OF, CHINA, days_ago, local, missing, random_shops, run, status


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


def test_a_basket_that_the_platform_split_is_one_purchase():
    """Three orders of one second in three, and three of three seconds: a basket has one amount, not three."""
    split = [paid("u", yuan=100, n=1, order_id=f"part {part}") for part in range(3)]
    seen = buyer(segments(*split, paid("u", yuan=300, n=2)))
    assert (seen["purchases"], seen["amount_fen"], seen["aov_fen"], seen["repeat_3"]) == (2, 600_00, 300_00, False)


@cache
def demo():
    return generate(2, 11, date(2026, 8, 1), date(2026, 11, 11))


def of_demo(name: str, as_of: datetime = AS_OF, **params):
    return run(name, {kind: rows.lazy() for kind, rows in demo().frames.items()}, shops=("demo", "demo-002"), as_of=as_of, anchors={}, **params)


@pytest.mark.parametrize("shop", ["demo", "demo-002"])
def test_the_planted_high_value_buyers_are_found_and_their_doubles_left_alone(shop):
    told, buyers = demo().truth["shops"][shop], of_demo("customers.segment").lists["buyers"].filter(shop=shop)
    high = set(buyers.filter("high_value")["buyer_id"])
    assert (buyers["repeat_3"].sum(), len(high)) == (told["buyers_of_3"], told["high_value"])
    planted = {(one["what"], buyer) for one in told["planted"] if one["what"].startswith("high_value") and one["whole"] for buyer in one["buyer_ids"]}
    at_edge = {buyer for what, buyer in planted if what == "high_value_at_edge"}
    near = {buyer for what, buyer in planted if what in ("high_value_one_fen_short", "high_value_two_only")}
    assert at_edge <= high and not near & high and planted


# --- rfm ----------------------------------------------------------------------------------------------------------------


def scored(*orders: dict, **params) -> pl.DataFrame:
    return run("customers.rfm", {"orders": list(orders)}, min_buyers=1, **params).lists["buyers"]


def scores_of(rows: pl.DataFrame, name: str) -> tuple:
    return rows.row(by_predicate=pl.col("buyer_id") == name, named=True), rows.filter(buyer_id=name).select("recency", "frequency", "monetary").row(0)


def test_five_buyers_fall_into_five_classes_and_the_newest_and_richest_are_champions():
    orders = [paid(f"u{n}", ago=10 * (6 - n), yuan=100 * n, n=k) for n in range(1, 6) for k in range(n)]
    rows = scored(*orders)
    assert rows.select("recency", "frequency", "monetary").rows() == [(n, n, n) for n in range(1, 6)]
    assert rows["segment"].to_list() == ["lost", "loyal_customers", "potential_loyalist", "potential_loyalist", "champions"]


def test_equal_values_are_never_parted():
    rows = scored(*(paid(f"u{n:02}", ago=5, yuan=100) for n in range(24)), paid("rich", ago=4, yuan=900))
    alike = rows.filter(pl.col("buyer_id") != "rich")
    assert alike.select("recency", "frequency", "monetary", "segment").n_unique() == 1
    assert scores_of(rows, "rich")[1][2] > alike["monetary"][0]


def test_days_are_counted_to_the_fixed_as_of_whatever_was_paid_later():
    orders = [paid(f"u{n}", ago=5 + n, yuan=10 * n) for n in range(30)]
    later = paid("u9", ago=-1, yuan=9_999) | {"available_at": AS_OF + timedelta(minutes=1)}
    assert scored(*orders).equals(scored(*orders, later))


def test_a_buyer_of_unknown_amount_has_no_segment_and_is_counted():
    answer = run("customers.rfm", {"orders": [paid("u"), paid("v", paid_fen=None)]}, min_buyers=1)
    assert dict(answer.lists["buyers"].select("buyer_id", pl.col("segment").is_null()).rows()) == {"u": False, "v": True}
    assert "金额不明1位" in answer.verdicts["zh"].item()


@pytest.mark.parametrize(("buyers", "found"), [(24, UNKNOWN), (25, OK)])
def test_classes_of_few_buyers_say_nothing(buyers, found):
    answer = run("customers.rfm", {"orders": [paid(f"u{n}", yuan=n + 1) for n in range(buyers)]})
    assert status(answer) == found
    assert found == OK or missing(answer) == ["orders: 24 buyers with known amounts, fewer than 25"]


@pytest.mark.parametrize(("ago", "listed"), [(29, True), (31, False)])
def test_a_history_leaves_older_purchases_out(ago, listed):
    rows = scored(paid("u", ago), paid("other", 1), history="30d")
    assert ("u" in rows["buyer_id"].to_list()) is listed


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_buyer_of_known_amount_is_in_exactly_one_segment(seed):
    answer = run("customers.rfm", random_shops(seed), shops=("a", "b", "c"))
    buyers = answer.lists["buyers"]
    assert answer.lists["items"]["buyers"].sum() == buyers["segment"].count() == buyers["amount_fen"].count()
    assert not buyers.select(pl.struct("shop", "buyer_id").is_duplicated().any()).item()


def test_who_buys_again_in_the_demo_is_scored_above_who_bought_once_long_ago():
    buyers = of_demo("customers.rfm").lists["buyers"]
    often = buyers.filter("repeat_3")
    assert often["frequency"].min() == 5 and often.filter(pl.col("segment") == "champions").height > 0
    assert buyers.filter(pl.col("segment") == "lost")["days_since"].min() > often.filter(pl.col("segment") == "champions")["days_since"].max()


# --- levels -------------------------------------------------------------------------------------------------------------


def leveled(*orders: dict, **params):
    return run("customers.levels", {"orders": list(orders)}, **params)


def member(answer, name: str = "u") -> dict:
    return answer.lists["members"].row(by_predicate=pl.col("buyer_id") == name, named=True)


@pytest.mark.parametrize(("yuan", "level"), [(499.99, "普通会员"), (500, "银卡会员"), (1_999.99, "银卡会员"), (2_000, "金卡会员"), (5_000, "钻石会员")])
def test_a_level_begins_exactly_at_its_line(yuan, level):
    assert member(leveled(paid("u", yuan=yuan)))["level"] == level


def test_points_of_a_refunded_order_are_reversed_and_the_level_falls():
    back = {"refund_fen": 600_00, "paid_fen": 0, "refunded_at": AS_OF - timedelta(hours=2)}
    answer = leveled(paid("u", yuan=100), paid("u", 3, yuan=600) | back)
    assert (member(answer)["points"], member(answer)["level"]) == (100, "普通会员")
    assert answer.lists["ledger"].select("entry", "points", "balance").rows() == [("earned", 100, 100), ("earned", 600, 700), ("reversed", -600, 100)]
    assert answer.lists["items"].select("was", "level", "up").rows() == [("银卡会员", "普通会员", False)]


def test_a_partial_refund_takes_back_what_the_rest_no_longer_earns():
    part = {"refund_fen": 50, "paid_fen": 99_50, "refunded_at": AS_OF - timedelta(days=2)}
    answer = leveled(paid("u", yuan=100) | part)
    assert answer.lists["ledger"].select("entry", "points").rows() == [("earned", 100), ("reversed", -1)]
    assert member(answer)["points"] == 99


def test_a_refund_after_as_of_has_not_reversed_anything_yet():
    later = {"refund_fen": 100_00, "paid_fen": 0, "refunded_at": AS_OF + timedelta(seconds=1)}
    assert member(leveled(paid("u") | later))["points"] == 100
    assert member(leveled(paid("u") | later | {"refunded_at": AS_OF}))["points"] == 0


def test_an_order_closed_after_payment_earns_nothing():
    assert member(leveled(paid("u", status="closed"), paid("v")))["points"] == 0


def test_unpaid_orders_earn_nothing_and_make_no_member():
    assert leveled(paid("u", paid_at=None), paid("v")).lists["members"]["buyer_id"].to_list() == ["v"]


@pytest.mark.parametrize(("ago", "level"), [(364, "银卡会员"), (366, "普通会员")])
def test_old_orders_leave_the_window_of_levels_and_keep_their_points(ago, level):
    answer = leveled(paid("u", ago, yuan=600), paid("v"))
    assert (member(answer)["level"], member(answer)["points"]) == (level, 600)


def test_who_rose_since_yesterday_is_proposed_for_the_benefits():
    answer = leveled(paid("u", 5, yuan=450), paid("u", 0, yuan=50) | {"created_at": AS_OF - timedelta(hours=1), "paid_at": AS_OF - timedelta(hours=1)})
    assert answer.lists["items"].select("buyer_id", "was", "level", "up").rows() == [("u", "普通会员", "银卡会员", True)]
    assert answer.verdicts["zh"].item() == "1位会员：升级1，降级0；积分余额500，因退款冲回0；0位金额不明，0单买家不明"


def test_a_first_order_of_the_lowest_level_moves_nobody():
    new = paid("u", 0, yuan=50) | {"created_at": AS_OF - timedelta(hours=1), "paid_at": AS_OF - timedelta(hours=1)}
    assert leveled(new).lists["items"].is_empty()


def test_an_unknown_amount_makes_level_and_points_unknown():
    answer = leveled(paid("u", yuan=600), paid("u", n=1, paid_fen=None))
    assert (member(answer)["level"], member(answer)["points"]) == (None, None)
    assert "1位金额不明" in answer.verdicts["zh"].item()


@pytest.mark.parametrize("rules", ["普通会员", "普通会员 10", "甲 0, 乙 100, 丙 100", "甲 0, 乙 1.001", "甲 0, 甲 5", ""])
def test_level_rules_that_make_no_sense_are_refused_with_a_sentence(rules):
    with pytest.raises(ValidationError, match="must|level twice|fen|number"):
        leveled(paid("u"), levels=rules)


def test_levels_and_points_follow_the_rules_given():
    seen = member(leveled(paid("u", yuan=100), levels="会员 0、贵宾 100", points_per_yuan=3))
    assert (seen["level"], seen["points"]) == ("贵宾", 300)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.integers(1, 7))
def test_the_ledger_of_every_buyer_adds_up_to_the_points_of_the_net_amounts(seed, rate):
    answer = run("customers.levels", random_shops(seed), shops=("a", "b", "c"), points_per_yuan=rate)
    balances = answer.lists["ledger"].group_by("shop", "buyer_id", maintain_order=True).agg(pl.col("points").sum(), pl.col("balance").last())
    assert (balances["points"] == balances["balance"]).all() and (balances["balance"] >= 0).all()
    both = balances.join(answer.lists["members"], on=["shop", "buyer_id"]).drop_nulls("points_right")
    assert (both["points"] == both["points_right"]).all()


def test_the_demo_gives_no_points_for_what_was_refunded_in_full():
    answer, now = of_demo("customers.levels"), AS_OF.astimezone(UTC)
    undone = answer.lists["ledger"].filter(entry="reversed")
    whole = demo().frames["orders"].filter(pl.col("refund_fen") == pl.col("total_fen"), pl.col("paid_at") <= now, pl.col("refunded_at") <= now)
    assert set(whole["order_id"]) <= set(undone["order_id"]) and whole.height > 50
    gone = answer.lists["ledger"].join(whole.select("shop", "order_id"), on=["shop", "order_id"])
    assert gone["points"].sum() == 0


# --- wecom_import -------------------------------------------------------------------------------------------------------


def agreed(buyer: str, channel: str = "wecom", **more) -> dict:
    return {"buyer_id": buyer, "consent_channel": channel, "consented_at": AS_OF - timedelta(days=200), **more}


def phoned(buyer: str, ago: int = 5, phone: str | None = None, **more) -> dict:
    return paid(buyer, ago, phone_hash=phone or f"phone of {buyer}", **more)


def imported(orders: list[dict], consents: list[dict], **params):
    return run("customers.wecom_import", {"orders": orders, "consents": consents}, **params)


def reasons(answer) -> dict[str, str]:
    return dict(answer.lists["left_out"].select("buyer_id", "reason").rows())


def listed(answer, name: str = "items") -> list[str]:
    return answer.lists[name]["buyer_id"].to_list()


def test_only_who_agreed_is_listed_and_everybody_else_has_a_reason():
    orders = [phoned(name) for name in ("yes", "no", "back", "in", "twin", "twin2")] + [paid("masked"), paid("张**")]
    orders[5]["phone_hash"] = "phone of twin"
    consents = [
        agreed("yes"), agreed("back", withdrawn_at=AS_OF), agreed("in", joined_at=AS_OF), agreed("twin"), agreed("twin2"), agreed("masked"), agreed("stranger"),
    ]  # fmt: skip
    answer = imported(orders, consents)
    assert listed(answer) == ["twin", "yes"]
    assert reasons(answer) == {
        "no": "no consent", "back": "consent withdrawn", "in": "already joined", "twin2": "same person as twin", "masked": "phone masked",
    }  # fmt: skip
    assert answer.lists["counts"]["buyers"].to_list() == [1] * 5 and "same person" in answer.lists["counts"]["reason"].to_list()
    assert answer.verdicts["zh"].item() == "可导入2人；未授权或已退订2，已入群1，同一人1，手机号不可见1；1单买家不明"


def test_who_joined_or_withdrew_under_another_nick_is_left_out_too():
    orders = [phoned("a", phone="p"), phoned("b", phone="p"), phoned("c", phone="q"), phoned("d", phone="q")]
    consents = [agreed("a"), agreed("b", joined_at=AS_OF), agreed("c"), agreed("d", withdrawn_at=AS_OF)]
    answer = imported(orders, consents)
    assert listed(answer) == [] and reasons(answer)["a"] == "already joined" and reasons(answer)["c"] == "consent withdrawn"


@pytest.mark.parametrize("more", [{"withdrawn_at": AS_OF + timedelta(seconds=1)}, {"withdrawn_at": AS_OF - timedelta(days=300)}])
def test_a_withdrawal_to_come_or_before_the_consent_does_not_count(more):
    assert listed(imported([phoned("u")], [agreed("u", **more)])) == ["u"]


def test_consent_for_another_channel_or_for_later_is_none():
    answer = imported([phoned("u"), phoned("v")], [agreed("u", "sms"), agreed("v", consented_at=AS_OF + timedelta(seconds=1))])
    assert reasons(answer) == {"u": "no consent", "v": "no consent"}


@pytest.mark.parametrize(("hours", "found"), [(720, ["u"]), (721, [])])
def test_candidates_paid_within_thirty_days(hours, found):
    at = AS_OF - timedelta(hours=hours)
    answer = imported([phoned("u") | {"created_at": at, "paid_at": at}, phoned("new")], [agreed("u")])
    assert listed(answer) == found


def test_a_buyer_who_had_all_refunded_is_no_candidate():
    assert reasons(imported([refunded("u"), phoned("v")], [agreed("u")])) == {"v": "no consent"}


def test_without_consents_nobody_is_listed_and_the_shop_is_unknown():
    answer = imported([phoned("u")], [agreed("u", "sms")])
    assert listed(answer) == [] and missing(answer) == ["consents: none for wecom"]


# --- wake ---------------------------------------------------------------------------------------------------------------


def message(buyer: str, at: datetime, script: str = "唤醒") -> dict:
    return {"session_id": f"{buyer} {at}", "message_id": "1", "sender": "system", "buyer_id": buyer, "at": at, "script": script, "available_at": at}


LOG = [message("nobody", AS_OF - timedelta(days=400), "欢迎")]


def woken(orders: list[dict], consents: list[dict] | None = None, chats: list[dict] | None = None, **params):
    consents = [agreed(name, "sms") for name in {order["buyer_id"] for order in orders}] if consents is None else consents
    return run("customers.wake", {"orders": [*orders, paid("active", 1)], "consents": consents, "chats": [*LOG, *(chats or [])]}, **params)


@pytest.mark.parametrize(("ago", "found"), [(90, []), (91, ["u"])])
def test_only_who_is_dormant_is_woken(ago, found):
    assert listed(woken([paid("u", ago)])) == found


def test_the_coupon_ends_three_days_after_the_second_of_sending():
    answer = woken([paid("u", 100)], as_of=AS_OF + timedelta(minutes=17, seconds=43))
    row = answer.lists["items"].row(0, named=True)
    assert row["expires_at"] - row["send_at"] == timedelta(days=3) and row["send_at"] == AS_OF + timedelta(minutes=17, seconds=43)
    told = answer.lists["message"].row(0, named=True)
    assert told["text"] == "好久不见，送您一张30元优惠券，满99元可用，2026-11-15 09:17:43前有效。拒收请回复R" and told["verdict"] == "pass"
    assert (told["off_fen"], told["expires_at"]) == (30_00, row["expires_at"])


@pytest.mark.parametrize(
    ("at", "sent"),
    [
        ("2026-11-12 21:59:59", "2026-11-12 21:59:59"), ("2026-11-12 22:00:00", "2026-11-13 08:00:00"),
        ("2026-11-13 07:59:59", "2026-11-13 08:00:00"), ("2026-11-13 08:00:00", "2026-11-13 08:00:00"),
    ],
)  # fmt: skip
def test_quiet_hours_move_the_message_and_with_it_the_end_of_the_coupon(at, sent):
    row = woken([paid("u", 100)], send_at=at).lists["items"].row(0, named=True)
    assert (row["send_at"], row["expires_at"]) == (local(sent), local(sent) + timedelta(days=3))


@pytest.mark.parametrize(("least", "fine"), [("29.99", False), ("30", True), ("0", False)])
def test_the_minimum_spend_is_never_under_the_discount(least, fine):
    if fine:
        assert woken([paid("u", 100)], least=least).lists["message"]["least_fen"].item() == 30_00
    else:
        with pytest.raises(ValidationError, match="least must not be under off"):
            woken([paid("u", 100)], least=least)


@pytest.mark.parametrize(("ago", "found"), [(timedelta(days=90) - timedelta(seconds=1), []), (timedelta(days=90), ["u"])])
def test_who_was_woken_within_the_period_is_left_out(ago, found):
    answer = woken([paid("u", 200)], chats=[message("u", AS_OF - ago)])
    assert listed(answer) == found
    assert found or reasons(answer) == {"u": f"written to already ({(AS_OF - ago).date()})"}


def test_a_message_of_another_script_or_to_come_is_no_waking():
    chats = [message("u", AS_OF - timedelta(days=1), "每周秒杀"), message("u", AS_OF + timedelta(seconds=1))]
    assert listed(woken([paid("u", 200)], chats=chats)) == ["u"]


def test_one_person_under_two_nicks_is_woken_once_and_not_while_one_of_them_buys():
    twins = [phoned("a", 200, "p"), phoned("b", 100, "p"), phoned("c", 200, "q"), phoned("d", 3, "q")]
    answer = woken(twins)
    assert listed(answer) == ["a"] and answer.lists["items"]["days_since"].to_list() == [100]
    assert reasons(answer) == {"b": "same person as a"}
    assert listed(woken(twins, chats=[message("b", AS_OF - timedelta(days=9))])) == []


def test_nobody_is_woken_without_consent_to_sms():
    answer = woken([paid("u", 200), paid("v", 200)], consents=[agreed("u", "wecom"), agreed("v", "sms", withdrawn_at=AS_OF)])
    assert listed(answer) == [] and reasons(answer) == {"u": "no consent", "v": "consent withdrawn"} and status(answer) == OK


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("送您{off}元券", "opt out"), ("全网最低价，送您{off}元券，拒收请回复R", "advertising law"), ("送您{price}元券，退订回T", "no other braces"), ("{off，退订回T", "no other braces")],
)  # fmt: skip
def test_an_sms_without_opt_out_or_with_forbidden_words_is_refused(text, sentence):
    with pytest.raises(ValidationError, match=sentence):
        woken([paid("u", 200)], text=text)


def test_without_a_record_of_messages_it_is_unknown_who_was_woken():
    world = {"orders": [paid("u", 200), paid("active", 1)], "consents": [agreed("u", "sms")]}
    assert missing(run("customers.wake", world)) == ["chats: no sent messages on record (first_time: true if none was ever sent)"]
    talk = message("u", AS_OF - timedelta(days=1)) | {"sender": "agent"}
    assert status(run("customers.wake", world | {"chats": [talk]})) == UNKNOWN
    assert status(run("customers.wake", world, first_time=True)) == OK


@pytest.mark.parametrize("at", ["never", "2026-11-12 08:59:59"])
def test_a_time_of_sending_that_is_none_or_over_is_unknown(at):
    answer = woken([paid("u", 200)], send_at=at)
    assert missing(answer) == [f"send_at: '{at}' is no anchor of the run and no time from as-of on"] and listed(answer) == []


def test_old_orders_wake_nobody():
    answer = run("customers.wake", {"orders": [paid("u", 200)], "consents": [agreed("u", "sms")], "chats": LOG})
    assert missing(answer) == ["orders: none paid within 30d (newest 2026-04-26)"]


# --- first_order_coupon -------------------------------------------------------------------------------------------------

OFFER = {"promotion_id": "far", "item_id": "other", "promotion_kind": "direct", "threshold_fen": 0, "off_fen": 1}
OFFER |= {"starts_at": AS_OF - timedelta(days=1), "ends_at": AS_OF + timedelta(days=30)}
ITEM = {"item_id": "i", "title": "面霜", "on_sale": True, "price_fen": 100_00, "cost_fen": 10_00}
OLD = paid("old", 100)


def first(orders=(), consents=(), chats=(), items=(ITEM,), promotions=(OFFER,), behaviours=(), **params):
    world = {"orders": [OLD, paid("active", 1), *orders], "consents": list(consents), "chats": [*LOG, *chats], "items": list(items)}
    return run("customers.first_order_coupon", world | {"promotions": list(promotions), "behaviours": list(behaviours)}, **params)


def sms(*buyers: str) -> list[dict]:
    return [agreed(name, "sms") for name in buyers]


def test_only_who_never_paid_an_order_may_have_the_coupon():
    orders = [paid("bought"), refunded("back"), paid("unpaid", paid_at=None), paid("closed", paid_at=None, status="closed")]
    answer = first(orders, sms("new", "bought", "back", "unpaid", "closed"))
    assert listed(answer) == ["closed", "new", "unpaid"]
    assert reasons(answer) == {"bought": "bought before", "back": "bought before and had it refunded"}
    assert answer.lists["items"]["seen"].to_list() == ["consent、order", "consent", "consent、order"]
    assert status(answer) == OK and answer.lists["message"]["verdict"].item() == "pass"


def test_who_had_all_refunded_may_be_let_in_but_not_who_kept_an_order():
    orders = [refunded("back"), refunded("once", n=1), paid("once", n=2)]
    assert listed(first(orders, sms("back", "once"), refunded_is_first=True)) == ["back"]


def test_a_refund_to_come_leaves_the_buyer_a_buyer():
    assert reasons(first([refunded("u", when=AS_OF + timedelta(hours=1))], sms("u"))) == {"u": "bought before"}


def test_who_bought_under_another_nick_is_not_new():
    twins = [phoned("a", phone="p"), phoned("b", phone="p") | {"paid_at": None}]
    assert reasons(first(twins, sms("a", "b"))) == {"a": "bought before", "b": "bought before"}


def test_a_visitor_who_did_not_agree_is_not_written_to():
    visit = {"hour": AS_OF - timedelta(hours=3), "buyer_id": "guest", "item_id": "i", "action": "view"}
    answer = first(consents=sms("new"), behaviours=[visit, visit | {"buyer_id": "访**"}, visit | {"buyer_id": None}])
    assert listed(answer) == ["new"] and reasons(answer) == {"guest": "no consent"}


@pytest.mark.parametrize(("ago", "found"), [(timedelta(days=7) - timedelta(seconds=1), []), (timedelta(days=7), ["u"])])
def test_nobody_gets_more_messages_than_the_cap_of_any_script(ago, found):
    assert listed(first(consents=sms("u"), chats=[message("u", AS_OF - ago, "每周秒杀")])) == found
    assert listed(first(consents=sms("u"), chats=[message("u", AS_OF - ago, "每周秒杀")], most=2)) == ["u"]


# 10 yuan of cost, 20 % margin and 5 % fees: the floor is 13.34 yuan
@pytest.mark.parametrize(("price", "below"), [(23_34, []), (23_33, ["i"])])
def test_the_coupon_must_keep_the_floor_to_the_fen(price, below):
    answer = first(consents=sms("u"), items=[ITEM | {"price_fen": price}], least=0)
    assert answer.lists["below_floor"]["item_id"].to_list() == below
    assert below == [] or answer.lists["below_floor"]["short_fen"].item() == 1


def test_the_coupon_is_stacked_on_the_offers_that_run_while_it_is_valid():
    spend = OFFER | {"promotion_id": "满减", "item_id": "*", "promotion_kind": "spend_and_save", "threshold_fen": 20_00, "off_fen": 8_00}
    for later, under in ((timedelta(days=6, hours=23), True), (timedelta(days=7), False)):
        answer = first(consents=sms("u"), items=[ITEM | {"price_fen": 27_00}], least=0, promotions=[spend | {"starts_at": AS_OF + later}])
        assert (answer.lists["below_floor"].height > 0) is under
    row = first(consents=sms("u"), items=[ITEM | {"price_fen": 27_00}], least=0, promotions=[spend]).lists["below_floor"].row(0, named=True)
    assert (row["worst_fen"], row["under_cost"]) == (9_00, True)


def test_a_discount_comes_off_first_and_a_coupon_already_among_the_offers_counts_once():
    listed_coupon = OFFER | {"promotion_id": "首单", "item_id": "*", "promotion_kind": "coupon", "off_fen": 10_00}
    cheap = [ITEM | {"price_fen": 23_34}]
    assert first(consents=sms("u"), items=cheap, least=0, promotions=[OFFER, listed_coupon]).lists["below_floor"].height == 1
    assert first(consents=sms("u"), items=cheap, least=0, promotions=[OFFER, listed_coupon], coupon_id="首单").lists["below_floor"].is_empty()
    row = first(consents=sms("u"), items=cheap, least=0, discount="10%").lists["below_floor"].row(0, named=True)
    assert row["worst_fen"] == 23_34 - 2_34 - 10_00


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"items": [ITEM | {"cost_fen": None}]}, "items: 1 without cost or price"),
        ({"items": []}, "items: none on sale"),
        ({"promotions": []}, "promotions: none"),
        ({"promotions": [OFFER | {"off_fen": None}]}, "promotions: 1 cannot be right"),
        ({"consents": []}, "consents: none for sms"),
    ],
)
def test_what_is_needed_to_judge_the_coupon_is_named(more, said):
    assert missing(first(**({"consents": sms("u")} | more))) == [said]


@pytest.mark.parametrize(("masked", "found"), [(1, OK), (2, UNKNOWN)])
def test_with_too_many_masked_buyers_nobody_knows_who_is_new(masked, found):
    orders = [*(paid(f"u{n}") for n in range(17)), *(paid(None, n=n) for n in range(masked))]
    assert status(first(orders, sms("new"))) == found


@pytest.mark.parametrize(("ago", "found"), [(90, OK), (89, UNKNOWN)])
def test_orders_must_reach_back_to_tell_who_is_new(ago, found):
    at = AS_OF - timedelta(days=ago)
    world = {"orders": [OLD | {"created_at": at, "paid_at": at}, paid("active", 1)], "consents": sms("u"), "chats": LOG, "items": [ITEM], "promotions": [OFFER]}
    assert status(run("customers.first_order_coupon", world)) == found


@pytest.mark.parametrize("params", [{"off": 0}, {"off": 10, "least": 10}, {"discount": "100%"}, {"discount": 0}])
def test_a_coupon_that_gives_everything_away_is_refused(params):
    with pytest.raises(ValidationError, match="must"):
        first(**params)


# --- weekly_push --------------------------------------------------------------------------------------------------------

FLASH = OFFER | {"promotion_id": "秒杀", "item_id": "i", "off_fen": 30_00}
STOCK = {"date": days_ago(1), "item_id": "i", "closing_units": 5}


def pushed(items=(ITEM,), promotions=(FLASH,), stock=(STOCK,), consents=None, orders=(), chats=(), **params):
    world = {"items": list(items), "promotions": list(promotions), "stock": list(stock), "orders": [OLD, *orders], "chats": [*LOG, *chats]}
    consents = [agreed("u", joined_at=AS_OF - timedelta(days=100))] if consents is None else consents
    return run("customers.weekly_push", world | {"consents": consents}, **params)


def kept_out(answer) -> list[str]:
    return answer.lists["items_left_out"]["reason"].to_list()


def test_the_week_the_item_the_copy_and_the_people_are_proposed():
    answer = pushed()
    row = answer.lists["items"].row(0, named=True)
    assert (row["week"], row["item_id"], row["sale_fen"], row["stock_units"], row["under_cost"]) == ("2026-W46", "i", 70_00, 5, False)
    assert row["text"] == "本周专属秒杀：面霜，到手70.00元（原价100.00元）" and row["verdict"] == "pass"
    assert listed(answer, "audience") == ["u"] and status(answer) == OK


@pytest.mark.parametrize(("units", "found"), [(1, []), (0, ["out of stock"]), (None, ["stock unknown at the time of sending"])])
def test_an_item_out_of_stock_at_the_time_of_sending_is_not_pushed(units, found):
    assert kept_out(pushed(stock=[STOCK | {"closing_units": units}])) == found


@pytest.mark.parametrize(("at", "found"), [("2026-11-13 00:00", False), ("2026-11-13 00:00:01", True)])
def test_the_stock_of_the_day_before_says_nothing_of_a_later_sending(at, found):
    answer = pushed(stock=[STOCK | {"closing_units": 9}], send_at=at, quiet="02:00-03:00", stock_age="24h")
    assert (kept_out(answer) == ["stock unknown at the time of sending"]) is found
    assert (missing(answer) == ["stock, items: 1 items on offer with unknown stock or price"]) is found


def test_only_the_last_day_of_stock_counts():
    assert kept_out(pushed(stock=[STOCK | {"date": days_ago(2), "closing_units": 9}, STOCK | {"closing_units": 0}])) == ["out of stock"]


@pytest.mark.parametrize(("starts", "ends", "found"), [(0, 1, True), (1, 9, False), (-9, 0, False)])
def test_the_offer_has_to_hold_at_the_second_of_sending(starts, ends, found):
    offer = FLASH | {"starts_at": AS_OF + timedelta(seconds=starts), "ends_at": AS_OF + timedelta(seconds=ends)}
    answer = pushed(promotions=[offer])
    assert (ids_of(answer) == ["i"]) is found
    assert found or missing(answer) == ["promotions: no direct offer on an item at the time of sending"]


def ids_of(answer) -> list[str]:
    return answer.lists["items"]["item_id"].to_list()


def test_forbidden_copy_keeps_an_item_out_and_doubtful_copy_stands_for_a_person():
    bad = ITEM | {"item_id": "bad", "title": "全网销量第一面霜"}
    doubtful = ITEM | {"item_id": "doubt", "title": "本店最大尺码面霜"}
    offers = [FLASH, FLASH | {"item_id": "bad"}, FLASH | {"item_id": "doubt"}]
    stock = [STOCK, STOCK | {"item_id": "bad"}, STOCK | {"item_id": "doubt"}]
    answer = pushed(items=[ITEM, bad, doubtful], promotions=offers, stock=stock)
    assert answer.lists["items_left_out"].filter(item_id="bad")["reason"].item().startswith("copy forbidden: ")
    assert ids_of(answer) == ["doubt", "i"] and answer.lists["items"]["verdict"].to_list()[1] == "pass"
    text = pushed(text="国家级秒杀：{title} {price}元")
    assert ids_of(text) == [] and kept_out(text) == ["copy forbidden: 国家级"]


def test_items_nobody_can_sell_are_left_out_with_the_reason():
    items = [ITEM | {"item_id": "off", "on_sale": False}, ITEM | {"item_id": "free", "price_fen": 30_00}, ITEM | {"item_id": "dear", "price_fen": None}]
    names = ("off", "free", "dear", "ghost")
    answer = pushed(items=items, promotions=[FLASH | {"item_id": name} for name in names], stock=[STOCK | {"item_id": name} for name in names])
    assert dict(answer.lists["items_left_out"].select("item_id", "reason").rows()) == {
        "off": "not on sale", "free": "the offer makes no lower price", "dear": "price unknown", "ghost": "item unknown",
    }  # fmt: skip


def test_the_deepest_cuts_come_first_and_the_rest_waits():
    items = [ITEM | {"item_id": f"i{n}"} for n in range(5)]
    offers = [FLASH | {"item_id": f"i{n}", "off_fen": 10_00 + n} for n in range(5)]
    answer = pushed(items=items, promotions=offers, stock=[STOCK | {"item_id": f"i{n}"} for n in range(5)])
    assert ids_of(answer) == ["i4", "i3", "i2"] and kept_out(answer) == ["more items than a push takes"] * 2


def test_a_person_gets_one_message_a_week_under_whatever_nick():
    joined = {"joined_at": AS_OF - timedelta(days=9)}
    people = [agreed(name, **joined) for name in ("a", "b", "c")] + [agreed("outside"), agreed("gone", withdrawn_at=AS_OF, **joined)]
    twins = [phoned("a", phone="p"), phoned("b", phone="p")]
    answer = pushed(consents=people, orders=twins)
    assert listed(answer, "audience") == ["a", "c"]
    assert reasons(answer) == {"b": "same person as a", "outside": "not in the group", "gone": "consent withdrawn"}
    monday = message("b", local("2026-11-09 00:00"), "每周秒杀")
    assert listed(pushed(consents=people, orders=twins, chats=[monday]), "audience") == ["c"]
    sunday = message("b", local("2026-11-08 23:59:59"), "每周秒杀")
    assert listed(pushed(consents=people, orders=twins, chats=[sunday]), "audience") == ["a", "c"]


@pytest.mark.parametrize(
    ("at", "week"),
    [("2026-12-31 10:00", "2026-W53"), ("2027-01-01 10:00", "2026-W53"), ("2027-01-03 10:00", "2026-W53"), ("2027-01-04 10:00", "2027-W01"), ("2026-11-15 22:30", "2026-W47")],
)  # fmt: skip
def test_the_week_is_the_iso_week_of_the_sending_itself(at, week):
    assert pushed(send_at=at).lists["audience"]["week"].to_list() == [week]


# 2026: 1 to 7 October are off, Saturday the 10th is worked
@pytest.mark.parametrize(
    ("at", "sent"),
    [("2026-10-01 10:00", None), ("2026-10-05 10:00", "2026-10-08 10:00"), ("2026-10-10 10:00", "2026-10-10 10:00"), ("2026-10-11 10:00", None)],
)
def test_a_push_on_a_holiday_waits_for_the_next_working_day_of_its_week(at, sent):
    answer = pushed(send_at=at, as_of=local("2026-09-30 09:00"), on_holiday="next_working_day")
    assert answer.lists["audience"]["send_at"].to_list() == ([local(sent)] if sent else [])
    assert sent or missing(answer) == ["send_at: no working day left in the week"]


def test_a_holiday_week_is_told_and_still_has_its_push():
    as_of = local("2026-10-05 09:00")
    answer = pushed(as_of=as_of, promotions=[FLASH | {"starts_at": as_of}], stock=[STOCK | {"date": date(2026, 10, 4)}])
    assert answer.verdicts["zh"].item().startswith("2026-W41（2026-10-05 09:00发送，节假周，放假3天）：推1款") and listed(answer, "audience") == ["u"]


def test_a_segment_narrows_the_group():
    joined = {"joined_at": AS_OF - timedelta(days=9)}
    people = [agreed("thrice", **joined), agreed("once", **joined)]
    orders = [*(paid("thrice", n=n) for n in range(3)), paid("once")]
    answer = pushed(consents=people, orders=orders, segment="repeat_3")
    assert listed(answer, "audience") == ["thrice"] and reasons(answer) == {"once": "not repeat_3"}


def test_copy_with_unknown_fields_is_refused():
    with pytest.raises(ValidationError, match="no other braces"):
        pushed(text="{name}秒杀")


# --- acquisition_cost ---------------------------------------------------------------------------------------------------


def spent(yuan: float, tool: str = "小红书种草", days: int = 30) -> list[dict]:
    """The whole sum on the last day, and days without spend before it."""
    row = {"tool": tool, "plan_id": "*", "item_id": "*", "keyword": "*"}
    return [{"date": days_ago(back), "spend_fen": round(yuan * 100) if back == 1 else 0, **row} for back in range(1, days + 1)]


def cost(orders: list[dict], ads: list[dict], **params):
    return run("customers.acquisition_cost", {"orders": [paid("old", 130), *orders], "ad_days": ads}, **params)


def channel(answer, name: str | None) -> dict:
    return answer.lists["items"].filter(pl.col("channel").eq_missing(pl.lit(name))).row(0, named=True)


def test_the_cost_of_a_new_buyer_is_spend_by_first_time_buyers():
    answer = cost([paid("a", channel="小红书"), paid("b", channel="小红书"), paid("c", channel="小红书")], spent(100))
    seen = channel(answer, "小红书")
    assert (seen["spend_fen"], seen["new_buyers"], seen["cac_fen"], seen["note"]) == (100_00, 3, 33_33, None)
    assert answer.verdicts["zh"].item() == "获客成本33.33元（花费100.00元，新客3人）；1个渠道，0个有花费无新客（成本无法计算），0个无花费记录"


def test_spend_without_a_new_buyer_is_undefined_and_not_nothing():
    answer = cost([paid("old", 5, channel="抖音"), paid("new", channel="search")], [*spent(100), *spent(50, "抖音")])
    for name in ("小红书", "抖音"):
        assert (channel(answer, name)["cac_fen"], channel(answer, name)["note"]) == (None, "no new buyer: undefined")
    assert (channel(answer, "search")["spend_fen"], channel(answer, "search")["note"]) == (None, "no spend on record")
    assert "2个有花费无新客（成本无法计算），1个无花费记录" in answer.verdicts["zh"].item() and status(answer) == OK


def test_without_any_new_buyer_the_cost_of_all_is_undefined_too():
    answer = cost([paid("old", 5, channel="小红书")], spent(100))
    assert answer.verdicts["zh"].item().startswith("获客成本-元（花费100.00元，新客0人）")


def test_names_of_one_channel_are_brought_together():
    names = ("小红书种草", " 小红书 ", "ＲＥＤ", "xiaohongshu", "小红书-种草")
    answer = cost([paid(f"u{n}", channel=name) for n, name in enumerate(names)], [*spent(50, "小红书"), *spent(50, "XHS")])
    assert answer.lists["items"].select("channel", "spend_fen", "new_buyers", "cac_fen").rows() == [("小红书", 100_00, 5, 20_00)]
    assert "ＲＥＤ" in channel(answer, "小红书")["names"]


def test_aliases_of_a_playbook_win_and_bad_ones_are_refused():
    answer = cost([paid("a", channel="种草号")], spent(10, "小红书种草"), aliases="种草 = 种草号 / 小红书种草")
    assert channel(answer, "种草")["cac_fen"] == 10_00
    with pytest.raises(ValidationError, match="must be a name"):
        cost([], [], aliases="小红书")


@pytest.mark.parametrize(
    ("orders", "new"),
    [
        ([paid("u", 40), paid("u", 5)], 0),
        ([paid("u", 5, 1), paid("u", 3, 1)], 1),
        ([refunded("u", 5)], 0),
        ([refunded("u", 5), paid("u", 3)], 1),
        ([refunded("u", 40), paid("u", 3)], 0),
        ([phoned("a", 40, "p"), phoned("b", 3, "p")], 0),
        ([phoned("a", 4, "p"), phoned("b", 3, "p")], 1),
        ([paid("u", 30)], 1),
        ([paid("u", 31)], 0),
        ([paid("u", 0) | {"created_at": AS_OF, "paid_at": AS_OF}], 0),
        ([paid(None)], 0),
    ],
)
def test_who_counts_as_first_time_buyer(orders, new):
    assert cost(orders, spent(10), max_masked="100%").lists["items"]["new_buyers"].sum() == new


def test_the_channel_is_that_of_the_first_order():
    answer = cost([paid("u", 5, channel="小红书"), paid("u", 3, channel="抖音")], [*spent(10), *spent(10, "抖音")])
    assert (channel(answer, "小红书")["new_buyers"], channel(answer, "抖音")["new_buyers"]) == (1, 0)


def test_the_same_yuan_of_a_plan_and_of_its_keywords_counts_once():
    words = [row | {"plan_id": "1", "keyword": word} for row in spent(10) for word in ("*", "面霜")]
    assert channel(cost([paid("u", channel="小红书")], words), "小红书")["spend_fen"] == 10_00


def test_the_cost_before_is_told_where_the_orders_reach():
    before = [{**row, "date": row["date"] - timedelta(days=30)} for row in spent(40)]
    orders = [paid("new", channel="小红书"), paid("earlier", 40, channel="小红书")]
    told = [channel(cost([paid("older", ago), *orders], [*spent(10), *before]), "小红书")["cac_before_fen"] for ago in (151, 149)]
    assert told == [40_00, None]


@pytest.mark.parametrize(("unnamed", "found"), [(1, OK), (2, UNKNOWN)])
def test_with_too_many_orders_of_no_channel_the_split_is_unknown(unnamed, found):
    orders = [paid(f"u{n}", channel=None if n < unnamed else "小红书") for n in range(5)]
    answer = cost(orders, spent(10))
    assert status(answer) == found and channel(answer, None)["cac_fen"] is None
    assert found == OK or missing(answer) == ["orders.channel: unknown for 2 of 5 new buyers"]


@pytest.mark.parametrize(
    ("orders", "ads", "said"),
    [
        ([paid("u", channel="小红书")], spent(10, days=29), ["ad_days: 29 of 30 days"]),
        ([paid("u", channel="小红书")], [row | {"spend_fen": None if n == 3 else 0} for n, row in enumerate(spent(10))], ["ad_days: spend unknown in 1 rows"]),
        ([paid(None)], spent(10), ["orders.buyer_id: masked in 1 of 2 orders"]),
    ],
)
def test_what_the_cost_lacks_is_named(orders, ads, said):
    assert missing(cost(orders, ads)) == said


def test_a_short_history_makes_everybody_look_new_and_is_unknown():
    answer = run("customers.acquisition_cost", {"orders": [paid("u", 100, channel="小红书")], "ad_days": spent(10)})
    assert missing(answer) == ["orders: begin on 2026-08-04, less than 90 days before"]


def test_a_campaign_has_a_window_of_its_own():
    ads = [*spent(10), {**spent(5)[0], "date": days_ago(0), "available_at": AS_OF}]
    answer = cost([paid("a", 1, channel="小红书"), paid("b", 3, channel="小红书")], ads, since="day", until="day + 24h")
    assert channel(answer, "小红书")["new_buyers"] == 1 and status(answer) == OK
    assert missing(cost([], ads, since="nowhere")) == ["since: 'nowhere' is neither an anchor of the run nor a date"]
