"""Wiring of identity's routes."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.identity.accounts import Accounts
from tallycast.identity.api_keys import ApiKeys
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.invitations import Invitations
from tallycast.identity.machines import Machines
from tallycast.identity.memberships import Memberships
from tallycast.identity.sessions import Sessions
from tallycast.identity.settings import PoolSettings
from tallycast.identity.tenants import Tenants


@cache
def _settings() -> PoolSettings:
    return PoolSettings.from_environment()


@cache
def _accounts() -> Accounts:
    return Accounts(clients.user_pools(), _settings().user_pool_id)


@cache
def _trail() -> AuditTrail:
    return AuditTrail(clients.table(_settings().core_table))


@cache
def tenants() -> Tenants:
    """Organisations."""
    return Tenants(clients.table(_settings().core_table), _trail())


@cache
def memberships() -> Memberships:
    """People in tenants."""
    return Memberships(clients.table(_settings().core_table), _trail())


@cache
def sessions() -> Sessions:
    """What people do about themselves."""
    return Sessions(clients.table(_settings().core_table), _trail(), _accounts())


@cache
def invitations() -> Invitations:
    """Offers to join a tenant."""
    table = clients.table(_settings().core_table)
    return Invitations(table, _trail(), memberships(), _accounts())


@cache
def machines() -> Machines:
    """Machine clients."""
    return Machines(clients.table(_settings().core_table), _trail(), _accounts())


@cache
def api_keys() -> ApiKeys:
    """API keys."""
    return ApiKeys(clients.table(_settings().core_table), _trail())
