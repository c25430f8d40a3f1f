"""Distinct listeners of the weeks and months that a plan's days lie in, when its days are counted.

They cannot be added up from days: every period is counted anew from its downloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from tallycast.kernel.schema import Received
from tallycast.measurement.counting.days import DayRef
from tallycast.measurement.counting.opening import counted_folders
from tallycast.measurement.model import DOWNLOADS
from tallycast.measurement.rollups.listeners import days_of, listeners_in, replace_listeners
from tallycast.measurement.rollups.model import CountInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from duckdb import DuckDBPyConnection
    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.lake.store import LakeStore


class PlannedPeriod(Received):
    """A week or month of one tenant under one rule set."""

    tenant: str
    rules: str
    period: Literal["week", "month"]
    name: str


@dataclass(frozen=True, slots=True)
class Periods:
    """Counts the listeners of periods."""

    days: DayStore
    lake: LakeStore
    metrics: Table
    connect: Callable[[], DuckDBPyConnection]
    clock: Callable[[], datetime]

    def count(self, planned: PlannedPeriod) -> int:
        """Count one period's listeners anew; returns how many numbers there are.

        The period is final when each of its days is.
        """
        now = self.clock()
        first, last = days_of(planned.period, planned.name)
        counted = list(self.days.of_tenant(planned.tenant, planned.rules, first, last))
        final = {state.day for state in counted if state.state == "final"}
        whole = all(day in final for day in _days(first, last))
        with TemporaryDirectory() as folder, self.connect() as db:
            self._downloads(db, planned, first, last, Path(folder))
            count = CountInfo(
                tenant=planned.tenant,
                rules=planned.rules,
                counted_at=now,
                status="final" if whole else "provisional",
            )
            found = listeners_in(db, count, planned.period, planned.name)
        return replace_listeners(self.metrics, found)

    def _downloads(
        self,
        db: DuckDBPyConnection,
        planned: PlannedPeriod,
        first: date,
        last: date,
        folder: Path,
    ) -> None:
        """Make the table `downloads` of a period, with its `day`."""
        columns = ", ".join(f"{name} {kind}" for name, kind in DOWNLOADS.items())
        db.execute(f"CREATE TEMP TABLE downloads ({columns}, day DATE)")
        for day in _days(first, last):
            ref = DayRef(tenant=planned.tenant, rules=planned.rules, day=day)
            there = self.lake.listed(counted_folders(ref)["downloads"])
            local = self.lake.fetch([entry.key for entry in there], folder / str(day))
            if local:
                db.execute(
                    f"INSERT INTO downloads SELECT {', '.join(DOWNLOADS)}, ?::DATE "  # noqa: S608
                    "FROM read_parquet(?, hive_partitioning = false)",
                    [day, [str(path) for path in local.values()]],
                )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
