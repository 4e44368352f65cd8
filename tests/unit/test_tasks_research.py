"""Research steps at, under and over their lines, and figures that are none."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ecops.automation import OK, UNKNOWN
from tasks._demand import covering
from tests.unit.task_rows import days_ago, missing, run, status

# --- competitors ---------------------------------------------------------------------------------------------------


def part(name: str, share: float | None, aspect: str = "traffic", **more) -> dict:
    return {"date": days_ago(5), "source_file": "竞店.xlsx", "competitor": "r", "aspect": aspect, "part": name, "share_rate": share, **more}


def offer(number: str = "1", price: int | None = 9_90, title: str | None = "面霜", day: int = 5, **more) -> dict:
    about = {"competitor": "r", "competitor_item_id": number, "price_fen": price, "title": title, "monthly_sales": "1200"}
    return {"date": days_ago(day), "source_file": "竞品.xlsx", **about, **more}


def collected(shares: list[dict], offers: list[dict] | None = None, **params):
    return run("research.competitors", {"competitor_shares": shares, "competitor_items": [offer()] if offers is None else offers}, **params)


def reasons(answer, name: str = "refused") -> list[str]:
    return answer.lists[name]["reason"].to_list()


@pytest.mark.parametrize(("rest", "sound"), [(0.389, False), (0.39, True), (0.4, True), (0.41, True), (0.411, False)])
def test_shares_add_up_within_one_percent_and_are_never_scaled(rest, sound):
    answer = collected([part("直播", 0.6), part("搜索", rest)])
    assert answer.lists["items"].select("part", "share_rate", "sound").rows() == [("直播", 0.6, sound), ("搜索", rest, sound)]
    assert status(answer) == (OK if sound else UNKNOWN)


def test_a_mix_that_does_not_add_up_is_said_beside_one_that_does():
    answer = collected([part("直播", 0.6), part("搜索", 0.4), part("9.9元款", 0.3, "goods")])
    assert answer.lists["totals"].select("aspect", "total", "difference", "sound").rows() == [("goods", 0.3, -0.7, False), ("traffic", 1.0, 0.0, True)]
    assert "1组合计不是100%（最大差-70.0%）" in answer.verdicts["zh"].item()


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_whole_percents_that_make_a_hundred_are_sound(cuts):
    edges = [0, *sorted(cuts), 100]
    shares = [part(f"p{n}", (high - low) / 100) for n, (low, high) in enumerate(zip(edges, edges[1:], strict=False))]
    assert collected(shares, tolerance="0%").lists["totals"]["sound"].to_list() == [True]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"share_rate": 8812.0}, "over 100%: an index or a bare percent, not a share"),
        ({"share_rate": 40.0}, "over 100%: an index or a bare percent, not a share"),
        ({"share_rate": -0.1}, "negative share"),
        ({"share_rate": None}, "no share"),
        ({"source_file": None}, "no source"),
        ({"source_file": " "}, "no source"),
        ({"date": None}, "no date"),
        ({"part": " "}, "of whom or what: unknown"),
    ],
)
def test_a_figure_that_is_none_is_refused_and_its_mix_is_not_sound(wrong, said):
    answer = collected([part("直播", 0.6), part("搜索", 0.4), part("推荐", 0.0) | wrong])
    assert reasons(answer) == [said] and answer.lists["totals"].select("wrong", "sound").rows() == [(1, False)]


def test_only_the_newest_collection_counts_and_an_old_one_is_none():
    newer = collected([part("直播", 1.0), part("直播", 0.2, date=days_ago(40)), part("搜索", 0.8, date=days_ago(40))])
    assert newer.lists["items"].select("part", "date").rows() == [("直播", days_ago(5))]
    assert status(collected([part("直播", 1.0, date=days_ago(89))])) == OK
    old = collected([part("直播", 1.0, date=days_ago(90))])
    assert missing(old) == [f"competitor_shares: no usable share within 90d (newest {days_ago(90)}, 0 rows refused)"]


@pytest.mark.parametrize(("price", "band"), [(9_89, "≤9.90"), (9_90, "≤9.90"), (9_91, "9.90–49.00"), (199_00, "99.00–199.00"), (199_01, ">199.00")])
def test_a_price_band_holds_its_end(price, band):
    assert collected([part("直播", 1.0)], [offer(price=price)]).lists["bands"]["band"].to_list() == [band]


def test_bands_are_shares_of_the_priced_items_and_sum_only_counts():
    offers = [offer("1"), offer("2", monthly_sales="1000+"), offer("3", monthly_sales="指数 8812"), offer("4", 199_00), offer("5", None)]
    answer = collected([part("直播", 1.0)], offers)
    assert answer.lists["bands"].select("items", "share", "counted", "units", "lower_bound").rows() == [(3, 0.75, 2, 2200, True), (1, 0.25, 1, 1200, False)]
    assert reasons(answer) == ["not a count: 指数 8812"]


@pytest.mark.parametrize(
    ("title", "tactic"),
    [
        ("面霜 买一送一", "buy_and_get"), ("面霜买2件送1", "buy_and_get"), ("面霜第二件半价", "next_piece"), ("面霜3件8折", "by_number"),
        ("面霜满199减50", "spend_and_save"), ("面霜 券后59", "coupon"), ("面霜限时秒杀", "limited"), ("面霜", None), ("送礼佳品面霜", None),
    ],
)  # fmt: skip
def test_tactics_stand_in_titles(title, tactic):
    found = collected([part("直播", 1.0)], [offer(price=10_01, title=title)]).lists["tactics"]["tactic"].to_list()
    assert found == ([tactic] if tactic else [])


def test_prices_tell_tactics_too():
    answer = collected([part("直播", 1.0)], [offer("1", 19_90), offer("2", 80_01), offer("2", 100_00, day=12), offer("3", 100_01)])
    assert answer.lists["tactics"].select("tactic", "items", "of").rows() == [("charm_price", 1, 3), ("price_cut", 1, 3)]


def test_without_goods_or_shares_the_breakdown_is_unknown_and_says_which():
    assert missing(collected([part("直播", 1.0)], [])) == ["competitor_items: none with a price within 90d (newest -)"]
    assert missing(collected([], [offer(source_file=None)])) == [
        "competitor_shares: no usable share within 90d (newest -, 1 rows refused)", "competitor_items: none with a price within 90d (newest 2026-11-07)",
    ]  # fmt: skip


@pytest.mark.parametrize("bands", ["", "49, 9.9", "0, 5", "9.9, 9.9", "9.999"])
def test_bands_that_do_not_grow_are_refused(bands):
    with pytest.raises(ValidationError):
        collected([], bands=bands)


# --- demand --------------------------------------------------------------------------------------------------------


def word(keyword: str, searches: int | None = None, index: float | None = None, day: int = 2) -> dict:
    return {"date": days_ago(day), "keyword": keyword, "searches": searches, "search_index": index}


def rival(title: str | None, sales: str | None = "300", month: date | None = date(2026, 10, 1), number: str = "1") -> dict:
    return {"date": days_ago(9), "competitor": "r", "competitor_item_id": number, "title": title, "monthly_sales": sales, "month": month}


def tag(text: str, times: int | None = 9, day: int = 3) -> dict:
    return {"date": days_ago(day), "tag": text, "item_id": "*", "times": times}


def demand(words: list[dict], rivals: list[dict] | None = None, tags: list[dict] | None = None, **params):
    frames = {"search_words": words, "competitor_items": [rival("晴雨伞")] if rivals is None else rivals, "service_tags": [tag("漏水", 1)] if tags is None else tags}
    return run("research.demand", frames | {"items": params.pop("items", [])}, **params)


def candidates(answer, *columns: str) -> list[tuple]:
    return answer.lists["items"].select("term", *columns).rows()


def test_candidates_are_ranked_by_what_three_feeds_say():
    answer = demand(
        [word("防晒衣", 900), word("面霜", 100)], [rival("轻薄防晒衣"), rival("面霜", "1000+", number="2")], [tag("防晒衣显黑", 5), tag("面霜", 9)]
    )
    assert candidates(answer, "score", "feeds", "searches", "rival_units", "lower_bound", "tag_times") == [
        ("防晒衣", 0.75, 3, 900, 300, False, 5), ("面霜", 0.75, 3, 100, 1000, True, 9), ("防晒衣显黑", 0.1, 1, None, None, False, 5),
    ]  # fmt: skip
    assert "3个需求候选（按搜索人数），2个三方都提到，首位“防晒衣”" in answer.verdicts["zh"].item()


def test_an_index_is_never_counted_beside_counts():
    answer = demand([word("防晒衣", 3), word("面霜", None, 90_000.0)], [rival("面霜")])
    assert candidates(answer, "searches", "search_index", "measure", "feeds") == [("防晒衣", 3, None, "count", 1), ("面霜", None, 90_000.0, "count", 1)]
    assert answer.lists["index_only"].select("term", "search_index").rows() == [("面霜", 90_000.0)]
    assert candidates(demand([word("防晒衣", 3), word("面霜", None, 90_000.0)]), "score") == [("防晒衣", 0.5)]


def test_where_a_list_has_an_index_alone_it_ranks_and_sums_nothing():
    answer = demand([word("防晒衣", None, 50.0), word("面霜", None, 90.0)])
    assert candidates(answer, "score", "searches", "measure") == [("面霜", 0.5, None, "index"), ("防晒衣", 0.25, None, "index")]
    assert "按搜索指数（仅作排序）" in answer.verdicts["zh"].item() and answer.lists["index_only"].is_empty()


@pytest.mark.parametrize(
    ("keyword", "title", "hit"),
    [
        ("防晒衣", "夏季轻薄防晒衣", True), ("防晒衣女", "女款防晒衣", False), ("防晒衣 女", "女款防晒衣", True), ("连衣裙夏季", "夏季新款连衣裙", True),
        ("面霜", "霜面", False), ("面霜", "面部霜", False), ("ＳＰＦ50", "spf50面霜", True),
    ],
)  # fmt: skip
def test_a_title_has_a_term_when_each_character_stands_beside_a_neighbour(keyword, title, hit):
    assert [row[1] for row in candidates(demand([word(keyword, 9)], [rival(title)]), "rival_items")] == [int(hit)]


def stands_in(term: str, text: str) -> bool:
    """The same said slowly: of each word, every character with the one before or after it."""
    pairs = {text.replace(" ", "")[n : n + 2] for n in range(len(text.replace(" ", "")) - 1)}
    words = [word for word in term.split() if len(word) > 1]
    beside = [[word[n - 1 : n + 1] in pairs or word[n : n + 2] in pairs if n else word[:2] in pairs for n in range(len(word))] for word in words]
    return bool(words) and all(all(found[:-1]) and word[-2:] in pairs for word, found in zip(words, beside, strict=True))


@settings(max_examples=60, deadline=None)
@given(terms=st.lists(st.text("晒衣女霜 ", min_size=2, max_size=9), min_size=1, max_size=6, unique=True), texts=st.lists(st.text("晒衣女霜 ", min_size=2, max_size=9), max_size=6, unique=True))
def test_terms_stand_in_titles_as_slow_reading_says(terms, texts):
    terms, texts = ([text for text in dict.fromkeys(" ".join(text.split()) for text in some) if len(text) > 1] for some in (terms, texts))
    told = pl.DataFrame({"shop": ["a"] * len(terms), "term": terms}, schema={"shop": pl.String, "term": pl.String}).with_row_index("nth")
    found = covering(told, pl.DataFrame({"shop": ["a"] * len(texts), "text": texts}, schema={"shop": pl.String, "text": pl.String}))
    assert set(found.rows()) == {(n, text) for n, term in enumerate(terms) for text in texts if stands_in(term, text)} and found.is_unique().all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (rival("面霜", month=date(2026, 11, 1)), "month not over"), (rival("面霜", month=date(2026, 8, 1)), "month too old"),
        (rival("面霜", month=None), "month unknown"), (rival("面霜", "指数 8,812"), "not a count: 指数 8,812"), (rival(None), "no title"),
    ],
)  # fmt: skip
def test_sales_that_are_none_are_ignored_and_said(row, reason):
    answer = demand([word("面霜", 9)], [row])
    assert reasons(answer, "ignored") == [reason] and status(answer) == UNKNOWN and candidates(answer, "rival_items") == [("面霜", 0)]


def test_only_the_newest_month_of_an_item_counts():
    answer = demand([word("面霜", 9)], [rival("面霜", "500", date(2026, 9, 1)), rival("面霜", "70", date(2026, 10, 1)) | {"date": days_ago(5)}])
    assert candidates(answer, "rival_items", "rival_units") == [("面霜", 1, 70)]


@pytest.mark.parametrize(("age", "found"), [(35, OK), (36, UNKNOWN)])
def test_a_stale_list_of_words_is_said(age, found):
    answer = demand([word("面霜", 9, day=age)])
    assert status(answer) == found
    assert found == OK or missing(answer) == [f"search_words: no list within 35d (newest {days_ago(36)})"]


def test_every_feed_that_is_missing_is_named():
    assert missing(demand([], [], [])) == [
        "search_words: no list within 35d (newest -)", "competitor_items: no monthly count of the last 2 months (newest month -)",
        "service_tags: none within 30d (newest -)",
    ]  # fmt: skip


@pytest.mark.parametrize(("times", "stands"), [(2, False), (3, True)])
def test_a_tag_given_often_enough_is_a_candidate_of_its_own(times, stands):
    assert ("孕妇可用" in [row[0] for row in candidates(demand([word("面霜", 9)], tags=[tag("孕妇可用", times)]))]) is stands


def test_tags_of_the_window_count_and_those_without_a_number_do_not():
    answer = demand([word("面霜", 9)], tags=[tag("面霜", 4, 30), tag("面霜", 5, 1), tag("面霜", 7, 31), tag("面霜", None, 2)])
    assert candidates(answer, "tag_times") == [("面霜", 9)] and reasons(answer, "ignored") == ["times unknown"]


def test_growth_is_against_the_list_before_and_our_own_items_are_told():
    goods = [{"item_id": "x", "title": "保湿面霜", "on_sale": True}, {"item_id": "y", "title": "面霜", "on_sale": False}]
    answer = demand([word("面霜", 150), word("面霜", 100, day=9), word("面霜", 1, day=16)], items=goods)
    assert candidates(answer, "searches", "growth", "ours") == [("面霜", 150, 0.5, 1)]


def test_so_many_candidates_are_shown():
    assert len(candidates(demand([word(f"面霜{sign}", n + 1) for n, sign in enumerate("甲乙丙")], top=2))) == 2


@pytest.mark.parametrize("weights", [{"search_weight": "60%"}, {"search_weight": "-10%", "rival_weight": "90%"}])
def test_weights_that_are_not_a_whole_are_refused(weights):
    with pytest.raises(ValidationError, match="100%"):
        demand([], **weights)


@settings(max_examples=20, deadline=None)
@given(searches=st.lists(st.integers(0, 10**6), min_size=2, max_size=12, unique=True))
def test_more_searches_never_rank_lower(searches):
    words = [word(f"词{chr(0x4E00 + n)}", count) for n, count in enumerate(searches)]
    ranked = demand(words).lists["items"].filter(pl.col("searches") > 0)["searches"].to_list()
    assert ranked == sorted((count for count in searches if count), reverse=True)
