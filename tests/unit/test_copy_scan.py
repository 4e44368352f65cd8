"""The advertising-law scanner on sentences written for it: what must be blocked, what a person must see, what must pass."""

import csv
import json
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecops.copyscan import BLOCK, CATEGORIES, PASS, REVIEW, scan
from ecops.copyscan.normal import normal
from ecops.copyscan.terms import SOURCES, terms
from tests.unit import copy_sentences

# Blocked: the sentence, and a term that must be among the hits as the sentence writes it.
FORBIDDEN = [
    ("这款面霜的保湿效果最好", "最好"),
    ("为您挑选最佳单品", "最佳"),
    ("我们拥有最先进的工艺设备", "最先进"),
    ("秋冬最受欢迎的羽绒服", "最受欢迎"),
    ("今年最流行的格子裙", "最流行"),
    ("最便宜的纸尿裤就在这里", "最便宜"),
    ("全网最低价，错过不再有", "全网最低价"),
    ("史上最低，手慢无", "史上最低"),
    ("最高级的面料", "最高级"),
    ("最舒适的居家拖鞋", "最舒适"),
    ("销量第一的防晒霜", "销量第一"),
    ("全网第一的空气炸锅", "全网第一"),
    ("我们是行业第一", "行业第一"),
    ("美妆界第一", "美妆界第一"),
    ("中国第一的茶叶", "中国第一"),
    ("第一品牌，值得信赖", "第一品牌"),
    ("洁面类目销量冠军", "销量冠军"),
    ("独一无二的设计", "独一无二"),
    ("绝无仅有的口感", "绝无仅有"),
    ("全国独家配方", "全国独家"),
    ("填补国内空白的新科技", "填补国内空白"),
    ("国家级品质保证", "国家级品质"),
    ("国家级面料", "国家级"),
    ("世界级工艺", "世界级"),
    ("宇宙级好物", "宇宙级"),
    ("顶级羊绒大衣", "顶级"),
    ("顶尖团队研发", "顶尖"),
    ("极品铁观音", "极品"),
    ("至尊享受", "至尊"),
    ("无与伦比的手感", "无与伦比"),
    ("史无前例的优惠", "史无前例"),
    ("前无古人的折扣力度", "前无古人"),
    ("空前绝后的大促", "空前绝后"),
    ("领导品牌，品质之选", "领导品牌"),
    ("奶粉中的领袖品牌", "领袖品牌"),
    ("中国驰名商标产品", "中国驰名商标"),
    ("世界领先的过滤技术", "世界领先"),
    ("性能遥遥领先", "遥遥领先"),
    ("碾压同行的续航", "碾压同行"),
    ("国家领导人推荐", "国家领导人推荐"),
    ("人民大会堂特供白酒", "人民大会堂特供"),
    ("军队特供，品质放心", "军队特供"),
    ("国家免检产品", "国家免检"),
    ("包装印有国旗图案", "印有国旗"),
    ("100%有效，无效退款", "100%有效"),
    ("绝对安全的儿童座椅", "绝对安全"),
    ("无任何副作用", "无任何副作用"),
    ("三天见效", "三天见效"),
    ("7天美白看得见", "7天美白"),
    ("一个疗程根治", "一个疗程根治"),
    ("永不褪色的染发膏", "永不褪色"),
    ("稳赚不赔的收藏品", "稳赚不赔"),
    ("报名即保证通过", "保证通过"),
    ("根治鼻炎", "根治"),
    ("降血压茶", "降血压"),
    ("祖传秘方膏药", "祖传秘方"),
    ("抗癌食品", "抗癌"),
    ("医学护肤品面膜", "医学护肤品"),
    ("药妆精华", "药妆"),
    ("一夜变白的秘密", "一夜变白"),
    ("干细胞面霜逆转衰老", "逆转衰老"),
    ("旺夫招财手串", "旺夫"),
    ("本命年转运红绳", "转运"),
    ("好评返现5元", "好评返现"),
    ("五星好评截图联系客服返红包", "五星好评"),
    ("收货后给好评返3元", "好评返"),
    ("返5元红包，只要写好评", "返5元红包"),
    ("全5星好评，送20元优惠券", "5星好评"),
    ("专业刷单，安全可靠", "刷单"),
    ("代写好评，价格优惠", "代写好评"),
    ("全网之王电饭煲", "全网之王"),
    ("首屈一指的木工坊", "首屈一指"),
    ("本店该品类销量第一", "销量第一"),
    ("加微信领优惠", "加微信"),
]

# The same words written so that a list of words does not find them.
EVASIONS = [
    ("最 佳 选 择", "最 佳"),
    ("最·好·用的锅", "最·好·用"),
    ("最_佳面料", "最_佳"),
    ("<b>最</b>佳面料", "最</b>佳"),
    ("<span style='color:red'>国家</span><i>级</i>", "国家</span><i>级"),
    ("&#26368;佳面料", "&#26368;佳"),
    ("最\u200b佳面料", "最\u200b佳"),
    ("最\u3164佳面料", "最\u3164佳"),
    ("最\u2003佳面料", "最\u2003佳"),
    ("蕞好的面霜", "蕞好"),
    ("zui好的面霜", "zui好"),
    ("ＺＵＩ好的面霜", "ＺＵＩ好"),
    ("醉佳面料", "醉佳"),
    ("全網最低價", "全網最低價"),
    ("國家級品質", "國家級品質"),
    ("頂級羊絨", "頂級"),
    ("銷量第一", "銷量第一"),
    ("销量No.1", "销量No.1"),
    ("销量ＮＯ．１", "销量ＮＯ．１"),
    ("全网NO1", "全网NO1"),
    ("行业TOP1", "行业TOP1"),
    ("TOP 1 品牌", "TOP 1 品牌"),
    ("全国第1", "全国第1"),
    ("销量苐一", "销量苐一"),
    ("好 评 返 现", "好 评 返 现"),
    ("好评★返★现", "好评★返★现"),
    ("好評返現", "好評返現"),
    ("１００％有效", "１００％有效"),
]

DOUBTFUL = [
    "首选面霜",
    "独家配方精华",
    "唯一的专利结构",
    "最显瘦的阔腿裤",
    "最适合夏天的凉席",
    "最新款连衣裙",
    "第一，先说价格",
    "极致手感",
    "王牌唇釉",
    "大师级手作",
    "特供礼盒",
    "专家推荐的奶瓶",
    "永久防锈的刀架",
    "瘦脸神器",
    "改善睡眠的枕头",
    "再不抢就没了",
    "终极方案",
    "全球首发礼盒",
    "本店最大牌子的清仓",
    "本店销量第一的款式",
    "No.1 防晒霜",
    "2025年双11天猫防晒类目销量第一，数据来源见详情",
    "荣获2024年最佳设计奖",
]

HARMLESS = [
    "最近新上的连衣裙",
    "最后一天包邮",
    "最终解释权归本店所有",
    "最初的味道",
    "最多可放五件",
    "最大承重150公斤",
    "最高温度不超过40℃",
    "最低起订量两件",
    "最大功率2000W",
    "最好手洗，避免暴晒",
    "最好提前一天解冻",
    "最佳使用时间为开封后六个月内",
    "最佳食用温度4到8℃",
    "最佳赏味期三天",
    "第一次用这个牌子",
    "第一时间为您发货",
    "第一步：清洁面部",
    "第一章 函数与极限",
    "第一天敷，第二天洗",
    "第1次购买满减",
    "第一眼就喜欢",
    "第一人称视角云台",
    "顾客第一，信誉至上",
    "安全第一，请佩戴头盔",
    "我们用最好的服务回报每一位顾客",
    "以最诚挚的态度服务大家",
    "力求把每一针做到极致",
    "国家级非物质文化遗产传承人制作",
    "5A级景区门票",
    "食品级硅胶勺",
    "特级初榨橄榄油",
    "100%棉",
    "100%桑蚕丝被",
    "百分百纯棉T恤",
    "绝对值与不等式",
    "唯一码可查真伪",
    "顶级域名解析教程",
    "完美日记口红",
    "王者荣耀周边手办",
    "奥运金牌得主同款训练课表",
    "万能充电器",
    "永久牌自行车",
    "极限运动护膝",
    "转运仓直发",
    "招财猫摆件",
    "消毒柜",
    "杀菌灯管",
    "晒单有礼，不限好评差评",
    "欢迎真实评价",
    "感谢您的好评",
    "本店拒绝好评返现",
    "严禁刷单，发现即封",
    "本品不能代替药物治疗疾病",
    "本品不具有治疗功效",
    "返场价79元",
    "双11特供礼盒装",
    "终身质保，全国联保",
    "领先一步到货提醒",
    "彻底清洁，温和不刺激",
    "纯棉透气，柔软亲肤",
    "满300减40，前100名送小样",
    "TOP10榜单好物",
    "No.15 号色",
    "色号 Top100",
    "包过年吃的零食礼盒",
    "",
]

FORBIDDEN, EVASIONS = FORBIDDEN + copy_sentences.FORBIDDEN, EVASIONS + copy_sentences.EVASIONS
DOUBTFUL, HARMLESS = DOUBTFUL + copy_sentences.DOUBTFUL, HARMLESS + copy_sentences.HARMLESS
LABELLED = [*((text, BLOCK) for text, _ in FORBIDDEN + EVASIONS), *((text, REVIEW) for text in DOUBTFUL), *((text, PASS) for text in HARMLESS)]


@pytest.mark.parametrize(("text", "verdict"), LABELLED)
def test_the_sentence_gets_its_label(text, verdict):
    result = scan(text)
    assert result.verdict == verdict, result.hits


@pytest.mark.parametrize(("text", "written"), FORBIDDEN + EVASIONS)
def test_a_hit_stands_where_the_sentence_writes_it(text, written):
    at = text.index(written)
    found = [text[hit.start : hit.end] for hit in scan(text).hits if hit.verdict == BLOCK and hit.start < at + len(written) and at < hit.end]
    assert found, scan(text).hits


def test_precision_and_recall_over_all_sentences():
    labelled = [*LABELLED, *((text, PASS) for text in copy_sentences.MISSED)]
    seen = Counter((label, scan(text).verdict) for text, label in labelled)
    wrong, harmless = sum(seen[BLOCK, one] for one in (BLOCK, REVIEW, PASS)), sum(seen[PASS, one] for one in (BLOCK, REVIEW, PASS))
    blocked = sum(seen[one, BLOCK] for one in (BLOCK, REVIEW, PASS))
    recall, precision, passed = seen[BLOCK, BLOCK] / wrong, seen[BLOCK, BLOCK] / blocked, seen[PASS, PASS] / harmless
    print(f"{len(labelled)} sentences: block recall {recall:.1%} of {wrong}, precision {precision:.1%} of {blocked}; {passed:.1%} of {harmless} harmless pass")
    assert len({text for text, _ in labelled}) == len(labelled) >= 1_300 and wrong >= 600 and harmless >= 600
    assert all(scan(text).verdict == BLOCK for text in copy_sentences.MISSED), "one of these is harmless to the scanner now: move it"
    assert recall >= 0.98 and precision >= 0.98 and passed >= 0.98


def test_words_do_not_reach_over_a_sentence_or_a_block_of_html():
    assert scan("口感最。佳酿").verdict != BLOCK
    assert scan("<p>适合全国</p><p>第一批发货</p>").verdict == PASS
    assert scan("国家\n级差").verdict == PASS


def test_scripts_and_styles_are_no_text():
    assert scan("<style>.最佳{}</style><script>var a='最佳'</script>面霜<!-- 最佳 -->").verdict == PASS


def test_the_longest_term_wins_and_hits_do_not_overlap():
    hits = scan("全网销量第一").hits
    assert [hit.term for hit in hits] == ["全网销量第一"]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("顾客第一，信誉至上", "服务态度"),
        ("最佳食用温度4到8℃", "使用方式"),
        ("国家级非物质文化遗产传承人制作", "国家标准"),
        ("本店拒绝好评返现", "否定"),
        ("荣获2024年最佳设计奖", "奖项"),
        ("2025年双11天猫防晒类目销量第一，数据来源见详情", "数据来源"),
    ],
)
def test_an_exemption_is_named_with_its_ground(text, ground):
    assert any(hit.exemption and ground in hit.exemption for hit in scan(text).hits)


def test_one_forbidden_term_is_not_hidden_by_an_exempt_one():
    assert scan("顾客第一，全网最低价").verdict == BLOCK


def test_good_ratings_against_money_cite_order_91():
    hit = scan("好评返现").hits[0]
    assert (hit.category, hit.verdict) == ("rating_reward", BLOCK) and "SAMR Order 91" in hit.source


def test_json_has_the_promised_fields():
    data = json.loads(json.dumps(scan("最好的面霜").to_json(), ensure_ascii=False))
    assert data["verdict"] == BLOCK
    assert {"term", "start", "end", "category", "reason", "source", "suggestion", "exemption"} <= data["hits"][0].keys()
    assert scan("面霜").to_json() == {"verdict": PASS, "hits": []}


def test_every_term_has_category_law_reason_and_remedy():
    assert len(terms()) >= 120
    for text, term in terms().items():
        assert term.category in CATEGORIES and term.verdict in (BLOCK, REVIEW) and term.source in SOURCES.values(), text
        assert term.reason and term.suggestion, text
    assert {term.category for term in terms().values()} == set(CATEGORIES)


def test_every_term_alone_is_found_as_itself():
    for text, term in terms().items():
        result = scan(text)
        assert result.verdict != PASS and (term.verdict != BLOCK or result.verdict == BLOCK), text


_EVADING = {
    "spaces": lambda word: " ".join(word),
    "emoji": lambda word: "🔥".join(word),
    "stars": lambda word: "★".join(word),
    "zero width": lambda word: "\u200b".join(word),
    "tags": lambda word: "</b><b>".join(word),
    "comments": lambda word: "<!-- x -->".join(word),
    "entities": lambda word: "".join(f"&#{ord(one)};" for one in word),
    "hexadecimal": lambda word: "".join(f"&#x{ord(one):X};" for one in word),
    "brackets": lambda word: "】【".join(word),
    "quotes": lambda word: "“".join(word),
}
_BLOCKED = sorted(text for text, term in terms().items() if term.verdict == BLOCK and text.isalpha())


@settings(max_examples=300, deadline=None)
@given(word=st.sampled_from(_BLOCKED), evade=st.sampled_from(sorted(_EVADING)), before=st.sampled_from(["", "面料。", "<p>Ａ，", "🎁&nbsp;！", "國，"]))
def test_a_word_written_to_evade_is_found_exactly_where_it_stands(word, evade, before):
    written = _EVADING[evade](word)
    text = f"{before}{written}，好物"
    hits = [hit for hit in scan(text).hits if hit.verdict == BLOCK]
    assert hits, text
    assert (hits[0].start, hits[-1].end) == (len(before), len(before) + len(written)), [text[hit.start : hit.end] for hit in hits]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("销量N0.1的锅", "销量N0.1"), ("全网ＺＵＩ低", "全网ＺＵＩ低"), ("好坪反现", "好坪反现"), ("好评🧧", "好评🧧"), ("国家ji", "国家ji"), ("№1品牌", "№1品牌"),
        ("5⭐晒图返3元", "5⭐晒图返3元"), ("加 薇 信 号：a1", "加 薇 信 号"), ("亲，銷&nbsp;量<i>第</i>①！", "銷&nbsp;量<i>第</i>①"), ("最\n低\n价", "最\n低\n价"),
    ],
)  # fmt: skip
def test_rewritten_words_map_back_to_what_was_written(text, written):
    hit = next(hit for hit in scan(text).hits if hit.verdict == BLOCK)
    assert text[hit.start : hit.end].startswith(written)


def test_a_negation_does_not_reach_over_a_blank_or_a_turn():
    assert scan("没有副作用 根治鼻炎").verdict == BLOCK
    assert scan("不是药物却能治疗鼻炎").verdict == BLOCK
    assert scan("无需手术治愈近视").verdict == BLOCK
    assert scan("本品不能治疗鼻炎").verdict == PASS


def test_an_approval_number_asks_a_person_instead_of_blocking():
    assert scan("治疗鼻炎的喷剂").verdict == BLOCK
    hit = scan("治疗鼻炎的喷剂 国药准字Z20230001").hits[0]
    assert hit.verdict == REVIEW and "批准文号" in hit.exemption


def test_what_is_never_closed_hides_nothing():
    assert scan("<!-- 全网最低价").verdict == BLOCK
    assert scan("<script>全网最低价").verdict == BLOCK
    assert scan("<!-- 全网最低价 -->好物").verdict == PASS


def test_words_of_public_lists_that_are_left_out_pass_alone_and_are_caught_in_a_claim():
    with files("ecops.copyscan").joinpath("left_out.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert len(rows) >= 20
    for row in rows:
        assert row["category"] in CATEGORIES and row["source"] in SOURCES and row["reason"] and row["term"] not in terms(), row
        assert scan(row["term"]).verdict == PASS and scan(row["caught"]).verdict != PASS, row


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("最第一佳好评返现 国家级<b></p>&;#26No.1ＮＯ·zui销量的，。\n\u200b")))
def test_any_text_is_scanned_and_hits_lie_inside_it_in_order(text):
    hits = scan(text).hits
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert all(one.end <= other.start for one, other in zip(hits, hits[1:], strict=False))


@given(st.text())
def test_every_normal_character_knows_where_it_came_from(text):
    clean = normal(text)
    assert len(clean.text) == len(clean.origin)
    assert all(0 <= start < end <= len(text) for start, end in clean.origin)
    assert list(clean.origin) == sorted(clean.origin)


def test_a_long_page_takes_little_time():
    from time import process_time

    page = "<p>纯棉透气，柔软亲肤，第一次购买请看尺码表，最大承重150公斤。</p>" * 2_000  # ~80,000 characters
    began = process_time()
    assert scan(page).verdict == PASS
    assert process_time() - began < 3


def test_thousands_of_titles_take_less_than_a_second():
    from time import process_time

    titles = [f"{text} {n}号" for n in range(5) for text, _ in LABELLED][:4_477]
    scan("最佳")  # the automaton and the expressions are built once
    began = process_time()
    for title in titles:
        scan(title)
    assert process_time() - began < 3  # four in ten of these have hits; real titles, of which few have, take a quarter of a second


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<a ", "&a", "治疗各种", "第一", "最\n", "好评", "好 ", "🔥最", "不是", "2024年"])
def test_no_text_makes_the_scanner_slow(piece):
    from time import process_time

    began = process_time()
    scan(piece * 10_000)
    assert process_time() - began < 5
