"""Machine clients: partner systems that get their tokens by `client_credentials`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.records import Page, Records, Stored, claim, release
from tallycast.identity.documents import BY_CLIENT_ID, CLIENT, PLATFORM, MachineClient
from tallycast.identity.granting import check_scopes, scopes_within
from tallycast.identity.model import Role
from tallycast.kernel.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.accounts import Accounts
    from tallycast.identity.audit.chain import Deed
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.model import Principal

MOST_CLIENTS: Final = 20  # of one tenant: a user pool has room for 1000
_NAME: Final = "client_name"


class ClientNameTakenError(ConflictError):
    """Another machine client of the tenant has this name."""


class TooManyClientsError(ConflictError):
    """The tenant has as many machine clients as it can have."""


@dataclass(frozen=True, slots=True)
class Machines:
    """The machine clients of all tenants."""

    table: Table
    trail: AuditTrail
    accounts: Accounts

    @property
    def _records(self) -> Records[MachineClient]:
        return Records(self.table, CLIENT)

    def page(self, tenant: str, limit: int, cursor: str | None) -> Page[MachineClient]:
        """The clients of a tenant, by their ids."""
        return self._records.page(tenant, limit=limit, cursor=cursor)

    def get(self, tenant: str, client_id: str) -> Stored[MachineClient]:
        """One client.

        Raises:
            ClientNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, client_id)

    def make(
        self,
        by: Principal,
        name: str,
        scopes: Sequence[str],
        *,
        deed: Callable[[str], Deed],
        now: datetime,
    ) -> tuple[Stored[MachineClient], str]:
        """Make a client of one's own tenant; returns it and its secret, which is kept nowhere here.

        Raises:
            UnknownScopesError: a partner has no such scopes.
            BeyondOwnScopesError: they are not one's own.
            ClientNameTakenError: another client has the name.
            TooManyClientsError: there is no room for more.
        """
        granted = scopes_within(Role.PARTNER, scopes)
        check_scopes(by, granted)
        if len(self._records.every(by.tenant)) >= MOST_CLIENTS:
            raise TooManyClientsError(f"a tenant has at most {MOST_CLIENTS} machine clients")
        made = self.accounts.new_client(f"{by.tenant}: {name}"[:128], granted)
        client = MachineClient(name=name, scopes=granted, created_by=by.subject)
        taken = ClientNameTakenError(f"there is a machine client called {name!r}")
        writes = [
            self._records.creation(by.tenant, made.client_id, client, now),
            claim(by.tenant, _NAME, name, owner=made.client_id, refused=taken),
            claim(PLATFORM, BY_CLIENT_ID, made.client_id, owner=by.tenant, refused=taken),
        ]
        try:
            self.trail.commit(by.tenant, writes, deed(made.client_id), now)
        except Exception:
            self.accounts.drop_client(made.client_id)  # nobody has seen it
            raise
        return self._records.get(by.tenant, made.client_id), made.secret

    def remove(self, by: Principal, client_id: str, deed: Deed, now: datetime) -> None:
        """End a client: it gets no more tokens, and those that it has are refused.

        Raises:
            ClientNotFoundError: the tenant has none of this id.
        """
        found = self._records.get(by.tenant, client_id)
        self.accounts.drop_client(client_id)
        writes = [
            self._records.removal(found),
            release(by.tenant, _NAME, found.document.name, owner=client_id),
            release(PLATFORM, BY_CLIENT_ID, client_id, owner=by.tenant),
        ]
        self.trail.commit(by.tenant, writes, deed, now)
