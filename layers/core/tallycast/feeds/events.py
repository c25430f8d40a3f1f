"""What the feeds room tells the rest of the world, on the event bus. Past tense, versioned.

`event_id` follows from what happened, so that a consumer can tell a repetition: EventBridge
delivers at least once.
"""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.feeds"


class _Event(Produced):
    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    feed_id: str
    show_id: str


class EpisodePublished(_Event):
    """A feed shows an episode that its show never had before.

    `discovery` is `import` for the back catalogue found when the feed was first read, and `poll`
    for an episode that appeared later.
    """

    episode_id: str
    guid: str | None
    title: str | None
    published: str | None
    duration_seconds: int | None
    enclosure_url: str | None
    discovery: Literal["import", "poll"]


class EpisodeChanged(_Event):
    """An episode's entry changed in a way that matters (anything but a rotating query)."""

    episode_id: str
    guid: str | None
    title: str | None
    published: str | None
    duration_seconds: int | None
    enclosure_url: str | None
    fingerprint: str


class FeedMoved(_Event):
    """A feed has a new address for good; its episodes kept their identity."""

    old_url: str
    new_url: str


class FeedRetired(_Event):
    """A feed's host says that it is gone for good (410); it is no longer polled."""

    url: str
    reason: str


FeedEvent = EpisodePublished | EpisodeChanged | FeedMoved | FeedRetired
EVENTS: tuple[type[FeedEvent], ...] = (EpisodePublished, EpisodeChanged, FeedMoved, FeedRetired)
