"""Who may do what: one table from scope to roles, deny by default.

A route names one scope. It is open to a principal whose role stands beside the scope here *and*
whose credential carries the scope. A person's credential carries every scope of the role; a
machine's only what it was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.identity.model import Principal, Role
from tallycast.kernel.errors import DeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping

RESOURCE_SERVER: Final = "tallycast"  # whose scopes they are in tokens: `tallycast/shows:read`
OWNER, ADMIN, ANALYST, SALES, PRODUCER, SPONSOR, PARTNER = Role
_ALL: Final = frozenset(Role)
_STAFF: Final = frozenset({OWNER, ADMIN, ANALYST, SALES, PRODUCER})
_MANAGERS: Final = frozenset({OWNER, ADMIN})
_SELLERS: Final = frozenset({OWNER, ADMIN, SALES})

GRANTS: Final[Mapping[str, frozenset[Role]]] = {
    # the tenant and who is in it
    "me:read": _ALL,
    "tenant:read": _STAFF,
    "tenant:write": _MANAGERS,
    "people:read": _MANAGERS,
    "people:write": _MANAGERS,
    "clients:read": _MANAGERS,
    "clients:write": _MANAGERS,
    "audit:read": frozenset({OWNER}),
    # shows and their numbers
    "shows:read": _STAFF | {PARTNER},
    "shows:write": _MANAGERS | {PRODUCER},
    "downloads:read": _STAFF | {PARTNER},
    "exports:read": _STAFF | {PARTNER},
    "exports:write": _STAFF | {PARTNER},
    # sponsorship; a sponsor's own part of it
    "sponsors:read": _SELLERS | {ANALYST, SPONSOR, PARTNER},
    "sponsors:write": _SELLERS,
    "orders:read": _SELLERS | {ANALYST},
    "orders:write": _SELLERS,
    "campaigns:read": _STAFF | {SPONSOR, PARTNER},
    "campaigns:write": _SELLERS | {PARTNER},
    "creatives:approve": _SELLERS | {PRODUCER, SPONSOR},
    "spots:read": _STAFF | {SPONSOR, PARTNER},
    "spots:write": _SELLERS | {PRODUCER, PARTNER},
    "codes:read": _STAFF | {SPONSOR, PARTNER},
    "codes:write": _SELLERS | {PARTNER},
    "delivery:read": _STAFF | {SPONSOR, PARTNER},
    "inventory:read": _STAFF | {PARTNER},
    "rates:read": _SELLERS | {ANALYST},
    "rates:write": _SELLERS,
    "invoices:read": _SELLERS | {ANALYST},
    # partner systems
    "conversions:read": _SELLERS | {ANALYST, SPONSOR, PARTNER},
    "conversions:write": frozenset({OWNER, ADMIN, PARTNER}),
    "reports:read": _STAFF | {SPONSOR, PARTNER},
    "reports:write": _STAFF | {PARTNER},
    "webhooks:read": _MANAGERS | {PARTNER},
    "webhooks:write": _MANAGERS | {PARTNER},
    "connections:read": _MANAGERS,
    "connections:write": _MANAGERS,
}


class ScopeMissingError(DeniedError):
    """The credential was not given what the route needs."""


class RoleNotAllowedError(DeniedError):
    """Nobody of this role may do that."""


def scopes_of(role: Role) -> frozenset[str]:
    """Every scope that a role may use."""
    return frozenset(scope for scope, roles in GRANTS.items() if role in roles)


def check(principal: Principal, scope: str) -> None:
    """Let pass who may use the scope.

    Raises:
        RoleNotAllowedError: the role may not, whatever the credential says.
        ScopeMissingError: the role may, this credential may not.
    """
    if principal.role not in GRANTS.get(scope, ()):
        raise RoleNotAllowedError(
            f"a {principal.role.value} may not use {scope}", scope=scope, role=principal.role.value
        )
    if scope not in principal.scopes:
        raise ScopeMissingError(
            f"this credential lacks the scope {scope}: ask for a token with it", scope=scope
        )
