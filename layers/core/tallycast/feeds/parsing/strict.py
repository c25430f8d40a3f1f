"""The strict road: one pass of a safe XML parser over a well-formed document.

Nothing is fetched and no entity is expanded: the caller takes the document type away before
(`prolog.without_doctype`), and the parser neither loads one nor resolves what is left. Of a large
document items are read as soon as they end and dropped soon after, so that memory never holds the
whole tree.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lxml import etree

from tallycast.feeds.parsing import names
from tallycast.feeds.parsing.errors import FeedTooComplexError, NotAFeedError
from tallycast.feeds.parsing.items import build_item
from tallycast.feeds.parsing.markup import deeper_than
from tallycast.feeds.parsing.readers import ITEM_TABLE, read_children
from tallycast.feeds.parsing.shows import CHANNEL_TABLE
from tallycast.feeds.parsing.warnings import Warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from tallycast.feeds.model import FeedFormat
    from tallycast.feeds.parsing.context import Context, Raw
    from tallycast.feeds.parsing.items import Item

_FORMATS: dict[str, FeedFormat] = {"rss": "rss", "rdf:rdf": "rdf", "atom:feed": "atom"}
_ITEM_NAMES = frozenset({"item", "atom:entry"})
_PLACES = frozenset({"channel", "rss", "rdf:rdf", "atom:feed"})
_MAY_BE_ITEMS = ("{*}item", "{*}entry")
# A tree of a megabyte's text fits the processor's cache, and is had a fifth faster in one go.
_SMALL = 1_000_000
# libxml2 stops by itself at 256 levels and at texts of 10 MB.
_RESOURCE_LIMIT = 114
# Looking at the depth costs as much as a few elements: it is done for so many items at once.
_TOGETHER = 16
LONGEST_TEXT = 10_000_000


class IllFormedError(Exception):
    """The document breaks the rules of XML: a matter for the tolerant road, never for callers."""


@dataclass(slots=True)
class Reading:
    """What one pass found: the channel not yet in normal form, its items before they inherit.

    `item_warnings` came up while the items were built; they count after the channel's.
    """

    format: FeedFormat
    channel: Raw
    items: list[Item] = field(default_factory=list)
    namespaces: tuple[str, ...] = ()
    left_out: int = 0
    item_warnings: Warnings = field(default_factory=Warnings)


def read(body: bytes, context: Context) -> Reading:
    """Read a whole document.

    Raises:
        IllFormedError: it is not well-formed XML.
        NotAFeedError: it is XML, but no feed.
        FeedTooComplexError: it is nested deeper than the limit, or holds a text too long.
    """
    items: list[Item] = []
    building = context.quiet()
    left_out = 0
    root: _Element | None = None
    try:
        for element in _whole(body) if len(body) <= _SMALL else _streamed(body, context):
            root = element
            if not _is_item(element):
                continue
            if len(items) < context.limits.episodes:
                items.append(build_item(read_item(element, context), building))
            else:
                left_out += 1
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", 0) == _RESOURCE_LIMIT:
            _refuse(str(error))
        raise IllFormedError(str(error)) from None
    reading = _channel(cast("_Element", root), context)
    reading.items, reading.left_out, reading.item_warnings = items, left_out, building.warnings
    return reading


def _whole(body: bytes) -> Iterator[_Element]:
    """Whatever may be an item, in the order they end, and the root at last."""
    root = etree.fromstring(body, _parser())
    for _, element in etree.iterwalk(root, events=("end",), tag=_MAY_BE_ITEMS):
        yield element
    yield root


def _streamed(body: bytes, context: Context) -> Iterator[_Element]:
    """The same while the document is being read; what has been given is dropped soon after."""
    events = etree.iterparse(
        io.BytesIO(body),
        events=("end",),
        tag=_MAY_BE_ITEMS,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    given: list[_Element] = []
    for _, element in events:
        yield element
        if _is_item(element):
            given.append(element)
        if len(given) >= _TOGETHER:
            _drop(given, context)
    yield events.root


def _parser() -> etree.XMLParser:
    """What neither fetches nor expands anything.

    Comments stay in the tree, and readers pass over them: the parser is faster so.
    """
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _is_item(element: _Element) -> bool:
    return names.plain_name(element.tag) in _ITEM_NAMES


def _drop(given: list[_Element], context: Context) -> None:
    """Check the depth of the items given and free them: all but the last.

    The parser may still add to what follows the last one.
    """
    last = given.pop()
    parent = last.getparent()
    if parent is not None and deeper_than(parent, context.limits.depth - 2):
        raise FeedTooComplexError("levels of nesting", context.limits.depth)
    for element in given:
        if (above := element.getparent()) is not None:
            above.remove(element)
    given[:] = [last]


def _channel(root: _Element, context: Context) -> Reading:
    """What is left when the items are gone."""
    if deeper_than(root, context.limits.depth - 1):
        raise FeedTooComplexError("levels of nesting", context.limits.depth)
    kind = _FORMATS.get(names.plain_name(root.tag) or "")
    channel = root if kind == "atom" else next(root.iterchildren("{*}channel"), None)
    if kind is None or channel is None:
        raise NotAFeedError(f"XML document ({written_name(root)})")
    raw = read_children(channel, CHANNEL_TABLE, context)
    if kind == "rdf":
        # RSS 1.0 puts the image beside the channel; inside is only a reference to it.
        outside = read_children(root, CHANNEL_TABLE, context).parts.get("rss_image")
        raw.parts.setdefault("rss_image", outside or [])
    addresses = {address for address in root.nsmap.values() if address}
    return Reading(kind, raw, namespaces=tuple(sorted(addresses)))


def read_item(element: _Element, context: Context) -> Raw:
    """What one item holds, as found."""
    parent = element.getparent()
    if parent is None or names.plain_name(parent.tag) not in _PLACES:
        context.warnings.add("item_misplaced")
    raw = read_children(element, ITEM_TABLE, context)
    if about := element.get(names.ABOUT):
        raw.texts["about"] = about
    if "guid" not in raw.texts and "enclosures" not in raw.parts:
        source = etree.tostring(element, encoding="unicode", with_tail=False)
        raw.source = source[: context.limits.raw]
    return raw


def written_name(root: _Element) -> str:
    """The root's name as written, cut to what fits a line."""
    local = root.tag.rpartition("}")[2]
    return (f"{root.prefix}:{local}" if root.prefix else local)[:50]


def _refuse(message: str) -> None:
    """Refuse a text too long; how deep a document really is, `tolerant.guard` decides.

    To an XML parser a list of paragraphs nobody closed is as deep as it is long.
    """
    if "depth" not in message.lower():
        raise FeedTooComplexError("characters in one text", LONGEST_TEXT)
