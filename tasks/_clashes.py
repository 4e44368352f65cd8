"""Windows of a year as told by people beside the calendar files, and the offers that clash with them."""

from datetime import UTC

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import INSTANT
from tasks._rows import instant, known


def dated(windows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The windows with the dates that were told in place of the file's."""
    told = [
        (*window.split("/", 1), *((end if end.tzinfo else end.replace(tzinfo=ask.timezone)).astimezone(UTC) for end in ends))
        for window, ends in ask.params.dates.items()
    ]
    names = {"campaign": pl.String, "window": pl.String, "told_opens": INSTANT, "told_closes": INSTANT}
    known_to_us = pl.DataFrame(told, schema=names, orient="row")
    return (
        windows.join(known_to_us, on=["campaign", "window"], how="left", maintain_order="left")
        .with_columns(
            announced=pl.col("announced") | pl.col("told_opens").is_not_null(),
            precision=pl.when(pl.col("told_opens").is_null()).then("precision").otherwise(pl.lit("second")),
            opens=pl.coalesce("told_opens", "opens"),
            closes=pl.coalesce("told_closes", "closes"),
        )
        .drop("told_opens", "told_closes")
        .sort("closes", "opens", "campaign", "window")
    )


def windows_shown(windows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Windows of campaigns that are not over and begin soon enough, by what closes first; closed ones of them stay in sight."""
    now, over = instant(ask.as_of), pl.col("closes").max().over("campaign") < instant(ask.as_of)
    state = (
        pl.when(pl.col("closes") < now).then(pl.lit("closed"))
        .when(pl.col("opens") > now).then(pl.lit("ahead"))
        .when(pl.col("closes") <= instant(ask.as_of + ask.params.soon)).then(pl.lit("closing"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip
    left = ((pl.col("closes") - now).dt.total_hours() / 24).round(1)
    return windows.filter(~over, pl.col("opens") <= instant(ask.as_of + ask.params.ahead)).select(
        "campaign", "window", "zh", "en", "stage", "opens", "closes", state=state, days_left=left, announced="announced", precision="precision", source="source"
    )  # fmt: skip


_CLASHES = pl.Schema(
    {"shop": pl.String, "campaign": pl.String, "window": pl.String, "promotion_id": pl.String, "item_id": pl.String, "reason": pl.String}
)


def offers_kept(frames: Frames, ask: Ask) -> pl.LazyFrame:
    """Every offer with when it runs; none is judged here."""
    return known(frames, "promotions", ask).select("shop", "promotion_id", "item_id", "title", "promotion_kind", "starts_at", "ends_at")


def own_clashes(offers: pl.DataFrame, windows: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Own campaigns against the days of a sale and what lies near it."""
    sales = windows.filter(pl.col("stage") == "sale").select("campaign", "window", "opens", "closes")
    words = [word for word in ask.params.own.split() if word]
    named = pl.any_horizontal(pl.lit(False), *(pl.col("title").str.contains(word, literal=True) for word in words)).fill_null(False)
    own = offers.filter(((pl.col("promotion_kind") == "member").fill_null(False)) | named)
    before, after = pl.col("opens") - ask.params.lowest_price, pl.col("closes") + ask.params.price_protection
    reason = (
        pl.when((pl.col("starts_at") <= pl.col("closes")) & (pl.col("ends_at") > pl.col("opens"))).then(pl.lit("inside the sale"))
        .when((pl.col("ends_at") <= pl.col("opens")) & (pl.col("ends_at") > before)).then(pl.lit("lowers the lowest price before the sale"))
        .when((pl.col("starts_at") > pl.col("closes")) & (pl.col("starts_at") <= after)).then(pl.lit("within the price protection of the sale"))
    )  # fmt: skip
    return own.join(sales, how="cross").with_columns(reason=reason).filter(pl.col("reason").is_not_null()).select(_CLASHES.names())


def wave_clashes(offers: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Items booked into two windows of one exclusive group: an offer of the window's kind begins while it stands open."""
    waves = windows.filter(pl.col("exclusive").is_not_null(), pl.col("kind").is_not_null()).select("campaign", "window", "exclusive", "kind", "opens", "closes")
    booked = (
        offers.join(waves, left_on="promotion_kind", right_on="kind")
        .filter(pl.col("starts_at").is_between(pl.col("opens"), pl.col("closes")))
        .with_columns(waves=pl.col("window").n_unique().over("shop", "item_id", "campaign", "exclusive"))
        .filter(pl.col("waves") > 1)
    )
    return booked.with_columns(reason=pl.lit("in two exclusive waves")).select(_CLASHES.names())


def strange_dates(windows: pl.DataFrame, ask: Ask) -> list[str]:
    """The windows told that the calendar does not have, or that close before they open."""
    there = set(windows.select(pl.format("{}/{}", "campaign", "window")).to_series())
    wrong = set(windows.filter(pl.col("closes") <= pl.col("opens")).select(pl.format("{}/{}", "campaign", "window")).to_series())
    return [window for window in ask.params.dates if window not in there or window in wrong]
