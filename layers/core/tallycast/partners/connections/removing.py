"""Take the access back: at the provider, where it can be, and here for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.records import ChangedMeanwhileError
from tallycast.kernel.errors import TallycastError
from tallycast.partners.connections import grants
from tallycast.partners.connections.tokens import ConnectionBusyError

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.identity.audit.chain import Deed
    from tallycast.partners.connections.means import Means
    from tallycast.partners.connections.model import Connection
    from tallycast.partners.connections.providers import Provider
    from tallycast.partners.connections.refreshing import Refresher

_LOOKS: Final = 40  # while another worker refreshes
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Removed:
    """A connection that is gone.

    Attributes:
        revoked: whether the provider was told; `problem` is the name of what kept it from that.
    """

    connection_id: str
    provider: Provider | None
    revoked: bool
    problem: str | None = None


class Removal:
    """Removes connections, under the lease that refreshing takes, too."""

    def __init__(self, means: Means, refresher: Refresher) -> None:
        self._means = means
        self._refresher = refresher

    def __call__(self, tenant: str, connection_id: str, *, deed: Deed, now: datetime) -> Removed:
        """Have the provider forget our tokens, where it can, and destroy them.

        A provider that does not answer stops nothing: a person wants the access gone.

        Raises:
            ConnectionNotFoundError: the tenant has none of this id.
            ConnectionBusyError: it is being refreshed all the time.
        """
        held = self._held(tenant, connection_id)
        connection = held.document
        provider, revoked, problem = None, False, None
        try:
            provider = self._means.providers().get(connection.provider)
            if connection.tokens is not None:
                tokens = self._means.vault.open_tokens(connection.tokens, tenant, connection_id)
                revoked = grants.revoke(provider, self._means.send, tokens, now=now)
        except TallycastError as error:
            problem = error.code
        told = {
            "provider": connection.provider,
            "revoked_at_provider": revoked,
            "problem": problem,
        }
        deed = deed.model_copy(update={"details": told})
        removal = self._means.records.removal(held)
        try:
            self._means.trail.commit(tenant, [removal], deed, now)
        except ChangedMeanwhileError:  # by a worker that slept through its lease
            raise ConnectionBusyError(
                f"{connection_id} was being refreshed", id=connection_id
            ) from None
        return Removed(connection_id, provider, revoked, problem)

    def _held(self, tenant: str, connection_id: str) -> Stored[Connection]:
        for _ in range(_LOOKS):
            held = self._refresher.hold(self._means.records.get(tenant, connection_id))
            if held is not None:
                return held
            self._means.pause(_LOOK_SECONDS)
        raise ConnectionBusyError(f"{connection_id} is being refreshed", id=connection_id)
