"""A raw table as typed rows of a kind, with a reason for every row that cannot be trusted."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import polars as pl

from ecops.shop import cells
from ecops.shop.errors import ShopDataError
from ecops.shop.exports import Export, heading
from ecops.shop.faults import PLACE, ROW, SHEET, faults_of, no_faults
from ecops.shop.form import broken_off, disagreeing, in_merged_cells, lone_cells, shifted
from ecops.shop.heads import Heading, headings_again
from ecops.shop.kinds import COLUMNS, KINDS
from ecops.shop.period import days_named
from ecops.shop.personal import guarded, hashed
from ecops.shop.sheet import Table

# The heading under which an exported quarantine names the refused row that a mended one stands for.
MARK_HEADING, MARK = "隔离标记", "_mark"
REASON_HEADING = "隔离原因"
# What tells whole rows of the file apart, where rows are added up.
PRINT = "_print"
_OURS = (MARK_HEADING, REASON_HEADING)

_SUMS = "总计|合计|共计|总合计|汇总|汇总值|全店汇总值|全店汇总|全店|小计|total|sum|grandtotal"
_MEANS = "平均|平均值|均值|人均|同行同层均值|同行均值|同行同层平均|average|mean|avg"
_LABEL = "(?i)^(?:本页|本店|全部|所有|店铺|商品)?(?:{})(?:[（(][^（）()]*[)）])?[:：]?$"
# Columns that may hold the label; a plan may really be called by one of the words.
_NAMES, _PLANS, _OWN_NAME = ("item_id", "title", "agent", "source"), ("plan_id", "plan", "keyword", "tool"), "全店|"
_SAMPLE = 5
_AT_A_TIME = 2
# A cheap sign, before the words themselves are compared.
_LIKELY = "(?i)[计总汇均]|全店|小计|total|sum|mean|average|avg"


@dataclass(frozen=True)
class Sum:
    """One column of a total row: what it states and what all readable rows add up to (fen for money)."""

    column: str
    heading: str
    stated: int
    summed: int

    @property
    def difference(self) -> int:
        """Stated less summed."""
        return self.stated - self.summed


@dataclass(frozen=True)
class Batch:
    """The rows of one sheet: typed `rows` (columns of the export, SHEET, ROW), `faults` (FAULTS), and what was left out.

    `rows_found` counts all rows with anything in them, total rows too, but not those that repeat the headings. `sums` compares
    the last total row, column by column. `unended`: the last row, where the text ends without a line break after it.
    `unknown`: fixed texts we do not know, by heading: text -> rows. `unread`: headings that fill nothing and are not known.
    """

    heading: Heading
    table: Table
    rows: pl.DataFrame
    faults: pl.DataFrame
    rows_found: int
    total_rows: int
    sums: tuple[Sum, ...]
    blank_rows: int
    heading_rows: int
    unended: int | None
    damaged: Mapping[str, int]
    unknown: Mapping[str, Mapping[str, int]]
    unread: tuple[str, ...]

    def raw(self, rows: pl.Series) -> pl.DataFrame:
        """The rows of these numbers as the file has them: columns c0, c1 ... and ROW."""
        wanted = [part.filter(pl.col(ROW).is_in(rows.implode())) for part in _numbered(self.table)]
        return pl.concat(wanted, how="diagonal")


def read(table: Table, found: Heading, file: str, secret: bytes) -> Batch:
    """The rows below the heading, typed. Total rows and blank ones are left out and counted; persons are keyed hashes (of `secret`).

    Raises ShopDataError where the file must say its day (in its name `file` or in its notes) and does not.
    """
    parts = list(_in_order(lambda part: _part(part.filter(pl.col(ROW) > found.at + 1), found, table, secret, file), _numbered(table)))
    rows = _dated(pl.concat([part.rows for part in parts]), table, found, file)
    last = next((part.sums for part in reversed(parts) if len(part.sums)), parts[0].sums)
    unended = _unended(table, rows, parts[-1].last)
    return Batch(
        found, table, rows, _all_faults(table, found, rows, parts, unended), sum(part.filled for part in parts),
        sum(part.totals for part in parts), _sums(found, last.tail(1), rows, table), sum(part.blank for part in parts),
        sum(part.headings for part in parts), unended, _damaged(found, parts), _unknown(found, parts), _unread(found),
    )


def _unended(table: Table, rows: pl.DataFrame, last: int | None) -> int | None:
    """The table's last row, where it is of data and the text has no end of line after it."""
    return last if table.records is not None and table.records.ends_at is not None and last in rows[ROW].tail(1) else None


def _all_faults(table: Table, found: Heading, rows: pl.DataFrame, parts: Sequence["_Part"], unended: int | None) -> pl.DataFrame:
    merged = in_merged_cells(table, found, rows[ROW])
    # what is missing in merged cells is missing because they are merged
    told = pl.concat([part.faults for part in parts]).join(merged, on=[ROW, "column"], how="anti", maintain_order="left")
    return pl.concat([told, merged, broken_off(table, found, unended)])


def _in_order(work: Callable[[pl.DataFrame], "_Part"], parts: Iterable[pl.DataFrame]) -> Iterator["_Part"]:
    """`work` on each part, two at a time; a part is taken up only when the ones before it are nearly done, for memory's sake."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        waiting: deque[Future["_Part"]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) > _AT_A_TIME:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _numbered(table: Table) -> Iterator[pl.DataFrame]:
    """All rows in parts, each with its number in the sheet."""
    height = 0
    for part in table.parts():
        yield part.with_columns(pl.int_range(height + 1, height + len(part) + 1, dtype=pl.Int64).alias(ROW))
        height += len(part)


@dataclass(frozen=True)
class _Part:
    """Some rows, typed, and what was left out: `filled` rows of which `totals` were no data, `sums` being those that add up.

    `headings`: rows that repeat the headings, not among the filled. `last`: number of the last row of all. `strange`: texts of fixed
    meaning that are not known, by column. `damaged`: cells of unused columns (by place) without their digits.
    """

    rows: pl.DataFrame
    faults: pl.DataFrame
    filled: int
    blank: int
    totals: int
    headings: int
    last: int | None
    sums: pl.DataFrame
    strange: Mapping[str, pl.Series]
    damaged: Mapping[int, int]


def _part(below: pl.DataFrame, found: Heading, table: Table, secret: bytes, file: str) -> _Part:
    some = _where(below, _is_filled(below))
    texts = some.select(ROW, *(cells.clean(pl.col(f"c{index}")).alias(column) for column, index in (found.columns | _mark(found)).items()))
    void = _void(some, texts, found)
    filled = _without(some, void)
    labelled = _labelled(filled, found, f"{_SUMS}|{_MEANS}")
    data, texts = _without(filled, labelled), _without(_without(texts, void), labelled)
    rows, faults, strange = _typed(found, texts, table)
    # no heading is a day or an amount, so they show among the rows with faults
    again = headings_again(data.join(faults, on=ROW, how="semi", maintain_order="left"), found, file)
    if len(again):
        data = _without(data, again)
        rows, faults, strange = _typed(found, _without(texts, again), table)
    rows, faults = _formed(rows, faults, data, found, table)
    sums = filled.join(_labelled(filled, found, _SUMS), on=ROW, how="semi")
    if found.export.grouped:
        # rows of one key are added up, but a row that stands twice in the file is one row
        rows = rows.with_columns(data.drop(ROW).hash_rows().alias(PRINT))
    return _Part(
        _without_persons(found.export, rows, secret), faults,
        len(filled) - len(again), len(below) - len(filled), len(labelled), len(again), below[ROW].max(), sums, strange, _scientific(found, data),
    )


def _formed(rows: pl.DataFrame, faults: pl.DataFrame, data: pl.DataFrame, found: Heading, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """With the faults of the rows' form. What cells say under the wrong headings is no value, and no fault of its own."""
    faults, wide = pl.concat([faults, disagreeing(data, found, table)]), shifted(data, found, table)
    # what is refused anyway need not be told twice
    faults = pl.concat([faults, lone_cells(data, rows, found, table).join(faults, on=ROW, how="anti", maintain_order="left")])
    if wide.is_empty():
        return rows, faults
    known = [name for name in rows.columns if name not in PLACE]
    moved = rows[ROW].is_in(wide[ROW].implode())
    kept = rows.with_columns(pl.when(~moved).then(pl.col(name)).alias(name) for name in known)
    return kept, pl.concat([faults.join(wide, on=ROW, how="anti", maintain_order="left"), wide])


def _without(rows: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    return rows.join(numbers, on=ROW, how="anti", maintain_order="left") if len(numbers) else rows


def _without_persons(export: Export, rows: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """Persons only as keyed hashes, whatever else happens to the rows."""
    known = [column for column in sorted(export.hashed) if column in rows.columns]
    rows = rows.with_columns(hashed(rows[column], secret).alias(column) for column in known)
    return guarded(rows, "buyer_id", secret) if "buyer_id" in rows.columns and "buyer_id" not in known else rows


def _where(rows: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
    return rows if mask.all() else rows.filter(mask)


def _is_filled(rows: pl.DataFrame) -> pl.Series:
    """Rows with anything in them; most show it in the first column already."""
    something = [pl.col(name).str.contains(r"\S").fill_null(False) for name in rows.columns if name != ROW]
    filled = rows.select(something[0].alias("filled"))["filled"]
    if filled.all():
        return filled
    rest = rows.select(pl.any_horizontal(something).alias("filled"))["filled"]
    return filled | rest


def _void(rows: pl.DataFrame, texts: pl.DataFrame, found: Heading) -> pl.DataFrame:
    """The numbers of rows that say nothing in every cell: how a report without data is exported (暂无数据, then `-`)."""
    naming = next((name for name in found.export.needed if name in found.columns), next(iter(found.columns)))
    likely = rows.filter(texts[naming].is_null())
    if likely.is_empty():
        return likely.select(ROW)
    return likely.filter(pl.all_horizontal(cells.clean(pl.col(name)).is_null() for name in rows.columns if name != ROW)).select(ROW)


def _mark(found: Heading) -> dict[str, int]:
    return {MARK: index for index, text in enumerate(found.texts) if heading(text) == heading(MARK_HEADING)}


def _labelled(rows: pl.DataFrame, found: Heading, words: str) -> pl.DataFrame:
    """The numbers of rows called by one of `words`, in their first column or in one that names the row."""
    naming = sorted({0, *(found.columns[t] for t in (*found.export.needed, *_NAMES) if t in found.columns)})
    plans = sorted({found.columns[t] for t in _PLANS if t in found.columns} - set(naming))
    likely = rows.filter(pl.any_horizontal(pl.col(f"c{index}").str.contains(_LIKELY).fill_null(False) for index in (*naming, *plans)))
    called = [*(_called(index, words) for index in naming), *(_called(index, words.replace(_OWN_NAME, "")) for index in plans)]
    return likely.filter(pl.any_horizontal(called).fill_null(False)).select(ROW)


def _called(index: int, words: str) -> pl.Expr:
    return cells.clean(pl.col(f"c{index}")).str.replace_all(r"[\s【】\[\]]", "").str.contains(_LABEL.format(words))


def _typed(found: Heading, texts: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, pl.Series]]:
    """Typed rows, faults, and texts of fixed meaning that are not known."""
    export = found.export
    read = {column: _converted(texts[column], export.converter(column), table.epoch) for column in found.columns}
    read |= {MARK: (texts[MARK], None)} if MARK in texts.columns else {}
    constants = {column: pl.lit(value) for column, value in export.constants.items()}
    rows = texts.select(ROW, pl.lit(table.sheet).alias(SHEET)).with_columns(values for values, _ in read.values()).with_columns(**constants)
    codes = texts.select(ROW).with_columns(
        pl.lit(None, dtype=pl.String).alias(column) if faults is None else faults for column, (_, faults) in read.items()
    )
    fixed = [c for c in found.columns if c == "status" or c in export.texts or export.read.get(c) in cells.OF_FIXED_TEXTS]
    strange = {c: texts.filter(rows[c].is_null() & texts[c].is_not_null())[c] for c in fixed}
    return rows, _melt(found, texts, codes.with_columns(_missing(found, texts)), table.sheet), strange


def _converted(texts: pl.Series, convert: cells.Converter, epoch: date) -> tuple[pl.Series, pl.Series | None]:
    """Values and reason codes (None: all are fine) of a column; only cells not written the usual way go the long way."""
    column, name = pl.col(texts.name), texts.name
    parsed, frame = convert(column, epoch), texts.to_frame()
    if parsed.usual is None:
        both = frame.select(parsed.value.alias(name), parsed.fault.cast(pl.String).alias("_fault"))
        return both[name], both["_fault"].alias(name)
    usual = frame.select(parsed.usual.alias(name))[name]
    other = (usual.is_null() & texts.is_not_null()).arg_true()
    if other.is_empty():
        return usual, None
    both = frame[other].select(parsed.value.alias(name), parsed.fault.cast(pl.String).alias("_fault"))
    faults = pl.repeat(None, len(texts), dtype=pl.String, eager=True).alias(name).scatter(other, both["_fault"])
    return usual.scatter(other, both[name]), faults


def _missing(found: Heading, texts: pl.DataFrame) -> list[pl.Series]:
    code = "no_order" if found.export.kind == "orders" else "missing_value"
    needed = [column for column in found.export.needed if column in found.columns]
    return [pl.when(texts[column].is_null()).then(pl.lit(code)).otherwise(pl.col(column)).alias(column) for column in needed]


def _melt(found: Heading, texts: pl.DataFrame, codes: pl.DataFrame, sheet: str) -> pl.DataFrame:
    """One line for each faulty cell."""
    placed = texts.with_columns(pl.lit(sheet).alias(SHEET))
    wrong = {column: codes[column].is_not_null() for column in found.columns}
    parts = [
        faults_of(placed.filter(bad).with_columns(codes[column].filter(bad).alias("_code")), found.label(column), pl.col(column), "")
        .with_columns(codes[column].filter(bad).alias("reason"))
        for column, bad in wrong.items() if bad.any()
    ]
    return pl.concat([no_faults(), *parts])


def _dated(rows: pl.DataFrame, table: Table, found: Heading, file: str) -> pl.DataFrame:
    """The rows with the day that the notes or the file's name say, where no column does."""
    if not found.export.dated or "date" in found.columns:
        return rows
    notes = (" ".join(filter(None, row)) for row in table.head(found.at).rows())
    days = days_named([*notes, table.sheet, file])
    if not days:
        raise ShopDataError(f"{file} says nowhere of which day it is; put the day into its name, such as {found.export.kind}-2026-11-11")
    since, until = days
    if since != until and "period_days" not in KINDS[found.export.kind].columns:
        raise ShopDataError(f"{file} sums up the days {since} to {until}, which cannot be told apart; export each day by itself")
    return rows.with_columns(pl.lit(until).alias("date"), **_period(found, since, until))


def _period(found: Heading, since: date, until: date) -> dict[str, pl.Expr]:
    known = "period_days" in KINDS[found.export.kind].columns and "period_days" not in found.columns
    return {"period_days": pl.lit((until - since).days + 1, dtype=pl.Int64)} if known else {}


def _sums(found: Heading, total: pl.DataFrame, rows: pl.DataFrame, table: Table) -> tuple[Sum, ...]:
    """What the total row states for money and counts beside what the rows, refused ones too, add up to."""
    added = [c for c in found.columns if c in COLUMNS and COLUMNS[c].unit not in ("", "fraction", "seconds", "points", "days", "stars")]
    if not len(total) or not added:
        return ()
    values = {c: found.export.converter(c)(cells.clean(pl.col(f"c{found.columns[c]}")), table.epoch).value for c in added}
    stated = total.select(value.alias(c) for c, value in values.items()).row(0, named=True)
    return tuple(Sum(c, found.label(c), stated[c], rows[c].sum()) for c in added if stated[c] is not None)


def _scientific(found: Heading, data: pl.DataFrame) -> dict[int, int]:
    """Unused columns in which a spreadsheet has destroyed digits: place of the column -> number of such cells."""
    unused = [place for place, text in enumerate(found.texts) if place not in found.columns.values() and text]
    counts = data.select(cells.is_scientific(pl.col(f"c{place}")).sum().alias(str(place)) for place in unused)
    return {int(place): number for place, number in counts.row(0, named=True).items()} if unused else {}


def _damaged(found: Heading, parts: Sequence[_Part]) -> dict[str, int]:
    """The same of all parts, by heading."""
    counts = {place: sum(part.damaged[place] for part in parts) for place in parts[0].damaged}
    return {(found.texts[place] or "").strip(): number for place, number in counts.items() if number}


def _unknown(found: Heading, parts: Sequence[_Part]) -> dict[str, dict[str, int]]:
    """Fixed texts that mean nothing to us: they are read as unknown, and a person should hear of it."""
    texts = {column: pl.concat([part.strange[column] for part in parts]) for column in parts[0].strange}
    counts = {column: some.value_counts(sort=True).head(_SAMPLE) for column, some in texts.items() if len(some)}
    return {found.label(column): dict(some.iter_rows()) for column, some in counts.items()}


def _unread(found: Heading) -> tuple[str, ...]:
    known = {name for names in found.export.headings.values() for name in names} | found.export.ignored | {heading(ours) for ours in _OURS}
    return tuple(text.strip() for text in found.texts if heading(text) and heading(text) not in known)
