"""From a credential to who that is: what the authorizer and the token trigger read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.aws.records import Records, Stored, owner_of
from tallycast.identity.documents import (
    API_KEY,
    BY_CLIENT_ID,
    BY_HASH,
    CLIENT,
    KEY_USE,
    MEMBER,
    PERSON,
    PLATFORM,
    TENANT,
    ApiKey,
    KeyUse,
    MachineClient,
    Member,
    Person,
)
from tallycast.identity.plans import FREE
from tallycast.identity.secrets import matches
from tallycast.kernel.ids import derived_id

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table


def person_id_of(username: str) -> str:
    """The id under which we know an account of the user pool; it does not lead back to it."""
    return derived_id("usr", username)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person in a tenant, and the tenant's plan."""

    member: Member
    plan: str


class Directory:
    """Who is behind a credential; every read is consistent, so that what was revoked is revoked."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._tenants = Records(table, TENANT)
        self._members = Records(table, MEMBER)
        self._people = Records(table, PERSON)
        self._clients = Records(table, CLIENT)
        self._keys = Records(table, API_KEY)
        self._uses = Records(table, KEY_USE)

    def person(self, person_id: str) -> Person | None:
        """A person in any tenant, or in none."""
        found = self._people.find(PLATFORM, person_id)
        return found.document if found else None

    def standing(self, tenant: str, person_id: str) -> Standing | None:
        """What a person is in a tenant; None when it is not in it."""
        found = self._members.find(tenant, person_id)
        return Standing(found.document, self.plan(tenant)) if found else None

    def plan(self, tenant: str) -> str:
        """The plan of a tenant."""
        found = self._tenants.find(tenant, tenant)
        return found.document.plan if found else FREE.name

    def client(self, client_id: str) -> tuple[str, MachineClient] | None:
        """The tenant of a machine client, and what it may do."""
        tenant = owner_of(self._table, PLATFORM, BY_CLIENT_ID, client_id)
        found = self._clients.find(tenant, client_id) if tenant else None
        return (found.tenant, found.document) if found else None

    def api_key(self, secret: str) -> Stored[ApiKey] | None:
        """The API key that this is; it may have ended or been revoked."""
        owner = owner_of(self._table, PLATFORM, BY_HASH, secret)
        if owner is None:
            return None
        tenant, _, key_id = owner.partition("/")
        found = self._keys.find(tenant, key_id)
        return found if found and matches(secret, found.document.secret_hash) else None

    def used(self, tenant: str, key_id: str, now: datetime) -> None:
        """Remember the day on which an API key was used last; written once a day."""
        found, today = self._uses.find(tenant, key_id), KeyUse(day=now.date())
        if found is None:
            self._uses.put(self._uses.creation(tenant, key_id, today, now))
        elif found.document != today:
            self._uses.put(self._uses.replacement(found, today, now))
