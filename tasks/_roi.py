"""What advertising channels claim for what they spent, beside the span before: shifts of mix and of rate."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from ecops.automation import Ask, Frames
from ecops.formulae.attribution import mix_effect, rate_effect
from tasks._ads import USUAL_ATTRIBUTION, ad_rows, counted_once
from tasks._verdicts import of_every_shop
from tasks._windows import DAY, DayWindow, today

def ad_spend(frames: Frames, ask: Ask, spans: Sequence[DayWindow]) -> list[pl.DataFrame]:
    """What each channel spent and claims in each of the spans."""
    return [_spent(frames, ask, span) for span in spans]


def _spent(frames: Frames, ask: Ask, span: DayWindow) -> pl.DataFrame:
    """Sums by channel of the rows that count; `blank`: rows without spend or amount, `days`: days of the shop with a row."""
    days = pl.col("date").n_unique().over("shop")
    blank = pl.any_horizontal(pl.col("spend_fen", "deal_amount_fen").is_null()).sum()
    return (
        counted_once(ad_rows(frames, ask, span))
        .with_columns(days=days.cast(pl.Int64))
        .group_by("shop", channel="tool")
        .agg(
            pl.col("spend_fen", "deal_amount_fen", "clicks", "deals").sum(),
            pl.col("days").first(),
            blank=blank.cast(pl.Int64),
            attribution_days=pl.col("attribution_days").max(),
        )
        .sort("shop", "channel")
    )


def no_spend() -> pl.DataFrame:
    """Spend of nobody."""
    figures = ("spend_fen", "deal_amount_fen", "clicks", "deals", "days", "blank", "attribution_days")
    return pl.DataFrame(schema={"shop": pl.String, "channel": pl.String} | dict.fromkeys(figures, pl.Int64))


def roi_shifts(now: pl.DataFrame, before: pl.DataFrame, ask: Ask, last: date) -> pl.DataFrame:
    """One row a channel of either span, the best ROI first; shares and effects where both spans have spend."""
    figures = ("spend_fen", "deal_amount_fen")
    earlier = before.select("shop", "channel", *(pl.col(name).alias(f"{name}_before") for name in figures))
    both = now.join(earlier, on=["shop", "channel"], how="full", coalesce=True).with_columns(
        pl.col(name, f"{name}_before").fill_null(0) for name in figures
    )
    ratio = {
        when: pl.when(pl.col(f"spend_fen{when}") > 0).then(pl.col(f"deal_amount_fen{when}") / pl.col(f"spend_fen{when}")) for when in ("", "_before")
    }
    total = {when: pl.col(f"spend_fen{when}").sum().over("shop") for when in ratio}
    share = {when: pl.when((total[""] > 0) & (total["_before"] > 0)).then(pl.col(f"spend_fen{when}") / total[when]) for when in ratio}
    # without spend on one side there is no rate to change: all that the channel moves is mix, deals claimed after its spend has ended included
    both_rates, both_totals = pl.all_horizontal(one.is_not_null() for one in ratio.values()), share[""].is_not_null()
    moved = pl.col("deal_amount_fen") / total[""] - pl.col("deal_amount_fen_before") / total["_before"]
    mix = pl.when(both_rates).then(mix_effect(share["_before"], share[""], ratio["_before"])).otherwise(moved)
    rate = pl.when(both_rates).then(rate_effect(share[""], ratio["_before"], ratio[""])).otherwise(0.0)
    return (
        both.with_columns(
            roi=ratio[""],
            roi_before=ratio["_before"],
            spend_share=share[""],
            spend_share_before=share["_before"],
            mix_effect=pl.when(both_totals).then(mix),
            rate_effect=pl.when(both_totals).then(rate),
            open=last + pl.duration(days=pl.col("attribution_days")) >= today(ask),
        )
        .sort("shop", "roi", "channel", descending=[False, True, False], nulls_last=True)
        .with_columns(rank=pl.when(pl.col("roi").is_not_null()).then(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("shop")))
        .select(
            "shop",
            "rank",
            "channel",
            "spend_fen",
            "deal_amount_fen",
            "roi",
            "clicks",
            "deals",
            "spend_share",
            "roi_before",
            "spend_share_before",
            "mix_effect",
            "rate_effect",
            "open",
        )
    )


def roi_facts(now: pl.DataFrame, before: pl.DataFrame, items: pl.DataFrame, ask: Ask, last: date) -> pl.DataFrame:
    """One row a shop: days, blank rows and spend of both spans, the best and the worst channel, and the sums of its channels.

    `open` where a channel with spend is; one that does not say how long deals are claimed is taken to claim them as long as any does.
    """
    cover = [_ad_cover(side, when) for side, when in ((now, "now"), (before, "before"))]
    facts = of_every_shop(ask, cover[0].join(cover[1], on="shop", how="full", coalesce=True)).with_columns(pl.exclude("shop").fill_null(0))
    best = items.filter(pl.col("roi").is_not_null()).group_by("shop", maintain_order=True).agg(
        best=pl.col("channel").first(), best_roi=pl.col("roi").first(), worst=pl.col("channel").last(), worst_roi=pl.col("roi").last()
    )  # fmt: skip
    still_open = (pl.col("spend_fen") > 0) & pl.col("open").fill_null(last + USUAL_ATTRIBUTION * DAY >= today(ask))
    sums = items.group_by("shop").agg(pl.col("mix_effect", "rate_effect", "spend_fen", "deal_amount_fen").sum(), open=still_open.any())
    return facts.join(best, on="shop", how="left").join(sums, on="shop", how="left")


def _ad_cover(spent: pl.DataFrame, when: str) -> pl.DataFrame:
    return spent.group_by("shop").agg(
        pl.col("days").first().alias(f"days_{when}"), pl.col("blank").sum().alias(f"blank_{when}"), pl.col("spend_fen").sum().alias(f"spend_{when}")
    )
