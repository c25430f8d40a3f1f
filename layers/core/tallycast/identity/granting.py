"""Nobody hands out more than they have.

It is one rule for inviting people, changing their roles, and making machine clients and keys: what
is handed out must be among the scopes of who hands it out. An admin, who may not read the audit
log, can therefore make no owner and unmake none; a key for one thing can make no key for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.identity.access import GRANTS, scopes_of
from tallycast.identity.model import Role
from tallycast.kernel.errors import DeniedError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallycast.identity.model import Principal


class BeyondOwnScopesError(DeniedError):
    """Somebody tries to hand out, or to take away, more than they have themselves."""


class UnknownScopesError(InvalidError):
    """Scopes that do not exist, or that the role may not use."""


class SponsorNotNamedError(InvalidError):
    """The role sponsor goes with a sponsor, and no other role does."""


class MachineRoleError(InvalidError):
    """The role is one for machines."""


def check_role(giver: Principal, role: Role) -> None:
    """Let pass who may give this role, or take it away.

    Raises:
        BeyondOwnScopesError: the role may do what the giver may not.
    """
    check_scopes(giver, scopes_of(role), f"the role {role.value}")


def check_scopes(giver: Principal, scopes: Collection[str], what: str = "these scopes") -> None:
    """Let pass who may hand out these scopes.

    Raises:
        BeyondOwnScopesError: some of them are not the giver's.
    """
    beyond = sorted(set(scopes) - giver.scopes)
    if beyond:
        raise BeyondOwnScopesError(
            f"{what} may do what this credential may not: {', '.join(beyond)}", scopes=beyond
        )


def check_person(role: Role, sponsor_id: str | None) -> None:
    """A role that a person can have, with a sponsor where it needs one.

    Raises:
        MachineRoleError: it is a machine's.
        SponsorNotNamedError: a sponsor without a sponsor_id, or another role with one.
    """
    if role is Role.PARTNER:
        raise MachineRoleError("partner is the role of machines: make a client or an API key")
    check_binding(role, sponsor_id)


def check_binding(role: Role, sponsor_id: str | None) -> None:
    """A sponsor_id with the role sponsor, and none without.

    Raises:
        SponsorNotNamedError: otherwise.
    """
    if (role is Role.SPONSOR) != (sponsor_id is not None):
        raise SponsorNotNamedError("name a sponsor_id with the role sponsor, and only with it")


def scopes_within(role: Role, asked: Collection[str]) -> tuple[str, ...]:
    """The scopes asked for, in the table's order.

    Raises:
        UnknownScopesError: one that does not exist, or that nobody of this role may use.
    """
    wrong = sorted(set(asked) - scopes_of(role))
    if wrong:
        raise UnknownScopesError(f"a {role.value} has no such scopes: {', '.join(wrong)}")
    return tuple(scope for scope in GRANTS if scope in set(asked))
