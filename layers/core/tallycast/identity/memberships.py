"""Who is in which tenant, and as what.

A membership is a document of the tenant; the person's own document lists the tenants. Both change
in one transaction with the audit log, and whatever touches an owner touches the tenant's list of
owners in the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import (
    LOOKUP,
    AlreadyExistsError,
    ChangedMeanwhileError,
    Page,
    Records,
    Stored,
    Write,
)
from tallycast.identity.directory import person_id_of
from tallycast.identity.documents import (
    MEMBER,
    MOST_TENANTS,
    PERSON,
    PLATFORM,
    TENANT,
    Member,
    Person,
    Tenant,
)
from tallycast.identity.granting import check_person, check_role
from tallycast.identity.model import Role
from tallycast.kernel import keys
from tallycast.kernel.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.accounts import Account
    from tallycast.identity.audit.chain import Deed
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.model import Principal

T = TypeVar("T")
_TRIES: Final = 6  # of something that others change at the same time


class LastOwnerError(ConflictError):
    """A tenant without an owner could not be managed by anybody."""


class AlreadyMemberError(ConflictError):
    """The person is in the tenant already."""


class TooManyTenantsError(ConflictError):
    """One person can be in so many tenants and no more."""


class Memberships:
    """People in tenants."""

    def __init__(self, table: Table, trail: AuditTrail) -> None:
        self._trail = trail
        self._tenants = Records(table, TENANT)
        self._members = Records(table, MEMBER)
        self._people = Records(table, PERSON)

    # ── reading ──

    def get(self, tenant: str, person_id: str) -> Stored[Member]:
        """A person as it is in a tenant.

        Raises:
            PersonNotFoundError: it is not in it.
        """
        return self._members.get(tenant, person_id)

    def page(self, tenant: str, limit: int, cursor: str | None) -> Page[Member]:
        """The people of a tenant, by their ids."""
        return self._members.page(tenant, limit=limit, cursor=cursor)

    def has(self, tenant: str, email: str) -> bool:
        """Whether somebody of this address is in the tenant (as the index knows it)."""
        within = ("EMAIL", keys.digest(email))
        return bool(self._members.page(tenant, within=within, limit=1, index=LOOKUP).items)

    # ── changing ──

    def join(
        self,
        tenant: str,
        account: Account,
        role: Role,
        sponsor_id: str | None,
        *,
        also: Callable[[], Sequence[Write]],
        deed: Callable[[str], Deed],
        now: datetime,
    ) -> str:
        """Make somebody a member; returns the person's id.

        Args:
            tenant: which one.
            account: in the user pool.
            role: what the person shall be.
            sponsor_id: with the role sponsor alone.
            also: makes what is written in the same transaction.
            deed: of the person's id, for the audit log.
            now: when.

        Raises:
            AlreadyMemberError: it is one already, in whatever role.
            TooManyTenantsError: it is in too many others.
        """
        person_id = person_id_of(account.username)
        member = Member(email=account.email, role=role, sponsor_id=sponsor_id)

        def joined() -> str:
            if self._members.find(tenant, person_id) is not None:
                raise AlreadyMemberError(f"{account.email} is in {tenant} already")
            writes = [
                self._members.creation(tenant, person_id, member, now),
                self._entered(tenant, person_id, account, now),
                *self._owners(tenant, now, add=person_id if role is Role.OWNER else None),
                *also(),
            ]
            self._trail.commit(tenant, writes, deed(person_id), now)
            return person_id

        return settled(joined)

    def change(
        self,
        by: Principal,
        person_id: str,
        role: Role,
        sponsor_id: str | None,
        *,
        seen: Callable[[Stored[Member]], None],
        deed: Deed,
        now: datetime,
    ) -> Stored[Member]:
        """Give somebody of one's own tenant another role.

        Args:
            by: who does it.
            person_id: whose role.
            role: the new one.
            sponsor_id: with the role sponsor alone.
            seen: raises when what is there is not what the caller has seen.
            deed: for the audit log.
            now: when.

        Raises:
            PersonNotFoundError: nobody of this id is in the tenant.
            BeyondOwnScopesError: the old role or the new one is above one's own.
            LastOwnerError: nobody would own the tenant.
        """
        check_person(role, sponsor_id)

        def changed() -> Stored[Member]:
            before = self._members.get(by.tenant, person_id)
            seen(before)
            check_role(by, before.document.role)
            check_role(by, role)
            after = before.document.model_copy(update={"role": role, "sponsor_id": sponsor_id})
            if after == before.document:
                return before
            writes = [
                self._members.replacement(before, after, now),
                *self._owners_after(by.tenant, person_id, before.document.role, role, now),
            ]
            self._trail.commit(by.tenant, writes, deed, now)
            return self._members.get(by.tenant, person_id)

        return settled(changed)

    def remove(
        self,
        by: Principal,
        person_id: str,
        *,
        seen: Callable[[Stored[Member]], None],
        deed: Deed,
        now: datetime,
    ) -> None:
        """Take somebody out of one's own tenant.

        Raises: as `change`.
        """

        def removed() -> None:
            before = self._members.get(by.tenant, person_id)
            seen(before)
            role = before.document.role
            check_role(by, role)
            writes = [
                self._members.removal(before),
                self._left(by.tenant, person_id, now),
                *self._owners_after(by.tenant, person_id, role, None, now),
            ]
            self._trail.commit(by.tenant, writes, deed, now)

        settled(removed)

    # ── parts of a transaction ──

    def _entered(self, tenant: str, person_id: str, account: Account, now: datetime) -> Write:
        found = self._people.find(PLATFORM, person_id)
        if found is None:
            person = Person(
                username=account.username, email=account.email, tenants=(tenant,), active=tenant
            )
            return self._people.creation(PLATFORM, person_id, person, now)
        known = found.document
        if len(known.tenants) >= MOST_TENANTS:
            raise TooManyTenantsError(f"a person can be in {MOST_TENANTS} tenants and no more")
        after = known.model_copy(
            update={"tenants": (*known.tenants, tenant), "active": known.active or tenant}
        )
        return self._people.replacement(found, after, now)

    def _left(self, tenant: str, person_id: str, now: datetime) -> Write:
        found = self._people.get(PLATFORM, person_id)
        rest = tuple(each for each in found.document.tenants if each != tenant)
        active = found.document.active
        if active == tenant:
            active = rest[0] if rest else None
        after = found.document.model_copy(update={"tenants": rest, "active": active})
        return self._people.replacement(found, after, now)

    def _owners_after(
        self, tenant: str, person_id: str, was: Role, becomes: Role | None, now: datetime
    ) -> list[Write]:
        if (was is Role.OWNER) == (becomes is Role.OWNER):
            return []
        if was is Role.OWNER:
            return self._owners(tenant, now, drop=person_id)
        return self._owners(tenant, now, add=person_id)

    def _owners(
        self, tenant: str, now: datetime, *, add: str | None = None, drop: str | None = None
    ) -> list[Write]:
        if add is None and drop is None:
            return []
        found = self._tenants.find(tenant, tenant)
        if found is None:  # the first owner brings the tenant along
            first = Tenant(name=tenant, owners=(add,) if add else ())
            return [self._tenants.creation(tenant, tenant, first, now)]
        owners = [each for each in found.document.owners if each not in {add, drop}]
        owners += [add] if add is not None else []
        if not owners:
            raise LastOwnerError(
                f"{tenant} would have no owner: make somebody else an owner first", tenant=tenant
            )
        after: Tenant = found.document.model_copy(update={"owners": tuple(owners)})
        return [self._tenants.replacement(found, after, now)]


def settled(work: Callable[[], T]) -> T:
    """Do what reads before it writes; again when somebody else wrote in between.

    Raises:
        ServiceUnavailableError: somebody else always does.
    """
    for _ in range(_TRIES):
        try:
            return work()
        except (AlreadyExistsError, ChangedMeanwhileError):
            continue
    raise ServiceUnavailableError("others keep changing the same things")
