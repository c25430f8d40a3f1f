"""Make few big objects out of a day's many small ones, without any row counting twice or never.

A day that is a few days old hardly changes any more. Its rows are sorted by the address's hash, so
that a shard skips the row groups that are not its own.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.lake import keys
from tallycast.measurement.lake.files import DayFiles, RequestFile
from tallycast.measurement.lake.ledger import FilesChangedError
from tallycast.measurement.lake.reading import relation_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from tallycast.measurement.lake.ledger import Ledger
    from tallycast.measurement.lake.store import LakeStore

TARGET_BYTES: Final = 192_000_000
# An upload that the ledger does not name may belong to a run that is about to commit it. No run
# lasts as long as this.
GRACE: Final = timedelta(hours=24)
_ROW_GROUP: Final = 61_440
_TRIES: Final = 3


class CompactionMismatchError(PermanentError):
    """The compacted object has not the rows it should; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting a day came to. `rows` and `written_bytes` are of the objects written."""

    objects_before: int = 0
    objects_written: int = 0
    rows: int = 0
    written_bytes: int = 0
    orphans: int = 0


@dataclass(frozen=True, slots=True)
class Compactor:
    """Compacts days of requests."""

    ledger: Ledger
    store: LakeStore
    memory_limit: str = "1GB"
    target_bytes: int = TARGET_BYTES

    def compact(self, tenant: str, day: date, now: datetime) -> Compacted:
        """Compact one UTC day of a tenant; a day that needs nothing costs one read and one list.

        Raises:
            DayExpiredError: retention has deleted the day.
            FilesChangedError: its files are being rewritten; another time.
            CompactionMismatchError: rows are not where the ledger says.
        """
        written = rows = size = 0
        before = self.ledger.day(tenant, day)
        for attempt in range(1, _TRIES + 1):
            try:
                for members in plan(self.ledger.day(tenant, day), self.target_bytes):
                    made = self._merge(tenant, day, members)
                    written, rows, size = (
                        written + 1,
                        rows + made.object_rows,
                        size + (made.object_bytes),
                    )
                break
            except FilesChangedError:
                if attempt == _TRIES:
                    raise
        orphans = self._sweep(tenant, day, before, now)
        return Compacted(len(before.objects), written, rows, size, orphans)

    def _merge(self, tenant: str, day: date, members: Sequence[RequestFile]) -> RequestFile:
        """Write the members' rows into one object and have them count there."""
        objects = sorted({file.object_key for file in members})
        key = keys.compacted_object(tenant, day, (file.file_id for file in members), objects)
        with tempfile.TemporaryDirectory(prefix="compact-") as name:
            folder = Path(name)
            local = self.store.fetch(objects, folder / "in")
            relation = relation_of([DayFiles(tenant, day, tuple(members))], local)
            output = folder / "out.parquet"
            rows = self._write(relation, output, folder)
            expected = sum(file.rows for file in members)
            if rows != expected:
                raise CompactionMismatchError(
                    f"{day} of {tenant}: {rows} rows where the ledger says {expected}",
                    tenant=tenant,
                    day=str(day),
                )
            stored = self.store.put(output, key)
        to = replace(
            members[0],
            object_key=key,
            etag=stored.etag,
            object_rows=rows,
            object_bytes=stored.size,
        )
        self.ledger.move(tenant, day, members, to)
        return to

    def _write(self, relation: str, output: Path, folder: Path) -> int:
        with duckdb.connect(
            config={
                "memory_limit": self.memory_limit,
                "temp_directory": str(folder / "spill"),
                "preserve_insertion_order": False,
            }
        ) as db:
            db.execute(
                f"COPY (SELECT * FROM {relation} ORDER BY ip_hash, time, file_id, line) "  # noqa: S608 - our own paths
                f"TO '{output}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
            [counted] = db.execute(
                "SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata(?)", [str(output)]
            ).fetchone() or (0,)
        return int(counted)

    def _sweep(self, tenant: str, day: date, before: DayFiles, now: datetime) -> int:
        """Delete what nothing names: objects just compacted, and what dead runs left."""
        named = set(self.ledger.entries(tenant, day).objects)
        replaced = set(before.objects)
        gone = [
            entry.key
            for entry in self.store.listed(keys.folder("requests", tenant, day=day))
            if entry.key not in named and (entry.key in replaced or entry.modified < now - GRACE)
        ]
        return self.store.delete(gone)


def plan(day: DayFiles, target_bytes: int) -> Iterator[list[RequestFile]]:
    """Which files go together into one object each.

    Objects of at least half the target's size stay as they are, unless they hold rows of files
    that were rewritten since.
    """
    small = []
    for key, files in sorted(day.objects.items()):
        stale = sum(file.rows for file in files) < files[0].object_rows
        if stale or files[0].object_bytes < target_bytes // 2:
            small.append((key, files, stale))
    group: list[RequestFile] = []
    objects = size = 0
    needed = False
    for _, files, stale in small:
        if group and size + files[0].object_bytes > target_bytes:
            if objects > 1 or needed:
                yield group
            group, objects, size, needed = [], 0, 0, False
        group = [*group, *files]
        objects, size, needed = objects + 1, size + files[0].object_bytes, needed or stale
    if objects > 1 or needed:
        yield group
