"""Exchange a refresh token for new tokens: by one worker at a time, and never for nothing.

Many providers take a refresh token once. So one worker holds the lease while it asks (a write that
is conditional on the version it read), and what came of it is stored over the generation that it
asked with, and over no other. What can be lost is told in docs/connections.md.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.observability import logger
from tallycast.aws.records import ChangedMeanwhileError
from tallycast.identity.audit.chain import Deed
from tallycast.kernel.errors import TallycastError
from tallycast.partners.connections import grants
from tallycast.partners.connections.grants import GrantRefusedError, ProviderUnavailableError
from tallycast.partners.connections.means import written
from tallycast.partners.connections.model import Connection, Lease, State
from tallycast.partners.connections.rules import LEASE, broken, failed, with_tokens
from tallycast.partners.connections.telemetry import Outcome, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallycast.aws.records import Stored
    from tallycast.partners.connections.grants import Granted
    from tallycast.partners.connections.means import Means
    from tallycast.partners.connections.providers import Provider

_TRIES: Final = 8  # to store what a provider gave: it gives it once
_FIRST_PAUSE_SECONDS: Final = 0.05
_EXPIRED: Final = "the access has ended, and the platform gave no refresh token"
_INTERRUPTED: Final = (
    "; an earlier refresh was interrupted, and what it was given is lost: connect it again"
)


class Refresher:
    """Refreshes connections; that one broke stands in the audit log."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._records = means.records

    def refresh(self, stored: Stored[Connection]) -> Outcome:
        """Refresh a connection as it was read; whatever comes of it is in the table after it."""
        outcome = self._refresh(stored)
        report(outcome)
        logger.info(
            "connection looked after",
            extra={
                "tenant": stored.tenant,
                "connection": stored.id,
                "provider": stored.document.provider,
                "outcome": outcome.value,
            },
        )
        return outcome

    def hold(self, stored: Stored[Connection]) -> Stored[Connection] | None:
        """The connection with a lease of ours on it; None while another worker has one."""
        now, connection = self._means.clock(), stored.document
        if connection.lease is not None and connection.lease.until > now:
            return None
        lease = Lease(id=secrets.token_hex(8), until=now + LEASE)
        leased = connection.model_copy(update={"lease": lease})
        try:
            self._records.put(self._records.replacement(stored, leased, now))
        except ChangedMeanwhileError:
            return None
        return written(stored, leased, now)

    def _refresh(self, stored: Stored[Connection]) -> Outcome:
        connection, now = stored.document, self._means.clock()
        if connection.state is not State.ACTIVE or connection.tokens is None:
            return Outcome.NOTHING
        interrupted = _INTERRUPTED if connection.lease is not None else ""
        held = self.hold(stored)
        if held is None:
            return Outcome.BUSY
        if not connection.refreshable:
            return self._end(held, lambda: broken(held.document, _EXPIRED), Outcome.BROKEN)
        try:
            provider = self._means.providers().get(connection.provider)
            tokens = self._means.vault.open_tokens(connection.tokens, held.tenant, held.id)
            envelope = self._means.vault.envelope(held.tenant, held.id)
            granted = grants.refresh(provider, self._means.send, tokens, now=now)
        except GrantRefusedError as error:
            problem = error.message + interrupted
            return self._end(held, lambda: broken(held.document, problem), Outcome.BROKEN)
        except TallycastError as error:
            return self._failed(held, error)
        return self._keep(held, provider, granted, envelope.seal_tokens(granted.tokens))

    def _failed(self, held: Stored[Connection], error: TallycastError) -> Outcome:
        asked = error.retry_after if isinstance(error, ProviderUnavailableError) else None
        problem = f"{error.code}: {error.message}"
        logger.warning("not refreshed", extra={"connection": held.id, "error": problem})
        return self._end(
            held, lambda: failed(held.document, problem, self._means.clock(), asked), Outcome.FAILED
        )

    def _end(
        self, held: Stored[Connection], change: Callable[[], Connection], outcome: Outcome
    ) -> Outcome:
        """Write what became of it, unless our lease went to another worker meanwhile."""
        after, now = change(), self._means.clock()
        write = self._records.replacement(held, after, now)
        try:
            if outcome is Outcome.BROKEN:
                deed = Deed(
                    actor="system:refresh_connections",
                    action="connection.break",
                    target=held.id,
                    details={"provider": after.provider, "problem": after.problem},
                )
                self._means.trail.commit(held.tenant, [write], deed, now)
            else:
                self._records.put(write)
        except ChangedMeanwhileError:
            return Outcome.BUSY
        return outcome

    def _keep(
        self, held: Stored[Connection], provider: Provider, granted: Granted, sealed: str
    ) -> Outcome:
        """Store new tokens: nothing but a newer generation may stop that."""
        current: Stored[Connection] | None = held
        for attempt in range(_TRIES):
            try:
                if current is None or current.document.generation != held.document.generation:
                    return self._superseded(held)
                now = self._means.clock()
                after = with_tokens(current.document, sealed, granted, now, provider.refresh_days)
                self._records.put(self._records.replacement(current, after, now))
            except (ChangedMeanwhileError, ServiceUnavailableError):
                self._means.pause(_FIRST_PAUSE_SECONDS * 2**attempt)
                current = self._again(held, current)
            else:
                return Outcome.REFRESHED
        logger.error("new tokens could not be stored", extra={"connection": held.id})
        return Outcome.FAILED

    def _again(
        self, held: Stored[Connection], current: Stored[Connection] | None
    ) -> Stored[Connection] | None:
        try:
            return self._records.find(held.tenant, held.id)
        except ServiceUnavailableError:
            return current

    def _superseded(self, held: Stored[Connection]) -> Outcome:
        """Somebody connected it anew, or removed it, while we asked: theirs holds."""
        logger.warning("tokens came too late", extra={"connection": held.id})
        return Outcome.NOTHING
