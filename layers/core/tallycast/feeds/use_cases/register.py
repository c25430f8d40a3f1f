"""Wiring of `import_feed`, and of the registry for whoever else needs it."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.registry import Registry
from tallycast.feeds.settings import RegistrySettings
from tallycast.feeds.store import FeedStore
from tallycast.feeds.use_cases.fetching import fetcher
from tallycast.kernel.times import utc_now


@cache
def registry() -> Registry:
    """Register feeds."""
    return registry_with(RegistrySettings.from_environment())


def registry_with(settings: RegistrySettings) -> Registry:
    """The registry as these settings want it."""
    return Registry(
        store=FeedStore(clients.table(settings.core_table)),
        queue=PollQueue(clients.sqs(), settings.poll_queue_url),
        fetch=fetcher(settings, patient=True),
        clock=utc_now,
    )
