"""Wiring of `compact_lake`, once per container, on first use."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.kernel.times import utc_now
from tallycast.measurement.lake.compaction import Compactor
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.retention import Retention
from tallycast.measurement.lake.settings import CompactSettings
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.lake.upkeep import Upkeep
from tallycast.measurement.tenancy import MeasurementSettingsStore


@cache
def upkeep() -> Upkeep:
    """Keep the lake in order."""
    settings = CompactSettings.from_environment()
    ledger = Ledger(clients.table(settings.metrics_table))
    store = LakeStore(clients.s3(), settings.lake_bucket)
    return Upkeep(
        compactor=Compactor(ledger, store, memory_limit=settings.memory_limit),
        retention=Retention(ledger, store),
        store=store,
        settings=MeasurementSettingsStore(clients.table(settings.core_table)),
        clock=utc_now,
        after_days=settings.compact_after_days,
        look_back_days=settings.compact_look_back_days,
    )
