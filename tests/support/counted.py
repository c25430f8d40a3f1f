"""The results of a count, by hand: tables of downloads and of the waterfall in DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from tallycast.measurement.model import DOWNLOADS, WATERFALL
from tallycast.measurement.rollups.model import CountInfo
from tests.support.counting import a_table

DAY = date(2026, 11, 20)
COUNTED_AT = datetime(2026, 11, 21, 3, tzinfo=UTC)


def a_count(**changes: Any) -> CountInfo:
    """A count of acme's under iab-2.3."""
    return CountInfo(
        **{
            "tenant": "acme",
            "rules": "iab-2.3",
            "counted_at": COUNTED_AT,
            "rules_digest": "r1",
            "reference": {"agents": "2026-11-01"},
            **changes,
        }
    )


def a_download(**changes: Any) -> dict[str, Any]:
    """A download of the show `s1` at noon UTC, 12 hours after its release; `zone` places its hour."""
    row: dict[str, Any] = {
        "show_id": "s1",
        "episode_id": "e1",
        "time": datetime(2026, 11, 20, 12, tzinfo=UTC),
        "listener": "anna",
        "ip_key": "2026-11",
        "ip_hash": "ip-anna",
        "ip_hash_previous": "old-anna",
        "source": "log",
        "bytes": 1_000_000,
        "age_seconds": 12 * 3600,
        "app": "Pod Player",
        "app_kind": "app",
        "device": "Phone",
        "category": "mobile",
        "country": "DE",
        "network": "household",
        **changes,
    }
    local = row["time"].astimezone(ZoneInfo(row.pop("zone", "UTC")))
    row["hour"] = local.hour
    row.setdefault("day", local.date())
    row["time"] = row["time"].astimezone(UTC).replace(tzinfo=None)
    return row


def dropped(rule: str, requests: int, **changes: Any) -> dict[str, Any]:
    """A row of the waterfall."""
    return {
        "show_id": "s1", "episode_id": "e1", "source": "log", "rule": rule,
        "requests": requests, "day": DAY, **changes,
    }  # fmt: skip


def counted(
    downloads: Iterable[Mapping[str, Any]] = (), waterfall: Iterable[Mapping[str, Any]] = ()
) -> duckdb.DuckDBPyConnection:
    """A connection with both tables. Downloads are in the waterfall, too, as `counted`."""
    rows = [dict(row) for row in downloads]
    verdicts = [dict(row) for row in waterfall]
    verdicts += [
        dropped(
            "counted", 1, show_id=r["show_id"], episode_id=r["episode_id"], day=r["day"],
            source=r["source"],
        )
        for r in rows
    ]  # fmt: skip
    db = duckdb.connect(config={"threads": 1})
    _fill(db, "downloads", DOWNLOADS, rows)
    _fill(db, "waterfall", WATERFALL, verdicts)
    return db


def _fill(
    db: duckdb.DuckDBPyConnection, table: str, kinds: Mapping[str, str], rows: list[dict[str, Any]]
) -> None:
    columns = {**kinds, "day": "DATE"}
    a_table(db, table, columns, [{name: row.get(name) for name in columns} for row in rows])


def hours(day: date, zone: str) -> list[datetime]:
    """Every hour of a local day, in UTC: 23, 24 or 25."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = []
    while start < end:
        found.append(start)
        start += timedelta(hours=1)
    return found
