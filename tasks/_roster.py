"""Who is on duty in each hour, beside the conversations to be expected in it."""

from datetime import timedelta

import polars as pl

from ecops.automation import Ask, Frames
from tasks._rows import has_happened, instant, known
from tasks._turns import in_service
from tasks._windows import DAY, HOUR, Window, days_before, today

_HOUR_SECONDS = 3600


def rostered(frames: Frames, ask: Ask, window: Window) -> pl.DataFrame:
    """Shifts that touch the window, with `reason` why the agent may not work yet: never trained, or too long ago. A training of a later day counts
    as none; that of a temporary agent must be of this campaign (`temporary_training_age`)."""
    age = pl.when(pl.col("temporary").fill_null(False)).then(ask.params.temporary_training_age).otherwise(ask.params.training_age)
    done = pl.when(pl.col("trained_on") <= today(ask)).then(pl.col("trained_on"))
    begins = pl.col("shift_from").dt.convert_time_zone(ask.timezone.key).dt.date()
    return (
        known(frames, "shifts", ask)
        .filter(pl.col("shift_from") < instant(window.until), pl.col("shift_until") > instant(window.since))
        .filter(pl.col("shift_until") > pl.col("shift_from"))
        .select("shop", "agent", "shift_from", "shift_until", trained_on=done, temporary=pl.col("temporary").fill_null(False), age=age, begins=begins)
        .with_columns(
            reason=pl.when(pl.col("trained_on").is_null()).then(pl.lit("never trained"))
            .when(pl.col("trained_on") + pl.col("age") < pl.col("begins")).then(pl.lit("training too old"))
        )
        .drop("age", "begins")
        .sort("shop", "agent", "shift_from")
        .collect()
    )  # fmt: skip


def agents_of(shifts: pl.DataFrame) -> pl.DataFrame:
    """One row an agent: `shifts`, `hours`, `trained_on`, `temporary`, and the `reason` of the first shift that may not be worked."""
    seconds = (pl.col("shift_until") - pl.col("shift_from")).dt.total_seconds()
    return (
        shifts.group_by("shop", "agent")
        .agg(
            first_shift=pl.col("shift_from").min(), shifts=pl.len().cast(pl.Int64), hours=(seconds.sum() / _HOUR_SECONDS).round(1),
            trained_on=pl.col("trained_on").max(), temporary=pl.col("temporary").any(), reason=pl.col("reason").drop_nulls().first(),
        )
        .sort("shop", "agent")
    )  # fmt: skip


def service_grid(ask: Ask, window: Window) -> pl.LazyFrame:
    """The hours of the window that are service hours: hour (UTC), o_clock (local)."""
    first = window.since.astimezone(ask.timezone).replace(minute=0, second=0, microsecond=0)
    last = window.until.astimezone(ask.timezone) - timedelta(microseconds=1)
    hours = pl.datetime_range(first, last, interval="1h", time_zone=ask.timezone.key, eager=True)
    grid = pl.LazyFrame({"hour": hours.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))})
    return grid.filter(in_service("hour", ask, ask.params.opens, ask.params.closes)).with_columns(
        o_clock=pl.col("hour").dt.convert_time_zone(ask.timezone.key).dt.hour().cast(pl.Int64)
    )


def usual_hours(frames: Frames, ask: Ask) -> pl.DataFrame:
    """Conversations begun in each hour of the day over the whole local days of `history`: shop, o_clock, `sessions`, and `days` there are any.
    What the shop sent by itself is no conversation: nobody has to be there for it."""
    span = days_before(ask, ask.params.history)
    local = pl.col("at").dt.convert_time_zone(ask.timezone.key)
    people = known(frames, "chats", ask).filter(pl.col("sender").ne_missing("system"))
    recent = people.filter(pl.col("at") >= instant(ask.as_of - ask.params.history - 2 * DAY))
    begun = recent.group_by("shop", "session_id").agg(pl.col("at").min()).filter(local.dt.date().is_between(span.first, span.last))
    by_hour = begun.group_by("shop", o_clock=local.dt.hour().cast(pl.Int64)).agg(sessions=pl.len().cast(pl.Int64))
    days = begun.group_by("shop").agg(days=local.dt.date().n_unique().cast(pl.Int64))
    return by_hour.join(days, on="shop").sort("shop", "o_clock").collect()


def cover(shifts: pl.DataFrame, usual: pl.DataFrame, ask: Ask, window: Window) -> pl.DataFrame:
    """One row a shop and service hour of the window: `expected` conversations, agents `needed`, `on_duty` (trained, in agent-hours, each agent
    once however many shifts overlap), `people` (agents there for the whole hour), `permanent` of them, and the `cause` of a gap.

    needed = ceil(sessions / days x uplift / per_hour), at least one. `cause`: nobody; short (fewer agent-hours than needed); no_backup
    (fewer people than `min_people`: an A without a B); temporary_only.
    """
    shops = pl.concat([shifts.select("shop"), usual.select("shop")]).unique().lazy()
    grid = shops.join(service_grid(ask, window), how="cross")
    duty = _on_duty(shifts.filter(pl.col("reason").is_null()), ask, window)
    mean = pl.col("sessions").fill_null(0) / pl.col("days")
    expected = pl.when(pl.col("days") > 0).then(mean * float(ask.params.uplift))
    days = usual.lazy().select("shop", "days").unique()
    rows = grid.join(days, on="shop", how="left").join(usual.lazy().select("shop", "o_clock", "sessions"), on=["shop", "o_clock"], how="left")
    rows = rows.join(duty, on=["shop", "hour"], how="left")
    rows = rows.with_columns(pl.col("seconds", "people", "permanent").fill_null(0), expected=expected.round(6))
    rows = rows.with_columns(needed=(pl.col("expected") / ask.params.per_hour).ceil().clip(1).cast(pl.Int64))
    cause = (
        pl.when(pl.col("seconds") == 0).then(pl.lit("nobody"))
        .when((pl.col("seconds") < pl.col("needed") * _HOUR_SECONDS).fill_null(False)).then(pl.lit("short"))
        .when(pl.col("people") < ask.params.min_people).then(pl.lit("no_backup"))
        .when(pl.col("permanent") == 0).then(pl.lit("temporary_only"))
    )
    on_duty = (pl.col("seconds") / _HOUR_SECONDS).round(2)
    return rows.with_columns(cause=cause, on_duty=on_duty).select(
        "shop", "hour", pl.col("expected").round(2), "needed", "on_duty", "people", "permanent", "cause"
    ).sort("shop", "hour").collect()  # fmt: skip


def _on_duty(shifts: pl.DataFrame, ask: Ask, window: Window) -> pl.LazyFrame:
    """Seconds of duty in each hour, and who is there: shop, hour, seconds, people, permanent."""
    first, last = pl.max_horizontal("shift_from", instant(window.since)).dt.truncate("1h"), pl.min_horizontal("shift_until", instant(window.until))
    hours = _merged(shifts).lazy().with_columns(hour=pl.datetime_ranges(first, last, interval="1h", closed="left"))
    hours = hours.explode("hour").filter(pl.col("hour").is_not_null())
    begins, ends = pl.max_horizontal("shift_from", "hour"), pl.min_horizontal("shift_until", pl.col("hour") + HOUR)
    each = hours.with_columns(seconds=(ends - begins).dt.total_seconds().clip(0)).group_by("shop", "hour", "agent").agg(
        seconds=pl.col("seconds").sum(), temporary=pl.col("temporary").any()
    )  # fmt: skip
    whole = pl.col("seconds") == _HOUR_SECONDS
    return each.group_by("shop", "hour").agg(
        pl.col("seconds").sum(), people=whole.sum().cast(pl.Int64), permanent=(whole & ~pl.col("temporary")).sum().cast(pl.Int64)
    )


def _merged(shifts: pl.DataFrame) -> pl.DataFrame:
    """Shifts of one agent that overlap or touch as one: nobody is there twice."""
    rows = shifts.sort("shop", "agent", "shift_from", "shift_until")
    latest_end = pl.col("shift_until").cum_max().over("shop", "agent").shift(1).over("shop", "agent")
    return (
        rows.with_columns(new=(pl.col("shift_from") > latest_end).fill_null(True))
        .with_columns(stretch=pl.col("new").cum_sum().over("shop", "agent"))
        .group_by("shop", "agent", "stretch")
        .agg(pl.col("shift_from").min(), pl.col("shift_until").max(), pl.col("temporary").any())
    )


def gaps(hours: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """Hours with a gap, those that follow each other with one cause on one day as one row: shop, cause, from, until, needed (the most) and
    on_duty (the least)."""
    local = pl.col("hour").dt.convert_time_zone(ask.timezone.key)
    rows = hours.filter(pl.col("cause").is_not_null()).with_columns(date=local.dt.date())
    follows = (pl.col("hour") - pl.col("hour").shift(1) == HOUR) & (pl.col("date") == pl.col("date").shift(1))
    new = ~(follows & (pl.col("cause") == pl.col("cause").shift(1)) & (pl.col("shop") == pl.col("shop").shift(1))).fill_null(False)
    return (
        rows.with_columns(stretch=new.cum_sum())
        .group_by("shop", "stretch", "cause", maintain_order=True)
        .agg(
            pl.col("hour").min().alias("from"), (pl.col("hour").max() + HOUR).alias("until"),
            needed=pl.col("needed").max(), on_duty=pl.col("on_duty").min(),
        )
        .drop("stretch")
    )
