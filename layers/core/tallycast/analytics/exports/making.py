"""Make the file of an export, day by day: memory holds a part of one day, the disk the rest."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field of Made
from typing import TYPE_CHECKING, Any, Final

from tallycast.analytics.exports import sql
from tallycast.analytics.exports.model import SUFFIXES
from tallycast.kernel.errors import PermanentError
from tallycast.measurement.counting.days import DayRef
from tallycast.measurement.lake import keys as lake_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from duckdb import DuckDBPyConnection

    from tallycast.analytics.exports.model import FileFormat, Wanted
    from tallycast.analytics.exports.snapshot import DayReader

# What one run of the function makes with time to spare; text is several times as slow to write.
MOST_ROWS: Final[Mapping[FileFormat, int]] = {"parquet": 50_000_000, "csv": 20_000_000}


class ExportTooLargeError(PermanentError):
    """There are more rows than one file shall hold."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file."""

    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Making:
    """Makes files of exports.

    Attributes:
        connect: gives DuckDB on a file, with a limit of memory.
        most_rows: of a file, by its format.
    """

    days: DayReader
    connect: Callable[[Path], DuckDBPyConnection]
    most_rows: Mapping[FileFormat, int] = field(default_factory=lambda: MOST_ROWS)

    def make(self, tenant: str, export_id: str, wanted: Wanted, folder: Path) -> Made:
        """The file of an export, in a folder of its own.

        Raises:
            ExportTooLargeError: there are too many rows.
            DayChangingError: a day is being counted; worth another try.
        """
        path = folder / f"export{SUFFIXES[wanted.format]}"
        most, rows = self.most_rows[wanted.format], 0
        with self.connect(folder / "rows.duckdb") as db:
            db.execute(sql.create(wanted.table))
            for day, paths in self._days(db, tenant, wanted, folder):
                rows += _number(db, *_insert(wanted, export_id, day, paths))
                shutil.rmtree(paths[0].parent)
                if rows > most:
                    raise ExportTooLargeError(
                        f"the days up to {day} alone have {rows} rows and a file of this format "
                        f"holds {most}: ask for a shorter period or for one show"
                    )
            db.execute(sql.copy(wanted.table, wanted.format, str(path)))
        return Made(path, rows)

    def _days(
        self, db: DuckDBPyConnection, tenant: str, wanted: Wanted, folder: Path
    ) -> Iterator[tuple[date, list[Path]]]:
        """The days that have rows, with local files of them."""
        if wanted.table == "restatements":
            yield from self._restatements(tenant, wanted, folder)
            return
        counted = "count(*)" if wanted.table == "downloads" else "sum(requests)"

        def rows_in(paths: Sequence[Path]) -> int:
            question = f"SELECT {counted} FROM read_parquet($paths, hive_partitioning = false)"  # noqa: S608 - ours
            return _number(db, question, {"paths": [str(path) for path in paths]})

        for state in self.days.days.of_tenant(tenant, wanted.rules, wanted.first, wanted.last):
            ref = DayRef(tenant=tenant, rules=wanted.rules, day=state.day)
            at = folder / str(state.day)
            if paths := self.days.fetch(wanted.table, ref, at, rows_in):
                yield state.day, paths

    def _restatements(
        self, tenant: str, wanted: Wanted, folder: Path
    ) -> Iterator[tuple[date, list[Path]]]:
        """Restatements lie by the day on which they were made, and are never replaced."""
        prefix = lake_keys.folder("restatements", tenant)
        by_day: dict[str, list[str]] = {}
        for entry in self.days.lake.listed(prefix):
            day = lake_keys.day_of(entry.key)
            if str(wanted.first) <= day <= str(wanted.last):
                by_day.setdefault(day, []).append(entry.key)
        for day, found in sorted(by_day.items()):
            local = self.days.lake.fetch(found, folder / day / "0")
            yield type(wanted.first).fromisoformat(day), list(local.values())


def _insert(
    wanted: Wanted, export_id: str, day: date, paths: Sequence[Path]
) -> tuple[str, dict[str, Any]]:
    """The statement that takes a day's rows in, and its values."""
    rules, show = wanted.table == "restatements", wanted.show_id is not None
    values: dict[str, Any] = {"day": day, "paths": [str(path) for path in paths]}
    if wanted.table == "downloads":
        values["salt"] = hashlib.sha256(f"listeners of {export_id}".encode()).hexdigest()
    if rules:
        values["rules"] = wanted.rules
    if show:
        values["show"] = wanted.show_id
    return sql.insert(wanted.table, rules=rules, show=show), values


def _number(db: DuckDBPyConnection, question: str, values: dict[str, Any]) -> int:
    found = db.execute(question, values).fetchone()
    return int(found[0] or 0) if found else 0
