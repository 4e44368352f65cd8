"""Competitors as collected by hand: what their traffic, prices and goods are made of, their price bands, and their price tactics."""

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rivals import monthly_counts, newest_offers, not_a_count
from tasks._rows import known, yuan
from tasks._windows import today

_WHOLE = 1_000_000  # shares are added in millionths: no order of rows decides a sum
_MIX = ["shop", "competitor", "aspect"]
REFUSED = pl.Schema(
    {"shop": pl.String, "competitor": pl.String, "what": pl.String, "value": pl.String, "reason": pl.String, "date": pl.Date, "source_file": pl.String}
)
# What a title says of a price: the words that say so, in the order people look for them.
TACTICS = {
    "buy_and_get": ("买赠", r"买[一二两三\d]+[件支瓶盒包袋]?[送赠]|[送赠][^\s]{0,2}正装"),
    "next_piece": ("第二件优惠", r"第[二三2-3]件|第[二2]份"),
    "by_number": ("多件折扣", r"[一二两三四五\d][件支瓶盒包][\d.]+折|拍[一二两三\d]+发[一二两三四\d]+"),
    "spend_and_save": ("满减", r"满\s*\d+\s*减\s*\d+"),
    "coupon": ("券后价", r"券后|领券|到手价"),
    "limited": ("限时限量", r"限时|限量|秒杀|抢购"),
}
_CHARM, _CUT = "charm_price", "price_cut"


def mixes(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(parts, totals, refused) of the newest collection of each competitor and aspect, `max_age` days back at most.

    A total is sound when none of its parts was refused and it is the whole within `tolerance`; no share is ever scaled to fit.
    """
    rows = _shares(frames, ask).collect()
    good, bad = rows.filter(pl.col("reason").is_null()), rows.filter(pl.col("reason").is_not_null())
    millionths = (pl.col("share_rate") * _WHOLE).round().cast(pl.Int64)
    sums = good.group_by(_MIX).agg(date=pl.col("date").max(), parts=pl.len().cast(pl.Int64), total=millionths.sum())
    wrong = bad.drop_nulls(_MIX).group_by(_MIX).agg(wrong=pl.len().cast(pl.Int64))
    off = (pl.col("total") - _WHOLE).abs()
    totals = (
        sums.join(wrong, on=_MIX, how="left")
        .with_columns(pl.col("wrong").fill_null(0))
        .with_columns(sound=(pl.col("wrong") == 0) & (off <= int(ask.params.tolerance * _WHOLE)))
        .with_columns(difference=(pl.col("total") - _WHOLE) / _WHOLE, total=pl.col("total") / _WHOLE)
        .select(*_MIX, "date", "parts", "wrong", "total", "difference", "sound")
        .sort(_MIX)
    )
    parts = (
        good.join(totals.select(*_MIX, "sound"), on=_MIX)
        .select(*_MIX, "part", "share_rate", "sound", "date", "source_file")
        .sort(*_MIX, "share_rate", "part", descending=[False, False, False, True, False])
    )
    value = pl.format("{} {} {}", *(pl.col(name).cast(pl.String).fill_null("-") for name in ("aspect", "part", "share_rate")))
    refused = bad.select("shop", "competitor", pl.lit("share").alias("what"), value.alias("value"), "reason", "date", "source_file")
    return parts, totals, refused


def _shares(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Shares of the newest collections, and those without a date, with the `reason` why one is no figure to build on."""
    names = {name: pl.col(name).str.strip_chars() for name in ("competitor", "aspect", "part")}
    dated = pl.col("date").is_between(today(ask) - ask.params.max_age, today(ask), closed="right")
    newest = (pl.col("date") == pl.col("date").max().over(_MIX)) | pl.col("date").is_null()
    return (
        known(frames, "competitor_shares", ask)
        .filter(dated.fill_null(True))
        .with_columns(**{name: pl.when(text != "").then(text) for name, text in names.items()})
        .filter(newest.fill_null(True))
        .with_columns(reason=_why_refused())
    )


def _why_refused() -> pl.Expr:
    share = pl.col("share_rate")
    return (
        pl.coalesce(
            _why_unsourced(),
            pl.when(pl.any_horizontal(pl.col(name).is_null() for name in ("competitor", "aspect", "part"))).then(pl.lit("of whom or what: unknown")),
            pl.when(share.is_null() | share.is_nan()).then(pl.lit("no share")),
            pl.when(share > 1).then(pl.lit("over 100%: an index or a bare percent, not a share")),
            pl.when(share < 0).then(pl.lit("negative share")),
        )
    )


def _why_unsourced() -> pl.Expr:
    """A figure that nobody can look up again is none."""
    return (
        pl.when(pl.col("date").is_null()).then(pl.lit("no date"))
        .when(pl.col("source_file").str.strip_chars().fill_null("") == "").then(pl.lit("no source"))
    )  # fmt: skip


def offers_collected(frames: Frames, ask: Ask) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(offers, refused): each competitor's items as collected last, with `count`, `at_least`, `was_fen` (the price before), and rows that are none."""
    newest = newest_offers(frames, ask, ask.params.max_age).filter(pl.col("date") <= today(ask)).with_columns(**monthly_counts())
    key = ["shop", "competitor", "competitor_item_id"]
    before = (
        known(frames, "competitor_items", ask)
        .filter(pl.col("date").is_between(today(ask) - ask.params.max_age, today(ask), closed="right"), pl.col("price_fen") > 0)
        .sort(*key, "date")
        .group_by(key)
        .agg(was_fen=pl.col("price_fen").get(-2, null_on_oob=True))
    )
    undated = known(frames, "competitor_items", ask).filter(pl.col("date").is_null())
    rows = newest.join(before, on=key, how="left").collect().with_columns(reason=_why_unsourced())
    strange = rows.filter(pl.col("reason").is_null(), pl.col("count").is_null(), pl.col("monthly_sales").is_not_null()).with_columns(reason=not_a_count())
    lost = pl.concat([rows.filter(pl.col("reason").is_not_null()), strange, undated.collect().with_columns(reason=pl.lit("no date"))], how="diagonal")
    name = pl.coalesce("title", "competitor_item_id").fill_null("-")
    refused = lost.select("shop", "competitor", pl.lit("item").alias("what"), name.alias("value"), "reason", "date", "source_file")
    return rows.filter(pl.col("reason").is_null()).drop("reason"), refused


def price_bands(offers: pl.DataFrame, ends: tuple[int, ...]) -> pl.DataFrame:
    """Items of each competitor by price: a band holds its upper end. `units` are the monthly sales of the `counted` items among them."""
    last = len(ends)
    names = [yuan(pl.lit(end)) for end in ends]
    label = {n: pl.format("≤{}", names[n]) if n == 0 else pl.format("{}–{}", names[n - 1], names[n]) for n in range(last)}
    band = pl.when(pl.lit(False)).then(pl.lit(0))
    for n, end in enumerate(ends):
        band = band.when(pl.col("price_fen") <= end).then(pl.lit(n))
    priced = offers.filter(pl.col("price_fen") > 0).with_columns(nth=band.otherwise(pl.lit(last)).cast(pl.Int64))
    text = pl.when(pl.col("nth") == last).then(pl.format(">{}", names[-1]))
    for n, told in label.items():
        text = text.when(pl.col("nth") == n).then(told)
    sums = priced.group_by("shop", "competitor", "nth").agg(
        items=pl.len().cast(pl.Int64), counted=pl.col("count").count().cast(pl.Int64), units=pl.col("count").sum(), lower_bound=pl.col("at_least").fill_null(False).any()
    )
    return (
        sums.with_columns(band=text, share=pl.col("items") / pl.col("items").sum().over("shop", "competitor"))
        .sort("shop", "competitor", "nth")
        .select("shop", "competitor", "band", "items", "share", "counted", "units", "lower_bound")
    )


def price_tactics(offers: pl.DataFrame) -> pl.DataFrame:
    """How often each tactic stands in a competitor's titles and prices: items that use it, their share, and one of the titles."""
    fen, title = pl.col("price_fen"), pl.col("title").fill_null("")
    used = {name: title.str.contains(pattern) for name, (_, pattern) in TACTICS.items()}
    used[_CHARM] = ((fen % 100 == 90) | (fen % 1000 == 900)).fill_null(False)
    used[_CUT] = (fen < pl.col("was_fen")).fill_null(False)
    zh = {name: said for name, (said, _) in TACTICS.items()} | {_CHARM: "尾数9定价", _CUT: "近期降价"}
    of = offers.with_columns(of=pl.len().over("shop", "competitor").cast(pl.Int64))
    rows = [of.filter(uses).with_columns(tactic=pl.lit(name)) for name, uses in used.items()]
    return (
        pl.concat(rows)
        .group_by("shop", "competitor", "tactic")
        .agg(items=pl.len().cast(pl.Int64), of=pl.col("of").first(), example=pl.col("title").drop_nulls().min())
        .with_columns(share=pl.col("items") / pl.col("of"), zh=pl.col("tactic").replace_strict(zh, return_dtype=pl.String))
        .select("shop", "competitor", "tactic", "zh", "items", "of", "share", "example")
        .sort("shop", "competitor", "items", "tactic", descending=[False, False, True, False])
    )
