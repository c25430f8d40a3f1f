"""What those who seal and read the audit log are told by their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class SealSettings(Settings):
    """`seal_audit`."""

    core_table: str
    audit_bucket: str


class ManageAuditSettings(SealSettings):
    """`manage_audit`."""


class AuditReadSettings(Settings):
    """Of the routes that show the log."""

    core_table: str
