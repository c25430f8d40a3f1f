"""What every composition of connections is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from tallycast.aws import clients
from tallycast.aws.records import Records
from tallycast.feeds.fetching import FetchSettings, send
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel.times import utc_now
from tallycast.partners.connections.connecting import Connections
from tallycast.partners.connections.grants import MOST_BYTES
from tallycast.partners.connections.means import Means
from tallycast.partners.connections.model import CONNECTION
from tallycast.partners.connections.providers import Providers
from tallycast.partners.connections.refreshing import Refresher
from tallycast.partners.connections.removing import Removal
from tallycast.partners.connections.sweeping import Sweeper
from tallycast.partners.connections.tokens import AccessTokens
from tallycast.partners.connections.vault import Vault

if TYPE_CHECKING:
    from tallycast.partners.connections.settings import ConnectionsSettings

_SECONDS: Final = 15.0  # for one exchange: a quarter of the lease


@dataclass(frozen=True, slots=True)
class Wired:
    """All of it, sharing one vault and one directory of providers."""

    connections: Connections
    removal: Removal
    tokens: AccessTokens
    sweeper: Sweeper


def wired(settings: ConnectionsSettings) -> Wired:
    """Everything that there is to do with connections, for these settings."""
    table = clients.table(settings.core_table)
    budget = FetchSettings(
        deadline_seconds=_SECONDS,
        max_bytes=MOST_BYTES,
        allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
    )
    means = Means(
        records=Records(table, CONNECTION),
        trail=AuditTrail(table),
        vault=Vault(clients.kms(), settings.secrets_key),
        providers=Providers(clients.secrets(), settings.connections_secret),
        send=partial(send, settings=budget),
        clock=utc_now,
    )
    refresher = Refresher(means)
    return Wired(
        Connections(means),
        Removal(means, refresher),
        AccessTokens(means, refresher),
        Sweeper(table, means, refresher),
    )
