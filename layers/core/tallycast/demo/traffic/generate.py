"""Generate requests and their truth into a folder, chunk by chunk."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tallycast.demo.traffic import catalogue, logs, truth
from tallycast.demo.traffic.tables import statement
from tallycast.demo.traffic.world import build
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb

    from tallycast.demo.traffic.catalogue import Audio

DEFAULT_START = datetime(2026, 9, 21, tzinfo=UTC)
# People whose addresses are shared live in one town; a chunk is a number of whole towns.
TOWN = 1024
MOST_ROWS = 200_000_000
MOST_DAYS = 400
MOST_SHOWS = 5_000
MOST_LOG_ROWS = 2_000_000
_PILOT_TOWNS = 12
_LEAST_ROWS = 100


class BadPlanError(PermanentError):
    """What was asked for cannot be generated."""


class FolderInUseError(PermanentError):
    """The folder to write into holds something already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to generate.

    Attributes:
        rows: how many requests, about: met to within some per mille from 100 000 on.
        days: how many days of them from `start`, 1 to 400.
        shows: how many invented shows, unless the files are given to `generate`.
        seed: the same plan gives the same bytes.
        start: midnight UTC of the first day.
        form: `parquet` (REQUESTS rows), or a log format of `logs.FORMATS` with raw addresses.
        chunk_rows: how many requests are in memory at a time, about.
        threads, memory_mb: of DuckDB. Neither they nor the chunks change a row.
    """

    rows: int
    days: int = 60
    shows: int = 12
    seed: int = 7
    start: datetime = DEFAULT_START
    form: str = "parquet"
    chunk_rows: int = 4_000_000
    threads: int = 2
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        """Refuse what cannot be generated.

        Raises:
            BadPlanError: a number is out of its range, or the format has no name.
        """
        if not _LEAST_ROWS <= self.rows <= MOST_ROWS:
            raise BadPlanError(f"rows must be {_LEAST_ROWS} to {MOST_ROWS}", rows=self.rows)
        if not 1 <= self.days <= MOST_DAYS:
            raise BadPlanError(f"days must be 1 to {MOST_DAYS}", days=self.days)
        if not 1 <= self.shows <= MOST_SHOWS:
            raise BadPlanError(f"shows must be 1 to {MOST_SHOWS}", shows=self.shows)
        if self.start.utcoffset() != timedelta() or self.start.time() != datetime.min.time():
            raise BadPlanError("start must be a midnight in UTC", start=str(self.start))
        if self.form != "parquet" and self.form not in logs.FORMATS:
            known = ", ".join(("parquet", *logs.FORMATS))
            raise BadPlanError(f"format must be one of {known}", form=self.form)
        if self.form != "parquet" and self.rows > MOST_LOG_ROWS:
            raise BadPlanError(
                f"log files are for up to {MOST_LOG_ROWS} rows; use parquet for more",
                rows=self.rows,
            )


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written: the folder, and the sums of its truth."""

    folder: Path
    plan: Plan
    actors: int
    files: int
    totals: truth.Totals


def generate(
    plan: Plan,
    into: Path,
    *,
    audio: Sequence[Audio] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Generated:
    """Write requests, episodes and truth into `into`.

    The folder then holds `requests/dt=YYYY-MM-DD/demo-NNNNN.parquet`, or the logs
    `logs/served-YYYY-MM-DD.…` and `logs/prefixed-YYYY-MM-DD.csv`; and `episodes.parquet`,
    `truth/*.parquet` and `truth.json`.

    Args:
        plan: how much, of what.
        into: a folder that does not exist, or is empty.
        audio: what is listened to; invented from the plan's seed without it.
        progress: told (requests written, requests wanted) after each chunk.

    Raises:
        BadPlanError: there is nothing to listen to.
        FolderInUseError: `into` has something in it.
    """
    files = audio if audio is not None else _invented(plan)
    if not files:
        raise BadPlanError("there is no episode to listen to; give at least one show")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise FolderInUseError(f"{into} is in use; name a new or empty folder", folder=str(into))
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tallycast-traffic-") as scratch:
        world = build(
            seed=plan.seed,
            audio=files,
            start=plan.start,
            days=plan.days,
            threads=plan.threads,
            memory_mb=plan.memory_mb,
            scratch=scratch,
        )
        try:
            return _generated(world, plan, into, progress)
        except BaseException:
            # Half a set would look like a whole one.
            shutil.rmtree(into, ignore_errors=True)
            raise
        finally:
            world.close()


def _invented(plan: Plan) -> Sequence[Audio]:
    return catalogue.invented(plan.seed, plan.shows, plan.start, plan.days)


def _generated(
    world: duckdb.DuckDBPyConnection,
    plan: Plan,
    into: Path,
    progress: Callable[[int, int], None],
) -> Generated:
    actors, per_town = _actors_for(world, plan)
    world.execute(f"SET VARIABLE seed = '{int(plan.seed)}'")
    truth.write_episodes(world, into / "episodes.parquet")
    truth.begin(world)
    step = max(1, round(plan.chunk_rows / max(per_town, 1))) * TOWN
    if plan.form != "parquet":
        step = actors  # a log is one file a day
    done = files = 0
    for chunk, first in enumerate(range(0, actors, step)):
        done += stage(world, first, min(first + step, actors))
        truth.add_chunk(world)
        files += (
            _write_parquet(world, into, chunk)
            if plan.form == "parquet"
            else logs.write(world, plan.form, plan.seed, into)
        )
        progress(done, plan.rows)
    totals = truth.finish(world, into)
    facts = {
        "rows_wanted": plan.rows,
        "days": plan.days,
        "seed": plan.seed,
        "start": plan.start.date().isoformat(),
        "format": plan.form,
        "actors": actors,
        **truth.as_json(totals),
    }
    (into / "truth.json").write_text(json.dumps(facts, indent=2) + "\n")
    return Generated(into, plan, actors, files, totals)


def _actors_for(world: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[int, float]:
    """How many actors make about `plan.rows` requests, and how many one town makes.

    The requests of the first actors are counted; a small set ends with the actor who reaches the
    number, a large one is as many times the pilot as is needed.
    """
    actors = 0
    requests = 0
    for town in range(_PILOT_TOWNS):
        stage(world, actors, actors + TOWN)
        found = world.execute(
            "SELECT actor, sum(count(*)) OVER (ORDER BY actor) FROM requests "
            "GROUP BY actor ORDER BY actor"
        ).fetchall()
        per_town = (requests + found[-1][1]) / (town + 1) if found else 1.0
        for actor, so_far in found:
            if requests + so_far >= plan.rows:
                return actor + 1, per_town
        actors += TOWN
        requests += found[-1][1] if found else 0
        if per_town * (_PILOT_TOWNS / 2) < 1:
            raise BadPlanError("nobody listens to these shows in these days; take more days")
    return round(actors * plan.rows / requests), requests / _PILOT_TOWNS


def stage(world: duckdb.DuckDBPyConnection, first: int, past: int) -> int:
    """Make the table `requests` of the actors `first` … `past - 1`; returns how many rows."""
    world.execute(f"SET VARIABLE first = {first}")
    world.execute(f"SET VARIABLE past = {past}")
    for name in ("actors", "wishes", "sittings", "requests"):
        world.execute(statement(name))
    world.execute("DROP TABLE wishes")
    world.execute("DROP TABLE sittings")
    found = world.execute("SELECT count(*) FROM requests").fetchone()
    return int(found[0]) if found else 0


def _write_parquet(world: duckdb.DuckDBPyConnection, into: Path, chunk: int) -> int:
    """One file a day with requests in it; returns how many."""
    days = world.execute(
        "SELECT time_us // 86400000000 AS day, min(rowid), count(*) "
        "FROM requests GROUP BY day ORDER BY day"
    ).fetchall()
    for day, before, number in days:
        date = datetime.fromtimestamp(day * 86400, UTC)
        folder = into / "requests" / f"dt={date.date().isoformat()}"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"demo-{chunk:05d}"
        rows = statement(
            "rows",
            file_id=f"{name}-{date.date().isoformat()}",
            month=f"{date:%Y-%m}",
            month_before=f"{date.replace(day=1) - timedelta(days=1):%Y-%m}",
            rows_before=str(before),
            rows=str(number),
        )
        truth.copy(world, rows, folder / f"{name}.parquet")
    return len(days)
