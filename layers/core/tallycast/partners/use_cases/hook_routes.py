"""Wiring of the routes of hooks."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.aws.queues import Queue
from tallycast.aws.sealing import Sealer
from tallycast.identity.audit.trail import AuditTrail
from tallycast.partners.hooks.messages import Bodies, Messages
from tallycast.partners.hooks.receiving import Door
from tallycast.partners.hooks.registry import HookRegistry
from tallycast.partners.settings import HookRoutesSettings


@cache
def _settings() -> HookRoutesSettings:
    return HookRoutesSettings.from_environment()


@cache
def registry() -> HookRegistry:
    """Hooks of tenants."""
    settings = _settings()
    core = clients.table(settings.core_table)
    return HookRegistry(core, AuditTrail(core), Sealer(clients.kms(), settings.secrets_key))


@cache
def messages() -> Messages:
    """What came to hooks."""
    return Messages(clients.table(_settings().deliveries_table))


@cache
def bodies() -> Bodies:
    """Bodies of messages."""
    return Bodies(clients.s3(), _settings().hooks_bucket)


@cache
def door() -> Door:
    """Where providers send their messages to."""
    queue = Queue(clients.sqs(), _settings().hook_messages_url)
    return Door(registry(), messages(), bodies(), queue)
