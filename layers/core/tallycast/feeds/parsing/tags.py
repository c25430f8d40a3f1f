"""Readers of Podcasting 2.0 tags: one element in, one value of the normal form out.

Each takes the element and the context of the reading, and gives None when the element lacks what
the tag cannot do without; that is then counted as a warning. Source: the podcast namespace 1.0.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from tallycast.feeds.model import (
    Block,
    Chapter,
    Funding,
    Image,
    License,
    Location,
    Trailer,
    Txt,
    UpdateFrequency,
)
from tallycast.feeds.parsing.drafts import (
    new_alternate_enclosure,
    new_link,
    new_person,
    new_social_interact,
    new_soundbite,
    new_source,
    new_transcript,
)
from tallycast.feeds.parsing.markup import plain_text
from tallycast.feeds.parsing.names import plain_name
from tallycast.feeds.parsing.values import read_flag, read_number, read_whole, squeezed

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tallycast.feeds.model import (
        AlternateEnclosure,
        Link,
        Person,
        SocialInteract,
        Soundbite,
        Source,
        Transcript,
    )
    from tallycast.feeds.parsing.context import Context

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(?:(\d{1,4}):)?(\d{1,7}(?:\.\d{1,9})?)", re.ASCII)


def words(element: _Element, context: Context, what: str) -> str | None:
    """The element's text on one line, cut to the limit; None when there is none."""
    text = plain_text(element) if len(element) else element.text
    if not text or not (line := squeezed(text)):
        return None
    return (
        line if len(line) <= context.limits.text else context.cut(line, context.limits.text, what)
    )


def named(element: _Element, name: str, context: Context) -> list[_Element]:
    """The children called `name` in our spelling, no more than a list may have."""
    return [child for child in few(element, context, name) if plain_name(child.tag) == name]


def few(element: _Element, context: Context, what: str) -> _Element | list[_Element]:
    """The children of `element`, no more than a list may have."""
    if len(element) <= context.limits.list:
        return element
    context.warnings.add("list_too_long", what)
    return list(islice(element, context.limits.list))


def first_named(element: _Element, name: str) -> _Element | None:
    """The first child called `name` in our spelling."""
    return next((child for child in element if plain_name(child.tag) == name), None)


def person(element: _Element, context: Context) -> Person | None:
    """`podcast:person`."""
    name = words(element, context, "person")
    if name is None:
        context.warnings.add("person_without_name")
        return None
    get = element.get
    return new_person(
        name,
        (context.attribute(element, "role") or "host").lower(),
        (context.attribute(element, "group") or "cast").lower(),
        context.url(get("href"), element),
        context.url(get("img"), element),
    )


def transcript(element: _Element, context: Context) -> Transcript | None:
    """`podcast:transcript`."""
    url = context.url(element.get("url"), element)
    if url is None:
        context.warnings.add("transcript_without_url")
        return None
    attribute = context.attribute
    return new_transcript(
        url, attribute(element, "type"), attribute(element, "language"), attribute(element, "rel")
    )


def chapters_link(element: _Element, context: Context) -> Link | None:
    """`podcast:chapters`: the address of a chapters file."""
    url = context.url(element.get("url"), element)
    return new_link(url, context.attribute(element, "type")) if url else None


def clock_seconds(text: str | None) -> float | None:
    """Seconds from Normal Play Time: `hh:mm:ss.mmm`, `mm:ss` or `s` (RFC 2326 §3.6)."""
    found = _CLOCK.fullmatch(text.strip()) if text else None
    if not found:
        return None
    first, second, seconds = found.groups()
    hours, minutes = (first, second) if second else (None, first)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


def psc_chapters(element: _Element, context: Context) -> tuple[Chapter, ...]:
    """`psc:chapters`: Podlove simple chapters, in the order written."""
    chapters: list[Chapter] = []
    for child in named(element, "psc:chapter", context):
        get = context.attributes(child).get
        start = clock_seconds(get("start"))
        if start is None:
            context.warnings.add("chapter_without_start", get("start"))
            continue
        title = get("title")
        chapters.append(
            Chapter(
                start,
                context.cut(title, context.limits.title, "chapter") if title else None,
                context.url(get("href"), child),
                context.url(get("image"), child),
            )
        )
    return tuple(chapters)


def soundbite(element: _Element, context: Context) -> Soundbite | None:
    """`podcast:soundbite`."""
    start, duration = read_number(element.get("startTime")), read_number(element.get("duration"))
    if start is None or duration is None:
        context.warnings.add("soundbite_without_times", element.get("startTime"))
        return None
    return new_soundbite(start, duration, words(element, context, "soundbite"))


def alternate_enclosure(element: _Element, context: Context) -> AlternateEnclosure:
    """`podcast:alternateEnclosure` with its sources and integrity."""
    get = context.attributes(element).get
    proof: dict[str, str] = {}
    sources: list[Source] = []
    for child in few(element, context, "sources"):
        name = plain_name(child.tag)
        if name == "podcast:source":
            if uri := context.url(child.get("uri"), child):
                sources.append(new_source(uri, context.attribute(child, "contentType")))
        elif name == "podcast:integrity":
            proof = proof or context.attributes(child)
    return new_alternate_enclosure(
        type=get("type"),
        bytes=read_whole(get("length")),
        bitrate=read_number(get("bitrate")),
        height=read_whole(get("height")),
        lang=get("lang") or get("language"),
        title=get("title"),
        rel=get("rel"),
        codecs=get("codecs"),
        default=read_flag(get("default")) or False,
        integrity_type=proof.get("type"),
        integrity_value=proof.get("value"),
        sources=tuple(sources),
    )


def location(element: _Element, context: Context) -> Location | None:
    """`podcast:location`."""
    name = words(element, context, "location")
    if name is None:
        return None
    get = context.attributes(element).get
    return Location(name, get("geo"), get("osm"), get("rel"), get("country"))


def license_of(element: _Element, context: Context) -> License | None:
    """`podcast:license`."""
    name = words(element, context, "license")
    return License(name, context.url(element.get("url"), element)) if name else None


def social_interact(element: _Element, context: Context) -> SocialInteract | None:
    """`podcast:socialInteract`; the older attribute names are read too."""
    get = context.attributes(element).get
    protocol = get("protocol") or get("platform")
    if protocol is None:
        context.warnings.add("social_interact_without_protocol")
        return None
    return new_social_interact(
        protocol.lower(),
        context.url(get("uri") or element.text, element),
        get("accountId") or get("podcastAccountId"),
        context.url(get("accountUrl") or get("podcastAccountUrl"), element),
        read_whole(get("priority")),
    )


def srcset_images(element: _Element, context: Context) -> tuple[Image, ...]:
    """`podcast:images`: addresses with widths, as in HTML's `srcset`."""
    images: list[Image] = []
    for candidate in (element.get("srcset") or "").split(",")[: context.limits.list]:
        address, _, width = candidate.strip().partition(" ")
        if url := context.url(address, element):
            images.append(Image(url, read_whole(width.strip().removesuffix("w"))))
    return tuple(images)


def image(element: _Element, context: Context) -> tuple[Image, ...]:
    """`podcast:image`, which follows `podcast:images`."""
    get = context.attributes(element).get
    url = context.url(get("href"), element)
    if url is None:
        return ()
    width, height = read_whole(get("width")), read_whole(get("height"))
    return (Image(url, width, height, get("purpose"), get("alt")),)


def txt(element: _Element, context: Context) -> Txt | None:
    """`podcast:txt`."""
    text = words(element, context, "txt")
    return Txt(text, context.attribute(element, "purpose")) if text else None


def funding(element: _Element, context: Context) -> Funding | None:
    """`podcast:funding`."""
    url = context.url(element.get("url"), element)
    return Funding(url, words(element, context, "funding")) if url else None


def content_link(element: _Element, context: Context) -> Link | None:
    """`podcast:contentLink` of a live item."""
    url = context.url(element.get("href"), element)
    return new_link(url, title=words(element, context, "content_link")) if url else None


def trailer(element: _Element, context: Context) -> Trailer | None:
    """`podcast:trailer`."""
    get = context.attributes(element).get
    url = context.url(get("url"), element)
    if url is None:
        context.warnings.add("trailer_without_url")
        return None
    return Trailer(
        url,
        words(element, context, "trailer"),
        context.date(get("pubdate") or get("pubDate")),
        get("type"),
        read_whole(get("length")),
        read_whole(get("season")),
    )


def update_frequency(element: _Element, context: Context) -> UpdateFrequency:
    """`podcast:updateFrequency`."""
    get = context.attributes(element).get
    return UpdateFrequency(
        words(element, context, "update_frequency"),
        get("rrule"),
        context.date(get("dtstart")),
        read_flag(get("complete")) or False,
    )


def block(element: _Element, context: Context) -> Block | None:
    """`podcast:block`: for everybody, or for the service named by `id`."""
    blocked = read_flag(element.text)
    return None if blocked is None else Block(blocked, context.attribute(element, "id"))


def uses_podping(element: _Element, _context: Context) -> bool:
    """`podcast:podping usesPodping="true"`."""
    return read_flag(element.get("usesPodping")) or False


def locked(element: _Element, context: Context) -> tuple[bool | None, str | None]:
    """`podcast:locked`: whether, and for whom to ask."""
    return read_flag(element.text), context.attribute(element, "owner")


def season(element: _Element, context: Context) -> tuple[int | None, str | None]:
    """`podcast:season`: number and name."""
    number = context.whole(element.text, "season_unreadable")
    return number, context.attribute(element, "name")


def episode_number(element: _Element, context: Context) -> tuple[float | None, str | None]:
    """`podcast:episode`: a decimal number, and what to show in its place."""
    number = context.number(element.text, "episode_unreadable")
    return number, context.attribute(element, "display")
