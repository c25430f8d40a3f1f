"""Show keys looked up through a cache in the container, so that few listeners wait for the table.

A table that cannot be read is no reason to stop a listener: what was known goes on being true, and
after a failure the table is left alone for a moment instead of being waited for by everyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import RetryableError
from tallycast.measurement.tracking.shows import Policy, TrackedShow

if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[[str], tuple[TrackedShow | None, Policy]]

SHOW_SECONDS: Final = 60.0
ABSENT_SECONDS: Final = 10.0
AFTER_FAILURE_SECONDS: Final = 2.0
MOST_SHOWS: Final = 5_000
MOST_ABSENT: Final = 1_000


class LookupFailedError(RetryableError):
    """The table cannot be read, and the key was not seen before in this container."""


@dataclass(slots=True)
class _Entry:
    show: TrackedShow
    until: float


class Directory:
    """The shows behind show keys.

    Args:
        load: reads a key's show (None: no such key) and the policy; raises when it cannot.
        clock: seconds.
        failed: told of every load that failed, with the error.
    """

    def __init__(
        self,
        load: Load,
        clock: Callable[[], float],
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._load = load
        self._clock = clock
        self._failed = failed
        self._shows: dict[str, _Entry] = {}
        self._absent: dict[str, float] = {}
        self._left_alone_until = 0.0
        self.policy = Policy()
        """As of the last load: never older than what was found last."""

    def find(self, key: str) -> TrackedShow | None:
        """The show behind a key; None when there is no such key.

        Raises:
            LookupFailedError: the table cannot be read and nothing is known of the key.
        """
        entry = self._shows.get(key)
        now = self._clock()
        if entry is not None and now < entry.until:
            return entry.show
        if self._absent.get(key, 0.0) > now:
            return None
        return self._looked_up(key, entry, now)

    def _looked_up(self, key: str, entry: _Entry | None, now: float) -> TrackedShow | None:
        if now >= self._left_alone_until:
            try:
                show, self.policy = self._load(key)
            except Exception as error:  # noqa: BLE001 - whatever it is, the listener goes on
                self._left_alone_until = self._clock() + AFTER_FAILURE_SECONDS
                self._failed(error)
            else:
                self._left_alone_until = 0.0
                return self._kept(key, show)
        if entry is not None:
            return entry.show
        raise LookupFailedError("the table of show keys cannot be read")

    def _kept(self, key: str, show: TrackedShow | None) -> TrackedShow | None:
        now = self._clock()
        self._shows.pop(key, None)
        self._absent.pop(key, None)
        if show is None:
            _make_room(self._absent, MOST_ABSENT)
            self._absent[key] = now + ABSENT_SECONDS
        else:
            _make_room(self._shows, MOST_SHOWS)
            self._shows[key] = _Entry(show, now + SHOW_SECONDS)
        return show


def _make_room(known: dict[str, _Entry] | dict[str, float], most: int) -> None:
    """Forget what was put in first: dicts keep their order."""
    while len(known) >= most:
        del known[next(iter(known))]
