"""Conversations as turns: what a buyer asked, when a person answered, and whether a person had to."""

from datetime import datetime

import polars as pl

from pydantic import Field, model_validator

from ecops.automation import Ask, Frames, Params
from tasks._rows import instant, known

_HOUR_SECONDS = 3600


class ServiceHours(Params):
    """`opens`, `closes`: people answer from the first hour to the second of every day (08:00 to 23:00 is what the platforms count; 0 and 24:
    round the clock).
    """

    opens: int = Field(8, ge=0, le=23)
    closes: int = Field(23, ge=1, le=24)

    @model_validator(mode="after")
    def _opens_first(self) -> "ServiceHours":
        if self.opens >= self.closes:
            raise ValueError(f"service opens at {self.opens} and closes at {self.closes}: it must open first")
        return self


def turns(frames: Frames, ask: Ask, since: datetime) -> pl.LazyFrame:
    """One row a turn of the sessions with a message since then: from the buyer's first message that no person had answered to the
    first answer of a person.

    Columns: shop, session_id, asked_at, answered_at (null: not by as-of), agent (who answered; else who wrote last in the session;
    null: nobody), robot_alone. A robot's message answers nothing. A session in which only a robot spoke, and spoke last, is the
    robot's own (`robot_alone`; Tmall leaves such sessions out of its reply time); where the buyer spoke last it waits for a person.
    """
    order = pl.col("sender").replace_strict({"buyer": 0, "robot": 1, "agent": 2}, default=None, return_dtype=pl.Int8)
    heard = (
        known(frames, "chats", ask)
        .filter(pl.col("at") >= instant(since))
        .select("shop", "session_id", "message_id", "at", "sender", "agent", order=order)
        .filter(pl.col("order").is_not_null())
        .sort("shop", "session_id", "at", "order", "message_id")
    )
    sessions = heard.group_by("shop", "session_id").agg(people=(pl.col("sender") == "agent").any(), last=pl.col("sender").last())
    robots = sessions.filter(~pl.col("people"), pl.col("last") == "robot").select("shop", "session_id", robot_alone=pl.lit(True))
    people = heard.filter(pl.col("sender") != "robot")
    speaks_on = _same_session(1) & (pl.col("sender") == pl.col("sender").shift(1))
    return (
        people.filter(~speaks_on.fill_null(False))  # now buyer and agent alternate within a session
        .with_columns(
            asked_at=pl.col("at"),
            answered_at=pl.when(_same_session(-1)).then(pl.col("at").shift(-1)),
            agent=pl.when(_same_session(-1)).then(pl.col("agent").shift(-1)).when(_same_session(1)).then(pl.col("agent").shift(1)),
        )
        .filter(pl.col("sender") == "buyer")
        .select("shop", "session_id", "asked_at", "answered_at", "agent")
        .join(robots, on=["shop", "session_id"], how="left")
        .with_columns(pl.col("robot_alone").fill_null(False))
    )


def _same_session(shift: int) -> pl.Expr:
    return (pl.col("shop") == pl.col("shop").shift(shift)) & (pl.col("session_id") == pl.col("session_id").shift(shift))


def in_service(column: str, ask: Ask, opens: int, closes: int) -> pl.Expr:
    """Whether an instant lies in the service hours [opens, closes) of its local day."""
    return pl.col(column).dt.convert_time_zone(ask.timezone.key).dt.hour().is_between(opens, closes, closed="left")


def service_seconds(moment: pl.Expr, ask: Ask, opens: int, closes: int) -> pl.Expr:
    """Service time gone by until a moment, in seconds: differences tell how long a feed was silent while people worked."""
    local = moment.dt.convert_time_zone(ask.timezone.key)
    of_day = local.dt.hour().cast(pl.Int64) * _HOUR_SECONDS + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()
    length = (closes - opens) * _HOUR_SECONDS
    return local.dt.date().dt.epoch("d").cast(pl.Int64) * length + (of_day - opens * _HOUR_SECONDS).clip(0, length)
