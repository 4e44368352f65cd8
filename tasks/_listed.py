"""Parameters that list several things in one text: `首页, 详情页` or `60d, 30d, 7d`."""

import re
from typing import Annotated

from pydantic import AfterValidator

from ecops.quantity import parse_duration

_SEPARATOR = re.compile(r"[,，、;；]")


def parts(text: str | None) -> tuple[str, ...]:
    """What a text lists, in its order, each once; commas of either width, `、` and semicolons separate."""
    return tuple(dict.fromkeys(part for piece in _SEPARATOR.split(text or "") if (part := piece.strip())))


def day_numbers(text: str) -> tuple[int, ...]:
    """Whole days a text lists, `60d, 30d, 7d`, the most first."""
    return tuple(sorted({parse_duration(part).days for part in parts(text)}, reverse=True))


def _days(text: str) -> str:
    spans = [parse_duration(part) for part in parts(text)]
    if not spans or any(span.days < 1 or span.seconds for span in spans):
        raise ValueError("must be whole numbers of days, such as 60d, 30d, 7d")
    return ", ".join(f"{days}d" for days in day_numbers(text))


def _some(text: str) -> str:
    if not parts(text):
        raise ValueError("must name at least one, separated by commas")
    return ", ".join(parts(text))


Names = Annotated[str, AfterValidator(_some)]
DayList = Annotated[str, AfterValidator(_days)]
