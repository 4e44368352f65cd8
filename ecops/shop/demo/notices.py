"""The platforms' rules as the demo shops keep them, and the look at their home page; instants local."""

from datetime import date, datetime, time, timedelta

import polars as pl

from ecops.shop.demo.plan import Plan
from ecops.shop.demo.words import HARMLESS_WORDS

_COUNTDOWN = next(term for position, where, term, _ in HARMLESS_WORDS if position == 18 and where == "title")
# (rule, day of the period it is published on, hour, day it takes effect, words it forbids, the rule it replaces, title, text)
_RULES = (
    ("old", -200, 10, -190, None, None, "发货时效规则", "自付款起四十八小时内发货，预售商品按约定时间发货。"),
    ("titles", 5, 10, 6, _COUNTDOWN, None, "标题倒计时用语规范", "商品标题不得以倒计时用语制造紧迫感。"),
    ("late-notice", 30, 15, 20, None, None, "售后服务规范", "售后申请须在四十八小时内处理。"),
    ("titles-again", 33, 9, 6, _COUNTDOWN, None, "标题倒计时用语规范", "商品标题不得以倒计时用语制造紧迫感。"),
    ("dispatch", 60, 14, 75, None, "old", "发货时效规则（修订）", "自付款起四十八小时内发货，大促订单按活动规则发货。"),
)  # fmt: skip
PAST_DATE, SAME_AGAIN, WITH_WORDS = "late-notice", "titles-again", "titles"

_PAGE = "首页"
_BLOCKS = {"brand": "品牌故事", "category": "分类", "trust": "信任背书"}
_TEXTS = {"brand": "{name}，十年只做一件事", "category": "上新 · 热卖 · 清仓", "trust": "质检报告公示，正品保障，七天无理由退换"}
_LOOKED_AT = 9
# By turns of four shops: all is well, a block is empty, its links are dead, or it is not there at all.
_FAULTS = {1: ("trust", "home_block_empty"), 2: ("category", "home_block_dead_link"), 3: ("trust", "home_block_missing")}


def rules(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `rules`: one that holds of old and its revision, one that forbids words, the same again, one that takes effect before it is published."""
    names = ["rule", "day", "hour", "effective", "terms", "replaced", "title", "text"]
    table = pl.DataFrame(_RULES, schema=names, orient="row").with_columns(
        published_at=pl.lit(plan.start) + pl.duration(days="day", hours="hour"), effective_on=pl.lit(plan.since) + pl.duration(days="effective"),
        rule_id=_rule_id("rule"), replaces=_rule_id("replaced"),
    )  # fmt: skip
    return shops.select("shop", "platform").join(table.filter(pl.col("published_at") < plan.end), how="cross")


def _rule_id(column: str) -> pl.Expr:
    return pl.format("rule-{}", column)


def pages(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `pages`: the home page as looked at on the last day, and under its Chinese words on the eve of the last campaign.

    A block of a page is kept with its latest look alone, so these follow `until`.
    """
    looks = [(block, block, _look(plan.until)) for block in _BLOCKS]
    past = [peak for peak in plan.peaks if plan.since < peak <= plan.until]
    looks += [(block, word, _look(past[-1] - timedelta(days=1))) for block, word in _BLOCKS.items() if past]
    table = pl.DataFrame(looks, schema={"key": pl.String, "block": pl.String, "checked_at": pl.Datetime("us")}, orient="row")
    frame = shops.select("shop", "name", turn=pl.col("number") % 4).join(table, how="cross")
    bad = {what: _is(turn, block) for turn, (block, what) in _FAULTS.items()}
    text = pl.col("key").replace_strict(_TEXTS, return_dtype=pl.String).str.replace("{name}", pl.col("name"), literal=True)
    return frame.filter(~bad["home_block_missing"]).with_columns(
        page=pl.lit(_PAGE), text=pl.when(bad["home_block_empty"]).then(pl.lit("<p></p>")).otherwise(text), link_works=~bad["home_block_dead_link"]
    )


def _look(day: date) -> datetime:
    return datetime.combine(day, time(_LOOKED_AT))


def _is(turn: int, block: str) -> pl.Expr:
    return (pl.col("turn") == turn) & (pl.col("key") == block)


def told(number: int, ids: dict[int, str], plan: Plan) -> list[dict[str, object]]:
    """What is to be found in a shop's rules and pages, ready for JSON."""
    there = {rule for rule, day, *_ in _RULES if plan.day(day) <= plan.until}
    found: list[dict[str, object]] = []
    if WITH_WORDS in there:
        found.append({"what": "rule_forbids_words", "hit": True, "rule_id": f"rule-{WITH_WORDS}", "item_ids": [ids[18]], "term": _COUNTDOWN})
    found += [
        {"what": what, "hit": True, "rule_id": f"rule-{rule}"}
        for rule, what in ((PAST_DATE, "rule_with_past_date"), (SAME_AGAIN, "rule_published_twice"))
        if rule in there
    ]
    if number % 4 in _FAULTS:
        block, what = _FAULTS[number % 4]
        found.append({"what": what, "hit": True, "block": block})
    return found
