"""The parts of docs/data.md that the code generates: `make docs` writes them, a test compares them."""

import re
from pathlib import Path

from ecops.shop import exports, kinds, reasons

DOCUMENT = Path(__file__).parents[1] / "docs" / "data.md"
PARTS = {"kinds": kinds.document, "exports": exports.document, "who fills what": exports.who_fills, "reasons": reasons.document}


def shown(part: str) -> str:
    """What the document shows as `part`."""
    return _pattern(part).search(DOCUMENT.read_text(encoding="utf-8")).group(2)


def write() -> None:
    """Put every part into the document as the code generates it now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for part, generate in PARTS.items():
        text = _pattern(part).sub(lambda found, body=generate(): found.group(1) + body + found.group(3), text)
    DOCUMENT.write_text(text, encoding="utf-8")


def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {part}: generated, do not edit -->\n)(.*?)(<!-- end of {part} -->)", re.DOTALL)


if __name__ == "__main__":
    write()
