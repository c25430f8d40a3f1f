"""Long texts in CDATA: taken out of a document before it is parsed, put back as it is read.

libxml2 looks at a CDATA section character by character, and show notes in such sections are most
of what a feed is. A section is lifted only where the parser could not tell the difference:

- the document is UTF-8, and what can hide a section in it (comments, instructions, other
  sections) is passed over as a whole;
- it is all that stands in a `description`, `content:encoded` or `itunes:summary`;
- it holds nothing that XML forbids, and is no longer than the parser takes.

In its place stays a key of characters that the document has nowhere. So the document is
well-formed with the section if and only if it is without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from tallycast.feeds.parsing import repair
from tallycast.feeds.parsing.errors import NotAFeedError
from tallycast.feeds.parsing.prolog import read_prolog

# Below this the parser is as quick.
_SHORTEST = 500
# libxml2 stops at texts of 10 MB: it shall see those.
_LONGEST = 9_000_000
_CLOSING_BY_OPENING = {
    b"<description>": b"</description>",
    b"<content:encoded>": b"</content:encoded>",
    b"<itunes:summary>": b"</itunes:summary>",
}
# The fields such texts are read into.
LIFTED_FIELDS = frozenset({"description", "encoded", "summary"})
_NO_TAG = re.compile(rb"<[!?]")
_CDATA, _CDATA_END = b"<![CDATA[", b"]]>"
_ENDS = ((_CDATA, _CDATA_END), (b"<!--", b"-->"), (b"<?", b"?>"))
_FORBIDDEN = bytes(code for code in range(32) if code not in b"\t\n\r")
# The first byte of the two forbidden characters beyond ASCII, and of few others.
_RARE = b"\xef"
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
# A character for private use, and the first byte of all of its kind.
_MARK = "\ue000"
_MARK_BYTE = b"\xee"
_KEYS = re.compile(f"{_MARK}[0-9]+{_MARK}")


@dataclass(frozen=True, slots=True)
class Lifted:
    """A document with keys for its long texts, and the texts by key."""

    body: bytes
    texts: dict[str, str]


def lift(body: bytes) -> Lifted | None:
    """Take the long texts out of a document; None where there are none or it is not safe."""
    try:
        prolog = read_prolog(body)
    except NotAFeedError:
        return None
    if not repair.same_encoding("utf-8", prolog.encoding) or _MARK_BYTE in body:
        return None
    texts: dict[str, str] = {}
    pieces: list[bytes] = []
    copied, behind = 0, prolog.root
    while found := _NO_TAG.search(body, behind):
        start = found.start()
        end = _end(body, start)
        if end is None:
            return None
        text = _text_alone(body, start, end) if end - start > _SHORTEST else None
        if text is not None:
            key = f"{_MARK}{len(texts)}{_MARK}"
            texts[key] = text
            pieces += (body[copied:start], key.encode())
            copied = end
        behind = end
    return Lifted(b"".join([*pieces, body[copied:]]), texts) if texts else None


def _end(body: bytes, start: int) -> int | None:
    """Where the section, comment or instruction that begins at `start` ends, if it does."""
    for opening, closing in _ENDS:
        if body.startswith(opening, start):
            end = body.find(closing, start + len(opening))
            return end + len(closing) if end >= 0 else None
    return None


def _text_alone(body: bytes, start: int, end: int) -> str | None:
    """The text from `start` to `end`, if it is a section and nothing else is in its element."""
    tag = body[body.rfind(b"<", 0, start) : start]
    closing = _CLOSING_BY_OPENING.get(tag)
    if closing is None or not body.startswith(closing, end) or end - start > _LONGEST:
        return None
    if not body.startswith(_CDATA, start):
        return None
    section = body[start + len(_CDATA) : end - len(_CDATA_END)]
    if section.isspace() or len(section.translate(None, _FORBIDDEN)) < len(section):
        return None
    if _RARE in section and any(one in section for one in _NONCHARACTERS):
        return None
    try:
        text = section.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # XML knows one line ending only.
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def put_back(markup: str, texts: dict[str, str]) -> str:
    """Markup with its keys replaced by their texts, escaped."""
    if not texts or _MARK not in markup:
        return markup
    return _KEYS.sub(lambda key: escape(texts.get(key[0], key[0]), quote=False), markup)
