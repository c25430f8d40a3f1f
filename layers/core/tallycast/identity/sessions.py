"""A person's own side: the tenants it is in, the one its tokens are for, and its sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.aws.records import Records
from tallycast.identity.documents import (
    MEMBER,
    PERSON,
    PLATFORM,
    TENANT,
    Member,
    TenantNotFoundError,
)
from tallycast.identity.memberships import settled

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.accounts import Accounts
    from tallycast.identity.audit.chain import Deed
    from tallycast.identity.audit.trail import AuditTrail


@dataclass(frozen=True, slots=True)
class Belonging:
    """One of the tenants that a person is in."""

    tenant: str
    name: str
    plan: str
    member: Member
    active: bool


class Sessions:
    """What people do about themselves."""

    def __init__(self, table: Table, trail: AuditTrail, accounts: Accounts) -> None:
        self._trail = trail
        self._accounts = accounts
        self._tenants = Records(table, TENANT)
        self._members = Records(table, MEMBER)
        self._people = Records(table, PERSON)

    def tenants_of(self, person_id: str) -> list[Belonging]:
        """The tenants that a person is in, in the order in which it joined them."""
        person = self._people.get(PLATFORM, person_id).document
        found = []
        for each in person.tenants:
            tenant = self._tenants.get(each, each).document
            member = self._members.find(each, person_id)
            if member is not None:  # else it left just now
                active = each == person.active
                found.append(Belonging(each, tenant.name, tenant.plan, member.document, active))
        return found

    def activate(self, person_id: str, tenant: str, deed: Deed, now: datetime) -> None:
        """Have the person's next token be for another of its tenants.

        Raises:
            TenantNotFoundError: the person is not in it, whether it exists or not.
        """

        def activated() -> None:
            person = self._people.get(PLATFORM, person_id)
            if tenant not in person.document.tenants:
                raise TenantNotFoundError(f"you are in no tenant called {tenant}")
            self._change(tenant, person_id, deed, now, active=tenant)

        settled(activated)

    def sign_out(self, tenant: str, person_id: str, deed: Deed, now: datetime) -> None:
        """End every sign-in up to now: its access tokens with us, its refresh tokens with Cognito.

        Ours comes first: a token that is refreshed in between is still one of an ended sign-in.
        """
        settled(lambda: self._change(tenant, person_id, deed, now, signed_out_at=now))
        self._accounts.sign_out(self._people.get(PLATFORM, person_id).document.username)

    def _change(
        self,
        tenant: str,
        person_id: str,
        deed: Deed,
        now: datetime,
        **what: Any,  # noqa: ANN401 - fields of a person
    ) -> None:
        before = self._people.get(PLATFORM, person_id)
        after = before.document.model_copy(update=what)
        self._trail.commit(tenant, [self._people.replacement(before, after, now)], deed, now)
