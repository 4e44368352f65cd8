"""A zip of exports, as platforms send several files at once."""

import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.package import MOST_UNPACKED, ZIP, copied, is_workbook, locked, opened
from ecops.shop.sheet.source import Source, shown
from ecops.shop.sheet.table import Table

_MOST_FILES = 50
_IN_MEMORY = 64 * 2**20
_READABLE = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".xlsb", ".ods")
_UTF8_NAME = 0x800

Progress = Callable[[float], None]
Reader = Callable[[Source, Progress], list[Table]]


def archived(source: Source, read: Reader, progress: Progress) -> list[Table]:
    """The tables of each readable file in the zip, one level deep, in its order. Raises ShopDataError."""
    with opened(source) as package:
        members = _members(source, package)
        found: list[Table] = []
        room = MOST_UNPACKED
        for done, info in enumerate(members):
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as unpacked:
                size = copied(package, info, unpacked, room, source.name)
                room -= size
                member = Source(f"{shown(_name(info))} in {source.name}", unpacked, size)
                tables = _tables(member, read, lambda share, done=done: progress((done + share) / len(members)))
            found += tables if len(members) == 1 else [_placed(_name(info), table) for table in tables]
    return found


def _tables(member: Source, read: Reader, progress: Progress) -> list[Table]:
    if member.head(len(ZIP)) == ZIP and not is_workbook(member):
        raise ShopDataError(f"{member.name} is a zip inside a zip; unpack it and import the files inside")
    return read(member, progress)


def _members(source: Source, package: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [info for info in package.infolist() if _is_export(info)]
    if not members:
        raise ShopDataError(f"{source.name} is a zip archive with no .csv, .xlsx, .xls or .txt file inside; choose the archive the platform made")
    if len(members) > _MOST_FILES:
        raise ShopDataError(f"{source.name} is a zip archive of more than {_MOST_FILES} files; unpack it and import them in parts")
    if any(info.flag_bits & 1 for info in members):
        raise locked(source.name)
    return members


def _is_export(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(_name(info))
    hidden = "__MACOSX" in path.parts or path.name.startswith((".", "~$"))
    return not info.is_dir() and not hidden and path.suffix.lower() in _READABLE


def _name(info: zipfile.ZipInfo) -> str:
    """Without the mark for UTF-8, Chinese Windows writes names in its own code page, and zipfile reads them in the first PC's."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return info.filename.encode("cp437").decode(encoding)
        except UnicodeError:
            continue
    return info.filename


def _placed(name: str, table: Table) -> Table:
    return replace(table, sheet=f"{name}/{table.sheet}" if table.sheet else name)
