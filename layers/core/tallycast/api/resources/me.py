"""The caller: who the platform takes it for, its tenants, its sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.routes import Routes
from tallycast.identity.documents import TenantNotFoundError
from tallycast.identity.model import Kind, Role
from tallycast.identity.use_cases.api import sessions
from tallycast.kernel.errors import DeniedError

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.identity.sessions import Belonging

me = Routes("me", "Who the platform takes you for")
my_sessions = Routes("me", "Who the platform takes you for")


class OnlyPeopleError(DeniedError):
    """Machine clients and API keys belong to one tenant and do not sign in."""


class Me(BaseModel):
    """The caller, as its credential says."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    subject: str = Field(description="Id of the person, machine client or API key")
    kind: Kind
    role: Role
    scopes: list[str]
    plan: str
    sponsor_id: str | None = Field(description="Of a sponsor's person: the only sponsor it sees")


class MyTenant(BaseModel):
    """A tenant that you are in."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    name: str
    role: Role
    sponsor_id: str | None
    active: bool = Field(description="Whether your next access token is for it")


class MyTenants(BaseModel):
    """All tenants that you are in, in the order in which you joined them."""

    model_config = ConfigDict(frozen=True)

    items: list[MyTenant]


class TenantChoice(BaseModel):
    """The tenant to go on in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Annotated[str, Field(min_length=1, max_length=63)]


@me.get("/v1/me", scope="me:read", returns=Me)
def show_me(call: Call) -> Me:
    """Show who you are here, and what your credential may be used for."""
    who = call.principal
    return Me(
        tenant=who.tenant,
        subject=who.subject,
        kind=who.kind,
        role=who.role,
        scopes=sorted(who.scopes),
        plan=who.plan,
        sponsor_id=who.sponsor_id,
    )


@my_sessions.get("/v1/me/tenants", scope="me:read", returns=MyTenants, raises=(OnlyPeopleError,))
def list_my_tenants(call: Call) -> MyTenants:
    """List the tenants that you are in."""
    return MyTenants(items=[_shown(each) for each in sessions().tenants_of(_person(call))])


@my_sessions.put(
    "/v1/me/tenant",
    scope="me:read",
    body=TenantChoice,
    returns=MyTenants,
    raises=(OnlyPeopleError, TenantNotFoundError),
)
def switch_tenant(call: Call, body: TenantChoice) -> MyTenants:
    """Go on in another of your tenants.

    Your access token stays as it is: refresh it, and the new one is for the other tenant.
    """
    person = _person(call)
    sessions().activate(person, body.tenant, call.deed("me.switch", person), call.now)
    return MyTenants(items=[_shown(each) for each in sessions().tenants_of(person)])


@my_sessions.post(
    "/v1/me/sign-out", scope="me:read", status=204, idempotent=True, raises=(OnlyPeopleError,)
)
def sign_out_everywhere(call: Call) -> None:
    """End all your sign-ins, on every device.

    Refresh tokens end at once. Access tokens that were issued already end as soon as the gateway
    has forgotten them, within half a minute.
    """
    person = _person(call)
    sessions().sign_out(call.tenant, person, call.deed("me.sign_out", person), call.now)


def _person(call: Call) -> str:
    if call.principal.kind != "person":
        raise OnlyPeopleError("this is for people: machine clients and API keys do not sign in")
    return call.principal.subject


def _shown(each: Belonging) -> MyTenant:
    return MyTenant(
        tenant=each.tenant,
        name=each.name,
        role=each.member.role,
        sponsor_id=each.member.sponsor_id,
        active=each.active,
    )
