"""Files brought as evidence: kept under the digest of their bytes, handed back only as downloads."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from ecops.web.guard import MAX_FILE, TooLarge

_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,8})?")


def keep(home: Path, name: str, stream: BinaryIO) -> str:
    """Store a file; gives `<sha256><ext>`. The same bytes are stored once. Raises TooLarge."""
    folder = home / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    extension = Path(name).suffix.lower()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            digest = _copy(stream, file)
            stored = digest + (extension if _EXTENSION.fullmatch(extension) else "")
            os.replace(file.name, folder / stored)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return stored


def _copy(stream: BinaryIO, file) -> str:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(1 << 20):
        size += len(block)
        if size > MAX_FILE:
            raise TooLarge(f"The file is larger than {MAX_FILE >> 20} MB.")
        digest.update(block)
        file.write(block)
    return digest.hexdigest()


def stored(home: Path, name: str) -> Path | None:
    """The file of that name, if it is one of ours."""
    path = home / "evidence" / name
    return path if _NAME.fullmatch(name) and path.is_file() else None
