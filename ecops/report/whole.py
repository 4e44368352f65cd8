"""A file that is written whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecops.errors import BadCall, NotFound


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write; it takes the place of `path` when the block ends well, and is gone when it does not. Raises NotFound, BadCall."""
    _must_take_a_file(path)
    part = _beside(path)
    try:
        yield part
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise _refused(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _must_take_a_file(path: Path) -> None:
    try:
        if not path.parent.is_dir():
            raise NotFound(f"没有文件夹 {path.parent} / There is no folder {path.parent}; make it, or choose another with --out.")
        if path.is_dir():
            raise BadCall(f"--out {path} 是文件夹 / it is a folder; add the name of a file.")
    except OSError as error:
        raise _refused(path, error) from error


def _beside(path: Path) -> Path:
    """An empty file in the same folder, for only within one file system a rename is one step."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise _refused(path, error) from error
    os.close(handle)
    return Path(name)


def _refused(path: Path, error: OSError) -> BadCall:
    return BadCall(f"--out {path} 写不进去 / it cannot be written: {error.strerror}; choose another place.")


def _umask() -> int:
    """The rights that new files of this process are not given; reading it means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
