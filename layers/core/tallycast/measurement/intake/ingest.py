"""Take one file in: its rows into the lake, its bad lines into quarantine, its days to be counted.

A file can be taken in any number of times, at once or one after the other, and killed at any
point: its rows count once, because only the ledger says what counts, and it changes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from duckdb import connect

from tallycast.aws.errors import translated
from tallycast.kernel.errors import RetryableError
from tallycast.measurement.intake.mail import by_tenant
from tallycast.measurement.lake import keys as lake_keys
from tallycast.measurement.lake.files import RequestFile
from tallycast.measurement.lake.ledger import SourceChangedError
from tallycast.measurement.logs.model import LogFormat, LogSource
from tallycast.measurement.logs.reading import read_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_s3.client import S3Client

    from tallycast.measurement.counting.marking import Marker
    from tallycast.measurement.intake.arrivals import Arrival
    from tallycast.measurement.intake.sources import LogSourceStore
    from tallycast.measurement.lake.files import Source
    from tallycast.measurement.lake.ledger import Ledger
    from tallycast.measurement.lake.store import LakeStore
    from tallycast.measurement.logs.enrichment import Enrichment
    from tallycast.measurement.logs.model import Intake, Limits

EXPIRED: Final = "older than the tenant keeps requests"
_COPIED_BYTES: Final = 1 << 20
_HITS: Final = LogSource(format=LogFormat.JSON, source="prefix")


class FileRewrittenError(RetryableError):
    """The file was rewritten while it was being read; read it again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a file in came to, in records: accepted = stored + quarantined + deduplicated.

    Attributes:
        accepted: records that are requests for media, or should have been.
        stored: now count, beside `replaced`, which an earlier version had and no longer do.
        quarantined: could not be read; kept with their reason.
        deduplicated: were stored before, in the very same version of the file.
        skipped: are no requests for media: comments, headers, pictures.
        lag_seconds: from the file's arrival to now.
    """

    accepted: int = 0
    stored: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    skipped: int = 0
    replaced: int = 0
    lag_seconds: float = 0.0

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            accepted=self.accepted + other.accepted,
            stored=self.stored + other.stored,
            quarantined=self.quarantined + other.quarantined,
            deduplicated=self.deduplicated + other.deduplicated,
            skipped=self.skipped + other.skipped,
            replaced=self.replaced + other.replaced,
            lag_seconds=max(self.lag_seconds, other.lag_seconds),
        )


@dataclass(frozen=True, slots=True)
class _Version:
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Ingest:
    """Takes files in."""

    s3: S3Client
    lake: LakeStore
    ledger: Ledger
    marker: Marker
    sources: LogSourceStore
    enrichment: Callable[[], Enrichment]
    clock: Callable[[], datetime]
    limits: Limits

    def take(self, arrival: Arrival) -> Taken | None:
        """Take in the file that lies under a key now; None when there is none any more.

        Raises:
            FileRewrittenError: it changed while it was read.
            SourceChangedError: another run takes it in at the same moment.
            UnreadableLogError: it is compressed in a way that nothing here reads.
        """
        with TemporaryDirectory() as folder:
            local = Path(folder) / "file"
            version = self._fetch(arrival, local)
            if version is None:
                return None
            taken = Taken(lag_seconds=(self.clock() - version.modified).total_seconds())
            if arrival.tenant is not None and arrival.source is not None:
                source = self.sources.get(arrival.tenant, arrival.source)
                return taken + self._take(arrival, arrival.tenant, version, local, source)
            for tenant, hits in sorted(by_tenant(local, Path(folder) / "hits").items()):
                taken += self._take(arrival, tenant, version, hits, _HITS)
            return taken

    def _fetch(self, arrival: Arrival, path: Path) -> _Version | None:
        with translated(f"read {arrival.key}"):
            try:
                found = self.s3.get_object(Bucket=arrival.bucket, Key=arrival.key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                    return None
                raise
            with path.open("wb") as file:
                for chunk in found["Body"].iter_chunks(_COPIED_BYTES):
                    file.write(chunk)
        return _Version(found["ETag"].strip('"'), found["LastModified"].astimezone(UTC))

    def _take(
        self, arrival: Arrival, tenant: str, version: _Version, path: Path, source: LogSource
    ) -> Taken:
        before = self.ledger.begin(tenant, arrival.key)
        self._is_still(arrival, version)
        again = before.has(version.etag)
        if again:
            # The last run may have died before it said so.
            self.marker.requests_changed(tenant, before.days, self.clock())
            self.lake.delete(before.outdated)
        if again and before.settled:
            return self._known(before)
        [file_id] = before.touched if again else [before.id_of(version.etag)]
        with TemporaryDirectory(dir=path.parent) as folder:
            read = read_log(
                path, source, self.enrichment(), Path(folder), file_id, self.clock(), self.limits
            )
            if not again:
                return self._store(tenant, before, version, read)
            _, expired = self._by_age(tenant, read)
            self._settle(before, read, expired)
            return self._known(before)

    def _known(self, before: Source) -> Taken:
        rows = self._rows_of(before)
        return Taken(accepted=rows, deduplicated=rows)

    def _is_still(self, arrival: Arrival, version: _Version) -> None:
        """Make sure that what was read is what lies there, after the ledger was looked at.

        Else an old version, read before a newer one was committed, could take its place.
        """
        with translated(f"look at {arrival.key}"):
            found = self.s3.head_object(Bucket=arrival.bucket, Key=arrival.key)
        if found["ETag"].strip('"') != version.etag:
            raise FileRewrittenError(f"{arrival.key} was rewritten meanwhile", key=arrival.key)

    def _store(self, tenant: str, before: Source, version: _Version, read: Intake) -> Taken:
        kept, expired = self._by_age(tenant, read)
        quarantine = ""
        if read.quarantine is not None or expired:
            quarantine = lake_keys.quarantine_object(
                tenant, version.modified.date(), before.id_of(version.etag)
            )
        replaced = self._rows_of(before)
        files = [self._put(tenant, day, path, before, version) for day, path in kept.items()]
        days = {file.day for file in files}
        # Before and after: whoever dies in between has said it, and whoever counts in between is
        # told again.
        self.marker.requests_changed(tenant, days | set(before.days), self.clock())
        committed = self.ledger.commit(before, version.etag, files, quarantine)
        self.marker.requests_changed(tenant, committed.days, self.clock())
        self.lake.delete(committed.superseded)
        self._settle(committed.source, read, expired)
        account = read.account
        late = sum(_rows_in(path) for path in expired)
        return Taken(
            accepted=account.accepted + account.quarantined,
            stored=account.accepted - late,
            quarantined=account.quarantined + late,
            skipped=sum(account.skipped.values()),
            replaced=replaced,
        )

    def _by_age(self, tenant: str, read: Intake) -> tuple[dict[date, Path], list[Path]]:
        """The days that the tenant keeps, and the rows of those it keeps no longer."""
        horizon = self.ledger.horizon(tenant)
        kept = {day: path for day, path in sorted(read.days.items()) if day >= horizon}
        return kept, [path for day, path in read.days.items() if day < horizon]

    def _settle(self, source: Source, read: Intake, expired: Sequence[Path]) -> None:
        """Have the bad lines of this version lie in the lake, and those of no earlier one."""
        if source.settled:
            return
        lines = _quarantine(read.quarantine, expired)
        if lines is not None and source.quarantine:
            self.lake.put(lines, source.quarantine)
        self.lake.delete(source.outdated)
        try:
            self.ledger.settle(source)
        except SourceChangedError:
            # A newer version has been taken in, and may have cleared up before this was there.
            self.lake.delete([source.quarantine] if source.quarantine else [])

    def _put(
        self, tenant: str, day: date, path: Path, before: Source, version: _Version
    ) -> RequestFile:
        file_id = before.id_of(version.etag)
        stored = self.lake.put(path, lake_keys.requests_object(tenant, day, file_id))
        rows = _rows_in(path)
        return RequestFile(
            day=day,
            file_id=file_id,
            object_key=stored.key,
            etag=stored.etag,
            rows=rows,
            object_rows=rows,
            object_bytes=stored.size,
            source=before.name,
            source_etag=version.etag,
        )

    def _rows_of(self, source: Source) -> int:
        """How many rows of a delivered file count now."""
        return sum(
            file.rows
            for day in source.days
            for file in self.ledger.entries(source.tenant, day).files
            if file.source == source.name
        )


def _quarantine(read: Path | None, expired: Sequence[Path]) -> Path | None:
    """The bad lines of a file, with those of days that the tenant keeps no longer.

    None when there are none: what was bad may be good in a later reading, because the clock has
    gone on, a key has been made, or the source has been corrected.
    """
    if not expired:
        return read
    path = expired[0].with_suffix(".expired")
    bad = f"UNION ALL FROM '{read}'" if read is not None else ""
    late = ", ".join(f"'{each}'" for each in expired)
    with connect() as db:
        db.execute(
            f"""COPY (SELECT file_id, line, '{EXPIRED}' AS reason, '' AS text
            FROM read_parquet([{late}], hive_partitioning = false) {bad} ORDER BY line)
            TO '{path}' (FORMAT parquet, COMPRESSION snappy)"""  # noqa: S608 - paths of our own
        )
    return path


def _rows_in(path: Path) -> int:
    with connect() as db:
        row = db.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchone()
    return int(row[0]) if row else 0
