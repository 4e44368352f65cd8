"""Search words beside titles: which characters of a word a title has, the title nearest to it, and what is missing."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import known
from tasks._windows import today


def wanted_words(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Words of each shop's newest list that are searched for enough; without a count they stay, for an index says nothing of size."""
    count = pl.col("searches")
    return (
        known(frames, "search_words", ask)
        .filter(pl.col("date") <= today(ask))
        .filter(pl.col("date") == pl.col("date").max().over("shop"))
        .filter(count.is_null() | (count >= ask.params.min_searches))
        .with_columns(keyword=_plain(pl.col("keyword")))
        .filter(pl.col("keyword").str.len_chars() >= 2)
        .group_by("shop", "keyword")
        .agg(pl.col("category").drop_nulls().sort().first(), count.max(), pl.col("search_index").max())
        .with_columns(counted=pl.col("searches").is_not_null())
        .sort("shop", "keyword")
        .collect()
        .with_row_index("word")
    )


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", "")


def titles_on_sale(frames: Frames, ask: Ask) -> pl.DataFrame:
    blank = pl.col("title").str.strip_chars().fill_null("") == ""
    rows = known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True), ~blank)
    return rows.select("shop", "item_id", "title", plain=_plain(pl.col("title"))).sort("shop", "item_id").collect()


def nearest_titles(words: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Each word with the title that has most of its characters, `hit` of `letters` of them, and the `missing` ones in order."""
    pairs = _exploded(words.select("shop", "word", text="keyword"), "word")
    have = _exploded(titles.with_row_index("nth").select("shop", "nth", text="plain"), "nth").select("shop", "nth", "pair").unique()
    found = pairs.join(have, on=["shop", "pair"])
    # a pair found stands for both of its characters
    letters = pl.concat([found.select("word", "nth", "at"), found.select("word", "nth", pl.col("at") + 1)]).unique()
    hits = letters.group_by("word", "nth").agg(hit=pl.len().cast(pl.Int64), places=pl.col("at").sort())
    best = hits.sort("word", "hit", "nth", descending=[False, True, False]).unique("word", keep="first", maintain_order=True)
    named = best.join(titles.with_row_index("nth").select("nth", "item_id", "title"), on="nth", how="left")
    near = words.join(named.drop("nth"), on="word", how="left", maintain_order="left")
    near = near.with_columns(letters=pl.col("keyword").str.len_chars().cast(pl.Int64))
    return near.join(_missing(near), on="word", how="left", maintain_order="left").with_columns(pl.col("missing").fill_null(""))


def _exploded(frame: pl.DataFrame, number: str) -> pl.DataFrame:
    """A row for each pair of neighbouring characters of `text`, with the place of the first."""
    length = pl.col("text").str.len_chars().cast(pl.Int64)
    rows = frame.filter(length >= 2).with_columns(at=pl.int_ranges(0, length - 1)).explode("at")
    return rows.with_columns(pair=pl.col("text").str.slice(pl.col("at"), 2))


def _missing(near: pl.DataFrame) -> pl.DataFrame:
    letters = near.select("word", "keyword", "places", at=pl.int_ranges(0, pl.col("letters"))).explode("at")
    absent = letters.filter(~pl.col("at").is_in(pl.col("places")).fill_null(False))
    return absent.group_by("word").agg(missing=pl.col("keyword").str.slice(pl.col("at"), 1).sort_by("at").str.join(""))


def title_width(text: pl.Expr) -> pl.Expr:
    """Width of a title as Taobao counts: 2 for a Chinese character, 1 for others."""
    return text.str.len_chars().cast(pl.Int64) + text.str.count_matches(r"[^\x00-\x7f]").cast(pl.Int64)
