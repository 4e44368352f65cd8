"""How soon buyers were answered: turns that had their time, rates by agent and hour, and what the platform says where messages are missing."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from ecops.shop.kinds import ALL
from tasks._rows import at_least, instant, known
from tasks._turns import in_service, turns
from tasks._windows import DAY, today

NOBODY = "无人接待"  # the agent of a turn no person of the session ever wrote in
_PEERS = "同行"
_PLATFORM_SECONDS = 30
FIGURES = ("turns", "within", "unanswered", "rate", "median_seconds", "p90_seconds", "thin")


def judged_turns(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Turns asked in the window and in service hours that had the whole limit to be answered, with `seconds` (null: unanswered) and `within`.

    The window is [as-of - window, as-of - limit]: a turn of the last seconds may still be answered in time and counts neither way.
    Messages are read from a day earlier on, so that a conversation under way at its start is not cut.
    """
    first, last = ask.as_of - ask.params.window, ask.as_of - timedelta(seconds=ask.params.within_seconds)
    seconds = (pl.col("answered_at") - pl.col("asked_at")).dt.total_microseconds() / 1_000_000
    return (
        turns(frames, ask, first - DAY)
        .filter(pl.col("asked_at").is_between(instant(first), instant(last)), in_service("asked_at", ask, ask.params.opens, ask.params.closes))
        .select(
            "shop",
            "asked_at",
            "robot_alone",
            agent=pl.col("agent").fill_null(NOBODY),
            hour=pl.col("asked_at").dt.convert_time_zone(ask.timezone.key).dt.truncate("1h").dt.convert_time_zone("UTC"),
            seconds=seconds,
        )
        .with_columns(within=(pl.col("seconds") <= ask.params.within_seconds).fill_null(False))
        .collect()
    )


def rates(rows: pl.DataFrame, by: list[str], ask: Ask) -> pl.DataFrame:
    """`FIGURES` of each group: sums divided once. Unanswered turns count against the rate, and for `cap_seconds` in median and p90 (nearest rank)."""
    waited = pl.col("seconds").fill_null(ask.params.cap_seconds).clip(0, ask.params.cap_seconds)
    return (
        rows.group_by(by)
        .agg(
            turns=pl.len().cast(pl.Int64),
            within=pl.col("within").sum().cast(pl.Int64),
            unanswered=pl.col("seconds").is_null().sum().cast(pl.Int64),
            median_seconds=waited.median().round(1),
            p90_seconds=waited.quantile(0.9, "nearest").round(1),
        )
        .with_columns(rate=pl.col("within") / pl.col("turns"), thin=pl.col("turns") < ask.params.min_turns)
        .select(*by, *FIGURES)
        .sort(by)
    )


def under_target(ask: Ask) -> pl.Expr:
    """Whether the share within the limit is less than the target."""
    return ~at_least(pl.col("within"), pl.col("turns"), ask.params.target)


def platform_rates(frames: Frames, ask: Ask) -> pl.DataFrame:
    """The platform's own 30 s figure of its newest day in `report_age`: shop, agent (`*`: the shop), date, period_days, rate.

    Of several periods that end on one day the shortest. It is quoted as it stands: neither agents nor days are averaged. Empty where the
    limit asked for is another one.
    """
    first = today(ask) - ask.params.report_age
    rows = known(frames, "service_days", ask).filter(
        pl.lit(ask.params.within_seconds == _PLATFORM_SECONDS),
        pl.col("date").is_between(first, today(ask)),
        pl.col("reply_30s_rate").is_between(0, 1),
        pl.col("agent") != _PEERS,
    )
    return (
        rows.filter(pl.col("date") == pl.col("date").max().over("shop"))
        .filter(pl.col("period_days") == pl.col("period_days").min().over("shop"))
        .select("shop", "agent", "date", "period_days", rate="reply_30s_rate")
        .sort("shop", "agent")
        .collect()
    )


def of_the_shop() -> pl.Expr:
    """Whether a row of the platform is the whole shop's."""
    return pl.col("agent") == ALL
