"""What the rows of a count are joined with: files and episodes, user agents, zones, odd ranges.

Everything here is decided once per distinct value; the tables are small and temporary.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallycast.feeds.files import aliases
from tallycast.measurement import filters, ranges, threshold
from tallycast.measurement.model import AGENTS, EPISODES
from tallycast.measurement.windows import day_bounds, reporting_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    import duckdb

    from tallycast.measurement.engine.plan import Classifier, Plan

UTC = ZoneInfo("UTC")


def zone_named(name: str | None) -> ZoneInfo:
    """The time zone of an IANA name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def fill(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str],
    rows: Iterable[Sequence[object]],
) -> None:
    """Create a temporary table from Python rows, by columns (a row at a time takes far longer)."""
    lists = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
    picks = ", ".join(
        f"unnest(${place}::{kind}[]) AS {name}"
        for place, (name, kind) in enumerate(columns.items(), start=1)
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {picks}", lists)


def build(connection: duckdb.DuckDBPyConnection, plan: Plan, classifier: Classifier) -> None:
    """All tables that `rows` joins: `count_media`, `count_episodes`, `count_agents` and more."""
    _media(connection, plan)
    _zones(connection, plan)
    _agents(connection, plan, classifier)
    if plan.traced:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE count_files AS
            SELECT file_id AS file_key, (row_number() OVER (ORDER BY file_id) - 1)::INTEGER AS f
            FROM (SELECT DISTINCT file_id FROM {plan.source})"""  # noqa: S608 - our own names
        )


def _media(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_media`: every file of the requests, with what is known of it."""
    parts = "bool_or(COALESCE(part, '') <> '')" if plan.has_slots else "FALSE"
    told = "min(total_bytes) FILTER (total_bytes > 0)" if plan.has_totals else "NULL::BIGINT"
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in EPISODES.items())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_known AS
        SELECT *, {threshold.LENGTH} AS length
        FROM (SELECT {columns} FROM {plan.episodes})
        QUALIFY row_number() OVER (PARTITION BY media ORDER BY {", ".join(EPISODES)}) = 1"""  # noqa: S608 - our own names
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_seen AS
        SELECT media, {parts} AS segmented, {told} AS least_told
        FROM {plan.source} GROUP BY media"""  # noqa: S608 - our own names
    )
    _aliases(connection)
    unknown = connection.execute(
        f"""SELECT media, COALESCE(min(show_id) FILTER (show_id <> ''), '') FROM {plan.source}
        ANTI JOIN count_known USING (media) GROUP BY media"""  # noqa: S608 - our own names
        if _any_unknown(connection)
        else "SELECT NULL, NULL LIMIT 0"
    ).fetchall()
    fill(
        connection,
        "count_unknown",
        {"media": "VARCHAR", "episode_id": "VARCHAR", "show_id": "VARCHAR"},
        [(media, plan.named(media or ""), show) for media, show in unknown],
    )
    zone = f"""COALESCE(known.zone, '{plan.zone.replace("'", "''")}')"""
    if plan.rules.zone == "utc":
        zone = "'UTC'"
    same = "episode"
    if plan.rules.unique_by == "file_and_referrer":
        same = "episode, file"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_media AS
        WITH joined AS (
            SELECT seen.media AS media_key, seen.segmented, seen.least_told,
                COALESCE(known_as, seen.media) AS file,
                COALESCE(known.episode_id, unknown.episode_id) AS episode,
                COALESCE(known.show_id, unknown.show_id, '') AS show_name,
                {zone} AS zone,
                known.released_at AS released, known.length,
                {threshold.minute_sql(plan.rules.assumed_bitrate_bps)} AS minute,
                COALESCE(regexp_matches(seen.media, '\\.m3u8?$', 'i'), FALSE) AS is_playlist
            FROM count_seen AS seen
            LEFT JOIN count_aliases AS alias ON seen.media = alias.media
            LEFT JOIN count_known AS known ON COALESCE(known_as, seen.media) = known.media
            LEFT JOIN count_unknown AS unknown ON seen.media IS NOT DISTINCT FROM unknown.media)
        SELECT media_key, file, episode, length, minute, is_playlist,
            COALESCE(bool_or(segmented) OVER file, FALSE) AS segmented,
            min(least_told) OVER file AS least_told,
            (dense_rank() OVER (ORDER BY episode, file) - 1)::INTEGER AS m,
            (dense_rank() OVER (ORDER BY {same}) - 1)::INTEGER AS e,
            min(show_name) OVER same AS show_name, min(zone) OVER same AS zone,
            min(released) OVER same AS released,
            LEAST(minute, length) AS needed,
            min(file) OVER same <> max(file) OVER same AS several
        FROM joined WINDOW same AS (PARTITION BY {same}), file AS (PARTITION BY file)"""  # noqa: S608 - our own names
    )


def _aliases(connection: duckdb.DuckDBPyConnection) -> None:
    """`count_aliases`: files asked for with more parameters than the feeds know them by."""
    path = "split_part(media, '?', 1)"
    found = connection.execute(
        f"""WITH asked AS (
            SELECT media, {path} AS path FROM count_seen
            ANTI JOIN count_known USING (media) WHERE contains(media, '?')),
        known AS (
            SELECT media, path FROM (SELECT media, {path} AS path FROM count_known)
            SEMI JOIN asked USING (path))
        SELECT media, TRUE FROM known
        UNION ALL SELECT media, FALSE FROM asked SEMI JOIN known USING (path)"""  # noqa: S608 - our own names
    ).fetchall()
    known = [media for media, is_known in found if is_known]
    asked = [media for media, is_known in found if not is_known]
    columns = {"media": "VARCHAR", "known_as": "VARCHAR"}
    fill(connection, "count_aliases", columns, aliases(asked, known).items())


def _any_unknown(connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM count_seen ANTI JOIN count_known USING (media)"
    ).fetchone()
    return bool(row and row[0])


def _zones(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_zones`: by zone, the bounds of the days of this run, as naive UTC.

    `count_dates`, when all days are counted: by zone and UTC date, which days it holds.
    """
    names = sorted(
        name for (name,) in connection.execute("SELECT DISTINCT zone FROM count_media").fetchall()
    )
    rows = []
    for number, name in enumerate(names):
        bounds: list[datetime | None] = [None] * 4
        if plan.day is not None:
            zone = zone_named(name)
            start, end = day_bounds(plan.day, zone)
            before = day_bounds(plan.days[0], zone)[0]
            after = day_bounds(plan.days[-1], zone)[1]
            bounds = [before, start, end, after]
        rows.append((name, number, *bounds))
    fill(
        connection,
        "count_zones",
        {
            "zone": "VARCHAR",
            "z": "INTEGER",
            "run_from": "TIMESTAMP",
            "day_from": "TIMESTAMP",
            "day_until": "TIMESTAMP",
            "run_until": "TIMESTAMP",
        },
        rows,
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE count_media AS
        SELECT * FROM count_media JOIN count_zones USING (zone)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE count_episodes AS
        SELECT e, episode, show_name, z, zone, day_until, min(released) AS released,
            max(needed) AS needed
        FROM count_media GROUP BY ALL"""
    )
    if plan.day is None:
        dates = [
            day
            for (day,) in connection.execute(
                f"SELECT DISTINCT time::DATE AS day FROM {plan.source} ORDER BY day"  # noqa: S608 - our own names
            ).fetchall()
        ]
        fill(
            connection,
            "count_dates",
            {
                "date_z": "INTEGER",
                "date_utc": "DATE",
                "day_0": "DATE",
                "from_1": "TIMESTAMP",
                "day_1": "DATE",
                "from_2": "TIMESTAMP",
                "day_2": "DATE",
            },
            [
                (number, day, *_days_in(day, zone_named(name)))
                for number, name in enumerate(names)
                for day in dates
            ],
        )


def _days_in(date_utc: date, zone: ZoneInfo) -> tuple[object, ...]:
    """The local days a UTC date holds: the first, and up to two (start, day) after it."""
    start, end = day_bounds(date_utc, UTC)
    first = reporting_day(start.replace(tzinfo=UTC), zone)
    found: list[object] = [first]
    day = first
    while True:
        begins = day_bounds(day, zone)[1]
        if begins >= end:
            break
        following = reporting_day(begins.replace(tzinfo=UTC), zone)
        day = max(following, day.fromordinal(day.toordinal() + 1))
        if begins > start:
            found += [begins, day]
        else:
            found[0] = day
    return (*found, *([None] * (5 - len(found))))[:5]


def _agents(connection: duckdb.DuckDBPyConnection, plan: Plan, classifier: Classifier) -> None:
    """`count_agents`: every distinct user agent and the bits of the rules it breaks.

    With detail also its digest and what it is.
    """
    seen = [
        agent
        for (agent,) in connection.execute(
            f"SELECT DISTINCT user_agent FROM {plan.source}"  # noqa: S608 - our own names
        ).fetchall()
    ]
    bits = plan.bits
    rows: list[tuple[object, ...]] = []
    for number, (agent, told) in enumerate(
        zip(seen, classifier.classify([agent or "" for agent in seen]), strict=True)
    ):
        kind, name, device, category, is_bot, is_watch = told[-6:]
        faults = filters.agent_faults(
            agent,
            str(kind),
            is_bot=bool(is_bot),
            is_watch=bool(is_watch),
            library_bots=plan.rules.library_bots,
        )
        row: tuple[object, ...] = (
            agent,
            number,
            sum(bits[fault] for fault in faults if fault in bits),
        )
        if plan.traced:
            row += (_digest(agent), kind, name, device, category, is_bot, is_watch)
        rows.append(row)
    columns = {"agent_key": "VARCHAR", "u": "INTEGER", "faults": "INTEGER"}
    if plan.traced:
        columns["agent_digest"] = "VARCHAR"
        columns |= {f"agent_{name}": kind for name, kind in list(AGENTS.items())[1:]}
    fill(connection, "count_agents", columns, rows)


def _digest(agent: str | None) -> str:
    text = (agent or "").encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def odd_ranges(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_spans`: every distinct range with several parts, and what it is credited with.

    Such headers are rare; each is worked out in Python, as the rules on ranges say.
    """
    keys = ("source", "status", "range_start", "range_end", "more_ranges", "bytes_sent", "size")
    asked = connection.execute(
        f"""SELECT DISTINCT {", ".join(keys)}
        FROM (SELECT *, {ranges.SIZE} AS size FROM {plan.source}
            JOIN count_media ON media IS NOT DISTINCT FROM media_key)
        WHERE more_ranges <> '' ORDER BY ALL"""  # noqa: S608 - our own names
    ).fetchall()
    rows = []
    for number, key in enumerate(asked):
        ask = ranges.Ask(*key)
        found = ranges.merge(ranges.spans(ask))
        longest = max(found, key=lambda span: span[1] - span[0], default=(0, -1))
        largest = ranges.largest_asked(ask.start or 0, ask.end, ask.more)
        rows.append(
            (*key, number, largest, longest[0], longest[1] - longest[0] + 1,
             [start for start, _ in found], [end - start + 1 for start, end in found])
        )  # fmt: skip
    fill(
        connection,
        "count_spans",
        {
            "span_source": "VARCHAR", "span_status": "SMALLINT", "span_start": "BIGINT",
            "span_end": "BIGINT", "span_more": "VARCHAR", "span_sent": "BIGINT",
            "span_size": "BIGINT", "spans": "INTEGER", "spans_largest": "BIGINT",
            "spans_first": "BIGINT", "spans_credit": "BIGINT", "spans_from": "BIGINT[]",
            "spans_length": "BIGINT[]",
        },
        rows,
    )  # fmt: skip
