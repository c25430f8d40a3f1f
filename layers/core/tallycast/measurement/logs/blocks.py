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
_KEPT_OF_LONG: Final = 4096

# The marks: the first character of a line that is no ordinary one.
TOO_LONG: Final = "\x1c"
CONTINUED: Final = "\x1d"  # belongs to the record before; no record of its own
CONTROL: Final = "\x1b"
NO_ENVELOPE: Final = "\x1a"
UNCLOSED: Final = "\x19"

_CLEAN: Final = bytes(
    ord(" ") if code < ord(" ") and chr(code) not in "\t\n" else code for code in range(256)
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
    first = 1
    pending = bytearray()
    dropping = False  # in the middle of a line that is too long to keep
    for chunk in _without_mark(opened.chunks()):
        rest = chunk
        if dropping:
            _, found, after = chunk.partition(b"\n")
            dropping, rest = not found, found + after
        pending += rest
        if len(pending) < max(size, 2 * LONGEST_LINE):
            continue
        cut = pending.rfind(b"\n") + 1
        if cut:
            block = Block(first, cleaned(bytes(pending[:cut])))
            del pending[:cut]
            yield block
            first += block.data.count(b"\n")
        if len(pending) > LONGEST_LINE and not dropping:
            # Too long already; enough is kept to tell that it is.
            del pending[LONGEST_LINE + 1 :]
            dropping = True
    last = bytes(pending)
    if opened.damage is not None:
        last = last[: last.rfind(b"\n") + 1]
    if last:
        yield Block(first, cleaned(last if last.endswith(b"\n") else last + b"\n"))


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
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    data = data.translate(_CLEAN)
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
