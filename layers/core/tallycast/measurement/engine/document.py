"""A finished count as one JSON-ready document, for the command line and for comparing counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tallycast.measurement.model import COUNTED
from tallycast.measurement.uniqueness import identity_sql

if TYPE_CHECKING:
    import duckdb

    from tallycast.measurement.engine.plan import Plan


def _listeners_sql(period: Literal["day", "all"]) -> str:
    """A query for the distinct listeners (IP and user agent) of each day, or of all at once.

    They never add up over days. IPs are compared under the older of two months' keys.
    """
    start = {"day": "day", "all": "min(day) OVER ()"}[period]
    return f"""SELECT period, count(DISTINCT who) AS listeners FROM (
            SELECT *, {identity_sql("base")} || right(listener, 16) AS who FROM (
                SELECT *, min(ip_key) OVER (PARTITION BY period) AS base
                FROM (SELECT *, {start} AS period FROM counted_downloads)))
        GROUP BY period ORDER BY period"""  # noqa: S608 - our own names


def document(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, Any]:
    """The result of a count as JSON-ready values (see `engine.Count.document`)."""
    by_rule = connection.execute(
        "SELECT rule, sum(requests)::BIGINT FROM counted_waterfall GROUP BY rule"
    ).fetchall()
    found = dict(by_rule)
    by_day = _by(connection, "day")
    if plan.detail:
        for start, number in connection.execute(_listeners_sql("day")).fetchall():
            by_day[str(start)]["listeners"] = number
    return {
        "rules": plan.rules.name,
        "version": plan.rules.version,
        "digest": plan.rules.digest,
        "window": plan.rules.window,
        "requests": sum(found.values()),
        "downloads": found.get(COUNTED, 0),
        "listeners": _listeners(connection, plan),
        "waterfall": [
            {"rule": rule, "dropped": found[rule]}
            for rule in plan.rules.verdicts
            if rule != COUNTED and rule in found
        ],
        "by_source": _by(connection, "source"),
        "by_day": by_day,
        "by_episode": _by(connection, "episode_id"),
        "by_day_and_episode": _cells(connection),
    }


def _cells(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The whole waterfall: what two counts are compared by."""
    cells: dict[tuple[str, str], dict[str, int]] = {}
    for day, episode, rule, requests in connection.execute(
        """SELECT day::VARCHAR, episode_id, rule, sum(requests)::BIGINT FROM counted_waterfall
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall():
        cells.setdefault((day, episode), {})[rule] = requests
    return [
        {"day": day, "episode_id": episode, "verdicts": rules}
        for (day, episode), rules in cells.items()
    ]


def _by(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        f"""SELECT {column}::VARCHAR, sum(requests)::BIGINT,
            COALESCE(sum(requests) FILTER (rule = '{COUNTED}'), 0)::BIGINT
        FROM counted_waterfall GROUP BY {column} ORDER BY {column}"""  # noqa: S608 - our own names
    ).fetchall()
    return {
        value: {"requests": requests, "downloads": downloads} for value, requests, downloads in rows
    }


def _listeners(connection: duckdb.DuckDBPyConnection, plan: Plan) -> int:
    if plan.detail:
        query = f"SELECT COALESCE(sum(listeners), 0) FROM ({_listeners_sql('all')})"  # noqa: S608 - our own names
    else:
        query = """SELECT count(DISTINCT hash(ip, item >> 28)) FROM count_units
            WHERE valid AND opens"""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
