"""Wiring of `learn_hosts`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.kernel.times import utc_now
from tallycast.measurement.tracking.learning import Learner
from tallycast.measurement.tracking.registry import TrackingRegistry
from tallycast.measurement.tracking.settings import LearnSettings


@cache
def learner() -> Learner:
    """Learn the hosts of shows."""
    settings = LearnSettings.from_environment()
    return Learner(TrackingRegistry(clients.table(settings.core_table), utc_now))
