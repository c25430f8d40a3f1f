"""Invitations: an address is offered a role in a tenant; the secret proves whose offer it is.

Whoever holds the secret accepts, once and in time. What is accepted is always for the account of
the address that was invited: the account is made then, if there is none, and Cognito writes to it.
A secret that is stolen therefore lets nobody in but the one who was invited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.aws.records import Page, Records, Stored, claim, owner_of, release
from tallycast.identity.audit.chain import Deed
from tallycast.identity.documents import (
    BY_HASH,
    INVITATION,
    PLATFORM,
    Invitation,
    InvitationNotFoundError,
)
from tallycast.identity.granting import check_person, check_role
from tallycast.identity.memberships import AlreadyMemberError
from tallycast.identity.secrets import (
    INVITATION_PREFIX,
    hash_of,
    is_secret,
    matches,
    new_secret,
)
from tallycast.kernel.errors import ConflictError
from tallycast.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.records import Write
    from tallycast.identity.accounts import Accounts
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.memberships import Memberships
    from tallycast.identity.model import Principal, Role

_ADDRESS = "invited"


class AlreadyInvitedError(ConflictError):
    """The address has an open invitation."""


class InvitationOverError(ConflictError):
    """The invitation was accepted or revoked, or its time is up."""


@dataclass(frozen=True, slots=True)
class Invitations:
    """Offers to join a tenant."""

    table: Table
    trail: AuditTrail
    memberships: Memberships
    accounts: Accounts

    @property
    def _records(self) -> Records[Invitation]:
        return Records(self.table, INVITATION)

    def page(self, tenant: str, limit: int, cursor: str | None) -> Page[Invitation]:
        """The invitations of a tenant, newest first; those that are over, too."""
        return self._records.page(tenant, limit=limit, cursor=cursor, newest_first=True)

    def get(self, tenant: str, invitation_id: str) -> Stored[Invitation]:
        """One invitation.

        Raises:
            InvitationNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, invitation_id)

    def invite(
        self,
        by: Principal,
        email: str,
        role: Role,
        sponsor_id: str | None,
        *,
        lasting: timedelta,
        deed: Callable[[str], Deed],
        now: datetime,
    ) -> tuple[Stored[Invitation], str]:
        """Offer somebody a role in one's own tenant; returns the offer and its secret.

        Args:
            by: who does it.
            email: in lower case.
            role: what the person shall be.
            sponsor_id: with the role sponsor alone.
            lasting: for how long.
            deed: of the invitation's id, for the audit log.
            now: when.

        Raises:
            BeyondOwnScopesError: the role is above one's own.
            AlreadyMemberError: the address is a member's.
            AlreadyInvitedError: it has an open invitation.
        """
        check_person(role, sponsor_id)
        check_role(by, role)
        if self.memberships.has(by.tenant, email):
            raise AlreadyMemberError(f"{email} is in the tenant already")
        self._clear(by.tenant, email, deed, now)
        invitation_id, secret = new_id("inv", now), new_secret(INVITATION_PREFIX)
        invitation = Invitation(
            email=email,
            role=role,
            sponsor_id=sponsor_id,
            invited_by=by.subject,
            expires_at=now + lasting,
            secret_hash=hash_of(secret),
        )
        taken = AlreadyInvitedError(f"{email} has an open invitation: revoke it first")
        place = f"{by.tenant}/{invitation_id}"
        writes = [
            self._records.creation(by.tenant, invitation_id, invitation, now),
            claim(by.tenant, _ADDRESS, email, owner=invitation_id, refused=taken),
            claim(PLATFORM, BY_HASH, secret, owner=place, refused=taken),
        ]
        self.trail.commit(by.tenant, writes, deed(invitation_id), now)
        return self._records.get(by.tenant, invitation_id), secret

    def revoke(self, by: Principal, invitation_id: str, deed: Deed, now: datetime) -> None:
        """Take an offer back.

        Raises:
            InvitationNotFoundError: the tenant has none of this id.
            InvitationOverError: it was accepted or revoked.
            BeyondOwnScopesError: it is for a role above one's own.
        """
        found = self._records.get(by.tenant, invitation_id)
        check_role(by, found.document.role)
        if found.document.state != "open":
            raise InvitationOverError(f"the invitation is {found.document.state} already")
        self.trail.commit(by.tenant, self._ended(found, "revoked", now), deed, now)

    def accept(self, secret: str, request_id: str, now: datetime) -> Stored[Invitation]:
        """Take an offer up, for the account of the address that it was made to.

        Raises:
            InvitationNotFoundError: there is none with this secret.
            InvitationOverError: it was accepted or revoked, or its time is up.
            AlreadyMemberError: the person is in the tenant by now.
        """
        found = self._with(secret)
        self._check_open(found, now)
        offer = found.document
        self.memberships.join(
            found.tenant,
            self.accounts.account(offer.email),
            offer.role,
            offer.sponsor_id,
            also=lambda: self._accepted(found, now),
            deed=lambda person_id: Deed(
                actor=person_id,
                action="invitation.accept",
                target=found.id,
                request_id=request_id,
                details={"role": offer.role.value},
            ),
            now=now,
        )
        return found

    def _with(self, secret: str) -> Stored[Invitation]:
        unknown = InvitationNotFoundError("there is no such invitation: ask for a new one")
        owner = (
            owner_of(self.table, PLATFORM, BY_HASH, secret)
            if is_secret(secret, INVITATION_PREFIX)
            else None
        )
        if owner is None:
            raise unknown
        tenant, _, invitation_id = owner.partition("/")
        found = self._records.find(tenant, invitation_id)
        if found is None or not matches(secret, found.document.secret_hash):
            raise unknown
        return found

    def _check_open(self, found: Stored[Invitation], now: datetime) -> None:
        if found.document.state != "open":
            raise InvitationOverError(f"the invitation is {found.document.state} already")
        if found.document.expires_at <= now:
            raise InvitationOverError("the invitation's time is up: ask for a new one")

    def _accepted(self, found: Stored[Invitation], now: datetime) -> list[Write]:
        again = self._records.get(found.tenant, found.id)
        self._check_open(again, now)
        return self._ended(again, "accepted", now)

    def _ended(self, found: Stored[Invitation], state: str, now: datetime) -> list[Write]:
        after = found.document.model_copy(update={"state": state})
        return [
            self._records.replacement(found, after, now),
            release(found.tenant, _ADDRESS, found.document.email, owner=found.id),
        ]

    def _clear(self, tenant: str, email: str, deed: Callable[[str], Deed], now: datetime) -> None:
        """Make room for a new offer to an address whose last one's time is up."""
        owner = owner_of(self.table, tenant, _ADDRESS, email)
        found = self._records.find(tenant, owner) if owner else None
        if found is None or found.document.expires_at > now:
            return
        expired = deed(found.id).model_copy(update={"action": "invitation.expire", "details": {}})
        self.trail.commit(tenant, self._ended(found, "revoked", now), expired, now)
