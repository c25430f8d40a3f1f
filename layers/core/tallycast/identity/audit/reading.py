"""Read a tenant's log: one entry, or those that answer a question, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import translated
from tallycast.identity.audit.trail import AuditTrail, entry_of
from tallycast.kernel import keys
from tallycast.kernel.errors import NotFoundError
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.audit.chain import Entry

MOST_LOOKED_AT: Final = 2000  # entries in one question; what is behind them is the next page's
_PER_READ: Final = 500


class AuditEntryNotFoundError(NotFoundError):
    """The log has no entry of this number."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries are wanted; what is None does not matter.

    Attributes:
        action: `campaign.book`, or `campaign` for all that was done to campaigns.
        since: the first moment; `until` is the first one that is not wanted any more.
    """

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, entry: Entry) -> bool:
        """Whether an entry is one of those, times aside."""
        deed = entry.deed
        return (
            self.actor in (None, deed.actor)
            and self.target in (None, deed.target)
            and self.action in (None, deed.action, deed.action.partition(".")[0])
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Entries, newest first; `cursor` goes on behind them, None at the end.

    It may hold fewer than were asked for, even none, and still have a cursor: a rare deed in a
    long log takes several questions to find.
    """

    entries: tuple[Entry, ...]
    cursor: str | None = None


class AuditLog:
    """The logs of all tenants, to be read."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._trail = AuditTrail(table)

    def get(self, tenant: str, number: int) -> Entry:
        """One entry.

        Raises:
            AuditEntryNotFoundError: the log has none of this number.
        """
        found = self._find(tenant, number)
        if found is None:
            raise AuditEntryNotFoundError(f"the audit log has no entry {number}", number=number)
        return found

    def page(
        self, tenant: str, question: Question, *, limit: int = 50, cursor: str | None = None
    ) -> Answer:
        """Entries that answer a question, newest first.

        Args:
            tenant: whose.
            question: which.
            limit: at most so many.
            cursor: `cursor` of the answer before.
        """
        begin = self._begin(tenant, question, cursor)
        since = None if question.since is None else to_text(question.since)
        found: list[Entry] = []
        for looked, entry in enumerate(self._backwards(tenant, begin), 1):
            if since is not None and entry.at < since:
                return Answer(tuple(found))
            if question.wants(entry):
                found.append(entry)
            if (len(found) == limit or looked == MOST_LOOKED_AT) and entry.number > 1:
                return Answer(tuple(found), str(entry.number))
        return Answer(tuple(found))

    def _begin(self, tenant: str, question: Question, cursor: str | None) -> int:
        """The newest entry worth looking at."""
        if cursor is not None:
            return int(cursor) - 1
        head = self._trail.head(tenant)
        last = head.number if head else 0
        if question.until is None:
            return last
        return self._last_before(tenant, to_text(question.until), last)

    def _last_before(self, tenant: str, moment: str, last: int) -> int:
        """The last entry before a moment: times only grow, so halving finds it."""
        low, high = 0, last
        while low < high:
            middle = (low + high + 1) // 2
            entry = self._find(tenant, middle)
            if entry is not None and entry.at < moment:
                low = middle
            else:
                high = middle - 1
        return low

    def _find(self, tenant: str, number: int) -> Entry | None:
        with translated("read an entry of the audit log"):
            item = self._table.get_item(Key=keys.audit_entry(tenant, number)).get("Item")
        return entry_of(item) if item else None

    def _backwards(self, tenant: str, begin: int) -> Iterator[Entry]:
        first = keys.audit_entry(tenant, 0)["sk"]
        last = keys.audit_entry(tenant, max(begin, 0))["sk"]
        arguments: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(keys.audit_log(tenant))
            & Key("sk").between(first, last),
            "ScanIndexForward": False,
            "Limit": _PER_READ,
        }
        while True:
            with translated("read the audit log"):
                page = self._table.query(**arguments)
            yield from map(entry_of, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
