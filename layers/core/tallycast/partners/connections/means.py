"""What everybody who works on connections works with."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.aws.records import Records, Stored
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.partners.connections.grants import Send
    from tallycast.partners.connections.model import Connection
    from tallycast.partners.connections.providers import Directory
    from tallycast.partners.connections.vault import Vault


@dataclass(frozen=True, slots=True)
class Means:
    """Stores and the ways out.

    Attributes:
        records: the connections.
        trail: the audit log.
        vault: seals and opens tokens and verifiers.
        providers: the directory of providers.
        send: POSTs to a provider, within a time well below a lease.
        clock: the time now.
        pause: waits so many seconds.
    """

    records: Records[Connection]
    trail: AuditTrail
    vault: Vault
    providers: Callable[[], Directory]
    send: Send
    clock: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep


def written(before: Stored[Connection], document: Connection, now: datetime) -> Stored[Connection]:
    """What stands in the table once `document` has been written over what was read."""
    return replace(before, document=document, version=before.version + 1, changed_at=now)
