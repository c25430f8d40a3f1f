"""Read a document against what is known: parse all of it, or only the items that changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tallycast.feeds.catalogue import Catalogue, ReadEpisode, identity_of
from tallycast.feeds.parsing import cut, parse, parse_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.feeds.model import ParsedFeed

# A whole reading at least this often keeps warnings and quality true of the whole document.
WHOLE_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as read: the parsed feed, and what was not parsed because it is known.

    `untouched` are identities of items whose bytes were already read. `whole` says that every
    item was parsed, so that the feed's warnings and quality speak of all of it.
    """

    feed: ParsedFeed
    episodes: Sequence[ReadEpisode]
    untouched: Sequence[str]
    inherited: str | None
    whole: bool


def read(
    body: bytes,
    known: Catalogue,
    *,
    url: str,
    content_type: str | None,
    now: datetime,
    whole: bool = False,
) -> Reading:
    """Parse what of a document is not known yet.

    Raises:
        NotAFeedError: the document is something else; the error says what.
        FeedTooComplexError: it is nested beyond all reason.
    """
    pieces = cut(body)
    if pieces is None:
        return _whole(parse(body, content_type=content_type, url=url), [], None)
    digests = pieces.digests
    read_at = known.read_whole_at
    stale = read_at is None or now - datetime.fromisoformat(read_at) >= WHOLE_EVERY
    if whole or stale or known.inherited != pieces.inherited_digest:
        feed = parse(body, content_type=content_type, url=url)
        return _whole(feed, digests, pieces.inherited_digest)
    by_digest = known.by_digest()
    fresh = [index for index, digest in enumerate(digests) if digest not in by_digest]
    untouched = [by_digest[digest] for digest in digests if digest in by_digest]
    feed = parse_items(pieces, fresh, content_type=content_type, url=url)
    episodes = _with_digests(feed, [digests[index] for index in fresh])
    seen = [*untouched, *(identity_of(read.episode) for read in episodes)]
    if len(set(seen)) < len(seen):
        # Two items claim one identity: only the rules for a whole document can settle that.
        feed = parse(body, content_type=content_type, url=url)
        return _whole(feed, digests, pieces.inherited_digest)
    return Reading(feed, episodes, untouched, pieces.inherited_digest, whole=False)


def _whole(feed: ParsedFeed, digests: Sequence[str], inherited: str | None) -> Reading:
    return Reading(feed, _with_digests(feed, digests), (), inherited, whole=True)


def _with_digests(feed: ParsedFeed, digests: Sequence[str]) -> list[ReadEpisode]:
    """Pair episodes with their items' digests; without a one-to-one match, with none."""
    if len(digests) != len(feed.episodes):
        return [ReadEpisode(episode) for episode in feed.episodes]
    return [
        ReadEpisode(episode, digest) for episode, digest in zip(feed.episodes, digests, strict=True)
    ]
