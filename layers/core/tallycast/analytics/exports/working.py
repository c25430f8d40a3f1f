"""Work exports off: whatever dies on the way, the same message makes the same file again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tallycast.analytics.exports.model import (
    CONTENT_TYPES,
    EXPORTS,
    KEPT_DAYS,
    Export,
    object_key,
)
from tallycast.aws.errors import translated
from tallycast.aws.records import ChangedMeanwhileError, Records
from tallycast.kernel.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client

    from tallycast.analytics.exports.making import Making
    from tallycast.analytics.exports.model import ExportMessage, State
    from tallycast.aws.records import Stored

# The queue gives a message away after so many tries (`maxReceiveCount`).
MOST_TRIES: Final = 5
_GAVE_UP: Final = "the file could not be made in several tries: ask for a new export later"


@dataclass(frozen=True, slots=True)
class Worked:
    """What working an export off came to; `lag_seconds` since it was asked for."""

    state: State
    rows: int = 0
    bytes: int = 0
    lag_seconds: float = 0.0
    again: bool = False  # it was worked off before, and nothing was done now


@dataclass(frozen=True, slots=True)
class ExportWorker:
    """Works exports off."""

    table: Table
    making: Making
    s3: S3Client
    bucket: str
    clock: Callable[[], datetime]

    def work(self, message: ExportMessage, *, tries: int) -> Worked:
        """Work one export off; a message that comes again for a finished one does nothing.

        Args:
            message: which.
            tries: how often the queue has handed this message out. At the last try the export
                counts as failed before the work begins, so that a worker that is killed leaves
                no export running for ever.

        Raises:
            ExportNotFoundError: there is no such export.
            RetryableError: worth another try.
        """
        found = self._records.get(message.tenant, message.export_id)
        if found.document.state == "done":
            return Worked("done", again=True)
        last = tries >= MOST_TRIES
        found = self._change(
            found,
            state="failed" if last else "running",
            reason=_GAVE_UP if last else None,
            attempts=found.document.attempts + 1,
        )
        try:
            return self._made(found)
        except RetryableError:
            raise
        except PermanentError as error:
            self._change(found, state="failed", reason=error.message, ended_at=self.clock())
            return Worked("failed")

    def _made(self, found: Stored[Export]) -> Worked:
        wanted = found.document.wanted
        with TemporaryDirectory() as name:
            made = self.making.make(found.tenant, found.id, wanted, Path(name))
            size = made.path.stat().st_size
            self._put(made.path, found)
        now = self.clock()
        self._change(
            found,
            state="done",
            rows=made.rows,
            bytes=size,
            reason=None,
            ended_at=now,
            expires_at=now + timedelta(days=KEPT_DAYS),
        )
        lag = (now - found.document.asked_at).total_seconds()
        return Worked("done", made.rows, size, lag)

    def _put(self, path: Path, found: Stored[Export]) -> None:
        """Put the file in one piece, from the disk: it is there whole or not at all."""
        wanted = found.document.wanted
        with translated(f"store the file of {found.id}"), path.open("rb") as body:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=object_key(found.tenant, found.id, wanted.format),
                Body=body,
                ContentType=CONTENT_TYPES[wanted.format],
            )

    def _change(self, before: Stored[Export], **changes: Any) -> Stored[Export]:  # noqa: ANN401 - fields of Export
        """Write what has changed, over whatever another worker of the same message wrote."""
        while True:
            if before.document.state == "done":
                return before  # the other was quicker, and its file is the same
            after = before.document.model_copy(update=changes)
            try:
                self._records.put(self._records.replacement(before, after, self.clock()))
            except ChangedMeanwhileError:
                before = self._records.get(before.tenant, before.id)
                continue
            return self._records.get(before.tenant, before.id)

    @property
    def _records(self) -> Records[Export]:
        return Records(self.table, EXPORTS)
