"""What a document is, told from its first bytes: encoding, document type, root — or no feed."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tallycast.feeds.parsing.errors import NotAFeedError

# A prolog longer than this (some hosts pad theirs) is no prolog.
LONGEST_PROLOG = 256 * 1024
FEED_ROOTS = frozenset({"rss", "rdf", "feed"})
_ROOT = re.compile(rb"<([A-Za-z_\x80-\xff][\w.\x80-\xff:-]{0,100})")
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_FEED_START = re.compile(rb"<(?:rss|rdf:RDF|feed)[\s>]")
_HTML_ROOTS = frozenset(
    {"html", "head", "body", "div", "p", "script", "style", "table", "center", "h1", "title",
     "meta", "br", "b", "font", "span", "a", "img"}
)  # fmt: skip
# What the notices that PHP writes before a document begin with.
_NOTICE_TAGS = frozenset({b"br", b"b", b"p", b"pre", b"font", b"div"})
_SPACE = b" \t\r\n"
_SPACE_BYTE = 32

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF document"),
    (b"\x89PNG", "image"),
    (b"GIF8", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"BM", "image"),
    (b"ID3", "audio file"),
    (b"\xff\xfb", "audio file"),
    (b"\xff\xf3", "audio file"),
    (b"\xff\xf2", "audio file"),
    (b"\xff\xf1", "audio file"),
    (b"OggS", "audio file"),
    (b"fLaC", "audio file"),
    (b"\x1aE\xdf\xa3", "video file"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"Rar!", "RAR archive"),
    (b"7z\xbc\xaf", "7z archive"),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Prolog:
    """What stands before a feed's root.

    Attributes:
        start: where the document begins, behind white space and byte order mark.
        doctype: the span of the document type declaration, if there is one.
        encoding: the encoding declared, in lower case; None when none is.
        root: where the root's start tag begins.
        name: the root's local name in lower case.
        declared: whether there is an XML declaration.
    """

    start: int
    doctype: tuple[int, int] | None
    encoding: str | None
    root: int
    name: str
    declared: bool


def wide_encoding(body: bytes) -> str | None:
    """The encoding, if it is one of those that do not write ASCII as single bytes."""
    for mark, encoding in (*_BOMS, *_UNMARKED):
        if body.startswith(mark):
            return encoding
    return None


def read_prolog(body: bytes) -> Prolog:
    """Find the root of a document whose encoding writes ASCII as it is.

    Raises:
        NotAFeedError: it is something else, and its `kind` says what.
    """
    start = len(body) - len(body.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE))
    if start >= len(body):
        raise NotAFeedError("empty document")
    position, doctype = _skip_prolog(body, start)
    found = _ROOT.match(body, position)
    head = body[start : start + 200]
    written = found[1].decode("utf-8", "replace") if found else ""
    local = written.rpartition(":")[2].lower()
    if local not in FEED_ROOTS:
        raise NotAFeedError(_kind(body, start, written, local, doctype))
    declaration = _ENCODING.match(head)
    return Prolog(
        start,
        doctype,
        declaration[1].decode("ascii").lower() if declaration else None,
        position,
        local,
        head.startswith(b"<?xml"),
    )


def feed_inside(body: bytes) -> int | None:
    """Where a feed begins in a document that begins with something else, such as PHP's notices.

    A web page or another XML document that only quotes a feed does not count.
    """
    start = len(body) - len(body.lstrip())
    if _magic_kind(body[start : start + 16]) or body[start : start + 5].lower() == b"<?xml":
        return None
    position, doctype = _skip_prolog(body, start)
    root = _ROOT.match(body, position)
    if doctype or (root and root[1].lower() not in _NOTICE_TAGS):
        return None
    found = _FEED_START.search(body, 0, LONGEST_PROLOG)
    if found is None:
        return None
    declared = body.rfind(b"<?xml", 0, found.start())
    return declared if declared >= 0 else found.start()


def _skip_prolog(body: bytes, position: int) -> tuple[int, tuple[int, int] | None]:
    """Where the root should begin, and the span of the document type declaration."""
    doctype: tuple[int, int] | None = None
    end = min(len(body), LONGEST_PROLOG)
    while position < end:
        if body[position] in _SPACE:
            position += 1
        elif body.startswith(b"<?", position):
            position = _behind(body, b"?>", position)
        elif body.startswith(b"<!--", position):
            position = _behind(body, b"-->", position)
        elif body[position : position + 9].upper() == b"<!DOCTYPE":
            stop = _doctype_end(body, position)
            doctype, position = (position, stop), stop
        else:
            break
    return position, doctype


def _behind(body: bytes, mark: bytes, position: int) -> int:
    found = body.find(mark, position)
    return len(body) if found < 0 else found + len(mark)


def _doctype_end(body: bytes, position: int) -> int:
    """Where a document type declaration ends, quotes and internal subset regarded."""
    quote = depth = 0
    for index in range(position, min(len(body), position + LONGEST_PROLOG)):
        byte = body[index]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == ord("["):
            depth += 1
        elif byte == ord("]"):
            depth -= 1
        elif byte == ord(">") and depth <= 0:
            return index + 1
    return len(body)


def _kind(
    body: bytes, start: int, written: str, local: str, doctype: tuple[int, int] | None
) -> str:
    if magic := _magic_kind(body[start : start + 16]):
        return magic
    head = body[start : start + 5]
    declared_html = doctype and body[doctype[0] : doctype[0] + 14].lower() == b"<!doctype html"
    if local == "html" or declared_html or (local in _HTML_ROOTS and head != b"<?xml"):
        return "HTML page"
    if written:
        return f"XML document ({written[:50]})"
    if body[start] in b"{[":
        return "JSON document"
    if any(byte < _SPACE_BYTE and byte not in _SPACE for byte in body[:1000]):
        return "binary data"
    return "plain text" if head[:1] != b"<" else "markup without a root element"


def _magic_kind(head: bytes) -> str | None:
    for mark, kind in _MAGIC:
        if head.startswith(mark):
            return kind
    if head[4:8] == b"ftyp":
        return "audio file" if head[8:11] in {b"M4A", b"M4B"} else "video file"
    if head.startswith(b"RIFF"):
        return {b"WAVE": "audio file", b"WEBP": "image"}.get(head[8:12], "video file")
    return None
