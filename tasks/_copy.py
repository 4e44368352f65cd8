"""The texts of the items on sale through the scanner: hits with their field and place, and what was not scanned."""

from collections.abc import Mapping

import polars as pl

from ecops.automation import Ask, Frames
from ecops.copyscan import BLOCK, REVIEW, ScanResult, scan
from ecops.copyscan.normal import normal
from tasks._rows import known

_HIT = pl.Struct(
    {
        "field": pl.String,
        "term": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "category": pl.String,
        "verdict": pl.String,
        "reason": pl.String,
        "source": pl.String,
        "suggestion": pl.String,
        "exemption": pl.String,
    }
)
_FIELDS = ("title", "detail_text")
ORDER = {BLOCK: 0, REVIEW: 1, "pass": 2}
# A forbidden term -> the title of the rule that forbids it.
Terms = Mapping[str, str]


def on_sale(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items on sale; one of which nobody knows whether it is on sale is looked at all the same. `covered`: both texts are there."""
    blank = {name: is_blank(name) for name in _FIELDS}
    return (
        known(frames, "items", ask)
        .filter(pl.col("on_sale").fill_null(True))
        .select("shop", "item_id", *_FIELDS, covered=~(blank["title"] | blank["detail_text"]), reason=_why_not_scanned(blank))
        .sort("shop", "item_id")
        .collect()
    )


def is_blank(name: str) -> pl.Expr:
    """No text, or an HTML page of pictures: nothing is left without its tags."""
    return pl.col(name).str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars().fill_null("") == ""


def _why_not_scanned(blank: dict[str, pl.Expr]) -> pl.Expr:
    return (
        pl.when(blank["title"] & blank["detail_text"]).then(pl.lit("no text"))
        .when(blank["detail_text"]).then(pl.lit("detail page without text"))
        .when(blank["title"]).then(pl.lit("no title"))
    )  # fmt: skip


def scanned(items: pl.DataFrame, terms: Mapping[str, Terms] | None = None) -> pl.DataFrame:
    """`items` with `verdict`, `terms` (those that count) and `hits`. `terms`: forbidden words beside the law's, by shop.

    Each distinct pair of texts is put together once, from each distinct text scanned once, whichever shops have it.
    """
    own = {shop: tuple(sorted(words.items())) for shop, words in (terms or {}).items()}
    lists = list(dict.fromkeys([(), *own.values()]))
    at = {shop: lists.index(words) for shop, words in own.items()}
    listed = items.with_columns(list=pl.col("shop").replace_strict(at, default=0, return_dtype=pl.Int64))
    columns = ("list", *_FIELDS)
    different = listed.select(columns).unique(maintain_order=True)
    results = {text: scan(text or "") for text in dict.fromkeys(text for _, *pair in different.iter_rows() for text in pair)}
    rows = [_both({name: text for name, text in zip(_FIELDS, pair, strict=True)}, results, dict(lists[n])) for n, *pair in different.iter_rows()]
    schema = {"verdict": pl.String, "terms": pl.String, "hits": pl.List(_HIT)}
    told = different.hstack(pl.DataFrame(rows, schema=schema, orient="row"))
    return listed.join(told, on=columns, how="left", nulls_equal=True).drop("list")


def _both(texts: dict[str, str | None], results: Mapping[str | None, ScanResult], own: Terms) -> tuple[str, str, list[dict]]:
    """The worst verdict, the terms that count, and all hits of the two texts of an item."""
    hits = [{"field": name} | hit for name, text in texts.items() for hit in results[text].to_json()["hits"]]
    if own:
        hits += [{"field": name} | hit for name, text in texts.items() for hit in _own_hits(text or "", own)]
        hits.sort(key=lambda hit: (_FIELDS.index(hit["field"]), hit["start"], -hit["end"], hit["category"]))
    terms = dict.fromkeys(hit["term"] for hit in hits if hit["verdict"] != "pass")
    return min((hit["verdict"] for hit in hits), key=ORDER.__getitem__, default="pass"), "、".join(terms), hits


def _own_hits(text: str, own: Terms) -> list[dict]:
    """Where the rules' own terms stand, through the same evasions as the law's; positions are those of the text as given."""
    clean, found = normal(text), []
    for term, rule in own.items():
        written, at = normal(term).text, -1
        while written and (at := clean.text.find(written, at + 1)) >= 0:
            start, end = clean.span(at, at + len(written))
            found.append(
                {
                    "term": term, "start": start, "end": end, "category": "platform_rule", "verdict": BLOCK, "source": rule, "exemption": None,
                    "reason": f"平台规则禁用“{term}”", "suggestion": f"删去“{term}”，或按规则改写",
                }
            )  # fmt: skip
    return found


def to_change(rows: pl.DataFrame) -> pl.DataFrame:
    """Scanned items to block or to review with their hits, the ones to block first."""
    order = pl.col("verdict").replace_strict(ORDER, return_dtype=pl.Int8)
    found = rows.filter(pl.col("verdict").is_in((BLOCK, REVIEW))).select("shop", "item_id", "title", "verdict", "terms", "hits")
    return found.sort("shop", order, "item_id")


def skipped(rows: pl.DataFrame) -> pl.DataFrame:
    """Items without one of the two texts, and why: they are not scanned."""
    return rows.filter(~pl.col("covered")).select("shop", "item_id", "title", "reason")


def coverage(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts of a shop: on_sale, scanned, block, review."""
    return rows.group_by("shop").agg(
        on_sale=pl.len().cast(pl.Int64),
        scanned=pl.col("covered").sum().cast(pl.Int64),
        block=(pl.col("verdict") == BLOCK).sum().cast(pl.Int64),
        review=(pl.col("verdict") == REVIEW).sum().cast(pl.Int64),
    )
