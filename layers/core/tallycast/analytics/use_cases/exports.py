"""Wiring of asking for exports."""

from __future__ import annotations

import os
from functools import cache

from tallycast.analytics.exports.asking import Exports
from tallycast.analytics.settings import ExportSettings
from tallycast.aws import clients
from tallycast.identity.audit.trail import AuditTrail


@cache
def exports() -> Exports:
    """Ask for exports and fetch their files."""
    settings = ExportSettings.from_environment()
    core = clients.table(settings.core_table)
    return Exports(
        table=core,
        trail=AuditTrail(core),
        sqs=clients.sqs(),
        queue_url=settings.export_queue_url,
        s3=clients.s3(),
        bucket=settings.exports_bucket,
        entropy=os.urandom,
    )
