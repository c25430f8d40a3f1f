"""Read one log file: requests by day, quarantine, and an account of every record."""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.logs import columnar, detection
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.blocks import CONTINUED
from tallycast.measurement.logs.checks import facts_sql, judged_sql
from tallycast.measurement.logs.choice import columnar_layout, portions
from tallycast.measurement.logs.dictionaries import Dictionaries
from tallycast.measurement.logs.media import playlist_folders
from tallycast.measurement.logs.model import Account, Intake, Limits
from tallycast.measurement.logs.opening import Opened, is_parquet
from tallycast.measurement.logs.reasons import Reason
from tallycast.measurement.logs.rows import requests_sql
from tallycast.measurement.logs.writing import write, write_days
from tallycast.measurement.model import QUARANTINE, REQUESTS

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.measurement.logs.blocks import Block
    from tallycast.measurement.logs.enrichment import Enrichment
    from tallycast.measurement.logs.layout import Layout
    from tallycast.measurement.logs.model import LogFormat, LogSource

_KEPT_OF_TEXT: Final = 1000
_ALL_MARKS: Final = "".join(chr(code) for code in range(1, 0x20) if chr(code) != "\t") + " "


class BadSourceError(PermanentError):
    """What is said of a log cannot be: an unknown time zone, or a pattern that is none."""


def read_log(  # noqa: PLR0917 - what, what is said of it, what helps, where to, as whom, when
    path: Path,
    source: LogSource,
    enrichment: Enrichment,
    into: Path,
    file_id: str,
    now: datetime,
    limits: Limits | None = None,
) -> Intake:
    """Read a file that lies here and write what is in it as Parquet.

    The same file, source, enrichment and `now` give the same bytes. Bad lines never raise: they
    are quarantined, each with its number and a reason from `Reason`.

    Args:
        path: the log, of any format and compression.
        source: what is said of it.
        enrichment: makes hashes of addresses and says where they are.
        into: folder for the results, named `{file_id}.{day}.parquet` and
            `{file_id}.quarantine.parquet`; also for what does not fit into memory meanwhile.
        file_id: stands in every row.
        now: requests from more than a day after are not believed.
        limits: how much it may ask of the machine.

    Raises:
        UnreadableLogError: the file cannot be opened, or it is zstd and nothing here reads that.
        BadSourceError: the source names no time zone, or no pattern of times.
    """
    limits = limits or Limits()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".reading-") as folder:
        scratch = Path(folder)
        with _connection(limits, scratch, source) as connection:
            return _Reading(connection, path, source, enrichment, file_id, now, limits, scratch)(
                into
            )


def _connection(limits: Limits, scratch: Path, source: LogSource) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {
        "memory_limit": limits.memory,
        "temp_directory": str(scratch / "spill"),
        "preserve_insertion_order": True,
    }
    if limits.threads is not None:
        config["threads"] = limits.threads
    connection = duckdb.connect(config=config)
    try:
        connection.execute(f"SET TimeZone = {sql.text(source.zone)}")
        connection.execute(f"SELECT {sql.microseconds(sql.text('-'), source.time_format)}")
    except duckdb.Error as error:
        connection.close()
        raise BadSourceError(
            "the source's zone is no IANA time zone, or its time_format no strptime pattern",
            zone=source.zone,
            time_format=source.time_format,
        ) from error
    return connection


class _Reading:
    """One file on its way through. Called once."""

    def __init__(  # noqa: PLR0917 - made in one place only
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        source: LogSource,
        enrichment: Enrichment,
        file_id: str,
        now: datetime,
        limits: Limits,
        scratch: Path,
    ) -> None:
        self._connection = connection
        self._source = source
        self._enrichment = enrichment
        self._file_id = file_id
        self._now = now
        self._limits = limits
        self._scratch = scratch
        self._path = path
        self._opened = Opened(path, limits.largest_bytes)
        self._dictionaries: Dictionaries | None = None
        self._reasons: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._accepted = 0
        self._read = 0
        self._last_line = 0

    def __call__(self, into: Path) -> Intake:
        run = self._connection.execute
        sample = detection.sample(self._path, self._connection)
        kind = detection.format_of(sample, self._source)
        for table, columns in (("requests", REQUESTS), ("quarantine", QUARANTINE)):
            run(f"CREATE TEMP TABLE {table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")
        if is_parquet(self._path):
            self._columnar(kind, sample.parquet)
        else:
            size = self._limits.block_bytes
            for layout, block in portions(self._opened, kind, sample, self._source, size):
                self._lines(layout, block)
        if self._opened.damage is not None:
            self._cut(self._opened.damage)
        days = write_days(self._connection, into, self._file_id)
        quarantine = None
        if self._reasons:
            quarantine = into / f"{self._file_id}.quarantine.parquet"
            write(self._connection, "SELECT * FROM quarantine ORDER BY line", quarantine)
        account = Account(
            read=self._read,
            accepted=self._accepted,
            quarantined=self._reasons.total(),
            skipped=dict(sorted(self._skipped.items())),
            reasons=dict(sorted(self._reasons.items())),
            cut=self._opened.damage is not None,
        )
        return Intake(self._file_id, kind, days, quarantine, account)

    def _lines(self, layout: Layout, block: Block) -> None:
        """Take in a block of a text log."""
        file = self._scratch / "block"
        # Written over the block before: its pages are there already.
        with file.open("r+b" if file.exists() else "wb") as written:
            written.write(memoryview(block.data)[:-1])
            written.truncate()
        lines = block.data.count(b"\n")
        mark = CONTINUED.encode()
        continued = block.data.count(b"\n" + mark) if mark in block.data else 0
        # A line's number is its place in the list, so none can be lost or moved.
        ordinary = f" WHERE NOT starts_with(text, {sql.text(CONTINUED)})" if continued else ""
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE lines AS SELECT * FROM (SELECT "
            f"generate_subscripts(texts, 1) + {block.first - 1} AS line, unnest(texts) AS text "
            "FROM (SELECT string_split(content, chr(10)) AS texts "
            f"FROM read_text({sql.text(sql.literal_path(file))}))){ordinary}"
        )
        self._read += lines - continued
        self._last_line = block.first + lines - 1
        self._take(layout, lines - continued, "text")

    def _columnar(self, kind: LogFormat, file: columnar.ParquetFile | None) -> None:
        """Take in a Parquet file, portion by portion."""
        if file is None:
            self._opened.damage = Reason.FILE_DAMAGED
            return
        layout = columnar_layout(kind, file, self._source)
        for rows in columnar.portions(file):
            try:
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE lines AS {columnar.rows_sql(file, rows)}"
                )
            except duckdb.Error:
                self._opened.damage = Reason.FILE_DAMAGED
                return
            count = rows.last - rows.first + 1
            self._read += count
            self._last_line = rows.last
            self._take(layout, count, "CAST(to_json(r) AS VARCHAR)")

    def _take(self, layout: Layout, count: int, original: str) -> None:
        """Judge and keep the rows of table `lines`.

        Args:
            layout: of the rows.
            count: how many there are.
            original: SQL of what a row looked like, for the quarantine.
        """
        run = self._connection.execute
        if self._dictionaries is None:
            folders = playlist_folders(self._source.playlists, self._enrichment.media)
            self._dictionaries = Dictionaries(
                self._connection, self._enrichment, folders, self._scratch
            )
        facts = facts_sql(layout, self._source, self._now)
        run(f"CREATE OR REPLACE TEMP TABLE facts AS {facts}")
        layout = self._filled(layout)
        self._dictionaries.learn(layout)
        rows = requests_sql(layout, self._source, self._file_id, self._now)
        good = run(f"INSERT INTO requests {rows}").fetchone()
        accepted = int(good[0]) if good else 0
        self._accepted += accepted
        if accepted < count:
            self._refuse(layout, original)

    def _filled(self, layout: Layout) -> Layout:
        """The layout with the facts that any row of table `facts` has: the others cost nothing."""
        counted = self._connection.execute("SELECT count(COLUMNS(*)) FROM facts")
        names = [column[0] for column in counted.description]
        held = dict(zip(names, counted.fetchone() or (), strict=True))
        return replace(layout, facts={f: each for f, each in layout.facts.items() if held.get(f)})

    def _refuse(self, layout: Layout, original: str) -> None:
        """Count what is skipped, quarantine what is bad."""
        run = self._connection.execute
        run(
            "CREATE OR REPLACE TEMP TABLE facts AS SELECT * FROM facts ANTI JOIN (SELECT line "
            "FROM requests WHERE line >= (SELECT min(line) FROM facts)) USING (line)"
        )
        run(
            "CREATE OR REPLACE TEMP TABLE others AS SELECT line, gone, reason "
            f"FROM ({judged_sql(layout, self._source, self._now)}) "
            "WHERE gone IS NOT NULL OR reason IS NOT NULL"
        )
        masked = f"left({sql.masked(f'left({original}, {16 * _KEPT_OF_TEXT})')}, {_KEPT_OF_TEXT})"
        run(
            f"INSERT INTO quarantine SELECT {sql.text(self._file_id)}, o.line, o.reason, "
            f"trim({masked}, {sql.text(_ALL_MARKS)}) "
            "FROM others o JOIN lines l ON l.line = o.line WHERE o.gone IS NULL"
        )
        counted = run("SELECT gone, reason, count(*) FROM others GROUP BY ALL").fetchall()
        for gone, reason, count in counted:
            if gone is not None:
                self._skipped[gone] += count
            else:
                self._reasons[reason] += count

    def _cut(self, reason: Reason) -> None:
        """The place where a file ends too early counts as one record.

        Its text is not kept: half an address would not be recognised as one.
        """
        self._read += 1
        self._reasons[reason] += 1
        self._connection.execute(
            "INSERT INTO quarantine VALUES (?, ?, ?, '')",
            [self._file_id, self._last_line + 1, reason.value],
        )
