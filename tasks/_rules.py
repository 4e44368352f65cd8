"""The register of the platforms' rules: which hold, which are bad notices, and until when the pages must be swept."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._papers import plain
from tasks._rows import instant, known, local_date
from tasks._windows import today

PLATFORMS = ("taobao", "tmall", "douyin", "pdd", "jd", "淘宝", "天猫", "抖音", "抖店", "拼多多", "京东", "淘系")
_SAME = ("plain_platform", "plain_title", "terms", "text")


def register(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Every notice with `applies` (its words are forbidden now), `replaced`, `copy_of` (the same notice came before under that number),
    `due_at` and `elapsed_seconds` of the clock since publication, `running` (published within `ask.params.clock`), and `faults`.

    A replaced rule holds until the day its successor takes effect; one whose successor has no such day goes on holding.
    """
    rows = (
        known(frames, "rules", ask)
        .filter((pl.col("published_at") <= instant(ask.as_of)).fill_null(True))
        .select("shop", "rule_id", "platform", "title", "published_at", "effective_on", "terms", "replaces", "text")
        .with_columns(plain_platform=plain(pl.col("platform")), plain_title=plain(pl.col("title")))
        .sort("shop", "published_at", "rule_id", nulls_last=True)
        .collect()
    )
    rows = _with_copies(rows)
    rows = _with_successors(rows, ask)
    age = instant(ask.as_of) - pl.col("published_at")
    return rows.with_columns(
        applies=pl.col("copy_of").is_null() & ~pl.col("replaced"),
        due_at=pl.col("published_at") + ask.params.limit,
        elapsed_seconds=age.dt.total_seconds(),
        running=(age <= ask.params.clock).fill_null(False) & pl.col("copy_of").is_null() & ~pl.col("replaced"),
        faults=_faults(ask),
    )


def _with_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """`copy_of`: a notice with the same platform, title, words and text that was published before."""
    first = pl.col("rule_id").first().over("shop", *_SAME, order_by=pl.int_range(pl.len()))
    told = pl.col("plain_title").is_not_null()
    return rows.with_columns(copy_of=pl.when(told & (first != pl.col("rule_id"))).then(first))


def _with_successors(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """`replaced`: a successor is in force; `rivals`: several notices replace the same one, or stand beside each other under one title."""
    named = rows.filter(pl.col("copy_of").is_null(), pl.col("replaces").is_not_null(), pl.col("replaces") != pl.col("rule_id"))
    in_force = (pl.col("effective_on") <= today(ask)).fill_null(False)
    after = named.group_by("shop", "replaces").agg(replaced=in_force.any(), successors=pl.len().cast(pl.Int64))
    rows = rows.join(after, left_on=["shop", "rule_id"], right_on=["shop", "replaces"], how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("replaced").fill_null(False), pl.col("successors").fill_null(0))
    ids = rows.select("shop", replaces="rule_id", known_rule=pl.lit(True))
    rows = rows.join(ids, on=["shop", "replaces"], how="left", maintain_order="left")
    stands = pl.col("copy_of").is_null() & (pl.col("successors") == 0) & pl.col("plain_title").is_not_null()
    beside = stands.sum().over("shop", "plain_platform", "plain_title") > 1
    siblings = (pl.col("rule_id").count().over("shop", "replaces") > 1) & pl.col("replaces").is_not_null() & pl.col("copy_of").is_null()
    return rows.with_columns(rivals=(stands & beside) | siblings)


def _faults(ask: Ask) -> pl.Expr:
    """Codes: no_publication, no_effective_date, past_date, unknown_platform, same_notice, overlapping, replaces_unknown."""
    past = pl.col("effective_on") < local_date("published_at", ask)
    found = {
        "no_publication": pl.col("published_at").is_null(),
        "no_effective_date": pl.col("effective_on").is_null(),
        "past_date": past,
        "unknown_platform": ~pl.col("plain_platform").is_in(PLATFORMS).fill_null(False),
        "same_notice": pl.col("copy_of").is_not_null(),
        "overlapping": pl.col("rivals"),
        "replaces_unknown": pl.col("replaces").is_not_null() & pl.col("known_rule").is_null(),
    }
    return pl.concat_list(pl.when(when.fill_null(False)).then(pl.lit(code)) for code, when in found.items()).list.drop_nulls()


def forbidden(rules: pl.DataFrame) -> dict[str, dict[str, str]]:
    """The words the rules that apply forbid, by shop: word -> title of the rule (its number where it has no title)."""
    named = rules.filter("applies", pl.col("terms").is_not_null()).with_columns(
        rule=pl.coalesce(pl.col("title"), pl.col("rule_id")), word=pl.col("terms").str.replace_all(r"[,，;；\n]", "、").str.split("、")
    )
    words = named.explode("word").with_columns(pl.col("word").str.strip_chars()).filter(pl.col("word") != "")
    by_shop: dict[str, dict[str, str]] = {}
    for shop, word, rule in words.select("shop", "word", "rule").iter_rows():
        by_shop.setdefault(shop, {}).setdefault(word, rule)
    return by_shop
