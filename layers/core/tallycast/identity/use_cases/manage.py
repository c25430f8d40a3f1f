"""Wiring of `manage_identity`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.accounts import Accounts
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.commands import Commands
from tallycast.identity.memberships import Memberships
from tallycast.identity.settings import PoolSettings
from tallycast.identity.tenants import Tenants
from tallycast.kernel.times import utc_now


@cache
def commands() -> Commands:
    """Do what the operator asks of identity."""
    settings = PoolSettings.from_environment()
    table = clients.table(settings.core_table)
    trail = AuditTrail(table)
    return Commands(
        tenants=Tenants(table, trail),
        people=Memberships(table, trail),
        accounts=Accounts(clients.user_pools(), settings.user_pool_id),
        clock=utc_now,
    )
