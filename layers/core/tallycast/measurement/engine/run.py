"""The count: from the requests of a reporting day to downloads, with a verdict for each request.

DuckDB does the work (docs/adr/0015): rules are SQL conditions, and Python looks only at distinct
user agents, files and odd ranges. Nothing depends on the order or the file in which requests
arrive; a recount gives the same bytes; counts of all shards add up to the count of one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.engine import carry, dimensions, groups, outcome, spells
from tallycast.measurement.engine.document import document
from tallycast.measurement.engine.plan import Plan, media_id
from tallycast.measurement.model import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    import duckdb

    from tallycast.measurement.engine.plan import Classifier
    from tallycast.measurement.rulesets import RuleSet


class TooManyMonthsError(PermanentError):
    """Windows cannot be followed at once over requests under more than two months' keys."""


class InvalidShardError(PermanentError):
    """A shard is numbered from 0 and below the number of shards."""


@dataclass(frozen=True)
class Count:
    """A finished count. Its tables live on the connection until the next count on it.

    `counted_waterfall` (day and WATERFALL) always; `counted_downloads` (day and DOWNLOADS) with
    detail; `counted_verdicts` and `counted_carry` when they are asked for.
    """

    connection: duckdb.DuckDBPyConnection
    plan: Plan

    def waterfall(self) -> list[tuple[Any, ...]]:
        """(day, show_id, episode_id, source, rule, requests), sorted."""
        return self.connection.execute("FROM counted_waterfall").fetchall()

    def downloads(self) -> list[tuple[Any, ...]]:
        """The day and then DOWNLOADS, sorted by day, show, episode and time."""
        return self.connection.execute("FROM counted_downloads").fetchall()

    def carry(self) -> list[tuple[Any, ...]]:
        """What the count of the day after next needs: REQUESTS and `opened`, sorted."""
        self.leave()
        return self.connection.execute("FROM counted_carry").fetchall()

    def leave(self) -> None:
        """Build `counted_carry`, the requests of windows that are open when the day ends.

        Under windows that outlast a day only. It is about as large as the day's requests.
        """
        carry.leave(self.connection, self.plan)

    def verdicts(self) -> list[tuple[Any, ...]]:
        """(file_id, line, day, rule) of every request of the counted days, sorted."""
        outcome.verdicts(self.connection, self.plan)
        return self.connection.execute("FROM counted_verdicts").fetchall()

    def document(self) -> dict[str, Any]:
        """The result as the command line shows it; JSON-ready.

        `listeners` are distinct over all that was counted; `by_day` has those of each day. They
        do not add up.
        """
        return document(self.connection, self.plan)


def count(
    connection: duckdb.DuckDBPyConnection,
    rules: RuleSet,
    classifier: Classifier,
    *,
    requests: str = "requests",
    episodes: str = "episodes",
    carried: str | None = None,
    day: date | None = None,
    shard: int = 0,
    shards: int = 1,
    detail: bool = True,
    zone: str = "UTC",
    named: Callable[[str], str] = media_id,
) -> Count:
    """Count the downloads in `requests` under `rules`.

    Args:
        connection: where `requests` (REQUESTS) and `episodes` (EPISODES) are tables or views.
            Its temporary tables named `count_…` and `counted_…` are replaced.
        rules: the rule set.
        classifier: what tells user agents apart.
        requests: the requests. For one day, those of other days do no harm; needed are the whole
            local day in every show's zone (a UTC day before and after) and, under rolling and
            extending windows, the days before and after that.
        episodes: the episodes as known now. Requests for other files are counted, too.
        carried: table or view of what the count of the day before yesterday left open
            (`counted_carry` of all shards together); None when there was nothing before.
        day: the reporting day; None counts all days at once.
        shard: number of the shard, from 0.
        shards: of how many.
        detail: False gives only the waterfall, faster.
        zone: IANA reporting time zone of files that no episode has, or one without a zone.
        named: what such a file is called as an episode, by its media.

    Returns:
        The count; see `Count`.

    Raises:
        InvalidShardError: `shard` is not below `shards`.
        TooManyMonthsError: all days at once, windows that outlast a day, and requests under more
            than two months' keys: count day by day.
    """
    if not 0 <= shard < shards:
        raise InvalidShardError(
            f"there is no shard {shard} of {shards}", shard=shard, shards=shards
        )
    _sweep(connection, keep=carried)
    windowed = rules.window != "calendar"
    source, has_carry = _source(connection, requests, carried if windowed else None)
    facts = _facts(connection, source)
    plan = Plan(
        rules=rules,
        source=source,
        episodes=_quoted(episodes),
        day=day,
        shard=shard,
        shards=shards,
        carried=has_carry,
        detail=detail or (windowed and day is not None),
        zone=zone,
        named=named,
        **facts,
    )
    if windowed and day is None and len(plan.keys) > 2:  # noqa: PLR2004 - each key knows its predecessor
        raise TooManyMonthsError(
            "rolling and extending windows over more than two months are counted day by day",
            keys=plan.keys,
        )
    with _unordered(connection):
        dimensions.build(connection, plan, classifier)
        plan = _refined(connection, plan)
        if plan.has_spans:
            dimensions.odd_ranges(connection, plan)
        groups.group(connection, plan)
        spells.find(connection, plan)
    outcome.waterfall(connection, plan)
    if plan.detail:
        outcome.downloads(connection, plan)
    return Count(connection, plan)


@contextmanager
def _unordered(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Working tables need no order, which saves memory; results have theirs."""
    before = connection.execute("SELECT current_setting('preserve_insertion_order')").fetchone()
    connection.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        connection.execute(f"SET preserve_insertion_order = {bool(before and before[0])}")


def _sweep(connection: duckdb.DuckDBPyConnection, keep: str | None) -> None:
    """Drop the tables and views an earlier count has left on the connection."""
    left = connection.execute(
        """SELECT table_name, table_type = 'VIEW' FROM information_schema.tables
        WHERE table_catalog = 'temp' AND regexp_matches(table_name, '^count(ed)?_')"""
    ).fetchall()
    for name, is_view in sorted(left):
        if name != keep:
            connection.execute(f"DROP {'VIEW' if is_view else 'TABLE'} IF EXISTS temp.{name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _source(
    connection: duckdb.DuckDBPyConnection, requests: str, carried: str | None
) -> tuple[str, bool]:
    """The requests, joined with the carried ones if there are any."""
    if carried is None:
        return _quoted(requests), False
    picks = ", ".join(f'"{name}"' for name in REQUESTS)
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW count_source AS
        SELECT {picks}, NULL::TIMESTAMP AS opened FROM {_quoted(requests)}
        UNION ALL SELECT {picks}, opened FROM {_quoted(carried)}"""  # noqa: S608 - our own names
    )
    return "count_source", True


def _facts(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, Any]:
    """What the requests need, so that no column is read or kept for nothing."""
    row = connection.execute(
        f"""SELECT count(request_id) > 0, COALESCE(bool_or(more_ranges <> ''), FALSE),
            COALESCE(bool_or(total_bytes > 0), FALSE), COALESCE(bool_or(part <> ''), FALSE)
        FROM {source}"""  # noqa: S608 - our own names
    ).fetchone()
    has_ids, has_spans, has_totals, has_parts = row or (False,) * 4

    def distinct(column: str) -> list[Any]:
        rows = connection.execute(
            f"SELECT DISTINCT {column} FROM {source} WHERE {column} IS NOT NULL ORDER BY {column}"  # noqa: S608 - our own names
        ).fetchall()
        return [value for (value,) in rows]

    return {
        "has_ids": has_ids,
        "has_spans": has_spans,
        "has_totals": has_totals,
        "has_slots": has_parts,
        "keys": tuple(distinct("ip_key")),
        "sources": tuple(distinct("source")),
        "unmet": frozenset({"data_centre", "vpn"} - set(distinct("network"))),
    }


def _refined(connection: duckdb.DuckDBPyConnection, plan: Plan) -> Plan:
    """The plan, now that files and referrers are known."""
    row = connection.execute("SELECT COALESCE(bool_or(several), FALSE) FROM count_media").fetchone()
    unmet = set(plan.unmet)
    if "bad_referrer" in plan.conditions:
        # Two steps: in one, the condition would be tested on every row before they are distinct.
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE count_referrers AS
            SELECT DISTINCT referrer FROM {plan.source}"""  # noqa: S608 - our own names
        )
        bad = connection.execute(
            f"SELECT count(*) FROM count_referrers WHERE {plan.conditions['bad_referrer']}"  # noqa: S608 - our own names
        ).fetchone()
        if not (bad and bad[0]):
            unmet.add("bad_referrer")
    return replace(plan, has_slots=plan.has_slots or bool(row and row[0]), unmet=frozenset(unmet))
