"""How many fetches may be under way at one host, over all workers.

Each host has a few slots in the `core` table; a slot is taken for as long as a fetch may last and
given back after it. A slot whose worker died frees itself.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table


_LOOK_SECONDS = 0.5


class HostSlotsTakenError(RetryableError):
    """As many fetches as allowed are under way at the host; the message waits its turn."""


class HostSlots:
    """Per-host concurrency for all workers together.

    Args:
        table: the `core` table.
        clock: seconds since the epoch.
        count: fetches that may be under way at one host.
        seconds: how long a slot is held at most; longer than any fetch lasts.
        patience: seconds to wait for a slot, for somebody who waits for the answer.
    """

    def __init__(
        self,
        table: Table,
        clock: Callable[[], float],
        *,
        count: int = 4,
        seconds: int = 60,
        patience: float = 0.0,
    ) -> None:
        self._table = table
        self._clock = clock
        self._count = count
        self._seconds = seconds
        self._patience = patience

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Hold one of the slots of a host.

        Raises:
            HostSlotsTakenError: all are taken.
        """
        name, until = self._wait_for(host)
        try:
            yield
        finally:
            self._give_back(host, name, until)

    def _wait_for(self, host: str) -> tuple[str, int]:
        patient_until = self._clock() + self._patience
        while True:
            now = self._clock()
            try:
                return self._take(host, int(now)), int(now) + self._seconds
            except HostSlotsTakenError:
                if now >= patient_until:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _take(self, host: str, now: int) -> str:
        for name in self._free(host, now):
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

    def _free(self, host: str, now: int) -> list[str]:
        """The slots that look free: a look costs a fraction of a write that fails."""
        with translated(f"look at the slots of {host}"):
            item = self._table.get_item(Key=keys.host(host), ConsistentRead=True).get("Item", {})
        names = [f"slot_{number}" for number in range(self._count)]
        return [name for name in names if int(str(item.get(name, 0))) <= now]

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
