"""One count of one day: everything that is fixed when it is opened.

The run is a document in the lake's bucket that the steps hand on by its key. It names every file
that is read, the rules, and the versions of the reference data, so that the same run gives the
same rows, byte for byte, however often a step is repeated.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.kernel.schema import Produced
from tallycast.measurement.counting.days import DayRef, Inputs
from tallycast.measurement.lake.files import DayFiles, RequestFile
from tallycast.measurement.rulesets import RuleSet

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MANIFEST = "run.json"


class RequestsFile(Produced):
    """The rows of one delivered file on one UTC day, as the ledger had them."""

    day: date
    file_id: str
    object_key: str
    etag: str
    rows: int
    object_rows: int
    object_bytes: int


class Run(Produced):
    """What one count of one day is made from."""

    run_id: str
    day: DayRef
    opened_at: datetime
    inputs: Inputs
    rules: RuleSet
    reference_versions: dict[str, str]
    utc_days: tuple[date, ...]
    files: tuple[RequestsFile, ...]
    zones: dict[str, str]
    shards: int
    version: int
    final: bool
    was_final: bool
    next_due: datetime | None
    seen_marks: int

    @property
    def days_of_files(self) -> list[DayFiles]:
        """The files by UTC day."""
        by_day: dict[date, list[RequestFile]] = {day: [] for day in self.utc_days}
        for file in self.files:
            entry = RequestFile(**file.model_dump(), source="", source_etag="")
            by_day[file.day].append(entry)
        tenant = self.day.tenant
        return [DayFiles(tenant, day, tuple(files)) for day, files in by_day.items()]

    @property
    def key(self) -> str:
        """Where the run lies."""
        return self.part(_MANIFEST)

    def part(self, name: str) -> str:
        """Where something that the steps hand on lies."""
        return keys.count_run(self.day.tenant, self.run_id, name)


@dataclass(frozen=True, slots=True)
class RunStore:
    """Runs in the lake's bucket."""

    s3: S3Client
    bucket: str

    def put(self, run: Run) -> None:
        """Fix a run."""
        with translated("write a run"):
            self.s3.put_object(Bucket=self.bucket, Key=run.key, Body=run.model_dump_json().encode())

    def get(self, key: str) -> Run:
        """A run by its key."""
        with translated(f"read run {key}"):
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return Run.model_validate_json(body)


def digest_of(value: object) -> str:
    """32 hex digits that stand for a JSON value."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
