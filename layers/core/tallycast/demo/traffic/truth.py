"""The truth beside the generated requests: gathered chunk by chunk, written, read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallycast.demo.traffic.tables import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

# Whose downloads: `person` is by intent, `visible` is what perfect rules can tell apart.
_PERSON = {"unit": "actor", "lo": "lo_s", "hi": "hi_s", "need": "need_s", "which": "human"}
_VISIBLE = {
    "unit": "client", "lo": "lo_b", "hi": "hi_b", "need": "need_b", "which": "who = 'person'",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a truth.

    Attributes:
        requests: rows written, replays included.
        persons, visible: downloads by source (`log`, `prefix`), on the shows' own calendar days.
        persons_utc: the same by UTC days.
        waterfall: requests by (who, what).
    """

    requests: int
    persons: Mapping[str, int]
    visible: Mapping[str, int]
    persons_utc: Mapping[str, int]
    waterfall: Mapping[tuple[str, str], int]


def begin(world: duckdb.DuckDBPyConnection) -> None:
    """Make the empty tables of the truth."""
    world.execute(statement("tables"))


def add_chunk(world: duckdb.DuckDBPyConnection) -> None:
    """Add what is true of the table `requests`."""
    world.execute(statement("asked"))
    for calendar in ("utc", "show"):
        # The visible groups of the show's days come last: the waterfall is made of them.
        for kind, columns in (("person", _PERSON), ("visible", _VISIBLE)):
            world.execute(statement("groups", day=f"{calendar}_day", **columns))
            world.execute(statement("add_downloads", calendar=calendar, kind=kind))
            if calendar == "show":
                world.execute(statement("add_listeners", kind=kind))
    world.execute(statement("add_waterfall"))


def add_day(world: duckdb.DuckDBPyConnection) -> None:
    """Add what is true of the table `requests` if all of it happens on one day."""
    world.execute(statement("asked"))
    world.execute(statement("groups", day="show_day - show_day", **_VISIBLE))
    world.execute(statement("add_downloads", calendar="show", kind="visible"))
    world.execute(statement("add_waterfall"))


def of_day(
    world: duckdb.DuckDBPyConnection,
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Visible downloads by episode, and requests by (who, what), as `add_day` has them."""
    downloads = world.execute(
        "SELECT episode_id, sum(downloads)::BIGINT FROM true_downloads "
        "INNER JOIN episodes USING (episode_no) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    waterfall = world.execute(
        "SELECT who, what, sum(requests)::BIGINT FROM true_waterfall GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return dict(downloads), {row[:2]: row[2] for row in waterfall}


def copy(world: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write a query's rows as snappy Parquet."""
    target = str(path).replace("'", "''")
    world.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)")


def write_episodes(world: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the EPISODES rows: only what the counting platform is told."""
    copy(world, statement("known_episodes"), path)


def finish(world: duckdb.DuckDBPyConnection, into: Path) -> Totals:
    """Write `truth/downloads`, `truth/listeners` and `truth/waterfall` and sum them up."""
    folder = into / "truth"
    folder.mkdir()
    for name in ("downloads", "listeners", "waterfall"):
        world.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {statement(f'final_{name}')}")
        copy(world, f"FROM {name}", folder / f"{name}.parquet")  # its order is the table's
    return totals_of(world)


def totals_of(world: duckdb.DuckDBPyConnection) -> Totals:
    """The sums of the tables `downloads` and `waterfall`."""
    downloads = world.execute(
        "SELECT calendar, kind, source, sum(downloads) FROM downloads GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    waterfall = world.execute(
        "SELECT who, what, sum(requests) FROM waterfall GROUP BY ALL ORDER BY ALL"
    ).fetchall()

    def of(calendar: str, kind: str) -> dict[str, int]:
        return {row[2]: int(row[3]) for row in downloads if row[:2] == (calendar, kind)}

    return Totals(
        requests=sum(int(row[2]) for row in waterfall),
        persons=of("show", "person"),
        visible=of("show", "visible"),
        persons_utc=of("utc", "person"),
        waterfall={(who, what): int(number) for who, what, number in waterfall},
    )


def as_json(totals: Totals) -> dict[str, Any]:
    """The sums as `truth.json` holds them."""
    return {
        "requests": totals.requests,
        "downloads": {
            "persons": dict(totals.persons),
            "visible": dict(totals.visible),
            "persons_by_utc_days": dict(totals.persons_utc),
        },
        "waterfall": [
            {"who": who, "what": what, "requests": number}
            for (who, what), number in totals.waterfall.items()
        ],
    }
