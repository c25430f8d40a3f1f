"""What a count gives: the waterfall, the downloads, the verdict of each request.

Tables of the run (temporary, in a fixed order so that a recount is the same to the byte):

- `counted_waterfall`: day and WATERFALL.
- `counted_downloads`: day and DOWNLOADS (only with detail).
- `counted_verdicts`: file_id, line, day and rule, one row per request (on demand).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.engine.dimensions import UTC, fill, zone_named
from tallycast.measurement.engine.groups import order_sql
from tallycast.measurement.engine.plan import LOW_BITS, LOW_MASK
from tallycast.measurement.engine.rows import of_the_shard
from tallycast.measurement.engine.spells import unit_keys, unit_rows
from tallycast.measurement.model import COUNTED, DOWNLOADS
from tallycast.measurement.rulesets import (
    DELIVERED_TWICE,
    NOT_ENOUGH,
    PROBE_REPLACED,
    REPEAT,
    VOLUME,
)
from tallycast.measurement.windows import offsets_in

if TYPE_CHECKING:
    import duckdb

    from tallycast.measurement.engine.plan import Plan

_EPISODE = f"((item & {LOW_MASK}) >> 1)"
_SOURCE = "CASE WHEN item & 1 = 0 THEN 'log' ELSE 'prefix' END"
_AGENT = f"(item >> {LOW_BITS})"


# What a download takes from the request that won it.
_OF_THE_REQUEST = (
    "time", "ip_key", "ip_hash", "ip_hash_previous", "source", "country", "region", "asn",
    "network", "referrer",
)  # fmt: skip


def not_enough(plan: Plan) -> str:
    """The verdict of requests whose window did not reach the threshold."""
    return NOT_ENOUGH.get(plan.rules.threshold, REPEAT)


def _broken_rule(plan: Plan) -> str:
    """The first rule a dropped row breaks."""
    tests = " ".join(
        f"WHEN item >> {LOW_BITS} & {bit} <> 0 THEN '{name}'" for name, bit in plan.bits.items()
    )
    return f"CASE {tests} END" if tests else "NULL::VARCHAR"


def _day(plan: Plan) -> str:
    return "day" if plan.dated else f"DATE '{plan.day}'"


def _of_the_day(plan: Plan) -> str:
    return f"day = DATE '{plan.day}'" if plan.windowed and plan.day is not None else "TRUE"


def waterfall(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Build `counted_waterfall`: the requests of each day, episode and source by verdict."""
    own = " WHERE opened IS NULL" if plan.carried else ""
    probes = "0"
    if plan.rules.keeps_probe:
        probes = "CASE WHEN valid AND larger THEN probes ELSE 0 END"
    valid = f"""SELECT day, es, CASE WHEN valid THEN '{REPEAT}' ELSE '{not_enough(plan)}' END,
            n - won - replaced FROM units
        UNION ALL SELECT day, es, '{COUNTED}', won FROM units
        UNION ALL SELECT day, es, '{PROBE_REPLACED}', replaced FROM units"""  # noqa: S608 - our own names
    order = " ".join(
        f"WHEN '{name}' THEN {place}" for place, name in enumerate(plan.rules.verdicts)
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted_waterfall AS
        WITH units AS MATERIALIZED (
            SELECT day, item & {LOW_MASK} AS es, valid, sum(n)::BIGINT AS n,
                count_if(valid AND opens) AS won, sum({probes})::BIGINT AS replaced
            FROM count_units GROUP BY ALL),
        lines AS (
            SELECT {_day(plan)} AS day, item & {LOW_MASK} AS es, {_broken_rule(plan)} AS rule, n
            FROM count_groups WHERE ip IS NULL
            UNION ALL SELECT {_day(plan)}, item & {LOW_MASK}, '{DELIVERED_TWICE}', count(*)
            FROM count_doubles {own} GROUP BY ALL
            UNION ALL SELECT {_day(plan)}, item & {LOW_MASK}, '{VOLUME}', count(*)
            FROM count_excess GROUP BY ALL
            UNION ALL {valid}),
        summed AS (SELECT day, es, rule, sum(n)::BIGINT AS requests FROM lines
            WHERE {_of_the_day(plan)} GROUP BY day, es, rule HAVING sum(n) > 0)
        SELECT * FROM (
            SELECT day, show_name AS show_id, episode AS episode_id,
                CASE WHEN es & 1 = 0 THEN 'log' ELSE 'prefix' END AS source, rule,
                sum(requests)::BIGINT AS requests
            FROM summed JOIN count_episodes ON es >> 1 = e GROUP BY ALL)
        ORDER BY day, show_id, episode_id, source, CASE rule {order} ELSE 99 END"""  # noqa: S608 - our own names
    )


def downloads(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Build `counted_downloads`: one row for each window that opened and holds a download."""
    together = "GREATEST(best, COALESCE(together, 0))" if plan.measured else "best"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_won AS
        SELECT {_EPISODE}::INTEGER AS won_e, {_AGENT} AS won_u, day AS won_day,
            ((winner >> 44) & 1048575)::INTEGER AS won_f,
            (winner & 17592186044415)::BIGINT AS won_line,
            NULLIF({together}, 0)::BIGINT AS won_bytes
        FROM count_units WHERE valid AND opens AND {_of_the_day(plan)}"""  # noqa: S608 - our own names
    )
    _clocks(connection, plan)
    listener_agent = "agent_digest"
    if plan.rules.unique_by == "file_and_referrer":
        listener_agent = "left(md5(agent_digest || COALESCE(referrer, '')), 16)"
    local = "time + to_seconds(CASE WHEN time >= turn THEN offset_1 ELSE offset_0 END)"
    values = {
        "show_id": "show_name",
        "episode_id": "episode",
        "hour": f"hour({local})",
        "listener": f"left(md5(COALESCE(ip_hash, '')), 16) || {listener_agent}",
        "source": "CASE WHEN source = 'log' THEN 'log' ELSE 'prefix' END",
        "bytes": "won_bytes",
        "age_seconds": "(epoch_us(time) - epoch_us(released)) // 1000000",
        "app": "agent_name",
        "app_kind": "agent_kind",
        "device": "agent_device",
        "category": "agent_category",
    }
    picks = ", ".join(
        f"({values.get(name, name)})::{kind} AS {name}" for name, kind in DOWNLOADS.items()
    )
    requests = ", ".join(_OF_THE_REQUEST)
    # Files that are sorted by the IP's hash need then be read in part only.
    own = of_the_shard(plan) if plan.day is not None else "TRUE"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted_downloads AS
        SELECT won_day AS day, {picks} FROM (
            SELECT {requests}, won_e, won_u, won_day, won_bytes, won_f, won_line
            FROM {plan.source} JOIN count_files ON file_id = file_key
            JOIN count_won ON f = won_f AND line = won_line WHERE {own})
        JOIN count_episodes ON won_e = e JOIN count_agents ON won_u = u
        JOIN count_clocks ON z = clock_z AND time::DATE = clock_date
        ORDER BY won_day, e, time, won_f, won_line"""  # noqa: S608 - our own names
    )


def _clocks(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_clocks`: by zone and UTC date, the offsets of local time, and when they change."""
    dates = connection.execute(
        f"SELECT DISTINCT time::DATE AS day FROM {plan.source} ORDER BY day"  # noqa: S608 - our own names
    ).fetchall()
    zones = connection.execute("SELECT z, zone FROM count_zones ORDER BY z").fetchall()
    fill(
        connection,
        "count_clocks",
        {
            "clock_z": "INTEGER",
            "clock_date": "DATE",
            "offset_0": "INTEGER",
            "turn": "TIMESTAMP",
            "offset_1": "INTEGER",
        },
        [
            (z, day, *offsets_in(day, zone_named(name) if name else UTC))
            for z, name in zones
            for (day,) in dates
        ],
    )


def verdicts(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Build `counted_verdicts`: which rule every single request met (needs detail)."""
    keys = unit_keys(plan)
    winner = f"{order_sql(plan)} = winner"
    probe = ""
    if plan.rules.keeps_probe:
        probe = f"WHEN probe AND larger THEN '{PROBE_REPLACED}'"
    own = " WHERE opened IS NULL" if plan.carried else ""
    own_too = " AND opened IS NULL" if plan.carried else ""
    same_day = " AND rows.day = units.day" if plan.windowed else ""
    on = " AND ".join(f"rows.{key} IS NOT DISTINCT FROM units.{key}" for key in keys.split(", "))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted_verdicts AS
        WITH units AS (FROM count_units), rows AS (SELECT * FROM {unit_rows(plan)}{own}),
        lines AS (
            SELECT f, line, {_day(plan)} AS day, {_broken_rule(plan)} AS rule
            FROM count_rows WHERE ip IS NULL{own_too}
            UNION ALL SELECT f, line, {_day(plan)}, '{DELIVERED_TWICE}' FROM count_doubles{own}
            UNION ALL SELECT f, line, {_day(plan)}, '{VOLUME}' FROM count_excess
            UNION ALL SELECT rows.f, rows.line, units.day, CASE
                WHEN NOT valid THEN '{not_enough(plan)}'
                WHEN {winner} THEN '{COUNTED}' {probe} ELSE '{REPEAT}' END
            FROM rows JOIN units ON {on}{same_day})
        SELECT file_key AS file_id, line, day, rule FROM lines JOIN count_files USING (f)
        WHERE {_of_the_day(plan)} ORDER BY file_id, line"""  # noqa: S608 - our own names
    )
