"""How many bytes make a download: the header and one minute at the episode's own bitrate.

IAB v2.3 §5.5: shorter than a minute, or of unknown length: the whole file. This is also the rule
against pre-loading: what a page or an app fetches ahead of the play button stays below it.
"""

from __future__ import annotations

import math
from typing import Final

MINUTE_SECONDS: Final = 60
# A length that would mean a bitrate outside these is not believed: many feeds say `length="1"`.
LOWEST_BITRATE: Final = 8_000
HIGHEST_BITRATE: Final = 20_000_000


def believed_length(
    length_bytes: int | None, duration_seconds: float | None, header_bytes: int | None
) -> int | None:
    """The length of the file as the feed tells it, or None when it cannot be true."""
    if length_bytes is None or length_bytes <= 0:
        return None
    if duration_seconds is not None and duration_seconds > 0:
        bitrate = (length_bytes - (header_bytes or 0)) * 8.0 / duration_seconds
        if not LOWEST_BITRATE <= bitrate <= HIGHEST_BITRATE:
            return None
    return length_bytes


def minute_bytes(
    length_bytes: int | None,
    duration_seconds: float | None,
    bitrate_bps: int | None,
    header_bytes: int | None,
    assumed_bitrate_bps: int | None = None,
) -> int | None:
    """Header and the first minute in bytes, or None when only the whole file will do.

    The bitrate is the one stated, else length by duration, else the one assumed by the rules (if
    they assume any). An episode shorter than a minute has no minute.
    """
    known = duration_seconds is not None and duration_seconds > 0
    if known and duration_seconds is not None and duration_seconds < MINUTE_SECONDS:
        return None
    header = header_bytes or 0
    length = believed_length(length_bytes, duration_seconds, header_bytes)
    if bitrate_bps is not None and bitrate_bps > 0:
        bitrate = float(bitrate_bps)
    elif length is not None and known and duration_seconds is not None:
        bitrate = (length - header) * 8.0 / duration_seconds
    elif assumed_bitrate_bps is not None:
        bitrate = float(assumed_bitrate_bps)
    else:
        return None
    return header + math.ceil(bitrate * 7.5)


def needed_bytes(minute: int | None, size: int | None) -> int | None:
    """What has to be covered of a file of `size` bytes; None when nothing is known of either."""
    if minute is None or size is None:
        return minute if size is None else size
    return min(minute, size)


_KNOWN = "(duration_seconds IS NOT NULL AND duration_seconds > 0)"
_RATE = "((length_bytes - COALESCE(header_bytes, 0)) * 8.0::DOUBLE / duration_seconds)"
# `believed_length` and `minute_bytes` on a row of EPISODES.
LENGTH: Final = f"""CASE WHEN length_bytes > 0 AND (NOT {_KNOWN}
    OR {_RATE} BETWEEN {LOWEST_BITRATE} AND {HIGHEST_BITRATE}) THEN length_bytes END"""


def minute_sql(assumed_bitrate_bps: int | None) -> str:
    """`minute_bytes` on a row of EPISODES that also has the believed `length`."""
    assumed = "NULL" if assumed_bitrate_bps is None else f"{int(assumed_bitrate_bps)}::DOUBLE"
    return f"""CASE WHEN {_KNOWN} AND duration_seconds < {MINUTE_SECONDS} THEN NULL
        ELSE COALESCE(header_bytes, 0) + CEIL(7.5::DOUBLE * CASE
            WHEN bitrate_bps > 0 THEN bitrate_bps::DOUBLE
            WHEN length IS NOT NULL AND {_KNOWN} THEN {_RATE}
            ELSE {assumed} END)::BIGINT END"""


# `needed_bytes` of a request: of an HLS stream, the size is that of all segments together.
NEEDED: Final = """LEAST(minute, CASE WHEN part IS NULL OR part = '' THEN size ELSE length END)"""
