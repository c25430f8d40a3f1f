"""A show as an RSS 2.0, Atom or RSS 1.0 (RDF) document, with the show's quirks."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tallycast.demo.dice import token
from tallycast.demo.habits import Quirk
from tallycast.demo.markup import (
    NAMESPACES,
    UNDEFINED_ENTITIES,
    block,
    declared,
    empty,
    iso,
    text,
)
from tallycast.demo.shows import PAGE_SIZE
from tallycast.demo.tags import enclosure_attributes, episode_tags, show_tags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tallycast.demo.episodes import DemoEpisode
    from tallycast.demo.shows import DemoShow

_TYPES = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "rdf": "application/rdf+xml",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a document is written.

    Attributes:
        self_url: the address the document says it has.
        new_feed_url: where `itunes:new-feed-url` sends readers, if anywhere.
        built: the build date in the head; the show's own last change when None.
        serial: how many times it was asked for; moves rotating tokens, nothing else.
        page: which page of a paged show, from 1.
    """

    self_url: str = "https://feeds.example.com/feed.xml"
    new_feed_url: str | None = None
    built: datetime | None = None
    serial: int = 0
    page: int = 1


@dataclass(frozen=True, slots=True)
class Document:
    """A feed as it goes over the wire."""

    body: bytes
    content_type: str


def render(show: DemoShow, setting: Setting | None = None) -> Document:
    """The show's document in its own format, with its own quirks.

    The same show and setting always give the same bytes.
    """
    setting = setting or Setting()
    encoding = "iso-8859-1" if Quirk.LATIN_1 in show.quirks else "utf-8"
    root = {"rss": _rss, "atom": _atom, "rdf": _rdf}[show.format](show, setting)
    space = "\n  " if Quirk.LEADING_WHITE_SPACE in show.quirks else ""
    markup = f'{space}<?xml version="1.0" encoding="{encoding}"?>\n{root}'
    return Document(
        markup.encode(encoding, "xmlcharrefreplace"),
        f"{_TYPES[show.format]}; charset={encoding}",
    )


def page_count(show: DemoShow) -> int:
    """How many pages the show's feed has; 1 unless it is paged."""
    return -(-len(show.episodes) // PAGE_SIZE) if Quirk.PAGED in show.quirks else 1


def _rss(show: DemoShow, setting: Setting) -> str:
    head = (
        text("title", show.title),
        text("link", show.link),
        _description("description", show.description, show),
        text("language", show.language),
        text("generator", "Tallycast demo"),
        text("lastBuildDate", format_datetime(_built(show, setting))),
        block(
            "image",
            (text("url", show.image), text("title", show.title), text("link", show.link)),
        ),
        *_links("atom:link", show, setting),
        *show_tags(show, setting.new_feed_url),
    )
    items = (_rss_item(show, setting, episode) for episode in _on_page(show, setting))
    names = declared("itunes", "podcast", "psc", "atom", "content")
    return block("rss", (block("channel", (*head, *items)),), {"version": "2.0", **names})


def _rss_item(show: DemoShow, setting: Setting, episode: DemoEpisode) -> str:
    is_link = str(episode.guid == episode.link).lower()
    guid = episode.guid if show.has_guids else None
    inner = (
        text("title", episode.title),
        text("link", episode.link),
        text("guid", guid, {"isPermaLink": is_link}),
        text("pubDate", format_datetime(episode.published)),
        _description("description", episode.description, show),
        empty("enclosure", enclosure_attributes(episode, _address(show, setting, episode))),
        *episode_tags(episode),
    )
    return block("item", inner)


def _atom(show: DemoShow, setting: Setting) -> str:
    head = (
        text("title", show.title),
        text("id", f"tag:{show.slug}.example.com,2020:feed"),
        text("updated", iso(_built(show, setting))),
        _description("subtitle", show.description, show),
        text("generator", "Tallycast demo"),
        text("logo", show.image),
        block("author", (text("name", show.author),)),
        empty("link", {"rel": "alternate", "type": "text/html", "href": show.link}),
        *_links("link", show, setting),
        *show_tags(show, setting.new_feed_url),
    )
    entries = (_atom_entry(show, setting, episode) for episode in _on_page(show, setting))
    root = {
        "xmlns": NAMESPACES["atom"],
        "xml:lang": show.language,
        **declared("itunes", "podcast", "psc"),
    }
    return block("feed", (*head, *entries), root)


def _atom_entry(show: DemoShow, setting: Setting, episode: DemoEpisode) -> str:
    enclosure = enclosure_attributes(episode, "")
    enclosure.pop("url")
    address = _address(show, setting, episode)
    inner = (
        text("title", episode.title),
        text("id", episode.guid),
        text("published", iso(episode.published)),
        text("updated", iso(episode.published)),
        _description("summary", episode.description, show),
        empty("link", {"rel": "alternate", "type": "text/html", "href": episode.link}),
        empty("link", {"rel": "enclosure", "href": address, **enclosure}),
        *episode_tags(episode),
    )
    return block("entry", inner)


def _rdf(show: DemoShow, setting: Setting) -> str:
    episodes = _on_page(show, setting)
    contents = (empty("rdf:li", {"rdf:resource": episode.guid}) for episode in episodes)
    head = (
        text("title", show.title),
        text("link", show.link),
        _description("description", show.description, show),
        text("dc:language", show.language),
        text("dc:creator", show.author),
        text("dc:date", iso(_built(show, setting))),
        *_links("atom:link", show, setting),
        *show_tags(show, setting.new_feed_url),
        block("items", (block("rdf:Seq", contents),)),
    )
    items = (_rdf_item(show, setting, episode) for episode in episodes)
    root = {
        "xmlns": "http://purl.org/rss/1.0/",
        **declared("rdf", "dc", "itunes", "podcast", "psc", "atom"),
    }
    channel = block("channel", head, {"rdf:about": setting.self_url})
    return block("rdf:RDF", (channel, *items), root)


def _rdf_item(show: DemoShow, setting: Setting, episode: DemoEpisode) -> str:
    inner = (
        text("title", episode.title),
        text("link", episode.link),
        _description("description", episode.description, show),
        text("dc:creator", show.author),
        text("dc:date", iso(episode.published)),
        empty("enclosure", enclosure_attributes(episode, _address(show, setting, episode))),
        *episode_tags(episode),
    )
    return block("item", inner, {"rdf:about": episode.guid})


def _on_page(show: DemoShow, setting: Setting) -> tuple[DemoEpisode, ...]:
    if Quirk.PAGED not in show.quirks:
        return show.episodes
    start = (setting.page - 1) * PAGE_SIZE
    return show.episodes[start : start + PAGE_SIZE]


def _built(show: DemoShow, setting: Setting) -> datetime:
    return setting.built or show.updated


def _address(show: DemoShow, setting: Setting, episode: DemoEpisode) -> str:
    if Quirk.ROTATING_TOKENS not in show.quirks:
        return episode.enclosure_url
    signed = token(show.seed, episode.enclosure_path, setting.serial)
    return f"{episode.enclosure_url}?token={signed}&expires={setting.serial}"


def _description(name: str, value: str, show: DemoShow) -> str:
    tail = UNDEFINED_ENTITIES if Quirk.UNDEFINED_ENTITY in show.quirks else ""
    return f"<{name}>{escape(value)}{tail}</{name}>\n"


def _links(name: str, show: DemoShow, setting: Setting) -> Iterator[str]:
    """`self`, and for a paged show the way through its pages."""
    kind = _TYPES[show.format]
    yield empty(name, {"rel": "self", "type": kind, "href": _page_url(setting, setting.page)})
    if Quirk.PAGED not in show.quirks:
        return
    last = page_count(show)
    pages = {"first": 1, "last": last}
    if setting.page < last:
        pages["next"] = setting.page + 1
    if setting.page > 1:
        pages["previous"] = setting.page - 1
    for rel, page in pages.items():
        yield empty(name, {"rel": rel, "href": _page_url(setting, page)})


def _page_url(setting: Setting, page: int) -> str:
    return setting.self_url if page == 1 else f"{setting.self_url}?page={page}"
