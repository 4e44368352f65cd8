"""What a file is, by its first bytes."""

import codecs
from collections.abc import Callable

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.archive import archived
from ecops.shop.sheet.delimited import delimited
from ecops.shop.sheet.package import ZIP, is_workbook
from ecops.shop.sheet.page import page
from ecops.shop.sheet.source import Source
from ecops.shop.sheet.spreadsheetml import MARK, spreadsheetml
from ecops.shop.sheet.table import Table
from ecops.shop.sheet.workbook import packaged_workbook, workbook

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_EMPTY_ZIP = b"PK\x05\x06"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_STRANGERS = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF",
    b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"\x1f\x8b": "a gzip archive", b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive", b"(\xb5/\xfd": "a Zstandard archive", b"PAR1": "a Parquet file", b"SQLite format 3\0": "a database",
    b"MIME-Version:": "a web archive (.mht)", b"{\\rtf": "an RTF document",
}
_PAGE = (b"<!doctype", b"<html", b"<head", b"<body", b"<meta", b"<title", b"<style", b"<script", b"<table", b"<div", b"<!--", b"<?xml")


def tables(source: Source, progress: Callable[[float], None]) -> list[Table]:
    """The tables of a file. Raises ShopDataError."""
    head = source.head()
    if not head:
        raise ShopDataError(f"{source.name} is empty (0 bytes); export it again from the platform")
    if head.startswith((ZIP, _EMPTY_ZIP)):
        return packaged_workbook(source) if is_workbook(source) else archived(source, tables, progress)
    if head.startswith(_OLE):
        return _compound(source)
    _refuse_strangers(source, head)
    start = _bare(head)
    if MARK in start:
        return spreadsheetml(source)
    return page(source) if start.startswith(_PAGE) else delimited(source, progress)


def _compound(source: Source) -> list[Table]:
    """An .xls, or a workbook under a password, which is kept in the same container."""
    if any(_ENCRYPTED in chunk for chunk in source.chunks()):
        raise ShopDataError(f"{source.name} is protected by a password; open it, save it without the password and import that")
    return workbook(source)


def _refuse_strangers(source: Source, head: bytes) -> None:
    bitmap = head.startswith(b"BM") and b"\0" in head[:64]
    for what in ["a BMP picture"] * bitmap + [name for magic, name in _STRANGERS.items() if head.startswith(magic)]:
        raise ShopDataError(f"{source.name} is {what}, not an export; choose the .xlsx, .xls or .csv the platform made")


def _bare(head: bytes) -> bytes:
    """Markup's beginning whatever its encoding: without byte order mark, NULs and blanks, in small letters."""
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().lower()
