"""Access tokens for other rooms: always good for a while, refreshed when they are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import RetryableError
from tallycast.partners.connections.grants import ProviderUnavailableError
from tallycast.partners.connections.model import ConnectionNotReadyError, State
from tallycast.partners.connections.rules import SPARE
from tallycast.partners.connections.telemetry import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.partners.connections.means import Means
    from tallycast.partners.connections.model import Connection
    from tallycast.partners.connections.refreshing import Refresher

_LOOKS: Final = 60  # while another worker refreshes
_LOOK_SECONDS: Final = 0.25


class ConnectionBusyError(RetryableError):
    """Another worker has been refreshing the connection for long."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token; `repr` does not show it."""

    value: str = field(repr=False)
    expires_at: datetime
    provider: str


class AccessTokens:
    """Hands out access tokens."""

    def __init__(self, means: Means, refresher: Refresher) -> None:
        self._means = means
        self._refresher = refresher

    def access_token(self, tenant: str, connection_id: str) -> AccessToken:
        """A token that is good for a minute at least.

        Raises:
            ConnectionNotFoundError: the tenant has no such connection.
            ConnectionNotReadyError: a person has to connect it, or again.
            ProviderUnavailableError: it has ended, and the provider gives no other just now.
            ConnectionBusyError: another worker has been refreshing it for a quarter of a minute.
        """
        for _ in range(_LOOKS):
            stored = self._means.records.get(tenant, connection_id)
            connection, now = stored.document, self._means.clock()
            if connection.state is not State.ACTIVE or connection.tokens is None:
                raise ConnectionNotReadyError(
                    f"{connection_id} is not connected ({connection.state.value}): connect it "
                    "first",
                    id=connection_id,
                )
            if connection.expires_at is not None and connection.expires_at - now > SPARE:
                return self._opened(stored, connection.tokens, connection.expires_at)
            if connection.failures and connection.refresh_at and connection.refresh_at > now:
                raise ProviderUnavailableError(
                    f"{connection_id} could not be refreshed: {connection.problem}"
                )
            outcome = self._refresher.refresh(stored)
            if outcome is Outcome.BUSY:
                self._means.pause(_LOOK_SECONDS)
        raise ConnectionBusyError(f"{connection_id} is being refreshed", id=connection_id)

    def _opened(self, stored: Stored[Connection], sealed: str, expires_at: datetime) -> AccessToken:
        tokens = self._means.vault.open_tokens(sealed, stored.tenant, stored.id)
        return AccessToken(tokens.access, expires_at, stored.document.provider)
