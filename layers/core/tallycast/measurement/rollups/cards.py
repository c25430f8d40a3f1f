"""From a count's results to cards, one at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from tallycast.measurement.rollups.facts import collect_facts
from tallycast.measurement.rollups.model import (
    AGE_BUCKETS,
    DIMENSIONS,
    MOST_VALUES,
    Breakdown,
    Card,
    CountInfo,
    Hour,
    Scope,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

_FETCHED: Final = 2_000  # cards held at a time

# One row per card: its parts as one JSON document, each part ordered by size. What is beyond the
# first 200 values of a part is summed; only a show's episodes are all named.
_CARDS: Final = f"""
WITH placed AS (
    SELECT *, row_number() OVER (PARTITION BY day, scope, id, part ORDER BY n DESC, value) AS place
    FROM facts
), named AS (
    SELECT *, place <= {MOST_VALUES} OR part IN ('hours', 'ages', 'waterfall')
        OR (scope = 'show' AND part = 'episodes') AS is_named
    FROM placed
), parts AS (
    SELECT day, scope, id, max(show_id) AS show_id, part,
        list(value ORDER BY n DESC, value) FILTER (is_named) AS names,
        list(n ORDER BY n DESC, value) FILTER (is_named) AS counts,
        coalesce(sum(n) FILTER (NOT is_named), 0)::BIGINT AS other,
        sum(n)::BIGINT AS total
    FROM named GROUP BY day, scope, id, part
)
SELECT day, scope, id, max(show_id) AS show_id,
    coalesce(max(total) FILTER (part = 'downloads'), 0) AS downloads,
    coalesce(max(total) FILTER (part = 'waterfall'), 0) AS requests,
    coalesce(max(total) FILTER (part = 'listeners'), 0) AS listeners,
    json_group_object(
        part, json_object('values', map_from_entries(list_zip(names, counts)), 'other', other)
    ) AS parts
FROM parts
GROUP BY day, scope, id
ORDER BY day, scope, id
"""  # noqa: S608 - constants


def cards_of(
    db: DuckDBPyConnection, count: CountInfo, zones: Mapping[str, str] | None = None
) -> Iterator[Card]:
    """The cards of every day in a count's results.

    Args:
        db: holds the tables `downloads` (DOWNLOADS and `day`) and `waterfall` (WATERFALL and
            `day`) of one tenant and rule set, all shards of each day.
        count: what is known of the count.
        zones: IANA time zones by show; see `facts.collect_facts`.

    Yields:
        Cards ordered by day, scope and id. An episode or show with requests and no downloads has
        one, too: its waterfall says why. The connection is busy until the last one is taken.
    """
    collect_facts(db, count.tenant, zones)
    yield from cards_of_facts(db, count)


def cards_of_facts(db: DuckDBPyConnection, count: CountInfo) -> Iterator[Card]:
    """The cards of the table `facts` (`facts.merge_facts` makes it from shards)."""
    found = db.execute(_CARDS)
    while rows := found.fetchmany(_FETCHED):
        for row in rows:
            yield _card(row, count)


def _card(row: tuple[Any, ...], count: CountInfo) -> Card:
    day, scope, of_id, show_id, downloads, requests, listeners, document = row
    parts: dict[str, dict[str, Any]] = json.loads(document)
    ages = _breakdown(parts, "ages").values
    return Card(
        count=count,
        scope=cast("Scope", scope),
        id=of_id,
        day=day,
        show_id=show_id,
        downloads=downloads,
        requests=requests,
        listeners=listeners,
        hours=hours_of(_breakdown(parts, "hours").values),
        breakdowns={name: _breakdown(parts, name) for name in DIMENSIONS if name in parts},
        episodes=_breakdown(parts, "episodes"),
        shows=_breakdown(parts, "shows"),
        waterfall=_breakdown(parts, "waterfall").values,
        ages={bucket: ages[bucket] for bucket in AGE_BUCKETS if bucket in ages},
    )


def _breakdown(parts: Mapping[str, Mapping[str, Any]], name: str) -> Breakdown:
    part = parts.get(name)
    return Breakdown(part["values"], part["other"]) if part else Breakdown()


def hours_of(values: Mapping[str, int]) -> tuple[Hour, ...]:
    """Hours in the order of the day, from `{"13+01:00": 5}`."""
    found = [Hour(int(key[:2]), key[2:], n) for key, n in values.items()]
    # In the autumn night the hour with the greater offset comes first.
    return tuple(sorted(found, key=lambda hour: (hour.hour, -_minutes(hour.offset))))


def _minutes(offset: str) -> int:
    sign = -1 if offset[0] == "-" else 1
    return sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
