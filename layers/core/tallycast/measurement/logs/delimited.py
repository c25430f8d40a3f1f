"""CSV and its kin (RFC 4180): columns by name, quoted fields, also over several lines."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.blocks import CONTINUED, LONGEST_LINE, UNCLOSED, Block
from tallycast.measurement.logs.layout import Facts, Layout, item, templated
from tallycast.measurement.logs.names import assigned, plain
from tallycast.measurement.logs.reasons import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DELIMITERS: Final = ",\t;|"
# A redirect's log: a path of the service with the destination in it, and hashed addresses.
REDIRECT_COLUMNS: Final = (
    "ip", "encoded_ip", "user_agent", "referer", "http_method", "timestamp", "episode_id",
    "byte_range_start", "byte_range_end",
)  # fmt: skip
_REDIRECT_FACTS: Final = {
    "ip": "ip",
    "ip_hash": "encoded_ip",
    "user_agent": "user_agent",
    "referrer": "referer",
    "method": "http_method",
    "time": "timestamp",
    "range_start": "byte_range_start",
    "range_end": "byte_range_end",
}
# Any of the known prefix hosts will do: what follows it in the path is the destination.
_REDIRECTOR: Final = "https://chrt.fm"
_MOST_LINES: Final = 100  # of one record
_FIELD_END: Final = "chr(31)"
_NEITHER: Final = bytes(code for code in range(256) if code not in b'"\n')


@dataclass(frozen=True, slots=True)
class Table:
    """What the columns of a delimited file are.

    Attributes:
        header: the header's line as it stands in the file; empty when there is none.
    """

    names: tuple[str, ...]
    delimiter: str
    header: str = ""


def table_of(line: str, delimiter: str, *, header: bool) -> Table:
    """The table that a first line begins."""
    delimiter = delimiter or max(DELIMITERS, key=line.count)
    names = _fields(line, delimiter) or [line]
    if header:
        return Table(tuple(names), delimiter, line)
    return Table(tuple(str(place) for place in range(1, len(names) + 1)), delimiter)


def is_redirects(table: Table) -> bool:
    """Whether a table has exactly the columns of a redirect's log."""
    return tuple(plain(name) for name in table.names) == REDIRECT_COLUMNS


def redirects(table: Table) -> Layout:
    """The redirect's log; the path stands behind a prefix host, where `media` finds its way."""
    columns = {name: item(place) for place, name in enumerate(REDIRECT_COLUMNS, 1)}
    facts = {fact: columns[theirs] for fact, theirs in _REDIRECT_FACTS.items()}
    path = columns["episode_id"]
    facts["url"] = (
        f"CASE WHEN starts_with({path}, '/') THEN {sql.text(_REDIRECTOR)} || {path} ELSE {path} END"
    )
    return _layout(table, facts, source="prefix")


def by_names(table: Table, mapping: Mapping[str, str], url_template: str) -> Layout:
    """A table whose columns are found by mapping, by our names or by common ones."""
    columns = {name: sql.known(item(place)) for place, name in enumerate(table.names, 1)}
    found = assigned(table.names, mapping)
    facts = {fact: item(table.names.index(theirs) + 1) for fact, theirs in found.items()}
    if url_template:
        facts["url"] = templated(url_template, columns)
    return _layout(table, facts, source="log")


def _layout(table: Table, facts: Facts, *, source: str) -> Layout:
    d = sql.text(table.delimiter)
    # Outside quotes delimiters become one of our marks. Between two quotes nothing is a quote.
    pieces = "string_split(text, '\"')"
    outside = (
        f"CASE WHEN i % 2 = 0 THEN x WHEN x = '' AND i > 1 AND i < length({pieces}) THEN '\"' "
        f"ELSE replace(x, {d}, {_FIELD_END}) END"
    )
    quoted = (
        f"string_split(array_to_string(list_transform({pieces}, lambda x, i: {outside}), ''), "
        f"{_FIELD_END})"
    )
    return Layout(
        record=f"CASE WHEN contains(text, '\"') THEN {quoted} ELSE string_split(text, {d}) END",
        problem=(
            f"CASE WHEN text[1] = {sql.text(UNCLOSED)} THEN {sql.text(Reason.QUOTE)} "
            f"WHEN length(r) <> {len(table.names)} THEN {sql.text(Reason.FIELDS)} END"
        ),
        skip=(
            f"CASE WHEN text = {sql.text(table.header)} THEN {sql.text(Skip.HEADER)} END"
            if table.header
            else "NULL"
        ),
        facts=facts,
        source="prefix" if source == "prefix" else "log",
    )


def _fields(text: str, delimiter: str) -> list[str]:
    """The fields of one record, or nothing when the text is not exactly one."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return rows[0] if len(rows) == 1 else []


def records(blocks: Iterator[Block], table: Table) -> Iterator[Block]:
    """Blocks in which every record stands on its first line, the lines after it marked as such.

    A quote that is opened but not closed within the next lines spoils its own line only.
    """
    tail: list[bytes] = []
    waiting: Block | None = None
    for block in blocks:
        if waiting is not None:
            joined, tail = _joined(waiting, tail, table, last=False)
            yield joined
        waiting = block
    if waiting is not None:
        joined, tail = _joined(waiting, tail, table, last=True)
        yield joined


def _joined(
    block: Block, before: Sequence[bytes], table: Table, *, last: bool
) -> tuple[Block, list[bytes]]:
    """A block with its records on one line each, and the lines left to the next block."""
    if not before and not _opens(block.data):
        return block, []
    lines = [*before, *block.data.split(b"\n")[:-1]]
    first = block.first - len(before)
    odd = [place for place, line in enumerate(lines) if line.count(b'"') % 2]
    done = -1
    for place in odd:
        if place <= done:
            continue
        found = _record(lines, place, table)
        if found is None and not last and len(lines) - place <= _MOST_LINES:
            return Block(first, _text(lines[:place])), lines[place:]
        if found is None:
            lines[place] = UNCLOSED.encode() + lines[place]
            continue
        done = found
        lines[place] = b" ".join(lines[place : found + 1])
        lines[place + 1 : found + 1] = [CONTINUED.encode()] * (found - place)
    return Block(first, _text(lines)), []


def _opens(data: bytes) -> bool:
    """Whether a line holds an odd number of quotes."""
    return b'"' in data.translate(None, _NEITHER).replace(b'""', b"")


def _text(lines: Sequence[bytes]) -> bytes:
    return b"".join([line + b"\n" for line in lines])


def _record(lines: Sequence[bytes], start: int, table: Table) -> int | None:
    """The last line of the record that begins on line `start`, if it is one."""
    size = 0
    for end in range(start, min(start + _MOST_LINES, len(lines))):
        size += len(lines[end]) + 1
        if size > LONGEST_LINE:
            return None
        if end > start and lines[end].count(b'"') % 2:
            text = b" ".join(lines[start : end + 1]).decode()
            whole = len(_fields(text, table.delimiter)) == len(table.names)
            return end if whole else None
    return None
