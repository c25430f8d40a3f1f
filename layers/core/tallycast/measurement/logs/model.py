"""What a log is said to be, how much of it may be read, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_validator

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.schema import Produced
from tallycast.measurement.logs.layout import FACTS
from tallycast.measurement.logs.reasons import NOT_REQUESTS, Skip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path


class LogFormat(StrEnum):
    """The shapes we read; `docs/log-files.md` describes each."""

    AUTO = "auto"
    CLOUDFRONT = "cloudfront"
    CLOUDFRONT_JSON = "cloudfront_json"
    CLOUDFRONT_PARQUET = "cloudfront_parquet"
    COMBINED = "combined"
    MEGAPHONE = "megaphone"
    JSON = "json"
    HIT_ENVELOPES = "hit_envelopes"
    CSV = "csv"
    REDIRECTS = "redirects"
    PARQUET = "parquet"
    UNKNOWN = "unknown"


class BadLogSourceError(PermanentError):
    """The settings of a log source name something that does not exist."""


class LogSource(Produced):
    """What the owner of a log says about it. Everything has a default that reads most logs.

    Attributes:
        format: `auto` finds it out from the content, file by file.
        columns: our column → theirs, for CSV, Parquet and JSON lines whose names we do not know.
            In a CSV without a header theirs is the place, from `1`; in JSON lines a name that
            begins with `/` is a JSON pointer.
        time_format: `auto` (ISO 8601, epoch in s, ms or µs, CLF), or a `strptime` pattern.
        zone: IANA zone of times that name none.
        delimiter: of a CSV; found out when empty.
        header: whether a CSV begins with the names of its columns.
        additions: names of what follows the user agent in a combined log, in order, as
            `http_range`, `bytes_sent`, `host`, `scheme`, `request_id`, `sent_http_content_range`,
            `http_x_playback_session_id`, or `-` for what is of no use. Empty: byte ranges are
            found by their look and the rest is ignored.
        host: put before a URL that is only a path.
        scheme: of such a URL.
        url_template: makes the URL out of other columns, as `https://cdn.example/{episode_id}.mp3`.
        show_id: of rows that do not say theirs.
        shows: their name of a show → our id.
        source: `log` or `prefix`, where the rows do not say; by format when None.
        ip_key: what to call the key of hashes that came with the log.
        playlists: media of known HLS playlists (`host/path/x.m3u8`); below their folders
            everything is a part of their stream.
    """

    format: LogFormat = LogFormat.AUTO
    columns: dict[str, str] = Field(default_factory=dict)
    time_format: str = "auto"
    zone: str = "UTC"
    delimiter: str = Field(default="", max_length=1)
    header: bool = True
    additions: tuple[str, ...] = ()
    host: str = ""
    scheme: Literal["http", "https"] = "https"
    url_template: str = ""
    show_id: str = ""
    shows: dict[str, str] = Field(default_factory=dict)
    source: Literal["log", "prefix"] | None = None
    ip_key: str = "given"
    playlists: frozenset[str] = frozenset()

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        if strange := sorted(set(columns) - set(FACTS)):
            raise ValueError(f"no columns of ours: {', '.join(strange)}; ours: {', '.join(FACTS)}")
        if empty := sorted(ours for ours, theirs in columns.items() if not theirs.strip(" /")):
            raise ValueError(f"no name of theirs is given for {', '.join(empty)}")
        return columns


def source_of(document: dict[str, Any]) -> LogSource:
    """A log source as a person writes it.

    Raises:
        BadLogSourceError: which entry is wrong, and why.
    """
    try:
        return LogSource.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "source"
        raise BadLogSourceError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may ask of the machine.

    Attributes:
        largest_bytes: of the decompressed file; what lies beyond is left out and said so.
        block_bytes: read at once, and what is done to each block costs as much however small it
            is. DuckDB needs at least four times as much memory.
        memory: DuckDB's memory limit; beyond it spills to the disk.
        threads: DuckDB's threads; None: all processors.
    """

    largest_bytes: int = 16 * 1024**3
    block_bytes: int = 64 * 1024**2
    memory: str = "1GB"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every record of a file: `read == accepted + quarantined + sum(skipped)`.

    A record is a line; a CSV record whose quoted field holds line feeds is one; so is a row of a
    Parquet file, a log event of a subscription document, and the place where a file is cut.

    Attributes:
        reasons: quarantined records by reason; `skipped`: skipped ones by kind.
        cut: whether the file was cut, damaged or larger than allowed.
    """

    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False

    @property
    def not_requests(self) -> int:
        """Skipped records that were no requests at all: comments, headers, blank lines."""
        return sum(count for kind, count in self.skipped.items() if Skip(kind) in NOT_REQUESTS)

    @property
    def not_media(self) -> int:
        """Requests for something else than media: pages, pictures, feeds."""
        return self.skipped.get(Skip.NOT_MEDIA, 0)


@dataclass(frozen=True, slots=True)
class Intake:
    """What reading one file gave.

    Attributes:
        days: UTC day of the requests → Parquet file with the columns of REQUESTS, by line.
        quarantine: Parquet file with the columns of QUARANTINE; None when nothing was quarantined.
    """

    file_id: str
    format: LogFormat
    days: Mapping[date, Path]
    quarantine: Path | None
    account: Account
