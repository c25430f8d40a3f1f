"""Wiring of `count_downloads`."""

from __future__ import annotations

from functools import cache, partial

import duckdb

from tallycast.aws import clients
from tallycast.aws.bus import EventBus
from tallycast.feeds.store import FeedStore
from tallycast.kernel.times import utc_now
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.counting.opening import Opening
from tallycast.measurement.counting.periods import Periods
from tallycast.measurement.counting.run import RunStore
from tallycast.measurement.counting.settling import Settling
from tallycast.measurement.counting.shards import Shards
from tallycast.measurement.counting.snapshot import EpisodeSnapshots
from tallycast.measurement.counting.steps import Steps
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.reference.loading import ReferenceCache
from tallycast.measurement.reference.store import ReferenceStore
from tallycast.measurement.settings import CountSettings
from tallycast.measurement.tenancy import MeasurementSettingsStore


def connected(memory_limit: str) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, with a limit; beyond it it spills to the function's disk."""
    return duckdb.connect(
        config={"memory_limit": memory_limit, "temp_directory": "/tmp/duckdb"}  # noqa: S108
    )


@cache
def steps() -> Steps:
    """Take the steps of a count."""
    settings = CountSettings.from_environment()
    core, metrics = clients.table(settings.core_table), clients.table(settings.metrics_table)
    connect = partial(connected, settings.memory_limit)
    lake = LakeStore(clients.s3(), settings.lake_bucket)
    reference = ReferenceCache(ReferenceStore(clients.s3(), settings.lake_bucket))
    days = DayStore(metrics)
    runs = RunStore(clients.s3(), settings.lake_bucket)
    memory = clients.table(settings.idempotency_table)
    return Steps(
        opening=Opening(
            days=days,
            runs=runs,
            ledger=Ledger(metrics),
            lake=lake,
            episodes=EpisodeSnapshots(FeedStore(core), lake, connect),
            settings=MeasurementSettingsStore(core),
            reference=reference,
            clock=utc_now,
        ),
        shards=Shards(lake, reference, connect),
        settling=Settling(
            days=days,
            lake=lake,
            metrics=metrics,
            bus=EventBus(clients.events(), settings.event_bus, memory),
            connect=connect,
        ),
        periods=Periods(days=days, lake=lake, metrics=metrics, connect=connect, clock=utc_now),
        runs=runs,
        days=days,
        clock=utc_now,
    )
