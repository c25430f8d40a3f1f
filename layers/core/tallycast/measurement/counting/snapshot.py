"""The EPISODES table of a tenant, in the lake, kept up with what the feeds say."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tallycast.kernel.times import to_text
from tallycast.measurement.counting.episodes import Audio, audio_of_tenant, merged
from tallycast.measurement.counting.run import digest_of
from tallycast.measurement.lake import keys as lake_keys
from tallycast.measurement.lake.store import LakeObjectMissingError
from tallycast.measurement.model import EPISODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tallycast.feeds.store import FeedStore
    from tallycast.measurement.lake.store import LakeStore

_NAME = "episodes.parquet"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a tenant's audio, in a local file of the EPISODES columns."""

    path: Path
    digest: str
    rows: int


@dataclass(frozen=True, slots=True)
class EpisodeSnapshots:
    """Reads what the feeds say, adds it to what was known, and keeps that in the lake."""

    feeds: FeedStore
    lake: LakeStore
    connect: Callable[[], DuckDBPyConnection]

    def take(
        self,
        tenant: str,
        zone_of: Callable[[str], str],
        folder: Path,
        prefixes: frozenset[str] = frozenset(),
    ) -> Snapshot:
        """A tenant's audio now, with its shows' zones; the lake's copy is replaced if it grew.

        Two at once may each miss what the other has just added; the next one has both, because
        the feeds still say it.
        """
        key = f"{lake_keys.folder('episodes', tenant)}{_NAME}"
        with self.connect() as db:
            before = self._known(db, key, folder)
            rows = merged(before, audio_of_tenant(self.feeds, tenant, prefixes))
            path = folder / _NAME
            _write(db, rows, zone_of, path)
        if rows != before:
            self.lake.put(path, key)
        # Zones are settings, and have a digest of their own.
        return Snapshot(path, digest_of([_facts(row) for row in rows]), len(rows))

    def _known(self, db: DuckDBPyConnection, key: str, folder: Path) -> Sequence[Audio]:
        try:
            local = self.lake.fetch([key], folder / "known")[key]
        except LakeObjectMissingError:
            return []
        columns = ", ".join(field.name for field in fields(Audio))
        found = db.execute(
            f"SELECT {columns} FROM read_parquet(?) ORDER BY media",  # noqa: S608 - our columns
            [str(local)],
        ).fetchall()
        return [_audio(row) for row in found]


def _audio(row: tuple[object, ...]) -> Audio:
    values = dict(zip((field.name for field in fields(Audio)), row, strict=True))
    released = values["released_at"]
    if isinstance(released, datetime):
        values["released_at"] = released.replace(tzinfo=UTC)
    return Audio(**values)  # type: ignore[arg-type]


def _facts(row: Audio) -> dict[str, object]:
    return {
        **asdict(row),
        "released_at": to_text(row.released_at) if row.released_at else None,
    }


def _write(
    db: DuckDBPyConnection, rows: Iterable[Audio], zone_of: Callable[[str], str], path: Path
) -> None:
    """One JSON line a row, which DuckDB turns into Parquet: no other library is needed."""
    lines = path.with_suffix(".jsonl")
    with lines.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({**_facts(row), "zone": zone_of(row.show_id)}) + "\n")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in EPISODES.items())
    db.execute(
        f"""
        COPY (
            SELECT {", ".join(EPISODES)} FROM read_json(?, format = 'newline_delimited',
                columns = {{{columns}}}) ORDER BY media
        ) TO '{path}' (FORMAT parquet, COMPRESSION snappy)
        """,  # noqa: S608 - our own columns, and a path of our own
        [str(lines)],
    )
