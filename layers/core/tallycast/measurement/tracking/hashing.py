"""The month keys that addresses are hashed under, kept in the container and read again hourly."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final

from tallycast.measurement.privacy import KeyRing, months_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from tallycast.measurement.privacy import Pseudonym

FRESH_SECONDS: Final = 3600.0
AFTER_FAILURE_SECONDS: Final = 5.0


class AddressHasher:
    """Hashes addresses; a table that refuses leaves the keys that are known in use.

    Args:
        load: reads the keys of some months (`2026-11`).
        clock: seconds since the epoch.
    """

    def __init__(
        self, load: Callable[[Iterable[str]], KeyRing], clock: Callable[[], float]
    ) -> None:
        self._load = load
        self._clock = clock
        self._ring = KeyRing({})
        self._until = 0.0

    def __call__(self, address: str, moment: datetime) -> Pseudonym:
        """What stands for an address at a time.

        Raises:
            AddressError: the text is no IP address.
            KeyMissingError: there is no key for the month; also when none could ever be read.
        """
        now = self._clock()
        if now >= self._until:
            self._until = now + AFTER_FAILURE_SECONDS
            try:
                ring = self._load(months_around(moment))
            except Exception:  # noqa: BLE001 - known keys go on; without any the next line says so
                ring = None
            if ring is not None:
                self._ring = ring
                if ring.months():
                    self._until = now + FRESH_SECONDS
        return self._ring.pseudonym(address, moment)


def ring_of(items: Iterable[Mapping[str, Mapping[str, Any]]]) -> KeyRing:
    """The ring of items of the key table, in DynamoDB's JSON; a destroyed key is left out."""
    return KeyRing(
        {str(item["id"]["S"]): b64decode(item["key"]["B"]) for item in items if "key" in item}
    )
