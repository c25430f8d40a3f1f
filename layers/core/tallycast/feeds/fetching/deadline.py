"""The time a fetch has left.

A time-out per read is no deadline: a server that drips a byte now and then resets it for ever.
So every wait, of whatever kind, is given only what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.feeds.fetching.errors import FetchTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

# Sockets take 0 for "do not wait at all", which is another mode altogether.
_SHORTEST_WAIT = 0.001


class Deadline:
    """Counts down from `seconds` at the moment it is made, by a monotonic clock in seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._start = clock()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def left(self, doing: str) -> float:
        """Seconds that may still be spent on `doing`, always above 0.

        Raises:
            FetchTimeoutError: there are none; the message says what was going on.
        """
        left = self.seconds - self.elapsed()
        if left <= 0:
            raise self.passed(doing)
        return max(left, _SHORTEST_WAIT)

    def passed(self, doing: str) -> FetchTimeoutError:
        """The error that says what the time ran out on."""
        return FetchTimeoutError(f"not done within {self.seconds:g} s, still {doing}")
