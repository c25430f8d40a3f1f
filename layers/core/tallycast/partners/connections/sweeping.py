"""Look after every connection that is due: refresh it, or clear it away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tallycast.aws.due import due_keys
from tallycast.aws.observability import logger
from tallycast.aws.records import ChangedMeanwhileError
from tallycast.identity.audit.chain import Deed
from tallycast.kernel.errors import TallycastError
from tallycast.partners.connections.model import CONNECTION, Connection, State
from tallycast.partners.connections.telemetry import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.records import Stored
    from tallycast.partners.connections.means import Means
    from tallycast.partners.connections.refreshing import Refresher

_LEAVE_SECONDS: Final = 45.0  # an exchange may take 20
ERRORS: Final = "errors"


class Sweeper:
    """One round over the due-index of the `core` table."""

    def __init__(self, table: Table, means: Means, refresher: Refresher) -> None:
        self._table = table
        self._means = means
        self._refresher = refresher

    def run(self, time_left: Callable[[], float]) -> Counter[str]:
        """How many ended how; those that time was too short for are the next round's."""
        done: Counter[str] = Counter()
        for key in due_keys(self._table, CONNECTION.name, self._means.clock()):
            if time_left() < _LEAVE_SECONDS:
                logger.warning("time is short", extra={"looked_after": done.total()})
                break
            tenant, record_id = _named(key["pk"])
            try:
                stored = self._means.records.find(tenant, record_id)
                if stored is not None:
                    done[self._look_after(stored).value] += 1
            except TallycastError as error:  # one that cannot be read stops no other
                done[ERRORS] += 1
                problem = f"{error.code}: {error.message}"
                logger.warning(
                    "not looked after", extra={"connection": record_id, "error": problem}
                )
        return done

    def _look_after(self, stored: Stored[Connection]) -> Outcome:
        connection, now = stored.document, self._means.clock()
        if connection.refresh_at is None or connection.refresh_at > now:
            return Outcome.NOTHING  # the index lags behind
        if connection.state is State.CONNECTING:
            return self._clear(stored, now)
        return self._refresher.refresh(stored)

    def _clear(self, stored: Stored[Connection], now: datetime) -> Outcome:
        deed = Deed(
            actor="system:refresh_connections",
            action="connection.clear",
            target=stored.id,
            details={"provider": stored.document.provider},
        )
        try:
            self._means.trail.commit(
                stored.tenant, [self._means.records.removal(stored)], deed, now
            )
        except ChangedMeanwhileError:
            return Outcome.NOTHING  # somebody began anew
        return Outcome.CLEARED


def _named(partition: str) -> tuple[str, str]:
    """Tenant and id in `TENANT#acme#CONNECTION#con_…`."""
    _, tenant, _, record_id = partition.split("#", 3)
    return tenant, record_id
