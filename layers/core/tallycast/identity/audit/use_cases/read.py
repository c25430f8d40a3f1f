"""The log as its owner reads it, wired."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.audit.reading import AuditLog
from tallycast.identity.audit.settings import AuditReadSettings


@cache
def audit_log() -> AuditLog:
    """The audit logs, to be read."""
    return AuditLog(clients.table(AuditReadSettings.from_environment().core_table))
