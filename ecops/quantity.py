"""Quantities as people write them: money, percents and durations.

Money is an integer number of fen everywhere inside; text and JSON carry yuan as a decimal string.
Percents are `Decimal` fractions (`8%` is `Decimal("0.08")`). Durations are `timedelta`.
"""

import re
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

_MAX_DIGITS = 40
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(?P<number>\d+)\s*(?P<unit>min|m|h|d|w)", re.ASCII)


def parse_money(text: object) -> int:
    """Yuan as text or number -> fen. `"1,234.5"` -> 123450. Raises ValueError."""
    number = _decimal(str(text).strip().lstrip("¥￥").removesuffix("元").replace(",", ""))
    fen = number * 100
    if fen != fen.to_integral_value():
        raise ValueError(f"{text!r} has fractions of a fen; write at most two decimals")
    return int(fen)


def format_money(fen: int) -> str:
    """Fen -> yuan as a decimal string, `123450` -> `"1234.50"`."""
    return str((Decimal(fen) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP))


def parse_percent(value: object) -> Decimal:
    """`"8%"` -> `Decimal("0.08")`; a bare number must already be a fraction of 1 (0..1). Raises ValueError."""
    text = str(value).strip()
    if text.endswith("%"):
        return _decimal(text[:-1]) / 100
    number = _decimal(text)
    if abs(number) > 1:
        raise ValueError(f"{text!r} is ambiguous: write {text}% or a fraction of 1")
    return number


def parse_duration(value: object) -> timedelta:
    """`"30d"`, `"1h"`, `"90min"` -> timedelta. Raises ValueError."""
    match = _DURATION.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration: write a whole number with m, h, d or w, such as 90m or 30d")
    try:
        return timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
    except OverflowError as error:
        raise ValueError(f"{value!r} is longer than the calendar") from error


def span_words(length: timedelta, lang: str) -> str:
    """The largest whole unit of a duration as people say it: `2 天`, `3 小时`, `5 分钟`, never less than a minute."""
    minutes = max(1, int(length.total_seconds() // 60))
    size, zh, en = next(unit for unit in ((1440, "天", "d"), (60, "小时", "h"), (1, "分钟", "min")) if minutes >= unit[0])
    return f"{minutes // size} {zh if lang == 'zh' else en}"


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number") from error
    # Python would write 1e999999999 out in full, for hours.
    if not number.is_finite() or abs(number.adjusted()) > _MAX_DIGITS:
        raise ValueError(f"{text!r} is not a number")
    return number
