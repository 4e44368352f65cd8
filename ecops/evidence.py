"""Files brought as evidence: kept under the digest of their bytes, once, whichever door they come in by."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ecops.errors import BadCall
from ecops.playbook.model import MOST_MB

_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,8})?")
_MB = 1 << 20


class Kept(NamedTuple):
    """A file as it lies in the home: `<sha256><ext>`, and its size in bytes."""

    name: str
    size: int


class TooLarge(BadCall):
    """More bytes than are taken."""

    http = 413


def most_bytes(evidence: dict) -> int:
    """How large a file may be for an item that asks for this evidence."""
    return (evidence.get("max_mb") or MOST_MB) * _MB


def keep(home: Path, name: str, stream: BinaryIO, most: int = MOST_MB * _MB) -> Kept:
    """Store a file called `name` of at most `most` bytes. The same bytes are stored once. Raises TooLarge, BadCall for an empty file."""
    folder = home / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    extension = Path(name).suffix.lower()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            digest, size = _copy(name, stream, file, most)
            file.flush()
            stored = digest + (extension if _EXTENSION.fullmatch(extension) else "")
            os.replace(file.name, folder / stored)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Kept(stored, size)


def _copy(name: str, stream: BinaryIO, file, most: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_MB):
        size += len(block)
        if size > most:
            raise TooLarge(f"文件 {name} 超过 {most // _MB} MB,请压缩后再传 / the file is larger than {most // _MB} MB; bring a smaller one.")
        digest.update(block)
        file.write(block)
    if not size:
        raise BadCall(f"文件 {name} 是空的 / the file is empty; bring one that shows something.")
    return digest.hexdigest(), size


def stored(home: Path, name: str) -> Path | None:
    """The file of that name, if it is one of ours."""
    path = home / "evidence" / name
    return path if _NAME.fullmatch(name) and path.is_file() else None
