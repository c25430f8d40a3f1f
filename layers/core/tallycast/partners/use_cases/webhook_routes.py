"""Wiring of the routes of webhooks."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.queues import Queue
from tallycast.aws.sealing import Sealer
from tallycast.identity.audit.trail import AuditTrail
from tallycast.partners.settings import WebhookRoutesSettings
from tallycast.partners.webhooks.circuit import Circuits
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.desk import Desk
from tallycast.partners.webhooks.endpoints import Endpoints


@cache
def _settings() -> WebhookRoutesSettings:
    return WebhookRoutesSettings.from_environment()


@cache
def endpoints() -> Endpoints:
    """Endpoints of tenants."""
    settings = _settings()
    core = clients.table(settings.core_table)
    return Endpoints(
        core,
        AuditTrail(core),
        Sealer(clients.kms(), settings.secrets_key),
        Circuits(clients.table(settings.deliveries_table)),
        allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
    )


@cache
def deliveries() -> Deliveries:
    """The log of deliveries."""
    return Deliveries(clients.table(_settings().deliveries_table))


@cache
def desk() -> Desk:
    """Pings and replays."""
    return Desk(deliveries(), Queue(clients.sqs(), _settings().sends_url))
