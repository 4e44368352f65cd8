"""The lake: one Delta table for each kind of data, under one folder or object-store address.

Every write is one Delta commit, so a process killed at any point leaves a table as before or as after.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from ecops.shop.asof import as_of_frame
from ecops.shop.difference import GONE, WEIGHT, Difference, difference
from ecops.shop.errors import ShopDataError
from ecops.shop.kinds import INSTANT, KINDS, Kind

QUARANTINE = Kind("quarantine", "隔离区", ("digest", "sheet", "row", "column", "reason"), {
    "digest": pl.String,            # of the file's bytes: the same file again is no news, a corrected one is
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "column": pl.String,            # heading; empty where the whole row is meant
    "value": pl.String,
    "reason": pl.String,            # code, listed in docs/data.md
    "sentence": pl.String,
    "raw": pl.String,               # the row as JSON, personal texts replaced by keyed hashes
    "mended_in": pl.String,         # the file whose row took its place; null: still waiting
})
_SETTINGS = Kind("settings", "设置", ("name",), {"name": pl.String, "value": pl.String})
_TABLES = KINDS | {QUARANTINE.name: QUARANTINE, _SETTINGS.name: _SETTINGS}
_EVERY_SHOP = ""
_ATTEMPTS = 20
_AT_ONCE = 100_000
# The writer holds a group of rows in memory until it is whole; by default a million.
_GROUPS = WriterProperties(max_row_group_size=_AT_ONCE, compression="SNAPPY")
# In every commit: the moment of the import, so that the lake can be read as it was known at any moment.
_AT = "ecops_at"
# What was known a year ago must still be there at the next year's campaign.
_KEEP = {"delta.logRetentionDuration": "interval 800 days", "delta.deletedFileRetentionDuration": "interval 800 days"}
_NOT_YET = ("facts_as_of", "ship_by")


@dataclass(frozen=True)
class MergeResult:
    """How many rows of a frame were new, already there, or laid over a row with other values."""

    loaded: int
    duplicates: int
    replaced: int


@dataclass
class _Opened:
    """A table as last seen: the `probe` that follows its log, and the scan of the version it found."""

    probe: DeltaTable
    version: int
    scan: pl.LazyFrame = field(repr=False)


class Lake:
    """Tables of shop data under `url` (a folder, or an address such as `s3://bucket/lake`). Safe to share between threads."""

    def __init__(self, url: str, storage_options: Mapping[str, str] | None = None, step: Callable[[str], None] = lambda name: None):
        """`storage_options` go to the object store; `step` is told the named points of a merge (tests die there)."""
        self.url = str(url).rstrip("/")
        self._options = dict(storage_options) if storage_options else None
        self._step = step
        self._opened: dict[str, _Opened] = {}
        self._lock = threading.Lock()

    def merge(self, kind: str, frame: pl.DataFrame, renamed: Mapping[str, str] | None = None) -> MergeResult:
        """Merge rows of `kind` by (shop, key): the same row is a duplicate, other values replace those they provide.

        `frame` has columns of the kind (missing ones count as unknown) and unique keys; WEIGHT, where it is there, says how
        many rows of a file each stands for. `renamed` maps item ids held for the frame's shops to the ids they turned out
        to be. One commit, or none when nothing changes. Raises ShopDataError for rows the kind's schema refuses.
        """
        table = _table(kind)
        rows = _fit(table, frame)
        _must_be_unique(table, rows)
        _must_hold(table, rows)
        for _ in range(_ATTEMPTS):
            try:
                return self._merge_once(table, rows, renamed)
            except CommitFailedError:
                continue  # someone else committed in between: compare again with what is there now
        raise ShopDataError(f"the table {kind} is being written by too many others; import again in a moment")

    def frames(
        self, kinds: Iterable[str], shops: Sequence[str], as_of: datetime, imported_by: datetime | None = None
    ) -> dict[str, pl.LazyFrame]:
        """The rows of `shops` that could be known at `as_of` (aware), later facts masked; lazily, one frame a kind.

        `imported_by` (aware): with the values that had been imported by then, before any later correction.
        """
        return {kind: as_of_frame(kind, self._of_shops(_table(kind), shops, imported_by), as_of) for kind in kinds}

    def everything(self, kind: str, shops: Sequence[str]) -> pl.LazyFrame:
        """All rows of `shops` as they are held now, nothing hidden or masked."""
        return self._of_shops(_table(kind), shops)

    def version(self, kind: str) -> int | None:
        """Version of the kind's Delta table; None while there is none."""
        opened = self._open(_table(kind))
        return opened.version if opened else None

    def quarantine(self, rows: pl.DataFrame) -> None:
        """Keep refused rows (columns of QUARANTINE and `shop`); the same refusals of the same file are kept once."""
        if len(rows):
            self.merge(QUARANTINE.name, rows)

    def quarantined(self, shop: str) -> pl.DataFrame:
        """Everything refused for `shop` and not mended yet, in the order of file, sheet and row."""
        held = self._of_shops(QUARANTINE, [shop]).filter(pl.col("mended_in").is_null()).collect()
        return held.sort("imported_at", "file", "sheet", "row", "column", "reason")

    def mended(self, rows: pl.DataFrame, file: str) -> None:
        """Rows of the quarantine whose place the rows of `file` have taken."""
        if len(rows):
            self.merge(QUARANTINE.name, rows.with_columns(pl.lit(file).alias("mended_in")))

    def remember(self, shop: str, name: str, value: str) -> None:
        """Keep a setting of `shop`, such as how far a platform has been read."""
        self.merge(_SETTINGS.name, pl.DataFrame({"shop": [shop], "name": [name], "value": [value]}))

    def recall(self, shop: str, name: str) -> str | None:
        """A setting of `shop`; None where there is none."""
        return next(iter(self._setting(shop, name)), None)

    def secret(self) -> bytes:
        """The key buyers' nicks are hashed with: made once, kept with the lake."""
        while not (held := self._secrets()):
            made = pl.DataFrame({"shop": [_EVERY_SHOP], "name": ["buyer_key"], "value": [secrets.token_hex(32)]})
            self._merge_first(made)
        return bytes.fromhex(held[0])

    def compact(self, kind: str) -> int:
        """Rewrite the many small files of a table as few; returns how many files it has now. Changes no row."""
        opened = self._open(_table(kind))
        if not opened:
            return 0
        handle = self._handle(kind)
        handle.optimize.compact()
        return len(handle.file_uris())

    def _secrets(self) -> list[str]:
        return self._setting(_EVERY_SHOP, "buyer_key")

    def _setting(self, shop: str, name: str) -> list[str]:
        return self._of_shops(_SETTINGS, [shop]).filter(pl.col("name") == name).collect()["value"].to_list()

    def _merge_first(self, made: pl.DataFrame) -> None:
        """Write a setting that must be the first; when two processes do so at once, the loser's is dropped."""
        rows, target = _fit(_SETTINGS, made), self._create(_SETTINGS)
        if len(self._held(_SETTINGS, target, rows, None)):
            return
        try:
            self._commit(_SETTINGS, target, difference(_SETTINGS, rows.clear(), rows))
        except CommitFailedError:
            return

    def _merge_once(self, kind: Kind, rows: pl.DataFrame, renamed: Mapping[str, str] | None) -> MergeResult:
        target = self._create(kind)
        change = difference(kind, self._held(kind, target, rows, renamed), rows, renamed)
        self._step("compared")
        if len(change.rows):
            self._commit(kind, target, change)
        self._step("committed")
        return MergeResult(change.loaded, change.duplicates, change.replaced)

    def _held(self, kind: Kind, target: DeltaTable, rows: pl.DataFrame, renamed: Mapping[str, str] | None) -> pl.DataFrame:
        """The rows the frame may touch: those with its keys, and those that change their id."""
        shops = rows["shop"].unique().to_list()
        held = _complete(kind, pl.scan_delta(target)).filter(pl.col("shop").is_in(shops))
        if renamed:
            return held.collect()
        return held.join(rows.lazy().select("shop", *kind.key), on=["shop", *kind.key], how="semi").collect()

    def _commit(self, kind: Kind, target: DeltaTable, change: Difference) -> None:
        columns = kind.schema.names()
        same_key = " AND ".join(f"held.{name} = new.{name}" for name in ("shop", *kind.key))
        values = {name: f"new.{name}" for name in columns}
        order = ["shop", *kind.key]
        note = CommitProperties(custom_metadata=_moment_of(change.rows), max_commit_retries=0)
        self._step("committing")
        if change.only_new:
            # a commit in between makes it fail, for the same keys may have come with it
            write_deltalake(target, _in_parts(change.rows.drop(GONE)), mode="append", commit_properties=note, writer_properties=_GROUPS)
            return
        (
            target.merge(change.rows.sort(order), same_key, source_alias="new", target_alias="held", commit_properties=note, writer_properties=_GROUPS)
            .when_matched_delete(predicate=f"new.{GONE}")
            .when_matched_update(values)
            .when_not_matched_insert(values, predicate=f"NOT new.{GONE}")
            .execute()
        )

    def _of_shops(self, kind: Kind, shops: Sequence[str], imported_by: datetime | None = None) -> pl.LazyFrame:
        opened = self._open(kind)
        scan = opened and (opened.scan if imported_by is None else self._scan_of(kind, imported_by))
        frame = pl.LazyFrame(schema=kind.schema) if scan is None else _complete(kind, scan)
        return frame.filter(pl.col("shop").is_in(list(shops)))

    def _scan_of(self, kind: Kind, imported_by: datetime) -> pl.LazyFrame | None:
        """The table after the last import at or before `imported_by`; None where there was none yet."""
        handle, last = self._handle(kind.name), imported_by.astimezone(UTC).isoformat()
        known = [commit["version"] for commit in handle.history() if _AT in commit and commit[_AT] <= last]
        return pl.scan_delta(self._address(kind.name), version=max(known), storage_options=self._options) if known else None

    def _open(self, kind: Kind) -> _Opened | None:
        """The newest version of a table, opened anew only when its log has moved; None while there is no table."""
        with self._lock:
            opened = self._opened.get(kind.name)
            if opened and self._still_newest(opened):
                return opened
            return self._remember(kind)

    def _still_newest(self, opened: _Opened) -> bool:
        opened.probe.update_incremental()
        return opened.probe.version() == opened.version

    def _remember(self, kind: Kind) -> _Opened | None:
        try:
            handle = self._handle(kind.name)
        except TableNotFoundError:
            return None
        opened = _Opened(self._handle(kind.name), handle.version(), pl.scan_delta(handle))
        self._opened[kind.name] = opened
        return opened

    def _handle(self, name: str) -> DeltaTable:
        try:
            return DeltaTable(self._address(name), storage_options=self._options)
        except OSError as error:
            raise self._unreachable(error) from error

    def _create(self, kind: Kind) -> DeltaTable:
        """The table of `kind` at its newest version with all its columns, made if there is none."""
        try:
            handle = self._handle(kind.name)
        except TableNotFoundError:
            return self._write_columns(kind, {})
        lacking = set(kind.schema) - {column.name for column in handle.schema().fields}
        return self._write_columns(kind, {"schema_mode": "merge"}) if lacking else handle

    def _write_columns(self, kind: Kind, how: Mapping[str, str]) -> DeltaTable:
        """Write no rows: that makes a table, or adds the columns it lacks."""
        mode = "append" if how else "ignore"
        try:
            write_deltalake(
                self._address(kind.name), pl.DataFrame(schema=kind.schema), mode=mode, storage_options=self._options,
                configuration=None if how else _KEEP, **how,
            )
        except (OSError, TableNotFoundError) as error:
            raise self._unreachable(error) from error
        return self._handle(kind.name)

    def _unreachable(self, error: Exception) -> ShopDataError:
        why = str(error).splitlines()[0]
        return ShopDataError(f"the lake at {self.url} cannot be used ({why}); check its address and who may read and write there")

    def _address(self, name: str) -> str:
        return f"{self.url}/{name}"


def _table(kind: str) -> Kind:
    if kind not in _TABLES:
        raise ShopDataError(f"no kind of data is called {kind}; known: {', '.join(KINDS)}")
    return _TABLES[kind]


def _fit(kind: Kind, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with exactly the kind's columns and WEIGHT; `facts_as_of` unknown becomes the shop's latest instant in the frame."""
    fitted = _complete(kind, frame.lazy())
    if "facts_as_of" in kind.columns:
        instants = [name for name, dtype in kind.columns.items() if dtype == INSTANT and name not in _NOT_YET]
        latest = pl.max_horizontal(pl.col(name).max() for name in instants).over("shop")
        fitted = fitted.with_columns(pl.coalesce("facts_as_of", latest).alias("facts_as_of"))
    weight = frame[WEIGHT] if WEIGHT in frame.columns else pl.repeat(1, len(frame), dtype=pl.Int64, eager=True)
    return fitted.collect().with_columns(weight.alias(WEIGHT))


def _in_parts(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, handed to the writer a part at a time: it needs memory for one part only."""
    return pl.concat(rows.iter_slices(_AT_ONCE), rechunk=False) if len(rows) else rows


def _moment_of(rows: pl.DataFrame) -> dict[str, str]:
    """When the rows were imported, as a commit says it."""
    at = rows["imported_at"].max()
    return {_AT: at.astimezone(UTC).isoformat()} if at else {}


def _complete(kind: Kind, frame: pl.LazyFrame) -> pl.LazyFrame:
    """A table written before a column was added lacks it: the column is unknown there."""
    have = frame.collect_schema()
    return frame.select(
        pl.col(name).cast(dtype) if name in have else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in kind.schema.items()
    )


def _must_be_unique(kind: Kind, rows: pl.DataFrame) -> None:
    keys = ["shop", *kind.key]
    twice = rows.filter(pl.struct(keys).is_duplicated())
    if len(twice):
        raise ShopDataError(f"two rows of {kind.name} have the key {twice.select(keys).row(0)}; keep one of them")
    if rows.select(pl.any_horizontal(pl.col(keys).is_null()).any()).item():
        raise ShopDataError(f"a row of {kind.name} has no {', '.join(keys)}; give every row its key")


def _must_hold(kind: Kind, rows: pl.DataFrame) -> None:
    if kind.name not in KINDS:
        return
    _, failure = kind.checked.filter(rows.drop(WEIGHT))
    if len(failure):
        first = failure.invalid().select("shop", *kind.key).row(0)
        raise ShopDataError(f"{len(failure)} rows of {kind.name} break {', '.join(failure.counts())}, the first is {first}; correct them where they are made")
