"""Bytes to be read, and what to call them in a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ecops.shop.errors import ShopDataError

_CHUNK = 4 * 2**20


@dataclass(frozen=True)
class Source:
    """A file, or a member of a zip: `name` for messages, its seekable bytes, their number."""

    name: str
    stream: BinaryIO
    size: int

    def head(self, size: int = 4096) -> bytes:
        """The first `size` bytes, or fewer."""
        self.stream.seek(0)
        return self.stream.read(size)

    def chunks(self) -> Iterator[bytes]:
        """All bytes from the start, a few MiB at a time."""
        self.stream.seek(0)
        return iter(lambda: self.stream.read(_CHUNK), b"")

    def content(self, most: int) -> bytes:
        """All bytes. Raises ShopDataError for more than `most`."""
        self.must_be_within(most)
        return self.head(-1)

    def must_be_within(self, most: int) -> None:
        """Raises ShopDataError for more than `most` bytes."""
        if self.size > most:
            raise ShopDataError(f"{self.name} has {self.size >> 20:,} MiB, more than {most >> 20:,} MiB; export a shorter period")


def shown(name: str) -> str:
    """The name of a sheet or a member as a sentence may quote it: on one line, and not endless."""
    return "".join(char if char.isprintable() else " " for char in name)[:200]
