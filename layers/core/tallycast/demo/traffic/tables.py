"""SQL files, small tables out of Python rows, and shares as slots: what the generator stands on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

SLOTS = 1024
_SQL = files("tallycast.demo.traffic") / "sql"


def statement(name: str, **names: str) -> str:
    """The SQL in `sql/{name}.sql`, with its `$placeholders` filled in from our own constants."""
    return Template((_SQL / f"{name}.sql").read_text()).substitute(names)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def table(
    world: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Create a table of `columns` (`name TYPE, …`) from rows given as dictionaries."""
    names = ", ".join(f"r.{column.split()[0]}" for column in columns.split(","))
    world.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    world.execute(
        f"INSERT INTO {name} SELECT {names} "  # noqa: S608 - our own names
        f"FROM (SELECT unnest($rows::STRUCT({columns})[]) AS r)",
        {"rows": [dict(row) for row in rows]},
    )


def variables(world: duckdb.DuckDBPyConnection, **values: int) -> None:
    """Set variables that the SQL files read."""
    for name, value in values.items():
        world.execute(f"SET VARIABLE {name} = {int(value)}")


def spread(weights: Iterable[int], slots: int) -> list[int]:
    """For each of `slots` slots the index of whose it is, in proportion to the weights."""
    shares = list(weights)
    total = sum(shares)
    ends = [sum(shares[: number + 1]) * slots / total for number in range(len(shares))]
    return [next(i for i, end in enumerate(ends) if slot < end) for slot in range(slots)]
