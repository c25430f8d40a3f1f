"""Count one shard of one day: fetch the rows that count, run the engine, hand its results on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tallycast.measurement.counting.opening import EPISODES
from tallycast.measurement.counting.settling import part
from tallycast.measurement.engine import count
from tallycast.measurement.lake.reading import relation_of
from tallycast.measurement.model import DOWNLOADS, WATERFALL
from tallycast.measurement.rollups.facts import collect_facts, write_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from tallycast.measurement.counting.run import Run
    from tallycast.measurement.lake.store import LakeStore
    from tallycast.measurement.reference.loading import ReferenceCache


@dataclass(frozen=True, slots=True)
class Shards:
    """Counts shards."""

    lake: LakeStore
    reference: ReferenceCache
    connect: Callable[[], DuckDBPyConnection]

    def count(self, run: Run, shard: int) -> int:
        """Count one shard; returns how many requests got a verdict.

        The same run and shard give the same bytes.

        Raises:
            LakeObjectMissingError: a file was compacted or rewritten since the run was opened.
        """
        with TemporaryDirectory() as name, self.connect() as db:
            folder = Path(name)
            files = sorted({file.object_key for file in run.files if file.rows})
            local = self.lake.fetch(files, folder / "requests")
            episodes = self.lake.fetch([run.part(EPISODES)], folder / "episodes")
            relation = relation_of(run.days_of_files, local)
            db.execute(f"CREATE VIEW requests AS SELECT * FROM {relation}")  # noqa: S608 - ours
            db.execute(f"CREATE TABLE episodes AS FROM '{episodes[run.part(EPISODES)]}'")
            count(
                db,
                run.rules,
                self.reference.load_active().agents,
                day=run.day.day,
                shard=shard,
                shards=run.shards,
            )
            return self._hand_on(db, run, shard, folder)

    def _hand_on(self, db: DuckDBPyConnection, run: Run, shard: int, folder: Path) -> int:
        for table, columns in (("downloads", DOWNLOADS), ("waterfall", WATERFALL)):
            path = folder / part(table, shard, run.shards)
            db.execute(
                f"COPY (SELECT {', '.join(columns)} FROM counted_{table}) TO '{path}' "  # noqa: S608
                "(FORMAT parquet, COMPRESSION snappy)"
            )
            self.lake.put(path, run.part(path.name))
            db.execute(f"CREATE TEMP VIEW {table} AS FROM counted_{table}")
        zones = {}
        if run.rules.zone == "show":
            zones = dict(db.execute("SELECT DISTINCT show_id, zone FROM episodes").fetchall())
        collect_facts(db, run.day.tenant, zones)
        facts = folder / part("facts", shard, run.shards)
        write_facts(db, str(facts))
        self.lake.put(facts, run.part(facts.name))
        found = db.execute("SELECT coalesce(sum(requests), 0)::BIGINT FROM waterfall").fetchone()
        return int(found[0]) if found else 0
