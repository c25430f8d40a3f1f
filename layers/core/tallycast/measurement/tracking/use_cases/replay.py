"""Wiring of `replay_hits`."""

from __future__ import annotations

from functools import cache

import boto3

from tallycast.aws import clients
from tallycast.measurement.tracking.replay import Replayer
from tallycast.measurement.tracking.settings import ReplaySettings


@cache
def replayer() -> Replayer:
    """Recover hits from the log."""
    settings = ReplaySettings.from_environment()
    return Replayer(
        logs=boto3.client("logs"),
        s3=clients.s3(),
        table=clients.table(settings.core_table),
        log_group=settings.track_log_group,
        bucket=settings.intake_bucket,
    )
