"""Which encoding a text has: its byte order mark says, else the first that fits all of it."""

import codecs
from collections.abc import Iterator

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.source import Source

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# as UTF-8 and UTF-16 say it; GB18030 fits so many bytes that its end says little
_CUT = ("unexpected end of data", "truncated data")
_CONTROL = dict.fromkeys({*range(32), 127} - {9, 10, 13})


def encodings(head: bytes) -> tuple[str, ...]:
    """The encodings worth a try, most likely first. `head`: the first bytes of a text."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return (encoding,)
    # Without a mark, UTF-16 shows by its NULs: separators and digits have one in every second place.
    odd, even = head[1::2].count(0), head[::2].count(0)
    if odd or even:
        return ("utf-16-le",) if odd > even else ("utf-16-be",)
    return "utf-8", "gb18030"


def texts(source: Source, encoding: str) -> Iterator[tuple[str, int]]:
    """The text, a few MiB at a time, each with the number of bytes read so far. Raises UnicodeError where it cannot be a text.

    Raises ShopDataError where only its last character is not whole.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0
    for chunk in source.chunks():
        text = decoder.decode(chunk)
        if "\0" in text or (read == 0 and not _readable(text)):
            raise UnicodeError("control characters")
        read += len(chunk)
        yield text, read
    try:
        yield decoder.decode(b"", final=True), read
    except UnicodeDecodeError as error:
        if ends_inside(error):
            raise cut_short(source) from error
        raise


def unreadable(source: Source) -> ShopDataError:
    """What to say when no encoding fits."""
    return ShopDataError(
        f"{source.name} is neither a workbook nor readable text (not all of it is UTF-8, GB18030 or UTF-16; it may be cut short); "
        "export it again as .xlsx or .csv"
    )


def ends_inside(error: UnicodeDecodeError) -> bool:
    """Whether all was readable but a last character, of which only the first bytes are there."""
    return error.end == len(error.object) and error.reason in _CUT


def cut_short(source: Source) -> ShopDataError:
    """What to say of a text that ends in the middle of a character."""
    return ShopDataError(f"{source.name} is cut short: it ends in the middle of a character; export or download it again")


def _readable(text: str) -> bool:
    """A stray control character is kept, as some exports hold them; many of them are no text."""
    start = text[:100_000]
    return (len(start) - len(start.translate(_CONTROL))) * 100 <= len(start)
