"""Long texts in CDATA: taken out of a document before it is parsed, put back as it is read.

libxml2 looks at a CDATA section character by character, and show notes in such sections are most
of what a feed is. A section is lifted only where the parser could not tell the difference:

- the document is UTF-8, and nothing in it can hide a section but comments and other sections,
  which are passed over as a whole;
- it is all that stands in a `description`, `content:encoded` or `itunes:summary`;
- it holds nothing that XML forbids, and is no longer than the parser takes.

In its place stays a key that the document does not contain. So the document is well-formed with
the section if and only if it is without.
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
_OPENINGS = (b"<description>", b"<content:encoded>", b"<itunes:summary>")
_CLOSINGS = {opening: b"</" + opening[1:] for opening in _OPENINGS}
# The names under which such texts are read; under no other may a key turn up as a text.
LIFTED_FIELDS = frozenset({"description", "encoded", "summary"})
_CDATA, _CDATA_END = b"<![CDATA[", b"]]>"
_COMMENT, _COMMENT_END = b"<!--", b"-->"
_FORBIDDEN = bytes(code for code in range(32) if code not in b"\t\n\r")
_NO_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_KEY = "lifted-text-"
_KEYS = re.compile(_KEY + r"\d+-")


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
    if not repair.same_encoding("utf-8", prolog.encoding) or _KEY.encode() in body:
        return None
    texts: dict[str, str] = {}
    pieces: list[bytes] = []
    copied = behind = prolog.root
    while (start := body.find(b"<!", behind)) >= 0:
        end = _section_end(body, start)
        if end is None:
            return None
        text = _text_alone(body, behind, start, end) if end - start > _SHORTEST else None
        if text is not None:
            key = f"{_KEY}{len(texts)}-"
            texts[key] = text
            pieces += (body[copied:start], key.encode())
            copied = end
        behind = end
    if not texts:
        return None
    rest = b"".join([*pieces, body[copied:]])
    # A processing instruction can hide whatever it likes.
    return None if b"<?" in rest else Lifted(body[: prolog.root] + rest, texts)


def _section_end(body: bytes, start: int) -> int | None:
    """Where the CDATA section or comment that begins at `start` ends; None when it is neither."""
    if body.startswith(_CDATA, start):
        end = body.find(_CDATA_END, start + len(_CDATA))
    elif body.startswith(_COMMENT, start):
        end = body.find(_COMMENT_END, start + len(_COMMENT))
    else:
        end = -1
    return end + len(_CDATA_END) if end >= 0 else None


def _text_alone(body: bytes, behind: int, start: int, end: int) -> str | None:
    """The text of the section from `start` to `end`, if nothing else stands in its element."""
    opening = next((one for one in _OPENINGS if body.endswith(one, behind, start)), None)
    if opening is None or not body.startswith(_CLOSINGS[opening], end):
        return None
    if not body.startswith(_CDATA, start) or end - start > _LONGEST:
        return None
    section = body[start + len(_CDATA) : end - len(_CDATA_END)]
    if len(section.translate(None, _FORBIDDEN)) < len(section) or section.isspace():
        return None
    if any(one in section for one in _NO_CHARACTERS):
        return None
    try:
        text = section.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # XML knows one line ending only.
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def put_back(markup: str, texts: dict[str, str]) -> str:
    """Markup with its keys replaced by their texts, escaped."""
    if not texts or _KEY not in markup:
        return markup
    return _KEYS.sub(lambda found: escape(texts[found[0]], quote=False), markup)
