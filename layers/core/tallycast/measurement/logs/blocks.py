"""Bytes cut into blocks of whole lines, clean enough for DuckDB and with every line in its place.

Line feeds end lines; a carriage return before one belongs to it. Bytes that are no UTF-8 become
U+FFFD, control characters become spaces. So a control character in a block is always one of our
own marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.measurement.logs.opening import Opened

LONGEST_LINE: Final = 64 * 1024
_ENOUGH: Final = LONGEST_LINE + 2  # of a line and its carriage return, to tell that it is too long
_KEPT_OF_LONG: Final = 4096

# The marks: the first character of a line that is no ordinary one.
TOO_LONG: Final = "\x1c"
CONTINUED: Final = "\x1d"  # belongs to the record before; no record of its own
CONTROL: Final = "\x1b"
NO_ENVELOPE: Final = "\x1a"
UNCLOSED: Final = "\x19"

_SPACED: Final = bytes(
    ord(" ") if code < ord(" ") and chr(code) not in "\t\n\r" else code for code in range(256)
)
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines.

    Attributes:
        first: number of the first line, from 1.
        data: each line with its line feed.
    """

    first: int
    data: bytes


def blocks(opened: Opened, size: int) -> Iterator[Block]:
    """A file in blocks of about `size` bytes. The rest of a cut line at the end is left out."""
    first, weight = 1, 0
    parts: list[bytes] = []
    for chunk in _bounded(_without_mark(opened.chunks())):
        parts.append(chunk)
        weight += len(chunk)
        cut = chunk.rfind(b"\n") + 1
        if weight < max(size, 2 * LONGEST_LINE) or not cut:
            continue
        parts[-1] = chunk[:cut]
        block = Block(first, _settled(b"".join(parts)))
        parts, weight = [chunk[cut:]], len(chunk) - cut
        yield block
        first += block.data.count(b"\n")
    last = b"".join(parts)
    if opened.damage is not None:
        last = last[: last.rfind(b"\n") + 1]
    if last:
        yield Block(first, _settled(last if last.endswith(b"\n") else last + b"\n"))


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks without control characters, cut so that no line over their ends grows without end."""
    kept = 0  # of the line that is not at its end yet
    for raw in chunks:
        chunk = raw.translate(_SPACED)  # now, while it is in the processor's cache
        start = chunk.find(b"\n")
        if start < 0:
            chunk = chunk[: _ENOUGH - kept]
            kept += len(chunk)
        else:
            if kept + start > _ENOUGH:
                chunk = chunk[: _ENOUGH - kept] + chunk[start:]
            kept = len(chunk) - chunk.rfind(b"\n") - 1
            if kept > _ENOUGH:
                chunk = chunk[: _ENOUGH - kept]
                kept = _ENOUGH
        if chunk:
            yield chunk


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks without the byte order mark at their beginning."""
    start: bytes | None = b""
    for chunk in chunks:
        if start is None:
            yield chunk
            continue
        start += chunk
        if len(start) >= len(_BOM):
            yield start.removeprefix(_BOM)
            start = None
    if start:
        yield start.removeprefix(_BOM)


def cleaned(data: bytes) -> bytes:
    """Lines that hold nothing but UTF-8, tabs and marks."""
    return _settled(data.translate(_SPACED))


def _settled(data: bytes) -> bytes:
    """Lines without control characters, but carriage returns, as lines that are clean."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("utf-8", "replace").encode()
    return _shortened(data)


def _shortened(data: bytes) -> bytes:
    """Lines over the limit cut down and marked. Walks in strides, not line by line."""
    parts: list[bytes] = []
    kept = at = 0
    while len(data) - at > LONGEST_LINE:
        end = data.rfind(b"\n", at, at + LONGEST_LINE + 1)
        if end >= 0:
            at = end + 1
            continue
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        short = data[at : at + _KEPT_OF_LONG].decode("utf-8", "ignore").encode()
        parts += [data[kept:at], TOO_LONG.encode(), short]
        kept = at = end
    return b"".join([*parts, data[kept:]]) if parts else data
