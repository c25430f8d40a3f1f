"""Wiring of `publish_changes`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.bus import EventBus
from tallycast.feeds.settings import PublishSettings


@cache
def event_bus() -> EventBus:
    """Tell what happened."""
    settings = PublishSettings.from_environment()
    memory = clients.table(settings.idempotency_table)
    return EventBus(clients.events(), settings.event_bus, memory)
