"""Parquet: CloudFront's v2, and any other whose columns are mapped or carry known names."""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from tallycast.measurement.logs import cloudfront
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.layout import PART, Layout, member, templated
from tallycast.measurement.logs.names import assigned, plain, suffices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ROWS: Final = 250_000  # read at once


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows `first` … `last`, from 1, of a Parquet file."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """What a Parquet file's footer says. `names` are those of its columns."""

    path: Path
    names: tuple[str, ...]
    rows: int


def opened(connection: duckdb.DuckDBPyConnection, path: Path) -> ParquetFile | None:
    """The file's footer, or None when it is not whole."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan(path)}").fetchall()
        counted = connection.execute(
            f"SELECT num_rows FROM parquet_file_metadata({sql.text(str(path))})"
        ).fetchone()
    except duckdb.Error:
        return None
    return ParquetFile(path, tuple(row[0] for row in described), counted[0] if counted else 0)


def scan(path: Path) -> str:
    """The SQL of the file as a table; a path with wildcards in it is only a path."""
    return f"read_parquet({sql.text(sql.literal_path(path))}, hive_partitioning = false)"


def is_cloudfront(names: tuple[str, ...]) -> bool:
    """Whether columns are those of CloudFront."""
    return {"c_ip", "cs_uri_stem"} <= {plain(name) for name in names}


def is_readable(names: tuple[str, ...], mapping: Mapping[str, str]) -> bool:
    """Whether requests can be made of these columns."""
    found = assigned(names, mapping)
    return suffices({**found, "url": "media"} if _is_of_the_lake(names, found) else found)


def cloudfront_rows(file: ParquetFile) -> Layout:
    """CloudFront's columns."""
    facts = cloudfront.with_members(file.names)
    return Layout(record="r", facts=facts, escapes="percent", of_text=False)


def by_names(file: ParquetFile, mapping: Mapping[str, str], url_template: str) -> Layout:
    """Columns found by mapping, by our names or by common ones."""
    found = assigned(file.names, mapping)
    facts = {f: member(theirs) for f, theirs in found.items()}
    located = False
    if _is_of_the_lake(file.names, found):
        located = True
        part = member("part") if "part" in file.names else "NULL"
        facts["url"] = f"({member('media')} || {sql.text(PART)} || coalesce({part}, ''))"
    if url_template:
        columns = {name: sql.known(member(name)) for name in file.names}
        facts["url"] = templated(url_template, columns)
    return Layout(record="r", facts=facts, of_text=False, located=located)


def _is_of_the_lake(names: tuple[str, ...], found: Mapping[str, str]) -> bool:
    """Whether these are requests as the lake has them: `media` says what, and no column a URL."""
    return "media" in names and "url" not in found


def portions(file: ParquetFile) -> Iterator[Rows]:
    """The file's rows in portions."""
    for first in range(1, file.rows + 1, ROWS):
        yield Rows(first, min(first + ROWS - 1, file.rows))


def rows_sql(file: ParquetFile, rows: Rows) -> str:
    """SQL that gives `line` and `r` of some rows, every column as text."""
    members = ", ".join(f"{sql.name(n)} := CAST({sql.name(n)} AS VARCHAR)" for n in file.names)
    return (
        f"SELECT file_row_number + 1 AS line, struct_pack({members}) AS r "
        f"FROM {scan(file.path)[:-1]}, file_row_number = true) "
        f"WHERE file_row_number BETWEEN {rows.first - 1} AND {rows.last - 1}"
    )
