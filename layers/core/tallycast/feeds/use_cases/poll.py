"""Wiring of `poll_feed`."""

from __future__ import annotations

import random
from functools import cache, partial

from tallycast.aws import clients
from tallycast.feeds.documents import DocumentStore
from tallycast.feeds.poll import Poller
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.settings import PollSettings
from tallycast.feeds.store import FeedStore
from tallycast.feeds.use_cases.fetching import fetcher
from tallycast.kernel.times import utc_now


@cache
def poller() -> Poller:
    """Poll one feed."""
    settings = PollSettings.from_environment()
    table = clients.table(settings.core_table)
    return Poller(
        store=FeedStore(table),
        documents=DocumentStore(clients.s3(), settings.feeds_bucket),
        fetch=fetcher(settings),
        clock=utc_now,
        spread=partial(random.uniform, -1.0, 1.0),
        lease=settings.lease,
    )


@cache
def poll_queue() -> PollQueue:
    """Put a poll back for later."""
    return PollQueue(clients.sqs(), PollSettings.from_environment().poll_queue_url)


@cache
def longest_poll_seconds() -> float:
    """What a poll may take at its slowest: two fetches, when the feed moves, and the writing.

    Never more than four fifths of the function's own time, so that its first poll always begins.
    """
    settings = PollSettings.from_environment()
    return min(2 * settings.fetch_seconds + 10, 0.8 * settings.lease_seconds)
