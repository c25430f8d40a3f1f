"""Settle a day's count: its rows and numbers replace the old ones, and the world is told.

Everything is replaced whole and in an order that a killed run can be repeated from: what was there
before is remembered first, the state of the day changes last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from tallycast.aws.bus import OutgoingEvent
from tallycast.kernel.ids import derived_id
from tallycast.kernel.times import to_millis, to_text
from tallycast.measurement.counting.days import DayState, LeaseExpiredError
from tallycast.measurement.counting.events import SOURCE, DownloadsCounted
from tallycast.measurement.counting.opening import counted_folders
from tallycast.measurement.counting.restating import causes, write_restatement
from tallycast.measurement.lake import keys as lake_keys
from tallycast.measurement.rollups.cards import cards_of_facts
from tallycast.measurement.rollups.facts import merge_facts
from tallycast.measurement.rollups.model import CountInfo
from tallycast.measurement.rollups.writing import replace_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection
    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.bus import EventBus
    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.counting.run import Run
    from tallycast.measurement.lake.store import LakeStore

_BEFORE = "before-{:02d}.parquet"
_TABLES: tuple[Literal["downloads", "waterfall"], ...] = ("downloads", "waterfall")


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling a day came to."""

    requests: int
    downloads: int
    listeners: int
    restated: int
    cards_written: int
    newest: datetime | None


def part(table: str, shard: int, shards: int) -> str:
    """The name of one shard's rows among what a run's steps hand on."""
    return f"{table}-{shard:02d}-of-{shards:02d}.parquet"


@dataclass(frozen=True, slots=True)
class Settling:
    """Settles counts."""

    days: DayStore
    lake: LakeStore
    metrics: Table
    bus: EventBus
    connect: Callable[[], DuckDBPyConnection]

    def settle(self, run: Run) -> Settled:
        """Replace a day's numbers with those of a run.

        Raises:
            LeaseExpiredError: another run has taken the day over.
            NewerCountError: a newer count of the day has been written.
        """
        if (before := self._settled_before(run)) is not None:
            return before
        with TemporaryDirectory() as name, self.connect() as db:
            parts = self._parts(run, Path(name))
            merge_facts(db, [str(path) for path in parts["facts"]])
            requests, downloads, listeners = _totals(db, run.day.tenant)
            restated, why = self._restate(db, run, parts["waterfall"], Path(name))
            for table, folder in counted_folders(run.day).items():
                self._replace(run, table, folder, parts[table])
            cards = cards_of_facts(db, _count_info(run))
            written = replace_day(self.metrics, _count_info(run), run.day.day, cards)
            shows = _shows(db)
            newest = _newest(db, parts["downloads"])
        settled = Settled(requests, downloads, listeners, restated, written.written, newest)
        self.bus.put([_told(run, settled, shows, why)])
        self.days.settle(_state(run, settled), run.run_id, seen_marks=run.seen_marks)
        return settled

    def _settled_before(self, run: Run) -> Settled | None:
        """What this very run came to, if it was settled and only its answer was lost.

        Raises:
            LeaseExpiredError: another run has taken the day over.
        """
        state = self.days.get(run.day)
        if state.lease_id == run.run_id:
            return None
        if (state.version, state.counted_at) == (run.version, to_millis(run.opened_at)):
            return Settled(state.requests, state.downloads, state.listeners, 0, 0, None)
        raise LeaseExpiredError(f"another run counts {run.day.day} now", day=str(run.day.day))

    def _parts(self, run: Run, folder: Path) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for table in ("facts", *_TABLES):
            keys = [run.part(part(table, shard, run.shards)) for shard in range(run.shards)]
            local = self.lake.fetch(keys, folder / table)
            found[table] = [local[key] for key in keys]
        return found

    def _replace(self, run: Run, table: str, folder: str, paths: Sequence[Path]) -> None:
        ref = run.day
        named = [
            lake_keys.result_object(
                table,  # type: ignore[arg-type]
                ref.tenant,
                ref.rules,
                ref.day,
                f"{shard:02d}-of-{run.shards:02d}",
            )
            for shard in range(run.shards)
        ]
        self.lake.replace(folder, list(zip(named, paths, strict=True)))

    def _restate(
        self, db: DuckDBPyConnection, run: Run, new: Sequence[Path], folder: Path
    ) -> tuple[int, tuple[str, ...]]:
        """Record what changes on a day that was final."""
        if not run.was_final:
            return 0, ()
        before = self.days.get(run.day)
        why = causes(before.inputs, run.inputs)
        old = self._before(run, folder)
        path = folder / "restatement.parquet"
        changed = write_restatement(
            db, old, new, path, at=run.opened_at, rules=run.day.rules, why=why
        )
        if changed:
            at = lake_keys.folder("restatements", run.day.tenant, day=run.opened_at.date())
            self.lake.put(path, f"{at}{run.run_id}.parquet")
        return changed, tuple(why) if changed else ()

    def _before(self, run: Run, folder: Path) -> list[Path]:
        """The day's waterfall as it was before this run, however often the run is repeated."""
        prefix = run.part("before/")
        kept = [entry.key for entry in self.lake.listed(prefix)]
        if not any(key.endswith("complete") for key in kept):
            there = [entry.key for entry in self.lake.listed(counted_folders(run.day)["waterfall"])]
            for number, path in enumerate(self.lake.fetch(there, folder / "old").values()):
                self.lake.put(path, prefix + _BEFORE.format(number))
            done = folder / "complete"
            done.touch()
            self.lake.put(done, f"{prefix}complete")
            kept = [entry.key for entry in self.lake.listed(prefix)]
        files = [key for key in kept if key.endswith(".parquet")]
        return list(self.lake.fetch(files, folder / "before").values())


def _count_info(run: Run) -> CountInfo:
    return CountInfo(
        tenant=run.day.tenant,
        rules=run.day.rules,
        counted_at=run.opened_at,
        status="final" if run.final else "provisional",
        version=run.version,
        rules_digest=run.rules.digest,
        reference=run.reference_versions,
    )


def _totals(db: DuckDBPyConnection, tenant: str) -> tuple[int, int, int]:
    found: dict[str, Any] = dict(
        db.execute(
            "SELECT part, sum(n)::BIGINT FROM facts WHERE scope = 'tenant' AND id = ? AND part IN "
            "('waterfall', 'downloads', 'listeners') GROUP BY part",
            [tenant],
        ).fetchall()
    )
    return tuple(int(found.get(name, 0)) for name in ("waterfall", "downloads", "listeners"))  # type: ignore[return-value]


def _shows(db: DuckDBPyConnection) -> tuple[str, ...]:
    found = db.execute("SELECT DISTINCT id FROM facts WHERE scope = 'show' ORDER BY id").fetchall()
    return tuple(str(show) for (show,) in found)


def _newest(db: DuckDBPyConnection, downloads: Sequence[Path]) -> datetime | None:
    found = db.execute(
        "SELECT max(time) FROM read_parquet(?, hive_partitioning = false)",
        [[str(path) for path in downloads]],
    ).fetchone()
    return found[0] if found else None


def _state(run: Run, settled: Settled) -> DayState:
    return DayState(
        tenant=run.day.tenant,
        rules=run.day.rules,
        day=run.day.day,
        state="final" if run.final else "provisional",
        version=run.version,
        counted_at=run.opened_at,
        inputs=run.inputs,
        reference_versions=run.reference_versions,
        requests=settled.requests,
        downloads=settled.downloads,
        listeners=settled.listeners,
        shards=run.shards,
        due_at=run.next_due,
    )


def _told(run: Run, settled: Settled, shows: Sequence[str], why: Sequence[str]) -> OutgoingEvent:
    event = DownloadsCounted(
        event_id=derived_id("evt", "downloads_counted", run.run_id),
        occurred_at=to_text(run.opened_at),
        tenant=run.day.tenant,
        rules=run.day.rules,
        day=str(run.day.day),
        count=run.version,
        status="final" if run.final else "provisional",
        requests=settled.requests,
        downloads=settled.downloads,
        listeners=settled.listeners,
        shows=tuple(shows),
        restated=bool(settled.restated),
        causes=tuple(why),
    )
    return OutgoingEvent(
        event_id=event.event_id,
        source=SOURCE,
        detail_type=DownloadsCounted.__name__,
        detail=json.dumps(event.model_dump(mode="json"), ensure_ascii=False),
    )
