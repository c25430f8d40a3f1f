"""What the feeds say of the audio behind each address: the EPISODES table of a tenant.

An address that once belonged to an episode keeps belonging to it: listeners fetch old addresses
long after a feed has changed them, and a recount must not lose them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallycast.feeds.files import media_of
from tallycast.kernel.times import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from tallycast.feeds.items import EpisodeItem
    from tallycast.feeds.store import FeedStore


# No audio that anybody would listen to has fewer bits per second: the feed's length is a guess.
_LOWEST_BITRATE_BPS = 8_000


@dataclass(frozen=True, slots=True)
class Audio:
    """One row of EPISODES without its show's time zone (see `measurement.model`)."""

    media: str
    episode_id: str
    show_id: str
    released_at: datetime | None = None
    duration_seconds: float | None = None
    length_bytes: int | None = None
    bitrate_bps: int | None = None
    header_bytes: int = 0


def audio_of_tenant(
    store: FeedStore, tenant: str, prefixes: frozenset[str] = frozenset()
) -> list[Audio]:
    """The audio of every episode that the tenant's feeds have shown, one row per address."""
    found: dict[str, Audio] = {}
    for feed in store.of_tenant(tenant):
        for item in store.every_episode(tenant, feed.show_id):
            for audio in audio_of(item, prefixes):
                # An address in two shows (a trailer, a public and a premium feed) goes to the
                # one that was added first: it can only count once.
                found.setdefault(audio.media, audio)
    return [found[media] for media in sorted(found)]


def audio_of(item: EpisodeItem, prefixes: frozenset[str] = frozenset()) -> Iterator[Audio]:
    """The addresses at which one episode's audio is offered, behind `prefixes` and those known."""
    document: Mapping[str, Any] = json.loads(item.document)
    for url, size, bitrate in _addresses(document):
        if media := media_of(url, prefixes):
            yield Audio(
                media=media,
                episode_id=item.episode_id,
                show_id=item.show_id,
                released_at=from_text(item.published or item.first_seen),
                duration_seconds=item.duration_seconds,
                length_bytes=_plausible(size, item.duration_seconds),
                bitrate_bps=round(bitrate) if bitrate and bitrate > 0 else None,
            )


def _plausible(size: int | None, seconds: float | None) -> int | None:
    """A feed's length in bytes, or None where it cannot be true (0, 1 and 123 are common)."""
    shortest = (seconds or 1) * _LOWEST_BITRATE_BPS / 8
    return size if size and size >= shortest else None


def _addresses(document: Mapping[str, Any]) -> Iterator[tuple[str, int | None, float | None]]:
    for enclosure in (document.get("enclosure"), *document.get("more_enclosures", ())):
        if enclosure and enclosure.get("url"):
            yield enclosure["url"], enclosure.get("bytes"), None
    for alternate in document.get("alternate_enclosures", ()):
        for source in alternate.get("sources", ()):
            if source.get("uri"):
                yield source["uri"], alternate.get("bytes"), alternate.get("bitrate")


def merged(known: Iterable[Audio], current: Iterable[Audio]) -> list[Audio]:
    """What was known with what the feeds say now: the newer word wins, nothing is forgotten."""
    rows = {audio.media: audio for audio in known} | {audio.media: audio for audio in current}
    return [rows[media] for media in sorted(rows)]
