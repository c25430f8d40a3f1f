"""What a count hands on: the windows that are still open when the day ends.

`counted_carry` holds requests (REQUESTS) of windows that are open at the end of the counted day,
each with `opened`, the first moment of its window. Bytes count for 24 hours, so that the requests
of the first 24 hours and the very last one say all that the next counts need to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.engine.plan import LOW_MASK
from tallycast.measurement.engine.spells import unit_rows
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    import duckdb

    from tallycast.measurement.engine.plan import Plan


def leave(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Build `counted_carry` for the count of the day after next."""
    until = "last" if plan.rules.window == "extending" else "win"
    # What neither a rule nor an identity looks at is left behind.
    idle = {"country", "region", "asn", "session", "show_id"}
    columns = ", ".join(
        f'NULL::{kind} AS "{name}"' if name in idle else f's."{name}"'
        for name, kind in REQUESTS.items()
    )
    up_to = f"r.day <= DATE '{plan.day}'" + (" OR r.opened IS NOT NULL" if plan.carried else "")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted_carry AS
        WITH own AS (
            SELECT r.f, r.line, r.time, r.win,
                max(r.time) OVER (PARTITION BY r.ip, r.item, r.win) AS last,
                (r.item & {LOW_MASK}) >> 1 AS e
            FROM {unit_rows(plan)} AS r WHERE {up_to}),
        still_open AS (
            SELECT own.* FROM own JOIN count_episodes USING (e)
            WHERE {until} + INTERVAL 24 HOUR > day_until
                AND (time < win + INTERVAL 24 HOUR OR time = last))
        SELECT {columns}, win AS opened
        FROM still_open JOIN count_files USING (f)
        JOIN {plan.source} AS s ON s.file_id = file_key AND s.line = still_open.line
        ORDER BY s.time, s.file_id, s.line"""  # noqa: S608 - our own names
    )
