"""Sealing, wired."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.audit.sealed import SealStore
from tallycast.identity.audit.sealing import Sealing
from tallycast.identity.audit.settings import SealSettings
from tallycast.kernel.times import utc_now


@cache
def sealing() -> Sealing:
    """The sealing use case of this container."""
    settings = SealSettings.from_environment()
    store = SealStore(clients.s3(), settings.audit_bucket)
    return Sealing(clients.table(settings.core_table), store, utc_now)
