"""A file as raw tables of texts. What a file is, its first bytes say; its extension is not asked."""

from collections.abc import Callable
from pathlib import Path

from ecops.shop.errors import ShopDataError
from ecops.shop.sheet.cell import cell_text
from ecops.shop.sheet.sniff import tables
from ecops.shop.sheet.source import Source, shown
from ecops.shop.sheet.table import EPOCH_1900, EPOCH_1904, Table

__all__ = ["EPOCH_1900", "EPOCH_1904", "Table", "cell_text", "read_tables", "shown"]


def read_tables(path: Path, progress: Callable[[float], None] = lambda done: None) -> list[Table]:
    """The tables of a workbook, a delimited text, a web page saved as .xls, or a zip of such files.

    `progress` hears the share read, 0 to 1. Raises ShopDataError, for whatever bytes: which file, what is wrong, the remedy.
    """
    if path.is_dir():
        raise ShopDataError(f"{path.name} is a folder; name the exported file inside it")
    if not path.exists():
        raise ShopDataError(f"there is no file {path.name}; check the name and the folder")
    if not path.is_file():
        raise ShopDataError(f"{path.name} is not an ordinary file; name the exported file itself")
    try:
        with path.open("rb") as stream:
            found = tables(Source(path.name, stream, path.stat().st_size), progress)
    except OSError as error:
        raise ShopDataError(f"{path.name} cannot be read ({error.strerror or error}); check who may read it and the room on the disk") from error
    except MemoryError as error:
        raise ShopDataError(f"{path.name} needs more memory than this computer has; export a shorter period") from error
    progress(1.0)
    return found
