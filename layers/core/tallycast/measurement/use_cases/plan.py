"""Wiring of `schedule_counts`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.counting.plan import Planner
from tallycast.measurement.settings import ScheduleCountsSettings
from tallycast.measurement.tenancy import MeasurementSettingsStore


def planner_with(settings: ScheduleCountsSettings) -> Planner:
    """A planner as the settings want it."""
    return Planner(
        days=DayStore(clients.table(settings.metrics_table)),
        settings=MeasurementSettingsStore(clients.table(settings.core_table)),
        s3=clients.s3(),
        bucket=settings.lake_bucket,
        step_functions=clients.step_functions(),
        state_machine=settings.count_state_machine,
    )


@cache
def planner() -> Planner:
    """Hand out the days that are due."""
    return planner_with(ScheduleCountsSettings.from_environment())
