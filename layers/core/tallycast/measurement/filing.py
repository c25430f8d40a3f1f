"""Count log files where they lie: what the command line does, without a platform.

Addresses are hashed under one key that is thrown away, so a result holds nothing of them, and
requests of any number of months can be compared. Files that no table of episodes names are
counted under their own address, for the show that the log names, if it does.
"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, cast

import duckdb

from tallycast.feeds.files import file_key, media_of
from tallycast.kernel.errors import PermanentError
from tallycast.measurement.engine import count
from tallycast.measurement.logs import (
    Enrichment,
    LogSource,
    UnreadableLogError,
    read_logs,
    requests_relation,
)
from tallycast.measurement.logs.enrichment import pseudonyms_under
from tallycast.measurement.model import EPISODES
from tallycast.measurement.privacy import KeyRing
from tallycast.measurement.reference import bundle
from tallycast.measurement.tenancy import BadZoneError, known_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallycast.measurement.engine import Count
    from tallycast.measurement.logs.enrichment import Facts, Pseudonyms
    from tallycast.measurement.logs.model import Intake
    from tallycast.measurement.reference.bundle import Reference
    from tallycast.measurement.rulesets import RuleSet


class EpisodesFileError(PermanentError):
    """The table of episodes cannot be read."""


# What no episode has, with the words for it. Sizes up to a terabyte, and 4 Gbit/s.
_IMPOSSIBLE: Final = {
    "no media, which is the address of its file": "coalesce(media, '') = ''",
    "no episode_id": "coalesce(episode_id, '') = ''",
    "length_bytes is not possible": "length_bytes NOT BETWEEN 0 AND 1000000000000",
    "header_bytes is not possible": "header_bytes NOT BETWEEN 0 AND 1000000000000",
    "bitrate_bps is not possible": "bitrate_bps NOT BETWEEN 0 AND 4000000000",
}


class NothingReadableError(PermanentError):
    """None of the records could be read; a source says how they are written."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Log files that were read: `requests` and `episodes` on a connection.

    `zone` is the reporting time zone of whatever `episodes` does not name.
    """

    connection: duckdb.DuckDBPyConnection
    reference: Reference
    logs: tuple[Path, ...]
    intakes: tuple[Intake, ...]
    zone: str

    def count(self, rules: RuleSet) -> Count:
        """Count them. Files that no episode has are episodes called by their own address."""
        return count(
            self.connection, rules, self.reference.agents, zone=self.zone, named=lambda media: media
        )

    @property
    def accepted(self) -> int:
        """How many records are requests for media."""
        return sum(intake.account.accepted for intake in self.intakes)

    @property
    def quarantined(self) -> int:
        """How many records could not be read."""
        return sum(intake.account.quarantined for intake in self.intakes)

    @property
    def reasons(self) -> dict[str, int]:
        """Why they could not, each with how many; the most frequent first."""
        return _added_up(intake.account.reasons for intake in self.intakes)

    @property
    def skipped(self) -> dict[str, int]:
        """Records that are no requests for media, by kind (`Skip`); the most frequent first."""
        return _added_up(intake.account.skipped for intake in self.intakes)


def _added_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))


@contextmanager
def filed(
    logs: Sequence[Path],
    *,
    source: LogSource | None = None,
    reference: Path | None = None,
    episodes: Path | None = None,
    zone: str = "UTC",
    memory_limit: str = "1GB",
) -> Iterator[Filed]:
    """Read log files of any format, for as long as the context lasts.

    Args:
        logs: the files.
        source: what is said of them; found out by default.
        reference: folder of lists to use instead of the built-in ones.
        episodes: CSV, JSON or Parquet with columns of EPISODES; `media`, in any spelling of an
            address, and `episode_id` at least.
        zone: IANA reporting time zone of whatever `episodes` does not name.
        memory_limit: DuckDB's.

    Raises:
        UnreadableLogError: a log cannot be opened.
        ReferenceFolderError: the folder holds no lists.
        EpisodesFileError: the episodes cannot be read.
        BadZoneError: there is no such time zone.
    """
    known_zone(zone)
    lists = bundle.built_in() if reference is None else bundle.from_folder(reference)
    enrichment = Enrichment(
        pseudonyms=_under_one_key(),
        facts=cast("Facts", lists.networks.look_up_all),
        media=partial(file_key, more_prefixes=lists.agents.prefix_hosts),
    )
    with (
        TemporaryDirectory() as name,
        files(*logs) as there,
        duckdb.connect(
            config={"memory_limit": memory_limit, "temp_directory": f"{name}/spill"}
        ) as db,
    ):
        folder = Path(name)
        found = read_logs(there, source or LogSource(), enrichment, folder, datetime.now(UTC))
        requests_relation(db, found)
        _episodes(db, episodes, lists.agents.prefix_hosts)
        yield Filed(db, lists, there, tuple(found), zone)


@contextmanager
def files(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Files that can be read again: those given, and copies of what comes out of pipes.

    Raises:
        UnreadableLogError: a pipe cannot be read.
    """
    with TemporaryDirectory() as name:
        yield tuple(_file(path, Path(name) / str(n)) for n, path in enumerate(paths))


def _file(path: Path, folder: Path) -> Path:
    """The file, or a copy in a folder of what comes out of a pipe."""
    if path.is_file():
        return path
    folder.mkdir()
    copy = folder / path.name
    try:
        with path.open("rb") as pipe, copy.open("wb") as file:
            shutil.copyfileobj(pipe, file)
    except OSError as error:
        raise UnreadableLogError(f"cannot read {path}: {error.strerror}") from error
    return copy


def _under_one_key() -> Pseudonyms:
    """Hashes under one key for all months, which nobody can ever have again."""
    ring = pseudonyms_under(KeyRing.ephemeral())
    always = date(2000, 1, 1)
    return lambda asked: ring([(address, always) for address, _ in asked])


def _episodes(db: duckdb.DuckDBPyConnection, path: Path | None, prefixes: frozenset[str]) -> None:
    """The table `episodes`: those that are given, if any."""
    columns = ", ".join(f"{name} {kind}" for name, kind in EPISODES.items())
    db.execute(f"CREATE TEMP TABLE episodes ({columns})")
    if path is not None:
        _given(db, path, prefixes)


def _given(db: duckdb.DuckDBPyConnection, path: Path, prefixes: frozenset[str]) -> None:
    """The episodes of a file, each of them possible."""
    try:
        db.execute(f"CREATE TEMP TABLE given AS FROM '{str(path).replace(chr(39), chr(39) * 2)}'")
        there = {str(row[0]) for row in db.execute("DESCRIBE given").fetchall()}
        missing = {"media", "episode_id"} - there
        if missing:
            raise EpisodesFileError(
                f"{path} lacks the columns {', '.join(sorted(missing))}; it has "
                f"{', '.join(sorted(there))}"
            )
        known = ", ".join(name for name in EPISODES if name in there)
        db.execute(f"INSERT INTO episodes BY NAME SELECT {known} FROM given")  # noqa: S608 - ours
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise EpisodesFileError(f"{path} cannot be read as episodes: {reason}") from error
    # Spreadsheets leave empty rows, and some tables say -1 for what they do not know.
    db.execute("DELETE FROM episodes WHERE coalesce(media, episode_id, '') = ''")
    addresses = [
        address
        for (address,) in db.execute(
            "SELECT DISTINCT media FROM episodes WHERE media IS NOT NULL"
        ).fetchall()
    ]
    db.execute(
        "UPDATE episodes SET media = name FROM (SELECT unnest($1) AS address, unnest($2) AS name) "
        "WHERE media = address",
        [addresses, [media_of(address, prefixes) for address in addresses]],
    )
    db.execute("UPDATE episodes SET length_bytes = NULL WHERE length_bytes < 0")
    impossible = " ".join(f"WHEN {test} THEN '{said}'" for said, test in _IMPOSSIBLE.items())
    wrong = db.execute(
        f"""SELECT row, said, media FROM (
            SELECT row_number() OVER () AS row, CASE {impossible} END AS said, media FROM episodes)
        WHERE said IS NOT NULL ORDER BY row LIMIT 1"""  # noqa: S608 - ours
    ).fetchone()
    if wrong:
        raise EpisodesFileError(f"{path}, row {wrong[0]} ({wrong[2] or '?'}): {wrong[1]}")
    for name, media in db.execute(
        "SELECT zone, min(media) FROM episodes WHERE zone IS NOT NULL GROUP BY zone ORDER BY zone"
    ).fetchall():
        try:
            known_zone(name)
        except BadZoneError as error:
            raise EpisodesFileError(f"{path} ({media}): {error}") from error
