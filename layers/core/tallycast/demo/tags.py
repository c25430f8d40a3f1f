"""The iTunes and Podcasting 2.0 tags that RSS, Atom and RDF documents have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.demo.markup import block, clock, empty, text, yes_no

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.demo.episodes import DemoEpisode
    from tallycast.demo.shows import DemoShow
    from tallycast.feeds.model import Chapter, Person, Value

_RULES = {"daily": "FREQ=DAILY", "weekly": "FREQ=WEEKLY", "irregular": None}


def show_tags(show: DemoShow, new_feed_url: str | None) -> Iterator[str]:
    """What a show says of itself in `itunes:` and `podcast:` tags."""
    name, sub = show.category
    yield text("itunes:author", show.author)
    yield block(
        "itunes:owner",
        (
            text("itunes:name", show.author),
            text("itunes:email", f"owner@{show.slug}.example.com"),
        ),
    )
    yield block(
        "itunes:category", (empty("itunes:category", {"text": sub}) if sub else "",), {"text": name}
    )
    yield empty("itunes:image", {"href": show.image})
    yield text("itunes:explicit", yes_no(show.explicit))
    yield text("itunes:type", "episodic")
    yield text("itunes:new-feed-url", new_feed_url)
    yield text("podcast:guid", show.podcast_guid)
    if show.locked_owner:
        yield text("podcast:locked", "yes", {"owner": show.locked_owner})
    for funding in show.funding:
        yield text("podcast:funding", funding.text, {"url": funding.url})
    yield text("podcast:medium", "podcast")
    yield text("podcast:updateFrequency", show.rhythm, {"rrule": _RULES[show.rhythm]})
    sizes = ", ".join(f"{show.link}cover-{width}.jpg {width}w" for width in (300, 1500))
    yield empty("podcast:images", {"srcset": sizes})
    yield from map(_person, show.persons)
    yield from map(_value, show.value)


def episode_tags(episode: DemoEpisode) -> Iterator[str]:
    """What an episode says in `itunes:`, `podcast:` and `psc:` tags."""
    yield text("itunes:duration", clock(episode.duration_seconds))
    yield text("itunes:season", episode.season)
    yield text("itunes:episode", episode.episode)
    yield text("itunes:episodeType", episode.episode_type)
    yield text("itunes:explicit", yes_no(episode.explicit))
    if episode.image:
        yield empty("itunes:image", {"href": episode.image})
    yield text("podcast:season", episode.season, {"name": f"Shelf {episode.season}"})
    yield text("podcast:episode", episode.episode, {"display": f"No. {episode.episode}"})
    yield from map(_person, episode.persons)
    for transcript in episode.transcripts:
        attributes = {
            "url": transcript.url,
            "type": transcript.type,
            "language": transcript.language,
        }
        yield empty("podcast:transcript", attributes)
    if episode.chapters_url:
        chapters = {"url": episode.chapters_url, "type": "application/json+chapters"}
        yield empty("podcast:chapters", chapters)
    for bite in episode.soundbites:
        times = {"startTime": bite.start_seconds, "duration": bite.duration_seconds}
        yield text("podcast:soundbite", bite.title, times)
    if episode.chapters:
        yield block("psc:chapters", map(_chapter, episode.chapters), {"version": "1.2"})


def enclosure_attributes(episode: DemoEpisode, address: str) -> dict[str, object]:
    """`length` in bytes and `type`, with the address as `url`."""
    return {"url": address, "length": episode.enclosure_bytes, "type": "audio/mpeg"}


def _person(person: Person) -> str:
    return text("podcast:person", person.name, {"role": person.role, "group": person.group})


def _chapter(chapter: Chapter) -> str:
    start = clock(int(chapter.start_seconds))
    return empty("psc:chapter", {"start": start, "title": chapter.title})


def _value(value: Value) -> str:
    recipients = (
        empty(
            "podcast:valueRecipient",
            {
                "name": recipient.name,
                "type": recipient.type,
                "address": recipient.address,
                "split": None if recipient.split is None else int(recipient.split),
            },
        )
        for recipient in value.recipients
    )
    return block("podcast:value", recipients, {"type": value.type, "method": value.method})
