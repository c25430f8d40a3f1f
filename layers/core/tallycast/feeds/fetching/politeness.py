"""Being a guest: only so many requests to one host at a time from one worker."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tallycast.feeds.fetching.errors import HostBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator


class HostGate:
    """Lets at most `limit` threads of this process into each host at once.

    Forgets a host when the last one leaves, so that it never grows with the number of feeds.
    """

    def __init__(self, limit: int = 2) -> None:
        if limit < 1:
            raise ValueError("a gate lets at least one through")
        self._limit = limit
        self._inside: dict[str, int] = {}
        self._changed = threading.Condition()

    @contextmanager
    def visit(self, host: str, *, wait_seconds: float | None = None) -> Iterator[None]:
        """Be one of those inside; wait for a turn first, at most `wait_seconds`.

        Raises:
            HostBusyError: the turn did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.inside(host) < self._limit, wait_seconds):
                raise HostBusyError(f"{self._limit} fetches from this host are under way already")
            self._inside[host] = self.inside(host) + 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[host] -= 1
                if not self._inside[host]:
                    del self._inside[host]
                self._changed.notify_all()

    def inside(self, host: str) -> int:
        """How many are at this host now."""
        return self._inside.get(host, 0)
