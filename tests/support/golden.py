"""A small lake on disk, laid out as in S3, whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tallycast.measurement.lake.catalogue import PARTITIONS, TABLES
from tests.support.counted import a_download

WEEK = [date(2026, 11, 16) + timedelta(days=n) for n in range(7)]  # Monday to Sunday
RELEASED = datetime(2026, 11, 16, 8, tzinfo=UTC)


def downloads() -> list[dict[str, Any]]:
    """Downloads of `s1`: seven in the week, two a fortnight before, three a month later; one of s2."""

    def heard(hours: float, listener: str, episode: str = "e1", **changes: Any) -> dict[str, Any]:
        age = None if hours is None else int(hours * 3600)
        return a_download(
            time=RELEASED + timedelta(hours=hours),
            listener=listener,
            episode_id=episode,
            **{"age_seconds": age, **changes},
        )

    return [
        heard(0.5, "anna"),
        heard(1, "ben", app="Other", country="AT"),
        heard(12.2, "anna", referrer="example.com"),
        heard(1.5, "cleo", "e2", age_seconds=5_400),
        heard(24, "ben", app="Other", country=None),
        heard(24.5, "cleo", "e2", age_seconds=None) | {"listener": "dora"},
        heard(64, "anna"),
        *(heard(-24 * 9, name, "e0", age_seconds=None) for name in ("anna", "ben")),
        *(heard(24 * 28, name, "e3", age_seconds=None) for name in ("anna", "ben", "eva")),
        heard(2, "anna", "e9", show_id="s2"),
    ]


def verdicts() -> list[dict[str, Any]]:
    """The waterfall of `s1` on the first two days."""
    rows = [
        ("e1", "log", "counted", 3, WEEK[0]), ("e1", "log", "bot", 5, WEEK[0]),
        ("e1", "prefix", "bot", 2, WEEK[0]), ("e2", "log", "counted", 1, WEEK[0]),
        ("e1", "log", "counted", 1, WEEK[1]),
    ]  # fmt: skip
    names = ("episode_id", "source", "rule", "requests", "day")
    return [{"show_id": "s1", **dict(zip(names, row, strict=True))} for row in rows]


def requests() -> list[dict[str, Any]]:
    """Five requests of two files."""
    rows = [("f1", "log")] * 3 + [("f2", "prefix")] * 2
    return [
        {"time": RELEASED.replace(tzinfo=None), "file_id": f, "source": s, "day": WEEK[0]}
        for f, s in rows
    ]


def bad_lines() -> list[dict[str, Any]]:
    """One bad line of a good file, and a file that has no good one."""
    rows = [("f1", WEEK[0]), ("f9", WEEK[1]), ("f9", WEEK[1])]
    return [{"file_id": f, "line": 1, "reason": "no time", "text": "?", "day": d} for f, d in rows]


def restatements() -> list[dict[str, Any]]:
    """One late file."""
    return [
        {
            "restated_at": datetime(2026, 11, 20, 1), "rules": "iab-2.3", "show_id": "s1",
            "episode_id": "e1", "old_downloads": 5, "new_downloads": 6, "cause": "late data",
            "detail": "a file came late", "day": WEEK[4],
        }
    ]  # fmt: skip


ROWS = {
    "downloads": downloads,
    "waterfall": verdicts,
    "requests": requests,
    "quarantine": bad_lines,
    "restatements": restatements,
}


def write_golden(folder: Path, tenant: str = "acme", rules: str = "iab-2.3") -> list[Path]:
    """Write the golden rows as the lake has them: a file for each table and day."""
    written = []
    for table, made in ROWS.items():
        by_day: dict[date, list[dict[str, Any]]] = {}
        for row in made():
            by_day.setdefault(row["day"], []).append(row)
        for day, rows in by_day.items():
            values = {"tenant": tenant, "rules": rules, "dt": day.isoformat()}
            parts = "/".join(f"{name}={values[name]}" for name in PARTITIONS[table])
            path = folder / table / parts / "part.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, TABLES[table], rows)
            written.append(path)
    return written


def _write(path: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE rows ({', '.join(f'{n} {k}' for n, k in columns.items())})")
        marks = ", ".join("?" for _ in columns)
        values = [[row.get(name) for name in columns] for row in rows]
        db.executemany(f"INSERT INTO rows VALUES ({marks})", values)  # noqa: S608
        db.execute(f"COPY rows TO '{path}' (FORMAT parquet, COMPRESSION snappy)")


@contextmanager
def golden_lake(folder: Path, *, rows: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """The golden lake as tables of DuckDB, with the partitions as columns of text."""
    if rows:
        write_golden(folder)
    with duckdb.connect() as db:
        for table, columns in TABLES.items():
            keys = PARTITIONS[table]
            if rows and table in ROWS:
                kinds = ", ".join(f"'{key}': VARCHAR" for key in keys)
                db.execute(
                    f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}/**/*.parquet', "
                    f"hive_partitioning = true, hive_types = {{{kinds}}})"
                )
            else:
                every = [
                    *columns.items(),
                    *((key, "VARCHAR") for key in keys if key not in columns),
                ]
                db.execute(f"CREATE TABLE {table} ({', '.join(f'{n} {k}' for n, k in every)})")
        yield db
