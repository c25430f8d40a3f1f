"""Cutting a document into its head and its items without parsing it.

A feed of a thousand episodes changes in one or two. Cut apart and hashed item by item, it tells
which ones those are, and only they are parsed, under the same head. The result is what a full
parse gives for them:

- Everything that is no item stays, in its place: it is the head.
- Items that share a guid, or have none and share an enclosure, decide together what identifies
  them. They share one digest over all of them and are parsed together.
- What items inherit from the head (the channel's persons, its namespaces and base addresses) has
  a digest of its own, `inherited_digest`: when that changes, every item counts as changed.

Where the text could be read in two ways, there is no cut (None), and the caller parses it whole.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallycast.feeds.identity import enclosure_key
from tallycast.feeds.parsing import repair
from tallycast.feeds.parsing.document import read_document
from tallycast.feeds.parsing.errors import NotAFeedError
from tallycast.feeds.parsing.limits import Limits
from tallycast.feeds.parsing.prolog import read_prolog, wide_encoding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tallycast.feeds.model import ParsedFeed

DIGEST_BYTES = 16
_OPENING = {name: re.compile(rb"<" + name + rb"[\s>/]") for name in (b"item", b"entry")}
_CLOSING = {name: re.compile(rb"</" + name + rb"\s*>") for name in (b"item", b"entry")}
_TRICKY = re.compile(rb"<(?:!--|\?)")
_INHERITED = re.compile(
    rb"""(?:xmlns(?::[\w.-]+)?|xml:base)\s*=\s*(?:"[^"]*"|'[^']*')|<(?:\w+:)?(?:rss|RDF|feed)\b"""
)
_GUID = {
    b"item": re.compile(rb"<guid(?:\s[^<>]*+)?>\s*+((?:<!\[CDATA\[)?[^<]*+)(.{0,7})", re.DOTALL),
    b"entry": re.compile(rb"<id(?:\s[^<>]*+)?>\s*+((?:<!\[CDATA\[)?[^<]*+)(.{0,7})", re.DOTALL),
}
_ENCLOSURE = re.compile(rb"""<enclosure\s[^<>]*?\burl\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document in pieces.

    Attributes:
        gaps: what stands before, between and behind the items; one more than items. Gaps of
            white space are empty.
        items: each item's bytes, in document order.
        digests: 16 bytes an item; equal digests mean equal episodes under equal inheritance.
        head_digest: 16 bytes of all gaps.
        groups: for items that decide their identity together, the indexes of all of them.
    """

    gaps: tuple[bytes, ...]
    items: tuple[bytes, ...]
    digests: tuple[bytes, ...]
    head_digest: bytes
    groups: dict[int, tuple[int, ...]]

    def changed(self, known: Collection[bytes]) -> list[int]:
        """The indexes of the items whose digest is not among the `known` ones."""
        return [index for index, digest in enumerate(self.digests) if digest not in known]

    def with_only(self, indexes: Collection[int]) -> bytes:
        """A document of the head and these items."""
        pieces = [self.gaps[0]]
        for index, (item, gap) in enumerate(zip(self.items, self.gaps[1:], strict=True)):
            if index in indexes:
                pieces.append(item)
            if gap:
                pieces.append(gap)
        return b"".join(pieces)


def cut(body: bytes) -> CutDocument | None:
    """Cut a feed into head and items; None where that is not safe or there are no items."""
    prepared = _in_utf8(body)
    if prepared is None:
        return None
    body, name = prepared
    starts = [found.start() for found in _OPENING[name].finditer(body)]
    ends = [found.end() for found in _CLOSING[name].finditer(body)]
    if not starts or len(starts) != len(ends):
        return None
    tricky = _TRICKY.search(body, 10) is not None
    gaps: list[bytes] = []
    items: list[bytes] = []
    behind = 0
    for start, end in zip(starts, ends, strict=True):
        gap, item = body[behind:start], body[start:end]
        blank = not gap or gap.isspace()
        if not behind <= start < end or (not blank and _left_open(gap, tricky=tricky)):
            return None
        if _left_open(item, tricky=tricky):
            return None
        gaps.append(b"" if blank else gap)
        items.append(item)
        behind = end
    gaps.append(body[behind:])
    groups = _groups(items, name)
    return CutDocument(tuple(gaps), tuple(items), _digests(items, groups), _digest(gaps), groups)


def parse_items(
    document: CutDocument,
    indexes: Iterable[int],
    *,
    content_type: str | None = None,
    url: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> ParsedFeed:
    """The head and only the items at `indexes`, as a full parse would give them.

    Warnings and quality are about what was read, not about the whole document. Items past
    `limits.episodes` are left out, as `parse` leaves them out. Raises what `parse` raises.
    """
    wanted = {index for index in indexes if 0 <= index < limits.episodes}
    read = sorted(wanted.union(*(document.groups.get(index, ()) for index in wanted)))
    read = [index for index in read if index < limits.episodes]
    found = read_document(
        document.with_only(set(read)), content_type=content_type, url=url, limits=limits
    )
    feed = found.feed
    return replace(
        feed,
        episodes=tuple(
            episode
            for episode, position in zip(feed.episodes, found.positions, strict=True)
            if read[position] in wanted
        ),
        quarantined=tuple(
            replace(item, position=read[item.position])
            for item in feed.quarantined
            if read[item.position] in wanted
        ),
    )


def inherited_digest(
    document: CutDocument,
    *,
    content_type: str | None = None,
    url: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> bytes:
    """16 bytes over all that an item's normal form takes from the head.

    Namespaces, `xml:base`, the address relative ones are resolved against, and the channel's
    persons. Only worth asking for when `head_digest` has changed.
    """
    show = parse_items(document, (), content_type=content_type, url=url, limits=limits).show
    declared = _INHERITED.findall(b"".join(document.gaps))
    return _digest([*declared, repr((show.persons, show.link, url)).encode("utf-8", "replace")])


def _in_utf8(body: bytes) -> tuple[bytes, bytes] | None:
    """The document in an encoding that slices well, and its items' name."""
    if wide_encoding(body):
        return None
    try:
        prolog = read_prolog(body)
    except NotAFeedError:
        return None
    if prolog.doctype is not None or b"<!DOCTYPE" in body[:2000]:
        return None
    name = b"entry" if prolog.name == "feed" else b"item"
    if prolog.encoding is None or repair.same_encoding("utf-8", prolog.encoding):
        return body[prolog.start :], name
    text, _ = repair.decode(body[prolog.start :], prolog.encoding, None)
    return repair.without_declaration(text).encode("utf-8", "replace"), name


def _left_open(text: bytes, *, tricky: bool) -> bool:
    """Whether a CDATA section, comment or instruction could still be open where `text` ends.

    Whichever mark opened it, the last such mark is not before it; and if the closing mark
    follows the last opening one, then it also follows the one that counts. `tricky` says that
    the document has comments or instructions at all.
    """
    if text.rfind(b"<![CDATA[") > text.rfind(b"]]>"):
        return True
    return tricky and (
        text.rfind(b"<!--") > text.rfind(b"-->") or text.rfind(b"<?") > text.rfind(b"?>")
    )


def _digest(pieces: Iterable[bytes]) -> bytes:
    """16 bytes of SHA-256, which processors have instructions for."""
    return hashlib.sha256(b"\0".join(pieces)).digest()[:DIGEST_BYTES]


def _digests(items: Sequence[bytes], groups: dict[int, tuple[int, ...]]) -> tuple[bytes, ...]:
    digests = [hashlib.sha256(item).digest()[:DIGEST_BYTES] for item in items]
    together: dict[tuple[int, ...], bytes] = {}
    for group in groups.values():
        if group not in together:
            together[group] = _digest(digests[index] for index in group)
    return tuple(
        _digest((digest, together[groups[index]])) if index in groups else digest
        for index, digest in enumerate(digests)
    )


def _groups(items: Sequence[bytes], name: bytes) -> dict[int, tuple[int, ...]]:
    """The items that are not told from all others by a guid of their own.

    An item with neither guid nor enclosure found here, or whose enclosure another such item
    has, may go by title: all of those are one group, and so are all that share a guid.
    """
    guids = [_guid(item, name) for item in items]
    times = Counter(guids)
    loose = [index for index, guid in enumerate(guids) if guid is None or times[guid] > 1]
    if not loose:
        return {}
    keys = {index: _enclosure_key(items[index]) if name == b"item" else None for index in loose}
    shared = Counter(keys.values())
    tangled = tuple(
        index
        for index in loose
        if guids[index] is not None or keys[index] is None or shared[keys[index]] > 1
    )
    return dict.fromkeys(tangled, tangled)


def _guid(item: bytes, name: bytes) -> str | None:
    """The guid an item seems to have; it need not be read right, only alike in like items."""
    found = _GUID[name].search(item)
    if found is None or _left_open(item[: found.start()], tricky=True):
        return None
    if not found[2].startswith(b"</"):
        return None
    text = found[1].strip()
    if text.startswith(b"<![CDATA["):
        return text[9:].removesuffix(b"]]>").decode("utf-8", "replace").strip() or None
    plain = text.decode("utf-8", "replace")
    return (html.unescape(plain) if "&" in plain else plain).strip() or None


def _enclosure_key(item: bytes) -> str | None:
    if item.count(b"<enclosure") != 1:
        return None
    found = _ENCLOSURE.search(item)
    if found is None:
        return None
    return (
        enclosure_key(html.unescape((found[1] or found[2] or b"").decode("utf-8", "replace")))
        or None
    )
