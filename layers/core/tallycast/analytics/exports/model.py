"""An export: what was asked for, how far it is, and where its file lies."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from pydantic import Field

from tallycast.aws.records import Kind
from tallycast.kernel.errors import ConflictError, DeniedError, NotFoundError
from tallycast.kernel.keys import tenant_prefix
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text

TableName = Literal["downloads", "waterfall", "restatements"]
FileFormat = Literal["parquet", "csv"]
State = Literal["queued", "running", "done", "failed"]
KEPT_DAYS: Final = 7  # as the bucket's life cycle has it
ENDED: Final[frozenset[State]] = frozenset({"done", "failed"})
# A CSV is compressed: it would be many times as large as what it is made from.
SUFFIXES: Final[dict[FileFormat, str]] = {"parquet": ".parquet", "csv": ".csv.gz"}
CONTENT_TYPES: Final[dict[FileFormat, str]] = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "application/gzip",
}


class ExportNotFoundError(NotFoundError):
    """There is no such export, or it is another system's."""


class ExportNotReadyError(ConflictError):
    """The file is not there (yet, or any more)."""


class TooManyExportsError(ConflictError):
    """Enough of the tenant's exports wait already."""


class ExportLinkInvalidError(DeniedError):
    """The link has expired, or was never one of ours."""


class Wanted(Produced):
    """What an export holds: rows of one table, of some days."""

    table: TableName
    format: FileFormat
    rules: str
    first: date
    last: date
    show_id: str | None = None


class Export(Produced):
    """An export as it is kept.

    Attributes:
        asked_by: subject of the credential that asked.
        link_key: hex of the random key that links to the file are signed with; never shown.
        attempts: how often a worker has begun.
        reason: why it failed, for whoever asked.
        expires_at: when the file is deleted.
    """

    wanted: Wanted
    asked_by: str
    asked_at: datetime
    link_key: str = Field(repr=False)
    state: State = "queued"
    attempts: int = 0
    rows: int | None = None
    bytes: int | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """What a browser calls the file."""
        wanted = self.wanted
        return (
            f"{wanted.table}-{wanted.rules}-{wanted.first}-{wanted.last}{SUFFIXES[wanted.format]}"
        )


class ExportMessage(Produced):
    """What the queue holds: which export to work off."""

    tenant: str
    export_id: str


EXPORTS: Final = Kind(
    name="export",
    model=Export,
    missing=ExportNotFoundError,
    sort=lambda export_id, export: f"{to_text(export.asked_at)}#{export_id}",
)


def object_key(tenant: str, export_id: str, file_format: FileFormat) -> str:
    """`exports/acme/exp_….parquet`: where the file lies in the bucket of exports."""
    tenant_prefix(tenant)
    return f"exports/{tenant}/{export_id}{SUFFIXES[file_format]}"
