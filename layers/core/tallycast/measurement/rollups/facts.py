"""A count's results as long rows: what, by what, how many. Shards' rows simply add up.

One row of `facts`: on `day`, of the thing `id` in `scope`, the `part` (a breakdown, the hours, the
waterfall …) has `n` under `value`. Everything is grouped in SQL; nothing here touches a download.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.rollups.model import AGE_DAYS, DIMENSIONS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

COLUMNS: Final = {
    "day": "DATE",
    "scope": "VARCHAR",
    "id": "VARCHAR",
    "show_id": "VARCHAR",
    "part": "VARCHAR",
    "value": "VARCHAR",
    "n": "BIGINT",
}
_DAY_SECONDS: Final = 86_400


def collect_facts(
    db: DuckDBPyConnection, tenant: str, zones: Mapping[str, str] | None = None
) -> None:
    """Make the table `facts` from the tables `downloads` and `waterfall` of a count.

    Args:
        db: holds `downloads` (DOWNLOADS and `day`) and `waterfall` (WATERFALL and `day`), of one
            tenant and rule set; any days, one shard or several.
        tenant: the id of the rows in the scope `tenant`.
        zones: IANA time zones by show, for the hours' offsets from UTC. A show without one has
            UTC, which is also right for rule sets that count by UTC days.
    """
    _offsets(db, zones or {})
    db.execute(_OWNERS)
    ddl = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    db.execute(f"CREATE OR REPLACE TEMP TABLE episode_facts ({ddl})")
    _grouped(db, "downloads", "''", "count(*)", "downloads")
    for part, column in DIMENSIONS.items():
        value = f"coalesce(nullif({column}, ''), '{UNKNOWN}')"
        _grouped(db, part, value, "count(*)", "downloads")
    _grouped(db, "ages", _age_bucket(), "count(*)", "downloads")
    _grouped(db, "hours", _local_hour(), "sum(n)", _QUARTERS)
    _grouped(db, "waterfall", "rule", "sum(requests)", "waterfall")
    db.execute(f"CREATE OR REPLACE TEMP TABLE facts ({ddl})")
    db.execute("INSERT INTO facts SELECT * FROM episode_facts")
    db.execute(_SHOWS)
    db.execute(_TENANT, {"tenant": tenant})
    db.execute(_HEARD)
    db.execute(_LISTENERS, {"tenant": tenant})
    for table in ("episode_facts", "heard", "owners", "zones", "offsets"):
        db.execute(f"DROP TABLE {table}")


def write_facts(db: DuckDBPyConnection, path: str) -> None:
    """Write `facts` as Parquet, for a merge of several shards."""
    db.execute(f"COPY facts TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION snappy)")


def merge_facts(db: DuckDBPyConnection, paths: list[str]) -> None:
    """Make the table `facts` from the files of all shards of the same days.

    Listeners add up too, because a shard holds every request of its listeners.
    """
    db.execute(
        """
        CREATE OR REPLACE TEMP TABLE facts AS
        SELECT day, scope, id, max(show_id) AS show_id, part, value, sum(n)::BIGINT AS n
        FROM read_parquet(?, hive_partitioning = false)
        GROUP BY day, scope, id, part, value
        """,
        [paths],
    )


def _grouped(db: DuckDBPyConnection, part: str, value: str, count: str, source: str) -> None:
    """Add one part per episode; all pieces of SQL are ours."""
    db.execute(
        f"""
        INSERT INTO episode_facts
        SELECT day, 'episode', episode_id, show_id, '{part}', value, n
        FROM (
            SELECT day, episode_id, {value} AS value, {count} AS n
            FROM {source} GROUP BY day, episode_id, value
        ) JOIN owners USING (episode_id)
        """  # noqa: S608 - no value of anybody else's stands in it
    )


def _age_bucket() -> str:
    cases = " ".join(f"WHEN age_seconds < {days * _DAY_SECONDS} THEN '{days}'" for days in AGE_DAYS)
    return f"CASE WHEN age_seconds IS NULL THEN '{UNKNOWN}' {cases} ELSE 'older' END"


# An episode has one show, also when its first requests came before anybody knew which.
_OWNERS: Final = """
CREATE OR REPLACE TEMP TABLE owners AS
SELECT episode_id, max(show_id) AS show_id
FROM (
    SELECT DISTINCT episode_id, show_id FROM downloads
    UNION SELECT DISTINCT episode_id, show_id FROM waterfall
)
GROUP BY episode_id
"""

# Quarters of an hour: no zone changes its offset between them, so that the few distinct ones are
# all that the time zone rules are asked about.
_QUARTER: Final = "time_bucket(INTERVAL 15 MINUTE, time)"
_QUARTERS: Final = f"""(
    SELECT d.day, d.episode_id, d.show_id, d.hour, coalesce(o.minutes, 0) AS minutes, d.n
    FROM (
        SELECT day, episode_id, show_id, hour, {_QUARTER} AS quarter, count(*) AS n
        FROM downloads GROUP BY ALL
    ) d
    LEFT JOIN offsets o ON o.show_id = d.show_id AND o.quarter = d.quarter
)"""  # noqa: S608 - a constant


def _local_hour() -> str:
    """`13+01:00`."""
    return (
        "format('{:02d}{}{:02d}:{:02d}', hour, CASE WHEN minutes < 0 THEN '-' ELSE '+' END,"
        " abs(minutes) // 60, abs(minutes) % 60)"
    )


def _offsets(db: DuckDBPyConnection, zones: Mapping[str, str]) -> None:
    """How far local time was from UTC, per show and quarter of an hour that has downloads."""
    db.execute("CREATE OR REPLACE TEMP TABLE zones (show_id VARCHAR, zone VARCHAR)")
    if zones:
        rows = [[show_id, zone] for show_id, zone in sorted(zones.items())]
        db.executemany("INSERT INTO zones VALUES (?, ?)", rows)
    db.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE offsets AS
        SELECT show_id, quarter,
            date_diff('minute', quarter, timezone(zone, timezone('UTC', quarter))) AS minutes
        FROM (
            SELECT DISTINCT show_id, {_QUARTER} AS quarter FROM downloads
        ) JOIN zones USING (show_id)
        """  # noqa: S608 - a constant
    )


_SHOWS: Final = """
INSERT INTO facts
SELECT day, 'show', show_id, show_id, part, value, sum(n)
FROM episode_facts WHERE show_id <> '' GROUP BY day, show_id, part, value
UNION ALL
SELECT day, 'show', show_id, show_id, 'episodes', id, n
FROM episode_facts WHERE part = 'downloads' AND show_id <> ''
"""

_TENANT: Final = """
INSERT INTO facts
SELECT day, 'tenant', $tenant, '', part, value, sum(n)
FROM episode_facts GROUP BY day, part, value
UNION ALL
SELECT day, 'tenant', $tenant, '', 'episodes', id, n
FROM episode_facts WHERE part = 'downloads'
UNION ALL
SELECT day, 'tenant', $tenant, '', 'shows', show_id, sum(n)
FROM episode_facts WHERE part = 'downloads' AND show_id <> '' GROUP BY day, show_id
"""

# Names are long; numbers in their place make what follows several times quicker.
_HEARD: Final = """
CREATE OR REPLACE TEMP TABLE heard AS
WITH people AS (
    SELECT listener, row_number() OVER () AS person FROM (SELECT DISTINCT listener FROM downloads)
)
SELECT DISTINCT d.day, d.episode_id, p.person FROM downloads d JOIN people p USING (listener)
"""
_LISTENERS: Final = """
INSERT INTO facts
SELECT day, 'episode', episode_id, show_id, 'listeners', '', count(*)
FROM heard JOIN owners USING (episode_id) GROUP BY day, episode_id, show_id
UNION ALL
SELECT day, 'show', show_id, show_id, 'listeners', '', count(*)
FROM (
    SELECT DISTINCT day, show_id, person
    FROM heard JOIN owners USING (episode_id) WHERE show_id <> ''
)
GROUP BY day, show_id
UNION ALL
SELECT day, 'tenant', $tenant, '', 'listeners', '', count(*)
FROM (SELECT DISTINCT day, person FROM heard)
GROUP BY day
"""


def _quoted(text: str) -> str:
    return text.replace("'", "''")
