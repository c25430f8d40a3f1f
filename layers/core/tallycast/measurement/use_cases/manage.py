"""Wiring of `manage_measurement`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.feeds.store import FeedStore
from tallycast.kernel.times import utc_now
from tallycast.measurement.commands import Commands
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.counting.marking import Marker
from tallycast.measurement.intake.sources import LogSourceStore
from tallycast.measurement.privacy.store import KeyStore
from tallycast.measurement.rollups.reading import CardReader
from tallycast.measurement.settings import ManageMeasurementSettings
from tallycast.measurement.tenancy import MeasurementSettingsStore
from tallycast.measurement.tracking.registry import TrackingRegistry
from tallycast.measurement.use_cases.plan import planner_with


@cache
def commands() -> Commands:
    """Do what a person asks of the counts."""
    settings = ManageMeasurementSettings.from_environment()
    core, metrics = clients.table(settings.core_table), clients.table(settings.metrics_table)
    days, tenants = DayStore(metrics), MeasurementSettingsStore(core)
    return Commands(
        settings=tenants,
        sources=LogSourceStore(core),
        days=days,
        planner=planner_with(settings),
        marker=Marker(days=days, settings=tenants),
        reader=CardReader(metrics),
        tracking=TrackingRegistry(core, utc_now),
        keys=KeyStore(clients.table(settings.privacy_table)),
        feeds=FeedStore(core),
        tracking_url=settings.tracking_url,
        clock=utc_now,
    )
