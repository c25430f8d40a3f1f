"""Where this room's changes are made: each with its entry in the audit log, in one transaction."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import AlreadyExistsError, ChangedMeanwhileError, Records, Stored
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Protocol

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.records import Kind, Write
    from tallycast.identity.audit.chain import Deed

    class Deeds(Protocol):
        """Makes an entry of the audit log; a request's `call.deed` does."""

        def __call__(self, action: str, target: str, **details: str | int | bool | None) -> Deed:
            """The entry, before it has its place in the log."""
            ...


M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_TRIES: Final = 10
_FIRST_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody does something: in which tenant, when, and how the audit log is told."""

    tenant: str
    now: datetime
    deed: Deeds


class Desk:
    """Reads and writes this room's things in the `core` table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._trail = AuditTrail(table)

    def of(self, kind: Kind[M]) -> Records[M]:
        """All things of a kind."""
        return Records(self.table, kind)

    def add(
        self, act: Act, kind: Kind[M], prefix: str, document: M, action: str, *more: Write
    ) -> Stored[M]:
        """Write a new thing with all of `more`, or nothing."""
        return self.add_as(act, kind, new_id(prefix, act.now), document, action, more)

    def add_as(  # noqa: PLR0917 - as above
        self,
        act: Act,
        kind: Kind[M],
        record_id: str,
        document: M,
        action: str,
        more: Sequence[Write] = (),
    ) -> Stored[M]:
        """Write a new thing under an id that is known already."""
        write = self.of(kind).creation(act.tenant, record_id, document, act.now)
        self.commit(act, [write, *more], act.deed(action, record_id))
        now = to_millis(act.now)
        return Stored(act.tenant, record_id, document, 1, now, now)

    def change(  # noqa: PLR0917 - as above
        self,
        act: Act,
        kind: Kind[M],
        before: Stored[M],
        document: M,
        action: str,
        more: Sequence[Write] = (),
        **details: str | int | bool | None,
    ) -> Stored[M]:
        """Write a thing over the version that was read, with all of `more`, or nothing."""
        write = self.of(kind).replacement(before, document, act.now)
        self.commit(act, [write, *more], act.deed(action, before.id, **details))
        return after(before, document, act.now)

    def remove(self, act: Act, kind: Kind[M], before: Stored[M], action: str, *more: Write) -> None:
        """Delete a thing, with all of `more`, or nothing."""
        write = self.of(kind).removal(before)
        self.commit(act, [write, *more], act.deed(action, before.id))

    def commit(self, act: Act, writes: Sequence[Write], deed: Deed) -> None:
        """Do all of it and log it, or nothing."""
        self._trail.commit(act.tenant, writes, deed, act.now)


def after(before: Stored[M], document: M, now: datetime) -> Stored[M]:
    """A thing as it stands after it was replaced."""
    return Stored(
        before.tenant,
        before.id,
        document,
        before.version + 1,
        before.created_at,
        to_millis(now),
    )


def again(work: Callable[[], T]) -> T:
    """Do a piece of work that reads, decides and writes; anew when somebody wrote in between.

    A caller who said which version it means is told by the work itself that it is not that any
    more; everybody else does not care which version there was.

    Raises:
        ServiceUnavailableError: others came first again and again.
    """
    for attempt in range(_TRIES):
        try:
            return work()
        except (ChangedMeanwhileError, AlreadyExistsError):
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
    raise ServiceUnavailableError("others keep changing the same things: try again")
