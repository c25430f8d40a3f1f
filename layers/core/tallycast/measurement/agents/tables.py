"""Classifying a whole table: its distinct agents are looked up once and lie ready to be joined.

A log of ten million requests has some thousands of user agents. Python sees each of them once; the
rest is DuckDB's work. Nothing here needs more than a connection: no pandas, no Arrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.model import AGENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from tallycast.measurement.agents.agent_list import AgentList
    from tallycast.measurement.model import Columns

# Distinct texts in memory at a time.
BATCH: Final = 50_000
_REFERRERS: Final[Columns] = {"referrer": "VARCHAR", "name": "VARCHAR"}


def add_agents(
    connection: DuckDBPyConnection,
    known: AgentList,
    *,
    requests: str = "requests",
    into: str = "agents",
) -> int:
    """Make the table `into` (columns AGENTS) of every user agent in the table or view `requests`.

    A NULL counts as the blank agent '': join on `coalesce(user_agent, '')`.

    Returns:
        How many distinct agents there are.
    """
    distinct = _distinct(connection, requests, "user_agent")
    return _fill(connection, into, AGENTS, (known.classify(texts) for texts in distinct))


def add_referrers(
    connection: DuckDBPyConnection,
    known: AgentList,
    *,
    requests: str = "requests",
    into: str = "referrers",
) -> int:
    """Make the table `into` (`referrer`, `name`) of every referrer in `requests` that is known.

    It tells something only of requests whose agent is a browser.

    Returns:
        How many distinct referrers are known by name.
    """
    distinct = _distinct(connection, requests, "referrer")
    named = (
        [
            (url, name)
            for url, name in zip(urls, known.classify_referrers(urls), strict=True)
            if name
        ]
        for urls in distinct
    )
    return _fill(connection, into, _REFERRERS, named)


def _distinct(connection: DuckDBPyConnection, table: str, column: str) -> Iterator[list[str]]:
    """The distinct values of a column in batches; NULL is ''.

    They are set aside first: a result that is still being read does not survive another query.
    """
    aside = f"distinct_{column}"
    connection.execute(f"DROP TABLE IF EXISTS temp.{aside}")
    connection.execute(
        f"CREATE TEMP TABLE {aside} AS SELECT DISTINCT coalesce({column}, '') AS text "  # noqa: S608 -- names of our own tables
        f'FROM "{table}"'
    )
    start = 0
    while rows := connection.execute(
        f"SELECT text FROM temp.{aside} WHERE rowid >= $1 AND rowid < $1 + $2",  # noqa: S608 -- the same
        [start, BATCH],
    ).fetchall():
        yield [text for (text,) in rows]
        start += BATCH
    connection.execute(f"DROP TABLE temp.{aside}")


def _fill(
    connection: DuckDBPyConnection,
    table: str,
    columns: Columns,
    batches: Iterable[Sequence[tuple[object, ...]]],
) -> int:
    """Make a table of rows whose first value is distinct and whose others repeat often.

    What repeats goes over once and is pointed to: five times faster than row by row in columns.
    """
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f'CREATE OR REPLACE TEMP TABLE "{table}" ({declared})')
    kinds = list(columns.values())[1:]
    answers = "".join(f", (${number}::{kind}[])[place]" for number, kind in enumerate(kinds, 3))
    statement = (
        f'INSERT INTO "{table}" SELECT text{answers} '  # noqa: S608 -- the same
        f"FROM (SELECT unnest($1::VARCHAR[]) AS text, unnest($2::INTEGER[]) AS place)"
    )
    count = 0
    for rows in batches:
        places: dict[tuple[object, ...], int] = {}
        at = [places.setdefault(row[1:], len(places) + 1) for row in rows]
        if rows:
            texts = [row[0] for row in rows]
            connection.execute(statement, [texts, at, *map(list, zip(*places, strict=True))])
        count += len(rows)
    return count
