"""Bring a tenant's requests of some days to this machine, ready for DuckDB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.measurement.lake.store import LakeObjectMissingError
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from tallycast.measurement.lake.files import DayFiles
    from tallycast.measurement.lake.ledger import Ledger
    from tallycast.measurement.lake.store import LakeStore

_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class LocalRequests:
    """Request files on this machine.

    Attributes:
        relation: what stands behind FROM in DuckDB to read exactly the rows that count, with the
            columns of REQUESTS.
        paths: the local files.
    """

    days: tuple[DayFiles, ...]
    relation: str
    paths: tuple[Path, ...]

    @property
    def rows(self) -> int:
        """How many requests there are."""
        return sum(day.rows for day in self.days)

    @property
    def digest(self) -> str:
        """Stands for all rows: the same digest again means the same requests."""
        text = "\n".join(f"{day.day} {day.digest}" for day in self.days)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def fetch_requests(
    ledger: Ledger, store: LakeStore, tenant: str, days: Sequence[date], folder: Path
) -> LocalRequests:
    """Fetch every request file of some UTC days.

    The ledger is read consistently, and again when an object it named is gone meanwhile.

    Raises:
        DayExpiredError: retention has deleted one of the days.
        LakeObjectMissingError: objects went on disappearing; worth another try.
    """
    for attempt in range(1, _TRIES + 1):
        found = tuple(ledger.day(tenant, day) for day in days)
        objects = sorted({file.object_key for day in found for file in day.files if file.rows})
        try:
            local = store.fetch(objects, folder)
        except LakeObjectMissingError:
            if attempt == _TRIES:
                raise
            continue
        return LocalRequests(found, relation_of(found, local), tuple(local.values()))
    raise AssertionError  # the loop returns or raises


def relation_of(days: Sequence[DayFiles], local: dict[str, Path]) -> str:
    """SQL that reads the rows that count out of local copies of the objects.

    Most objects hold nothing else. From one that also has rows of files rewritten since, only
    those of the files that name it are taken.
    """
    clean: list[str] = []
    parts: list[str] = []
    for files in (files for day in days for files in day.objects.values()):
        path = local.get(files[0].object_key)
        if path is None:
            continue
        if sum(file.rows for file in files) == files[0].object_rows:
            clean.append(_literal(str(path)))
        else:
            ids = ", ".join(_literal(file.file_id) for file in files)
            parts.append(f"{_scan([_literal(str(path))])} WHERE file_id IN ({ids})")
    if clean:
        parts.insert(0, _scan(clean))
    if not parts:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in REQUESTS.items())
        return f"(SELECT {empty} WHERE false)"
    return f"({' UNION ALL '.join(parts)})"


def _scan(paths: Sequence[str]) -> str:
    columns = ", ".join(REQUESTS)
    files = ", ".join(paths)
    return (
        f"SELECT {columns} FROM read_parquet([{files}], union_by_name = true, "  # noqa: S608
        "hive_partitioning = false)"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
