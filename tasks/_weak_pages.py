"""Pages that sell too little of the interest they get, and titles that break the platform's limit or repeat their words."""

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.bounds import wilson_upper
from tasks._rows import known, newest
from tasks._title_words import title_width
from tasks._windows import days_before

_ITEM = ["shop", "item_id"]
_OTHERS = {"category": ["shop", "category"], "shop": ["shop"]}


def carts_of_items(frames: Frames, ask: Ask) -> pl.DataFrame:
    """One row an item on sale with reports in the window: visitors, cart users, their `rate` and its upper bound; `reason` where there is none.

    Days without either figure leave both sides; an item of which nobody knows whether it is on sale is looked at all the same.
    """
    span = days_before(ask, ask.params.window)
    both = pl.col("visitors").is_not_null() & pl.col("cart_users").is_not_null()
    goods = known(frames, "items", ask).select(*_ITEM, "on_sale", own_category="category", own_title="title")
    visitors, carts = pl.col("visitors"), pl.col("cart_users")
    return (
        known(frames, "item_days", ask)
        .filter(pl.col("date").is_between(span.first, span.last))
        .group_by(_ITEM)
        .agg(
            **{name: pl.when(both).then(name).sum() for name in ("visitors", "cart_users")}, days=both.sum().cast(pl.Int64),
            title=newest("title", by="date"), category=newest("category", by="date"),
        )
        .join(goods, on=_ITEM, how="left")
        .filter(pl.col("on_sale").fill_null(True))
        .with_columns(title=pl.coalesce("own_title", "title"), category=pl.coalesce("category", "own_category"))
        .with_columns(
            reason=pl.when(pl.col("days") == 0).then(pl.lit("visitors or cart users unknown"))
            .when(visitors <= 0).then(pl.lit("no visitors"))
            .when(carts > visitors).then(pl.lit("more cart users than visitors"))
        )
        .with_columns(rate=carts / visitors, upper=wilson_upper(carts, visitors))
        .sort(_ITEM)
        .collect()
    )  # fmt: skip


def against_others(rows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The judged rows with `level`: the rate of the other items of the category, else of the shop, with enough visitors; null without either.

    The item itself is left out of what it is held against. `level_of`: category or shop; `peers`: how many others.
    """
    judged = rows.filter(pl.col("reason").is_null())
    known_category = pl.col("category").is_not_null()
    for name, by in _OTHERS.items():
        others = {f"{name}_{what}": pl.col(column).sum().over(by) - pl.col(column) for what, column in (("visitors", "visitors"), ("carts", "cart_users"))}
        judged = judged.with_columns(**others, **{f"{name}_peers": (pl.len().over(by) - 1).cast(pl.Int64)})
    enough = {name: (pl.col(f"{name}_peers") >= ask.params.min_peers) & (pl.col(f"{name}_visitors") >= ask.params.min_visitors) for name in _OTHERS}
    enough["category"] &= known_category
    level, of, peers = (pl.when(enough["category"]).then(one["category"]).when(enough["shop"]).then(one["shop"]) for one in (
        {name: pl.col(f"{name}_carts") / pl.col(f"{name}_visitors") for name in _OTHERS},
        {name: pl.lit(name) for name in _OTHERS},
        {name: pl.col(f"{name}_peers") for name in _OTHERS},
    ))  # fmt: skip
    return (
        judged.with_columns(level=level, level_of=of, peers=peers, thin=pl.col("visitors") < ask.params.min_visitors)
        .with_columns(
            lost_carts=(pl.col("level") * pl.col("visitors") - pl.col("cart_users")).round(0).cast(pl.Int64),
            weak=(pl.col("upper") < float(ask.params.ratio) * pl.col("level")).fill_null(False) & ~pl.col("thin"),
        )
        .sort("shop", "lost_carts", "item_id", descending=[False, True, False], nulls_last=True)
    )  # fmt: skip


def titles_to_mend(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Titles on sale with a `problem`: none at all, wider than the platform takes, or one word stuffed in again and again."""
    titles = known(frames, "items", ask).filter(pl.col("on_sale").fill_null(True)).select(*_ITEM, "title").collect()
    blank = pl.col("title").str.strip_chars().fill_null("") == ""
    width, most = title_width(pl.col("title")), ask.params.title_width
    stuffed = _repeated(titles.filter(~blank).select("title").unique(), ask.params.max_repeats)
    problem = (
        pl.when(blank).then(pl.lit("no title"))
        .when(width > most).then(pl.format(f"{{}} wide, {most} at most", width))
        .when(pl.col("word").is_not_null()).then(pl.format("{} stands in it {} times", "word", "repeats"))
    )  # fmt: skip
    rows = titles.join(stuffed, on="title", how="left").with_columns(width=pl.when(~blank).then(width), problem=problem)
    return rows.filter(pl.col("problem").is_not_null()).select(*_ITEM, "title", "width", "word", "repeats", "problem").sort(_ITEM)


def _repeated(titles: pl.DataFrame, most: int) -> pl.DataFrame:
    """Titles with a `word` that stands in them more than `most` times: two Chinese characters, or a Latin word of two letters and more."""
    low = titles.with_columns(said=pl.col("title").str.normalize("NFKC").str.to_lowercase())
    pairs = low.with_columns(at=pl.int_ranges(0, (pl.col("said").str.len_chars().cast(pl.Int64) - 1).clip(0))).explode("at")
    pairs = pairs.with_columns(word=pl.col("said").str.slice(pl.col("at"), 2)).filter(pl.col("word").str.contains(r"^\p{Han}{2}$"))
    latin = low.with_columns(word=pl.col("said").str.extract_all(r"[a-z]{2,}")).explode("word").filter(pl.col("word").is_not_null())
    words = pl.concat([pairs.select("title", "word"), latin.select("title", "word")])
    counts = words.group_by("title", "word").agg(repeats=pl.len().cast(pl.Int64)).filter(pl.col("repeats") > most)
    return counts.sort("title", "repeats", "word", descending=[False, True, False]).unique("title", keep="first", maintain_order=True)
