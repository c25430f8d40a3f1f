"""What a format is to the reader: SQL that takes a line apart and says where each fact stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

# What can be known of a request, before it is checked: all text, NULL when not known. The names
# are those of REQUESTS where both say the same; these are the names that a mapping may use.
FACTS: Final = (
    "time", "ip", "ip_hash", "ip_key", "ip_hash_previous", "method", "url", "host", "scheme",
    "status", "range", "range_start", "range_end", "more_ranges", "content_range", "bytes_sent",
    "total_bytes", "user_agent", "referrer", "country", "region", "asn", "network", "session",
    "request_id", "show_id", "source", "kind",
)  # fmt: skip

PART: Final = "\x1f"
"""Between media and part where both stand in one text."""

Facts = dict[str, str]
"""Fact → SQL expression over a parsed line (`r`, or `text` itself)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How lines become facts. Expressions see `text`, the line, and later `r`, its record.

    Attributes:
        record: makes the record of a line.
        problem: names the reason why a line is none of this format, else NULL; sees `r` too.
        skip: names the kind of line that is no request, else NULL; sees only `text`.
        facts: where each fact stands in `r`.
        escapes: how the format writes unusual characters in user agent and referrer.
        source: who saw the request, where neither the row nor the source says it.
        foreign_shows: whether its names of shows are another system's.
        of_text: whether a record is a line, or else a row whose members are `r`.
        located: whether `url` is what a URL means already: media, `PART`, part.
    """

    record: str
    facts: Mapping[str, str]
    problem: str = "NULL"
    skip: str = "NULL"
    escapes: Literal["", "percent", "backslash"] = ""
    source: Literal["log", "prefix"] = "log"
    foreign_shows: bool = False
    of_text: bool = True
    located: bool = False

    @property
    def escaped(self) -> tuple[str, ...]:
        """The facts whose unusual characters the format writes so."""
        names = ("user_agent", "referrer") if self.escapes else ()
        return tuple(name for name in names if name in self.facts)


def unknown(*, of_text: bool = True) -> Layout:
    """The layout of what nobody recognises: every record is quarantined."""
    problem = sql.text(Reason.UNKNOWN_FORMAT)
    return Layout(record="NULL", facts={}, problem=problem, of_text=of_text)


def item(number: int) -> str:
    """The SQL of the record's item, from 1, where records are lists."""
    return f"r[{number}]"


def member(key: str) -> str:
    """The SQL of the record's member, where records are structs."""
    return f"struct_extract(r, {sql.text(key)})"


def templated(template: str, columns: Mapping[str, str]) -> str:
    """The SQL of `https://cdn.example/{episode_id}.mp3`; NULL where a column it names is.

    Args:
        template: text with names of columns in braces.
        columns: their SQL.
    """
    parts = [
        columns.get(part, "NULL") if place % 2 else sql.text(part)
        for place, part in enumerate(re.split(r"\{([^{}]*)\}", template))
    ]
    return f"({' || '.join(parts)})"
