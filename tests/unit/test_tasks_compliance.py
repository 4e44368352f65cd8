"""Scanning a shop's pages: coverage, and never clean without it."""

from ecops.automation import OK, UNKNOWN
from tests.unit.task_rows import ids, missing, run, status


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
