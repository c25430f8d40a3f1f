"""What is kept of tenants, people, machines and keys: documents in the `core` table.

A tenant's own things stand under the tenant. What must be found before the tenant is known (a
person who signs in, the tenant of a machine client, the owner of a secret) stands under
`PLATFORM`, a name that no tenant can have.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from tallycast.aws.records import Kind
from tallycast.identity.model import Role
from tallycast.identity.plans import FREE
from tallycast.kernel import keys
from tallycast.kernel.errors import NotFoundError
from tallycast.kernel.schema import Produced

PLATFORM: Final = "platform"
MOST_TENANTS: Final = 50  # that one person may be in
BY_HASH: Final = "hash"  # claims on the hashes of secrets, and on the ids of machine clients
BY_CLIENT_ID: Final = "client_id"
SponsorId = Annotated[str, Field(pattern=r"^spo_[0-9a-z]{1,40}$")]


class TenantNotFoundError(NotFoundError):
    """There is no such tenant."""


class PersonNotFoundError(NotFoundError):
    """The tenant has no such person."""


class InvitationNotFoundError(NotFoundError):
    """The tenant has no such invitation."""


class ClientNotFoundError(NotFoundError):
    """The tenant has no such machine client."""


class ApiKeyNotFoundError(NotFoundError):
    """The tenant has no such API key."""


class Tenant(Produced):
    """An organisation.

    Attributes:
        name: as people read it.
        plan: whose limits apply to everybody in it.
        owners: ids of the people who own it; never empty. Whatever changes an owner writes this
            document too, so that two changes at once cannot leave a tenant without one.
    """

    name: str
    plan: str = FREE.name
    owners: tuple[str, ...]


class _InARole(Produced):
    role: Role
    sponsor_id: SponsorId | None = None

    @model_validator(mode="after")
    def _a_sponsor_is_bound(self) -> _InARole:
        if (self.role is Role.SPONSOR) != (self.sponsor_id is not None):
            raise ValueError("sponsor_id goes with the role sponsor, and only with it")
        return self


class Member(_InARole):
    """A person in a tenant; its id is the person's."""

    email: str


class Person(Produced):
    """Somebody with an account in the user pool, in any number of tenants.

    Attributes:
        username: in the user pool; the `sub` of its tokens.
        tenants: those that the person is in.
        active: the tenant that the next token is for.
        signed_out_at: tokens of sign-ins up to then are no longer good.
    """

    username: str
    email: str
    tenants: tuple[str, ...] = ()
    active: str | None = None
    signed_out_at: datetime | None = None


class Invitation(_InARole):
    """An offer to join a tenant, made to an e-mail address; whoever holds the secret accepts it."""

    email: str
    invited_by: str
    expires_at: datetime
    secret_hash: str
    state: Literal["open", "accepted", "revoked"] = "open"


class MachineClient(Produced):
    """An app client of the user pool that gets its tokens by `client_credentials`.

    Its secret is Cognito's; its id is the `client_id`.
    """

    name: str
    scopes: tuple[str, ...]
    created_by: str


class ApiKey(_InARole):
    """A long-lived credential.

    Attributes:
        preview: its beginning, so that people can tell keys apart.
        secret_hash: SHA-256 of the whole key, in hex.
        scopes: what it may be used for, all of them within the role's.
    """

    name: str
    scopes: tuple[str, ...]
    preview: str
    secret_hash: str
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class KeyUse(Produced):
    """The last UTC day on which an API key was used."""

    day: date


TENANT: Final = Kind("tenant", Tenant, missing=TenantNotFoundError)
MEMBER: Final = Kind(
    "member",
    Member,
    missing=PersonNotFoundError,
    found_by=lambda member: ("EMAIL", keys.digest(member.email)),
)
PERSON: Final = Kind("person", Person, missing=PersonNotFoundError)
INVITATION: Final = Kind("invitation", Invitation, missing=InvitationNotFoundError)
CLIENT: Final = Kind("client", MachineClient, missing=ClientNotFoundError)
API_KEY: Final = Kind("api_key", ApiKey, missing=ApiKeyNotFoundError)
KEY_USE: Final = Kind("key_use", KeyUse)
