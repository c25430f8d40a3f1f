"""How many fetches may be under way at one host, over all workers.

Each host has a few slots in the `core` table; a slot is taken for as long as a fetch may last and
given back after it. A slot whose worker died frees itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table


class HostSlotsTakenError(RetryableError):
    """As many fetches as allowed are under way at the host; the message waits its turn."""


class HostSlots:
    """Per-host concurrency for all workers together.

    Args:
        table: the `core` table.
        clock: seconds since the epoch.
        count: fetches that may be under way at one host.
        seconds: how long a slot is held at most; longer than any fetch lasts.
    """

    def __init__(
        self, table: Table, clock: Callable[[], float], *, count: int = 4, seconds: int = 60
    ) -> None:
        self._table = table
        self._clock = clock
        self._count = count
        self._seconds = seconds

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Hold one of the slots of a host.

        Raises:
            HostSlotsTakenError: all are taken.
        """
        now = int(self._clock())
        name, until = self._take(host, now), now + self._seconds
        try:
            yield
        finally:
            self._give_back(host, name, until)

    def _take(self, host: str, now: int) -> str:
        for number in range(self._count):
            name = f"slot_{number}"
            try:
                with translated(f"take a slot of {host}"):
                    self._table.update_item(
                        Key=keys.host(host),
                        UpdateExpression="SET #slot = :until, expires_at = :expires",
                        ConditionExpression=Attr(name).not_exists() | Attr(name).lte(now),
                        ExpressionAttributeNames={"#slot": name},
                        ExpressionAttributeValues={
                            ":until": now + self._seconds,
                            ":expires": now + 7 * 86400,
                        },
                    )
            except ConditionFailedError:
                continue
            return name
        raise HostSlotsTakenError(
            f"{self._count} fetches are under way at {host}", host=host, slots=self._count
        )

    def _give_back(self, host: str, name: str, until: int) -> None:
        try:
            with translated(f"give back a slot of {host}"):
                self._table.update_item(
                    Key=keys.host(host),
                    UpdateExpression="REMOVE #slot",
                    ConditionExpression=Attr(name).eq(until),
                    ExpressionAttributeNames={"#slot": name},
                )
        except ConditionFailedError:
            return  # it had run out, and somebody else has it
