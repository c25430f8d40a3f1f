"""Read a document against what is known: parse all of it, or only the items that changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tallycast.feeds.catalogue import Catalogue, Head, ReadEpisode, identity_of
from tallycast.feeds.parsing import NotAFeedError, cut, inherited_digest, parse, parse_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.feeds.model import ParsedFeed
    from tallycast.feeds.parsing import CutDocument

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
    head: Head | None
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
    if pieces is not None:
        try:
            return _read_pieces(
                pieces, body, known, url=url, content_type=content_type, now=now, whole=whole
            )
        except NotAFeedError:
            pass  # without its items an ill-formed document says too little: read all of it
    return _whole(parse(body, content_type=content_type, url=url), [], None)


def _read_pieces(
    pieces: CutDocument,
    body: bytes,
    known: Catalogue,
    *,
    url: str,
    content_type: str | None,
    now: datetime,
    whole: bool,
) -> Reading:
    digests = [each.hex() for each in pieces.digests]
    digest = pieces.head_digest.hex()
    if known.head is not None and known.head.digest == digest:
        head = known.head
    else:
        inherited = inherited_digest(pieces, content_type=content_type, url=url)
        head = Head(digest, inherited.hex())
    read_at = known.read_whole_at
    stale = read_at is None or now - datetime.fromisoformat(read_at) >= WHOLE_EVERY
    if not (whole or stale or known.head is None or known.head.inherited != head.inherited):
        reading = _changed_only(pieces, digests, head, known, content_type=content_type, url=url)
        if reading is not None:
            return reading
    return _whole(parse(body, content_type=content_type, url=url), digests, head)


def _changed_only(
    pieces: CutDocument,
    digests: Sequence[str],
    head: Head,
    known: Catalogue,
    *,
    content_type: str | None,
    url: str,
) -> Reading | None:
    """Parse the items whose bytes are new; None when only a whole reading can tell."""
    by_digest = known.by_digest()
    fresh = [index for index, digest in enumerate(digests) if digest not in by_digest]
    untouched = [by_digest[digest] for digest in digests if digest in by_digest]
    feed = parse_items(pieces, fresh, content_type=content_type, url=url)
    episodes = _with_digests(feed, [digests[index] for index in fresh])
    seen = [*untouched, *(identity_of(read.episode) for read in episodes)]
    if len(set(seen)) < len(seen):
        return None  # two items claim one identity: the rules for a whole document settle that
    return Reading(feed, episodes, untouched, head, whole=False)


def _whole(feed: ParsedFeed, digests: Sequence[str], head: Head | None) -> Reading:
    return Reading(feed, _with_digests(feed, digests), (), head, whole=True)


def _with_digests(feed: ParsedFeed, digests: Sequence[str]) -> list[ReadEpisode]:
    """Pair episodes with their items' digests; without a one-to-one match, with none."""
    if len(digests) != len(feed.episodes):
        return [ReadEpisode(episode) for episode in feed.episodes]
    return [
        ReadEpisode(episode, digest) for episode, digest in zip(feed.episodes, digests, strict=True)
    ]
