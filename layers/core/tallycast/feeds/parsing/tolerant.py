"""The tolerant road: feedparser for what no XML parser reads, never fetching anything.

feedparser finds the items and their plain fields in nearly any text. It loses repeated
Podcasting 2.0 tags and the names of persons; so each item's own text is read a second time, by
the strict road's readers over a recovering XML parser, and the two are merged. An item that is
broken costs only itself.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import feedparser
from lxml import etree

from tallycast.feeds.parsing.context import Raw
from tallycast.feeds.parsing.errors import FeedTooComplexError, NotAFeedError
from tallycast.feeds.parsing.items import build_item
from tallycast.feeds.parsing.readers import enclosure_of, read_children
from tallycast.feeds.parsing.shows import CHANNEL_TABLE
from tallycast.feeds.parsing.strict import Reading, read_item

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element

    from tallycast.feeds.model import FeedFormat
    from tallycast.feeds.parsing.context import Context

_TAG = re.compile(rb"<(/?)([A-Za-z_][\w.:-]*+)([^<>]*+)>")
_LITERAL = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_LITERAL_KEPT = re.compile(b"(" + _LITERAL.pattern + b")", re.DOTALL)
_ITEM = re.compile(
    rb"<(item|entry)(?=[\s>]).*?(?:</\1\s*>|(?=<\1[\s>])|(?=</channel\s*>|</feed\s*>)|\Z)",
    re.DOTALL,
)
_ROOT_TAG = re.compile(rb"<(?:\w+:)?(rss|RDF|feed)(?=[\s>/])[^<>]*+>", re.IGNORECASE)
_CHANNEL_TAG = re.compile(rb"<channel\b[^<>]*+>")
ILL_FORMED = "XML document that is not well-formed"
_NEVER_CLOSED = frozenset(
    {b"br", b"hr", b"img", b"input", b"meta", b"wbr", b"source", b"col", b"area"}
)
# Closed as often as not; only a heap of them is a nest made to cost time.
_SELDOM_CLOSED = frozenset({b"p", b"li", b"td", b"tr", b"dd", b"dt", b"option"})
_LARGEST_HEAP = 2_000
_VOID_TAG = re.compile(rb"<(br|hr|img|input|wbr)\b([^<>]*?)/?>", re.IGNORECASE)

# feedparser's names for what our item readers keep as plain text.
_TEXTS = {
    "id": "guid",
    "title": "title",
    "published": "published",
    "updated": "updated",
    "itunes_duration": "duration",
    "itunes_season": "season",
    "itunes_episode": "episode",
    "itunes_episodetype": "episode_type",
    "subtitle": "subtitle",
    "author": "author",
    "summary": "description",
}
_CHANNEL_TEXTS = {
    "title": "title",
    "language": "language",
    "author": "author",
    "subtitle": "description",
    "rights": "copyright",
    "generator": "generator",
    "published": "published",
    "updated": "built",
    "ttl": "ttl",
}
_DESCRIPTIONS = frozenset({"encoded", "description", "summary"})
# These name the episode and its file: feedparser's reading of broken text comes first.
_CORE = ("guid", "title", "published", "duration")


def read(body: bytes, context: Context) -> Reading:
    """Read a document in UTF-8 that is not well-formed.

    Raises:
        NotAFeedError: feedparser itself fails on it.
        FeedTooComplexError: it is nested too deep, or has more tags than the slow road takes.
    """
    guard(body, context)
    parsed = from_feedparser(body)
    channel, items = recovered(body, context)
    entries = [entry_raw(entry, context) for entry in parsed.entries[: context.limits.episodes]]
    raws = merged(entries, items)[: context.limits.episodes]
    fill(channel, feed_raw(parsed.feed, context), ())
    left_out = max(0, max(len(parsed.entries), len(items)) - context.limits.episodes)
    building = context.quiet()
    return Reading(
        _format(body),
        channel,
        [build_item(raw, building) for raw in raws],
        tuple(sorted(_addresses(body))),
        left_out,
        building.warnings,
    )


def guard(body: bytes, context: Context) -> None:
    """Refuse what would keep feedparser busy: deep nesting (closing tags regarded), many tags."""
    allowed = context.limits.tolerant_tags
    if body.count(b"<") > 2 * allowed:
        raise FeedTooComplexError("tags in an ill-formed document", allowed)
    tags = _TAG.findall(_LITERAL.sub(b"", body))
    if len(tags) > allowed:
        raise FeedTooComplexError("tags in an ill-formed document", allowed)
    if _deepest(tags, context.limits.depth) > context.limits.depth:
        raise FeedTooComplexError("levels of nesting", context.limits.depth)


def _deepest(tags: Iterable[tuple[bytes, bytes, bytes]], enough: int) -> int:
    """How deep tags nest, looked at no further than `enough`; unclosed HTML does not count."""
    stack: list[bytes] = []
    heap = 0
    for closing, written, rest in tags:
        name = written.lower()
        if name in _NEVER_CLOSED:
            continue
        if name in _SELDOM_CLOSED:
            heap += -1 if closing else 1
        elif not closing:
            if not rest.endswith(b"/"):
                stack.append(name)
        elif name in stack:
            while stack.pop() != name:
                pass
        if len(stack) > enough or heap > _LARGEST_HEAP:
            return enough + 1
    return len(stack)


def from_feedparser(body: bytes) -> Any:  # noqa: ANN401 feedparser has no types
    """What feedparser makes of UTF-8 text: as written, neither sanitized nor resolved."""
    try:
        return feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:
        # Made to break it: whatever it stumbles over, the document is no feed to us.
        raise NotAFeedError(ILL_FORMED, cause=repr(error)) from error


def entry_raw(entry: Any, context: Context) -> Raw:  # noqa: ANN401
    """One of feedparser's entries as our readers would have found it."""
    raw = Raw()
    for theirs, ours in _TEXTS.items():
        # `in` and `get` answer for other keys too (updated for published); this does not.
        value = dict.get(entry, theirs)
        if value:
            raw.texts[ours] = str(value)
    _flags(entry, raw)
    for content in dict.get(entry, "content") or ():
        if content.get("value"):
            raw.texts.setdefault("encoded", str(content["value"]))
    tags = dict.get(entry, "tags") or ()
    keywords = [tag["term"] for tag in tags if tag.get("scheme") == "http://www.itunes.com/"]
    if keywords:
        raw.texts["keywords"] = ", ".join(filter(None, keywords))
    enclosures = [
        enclosure_of(context.url(link.get("href")), link.get("type"), link.get("length"), context)
        for link in dict.get(entry, "links") or ()
        if link.get("rel") == "enclosure"
    ]
    if kept := [one for one in enclosures if one is not None]:
        raw.parts["enclosures"] = kept
    if not dict.get(entry, "guidislink") and (url := context.url(dict.get(entry, "link"))):
        raw.parts["link"] = [url]
    _image(entry, raw, context)
    return raw


def feed_raw(feed: Any, context: Context) -> Raw:  # noqa: ANN401
    """The channel feedparser found, as our readers would have found it."""
    raw = Raw()
    for theirs, ours in _CHANNEL_TEXTS.items():
        if value := dict.get(feed, theirs):
            raw.texts[ours] = str(value)
    _flags(feed, raw)
    if url := context.url(dict.get(feed, "link")):
        raw.parts["link"] = [url]
    _image(feed, raw, context)
    return raw


def _flags(found: Any, raw: Raw) -> None:  # noqa: ANN401
    explicit = dict.get(found, "itunes_explicit")
    if explicit is not None:
        raw.texts["explicit"] = "yes" if explicit else "no"
    if dict.get(found, "itunes_block"):
        raw.texts["block"] = "yes"


def _image(found: Any, raw: Raw, context: Context) -> None:  # noqa: ANN401
    image = dict.get(found, "image")
    if image and (url := context.url(image.get("href"))):
        raw.parts["image"] = [url]


def recovered(body: bytes, context: Context) -> tuple[Raw, list[Raw]]:
    """Channel and items as our readers find them, each item's text recovered by itself."""
    body = _closed(body)
    opening = _opening(body)
    channel_text = _ITEM.sub(b"", body)
    channel = _recover(channel_text)
    found = next(channel.iter("{*}channel"), channel) if channel is not None else None
    raw = read_children(found, CHANNEL_TABLE, context) if found is not None else Raw()
    items: list[Raw] = []
    for text in _ITEM.finditer(body):
        root = _recover(opening + text[0])
        element = next(root.iter("{*}item", "{*}entry"), None) if root is not None else None
        items.append(read_item(element, context) if element is not None else Raw())
    return raw, items


def _format(body: bytes) -> FeedFormat:
    root = _ROOT_TAG.search(body)
    name = root[1].lower() if root else b"rss"
    if name == b"feed":
        return "atom"
    return "rdf" if name == b"rdf" else "rss"


def _closed(body: bytes) -> bytes:
    """The text with HTML's void tags closed, or they would swallow all that follows them."""
    pieces = _LITERAL_KEPT.split(body)
    pieces[::2] = [_VOID_TAG.sub(rb"<\1\2/>", piece) for piece in pieces[::2]]
    return b"".join(pieces)


def _opening(body: bytes) -> bytes:
    """The start tags that items stand in, for their namespaces."""
    root = _ROOT_TAG.search(body)
    channel = _CHANNEL_TAG.search(body)
    return (root[0] if root else b"<rss>") + (channel[0] if channel else b"")


def _recover(text: bytes) -> _Element | None:
    parser = etree.XMLParser(
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        encoding="utf-8",
    )
    try:
        return etree.fromstring(text, parser)
    except etree.XMLSyntaxError:
        return None


def merged(entries: list[Raw], items: list[Raw]) -> list[Raw]:
    """Both lists of items as one: the longer one leads, and like is joined with like."""
    if len(entries) == len(items):
        for entry, item in zip(entries, items, strict=True):
            fill(item, entry, _CORE)
        return items
    leading, other = (entries, items) if len(entries) > len(items) else (items, entries)
    by_key = {key: raw for raw in other for key in _keys(raw)}
    for raw in leading:
        match = next((by_key[key] for key in _keys(raw) if key in by_key), None)
        if match is not None:
            fill(raw, match, _CORE if match in entries else ())
    return leading


def _keys(raw: Raw) -> list[tuple[str, str]]:
    keys: list[tuple[str, str]] = [
        (name, raw.texts[name].strip()) for name in ("guid", "title") if name in raw.texts
    ]
    if media := raw.parts.get("enclosures"):
        keys.insert(0, ("enclosure", media[0].url))
    return keys


def fill(raw: Raw, other: Raw, preferred: tuple[str, ...]) -> None:
    """Add to `raw` what only `other` has; take the `preferred` texts from `other` where it can."""
    described = not _DESCRIPTIONS.isdisjoint(raw.texts)
    for key, text in other.texts.items():
        # feedparser tells the kinds of description apart by their order, we by their names.
        if described and key in _DESCRIPTIONS:
            continue
        if key in preferred or key not in raw.texts:
            raw.texts[key] = text
    for key, parts in other.parts.items():
        raw.parts.setdefault(key, parts)


def _addresses(body: bytes) -> set[str]:
    root = _ROOT_TAG.search(body)
    found = re.findall(rb"""xmlns(?::\w+)?\s*=\s*["']([^"']+)""", root[0]) if root else []
    return {address.decode("utf-8", "replace") for address in found}
