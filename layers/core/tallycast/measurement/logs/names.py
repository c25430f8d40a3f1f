"""Which column of a log holds which fact: by the owner's mapping, by our names, by common ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs.layout import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Not among them: `content_length`, which is the length of a part where a part was sent, and
# `request_time`, which is how long it took in as many logs as it is when it was.
_COMMON: Final = {
    "time": ("timestamp", "datetime", "date_time", "created_at", "requested_at"),
    "ip": ("ip_address", "client_ip", "remote_addr", "remote_ip", "c_ip"),
    "ip_hash": ("encoded_ip", "hashed_ip", "ip_hashed", "hashed_ip_address"),
    "method": ("http_method", "request_method", "cs_method", "verb"),
    "url": ("request_url", "media_url", "enclosure_url", "uri", "request_uri"),
    "status": ("status_code", "http_status", "response_status"),
    "range": ("http_range", "range_header", "byte_range"),
    "range_start": ("byte_range_start",),
    "range_end": ("byte_range_end",),
    "bytes_sent": ("body_bytes_sent", "response_bytes", "bytes"),
    "total_bytes": ("filesize", "file_size"),
    "user_agent": ("useragent", "http_user_agent", "agent", "ua"),
    "referrer": ("referer", "http_referer", "http_referrer"),
    "country": ("country_code",),
    "session": ("session_id", "playback_session_id", "x_playback_session_id"),
}


def plain(name: str) -> str:
    """A column's name without case and punctuation: `cs(User-Agent)` → `cs_user_agent`."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def assigned(names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Fact → name of their column, for the facts these columns hold.

    Args:
        names: of their columns.
        mapping: what the owner said, ours → theirs; goes before everything else. A name that no
            column has is left out.
    """
    theirs = {plain(each): each for each in reversed(names)}
    found: dict[str, str] = {}
    for fact in FACTS:
        if fact in mapping:
            wanted = mapping[fact]
            hit = wanted if wanted in names else theirs.get(plain(wanted))
        else:
            hit = next((theirs[n] for n in (fact, *_COMMON.get(fact, ())) if n in theirs), None)
        if hit is not None:
            found[fact] = hit
    return found


def suffices(found: Mapping[str, str]) -> bool:
    """Whether requests can be made of these facts: when, what, and from whom."""
    return "time" in found and "url" in found and ("ip" in found or "ip_hash" in found)
