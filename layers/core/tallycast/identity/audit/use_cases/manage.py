"""What the command line asks of the log, wired."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.audit.commands import AuditCommands
from tallycast.identity.audit.sealed import SealStore
from tallycast.identity.audit.settings import ManageAuditSettings


@cache
def commands() -> AuditCommands:
    """The commands of this container."""
    settings = ManageAuditSettings.from_environment()
    store = SealStore(clients.s3(), settings.audit_bucket)
    return AuditCommands(clients.table(settings.core_table), store)
