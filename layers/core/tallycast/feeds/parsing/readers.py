"""Which elements of an item or a channel are read, and how: the tables of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.feeds.parsing import names, payments, tags
from tallycast.feeds.parsing.context import Raw
from tallycast.feeds.parsing.drafts import new_enclosure, new_link
from tallycast.feeds.parsing.markup import inner_markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from tallycast.feeds.model import Enclosure, Link
    from tallycast.feeds.parsing.context import Context

    Reader = Callable[[_Element, Context], object]

_REMEMBERED_NAMES = 5_000


def enclosure(element: _Element, context: Context) -> Enclosure | None:
    """`enclosure` or `media:content`: an address, a media type, a claimed length."""
    get = element.get
    kind = get("type")
    url, length = context.url(get("url"), element), get("length") or get("fileSize")
    return enclosure_of(url, (kind.strip() or None) if kind else None, length, context)


def enclosure_of(
    url: str | None, kind: str | None, length: str | None, context: Context
) -> Enclosure | None:
    """An enclosure out of its three attributes; what is missing is warned of."""
    if url is None:
        context.warnings.add("enclosure_without_url")
        return None
    if not length or length.isspace():
        context.warnings.add("enclosure_length_missing", url)
        return new_enclosure(url, kind)
    return new_enclosure(url, kind, context.whole(length, "enclosure_length_unreadable"))


def media_group(element: _Element, context: Context) -> Enclosure | None:
    """The first `media:content` of a `media:group`."""
    first = tags.first_named(element, "media:content")
    return media_content(first, context) if first is not None else None


def media_content(element: _Element, context: Context) -> Enclosure | None:
    """`media:content`, when it is sound or film."""
    kind = (element.get("type") or element.get("medium") or "").lower()
    return enclosure(element, context) if kind.startswith(("audio", "video")) else None


def atom_link(element: _Element, context: Context) -> tuple[Link, str | None] | None:
    """`atom:link` with its claimed length."""
    get = context.attributes(element).get
    url = context.url(get("href"), element)
    if url is None:
        return None
    rel = get("rel", "alternate").lower()
    return new_link(url, get("type"), rel, get("title")), get("length")


def atom_person(element: _Element, context: Context) -> str | None:
    """The name in `atom:author`."""
    name = tags.first_named(element, "atom:name")
    return tags.words(name, context, "author") if name is not None else None


def atom_text(element: _Element, _context: Context) -> str | None:
    """Text of an Atom element of any type, as HTML or text."""
    return (inner_markup(element) if len(element) else element.text) or None


def href(element: _Element, context: Context) -> str | None:
    """The address of `itunes:image`, also where it was put in `url` or in the text."""
    return context.url(element.get("href") or element.get("url") or element.text, element)


def link(element: _Element, context: Context) -> str | None:
    """The address in `link`."""
    return context.url(element.text, element)


# Name → (field, reader). Without a reader the first text found is kept under that field.
COMMON: dict[str, tuple[str, Reader | None]] = {
    "title": ("title", None),
    "atom:title": ("atom_title", None),
    "link": ("link", link),
    "atom:link": ("atom_links", atom_link),
    "description": ("description", None),
    "content:encoded": ("encoded", None),
    "itunes:title": ("itunes_title", None),
    "itunes:author": ("author", None),
    "author": ("rss_author", None),
    "dc:creator": ("creator", None),
    "atom:author": ("atom_author", atom_person),
    "googleplay:author": ("googleplay_author", None),
    "itunes:summary": ("summary", None),
    "itunes:subtitle": ("subtitle", None),
    "itunes:explicit": ("explicit", None),
    "itunes:block": ("block", None),
    "itunes:image": ("image", href),
    "googleplay:image": ("googleplay_image", href),
    "itunes:keywords": ("keywords", None),
    "pubdate": ("published", None),
    "dc:date": ("date", None),
    "atom:published": ("atom_published", None),
    "atom:issued": ("atom_published", None),
    "atom:updated": ("updated", None),
    "atom:modified": ("updated", None),
    "podcast:person": ("persons", tags.person),
    "podcast:funding": ("funding", tags.funding),
    "podcast:location": ("location", tags.location),
    "podcast:license": ("license", tags.license_of),
    "podcast:socialinteract": ("social_interacts", tags.social_interact),
    "podcast:value": ("value", payments.value),
    "podcast:images": ("images", tags.srcset_images),
    "podcast:image": ("images", tags.image),
    "podcast:txt": ("txts", tags.txt),
}
ITEM: dict[str, tuple[str, Reader | None]] = COMMON | {
    "guid": ("guid", None),
    "atom:id": ("atom_id", None),
    "enclosure": ("enclosures", enclosure),
    "media:content": ("media", media_content),
    "media:group": ("media", media_group),
    "media:thumbnail": ("thumbnail", href),
    "itunes:duration": ("duration", None),
    "duration": ("rss_duration", None),
    "itunes:season": ("season", None),
    "itunes:episode": ("episode", None),
    "itunes:episodetype": ("episode_type", None),
    "atom:content": ("atom_content", atom_text),
    "atom:summary": ("atom_summary", atom_text),
    "psc:chapters": ("chapters", tags.psc_chapters),
    "podcast:chapters": ("chapters_link", tags.chapters_link),
    "podcast:transcript": ("transcripts", tags.transcript),
    "podcast:soundbite": ("soundbites", tags.soundbite),
    "podcast:season": ("podcast_season", tags.season),
    "podcast:episode": ("podcast_episode", tags.episode_number),
    "podcast:alternateenclosure": ("alternate_enclosures", tags.alternate_enclosure),
    "podcast:contentlink": ("content_links", tags.content_link),
}


class Table(dict[Any, "tuple[str, Reader | None] | None"]):
    """Readers by qualified tag as the parser gives it; a tag seen first is looked up by name."""

    def __init__(self, by_name: dict[str, tuple[str, Reader | None]]) -> None:
        super().__init__()
        self._by_name = by_name

    def __missing__(self, tag: object) -> tuple[str, Reader | None] | None:
        name = names.plain_name(tag)
        entry = self._by_name.get(name) if name is not None else None
        if len(self) < _REMEMBERED_NAMES:
            self[tag] = entry
        return entry


def read_children(element: _Element, table: Table, context: Context) -> Raw:
    """Everything the table knows among the children of `element`, as found."""
    raw = Raw()
    texts, parts = raw.texts, raw.parts
    for child in element:
        entry = table[child.tag]
        if entry is None:
            continue
        key, read = entry
        if read is None:
            if key not in texts:
                text = inner_markup(child) if len(child) else child.text
                if text and not text.isspace():
                    texts[key] = text
            continue
        part = read(child, context)
        if part is None:
            continue
        if key not in parts:
            parts[key] = [part]
        elif len(found := parts[key]) < context.limits.list:
            found.append(part)
        else:
            context.warnings.add("list_too_long", key)
    return raw


ITEM_TABLE = Table(ITEM)
