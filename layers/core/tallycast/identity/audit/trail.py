"""Write to the log together with what was done: one cannot be without the other."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import ContendedError, ServiceUnavailableError, translated
from tallycast.aws.records import Write, commit, write_of
from tallycast.identity.audit.chain import Deed, Entry, entry_after
from tallycast.kernel import keys
from tallycast.kernel.errors import RetryableError
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

LOG: Final = "audit"  # how the due-index calls logs that have entries to be sealed
_TRIES: Final = 40
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5  # all tries together end within a request of 29 s


class HeadMovedError(RetryableError):
    """Another entry was appended in between."""


class AuditTrail:
    """The audit log of every tenant, in the `core` table.

    Args:
        table: the `core` table.
        pause: waits so many seconds before another try.
    """

    def __init__(self, table: Table, pause: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._pause = pause

    def commit(self, tenant: str, writes: Sequence[Write], deed: Deed, now: datetime) -> Entry:
        """Do all of `writes` and log them, or nothing; returns the entry.

        Raises:
            Exception: what the first write that was refused says.
            ServiceUnavailableError: too many others append to the same log at once.
        """
        for attempt in range(_TRIES):
            head = self._head(tenant)
            entry = entry_after(entry_of(head) if head else None, tenant, deed, to_text(now))
            try:
                commit(self._table, [*writes, *_appended(tenant, entry, head)])
            except (HeadMovedError, ContendedError):
                longest = min(_FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS)
                self._pause(random.uniform(0, longest))  # noqa: S311
                continue
            return entry
        raise ServiceUnavailableError(f"the audit log of {tenant} is too busy", tenant=tenant)

    def head(self, tenant: str) -> Entry | None:
        """The last entry of a tenant's log."""
        head = self._head(tenant)
        return entry_of(head) if head else None

    def _head(self, tenant: str) -> dict[str, Any] | None:
        with translated("read the head of the audit log"):
            return self._table.get_item(Key=keys.audit_head(tenant), ConsistentRead=True).get(
                "Item"
            )


def entry_of(item: Mapping[str, Any]) -> Entry:
    """An entry as it lies in the table."""
    return Entry.model_validate_json(str(item["entry"]))


def _appended(tenant: str, entry: Entry, head: Mapping[str, Any] | None) -> list[Write]:
    document = {"entry": entry.model_dump_json(), "tenant": tenant, "number": entry.number}
    moved = HeadMovedError(f"entry {entry.number} of {tenant}'s log was written by another")
    item = {**keys.audit_entry(tenant, entry.number), "kind": "audit", **document}
    # The log is due since its first entry that is not sealed: this one, unless there was another.
    since = (head or {}).get("due_at", entry.at)
    new_head = {
        **keys.audit_head(tenant),
        "kind": "audit_head",
        **document,
        "due_shard": keys.due_shard_of(LOG, tenant, tenant),
        "due_at": since,
    }
    first = Attr("pk").not_exists()
    return [
        write_of("Put", {"Item": item}, first, moved),
        write_of("Put", {"Item": new_head}, first | Attr("number").eq(entry.number - 1), moved),
    ]
