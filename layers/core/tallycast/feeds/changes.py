"""From what was written to what happened: stream records of the `core` table become events.

The write *is* the event. A poll never publishes: there is no moment between "stored" and "told"
in which a crash could lose or repeat something, because the table's own stream does the telling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.feeds.events import (
    EpisodeChanged,
    EpisodePublished,
    FeedEvent,
    FeedMoved,
    FeedRetired,
)
from tallycast.feeds.feed import FeedStatus
from tallycast.kernel.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Mapping

Image = "Mapping[str, Any]"


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[FeedEvent]:
    """The events that one change of one item means, in order; most changes mean none.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted (which says nothing: history is kept).
        at: when the change was made.
    """
    if new is None:
        return []
    if new.get("kind") == "episode":
        return _episode_events(old, new, at)
    if new.get("kind") == "feed" and old is not None:
        return _feed_events(old, new, at)
    return []


def _episode_events(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], at: str
) -> list[FeedEvent]:
    facts = {
        "occurred_at": at,
        **{name: new[name] for name in ("tenant", "feed_id", "show_id", "episode_id")},
        **{
            name: new.get(name)
            for name in ("guid", "title", "published", "enclosure_url", "duration_seconds")
        },
    }
    if old is None:
        return [
            EpisodePublished(
                event_id=derived_id("evt", "EpisodePublished", new["episode_id"]),
                discovery="import" if new["imported"] else "poll",
                **facts,
            )
        ]
    if old["fingerprint"] == new["fingerprint"]:
        return []
    # The moment belongs to the id: an episode may change back to what it was.
    return [
        EpisodeChanged(
            event_id=derived_id("evt", "EpisodeChanged", new["episode_id"], new["fingerprint"], at),
            fingerprint=new["fingerprint"],
            **facts,
        )
    ]


def _feed_events(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> list[FeedEvent]:
    facts = {
        "occurred_at": at,
        **{name: new[name] for name in ("tenant", "feed_id", "show_id")},
    }
    happened: list[FeedEvent] = []
    if old["url"] != new["url"]:
        happened.append(
            FeedMoved(
                event_id=derived_id("evt", "FeedMoved", new["feed_id"], new["url"], at),
                old_url=old["url"],
                new_url=new["url"],
                **facts,
            )
        )
    if old["status"] != new["status"] == FeedStatus.RETIRED.value:
        happened.append(
            FeedRetired(
                event_id=derived_id("evt", "FeedRetired", new["feed_id"], at),
                url=new["url"],
                reason=new.get("note") or "gone",
                **facts,
            )
        )
    return happened
