"""A clock that sweeps and sends once and is killed at a named point: `python -m tests.integration.sending_child DATABASE NOW POINT`.

The points: `firing` and `gathering` (written, not committed), `claimed` (committed, nothing sent), `sent` (the receiver has it, nothing recorded),
`recording` (written, not committed), `none`.
"""

import os
import signal
import sys
from datetime import datetime

from ecops.people import channel
from ecops.sending import Sender
from ecops.service import deliveries, sweep
from ecops.store.database import Store


def die(*_args, **_options) -> None:
    """As by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(module, name: str) -> None:
    """Die when this function of the module has done its work."""
    real = getattr(module, name)

    def wrapped(*args, **options):
        real(*args, **options)
        die()

    setattr(module, name, wrapped)


def arm(point: str) -> None:
    """Lay the trap."""
    if point == "firing":
        after(sweep, "tell_rungs")
    elif point == "gathering":
        after(deliveries, "_deliver")
    elif point == "claimed":
        channel.send = die
    elif point == "sent":
        after(channel, "send")
    elif point == "recording":
        after(deliveries, "_end")
    elif point != "none":
        raise SystemExit(f"there is no point {point}")


def main() -> None:
    """Sweep and send."""
    url, now, point = sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3]
    arm(point)
    store = Store(url)
    sweep.sweep(store, now)
    sender = Sender(store, lambda: now, lambda: "http://pages")
    sender.tick()
    sender.close()
    print("lived")


if __name__ == "__main__":
    main()
