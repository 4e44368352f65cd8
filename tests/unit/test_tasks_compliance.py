"""Compliance: pages and rules, papers, orders and refunds that are not what they seem, evidence, and how the shop is judged."""

from datetime import date, datetime, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.automation import OK, UNKNOWN
from ecops.shop.demo import generate
from tests.bench import planted
from tests.unit.task_rows import AS_OF, TODAY, days_ago, ids, local, missing, run, status


def page(title: str | None, detail: str | None = "保湿补水", item_id: str = "x", **more) -> dict:
    return {"item_id": item_id, "title": title, "detail_text": detail, "on_sale": True, **more}


def scanned(*pages: dict):
    return run("compliance.scan_copy", {"items": list(pages)})


def test_a_clean_shop_is_ok_with_full_coverage():
    answer = scanned(page("面霜"), page("最近新上的眼霜", item_id="y"))
    assert status(answer) == OK and ids(answer) == []
    assert answer.verdicts["zh"].item() == "扫描2/2款（覆盖率100.0%）：0款含禁用语，0款待复核"


def test_a_hit_names_field_place_law_reason_and_remedy():
    row = scanned(page("面霜", "全网<b>最</b>佳面霜")).lists["items"].row(0, named=True)
    hit = row["hits"][0]
    assert (row["verdict"], row["terms"]) == ("block", "最佳")
    assert (hit["field"], hit["start"], hit["end"], hit["category"]) == ("detail_text", 5, 11, "superlative")
    assert "第九条" in hit["source"] and hit["reason"] and hit["suggestion"] and hit["exemption"] is None


def test_one_image_page_among_a_hundred_is_not_clean():
    pages = [page("面霜", item_id=f"i{n:02}") for n in range(99)] + [page("海报", None, "image")]
    answer = scanned(*pages)
    assert status(answer) == UNKNOWN and ids(answer, "not_scanned") == ["image"]
    assert missing(answer) == ["items.detail_text: 99 of 100 items scanned, 0 to review"]


def test_a_page_of_pictures_in_html_is_an_image_page():
    assert ids(scanned(page("面霜", '<p><img src="a.jpg" alt="x"></p>&nbsp;')), "not_scanned") == ["x"]


def test_a_forbidden_term_decides_whatever_was_not_scanned():
    answer = scanned(page("销量第一的面霜", None))
    assert status(answer) == OK and ids(answer) == ["x"] and ids(answer, "not_scanned") == ["x"]
    assert missing(answer) == ["items.detail_text: 0 of 1 items scanned, 0 to review"]


def test_a_doubtful_term_does_not_decide_over_an_image_page():
    assert status(scanned(page("首选面霜"), page("海报", None, "y"))) == UNKNOWN


def test_items_off_sale_are_left_out_and_items_of_unknown_state_are_not():
    answer = scanned(page("销量第一", item_id="off", on_sale=False), page("销量第一", item_id="perhaps", on_sale=None))
    assert ids(answer) == ["perhaps"]


def test_items_to_block_come_before_items_to_review():
    answer = scanned(page("首选面霜", item_id="a"), page("最好的面霜", item_id="b"))
    assert answer.lists["items"].select("item_id", "verdict").rows() == [("b", "block"), ("a", "review")]


def test_an_exempt_term_lets_the_page_pass():
    assert ids(scanned(page("面霜", "最佳使用时间为开封后6个月"))) == []


def test_asking_for_good_ratings_against_money_is_blocked_by_order_91():
    hit = scanned(page("面霜", "五星好评返现3元")).lists["items"]["hits"].item()[0]
    assert hit["category"] == "rating_reward" and "SAMR Order 91" in hit["source"]


# --- rule_sweep ---------------------------------------------------------------------------------------------------------


def rule(age: timedelta = timedelta(hours=3), rule_id: str = "r1", **more) -> dict:
    known = {"platform": "tmall", "title": f"公告{rule_id}", "published_at": AS_OF - age, "effective_on": TODAY, "terms": "网红同款、爆款"}
    return {"rule_id": rule_id, **known, **more}


def swept(*rules: dict, pages=(), **params):
    return run("compliance.rule_sweep", {"rules": list(rules), "items": list(pages) or [page("面霜")]}, **params)


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(hours=23, minutes=59, seconds=59), "open"), (timedelta(hours=24), "open"), (timedelta(hours=24, seconds=1), "late")]
)
def test_the_clock_of_a_rule_ends_after_twenty_four_hours_also_over_midnight(age, state):
    answer = swept(rule(age), pages=[page("网红同款面霜")])
    assert answer.lists["rules"].select("state", "elapsed_seconds").rows() == [(state, int(age.total_seconds()))]


def test_a_clean_shop_stops_the_clock_even_late():
    answer = swept(rule(timedelta(hours=30)))
    assert status(answer) == OK and answer.lists["rules"]["state"].to_list() == ["clean"]
    assert answer.verdicts["zh"].item() == "按1条规则扫描1/1款（覆盖率100.0%）：0款须替换，0款待复核；没有未清的时限"


def test_ninety_nine_of_a_hundred_items_scanned_is_not_clean():
    answer = swept(rule(), pages=[page("面霜", item_id=f"i{n:02}") for n in range(99)] + [page("面霜", None, "image")])
    assert status(answer) == UNKNOWN and answer.lists["rules"]["state"].to_list() == ["open"]
    assert missing(answer) == ["items.detail_text: 99 of 100 items scanned, 0 to review"] and ids(answer, "not_scanned") == ["image"]


def test_a_rules_own_word_is_found_through_evasions_with_place_source_and_suggestion():
    answer = swept(rule(title="标题规范"), pages=[page("面霜", "<p>网 红<b>同</b>款</p>"), page("網紅同款", item_id="y"), page("最近新上", item_id="z")])
    hit = answer.lists["items"].row(0, named=True)["hits"][0]
    assert ids(answer) == ["x", "y"]
    assert (hit["field"], hit["term"], hit["category"], hit["verdict"], hit["source"]) == ("detail_text", "网红同款", "platform_rule", "block", "标题规范")
    assert "<p>网 红<b>同</b>款</p>"[hit["start"] : hit["end"]] == "网 红<b>同</b>款" and "网红同款" in hit["suggestion"]


def test_the_law_is_swept_beside_the_rules_words():
    answer = swept(rule(terms=None), pages=[page("销量第一的面霜")])
    assert status(answer) == OK and ids(answer) == ["x"]


def test_the_same_notice_twice_is_one_rule_and_starts_no_second_clock():
    again = rule(timedelta(hours=1), "r2", title="公告r1")
    answer = swept(rule(timedelta(hours=30)), again, pages=[page("爆款面霜")])
    assert answer.lists["rules"].select("rule_id", "state").rows() == [("r1", "late")]
    assert answer.lists["bad_rules"].select("rule_id", "copy_of", "faults").rows() == [("r2", "r1", ["same_notice"])]


@pytest.mark.parametrize(
    ("oddity", "fault"),
    [
        ({"effective_on": None}, "no_effective_date"),
        ({"effective_on": days_ago(1)}, "past_date"),
        ({"platform": "某平台"}, "unknown_platform"),
        ({"platform": None}, "unknown_platform"),
        ({"replaces": "r0"}, "replaces_unknown"),
    ],
)
def test_a_notice_that_cannot_be_is_told_and_applied_all_the_same(oddity, fault):
    answer = swept(rule(**oddity), pages=[page("爆款面霜")])
    assert answer.lists["bad_rules"]["faults"].to_list() == [[fault]] and ids(answer) == ["x"]


def test_a_notice_of_the_same_day_has_no_past_date():
    assert swept(rule(effective_on=TODAY)).lists["bad_rules"].is_empty()


def test_a_rule_without_publication_has_no_clock_and_is_unknown():
    answer = swept(rule(published_at=None))
    assert status(answer) == UNKNOWN and missing(answer) == ["rules.published_at: unknown for 1 rules, their clock cannot run"]


def test_a_replaced_rule_holds_until_its_successor_does():
    old = rule(timedelta(days=5), "old", terms="爆款")
    tomorrow = rule(timedelta(hours=1), "new", terms="网红同款", replaces="old", effective_on=TODAY + timedelta(days=1))
    assert ids(swept(old, tomorrow, pages=[page("爆款面霜"), page("网红同款", item_id="y")])) == ["x", "y"]
    assert ids(swept(old, tomorrow | {"effective_on": TODAY}, pages=[page("爆款面霜"), page("网红同款", item_id="y")])) == ["y"]


def test_versions_that_stand_side_by_side_overlap():
    answer = swept(rule(timedelta(days=5), "v1", title="标题规范"), rule(timedelta(days=1), "v2", title="标题 规范", terms="神器"), rule(timedelta(hours=1), "other"))
    assert answer.lists["bad_rules"].select("rule_id", "faults").rows() == [("v1", ["overlapping"]), ("v2", ["overlapping"])]


def test_a_rule_published_after_as_of_is_not_known():
    answer = swept(rule(-timedelta(hours=1)))
    assert status(answer) == UNKNOWN and "rules: none known" in missing(answer)


def test_the_clock_of_a_rule_runs_for_some_days_and_its_words_stay():
    answer = swept(rule(timedelta(days=8)), pages=[page("爆款面霜")])
    assert answer.lists["rules"]["state"].to_list() == [None] and ids(answer) == ["x"]


# --- homepage -----------------------------------------------------------------------------------------------------------


def block(name: str, age: timedelta = timedelta(hours=1), **more) -> dict:
    return {"page": "首页", "block": name, "text": "始于1998", "link_works": True, "checked_at": AS_OF - age, **more}


def looked_at(*rows: dict, **params):
    return run("compliance.homepage", {"pages": list(rows)}, **params)


THREE = (block("brand"), block("category"), block("trust"))


def test_three_blocks_that_are_there_and_work_are_fine():
    answer = looked_at(*THREE)
    assert status(answer) == OK and answer.lists["items"].is_empty() and answer.verdicts["zh"].item() == "首页3/3个板块合格"


def test_blocks_in_the_shops_own_words_count():
    assert status(looked_at(block("品牌故事"), block(" 类目"), block("信任背书"))) == OK


@pytest.mark.parametrize(
    ("oddity", "state"), [({"text": ""}, "empty"), ({"text": "<p><img></p> "}, "empty"), ({"link_works": False}, "dead_link")]
)
def test_an_empty_block_or_a_dead_link_is_a_finding(oddity, state):
    answer = looked_at(THREE[0], THREE[1], block("trust", **oddity))
    assert status(answer) == OK and answer.lists["items"].select("block", "state").rows() == [("trust", state)]


@pytest.mark.parametrize(
    ("trust", "state"),
    [
        ([], "missing"),
        ([block("trust", timedelta(days=7, seconds=1))], "stale"),
        ([block("trust", checked_at=None)], "stale"),
        ([block("trust", -timedelta(hours=1))], "missing"),
        ([block("trust", text=None)], "not_told"),
        ([block("trust", link_works=None)], "not_told"),
        ([block("trust", page="详情页")], "missing"),
    ],
)
def test_what_nobody_looked_at_lately_is_unknown(trust, state):
    answer = looked_at(*THREE[:2], *trust)
    assert status(answer) == UNKNOWN and missing(answer) == [f"pages: trust: {state} (checked within 7d)"]


def test_a_check_seven_days_ago_is_just_recent_enough():
    assert status(looked_at(*THREE[:2], block("trust", timedelta(days=7)))) == OK


def test_a_dead_link_decides_whatever_else_is_missing():
    answer = looked_at(block("brand", link_works=False))
    assert status(answer) == OK and len(missing(answer)) == 1


# --- documents ----------------------------------------------------------------------------------------------------------

LICENCE = {"document_id": "licence", "document_type": "营业执照", "holder": "甲公司", "no_expiry": True}
SOLD = {"item_id": "x", "title": "面霜", "brand": "花间", "on_sale": True}
BRAND = {"document_id": "mark", "document_type": "商标注册证", "brand": "花间", "holder": "甲公司", "expires_on": TODAY + timedelta(days=999)}


def report(days_left: int | None, name: str = "report", **more) -> dict:
    known = {"document_id": name, "document_type": "质检报告", "item_id": "x", "holder": "甲公司", "issued_on": days_ago(400)}
    return known | {"expires_on": None if days_left is None else TODAY + timedelta(days=days_left), **more}


def checked(*papers: dict, items=(SOLD,), licence=LICENCE, **params):
    rows = [LICENCE] if licence is LICENCE else licence
    return run("compliance.documents", {"documents": [*rows, BRAND, *papers], "items": list(items)}, **params)


@pytest.mark.parametrize(
    ("left", "warn"), [(61, None), (60, 60), (59, 60), (31, 60), (30, 30), (29, 30), (8, 30), (7, 7), (6, 7), (1, 7), (0, 7)]
)
def test_papers_are_told_sixty_thirty_and_seven_days_before_their_end(left, warn):
    answer = checked(report(left))
    told = answer.lists["warnings"].filter(document_id="report").select("days_left", "warn").rows()
    assert told == ([] if warn is None else [(left, warn)]) and ids(answer) == [] and status(answer) == OK


def test_a_paper_is_valid_on_its_last_day_and_blocks_its_item_from_the_next():
    assert ids(checked(report(0))) == []
    row = checked(report(-1)).lists["items"].row(0, named=True)
    assert (row["item_id"], row["reason"], row["document_ids"], row["zh"]) == ("x", "expired", ["report"], f"质检报告 {days_ago(1)}已过期")


@pytest.mark.parametrize(("left", "blocked"), [(13, ["x"]), (14, []), (15, [])])
def test_papers_must_outlast_the_sale(left, blocked):
    """The day is the 11th, yesterday; fifteen days after it is in fourteen days."""
    answer = checked(report(left), sale_day="day + 15d")
    assert ids(answer) == blocked
    assert answer.lists["items"]["reason"].to_list() == ["before_sale"] * len(blocked)


def test_an_unknown_anchor_is_unknown():
    answer = checked(report(-1), sale_day="presale + 3d")
    assert status(answer) == UNKNOWN and missing(answer) == ["sale_day: 'presale + 3d' is neither an anchor of the run nor a date"]


def test_a_paper_without_end_never_ends_and_one_that_tells_none_is_unknown():
    assert status(checked(report(None, no_expiry=True))) == OK
    answer = checked(report(None))
    assert status(answer) == UNKNOWN and missing(answer) == ["documents.expires_on: unknown for 1 papers"] and ids(answer) == []


def test_an_end_that_is_written_counts_also_beside_no_expiry():
    assert ids(checked(report(-1, no_expiry=True))) == ["x"]


def test_a_renewed_paper_takes_the_place_of_the_old_one():
    answer = checked(report(-20, "old"), report(400, "new"))
    assert ids(answer) == [] and status(answer) == OK
    assert answer.lists["papers"].filter(document_id="old")["state"].to_list() == ["expired"]


@pytest.mark.parametrize(
    ("oddity", "fault"),
    [
        ({"expires_on": TODAY + timedelta(days=90), "issued_on": TODAY + timedelta(days=91)}, "ends_before_start"),
        ({"issued_on": TODAY + timedelta(days=1)}, "not_begun"),
        ({"brand": "别家"}, "other_brand"),
        ({"holder": "乙公司"}, "other_holder"),
    ],
)
def test_a_paper_that_proves_nothing_does_not_cover_its_item(oddity, fault):
    answer = checked(report(90, **oddity))
    assert answer.lists["papers"].filter(document_id="report")["fault"].to_list() == [fault]
    assert answer.lists["items"].select("item_id", "reason").rows() == [("x", "invalid")]


def test_a_report_for_another_shops_item_is_told_and_blocks_nothing_here():
    answer = checked(report(90), report(90, "foreign", item_id="elsewhere"))
    assert answer.lists["papers"].filter(document_id="foreign")["fault"].to_list() == ["other_item"] and ids(answer) == []


def test_the_holder_is_the_licences_or_the_one_given():
    assert ids(checked(report(90, holder="甲（公司）"), licence=[LICENCE | {"holder": "甲(公司)"}], items=[SOLD | {"brand": None}])) == []
    assert ids(checked(report(90, holder="乙公司"), holder="乙公司", licence=[LICENCE | {"holder": "乙公司"}], items=[SOLD | {"brand": None}])) == []
    answer = checked(report(90), licence=[LICENCE | {"holder": None}])
    assert status(answer) == UNKNOWN and missing(answer)[0].startswith("documents.holder")


def test_an_expired_licence_blocks_everything_and_a_brands_paper_its_brand():
    items = [SOLD, SOLD | {"item_id": "y", "brand": "素研"}]
    allowed = BRAND | {"document_id": "allowed", "brand": " 素研", "expires_on": days_ago(1)}
    assert ids(checked(allowed, items=items)) == ["y"]
    assert sorted(ids(checked(licence=[LICENCE | {"no_expiry": False, "expires_on": days_ago(1)}], items=items))) == ["x", "y"]


def test_a_brand_on_sale_without_any_paper_is_told():
    answer = checked(items=[SOLD, SOLD | {"item_id": "y", "brand": "素研"}])
    assert answer.lists["brands"].select("brand", "items").rows() == [("素研", 1)]


def test_a_register_without_the_licence_is_not_complete():
    answer = checked(report(90), licence=[])
    assert status(answer) == UNKNOWN and missing(answer) == ["documents: no 营业执照"]


def test_items_off_sale_are_not_blocked():
    assert ids(checked(report(-1), items=[SOLD | {"on_sale": False}, SOLD | {"item_id": "y"}])) == []


def test_the_steps_of_the_warning_are_days():
    with pytest.raises(ValueError, match="whole numbers of days"):
        checked(warn="36h")


# --- order_anomalies ----------------------------------------------------------------------------------------------------

NOON = local("2026-11-02 12:00")


def bought(n: int, at: datetime, pays_after: int = 60, **more) -> dict:
    """An order of a buyer, a receiver and a phone of its own."""
    paid = at + timedelta(seconds=pays_after)
    known = {"order_id": f"o{n:03}", "buyer_id": f"u{n}", "address_hash": f"a{n}", "phone_hash": f"t{n}", "created_at": at, "paid_at": paid, "status": "shipped"}
    return known | {"total_fen": 9900 + n, "paid_fen": 9900 + n, "refund_fen": 0, "shipped_at": paid + timedelta(hours=9), **more}


def ordinary(count: int = 60) -> list[dict]:
    """Buyers who come by chance: every few hours, paying after half a minute to a quarter of an hour."""
    return [bought(100 + n, local("2026-10-20 09:00") + timedelta(minutes=311 * n % 21_000), 30 + 97 * n % 900) for n in range(count)]


def lines_of(orders: list[dict], item: str | None = None) -> list[dict]:
    return [{"order_id": one["order_id"], "line_id": "1", "item_id": item or f"i{n % 9}", "created_at": one["created_at"]} for n, one in enumerate(orders)]


def sent_alone(orders: list[dict], **more) -> list[dict]:
    return [parcel_of(one, f"p{one['order_id']}", **more) for one in orders]


def parcel_of(order: dict, parcel_id: str, **more) -> dict:
    known = {"parcel_id": parcel_id, "order_id": order["order_id"], "shipped_at": order["shipped_at"], "collected_at": order["shipped_at"] + timedelta(hours=1)}
    return known | {"delivered_at": order["shipped_at"] + timedelta(days=2), **more}


def praised(order: dict, after: timedelta, stars: int = 5) -> dict:
    at = order["shipped_at"] + timedelta(days=2) + after
    return {"review_id": f"v{order['order_id']}", "order_id": order["order_id"], "created_at": at, "stars": stars}


def judged(suspects: list[dict], *, parcels=None, item: str | None = "hot", reviews=(), chats=(), **params):
    crowd = ordinary()
    frames = {"orders": crowd + suspects, "order_lines": lines_of(crowd) + lines_of(suspects, item), "reviews": list(reviews), "chats": list(chats)}
    return run("compliance.order_anomalies", frames | {"parcels": sent_alone(crowd) + (sent_alone(suspects) if parcels is None else parcels)}, **params)


def reasons(answer, order_id: str) -> set[str]:
    """Why an order was told, whatever the threshold."""
    row = answer.lists["orders"].filter(order_id=order_id)
    return set(row["reasons"].item()) if len(row) else set()


def ring(count: int = 8, pays_after: int = 8, step: int = 97, **more) -> list[dict]:
    at = local("2026-11-02 02:00")
    return [bought(n, at + timedelta(seconds=step * n), pays_after, address_hash="same", total_fen=9900, **more) for n in range(count)]


def test_a_ring_is_one_case_with_all_its_reasons_and_nobody_else_is_told():
    orders = ring()
    answer = judged(orders, parcels=[parcel_of(one, "one") for one in orders], reviews=[praised(one, timedelta(minutes=2)) for one in orders])
    case = answer.lists["items"].row(0, named=True)
    assert answer.lists["items"].height == 1 and case["order_ids"] == [one["order_id"] for one in orders]
    assert (case["bond"], case["orders"], case["buyers"], case["score"], case["amount_fen"]) == ("waybill", 8, 8, 130, 8 * 9900)
    assert reasons(answer, "o000") == {"receiver", "waybill", "amounts", "rhythm", "seconds", "off_hours", "praise"}
    assert "付款间隔过于规律(+30)" in case["zh"] and "请人工判断" in answer.verdicts["zh"].item() and status(answer) == OK


def test_ordinary_orders_are_not_told():
    answer = judged([])
    assert status(answer) == OK and answer.lists["items"].is_empty() and answer.verdicts["zh"].item().startswith("近30d60单中0单疑似刷单")


def test_gifts_to_one_office_address_are_left_alone():
    """One orders for eight colleagues: one address, one phone, in one lunch break."""
    gifts = [bought(n, NOON + timedelta(seconds=37 * n * n % 900), 30 + (53 * n) % 400, address_hash="office", phone_hash="desk") for n in range(8)]
    told = judged(gifts, threshold=1)
    assert reasons(told, "o000") == {"receiver"} and judged(gifts).lists["items"].is_empty()


def test_a_group_purchase_of_one_item_in_one_parcel_is_left_alone():
    group = [bought(n, NOON + timedelta(seconds=37 * n * n % 900), 30 + (53 * n) % 400, address_hash="office", total_fen=9900) for n in range(8)]
    answer = judged(group, parcels=[parcel_of(one, "one") for one in group], threshold=60)
    assert reasons(answer, "o000") == {"receiver", "waybill", "amounts"} and answer.lists["orders"]["score"].to_list() == [60] * 8
    assert judged(group, parcels=[parcel_of(one, "one") for one in group]).lists["items"].is_empty()


def test_a_ring_that_hides_address_phone_and_waybill_is_known_by_its_rhythm_and_praise():
    orders = [one | {"address_hash": f"x{n}"} for n, one in enumerate(ring())]
    answer = judged(orders, reviews=[praised(one, timedelta(minutes=2)) for one in orders])
    assert reasons(answer, "o003") == {"rhythm", "seconds", "off_hours", "praise"} and answer.lists["items"]["bond"].to_list() == ["wave"]


def test_a_ring_without_a_clock_is_known_by_what_it_shares():
    orders = ring(pays_after=60)
    for n, one in enumerate(orders):
        one |= {"created_at": one["created_at"] + timedelta(seconds=37 * n * n % 900), "paid_at": one["created_at"] + timedelta(seconds=1000 + 173 * n)}
    answer = judged(orders, parcels=[parcel_of(one, "one") for one in orders], reviews=[praised(one, timedelta(minutes=2)) for one in orders])
    assert reasons(answer, "o000") == {"receiver", "waybill", "amounts", "off_hours", "praise"}


@pytest.mark.parametrize(("count", "found"), [(4, False), (5, True)])
def test_a_rhythm_needs_a_crowd(count, found):
    assert ("rhythm" in reasons(judged(ring(count), threshold=1), "o000")) is found


def test_a_group_that_pays_late_but_each_in_their_own_time_has_no_rhythm():
    late = [bought(n, NOON + timedelta(seconds=37 * n * n % 900), 1000 + 173 * n, address_hash="office") for n in range(8)]
    assert reasons(judged(late, threshold=1), "o000") == {"receiver"}


def test_where_everybody_pays_in_two_seconds_seconds_and_delays_say_nothing():
    crowd = [one | {"paid_at": one["created_at"] + timedelta(seconds=2)} for one in ordinary()]
    wave = [bought(n, NOON + timedelta(seconds=37 * n * n % 900), 2) for n in range(8)]
    frames = {"orders": crowd + wave, "order_lines": lines_of(crowd) + lines_of(wave, "hot"), "parcels": sent_alone(crowd + wave)}
    assert run("compliance.order_anomalies", frames, threshold=1).lists["orders"].is_empty()


@pytest.mark.parametrize(("seconds", "found"), [(9, True), (10, True), (11, False)])
def test_ten_seconds_are_quick(seconds, found):
    assert ("seconds" in reasons(judged(ring(pays_after=seconds), threshold=1), "o000")) is found


def test_who_asked_before_ordering_did_not_pay_blindly():
    said = [{"session_id": f"s{n}", "message_id": "1", "at": NOON - timedelta(hours=20), "available_at": NOON, "sender": "buyer", "buyer_id": f"u{n}"} for n in range(8)]
    assert "seconds" not in reasons(judged(ring(), chats=said, threshold=1), "o000")


@pytest.mark.parametrize(("after", "found"), [(-5, True), (10, True), (10 + 1 / 60, False)])
def test_praise_within_ten_minutes_of_delivery_or_before_it_is_a_reason(after, found):
    orders = [bought(1, NOON)]
    assert ("praise" in reasons(judged(orders, reviews=[praised(orders[0], timedelta(minutes=after))], threshold=1), "o001")) is found


def test_blame_within_minutes_is_no_praise():
    orders = [bought(1, NOON)]
    assert judged(orders, reviews=[praised(orders[0], timedelta(minutes=1), stars=1)], threshold=1).lists["orders"].is_empty()


@pytest.mark.parametrize(
    ("order", "parcel", "found"),
    [
        ({"finished_at": local("2026-11-05 12:00")}, {"collected_at": None, "delivered_at": None}, True),
        ({"finished_at": local("2026-11-05 12:00")}, {}, False),
        ({"finished_at": None}, {"collected_at": None, "delivered_at": None}, False),
        ({}, {"last_event": "退回寄件人", "last_event_at": local("2026-11-05 12:00")}, True),
        ({"refund_fen": 1, "paid_fen": 0, "refunded_at": local("2026-11-05 12:00")}, {"last_event": "退回寄件人", "last_event_at": local("2026-11-05 12:00")}, False),
        ({}, {"last_event": "退回寄件人", "last_event_at": AS_OF + timedelta(hours=1)}, False),
    ],
)
def test_a_parcel_that_never_moved_or_went_back_is_empty_unless_it_was_refunded(order, parcel, found):
    one = bought(1, NOON, **order)
    assert ("empty" in reasons(judged([one], parcels=[parcel_of(one, "p", **parcel)], threshold=1), "o001")) is found


@pytest.mark.parametrize(("days", "count", "found"), [(3.5, 3, True), (3.6, 3, False), (1, 2, False)])
def test_three_orders_of_one_item_by_one_buyer_within_seven_days_are_too_many(days, count, found):
    orders = [bought(n, NOON - timedelta(days=days * n), 60 + 100 * n, buyer_id="u") for n in range(count)]
    assert ("repeated" in reasons(judged(orders, threshold=1), "o000")) is found


def test_the_shops_own_marks_are_compared_and_decide_only_when_the_shop_agrees():
    marked = bought(1, NOON, remark_mark="G-")
    answer = judged([marked, bought(2, NOON, remark_mark="V-"), *(one | {"order_id": f"ring{n}", "remark_mark": "g-"} for n, one in enumerate(ring()))], threshold=75)
    assert answer.lists["labels"].select("marked", "told", "both").rows() == [(10, 8, 8)]
    assert "商家标记10单，其中命中8单" in answer.verdicts["zh"].item() and reasons(answer, "o001") == set()
    assert reasons(judged([marked], trust_marks=True), "o001") == {"marked"}


def test_masked_buyers_are_unknown_and_are_not_counted_as_one():
    answer = judged([bought(200 + n, NOON + timedelta(minutes=400 * n), buyer_id="***", address_hash=None, phone_hash=None) for n in range(10)], threshold=20)
    assert answer.lists["orders"].is_empty()
    assert status(answer) == UNKNOWN
    assert missing(answer) == ["orders.buyer_id, address_hash, phone_hash: unknown for 10 of 70 orders, 90% needed"]


def test_without_parcels_a_quiet_shop_is_unknown_and_a_ring_is_told_all_the_same():
    crowd = ordinary()
    assert missing(run("compliance.order_anomalies", {"orders": crowd})) == ["parcels: none"]
    told = run("compliance.order_anomalies", {"orders": crowd + ring(), "order_lines": lines_of(ring(), "hot")})
    assert status(told) == OK and told.lists["orders"].height == 8


@pytest.mark.parametrize(("back", "told"), [(30, 1), (31, 0)])
def test_orders_paid_before_the_window_are_not_judged(back, told):
    at = local("2026-11-12 00:00") - timedelta(days=back)
    one = bought(1, at, 0)
    assert judged([one], reviews=[praised(one, timedelta(minutes=1))], threshold=1).lists["orders"].height == told


# --- refund_abuse -------------------------------------------------------------------------------------------------------

SPRING = local("2026-09-01 12:00")


def kept(n: int, buyer: str, **more) -> dict:
    """An order that went well."""
    at = SPRING + timedelta(days=n % 40)
    known = {"order_id": f"{buyer}-{n}", "buyer_id": buyer, "address_hash": f"a{buyer}", "phone_hash": f"t{buyer}", "created_at": at, "paid_at": at, "status": "shipped"}
    return known | {"total_fen": 5000, "paid_fen": 5000, "refund_fen": 0, "shipped_at": at + timedelta(days=1), **more}


def arrival(order: dict, damaged: bool | None = False) -> dict:
    at = order["shipped_at"] + timedelta(days=2)
    return {"parcel_id": order["order_id"], "order_id": order["order_id"], "shipped_at": order["shipped_at"], "delivered_at": at, "damaged": damaged}


def claim(order: dict, after: timedelta = timedelta(days=1), **more) -> dict:
    at = order["shipped_at"] + timedelta(days=2) + after
    known = {"refund_id": f"r{order['order_id']}", "order_id": order["order_id"], "created_at": at, "closed_at": at + timedelta(hours=9), "refund_status": "success"}
    return known | {"refund_kind": "refund", "reason": "质量问题", "amount_fen": 5000, "shipped": True, **more}


def claims_judged(orders: list[dict], claims: list[dict], damaged: bool | None = False, **params):
    """Beside two hundred honest buyers of whom a few sent something back."""
    honest = [kept(n, f"h{n}") for n in range(200)]
    back = [claim(one, timedelta(days=2), refund_kind="return", reason="七天无理由退换货") for one in honest[:6]]
    parcels = [arrival(one) for one in honest] + [arrival(one, damaged) for one in orders]
    return run("compliance.refund_abuse", {"orders": honest + orders, "refunds": back + claims, "parcels": parcels}, **params)


def why(answer, buyer: str) -> set[str]:
    rows = pl.concat([answer.lists["items"], answer.lists["watched"]]).filter(buyer_id=buyer)
    return set(rows["reasons"].item()) if len(rows) else set()


def test_who_keeps_the_goods_and_takes_the_money_again_and_again_is_told_with_the_reasons():
    orders = [kept(n, "u") for n in range(6)]
    answer = claims_judged(orders, [claim(one, timedelta(days=6, hours=20)) for one in orders[1:]])
    row = answer.lists["items"].row(0, named=True)
    assert (row["buyer_id"], row["score"], row["orders"], row["claims"], row["amount_fen"]) == ("u", 95, 6, 5, 25_000)
    assert why(answer, "u") == {"rate", "kept", "repeated", "edge"} and answer.lists["items"].height == 1
    assert "1个买家疑似恶意退款" in answer.verdicts["zh"].item() and "请人工判断" in answer.verdicts["zh"].item()


def test_the_rate_is_shrunk_towards_the_shops_own():
    orders = [kept(n, "u") for n in range(4)]
    row = claims_judged(orders, [claim(one) for one in orders[:3]], strength=5).lists["items"].row(0, named=True)
    mean = 9 / 204
    assert row["rate"] == pytest.approx((3 + mean * 5) / (4 + 5))


@given(claims=st.integers(3, 20), more=st.integers(0, 40), strength=st.floats(0.5, 50))
@settings(max_examples=10, deadline=None)
def test_a_shrunk_rate_lies_between_the_buyers_own_and_the_shops(claims, more, strength):
    orders = [kept(n, "u") for n in range(claims + more)]
    answer = claims_judged(orders, [claim(one) for one in orders[:claims]], strength=strength, threshold=0)
    rate, own, mean = answer.lists["items"].filter(buyer_id="u")["rate"].item(), claims / (claims + more), (claims + 6) / (200 + claims + more)
    assert min(own, mean) - 1e-9 <= rate <= max(own, mean) + 1e-9


def test_one_refund_of_one_order_is_no_habit():
    order = kept(0, "u")
    assert why(claims_judged([order], [claim(order)]), "u") == set()


def test_an_unlucky_buyer_of_broken_parcels_is_left_alone():
    orders = [kept(n, "u") for n in range(6)]
    answer = claims_judged(orders, [claim(one, reason="商品破损") for one in orders[:5]], damaged=True)
    assert why(answer, "u") == set() and status(answer) == OK


def test_damage_that_nobody_recorded_is_left_out_and_said():
    orders = [kept(n, "u") for n in range(6)]
    answer = claims_judged(orders, [claim(one, reason="商品破损") for one in orders[:5]], damaged=None)
    assert why(answer, "u") == set() and "5单破损无记录" in answer.verdicts["zh"].item()


def test_a_buyer_who_returns_what_does_not_fit_is_not_told():
    orders = [kept(n, "u") for n in range(6)]
    answer = claims_judged(orders, [claim(one, refund_kind="return", reason="尺码不合适") for one in orders[:5]])
    assert answer.lists["items"].is_empty() and why(answer, "u") == {"rate", "repeated"}
    free = claims_judged(orders, [claim(one, refund_kind="return", reason="七天无理由退换货") for one in orders[:5]])
    assert why(free, "u") == {"rate"}


def test_five_accounts_at_one_address_are_judged_as_one():
    """Two orders each, nearly all refunded and kept: none of them has a rate of its own."""
    orders = [kept(n, f"u{n // 2}", address_hash="den") for n in range(10)]
    answer = claims_judged(orders, [claim(one, reason=f"理由{n}") for n, one in enumerate(orders[1:])])
    assert set(answer.lists["items"]["buyer_id"]) == {f"u{n}" for n in range(5)} and why(answer, "u3") == {"rate", "kept", "cluster"}


def test_an_office_of_honest_buyers_with_one_return_each_in_many_orders_is_left_alone():
    orders = [kept(n, f"u{n // 8}", address_hash="office") for n in range(40)]
    answer = claims_judged(orders, [claim(one, refund_kind="return", reason="尺码不合适") for one in orders[::8]])
    assert answer.lists["items"].is_empty()


@pytest.mark.parametrize(
    ("after", "late"),
    [
        (timedelta(days=6), False), (timedelta(days=6, seconds=1), True), (timedelta(days=7), True), (timedelta(days=7, seconds=1), False),
        (timedelta(days=14), False), (timedelta(days=14, seconds=1), True), (timedelta(days=15), True), (timedelta(days=15, seconds=1), False),
    ],
)  # fmt: skip
def test_the_last_day_of_seven_and_of_fifteen_is_just_inside(after, late):
    orders = [kept(n, "u") for n in range(4)]
    assert ("edge" in why(claims_judged(orders, [claim(one, after) for one in orders[:3]]), "u")) is late


@pytest.mark.parametrize("gone", [{"refund_status": "refused"}, {"refund_status": "closed"}, {"refund_kind": "exchange"}, {"refund_kind": "resend"}])
def test_claims_refused_withdrawn_or_exchanged_do_not_count(gone):
    orders = [kept(n, "u") for n in range(6)]
    assert why(claims_judged(orders, [claim(one, **gone) for one in orders]), "u") == set()


def test_a_claim_that_is_refused_later_is_still_open():
    orders = [kept(n, "u") for n in range(6)]
    answer = claims_judged(orders, [claim(one, refund_status="refused", closed_at=AS_OF + timedelta(days=1)) for one in orders])
    assert "kept" in why(answer, "u")


def test_money_asked_back_before_the_goods_came_is_not_kept():
    orders = [kept(n, "u") for n in range(6)]
    assert "kept" not in why(claims_judged(orders, [claim(one, -timedelta(hours=1)) for one in orders]), "u")


def test_two_claims_are_no_habit_and_three_are():
    orders = [kept(n, "u") for n in range(3)]
    assert why(claims_judged(orders, [claim(one) for one in orders[:2]]), "u") == set()
    assert why(claims_judged(orders, [claim(one) for one in orders]), "u") == {"rate", "kept", "repeated"}


def test_without_refunds_or_with_masked_buyers_nothing_is_known():
    honest = [kept(n, f"h{n}") for n in range(10)]
    assert missing(run("compliance.refund_abuse", {"orders": honest})) == ["refunds: none"]
    masked = [one | {"buyer_id": "李***"} for one in honest[:2]] + honest[2:]
    answer = run("compliance.refund_abuse", {"orders": masked, "refunds": [claim(honest[9])]})
    assert status(answer) == UNKNOWN and missing(answer) == ["orders.buyer_id: 8 of 10 orders name their buyer, 90% needed"]


# --- planted truth ------------------------------------------------------------------------------------------------------


@cache
def planted_scores():
    return planted.measured(seeds=(21, 22), shops=5)


@pytest.mark.parametrize("name", ["compliance.order_anomalies", "compliance.refund_abuse"])
def test_planted_rings_and_abusers_are_found_and_others_are_not(name):
    score = planted_scores()[name]
    assert len(score.wanted) >= 5 and score.recall >= 0.9 and score.precision >= 0.9


@pytest.mark.parametrize("name", ["compliance.order_anomalies", "compliance.refund_abuse"])
def test_offices_families_rushes_and_the_unlucky_are_left_alone(name):
    innocent = planted_scores()[name].innocent
    assert all(len(found) > 0 and not found & planted_scores()[name].told for found in innocent.values())


def test_without_address_waybill_or_reviews_rings_are_still_found():
    for blind in planted.BLIND:
        score = planted.measured(seeds=(21,), shops=5, blind=blind)["compliance.order_anomalies"]
        assert score.recall >= 0.9 and score.precision >= 0.9, blind


@cache
def demo_papers():
    return generate(4, 11, date(2025, 11, 1), date(2025, 11, 20))


def test_the_planted_papers_are_found_and_renewed_ones_left_alone():
    data = demo_papers()
    frames = {kind: data.frames[kind].lazy() for kind in ("documents", "items")}
    answer = run("compliance.documents", frames, shops=[key for key, *_ in data.shops], as_of=local("2025-11-20 09:00"))
    for shop, truth in data.truth["shops"].items():
        ours = {name: rows.filter(shop=shop) for name, rows in answer.lists.items()}
        told = {what: [one for one in truth["planted"] if one["what"] == what] for what in ("document_expired", "document_expiring", "document_of_another_holder", "document_renewed", "authorisation_missing")}
        blocked = {item for what in ("document_expired", "document_of_another_holder") for one in told[what] for item in one["item_ids"]}
        on_sale = set(data.frames["items"].filter(shop=shop).filter(pl.col("on_sale"))["item_id"])
        assert set(ours["items"]["item_id"]) == blocked & on_sale
        expiring = {document for one in told["document_expiring"] if one["hit"] for document in one["document_ids"]}
        assert set(ours["warnings"]["document_id"]) == expiring
        assert ours["brands"]["brand"].to_list() == [one["brand"] for one in told["authorisation_missing"]]


# --- evidence_pack ------------------------------------------------------------------------------------------------------


def packed(**given):
    order = bought(1, NOON, finished_at=NOON + timedelta(days=5), source_file="orders.csv", source_row=7)
    frames = {"orders": [order], "order_lines": lines_of([order], "x"), "parcels": [parcel_of(order, "p")], "items": [page("面霜")], "documents": [report(90)]}
    frames |= {"refunds": [], "reviews": [praised(order, timedelta(days=1))]} | given.pop("frames", {})
    return run("compliance.evidence_pack", frames, **given)


def gaps(answer) -> list[tuple[str, str]]:
    return answer.lists["items"].select("subject", "gap").rows()


def test_a_pack_holds_the_facts_in_order_of_time_with_the_place_they_came_from():
    answer = packed(orders="o001")
    facts = answer.lists["facts"]
    assert status(answer) == OK and gaps(answer) == []
    assert facts["fact"].to_list() == ["created", "paid", "shipped", "shipped", "collected", "delivered", "review", "finished", "line"]
    assert facts.filter(fact="paid").select("source_file", "source_row").rows() == [("orders.csv", 7)]
    assert answer.verdicts["zh"].item() == "1个订单、0个商品共9条证据，没有缺口"


@pytest.mark.parametrize(
    ("frames", "gap"),
    [
        ({"order_lines": []}, "no_lines"),
        ({"parcels": []}, "no_parcel"),
        ({"orders": [bought(1, NOON, buyer_id="***")]}, "no_buyer"),
        ({"orders": [bought(1, NOON, paid_at=None)]}, "no_payment_time"),
        ({"orders": [bought(1, NOON, refund_fen=5, refunded_at=NOON + timedelta(days=3))]}, "no_refund_record"),
        ({"parcels": [parcel_of(bought(1, NOON), "p", collected_at=None, delivered_at=None)]}, "no_tracking"),
    ],
)
def test_what_should_be_there_and_is_not_is_said(frames, gap):
    answer = packed(orders="o001", frames=frames)
    assert gaps(answer) == [("o001", gap)] and status(answer) == UNKNOWN and f"{gap} x1" in missing(answer)[0]


def test_what_is_not_there_at_all_is_said():
    answer = packed(orders="o001, nowhere", items="x、lost")
    assert gaps(answer) == [("lost", "item_not_found"), ("nowhere", "order_not_found")]


def test_an_items_pack_has_its_orders_of_the_period_its_page_and_papers():
    answer = packed(items="x", since="2026-11-01", until="2026-11-05")
    assert set(answer.lists["facts"]["subject"]) == {"x", "o001"} and gaps(answer) == []
    bare = packed(items="x", since="2026-11-03", until="2026-11-05", frames={"items": [page("面霜", None)], "documents": []})
    assert gaps(bare) == [("x", "no_detail_text"), ("x", "no_papers")]


def test_a_day_without_any_order_in_the_period_is_a_gap():
    answer = packed(since="2026-11-01", until="2026-11-04")
    assert gaps(answer) == [("2026-11-01", "day_without_orders"), ("2026-11-03", "day_without_orders")]


def test_the_deadline_of_the_answer_is_told_and_said_when_over():
    assert packed(orders="o001", answer_by="2026-11-12T10:00").verdicts["zh"].item().endswith("答复期限11-12 10:00")
    assert packed(orders="o001", answer_by="2026-11-12T08:00").verdicts["zh"].item().endswith("答复期限11-12 08:00已过")
    assert status(packed(orders="o001", answer_by="someday")) == UNKNOWN


# --- reputation ---------------------------------------------------------------------------------------------------------


def score(back: int, value: float, peer: float | None = 4.6, name: str = "描述相符") -> dict:
    return {"date": days_ago(back), "score_name": name, "score": value, "peer_score": peer}


def post(age: timedelta, post_id: str = "p", **more) -> dict:
    return {"post_id": post_id, "at": AS_OF - age, "available_at": AS_OF - age, "text": f"差评{post_id}", "negative": True, **more}


STEADY = [score(back, 4.8) for back in range(1, 11)]
STARS = [{"review_id": f"v{n}", "created_at": AS_OF - timedelta(days=1 + n % 28), "stars": 5 if n % 20 else 1} for n in range(140)]
CALM = post(timedelta(days=9), "calm", negative=False)


def stands(*, scores=STEADY, posts=(), reviews=STARS, **params):
    return run("compliance.reputation", {"scores": scores, "posts": [CALM, *posts], "reviews": reviews}, **params)


def todo(answer) -> list[tuple[str, str]]:
    return answer.lists["items"].select("about_id", "state").rows()


def test_a_shop_over_its_peers_without_complaints_is_ok():
    answer = stands()
    assert status(answer) == OK and todo(answer) == []


@pytest.mark.parametrize(("value", "state"), [(4.59, [("描述相符", "below_peers")]), (4.6, []), (4.61, [])])
def test_a_score_under_its_peers_is_told_and_an_equal_one_is_not(value, state):
    assert todo(stands(scores=[score(1, value), *[score(back, value) for back in range(2, 11)]])) == state


@pytest.mark.parametrize(("value", "state"), [(4.7, [("描述相符", "falling")]), (4.71, [])])
def test_a_score_a_tenth_under_its_own_past_is_falling(value, state):
    assert todo(stands(scores=[score(1, value), *STEADY[1:]])) == state


def test_a_missing_day_a_stale_score_and_unknown_peers_are_said():
    assert missing(stands(scores=STEADY[:4] + STEADY[6:])) == ["scores: days missing (描述相符 2天)"]
    assert "scores: 1 not updated" in missing(stands(scores=STEADY[2:]))
    assert status(stands(scores=STEADY[1:])) == UNKNOWN  # yesterday is missing
    assert missing(stands(scores=[one | {"peer_score": None} for one in STEADY])) == ["scores.peer_score: unknown for 1"]


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(hours=23, minutes=59), "open"), (timedelta(hours=24), "open"), (timedelta(hours=24, seconds=1), "overdue")]
)
def test_a_negative_post_wants_an_answer_within_a_day(age, state):
    assert todo(stands(posts=[post(age)])) == [("p", state)]


def test_an_answered_post_is_done_in_time_or_late_and_an_answer_to_come_is_none_yet():
    states = [("in time", timedelta(hours=24)), ("late", timedelta(hours=25)), ("to come", timedelta(hours=60))]
    answer = stands(posts=[post(timedelta(hours=50), name, answered_at=AS_OF - timedelta(hours=50) + after) for name, after in states])
    assert dict(answer.lists["posts"].select("post_id", "state").rows()) == {"in time": "answered", "late": "late", "to come": "overdue"}


def test_the_same_words_again_are_told_once_and_irony_is_for_people():
    answer = stands(posts=[post(timedelta(hours=3), "first", text="假货！"), post(timedelta(hours=1), "again", text="假货"), post(timedelta(hours=2), "irony", negative=None)])
    assert todo(answer) == [("first", "open"), ("irony", "unjudged")]
    assert answer.lists["posts"].filter(post_id="again")["copy_of"].to_list() == ["first"]


def test_low_stars_rise_when_it_is_more_than_chance():
    more = [{"review_id": f"n{n}", "created_at": AS_OF - timedelta(days=1), "stars": 2} for n in range(15)]
    answer = stands(reviews=STARS + more)
    assert todo(answer) == [("low_stars", "rising")] and "明显上升" in answer.verdicts["zh"].item()


def test_few_reviews_tell_no_trend():
    assert missing(stands(reviews=STARS[:30])) == ["reviews: too few to tell a trend"]
    assert missing(stands(reviews=[])) == ["reviews: none within 30d"]


def test_no_post_on_record_is_not_a_shop_nobody_writes_about():
    assert missing(run("compliance.reputation", {"scores": STEADY, "reviews": STARS})) == ["posts: none recorded"]
