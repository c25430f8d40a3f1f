"""Open a day's count: fix what it is counted from, or find that nothing has changed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tallycast.kernel.ids import derived_id
from tallycast.kernel.schema import Received
from tallycast.measurement.counting import calendar
from tallycast.measurement.counting.days import DayRef, DayState, Inputs
from tallycast.measurement.counting.marking import reach
from tallycast.measurement.counting.run import RequestsFile, Run, digest_of
from tallycast.measurement.lake import keys as lake_keys
from tallycast.measurement.lake.ledger import DayExpiredError
from tallycast.measurement.tenancy import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.counting.run import RunStore
    from tallycast.measurement.counting.snapshot import EpisodeSnapshots, Snapshot
    from tallycast.measurement.lake.files import DayFiles, RequestFile
    from tallycast.measurement.lake.ledger import Ledger
    from tallycast.measurement.lake.store import LakeStore
    from tallycast.measurement.reference.bundle import Reference
    from tallycast.measurement.reference.loading import ReferenceCache
    from tallycast.measurement.rulesets import RuleSet
    from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore

# As long as the three steps take one after the other, with a retry or two; shorter than the time
# after which a day that was handed out comes back (`plan.HANDED_OUT`).
LEASE: Final = timedelta(minutes=40)
HOURLY: Final = timedelta(hours=1)
EPISODES: Final = "episodes.parquet"
BEFORE: Final = "before.parquet"


class PlannedDay(Received):
    """One entry of a plan; `force` counts the day even when nothing has changed."""

    tenant: str
    rules: str
    day: str
    plan: str
    force: bool = False

    @property
    def ref(self) -> DayRef:
        """Which day."""
        return DayRef.model_validate({"tenant": self.tenant, "rules": self.rules, "day": self.day})


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens counts."""

    days: DayStore
    runs: RunStore
    ledger: Ledger
    lake: LakeStore
    episodes: EpisodeSnapshots
    settings: MeasurementSettingsStore
    reference: ReferenceCache
    clock: Callable[[], datetime]

    def open(self, planned: PlannedDay) -> Run | None:
        """Fix what a day is counted from; None when the count that is there has the same inputs.

        The same entry of a plan always gives the same run id, so a step that is repeated meets
        its own lease.

        Raises:
            DayBeingCountedError: another run has the day.
            UnknownRuleSetError: the tenant has no such rule set (any more).
        """
        now, ref = self.clock(), planned.ref
        run_id = derived_id("run", planned.plan, ref.tenant, ref.rules, str(ref.day))
        state = self.days.lease(ref, run_id, now, now + LEASE)
        try:
            return self._open(planned, run_id, state, now)
        except BaseException:
            self.days.release(ref, run_id)  # whoever comes next need not wait for the lease to end
            raise

    def _open(self, planned: PlannedDay, run_id: str, state: DayState, now: datetime) -> Run | None:
        ref = planned.ref
        settings = self.settings.get(ref.tenant)
        rules = rules_of(ref.rules, settings)
        zones, back, ahead = reach(rules, settings)
        utc_days = calendar.partitions(ref.day, zones, back=back, ahead=ahead)
        final_at = calendar.span(ref.day, zones)[1] + timedelta(hours=settings.final_after_hours)
        final = now >= final_at
        try:
            files = self._files(ref, utc_days)
        except DayExpiredError:
            # Its requests are gone: what was counted from them stands.
            self._leave(state, run_id, next_due=None)
            return None
        with TemporaryDirectory() as name:
            folder = Path(name)
            reference = self.reference.load_active()
            snapshot = self.episodes.take(
                ref.tenant, settings.zone_of, folder, reference.agents.prefix_hosts
            )
            inputs = _inputs(files, snapshot, rules, reference, settings)
            next_due = None if final else min(now + HOURLY, final_at)
            settled = state.inputs == inputs and (state.state == "final") == final
            if settled and not planned.force:
                self._leave(state, run_id, next_due=next_due)
                return None
            run = Run(
                run_id=run_id,
                day=ref,
                opened_at=now,
                inputs=inputs,
                rules=rules,
                reference_versions=dict(reference.versions),
                utc_days=tuple(utc_days),
                files=tuple(_entry(file) for day in files for file in day.files),
                zones=dict(settings.zones) | {"": settings.zone},
                shards=max(1, math.ceil(sum(d.rows for d in files) / settings.rows_per_shard)),
                version=state.version + 1,
                final=final,
                was_final=state.state == "final",
                next_due=next_due,
                seen_marks=state.marks,
            )
            self.lake.put(snapshot.path, run.part(EPISODES))
        self.runs.put(run)
        return run

    def _files(self, ref: DayRef, utc_days: Collection[date]) -> list[DayFiles]:
        """The files of every UTC day; of neighbouring days that retention has deleted, none."""
        found = []
        for day in utc_days:
            try:
                found.append(self.ledger.day(ref.tenant, day))
            except DayExpiredError:
                if day >= ref.day - timedelta(days=1):
                    raise
        return found

    def _leave(self, state: DayState, run_id: str, *, next_due: datetime | None) -> None:
        unchanged = state.model_copy(update={"due_at": next_due})
        self.days.settle(unchanged, run_id, seen_marks=state.marks)


def _inputs(
    files: Collection[DayFiles],
    snapshot: Snapshot,
    rules: RuleSet,
    reference: Reference,
    settings: MeasurementSettings,
) -> Inputs:
    return Inputs(
        files=digest_of([[str(day.day), day.digest] for day in files]),
        episodes=snapshot.digest,
        rules=rules.digest,
        reference=reference.digest,
        settings=digest_of([settings.zone, settings.zones]),
    )


def _entry(file: RequestFile) -> RequestsFile:
    known = asdict(file)
    return RequestsFile(**{name: known[name] for name in RequestsFile.model_fields})


def counted_folders(ref: DayRef) -> dict[str, str]:
    """Where the rows of a day's count lie in the lake, by table."""
    tables: tuple[lake_keys.Table, ...] = ("downloads", "waterfall")
    return {
        table: lake_keys.folder(table, ref.tenant, rules=ref.rules, day=ref.day) for table in tables
    }
