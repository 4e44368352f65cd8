"""Importing a file: recognised, read, settled, merged; every row ends in the lake or in quarantine."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from ecops.shop.deriving import TITLE_ID, Setting
from ecops.shop.errors import ShopDataError
from ecops.shop.exports import Catalogue, Export
from ecops.shop.faults import PLACE
from ecops.shop.heads import Heading, headings_seen, is_data, locate
from ecops.shop.kinds import KINDS
from ecops.shop.lake import Lake
from ecops.shop.notes import notes_on
from ecops.shop.personal import without_phones
from ecops.shop.quarantine import mark_expression, marks, refused_rows, without_persons
from ecops.shop.reading import Batch, read
from ecops.shop.reasons import sentence
from ecops.shop.report import ImportReport, Refusal, main_column, totals_of
from ecops.shop.settling import Origin, Settled, settle
from ecops.shop.sheet import Table, read_tables, shown

Progress = Callable[[float], None]
# The share of the work that reading the file takes, for people who wait.
_READ = 0.5


@dataclass(frozen=True)
class _Job:
    """What all parts of one import share."""

    lake: Lake
    path: Path
    origin: Origin


def import_file(
    lake: Lake, path: str | Path, shop: str, now: datetime, kind: str | None = None, mappings: Path | None = None,
    progress: Progress = lambda done: None,
) -> list[ImportReport]:
    """Read the export at `path` into `shop`'s part of the lake at the instant `now` (aware): one report for each export in it.

    `kind` refuses a file of another kind; `mappings` is the folder of exports that people mapped; `progress` is told the
    share done (0 to 1). The same file again changes nothing. Raises ShopDataError when the file as a whole cannot be
    read; single rows that cannot be trusted are quarantined and reported.
    """
    job = _Job(lake, Path(path), Origin(shop, Path(path).name, now))
    groups, unread = _groups(job, kind, Catalogue(mappings), lambda done: progress(done * _READ))
    reports, number = [], len(groups)
    while groups:
        # taken out of the list: the texts of a sheet need not stay in memory while its rows are merged
        reports.append(_import(job, groups.pop(0), unread if not reports else []))
        progress(_READ + (1 - _READ) * len(reports) / number)
    return reports


def _groups(job: _Job, kind: str | None, catalogue: Catalogue, progress: Progress) -> tuple[list[list[Batch]], list[str]]:
    """The sheets that were recognised, those of one export together, and the names of those left unread."""
    if kind is not None and kind not in KINDS:
        raise ShopDataError(f"no kind of data is called {kind}; known: {', '.join(KINDS)}")
    tables = read_tables(job.path, progress)
    found = [(table, located) for table in tables if (located := locate(table, catalogue, kind) or locate(table, catalogue))]
    _must_be_known(job.path, tables, [located for _, located in found], kind, catalogue)
    taken = [(table, located) for table, located in found if kind in (None, located.export.kind, *located.export.also)]
    names = list(dict.fromkeys(located.export.name for _, located in taken))
    secret = job.lake.secret()
    groups = [[read(table, located, job.path.name, secret) for table, located in taken if located.export.name == name] for name in names]
    return groups, [table.sheet for table in tables if all(table is not other for other, _ in taken)]


def _must_be_known(path: Path, tables: Sequence[Table], found: Sequence[Heading], kind: str | None, catalogue: Catalogue) -> None:
    if not found:
        raise ShopDataError(_unknown(path, tables, catalogue))
    if all(kind not in (None, located.export.kind, *located.export.also) for located in found):
        other = found[0].export
        raise ShopDataError(f"{path.name} holds {other.kind} (export {other.name}), not {kind}; import it as {other.kind}")


def _unknown(path: Path, tables: Sequence[Table], catalogue: Catalogue) -> str:
    seen = [shown(without_phones(text)) for text in max((headings_seen(table, catalogue) for table in tables), key=len, default=[])]
    if not seen or any(map(is_data, seen)):
        # cells of data may name people
        return f"{path.name} has no heading row; export it again with its headings"
    export, lacking = catalogue.nearest(seen)
    return (
        f"the headings of {path.name} are those of no known export: found {', '.join(seen[:30])}; nearest is {export.name}, which also "
        f"needs {', '.join(lacking)}; export it again with these, or say once what its headings mean: "
        f"ecops import {path.name} --shop ... --kind {export.kind} --map '{seen[0]}={export.required[0]}' --map ...; docs/data.md lists what can be read"
    )


def _import(job: _Job, batches: list[Batch], unread: Sequence[str]) -> ImportReport:
    export, secret = batches[0].heading.export, job.lake.secret()
    labels = {column: batches[0].heading.label(column) for column in batches[0].heading.columns}
    settled = settle(export, batches, Setting(secret, lambda: _known_titles(job.lake, job.origin.shop), labels), job.origin)
    faults = without_persons(settled.faults, secret)
    waiting = _waiting(job, batches)
    if len(faults):
        job.lake.quarantine(refused_rows(batches, faults, secret, job.origin.shop, job.path, job.origin.now))
    told = _told(job.path, batches, settled, faults, notes_on(batches, settled, unread))
    batches.clear()
    result = job.lake.merge(export.kind, settled.fine, _renamed(job, settled.fine) if export.kind == "item_days" else None)
    also = {name: asdict(job.lake.merge(name, frame)) for name, frame in settled.also.items()}
    job.lake.mended(waiting, job.path.name)
    return replace(told, loaded=result.loaded, duplicates=result.duplicates + settled.repeated, replaced=result.replaced, also=also)


def _waiting(job: _Job, batches: Sequence[Batch]) -> pl.DataFrame:
    """The rows of the quarantine that rows of this file take the place of."""
    named = marks(batches)
    return job.lake.quarantined(job.origin.shop).filter(mark_expression().is_in(named)) if named else pl.DataFrame()


def _known_titles(lake: Lake, shop: str) -> dict[str, set[str]]:
    """Title -> the item ids that ever had it in this shop."""
    pairs = [lake.everything(kind, [shop]).select("title", "item_id") for kind in ("items", "item_days")]
    real = pl.concat(pairs).unique().drop_nulls().filter(~pl.col("item_id").str.starts_with(TITLE_ID)).collect()
    return {title: set(ids) for title, ids in real.group_by("title").agg("item_id").iter_rows()}


def _renamed(job: _Job, fine: pl.DataFrame) -> dict[str, str]:
    """Ids held by title that the rows now name -> the items' real ids."""
    held = job.lake.everything("item_days", [job.origin.shop]).filter(pl.col("item_id").str.starts_with(TITLE_ID))
    waiting = set(held.select(pl.col("item_id").unique()).collect()["item_id"])
    if not waiting:
        return {}
    real = fine.select("title", "item_id").unique().drop_nulls().filter(~pl.col("item_id").str.starts_with(TITLE_ID))
    sole = real.filter(~pl.col("title").is_duplicated())
    return {TITLE_ID + title: item for title, item in sole.iter_rows() if TITLE_ID + title in waiting}


def _told(path: Path, batches: Sequence[Batch], settled: Settled, faults: pl.DataFrame, notes: Iterable[str]) -> ImportReport:
    """What the file tells, before it is known which of its rows are new."""
    export = batches[0].heading.export
    refusals = tuple(Refusal(row, column, value, reason, sentence(reason), sheet) for sheet, row, column, value, reason in faults.iter_rows())
    return ImportReport(
        file=path.name, kind=export.kind, export=export.name, rows=sum(batch.rows_found for batch in batches),
        loaded=0, duplicates=0, replaced=0, quarantined=refusals, refused=faults.select(PLACE).n_unique(),
        total_rows=sum(batch.total_rows for batch in batches), reasons=dict(faults.group_by("reason").len().sort("reason").iter_rows()),
        totals=totals_of(export.kind, (one for batch in batches for one in batch.sums), _summed(export, settled)), notes=tuple(notes),
    )


def _summed(export: Export, settled: Settled) -> int | None:
    """All readable amounts of the file, refused rows too: its total row counts them as well."""
    column = main_column(export.kind)
    return settled.found[column].sum() if column and settled.found[column].count() else None
