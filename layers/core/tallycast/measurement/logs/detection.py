"""What a log is, by its content: names and endings of files are not looked at."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from tallycast.measurement.logs import columnar, combined, delimited
from tallycast.measurement.logs.blocks import TOO_LONG, cleaned
from tallycast.measurement.logs.cloudfront import FIELDS_MARK
from tallycast.measurement.logs.model import LogFormat, LogSource
from tallycast.measurement.logs.names import assigned, plain, suffices
from tallycast.measurement.logs.opening import Opened, is_parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SAMPLE: Final = 256 * 1024
_LONG_JSON: Final = TOO_LONG + "{"
_COMBINED: Final = re.compile(combined.LINE)
_CLOUDFRONT: Final = re.compile(r"\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t[A-Z]{3}[^\t]*\t\d+\t")
_MEGAPHONE: Final = frozenset({"created_at", "podcast_id", "episode_id", "user_agent"})


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a log.

    Attributes:
        lines: cleaned, without blank ones; the last may be cut.
        parquet: the footer, where it is Parquet.
    """

    lines: Sequence[str]
    parquet: columnar.ParquetFile | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Members of the JSON objects among the lines, by first appearance."""
        found: dict[str, None] = {}
        for line in self.lines:
            if line.startswith("{"):
                found.update(dict.fromkeys(_members(line)))
        return tuple(found)


def detect(path: Path, source: LogSource | None = None) -> LogFormat:
    """The format of a file, `UNKNOWN` when it is none that we can read.

    Args:
        path: the file; gzip and zstd are seen through.
        source: what is said of it; a mapping makes more tables readable.

    Raises:
        UnreadableLogError: the file cannot be opened.
    """
    with duckdb.connect() as connection:
        return format_of(sample(path, connection), source or LogSource())


def sample(path: Path, connection: duckdb.DuckDBPyConnection) -> Sample:
    """The beginning of a file."""
    if is_parquet(path):
        return Sample((), columnar.opened(connection, path))
    data = b""
    opened = Opened(path, _SAMPLE)
    # One chunk may hold a fraction of it, when members are small.
    for chunk in itertools.islice(opened.chunks(), _SAMPLE):
        data += chunk
    lines = cleaned(data.removeprefix(b"\xef\xbb\xbf")).decode("utf-8", "replace").split("\n")
    # Documents of a subscription come without line feeds: theirs is one line, however long.
    seen = (line.removeprefix(TOO_LONG) if line.startswith(_LONG_JSON) else line for line in lines)
    return Sample([line for line in seen if line.strip() and not line.startswith(TOO_LONG)])


def format_of(sample: Sample, source: LogSource) -> LogFormat:
    """The format of what begins so; a source that names one is believed."""
    if sample.parquet is not None:
        return _columnar(sample.parquet, source)
    if source.format is not LogFormat.AUTO:
        return source.format
    found = next((kind for line in sample.lines if (kind := _of_line(line, source.columns))), None)
    return found or _tabular(sample.lines, source)


def _columnar(file: columnar.ParquetFile, source: LogSource) -> LogFormat:
    if columnar.is_cloudfront(file.names) and not source.columns:
        return LogFormat.CLOUDFRONT_PARQUET
    if columnar.is_readable(file.names, _with_url(source)):
        return LogFormat.PARQUET
    return LogFormat.UNKNOWN


def _of_line(line: str, mapping: Mapping[str, str]) -> LogFormat | None:
    if line.startswith((FIELDS_MARK.decode(), "#Version:")) or _CLOUDFRONT.match(line):
        return LogFormat.CLOUDFRONT
    if line.startswith("{"):
        return _of_members(set(_members(line)), mapping)
    if _COMBINED.match(line):
        return LogFormat.COMBINED
    return None


def _of_members(members: set[str], mapping: Mapping[str, str]) -> LogFormat | None:
    if "messageType" in members:
        return LogFormat.HIT_ENVELOPES
    if mapping:
        return LogFormat.JSON
    if {"c_ip", "cs_uri_stem"} <= {plain(each) for each in members}:
        return LogFormat.CLOUDFRONT_JSON
    if members >= _MEGAPHONE:
        return LogFormat.MEGAPHONE
    found = assigned(tuple(members), mapping)
    return LogFormat.JSON if "time" in found and "url" in found else None


def _members(line: str) -> list[str]:
    try:
        # Documents of a subscription follow each other without a line feed.
        value, _ = json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        # A subscription's document may be longer than the sample.
        return ["messageType"] if line.startswith('{"messageType"') else []
    return list(value) if isinstance(value, dict) else []


def _tabular(lines: Sequence[str], source: LogSource) -> LogFormat:
    first = next((line for line in lines), "")
    table = delimited.table_of(first, source.delimiter, header=source.header)
    if delimited.is_redirects(table):
        return LogFormat.REDIRECTS
    found = assigned(table.names, _with_url(source))
    if len(table.names) > 1 and suffices(found):
        return LogFormat.CSV
    return LogFormat.UNKNOWN


def _with_url(source: LogSource) -> Mapping[str, str]:
    """The mapping; a template that makes URLs counts as a column of them."""
    if source.url_template and "url" not in source.columns:
        any_column = re.search(r"\{([^{}]*)\}", source.url_template)
        return {**source.columns, "url": any_column[1]} if any_column else source.columns
    return source.columns
