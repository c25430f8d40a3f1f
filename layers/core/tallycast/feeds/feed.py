"""A registered feed: who owns it, where it is, and how its polling stands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text


class FeedStatus(StrEnum):
    """What may be done with a feed. Only an active one is polled by the schedule."""

    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"
    REMOVED = "removed"


class Feed(Produced):
    """One feed of one tenant, as the `core` table holds it.

    `addresses` are those it is known by (as added, as redirected, as moved): no other feed of the
    tenant may have one of them. `body_hash` is of the document last read, `raw_hash` of the last
    one kept. `unfinished` says that changes of it are still to be written, `move_tried_at` when
    the new address that it names was last asked and gave no feed. `quality` is the data-quality
    score (0 to 100) of the last whole reading, `interval_seconds` the pause the rhythm asked for,
    `failures` the number of polls in a row that failed. `last_counts` says what the last good
    poll found; `imported` that the back catalogue is in; `recent_episodes` are the latest
    publishing times, which tell the rhythm.
    """

    tenant: str
    feed_id: str
    show_id: str
    url: str
    addresses: tuple[str, ...] = ()
    status: FeedStatus = FeedStatus.ACTIVE
    pinned: bool = False
    created_at: datetime
    title: str | None = None
    podcast_guid: str | None = None
    note: str | None = None

    etag: str | None = None
    last_modified: str | None = None
    validators_url: str | None = None
    body_hash: str | None = None
    raw_hash: str | None = None
    unfinished: bool = False
    move_tried_at: datetime | None = None
    catalogue_key: str | None = None

    next_poll_at: datetime | None = None
    interval_seconds: int | None = None
    lease_id: str | None = None
    lease_until: datetime | None = None
    last_polled_at: datetime | None = None
    last_success_at: datetime | None = None
    last_outcome: str | None = None
    last_error: str | None = None
    failures: int = 0

    last_counts: dict[str, int] = Field(default_factory=dict)
    imported: bool = False
    episodes: int = 0
    recent_episodes: tuple[datetime, ...] = ()
    ttl_minutes: int | None = None
    complete: bool = False
    warnings: tuple[str, ...] = ()
    quality: float | None = None


class PollMessage(Produced):
    """The message that asks for one poll. It is void once the feed's `next_poll_at` has moved on.

    `reason` is `scheduled` (the tick), `requested` (a person or a push) or `replay` (read the
    stored document again, whole, without fetching).
    """

    tenant: str
    feed_id: str
    scheduled_for: datetime
    reason: Literal["scheduled", "requested", "replay"] = "scheduled"

    @property
    def correlation_id(self) -> str:
        """Names this poll in every log line about it, through all copies and tries."""
        return f"{self.feed_id}@{to_text(self.scheduled_for)}"
