"""How fast one app may call: a token bucket, its clock and its sleep given."""

import threading
from collections.abc import Callable


class TokenBucket:
    """`per_second` calls a second on average, at most `burst` at once. Safe to share between threads.

    `clock` counts seconds and never goes back; `sleep` waits that many.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError("a token bucket needs a rate above 0 and a burst of at least 1")
        self._rate, self._burst, self._clock, self._sleep = per_second, burst, clock, sleep
        self._tokens, self._at, self._lock = float(burst), clock(), threading.Lock()

    def take(self) -> None:
        """Take one token; wait for it when there is none."""
        wait = self._reserve()
        if wait > 0:
            self._sleep(wait)

    def _reserve(self) -> float:
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            # Below zero it is a place in the queue: who comes next waits longer.
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)
