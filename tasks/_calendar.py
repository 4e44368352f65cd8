"""The windows of a year as the calendar files beside the playbooks tell them: `playbooks/calendars/<year>.yaml`."""

from collections.abc import Iterable
from datetime import UTC, date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator
from ruamel.yaml import YAML

import playbooks
from ecops.shop.kinds import INSTANT

WINDOWS = pl.Schema(
    {
        "platform": pl.String, "campaign": pl.String, "window": pl.String, "stage": pl.String, "zh": pl.String, "en": pl.String,
        "opens": INSTANT, "closes": INSTANT, "kind": pl.String, "exclusive": pl.String, "precision": pl.String,
        "announced": pl.Boolean, "source": pl.String,
    }
)  # fmt: skip


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class YearWindow(_Written):
    """`opens` and `closes`: the first and the last second; without a time zone a date is refused."""

    id: str
    stage: Literal["sign_up", "warm_up", "deposit", "final_payment", "sale"]
    zh: str
    en: str
    opens: AwareDatetime
    closes: AwareDatetime
    kind: Literal["direct", "deposit", "coupon", "spend_and_save"] | None = None
    exclusive: str | None = None
    precision: Literal["second", "day"] = "second"

    @model_validator(mode="after")
    def _opens_first(self) -> "YearWindow":
        if self.closes <= self.opens:
            raise ValueError(f"{self.id} closes before it opens")
        return self


class YearCampaign(_Written):
    """`announced`: whether the dates are the platform's own for this year, or those of the last known year."""

    id: str
    platform: str
    zh: str
    en: str
    day: date
    announced: bool
    source: str
    windows: tuple[YearWindow, ...]


class YearCalendar(_Written):
    """One file."""

    year: int
    campaigns: tuple[YearCampaign, ...]


def read_calendar(text: str) -> YearCalendar:
    """A calendar file's text; raises pydantic's ValidationError, also for an instant without a time zone."""
    return YearCalendar.model_validate(YAML(typ="safe").load(text))


@lru_cache(maxsize=32)
def calendar_of(year: int) -> YearCalendar | None:
    """The calendar that comes with the product; None for a year without one."""
    files = (Path(folder) / "calendars" / f"{year}.yaml" for folder in playbooks.__path__)
    return next((read_calendar(file.read_text(encoding="utf-8")) for file in files if file.is_file()), None)


def windows_of(calendars: Iterable[YearCalendar], platform: str) -> pl.DataFrame:
    """The windows of a platform, one row each, by closing time."""
    rows = [
        (
            campaign.platform, campaign.id, window.id, window.stage, f"{campaign.zh}{window.zh}", f"{campaign.en}: {window.en}",
            window.opens.astimezone(UTC), window.closes.astimezone(UTC), window.kind, window.exclusive, window.precision, campaign.announced, campaign.source,
        )
        for calendar in calendars for campaign in calendar.campaigns if campaign.platform == platform for window in campaign.windows
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=WINDOWS, orient="row").sort("closes", "opens", "campaign", "window")
