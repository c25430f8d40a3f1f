"""API keys of the tenant."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.routes import Routes
from tallycast.identity.api_keys import (
    ApiKeyNameTakenError,
    ApiKeyRevokedError,
    TooManyApiKeysError,
)
from tallycast.identity.documents import ApiKeyNotFoundError, SponsorId
from tallycast.identity.granting import (
    BeyondOwnScopesError,
    SponsorNotNamedError,
    UnknownScopesError,
)
from tallycast.identity.model import Role
from tallycast.identity.use_cases.api import api_keys as use_cases

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.identity.documents import ApiKey

api_keys = Routes("api-keys", "Long-lived keys for scripts and systems")

_SPONSOR = "The only sponsor that a key of the role sponsor sees"


class NewApiKey(BaseModel):
    """What a key is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
    role: Role = Role.PARTNER
    scopes: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(min_length=1, max_length=50, description="Within the role and your own"),
    ]
    sponsor_id: Annotated[SponsorId | None, Field(description=_SPONSOR)] = None
    days: Annotated[
        int | None, Field(ge=1, le=3650, description="Until it ends by itself; null for never")
    ] = 365


class ApiKeyView(BaseModel):
    """An API key, as far as it is known after it was made."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    preview: str = Field(description="Its beginning")
    role: Role
    scopes: list[str]
    sponsor_id: str | None = Field(description=_SPONSOR)
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None = Field(description="UTC day")


class ApiKeyMade(ApiKeyView):
    """A new API key with the key itself."""

    key: str = Field(description="Shown this once")


@api_keys.get("/v1/api-keys", scope="clients:read", query=PageQuery, returns=PageOf[ApiKeyView])
def list_api_keys(call: Call, query: PageQuery) -> PageOf[ApiKeyView]:
    """List API keys, newest first; those that are revoked, too."""
    page = use_cases().page(call.tenant, query.limit, query.after())
    used = use_cases().last_used(call.tenant, [stored.id for stored in page.items])
    return page_of(page, lambda stored: ApiKeyView(**_shown(stored, used.get(stored.id))))


@api_keys.get(
    "/v1/api-keys/{key_id}",
    scope="clients:read",
    returns=ApiKeyView,
    versioned=True,
    raises=(ApiKeyNotFoundError,),
)
def show_api_key(call: Call, key_id: str) -> Reply:
    """Show one API key, without the key itself."""
    found = use_cases().get(call.tenant, key_id)
    used = use_cases().last_used(call.tenant, [key_id])
    return Reply(ApiKeyView(**_shown(found, used.get(key_id))), version=found.version)


@api_keys.post(
    "/v1/api-keys",
    scope="clients:write",
    body=NewApiKey,
    returns=ApiKeyMade,
    status=201,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(
        ApiKeyNameTakenError,
        BeyondOwnScopesError,
        SponsorNotNamedError,
        TooManyApiKeysError,
        UnknownScopesError,
    ),
)
def make_api_key(call: Call, body: NewApiKey) -> Reply:
    """Make an API key.

    The reply alone holds the key: when it is lost, revoke it and make another. Names of keys in
    use are unique, so asking twice makes one.
    """
    stored, key = use_cases().make(
        call.principal,
        body.name,
        body.role,
        body.scopes,
        sponsor_id=body.sponsor_id,
        expires_at=None if body.days is None else call.now + timedelta(days=body.days),
        deed=lambda target: call.deed(
            "api_key.make", target, role=body.role.value, scopes=" ".join(body.scopes)
        ),
        now=call.now,
    )
    shown = ApiKeyMade(**_shown(stored, None), key=key)
    return Reply(shown, version=stored.version, location=f"/v1/api-keys/{stored.id}")


@api_keys.delete(
    "/v1/api-keys/{key_id}",
    scope="clients:write",
    raises=(ApiKeyNotFoundError, ApiKeyRevokedError),
)
def revoke_api_key(call: Call, key_id: str) -> None:
    """End an API key; it stays on the list."""
    use_cases().revoke(call.principal, key_id, call.deed("api_key.revoke", key_id), call.now)


def _shown(stored: Stored[ApiKey], used: date | None) -> dict[str, object]:
    key = stored.document
    return {
        "id": stored.id,
        "name": key.name,
        "preview": key.preview,
        "role": key.role,
        "scopes": list(key.scopes),
        "sponsor_id": key.sponsor_id,
        "created_by": key.created_by,
        "created_at": stored.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_on": used,
    }
