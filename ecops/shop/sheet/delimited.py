"""Delimited text. Polars reads it where it provably reads what csv.reader would; csv.reader reads the rest, some ten times slower."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, islice

import polars as pl

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.decoding import encodings, texts, unreadable
from ecops.shop.sheet.source import Source
from ecops.shop.sheet.table import ROWS_OF_A_PART, Records, Table, checked, finished, frame_of, must_hold, names_of

_MOST_BYTES = 2**30
_SEPARATORS = (",", "\t", ";", "|")
_SEPARATOR_LINE = re.compile(r'\A"?sep=([,\t;|])"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_QUOTED = re.compile(r'(?:(?<=[,\t;|\r\n])|\A)"(?:[^"]|"")*+"(?=[,\t;|\r\n]|\Z)')
# Some platforms end every cell with a tab, so that ids stay texts.
_TABS_AROUND = re.compile(r"(?<=[,;|])\t+|\t+(?=[,;|])")
# The last row of a body: a quote that is never closed swallows it.
_END = "--end--"
_SAMPLE = 2**20
# Bytes read at one time: larger texts are read in parts.
_AT_ONCE = 16 * 2**20


@dataclass(frozen=True)
class Body:
    """A text as UTF-8 between two rows of ours: one of `width` empty cells before, so that no reader takes the first row's width
    for that of all, and _END after. `skipped`: lines of the file that are not in it. `ended`: the text ends with a line break.
    """

    data: bytes
    separator: str
    width: int
    skipped: int
    ended: bool = True


def delimited(source: Source, progress: Callable[[float], None]) -> list[Table]:
    """The one table of a text; what is wrong with a large one shows when it is read. Raises ShopDataError."""
    source.must_be_within(_MOST_BYTES)
    body = _body(source, progress)
    if len(body.data) > _AT_ONCE:
        return [Table("", partial(parts, source.name, body), records=_records(body, body.width))]
    frame = quick(body)
    whole = exact(source.name, body) if frame is None else finished(source.name, _held(source.name, frame))
    return [Table("", whole, records=_records(body, body.width if frame is not None else max(_lengths(body), default=1)))]


def _records(body: Body, widest: int) -> Records:
    # asked for with every part of a large text
    return Records(widest, cache(partial(_lengths, body)), _ends_at(body))


def _lengths(body: Body) -> list[int]:
    return [len(row) for row in _between(csv.reader(_lines(body), delimiter=body.separator, strict=True))]


def _ends_at(body: Body) -> int | None:
    """The number of cells of a last row without a line break; None too where a cell of several lines ends it."""
    if body.ended:
        return None
    text = body.data[-_SAMPLE : -len(_END) - 1].decode(errors="replace")
    last = re.split(r"[\r\n]", text)[-1]
    return len(next(csv.reader([last], delimiter=body.separator), [])) if last.count('"') % 2 == 0 else None


def parts(name: str, body: Body) -> Iterator[pl.DataFrame]:
    """The rows of a large text, a stretch of it at a time, all at least `width` wide. Raises ShopDataError.

    A stretch that polars reads whole ends where a row ends, so csv.reader may take over at any of their borders.
    """
    height, begin = 0, len(body.separator) * (body.width - 1) + 1
    for begin, end in stretches(body.data, begin):
        frame = quick(_stretch(body, begin, end))
        if frame is None:
            yield from (checked(name, part, height) for part in _rest(name, body, begin, height))
            return
        must_hold(name, height + frame.height, frame.width)
        yield checked(name, frame, height)
        height += frame.height


def stretches(data: bytes, begin: int, size: int = _AT_ONCE) -> Iterator[tuple[int, int]]:
    """Where to cut a body's data: at ends of lines before which quotes pair. The last stretch goes without _END."""
    last = len(data) - len(_END)
    while begin < last:
        quotes, counted, end = 0, begin, min(begin + size, last)
        while end < last:
            end = data.find(b"\n", end, last) + 1 or last
            quotes, counted = quotes + data.count(b'"', counted, end), end
            if quotes % 2 == 0:
                break
        yield begin, end
        begin = end


def _stretch(body: Body, begin: int, end: int) -> Body:
    first = body.separator.encode() * (body.width - 1) + b"\n"
    return replace(body, data=b"".join((first, memoryview(body.data)[begin:end], _END.encode())))


def _rest(name: str, body: Body, begin: int, height: int) -> Iterator[pl.DataFrame]:
    """From `begin` on as csv.reader reads it."""
    rows = csv.reader(_lines(_stretch(body, begin, len(body.data) - len(_END))), delimiter=body.separator, strict=True)
    try:
        frame = frame_of(name, _between(rows))
    except csv.Error as error:
        raise _malformed(name, body, str(error)) from error
    must_hold(name, height + frame.height, frame.width)
    lacking = names_of(body.width)[frame.width :]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in lacking).iter_slices(ROWS_OF_A_PART)


def _body(source: Source, progress: Callable[[float], None]) -> Body:
    for encoding in encodings(source.head()):
        try:
            return wrapped((text for text, _ in _reported(source, encoding, progress)), source.name)
        except UnicodeError:
            continue
    raise unreadable(source)


def _reported(source: Source, encoding: str, progress: Callable[[float], None]) -> Iterator[tuple[str, int]]:
    for text, read in texts(source, encoding):
        progress(0.7 * read / source.size)
        yield text, read


def wrapped(parts: Iterator[str], name: str) -> Body:
    """The body of a text given in parts; separator and width as its beginning shows them. Raises ShopDataError for no text at all."""
    start = next(parts).removeprefix("\ufeff")
    line = _SEPARATOR_LINE.match(start)
    start = start[line.end() :] if line else start
    if not start:
        raise ShopDataError(f"{name} is empty; export it again from the platform")
    separator = line[1] if line else _separator(start)
    width = _width(start, separator)
    data = io.BytesIO()
    data.write(separator.encode() * (width - 1) + b"\n")
    last = start
    for text in chain((start,), parts):
        data.write(text.encode())
        last = text or last
    ended = last.endswith(("\n", "\r"))
    data.write(("" if ended else "\n").encode() + _END.encode())
    return Body(data.getvalue(), separator, width, 1 if line else 0, ended)


def _separator(start: str) -> str:
    """The mark that most lines hold equally often: commas inside texts come in all numbers, separators in one."""
    lines = _TABS_AROUND.sub("", _QUOTED.sub("", start[:50_000])).splitlines()[:30]
    return max(_SEPARATORS, key=lambda mark: _regularity([line.count(mark) for line in lines]))


def _regularity(counts: list[int]) -> tuple[int, int]:
    return max(((counts.count(number), number) for number in set(counts) if number), default=(0, 0))


def _width(start: str, separator: str) -> int:
    widths = [1]
    try:
        widths.extend(len(row) for row in csv.reader(io.StringIO(start[:_SAMPLE], newline=""), delimiter=separator))
    except csv.Error:
        pass  # said with its place by exact()
    return max(widths)


def quick(body: Body) -> pl.DataFrame | None:
    """The rows as polars reads them; None where csv.reader might read others.

    Both read a cell the same way, but polars ends lines at \\n only, forgives text after a closing quote, and refuses rows wider
    than the schema and quotes that do not pair. A lost or joined row would show: each line is a row or a line break in a cell.
    """
    if body.data.count(b"\r") != body.data.count(b"\r\n") or _forgiven(body):
        return None
    schema = dict.fromkeys(names_of(body.width), pl.String)
    try:
        frame = pl.read_csv(body.data, has_header=False, schema=schema, separator=body.separator, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if frame.item(-1, 0) != _END or frame.height + _breaks(body, frame) != body.data.count(b"\n") + 1:
        return None
    frame = frame[1:-1]
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all())) if b'""' in body.data else frame


def _forgiven(body: Body) -> bool:
    """Whether any text follows a closing quote."""
    mark = re.escape(body.separator).encode()
    return re.search(rb'"(?<=[%b\n]")[^"]*+(?:""[^"]*+)*+"(?![%b\r\n]|\Z)' % (mark, mark), body.data) is not None


def _breaks(body: Body, frame: pl.DataFrame) -> int:
    """Line breaks inside cells."""
    if frame.height == body.data.count(b"\n") + 1:
        return 0
    return sum(column.str.count_matches("\n", literal=True).sum() for column in frame)


def _held(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    must_hold(name, frame.height, frame.width)
    return frame


def exact(name: str, body: Body) -> pl.DataFrame:
    """The rows as csv.reader reads them. Raises ShopDataError where the text is not well-formed, with the line."""
    try:
        return frame_of(name, _between(csv.reader(_lines(body), delimiter=body.separator, strict=True)))
    except csv.Error as error:
        raise _malformed(name, body, str(error)) from error


def _between(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Without our first and last row."""
    next(rows)
    held = next(rows, None)
    for row in rows:
        yield held
        held = row


def _lines(body: Body) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(body.data), "utf-8", newline="")


def _malformed(name: str, body: Body, what: str) -> ShopDataError:
    before = _lines_before_fault(body)
    start = "".join(islice(_lines(body), before, before + 100_000))[: 2 * csv.field_size_limit()]
    at = _unclosed(start, body.separator)
    # our first row is the line too many that makes up for counting from one
    line = before + body.skipped + (0 if at is None else len(re.findall(r"\r\n|\r|\n", start[:at])))
    if at is not None and what.startswith("unexpected end"):
        return ShopDataError(f"{name} is not well-formed CSV: the quote opened in line {line} is never closed; export it again")
    if "field limit" in what:
        reason = "a quote that is not closed" if at is not None else "one cell"
        return ShopDataError(f"line {line} of {name} is not well-formed CSV: {reason} runs over 100,000 characters; export it again")
    return ShopDataError(f"line {line} of {name} is not well-formed CSV ({what}); export it again")


def _lines_before_fault(body: Body) -> int:
    """How many lines come before the row that cannot be read."""
    reader = csv.reader(_lines(body), delimiter=body.separator, strict=True)
    before = 0
    try:
        for _ in reader:
            before = reader.line_num
    except csv.Error:
        pass
    return before


def _unclosed(text: str, separator: str) -> int | None:
    """Where, in a row's text, the quoted cell starts that has no end."""
    mark = re.escape(separator)
    whole = re.compile(rf'(?:"(?:[^"]|"")*+"|[^"{mark}\r\n][^{mark}\r\n]*+|)(?:{mark})')
    at = 0
    while found := whole.match(text, at):
        at = found.end()
    return at if text.startswith('"', at) and not re.compile(r'"(?:[^"]|"")*+"').match(text, at) else None
