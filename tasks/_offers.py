"""Offers on an item at one time: which of them hold, and the price that is left."""

from datetime import datetime, timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.offers import off_alone, off_at_most, off_share
from ecops.shop.kinds import ALL
from tasks._rows import instant, known

# Offers of the first stage change the price of the piece; all others are reckoned on that price, beside each other.
_FIRST = ("direct", "member")
_KINDS = (*_FIRST, "coupon", "spend_and_save", "deposit", "platform_coupon")
_TEST = r"测试|(?i)\btest\b"
_OFFER = (
    "shop", "promotion_id", "item_id", "title", "promotion_kind", "threshold_fen", "off_fen", "off_rate", "deposit_fen", "starts_at", "ends_at",
    "exclusive",
)  # fmt: skip


def kept_offers(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Every offer with `problem`: what of it cannot be right, null where all is well."""
    threshold, off, rate = pl.col("threshold_fen"), pl.col("off_fen"), pl.col("off_rate")
    problem = (
        pl.when(pl.col("ends_at") <= pl.col("starts_at")).then(pl.lit("ends before it starts"))
        .when(pl.col("starts_at").is_null() | pl.col("ends_at").is_null()).then(pl.lit("start or end unknown"))
        .when(~pl.col("promotion_kind").is_in(_KINDS).fill_null(False)).then(pl.lit("kind unknown"))
        .when(off.is_null() & rate.is_null()).then(pl.lit("no amount"))
        .when(threshold.is_null() & pl.col("promotion_kind").is_in(("coupon", "spend_and_save", "platform_coupon"))).then(pl.lit("threshold unknown"))
        .when((threshold > 0) & (off >= threshold)).then(pl.lit("takes off as much as its threshold: yuan or fen?"))
        .when((rate <= 0) | (rate >= 1)).then(pl.lit("share not between 0 and 1"))
        .when((pl.col("promotion_kind") == "deposit") & pl.col("deposit_fen").is_null()).then(pl.lit("deposit unknown"))
        .when((pl.col("promotion_kind") == "deposit") & (pl.col("deposit_fen") > off)).then(pl.lit("deposit counts for less than was paid"))
        .when(pl.col("title").str.contains(_TEST)).then(pl.lit("of a test, by its title"))
    )  # fmt: skip
    return known(frames, "promotions", ask).select(_OFFER).with_columns(problem=problem)


def in_window(offers: pl.LazyFrame, since: datetime, until: datetime, deposit_holds: timedelta) -> pl.LazyFrame:
    """Offers that hold at some time of [since, until), with `begins` and `ends`; one whose end is unknown never ends.

    A deposit is paid in one window and counts in a later one: it holds for `deposit_holds` longer.
    """
    late = pl.when(pl.col("promotion_kind") == "deposit").then(pl.lit(deposit_holds)).otherwise(pl.lit(timedelta(0)))
    begins = pl.max_horizontal(pl.col("starts_at").fill_null(instant(since)), instant(since))
    ends = pl.coalesce(pl.col("ends_at") + late, instant(until))
    runs = (pl.col("ends_at") <= pl.col("starts_at")).fill_null(False)
    return offers.filter(~runs).with_columns(begins=begins, ends=ends).filter(pl.col("begins") < instant(until), pl.col("ends") > pl.col("begins"))


def lowest_prices(items: pl.LazyFrame, offers: pl.LazyFrame) -> pl.DataFrame:
    """For `items` (shop, item_id, price_fen) the deepest price that offers running together leave.

    Columns added: `alone_fen` (one piece bought alone), `worst_fen` (in the basket that is worst for the shop), `buyer_fen`
    (the same less what the platform bears) and `offers` (the numbers that make the worst price). More offers never hold
    together than at the moment one of them begins, so those moments are all that has to be looked at.
    """
    own = items.join(offers.filter(pl.col("item_id") != ALL), on=["shop", "item_id"])
    everyone = items.join(offers.filter(pl.col("item_id") == ALL).drop("item_id"), on="shop")
    held = pl.concat([own, everyone], how="diagonal").select(
        "shop", "item_id", "price_fen", "promotion_id", "promotion_kind", "threshold_fen", "off_fen", "off_rate", "deposit_fen", "begins", "ends", "exclusive"
    )  # fmt: skip
    moments = held.select("shop", "item_id", moment="begins").unique()
    together = held.join(moments, on=["shop", "item_id"]).filter(pl.col("begins") <= pl.col("moment"), pl.col("moment") < pl.col("ends"))
    key = ["shop", "item_id", "moment"]
    best = _best_of_groups(together.with_columns(first=pl.col("promotion_kind").is_in(_FIRST).fill_null(False), **_off("price_fen")), key)
    first = pl.col("worst").filter(pl.col("first")).sum().over(key)
    reduced = best.with_columns(reduced=pl.max_horizontal(pl.col("price_fen") - first, pl.lit(0))).with_columns(**_off("reduced"))
    return _deepest(reduced, key).collect()


def _off(price: str) -> dict[str, pl.Expr]:
    """What each offer takes off a piece of that price: alone, and at most."""
    base, threshold = pl.col(price), pl.col("threshold_fen").fill_null(0)
    off = pl.col("off_fen").fill_null(0) - pl.when(pl.col("promotion_kind") == "deposit").then(pl.col("deposit_fen").fill_null(0)).otherwise(0)
    share = off_share(base, pl.col("off_rate").fill_null(0))
    alone = pl.max_horizontal(off_alone(base, threshold, off), pl.when(base >= threshold).then(share).otherwise(0))
    return {"alone": alone.clip(lower_bound=0), "worst": pl.max_horizontal(off_at_most(base, threshold, off), share).clip(lower_bound=0)}


def _best_of_groups(together: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """Of an exclusive group the offer that takes most off the price; offers without a group all stay."""
    group = pl.when(pl.col("exclusive").fill_null("") == "").then("promotion_id").otherwise("exclusive")
    named = together.with_columns(group=pl.concat_str(pl.when(pl.col("exclusive").fill_null("") == "").then(pl.lit("=")).otherwise(pl.lit("~")), group))
    return named.sort("worst", "promotion_id", descending=[True, False]).unique([*key, "group"], keep="first", maintain_order=True)


def _deepest(offers: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """The moment with the lowest worst price, one row an item."""
    platform, later, reduced = (pl.col("promotion_kind") == "platform_coupon").fill_null(False), ~pl.col("first"), pl.col("reduced").first()
    left = {
        "alone_fen": reduced - pl.col("alone").filter(later & ~platform).sum(),
        "worst_fen": reduced - pl.col("worst").filter(later & ~platform).sum(),
        "buyer_fen": reduced - pl.col("worst").filter(later).sum(),
    }
    return (
        offers.group_by(key)
        .agg(**{name: pl.max_horizontal(value, pl.lit(0)) for name, value in left.items()}, offers=pl.col("promotion_id").sort().str.join("、"))
        .sort("shop", "item_id", "worst_fen", "alone_fen", "buyer_fen", "moment")
        .unique(["shop", "item_id"], keep="first", maintain_order=True)
        .drop("moment")
    )
