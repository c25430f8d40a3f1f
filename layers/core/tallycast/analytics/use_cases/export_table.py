"""Wiring of `export_table`."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import duckdb

from tallycast.analytics.exports.making import Making
from tallycast.analytics.exports.snapshot import DayReader
from tallycast.analytics.exports.working import ExportWorker
from tallycast.analytics.settings import ExportTableSettings
from tallycast.aws import clients
from tallycast.kernel.times import utc_now
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.lake.store import LakeStore

if TYPE_CHECKING:
    from pathlib import Path


def connected(memory_limit: str, path: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB on a file, with a limit of memory; beyond it it spills beside the file."""
    return duckdb.connect(
        path, config={"memory_limit": memory_limit, "temp_directory": str(path.parent / "spilled")}
    )


@cache
def worker() -> ExportWorker:
    """Work exports off."""
    settings = ExportTableSettings.from_environment()
    days = DayReader(
        DayStore(clients.table(settings.metrics_table)),
        LakeStore(clients.s3(), settings.lake_bucket),
    )
    return ExportWorker(
        table=clients.table(settings.core_table),
        making=Making(days, partial(connected, settings.memory_limit)),
        s3=clients.s3(),
        bucket=settings.exports_bucket,
        clock=utc_now,
    )
