"""The clock: one in-memory interval job that sweeps what is due and carries what changed to Prefect.

The due times live in our tables; a tick that is lost costs half a second, never a reminder.
"""

import logging
import signal
import threading
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from ecops.home import Home
from ecops.orchestration import relay
from ecops.orchestration.api import PrefectApi
from ecops.playbook.calendar import announced_until, days_left
from ecops.sending import Sender
from ecops.service.follow import follow_up, pending
from ecops.service.replan import announced
from ecops.service.sweep import sweep
from ecops.store.database import Store

EVERY = 0.5  # seconds
FEW_DAYS = 45  # announced days left, below which the log says so: the State Council announces a year in November
logger = logging.getLogger("ecops.clock")


class Clock:
    """Sweeps, sends and relays, each in its own job so that a slow Prefect or chat service never holds a reminder back."""

    def __init__(self, store: Store, home: Home) -> None:
        self.store, self.home = store, home
        self._api: PrefectApi | None = None
        self._quiet = False
        self.sender = Sender(store, lambda: datetime.now(UTC), lambda: home.pages)

    def sweep(self) -> None:
        """Open and fire what is due."""
        sweep(self.store, datetime.now(UTC))

    def follow(self) -> None:
        """Launch what follows the end of a run."""
        if pending(self.store):
            # The shelf needs the tasks and their data library, which an idle clock does without.
            from ecops.shelf import shelf

            for launched in follow_up(self.store, shelf(self.home.playbooks), datetime.now(UTC)):
                logger.warning("%s launched as %s", launched.playbook, launched.run)

    def calendar(self) -> None:
        """Move the dates that stood on working days nobody had announced; a newer calendar comes with a newer ecops, so once a start."""
        for run in announced(self.store, datetime.now(UTC)):
            logger.warning("working days were announced: dates of %s moved", run)
        if said := few_days(datetime.now(UTC)):
            logger.warning(said)

    def tell(self) -> None:
        """Send what people are to be told."""
        self.sender.tick()

    def relay(self) -> None:
        """Tell Prefect what changed."""
        there = relay.tick(self.store, self._prefect(), datetime.now(UTC), self._quiet)
        self._quiet = not there and self._api is not None

    def _prefect(self) -> PrefectApi | None:
        address = self.home.prefect
        if address is None:
            return None
        if self._api is None or self._api.base_url != address:
            self._api = PrefectApi(address, self.home.prefect_auth)
        return self._api

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop."""
        options = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults=options)
        scheduler.add_job(self.sweep, "interval", seconds=EVERY)
        scheduler.add_job(self.relay, "interval", seconds=EVERY)
        scheduler.add_job(self.tell, "interval", seconds=1)
        scheduler.add_job(self.follow, "interval", seconds=5)
        scheduler.add_job(self.calendar)
        # A sweep that takes longer than its interval is no news; that it is skipped then is what we want.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler.start()
        print("clock ready", flush=True)
        stop.wait()
        scheduler.shutdown(wait=True)
        self.sender.close()


def few_days(now: datetime) -> str | None:
    """What the log says when few announced working days are left, or none; None while there are enough."""
    left = days_left(now.astimezone(relay.ZONE).date())
    if left >= FEW_DAYS:
        return None
    return f"working days are announced until {announced_until()}, {max(left, 0)} days are left; update ecops and its package chinesecalendar when the new year is announced"


def main(store: Store, home: Home, with_parent: bool = False) -> None:
    """Run the clock in this process until SIGTERM, SIGINT or the end of the parent."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_parent:
        from ecops.orchestration.parent import end_with_parent

        end_with_parent(stop.set)
    Clock(store, home).run(stop)
