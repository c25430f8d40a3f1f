"""The record of a hit: one line of JSON, with the columns of REQUESTS that a redirect can know.

Written by hand, because it is written for every listener; what a person or a player chose goes
through the JSON encoder's own escaping. A field that is not known is left out. Besides columns a
line has `v` (1), `kind` (`hit`), `tenant` and `url`, the destination, from which intake makes
`media` and `part`. The viewer's address is never in it, only what it was hashed to.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tallycast.measurement.lengths import LONGEST_KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tallycast.measurement.privacy import Pseudonym
    from tallycast.measurement.tracking.viewer import Viewer

HIT: Final = "hit"
UNRESOLVED: Final = "unresolved_hit"
"""A hit whose show key could not be looked up: the replay job looks it up and makes it a hit."""

_LONGEST_RANGE: Final = 256
_LARGEST: Final = 2**63 - 1


class HashAddress(Protocol):
    """Turns an address into its hashes under the keys of the moment's month and the one before.

    Raises whatever kept it from doing so; a hit is recorded without an address then.
    """

    def __call__(self, address: str, moment: datetime, /) -> Pseudonym:
        """The hashes."""
        ...


class AskedRange(NamedTuple):
    """A Range header: inclusive bytes, as REQUESTS has them."""

    start: int | None
    end: int | None
    more: str | None


NO_RANGE: Final = AskedRange(None, None, None)


def asked_range(header: str) -> AskedRange:
    """Read a Range header; one that is none counts as absent, as for a server (RFC 9110 §14.2)."""
    unit, equals, ranges = header[:_LONGEST_RANGE].partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return NO_RANGE
    first, _, more = ranges.replace(" ", "").partition(",")
    start, dash, end = first.partition("-")
    if not dash:
        return NO_RANGE
    begin, stop = _bytes(start), _bytes(end)
    if (start and begin is None) or (end and stop is None) or (begin is None and stop is None):
        return NO_RANGE
    if begin is None:  # a suffix: the last `stop` bytes
        return AskedRange(-(stop or 0), None, more or None)
    if stop is not None and stop < begin:
        return NO_RANGE
    return AskedRange(begin, stop, more or None)


def time_text(moment: datetime) -> str:
    """`2026-11-22T20:59:58.123Z` of a time in UTC."""
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def hit_line(
    *,
    owner: str,
    kind: str,
    request_id: str,
    moment: datetime,
    method: str,
    status: int,
    url: str,
    headers: Mapping[str, str],
    viewer: Viewer,
    hashed: Pseudonym | None,
) -> str:
    """One line, without its line feed.

    Args:
        owner: `"tenant":"…","show_id":"…"`, or of an unresolved hit `"key":"{digest}"`.
        kind: `hit` or `unresolved_hit`.
        request_id: of no other hit.
        moment: when it was asked for, in UTC.
        method: GET or HEAD.
        status: what it was answered with.
        url: the destination.
        headers: of the request, names in lower case.
        viewer: who asked.
        hashed: the viewer's address.
    """
    start = (
        f'{{"v":1,"kind":"{kind}",{owner},"time":"{time_text(moment)}","source":"prefix"'
        f',"request_id":"{request_id}","method":"{method}","status":{status},"url":{quoted(url)}'
    )
    parts = [start]
    if "range" in headers:
        begin, end, more = asked_range(headers["range"])
        if begin is not None:
            parts.append(f',"range_start":{begin}')
        if end is not None:
            parts.append(f',"range_end":{end}')
        if more is not None:
            parts.append(f',"more_ranges":{_text(more)}')
    if hashed is not None:
        month, now, before = hashed
        parts.append(f',"ip_key":"{month}","ip_hash":"{now}","ip_hash_previous":"{before}"')
    _, country, region, asn = viewer
    if country is not None:
        parts.append(f',"country":{_text(country)}')
    if region is not None:
        parts.append(f',"region":{_text(region)}')
    if asn is not None:
        parts.append(f',"asn":{asn}')
    parts.extend(
        f',"{column}":{_text(headers[header])}' for header, column in _KEPT if header in headers
    )
    parts.append("}")
    return "".join(parts)


_KEPT: Final = (
    ("user-agent", "user_agent"),
    ("referer", "referrer"),
    ("x-playback-session-id", "session"),
)


def _bytes(digits: str) -> int | None:
    if not digits.isascii() or not digits.isdigit():
        return None
    number = int(digits)
    return number if number <= _LARGEST else None


def _text(text: str) -> str:
    """A header as JSON. One lone half of a surrogate pair would make the line unreadable."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return quoted(text[:LONGEST_KEPT])
