"""How feeds, shows and episodes lie in the `core` table. An item model is never an API reply."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from tallycast.feeds.feed import Feed, FeedStatus
from tallycast.feeds.identity import enclosure_key
from tallycast.kernel import keys
from tallycast.kernel.ids import derived_id
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.feeds.model import Episode, Show

# DynamoDB takes items of up to 400 KB, names and keys included.
LARGEST_DOCUMENT = 300_000
UNDATED = "0000-00-00T00:00:00.000Z"


def episode_id(show_id: str, identity: str) -> str:
    """The id of an episode follows from what it is, so that it can never be created twice."""
    return derived_id("ep", show_id, identity)


def feed_item(feed: Feed) -> dict[str, Any]:
    """A feed as it lies in the table; only an active one is in the due-index."""
    item = {
        **keys.feed(feed.tenant, feed.feed_id),
        "kind": "feed",
        "list_key": keys.feeds_of(feed.tenant),
        "list_sort": feed.feed_id,
        **{name: _stored(value) for name, value in feed.model_dump(exclude_none=True).items()},
    }
    if feed.status is FeedStatus.ACTIVE and feed.next_poll_at is not None:
        item["due_shard"] = keys.due_shard(feed.feed_id)
        item["due_at"] = to_text(feed.next_poll_at)
        item["host"] = urlsplit(feed.url).hostname or ""
    return item


def _stored(value: object) -> object:
    """A field as DynamoDB takes it: fixed-width times, no floats, lists for tuples."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, float):
        return str(value)
    return [_stored(part) for part in value] if isinstance(value, tuple) else value


def feed_of(item: Mapping[str, Any]) -> Feed:
    """The reverse of `feed_item`."""
    return Feed.model_validate({k: v for k, v in item.items() if k in Feed.model_fields})


class EpisodeItem(Produced):
    """One episode: what queries and events need as fields, all else in `document` (JSON)."""

    tenant: str
    show_id: str
    feed_id: str
    episode_id: str
    identity: str
    fingerprint: str
    guid: str | None = None
    title: str | None = None
    published: str | None = None
    duration_seconds: int | None = None
    enclosure_url: str | None = None
    season: int | None = None
    episode: str | None = None
    first_seen: str
    imported: bool
    gone_at: str | None = None
    document: str

    @classmethod
    def of(
        cls,
        feed: Feed,
        episode: Episode,
        *,
        identity: str,
        fingerprint: str,
        first_seen: str,
        imported: bool,
    ) -> Self:
        """The item of a parsed episode; `imported` marks the back catalogue of a new feed."""
        return cls(
            tenant=feed.tenant,
            show_id=feed.show_id,
            feed_id=feed.feed_id,
            episode_id=episode_id(feed.show_id, identity),
            identity=identity,
            fingerprint=fingerprint,
            guid=episode.guid,
            title=episode.title,
            published=to_text(episode.published) if episode.published else None,
            duration_seconds=episode.duration_seconds,
            enclosure_url=episode.enclosure.url if episode.enclosure else None,
            season=episode.season,
            episode=None if episode.episode is None else f"{episode.episode:g}",
            first_seen=first_seen,
            imported=imported,
            document=_document(episode),
        )

    @property
    def key(self) -> dict[str, str]:
        """Where the item lies."""
        return keys.episode(self.tenant, self.show_id, self.episode_id)

    def brief(self) -> dict[str, Any]:
        """What a list of episodes shows."""
        return self.model_dump(
            include={
                "episode_id", "show_id", "guid", "title", "published", "duration_seconds",
                "enclosure_url", "season", "episode", "first_seen",
            }
        )  # fmt: skip

    def to_item(self) -> dict[str, Any]:
        """The item with its keys and index keys."""
        item = {
            **self.key,
            "kind": "episode",
            "list_key": keys.episodes_of(self.tenant, self.show_id),
            "list_sort": f"{self.published or UNDATED}#{self.episode_id}",
            "brief": json.dumps(self.brief(), ensure_ascii=False),
            **self.model_dump(exclude_none=True),
        }
        if self.enclosure_url:
            item["lookup_key"] = keys.enclosure(self.tenant, enclosure_key(self.enclosure_url))
            item["lookup_sort"] = self.episode_id
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """The reverse of `to_item`."""
        return cls.model_validate({k: v for k, v in item.items() if k in cls.model_fields})


class ShowItem(Produced):
    """A show: its feed's head, whole, in `document` (JSON)."""

    tenant: str
    show_id: str
    feed_id: str
    title: str | None = None
    updated_at: str
    document: str

    @classmethod
    def of(cls, feed: Feed, show: Show, *, at: str) -> Self:
        """The item of a parsed show."""
        return cls(
            tenant=feed.tenant,
            show_id=feed.show_id,
            feed_id=feed.feed_id,
            title=show.title,
            updated_at=at,
            document=_document(show),
        )

    def to_item(self) -> dict[str, Any]:
        """The item with its keys."""
        return {
            **keys.show(self.tenant, self.show_id),
            "kind": "show",
            **self.model_dump(exclude_none=True),
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """The reverse of `to_item`."""
        return cls.model_validate({k: v for k, v in item.items() if k in cls.model_fields})


def _document(value: Episode | Show) -> str:
    """JSON of the normal form without empty fields, small enough for an item.

    When it is not, its largest fields are left out, and named in `left_out`: the raw document in
    the bucket has them.
    """
    facts = _compact(asdict(value))
    sizes = {name: len(_json(part)) for name, part in facts.items()}
    left_out: list[str] = []
    while sum(sizes.values()) > LARGEST_DOCUMENT:
        largest = max(sizes, key=lambda name: sizes[name])
        left_out.append(largest)
        del sizes[largest], facts[largest]
    if left_out:
        facts["left_out"] = left_out
    return _json(facts).decode()


def _json(value: object) -> bytes:
    """UTF-8, with a question mark for what no encoding can carry (half a surrogate pair)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _compact(value: Any) -> Any:  # noqa: ANN401 - any part of the normal form
    if isinstance(value, dict):
        return {name: _compact(part) for name, part in value.items() if not _is_empty(part)}
    if isinstance(value, list | tuple):
        return [_compact(part) for part in value]
    return to_text(value) if isinstance(value, datetime) else value


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", ())
