"""How the demo shops are judged: the platform's scores day by day, and what people post about them; instants local."""

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from ecops.shop.demo.plan import Plan

_TAOBAO, _OTHERS = ("描述相符", "服务态度", "物流服务"), ("商品体验", "服务体验", "物流体验")
_USUAL, _PEERS = (4.86, 4.84, 4.82), (4.78, 4.76, 4.74)
FALL_AFTER, _FALL_DAYS, _FALL, DIP = 70, 8, 0.20, 0.05
_STEP = 8

# A post comes again every so many days: (day of the period, every, what, judged negative, answered after hours)
_POSTS = (
    (2, 9, "praise", False, None),
    (4, 11, "blame", True, 20.0),
    (6, 30, "blame_in_time", True, 24.0),
    (9, 15, "blame_unanswered", True, None),
    (10, 15, "blame_unanswered_copy", True, None),
    (13, 21, "irony", None, None),
)
_POST = {"nth": pl.Int64, "time": pl.Int64, "day": pl.Date, "what": pl.String, "negative": pl.Boolean, "hours": pl.Float64}
_TEXTS = {
    "praise": "在{name}买的{good}真不错，同事都来问链接",
    "blame": "{name}的{good}等了一周才到，问客服也说不清",
    "blame_in_time": "{name}的{good}这次发错货了，希望尽快处理",
    "blame_unanswered": "避雷！{name}的{good}和图片完全两样，怀疑是假货",
    "blame_unanswered_copy": "避雷！{name}的{good}，和图片完全两样，怀疑是假货！",
    "irony": "{name}家{good}的发货速度可真是“快”啊，佩服佩服",
}
_CHANNELS = ("小红书", "微博", "抖音", "知乎")
_HOUR = 13
_WATCHED = 6


def names_of(platform: pl.Expr, nth: int) -> pl.Expr:
    """What the platform calls its scores."""
    return pl.when(platform.is_in(["taobao", "tmall"])).then(pl.lit(_TAOBAO[nth])).otherwise(pl.lit(_OTHERS[nth]))


def scores(shops: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `scores`, three a day. By turns of the shops the third falls for good, the second is just its peers', the first dips a little."""
    frame = shops.select("shop", "platform", shop_number="number").join(pl.DataFrame({"date": plan.days}), how="cross")
    day, turn = (pl.col("date") - plan.since).dt.total_days(), pl.col("shop_number") % 3
    fallen = ((day - FALL_AFTER) / _FALL_DAYS).clip(0, 1) * _FALL
    changes = (
        pl.when((turn == 2) & day.is_between(FALL_AFTER, FALL_AFTER + _FALL_DAYS)).then(-DIP).otherwise(0.0),
        pl.when(turn == 1).then(_PEERS[1] - _USUAL[1]).otherwise(0.0),
        pl.when(turn == 0).then(-fallen).otherwise(0.0),
    )
    return pl.concat([_score(frame, nth, change, plan) for nth, change in enumerate(changes)])


def _score(frame: pl.DataFrame, nth: int, change: pl.Expr, plan: Plan) -> pl.DataFrame:
    moment = (pl.col("shop_number") * 2**16 + pl.col("date").dt.epoch("d").cast(pl.Int64)) * _STEP + nth
    equal = (pl.col("shop_number") % 3 == 1) & pl.lit(nth == 1)
    noise = pl.when(equal).then(0.0).otherwise(0.02 * plan.dice(moment, "score") - 0.01)
    return frame.with_columns(score_name=names_of(pl.col("platform"), nth), score=(_USUAL[nth] + change + noise).round(2), peer_score=pl.lit(_PEERS[nth]))


def posts(shops: pl.DataFrame, items: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Kind `posts`: praise, blame that is answered in time, blame nobody answers, the same words again, irony nobody has judged."""
    table = pl.DataFrame(list(_planned(plan)), schema=_POST, orient="row")
    frame = shops.select("shop", "name", shop_number="number").join(table, how="cross")
    number = pl.col("shop_number") * 4096 + pl.col("nth")
    seconds = (_HOUR * 3600 + plan.dice(number, "posted") * 4 * 3600).cast(pl.Int64)
    frame = frame.with_columns(
        post_id="x" + plan.token(number, "post"), position=pl.col("time") % _WATCHED,
        at=pl.col("day").cast(pl.Datetime("us")) + pl.duration(seconds=seconds),
        channel=(plan.dice(number, "post's channel") * len(_CHANNELS)).cast(pl.Int64).replace_strict(dict(enumerate(_CHANNELS)), return_dtype=pl.String),
    )  # fmt: skip
    frame = frame.join(items.select("shop", "position", "item_id", good="category"), on=["shop", "position"], how="left", maintain_order="left")
    answered = pl.col("at") + pl.duration(seconds=(pl.col("hours") * 3600).cast(pl.Int64))
    return frame.with_columns(text=_text(), answered_at=plan.known(answered)).filter(pl.col("at") < plan.end)


def _planned(plan: Plan) -> Iterator[tuple]:
    """The posts of the period by day, `time` counting those of a sort: the next is of another item, a copy of the item of what it copies."""
    for number, day in enumerate(plan.days):
        for turn, (first, every, what, negative, hours) in enumerate(_POSTS):
            if number >= first and (number - first) % every == 0:
                yield number * len(_POSTS) + turn, (number - first) // every, day, what, negative, hours


def _text() -> pl.Expr:
    text = pl.col("what").replace_strict(_TEXTS, return_dtype=pl.String)
    for name in ("name", "good"):
        text = text.str.replace(f"{{{name}}}", pl.col(name), literal=True)
    return text


def told(posts: pl.DataFrame, platforms: dict[str, tuple[int, str]], plan: Plan) -> dict[str, list[dict[str, object]]]:
    """What is to be found, shop by shop, ready for JSON. `platforms`: number and platform by shop."""
    found = {shop: _of_scores(number, platform, plan) for shop, (number, platform) in platforms.items()}
    of_posts = {"blame_unanswered": ("post_unanswered", True), "blame_in_time": ("post_answered_at_the_limit", False), "irony": ("post_unjudged", True)}
    groups = posts.filter(pl.col("what").is_in(list(of_posts))).sort("shop", "at").group_by("shop", "what", maintain_order=True).agg("post_id")
    for shop, what, ids in groups.sort("shop", "what").iter_rows():
        name, hit = of_posts[what]
        found[shop].append({"what": name, "hit": hit, "post_ids": ids})
    copies = posts.filter(what="blame_unanswered_copy").sort("shop", "at").group_by("shop", maintain_order=True).agg("post_id")
    for shop, ids in copies.iter_rows():
        found[shop].append({"what": "post_copied", "hit": False, "post_ids": ids})
    return found


def _of_scores(number: int, platform: str, plan: Plan) -> list[dict[str, object]]:
    names = _TAOBAO if platform in ("taobao", "tmall") else _OTHERS
    begins = plan.day(FALL_AFTER)
    if number % 3 == 1:
        return [{"what": "score_like_peers", "hit": False, "score_name": names[1]}]
    if begins > plan.until:
        return []
    span = {"from": begins.isoformat(), "until": (begins + timedelta(days=_FALL_DAYS)).isoformat()}
    if number % 3 == 0:
        return [{"what": "score_falls", "hit": True, "score_name": names[2], **span}]
    return [{"what": "score_dips_a_little", "hit": False, "score_name": names[0], **span}]
