"""Undoing Content-Encoding piece by piece, so that a bomb is never unpacked further than asked.

What comes out is a generator of small pieces: the reader counts them and stops when it has
enough, and nothing beyond one piece was ever in memory.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from tallycast.feeds.fetching.errors import ContentDecodingError, TruncatedBodyError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Advertised in the request; brotli and zstandard need libraries the layer does not carry.
ACCEPTED = "gzip, deflate"
_PIECE_BYTES = 128 * 1024
_GZIP_BITS = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_MAGIC_BYTES = 2
# Seen in the wild in place of an encoding; all mean "as it is".
_NO_CODING = frozenset({"", "identity", "none", "binary", "utf-8", "utf8", "iso-8859-1"})


def decoded(chunks: Iterable[bytes], content_encoding: str) -> Iterator[bytes]:
    """The body's own bytes, in pieces of at most 128 KiB (or as they came, when not encoded).

    Args:
        chunks: the body as it came, after transfer decoding.
        content_encoding: the header's value, possibly empty.

    Raises:
        ContentDecodingError: an encoding not asked for, several on top of each other, or bytes
            that are not in it.
        TruncatedBodyError: the encoded stream has no end.
    """
    codings = [coding for part in content_encoding.split(",") if (coding := part.strip().lower())]
    codings = [coding for coding in codings if coding not in _NO_CODING]
    if not codings:
        return iter(chunks)
    if len(codings) > 1:
        raise ContentDecodingError(f"encodings on top of each other: {shown(content_encoding)}")
    if codings[0] in {"gzip", "x-gzip"}:
        return _inflated(chunks, _Inflater(is_gzip=True))
    if codings[0] == "deflate":
        return _inflated(chunks, _Inflater(is_gzip=False))
    raise ContentDecodingError(f"an encoding that was not asked for: {shown(content_encoding)}")


def _inflated(chunks: Iterable[bytes], inflater: _Inflater) -> Iterator[bytes]:
    for chunk in chunks:
        yield from inflater.take(chunk)
        if inflater.is_past_the_end:
            return
    yield inflater.finish()


class _Inflater:
    """Inflates gzip (of one or several members) or deflate, a bounded piece at a time."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._engine: zlib._Decompress | None = None
        self._held = b""
        self.is_past_the_end = False

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` adds to the document."""
        self._held += chunk
        while engine := self._ready():
            try:
                piece = engine.decompress(self._held, _PIECE_BYTES)
            except zlib.error as error:
                raise _damaged(error) from None
            self._held = engine.unused_data if engine.eof else engine.unconsumed_tail
            yield piece

    def finish(self) -> bytes:
        """What is still held back: a few matches at most, since all input is consumed."""
        if self._engine is None:
            if self._held:
                raise ContentDecodingError("the body is too short for its encoding")
            return b""
        try:
            rest = self._engine.flush()
        except zlib.error as error:
            raise _damaged(error) from None
        if not self._engine.eof:
            raise TruncatedBodyError("the compressed body has no end")
        return rest

    def _ready(self) -> zlib._Decompress | None:
        """The engine that reads on; None when it needs more input or the end was passed."""
        if self._engine is None or self._engine.eof:
            if len(self._held) < _MAGIC_BYTES:
                return None
            # After the end may come another gzip member; anything else there is padding.
            if self._engine and not (self._is_gzip and self._held.startswith(_GZIP_MAGIC)):
                self.is_past_the_end = True
                return None
            bits = _GZIP_BITS if self._is_gzip else _deflate_bits(self._held)
            self._engine = zlib.decompressobj(bits)
        return self._engine if self._held else None


def _deflate_bits(head: bytes) -> int:
    """Deflate comes with the zlib wrapper the standard asks for, or bare, as some servers do."""
    wrapped = head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _damaged(error: zlib.error) -> ContentDecodingError:
    return ContentDecodingError(f"the compressed body is damaged ({error})")
