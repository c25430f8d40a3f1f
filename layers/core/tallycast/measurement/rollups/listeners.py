"""Distinct listeners of a week or a month: counted from the downloads, never summed over days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from tallycast.aws.errors import translated
from tallycast.kernel.errors import PermanentError
from tallycast.measurement.rollups.items import listener_item
from tallycast.measurement.rollups.model import CountInfo, ListenerCount, Period, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from duckdb import DuckDBPyConnection
    from mypy_boto3_dynamodb.service_resource import Table

AGENT_DIGITS: Final = 16  # of `listener` in DOWNLOADS: its second half stands for the user agent

_NUMBERS: Final = """
SELECT 'episode' AS scope, episode_id AS id, count(DISTINCT listener)
FROM heard WHERE $episodes GROUP BY episode_id
UNION ALL
SELECT 'show', show_id, count(DISTINCT listener)
FROM heard WHERE show_id <> '' GROUP BY show_id
UNION ALL
SELECT 'tenant', $tenant, count(DISTINCT listener) FROM heard HAVING count(*) > 0
ORDER BY ALL
"""

# Under one key every listener has one name.
_ONE_KEY: Final = f"""
WITH heard AS (
    SELECT DISTINCT show_id, episode_id, listener
    FROM downloads
    WHERE day BETWEEN $first AND $last
        AND ($shards = 1 OR hash(coalesce(ip_hash, listener)) % $shards = $shard)
)
{_NUMBERS}"""  # noqa: S608 - constants

# When the monthly key changes a listener gets another name: its first half stands for the address
# under the new key, its second for the user agent as before. Rows carry the address under the key
# of the month before as well, so every address can be followed back to the period's oldest key.
# A period has at most three keys: those of its month (or two) and, for the hours by which local
# days reach beyond it, a neighbour's.
_SEVERAL_KEYS: Final = f"""
WITH period AS (
    SELECT show_id, episode_id, listener, ip_hash, ip_hash_previous,
        coalesce(ip_key, '') AS ip_key
    FROM downloads WHERE day BETWEEN $first AND $last
), ages AS (
    SELECT ip_key, row_number() OVER (ORDER BY ip_key) AS age
    FROM (SELECT DISTINCT ip_key FROM period)
), second AS (
    SELECT ip_hash, any_value(ip_hash_previous) AS older
    FROM period JOIN ages USING (ip_key) WHERE age = 2 GROUP BY ip_hash
), placed AS (
    SELECT p.*, coalesce(
        CASE WHEN a.age = 2 THEN p.ip_hash_previous WHEN a.age > 2 THEN s.older END,
        CASE WHEN a.age > 2 THEN p.ip_hash_previous END,
        p.ip_hash, p.listener
    ) AS address
    FROM period p
    JOIN ages a USING (ip_key)
    LEFT JOIN second s ON a.age > 2 AND s.ip_hash = p.ip_hash_previous
), heard AS (
    SELECT DISTINCT show_id, episode_id, address || right(listener, {AGENT_DIGITS}) AS listener
    FROM placed WHERE $shards = 1 OR hash(address) % $shards = $shard
)
{_NUMBERS}"""  # noqa: S608 - constants
_KEYS: Final = """
SELECT count(DISTINCT coalesce(ip_key, '')) FROM downloads WHERE day BETWEEN ? AND ?
"""


class BadPeriodNameError(PermanentError):
    """A name that is no ISO week and no month."""


def period_of(period: Period, day: date) -> str:
    """The week (`2026-W47`, ISO 8601) or month (`2026-11`) that a day lies in."""
    if period == "month":
        return day.strftime("%Y-%m")
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def days_of(period: Period, name: str) -> tuple[date, date]:
    """First and last day of a week or month.

    Raises:
        BadPeriodNameError: there is none of that name.
    """
    try:
        if period == "week":
            first = date.fromisoformat(name)
            last = first + timedelta(days=6)
        else:
            first = date.fromisoformat(f"{name}-01")
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    except ValueError as error:
        raise BadPeriodNameError(f"{name!r} is no {period}") from error
    if period_of(period, first) != name:
        raise BadPeriodNameError(f"{name!r} is no {period}")
    return first, last


def listeners_in(
    db: DuckDBPyConnection,
    count: CountInfo,
    period: Period,
    name: str,
    *,
    shard: int = 0,
    shards: int = 1,
    episodes: bool = True,
) -> list[ListenerCount]:
    """Distinct listeners of a week or month, for the tenant, its shows and its episodes.

    Args:
        db: holds `downloads` (DOWNLOADS and `day`): every day of the period, one rule set. More
            days do no harm.
        count: what is known of the count.
        period: kind of period.
        name: `2026-W47` or `2026-11`.
        shard: which part of the addresses to count, from 0.
        shards: into how many parts; the results of all parts add up (`added`).
        episodes: with one number per episode.

    Raises:
        BadPeriodNameError: there is no such period.
    """
    first, last = days_of(period, name)
    values: dict[str, Any] = {
        "first": first, "last": last, "tenant": count.tenant, "episodes": episodes,
        "shard": shard, "shards": shards,
    }  # fmt: skip
    [(keys,)] = db.execute(_KEYS, [first, last]).fetchall()
    question = _ONE_KEY if keys <= 1 else _SEVERAL_KEYS
    return [
        ListenerCount(
            tenant=count.tenant,
            rules=count.rules,
            scope=cast("Scope", scope),
            id=of_id,
            period=period,
            name=name,
            first=first,
            last=last,
            listeners=listeners,
            counted_at=count.counted_at,
            status=count.status,
        )
        for scope, of_id, listeners in db.execute(question, values).fetchall()
    ]


def added(shards: Iterable[Iterable[ListenerCount]]) -> list[ListenerCount]:
    """The numbers of all shards of one period together: no listener is in two of them."""
    sums: dict[tuple[str, str], ListenerCount] = {}
    for shard in shards:
        for part in shard:
            known = sums.get((part.scope, part.id))
            sums[part.scope, part.id] = part if known is None else _sum(known, part)
    return [sums[key] for key in sorted(sums)]


def _sum(one: ListenerCount, other: ListenerCount) -> ListenerCount:
    return replace(one, listeners=one.listeners + other.listeners)


def replace_listeners(table: Table, counts: Iterable[ListenerCount]) -> int:
    """Write the listeners of a period over those before; returns how many numbers there are.

    A thing that had listeners in an earlier count of the period and has none now is not among
    them: give it with 0.
    """
    written = 0
    with translated("write listeners"), table.batch_writer(["pk", "sk"]) as batch:
        for count in counts:
            batch.put_item(Item=listener_item(count))
            written += 1
    return written


def weeks_and_months(days: Iterable[date]) -> Iterator[tuple[Period, str]]:
    """The periods that a set of days lies in, each once, in order."""
    listed = list(days)
    periods: tuple[Period, ...] = ("month", "week")
    for period in periods:
        for name in sorted({period_of(period, day) for day in listed}):
            yield period, name
