"""CloudFront's standard logs: W3C text with a header, and the JSON lines and Parquet of v2.

What a request is credited: `sc-content-len` is the length of the body that was to be sent, and
`sc-bytes` what was sent, headers included. The smaller of the two is taken, so a transfer that
was broken off is credited by what was sent of it, with at most its headers (about half a kB) too
much. `sc-range-start` and `sc-range-end` are those of the response's Content-Range; the log does
not have the request's Range header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.layout import Facts, Layout, item, member
from tallycast.measurement.logs.names import plain
from tallycast.measurement.logs.reasons import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallycast.measurement.logs.blocks import Block

# The columns of the legacy log, for a piece of a file that has lost its header.
LEGACY_FIELDS: Final = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem",
    "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)",
    "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
    "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type",
    "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port", "time-to-first-byte",
    "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start",
    "sc-range-end",
)  # fmt: skip
FIELDS_MARK: Final = b"#Fields:"
# The names that facts are made of; what JSON lines are asked for.
USED: Final = (
    "date", "time", "timestamp", "timestamp_ms", "c_ip", "cs_method", "cs_protocol",
    "x_host_header", "cs_host", "cs_uri_stem", "cs_uri_query", "sc_status", "sc_bytes",
    "sc_content_len", "sc_range_start", "sc_range_end", "cs_user_agent", "cs_referer",
    "x_edge_request_id", "c_country", "asn",
)  # fmt: skip
# A header that changes more often than this within a file is no header but an attack.
_MOST_HEADERS: Final = 100


def facts(columns: Mapping[str, str]) -> Facts:
    """Where the facts stand, given `plain` column names and their SQL (text, or NULL)."""

    def column(name: str) -> str:
        return columns.get(name, "NULL")

    def given(name: str) -> str:
        return f"nullif(nullif({columns[name]}, ''), '-')" if name in columns else "NULL"

    time = f"{given('date')} || ' ' || {given('time')} || '+00'"
    for epoch in ("timestamp_ms", "timestamp"):
        if epoch in columns:
            time = f"coalesce({given(epoch)}, {time})"
    length, sent = given("sc_content_len"), given("sc_bytes")
    query = f"coalesce('?' || {given('cs_uri_query')}, '')"
    found = {
        "time": time,
        "ip": column("c_ip"),
        "method": column("cs_method"),
        "scheme": f"CASE WHEN {column('cs_protocol')} = 'http' THEN 'http' END",
        "host": f"coalesce({given('x_host_header')}, {given('cs_host')})",
        # A percent sign that the client sent is logged as `%25`.
        "url": f"replace({column('cs_uri_stem')} || {query}, '%25', '%')",
        "status": column("sc_status"),
        "bytes_sent": f"CASE WHEN try_cast({length} AS BIGINT) < try_cast({sent} AS BIGINT) "
        f"THEN {length} ELSE coalesce({sent}, {length}) END",
        "range_start": column("sc_range_start"),
        "range_end": column("sc_range_end"),
        "user_agent": column("cs_user_agent"),
        "referrer": column("cs_referer"),
        "request_id": column("x_edge_request_id"),
        "country": column("c_country"),
        "asn": column("asn"),
    }
    return {fact: each for fact, each in found.items() if any(c in each for c in columns.values())}


def w3c(fields: Sequence[str]) -> Layout:
    """Tab-separated lines with these fields."""
    columns = {plain(field): item(place) for place, field in enumerate(fields, 1)}
    return Layout(
        record="string_split(text, chr(9))",
        problem=f"CASE WHEN length(r) <> {len(fields)} THEN {sql.text(Reason.FIELDS)} END",
        skip=f"CASE WHEN starts_with(text, '#') THEN {sql.text(Skip.COMMENT)} END",
        facts=facts(columns),
        escapes="percent",
    )


def with_members(names: Sequence[str]) -> Facts:
    """The facts of records that are structs, by the names that their members have."""
    return facts({plain(name): member(name) for name in names})


def sections(blocks: Iterator[Block]) -> Iterator[tuple[tuple[str, ...], Block]]:
    """Blocks with the fields of the header that stands above each.

    Concatenated files may have different fields one after the other.
    """
    fields: tuple[str, ...] = LEGACY_FIELDS
    changes = 0
    for block in blocks:
        start, first = 0, block.first
        at = 0 if block.data.startswith(FIELDS_MARK) else block.data.find(b"\n" + FIELDS_MARK) + 1
        while (at or block.data.startswith(FIELDS_MARK)) and changes < _MOST_HEADERS:
            end = block.data.find(b"\n", at)
            new = tuple(block.data[at + len(FIELDS_MARK) : end].decode().split())
            if new and new != fields:
                changes += 1
                if at > start:
                    before = block.data[start:at]
                    yield fields, type(block)(first, before)
                    first += before.count(b"\n")
                    start = at
                fields = new
            following = block.data.find(b"\n" + FIELDS_MARK, end)
            if following < 0:
                break
            at = following + 1
        if start < len(block.data):
            yield fields, type(block)(first, block.data[start:])
