"""How a feed stands after a poll: pure steps from the feed before to the feed after."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tallycast.feeds import rhythm
from tallycast.feeds.feed import Feed, FeedStatus
from tallycast.feeds.fetching import FetchError
from tallycast.feeds.outcome import Outcome
from tallycast.kernel.times import from_text

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.feeds.catalogue import Catalogue
    from tallycast.feeds.fetching import FetchResult
    from tallycast.feeds.reading import Reading
    from tallycast.kernel.errors import TallycastError

_LONGEST_NOTE = 500


def described(feed: Feed, reading: Reading, catalogue: Catalogue) -> Feed:
    """The feed with what its document says of it."""
    show = reading.feed.show
    dated = sorted(entry.published for entry in catalogue.entries.values() if entry.published)
    facts: dict[str, object] = {
        "title": show.title or feed.title,
        "episodes": sum(entry.gone_at is None for entry in catalogue.entries.values()),
        "recent_episodes": tuple(from_text(text) for text in reversed(dated[-rhythm.RECENT :])),
        "ttl_minutes": show.ttl_minutes,
        "complete": show.complete,
    }
    if reading.whole:
        facts["quality"] = reading.feed.quality
        facts["warnings"] = tuple(warning.code for warning in reading.feed.warnings)
    return feed.model_copy(update=facts)


def after_success(
    feed: Feed, got: FetchResult, outcome: Outcome, *, now: datetime, spread: float
) -> Feed:
    """The feed after a poll that went well: what to send next time, and when that is."""
    wishes = rhythm.Wishes(
        ttl=timedelta(minutes=feed.ttl_minutes) if feed.ttl_minutes else None,
        max_age=timedelta(seconds=got.max_age_seconds) if got.max_age_seconds else None,
        complete=feed.complete,
    )
    pause = rhythm.interval(now, feed.recent_episodes, wishes, pinned=feed.pinned)
    # A 304 may leave validators out, and then means the ones we sent.
    kept = feed if got.kind == "not_modified" else None
    return feed.model_copy(
        update={
            **_freed(now),
            "status": FeedStatus.ACTIVE,
            "note": None,
            "etag": got.etag or (kept and kept.etag),
            "last_modified": got.last_modified or (kept and kept.last_modified),
            "validators_url": got.final_url,
            "interval_seconds": int(pause.total_seconds()),
            "next_poll_at": rhythm.next_poll(now, pause, spread=0.0 if feed.pinned else spread),
            "last_success_at": now,
            "last_outcome": outcome.value,
            "last_error": None,
            "failures": 0,
        }
    )


def after_failure(feed: Feed, error: TallycastError, *, now: datetime, spread: float) -> Feed:
    """The feed after a poll that failed by its own fault: it backs off, its data stays."""
    failures = feed.failures + 1
    usual = timedelta(seconds=feed.interval_seconds or 0)
    asked = error.retry_after if isinstance(error, FetchError) else None
    chosen = rhythm.next_poll(
        now,
        rhythm.back_off(usual, failures),
        spread=spread,
        retry_after=None if asked is None else timedelta(seconds=asked),
    )
    return feed.model_copy(
        update={
            **_freed(now),
            "next_poll_at": chosen,
            "last_outcome": Outcome.FAILED.value,
            "last_error": f"{error.code}: {error.message}"[:_LONGEST_NOTE],
            "failures": failures,
        }
    )


def after_retirement(feed: Feed, error: TallycastError, *, now: datetime) -> Feed:
    """The feed after a 410: no more polls until somebody asks for one."""
    return feed.model_copy(
        update={
            **_freed(now),
            "status": FeedStatus.RETIRED,
            "note": error.message[:_LONGEST_NOTE],
            "next_poll_at": None,
            "last_outcome": Outcome.RETIRED.value,
            "last_error": f"{error.code}: {error.message}"[:_LONGEST_NOTE],
            "failures": feed.failures + 1,
        }
    )


def _freed(now: datetime) -> dict[str, object]:
    return {"lease_id": None, "lease_until": None, "last_polled_at": now}
