"""What buyers look for, what of it competitors sell, and what they ask the service for: three feeds against one list of terms."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rivals import monthly_counts, not_a_count
from tasks._rows import known
from tasks._windows import today

_TERM = ["shop", "term"]


def plain(text: pl.Expr) -> pl.Expr:
    """Words as one compares them: half-width, lower case, single blanks between; null of less than two characters."""
    bare = text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(bare.str.len_chars() >= 2).then(bare)


def searched_words(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Words of each shop's newest list: `searches` (people; null where the list has an index only), `search_index`, the searches of
    the list before, and `measure`: count where any word of the list has one, else index.
    """
    rows = known(frames, "search_words", ask).filter(pl.col("date") <= today(ask)).with_columns(term=plain(pl.col("keyword")))
    rows = rows.filter(pl.col("term").is_not_null(), pl.col("date") >= today(ask) - ask.params.stale_after).with_columns(
        nth=pl.col("date").rank("dense", descending=True).over("shop")
    )
    of = {n: pl.col("nth") == n for n in (1, 2)}
    return (
        rows.group_by(_TERM)
        .agg(
            searches=pl.col("searches").filter(of[1]).max(), searches_before=pl.col("searches").filter(of[2]).max(),
            search_index=pl.col("search_index").filter(of[1]).max(), listed=of[1].any(),
        )
        .filter("listed")
        .drop("listed")
        .with_columns(measure=pl.when(pl.col("searches").is_not_null().any().over("shop")).then(pl.lit("count")).otherwise(pl.lit("index")))
        .sort(_TERM)
        .collect()
    )  # fmt: skip


def rival_sales(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sales, ignored): each competitor's item with the units of its newest usable month, and the rows that are not counted."""
    ends = pl.col("month").dt.offset_by("1mo")
    oldest = pl.lit(today(ask)).dt.month_start().dt.offset_by(f"-{ask.params.max_months}mo")
    reason = (
        pl.when(pl.col("month").is_null()).then(pl.lit("month unknown"))
        .when(ends > today(ask)).then(pl.lit("month not over"))
        .when(pl.col("month") < oldest).then(pl.lit("month too old"))
        .when(plain(pl.col("title")).is_null()).then(pl.lit("no title"))
        .when(pl.col("count").is_null()).then(not_a_count())
    )  # fmt: skip
    rows = known(frames, "competitor_items", ask).with_columns(**monthly_counts()).with_columns(reason=reason).collect()
    key = ["shop", "competitor", "competitor_item_id"]
    sales = (
        rows.filter(pl.col("reason").is_null())
        .sort(*key, "month", "date", "count")
        .unique(key, keep="last", maintain_order=True)
        .select(*key, "title", "month", "count", "at_least", text=plain(pl.col("title")))
    )
    ignored = rows.filter(pl.col("reason").is_not_null()).select(
        "shop", pl.lit("competitor_items").alias("feed"), pl.coalesce("title", "competitor_item_id").alias("what"), "month", "reason"
    )
    return sales, ignored


def tags_heard(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(tags, ignored): how often each tag was given in the window, and the rows without a count."""
    inside = pl.col("date").is_between(today(ask) - ask.params.window, today(ask), closed="left")
    rows = known(frames, "service_tags", ask).filter(inside).with_columns(text=plain(pl.col("tag"))).collect()
    tags = rows.filter(pl.col("times") > 0, pl.col("text").is_not_null()).group_by("shop", "text").agg(pl.col("times").sum()).sort("shop", "text")
    ignored = rows.filter(pl.col("times").is_null()).select(
        "shop", pl.lit("service_tags").alias("feed"), pl.col("tag").alias("what"), month=pl.col("date").dt.month_start(), reason=pl.lit("times unknown")
    )
    return tags, ignored


def demand_terms(words: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """The terms that are ranked: the words searched for, and what buyers ask the service for in words of their own."""
    own = tags.select("shop", term="text")
    return pl.concat([words.select(_TERM), own]).unique().sort(_TERM).with_row_index("nth")


def covering(terms: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Pairs (nth, text) of a shop's terms and texts where every character of the term stands in the text beside a neighbour of it.

    So `连衣裙夏季` is found in `夏季新款连衣裙`, and a word of two characters only where they stand together. A blank parts the words
    of a term; a character alone between blanks decides nothing.
    """
    wanted = _neighbours(terms, "term").select("shop", "nth", "at", "pair", "end")
    bare = texts.select("shop", "text", bare=pl.col("text").str.replace_all(" ", "", literal=True)).unique()
    there = _neighbours(bare, "bare").select("shop", "text", "pair").unique()
    # the outer characters of a word have one neighbour each: without the pairs at its ends a word is not there
    ends = wanted.filter("end")
    near = ends.join(there, on=["shop", "pair"]).group_by("nth", "text").agg(met=pl.len())
    near = near.join(ends.group_by("nth").agg(ends=pl.len()), on="nth").filter(pl.col("met") == pl.col("ends")).select("nth", "text")
    inside = wanted.filter(~pl.col("end")).select("nth", "at")  # a character between two of these pairs stands on no end's pair
    inner = inside.join(inside.with_columns(pl.col("at") + 1), on=["nth", "at"], how="semi")
    return pl.concat([near.join(inner, on="nth", how="anti"), _with_inner(near, inner, wanted, there)])


def _with_inner(near: pl.DataFrame, inner: pl.DataFrame, wanted: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """Of the pairs (nth, text) those where the term's `inner` characters too stand beside a neighbour."""
    long = near.join(inner.select("nth").unique(), on="nth", how="semi")
    met = long.join(wanted.select("shop", "nth", "at", "pair"), on="nth").join(there, on=["shop", "text", "pair"])
    touched = pl.concat([met.select("nth", "text", "at"), met.select("nth", "text", pl.col("at") + 1)]).unique().join(inner, on=["nth", "at"], how="semi")
    hits = touched.group_by("nth", "text").agg(hit=pl.len()).join(inner.group_by("nth").agg(needed=pl.len()), on="nth")
    return hits.filter(pl.col("hit") == pl.col("needed")).select("nth", "text")


def _neighbours(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """A row for each two characters of the column that stand side by side, with the place of the first; `end`: at an end of a word.

    Each distinct text is taken apart once, whichever shops have it.
    """
    said, at, length = pl.col(column), pl.col("at"), pl.col(column).str.len_chars().cast(pl.Int64)
    first, last = (at == 0) | (said.str.slice((at - 1).clip(0), 1) == " "), (at + 2 == length) | (said.str.slice(at + 2, 1) == " ")
    apart = frame.select(column).unique().filter(length >= 2).with_columns(at=pl.int_ranges(0, length - 1)).explode("at")
    apart = apart.with_columns(pair=said.str.slice(at, 2), end=first | last).filter(~pl.col("pair").str.contains(" ", literal=True))
    return frame.join(apart, on=column)


def points(value: pl.Expr) -> pl.Expr:
    """A term's place among its shop's terms that the feed names, 1 the highest; null where it does not name it."""
    named = pl.when(value > 0).then(value)
    return named.rank("average").over("shop") / named.count().over("shop")
