"""Wiring of `manage_feeds`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.feeds.commands import Commands
from tallycast.feeds.documents import DocumentStore
from tallycast.feeds.settings import ManageSettings
from tallycast.feeds.use_cases.register import registry_with
from tallycast.kernel.times import utc_now


@cache
def commands() -> Commands:
    """Do what a person asks of the registry."""
    settings = ManageSettings.from_environment()
    return Commands(
        registry=registry_with(settings),
        documents=DocumentStore(clients.s3(), settings.feeds_bucket),
        step_functions=clients.step_functions(),
        import_state_machine=settings.import_state_machine,
        clock=utc_now,
    )
