"""Zip packages: checked before anything else opens them. Sizes in their directory may lie, so bytes are counted as they unpack."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.source import Source

ZIP = b"PK\x03\x04"
MOST_UNPACKED = 2**30

_CHUNK = 2**20
_FAULTS = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, KeyError)
_DOCUMENTS = {"word/": "a Word document", "ppt/": "a presentation", "visio/": "a Visio drawing"}


@contextmanager
def opened(source: Source) -> Iterator[zipfile.ZipFile]:
    """The package. Raises ShopDataError where it is damaged."""
    try:
        source.stream.seek(0)
        with zipfile.ZipFile(source.stream) as package:
            yield package
    except ShopDataError:
        raise
    except (*_FAULTS, OSError) as error:
        raise damaged(source.name) from error


def is_workbook(source: Source) -> bool:
    """Whether the package is an .xlsx, .xlsb or .ods. Raises ShopDataError for other documents and damaged packages."""
    with opened(source) as package:
        names = package.namelist()
    for folder, what in _DOCUMENTS.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            raise ShopDataError(f"{source.name} is {what}, not an export; choose the .xlsx, .xls or .csv the platform made")
    return any(name.startswith("xl/workbook") or name == "content.xml" for name in names)


def checked(source: Source, wanted: str) -> bytes:
    """Unpacks all parts once and gives the one named `wanted` (nothing if there is none). Raises ShopDataError: damaged, too large."""
    kept, size = io.BytesIO(), 0
    with opened(source) as package:
        for info in package.infolist():
            if info.flag_bits & 1:
                raise locked(source.name)
            for chunk in unpacked(package, info):
                size += len(chunk)
                if size > MOST_UNPACKED:
                    raise too_large(source.name)
                if info.filename == wanted:
                    kept.write(chunk)
    return kept.getvalue()


def unpacked(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of one part, their checksum compared at the end."""
    with package.open(info) as part:
        yield from iter(lambda: part.read(_CHUNK), b"")


def copied(package: zipfile.ZipFile, info: zipfile.ZipInfo, target: BinaryIO, room: int, name: str) -> int:
    """Unpacks a part into `target`; gives its size. Raises ShopDataError for more than `room` bytes."""
    size = 0
    for chunk in unpacked(package, info):
        size += len(chunk)
        if size > room:
            raise too_large(name)
        target.write(chunk)
    return size


def damaged(name: str) -> ShopDataError:
    """What to say of a file that does not open."""
    return ShopDataError(f"{name} is damaged or cut short and cannot be opened; export or download it again")


def locked(name: str) -> ShopDataError:
    """What to say of a file under a password."""
    return ShopDataError(f"{name} is protected by a password; open it, save it without the password and import that")


def too_large(name: str) -> ShopDataError:
    """What to say of a zip bomb, or of an honest giant."""
    return ShopDataError(f"{name} unpacks to more than {MOST_UNPACKED >> 30} GiB; export a shorter period")
