"""Instants as people at the shop read them: Asia/Shanghai, short, relative where that is clearer."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
_DAYS = {"zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_NEAR = {"zh": {-1: "昨天", 0: "今天", 1: "明天"}, "en": {-1: "yesterday", 0: "today", 1: "tomorrow"}}


def local(at: datetime | str) -> datetime:
    """An instant, or its ISO text, in the shop's zone."""
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(ZONE)


def midnight(now: datetime, days: int = 0) -> datetime:
    """The beginning of the local day `days` after today."""
    return local(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def next_monday(now: datetime) -> datetime:
    """The end of this local week."""
    return midnight(now, 7 - local(now).weekday())


def short(at: datetime | str | None, now: datetime | None = None) -> str:
    """`11-08 12:03`; with the year when `now` is in another one."""
    if at is None:
        return ""
    there = local(at)
    return there.strftime("%m-%d %H:%M" if now is None or there.year == local(now).year else "%Y-%m-%d %H:%M")


def near(at: datetime | str, now: datetime, lang: str) -> str:
    """`今天 18:00`, `周五 18:00` within this week, else `11-20 18:00`."""
    there = local(at)
    days = (there.date() - local(now).date()).days
    if days in _NEAR[lang]:
        return f"{_NEAR[lang][days]} {there:%H:%M}"
    if there >= midnight(now) and there < next_monday(now):
        return f"{_DAYS[lang][there.weekday()]} {there:%H:%M}"
    return short(at, now)


def today(now: datetime, lang: str) -> str:
    """`11月8日 周日` / `Sun 8 Nov`."""
    there = local(now)
    return f"{there.month}月{there.day}日 {_DAYS['zh'][there.weekday()]}" if lang == "zh" else f"{_DAYS['en'][there.weekday()]} {there:%-d %b}"
