"""Wiring of the reads of shows and numbers."""

from __future__ import annotations

from functools import cache

from tallycast.analytics.charts import Charts
from tallycast.analytics.reader import NumbersReader
from tallycast.analytics.settings import NumbersSettings
from tallycast.analytics.shows import Shows
from tallycast.aws import clients
from tallycast.feeds.store import FeedStore
from tallycast.measurement.rollups.reading import CardReader
from tallycast.measurement.tenancy import MeasurementSettingsStore


@cache
def shows() -> Shows:
    """Read shows and episodes."""
    core = clients.table(NumbersSettings.from_environment().core_table)
    tenants = MeasurementSettingsStore(core)
    return Shows(FeedStore(core), core, lambda tenant, show: tenants.get(tenant).zone_of(show))


@cache
def charts() -> Charts:
    """Answer what dashboards ask."""
    settings = NumbersSettings.from_environment()
    core, metrics = clients.table(settings.core_table), clients.table(settings.metrics_table)
    reader = NumbersReader(
        cards=CardReader(metrics),
        settings=MeasurementSettingsStore(core),
        table=metrics,
    )
    return Charts(reader, shows())
