"""The keys at rest: one item per month in a table of their own, which has no backup.

A table without point-in-time recovery, streams and backups is chosen on purpose: what is deleted
from it is gone, and so is the way back from a hash to an address. The item of a destroyed key
stays without the key, so that no other key is ever made for its month.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.batch import read_items
from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel.times import to_text
from tallycast.measurement.privacy.keys import (
    KEY_BYTES,
    KeyRing,
    month_before,
    month_of,
    months_around,
    needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from mypy_boto3_dynamodb.service_resource import Table

RETENTION_MONTHS: Final = 13
_LOOK_BACK_MONTHS: Final = 36  # how far behind the retention keys are looked for, to destroy them


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: months whose key was made, and months whose key was destroyed."""

    created: tuple[str, ...]
    destroyed: tuple[str, ...]


class KeyStore:
    """Reads, makes and destroys the keys of the months.

    The function on the listener's way reads the same items by other means: it cannot wait for
    boto3. An item is `{"id": "2026-11", "key": 32 bytes, "created_at": …}`.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def ring(self, months: Iterable[str]) -> KeyRing:
        """The keys that there are of these months; a missing one is an error when it is used.

        Raises:
            ServiceUnavailableError: the table does not answer.
        """
        items = self._read(set(months))
        return KeyRing(
            {month: bytes(item["key"]) for month, item in items.items() if "key" in item}
        )

    def ring_for(
        self, months: Iterable[str], now: datetime, retention_months: int = RETENTION_MONTHS
    ) -> KeyRing:
        """The keys that rows of these months need; those not made yet are made.

        A month behind the retention, or ahead of the next, gets no key: its rows must not be kept.
        """
        wanted = needed(months)
        ring = self.ring(wanted)
        oldest, newest = month_before(month_of(now), retention_months), months_around(now)[-1]
        lacking = sorted(wanted - set(ring.months()))
        missing = [month for month in lacking if oldest <= month <= newest]
        if not missing:
            return ring
        for month in missing:
            self._create(month, now)
        return self.ring(wanted)

    def rotate(self, now: datetime, retention_months: int = RETENTION_MONTHS) -> Rotation:
        """Make the keys of the last, this and the next month; destroy those behind the retention.

        Safe at any time and from several at once: a key that is there is never replaced. With a
        retention of 13 months the key of October 2025 is destroyed on 1 December 2026.

        Raises:
            ValueError: a retention so short that a month's own rows could not be matched.
            ServiceUnavailableError: the table does not answer; nothing half-done is left behind.
        """
        if retention_months < 1:
            raise ValueError("keys are kept for a month at least")
        present = self._read(months_around(now))
        created = [
            month
            for month in months_around(now)
            if month not in present and self._create(month, now)
        ]
        first = retention_months + 1
        current = month_of(now)
        old = [month_before(current, back) for back in range(first, first + _LOOK_BACK_MONTHS)]
        expired = sorted(month for month, item in self._read(old).items() if "key" in item)
        for month in expired:
            self.destroy(month, now)
        return Rotation(tuple(created), tuple(expired))

    def destroy(self, month: str, now: datetime) -> None:
        """Destroy the key of a month for good; the month can never have another."""
        with translated(f"destroy the key of {month}"):
            self._table.update_item(
                Key={"id": month},
                UpdateExpression="REMOVE #key SET destroyed_at = if_not_exists(destroyed_at, :now)",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":now": to_text(now)},
            )

    def _create(self, month: str, now: datetime) -> bool:
        """Whether it was us who made the key: of several at once exactly one does."""
        try:
            with translated(f"make the key of {month}"):
                self._table.put_item(
                    Item={
                        "id": month,
                        "key": secrets.token_bytes(KEY_BYTES),
                        "created_at": to_text(now),
                    },
                    ConditionExpression="attribute_not_exists(id)",
                )
        except ConditionFailedError:
            return False
        return True

    def _read(self, months: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        keys = [{"id": month} for month in sorted(set(months))]
        return {item["id"]: item for item in read_items(self._table, keys, consistent=True)}
