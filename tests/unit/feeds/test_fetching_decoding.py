"""Decoding piece by piece: the same bytes however they are cut, and never more than a piece."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import ContentDecodingError, TruncatedBodyError
from tallycast.feeds.fetching.decoding import _deflate_bits, decoded

PIECE = 128 * 1024


def raw_deflate(body: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(body) + engine.flush()


def two_members(body: bytes) -> bytes:
    return gzip.compress(body[: len(body) // 2]) + gzip.compress(body[len(body) // 2 :])


ENCODERS = {
    ("", bytes),
    ("identity", bytes),
    ("UTF-8", bytes),
    ("gzip", gzip.compress),
    ("X-GZIP", gzip.compress),
    ("identity, gzip", gzip.compress),
    ("gzip", two_members),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
}


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    return [*chunks, body]


@given(
    st.binary(max_size=2000),
    st.sampled_from(sorted(ENCODERS, key=str)),
    st.lists(st.integers(0, 300), max_size=10),
)
def test_the_document_comes_back_however_it_was_cut(body, coder, sizes):
    name, encode = coder
    assert b"".join(decoded(cut(encode(body), sizes), name)) == body


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress, raw_deflate])
def test_a_bomb_comes_out_in_bounded_pieces(encode):
    name = "gzip" if encode is gzip.compress else "deflate"
    bomb = encode(bytes(10_000_000))
    assert len(bomb) < PIECE
    sizes = [len(piece) for piece in decoded([bomb], name)]
    assert max(sizes) <= PIECE
    assert sum(sizes) == 10_000_000


def test_a_reader_that_stops_has_unpacked_only_what_it_read():
    taken = []

    def wire():
        for number in range(100):
            taken.append(number)
            yield zlib.compress(bytes(1_000_000)) if number == 0 else b""

    pieces = decoded(wire(), "deflate")
    next(pieces)
    assert taken == [0]


@given(st.binary(min_size=1, max_size=500), st.integers(1, 8))
def test_a_stream_without_its_end_is_truncated(body, missing):
    with pytest.raises(TruncatedBodyError):
        list(decoded([gzip.compress(body)[:-missing]], "gzip"))


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_a_document_or_a_named_error(body, name):
    whole = None
    with suppress(ContentDecodingError, TruncatedBodyError):
        whole = b"".join(decoded([body], name))
    if body and whole is not None:
        bits = zlib.MAX_WBITS | 16 if name == "gzip" else _deflate_bits(body)
        assert whole.startswith(zlib.decompress(body, bits))


@pytest.mark.parametrize(
    "name", ["br", "zstd", "gzip, gzip", "gzip, deflate", "compress", "aws-chunked"]
)
def test_an_encoding_that_was_not_asked_for_is_refused(name):
    with pytest.raises(ContentDecodingError):
        list(decoded([b"x"], name))


def test_padding_behind_a_gzip_document_is_ignored():
    assert b"".join(decoded([gzip.compress(b"<rss/>"), bytes(100)], "gzip")) == b"<rss/>"


def test_a_checksum_that_does_not_fit_is_damage():
    body = bytearray(gzip.compress(b"<rss/>"))
    body[-5] ^= 1
    with pytest.raises(ContentDecodingError):
        list(decoded([bytes(body)], "gzip"))
