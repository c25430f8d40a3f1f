"""The composition root of the feeds room: each use case wired once per container, on first use."""

from __future__ import annotations

import random
import time
from functools import cache, partial
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.aws.bus import EventBus
from tallycast.feeds.commands import Commands
from tallycast.feeds.documents import DocumentStore
from tallycast.feeds.fetching import FetchSettings, fetch
from tallycast.feeds.hosts import HostSlots
from tallycast.feeds.poll import Poller
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.registry import Registry
from tallycast.feeds.settings import (
    ManageSettings,
    PollSettings,
    PublishSettings,
    RegistrySettings,
    TickSettings,
)
from tallycast.feeds.store import FeedStore
from tallycast.feeds.tick import Scheduler
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from tallycast.feeds.poll import Fetch


def _fetcher(settings: PollSettings | RegistrySettings) -> Fetch:
    return partial(
        fetch,
        settings=FetchSettings(
            deadline_seconds=settings.fetch_seconds,
            contact_url=settings.contact_url,
            allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
        ),
    )


@cache
def poller() -> Poller:
    """Poll one feed."""
    settings = PollSettings.from_environment()
    table = clients.table(settings.core_table)
    slot_seconds = int(settings.fetch_seconds) + 5
    return Poller(
        store=FeedStore(table),
        documents=DocumentStore(clients.s3(), settings.feeds_bucket),
        hosts=HostSlots(table, time.time, count=settings.host_slots, seconds=slot_seconds),
        fetch=_fetcher(settings),
        clock=utc_now,
        spread=partial(random.uniform, -1.0, 1.0),
        lease=settings.lease,
    )


@cache
def poll_queue() -> PollQueue:
    """Put a poll back for later."""
    return PollQueue(clients.sqs(), PollSettings.from_environment().poll_queue_url)


@cache
def scheduler() -> Scheduler:
    """Hand out due feeds."""
    settings = TickSettings.from_environment()
    queue = PollQueue(clients.sqs(), settings.poll_queue_url)
    return Scheduler(clients.table(settings.core_table), queue, utc_now)


@cache
def event_bus() -> EventBus:
    """Tell what happened."""
    settings = PublishSettings.from_environment()
    memory = clients.table(settings.idempotency_table)
    return EventBus(clients.events(), settings.event_bus, memory)


@cache
def registry() -> Registry:
    """Register feeds."""
    return _registry(RegistrySettings.from_environment())


@cache
def commands() -> Commands:
    """Do what a person asks of the registry."""
    settings = ManageSettings.from_environment()
    return Commands(
        registry=_registry(settings),
        documents=DocumentStore(clients.s3(), settings.feeds_bucket),
        step_functions=clients.step_functions(),
        import_state_machine=settings.import_state_machine,
        clock=utc_now,
    )


def _registry(settings: RegistrySettings) -> Registry:
    return Registry(
        store=FeedStore(clients.table(settings.core_table)),
        queue=PollQueue(clients.sqs(), settings.poll_queue_url),
        fetch=_fetcher(settings),
        clock=utc_now,
    )
