"""A child that ends with its parent, whatever the parent dies of."""

import os
import threading
from collections.abc import Callable


def end_with_parent(end: Callable[[], None], grace: float = 8) -> None:
    """Call `end` when standard input closes (the parent is gone), and leave for good if that takes over `grace` seconds."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()
        threading.Event().wait(grace)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
