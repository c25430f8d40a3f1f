"""Wiring of `queue_webhooks`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.queues import Queue
from tallycast.aws.records import Records
from tallycast.kernel.times import utc_now
from tallycast.partners.settings import QueueWebhooksSettings
from tallycast.partners.webhooks.announcing import Announcer
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.desk import Desk
from tallycast.partners.webhooks.model import ENDPOINT


@cache
def announcer() -> Announcer:
    """Lay events out for endpoints."""
    settings = QueueWebhooksSettings.from_environment()
    deliveries = Deliveries(clients.table(settings.deliveries_table))
    return Announcer(
        endpoints=Records(clients.table(settings.core_table), ENDPOINT),
        desk=Desk(deliveries, Queue(clients.sqs(), settings.sends_url)),
        clock=utc_now,
    )
