"""Sends what is due: gathered a person, claimed, sent over their channel, recorded. The ledger is `ecops.service.deliveries`."""

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from ecops.people import channel
from ecops.service import deliveries
from ecops.service.digests import digests
from ecops.store.database import Store

AT_ONCE = 8
logger = logging.getLogger("ecops.sending")


class Sender:
    """Messages of one process. A slow channel takes one of its hands, not the others."""

    def __init__(self, store: Store, clock: Callable[[], datetime], base: Callable[[], str | None]) -> None:
        self.store, self.clock, self.base = store, clock, base
        self.name = secrets.token_hex(8)  # a sender that comes back is another one: it knows nothing of what was under way
        self._hands = ThreadPoolExecutor(AT_ONCE, "sending")
        self._free = threading.Semaphore(AT_ONCE)

    def tick(self) -> int:
        """Write digests whose time has come, gather what is to be told, and send what may go now; gives how many messages were taken up."""
        now = self.clock()
        deliveries.lost(self.store, now)
        digests(self.store, now)
        deliveries.gather(self.store, now)
        taken = 0
        while more := self._take_up():
            taken += more
        return taken

    def _take_up(self) -> int:
        """Claim a message for each free hand, at least one; gives how many there were."""
        self._free.acquire()
        hands = 1
        while hands < AT_ONCE and self._free.acquire(blocking=False):
            hands += 1
        parcels = []
        try:
            parcels = deliveries.claim(self.store, self.name, self.clock(), self.base(), hands)
        finally:
            for _ in range(hands - len(parcels)):
                self._free.release()
        for parcel in parcels:
            self._hands.submit(self._send, parcel)
        return len(parcels)

    def _send(self, parcel: deliveries.Parcel) -> None:
        try:
            answer = channel.send(parcel.url, parcel.title, parcel.body)
            deliveries.record(self.store, parcel.delivery, self.name, answer, self.clock())
        except Exception:
            # It stays claimed, and is found uncertain when its lease has ended.
            logger.exception("delivery %s", parcel.delivery)
        finally:
            self._free.release()

    def close(self) -> None:
        """Wait for what is under way."""
        self._hands.shutdown(wait=True)
