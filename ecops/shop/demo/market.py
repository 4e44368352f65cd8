"""What people of the demo shops collect about the market: search words, the competitors' structure, what buyers ask for and need."""

from datetime import date

import polars as pl

from ecops.shop.demo.plan import WITHDRAWN, Plan
from ecops.shop.demo.words import COMPETITORS, THEMES, Theme
from ecops.shop.kinds import ALL

_ENDINGS = ("学生", "送礼", "大容量")  # what buyers add to a word and no title has
_WITH_ENDINGS = 5
_GROWING, _GROWTH = 1, 1.08  # the second word of every list is searched for more every week
_INDEX_ONLY = 11  # of this word only the index is known
_STEP, _WEEK_STEP = 64, 2**20
_TAGS = ("什么时候发货", "有没有优惠", "支持七天无理由吗")
_PARTS = {
    "traffic": (("搜索", 4.0), ("推荐", 3.0), ("直播", 2.0), ("站外", 1.0)),
    "price": (("9.9元款", 1.5), ("50元以下", 4.0), ("50–150元", 3.0), ("150元以上", 1.5)),
    "goods": (("引流款", 3.0), ("利润款", 5.0), ("形象款", 1.0)),
}
UNSOUND = (COMPETITORS[1], "price")  # its parts add up to 93 %
_UNSOUND_SUM = 0.93
_MONTHS_BEFORE = 2


def _words(theme: Theme) -> list[str]:
    """The words of a list: the trade's keywords, the names of its goods, and some of those with an ending."""
    names = [name for name, _ in theme.goods]
    endings = [name + _ENDINGS[at % len(_ENDINGS)] for at, name in enumerate(names[:_WITH_ENDINGS])]
    return list(dict.fromkeys([*theme.keywords, *names, *endings]))


def _by_theme(rows: dict[str, list[tuple]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    flat = [(theme, at, *row) for theme, listed in rows.items() for at, row in enumerate(listed)]
    return pl.DataFrame(flat, schema={"theme": pl.String, "at": pl.Int64} | schema, orient="row")


def _mondays(plan: Plan) -> list[date]:
    return [day for day in plan.days if day.weekday() == 0] or [plan.since]


def search_words(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `search_words`: the list of every Monday."""
    rows = {theme.name: [(word, theme.goods[at % len(theme.goods)][0]) for at, word in enumerate(_words(theme))] for theme in THEMES}
    table = _by_theme(rows, {"keyword": pl.String, "category": pl.String})
    frame = shops.select("shop", "theme", shop_number="number").join(table, on="theme").join(pl.DataFrame({"date": _mondays(plan)}), how="cross")
    word = pl.col("shop_number") * _STEP + pl.col("at")
    moment = pl.col("date").dt.epoch("d").cast(pl.Int64) * _WEEK_STEP + word
    week = (pl.col("date") - plan.since).dt.total_days() // 7
    growth = pl.when(pl.col("at") == _GROWING).then(pl.lit(_GROWTH).pow(week)).otherwise(0.95 + 0.1 * plan.dice(moment, "searched today"))
    size = 60 + 2400 * plan.dice(word, "searched").pow(2)
    searches = (size * growth).round().cast(pl.Int64)
    clicks = (searches * (0.3 + 0.3 * plan.dice(word, "clicked"))).round().cast(pl.Int64)
    visitors = (clicks * 0.08).round().cast(pl.Int64)
    buyers = (visitors * (0.02 + 0.06 * plan.dice(word, "word converts"))).round().cast(pl.Int64)
    told = {"searches": searches, "clicks": clicks, "visitors": visitors, "pay_buyers": buyers}
    known = pl.col("at") != _INDEX_ONLY
    frame = frame.with_columns(**{name: pl.when(known).then(value) for name, value in told.items()}, search_index=(size * growth).sqrt() * 100)
    return frame.with_columns(conversion_rate=pl.when(pl.col("visitors") > 0).then((pl.col("pay_buyers") / pl.col("visitors")).round(4)))


def competitor_shares(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `competitor_shares`: on the first of every month, from two months before the period on."""
    rows = [(rival, n, aspect, part, weight) for n, rival in enumerate(COMPETITORS) for aspect, parts in _PARTS.items() for part, weight in parts]
    table = pl.DataFrame(rows, schema=["competitor", "rival", "aspect", "part", "weight"], orient="row").with_row_index("at")
    frame = shops.select("shop", shop_number="number").join(table, how="cross").join(pl.DataFrame({"date": _firsts(plan)}), how="cross")
    moment = (pl.col("shop_number") * 4096 + pl.col("date").dt.year() % 100 * 12 + pl.col("date").dt.month()) * _STEP + pl.col("at")
    mix = ["shop", "date", "competitor", "aspect"]
    blurred = pl.col("weight") * (0.8 + 0.4 * plan.dice(moment, "rival's share"))
    # in ten-thousandths, the last part taking what is left, so that the whole is the whole
    parts = (blurred / blurred.sum().over(mix) * 10_000).round().cast(pl.Int64)
    frame = frame.sort(*mix, "at").with_columns(parts=parts)
    last = pl.col("at") == pl.col("at").max().over(mix)
    whole = pl.when(last).then(10_000 - pl.col("parts").sum().over(mix) + pl.col("parts")).otherwise("parts")
    unsound = (pl.col("competitor") == UNSOUND[0]) & (pl.col("aspect") == UNSOUND[1])
    return frame.with_columns(share_rate=(whole / 10_000 * pl.when(unsound).then(_UNSOUND_SUM).otherwise(1.0)).round(6))


def _firsts(plan: Plan) -> list[date]:
    months = range(plan.since.year * 12 + plan.since.month - 1 - _MONTHS_BEFORE, plan.until.year * 12 + plan.until.month)
    return [date(number // 12, number % 12 + 1, 1) for number in months]


def service_tags(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `service_tags`: on every Monday how often each tag was given in the week before."""
    table = _by_theme({theme.name: [(tag,) for tag in (*theme.keywords[:3], theme.complaint, *_TAGS)] for theme in THEMES}, {"tag": pl.String})
    frame = shops.select("shop", "theme", "size", shop_number="number").join(table, on="theme")
    frame = frame.join(pl.DataFrame({"date": _mondays(plan)}), how="cross").with_columns(item_id=pl.lit(ALL))
    moment = pl.col("date").dt.epoch("d").cast(pl.Int64) * _WEEK_STEP + pl.col("shop_number") * _STEP + pl.col("at")
    return frame.with_columns(times=(1 + 14 * pl.col("size").sqrt() * plan.dice(moment, "tagged")).round().cast(pl.Int64))


# Needs by the trade's keywords, in this order: the positions that cover one; none: nobody does.
_COVERED = ((0, 12), (1,), (WITHDRAWN,), (), (8, WITHDRAWN))


def needs(shops: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Kind `needs`: what buyers look for, the first the most, and the items for it."""
    rows = {
        theme.name: [(word, position, float(len(_COVERED) - at)) for at, word in enumerate(theme.keywords) for position in _COVERED[at] or (None,)]
        for theme in THEMES
    }
    table = _by_theme(rows, {"need": pl.String, "position": pl.Int64, "weight": pl.Float64})
    frame = shops.select("shop", "theme").join(table, on="theme")
    frame = frame.join(items.select("shop", "position", "item_id"), on=["shop", "position"], how="left", maintain_order="left")
    return frame.with_columns(pl.col("item_id").fill_null(ALL))


def told(ids: dict[int, str], theme: str, plan: Plan) -> list[dict[str, object]]:
    """What is to be found in what a shop collected, ready for JSON."""
    this = next(one for one in THEMES if one.name == theme)
    words, names = _words(this), [name for name, _ in this.goods]
    found: list[dict[str, object]] = [
        {"what": "need_uncovered", "hit": True, "need": this.keywords[2], "item_ids": [ids[WITHDRAWN]]},
        {"what": "need_uncovered", "hit": True, "need": this.keywords[3], "item_ids": []},
        {"what": "need_half_withdrawn", "hit": False, "need": this.keywords[4], "item_ids": [ids[8], ids[WITHDRAWN]]},
        {"what": "shares_do_not_add_up", "hit": True, "competitor": UNSOUND[0], "aspect": UNSOUND[1]},
        {"what": "search_index_only", "hit": False, "keyword": words[_INDEX_ONLY]},
    ]
    found += [{"what": "search_word_in_titles", "hit": False, "keyword": name} for name in names[:2]]
    if len(_mondays(plan)) > 1:
        found.append({"what": "search_word_growing", "hit": True, "keyword": words[_GROWING]})
    return found
