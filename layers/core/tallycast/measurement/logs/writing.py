"""What was read, as Parquet: the same rows always give the same bytes."""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import duckdb

_FEW_DAYS: Final = 8
_ROW_GROUP: Final = 122_880


def write_days(connection: duckdb.DuckDBPyConnection, into: Path, file_id: str) -> dict[date, Path]:
    """The table `requests` as one file per UTC day, in order of lines."""
    rows = connection.execute(
        "SELECT DISTINCT CAST(time AS DATE) AS day FROM requests ORDER BY day"
    ).fetchall()
    days = [row[0] for row in rows]
    if len(days) > _FEW_DAYS:
        # Every day is a scan of its own; sorted, the scan finds its day without the others.
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE requests AS "
            "SELECT * FROM requests ORDER BY CAST(time AS DATE), line"
        )
    columns = ", ".join(REQUESTS)
    files: dict[date, Path] = {}
    for day in days:
        files[day] = into / f"{file_id}.{day.isoformat()}.parquet"
        write(
            connection,
            f"SELECT {columns} FROM requests WHERE time >= DATE '{day}' "
            f"AND time < DATE '{day}' + INTERVAL 1 DAY ORDER BY line",
            files[day],
        )
    return files


def write(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    """The rows of a query, in its order."""
    connection.execute(
        f"COPY ({select}) TO {sql.text(str(path))} "
        f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_ROW_GROUP})"
    )
