"""Wiring of `take_hook`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.bus import EventBus
from tallycast.partners.hooks.messages import Bodies, Messages
from tallycast.partners.hooks.receiving import Taker
from tallycast.partners.settings import TakeHookSettings


@cache
def taker() -> Taker:
    """Take messages of providers from the queue."""
    settings = TakeHookSettings.from_environment()
    memory = clients.table(settings.idempotency_table)
    return Taker(
        messages=Messages(clients.table(settings.deliveries_table)),
        bodies=Bodies(clients.s3(), settings.hooks_bucket),
        bus=EventBus(clients.events(), settings.event_bus, memory),
    )
