"""Wiring of `mint_claims`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.directory import Directory
from tallycast.identity.settings import MintSettings


@cache
def directory() -> Directory:
    """Who is in which tenant."""
    return Directory(clients.table(MintSettings.from_environment().core_table))
