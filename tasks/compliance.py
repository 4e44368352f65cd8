"""Compliance: what a shop's pages say."""

import polars as pl

from ecops.automation import Answer, Ask, Frames, Params, automation
from ecops.copyscan import BLOCK, REVIEW, ScanResult, scan
from tasks._rows import known, percent
from tasks._verdicts import Lack, of_every_shop, verdicts

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
_ORDER = {BLOCK: 0, REVIEW: 1, "pass": 2}


@automation(
    "compliance.scan_copy",
    zh="广告法用语扫描",
    en="Scan the texts of all items on sale for terms the advertising law forbids",
    reads=("items",),
    serves=("K2", "P6"),
)
def scan_copy(frames: Frames, ask: Ask) -> Answer:
    """Every title and detail text on sale through the scanner; coverage = items with both texts / items on sale.

    A page of images only (`detail_text` null or blank) is not scanned, so a shop that has one is never clean: unknown,
    unless a forbidden term elsewhere already blocks it. `items` holds the items to block or review with their hits, whose
    positions are those of their `field`; a hit that an exemption lets pass is told beside the others.
    """
    items = _on_sale(frames, ask)
    scanned = items.join(_texts_scanned(items), on=_FIELDS, how="left", nulls_equal=True)
    found = scanned.filter(pl.col("verdict").is_in((BLOCK, REVIEW))).select("shop", "item_id", "title", "verdict", "terms", "hits")
    order = pl.col("verdict").replace_strict(_ORDER, return_dtype=pl.Int8)
    skipped = scanned.filter(~pl.col("covered")).select("shop", "item_id", "title", "reason")
    facts = of_every_shop(ask, _scan_facts(scanned)).with_columns(pl.exclude("shop").fill_null(0))
    return Answer(_scan_verdicts(facts, ask), {"items": found.sort("shop", order, "item_id"), "not_scanned": skipped})


def _on_sale(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Items on sale; one of which nobody knows whether it is on sale is looked at all the same."""
    blank = {name: _is_blank(name) for name in _FIELDS}
    return (
        known(frames, "items", ask)
        .filter(pl.col("on_sale").fill_null(True))
        .select("shop", "item_id", *_FIELDS, covered=~(blank["title"] | blank["detail_text"]), reason=_why_not_scanned(blank))
        .sort("shop", "item_id")
        .collect()
    )


def _is_blank(name: str) -> pl.Expr:
    """No text, or an HTML page of pictures: nothing is left without its tags."""
    return pl.col(name).str.replace_all(r"<[^>]*>|&nbsp;", "").str.strip_chars().fill_null("") == ""


def _why_not_scanned(blank: dict[str, pl.Expr]) -> pl.Expr:
    return (
        pl.when(blank["title"] & blank["detail_text"]).then(pl.lit("no text"))
        .when(blank["detail_text"]).then(pl.lit("detail page without text"))
        .when(blank["title"]).then(pl.lit("no title"))
    )  # fmt: skip


def _texts_scanned(items: pl.DataFrame) -> pl.DataFrame:
    """Each distinct pair of texts, from each distinct text scanned once, whichever shops have it."""
    pairs = items.select(_FIELDS).unique(maintain_order=True)
    results = {text: scan(text or "") for text in dict.fromkeys(text for pair in pairs.iter_rows() for text in pair)}
    rows = [_both(results[title], results[detail]) for title, detail in pairs.iter_rows()]
    schema = {"verdict": pl.String, "terms": pl.String, "hits": pl.List(_HIT)}
    return pairs.hstack(pl.DataFrame(rows, schema=schema, orient="row"))


def _both(title: ScanResult, detail: ScanResult) -> tuple[str, str, list[dict]]:
    """The worse verdict, the terms that count, and all hits of the two texts of an item."""
    results = dict(zip(_FIELDS, (title, detail), strict=True))
    hits = [{"field": name} | hit for name, result in results.items() for hit in result.to_json()["hits"]]
    terms = dict.fromkeys(hit["term"] for hit in hits if hit["verdict"] != "pass")
    return _worst(results), "、".join(terms), hits


def _worst(results: dict[str, ScanResult]) -> str:
    return min((result.verdict for result in results.values()), key=_ORDER.__getitem__)


def _scan_facts(scanned: pl.DataFrame) -> pl.DataFrame:
    return scanned.group_by("shop").agg(
        on_sale=pl.len().cast(pl.Int64),
        scanned=pl.col("covered").sum().cast(pl.Int64),
        block=(pl.col("verdict") == BLOCK).sum().cast(pl.Int64),
        review=(pl.col("verdict") == REVIEW).sum().cast(pl.Int64),
    )


def _scan_verdicts(facts: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    coverage = percent(pl.col("scanned") / pl.col("on_sale"))
    counts = (pl.col("scanned"), pl.col("on_sale"), coverage, pl.col("block"), pl.col("review"))
    return verdicts(
        ask,
        facts,
        zh=pl.format("扫描{}/{}款（覆盖率{}）：{}款含禁用语，{}款待复核", *counts),
        en=pl.format("{} of {} items scanned ({}): {} blocked, {} to review", *counts),
        lacks=[
            Lack(pl.col("on_sale") == 0, "items: none on sale", "没有在售商品"),
            Lack(
                pl.col("on_sale") > pl.col("scanned"),
                pl.format("items.detail_text: {} of {} items scanned, {} to review", pl.col("scanned"), pl.col("on_sale"), pl.col("review")),
                pl.format("只扫描了{}/{}款，其余只有图片；{}款待复核", pl.col("scanned"), pl.col("on_sale"), pl.col("review")),
            ),
        ],
        decided=pl.col("block") > 0,
    )
