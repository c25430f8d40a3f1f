"""Wiring of `requeue_webhooks`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.queues import Queue
from tallycast.partners.settings import RequeueWebhooksSettings
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.desk import Desk


@cache
def desk() -> Desk:
    """Hand due deliveries over."""
    settings = RequeueWebhooksSettings.from_environment()
    deliveries = Deliveries(clients.table(settings.deliveries_table))
    return Desk(deliveries, Queue(clients.sqs(), settings.sends_url))
