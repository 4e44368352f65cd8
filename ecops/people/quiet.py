"""Quiet hours: the first moment at which a person may be told. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from ecops.playbook.wall import from_the_wall, on_the_wall


def may_be_told(at: datetime, zone: ZoneInfo, quiet_from: time | None, quiet_until: time | None) -> datetime:
    """`at` itself, or the end of the quiet hours it lies in; they count on the person's wall and may cross midnight."""
    if quiet_from is None or quiet_until is None:
        return at
    wall = on_the_wall(at, zone)
    clock = wall.time()
    is_quiet = quiet_from <= clock < quiet_until if quiet_from < quiet_until else clock >= quiet_from or clock < quiet_until
    if not is_quiet:
        return at
    end = datetime.combine(wall.date(), quiet_until)
    # An hour that the clocks repeat may put the end before the moment itself.
    return max(at, from_the_wall(end if end > wall else end + timedelta(days=1), zone))
