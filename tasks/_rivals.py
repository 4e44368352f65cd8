"""What competitors sell and ask: figures as collected, read as counts only where they are counts; prices that moved."""

from datetime import timedelta
from decimal import Decimal

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import at_least, known
from tasks._windows import today

_COUNT = r"^(\d+(?:\.\d+)?)(万|w)?(\+)?(?:件|单)?$"


def monthly_counts() -> dict[str, pl.Expr]:
    """`count` (whole units a month) and `at_least` ("1000+") from `monthly_sales`; no count: an index, words, or empty.

    "1.2万" is 12000, a bare "1.2" is no count.
    """
    text = pl.col("monthly_sales").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[,\s]", "")
    value = text.str.extract(_COUNT, 1).cast(pl.Decimal(18, 4))
    value = value * pl.when(text.str.extract(_COUNT, 2).is_not_null()).then(10_000).otherwise(1)
    whole = value.cast(pl.Int64, strict=False)
    return {"count": pl.when(value == whole).then(whole), "at_least": text.str.ends_with("+")}


def not_a_count() -> pl.Expr:
    """Why a row's monthly sales are no count."""
    return pl.format("not a count: {}", pl.col("monthly_sales").fill_null("empty"))


def newest_offers(frames: Frames, ask: Ask, max_age: timedelta) -> pl.LazyFrame:
    """Each competitor's items as collected last, `max_age` days back at most: one row a competitor and item of theirs."""
    rows = known(frames, "competitor_items", ask).filter(pl.col("date") > today(ask) - max_age)
    return rows.sort("shop", "competitor", "competitor_item_id", "date").unique(
        ["shop", "competitor", "competitor_item_id"], keep="last", maintain_order=True
    )


def offers_then_and_now(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """One row an offer set against an item of ours: price collected last (`now_fen`, on `seen_on`, under `title`), the one before (`was_fen`)."""
    prices = pl.col("price_fen")
    return (
        known(frames, "competitor_items", ask)
        .filter(pl.col("item_id").is_not_null(), pl.col("price_fen") > 0, pl.col("date").is_not_null())
        .sort("date")
        .group_by("shop", "item_id", "competitor", "competitor_item_id")
        .agg(seen_on=pl.col("date").last(), now_fen=prices.last(), was_fen=prices.get(-2, null_on_oob=True), title=pl.col("title").last())
    )


def moved_by(share: Decimal) -> pl.Expr:
    """Whether the price moved by at least a share of what it was; an offer seen once has not moved."""
    return at_least((pl.col("now_fen") - pl.col("was_fen")).abs(), pl.col("was_fen"), share).fill_null(False)
