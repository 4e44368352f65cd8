"""Which moment a firing of a schedule stands for, when it is executed late or not at all. Pure."""

from datetime import datetime, timedelta

from ecops.playbook.cron import last_firing
from ecops.playbook.model import Playbook

# A worker that is busy is not a machine that was off.
LATE = timedelta(minutes=30)


def moment_of(playbook: Playbook, fired: datetime, now: datetime) -> datetime | None:
    """The moment that a flow run laid out for `fired` is launched for, executed at `now`; None where the playbook leaves missed firings out.

    What was missed is caught up once, by the newest of the missed firings: whichever late flow run comes first stands for it,
    the others find it launched. A flow run that stands on no firing of the schedule (started by hand in Prefect) is of its own moment.
    """
    schedule = playbook.schedule
    if schedule is None or last_firing(schedule.cron, fired, playbook.zone) != fired:
        return fired
    newest = last_firing(schedule.cron, max(fired, now), playbook.zone)
    if newest == fired and now - fired <= LATE:
        return fired
    return None if schedule.missed == "skip" else newest
