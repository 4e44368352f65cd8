"""Pulling a shop from its platform into the lake: credentials, cursors, rows, refusals. What `ecops pull` does."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ecops.home import Home
from ecops.platforms.client import Setting
from ecops.platforms.credentials import credentials_of, prefect_blocks
from ecops.platforms.pull import Pulled, pull
from ecops.platforms.shops import must_be_pullable, open_shop
from ecops.platforms.tokens import fresher, keep_renewed
from ecops.shop.kinds import COLUMNS, KINDS
from ecops.shop.lake import QUARANTINE, Lake
from ecops.shop.personal import keyed_hash
from ecops.shop.reasons import sentence

# How far back the first pull goes; every platform answers for as long.
_FIRST_DAYS = 90


def pull_shop(
    home: Home, lake: Lake, shop: str, platform: str, now: datetime, since: datetime | None = None, until: datetime | None = None,
    topics: Iterable[str] | None = None, setting: Setting = Setting(),
) -> dict[str, Any]:
    """Pull `shop` (on `platform`) up to `until` (default `now`) from where the last pull ended, or from `since` (aware).

    Returns {shop, platform, whole, kinds: [{kind, call, since, until, rows, loaded, replaced, refused, unknown, permission, beyond}]}.
    Raises BadCall for a platform or topic that is none, PlatformError without credentials.
    """
    must_be_pullable(platform, shop)
    given = credentials_of(shop, blocks=prefect_blocks(home.prefect, home.prefect_auth))
    secret, end = lake.secret(), until or now
    setting = replace(
        setting, hashed=lambda text: keyed_hash(secret, text), renewed=lambda new: keep_renewed(home.folder, shop, given, new)
    )
    client = open_shop(platform, shop, fresher(home.folder, shop, given), setting)
    kept = _Kept(lake, shop, now)
    try:
        begins = {topic: since or _cursor(lake, shop, platform, topic) or end - timedelta(days=_FIRST_DAYS) for topic in (*client.kinds, *client.lacking)}
        done = pull(client, begins, end, topics, kept.keep, lambda topic, cursor: lake.remember(shop, _name(platform, topic), cursor.isoformat()))
    finally:
        client.close()
    told = [_told(one, begins[one.topic], kept) for one in done.topics]
    lacking = set(client.lacking)
    return {"shop": shop, "platform": platform, "whole": all(one["unknown"] is None or one["kind"] in lacking for one in told), "kinds": told}


class _Kept:
    """Takes what was pulled into the lake and counts what became of it."""

    def __init__(self, lake: Lake, shop: str, now: datetime) -> None:
        self._lake, self._shop, self._now = lake, shop, now
        self.loaded: dict[str, int] = {}
        self.replaced: dict[str, int] = {}

    def keep(self, kind: str, frame: pl.DataFrame, refusals: pl.DataFrame) -> None:
        """Merge a frame; refused rows go to quarantine, and leave it once the platform tells them well."""
        if len(frame):
            result = self._lake.merge(kind, frame)
            self.loaded[kind] = self.loaded.get(kind, 0) + result.loaded
            self.replaced[kind] = self.replaced.get(kind, 0) + result.replaced
            self._mend(kind, frame)
        if len(refusals):
            self._lake.quarantine(self._refused(kind, refusals))

    def _mend(self, kind: str, frame: pl.DataFrame) -> None:
        waiting = self._lake.quarantined(self._shop).filter(pl.col("digest") == _digest(kind))
        if len(waiting):
            fine = frame.select(pl.concat_str([pl.col(part).cast(pl.String) for part in KINDS[kind].key], separator=" ")).to_series()
            self._lake.mended(waiting.filter(pl.col("sheet").is_in(fine.implode())), frame["source_file"][0])

    def _refused(self, kind: str, refusals: pl.DataFrame) -> pl.DataFrame:
        """A pulled row has no file and no sheet: its kind and its id take their place."""
        texts = {code: sentence(code) for code in refusals["reason"].unique()}
        at = pl.lit(self._now).cast(COLUMNS["imported_at"].dtype)
        return refusals.filter(pl.col("kind") == kind).select(
            pl.lit(self._shop).alias("shop"), pl.lit(_digest(kind)).alias("digest"), pl.format("{} pulled", "kind").alias("file"),
            pl.col("id").alias("sheet"), pl.lit(0, dtype=pl.Int64).alias("row"), pl.col("field").alias("column"), "value", "reason",
            pl.col("reason").replace_strict(texts, return_dtype=pl.String).alias("sentence"), pl.lit(json.dumps({})).alias("raw"),
            at.alias("imported_at"), at.alias("available_at"),
        ).unique(["shop", *QUARANTINE.key], maintain_order=True)


def _digest(kind: str) -> str:
    return hashlib.sha256(f"pulled:{kind}".encode()).hexdigest()


def _name(platform: str, topic: str) -> str:
    return f"pull:{platform}:{topic}"


def _cursor(lake: Lake, shop: str, platform: str, topic: str) -> datetime | None:
    held = lake.recall(shop, _name(platform, topic))
    return datetime.fromisoformat(held) if held else None


def _told(one: Pulled, since: datetime, kept: _Kept) -> dict[str, Any]:
    counts = {"loaded": kept.loaded, "replaced": kept.replaced}
    return {
        "kind": one.topic, "call": one.call, "since": since.isoformat(), "until": one.cursor.isoformat(), "rows": dict(one.rows),
        **{name: {kind: of[kind] for kind in one.rows if kind in of} for name, of in counts.items()}, "refused": dict(one.refused),
        "unknown": one.unknown, "permission": one.permission,
        "beyond": one.beyond and {"since": one.beyond.since.isoformat(), "until": one.beyond.until.isoformat()},
    }

