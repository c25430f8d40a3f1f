"""The nightly round through the lake: compact what has become old enough, delete what is too old.

A round that runs short of time goes on in another invocation, behind the last day it finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tallycast.kernel.errors import TallycastError
from tallycast.kernel.schema import Produced
from tallycast.measurement.lake.retention import days_in, tenants_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallycast.measurement.lake.compaction import Compacted, Compactor
    from tallycast.measurement.lake.retention import Retention
    from tallycast.measurement.lake.store import LakeStore
    from tallycast.measurement.tenancy import MeasurementSettingsStore

# What one day may take at its slowest; a round with less time left hands over.
LONGEST_DAY_SECONDS = 240.0


class Place(Produced):
    """How far a round has come: the tenant, and the day it finished last.

    Without a day nothing of the tenant is done; with the earliest day there is, its retention is.
    """

    tenant: str
    day: date | None = None


@dataclass(slots=True)
class Round:
    """What one invocation of a round did.

    `failed` names days with their error; they are tried again the next night.
    """

    steps: int = 0
    days: int = 0
    compacted: int = 0
    objects_before: int = 0
    objects_written: int = 0
    written_bytes: int = 0
    orphans: int = 0
    expired: int = 0
    failed: list[str] | None = None
    rest: Place | None = None

    def note(self, made: Compacted) -> None:
        """Add a day's result."""
        self.days += 1
        if made.objects_written:
            self.compacted += 1
            self.objects_before += made.objects_before
        self.objects_written += made.objects_written
        self.written_bytes += made.written_bytes
        self.orphans += made.orphans


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Keeps the lake in order."""

    compactor: Compactor
    retention: Retention
    store: LakeStore
    settings: MeasurementSettingsStore
    clock: Callable[[], datetime]
    after_days: int
    look_back_days: int

    def run(self, time_left: Callable[[], float], begin: Place | None = None) -> Round:
        """Go round all tenants, from `begin` on, as long as `time_left` (seconds) allows.

        A day that cannot be compacted does not stop the others. However little time there is, one
        step is always made, so that a round ends.
        """
        done = Round(failed=[])
        today = self.clock().date()
        # A tenant with nothing but bad lines keeps those for no longer than others do.
        tenants = {*tenants_in(self.store), *tenants_in(self.store, "quarantine")}
        for tenant in sorted(tenants):
            if begin is not None and tenant < begin.tenant:
                continue
            last = begin.day if begin is not None and tenant == begin.tenant else None
            if last is None:
                if done.steps and time_left() < LONGEST_DAY_SECONDS:
                    done.rest = Place(tenant=tenant)
                    return done
                self._expire(tenant, today, done)
                last = date.min
            for day in self._days(tenant, today, last):
                if done.steps and time_left() < LONGEST_DAY_SECONDS:
                    done.rest = Place(tenant=tenant, day=last)
                    return done
                self._compact(tenant, day, done)
                last = day
        return done

    def one(self, tenant: str, day: date) -> Round:
        """Compact one day that somebody asks for, however old it is.

        Raises:
            DayExpiredError: retention has deleted it.
            FilesChangedError: its files are being rewritten.
            CompactionMismatchError: rows are not where the ledger says.
        """
        done = Round(failed=[])
        done.note(self.compactor.compact(tenant, day, self.clock()))
        return done

    def usage(self) -> dict[str, int]:
        """Bytes that the lake holds, by table."""
        return {
            table: sum(entry.size for entry in self.store.listed(f"{table}/"))
            for table in ("requests", "downloads", "waterfall", "quarantine", "restatements")
        }

    def _days(self, tenant: str, today: date, behind: date) -> Iterator[date]:
        last = today - timedelta(days=self.after_days)
        first = last - timedelta(days=self.look_back_days)
        for day in days_in(self.store, "requests", tenant):
            if first <= day <= last and day > behind:
                yield day

    def _compact(self, tenant: str, day: date, done: Round) -> None:
        done.steps += 1
        try:
            done.note(self.compactor.compact(tenant, day, self.clock()))
        except TallycastError as error:
            self._failed(done, f"{tenant} {day}: {error.code}: {error.message}")

    def _expire(self, tenant: str, today: date, done: Round) -> None:
        done.steps += 1
        try:
            wanted = self.settings.get(tenant)
            deleted = self.retention.apply(
                tenant,
                today,
                requests_days=wanted.keep_requests_days,
                quarantine_days=wanted.keep_quarantine_days,
            )
        except TallycastError as error:
            self._failed(done, f"{tenant} retention: {error.code}: {error.message}")
        else:
            done.expired += sum(deleted.values())

    def _failed(self, done: Round, what: str) -> None:
        done.failed = [*(done.failed or []), what]
