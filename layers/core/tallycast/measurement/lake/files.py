"""What the ledger knows of a day's request files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 - part of the public fields
from typing import TYPE_CHECKING

from tallycast.measurement.lake import keys

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RequestFile:
    """The rows of one delivered file on one UTC day, and the object they lie in.

    Attributes:
        day: UTC day of the requests.
        file_id: of the delivered file in this version (`keys.file_id`).
        object_key: where the rows lie; after compaction together with those of other files.
        etag: the object's, without quotes.
        rows: this file's rows on this day.
        object_rows: all rows of the object.
        object_bytes: its size.
    """

    day: date
    file_id: str
    object_key: str
    etag: str
    rows: int
    object_rows: int
    object_bytes: int
    source: str
    source_etag: str


@dataclass(frozen=True, slots=True)
class DayFiles:
    """Everything that counts on one UTC day of a tenant, ordered by file."""

    tenant: str
    day: date
    files: tuple[RequestFile, ...] = ()

    @property
    def digest(self) -> str:
        """Stands for the rows of the day, wherever they lie: compaction does not change it."""
        text = "\n".join(f"{file.file_id} {file.rows}" for file in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def rows(self) -> int:
        """How many requests the day has."""
        return sum(file.rows for file in self.files)

    @property
    def objects(self) -> dict[str, list[RequestFile]]:
        """The files by the object they lie in."""
        found: dict[str, list[RequestFile]] = {}
        for file in self.files:
            found.setdefault(file.object_key, []).append(file)
        return found


@dataclass(frozen=True, slots=True)
class Source:
    """A delivered file as the ledger knew it when it began to be read.

    Attributes:
        etag: of the version taken in last; '' if none was.
        days: the UTC days that version has rows on.
        revision: number of times the entry has changed.
        touched: every file id that may still have entries, with its days. There are several only
            after a run died in the middle of a file with very many days.
        quarantine: the object with the bad lines of that version; '' if it has none.
        outdated: objects with bad lines of earlier versions, which are to go, the last ones.
        settled: whether the one lies there and the others were deleted.
    """

    tenant: str
    name: str
    etag: str = ""
    days: tuple[date, ...] = ()
    revision: int = 0
    touched: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    quarantine: str = ""
    outdated: tuple[str, ...] = ()
    settled: bool = True

    def has(self, etag: str) -> bool:
        """Whether this very version was taken in already, as the last one."""
        return bool(self.etag) and self.etag == etag.strip('"')

    def id_of(self, etag: str) -> str:
        """The file id under which a version is taken in now."""
        return keys.file_id(self.name, etag, self.revision)


@dataclass(frozen=True, slots=True)
class Committed:
    """What taking a file in has changed.

    Attributes:
        days: every UTC day whose rows changed: those of the new version and of the old.
        superseded: objects that nothing names any more.
        source: the file as the ledger knows it now.
    """

    days: tuple[date, ...]
    superseded: tuple[str, ...]
    source: Source
