"""One item: from what was found in it to an episode of the normal form; both roads build alike.

What stands for what, first found first:

- description: `content:encoded`, `description`, `atom:content`, `itunes:summary`;
- summary: `itunes:summary`, else the plain `description` beside a `content:encoded`,
  else `atom:summary`;
- author: `itunes:author`, `author`, `dc:creator`, `atom:author`, `googleplay:author`;
- image: `itunes:image`, `googleplay:image`, `media:thumbnail`;
- number and season: the `podcast:` tags, else the `itunes:` ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from tallycast.feeds.identity import identify
from tallycast.feeds.parsing.drafts import new_enclosure, new_episode
from tallycast.feeds.parsing.values import read_flag, squeezed

if TYPE_CHECKING:
    from tallycast.feeds.model import Enclosure, Episode, Link, Person
    from tallycast.feeds.parsing.context import Context, Raw

_PLAIN_LISTS = frozenset({
    "transcripts", "soundbites", "funding", "alternate_enclosures", "location",
    "social_interacts", "value", "txts", "content_links",
})  # fmt: skip
_NO_PARTS = (None,)
_MEDIA_KINDS = ("audio/", "video/", "application/x-mpegurl", "application/vnd.apple.mpegurl")


@dataclass(slots=True)
class Item:
    """One item of a document: its episode, or None when nothing tells it from others.

    `inherits` is true when it names no persons of its own; `source` is its text, kept when it
    has neither guid nor enclosure.
    """

    episode: Episode | None
    inherits: bool
    source: str

    def under(self, persons: tuple[Person, ...]) -> Episode | None:
        """The episode in a channel with these persons, which an item may come before."""
        if self.episode is None or not self.inherits or not persons:
            return self.episode
        return replace(self.episode, persons=persons)


def build_item(raw: Raw, context: Context) -> Item:
    """An item as soon as it is read: what was found in it need not be kept."""
    return Item(build_episode(raw, (), context), "persons" not in raw.parts, raw.source)


def build_episode(raw: Raw, persons: tuple[Person, ...], context: Context) -> Episode | None:
    """The episode an item describes, with the channel's `persons` when it names none of its own.

    Returns None when there is nothing to tell it from others: no guid, enclosure or title.
    """
    texts, parts, limits = raw.texts, raw.parts, context.limits
    alternate, enclosures = _enclosures(raw, context)
    title = title_of(texts, context)
    published = context.date(
        texts.get("published") or texts.get("atom_published") or texts.get("date")
    )
    updated = context.date(texts.get("updated"))
    guid = texts.get("guid") or texts.get("atom_id") or texts.get("about")
    if guid:
        guid = context.cut(guid, limits.guid, "guid")
    main = enclosures[0] if enclosures else None
    identity = identify(guid, main.url if main else None, title, published or updated)
    if identity is None:
        return None
    _note_gaps(guid, main, title, published or updated, context)
    season, season_name, number, display = _numbers(raw, context)
    encoded, plain = texts.get("encoded"), texts.get("description")
    description = encoded or plain or first(parts, "atom_content") or texts.get("summary")
    summary = texts.get("summary") or (plain if encoded else first(parts, "atom_summary"))
    if description is None:
        description = first(parts, "atom_summary")
    explicit = texts.get("explicit")
    own_link = first(parts, "link") or alternate
    return new_episode(
        identity=identity[0],
        identity_value=identity[1],
        guid=guid,
        title=title,
        published=published or updated,
        updated=updated,
        duration_seconds=context.duration(texts.get("duration") or texts.get("rss_duration")),
        enclosure=main,
        more_enclosures=tuple(enclosures[1:]),
        link=own_link,
        description=context.cut(description, limits.description, "description")
        if description
        else None,
        summary=context.cut(summary, limits.description, "summary") if summary else None,
        subtitle=text_of(texts, "subtitle", context),
        author=author_of(raw, context),
        image=first(parts, "image")
        or first(parts, "googleplay_image")
        or first(parts, "thumbnail"),
        episode_type=_lower(texts.get("episode_type"), context),
        season=season,
        season_name=season_name,
        episode=number,
        episode_display=display,
        explicit=flag_of(explicit, "explicit_unreadable", context) if explicit else None,
        block=read_flag(texts.get("block")) or False,
        keywords=keywords_of(texts, context),
        persons=tuple(parts["persons"]) if "persons" in parts else persons,
        chapters=flat(parts, "chapters"),
        chapters_link=first(parts, "chapters_link"),
        license=first(parts, "license"),
        images=flat(parts, "images"),
        **{field: tuple(found) for field, found in parts.items() if field in _PLAIN_LISTS},
    )


def first(parts: dict[str, list[Any]], key: str) -> Any:  # noqa: ANN401 parts hold any model
    """The first part of a kind, or None."""
    return (parts.get(key) or _NO_PARTS)[0]


def flat(parts: dict[str, list[Any]], key: str) -> tuple[Any, ...]:
    """All parts of a kind whose reader gives several at once."""
    found = parts.get(key)
    return tuple(part for group in found for part in group) if found else ()


def text_of(texts: dict[str, str], key: str, context: Context) -> str | None:
    """A text without surrounding white space, cut to the limit."""
    text = texts.get(key)
    return context.cut(text, context.limits.text, key) if text else None


def title_of(texts: dict[str, str], context: Context) -> str | None:
    """The title on one line; `itunes:title` where the plain one is missing."""
    title = texts.get("title") or texts.get("itunes_title") or texts.get("atom_title")
    return context.cut(squeezed(title), context.limits.title, "title") if title else None


def author_of(raw: Raw, context: Context) -> str | None:
    """Who speaks, in the words of the first tag that says so."""
    texts = raw.texts
    author = (
        texts.get("author") or texts.get("rss_author") or texts.get("creator")
        or first(raw.parts, "atom_author") or texts.get("googleplay_author")
    )  # fmt: skip
    return context.cut(squeezed(author), context.limits.title, "author") if author else None


def flag_of(text: str, warning: str, context: Context) -> bool | None:
    """Yes or no; a text that says neither is warned of."""
    flag = read_flag(text)
    if flag is None:
        context.warnings.add(warning, text.strip())
    return flag


def keywords_of(texts: dict[str, str], context: Context) -> tuple[str, ...]:
    """`itunes:keywords`, split at commas, without repetition."""
    text = texts.get("keywords")
    if not text:
        return ()
    text = context.cut(text, context.limits.text, "keywords")
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))


def _lower(text: str | None, context: Context) -> str | None:
    return context.cut(text, context.limits.title, "episode_type").lower() if text else None


def _numbers(raw: Raw, context: Context) -> tuple[int | None, str | None, float | None, str | None]:
    season, season_name = first(raw.parts, "podcast_season") or (None, None)
    number, display = first(raw.parts, "podcast_episode") or (None, None)
    if season is None and (text := raw.texts.get("season")):
        season = context.whole(text, "season_unreadable")
    if number is None and (text := raw.texts.get("episode")):
        number = context.number(text, "episode_unreadable")
    return season, season_name, number, display


def _enclosures(raw: Raw, context: Context) -> tuple[str | None, list[Enclosure]]:
    """The entry's own page, and its enclosures with the first sound or film in front."""
    found = [part for part in raw.parts.get("enclosures", ()) if part is not None]
    page: str | None = None
    for part in raw.parts.get("atom_links", ()):
        link_found, length = cast("tuple[Link, str | None]", part)
        if link_found.rel == "enclosure":
            size = context.whole(length, "enclosure_length_unreadable")
            found.append(new_enclosure(link_found.url, link_found.type, size))
        elif link_found.rel == "alternate" and page is None:
            page = link_found.url
    if not found:
        found = raw.parts.get("media", [])[:1]
    if len(found) > 1:
        context.warnings.add("several_enclosures", found[0].url)
        heard = next((one for one in found if is_heard_or_seen(one)), found[0])
        found = [heard, *(one for one in found if one is not heard)]
    return page, found


def is_heard_or_seen(one: Enclosure) -> bool:
    """Whether an enclosure is sound or film; without a type it is taken to be."""
    return one.type is None or one.type.lower().startswith(_MEDIA_KINDS)


def _note_gaps(
    guid: str | None,
    main: Enclosure | None,
    title: str | None,
    published: object,
    context: Context,
) -> None:
    warn = context.warnings.add
    if not guid:
        warn("guid_missing", title)
    if main is None:
        warn("enclosure_missing", title or guid)
    if title is None:
        warn("title_missing", guid)
    if published is None:
        warn("date_missing", title or guid)
