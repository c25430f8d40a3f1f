"""From groups to windows, and which windows hold a download.

`count_units` has one row per window and reporting day on which it has requests: ip, item, win
(its first moment, or nothing where the day is the window), day, n, `opens` (its first request is
of this day and this run), the sums of the whole window, and whether it is `valid`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.engine.groups import number, sums
from tallycast.measurement.engine.plan import LOW_MASK
from tallycast.measurement.engine.rows import ENOUGH

if TYPE_CHECKING:
    import duckdb

    from tallycast.measurement.engine.plan import Plan

_DAY = "INTERVAL 24 HOUR"
# Sums of shares are floating: between these, ranges decide.
_SURE, _CLOSE = ENOUGH, 0.999
_OPEN = f"s >= {_CLOSE} AND s < {_SURE}"
# Ranges that touch no block in common share no byte, and their lengths add up without sorting.
# Blocks of 64 KiB, as bits, for ranges within the first 62: players fetch in pieces that are a
# power of two long.
_FIRST, _LAST = "(a >> 16)", "((a + c - 1) >> 16)"
_IN_BITS = f"a >= 0 AND {_LAST} < 62"
_BLOCKS = f"bit_or(CASE WHEN {_IN_BITS} THEN (2::BIGINT << {_LAST}) - (1::BIGINT << {_FIRST}) END)"
_TOUCHED = f"sum(CASE WHEN {_IN_BITS} THEN {_LAST} - {_FIRST} + 1 ELSE 64 END)"
# Where a piece without bytes touches no block: its first one comes after its last.
_NOWHERE = 1 << 16


def unit_keys(plan: Plan) -> str:
    """What names a window."""
    if plan.windowed:
        return "ip, item, win"
    return "ip, item, day" if plan.dated else "ip, item"


def find(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Build `count_units` from `count_groups` and, where it takes them, `count_rows`."""
    if plan.windowed:
        _rolling_units(connection, plan)
    else:
        day = "day" if plan.dated else f"DATE '{plan.day}' AS day"
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW count_spells AS
            SELECT * {"" if plan.dated else f", {day}"}, TRUE AS opens
            FROM count_groups WHERE ip IS NOT NULL"""  # noqa: S608 - our own names
        )
    if not plan.measured:
        connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW count_units AS
            SELECT *, s >= {_SURE} AS valid FROM count_spells"""  # noqa: S608 - our own names
        )
        return
    _cover(connection, plan)
    keys = unit_keys(plan)
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW count_units AS
        SELECT *, NULL::BIGINT AS together, s >= {_SURE} AS valid
        FROM count_spells WHERE ({_OPEN}) IS NOT TRUE
        UNION ALL BY NAME
        SELECT spells.*, together, COALESCE(proved, FALSE) AS valid
        FROM count_spells AS spells LEFT JOIN count_covered USING ({keys}) WHERE {_OPEN}"""  # noqa: S608 - our own names
    )


def _rolling_units(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_spells` for windows that may go on into another day.

    Nearly all listeners ask for an episode within one day: their group is their window. The rows
    of the others lie in `count_long`, each with the window it falls into.
    """
    ghost = "OR bool_or(ghost)" if plan.carried else ""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_long_keys AS
        SELECT ip, item FROM count_groups WHERE ip IS NOT NULL GROUP BY ip, item
        HAVING count(*) > 1 OR max(t_last) - min(t_first) >= {_DAY} {ghost}"""  # noqa: S608 - our own names
    )
    rows = "SELECT r.* FROM count_rows AS r SEMI JOIN count_long_keys USING (ip, item)"
    if plan.rules.window == "extending":
        _extend(connection, plan, rows)
    else:
        _roll(connection, plan, rows)
    own = "opened IS NULL" if plan.carried else "TRUE"
    # The request that becomes the download: the first, or the first that is no probe.
    won = "min(time)"
    if plan.rules.keeps_probe:
        won = "COALESCE(min(time) FILTER (NOT probe), min(time))"
    # Bytes count within 24 hours of the first request, however far the window reaches.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_spells AS
        WITH whole AS (
            SELECT ip, item, win, {sums(plan, f"time < win + {_DAY}")}, {won} AS t_won
            FROM count_long GROUP BY ip, item, win),
        days AS (
            SELECT ip, item, win, day, {number(plan)}, bool_or({own} AND time = t_won) AS opens
            FROM count_long JOIN whole USING (ip, item, win) GROUP BY ip, item, win, day)
        SELECT * FROM days JOIN whole USING (ip, item, win) WHERE n > 0
        UNION ALL BY NAME
        SELECT *, t_first AS win, TRUE AS opens
        FROM count_groups ANTI JOIN count_long_keys USING (ip, item) WHERE ip IS NOT NULL"""  # noqa: S608 - our own names
    )


def _extend(connection: duckdb.DuckDBPyConnection, plan: Plan, rows: str) -> None:
    """A window goes on as long as no 24 hours pass without a request."""
    carried = "opened IS NOT NULL" if plan.carried else "FALSE"
    start = "COALESCE(opened, time)" if plan.carried else "time"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_long AS
        WITH gaps AS (
            SELECT *, NOT {carried} AND COALESCE(time - lag(time) OVER own >= {_DAY}, FALSE) AS gap
            FROM ({rows}) WINDOW own AS (PARTITION BY ip, item ORDER BY time)),
        numbered AS (
            SELECT *, sum(gap::INTEGER) OVER (PARTITION BY ip, item ORDER BY time
                RANGE UNBOUNDED PRECEDING) AS place FROM gaps)
        SELECT * EXCLUDE (gap, place),
            min({start}) OVER (PARTITION BY ip, item, place) AS win FROM numbered"""  # noqa: S608 - our own names
    )


def _roll(connection: duckdb.DuckDBPyConnection, plan: Plan, rows: str) -> None:
    """A window ends 24 hours after its first request; the next request opens another.

    One round for each further window of the listener with the most: the rows shrink quickly.
    """
    start = "COALESCE(opened, time)" if plan.carried else "time"
    held = "OR opened IS NOT NULL" if plan.carried else ""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE count_long AS SELECT *, time AS win FROM ({rows}) LIMIT 0"  # noqa: S608 - our own names
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE count_rest AS {rows}")
    while True:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE count_round AS
            SELECT *, min({start}) OVER (PARTITION BY ip, item) AS win FROM count_rest"""  # noqa: S608 - our own names
        )
        connection.execute(
            f"""INSERT INTO count_long FROM count_round WHERE time < win + {_DAY} {held}"""
        )
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE count_rest AS SELECT * EXCLUDE (win)
            FROM count_round WHERE NOT (time < win + {_DAY} {held})"""  # noqa: S608 - our own names
        )
        left = connection.execute("SELECT count(*) FROM count_rest").fetchone()
        if not left or not left[0]:
            return


def unit_rows(plan: Plan) -> str:
    """The rows of `count_rows` with the keys of their window (`unit_keys`), credited ones only.

    A subquery to be joined; rows that were dropped before windows have none.
    """
    if not plan.windowed:
        return "(SELECT * FROM count_rows WHERE ip IS NOT NULL)"
    return """(SELECT * FROM count_long UNION ALL BY NAME
        SELECT r.*, t_first AS win FROM count_rows AS r
        JOIN (SELECT ip, item, t_first FROM count_groups ANTI JOIN count_long_keys
            USING (ip, item) WHERE ip IS NOT NULL) AS g USING (ip, item))"""


def _cover(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """`count_covered`: for windows that sums leave open, the bytes their ranges hold together.

    Ranges that lie apart are added up, the others joined in order. Where an episode has several
    files, or a stream segments, each is looked at by itself, and the segments of a file summed;
    `proved` says whether one file reaches what it needs.
    """
    keys = unit_keys(plan)
    within = f"AND time < win + {_DAY}" if plan.windowed else ""
    slots = ", slot, m" if plan.has_slots else ""
    # What is needed hangs on the request only where requests tell the size of the file.
    told = plan.has_totals or plan.has_slots
    # What a log says of a file's size goes before what the feed says, also for requests beside it.
    most = "COALESCE(max({0}) FILTER (told), max({0}))" if plan.has_totals else "max({0})"
    needed = f", {most.format('t')} AS needed" if told else ""
    if plan.has_totals:
        needed += ", bool_or(told) AS told"
    episode = "" if told else f"JOIN count_episodes ON (item & {LOW_MASK}) >> 1 = e"
    distinct = "DISTINCT" if plan.windowed else ""
    kept = f"{keys}{slots}{', t' if told else ''}{', told' if plan.has_totals else ''}"
    part = keys + slots
    undecided = f"(SELECT {distinct} {keys} FROM count_spells WHERE {_OPEN})"  # noqa: S608 - our own names
    # Within the day, grouping what nobody asks for is cheaper than looking up what somebody does.
    asked = f"SEMI JOIN {undecided} AS u USING ({keys})" if plan.windowed else ""
    open_rows = f"{unit_rows(plan)} AS r {asked} WHERE w < {_SURE} {within}"
    rows = f"{open_rows} AND c > 0"
    pieces = f"SELECT {kept}, a, c FROM {rows}"  # noqa: S608 - our own names
    if plan.has_spans:
        pieces = f"""{pieces} AND spans IS NULL
            UNION ALL SELECT {kept}, unnest(spans_from) AS a, unnest(spans_length) AS c
            FROM (SELECT * FROM {rows}) JOIN count_spans USING (spans)"""  # noqa: S608 - our own names
    if told:
        # A request that was sent nothing may still be the one that tells how large the file is.
        pieces = f"""{pieces} UNION ALL SELECT {kept}, {_NOWHERE} AS a, 0 AS c
            FROM {open_rows} AND c = 0 AND t IS NOT NULL"""  # noqa: S608 - our own names
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_parts AS
        SELECT * FROM (
            SELECT {part} {needed}, sum(c)::BIGINT AS bytes,
                {_TOUCHED} = bit_count({_BLOCKS}) AS apart
            FROM ({pieces}) GROUP BY {part})
        SEMI JOIN {undecided} AS u USING ({keys})"""  # noqa: S608 - our own names
    )
    # Only ranges that may overlap are put in order.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE count_merged AS
        SELECT {part}, sum(GREATEST(0, a + c - GREATEST(a, COALESCE(reached, a))))::BIGINT
            AS union_bytes
        FROM (
            SELECT {part}, a, c, max(a + c) OVER (PARTITION BY {part} ORDER BY a, c
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
            FROM ({pieces}) SEMI JOIN (FROM count_parts WHERE apart IS NOT TRUE) USING ({part}))
        GROUP BY {part}"""  # noqa: S608 - our own names
    )
    files = f"""SELECT * EXCLUDE (bytes, union_bytes), COALESCE(union_bytes, bytes) AS bytes
        FROM count_parts LEFT JOIN count_merged USING ({part})"""  # noqa: S608 - our own names
    enough = "COALESCE(bytes >= needed, FALSE)"
    decided = f"SELECT {keys}, {enough} AS proved, bytes AS together FROM ({files}) {episode}"  # noqa: S608 - our own names
    if plan.has_slots:
        decided = f"""SELECT {keys}, bool_or({enough}) AS proved, max(bytes) AS together FROM (
                SELECT {keys}, {most.format("needed")} AS needed, sum(bytes)::BIGINT AS bytes
                FROM ({files}) GROUP BY {keys}, m)
            GROUP BY {keys}"""  # noqa: S608 - our own names
    connection.execute(f"CREATE OR REPLACE TEMP TABLE count_covered AS {decided}")
