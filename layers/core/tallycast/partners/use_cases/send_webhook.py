"""Wiring of `send_webhook`."""

from __future__ import annotations

import random
from functools import cache, partial

from tallycast.aws import clients
from tallycast.aws.queues import Queue
from tallycast.aws.sealing import Sealer
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel.times import utc_now
from tallycast.partners.settings import SendWebhookSettings
from tallycast.partners.webhooks.circuit import Circuits
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.desk import Desk
from tallycast.partners.webhooks.endpoints import Endpoints
from tallycast.partners.webhooks.posting import post, settings_of
from tallycast.partners.webhooks.sending import Sender


@cache
def sender() -> Sender:
    """Send deliveries."""
    settings = SendWebhookSettings.from_environment()
    allow = tuple(filter(None, settings.fetch_allow_list.split(",")))
    core = clients.table(settings.core_table)
    table = clients.table(settings.deliveries_table)
    deliveries, circuits = Deliveries(table), Circuits(table)
    sealer = Sealer(clients.kms(), settings.secrets_key)
    return Sender(
        endpoints=Endpoints(core, AuditTrail(core), sealer, circuits, allow=allow),
        deliveries=deliveries,
        circuits=circuits,
        desk=Desk(deliveries, Queue(clients.sqs(), settings.sends_url)),
        post=partial(post, settings=settings_of(allow), now=utc_now),
        clock=utc_now,
        spread=partial(random.uniform, -1.0, 1.0),
    )
