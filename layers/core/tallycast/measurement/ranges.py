"""Byte ranges: what a request was sent, and how many distinct bytes requests cover together.

A range is a pair of inclusive positions. `credited` and `spans` say what one request is credited
with; the engine runs the same as SQL (`CREDIT`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ByteRange = tuple[int, int]
ENDLESS: Final = 1 << 62
_PART = re.compile(r"\s*(\d{1,18})?\s*-\s*(\d{1,18})?\s*", re.ASCII)
# No header with more parts is a player's; what comes behind is not credited.
MOST_PARTS: Final = 256


@dataclass(frozen=True, slots=True)
class Ask:
    """What one request asked for and was sent, in the terms of REQUESTS.

    `size` is that of the whole file as far as known: `total_bytes`, else the episode's length.
    """

    source: str = "log"
    status: int | None = None
    start: int | None = None
    end: int | None = None
    more: str | None = None
    bytes_sent: int | None = None
    size: int | None = None


def merge(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """Union of inclusive byte ranges, sorted; ranges that overlap are joined.

    Ranges that only touch (`5-7`, `8-8`) are joined too; reversed ones are left out.
    """
    merged: list[ByteRange] = []
    for start, end in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def covered(ranges: Iterable[ByteRange]) -> int:
    """How many distinct bytes the ranges hold together."""
    return sum(end - start + 1 for start, end in merge(ranges))


def parts(more: str | None) -> list[tuple[int, int | None]]:
    """`500-999,2000-,-500` as (start, end) like in REQUESTS; what is no range is left out.

    An open end is None; a suffix of n bytes is (-n, None).
    """
    found: list[tuple[int, int | None]] = []
    for text in (more or "").split(",")[:MOST_PARTS]:
        match = _PART.fullmatch(text)
        if match is None or (match[1] is None and match[2] is None):
            continue
        if match[1] is None:
            found.append((-int(match[2]), None))
        else:
            end = None if match[2] is None else int(match[2])
            if end is None or end >= int(match[1]):
                found.append((int(match[1]), end))
    return found


def is_whole(ask: Ask) -> bool:
    """Whether the answer was the file from its first byte on, whatever was asked.

    So is an answer 200 to a range (the server does not serve ranges), and one to a range that
    ends before it starts (HTTP says to ignore it).
    """
    if ask.start is None:
        return True
    if ask.status == 200 and ask.source == "log":  # noqa: PLR2004 - the status is its own name
        return True
    return ask.start >= 0 and ask.end is not None and ask.end < ask.start


def spans(ask: Ask) -> list[ByteRange]:
    """The inclusive ranges one request is credited with, in the order they were asked for.

    Credit is what was asked, within the file, and never more than was sent. A suffix of a file of
    unknown size has negative positions: it is counted, but known to overlap nothing.
    """
    if is_whole(ask):
        asked: list[tuple[int, int | None]] = [(0, None)]
    else:
        asked = [(ask.start or 0, ask.end), *parts(ask.more)]
    left = ENDLESS if ask.bytes_sent is None else ask.bytes_sent
    found = []
    for start, end in asked:
        span = _span(start, end, left, ask.size, sent=ask.bytes_sent is not None)
        if span is not None:
            found.append(span)
            left -= span[1] - span[0] + 1
    return found


def _span(
    start: int, end: int | None, left: int, size: int | None, *, sent: bool
) -> ByteRange | None:
    if start < 0:
        length = min(-start, left, ENDLESS if size is None else size)
        first = start if size is None else max(0, size + start)
    else:
        if end is None and size is None and not sent:
            return None
        longest = ENDLESS if size is None else size - start
        length = min(left, longest, ENDLESS if end is None else end - start + 1)
        first = start
    return (first, first + length - 1) if length > 0 else None


def credited(ask: Ask) -> int:
    """How many distinct bytes one request is credited with."""
    return covered(spans(ask))


def largest_asked(start: int, end: int | None, more: str | None) -> int:
    """The length of the largest part asked for; `ENDLESS` for an open end."""
    lengths = [
        ENDLESS if stop is None and first >= 0 else (-first if stop is None else stop - first + 1)
        for first, stop in [(start, end), *parts(more)]
    ]
    return max(lengths)


# The size of the whole file. That of an HLS segment is only what the log says of it.
SIZE: Final = """CASE WHEN part IS NULL OR part = '' THEN COALESCE(NULLIF(total_bytes, 0), length)
    ELSE NULLIF(total_bytes, 0) END"""
# `is_whole`, never NULL.
WHOLE: Final = """CASE WHEN range_start IS NULL THEN TRUE
    WHEN status = 200 AND source = 'log' THEN TRUE
    ELSE range_start >= 0 AND range_end IS NOT NULL AND range_end < range_start END"""
# The first byte credited, and how many from there on, of a request with one range; on a row that
# has `size` and `whole`.
FIRST: Final = """CASE WHEN whole THEN 0
    WHEN range_start >= 0 THEN range_start
    WHEN size IS NULL THEN range_start
    ELSE GREATEST(0, size + range_start) END"""
CREDIT: Final = """COALESCE(GREATEST(0, CASE
    WHEN whole THEN LEAST(size, bytes_sent)
    WHEN range_start < 0 THEN LEAST(-range_start, size, bytes_sent)
    WHEN range_end IS NULL THEN LEAST(size - range_start, bytes_sent)
    ELSE LEAST(range_end - range_start + 1, size - range_start, bytes_sent) END), 0)"""
