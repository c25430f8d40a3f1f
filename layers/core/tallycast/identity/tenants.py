"""Tenants: what they are called, whose plan they have, and how the first owner gets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.records import Records, Stored
from tallycast.identity.audit.chain import Deed
from tallycast.identity.directory import person_id_of
from tallycast.identity.documents import PLATFORM, TENANT, Tenant
from tallycast.identity.memberships import settled
from tallycast.identity.model import Role
from tallycast.identity.plans import PLANS
from tallycast.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.accounts import Account
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.memberships import Memberships

OPERATOR: Final = "system:manage_identity"


class ReservedNameError(InvalidError):
    """The name is the platform's own."""


class UnknownPlanError(InvalidError):
    """There is no such plan."""


class OwnedByOthersError(ConflictError):
    """The tenant has owners already; it is for them to invite people."""


@dataclass(frozen=True, slots=True)
class Tenants:
    """Organisations."""

    table: Table
    trail: AuditTrail

    @property
    def _records(self) -> Records[Tenant]:
        return Records(self.table, TENANT)

    def get(self, tenant: str) -> Stored[Tenant]:
        """A tenant.

        Raises:
            TenantNotFoundError: there is none of this name.
        """
        return self._records.get(tenant, tenant)

    def rename(
        self,
        tenant: str,
        name: str,
        *,
        seen: Callable[[Stored[Tenant]], None],
        deed: Deed,
        now: datetime,
    ) -> Stored[Tenant]:
        """Have people read another name.

        Args:
            tenant: which one; its key stays.
            name: the new name.
            seen: raises when what is there is not what the caller has seen.
            deed: for the audit log.
            now: when.
        """
        return self._changed(tenant, deed, now, seen=seen, name=name)

    def put_on_plan(self, tenant: str, plan: str, now: datetime) -> Stored[Tenant]:
        """Have other limits apply to a tenant; the operator's business.

        Raises:
            UnknownPlanError: there is no such plan.
            TenantNotFoundError: there is no such tenant.
        """
        if plan not in PLANS:
            raise UnknownPlanError(f"there is no plan {plan!r}: take one of {', '.join(PLANS)}")
        deed = Deed(actor=OPERATOR, action="tenant.plan", target=tenant, details={"plan": plan})
        return self._changed(tenant, deed, now, plan=plan)

    def _changed(
        self,
        tenant: str,
        deed: Deed,
        now: datetime,
        seen: Callable[[Stored[Tenant]], None] = lambda _: None,
        **what: str,
    ) -> Stored[Tenant]:
        def changed() -> Stored[Tenant]:
            before = self.get(tenant)
            seen(before)
            after = before.document.model_copy(update=what)
            if after == before.document:
                return before
            self.trail.commit(tenant, [self._records.replacement(before, after, now)], deed, now)
            return self.get(tenant)

        return settled(changed)

    def begin(
        self, tenant: str, account: Account, people: Memberships, now: datetime
    ) -> tuple[Stored[Tenant], bool]:
        """Make a tenant with its first owner; returns it and whether it is new.

        Doing it again for an owner changes nothing.

        Raises:
            ReservedNameError: no tenant can be called so.
            OwnedByOthersError: the tenant is there, and this account does not own it.
        """
        if tenant == PLATFORM:
            raise ReservedNameError(f"no tenant can be called {PLATFORM}", tenant=tenant)
        known = self._records.find(tenant, tenant)
        if known is not None:
            if person_id_of(account.username) in known.document.owners:
                return known, False
            raise OwnedByOthersError(
                f"{tenant} has an owner already: have them invite {account.email}", tenant=tenant
            )
        people.join(
            tenant,
            account,
            Role.OWNER,
            None,
            also=list,
            deed=lambda person_id: Deed(
                actor=OPERATOR, action="tenant.begin", target=tenant, details={"owner": person_id}
            ),
            now=now,
        )
        return self.get(tenant), True
