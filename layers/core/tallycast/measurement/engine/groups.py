"""From rows to groups: one listener, one episode, one day; repeated deliveries and volume.

Most is decided by sums over groups. Rows are looked at again only where sums cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.engine.plan import LOW_MASK
from tallycast.measurement.engine.rows import columns, rows_sql

if TYPE_CHECKING:
    import duckdb

    from tallycast.measurement.engine.plan import Plan

# What makes two requests with the same name the same request, beside listener and episode.
_SAME = (
    "time, source, media, part, request_id, method, status, range_start, range_end, "
    "more_ranges, bytes_sent"
)
# One moment, as one of 64 bits: as many bits as rows prove that no two rows share a moment.
_MOMENT = "bit_or(1::UBIGINT << (hash(time) & 63))"
# The order of requests in a window: by time, then file and line. What replaces a probe goes first.
ORDER = "((epoch_us(time)::HUGEINT << 64) + (f::HUGEINT << 44) + line)"


def _keys(plan: Plan) -> str:
    return "ip, item, day" if plan.dated else "ip, item"


def order_sql(plan: Plan) -> str:
    """The place of a row in its window: the smallest one is the download."""
    return f"({ORDER} + (probe::HUGEINT << 120))" if plan.rules.keeps_probe else ORDER


def number(plan: Plan) -> str:
    """How many requests of this run a group has, and how many of them are probes."""
    own = "opened IS NULL" if plan.carried else "TRUE"
    probes = f", count(*) FILTER ({own} AND probe) AS probes" if plan.rules.keeps_probe else ""
    return f"count(*) FILTER ({own}) AS n{probes}" if plan.carried else f"count(*) AS n{probes}"


def sums(plan: Plan, within: str | None = None) -> str:
    """What is kept of the rows of a group or of a window.

    Args:
        plan: the run.
        within: which rows of the window are credited with bytes; None for all.
    """
    credited = f" FILTER ({within})" if within else ""
    found = [f"sum(w){credited} AS s"]
    if plan.windowed:
        found += ["min(time) AS t_first", "max(time) AS t_last"]
    if plan.carried:
        found.append("bool_or(opened IS NOT NULL) AS ghost")
    if plan.limited_by != "ip":
        found.append(f"min({plan.limited_by}) AS {plan.limited_by}")
    if plan.has_ids:
        found.append(f"{_MOMENT} AS moments")
    if plan.rules.keeps_probe:
        found.append("bool_or(NOT probe) AS larger")
    if plan.detail:
        found += [f"min({order_sql(plan)}) AS winner", f"max(c){credited} AS best"]
    return ", ".join(found)


def group(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_rows`, then `count_groups`; what was delivered twice or is excess lies apart.

    `count_doubles` and `count_excess` have the columns of `count_rows`.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE count_rows AS {rows_sql(plan)}")
    # Dropped rows have no IP and are few groups: apart from the others they cost next to nothing.
    sums_of = f"SELECT {_keys(plan)}, {number(plan)}, {sums(plan)} FROM count_rows"  # noqa: S608 - our own names
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_groups AS
        {sums_of} WHERE ip IS NOT NULL GROUP BY {_keys(plan)}
        UNION ALL {sums_of} WHERE ip IS NULL GROUP BY {_keys(plan)}"""
    )
    for table in ("count_doubles", "count_excess"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM count_rows LIMIT 0")
    if plan.has_ids:
        _set_doubles_apart(connection, plan)
    if plan.limited:
        _set_excess_apart(connection, plan)


def _first_of(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _set_doubles_apart(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Move every delivery of a request but the first out of `count_rows`.

    The same request has the same name, the same moment and asks the same; a name alone proves
    nothing, because a log may call all its lines `-`.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_ties AS
        SELECT ip, item, time FROM count_rows
        SEMI JOIN (SELECT DISTINCT ip, item FROM count_groups
            WHERE ip IS NOT NULL AND bit_count(moments) < n
            {"OR ghost" if plan.carried else ""}) USING (ip, item)
        GROUP BY ip, item, time HAVING count(*) > 1"""  # noqa: S608 - our own names
    )
    if not _first_of(connection, "SELECT count(*) FROM count_ties"):
        return
    names = ["ip", "item", *columns(plan)]
    rows = rows_sql(
        plan,
        extra=("file_id AS d_file", "line AS d_line", *_SAME_EXTRA),
        where="request_id <> '' AND time IN (SELECT time FROM count_ties)",
    )
    same = ", ".join(f"d_{name}" for name in _SAME_NAMES)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_found AS
        SELECT {", ".join(names)} FROM ({rows}) SEMI JOIN count_ties USING (ip, item, time)
        QUALIFY row_number() OVER (PARTITION BY ip, item, time, {same}
            ORDER BY {"opened IS NULL, " if plan.carried else ""}d_file, d_line) > 1"""  # noqa: S608 - our own names
    )
    if not _first_of(connection, "SELECT count(*) FROM count_found"):
        return
    # Without file and line, deliveries of one request are alike: it does not matter which go.
    alike = " AND ".join(f"r.{name} IS NOT DISTINCT FROM d.{name}" for name in names)
    connection.execute(
        f"""DELETE FROM count_rows WHERE rowid IN (
            SELECT id FROM (
                SELECT r.rowid AS id, d.copies,
                    row_number() OVER (PARTITION BY {", ".join("r." + n for n in names)}) AS place
                FROM count_rows AS r
                JOIN (SELECT {", ".join(names)}, count(*) AS copies
                    FROM count_found GROUP BY ALL) AS d
                ON {alike})
            WHERE place <= copies)"""  # noqa: S608 - our own names
    )
    connection.execute("INSERT INTO count_doubles FROM count_found")
    _regroup(connection, plan, "count_found")


_SAME_NAMES = tuple(name.strip() for name in _SAME.split(","))
_SAME_EXTRA = tuple(f'"{name}" AS d_{name}' for name in _SAME_NAMES)


def _regroup(connection: duckdb.DuckDBPyConnection, plan: Plan, touched: str) -> None:
    """Sum the groups again of which rows were taken away."""
    keys = _keys(plan)
    connection.execute(
        f"""DELETE FROM count_groups WHERE rowid IN (SELECT g.rowid FROM count_groups AS g
        SEMI JOIN (SELECT DISTINCT {keys} FROM {touched}) AS t USING ({keys}))"""  # noqa: S608 - our own names
    )
    connection.execute(
        f"""INSERT INTO count_groups SELECT {keys}, {number(plan)}, {sums(plan)} FROM count_rows
        SEMI JOIN (SELECT DISTINCT {keys} FROM {touched}) AS t USING ({keys}) GROUP BY {keys}"""  # noqa: S608 - our own names
    )


def _buckets(connection: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[str, str]:
    """Which bits of an IP name its bucket, and which buckets can hold one that asks for too much.

    What is within the limit for all IPs of a bucket is within it for each, and far fewer buckets
    than IPs are needed to tell: as many as hold two thirds of a limit each if IPs were all alike.
    """
    row = connection.execute("SELECT count(*), COALESCE(sum(n), 0) FROM count_groups").fetchone()
    groups, requests = row or (0, 0)
    limits = [
        (groups, "count(*)", plan.rules.most_episodes_per_ip),
        (requests, "sum(n)", plan.rules.most_requests_per_ip),
    ]
    known = [(number, total, most) for number, total, most in limits if most is not None]
    fewest = max(int(number) * 3 // (2 * most + 2) for number, _, most in known)
    wide = " OR ".join(f"{total} > {most}" for _, total, most in known)
    return f"({plan.limited_by} & {(1 << fewest.bit_length()) - 1})", wide


def _set_excess_apart(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Move all rows of an IP and day out of `count_rows` that ask for more than people do."""
    and_day = ", day" if plan.dated else ""
    by = f"{plan.limited_by}{and_day}"
    # Where each file is counted by itself, an episode may have several numbers.
    episode, known = f"(item & {LOW_MASK}) >> 1", ""
    if plan.rules.unique_by != "episode":
        known = f"JOIN count_episodes ON {episode} = e"
        episode = "episode"
    limits = {
        f"count(DISTINCT {episode})": plan.rules.most_episodes_per_ip,
        "sum(n)": plan.rules.most_requests_per_ip,
    }
    exact = " OR ".join(f"{found} > {most}" for found, most in limits.items() if most is not None)
    suspects, wide = _buckets(connection, plan)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_flagged AS
        SELECT {by} FROM count_groups {known} WHERE ip IS NOT NULL AND n > 0 AND {suspects} IN (
            SELECT {suspects} FROM count_groups WHERE ip IS NOT NULL AND n > 0
            GROUP BY {suspects}{and_day} HAVING {wide})
        GROUP BY {by} HAVING {exact}"""  # noqa: S608 - our own names
    )
    if not _first_of(connection, "SELECT count(*) FROM count_flagged"):
        return
    own = " AND opened IS NULL" if plan.carried else ""
    connection.execute(
        f"""DELETE FROM count_flagged WHERE rowid IN (SELECT f.rowid FROM count_flagged AS f
        SEMI JOIN (SELECT {by} FROM count_rows WHERE x AND ip IS NOT NULL{own}) AS r
            USING ({by}))"""  # noqa: S608 - our own names
    )
    connection.execute(
        f"""INSERT INTO count_excess SELECT r.* FROM count_rows AS r
        SEMI JOIN count_flagged USING ({by}) WHERE TRUE{own}"""  # noqa: S608 - our own names
    )
    connection.execute(
        f"""DELETE FROM count_rows WHERE rowid IN (SELECT r.rowid FROM count_rows AS r
        SEMI JOIN count_flagged USING ({by}) WHERE TRUE{own})"""  # noqa: S608 - our own names
    )
    _regroup(connection, plan, "count_excess")
