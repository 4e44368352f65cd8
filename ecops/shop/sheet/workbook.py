"""Workbooks (.xlsx, .xlsb, .xls, .ods), opened in a process of their own.

Calamine holds a sheet as one dense area: two cells at opposite corners, or one flipped bit in an .xls, ask for hundreds of GiB, and
Rust answers a failed allocation by ending the process. So a process ends that may: one with a memory limit and a time limit.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.package import checked, damaged
from ecops.shop.sheet.source import Source
from ecops.shop.sheet.table import EPOCH_1900, EPOCH_1904, Table

_MOST_BYTES = 256 * 2**20
_MOST_SECONDS = 900
_REFUSED = 3


def packaged_workbook(source: Source) -> list[Table]:
    """The sheets of an .xlsx, .xlsb or .ods, whose package is checked first. Raises ShopDataError."""
    source.must_be_within(_MOST_BYTES)
    book = checked(source, "xl/workbook.xml")
    later = any(mark in book for mark in (b'date1904="1"', b'date1904="true"', b"date1904='1'", b"date1904='true'"))
    return workbook(source, 1904 if later else 1900)


def workbook(source: Source, calendar: int = 1900) -> list[Table]:
    """The sheets, hidden ones too. `calendar`: 1900 or 1904, where serial dates start. Raises ShopDataError."""
    source.must_be_within(_MOST_BYTES)
    with tempfile.TemporaryDirectory(prefix="ecops-") as folder:
        copy = Path(folder, "workbook")
        with copy.open("wb") as target:
            for chunk in source.chunks():
                target.write(chunk)
        sheets = _opened(source, copy)
        epoch = EPOCH_1904 if calendar == 1904 else EPOCH_1900
        return [
            Table(sheet["name"], pl.read_ipc(Path(folder, sheet["file"]).read_bytes()), epoch, _merged(sheet["merged"])) for sheet in sheets
        ]


def _opened(source: Source, copy: Path) -> list[dict]:
    # one thread: the frames are small beside the parsing, and each thread's heap counts towards the memory limit
    command = [sys.executable, "-P", "-m", "ecops.shop.sheet.opening", str(copy), source.name]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONIOENCODING": "utf-8", "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_MOST_SECONDS, env=environment)
    except subprocess.TimeoutExpired as error:
        raise ShopDataError(f"{source.name} is not read within {_MOST_SECONDS // 60} minutes; save it as .csv and import that") from error
    if done.returncode == _REFUSED:
        raise ShopDataError(done.stdout.decode())
    if done.returncode < 0:
        raise ShopDataError(f"{source.name} asks for more memory than a workbook may have, or is damaged; save it as .csv and import that")
    if done.returncode:
        raise damaged(source.name)
    return json.loads(done.stdout)


def _merged(rows: dict[str, list[int]]) -> dict[int, frozenset[int]]:
    return {int(row): frozenset(columns) for row, columns in rows.items()}
