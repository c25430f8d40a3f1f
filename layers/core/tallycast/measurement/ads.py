"""Ads delivered: only inside a valid download, and only when the listener got the ad's bytes.

IAB v2.3: an ad that was inserted for this download (DAI) is delivered with 100 % of its bytes; one
that is part of the file (integrated) with the part of the file that holds it. Both come down to
the bytes from the ad's first to its last. Where bytes cannot be seen, nobody can tell.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from tallycast.measurement.engine.plan import LOW_MASK
from tallycast.measurement.engine.rows import ENOUGH
from tallycast.measurement.engine.spells import unit_keys, unit_rows
from tallycast.measurement.ranges import covered, merge

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from tallycast.measurement.engine.plan import Plan
    from tallycast.measurement.model import Columns
    from tallycast.measurement.ranges import ByteRange

# Where ads lie: inclusive bytes of the file `media`. `ad_id` is the caller's own name.
PLACEMENTS: Final[Columns] = {
    "ad_id": "VARCHAR",
    "media": "VARCHAR",
    "first_byte": "BIGINT",
    "last_byte": "BIGINT",
}
Delivery = Literal["delivered", "not_delivered", "unseen"]


def integrated_bytes(
    starts_at: float, seconds: float, bitrate_bps: float, header_bytes: int = 0
) -> ByteRange:
    """The inclusive bytes of the part of a file of constant bitrate that holds an ad."""
    first = header_bytes + math.floor(starts_at * bitrate_bps / 8)
    last = header_bytes + math.ceil((starts_at + seconds) * bitrate_bps / 8) - 1
    return first, max(first, last)


def is_delivered(ranges: Iterable[ByteRange], ad: ByteRange) -> bool:
    """Whether the ranges of one download hold all bytes of the ad."""
    held = [(max(start, ad[0]), min(end, ad[1])) for start, end in merge(ranges)]
    return covered(held) == ad[1] - ad[0] + 1


def deliveries(
    connection: duckdb.DuckDBPyConnection, plan: Plan, placements: str
) -> list[tuple[object, ...]]:
    """How often each ad was delivered in the downloads of the count that was just made.

    Args:
        connection: with the tables of a count that read bytes (`threshold` one_minute).
        plan: of that count.
        placements: table or view with PLACEMENTS. Positions in a stream's segments cannot be
            compared with it: downloads of streams are `unseen`.

    Returns:
        (day, ad_id, episode_id, downloads, delivered, unseen), sorted: downloads of the episode,
        those that held all bytes of the ad, and those whose bytes nobody saw.
    """
    keys = unit_keys(plan)
    on = " AND ".join(f"r.{key} IS NOT DISTINCT FROM u.{key}" for key in keys.split(", "))
    day = f"AND day = DATE '{plan.day}'" if plan.windowed and plan.day is not None else ""
    within = "AND r.time < r.win + INTERVAL 24 HOUR" if plan.windowed else ""
    credit, first = ("r.c", "r.a") if plan.measured else ("0", "0")
    shape = "unit, a, c, blind, piece_m"
    pieces = f"SELECT {shape} FROM own_rows"  # noqa: S608 - our own names
    if plan.has_spans and plan.measured:
        pieces = f"""{pieces} WHERE spans IS NULL UNION ALL
            SELECT unit, unnest(spans_from), unnest(spans_length), blind, piece_m
            FROM own_rows JOIN count_spans USING (spans)"""  # noqa: S608 - our own names
    named = keys if plan.dated and not plan.windowed else f"{keys}, day"
    return connection.execute(
        f"""WITH units AS (
            SELECT *, row_number() OVER () AS unit, (item & {LOW_MASK}) >> 1 AS e
            FROM (SELECT DISTINCT {named} FROM count_units WHERE valid AND opens {day})),
        own_rows AS (
            SELECT u.unit, {first} AS a, {credit} AS c,
                {"r.m" if plan.has_slots and plan.measured else "NULL::INTEGER"} AS piece_m,
                {"r.spans," if plan.has_spans and plan.measured else ""}
                r.w >= {ENOUGH} AND {credit} = 0 AS blind
            FROM {unit_rows(plan)} AS r JOIN units AS u ON {on} {within}),
        pieces AS ({pieces}),
        ads AS (SELECT ad_id, first_byte AS x, last_byte AS y, m, e, episode, segmented
            FROM {placements}
            JOIN (SELECT DISTINCT file, m, e, episode, segmented FROM count_media)
                ON media = file),
        held AS (
            SELECT day, ad_id, episode, units.unit, x, y,
                CASE WHEN c > 0 THEN GREATEST(a, x) END AS p,
                CASE WHEN c > 0 THEN LEAST(a + c - 1, y) END AS q,
                blind OR segmented AS blind, segmented
            FROM ads JOIN units USING (e)
            LEFT JOIN pieces ON pieces.unit = units.unit AND (piece_m IS NULL OR piece_m = m)),
        marked AS (SELECT *, max(q) OVER (PARTITION BY day, unit, ad_id ORDER BY p, q
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM held),
        judged AS (
            SELECT day, ad_id, episode, unit, COALESCE(bool_or(blind), FALSE) AS blind,
                NOT bool_or(segmented) AND COALESCE(
                    sum(GREATEST(0, q - GREATEST(p - 1, COALESCE(reached, p - 1)))), 0)
                    >= any_value(y - x + 1) AS whole
            FROM marked GROUP BY day, ad_id, episode, unit)
        SELECT day, ad_id, episode, count(*), count_if(whole), count_if(blind AND NOT whole)
        FROM judged GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - our own names
    ).fetchall()
