"""The clock on the wall of a time zone: what it shows at an instant, and at which instant it shows that."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def known_zone(name: str) -> str:
    """The name of a time zone, as it is. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; write for example Asia/Shanghai") from error
    return name


def on_the_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows: the local time without its zone, in which whole days keep their time of day."""
    return at.astimezone(zone).replace(tzinfo=None)


def from_the_wall(local: datetime, zone: ZoneInfo) -> datetime:
    """The aware UTC instant at which a clock on the wall shows this; the first one of two, and past a gap as far as it lies inside."""
    return local.replace(tzinfo=zone).astimezone(UTC)
