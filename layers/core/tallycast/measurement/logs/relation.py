"""Log files of mixed formats as one DuckDB relation: what the command line counts and explains."""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.reading import read_log
from tallycast.measurement.model import QUARANTINE, REQUESTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from tallycast.measurement.logs.enrichment import Enrichment
    from tallycast.measurement.logs.model import Intake, Limits, LogSource

_NOWHERE = "log.invalid"
_LONGEST_NAME = 120  # bytes: it becomes part of the names of files


def read_logs(  # noqa: PLR0917 - as `read_log`
    paths: Sequence[Path],
    source: LogSource,
    enrichment: Enrichment,
    into: Path,
    now: datetime,
    limits: Limits | None = None,
) -> list[Intake]:
    """Read files one after the other; the file id is the place in the list, from 1, and the name.

    A log whose URLs have no host is read as one of `log.invalid`, so that it can be counted all
    the same.

    Raises:
        UnreadableLogError: one of the files cannot be opened.
        BadSourceError: the source cannot be.
    """
    if not source.host:
        source = source.model_copy(update={"host": _NOWHERE})
    return [
        read_log(path, source, enrichment, into, file_id(place, path), now, limits)
        for place, path in enumerate(paths, 1)
    ]


def file_id(place: int, path: Path) -> str:
    """What stands for the file at a place, from 1, in the requests: `1-access.log`."""
    name = path.name.encode("utf-8", "replace")[:_LONGEST_NAME]
    return f"{place}-{name.decode('utf-8', 'ignore')}"


def requests_relation(
    connection: duckdb.DuckDBPyConnection, intakes: Sequence[Intake], view: str = "requests"
) -> duckdb.DuckDBPyRelation:
    """A view with the columns of REQUESTS over everything that was read.

    Args:
        connection: where the view is made.
        intakes: what `read_log` gave; their files must stay where they are.
        view: its name.
    """
    files = [path for intake in intakes for path in intake.days.values()]
    return _view(connection, files, REQUESTS, view)


def quarantine_relation(
    connection: duckdb.DuckDBPyConnection, intakes: Sequence[Intake], view: str = "quarantine"
) -> duckdb.DuckDBPyRelation:
    """A view with the columns of QUARANTINE over everything that could not be read."""
    files = [intake.quarantine for intake in intakes if intake.quarantine is not None]
    return _view(connection, files, QUARANTINE, view)


def _view(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    columns: dict[str, str],
    view: str,
) -> duckdb.DuckDBPyRelation:
    if files:
        listed = ", ".join(sql.text(sql.literal_path(path)) for path in files)
        select = (
            f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], hive_partitioning = false)"
        )
    else:
        empty = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
        select = f"SELECT {empty} WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {sql.name(view)} AS {select}")
    return connection.table(view)
