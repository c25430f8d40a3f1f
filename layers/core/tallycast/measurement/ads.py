"""Ads delivered: only inside a valid download, and only when the listener got the ad's bytes.

IAB v2.3: an ad that was inserted for this download (DAI) is delivered with 100 % of its bytes; one
that is part of the file (integrated) with the part of the file that holds it. Both come down to
the bytes from the ad's first to its last. Where bytes cannot be seen, nobody can tell.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from tallycast.measurement.model import Columns
from tallycast.measurement.plan import LOW_MASK
from tallycast.measurement.ranges import covered, merge
from tallycast.measurement.spells import unit_keys, unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from tallycast.measurement.plan import Plan
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
        placements: table or view with PLACEMENTS.

    Returns:
        (day, ad_id, episode_id, downloads, delivered, unseen), sorted: downloads of the episode,
        those that held all bytes of the ad, and those whose bytes nobody saw.
    """
    keys = unit_keys(plan)
    on = " AND ".join(f"r.{key} IS NOT DISTINCT FROM w.{key}" for key in keys.split(", "))
    day = "" if plan.day is None or not plan.windowed else f"AND day = DATE '{plan.day}'"
    single, spans = "", ""
    if plan.has_spans:
        single = "AND r.spans IS NULL"
        spans = """UNION ALL SELECT unit, unnest(spans_from), unnest(spans_length), r.blind, r.media_number
            FROM rows AS r JOIN count_spans USING (spans)"""
    media = "r.m" if plan.has_slots else "NULL::INTEGER"
    credit, first = ("r.c", "r.a") if plan.measured else ("0", "0")
    return connection.execute(
        f"""WITH w AS (
            SELECT *, row_number() OVER (ORDER BY ALL) AS unit, (item & {LOW_MASK}) >> 1 AS e
            FROM (SELECT DISTINCT {keys}, day FROM count_units WHERE valid AND opens {day})),
        rows AS (
            SELECT w.unit, {first} AS a, {credit} AS c, {media} AS media_number,
                {"r.spans," if plan.has_spans else ""} r.w >= 1e12 AND {credit} = 0 AS blind
            FROM {unit_rows(plan)} AS r JOIN w ON {on}),
        pieces AS (SELECT unit, a, c, blind, media_number FROM rows AS r
            WHERE TRUE {single} {spans}),
        ads AS (SELECT ad_id, first_byte AS x, last_byte AS y, m, e, episode
            FROM {placements} JOIN count_media ON media = media_key),
        held AS (
            SELECT day, ad_id, episode, unit, x, y, GREATEST(a, x) AS p,
                LEAST(a + c - 1, y) AS q, blind
            FROM ads JOIN w USING (e) LEFT JOIN pieces USING (unit)
            WHERE media_number IS NULL OR media_number = m),
        marked AS (SELECT *, max(q) OVER (PARTITION BY unit, ad_id ORDER BY p, q
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM held),
        judged AS (
            SELECT day, ad_id, episode, unit, bool_or(blind) AS blind,
                sum(GREATEST(0, q - GREATEST(p - 1, COALESCE(reached, p - 1)))) >= any_value(y - x + 1)
                    AS whole
            FROM marked GROUP BY day, ad_id, episode, unit)
        SELECT day, ad_id, episode, count(*), count_if(whole), count_if(blind AND NOT whole)
        FROM judged GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - our own names
    ).fetchall()
