"""Which requests can be a download at all, before anything is known of who asked.

Each rule stands here twice: as a small function that says it, and as the SQL condition (true: the
rule drops the request) that the engine runs. What is not known never drops a request.
"""

from __future__ import annotations

from typing import Final

PARTIAL: Final = 206
COMPLETE: Final = 200
NOT_MODIFIED: Final = 304
PLAYLIST_ENDINGS: Final = (".m3u8", ".m3u")
TWO_BYTES: Final = 2


def is_other_method(method: str | None) -> bool:
    """Anything but GET (IAB v2.3 §5.5: a HEAD fetches nothing)."""
    return method is not None and method != "GET"


def is_not_modified(source: str, status: int | None) -> bool:
    """A 304: the listener has the file already, so nothing was downloaded (IAB v2.3 §5.5)."""
    return source == "log" and status == NOT_MODIFIED


def is_failed(source: str, status: int | None) -> bool:
    """A status other than 200, 206 and 304, where who wrote the log served the file.

    A redirect sees no status of the file, so a `prefix` row never fails by it.
    """
    return source == "log" and status is not None and status not in {200, 206, 304}


def is_playlist(media: str, part: str) -> bool:
    """The list of an HLS stream: it holds no audio."""
    return media.lower().endswith(PLAYLIST_ENDINGS) or part.lower().endswith(PLAYLIST_ENDINGS)


def is_two_bytes(start: int | None, end: int | None, more: str | None) -> bool:
    """Exactly two bytes (`bytes=0-1`): a player that asks whether ranges are served."""
    return start is not None and start >= 0 and end == start + 1 and not more


def is_tiny(start: int | None, end: int | None, largest_of_more: int | None) -> bool:
    """OP3: all parts of a range are of at most two bytes, and it is not `bytes=0-1`.

    `largest_of_more` is the length of the largest part of a range with several parts, that of
    an open end counting as beyond every limit; None for a plain range.
    """
    if largest_of_more is not None:
        return largest_of_more <= TWO_BYTES
    if start is None or (start == 0 and end == 1):
        return False
    if start < 0:
        return -start <= TWO_BYTES
    return end is not None and start <= end <= start + 1


def ends_at_one(end: int | None, more: str | None) -> bool:
    """oDL: a range that ends with byte 1 adds nothing to a group."""
    return end == 1 and not more


_MORE = "(more_ranges IS NOT NULL AND more_ranges <> '')"

# The conditions on a row of REQUESTS; `spans_largest` is of the table of ranges with several
# parts, and is NULL where the engine found none.
CONDITIONS: Final[dict[str, str]] = {
    "method": "\"method\" <> 'GET'",
    "not_modified": "status = 304 AND source = 'log'",
    "status": "status NOT IN (200, 206, 304) AND source = 'log'",
    "playlist": "is_playlist OR (part <> '' AND regexp_matches(part, '\\.m3u8?$', 'i'))",
    "two_bytes": f"range_end = range_start + 1 AND range_start >= 0 AND NOT {_MORE}",
    "tiny_range": f"""CASE WHEN {_MORE} THEN spans_largest <= 2
        WHEN range_start = 0 AND range_end = 1 THEN FALSE
        WHEN range_start < 0 THEN range_start >= -2
        ELSE range_end BETWEEN range_start AND range_start + 1 END""",
    "ends_at_one": f"range_end = 1 AND NOT {_MORE}",
}
