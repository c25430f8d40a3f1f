"""The channel: what a feed says of itself above its items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.feeds.model import Category, LiveItem, Show
from tallycast.feeds.parsing import payments, tags
from tallycast.feeds.parsing.items import (
    author_of,
    build_episode,
    first,
    flag_of,
    flat,
    keywords_of,
    text_of,
    title_of,
)
from tallycast.feeds.parsing.readers import (
    COMMON,
    ITEM_TABLE,
    Table,
    atom_text,
    href,
    read_children,
)
from tallycast.feeds.parsing.values import read_flag

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element

    from tallycast.feeds.model import Person
    from tallycast.feeds.parsing.context import Context, Raw
    from tallycast.feeds.parsing.readers import Reader


def owner(element: _Element, context: Context) -> tuple[str | None, str | None]:
    """`itunes:owner`: name and mail address."""
    name = tags.first_named(element, "itunes:name")
    email = tags.first_named(element, "itunes:email")
    return (
        tags.words(name, context, "owner") if name is not None else None,
        tags.words(email, context, "owner") if email is not None else None,
    )


def categories(element: _Element, context: Context) -> tuple[Category, ...]:
    """`itunes:category`: one entry per sub-category, or the category alone."""
    name = context.attributes(element).get("text")
    if name is None:
        context.warnings.add("category_empty")
        return ()
    inside = tags.named(element, "itunes:category", context)
    subs = [sub for child in inside if (sub := context.attributes(child).get("text"))]
    return tuple(Category(name, sub) for sub in subs) or (Category(name),)


def channel_image(element: _Element, context: Context) -> str | None:
    """RSS `image`: its `url`, as an element or (wrongly) as an attribute."""
    inside = tags.first_named(element, "url")
    return context.url(inside.text if inside is not None else element.get("url"), element)


def live_item(
    element: _Element, context: Context
) -> tuple[str | None, datetime | None, datetime | None, Raw]:
    """`podcast:liveItem`: state, start, end, and what an item holds.

    A stream has neither length nor date: what lacks in a live item is not warned of.
    """
    get = context.attributes(element).get
    status, start, end = get("status"), context.date(get("start")), context.date(get("end"))
    quiet = context.quiet()
    raw = read_children(element, ITEM_TABLE, quiet)
    context.unresolved += quiet.unresolved
    return status.lower() if status else None, start, end, raw


CHANNEL: dict[str, tuple[str, Reader | None]] = COMMON | {
    "atom:subtitle": ("atom_subtitle", atom_text),
    "atom:tagline": ("atom_subtitle", atom_text),
    "atom:rights": ("rights", None),
    "atom:generator": ("generator", None),
    "atom:logo": ("logo", href),
    "atom:icon": ("logo", href),
    "language": ("language", None),
    "dc:language": ("dc_language", None),
    "copyright": ("copyright", None),
    "dc:rights": ("rights", None),
    "generator": ("generator", None),
    "lastbuilddate": ("built", None),
    "ttl": ("ttl", None),
    "image": ("rss_image", channel_image),
    "itunes:owner": ("owner", owner),
    "itunes:category": ("categories", categories),
    "itunes:type": ("type", None),
    "itunes:complete": ("complete", None),
    "podcast:complete": ("podcast_complete", None),
    "itunes:new-feed-url": ("new_feed_url", None),
    "podcast:guid": ("podcast_guid", None),
    "podcast:medium": ("medium", None),
    "podcast:locked": ("locked", tags.locked),
    "podcast:block": ("blocks", tags.block),
    "podcast:podping": ("podping", tags.uses_podping),
    "podcast:updatefrequency": ("update_frequency", tags.update_frequency),
    "podcast:trailer": ("trailers", tags.trailer),
    "podcast:liveitem": ("live_items", live_item),
    "podcast:podroll": ("podroll", payments.remote_items),
    "podcast:publisher": ("publisher", payments.remote_items),
    "podcast:remoteitem": ("remote_items", payments.remote_item),
}
CHANNEL_TABLE = Table(CHANNEL)

_PLAIN_LISTS = (
    "persons", "funding", "trailers", "remote_items", "location", "value", "txts",
    "social_interacts", "blocks",
)  # fmt: skip


def build_show(raw: Raw, context: Context) -> Show:
    """The show a channel describes."""
    texts, parts = raw.texts, raw.parts
    page, hubs, relations = _links(raw)
    owner_name, owner_email = first(parts, "owner") or (None, None)
    locked, locked_owner = first(parts, "locked") or (None, None)
    publisher = first(parts, "publisher")
    frequency = first(parts, "update_frequency")
    description = (
        texts.get("description") or texts.get("encoded") or texts.get("summary")
        or first(parts, "atom_subtitle")
    )  # fmt: skip
    persons = tuple(parts.get("persons", ()))
    explicit, ttl = texts.get("explicit"), texts.get("ttl")
    blocked = any(block.blocked and block.service is None for block in parts.get("blocks", ()))
    return Show(
        title=title_of(texts, context),
        link=first(parts, "link") or page,
        description=(
            context.cut(description, context.limits.description, "description")
            if description
            else None
        ),
        subtitle=text_of(texts, "subtitle", context),
        language=text_of(texts, "language", context) or text_of(texts, "dc_language", context),
        author=author_of(raw, context),
        owner_name=owner_name,
        owner_email=owner_email,
        copyright=text_of(texts, "copyright", context) or text_of(texts, "rights", context),
        generator=text_of(texts, "generator", context),
        image=(
            first(parts, "image")
            or first(parts, "rss_image")
            or first(parts, "googleplay_image")
            or first(parts, "logo")
        ),
        explicit=flag_of(explicit, "explicit_unreadable", context) if explicit else None,
        type=_lower(text_of(texts, "type", context)),
        categories=tuple(dict.fromkeys(flat(parts, "categories"))),
        keywords=keywords_of(texts, context),
        published=context.date(texts.get("published") or texts.get("date")),
        updated=context.date(texts.get("built") or texts.get("updated")),
        ttl_minutes=context.whole(ttl, "ttl_unreadable") if ttl else None,
        block=(read_flag(texts.get("block")) or False) or blocked,
        complete=_yes(texts.get("complete")) or _yes(texts.get("podcast_complete")),
        new_feed_url=context.url(texts.get("new_feed_url")),
        podcast_guid=_lower(text_of(texts, "podcast_guid", context)),
        locked=locked,
        locked_owner=locked_owner,
        medium=_lower(text_of(texts, "medium", context)),
        uses_podping=any(parts.get("podping", ())),
        update_frequency=frequency,
        hubs=hubs,
        self_url=relations.get("self"),
        first_page=relations.get("first"),
        next_page=relations.get("next"),
        last_page=relations.get("last"),
        live_items=_live_items(raw, persons, context),
        podroll=flat(parts, "podroll"),
        publisher=publisher[0] if publisher else None,
        license=first(parts, "license"),
        images=flat(parts, "images"),
        **{field: tuple(parts[field]) for field in _PLAIN_LISTS if field in parts},
    )


def _links(raw: Raw) -> tuple[str | None, tuple[str, ...], dict[str, str]]:
    """The show's page, its WebSub hubs, and the first address of each other relation."""
    hubs: dict[str, None] = {}
    relations: dict[str, str] = {}
    for found, _ in raw.parts.get("atom_links", ()):
        if found.rel == "hub":
            hubs[found.url] = None
        else:
            relations.setdefault(found.rel, found.url)
    return relations.get("alternate"), tuple(hubs), relations


def _live_items(raw: Raw, persons: tuple[Person, ...], context: Context) -> tuple[LiveItem, ...]:
    live: list[LiveItem] = []
    for status, start, end, inside in raw.parts.get("live_items", ()):
        episode = build_episode(inside, persons, context.quiet())
        if episode is None:
            context.warnings.add("live_item_without_identity")
        else:
            live.append(LiveItem(status, start, end, episode))
    return tuple(live)


def _yes(text: str | None) -> bool:
    return read_flag(text) or False


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None
