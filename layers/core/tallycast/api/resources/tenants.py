"""The tenant that the caller is in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.routes import Routes
from tallycast.identity.documents import TenantNotFoundError
from tallycast.identity.use_cases.api import tenants as use_cases

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.identity.documents import Tenant

tenants = Routes("tenant", "Your organisation")


class TenantView(BaseModel):
    """Your organisation."""

    model_config = ConfigDict(frozen=True)

    tenant: str = Field(description="Its key, which stays")
    name: str = Field(description="As people read it")
    plan: str = Field(description="Whose limits apply to everybody in it")
    created_at: datetime
    changed_at: datetime


class TenantChange(BaseModel):
    """What can be changed of a tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"\S")] = ""


@tenants.get(
    "/v1/tenant",
    scope="tenant:read",
    returns=TenantView,
    versioned=True,
    raises=(TenantNotFoundError,),
)
def show_tenant(call: Call) -> Reply:
    """Show your organisation."""
    return _reply(use_cases().get(call.tenant))


@tenants.patch(
    "/v1/tenant",
    scope="tenant:write",
    body=TenantChange,
    returns=TenantView,
    versioned=True,
    raises=(TenantNotFoundError,),
)
def change_tenant(call: Call, body: TenantChange) -> Reply:
    """Rename your organisation."""
    found = use_cases().get(call.tenant)
    call.if_match(found)
    if not body.model_fields_set:
        return _reply(found)
    deed = call.deed("tenant.rename", call.tenant)
    return _reply(
        use_cases().rename(call.tenant, body.name, seen=call.if_match, deed=deed, now=call.now)
    )


def _reply(stored: Stored[Tenant]) -> Reply:
    shown = TenantView(
        tenant=stored.tenant,
        name=stored.document.name,
        plan=stored.document.plan,
        created_at=stored.created_at,
        changed_at=stored.changed_at,
    )
    return Reply(shown, version=stored.version)
